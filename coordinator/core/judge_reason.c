#include "coordinator/core/judge_reason.h"

#include "coordinator/core/judge_score.h"

#include "base/buf.h"

#include <stdio.h>
#include <string.h>

/* From this share on a degraded verdict is about loss, not latency. */
#define LOSS_WORDS 0.08

/* "10:04:07" of a tick, UTC. */
static const char *clock_text(const struct plx_reason_input *in, uint32_t tk,
                              char ret[16])
{
    char full[PLX_WALL_TEXT_MAX];
    plx_wall_format(plx_evidence_wall(in->ev, tk), full);
    const char *t = strchr(full, 'T');
    snprintf(ret, 16, "%.8s", t ? t + 1 : "?");
    return ret;
}

/* "db.example:5432", "[2001:db8::7]:22", or the monitor's name. */
static void target_text(const struct plx_fleet *f, const struct plx_fleet_monitor *m,
                        char *ret, size_t size)
{
    const char *host = plx_fleet_host(f, m);
    if (host[0] == '\0' || m->port == 0)
        snprintf(ret, size, "%s", plx_fleet_text(f, m->name));
    else if (strchr(host, ':') != NULL)
        snprintf(ret, size, "[%s]:%u", host, (unsigned)m->port);
    else
        snprintf(ret, size, "%s:%u", host, (unsigned)m->port);
}

static const char *const kind_verbs[PLX_KIND_COUNT_] = {
    [PLX_KIND_TIMEOUT] = "does not answer",
    [PLX_KIND_REFUSED] = "refuses connections",
    [PLX_KIND_RESET] = "breaks connections off",
    [PLX_KIND_HOST] = "is unreachable (the last router says so)",
    [PLX_KIND_NET] = "is unreachable (a router says so)",
    [PLX_KIND_PROHIBITED] = "is closed off by a filter",
    [PLX_KIND_DNS] = "does not resolve",
};

/* The kinds of failure of a fault's cells, summed (each cell once per kind seen). */
static void kinds_of(const struct plx_reason_input *in, const struct plx_fault *f,
                     uint32_t only_monitor, uint32_t n[PLX_KIND_COUNT_])
{
    memset(n, 0, PLX_KIND_COUNT_ * sizeof *n);
    for (uint32_t i = 0; i < f->monitors.n; i++) {
        uint32_t id = f->monitors.ids[i];
        if (only_monitor != UINT32_MAX && id != only_monitor)
            continue;
        const struct plx_fleet_monitor *m = &in->fleet->monitors[id];
        for (uint32_t k = 0; k < m->n_cells; k++) {
            const struct plx_cell view = plx_cell_at(in->ev, m, k), *c = &view;
            if (!(c->flags & PLX_CELL_FAILING) || !plx_ids_has(&f->agents, c->agent))
                continue;
            for (int q = 0; q < PLX_KIND_COUNT_; q++)
                n[q] += c->kinds[q] > 0;
        }
    }
}

static int commonest(const uint32_t n[PLX_KIND_COUNT_])
{
    int best = 0;
    for (int k = 1; k < PLX_KIND_COUNT_; k++)
        if (n[k] > n[best])
            best = k;
    return best;
}

/* "all 5 locations", "4 of 5 locations", "the only location". */
static void places_text(uint32_t n, uint32_t of, char *ret, size_t size)
{
    if (of <= 1)
        snprintf(ret, size, "the only location that can tell");
    else if (n >= of)
        snprintf(ret, size, "all %u locations", of);
    else
        snprintf(ret, size, "%u of %u locations", n, of);
}

/* Who sees a fault, of the live agents that watch its monitors. */
struct witnesses {
    struct plx_ids of;
    struct plx_ids alike;            /* by failures of one kind, */
    struct plx_ids other;            /* … by others alone, */
    uint32_t kinds[PLX_KIND_COUNT_]; /* … which are these, summed */
};

static void witnesses_fini(struct witnesses *w)
{
    plx_ids_fini(&w->of);
    plx_ids_fini(&w->alike);
    plx_ids_fini(&w->other);
}

typedef void take_fn(const struct plx_cell *c, int kind, struct witnesses *w);

