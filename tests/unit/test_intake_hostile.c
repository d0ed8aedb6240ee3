/* What agents and strangers do that they may not: each is refused, said once, counted,
 * and harms nobody else. */
#include "test.h"

#include "base/err.h"
#include "base/text.h"
#include "capture.h"
#include "coordinator_fixture.h"
#include "sys/clock.h"

#include <string.h>

static struct coordinator_fixture fx;
static struct capture capture; /* of what is logged */

static int setup(void **state)
{
    (void)state;
    coordinator_up(&fx);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (capture.file) /* the test failed: now it may say so */
        fputs(capture_end(&capture), stderr);
    coordinator_down(&fx);
    return 0;
}

#define WEB "- {name: web, host: 192.0.2.1, port: 80, locations: [fra]}\\n"
#define DB  "- {name: db, host: 192.0.2.2, port: 5432, locations: [nyc]}\\n"

static bool count_nobodys(void *arg, const struct plx_store_row *row)
{
    size_t *n = arg;
    *n += row->result.monitor_id == 0;
    return true;
}

static void others_monitors__cannot_be_reported(void **state)
{
    (void)state;
    struct scripted_agent fra, nyc;
    struct plx_store_cursor cursor = {0};
    const struct plx_store_range range = {0};
    size_t n_nobodys = 0;
    agent_join(&fra, &fx, "fra", "");
    agent_join(&nyc, &fx, "nyc", "");
    coordinator_apply(&fx, COORDINATOR_APPLY(WEB DB));
    agent_await_beyond(&nyc, PLX_MSG_DELTA, 0);
    agent_await_beyond(&fra, PLX_MSG_DELTA, 0);
    const struct plx_result lies[] = {
        agent_result(nyc.task_id, PLX_OUTCOME_REFUSED),
        agent_result(fra.task_id, PLX_OUTCOME_OPEN),
        agent_result(987654, PLX_OUTCOME_REFUSED),
    };
    agent_report(&fra, 1, lies, 3);
    assert_true(fra.acked_seq == 3);
    assert_true(fx.desk.counts.refused_results == 2);
    coordinator_await_store(&fx);
    assert_int_equal(plx_store_read_results(fx.store.store, &range, &cursor, 100,
                                            count_nobodys, &n_nobodys),
                     0);
    assert_int_equal(n_nobodys, 2);
    json_t *db = coordinator_monitor(coordinator_ask(&fx, "status", "{}"), "db");
    json_t *location = json_array_get(json_object_get(db, "locations"), 0);
    assert_true(json_is_null(json_object_get(location, "outcome")));
    agent_close(&fra);
    agent_close(&nyc);
}

static void say_lost(struct scripted_agent *agent, uint64_t stream_id, uint64_t first_seq,
                     uint64_t lost)
{
    const struct plx_msg msg = {
        .type = PLX_MSG_RESULTS,
        .results = {.stream_id = stream_id,
                    .first_seq = first_seq,
                    .lost = lost,
                    .lost_from = {0},
                    .lost_to = {INT64_C(9000000000) * PLX_SEC_NS}},
    };
    agent_say(agent, &msg);
}

static void await_answer(struct scripted_agent *agent, enum plx_msg_type type)
{
    agent_await_beyond(agent, type, agent->heard[type]);
}

