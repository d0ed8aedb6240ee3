#include "coordinator/core/judge_fleet.h"

#include "base/err.h"
#include "base/rng.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *grow(void *array, size_t n, size_t size)
{
    void *p = realloc(array, n * size);
    if (p == NULL)
        abort(); /* small and rare: a restart is safe (HOUSE: small allocations) */
    return p;
}

/* --- units ------------------------------------------------------------------------- */

static uint64_t unit_hash(enum plx_unit_kind kind, const char *text)
{
    return plx_hash_bytes(text, strlen(text), (uint64_t)kind);
}

static const char *unit_text(const struct plx_fleet *f, uint32_t unit)
{
    return plx_fleet_text(f, f->units[unit].text);
}

/* Where the search for a unit begins. */
static uint32_t index_home(const struct plx_fleet *f, enum plx_unit_kind kind,
                           const char *text)
{
    return (uint32_t)((unit_hash(kind, text) >> 32) * f->cap_index >> 32);
}

static uint32_t index_next(const struct plx_fleet *f, uint32_t i)
{
    return i + 1 == f->cap_index ? 0 : i + 1;
}

static void index_rebuild(struct plx_fleet *f)
{
    f->cap_index += f->cap_index / 4 + 64;
    free(f->index);
    f->index = calloc(f->cap_index, sizeof *f->index);
    if (f->index == NULL)
        abort();
    for (uint32_t u = 0; u < f->n_units; u++) {
        uint32_t i = index_home(f, f->units[u].kind, unit_text(f, u));
        while (f->index[i] != 0)
            i = index_next(f, i);
        f->index[i] = u + 1;
    }
}

static uint32_t unit_new(struct plx_fleet *f, enum plx_unit_kind kind, const char *text)
{
    if (f->n_units == f->cap_units) {
        f->cap_units = f->cap_units + f->cap_units / 32 + 32;
        f->units = grow(f->units, f->cap_units, sizeof *f->units);
    }
    f->units[f->n_units] =
        (struct plx_unit){.kind = (uint8_t)kind, .text = plx_texts_add(&f->texts, text)};
    return f->n_units++;
}

/* The unit of that kind and text, made when it is new; PLX_NO_UNIT for empty text. */
static uint32_t unit_of(struct plx_fleet *f, enum plx_unit_kind kind, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return PLX_NO_UNIT;
    if (f->cap_index < f->n_units + f->n_units / 3 + 2)
        index_rebuild(f);
    uint32_t i = index_home(f, kind, text);
    for (; f->index[i] != 0; i = index_next(f, i))
        if (f->units[f->index[i] - 1].kind == (uint8_t)kind &&
            strcmp(unit_text(f, f->index[i] - 1), text) == 0)
            return f->index[i] - 1;
    uint32_t u = unit_new(f, kind, text);
    f->index[i] = u + 1;
    return u;
}

