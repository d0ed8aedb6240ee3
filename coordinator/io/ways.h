/* The ways of good times: the last trace of each agent and address that led there.
 *
 * Kept in memory, bounded; after a restart they are made anew within minutes. Loop
 * thread. */
#ifndef PLX_COORDINATOR_WAYS_H
#define PLX_COORDINATOR_WAYS_H

#include "base/trace.h"

#include <stdint.h>

#define PLX_WAYS_MAX 20000 /* of 1 kB or less; further ones are not kept */

struct plx_ways;

struct plx_ways *plx_ways_new(void);
void plx_ways_destroy(struct plx_ways **ways);

/* Keeps the trace if every one of its flows led to the target; `now` is the
 * coordinator's. */
void plx_ways_put(struct plx_ways *ways, uint32_t agent, const struct plx_trace *trace,
                  struct plx_mono now);
/* When it was kept last; false: never. */
bool plx_ways_age(const struct plx_ways *ways, uint32_t agent,
                  const struct plx_addr *target, struct plx_mono now, int64_t *ret_ns);
/* Copies; false: there is none. */
bool plx_ways_get(const struct plx_ways *ways, uint32_t agent,
                  const struct plx_addr *target, struct plx_trace *ret);
uint32_t plx_ways_count(const struct plx_ways *ways);

#endif
