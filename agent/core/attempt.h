/* One TCP attempt: what the kernel said, turned into an outcome with evidence.
 *
 * The prober gathers plain facts (no errno leaves it other than into the table here) and
 * this module decides what they mean: what is evidence about the target, what about the
 * way to it, and what about this agent only. An ICMP error weighs more than the errno it
 * was turned into: a reject with "port unreachable" is a filter, not a refusal.
 * Sources: RFC 792, RFC 1812 5.2.7.1, RFC 4443 3.1; docs/OUTCOMES.md. Pure. */
#ifndef PLX_AGENT_CORE_ATTEMPT_H
#define PLX_AGENT_CORE_ATTEMPT_H

#include "base/monitor.h"
#include "base/result.h"

#include <stdbool.h>
#include <stdint.h>

enum plx_attempt_end {
    PLX_END_CONNECTED, /* the SYN-ACK came */
    PLX_END_ERROR,     /* the socket has an error: `error` and perhaps `icmp` */
    PLX_END_GREETED,   /* it connected, and the greeting has `outcome` and `detail` */
    PLX_END_DEADLINE,  /* nothing came within the timeout */
    PLX_END_NOT_BEGUN, /* socket(), bind() or connect() failed at once: `error`, `step` */
};

enum plx_attempt_step {
    PLX_STEP_SOCKET,
    PLX_STEP_BIND,
    PLX_STEP_CONNECT,
};

/* What ended an attempt. */
struct plx_attempt_facts {
    enum plx_attempt_end end;
    enum plx_attempt_step step; /* NOT_BEGUN only */
    enum plx_outcome outcome;   /* GREETED only */
    enum plx_detail detail;     /* GREETED only */
    int error;                  /* an errno value; 0: none */
    bool has_icmp;              /* the fields below come from the error queue */
    uint8_t icmp_type, icmp_code;
    struct plx_addr icmp_from;
    struct plx_addr source; /* probed from, as far as known */
    bool via_gateway;       /* the target is not on a link of this host */
    bool link_lost;         /* meanwhile, on the way to the target: this host's own */
    int64_t elapsed_ns;     /* since connect() */
    int64_t timeout_ns;
    int64_t stall_ns; /* longest time in this attempt that the loop stood still and
                         that the end was seen in; 0: none worth naming */
    bool watched;     /* the end was looked at as soon as it came */
    bool held_back;   /* half-open: the third ACK is not to be seen by anybody */
    bool has_tcp_info;
    uint32_t rtt_us;         /* tcpi_rtt */
    uint32_t retrans;        /* tcpi_total_retrans */
    uint32_t segs_out;       /* tcpi_segs_out: 1 + retrans while no ACK went out */
    int64_t since_answer_ns; /* CONNECTED: how long ago the server last said something
                                (ms steps) */
};

/* The server may have seen a full connection when it was closed so long after the
 * SYN-ACK: the kernel sends the third ACK 200 ms after it (measured; 150 leaves room). */
#define PLX_ATTEMPT_LATE_CLOSE_NS (150 * PLX_MS_NS)
/* A loop that stood still so long makes some ends worthless as evidence. */
#define PLX_ATTEMPT_STALL_NS      (150 * PLX_MS_NS)

/* Fills outcome, unreach, detail, rtt_us, syn_retrans, icmp_*, duration_ns and
 * closed_late of `result`; leaves the other fields as they are. */
void plx_attempt_conclude(const struct plx_attempt_facts *facts,
                          struct plx_result *result);

/* Why a name could not be resolved, from the resolver's class of failure: always
 * DNS_FAILURE with that detail. */
void plx_attempt_dns_failed(enum plx_detail detail, struct plx_result *result);

/* The retry rule, one byte of state per monitor (0 at first): a first bad result is
 * tried again at once, once in a run of bad ones; a good one ends the run. A host that is
 * half up counts as bad here. Returns true if a retry is to be made now. Local results
 * change nothing. */
bool plx_attempt_wants_retry(uint8_t *state, enum plx_expect expect,
                             const struct plx_result *result);

#endif
