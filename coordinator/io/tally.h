/* How often each verdict's word occurs. */
#ifndef PLX_COORDINATOR_TALLY_H
#define PLX_COORDINATOR_TALLY_H

#include "coordinator/core/judge.h"

#include <stddef.h>
#include <stdint.h>

#define PLX_TALLY_MAX (PLX_JUDGE_VERDICT_COUNT_ + 2) /* with "pending" and "paused" */

struct plx_tally {
    const char *words[PLX_TALLY_MAX]; /* borrowed */
    uint64_t counts[PLX_TALLY_MAX];
    size_t n;
};

void plx_tally_one(struct plx_tally *tally, const char *word);

#endif
