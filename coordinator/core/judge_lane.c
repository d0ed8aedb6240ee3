#include "coordinator/core/judge_lane.h"

#include <math.h>

/* A fault that began in step `a` may explain a cell that failed last in step a + apart or
 * a younger one; a result is surely later than it from step a - apart - 1 on. */
void plx_lane_bound(const struct plx_lane *lane, uint32_t slack, float against,
                    float ret[PLX_LANE_STEPS])
{
    uint32_t apart = slack / PLX_LANE_STEP + 1;
    float bad = 0, good = 0;
    uint32_t to_bad = 0, to_good = 0;
    for (uint32_t a = 0; a < PLX_LANE_STEPS; a++) {
        for (; to_bad <= a + apart && to_bad < PLX_LANE_STEPS; to_bad++)
            bad += lane->bad[to_bad];
        for (; to_good + apart + 1 <= a; to_good++)
            good += lane->good[to_good];
        ret[a] = bad - against * good;
    }
}

float plx_lane_best(const struct plx_lane *lane, uint32_t slack, float against)
{
    float at[PLX_LANE_STEPS], best = -INFINITY;
    if (isinf(lane->most))
        return INFINITY;
    plx_lane_bound(lane, slack, against, at);
    for (uint32_t a = 0; a < PLX_LANE_STEPS; a++)
        best = at[a] > best ? at[a] : best;
    return best;
}
