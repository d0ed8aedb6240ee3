#include "host.h"

#include "agent/core/attempt.h"
#include "agent/core/jobs.h"
#include "agent/core/plan.h"
#include "agent/errands.h"
#include "base/err.h"
#include "sys/clock.h"
#include "sys/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICK_NS      (10 * PLX_MS_NS)
#define SLOW_TICK_NS (100 * PLX_MS_NS)
#define TICK_PROBES  1024
#define RING         8192
#define AGENT_SEED   0x706c78

struct plx_bench_host {
    struct plx_bench_setup setup;
    struct plx_loop *loop;
    struct plx_jobs *jobs;
    struct plx_plan plan;
    struct plx_policy policy;
    struct plx_errands *errands;
    struct plx_turnstile *turnstile;
    struct plx_result *ring;
    uint64_t n_results;
    bool counting, stalled;
    int64_t began_ns, until_ns, cpu_began_ns, wall_began_ns, calls_began;
    int64_t ahead_ns; /* the plan's clock, where it runs ahead */
    uint64_t n_probes, ended, ended_before;
    struct plx_bench_memory memory;
    struct plx_bench_cost cost;
    struct plx_bench_seen seen[2];
};

static void need(int err, const char *what)
{
    if (err == 0)
        return;
    fprintf(stderr, "bench: %s: error %d\n", what, err);
    exit(3);
}

/* Monitors are numbered from 1 on. */
static int group_of(const struct plx_bench_host *h, const struct plx_result *result)
{
    return result->monitor_id <= h->setup.groups[0].n_monitors ? 0 : 1;
}

static void on_assigned(void *arg, uint32_t slot, bool gone)
{
    struct plx_bench_host *h = arg;
    const struct plx_job *job = plx_jobs_at(h->jobs, slot);
    if (gone)
        return;
    plx_plan_set(&h->plan, slot, job->monitor_id, job->turn, job->interval_ns,
                 plx_clock_mono());
}

/* Monitor `i` over both groups. */
static struct plx_task task_of(const struct plx_bench_setup *setup, uint32_t i,
                               char host[PLX_ADDR_TEXT_MAX])
{
    bool second = i >= setup->groups[0].n_monitors;
    const struct plx_bench_group *g = &setup->groups[second];
    uint32_t k = second ? i - setup->groups[0].n_monitors : i;
    struct plx_addr addr = plx_bench_addr(&g->net, k);
    plx_addr_format(&addr, host);
    return (struct plx_task){.monitor_id = i + 1,
                             .host = host,
                             .port = plx_bench_port(&g->net, k),
                             .interval_ns = g->interval_ns,
                             .timeout_ns = g->timeout_ns,
                             .handshake = setup->half_open ? PLX_HANDSHAKE_HALF_OPEN
                                                           : PLX_HANDSHAKE_FULL,
                             .source = ""};
}

