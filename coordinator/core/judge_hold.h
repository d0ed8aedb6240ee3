/* Whose failures are left to a standing fault of ours.
 *
 * An agent that fails on hundreds of cells while a fault of it (of its region, its
 * provider) stands is not asked cell by cell again at each solve: its failing cells move
 * from `failing` to `held`, which no solver walks, and its own rings say when it is well.
 * When the fault is over, cells that fail no more since stay there until their next
 * result; the others move back. */
#ifndef PLX_CORE_JUDGE_HOLD_H
#define PLX_CORE_JUDGE_HOLD_H

#include "coordinator/core/judge_cover.h"
#include "coordinator/core/judge_evidence.h"
#include "coordinator/core/judge_fleet.h"

/* Before each solve, with what stands. Sets the agents' `held`. Walks cells only when an
 * agent is taken or let go; returns true when one was let go. */
bool plx_hold_update(struct plx_fleet *fleet, struct plx_evidence *ev,
                     const struct plx_standing *standing, uint32_t n_standing);

/* The latest end of a standing fault that failures of this cell belong to which began at
 * `first`; 0: none. */
uint32_t plx_hold_past(const struct plx_fleet *fleet, uint32_t agent, uint32_t first,
                       uint32_t monitor, const struct plx_standing *standing,
                       uint32_t n_standing);

/* What is left of a cell's failures after such an end, its latest at `last` > `end`:
 * returns how many, of `n_apart` a scheduled probe apart, and sets when the first of them
 * was, at the earliest that so many scheduled probes leave. What failed once since then
 * began with that one failure, however long ago the fault ended: a service that fails
 * again is asked about at once. */
uint8_t plx_hold_left(uint32_t end, uint32_t last, uint32_t period, uint8_t n_apart,
                      uint32_t *ret_first);

#endif
