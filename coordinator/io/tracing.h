/* Traces that agents are asked for: who is asked what, and whose answer is whose. Loop
 * thread. */
#ifndef PLX_COORDINATOR_TRACING_H
#define PLX_COORDINATOR_TRACING_H

#include "base/trace.h"
#include "coordinator/io/intake.h"

#include <stdint.h>

#define PLX_TRACING_MAX 2048 /* asked for at the same time */

struct plx_tracing_order {
    uint32_t agent; /* slot */
    const char *host;
    uint16_t port;
    enum plx_ip ip;
    const char *source; /* "" for the agent's choice */
    uint8_t flows, max_hops;
};

/* An answer; NULL: none came in time. The trace is lent for the call. */
typedef void plx_tracing_fn(void *arg, uint64_t tag, uint32_t agent,
                            const struct plx_trace *trace);

struct plx_tracing;

/* Borrows the intake, and hears its traces. */
struct plx_tracing *plx_tracing_new(struct plx_intake *intake);
/* What is asked for ends without a word. */
void plx_tracing_destroy(struct plx_tracing **tracing);

/* Returns 0, PLX_EGONE (not connected) or PLX_EAGAIN (too many, or its queue is full). */
int plx_tracing_ask(struct plx_tracing *tracing, const struct plx_tracing_order *order,
                    plx_tracing_fn *fn, void *arg, uint64_t tag);
/* `arg` is told nothing more. */
void plx_tracing_forget(struct plx_tracing *tracing, const void *arg);
void plx_tracing_tick(struct plx_tracing *tracing, struct plx_mono now);

#endif
