#include "coordinator/io/inquest.h"

#include "base/err.h"
#include "base/rng.h"
#include "coordinator/io/fault_heads.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Findings kept: the newest. */
#define CASES_MAX    64
#define CASE_FAULTS  16
/* Locations that see the fault, and that do not. */
#define SIDE_MAX     (PLX_INQUEST_AGENTS_MAX / 2)
/* Faults over one target share an inquest for so long. */
#define SHARED_NS    PLX_MIN_NS
#define FLOWS        8
#define FLOWS_GOOD   4
/* Of good times, in one round: monitors looked at, and traces ordered. */
#define ROUND_LOOKS  64
#define ROUND_TRACES 4
/* After a trace that gave nothing to keep, not sooner than this. */
#define AGAIN_NS     (5 * PLX_MIN_NS)
#define RECENT_MAX   1024

/* One location of a case. */
struct witness {
    uint32_t agent;
    bool asked, answered;
    struct plx_trace *now, *before; /* NULL: none */
};

struct inquiry {
    uint64_t id;
    uint64_t faults[CASE_FAULTS];
    size_t n_faults;
    struct plx_mono opened;
    struct plx_wall at;
    char host[PLX_HOST_MAX + 1];
    uint16_t port;
    struct witness witnesses[PLX_INQUEST_AGENTS_MAX];
    size_t n_witnesses, n_waiting;
};

/* A way of good times that was asked for lately. */
struct recent {
    uint32_t agent, monitor;
    struct plx_mono at;
};

struct plx_inquest {
    struct plx_desk *desk;
    struct plx_tracing *tracing;
    struct plx_ways *ways;
    int64_t interval_ns;
    uint32_t next_monitor;
    uint64_t next_id;
    struct inquiry *cases[CASES_MAX]; /* a ring */
    size_t next_case;
    struct recent recent[RECENT_MAX];
    size_t next_recent;
};

static void free_case(struct inquiry **one)
{
    if (!*one)
        return;
    for (size_t i = 0; i < (*one)->n_witnesses; i++) {
        free((*one)->witnesses[i].now);
        free((*one)->witnesses[i].before);
    }
    free(*one);
    *one = NULL;
}

struct plx_inquest *plx_inquest_new(struct plx_desk *desk, struct plx_intake *intake,
                                    int64_t interval_ns)
{
    struct plx_inquest *q = calloc(1, sizeof *q);
    if (!q)
        abort();
    q->desk = desk;
    q->interval_ns = interval_ns;
    q->tracing = plx_tracing_new(intake);
    q->ways = plx_ways_new();
    q->next_id = 1;
    return q;
}

void plx_inquest_destroy(struct plx_inquest **inquest)
{
    struct plx_inquest *q = *inquest;
    if (!q)
        return;
    plx_tracing_destroy(&q->tracing);
    plx_ways_destroy(&q->ways);
    for (size_t i = 0; i < CASES_MAX; i++)
        free_case(&q->cases[i]);
    free(q);
    *inquest = NULL;
}

struct plx_tracing *plx_inquest_tracing(struct plx_inquest *inquest)
{
    return inquest->tracing;
}

struct plx_ways *plx_inquest_ways(struct plx_inquest *inquest)
{
    return inquest->ways;
}

static struct plx_trace *copy_of(const struct plx_trace *trace)
{
    struct plx_trace *copy = malloc(sizeof *copy);
    if (!copy)
        abort();
    *copy = *trace;
    return copy;
}

static int ask(struct plx_inquest *q, uint32_t agent, const struct plx_monitor *m,
               uint8_t flows, plx_tracing_fn *fn, uint64_t tag)
{
    const struct plx_tracing_order order = {
        .agent = agent,
        .host = m->host,
        .port = m->port,
        .ip = m->ip,
        .source = m->source ? m->source : "",
        .flows = flows,
        .max_hops = PLX_TRACE_HOPS_MAX,
    };
    return plx_tracing_ask(q->tracing, &order, fn, q, tag);
}

/* ---- good times ---- */

