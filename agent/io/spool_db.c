#include "agent/io/spool_db.h"

#include "base/err.h"
#include "sys/file.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x504c5853 /* "PLXS" */
#define SCHEMA_VERSION 1
/* What a chunk costs beside its frame. */
#define CHUNK_BYTES    64
/* Numbers of a stream stay below 2^40: 5,000 years at 7 results/s, 350 days at 36,000. */
#define SEQ_BITS       40

static const char schema[] = "CREATE TABLE stream("
                             " place INTEGER PRIMARY KEY AUTOINCREMENT,"
                             " id INTEGER NOT NULL UNIQUE,"
                             " born_ns INTEGER NOT NULL,"
                             " last INTEGER NOT NULL,"
                             " acked INTEGER NOT NULL) STRICT;"
                             "CREATE TABLE chunk("
                             " at INTEGER PRIMARY KEY," /* place << 40 | last */
                             " first INTEGER NOT NULL,"
                             " gap INTEGER NOT NULL,"
                             " from_ns INTEGER NOT NULL,"
                             " to_ns INTEGER NOT NULL,"
                             " frame BLOB NOT NULL) STRICT;";

#define STATEMENTS(X)                                                                    \
    X(BEGIN, "BEGIN IMMEDIATE")                                                          \
    X(COMMIT, "COMMIT")                                                                  \
    X(ROLLBACK, "ROLLBACK")                                                              \
    X(STREAMS, "SELECT place, id, last, acked,"                                          \
               " EXISTS(SELECT 1 FROM chunk WHERE at > place << 40"                      \
               "        AND at < (place + 1) << 40) AS has"                              \
               " FROM stream WHERE has OR place = (SELECT max(place) FROM stream)"       \
               " ORDER BY place")                                                        \
    X(TOTALS, "SELECT coalesce(sum((at & ((1 << 40) - 1)) - first + 1), 0),"             \
              " coalesce(sum(length(frame) + 64), 0), coalesce(min(from_ns), 0)"         \
              " FROM chunk WHERE gap = 0")                                               \
    X(NEW_STREAM, "INSERT INTO stream(id, born_ns, last, acked) VALUES(?, ?, ?, ?)")     \
    X(APPEND, "INSERT INTO chunk(at, first, gap, from_ns, to_ns, frame)"                 \
              " VALUES(?, ?, ?, ?, ?, ?)")                                               \
    X(SET_LAST, "UPDATE stream SET last = max(last, ?2) WHERE place = ?1")               \
    X(PLACE, "SELECT place FROM stream WHERE id = ?")                                    \
    X(ACKED_SUM, "SELECT coalesce(sum((at & ((1 << 40) - 1)) - first + 1), 0),"          \
                 " coalesce(sum(length(frame) + 64), 0)"                                 \
                 " FROM chunk WHERE gap = 0 AND at > ?1 AND at <= ?2")                   \
    X(ACK_DELETE, "DELETE FROM chunk WHERE at > ?1 AND at <= ?2")                        \
    X(ACK_MARK, "UPDATE stream SET acked = max(acked, ?2) WHERE place = ?1")             \
    X(LOAD, "SELECT at, first, gap, from_ns, to_ns, frame FROM chunk"                    \
            " WHERE at >= ?1 AND at < ?2 ORDER BY at LIMIT 1")                           \
    X(OLDEST, "SELECT at, first, from_ns, to_ns, length(frame), id FROM chunk"           \
              " JOIN stream ON place = at >> 40 WHERE gap = 0 ORDER BY at LIMIT 1")      \
    X(GAP_BEFORE, "SELECT first, from_ns FROM chunk WHERE at = ? AND gap = 1")           \
    X(DELETE, "DELETE FROM chunk WHERE at = ?")                                          \
    X(FORGET, "DELETE FROM stream WHERE born_ns < ? AND acked = last"                    \
              " AND place < (SELECT max(place) FROM stream)")

enum statement {
#define X(name, sql) SQL_##name,
    STATEMENTS(X)
#undef X
        SQL_COUNT
};

static const char *const sqls[] = {
#define X(name, sql) [SQL_##name] = (sql),
    STATEMENTS(X)
#undef X
};

struct plx_spool_db {
    sqlite3 *sqlite;
    sqlite3_stmt *stmts[SQL_COUNT];
};

