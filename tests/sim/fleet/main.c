/* plx-sim-world: the whole fleet in one process, from a seed, thousands of times faster
 * than real time. docs/SIMULATION.md says what is real in it and what is not. */
#include "audit.h"
#include "faults.h"
#include "fleet.h"
#include "incident_disk.h"
#include "ledger.h"
#include "letters.h"
#include "net.h"
#include "spool_disk.h"
#include "store_disk.h"
#include "sys.h"
#include "target.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const sabotages[PLX_SABOTAGE_COUNT_] = {
    [PLX_SABOTAGE_NONE] = "none",
    [PLX_SABOTAGE_EARLY_ACK] = "early-ack",
    [PLX_SABOTAGE_NO_DEDUP] = "no-dedup",
    [PLX_SABOTAGE_ENDLESS_LEASE] = "endless-lease",
    [PLX_SABOTAGE_EARLY_PAGE] = "early-page",
    [PLX_SABOTAGE_EARLY_FORGET] = "early-forget",
    [PLX_SABOTAGE_NEW_KEY] = "new-key",
};

struct options {
    uint64_t first_seed, n_seeds;
    enum plx_sim_sabotage sabotage;
    bool transcript, has_scenario;
    const char *scenario_path;
    struct plx_scenario scenario;
};

struct totals {
    uint64_t steps, numbered, counted, gaps, messages, lost, doubled, restarts, commits,
        verdicts, down_verdicts, agents, notices, told, told_again, refused;
};

static const char usage[] =
    "usage: plx-sim-world [--first-seed N] [--seeds N] [--run DURATION] [--heal "
    "DURATION]\n"
    "                     [--agents N] [--scenario FILE] [--sabotage WHAT]\n"
    "                     [--no-alerts] [--transcript]\n"
    "  --run        how long faults happen, in simulated time (default 24h)\n"
    "  --heal       how long all has to be well again after that (default 40m)\n"
    "  --scenario   faults from a file instead of drawn ones\n"
    "  --sabotage   early-ack, no-dedup, endless-lease, early-page, early-forget or\n"
    "               new-key: a broken build\n"
    "  --no-alerts  nobody is told of anything\n"
    "  --transcript every event that is worth a line, on standard output\n"
    "Ends with 0 if no promise was broken, 1 if one was, 2 for a wrong use.\n";

static int fail_usage(void)
{
    fputs(usage, stderr);
    return 2;
}

static int parse_sabotage(const char *text, enum plx_sim_sabotage *ret)
{
    for (size_t i = 0; i < PLX_SABOTAGE_COUNT_; i++)
        if (strcmp(text, sabotages[i]) == 0) {
            *ret = (enum plx_sim_sabotage)i;
            return 0;
        }
    return -1;
}

static int parse_number(const char *text, uint64_t *ret)
{
    char *end;
    *ret = strtoull(text, &end, 10);
    return *text && !*end ? 0 : -1;
}

