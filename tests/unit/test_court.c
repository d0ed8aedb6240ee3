/* The court between the fleet and the judge: what a clock that is set does to it. */
#include "test.h"

#include "coordinator/core/court.h"

#include <stdlib.h>
#include <string.h>

#define BEGAN_NS (INT64_C(1700000000) * PLX_SEC_NS)

struct fixture {
    struct plx_roster *roster;
    struct plx_catalog *catalog;
    struct plx_shares *shares;
    struct plx_court *court;
    uint32_t agents[3], monitor;
    struct plx_mono now;
    int64_t wall_ns; /* our wall clock minus the monotonic one */
};

static struct plx_wall wall(const struct fixture *fx)
{
    return (struct plx_wall){fx->now.ns + fx->wall_ns};
}

static void add_agent(struct fixture *fx, uint32_t i)
{
    static const char *const names[] = {"fra-1", "iad-1", "sin-1"};
    char key[PLX_AGENT_KEY_MAX];
    memset(key, 'a' + (int)i, sizeof key);
    key[PLX_AGENT_KEY_MAX - 1] = '\0';
    const struct plx_roster_entry entry = {
        .id = i + 1, .name = names[i], .region = names[i], .key = key};
    assert_int_equal(plx_roster_add(fx->roster, &entry, true, fx->now, &fx->agents[i]),
                     0);
    plx_court_set_agent(fx->court, fx->agents[i]);
    plx_shares_set_agent(fx->shares, fx->agents[i], names[i], names[i], NULL, 0,
                         PLX_STANDING_PRESENT);
}

/* web, as it is by default; or at another port, at another interval, or paused. */
static void put_web(struct fixture *fx, uint16_t port, int64_t interval_ns, bool paused)
{
    struct plx_monitor m;
    const uint32_t *changed;
    size_t n;
    plx_monitor_init(&m);
    m.id = 7;
    m.port = port;
    m.interval_ns = interval_ns;
    m.timeout_ns = 5 * PLX_SEC_NS;
    m.paused = paused;
    plx_monitor_set_text(&m.name, "web");
    plx_monitor_set_text(&m.host, "192.0.2.7");
    plx_monitor_add_location(&m, "all");
    assert_int_equal(plx_shares_put(fx->shares, &m, &fx->monitor), 0);
    plx_monitor_fini(&m);
    plx_shares_settle(fx->shares, fx->now, &changed, &n);
    plx_court_set_monitor(fx->court, fx->monitor);
}

static int set_up(void **state)
{
    struct fixture *fx = calloc(1, sizeof *fx);
    assert_non_null(fx);
    fx->now.ns = PLX_HOUR_NS;
    fx->wall_ns = BEGAN_NS;
    fx->roster = plx_roster_new(NULL);
    fx->catalog = plx_catalog_new();
    fx->shares = plx_shares_new(fx->catalog);
    fx->court = plx_court_new(fx->roster, fx->catalog, fx->shares);
    for (uint32_t i = 0; i < 3; i++)
        add_agent(fx, i);
    put_web(fx, 443, PLX_MIN_NS, false);
    *state = fx;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fx = *state;
    plx_court_destroy(&fx->court);
    plx_shares_destroy(&fx->shares);
    plx_catalog_destroy(&fx->catalog);
    plx_roster_destroy(&fx->roster);
    free(fx);
    return 0;
}

static void probe(struct fixture *fx, uint32_t agent, enum plx_outcome outcome)
{
    const struct plx_result r = {
        .monitor_id = 7,
        /* The agent's clock stays as it is. */
        .started = {fx->now.ns + BEGAN_NS},
        .outcome = outcome,
        .address = {.family = 4, .bytes = {192, 0, 2, 7}},
    };
    plx_court_result(fx->court, wall(fx), agent, fx->monitor, &r);
}

static enum plx_judge_verdict think(struct fixture *fx)
{
    const struct plx_judge_output *output;
    const struct plx_transition *transitions;
    struct plx_judge_ruling ruling;
    size_t n;
    plx_court_tick(fx->court, wall(fx), &output, &transitions, &n);
    assert_int_equal(plx_judge_view(plx_court_judge(fx->court), fx->monitor, &ruling), 0);
    return ruling.verdict;
}

