#include "faults.h"

#include "base/time.h"
#include "net.h"
#include "receivers.h"
#include "spool_disk.h"
#include "store_disk.h"
#include "target.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What a fault of a kind hits. Of receivers, and of somebody who acts on what they were
 * told, there is none where nobody is told of anything. */
enum object { AN_AGENT, A_REGION, A_HOST, A_RECEIVER, SOMEBODY, NOTHING };

struct kind {
    const char *name;
    enum object object;
    int64_t min_s, max_s;
    uint32_t weight;
    void (*begin)(uint32_t target, int64_t until_ns);
};

static int64_t ends_at; /* no fault outlasts it */

static int64_t clipped(int64_t until_ns)
{
    return until_ns < ends_at ? until_ns : ends_at;
}

static void raise_to(int64_t *until, int64_t until_ns)
{
    if (until_ns > *until)
        *until = until_ns;
}

/* ---- processes ---- */

static void agent_crash(uint32_t agent, int64_t until_ns)
{
    plx_fleet_crash(agent, until_ns);
}

static void agent_stop(uint32_t agent, int64_t until_ns)
{
    plx_fleet_stop(agent, until_ns);
}

static void agent_freeze(uint32_t agent, int64_t until_ns)
{
    plx_fleet_freeze(agent, until_ns);
}

static void coordinator_crash(uint32_t target, int64_t until_ns)
{
    (void)target;
    plx_fleet_crash(0, until_ns);
}

static void coordinator_freeze(uint32_t target, int64_t until_ns)
{
    (void)target;
    plx_fleet_freeze(0, until_ns);
}

/* ---- links ---- */

static void cut(uint32_t agent, int64_t until_ns)
{
    raise_to(&plx_sim_link(agent)->cut_until[PLX_WAY_UP], until_ns);
    raise_to(&plx_sim_link(agent)->cut_until[PLX_WAY_DOWN], until_ns);
    plx_sim_link_was_cut(agent);
}

static void half_open(uint32_t agent, int64_t until_ns)
{
    enum plx_sim_way way = plx_sim_chance(0.5) ? PLX_WAY_UP : PLX_WAY_DOWN;
    raise_to(&plx_sim_link(agent)->cut_until[way], until_ns);
}

static void region_cut(uint32_t region, int64_t until_ns)
{
    for (uint32_t i = 1; i <= plx_fleet_agents(); i++)
        if (plx_fleet_region_of(i) == region)
            cut(i, until_ns);
}

static void partition(uint32_t target, int64_t until_ns)
{
    (void)target;
    for (uint32_t i = 1; i <= plx_fleet_agents(); i++)
        cut(i, until_ns);
}

static void storm(uint32_t agent, int64_t until_ns)
{
    struct plx_sim_link *link = plx_sim_link(agent);
    raise_to(&link->storm_until, until_ns);
    link->loss = plx_rng_unit(plx_sim_rng()) * 0.3;
    link->twice = plx_rng_unit(plx_sim_rng()) * 0.3;
    link->disorder = plx_rng_unit(plx_sim_rng()) * 0.3;
}

static void storm_everywhere(uint32_t target, int64_t until_ns)
{
    (void)target;
    for (uint32_t i = 1; i <= plx_fleet_agents(); i++)
        storm(i, until_ns);
}

static void slow_link(uint32_t agent, int64_t until_ns)
{
    raise_to(&plx_sim_link(agent)->slow_until, until_ns);
    plx_sim_link(agent)->slow_ns = plx_sim_between(100 * PLX_MS_NS, 5 * PLX_SEC_NS);
}

/* The agent is off the net: nothing answers its probes either. */
static void agent_offline(uint32_t agent, int64_t until_ns)
{
    raise_to(&plx_sim_node(agent)->uplink_down_until, until_ns);
    plx_sim_link_was_cut(agent);
}

/* ---- disks ---- */

static void spool_full(uint32_t agent, int64_t until_ns)
{
    raise_to(&plx_sim_node(agent)->disk_full_until, until_ns);
}

static void spool_errors(uint32_t agent, int64_t until_ns)
{
    raise_to(&plx_sim_node(agent)->disk_broken_until, until_ns);
}

