#include "coordinator/io/store_uptime.h"

#include "coordinator/io/store_impl.h"

struct absence_job {
    struct plx_store_plain_job plain;
    struct plx_wall from, to;
};

static int absence_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct absence_job *absence = (const struct absence_job *)job;
    return plx_db_run(
        &store->db, "INSERT INTO absences (from_us, to_us) VALUES (?1, ?2)",
        PLX_BINDS(plx_bind_wall(absence->from), plx_bind_wall(absence->to)));
}

static const struct plx_store_job_class ABSENCE = {
    .name = "absence", .run = absence_run, .finish = plx_store_plain_finish};

int plx_store_note_absence(struct plx_store *store, struct plx_wall from,
                           struct plx_wall to)
{
    struct absence_job *job = plx_store_job_new(&ABSENCE, sizeof *job, NULL);
    job->from = from;
    job->to = to;
    return plx_store_submit(store, &job->plain.job);
}

int plx_store_read_words(struct plx_store_reader *reader, uint64_t monitor_id,
                         struct plx_wall from, plx_store_word_fn *fn, void *arg)
{
    struct plx_db *db = &reader->db;
    sqlite3_stmt *s;
    plx_db_set_deadline(db, reader->read_ns);
    int err = plx_db_query(db,
                           "SELECT at_us, now FROM verdicts WHERE monitor_id = ?1"
                           " ORDER BY id DESC",
                           PLX_BINDS(plx_bind_uint(monitor_id)), &s);
    if (err)
        return err;
    while ((err = plx_db_step(db, s)) > 0) {
        struct plx_wall at = plx_db_column_wall(s, 0);
        if (!fn(arg, at, plx_db_column_text(s, 1)) || at.ns <= from.ns) {
            plx_db_done(s);
            return 0;
        }
    }
    return err;
}

int plx_store_read_absences(struct plx_store_reader *reader, struct plx_wall from,
                            plx_store_absence_fn *fn, void *arg)
{
    struct plx_db *db = &reader->db;
    sqlite3_stmt *s;
    plx_db_set_deadline(db, reader->read_ns);
    int err = plx_db_query(db,
                           "SELECT from_us, to_us FROM absences WHERE to_us > ?1"
                           " ORDER BY from_us",
                           PLX_BINDS(plx_bind_wall(from)), &s);
    if (err)
        return err;
    while ((err = plx_db_step(db, s)) > 0)
        if (!fn(arg, plx_db_column_wall(s, 0), plx_db_column_wall(s, 1))) {
            plx_db_done(s);
            return 0;
        }
    return err;
}

int plx_store_read_regions(struct plx_store_reader *reader, plx_store_region_fn *fn,
                           void *arg)
{
    struct plx_db *db = &reader->db;
    sqlite3_stmt *s;
    plx_db_set_deadline(db, reader->read_ns);
    int err = plx_db_query(db, "SELECT id, region FROM agents ORDER BY id", NULL, &s);
    if (err)
        return err;
    while ((err = plx_db_step(db, s)) > 0)
        if (!fn(arg, (uint64_t)sqlite3_column_int64(s, 0), plx_db_column_text(s, 1))) {
            plx_db_done(s);
            return 0;
        }
    return err;
}
