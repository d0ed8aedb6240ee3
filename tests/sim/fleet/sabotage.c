/* The third broken build: leases that never end. The linker leads the coordinator's calls
 * of plx_roster_tick here. */
#include "coordinator/core/roster.h"
#include "sim.h"

void __real_plx_roster_tick(struct plx_roster *roster, struct plx_mono now,
                            struct plx_roster_notes *notes);
void __wrap_plx_roster_tick(struct plx_roster *roster, struct plx_mono now,
                            struct plx_roster_notes *notes);
void __wrap_plx_roster_tick(struct plx_roster *roster, struct plx_mono now,
                            struct plx_roster_notes *notes)
{
    if (plx_sim_sabotage() != PLX_SABOTAGE_ENDLESS_LEASE)
        __real_plx_roster_tick(roster, now, notes);
}
