#include "coordinator/core/judge_fault.h"

#include "coordinator/core/judge_faults.h"

#include <math.h>

/* A way that is broken, and a target that is down, let one probe in so many through. */
#define STRAYS 10

enum plx_family plx_family_of(const struct plx_scope *s)
{
    const struct plx_scope_kind *k = plx_scope_kind(s->type);
    return k->server    ? PLX_FAMILY_SERVER
           : k->vantage ? PLX_FAMILY_VANTAGE
                        : PLX_FAMILY_PATH;
}

double plx_fault_confidence(const struct plx_fault *f)
{
    double c = 1.0 / (1.0 + exp(-f->margin));
    return c > 0.999 ? 0.999 : c;
}

void plx_fault_report(struct plx_fault *f, enum plx_judge_change change, uint32_t now)
{
    if (f->report != PLX_JUDGE_OPENED || change == PLX_JUDGE_CLOSED)
        f->report = (int8_t)change;
    f->said = now;
    f->unsaid = false;
}

static bool explains(const struct plx_fault *f, uint32_t monitor, uint32_t agent)
{
    return plx_ids_has(&f->agents, agent) &&
           (plx_family_of(&f->scope) == PLX_FAMILY_VANTAGE ||
            plx_ids_has(&f->monitors, monitor));
}

/* Another open fault explains the view; `path`: one of the way there. */
static bool has_other(const struct plx_faults *fs, const struct plx_fault *f,
                      uint32_t monitor, uint32_t agent, bool path)
{
    for (uint32_t i = 0; i < fs->n; i++) {
        const struct plx_fault *g = &fs->list[i];
        if (g != f && plx_fault_is_open(g) && plx_fault_is_told(g) &&
            (!path || plx_family_of(&g->scope) == PLX_FAMILY_PATH) &&
            explains(g, monitor, agent))
            return true;
    }
    return false;
}

bool plx_fault_is_explained(const struct plx_faults *fs, const struct plx_fault *f,
                            uint32_t monitor, uint32_t agent)
{
    return has_other(fs, f, monitor, agent, false);
}

bool plx_fault_is_dark(const struct plx_surroundings *x, const struct plx_fault *f,
                       bool others)
{
    uint32_t n_well = 0, n_failing = 0;
    for (uint32_t i = 0; i < f->monitors.n; i++) {
        const struct plx_fleet_monitor *m = &x->fleet->monitors[f->monitors.ids[i]];
        for (uint32_t k = 0; k < m->n_cells; k++) {
            const struct plx_cell c = plx_cell_at(x->ev, m, k);
            if (!(c.flags & PLX_CELL_SEEN) || (c.flags & PLX_CELL_LOCAL) ||
                (others && plx_ids_has(&f->agents, c.agent)))
                continue;
            n_failing += (c.flags & PLX_CELL_FAILING) != 0;
            n_well += !(c.flags & PLX_CELL_FAILING) && c.last > f->since;
        }
    }
    return n_failing > 0 && n_well * STRAYS < n_failing;
}

bool plx_fault_is_firm(const struct plx_fault *f)
{
    return plx_fault_is_open(f) && plx_fault_is_told(f) && f->agents.n >= 3 &&
           plx_family_of(&f->scope) == PLX_FAMILY_SERVER;
}

void plx_fault_watchers(const struct plx_faults *fs, const struct plx_surroundings *x,
                        const struct plx_fault *f, struct plx_ids *ret)
{
    for (uint32_t i = 0; i < f->monitors.n && i < 64; i++) {
        uint32_t id = f->monitors.ids[i];
        const struct plx_fleet_monitor *m = &x->fleet->monitors[id];
        for (uint32_t k = 0; k < m->n_cells; k++) {
            uint32_t a = m->watchers->agents[k];
            bool covered = x->ev->cells.at[m->cell0 + k].flags & PLX_CELL_COVERED;
            if (plx_ids_has(&f->agents, a) ||
                (plx_fleet_is_live(&x->fleet->agents[a]) &&
                 !(fs != NULL && covered && has_other(fs, f, id, a, true))))
                plx_ids_add(ret, a);
        }
    }
}
