#include "agent/errands.h"

#include "agent/core/attempt.h"
#include "agent/core/heap.h"
#include "agent/core/round.h"
#include "agent/io/prober.h"
#include "agent/io/resolver.h"
#include "base/err.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define NOBODY      UINT32_MAX
#define GENERATIONS ((1U << 29) - 1)
/* Errands beyond the probes in flight: waiting for a name or their turn. */
#define WAITING_MAX 16384

enum stage { FREE, RESOLVING, PACING, ADMITTED, PROBING };

/* What few errands have. */
struct extra {
    struct plx_addr source;
    struct plx_greeter *greeter; /* NULL: no greeting */
    struct plx_round *round;     /* NULL: only one address is probed */
    size_t part;                 /* which of the round's */
};

/* 64 bytes, and the prober's 56: a probe in flight is meant to take 128 at most. */
struct errand {
    uint64_t monitor_id, tag;
    int64_t scheduled_ns;
    struct extra *extra; /* NULL: nothing */
    uint32_t grace_us;   /* from `scheduled` to when it may start at the latest */
    union {
        uint32_t timeout_us;
        uint32_t next_free;
    };
    uint32_t generation : 29; /* so that an answer to a former errand is known as such */
    uint32_t owed : 3;        /* probes in a row that the monitor went without */
    struct plx_addr addr;
    uint8_t kind : 3;
    uint8_t stage : 3;
    uint8_t full : 1;
    uint8_t watched : 1;
    uint16_t port;
};
_Static_assert(sizeof(struct errand) <= 64, "an errand has grown");
_Static_assert(PLX_PACER_OWED_MAX < 1 << 3, "more is owed than an errand holds");

struct plx_errands {
    struct errand *pool;
    uint32_t n_pool, n_touched; /* what was never used takes no memory */
    uint32_t free_head, n_used;
    struct plx_heap waiting;         /* PACING and ADMITTED, by when to try again */
    struct plx_turnstile *turnstile; /* borrowed */
    struct plx_prober *prober;
    struct plx_resolver *resolver;
    const struct plx_policy *policy;
    struct plx_loop *loop;
    plx_errand_done_fn *done;
    void *arg;
};

static void on_probed(void *arg, uint64_t cookie, const struct plx_result *evidence,
                      struct plx_mono started);
static void on_resolved(void *arg, uint64_t cookie,
                        const struct plx_resolution *resolution);
static void on_readable(void *arg, uint32_t events);

static void make_pool(struct plx_errands *e, uint32_t n)
{
    e->pool = calloc(n, sizeof *e->pool);
    if (!e->pool)
        abort();
    e->n_pool = n;
    e->free_head = NOBODY;
}

int plx_errands_new(struct plx_loop *loop, const struct plx_errands_setup *setup,
                    plx_errand_done_fn *done, void *arg, struct plx_errands **ret,
                    struct plx_why *why)
{
    struct plx_errands *e = calloc(1, sizeof *e);
    if (!e)
        abort();
    e->loop = loop;
    e->policy = setup->policy;
    e->done = done;
    e->arg = arg;
    make_pool(e, setup->in_flight + WAITING_MAX);
    e->turnstile = setup->turnstile;
    int err = plx_prober_new(setup->engine, setup->in_flight, setup->n_probers, on_probed,
                             e, &e->prober, why);
    if (!err)
        err = plx_resolver_new(loop, setup->resolver, on_resolved, e, &e->resolver, why);
    if (!err && plx_loop_add_fd(loop, plx_prober_fd(e->prober), EPOLLIN, on_readable, e))
        err = plx_why_set(why, PLX_EIO, "cannot watch the probes");
    if (err)
        plx_errands_destroy(&e);
    else
        *ret = e;
    return err;
}

static void drop_extra(struct extra **extra)
{
    if (!*extra)
        return;
    plx_greeter_destroy(&(*extra)->greeter);
    plx_round_release(&(*extra)->round);
    free(*extra);
    *extra = NULL;
}

void plx_errands_destroy(struct plx_errands **errands)
{
    struct plx_errands *e = *errands;
    if (!e)
        return;
    plx_resolver_destroy(&e->resolver);
    if (e->prober)
        plx_loop_remove_fd(e->loop, plx_prober_fd(e->prober));
    plx_prober_destroy(&e->prober);
    plx_heap_fini(&e->waiting);
    for (uint32_t i = 0; i < e->n_touched; i++)
        drop_extra(&e->pool[i].extra);
    free(e->pool);
    free(e);
    *errands = NULL;
}

static uint64_t cookie_of(const struct plx_errands *e, uint32_t i)
{
    return (uint64_t)e->pool[i].generation << 32 | i;
}

