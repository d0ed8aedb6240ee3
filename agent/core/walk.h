/* The walk of one flow along its path: which TTL to ask next, and when to stop.
 *
 * First an ordinary SYN goes out: whether the target answers says how far it is worth
 * walking. Then TTL 1, 2, 3 … until the target or a rejection is met, or, where the
 * target is silent too, until several hops in a row were. Hops that were silent are asked
 * once more at the end: routers limit how often they answer.
 *
 * One SYN of a flow is out at a time: the kernel has no two sockets with the same
 * addresses and ports (EADDRNOTAVAIL), and an answer to an earlier SYN of one socket is
 * outside of its window. Flows walk side by side. Pure. */
#ifndef PLX_AGENT_CORE_WALK_H
#define PLX_AGENT_CORE_WALK_H

#include "base/trace.h"

#include <stdbool.h>

struct plx_walk_limits {
    uint8_t max_hops; /* 1 … PLX_TRACE_HOPS_MAX */
    uint8_t gap;      /* silent hops in a row after which nothing more is expected */
    int64_t
        first_wait_ns;   /* for the ordinary SYN; below the kernel's first resend, 1 s */
    int64_t hop_wait_ns; /* most for a hop; less once round trips are known */
    int64_t total_ns;    /* for the whole walk */
};

/* 30 hops, a gap of 4, 700 ms, 300 ms, 2 s. */
void plx_walk_limits_default(struct plx_walk_limits *ret);

struct plx_walk {
    struct plx_walk_limits limits;
    struct plx_mono deadline;
    enum { PLX_WALK_END, PLX_WALK_HOPS, PLX_WALK_AGAIN, PLX_WALK_OVER } stage;
    uint8_t ttl;      /* asked now; 0: an ordinary SYN */
    uint8_t n_silent; /* in a row */
    int64_t worst_rtt_ns;
    struct plx_trace_flow flow; /* what is known so far; source_port is the caller's */
};

/* What to do: send a SYN with `ttl` (0: the system's own) and wait so long for an answer;
 * or nothing more, `flow` is complete. */
struct plx_walk_step {
    bool over;
    uint8_t ttl;
    int64_t wait_ns;
};

struct plx_walk_step plx_walk_begin(struct plx_walk *walk,
                                    const struct plx_walk_limits *limits,
                                    struct plx_mono now);
/* What the SYN of the last step met; SILENT after its wait. */
struct plx_walk_step plx_walk_heard(struct plx_walk *walk, const struct plx_hop *hop,
                                    const struct plx_addr *target, struct plx_mono now);

#endif
