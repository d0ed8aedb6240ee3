/* The store's room of rollups: results summed up by minute, hour and day.
 *
 * The writer thread makes them. It follows the day tables of results between two groups,
 * sums up what is new in memory (core/rollbook), and writes it about once a minute
 * together with how far it has read, so that a result is counted once whatever ends the
 * process. Late results find the stretch of their own time and amend it. The time is
 * `scheduled` by the agent's clock; one that lies after the receipt counts as that.
 * Under saturation the rollups lag: acks do not wait for them.
 *
 * Reading is for any one thread at a time per reader, which has its own connection. */
#ifndef PLX_COORDINATOR_STORE_ROLLUPS_H
#define PLX_COORDINATOR_STORE_ROLLUPS_H

#include "coordinator/core/rollup.h"
#include "coordinator/io/store.h"

/* Results scheduled longer before their receipt are stored and not summed up. Agents
 * spool for a week. */
#define PLX_STORE_ROLLUP_LATE_NS (31 * PLX_DAY_NS)

/* How far the summing up has come. */
struct plx_store_rollups_state {
    uint64_t n_results; /* read since the start */
    uint64_t n_late;    /* of them too late for a level, or at all */
    uint64_t n_cells;   /* minutes written since the start */
    size_t n_open;      /* minutes in memory, to be written */
    uint64_t behind;    /* results stored and not yet read */
};
/* Any thread. */
void plx_store_rollups_state(struct plx_store *store,
                             struct plx_store_rollups_state *ret);

/* Drops the level's tables that ended before `before`; late results for what was before
 * it are not summed up any more at that level. Impatient. */
int plx_store_drop_rollups(struct plx_store *store, enum plx_rollup_level level,
                           struct plx_wall before, plx_store_done_fn *done, void *arg);

/* ---- reading ---- */

struct plx_store_reader;

/* A connection of its own to the store's file, with the store's deadline of reads. Must
 * be destroyed before the store. */
int plx_store_reader_new(struct plx_store *store, struct plx_store_reader **ret,
                         struct plx_why *why);
void plx_store_reader_destroy(struct plx_store_reader **reader);

struct plx_store_rollup_range {
    enum plx_rollup_level level;
    struct plx_wall from, to; /* stretches that begin in [from, to) */
    uint64_t monitor_id;      /* 0: all */
};

struct plx_store_rollup_row {
    struct plx_wall at; /* beginning of the stretch */
    uint64_t monitor_id;
    uint64_t agent_id;
    const struct plx_rollup *rollup; /* lent for the call */
};
/* false ends the read. */
typedef bool plx_store_rollup_fn(void *arg, const struct plx_store_rollup_row *row);

/* Hands out the range's rows: one monitor's by (at, agent), those of all in any order
 * that keeps each monitor's. Returns 0, PLX_ETIMEOUT, PLX_EIO, PLX_ECORRUPT. */
int plx_store_read_rollups(struct plx_store_reader *reader,
                           const struct plx_store_rollup_range *range,
                           plx_store_rollup_fn *fn, void *arg);

#endif
