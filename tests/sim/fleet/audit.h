/* What must hold of the fleet as a whole: who probes what while things break, and that
 * all is well some time after they are mended. The promises about results are the
 * ledger's, those about verdicts target.h's, those about single notices letters.h's. */
#ifndef PLX_SIM_AUDIT_H
#define PLX_SIM_AUDIT_H

#include "coordinator/io/desk.h"

void plx_audit_begin(void);

/* After the coordinator's rounds: wherever an agent that is present could probe, one
 * does; no seat is held by an agent that is long dead while one that lives could have it;
 * and of what is announced somebody is told, if the rules name anybody. */
void plx_audit_rounds(const struct plx_desk *desk);

/* Half an hour after the last fault: everybody is there and holds what they should, every
 * result has arrived, what is well is said to be up, no incident is left open, and every
 * notice has come. */
void plx_audit_end(void);

#endif