static void take_alike(const struct plx_cell *c, int kind, struct witnesses *w)
{
    plx_ids_add(&w->of, c->agent);
    if ((c->flags & PLX_CELL_FAILING) && c->kinds[kind] > 0)
        plx_ids_add(&w->alike, c->agent);
}

static void take_other(const struct plx_cell *c, int kind, struct witnesses *w)
{
    (void)kind;
    if (!(c->flags & PLX_CELL_FAILING) || plx_ids_has(&w->alike, c->agent))
        return;
    plx_ids_add(&w->other, c->agent);
    for (int q = 0; q < PLX_KIND_COUNT_; q++)
        w->kinds[q] += c->kinds[q] > 0;
}

static void each_witness(const struct plx_reason_input *in, const struct plx_fault *f,
                         uint32_t only_monitor, take_fn *take, int kind,
                         struct witnesses *w)
{
    for (uint32_t i = 0; i < f->monitors.n && i < 64; i++) {
        uint32_t id = f->monitors.ids[i];
        if (only_monitor != UINT32_MAX && id != only_monitor)
            continue;
        const struct plx_fleet_monitor *m = &in->fleet->monitors[id];
        for (uint32_t k = 0; k < m->n_cells; k++) {
            const struct plx_cell c = plx_cell_at(in->ev, m, k);
            if (plx_fleet_is_live(&in->fleet->agents[c.agent]))
                take(&c, kind, w);
        }
    }
}

/* "refuses connections from all 5 locations", "refuses connections from 4 of 6 locations
 * and does not answer from 2". */
static void say_witnesses(const struct plx_reason_input *in, const struct plx_fault *f,
                          uint32_t monitor, const uint32_t kinds[PLX_KIND_COUNT_],
                          struct plx_buf *b)
{
    struct witnesses w = {0};
    char places[64];
    int kind = commonest(kinds);
    each_witness(in, f, monitor, take_alike, kind, &w);
    each_witness(in, f, monitor, take_other, kind, &w);
    places_text(w.alike.n, w.of.n, places, sizeof places);
    plx_buf_printf(b, "%s from %s", kind_verbs[kind], places);
    if (w.other.n > 0 && w.of.n > 1)
        plx_buf_printf(b, " and %s from %u", kind_verbs[commonest(w.kinds)], w.other.n);
    witnesses_fini(&w);
}

/* The region that all live locations of the monitor are in, where the fleet has others:
 * its way there might explain as much. NULL: there are several, or never were. */
static const char *only_region(const struct plx_reason_input *in, uint32_t monitor)
{
    const struct plx_fleet_monitor *m = &in->fleet->monitors[monitor];
    uint32_t region = PLX_NO_UNIT, n = 0;
    for (uint32_t k = 0; k < m->n_cells; k++) {
        const struct plx_fleet_agent *a = &in->fleet->agents[m->watchers->agents[k]];
        if (!plx_fleet_is_live(a))
            continue;
        if (a->region == PLX_NO_UNIT || (n > 0 && a->region != region))
            return NULL;
        region = a->region;
        n++;
    }
    if (n < 2 || in->fleet->units[region].n == in->fleet->agents_used)
        return NULL;
    return plx_fleet_text(in->fleet, in->fleet->units[region].text);
}

/* Another watched service of the same host that answers, well or not: the host lives. */
static const char *living_sibling(const struct plx_reason_input *in, uint32_t monitor)
{
    const struct plx_fleet_monitor *m = &in->fleet->monitors[monitor];
    const struct plx_unit *u = &in->fleet->units[m->unit_host];
    for (uint32_t i = 0; i < u->n; i++) {
        if (plx_unit_members(u)[i] == monitor)
            continue;
        const struct plx_fleet_monitor *s = &in->fleet->monitors[plx_unit_members(u)[i]];
        for (uint32_t k = 0; k < s->n_cells; k++) {
            const struct plx_cell view = plx_cell_at(in->ev, s, k), *c = &view;
            if (plx_verdict_is_fresh(in->fleet, in->policy, s, c, in->now) &&
                (c->flags & PLX_CELL_FAILING ? plx_score_is_answer(c, in->policy)
                                             : c->outcome != PLX_OUTCOME_TIMEOUT))
                return plx_fleet_text(in->fleet, s->name);
        }
    }
    return NULL;
}

