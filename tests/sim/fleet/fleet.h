/* The fleet: agents and the coordinator as processes that start, tick, crash and end.
 *
 * An agent is agent/agent.h as the program opens it; the coordinator is its desk, intake,
 * rounds and alerts. What they run on is replaced: see docs/SIMULATION.md. */
#ifndef PLX_SIM_FLEET_H
#define PLX_SIM_FLEET_H

#include "sim.h"

#include "coordinator/io/desk.h"
#include "coordinator/io/intake.h"

#define PLX_FLEET_REGIONS_MAX 5

struct plx_fleet_size {
    uint32_t n_agents; /* 0: drawn from the seed; so are the others */
    uint32_t n_regions;
    uint32_t n_monitors;
    bool no_alerts; /* nobody is told of anything */
};

/* Draws a fleet and starts all of it. */
void plx_fleet_begin(const struct plx_fleet_size *size);
/* Ends every process without ado. */
void plx_fleet_end(void);

uint32_t plx_fleet_agents(void);
uint32_t plx_fleet_regions(void);
uint32_t plx_fleet_region_of(uint32_t agent);
uint32_t plx_fleet_provider_of(uint32_t agent);
/* Whether somebody is told of incidents. */
bool plx_fleet_alerts(void);
/* The coordinator's desk; NULL while it is down. */
struct plx_desk *plx_fleet_desk(void);

/* The process is gone at once, and started again at `until_ns`. */
void plx_fleet_crash(uint32_t node, int64_t until_ns);
/* An agent is told to end, and started again. */
void plx_fleet_stop(uint32_t agent, int64_t until_ns);
/* The process stands still. */
void plx_fleet_freeze(uint32_t node, int64_t until_ns);

/* What an operator does. */
void plx_fleet_drain(uint32_t agent, bool on);
void plx_fleet_change_monitors(void);
/* Acknowledges the first incident that is announced. */
void plx_fleet_acknowledge(void);

#endif
