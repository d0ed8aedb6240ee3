#include "fleet.h"

#include "agent/agent.h"
#include "agent/io/spool.h"
#include "audit.h"
#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/alerts.h"
#include "coordinator/io/rounds.h"
#include "coordinator/io/verdicts.h"
#include "net.h"
#include "receivers.h"
#include "store_disk.h"
#include "sys.h"
#include "sys/clock.h"
#include "target.h"
#include "trust.h"

#include <stdlib.h>
#include <string.h>

#define MONITORS_MAX 64
#define RESTART_NS   (2 * PLX_SEC_NS)

/* An agent's machine, but for what sim.h has. */
struct machine {
    struct plx_agent_process *agent;
    struct plx_agent_config config;
    struct plx_label label;
    char provider[8], region[8], data_dir[24];
    struct plx_trust *trust;
    struct plx_keypair keys;
    uint32_t region_no, provider_no;
    bool drained;
};

static struct {
    uint32_t n_agents, n_regions, n_providers;
    struct machine machines[PLX_SIM_NODES_MAX];
    /* the coordinator */
    struct plx_desk desk;
    struct plx_intake *intake;
    struct plx_store *store;
    struct plx_loop *loop;
    struct plx_rounds rounds;
    struct plx_alerts *alerts; /* NULL: nobody is told of anything */
    bool store_failed, has_alerts;
    uint64_t monitors[MONITORS_MAX]; /* ids; 0: none */
} fleet;

uint32_t plx_fleet_agents(void)
{
    return fleet.n_agents;
}

uint32_t plx_fleet_regions(void)
{
    return fleet.n_regions;
}

uint32_t plx_fleet_region_of(uint32_t agent)
{
    return fleet.machines[agent].region_no;
}

uint32_t plx_fleet_provider_of(uint32_t agent)
{
    return fleet.machines[agent].provider_no;
}

bool plx_fleet_alerts(void)
{
    return fleet.has_alerts;
}

struct plx_desk *plx_fleet_desk(void)
{
    return plx_sim_node(0)->up ? &fleet.desk : NULL;
}

/* ---- the coordinator ---- */

static void on_signal(void *arg, int signo)
{
    (void)arg, (void)signo;
}

static void on_rounds(void *arg, struct plx_mono now)
{
    (void)arg, (void)now;
    if (!plx_rounds_make(&fleet.rounds, &fleet.desk, fleet.intake) ||
        (fleet.alerts && plx_alerts_failed(fleet.alerts)))
        fleet.store_failed = true;
}

static void on_alerts(void *arg, uint32_t events)
{
    (void)arg, (void)events;
    plx_alerts_poll(fleet.alerts);
}

static void open_alerts(void)
{
    const struct plx_alerts_options options = {NULL, NULL, NULL};
    struct plx_why why = {""};
    if (plx_alerts_new(&fleet.desk, &options, &fleet.alerts, &why))
        abort();
    plx_sim_receivers_serve(plx_alerts_notifier(fleet.alerts));
    if (plx_alerts_load(fleet.alerts, &why))
        abort();
    plx_loop_add_fd(fleet.loop, plx_alerts_fd(fleet.alerts), 0, on_alerts, NULL);
    fleet.desk.alerts = fleet.alerts;
}

static void open_coordinator(void)
{
    struct plx_why why = {""};
    const struct plx_keypair keys = {"", ""};
    fleet.store_failed = false;
    fleet.rounds = (struct plx_rounds){0};
    plx_loop_new(on_signal, NULL, &fleet.loop, &why);
    fleet.store = plx_sim_store_open();
    plx_desk_init(&fleet.desk, fleet.store, NULL);
    if (plx_rounds_begin(&fleet.desk, &why))
        abort();
    if (fleet.has_alerts)
        open_alerts();
    if (plx_intake_new(&fleet.desk, NULL, fleet.loop, "", &keys, &fleet.intake, &why))
        abort();
    plx_loop_add_timer(fleet.loop, PLX_SESSION_TICK_NS, on_rounds, NULL);
    plx_verdicts_tick(&fleet.desk, fleet.intake, plx_clock_wall());
}

static void close_coordinator(void)
{
    plx_sim_store_close(&fleet.store);
    plx_intake_destroy(&fleet.intake);
    plx_alerts_destroy(&fleet.alerts);
    plx_desk_fini(&fleet.desk);
    plx_loop_destroy(&fleet.loop);
}

/* ---- agents ---- */