/* First place whose member is not below `id`. */
static uint32_t member_place(const struct plx_unit *u, uint32_t id)
{
    const uint32_t *members = plx_unit_members(u);
    uint32_t lo = 0, hi = u->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (members[mid] < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Room grows by so many: an eighth to a sixteenth. */
static uint32_t members_step(uint32_t n)
{
    return n < 64 ? 4 : 1u << (31 - (uint32_t)__builtin_clz(n) - 3);
}

/* Where the members are, with room for one more. */
static uint32_t *members_reach(struct plx_unit *u)
{
    uint32_t step = members_step(u->n);
    if (!u->is_many && u->n < PLX_UNIT_FEW)
        return u->few;
    if (u->is_many && (u->n & (step - 1)) != 0)
        return u->many;
    uint32_t *many = grow(u->is_many ? u->many : NULL, u->n + (size_t)step, sizeof *many);
    if (!u->is_many)
        memcpy(many, u->few, sizeof u->few);
    u->many = many;
    u->is_many = true;
    return many;
}

static void unit_join(struct plx_fleet *f, uint32_t unit, uint32_t id)
{
    if (unit == PLX_NO_UNIT)
        return;
    struct plx_unit *u = &f->units[unit];
    uint32_t at = member_place(u, id);
    if (at < u->n && plx_unit_members(u)[at] == id)
        return;
    uint32_t *members = members_reach(u);
    memmove(members + at + 1, members + at, (u->n - at) * sizeof *members);
    members[at] = id;
    u->n++;
}

/* A unit that had many goes on with few once there are so few. */
static void members_shrink(struct plx_unit *u)
{
    uint32_t *many = u->many;
    if (!u->is_many || u->n > PLX_UNIT_FEW)
        return;
    memcpy(u->few, many, u->n * sizeof *many);
    u->is_many = false;
    free(many);
}

static void unit_leave(struct plx_fleet *f, uint32_t unit, uint32_t id)
{
    if (unit == PLX_NO_UNIT)
        return;
    struct plx_unit *u = &f->units[unit];
    uint32_t at = member_place(u, id);
    uint32_t *members = u->is_many ? u->many : u->few;
    if (at == u->n || members[at] != id)
        return;
    u->n--;
    memmove(members + at, members + at + 1, (u->n - at) * sizeof *members);
    members_shrink(u);
}

uint32_t plx_fleet_agent_cells(const struct plx_fleet *fleet, uint32_t agent,
                               uint32_t unit)
{
    const struct plx_unit *u = &fleet->units[unit];
    uint32_t n = 0;
    for (uint32_t i = 0; i < u->n; i++) {
        const struct plx_fleet_monitor *m = &fleet->monitors[plx_unit_members(u)[i]];
        for (uint32_t k = 0; k < m->n_cells; k++)
            n += m->watchers->agents[k] == agent;
    }
    return n;
}

uint32_t plx_fleet_hosts(const struct plx_fleet *fleet, const struct plx_unit *unit)
{
    uint32_t first = PLX_NO_UNIT;
    for (uint32_t i = 0; i < unit->n; i++) {
        uint32_t h = fleet->monitors[plx_unit_members(unit)[i]].unit_host;
        if (first == PLX_NO_UNIT)
            first = h;
        else if (h != first)
            return 2;
    }
    return first == PLX_NO_UNIT ? 0 : 1;
}

static void count_none(struct plx_fleet *f, uint32_t unit)
{
    if (unit != PLX_NO_UNIT)
        f->units[unit].live = 0;
}

bool plx_fleet_is_same_service(const struct plx_fleet_monitor *a,
                               const struct plx_fleet_monitor *b)
{
    return a->unit_host == b->unit_host && a->port == b->port && a->port != 0 &&
           a->expect == b->expect;
}

uint32_t plx_fleet_services(const struct plx_fleet *fleet, const uint32_t *monitors,
                            uint32_t n)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct plx_fleet_monitor *m = &fleet->monitors[monitors[i]];
        bool again = false;
        if (m->n_cells == 0)
            continue;
        for (uint32_t k = 0; k < i && m->unit_endpoint != PLX_NO_UNIT && !again; k++)
            again = fleet->monitors[monitors[k]].n_cells > 0 &&
                    plx_fleet_is_same_service(&fleet->monitors[monitors[k]], m);
        count += !again;
    }
    return count;
}

static void count_in(struct plx_fleet *f, uint32_t unit)
{
    if (unit != PLX_NO_UNIT)
        f->units[unit].live++;
}

static void each_unit(struct plx_fleet *f, const struct plx_fleet_agent *a,
                      void (*act)(struct plx_fleet *, uint32_t unit))
{
    act(f, a->region);
    act(f, a->provider);
    act(f, a->asn);
    for (uint32_t k = 0; k < a->n_sites; k++)
        act(f, a->sites[k]);
}

void plx_fleet_count_live(struct plx_fleet *f)
{
    f->agents_live = 0;
    for (uint32_t i = 0; i < f->n_agents; i++)
        if (f->agents[i].used)
            each_unit(f, &f->agents[i], count_none);
    for (uint32_t i = 0; i < f->n_agents; i++)
        if (plx_fleet_is_live(&f->agents[i])) {
            f->agents_live++;
            each_unit(f, &f->agents[i], count_in);
        }
}

