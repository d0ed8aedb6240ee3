/* KEY=VALUE options. */
#ifndef PLX_CLI_PAIRS_H
#define PLX_CLI_PAIRS_H

#include "cli/cli.h"

#include "base/json.h"

/* Splits at the first '='. Gives the key (the caller frees), lends the value. PLX_EINVAL
 * with a sentence if there is no key, no '=' or more than one line. */
int plx_pair_split(const char *text, const char *option, char **ret_key,
                   const char **ret_value, struct plx_why *why);

/* Writes all values of `option` as an object under `key`; nothing if there are none. */
int plx_pairs_write(const struct plx_args *args, const char *option, struct plx_json *j,
                    const char *key, struct plx_why *why);

#endif
