#include "coordinator/core/judge_announce.h"

#include "coordinator/core/judge_quality.h"
#include "coordinator/core/judge_score.h"

#include <math.h>

/* A scope that cannot be told from a wider or narrower one for so long is said as it is.
 */
#define PATIENCE    PLX_TK(240 * PLX_SEC_NS)
/* Nats of an agent that fails so loudly that there is nothing to wait for. */
#define OBVIOUS     2000.0
/* Smoothed loss of the locations outside a path fault from which on it is not believed.
 */
#define OTHERS_LOSS 0.15
/* The locations that were asked and are well have answered by then. */
#define HUSH        PLX_TK(5 * PLX_SEC_NS / 2)
/* Nats by which a server-side scope must win over another server-side scope to be said at
 * once; below, a sibling's answer is awaited (settle_ns). */
#define SCOPE_CLEAR 3.0

/* --- on the target's side ------------------------------------------------------- */

static uint32_t region_key(const struct plx_fleet_agent *a)
{
    return a->region;
}

static uint32_t provider_key(const struct plx_fleet_agent *a)
{
    return a->provider;
}

static uint32_t distinct(const struct plx_fleet *fleet, const struct plx_ids *agents,
                         uint32_t (*key)(const struct plx_fleet_agent *))
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < agents->n; i++) {
        uint32_t mine = key(&fleet->agents[agents->ids[i]]);
        bool again = false;
        for (uint32_t k = 0; k < i && !again; k++)
            again = mine != PLX_NO_UNIT && mine == key(&fleet->agents[agents->ids[k]]);
        count += !again;
    }
    return count;
}

static bool persists(const struct plx_fault *f, uint32_t ticks)
{
    return f->last_fail >= f->onset + ticks;
}

/* Somebody who is not in the fault saw something of it well since it began. */
static bool is_seen_well(const struct plx_surroundings *x, const struct plx_fault *f)
{
    uint32_t since = f->since + PLX_TK(x->policy->slack_ns);
    for (uint32_t i = 0; i < f->monitors.n; i++) {
        const struct plx_fleet_monitor *m = &x->fleet->monitors[f->monitors.ids[i]];
        for (uint32_t k = 0; k < m->n_cells; k++) {
            const struct plx_cell c = plx_cell_at(x->ev, m, k);
            struct plx_good good;
            if (!plx_ids_has(&f->agents, c.agent) &&
                plx_goods_of_cell(&c, m->terms->interval_tk, since, &good))
                return true;
        }
    }
    return false;
}

/* Some agents are not in the unit. */
static bool has_strangers(const struct plx_fleet *fleet, uint32_t unit)
{
    return unit != PLX_NO_UNIT && fleet->units[unit].n < fleet->agents_used;
}

/* A network that only one region can tell of while others are blind: the region's way
 * there, or that of the one provider that is left, would explain as much. It must
 * persist, and nothing that gets through from elsewhere may contradict it; until then its
 * monitors are inconclusive. */
static bool is_way_excluded(const struct plx_surroundings *x, const struct plx_fault *f,
                            bool one_provider)
{
    const struct plx_fleet_agent *a = &x->fleet->agents[f->agents.ids[0]];
    bool blind = has_strangers(x->fleet, a->region) ||
                 (one_provider && has_strangers(x->fleet, a->provider));
    return !blind || (persists(f, PATIENCE) && !is_seen_well(x, f));
}

/* Enough independent places: two regions, or all that are left of those that no broken
 * path hides it from; and three agents, where so many live ones watch it: what the hidden
 * ones would see, a filter on the others could leave as it was. A lone view must persist.
 */
static bool has_places(const struct plx_faults *fs, const struct plx_surroundings *x,
                       struct plx_fault *f)
{
    struct plx_ids who = {0}, all = {0};
    plx_fault_watchers(fs, x, f, &who);
    plx_fault_watchers(NULL, x, f, &all);
    uint32_t left = distinct(x->fleet, &who, region_key), n_all = all.n;
    bool one_provider = distinct(x->fleet, &who, provider_key) < 2;
    plx_ids_fini(&who);
    plx_ids_fini(&all);
    if (f->agents.n < 2)
        return n_all < 2 && persists(f, PLX_TK(x->policy->lone_ns));
    f->one_sided = left < 2 && f->scope.type == PLX_SCOPE_PREFIX &&
                   !is_way_excluded(x, f, one_provider);
    if (f->one_sided)
        return false;
    return (distinct(x->fleet, &f->agents, region_key) >= 2 || left < 2) &&
           (f->agents.n >= 3 || n_all < 3);
}

