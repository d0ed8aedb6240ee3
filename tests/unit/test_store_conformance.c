/* Whatever keeps the coordinator's history behaves like this model in memory: random
 * operations from a seed, restarts in between, and all reads compared.
 *
 *   test_store_conformance [SEEDS [FIRST_SEED]]      default 6, from 1
 *
 * An engine is a table of functions; SQLite's is the first. */
#include "store_fixture.h"
#include "test.h"

#include "base/err.h"
#include "base/rng.h"
#include "sys/log.h"

#define STEPS    120
#define AGENTS   3
#define STREAMS  2
#define DAYS     4
#define ROWS_MAX 60000
#define GAPS_MAX 1000

static unsigned n_seeds = 6;
static uint64_t first_seed = 1;

/* ---- what an engine has to offer ---- */

struct engine {
    const char *name;
    void (*open)(struct store_fixture *fx);
    void (*close)(struct store_fixture *fx);
    int (*ingest)(struct plx_store *store, uint64_t agent_id,
                  const struct plx_msg_results *batch, struct plx_wall received,
                  plx_store_ingest_fn *done, void *arg);
    int (*put_setting)(struct plx_store *store, const char *key, const char *value,
                       const char *who, struct plx_wall now, plx_store_done_fn *done,
                       void *arg);
    int (*drop_before)(struct plx_store *store, struct plx_wall before,
                       plx_store_done_fn *done, void *arg);
    int (*read_results)(struct plx_store *store, const struct plx_store_range *range,
                        struct plx_store_cursor *cursor, size_t limit,
                        plx_store_row_fn *fn, void *arg);
    int (*read_gaps)(struct plx_store *store, uint64_t agent_id, struct plx_wall since,
                     size_t limit, plx_store_gap_fn *fn, void *arg);
    int (*load)(struct plx_store *store, struct plx_store_config *ret,
                struct plx_why *why);
};

static const struct engine ENGINES[] = {
    {"sqlite", fixture_open, fixture_close, plx_store_ingest, plx_store_put_setting,
     plx_store_drop_before, plx_store_read_results, plx_store_read_gaps, plx_store_load},
};

/* ---- the model ---- */

struct row {
    uint64_t agent_id, stream_id, seq;
    struct plx_wall received;
};

struct gap {
    uint64_t agent_id, stream_id, first, n;
    struct plx_wall received;
};

struct model {
    uint64_t marks[AGENTS][STREAMS];
    struct row rows[ROWS_MAX];
    size_t n_rows;
    struct gap gaps[GAPS_MAX];
    size_t n_gaps;
    unsigned setting;
    struct plx_wall now;
};

static struct model model;
static const struct engine *engine;
static struct store_fixture fx;
static struct plx_rng rng;

static struct plx_wall midnight(struct plx_wall t)
{
    return (struct plx_wall){t.ns - t.ns % PLX_DAY_NS};
}

/* What is new of a range: by the rule of docs/PROTOCOL.md, not by core/dedup. */
static uint64_t model_take(uint64_t *mark, uint64_t first, uint64_t n)
{
    uint64_t last = first + n - 1;
    if (first > *mark + 1 || last <= *mark)
        return 0;
    uint64_t fresh = last - *mark;
    *mark = last;
    return fresh;
}

static void model_drop(struct plx_wall before)
{
    size_t n = 0;
    for (size_t i = 0; i < model.n_rows; i++)
        if (model.rows[i].received.ns >= midnight(before).ns)
            model.rows[n++] = model.rows[i];
    model.n_rows = n;
    n = 0;
    for (size_t i = 0; i < model.n_gaps; i++)
        if (model.gaps[i].received.ns >= midnight(before).ns)
            model.gaps[n++] = model.gaps[i];
    model.n_gaps = n;
}

/* ---- operations ---- */

static void do_ingest(void)
{
    static struct plx_result results[400];
    uint64_t agent = 1 + plx_rng_below(&rng, AGENTS);
    uint64_t stream = 1 + plx_rng_below(&rng, STREAMS);
    uint64_t *mark = &model.marks[agent - 1][stream - 1];
    /* Before, at and behind the mark. */
    uint64_t first = *mark + 1 + plx_rng_below(&rng, 4);
    first = first > 2 + plx_rng_below(&rng, 20) ? first - 2 : first;
    uint64_t n = 1 + plx_rng_below(&rng, 400);
    bool lost = plx_rng_below(&rng, 8) == 0;
    struct plx_msg_results batch = {.stream_id = stream, .first_seq = first};
    for (uint64_t i = 0; i < n; i++)
        results[i] = fixture_result(agent, first + i);
    if (lost) {
        batch.lost = n;
        batch.lost_from = batch.lost_to = model.now;
    } else {
        batch.results = results;
        batch.n = (size_t)n;
    }
    unsigned want = fx.n_done + 1;
    assert_int_equal(
        engine->ingest(fx.store, agent, &batch, model.now, fixture_on_ingest, &fx), 0);
    fixture_await(&fx, want);
    uint64_t fresh = model_take(mark, first, n);
    assert_int_equal(fx.err, 0);
    assert_int_equal(fx.ingested.high_water, *mark);
    assert_int_equal(lost ? fx.ingested.n_lost : fx.ingested.n_fresh, fresh);
    if (fresh && lost)
        model.gaps[model.n_gaps++] =
            (struct gap){agent, stream, *mark - fresh + 1, fresh, model.now};
    for (uint64_t seq = *mark - fresh + 1; !lost && fresh && seq <= *mark; seq++) {
        assert_true(model.n_rows < ROWS_MAX);
        model.rows[model.n_rows++] = (struct row){agent, stream, seq, model.now};
    }
}

