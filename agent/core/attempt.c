#include "agent/core/attempt.h"

#include <errno.h>
#include <stddef.h>

struct meaning {
    enum plx_outcome outcome;
    enum plx_unreach unreach;
    enum plx_detail detail;
};

/* What an ICMP error means. code -1: any code of the type. */
struct icmp_row {
    uint8_t family, type;
    int code;
    struct meaning meaning;
};

#define ROUTED(unreach, detail)                                                          \
    {                                                                                    \
        PLX_OUTCOME_UNREACHABLE, PLX_UNREACH_##unreach, PLX_DETAIL_##detail              \
    }

static const struct icmp_row icmp_rows[] = {
    {4, 3, 0, ROUTED(NET, NETUNREACH)},      {4, 3, 6, ROUTED(NET, NETUNREACH)},
    {4, 3, 11, ROUTED(NET, NETUNREACH)},     {4, 3, 1, ROUTED(HOST, HOSTUNREACH)},
    {4, 3, 7, ROUTED(HOST, HOSTUNREACH)},    {4, 3, 12, ROUTED(HOST, HOSTUNREACH)},
    {4, 3, 9, ROUTED(PROHIBITED, ACCES)},    {4, 3, 10, ROUTED(PROHIBITED, ACCES)},
    {4, 3, 13, ROUTED(PROHIBITED, ACCES)},   {4, 3, 3, ROUTED(PORT, CONNREFUSED)},
    {4, 3, 2, ROUTED(OTHER, PROTO)},         {4, 3, -1, ROUTED(OTHER, HOSTUNREACH)},
    {4, 11, -1, ROUTED(OTHER, HOSTUNREACH)}, {4, 12, -1, ROUTED(OTHER, PROTO)},
    {6, 1, 0, ROUTED(NET, NETUNREACH)},      {6, 1, 3, ROUTED(HOST, HOSTUNREACH)},
    {6, 1, 1, ROUTED(PROHIBITED, ACCES)},    {6, 1, 5, ROUTED(PROHIBITED, ACCES)},
    {6, 1, 6, ROUTED(PROHIBITED, ACCES)},    {6, 1, 4, ROUTED(PORT, CONNREFUSED)},
    {6, 1, -1, ROUTED(OTHER, HOSTUNREACH)},  {6, 3, -1, ROUTED(OTHER, HOSTUNREACH)},
    {6, 4, -1, ROUTED(OTHER, PROTO)},
};

struct errno_row {
    int error;
    struct meaning meaning;
};

/* An error that came while the attempt was in flight, without an ICMP message. */
static const struct errno_row flight_rows[] = {
    {ECONNREFUSED, {PLX_OUTCOME_REFUSED, 0, PLX_DETAIL_CONNREFUSED}},
    {ECONNRESET, {PLX_OUTCOME_RESET, 0, PLX_DETAIL_CONNRESET}},
    {EPIPE, {PLX_OUTCOME_RESET, 0, PLX_DETAIL_CONNRESET}},
    {ETIMEDOUT, {PLX_OUTCOME_TIMEOUT, 0, PLX_DETAIL_TIMEDOUT}},
    {EHOSTUNREACH, ROUTED(HOST, HOSTUNREACH)},
    {EHOSTDOWN, ROUTED(HOST, HOSTUNREACH)},
    {ENETUNREACH, ROUTED(NET, NETUNREACH)},
    {EACCES, ROUTED(PROHIBITED, ACCES)},
    {EPROTO, ROUTED(OTHER, PROTO)},
    {ENOPROTOOPT, ROUTED(OTHER, PROTO)},
    {EPERM, {PLX_OUTCOME_LOCAL_ERROR, 0, PLX_DETAIL_LOCAL_FILTERED}},
    {ENETDOWN, {PLX_OUTCOME_LOCAL_ERROR, 0, PLX_DETAIL_LOCAL_NO_ROUTE}},
    {ENOBUFS, {PLX_OUTCOME_LOCAL_ERROR, 0, PLX_DETAIL_LOCAL_MEMORY}},
    {ENOMEM, {PLX_OUTCOME_LOCAL_ERROR, 0, PLX_DETAIL_LOCAL_MEMORY}},
};

