/* Rollups: sketches and sums in memory, and what the store makes of results. */
#include "test.h"

#include "store_fixture.h"

#include "base/err.h"
#include "base/rng.h"
#include "coordinator/core/rollbook.h"
#include "coordinator/io/store_rollups.h"

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEED 20261123

/* ---- sketches ---- */

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Latencies from a microsecond to minutes, every size as likely. */
static void quantiles__are_within_the_stated_error(void **state)
{
    static uint32_t us[20000];
    struct plx_sketch sketch = {0};
    struct plx_rng rng;
    (void)state;
    plx_rng_init(&rng, SEED);
    for (size_t i = 0; i < 20000; i++) {
        us[i] = (uint32_t)exp2((double)plx_rng_below(&rng, 28000) / 1000);
        plx_sketch_add(&sketch, us[i]);
    }
    qsort(us, 20000, sizeof *us, by_size);
    for (int percent = 0; percent <= 100; percent++) {
        double q = percent / 100.0, want = us[(size_t)(q * 19999)];
        double got = plx_sketch_quantile(&sketch, q);
        assert_true(fabs(got - want) <= want * PLX_SKETCH_ERROR + 1e-9);
    }
    plx_sketch_fini(&sketch);
}

static void the_greatest_latency__has_a_bin(void **state)
{
    struct plx_sketch sketch = {0};
    (void)state;
    assert_true(plx_sketch_quantile(&sketch, 0.5) == 0);
    plx_sketch_add(&sketch, UINT32_MAX);
    assert_int_equal(sketch.bins[0].index, PLX_SKETCH_INDEX_MAX);
    plx_sketch_fini(&sketch);
}

static struct plx_result random_result(struct plx_rng *rng)
{
    return (struct plx_result){
        .monitor_id = 1 + plx_rng_below(rng, 5),
        .scheduled =
            plx_wall_add(FIXTURE_NOON, -(int64_t)plx_rng_below(rng, 7200) * PLX_SEC_NS),
        .outcome = (enum plx_outcome)(1 + plx_rng_below(rng, PLX_OUTCOME_COUNT_ - 1)),
        .kind = (enum plx_probe_kind)plx_rng_below(rng, 5),
        .rtt_us = (uint32_t)plx_rng_below(rng, 300000),
        .syn_retrans = (uint32_t)plx_rng_below(rng, 3),
    };
}

static void assert_same(const struct plx_rollup *a, const struct plx_rollup *b)
{
    assert_memory_equal(a->outcomes, b->outcomes, sizeof a->outcomes);
    assert_int_equal(a->extra, b->extra);
    assert_int_equal(a->extra_failed, b->extra_failed);
    assert_int_equal(a->syns, b->syns);
    assert_int_equal(a->resent, b->resent);
    assert_int_equal(a->min_us, b->min_us);
    assert_int_equal(a->max_us, b->max_us);
    assert_int_equal(a->sum_us, b->sum_us);
    assert_int_equal(a->latency.n_bins, b->latency.n_bins);
    for (size_t i = 0; i < a->latency.n_bins; i++) {
        assert_int_equal(a->latency.bins[i].index, b->latency.bins[i].index);
        assert_int_equal(a->latency.bins[i].n, b->latency.bins[i].n);
    }
}

static void an_encoded_rollup__comes_back(void **state)
{
    struct plx_rng rng;
    (void)state;
    plx_rng_init(&rng, SEED);
    for (int n = 0; n < 200; n++) {
        struct plx_rollup a = {0}, b = {0};
        struct plx_buf bytes;
        plx_buf_init(&bytes, 65536);
        for (int i = 0; i < n; i++) {
            struct plx_result r = random_result(&rng);
            if (plx_rollup_takes(r.kind))
                plx_rollup_add(&a, &r);
        }
        plx_rollup_encode(&a, &bytes);
        assert_int_equal(plx_rollup_decode(&b, bytes.data, bytes.len), 0);
        assert_same(&a, &b);
        plx_rollup_fini(&a);
        plx_rollup_fini(&b);
        plx_buf_fini(&bytes);
    }
}