/* An agent that may speak says what it likes: it harms its own numbers only. */
static void absurd_numbers_and_times__harm_nobody_else(void **state)
{
    (void)state;
    const uint64_t huge = UINT64_C(1) << 60;
    struct scripted_agent fra, nyc;
    agent_join(&fra, &fx, "fra", "");
    agent_join(&nyc, &fx, "nyc", "");
    coordinator_apply(&fx, COORDINATOR_APPLY(WEB DB));
    agent_await_beyond(&nyc, PLX_MSG_DELTA, 0);
    agent_await_beyond(&fra, PLX_MSG_DELTA, 0);
    say_lost(&fra, 1, 1, huge);
    await_answer(&fra, PLX_MSG_ACK);
    assert_true(fra.acked_seq == huge);
    say_lost(&fra, 1, huge + 1, UINT64_MAX / 4);
    await_answer(&fra, PLX_MSG_ACK);
    assert_true(fra.acked_seq == huge + UINT64_MAX / 4);
    say_lost(&fra, 1, UINT64_MAX / 4, UINT64_MAX / 4); /* past the last number */
    await_answer(&fra, PLX_MSG_ACK);
    say_lost(&fra, UINT64_MAX, 1, 1); /* a stream with the sign bit */
    await_answer(&fra, PLX_MSG_ACK);
    assert_true(fra.acked_stream == UINT64_MAX && fra.acked_seq == 1);

    static const int64_t times[] = {0, 1, INT64_C(8999999999) * PLX_SEC_NS};
    for (uint64_t i = 0; i < 3; i++) {
        struct plx_result r = agent_result(fra.task_id, PLX_OUTCOME_REFUSED);
        r.scheduled.ns = r.started.ns = times[i];
        agent_report(&fra, i + 1, &r, 1);
        assert_true(fra.acked_seq == i + 1);
    }
    static const int64_t clocks[] = {0, INT64_C(8999999999) * PLX_SEC_NS};
    for (size_t i = 0; i < 2; i++) {
        const struct plx_msg beat = {
            .type = PLX_MSG_HEARTBEAT,
            .heartbeat = {.wall = {clocks[i]},
                          .generation = UINT64_MAX,
                          .progress = UINT64_MAX,
                          .spool_age_ms = UINT64_MAX,
                          .uptime_ms = UINT64_MAX,
                          .offset_ns = i ? -8999999999 * PLX_SEC_NS : 1,
                          .rtt_us = UINT32_MAX},
        };
        agent_say(&fra, &beat);
        await_answer(&fra, PLX_MSG_HEARTBEAT_ACK);
    }
    for (uint64_t seq = 1; seq <= 3; seq++) {
        struct plx_result r = agent_result(nyc.task_id, PLX_OUTCOME_OPEN);
        agent_report(&nyc, seq, &r, 1);
    }
    assert_string_equal(coordinator_verdict(&fx, "db"), "up");
    agent_close(&fra);
    agent_close(&nyc);
}

static void a_revoked_agent__is_refused_at_its_next_message(void **state)
{
    (void)state;
    struct scripted_agent one, two;
    agent_join(&one, &fx, "fra", "one");
    agent_join(&two, &fx, "fra", "two");
    coordinator_apply(&fx, COORDINATOR_APPLY(WEB));
    size_t n;
    const uint32_t *slots = plx_shares_agents(fx.desk.shares, 0, &n);
    assert_int_equal(n, 1);
    struct scripted_agent *has =
        slots[0] == plx_roster_by_name(fx.desk.roster, "one") ? &one : &two;
    uint64_t id = plx_catalog_at(fx.desk.catalog, 0)->id;
    struct scripted_agent *other = has == &one ? &two : &one;
    agent_await_beyond(has, PLX_MSG_DELTA, 0);
    coordinator_ask(&fx, "agents.revoke",
                    has == &one ? "{\"name\":\"one\"}" : "{\"name\":\"two\"}");
    assert_int_equal(fx.err, 0);
    agent_await_beyond(other, PLX_MSG_DELTA, 0); /* the share moved at once */
    assert_true(other->task_id == id);
    const struct plx_msg beat = {.type = PLX_MSG_HEARTBEAT,
                                 .heartbeat = {.wall = plx_clock_wall()}};
    agent_say(has, &beat);
    agent_await_beyond(has, PLX_MSG_REFUSAL, 0);
    assert_int_equal(has->refused, PLX_EDENIED);
    assert_true(fx.desk.counts.strangers == 1);
    agent_close(&one);
    agent_close(&two);
}

static void nonsense__is_refused_and_the_session_stands(void **state)
{
    (void)state;
    struct scripted_agent agent;
    const struct plx_msg wrong = {.type = PLX_MSG_ACK, .ack = {1, 1}};
    const struct plx_msg beat = {.type = PLX_MSG_HEARTBEAT,
                                 .heartbeat = {.wall = plx_clock_wall()}};
    agent_join(&agent, &fx, "fra", "");
    agent_say_bytes(&agent, "\xff\xff\xff", 3);
    agent_await_beyond(&agent, PLX_MSG_REFUSAL, 0);
    agent_say(&agent, &wrong);
    agent_await_beyond(&agent, PLX_MSG_REFUSAL, 1);
    agent_say(&agent, &beat);
    agent_await_beyond(&agent, PLX_MSG_HEARTBEAT_ACK, 0);
    assert_true(fx.desk.counts.malformed == 2);
    agent_close(&agent);
}

