#include "coordinator/io/store_impl.h"

#include "base/err.h"
#include "base/text.h"
#include "sys/clock.h"
#include "sys/file.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

void plx_store_options_default(struct plx_store_options *ret)
{
    *ret = (struct plx_store_options){
        .queue_jobs = 4096,
        .queue_bytes = (size_t)64 * 1024 * 1024,
        .group_rows = 5000,
        .group_ns = 20 * PLX_MS_NS,
        .retry_ns = PLX_SEC_NS,
        .backup_pages = 2000,
        .read_ns = 2 * PLX_SEC_NS,
        .rollup_ns = PLX_MIN_NS,
    };
}

/* The wake-ups are timed by the monotonic clock. */
static void init_lock(struct plx_store *store)
{
    pthread_condattr_t attr;
    pthread_mutex_init(&store->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&store->wake, &attr);
    pthread_condattr_destroy(&attr);
}

/* Signals belong to the loop thread. */
static int start_writer(struct plx_store *store, struct plx_why *why)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&store->thread, NULL, plx_store_writer_main, store);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc)
        return plx_why_set(why, PLX_EIO, "cannot start the store's thread");
    store->joined = false;
    return 0;
}

int plx_store_open(const struct plx_store_options *options, struct plx_store **ret,
                   struct plx_why *why)
{
    struct plx_store *store = calloc(1, sizeof *store);
    if (!store)
        return PLX_ENOMEM;
    store->options = *options;
    store->joined = true;
    plx_store_jobs_init(&store->queue);
    plx_store_jobs_init(&store->finished);
    init_lock(store);
    store->path = plx_file_path(options->dir, "parallax.db");
    store->wal_path = plx_file_path(options->dir, "parallax.db-wal");
    store->options.dir = NULL;
    store->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int err = 0;
    if (store->event_fd < 0)
        err = plx_why_set(why, PLX_EIO, "cannot make an eventfd");
    if (!err)
        err = plx_store_schema_open(&store->db, store->path, why);
    if (!err)
        err = plx_store_rollups_open(store, why);
    if (!err)
        err = plx_db_open(&store->reader, store->path, true, why);
    if (!err)
        err = start_writer(store, why);
    if (err) {
        plx_store_destroy(&store);
        return err;
    }
    *ret = store;
    return 0;
}

void plx_store_stop(struct plx_store *store)
{
    if (store->joined)
        return;
    pthread_mutex_lock(&store->lock);
    store->stopping = true;
    pthread_cond_signal(&store->wake);
    pthread_mutex_unlock(&store->lock);
    pthread_join(store->thread, NULL);
    store->joined = true;
}

static void destroy_jobs(struct plx_store_jobs *jobs)
{
    struct plx_store_job *job;
    while ((job = plx_store_jobs_pop(jobs)))
        plx_store_job_destroy(job);
}

void plx_store_destroy(struct plx_store **store_ptr)
{
    struct plx_store *store = *store_ptr;
    if (!store)
        return;
    plx_store_stop(store);
    destroy_jobs(&store->queue);
    destroy_jobs(&store->finished);
    plx_store_rollups_close(store);
    plx_db_close(&store->reader);
    plx_db_close(&store->db);
    if (store->event_fd >= 0)
        close(store->event_fd);
    pthread_cond_destroy(&store->wake);
    pthread_mutex_destroy(&store->lock);
    free(store->path);
    free(store->wal_path);
    free(store);
    *store_ptr = NULL;
}

int plx_store_fd(const struct plx_store *store)
{
    return store->event_fd;
}

/* Takes all that is finished; the queue's room is free again from now on. */
static void take_finished(struct plx_store *store, struct plx_store_jobs *ret)
{
    plx_store_jobs_init(ret);
    pthread_mutex_lock(&store->lock);
    struct plx_store_job *job;
    while ((job = plx_store_jobs_pop(&store->finished))) {
        store->health.queued_jobs--;
        store->health.queued_bytes -= job->bytes;
        plx_store_jobs_push(ret, job);
    }
    pthread_mutex_unlock(&store->lock);
}

size_t plx_store_poll(struct plx_store *store)
{
    uint64_t count;
    ssize_t got = read(store->event_fd, &count, sizeof count);
    (void)got; /* nothing to read: nothing finished, as the list will show */
    struct plx_store_jobs jobs;
    take_finished(store, &jobs);
    size_t n = 0;
    struct plx_store_job *job;
    while ((job = plx_store_jobs_pop(&jobs))) {
        job->class->finish(job);
        plx_store_job_destroy(job);
        n++;
    }
    return n;
}

static uint64_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

void plx_store_health(struct plx_store *store, struct plx_store_health *ret)
{
    pthread_mutex_lock(&store->lock);
    *ret = store->health;
    pthread_mutex_unlock(&store->lock);
    ret->file_bytes = file_bytes(store->path);
    ret->wal_bytes = file_bytes(store->wal_path);
}

const char *plx_store_state_token(enum plx_store_state state)
{
    switch (state) {
    case PLX_STORE_OK:
        return "ok";
    case PLX_STORE_WAITING:
        return "waiting";
    case PLX_STORE_FAILED:
        return "failed";
    }
    return "unknown";
}
