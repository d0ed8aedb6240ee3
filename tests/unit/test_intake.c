#include "test.h"

#include "base/err.h"
#include "base/text.h"
#include "capture.h"
#include "coordinator_fixture.h"
#include "sys/clock.h"

#include <string.h>

static struct coordinator_fixture fx;

static int setup(void **state)
{
    (void)state;
    coordinator_up(&fx);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    coordinator_down(&fx);
    return 0;
}

#define WEB "- {name: web, host: 192.0.2.1, port: 80, locations: [fra]}\\n"
#define DB  "- {name: db, host: 192.0.2.2, port: 5432, locations: [nyc]}\\n"

static void an_agent__joins_is_given_work_and_is_acknowledged(void **state)
{
    (void)state;
    struct scripted_agent agent;
    agent_join(&agent, &fx, "fra", "");
    assert_string_equal(agent.name, "fra-1");
    assert_string_equal(agent.region, "fra");
    assert_int_equal(agent.n_tasks, 0);
    coordinator_apply(&fx, COORDINATOR_APPLY(WEB DB));
    agent_await_beyond(&agent, PLX_MSG_DELTA, 0);
    assert_int_equal(agent.n_tasks, 1);

    struct plx_result r = agent_result(agent.task_id, PLX_OUTCOME_OPEN);
    agent_report(&agent, 1, &r, 1);
    assert_true(agent.acked_stream == 9 && agent.acked_seq == 1);
    agent_report(&agent, 1, &r, 1); /* once more: acknowledged, not counted */
    assert_true(agent.acked_seq == 1);
    agent_report(&agent, 5, &r, 1); /* a hole: the mark is named */
    assert_true(agent.acked_seq == 1);

    json_t *web = coordinator_monitor(coordinator_ask(&fx, "status", "{}"), "web");
    json_t *location = json_array_get(json_object_get(web, "locations"), 0);
    assert_string_equal(json_text_at(location, "agent"), "fra-1");
    assert_string_equal(json_text_at(location, "outcome"), "open");
    assert_string_equal(json_text_at(location, "address"), "192.0.2.1");
    json_t *db = coordinator_monitor(fx.answer, "db");
    assert_string_equal(json_text_at(db, "verdict"), "pending");
    agent_close(&agent);
}

static void a_second_session_of_a_key__wins(void **state)
{
    (void)state;
    struct scripted_agent first, second;
    const struct plx_msg beat = {.type = PLX_MSG_HEARTBEAT,
                                 .heartbeat = {.wall = plx_clock_wall()}};
    agent_join(&first, &fx, "fra", "");
    agent_connect(&second, &fx, &first.keys, plx_intake_endpoint(fx.intake));
    agent_say(&second, &beat); /* without a hello */
    agent_await_beyond(&second, PLX_MSG_REFUSAL, 0);
    assert_int_equal(second.refused, PLX_EGONE);
    agent_hello(&second);
    agent_await_beyond(&first, PLX_MSG_REFUSAL, 0);
    assert_int_equal(first.refused, PLX_ECONFLICT);
    agent_say(&second, &beat);
    agent_await_beyond(&second, PLX_MSG_HEARTBEAT_ACK, 0);
    agent_say(&first, &beat);
    agent_await_beyond(&first, PLX_MSG_REFUSAL, 1);
    assert_true(plx_roster_at(fx.desk.roster, 0)->doubled);
    agent_close(&first);
    agent_close(&second);
}

static void a_token__enrols_once(void **state)
{
    (void)state;
    struct scripted_agent agent;
    struct plx_keypair keys;
    struct plx_why why;
    const struct plx_msg request = {
        .type = PLX_MSG_ENROL_REQUEST,
        .enrol_request = {.secret = "not a secret that anybody made", .name = ""},
    };
    const struct plx_msg hello = {.type = PLX_MSG_HELLO,
                                  .hello = {.wall = plx_clock_wall(), .boot_id = 1}};
    assert_int_equal(plx_keypair_generate(&keys, &why), 0);
    agent_connect(&agent, &fx, &keys, plx_enrol_endpoint(fx.enrol));
    agent_say(&agent, &request);
    agent_await_beyond(&agent, PLX_MSG_REFUSAL, 0);
    assert_int_equal(agent.refused, PLX_EDENIED);
    agent_say(&agent, &hello); /* this port only enrols */
    agent_await_beyond(&agent, PLX_MSG_REFUSAL, 1);
    assert_int_equal(agent.refused, PLX_EINVAL);
    agent_close(&agent);

    agent_join(&agent, &fx, "fra", "");
    json_t *tokens =
        json_object_get(coordinator_ask(&fx, "agents.token.list", "{}"), "tokens");
    assert_int_equal(json_array_size(tokens), 0); /* used up */
    agent_close(&agent);
}

