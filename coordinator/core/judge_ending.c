#include "coordinator/core/judge_ending.h"

#include "coordinator/core/judge_hold.h"

/* A fault is over only so long after its newest failure: a timeout that began since would
 * have been heard of by then. */
#define QUIET PLX_TK(8 * PLX_SEC_NS)

/* --- its newest failure --------------------------------------------------------- */

static void see_failure(const struct plx_faults *fs, const struct plx_surroundings *x,
                        const struct plx_fault *f, uint32_t monitor,
                        const struct plx_cell *c, uint32_t *newest)
{
    if (c->last > *newest && plx_ids_has(&f->agents, c->agent) &&
        plx_scope_has_monitor(x->fleet, &f->scope, monitor) &&
        !plx_fault_is_explained(fs, f, monitor, c->agent))
        *newest = c->last;
}

/* The newest failure of a fault of ours. A busy agent fails as long as a good share of
 * its probes does: single lost packets are nothing new. */
static uint32_t newest_of_agents(const struct plx_faults *fs,
                                 const struct plx_surroundings *x,
                                 const struct plx_fault *f)
{
    uint32_t newest = f->last_fail, n_busy = 0;
    for (uint32_t i = 0; i < f->agents.n; i++) {
        const struct plx_fleet_agent *a = &x->fleet->agents[f->agents.ids[i]];
        if (!plx_evidence_is_busy(a))
            continue;
        uint32_t bad = plx_evidence_bad_until(a);
        newest = bad > newest ? bad : newest;
        n_busy++;
    }
    if (n_busy == f->agents.n)
        return newest;
    for (uint32_t w = 0; w * 64 < x->ev->cells.n; w++)
        for (uint64_t bits = x->ev->cells.failing[w]; bits != 0; bits &= bits - 1) {
            uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(bits);
            uint32_t monitor = plx_cells_owner(&x->ev->cells, i);
            const struct plx_fleet_monitor *m = &x->fleet->monitors[monitor];
            const struct plx_cell c = plx_cell_at(x->ev, m, i - m->cell0);
            if (!plx_evidence_is_busy(&x->fleet->agents[c.agent]))
                see_failure(fs, x, f, monitor, &c, &newest);
        }
    return newest;
}

/* The newest failure in the fault's scope that no other fault explains. */
static uint32_t newest_failure(const struct plx_faults *fs,
                               const struct plx_surroundings *x,
                               const struct plx_fault *f)
{
    if (plx_family_of(&f->scope) == PLX_FAMILY_VANTAGE)
        return newest_of_agents(fs, x, f);
    uint32_t newest = f->last_fail, n;
    const uint32_t *ids;
    plx_scope_monitors(x->fleet, &f->scope, &ids, &n);
    for (uint32_t i = 0; i < n; i++) {
        const struct plx_fleet_monitor *m = &x->fleet->monitors[ids[i]];
        for (uint32_t k = 0; k < m->n_cells; k++) {
            const struct plx_cell c = plx_cell_at(x->ev, m, k);
            if (c.flags & PLX_CELL_FAILING)
                see_failure(fs, x, f, ids[i], &c, &newest);
        }
    }
    return newest;
}

/* --- what is well again --------------------------------------------------------- */

struct revival {
    uint32_t agents, cells, events;
};

static void revive_monitor(const struct plx_surroundings *x, const struct plx_fault *f,
                           uint32_t monitor, uint32_t since, struct plx_ids *agents,
                           struct revival *r)
{
    const struct plx_fleet_monitor *m = &x->fleet->monitors[monitor];
    bool server = plx_family_of(&f->scope) == PLX_FAMILY_SERVER;
    for (uint32_t i = 0; i < m->n_cells; i++) {
        const struct plx_cell view = plx_cell_at(x->ev, m, i), *c = &view;
        if (!(c->flags & PLX_CELL_SEEN) || (c->flags & PLX_CELL_FAILING) ||
            c->last <= since)
            continue;
        bool in = plx_ids_has(&f->agents, c->agent);
        if (!in && (!server || !plx_fleet_is_live(&x->fleet->agents[c->agent])))
            continue; /* what gets through a fault of ours now and then ends nothing */
        plx_ids_add(agents, c->agent);
        r->cells++;
        r->events += c->first > since ? c->n : 1u;
    }
}

