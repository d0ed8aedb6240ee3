/* Carries out what the judge says: records verdicts that changed, orders the probes it
 * wants, logs faults as they open and close. Loop thread. */
#ifndef PLX_COORDINATOR_VERDICTS_H
#define PLX_COORDINATOR_VERDICTS_H

#include "coordinator/io/desk.h"
#include "coordinator/io/intake.h"

/* Lets the judge think once and acts on it. */
void plx_verdicts_tick(struct plx_desk *desk, struct plx_intake *intake,
                       struct plx_wall now);

#endif
