#include "world.h"

#include <math.h>
#include <string.h>

double sim_uniform(struct plx_rng *rng, double lo, double hi)
{
    return lo + (hi - lo) * plx_rng_unit(rng);
}

static int below(struct plx_rng *rng, int n)
{
    return (int)plx_rng_below(rng, (uint64_t)n);
}

static int between(struct plx_rng *rng, int lo, int hi)
{
    return lo + below(rng, hi - lo + 1);
}

bool sim_class_is_server(enum sim_class c)
{
    return c <= SIM_DNS;
}

bool sim_class_is_vantage(enum sim_class c)
{
    return c >= SIM_AGENT && c <= SIM_PROVIDER;
}

bool sim_class_is_path(enum sim_class c)
{
    return c >= SIM_PATH_HOST && c <= SIM_FILTER;
}

const char *sim_class_name(enum sim_class c)
{
    static const char *const names[SIM_CLASS_COUNT] = {
        "service",    "host",         "network",       "dns",
        "agent>host", "agent>prefix", "region>prefix", "provider>prefix",
        "filter",     "agent",        "region",        "provider",
        "(upstream)", "(flapping)",   "(half broken)"};
    return names[c];
}

/* --- the fleet -----------------------------------------------------------------------
 */

static void make_agents(struct sim_world *w)
{
    struct plx_rng *r = &w->rng;
    const struct sim_recipe *q = w->recipe;
    w->n_agents = between(r, q->agents_min, q->agents_max);
    w->n_regions = between(r, 1, q->regions_max);
    w->n_regions = w->n_regions > w->n_agents ? w->n_agents : w->n_regions;
    w->n_providers = between(r, 1, q->regions_max);
    double noise_lo = q->noise_min, noise_hi = q->noise_max;
    double odd = below(r, 3) == 0 ? sim_uniform(r, 0, 0.3) : sim_uniform(r, 0, 0.1);
    double burst = below(r, 2) ? sim_uniform(r, 0.1, 0.5) : 0;
    for (int a = 0; a < w->n_agents; a++) {
        struct sim_agent *g = &w->agents[a];
        g->region = a < w->n_regions ? a : below(r, w->n_regions);
        g->provider = below(r, w->n_providers);
        g->noise = exp(sim_uniform(r, log(noise_lo), log(noise_hi)));
        g->clock_s = sim_uniform(r, -q->clock_s, q->clock_s);
        g->delay_s = sim_uniform(r, 0.02, 0.5);
        g->odd_kinds = odd;
        g->burst = burst;
        g->micro_at = 1e9;
        if (q->micro_per_hour > 0)
            g->micro_at = -log(1 - plx_rng_unit(r)) * 3600 / q->micro_per_hour;
        g->micro_end = g->micro_at + sim_uniform(r, 2, 12);
    }
}

static void make_monitor(struct sim_world *w, int host, bool everyone)
{
    struct plx_rng *r = &w->rng;
    struct sim_monitor *m = &w->monitors[w->n_monitors++];
    *m = (struct sim_monitor){.host = host};
    int n = 0;
    for (int a = 0; a < w->n_agents; a++) {
        m->phase[a] = sim_uniform(r, 0, w->interval);
        m->assigned[a] = everyone || below(r, 10) < 8;
        n += m->assigned[a];
    }
    for (int a = 0; a < w->n_agents && n < 2; a++)
        if (!m->assigned[a]) {
            m->assigned[a] = true;
            n++;
        }
}

static void make_targets(struct sim_world *w)
{
    struct plx_rng *r = &w->rng;
    w->n_prefixes = between(r, 2, 5);
    w->n_hosts = between(r, w->n_prefixes, w->n_prefixes * 3);
    bool everyone = below(r, 4) != 0;
    for (int h = 0; h < w->n_hosts; h++) {
        w->hosts[h].prefix = h < w->n_prefixes ? h : below(r, w->n_prefixes);
        w->hosts[h].n_monitors = between(r, 1, 4);
        for (int a = 0; a < w->n_agents; a++)
            w->hosts[h].rtt_s[a] = sim_uniform(r, 0.002, 0.25);
        for (int i = 0; i < w->hosts[h].n_monitors && w->n_monitors < SIM_MONITORS; i++)
            make_monitor(w, h, everyone);
    }
}

