/* One SQLite connection of the store: statements kept prepared, values bound by type,
 * errors translated. Private to coordinator/io/store*. One thread at a time per
 * connection. */
#ifndef PLX_COORDINATOR_STORE_DB_H
#define PLX_COORDINATOR_STORE_DB_H

#include "base/buf.h"
#include "base/time.h"
#include "base/why.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLX_DB_KEPT_MAX 128

struct plx_db {
    sqlite3 *sqlite;
    /* Statements by the address of their text, which is a literal. */
    struct {
        const char *sql;
        sqlite3_stmt *stmt;
    } kept[PLX_DB_KEPT_MAX];
    size_t n_kept;
    /* Set by an error that is about the file and not about what was asked of it:
     * PLX_ENOSPACE, PLX_EBUSY (both pass), PLX_EIO, PLX_ECORRUPT, PLX_EDENIED (do not).
     * The user clears it. */
    int trouble;
    char trouble_why[160];
    struct plx_mono deadline; /* of reads; 0: none */
};

/* Opens an existing file to write, or (`readonly`) to read only. PLX_E… as for trouble.
 */
int plx_db_open(struct plx_db *db, const char *path, bool readonly, struct plx_why *why);
/* Finalises the statements and closes. Accepts a zeroed one. */
void plx_db_close(struct plx_db *db);

/* The PLX_E… code of an SQLite result code; notes trouble. */
int plx_db_error(struct plx_db *db, int rc);

/* One value of a statement: made by the functions below. Texts and blobs are borrowed
 * until the statement is done. */
struct plx_bind {
    int type; /* SQLITE_INTEGER, … */
    size_t len;
    union {
        int64_t i;
        double d;
        const void *p;
    } v;
};

static inline struct plx_bind plx_bind_int(int64_t i)
{
    return (struct plx_bind){.type = SQLITE_INTEGER, .v.i = i};
}

/* 64 bits as they are: greater values become negative. */
static inline struct plx_bind plx_bind_uint(uint64_t u)
{
    return plx_bind_int((int64_t)u);
}

static inline struct plx_bind plx_bind_real(double d)
{
    return (struct plx_bind){.type = SQLITE_FLOAT, .v.d = d};
}

/* NULL becomes "". */
static inline struct plx_bind plx_bind_text(const char *text)
{
    const char *t = text ? text : "";
    return (struct plx_bind){.type = SQLITE_TEXT, .len = strlen(t), .v.p = t};
}

static inline struct plx_bind plx_bind_blob(const void *p, size_t len)
{
    return (struct plx_bind){
        .type = len ? SQLITE_BLOB : SQLITE_NULL, .len = len, .v.p = p};
}

/* The values of a call, ended by PLX_END. */
#define PLX_END                                                                          \
    (struct plx_bind)                                                                    \
    {                                                                                    \
        .type = 0                                                                        \
    }
#define PLX_BINDS(...)                                                                   \
    (const struct plx_bind[])                                                            \
    {                                                                                    \
        __VA_ARGS__, PLX_END                                                             \
    }

/* Carries out a kept statement that gives no rows. `sql` is a literal; `binds` may be
 * NULL. */
int plx_db_run(struct plx_db *db, const char *sql, const struct plx_bind *binds);

/* Begins a kept statement that gives rows. */
int plx_db_query(struct plx_db *db, const char *sql, const struct plx_bind *binds,
                 sqlite3_stmt **ret);
/* 1: a row is there; 0: no more, or a PLX_E… code, and the statement is done. */
int plx_db_step(struct plx_db *db, sqlite3_stmt *stmt);
/* Ends a query before its last row. Harmless after it. */
void plx_db_done(sqlite3_stmt *stmt);

/* Query for one integer. 0; PLX_ENOTFOUND: no row; or another error. */
int plx_db_int(struct plx_db *db, const char *sql, const struct plx_bind *binds,
               int64_t *ret);

/* Carries out text made at run time, any number of statements. */
int plx_db_exec(struct plx_db *db, const char *sql);

/* Columns of the present row. */
const char *plx_db_column_text(sqlite3_stmt *stmt, int column);     /* never NULL; lent */
char *plx_db_column_dup(sqlite3_stmt *stmt, int column);            /* gives */
struct plx_wall plx_db_column_wall(sqlite3_stmt *stmt, int column); /* from _us */
struct plx_bind plx_bind_wall(struct plx_wall t);

/* Reads on this connection that take longer from now end with PLX_ETIMEOUT; 0: no
 * deadline. */
void plx_db_set_deadline(struct plx_db *db, int64_t from_now_ns);

#endif
