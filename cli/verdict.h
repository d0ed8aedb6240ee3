/* How verdicts and outcomes look, and what they mean for an exit code. */
#ifndef PLX_CLI_VERDICT_H
#define PLX_CLI_VERDICT_H

#include "cli/render.h"

struct plx_verdict_look {
    const char *token;
    const char *sign;
    enum plx_style style;
    enum plx_exit exit; /* of status: up, not up, or inconclusive */
    int rank;           /* worst first */
};

/* Never NULL: an unknown verdict looks unsure. */
const struct plx_verdict_look *plx_verdict_look(const char *token);

enum plx_style plx_outcome_style(const char *token);

#endif
