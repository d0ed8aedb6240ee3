/* What explain would have said at a moment of the past. */
#ifndef PLX_CLI_EXPLAIN_PAST_H
#define PLX_CLI_EXPLAIN_PAST_H

#include "cli/cli.h"

#include <jansson.h>

/* Judges the stored results up to `at` anew and writes what comes of it into `answer`,
 * the answer of "explain" of now, in place of what it says of now. Complains itself;
 * returns an exit code. */
int plx_explain_past(struct plx_cli *cli, const char *at, json_t *answer);

#endif
