/* The power fails at any moment: of the coordinator's store and the agent's spool, what
 * was acknowledged is there afterwards, once, and both files are sound.
 *
 *   test_power [CUTS [SEED]]     so many cuts of each; default 20, seed 1 */
#include "power_vfs.h"
#include "store_fixture.h"
#include "test.h"

#include "agent/io/spool.h"
#include "base/err.h"
#include "base/rng.h"
#include "coordinator/io/store_rollups.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <poll.h>
#include <sqlite3.h>
#include <unistd.h>

/* Cuts of one database, one after the other; then a new one. */
#define LIVES       25
#define N_STREAMS   2
#define STREAMS_MAX 256
#define FULL_BATCH  300

static unsigned n_cuts = 20;
static uint64_t first_seed = 1;

static const char *folder(uint64_t i)
{
    static char path[48];
    snprintf(path, sizeof path, "/tmp/plx-power-%d-%u", (int)getpid(), (unsigned)(i % 2));
    return path;
}

static void make_folder(uint64_t i)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s && mkdir -m 700 %s", folder(i),
             folder(i));
    assert_int_equal(system(command), 0);
}

static void remove_folders(void)
{
    make_folder(0);
    rmdir(folder(0));
    make_folder(1);
    rmdir(folder(1));
}

/* One value of a database that nobody uses; -1: no such table. */
static int64_t ask(const char *path, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *s = NULL;
    int64_t value = -1;
    assert_int_equal(sqlite3_open(path, &db), 0);
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        value = sqlite3_column_type(s, 0) == SQLITE_TEXT
                    ? strcmp((const char *)sqlite3_column_text(s, 0), "ok") == 0
                    : sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return value;
}

static const char *file_of(uint64_t i, const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder(i), name);
    return path;
}

/* ---- the store ---- */

/* What was acknowledged, and what more was submitted. */
struct promise {
    uint64_t acked[N_STREAMS], sent[N_STREAMS];
    uint64_t token_acked, token_sent;
};

struct waiting {
    struct promise *promise;
    unsigned n;
};

static void on_ingest(void *arg, int err, const struct plx_store_ingested *batch)
{
    struct waiting *w = arg;
    w->n--;
    if (err)
        return;
    uint64_t *acked = &w->promise->acked[batch->stream_id - 1];
    if (batch->high_water > *acked)
        *acked = batch->high_water;
}

static void on_token(void *arg, int err, const char *why)
{
    struct waiting *w = arg;
    (void)why;
    w->n--;
    if (!err)
        w->promise->token_acked = w->promise->token_sent;
}

static void await_store(struct plx_store *store, const struct waiting *w)
{
    while (w->n) {
        struct pollfd p = {.fd = plx_store_fd(store), .events = POLLIN};
        assert_int_equal(poll(&p, 1, 20000), 1);
        plx_store_poll(store);
    }
}

/* As an agent does: from the mark on, what was sent before and something new. */
static int submit(struct plx_store *store, struct promise *p, struct waiting *w,
                  struct plx_rng *rng)
{
    static struct plx_result results[FULL_BATCH];
    uint64_t stream = 1 + plx_rng_below(rng, N_STREAMS);
    uint64_t first = p->acked[stream - 1] + 1;
    size_t n = 1 + (size_t)plx_rng_below(rng, FULL_BATCH);
    struct plx_msg_results batch = {.stream_id = stream, .first_seq = first, .n = n};
    for (size_t i = 0; i < n; i++)
        results[i] = fixture_result(stream, first + i);
    batch.results = results;
    if (first + n - 1 > p->sent[stream - 1])
        p->sent[stream - 1] = first + n - 1;
    w->n++;
    int err = plx_store_ingest(store, stream, &batch, FIXTURE_NOON, on_ingest, w);
    w->n -= err != 0;
    return err;
}