static bool is_recent(struct plx_inquest *q, uint32_t agent, uint32_t monitor,
                      struct plx_mono now)
{
    for (size_t i = 0; i < RECENT_MAX; i++)
        if (q->recent[i].at.ns != 0 && q->recent[i].agent == agent &&
            q->recent[i].monitor == monitor &&
            plx_mono_diff(now, q->recent[i].at) < AGAIN_NS)
            return true;
    return false;
}

static void on_good(void *arg, uint64_t tag, uint32_t agent,
                    const struct plx_trace *trace)
{
    struct plx_inquest *q = arg;
    (void)tag;
    if (trace)
        plx_ways_put(q->ways, agent, trace, plx_clock_mono());
}

/* Spread by a hash, so that what began together does not stay together: between nine and
 * eleven tenths of the interval. */
static bool is_due(const struct plx_inquest *q, uint32_t agent,
                   const struct plx_addr *target, struct plx_mono now)
{
    int64_t age_ns;
    if (!plx_ways_age(q->ways, agent, target, now, &age_ns))
        return plx_ways_count(q->ways) < PLX_WAYS_MAX;
    uint64_t hash = plx_hash_bytes(target->bytes, sizeof target->bytes, agent + 1u);
    return age_ns >
           q->interval_ns / 10 * 9 + (int64_t)(hash % 1000) * q->interval_ns / 5000;
}

/* The ways of one monitor from agents that see it well. Returns how many were asked for.
 */
static unsigned look_at(struct plx_inquest *q, uint32_t slot, unsigned most,
                        struct plx_mono now)
{
    const struct plx_monitor *m = plx_catalog_at(q->desk->catalog, slot);
    unsigned asked = 0;
    size_t n;
    if (!m || m->paused || m->expect != PLX_EXPECT_OPEN)
        return 0;
    const uint32_t *agents = plx_shares_agents(q->desk->shares, slot, &n);
    for (size_t i = 0; i < n && asked < most; i++) {
        const struct plx_sight *sight = plx_court_sight(q->desk->court, slot, agents[i]);
        if (!sight || sight->outcome != PLX_OUTCOME_OPEN || !sight->address.family ||
            !is_due(q, agents[i], &sight->address, now) ||
            is_recent(q, agents[i], slot, now) ||
            ask(q, agents[i], m, FLOWS_GOOD, on_good, 0) < 0)
            continue;
        q->recent[q->next_recent++ % RECENT_MAX] = (struct recent){agents[i], slot, now};
        asked++;
    }
    return asked;
}

static void walk_good_ways(struct plx_inquest *q, struct plx_mono now)
{
    uint32_t n = plx_catalog_end(q->desk->catalog);
    unsigned asked = 0;
    for (uint32_t i = 0; i < ROUND_LOOKS && i < n && asked < ROUND_TRACES; i++)
        asked += look_at(q, q->next_monitor++ % n, ROUND_TRACES - asked, now);
}

void plx_inquest_tick(struct plx_inquest *q, struct plx_mono now)
{
    plx_tracing_tick(q->tracing, now);
    if (q->interval_ns > 0)
        walk_good_ways(q, now);
}

/* ---- comparing ---- */

static void write_part(const struct plx_agent *agent, const struct plx_place_part *part,
                       struct plx_json *j)
{
    char text[PLX_ADDR_TEXT_MAX];
    plx_json_object(j);
    plx_json_kstr(j, "agent", agent->name);
    plx_json_kstr(j, "region", agent->region);
    plx_json_kstr(j, "kind", plx_place_token(part->kind));
    plx_json_kstr(j, "after",
                  part->after.family ? plx_addr_format(&part->after, text) : NULL);
    plx_json_kstr(j, "before",
                  part->before.family ? plx_addr_format(&part->before, text) : NULL);
    plx_json_kuint(j, "flows", part->n_flows);
    plx_json_kuint(j, "failing_flows", part->n_failing);
    plx_json_end(j);
}

