/* One probe's result with its evidence: plain data, no pointers. */
#ifndef PLX_BASE_RESULT_H
#define PLX_BASE_RESULT_H

#include "base/outcome.h"
#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

/* An IP address. */
struct plx_addr {
    uint8_t family; /* 4, 6, or 0 for none */
    uint8_t bytes[16];
};

#define PLX_ADDR_TEXT_MAX 48
/* "192.0.2.1", "2001:db8::1", "" for none. Returns `buf`. */
const char *plx_addr_format(const struct plx_addr *addr, char buf[PLX_ADDR_TEXT_MAX]);
/* Returns 0 or PLX_EINVAL. */
int plx_addr_parse(const char *text, struct plx_addr *ret);
bool plx_addr_equal(const struct plx_addr *a, const struct plx_addr *b);

/* Why a probe was made. Values are on the wire and in the database. */
enum plx_probe_kind {
    PLX_PROBE_SCHEDULED = 0,
    PLX_PROBE_RETRY = 1,   /* the agent's own, at once after a first bad result */
    PLX_PROBE_CONFIRM = 2, /* ordered by the judge */
    PLX_PROBE_CHECK = 3,   /* ordered by a person; not stored */
    /* One address of a run over all that a name leads to: evidence that belongs to the
     * result of the same monitor and `scheduled` that follows it in the stream, and no
     * view of its own: not to be judged or counted. */
    PLX_PROBE_ADDRESS = 4,
};

/* What lies behind an outcome, finer than the outcome itself: the socket error, the
 * resolver's answer, or what ailed the agent. Values are on the wire and in the database.
 * name, value, token, sentence */
#define PLX_DETAIL_TABLE(X)                                                              \
    X(NONE, 0, "", "")                                                                   \
    X(CONNREFUSED, 1, "connection_refused", "the connection was refused")                \
    X(TIMEDOUT, 2, "timed_out", "no answer within the timeout")                          \
    X(HOSTUNREACH, 3, "host_unreachable", "no route to the host")                        \
    X(NETUNREACH, 4, "network_unreachable", "the network is unreachable")                \
    X(CONNRESET, 5, "connection_reset", "the connection was reset")                      \
    X(ACCES, 6, "administratively_prohibited", "a filter prohibits it")                  \
    X(PROTO, 7, "protocol_error", "an ICMP protocol error")                              \
    X(OTHER, 8, "other", "another socket error")                                         \
    X(DNS_NXDOMAIN, 20, "nxdomain", "the name does not exist")                           \
    X(DNS_SERVFAIL, 21, "servfail", "the name server failed")                            \
    X(DNS_TIMEOUT, 22, "dns_timeout", "the name server did not answer")                  \
    X(DNS_NODATA, 23, "nodata", "the name has no address of the wanted family")          \
    X(DNS_REFUSED, 24, "dns_refused", "the name server refused the query")               \
    X(DNS_OTHER, 25, "dns_other", "the name server's answer was unusable")               \
    X(LOCAL_LATE, 40, "late", "the agent was too busy to probe in time")                 \
    X(LOCAL_DESCRIPTORS, 41, "descriptors", "the agent ran out of descriptors")          \
    X(LOCAL_PORTS, 42, "ports", "the agent ran out of local ports")                      \
    X(LOCAL_NO_ROUTE, 43, "no_route", "the agent has no route for this address")         \
    X(LOCAL_STALLED, 44, "stalled", "the agent stalled while the probe was in flight")   \
    X(LOCAL_POLICY, 45, "policy", "the agent's policy denies this target")               \
    X(LOCAL_RATE, 46, "rate", "the agent's rate limit held the probe back")              \
    X(LOCAL_SOURCE, 47, "source", "the wanted source address is not on the agent")       \
    X(LOCAL_MEMORY, 48, "memory", "the agent is out of memory")                          \
    X(LOCAL_FILTERED, 49, "local_filter", "a filter on the agent itself refused it")     \
    X(LOCAL_OTHER, 50, "local_other", "a local error")                                   \
    X(GREETING_SILENT, 60, "silent", "it took the connection and said nothing")          \
    X(GREETING_INCOMPLETE, 61, "incomplete", "its answer was not complete in time")      \
    X(GREETING_CLOSED, 62, "closed_early",                                               \
      "it closed the connection before it answered")                                     \
    X(GREETING_UNEXPECTED, 63, "unexpected", "it answered something else")               \
    X(GREETING_TOO_LONG, 64, "too_long", "the limit of bytes held no wanted answer")     \
    X(LOCAL_PATTERN, 65, "pattern", "the pattern takes too much work to match")          \
    X(HALF_UP, 66, "half_up", "some of its addresses fail")                              \
    X(ADDRESS_LIMIT, 67, "address_limit",                                                \
      "it has more addresses than are probed in a run")                                  \
    X(LOCAL_LINK, 68, "link", "the agent's own link or route was lost meanwhile")

enum plx_detail {
#define X(name, value, token, sentence) PLX_DETAIL_##name = (value),
    PLX_DETAIL_TABLE(X)
#undef X
};
/* "" for NONE and unknown values. Never NULL. */
const char *plx_detail_token(enum plx_detail d);
const char *plx_detail_sentence(enum plx_detail d);

#define PLX_RESULT_EXCERPT_MAX 97

struct plx_result {
    uint64_t monitor_id;
    uint64_t seq;              /* in its stream; 0 before the spool numbered it */
    struct plx_wall scheduled; /* when it was due, agent's clock */
    struct plx_wall started;   /* first SYN handed to the kernel, agent's clock */
    int64_t duration_ns;       /* start to outcome, monotonic */
    enum plx_outcome outcome;
    enum plx_probe_kind kind;
    enum plx_unreach unreach; /* UNREACHABLE only */
    enum plx_detail detail;
    uint32_t rtt_us;      /* the kernel's (tcpi_rtt), only when no SYN was resent; the
                             clock's for a REFUSED that was watched for; 0: not known */
    uint32_t syn_retrans; /* SYNs resent */
    uint32_t lag_us;      /* how much later than due it started */
    uint8_t icmp_type, icmp_code;
    struct plx_addr icmp_from; /* who sent the ICMP error; family 0: nobody */
    struct plx_addr address;   /* probed */
    struct plx_addr source;    /* probed from */
    bool closed_late;          /* the third ACK of a half-open probe went out, or the
                                  socket was closed >150 ms after the SYN-ACK: the server
                                  may have seen a full connection */
    bool clock_doubtful;       /* said by the coordinator: when it took this result, the
                                  agent's clock was off or had just jumped, or its own had;
                                  times of it do not compare with others' */
    /* What the server said last, escaped (base/greeting); "" for nothing or no greeting.
     */
    char excerpt[PLX_RESULT_EXCERPT_MAX];
};

/* Of the SYNs resent, those that went out early enough to be answered. Linux resends
 * after 1, 2, 3, 4 s (since 6.5) or 1, 3, 7 s, and a little later: one that left just
 * before a probe timed out says nothing of loss. */
uint32_t plx_result_resent_in_time(const struct plx_result *result);

/* A scheduled probe that was not made for the sake of its target: it says nothing, and of
 * the agent no more than that it has much to do there. */
bool plx_result_is_held_back(const struct plx_result *result);

#endif
