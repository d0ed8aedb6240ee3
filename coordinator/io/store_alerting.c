/* Silences and the alerting configuration. */
#include "coordinator/io/store_impl.h"
#include "coordinator/io/store_incidents.h"

#include "base/err.h"

/* ---- silences ---- */

struct silence_job {
    struct plx_store_job job;
    plx_store_id_fn *added;
    plx_store_done_fn *ended;
    struct plx_store_silence silence;
    const char *who;
    struct plx_wall now;
};

static int add_run(struct plx_store *store, struct plx_store_job *job)
{
    struct silence_job *add = (struct silence_job *)job;
    const struct plx_store_silence *s = &add->silence;
    char subject[32];
    int err =
        plx_db_run(&store->db,
                   "INSERT INTO silences (match, author, comment, from_us, until_us,"
                   " created_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                   PLX_BINDS(plx_bind_text(s->match), plx_bind_text(s->author),
                             plx_bind_text(s->comment), plx_bind_wall(s->from),
                             plx_bind_wall(s->until), plx_bind_wall(s->created)));
    if (err)
        return err;
    add->silence.id = (uint64_t)sqlite3_last_insert_rowid(store->db.sqlite);
    snprintf(subject, sizeof subject, "%llu", (unsigned long long)add->silence.id);
    return plx_store_log_change(store, s->created, s->author, "silence_added", subject,
                                s->match);
}

static void add_finish(struct plx_store_job *job)
{
    struct silence_job *add = (struct silence_job *)job;
    add->added(job->arg, job->err, job->why.text, job->err ? 0 : add->silence.id);
}

static const struct plx_store_job_class ADD = {
    .name = "add_silence", .run = add_run, .finish = add_finish};

int plx_store_add_silence(struct plx_store *store,
                          const struct plx_store_silence *silence, plx_store_id_fn *done,
                          void *arg)
{
    struct silence_job *job = plx_store_job_new(&ADD, sizeof *job, arg);
    job->added = done;
    job->silence = *silence;
    job->silence.match = plx_store_job_text(&job->job, silence->match);
    job->silence.author = plx_store_job_text(&job->job, silence->author);
    job->silence.comment = plx_store_job_text(&job->job, silence->comment);
    return plx_store_submit(store, &job->job);
}

static int end_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct silence_job *end = (const struct silence_job *)job;
    char subject[32];
    int err =
        plx_db_run(&store->db,
                   "UPDATE silences SET until_us = ?2, removed_us = ?2"
                   " WHERE id = ?1 AND until_us > ?2",
                   PLX_BINDS(plx_bind_uint(end->silence.id), plx_bind_wall(end->now)));
    if (err)
        return err;
    if (sqlite3_changes(store->db.sqlite) == 0)
        return plx_why_set(&job->why, PLX_ENOTFOUND, "there is no silence %llu",
                           (unsigned long long)end->silence.id);
    snprintf(subject, sizeof subject, "%llu", (unsigned long long)end->silence.id);
    return plx_store_log_change(store, end->now, end->who, "silence_removed", subject,
                                "");
}

static void end_finish(struct plx_store_job *job)
{
    struct silence_job *end = (struct silence_job *)job;
    end->ended(job->arg, job->err, job->why.text);
}

static const struct plx_store_job_class END = {
    .name = "end_silence", .run = end_run, .finish = end_finish};

int plx_store_end_silence(struct plx_store *store, uint64_t id, const char *who,
                          struct plx_wall now, plx_store_done_fn *done, void *arg)
{
    struct silence_job *job = plx_store_job_new(&END, sizeof *job, arg);
    job->ended = done;
    job->silence.id = id;
    job->who = plx_store_job_text(&job->job, who);
    job->now = now;
    return plx_store_submit(store, &job->job);
}

int plx_store_read_silences(struct plx_store *store, struct plx_wall now,
                            plx_store_silence_fn *fn, void *arg)
{
    struct plx_db *db = &store->reader;
    plx_db_set_deadline(db, store->options.read_ns);
    sqlite3_stmt *s;
    int err = plx_db_query(db,
                           "SELECT id, match, author, comment, from_us, until_us,"
                           " created_us FROM silences WHERE until_us > ?1 ORDER BY id",
                           PLX_BINDS(plx_bind_wall(now)), &s);
    while (!err && (err = plx_db_step(db, s)) > 0) {
        const struct plx_store_silence silence = {
            .id = (uint64_t)sqlite3_column_int64(s, 0),
            .match = plx_db_column_text(s, 1),
            .author = plx_db_column_text(s, 2),
            .comment = plx_db_column_text(s, 3),
            .from = plx_db_column_wall(s, 4),
            .until = plx_db_column_wall(s, 5),
            .created = plx_db_column_wall(s, 6),
        };
        err = 0;
        if (!fn(arg, &silence)) {
            plx_db_done(s);
            break;
        }
    }
    return err;
}

/* ---- configuration ---- */

/* The same section once more is no change. */
static int put_section(struct plx_store *store, const struct plx_store_section *section,
                       const char *who, struct plx_wall now)
{
    int err = plx_db_run(
        &store->db,
        "INSERT INTO alerting (section, text) VALUES (?1, ?2) ON CONFLICT (section)"
        " DO UPDATE SET text = excluded.text WHERE text <> excluded.text",
        PLX_BINDS(plx_bind_text(section->section), plx_bind_text(section->text)));
    if (err || sqlite3_changes(store->db.sqlite) == 0)
        return err;
    err = plx_store_log_change(store, now, who, "alerting_applied", section->section, "");
    for (size_t i = 0; !err && i < section->n_fields; i++)
        err = plx_store_log_field(store, &section->fields[i]);
    return err;
}

int plx_store_put_sections(struct plx_store *store, const struct plx_store_section *list,
                           size_t n, const char *who, struct plx_wall now)
{
    int err = 0;
    for (size_t i = 0; !err && i < n; i++)
        err = put_section(store, &list[i], who, now);
    return err;
}

int plx_store_read_alerting(struct plx_store *store, plx_store_section_fn *fn, void *arg)
{
    struct plx_db *db = &store->reader;
    plx_db_set_deadline(db, 0);
    sqlite3_stmt *s;
    int err =
        plx_db_query(db, "SELECT section, text FROM alerting ORDER BY section", NULL, &s);
    while (!err && (err = plx_db_step(db, s)) > 0) {
        const struct plx_store_section section = {plx_db_column_text(s, 0),
                                                  plx_db_column_text(s, 1), NULL, 0};
        err = 0;
        if (!fn(arg, &section)) {
            plx_db_done(s);
            break;
        }
    }
    return err;
}