static void write_place(const struct plx_desk *desk, const struct plx_inquest_view *views,
                        const struct plx_place *place, struct plx_json *j)
{
    char text[PLX_ADDR_TEXT_MAX];
    plx_json_key(j, "place");
    plx_json_object(j);
    plx_json_kstr(j, "kind", plx_place_token(place->kind));
    plx_json_kstr(j, "after",
                  place->after.family ? plx_addr_format(&place->after, text) : NULL);
    plx_json_kstr(j, "before",
                  place->before.family ? plx_addr_format(&place->before, text) : NULL);
    plx_json_kbool(j, "maybe_return", place->maybe_return);
    plx_json_kbool(j, "selective", place->selective);
    plx_json_kbool(j, "partial", place->partial);
    plx_json_kbool(j, "spread", place->spread);
    plx_json_kuint(j, "flows", place->n_flows);
    plx_json_kuint(j, "failing_flows", place->n_failing_flows);
    plx_json_kstr(j, "sentence", place->sentence);
    plx_json_key(j, "parts");
    plx_json_array(j);
    for (size_t i = 0; i < place->n_parts; i++)
        write_part(plx_roster_at(desk->roster, views[i].agent), &place->parts[i], j);
    plx_json_end(j);
    plx_json_end(j);
}

static void find(const struct plx_desk *desk, const struct plx_inquest_view *views,
                 size_t n, struct plx_place_view in[PLX_PLACE_VIEWS_MAX],
                 struct plx_place *ret)
{
    n = n < PLX_PLACE_VIEWS_MAX ? n : PLX_PLACE_VIEWS_MAX;
    for (size_t i = 0; i < n; i++) {
        const struct plx_agent *agent = plx_roster_at(desk->roster, views[i].agent);
        in[i] = (struct plx_place_view){agent->name, agent->region, views[i].now,
                                        views[i].before};
    }
    plx_place_find(in, n, ret);
}

void plx_inquest_write_place(const struct plx_desk *desk,
                             const struct plx_inquest_view *views, size_t n,
                             struct plx_json *j)
{
    struct plx_place_view in[PLX_PLACE_VIEWS_MAX];
    struct plx_place place;
    find(desk, views, n, in, &place);
    write_place(desk, views, &place, j);
}

static size_t views_of(const struct inquiry *one,
                       struct plx_inquest_view views[PLX_INQUEST_AGENTS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < one->n_witnesses; i++)
        if (one->witnesses[i].now)
            views[n++] = (struct plx_inquest_view){
                one->witnesses[i].agent, one->witnesses[i].now, one->witnesses[i].before};
    return n;
}

/* ---- faults ---- */

static void conclude(const struct plx_inquest *q, const struct inquiry *one)
{
    struct plx_inquest_view views[PLX_INQUEST_AGENTS_MAX];
    struct plx_place_view in[PLX_PLACE_VIEWS_MAX];
    struct plx_place place;
    char id[PLX_FAULT_ID_MAX];
    find(q->desk, views, views_of(one, views), in, &place);
    plx_fault_id(one->faults[0], id);
    plx_log(PLX_LOG_INFO, "place", "fault", id, "kind", plx_place_token(place.kind),
            "why", place.sentence, NULL);
    struct plx_json *j = plx_events_begin(q->desk->events, "place", plx_clock_wall());
    plx_json_kstr(j, "fault", id);
    plx_json_kstr(j, "kind", plx_place_token(place.kind));
    plx_json_kstr(j, "sentence", place.sentence);
    plx_events_end(q->desk->events);
}

static struct inquiry *case_by_id(struct plx_inquest *q, uint64_t id)
{
    for (size_t i = 0; i < CASES_MAX; i++)
        if (q->cases[i] && q->cases[i]->id == id)
            return q->cases[i];
    return NULL;
}

