/* The gate: decides which CURVE keys get in (ZAP, RFC 27), from memory, on its own
 * thread.
 *
 * It must stand before any server socket binds: libzmq then asks it about every
 * connection, and where nobody answers nobody gets in (channels enforce that). Three
 * domains: `agents` and `admin` admit listed keys, `enrol` admits any key at a bounded
 * rate, because the token decides there. The admitted key travels with every message as
 * its User-Id. Taking a key off the list does not cut a session: intake asks
 * plx_gate_admits for every message. */
#ifndef PLX_COORDINATOR_GATE_H
#define PLX_COORDINATOR_GATE_H

#include "base/why.h"
#include "sys/channel.h"

#include <stdbool.h>
#include <stdint.h>

#define PLX_GATE_AGENTS "agents"
#define PLX_GATE_ADMIN  "admin"
#define PLX_GATE_ENROL  "enrol"

enum plx_gate_domain {
    PLX_GATE_DOMAIN_AGENTS = 1 << 0,
    PLX_GATE_DOMAIN_ADMIN = 1 << 1,
    PLX_GATE_DOMAIN_ENROL = 1 << 2,
};

struct plx_gate_limits {
    double enrol_per_s; /* new connections to `enrol`, over all addresses */
    double enrol_burst;
    double enrol_per_s_each; /* of one address */
    double enrol_burst_each;
};
/* 20/s in bursts of 50 over all, 1/s in bursts of 10 of each address. */
void plx_gate_limits_default(struct plx_gate_limits *ret);

struct plx_gate;

/* Binds and starts the thread. `limits` is copied; NULL takes the defaults. Returns 0, or
 * PLX_EIO. One gate per net; destroyed after the channels and before the net. */
int plx_gate_new(struct plx_net *net, const struct plx_gate_limits *limits,
                 struct plx_gate **ret, struct plx_why *why);
void plx_gate_destroy(struct plx_gate **gate);

/* Any thread. */
void plx_gate_allow(struct plx_gate *gate, enum plx_gate_domain domain, const char *key);
void plx_gate_deny(struct plx_gate *gate, enum plx_gate_domain domain, const char *key);
bool plx_gate_admits(struct plx_gate *gate, enum plx_gate_domain domain, const char *key);

/* Knocks at a private server socket of each listed domain with a key that nobody knows.
 * Returns 0 if it is kept out; PLX_EDENIED if it is let in or nobody answers: then
 * nothing may be served. */
int plx_gate_self_test(struct plx_net *net, struct plx_why *why);

/* From now on keys that are refused are logged, each once and few a second: to be said
 * when the self-test is over, which knocks with such. Any thread. */
void plx_gate_log_refusals(struct plx_gate *gate);

struct plx_gate_counts {
    uint64_t admitted;
    uint64_t refused; /* unknown or revoked keys, wrong mechanisms, unknown domains */
    uint64_t limited; /* by the rate of enrolment */
};
void plx_gate_counts(struct plx_gate *gate, struct plx_gate_counts *ret);

#endif
