#include "coordinator/io/rounds.h"

#include "coordinator/io/verdicts.h"
#include "sys/clock.h"

/* An extra probe is answered or given up within 1.5 s, and its answer has to travel. */
#define AWAITED_NS  (3 * PLX_SEC_NS)
/* Of so many parts of the time, one is spent on judging between the rounds. */
#define HASTE_SHARE 50

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

static void judge(struct plx_rounds *rounds, struct plx_desk *desk,
                  struct plx_intake *intake)
{
    struct plx_mono began = plx_clock_mono();
    uint64_t ordered = desk->counts.probes_ordered;
    plx_verdicts_tick(desk, intake, plx_intake_wall(intake));
    rounds->judged = plx_clock_mono();
    rounds->cost_ns = plx_mono_diff(rounds->judged, began);
    if (desk->counts.probes_ordered != ordered)
        rounds->awaited = plx_mono_add(rounds->judged, AWAITED_NS);
}

bool plx_rounds_make(struct plx_rounds *rounds, struct plx_desk *desk,
                     struct plx_intake *intake)
{
    struct plx_store_health health;
    plx_intake_tick(intake);
    plx_store_health(desk->store, &health);
    settle_while_full(desk, &health);
    judge(rounds, desk, intake);
    return health.state != PLX_STORE_FAILED;
}

void plx_rounds_hasten(struct plx_rounds *rounds, struct plx_desk *desk,
                       struct plx_intake *intake)
{
    struct plx_mono now = plx_clock_mono();
    bool due = plx_court_has_news(desk->court) || plx_mono_diff(now, rounds->awaited) < 0;
    if (due && plx_mono_diff(now, rounds->judged) >= HASTE_SHARE * rounds->cost_ns)
        judge(rounds, desk, intake);
}
