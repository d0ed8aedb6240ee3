/* What a heartbeat says of the probing, counted as results come: by any thread. */
#ifndef PLX_AGENT_TALLIES_H
#define PLX_AGENT_TALLIES_H

#include "agent/troubles.h"
#include "base/result.h"
#include "proto/wire.h"

#include <pthread.h>
#include <stdint.h>

struct plx_tallies {
    pthread_mutex_t mutex;
    /* Behind it. */
    uint64_t n_done, n_skipped;
    uint32_t worst_lag_us; /* since the last heartbeat */
    struct plx_troubles troubles;
};

void plx_tallies_init(struct plx_tallies *tallies);
void plx_tallies_fini(struct plx_tallies *tallies);

/* Of a run over all addresses, an address's result counts as progress only. */
void plx_tallies_note(struct plx_tallies *tallies, const struct plx_result *result);
/* `n` probes have been missed without a result. */
void plx_tallies_note_missed(struct plx_tallies *tallies, uint64_t n);
/* A loop stood still for so long. */
void plx_tallies_note_stall(struct plx_tallies *tallies, int64_t stall_ns);
/* Notes whether the wall clock was set since the last look. The agent's loop. */
void plx_tallies_watch_clock(struct plx_tallies *tallies, struct plx_mono now,
                             struct plx_wall wall);

/* Fills progress, skipped, lag_ms and the troubles, which are lent until the next call;
 * the lag and the troubles begin anew. One thread: the agent's loop. */
void plx_tallies_take(struct plx_tallies *tallies, const struct plx_spool_stats *spool,
                      struct plx_msg_heartbeat *hb);

#endif
