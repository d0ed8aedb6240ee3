#include "coordinator/core/judge_ask.h"

#include "base/rng.h"

#include <stdlib.h>

#define SEC         PLX_TK_PER_SEC
/* How much may be saved up, in probes. */
#define QUIET_CAP   30.0
#define DOUBT_CAP   400.0
#define QUIET_START 9.0
#define DOUBT_START 240.0
/* Extra probes a second that the smallest fleet may spend on faults in doubt: so few harm
 * nobody, and a share of almost nothing would leave it without any at its third fault. */
#define DOUBT_FLOOR 0.5

void plx_purse_earn(struct plx_purse *p, struct plx_evidence *ev,
                    const struct plx_judge_policy *policy, uint32_t now)
{
    if (!p->started) {
        p->started = true;
        p->quiet = QUIET_START;
        p->doubt = DOUBT_START;
        p->earned = now;
    }
    double floor = DOUBT_FLOOR * (now - p->earned) / SEC;
    double share = (double)ev->n_scheduled * policy->budget_doubt;
    p->quiet += (double)ev->n_scheduled * policy->budget_quiet;
    p->doubt += share > floor ? share : floor;
    p->earned = now;
    ev->n_scheduled = 0;
    p->quiet = p->quiet > QUIET_CAP ? QUIET_CAP : p->quiet;
    p->doubt = p->doubt > DOUBT_CAP ? DOUBT_CAP : p->doubt;
}

bool plx_ask_one(struct plx_ask *x, uint32_t monitor, uint32_t k, double *budget)
{
    struct plx_orders *o = x->orders;
    if (*budget < 1 || o->n >= x->policy->max_probes)
        return false;
    if (o->n == o->cap) {
        o->cap = o->cap ? o->cap * 2 : 64;
        o->list = realloc(o->list, o->cap * sizeof *o->list);
        if (o->list == NULL)
            abort();
    }
    const struct plx_fleet_monitor *m = &x->fleet->monitors[monitor];
    o->list[o->n++] = (struct plx_judge_probe){monitor, m->watchers->agents[k]};
    x->ev->cells.at[m->cell0 + k].flags |= PLX_CELL_PENDING;
    *budget -= 1;
    return true;
}

uint32_t plx_ask_in_flight(const struct plx_ask *x, const struct plx_fleet_monitor *m,
                           const struct plx_cell *c)
{
    if (!(c->flags & PLX_CELL_SEEN) || m->terms->interval_tk > 60000 || c->sched == 0)
        return 0;
    uint32_t elapsed = (uint16_t)((uint16_t)x->now - c->sched);
    uint32_t pos = elapsed % m->terms->interval_tk, most = m->terms->timeout_tk + SEC;
    if (m->terms->interval_tk - pos < SEC / 2)
        return m->terms->interval_tk - pos + most;
    bool under_way = elapsed >= m->terms->interval_tk && pos < most &&
                     c->last + pos + 2 * SEC < x->now;
    return under_way ? most - pos : 0;
}

static bool is_in(const uint32_t *list, uint32_t n, uint32_t v)
{
    for (uint32_t i = 0; i < n; i++)
        if (list[i] == v)
            return true;
    return false;
}

static void note(uint32_t list[8], uint32_t *n, uint32_t v)
{
    if (!is_in(list, *n, v) && *n < 8)
        list[(*n)++] = v;
}

void plx_ask_look(const struct plx_ask *x, uint32_t monitor, uint32_t onset,
                  struct plx_scene *ret)
{
    const struct plx_fleet_monitor *m = &x->fleet->monitors[monitor];
    uint32_t slack = 3 * SEC;
    *ret = (struct plx_scene){.monitor = monitor, .onset = onset};
    for (uint32_t i = 0; i < m->n_cells; i++) {
        struct plx_cell view;
        const struct plx_cell *c = &view;
        const struct plx_fleet_agent *a = &x->fleet->agents[m->watchers->agents[i]];
        plx_cell_read(x->ev, m, i, &view);
        if (!plx_fleet_is_live(a))
            continue;
        if (plx_ask_is_recent_failure(c, onset, slack)) {
            ret->n_failed++;
            ret->latest = c->first > ret->latest ? c->first : ret->latest;
            note(ret->regions, &ret->n_regions, a->region);
            note(ret->providers, &ret->n_providers, a->provider);
            for (int k = PLX_KIND_REFUSED; k < PLX_KIND_COUNT_; k++)
                ret->odd_kind |= c->kinds[k] > 0;
        } else if (plx_ask_is_good_since(c, onset)) {
            ret->n_good++;
        } else if ((c->flags & PLX_CELL_PENDING) || plx_ask_in_flight(x, m, c)) {
            ret->n_pending++;
        }
    }
}

/* A scheduled probe says soon enough what this one would be asked. Where everything is
 * silent, it would take its whole timeout, and an extra probe a second or two. */
static bool will_say(const struct plx_ask *x, const struct plx_scene *scene,
                     const struct plx_fleet_monitor *m, const struct plx_cell *c)
{
    uint32_t left = plx_ask_in_flight(x, m, c);
    return left > 0 && (!scene->urgent || scene->odd_kind || left <= PLX_ASK_HUSH);
}

/* How much this cell's answer would tell: other regions first, then other providers, then
 * quiet agents; ties by a fixed shuffle. Negative: nothing. */
static double worth(const struct plx_ask *x, const struct plx_scene *scene,
                    const struct plx_fleet_monitor *m, const struct plx_cell *c,
                    bool again)
{
    const struct plx_fleet_agent *a = &x->fleet->agents[c->agent];
    if (!plx_fleet_is_live(a) || (c->flags & PLX_CELL_PENDING) ||
        will_say(x, scene, m, c) || plx_ask_is_good_since(c, scene->onset))
        return -1;
    if (plx_ask_is_recent_failure(c, scene->onset, 0) &&
        (!again || x->now - c->last < PLX_ASK_REPEAT))
        return -1;
    double v = is_in(scene->regions, scene->n_regions, a->region) ? 0 : 4;
    v += is_in(scene->providers, scene->n_providers, a->provider) ? 0 : 2;
    v -= 10 * plx_evidence_noise(a, x->policy);
    uint64_t h = plx_hash_mix((uint64_t)scene->monitor << 32 | (uint32_t)c->agent << 4);
    return v + 1.5 + (double)(h >> 40) / (double)(1 << 24);
}

uint32_t plx_ask_some(struct plx_ask *x, struct plx_scene *scene, uint32_t monitor,
                      uint32_t k, bool again, double *budget)
{
    const struct plx_fleet_monitor *m = &x->fleet->monitors[monitor];
    uint32_t done = 0;
    for (; done < k; done++) {
        uint32_t best = PLX_NO_CELL;
        double most = 0;
        for (uint32_t i = 0; i < m->n_cells; i++) {
            const struct plx_cell c = plx_cell_at(x->ev, m, i);
            double v = worth(x, scene, m, &c, again);
            if (v > most) {
                most = v;
                best = i;
            }
        }
        if (best == PLX_NO_CELL || !plx_ask_one(x, monitor, best, budget))
            break;
        const struct plx_fleet_agent *a = &x->fleet->agents[m->watchers->agents[best]];
        note(scene->regions, &scene->n_regions, a->region);
        note(scene->providers, &scene->n_providers, a->provider);
    }
    return done;
}
