/* Traces that agents are asked for, the inquest of a fault, and the API's trace: over
 * real sockets with scripted agents. */
#include "coordinator_fixture.h"

#include "base/err.h"
#include "coordinator/io/alerts.h"
#include "coordinator/io/inquest.h"
#include "sys/clock.h"

#include "test.h"

#include <string.h>

struct world {
    struct coordinator_fixture fx;
    struct scripted_agent eu, us;
    struct plx_inquest *inquest;
    /* What was told by traces. */
    unsigned n_told;
    uint64_t tag;
    uint32_t agent;
    bool had_trace;
    uint8_t n_flows;
};

static void begin_inquest(struct world *w, int64_t interval_ns)
{
    w->inquest = plx_inquest_new(&w->fx.desk, w->fx.intake, interval_ns);
    w->fx.desk.inquest = w->inquest;
}

static void end_inquest(struct world *w)
{
    plx_inquest_destroy(&w->inquest);
    w->fx.desk.inquest = NULL;
}

static int up(void **state)
{
    static struct world w;
    memset(&w, 0, sizeof w);
    coordinator_up(&w.fx);
    agent_join(&w.eu, &w.fx, "eu", "eu-1");
    agent_join(&w.us, &w.fx, "us", "us-1");
    begin_inquest(&w, 0);
    *state = &w;
    return 0;
}

static int down(void **state)
{
    struct world *w = *state;
    agent_close(&w->eu);
    agent_close(&w->us);
    end_inquest(w);
    coordinator_down(&w->fx);
    return 0;
}

static struct plx_addr router(uint8_t n)
{
    return (struct plx_addr){4, {10, 0, 0, n}};
}

/* By way of `first` and 5; beyond that the target, or silence. */
static struct plx_trace trace_by(uint8_t first, uint8_t n_flows, bool arrives)
{
    struct plx_trace t = {.target = {4, {192, 0, 2, 1}}, .port = 80, .n_flows = n_flows};
    for (uint8_t f = 0; f < n_flows; f++) {
        struct plx_trace_flow *flow = &t.flows[f];
        flow->source_port = (uint16_t)(20000 + f);
        flow->n_hops = 3;
        flow->hops[0] = (struct plx_hop){PLX_HOP_TRANSIT, 11, 0, router(first), 100};
        flow->hops[1] = (struct plx_hop){PLX_HOP_TRANSIT, 11, 0, router(5), 200};
        if (arrives)
            flow->hops[2] = flow->end =
                (struct plx_hop){.kind = PLX_HOP_OPEN, .from = t.target, .rtt_us = 300};
    }
    return t;
}

/* Answers the last trace it was asked for. */
static void answer(struct scripted_agent *agent, const struct plx_trace *trace)
{
    const struct plx_msg msg = {.type = PLX_MSG_TRACE_DONE,
                                .trace_done = {agent->request_id, trace}};
    agent_say(agent, &msg);
}

static bool told(void *arg)
{
    const struct world *w = arg;
    return w->n_told > 0;
}

static void on_traced(void *arg, uint64_t tag, uint32_t agent,
                      const struct plx_trace *trace)
{
    struct world *w = arg;
    w->n_told++;
    w->tag = tag;
    w->agent = agent;
    w->had_trace = trace != NULL;
    w->n_flows = trace ? (uint8_t)trace->n_flows : 0;
}

static uint32_t slot_of(const struct world *w, const char *name)
{
    return plx_roster_by_name(w->fx.desk.roster, name);
}

static int ask(struct world *w, const char *agent, uint64_t tag)
{
    const struct plx_tracing_order order = {.agent = slot_of(w, agent),
                                            .host = "192.0.2.1",
                                            .port = 80,
                                            .source = "",
                                            .flows = 3,
                                            .max_hops = 30};
    return plx_tracing_ask(plx_inquest_tracing(w->inquest), &order, on_traced, w, tag);
}

/* ---- tracing ---- */

static void an_answer__goes_to_who_asked(void **state)
{
    struct world *w = *state;
    struct plx_trace trace = trace_by(1, 3, true);
    assert_int_equal(ask(w, "us-1", 42), 0);
    agent_await_beyond(&w->us, PLX_MSG_TRACE_NOW, 0);
    assert_int_equal(w->us.flows, 3);
    answer(&w->us, &trace);
    coordinator_await(&w->fx, told, w);
    assert_int_equal(w->tag, 42);
    assert_int_equal(w->agent, slot_of(w, "us-1"));
    assert_true(w->had_trace);
    assert_int_equal(w->n_flows, 3);
    assert_int_equal(w->eu.heard[PLX_MSG_TRACE_NOW], 0);
}