/* --- faults --------------------------------------------------------------------------
 */

static void mix_add(struct sim_fault *f, enum plx_outcome o, enum plx_unreach u, double w)
{
    f->mix[o][u] += w;
}

static void mix_server(struct sim_world *w, struct sim_fault *f)
{
    struct plx_rng *r = &w->rng;
    double share = sim_uniform(r, 0.3, 0.9);
    if (w->recipe->silent) {
        mix_add(f, PLX_OUTCOME_TIMEOUT, 0, 1);
        return;
    }
    switch (f->class) {
    case SIM_SERVICE:
        if (below(r, 10) < 6) {
            mix_add(f, PLX_OUTCOME_REFUSED, 0, 1);
        } else if (below(r, 10) < 7) {
            mix_add(f, PLX_OUTCOME_TIMEOUT, 0, 1);
        } else {
            mix_add(f, PLX_OUTCOME_RESET, 0, share);
            mix_add(f, PLX_OUTCOME_TIMEOUT, 0, 1 - share);
        }
        return;
    case SIM_DNS:
        mix_add(f, PLX_OUTCOME_DNS_FAILURE, 0, 1);
        return;
    case SIM_NETWORK:
        mix_add(f, PLX_OUTCOME_TIMEOUT, 0, below(r, 2) ? 1 : 1 - share);
        mix_add(f, PLX_OUTCOME_UNREACHABLE, PLX_UNREACH_NET, below(r, 2) ? share : 0);
        return;
    default:
        mix_add(f, PLX_OUTCOME_TIMEOUT, 0, below(r, 2) ? 1 : 1 - share);
        mix_add(f, PLX_OUTCOME_UNREACHABLE, PLX_UNREACH_HOST, below(r, 2) ? share : 0);
    }
}

static void mix_other(struct sim_world *w, struct sim_fault *f)
{
    struct plx_rng *r = &w->rng;
    double share = sim_uniform(r, 0.2, 0.9);
    if (f->class == SIM_FILTER) {
        int kind = below(r, 3);
        mix_add(f, PLX_OUTCOME_REFUSED, 0, kind == 0);
        mix_add(f, PLX_OUTCOME_TIMEOUT, 0, kind == 1);
        mix_add(f, PLX_OUTCOME_UNREACHABLE, PLX_UNREACH_PROHIBITED, kind == 2);
        return;
    }
    mix_add(f, PLX_OUTCOME_TIMEOUT, 0, 1 - share);
    bool speaks = below(r, 3) == 0;
    mix_add(f, speaks ? PLX_OUTCOME_UNREACHABLE : PLX_OUTCOME_TIMEOUT,
            speaks ? PLX_UNREACH_NET : 0, share);
}

static int hosts_in_prefix(const struct sim_world *w, int prefix)
{
    int n = 0;
    for (int h = 0; h < w->n_hosts; h++)
        n += w->hosts[h].prefix == prefix;
    return n;
}

static int agents_in(const struct sim_world *w, bool region, int x)
{
    int n = 0;
    for (int a = 0; a < w->n_agents; a++)
        n += (region ? w->agents[a].region : w->agents[a].provider) == x;
    return n;
}

/* A prefix with at least two hosts, or -1. */
static int pick_prefix(struct sim_world *w)
{
    for (int tries = 0; tries < 20; tries++) {
        int p = below(&w->rng, w->n_prefixes);
        if (hosts_in_prefix(w, p) >= 2)
            return p;
    }
    return -1;
}

/* A region or provider that is more than one agent and not all, or -1. */
static int pick_part(struct sim_world *w, bool region)
{
    int n = region ? w->n_regions : w->n_providers;
    for (int tries = 0; tries < 20; tries++) {
        int x = below(&w->rng, n);
        int k = agents_in(w, region, x);
        if (k >= 2 && k < w->n_agents)
            return x;
    }
    return -1;
}

/* The agents of the provider are not the agents of one region and the other way round:
 * else nothing could tell them apart. */