/* The errand a cookie speaks of, if it is still at that stage. */
static uint32_t errand_of(const struct plx_errands *e, uint64_t cookie, enum stage stage)
{
    uint32_t i = (uint32_t)cookie;
    if (i >= e->n_pool || e->pool[i].generation != (uint32_t)(cookie >> 32) ||
        e->pool[i].stage != stage)
        return NOBODY;
    return i;
}

/* One of the round's is there; the last one ends it. */
static void gather(struct plx_errands *e, const struct extra *extra,
                   const struct plx_result *result, uint64_t tag)
{
    struct plx_result said[PLX_ROUND_RESULTS_MAX];
    if (!plx_round_put(extra->round, extra->part, result))
        return;
    size_t n = plx_round_conclude(extra->round, said);
    for (size_t i = 0; i < n; i++)
        e->done(e->arg, &said[i], tag);
}

/* Ends the errand with what `result` has of outcome and evidence. */
static void finish(struct plx_errands *e, uint32_t i, struct plx_result *result,
                   struct plx_mono started)
{
    struct errand *errand = &e->pool[i];
    const int64_t to_wall = plx_clock_wall().ns - plx_clock_mono().ns;
    const int64_t lag_us = (started.ns - errand->scheduled_ns) / PLX_US_NS;
    uint64_t tag = errand->tag;
    result->monitor_id = errand->monitor_id;
    result->kind = (enum plx_probe_kind)errand->kind;
    result->scheduled.ns = errand->scheduled_ns + to_wall;
    result->started.ns = started.ns + to_wall;
    result->lag_us = lag_us < 0 ? 0 : lag_us > UINT32_MAX ? UINT32_MAX : (uint32_t)lag_us;
    struct extra *extra = errand->extra;
    errand->extra = NULL;
    errand->stage = FREE;
    errand->generation++;
    errand->next_free = e->free_head;
    e->free_head = i;
    e->n_used--;
    if (extra && extra->round)
        gather(e, extra, result, tag);
    else
        e->done(e->arg, result, tag);
    drop_extra(&extra);
}

static void finish_local(struct plx_errands *e, uint32_t i, enum plx_outcome outcome,
                         enum plx_detail detail)
{
    struct plx_result result = {
        .outcome = outcome, .detail = detail, .address = e->pool[i].addr};
    finish(e, i, &result, plx_clock_mono());
}

static void on_probed(void *arg, uint64_t cookie, const struct plx_result *evidence,
                      struct plx_mono started)
{
    struct plx_errands *e = arg;
    struct plx_result result = *evidence;
    plx_turnstile_done(e->turnstile);
    finish(e, (uint32_t)cookie, &result, started);
}

static void wait_until(struct plx_errands *e, uint32_t i, int64_t at_ns)
{
    plx_heap_push(&e->waiting, at_ns, i);
}

static void launch(struct plx_errands *e, uint32_t i)
{
    struct errand *errand = &e->pool[i];
    const struct plx_probe_order order = {
        .cookie = i,
        .addr = errand->addr,
        .source = errand->extra ? errand->extra->source : (struct plx_addr){0},
        .port = errand->port,
        .handshake = errand->full ? PLX_HANDSHAKE_FULL : PLX_HANDSHAKE_HALF_OPEN,
        .greeter = errand->extra ? errand->extra->greeter : NULL,
        .timeout_ns = errand->timeout_us * PLX_US_NS,
        .watched = errand->watched,
    };
    errand->stage = PROBING;
    if (plx_prober_start(e->prober, &order) == PLX_EAGAIN) {
        errand->stage = ADMITTED; /* this turn's connects are used up */
        wait_until(e, i, plx_clock_mono().ns);
    }
}

static void admit(struct plx_errands *e, uint32_t i, struct plx_mono now)
{
    struct errand *errand = &e->pool[i];
    struct plx_mono at = plx_mono_add(now, 1);
    int64_t latest_ns = errand->scheduled_ns + errand->grace_us * PLX_US_NS;
    if (now.ns > latest_ns) {
        finish_local(e, i, PLX_OUTCOME_SKIPPED, PLX_DETAIL_LOCAL_LATE);
        return;
    }
    if (plx_turnstile_ask(e->turnstile, &errand->addr, errand->owed, now, &at) ==
        PLX_PACER_GO) {
        launch(e, i);
    } else if (at.ns > latest_ns) {
        finish_local(e, i, PLX_OUTCOME_SKIPPED, PLX_DETAIL_LOCAL_RATE);
    } else {
        errand->stage = PACING;
        wait_until(e, i, at.ns);
    }
}

static void found(struct plx_errands *e, uint32_t i, const struct plx_addr *addr,
                  struct plx_mono now)
{
    struct errand *errand = &e->pool[i];
    errand->addr = *addr;
    if (plx_policy_permits(e->policy, addr, errand->port))
        admit(e, i, now);
    else
        finish_local(e, i, PLX_OUTCOME_LOCAL_ERROR, PLX_DETAIL_LOCAL_POLICY);
}

