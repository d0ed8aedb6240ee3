/* Path traces: SYNs with small TTLs, as an ordinary user.
 *
 * Each flow of a trace has one socket, bound to a port of its own, armed anew for every
 * TTL; the kernel's error queue says who let the SYN die (docs/OUTCOMES.md). Half-open
 * like a probe: the target sees a SYN, answers, and gets a RST. agent/core/walk decides
 * what to ask next. One thread, with the loop's probes: the number of flows under way is
 * bounded, further traces wait in a queue. */
#ifndef PLX_AGENT_IO_TRACER_H
#define PLX_AGENT_IO_TRACER_H

#include "agent/core/walk.h"
#include "base/why.h"

#include <stdint.h>

#define PLX_TRACER_FLOWS_MAX 512  /* under way */
#define PLX_TRACER_QUEUE_MAX 1024 /* traces that wait or are under way */

struct plx_trace_order {
    uint64_t cookie; /* the caller's, given back with the trace */
    struct plx_addr target;
    struct plx_addr source; /* family 0: the kernel's choice */
    uint16_t port;
    uint8_t n_flows; /* 1 … PLX_TRACE_FLOWS_MAX */
    struct plx_walk_limits limits;
};

/* `trace` is lent for the call. May order further traces. */
typedef void plx_tracer_done_fn(void *arg, uint64_t cookie,
                                const struct plx_trace *trace);

struct plx_tracer;

/* `seed` chooses source ports. 0 or PLX_EIO. */
int plx_tracer_new(uint64_t seed, plx_tracer_done_fn *done, void *arg,
                   struct plx_tracer **ret, struct plx_why *why);
/* Traces under way end without a word. */
void plx_tracer_destroy(struct plx_tracer **tracer);

/* Begins a trace, now or when there is room. PLX_EAGAIN: too many wait; PLX_EINVAL. */
int plx_tracer_start(struct plx_tracer *tracer, const struct plx_trace_order *order);

/* Readable when there is something for plx_tracer_ready. */
int plx_tracer_fd(const struct plx_tracer *tracer);
void plx_tracer_ready(struct plx_tracer *tracer);
/* Every 10 ms or so: what was not answered in time. */
void plx_tracer_tick(struct plx_tracer *tracer);

#endif