static void open_agent(struct plx_sim_node *node)
{
    struct machine *m = &fleet.machines[node->index];
    struct plx_why why = {""};
    node->opening = true;
    node->round_is_due = false;
    if (plx_agent_open(&m->config, m->trust, &m->agent, &why))
        abort();
    node->opening = false;
    plx_sim_loop_fd(node->loop, plx_spool_fd(node->spool));
}

static void close_agent(struct plx_sim_node *node)
{
    plx_agent_close(&fleet.machines[node->index].agent);
    node->spool = NULL;
}

/* ---- any process ---- */

static void on_start(void *arg, uint64_t tag);

static void end_process(struct plx_sim_node *node, int64_t until_ns)
{
    plx_sim_enter(node);
    if (node->index == 0)
        close_coordinator();
    else
        close_agent(node);
    plx_sim_leave();
    node->up = false;
    if (until_ns > node->down_until)
        node->down_until = until_ns;
    plx_sim_at(node->down_until, on_start, node, 0, false);
}

static void tick_agent(struct plx_sim_node *node)
{
    plx_sim_loop_tick(node->loop);
    if (plx_sim_now() / PLX_SIM_TICK_NS % 2)
        return;
    plx_sim_round(node);
}

static void on_tick(void *arg, uint64_t life)
{
    struct plx_sim_node *node = arg;
    if (!node->up || node->life != life ||
        plx_sim_deferred(node, on_tick, arg, life, false))
        return;
    plx_sim_enter(node);
    if (node->index == 0) {
        plx_sim_loop_tick(node->loop);
        plx_audit_rounds(&fleet.desk);
    } else {
        tick_agent(node);
    }
    plx_sim_leave();
    if (node->index == 0 && fleet.store_failed)
        plx_fleet_crash(0, plx_sim_now() + RESTART_NS);
    else if (node->index != 0 && plx_sim_loop_is_stopped(node->loop))
        end_process(node, node->down_until);
    else
        plx_sim_at(plx_sim_now() + PLX_SIM_TICK_NS, on_tick, arg, life, false);
}

static void on_start(void *arg, uint64_t tag)
{
    struct plx_sim_node *node = arg;
    (void)tag;
    if (node->up || node->down_until > plx_sim_now())
        return;
    node->up = true;
    node->life++;
    node->up_since = plx_sim_now();
    node->frozen_until = 0;
    node->n_put = node->n_taken = 0;
    plx_sim_say("start %s", node->name);
    plx_sim_enter(node);
    if (node->index == 0)
        open_coordinator();
    else
        open_agent(node);
    plx_sim_leave();
    plx_sim_at(plx_sim_now() + plx_sim_between(1, PLX_SIM_TICK_NS), on_tick, node,
               node->life, false);
}

void plx_fleet_crash(uint32_t index, int64_t until_ns)
{
    struct plx_sim_node *node = plx_sim_node(index);
    if (!node->up) {
        if (until_ns > node->down_until) {
            node->down_until = until_ns;
            plx_sim_at(until_ns, on_start, node, 0, false);
        }
        return;
    }
    plx_sim_say("crash %s", node->name);
    /* Down first: what the end of a process would still write or send is not. */
    node->up = false;
    end_process(node, until_ns);
    if (plx_sim_chance(0.3)) /* the machine, not only the process */
        node->mono_zero_ns = plx_sim_between(PLX_SEC_NS, PLX_HOUR_NS) - plx_sim_now();
}

void plx_fleet_stop(uint32_t agent, int64_t until_ns)
{
    struct plx_sim_node *node = plx_sim_node(agent);
    if (!node->up)
        return;
    if (until_ns > node->down_until)
        node->down_until = until_ns;
    plx_sim_enter(node);
    plx_sim_loop_signal(node->loop, 15);
    plx_sim_leave();
}

void plx_fleet_freeze(uint32_t index, int64_t until_ns)
{
    struct plx_sim_node *node = plx_sim_node(index);
    int64_t for_ns = until_ns - plx_sim_now();
    if (until_ns > node->frozen_until)
        node->frozen_until = until_ns;
    if (for_ns > node->stalled_ns)
        node->stalled_ns = for_ns;
}

/* ---- the operator ---- */

void plx_fleet_drain(uint32_t agent, bool on)
{
    if (fleet.machines[agent].drained == on)
        return;
    fleet.machines[agent].drained = on;
    plx_sim_store_drain(agent, on);
    if (!plx_sim_node(0)->up)
        return;
    plx_sim_enter(plx_sim_node(0));
    plx_desk_drain(&fleet.desk, plx_roster_by_id(fleet.desk.roster, agent), on);
    plx_intake_push(fleet.intake);
    plx_sim_leave();
}