/* Seconds in which everybody is heard and one after the other probes. */
static enum plx_judge_verdict pass(struct fixture *fx, int seconds,
                                   enum plx_outcome outcome)
{
    enum plx_judge_verdict verdict = PLX_JUDGE_INCONCLUSIVE;
    for (int s = 0; s < seconds; s++) {
        fx->now = plx_mono_add(fx->now, PLX_SEC_NS);
        for (uint32_t i = 0; i < 3; i++) {
            plx_court_heartbeat(fx->court, wall(fx), fx->agents[i]);
            if (s % 20 == (int)i)
                probe(fx, fx->agents[i], outcome);
        }
        verdict = think(fx);
    }
    return verdict;
}

static void set_clock(struct fixture *fx, int64_t step_ns)
{
    fx->wall_ns += step_ns;
    plx_roster_clock_set(fx->roster, step_ns);
    plx_court_clock_set(fx->court, step_ns);
}

static void a_change_or_an_answer__is_news_until_the_next_tick(void **state)
{
    struct fixture *fx = *state;
    pass(fx, 180, PLX_OUTCOME_OPEN);
    probe(fx, fx->agents[0], PLX_OUTCOME_OPEN);
    assert_false(plx_court_has_news(fx->court));
    probe(fx, fx->agents[0], PLX_OUTCOME_TIMEOUT);
    assert_true(plx_court_has_news(fx->court));
    think(fx);
    assert_false(plx_court_has_news(fx->court));
}

static void clock_set_back_two_hours__views_stay_fresh_and_outages_are_seen(void **state)
{
    struct fixture *fx = *state;
    assert_int_equal(pass(fx, 180, PLX_OUTCOME_OPEN), PLX_JUDGE_UP);
    set_clock(fx, -2 * PLX_HOUR_NS);
    assert_int_equal(think(fx), PLX_JUDGE_UP);
    assert_int_equal(pass(fx, 300, PLX_OUTCOME_OPEN), PLX_JUDGE_UP);
    assert_int_equal(pass(fx, 180, PLX_OUTCOME_REFUSED), PLX_JUDGE_SERVICE_DOWN);
}

static void clock_set_forward_two_hours__nothing_is_late_or_silent(void **state)
{
    struct fixture *fx = *state;
    assert_int_equal(pass(fx, 180, PLX_OUTCOME_OPEN), PLX_JUDGE_UP);
    set_clock(fx, 2 * PLX_HOUR_NS);
    assert_int_equal(think(fx), PLX_JUDGE_UP);
    assert_int_equal(pass(fx, 300, PLX_OUTCOME_OPEN), PLX_JUDGE_UP);
    assert_int_equal(pass(fx, 180, PLX_OUTCOME_REFUSED), PLX_JUDGE_SERVICE_DOWN);
}

static void clock_set__since_is_told_by_the_new_clock(void **state)
{
    struct fixture *fx = *state;
    struct plx_judge_ruling ruling;
    pass(fx, 60, PLX_OUTCOME_OPEN);
    set_clock(fx, -2 * PLX_HOUR_NS);
    pass(fx, 180, PLX_OUTCOME_REFUSED);
    assert_int_equal(plx_judge_view(plx_court_judge(fx->court), fx->monitor, &ruling), 0);
    struct plx_wall since = plx_court_since(fx->court, fx->monitor, &ruling);
    int64_t ago_ns = plx_wall_diff(wall(fx), since);
    assert_true(ago_ns > 0 && ago_ns <= 180 * PLX_SEC_NS);
    const struct plx_sight *sight =
        plx_court_sight(fx->court, fx->monitor, fx->agents[0]);
    assert_non_null(sight);
    ago_ns = plx_wall_diff(wall(fx), sight->at);
    assert_true(ago_ns >= 0 && ago_ns <= 30 * PLX_SEC_NS);
}

/* What stood when it was set, too: in its sentence, and as its fault began. */
static void clock_set__what_stands_is_told_by_the_new_clock(void **state)
{
    struct fixture *fx = *state;
    struct plx_judge_ruling ruling;
    const struct plx_judge_fault *faults;
    char at[PLX_WALL_TEXT_MAX];
    size_t n;
    pass(fx, 60, PLX_OUTCOME_OPEN);
    pass(fx, 180, PLX_OUTCOME_REFUSED);
    set_clock(fx, -5000 * PLX_SEC_NS);
    assert_int_equal(pass(fx, 2, PLX_OUTCOME_REFUSED), PLX_JUDGE_SERVICE_DOWN);
    plx_judge_faults(plx_court_judge(fx->court), &faults, &n);
    assert_int_equal(n, 1);
    int64_t ago_ns = plx_wall_diff(wall(fx), faults[0].onset);
    assert_true(ago_ns > 150 * PLX_SEC_NS && ago_ns <= 182 * PLX_SEC_NS);
    plx_wall_format(faults[0].onset, at);
    assert_int_equal(plx_judge_view(plx_court_judge(fx->court), fx->monitor, &ruling), 0);
    at[19] = '\0'; /* of 2023-11-14T22:13:20.000Z the seconds */
    assert_non_null(strstr(ruling.why, at + 11));
    ago_ns = plx_wall_diff(wall(fx), plx_court_since(fx->court, fx->monitor, &ruling));
    assert_true(ago_ns > 150 * PLX_SEC_NS && ago_ns <= 182 * PLX_SEC_NS);
}

