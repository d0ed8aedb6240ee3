/* Who is in a fault: the agents that see it and the monitors it takes down. */
#ifndef PLX_CORE_JUDGE_MEMBERS_H
#define PLX_CORE_JUDGE_MEMBERS_H

#include "coordinator/core/judge_fault.h"

/* Follows the story's pick of the fault's scope, if it has one. Those of an announced
 * fault that nothing new is known about stay in it; monitors that leave are noted as
 * dropped. Sets `last_fail` and the COVERED flags of the cells it explains. */
void plx_members_update(const struct plx_surroundings *x, struct plx_fault *fault);

#endif
