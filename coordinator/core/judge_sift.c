#include "coordinator/core/judge_sift.h"

#include "coordinator/core/judge_bound.h"
#include "coordinator/core/judge_cands.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NOBODY  UINT32_MAX
#define NO_LANE UINT32_MAX
/* Monitors of a prefix that are looked at for what is well. */
#define SAMPLE  12u

void plx_sift_fini(struct plx_sift *s)
{
    free(s->unit);
    free(s->head);
    free(s->calm);
    free(s->next);
    free(s->busy);
    free(s->lanes);
    free(s->lane_of_agent);
    free(s->gains);
    *s = (struct plx_sift){0};
}

/* For arrays by unit: they grow with what is declared, and need no room to spare. */
static void units_reach(void *pp, uint32_t *cap, uint32_t n, size_t size)
{
    void **p = pp;
    if (n <= *cap)
        return;
    *cap = n + n / 32 + 32;
    *p = realloc(*p, *cap * size);
    if (*p == NULL)
        abort();
}

static void begin(struct plx_sift *s, const struct plx_cover *c)
{
    uint32_t n = c->fleet->n_units, n_agents = c->fleet->n_agents;
    units_reach(&s->unit, &s->cap_unit, n, sizeof *s->unit);
    units_reach(&s->head, &s->cap_head, n, sizeof *s->head);
    units_reach(&s->calm, &s->cap_calm, n, sizeof *s->calm);
    plx_cands_reach(&s->lane_of_agent, &s->cap_lane_of_agent, n_agents,
                    sizeof *s->lane_of_agent);
    plx_cands_reach(&s->next, &s->cap_next, c->n_fails, sizeof *s->next);
    if (n > 0) {
        memset(s->unit, 0, n * sizeof *s->unit);
        memset(s->head, 0xff, n * sizeof *s->head);
        memset(s->calm, 0xff, n * sizeof *s->calm);
    }
    if (n_agents > 0)
        memset(s->lane_of_agent, 0xff, n_agents * sizeof *s->lane_of_agent);
    s->n_busy = s->n_lanes = 0;
}

/* What a fault of the class must be able to earn to be evaluated: a little less than what
 * is_hopeless (judge_score) asks for, since the sums here are rounded. */
static float least(const struct plx_cover *c, enum plx_judge_class class)
{
    return (float)(c->score.policy->cost[class] - PLX_BOUND_CLEAR - 0.02) * 0.9999f;
}

static float against(const struct plx_cover *c)
{
    double p = c->score.policy->p_fail;
    return (float)-log((1 - p) / p);
}

/* --- lanes ---------------------------------------------------------------------- */

static uint32_t lane_new(struct plx_sift *s)
{
    plx_cands_reach(&s->lanes, &s->cap_lanes, s->n_lanes + 1, sizeof *s->lanes);
    memset(&s->lanes[s->n_lanes], 0, sizeof *s->lanes);
    return s->n_lanes++;
}

static struct plx_lane *lane_at(struct plx_sift *s, uint32_t *where)
{
    if (*where == NO_LANE)
        *where = lane_new(s);
    return &s->lanes[*where];
}

static struct plx_lane *lane_of_agent(struct plx_sift *s, uint32_t agent)
{
    struct plx_lane *lane = lane_at(s, &s->lane_of_agent[agent]);
    lane->of_agent = true;
    return lane;
}

static struct plx_lane *lane_of_unit(struct plx_sift *s, uint32_t unit)
{
    return unit == PLX_NO_UNIT ? NULL : lane_at(s, &s->head[unit]);
}

static void bad_in(struct plx_lane *lane, uint32_t step, float nats)
{
    if (lane == NULL)
        return;
    lane->bad[step] += nats;
    lane->most += nats;
}

