/* The writer thread: groups jobs into durable transactions, and waits out a full disk. */
#include "coordinator/io/store_impl.h"

#include "base/err.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <time.h>

/* A group is at most so many jobs, whatever their rows: it bounds how long one waits. */
#define GROUP_JOBS_MAX 1000

/* Waits for a wake-up, at most until `deadline`. With the lock held. False: it passed. */
static bool wait_until(struct plx_store *store, struct plx_mono deadline)
{
    struct timespec ts = {.tv_sec = deadline.ns / PLX_SEC_NS,
                          .tv_nsec = deadline.ns % PLX_SEC_NS};
    return pthread_cond_timedwait(&store->wake, &store->lock, &ts) == 0;
}

/* With the lock held: waits until something is to be done. Without a job that is to try
 * the disk, or the rollups' turn. */
static void wait_for_work(struct plx_store *store)
{
    struct plx_mono until = store->sums_due;
    if (store->health.state == PLX_STORE_WAITING)
        until = plx_mono_add(plx_clock_mono(), store->options.retry_ns);
    while (!store->queue.head && !store->stopping && !store->backup_job) {
        if (until.ns == INT64_MAX)
            pthread_cond_wait(&store->wake, &store->lock);
        else if (!wait_until(store, until))
            return;
    }
}

/* With the lock held: gives the group a moment to fill. */
static void wait_for_company(struct plx_store *store)
{
    if (!store->queue.head)
        return;
    struct plx_mono full =
        plx_mono_add(store->queue.head->submitted, store->options.group_ns);
    while (!store->stopping && !store->backup_job &&
           store->queue_rows < store->options.group_rows)
        if (plx_clock_mono().ns >= full.ns || !wait_until(store, full))
            return;
}

/* Takes the next group, which may be empty. False: the store has stopped. */
static bool take_group(struct plx_store *store, struct plx_store_jobs *group)
{
    plx_store_jobs_init(group);
    pthread_mutex_lock(&store->lock);
    wait_for_work(store);
    wait_for_company(store);
    size_t rows = 0;
    while (store->queue.head && group->n < GROUP_JOBS_MAX &&
           (!rows || rows + store->queue.head->rows <= store->options.group_rows)) {
        struct plx_store_job *job = plx_store_jobs_pop(&store->queue);
        rows += job->rows;
        plx_store_jobs_push(group, job);
    }
    store->queue_rows -= rows;
    bool more = group->n || !store->stopping;
    pthread_mutex_unlock(&store->lock);
    return more;
}

static void rollback(struct plx_store *store)
{
    plx_store_results_forget(store);
    if (!sqlite3_get_autocommit(store->db.sqlite))
        plx_db_exec(&store->db, "ROLLBACK");
}

/* Carries out one job; its own error is undone and kept in the job. Returns the trouble
 * of the file, which undoes the group. */
static int run_job(struct plx_store *store, struct plx_store_job *job)
{
    struct plx_db *db = &store->db;
    job->err = plx_db_run(db, "SAVEPOINT job", NULL);
    if (job->err)
        return job->err;
    job->why.text[0] = '\0';
    job->err = job->class->run(store, job);
    if (db->trouble)
        return db->trouble;
    int err = 0;
    if (job->err) {
        plx_store_results_forget(store);
        err = plx_db_run(db, "ROLLBACK TO job", NULL);
    }
    return err ? err : plx_db_run(db, "RELEASE job", NULL);
}

/* The whole group in one transaction: 0, or nothing of it happened. After a full disk it
 * writes something in any case: a group of repeats would need no room. */
static int try_group(struct plx_store *store, struct plx_store_jobs *group)
{
    struct plx_db *db = &store->db;
    db->trouble = 0;
    int err = plx_db_run(db, "BEGIN IMMEDIATE", NULL);
    if (!err && (store->waiting || !group->head))
        err = plx_db_run(db, "UPDATE state SET value = value + 1 WHERE key = 'probe'",
                         NULL);
    for (struct plx_store_job *job = group->head; !err && job; job = job->next)
        err = run_job(store, job);
    if (!err)
        err = plx_db_run(db, "COMMIT", NULL);
    if (!err)
        return 0;
    if (!db->trouble) {
        db->trouble = err;
        snprintf(db->trouble_why, sizeof db->trouble_why, "%s", plx_err_text(err));
    }
    int trouble = db->trouble;
    rollback(store);
    return trouble;
}

static void set_state(struct plx_store *store, enum plx_store_state state)
{
    struct plx_store_health *h = &store->health;
    store->waiting = state == PLX_STORE_WAITING;
    pthread_mutex_lock(&store->lock);
    bool changed = h->state != state;
    h->state = state;
    snprintf(h->why, sizeof h->why, "%s",
             state == PLX_STORE_OK ? "" : store->db.trouble_why);
    pthread_mutex_unlock(&store->lock);
    if (changed)
        plx_log(state == PLX_STORE_OK ? PLX_LOG_INFO : PLX_LOG_ERROR, "store_state",
                "state", plx_store_state_token(state), "file", store->path, "why",
                state == PLX_STORE_OK ? "" : store->db.trouble_why, NULL);
}

static void note_commit(struct plx_store *store, struct plx_mono began)
{
    int64_t took_ns = plx_mono_diff(plx_clock_mono(), began);
    pthread_mutex_lock(&store->lock);
    store->health.n_commits++;
    store->health.last_commit_ns = took_ns;
    pthread_mutex_unlock(&store->lock);
}