/* An error before anything was sent: always about this agent. */
static const struct errno_row local_rows[] = {
    {EMFILE, {PLX_OUTCOME_LOCAL_ERROR, 0, PLX_DETAIL_LOCAL_DESCRIPTORS}},
    {ENFILE, {PLX_OUTCOME_LOCAL_ERROR, 0, PLX_DETAIL_LOCAL_DESCRIPTORS}},
    {EADDRNOTAVAIL, {PLX_OUTCOME_LOCAL_ERROR, 0, PLX_DETAIL_LOCAL_PORTS}},
    {EADDRINUSE, {PLX_OUTCOME_LOCAL_ERROR, 0, PLX_DETAIL_LOCAL_PORTS}},
    {EAGAIN, {PLX_OUTCOME_LOCAL_ERROR, 0, PLX_DETAIL_LOCAL_PORTS}},
    {ENETUNREACH, {PLX_OUTCOME_LOCAL_ERROR, 0, PLX_DETAIL_LOCAL_NO_ROUTE}},
    {EHOSTUNREACH, {PLX_OUTCOME_LOCAL_ERROR, 0, PLX_DETAIL_LOCAL_NO_ROUTE}},
    {ENETDOWN, {PLX_OUTCOME_LOCAL_ERROR, 0, PLX_DETAIL_LOCAL_NO_ROUTE}},
    {EAFNOSUPPORT, {PLX_OUTCOME_LOCAL_ERROR, 0, PLX_DETAIL_LOCAL_NO_ROUTE}},
    {EINVAL, {PLX_OUTCOME_LOCAL_ERROR, 0, PLX_DETAIL_LOCAL_NO_ROUTE}},
    {EACCES, {PLX_OUTCOME_LOCAL_ERROR, 0, PLX_DETAIL_LOCAL_FILTERED}},
    {EPERM, {PLX_OUTCOME_LOCAL_ERROR, 0, PLX_DETAIL_LOCAL_FILTERED}},
    {ECONNREFUSED, {PLX_OUTCOME_REFUSED, 0, PLX_DETAIL_CONNREFUSED}},
    {ENOBUFS, {PLX_OUTCOME_LOCAL_ERROR, 0, PLX_DETAIL_LOCAL_MEMORY}},
    {ENOMEM, {PLX_OUTCOME_LOCAL_ERROR, 0, PLX_DETAIL_LOCAL_MEMORY}},
};

#define N_OF(a) (sizeof(a) / sizeof *(a))

static struct meaning of_errno(const struct errno_row *rows, size_t n, int error,
                               struct meaning otherwise)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].error == error)
            return rows[i].meaning;
    return otherwise;
}

static struct meaning of_icmp(const struct plx_attempt_facts *f)
{
    for (size_t i = 0; i < N_OF(icmp_rows); i++) {
        const struct icmp_row *row = &icmp_rows[i];
        if (row->family == f->icmp_from.family && row->type == f->icmp_type &&
            (row->code < 0 || row->code == f->icmp_code))
            return row->meaning;
    }
    return (struct meaning)ROUTED(OTHER, OTHER);
}

static struct meaning of_flight_error(const struct plx_attempt_facts *f)
{
    struct meaning other = {PLX_OUTCOME_LOCAL_ERROR, PLX_UNREACH_NONE,
                            PLX_DETAIL_LOCAL_OTHER};
    if (!f->has_icmp)
        return of_errno(flight_rows, N_OF(flight_rows), f->error, other);
    struct meaning m = of_icmp(f);
    /* A prohibition or reject that this host itself sent is its own firewall's. "Host
       unreachable" from itself means that nobody answered on the first hop: the target,
       if it stands there, and else this host's own gateway. */
    bool own = f->source.family && plx_addr_equal(&f->icmp_from, &f->source);
    if (own && (m.unreach == PLX_UNREACH_PROHIBITED || m.unreach == PLX_UNREACH_PORT))
        return (struct meaning){PLX_OUTCOME_LOCAL_ERROR, PLX_UNREACH_NONE,
                                PLX_DETAIL_LOCAL_FILTERED};
    if (own && m.unreach == PLX_UNREACH_HOST && f->via_gateway)
        return (struct meaning){PLX_OUTCOME_LOCAL_ERROR, PLX_UNREACH_NONE,
                                PLX_DETAIL_LOCAL_NO_ROUTE};
    return m;
}

static struct meaning of_local_error(const struct plx_attempt_facts *f)
{
    struct meaning other = {PLX_OUTCOME_LOCAL_ERROR, PLX_UNREACH_NONE,
                            PLX_DETAIL_LOCAL_OTHER};
    if (f->step == PLX_STEP_BIND && f->error == EADDRNOTAVAIL)
        other.detail = PLX_DETAIL_LOCAL_SOURCE;
    else if (f->step != PLX_STEP_BIND || f->error != EINVAL)
        return of_errno(local_rows, N_OF(local_rows), f->error, other);
    return other;
}

/* Whether the stall may itself have made this end. A reset may be the answer to a third
 * ACK that the stall let out; a deadline passed inside a stall that took half of the
 * attempt was not watched for. An answer, a refusal or an ICMP error stays what it is. */
static bool stall_made_it(const struct plx_attempt_facts *f, enum plx_outcome outcome)
{
    if (f->stall_ns < PLX_ATTEMPT_STALL_NS)
        return false;
    if (outcome == PLX_OUTCOME_RESET)
        return true;
    return outcome == PLX_OUTCOME_TIMEOUT && f->stall_ns >= f->timeout_ns / 2;
}

