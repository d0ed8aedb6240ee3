/* Whether the promise of delivery holds, by the databases alone.
 *
 *   check_delivery [--drained] COORDINATOR_DB SPOOL_DB…
 *
 * For every stream of every agent:
 *   - what the agent holds for acknowledged, the coordinator has;
 *   - each number up to the coordinator's mark is there exactly once, as a result or in
 *     an explicit gap, and none is there beyond it;
 *   - the coordinator counts nothing that the agent has not numbered;
 *   - what is numbered and not acknowledged is still in the spool, each number once;
 *   - with --drained: the coordinator has everything that was ever numbered.
 * Both files are sound (integrity_check). Databases in use may be checked: each spool is
 * read before the coordinator's, so that its marks cannot be ahead.
 *
 * Prints what is wrong and one line of figures. Exit code 0: the promise holds; 1: it
 * does not; 2: could not look. */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sqlite3 *db;
static unsigned n_violations;

static void give_up(const char *what)
{
    fprintf(stderr, "check_delivery: %s: %s\n", what, sqlite3_errmsg(db));
    exit(2);
}

static void run(const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        give_up(sql);
}

static sqlite3_stmt *prepare(const char *sql)
{
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
        give_up(sql);
    return s;
}

static int64_t ask(const char *sql)
{
    sqlite3_stmt *s = prepare(sql);
    if (sqlite3_step(s) != SQLITE_ROW)
        give_up(sql);
    int64_t n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return n;
}

/* Every row of `sql` is a violation: a sentence in its first column. */
static void must_be_none(const char *sql)
{
    sqlite3_stmt *s = prepare(sql);
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        printf("VIOLATION %s\n", (const char *)sqlite3_column_text(s, 0));
        n_violations++;
    }
    if (rc != SQLITE_DONE)
        give_up(sql);
    sqlite3_finalize(s);
}

static void must_be_sound(const char *path, const char *schema)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA %s.integrity_check(1)", schema);
    sqlite3_stmt *s = prepare(sql);
    if (sqlite3_step(s) != SQLITE_ROW)
        give_up(path);
    const char *said = (const char *)sqlite3_column_text(s, 0);
    if (strcmp(said, "ok") != 0) {
        printf("VIOLATION %s is damaged: %s\n", path, said);
        n_violations++;
    }
    sqlite3_finalize(s);
}

static void attach(const char *path, const char *schema)
{
    char *uri = sqlite3_mprintf("file:%s?mode=ro", path);
    char *sql = sqlite3_mprintf("ATTACH %Q AS %s", uri, schema);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        give_up(path);
    sqlite3_free(sql);
    sqlite3_free(uri);
}

/* The streams and chunks of one spool, into our tables. */
static void read_spool(const char *path, int number)
{
    attach(path, "spool");
    must_be_sound(path, "spool");
    char *sql = sqlite3_mprintf(
        "BEGIN;"
        "INSERT INTO sent SELECT %d, id, last, acked FROM spool.stream;"
        "INSERT INTO held SELECT id, first, at & ((1 << 40) - 1) FROM spool.chunk"
        " JOIN spool.stream ON place = at >> 40;"
        "COMMIT;"
        "DETACH spool;",
        number);
    run(sql);
    sqlite3_free(sql);
}