/* An unfilled errand of the pool; NOBODY: the pool is used up. */
static uint32_t take_slot(struct plx_errands *e)
{
    uint32_t i = e->free_head;
    if (i == NOBODY && e->n_touched == e->n_pool)
        return NOBODY;
    if (i == NOBODY)
        i = e->n_touched++;
    else
        e->free_head = e->pool[i].next_free;
    e->n_used++;
    return i;
}

static struct extra *new_extra(const struct plx_addr *source)
{
    struct extra *extra = calloc(1, sizeof *extra);
    if (!extra)
        abort();
    extra->source = *source;
    return extra;
}

/* The part `part` of the round that errand `i` is of, as an errand of its own; NOBODY:
 * the pool is used up. */
static uint32_t take_part(struct plx_errands *e, uint32_t i, size_t part)
{
    const struct extra *extra = e->pool[i].extra;
    uint32_t k = take_slot(e);
    if (k == NOBODY)
        return NOBODY;
    uint32_t generation = e->pool[k].generation;
    e->pool[k] = e->pool[i];
    e->pool[k].generation = generation & GENERATIONS;
    e->pool[k].stage = PACING;
    e->pool[k].extra = new_extra(&extra->source);
    e->pool[k].extra->round = plx_round_hold(extra->round);
    e->pool[k].extra->part = part;
    if (!plx_greeting_is_none(&extra->round->greeting))
        plx_greeter_new(&extra->round->greeting, &e->pool[k].extra->greeter, NULL);
    return k;
}

/* The further addresses of a round; the errand itself has the first. */
static void split(struct plx_errands *e, uint32_t i,
                  const struct plx_resolution *resolution, struct plx_mono now)
{
    struct plx_round *round = e->pool[i].extra->round;
    plx_round_split(round, resolution->n, resolution->cut);
    for (size_t part = 1; part < resolution->n; part++) {
        uint32_t k = take_part(e, i, part);
        if (k == NOBODY) {
            const struct plx_result result = {.outcome = PLX_OUTCOME_SKIPPED,
                                              .detail = PLX_DETAIL_LOCAL_RATE,
                                              .address = resolution->addrs[part]};
            plx_round_put(round, part, &result);
        } else {
            found(e, k, &resolution->addrs[part], now);
        }
    }
}

static void resolved(struct plx_errands *e, uint32_t i,
                     const struct plx_resolution *resolution)
{
    struct errand *errand = &e->pool[i];
    struct plx_mono now = plx_clock_mono();
    if (resolution->detail != PLX_DETAIL_NONE) {
        struct plx_result result = {.duration_ns = now.ns - errand->scheduled_ns};
        plx_attempt_dns_failed(resolution->detail, &result);
        finish(e, i, &result, (struct plx_mono){errand->scheduled_ns});
        return;
    }
    /* The time that the name took (5 s at most) is not the agent's lateness: as much
       grace from now. */
    if (errand->stage == RESOLVING && now.ns > errand->scheduled_ns)
        errand->grace_us += (uint32_t)((now.ns - errand->scheduled_ns) / PLX_US_NS);
    if (errand->extra && errand->extra->round)
        split(e, i, resolution, now);
    found(e, i, &resolution->addrs[0], now);
}

static void on_resolved(void *arg, uint64_t cookie,
                        const struct plx_resolution *resolution)
{
    struct plx_errands *e = arg;
    uint32_t i = errand_of(e, cookie, RESOLVING);
    if (i != NOBODY)
        resolved(e, i, resolution);
}

/* Takes an errand from the pool and fills it; NOBODY: the pool is used up. */
static uint32_t take(struct plx_errands *e, const struct plx_errand_order *order)
{
    uint32_t i = take_slot(e);
    if (i == NOBODY)
        return NOBODY;
    struct errand *errand = &e->pool[i];
    *errand = (struct errand){
        .monitor_id = order->task->monitor_id,
        .tag = order->tag,
        .scheduled_ns = order->scheduled.ns,
        .grace_us = (uint32_t)(order->grace_ns / PLX_US_NS),
        .timeout_us = (uint32_t)(order->task->timeout_ns / PLX_US_NS),
        .port = order->task->port,
        .kind = order->kind & 7,
        .stage = PACING,
        .full = order->task->handshake == PLX_HANDSHAKE_FULL,
        .watched = order->watched,
        .generation = errand->generation,
        .owed = order->owed & PLX_PACER_OWED_MAX,
    };
    return i;
}

