/* Can a fault earn its cost at all? A bound from above on what it would earn, which is
 * cheap because most candidates are far from it: they are made of lost packets, and a
 * look at a few dozen of the cells in their scope shows it. */
#ifndef PLX_CORE_JUDGE_BOUND_H
#define PLX_CORE_JUDGE_BOUND_H

#include "coordinator/core/judge_score.h"

/* An onset is given up only when it misses the cost by this much: rounding cannot make
 * that up, and exchanges (which ask for a gain of 0.1) would turn it down, too. */
#define PLX_BOUND_CLEAR 0.2

/* Of the first `n_onsets` of score->times, those (as bits) at which the fault may earn
 * more than its cost from the cells in score->open. Never leaves out one that does. Sets
 * what each could earn at most, the cost not paid. */
uint32_t plx_bound_onsets(struct plx_score *score, const struct plx_scope *scope,
                          const struct plx_fail *fails, uint32_t n_onsets, double cost,
                          double ret_most[PLX_SCORE_ONSETS]);

#endif