static void service_cause(const struct plx_reason_input *in, uint32_t monitor,
                          const uint32_t kinds[PLX_KIND_COUNT_], struct plx_buf *b)
{
    const char *sibling = living_sibling(in, monitor);
    if (kinds[PLX_KIND_REFUSED] + kinds[PLX_KIND_RESET] > 0)
        plx_buf_text(b, "; the host answers, so the service is down");
    else if (sibling != NULL)
        plx_buf_printf(b, "; %s on the same host answers, so the service is down",
                       sibling);
    else
        plx_buf_text(b, "; nothing else there is seen to answer, so it may be the host");
}

/* Of the fault, as the words have it: two monitors of one port are one service. */
static uint32_t services_in(const struct plx_reason_input *in, const struct plx_fault *f)
{
    return plx_fleet_services(in->fleet, f->monitors.ids, f->monitors.n);
}

static void host_cause(const struct plx_reason_input *in, const struct plx_fault *f,
                       uint32_t monitor, const char *host, struct plx_buf *b)
{
    const struct plx_unit *u = &in->fleet->units[f->scope.x];
    uint32_t of = plx_fleet_services(in->fleet, plx_unit_members(u), u->n);
    const char *sibling = living_sibling(in, monitor);
    if (of < 2)
        plx_buf_printf(b, "; nothing else is watched on %s: the host is taken to be down",
                       host);
    else
        plx_buf_printf(b, "; %u of %u watched services of %s fail together: ",
                       services_in(in, f), of, host);
    if (of >= 2 && sibling != NULL)
        plx_buf_printf(b, "the host, or a filter before it, for %s answers", sibling);
    else if (of >= 2)
        plx_buf_text(b, "the host is down");
}

static void host_wide_cause(const struct plx_reason_input *in, const struct plx_fault *f,
                            const char *host, struct plx_buf *b)
{
    const struct plx_unit *u = &in->fleet->units[f->scope.x];
    plx_buf_printf(b,
                   "; %u of %u watched services of %s fail together; the host answers, "
                   "so the services are down",
                   services_in(in, f),
                   plx_fleet_services(in->fleet, plx_unit_members(u), u->n), host);
}

static void say_server(const struct plx_reason_input *in, const struct plx_fault *f,
                       uint32_t monitor, struct plx_buf *b)
{
    char target[PLX_JUDGE_SENTENCE / 2], at[16], entity[256];
    uint32_t kinds[PLX_KIND_COUNT_];
    uint32_t first = monitor != UINT32_MAX ? monitor
                     : f->monitors.n > 0   ? f->monitors.ids[0]
                                           : UINT32_MAX;
    if (first == UINT32_MAX)
        return;
    kinds_of(in, f, monitor, kinds);
    target_text(in->fleet, &in->fleet->monitors[first], target, sizeof target);
    plx_scope_entity(in->fleet, &f->scope, entity, sizeof entity);
    enum plx_judge_class class = plx_scope_kind(f->scope.type)->class;
    bool host_wide = f->scope.type == PLX_SCOPE_SERVICES;
    bool one = monitor != UINT32_MAX || (class == PLX_JUDGE_CLASS_SERVICE && !host_wide);
    plx_buf_printf(b, "%s ", one ? target : entity);
    say_witnesses(in, f, monitor, kinds, b);
    plx_buf_printf(b, " since %s", clock_text(in, f->onset, at));
    const char *region = only_region(in, first);
    if (region != NULL)
        plx_buf_printf(b, "; only region %s can tell", region);
    if (f->by_quorum)
        plx_buf_printf(b, "; it is down by its own rule, quorum %s",
                       plx_quorum_format(in->fleet->monitors[first].terms->quorum,
                                         (char[PLX_QUORUM_TEXT_MAX]){0}));
    else if (host_wide)
        host_wide_cause(in, f, entity, b);
    else if (class == PLX_JUDGE_CLASS_SERVICE)
        service_cause(in, first, kinds, b);
    else if (class == PLX_JUDGE_CLASS_HOST)
        host_cause(in, f, first, entity, b);
    else if (class == PLX_JUDGE_CLASS_NETWORK)
        plx_buf_printf(b, "; %u services of %s fail together: the network is down",
                       services_in(in, f), entity);
    else
        plx_buf_printf(b, "; the name %s is at fault, not the service behind it", entity);
}

