/* The day tables of results: which there are, and dropping old ones. */
#include "coordinator/io/store_impl.h"

#include "base/err.h"

int plx_store_days(struct plx_db *db, int32_t **ret, size_t *ret_n)
{
    sqlite3_stmt *stmt;
    int err = plx_db_query(db,
                           "SELECT CAST(substr(name, 9) AS INTEGER) FROM sqlite_schema"
                           " WHERE type = 'table' AND name GLOB 'results_[0-9]*'"
                           " ORDER BY 1",
                           NULL, &stmt);
    if (err)
        return err;
    int32_t *days = NULL;
    size_t n = 0;
    while ((err = plx_db_step(db, stmt)) > 0) {
        int32_t *more = realloc(days, (n + 1) * sizeof *days);
        if (!more)
            abort();
        days = more;
        days[n++] = sqlite3_column_int(stmt, 0);
    }
    if (err) {
        free(days);
        return err;
    }
    *ret = days;
    *ret_n = n;
    return 0;
}

int plx_store_days_add_excerpt(struct plx_db *db)
{
    int32_t *days;
    size_t n;
    int err = plx_store_days(db, &days, &n);
    if (err)
        return err;
    for (size_t i = 0; !err && i < n; i++) {
        char sql[80];
        snprintf(sql, sizeof sql, "ALTER TABLE results_%08d ADD COLUMN excerpt TEXT",
                 days[i]);
        err = plx_db_exec(db, sql);
    }
    free(days);
    return err;
}

struct drop_job {
    struct plx_store_plain_job plain;
    struct plx_wall before;
};

static int drop_days(struct plx_store *store, int32_t before_day)
{
    int32_t *days;
    size_t n;
    int err = plx_store_days(&store->db, &days, &n);
    if (err)
        return err;
    for (size_t i = 0; !err && i < n && days[i] < before_day; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "DROP TABLE results_%08d", days[i]);
        plx_store_results_forget(store);
        plx_store_rollups_forget(store);
        err = plx_db_exec(&store->db, sql);
    }
    free(days);
    return err;
}

/* A monitor's last verdict stays: it still holds. So does an agent's latest stream: its
 * next batch has to join the mark, and every mark for as long as agents spool (7 days):
 * results behind a forgotten one would be given up as lost. */
static const char *const DELETES[] = {
    "DELETE FROM gaps WHERE received_us < ?1",
    "DELETE FROM changes WHERE at_us < ?1",
    "DELETE FROM change_fields WHERE ?1 > 0 AND change_id NOT IN (SELECT id FROM "
    "changes)",
    "DELETE FROM absences WHERE to_us < ?1",
    "DELETE FROM verdicts WHERE at_us < ?1"
    " AND id NOT IN (SELECT max(id) FROM verdicts GROUP BY monitor_id)",
    "DELETE FROM streams WHERE last_us < ?1 - 8 * 86400000000"
    " AND no NOT IN (SELECT max(no) FROM streams GROUP BY agent_id)",
    /* The newest incident stays whatever it is: numbers are given once. */
    "DELETE FROM incidents WHERE state IN ('closed', 'merged')"
    " AND max(closed_us, ending_us, opened_us) < ?1"
    " AND id < (SELECT max(id) FROM incidents)",
    "DELETE FROM incident_members WHERE ?1 > 0"
    " AND incident_id NOT IN (SELECT id FROM incidents)",
    "DELETE FROM incident_entries WHERE ?1 > 0"
    " AND incident_id NOT IN (SELECT id FROM incidents)",
    "DELETE FROM incident_places WHERE ?1 > 0"
    " AND incident_id NOT IN (SELECT id FROM incidents)",
    "DELETE FROM incident_traces WHERE ?1 > 0"
    " AND incident_id NOT IN (SELECT id FROM incidents)",
    "DELETE FROM outbox WHERE created_us < ?1 AND state <> 'waiting'"
    " AND incident_id NOT IN (SELECT id FROM incidents WHERE state <> 'closed')",
    "DELETE FROM silences WHERE until_us < ?1",
};

static int drop_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct drop_job *drop = (const struct drop_job *)job;
    struct plx_wall midnight = {drop->before.ns - drop->before.ns % PLX_DAY_NS};
    int err = drop_days(store, plx_store_day_of(midnight));
    for (size_t i = 0; !err && i < sizeof DELETES / sizeof *DELETES; i++)
        err = plx_db_run(&store->db, DELETES[i], PLX_BINDS(plx_bind_wall(midnight)));
    return err;
}

static const struct plx_store_job_class DROP = {
    .name = "drop", .run = drop_run, .finish = plx_store_plain_finish};

int plx_store_drop_before(struct plx_store *store, struct plx_wall before,
                          plx_store_done_fn *done, void *arg)
{
    struct drop_job *drop = plx_store_job_new(&DROP, sizeof *drop, arg);
    drop->plain.done = done;
    drop->before = before;
    return plx_store_submit(store, &drop->plain.job);
}
