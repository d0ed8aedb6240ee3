/* The limit the engine is held against: the least a half-open probe takes, with no
 * schedule, no timeouts and no results.
 *
 * reuse=1: setsockopt, connect, [epoll], getsockopt, connect(AF_UNSPEC) on pooled,
 * edge-triggered sockets. reuse=0: socket, 2 setsockopt, connect, epoll_ctl, [epoll],
 * getsockopt, close. `info` chooses what is read at the end: 1 TCP_INFO (round trip and
 * resent SYNs: what makes a probe evidence), 0 SO_ERROR (a boolean).
 * interval_ms=0 runs as fast as it can with `window` in flight; else all `targets` are
 * probed once an interval, a tick of 10 ms at a time. */
#include "measure.h"
#include "sys/clock.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define TICK_MS    10

struct raw {
    int epoll_fd;
    int *fds;    /* by place in the window; -1: closed */
    bool *armed; /* by place */
    uint32_t *idle;
    int64_t n_idle;
    uint64_t started, ended, failed;
    struct plx_bench_hist rtt;
};

static struct plx_bench_net net = {.base = 0x7f010001, .port = 20000, .n_ports = 16};
static int64_t reuse = 1, info = 1, window = 512, targets = 1024, interval_ms;
static int64_t n_probes, run_ms = 1000, cpu = -1;

static void check(bool ok, const char *what)
{
    if (!ok)
        plx_bench_die(what);
}

static void open_at(struct raw *raw, uint32_t place)
{
    const struct linger rst = {.l_onoff = 1, .l_linger = 0};
    struct epoll_event ev = {.events = EPOLLOUT | EPOLLET, .data.u32 = place};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    check(fd >= 0, "socket");
    check(!setsockopt(fd, SOL_SOCKET, SO_LINGER, &rst, sizeof rst), "linger");
    check(epoll_ctl(raw->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0, "epoll_ctl");
    raw->fds[place] = fd;
}

static void start(struct raw *raw)
{
    uint32_t place = raw->idle[--raw->n_idle];
    uint64_t target = raw->started++ % (uint64_t)targets;
    struct plx_addr addr = plx_bench_addr(&net, target);
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons(plx_bench_port(&net, target))};
    const int off = 0;
    memcpy(&name.sin_addr, addr.bytes, 4);
    if (raw->fds[place] < 0)
        open_at(raw, place);
    int fd = raw->fds[place];
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
    raw->armed[place] = true;
    if (connect(fd, (struct sockaddr *)&name, sizeof name) < 0)
        check(errno == EINPROGRESS, "connect");
}

static void read_end(struct raw *raw, int fd)
{
    struct tcp_info ti;
    int error = 0;
    socklen_t len = info ? sizeof ti : sizeof error;
    if (!info) {
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
        return;
    }
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &len);
    plx_bench_hist_add(&raw->rtt, ti.tcpi_rtt);
}

static void finish(struct raw *raw, uint32_t place, uint32_t events)
{
    const struct sockaddr none = {.sa_family = AF_UNSPEC};
    int fd = raw->fds[place];
    if (!raw->armed[place])
        return; /* the echo of a disarmed socket */
    raw->failed += (events & (EPOLLERR | EPOLLHUP)) != 0;
    read_end(raw, fd);
    raw->armed[place] = false;
    if (reuse) {
        connect(fd, &none, sizeof none);
    } else {
        close(fd);
        raw->fds[place] = -1;
    }
    raw->idle[raw->n_idle++] = place;
    raw->ended++;
}

static void take_events(struct raw *raw, int wait_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(raw->epoll_fd, events, EVENTS_MAX, wait_ms);
    for (int i = 0; i < n; i++)
        finish(raw, events[i].data.u32, events[i].events);
}

/* How many probes should have been started by now. */
static uint64_t wanted(const struct raw *raw, int64_t elapsed_ns)
{
    if (interval_ms == 0)
        return raw->started + (uint64_t)raw->n_idle;
    int64_t ticks = elapsed_ns / (TICK_MS * PLX_MS_NS);
    return (uint64_t)(ticks * targets * TICK_MS / interval_ms);
}

static void run(struct raw *raw)
{
    int64_t began = plx_clock_mono().ns;
    for (;;) {
        int64_t elapsed = plx_clock_mono().ns - began;
        bool over =
            n_probes ? raw->ended >= (uint64_t)n_probes : elapsed >= run_ms * PLX_MS_NS;
        if (over)
            return;
        uint64_t until = wanted(raw, elapsed);
        while (raw->started < until && raw->n_idle > 0)
            start(raw);
        take_events(raw, 0);
        if (interval_ms)
            usleep(TICK_MS * 1000 / 2);
    }
}

static void report(const struct raw *raw, int64_t cpu_ns, int64_t wall_ns)
{
    double n = (double)raw->ended;
    plx_bench_print("probes", n);
    plx_bench_print("failed", (double)raw->failed);
    plx_bench_print("cpu_us_probe", (double)cpu_ns / 1e3 / n);
    plx_bench_print("probes_s_core", n * 1e9 / (double)cpu_ns);
    plx_bench_print("probes_s", n * 1e9 / (double)wall_ns);
    plx_bench_print("rtt_median_us", plx_bench_hist_quantile(&raw->rtt, 0.5));
}

int main(int argc, char **argv)
{
    struct plx_bench_option options[] = {
        {"reuse", &reuse},     {"info", &info},         {"window", &window},
        {"targets", &targets}, {"probes", &n_probes},   {"interval_ms", &interval_ms},
        {"run_ms", &run_ms},   {"cpu", &cpu},           {"base", &net.base},
        {"port", &net.port},   {"ports", &net.n_ports}, {NULL, NULL}};
    static struct raw raw;
    plx_bench_options(argc, argv, options);
    plx_bench_raise_nofile();
    plx_bench_pin(cpu);
    raw.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    raw.fds = calloc((size_t)window, sizeof *raw.fds);
    raw.armed = calloc((size_t)window, sizeof *raw.armed);
    raw.idle = calloc((size_t)window, sizeof *raw.idle);
    check(raw.epoll_fd >= 0 && raw.fds && raw.armed && raw.idle, "cannot begin");
    for (uint32_t i = 0; i < (uint32_t)window; i++) {
        raw.fds[i] = -1;
        raw.idle[raw.n_idle++] = i;
    }
    int64_t cpu_ns = plx_bench_cpu_ns();
    int64_t wall_ns = plx_clock_mono().ns;
    run(&raw);
    report(&raw, plx_bench_cpu_ns() - cpu_ns, plx_clock_mono().ns - wall_ns);
    return 0;
}
