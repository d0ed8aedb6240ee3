#include "agent/io/tracer.h"

#include "agent/io/probe_socket.h"
#include "base/err.h"
#include "base/rng.h"
#include "sys/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Answers heard in one turn, flows begun and silences noted between two ticks: a socket,
 * a port and a SYN take about 30 us, and the loop's probes are not to wait a millisecond
 * for them. */
#define EVENTS_MAX      16
#define TURN_FLOWS      16
#define TURN_SILENT     32
/* Source ports of traces: above the registered ones, tried until one is free. */
#define PORT_FIRST      20000u
#define PORT_SPAN       12000u
#define PORT_TRIES      32
#define ICMP_EXCEEDED_4 11
#define ICMP_EXCEEDED_6 3

struct run;

/* A flow under way. */
struct flow {
    struct run *run; /* NULL: the place is free */
    uint8_t index;   /* in the trace */
    bool armed;      /* a SYN is out */
    int fd;
    struct plx_walk walk;
    struct plx_mono sent;
    struct plx_mono deadline;
};

/* A trace that waits or is under way. */
struct run {
    struct run *next; /* in the queue */
    struct plx_trace_order order;
    struct plx_mono began;
    uint8_t n_left; /* flows that have not ended */
    struct plx_trace trace;
};

struct plx_tracer {
    int epoll_fd;
    plx_tracer_done_fn *done;
    void *arg;
    struct plx_rng rng;
    struct flow flows[PLX_TRACER_FLOWS_MAX];
    uint32_t n_flows, n_runs;
    uint32_t n_begun;   /* flows, in this turn */
    uint32_t next_look; /* the flow whose silence is looked at first */
    struct run *queue, **queue_end;
};

/* ---- one flow ---- */

/* A socket on a port that stays the same while it is armed again and again. */
static int open_flow(struct plx_tracer *t, struct flow *f)
{
    const struct plx_trace_order *order = &f->run->order;
    struct plx_addr source = order->source;
    int err = plx_probe_socket_open(order->target.family, &f->fd);
    if (err)
        return err;
    source.family = order->target.family; /* all zeros: any */
    for (int i = 0; i < PORT_TRIES; i++) {
        uint16_t port = (uint16_t)(PORT_FIRST + plx_rng_below(&t->rng, PORT_SPAN));
        err = plx_probe_socket_bind_port(f->fd, &source, port);
        if (!err)
            f->walk.flow.source_port = port;
        if (err != EADDRINUSE)
            break;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET,
                                .data.u32 = (uint32_t)(f - t->flows)};
    if (!err && epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, f->fd, &event) < 0)
        err = errno;
    if (err) {
        close(f->fd);
        f->fd = -1;
    }
    return err;
}

static void send_syn(struct flow *f, const struct plx_walk_step *step,
                     struct plx_hop *ret_failed, bool *ret_sent)
{
    const struct plx_trace_order *order = &f->run->order;
    f->sent = plx_clock_mono();
    f->deadline = plx_mono_add(f->sent, step->wait_ns);
    int err = plx_probe_socket_set_ttl(f->fd, order->target.family, step->ttl);
    if (!err)
        err = plx_probe_socket_connect(f->fd, &order->target, order->port,
                                       PLX_HANDSHAKE_HALF_OPEN);
    f->armed = err == 0;
    *ret_sent = f->armed;
    *ret_failed = (struct plx_hop){.kind = PLX_HOP_SILENT};
    if (f->run->trace.source.family == 0)
        f->run->trace.source = plx_probe_socket_source(f->fd);
    if (err == ENETUNREACH || err == EHOSTUNREACH)
        f->run->trace.trouble = PLX_DETAIL_LOCAL_NO_ROUTE;
    else if (err == EACCES || err == EPERM)
        f->run->trace.trouble = PLX_DETAIL_LOCAL_FILTERED;
    else if (err)
        f->run->trace.trouble = PLX_DETAIL_LOCAL_OTHER;
}

static void end_flow(struct plx_tracer *t, struct flow *f);

/* Sends what the walk wants. What cannot even be sent ends the flow: it says nothing of
 * the path. */
