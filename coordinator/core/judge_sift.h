/* Which scopes a failing cell could speak for at all. With a percent of losses nearly
 * everything that fails is alone at its address, and what else its prefix and its agent
 * saw is well: none of its scopes could pay for a fault, and none is listed. The story is
 * the same as without (docs/VERDICTS.md "What it costs"). */
#ifndef PLX_CORE_JUDGE_SIFT_H
#define PLX_CORE_JUDGE_SIFT_H

#include "coordinator/core/judge_cover.h"
#include "coordinator/core/judge_fleet.h"
#include "coordinator/core/judge_lane.h"

#include <stdint.h>

/* What is summed up, and scratch. All zero is ready. */
struct plx_sift {
    float *unit;    /* by unit: nats that its failing cells bring at most */
    uint32_t *head; /* by unit: of a prefix the latest of its fails (next by fail), of
                       agents their lane; UINT32_MAX: none */
    uint32_t *calm; /* by unit: the solve that all of its fails were last found not to pay
                       at; 0: it is to be weighed, UINT32_MAX: it has none */
    uint32_t cap_unit, cap_head, cap_calm;
    uint32_t *next;
    uint32_t cap_next;
    uint32_t *busy; /* prefixes with fails */
    uint32_t cap_busy, n_busy;
    struct plx_lane *lanes;
    uint32_t n_lanes, cap_lanes;
    uint32_t *lane_of_agent; /* UINT32_MAX: none */
    uint32_t cap_lane_of_agent;
    float *gains; /* by lane: the best of its bound */
    uint32_t cap_gains;
};

struct plx_cover;

void plx_sift_fini(struct plx_sift *sift);

/* After a solve: gives memory back that is not needed before the next. */
void plx_sift_trim(struct plx_sift *sift);

/* Sets `worth` (enum plx_worth) of the fails that nothing explains yet. Scopes of open
 * standing faults are always worth it. */
void plx_sift_fails(struct plx_cover *cover, const struct plx_standing *standing,
                    uint32_t n_standing);

#endif