/* When the SYN-ACK came: exactly, by the kernel's RTT, where no SYN was resent; else by
 * how long the server has been silent, which is too short where it said more. */
static int64_t answered_after_ns(const struct plx_attempt_facts *f)
{
    if (f->has_tcp_info && f->rtt_us > 0 && f->retrans == 0)
        return (int64_t)f->rtt_us * PLX_US_NS;
    return f->elapsed_ns - f->since_answer_ns;
}

/* Whether the server may have seen a full connection: segments are counted, so that a
 * third ACK that went out is known for certain; one that was due may have been on its way
 * between the look at the socket and its end. */
static bool was_closed_late(const struct plx_attempt_facts *f)
{
    if (!f->held_back)
        return false;
    if (f->has_tcp_info && f->segs_out > f->retrans + 1)
        return true;
    return f->end == PLX_END_CONNECTED && f->since_answer_ns > PLX_ATTEMPT_LATE_CLOSE_NS;
}

static struct meaning meaning_of(const struct plx_attempt_facts *f)
{
    struct meaning silent = {PLX_OUTCOME_TIMEOUT, PLX_UNREACH_NONE, PLX_DETAIL_TIMEDOUT};
    struct meaning m = silent;
    switch (f->end) {
    case PLX_END_CONNECTED:
        /* The answer may have come after the deadline and been seen even later. */
        if (answered_after_ns(f) <= f->timeout_ns)
            m = (struct meaning){PLX_OUTCOME_OPEN, PLX_UNREACH_NONE, PLX_DETAIL_NONE};
        break;
    case PLX_END_GREETED:
        m = (struct meaning){f->outcome, PLX_UNREACH_NONE, f->detail};
        break;
    case PLX_END_ERROR:
        m = of_flight_error(f);
        break;
    case PLX_END_NOT_BEGUN:
        m = of_local_error(f);
        break;
    case PLX_END_DEADLINE:
        break;
    }
    if (f->link_lost && !plx_outcome_is_local(m.outcome) &&
        plx_outcome_class(m.outcome) != PLX_CLASS_ANSWERED)
        return (struct meaning){PLX_OUTCOME_LOCAL_ERROR, PLX_UNREACH_NONE,
                                PLX_DETAIL_LOCAL_LINK};
    if (stall_made_it(f, m.outcome))
        m = (struct meaning){PLX_OUTCOME_LOCAL_ERROR, PLX_UNREACH_NONE,
                             PLX_DETAIL_LOCAL_STALLED};
    return m;
}

/* After a resent SYN the kernel's RTT has steps of 1 ms: published only without. A
 * refusal has none; where it was watched for, the clock's, bounded by the loop's own
 * delay, stands in. */
static uint32_t rtt_of(const struct plx_attempt_facts *f, enum plx_outcome outcome)
{
    if (f->retrans > 0)
        return 0;
    bool answered = outcome == PLX_OUTCOME_OPEN || outcome == PLX_OUTCOME_MISMATCH;
    if (answered && f->has_tcp_info)
        return f->rtt_us;
    if (outcome == PLX_OUTCOME_REFUSED && f->watched &&
        f->stall_ns < PLX_ATTEMPT_STALL_NS)
        return (uint32_t)(f->elapsed_ns / PLX_US_NS);
    return 0;
}

void plx_attempt_conclude(const struct plx_attempt_facts *facts,
                          struct plx_result *result)
{
    struct meaning m = meaning_of(facts);
    result->outcome = m.outcome;
    result->unreach = m.unreach;
    result->detail = m.detail;
    result->duration_ns = facts->elapsed_ns;
    result->rtt_us = rtt_of(facts, m.outcome);
    result->syn_retrans = facts->retrans;
    if (facts->has_icmp) {
        result->icmp_type = facts->icmp_type;
        result->icmp_code = facts->icmp_code;
        result->icmp_from = facts->icmp_from;
    }
    result->closed_late = was_closed_late(facts);
}

void plx_attempt_dns_failed(enum plx_detail detail, struct plx_result *result)
{
    result->outcome = PLX_OUTCOME_DNS_FAILURE;
    result->unreach = PLX_UNREACH_NONE;
    result->detail = detail;
}

bool plx_attempt_wants_retry(uint8_t *state, enum plx_expect expect,
                             const struct plx_result *result)
{
    if (plx_outcome_is_local(result->outcome))
        return false;
    if (!plx_expect_is_bad(expect, result->outcome) &&
        result->detail != PLX_DETAIL_HALF_UP) {
        *state = 0;
        return false;
    }
    bool first = *state == 0;
    *state = 1;
    return first && result->kind == PLX_PROBE_SCHEDULED;
}