/* One view over the tables of all days. */
static void view_results(void)
{
    sqlite3_stmt *s = prepare("SELECT name FROM main.sqlite_schema WHERE type = 'table'"
                              " AND name GLOB 'results_[0-9]*'");
    char *sql = sqlite3_mprintf("CREATE TEMP VIEW results AS"
                                " SELECT 0 AS stream, 0 AS seq WHERE 0");
    while (sqlite3_step(s) == SQLITE_ROW)
        sql = sqlite3_mprintf("%z UNION ALL SELECT stream, seq FROM main.%s", sql,
                              sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    run(sql);
    sqlite3_free(sql);
}

static void summarise(void)
{
    view_results();
    run("CREATE TEMP TABLE got AS SELECT no, agent_id, stream_id AS id, high_water AS "
        "mark,"
        " (SELECT count(*) FROM results WHERE stream = no) AS rows_,"
        " (SELECT coalesce(sum(n), 0) FROM main.gaps WHERE stream = no) AS lost"
        " FROM main.streams");
}

static void check_acknowledged(bool drained)
{
    must_be_none(
        "SELECT format('spool %d, stream %d: acknowledged up to %d, the coordinator"
        " has up to %d', spool, id, acked, coalesce(mark, 0))"
        " FROM sent LEFT JOIN got USING (id) WHERE acked > coalesce(mark, 0)");
    must_be_none(
        "SELECT format('spool %d, stream %d: numbered up to %d, the coordinator has"
        " up to %d', spool, id, last, mark)"
        " FROM sent JOIN early USING (id) WHERE mark > last");
    must_be_none("SELECT format('stream %d is counted for %d agents', id, count(*))"
                 " FROM got GROUP BY id HAVING count(*) > 1");
    if (drained)
        must_be_none(
            "SELECT format('spool %d, stream %d: numbered up to %d, the coordinator"
            " has up to %d', spool, id, last, coalesce(mark, 0))"
            " FROM sent LEFT JOIN got USING (id) WHERE coalesce(mark, 0) < last");
}

/* As many rows and lost numbers as the mark says, no row twice, none in a gap, none
 * beyond the mark: so each number up to it is there once. */
static void check_counted_once(void)
{
    must_be_none(
        "SELECT format('stream %d of agent %d: %d results and %d lost up to mark %d',"
        " id, agent_id, rows_, lost, mark) FROM got WHERE rows_ + lost <> mark");
    must_be_none("SELECT format('stream %d: number %d is there %d times', stream, seq,"
                 " count(*)) FROM results GROUP BY stream, seq HAVING count(*) > 1");
    must_be_none(
        "SELECT format('stream %d: number %d is beyond the mark or below 1', stream,"
        " seq) FROM results LEFT JOIN got ON no = stream"
        " WHERE seq > coalesce(mark, 0) OR seq < 1");
    must_be_none("SELECT format('stream %d: number %d is there and lost', r.stream, seq)"
                 " FROM main.gaps g JOIN results r ON r.stream = g.stream"
                 " AND seq BETWEEN first_seq AND first_seq + n - 1");
    must_be_none(
        "SELECT format('stream %d: gaps overlap at %d', a.stream, b.first_seq)"
        " FROM main.gaps a JOIN main.gaps b ON a.stream = b.stream AND a.id <> b.id"
        " AND b.first_seq BETWEEN a.first_seq AND a.first_seq + a.n - 1");
}

static void check_spooled(void)
{
    must_be_none("SELECT format('spool %d, stream %d: %d to %d are not acknowledged, %d "
                 "of them are"
                 " in the spool', spool, s.id, acked + 1, last, there) FROM"
                 " (SELECT s.*, (SELECT coalesce(sum(to_ - max(first, acked + 1) + 1), "
                 "0) FROM held h"
                 "   WHERE h.id = s.id AND to_ > acked) AS there FROM sent s) s"
                 " WHERE there <> last - acked");
    must_be_none(
        "SELECT format('stream %d: spooled twice at %d', a.id, b.first) FROM held a"
        " JOIN held b ON a.id = b.id AND a.rowid <> b.rowid"
        " AND b.first BETWEEN a.first AND a.to_");
}

int main(int argc, char **argv)
{
    bool drained = argc > 1 && strcmp(argv[1], "--drained") == 0;
    int at = drained ? 2 : 1;
    if (argc - at < 2) {
        fprintf(stderr, "usage: check_delivery [--drained] COORDINATOR_DB SPOOL_DB...\n");
        return 2;
    }
    char *uri = sqlite3_mprintf("file:%s?mode=ro", argv[at]);
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
    if (sqlite3_open_v2(uri, &db, flags, NULL) != SQLITE_OK)
        give_up(argv[at]);
    sqlite3_free(uri);
    sqlite3_busy_timeout(db, 5000);
    run("CREATE TEMP TABLE sent (spool INT, id INT, last INT, acked INT);"
        "CREATE TEMP TABLE held (id INT, first INT, to_ INT)");
    /* Those that live go on while we read. What the spools say is acknowledged must be in
     * the coordinator's file read after them; what it had before them, they must have
     * numbered. */
    run("CREATE TEMP TABLE early AS SELECT stream_id AS id, high_water AS mark"
        " FROM main.streams");
    for (int i = at + 1; i < argc; i++)
        read_spool(argv[i], i - at);
    run("BEGIN");
    must_be_sound(argv[at], "main");
    summarise();
    check_acknowledged(drained);
    check_counted_once();
    check_spooled();
    printf(
        "%lld streams: %lld results and %lld lost counted once, %lld acknowledged, %lld"
        " waiting; %u violations\n",
        (long long)ask("SELECT count(*) FROM got"),
        (long long)ask("SELECT coalesce(sum(rows_), 0) FROM got"),
        (long long)ask("SELECT coalesce(sum(lost), 0) FROM got"),
        (long long)ask("SELECT coalesce(sum(acked), 0) FROM sent"),
        (long long)ask("SELECT coalesce(sum(last - acked), 0) FROM sent"), n_violations);
    run("COMMIT");
    sqlite3_close(db);
    return n_violations ? 1 : 0;
}