/* Cut short or changed: refused or read as something else, never beyond its end. */
static void a_damaged_rollup__does_no_harm(void **state)
{
    struct plx_rng rng;
    struct plx_rollup a = {0};
    struct plx_buf bytes;
    (void)state;
    plx_rng_init(&rng, SEED);
    plx_buf_init(&bytes, 65536);
    for (int i = 0; i < 300; i++) {
        struct plx_result r = random_result(&rng);
        plx_rollup_add(&a, &r);
    }
    plx_rollup_encode(&a, &bytes);
    plx_rollup_fini(&a);
    for (size_t len = 0; len < bytes.len; len++) {
        uint8_t *copy = malloc(len ? len : 1); /* exact, for the sanitizer */
        memcpy(copy, bytes.data, len);
        struct plx_rollup b = {0};
        plx_rollup_decode(&b, copy, len);
        plx_rollup_fini(&b);
        if (len > 0)
            copy[plx_rng_below(&rng, len)] ^= (uint8_t)(1 + plx_rng_below(&rng, 255));
        plx_rollup_decode(&b, copy, len);
        plx_rollup_fini(&b);
        free(copy);
    }
    plx_buf_fini(&bytes);
}

static void retries__are_no_outcomes(void **state)
{
    struct plx_rollup r = {0};
    struct plx_result result = {.outcome = PLX_OUTCOME_TIMEOUT};
    (void)state;
    plx_rollup_add(&r, &result);
    result.kind = PLX_PROBE_RETRY;
    plx_rollup_add(&r, &result);
    result = (struct plx_result){.outcome = PLX_OUTCOME_OPEN,
                                 .kind = PLX_PROBE_CONFIRM,
                                 .syn_retrans = 1,
                                 .rtt_us = 700};
    plx_rollup_add(&r, &result);
    assert_int_equal(plx_rollup_probes(&r), 1);
    assert_int_equal(r.outcomes[PLX_OUTCOME_TIMEOUT], 1);
    assert_int_equal(r.extra, 2);
    assert_int_equal(r.extra_failed, 1);
    assert_int_equal(r.syns, 2); /* the timeouts are no loss */
    assert_int_equal(r.resent, 1);
    assert_int_equal(r.min_us, 700);
    assert_false(plx_rollup_takes(PLX_PROBE_ADDRESS));
    assert_false(plx_rollup_takes(PLX_PROBE_CHECK));
    plx_rollup_fini(&r);
}

static void the_rollbooks_order__does_not_depend_on_that_of_the_results(void **state)
{
    static struct plx_result results[3000];
    struct plx_rollbook *one = plx_rollbook_new(), *other = plx_rollbook_new();
    struct plx_rng rng;
    size_t n, m;
    (void)state;
    plx_rng_init(&rng, SEED);
    for (size_t i = 0; i < 3000; i++) {
        results[i] = random_result(&rng);
        plx_rollbook_add(one, 1 + i % 4, &results[i]);
    }
    for (size_t i = 3000; i-- > 0;)
        plx_rollbook_add(other, 1 + i % 4, &results[i]);
    const struct plx_rollbook_cell *a = plx_rollbook_sorted(one, &n);
    const struct plx_rollbook_cell *b = plx_rollbook_sorted(other, &m);
    assert_int_equal(n, m);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(a[i].minute.ns, b[i].minute.ns);
        assert_int_equal(a[i].monitor_id, b[i].monitor_id);
        assert_int_equal(a[i].agent_id, b[i].agent_id);
        assert_same(&a[i].rollup, &b[i].rollup);
    }
    plx_rollbook_destroy(&one);
    plx_rollbook_destroy(&other);
}

/* ---- the store ---- */

#define NEVER (365 * PLX_DAY_NS)

static int setup(void **state)
{
    static struct store_fixture fx;
    fixture_init(&fx);
    fx.options.rollup_ns = PLX_MS_NS;
    fixture_open(&fx);
    *state = &fx;
    return 0;
}

static int teardown(void **state)
{
    fixture_fini(*state);
    return 0;
}

static void ingest(struct store_fixture *fx, uint64_t agent_id, uint64_t first,
                   struct plx_result *results, size_t n, struct plx_wall received)
{
    struct plx_msg_results batch = {
        .stream_id = 1, .first_seq = first, .results = results, .n = n};
    unsigned want = fx->n_done + 1;
    for (size_t i = 0; i < n; i++)
        results[i].started = results[i].scheduled;
    assert_int_equal(
        plx_store_ingest(fx->store, agent_id, &batch, received, fixture_on_ingest, fx),
        0);
    fixture_await(fx, want);
    assert_int_equal(fx->err, 0);
}

