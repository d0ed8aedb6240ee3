/* Results: deduplicated, durable, read back; the database as a file. */
#include "test.h"

#include "store_fixture.h"

#include "base/err.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* From schema/NNN.sql. */
extern const char *const plx_store_migrations[];
extern const size_t plx_store_n_migrations;

#define STREAM UINT64_C(0xfedcba9876543210)

static int setup(void **state)
{
    static struct store_fixture fx;
    fixture_init(&fx);
    fixture_open(&fx);
    *state = &fx;
    return 0;
}

static int setup_closed(void **state)
{
    static struct store_fixture fx;
    fixture_init(&fx);
    *state = &fx;
    return 0;
}

static int teardown(void **state)
{
    fixture_fini(*state);
    return 0;
}

/* ---- ingest ---- */

static void new_results__are_stored_and_handed_back(void **state)
{
    struct store_fixture *fx = *state;
    fixture_ingest(fx, 7, STREAM, 1, 500);
    assert_int_equal(fx->ingested.verdict, PLX_DEDUP_TAKE);
    assert_int_equal(fx->ingested.high_water, 500);
    assert_int_equal(fx->ingested.n_fresh, 500);
    assert_int_equal(fx->ingested.agent_id, 7);
    assert_true(fx->ingested.stream_id == STREAM);
    assert_int_equal(fx->first_fresh, 1);
    assert_int_equal(fixture_count_rows(fx), 500);
}

static void repeated_results__are_acknowledged_again_and_counted_once(void **state)
{
    struct store_fixture *fx = *state;
    fixture_ingest(fx, 7, STREAM, 1, 100);
    fixture_ingest(fx, 7, STREAM, 1, 100);
    assert_int_equal(fx->ingested.verdict, PLX_DEDUP_REPEAT);
    assert_int_equal(fx->ingested.high_water, 100);
    assert_int_equal(fx->ingested.n_fresh, 0);
    fixture_ingest(fx, 7, STREAM, 51, 100);
    assert_int_equal(fx->ingested.verdict, PLX_DEDUP_TAKE);
    assert_int_equal(fx->ingested.n_fresh, 50);
    assert_int_equal(fx->first_fresh, 101);
    assert_int_equal(fx->ingested.high_water, 150);
    assert_int_equal(fixture_count_rows(fx), 150);
    struct plx_store_health health;
    plx_store_health(fx->store, &health);
    assert_int_equal(health.n_results, 150);
    assert_int_equal(health.n_repeats, 150);
}

static void a_hole__takes_nothing_and_tells_the_mark(void **state)
{
    struct store_fixture *fx = *state;
    fixture_ingest(fx, 7, STREAM, 2, 10);
    assert_int_equal(fx->ingested.verdict, PLX_DEDUP_HOLE);
    assert_int_equal(fx->ingested.high_water, 0);
    fixture_ingest(fx, 7, STREAM, 1, 10);
    fixture_ingest(fx, 7, STREAM, 12, 10);
    assert_int_equal(fx->ingested.verdict, PLX_DEDUP_HOLE);
    assert_int_equal(fx->ingested.high_water, 10);
    assert_int_equal(fixture_count_rows(fx), 10);
}

static bool keep_gap(void *arg, const struct plx_store_gap *gap)
{
    *(struct plx_store_gap *)arg = *gap;
    return true;
}

static void a_lost_range__becomes_a_gap(void **state)
{
    struct store_fixture *fx = *state;
    fixture_ingest(fx, 7, STREAM, 1, 10);
    fixture_lose(fx, 7, STREAM, 6, 100);
    assert_int_equal(fx->ingested.verdict, PLX_DEDUP_TAKE);
    assert_int_equal(fx->ingested.n_lost, 95);
    assert_int_equal(fx->ingested.n_fresh, 0);
    assert_int_equal(fx->ingested.high_water, 105);
    struct plx_store_gap gap = {0};
    struct plx_wall epoch = {0};
    assert_int_equal(plx_store_read_gaps(fx->store, 0, epoch, 10, keep_gap, &gap), 0);
    assert_int_equal(gap.first_seq, 11);
    assert_int_equal(gap.n, 95);
    assert_int_equal(gap.agent_id, 7);
    assert_true(gap.stream_id == STREAM);
    assert_int_equal(gap.from.ns, FIXTURE_NOON.ns);
    fixture_lose(fx, 7, STREAM, 6, 100);
    assert_int_equal(fx->ingested.verdict, PLX_DEDUP_REPEAT);
    fixture_ingest(fx, 7, STREAM, 106, 4);
    assert_int_equal(fx->ingested.high_water, 109);
    assert_int_equal(fixture_count_rows(fx), 14);
}