static void go(struct plx_tracer *t, struct flow *f, struct plx_walk_step step)
{
    struct plx_hop failed;
    bool sent = false;
    if (!step.over)
        send_syn(f, &step, &failed, &sent);
    if (!sent)
        end_flow(t, f);
}

static void heard(struct plx_tracer *t, struct flow *f, const struct plx_hop *hop)
{
    plx_probe_socket_disarm(f->fd);
    f->armed = false;
    go(t, f, plx_walk_heard(&f->walk, hop, &f->run->order.target, plx_clock_mono()));
}

/* ---- answers ---- */

static bool is_exceeded(const struct plx_attempt_facts *facts)
{
    return facts->icmp_type ==
           (facts->icmp_from.family == 6 ? ICMP_EXCEEDED_6 : ICMP_EXCEEDED_4);
}

/* What the kernel has; false: nothing yet (or the echo of a disarmed SYN). */
static bool read_hop(struct flow *f, struct plx_hop *hop)
{
    struct plx_attempt_facts facts = {0};
    int64_t rtt_ns = plx_mono_diff(plx_clock_mono(), f->sent);
    enum plx_probe_socket_state state = plx_probe_socket_info(f->fd, &facts);
    *hop = (struct plx_hop){.rtt_us = (uint32_t)(rtt_ns / PLX_US_NS)};
    if (state == PLX_PROBE_SOCKET_CONNECTED) {
        hop->kind = PLX_HOP_OPEN;
        hop->from = f->run->order.target;
        if (facts.retrans == 0 && facts.rtt_us > 0)
            hop->rtt_us = facts.rtt_us;
        return true;
    }
    plx_probe_socket_error(f->fd, &facts);
    if (facts.has_icmp) {
        hop->kind = is_exceeded(&facts) ? PLX_HOP_TRANSIT : PLX_HOP_REJECT;
        hop->icmp_type = facts.icmp_type;
        hop->icmp_code = facts.icmp_code;
        hop->from = facts.icmp_from;
        return true;
    }
    if (facts.error == ECONNREFUSED) {
        hop->kind = PLX_HOP_REFUSED;
        hop->from = f->run->order.target;
        return true;
    }
    return facts.error != 0; /* no neighbour, say: silence, as far as a path goes */
}

static void hear(struct plx_tracer *t, struct flow *f)
{
    struct plx_hop hop;
    if (f->run && f->armed && read_hop(f, &hop))
        heard(t, f, &hop);
}

/* ---- traces ---- */

static void finish(struct plx_tracer *t, struct run *run)
{
    int64_t took_ns = plx_mono_diff(plx_clock_mono(), run->began);
    run->trace.duration_us = (uint32_t)(took_ns / PLX_US_NS);
    t->n_runs--;
    t->done(t->arg, run->order.cookie, &run->trace);
    free(run);
}

static void end_flow(struct plx_tracer *t, struct flow *f)
{
    struct run *run = f->run;
    run->trace.flows[f->index] = f->walk.flow;
    if (f->fd >= 0)
        close(f->fd);
    *f = (struct flow){.fd = -1};
    t->n_flows--;
    if (--run->n_left == 0)
        finish(t, run);
}

static struct flow *free_place(struct plx_tracer *t)
{
    for (size_t i = 0; i < PLX_TRACER_FLOWS_MAX; i++)
        if (!t->flows[i].run)
            return &t->flows[i];
    return NULL;
}

static void begin_flow(struct plx_tracer *t, struct run *run, uint8_t index)
{
    struct flow *f = free_place(t);
    *f = (struct flow){.run = run, .index = index, .fd = -1};
    t->n_flows++;
    struct plx_walk_step step =
        plx_walk_begin(&f->walk, &run->order.limits, plx_clock_mono());
    int err = open_flow(t, f);
    if (err) {
        run->trace.trouble = err == EMFILE || err == ENFILE ? PLX_DETAIL_LOCAL_DESCRIPTORS
                             : err == EADDRINUSE            ? PLX_DETAIL_LOCAL_PORTS
                             : err == EADDRNOTAVAIL         ? PLX_DETAIL_LOCAL_SOURCE
                                                            : PLX_DETAIL_LOCAL_OTHER;
        end_flow(t, f);
        return;
    }
    go(t, f, step);
}