/* Until so many results were read since the store was opened, and all is written. */
static void await_rollups(struct store_fixture *fx, uint64_t n)
{
    struct plx_store_rollups_state s = {0};
    for (int i = 0; i < 20000; i++) {
        plx_store_rollups_state(fx->store, &s);
        if (s.n_results >= n && s.n_open == 0 && s.behind == 0)
            return;
        poll(NULL, 0, 1);
    }
    fail_msg("%llu of %llu results read, %zu minutes open",
             (unsigned long long)s.n_results, (unsigned long long)n, s.n_open);
}

struct sum {
    struct plx_rollup all;
    size_t n_rows;
    struct plx_wall first;
};

static bool sum_up(void *arg, const struct plx_store_rollup_row *row)
{
    struct sum *sum = arg;
    if (sum->n_rows++ == 0)
        sum->first = row->at;
    plx_rollup_merge(&sum->all, row->rollup);
    return true;
}

/* All of a level, of one monitor or of all. */
static struct sum read_level(struct store_fixture *fx, enum plx_rollup_level level,
                             uint64_t monitor_id)
{
    struct plx_store_reader *reader;
    struct plx_why why;
    struct sum sum = {.n_rows = 0};
    const struct plx_store_rollup_range range = {
        .level = level,
        .from = plx_wall_add(FIXTURE_NOON, -60 * PLX_DAY_NS),
        .to = plx_wall_add(FIXTURE_NOON, 60 * PLX_DAY_NS),
        .monitor_id = monitor_id,
    };
    assert_int_equal(plx_store_reader_new(fx->store, &reader, &why), 0);
    assert_int_equal(plx_store_read_rollups(reader, &range, sum_up, &sum), 0);
    plx_store_reader_destroy(&reader);
    return sum;
}

static uint64_t counted(const struct plx_rollup *r)
{
    uint64_t n = r->extra;
    for (size_t o = 0; o < PLX_OUTCOME_COUNT_; o++)
        n += r->outcomes[o];
    return n;
}

/* Until so many results are counted, and then no more are being written. */
static void await_counted(struct store_fixture *fx, uint64_t n)
{
    for (int i = 0; i < 20000; i++) {
        struct sum days = read_level(fx, PLX_ROLLUP_DAY, 0);
        uint64_t got = counted(&days.all);
        plx_rollup_fini(&days.all);
        if (got >= n)
            break;
        poll(NULL, 0, 1);
    }
    await_rollups(fx, 0);
}

/* How many results each level has counted, which must be the same. */
static uint64_t count_levels(struct store_fixture *fx)
{
    uint64_t n[PLX_ROLLUP_LEVELS_];
    for (int level = 0; level < PLX_ROLLUP_LEVELS_; level++) {
        struct sum sum = read_level(fx, (enum plx_rollup_level)level, 0);
        n[level] = counted(&sum.all);
        plx_rollup_fini(&sum.all);
    }
    assert_int_equal(n[0], n[1]);
    assert_int_equal(n[0], n[2]);
    return n[0];
}

static void results__are_summed_up_by_minute_hour_and_day(void **state)
{
    struct store_fixture *fx = *state;
    struct plx_result results[120];
    for (int i = 0; i < 120; i++) /* one each half minute, the hour before noon */
        results[i] = (struct plx_result){
            .monitor_id = 3,
            .scheduled = plx_wall_add(FIXTURE_NOON, (i - 120) * 30 * PLX_SEC_NS),
            .outcome = i % 10 == 0 ? PLX_OUTCOME_TIMEOUT : PLX_OUTCOME_OPEN,
            .rtt_us = 1000 + (uint32_t)i,
        };
    results[119].kind = PLX_PROBE_ADDRESS; /* evidence of another result */
    ingest(fx, 7, 1, results, 120, FIXTURE_NOON);
    await_rollups(fx, 120);
    struct sum minutes = read_level(fx, PLX_ROLLUP_MINUTE, 3);
    struct sum hours = read_level(fx, PLX_ROLLUP_HOUR, 3);
    struct sum days = read_level(fx, PLX_ROLLUP_DAY, 3);
    assert_int_equal(minutes.n_rows, 60);
    assert_int_equal(hours.n_rows, 1);
    assert_int_equal(days.n_rows, 1);
    assert_int_equal(hours.first.ns, FIXTURE_NOON.ns - PLX_HOUR_NS);
    assert_int_equal(hours.all.outcomes[PLX_OUTCOME_TIMEOUT], 12);
    assert_int_equal(hours.all.outcomes[PLX_OUTCOME_OPEN], 107);
    assert_int_equal(hours.all.min_us, 1001);
    assert_same(&minutes.all, &hours.all);
    assert_same(&minutes.all, &days.all);
    struct sum none = read_level(fx, PLX_ROLLUP_MINUTE, 4);
    assert_int_equal(none.n_rows, 0);
    plx_rollup_fini(&minutes.all);
    plx_rollup_fini(&hours.all);
    plx_rollup_fini(&days.all);
}