static void a_stream_of_another_agent__is_another_stream(void **state)
{
    struct store_fixture *fx = *state;
    fixture_ingest(fx, 7, STREAM, 1, 10);
    fixture_ingest(fx, 8, STREAM, 1, 10);
    assert_int_equal(fx->ingested.n_fresh, 10);
    fixture_ingest(fx, 8, STREAM + 1, 1, 10);
    assert_int_equal(fx->ingested.n_fresh, 10);
    fixture_ingest(fx, 8, STREAM, 11, 10);
    assert_int_equal(fx->ingested.high_water, 20);
    assert_int_equal(fixture_count_rows(fx), 40);
}

static void what_is_no_range__is_refused(void **state)
{
    struct store_fixture *fx = *state;
    assert_int_equal(fixture_submit(fx, 7, STREAM, 0, 1, FIXTURE_NOON), 0);
    fixture_await(fx, 1);
    assert_int_equal(fx->err, PLX_EINVAL);
    assert_int_equal(fixture_submit(fx, 7, STREAM, 1, 0, FIXTURE_NOON), 0);
    fixture_await(fx, 2);
    assert_int_equal(fx->err, PLX_EINVAL);
    assert_int_equal(fixture_submit(fx, 0, STREAM, 1, 1, FIXTURE_NOON), PLX_EINVAL);
    struct plx_msg_results big = {.stream_id = 1, .first_seq = 1, .n = 2001};
    assert_int_equal(plx_store_ingest(fx->store, 7, &big, FIXTURE_NOON, NULL, NULL),
                     PLX_ETOOBIG);
}

static void one_stream_too_many__forgets_the_idlest(void **state)
{
    struct store_fixture *fx = *state;
    for (unsigned i = 0; i < PLX_STORE_STREAMS_MAX; i++) {
        struct plx_wall at = plx_wall_add(FIXTURE_NOON, (i == 0 ? 9999 : i) * PLX_MS_NS);
        assert_int_equal(fixture_submit(fx, 7, 100 + i, 1, 1, at), 0);
        if (i % 1000 == 999)
            fixture_await(fx, i + 1);
    }
    fixture_await(fx, PLX_STORE_STREAMS_MAX);
    assert_int_equal(fx->err, 0);
    fixture_ingest(fx, 8, 1, 1, 1);
    fixture_ingest(fx, 7, 1, 1, 1);
    assert_int_equal(fx->ingested.verdict, PLX_DEDUP_TAKE);
    /* 100 moved last, so it was 101. */
    fixture_ingest(fx, 7, 100, 2, 1);
    assert_int_equal(fx->ingested.verdict, PLX_DEDUP_TAKE);
    fixture_ingest(fx, 7, 102, 2, 1);
    assert_int_equal(fx->ingested.verdict, PLX_DEDUP_TAKE);
    fixture_ingest(fx, 7, 101, 2, 1);
    assert_int_equal(fx->ingested.verdict, PLX_DEDUP_HOLE);
}

static void a_full_queue__refuses(void **state)
{
    struct store_fixture *fx = *state;
    fixture_close(fx);
    fx->options.queue_jobs = 3;
    fixture_open(fx);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(fixture_submit(fx, 7, STREAM, 1 + i, 1, FIXTURE_NOON), 0);
    /* Finished or not: they count until they are polled. */
    assert_int_equal(fixture_submit(fx, 7, STREAM, 4, 1, FIXTURE_NOON), PLX_EAGAIN);
    struct plx_store_health health;
    plx_store_health(fx->store, &health);
    assert_int_equal(health.refused_jobs, 1);
    assert_int_equal(health.queued_jobs, 3);
    fixture_await(fx, 3);
    fixture_ingest(fx, 7, STREAM, 4, 1);
    fixture_close(fx);
    fx->options.queue_bytes = 20000;
    fixture_open(fx);
    assert_int_equal(fixture_submit(fx, 7, STREAM, 5, 500, FIXTURE_NOON), PLX_ETOOBIG);
}

