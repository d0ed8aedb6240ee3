#include "coordinator/core/judge_faults.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TK(ns)      ((uint32_t)((ns) / (PLX_SEC_NS / PLX_TK_PER_SEC)))
/* Changes of members are reported at most this often. */
#define SAY_AGAIN   TK(10 * PLX_SEC_NS)
/* A scope that cannot be told from a wider or narrower one for so long is said as it is.
 */
#define PATIENCE    TK(240 * PLX_SEC_NS)
/* A fault is over only so long after its newest failure: a timeout that began since would
 * have been heard of by then. */
#define QUIET       TK(8 * PLX_SEC_NS)
/* An announced fault of ours or of a path that the story no longer tells is believed to
 * be gone, or to be another, only after so long: one odd result must not rewrite it. */
#define PERSIST     TK(25 * PLX_SEC_NS)
/* Nats of an agent that fails so loudly that there is nothing to wait for. */
#define OBVIOUS     2000.0
/* Smoothed loss of the locations outside a path fault from which on it is not believed.
 */
#define OTHERS_LOSS 0.15
/* The locations that were asked and are well have answered by then. */
#define HUSH        TK(5 * PLX_SEC_NS / 2)
/* Nats by which a server-side scope must win over another server-side scope to be said at
 * once; below, a sibling's answer is awaited (settle_ns). */
#define SCOPE_CLEAR 3.0

/* --- lists of ids --------------------------------------------------------------------
 */

