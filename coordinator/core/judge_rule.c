#include "coordinator/core/judge_rule.h"

#include "coordinator/core/judge_announce.h"
#include "coordinator/core/judge_verdict.h"

#include <math.h>

enum answer { NO_RULE, UNKNOWN, NOT_MET, MET };

static enum answer ask(const struct plx_surroundings *x, uint32_t monitor,
                       struct plx_count *ret)
{
    const struct plx_fleet_monitor *m = plx_fleet_monitor(x->fleet, monitor);
    if (m == NULL || m->terms->quorum.rule == PLX_QUORUM_AUTO)
        return NO_RULE;
    plx_verdict_count(x->fleet, x->ev, x->policy, monitor, x->now, ret);
    if (!plx_verdict_rule_applies(m, ret))
        return UNKNOWN;
    return plx_verdict_rule_is_met(m, ret) ? MET : NOT_MET;
}

/* --- the rule's own fault ------------------------------------------------------- */

static struct plx_fault *own_of(const struct plx_faults *fs, uint32_t monitor)
{
    for (uint32_t i = 0; i < fs->n; i++)
        if (fs->list[i].by_quorum && plx_fault_is_open(&fs->list[i]) &&
            fs->list[i].scope.x == monitor)
            return &fs->list[i];
    return NULL;
}

static bool has_story(const struct plx_faults *fs, uint32_t monitor)
{
    for (uint32_t i = 0; i < fs->n; i++) {
        const struct plx_fault *f = &fs->list[i];
        if (plx_fault_is_open(f) && !f->by_quorum &&
            plx_family_of(&f->scope) == PLX_FAMILY_SERVER &&
            plx_ids_has(&f->monitors, monitor))
            return true;
    }
    return false;
}

/* Who fails, since when, and by how much they outnumber the others (Laplace's rule). */
static void describe(const struct plx_surroundings *x, uint32_t monitor,
                     const struct plx_count *n, struct plx_fault *f)
{
    const struct plx_fleet_monitor *m = &x->fleet->monitors[monitor];
    f->agents.n = 0;
    for (uint32_t i = 0; i < m->n_cells; i++) {
        const struct plx_cell view = plx_cell_at(x->ev, m, i), *c = &view;
        if (!(c->flags & PLX_CELL_FAILING) || (c->flags & PLX_CELL_SPARE) ||
            !plx_verdict_is_fresh(x->fleet, x->policy, m, c, x->now))
            continue;
        plx_ids_add(&f->agents, c->agent);
        f->onset = f->onset == 0 || c->first < f->onset ? c->first : f->onset;
        f->last_fail = c->last > f->last_fail ? c->last : f->last_fail;
    }
    f->margin = f->gain = log((n->against + 1.0) / (n->fresh - n->against + 1.0));
    f->told = x->now;
}

static void open_own(struct plx_faults *fs, const struct plx_surroundings *x,
                     uint32_t monitor, const struct plx_count *n)
{
    struct plx_fault *f = plx_faults_add(fs);
    f->scope = (struct plx_scope){PLX_SCOPE_SERVICE, monitor, UINT32_MAX};
    f->by_quorum = true;
    f->born = x->now;
    plx_ids_add(&f->monitors, monitor);
    describe(x, monitor, n, f);
    f->id = ++fs->last_id;
    f->page = !plx_announce_is_consequence(fs, x->fleet, f);
    f->held = x->now;
    plx_fault_report(f, PLX_JUDGE_OPENED, x->now);
}

static void close_own(struct plx_fault *f, uint32_t now)
{
    f->ended = 1; /* it claims no failures */
    plx_fault_report(f, PLX_JUDGE_CLOSED, now);
}

/* --- vetoes --------------------------------------------------------------------- */

/* All of its monitors have rules that say no. */
static bool is_vetoed(const struct plx_surroundings *x, const struct plx_fault *f)
{
    struct plx_count n;
    for (uint32_t i = 0; i < f->monitors.n; i++)
        if (ask(x, f->monitors.ids[i], &n) != NOT_MET)
            return false;
    return f->monitors.n > 0;
}

static void veto_stories(struct plx_faults *fs, const struct plx_surroundings *x,
                         uint32_t monitor)
{
    for (uint32_t i = 0; i < fs->n; i++) {
        struct plx_fault *f = &fs->list[i];
        if (!plx_fault_is_open(f) || f->by_quorum ||
            plx_family_of(&f->scope) != PLX_FAMILY_SERVER ||
            !plx_ids_has(&f->monitors, monitor))
            continue;
        bool vetoed = is_vetoed(x, f);
        if (vetoed != f->vetoed)
            plx_fault_report(f, PLX_JUDGE_UPDATED, x->now);
        f->vetoed = vetoed;
    }
}

/* --- the whole ------------------------------------------------------------------ */

void plx_rule_apply(struct plx_faults *fs, const struct plx_surroundings *x,
                    uint32_t monitor)
{
    struct plx_count n;
    struct plx_fault *own = own_of(fs, monitor);
    enum answer answer = ask(x, monitor, &n);
    if (answer == NO_RULE && own == NULL)
        return;
    veto_stories(fs, x, monitor);
    if (own != NULL && (answer == NO_RULE || answer == NOT_MET || has_story(fs, monitor)))
        close_own(own, x->now);
    else if (own != NULL && answer == MET)
        describe(x, monitor, &n, own);
    else if (own == NULL && answer == MET && !has_story(fs, monitor))
        open_own(fs, x, monitor, &n);
}
