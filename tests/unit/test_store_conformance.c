/* Whatever keeps the coordinator's history behaves like this model in memory: random
 * operations from a seed, restarts in between, and all reads compared.
 *
 *   test_store_conformance [SEEDS [FIRST_SEED]]      default 6, from 1
 *
 * This is the history: results, gaps, verdicts, incidents' places, a token, backups.
 * What is configured is
 * test_store_conformance_config.c's. */
#include "store_engine.h"
#include "test.h"

#include "base/err.h"
#include "base/rng.h"
#include "sys/log.h"

#define STEPS      120
#define AGENTS     3
#define STREAMS    2
#define DAYS       4
#define ROWS_MAX   60000
#define GAPS_MAX   1000
#define SAID_MAX   1000
#define MONITORS   5
#define INCIDENTS  3
#define PLACES_MAX 400

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
    uint64_t last_said;                /* the greatest id there ever was */
    struct plx_wall opened[INCIDENTS]; /* 0: there is none of this number */
    struct located {
        uint64_t incident; /* 0: it is gone */
        struct plx_wall at;
        unsigned no;
        size_t n_traces;
    } places[PLACES_MAX];
    size_t n_places;
    unsigned secret; /* of the one token; 0: none */
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

static void model_forget_places(uint64_t incident)
{
    for (size_t i = 0; i < model.n_places; i++)
        if (model.places[i].incident == incident)
            model.places[i].incident = 0;
}

/* Closed incidents go with what belongs to them, except the newest. */
static void model_drop_incidents(struct plx_wall before)
{
    uint64_t newest = 0;
    for (uint64_t id = 1; id <= INCIDENTS; id++)
        newest = model.opened[id - 1].ns ? id : newest;
    for (uint64_t id = 1; id < newest; id++)
        if (model.opened[id - 1].ns && model.opened[id - 1].ns < midnight(before).ns) {
            model.opened[id - 1].ns = 0;
            model_forget_places(id);
        }
}