static void spool_damage(uint32_t agent, int64_t until_ns)
{
    (void)until_ns;
    plx_sim_spool_damage(agent);
}

static void store_full(uint32_t target, int64_t until_ns)
{
    (void)target;
    raise_to(&plx_sim_node(0)->disk_full_until, until_ns);
}

static void store_errors(uint32_t target, int64_t until_ns)
{
    (void)target;
    raise_to(&plx_sim_node(0)->disk_broken_until, until_ns);
}

static void store_slow(uint32_t target, int64_t until_ns)
{
    (void)target;
    plx_sim_store_slow_until(until_ns);
}

/* ---- clocks ---- */

static void set_clock(uint32_t node)
{
    int64_t by = plx_sim_chance(0.5) ? 10 * PLX_SEC_NS : 2 * PLX_HOUR_NS;
    int64_t step_ns = plx_sim_between(-by, by);
    plx_sim_node(node)->wall_offset_ns += step_ns;
    plx_sim_say("the clock of %s is set by %.3f s", plx_sim_node(node)->name,
                (double)step_ns / (double)PLX_SEC_NS);
}

static void agent_clock(uint32_t agent, int64_t until_ns)
{
    (void)until_ns;
    set_clock(agent);
}

static void coordinator_clock(uint32_t target, int64_t until_ns)
{
    (void)target, (void)until_ns;
    set_clock(0);
}

/* ---- targets and operators ---- */

static void service_outage(uint32_t host, int64_t until_ns)
{
    uint32_t service = (uint32_t)plx_sim_between(0, PLX_TARGET_SERVICES - 1);
    plx_target_service_down(host - 1, service, until_ns);
}

static void host_outage(uint32_t host, int64_t until_ns)
{
    plx_target_host_down(host - 1, until_ns);
}

static void undrain(void *arg, uint64_t agent)
{
    (void)arg;
    plx_fleet_drain((uint32_t)agent, false);
}

static void drain(uint32_t agent, int64_t until_ns)
{
    plx_fleet_drain(agent, true);
    plx_sim_at(until_ns, undrain, NULL, agent, false);
}

static void monitors_changed(uint32_t target, int64_t until_ns)
{
    (void)target, (void)until_ns;
    plx_fleet_change_monitors();
}

/* ---- who is told ---- */

static void receiver_away(uint32_t receiver, int64_t until_ns)
{
    plx_sim_receiver_ill(receiver, PLX_ILL_AWAY, until_ns);
}

static void receiver_errors(uint32_t receiver, int64_t until_ns)
{
    plx_sim_receiver_ill(receiver, PLX_ILL_ERRORS, until_ns);
}

static void receiver_slow(uint32_t receiver, int64_t until_ns)
{
    plx_sim_receiver_ill(receiver, PLX_ILL_SLOW, until_ns);
}

static void receiver_mute(uint32_t receiver, int64_t until_ns)
{
    plx_sim_receiver_ill(receiver, PLX_ILL_MUTE, until_ns);
}

static void receiver_refuses(uint32_t receiver, int64_t until_ns)
{
    plx_sim_receiver_ill(receiver, PLX_ILL_REFUSES, until_ns);
}

static void acknowledged(uint32_t target, int64_t until_ns)
{
    (void)target, (void)until_ns;
    plx_fleet_acknowledge();
}