/* What was seen to be well inside the fault since its newest failure. */
static struct revival revival_of(const struct plx_surroundings *x,
                                 const struct plx_fault *f, uint32_t since)
{
    struct revival r = {0};
    struct plx_ids agents = {0};
    if (plx_family_of(&f->scope) == PLX_FAMILY_VANTAGE) {
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
static bool stirs(const struct plx_surroundings *x, const struct plx_fault *f)
{
    if (plx_family_of(&f->scope) != PLX_FAMILY_VANTAGE)
        return true;
    uint32_t since = x->now > 2 * QUIET ? x->now - 2 * QUIET : 0;
    for (uint32_t i = 0; i < f->agents.n; i++)
        if (plx_evidence_opens(&x->fleet->agents[f->agents.ids[i]], since) > 0)
            return true;
    return false;
}

static bool any_silent(const struct plx_surroundings *x, const struct plx_fault *f)
{
    for (uint32_t i = 0; i < f->agents.n; i++)
        if (x->fleet->agents[f->agents.ids[i]].silent)
            return true;
    return false;
}

/* --- over ----------------------------------------------------------------------- */

bool plx_ending_is_over(const struct plx_faults *fs, const struct plx_surroundings *x,
                        const struct plx_fault *f)
{
    if (!stirs(x, f))
        return false;
    uint32_t newest = newest_failure(fs, x, f);
    uint32_t from = (newest > f->onset ? newest : f->onset) + PLX_TK(x->policy->slack_ns);
    if (x->now < from + QUIET)
        return false;
    struct revival r = revival_of(x, f, from);
    switch (plx_family_of(&f->scope)) {
    case PLX_FAMILY_SERVER: {
        struct plx_ids who = {0};
        plx_fault_watchers(fs, x, f, &who);
        uint32_t need = who.n < 2 ? 1 : 2;
        plx_ids_fini(&who);
        return r.agents >= need && r.events >= 2;
    }
    case PLX_FAMILY_VANTAGE:
        if (any_silent(x, f) && f->agents.n == 1)
            return false;
        return r.events >= 2 && r.agents * 2 >= f->agents.n;
    case PLX_FAMILY_PATH:
        break;
    }
    return r.events >= 2 || r.cells >= 2;
}

void plx_ending_close(const struct plx_faults *fs, struct plx_fault *f,
                      const struct plx_surroundings *x)
{
    uint32_t newest = newest_failure(fs, x, f);
    f->ended = newest > 0 ? newest : x->now;
    plx_fault_report(f, PLX_JUDGE_CLOSED, x->now);
}

/* All are heard from, and none watches anything any more. */
static bool are_idle(const struct plx_fleet *fleet, const struct plx_ids *agents)
{
    for (uint32_t i = 0; i < agents->n; i++)
        if (fleet->agents[agents->ids[i]].silent ||
            fleet->agents[agents->ids[i]].n_cells > 0)
            return false;
    return true;
}

/* Nobody walks the way any more: its agents watch other things, and whoever watches these
 * cannot tell when it is well again. So it is with agents that watch nothing. */
static bool is_deserted(const struct plx_surroundings *x, const struct plx_fault *f)
{
    if (plx_family_of(&f->scope) == PLX_FAMILY_VANTAGE)
        return are_idle(x->fleet, &f->agents);
    if (plx_family_of(&f->scope) != PLX_FAMILY_PATH)
        return false;
    for (uint32_t i = 0; i < f->monitors.n; i++) {
        const struct plx_fleet_monitor *m = &x->fleet->monitors[f->monitors.ids[i]];
        for (uint32_t k = 0; k < m->n_cells; k++)
            if (plx_ids_has(&f->agents, m->watchers->agents[k]))
                return false;
    }
    return true;
}

bool plx_ending_is_superseded(const struct plx_faults *fs,
                              const struct plx_surroundings *x, const struct plx_fault *f)
{
    if (f->seen || x->now - f->told < PLX_FAULT_PERSIST)
        return false;
    if (f->monitors.n == 0 && plx_family_of(&f->scope) != PLX_FAMILY_VANTAGE)
        return true; /* nothing in it is seen to fail any more */
    if (is_deserted(x, f))
        return true;
    uint32_t n, n_mine = 0, n_taken = 0;
    const struct plx_fail *fails = plx_cover_fails(x->cover, &n);
    /* What fails for all who look stays down until something else may be said of it. */
    bool firm = plx_fault_is_firm(f) && plx_fault_is_dark(x, f, false);
    for (uint32_t i = 0; i < n; i++) {
        if (!plx_ids_has(&f->agents, fails[i].agent) ||
            !plx_scope_has_monitor(x->fleet, &f->scope, fails[i].monitor) ||
            !plx_scope_has_agent(x->fleet, &f->scope, fails[i].agent))
            continue;
        n_mine++;
        n_taken +=
            fails[i].by >= 0 &&
            (!firm || plx_fault_is_explained(fs, f, fails[i].monitor, fails[i].agent));
    }
    return n_mine > 0 && n_taken == n_mine;
}

void plx_ending_supersede(struct plx_fault *f, const struct plx_surroundings *x)
{
    f->ended = 1; /* it claims no failures: they belong to another fault */
    plx_fault_report(f, PLX_JUDGE_CLOSED, x->now);
}

/* --- whose the last failures were ----------------------------------------------- */

uint32_t plx_ending_claims_until(const struct plx_faults *fs,
                                 const struct plx_surroundings *x,
                                 const struct plx_fault *f)
{
    if (f->ended != 0 || !stirs(x, f))
        return f->ended;
    uint32_t newest = newest_failure(fs, x, f);
    uint32_t from = (newest > f->onset ? newest : f->onset) + PLX_TK(x->policy->slack_ns);
    struct revival r = revival_of(x, f, from);
    uint32_t cells = f->agents.n * (f->monitors.n ? f->monitors.n : 4);
    return r.events >= (cells >= 4 ? 2 : 1) ? newest : 0;
}

/* Returns true when it took failures from the cell. */
static bool write_off_cell(const struct plx_surroundings *x, const struct plx_fault *f,
                           uint32_t monitor, struct plx_cell *c)
{
    if (c->first > f->ended || c->last <= f->ended ||
        !plx_scope_has_agent(x->fleet, &f->scope, c->agent) ||
        !plx_scope_has_monitor(x->fleet, &f->scope, monitor))
        return false;
    c->n = c->n_apart =
        plx_hold_left(f->ended, c->last, x->fleet->monitors[monitor].terms->interval_tk,
                      c->n_apart, &c->first);
    c->n_other = 0;
    return true;
}

static bool has_claim(const struct plx_fault *f)
{
    return f->id != 0 && f->ended > 1 && plx_fault_is_told(f);
}

/* Takes what the faults that are over claim from one cell. */
static void write_off_from(const struct plx_faults *fs, const struct plx_surroundings *x,
                           uint32_t monitor, uint32_t i)
{
    const struct plx_fleet_monitor *m = &x->fleet->monitors[monitor];
    struct plx_cell c = plx_cell_at(x->ev, m, i - m->cell0);
    bool took = false;
    for (uint32_t k = 0; k < fs->n; k++)
        if (has_claim(&fs->list[k]))
            took |= write_off_cell(x, &fs->list[k], monitor, &c);
    if (!took)
        return;
    plx_cells_put(&x->ev->cells, i, &c);
    plx_evidence_note(x->ev, monitor);
}

/* All cells are asked when a fault was closed since the last time, only those that
 * changed otherwise. */
void plx_ending_write_off(struct plx_faults *fs, const struct plx_surroundings *x)
{
    uint64_t claims = 0;
    for (uint32_t i = 0; i < fs->n; i++)
        if (has_claim(&fs->list[i]))
            claims = fs->list[i].id + claims * 31 + fs->list[i].ended;
    bool all = claims != fs->claims || x->ev->moved;
    fs->claims = claims;
    for (uint32_t w = 0; claims != 0 && w * 64 < x->ev->cells.n; w++)
        for (uint64_t bits = x->ev->cells.failing[w]; bits != 0; bits &= bits - 1) {
            uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(bits);
            uint32_t monitor = plx_cells_owner(&x->ev->cells, i);
            if (all || plx_evidence_is_changed(x->ev, monitor))
                write_off_from(fs, x, monitor, i);
        }
}