static int put_token(struct plx_store *store, struct promise *p, struct waiting *w)
{
    char value[32];
    snprintf(value, sizeof value, "%llu", (unsigned long long)++p->token_sent);
    w->n++;
    const struct plx_store_access token = {.kind = PLX_ACCESS_TOKEN,
                                           .name = (char *)"life",
                                           .role = (char *)"viewer",
                                           .secret = value};
    int err = plx_store_put_access(store, &token, "test", FIXTURE_NOON, on_token, w);
    w->n -= err != 0;
    return err;
}

/* One life of the store, until the power goes or the work is done. */
static void live(uint64_t at, struct promise *p, struct plx_rng *rng)
{
    struct plx_store_options options;
    struct plx_store *store = NULL;
    struct waiting w = {p, 0};
    struct plx_why why;
    plx_store_options_default(&options);
    options.dir = folder(at);
    options.group_ns = 0;
    options.rollup_ns = PLX_MS_NS;
    int err = plx_store_open(&options, &store, &why);
    for (int round = 0; !err && round < 6; round++) {
        for (int i = 0; !err && i < 3; i++)
            err = submit(store, p, &w, rng);
        if (!err)
            err = put_token(store, p, &w);
        await_store(store, &w);
    }
    if (store)
        plx_store_stop(store);
    if (store)
        plx_store_poll(store);
    plx_store_destroy(&store);
}

static bool count_row(void *arg, const struct plx_store_row *row)
{
    uint64_t *last = arg;
    struct plx_result want = fixture_result(row->agent_id, row->result.seq);
    assert_true(row->agent_id >= 1 && row->agent_id <= N_STREAMS);
    assert_int_equal(row->result.monitor_id, want.monitor_id);
    assert_int_equal(row->result.scheduled.ns, want.scheduled.ns);
    /* Contiguous: none missing, none twice. */
    assert_true(row->result.seq == last[row->agent_id - 1] + 1);
    last[row->agent_id - 1]++;
    return true;
}

static bool count_rollup(void *arg, const struct plx_store_rollup_row *row)
{
    uint64_t *n = arg;
    *n += row->rollup->extra;
    for (size_t o = 0; o < PLX_OUTCOME_COUNT_; o++)
        *n += row->rollup->outcomes[o];
    return true;
}

/* Every result is in the rollups once, whatever was cut. */
static void check_rollups(struct plx_store *store, uint64_t n_rows)
{
    struct plx_store_reader *reader;
    struct plx_why why;
    struct plx_store_rollup_range days = {.level = PLX_ROLLUP_DAY, .to = {INT64_MAX / 2}};
    uint64_t n = 0;
    assert_int_equal(plx_store_reader_new(store, &reader, &why), 0);
    for (int i = 0; i < 10000; i++) {
        n = 0;
        assert_int_equal(plx_store_read_rollups(reader, &days, count_rollup, &n), 0);
        if (n >= n_rows)
            break;
        poll(NULL, 0, 1);
    }
    assert_int_equal(n, n_rows);
    plx_store_reader_destroy(&reader);
}

static void check_rows(uint64_t at, const struct promise *p)
{
    uint64_t last[N_STREAMS] = {0};
    struct store_fixture fx = {0};
    struct plx_store_range all = {0};
    struct plx_store_cursor cursor = {0};
    plx_store_options_default(&fx.options);
    fx.options.dir = folder(at);
    fx.options.rollup_ns = PLX_MS_NS;
    fixture_open(&fx);
    while (!cursor.at_end)
        assert_int_equal(
            plx_store_read_results(fx.store, &all, &cursor, 1000, count_row, last), 0);
    uint64_t n_rows = 0;
    for (size_t i = 0; i < N_STREAMS; i++)
        n_rows += last[i];
    check_rollups(fx.store, n_rows);
    fixture_close(&fx);
    for (size_t i = 0; i < N_STREAMS; i++) {
        assert_true(last[i] >= p->acked[i]);
        assert_true(last[i] <= p->sent[i]);
    }
}