/* --- addresses --------------------------------------------------------------------- */

/* Parses dotted decimal; no leading zeros checks: the address came from a resolver. */
static int parse_v4(const char *s, unsigned char out[4])
{
    for (int i = 0; i < 4; i++) {
        unsigned v = 0, digits = 0;
        while (*s >= '0' && *s <= '9' && digits < 3) {
            v = v * 10 + (unsigned)(*s++ - '0');
            digits++;
        }
        if (digits == 0 || v > 255 || *s != (i < 3 ? '.' : '\0'))
            return PLX_EINVAL;
        out[i] = (unsigned char)v;
        s++;
    }
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The first three 16-bit groups of an IPv6 address: all that a /48 needs. */
static int parse_v6_head(const char *s, unsigned out[3])
{
    if (strchr(s, ':') == NULL || strspn(s, "0123456789abcdefABCDEF:.") != strlen(s))
        return PLX_EINVAL;
    for (int i = 0; i < 3; i++)
        out[i] = 0;
    for (int i = 0; i < 3; i++) {
        unsigned v = 0, digits = 0;
        for (; hex_digit(*s) >= 0 && digits < 4; digits++)
            v = v * 16 + (unsigned)hex_digit(*s++);
        if (digits == 0 && *s != ':')
            return PLX_EINVAL;
        out[i] = v;
        if (*s != ':')
            return *s == '\0' || *s == '.' ? 0 : PLX_EINVAL;
        s++;
        if (*s == ':') /* "::": the rest of the head is zero (or too far right) */
            return 0;
    }
    return 0;
}

int plx_fleet_prefix(const char *address, char ret[PLX_PREFIX_MAX])
{
    unsigned char v4[4];
    unsigned v6[3];
    if (parse_v4(address, v4) == 0) {
        snprintf(ret, PLX_PREFIX_MAX, "%u.%u.%u.0/24", v4[0], v4[1], v4[2]);
        return 0;
    }
    if (parse_v6_head(address, v6) != 0)
        return PLX_EINVAL;
    snprintf(ret, PLX_PREFIX_MAX, "%x:%x:%x::/48", v6[0], v6[1], v6[2]);
    return 0;
}

/* --- agents ------------------------------------------------------------------------ */

void plx_fleet_clock_set(struct plx_fleet *fleet, int64_t step_ns)
{
    for (uint32_t i = 0; i < fleet->n_agents; i++)
        if (fleet->agents[i].heard_ns != 0)
            fleet->agents[i].heard_ns += step_ns;
}

struct plx_fleet_agent *plx_fleet_agent(const struct plx_fleet *fleet, uint32_t id)
{
    return id < fleet->n_agents && fleet->agents[id].used ? &fleet->agents[id] : NULL;
}

static void agent_leave_units(struct plx_fleet *f, uint32_t id)
{
    struct plx_fleet_agent *a = &f->agents[id];
    unit_leave(f, a->region, id);
    unit_leave(f, a->provider, id);
    unit_leave(f, a->asn, id);
    for (uint32_t i = 0; i < a->n_sites; i++)
        unit_leave(f, a->sites[i], id);
    free(a->sites);
    free(a->name);
    a->sites = NULL;
    a->name = NULL;
    a->n_sites = 0;
}

static uint32_t *join_all(struct plx_fleet *f, enum plx_unit_kind kind,
                          const char *const *texts, size_t n, uint32_t id)
{
    uint32_t *units = n ? grow(NULL, n, sizeof *units) : NULL;
    for (size_t i = 0; i < n; i++) {
        units[i] = unit_of(f, kind, texts[i]);
        unit_join(f, units[i], id);
    }
    return units;
}

static void agents_reach(struct plx_fleet *f, uint32_t id)
{
    if (id < f->n_agents)
        return;
    uint32_t n = id + 1 < 8 ? 8 : id + 1 + id / 2;
    f->agents = grow(f->agents, n, sizeof *f->agents);
    memset(f->agents + f->n_agents, 0, (n - f->n_agents) * sizeof *f->agents);
    f->n_agents = n;
}

void plx_fleet_set_agent(struct plx_fleet *f, const struct plx_judge_agent *agent)
{
    agents_reach(f, agent->id);
    struct plx_fleet_agent *a = &f->agents[agent->id];
    if (a->used)
        agent_leave_units(f, agent->id);
    else
        f->agents_used++;
    a->used = true;
    a->name = plx_text_dup(agent->name);
    a->region = unit_of(f, PLX_UNIT_REGION, agent->region);
    a->provider = unit_of(f, PLX_UNIT_PROVIDER, agent->provider);
    a->asn = unit_of(f, PLX_UNIT_ASN, agent->asn);
    unit_join(f, a->region, agent->id);
    unit_join(f, a->provider, agent->id);
    unit_join(f, a->asn, agent->id);
    a->sites = join_all(f, PLX_UNIT_SITE, agent->groups, agent->n_groups, agent->id);
    a->n_sites = (uint32_t)agent->n_groups;
}

void plx_fleet_drop_agent(struct plx_fleet *f, uint32_t id)
{
    if (plx_fleet_agent(f, id) == NULL)
        return;
    agent_leave_units(f, id);
    memset(&f->agents[id], 0, sizeof f->agents[id]);
    f->agents_used--;
}

/* --- monitors ---------------------------------------------------------------------- */

struct plx_fleet_monitor *plx_fleet_monitor(const struct plx_fleet *fleet, uint32_t id)
{
    return id < fleet->n_monitors && fleet->monitors[id].terms != NULL
               ? &fleet->monitors[id]
               : NULL;
}

/* The text that was added next after this one. */
static uint32_t behind(const struct plx_fleet *f, uint32_t text)
{
    return text + (uint32_t)strlen(plx_fleet_text(f, text)) + 1;
}

static void monitor_leave_units(struct plx_fleet *f, uint32_t id)
{
    struct plx_fleet_monitor *m = &f->monitors[id];
    unit_leave(f, m->unit_host, id);
    unit_leave(f, m->unit_prefix, id);
    unit_leave(f, m->unit_name, id);
    unit_leave(f, m->unit_endpoint, id);
    for (uint32_t i = 0; i < m->terms->n_groups; i++)
        unit_leave(f, m->terms->ids[i], id);
    plx_commons_drop(&f->commons, m->terms);
    if (m->own_host)
        plx_texts_forget(&f->texts, behind(f, m->name));
    plx_texts_forget(&f->texts, m->name);
    m->terms = NULL;
    m->used = false;
}

static void monitors_reach(struct plx_fleet *f, uint32_t id)
{
    if (id < f->n_monitors)
        return;
    uint32_t n = id + 1 < 16 ? 16 : id + 1 + id / 32;
    f->monitors = grow(f->monitors, n, sizeof *f->monitors);
    memset(f->monitors + f->n_monitors, 0, (n - f->n_monitors) * sizeof *f->monitors);
    f->n_monitors = n;
}

/* Where a monitor lives: its address, the prefix around it, and its name if it has one.
 * While the address is unknown the host's text stands in for it (without either, the
 * monitor's name), so that monitors of one name share a host. */
static void monitor_join_places(struct plx_fleet *f, struct plx_fleet_monitor *m,
                                const struct plx_judge_monitor *mon, const char *host)
{
    char prefix[PLX_PREFIX_MAX] = "", ignored[PLX_PREFIX_MAX];
    bool has_address = mon->address != NULL && mon->address[0] != '\0';
    const char *where = has_address ? mon->address : host[0] ? host : mon->name;
    if (plx_fleet_prefix(where, prefix) != 0)
        prefix[0] = '\0';
    m->unit_host = unit_of(f, PLX_UNIT_HOST, where);
    m->unit_prefix = unit_of(f, PLX_UNIT_PREFIX, prefix);
    m->unit_name = plx_fleet_prefix(host, ignored) == 0 ? PLX_NO_UNIT
                                                        : unit_of(f, PLX_UNIT_NAME, host);
    unit_join(f, m->unit_host, mon->id);
    unit_join(f, m->unit_prefix, mon->id);
    unit_join(f, m->unit_name, mon->id);
}

/* Of a host with more monitors, only so many are asked whether they watch the same. */
#define SIBLINGS_MAX 256u

/* Another monitor of the same service; PLX_JUDGE_MONITOR_MAX: there is none. */
static uint32_t twin_of(const struct plx_fleet *f, const struct plx_fleet_monitor *m,
                        uint32_t id)
{
    const struct plx_unit *host = &f->units[m->unit_host];
    const uint32_t *members = plx_unit_members(host);
    for (uint32_t i = 0; i < host->n && i < SIBLINGS_MAX; i++)
        if (members[i] != id && plx_fleet_is_same_service(&f->monitors[members[i]], m))
            return members[i];
    return PLX_JUDGE_MONITOR_MAX;
}

/* A service that several monitors watch is a unit; one that a single one does is not, for
 * there are very many of these. */
static void monitor_join_endpoint(struct plx_fleet *f, struct plx_fleet_monitor *m,
                                  uint32_t id)
{
    char text[PLX_JUDGE_SENTENCE];
    uint32_t twin = twin_of(f, m, id);
    m->unit_endpoint = PLX_NO_UNIT;
    if (twin == PLX_JUDGE_MONITOR_MAX)
        return;
    snprintf(text, sizeof text, "%u/%u %s", (unsigned)m->port, (unsigned)m->expect,
             unit_text(f, m->unit_host));
    m->unit_endpoint = unit_of(f, PLX_UNIT_ENDPOINT, text);
    f->monitors[twin].unit_endpoint = m->unit_endpoint;
    unit_join(f, m->unit_endpoint, id);
    unit_join(f, m->unit_endpoint, twin);
}

/* Forgets the bytes of texts that are garbage. */
static void texts_compact(struct plx_fleet *f)
{
    struct plx_texts old = f->texts;
    f->texts = (struct plx_texts){0};
    for (uint32_t u = 0; u < f->n_units; u++)
        f->units[u].text =
            plx_texts_add(&f->texts, plx_texts_get(&old, f->units[u].text));
    for (uint32_t i = 0; i < f->n_monitors; i++) {
        struct plx_fleet_monitor *m = &f->monitors[i];
        if (!m->used)
            continue;
        const char *name = plx_texts_get(&old, m->name);
        m->name = plx_texts_add(&f->texts, name);
        if (m->own_host)
            plx_texts_add(&f->texts, name + strlen(name) + 1);
    }
    plx_texts_fini(&old);
}

static uint32_t host_unit(const struct plx_fleet_monitor *m)
{
    return m->unit_name != PLX_NO_UNIT ? m->unit_name : m->unit_host;
}

/* The host's text is mostly that of the name's unit, or of the address's. */
static void keep_texts(struct plx_fleet *f, struct plx_fleet_monitor *m, const char *name,
                       const char *host)
{
    uint32_t unit = host_unit(m);
    m->own_host = unit == PLX_NO_UNIT || strcmp(unit_text(f, unit), host) != 0;
    m->name = plx_texts_add(&f->texts, name);
    if (m->own_host)
        plx_texts_add(&f->texts, host);
}

const char *plx_fleet_host(const struct plx_fleet *fleet,
                           const struct plx_fleet_monitor *m)
{
    return m->own_host ? plx_fleet_text(fleet, behind(fleet, m->name))
                       : unit_text(fleet, host_unit(m));
}

/* Ticks of a duration, one at least. */
static uint32_t ticks_of(int64_t ns)
{
    int64_t tk = ns / (PLX_SEC_NS / PLX_TK_PER_SEC);
    return tk < 1 ? 1 : (uint32_t)tk;
}

/* What is declared about the monitor, kept once for all that have it alike. */
static struct plx_terms *terms_of(struct plx_fleet *f,
                                  const struct plx_judge_monitor *mon)
{
    size_t size =
        sizeof(struct plx_terms) + (mon->n_groups + mon->n_depends_on) * sizeof(uint32_t);
    struct plx_terms *t = calloc(1, size);
    if (t == NULL)
        abort();
    t->common.size = (uint32_t)size;
    t->quorum.rule = mon->quorum.rule;
    t->quorum.distinct = mon->quorum.distinct;
    t->quorum.n = mon->quorum.n;
    t->min_coverage = (float)mon->min_coverage;
    t->degraded_above_us = mon->degraded_above_us;
    t->interval_tk = ticks_of(mon->interval_ns);
    t->timeout_tk = ticks_of(mon->timeout_ns);
    t->n_groups = (uint32_t)mon->n_groups;
    t->n_depends = (uint32_t)mon->n_depends_on;
    for (uint32_t i = 0; i < t->n_groups; i++) {
        t->ids[i] = unit_of(f, PLX_UNIT_GROUP, mon->groups[i]);
        unit_join(f, t->ids[i], mon->id);
    }
    for (uint32_t i = 0; i < t->n_depends; i++)
        t->ids[t->n_groups + i] = mon->depends_on[i];
    struct plx_terms *kept = plx_commons_take(&f->commons, t);
    free(t);
    return kept;
}

/* Texts are compacted when so many bytes are garbage, and more than half. */
#define GARBAGE 65536u

void plx_fleet_set_monitor(struct plx_fleet *f, const struct plx_judge_monitor *mon)
{
    const char *host = mon->host ? mon->host : "";
    monitors_reach(f, mon->id);
    struct plx_fleet_monitor *m = &f->monitors[mon->id];
    if (m->used)
        monitor_leave_units(f, mon->id);
    if (f->texts.garbage > GARBAGE && f->texts.garbage > f->texts.n / 2)
        texts_compact(f);
    *m = (struct plx_fleet_monitor){
        .expect = (unsigned)mon->expect & 7u,
        .port = mon->port,
        .asked_all = m->asked_all,
        .cell0 = m->cell0,
        .watchers = m->watchers,
        .n_cells = m->n_cells,
    };
    monitor_join_places(f, m, mon, host);
    monitor_join_endpoint(f, m, mon->id);
    keep_texts(f, m, mon->name, host);
    m->terms = terms_of(f, mon);
    m->used = true;
}

void plx_fleet_watch(struct plx_fleet *f, uint32_t monitor, const uint32_t *agents,
                     uint32_t n)
{
    struct plx_fleet_monitor *m = &f->monitors[monitor];
    size_t size = sizeof(struct plx_watchers) + n * sizeof(uint16_t);
    struct plx_watchers *old = m->watchers, *like = calloc(1, size);
    if (like == NULL)
        abort();
    like->common.size = (uint32_t)size;
    like->n = n;
    for (uint32_t i = 0; i < n; i++)
        like->agents[i] = (uint16_t)agents[i];
    m->watchers = plx_commons_take(&f->commons, like);
    m->n_cells = n & 0x7ffu;
    free(like);
    plx_commons_drop(&f->commons, old);
}

void plx_fleet_drop_monitor(struct plx_fleet *f, uint32_t id)
{
    if (plx_fleet_monitor(f, id) == NULL)
        return;
    plx_commons_drop(&f->commons, f->monitors[id].watchers);
    monitor_leave_units(f, id);
    memset(&f->monitors[id], 0, sizeof f->monitors[id]);
}

void plx_fleet_fini(struct plx_fleet *f)
{
    for (uint32_t i = 0; i < f->n_monitors; i++)
        plx_fleet_drop_monitor(f, i);
    for (uint32_t i = 0; i < f->n_agents; i++)
        plx_fleet_drop_agent(f, i);
    for (uint32_t i = 0; i < f->n_units; i++)
        if (f->units[i].is_many)
            free(f->units[i].many);
    plx_commons_fini(&f->commons);
    plx_texts_fini(&f->texts);
    free(f->monitors);
    free(f->agents);
    free(f->units);
    free(f->index);
    *f = (struct plx_fleet){0};
}
