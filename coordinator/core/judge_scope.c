#include "coordinator/core/judge_scope.h"

#include "coordinator/core/judge_cover.h"

#include <stdio.h>

static const struct plx_scope_kind kinds[PLX_SCOPE_COUNT_] = {
    [PLX_SCOPE_SERVICE] = {PLX_JUDGE_CLASS_SERVICE, .server = true},
    [PLX_SCOPE_HOST] = {PLX_JUDGE_CLASS_HOST, .server = true, .silence = true},
    [PLX_SCOPE_ENDPOINT] = {PLX_JUDGE_CLASS_SERVICE, .server = true},
    [PLX_SCOPE_SERVICES] = {PLX_JUDGE_CLASS_SERVICE, .server = true},
    [PLX_SCOPE_PREFIX] = {PLX_JUDGE_CLASS_NETWORK, .server = true, .silence = true},
    [PLX_SCOPE_NEIGHBOURS] = {PLX_JUDGE_CLASS_NETWORK, .server = true},
    [PLX_SCOPE_GROUP] = {PLX_JUDGE_CLASS_NETWORK, .server = true, .silence = true},
    [PLX_SCOPE_NAME] = {PLX_JUDGE_CLASS_DNS, .server = true},
    [PLX_SCOPE_AGENT_HOST] = {.class = PLX_JUDGE_CLASS_PATH},
    [PLX_SCOPE_AGENT_PREFIX] = {.class = PLX_JUDGE_CLASS_PATH},
    [PLX_SCOPE_REGION_PREFIX] = {.class = PLX_JUDGE_CLASS_PATH},
    [PLX_SCOPE_PROVIDER_PREFIX] = {.class = PLX_JUDGE_CLASS_PATH},
    [PLX_SCOPE_ASN_PREFIX] = {.class = PLX_JUDGE_CLASS_PATH},
    [PLX_SCOPE_FILTER_MONITOR] = {PLX_JUDGE_CLASS_FILTER, .filter = true},
    [PLX_SCOPE_FILTER_HOST] = {PLX_JUDGE_CLASS_FILTER, .filter = true},
    [PLX_SCOPE_FILTER_PREFIX] = {PLX_JUDGE_CLASS_FILTER, .filter = true},
    [PLX_SCOPE_AGENT] = {PLX_JUDGE_CLASS_AGENT, .vantage = true},
    [PLX_SCOPE_REGION] = {PLX_JUDGE_CLASS_REGION, .vantage = true},
    [PLX_SCOPE_PROVIDER] = {PLX_JUDGE_CLASS_PROVIDER, .vantage = true},
    [PLX_SCOPE_ASN] = {PLX_JUDGE_CLASS_PROVIDER, .vantage = true},
    [PLX_SCOPE_SITE] = {PLX_JUDGE_CLASS_PROVIDER, .vantage = true},
};

const struct plx_scope_kind *plx_scope_kind(enum plx_scope_type type)
{
    return &kinds[type];
}

struct list {
    struct plx_scope *out;
    uint32_t n;
};

static void add(struct list *l, enum plx_scope_type type, uint32_t x, uint32_t y)
{
    if (l->n < PLX_SCOPES_OF_CELL)
        l->out[l->n++] = (struct plx_scope){type, x, y};
}

/* Shared by more than one agent, so that it is not just that agent. */
static bool is_shared(const struct plx_fleet *f, uint32_t unit)
{
    return unit != PLX_NO_UNIT && f->units[unit].n >= 2;
}

/* More than one agent, but not the whole fleet: what all agents share cannot be told from
 * the world they look at. */
static bool is_some(const struct plx_fleet *f, uint32_t unit)
{
    return is_shared(f, unit) && f->units[unit].n < f->agents_used;
}

/* Ours. What everybody shares is offered only to agents that accuse themselves. */
static void add_vantage(const struct plx_fleet *f, uint32_t agent, bool confessed,
                        unsigned worth, struct list *l)
{
    bool (*fits)(const struct plx_fleet *, uint32_t) = confessed ? is_shared : is_some;
    const struct plx_fleet_agent *a = &f->agents[agent];
    if (worth & PLX_WORTH_AGENT)
        add(l, PLX_SCOPE_AGENT, UINT32_MAX, agent);
    if ((worth & PLX_WORTH_REGION) && fits(f, a->region))
        add(l, PLX_SCOPE_REGION, UINT32_MAX, a->region);
    if ((worth & PLX_WORTH_PROVIDER) && fits(f, a->provider))
        add(l, PLX_SCOPE_PROVIDER, UINT32_MAX, a->provider);
    if ((worth & PLX_WORTH_ASN) && fits(f, a->asn))
        add(l, PLX_SCOPE_ASN, UINT32_MAX, a->asn);
    for (uint32_t i = 0; (worth & PLX_WORTH_SITES) && i < a->n_sites; i++)
        if (fits(f, a->sites[i]))
            add(l, PLX_SCOPE_SITE, UINT32_MAX, a->sites[i]);
}