static int err_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_FULL:
        return PLX_ENOSPACE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return PLX_ECORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return PLX_EBUSY;
    default:
        return PLX_EIO;
    }
}

static int64_t key_of(int64_t place, uint64_t seq)
{
    return (int64_t)((uint64_t)place << SEQ_BITS | seq);
}

static uint64_t seq_of(int64_t key)
{
    return (uint64_t)key & ((UINT64_C(1) << SEQ_BITS) - 1);
}

/* Binds integers to the first parameters. */
static sqlite3_stmt *bind(struct plx_spool_db *db, enum statement which,
                          const int64_t *values, int n)
{
    sqlite3_stmt *stmt = db->stmts[which];
    for (int i = 0; i < n; i++)
        sqlite3_bind_int64(stmt, i + 1, values[i]);
    return stmt;
}

static int finish(sqlite3_stmt *stmt, int rc)
{
    sqlite3_reset(stmt);
    return err_of(rc);
}

static int execute(struct plx_spool_db *db, enum statement which, const int64_t *values,
                   int n)
{
    sqlite3_stmt *stmt = bind(db, which, values, n);
    return finish(stmt, sqlite3_step(stmt));
}

static int64_t pragma(sqlite3 *sqlite, const char *sql, int *ret_rc)
{
    sqlite3_stmt *stmt = NULL;
    int64_t value = -1;
    int rc = sqlite3_prepare_v2(sqlite, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW && sqlite3_column_type(stmt, 0) == SQLITE_INTEGER)
            value = sqlite3_column_int64(stmt, 0);
        else if (rc == SQLITE_ROW)
            value = strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;
    }
    sqlite3_finalize(stmt);
    *ret_rc = rc;
    return value;
}

/* A write-ahead log that is still there means that the last owner did not close. */
static bool was_left_open(const char *path)
{
    char wal[4096];
    struct stat st;
    snprintf(wal, sizeof wal, "%s-wal", path);
    return stat(wal, &st) == 0 && st.st_size > 0;
}

static int set_up(sqlite3 *sqlite, bool check, struct plx_why *why)
{
    int rc;
    int64_t version = pragma(sqlite, "PRAGMA user_version", &rc);
    if (err_of(rc))
        return err_of(rc);
    if (check && pragma(sqlite, "PRAGMA quick_check(1)", &rc) != 1)
        return err_of(rc) ? err_of(rc) : PLX_ECORRUPT;
    if (version > SCHEMA_VERSION)
        return plx_why_set(why, PLX_EVERSION, "the spool was made by a newer version");
    int64_t id = pragma(sqlite, "PRAGMA application_id", &rc);
    int64_t tables = pragma(sqlite, "SELECT count(*) FROM sqlite_schema", &rc);
    if (err_of(rc))
        return err_of(rc);
    if (tables > 0 && id != APPLICATION_ID)
        return plx_why_set(why, PLX_EINVAL, "the file is not a spool of Parallax");
    rc = sqlite3_exec(sqlite, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
                      NULL, NULL, NULL);
    if (rc == SQLITE_OK && tables == 0) {
        char sql[2048];
        snprintf(sql, sizeof sql,
                 "BEGIN IMMEDIATE; PRAGMA application_id = %d; PRAGMA user_version = %d;"
                 "%s COMMIT;",
                 APPLICATION_ID, SCHEMA_VERSION, schema);
        rc = sqlite3_exec(sqlite, sql, NULL, NULL, NULL);
    }
    return err_of(rc);
}

static int prepare(struct plx_spool_db *db)
{
    for (int i = 0; i < SQL_COUNT; i++) {
        int rc = sqlite3_prepare_v3(db->sqlite, sqls[i], -1, SQLITE_PREPARE_PERSISTENT,
                                    &db->stmts[i], NULL);
        if (rc != SQLITE_OK)
            return err_of(rc);
    }
    return 0;
}

int plx_spool_db_open(const char *path, struct plx_spool_db **ret, struct plx_why *why)
{
    struct plx_spool_db *db = calloc(1, sizeof *db);
    if (!db)
        abort();
    bool check = was_left_open(path);
    /* Made by us, so that nobody else can read what is watched; -wal and -shm follow it.
     */
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    int rc = sqlite3_open_v2(path, &db->sqlite,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                                 SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
                             NULL);
    int err = err_of(rc);
    if (!err) {
        sqlite3_busy_timeout(db->sqlite, 1000);
        err = set_up(db->sqlite, check, why);
    }
    if (!err)
        err = prepare(db);
    if (err) {
        if (why && !why->text[0])
            plx_why_set(why, err, "%s", sqlite3_errmsg(db->sqlite));
        plx_why_in(why, err, "%s", path);
        plx_spool_db_close(&db);
        return err;
    }
    *ret = db;
    return 0;
}

