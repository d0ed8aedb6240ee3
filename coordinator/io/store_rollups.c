/* Rollups on their way in: the writer thread follows the day tables of results, sums up
 * in memory, and writes what has come together in pieces.
 *
 * The tables' keys begin with a part of time, some stretches long (plx_rollup_part), then
 * comes the monitor. With the stretch itself first, a month of one monitor's hours is 720
 * pages to read, at 0.1 ms each from a disk; with the monitor first, each minute writes a
 * page for every monitor there is. */
#include "coordinator/io/store_impl.h"

#include "base/err.h"
#include "coordinator/core/rollbook.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <inttypes.h>

#define READ_ROWS   5000              /* in one turn: some ms */
#define WRITE_ROWS  2000              /* cells in one transaction: some 20 ms */
#define CELLS_MAX   300000            /* in memory: written then, whatever the time */
#define BUSY_NS     (100 * PLX_MS_NS) /* between turns while jobs wait */
#define RETRY_NS    (5 * PLX_SEC_NS)  /* after an error */
#define WRITE_NS    (5 * PLX_SEC_NS)  /* between writings, and … */
#define CELL_NS     PLX_MS_NS         /* … for each cell */
/* Results of an earlier version that are read at the first start. */
#define BACKLOG_MAX 50000000

/* How far results have been read: all of the days before, and of `day` up to `row`. */
struct mark {
    int32_t day; /* YYYYMMDD; 0: nothing */
    int64_t row;
};

/* Reading and writing one table of a level. */
struct sheet {
    char table[PLX_STORE_ROLLUP_TABLE_MAX];
    sqlite3_stmt *get, *put;
};

struct plx_store_sums {
    struct plx_rollbook *book;
    struct mark from; /* up to here all is written */
    struct mark read; /* up to here it is in the book */
    struct mark to;   /* what is being written ends here; day 0: nothing is */
    size_t done;      /* cells of it that are written */
    bool writing;     /* the book is whole up to `to` and sorted */
    int32_t rows_day; /* that these are for */
    sqlite3_stmt *rows, *last;
    struct sheet sheets[PLX_ROLLUP_LEVELS_];
    struct plx_wall floors[PLX_ROLLUP_LEVELS_]; /* dropped before */
    struct plx_mono written, turned;
};

/* ---- tables ---- */

void plx_store_rollup_table(enum plx_rollup_level level, struct plx_wall at,
                            char ret[PLX_STORE_ROLLUP_TABLE_MAX])
{
    int32_t day = plx_store_day_of(at);
    if (level != PLX_ROLLUP_MINUTE)
        day -= day % 100 - 1;
    snprintf(ret, PLX_STORE_ROLLUP_TABLE_MAX, "rollup_%c_%08d", "mhd"[level], day);
}

int plx_store_rollup_tables(struct plx_db *db, enum plx_rollup_level level,
                            struct plx_store_rollup_name **ret, size_t *ret_n)
{
    char pattern[] = "rollup_?_[0-9]*";
    pattern[7] = "mhd"[level];
    sqlite3_stmt *stmt;
    int err = plx_db_query(db,
                           "SELECT name FROM sqlite_schema WHERE type = 'table'"
                           " AND name GLOB ?1 ORDER BY name",
                           PLX_BINDS(plx_bind_text(pattern)), &stmt);
    struct plx_store_rollup_name *names = NULL;
    size_t n = 0;
    if (err)
        return err;
    while ((err = plx_db_step(db, stmt)) > 0) {
        names = realloc(names, (n + 1) * sizeof *names);
        if (!names)
            abort();
        snprintf(names[n++].text, sizeof names->text, "%s", plx_db_column_text(stmt, 0));
    }
    if (err) {
        free(names);
        return err;
    }
    *ret = names;
    *ret_n = n;
    return 0;
}

static int prepare(struct plx_db *db, sqlite3_stmt **ret, const char *fmt,
                   const char *table)
{
    char sql[256];
    sqlite3_str *text = sqlite3_str_new(db->sqlite);
    sqlite3_str_appendf(text, fmt, table);
    snprintf(sql, sizeof sql, "%s", sqlite3_str_value(text));
    sqlite3_free(sqlite3_str_finish(text));
    int rc =
        sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);
    return rc == SQLITE_OK ? 0 : plx_db_error(db, rc);
}