static void check_store(uint64_t at, const struct promise *p)
{
    char sql[128];
    int64_t version = ask(file_of(at, "parallax.db"), "PRAGMA user_version");
    assert_int_equal(ask(file_of(at, "parallax.db"), "PRAGMA integrity_check"), 1);
    for (int i = 0; version > 0 && i < N_STREAMS; i++) {
        snprintf(sql, sizeof sql,
                 "SELECT coalesce(sum(high_water), 0) FROM streams WHERE stream_id = %d",
                 i + 1);
        assert_true(ask(file_of(at, "parallax.db"), sql) >= (int64_t)p->acked[i]);
    }
    check_rows(at, p);
    int64_t token =
        ask(file_of(at, "parallax.db"), "SELECT CAST(secret AS INTEGER) FROM access"
                                        " WHERE name = 'life'");
    assert_true(token >= (int64_t)p->token_acked || p->token_acked == 0);
    assert_true(token <= (int64_t)p->token_sent);
}

/* How many calls there are to cut at: of a life that is not. */
static long calls_of_a_life(uint64_t seed)
{
    struct promise p = {0};
    struct plx_rng rng;
    plx_rng_init(&rng, seed);
    make_folder(0);
    plx_power_vfs_arm(0);
    live(0, &p, &rng);
    assert_true(p.acked[0] > 0 && p.acked[0] == p.sent[0]);
    return plx_power_vfs_calls();
}

static void the_store__keeps_what_it_acknowledged(void **state)
{
    (void)state;
    struct promise p = {0};
    struct plx_rng rng;
    plx_rng_init(&rng, first_seed);
    long calls = calls_of_a_life(first_seed);
    for (uint64_t i = 0; i < n_cuts; i++) {
        if (i % LIVES == 0) {
            make_folder(i);
            p = (struct promise){0};
        }
        plx_power_vfs_arm(1 + (long)plx_rng_below(&rng, (uint64_t)calls));
        live(i, &p, &rng);
        plx_power_vfs_cut();
        make_folder(i + 1);
        plx_power_vfs_image(folder(i + 1), plx_rng_u64(&rng));
        plx_power_vfs_arm(0);
        check_store(i + 1, &p);
    }
    remove_folders();
    print_message("store: %u cuts at up to %ld calls, seed %llu\n", n_cuts, calls,
                  (unsigned long long)first_seed);
}

/* ---- the spool ---- */

struct told {
    uint64_t id, stored, acked;
};

struct agent {
    struct told list[STREAMS_MAX];
    size_t n;
};

static struct told *told_of(struct agent *a, uint64_t id)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->list[i].id == id)
            return &a->list[i];
    assert_true(a->n < STREAMS_MAX);
    a->list[a->n] = (struct told){.id = id};
    return &a->list[a->n++];
}

static void hear(struct plx_spool *spool, struct agent *a)
{
    struct pollfd p = {.fd = plx_spool_fd(spool), .events = POLLIN};
    poll(&p, 1, 5);
    struct plx_spool_event *e = plx_spool_take(spool);
    while (e) {
        struct plx_spool_event *next = e->next;
        assert_true(e->type != PLX_SPOOL_RESET);
        struct told *t = e->stream_id ? told_of(a, e->stream_id) : NULL;
        if (t && e->type == PLX_SPOOL_STORED)
            t->stored = e->last;
        plx_spool_event_free(e);
        e = next;
    }
}

static uint64_t stored_in_all(const struct agent *a)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < a->n; i++)
        sum += a->list[i].stored;
    return sum;
}

static void put_some(struct plx_spool *spool, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        struct plx_result r = {.monitor_id = i + 1,
                               .outcome = PLX_OUTCOME_OPEN,
                               .scheduled = plx_clock_wall()};
        plx_spool_put(spool, &r);
    }
}

/* The coordinator acknowledges some of what it may have got. */
static void ack_some(struct plx_spool *spool, struct agent *a, struct plx_rng *rng)
{
    struct told *t = &a->list[plx_rng_below(rng, a->n)];
    uint64_t seq = plx_rng_below(rng, t->stored + 1);
    if (seq <= t->acked)
        return;
    t->acked = seq;
    plx_spool_ack(spool, t->id, seq);
}