/* What is said of the monitor now, which nobody has looked at. */
static void assert_pending(struct fixture *fx)
{
    const struct plx_judge_output *output;
    const struct plx_transition *transitions;
    struct plx_judge_ruling ruling;
    const struct plx_judge_fault *faults;
    size_t n;
    fx->now = plx_mono_add(fx->now, PLX_SEC_NS);
    plx_court_tick(fx->court, wall(fx), &output, &transitions, &n);
    assert_int_equal(n, 0);
    plx_judge_faults(plx_court_judge(fx->court), &faults, &n);
    assert_int_equal(n, 0);
    assert_int_equal(plx_judge_view(plx_court_judge(fx->court), fx->monitor, &ruling), 0);
    assert_int_equal(ruling.verdict, PLX_JUDGE_INCONCLUSIVE);
    assert_int_equal(ruling.fresh, 0);
    assert_null(plx_court_sight(fx->court, fx->monitor, fx->agents[0]));
}

static void another_port__is_not_judged_by_what_was_seen_of_the_former(void **state)
{
    struct fixture *fx = *state;
    pass(fx, 60, PLX_OUTCOME_OPEN);
    assert_int_equal(pass(fx, 60, PLX_OUTCOME_REFUSED), PLX_JUDGE_SERVICE_DOWN);
    const struct plx_result late = {.monitor_id = 7,
                                    .started = {fx->now.ns - PLX_SEC_NS + BEGAN_NS},
                                    .outcome = PLX_OUTCOME_REFUSED};
    put_web(fx, 444, PLX_MIN_NS, false);
    assert_pending(fx);
    plx_court_result(fx->court, wall(fx), fx->agents[0], fx->monitor, &late);
    assert_pending(fx);
    assert_int_equal(pass(fx, 30, PLX_OUTCOME_OPEN), PLX_JUDGE_UP);
}

static void another_interval__keeps_what_was_seen(void **state)
{
    struct fixture *fx = *state;
    assert_int_equal(pass(fx, 60, PLX_OUTCOME_OPEN), PLX_JUDGE_UP);
    put_web(fx, 443, 2 * PLX_MIN_NS, false);
    assert_int_equal(think(fx), PLX_JUDGE_UP);
}

static void paused_and_resumed__begins_anew_without_its_fault(void **state)
{
    struct fixture *fx = *state;
    struct plx_judge_ruling ruling;
    pass(fx, 60, PLX_OUTCOME_OPEN);
    assert_int_equal(pass(fx, 60, PLX_OUTCOME_REFUSED), PLX_JUDGE_SERVICE_DOWN);
    put_web(fx, 443, PLX_MIN_NS, true);
    assert_pending(fx);
    plx_court_recall(fx->court, fx->monitor, PLX_JUDGE_SERVICE_DOWN, wall(fx));
    put_web(fx, 443, PLX_MIN_NS, false);
    assert_pending(fx);
    assert_int_equal(plx_judge_view(plx_court_judge(fx->court), fx->monitor, &ruling), 0);
    assert_string_equal(plx_court_word(fx->court, fx->monitor, &ruling), "pending");
    assert_int_equal(pass(fx, 60, PLX_OUTCOME_REFUSED), PLX_JUDGE_SERVICE_DOWN);
}

/* A stored result of agent `i`, received at that second after BEGAN. */
static void replay(struct fixture *fx, uint32_t i, int64_t at_s, enum plx_outcome outcome)
{
    const struct plx_wall at = {BEGAN_NS + at_s * PLX_SEC_NS};
    const struct plx_result r = {
        .monitor_id = 7,
        .started = at,
        .outcome = outcome,
        .address = {.family = 4, .bytes = {192, 0, 2, 7}},
    };
    plx_court_replay(fx->court, wall(fx), at, fx->agents[i], fx->monitor, &r);
}