/* Tells of a probe that never became an errand. */
static void refuse(struct plx_errands *e, const struct plx_errand_order *order,
                   enum plx_outcome outcome, enum plx_detail detail)
{
    const struct plx_mono now = plx_clock_mono();
    const struct plx_wall wall = plx_clock_wall();
    const int64_t lag_us = plx_mono_diff(now, order->scheduled) / PLX_US_NS;
    const struct plx_result result = {
        .monitor_id = order->task->monitor_id,
        .kind = order->kind,
        .outcome = outcome,
        .detail = detail,
        .scheduled = plx_wall_add(wall, order->scheduled.ns - now.ns),
        .started = wall,
        .lag_us = lag_us < 0 ? 0 : (uint32_t)(lag_us & UINT32_MAX),
    };
    e->done(e->arg, &result, order->tag);
}

void plx_errands_skip(struct plx_errands *errands, const struct plx_errand_order *order,
                      enum plx_detail why)
{
    refuse(errands, order, PLX_OUTCOME_SKIPPED, why);
}

/* Returns 0, or PLX_EINVAL for a greeting that cannot be spoken. */
static int add_extra(struct errand *errand, const struct plx_addr *source,
                     const struct plx_errand_order *order)
{
    const struct plx_task *task = order->task;
    bool all = task->addresses == PLX_ADDRESSES_ALL && order->addr.family == 0;
    struct plx_greeter *greeter = NULL;
    if (!plx_greeting_is_none(&task->greeting) &&
        plx_greeter_new(&task->greeting, &greeter, NULL) < 0)
        return PLX_EINVAL;
    if (!source->family && !greeter && !all)
        return 0;
    errand->extra = new_extra(source);
    errand->extra->greeter = greeter;
    if (all)
        errand->extra->round = plx_round_new(task->expect, &task->greeting);
    return 0;
}

static void resolve(struct plx_errands *e, uint32_t i,
                    const struct plx_errand_order *order, enum plx_ip ip)
{
    const struct plx_resolution *resolution;
    bool fresh = order->kind != PLX_PROBE_SCHEDULED;
    int err = plx_resolver_ask(e->resolver, order->task->host, ip, fresh, cookie_of(e, i),
                               &resolution);
    if (err == 0)
        resolved(e, i, resolution);
    else if (err == PLX_EAGAIN)
        e->pool[i].stage = RESOLVING;
    else
        finish_local(e, i, PLX_OUTCOME_LOCAL_ERROR, PLX_DETAIL_LOCAL_MEMORY);
}

void plx_errands_order(struct plx_errands *errands, const struct plx_errand_order *order)
{
    struct plx_errands *e = errands;
    const struct plx_task *task = order->task;
    struct plx_addr source = {0};
    if (task->source && *task->source && plx_addr_parse(task->source, &source)) {
        refuse(e, order, PLX_OUTCOME_LOCAL_ERROR, PLX_DETAIL_LOCAL_SOURCE);
        return;
    }
    uint32_t i = take(e, order);
    if (i == NOBODY) {
        refuse(e, order, PLX_OUTCOME_SKIPPED, PLX_DETAIL_LOCAL_RATE);
        return;
    }
    if (add_extra(&e->pool[i], &source, order) < 0)
        finish_local(e, i, PLX_OUTCOME_LOCAL_ERROR, PLX_DETAIL_LOCAL_PATTERN);
    else if (order->addr.family == 0)
        resolve(e, i, order, source.family ? (enum plx_ip)source.family : task->ip);
    else if (source.family && source.family != order->addr.family)
        finish_local(e, i, PLX_OUTCOME_LOCAL_ERROR, PLX_DETAIL_LOCAL_SOURCE);
    else
        found(e, i, &order->addr, plx_clock_mono());
}

static void on_readable(void *arg, uint32_t events)
{
    struct plx_errands *e = arg;
    (void)events;
    plx_prober_ready(e->prober);
}

void plx_errands_turn(struct plx_errands *errands)
{
    plx_prober_turn(errands->prober);
}

void plx_errands_tick(struct plx_errands *errands, struct plx_mono now)
{
    struct plx_errands *e = errands;
    plx_prober_tick(e->prober);
    /* What is put back during this pass waits for the next: `now` does not move on. */
    size_t n = e->waiting.n;
    for (unsigned done = 1; n > 0; n--, done++) {
        const struct plx_heap_item *top = plx_heap_top(&e->waiting);
        if (!top || top->at_ns > now.ns)
            break;
        uint32_t i = top->id;
        plx_heap_pop(&e->waiting);
        if (e->pool[i].stage == ADMITTED)
            launch(e, i);
        else
            admit(e, i, now);
        if (done % PLX_ERRANDS_BATCH == 0)
            plx_errands_turn(e);
    }
}

void plx_errands_slow_tick(struct plx_errands *errands, struct plx_mono now)
{
    plx_resolver_tick(errands->resolver, now);
}

uint32_t plx_errands_under_way(const struct plx_errands *errands)
{
    return errands->n_used;
}

int64_t plx_errands_take_stall(struct plx_errands *errands)
{
    return plx_prober_take_stall(errands->prober);
}