static void live_as_agent(uint64_t at, struct agent *a, struct plx_rng *rng)
{
    const struct plx_spool_limits limits = {PLX_SPOOL_MAX_BYTES, PLX_SPOOL_MAX_AGE_NS,
                                            PLX_SPOOL_MAX_WAITING};
    struct plx_spool *spool = NULL;
    if (plx_spool_open(folder(at), &limits, &spool, NULL))
        return;
    for (int round = 0; round < 3 && !plx_power_vfs_is_cut(); round++) {
        uint64_t n = 1 + plx_rng_below(rng, 1500);
        uint64_t until = stored_in_all(a) + n;
        put_some(spool, n);
        while (stored_in_all(a) < until && !plx_power_vfs_is_cut())
            hear(spool, a);
        if (a->n)
            ack_some(spool, a, rng);
    }
    hear(spool, a);
    plx_spool_close(&spool);
}

/* Every number above the mark is there once, up to the last that was told. */
static void check_stream(sqlite3 *db, const struct told *t)
{
    sqlite3_stmt *s;
    uint64_t acked = 0, last = 0, next = 0;
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT acked, last, first, at & ((1 << 40) - 1)"
                                        " FROM stream LEFT JOIN chunk ON place = at >> 40"
                                        " WHERE id = ? ORDER BY at",
                                        -1, &s, NULL),
                     0);
    sqlite3_bind_int64(s, 1, (int64_t)t->id);
    while (sqlite3_step(s) == SQLITE_ROW) {
        acked = (uint64_t)sqlite3_column_int64(s, 0);
        last = (uint64_t)sqlite3_column_int64(s, 1);
        if (sqlite3_column_type(s, 2) == SQLITE_NULL)
            continue;
        uint64_t first = (uint64_t)sqlite3_column_int64(s, 2);
        assert_true(next ? first == next : first <= acked + 1);
        next = (uint64_t)sqlite3_column_int64(s, 3) + 1;
    }
    sqlite3_finalize(s);
    assert_true(acked <= t->acked);
    assert_true(last >= t->stored);
    assert_true(next == last + 1 || (next == 0 && acked == last));
}

static void check_spool(uint64_t at, const struct agent *a)
{
    sqlite3 *db;
    assert_int_equal(ask(file_of(at, "spool.db"), "PRAGMA integrity_check"), 1);
    assert_int_equal(sqlite3_open(file_of(at, "spool.db"), &db), 0);
    for (size_t i = 0; i < a->n; i++)
        if (a->list[i].stored > 0)
            check_stream(db, &a->list[i]);
    sqlite3_close(db);
}

static long calls_of_an_agents_life(uint64_t seed)
{
    struct agent a = {.n = 0};
    struct plx_rng rng;
    plx_rng_init(&rng, seed);
    make_folder(0);
    plx_power_vfs_arm(0);
    live_as_agent(0, &a, &rng);
    assert_true(stored_in_all(&a) > 0);
    return plx_power_vfs_calls();
}

static void the_spool__keeps_what_it_stored(void **state)
{
    (void)state;
    static struct agent a;
    struct plx_rng rng;
    plx_rng_init(&rng, first_seed);
    long calls = calls_of_an_agents_life(first_seed);
    for (uint64_t i = 0; i < n_cuts; i++) {
        if (i % LIVES == 0) {
            make_folder(i);
            a.n = 0;
        }
        plx_power_vfs_arm(1 + (long)plx_rng_below(&rng, (uint64_t)calls));
        live_as_agent(i, &a, &rng);
        plx_power_vfs_cut();
        make_folder(i + 1);
        plx_power_vfs_image(folder(i + 1), plx_rng_u64(&rng));
        plx_power_vfs_arm(0);
        check_spool(i + 1, &a);
    }
    remove_folders();
    print_message("spool: %u cuts at up to %ld calls, seed %llu\n", n_cuts, calls,
                  (unsigned long long)first_seed);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        n_cuts = (unsigned)strtoul(argv[1], NULL, 10);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    plx_log_set_level(PLX_LOG_ERROR + 1);
    plx_power_vfs_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_store__keeps_what_it_acknowledged),
        cmocka_unit_test(the_spool__keeps_what_it_stored),
    };
    return PLX_RUN(tests);
}
