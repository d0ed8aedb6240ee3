/* The coordinator's rounds: what is done at the start and twice a second, in its order.
 *
 * Leases and steps first, then the judge over what has come in. Loop thread. */
#ifndef PLX_COORDINATOR_ROUNDS_H
#define PLX_COORDINATOR_ROUNDS_H

#include "coordinator/io/desk.h"
#include "coordinator/io/intake.h"

#include <stdbool.h>

/* Before the first round: takes in what the store has. Until the agents had time to come
 * back, what is unsure is no news. Blocks. */
int plx_rounds_begin(struct plx_desk *desk, struct plx_why *why);

/* One round. False: the store has failed, and nothing more is written before a restart.
 */
bool plx_rounds_make(struct plx_desk *desk, struct plx_intake *intake);

#endif