static uint32_t ids_place(const struct plx_ids *l, uint32_t id)
{
    uint32_t lo = 0, hi = l->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (l->ids[mid] < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool plx_ids_has(const struct plx_ids *l, uint32_t id)
{
    uint32_t at = ids_place(l, id);
    return at < l->n && l->ids[at] == id;
}

void plx_ids_add(struct plx_ids *l, uint32_t id)
{
    uint32_t at = ids_place(l, id);
    if (at < l->n && l->ids[at] == id)
        return;
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 8;
        l->ids = realloc(l->ids, l->cap * sizeof *l->ids);
        if (l->ids == NULL)
            abort();
    }
    memmove(l->ids + at + 1, l->ids + at, (l->n - at) * sizeof *l->ids);
    l->ids[at] = id;
    l->n++;
}

void plx_ids_fini(struct plx_ids *l)
{
    free(l->ids);
    *l = (struct plx_ids){0};
}

/* --- the list of faults --------------------------------------------------------------
 */

static void fault_fini(struct plx_fault *f)
{
    plx_ids_fini(&f->agents);
    plx_ids_fini(&f->monitors);
    plx_ids_fini(&f->dropped);
}

void plx_faults_fini(struct plx_faults *fs)
{
    for (uint32_t i = 0; i < fs->n; i++)
        fault_fini(&fs->list[i]);
    free(fs->list);
    free(fs->standing);
    *fs = (struct plx_faults){0};
}

static struct plx_fault *fault_add(struct plx_faults *fs)
{
    if (fs->n == fs->cap) {
        fs->cap = fs->cap ? fs->cap * 2 : 16;
        fs->list = realloc(fs->list, fs->cap * sizeof *fs->list);
        if (fs->list == NULL)
            abort();
    }
    fs->list[fs->n] = (struct plx_fault){.report = -1};
    return &fs->list[fs->n++];
}

/* Keeps the order of the rest. */
static void fault_remove(struct plx_faults *fs, uint32_t i)
{
    fault_fini(&fs->list[i]);
    memmove(&fs->list[i], &fs->list[i + 1], (fs->n - i - 1) * sizeof *fs->list);
    fs->n--;
}

const struct plx_standing *plx_faults_standing(const struct plx_faults *fs,
                                               uint32_t *ret_n)
{
    *ret_n = fs->n_standing;
    return fs->standing;
}

double plx_fault_confidence(const struct plx_fault *f)
{
    double c = 1.0 / (1.0 + exp(-f->margin));
    return c > 0.999 ? 0.999 : c;
}

/* --- meeting the story ---------------------------------------------------------------
 */

enum family { FAMILY_SERVER, FAMILY_PATH, FAMILY_VANTAGE };

static enum family family_of(const struct plx_scope *s)
{
    const struct plx_scope_kind *k = plx_scope_kind(s->type);
    return k->server ? FAMILY_SERVER : k->vantage ? FAMILY_VANTAGE : FAMILY_PATH;
}

static struct plx_fault *find_same(struct plx_faults *fs, const struct plx_scope *scope)
{
    for (uint32_t i = 0; i < fs->n; i++)
        if (fs->list[i].ended == 0 &&
            plx_scope_key(fs->list[i].scope) == plx_scope_key(*scope))
            return &fs->list[i];
    return NULL;
}

/* True when the story has a pick of exactly this scope. */
static bool is_told(const struct plx_cover *cover, const struct plx_scope *scope)
{
    uint32_t n;
    const struct plx_pick *picks = plx_cover_picks(cover, &n);
    for (uint32_t i = 0; i < n; i++)
        if (plx_scope_key(picks[i].scope) == plx_scope_key(*scope))
            return true;
    return false;
}

static uint32_t shared_cells(const struct plx_fault *f, const struct plx_cover *cover,
                             const struct plx_pick *pick)
{
    uint32_t n_fails, n = 0;
    const struct plx_fail *fails = plx_cover_fails(cover, &n_fails);
    const uint32_t *ex = plx_cover_explained(cover, pick);
    for (uint32_t i = 0; i < pick->n_fails; i++)
        if (plx_ids_has(&f->agents, fails[ex[i]].agent) &&
            (family_of(&f->scope) == FAMILY_VANTAGE ||
             plx_ids_has(&f->monitors, fails[ex[i]].monitor)))
            n++;
    return n;
}

/* An open fault of the same family that the story no longer tells and whose cells this
 * pick explains now: it is the same trouble seen more clearly. */
static struct plx_fault *find_former(struct plx_faults *fs, const struct plx_cover *cover,
                                     const struct plx_pick *pick, uint32_t now)
{
    struct plx_fault *best = NULL;
    uint32_t most = 0;
    for (uint32_t i = 0; i < fs->n; i++) {
        struct plx_fault *f = &fs->list[i];
        if (f->ended != 0 || f->seen || family_of(&f->scope) != family_of(&pick->scope) ||
            is_told(cover, &f->scope))
            continue;
        if (f->id != 0 && family_of(&f->scope) != FAMILY_SERVER &&
            now - f->told < PERSIST)
            continue; /* perhaps only for a moment */
        uint32_t n = shared_cells(f, cover, pick);
        if (n > most) {
            most = n;
            best = f;
        }
    }
    return best;
}

static void report(struct plx_fault *f, enum plx_judge_change change, uint32_t now)
{
    if (f->report != PLX_JUDGE_OPENED || change == PLX_JUDGE_CLOSED)
        f->report = (int8_t)change;
    f->said = now;
}

static void meet_one(struct plx_faults *fs, const struct plx_cover *cover,
                     const struct plx_pick *pick, uint32_t now)
{
    struct plx_fault *f = find_same(fs, &pick->scope);
    if (f == NULL) {
        f = find_former(fs, cover, pick, now);
        if (f != NULL) {
            f->sure = 0;
            if (f->id != 0)
                report(f, PLX_JUDGE_UPDATED, now);
        }
    }
    if (f == NULL) {
        f = fault_add(fs);
        f->born = now;
    }
    f->scope = pick->scope;
    if (f->id == 0 || pick->onset < f->onset || f->onset == 0)
        f->onset = pick->onset;
    f->gain = pick->gain;
    f->seen = true;
    f->told = now;
    if (!pick->has_margin)
        return;
    f->margin = pick->margin;
    f->margin_scope = pick->margin_scope;
    f->runner_up = pick->runner_up;
    f->has_runner_up = pick->has_runner_up;
}

static void meet(struct plx_faults *fs, const struct plx_cover *cover, uint32_t now)
{
    uint32_t n;
    const struct plx_pick *picks = plx_cover_picks(cover, &n);
    for (uint32_t i = 0; i < fs->n; i++)
        fs->list[i].seen = false;
    for (uint32_t i = 0; i < n; i++)
        meet_one(fs, cover, &picks[i], now);
}

/* --- members -------------------------------------------------------------------------
 */

struct surroundings {
    struct plx_cover *cover;
    struct plx_fleet *fleet;
    struct plx_evidence *ev;
    const struct plx_judge_policy *policy;
    uint32_t now;
};

/* How many distinct agents saw the monitor as expected after its last failure. */
static uint32_t recovered_views(const struct surroundings *x, uint32_t monitor,
                                const struct plx_fault *f, uint32_t *ret_live)
{
    const struct plx_fleet_monitor *m = &x->fleet->monitors[monitor];
    uint32_t last_fail = f->onset, n = 0, live = 0;
    uint32_t slack = TK(x->policy->slack_ns);
    for (uint32_t i = 0; i < m->n_cells; i++) {
        const struct plx_cell *c = &x->ev->cells[m->cell0 + i];
        if ((c->flags & PLX_CELL_FAILING) && plx_ids_has(&f->agents, c->agent) &&
            c->last > last_fail)
            last_fail = c->last;
    }
    for (uint32_t i = 0; i < m->n_cells; i++) {
        const struct plx_cell *c = &x->ev->cells[m->cell0 + i];
        live += plx_fleet_is_live(&x->fleet->agents[c->agent]);
        if ((c->flags & PLX_CELL_SEEN) && !(c->flags & PLX_CELL_FAILING) &&
            c->last > last_fail + slack)
            n++;
    }
    *ret_live = live;
    return n;
}

static bool is_recovered(const struct surroundings *x, uint32_t monitor,
                         const struct plx_fault *f)
{
    uint32_t live, n = recovered_views(x, monitor, f, &live);
    return n >= 2 || (n == 1 && live <= 1);
}

/* Monitors of the fault that the latest evidence says nothing about stay in it until they
 * are seen to be well again. */
static void members_keep(const struct surroundings *x, const struct plx_fault *f,
                         const struct plx_ids *old, struct plx_ids *new)
{
    for (uint32_t i = 0; i < old->n; i++) {
        uint32_t m = old->ids[i];
        if (!plx_ids_has(new, m) && plx_fleet_monitor(x->fleet, m) != NULL &&
            plx_scope_has_monitor(x->fleet, &f->scope, m) && !is_recovered(x, m, f))
            plx_ids_add(new, m);
    }
}

static bool same_ids(const struct plx_ids *a, const struct plx_ids *b)
{
    return a->n == b->n &&
           (a->n == 0 || memcmp(a->ids, b->ids, a->n * sizeof *a->ids) == 0);
}

static void members_vantage(const struct surroundings *x, struct plx_fault *f,
                            struct plx_ids *agents)
{
    const uint32_t *ids;
    uint32_t n;
    plx_scope_agents(x->fleet, &f->scope, &ids, &n);
    for (uint32_t i = 0; i < n; i++) {
        const struct plx_fleet_agent *a = &x->fleet->agents[ids[i]];
        plx_ids_add(agents, ids[i]);
        if (a->local_n > 0 && a->local_last > f->last_fail)
            f->last_fail = a->local_last;
    }
}

static void members_of_pick(const struct surroundings *x, struct plx_fault *f,
                            const struct plx_pick *pick, struct plx_ids *agents,
                            struct plx_ids *monitors)
{
    uint32_t n_fails;
    const struct plx_fail *fails = plx_cover_fails(x->cover, &n_fails);
    const uint32_t *ex = plx_cover_explained(x->cover, pick);
    for (uint32_t i = 0; i < pick->n_fails; i++) {
        const struct plx_fail *fail = &fails[ex[i]];
        if (fail->last > f->last_fail)
            f->last_fail = fail->last;
        plx_ids_add(agents, fail->agent);
        if (family_of(&f->scope) != FAMILY_VANTAGE)
            plx_ids_add(monitors, fail->monitor);
        x->ev->cells[fail->cell].flags |= PLX_CELL_COVERED;
    }
}

/* How many locations fail on the monitor since the fault began; 0 if not twice as many
 * as see it well. */
static uint32_t evidence_of(const struct surroundings *x, const struct plx_fault *f,
                            uint32_t monitor)
{
    const struct plx_fleet_monitor *m = &x->fleet->monitors[monitor];
    uint32_t since = f->onset + TK(x->policy->slack_ns), failing = 0, good = 0;
    for (uint32_t i = 0; i < m->n_cells; i++) {
        const struct plx_cell *c = &x->ev->cells[m->cell0 + i];
        if (!(c->flags & PLX_CELL_SEEN))
            continue;
        if (c->flags & PLX_CELL_FAILING) {
            failing += c->last >= f->onset;
            good += c->other > since;
        } else {
            good += c->last > since;
        }
    }
    return failing > 2 * good ? failing : 0;
}

/* A wide fault says nothing about a monitor in it that is seen to be well, nor about one
 * that a single location failed on while another has three: that may be an accident, and
 * is being asked about. */
static void members_without_evidence(const struct surroundings *x,
                                     const struct plx_fault *f, struct plx_ids *monitors)
{
    uint32_t n = 0, most = 0;
    if (family_of(&f->scope) != FAMILY_SERVER || f->scope.type == PLX_SCOPE_SERVICE)
        return;
    for (uint32_t i = 0; i < monitors->n; i++) {
        uint32_t k = evidence_of(x, f, monitors->ids[i]);
        most = k > most ? k : most;
    }
    for (uint32_t i = 0; i < monitors->n; i++)
        if (evidence_of(x, f, monitors->ids[i]) >= (most >= 3 ? 2 : 1))
            monitors->ids[n++] = monitors->ids[i];
    monitors->n = n;
}

static const struct plx_pick *pick_of(const struct plx_cover *cover,
                                      const struct plx_fault *f)
{
    uint32_t n;
    const struct plx_pick *picks = plx_cover_picks(cover, &n);
    for (uint32_t i = 0; i < n; i++)
        if (plx_scope_key(picks[i].scope) == plx_scope_key(f->scope))
            return &picks[i];
    return NULL;
}

/* An agent that saw the fault stays in it; one of a filter's subset leaves when it sees
 * the target well twice in a row. */
static bool stays(const struct surroundings *x, const struct plx_fault *f, uint32_t agent)
{
    if (!plx_scope_has_agent(x->fleet, &f->scope, agent))
        return false;
    if (!plx_scope_kind(f->scope.type)->filter)
        return true;
    for (uint32_t i = 0; i < f->monitors.n; i++) {
        const struct plx_cell *c =
            plx_evidence_cell(x->ev, &x->fleet->monitors[f->monitors.ids[i]], agent);
        if (c != NULL && (c->flags & PLX_CELL_SEEN) && !(c->flags & PLX_CELL_FAILING) &&
            c->n >= 2)
            return false;
    }
    return true;
}

static void members_update(const struct surroundings *x, struct plx_fault *f)
{
    const struct plx_pick *pick = f->seen ? pick_of(x->cover, f) : NULL;
    if (pick == NULL)
        return;
    struct plx_ids agents = {0}, monitors = {0};
    members_of_pick(x, f, pick, &agents, &monitors);
    members_without_evidence(x, f, &monitors);
    if (family_of(&f->scope) == FAMILY_VANTAGE)
        members_vantage(x, f, &agents);
    if (f->id != 0) {
        members_keep(x, f, &f->monitors, &monitors);
        for (uint32_t i = 0; i < f->agents.n; i++)
            if (stays(x, f, f->agents.ids[i]))
                plx_ids_add(&agents, f->agents.ids[i]);
    }
    bool same = same_ids(&agents, &f->agents) && same_ids(&monitors, &f->monitors);
    for (uint32_t i = 0; i < f->monitors.n; i++)
        if (f->id != 0 && !plx_ids_has(&monitors, f->monitors.ids[i]))
            plx_ids_add(&f->dropped, f->monitors.ids[i]);
    plx_ids_fini(&f->agents);
    plx_ids_fini(&f->monitors);
    f->agents = agents;
    f->monitors = monitors;
    if (!same && f->id != 0 && x->now - f->said >= SAY_AGAIN)
        report(f, PLX_JUDGE_UPDATED, x->now);
}

/* --- announcing ----------------------------------------------------------------------
 */

static uint32_t region_key(const struct plx_fleet *fleet, uint32_t agent)
{
    uint32_t r = fleet->agents[agent].region;
    return r == PLX_NO_UNIT ? 0x80000000u | agent : r;
}

static uint32_t distinct_regions(const struct plx_fleet *fleet, const uint32_t *agents,
                                 uint32_t n)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool again = false;
        for (uint32_t k = 0; k < i && !again; k++)
            again = region_key(fleet, agents[k]) == region_key(fleet, agents[i]);
        count += !again;
    }
    return count;
}

