#include "coordinator/core/judge_sure.h"

/* Monitors of a fault that are asked about before it is said, at once. */
#define WITNESSED 4u

/* What an agent that is not in the fault said of a monitor in it would be news: it has
 * said nothing since the fault began. A good result within the slack may be older. */
static bool is_owed(const struct plx_ask *x, const struct plx_fault *f,
                    const struct plx_fleet_monitor *m, const struct plx_cell *c)
{
    return !plx_ids_has(&f->agents, c->agent) && !(c->flags & PLX_CELL_PENDING) &&
           !plx_ask_is_recent_failure(c, f->since, 0) && !plx_ask_in_flight(x, m, c) &&
           !plx_ask_is_good_since(c, f->since + PLX_TK(x->policy->slack_ns));
}

/* A fault on the target's side that is about to be said, and seems to have begun after
 * everybody was asked: who saw it well shortly before is asked once more. */
static void ask_witnesses(struct plx_ask *x, const struct plx_fault *f)
{
    for (uint32_t i = 0; i < f->monitors.n; i++)
        if (x->fleet->monitors[f->monitors.ids[i]].asked_all >= f->since)
            return;
    for (uint32_t i = 0; i < f->monitors.n && i < WITNESSED; i++) {
        uint32_t id = f->monitors.ids[i];
        struct plx_fleet_monitor *m = &x->fleet->monitors[id];
        for (uint32_t k = 0; k < m->n_cells; k++) {
            const struct plx_cell c = plx_cell_at(x->ev, m, k);
            if (plx_fleet_is_live(&x->fleet->agents[c.agent]) && is_owed(x, f, m, &c))
                plx_ask_one(x, id, k, &x->purse->doubt);
        }
        m->asked_all = x->now;
    }
}

/* A network of which one region alone can tell: something gets through most faults of
 * ours now and then, and a single answer would show that it is the way there. */
static void ask_blind(struct plx_ask *x, struct plx_fault *f)
{
    if (f->begged != 0 && x->now - f->begged < PLX_ASK_REPEAT)
        return;
    f->begged = x->now;
    for (uint32_t i = 0; i < f->monitors.n && i < WITNESSED; i++) {
        uint32_t turn = (x->now / PLX_ASK_REPEAT * WITNESSED + i) % f->monitors.n;
        uint32_t id = f->monitors.ids[turn];
        const struct plx_fleet_monitor *m = &x->fleet->monitors[id];
        for (uint32_t k = 0; k < m->n_cells; k++) {
            const struct plx_cell c = plx_cell_at(x->ev, m, k);
            const struct plx_fleet_agent *a = &x->fleet->agents[c.agent];
            if (a->used && !a->silent && !plx_fleet_is_live(a) && is_owed(x, f, m, &c))
                plx_ask_one(x, id, k, &x->purse->doubt);
        }
    }
}

void plx_sure_ask(struct plx_ask *x, const struct plx_faults *faults)
{
    for (uint32_t i = 0; i < faults->n; i++) {
        struct plx_fault *f = &faults->list[i];
        if (f->id != 0 || !f->seen || plx_family_of(&f->scope) != PLX_FAMILY_SERVER)
            continue;
        if (f->sure != 0)
            ask_witnesses(x, f);
        else if (f->one_sided)
            ask_blind(x, f);
    }
}