static bool is_distinct_part(const struct sim_world *w, bool region, int x)
{
    int first = -1;
    bool same = true;
    for (int a = 0; a < w->n_agents; a++) {
        const struct sim_agent *g = &w->agents[a];
        if ((region ? g->region : g->provider) != x)
            continue;
        int other = region ? g->provider : g->region;
        if (first < 0)
            first = other;
        same &= other == first;
    }
    return !(same && agents_in(w, !region, first) == agents_in(w, region, x));
}

static bool place_filter(struct sim_world *w, struct sim_fault *f)
{
    struct plx_rng *r = &w->rng;
    if (w->n_agents < 4)
        return false;
    f->filter_level = between(r, 0, 2);
    f->x = f->filter_level == 0   ? below(r, w->n_monitors)
           : f->filter_level == 1 ? below(r, w->n_hosts)
                                  : pick_prefix(w);
    int k = between(r, 2, w->n_agents - 2), n = 0;
    k = k > 5 ? 5 : k;
    while (n < k) {
        int a = below(r, w->n_agents);
        if (!(f->agents & (1u << a))) {
            f->agents |= 1u << a;
            n++;
        }
    }
    return f->x >= 0;
}

static bool place_upstream(struct sim_world *w, struct sim_fault *f)
{
    for (int a = 0; a < w->n_agents; a++)
        f->agents |= below(&w->rng, 2) ? 1u << a : 0;
    for (int h = 0; h < w->n_hosts; h++)
        f->hosts |= below(&w->rng, 3) == 0 ? UINT64_C(1) << h : 0;
    f->agents &= ~1u; /* somebody still sees it */
    return f->agents != 0 && f->hosts != 0;
}

/* Chooses where a fault of this class strikes. False: not possible in this world. */
static bool place(struct sim_world *w, struct sim_fault *f)
{
    struct plx_rng *r = &w->rng;
    switch (f->class) {
    case SIM_SERVICE:
    case SIM_FLAPPING:
    case SIM_HALF_BROKEN:
        f->x = below(r, w->n_monitors);
        return true;
    case SIM_HOST:
    case SIM_DNS:
        f->x = below(r, w->n_hosts);
        return true;
    case SIM_NETWORK:
        f->x = pick_prefix(w);
        return f->x >= 0;
    case SIM_PATH_HOST:
        f->x = below(r, w->n_hosts);
        f->y = below(r, w->n_agents);
        return w->n_agents >= 2;
    case SIM_PATH_PREFIX:
        f->x = pick_prefix(w);
        f->y = below(r, w->n_agents);
        return f->x >= 0 && w->n_agents >= 2;
    case SIM_PATH_REGION:
    case SIM_PATH_PROVIDER:
        f->x = below(r, w->n_prefixes);
        f->y = pick_part(w, f->class == SIM_PATH_REGION);
        return f->y >= 0 && is_distinct_part(w, f->class == SIM_PATH_REGION, f->y);
    case SIM_FILTER:
        return place_filter(w, f);
    case SIM_AGENT:
        f->y = below(r, w->n_agents);
        return w->n_agents >= 2;
    case SIM_REGION:
    case SIM_PROVIDER:
        f->y = pick_part(w, f->class == SIM_REGION);
        return f->y >= 0 && is_distinct_part(w, f->class == SIM_REGION, f->y);
    case SIM_UNKNOWN_UPSTREAM:
        return place_upstream(w, f);
    case SIM_CLASS_COUNT:
        break;
    }
    return false;
}

static enum sim_class draw_class(struct sim_world *w)
{
    static const enum sim_class table[] = {
        SIM_SERVICE,     SIM_SERVICE,       SIM_SERVICE,   SIM_HOST,      SIM_HOST,
        SIM_NETWORK,     SIM_DNS,           SIM_PATH_HOST, SIM_PATH_HOST, SIM_PATH_PREFIX,
        SIM_PATH_REGION, SIM_PATH_PROVIDER, SIM_FILTER,    SIM_FILTER,    SIM_AGENT,
        SIM_AGENT,       SIM_REGION,        SIM_PROVIDER};
    if (w->recipe->silent)
        return SIM_SERVICE;
    return table[below(&w->rng, (int)(sizeof table / sizeof *table))];
}

