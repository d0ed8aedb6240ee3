/* Manners: how many probes may start, in all and towards one address.
 *
 * The agent as a whole has a rate and a limit of probes in flight; each target address
 * has a token bucket over all monitors that lead to it. Buckets are kept as one
 * "theoretical arrival time" each (the generic cell rate algorithm, ATM Forum TM 4.0
 * section 4.4.2) in a table of fixed size: a bucket that is full again is forgotten, and
 * when too many are in use the one nearest to full makes room. Pure; one thread. */
#ifndef PLX_AGENT_CORE_PACER_H
#define PLX_AGENT_CORE_PACER_H

#include "base/result.h"
#include "base/time.h"

#include <stddef.h>
#include <stdint.h>

struct plx_pacer_limits {
    uint32_t in_flight;    /* probes at a time, >= 1 */
    double rate;           /* probes per second in all; 0: no limit */
    double target_rate;    /* probes per second per address; 0: no limit */
    uint32_t target_burst; /* probes per address at once, >= 1 */
    size_t n_buckets;      /* addresses remembered, rounded up to a power of two */
};

/* What plx_pacer_default_limits gives. */
#define PLX_PACER_IN_FLIGHT    4096
#define PLX_PACER_TARGET_RATE  1.0
#define PLX_PACER_TARGET_BURST 20
#define PLX_PACER_BUCKETS      65536
/* What counts of `owed` below; also for what is out of turn, which comes seldom. */
#define PLX_PACER_OWED_MAX     7

enum plx_pacer_answer {
    PLX_PACER_GO, /* counted as in flight: plx_pacer_done ends it */
    PLX_PACER_IN_FLIGHT_FULL,
    PLX_PACER_RATE,   /* the agent's own rate; try again at ret_at */
    PLX_PACER_TARGET, /* the address's rate; try again at ret_at */
};

struct plx_pacer;

struct plx_pacer_limits plx_pacer_default_limits(void);
/* Copies the limits; aborts when memory is out. */
struct plx_pacer *plx_pacer_new(const struct plx_pacer_limits *limits);
void plx_pacer_destroy(struct plx_pacer **pacer);

/* May a probe of `addr` start now? `ret_at` is set for RATE and TARGET only. `owed`: how
 * many probes in a row the one who asks went without. Once somebody did, the last of an
 * address's burst is kept for them, the more of it the more often: who always came just
 * after another's probe would else never have one. Rate and burst stay what they are. */
enum plx_pacer_answer plx_pacer_ask(struct plx_pacer *pacer, const struct plx_addr *addr,
                                    unsigned owed, struct plx_mono now,
                                    struct plx_mono *ret_at);
/* A probe that was let go has ended. */
void plx_pacer_done(struct plx_pacer *pacer);
uint32_t plx_pacer_in_flight(const struct plx_pacer *pacer);

#endif
