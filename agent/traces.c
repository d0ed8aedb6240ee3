#include "agent/traces.h"

#include "agent/io/resolver.h"
#include "agent/io/tracer.h"
#include "base/err.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <sys/epoll.h>

/* Traces on their way; the tracer takes so many. */
#define UNDER_WAY_MAX 512
/* Traces begun between two ticks: each takes memory, sockets and SYNs, about 60 us, and
 * the loop's probes are not to wait for hundreds of them. */
#define TICK_TRACES   16
/* How long a trace may wait for its target's rate. */
#define GRACE_NS      (20 * PLX_SEC_NS)

enum stage { FREE, RESOLVING, PACING, WALKING };

struct errand {
    enum stage stage;
    uint32_t generation; /* so that an answer to a former errand is known as such */
    uint64_t request_id;
    uint8_t n_admitted; /* of its flows */
    struct plx_mono ordered;
    struct plx_mono next; /* PACING: when to ask again */
    struct plx_trace_order order;
};

struct plx_traces {
    struct plx_loop *loop;
    const struct plx_policy *policy;
    struct plx_turnstile *turnstile;
    struct plx_resolver *resolver;
    struct plx_tracer *tracer;
    plx_traces_done_fn *done;
    void *arg;
    struct errand errands[UNDER_WAY_MAX];
    uint32_t n_used;
    uint32_t n_begun; /* since the last tick */
};

/* Frees the errand first: `done` may order the next. */
static void end(struct plx_traces *t, struct errand *e, const struct plx_trace *trace)
{
    uint64_t request_id = e->request_id;
    for (; e->n_admitted > 0; e->n_admitted--)
        plx_turnstile_done(t->turnstile);
    e->stage = FREE;
    e->generation++;
    t->n_used--;
    t->done(t->arg, request_id, trace);
}

static struct plx_trace *no_trace(const struct plx_trace_order *order,
                                  enum plx_detail trouble)
{
    struct plx_trace *trace = calloc(1, sizeof *trace);
    if (!trace)
        abort();
    trace->target = order->target;
    trace->source = order->source;
    trace->port = order->port;
    trace->at = plx_clock_wall();
    trace->trouble = trouble;
    return trace;
}

static void end_without(struct plx_traces *t, struct errand *e, enum plx_detail trouble)
{
    struct plx_trace *trace = no_trace(&e->order, trouble);
    end(t, e, trace);
    free(trace);
}

static uint64_t cookie_of(const struct plx_traces *t, const struct errand *e)
{
    return (uint64_t)e->generation << 32 | (uint64_t)(e - t->errands);
}

static struct errand *errand_of(struct plx_traces *t, uint64_t cookie, enum stage stage)
{
    uint32_t i = (uint32_t)cookie;
    if (i >= UNDER_WAY_MAX || t->errands[i].stage != stage ||
        t->errands[i].generation != (uint32_t)(cookie >> 32))
        return NULL;
    return &t->errands[i];
}

/* Each flow counts as one probe of the target: of a flow's SYNs, an ordinary one and one
 * of sufficient TTL arrive there. */
static void admit(struct plx_traces *t, struct errand *e, struct plx_mono now)
{
    struct plx_mono at = plx_mono_add(now, 1);
    e->stage = PACING;
    e->next = now;
    if (t->n_begun >= TICK_TRACES)
        return;
    while (e->n_admitted < e->order.n_flows) {
        if (plx_turnstile_ask(t->turnstile, &e->order.target, PLX_PACER_OWED_MAX, now,
                              &at) != PLX_PACER_GO) {
            e->next = at;
            if (plx_mono_diff(at, e->ordered) > GRACE_NS)
                end_without(t, e, PLX_DETAIL_LOCAL_RATE);
            return;
        }
        e->n_admitted++;
    }
    e->stage = WALKING;
    t->n_begun++;
    e->order.cookie = cookie_of(t, e);
    if (plx_tracer_start(t->tracer, &e->order) < 0)
        end_without(t, e, PLX_DETAIL_LOCAL_RATE);
}

static void found(struct plx_traces *t, struct errand *e, const struct plx_addr *target)
{
    e->order.target = *target;
    if (!plx_policy_permits(t->policy, target, e->order.port))
        end_without(t, e, PLX_DETAIL_LOCAL_POLICY);
    else if (e->order.source.family && e->order.source.family != target->family)
        end_without(t, e, PLX_DETAIL_LOCAL_SOURCE);
    else
        admit(t, e, plx_clock_mono());
}

static void resolved(struct plx_traces *t, struct errand *e,
                     const struct plx_resolution *resolution)
{
    if (resolution->detail != PLX_DETAIL_NONE)
        end_without(t, e, resolution->detail);
    else
        found(t, e, &resolution->addrs[0]);
}

