/* Protocol buffers' text format as a JSON tree: a message is an object, each of its
 * fields a list of what was given, in order. Numbers, booleans and enum words are texts
 * as they were written; strings are without quotes and escapes. */
#ifndef PLX_CLI_TEXTPROTO_H
#define PLX_CLI_TEXTPROTO_H

#include "base/why.h"

#include <jansson.h>

/* Returns 0 and gives the tree, or PLX_EINVAL with "NAME:LINE:COLUMN: …". */
int plx_textproto_parse(const char *name, const char *text, json_t **ret,
                        struct plx_why *why);

#endif
