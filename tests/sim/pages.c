/* plx-sim-pages: who is told what, over hours and weeks of a simulated fleet.
 *
 *   plx-sim-pages check                 the causes, and a day of noise (ctest)
 *   plx-sim-pages month [SEED [DAYS]]   1,000 monitors x 5 locations, 50 real faults
 *   plx-sim-pages causes                a host, a region, a network
 *
 * The coordinator's own core: roster, shares, court with the judge, incidents and routes;
 * the agents, the network and the clock are made here. Prints its seed, exits 1 if
 * anything was told that should not have been, or was not. */
#include "base/alerting.h"
#include "base/rng.h"
#include "base/text.h"
#include "coordinator/core/court.h"
#include "coordinator/core/incident.h"
#include "coordinator/core/notice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0         INT64_C(1790000000)
#define INTERVAL_S 60
#define TIMEOUT_S  5
#define FLIGHT     8 /* seconds that a result may be under way, at most */
#define AGENTS_MAX 16
#define FAULTS_MAX 64
#define PREFIX     30 /* hosts in a network */

enum cause { SERVICE, HOST, NETWORK, REGION_SILENT };

struct fault {
    enum cause cause;
    int x;
    int64_t from, until;
    int n_pages; /* critical ones that name one of its monitors */
};

struct arrival {
    uint32_t agent, monitor;
    bool ok, extra;
    int64_t began;
};

struct world {
    struct plx_rng rng;
    int n_agents, n_regions, n_monitors, n_hosts;
    int *host_of; /* by monitor */
    double loss, micro_per_hour, restarts_per_day;
    int64_t micro_until[AGENTS_MAX], down_until[AGENTS_MAX];
    struct fault faults[FAULTS_MAX];
    int n_faults;
    int64_t now;

    struct plx_roster *roster;
    struct plx_catalog *catalog;
    struct plx_shares *shares;
    struct plx_court *court;
    struct plx_incidents *incidents;
    struct plx_alerting alerting;
    struct plx_notice_rules rules;
    struct arrival *flight[FLIGHT];
    size_t n_flight[FLIGHT], cap_flight[FLIGHT];
    uint32_t *due[INTERVAL_S]; /* agent << 24 | monitor */
    size_t n_due[INTERVAL_S];

    int n_false, n_ours, n_server, n_warnings, n_other;
    bool verbose;
};

static struct plx_wall wall(int64_t s)
{
    return (struct plx_wall){(T0 + s) * PLX_SEC_NS};
}

static void *zeroed(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (!p)
        abort();
    return p;
}

/* ---- truth ---- */

static bool fault_hits(const struct world *w, const struct fault *f, int monitor)
{
    switch (f->cause) {
    case SERVICE:
        return f->x == monitor;
    case HOST:
        return f->x == w->host_of[monitor];
    case NETWORK:
        return f->x == w->host_of[monitor] / PREFIX;
    case REGION_SILENT:
        break;
    }
    return false;
}

static bool is_dead(const struct world *w, int monitor, int64_t t)
{
    for (int i = 0; i < w->n_faults; i++)
        if (t >= w->faults[i].from && t < w->faults[i].until &&
            fault_hits(w, &w->faults[i], monitor))
            return true;
    return false;
}

static bool is_cut_off(const struct world *w, int agent, int64_t t)
{
    for (int i = 0; i < w->n_faults; i++)
        if (w->faults[i].cause == REGION_SILENT && t >= w->faults[i].from &&
            t < w->faults[i].until && agent % w->n_regions == w->faults[i].x)
            return true;
    return t < w->down_until[agent];
}

/* ---- the fleet ---- */