/* … nor all that are left of it. */
static bool is_part(const struct plx_fleet *f, uint32_t unit)
{
    return is_some(f, unit) && f->units[unit].live < f->agents_live;
}

static void add_paths(const struct plx_fleet *f, const struct plx_fleet_monitor *m,
                      uint32_t agent, unsigned worth, struct list *l)
{
    const struct plx_fleet_agent *a = &f->agents[agent];
    if (worth & PLX_WORTH_HOST)
        add(l, PLX_SCOPE_AGENT_HOST, m->unit_host, agent);
    if ((worth & PLX_WORTH_AGENT_PREFIX) &&
        plx_fleet_hosts(f, &f->units[m->unit_prefix]) >= 2)
        add(l, PLX_SCOPE_AGENT_PREFIX, m->unit_prefix, agent);
    if ((worth & PLX_WORTH_REGION_PREFIX) && is_part(f, a->region))
        add(l, PLX_SCOPE_REGION_PREFIX, m->unit_prefix, a->region);
    if ((worth & PLX_WORTH_PROVIDER_PREFIX) && is_part(f, a->provider))
        add(l, PLX_SCOPE_PROVIDER_PREFIX, m->unit_prefix, a->provider);
    if ((worth & PLX_WORTH_ASN_PREFIX) && is_part(f, a->asn))
        add(l, PLX_SCOPE_ASN_PREFIX, m->unit_prefix, a->asn);
}

/* What is on a host, and the host itself. `wide`: a host with one monitor is that
 * monitor's service otherwise. A host that answers is not down, but all that is on it may
 * be. */
static void add_host(const struct plx_fleet *f, uint32_t monitor, bool answers, bool wide,
                     struct list *l)
{
    const struct plx_fleet_monitor *m = &f->monitors[monitor];
    const struct plx_unit *host = &f->units[m->unit_host];
    bool several = host->n >= 2;
    add(l, PLX_SCOPE_SERVICE, monitor, UINT32_MAX);
    add(l, PLX_SCOPE_FILTER_MONITOR, monitor, UINT32_MAX);
    if (wide && is_shared(f, m->unit_endpoint))
        add(l, PLX_SCOPE_ENDPOINT, m->unit_endpoint, UINT32_MAX);
    if (!answers && (wide || !several))
        add(l, PLX_SCOPE_HOST, m->unit_host, UINT32_MAX);
    if (!several || !wide)
        return;
    if (answers &&
        (m->unit_endpoint == PLX_NO_UNIT || host->n > f->units[m->unit_endpoint].n))
        add(l, PLX_SCOPE_SERVICES, m->unit_host, UINT32_MAX);
    add(l, PLX_SCOPE_FILTER_HOST, m->unit_host, UINT32_MAX);
}

/* So many hosts that refuse together are no accident of each: what they share, or a
 * filter before them, refuses. Without it, that their ways are broken from each place
 * costs less than that each is down, and that is not told as what is down. */
#define NEIGHBOURS 3u

static bool has_neighbours(const struct plx_fleet *f, const struct plx_unit *prefix)
{
    uint32_t hosts[NEIGHBOURS], n = 0;
    for (uint32_t i = 0; i < prefix->n && n < NEIGHBOURS; i++) {
        uint32_t host = f->monitors[plx_unit_members(prefix)[i]].unit_host, k = 0;
        while (k < n && hosts[k] != host)
            k++;
        if (k == n)
            hosts[n++] = host;
    }
    return n == NEIGHBOURS;
}

static void add_network(const struct plx_fleet *f, const struct plx_fleet_monitor *m,
                        bool answers, struct list *l)
{
    if (!answers)
        add(l, PLX_SCOPE_PREFIX, m->unit_prefix, UINT32_MAX);
    else if (has_neighbours(f, &f->units[m->unit_prefix]))
        add(l, PLX_SCOPE_NEIGHBOURS, m->unit_prefix, UINT32_MAX);
}

