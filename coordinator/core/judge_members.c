#include "coordinator/core/judge_members.h"

/* Changes of members are reported at most this often. */
#define SAY_AGAIN PLX_TK(10 * PLX_SEC_NS)

/* How many distinct agents saw the monitor as expected after its last failure. */
static uint32_t recovered_views(const struct plx_surroundings *x, uint32_t monitor,
                                const struct plx_fault *f, uint32_t *ret_live)
{
    const struct plx_fleet_monitor *m = &x->fleet->monitors[monitor];
    uint32_t last_fail = f->onset, n = 0, live = 0;
    uint32_t slack = PLX_TK(x->policy->slack_ns);
    for (uint32_t i = 0; i < m->n_cells; i++) {
        const struct plx_cell view = plx_cell_at(x->ev, m, i), *c = &view;
        if ((c->flags & PLX_CELL_FAILING) && plx_ids_has(&f->agents, c->agent) &&
            c->last > last_fail)
            last_fail = c->last;
    }
    for (uint32_t i = 0; i < m->n_cells; i++) {
        const struct plx_cell view = plx_cell_at(x->ev, m, i), *c = &view;
        live += plx_fleet_is_live(&x->fleet->agents[c->agent]);
        if ((c->flags & PLX_CELL_SEEN) && !(c->flags & PLX_CELL_FAILING) &&
            c->last > last_fail + slack)
            n++;
    }
    *ret_live = live;
    return n;
}

static bool is_recovered(const struct plx_surroundings *x, uint32_t monitor,
                         const struct plx_fault *f)
{
    uint32_t live, n = recovered_views(x, monitor, f, &live);
    return n >= 2 || (n == 1 && live <= 1);
}

/* Monitors of the fault that the latest evidence says nothing about stay in it until they
 * are seen to be well again, or nobody looks any more. */
static void members_keep(const struct plx_surroundings *x, const struct plx_fault *f,
                         const struct plx_ids *old, struct plx_ids *new)
{
    for (uint32_t i = 0; i < old->n; i++) {
        uint32_t m = old->ids[i];
        if (!plx_ids_has(new, m) && plx_fleet_monitor(x->fleet, m) != NULL &&
            x->fleet->monitors[m].n_cells > 0 &&
            plx_scope_has_monitor(x->fleet, &f->scope, m) && !is_recovered(x, m, f))
            plx_ids_add(new, m);
    }
}

static void members_vantage(const struct plx_surroundings *x, struct plx_fault *f,
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

static void members_of_pick(const struct plx_surroundings *x, struct plx_fault *f,
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
        if (plx_family_of(&f->scope) != PLX_FAMILY_VANTAGE)
            plx_ids_add(monitors, fail->monitor);
        x->ev->cells.at[fail->cell].flags |= PLX_CELL_COVERED;
    }
}

/* How many locations fail on the monitor since the fault began (again); 0 if not twice as
 * many as see it well. One that failed a second time sees it well no more, though it did
 * since then: it came again. */
static uint32_t evidence_of(const struct plx_surroundings *x, const struct plx_fault *f,
                            uint32_t monitor)
{
    const struct plx_fleet_monitor *m = &x->fleet->monitors[monitor];
    uint32_t since = f->since + PLX_TK(x->policy->slack_ns), failing = 0, good = 0;
    for (uint32_t i = 0; i < m->n_cells; i++) {
        const struct plx_cell view = plx_cell_at(x->ev, m, i), *c = &view;
        if (!(c->flags & PLX_CELL_SEEN))
            continue;
        if (c->flags & PLX_CELL_FAILING) {
            failing += c->last >= f->since;
            good += c->other > since && c->n < 2;
        } else {
            good += c->last > since;
        }
    }
    return failing > 2 * good ? failing : 0;
}

/* A wide fault says nothing about a monitor in it that is seen to be well, nor about one
 * that a single location failed on while another has three: that may be an accident, and
 * is being asked about. */
static void members_without_evidence(const struct plx_surroundings *x,
                                     const struct plx_fault *f, struct plx_ids *monitors)
{
    uint32_t n = 0, most = 0;
    if (plx_family_of(&f->scope) != PLX_FAMILY_SERVER ||
        f->scope.type == PLX_SCOPE_SERVICE)
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
static bool stays(const struct plx_surroundings *x, const struct plx_fault *f,
                  uint32_t agent)
{
    if (!plx_scope_has_agent(x->fleet, &f->scope, agent))
        return false;
    if (!plx_scope_kind(f->scope.type)->filter)
        return true;
    for (uint32_t i = 0; i < f->monitors.n; i++) {
        const struct plx_fleet_monitor *m = &x->fleet->monitors[f->monitors.ids[i]];
        uint32_t k = plx_evidence_place(m, agent);
        if (k == PLX_NO_CELL)
            continue;
        const struct plx_cell c = plx_cell_at(x->ev, m, k);
        if ((c.flags & PLX_CELL_SEEN) && !(c.flags & PLX_CELL_FAILING) && c.n >= 2)
            return false;
    }
    return true;
}

void plx_members_update(const struct plx_surroundings *x, struct plx_fault *f)
{
    const struct plx_pick *pick = f->seen ? pick_of(x->cover, f) : NULL;
    if (pick == NULL)
        return;
    struct plx_ids agents = {0}, monitors = {0};
    members_of_pick(x, f, pick, &agents, &monitors);
    members_without_evidence(x, f, &monitors);
    if (plx_family_of(&f->scope) == PLX_FAMILY_VANTAGE)
        members_vantage(x, f, &agents);
    if (f->id != 0) {
        members_keep(x, f, &f->monitors, &monitors);
        for (uint32_t i = 0; i < f->agents.n; i++)
            if (stays(x, f, f->agents.ids[i]))
                plx_ids_add(&agents, f->agents.ids[i]);
    }
    bool same =
        plx_ids_same(&agents, &f->agents) && plx_ids_same(&monitors, &f->monitors);
    for (uint32_t i = 0; i < f->monitors.n; i++)
        if (f->id != 0 && !plx_ids_has(&monitors, f->monitors.ids[i]))
            plx_ids_add(&f->dropped, f->monitors.ids[i]);
    plx_ids_fini(&f->agents);
    plx_ids_fini(&f->monitors);
    f->agents = agents;
    f->monitors = monitors;
    f->unsaid |= !same;
    if (f->unsaid && f->id != 0 && x->now - f->said >= SAY_AGAIN)
        plx_fault_report(f, PLX_JUDGE_UPDATED, x->now);
}