/* The live agents that watch any of the fault's monitors. */
static void watchers(const struct surroundings *x, const struct plx_fault *f,
                     struct plx_ids *ret)
{
    for (uint32_t i = 0; i < f->monitors.n && i < 64; i++) {
        const struct plx_fleet_monitor *m = &x->fleet->monitors[f->monitors.ids[i]];
        for (uint32_t k = 0; k < m->n_cells; k++) {
            uint32_t a = x->ev->cells[m->cell0 + k].agent;
            if (plx_fleet_is_live(&x->fleet->agents[a]) || plx_ids_has(&f->agents, a))
                plx_ids_add(ret, a);
        }
    }
}

/* Enough independent places: two regions, or all that are left; a lone view must persist.
 */
static bool has_places(const struct surroundings *x, const struct plx_fault *f)
{
    struct plx_ids who = {0};
    watchers(x, f, &who);
    uint32_t left = distinct_regions(x->fleet, who.ids, who.n);
    uint32_t seen = distinct_regions(x->fleet, f->agents.ids, f->agents.n);
    uint32_t n_left = who.n;
    plx_ids_fini(&who);
    if (f->agents.n >= 2)
        return (seen >= 2 || left < 2) && (f->agents.n >= 3 || n_left < 3);
    return n_left < 2 && f->last_fail >= f->onset + TK(x->policy->lone_ns);
}

