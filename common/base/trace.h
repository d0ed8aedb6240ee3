/* A path trace: which routers answered on the way to a target, and where the way ends.
 * Plain data, no pointers but where it says so. */
#ifndef PLX_BASE_TRACE_H
#define PLX_BASE_TRACE_H

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

#include <stddef.h>
#include <stdint.h>

#define PLX_TRACE_HOPS_MAX  30
#define PLX_TRACE_FLOWS_MAX 16

/* What came back for a SYN with that TTL. Values are on the wire and in the database.
 * name, value, token, sentence */
#define PLX_HOP_TABLE(X)                                                                 \
    X(SILENT, 0, "silent", "nothing came back")                                          \
    X(TRANSIT, 1, "transit", "a router on the way answered")                             \
    X(REJECT, 2, "reject", "somebody rejected it by ICMP")                               \
    X(OPEN, 3, "open", "the target accepted")                                            \
    X(REFUSED, 4, "refused", "the target refused")

enum plx_hop_kind {
#define X(name, value, token, sentence) PLX_HOP_##name = (value),
    PLX_HOP_TABLE(X)
#undef X
};
/* "silent", …; never NULL. */
const char *plx_hop_token(enum plx_hop_kind kind);

struct plx_hop {
    enum plx_hop_kind kind;
    uint8_t icmp_type, icmp_code; /* TRANSIT, REJECT */
    struct plx_addr from;         /* who answered; family 0: nobody */
    uint32_t rtt_us; /* by the agent's clock, or the kernel's if it connected */
};

/* One flow: all its SYNs have the same addresses and ports, so that routers that spread
 * flows over several ways send them all the same way. hops[i] is TTL i + 1. */
struct plx_trace_flow {
    uint16_t source_port;
    uint8_t n_hops;     /* asked; the last is the end if one answered */
    struct plx_hop end; /* what an ordinary SYN of this flow met */
    struct plx_hop hops[PLX_TRACE_HOPS_MAX];
};

struct plx_trace {
    struct plx_addr target;
    struct plx_addr source; /* family 0: not known */
    uint16_t port;
    struct plx_wall at; /* when it began, agent's clock */
    uint32_t duration_us;
    enum plx_detail trouble; /* NONE, or why the agent could not trace */
    size_t n_flows;
    struct plx_trace_flow flows[PLX_TRACE_FLOWS_MAX];
};

/* The trace's keys into an open object: target, port, source, at, duration_ms, trouble
 * (null for none), flows [{source_port, end {hop}, hops [{hop}]}], where a hop is ttl,
 * kind, from, rtt_ms and icmp {type, code} or null. */
void plx_trace_write(const struct plx_trace *trace, struct plx_json *j);

#endif
