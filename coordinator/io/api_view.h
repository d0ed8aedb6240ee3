/* How a monitor's state is written: shared by status and explain. */
#ifndef PLX_COORDINATOR_API_VIEW_H
#define PLX_COORDINATOR_API_VIEW_H

#include "coordinator/io/api_call.h"
#include "coordinator/io/fault_heads.h"

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