/* A member of the fault that depends on something that is down already: the cause is
 * elsewhere, and has been paged. */
static bool is_consequence(const struct plx_faults *fs, const struct plx_fleet *fleet,
                           const struct plx_fault *f)
{
    if (f->scope.type != PLX_SCOPE_SERVICE)
        return false;
    const struct plx_fleet_monitor *m = &fleet->monitors[f->scope.x];
    for (uint32_t d = 0; d < m->n_depends; d++)
        for (uint32_t i = 0; i < fs->n; i++) {
            const struct plx_fault *g = &fs->list[i];
            if (g != f && plx_fault_is_open(g) && family_of(&g->scope) == FAMILY_SERVER &&
                plx_ids_has(&g->monitors, m->depends[d]))
                return true;
        }
    return false;
}

/* Every live location has failed on one of the fault's monitors since it began. (One that
 * saw them well speaks through the margin.) */
static bool all_have_spoken(const struct surroundings *x, const struct plx_fault *f)
{
    struct plx_ids who = {0};
    bool all = true;
    watchers(x, f, &who);
    for (uint32_t i = 0; i < who.n && all; i++)
        all = plx_ids_has(&f->agents, who.ids[i]);
    plx_ids_fini(&who);
    return all;
}

/* … or has been asked, and would have answered by now. */
static bool all_were_asked(const struct surroundings *x, const struct plx_fault *f)
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
static bool is_lone_view(const struct surroundings *x, const struct plx_fault *f)
{
    struct plx_ids who = {0};
    watchers(x, f, &who);
    bool lone = who.n == 1;
    plx_ids_fini(&who);
    return lone;
}

