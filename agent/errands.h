/* One probe's way from an order to a result: resolve, policy, pacing, attempt.
 *
 * Holds every probe that is somewhere on that way, in a pool of fixed size. A probe that
 * cannot start within its grace is skipped, with the reason. Loop thread. */
#ifndef PLX_AGENT_ERRANDS_H
#define PLX_AGENT_ERRANDS_H

#include "agent/core/policy.h"
#include "agent/io/socket_set.h"
#include "agent/turnstile.h"
#include "base/result.h"
#include "base/time.h"
#include "base/why.h"
#include "proto/wire.h"
#include "sys/loop.h"

#include <stdint.h>

struct plx_errand_order {
    const struct plx_task *task; /* lent for the call */
    /* The host's address where it is known; family 0: task->host is to be resolved. */
    struct plx_addr addr;
    enum plx_probe_kind kind;
    uint64_t tag; /* the caller's, given back with the result */
    struct plx_mono scheduled;
    int64_t grace_ns; /* how late it may start */
    unsigned owed;    /* plx_pacer_ask's */
    /* Its end is to be seen when it comes, not on the next tick: for what is out of turn,
     * and where no open port is expected (a refusal has no time but the clock's). */
    bool watched;
};

/* A result is there; of a run over all addresses, each address's before the run's own
 * (agent/core/round.h), without a word in between. May order further probes. */
typedef void plx_errand_done_fn(void *arg, const struct plx_result *result, uint64_t tag);

struct plx_errands;

struct plx_errands_setup {
    struct plx_turnstile *turnstile; /* borrowed; shared by all of the process */
    const struct plx_policy *policy; /* borrowed */
    const char *resolver;            /* name servers; NULL: the system's */
    enum plx_engine engine;          /* not AUTO */
    uint32_t in_flight;              /* probes at a time, of this one */
    uint32_t n_probers;              /* of so many in this process */
};

int plx_errands_new(struct plx_loop *loop, const struct plx_errands_setup *setup,
                    plx_errand_done_fn *done, void *arg, struct plx_errands **ret,
                    struct plx_why *why);
/* Probes under way end without a word. */
void plx_errands_destroy(struct plx_errands **errands);

/* Orders a probe; its result may come before this returns. */
void plx_errands_order(struct plx_errands *errands, const struct plx_errand_order *order);
/* A result for a probe that is not made, as of now. */
void plx_errands_skip(struct plx_errands *errands, const struct plx_errand_order *order,
                      enum plx_detail why);

/* Orders after which plx_errands_turn is due. The kernel's part of 64 probes stays in the
 * CPU's cache from connect to end, that of 1,024 does not: 24 us a probe became 18. */
#define PLX_ERRANDS_BATCH 64
/* Takes in the ends there are; to be called between batches of orders. */
void plx_errands_turn(struct plx_errands *errands);
/* To be called every 10 ms and every 100 ms or so. */
void plx_errands_tick(struct plx_errands *errands, struct plx_mono now);
void plx_errands_slow_tick(struct plx_errands *errands, struct plx_mono now);

/* Probes anywhere on their way. */
uint32_t plx_errands_under_way(const struct plx_errands *errands);
/* Longest time the loop stood still since the last call, in ns. */
int64_t plx_errands_take_stall(struct plx_errands *errands);

#endif