static void a_restart__keeps_what_is_known(void **state)
{
    (void)state;
    struct scripted_agent agent;
    agent_join(&agent, &fx, "fra", "");
    coordinator_apply(&fx, COORDINATOR_APPLY(WEB));
    agent_await_beyond(&agent, PLX_MSG_DELTA, 0);
    struct plx_keypair keys = agent.keys;
    for (uint64_t seq = 1; seq <= 3; seq++) {
        struct plx_result r = agent_result(agent.task_id, PLX_OUTCOME_OPEN);
        agent_report(&agent, seq, &r, 1);
    }
    assert_string_equal(coordinator_verdict(&fx, "web"), "up");
    agent_close(&agent);
    coordinator_restart(&fx);
    const struct plx_agent *known = plx_roster_at(fx.desk.roster, 0);
    assert_string_equal(plx_presence_token(plx_roster_presence(known)), "live");
    assert_string_equal(coordinator_verdict(&fx, "web"), "up");
    coordinator_ask(&fx, "history", "{\"monitor\":\"web\"}");
    assert_int_equal(json_array_size(json_object_get(fx.answer, "history")), 1);
    agent_connect(&agent, &fx, &keys, plx_intake_endpoint(fx.intake));
    agent_hello(&agent);
    assert_int_equal(agent.n_tasks, 1);
    agent_close(&agent);
}

static bool is_kept(void *arg)
{
    struct plx_store_health health;
    plx_store_health(fx.store.store, &health);
    return health.n_commits > *(uint64_t *)arg;
}

/* What a restart knows of an agent that said hello an hour ago and was heard just now. */
static void an_agents_last_sight__is_kept_while_it_is_connected(void **state)
{
    (void)state;
    struct scripted_agent agent;
    struct plx_roster_notes notes = {.n = 0};
    struct plx_store_health health;
    agent_join(&agent, &fx, "fra", "");
    const struct plx_agent *a = plx_roster_at(fx.desk.roster, 0);
    struct plx_wall later = plx_wall_add(a->last_seen, PLX_HOUR_NS);
    plx_store_health(fx.store.store, &health);
    plx_roster_heard(fx.desk.roster, 0, plx_clock_mono(), later, &notes);
    plx_intake_tick(fx.intake);
    coordinator_await(&fx, is_kept, &health.n_commits);
    agent_close(&agent);
    coordinator_restart(&fx);
    a = plx_roster_at(fx.desk.roster, 0);
    assert_true(a->last_seen.ns / PLX_US_NS == later.ns / PLX_US_NS);
}

/* How many of the answer's lines are of this type. */
static size_t count_lines(const char *type, const char *key, const char *value)
{
    const json_t *lines = json_object_get(fx.answer, "lines"), *line;
    size_t i, n = 0;
    json_array_foreach(lines, i,
                       line) if (strcmp(json_text_at((json_t *)line, "type"), type) == 0)
        n += !key || strcmp(json_text_at((json_t *)line, key), value) == 0;
    return n;
}

static void an_export__comes_page_by_page(void **state)
{
    (void)state;
    struct scripted_agent fra, nyc;
    static struct plx_result results[1000];
    agent_join(&fra, &fx, "fra", "");
    agent_join(&nyc, &fx, "nyc", "");
    coordinator_ask(&fx, "results.export", "{}");
    assert_true(json_is_null(json_object_get(fx.answer, "oldest")));
    coordinator_apply(&fx, COORDINATOR_APPLY(WEB DB));
    agent_await_beyond(&fra, PLX_MSG_DELTA, 0);
    agent_await_beyond(&nyc, PLX_MSG_DELTA, 0);
    for (size_t i = 0; i < 1000; i++)
        results[i] = agent_result(fra.task_id, PLX_OUTCOME_OPEN);
    for (uint64_t seq = 1; seq <= 6000; seq += 1000)
        agent_report(&fra, seq, results, 1000);
    struct plx_result r = agent_result(nyc.task_id, PLX_OUTCOME_REFUSED);
    agent_report(&nyc, 1, &r, 1);
    assert_string_equal(coordinator_verdict(&fx, "web"), "up");
    coordinator_await_store(&fx);

    coordinator_ask(&fx, "results.export", "{\"since\":\"1h\"}");
    assert_int_equal(fx.err, 0);
    assert_int_equal(count_lines("agent", NULL, NULL), 2);
    assert_int_equal(count_lines("monitor", NULL, NULL), 2);
    assert_int_equal(count_lines("result", "agent", "fra-1"), 5000);
    assert_string_equal(
        json_text_at(json_array_get(json_object_get(fx.answer, "lines"), 0), "type"),
        "recording");
    assert_non_null(json_text_at(fx.answer, "oldest"));
    char body[256];
    snprintf(body, sizeof body, "{\"since\":\"1h\",\"after\":\"%s\"}",
             json_text_at(fx.answer, "next"));
    coordinator_ask(&fx, "results.export", body);
    assert_int_equal(count_lines("agent", NULL, NULL), 0);
    assert_int_equal(count_lines("result", "agent", "fra-1"), 1000);
    assert_int_equal(count_lines("result", "outcome", "refused"), 1);
    assert_true(json_is_null(json_object_get(fx.answer, "next")));

    coordinator_ask(&fx, "results.export", "{\"monitors\":[\"db\"],\"since\":\"1h\"}");
    assert_int_equal(count_lines("monitor", NULL, NULL), 1);
    assert_int_equal(count_lines("result", NULL, NULL), 0); /* beyond the first page */
    assert_non_null(json_text_at(fx.answer, "next"));
    agent_close(&fra);
    agent_close(&nyc);
}