/* Each hello may cost a whole snapshot: one agent must not be able to make us do nothing
 * else. */
static void a_flood_of_hellos__is_passed_over(void **state)
{
    (void)state;
    struct scripted_agent agent;
    const struct plx_msg hello = {
        .type = PLX_MSG_HELLO,
        .hello = {.boot_id = 2, .wall = plx_clock_wall(), .software = ""},
    };
    const struct plx_msg beat = {.type = PLX_MSG_HEARTBEAT,
                                 .heartbeat = {.wall = plx_clock_wall()}};
    agent_join(&agent, &fx, "fra", "");
    for (int i = 0; i < 100; i++)
        agent_say(&agent, &hello);
    agent_say(&agent, &beat);
    agent_await_beyond(&agent, PLX_MSG_HEARTBEAT_ACK, 0); /* the session stands */
    assert_in_range(agent.heard[PLX_MSG_WELCOME], 5, 20);
    assert_true(fx.desk.counts.over_rate >= 80);
    agent_close(&agent);
}

static void a_revoked_agents_flood__is_not_answered_one_by_one(void **state)
{
    (void)state;
    struct scripted_agent agent, other;
    const struct plx_msg beat = {.type = PLX_MSG_HEARTBEAT,
                                 .heartbeat = {.wall = plx_clock_wall()}};
    agent_join(&agent, &fx, "fra", "one");
    agent_join(&other, &fx, "fra", "two");
    coordinator_ask(&fx, "agents.revoke", "{\"name\":\"one\"}");
    for (int i = 0; i < 900; i++)
        agent_say(&agent, &beat);
    agent_say(&other, &beat);
    agent_await_beyond(&other, PLX_MSG_HEARTBEAT_ACK, 0);
    assert_in_range(agent.heard[PLX_MSG_REFUSAL], 1, 500);
    agent_close(&agent);
    agent_close(&other);
}

static bool all_are_read(void *arg)
{
    (void)arg;
    return fx.desk.door.malformed >= 500;
}

/* The gate counts connections; what comes over one is counted too. */
static void a_flood_of_enrolments__is_passed_over(void **state)
{
    (void)state;
    struct scripted_agent stranger, agent;
    struct plx_keypair keys;
    struct plx_why why;
    assert_int_equal(plx_keypair_generate(&keys, &why), 0);
    agent_connect(&stranger, &fx, &keys, plx_enrol_endpoint(fx.enrol));
    for (int i = 0; i < 500; i++)
        agent_say_bytes(&stranger, "\xff\xff\xff", 3);
    coordinator_await(&fx, all_are_read, NULL);
    agent_join(&agent, &fx, "fra", ""); /* others still get in */
    assert_in_range(stranger.heard[PLX_MSG_REFUSAL], 1, 30);
    agent_close(&agent);
    agent_close(&stranger);
}

/* What an agent says of itself is shown; only what it was given selects. */
static void labels_an_agent_claims__select_nothing(void **state)
{
    (void)state;
    struct scripted_agent agent;
    const struct plx_label labels[] = {{(char *)"provider", (char *)"aws"}};
    const struct plx_msg hello = {
        .type = PLX_MSG_HELLO,
        .hello = {.boot_id = 2,
                  .wall = plx_clock_wall(),
                  .software = "",
                  .labels = labels,
                  .n_labels = 1},
    };
    agent_join(&agent, &fx, "fra", "one");
    coordinator_apply(
        &fx,
        COORDINATOR_APPLY("- {host: 192.0.2.1, port: 80, locations: [provider=aws]}\\n"));
    unsigned had = agent.heard[PLX_MSG_SNAPSHOT];
    agent_say(&agent, &hello);
    agent_await_beyond(&agent, PLX_MSG_SNAPSHOT, had);
    assert_int_equal(agent.n_tasks, 0);
    assert_int_equal(plx_roster_at(fx.desk.roster, 0)->n_labels, 0);
    json_t *shown = json_object_get(
        coordinator_ask(&fx, "agents.show", "{\"name\":\"one\"}"), "agent");
    assert_string_equal(json_text_at(json_object_get(shown, "own_labels"), "provider"),
                        "aws");
    assert_int_equal(json_object_size(json_object_get(shown, "labels")), 0);

    coordinator_ask(&fx, "agents.label",
                    "{\"name\":\"one\",\"labels\":{\"provider\":\"aws\"}}");
    assert_string_equal(fx.why, "");
    agent_await_beyond(&agent, PLX_MSG_DELTA, 0); /* the operator's word does */
    assert_int_equal(agent.n_tasks, 1);
    coordinator_ask(&fx, "agents.label", "{\"name\":\"one\",\"labels\":{}}");
    agent_await_beyond(&agent, PLX_MSG_DELTA, 1);
    assert_int_equal(agent.n_removals, 1);
    agent_close(&agent);
}

