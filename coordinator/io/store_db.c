#include "coordinator/io/store_db.h"

#include "base/err.h"
#include "base/text.h"
#include "sys/clock.h"

#include <assert.h>
#include <errno.h>

/* Virtual machine instructions between two looks at the clock: some 10 µs. */
#define PROGRESS_STEPS 1000

static int is_late(void *arg)
{
    const struct plx_db *db = arg;
    return db->deadline.ns && plx_clock_mono().ns > db->deadline.ns;
}

int plx_db_open(struct plx_db *db, const char *path, bool readonly, struct plx_why *why)
{
    *db = (struct plx_db){0};
    int flags = readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    int rc = sqlite3_open_v2(path, &db->sqlite, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        int err = plx_db_error(db, rc);
        plx_why_set(why, err, "%s: %s", path, sqlite3_errmsg(db->sqlite));
        plx_db_close(db);
        return err;
    }
    sqlite3_extended_result_codes(db->sqlite, 1);
    sqlite3_busy_timeout(db->sqlite, readonly ? 100 : 2000);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (readonly)
        sqlite3_progress_handler(db->sqlite, PROGRESS_STEPS, is_late, db);
    return 0;
}

void plx_db_close(struct plx_db *db)
{
    for (size_t i = 0; i < db->n_kept; i++)
        sqlite3_finalize(db->kept[i].stmt);
    sqlite3_close(db->sqlite);
    *db = (struct plx_db){0};
}

static int note_trouble(struct plx_db *db, int err)
{
    db->trouble = err;
    snprintf(db->trouble_why, sizeof db->trouble_why, "%s (%s)", plx_err_text(err),
             db->sqlite ? sqlite3_errmsg(db->sqlite) : "no connection");
    return err;
}

/* SQLite says FULL when a write finds no space, but IOERR when the shared-memory file of
 * the WAL or a truncation does. */
static bool is_out_of_space(const struct plx_db *db, int rc)
{
    if ((rc & 0xff) != SQLITE_IOERR || !db->sqlite)
        return false;
    int os = sqlite3_system_errno(db->sqlite);
    return os == ENOSPC || os == EDQUOT;
}

int plx_db_error(struct plx_db *db, int rc)
{
    if (is_out_of_space(db, rc))
        return note_trouble(db, PLX_ENOSPACE);
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_FULL:
        return note_trouble(db, PLX_ENOSPACE);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return note_trouble(db, PLX_EBUSY);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return note_trouble(db, PLX_ECORRUPT);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return note_trouble(db, PLX_EDENIED);
    case SQLITE_ERROR: /* the statement does not fit the schema */
        return PLX_EINVAL;
    case SQLITE_NOMEM:
        return PLX_ENOMEM;
    case SQLITE_CONSTRAINT:
        return PLX_EEXISTS;
    case SQLITE_TOOBIG:
        return PLX_ETOOBIG;
    case SQLITE_INTERRUPT:
        return PLX_ETIMEOUT;
    default:
        return note_trouble(db, PLX_EIO);
    }
}

/* The kept statement for `sql`, prepared at its first use. */
static int keep(struct plx_db *db, const char *sql, sqlite3_stmt **ret)
{
    for (size_t i = 0; i < db->n_kept; i++) {
        if (db->kept[i].sql == sql) {
            *ret = db->kept[i].stmt;
            return 0;
        }
    }
    assert(db->n_kept < PLX_DB_KEPT_MAX);
    sqlite3_stmt *stmt = NULL;
    int rc =
        sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (rc != SQLITE_OK)
        return plx_db_error(db, rc);
    db->kept[db->n_kept].sql = sql;
    db->kept[db->n_kept++].stmt = stmt;
    *ret = stmt;
    return 0;
}

static int bind_one(sqlite3_stmt *stmt, int at, const struct plx_bind *bind)
{
    switch (bind->type) {
    case SQLITE_INTEGER:
        return sqlite3_bind_int64(stmt, at, bind->v.i);
    case SQLITE_FLOAT:
        return sqlite3_bind_double(stmt, at, bind->v.d);
    case SQLITE_TEXT:
        return sqlite3_bind_text64(stmt, at, bind->v.p, bind->len, SQLITE_STATIC,
                                   SQLITE_UTF8);
    case SQLITE_BLOB:
        return sqlite3_bind_blob64(stmt, at, bind->v.p, bind->len, SQLITE_STATIC);
    default:
        return sqlite3_bind_null(stmt, at);
    }
}

int plx_db_query(struct plx_db *db, const char *sql, const struct plx_bind *binds,
                 sqlite3_stmt **ret)
{
    sqlite3_stmt *stmt = NULL;
    int err = keep(db, sql, &stmt);
    if (err)
        return err;
    for (int i = 0; binds && binds[i].type; i++) {
        int rc = bind_one(stmt, i + 1, &binds[i]);
        if (rc != SQLITE_OK)
            return plx_db_error(db, rc);
    }
    *ret = stmt;
    return 0;
}

int plx_db_step(struct plx_db *db, sqlite3_stmt *stmt)
{
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        return 1;
    int err = rc == SQLITE_DONE ? 0 : plx_db_error(db, rc);
    plx_db_done(stmt);
    return err;
}

void plx_db_done(sqlite3_stmt *stmt)
{
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
}

int plx_db_run(struct plx_db *db, const char *sql, const struct plx_bind *binds)
{
    sqlite3_stmt *stmt = NULL;
    int err = plx_db_query(db, sql, binds, &stmt);
    if (err)
        return err;
    while ((err = plx_db_step(db, stmt)) > 0)
        ;
    return err;
}

int plx_db_int(struct plx_db *db, const char *sql, const struct plx_bind *binds,
               int64_t *ret)
{
    sqlite3_stmt *stmt = NULL;
    int err = plx_db_query(db, sql, binds, &stmt);
    if (err)
        return err;
    err = plx_db_step(db, stmt);
    if (err <= 0)
        return err ? err : PLX_ENOTFOUND;
    *ret = sqlite3_column_int64(stmt, 0);
    plx_db_done(stmt);
    return 0;
}

int plx_db_exec(struct plx_db *db, const char *sql)
{
    return plx_db_error(db, sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL));
}

const char *plx_db_column_text(sqlite3_stmt *stmt, int column)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);
    return text ? (const char *)text : "";
}

char *plx_db_column_dup(sqlite3_stmt *stmt, int column)
{
    return plx_text_dup(plx_db_column_text(stmt, column));
}

struct plx_wall plx_db_column_wall(sqlite3_stmt *stmt, int column)
{
    return (struct plx_wall){sqlite3_column_int64(stmt, column) * PLX_US_NS};
}

struct plx_bind plx_bind_wall(struct plx_wall t)
{
    return plx_bind_int(t.ns / PLX_US_NS);
}

void plx_db_set_deadline(struct plx_db *db, int64_t from_now_ns)
{
    db->deadline.ns = 0;
    if (from_now_ns)
        db->deadline = plx_mono_add(plx_clock_mono(), from_now_ns);
}
