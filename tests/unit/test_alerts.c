/* The alerts' room, where it meets the store. */
#include "coordinator_fixture.h"

#include "base/err.h"
#include "coordinator/io/alerts_message.h"
#include "coordinator/io/store_incidents.h"
#include "coordinator/receivers/receiver.h"
#include "sys/clock.h"

#include "test.h"

#include <string.h>

static void configure(struct coordinator_fixture *fx)
{
    static const char text[] =
        "receivers:\n- {name: ops, kind: webhook, url: 'http://127.0.0.1:9/'}\n";
    struct plx_alerting_file file;
    struct plx_why why = {""};
    assert_int_equal(plx_alerting_parse("test", text, strlen(text), plx_receiver_check,
                                        NULL, &file, &why),
                     0);
    plx_alerts_configure(fx->alerts, &file);
    plx_alerting_file_fini(&file);
}

/* The store brings it back after whoever asked was told. */
static void a_stop_while_a_test_is_being_stored__tells_who_asked_once(void **state)
{
    struct coordinator_fixture *fx = *state;
    configure(fx);
    coordinator_submit(fx, "receivers.test", "{\"name\":\"ops\"}");
    plx_alerts_drop_tests(fx->alerts);
    assert_int_equal(fx->n_answers, 1);
    assert_int_equal(fx->err, PLX_EGONE);
    coordinator_restart(fx);
}

static void on_put(void *arg, int err, const char *why,
                   const struct plx_store_applied *applied)
{
    struct coordinator_fixture *fx = arg;
    (void)why, (void)applied;
    fx->err = err;
    fx->n_answers++;
}

static bool is_answered(void *arg)
{
    const struct coordinator_fixture *fx = arg;
    return fx->n_answers > 0;
}

/* Whole paths were good once. Whoever upgrades is not to be without receivers. */
static void stored_receivers_that_are_not_good_any_more__are_kept(void **state)
{
    struct coordinator_fixture *fx = *state;
    static const char text[] = "receivers:\n- {name: ops, kind: webhook, url: "
                               "'http://127.0.0.1:9/', token_file: /etc/shadow}\n"
                               "- {name: two, kind: webhook, url: 'http://h/'}\n";
    const struct plx_store_section section = {.section = "receivers", .text = text};
    fx->n_answers = 0;
    const struct plx_store_apply apply = {
        .sections = &section, .n_sections = 1, .who = "test", .now = plx_clock_wall()};
    assert_int_equal(plx_store_apply(fx->desk.store, &apply, on_put, fx), 0);
    coordinator_await(fx, is_answered, fx);
    assert_int_equal(fx->err, 0);
    coordinator_restart(fx);
    assert_int_equal(plx_alerts_rules(fx->alerts)->config.n_receivers, 2);
}

static const struct plx_incident *an_open_incident(struct coordinator_fixture *fx)
{
    struct plx_wall now = plx_clock_wall();
    coordinator_ask(
        fx, "apply",
        "{\"text\":\"monitors:\\n- {monitor_type: tcp, name: web, host: h, port: "
        "80, locations: [all]}\\n\"}");
    assert_int_equal(fx->err, 0);
    plx_alerts_verdict(fx->alerts, now, plx_catalog_by_name(fx->desk.catalog, "web"),
                       PLX_JUDGE_SERVICE_DOWN, NULL, 0, "for a test");
    plx_alerts_tick(fx->alerts, now);
    const struct plx_incident *incident =
        plx_incidents_by_id(plx_alerts_incidents(fx->alerts), 1);
    assert_non_null(incident);
    return incident;
}

