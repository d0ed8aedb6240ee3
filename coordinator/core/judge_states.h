/* What is concluded about each monitor, between two ticks: 9 bytes for one that no fault
 * covers. Others read states by value, whole, and put them back. */
#ifndef PLX_CORE_JUDGE_STATES_H
#define PLX_CORE_JUDGE_STATES_H

#include "coordinator/core/judge_verdict.h"

#include <stdint.h>

/* How sure that is lies with the faults where there are any. */
struct plx_state {
    uint32_t since;
    union {
        float confidence;
        uint32_t story; /* number of its list of faults */
    };
};
_Static_assert(sizeof(struct plx_state) == 8, "one for each monitor");

/* The rest of it. */
struct plx_state_word {
    uint8_t verdict : 4; /* enum plx_judge_verdict */
    bool known : 1, degraded : 1, vetoed : 1;
    bool told : 1; /* it has a story */
};
_Static_assert(sizeof(struct plx_state_word) == 1, "one for each monitor");
_Static_assert(PLX_JUDGE_VERDICT_COUNT_ <= 16, "they are kept in 4 bits");

/* The faults that cover a monitor. */
struct plx_state_story {
    uint64_t faults[PLX_VERDICT_FAULTS];
    float confidence;
    uint32_t n, free; /* free: the next free one + 1, of one that is */
};

/* By monitor id. All zero is ready. */
struct plx_states {
    struct plx_state *at;
    struct plx_state_word *words;
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

/* It is held to be up, and no fault covers it. */
static inline bool plx_states_is_plainly_up(const struct plx_states *states,
                                            uint32_t monitor)
{
    struct plx_state_word w = states->words[monitor];
    return w.known && w.verdict == PLX_JUDGE_UP && !w.told;
}

#endif
