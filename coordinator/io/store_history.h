/* The store's history room: results, gaps, verdicts and the log of changes, read back.
 *
 * Reads are short, on connections that cannot write, and see what is committed. They hand
 * out rows through a callback; what a row points to is lent for that call. A callback
 * that returns false ends the read. Every read has a deadline (options.read_ns) and
 * returns PLX_ETIMEOUT at it; a read with a cursor can then be continued. Loop thread. */
#ifndef PLX_COORDINATOR_STORE_HISTORY_H
#define PLX_COORDINATOR_STORE_HISTORY_H

#include "coordinator/io/store.h"

/* ---- results ---- */

struct plx_store_row {
    uint64_t agent_id;
    uint64_t stream_id;
    struct plx_wall received;
    struct plx_result result; /* times have microseconds */
};

typedef bool plx_store_row_fn(void *arg, const struct plx_store_row *row);

struct plx_store_range {
    struct plx_wall from, to; /* received in [from, to); to 0: no end */
    uint64_t monitor_id;      /* 0: all */
    uint64_t agent_id;        /* 0: all */
    size_t last_rows;         /* look at no more than the last so many rows; 0: at all */
};

/* How far a read has come. Zeroed: at the beginning. */
struct plx_store_cursor {
    int32_t day; /* YYYYMMDD */
    int64_t row; /* the last one looked at */
    bool at_end; /* the range is exhausted */
};

/* Hands out at most `limit` rows of the range, in the order in which they were committed,
 * and moves the cursor. Where the wall clock was set back, rows near that moment may be
 * missed by `from`. Returns 0 (cursor->at_end says whether there is more) or
 * PLX_ETIMEOUT, PLX_EIO, PLX_ECORRUPT. */
int plx_store_read_results(struct plx_store *store, const struct plx_store_range *range,
                           struct plx_store_cursor *cursor, size_t limit,
                           plx_store_row_fn *fn, void *arg);

struct plx_store_gap {
    uint64_t agent_id;
    uint64_t stream_id;
    uint64_t first_seq;
    uint64_t n;
    struct plx_wall from, to; /* agent's clock */
    struct plx_wall received;
};
typedef bool plx_store_gap_fn(void *arg, const struct plx_store_gap *gap);

/* Gaps of one agent (0: of all) received since `since`, oldest first. */
int plx_store_read_gaps(struct plx_store *store, uint64_t agent_id, struct plx_wall since,
                        size_t limit, plx_store_gap_fn *fn, void *arg);

/* ---- verdicts ---- */

/* A monitor's verdict became another one. */
struct plx_store_verdict {
    uint64_t id; /* given by the store, ascending */
    uint64_t monitor_id;
    struct plx_wall at;
    const char *was; /* tokens: "up", "service_down", … */
    const char *now;
    const char *scope;        /* what the fault is about; "" for none */
    double confidence;        /* 0-1 */
    uint32_t fresh, assigned; /* coverage */
    const char *sentence;
    const char *faults; /* JSON array */
};

#define PLX_STORE_VERDICT_TEXT_MAX 65536 /* bytes of each text */

/* Stores them together. Copies. Patient: a full disk delays it, `done` comes with 0 in
 * the end (or PLX_EGONE, PLX_EIO at a stop or failure). */
int plx_store_add_verdicts(struct plx_store *store,
                           const struct plx_store_verdict *verdicts, size_t n,
                           plx_store_done_fn *done, void *arg);

typedef bool plx_store_verdict_fn(void *arg, const struct plx_store_verdict *verdict);

/* The verdicts of a monitor (0: of all) with ids below `before_id` (0: all), newest
 * first. */
int plx_store_read_verdicts(struct plx_store *store, uint64_t monitor_id,
                            uint64_t before_id, size_t limit, plx_store_verdict_fn *fn,
                            void *arg);

/* The newest verdict of every monitor that has one: for a restart. */
int plx_store_read_last_verdicts(struct plx_store *store, plx_store_verdict_fn *fn,
                                 void *arg);

/* ---- log of changes ---- */

struct plx_store_reader;

struct plx_store_log_entry {
    uint64_t id; /* ascending */
    struct plx_wall at;
    const char *who;
    const char *what;    /* "monitors_applied", "agent_added", … */
    const char *subject; /* a name or a number */
    const char *detail;
    /* JSON array of {"key", "was", "now"} by key. null on one side: it was not there; on
     * both: the value is not kept, because it may be secret. */
    const char *fields;
};
typedef bool plx_store_log_fn(void *arg, const struct plx_store_log_entry *entry);

struct plx_store_log_range {
    struct plx_wall since; /* 0: all */
    uint64_t before_id;    /* ids below it; 0: all */
    const char *what;      /* '*' and '?' stand for any text and character; NULL: any */
    const char *subject;   /* NULL: any */
    size_t limit;
};

/* Newest first. Any thread, one at a time per reader (store_rollups.h); deadline and
 * errors as for rollups. */
int plx_store_read_log(struct plx_store_reader *reader,
                       const struct plx_store_log_range *range, plx_store_log_fn *fn,
                       void *arg);

#endif
