/* How a monitor's state is written: shared by status and explain. */
#ifndef PLX_COORDINATOR_API_VIEW_H
#define PLX_COORDINATOR_API_VIEW_H

#include "coordinator/io/api_call.h"
#include "coordinator/io/fault_heads.h"
#include "coordinator/io/tally.h"

/* The keys of one monitor's state (name … locations) into the open object. `view` is as
 * lent by plx_judge_explain. Returns the verdict's word. */
const char *plx_api_write_view(struct plx_desk *desk, uint32_t slot,
                               const struct plx_judge_view *view,
                               const struct plx_fault_heads *heads, bool with_locations,
                               struct plx_wall now, struct plx_json *j);

/* The key "spares": agents that do not watch the monitor, and whose views count now. */
void plx_api_write_spares(struct plx_desk *desk, const struct plx_judge_view *view,
                          struct plx_wall now, struct plx_json *j);

/* The key "sentence" for a verdict's word. */
void plx_api_write_sentence(struct plx_desk *desk, const char *word,
                            const struct plx_judge_view *view, struct plx_json *j);

/* The keys "summary" (of verdicts), "agents" (how many live, of how many) and "trouble"
 * (a sentence while we cannot store results, else null). */
void plx_api_write_tally(const struct plx_tally *tally, struct plx_json *j);
void plx_api_write_agents(const struct plx_desk *desk, struct plx_json *j);
void plx_api_write_trouble(const struct plx_desk *desk, struct plx_json *j);

/* The array of open faults in full: all of them, or those whose ids are in `only`. */
void plx_api_write_faults(struct plx_desk *desk, const uint64_t *only, size_t n_only,
                          bool all, struct plx_json *j);

/* The key "history": a monitor's verdicts since `since_ns` (Unix time), newest first, at
 * most `limit`. */
int plx_api_write_history(struct plx_desk *desk, uint32_t slot, int64_t since_ns,
                          size_t limit, struct plx_json *j);

#endif
