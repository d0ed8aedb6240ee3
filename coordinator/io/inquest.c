#include "coordinator/io/inquest_impl.h"

#include "base/err.h"
#include "base/rng.h"
#include "coordinator/io/fault_heads.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Locations that see the fault, and that do not. */
#define SIDE_MAX     (PLX_INQUEST_AGENTS_MAX / 2)
/* Faults over one target share an inquest for so long. */
#define SHARED_NS    PLX_MIN_NS
/* After so long more of the fleet has been probed: what it says is looked at again. */
#define REVIEW_NS    (30 * PLX_SEC_NS)
#define FLOWS        8
#define FLOWS_GOOD   4
/* Of good times, in one round: monitors looked at, and traces ordered. */
#define ROUND_LOOKS  64
#define ROUND_TRACES 4
/* After a trace that gave nothing to keep, not sooner than this. */
#define AGAIN_NS     (5 * PLX_MIN_NS)

static void free_case(struct plx_inquiry **one)
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
    for (size_t i = 0; i < PLX_CASES_MAX; i++)
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
    for (size_t i = 0; i < PLX_INQUEST_RECENT_MAX; i++)
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
        q->recent[q->next_recent++ % PLX_INQUEST_RECENT_MAX] =
            (struct plx_inquest_recent){agents[i], slot, now};
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

/* What is concluded goes to the store when the fault's incident is there; what lasts is
 * looked at again. What is over is not: then everything works, and clears itself. */
static void follow_up(const struct plx_inquest *q, struct plx_inquiry *one,
                      struct plx_mono now)
{
    if (one->n_waiting > 0)
        return;
    if (!one->reviewed && plx_mono_diff(now, one->opened) > REVIEW_NS) {
        one->reviewed = true;
        if (one->n_open > 0) {
            plx_inquiry_compare(q, one);
            one->unkept = true;
        }
    }
    if (one->unkept)
        plx_inquiry_keep(q, one);
}

void plx_inquest_tick(struct plx_inquest *q, struct plx_mono now)
{
    plx_tracing_tick(q->tracing, now);
    for (size_t i = 0; i < PLX_CASES_MAX; i++)
        if (q->cases[i])
            follow_up(q, q->cases[i], now);
    if (q->interval_ns > 0)
        walk_good_ways(q, now);
}

/* ---- faults ---- */

static void conclude(const struct plx_inquest *q, struct plx_inquiry *one)
{
    struct plx_inquest_view views[PLX_INQUEST_AGENTS_MAX];
    struct plx_place_view in[PLX_PLACE_VIEWS_MAX];
    struct plx_place place;
    char id[PLX_FAULT_ID_MAX];
    plx_inquest_find(q->desk, views, plx_inquiry_views(one, views), in, &place);
    plx_inquiry_compare(q, one);
    one->unkept = true;
    plx_fault_id(one->faults[0], id);
    plx_log(PLX_LOG_INFO, "place", "fault", id, "kind", plx_place_token(place.kind),
            "why", place.sentence, "fleet", one->common.sentence, NULL);
    struct plx_json *j = plx_events_begin(q->desk->events, "place", plx_clock_wall());
    plx_json_kstr(j, "fault", id);
    plx_json_kstr(j, "kind", plx_place_token(place.kind));
    plx_json_kstr(j, "sentence", place.sentence);
    plx_json_kstr(j, "fleet", one->common.sentence);
    plx_events_end(q->desk->events);
}

static struct plx_inquiry *case_by_id(struct plx_inquest *q, uint64_t id)
{
    for (size_t i = 0; i < PLX_CASES_MAX; i++)
        if (q->cases[i] && q->cases[i]->id == id)
            return q->cases[i];
    return NULL;
}