static bool both_heard(void *arg)
{
    const struct world *w = arg;
    return w->fx.desk.counts.messages >= w->tag;
}

static void answers_that_nobody_asked_for__are_dropped(void **state)
{
    struct world *w = *state;
    struct plx_trace trace = trace_by(1, 3, true);
    assert_int_equal(ask(w, "us-1", 1), 0);
    agent_await_beyond(&w->us, PLX_MSG_TRACE_NOW, 0);
    w->eu.request_id = w->us.request_id; /* another agent's number */
    w->tag = w->fx.desk.counts.messages + 2;
    answer(&w->eu, &trace);
    w->us.request_id += 1000; /* no number at all */
    answer(&w->us, &trace);
    coordinator_await(&w->fx, both_heard, w);
    assert_int_equal(w->n_told, 0);
}

static void silence__is_told_after_a_while_and_once(void **state)
{
    struct world *w = *state;
    struct plx_tracing *tracing = plx_inquest_tracing(w->inquest);
    struct plx_mono now = plx_clock_mono();
    assert_int_equal(ask(w, "us-1", 7), 0);
    plx_tracing_tick(tracing, plx_mono_add(now, 20 * PLX_SEC_NS));
    assert_int_equal(w->n_told, 0);
    plx_tracing_tick(tracing, plx_mono_add(now, 40 * PLX_SEC_NS));
    plx_tracing_tick(tracing, plx_mono_add(now, 80 * PLX_SEC_NS));
    assert_int_equal(w->n_told, 1);
    assert_int_equal(w->tag, 7);
    assert_false(w->had_trace);
}

static void who_is_forgotten__is_told_nothing(void **state)
{
    struct world *w = *state;
    struct plx_tracing *tracing = plx_inquest_tracing(w->inquest);
    assert_int_equal(ask(w, "us-1", 7), 0);
    assert_int_equal(ask(w, "eu-1", 8), 0);
    plx_tracing_forget(tracing, w);
    plx_tracing_tick(tracing, plx_mono_add(plx_clock_mono(), PLX_HOUR_NS));
    assert_int_equal(w->n_told, 0);
}

static bool is_gone(void *arg)
{
    const struct world *w = arg;
    return !plx_intake_has(w->fx.intake, slot_of(w, "us-1"));
}

static void an_agent_that_left__cannot_be_asked(void **state)
{
    struct world *w = *state;
    const struct plx_msg bye = {.type = PLX_MSG_BYE, .bye = {.reason = "test"}};
    agent_say(&w->us, &bye);
    coordinator_await(&w->fx, is_gone, w);
    assert_int_equal(ask(w, "us-1", 1), PLX_EGONE);
    assert_int_equal(ask(w, "eu-1", 1), 0);
}

/* ---- faults ---- */

static const char APPLY[] =
    COORDINATOR_APPLY("- {name: web, host: 192.0.2.1, port: 80, locations: [all]}\\n"
                      "- {name: shut, host: 192.0.2.2, port: 80, locations: [all], "
                      "expect: refused}\\n");

static struct plx_judge_fault fault_of(const struct world *w, uint64_t id,
                                       const uint32_t *agent, const uint32_t *monitor)
{
    (void)w;
    return (struct plx_judge_fault){.id = id,
                                    .class = PLX_JUDGE_CLASS_PATH,
                                    .change = PLX_JUDGE_OPENED,
                                    .entity = "us>192.0.2.1",
                                    .onset = plx_clock_wall(),
                                    .confidence = 0.9,
                                    .agents = agent,
                                    .n_agents = 1,
                                    .monitors = monitor,
                                    .n_monitors = 1,
                                    .why = "for a test"};
}

/* What is told of a fault; the caller frees. */
static json_t *told_of(const struct world *w, uint64_t fault)
{
    struct plx_buf buf;
    struct plx_json j;
    plx_buf_init(&buf, 1 << 20);
    plx_json_init(&j, &buf);
    plx_json_object(&j);
    plx_inquest_write(w->inquest, PLX_CATALOG_NONE, &fault, 1, &j);
    plx_json_end(&j);
    json_t *all = json_loads(plx_buf_str(&buf), 0, NULL);
    assert_non_null(all);
    json_t *places = json_incref(json_object_get(all, "places"));
    json_decref(all);
    plx_buf_fini(&buf);
    return places;
}

