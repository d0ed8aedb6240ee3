/* What traces do to the timing of probes on the same loop: probes of a local listener at
 * every tick, a while alone and a while with `traces` traces begun at once, in turns, so
 * that what else the machine does falls on both.
 * Prints quantiles of each while: how late probes start, and the CPU time that the loop
 * takes from tick to tick, which other programs on the machine do not add to. */
#include "measure.h"

#include "agent/errands.h"
#include "agent/traces.h"
#include "sys/clock.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define TICK_NS     (10 * PLX_MS_NS)
#define TICK_PROBES 8

/* 10.77.100.20 and up: nobody's, in the lab. */
static int64_t traces = 200, base = 0x0a4d6414, turn_ms = 2000, turns = 6;

struct world {
    struct plx_loop *loop;
    struct plx_errands *errands;
    struct plx_traces *traces;
    uint16_t port;
    struct plx_mono begun, ticked;
    uint64_t n_traced;
    int64_t slowest_us;
    bool tracing;
    int64_t cpu_ns;
    struct plx_bench_hist lag[2], busy[2];
};

static void on_signal(void *arg, int signo)
{
    struct world *w = arg;
    (void)signo;
    plx_loop_stop(w->loop);
}

static void on_result(void *arg, const struct plx_result *result, uint64_t tag)
{
    struct world *w = arg;
    (void)tag;
    plx_bench_hist_add(&w->lag[w->tracing], (int64_t)result->lag_us);
}

static void on_traced(void *arg, uint64_t id, const struct plx_trace *trace)
{
    struct world *w = arg;
    (void)id;
    w->n_traced += !trace->trouble;
    if (trace->duration_us > w->slowest_us)
        w->slowest_us = trace->duration_us;
}

static void order_traces(struct world *w)
{
    const struct plx_bench_net net = {base, 80, 1};
    char host[PLX_ADDR_TEXT_MAX];
    for (int64_t i = 0; i < traces; i++) {
        struct plx_addr addr = plx_bench_addr(&net, (uint64_t)i);
        const struct plx_msg_trace_now now = {.request_id = (uint64_t)i,
                                              .host = plx_addr_format(&addr, host),
                                              .port = 80,
                                              .source = "",
                                              .flows = 1,
                                              .max_hops = 30};
        plx_traces_order(w->traces, &now);
    }
}

/* A tick is due one period after the one before: its probes are as late as it is. */
static void on_tick(void *arg, struct plx_mono now)
{
    struct world *w = arg;
    const struct plx_task task = {
        .host = "127.0.0.1", .port = w->port, .timeout_ns = PLX_SEC_NS, .source = ""};
    struct plx_mono due = plx_mono_add(w->ticked, TICK_NS);
    w->ticked = now;
    int64_t cpu_ns = plx_bench_cpu_ns();
    plx_bench_hist_add(&w->busy[w->tracing], (cpu_ns - w->cpu_ns) / 1000);
    w->cpu_ns = cpu_ns;
    plx_errands_tick(w->errands, now);
    for (int i = 0; i < TICK_PROBES; i++) {
        const struct plx_errand_order order = {.task = &task,
                                               .kind = PLX_PROBE_SCHEDULED,
                                               .scheduled = due,
                                               .grace_ns = PLX_SEC_NS,
                                               .watched = true};
        plx_errands_order(w->errands, &order);
    }
    plx_traces_tick(w->traces, now);
    int64_t turn = plx_mono_diff(now, w->begun) / (turn_ms * PLX_MS_NS);
    bool tracing = turn % 2 == 1;
    if (turn >= 2 * turns)
        plx_loop_stop(w->loop);
    else if (tracing && !w->tracing)
        order_traces(w);
    w->tracing = tracing;
}

static uint16_t listen_somewhere(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t len = sizeof name;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, len) < 0 || listen(fd, 1024) < 0 ||
        getsockname(fd, (struct sockaddr *)&name, &len) < 0)
        plx_bench_die("cannot listen");
    return ntohs(name.sin_port);
}

static void print_quantiles(const char *prefix, const struct plx_bench_hist *hist)
{
    static const struct {
        const char *name;
        double q;
    } quantiles[] = {{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}};
    char name[64];
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        snprintf(name, sizeof name, "%s_%s", prefix, quantiles[i].name);
        plx_bench_print(name, (double)plx_bench_hist_quantile(hist, quantiles[i].q));
    }
}

int main(int argc, char **argv)
{
    static struct world w;
    const struct plx_bench_option options[] = {{"traces", &traces},
                                               {"base", &base},
                                               {"ms", &turn_ms},
                                               {"turns", &turns},
                                               {NULL, NULL}};
    const struct plx_policy policy = {0};
    struct plx_pacer_limits limits = plx_pacer_default_limits();
    plx_bench_options(argc, argv, options);
    limits.target_rate = 0;
    struct plx_turnstile *turnstile = plx_turnstile_new(&limits);
    const struct plx_errands_setup probing = {.in_flight = limits.in_flight,
                                              .n_probers = 1,
                                              .turnstile = turnstile,
                                              .policy = &policy,
                                              .engine = PLX_ENGINE_EPOLL};
    const struct plx_traces_setup tracing = {.policy = &policy, .turnstile = turnstile};
    if (plx_loop_new(on_signal, &w, &w.loop, NULL) ||
        plx_errands_new(w.loop, &probing, on_result, &w, &w.errands, NULL) ||
        plx_traces_new(w.loop, &tracing, on_traced, &w, &w.traces, NULL))
        plx_bench_die("cannot begin");
    w.port = listen_somewhere();
    w.begun = w.ticked = plx_clock_mono();
    plx_loop_add_timer(w.loop, TICK_NS, on_tick, &w);
    plx_loop_run(w.loop);
    print_quantiles("alone_lag_us", &w.lag[0]);
    print_quantiles("traces_lag_us", &w.lag[1]);
    print_quantiles("alone_busy_us", &w.busy[0]);
    print_quantiles("traces_busy_us", &w.busy[1]);
    plx_bench_print("traces_ended", (double)w.n_traced);
    plx_bench_print("slowest_trace_ms", (double)w.slowest_us / 1000);
    plx_traces_destroy(&w.traces);
    plx_errands_destroy(&w.errands);
    plx_turnstile_destroy(&turnstile);
    plx_loop_destroy(&w.loop);
    return 0;
}