static void forget_sheet(struct sheet *sheet)
{
    sqlite3_finalize(sheet->get);
    sqlite3_finalize(sheet->put);
    *sheet = (struct sheet){.table = ""};
}

void plx_store_rollups_forget(struct plx_store *store)
{
    struct plx_store_sums *sums = store->sums;
    if (!sums)
        return;
    sqlite3_finalize(sums->rows);
    sqlite3_finalize(sums->last);
    sums->rows = sums->last = NULL;
    sums->rows_day = 0;
    for (size_t i = 0; i < PLX_ROLLUP_LEVELS_; i++)
        forget_sheet(&sums->sheets[i]);
}

/* Has the table of a stretch and its statements ready. */
static int use_sheet(struct plx_store *store, enum plx_rollup_level level,
                     struct plx_wall at, struct sheet **ret)
{
    struct sheet *sheet = &store->sums->sheets[level];
    char table[PLX_STORE_ROLLUP_TABLE_MAX], sql[256];
    plx_store_rollup_table(level, at, table);
    *ret = sheet;
    if (strcmp(sheet->table, table) == 0)
        return 0;
    forget_sheet(sheet);
    snprintf(sql, sizeof sql,
             "CREATE TABLE IF NOT EXISTS %s (part INTEGER NOT NULL, monitor INTEGER"
             " NOT NULL, bucket INTEGER NOT NULL, agent INTEGER NOT NULL, data BLOB"
             " NOT NULL, PRIMARY KEY (part, monitor, bucket, agent)) STRICT,"
             " WITHOUT ROWID",
             table);
    int err = plx_db_exec(&store->db, sql);
    if (err == 0)
        err =
            prepare(&store->db, &sheet->get,
                    "SELECT data FROM %s WHERE part = ?5 AND monitor = ?2 AND bucket = ?1"
                    " AND agent = ?3",
                    table);
    if (err == 0)
        err = prepare(&store->db, &sheet->put,
                      "INSERT OR REPLACE INTO %s (bucket, monitor, agent, data, part)"
                      " VALUES (?1, ?2, ?3, ?4, ?5)",
                      table);
    if (err < 0)
        forget_sheet(sheet);
    else
        snprintf(sheet->table, sizeof sheet->table, "%s", table);
    return err;
}

/* ---- writing ---- */

static void bind_key(sqlite3_stmt *stmt, enum plx_rollup_level level, int64_t bucket,
                     const struct plx_rollbook_cell *cell)
{
    sqlite3_bind_int64(stmt, 5, bucket / plx_rollup_part(level));
    sqlite3_bind_int64(stmt, 1, bucket);
    sqlite3_bind_int64(stmt, 2, (int64_t)cell->monitor_id);
    sqlite3_bind_int64(stmt, 3, (int64_t)cell->agent_id);
}

/* Adds what is there already. A row that cannot be read is written anew: it must not hold
 * up all others for good. */
static int add_stored(struct plx_store *store, sqlite3_stmt *get,
                      struct plx_rollup *rollup)
{
    int rc = sqlite3_step(get), err = 0;
    if (rc == SQLITE_ROW) {
        struct plx_rollup stored = {0};
        if (plx_rollup_decode(&stored, sqlite3_column_blob(get, 0),
                              (size_t)sqlite3_column_bytes(get, 0)) == 0)
            plx_rollup_merge(rollup, &stored);
        else
            plx_log(PLX_LOG_WARN, "rollup_unreadable", NULL);
        plx_rollup_fini(&stored);
    } else if (rc != SQLITE_DONE) {
        err = plx_db_error(&store->db, rc);
    }
    sqlite3_reset(get);
    return err;
}

static int put(struct plx_store *store, sqlite3_stmt *stmt, const struct plx_rollup *r)
{
    struct plx_buf bytes;
    plx_buf_init(&bytes, 16 * 1024);
    plx_rollup_encode(r, &bytes);
    sqlite3_bind_blob(stmt, 4, bytes.data, (int)bytes.len, SQLITE_STATIC);
    int rc = sqlite3_step(stmt);
    int err = rc == SQLITE_DONE ? 0 : plx_db_error(&store->db, rc);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    plx_buf_fini(&bytes);
    return err;
}

