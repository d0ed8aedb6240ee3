/* The rollbook: rollups of minutes that are being filled, before they are written.
 *
 * One cell for each (minute, monitor, agent). Cells come back in an order that depends on
 * what was counted only, not on when: a writing that was interrupted can be taken up at
 * the cell it had come to. Pure. */
#ifndef PLX_CORE_ROLLBOOK_H
#define PLX_CORE_ROLLBOOK_H

#include "coordinator/core/rollup.h"

struct plx_rollbook;

struct plx_rollbook_cell {
    struct plx_wall minute; /* its beginning */
    uint64_t monitor_id;
    uint64_t agent_id;
    struct plx_rollup rollup;
};

struct plx_rollbook *plx_rollbook_new(void);
void plx_rollbook_destroy(struct plx_rollbook **book);

/* Counts a result in the minute of its `scheduled`. */
void plx_rollbook_add(struct plx_rollbook *book, uint64_t agent_id,
                      const struct plx_result *result);
size_t plx_rollbook_count(const struct plx_rollbook *book);
/* All cells by (hour, monitor, agent, minute); lent until something is added. */
const struct plx_rollbook_cell *plx_rollbook_sorted(struct plx_rollbook *book,
                                                    size_t *ret_n);
/* Forgets all cells. */
void plx_rollbook_clear(struct plx_rollbook *book);

#endif