static void make_agents(struct world *w)
{
    for (int a = 0; a < w->n_agents; a++) {
        char name[16], region[16], key[64];
        uint32_t slot;
        snprintf(name, sizeof name, "a%d", a);
        snprintf(region, sizeof region, "r%d", a % w->n_regions);
        snprintf(key, sizeof key, "key-%036d", a);
        struct plx_label provider = {(char *)"provider", name};
        const struct plx_roster_entry entry = {.id = (uint64_t)a + 1,
                                               .name = name,
                                               .region = region,
                                               .key = key,
                                               .labels = &provider,
                                               .n_labels = 1};
        if (plx_roster_add(w->roster, &entry, true, (struct plx_mono){0}, &slot) < 0)
            abort();
        plx_court_set_agent(w->court, slot);
        const struct plx_agent *agent = plx_roster_at(w->roster, slot); /* lends texts */
        plx_shares_set_agent(w->shares, slot, agent->name, agent->region, agent->labels,
                             agent->n_labels, PLX_STANDING_PRESENT);
    }
}

static void make_monitor(struct world *w, int m)
{
    struct plx_monitor mon;
    char text[64];
    uint32_t slot;
    int h = w->host_of[m];
    plx_monitor_init(&mon);
    mon.id = (uint64_t)m + 1;
    snprintf(text, sizeof text, "m%d", m);
    plx_monitor_set_text(&mon.name, text);
    snprintf(text, sizeof text, "10.%d.%d.%d", h / PREFIX / 250, h / PREFIX % 250,
             h % PREFIX + 1);
    plx_monitor_set_text(&mon.host, text);
    mon.port = (uint16_t)(1000 + m % 60000);
    mon.interval_ns = INTERVAL_S * PLX_SEC_NS;
    mon.timeout_ns = TIMEOUT_S * PLX_SEC_NS;
    mon.agents_per_location = 64;
    plx_monitor_add_location(&mon, "all");
    if (plx_shares_put(w->shares, &mon, &slot) < 0 || slot != (uint32_t)m)
        abort();
    plx_monitor_fini(&mon);
}

static void schedule(struct world *w)
{
    for (uint32_t m = 0; m < (uint32_t)w->n_monitors; m++) {
        size_t n;
        const uint32_t *agents = plx_shares_agents(w->shares, m, &n);
        for (size_t i = 0; i < n; i++) {
            uint64_t at = plx_rng_below(&w->rng, INTERVAL_S);
            if ((w->n_due[at] & (w->n_due[at] - 1)) == 0) {
                size_t cap = w->n_due[at] ? 2 * w->n_due[at] : 1;
                w->due[at] = realloc(w->due[at], cap * sizeof *w->due[at]);
                if (!w->due[at])
                    abort();
            }
            w->due[at][w->n_due[at]++] = agents[i] << 24 | m;
        }
    }
}

static void add_route(struct world *w, size_t i, const char *severity)
{
    struct plx_route *r = &w->alerting.routes[i];
    r->name = plx_text_dup(severity);
    plx_match_add(&r->match, "severity", severity);
    r->receivers = zeroed(1, sizeof *r->receivers);
    r->receivers[0] = plx_text_dup(severity);
    r->n_receivers = 1;
}

static void runs_of(void *arg, uint32_t slot, uint32_t *failures, uint32_t *successes)
{
    struct world *w = arg;
    plx_court_runs(w->court, slot, failures, successes);
}

/* Agents, hosts and monitors must be set; monitors go to hosts by `host_of`. */
static void begin(struct world *w)
{
    const uint32_t *monitors;
    size_t n;
    w->catalog = plx_catalog_new();
    w->roster = plx_roster_new(NULL);
    w->shares = plx_shares_new(w->catalog);
    w->court = plx_court_new(w->roster, w->catalog, w->shares);
    w->incidents = plx_incidents_new(w->catalog, NULL, runs_of, w);
    make_agents(w);
    for (int m = 0; m < w->n_monitors; m++)
        make_monitor(w, m);
    plx_shares_settle(w->shares, (struct plx_mono){0}, &monitors, &n);
    for (size_t i = 0; i < n; i++)
        plx_court_set_monitor(w->court, monitors[i]);
    schedule(w);
    w->alerting.routes = zeroed(3, sizeof *w->alerting.routes);
    w->alerting.n_routes = 3;
    add_route(w, 0, "critical");
    add_route(w, 1, "ours");
    add_route(w, 2, "warning");
    w->rules.alerting = &w->alerting;
}