/* The monitor depends on something that another fault has down. */
static bool is_dependent(const struct plx_faults *fs, const struct plx_fleet *fleet,
                         const struct plx_fault *f, uint32_t monitor)
{
    const struct plx_fleet_monitor *m = &fleet->monitors[monitor];
    for (uint32_t d = 0; d < m->terms->n_depends; d++)
        for (uint32_t i = 0; i < fs->n; i++) {
            const struct plx_fault *g = &fs->list[i];
            if (g != f && plx_fault_is_open(g) &&
                plx_family_of(&g->scope) == PLX_FAMILY_SERVER &&
                plx_ids_has(&g->monitors, m->terms->ids[m->terms->n_groups + d]))
                return true;
        }
    return false;
}

/* All that a fault of services is about depends on something that is down already: the
 * cause is elsewhere, and has been paged. */
bool plx_announce_is_consequence(const struct plx_faults *fs,
                                 const struct plx_fleet *fleet, const struct plx_fault *f)
{
    if (plx_scope_kind(f->scope.type)->class != PLX_JUDGE_CLASS_SERVICE)
        return false;
    for (uint32_t i = 0; i < f->monitors.n; i++)
        if (!is_dependent(fs, fleet, f, f->monitors.ids[i]))
            return false;
    return f->monitors.n > 0;
}

/* Every live location has failed on one of the fault's monitors since it began. (One that
 * saw them well speaks through the margin.) */
static bool all_have_spoken(const struct plx_faults *fs, const struct plx_surroundings *x,
                            const struct plx_fault *f)
{
    struct plx_ids who = {0};
    bool all = true;
    plx_fault_watchers(fs, x, f, &who);
    for (uint32_t i = 0; i < who.n && all; i++)
        all = plx_ids_has(&f->agents, who.ids[i]);
    plx_ids_fini(&who);
    return all;
}

/* … or has been asked, and would have answered by now. */
static bool all_were_asked(const struct plx_surroundings *x, const struct plx_fault *f)
{
    for (uint32_t i = 0; i < f->monitors.n; i++) {
        uint32_t asked = x->fleet->monitors[f->monitors.ids[i]].asked_all;
        if (asked >= f->onset && x->now - asked >= HUSH)
            return true;
    }
    return false;
}

/* One location is left of several: it alone cannot tell the far end from the way there.
 * What persists is said all the same, since silence would be worse; the sentence names
 * the only location. */
static bool is_lone_view(const struct plx_surroundings *x, const struct plx_fault *f)
{
    struct plx_ids who = {0};
    plx_fault_watchers(NULL, x, f, &who);
    bool lone = who.n == 1;
    plx_ids_fini(&who);
    return lone;
}

/* Somebody who is there sees it fail, and lately: what was seen before everybody fell
 * silent says nothing about now. */
static bool is_seen_now(const struct plx_surroundings *x, const struct plx_fault *f)
{
    bool live = false;
    for (uint32_t i = 0; i < f->agents.n && !live; i++) {
        const struct plx_fleet_agent *a = &x->fleet->agents[f->agents.ids[i]];
        live = plx_fleet_is_live(a) && f->last_fail >= a->back;
    }
    for (uint32_t i = 0; i < f->monitors.n && live; i++) {
        const struct plx_fleet_monitor *m = &x->fleet->monitors[f->monitors.ids[i]];
        double span =
            x->policy->fresh_intervals * m->terms->interval_tk + m->terms->timeout_tk;
        if (x->now < f->last_fail + (uint32_t)span)
            return true;
    }
    return false;
}