static bool server_may_be_said(const struct surroundings *x, struct plx_fault *f)
{
    bool guard = !(x->policy->without & PLX_JUDGE_WITHOUT_GUARD);
    double margin = is_lone_view(x, f) ? f->gain : f->margin;
    if (guard && (margin < x->policy->theta || !has_places(x, f)))
        return false;
    if (f->sure == 0)
        f->sure = x->now;
    if (guard && x->now - f->sure < HUSH && !all_were_asked(x, f) &&
        !all_have_spoken(x, f))
        return false;
    return f->margin_scope >= SCOPE_CLEAR || x->now - f->sure >= TK(x->policy->settle_ns);
}

static bool all_silent(const struct surroundings *x, const struct plx_fault *f)
{
    for (uint32_t i = 0; i < f->agents.n; i++)
        if (!x->fleet->agents[f->agents.ids[i]].silent)
            return false;
    return f->agents.n > 0;
}

static bool any_silent(const struct surroundings *x, const struct plx_fault *f)
{
    for (uint32_t i = 0; i < f->agents.n; i++)
        if (x->fleet->agents[f->agents.ids[i]].silent)
            return true;
    return false;
}

/* The longest interval of the fault's monitors: within one, every view near it has been
 * renewed. */
static uint32_t period_of(const struct surroundings *x, const struct plx_fault *f)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < f->monitors.n; i++) {
        uint32_t p = x->fleet->monitors[f->monitors.ids[i]].interval_tk;
        most = p > most ? p : most;
    }
    if (f->monitors.n > 0)
        return most;
    for (uint32_t i = 0; i < f->agents.n; i++) {
        uint32_t p = TK(x->fleet->agents[f->agents.ids[i]].min_interval_ns);
        most = p > most ? p : most;
    }
    return most;
}

/* Failures of a path must not depend on when one looks: most of its cells must have
 * failed between their scheduled probes, too. A service that comes and goes with a period
 * near the interval looks like a filter otherwise. Monitors probed several times within
 * such a period are looked at often enough as it is. */
static bool fails_off_phase(const struct surroundings *x, const struct plx_fault *f)
{
    uint32_t n = 0, off = 0;
    for (uint32_t i = 0; i < f->monitors.n; i++) {
        const struct plx_fleet_monitor *m = &x->fleet->monitors[f->monitors.ids[i]];
        for (uint32_t k = 0; k < m->n_cells; k++) {
            const struct plx_cell *c = &x->ev->cells[m->cell0 + k];
            if (!(c->flags & PLX_CELL_FAILING) || !plx_ids_has(&f->agents, c->agent))
                continue;
            n++;
            off += m->interval_tk <= TK(x->policy->burst_ns) ||
                   c->n_apart >= 2 + (c->last - c->first) / m->interval_tk;
        }
    }
    return off * 2 >= n || x->now - f->onset > PATIENCE;
}

/* Do those that are not in it fail now and then, too? Then it is no path but the target,
 * and not hard: loss. */
static bool others_are_well(const struct surroundings *x, const struct plx_fault *f)
{
    double loss = 0;
    uint32_t n = 0, flipped = 0; /* seen well, and failing shortly before */
    for (uint32_t i = 0; i < f->monitors.n; i++) {
        const struct plx_fleet_monitor *m = &x->fleet->monitors[f->monitors.ids[i]];
        for (uint32_t k = 0; k < m->n_cells; k++) {
            const struct plx_cell *c = &x->ev->cells[m->cell0 + k];
            if (!(c->flags & PLX_CELL_SEEN) || (c->flags & PLX_CELL_COVERED) ||
                plx_ids_has(&f->agents, c->agent))
                continue;
            n++;
            loss += c->loss / 65535.0;
            uint32_t back =
                f->onset > 2 * m->interval_tk ? f->onset - 2 * m->interval_tk : 0;
            flipped += !(c->flags & PLX_CELL_FAILING) && c->other >= back && c->other > 0;
        }
    }
    return n == 0 || (loss / n < OTHERS_LOSS && flipped * 4 <= n);
}