static int64_t counter(const char *name)
{
    json_t *counters = json_object_get(coordinator_ask(&fx, "health", "{}"), "counters");
    assert_true(json_is_integer(json_object_get(counters, name)));
    return json_integer_value(json_object_get(counters, name));
}

static size_t lines_of(const char *log, const char *event)
{
    size_t n = 0;
    for (const char *p = log; (p = strstr(p, event)) != NULL; p++)
        n++;
    return n;
}

/* One line in what was logged says all of this: which event, whose it is, by the agent's
 * name and the beginning of its key. */
static void said_once(const char *log, const char *event, const char *agent,
                      const struct plx_keypair *keys)
{
    char line[160], key[12];
    snprintf(line, sizeof line, "event=%s agent=%s key=", event, agent);
    snprintf(key, sizeof key, "%.8s", keys->public_key);
    const char *at = strstr(log, line), *shown = at ? strstr(at, key) : NULL;
    if (lines_of(log, line) != 1 || !shown || shown - at > (long)strlen(line) + 1)
        fail_msg("%s%s: %zu lines in\n%s", line, key, lines_of(log, line), log);
}

/* An enrolled agent that takes a routing id of its choice, such as another's. */
static void a_chosen_routing_id__is_refused_and_counted(void **state)
{
    (void)state;
    struct scripted_agent honest, thief;
    const struct plx_msg beat = {.type = PLX_MSG_HEARTBEAT,
                                 .heartbeat = {.wall = plx_clock_wall()}};
    const struct plx_msg hello = {.type = PLX_MSG_HELLO,
                                  .hello = {.wall = plx_clock_wall(), .boot_id = 3}};
    agent_join(&honest, &fx, "fra", "honest");
    agent_join(&thief, &fx, "fra", "thief");
    struct plx_keypair keys = thief.keys;
    agent_close(&thief);
    capture_begin_of(&capture, STDERR_FILENO);
    agent_connect_as(&thief, &fx, &keys, plx_intake_endpoint(fx.intake), "honest", 6);
    for (int i = 0; i < 3; i++) {
        agent_say(&thief, &hello);
        agent_await_beyond(&thief, PLX_MSG_REFUSAL, thief.heard[PLX_MSG_REFUSAL]);
        assert_int_equal(thief.refused, PLX_EDENIED);
    }
    const char *log = capture_end(&capture);
    said_once(log, "routing_id_chosen", "thief", &keys);
    assert_null(strstr(log, "honest")); /* ids are never logged */
    assert_int_equal(thief.heard[PLX_MSG_WELCOME], 0);
    assert_int_equal(counter("routing_ids_chosen"), 3);
    agent_say(&honest, &beat); /* the other is as it was */
    agent_await_beyond(&honest, PLX_MSG_HEARTBEAT_ACK, 0);
    agent_close(&honest);
    agent_close(&thief);
}

/* The very id of another's session, which that one lost (its connection is gone): nothing
 * that is meant for it goes to the thief. */