/* Adds the cells, which are of one stretch, monitor and agent, to the level's row. */
static int write_level(struct plx_store *store, enum plx_rollup_level level,
                       const struct plx_rollbook_cell *cells, size_t n)
{
    struct plx_wall at = plx_rollup_bucket(level, cells->minute);
    int64_t span_ns = plx_rollup_span_ns(level), bucket = at.ns / span_ns;
    struct plx_rollup sum = {0};
    struct sheet *sheet;
    if (at.ns + span_ns <= store->sums->floors[level].ns) {
        pthread_mutex_lock(&store->lock);
        store->rollups.n_late++;
        pthread_mutex_unlock(&store->lock);
        return 0;
    }
    int err = use_sheet(store, level, at, &sheet);
    if (err < 0)
        return err;
    for (size_t i = 0; i < n; i++)
        plx_rollup_merge(&sum, &cells[i].rollup);
    bind_key(sheet->get, level, bucket, cells);
    err = add_stored(store, sheet->get, &sum);
    if (err == 0) {
        bind_key(sheet->put, level, bucket, cells);
        err = put(store, sheet->put, &sum);
    }
    plx_rollup_fini(&sum);
    return err;
}

/* How many of the next cells are of the first one's hour, monitor and agent. */
static size_t same_hour(const struct plx_rollbook_cell *cells, size_t n)
{
    struct plx_wall hour = plx_rollup_bucket(PLX_ROLLUP_HOUR, cells->minute);
    size_t i = 1;
    while (i < n && cells[i].monitor_id == cells->monitor_id &&
           cells[i].agent_id == cells->agent_id &&
           plx_rollup_bucket(PLX_ROLLUP_HOUR, cells[i].minute).ns == hour.ns)
        i++;
    return i;
}

static int write_cells(struct plx_store *store, const struct plx_rollbook_cell *cells,
                       size_t n)
{
    int err = 0;
    for (size_t i = 0, k; err == 0 && i < n; i += k) {
        k = same_hour(cells + i, n - i);
        for (size_t m = 0; err == 0 && m < k; m++)
            err = write_level(store, PLX_ROLLUP_MINUTE, &cells[i + m], 1);
        if (err == 0)
            err = write_level(store, PLX_ROLLUP_HOUR, &cells[i], k);
        if (err == 0)
            err = write_level(store, PLX_ROLLUP_DAY, &cells[i], k);
    }
    return err;
}

static int note_marks(struct plx_store *store, struct mark from, struct mark to,
                      size_t done)
{
    return plx_db_run(&store->db,
                      "UPDATE state SET value = CASE key"
                      " WHEN 'rollup_from_day' THEN ?1 WHEN 'rollup_from_row' THEN ?2"
                      " WHEN 'rollup_to_day' THEN ?3 WHEN 'rollup_to_row' THEN ?4"
                      " ELSE ?5 END WHERE key IN ('rollup_from_day', 'rollup_from_row',"
                      " 'rollup_to_day', 'rollup_to_row', 'rollup_done')",
                      PLX_BINDS(plx_bind_int(from.day), plx_bind_int(from.row),
                                plx_bind_int(to.day), plx_bind_int(to.row),
                                plx_bind_uint(done)));
}

static int write_piece(struct plx_store *store, const struct plx_rollbook_cell *cells,
                       size_t n, size_t n_all)
{
    struct plx_store_sums *sums = store->sums;
    size_t done = sums->done + n;
    bool last = done == n_all;
    int err = plx_db_run(&store->db, "BEGIN IMMEDIATE", NULL);
    if (err == 0)
        err = write_cells(store, cells, n);
    if (err == 0)
        err = last ? note_marks(store, sums->to, (struct mark){0}, 0)
                   : note_marks(store, sums->from, sums->to, done);
    if (err == 0)
        err = plx_db_run(&store->db, "COMMIT", NULL);
    if (err == 0)
        return 0;
    plx_store_rollups_forget(store);
    plx_store_results_forget(store);
    if (!sqlite3_get_autocommit(store->db.sqlite))
        plx_db_exec(&store->db, "ROLLBACK");
    return err;
}

