/* What an apply changed or would change, as a diff for people. */
#ifndef PLX_CLI_CHANGES_H
#define PLX_CLI_CHANGES_H

#include "cli/cli.h"

#include <jansson.h>

/* Prints the answer of "apply" in the format that was asked for. */
void plx_changes_print(const struct plx_cli *cli, const json_t *answer, bool dry_run);
/* Has the coordinator apply a text of monitors (`file`: what errors begin with) and
 * prints what changed. Returns an exit code. */
int plx_changes_apply(struct plx_cli *cli, const char *file, const char *text);
/* True if anything was, or would be, changed. */
bool plx_changes_any(const json_t *answer);

#endif
