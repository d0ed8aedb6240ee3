#include "coordinator/core/judge_ahead.h"

#define TO_A_LINE 4u /* packed cells */

void plx_ahead_fetch(const struct plx_fleet *fleet, const struct plx_cells *cells,
                     uint32_t monitor, enum plx_ahead_stage stage)
{
    if (monitor >= fleet->n_monitors)
        return;
    const struct plx_fleet_monitor *m = &fleet->monitors[monitor];
    if (stage == PLX_AHEAD_MONITOR) {
        __builtin_prefetch(m);
        return;
    }
    for (uint32_t i = m->cell0; i < m->cell0 + m->n_cells; i++) {
        const struct plx_packed *p = &cells->at[i];
        if (stage == PLX_AHEAD_CELLS && (i == m->cell0 || i % TO_A_LINE == 0))
            __builtin_prefetch(p);
        else if (stage == PLX_AHEAD_MORE && (p->how & PLX_PACKED_MORE))
            __builtin_prefetch(plx_cells_more(cells, p));
    }
}

void plx_ahead_fetch_set(const struct plx_fleet *fleet, const struct plx_cells *cells,
                         const uint64_t *set, uint32_t word, enum plx_ahead_stage stage)
{
    if (word * 64 >= cells->n)
        return;
    for (uint64_t bits = set[word]; bits != 0; bits &= bits - 1) {
        uint32_t i = word * 64 + (uint32_t)__builtin_ctzll(bits);
        const struct plx_packed *p = &cells->at[i];
        if (stage == PLX_AHEAD_CELLS)
            __builtin_prefetch(p);
        else if (stage == PLX_AHEAD_MONITOR)
            __builtin_prefetch(&fleet->monitors[plx_cells_owner(cells, i)]);
        else if (p->how & PLX_PACKED_MORE)
            __builtin_prefetch(plx_cells_more(cells, p));
    }
}