static void add_server(const struct plx_fleet *f, const struct plx_fail *fail, bool wide,
                       unsigned worth, struct list *l)
{
    const struct plx_fleet_monitor *m = &f->monitors[fail->monitor];
    bool answers = wide && fail->answers;
    if (f->agents_used < 2 || m->n_cells < 2)
        return; /* one view cannot tell the far end from the way there */
    if (worth & PLX_WORTH_HOST)
        add_host(f, fail->monitor, answers, wide, l);
    if (fail->kinds[PLX_KIND_DNS] > 0 && (worth & PLX_WORTH_NAME))
        add(l, PLX_SCOPE_NAME, m->unit_name, UINT32_MAX);
    if (!wide)
        return;
    unsigned net = worth & (PLX_WORTH_PREFIX | PLX_WORTH_FILTER_PREFIX);
    if (net != 0 && plx_fleet_hosts(f, &f->units[m->unit_prefix]) >= 2) {
        if (net & PLX_WORTH_PREFIX)
            add_network(f, m, answers, l);
        if (net & PLX_WORTH_FILTER_PREFIX)
            add(l, PLX_SCOPE_FILTER_PREFIX, m->unit_prefix, UINT32_MAX);
    }
    if (!(worth & PLX_WORTH_GROUPS) || answers)
        return;
    for (uint32_t i = 0; i < m->terms->n_groups; i++)
        if (plx_fleet_hosts(f, &f->units[m->terms->ids[i]]) >= 2)
            add(l, PLX_SCOPE_GROUP, m->terms->ids[i], UINT32_MAX);
}

uint32_t plx_scope_of_cell(const struct plx_fleet *fleet, const struct plx_fail *fail,
                           unsigned worth, uint32_t without,
                           struct plx_scope ret[PLX_SCOPES_OF_CELL])
{
    struct list l = {ret, 0};
    bool wide = !(without & PLX_JUDGE_WITHOUT_SCOPES);
    if (worth & ~(unsigned)PLX_WORTH_OURS) {
        add_server(fleet, fail, wide, worth, &l);
        add_paths(fleet, &fleet->monitors[fail->monitor], fail->agent,
                  wide ? worth : worth & PLX_WORTH_HOST, &l);
    }
    if (wide)
        add_vantage(fleet, fail->agent, false, worth, &l);
    return l.n;
}

uint32_t plx_scope_of_agent(const struct plx_fleet *fleet, uint32_t agent,
                            struct plx_scope ret[PLX_SCOPES_OF_CELL])
{
    struct list l = {ret, 0};
    add_vantage(fleet, agent, true, PLX_WORTH_OURS, &l);
    return l.n;
}

void plx_scope_monitors(const struct plx_fleet *fleet, const struct plx_scope *scope,
                        const uint32_t **ret_ids, uint32_t *ret_n)
{
    *ret_ids = NULL;
    *ret_n = 0;
    if (kinds[scope->type].vantage)
        return;
    if (scope->type == PLX_SCOPE_SERVICE || scope->type == PLX_SCOPE_FILTER_MONITOR) {
        *ret_ids = &scope->x;
        *ret_n = 1;
        return;
    }
    *ret_ids = plx_unit_members(&fleet->units[scope->x]);
    *ret_n = fleet->units[scope->x].n;
}

void plx_scope_agents(const struct plx_fleet *fleet, const struct plx_scope *scope,
                      const uint32_t **ret_ids, uint32_t *ret_n)
{
    *ret_ids = NULL;
    *ret_n = 0;
    if (scope->y == UINT32_MAX)
        return;
    if (scope->type == PLX_SCOPE_AGENT || scope->type == PLX_SCOPE_AGENT_HOST ||
        scope->type == PLX_SCOPE_AGENT_PREFIX) {
        *ret_ids = &scope->y;
        *ret_n = 1;
        return;
    }
    *ret_ids = plx_unit_members(&fleet->units[scope->y]);
    *ret_n = fleet->units[scope->y].n;
}

static bool agent_has_unit(const struct plx_fleet_agent *a, enum plx_scope_type type,
                           uint32_t unit)
{
    switch (type) {
    case PLX_SCOPE_REGION_PREFIX:
    case PLX_SCOPE_REGION:
        return a->region == unit;
    case PLX_SCOPE_PROVIDER_PREFIX:
    case PLX_SCOPE_PROVIDER:
        return a->provider == unit;
    case PLX_SCOPE_ASN_PREFIX:
    case PLX_SCOPE_ASN:
        return a->asn == unit;
    default:
        for (uint32_t i = 0; i < a->n_sites; i++)
            if (a->sites[i] == unit)
                return true;
        return false;
    }
}

bool plx_scope_has_agent(const struct plx_fleet *fleet, const struct plx_scope *scope,
                         uint32_t agent)
{
    if (scope->y == UINT32_MAX)
        return true;
    if (scope->type == PLX_SCOPE_AGENT || scope->type == PLX_SCOPE_AGENT_HOST ||
        scope->type == PLX_SCOPE_AGENT_PREFIX)
        return scope->y == agent;
    return agent_has_unit(&fleet->agents[agent], scope->type, scope->y);
}