static void list_agents(const struct plx_reason_input *in, const struct plx_ids *ids,
                        struct plx_buf *b)
{
    uint32_t shown = ids->n > 4 ? 3 : ids->n;
    for (uint32_t i = 0; i < shown; i++)
        plx_buf_printf(b, "%s%s", i ? ", " : "", in->fleet->agents[ids->ids[i]].name);
    if (shown < ids->n)
        plx_buf_printf(b, " and %u more", ids->n - shown);
}

/* "1 other connects (a spare agent)", "3 others connect (2 spare agents)". */
static void say_others(const struct plx_count *n, struct plx_buf *b)
{
    uint32_t spares = n->good - (n->fresh - n->against);
    plx_buf_printf(b, "; %u other%s", n->good, n->good == 1 ? " connects" : "s connect");
    if (spares == 1)
        plx_buf_text(b, " (a spare agent)");
    else if (spares > 1)
        plx_buf_printf(b, " (%u spare agents)", spares);
}

static void say_path(const struct plx_reason_input *in, const struct plx_fault *f,
                     uint32_t monitor, struct plx_buf *b)
{
    char target[PLX_JUDGE_SENTENCE / 2], at[16], entity[256];
    uint32_t kinds[PLX_KIND_COUNT_];
    struct plx_count n;
    uint32_t first = monitor != UINT32_MAX ? monitor
                     : f->monitors.n > 0   ? f->monitors.ids[0]
                                           : UINT32_MAX;
    if (first == UINT32_MAX)
        return;
    bool filter = plx_scope_kind(f->scope.type)->filter;
    kinds_of(in, f, monitor, kinds);
    target_text(in->fleet, &in->fleet->monitors[first], target, sizeof target);
    plx_scope_entity(in->fleet, &f->scope, entity, sizeof entity);
    plx_buf_printf(b, "%s %s from ", target, kind_verbs[commonest(kinds)]);
    list_agents(in, &f->agents, b);
    plx_buf_printf(b, " since %s", clock_text(in, f->onset, at));
    plx_verdict_count(in->fleet, in->ev, in->policy, first, in->now, &n);
    if (n.good == 0) {
        plx_buf_text(b,
                     "; no other location can tell whether it is the service or the way");
        return;
    }
    say_others(&n, b);
    if (filter)
        plx_buf_text(b, ": something turns these locations away");
    else
        plx_buf_printf(b, ": the path %s is broken, the service is up", entity);
}

/* Somebody is there who is not in the fault, and could reach what it does not. */
static bool has_others(const struct plx_reason_input *in, const struct plx_fault *f)
{
    for (uint32_t i = 0; i < in->fleet->n_agents; i++)
        if (plx_fleet_is_live(&in->fleet->agents[i]) && !plx_ids_has(&f->agents, i))
            return true;
    return false;
}

static void say_vantage(const struct plx_reason_input *in, const struct plx_fault *f,
                        struct plx_buf *b)
{
    char at[16], entity[256];
    plx_scope_entity(in->fleet, &f->scope, entity, sizeof entity);
    enum plx_judge_class class = plx_scope_kind(f->scope.type)->class;
    const char *ours = class == PLX_JUDGE_CLASS_AGENT    ? "agent"
                       : class == PLX_JUDGE_CLASS_REGION ? "region"
                                                         : "provider";
    uint32_t silent = 0, unable = 0;
    for (uint32_t i = 0; i < f->agents.n; i++) {
        const struct plx_fleet_agent *a = &in->fleet->agents[f->agents.ids[i]];
        silent += a->silent;
        unable += plx_evidence_cannot_probe(a);
    }
    plx_buf_printf(b, "our %s %s ", ours, entity);
    bool cannot = unable > 0 && unable == f->agents.n;
    bool alone = silent == 0 && !cannot && !has_others(in, f);
    plx_buf_printf(b, "%s since %s; %s",
                   silent > 0 ? "is not heard from"
                   : cannot   ? "cannot probe"
                   : alone    ? "fails on what it watches"
                              : "fails on targets others reach",
                   clock_text(in, f->onset, at),
                   alone ? "no other location can tell whether it is the targets"
                         : "this says nothing about the targets");
}