static void a_stolen_routing_id__gets_nothing_of_its_owner(void **state)
{
    (void)state;
    struct scripted_agent victim, thief;
    const struct plx_msg hello = {.type = PLX_MSG_HELLO,
                                  .hello = {.wall = plx_clock_wall(), .boot_id = 3}};
    agent_join(&victim, &fx, "fra", "victim");
    agent_join(&thief, &fx, "nyc", "thief");
    struct plx_keypair keys = thief.keys;
    struct plx_peer id = plx_intake_peer(fx.intake, 0);
    agent_close(&victim);
    agent_close(&thief);
    capture_begin_of(&capture, STDERR_FILENO);
    for (int tries = 50; counter("routing_ids_stolen") == 0; tries--) {
        assert_true(tries > 0); /* until libzmq has seen the victim go */
        agent_connect_as(&thief, &fx, &keys, plx_intake_endpoint(fx.intake), id.id,
                         id.len);
        agent_say(&thief, &hello);
        agent_close(&thief);
    }
    said_once(capture_end(&capture), "routing_id_stolen", "thief", &keys);
    assert_int_equal(counter("routing_ids_stolen"), 1);
    assert_false(plx_intake_has(fx.intake, 0));
    assert_string_equal(plx_roster_at(fx.desk.roster, 0)->name, "victim");
}

/* A new key of an agent's: only when asked for, and only one that nobody has. */
static void a_new_key_nobody_asked_for__is_not_taken(void **state)
{
    (void)state;
    struct scripted_agent one, two;
    struct plx_keypair fresh;
    struct plx_why why;
    agent_join(&one, &fx, "fra", "one");
    agent_join(&two, &fx, "fra", "two");
    assert_int_equal(plx_keypair_generate(&fresh, &why), 0);
    const struct plx_msg claims[] = {
        {.type = PLX_MSG_AGENT_KEY, .agent_key = {fresh.public_key}},
        {.type = PLX_MSG_AGENT_KEY, .agent_key = {two.keys.public_key}},
    };
    agent_say(&one, &claims[0]);
    agent_await_beyond(&one, PLX_MSG_REFUSAL, 0);
    coordinator_ask(&fx, "agents.rotate_key", "{\"name\":\"one\"}");
    agent_await_beyond(&one, PLX_MSG_AGENT_KEY, 0);
    agent_say(&one, &claims[1]); /* another's */
    agent_await_beyond(&one, PLX_MSG_REFUSAL, 1);
    assert_string_equal(plx_roster_at(fx.desk.roster, 0)->key, one.keys.public_key);
    agent_say(&one, &claims[0]);
    agent_await_beyond(&one, PLX_MSG_AGENT_KEY, 1);
    assert_string_equal(plx_roster_at(fx.desk.roster, 0)->key, fresh.public_key);

    struct plx_keypair old = one.keys; /* valid together, until the new one is used */
    assert_true(plx_gate_admits(fx.gate, PLX_GATE_DOMAIN_AGENTS, old.public_key));
    agent_close(&one);
    agent_connect(&one, &fx, &fresh, plx_intake_endpoint(fx.intake));
    agent_hello(&one);
    assert_false(plx_gate_admits(fx.gate, PLX_GATE_DOMAIN_AGENTS, old.public_key));
    agent_close(&one);
    agent_close(&two);
    coordinator_restart(&fx);
    assert_string_equal(plx_roster_at(fx.desk.roster, 0)->key, fresh.public_key);
    assert_false(plx_gate_admits(fx.gate, PLX_GATE_DOMAIN_AGENTS, old.public_key));
}

static bool gate_refused(void *arg)
{
    struct plx_gate_counts counts;
    plx_gate_counts(fx.gate, &counts);
    return counts.refused >= *(uint64_t *)arg;
}

/* Asks three times over one connection; each time it is refused. */
static void enrol_with(struct scripted_agent *agent, const char *secret)
{
    const struct plx_msg request = {
        .type = PLX_MSG_ENROL_REQUEST,
        .enrol_request = {.secret = secret, .name = "", .software = "x"},
    };
    struct plx_keypair keys;
    struct plx_why why;
    assert_int_equal(plx_keypair_generate(&keys, &why), 0);
    agent_connect(agent, &fx, &keys, plx_enrol_endpoint(fx.enrol));
    for (unsigned i = 0; i < 3; i++) {
        agent_say(agent, &request);
        agent_await_beyond(agent, PLX_MSG_REFUSAL, i);
    }
    agent_close(agent);
}

/* A token by its secret; expired at once or already used, as its numbers say. */
static void add_token(const char *secret, int64_t ttl_ns)
{
    const struct plx_store_token_add add = {
        .secret = secret,
        .region = "fra",
        .note = "",
        .uses = 1,
        .expires = plx_wall_add(plx_clock_wall(), ttl_ns),
        .who = "test",
        .now = plx_clock_wall(),
    };
    unsigned want = fx.store.n_done + 1;
    assert_int_equal(
        plx_store_add_token(fx.store.store, &add, fixture_on_token, &fx.store), 0);
    while (fx.store.n_done < want)
        plx_store_poll(fx.store.store);
}