static void an_export_that_makes_no_sense__is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"since\":\"yesterday\"}",
        "{\"since\":\"1h\",\"until\":\"2h\"}",
        "{\"monitors\":[\"nobody\"]}",
        "{\"after\":\"20261123\"}",
        "{\"after\":\"20261123.-1\"}",
        "{\"after\":\"x0261123.1\"}",
        "{\"after\":\"20261123.99999999999999999999\"}",
        "{\"since\":\"2199-01-01T00:00:00Z\"}",
        "{\"form\":\"1h\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        coordinator_ask(&fx, "results.export", bad[i]);
        if (fx.err >= 0 || !fx.why[0])
            fail_msg("%s: %d %s", bad[i], fx.err, fx.why);
    }
}

/* What an agent stored while it was away may be of before its clock was set: its times
 * say nothing then. The same as fresh results do. */
static void a_backlog_of_another_clock__is_history_and_no_news(void **state)
{
    (void)state;
    struct scripted_agent agent;
    agent_join(&agent, &fx, "fra", "");
    coordinator_apply(
        &fx,
        COORDINATOR_APPLY("- {name: a, host: 192.0.2.1, port: 80, check_interval: 30s, "
                          "locations: [fra]}\\n"));
    agent_await_beyond(&agent, PLX_MSG_DELTA, 0);
    struct plx_result results[] = {
        agent_result(agent.task_id, PLX_OUTCOME_OPEN),
        agent_result(agent.task_id, PLX_OUTCOME_OPEN),
    };
    results[0].started.ns = results[0].scheduled.ns -= 70 * PLX_SEC_NS;
    results[1].started.ns = results[1].scheduled.ns -= 40 * PLX_SEC_NS;
    agent_report(&agent, 1, results, 2);
    assert_string_equal(coordinator_verdict(&fx, "a"), "up");

    const int64_t set_back_ns = 20 * PLX_MIN_NS;
    agent_hello_at(&agent, (struct plx_wall){plx_clock_wall().ns - set_back_ns});
    results[0] = results[1] = agent_result(agent.task_id, PLX_OUTCOME_REFUSED);
    results[0].started.ns = results[0].scheduled.ns -= set_back_ns + 35 * PLX_SEC_NS;
    results[1].started.ns = results[1].scheduled.ns -= set_back_ns;
    agent_report_backlog(&agent, 1, results, 2);
    assert_string_equal(coordinator_verdict(&fx, "a"), "up");
    agent_report(&agent, 3, results, 2);
    assert_string_not_equal(coordinator_verdict(&fx, "a"), "up");
    agent_close(&agent);
}

static bool check_is_over(void *arg)
{
    (void)arg;
    return fx.n_answers > 0;
}

static void a_check__streams_what_agents_say(void **state)
{
    (void)state;
    struct scripted_agent agent;
    agent_join(&agent, &fx, "fra", "");
    coordinator_submit(&fx, "check", "{\"target\":\"192.0.2.9:22\",\"from\":[\"fra\"]}");
    agent_await_beyond(&agent, PLX_MSG_PROBE_NOW, 0);
    const struct plx_msg done = {
        .type = PLX_MSG_PROBE_DONE,
        .probe_done = {agent.request_id, agent_result(0, PLX_OUTCOME_REFUSED)},
    };
    agent_say(&agent, &done);
    coordinator_await(&fx, check_is_over, NULL);
    assert_int_equal(fx.n_parts, 1);
    assert_int_equal(json_integer_value(json_object_get(fx.answer, "answered")), 1);
    coordinator_ask(&fx, "check", "{\"target\":\"192.0.2.9:22\",\"from\":[\"mars\"]}");
    assert_int_equal(fx.err, PLX_ENOTFOUND);
    agent_close(&agent);
}