static bool server_may_be_said(const struct plx_faults *fs,
                               const struct plx_surroundings *x, struct plx_fault *f)
{
    bool guard = !(x->policy->without & PLX_JUDGE_WITHOUT_GUARD);
    double margin = is_lone_view(x, f) ? f->gain : f->margin;
    if (!is_seen_now(x, f))
        return false;
    if (guard && (margin < x->policy->theta || !has_places(fs, x, f)))
        return false;
    if (f->sure == 0)
        f->sure = x->now;
    if (guard && x->now - f->sure < HUSH && !all_were_asked(x, f) &&
        !all_have_spoken(fs, x, f))
        return false;
    return f->margin_scope >= SCOPE_CLEAR ||
           x->now - f->sure >= PLX_TK(x->policy->settle_ns);
}

/* --- of a path, or ours --------------------------------------------------------- */

static bool all_silent(const struct plx_surroundings *x, const struct plx_fault *f)
{
    for (uint32_t i = 0; i < f->agents.n; i++)
        if (!x->fleet->agents[f->agents.ids[i]].silent)
            return false;
    return f->agents.n > 0;
}

/* Each says of itself that it cannot probe: no view of a target has to be renewed to know
 * it. */
static bool none_can_probe(const struct plx_surroundings *x, const struct plx_fault *f)
{
    for (uint32_t i = 0; i < f->agents.n; i++) {
        const struct plx_fleet_agent *a = &x->fleet->agents[f->agents.ids[i]];
        if (!a->silent && !plx_evidence_cannot_probe(a))
            return false;
    }
    return f->agents.n > 0;
}

/* The longest interval of the fault's monitors: within one, every view near it has been
 * renewed. */
static uint32_t period_of(const struct plx_surroundings *x, const struct plx_fault *f)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < f->monitors.n; i++) {
        uint32_t p = x->fleet->monitors[f->monitors.ids[i]].terms->interval_tk;
        most = p > most ? p : most;
    }
    if (f->monitors.n > 0)
        return most;
    for (uint32_t i = 0; i < f->agents.n; i++) {
        uint32_t p = PLX_TK(x->fleet->agents[f->agents.ids[i]].min_interval_ns);
        most = p > most ? p : most;
    }
    return most;
}

/* Failures of a path must not depend on when one looks: most of its cells must have
 * failed between their scheduled probes, too. A service that comes and goes with a period
 * near the interval looks like a filter otherwise. Monitors probed several times within
 * such a period are looked at often enough as it is. */
static bool fails_off_phase(const struct plx_surroundings *x, const struct plx_fault *f)
{
    uint32_t n = 0, off = 0;
    for (uint32_t i = 0; i < f->monitors.n; i++) {
        const struct plx_fleet_monitor *m = &x->fleet->monitors[f->monitors.ids[i]];
        for (uint32_t k = 0; k < m->n_cells; k++) {
            const struct plx_cell view = plx_cell_at(x->ev, m, k), *c = &view;
            if (!(c->flags & PLX_CELL_FAILING) || !plx_ids_has(&f->agents, c->agent))
                continue;
            n++;
            off += m->terms->interval_tk <= PLX_TK(x->policy->burst_ns) ||
                   c->n_apart >= 2 + (c->last - c->first) / m->terms->interval_tk;
        }
    }
    return off * 2 >= n || x->now - f->onset > PATIENCE;
}

/* Nats by which one location's view says that the target fails for it now and then, too
 * (a fifth of the probes: what is degraded), and not by accident alone: whether it failed
 * since `back`. What it failed on longer ago than cells remember is not asked. */
static double nats_of_trouble(const struct plx_surroundings *x,
                              const struct plx_fleet_monitor *m, const struct plx_cell *c,
                              uint32_t back)
{
    double noise = plx_evidence_noise(&x->fleet->agents[c->agent], x->policy);
    uint32_t span = x->now - back < PLX_OTHER_TK ? x->now - back : PLX_OTHER_TK;
    double probes =
        1 + (double)span / (m->terms->interval_tk ? m->terms->interval_tk : 1);
    double never = probes * log(1 - noise), trouble = probes * log(1 - PLX_LOSS_ENTER);
    if ((c->flags & PLX_CELL_FAILING) || (c->other >= back && c->other > 0))
        return log((1 - exp(trouble)) / (1 - exp(never)));
    return trouble - never;
}

/* Another fault says why this view, outside of `f`, fails. One that is suspected only
 * says nothing of a view that was well when `f` had begun: it comes and goes. */
