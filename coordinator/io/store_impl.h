/* What the store's rooms share: the store itself, its jobs and its queue. Private to
 * coordinator/io/store*. */
#ifndef PLX_COORDINATOR_STORE_IMPL_H
#define PLX_COORDINATOR_STORE_IMPL_H

#include "coordinator/io/store.h"
#include "coordinator/io/store_db.h"
#include "coordinator/io/store_rollups.h"

#include <pthread.h>

struct plx_store_job;

/* What kind of change a job is. */
struct plx_store_job_class {
    const char *name;
    bool patient; /* waits while the disk is full */
    bool bulk;    /* may fill three quarters of the queue */
    /* Makes the change, on the writer thread, inside a savepoint: an error undoes it. May
     * be called again after the whole group was undone. */
    int (*run)(struct plx_store *store, struct plx_store_job *job);
    /* Calls the submitter's `done`, on the loop thread. */
    void (*finish)(struct plx_store_job *job);
    /* Frees what the job owns beyond `owned`; may be NULL. */
    void (*fini)(struct plx_store_job *job);
};

#define PLX_STORE_JOB_OWNED_MAX 16

/* The head of every job. */
struct plx_store_job {
    struct plx_store_job *next;
    const struct plx_store_job_class *class;
    void *owned[PLX_STORE_JOB_OWNED_MAX]; /* freed with the job */
    size_t n_owned;
    size_t bytes; /* what it counts for in the queue */
    size_t rows;  /* what it counts for in a group */
    struct plx_mono submitted;
    int err;
    struct plx_why why;
    void *arg;
};

struct plx_store_jobs {
    struct plx_store_job *head, **tail;
    size_t n;
};

struct plx_store_backup_run; /* store_backup.c */
struct plx_store_sums;       /* store_rollups.c */

struct plx_store {
    struct plx_store_options options;
    char *path; /* of the database */
    char *wal_path;
    int event_fd;
    pthread_t thread;
    bool joined;
    struct plx_db reader; /* loop thread */

    pthread_mutex_t lock; /* guards from here … */
    pthread_cond_t wake;
    struct plx_store_jobs queue; /* submitted */
    size_t queue_rows;
    struct plx_store_jobs finished; /* waiting for plx_store_poll */
    bool stopping;
    struct plx_store_health health; /* queued_… count jobs until they are polled */
    struct plx_store_rollups_state rollups;
    /* … to here */

    struct plx_db db; /* writer thread, from here on */
    bool waiting;     /* the last group found no room */
    int32_t day;      /* of the table that `insert` is for; 0: none */
    sqlite3_stmt *insert;
    struct plx_store_sums *sums;
    struct plx_mono sums_due; /* when they want their next turn; INT64_MAX: not before
                                 the next group */
    struct plx_store_backup_run *backup;
    struct plx_store_job *backup_job; /* ends when the copy does */
};

/* store_rollups.h, store_uptime.h: a connection of its own, that only reads. */
struct plx_store_reader {
    struct plx_db db;
    int64_t read_ns; /* deadline of one read */
};

/* ---- jobs ---- */

/* A zeroed job of `size` bytes whose head comes first. */
void *plx_store_job_new(const struct plx_store_job_class *class, size_t size, void *arg);
void plx_store_job_destroy(struct plx_store_job *job);
/* Memory that the job owns, zeroed. */
void *plx_store_job_alloc(struct plx_store_job *job, size_t n, size_t size);
/* A copy of `text` that the job owns; NULL gives NULL. */
const char *plx_store_job_text(struct plx_store_job *job, const char *text);
/* Queues it, or destroys it and says why not. */
int plx_store_submit(struct plx_store *store, struct plx_store_job *job);

void plx_store_jobs_init(struct plx_store_jobs *jobs);
void plx_store_jobs_push(struct plx_store_jobs *jobs, struct plx_store_job *job);
struct plx_store_job *plx_store_jobs_pop(struct plx_store_jobs *jobs);

/* The `fn` of a job that ends with plx_store_done_fn. */
struct plx_store_plain_job {
    struct plx_store_job job;
    plx_store_done_fn *done;
};
void plx_store_plain_finish(struct plx_store_job *job);

