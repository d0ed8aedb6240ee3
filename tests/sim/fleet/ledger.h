/* The truth about every numbered result: what the agents' disks and the coordinator's
 * disk have taken in, in order, and the promises that follow from it.
 *
 * Told by the two disks at the moment something becomes durable there. */
#ifndef PLX_SIM_LEDGER_H
#define PLX_SIM_LEDGER_H

#include "base/result.h"

#include <stddef.h>
#include <stdint.h>

void plx_ledger_begin(void);
void plx_ledger_end(void);

/* An agent's disk has taken in results first … first + n - 1 of a stream. */
void plx_ledger_numbered(uint32_t agent, uint64_t stream, uint64_t first,
                         const struct plx_result *results, size_t n);
/* … or a gap first … last: new numbers, or in place of results that had to go. */
/* The same for a stream that is in memory only: it may die with the process, until it is
 * numbered again, and alike, on a disk. */
void plx_ledger_kept(uint32_t agent, uint64_t stream, uint64_t first,
                     const struct plx_result *results, size_t n);
void plx_ledger_dropped(uint32_t agent, uint64_t stream, uint64_t first, uint64_t last);
/* The agent's disk has forgotten everything up to `seq`, as acknowledged. */
void plx_ledger_forgotten(uint32_t agent, uint64_t stream, uint64_t seq);
/* The agent's disk was found damaged: what was not delivered is lost, and known to be. */
void plx_ledger_damaged(uint32_t agent);

/* The coordinator's disk has counted these results, or a gap of `lost`. */
void plx_ledger_counted(uint32_t agent, uint64_t stream, uint64_t first,
                        const struct plx_result *results, size_t n, uint64_t lost);

/* Everything numbered before `before_ns` (simulated time) is counted. */
void plx_ledger_check_delivered(int64_t before_ns);

struct plx_ledger_counts {
    uint64_t numbered, counted, gaps, streams;
};
extern struct plx_ledger_counts plx_ledger_counts;

#endif
