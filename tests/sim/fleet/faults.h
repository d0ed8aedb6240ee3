/* Everything that may go wrong, by name: drawn from the seed, or told by a scenario.
 *
 * A scenario is a file of lines; '#' begins a comment:
 *
 *   fleet agents=5 regions=2 monitors=8
 *   run 2h heal 40m
 *   at 10m coordinator_crash for 30s
 *   at 20m cut 3 for 5m               (agent 3; without a number any)
 *
 * `run` is how long faults may happen, `heal` the time after that. */
#ifndef PLX_SIM_FAULTS_H
#define PLX_SIM_FAULTS_H

#include "fleet.h"

#include <stdbool.h>
#include <stdint.h>

struct plx_scenario {
    struct plx_fleet_size size;
    int64_t run_ns, heal_ns;
    struct plx_scenario_fault {
        int64_t at_ns, for_ns;
        uint32_t kind;
        uint32_t target; /* 0: any */
    } * faults;
    size_t n_faults;
    bool random; /* faults are drawn, too */
};

/* Returns 0, or -1 with a sentence on stderr. */
int plx_scenario_load(const char *path, struct plx_scenario *ret);
void plx_scenario_fini(struct plx_scenario *scenario);

/* Schedules what the scenario says and begins to draw, if it says so. */
void plx_faults_begin(const struct plx_scenario *scenario);

/* How often each kind happened, since the program began. */
uint64_t plx_fault_count(uint32_t kind);
uint32_t plx_fault_kinds(void);
const char *plx_fault_name(uint32_t kind);

#endif
