/* The store: everything the coordinator must not forget, behind one writer thread.
 *
 * Changes are jobs. The loop thread submits them (its data is copied), the writer thread
 * groups them into one durable transaction, and when that is on disk the loop thread
 * gets each job's `done` from plx_store_poll. So a `done` with err 0 means: committed and
 * fsync'd, now it may be acknowledged. Jobs are carried out in the order of submission.
 * A job that fails is rolled back alone; its neighbours in the transaction stand.
 *
 * Every submitting function returns 0, and then calls `done` exactly once from a later
 * plx_store_poll; or, with nothing queued and `done` never called:
 *   PLX_EAGAIN  the queue is full (its limits are in the options)
 *   PLX_ETOOBIG one job is over a limit
 *   PLX_EINVAL  an argument that can never be stored
 *   PLX_EGONE   the store is stopping
 *   PLX_EIO     the database failed; only a restart helps (see plx_store_health)
 *
 * A full disk harms nothing and heals by itself: patient jobs (results, verdicts, agents'
 * last sight) wait in the queue, impatient ones (somebody sits before a terminal) fail
 * with PLX_ENOSPACE.
 *
 * Rooms: this file, store_config.h (monitors, agents, tokens, access),
 * store_history.h (verdicts, reading what was stored), store_rollups.h (results summed
 * up). All functions belong to the loop thread unless they say otherwise. The engine is
 * SQLite (FACTS: WAL, synchronous=FULL, one file), but nothing here shows it. */
#ifndef PLX_COORDINATOR_STORE_H
#define PLX_COORDINATOR_STORE_H

#include "base/result.h"
#include "base/time.h"
#include "base/why.h"
#include "coordinator/core/dedup.h"
#include "proto/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plx_store;

struct plx_store_options {
    const char *dir;     /* the data folder, which exists and is locked by the caller;
                            the database is DIR/parallax.db, mode 0600 */
    size_t queue_jobs;   /* most jobs waiting */
    size_t queue_bytes;  /* most bytes of them */
    size_t group_rows;   /* rows that make a group full */
    int64_t group_ns;    /* longest wait for a group to fill */
    int64_t retry_ns;    /* how often a full disk is tried again */
    size_t backup_pages; /* pages copied between two groups during a backup */
    int64_t read_ns;     /* deadline of one read on the loop thread */
    int64_t rollup_ns;   /* longest time that rollups are kept in memory */
};

/* 4,096 jobs, 64 MiB, 5,000 rows, 20 ms, 1 s, 2,000 pages, 2 s, 1 min. */
void plx_store_options_default(struct plx_store_options *ret);

/* Opens or makes the database, brings its schema up to date, checks it as a whole after
 * an unclean stop, starts the writer. Returns 0 or, with a sentence that says what to do:
 * PLX_EVERSION (made by a newer version), PLX_EINVAL (another program's file or no
 * database), PLX_ECORRUPT (damaged), PLX_ENOSPACE, PLX_EDENIED, PLX_EBUSY, PLX_EIO. The
 * file is as it was in all these cases. */
int plx_store_open(const struct plx_store_options *options, struct plx_store **ret,
                   struct plx_why *why);

/* Commits what is queued (what cannot be committed fails), marks the stop as clean and
 * ends the writer thread. plx_store_poll still delivers the last completions. */
void plx_store_stop(struct plx_store *store);

/* Stops it if need be, drops completions that nobody polled, frees, nulls. Accepts NULL
 * inside. */
void plx_store_destroy(struct plx_store **store);

/* A descriptor for plx_loop_add_fd (EPOLLIN): readable when completions wait. */
int plx_store_fd(const struct plx_store *store);

/* Calls the `done` of every job that came back. Returns how many. */
size_t plx_store_poll(struct plx_store *store);

/* How most jobs end. `why` is "" when err is 0; lent for the call. */
typedef void plx_store_done_fn(void *arg, int err, const char *why);

/* ---- results ---- */

/* What became of one batch. Lent for the call. */
struct plx_store_ingested {
    uint64_t agent_id;
    uint64_t stream_id;
    enum plx_dedup_verdict verdict;
    uint64_t high_water;            /* to be acknowledged */
    const struct plx_result *fresh; /* those newly counted, with their seq; only these may
                                       be judged */
    size_t n_fresh;
    uint64_t n_lost;          /* numbers newly recorded as a gap */
    struct plx_wall received; /* as submitted */
};

/* `batch` is NULL if err is not 0: nothing may be acknowledged. */
typedef void plx_store_ingest_fn(void *arg, int err,
                                 const struct plx_store_ingested *batch);

/* Counts a batch (or a LOST range) of one agent's stream: what is new of it by
 * plx_dedup_decide is stored together with the stream's new mark. Copies `batch`; the
 * results' own seq is ignored, they are numbered from first_seq. `received` is the
 * coordinator's wall clock: it decides the day they are filed under. Patient.
 * `done` gets PLX_EINVAL for a range that is not valid. */
int plx_store_ingest(struct plx_store *store, uint64_t agent_id,
                     const struct plx_msg_results *batch, struct plx_wall received,
                     plx_store_ingest_fn *done, void *arg);

/* Marks kept for each agent, which begins a stream at every start and after an outage.
 * One more, and the mark that moved longest ago is forgotten: what bounds a hostile agent
 * must not shut out one that is restarted for weeks. */
#define PLX_STORE_STREAMS_MAX 4096

/* ---- maintenance ---- */

/* Drops the results of every day (UTC, by receipt) that ended before `before`, with their
 * gaps, verdicts and log entries, and forgets streams that nobody has used since, except
 * each agent's latest. Impatient. */
int plx_store_drop_before(struct plx_store *store, struct plx_wall before,
                          plx_store_done_fn *done, void *arg);

/* Copies the database, as it is when the copy ends, to `path` (made with mode 0600;
 * PLX_EEXISTS if there is such a file). Ingest goes on meanwhile. One at a time
 * (PLX_EBUSY). */
int plx_store_backup(struct plx_store *store, const char *path, plx_store_done_fn *done,
                     void *arg);

enum plx_store_state {
    PLX_STORE_OK,
    PLX_STORE_WAITING, /* disk full, or the file is locked by another program: retrying */
    PLX_STORE_FAILED, /* input/output error or damage: jobs are refused until a restart */
};

struct plx_store_health {
    enum plx_store_state state;
    char why[256]; /* a sentence, unless OK */
    size_t queued_jobs;
    size_t queued_bytes;
    uint64_t refused_jobs;  /* with PLX_EAGAIN, since the start */
    uint64_t n_commits;     /* since the start */
    uint64_t n_results;     /* committed since the start */
    uint64_t n_repeats;     /* results that came again, since the start */
    int64_t last_commit_ns; /* how long the last group's transaction took */
    uint64_t file_bytes, wal_bytes;
};

/* Any thread. */
void plx_store_health(struct plx_store *store, struct plx_store_health *ret);
/* "ok", "waiting", "failed"; never NULL. */
const char *plx_store_state_token(enum plx_store_state state);

#endif