static void late_results__amend_their_own_time(void **state)
{
    struct store_fixture *fx = *state;
    struct plx_result r[2] = {
        {.monitor_id = 3, .scheduled = FIXTURE_NOON, .outcome = PLX_OUTCOME_OPEN},
        {.monitor_id = 3, .scheduled = FIXTURE_NOON, .outcome = PLX_OUTCOME_TIMEOUT}};
    struct plx_wall late = plx_wall_add(FIXTURE_NOON, 5 * PLX_DAY_NS);
    ingest(fx, 7, 1, &r[0], 1, FIXTURE_NOON);
    await_rollups(fx, 1);
    ingest(fx, 7, 2, &r[1], 1, late);
    await_rollups(fx, 2);
    struct sum minutes = read_level(fx, PLX_ROLLUP_MINUTE, 3);
    assert_int_equal(minutes.n_rows, 1);
    assert_int_equal(minutes.all.outcomes[PLX_OUTCOME_OPEN], 1);
    assert_int_equal(minutes.all.outcomes[PLX_OUTCOME_TIMEOUT], 1);
    plx_rollup_fini(&minutes.all);
}

/* A clock that is wrong makes no tables of other centuries. */
static void times_that_cannot_be__are_bounded(void **state)
{
    struct store_fixture *fx = *state;
    struct plx_result r[2] = {
        {.monitor_id = 3, .scheduled = {0}, .outcome = PLX_OUTCOME_OPEN},
        {.monitor_id = 3,
         .scheduled = plx_wall_add(FIXTURE_NOON, 1000 * PLX_DAY_NS),
         .outcome = PLX_OUTCOME_OPEN}};
    ingest(fx, 7, 1, r, 2, FIXTURE_NOON);
    await_rollups(fx, 2);
    struct sum minutes = read_level(fx, PLX_ROLLUP_MINUTE, 3);
    assert_int_equal(minutes.n_rows, 1);
    assert_int_equal(minutes.first.ns, FIXTURE_NOON.ns);
    plx_rollup_fini(&minutes.all);
    struct plx_store_rollups_state s;
    plx_store_rollups_state(fx->store, &s);
    assert_int_equal(s.n_late, 1);
}

static void a_restart__counts_each_result_once(void **state)
{
    struct store_fixture *fx = *state;
    for (unsigned i = 0; i < 8; i++) {
        fixture_close(fx);
        fx->options.rollup_ns = i % 2 ? PLX_MS_NS : NEVER; /* some in memory only */
        fixture_open(fx);
        fixture_ingest(fx, 7, 1, 1 + 100 * i, 100);
    }
    fixture_close(fx);
    fx->options.rollup_ns = PLX_MS_NS;
    fixture_open(fx);
    await_counted(fx, 800);
    assert_int_equal(count_levels(fx), 800);
}

#define MANY 6000 /* minutes: several pieces */

static void ingest_many(struct store_fixture *fx)
{
    static struct plx_result results[1000];
    for (size_t k = 0; k < MANY / 1000; k++) {
        for (size_t i = 0; i < 1000; i++)
            results[i] = (struct plx_result){.monitor_id = 1 + k * 1000 + i,
                                             .scheduled = FIXTURE_NOON,
                                             .outcome = PLX_OUTCOME_OPEN};
        ingest(fx, 7, 1 + k * 1000, results, 1000, FIXTURE_NOON);
    }
}