static void bad_questions__name_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *method, *body, *says;
    } rows[] = {
        {"statsu", "{}", "did you mean 'status'"},
        {"status", "{\"monitor\":[]}", "unknown key 'monitor'"},
        {"status", "{", "no JSON"},
        {"status", "[]", "must be a JSON object"},
        {"status", "{\"monitors\":[1]}", "'monitors' must be a list of texts"},
        {"status", "{\"monitors\":[\"x\"]}", "no monitor 'x'"},
        {"monitors.show", "{}", "'name' is missing"},
        {"agents.show", "{\"name\":\"x\"}", "no agent 'x'"},
        {"agents.token.create", "{\"region\":\"a b\"}", "'region'"},
        {"agents.token.create", "{\"region\":\"a\",\"ttl\":\"5\"}", "'ttl'"},
        {"agents.token.revoke", "{\"id\":7}", "no token 7"},
        {"check", "{\"target\":\"nowhere\"}", "'target'"},
        {"history", "{\"monitor\":\"x\"}", "no monitor 'x'"},
        {"apply", COORDINATOR_APPLY("- {host: 192.0.2.1, port: 0, locations: [fra]}\\n"),
         "test:2:"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        coordinator_ask(&fx, rows[i].method, rows[i].body);
        assert_true(fx.err < 0);
        if (!strstr(fx.why, rows[i].says))
            fail_msg("%s %s: %s", rows[i].method, rows[i].body, fx.why);
    }
}

/* The command line could not read the answer at all. */
static void a_sentence_that_quotes__is_fit_for_the_wire(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        coordinator_ask(&fx, "explain",
                        i ? "{\"monitor\":\"\\u009b31m\"}"
                          : "{\"monitor\":\"\\u001b[31m\"}");
        assert_string_equal(fx.why, "'monitor' has control characters in it");
    }
    for (int odd = 0; odd < 2; odd++) { /* cut between two characters, or within one */
        struct plx_buf body;
        plx_buf_init(&body, 8192);
        plx_buf_text(&body, odd ? "{\"monitor\":\"x" : "{\"monitor\":\"");
        for (int i = 0; i < 1500; i++)
            plx_buf_text(&body, "\xc3\xa9");
        plx_buf_text(&body, "\"}");
        coordinator_ask(&fx, "explain", plx_buf_str(&body));
        assert_true(plx_text_is_clean(fx.why, strlen(fx.why)));
        plx_buf_fini(&body);
    }
}

static void a_file__is_applied_with_its_changes_told(void **state)
{
    (void)state;
    json_t *answer;
    coordinator_apply(&fx, COORDINATOR_APPLY(WEB DB));
    answer = coordinator_ask(
        &fx, "apply",
        "{\"file\":\"f\",\"dry_run\":true,\"prune\":true,\"text\":\"monitors:\\n- {name: "
        "web, host: 192.0.2.1, port: 81, locations: [fra]}\\n\"}");
    json_t *changed = json_array_get(json_object_get(answer, "changed"), 0);
    json_t *change = json_array_get(json_object_get(changed, "changes"), 0);
    assert_string_equal(json_text_at(change, "key"), "port");
    assert_string_equal(json_text_at(change, "was"), "80");
    assert_string_equal(json_text_at(change, "now"), "81");
    assert_int_equal(json_array_size(json_object_get(answer, "removed")), 1);
    assert_int_equal(plx_catalog_count(fx.desk.catalog), 2); /* it was dry */

    coordinator_ask(&fx, "monitors.pause", "{\"names\":[\"web\"]}");
    json_t *web = coordinator_monitor(coordinator_ask(&fx, "status", "{}"), "web");
    assert_string_equal(json_text_at(web, "verdict"), "paused");
    coordinator_ask(&fx, "monitors.remove", "{\"names\":[\"web\",\"db\"]}");
    assert_int_equal(plx_catalog_count(fx.desk.catalog), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_agent__joins_is_given_work_and_is_acknowledged),
        TEST(a_second_session_of_a_key__wins),
        TEST(a_token__enrols_once),
        TEST(a_restart__keeps_what_is_known),
        TEST(an_agents_last_sight__is_kept_while_it_is_connected),
        TEST(an_export__comes_page_by_page),
        TEST(an_export_that_makes_no_sense__is_refused),
        TEST(a_backlog_of_another_clock__is_history_and_no_news),
        TEST(a_check__streams_what_agents_say),
        TEST(bad_questions__name_what_is_wrong),
        TEST(a_sentence_that_quotes__is_fit_for_the_wire),
        TEST(a_file__is_applied_with_its_changes_told),
    };
    return PLX_RUN(tests);
}