static void on_witness(void *arg, uint64_t tag, uint32_t agent,
                       const struct plx_trace *trace)
{
    struct plx_inquest *q = arg;
    struct inquiry *one = case_by_id(q, tag);
    for (size_t i = 0; one && i < one->n_witnesses; i++) {
        struct witness *w = &one->witnesses[i];
        struct plx_trace *before;
        if (w->agent != agent || w->answered)
            continue;
        w->answered = true;
        if (trace) {
            w->now = copy_of(trace);
            before = calloc(1, sizeof *before);
            if (!before)
                abort();
            if (plx_ways_get(q->ways, agent, &trace->target, before))
                w->before = before;
            else
                free(before);
        }
        if (--one->n_waiting == 0)
            conclude(q, one);
        return;
    }
}

static bool has_witness(const struct inquiry *one, uint32_t agent)
{
    for (size_t i = 0; i < one->n_witnesses; i++)
        if (one->witnesses[i].agent == agent)
            return true;
    return false;
}

/* Whether an agent of that region was chosen among the last `n_side`. */
static bool has_region(const struct plx_inquest *q, const struct inquiry *one,
                       size_t first, const char *region)
{
    for (size_t i = first; i < one->n_witnesses; i++)
        if (strcmp(plx_roster_at(q->desk->roster, one->witnesses[i].agent)->region,
                   region) == 0)
            return true;
    return false;
}

static bool is_usable(const struct plx_inquest *q, uint32_t slot)
{
    const struct plx_agent *agent = plx_roster_at(q->desk->roster, slot);
    return agent && agent->alive && !agent->revoked;
}

/* Takes agents of a list, at first only one of each region. */
static void choose(struct plx_inquest *q, struct inquiry *one, const uint32_t *agents,
                   size_t n, size_t first)
{
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < n && one->n_witnesses < first + SIDE_MAX; i++) {
            const char *region = plx_roster_at(q->desk->roster, agents[i])->region;
            if (!is_usable(q, agents[i]) || has_witness(one, agents[i]) ||
                (round == 0 && has_region(q, one, first, region)))
                continue;
            one->witnesses[one->n_witnesses++] = (struct witness){.agent = agents[i]};
        }
}

/* Those that see the fault, then others of the monitor, then anybody else. */
static void choose_all(struct plx_inquest *q, struct inquiry *one, uint32_t monitor,
                       const struct plx_judge_fault *fault)
{
    size_t n, n_all = plx_roster_count(q->desk->roster);
    choose(q, one, fault->agents, fault->n_agents, 0);
    size_t first = one->n_witnesses;
    const uint32_t *agents = plx_shares_agents(q->desk->shares, monitor, &n);
    choose(q, one, agents, n, first);
    uint32_t *all = calloc(n_all + 1, sizeof *all);
    if (!all)
        abort();
    for (uint32_t i = 0; i < n_all; i++)
        all[i] = i;
    choose(q, one, all, n_all, first);
    free(all);
}

/* An inquest over the same target that is not old. */
static struct inquiry *shared_case(struct plx_inquest *q, const struct plx_monitor *m,
                                   struct plx_mono now)
{
    for (size_t i = 0; i < CASES_MAX; i++) {
        struct inquiry *one = q->cases[i];
        if (one && strcmp(one->host, m->host) == 0 && one->n_faults < CASE_FAULTS &&
            plx_mono_diff(now, one->opened) < SHARED_NS)
            return one;
    }
    return NULL;
}

static struct inquiry *new_case(struct plx_inquest *q, const struct plx_monitor *m,
                                struct plx_mono now)
{
    struct inquiry **place = &q->cases[q->next_case++ % CASES_MAX];
    free_case(place);
    struct inquiry *one = calloc(1, sizeof *one);
    if (!one)
        abort();
    one->id = q->next_id++;
    one->opened = now;
    one->at = plx_clock_wall();
    one->port = m->port;
    snprintf(one->host, sizeof one->host, "%s", m->host);
    *place = one;
    return one;
}

static void ask_all(struct plx_inquest *q, struct inquiry *one,
                    const struct plx_monitor *m)
{
    one->n_waiting = one->n_witnesses;
    for (size_t i = 0; i < one->n_witnesses; i++) {
        struct witness *w = &one->witnesses[i];
        w->asked = ask(q, w->agent, m, FLOWS, on_witness, one->id) == 0;
        w->answered = !w->asked;
        one->n_waiting -= !w->asked;
    }
}