static void restart_after_clock_was_set_back__old_outage_is_not_told_again(void **state)
{
    struct fixture *fx = *state;
    /* An outage long ago, by a clock that was two hours ahead … */
    for (int64_t s = 3400; s < 3600; s += 20)
        for (uint32_t i = 0; i < 3; i++)
            replay(fx, i, s, PLX_OUTCOME_REFUSED);
    /* … and since it was set back, all is well. It is 3,600 s now. */
    for (int64_t s = 3300; s < 3590; s += 20)
        for (uint32_t i = 0; i < 3; i++)
            replay(fx, i, s, PLX_OUTCOME_OPEN);
    for (uint32_t i = 0; i < 3; i++)
        plx_court_heartbeat(fx->court, wall(fx), fx->agents[i]);
    assert_int_equal(think(fx), PLX_JUDGE_UP);
}

static void results_received_in_the_future__are_left_out(void **state)
{
    struct fixture *fx = *state;
    for (uint32_t i = 0; i < 3; i++) {
        replay(fx, i, 3590, PLX_OUTCOME_OPEN);
        replay(fx, i, 9000, PLX_OUTCOME_REFUSED);
    }
    assert_int_equal(pass(fx, 120, PLX_OUTCOME_OPEN), PLX_JUDGE_UP);
}

/* Set back while the coordinator was away: an outage of these very minutes, when they
 * passed for the first time, is not one of now. */
static void clock_set_back_while_away__past_outage_is_not_told_again(void **state)
{
    struct fixture *fx = *state;
    for (int64_t s = 3400; s < 3600; s += 20)
        for (uint32_t i = 0; i < 3; i++)
            replay(fx, i, s, PLX_OUTCOME_REFUSED);
    for (uint32_t i = 0; i < 3; i++)
        replay(fx, i, 7000, PLX_OUTCOME_OPEN);
    for (uint32_t i = 0; i < 3; i++)
        plx_court_heartbeat(fx->court, wall(fx), fx->agents[i]);
    assert_int_equal(think(fx), PLX_JUDGE_INCONCLUSIVE);
}

/* A monitor that fra-1 alone watches; its slot. */
static uint32_t put_lone(struct fixture *fx)
{
    struct plx_monitor m;
    const uint32_t *changed;
    uint32_t slot;
    size_t n;
    plx_monitor_init(&m);
    m.id = 8;
    m.port = 22;
    m.interval_ns = PLX_MIN_NS;
    m.timeout_ns = 5 * PLX_SEC_NS;
    plx_monitor_set_text(&m.name, "lone");
    plx_monitor_set_text(&m.host, "198.51.100.8");
    plx_monitor_add_location(&m, "fra-1");
    assert_int_equal(plx_shares_put(fx->shares, &m, &slot), 0);
    plx_monitor_fini(&m);
    plx_shares_settle(fx->shares, fx->now, &changed, &n);
    plx_court_set_monitor(fx->court, slot);
    return slot;
}

static void probe_lone(struct fixture *fx, uint32_t slot, uint32_t agent,
                       enum plx_outcome outcome, enum plx_probe_kind kind)
{
    const struct plx_result r = {
        .monitor_id = 8,
        .started = {fx->now.ns + BEGAN_NS},
        .outcome = outcome,
        .kind = kind,
        .address = {.family = 4, .bytes = {198, 51, 100, 8}},
    };
    plx_court_result(fx->court, wall(fx), fx->agents[agent], slot, &r);
}

/* How many spares' views count. */
static size_t count_spares(struct fixture *fx, uint32_t slot)
{
    struct plx_judge_view view;
    size_t n = 0;
    think(fx);
    assert_int_equal(plx_judge_explain(plx_court_judge(fx->court), slot, &view), 0);
    for (size_t i = 0; i < view.n_cells; i++)
        n += view.cells[i].spare;
    return n;
}