static void end_writing(struct plx_store_sums *sums)
{
    sums->from = sums->to;
    sums->to = (struct mark){0};
    sums->done = 0;
    sums->writing = false;
    sums->written = plx_clock_mono();
    plx_rollbook_clear(sums->book);
}

static int write_some(struct plx_store *store)
{
    struct plx_store_sums *sums = store->sums;
    size_t n_all;
    const struct plx_rollbook_cell *cells = plx_rollbook_sorted(sums->book, &n_all);
    /* Fewer than were written: a day with results was dropped since. */
    if (sums->done > n_all)
        sums->done = n_all;
    size_t n = n_all - sums->done < WRITE_ROWS ? n_all - sums->done : WRITE_ROWS;
    int err = write_piece(store, cells + sums->done, n, n_all);
    if (err < 0)
        return err;
    sums->done += n;
    pthread_mutex_lock(&store->lock);
    store->rollups.n_cells += n;
    pthread_mutex_unlock(&store->lock);
    if (sums->done == n_all)
        end_writing(sums);
    return 0;
}

/* ---- reading ---- */

/* The day after `day` that has a table; 0: there is none. */
static int next_day(struct plx_store *store, int32_t day, int32_t *ret)
{
    int32_t *days;
    size_t n, i = 0;
    int err = plx_store_days(&store->db, &days, &n);
    if (err < 0)
        return err;
    while (i < n && days[i] <= day)
        i++;
    *ret = i < n ? days[i] : 0;
    free(days);
    return 0;
}

static int use_rows(struct plx_store *store, int32_t day)
{
    struct plx_store_sums *sums = store->sums;
    char table[32];
    if (sums->rows_day == day)
        return 0;
    sqlite3_finalize(sums->rows);
    sqlite3_finalize(sums->last);
    sums->rows = sums->last = NULL;
    sums->rows_day = 0;
    snprintf(table, sizeof table, "results_%08d", day);
    int err = prepare(&store->db, &sums->rows,
                      "SELECT rowid, agent, monitor, scheduled_us, received_us, outcome,"
                      " kind, rtt_us, syn_retrans FROM %s WHERE rowid > ?1"
                      " AND rowid <= ?2 ORDER BY rowid LIMIT ?3",
                      table);
    if (err == 0)
        err = prepare(&store->db, &sums->last, "SELECT coalesce(max(rowid), 0) FROM %s",
                      table);
    sums->rows_day = err ? 0 : day;
    return err;
}

static int last_row(struct plx_store *store, int64_t *ret)
{
    sqlite3_stmt *stmt = store->sums->last;
    int rc = sqlite3_step(stmt);
    *ret = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_reset(stmt);
    return rc == SQLITE_ROW ? 0 : plx_db_error(&store->db, rc);
}

/* False: it came too late to be summed up. */
static bool take_row(struct plx_store_sums *sums, sqlite3_stmt *s)
{
    struct plx_wall received = plx_db_column_wall(s, 4);
    struct plx_result result = {
        .monitor_id = (uint64_t)sqlite3_column_int64(s, 2),
        .scheduled = plx_db_column_wall(s, 3),
        .outcome = (enum plx_outcome)sqlite3_column_int(s, 5),
        .kind = (enum plx_probe_kind)sqlite3_column_int(s, 6),
        .rtt_us = (uint32_t)sqlite3_column_int64(s, 7),
        .syn_retrans = (uint32_t)sqlite3_column_int64(s, 8),
    };
    if (!plx_rollup_takes(result.kind))
        return true;
    if (result.scheduled.ns > received.ns)
        result.scheduled = received;
    if (plx_wall_diff(received, result.scheduled) > PLX_STORE_ROLLUP_LATE_NS)
        return false;
    plx_rollbook_add(sums->book, (uint64_t)sqlite3_column_int64(s, 1), &result);
    return true;
}