static bool make_fault(struct sim_world *w, enum sim_class class, double start)
{
    struct plx_rng *r = &w->rng;
    struct sim_fault *f = &w->faults[w->n_faults];
    *f = (struct sim_fault){.class = class, .x = -1, .y = -1, .start = start};
    if (!place(w, f))
        return false;
    f->end = below(r, 3) ? start + 60 * sim_uniform(r, 4, 15) : 1e9;
    f->p_fail = sim_uniform(r, 0.985, 1.0);
    f->period = sim_uniform(r, 20, 50);
    if (sim_class_is_server(class) || class >= SIM_UNKNOWN_UPSTREAM)
        mix_server(w, f);
    else
        mix_other(w, f);
    if (class == SIM_FLAPPING || class == SIM_HALF_BROKEN ||
        class == SIM_UNKNOWN_UPSTREAM)
        mix_add(f, PLX_OUTCOME_TIMEOUT, 0, 0.001);
    if (sim_class_is_vantage(class)) {
        int k = below(r, 10);
        f->mode = k < 5 ? SIM_MODE_FAIL : k < 8 ? SIM_MODE_SILENT : SIM_MODE_LOCAL;
    }
    w->n_faults++;
    return true;
}

static bool collide(const struct sim_world *w, const struct sim_fault *f)
{
    for (int i = 0; i < w->n_faults - 1; i++) {
        const struct sim_fault *g = &w->faults[i];
        if (f->start < g->end + 240 && g->start < f->end + 240 && f->class == g->class &&
            f->x == g->x && f->y == g->y)
            return true;
    }
    return false;
}

static void make_plain_fault(struct sim_world *w, double lo, double hi)
{
    for (int tries = 0; tries < 30; tries++)
        if (make_fault(w, draw_class(w), sim_uniform(&w->rng, lo, hi))) {
            if (!collide(w, &w->faults[w->n_faults - 1]))
                return;
            w->n_faults--;
        }
}

static void make_overlap(struct sim_world *w)
{
    static const enum sim_class ours[] = {SIM_AGENT, SIM_AGENT, SIM_REGION, SIM_PROVIDER};
    struct plx_rng *r = &w->rng;
    double start = sim_uniform(r, 600, w->end - 1500);
    bool server_in_ours = below(r, 3) != 0;
    for (int tries = 0; tries < 30 && w->n_faults == 0; tries++)
        make_fault(w, server_in_ours ? ours[below(r, 4)] : draw_class(w), start);
    if (w->n_faults == 0)
        return;
    w->faults[0].end = w->faults[0].end > start + 900 ? w->faults[0].end : start + 900;
    for (int tries = 0; tries < 30 && w->n_faults == 1; tries++) {
        enum sim_class second =
            server_in_ours ? (enum sim_class)below(r, 3) : draw_class(w);
        if (make_fault(w, second, start + sim_uniform(r, 0, 500)) &&
            collide(w, &w->faults[1]))
            w->n_faults--;
    }
    if (below(r, 3) == 0)
        make_plain_fault(w, start, start + 600);
}

static void make_faults(struct sim_world *w)
{
    struct plx_rng *r = &w->rng;
    const struct sim_recipe *q = w->recipe;
    if (q->overlap) {
        make_overlap(w);
        return;
    }
    int n = between(r, q->faults_min, q->faults_max);
    if (q->unclassed && below(r, 3) != 0) {
        enum sim_class c =
            (enum sim_class)between(r, SIM_UNKNOWN_UPSTREAM, SIM_HALF_BROKEN);
        make_fault(w, c, sim_uniform(r, 600, w->end - 1200));
        n = n > 1 ? n - 1 : n;
    }
    for (int i = 0; i < n && w->n_faults < SIM_FAULTS; i++)
        make_plain_fault(w, 600, w->end - 420);
}

