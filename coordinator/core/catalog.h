/* The catalog: all monitors, by number, id and name.
 *
 * Monitors get dense numbers (slots); a removed one's slot is given to a later one. What
 * a new file would change is worked out here, nothing is changed by that. Plain data in,
 * plain data out; one thread. */
#ifndef PLX_CORE_CATALOG_H
#define PLX_CORE_CATALOG_H

#include "base/monitor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLX_CATALOG_NONE UINT32_MAX

struct plx_catalog;

struct plx_catalog *plx_catalog_new(void);
void plx_catalog_destroy(struct plx_catalog **catalog);

/* Copies the monitor (id > 0) in, in place of the one with the same id if there is one.
 * Returns 0, or PLX_EEXISTS: another monitor has the name. */
int plx_catalog_put(struct plx_catalog *catalog, const struct plx_monitor *monitor,
                    uint32_t *ret_slot);
/* Forgets the monitor in `slot`; nothing if there is none. */
void plx_catalog_remove(struct plx_catalog *catalog, uint32_t slot);

/* Monitors present. */
size_t plx_catalog_count(const struct plx_catalog *catalog);
/* All slots are below this. */
uint32_t plx_catalog_end(const struct plx_catalog *catalog);
/* The monitor, lent until it is put anew or removed; NULL for an empty slot. */
const struct plx_monitor *plx_catalog_at(const struct plx_catalog *catalog,
                                         uint32_t slot);
/* The slot, or PLX_CATALOG_NONE. */
uint32_t plx_catalog_by_id(const struct plx_catalog *catalog, uint64_t id);
uint32_t plx_catalog_by_name(const struct plx_catalog *catalog, const char *name);

/* All slots in order of the monitors' names, on the heap; the caller frees. */
uint32_t *plx_catalog_sorted(const struct plx_catalog *catalog, size_t *ret_n);

/* What applying a list would do. */
struct plx_catalog_plan {
    size_t *added; /* indexes into the list */
    size_t n_added;
    struct plx_catalog_change {
        size_t index;  /* into the list */
        uint32_t slot; /* of the monitor of that name */
    } * changed;
    size_t n_changed;
    uint32_t *removed; /* slots, with `prune` only */
    size_t n_removed;
    size_t n_unchanged;
};

/* Compares by name. `list` holds no name twice. With `prune` monitors that are not in the
 * list go. Finish with plx_catalog_plan_fini. */
void plx_catalog_compare(const struct plx_catalog *catalog,
                         const struct plx_monitor *list, size_t n, bool prune,
                         struct plx_catalog_plan *ret_plan);
void plx_catalog_plan_fini(struct plx_catalog_plan *plan);

#endif
