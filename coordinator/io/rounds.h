/* The coordinator's rounds: what is done at the start and twice a second, in its order.
 *
 * Leases and steps first, then the judge over what has come in. While something is being
 * looked into, the judge thinks sooner than that. Loop thread. */
#ifndef PLX_COORDINATOR_ROUNDS_H
#define PLX_COORDINATOR_ROUNDS_H

#include "coordinator/io/desk.h"
#include "coordinator/io/intake.h"

#include <stdbool.h>
#include <stdint.h>

/* How often plx_rounds_hasten is to be called. */
#define PLX_ROUNDS_HASTE_NS (50 * PLX_MS_NS)

/* Zeroed at the start. */
struct plx_rounds {
    struct plx_mono judged;  /* when the judge last thought, … */
    int64_t cost_ns;         /* … and how long that took */
    struct plx_mono awaited; /* until then, answers to extra probes are awaited */
};

/* Before the first round: takes in what the store has. Until the agents had time to come
 * back, what is unsure is no news. Blocks. */
int plx_rounds_begin(struct plx_desk *desk, struct plx_why *why);

/* One round. False: the store has failed, and nothing more is written before a restart.
 */
bool plx_rounds_make(struct plx_rounds *rounds, struct plx_desk *desk,
                     struct plx_intake *intake);

/* Between the rounds: lets the judge think if there is news, or an answer is awaited. At
 * most one fiftieth of the time is spent so: where a turn of the judge takes 10 ms, there
 * is none between the rounds. */
void plx_rounds_hasten(struct plx_rounds *rounds, struct plx_desk *desk,
                       struct plx_intake *intake);

#endif
