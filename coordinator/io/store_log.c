/* The log of changes: who changed what, for people. */
#include "coordinator/io/store_history.h"
#include "coordinator/io/store_impl.h"

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

int plx_store_read_log(struct plx_store *store, uint64_t before_id, size_t limit,
                       plx_store_log_fn *fn, void *arg)
{
    struct plx_db *db = &store->reader;
    plx_db_set_deadline(db, store->options.read_ns);
    sqlite3_stmt *s;
    int err =
        plx_db_query(db,
                     "SELECT id, at_us, who, what, subject, detail FROM changes"
                     " WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
                     PLX_BINDS(plx_bind_int(before_id ? (int64_t)before_id : INT64_MAX),
                               plx_bind_uint(limit)),
                     &s);
    while (!err && (err = plx_db_step(db, s)) > 0) {
        struct plx_store_log_entry entry = {
            .id = (uint64_t)sqlite3_column_int64(s, 0),
            .at = plx_db_column_wall(s, 1),
            .who = plx_db_column_text(s, 2),
            .what = plx_db_column_text(s, 3),
            .subject = plx_db_column_text(s, 4),
            .detail = plx_db_column_text(s, 5),
        };
        err = 0;
        if (!fn(arg, &entry)) {
            plx_db_done(s);
            break;
        }
    }
    return err;
}