/* The agent's lane and those of what it shares are no more. */
static void unplace(struct plx_sift *s, const struct plx_fleet_agent *a, uint32_t id)
{
    s->lane_of_agent[id] = NO_LANE;
    if (a->region != PLX_NO_UNIT)
        s->head[a->region] = NO_LANE;
    if (a->provider != PLX_NO_UNIT)
        s->head[a->provider] = NO_LANE;
    if (a->asn != PLX_NO_UNIT)
        s->head[a->asn] = NO_LANE;
    for (uint32_t i = 0; i < a->n_sites; i++)
        s->head[a->sites[i]] = NO_LANE;
}

static void bound_lanes(struct plx_sift *s, const struct plx_cover *c)
{
    float each = against(c);
    plx_cands_reach(&s->gains, &s->cap_gains, s->n_lanes, sizeof *s->gains);
    for (uint32_t i = 0; i < s->n_lanes; i++)
        s->gains[i] = plx_lane_best(&s->lanes[i], c->score.slack, each);
}

static bool pays(const struct plx_sift *s, uint32_t lane, float cost)
{
    return lane != NO_LANE && s->gains[lane] >= cost;
}

static bool unit_pays(const struct plx_sift *s, uint32_t unit, float cost)
{
    return unit != PLX_NO_UNIT && pays(s, s->head[unit], cost);
}

/* --- faults of ours ------------------------------------------------------------- */

static void keep(struct plx_lane *lane)
{
    if (lane != NULL)
        lane->most = INFINITY;
}

/* An agent that accuses itself, and what it shares with others. */
static void keep_agent(struct plx_sift *s, const struct plx_fleet_agent *a, uint32_t id)
{
    keep(lane_of_agent(s, id));
    keep(lane_of_unit(s, a->region));
    keep(lane_of_unit(s, a->provider));
    keep(lane_of_unit(s, a->asn));
    for (uint32_t i = 0; i < a->n_sites; i++)
        keep(lane_of_unit(s, a->sites[i]));
}

static void keep_ours(struct plx_sift *s, const struct plx_cover *c,
                      const struct plx_standing *standing, uint32_t n_standing)
{
    for (uint32_t a = 0; a < c->fleet->n_agents; a++)
        if (c->fleet->agents[a].used && plx_score_own(&c->score, a, 0) > 0)
            keep_agent(s, &c->fleet->agents[a], a);
    for (uint32_t i = 0; i < n_standing; i++) {
        const struct plx_scope *scope = &standing[i].scope;
        if (!standing[i].open || !plx_scope_kind(scope->type)->vantage)
            continue;
        keep(scope->type == PLX_SCOPE_AGENT ? lane_of_agent(s, scope->y)
                                            : lane_of_unit(s, scope->y));
    }
}

static void add_good(struct plx_lane *lane, const float good[PLX_LANE_STEPS])
{
    for (uint32_t i = 0; lane != NULL && i < PLX_LANE_STEPS; i++)
        lane->good[i] += good[i];
}

static void ours_in(struct plx_sift *s, const struct plx_cover *c)
{
    for (uint32_t f = 0; f < c->n_fails; f++) {
        const struct plx_fail *fail = &c->fails[f];
        if (fail->by < 0)
            bad_in(lane_of_agent(s, fail->agent), plx_lane_step(c->score.now, fail->last),
                   (float)fail->most);
    }
    for (uint32_t a = 0; a < c->fleet->n_agents; a++) {
        const struct plx_fleet_agent *agent = &c->fleet->agents[a];
        float good[PLX_LANE_STEPS];
        if (s->lane_of_agent[a] == NO_LANE)
            continue;
        uint32_t units[3] = {agent->region, agent->provider, agent->asn};
        plx_evidence_opens_by_step(agent, c->score.now, PLX_LANE_STEP, PLX_LANE_STEPS,
                                   good);
        add_good(&s->lanes[s->lane_of_agent[a]], good);
        for (uint32_t u = 0; u < 3 + agent->n_sites; u++) {
            struct plx_lane *lane =
                lane_of_unit(s, u < 3 ? units[u] : agent->sites[u - 3]);
            const struct plx_lane *mine = &s->lanes[s->lane_of_agent[a]];
            add_good(lane, good);
            for (uint32_t i = 0; lane != NULL && i < PLX_LANE_STEPS; i++)
                bad_in(lane, i, mine->bad[i]);
        }
    }
}

