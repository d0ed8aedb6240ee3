/* The store's room of what uptime is worked out from: one monitor's verdicts, the times
 * without a coordinator, and where agents are. Results come from the rollups
 * (store_rollups.h).
 *
 * Reading is on a reader's own connection, one thread at a time; deadlines and errors as
 * in store_history.h. */
#ifndef PLX_COORDINATOR_STORE_UPTIME_H
#define PLX_COORDINATOR_STORE_UPTIME_H

#include "coordinator/io/store_rollups.h"

/* No coordinator ran in [from, to). Impatient; nobody hears how it went. */
int plx_store_note_absence(struct plx_store *store, struct plx_wall from,
                           struct plx_wall to);

/* `token` is lent for the call. */
typedef bool plx_store_word_fn(void *arg, struct plx_wall at, const char *token);
/* The monitor's verdicts, newest first, down to the one that held at `from`. */
int plx_store_read_words(struct plx_store_reader *reader, uint64_t monitor_id,
                         struct plx_wall from, plx_store_word_fn *fn, void *arg);

typedef bool plx_store_absence_fn(void *arg, struct plx_wall from, struct plx_wall to);
/* Those that ended after `from`, by their beginning. */
int plx_store_read_absences(struct plx_store_reader *reader, struct plx_wall from,
                            plx_store_absence_fn *fn, void *arg);

/* `region` is lent for the call. */
typedef bool plx_store_region_fn(void *arg, uint64_t agent_id, const char *region);
/* Of all agents there ever were, by id. */
int plx_store_read_regions(struct plx_store_reader *reader, plx_store_region_fn *fn,
                           void *arg);

#endif
