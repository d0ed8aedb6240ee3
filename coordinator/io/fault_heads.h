/* The open faults' names: what a verdict is said to be about. */
#ifndef PLX_COORDINATOR_FAULT_HEADS_H
#define PLX_COORDINATOR_FAULT_HEADS_H

#include "coordinator/core/court.h"

#include <stddef.h>
#include <stdint.h>

/* A copy of the open faults' heads: the judge lends its own for one call only. */
struct plx_fault_head {
    uint64_t id;
    enum plx_judge_class class;
    char *entity;
};
struct plx_fault_heads {
    struct plx_fault_head *list;
    size_t n;
};
void plx_fault_heads_init(struct plx_fault_heads *heads, struct plx_court *court);
void plx_fault_heads_fini(struct plx_fault_heads *heads);

/* What broke: the entity of the fault that the verdict speaks of; "" for none. Lent by
 * the heads. */
const char *plx_fault_scope(const struct plx_fault_heads *heads,
                            const struct plx_judge_ruling *ruling);

#define PLX_FAULT_ID_MAX 24
/* "f12". */
const char *plx_fault_id(uint64_t id, char buf[PLX_FAULT_ID_MAX]);

#endif
