/* A lane: the plan of some monitors and the probes of them, on one loop.
 *
 * An agent has one lane on its own loop, or several, each on a loop and thread of its own
 * (agent/crew.h). Takes everything in on its loop's thread, and gives results there. */
#ifndef PLX_AGENT_LANE_H
#define PLX_AGENT_LANE_H

#include "agent/core/jobs.h"
#include "agent/errands.h"
#include "agent/tallies.h"
#include "base/time.h"
#include "sys/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct plx_lane_setup {
    struct plx_errands_setup probing;
    uint64_t agent_seed; /* of the phases: this agent's, stable over restarts */
    struct plx_mono now; /* to tie the plan to the wall clock */
    struct plx_wall wall;
};

/* A result is there: of a check, if `request_id` is not 0. */
typedef void plx_lane_result_fn(void *arg, const struct plx_result *result,
                                uint64_t request_id);

struct plx_lane;

/* Borrows loop, jobs (whose changes plx_lane_job is to be told of) and tallies. */
int plx_lane_new(struct plx_loop *loop, struct plx_jobs *jobs,
                 const struct plx_lane_setup *setup, struct plx_tallies *tallies,
                 plx_lane_result_fn *on_result, void *arg, struct plx_lane **ret,
                 struct plx_why *why);
/* Probes under way end without a word. */
void plx_lane_destroy(struct plx_lane **lane);

/* The job in `slot` was filled or changed, or is about to go. */
void plx_lane_job(struct plx_lane *lane, uint32_t slot, bool gone);
/* A check is answered by its request's id; what a confirmation sees counts for the job.
 */
void plx_lane_probe_now(struct plx_lane *lane, const struct plx_msg_probe_now *msg);
/* Nothing is begun any more. */
void plx_lane_leave(struct plx_lane *lane);

/* Probes under way, as of a moment ago. Any thread. */
uint32_t plx_lane_under_way(const struct plx_lane *lane);

#endif