/* Each of these is refused, has one line in the log however often it is tried, and a
 * counter in `parallax health`. */
static void what_is_refused__is_logged_once_and_counted(void **state)
{
    (void)state;
    struct scripted_agent agent, other, fra, nyc;
    struct plx_keypair stranger;
    struct plx_why why;
    const struct plx_msg beat = {.type = PLX_MSG_HEARTBEAT,
                                 .heartbeat = {.wall = plx_clock_wall()}};
    uint64_t three = 3;
    plx_gate_log_refusals(fx.gate);
    agent_join(&fra, &fx, "fra", "fra");
    agent_join(&nyc, &fx, "nyc", "nyc");
    agent_join(&other, &fx, "fra", "other");
    coordinator_apply(&fx, COORDINATOR_APPLY(WEB DB));
    agent_await_beyond(&nyc, PLX_MSG_DELTA, 0);
    add_token("a secret that expires at once", 0);
    add_token("a secret that is used only once", PLX_HOUR_NS);
    capture_begin_of(&capture, STDERR_FILENO);

    assert_int_equal(plx_keypair_generate(&stranger, &why), 0);
    for (uint64_t n = 1; n <= three; n++) { /* a key without enrolment */
        agent_connect(&agent, &fx, &stranger, plx_intake_endpoint(fx.intake));
        coordinator_await(&fx, gate_refused, &n);
        agent_close(&agent);
    }
    enrol_with(&agent, "a secret that nobody made, ever");
    enrol_with(&agent, "a secret that expires at once");
    struct plx_keypair first;
    assert_int_equal(plx_keypair_generate(&first, &why), 0);
    const struct plx_msg request = {
        .type = PLX_MSG_ENROL_REQUEST,
        .enrol_request = {.secret = "a secret that is used only once",
                          .name = "",
                          .software = "x"},
    };
    agent_connect(&agent, &fx, &first, plx_enrol_endpoint(fx.enrol));
    agent_say(&agent, &request);
    agent_await_beyond(&agent, PLX_MSG_ENROL_REPLY, 0);
    agent_close(&agent);
    enrol_with(&agent, "a secret that is used only once"); /* replayed */

    const struct plx_result lie = agent_result(nyc.task_id, PLX_OUTCOME_REFUSED);
    for (uint64_t seq = 1; seq <= 3; seq++) /* others' monitors */
        agent_report(&fra, seq, &lie, 1);

    agent_connect(&agent, &fx, &nyc.keys, plx_intake_endpoint(fx.intake));
    agent_hello(&agent); /* two sessions of one key: the newest wins */
    for (int i = 0; i < 3; i++) {
        agent_say(&nyc, &beat);
        agent_await_beyond(&nyc, PLX_MSG_REFUSAL, nyc.heard[PLX_MSG_REFUSAL]);
        assert_int_equal(nyc.refused, PLX_ECONFLICT);
    }
    agent_close(&agent);

    coordinator_ask(&fx, "agents.revoke", "{\"name\":\"other\"}");
    for (int i = 0; i < 3; i++) {
        agent_say(&other, &beat);
        agent_await_beyond(&other, PLX_MSG_REFUSAL, other.heard[PLX_MSG_REFUSAL]);
        assert_int_equal(other.refused, PLX_EDENIED);
    }
    const char *log = capture_end(&capture);
    static const struct {
        const char *line, *counter;
        int64_t count;
    } rows[] = {
        {"event=key_refused domain=agents key=", NULL, 0},
        {"this token is not known here", "tokens_unknown", 3},
        {"this token has expired", "tokens_expired", 3},
        {"this token is used up", "tokens_replayed", 3},
        {"event=result_refused", "results_refused", 3},
        {"event=agent_session_replaced", "sessions_replaced", 1},
        {"event=agent_key_used_twice", "keys_used_twice", 1},
        {"event=stranger_refused", "messages_of_strangers", 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (lines_of(log, rows[i].line) != 1)
            fail_msg("%s: %zu lines in\n%s", rows[i].line, lines_of(log, rows[i].line),
                     log);
        if (rows[i].counter && counter(rows[i].counter) != rows[i].count)
            fail_msg("%s is %lld", rows[i].counter, (long long)counter(rows[i].counter));
    }
    said_once(log, "stranger_refused", "other", &other.keys);
    assert_int_equal(lines_of(log, "event=enrolment_refused key="), 3);
    assert_non_null(strstr(log, "agent 'fra' reported monitor "));
    assert_null(strstr(log, "a secret"));
    assert_null(strstr(log, stranger.secret_key));
    agent_close(&fra);
    agent_close(&nyc);
    agent_close(&other);
}

static void an_agent_that_comes_and_goes__does_not_fill_the_log(void **state)
{
    (void)state;
    struct scripted_agent agent, other;
    agent_join(&agent, &fx, "fra", "flapping");
    agent_join(&other, &fx, "fra", "steady");
    uint32_t slot = plx_roster_by_key(fx.desk.roster, agent.keys.public_key);
    uint32_t steady = plx_roster_by_key(fx.desk.roster, other.keys.public_key);
    const struct plx_roster_notes notes = {
        .list = {{PLX_NOTE_LEFT, slot}, {PLX_NOTE_CONNECTED, slot}}, .n = 2};
    const struct plx_roster_notes gone = {.list = {{PLX_NOTE_LOST, steady}}, .n = 1};
    capture_begin_of(&capture, STDERR_FILENO);
    for (int i = 0; i < 500; i++)
        plx_desk_note(&fx.desk, &notes);
    plx_desk_note(&fx.desk, &gone);
    const char *log = capture_end(&capture);
    assert_in_range(lines_of(log, "agent=flapping"), 10, 30);
    assert_int_equal(lines_of(log, "event=agent_lost agent=steady"), 1);
    assert_int_equal(counter("agent_notes_unlogged"),
                     1000 - (int64_t)lines_of(log, "agent=flapping"));
    agent_close(&agent);
    agent_close(&other);
}

static bool collect_doubt(void *arg, const struct plx_store_row *row)
{
    bool *doubtful = arg;
    if (row->result.seq <= 2)
        doubtful[row->result.seq - 1] = row->result.clock_doubtful;
    return true;
}

/* A clock that was set forward between two heartbeats. */
static void times_still_to_come__are_marked_as_doubtful(void **state)
{
    (void)state;
    struct scripted_agent fra;
    struct plx_store_cursor cursor = {0};
    const struct plx_store_range range = {0};
    bool doubtful[2] = {true, false};
    agent_join(&fra, &fx, "fra", "");
    coordinator_apply(&fx, COORDINATOR_APPLY(WEB));
    agent_await_beyond(&fra, PLX_MSG_DELTA, 0);
    struct plx_result results[] = {
        agent_result(fra.task_id, PLX_OUTCOME_OPEN),
        agent_result(fra.task_id, PLX_OUTCOME_OPEN),
    };
    results[1].started.ns += PLX_MIN_NS;
    results[1].scheduled.ns += PLX_MIN_NS;
    agent_report(&fra, 1, results, 2);
    coordinator_await_store(&fx);
    assert_int_equal(plx_store_read_results(fx.store.store, &range, &cursor, 100,
                                            collect_doubt, doubtful),
                     0);
    assert_false(doubtful[0]);
    assert_true(doubtful[1]);
    agent_close(&fra);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(others_monitors__cannot_be_reported),
        TEST(absurd_numbers_and_times__harm_nobody_else),
        TEST(a_revoked_agent__is_refused_at_its_next_message),
        TEST(nonsense__is_refused_and_the_session_stands),
        TEST(a_flood_of_hellos__is_passed_over),
        TEST(a_revoked_agents_flood__is_not_answered_one_by_one),
        TEST(a_flood_of_enrolments__is_passed_over),
        TEST(labels_an_agent_claims__select_nothing),
        TEST(a_chosen_routing_id__is_refused_and_counted),
        TEST(a_stolen_routing_id__gets_nothing_of_its_owner),
        TEST(a_new_key_nobody_asked_for__is_not_taken),
        TEST(times_still_to_come__are_marked_as_doubtful),
        TEST(what_is_refused__is_logged_once_and_counted),
        TEST(an_agent_that_comes_and_goes__does_not_fill_the_log),
    };
    return PLX_RUN(tests);
}