/* Sets the bits of the agents' own scopes of each fail. */
static void weigh_ours(struct plx_sift *s, struct plx_cover *c,
                       const struct plx_standing *standing, uint32_t n_standing)
{
    float agent = least(c, PLX_JUDGE_CLASS_AGENT),
          region = least(c, PLX_JUDGE_CLASS_REGION),
          provider = least(c, PLX_JUDGE_CLASS_PROVIDER);
    keep_ours(s, c, standing, n_standing);
    ours_in(s, c);
    bound_lanes(s, c);
    for (uint32_t f = 0; f < c->n_fails; f++) {
        struct plx_fail *fail = &c->fails[f];
        const struct plx_fleet_agent *a = &c->fleet->agents[fail->agent];
        fail->worth = 0;
        if (fail->by >= 0)
            continue;
        if (pays(s, s->lane_of_agent[fail->agent], agent))
            fail->worth |= PLX_WORTH_AGENT;
        if (unit_pays(s, a->region, region))
            fail->worth |= PLX_WORTH_REGION;
        if (unit_pays(s, a->provider, provider))
            fail->worth |= PLX_WORTH_PROVIDER;
        if (unit_pays(s, a->asn, provider))
            fail->worth |= PLX_WORTH_ASN;
        for (uint32_t i = 0; i < a->n_sites; i++)
            if (unit_pays(s, a->sites[i], provider))
                fail->worth |= PLX_WORTH_SITES;
    }
    for (uint32_t a = 0; a < c->fleet->n_agents; a++)
        if (c->fleet->agents[a].used)
            unplace(s, &c->fleet->agents[a], a);
    s->n_lanes = 0;
}

/* --- places of the target ------------------------------------------------------- */

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
        if (scope->type == PLX_SCOPE_ENDPOINT) {
            const struct plx_unit *u = &c->fleet->units[scope->x];
            if (u->n > 0)
                s->unit[c->fleet->monitors[plx_unit_members(u)[0]].unit_host] = INFINITY;
            continue;
        }
        s->unit[monitor ? c->fleet->monitors[scope->x].unit_host : scope->x] = INFINITY;
    }
}

static void chain(struct plx_sift *s, uint32_t fail, uint32_t prefix)
{
    if (prefix == PLX_NO_UNIT)
        return;
    s->next[fail] = s->head[prefix];
    s->head[prefix] = fail;
    if (s->next[fail] != NOBODY)
        return;
    plx_cands_reach(&s->busy, &s->cap_busy, s->n_busy + 1, sizeof *s->busy);
    s->busy[s->n_busy++] = prefix;
}

/* A place is calm while all that fails there was there when it was found calm. */
static void agree(uint32_t *calm, uint32_t mine)
{
    if (*calm == UINT32_MAX)
        *calm = mine;
    else if (*calm != mine)
        *calm = 0;
}

static bool is_calm(const struct plx_sift *s, uint32_t unit)
{
    return s->calm[unit] != 0 && !isinf(s->unit[unit]);
}

static void add_up(struct plx_sift *s, struct plx_cover *c)
{
    for (uint32_t f = 0; f < c->n_fails; f++) {
        struct plx_fail *fail = &c->fails[f];
        const struct plx_fleet_monitor *m = &c->fleet->monitors[fail->monitor];
        float nats = (float)fail->most;
        if (fail->by >= 0) {
            fail->calm_host = fail->calm_prefix = 0;
            continue;
        }
        s->unit[fail->host] += nats;
        agree(&s->calm[fail->host], fail->calm_host);
        if (m->unit_name != PLX_NO_UNIT)
            s->unit[m->unit_name] += nats;
        if (fail->prefix != PLX_NO_UNIT) {
            s->unit[fail->prefix] += nats;
            agree(&s->calm[fail->prefix], fail->calm_prefix);
        }
        for (uint32_t g = 0; g < m->terms->n_groups; g++)
            s->unit[m->terms->ids[g]] += nats;
        chain(s, f, fail->prefix);
    }
}