/* Leaves few agents to each monitor. After all else: the faults are those of the seed. */
static void make_few(struct sim_world *w)
{
    for (int m = 0; m < w->n_monitors; m++) {
        struct sim_monitor *mon = &w->monitors[m];
        mon->closed = below(&w->rng, 3) == 0;
        memset(mon->assigned, 0, sizeof mon->assigned);
        for (int n = 0; n < w->recipe->watchers && n < w->n_agents;) {
            bool *one = &mon->assigned[below(&w->rng, w->n_agents)];
            n += !*one;
            *one = true;
        }
    }
}

void sim_world_make(struct sim_world *w, const struct sim_recipe *recipe, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->recipe = recipe;
    plx_rng_init(&w->rng, seed);
    w->interval = 60;
    w->timeout = 5;
    w->end = recipe->minutes * 60;
    make_agents(w);
    make_targets(w);
    make_faults(w);
    if (recipe->watchers > 0)
        make_few(w);
}

/* --- probing -------------------------------------------------------------------------
 */

bool sim_fault_touches(const struct sim_world *w, const struct sim_fault *f, int monitor,
                       int agent)
{
    int host = w->monitors[monitor].host, prefix = w->hosts[host].prefix;
    const struct sim_agent *g = &w->agents[agent];
    switch (f->class) {
    case SIM_SERVICE:
    case SIM_FLAPPING:
    case SIM_HALF_BROKEN:
        return f->x == monitor;
    case SIM_HOST:
    case SIM_DNS:
        return f->x == host;
    case SIM_NETWORK:
        return f->x == prefix;
    case SIM_PATH_HOST:
        return f->x == host && f->y == agent;
    case SIM_PATH_PREFIX:
        return f->x == prefix && f->y == agent;
    case SIM_PATH_REGION:
        return f->x == prefix && f->y == g->region;
    case SIM_PATH_PROVIDER:
        return f->x == prefix && f->y == g->provider;
    case SIM_FILTER:
        return (f->agents >> agent & 1) && f->x == (f->filter_level == 0   ? monitor
                                                    : f->filter_level == 1 ? host
                                                                           : prefix);
    case SIM_AGENT:
        return f->y == agent;
    case SIM_REGION:
        return f->y == g->region;
    case SIM_PROVIDER:
        return f->y == g->provider;
    case SIM_UNKNOWN_UPSTREAM:
        return (f->agents >> agent & 1) && (f->hosts >> host & 1);
    case SIM_CLASS_COUNT:
        break;
    }
    return false;
}

static bool strikes(struct sim_world *w, const struct sim_fault *f, double t)
{
    if (t < f->start || t >= f->end)
        return false;
    if (f->class == SIM_FLAPPING && fmod(t - f->start, 2 * f->period) >= f->period)
        return false;
    if (f->class == SIM_HALF_BROKEN)
        return plx_rng_unit(&w->rng) < 0.5;
    if (f->class == SIM_UNKNOWN_UPSTREAM)
        return plx_rng_unit(&w->rng) < 0.97;
    return plx_rng_unit(&w->rng) < f->p_fail;
}

static struct sim_probe_result draw_kind(struct sim_world *w, const struct sim_fault *f)
{
    struct sim_probe_result r = {PLX_OUTCOME_TIMEOUT, 0, w->timeout};
    double sum = 0;
    for (int o = 0; o < PLX_OUTCOME_COUNT_; o++)
        for (int u = 0; u < 6; u++)
            sum += f->mix[o][u];
    double at = plx_rng_unit(&w->rng) * sum;
    for (int o = 0; o < PLX_OUTCOME_COUNT_; o++)
        for (int u = 0; u < 6; u++) {
            at -= f->mix[o][u];
            if (f->mix[o][u] > 0 && at <= 0) {
                r.outcome = (enum plx_outcome)o;
                r.unreach = (enum plx_unreach)u;
                at = 1e9;
            }
        }
    return r;
}

static bool is_accident(struct sim_world *w, int monitor, int agent, double t)
{
    struct sim_agent *g = &w->agents[agent];
    struct sim_monitor *m = &w->monitors[monitor];
    while (t >= g->micro_end) {
        g->micro_at = g->micro_end -
                      log(1 - plx_rng_unit(&w->rng)) * 3600 / w->recipe->micro_per_hour;
        g->micro_end = g->micro_at + sim_uniform(&w->rng, 2, 12);
    }
    if (t >= g->micro_at)
        return true;
    double p = t < m->burst_until[agent] ? g->burst : g->noise;
    if (plx_rng_unit(&w->rng) >= (p > g->noise ? p : g->noise))
        return false;
    m->burst_until[agent] = t + sim_uniform(&w->rng, 5, 25);
    return true;
}

