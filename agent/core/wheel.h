/* What is due when, of many things: a hashed timing wheel, O(1) to add, remove and
 * expire.
 *
 * Ids are small numbers (indices). A deadline is met by the first plx_wheel_expire whose
 * `now` is at or past it; what lies further ahead than one turn of the wheel simply stays
 * for the next (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987,
 * scheme 6). Things come tick by tick of 10 ms, within a tick in no order. 16 bytes an
 * id. Pure; one thread. */
#ifndef PLX_AGENT_CORE_WHEEL_H
#define PLX_AGENT_CORE_WHEEL_H

#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plx_wheel_node {
    int64_t deadline_ns;
    uint32_t next, prev; /* of the same list */
};

struct plx_wheel {
    struct plx_wheel_node *nodes;
    uint32_t n; /* ids */
    uint32_t *heads;
    int64_t tick; /* the first tick not yet swept */
};

/* For ids below `n`. Aborts when memory is out. */
void plx_wheel_init(struct plx_wheel *wheel, uint32_t n, struct plx_mono now);
void plx_wheel_fini(struct plx_wheel *wheel);
/* Makes room for ids below `n`; there is never less. */
void plx_wheel_grow(struct plx_wheel *wheel, uint32_t n);
/* The id is not in the wheel. */
void plx_wheel_add(struct plx_wheel *wheel, uint32_t id, struct plx_mono deadline);
/* The id is in the wheel. */
void plx_wheel_remove(struct plx_wheel *wheel, uint32_t id);
/* The last deadline of an id that is or was in the wheel. */
struct plx_mono plx_wheel_deadline(const struct plx_wheel *wheel, uint32_t id);
/* Removes one id whose deadline has passed; false: there is none (left). */
bool plx_wheel_expire(struct plx_wheel *wheel, struct plx_mono now, uint32_t *ret_id);
/* The id that the next plx_wheel_expire gives if nothing comes in between, so that what
 * is kept of it elsewhere can be fetched into the cache; false: not known yet. */
bool plx_wheel_coming(const struct plx_wheel *wheel, uint32_t *ret_id);

#endif
