/* The log of changes: who changed what, for people. */
#include "coordinator/io/store_history.h"
#include "coordinator/io/store_impl.h"

#include "base/text.h"
#include "coordinator/io/store_config.h"
#include "schema/monitors.h"

/* Of a value, in bytes: the log says what changed, it is no copy of it. */
#define VALUE_MAX 1000

int plx_store_log_change(struct plx_store *store, struct plx_wall at, const char *who,
                         const char *what, const char *subject, const char *detail)
{
    return plx_db_run(&store->db,
                      "INSERT INTO changes (at_us, who, what, subject, detail)"
                      " VALUES (?1, ?2, ?3, ?4, ?5)",
                      PLX_BINDS(plx_bind_wall(at), plx_bind_text(who),
                                plx_bind_text(what), plx_bind_text(subject),
                                plx_bind_text(detail)));
}

/* No longer than may be, cut between characters; NULL stays NULL. */
static struct plx_bind bind_value(const char *text)
{
    if (!text)
        return plx_bind_blob(NULL, 0);
    struct plx_bind value = plx_bind_text(text);
    value.len = plx_text_cut(text, VALUE_MAX);
    return value;
}

/* An insert into a table without row ids leaves last_insert_rowid() alone: it is the
 * change's for all of its fields. */
int plx_store_log_field(struct plx_store *store, const struct plx_store_field *field)
{
    return plx_db_run(&store->db,
                      "INSERT OR REPLACE INTO change_fields (change_id, key, was, now)"
                      " VALUES (last_insert_rowid(), ?1, ?2, ?3)",
                      PLX_BINDS(plx_bind_text(field->key), bind_value(field->was),
                                bind_value(field->now)));
}

/* ---- what is not in the database ---- */

struct note_job {
    struct plx_store_plain_job plain;
    const char *who, *what, *subject;
    struct plx_store_field field;
    struct plx_wall now;
};

static int note_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct note_job *note = (const struct note_job *)job;
    int err =
        plx_store_log_change(store, note->now, note->who, note->what, note->subject, "");
    return err ? err : plx_store_log_field(store, &note->field);
}

static const struct plx_store_job_class NOTE = {
    .name = "note_change", .run = note_run, .finish = plx_store_plain_finish};

int plx_store_note_change(struct plx_store *store, const char *who, const char *what,
                          const char *subject, const struct plx_store_field *field,
                          struct plx_wall now)
{
    struct note_job *job = plx_store_job_new(&NOTE, sizeof *job, NULL);
    struct plx_store_job *head = &job->plain.job;
    job->who = plx_store_job_text(head, who);
    job->what = plx_store_job_text(head, what);
    job->subject = plx_store_job_text(head, subject);
    job->field = (struct plx_store_field){plx_store_job_text(head, field->key),
                                          plx_store_job_text(head, field->was),
                                          plx_store_job_text(head, field->now)};
    job->now = now;
    return plx_store_submit(store, head);
}

/* ---- monitors ---- */

struct diff {
    struct plx_store *store;
    int err;
};

/* A greeting may hold a password. */
static void log_difference(void *arg, const char *key, const char *was, const char *now)
{
    struct diff *diff = arg;
    bool secret = strcmp(key, "greeting") == 0;
    const struct plx_store_field field = {key, secret ? NULL : was, secret ? NULL : now};
    if (!diff->err)
        diff->err = plx_store_log_field(diff->store, &field);
}

static int log_target(struct plx_store *store, const struct plx_monitor *was,
                      const struct plx_monitor *now)
{
    char port[8];
    const struct plx_monitor *m = was ? was : now;
    snprintf(port, sizeof port, "%u", m->port);
    int err =
        plx_store_log_field(store, &(struct plx_store_field){"host", was ? m->host : NULL,
                                                             now ? m->host : NULL});
    return err ? err
               : plx_store_log_field(store,
                                     &(struct plx_store_field){"port", was ? port : NULL,
                                                               now ? port : NULL});
}

int plx_store_log_monitor(struct plx_store *store, struct plx_wall at, const char *who,
                          const struct plx_monitor *was, const struct plx_monitor *now)
{
    struct diff diff = {store, 0};
    int err = plx_store_log_change(store, at, who,
                                   !was   ? "monitor_added"
                                   : !now ? "monitor_removed"
                                          : "monitor_changed",
                                   was ? was->name : now->name, "");
    if (err)
        return err;
    if (!was || !now)
        return log_target(store, was, now);
    plx_monitor_diff(was, now, log_difference, &diff);
    return diff.err;
}

/* ---- reading ---- */

static struct plx_store_log_entry entry_of(sqlite3_stmt *s)
{
    return (struct plx_store_log_entry){
        .id = (uint64_t)sqlite3_column_int64(s, 0),
        .at = plx_db_column_wall(s, 1),
        .who = plx_db_column_text(s, 2),
        .what = plx_db_column_text(s, 3),
        .subject = plx_db_column_text(s, 4),
        .detail = plx_db_column_text(s, 5),
        .fields = plx_db_column_text(s, 6),
    };
}

int plx_store_read_log(struct plx_store_reader *reader,
                       const struct plx_store_log_range *range, plx_store_log_fn *fn,
                       void *arg)
{
    struct plx_db *db = &reader->db;
    sqlite3_stmt *s;
    plx_db_set_deadline(db, reader->read_ns);
    int err = plx_db_query(
        db,
        "SELECT id, at_us, who, what, subject, detail,"
        " (SELECT json_group_array(json_object('key', key, 'was', was, 'now', now))"
        "  FROM (SELECT key, was, now FROM change_fields WHERE change_id = changes.id"
        "        ORDER BY key))"
        " FROM changes WHERE id < ?1 AND at_us >= ?2 AND (?3 = '' OR what GLOB ?3)"
        " AND (?4 = '' OR subject = ?4) ORDER BY id DESC LIMIT ?5",
        PLX_BINDS(plx_bind_int(range->before_id ? (int64_t)range->before_id : INT64_MAX),
                  plx_bind_wall(range->since), plx_bind_text(range->what),
                  plx_bind_text(range->subject), plx_bind_uint(range->limit)),
        &s);
    while (!err && (err = plx_db_step(db, s)) > 0) {
        struct plx_store_log_entry entry = entry_of(s);
        err = 0;
        if (!fn(arg, &entry)) {
            plx_db_done(s);
            break;
        }
    }
    return err;
}