static float least_of(float a, float b)
{
    return a < b ? a : b;
}

/* All but what concerns a prefix. */
static void weigh_places(const struct plx_sift *s, struct plx_cover *c)
{
    float host =
        least_of(least(c, PLX_JUDGE_CLASS_SERVICE), least(c, PLX_JUDGE_CLASS_HOST));
    host = least_of(
        host, least_of(least(c, PLX_JUDGE_CLASS_FILTER), least(c, PLX_JUDGE_CLASS_PATH)));
    float wide = least(c, PLX_JUDGE_CLASS_NETWORK), name = least(c, PLX_JUDGE_CLASS_DNS);
    for (uint32_t f = 0; f < c->n_fails; f++) {
        struct plx_fail *fail = &c->fails[f];
        const struct plx_fleet_monitor *m = &c->fleet->monitors[fail->monitor];
        if (fail->by >= 0)
            continue;
        if (s->unit[fail->host] >= host && !is_calm(s, fail->host)) {
            fail->worth |= PLX_WORTH_HOST;
            fail->calm_host = c->solves;
        }
        if (m->unit_name != PLX_NO_UNIT && s->unit[m->unit_name] >= name)
            fail->worth |= PLX_WORTH_NAME;
        for (uint32_t g = 0; g < m->terms->n_groups; g++)
            if (s->unit[m->terms->ids[g]] >= wide)
                fail->worth |= PLX_WORTH_GROUPS;
    }
}

/* --- one prefix ----------------------------------------------------------------- */

/* Lane 0 is all of the prefix. */
static void prefix_in(struct plx_sift *s, const struct plx_cover *c, uint32_t prefix)
{
    lane_new(s);
    for (uint32_t f = s->head[prefix]; f != NOBODY; f = s->next[f]) {
        const struct plx_fail *fail = &c->fails[f];
        const struct plx_fleet_agent *a = &c->fleet->agents[fail->agent];
        uint32_t step = plx_lane_step(c->score.now, fail->last);
        float nats = fail->cap;
        bad_in(&s->lanes[0], step, nats);
        bad_in(lane_of_agent(s, fail->agent), step, nats);
        bad_in(lane_of_unit(s, a->region), step, nats);
        bad_in(lane_of_unit(s, a->provider), step, nats);
        bad_in(lane_of_unit(s, a->asn), step, nats);
    }
}

static void good_at(struct plx_sift *s, uint32_t lane, uint32_t step)
{
    if (lane != NO_LANE)
        s->lanes[lane].good[step]++;
}

static void good_at_unit(struct plx_sift *s, uint32_t unit, uint32_t step)
{
    if (unit != PLX_NO_UNIT)
        good_at(s, s->head[unit], step);
}

static void sample_monitor(struct plx_sift *s, const struct plx_cover *c,
                           const struct plx_fleet_monitor *m)
{
    for (uint32_t i = 0; i < m->n_cells; i++) {
        uint32_t agent = m->watchers->agents[i];
        const struct plx_fleet_agent *a = &c->fleet->agents[agent];
        uint32_t last = plx_goods_last(&c->score.ev->cells, m->cell0 + i);
        if (last == 0)
            continue;
        uint32_t step = plx_lane_step(c->score.now, last);
        good_at(s, 0, step);
        good_at(s, s->lane_of_agent[agent], step);
        good_at_unit(s, a->region, step);
        good_at_unit(s, a->provider, step);
        good_at_unit(s, a->asn, step);
    }
}

