/* One trace's way from the coordinator's order to its answer: resolve, policy, pacing,
 * the walk. What cannot be traced is answered too, with the trouble. Loop thread. */
#ifndef PLX_AGENT_TRACES_H
#define PLX_AGENT_TRACES_H

#include "agent/core/policy.h"
#include "agent/turnstile.h"
#include "base/trace.h"
#include "base/why.h"
#include "proto/wire.h"
#include "sys/loop.h"

struct plx_traces;

/* An answer; the trace is lent for the call. */
typedef void plx_traces_done_fn(void *arg, uint64_t request_id,
                                const struct plx_trace *trace);

struct plx_traces_setup {
    const struct plx_policy *policy; /* borrowed */
    struct plx_turnstile *turnstile; /* borrowed: the probes', so that both together
                                        keep a target's rate */
    const char *resolver;            /* name servers; NULL: the system's */
    uint64_t seed;                   /* of source ports */
};

int plx_traces_new(struct plx_loop *loop, const struct plx_traces_setup *setup,
                   plx_traces_done_fn *done, void *arg, struct plx_traces **ret,
                   struct plx_why *why);
/* Traces under way end without a word. */
void plx_traces_destroy(struct plx_traces **traces);

/* Begins one, now or when its turn comes; the answer may come before this returns. */
void plx_traces_order(struct plx_traces *traces, const struct plx_msg_trace_now *order);
/* To be called every 10 ms and every 100 ms or so. */
void plx_traces_tick(struct plx_traces *traces, struct plx_mono now);
void plx_traces_slow_tick(struct plx_traces *traces, struct plx_mono now);

/* Traces anywhere on their way. */
uint32_t plx_traces_under_way(const struct plx_traces *traces);

#endif