/* Takes rows of the day up to `to_row` in; 0 if all of them, 1 if there are more. */
static int read_rows(struct plx_store *store, int64_t to_row)
{
    struct plx_store_sums *sums = store->sums;
    sqlite3_stmt *s = sums->rows;
    uint64_t n = 0, n_late = 0;
    int rc;
    sqlite3_bind_int64(s, 1, sums->read.row);
    sqlite3_bind_int64(s, 2, to_row);
    sqlite3_bind_int64(s, 3, READ_ROWS);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        n++;
        n_late += !take_row(sums, s);
        sums->read.row = sqlite3_column_int64(s, 0);
    }
    sqlite3_reset(s);
    if (n < READ_ROWS && rc == SQLITE_DONE)
        sums->read.row = to_row;
    pthread_mutex_lock(&store->lock);
    store->rollups.n_results += n;
    store->rollups.n_late += n_late;
    store->rollups.behind = (uint64_t)(to_row - sums->read.row);
    pthread_mutex_unlock(&store->lock);
    return rc == SQLITE_DONE ? sums->read.row < to_row : plx_db_error(&store->db, rc);
}

/* 1: there is more to read; 0: all is read, up to `to` if that is set. */
static int read_some(struct plx_store *store)
{
    struct plx_store_sums *sums = store->sums;
    struct mark *read = &sums->read;
    int64_t last = 0;
    int err = read->day ? use_rows(store, read->day) : 0;
    if (err == 0 && read->day)
        err = last_row(store, &last);
    if (err == PLX_EINVAL)
        err = 0; /* the day was dropped before it was read */
    if (err == 0 && sums->to.day && read->day == sums->to.day && last > sums->to.row)
        last = sums->to.row;
    if (err == 0 && read->row < last)
        return read_rows(store, last);
    if (err < 0 || (sums->to.day && read->day >= sums->to.day) ||
        (read->day && read->day == store->day))
        return err;
    int32_t day;
    err = next_day(store, read->day, &day);
    if (err < 0 || day == 0 || (sums->to.day && day > sums->to.day))
        return err;
    *read = (struct mark){.day = day};
    return 1;
}

/* ---- the turn ---- */

/* When what is in the book is to be written: large ones seldom, because an hour's pages
 * are written again each time. */
static struct plx_mono due_at(const struct plx_store *store)
{
    const struct plx_store_sums *sums = store->sums;
    size_t n = plx_rollbook_count(sums->book);
    int64_t wait_ns = WRITE_NS + (int64_t)n * CELL_NS;
    if (n >= CELLS_MAX)
        wait_ns = 0;
    if (wait_ns > store->options.rollup_ns)
        wait_ns = store->options.rollup_ns;
    return plx_mono_add(sums->written, wait_ns);
}

/* 1: more is to be done at once. */
static int take_turn(struct plx_store *store, struct plx_mono now)
{
    struct plx_store_sums *sums = store->sums;
    /* What was committed meanwhile is read after the last piece. */
    if (sums->writing) {
        int err = write_some(store);
        return err < 0 ? err : 1;
    }
    int more = read_some(store);
    if (more != 0)
        return more;
    size_t n = plx_rollbook_count(sums->book);
    bool taken_up = sums->to.day != 0; /* a writing that a crash interrupted */
    if (!taken_up && (n == 0 || now.ns < due_at(store).ns))
        return 0;
    if (!taken_up)
        sums->to = sums->read;
    sums->writing = true;
    return 1;
}

void plx_store_rollups_turn(struct plx_store *store, bool busy)
{
    struct plx_store_sums *sums = store->sums;
    struct plx_mono now = plx_clock_mono();
    if (busy && plx_mono_diff(now, sums->turned) < BUSY_NS) {
        store->sums_due = now;
        return;
    }
    sums->turned = now;
    store->db.trouble = 0;
    int more = take_turn(store, now);
    size_t n = plx_rollbook_count(sums->book);
    if (more < 0) {
        plx_log(PLX_LOG_WARN, "rollups_put_off", "why",
                store->db.trouble ? store->db.trouble_why : plx_err_text(more), NULL);
        store->sums_due = plx_mono_add(now, RETRY_NS);
    } else if (more) {
        store->sums_due = now;
    } else {
        store->sums_due = n ? due_at(store) : (struct plx_mono){INT64_MAX};
    }
    pthread_mutex_lock(&store->lock);
    store->rollups.n_open = n;
    pthread_mutex_unlock(&store->lock);
}

/* ---- life ---- */

static int read_state(struct plx_store *store, const char *key, int64_t *ret)
{
    return plx_db_int(&store->db, "SELECT value FROM state WHERE key = ?1",
                      PLX_BINDS(plx_bind_text(key)), ret);
}