static struct sim_probe_result accident(struct sim_world *w, int agent)
{
    static const struct {
        enum plx_outcome o;
        enum plx_unreach u;
    } odd[] = {{PLX_OUTCOME_REFUSED, 0},
               {PLX_OUTCOME_RESET, 0},
               {PLX_OUTCOME_UNREACHABLE, PLX_UNREACH_NET},
               {PLX_OUTCOME_UNREACHABLE, PLX_UNREACH_HOST},
               {PLX_OUTCOME_DNS_FAILURE, 0}};
    if (plx_rng_unit(&w->rng) >= w->agents[agent].odd_kinds)
        return (struct sim_probe_result){PLX_OUTCOME_TIMEOUT, 0, w->timeout};
    int i = below(&w->rng, 5);
    return (struct sim_probe_result){odd[i].o, odd[i].u, 0.2};
}

/* Every other silent fault is only about our own line: its agents probe on and see what
 * is there, and it is delivered late. */
static bool probes_on(const struct sim_fault *f)
{
    return f->mode == SIM_MODE_SILENT && f->y % 2 == 0;
}

/* The fault that decides first: ours, then the way, then the target. */
static const struct sim_fault *struck_by(struct sim_world *w, int monitor, int agent,
                                         double t)
{
    for (int i = 0; i < w->n_faults; i++)
        if (sim_class_is_vantage(w->faults[i].class) && !probes_on(&w->faults[i]) &&
            sim_fault_touches(w, &w->faults[i], monitor, agent) &&
            strikes(w, &w->faults[i], t))
            return &w->faults[i];
    for (int i = 0; i < w->n_faults; i++)
        if (!sim_class_is_vantage(w->faults[i].class) &&
            sim_fault_touches(w, &w->faults[i], monitor, agent) &&
            strikes(w, &w->faults[i], t))
            return &w->faults[i];
    return NULL;
}

struct sim_probe_result sim_world_probe(struct sim_world *w, int monitor, int agent,
                                        double t)
{
    const struct sim_fault *f = struck_by(w, monitor, agent, t);
    double rtt = w->hosts[w->monitors[monitor].host].rtt_s[agent];
    if (f != NULL && sim_class_is_vantage(f->class) && f->mode == SIM_MODE_LOCAL)
        return (struct sim_probe_result){PLX_OUTCOME_LOCAL_ERROR, 0, 0.01};
    if (f != NULL) {
        struct sim_probe_result r = draw_kind(w, f);
        r.took_s = r.outcome == PLX_OUTCOME_TIMEOUT ? w->timeout : rtt;
        if (r.outcome == PLX_OUTCOME_UNREACHABLE && r.unreach == PLX_UNREACH_HOST)
            r.took_s = 3.05;
        return r;
    }
    if (is_accident(w, monitor, agent, t))
        return accident(w, agent);
    return (struct sim_probe_result){PLX_OUTCOME_OPEN, 0,
                                     rtt * (0.9 + 0.3 * plx_rng_unit(&w->rng))};
}

static const struct sim_fault *muted_by(const struct sim_world *w, int agent, double t)
{
    for (int i = 0; i < w->n_faults; i++) {
        const struct sim_fault *f = &w->faults[i];
        if (sim_class_is_vantage(f->class) && f->mode == SIM_MODE_SILENT &&
            t >= f->start && t < f->end && sim_fault_touches(w, f, 0, agent))
            return f;
    }
    return NULL;
}

double sim_world_delivers(const struct sim_world *w, int agent, double t)
{
    const struct sim_fault *f = muted_by(w, agent, t);
    return f == NULL ? t : f->end + 2;
}

bool sim_world_beats(const struct sim_world *w, int agent, double t)
{
    return muted_by(w, agent, t) == NULL;
}
