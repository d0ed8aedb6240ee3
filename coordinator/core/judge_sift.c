#include "coordinator/core/judge_sift.h"

#include "coordinator/core/judge_bound.h"
#include "coordinator/core/judge_cands.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NOBODY UINT32_MAX

void plx_sift_fini(struct plx_sift *s)
{
    free(s->unit);
    free(s->head);
    free(s->next);
    free(s->agent);
    free(s->busy);
    *s = (struct plx_sift){0};
}

static void begin(struct plx_sift *s, const struct plx_cover *c)
{
    uint32_t n = c->fleet->n_units, n_agents = c->fleet->n_agents;
    plx_cands_reach(&s->unit, &s->cap_unit, n, sizeof *s->unit);
    plx_cands_reach(&s->head, &s->cap_head, n, sizeof *s->head);
    plx_cands_reach(&s->next, &s->cap_next, c->n_fails, sizeof *s->next);
    plx_cands_reach(&s->agent, &s->cap_agent, n_agents, sizeof *s->agent);
    if (n > 0) {
        memset(s->unit, 0, n * sizeof *s->unit);
        memset(s->head, 0xff, n * sizeof *s->head);
    }
    if (n_agents > 0)
        memset(s->agent, 0, n_agents * sizeof *s->agent);
    s->n_busy = 0;
}

/* What a fault of the class must be able to earn to be evaluated: a little less than what
 * is_hopeless (judge_score) asks for, since the sums here are rounded. */
static float least(const struct plx_cover *c, enum plx_judge_class class)
{
    return (float)(c->score.policy->cost[class] - PLX_BOUND_CLEAR - 0.01) * 0.9999f;
}

/* The units that a standing fault lies in are listed whatever they bring. */
static void keep_standing(struct plx_sift *s, const struct plx_cover *c,
                          const struct plx_standing *standing, uint32_t n_standing)
{
    for (uint32_t i = 0; i < n_standing; i++) {
        const struct plx_scope *scope = &standing[i].scope;
        if (!standing[i].open || scope->x == UINT32_MAX)
            continue;
        bool monitor =
            scope->type == PLX_SCOPE_SERVICE || scope->type == PLX_SCOPE_FILTER_MONITOR;
        s->unit[monitor ? c->fleet->monitors[scope->x].unit_host : scope->x] = INFINITY;
    }
}

static void add_to(float *sums, uint32_t unit, float nats)
{
    if (unit != PLX_NO_UNIT)
        sums[unit] += nats;
}

static void add_up(struct plx_sift *s, struct plx_cover *c)
{
    for (uint32_t f = 0; f < c->n_fails; f++) {
        const struct plx_fleet_monitor *m = &c->fleet->monitors[c->fails[f].monitor];
        float nats = (float)c->fails[f].most;
        if (c->fails[f].by >= 0)
            continue;
        s->unit[m->unit_host] += nats;
        add_to(s->unit, m->unit_name, nats);
        add_to(s->unit, m->unit_prefix, nats);
        for (uint32_t g = 0; g < m->n_groups; g++)
            s->unit[m->groups[g]] += nats;
        if (m->unit_prefix == PLX_NO_UNIT)
            continue;
        s->next[f] = s->head[m->unit_prefix];
        if (s->next[f] == NOBODY) {
            plx_cands_reach(&s->busy, &s->cap_busy, s->n_busy + 1, sizeof *s->busy);
            s->busy[s->n_busy++] = m->unit_prefix;
        }
        s->head[m->unit_prefix] = f;
    }
}