/* At the first start with rollups: what an earlier version has stored is summed up too,
 * unless that would take hours. */
static int skip_backlog(struct plx_store *store)
{
    int32_t *days;
    size_t n;
    int64_t rows = 0, last = 0;
    int err = plx_store_days(&store->db, &days, &n);
    if (err < 0)
        return err;
    for (size_t i = n; err == 0 && i-- > 0;) {
        err = use_rows(store, days[i]);
        if (err == 0)
            err = last_row(store, &last);
        rows += last;
        if (err == 0 && rows > BACKLOG_MAX) {
            store->sums->from = (struct mark){.day = days[i], .row = last};
            break;
        }
    }
    free(days);
    return err;
}

static int read_marks(struct plx_store *store)
{
    struct plx_store_sums *sums = store->sums;
    int64_t from_day = 0, to_day = 0, done = 0;
    int err = read_state(store, "rollup_from_day", &from_day);
    if (err == 0)
        err = read_state(store, "rollup_from_row", &sums->from.row);
    if (err == 0)
        err = read_state(store, "rollup_to_day", &to_day);
    if (err == 0)
        err = read_state(store, "rollup_to_row", &sums->to.row);
    if (err == 0)
        err = read_state(store, "rollup_done", &done);
    sums->from.day = (int32_t)from_day;
    sums->to.day = (int32_t)to_day;
    sums->done = (size_t)done;
    return err == 0 && from_day == 0 && to_day == 0 ? skip_backlog(store) : err;
}

int plx_store_rollups_open(struct plx_store *store, struct plx_why *why)
{
    store->sums = calloc(1, sizeof *store->sums);
    if (!store->sums)
        abort();
    store->sums->book = plx_rollbook_new();
    store->sums->written = plx_clock_mono();
    int err = read_marks(store);
    if (err < 0)
        return plx_why_set(why, err, "%s: cannot read how far the rollups came: %s",
                           store->path, plx_err_text(err));
    store->sums->read = store->sums->from;
    store->sums_due = plx_clock_mono();
    return 0;
}

void plx_store_rollups_close(struct plx_store *store)
{
    if (!store->sums)
        return;
    plx_store_rollups_forget(store);
    plx_rollbook_destroy(&store->sums->book);
    free(store->sums);
    store->sums = NULL;
}

void plx_store_rollups_state(struct plx_store *store, struct plx_store_rollups_state *ret)
{
    pthread_mutex_lock(&store->lock);
    *ret = store->rollups;
    pthread_mutex_unlock(&store->lock);
}

/* ---- dropping ---- */

struct drop_job {
    struct plx_store_plain_job plain;
    enum plx_rollup_level level;
    struct plx_wall before;
};

static int drop_run(struct plx_store *store, struct plx_store_job *job)
{
    const struct drop_job *drop = (const struct drop_job *)job;
    char first[PLX_STORE_ROLLUP_TABLE_MAX], sql[64];
    struct plx_store_rollup_name *tables;
    size_t n;
    plx_store_rollup_table(drop->level, drop->before, first);
    int err = plx_store_rollup_tables(&store->db, drop->level, &tables, &n);
    if (err < 0)
        return err;
    plx_store_rollups_forget(store);
    for (size_t i = 0; err == 0 && i < n && strcmp(tables[i].text, first) < 0; i++) {
        snprintf(sql, sizeof sql, "DROP TABLE %s", tables[i].text);
        err = plx_db_exec(&store->db, sql);
    }
    free(tables);
    if (err == 0)
        store->sums->floors[drop->level] = drop->before;
    return err;
}

static const struct plx_store_job_class DROP = {
    .name = "drop_rollups", .run = drop_run, .finish = plx_store_plain_finish};

int plx_store_drop_rollups(struct plx_store *store, enum plx_rollup_level level,
                           struct plx_wall before, plx_store_done_fn *done, void *arg)
{
    if (level >= PLX_ROLLUP_LEVELS_)
        return PLX_EINVAL;
    struct drop_job *drop = plx_store_job_new(&DROP, sizeof *drop, arg);
    drop->plain.done = done;
    drop->level = level;
    drop->before = before;
    return plx_store_submit(store, &drop->plain.job);
}