static void finish_all(struct plx_store *store, struct plx_store_jobs *jobs)
{
    struct plx_store_job *job;
    while ((job = plx_store_jobs_pop(jobs)))
        if (job != store->backup_job)
            plx_store_finished(store, job);
}

static void fail(struct plx_store *store, struct plx_store_job *job, int err)
{
    job->err = err;
    plx_why_set(&job->why, err, "nothing was changed: %s: %s", store->path,
                store->db.trouble_why);
    if (job == store->backup_job)
        store->backup_job = NULL; /* it had not begun */
    plx_store_finished(store, job);
}

/* Fails the jobs that do not wait; with `all`, every one. */
static void fail_jobs(struct plx_store *store, struct plx_store_jobs *jobs, int err,
                      bool all)
{
    struct plx_store_jobs rest;
    plx_store_jobs_init(&rest);
    struct plx_store_job *job;
    while ((job = plx_store_jobs_pop(jobs))) {
        if (all || !job->class->patient)
            fail(store, job, err);
        else
            plx_store_jobs_push(&rest, job);
    }
    plx_store_jobs_init(jobs);
    while ((job = plx_store_jobs_pop(&rest)))
        plx_store_jobs_push(jobs, job);
}

/* Takes the whole queue out, to be failed or put back in front of what came since. */
static void fail_queue(struct plx_store *store, int err, bool all)
{
    struct plx_store_jobs taken;
    struct plx_store_job *job;
    plx_store_jobs_init(&taken);
    pthread_mutex_lock(&store->lock);
    while ((job = plx_store_jobs_pop(&store->queue)))
        plx_store_jobs_push(&taken, job);
    store->queue_rows = 0;
    pthread_mutex_unlock(&store->lock);

    fail_jobs(store, &taken, err, all);

    pthread_mutex_lock(&store->lock);
    while ((job = plx_store_jobs_pop(&store->queue)))
        plx_store_jobs_push(&taken, job);
    while ((job = plx_store_jobs_pop(&taken))) {
        store->queue_rows += job->rows;
        plx_store_jobs_push(&store->queue, job);
    }
    pthread_mutex_unlock(&store->lock);
}

/* Lets the disk be for a while, telling impatient newcomers at once. False: stopping. */
static bool wait_for_retry(struct plx_store *store, int err)
{
    struct plx_mono retry = plx_mono_add(plx_clock_mono(), store->options.retry_ns);
    bool stopping, early = true;
    do {
        fail_queue(store, err, false);
        pthread_mutex_lock(&store->lock);
        stopping = store->stopping;
        if (!stopping)
            early = wait_until(store, retry);
        pthread_mutex_unlock(&store->lock);
    } while (early && !stopping);
    /* What the WAL holds may fit into the file: that makes room in the WAL. */
    if (!stopping)
        plx_db_exec(&store->db, "PRAGMA wal_checkpoint(PASSIVE)");
    return !stopping;
}

static void fail_store(struct plx_store *store, struct plx_store_jobs *group, int err)
{
    set_state(store, PLX_STORE_FAILED);
    fail_jobs(store, group, err, true);
    if (store->backup_job)
        plx_store_backup_abort(store);
    fail_queue(store, err, true);
}

/* Makes the group durable, however long the disk stays full, or fails it. */
static void commit_group(struct plx_store *store, struct plx_store_jobs *group)
{
    for (;;) {
        struct plx_mono began = plx_clock_mono();
        int err = try_group(store, group);
        if (!err) {
            set_state(store, PLX_STORE_OK);
            note_commit(store, began);
            finish_all(store, group);
            return;
        }
        if (err != PLX_ENOSPACE && err != PLX_EBUSY) {
            fail_store(store, group, err);
            return;
        }
        set_state(store, PLX_STORE_WAITING);
        fail_jobs(store, group, err, false);
        if (!group->head)
            return;
        if (!wait_for_retry(store, err)) {
            fail_jobs(store, group, err, true);
            return;
        }
    }
}

/* The rollups' turn, if it is: between two groups, and never while the disk takes
 * nothing. */
static void sum_up(struct plx_store *store)
{
    pthread_mutex_lock(&store->lock);
    bool busy = store->queue.head != NULL;
    bool well = store->health.state == PLX_STORE_OK && !store->stopping;
    pthread_mutex_unlock(&store->lock);
    if (well)
        plx_store_rollups_turn(store, busy);
}

static bool has_failed(struct plx_store *store)
{
    pthread_mutex_lock(&store->lock);
    bool failed = store->health.state == PLX_STORE_FAILED;
    pthread_mutex_unlock(&store->lock);
    return failed;
}

void *plx_store_writer_main(void *arg)
{
    struct plx_store *store = arg;
    struct plx_store_jobs group;
    while (take_group(store, &group)) {
        if (has_failed(store)) {
            store->sums_due.ns = INT64_MAX;
            fail_jobs(store, &group, PLX_EIO, true);
            continue;
        }
        if (group.head || (store->waiting && !store->backup_job))
            commit_group(store, &group);
        sum_up(store);
        if (store->backup_job)
            plx_store_backup_step(store);
    }
    if (store->backup_job)
        plx_store_backup_abort(store);
    plx_store_results_forget(store);
    plx_store_rollups_forget(store);
    if (!has_failed(store) && plx_store_schema_close(&store->db))
        plx_log(PLX_LOG_WARN, "store_not_clean", "file", store->path, "why",
                store->db.trouble_why, NULL);
    plx_db_close(&store->db);
    return NULL;
}