static void do_setting(void)
{
    char value[16];
    unsigned want = fx.n_done + 1;
    snprintf(value, sizeof value, "%u", ++model.setting);
    assert_int_equal(engine->put_setting(fx.store, "k", value, "test", model.now,
                                         fixture_on_done, &fx),
                     0);
    fixture_await(&fx, want);
    assert_int_equal(fx.err, 0);
}

static void do_drop(void)
{
    unsigned want = fx.n_done + 1;
    struct plx_wall before = plx_wall_add(model.now, -DAYS * PLX_DAY_NS);
    assert_int_equal(engine->drop_before(fx.store, before, fixture_on_done, &fx), 0);
    fixture_await(&fx, want);
    assert_int_equal(fx.err, 0);
    model_drop(before);
}

static void do_restart(void)
{
    engine->close(&fx);
    engine->open(&fx);
}

/* ---- comparing ---- */

struct comparing {
    const struct plx_store_range *range;
    size_t at; /* in the model's rows or gaps */
};

static bool is_in(const struct plx_store_range *range, const struct row *row)
{
    struct plx_result r = fixture_result(row->agent_id, row->seq);
    return row->received.ns >= range->from.ns &&
           (range->to.ns == 0 || row->received.ns < range->to.ns) &&
           (range->agent_id == 0 || range->agent_id == row->agent_id) &&
           (range->monitor_id == 0 || range->monitor_id == r.monitor_id);
}

static void skip_rows(struct comparing *c)
{
    while (c->at < model.n_rows && !is_in(c->range, &model.rows[c->at]))
        c->at++;
}

static bool same_row(void *arg, const struct plx_store_row *row)
{
    struct comparing *c = arg;
    skip_rows(c);
    assert_true(c->at < model.n_rows);
    const struct row *want = &model.rows[c->at++];
    struct plx_result result = fixture_result(want->agent_id, want->seq);
    assert_int_equal(row->agent_id, want->agent_id);
    assert_int_equal(row->stream_id, want->stream_id);
    assert_int_equal(row->result.seq, want->seq);
    assert_int_equal(row->received.ns, want->received.ns);
    assert_int_equal(row->result.monitor_id, result.monitor_id);
    assert_int_equal(row->result.outcome, result.outcome);
    return true;
}

static void compare_rows(const struct plx_store_range *range)
{
    struct comparing c = {range, 0};
    struct plx_store_cursor cursor = {0};
    while (!cursor.at_end)
        assert_int_equal(engine->read_results(fx.store, range, &cursor,
                                              1 + plx_rng_below(&rng, 3000), same_row,
                                              &c),
                         0);
    skip_rows(&c);
    assert_int_equal(c.at, model.n_rows);
}

static bool same_gap(void *arg, const struct plx_store_gap *gap)
{
    size_t *at = arg;
    assert_true(*at < model.n_gaps);
    const struct gap *want = &model.gaps[(*at)++];
    assert_int_equal(gap->agent_id, want->agent_id);
    assert_int_equal(gap->stream_id, want->stream_id);
    assert_int_equal(gap->first_seq, want->first);
    assert_int_equal(gap->n, want->n);
    return true;
}

static void compare_all(void)
{
    struct plx_store_range range = {0};
    struct plx_store_config config;
    size_t gaps = 0;
    compare_rows(&range);
    range.agent_id = 1 + plx_rng_below(&rng, AGENTS);
    range.monitor_id = 1 + plx_rng_below(&rng, 7);
    range.from = plx_wall_add(model.now, -PLX_DAY_NS);
    range.to = plx_wall_add(model.now, -PLX_HOUR_NS);
    compare_rows(&range);
    assert_int_equal(
        engine->read_gaps(fx.store, 0, (struct plx_wall){0}, GAPS_MAX, same_gap, &gaps),
        0);
    assert_int_equal(gaps, model.n_gaps);
    assert_int_equal(engine->load(fx.store, &config, NULL), 0);
    assert_int_equal(config.n_settings, model.setting > 0);
    if (model.setting)
        assert_int_equal(strtoul(config.settings[0].value, NULL, 10), model.setting);
    plx_store_config_fini(&config);
}

static void run_seed(uint64_t seed)
{
    plx_rng_init(&rng, seed);
    memset(&model, 0, sizeof model);
    model.now = FIXTURE_NOON;
    fixture_init(&fx);
    engine->open(&fx);
    for (int step = 0; step < STEPS; step++) {
        uint64_t die = plx_rng_below(&rng, 100);
        model.now =
            plx_wall_add(model.now, (int64_t)plx_rng_below(&rng, 240) * PLX_MIN_NS);
        if (die < 80)
            do_ingest();
        else if (die < 88)
            do_setting();
        else if (die < 92)
            do_drop();
        else if (die < 96)
            do_restart();
        else
            compare_all();
    }
    do_restart();
    compare_all();
    fixture_fini(&fx);
}

static void every_engine__is_like_the_model(void **state)
{
    (void)state;
    for (size_t e = 0; e < sizeof ENGINES / sizeof *ENGINES; e++) {
        engine = &ENGINES[e];
        for (uint64_t i = 0; i < n_seeds; i++) {
            print_message("%s, seed %llu\n", engine->name,
                          (unsigned long long)(first_seed + i));
            run_seed(first_seed + i);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc > 1)
        n_seeds = (unsigned)strtoul(argv[1], NULL, 10);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    plx_log_set_level(PLX_LOG_ERROR + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_engine__is_like_the_model),
    };
    return PLX_RUN(tests);
}