static void results__leave_room_for_decisions(void **state)
{
    struct store_fixture *fx = *state;
    fixture_close(fx);
    fx->options.queue_jobs = 8;
    fixture_open(fx);
    const struct plx_store_verdict verdict = {.monitor_id = 1,
                                              .at = FIXTURE_NOON,
                                              .was = "up",
                                              .now = "service_down",
                                              .scope = "",
                                              .sentence = "",
                                              .faults = "[]"};
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(fixture_submit(fx, 7, STREAM, 1 + i, 1, FIXTURE_NOON), 0);
    assert_int_equal(fixture_submit(fx, 7, STREAM, 7, 1, FIXTURE_NOON), PLX_EAGAIN);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(
            plx_store_add_verdicts(fx->store, &verdict, 1, fixture_on_done, fx), 0);
    assert_int_equal(plx_store_add_verdicts(fx->store, &verdict, 1, fixture_on_done, fx),
                     PLX_EAGAIN);
    fixture_await(fx, 8);
}

/* ---- reading ---- */

struct rows {
    size_t n, enough;
    uint64_t first, last;
};

static bool keep_row(void *arg, const struct plx_store_row *row)
{
    struct rows *rows = arg;
    if (!rows->n++)
        rows->first = row->result.seq;
    rows->last = row->result.seq;
    return rows->n != rows->enough;
}

static struct rows read_range(struct store_fixture *fx, struct plx_store_range range)
{
    struct plx_store_cursor cursor = {0};
    struct rows rows = {0};
    int err = plx_store_read_results(fx->store, &range, &cursor, 100000, keep_row, &rows);
    assert_int_equal(err, 0);
    assert_true(cursor.at_end);
    return rows;
}

/* Ten batches of 100, an hour apart from 20:00 on: over midnight. */
static void ingest_a_night(struct store_fixture *fx)
{
    for (unsigned i = 0; i < 10; i++) {
        struct plx_wall at = plx_wall_add(FIXTURE_NOON, (8 + i) * PLX_HOUR_NS);
        fixture_submit(fx, 7, STREAM, 1 + 100 * i, 100, at);
        fixture_await(fx, i + 1);
        assert_int_equal(fx->err, 0);
    }
}

static void a_range__is_read_in_order_over_midnight(void **state)
{
    struct store_fixture *fx = *state;
    ingest_a_night(fx);
    struct rows all = read_range(fx, (struct plx_store_range){0});
    assert_int_equal(all.n, 1000);
    assert_int_equal(all.first, 1);
    assert_int_equal(all.last, 1000);

    struct plx_wall two = plx_wall_add(FIXTURE_NOON, 10 * PLX_HOUR_NS);
    struct plx_wall six = plx_wall_add(FIXTURE_NOON, 14 * PLX_HOUR_NS);
    struct rows some = read_range(fx, (struct plx_store_range){.from = two, .to = six});
    assert_int_equal(some.n, 400);
    assert_int_equal(some.first, 201);
    assert_int_equal(some.last, 600);

    struct rows last =
        read_range(fx, (struct plx_store_range){.from = two, .last_rows = 650});
    assert_int_equal(last.n, 650);
    assert_int_equal(last.first, 351);
    last = read_range(fx, (struct plx_store_range){.from = six, .last_rows = 5000});
    assert_int_equal(last.first, 601);
    struct plx_wall later = plx_wall_add(FIXTURE_NOON, PLX_DAY_NS * 3);
    assert_int_equal(read_range(fx, (struct plx_store_range){.from = later}).n, 0);
}

static void a_monitor__is_read_page_by_page(void **state)
{
    struct store_fixture *fx = *state;
    ingest_a_night(fx);
    size_t want = 0;
    for (uint64_t seq = 1; seq <= 1000; seq++)
        want += fixture_result(7, seq).monitor_id == 3;
    struct plx_store_range range = {.monitor_id = 3};
    struct plx_store_cursor cursor = {0};
    struct rows rows = {.enough = 20};
    while (!cursor.at_end) {
        size_t before = rows.n;
        assert_int_equal(
            plx_store_read_results(fx->store, &range, &cursor, 7, keep_row, &rows), 0);
        assert_true(rows.n - before <= 7);
    }
    assert_int_equal(rows.n, want);
    range = (struct plx_store_range){.agent_id = 8};
    assert_int_equal(read_range(fx, range).n, 0);
}

