/* What is looked at a little later, fetched from memory meanwhile: a million cells are in
 * no cache. In stages, each where the one before says. In a room of its own, because a
 * compiler that sees a caller's own function do nothing but fetch takes it for one that
 * does nothing. */
#ifndef PLX_CORE_JUDGE_AHEAD_H
#define PLX_CORE_JUDGE_AHEAD_H

#include "coordinator/core/judge_cells.h"
#include "coordinator/core/judge_fleet.h"

enum plx_ahead_stage {
    PLX_AHEAD_MONITOR,
    PLX_AHEAD_CELLS, /* of the monitor */
    PLX_AHEAD_MORE,  /* what those of its cells that are in trouble have more */
};

/* Fetches; a monitor that there is not is none. */
void plx_ahead_fetch(const struct plx_fleet *fleet, const struct plx_cells *cells,
                     uint32_t monitor, enum plx_ahead_stage stage);

/* Of a set of cells (one bit each) number `word` of 64: the cells themselves, their
 * monitors, or what they have more. None, beyond the end. */
void plx_ahead_fetch_set(const struct plx_fleet *fleet, const struct plx_cells *cells,
                         const uint64_t *set, uint32_t word, enum plx_ahead_stage stage);

#endif