static void draw_locations(struct plx_monitor *m)
{
    char text[24];
    switch (plx_sim_between(0, 3)) {
    case 0:
        plx_monitor_add_location(m, "all");
        break;
    case 1:
        snprintf(text, sizeof text, "provider=p%u",
                 (unsigned)plx_sim_between(0, fleet.n_providers - 1));
        plx_monitor_add_location(m, text);
        break;
    default:
        for (int64_t i = plx_sim_between(1, 3), r = plx_sim_between(0, 4); i > 0; i--) {
            snprintf(text, sizeof text, "r%u", (unsigned)((r + i) % fleet.n_regions));
            if (i <= fleet.n_regions)
                plx_monitor_add_location(m, text);
        }
        break;
    }
    m->agents_per_location = plx_sim_chance(0.3) ? 2 : 1;
}

/* When it is worth a notice. What it depends on has a lower number. */
static void draw_rules(struct plx_monitor *m, uint32_t no)
{
    char text[24];
    m->alert_on_failure = !plx_sim_chance(0.1);
    m->consecutive_failures = (uint32_t)plx_sim_between(1, 4);
    m->recovery_successes = (uint32_t)plx_sim_between(1, 3);
    if (no == 0 || !plx_sim_chance(0.2))
        return;
    snprintf(text, sizeof text, "monitor-%u", (unsigned)plx_sim_between(0, no - 1));
    plx_monitor_add_depends_on(m, text);
}

/* A monitor with the number `no`, made anew or changed. */
static void put_monitor(uint32_t no)
{
    static const int64_t intervals_ns[] = {PLX_MIN_NS, 2 * PLX_MIN_NS, 5 * PLX_MIN_NS,
                                           5 * PLX_MIN_NS, 10 * PLX_MIN_NS};
    char text[PLX_ADDR_TEXT_MAX];
    struct plx_monitor m;
    plx_monitor_init(&m);
    uint32_t host = (uint32_t)plx_sim_between(0, plx_target_n_hosts() - 1);
    uint32_t service = (uint32_t)plx_sim_between(0, PLX_TARGET_SERVICES - 1);
    m.id = fleet.monitors[no];
    snprintf(text, sizeof text, "monitor-%u", no);
    plx_monitor_set_text(&m.name, text);
    plx_monitor_set_text(&m.host, plx_target_host(host, text));
    m.port = (uint16_t)(PLX_TARGET_PORT + service);
    m.interval_ns = intervals_ns[plx_sim_between(0, 4)];
    m.timeout_ns = 5 * PLX_SEC_NS;
    draw_locations(&m);
    if (fleet.has_alerts)
        draw_rules(&m, no);
    plx_sim_store_put_monitor(&m);
    fleet.monitors[no] = m.id;
    plx_target_watch(m.id, host, service);
    if (plx_sim_node(0)->up) {
        uint32_t slot;
        plx_shares_put(fleet.desk.shares, &m, &slot);
    }
    plx_monitor_fini(&m);
}

static void remove_monitor(uint32_t no)
{
    plx_sim_store_remove_monitor(fleet.monitors[no]);
    if (plx_sim_node(0)->up) {
        uint32_t slot = plx_catalog_by_id(fleet.desk.catalog, fleet.monitors[no]);
        if (fleet.alerts)
            plx_alerts_forget(fleet.alerts, slot);
        plx_shares_remove(fleet.desk.shares, slot, plx_clock_mono());
        plx_court_drop_monitor(fleet.desk.court, slot);
    }
    fleet.monitors[no] = 0;
}

void plx_fleet_change_monitors(void)
{
    uint32_t no = (uint32_t)plx_sim_between(0, MONITORS_MAX / 2 - 1);
    plx_sim_enter(plx_sim_node(0));
    /* A watched service that becomes another one is another monitor. */
    if (fleet.monitors[no])
        remove_monitor(no);
    if (plx_sim_chance(0.7))
        put_monitor(no);
    if (plx_sim_node(0)->up) {
        plx_desk_settle(&fleet.desk);
        plx_intake_push(fleet.intake);
    }
    plx_sim_leave();
}

void plx_fleet_acknowledge(void)
{
    if (!plx_sim_node(0)->up || !fleet.alerts)
        return;
    plx_sim_enter(plx_sim_node(0));
    struct plx_incidents *incidents = plx_alerts_incidents(fleet.alerts);
    const struct plx_wall now = plx_clock_wall();
    uint64_t id = 0;
    for (size_t i = 0; id == 0 && i < plx_incidents_count(incidents); i++) {
        const struct plx_incident *incident = plx_incidents_at(incidents, i);
        if (incident->announced.ns > 0 && incident->acked.ns == 0)
            id = incident->id;
    }
    if (id != 0 && plx_incidents_ack(incidents, now, id, "ann", "on it") == 0)
        plx_alerts_commit(fleet.alerts, now, NULL, NULL);
    plx_sim_leave();
}