static bool other_may_be_said(const struct surroundings *x, const struct plx_fault *f)
{
    bool ours = family_of(&f->scope) == FAMILY_VANTAGE;
    if (ours && all_silent(x, f))
        return x->now - f->born >= TK(x->policy->settle_ns);
    if (ours && f->gain > OBVIOUS && f->margin > OBVIOUS / 10)
        return x->now - f->onset >= TK(x->policy->settle_ns);
    uint32_t wait = TK(x->policy->settle_other_ns) + period_of(x, f);
    if (x->now - f->onset < wait || f->last_fail < f->onset + wait / 3 ||
        x->now - f->born < TK(x->policy->settle_other_ns))
        return false;
    if (!ours && (!fails_off_phase(x, f) || !others_are_well(x, f)))
        return false;
    if (f->margin >= x->policy->theta_other)
        return true;
    return f->margin > 0.3 && f->gain >= x->policy->theta_other &&
           x->now - f->onset >= PATIENCE;
}

static void announce(struct plx_faults *fs, const struct surroundings *x,
                     struct plx_fault *f)
{
    bool server = family_of(&f->scope) == FAMILY_SERVER;
    if (!f->seen || f->id != 0)
        return;
    if (!(server ? server_may_be_said(x, f) : other_may_be_said(x, f)))
        return;
    f->id = ++fs->last_id;
    f->page = server && !is_consequence(fs, x->fleet, f);
    report(f, PLX_JUDGE_OPENED, x->now);
}

/* --- ending --------------------------------------------------------------------------
 */

static bool explains(const struct plx_fault *f, uint32_t monitor, uint32_t agent)
{
    return plx_ids_has(&f->agents, agent) &&
           (family_of(&f->scope) == FAMILY_VANTAGE || plx_ids_has(&f->monitors, monitor));
}

/* Another open fault explains the cell as well. */
static bool is_shared(const struct plx_faults *fs, const struct plx_fault *f,
                      uint32_t monitor, uint32_t agent)
{
    for (uint32_t i = 0; i < fs->n; i++)
        if (&fs->list[i] != f && plx_fault_is_open(&fs->list[i]) &&
            explains(&fs->list[i], monitor, agent))
            return true;
    return false;
}

/* The newest failure in the fault's scope that no other fault explains. */
static uint32_t newest_failure(const struct plx_faults *fs, const struct surroundings *x,
                               const struct plx_fault *f)
{
    uint32_t newest = f->last_fail;
    for (uint32_t w = 0; w * 64 < x->ev->n_cells; w++)
        for (uint64_t bits = x->ev->failing[w]; bits != 0; bits &= bits - 1) {
            uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(bits);
            const struct plx_cell *c = &x->ev->cells[i];
            if (c->last > newest && plx_ids_has(&f->agents, c->agent) &&
                plx_scope_has_monitor(x->fleet, &f->scope, x->ev->owner[i]) &&
                !is_shared(fs, f, x->ev->owner[i], c->agent))
                newest = c->last;
        }
    return newest;
}

struct revival {
    uint32_t agents, cells, events;
};

static void revive_monitor(const struct surroundings *x, const struct plx_fault *f,
                           uint32_t monitor, uint32_t since, struct plx_ids *agents,
                           struct revival *r)
{
    const struct plx_fleet_monitor *m = &x->fleet->monitors[monitor];
    bool server = family_of(&f->scope) == FAMILY_SERVER;
    for (uint32_t i = 0; i < m->n_cells; i++) {
        const struct plx_cell *c = &x->ev->cells[m->cell0 + i];
        if (!(c->flags & PLX_CELL_SEEN) || (c->flags & PLX_CELL_FAILING) ||
            c->last <= since)
            continue;
        if (!server && !plx_ids_has(&f->agents, c->agent))
            continue;
        plx_ids_add(agents, c->agent);
        r->cells++;
        r->events += c->first > since ? c->n : 1u;
    }
}

/* What was seen to be well inside the fault since its newest failure. */
static struct revival revival_of(const struct surroundings *x, const struct plx_fault *f,
                                 uint32_t since)
{
    struct revival r = {0};
    struct plx_ids agents = {0};
    if (family_of(&f->scope) == FAMILY_VANTAGE) {
        for (uint32_t i = 0; i < f->agents.n; i++) {
            const struct plx_fleet_agent *a = &x->fleet->agents[f->agents.ids[i]];
            uint32_t n = plx_evidence_opens(a, since);
            if (!a->silent && a->local_n == 0 && n > 0)
                r.agents++;
            r.events += n;
        }
    } else {
        for (uint32_t i = 0; i < f->monitors.n; i++)
            revive_monitor(x, f, f->monitors.ids[i], since, &agents, &r);
        r.agents = agents.n;
    }
    plx_ids_fini(&agents);
    return r;
}