/* Ends this process, as kill -9 does, as soon as one piece is written. */
static void die_while_writing(struct store_fixture *fx)
{
    struct plx_store_rollups_state s = {0};
    fx->options.rollup_ns = PLX_MS_NS;
    fixture_open(fx);
    /* Where the one before came to the end, there is nothing to write. */
    for (int i = 0; s.n_cells == 0 && i < 4000; i++) {
        plx_store_rollups_state(fx->store, &s);
        poll(NULL, 0, i < 2000 ? 0 : 1);
    }
    kill(getpid(), SIGKILL);
}

static void a_crash_between_two_pieces__counts_each_result_once(void **state)
{
    struct store_fixture *fx = *state;
    int status;
    fixture_close(fx);
    fx->options.rollup_ns = NEVER;
    fixture_open(fx);
    ingest_many(fx);
    fixture_close(fx);
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        if (pid == 0)
            die_while_writing(fx);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
    }
    fx->options.rollup_ns = PLX_MS_NS;
    fixture_open(fx);
    await_counted(fx, MANY);
    assert_int_equal(count_levels(fx), MANY);
}

static size_t count_tables(struct store_fixture *fx, const char *like)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_open(fixture_path(fx, "parallax.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT count(*) FROM sqlite_schema WHERE type ="
                                        " 'table' AND name LIKE ?1",
                                        -1, &s, NULL),
                     SQLITE_OK);
    sqlite3_bind_text(s, 1, like, -1, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    size_t n = (size_t)sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return n;
}

static void drop(struct store_fixture *fx, enum plx_rollup_level level,
                 struct plx_wall before)
{
    unsigned want = fx->n_done + 1;
    assert_int_equal(
        plx_store_drop_rollups(fx->store, level, before, fixture_on_done, fx), 0);
    fixture_await(fx, want);
    assert_int_equal(fx->err, 0);
}

static void old_tables__are_dropped_and_stay_so(void **state)
{
    struct store_fixture *fx = *state;
    struct plx_result r[4];
    for (int i = 0; i < 4; i++)
        r[i] = (struct plx_result){
            .monitor_id = 3,
            .scheduled = plx_wall_add(FIXTURE_NOON, (i - 3) * 10 * PLX_DAY_NS),
            .outcome = PLX_OUTCOME_OPEN};
    ingest(fx, 7, 1, r, 4, FIXTURE_NOON);
    await_rollups(fx, 4);
    assert_int_equal(count_tables(fx, "rollup_m_%"), 4);
    assert_int_equal(count_tables(fx, "rollup_h_%"), 2); /* October and November */
    drop(fx, PLX_ROLLUP_MINUTE, plx_wall_add(FIXTURE_NOON, -15 * PLX_DAY_NS));
    drop(fx, PLX_ROLLUP_HOUR, plx_wall_add(FIXTURE_NOON, -20 * PLX_DAY_NS));
    assert_int_equal(count_tables(fx, "rollup_m_%"), 2);
    assert_int_equal(count_tables(fx, "rollup_h_%"), 1);
    assert_int_equal(count_tables(fx, "rollup_d_%"), 2);
    r[0].kind = PLX_PROBE_SCHEDULED;
    ingest(fx, 7, 5, r, 1, FIXTURE_NOON); /* 30 days late: the day still counts it */
    await_rollups(fx, 5);
    assert_int_equal(count_tables(fx, "rollup_m_%"), 2);
    struct sum days = read_level(fx, PLX_ROLLUP_DAY, 3);
    assert_int_equal(days.all.outcomes[PLX_OUTCOME_OPEN], 5);
    plx_rollup_fini(&days.all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles__are_within_the_stated_error),
        cmocka_unit_test(the_greatest_latency__has_a_bin),
        cmocka_unit_test(an_encoded_rollup__comes_back),
        cmocka_unit_test(a_damaged_rollup__does_no_harm),
        cmocka_unit_test(retries__are_no_outcomes),
        cmocka_unit_test(the_rollbooks_order__does_not_depend_on_that_of_the_results),
        cmocka_unit_test_setup_teardown(results__are_summed_up_by_minute_hour_and_day,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(late_results__amend_their_own_time, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(times_that_cannot_be__are_bounded, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_restart__counts_each_result_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_crash_between_two_pieces__counts_each_result_once, setup, teardown),
        cmocka_unit_test_setup_teardown(old_tables__are_dropped_and_stay_so, setup,
                                        teardown),
    };
    return PLX_RUN(tests);
}
