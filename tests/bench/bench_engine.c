/* The engine under one load, with everything that can be counted about it.
 *
 * `window` > 0 runs it as fast as it goes; else the monitors have their intervals. The
 * second group (`hole` monitors) is meant for addresses that swallow every SYN. `uring`:
 * with io_uring instead of epoll. */
#include "host.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static int64_t monitors = 1024, interval_ms = 60000, timeout_ms = 10000;
static int64_t hole, hole_interval_ms = 5000, hole_timeout_ms = 5000;
static int64_t hole_base = 0x0a630001, hole_ports = 1, max = 4096, window, known_us;
static int64_t run_ms = 1000, warm_ms, n_probes, stall_at_ms, stall_ms, full, cpu = -1;
static int64_t count_calls, uring, threads = 1;
static struct plx_bench_net net = {.base = 0x7f010001, .port = 20000, .n_ports = 1};

static struct plx_bench_setup setup_of(void)
{
    return (struct plx_bench_setup){
        .groups = {{net, (uint32_t)monitors, interval_ms * PLX_MS_NS,
                    timeout_ms * PLX_MS_NS},
                   {{hole_base, net.port, hole_ports},
                    (uint32_t)hole,
                    hole_interval_ms * PLX_MS_NS,
                    hole_timeout_ms * PLX_MS_NS}},
        .prober_max = (uint32_t)max,
        .engine = uring ? PLX_ENGINE_IO_URING : PLX_ENGINE_EPOLL,
        .window = window,
        .known_rtt_us = known_us,
        .warm_ns = warm_ms * PLX_MS_NS,
        .stall_at_ns = stall_at_ms * PLX_MS_NS,
        .stall_ns = stall_ms * PLX_MS_NS,
        .half_open = !full,
        .count_calls = count_calls != 0};
}

static void report_cost(const struct plx_bench_host *host)
{
    struct plx_bench_cost cost = plx_bench_host_cost(host);
    double n = (double)cost.ended;
    plx_bench_print("probes", n);
    if (cost.ended == 0)
        return;
    plx_bench_print("cpu_us_probe", (double)cost.cpu_ns / 1e3 / n);
    plx_bench_print("probes_s_core", n * 1e9 / (double)cost.cpu_ns);
    plx_bench_print("probes_s", n * 1e9 / (double)cost.wall_ns);
    if (cost.calls >= 0)
        plx_bench_print("calls_probe", (double)cost.calls / n);
}

static void print_of(const char *prefix, const char *what, double value)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s", prefix, what);
    plx_bench_print(name, value);
}

static void report_seen(const struct plx_bench_seen *seen, const char *prefix)
{
    for (int o = 1; o < PLX_OUTCOME_COUNT_; o++)
        print_of(prefix, plx_outcome_token((enum plx_outcome)o),
                 (double)seen->outcomes[o]);
    print_of(prefix, "closed_late", (double)seen->closed_late);
    print_of(prefix, "marked_stalled", (double)seen->stalled);
    print_of(prefix, "not_made_late", (double)seen->late);
    print_of(prefix, "not_made_pacer", (double)seen->held);
    print_of(prefix, "lag_p50_us", plx_bench_hist_quantile(&seen->lag_us, 0.5));
    print_of(prefix, "lag_p99_us", plx_bench_hist_quantile(&seen->lag_us, 0.99));
    print_of(prefix, "lag_max_us", plx_bench_hist_quantile(&seen->lag_us, 1));
    print_of(prefix, "rtt_error_p50_us",
             plx_bench_hist_quantile(&seen->rtt_error_us, 0.5));
    print_of(prefix, "rtt_error_p99_us",
             plx_bench_hist_quantile(&seen->rtt_error_us, 0.99));
    print_of(prefix, "clock_error_p50_us",
             plx_bench_hist_quantile(&seen->time_error_us, 0.5));
    print_of(prefix, "clock_error_p99_us",
             plx_bench_hist_quantile(&seen->time_error_us, 0.99));
}

static void report_memory(const struct plx_bench_host *host, int64_t slab_bytes)
{
    struct plx_bench_memory m = plx_bench_host_memory(host);
    double in_flight = plx_bench_host_in_flight(host);
    plx_bench_print("rss_bytes", (double)plx_bench_rss_bytes());
    plx_bench_print("run_bytes", (double)(plx_bench_rss_bytes() - m.assigned));
    plx_bench_print("monitor_bytes",
                    (double)(m.assigned - m.bare) / (double)(monitors + hole));
    plx_bench_print("engine_bytes", (double)(m.engine - m.assigned));
    plx_bench_print("in_flight", in_flight);
    if (in_flight > 0)
        plx_bench_print("kernel_bytes_flight", (double)slab_bytes / in_flight);
}

/* Largest distance of a part of the interval from an equal share, in percent. */
static double worst_share(const uint32_t *counts, size_t n, double share)
{
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        double off = (double)counts[i] / share - 1;
        worst = off > worst ? off : -off > worst ? -off : worst;
    }
    return worst * 100;
}

