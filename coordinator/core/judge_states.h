/* What is concluded about each monitor, between two ticks: 16 bytes for one that no fault
 * covers. Others read states by value, whole, and put them back. */
#ifndef PLX_CORE_JUDGE_STATES_H
#define PLX_CORE_JUDGE_STATES_H

#include "coordinator/core/judge_verdict.h"

#include <stdint.h>

struct plx_state {
    uint32_t since, story; /* story: number of its list of faults + 1; 0: none */
    float confidence;
    uint8_t verdict;
    bool known : 1, degraded : 1, vetoed : 1;
};
_Static_assert(sizeof(struct plx_state) == 16, "one for each monitor");

/* The faults that cover a monitor. */
struct plx_state_story {
    uint64_t faults[PLX_VERDICT_FAULTS];
    uint32_t n, free; /* free: the next free one + 1, of one that is */
};

/* By monitor id. All zero is ready. */
struct plx_states {
    struct plx_state *at;
    uint32_t n;
    struct plx_state_story *stories;
    uint32_t n_stories, cap_stories, free;
};

void plx_states_fini(struct plx_states *states);

/* Makes room for monitors below `n`. */
void plx_states_reach(struct plx_states *states, uint32_t n);

/* The monitor's state, whole. How many views there are is not kept. */
struct plx_verdict_state plx_states_get(const struct plx_states *states,
                                        uint32_t monitor);
void plx_states_put(struct plx_states *states, uint32_t monitor,
                    const struct plx_verdict_state *state);
/* The ids of the faults that cover it, never NULL. Lent until the next put. */
const uint64_t *plx_states_faults(const struct plx_states *states, uint32_t monitor);

#endif