/* ---- writer thread ---- */

void *plx_store_writer_main(void *store);
/* Hands a job back to the loop thread. */
void plx_store_finished(struct plx_store *store, struct plx_store_job *job);

/* ---- schema ---- */

/* Opens and checks the database, migrates it and marks it as in use. */
int plx_store_schema_open(struct plx_db *db, const char *path, struct plx_why *why);
/* Marks a clean stop. */
int plx_store_schema_close(struct plx_db *db);

/* ---- results ---- */

/* Forgets the prepared insert: after a rollback, and before its table is dropped. */
void plx_store_results_forget(struct plx_store *store);
/* "results_YYYYMMDD" of a moment. */
int32_t plx_store_day_of(struct plx_wall t);
/* The days that have a table, ascending; the caller frees. */
int plx_store_days(struct plx_db *db, int32_t **ret, size_t *ret_n);
/* Part of migration 2: the column excerpt in the day tables that there are. */
int plx_store_days_add_excerpt(struct plx_db *db);

/* ---- rollups; writer thread ---- */

/* Reads how far they came. */
int plx_store_rollups_open(struct plx_store *store, struct plx_why *why);
void plx_store_rollups_close(struct plx_store *store);
/* A bounded piece of work on them, outside of any transaction: reads results, or writes
 * rollups. `busy`: jobs wait. Sets sums_due. */
void plx_store_rollups_turn(struct plx_store *store, bool busy);
/* Forgets prepared statements, before tables are dropped. */
void plx_store_rollups_forget(struct plx_store *store);
/* "rollup_m_20261123": the table of a stretch that begins at `at`. */
#define PLX_STORE_ROLLUP_TABLE_MAX 24
void plx_store_rollup_table(enum plx_rollup_level level, struct plx_wall at,
                            char ret[PLX_STORE_ROLLUP_TABLE_MAX]);
/* The level's tables, by name; the caller frees. */
struct plx_store_rollup_name {
    char text[PLX_STORE_ROLLUP_TABLE_MAX];
};
int plx_store_rollup_tables(struct plx_db *db, enum plx_rollup_level level,
                            struct plx_store_rollup_name **ret, size_t *ret_n);

/* ---- backup ---- */

/* Copies some pages of a backup under way. */
void plx_store_backup_step(struct plx_store *store);
/* Ends a backup under way with PLX_EGONE. */
void plx_store_backup_abort(struct plx_store *store);

/* ---- config ---- */

/* A line in the log of changes. */
int plx_store_log_change(struct plx_store *store, struct plx_wall at, const char *who,
                         const char *what, const char *subject, const char *detail);
/* What that change changed: goes with the line that was logged last, in the same
 * transaction. Never a secret: NULL and NULL for what changed and may be one. */
struct plx_store_field;
int plx_store_log_field(struct plx_store *store, const struct plx_store_field *field);
/* A monitor that is new (`was` NULL), gone (`now` NULL) or another one. */
int plx_store_log_monitor(struct plx_store *store, struct plx_wall at, const char *who,
                          const struct plx_monitor *was, const struct plx_monitor *now);
/* Puts sections of the alerting configuration, in the transaction under way. */
struct plx_store_section;
int plx_store_put_sections(struct plx_store *store, const struct plx_store_section *list,
                           size_t n, const char *who, struct plx_wall now);
/* Labels as a JSON object. */
void plx_store_labels_json(const struct plx_label *labels, size_t n, struct plx_buf *out);
/* Such an object as an array of labels, by key; gives it. */
int plx_store_labels_read(struct plx_db *db, const char *json, struct plx_label **ret,
                          size_t *ret_n);
void plx_store_labels_free(struct plx_label *labels, size_t n);
/* Whether they may be stored: words, and not too many. */
bool plx_store_labels_valid(const struct plx_label *labels, size_t n);
/* Copies labels into memory that the job owns. */
const struct plx_label *plx_store_job_labels(struct plx_store_job *job,
                                             const struct plx_label *labels, size_t n);

#endif
