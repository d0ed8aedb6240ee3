/* How failures and what was seen to be well lie in time, for one scope: enough to see
 * that no onset makes a fault of it that pays. Times are kept to steps of 2 s, rounded so
 * that the bound is never too low. */
#ifndef PLX_CORE_JUDGE_LANE_H
#define PLX_CORE_JUDGE_LANE_H

#include <stdbool.h>
#include <stdint.h>

#define PLX_LANE_STEPS 64u
#define PLX_LANE_STEP  64u /* ticks of 1/32 s */

struct plx_lane {
    float bad[PLX_LANE_STEPS];  /* nats of failing cells, by the age of their last */
    float good[PLX_LANE_STEPS]; /* results as expected, likewise; ages beyond count not */
    float most;                 /* nats of all failing cells; INFINITY: keep it */
    bool of_agent;
};

/* Steps that a time lies back; the oldest step is for all that is older. */
static inline uint32_t plx_lane_step(uint32_t now, uint32_t at)
{
    uint32_t step = at >= now ? 0 : (now - at) / PLX_LANE_STEP;
    return step < PLX_LANE_STEPS ? step : PLX_LANE_STEPS - 1;
}

/* Sets what a fault that begins in each step could earn at most, its cost not paid.
 * `slack`: ticks that times may be apart; `against`: nats of one result as expected. */
void plx_lane_bound(const struct plx_lane *lane, uint32_t slack, float against,
                    float ret[PLX_LANE_STEPS]);

/* The most of that over all steps. */
float plx_lane_best(const struct plx_lane *lane, uint32_t slack, float against);

#endif
