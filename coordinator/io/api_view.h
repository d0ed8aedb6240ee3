/* How a monitor's state is written: shared by status and explain. */
#ifndef PLX_COORDINATOR_API_VIEW_H
#define PLX_COORDINATOR_API_VIEW_H

#include "coordinator/io/api_call.h"

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

/* The keys of one monitor's state (name … locations) into the open object. `view` is as
 * lent by plx_judge_explain. Returns the verdict's word. */
const char *plx_api_write_view(struct plx_desk *desk, uint32_t slot,
                               const struct plx_judge_view *view,
                               const struct plx_fault_heads *heads, bool with_locations,
                               struct plx_wall now, struct plx_json *j);

/* The array of open faults in full: all of them, or those whose ids are in `only`. */
void plx_api_write_faults(struct plx_desk *desk, const uint64_t *only, size_t n_only,
                          bool all, struct plx_json *j);

/* The key "history": a monitor's verdicts since `since_ns` (Unix time), newest first, at
 * most `limit`. */
int plx_api_write_history(struct plx_desk *desk, uint32_t slot, int64_t since_ns,
                          size_t limit, struct plx_json *j);

#endif