static void finish(struct world *w)
{
    plx_incidents_destroy(&w->incidents);
    plx_court_destroy(&w->court);
    plx_shares_destroy(&w->shares);
    plx_catalog_destroy(&w->catalog);
    plx_roster_destroy(&w->roster);
    plx_alerting_fini(&w->alerting);
    for (int i = 0; i < FLIGHT; i++)
        free(w->flight[i]);
    for (int i = 0; i < INTERVAL_S; i++)
        free(w->due[i]);
    free(w->host_of);
}

/* ---- probes ---- */

static void probe(struct world *w, uint32_t agent, uint32_t monitor, bool extra)
{
    bool lost = w->now < w->micro_until[agent] || plx_rng_unit(&w->rng) < w->loss;
    bool ok = !lost && !is_dead(w, (int)monitor, w->now);
    size_t at = (size_t)((w->now + (ok ? 1 : TIMEOUT_S)) % FLIGHT);
    if (w->n_flight[at] == w->cap_flight[at]) {
        w->cap_flight[at] = w->cap_flight[at] ? 2 * w->cap_flight[at] : 64;
        w->flight[at] = realloc(w->flight[at], w->cap_flight[at] * sizeof **w->flight);
        if (!w->flight[at])
            abort();
    }
    w->flight[at][w->n_flight[at]++] =
        (struct arrival){agent, monitor, ok, extra, w->now};
}

static void arrive(struct world *w)
{
    size_t at = (size_t)(w->now % FLIGHT);
    for (size_t i = 0; i < w->n_flight[at]; i++) {
        const struct arrival *a = &w->flight[at][i];
        const struct plx_result r = {
            .monitor_id = a->monitor + 1,
            .started = wall(a->began),
            .outcome = a->ok ? PLX_OUTCOME_OPEN : PLX_OUTCOME_TIMEOUT,
            .kind = a->extra ? PLX_PROBE_CONFIRM : PLX_PROBE_SCHEDULED,
            .rtt_us = a->ok ? 20000 : 0,
        };
        if (!is_cut_off(w, (int)a->agent, w->now))
            plx_court_result(w->court, wall(w->now), a->agent, a->monitor, &r);
    }
    w->n_flight[at] = 0;
}

static void act(struct world *w)
{
    const uint32_t *due = w->due[w->now % INTERVAL_S];
    for (size_t i = 0; i < w->n_due[w->now % INTERVAL_S]; i++)
        if (!is_cut_off(w, (int)(due[i] >> 24), w->now))
            probe(w, due[i] >> 24, due[i] & 0xffffff, false);
    for (int a = 0; a < w->n_agents; a++) {
        if (w->now % 5 == 0 && !is_cut_off(w, a, w->now))
            plx_court_heartbeat(w->court, wall(w->now), (uint32_t)a);
        if (plx_rng_unit(&w->rng) < w->micro_per_hour / 3600)
            w->micro_until[a] = w->now + 2 + (int64_t)plx_rng_below(&w->rng, 11);
        if (plx_rng_unit(&w->rng) < w->restarts_per_day / 86400)
            w->down_until[a] = w->now + 3 + (int64_t)plx_rng_below(&w->rng, 90);
    }
}

/* ---- what is told ---- */

static void judge_page(struct world *w, const struct plx_incident *incident)
{
    bool real = false;
    for (int i = 0; i < w->n_faults; i++) {
        struct fault *f = &w->faults[i];
        bool hits = false;
        for (size_t m = 0; m < incident->n_members && !hits; m++)
            hits = incident->members[m].left.ns == 0 &&
                   fault_hits(w, f, (int)incident->members[m].slot);
        if (!hits || w->now < f->from || w->now > f->until + 120)
            continue;
        f->n_pages++;
        real = true;
    }
    w->n_server++;
    w->n_false += !real;
    if (!real || w->verbose)
        printf("%10lld %s page: %s %s (%zu monitors): %s\n", (long long)w->now,
               real ? "real" : "FALSE", plx_incident_kind_token(incident->kind),
               incident->entity, incident->n_active, incident->sentence);
}