static void on_resolved(void *arg, uint64_t cookie,
                        const struct plx_resolution *resolution)
{
    struct errand *e = errand_of(arg, cookie, RESOLVING);
    if (e)
        resolved(arg, e, resolution);
}

static void on_traced(void *arg, uint64_t cookie, const struct plx_trace *trace)
{
    struct errand *e = errand_of(arg, cookie, WALKING);
    if (e)
        end(arg, e, trace);
}

static void refuse(struct plx_traces *t, const struct plx_msg_trace_now *msg,
                   enum plx_detail trouble)
{
    const struct plx_trace_order order = {.port = msg->port};
    struct plx_trace *trace = no_trace(&order, trouble);
    t->done(t->arg, msg->request_id, trace);
    free(trace);
}

static struct errand *take(struct plx_traces *t, const struct plx_msg_trace_now *msg)
{
    struct errand *e = NULL;
    for (uint32_t i = 0; i < UNDER_WAY_MAX && !e; i++)
        if (t->errands[i].stage == FREE)
            e = &t->errands[i];
    if (!e)
        return NULL;
    e->request_id = msg->request_id;
    e->ordered = plx_clock_mono();
    e->order = (struct plx_trace_order){.port = msg->port, .n_flows = msg->flows};
    plx_walk_limits_default(&e->order.limits);
    e->order.limits.max_hops = msg->max_hops;
    e->stage = RESOLVING;
    t->n_used++;
    return e;
}

void plx_traces_order(struct plx_traces *t, const struct plx_msg_trace_now *msg)
{
    const struct plx_resolution *resolution;
    struct plx_addr source = {0};
    if (*msg->source && plx_addr_parse(msg->source, &source) < 0) {
        refuse(t, msg, PLX_DETAIL_LOCAL_SOURCE);
        return;
    }
    struct errand *e = take(t, msg);
    if (!e) {
        refuse(t, msg, PLX_DETAIL_LOCAL_RATE);
        return;
    }
    e->order.source = source;
    enum plx_ip ip = source.family ? (enum plx_ip)source.family : msg->ip;
    int err =
        plx_resolver_ask(t->resolver, msg->host, ip, false, cookie_of(t, e), &resolution);
    if (err == 0)
        resolved(t, e, resolution);
    else if (err != PLX_EAGAIN)
        end_without(t, e, PLX_DETAIL_LOCAL_MEMORY);
}

/* ---- the loop's ---- */

static void on_ready(void *arg, uint32_t events)
{
    struct plx_traces *t = arg;
    (void)events;
    plx_tracer_ready(t->tracer);
}

void plx_traces_tick(struct plx_traces *t, struct plx_mono now)
{
    t->n_begun = 0;
    plx_tracer_tick(t->tracer);
    for (uint32_t i = 0; t->n_used > 0 && i < UNDER_WAY_MAX; i++) {
        struct errand *e = &t->errands[i];
        if (e->stage == PACING && plx_mono_diff(now, e->next) >= 0)
            admit(t, e, now);
    }
}

void plx_traces_slow_tick(struct plx_traces *t, struct plx_mono now)
{
    plx_resolver_tick(t->resolver, now);
}

uint32_t plx_traces_under_way(const struct plx_traces *t)
{
    return t->n_used;
}

/* ---- life ---- */

int plx_traces_new(struct plx_loop *loop, const struct plx_traces_setup *setup,
                   plx_traces_done_fn *done, void *arg, struct plx_traces **ret,
                   struct plx_why *why)
{
    struct plx_traces *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    t->loop = loop;
    t->policy = setup->policy;
    t->turnstile = setup->turnstile;
    t->done = done;
    t->arg = arg;
    int err = plx_tracer_new(setup->seed, on_traced, t, &t->tracer, why);
    if (!err)
        err = plx_resolver_new(loop, setup->resolver, on_resolved, t, &t->resolver, why);
    if (!err && plx_loop_add_fd(loop, plx_tracer_fd(t->tracer), EPOLLIN, on_ready, t))
        err = plx_why_set(why, PLX_EIO, "cannot watch the traces");
    if (err)
        plx_traces_destroy(&t);
    else
        *ret = t;
    return err;
}

void plx_traces_destroy(struct plx_traces **traces)
{
    struct plx_traces *t = *traces;
    if (!t)
        return;
    plx_resolver_destroy(&t->resolver);
    if (t->tracer)
        plx_loop_remove_fd(t->loop, plx_tracer_fd(t->tracer));
    plx_tracer_destroy(&t->tracer);
    free(t);
    *traces = NULL;
}