void plx_inquest_open(struct plx_inquest *q, const struct plx_judge_fault *fault)
{
    struct plx_mono now = plx_clock_mono();
    const struct plx_monitor *m =
        fault->n_monitors > 0 ? plx_catalog_at(q->desk->catalog, fault->monitors[0])
                              : NULL;
    /* A name that fails has no way; a filter is meant where nothing else is expected. */
    if (!m || m->expect != PLX_EXPECT_OPEN || fault->class == PLX_JUDGE_CLASS_DNS)
        return;
    struct inquiry *one = shared_case(q, m, now);
    if (one) {
        one->faults[one->n_faults++] = fault->id;
        return;
    }
    one = new_case(q, m, now);
    one->faults[one->n_faults++] = fault->id;
    choose_all(q, one, fault->monitors[0], fault);
    ask_all(q, one, m);
}

/* ---- telling ---- */

static void write_trace(const char *key, const struct plx_trace *trace,
                        struct plx_json *j)
{
    plx_json_key(j, key);
    if (!trace) {
        plx_json_null(j);
        return;
    }
    plx_json_object(j);
    plx_trace_write(trace, j);
    plx_json_end(j);
}

static void write_suspects(const struct plx_place_view *views, size_t n,
                           struct plx_json *j)
{
    struct plx_place_suspect list[8];
    char text[PLX_ADDR_TEXT_MAX];
    size_t n_list = plx_place_rank(views, n, list, 8);
    plx_json_key(j, "suspects");
    plx_json_array(j);
    for (size_t i = 0; i < n_list; i++) {
        plx_json_object(j);
        plx_json_kstr(j, "hop", plx_addr_format(&list[i].hop, text));
        plx_json_kuint(j, "failing", list[i].n_failing);
        plx_json_kuint(j, "working", list[i].n_working);
        plx_json_end(j);
    }
    plx_json_end(j);
}

static void write_case(const struct plx_inquest *q, const struct inquiry *one,
                       uint64_t fault, struct plx_json *j)
{
    struct plx_inquest_view views[PLX_INQUEST_AGENTS_MAX];
    struct plx_place_view in[PLX_PLACE_VIEWS_MAX];
    struct plx_place place;
    char id[PLX_FAULT_ID_MAX];
    size_t n = views_of(one, views);
    find(q->desk, views, n, in, &place);
    plx_json_object(j);
    plx_json_kstr(j, "fault", plx_fault_id(fault, id));
    plx_json_kwall(j, "at", one->at);
    plx_json_kstr(j, "host", one->host);
    plx_json_kuint(j, "port", one->port);
    plx_json_kuint(j, "waiting", one->n_waiting);
    write_place(q->desk, views, &place, j);
    write_suspects(in, n, j);
    plx_json_key(j, "traces");
    plx_json_array(j);
    for (size_t i = 0; i < n; i++) {
        plx_json_object(j);
        plx_json_kstr(j, "agent", in[i].agent);
        plx_json_kstr(j, "region", in[i].region);
        write_trace("now", views[i].now, j);
        write_trace("before", views[i].before, j);
        plx_json_end(j);
    }
    plx_json_end(j);
    plx_json_end(j);
}

static bool concerns(const struct inquiry *one, uint64_t fault)
{
    for (size_t i = 0; one && i < one->n_faults; i++)
        if (one->faults[i] == fault)
            return true;
    return false;
}

void plx_inquest_write(const struct plx_inquest *q, const uint64_t *faults, size_t n,
                       struct plx_json *j)
{
    plx_json_key(j, "places");
    plx_json_array(j);
    for (size_t f = 0; q && f < n; f++)
        for (size_t i = 0; i < CASES_MAX; i++)
            if (concerns(q->cases[i], faults[f]))
                write_case(q, q->cases[i], faults[f], j);
    plx_json_end(j);
}