static void say_fault(const struct plx_reason_input *in, const struct plx_fault *f,
                      uint32_t monitor, struct plx_buf *b)
{
    const struct plx_scope_kind *k = plx_scope_kind(f->scope.type);
    if (k->server)
        say_server(in, f, monitor, b);
    else if (k->vantage)
        say_vantage(in, f, b);
    else
        say_path(in, f, monitor, b);
}

static void give(struct plx_buf *b, char ret[PLX_JUDGE_SENTENCE])
{
    const char *text = plx_buf_str(b);
    size_t n = strlen(text);
    if (n >= PLX_JUDGE_SENTENCE) { /* cut before a character, not inside one */
        n = PLX_JUDGE_SENTENCE - 1;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
    }
    memcpy(ret, text, n);
    ret[n] = '\0';
    plx_buf_fini(b);
}

void plx_reason_fault(const struct plx_reason_input *in, const struct plx_fault *f,
                      char ret[PLX_JUDGE_SENTENCE])
{
    struct plx_buf b;
    plx_buf_init(&b, 4096);
    if (f->farewell != NULL)
        plx_buf_printf(&b, "%s is no longer watched", f->farewell);
    else
        say_fault(in, f, UINT32_MAX, &b);
    give(&b, ret);
}

static const struct plx_fault *fault_by_id(const struct plx_faults *fs, uint64_t id)
{
    for (uint32_t i = 0; i < fs->n; i++)
        if (fs->list[i].id == id && fs->list[i].farewell == NULL)
            return &fs->list[i];
    return NULL;
}

static const char *const expected[] = {
    [PLX_EXPECT_OPEN] = "connects",
    [PLX_EXPECT_REFUSED] = "refuses as expected",
    [PLX_EXPECT_FILTERED] = "stays silent as expected",
    [PLX_EXPECT_CLOSED] = "is closed as expected",
};

static void say_up(const struct plx_fleet_monitor *m, const char *target,
                   const struct plx_count *n, struct plx_buf *b)
{
    plx_buf_printf(b, "%s %s from %u of %u locations", target, expected[m->expect & 3],
                   n->good, n->assigned + n->spares);
    if (n->poor > 0)
        plx_buf_printf(b, ", from %u over a degraded path", n->poor);
}

/* Nobody's view counts: too old, or of a location that is itself suspected. */
static void say_unseen(const struct plx_reason_input *in,
                       const struct plx_fleet_monitor *m, const char *target,
                       const struct plx_count *n, struct plx_buf *b)
{
    uint32_t doubted = 0;
    for (uint32_t k = 0; k < m->n_cells; k++) {
        const struct plx_cell c = plx_cell_at(in->ev, m, k);
        const struct plx_fleet_agent *a = &in->fleet->agents[c.agent];
        doubted += (c.flags & PLX_CELL_SEEN) && a->faulty && !a->silent &&
                   plx_evidence_is_recent(a, in->policy, m, &c, in->now);
    }
    plx_buf_printf(b, "%s: no %s view from any of %u locations", target,
                   doubted > 0 ? "trusted" : "fresh", n->assigned);
    if (doubted > 0)
        plx_buf_printf(b, "; %u look%s at it, but may be at fault %s", doubted,
                       doubted == 1 ? "s" : "", doubted == 1 ? "itself" : "themselves");
}

static void say_plain(const struct plx_reason_input *in, uint32_t monitor,
                      const struct plx_verdict_state *v, struct plx_buf *b)
{
    char target[PLX_JUDGE_SENTENCE / 2];
    struct plx_count n;
    const struct plx_fleet_monitor *m = &in->fleet->monitors[monitor];
    plx_verdict_count(in->fleet, in->ev, in->policy, monitor, in->now, &n);
    target_text(in->fleet, m, target, sizeof target);
    if (v->verdict == PLX_JUDGE_UP)
        say_up(m, target, &n, b);
    else if (v->verdict == PLX_JUDGE_DEGRADED && n.loss >= LOSS_WORDS)
        plx_buf_printf(
            b, "%s loses %.0f %% of SYNs (95 %%: %.0f-%.0f %%) at %u locations", target,
            100 * n.loss, 100 * n.loss_low, 100 * n.loss_high, n.fresh);
    else if (v->verdict == PLX_JUDGE_DEGRADED && plx_verdict_is_half_up(&n))
        plx_buf_printf(b,
                       "%s is half up: some of its addresses fail from %u of %u "
                       "locations",
                       target, n.half, n.assigned);
    else if (v->verdict == PLX_JUDGE_DEGRADED)
        plx_buf_printf(b, "%s takes %.1f ms to connect, more than the bound of %.1f ms",
                       target, n.rtt_us / 1000.0,
                       (double)m->terms->degraded_above_us / 1000.0);
    else if (n.fresh == 0)
        say_unseen(in, m, target, &n, b);
    else if (n.fresh < m->terms->min_coverage * (double)n.assigned)
        plx_buf_printf(b, "%s: only %u of %u locations have a fresh view", target,
                       n.fresh, n.assigned);
    else if (n.failing == 0)
        plx_buf_printf(b,
                       "%s: nothing fails from %u of %u locations; it is looked at again",
                       target, n.good, n.assigned + n.spares);
    else
        plx_buf_printf(b, "%s: %u of %u fresh views fail%s and no fault explains %s",
                       target, n.failing, n.fresh + n.spares, n.failing == 1 ? "s" : "",
                       n.failing == 1 ? "that" : "them");
}

