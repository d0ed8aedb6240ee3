/* The judge's constants by name, so that a run can turn one of them. */
#ifndef PLX_SIM_KNOBS_H
#define PLX_SIM_KNOBS_H

#include "coordinator/core/judge.h"

/* Multiplies the constant `name` of the policy by `factor` (for "p_fail" the share of
 * probes that a fault lets through). Returns 0, or -1 if there is none of that name. */
int sim_knob_turn(struct plx_judge_policy *policy, const char *name, double factor);

/* The names, in order; NULL behind the last. */
const char *sim_knob_name(int i);

#endif