static json_t *at(json_t *object, const char *a, const char *b)
{
    return json_object_get(json_object_get(object, a), b);
}

static bool nobody_is_awaited(void *arg)
{
    json_t *places = told_of(arg, 7);
    bool done =
        json_array_size(places) == 1 &&
        json_integer_value(json_object_get(json_array_get(places, 0), "waiting")) == 0;
    json_decref(places);
    return done;
}

/* A fault that us-1 sees, traced by both. */
static void investigate(struct world *w)
{
    struct plx_trace now = trace_by(2, 8, false), good = trace_by(2, 4, true),
                     well = trace_by(1, 8, true);
    coordinator_apply(&w->fx, APPLY);
    uint32_t agent = slot_of(w, "us-1"),
             monitor = plx_catalog_by_name(w->fx.desk.catalog, "web");
    struct plx_judge_fault fault = fault_of(w, 7, &agent, &monitor);
    plx_ways_put(plx_inquest_ways(w->inquest), agent, &good, plx_clock_mono());
    plx_inquest_open(w->inquest, &fault);
    plx_alerts_fault(w->fx.alerts, plx_clock_wall(), &fault);
    plx_alerts_tick(w->fx.alerts, plx_clock_wall());
    agent_await_beyond(&w->us, PLX_MSG_TRACE_NOW, 0);
    agent_await_beyond(&w->eu, PLX_MSG_TRACE_NOW, 0);
    assert_int_equal(w->us.flows, 8);
    answer(&w->us, &now);
    answer(&w->eu, &well);
    coordinator_await(&w->fx, nobody_is_awaited, w);
}

static void a_fault__is_traced_from_both_sides_and_placed(void **state)
{
    struct world *w = *state;
    investigate(w);
    json_t *places = told_of(w, 7), *one = json_array_get(places, 0);
    assert_string_equal(json_string_value(at(one, "place", "kind")), "between");
    assert_string_equal(json_string_value(at(one, "place", "after")), "10.0.0.5");
    assert_true(
        json_is_true(at(one, "place", "selective"))); /* eu-1 gets through there */
    assert_string_equal(json_string_value(at(one, "fleet", "kind")), "unknown");
    assert_int_equal(json_integer_value(at(one, "fleet", "working")), 1);
    json_t *traces = json_object_get(one, "traces");
    assert_int_equal(json_array_size(traces), 2);
    assert_string_equal(json_text_at(json_array_get(traces, 0), "agent"), "us-1");
    assert_true(json_is_object(json_object_get(json_array_get(traces, 0), "before")));
    assert_true(json_is_null(json_object_get(json_array_get(traces, 1), "before")));
    json_t *suspects = json_object_get(one, "suspects");
    assert_int_equal(json_array_size(suspects), 1);
    assert_string_equal(json_text_at(json_array_get(suspects, 0), "hop"), "10.0.0.2");
    json_decref(places);
}

static void faults_over_one_host__share_an_inquest(void **state)
{
    struct world *w = *state;
    investigate(w);
    uint32_t agent = slot_of(w, "eu-1"),
             monitor = plx_catalog_by_name(w->fx.desk.catalog, "web");
    struct plx_judge_fault fault = fault_of(w, 8, &agent, &monitor);
    plx_inquest_open(w->inquest, &fault);
    json_t *places = told_of(w, 8);
    assert_int_equal(json_array_size(places), 1);
    assert_string_equal(json_text_at(json_array_get(places, 0), "fault"), "f8");
    assert_int_equal(
        json_integer_value(json_object_get(json_array_get(places, 0), "waiting")), 0);
    json_decref(places);
    assert_int_equal(w->us.heard[PLX_MSG_TRACE_NOW], 1);
    /* What breaks after all of it healed is another matter. */
    plx_inquest_close(w->inquest, 7);
    plx_inquest_close(w->inquest, 8);
    fault.id = 9;
    plx_inquest_open(w->inquest, &fault);
    agent_await_beyond(&w->us, PLX_MSG_TRACE_NOW, 1);
}