static void a_read_past_its_deadline__can_be_continued(void **state)
{
    struct store_fixture *fx = *state;
    ingest_a_night(fx);
    fixture_close(fx);
    fx->options.read_ns = -1;
    fixture_open(fx);
    struct plx_store_cursor cursor = {0};
    struct plx_store_range range = {0};
    struct rows rows = {0};
    unsigned timeouts = 0;
    while (!cursor.at_end) {
        int err =
            plx_store_read_results(fx->store, &range, &cursor, 5000, keep_row, &rows);
        timeouts += err == PLX_ETIMEOUT;
        assert_true(err == 0 || err == PLX_ETIMEOUT);
    }
    assert_int_equal(rows.n, 1000);
    assert_true(timeouts > 0);
}

/* ---- retention, backup ---- */

static void dropping__takes_whole_days_and_keeps_the_marks(void **state)
{
    struct store_fixture *fx = *state;
    ingest_a_night(fx);
    struct plx_wall next_noon = plx_wall_add(FIXTURE_NOON, PLX_DAY_NS);
    assert_int_equal(plx_store_drop_before(fx->store, next_noon, fixture_on_done, fx), 0);
    fixture_await(fx, 11);
    assert_int_equal(fx->err, 0);
    assert_int_equal(read_range(fx, (struct plx_store_range){0}).first, 401);
    fixture_ingest(fx, 7, STREAM, 1, 1000);
    assert_int_equal(fx->ingested.verdict, PLX_DEDUP_REPEAT);
    struct plx_wall far = plx_wall_add(FIXTURE_NOON, 30 * PLX_DAY_NS);
    assert_int_equal(plx_store_drop_before(fx->store, far, fixture_on_done, fx), 0);
    fixture_await(fx, 13);
    assert_int_equal(read_range(fx, (struct plx_store_range){0}).n, 0);
    fixture_ingest(fx, 7, STREAM, 1001, 5);
    assert_int_equal(fx->ingested.verdict, PLX_DEDUP_TAKE);
}

/* With results kept for a day only, an agent that was away for a week still has the rest
 * of an older stream. */
static void dropping__keeps_marks_as_long_as_agents_spool(void **state)
{
    struct store_fixture *fx = *state;
    fixture_ingest(fx, 7, STREAM, 1, 10);
    fixture_ingest(fx, 7, STREAM + 1, 1, 10); /* newer, so the first has no privilege */
    struct plx_wall week = plx_wall_add(FIXTURE_NOON, 7 * PLX_DAY_NS);
    assert_int_equal(plx_store_drop_before(fx->store, week, fixture_on_done, fx), 0);
    fixture_await(fx, 3);
    fixture_ingest(fx, 7, STREAM, 11, 1);
    assert_int_equal(fx->ingested.verdict, PLX_DEDUP_TAKE);
    struct plx_wall far = plx_wall_add(FIXTURE_NOON, 30 * PLX_DAY_NS);
    fixture_ingest(fx, 7, STREAM + 2, 1, 1);
    assert_int_equal(plx_store_drop_before(fx->store, far, fixture_on_done, fx), 0);
    fixture_await(fx, 6);
    fixture_ingest(fx, 7, STREAM, 12, 1);
    assert_int_equal(fx->ingested.verdict, PLX_DEDUP_HOLE);
}

static void a_backup_under_load__is_a_whole_database(void **state)
{
    struct store_fixture *fx = *state;
    fixture_close(fx);
    fx->options.backup_pages = 1;
    fixture_open(fx);
    fixture_ingest(fx, 7, STREAM, 1, 2000);
    const char *path = fixture_path(fx, "copy.db");
    assert_int_equal(plx_store_backup(fx->store, path, fixture_on_done, fx), 0);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(fixture_submit(fx, 7, STREAM, 2001 + i, 1, FIXTURE_NOON), 0);
    fixture_await(fx, 12);
    assert_int_equal(fx->err, 0);
    assert_int_equal(plx_store_backup(fx->store, path, fixture_on_done, fx), 0);
    fixture_await(fx, 13);
    assert_int_equal(fx->err, PLX_EEXISTS);
    fixture_close(fx);

    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    char copy[128];
    snprintf(copy, sizeof copy, "%s", path);
    unlink(fixture_path(fx, "parallax.db"));
    assert_int_equal(rename(copy, fixture_path(fx, "parallax.db")), 0);
    fixture_open(fx);
    assert_true(fixture_count_rows(fx) >= 2000);
}