static void assign(struct plx_bench_host *h)
{
    enum { PART = PLX_WIRE_TASKS_MAX };
    static struct plx_task tasks[PART];
    static char hosts[PART][PLX_ADDR_TEXT_MAX];
    uint32_t n = h->setup.groups[0].n_monitors + h->setup.groups[1].n_monitors;
    uint32_t parts = (n + PART - 1) / PART;
    for (uint32_t part = 0; part < parts; part++) {
        uint32_t first = part * PART;
        uint32_t k = n - first < PART ? n - first : PART;
        for (uint32_t i = 0; i < k; i++)
            tasks[i] = task_of(&h->setup, first + i, hosts[i]);
        struct plx_msg_snapshot msg = {
            .generation = 1, .part = part, .parts = parts, .tasks = tasks, .n_tasks = k};
        need(plx_jobs_snapshot(h->jobs, &msg), "assignment");
    }
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

static void count_end(struct plx_bench_host *h, int group, const struct plx_result *r)
{
    struct plx_bench_seen *seen = &h->seen[group];
    int64_t known = h->setup.known_rtt_us;
    seen->ended++;
    seen->outcomes[r->outcome]++;
    seen->closed_late += r->closed_late;
    seen->stalled += r->detail == PLX_DETAIL_LOCAL_STALLED;
    seen->late += r->detail == PLX_DETAIL_LOCAL_LATE;
    seen->held += r->detail == PLX_DETAIL_LOCAL_RATE;
    plx_bench_hist_add(&seen->lag_us, r->lag_us);
    if (r->outcome != PLX_OUTCOME_OPEN || r->rtt_us == 0)
        return;
    plx_bench_hist_add(&seen->rtt_error_us, distance(r->rtt_us, known));
    plx_bench_hist_add(&seen->time_error_us, distance(r->duration_ns / 1000, known));
}

static void count_start(struct plx_bench_host *h, const struct plx_result *r)
{
    struct plx_bench_seen *seen = &h->seen[group_of(h, r)];
    int64_t at = (r->started.ns - h->plan.axis_ns - h->began_ns) / TICK_NS;
    if (at >= 0 && at < (int64_t)(sizeof seen->starts / sizeof seen->starts[0]))
        seen->starts[at]++;
}

/* A retry is asked for as the agent asks, and not made: the bench's failures are its
 * own. */
static void on_result(void *arg, const struct plx_result *result, uint64_t tag)
{
    struct plx_bench_host *h = arg;
    struct plx_job *job = plx_jobs_at(h->jobs, (uint32_t)tag);
    if (job && job->monitor_id == result->monitor_id)
        plx_attempt_wants_retry(&job->retry_state, (enum plx_expect)job->expect, result);
    h->ring[h->n_results++ % RING] = *result;
    h->ended++;
    count_start(h, result);
    if (h->counting)
        count_end(h, group_of(h, result), result);
    if (h->n_probes && h->ended >= h->n_probes)
        plx_loop_stop(h->loop);
}

static void order(struct plx_bench_host *h, const struct plx_due *due)
{
    const struct plx_job *job = plx_jobs_at(h->jobs, due->slot);
    struct plx_task task = plx_job_task(job, NULL);
    const struct plx_errand_order errand = {
        .task = &task,
        .addr = plx_job_addr(job),
        .tag = due->slot,
        .scheduled = due->scheduled,
        .grace_ns = plx_plan_grace_ns(job->interval_ns),
        .watched = job->retry_state != 0,
    };
    if (due->late)
        plx_errands_skip(h->errands, &errand, PLX_DETAIL_LOCAL_LATE);
    else
        plx_errands_order(h->errands, &errand);
}

/* The next probe of the plan. As fast as it goes, the plan's clock runs ahead, a tick at
 * a time, to whatever is next. */
static bool next_due(struct plx_bench_host *h, struct plx_mono now, struct plx_due *due)
{
    if (h->setup.window == 0)
        return plx_plan_next(&h->plan, now, due);
    if (plx_errands_under_way(h->errands) >= (uint64_t)h->setup.window)
        return false;
    while (!plx_plan_next(&h->plan, (struct plx_mono){h->ahead_ns}, due))
        h->ahead_ns += TICK_NS;
    return true;
}

/* `all_out`: no end is looked at before the last SYN is out. */
static void order_due(struct plx_bench_host *h, struct plx_mono now, bool all_out)
{
    struct plx_due due;
    int n = 0;
    while (n < TICK_PROBES && next_due(h, now, &due)) {
        order(h, &due);
        if (++n % PLX_ERRANDS_BATCH == 0 && !all_out)
            plx_errands_turn(h->errands);
    }
}

static void begin_counting(struct plx_bench_host *h)
{
    h->counting = true;
    h->cpu_began_ns = plx_bench_cpu_ns();
    h->wall_began_ns = plx_clock_mono().ns;
    h->ended_before = h->ended;
    h->calls_began = h->setup.count_calls ? plx_bench_syscalls() : -1;
}

static void stall(struct plx_bench_host *h)
{
    struct timespec ts = {.tv_sec = h->setup.stall_ns / PLX_SEC_NS,
                          .tv_nsec = h->setup.stall_ns % PLX_SEC_NS};
    h->stalled = true;
    nanosleep(&ts, NULL);
}

static void on_tick(void *arg, struct plx_mono now)
{
    struct plx_bench_host *h = arg;
    int64_t elapsed = now.ns - h->began_ns;
    if (!h->counting && elapsed >= h->setup.warm_ns)
        begin_counting(h);
    bool stalls = h->setup.stall_ns && !h->stalled && elapsed >= h->setup.stall_at_ns;
    order_due(h, now, stalls);
    if (stalls)
        stall(h); /* with fresh SYNs out, as to far targets: the worst moment there is */
    plx_errands_tick(h->errands, now);
    if (now.ns >= h->until_ns)
        plx_loop_stop(h->loop);
}

static void on_slow_tick(void *arg, struct plx_mono now)
{
    struct plx_bench_host *h = arg;
    plx_errands_slow_tick(h->errands, now);
}

static void on_signal(void *arg, int signo)
{
    struct plx_bench_host *h = arg;
    (void)signo;
    plx_loop_stop(h->loop);
}

static void open_engine(struct plx_bench_host *h)
{
    struct plx_why why = {0};
    struct plx_pacer_limits limits = plx_pacer_default_limits();
    limits.in_flight = h->setup.prober_max;
    struct plx_turnstile *shared = h->setup.turnstile;
    if (!shared)
        shared = h->turnstile = plx_turnstile_new(&limits);
    const struct plx_errands_setup setup = {.turnstile = shared,
                                            .policy = &h->policy,
                                            .engine = h->setup.engine,
                                            .in_flight = limits.in_flight,
                                            .n_probers = 1};
    need(plx_errands_new(h->loop, &setup, on_result, h, &h->errands, &why), why.text);
    need(plx_loop_add_timer(h->loop, TICK_NS, on_tick, h), "timer");
    need(plx_loop_add_timer(h->loop, SLOW_TICK_NS, on_slow_tick, h), "timer");
}

struct plx_bench_host *plx_bench_host_new(const struct plx_bench_setup *setup)
{
    struct plx_why why = {0};
    struct plx_bench_host *h = calloc(1, sizeof *h);
    uint32_t n = setup->groups[0].n_monitors + setup->groups[1].n_monitors;
    if (!h)
        abort();
    h->setup = *setup;
    need(plx_loop_new(setup->turnstile ? NULL : on_signal, h, &h->loop, &why), "loop");
    h->memory.bare = plx_bench_rss_bytes();
    h->jobs = plx_jobs_new(n, on_assigned, h);
    plx_plan_init(&h->plan, AGENT_SEED, plx_clock_mono(), plx_clock_wall());
    assign(h);
    h->memory.assigned = plx_bench_rss_bytes();
    h->ring = calloc(RING, sizeof *h->ring);
    if (!h->ring)
        abort();
    open_engine(h);
    h->memory.engine = plx_bench_rss_bytes();
    return h;
}

void plx_bench_host_destroy(struct plx_bench_host **host)
{
    struct plx_bench_host *h = *host;
    if (!h)
        return;
    plx_errands_destroy(&h->errands);
    plx_turnstile_destroy(&h->turnstile);
    plx_loop_destroy(&h->loop);
    plx_plan_fini(&h->plan);
    plx_jobs_destroy(&h->jobs);
    plx_policy_fini(&h->policy);
    free(h->ring);
    free(h);
    *host = NULL;
}

void plx_bench_host_run(struct plx_bench_host *h, int64_t run_ns, uint64_t n_probes)
{
    h->began_ns = h->ahead_ns = plx_clock_mono().ns;
    h->until_ns = h->began_ns + run_ns;
    h->n_probes = n_probes;
    if (h->setup.warm_ns == 0)
        begin_counting(h);
    plx_loop_run(h->loop);
    int64_t calls = h->calls_began < 0 ? -1 : plx_bench_syscalls() - h->calls_began;
    h->cost = (struct plx_bench_cost){plx_bench_cpu_ns() - h->cpu_began_ns,
                                      plx_clock_mono().ns - h->wall_began_ns, calls,
                                      h->ended - h->ended_before};
}

const struct plx_bench_seen *plx_bench_host_seen(const struct plx_bench_host *host,
                                                 int group)
{
    return &host->seen[group];
}

struct plx_bench_memory plx_bench_host_memory(const struct plx_bench_host *host)
{
    return host->memory;
}

uint32_t plx_bench_host_in_flight(const struct plx_bench_host *host)
{
    return plx_errands_under_way(host->errands);
}

struct plx_bench_cost plx_bench_host_cost(const struct plx_bench_host *host)
{
    return host->cost;
}

void plx_bench_host_spread(const struct plx_bench_host *host, uint32_t *counts, size_t n)
{
    int64_t interval = host->setup.groups[0].interval_ns;
    memset(counts, 0, n * sizeof *counts);
    for (uint32_t slot = 0; slot < host->setup.groups[0].n_monitors; slot++) {
        int64_t at = plx_plan_place(&host->plan, slot).ns % interval;
        counts[(size_t)((double)at / (double)interval * (double)n)]++;
    }
}
