/* What is looked at a little later, fetched from memory meanwhile: a million cells are in
 * no cache. In stages, each where the one before says. */
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

#endif