static bool is_excused(const struct plx_faults *fs, const struct plx_surroundings *x,
                       const struct plx_fault *f, uint32_t monitor,
                       const struct plx_cell *c)
{
    return (c->flags & PLX_CELL_COVERED) &&
           (c->other <= f->onset + PLX_TK(x->policy->slack_ns) ||
            plx_fault_is_explained(fs, f, monitor, c->agent));
}

/* Do those that are not in it fail now and then, too? Then it is no path but the target,
 * and not hard: loss. So it is where all, those in it as well, used to fail. */
static bool others_are_well(const struct plx_faults *fs, const struct plx_surroundings *x,
                            const struct plx_fault *f)
{
    double loss = 0, loss_all = 0, trouble = 0;
    uint32_t n = 0, n_all = 0;
    for (uint32_t i = 0; i < f->monitors.n; i++) {
        const struct plx_fleet_monitor *m = &x->fleet->monitors[f->monitors.ids[i]];
        uint32_t back = f->onset > 2 * m->terms->interval_tk
                            ? f->onset - 2 * m->terms->interval_tk
                            : 0;
        for (uint32_t k = 0; k < m->n_cells; k++) {
            const struct plx_cell view = plx_cell_at(x->ev, m, k), *c = &view;
            bool mine = plx_ids_has(&f->agents, c->agent);
            if (!(c->flags & PLX_CELL_SEEN) ||
                (!mine && is_excused(fs, x, f, f->monitors.ids[i], c)))
                continue;
            n_all++;
            loss_all += plx_quality_loss(c);
            if (mine)
                continue;
            n++;
            loss += plx_quality_loss(c);
            trouble += nats_of_trouble(x, m, c, back);
        }
    }
    return n == 0 ||
           (loss < OTHERS_LOSS * n && loss_all < OTHERS_LOSS * n_all && trouble <= 0);
}

/* So long every view near a fault takes to be renewed. */
static uint32_t renewal_of(const struct plx_surroundings *x, const struct plx_fault *f)
{
    return PLX_TK(x->policy->settle_other_ns) + period_of(x, f);
}

static bool is_within(const struct plx_fault *f, const struct plx_fault *g)
{
    for (uint32_t i = 0; i < f->agents.n; i++)
        if (!plx_ids_has(&g->agents, f->agents.ids[i]))
            return false;
    if (plx_family_of(&g->scope) == PLX_FAMILY_VANTAGE)
        return true;
    for (uint32_t i = 0; i < f->monitors.n; i++)
        if (!plx_ids_has(&g->monitors, f->monitors.ids[i]))
            return false;
    return plx_family_of(&f->scope) != PLX_FAMILY_VANTAGE;
}

/* Is it what is left of a fault that was told and is ending, or has ended just now? While
 * the last views of that one are renewed, a part of it looks like a fault of its own. */
static bool is_remainder(const struct plx_faults *fs, const struct plx_surroundings *x,
                         const struct plx_fault *f)
{
    for (uint32_t i = 0; i < fs->n; i++) {
        const struct plx_fault *g = &fs->list[i];
        if (g == f || g->id == 0 || !plx_fault_is_told(g) || !is_within(f, g))
            continue;
        bool open = plx_fault_is_open(g);
        if (open ? f->onset <= g->last_fail + PLX_TK(x->policy->slack_ns)
                 : f->onset <= g->said && x->now - g->said < renewal_of(x, f))
            return true;
    }
    return false;
}

static bool other_may_be_said(const struct plx_faults *fs,
                              const struct plx_surroundings *x, const struct plx_fault *f)
{
    bool ours = plx_family_of(&f->scope) == PLX_FAMILY_VANTAGE;
    if (is_remainder(fs, x, f))
        return false;
    if (ours && all_silent(x, f))
        return x->now - f->born >= PLX_TK(x->policy->settle_ns);
    if (ours && none_can_probe(x, f))
        return persists(f, PLX_TK(x->policy->settle_other_ns));
    if (ours && f->gain > OBVIOUS && f->margin > OBVIOUS / 10)
        return x->now - f->onset >= PLX_TK(x->policy->settle_ns);
    uint32_t wait = renewal_of(x, f);
    if (x->now - f->onset < wait || f->last_fail < f->onset + wait / 3 ||
        x->now - f->born < PLX_TK(x->policy->settle_other_ns))
        return false;
    if (!ours && (!fails_off_phase(x, f) || !others_are_well(fs, x, f)))
        return false;
    if (f->margin >= x->policy->theta_other)
        return true;
    return f->margin > 0.3 && f->gain >= x->policy->theta_other &&
           x->now - f->onset >= PATIENCE;
}