static void what_has_no_way__is_not_traced(void **state)
{
    struct world *w = *state;
    coordinator_apply(&w->fx, APPLY);
    uint32_t agent = slot_of(w, "us-1"),
             web = plx_catalog_by_name(w->fx.desk.catalog, "web"),
             shut = plx_catalog_by_name(w->fx.desk.catalog, "shut");
    struct plx_judge_fault dns = fault_of(w, 1, &agent, &web),
                           expected = fault_of(w, 2, &agent, &shut),
                           nothing = fault_of(w, 3, &agent, &web);
    dns.class = PLX_JUDGE_CLASS_DNS;
    nothing.n_monitors = 0;
    plx_inquest_open(w->inquest, &dns);
    plx_inquest_open(w->inquest, &expected);
    plx_inquest_open(w->inquest, &nothing);
    for (uint64_t id = 1; id <= 3; id++) {
        json_t *places = told_of(w, id);
        assert_int_equal(json_array_size(places), 0);
        json_decref(places);
    }
}

static json_t *stored(struct world *w)
{
    json_t *shown = coordinator_ask(&w->fx, "incidents.show", "{\"id\":1}");
    assert_int_equal(w->fx.err, 0);
    return json_object_get(shown, "places");
}

static bool store_is_idle(void *arg)
{
    const struct world *w = arg;
    struct plx_store_health health;
    plx_store_health(w->fx.desk.store, &health);
    return health.queued_jobs == 0;
}

static void what_was_found__is_stored_with_the_incident(void **state)
{
    struct world *w = *state;
    investigate(w);
    plx_inquest_tick(w->inquest, plx_clock_mono());
    coordinator_await(&w->fx, store_is_idle, w);
    assert_int_equal(json_array_size(stored(w)), 1);
    agent_close(&w->eu);
    agent_close(&w->us);
    end_inquest(w);
    coordinator_restart(&w->fx);
    begin_inquest(w, 0);
    json_t *one = json_array_get(stored(w), 0);
    assert_string_equal(json_text_at(one, "fault"), "f7");
    assert_string_equal(json_string_value(at(one, "place", "after")), "10.0.0.5");
    assert_int_equal(json_array_size(json_object_get(one, "traces")), 2);
    json_t *explained = coordinator_ask(&w->fx, "explain", "{\"monitor\":\"web\"}");
    assert_int_equal(json_array_size(json_object_get(explained, "places")), 1);
}

/* ---- good times ---- */

static bool has_way(void *arg)
{
    struct world *w = arg;
    return plx_ways_count(plx_inquest_ways(w->inquest)) == 1;
}

static void a_way_that_works__is_walked_and_not_at_once_again(void **state)
{
    struct world *w = *state;
    struct plx_trace good = trace_by(2, 4, true);
    end_inquest(w);
    begin_inquest(w, PLX_HOUR_NS);
    coordinator_apply(&w->fx, APPLY);
    const struct plx_monitor *m = plx_catalog_at(
        w->fx.desk.catalog, plx_catalog_by_name(w->fx.desk.catalog, "web"));
    struct plx_result open = agent_result(m->id, PLX_OUTCOME_OPEN);
    unsigned had = w->us.heard[PLX_MSG_TRACE_NOW];
    agent_report(&w->us, 1, &open, 1);
    coordinator_await_store(&w->fx);
    plx_inquest_tick(w->inquest, plx_clock_mono());
    agent_await_beyond(&w->us, PLX_MSG_TRACE_NOW, had);
    assert_int_equal(w->us.flows, 4);
    answer(&w->us, &good);
    coordinator_await(&w->fx, has_way, w);
    for (int i = 0; i < 20; i++)
        plx_inquest_tick(w->inquest, plx_clock_mono());
    agent_report(&w->us, 2, &open, 1); /* whatever was sent before has come by now */
    assert_int_equal(w->us.heard[PLX_MSG_TRACE_NOW], had + 1);
    assert_int_equal(w->eu.heard[PLX_MSG_TRACE_NOW], 0); /* has not seen it work */
}

/* ---- the API's trace ---- */

static bool is_answered(void *arg)
{
    const struct world *w = arg;
    return w->fx.n_answers > 0;
}

static void a_trace_of_the_api__is_told_part_by_part(void **state)
{
    struct world *w = *state;
    struct plx_trace well = trace_by(1, 4, true), now = trace_by(2, 4, false);
    coordinator_submit(&w->fx, "trace", "{\"target\":\"192.0.2.1:80\"}");
    agent_await_beyond(&w->us, PLX_MSG_TRACE_NOW, 0);
    agent_await_beyond(&w->eu, PLX_MSG_TRACE_NOW, 0);
    assert_int_equal(w->us.flows, 4);
    answer(&w->eu, &well);
    answer(&w->us, &now);
    coordinator_await(&w->fx, is_answered, w);
    assert_int_equal(w->fx.err, 0);
    assert_int_equal(w->fx.n_parts, 2);
    assert_int_equal(json_array_size(json_object_get(w->fx.answer, "answers")), 2);
    assert_int_equal(json_array_size(json_object_get(w->fx.answer, "missing")), 0);
    assert_string_equal(json_string_value(at(w->fx.answer, "place", "kind")), "between");
    /* What led there is one of good times. */
    assert_int_equal(plx_ways_count(plx_inquest_ways(w->inquest)), 1);
}

