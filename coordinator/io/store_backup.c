/* A copy of the database, some pages at a time between two groups. The writer's own
 * connection is the source, so that pages which change meanwhile are copied again by
 * SQLite itself and the copy never has to begin anew. */
#include "coordinator/io/store_impl.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct backup_job {
    struct plx_store_plain_job plain;
    const char *path;
    const char *part; /* where it grows */
};

struct plx_store_backup_run {
    struct plx_db to;
    sqlite3_backup *copy;
};

static struct backup_job *job_of(struct plx_store *store)
{
    return (struct backup_job *)store->backup_job;
}

/* Ends the copy under way. */
static void end(struct plx_store *store, int err, const char *said)
{
    struct backup_job *job = job_of(store);
    struct plx_store_backup_run *run = store->backup;
    if (run) {
        if (run->copy)
            sqlite3_backup_finish(run->copy);
        plx_db_close(&run->to);
        free(run);
    }
    if (!err && rename(job->part, job->path) != 0) {
        err = PLX_EIO;
        said = strerror(errno);
    }
    if (err) {
        plx_why_set(&job->plain.job.why, err, "no backup was made in %s: %s", job->path,
                    said);
        if (run)
            unlink(job->part);
    }
    job->plain.job.err = err;
    store->backup = NULL;
    store->backup_job = NULL;
    plx_store_finished(store, &job->plain.job);
}

static int make_part(struct plx_store *store, const char **ret_said)
{
    const struct backup_job *job = job_of(store);
    if (access(job->path, F_OK) == 0) {
        *ret_said = "there is such a file already";
        return PLX_EEXISTS;
    }
    int fd = open(job->part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        *ret_said = strerror(errno);
        return errno == EEXIST ? PLX_EEXISTS : errno == ENOSPC ? PLX_ENOSPACE : PLX_EIO;
    }
    close(fd);
    return 0;
}

static void begin(struct plx_store *store)
{
    const char *said = "";
    int err = make_part(store, &said);
    if (err) {
        end(store, err, said);
        return;
    }
    struct plx_why why = {""};
    struct plx_store_backup_run *run = calloc(1, sizeof *run);
    if (!run)
        abort();
    store->backup = run;
    err = plx_db_open(&run->to, job_of(store)->part, false, &why);
    if (err) {
        end(store, err, why.text);
        return;
    }
    run->copy = sqlite3_backup_init(run->to.sqlite, "main", store->db.sqlite, "main");
    if (!run->copy)
        end(store, PLX_EIO, sqlite3_errmsg(run->to.sqlite));
}

void plx_store_backup_step(struct plx_store *store)
{
    if (!store->backup) {
        begin(store);
        return;
    }
    struct plx_store_backup_run *run = store->backup;
    int rc = sqlite3_backup_step(run->copy, (int)store->options.backup_pages);
    if (rc == SQLITE_OK)
        return;
    int err = rc == SQLITE_DONE ? 0 : plx_db_error(&run->to, rc);
    end(store, err, rc == SQLITE_DONE ? "" : sqlite3_errstr(rc));
}

void plx_store_backup_abort(struct plx_store *store)
{
    end(store, PLX_EGONE, "the store stopped meanwhile");
}

/* Only says which backup is wanted; the copy begins when this group is committed. */
static int backup_run(struct plx_store *store, struct plx_store_job *job)
{
    if (store->backup_job && store->backup_job != job)
        return plx_why_set(&job->why, PLX_EBUSY, "a backup is under way already");
    store->backup_job = job;
    return 0;
}

static const struct plx_store_job_class BACKUP = {
    .name = "backup", .run = backup_run, .finish = plx_store_plain_finish};

int plx_store_backup(struct plx_store *store, const char *path, plx_store_done_fn *done,
                     void *arg)
{
    struct backup_job *job = plx_store_job_new(&BACKUP, sizeof *job, arg);
    struct plx_store_job *head = &job->plain.job;
    size_t size = strlen(path) + sizeof ".part";
    char *part = plx_store_job_alloc(head, size, 1);
    snprintf(part, size, "%s.part", path);
    job->plain.done = done;
    job->path = plx_store_job_text(head, path);
    job->part = part;
    return plx_store_submit(store, head);
}