/* --- the whole ------------------------------------------------------------------ */

/* A told fault that the story gave up for this one, all of whose cells this one has: the
 * same trouble, seen more clearly. */
static struct plx_fault *narrower_of(struct plx_faults *fs, const struct plx_fault *f)
{
    bool server = plx_family_of(&f->scope) == PLX_FAMILY_SERVER;
    for (uint32_t i = 0; i < fs->n; i++) {
        struct plx_fault *g = &fs->list[i];
        if (server && g->by_quorum && plx_fault_is_open(g) &&
            plx_scope_key(g->scope) == plx_scope_key(f->scope))
            return g; /* the rule said it before the story was sure */
        if (server || !plx_fault_is_told(g))
            continue;
        if (g != f && plx_fault_is_open(g) && !g->seen && is_within(g, f) &&
            plx_family_of(&g->scope) == plx_family_of(&f->scope))
            return g;
    }
    return NULL;
}

/* `f` goes on under the name that `g` was told by. */
static void go_on_as(struct plx_fault *g, struct plx_fault *f, uint32_t now)
{
    struct plx_ids agents = g->agents, monitors = g->monitors;
    g->scope = f->scope;
    g->by_quorum = false;
    g->onset = f->onset < g->onset ? f->onset : g->onset;
    g->since = f->since;
    g->last_fail = f->last_fail > g->last_fail ? f->last_fail : g->last_fail;
    g->told = f->told;
    g->seen = true;
    g->gain = f->gain;
    g->margin = f->margin;
    g->margin_scope = f->margin_scope;
    g->runner_up = f->runner_up;
    g->has_runner_up = f->has_runner_up;
    g->agents = f->agents;
    g->monitors = f->monitors;
    f->agents = agents;
    f->monitors = monitors;
    f->seen = false; /* never told: forgotten with the next story */
    plx_fault_report(g, PLX_JUDGE_UPDATED, now);
}

void plx_announce(struct plx_faults *fs, const struct plx_surroundings *x,
                  struct plx_fault *f)
{
    bool server = plx_family_of(&f->scope) == PLX_FAMILY_SERVER;
    if (!f->seen || f->id != 0)
        return;
    if (!(server ? server_may_be_said(fs, x, f) : other_may_be_said(fs, x, f)))
        return;
    struct plx_fault *g = narrower_of(fs, f);
    if (g != NULL) {
        go_on_as(g, f, x->now);
        return;
    }
    f->id = ++fs->last_id;
    f->page = server && !plx_announce_is_consequence(fs, x->fleet, f);
    f->held = x->now;
    plx_fault_report(f, PLX_JUDGE_OPENED, x->now);
}

/* When a probe of its monitors failed last. */
static uint32_t newest_failure(const struct plx_surroundings *x,
                               const struct plx_fault *f)
{
    uint32_t newest = 0;
    for (uint32_t i = 0; i < f->monitors.n; i++) {
        const struct plx_fleet_monitor *m = &x->fleet->monitors[f->monitors.ids[i]];
        for (uint32_t k = 0; k < m->n_cells; k++) {
            const struct plx_cell c = plx_cell_at(x->ev, m, k);
            if (c.flags & PLX_CELL_FAILING && c.last > newest)
                newest = c.last;
        }
    }
    return newest;
}

void plx_announce_on_its_own(const struct plx_faults *fs,
                             const struct plx_surroundings *x, struct plx_fault *f)
{
    if (!plx_fault_is_open(f) || f->page || plx_family_of(&f->scope) != PLX_FAMILY_SERVER)
        return;
    if (plx_announce_is_consequence(fs, x->fleet, f)) {
        f->held = x->now;
    } else if (newest_failure(x, f) > f->held) {
        f->page = true;
        plx_fault_report(f, PLX_JUDGE_UPDATED, x->now);
    }
}
