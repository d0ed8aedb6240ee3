/* The agent without its spool and its link: the loop, the assignment, the plan and the
 * errands (resolver, policy, pacer, prober), wired as agent/agent.c wires them, and the
 * results kept in a ring. One thread. */
#ifndef PLX_TESTS_BENCH_HOST_H
#define PLX_TESTS_BENCH_HOST_H

#include "agent/io/socket_set.h"
#include "agent/turnstile.h"
#include "base/result.h"
#include "measure.h"

#include <stdbool.h>
#include <stdint.h>

/* A set of monitors that are alike. */
struct plx_bench_group {
    struct plx_bench_net net;
    uint32_t n_monitors;
    int64_t interval_ns, timeout_ns;
};

struct plx_bench_setup {
    struct plx_bench_group groups[2]; /* [1]: the black hole, if any */
    uint32_t prober_max;              /* probes in flight */
    enum plx_engine engine;
    struct plx_turnstile *turnstile; /* shared, borrowed; NULL: one of its own */
    /* > 0: as fast as it goes, with so many under way: the plan's clock is then virtual
     * and runs ahead to whatever is next. */
    int64_t window;
    int64_t known_rtt_us;          /* of the peer; 0: not known */
    int64_t warm_ns;               /* nothing is counted before */
    int64_t stall_at_ns, stall_ns; /* since the start; stall_ns 0: none */
    bool half_open;
    bool count_calls; /* slows the run a little */
};

/* What was seen of one group. */
struct plx_bench_seen {
    uint64_t ended;
    uint64_t outcomes[PLX_OUTCOME_COUNT_];
    uint64_t closed_late;         /* marked: the server may have seen a full connection */
    uint64_t stalled;             /* marked: ended as the agent's own fault */
    uint64_t late, held;          /* not made: the agent was late; the pacer held it */
    struct plx_bench_hist lag_us; /* start behind its place in the plan */
    struct plx_bench_hist rtt_error_us;  /* |kernel's round trip - known| */
    struct plx_bench_hist time_error_us; /* |loop's own time - known| */
    uint32_t starts[6000];               /* per 10 ms of the run */
};

struct plx_bench_host;

/* Takes the assignment in and opens the engine; ends the program where it cannot. */
struct plx_bench_host *plx_bench_host_new(const struct plx_bench_setup *setup);
void plx_bench_host_destroy(struct plx_bench_host **host);
/* Runs for `run_ns`, or until `n_probes` (> 0) have ended. */
void plx_bench_host_run(struct plx_bench_host *host, int64_t run_ns, uint64_t n_probes);

const struct plx_bench_seen *plx_bench_host_seen(const struct plx_bench_host *host,
                                                 int group);
/* Resident memory before anything, with the assignment and its plan, with the engine. */
struct plx_bench_memory {
    int64_t bare, assigned, engine;
};
struct plx_bench_memory plx_bench_host_memory(const struct plx_bench_host *host);
uint32_t plx_bench_host_in_flight(const struct plx_bench_host *host);
/* CPU and wall time, system calls, and probes ended, since the end of the warm-up. */
struct plx_bench_cost {
    int64_t cpu_ns, wall_ns;
    int64_t calls; /* system calls, if asked for and possible; else -1 */
    uint64_t ended;
};
struct plx_bench_cost plx_bench_host_cost(const struct plx_bench_host *host);
/* The plan's next places, counted in `n` equal parts of the interval of group 0. */
void plx_bench_host_spread(const struct plx_bench_host *host, uint32_t *counts, size_t n);

#endif
