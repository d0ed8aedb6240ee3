/* Uptime from a real store: results that came late, by minutes and by hours. */
#include "test.h"

#include "store_fixture.h"

#include "coordinator/io/uptime_report.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MONITOR 7

static struct plx_wall minute(int64_t m)
{
    return plx_wall_add(FIXTURE_NOON, m * PLX_MIN_NS);
}

static int setup(void **state)
{
    static struct store_fixture fx;
    fixture_init(&fx);
    fx.options.rollup_ns = PLX_MS_NS;
    fixture_open(&fx);
    for (unsigned i = 1; i <= 4; i++) { /* r4 is no location of the monitor */
        char name[8], region[8], key[PLX_KEY_TEXT_MAX];
        snprintf(name, sizeof name, "agent%u", i);
        snprintf(region, sizeof region, "r%u", i);
        const struct plx_store_agent_add add = {.name = name,
                                                .region = region,
                                                .public_key = fixture_key(i, key),
                                                .who = "test",
                                                .now = FIXTURE_NOON};
        unsigned want = fx.n_done + 1;
        assert_int_equal(plx_store_add_agent(fx.store, &add, fixture_on_agent, &fx), 0);
        fixture_await(&fx, want);
        assert_int_equal(fx.agent_id, i);
    }
    *state = &fx;
    return 0;
}

static int teardown(void **state)
{
    fixture_fini(*state);
    return 0;
}

/* The agent's results of the minutes [from, to), as they arrive at minute `received`. */
static void report_kind(struct store_fixture *fx, uint64_t agent_id, uint64_t first_seq,
                        int64_t from, int64_t to, enum plx_outcome outcome,
                        int64_t received, enum plx_probe_kind kind)
{
    struct plx_result list[200];
    size_t n = 0;
    for (int64_t m = from; m < to; m++)
        list[n++] = (struct plx_result){.monitor_id = MONITOR,
                                        .scheduled = minute(m),
                                        .started = minute(m),
                                        .outcome = outcome,
                                        .kind = kind};
    const struct plx_msg_results batch = {
        .stream_id = 1, .first_seq = first_seq, .results = list, .n = n};
    unsigned want = fx->n_done + 1;
    assert_int_equal(plx_store_ingest(fx->store, agent_id, &batch, minute(received),
                                      fixture_on_ingest, fx),
                     0);
    fixture_await(fx, want);
    assert_int_equal(fx->err, 0);
}

static void report(struct store_fixture *fx, uint64_t agent_id, uint64_t first_seq,
                   int64_t from, int64_t to, enum plx_outcome outcome, int64_t received)
{
    report_kind(fx, agent_id, first_seq, from, to, outcome, received,
                PLX_PROBE_SCHEDULED);
}

static void says(struct store_fixture *fx, int64_t at, const char *was, const char *now)
{
    const struct plx_store_verdict v = {
        .monitor_id = MONITOR, .at = minute(at), .was = was, .now = now};
    unsigned want = fx->n_done + 1;
    assert_int_equal(plx_store_add_verdicts(fx->store, &v, 1, fixture_on_done, fx), 0);
    fixture_await(fx, want);
}

static void await_rollups(struct store_fixture *fx, uint64_t n)
{
    struct plx_store_rollups_state s = {0};
    for (int i = 0; i < 20000; i++) {
        plx_store_rollups_state(fx->store, &s);
        if (s.n_results >= n && s.n_open == 0 && s.behind == 0)
            return;
        poll(NULL, 0, 1);
    }
    fail_msg("%llu of %llu results read, %zu minutes open, %llu behind",
             (unsigned long long)s.n_results, (unsigned long long)n, s.n_open,
             (unsigned long long)s.behind);
}

static void read_uptime(struct store_fixture *fx, int64_t from, int64_t to,
                        enum plx_rollup_level level, struct plx_uptime_report *ret)
{
    static char *regions[] = {"r1", "r2", "r3"};
    const struct plx_uptime_subject subject = {.monitor_id = MONITOR,
                                               .expect = PLX_EXPECT_OPEN,
                                               .interval_ns = PLX_MIN_NS,
                                               .min_coverage_percent = 50,
                                               .regions = regions,
                                               .n_regions = 3};
    struct plx_store_reader *reader;
    struct plx_uptime_ground ground;
    struct plx_why why = {""};
    assert_int_equal(plx_store_reader_new(fx->store, &reader, &why), 0);
    assert_int_equal(plx_uptime_ground_read(reader, minute(from), &ground), 0);
    assert_int_equal(plx_uptime_report_read(reader, &ground, &subject, minute(from),
                                            minute(to), level, ret),
                     0);
    plx_uptime_ground_fini(&ground);
    plx_store_reader_destroy(&reader);
}

static void assert_minutes(const struct plx_uptime *u, int64_t up, int64_t down,
                           int64_t unknown, int64_t late)
{
    assert_int_equal(u->up_ns, up * PLX_MIN_NS);
    assert_int_equal(u->down_ns, down * PLX_MIN_NS);
    assert_int_equal(u->unknown_ns, unknown * PLX_MIN_NS);
    assert_int_equal(u->late_ns, late * PLX_MIN_NS);
}

/* Two hours: up, judged down for 10 minutes, no coordinator from 60 to 90, and in that
 * time down from 70 to 80. */