/* Who hears that it is done may switch the machine off. */
static void an_acknowledgement__is_answered_when_it_is_stored(void **state)
{
    struct coordinator_fixture *fx = *state;
    const struct plx_incident *incident = an_open_incident(fx);
    coordinator_submit(fx, "incidents.ack", "{\"id\":1,\"text\":\"on it\"}");
    assert_true(incident->acked.ns > 0);
    assert_int_equal(fx->n_answers, 0);
    coordinator_await(fx, is_answered, fx);
    assert_int_equal(fx->err, 0);
    coordinator_restart(fx);
    incident = plx_incidents_by_id(plx_alerts_incidents(fx->alerts), 1);
    assert_non_null(incident);
    assert_true(incident->acked.ns > 0);
}

/* The second is refused for its monitor, so its rules must not hold either. */
static void rules_and_monitors__are_one_change(void **state)
{
    struct coordinator_fixture *fx = *state;
    coordinator_ask(
        fx, "apply",
        "{\"text\":\"receivers:\\n- {name: one, kind: webhook, url: "
        "'http://h/'}\\nmonitors:\\n- {monitor_type: tcp, name: web, host: h, "
        "port: 80, locations: [all]}\\n\"}");
    assert_int_equal(fx->err, 0);
    assert_int_equal(plx_alerts_rules(fx->alerts)->config.n_receivers, 1);
    assert_int_equal(plx_catalog_count(fx->desk.catalog), 1);
    const struct plx_store_section section = {.section = "receivers",
                                              .text = "receivers: []\n"};
    const char *const nobody[] = {"there is no such monitor"};
    const struct plx_store_apply apply = {.removals = nobody,
                                          .n_removals = 1,
                                          .sections = &section,
                                          .n_sections = 1,
                                          .who = "test",
                                          .now = plx_clock_wall()};
    fx->n_answers = 0;
    assert_int_equal(plx_store_apply(fx->desk.store, &apply, on_put, fx), 0);
    coordinator_await(fx, is_answered, fx);
    assert_int_equal(fx->err, PLX_ENOTFOUND);
    coordinator_restart(fx);
    assert_int_equal(plx_alerts_rules(fx->alerts)->config.n_receivers, 1);
    assert_string_equal(plx_alerts_rules(fx->alerts)->config.receivers[0].name, "one");
}

static void titles__say_what_is_down_and_of_how_many(void **state)
{
    (void)state;
    static const struct {
        enum plx_incident_kind kind;
        const char *entity;
        size_t n;
        const char *title;
    } rows[] = {
        {PLX_INCIDENT_SERVICE, "db", 1, "db is down"},
        {PLX_INCIDENT_SERVICE, "db", 2, "db is down (2 monitors)"},
        {PLX_INCIDENT_SERVICE, "192.0.2.7", 1, "192.0.2.7 is down"},
        {PLX_INCIDENT_SERVICE, "192.0.2.7", 40,
         "services of 192.0.2.7 are down (40 monitors)"},
        {PLX_INCIDENT_HOST, "192.0.2.7", 40, "host 192.0.2.7 is down (40 monitors)"},
        {PLX_INCIDENT_REGION, "fra", 0, "our region fra is at fault"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char buf[PLX_TITLE_MAX];
        const struct plx_incident incident = {.kind = rows[i].kind,
                                              .entity = (char *)rows[i].entity,
                                              .n_members = rows[i].n,
                                              .n_active = rows[i].n};
        assert_string_equal(plx_incident_title(&incident, buf), rows[i].title);
    }
}

static int up(void **state)
{
    static struct coordinator_fixture fx;
    coordinator_up(&fx);
    *state = &fx;
    return 0;
}

static int down(void **state)
{
    coordinator_down(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_stop_while_a_test_is_being_stored__tells_who_asked_once, up, down),
        cmocka_unit_test_setup_teardown(
            stored_receivers_that_are_not_good_any_more__are_kept, up, down),
        cmocka_unit_test_setup_teardown(an_acknowledgement__is_answered_when_it_is_stored,
                                        up, down),
        cmocka_unit_test_setup_teardown(rules_and_monitors__are_one_change, up, down),
        cmocka_unit_test(titles__say_what_is_down_and_of_how_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