static void one_who_does_not_watch__is_heard_when_asked_and_is_no_location(void **state)
{
    struct fixture *fx = *state;
    struct plx_judge_ruling ruling;
    uint32_t lone = put_lone(fx);
    pass(fx, 60, PLX_OUTCOME_OPEN);
    probe_lone(fx, lone, 1, PLX_OUTCOME_OPEN, PLX_PROBE_CONFIRM);
    assert_true(plx_court_has_news(fx->court));
    think(fx);
    assert_int_equal(plx_judge_view(plx_court_judge(fx->court), lone, &ruling), 0);
    assert_string_equal(plx_court_word(fx->court, lone, &ruling), "pending");
    for (int i = 0; i < 2; i++)
        probe_lone(fx, lone, 0, PLX_OUTCOME_TIMEOUT,
                   i ? PLX_PROBE_RETRY : PLX_PROBE_SCHEDULED);
    fx->now = plx_mono_add(fx->now, PLX_SEC_NS);
    probe_lone(fx, lone, 2, PLX_OUTCOME_OPEN, PLX_PROBE_SCHEDULED); /* not its own */
    probe_lone(fx, lone, 2, PLX_OUTCOME_OPEN, PLX_PROBE_ADDRESS);
    assert_int_equal(count_spares(fx, lone), 1);
    probe_lone(fx, lone, 2, PLX_OUTCOME_OPEN, PLX_PROBE_CONFIRM);
    assert_int_equal(count_spares(fx, lone), 2);
    assert_null(plx_court_sight(fx->court, lone, fx->agents[2]));
    assert_int_equal(plx_judge_view(plx_court_judge(fx->court), lone, &ruling), 0);
    assert_int_equal(ruling.assigned, 1);
}

/* What fra-1 does not reach and the others do, beside what it alone watches and reaches;
 * all of it is stored. */
struct stored {
    struct plx_result results[400];
    uint32_t agents[400], monitors[400];
    size_t n;
};

static void store_and_judge(struct fixture *fx, struct stored *st, uint32_t agent,
                            uint32_t monitor, enum plx_outcome outcome)
{
    const struct plx_result r = {
        .monitor_id = monitor == fx->monitor ? 7 : 8,
        .started = wall(fx),
        .outcome = outcome,
    };
    st->results[st->n] = r;
    st->agents[st->n] = fx->agents[agent];
    st->monitors[st->n++] = monitor;
    plx_court_result(fx->court, wall(fx), fx->agents[agent], monitor, &r);
}

/* A second of the court's life; how many transitions there were. */
static size_t live_a_second(struct fixture *fx, struct stored *st, uint32_t lone,
                            const struct plx_transition **ret)
{
    const struct plx_judge_output *output;
    int64_t s = fx->now.ns / PLX_SEC_NS;
    size_t n;
    fx->now = plx_mono_add(fx->now, PLX_SEC_NS);
    for (uint32_t i = 0; i < 3; i++) {
        plx_court_heartbeat(fx->court, wall(fx), fx->agents[i]);
        if (st && s % 30 == (int)i)
            store_and_judge(fx, st, i, fx->monitor,
                            i == 0 && s > 3600 + 60 ? PLX_OUTCOME_TIMEOUT
                                                    : PLX_OUTCOME_OPEN);
    }
    if (st && s % 30 == 5)
        store_and_judge(fx, st, 0, lone, PLX_OUTCOME_OPEN);
    plx_court_tick(fx->court, wall(fx), &output, ret, &n);
    return n;
}

/* Another court of the same fleet, which reads what is stored. */
static void restart(struct fixture *fx, const struct stored *st, uint32_t lone)
{
    plx_court_destroy(&fx->court);
    fx->court = plx_court_new(fx->roster, fx->catalog, fx->shares);
    for (uint32_t i = 0; i < 3; i++)
        plx_court_set_agent(fx->court, fx->agents[i]);
    plx_court_set_monitor(fx->court, fx->monitor);
    plx_court_set_monitor(fx->court, lone);
    for (size_t i = 0; i < st->n; i++)
        plx_court_replay(fx->court, wall(fx), st->results[i].started, st->agents[i],
                         st->monitors[i], &st->results[i]);
    plx_court_recall(fx->court, fx->monitor, PLX_JUDGE_PATH_FAILURE, wall(fx));
    plx_court_recall(fx->court, lone, PLX_JUDGE_UP, wall(fx));
    plx_court_settling_until(fx->court, plx_wall_add(wall(fx), PLX_MIN_NS));
}

static void restart_amid_a_path_fault__tells_no_recovery(void **state)
{
    struct fixture *fx = *state;
    const struct plx_transition *transitions;
    struct stored *st = calloc(1, sizeof *st);
    uint32_t lone = put_lone(fx);
    assert_non_null(st);
    for (int s = 0; s < 600; s++)
        live_a_second(fx, st, lone, &transitions);
    assert_int_equal(think(fx), PLX_JUDGE_PATH_FAILURE);
    restart(fx, st, lone);
    for (int s = 0; s < 60; s++)
        assert_int_equal(live_a_second(fx, st, lone, &transitions), 0);
    assert_int_equal(think(fx), PLX_JUDGE_PATH_FAILURE);
    free(st);
}