static int parse_options(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {{"first-seed", required_argument, NULL, 'f'},
                                          {"seeds", required_argument, NULL, 'n'},
                                          {"run", required_argument, NULL, 'r'},
                                          {"heal", required_argument, NULL, 'h'},
                                          {"agents", required_argument, NULL, 'a'},
                                          {"scenario", required_argument, NULL, 's'},
                                          {"sabotage", required_argument, NULL, 'b'},
                                          {"no-alerts", no_argument, NULL, 'q'},
                                          {"transcript", no_argument, NULL, 't'},
                                          {NULL, 0, NULL, 0}};
    uint64_t n_agents = 0;
    int c, err = 0;
    while (!err && (c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (c == 'f')
            err = parse_number(optarg, &o->first_seed);
        else if (c == 'n')
            err = parse_number(optarg, &o->n_seeds);
        else if (c == 'r')
            err = plx_duration_parse(optarg, &o->scenario.run_ns);
        else if (c == 'h')
            err = plx_duration_parse(optarg, &o->scenario.heal_ns);
        else if (c == 'a')
            err = parse_number(optarg, &n_agents) || n_agents > 30;
        else if (c == 'b')
            err = parse_sabotage(optarg, &o->sabotage);
        else if (c == 'q')
            o->scenario.size.no_alerts = true;
        else if (c == 't')
            o->transcript = true;
        else if (c == 's')
            o->scenario_path = optarg;
        else
            err = -1;
    }
    o->scenario.size.n_agents = (uint32_t)n_agents;
    return err || optind != argc ? -1 : 0;
}

static void add_totals(struct totals *t)
{
    t->steps += plx_sim_steps();
    t->numbered += plx_ledger_counts.numbered;
    t->counted += plx_ledger_counts.counted;
    t->gaps += plx_ledger_counts.gaps;
    t->messages += plx_sim_net_counts.sent;
    t->lost += plx_sim_net_counts.lost;
    t->doubled += plx_sim_net_counts.doubled;
    t->commits += plx_sim_store_counts.commits;
    t->verdicts += plx_sim_store_counts.verdicts;
    t->down_verdicts += plx_sim_store_counts.down_verdicts;
    t->notices += plx_letters_counts.committed;
    t->told += plx_letters_counts.arrived;
    t->told_again += plx_letters_counts.repeated;
    t->refused += plx_letters_counts.refused;
    t->agents += plx_fleet_agents();
    for (uint32_t i = 0; i <= plx_fleet_agents(); i++)
        t->restarts += plx_sim_node(i)->life - 1;
}

/* One world from beginning to end. Returns false if a promise was broken. */
static bool run_seed(const struct options *o, uint64_t seed, struct totals *totals)
{
    const struct plx_scenario *s = &o->scenario;
    int64_t end = s->run_ns + s->heal_ns;
    plx_sim_begin(seed, o->sabotage, o->transcript ? stdout : NULL);
    plx_ledger_begin();
    plx_letters_begin();
    plx_sim_incidents_begin();
    plx_audit_begin();
    plx_sim_net_begin();
    plx_sim_spools_begin();
    plx_sim_store_begin();
    plx_target_begin((uint32_t)plx_sim_between(4, 24));
    plx_fleet_begin(&s->size);
    plx_faults_begin(s);
    while (!plx_sim_failure() && plx_sim_step(end))
        continue;
    if (!plx_sim_failure())
        plx_audit_end();
    add_totals(totals);
    bool ok = !plx_sim_failure();
    if (!ok)
        printf("seed %" PRIu64 ": at %.3f s of simulated time: %s\n", seed,
               (double)plx_sim_now() / (double)PLX_SEC_NS, plx_sim_failure());
    plx_fleet_end();
    plx_sim_end();
    plx_sim_store_end();
    plx_sim_spools_end();
    plx_sim_files_end();
    plx_sim_net_end();
    plx_sim_incidents_end();
    plx_letters_end();
    plx_ledger_end();
    return ok;
}

static void say_replay(const struct options *o, const char *program, uint64_t seed)
{
    bool broken = o->sabotage != PLX_SABOTAGE_NONE;
    char run[PLX_DURATION_TEXT_MAX], heal[PLX_DURATION_TEXT_MAX], agents[32] = "";
    if (o->scenario.size.n_agents && !o->scenario_path)
        snprintf(agents, sizeof agents, " --agents %u", o->scenario.size.n_agents);
    printf("replay: %s --first-seed %" PRIu64
           " --run %s --heal %s%s%s%s%s%s%s --transcript\n",
           program, seed, plx_duration_format(o->scenario.run_ns, run),
           plx_duration_format(o->scenario.heal_ns, heal), agents,
           o->scenario.size.no_alerts ? " --no-alerts" : "", broken ? " --sabotage " : "",
           broken ? sabotages[o->sabotage] : "", o->scenario_path ? " --scenario " : "",
           o->scenario_path ? o->scenario_path : "");
}

static void say_totals(const struct options *o, const struct totals *t, uint64_t n,
                       double seconds)
{
    printf("%" PRIu64 " worlds, %" PRIu64
           " agents in them, %.1f simulated days in %.1f s\n",
           n, t->agents,
           (double)n * (double)(o->scenario.run_ns + o->scenario.heal_ns) /
               (double)PLX_DAY_NS,
           seconds);
    printf("%" PRIu64 " events, %" PRIu64 " messages (%" PRIu64 " lost, %" PRIu64
           " doubled), %" PRIu64 " restarts\n",
           t->steps, t->messages, t->lost, t->doubled, t->restarts);
    printf("%" PRIu64 " results numbered, %" PRIu64 " counted, %" PRIu64
           " made gaps; %" PRIu64 " commits; %" PRIu64 " verdicts, %" PRIu64
           " of them against targets\n",
           t->numbered, t->counted, t->gaps, t->commits, t->verdicts, t->down_verdicts);
    printf("%" PRIu64 " notices, %" PRIu64 " told, %" PRIu64 " times again, %" PRIu64
           " refused\n",
           t->notices, t->told, t->told_again, t->refused);
    printf("faults:");
    for (uint32_t k = 0; k < plx_fault_kinds(); k++)
        printf(" %s %" PRIu64, plx_fault_name(k), plx_fault_count(k));
    printf("\n");
}

static double seconds_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    struct options o = {
        .first_seed = 1,
        .n_seeds = 1,
        .scenario = {.run_ns = PLX_DAY_NS, .heal_ns = 40 * PLX_MIN_NS, .random = true}};
    struct totals totals = {0};
    if (parse_options(argc, argv, &o) < 0)
        return fail_usage();
    if (o.scenario_path) {
        o.scenario.random = false;
        if (plx_scenario_load(o.scenario_path, &o.scenario) < 0)
            return 2;
    }
    double began = seconds_now();
    uint64_t n = 0;
    bool ok = true;
    for (; ok && n < o.n_seeds; n++) {
        ok = run_seed(&o, o.first_seed + n, &totals);
        if (!ok)
            say_replay(&o, argv[0], o.first_seed + n);
    }
    if (!o.transcript)
        say_totals(&o, &totals, n, seconds_now() - began);
    plx_scenario_fini(&o.scenario);
    return ok ? 0 : 1;
}