/* Has any of a vantage fault's agents seen anything well lately? Cheap, and usually not.
 */
static bool stirs(const struct surroundings *x, const struct plx_fault *f)
{
    if (family_of(&f->scope) != FAMILY_VANTAGE)
        return true;
    uint32_t since = x->now > 2 * QUIET ? x->now - 2 * QUIET : 0;
    for (uint32_t i = 0; i < f->agents.n; i++)
        if (plx_evidence_opens(&x->fleet->agents[f->agents.ids[i]], since) > 0)
            return true;
    return false;
}

static bool is_over(const struct plx_faults *fs, const struct surroundings *x,
                    const struct plx_fault *f)
{
    if (!stirs(x, f))
        return false;
    uint32_t newest = newest_failure(fs, x, f);
    uint32_t from = (newest > f->onset ? newest : f->onset) + TK(x->policy->slack_ns);
    if (x->now < from + QUIET)
        return false;
    struct revival r = revival_of(x, f, from);
    switch (family_of(&f->scope)) {
    case FAMILY_SERVER: {
        struct plx_ids who = {0};
        watchers(x, f, &who);
        uint32_t need = who.n < 2 ? 1 : 2;
        plx_ids_fini(&who);
        return r.agents >= need && r.events >= 2;
    }
    case FAMILY_VANTAGE:
        if (any_silent(x, f) && f->agents.n == 1)
            return false;
        return r.events >= 2 && r.agents * 2 >= f->agents.n;
    case FAMILY_PATH:
        break;
    }
    return r.events >= 2 || r.cells >= 2;
}

/* Everything the fault explained is explained by others now. */
static bool is_superseded(const struct surroundings *x, const struct plx_fault *f)
{
    if (f->seen || x->now - f->told < PERSIST)
        return false;
    uint32_t n, n_mine = 0, n_taken = 0;
    const struct plx_fail *fails = plx_cover_fails(x->cover, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (!plx_ids_has(&f->agents, fails[i].agent) ||
            !plx_scope_has_monitor(x->fleet, &f->scope, fails[i].monitor) ||
            !plx_scope_has_agent(x->fleet, &f->scope, fails[i].agent))
            continue;
        n_mine++;
        n_taken += fails[i].by >= 0;
    }
    return n_mine > 0 && n_taken == n_mine;
}

static void end(const struct plx_faults *fs, struct plx_fault *f,
                const struct surroundings *x)
{
    uint32_t newest = newest_failure(fs, x, f);
    f->ended = newest > 0 ? newest : x->now;
    report(f, PLX_JUDGE_CLOSED, x->now);
}

static void supersede(struct plx_fault *f, const struct surroundings *x)
{
    f->ended = 1; /* it claims no failures: they belong to another fault */
    report(f, PLX_JUDGE_CLOSED, x->now);
}

static void flag_agents(struct plx_faults *fs, struct plx_fleet *fleet)
{
    for (uint32_t a = 0; a < fleet->n_agents; a++)
        fleet->agents[a].faulty = false;
    for (uint32_t i = 0; i < fs->n; i++) {
        const struct plx_fault *f = &fs->list[i];
        if (f->ended != 0 || family_of(&f->scope) != FAMILY_VANTAGE ||
            (f->id == 0 && f->margin < 3))
            continue;
        for (uint32_t k = 0; k < f->agents.n; k++)
            fleet->agents[f->agents.ids[k]].faulty = true;
    }
}

static void ids_remove(struct plx_ids *l, uint32_t id)
{
    uint32_t at = ids_place(l, id);
    if (at == l->n || l->ids[at] != id)
        return;
    l->n--;
    memmove(l->ids + at, l->ids + at + 1, (l->n - at) * sizeof *l->ids);
}

void plx_faults_forget_monitor(struct plx_faults *fs, const struct plx_fleet *fleet,
                               uint32_t monitor)
{
    (void)fleet;
    for (uint32_t i = fs->n; i-- > 0;) {
        struct plx_fault *f = &fs->list[i];
        bool about = (f->scope.type == PLX_SCOPE_SERVICE ||
                      f->scope.type == PLX_SCOPE_FILTER_MONITOR) &&
                     f->scope.x == monitor;
        ids_remove(&f->monitors, monitor);
        ids_remove(&f->dropped, monitor);
        if (about)
            fault_remove(fs, i);
    }
}

void plx_faults_forget_agent(struct plx_faults *fs, const struct plx_fleet *fleet,
                             uint32_t agent)
{
    (void)fleet;
    for (uint32_t i = fs->n; i-- > 0;) {
        struct plx_fault *f = &fs->list[i];
        bool about =
            (f->scope.type == PLX_SCOPE_AGENT || f->scope.type == PLX_SCOPE_AGENT_HOST ||
             f->scope.type == PLX_SCOPE_AGENT_PREFIX) &&
            f->scope.y == agent;
        ids_remove(&f->agents, agent);
        if (about)
            fault_remove(fs, i);
    }
}