static const struct kind kinds[] = {
    {"agent_crash", AN_AGENT, 1, 1200, 10, agent_crash},
    {"agent_stop", AN_AGENT, 1, 300, 4, agent_stop},
    {"agent_freeze", AN_AGENT, 1, 90, 6, agent_freeze},
    {"agent_offline", AN_AGENT, 20, 1800, 4, agent_offline},
    {"coordinator_crash", NOTHING, 1, 300, 5, coordinator_crash},
    {"coordinator_freeze", NOTHING, 1, 60, 3, coordinator_freeze},
    {"cut", AN_AGENT, 3, 3600, 8, cut},
    {"half_open", AN_AGENT, 10, 600, 6, half_open},
    {"region_cut", A_REGION, 10, 1200, 3, region_cut},
    {"partition", NOTHING, 5, 3600, 2, partition},
    {"storm", AN_AGENT, 30, 1800, 8, storm},
    {"storm_everywhere", NOTHING, 30, 600, 2, storm_everywhere},
    {"slow_link", AN_AGENT, 10, 900, 5, slow_link},
    {"spool_full", AN_AGENT, 10, 1800, 4, spool_full},
    {"spool_errors", AN_AGENT, 10, 900, 4, spool_errors},
    {"spool_damage", AN_AGENT, 0, 0, 1, spool_damage},
    {"store_full", NOTHING, 10, 900, 3, store_full},
    {"store_errors", NOTHING, 1, 20, 2, store_errors},
    {"store_slow", NOTHING, 10, 600, 3, store_slow},
    {"agent_clock", AN_AGENT, 0, 0, 3, agent_clock},
    {"coordinator_clock", NOTHING, 0, 0, 2, coordinator_clock},
    {"service_outage", A_HOST, 30, 1800, 4, service_outage},
    {"host_outage", A_HOST, 30, 1800, 3, host_outage},
    {"drain", AN_AGENT, 60, 3600, 2, drain},
    {"monitors_changed", NOTHING, 0, 0, 3, monitors_changed},
    {"receiver_away", A_RECEIVER, 10, 3600, 4, receiver_away},
    {"receiver_errors", A_RECEIVER, 10, 1800, 3, receiver_errors},
    {"receiver_slow", A_RECEIVER, 10, 1800, 3, receiver_slow},
    {"receiver_mute", A_RECEIVER, 10, 1800, 4, receiver_mute},
    {"receiver_refuses", A_RECEIVER, 5, 120, 1, receiver_refuses},
    {"acknowledged", SOMEBODY, 0, 0, 4, acknowledged},
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

static uint64_t counts[N_KINDS];

uint32_t plx_fault_kinds(void)
{
    return N_KINDS;
}

const char *plx_fault_name(uint32_t kind)
{
    return kinds[kind].name;
}

uint64_t plx_fault_count(uint32_t kind)
{
    return counts[kind];
}

/* ---- happening ---- */

static uint32_t draw_target(enum object object)
{
    switch (object) {
    case AN_AGENT:
        return (uint32_t)plx_sim_between(1, plx_fleet_agents());
    case A_REGION:
        return (uint32_t)plx_sim_between(0, plx_fleet_regions() - 1);
    case A_HOST:
        return (uint32_t)plx_sim_between(1, plx_target_n_hosts());
    case A_RECEIVER:
        return (uint32_t)plx_sim_between(1, plx_sim_receivers());
    case SOMEBODY:
    case NOTHING:
        break;
    }
    return 0;
}

static bool is_there(enum object object)
{
    return plx_fleet_alerts() || (object != A_RECEIVER && object != SOMEBODY);
}

static void happen(uint32_t kind, uint32_t target, int64_t for_ns)
{
    const struct kind *k = &kinds[kind];
    if (target == 0)
        target = draw_target(k->object);
    counts[kind]++;
    plx_sim_say("FAULT %s %u for %.1f s", k->name, target,
                (double)for_ns / (double)PLX_SEC_NS);
    k->begin(target, clipped(plx_sim_now() + for_ns));
}

static void on_told(void *arg, uint64_t tag)
{
    const struct plx_scenario_fault *f = arg;
    (void)tag;
    happen(f->kind, f->target, f->for_ns);
}

/* Short ones are as likely as long ones, by order of magnitude. */
static int64_t draw_duration(const struct kind *k)
{
    int64_t max_s = k->max_s;
    while (max_s > 4 * k->min_s && max_s > 4 && plx_sim_chance(0.5))
        max_s /= 3;
    return max_s <= k->min_s ? k->min_s * PLX_SEC_NS
                             : plx_sim_between(k->min_s * PLX_SEC_NS, max_s * PLX_SEC_NS);
}

/* The weather of this seed: which kinds there are, and how often something happens. */
static struct {
    bool has[N_KINDS];
    uint32_t weights;
    int64_t pause_ns;
} weather;

static void on_draw(void *arg, uint64_t tag)
{
    (void)arg, (void)tag;
    if (plx_sim_now() >= ends_at)
        return;
    uint32_t at = (uint32_t)plx_sim_between(0, weather.weights - 1), kind = 0;
    for (; kind < N_KINDS; kind++) {
        uint32_t weight = weather.has[kind] ? kinds[kind].weight : 0;
        if (at < weight)
            break;
        at -= weight;
    }
    happen(kind, 0, draw_duration(&kinds[kind]));
    plx_sim_at(plx_sim_now() + plx_sim_between(0, 2 * weather.pause_ns), on_draw, NULL, 0,
               false);
}

static void draw_weather(void)
{
    memset(&weather, 0, sizeof weather);
    while (weather.weights == 0)
        for (uint32_t k = 0; k < N_KINDS && is_there(kinds[k].object); k++) {
            weather.has[k] = plx_sim_chance(0.7);
            weather.weights += weather.has[k] ? kinds[k].weight : 0;
        }
    weather.pause_ns = plx_sim_between(2 * PLX_MIN_NS, 20 * PLX_MIN_NS);
    plx_sim_at(weather.pause_ns, on_draw, NULL, 0, false);
}

void plx_faults_begin(const struct plx_scenario *scenario)
{
    ends_at = scenario->run_ns;
    for (size_t i = 0; i < scenario->n_faults; i++)
        plx_sim_at(scenario->faults[i].at_ns, on_told, &scenario->faults[i], 0, false);
    if (scenario->random)
        draw_weather();
}

/* ---- scenario files ---- */

static int find_kind(const char *name, uint32_t *ret_kind)
{
    for (uint32_t k = 0; k < N_KINDS; k++)
        if (strcmp(kinds[k].name, name) == 0) {
            *ret_kind = k;
            return 0;
        }
    return -1;
}

static int read_fault(const char *line, struct plx_scenario *s)
{
    struct plx_scenario_fault f = {.for_ns = 0};
    char at[32], name[64], how_long[32] = "0s";
    int n =
        sscanf(line, "at %31s %63s %" SCNu32 " for %31s", at, name, &f.target, how_long);
    if (n < 3)
        n = sscanf(line, "at %31s %63s for %31s", at, name, how_long);
    if (n < 2 || plx_duration_parse(at, &f.at_ns) < 0 ||
        plx_duration_parse(how_long, &f.for_ns) < 0 || find_kind(name, &f.kind) < 0)
        return -1;
    s->faults = realloc(s->faults, (s->n_faults + 1) * sizeof *s->faults);
    if (!s->faults)
        abort();
    s->faults[s->n_faults++] = f;
    return 0;
}

static int read_line(const char *line, struct plx_scenario *s)
{
    char run[32], heal[32];
    if (line[0] == '#' || line[0] == '\n' || line[0] == '\0')
        return 0;
    if (sscanf(line, "run %31s heal %31s", run, heal) == 2)
        return plx_duration_parse(run, &s->run_ns) ||
                       plx_duration_parse(heal, &s->heal_ns)
                   ? -1
                   : 0;
    if (sscanf(line, "fleet agents=%" SCNu32 " regions=%" SCNu32 " monitors=%" SCNu32,
               &s->size.n_agents, &s->size.n_regions, &s->size.n_monitors) == 3)
        return s->size.n_agents < 1 || s->size.n_agents > 30 || s->size.n_regions < 1 ||
                       s->size.n_monitors < 1
                   ? -1
                   : 0;
    return read_fault(line, s);
}

int plx_scenario_load(const char *path, struct plx_scenario *ret)
{
    FILE *file = fopen(path, "re");
    char line[256];
    int err = 0, no = 0;
    if (!file) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return -1;
    }
    while (!err && fgets(line, sizeof line, file)) {
        no++;
        err = read_line(line, ret);
        if (err)
            fprintf(stderr, "%s:%d: not understood: %s", path, no, line);
    }
    fclose(file);
    return err;
}

void plx_scenario_fini(struct plx_scenario *scenario)
{
    free(scenario->faults);
    scenario->faults = NULL;
    scenario->n_faults = 0;
}