void plx_spool_db_close(struct plx_spool_db **db)
{
    if (!*db)
        return;
    for (int i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize((*db)->stmts[i]);
    sqlite3_close((*db)->sqlite);
    free(*db);
    *db = NULL;
}

int plx_spool_db_begin(struct plx_spool_db *db)
{
    return execute(db, SQL_BEGIN, NULL, 0);
}

int plx_spool_db_commit(struct plx_spool_db *db)
{
    return execute(db, SQL_COMMIT, NULL, 0);
}

void plx_spool_db_rollback(struct plx_spool_db *db)
{
    if (!sqlite3_get_autocommit(db->sqlite))
        execute(db, SQL_ROLLBACK, NULL, 0);
}

int plx_spool_db_streams(struct plx_spool_db *db, struct plx_spool_stream *streams,
                         size_t max, size_t *ret_n)
{
    sqlite3_stmt *s = db->stmts[SQL_STREAMS];
    size_t n = 0;
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW && n < max) {
        streams[n++] = (struct plx_spool_stream){
            .place = sqlite3_column_int64(s, 0),
            .id = (uint64_t)sqlite3_column_int64(s, 1),
            .last = (uint64_t)sqlite3_column_int64(s, 2),
            .acked = (uint64_t)sqlite3_column_int64(s, 3),
        };
    }
    *ret_n = n;
    return finish(s, rc);
}

int plx_spool_db_totals(struct plx_spool_db *db, struct plx_spool_totals *ret)
{
    sqlite3_stmt *s = db->stmts[SQL_TOTALS];
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        ret->rows = (uint64_t)sqlite3_column_int64(s, 0);
        ret->bytes = (uint64_t)sqlite3_column_int64(s, 1);
        ret->oldest.ns = sqlite3_column_int64(s, 2);
    }
    return finish(s, rc);
}

int plx_spool_db_new_stream(struct plx_spool_db *db, struct plx_spool_stream *stream,
                            struct plx_wall now)
{
    const int64_t values[] = {(int64_t)stream->id, now.ns, (int64_t)stream->last,
                              (int64_t)stream->acked};
    int err = execute(db, SQL_NEW_STREAM, values, 4);
    if (!err)
        stream->place = sqlite3_last_insert_rowid(db->sqlite);
    return err;
}

int plx_spool_db_append(struct plx_spool_db *db, const struct plx_spool_chunk *chunk,
                        const void *frame, size_t len)
{
    const int64_t values[] = {key_of(chunk->place, chunk->last), (int64_t)chunk->first,
                              chunk->gap, chunk->from.ns, chunk->to.ns};
    sqlite3_stmt *s = bind(db, SQL_APPEND, values, 5);
    sqlite3_bind_blob64(s, 6, frame, len, SQLITE_STATIC);
    int err = finish(s, sqlite3_step(s));
    sqlite3_clear_bindings(s);
    if (!err)
        err =
            execute(db, SQL_SET_LAST, (int64_t[]){chunk->place, (int64_t)chunk->last}, 2);
    return err;
}

static int place_of(struct plx_spool_db *db, uint64_t stream_id, int64_t *ret_place)
{
    sqlite3_stmt *s = bind(db, SQL_PLACE, (int64_t[]){(int64_t)stream_id}, 1);
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        *ret_place = sqlite3_column_int64(s, 0);
    int err = finish(s, rc);
    return err ? err : rc == SQLITE_ROW ? 0 : PLX_ENOTFOUND;
}