static void report_spread(const struct plx_bench_host *host)
{
    uint32_t parts[60];
    plx_bench_host_spread(host, parts, 60);
    plx_bench_print("plan_spread_60_percent",
                    worst_share(parts, 60, (double)monitors / 60));
    plx_bench_host_spread(host, parts, 12);
    plx_bench_print("plan_spread_12_percent",
                    worst_share(parts, 12, (double)monitors / 12));
}

/* Starts per whole second of the run against the rate the plan stands for. */
static void report_starts(const struct plx_bench_host *host)
{
    const struct plx_bench_seen *seen = plx_bench_host_seen(host, 0);
    uint32_t seconds[60] = {0};
    size_t n = (size_t)(run_ms / 1000 < 60 ? run_ms / 1000 : 60);
    for (size_t i = 0; i < n * 100; i++)
        seconds[i / 100] += seen->starts[i];
    plx_bench_print(
        "start_spread_percent",
        worst_share(seconds, n, (double)monitors * 1000 / (double)interval_ms));
}

/* ---- several threads ---- */

enum { THREADS_MAX = 64 };

static void *run_thread(void *arg)
{
    struct plx_bench_host *host = arg;
    plx_bench_host_run(host, run_ms * PLX_MS_NS, 0);
    return NULL;
}

/* A thread starts where its creator may run. */
static void start_thread(pthread_t *thread, struct plx_bench_host *host, int64_t i)
{
    plx_bench_pin(i % sysconf(_SC_NPROCESSORS_ONLN));
    if (pthread_create(thread, NULL, run_thread, host) != 0)
        plx_bench_die("cannot start a thread");
}

static void run_threads(struct plx_bench_setup setup)
{
    struct plx_bench_host *hosts[THREADS_MAX];
    pthread_t ids[THREADS_MAX];
    struct plx_pacer_limits limits = plx_pacer_default_limits();
    double probes = 0, rate = 0;
    limits.in_flight = (uint32_t)max;
    setup.turnstile = plx_turnstile_new(&limits);
    setup.groups[0].n_monitors /= (uint32_t)threads;
    for (int64_t i = 0; i < threads; i++) {
        hosts[i] = plx_bench_host_new(&setup);
        setup.groups[0].net.base += setup.groups[0].n_monitors;
    }
    int64_t spent_ns = plx_bench_cpu_ns();
    for (int64_t i = 0; i < threads; i++)
        start_thread(&ids[i], hosts[i], i);
    for (int64_t i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        struct plx_bench_cost cost = plx_bench_host_cost(hosts[i]);
        probes += (double)cost.ended;
        rate += (double)cost.ended * 1e9 / (double)cost.wall_ns;
    }
    spent_ns = plx_bench_cpu_ns() - spent_ns;
    plx_bench_print("probes", probes);
    plx_bench_print("probes_s", rate);
    plx_bench_print("cpu_us_probe", (double)spent_ns / 1e3 / probes);
    for (int64_t i = 0; i < threads; i++)
        plx_bench_host_destroy(&hosts[i]);
    plx_turnstile_destroy(&setup.turnstile);
}

int main(int argc, char **argv)
{
    const struct plx_bench_option options[] = {
        {"monitors", &monitors},
        {"interval_ms", &interval_ms},
        {"timeout_ms", &timeout_ms},
        {"hole", &hole},
        {"hole_interval_ms", &hole_interval_ms},
        {"hole_timeout_ms", &hole_timeout_ms},
        {"hole_base", &hole_base},
        {"hole_ports", &hole_ports},
        {"max", &max},
        {"window", &window},
        {"known_us", &known_us},
        {"run_ms", &run_ms},
        {"warm_ms", &warm_ms},
        {"probes", &n_probes},
        {"stall_at_ms", &stall_at_ms},
        {"stall_ms", &stall_ms},
        {"full", &full},
        {"count_calls", &count_calls},
        {"uring", &uring},
        {"threads", &threads},
        {"cpu", &cpu},
        {"base", &net.base},
        {"port", &net.port},
        {"ports", &net.n_ports},
        {NULL, NULL},
    };
    plx_bench_options(argc, argv, options);
    plx_bench_raise_nofile();
    plx_bench_pin(cpu);
    struct plx_bench_setup setup = setup_of();
    if (threads > 1 && threads <= THREADS_MAX) {
        run_threads(setup);
        return 0;
    }
    int64_t slab = plx_bench_slab_bytes();
    struct plx_bench_host *host = plx_bench_host_new(&setup);
    report_spread(host);
    plx_bench_host_run(host, run_ms * PLX_MS_NS, (uint64_t)n_probes);
    report_cost(host);
    report_memory(host, plx_bench_slab_bytes() - slab);
    report_seen(plx_bench_host_seen(host, 0), "");
    if (hole)
        report_seen(plx_bench_host_seen(host, 1), "hole_");
    if (window == 0 && run_ms >= 1000)
        report_starts(host);
    plx_bench_host_destroy(&host);
    return 0;
}
