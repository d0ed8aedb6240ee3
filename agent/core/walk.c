#include "agent/core/walk.h"

/* A hop is waited for so many times the longest round trip seen, and a little more for
 * routers that answer when they have time. */
#define RTT_TIMES  3
#define RTT_EXTRA  (60 * PLX_MS_NS)
#define AGAIN_WAIT (150 * PLX_MS_NS)

void plx_walk_limits_default(struct plx_walk_limits *ret)
{
    *ret = (struct plx_walk_limits){
        .max_hops = PLX_TRACE_HOPS_MAX,
        .gap = 4,
        .first_wait_ns = 700 * PLX_MS_NS,
        .hop_wait_ns = 300 * PLX_MS_NS,
        .total_ns = 2 * PLX_SEC_NS,
    };
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* As long as is usual on this path, but at most what is left. */
static struct plx_walk_step ask(struct plx_walk *walk, uint8_t ttl, int64_t most_ns,
                                struct plx_mono now)
{
    int64_t left_ns = plx_mono_diff(walk->deadline, now);
    int64_t wait_ns = most_ns;
    if (walk->worst_rtt_ns > 0 && ttl > 0)
        wait_ns = least(wait_ns, RTT_TIMES * walk->worst_rtt_ns + RTT_EXTRA);
    if (left_ns <= 0) {
        walk->stage = PLX_WALK_OVER;
        return (struct plx_walk_step){.over = true};
    }
    walk->ttl = ttl;
    return (struct plx_walk_step){.ttl = ttl, .wait_ns = least(wait_ns, left_ns)};
}

struct plx_walk_step plx_walk_begin(struct plx_walk *walk,
                                    const struct plx_walk_limits *limits,
                                    struct plx_mono now)
{
    *walk = (struct plx_walk){
        .limits = *limits,
        .deadline = plx_mono_add(now, limits->total_ns),
        .stage = PLX_WALK_END,
    };
    return ask(walk, 0, limits->first_wait_ns, now);
}

static struct plx_walk_step over(struct plx_walk *walk)
{
    walk->stage = PLX_WALK_OVER;
    return (struct plx_walk_step){.over = true};
}

/* The next silent hop after `ttl` that others came after. */
static struct plx_walk_step ask_again(struct plx_walk *walk, uint8_t ttl,
                                      struct plx_mono now)
{
    uint8_t last = 0;
    for (uint8_t i = 0; i < walk->flow.n_hops; i++)
        if (walk->flow.hops[i].kind != PLX_HOP_SILENT)
            last = i;
    for (uint8_t i = ttl; i < last; i++)
        if (walk->flow.hops[i].kind == PLX_HOP_SILENT)
            return ask(walk, (uint8_t)(i + 1), AGAIN_WAIT, now);
    return over(walk);
}

static struct plx_walk_step begin_again(struct plx_walk *walk, struct plx_mono now)
{
    walk->stage = PLX_WALK_AGAIN;
    return ask_again(walk, 0, now);
}

/* Whether the way ends at this hop. */
static bool is_end(const struct plx_hop *hop, const struct plx_addr *target)
{
    return hop->kind == PLX_HOP_OPEN || hop->kind == PLX_HOP_REFUSED ||
           hop->kind == PLX_HOP_REJECT ||
           (hop->kind == PLX_HOP_TRANSIT && plx_addr_equal(&hop->from, target));
}

static struct plx_walk_step heard_hop(struct plx_walk *walk, const struct plx_hop *hop,
                                      const struct plx_addr *target, struct plx_mono now)
{
    struct plx_trace_flow *flow = &walk->flow;
    bool silent_target = flow->end.kind == PLX_HOP_SILENT;
    flow->hops[walk->ttl - 1] = *hop;
    flow->n_hops = walk->ttl;
    walk->n_silent = hop->kind == PLX_HOP_SILENT ? (uint8_t)(walk->n_silent + 1) : 0;
    if (is_end(hop, target) || walk->ttl == walk->limits.max_hops ||
        (silent_target && walk->n_silent >= walk->limits.gap))
        return begin_again(walk, now);
    return ask(walk, (uint8_t)(walk->ttl + 1), walk->limits.hop_wait_ns, now);
}

struct plx_walk_step plx_walk_heard(struct plx_walk *walk, const struct plx_hop *hop,
                                    const struct plx_addr *target, struct plx_mono now)
{
    int64_t rtt_ns = (int64_t)hop->rtt_us * PLX_US_NS;
    if (hop->kind != PLX_HOP_SILENT && rtt_ns > walk->worst_rtt_ns)
        walk->worst_rtt_ns = rtt_ns;
    switch (walk->stage) {
    case PLX_WALK_END:
        walk->flow.end = *hop;
        walk->stage = PLX_WALK_HOPS;
        return ask(walk, 1, walk->limits.hop_wait_ns, now);
    case PLX_WALK_HOPS:
        return heard_hop(walk, hop, target, now);
    case PLX_WALK_AGAIN:
        if (hop->kind != PLX_HOP_SILENT)
            walk->flow.hops[walk->ttl - 1] = *hop;
        return ask_again(walk, walk->ttl, now);
    case PLX_WALK_OVER:
        break;
    }
    return over(walk);
}
