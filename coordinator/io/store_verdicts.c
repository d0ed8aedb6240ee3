/* Verdict transitions. */
#include "coordinator/io/store_history.h"
#include "coordinator/io/store_impl.h"

#include "base/err.h"

struct verdicts_job {
    struct plx_store_plain_job plain;
    struct plx_store_verdict *verdicts;
    size_t n;
};

static int add_one(struct plx_db *db, const struct plx_store_verdict *v)
{
    return plx_db_run(
        db,
        "INSERT INTO verdicts (monitor_id, at_us, was, now, scope, confidence, fresh,"
        " assigned, sentence, faults) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        PLX_BINDS(plx_bind_uint(v->monitor_id), plx_bind_wall(v->at),
                  plx_bind_text(v->was), plx_bind_text(v->now), plx_bind_text(v->scope),
                  plx_bind_real(v->confidence), plx_bind_int(v->fresh),
                  plx_bind_int(v->assigned), plx_bind_text(v->sentence),
                  plx_bind_text(v->faults)));
}

static int verdicts_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct verdicts_job *add = (const struct verdicts_job *)job;
    int err = 0;
    for (size_t i = 0; !err && i < add->n; i++)
        err = add_one(&store->db, &add->verdicts[i]);
    return err;
}

static void verdicts_fini(struct plx_store_job *job)
{
    struct verdicts_job *add = (struct verdicts_job *)job;
    for (size_t i = 0; i < add->n; i++) {
        struct plx_store_verdict *v = &add->verdicts[i];
        const char *texts[] = {v->was, v->now, v->scope, v->sentence, v->faults};
        for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
            free((char *)texts[t]);
    }
}

static const struct plx_store_job_class VERDICTS = {.name = "verdicts",
                                                    .patient = true,
                                                    .run = verdicts_run,
                                                    .finish = plx_store_plain_finish,
                                                    .fini = verdicts_fini};

/* A copy that the job's end frees; no longer than the limit. */
static const char *copy_text(struct plx_store_job *job, const char *text)
{
    char *copy = strndup(text ? text : "", PLX_STORE_VERDICT_TEXT_MAX);
    if (!copy)
        abort();
    job->bytes += strlen(copy) + 1;
    return copy;
}

int plx_store_add_verdicts(struct plx_store *store,
                           const struct plx_store_verdict *verdicts, size_t n,
                           plx_store_done_fn *done, void *arg)
{
    struct verdicts_job *add = plx_store_job_new(&VERDICTS, sizeof *add, arg);
    struct plx_store_job *job = &add->plain.job;
    add->plain.done = done;
    add->n = n;
    add->verdicts = plx_store_job_alloc(job, n, sizeof *verdicts);
    job->rows += n;
    for (size_t i = 0; i < n; i++) {
        struct plx_store_verdict *v = &add->verdicts[i];
        *v = verdicts[i];
        v->was = copy_text(job, verdicts[i].was);
        v->now = copy_text(job, verdicts[i].now);
        v->scope = copy_text(job, verdicts[i].scope);
        v->sentence = copy_text(job, verdicts[i].sentence);
        v->faults = copy_text(job, verdicts[i].faults);
    }
    return plx_store_submit(store, job);
}

#define VERDICT_COLUMNS                                                                  \
    "id, monitor_id, at_us, was, now, scope, confidence, fresh, assigned, sentence, "    \
    "faults"

static int hand_out_verdicts(struct plx_db *db, sqlite3_stmt *s, plx_store_verdict_fn *fn,
                             void *arg)
{
    int err;
    while ((err = plx_db_step(db, s)) > 0) {
        struct plx_store_verdict v = {
            .id = (uint64_t)sqlite3_column_int64(s, 0),
            .monitor_id = (uint64_t)sqlite3_column_int64(s, 1),
            .at = plx_db_column_wall(s, 2),
            .was = plx_db_column_text(s, 3),
            .now = plx_db_column_text(s, 4),
            .scope = plx_db_column_text(s, 5),
            .confidence = sqlite3_column_double(s, 6),
            .fresh = (uint32_t)sqlite3_column_int64(s, 7),
            .assigned = (uint32_t)sqlite3_column_int64(s, 8),
            .sentence = plx_db_column_text(s, 9),
            .faults = plx_db_column_text(s, 10),
        };
        if (!fn(arg, &v)) {
            plx_db_done(s);
            return 0;
        }
    }
    return err;
}

/* Ids below this one; 0 stands for all. */
static struct plx_bind below(uint64_t id)
{
    return plx_bind_int(id ? (int64_t)id : INT64_MAX);
}

int plx_store_read_verdicts(struct plx_store *store, uint64_t monitor_id,
                            uint64_t before_id, size_t limit, plx_store_verdict_fn *fn,
                            void *arg)
{
    static const char of_one[] = "SELECT " VERDICT_COLUMNS " FROM verdicts"
                                 " WHERE monitor_id = ?1 AND id < ?2"
                                 " ORDER BY id DESC LIMIT ?3";
    static const char of_all[] = "SELECT " VERDICT_COLUMNS " FROM verdicts"
                                 " WHERE ?1 = 0 AND id < ?2 ORDER BY id DESC LIMIT ?3";
    struct plx_db *db = &store->reader;
    plx_db_set_deadline(db, store->options.read_ns);
    sqlite3_stmt *s;
    int err = plx_db_query(
        db, monitor_id ? of_one : of_all,
        PLX_BINDS(plx_bind_uint(monitor_id), below(before_id), plx_bind_uint(limit)), &s);
    return err ? err : hand_out_verdicts(db, s, fn, arg);
}

int plx_store_read_last_verdicts(struct plx_store *store, plx_store_verdict_fn *fn,
                                 void *arg)
{
    struct plx_db *db = &store->reader;
    plx_db_set_deadline(db, 0);
    sqlite3_stmt *s;
    int err =
        plx_db_query(db,
                     "SELECT " VERDICT_COLUMNS " FROM verdicts WHERE id IN"
                     " (SELECT max(id) FROM verdicts GROUP BY monitor_id) ORDER BY id",
                     NULL, &s);
    return err ? err : hand_out_verdicts(db, s, fn, arg);
}