static void hear(struct world *w, const struct plx_notice_want *want)
{
    const struct plx_incident *incident =
        plx_incidents_by_id(w->incidents, want->incident);
    if (want->event != PLX_NOTICE_OPEN) {
        w->n_other++;
        return;
    }
    if (incident->severity == PLX_SEVERITY_CRITICAL)
        judge_page(w, incident);
    else if (incident->severity == PLX_SEVERITY_OURS)
        w->n_ours++;
    else
        w->n_warnings++;
    if (w->verbose && incident->severity != PLX_SEVERITY_CRITICAL)
        printf("%10lld %s: %s %s (%zu monitors)\n", (long long)w->now,
               plx_severity_token(incident->severity),
               plx_incident_kind_token(incident->kind), incident->entity,
               incident->n_active);
}

static void judge(struct world *w)
{
    const struct plx_judge_output *out;
    const struct plx_transition *transitions;
    struct plx_incident_actions actions;
    size_t n;
    plx_court_tick(w->court, wall(w->now), &out, &transitions, &n);
    for (size_t i = 0; i < out->n_faults; i++)
        plx_incidents_fault(w->incidents, wall(w->now), &out->faults[i]);
    for (size_t i = 0; i < n; i++)
        plx_incidents_verdict(w->incidents, wall(w->now), transitions[i].monitor,
                              transitions[i].ruling.verdict, transitions[i].ruling.faults,
                              transitions[i].ruling.n_faults, transitions[i].ruling.why);
    for (size_t i = 0; i < out->n_probes; i++)
        if (!is_cut_off(w, (int)out->probes[i].agent, w->now))
            probe(w, out->probes[i].agent, out->probes[i].monitor, true);
    plx_incidents_tick(w->incidents, wall(w->now), &w->rules, &actions);
    for (size_t i = 0; i < actions.n_notices; i++)
        hear(w, &actions.notices[i]);
}

static void play(struct world *w, int64_t until)
{
    for (; w->now < until; w->now++) {
        arrive(w);
        act(w);
        judge(w);
    }
}

/* ---- the causes ---- */

static int expect(const char *what, bool good, const struct world *w)
{
    printf("%s  %-52s pages %d, ours %d, warnings %d, later notices %d\n",
           good ? "ok      " : "NOT OK  ", what, w->n_server, w->n_ours, w->n_warnings,
           w->n_other);
    return good ? 0 : 1;
}

static void small_world(struct world *w, int agents, int regions, int monitors)
{
    *w = (struct world){.n_agents = agents, .n_regions = regions, .n_monitors = monitors};
    plx_rng_init(&w->rng, 7);
    w->loss = 0.005;
    w->host_of = zeroed((size_t)monitors, sizeof *w->host_of);
}

static int host_dies(void)
{
    struct world w;
    small_world(&w, 5, 5, 100);
    for (int m = 0; m < 100; m++)
        w.host_of[m] = m < 40 ? 0 : m;
    begin(&w);
    w.faults[w.n_faults++] = (struct fault){HOST, 0, 600, 1800, 0};
    play(&w, 3000);
    int bad = expect("a host with 40 monitors dies: one page",
                     w.n_server == 1 && w.n_false == 0 && w.faults[0].n_pages == 1 &&
                         w.n_ours == 0,
                     &w);
    finish(&w);
    return bad;
}

static int region_is_cut_off(void)
{
    struct world w;
    small_world(&w, 8, 4, 500);
    for (int m = 0; m < 500; m++)
        w.host_of[m] = m / 2;
    begin(&w);
    w.faults[w.n_faults++] = (struct fault){REGION_SILENT, 2, 600, 1800, 0};
    play(&w, 3000);
    int bad = expect("a region's agents lose their uplink: one, about it",
                     w.n_server == 0 && w.n_ours == 1 && w.n_warnings == 0, &w);
    finish(&w);
    return bad;
}