void plx_reason_verdict(const struct plx_reason_input *in, uint32_t monitor,
                        const struct plx_verdict_state *v, char ret[PLX_JUDGE_SENTENCE])
{
    struct plx_buf b;
    const struct plx_fault *best = NULL;
    plx_buf_init(&b, 4096);
    for (uint32_t i = 0; i < v->n_faults; i++) {
        const struct plx_fault *f = fault_by_id(in->faults, v->faults[i]);
        if (f != NULL && (best == NULL || plx_scope_kind(f->scope.type)->server))
            best = f;
    }
    if (v->vetoed)
        plx_buf_text(&b, "not down by its quorum rule, though ");
    bool say = best != NULL && v->verdict != PLX_JUDGE_UP &&
               (v->verdict != PLX_JUDGE_INCONCLUSIVE || v->vetoed ||
                plx_scope_kind(best->scope.type)->vantage);
    if (say)
        say_fault(in, best, monitor, &b);
    else
        say_plain(in, monitor, v, &b);
    give(&b, ret);
}

void plx_reason_runner_up(const struct plx_reason_input *in, const struct plx_fault *f,
                          char ret[PLX_JUDGE_SENTENCE])
{
    char entity[256];
    if (!f->has_runner_up) {
        snprintf(ret, PLX_JUDGE_SENTENCE, "all by accident, behind by %.1f nats",
                 f->margin_scope);
        return;
    }
    plx_scope_entity(in->fleet, &f->runner_up, entity, sizeof entity);
    snprintf(ret, PLX_JUDGE_SENTENCE, "%s %.200s, behind by %.1f nats",
             plx_judge_class_token(plx_scope_kind(f->runner_up.type)->class), entity,
             f->margin_scope);
}

enum plx_judge_reason plx_reason_cell(const struct plx_reason_input *in, uint32_t monitor,
                                      const struct plx_cell *c, uint64_t *ret_fault)
{
    const struct plx_fleet_monitor *m = &in->fleet->monitors[monitor];
    const struct plx_fault *f =
        plx_verdict_fault_of(in->faults, in->fleet, monitor, c->agent);
    *ret_fault = 0;
    if (in->fleet->agents[c->agent].silent)
        return PLX_JUDGE_REASON_SILENT;
    if (c->flags & PLX_CELL_LATE)
        return PLX_JUDGE_REASON_LATE;
    if (!(c->flags & PLX_CELL_SEEN))
        return PLX_JUDGE_REASON_NONE;
    if (c->flags & PLX_CELL_LOCAL)
        return PLX_JUDGE_REASON_LOCAL;
    if (!plx_evidence_is_recent(&in->fleet->agents[c->agent], in->policy, m, c, in->now))
        return PLX_JUDGE_REASON_STALE;
    if (!(c->flags & PLX_CELL_FAILING))
        return PLX_JUDGE_REASON_FRESH;
    if (f != NULL) {
        *ret_fault = f->id;
        return PLX_JUDGE_REASON_COVERED;
    }
    return c->n_apart >= 2 || (c->flags & PLX_CELL_COVERED) ? PLX_JUDGE_REASON_DOUBT
                                                            : PLX_JUDGE_REASON_SPURIOUS;
}