static void model_drop(struct plx_wall before)
{
    model_drop_said(before);
    model_drop_incidents(before);
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

static void do_token(void)
{
    char value[16];
    unsigned want = fx.n_done + 1;
    snprintf(value, sizeof value, "%u", ++model.secret);
    const struct plx_store_access token = {.kind = PLX_ACCESS_TOKEN,
                                           .name = (char *)"k",
                                           .role = (char *)"viewer",
                                           .secret = value};
    assert_int_equal(
        engine->put_access(fx.store, &token, "test", model.now, fixture_on_done, &fx), 0);
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

/* ---- places ---- */

static void on_letters(void *arg, int err, const char *why,
                       const struct plx_letter *letters, size_t n)
{
    (void)letters, (void)n;
    fixture_on_done(arg, err, why);
}

static void put_incident(uint64_t id)
{
    struct plx_incident incident = {.id = id,
                                    .kind = PLX_INCIDENT_PATH,
                                    .state = PLX_INCIDENT_CLOSED,
                                    .entity = "e",
                                    .sentence = "s",
                                    .opened = model.now,
                                    .closed = model.now,
                                    .acked_by = "",
                                    .muted_by = ""};
    struct plx_incident *list[] = {&incident};
    const struct plx_store_incident_batch batch = {.incidents = list, .n_incidents = 1};
    unsigned want = fx.n_done + 1;
    assert_int_equal(engine->put_incidents(fx.store, &batch, on_letters, &fx), 0);
    fixture_await(&fx, want);
    assert_int_equal(fx.err, 0);
    model.opened[id - 1] = model.now;
}

/* All of it follows from its number. */
static struct plx_trace trace_of(unsigned no)
{
    struct plx_trace t = {.target = {4, {10, 0, 0, 99}},
                          .source = {4, {10, 0, 0, 1}},
                          .port = 443,
                          .at = FIXTURE_NOON,
                          .duration_us = no,
                          .n_flows = 2};
    for (size_t f = 0; f < t.n_flows; f++) {
        t.flows[f].source_port = (uint16_t)(20000 + no);
        t.flows[f].n_hops = (uint8_t)(1 + no % 5);
        for (uint8_t i = 0; i < t.flows[f].n_hops; i++)
            t.flows[f].hops[i] = (struct plx_hop){
                PLX_HOP_TRANSIT, 11, 0, {4, {10, 0, i, (uint8_t)no}}, no % 7};
        t.flows[f].end.kind = PLX_HOP_SILENT;
    }
    return t;
}

static const char *json_of(unsigned no, char buf[32])
{
    snprintf(buf, 32, "{\"no\":%u}", no);
    return buf;
}

/* At most so many of each incident, the newest. */
static void model_trim(uint64_t incident)
{
    size_t n = 0;
    for (size_t i = model.n_places; i-- > 0;)
        if (model.places[i].incident == incident && ++n > PLX_STORE_PLACES_MAX)
            model.places[i].incident = 0;
}

static struct located *model_place(uint64_t incident, bool again)
{
    static unsigned no;
    struct located *l = &model.places[model.n_places];
    for (size_t i = 0; again && i < model.n_places; i++)
        if (model.places[i].incident == incident)
            l = &model.places[i];
    if (l == &model.places[model.n_places]) {
        assert_true(model.n_places < PLACES_MAX);
        model.n_places++;
        l->at = plx_wall_add(model.now, (int64_t)model.n_places * PLX_MS_NS);
    }
    l->incident = incident;
    l->no = ++no;
    l->n_traces = (size_t)plx_rng_below(&rng, PLX_STORE_PLACE_TRACES_MAX + 1);
    model_trim(incident);
    return l;
}

static void do_place(void)
{
    uint64_t incident = 1 + plx_rng_below(&rng, INCIDENTS);
    struct plx_store_trace traces[PLX_STORE_PLACE_TRACES_MAX];
    char json[32];
    if (model.opened[incident - 1].ns == 0 || plx_rng_below(&rng, 8) == 0)
        put_incident(incident);
    const struct located *l = model_place(incident, plx_rng_below(&rng, 3) == 0);
    struct plx_trace now = trace_of(l->no), before = trace_of(l->no + 1);
    for (size_t i = 0; i < l->n_traces; i++)
        traces[i] = (struct plx_store_trace){"a", "r", &now, i % 2 ? NULL : &before};
    json_of(l->no, json);
    const struct plx_store_place place = {.incident = incident,
                                          .at = l->at,
                                          .fault = "f1",
                                          .host = "db",
                                          .port = 5432,
                                          .place = json,
                                          .fleet = json,
                                          .suspects = "[]",
                                          .spares = "[]",
                                          .traces = traces,
                                          .n_traces = l->n_traces};
    unsigned want = fx.n_done + 1;
    assert_int_equal(engine->put_place(fx.store, &place, fixture_on_done, &fx), 0);
    fixture_await(&fx, want);
    assert_int_equal(fx.err, 0);
}

struct locating {
    uint64_t incident;
    size_t at;
};

static void skip_places(struct locating *l)
{
    while (l->at < model.n_places && model.places[l->at].incident != l->incident)
        l->at++;
}

static void same_traces(const struct plx_store_place *place, const struct located *want)
{
    struct plx_trace now = trace_of(want->no), before = trace_of(want->no + 1);
    assert_int_equal(place->n_traces, want->n_traces);
    for (size_t i = 0; i < place->n_traces; i++) {
        const struct plx_store_trace *t = &place->traces[i];
        assert_string_equal(t->agent, "a");
        assert_string_equal(t->region, "r");
        assert_int_equal(t->now->duration_us, now.duration_us);
        assert_int_equal(t->now->flows[1].n_hops, now.flows[1].n_hops);
        assert_true(
            plx_addr_equal(&t->now->flows[1].hops[0].from, &now.flows[1].hops[0].from));
        assert_int_equal(t->before != NULL, i % 2 == 0);
        if (t->before)
            assert_int_equal(t->before->duration_us, before.duration_us);
    }
}

static bool same_place(void *arg, const struct plx_store_place *place)
{
    struct locating *l = arg;
    char json[32];
    skip_places(l);
    assert_true(l->at < model.n_places);
    const struct located *want = &model.places[l->at++];
    assert_int_equal(place->incident, want->incident);
    assert_int_equal(place->at.ns, want->at.ns);
    assert_string_equal(place->place, json_of(want->no, json));
    assert_string_equal(place->fleet, json);
    assert_string_equal(place->host, "db");
    assert_int_equal(place->port, 5432);
    same_traces(place, want);
    return true;
}

static void compare_places(void)
{
    for (uint64_t id = 1; id <= INCIDENTS; id++) {
        struct locating l = {id, 0};
        assert_int_equal(engine->read_places(fx.store, id, same_place, &l), 0);
        skip_places(&l);
        assert_int_equal(l.at, model.n_places);
    }
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
    assert_int_equal(config.n_access, model.secret > 0);
    if (model.secret)
        assert_int_equal(strtoul(config.access[0].secret, NULL, 10), model.secret);
    plx_store_config_fini(&config);
    compare_verdicts();
    compare_places();
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
        if (die < 60)
            do_ingest();
        else if (die < 70)
            do_place();
        else if (die < 80)
            do_verdicts();
        else if (die < 86)
            do_token();
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