static int network_dies(void)
{
    struct world w;
    small_world(&w, 5, 5, 150);
    for (int m = 0; m < 150; m++)
        w.host_of[m] = m / 2 + (m >= 60 ? PREFIX : 0);
    begin(&w);
    w.faults[w.n_faults++] = (struct fault){NETWORK, 0, 600, 1800, 0};
    play(&w, 3000);
    int bad = expect("a network of 30 hosts dies: one page with its members",
                     w.n_server == 1 && w.n_false == 0 && w.faults[0].n_pages == 1, &w);
    finish(&w);
    return bad;
}

static int causes(void)
{
    return host_dies() + region_is_cut_off() + network_dies();
}

/* ---- weeks of noise ---- */

/* Faults at random moments, one in each of so many equal parts of the time. */
static void strew_faults(struct world *w, int n, int64_t length)
{
    for (int i = 0; i < n; i++) {
        int64_t part = length / n, lasts = 300 + (int64_t)plx_rng_below(&w->rng, 3000);
        int64_t room = part - lasts - 1200 > 1 ? part - lasts - 1200 : 1;
        int64_t from = i * part + 600 + (int64_t)plx_rng_below(&w->rng, (uint64_t)room);
        enum cause cause = (enum cause)(plx_rng_below(&w->rng, 10) < 5   ? SERVICE
                                        : plx_rng_below(&w->rng, 10) < 7 ? HOST
                                                                         : NETWORK);
        int most = cause == SERVICE ? w->n_monitors
                   : cause == HOST  ? w->n_hosts
                                    : w->n_hosts / PREFIX;
        int x = (int)plx_rng_below(&w->rng, (uint64_t)most);
        w->faults[w->n_faults++] = (struct fault){cause, x, from, from + lasts, 0};
    }
}

static int noise(uint64_t seed, double days, int monitors, int faults)
{
    struct world w = {.n_agents = 5, .n_regions = 5, .n_monitors = monitors};
    int64_t length = (int64_t)(days * 86400);
    int missed = 0, twice = 0;
    plx_rng_init(&w.rng, seed);
    w.loss = 0.01;
    w.micro_per_hour = 0.5;
    w.restarts_per_day = 1;
    w.n_hosts = monitors / 2;
    w.host_of = zeroed((size_t)monitors, sizeof *w.host_of);
    for (int m = 0; m < monitors; m++)
        w.host_of[m] = m / 2;
    begin(&w);
    strew_faults(&w, faults, length);
    play(&w, length + 3600);
    for (int i = 0; i < w.n_faults; i++) {
        const struct fault *f = &w.faults[i];
        missed += f->n_pages == 0;
        twice += f->n_pages > 1;
        if (f->n_pages != 1)
            printf("fault %d (cause %d, %d) at %lld for %lld s: %d pages\n", i, f->cause,
                   f->x, (long long)f->from, (long long)(f->until - f->from), f->n_pages);
    }
    printf(
        "seed %llu, %.1f days, %d monitors x 5: %d real faults, %d not paged, %d paged "
        "more than once\n",
        (unsigned long long)seed, days, monitors, w.n_faults, missed, twice);
    int bad = expect("no false page, each real fault once",
                     w.n_false == 0 && missed == 0 && twice == 0, &w);
    printf("false pages: %d\n", w.n_false);
    finish(&w);
    return bad;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "check") == 0)
        return causes() + noise(11, 0.25, 200, 4) ? 1 : 0;
    if (strcmp(what, "causes") == 0)
        return causes() ? 1 : 0;
    if (strcmp(what, "month") != 0) {
        fprintf(stderr, "usage: plx-sim-pages check | causes | month [SEED [DAYS]]\n");
        return 2;
    }
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    double days = argc > 3 ? strtod(argv[3], NULL) : 30;
    return noise(seed, days, 1000, days < 30 ? (int)(days * 50 / 30 + 0.5) : 50) ? 1 : 0;
}