static void on_witness(void *arg, uint64_t tag, uint32_t agent,
                       const struct plx_trace *trace)
{
    struct plx_inquest *q = arg;
    struct plx_inquiry *one = case_by_id(q, tag);
    for (size_t i = 0; one && i < one->n_witnesses; i++) {
        struct plx_witness *w = &one->witnesses[i];
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

static bool has_witness(const struct plx_inquiry *one, uint32_t agent)
{
    for (size_t i = 0; i < one->n_witnesses; i++)
        if (one->witnesses[i].agent == agent)
            return true;
    return false;
}

/* Whether an agent of that region was chosen among the last `n_side`. */
static bool has_region(const struct plx_inquest *q, const struct plx_inquiry *one,
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
static void choose(struct plx_inquest *q, struct plx_inquiry *one, const uint32_t *agents,
                   size_t n, size_t first)
{
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < n && one->n_witnesses < first + SIDE_MAX; i++) {
            const char *region = plx_roster_at(q->desk->roster, agents[i])->region;
            if (!is_usable(q, agents[i]) || has_witness(one, agents[i]) ||
                (round == 0 && has_region(q, one, first, region)))
                continue;
            one->witnesses[one->n_witnesses++] = (struct plx_witness){.agent = agents[i]};
        }
}

/* Those that see the fault, then others of the monitor, then anybody else. */
static void choose_all(struct plx_inquest *q, struct plx_inquiry *one, uint32_t monitor,
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

/* An inquest over the same target that is not old, about what is not over: traces of
 * before it healed say nothing of what broke since. */
static struct plx_inquiry *shared_case(struct plx_inquest *q, const struct plx_monitor *m,
                                       struct plx_mono now)
{
    for (size_t i = 0; i < PLX_CASES_MAX; i++) {
        struct plx_inquiry *one = q->cases[i];
        if (one && strcmp(one->host, m->host) == 0 &&
            one->n_faults < PLX_CASE_FAULTS_MAX && one->n_open > 0 &&
            plx_mono_diff(now, one->opened) < SHARED_NS)
            return one;
    }
    return NULL;
}

static struct plx_inquiry *new_case(struct plx_inquest *q, const struct plx_monitor *m,
                                    struct plx_mono now)
{
    struct plx_inquiry **place = &q->cases[q->next_case++ % PLX_CASES_MAX];
    free_case(place);
    struct plx_inquiry *one = calloc(1, sizeof *one);
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

static void forget_newest(struct plx_inquest *q)
{
    free_case(&q->cases[--q->next_case % PLX_CASES_MAX]);
}

static void ask_all(struct plx_inquest *q, struct plx_inquiry *one,
                    const struct plx_monitor *m)
{
    one->n_waiting = one->n_witnesses;
    for (size_t i = 0; i < one->n_witnesses; i++) {
        struct plx_witness *w = &one->witnesses[i];
        w->asked = ask(q, w->agent, m, FLOWS, on_witness, one->id) == 0;
        w->answered = !w->asked;
        one->n_waiting -= !w->asked;
    }
}

static void add_fault(struct plx_inquiry *one, const struct plx_judge_fault *fault)
{
    one->faults[one->n_faults++] = fault->id;
    one->n_open++;
    one->unkept = one->n_waiting == 0;
    for (size_t i = 0; i < fault->n_monitors; i++)
        if (one->n_monitors < PLX_CASE_MONITORS_MAX)
            one->monitors[one->n_monitors++] = fault->monitors[i];
}

void plx_inquest_close(struct plx_inquest *q, uint64_t fault)
{
    for (size_t i = 0; i < PLX_CASES_MAX; i++) {
        struct plx_inquiry *one = q->cases[i];
        for (size_t k = 0; one && k < one->n_faults; k++)
            one->n_open -= one->faults[k] == fault && one->n_open > 0;
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
    struct plx_inquiry *one = shared_case(q, m, now);
    if (one) {
        add_fault(one, fault);
        return;
    }
    one = new_case(q, m, now);
    one->onset = fault->onset;
    choose_all(q, one, fault->monitors[0], fault);
    ask_all(q, one, m);
    if (one->n_waiting == 0) /* nobody is there: of no use, now or later */
        forget_newest(q);
    else
        add_fault(one, fault);
}
