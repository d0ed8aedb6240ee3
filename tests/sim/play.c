#include "play.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Seconds of the world become Unix time from here: any fixed moment will do. */
#define T0 INT64_C(1790000000)

enum what { DUE, RETRY, SPARES, ARRIVES, BEAT, TICK };

struct event {
    double at;
    uint64_t order;
    enum what what;
    int monitor, agent;
    double measured;
    struct sim_probe_result result;
    bool extra;
};

struct sim_play {
    struct sim_world *w;
    struct plx_judge *judge;
    struct sim_story *story;
    struct sim_counting counting;
    struct event *heap;
    size_t n, cap;
    uint64_t order;
    bool was_down[SIM_BASELINES][SIM_MONITORS];
    bool judged_down[SIM_MONITORS];
    bool failed[SIM_MONITORS][SIM_AGENTS]; /* the last probe did */
    int verbose;
};

static struct plx_wall wall(double s)
{
    return (struct plx_wall){T0 * PLX_SEC_NS + (int64_t)(s * 1e9)};
}

/* --- queue ---------------------------------------------------------------------------
 */

static bool before(const struct event *a, const struct event *b)
{
    if (a->at < b->at || a->at > b->at)
        return a->at < b->at;
    return a->order < b->order;
}

static void push(struct sim_play *p, struct event e)
{
    if (p->n == p->cap) {
        p->cap = p->cap * 2 + 1024;
        p->heap = realloc(p->heap, p->cap * sizeof *p->heap);
        if (p->heap == NULL)
            abort();
    }
    e.order = p->order++;
    size_t i = p->n++;
    while (i > 0 && before(&e, &p->heap[(i - 1) / 2])) {
        p->heap[i] = p->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    p->heap[i] = e;
}

static struct event pop(struct sim_play *p)
{
    struct event top = p->heap[0], last = p->heap[--p->n];
    size_t i = 0;
    for (;;) {
        size_t kid = 2 * i + 1;
        if (kid >= p->n)
            break;
        if (kid + 1 < p->n && before(&p->heap[kid + 1], &p->heap[kid]))
            kid++;
        if (!before(&p->heap[kid], &last))
            break;
        p->heap[i] = p->heap[kid];
        i = kid;
    }
    p->heap[i] = last;
    return top;
}

/* --- the fleet at work ---------------------------------------------------------------
 */

static void note_met(struct sim_play *p, int monitor, int agent, double t, double done)
{
    for (int i = 0; i < p->w->n_faults; i++) {
        const struct sim_fault *f = &p->w->faults[i];
        double *met = &p->story->met[i];
        if (sim_class_is_server(f->class) && t >= f->start && t < f->end &&
            sim_fault_touches(p->w, f, monitor, agent) && (*met <= 0 || done < *met))
            *met = done;
    }
}

/* Others are asked about a monitor once in so long. */
#define SPARES_EVERY 30.0

static void note_doubtful(struct sim_play *p, int monitor, double t)
{
    struct sim_monitor *m = &p->w->monitors[monitor];
    if (!p->w->recipe->spares || (m->asked > 0 && t < m->asked + SPARES_EVERY))
        return;
    m->asked = t;
    push(p, (struct event){.at = t + sim_uniform(&p->w->rng, 0.05, 0.4),
                           .what = SPARES,
                           .monitor = monitor});
}

static void probe(struct sim_play *p, int monitor, int agent, double t, bool extra)
{
    struct sim_world *w = p->w;
    const struct sim_agent *g = &w->agents[agent];
    bool watches = w->monitors[monitor].assigned[agent];
    struct event e = {
        .what = ARRIVES, .monitor = monitor, .agent = agent, .extra = extra};
    e.result = sim_world_probe(w, monitor, agent, t);
    if (!watches && w->monitors[monitor].closed)
        e.result = (struct sim_probe_result){.outcome = PLX_OUTCOME_TIMEOUT,
                                             .took_s = w->timeout};
    e.measured = t + g->clock_s;
    if (w->recipe->retries && extra && e.result.took_s > SIM_EXTRA_S)
        e.result.took_s = SIM_EXTRA_S;
    double done = t + e.result.took_s;
    bool failed = e.result.outcome != PLX_OUTCOME_OPEN;
    if (failed && !extra)
        note_met(p, monitor, agent, t, done);
    if (w->recipe->retries && failed && !extra && !p->failed[monitor][agent])
        push(p, (struct event){
                    .at = done, .what = RETRY, .monitor = monitor, .agent = agent});
    p->failed[monitor][agent] = failed;
    e.at =
        sim_world_delivers(w, agent, done) + g->delay_s * (0.5 + plx_rng_unit(&w->rng));
    if (w->recipe->late > 0 && plx_rng_unit(&w->rng) < w->recipe->late)
        e.at += sim_uniform(&w->rng, 60, 600);
    push(p, e);
}

/* In how many ways the agent is at a place that none of `known` (bits) is. */
static int novelty(const struct sim_world *w, int agent, uint32_t known)
{
    bool region = true, provider = true;
    for (int a = 0; a < w->n_agents; a++) {
        if (!(known >> a & 1))
            continue;
        region &= w->agents[a].region != w->agents[agent].region;
        provider &= w->agents[a].provider != w->agents[agent].provider;
    }
    return region + provider;
}

/* Up to three that do not watch it look, the most different first, as the coordinator
 * asks them (core/spares). */
static void ask_spares(struct sim_play *p, int monitor, double t)
{
    const struct sim_world *w = p->w;
    uint32_t known = 0;
    for (int a = 0; a < w->n_agents; a++)
        known |= (uint32_t)w->monitors[monitor].assigned[a] << a;
    for (int n = 0; n < 3; n++) {
        int best = -1, most = 0;
        for (int i = 0; i < w->n_agents; i++) {
            int a = (i + monitor) % w->n_agents;
            if (known >> a & 1 || !sim_world_beats(w, a, t) ||
                novelty(w, a, known) <= most)
                continue;
            best = a;
            most = novelty(w, a, known);
        }
        if (best < 0)
            return;
        known |= 1u << best;
        p->story->n_extra++;
        probe(p, monitor, best, t, true);
    }
}

static void declare(struct sim_play *p)
{
    struct sim_world *w = p->w;
    char name[32], region[32], provider[32], host[64], address[64];
    for (int a = 0; a < w->n_agents; a++) {
        snprintf(name, sizeof name, "a%d", a);
        snprintf(region, sizeof region, "r%d", w->agents[a].region);
        snprintf(provider, sizeof provider, "p%d", w->agents[a].provider);
        struct plx_judge_agent agent = {
            .id = (uint32_t)a, .name = name, .region = region, .provider = provider};
        plx_judge_set_agent(p->judge, &agent);
    }
    for (int m = 0; m < w->n_monitors; m++) {
        uint32_t ids[SIM_AGENTS];
        size_t n = 0;
        for (int a = 0; a < w->n_agents; a++)
            if (w->monitors[m].assigned[a])
                ids[n++] = (uint32_t)a;
        int h = w->monitors[m].host;
        snprintf(name, sizeof name, "m%d", m);
        snprintf(host, sizeof host, "h%d.example", h);
        snprintf(address, sizeof address, "198.51.%d.%d", w->hosts[h].prefix, h + 1);
        struct plx_judge_monitor mon = {.id = (uint32_t)m,
                                        .name = name,
                                        .host = host,
                                        .address = address,
                                        .port = (uint16_t)(1000 + m),
                                        .interval_ns = (int64_t)(w->interval * 1e9),
                                        .timeout_ns = (int64_t)(w->timeout * 1e9),
                                        .agents = ids,
                                        .n_agents = n};
        plx_judge_set_monitor(p->judge, &mon);
    }
}

static void schedule(struct sim_play *p)
{
    struct sim_world *w = p->w;
    for (int m = 0; m < w->n_monitors; m++)
        for (int a = 0; a < w->n_agents; a++)
            if (w->monitors[m].assigned[a])
                push(p, (struct event){.at = w->monitors[m].phase[a],
                                       .what = DUE,
                                       .monitor = m,
                                       .agent = a});
    for (int a = 0; a < w->n_agents; a++)
        push(p,
             (struct event){.at = 5 * plx_rng_unit(&w->rng), .what = BEAT, .agent = a});
    push(p, (struct event){.at = 1, .what = TICK});
}

static void arrive(struct sim_play *p, const struct event *e)
{
    struct plx_judge_result r = {
        .now = wall(e->at),
        .at = wall(e->measured),
        .monitor = (uint32_t)e->monitor,
        .agent = (uint32_t)e->agent,
        .outcome = e->result.outcome,
        .unreach = e->result.unreach,
        .kind = e->extra ? PLX_JUDGE_CONFIRM : PLX_JUDGE_SCHEDULED,
        .rtt_us = e->result.outcome == PLX_OUTCOME_OPEN
                      ? (uint32_t)(e->result.took_s * 1e6)
                      : 0,
    };
    plx_judge_result(p->judge, &r);
    if (p->w->monitors[e->monitor].assigned[e->agent] &&
        e->result.outcome != PLX_OUTCOME_OPEN &&
        plx_judge_needs_spares(p->judge, (uint32_t)e->monitor))
        note_doubtful(p, e->monitor, e->at);
    if (!e->extra)
        sim_counting_result(&p->counting, e->monitor, e->agent, e->result.outcome,
                            e->measured);
}

/* --- what they say -------------------------------------------------------------------
 */

static struct sim_told *told_of(struct sim_story *s, uint64_t id, double now)
{
    for (int i = 0; i < s->n_told; i++)
        if (s->told[i].id == id)
            return &s->told[i];
    if (s->n_told == SIM_TOLD)
        return &s->told[SIM_TOLD - 1];
    s->told[s->n_told] =
        (struct sim_told){.id = id, .opened = now, .closed = 1e9, .paged = -1};
    return &s->told[s->n_told++];
}

static void hear_fault(struct sim_play *p, const struct plx_judge_fault *f, double now)
{
    struct sim_told *t = told_of(p->story, f->id, now);
    t->class = f->class;
    snprintf(t->entity, sizeof t->entity, "%s", f->entity);
    t->agents = 0;
    for (size_t i = 0; i < f->n_agents; i++)
        t->agents |= 1u << f->agents[i];
    for (size_t i = 0; i < f->n_monitors; i++)
        t->monitors |= UINT64_C(1) << f->monitors[i];
    if (f->page && t->paged < 0)
        t->paged = now;
    if (f->change == PLX_JUDGE_CLOSED)
        t->closed = now;
    if (p->verbose)
        printf(
            "%8.1f %s f%llu %s %s agents=%x monitors=%llx page=%d conf=%.3f margin=%.1f "
            "onset=%.1f | %s\n",
            now,
            f->change == PLX_JUDGE_CLOSED ? "CLOSE"
            : f->change                   ? "update"
                                          : "OPEN",
            (unsigned long long)f->id, plx_judge_class_token(f->class), f->entity,
            t->agents, (unsigned long long)t->monitors, f->page, f->confidence, f->margin,
            (double)(f->onset.ns - T0 * PLX_SEC_NS) / 1e9, f->why);
}

static void hear_verdict(struct sim_play *p, const struct plx_judge_ruling *v, double now)
{
    bool down = plx_judge_verdict_is_down(v->verdict);
    if (down && !p->judged_down[v->monitor] && p->story->n_alerts < SIM_ALERTS)
        p->story->alerts[p->story->n_alerts++] = (struct sim_alert){(int)v->monitor, now};
    p->judged_down[v->monitor] = down;
    if (p->verbose > 1)
        printf("%8.1f verdict m%u %s [%u,%u] | %s\n", now, v->monitor,
               plx_judge_verdict_token(v->verdict), v->fresh, v->assigned, v->why);
}

static void hear_baselines(struct sim_play *p, double now)
{
    struct sim_story *s = p->story;
    sim_counting_tick(&p->counting, p->w, now);
    if (now < 180) /* let every location report first */
        return;
    for (int b = 0; b < SIM_BASELINES; b++)
        for (int m = 0; m < p->w->n_monitors; m++) {
            bool down = p->counting.down[b][m];
            if (down && !p->was_down[b][m] && s->n_base[b] < SIM_ALERTS)
                s->base[b][s->n_base[b]++] = (struct sim_alert){m, now};
            p->was_down[b][m] = down;
        }
}

static void note_doubt(struct sim_play *p)
{
    for (int m = 0; m < p->w->n_monitors; m++) {
        struct plx_judge_ruling r;
        if (plx_judge_view(p->judge, (uint32_t)m, &r) == 0 &&
            (r.verdict == PLX_JUDGE_INCONCLUSIVE || r.verdict == PLX_JUDGE_DEGRADED))
            p->story->doubt_s[m] += p->w->recipe->tick_s;
    }
}

static void tick(struct sim_play *p, double now)
{
    const struct plx_judge_output *out;
    plx_judge_tick(p->judge, wall(now), &out);
    for (size_t i = 0; i < out->n_faults; i++)
        hear_fault(p, &out->faults[i], now);
    for (size_t i = 0; i < out->n_verdicts; i++)
        hear_verdict(p, &out->verdicts[i], now);
    for (size_t i = 0; i < out->n_probes; i++) {
        int a = (int)out->probes[i].agent;
        p->story->n_extra++;
        if (p->verbose > 2)
            printf("%8.1f probe m%u a%d\n", now, out->probes[i].monitor, a);
        if (sim_world_beats(p->w, a, now)) /* else the order is lost */
            probe(p, (int)out->probes[i].monitor, a,
                  now + sim_uniform(&p->w->rng, 0.05, 0.4), true);
    }
    if (p->w->recipe->unclassed)
        note_doubt(p);
    hear_baselines(p, now);
    push(p, (struct event){.at = now + p->w->recipe->tick_s, .what = TICK});
}

static void step(struct sim_play *p, const struct event *e)
{
    switch (e->what) {
    case DUE:
        p->story->n_scheduled++;
        probe(p, e->monitor, e->agent, e->at, false);
        push(p, (struct event){.at = e->at + p->w->interval,
                               .what = DUE,
                               .monitor = e->monitor,
                               .agent = e->agent});
        return;
    case RETRY:
        probe(p, e->monitor, e->agent, e->at, true);
        return;
    case SPARES:
        ask_spares(p, e->monitor, e->at);
        return;
    case ARRIVES:
        if (p->verbose > 3)
            printf("%8.1f result m%d a%d %s at=%.1f%s\n", e->at, e->monitor, e->agent,
                   plx_outcome_token(e->result.outcome), e->measured,
                   e->extra ? " extra" : "");
        arrive(p, e);
        return;
    case BEAT:
        if (sim_world_beats(p->w, e->agent, e->at))
            plx_judge_heartbeat(p->judge, wall(e->at), (uint32_t)e->agent);
        push(p, (struct event){.at = e->at + 5, .what = BEAT, .agent = e->agent});
        return;
    case TICK:
        tick(p, e->at);
        return;
    }
}

void sim_play(struct sim_world *w, const struct plx_judge_policy *policy,
              struct sim_story *story, int verbose)
{
    struct sim_play p = {.w = w, .story = story, .verbose = verbose};
    memset(story, 0, sizeof *story);
    sim_counting_init(&p.counting);
    p.judge = plx_judge_new(policy);
    declare(&p);
    schedule(&p);
    while (p.n > 0 && p.heap[0].at < w->end) {
        struct event e = pop(&p);
        step(&p, &e);
    }
    free(p.heap);
    plx_judge_destroy(&p.judge);
}