static void begin_run(struct plx_tracer *t, struct run *run)
{
    uint8_t n = run->order.n_flows;
    run->began = plx_clock_mono();
    run->trace.at = plx_clock_wall();
    run->n_left = n;
    for (uint8_t i = 0; i < n; i++)
        begin_flow(t, run, i); /* the last may free the run */
}

static void begin_waiting(struct plx_tracer *t)
{
    while (t->queue && t->n_begun < TURN_FLOWS &&
           t->n_flows + t->queue->order.n_flows <= PLX_TRACER_FLOWS_MAX) {
        struct run *run = t->queue;
        t->queue = run->next;
        if (!t->queue)
            t->queue_end = &t->queue;
        t->n_begun += run->order.n_flows;
        begin_run(t, run);
    }
}

int plx_tracer_start(struct plx_tracer *t, const struct plx_trace_order *order)
{
    if (order->n_flows == 0 || order->n_flows > PLX_TRACE_FLOWS_MAX ||
        order->limits.max_hops == 0 || order->limits.max_hops > PLX_TRACE_HOPS_MAX ||
        order->target.family == 0 || order->port == 0)
        return PLX_EINVAL;
    if (t->n_runs >= PLX_TRACER_QUEUE_MAX)
        return PLX_EAGAIN;
    struct run *run = calloc(1, sizeof *run);
    if (!run)
        abort();
    run->order = *order;
    run->trace.target = order->target;
    run->trace.port = order->port;
    run->trace.n_flows = order->n_flows;
    *t->queue_end = run;
    t->queue_end = &run->next;
    t->n_runs++;
    begin_waiting(t);
    return 0;
}

/* ---- the loop's ---- */

void plx_tracer_ready(struct plx_tracer *t)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(t->epoll_fd, events, EVENTS_MAX, 0);
    for (int i = 0; i < n; i++)
        hear(t, &t->flows[events[i].data.u32]);
    begin_waiting(t);
}

void plx_tracer_tick(struct plx_tracer *t)
{
    static const struct plx_hop silent = {.kind = PLX_HOP_SILENT};
    t->n_begun = 0;
    struct plx_mono now = plx_clock_mono();
    uint32_t left = TURN_SILENT, first = t->next_look;
    for (uint32_t i = 0; i < PLX_TRACER_FLOWS_MAX && left > 0; i++) {
        struct flow *f = &t->flows[(first + i) % PLX_TRACER_FLOWS_MAX];
        if (!f->run || !f->armed || plx_mono_diff(now, f->deadline) < 0)
            continue;
        heard(t, f, &silent);
        t->next_look = (first + i + 1) % PLX_TRACER_FLOWS_MAX;
        left--;
    }
    begin_waiting(t);
}

/* ---- life ---- */

int plx_tracer_new(uint64_t seed, plx_tracer_done_fn *done, void *arg,
                   struct plx_tracer **ret, struct plx_why *why)
{
    struct plx_tracer *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (t->epoll_fd < 0) {
        free(t);
        return plx_why_set(why, PLX_EIO, "cannot set up traces: %s", strerror(errno));
    }
    t->done = done;
    t->arg = arg;
    t->queue_end = &t->queue;
    plx_rng_init(&t->rng, seed);
    for (size_t i = 0; i < PLX_TRACER_FLOWS_MAX; i++)
        t->flows[i].fd = -1;
    *ret = t;
    return 0;
}

void plx_tracer_destroy(struct plx_tracer **tracer)
{
    struct plx_tracer *t = *tracer;
    if (!t)
        return;
    for (size_t i = 0; i < PLX_TRACER_FLOWS_MAX; i++) {
        struct flow *f = &t->flows[i];
        if (!f->run)
            continue;
        close(f->fd);
        if (--f->run->n_left == 0)
            free(f->run);
    }
    while (t->queue) {
        struct run *run = t->queue;
        t->queue = run->next;
        free(run);
    }
    close(t->epoll_fd);
    free(t);
    *tracer = NULL;
}

int plx_tracer_fd(const struct plx_tracer *t)
{
    return t->epoll_fd;
}
