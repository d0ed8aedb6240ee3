#include "coordinator/io/rounds.h"

#include "coordinator/io/verdicts.h"
#include "sys/clock.h"

int plx_rounds_begin(struct plx_desk *desk, struct plx_why *why)
{
    plx_court_settling_until(desk->court,
                             plx_wall_add(desk->started_wall, PLX_DESK_SETTLING_NS));
    return plx_desk_load(desk, why);
}

/* Only what is committed is judged. While a full disk takes nothing, everything becomes
 * unsure for a reason of our own, which is no news about any monitor. */
static void settle_while_full(struct plx_desk *desk,
                              const struct plx_store_health *health)
{
    if (health->state == PLX_STORE_WAITING)
        plx_court_settling_until(desk->court,
                                 plx_wall_add(plx_clock_wall(), PLX_DESK_SETTLING_NS));
}

bool plx_rounds_make(struct plx_desk *desk, struct plx_intake *intake)
{
    struct plx_store_health health;
    plx_intake_tick(intake);
    plx_store_health(desk->store, &health);
    settle_while_full(desk, &health);
    plx_verdicts_tick(desk, intake, plx_clock_wall());
    return health.state != PLX_STORE_FAILED;
}