static void a_history(struct store_fixture *fx)
{
    /* Nobody waits for it: it is written before what is waited for. */
    plx_store_note_absence(fx->store, minute(60), minute(90));
    says(fx, 0, "pending", "up");
    says(fx, 20, "up", "service_down");
    says(fx, 30, "service_down", "up");
    for (uint64_t a = 1; a <= 3; a++) {
        report(fx, a, 1, 0, 20, PLX_OUTCOME_OPEN, 20);
        report(fx, a, 21, 20, 30, PLX_OUTCOME_REFUSED, 30);
        report(fx, a, 31, 30, 60, PLX_OUTCOME_OPEN, 60);
    }
}

static void what_comes_late(struct store_fixture *fx)
{
    for (uint64_t a = 1; a <= 3; a++) {
        report(fx, a, 61, 60, 70, PLX_OUTCOME_OPEN, 91);
        report(fx, a, 71, 70, 80, PLX_OUTCOME_TIMEOUT, 91);
        report(fx, a, 81, 80, 120, PLX_OUTCOME_OPEN, 120);
    }
}

static void late_results__amend_the_past(void **state)
{
    struct store_fixture *fx = *state;
    struct plx_uptime_report r;
    a_history(fx);
    await_rollups(fx, 180);
    read_uptime(fx, 0, 120, PLX_ROLLUP_MINUTE, &r);
    /* The last look, of minute 59, speaks for three intervals more. */
    assert_minutes(&r.uptime, 53, 10, 57, 3);
    assert_int_equal(r.uptime.n_late, 0);
    plx_uptime_report_fini(&r);
    what_comes_late(fx);
    await_rollups(fx, 360);
    read_uptime(fx, 0, 120, PLX_ROLLUP_MINUTE, &r);
    assert_minutes(&r.uptime, 100, 20, 0, 30);
    assert_int_equal(r.uptime.n_late, 1);
    assert_int_equal(r.uptime.late[0].from.ns, minute(70).ns);
    assert_int_equal(r.uptime.late[0].to.ns, minute(80).ns);
    assert_int_equal(r.uptime.n_locations, 3);
    assert_int_equal(r.locations[1].ok, 100);
    assert_int_equal(r.locations[1].bad, 20);
    assert_string_equal(r.regions[1], "r2");
    plx_uptime_report_fini(&r);
}

/* By hours the same comes out: times when nobody judged are read by minutes. */
static void a_long_window__says_the_same(void **state)
{
    struct store_fixture *fx = *state;
    struct plx_uptime_report r;
    a_history(fx);
    what_comes_late(fx);
    await_rollups(fx, 360);
    read_uptime(fx, -29 * 24 * 60, 120, PLX_ROLLUP_HOUR, &r);
    assert_int_equal(r.uptime.from.ns, minute(0).ns); /* nothing is known of before */
    assert_minutes(&r.uptime, 100, 20, 0, 30);
    assert_int_equal(r.uptime.n_late, 1);
    assert_int_equal(r.locations[2].ok, 100);
    assert_int_equal(r.locations[2].bad, 20);
    plx_uptime_report_fini(&r);
}

/* What a spare was asked is no location of the monitor's, and what is asked between two
 * looks is no look. */
static void extra_probes__are_no_location_and_no_look(void **state)
{
    struct store_fixture *fx = *state;
    struct plx_uptime_report r;
    says(fx, 0, "pending", "up");
    report(fx, 1, 1, 0, 60, PLX_OUTCOME_OPEN, 60);
    report_kind(fx, 1, 61, 60, 61, PLX_OUTCOME_OPEN, 61, PLX_PROBE_CONFIRM);
    report_kind(fx, 4, 1, 10, 12, PLX_OUTCOME_OPEN, 60, PLX_PROBE_CONFIRM);
    await_rollups(fx, 63);
    read_uptime(fx, 0, 62, PLX_ROLLUP_MINUTE, &r);
    assert_int_equal(r.uptime.n_locations, 3);
    assert_string_equal(r.regions[0], "r1");
    assert_int_equal(r.locations[0].ok, 60);
    assert_int_equal(r.locations[0].seen_ns, 62 * PLX_MIN_NS);
    plx_uptime_report_fini(&r);
}

static void old_absences__are_dropped(void **state)
{
    struct store_fixture *fx = *state;
    struct plx_store_reader *reader;
    struct plx_uptime_ground ground;
    struct plx_why why = {""};
    plx_store_note_absence(fx->store, minute(-5 * 24 * 60), minute(-4 * 24 * 60));
    plx_store_note_absence(fx->store, minute(60), minute(90));
    plx_store_note_absence(fx->store, minute(80), minute(100)); /* as one */
    unsigned want = fx->n_done + 1;
    assert_int_equal(
        plx_store_drop_before(fx->store, minute(-24 * 60), fixture_on_done, fx), 0);
    fixture_await(fx, want);
    assert_int_equal(plx_store_reader_new(fx->store, &reader, &why), 0);
    assert_int_equal(plx_uptime_ground_read(reader, minute(-100 * 24 * 60), &ground), 0);
    assert_int_equal(ground.n_absences, 1);
    assert_int_equal(ground.absences[0].to.ns, minute(100).ns);
    plx_uptime_ground_fini(&ground);
    plx_store_reader_destroy(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(late_results__amend_the_past, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_window__says_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(extra_probes__are_no_location_and_no_look, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(old_absences__are_dropped, setup, teardown),
    };
    return PLX_RUN(tests);
}
