/* Before a fault is said: who could contradict it is asked. */
#ifndef PLX_CORE_JUDGE_SURE_H
#define PLX_CORE_JUDGE_SURE_H

#include "coordinator/core/judge_ask.h"
#include "coordinator/core/judge_faults.h"

/* Asks about the faults on the target's side that are not told yet; notes in the fleet's
 * monitors and in the faults when it did. */
void plx_sure_ask(struct plx_ask *ask, const struct plx_faults *faults);

#endif
