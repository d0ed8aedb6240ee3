/* Operators' own rules (`quorum:`): where one is met, the monitor is down whatever the
 * story says, and a fault of class service is opened for it; where one is not met, a
 * server-side story about it pages nobody. */
#ifndef PLX_CORE_JUDGE_RULE_H
#define PLX_CORE_JUDGE_RULE_H

#include "coordinator/core/judge_fault.h"
#include "coordinator/core/judge_faults.h"

/* Holds the monitor's rule against its views, after the story was followed and before
 * faults are reported. Uses neither the cover nor what it lends. */
void plx_rule_apply(struct plx_faults *faults, const struct plx_surroundings *x,
                    uint32_t monitor);

#endif