/* ---- beginning and end ---- */

static void draw_clock(struct plx_sim_node *node)
{
    node->mono_zero_ns = plx_sim_between(PLX_SEC_NS, 30 * PLX_DAY_NS);
    node->drift_ppb = plx_sim_between(-50000, 50000);
    node->wall_offset_ns = plx_sim_between(-500 * PLX_MS_NS, 500 * PLX_MS_NS);
    if (node->index != 0 && plx_sim_chance(0.1))
        node->wall_offset_ns = plx_sim_between(-PLX_HOUR_NS, PLX_HOUR_NS);
}

static void draw_agent(uint32_t index)
{
    struct machine *m = &fleet.machines[index];
    struct plx_sim_node *node = plx_sim_node(index);
    m->region_no = (index - 1) % fleet.n_regions;
    m->provider_no = (uint32_t)plx_sim_between(0, fleet.n_providers - 1);
    snprintf(m->region, sizeof m->region, "r%u", m->region_no % 100);
    snprintf(m->provider, sizeof m->provider, "p%u", m->provider_no % 100);
    snprintf(m->data_dir, sizeof m->data_dir, "/nowhere/%u", index);
    plx_sim_key(index, m->keys.public_key);
    plx_sim_key(0, m->keys.secret_key);
    m->label = (struct plx_label){(char *)"provider", m->provider};
    m->config = (struct plx_agent_config){
        .data_dir = m->data_dir,
        .labels = &m->label,
        .n_labels = 1,
        .limits = plx_pacer_default_limits(),
        .threads = 1,
        .spool = {.max_bytes = plx_sim_chance(0.3) ? 20000 : PLX_SPOOL_MAX_BYTES,
                  .max_age_ns = plx_sim_chance(0.3) ? PLX_HOUR_NS : PLX_SPOOL_MAX_AGE_NS,
                  .max_waiting = plx_sim_chance(0.3) ? 50 : PLX_SPOOL_MAX_WAITING},
    };
    m->config.limits.in_flight = 64;
    m->config.limits.n_buckets = 256;
    const struct plx_enrolment enrolment = {.endpoint = (char *)"tcp://127.0.0.1:7440",
                                            .server_key = m->keys.secret_key,
                                            .name = node->name,
                                            .region = m->region};
    m->trust = plx_sim_trust(&enrolment, &m->keys);
    plx_sim_store_enrol(index, m->region, m->provider);
}

void plx_fleet_begin(const struct plx_fleet_size *size)
{
    memset(&fleet, 0, sizeof fleet);
    fleet.has_alerts = !size->no_alerts;
    double u = plx_rng_unit(plx_sim_rng());
    fleet.n_agents =
        size->n_agents ? size->n_agents : 3 + (uint32_t)(28 * u * u * u * u * u);
    if (fleet.n_agents > 30)
        fleet.n_agents = 30;
    int64_t most =
        fleet.n_agents < PLX_FLEET_REGIONS_MAX ? fleet.n_agents : PLX_FLEET_REGIONS_MAX;
    fleet.n_regions =
        size->n_regions ? size->n_regions : (uint32_t)plx_sim_between(1, most);
    fleet.n_providers = (uint32_t)plx_sim_between(1, 3);
    for (uint32_t i = 0; i <= fleet.n_agents; i++)
        draw_clock(plx_sim_node(i));
    for (uint32_t i = 1; i <= fleet.n_agents; i++)
        draw_agent(i);
    uint32_t n = size->n_monitors ? size->n_monitors : (uint32_t)plx_sim_between(5, 24);
    for (uint32_t no = 0; no < n && no < MONITORS_MAX; no++)
        put_monitor(no);
    if (fleet.has_alerts)
        plx_sim_receivers_begin();
    for (uint32_t i = 0; i <= fleet.n_agents; i++)
        on_start(plx_sim_node(i), 0);
}

void plx_fleet_end(void)
{
    for (uint32_t i = 0; i <= fleet.n_agents; i++)
        if (plx_sim_node(i)->up) {
            plx_sim_node(i)->up = false;
            end_process(plx_sim_node(i), 0);
        }
    for (uint32_t i = 1; i <= fleet.n_agents; i++)
        plx_trust_destroy(&fleet.machines[i].trust);
}