int plx_spool_db_ack(struct plx_spool_db *db, uint64_t stream_id, uint64_t seq,
                     struct plx_spool_totals *totals)
{
    int64_t place;
    int err = place_of(db, stream_id, &place);
    if (err)
        return err == PLX_ENOTFOUND ? 0 : err;
    const int64_t range[] = {key_of(place, 0), key_of(place, seq)};
    sqlite3_stmt *s = bind(db, SQL_ACKED_SUM, range, 2);
    int rc = sqlite3_step(s);
    uint64_t rows = 0, bytes = 0;
    if (rc == SQLITE_ROW) {
        rows = (uint64_t)sqlite3_column_int64(s, 0);
        bytes = (uint64_t)sqlite3_column_int64(s, 1);
    }
    err = finish(s, rc);
    if (!err)
        err = execute(db, SQL_ACK_DELETE, range, 2);
    if (!err)
        err = execute(db, SQL_ACK_MARK, (int64_t[]){place, (int64_t)seq}, 2);
    if (!err) {
        totals->rows -= rows;
        totals->bytes -= bytes;
    }
    return err;
}

int plx_spool_db_load(struct plx_spool_db *db, uint64_t stream_id, uint64_t seq,
                      struct plx_spool_chunk *ret, struct plx_buf *frame)
{
    int64_t place;
    int err = place_of(db, stream_id, &place);
    if (err)
        return err;
    const int64_t range[] = {key_of(place, seq), key_of(place + 1, 0)};
    sqlite3_stmt *s = bind(db, SQL_LOAD, range, 2);
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        *ret = (struct plx_spool_chunk){.place = place,
                                        .stream_id = stream_id,
                                        .first = (uint64_t)sqlite3_column_int64(s, 1),
                                        .last = seq_of(sqlite3_column_int64(s, 0)),
                                        .gap = sqlite3_column_int(s, 2) != 0,
                                        .from = {sqlite3_column_int64(s, 3)},
                                        .to = {sqlite3_column_int64(s, 4)}};
        plx_buf_add(frame, sqlite3_column_blob(s, 5), (size_t)sqlite3_column_bytes(s, 5));
    }
    err = finish(s, rc);
    return err ? err : rc == SQLITE_ROW ? 0 : PLX_ENOTFOUND;
}

/* Takes in the gap that ends just before `gap` begins, if there is one. */
static int merge_gap_before(struct plx_spool_db *db, struct plx_spool_chunk *gap)
{
    const int64_t key = key_of(gap->place, gap->first - 1);
    sqlite3_stmt *s = bind(db, SQL_GAP_BEFORE, &key, 1);
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        gap->first = (uint64_t)sqlite3_column_int64(s, 0);
        gap->from.ns = sqlite3_column_int64(s, 1);
    }
    int err = finish(s, rc);
    return err || rc != SQLITE_ROW ? err : execute(db, SQL_DELETE, &key, 1);
}

int plx_spool_db_drop_oldest(struct plx_spool_db *db, struct plx_spool_chunk *ret_gap,
                             uint64_t *ret_dropped, struct plx_spool_totals *totals)
{
    sqlite3_stmt *s = db->stmts[SQL_OLDEST];
    int rc = sqlite3_step(s);
    if (rc != SQLITE_ROW) {
        int err = finish(s, rc);
        return err ? err : PLX_ENOTFOUND;
    }
    const int64_t key = sqlite3_column_int64(s, 0);
    struct plx_spool_chunk gap = {.place = key >> SEQ_BITS,
                                  .stream_id = (uint64_t)sqlite3_column_int64(s, 5),
                                  .first = (uint64_t)sqlite3_column_int64(s, 1),
                                  .last = seq_of(key),
                                  .gap = true,
                                  .from = {sqlite3_column_int64(s, 2)},
                                  .to = {sqlite3_column_int64(s, 3)}};
    uint64_t bytes = (uint64_t)sqlite3_column_int64(s, 4) + CHUNK_BYTES;
    uint64_t rows = gap.last - gap.first + 1;
    finish(s, rc);
    int err = execute(db, SQL_DELETE, &key, 1);
    if (!err && gap.first > 1)
        err = merge_gap_before(db, &gap);
    if (err)
        return err;
    totals->rows -= rows;
    totals->bytes -= bytes;
    *ret_gap = gap;
    *ret_dropped = rows;
    return 0;
}

int plx_spool_db_oldest(struct plx_spool_db *db, struct plx_wall *ret)
{
    sqlite3_stmt *s = db->stmts[SQL_OLDEST];
    int rc = sqlite3_step(s);
    ret->ns = rc == SQLITE_ROW ? sqlite3_column_int64(s, 2) : 0;
    return finish(s, rc);
}

int plx_spool_db_forget(struct plx_spool_db *db, struct plx_wall before)
{
    return execute(db, SQL_FORGET, &before.ns, 1);
}