static void drop_forgotten(struct plx_faults *fs)
{
    for (uint32_t i = fs->n; i-- > 0;)
        if (fs->list[i].id == 0 && !fs->list[i].seen)
            fault_remove(fs, i);
}

void plx_faults_update(struct plx_faults *fs, struct plx_cover *cover,
                       struct plx_fleet *fleet, struct plx_evidence *ev,
                       const struct plx_judge_policy *policy, uint32_t now)
{
    struct surroundings x = {cover, fleet, ev, policy, now};
    meet(fs, cover, now);
    drop_forgotten(fs);
    for (uint32_t i = 0; i < fs->n; i++)
        if (fs->list[i].ended == 0)
            members_update(&x, &fs->list[i]);
    flag_agents(fs, fleet);
    for (uint32_t i = 0; i < fs->n; i++) {
        struct plx_fault *f = &fs->list[i];
        if (f->ended != 0)
            continue;
        announce(fs, &x, f);
        if (f->id == 0)
            continue;
        if (is_superseded(&x, f))
            supersede(f, &x);
    }
    flag_agents(fs, fleet);
}

/* Up to when failures are this fault's alone: its end, or its newest failure if something
 * in it was seen to be well since (it may be ending); 0 otherwise. */
static uint32_t claims_until(const struct plx_faults *fs, const struct surroundings *x,
                             const struct plx_fault *f)
{
    if (f->ended != 0 || !stirs(x, f))
        return f->ended;
    uint32_t newest = newest_failure(fs, x, f);
    uint32_t from = (newest > f->onset ? newest : f->onset) + TK(x->policy->slack_ns);
    struct revival r = revival_of(x, f, from);
    uint32_t cells = f->agents.n * (f->monitors.n ? f->monitors.n : 4);
    return r.events >= (cells >= 4 ? 2 : 1) ? newest : 0;
}

/* Failures up to the end of a fault were its for good: what its cells' runs keep is what
 * came after. */
static void write_off(const struct surroundings *x, const struct plx_fault *f)
{
    for (uint32_t w = 0; w * 64 < x->ev->n_cells; w++)
        for (uint64_t bits = x->ev->failing[w]; bits != 0; bits &= bits - 1) {
            uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(bits);
            struct plx_cell *c = &x->ev->cells[i];
            if (c->first > f->ended || c->last <= f->ended ||
                !plx_scope_has_agent(x->fleet, &f->scope, c->agent) ||
                !plx_scope_has_monitor(x->fleet, &f->scope, x->ev->owner[i]))
                continue;
            uint32_t period = x->fleet->monitors[x->ev->owner[i]].interval_tk;
            uint32_t n = 1 + (c->last - f->ended) / period;
            c->first = f->ended + 1;
            c->n_apart = n < c->n_apart ? (uint8_t)n : c->n_apart;
            c->n = c->n_apart;
            c->n_other = 0;
        }
}

static void list_standing(struct plx_faults *fs, const struct surroundings *x)
{
    if (fs->cap_standing < fs->n) {
        fs->standing = realloc(fs->standing, (fs->n + 16) * sizeof *fs->standing);
        if (fs->standing == NULL)
            abort();
        fs->cap_standing = fs->n + 16;
    }
    fs->n_standing = 0;
    for (uint32_t i = 0; i < fs->n; i++) {
        const struct plx_fault *f = &fs->list[i];
        if (f->id == 0)
            continue;
        if (f->ended > 1)
            write_off(x, f);
        fs->standing[fs->n_standing++] = (struct plx_standing){
            .scope = f->scope,
            .onset = f->onset,
            .ended = claims_until(fs, x, f),
            .open = f->ended == 0,
        };
    }
}

void plx_faults_end(struct plx_faults *fs, struct plx_cover *cover,
                    struct plx_fleet *fleet, struct plx_evidence *ev,
                    const struct plx_judge_policy *policy, uint32_t now)
{
    struct surroundings x = {cover, fleet, ev, policy, now};
    for (uint32_t i = 0; i < fs->n; i++)
        if (plx_fault_is_open(&fs->list[i]) && is_over(fs, &x, &fs->list[i]))
            end(fs, &fs->list[i], &x);
    flag_agents(fs, fleet);
    list_standing(fs, &x);
}

void plx_faults_reported(struct plx_faults *fs, uint32_t now, uint32_t keep_ticks)
{
    for (uint32_t i = fs->n; i-- > 0;) {
        struct plx_fault *f = &fs->list[i];
        if (f->report >= 0)
            f->dropped.n = 0;
        f->report = -1;
        if (f->ended != 0 && (f->ended == 1 || now - f->said > keep_ticks))
            fault_remove(fs, i);
    }
}