/* All but the paths to a prefix, which are shared out in `share_out`. */
static void weigh_places(const struct plx_sift *s, struct plx_cover *c)
{
    float host = fminf(least(c, PLX_JUDGE_CLASS_SERVICE), least(c, PLX_JUDGE_CLASS_HOST));
    host = fminf(host,
                 fminf(least(c, PLX_JUDGE_CLASS_FILTER), least(c, PLX_JUDGE_CLASS_PATH)));
    float wide =
        fminf(least(c, PLX_JUDGE_CLASS_NETWORK), least(c, PLX_JUDGE_CLASS_FILTER));
    float name = least(c, PLX_JUDGE_CLASS_DNS);
    for (uint32_t f = 0; f < c->n_fails; f++) {
        struct plx_fail *fail = &c->fails[f];
        const struct plx_fleet_monitor *m = &c->fleet->monitors[fail->monitor];
        fail->worth = 0;
        if (fail->by >= 0)
            continue;
        if (s->unit[m->unit_host] >= host)
            fail->worth |= PLX_WORTH_HOST;
        if (m->unit_name != PLX_NO_UNIT && s->unit[m->unit_name] >= name)
            fail->worth |= PLX_WORTH_NAME;
        if (m->unit_prefix != PLX_NO_UNIT && s->unit[m->unit_prefix] >= wide)
            fail->worth |= PLX_WORTH_PREFIX;
        for (uint32_t g = 0; g < m->n_groups; g++)
            if (s->unit[m->groups[g]] >= wide)
                fail->worth |= PLX_WORTH_GROUPS;
    }
}

/* --- paths to one prefix -------------------------------------------------------- */

static void share_in(struct plx_sift *s, const struct plx_cover *c, uint32_t prefix)
{
    for (uint32_t f = s->head[prefix]; f != NOBODY; f = s->next[f]) {
        const struct plx_fleet_agent *a = &c->fleet->agents[c->fails[f].agent];
        float nats = (float)c->fails[f].most;
        s->agent[c->fails[f].agent] += nats;
        add_to(s->unit, a->region, nats);
        add_to(s->unit, a->provider, nats);
        add_to(s->unit, a->asn, nats);
    }
}

static void clear(float *sums, uint32_t unit)
{
    if (unit != PLX_NO_UNIT)
        sums[unit] = 0;
}

static void share_clear(struct plx_sift *s, const struct plx_cover *c, uint32_t prefix)
{
    for (uint32_t f = s->head[prefix]; f != NOBODY; f = s->next[f]) {
        const struct plx_fleet_agent *a = &c->fleet->agents[c->fails[f].agent];
        s->agent[c->fails[f].agent] = 0;
        clear(s->unit, a->region);
        clear(s->unit, a->provider);
        clear(s->unit, a->asn);
    }
}

static void share_out(struct plx_sift *s, struct plx_cover *c, uint32_t prefix)
{
    float path = least(c, PLX_JUDGE_CLASS_PATH);
    bool keep = isinf(s->unit[prefix]);
    if (s->unit[prefix] < path)
        return;
    if (!keep)
        share_in(s, c, prefix);
    for (uint32_t f = s->head[prefix]; f != NOBODY; f = s->next[f]) {
        const struct plx_fleet_agent *a = &c->fleet->agents[c->fails[f].agent];
        uint8_t *worth = &c->fails[f].worth;
        if (keep || s->agent[c->fails[f].agent] >= path)
            *worth |= PLX_WORTH_AGENT_PREFIX;
        if (keep || (a->region != PLX_NO_UNIT && s->unit[a->region] >= path))
            *worth |= PLX_WORTH_REGION_PREFIX;
        if (keep || (a->provider != PLX_NO_UNIT && s->unit[a->provider] >= path))
            *worth |= PLX_WORTH_PROVIDER_PREFIX;
        if (keep || (a->asn != PLX_NO_UNIT && s->unit[a->asn] >= path))
            *worth |= PLX_WORTH_ASN_PREFIX;
    }
    if (!keep)
        share_clear(s, c, prefix);
}

void plx_sift_fails(struct plx_cover *c, const struct plx_standing *standing,
                    uint32_t n_standing)
{
    struct plx_sift *s = &c->sift;
    begin(s, c);
    keep_standing(s, c, standing, n_standing);
    add_up(s, c);
    weigh_places(s, c);
    for (uint32_t i = 0; i < s->n_busy; i++)
        share_out(s, c, s->busy[i]);
}
