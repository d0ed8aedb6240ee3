/* Which places a failing cell could speak for at all: where all that fails in an address,
 * a prefix, a name or a group together could not pay for a fault there, none of its
 * scopes is listed. With a percent of losses that is nearly every address, and a tick
 * costs a fraction (docs/VERDICTS.md "What it costs"). The story is the same as without.
 */
#ifndef PLX_CORE_JUDGE_SIFT_H
#define PLX_CORE_JUDGE_SIFT_H

#include "coordinator/core/judge_cover.h"
#include "coordinator/core/judge_fleet.h"

#include <stdint.h>

/* What is summed up, and scratch. All zero is ready. */
struct plx_sift {
    float *unit;    /* by unit: nats that its failing cells bring at most */
    uint32_t *head; /* by unit: the latest of its fails; next by fail */
    uint32_t cap_unit, cap_head;
    uint32_t *next;
    uint32_t cap_next;
    float *agent; /* by agent, within one prefix */
    uint32_t cap_agent;
    uint32_t *busy; /* prefixes that could pay for a fault */
    uint32_t cap_busy, n_busy;
};

struct plx_cover;

void plx_sift_fini(struct plx_sift *sift);

/* Sets `worth` (enum plx_worth) of the fails that nothing explains yet. Scopes of open
 * standing faults are always worth it. */
void plx_sift_fails(struct plx_cover *cover, const struct plx_standing *standing,
                    uint32_t n_standing);

#endif
