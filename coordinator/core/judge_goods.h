/* What was seen as expected in a place, read from its cells once a solve: a network of
 * hundreds of monitors is weighed dozens of times while a story is told. */
#ifndef PLX_CORE_JUDGE_GOODS_H
#define PLX_CORE_JUDGE_GOODS_H

#include "coordinator/core/judge_evidence.h"
#include "coordinator/core/judge_fleet.h"

#include <stdint.h>

/* Results as expected that a cell saw: they speak against a fault that had begun. */
struct plx_good {
    uint32_t first, last, period;
    uint16_t agent;
    uint8_t n;
};

/* Places that are kept at a time. */
#define PLX_GOODS_PLACES 4u

struct plx_goods_place {
    uint32_t unit;
    uint32_t *ends; /* by member read so far: where its results end */
    uint32_t n_ends, cap_ends;
    struct plx_good *good;
    uint32_t n_good, cap_good;
};

/* All zero is ready, once plx_goods_begin was called. */
struct plx_goods {
    struct plx_goods_place places[PLX_GOODS_PLACES];
    uint32_t next; /* the place that is given up first */
};

void plx_goods_fini(struct plx_goods *goods);

/* Before each solve: forgets all. Cells must stay as they are until the next. */
void plx_goods_begin(struct plx_goods *goods);

/* What the cell saw as expected up to the end of that run, if it ended after `since`. */
bool plx_goods_of_cell(const struct plx_cell *cell, uint32_t period, uint32_t since,
                       struct plx_good *ret);

/* When the cell saw something as expected last, as plx_goods_of_cell has it; 0: never. */
static inline uint32_t plx_goods_last(const struct plx_cells *cells, uint32_t i)
{
    const struct plx_packed *p = &cells->at[i];
    struct plx_cell c = {0};
    if (!(p->flags & PLX_CELL_SEEN))
        return 0;
    if (!(p->flags & PLX_CELL_FAILING))
        return p->outcome == PLX_OUTCOME_TIMEOUT ? 0 : p->last;
    plx_cells_unpack(p, plx_cells_more(cells, p), &c);
    return c.n_other == 0 ? 0 : c.other;
}

/* Everything of the unit's member number `i` (as plx_goods_of_cell since 0), by cell.
 * Lent until another member or unit is asked for. */
const struct plx_good *plx_goods_of(struct plx_goods *goods,
                                    const struct plx_fleet *fleet,
                                    const struct plx_evidence *ev, uint32_t unit,
                                    uint32_t i, uint32_t *ret_n);

#endif
