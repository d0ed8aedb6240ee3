/* Whatever keeps the coordinator's history behaves like this model in memory: random
 * operations from a seed, restarts in between, and all reads compared.
 *
 *   test_store_conformance [SEEDS [FIRST_SEED]]      default 6, from 1
 *
 * This is the history: results, gaps, verdicts, a setting, backups. What is configured is
 * test_store_conformance_config.c's. */
#include "store_engine.h"
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
#define SAID_MAX 1000
#define MONITORS 5

static unsigned n_seeds = 6;
static uint64_t first_seed = 1;

/* ---- the model ---- */

struct row {
    uint64_t agent_id, stream_id, seq;
    struct plx_wall received;
};

struct gap {
    uint64_t agent_id, stream_id, first, n;
    struct plx_wall received;
};

struct said {
    uint64_t id, monitor_id;
    struct plx_wall at;
};

struct model {
    uint64_t marks[AGENTS][STREAMS];
    struct row rows[ROWS_MAX];
    size_t n_rows;
    struct gap gaps[GAPS_MAX];
    size_t n_gaps;
    struct said said[SAID_MAX]; /* verdicts */
    size_t n_said;
    uint64_t last_said; /* the greatest id there ever was */
    unsigned setting;
    struct plx_wall now;
};

static struct model model;
static const struct store_engine *engine;
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

/* The newest verdict of a monitor, which holds until another comes. */
static bool is_last_said(size_t i)
{
    for (size_t k = i + 1; k < model.n_said; k++)
        if (model.said[k].monitor_id == model.said[i].monitor_id)
            return false;
    return true;
}

static void model_drop_said(struct plx_wall before)
{
    bool keep[SAID_MAX];
    size_t n = 0;
    for (size_t i = 0; i < model.n_said; i++)
        keep[i] = model.said[i].at.ns >= midnight(before).ns || is_last_said(i);
    for (size_t i = 0; i < model.n_said; i++)
        if (keep[i])
            model.said[n++] = model.said[i];
    model.n_said = n;
}

static void model_drop(struct plx_wall before)
{
    model_drop_said(before);
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

static const char *sentence_of(uint64_t id, char buf[48])
{
    snprintf(buf, 48, "sentence \"%llu\"", (unsigned long long)id);
    return buf;
}

static void do_verdicts(void)
{
    struct plx_store_verdict add[3];
    char sentences[3][48];
    size_t n = 1 + plx_rng_below(&rng, 3);
    unsigned want = fx.n_done + 1;
    for (size_t i = 0; i < n; i++) {
        struct said *said = &model.said[model.n_said++];
        assert_true(model.n_said < SAID_MAX);
        *said = (struct said){++model.last_said, 1 + plx_rng_below(&rng, MONITORS),
                              model.now};
        add[i] =
            (struct plx_store_verdict){.monitor_id = said->monitor_id,
                                       .at = model.now,
                                       .was = "up",
                                       .now = "host_down",
                                       .scope = "192.0.2.1",
                                       .confidence = 0.25,
                                       .fresh = (uint32_t)(said->id % 7),
                                       .assigned = 7,
                                       .sentence = sentence_of(said->id, sentences[i]),
                                       .faults = "[]"};
    }
    assert_int_equal(engine->add_verdicts(fx.store, add, n, fixture_on_done, &fx), 0);
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

struct hearing {
    bool ascending; /* by id */
    bool last_only;
    uint64_t monitor_id; /* 0: all */
    size_t at, left;     /* in the model's verdicts, from whichever end */
};

static bool is_heard(const struct hearing *h, size_t i)
{
    return (h->monitor_id == 0 || model.said[i].monitor_id == h->monitor_id) &&
           (!h->last_only || is_last_said(i));
}

static bool same_verdict(void *arg, const struct plx_store_verdict *v)
{
    struct hearing *h = arg;
    char sentence[48];
    size_t i = h->ascending ? h->at : model.n_said - 1 - h->at;
    while (h->at < model.n_said && !is_heard(h, i)) {
        h->at++;
        i = h->ascending ? h->at : model.n_said - 1 - h->at;
    }
    assert_true(h->at < model.n_said);
    h->at++;
    h->left--;
    assert_int_equal(v->id, model.said[i].id);
    assert_int_equal(v->monitor_id, model.said[i].monitor_id);
    assert_int_equal(v->at.ns, model.said[i].at.ns);
    assert_int_equal(v->fresh, v->id % 7);
    assert_true(v->confidence == 0.25);
    assert_string_equal(v->now, "host_down");
    assert_string_equal(v->sentence, sentence_of(v->id, sentence));
    return true;
}

static struct hearing hearing_of(uint64_t monitor_id, bool last_only)
{
    struct hearing h = {
        .ascending = last_only, .last_only = last_only, .monitor_id = monitor_id};
    for (size_t i = 0; i < model.n_said; i++)
        h.left += is_heard(&h, i);
    return h;
}

static void compare_verdicts(void)
{
    uint64_t monitor = plx_rng_below(&rng, MONITORS + 1);
    struct hearing all = hearing_of(monitor, false), last = hearing_of(0, true);
    assert_int_equal(
        engine->read_verdicts(fx.store, monitor, 0, SAID_MAX, same_verdict, &all), 0);
    assert_int_equal(all.left, 0);
    assert_int_equal(engine->read_last_verdicts(fx.store, same_verdict, &last), 0);
    assert_int_equal(last.left, 0);
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
    compare_verdicts();
}

/* What a backup holds is all there was, and a backup does not overwrite. */
static void do_backup(void)
{
    struct store_fixture original;
    char path[128];
    snprintf(path, sizeof path, "%s", fixture_path(&fx, "backup"));
    unsigned want = fx.n_done + 1;
    assert_int_equal(engine->backup(fx.store, path, fixture_on_done, &fx), 0);
    fixture_await(&fx, want);
    assert_int_equal(fx.err, 0);
    int err = engine->backup(fx.store, path, fixture_on_done, &fx);
    if (err == 0) {
        fixture_await(&fx, want + 1);
        err = fx.err;
    }
    assert_int_equal(err, PLX_EEXISTS);
    original = fx;
    engine->restore(path, &fx);
    engine->open(&fx);
    compare_all();
    fixture_fini(&fx);
    fx = original;
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
        if (die < 70)
            do_ingest();
        else if (die < 80)
            do_verdicts();
        else if (die < 86)
            do_setting();
        else if (die < 88)
            do_backup();
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
    for (size_t e = 0; e < N_STORE_ENGINES; e++) {
        engine = &STORE_ENGINES[e];
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