/* ---- the file ---- */

static void a_stop__commits_what_is_queued(void **state)
{
    struct store_fixture *fx = *state;
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(fixture_submit(fx, 7, STREAM, 1 + 10 * i, 10, FIXTURE_NOON), 0);
    plx_store_stop(fx->store);
    assert_int_equal(fixture_submit(fx, 7, STREAM, 501, 1, FIXTURE_NOON), PLX_EGONE);
    plx_store_poll(fx->store);
    assert_int_equal(fx->n_done, 50);
    assert_int_equal(fx->err, 0);
    plx_store_destroy(&fx->store);
    fixture_open(fx);
    assert_int_equal(fixture_count_rows(fx), 500);
    struct stat st;
    assert_int_equal(stat(fixture_path(fx, "parallax.db"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* In a process of its own: ingests until it is killed, writing each acknowledged mark. */
static void ingest_for_ever(struct store_fixture *fx, int report)
{
    fixture_open(fx);
    fixture_ingest(fx, 7, STREAM, 1, 1); /* a repeat but the first time: tells the mark */
    for (;;) {
        uint64_t mark = fx->ingested.high_water;
        if (write(report, &mark, sizeof mark) != sizeof mark)
            _exit(1);
        fixture_ingest(fx, 7, STREAM, mark + 1, 37);
    }
}

static uint64_t kill_after(struct store_fixture *fx, unsigned n_acks)
{
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(pipe_fds[0]);
        ingest_for_ever(fx, pipe_fds[1]);
    }
    close(pipe_fds[1]);
    uint64_t mark = 0;
    for (unsigned i = 0; i < n_acks; i++)
        assert_int_equal(read(pipe_fds[0], &mark, sizeof mark), sizeof mark);
    kill(pid, SIGKILL);
    while (read(pipe_fds[0], &mark, sizeof mark) == sizeof mark)
        ;
    close(pipe_fds[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return mark;
}

static void a_killed_store__has_all_it_acknowledged_once(void **state)
{
    struct store_fixture *fx = *state;
    for (unsigned round = 1; round <= 12; round++) {
        uint64_t acked = kill_after(fx, 1 + round * 5 % 7);
        fixture_open(fx);
        size_t rows = fixture_count_rows(fx); /* checks that none is there twice */
        assert_true(rows >= acked);
        fixture_ingest(fx, 7, STREAM, 1, 1);
        assert_int_equal(fx->ingested.high_water, rows);
        plx_store_destroy(&fx->store);
    }
}

static void sql(struct store_fixture *fx, const char *text)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(fixture_path(fx, "parallax.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void expect_refusal(struct store_fixture *fx, int err, const char *sentence)
{
    assert_int_equal(fixture_try_open(fx), err);
    assert_null(fx->store);
    if (!strstr(fx->why, sentence))
        fail_msg("'%s' is not in '%s'", sentence, fx->why);
    assert_non_null(strstr(fx->why, fx->dir));
}

static void a_newer_database__is_refused_and_untouched(void **state)
{
    struct store_fixture *fx = *state;
    char back[64];
    fixture_open(fx);
    fixture_close(fx);
    snprintf(back, sizeof back, "PRAGMA user_version = %zu", plx_store_n_migrations);
    sql(fx, "PRAGMA user_version = 999");
    expect_refusal(fx, PLX_EVERSION, "newer version");
    sql(fx, back);
    fixture_open(fx);
}

/* Drops the tables that the first schema did not have. */
static void forget_later_tables(struct store_fixture *fx)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    char made[256], drops[4096] = "";
    assert_int_equal(sqlite3_open(fixture_path(fx, "parallax.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT name FROM sqlite_master WHERE type = "
                                        "'table' AND name NOT GLOB 'results_*'"
                                        " AND name NOT GLOB 'sqlite_*'",
                                        -1, &s, NULL),
                     SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(s, 0);
        size_t n = strlen(drops);
        snprintf(made, sizeof made, "CREATE TABLE %s (", name);
        if (!strstr(plx_store_migrations[0], made))
            snprintf(drops + n, sizeof drops - n, "DROP TABLE %s;", name);
    }
    sqlite3_finalize(s);
    sqlite3_close(db);
    sql(fx, drops);
}

/* As the first version left it, with a day of results. */
static void a_database_of_schema_1__gains_the_excerpt(void **state)
{
    struct store_fixture *fx = *state;
    fixture_open(fx);
    fixture_ingest(fx, 7, STREAM, 1, 4); /* these have no excerpt */
    fixture_close(fx);
    forget_later_tables(fx);
    sql(fx, "ALTER TABLE results_20261123 DROP COLUMN excerpt; PRAGMA user_version = 1");
    fixture_open(fx);
    fixture_ingest(fx, 7, STREAM, 5, 6);
    assert_int_equal(fixture_count_rows(fx), 10); /* compares each */
}

static void a_foreign_database__is_refused(void **state)
{
    struct store_fixture *fx = *state;
    sql(fx, "CREATE TABLE theirs (x)");
    expect_refusal(fx, PLX_EINVAL, "another program");
    sql(fx, "INSERT INTO theirs VALUES (1); PRAGMA application_id = 77");
    expect_refusal(fx, PLX_EINVAL, "another program");
}

static void overwrite(struct store_fixture *fx, off_t at, const char *bytes, size_t len)
{
    int fd = open(fixture_path(fx, "parallax.db"), O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, at), len);
    close(fd);
}

static void what_is_no_database__is_refused(void **state)
{
    struct store_fixture *fx = *state;
    char text[4096];
    memset(text, 'x', sizeof text);
    overwrite(fx, 0, text, sizeof text);
    expect_refusal(fx, PLX_ECORRUPT, "damaged or no database");
    unlink(fixture_path(fx, "parallax.db"));
    assert_int_equal(mkdir(fixture_path(fx, "parallax.db"), 0700), 0);
    expect_refusal(fx, PLX_EINVAL, "is not a file");
    rmdir(fixture_path(fx, "parallax.db"));
}

static void damage_after_an_unclean_stop__is_found_and_refused(void **state)
{
    struct store_fixture *fx = *state;
    fixture_open(fx);
    fixture_ingest(fx, 7, STREAM, 1, 2000);
    fixture_close(fx);
    char zeros[2048] = {0};
    struct stat st;
    assert_int_equal(stat(fixture_path(fx, "parallax.db"), &st), 0);
    sql(fx, "UPDATE state SET value = 0 WHERE key = 'clean'");
    overwrite(fx, st.st_size / 2 / 4096 * 4096, zeros, sizeof zeros);
    expect_refusal(fx, PLX_ECORRUPT, "restore a backup");
}

static void a_missing_folder__is_refused(void **state)
{
    struct store_fixture *fx = *state;
    fx->options.dir = "/nonexistent/plx";
    assert_int_equal(fixture_try_open(fx), PLX_EIO);
    assert_non_null(strstr(fx->why, "/nonexistent/plx/parallax.db"));
}

#define OPEN(test)   cmocka_unit_test_setup_teardown(test, setup, teardown)
#define CLOSED(test) cmocka_unit_test_setup_teardown(test, setup_closed, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPEN(new_results__are_stored_and_handed_back),
        OPEN(repeated_results__are_acknowledged_again_and_counted_once),
        OPEN(a_hole__takes_nothing_and_tells_the_mark),
        OPEN(a_lost_range__becomes_a_gap),
        OPEN(a_stream_of_another_agent__is_another_stream),
        OPEN(what_is_no_range__is_refused),
        OPEN(one_stream_too_many__forgets_the_idlest),
        OPEN(a_full_queue__refuses),
        OPEN(results__leave_room_for_decisions),
        OPEN(a_range__is_read_in_order_over_midnight),
        OPEN(a_monitor__is_read_page_by_page),
        OPEN(a_read_past_its_deadline__can_be_continued),
        OPEN(dropping__takes_whole_days_and_keeps_the_marks),
        OPEN(dropping__keeps_marks_as_long_as_agents_spool),
        OPEN(a_backup_under_load__is_a_whole_database),
        OPEN(a_stop__commits_what_is_queued),
        CLOSED(a_killed_store__has_all_it_acknowledged_once),
        CLOSED(a_newer_database__is_refused_and_untouched),
        CLOSED(a_database_of_schema_1__gains_the_excerpt),
        CLOSED(a_foreign_database__is_refused),
        CLOSED(what_is_no_database__is_refused),
        CLOSED(damage_after_an_unclean_stop__is_found_and_refused),
        CLOSED(a_missing_folder__is_refused),
    };
    return PLX_RUN(tests);
}