/* A filter takes the agents that speak for it and leaves the others out. */
static bool filter_pays(const struct plx_sift *s, uint32_t slack, float each, float cost)
{
    float sum[PLX_LANE_STEPS] = {0}, mine[PLX_LANE_STEPS], best = 0;
    for (uint32_t i = 0; i < s->n_lanes; i++) {
        if (!s->lanes[i].of_agent)
            continue;
        plx_lane_bound(&s->lanes[i], slack, each, mine);
        for (uint32_t a = 0; a < PLX_LANE_STEPS; a++)
            sum[a] += mine[a] > 0 ? mine[a] : 0;
    }
    for (uint32_t a = 0; a < PLX_LANE_STEPS; a++)
        best = sum[a] > best ? sum[a] : best;
    return best >= cost;
}

static unsigned ways_worth(const struct plx_sift *s, const struct plx_fleet_agent *a,
                           uint32_t agent, float path)
{
    unsigned worth = 0;
    if (pays(s, s->lane_of_agent[agent], path))
        worth |= PLX_WORTH_AGENT_PREFIX;
    if (unit_pays(s, a->region, path))
        worth |= PLX_WORTH_REGION_PREFIX;
    if (unit_pays(s, a->provider, path))
        worth |= PLX_WORTH_PROVIDER_PREFIX;
    if (unit_pays(s, a->asn, path))
        worth |= PLX_WORTH_ASN_PREFIX;
    return worth;
}

static void weigh_prefix(struct plx_sift *s, struct plx_cover *c, uint32_t prefix)
{
    const struct plx_unit *unit = &c->fleet->units[prefix];
    float path = least(c, PLX_JUDGE_CLASS_PATH), each = against(c);
    prefix_in(s, c, prefix);
    for (uint32_t i = 0; i < unit->n && i < SAMPLE; i++)
        sample_monitor(s, c, &c->fleet->monitors[plx_unit_members(unit)[i]]);
    bound_lanes(s, c);
    unsigned all = 0;
    if (pays(s, 0, least(c, PLX_JUDGE_CLASS_NETWORK)))
        all |= PLX_WORTH_PREFIX;
    if (filter_pays(s, c->score.slack, each, least(c, PLX_JUDGE_CLASS_FILTER)))
        all |= PLX_WORTH_FILTER_PREFIX;
    for (uint32_t f = s->head[prefix]; f != NOBODY; f = s->next[f]) {
        struct plx_fail *fail = &c->fails[f];
        const struct plx_fleet_agent *a = &c->fleet->agents[fail->agent];
        fail->worth |= (uint16_t)(all | ways_worth(s, a, fail->agent, path));
        fail->calm_prefix = c->solves; /* unless a fault of it is found to stir */
    }
    for (uint32_t f = s->head[prefix]; f != NOBODY; f = s->next[f])
        unplace(s, &c->fleet->agents[c->fails[f].agent], c->fails[f].agent);
    s->n_lanes = 0;
}

static void keep_prefix(const struct plx_sift *s, struct plx_cover *c, uint32_t prefix)
{
    for (uint32_t f = s->head[prefix]; f != NOBODY; f = s->next[f])
        c->fails[f].worth |= PLX_WORTH_ALL_PREFIX;
}

void plx_sift_fails(struct plx_cover *c, const struct plx_standing *standing,
                    uint32_t n_standing)
{
    struct plx_sift *s = &c->sift;
    begin(s, c);
    weigh_ours(s, c, standing, n_standing);
    keep_standing(s, c, standing, n_standing);
    add_up(s, c);
    weigh_places(s, c);
    float some = least_of(
        least(c, PLX_JUDGE_CLASS_NETWORK),
        least_of(least(c, PLX_JUDGE_CLASS_FILTER), least(c, PLX_JUDGE_CLASS_PATH)));
    for (uint32_t i = 0; i < s->n_busy; i++)
        if (isinf(s->unit[s->busy[i]]))
            keep_prefix(s, c, s->busy[i]);
        else if (s->unit[s->busy[i]] >= some && !is_calm(s, s->busy[i]))
            weigh_prefix(s, c, s->busy[i]);
}
