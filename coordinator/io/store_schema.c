/* The database file as a whole: whose it is, how new, whether it is sound. */
#include "coordinator/io/store_impl.h"

#include "base/err.h"
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* "PLX1" in the file's header. */
#define APPLICATION_ID 0x504c5831

/* From schema/NNN.sql: number n brings version n - 1 to n. */
extern const char *const plx_store_migrations[];
extern const size_t plx_store_n_migrations;

/* The connection's habits. The WAL is folded into the file every 4,000 pages (16 MiB), by
 * this connection only: two that do so can damage it (the WAL-reset bug of SQLite). */
static const char HABITS[] = "PRAGMA journal_mode = WAL;"
                             "PRAGMA synchronous = FULL;"
                             "PRAGMA wal_autocheckpoint = 4000;"
                             "PRAGMA journal_size_limit = 67108864;"
                             "PRAGMA temp_store = MEMORY;"
                             "PRAGMA cache_size = -16384;"
                             "PRAGMA cell_size_check = ON;";

/* Makes the file where there is none, so that nobody else can ever read it. */
static int make_file(const char *path, struct plx_why *why)
{
    struct stat st;
    if (stat(path, &st) == 0) {
        if (S_ISREG(st.st_mode))
            return 0;
        return plx_why_set(why, PLX_EINVAL, "%s is not a file", path);
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        int e = errno;
        int err = e == ENOSPC || e == EDQUOT  ? PLX_ENOSPACE
                  : e == EACCES || e == EROFS ? PLX_EDENIED
                                              : PLX_EIO;
        return plx_why_set(why, err, "cannot make %s: %s", path, strerror(e));
    }
    close(fd);
    return 0;
}

static int say_trouble(struct plx_db *db, const char *path, int err, struct plx_why *why)
{
    switch (err) {
    case PLX_ECORRUPT:
        return plx_why_set(why, err,
                           "%s is damaged or no database: restore a backup, or move the "
                           "file (and its -wal) away to begin with an empty one; nothing "
                           "was changed (%s)",
                           path, db->trouble_why);
    case PLX_ENOSPACE:
        return plx_why_set(
            why, err, "no space left on the disk of %s: make room and start again", path);
    case PLX_EBUSY:
        return plx_why_set(
            why, err, "%s is locked by another program: end it and start again", path);
    case PLX_EDENIED:
        return plx_why_set(why, err,
                           "%s cannot be written: check its owner and that of its folder",
                           path);
    default:
        return plx_why_set(why, err, "%s: %s", path,
                           db->trouble ? db->trouble_why : plx_err_text(err));
    }
}

static int read_int(struct plx_db *db, const char *path, const char *sql, int64_t *ret,
                    struct plx_why *why)
{
    int err = plx_db_int(db, sql, NULL, ret);
    return err ? say_trouble(db, path, err, why) : 0;
}

/* Whether the file is ours; gives its schema's version, 0 for an empty file. */
static int identify(struct plx_db *db, const char *path, int64_t *ret_version,
                    struct plx_why *why)
{
    int64_t id = 0, version = 0, tables = 0;
    int err = read_int(db, path, "PRAGMA application_id", &id, why);
    if (!err)
        err = read_int(db, path, "PRAGMA user_version", &version, why);
    if (!err)
        err = read_int(db, path, "SELECT count(*) FROM sqlite_schema", &tables, why);
    if (err)
        return err;
    bool fresh = id == 0 && version == 0 && tables == 0;
    if (id != APPLICATION_ID && !fresh)
        return plx_why_set(why, PLX_EINVAL,
                           "%s is another program's database: choose another data folder "
                           "or move the file away; nothing was changed",
                           path);
    if (version > (int64_t)plx_store_n_migrations)
        return plx_why_set(why, PLX_EVERSION,
                           "%s has schema version %lld, this program knows %zu: it was "
                           "written by a newer version; install that one or restore a "
                           "backup; nothing was changed",
                           path, (long long)version, plx_store_n_migrations);
    *ret_version = version;
    return 0;
}

/* Reads every page. Takes about 1 s for 2 GB from a warm cache. */
static int quick_check(struct plx_db *db, const char *path, struct plx_why *why)
{
    plx_log(PLX_LOG_INFO, "store_check", "file", path, "why",
            "the last stop was not clean", NULL);
    sqlite3_stmt *stmt;
    int err = plx_db_query(db, "PRAGMA quick_check(1)", NULL, &stmt);
    if (!err && (err = plx_db_step(db, stmt)) > 0) {
        const char *said = plx_db_column_text(stmt, 0);
        err = 0;
        if (strcmp(said, "ok") != 0) {
            err = db->trouble = PLX_ECORRUPT;
            snprintf(db->trouble_why, sizeof db->trouble_why, "%s", said);
        }
        plx_db_done(stmt);
    }
    return err ? say_trouble(db, path, err, why) : 0;
}

static int check_unless_clean(struct plx_db *db, const char *path, struct plx_why *why)
{
    int64_t clean = 0;
    int err =
        read_int(db, path, "SELECT value FROM state WHERE key = 'clean'", &clean, why);
    if (err || clean)
        return err;
    return quick_check(db, path, why);
}

/* What a step has to do to the day tables, whose names no file of SQL can know. */
static int migrate_days(struct plx_db *db, size_t version)
{
    return version == 2 ? plx_store_days_add_excerpt(db) : 0;
}

/* One step of the schema, all or nothing. */
static int migrate_to(struct plx_db *db, size_t version)
{
    char header[96];
    snprintf(header, sizeof header,
             "PRAGMA application_id = %d; PRAGMA user_version = %zu;", APPLICATION_ID,
             version);
    int err = plx_db_exec(db, "BEGIN IMMEDIATE");
    if (!err)
        err = plx_db_exec(db, plx_store_migrations[version - 1]);
    if (!err)
        err = migrate_days(db, version);
    if (!err)
        err = plx_db_exec(db, header);
    if (!err)
        err = plx_db_exec(db, "COMMIT");
    if (err && !sqlite3_get_autocommit(db->sqlite))
        sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

static int prepare(struct plx_db *db, const char *path, struct plx_why *why)
{
    int64_t version = 0;
    int err = identify(db, path, &version, why);
    if (!err && version > 0)
        err = check_unless_clean(db, path, why);
    if (err)
        return err;
    err = plx_db_exec(db, HABITS);
    for (size_t v = (size_t)version + 1; !err && v <= plx_store_n_migrations; v++)
        err = migrate_to(db, v);
    if (!err)
        err = plx_db_exec(db, "UPDATE state SET value = 0 WHERE key = 'clean'");
    return err ? say_trouble(db, path, err, why) : 0;
}

int plx_store_schema_open(struct plx_db *db, const char *path, struct plx_why *why)
{
    int err = make_file(path, why);
    if (err)
        return err;
    err = plx_db_open(db, path, false, why);
    if (err)
        return err;
    err = prepare(db, path, why);
    if (err)
        plx_db_close(db);
    return err;
}

int plx_store_schema_close(struct plx_db *db)
{
    int err = plx_db_exec(db, "UPDATE state SET value = 1 WHERE key = 'clean'");
    if (!err)
        err = plx_db_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    return err;
}