static void who_does_not_answer__is_missing(void **state)
{
    struct world *w = *state;
    struct plx_trace well = trace_by(1, 4, true);
    coordinator_submit(&w->fx, "trace",
                       "{\"target\":\"192.0.2.1:80\",\"from\":[\"us\"]}");
    agent_await_beyond(&w->us, PLX_MSG_TRACE_NOW, 0);
    assert_int_equal(w->eu.heard[PLX_MSG_TRACE_NOW], 0);
    plx_tracing_tick(plx_inquest_tracing(w->inquest),
                     plx_mono_add(plx_clock_mono(), PLX_MIN_NS));
    assert_int_equal(w->fx.n_answers, 1);
    assert_int_equal(json_array_size(json_object_get(w->fx.answer, "missing")), 1);
    assert_int_equal(json_integer_value(json_object_get(w->fx.answer, "asked")), 1);
    assert_int_equal(json_integer_value(json_object_get(w->fx.answer, "answered")), 0);
    assert_string_equal(json_string_value(at(w->fx.answer, "place", "kind")), "none");
    answer(&w->us, &well); /* too late: nobody's */
}

static void wrong_questions__are_refused(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *body;
        int err;
    } rows[] = {
        {"{}", PLX_EINVAL},
        {"{\"target\":\"192.0.2.1\"}", PLX_EINVAL},
        {"{\"target\":\"192.0.2.1:0\"}", PLX_EINVAL},
        {"{\"target\":\"192.0.2.1:80\",\"flows\":17}", PLX_EINVAL},
        {"{\"target\":\"192.0.2.1:80\",\"flows\":0}", PLX_EINVAL},
        {"{\"target\":\"192.0.2.1:80\",\"hops\":31}", PLX_EINVAL},
        {"{\"target\":\"192.0.2.1:80\",\"ip\":5}", PLX_EINVAL},
        {"{\"target\":\"192.0.2.1:80\",\"from\":5}", PLX_EINVAL},
        {"{\"target\":\"192.0.2.1:80\",\"from\":[\"mars\"]}", PLX_ENOTFOUND},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        coordinator_submit(&w->fx, "trace", rows[i].body);
        if (w->fx.n_answers != 1 || w->fx.err != rows[i].err)
            fail_msg("%s: %d (%s)", rows[i].body, w->fx.err, w->fx.why);
    }
    assert_int_equal(w->us.heard[PLX_MSG_TRACE_NOW], 0);
}

static void one_guest__has_four_at_a_time(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 4; i++)
        coordinator_submit(&w->fx, "trace", "{\"target\":\"192.0.2.1:80\"}");
    assert_int_equal(w->fx.n_answers, 0);
    coordinator_submit(&w->fx, "trace", "{\"target\":\"192.0.2.1:80\"}");
    assert_int_equal(w->fx.n_answers, 1);
    assert_int_equal(w->fx.err, PLX_EAGAIN);
    plx_tracing_tick(plx_inquest_tracing(w->inquest),
                     plx_mono_add(plx_clock_mono(), PLX_MIN_NS));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_answer__goes_to_who_asked),
        CASE(answers_that_nobody_asked_for__are_dropped),
        CASE(silence__is_told_after_a_while_and_once),
        CASE(who_is_forgotten__is_told_nothing),
        CASE(an_agent_that_left__cannot_be_asked),
        CASE(a_fault__is_traced_from_both_sides_and_placed),
        CASE(faults_over_one_host__share_an_inquest),
        CASE(what_has_no_way__is_not_traced),
        CASE(what_was_found__is_stored_with_the_incident),
        CASE(a_way_that_works__is_walked_and_not_at_once_again),
        CASE(a_trace_of_the_api__is_told_part_by_part),
        CASE(who_does_not_answer__is_missing),
        CASE(wrong_questions__are_refused),
        CASE(one_guest__has_four_at_a_time),
    };
    return PLX_RUN(tests);
}