static void recovered_while_we_were_away__is_told_soon(void **state)
{
    struct fixture *fx = *state;
    const struct plx_transition *transitions;
    struct stored st = {.n = 0};
    uint32_t lone = put_lone(fx);
    int s = 0;
    for (uint32_t i = 0; i < 3; i++)
        store_and_judge(fx, &st, i, fx->monitor, PLX_OUTCOME_OPEN);
    restart(fx, &st, lone);
    while (live_a_second(fx, NULL, lone, &transitions) == 0)
        assert_true(++s < 15);
    assert_int_equal(transitions[0].monitor, fx->monitor);
    assert_int_equal(transitions[0].was, PLX_JUDGE_PATH_FAILURE);
    assert_int_equal(transitions[0].ruling.verdict, PLX_JUDGE_UP);
}

static void stored_answers_of_spares__count_after_a_restart(void **state)
{
    struct fixture *fx = *state;
    uint32_t lone = put_lone(fx);
    for (uint32_t i = 0; i < 3; i++) {
        struct plx_result r = {
            .monitor_id = 8,
            .started = {BEGAN_NS + (3570 + (int64_t)i) * PLX_SEC_NS},
            .outcome = i < 2 ? PLX_OUTCOME_TIMEOUT : PLX_OUTCOME_OPEN,
            .kind = i == 0 ? PLX_PROBE_SCHEDULED : PLX_PROBE_CONFIRM,
        };
        plx_court_replay(fx->court, wall(fx), r.started, fx->agents[i / 2], lone, &r);
    }
    for (uint32_t i = 0; i < 3; i++)
        plx_court_heartbeat(fx->court, wall(fx), fx->agents[i]);
    assert_int_equal(count_spares(fx, lone), 1);
}

/* The rate of the target kept its next probe back: it saw what it saw a moment ago. */
static void a_probe_held_back_for_the_target__leaves_the_view(void **state)
{
    struct fixture *fx = *state;
    struct plx_judge_ruling ruling;
    assert_int_equal(pass(fx, 60, PLX_OUTCOME_OPEN), PLX_JUDGE_UP);
    const struct plx_result kept_back = {.monitor_id = 7,
                                         .started = {fx->now.ns + BEGAN_NS},
                                         .outcome = PLX_OUTCOME_SKIPPED,
                                         .detail = PLX_DETAIL_LOCAL_RATE};
    for (uint32_t i = 0; i < 3; i++)
        plx_court_result(fx->court, wall(fx), fx->agents[i], fx->monitor, &kept_back);
    assert_int_equal(think(fx), PLX_JUDGE_UP);
    assert_int_equal(plx_judge_view(plx_court_judge(fx->court), fx->monitor, &ruling), 0);
    assert_int_equal(ruling.fresh, 3);
    /* An agent that could not is another matter. */
    for (uint32_t i = 0; i < 3; i++)
        probe(fx, fx->agents[i], PLX_OUTCOME_SKIPPED);
    assert_int_equal(think(fx), PLX_JUDGE_INCONCLUSIVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_change_or_an_answer__is_news_until_the_next_tick, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            clock_set_back_two_hours__views_stay_fresh_and_outages_are_seen, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            clock_set_forward_two_hours__nothing_is_late_or_silent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            restart_after_clock_was_set_back__old_outage_is_not_told_again, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            clock_set_back_while_away__past_outage_is_not_told_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(results_received_in_the_future__are_left_out,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(clock_set__what_stands_is_told_by_the_new_clock,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            another_port__is_not_judged_by_what_was_seen_of_the_former, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(another_interval__keeps_what_was_seen, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(paused_and_resumed__begins_anew_without_its_fault,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(clock_set__since_is_told_by_the_new_clock, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            one_who_does_not_watch__is_heard_when_asked_and_is_no_location, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(restart_amid_a_path_fault__tells_no_recovery,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(recovered_while_we_were_away__is_told_soon,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_probe_held_back_for_the_target__leaves_the_view,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(stored_answers_of_spares__count_after_a_restart,
                                        set_up, tear_down),
    };
    return PLX_RUN(tests);
}