bool plx_scope_has_monitor(const struct plx_fleet *fleet, const struct plx_scope *scope,
                           uint32_t monitor)
{
    if (kinds[scope->type].vantage)
        return true;
    const uint32_t *ids;
    uint32_t n;
    plx_scope_monitors(fleet, scope, &ids, &n);
    for (uint32_t i = 0; i < n; i++)
        if (ids[i] == monitor)
            return true;
    return false;
}

/* The fault of ours that a path could be taken for: the agent of an agent's path, the
 * region of a region's path. PLX_SCOPE_COUNT_ for what is no path. */
static enum plx_scope_type vantage_of(enum plx_scope_type path)
{
    switch (path) {
    case PLX_SCOPE_AGENT_HOST:
    case PLX_SCOPE_AGENT_PREFIX:
        return PLX_SCOPE_AGENT;
    case PLX_SCOPE_REGION_PREFIX:
        return PLX_SCOPE_REGION;
    case PLX_SCOPE_PROVIDER_PREFIX:
        return PLX_SCOPE_PROVIDER;
    case PLX_SCOPE_ASN_PREFIX:
        return PLX_SCOPE_ASN;
    default:
        return PLX_SCOPE_COUNT_;
    }
}

/* Are all monitors of the path's agents at its end? Then the agents and their way there
 * cannot be told apart. */
static bool is_all_they_see(const struct plx_fleet *f, const struct plx_scope *path)
{
    const uint32_t *ids;
    uint32_t n;
    plx_scope_agents(f, path, &ids, &n);
    for (uint32_t i = 0; i < n; i++)
        if (plx_fleet_agent_cells(f, ids[i], path->x) < f->agents[ids[i]].n_cells)
            return false;
    return true;
}

bool plx_scope_same_cells(const struct plx_fleet *fleet, const struct plx_scope *a,
                          const struct plx_scope *b)
{
    if (a->type == vantage_of(b->type) && a->y == b->y)
        return is_all_they_see(fleet, b);
    if (b->type == vantage_of(a->type) && a->y == b->y)
        return is_all_they_see(fleet, a);
    if (kinds[a->type].filter || kinds[b->type].filter || kinds[a->type].vantage ||
        kinds[b->type].vantage)
        return plx_scope_key(*a) == plx_scope_key(*b);
    const uint32_t *m1, *m2, *a1, *a2;
    uint32_t n_m1, n_m2, n_a1, n_a2;
    plx_scope_monitors(fleet, a, &m1, &n_m1);
    plx_scope_monitors(fleet, b, &m2, &n_m2);
    plx_scope_agents(fleet, a, &a1, &n_a1);
    plx_scope_agents(fleet, b, &a2, &n_a2);
    if (n_m1 != n_m2 || n_a1 != n_a2)
        return false;
    for (uint32_t i = 0; i < n_m1; i++)
        if (m1[i] != m2[i])
            return false;
    for (uint32_t i = 0; i < n_a1; i++)
        if (a1[i] != a2[i])
            return false;
    return true;
}

static const char *vantage_name(const struct plx_fleet *f, const struct plx_scope *s)
{
    if (s->type == PLX_SCOPE_AGENT || s->type == PLX_SCOPE_AGENT_HOST ||
        s->type == PLX_SCOPE_AGENT_PREFIX)
        return f->agents[s->y].name;
    return plx_fleet_text(f, f->units[s->y].text);
}

void plx_scope_entity(const struct plx_fleet *fleet, const struct plx_scope *s, char *ret,
                      size_t size)
{
    if (s->type == PLX_SCOPE_SERVICE || s->type == PLX_SCOPE_FILTER_MONITOR)
        snprintf(ret, size, "%s", plx_fleet_text(fleet, fleet->monitors[s->x].name));
    else if (s->type == PLX_SCOPE_ENDPOINT && fleet->units[s->x].n > 0)
        snprintf(
            ret, size, "%s",
            plx_fleet_text(
                fleet, fleet->monitors[plx_unit_members(&fleet->units[s->x])[0]].name));
    else if (s->y == UINT32_MAX)
        snprintf(ret, size, "%s", plx_fleet_text(fleet, fleet->units[s->x].text));
    else if (s->x == UINT32_MAX)
        snprintf(ret, size, "%s", vantage_name(fleet, s));
    else
        snprintf(ret, size, "%s>%s", vantage_name(fleet, s),
                 plx_fleet_text(fleet, fleet->units[s->x].text));
}
