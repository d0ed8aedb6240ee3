/* The judge's numbers by name, for people who want to try others. */
#ifndef PLX_CLI_POLICY_H
#define PLX_CLI_POLICY_H

#include "base/why.h"
#include "coordinator/core/judge.h"

/* Sets one from "KEY=VALUE": a number, or a duration where the key is one. 0, or
 * PLX_EINVAL with a sentence. */
int plx_policy_set(struct plx_judge_policy *policy, const char *text,
                   struct plx_why *why);

#endif
