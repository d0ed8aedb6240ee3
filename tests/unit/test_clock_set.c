/* The coordinator's wall clock is set while it serves: what it judges by goes on as if it
 * had not been. The clocks here are this test's own (sys/clock.h). */
#include "coordinator_fixture.h"
#include "test.h"

#include "coordinator/io/rounds.h"
#include "sys/clock.h"

#include <time.h>

static struct coordinator_fixture fx;
static int64_t set_by_ns;

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * PLX_SEC_NS + ts.tv_nsec;
}

struct plx_mono plx_clock_mono(void)
{
    return (struct plx_mono){read_clock(CLOCK_MONOTONIC)};
}

struct plx_wall plx_clock_wall(void)
{
    return (struct plx_wall){read_clock(CLOCK_REALTIME) + set_by_ns};
}

static int setup(void **state)
{
    (void)state;
    set_by_ns = 0;
    coordinator_up(&fx);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    coordinator_down(&fx);
    return 0;
}

/* A monitor that one agent has seen well. */
static void watch_one(struct scripted_agent *agent)
{
    agent_join(agent, &fx, "fra", "here");
    coordinator_apply(
        &fx, COORDINATOR_APPLY("- {name: web, host: 192.0.2.1, port: 80, check_interval: "
                               "10s, timeout: 1s, locations: [all]}\\n"));
    agent_await_beyond(agent, PLX_MSG_DELTA, 0);
    struct plx_result r = agent_result(agent->task_id, PLX_OUTCOME_OPEN);
    agent_report(agent, 1, &r, 1);
    coordinator_await_store(&fx);
    assert_string_equal(coordinator_verdict(&fx, "web"), "up");
}

static const char *verdict_now(void)
{
    json_t *status = coordinator_ask(&fx, "status", "{}");
    return json_text_at(coordinator_monitor(status, "web"), "verdict");
}

/* Whether the judge believes what the agent saw last: a result that is old to it says
 * nothing of the present. */
static bool believes(bool well)
{
    struct plx_judge_view view;
    assert_int_equal(plx_judge_explain(plx_court_judge(fx.desk.court), 0, &view), 0);
    assert_int_equal(view.n_cells, 1);
    return view.cells[0].ok == well && view.cells[0].reason != PLX_JUDGE_REASON_STALE;
}

/* While something is looked into, the judge is asked between the rounds, and may be the
 * first to read the new time. */
static void set_while_in_doubt__nothing_grows_old(int64_t by_ns)
{
    struct scripted_agent agent;
    struct plx_rounds rounds = {.awaited = plx_mono_add(plx_clock_mono(), PLX_MIN_NS)};
    watch_one(&agent);
    assert_true(believes(true));
    set_by_ns = by_ns;
    plx_rounds_hasten(&rounds, &fx.desk, fx.intake);
    assert_true(rounds.judged.ns > 0);
    assert_true(plx_rounds_make(&rounds, &fx.desk, fx.intake));
    assert_string_equal(verdict_now(), "up");
    struct plx_result r = agent_result(agent.task_id, PLX_OUTCOME_REFUSED);
    r.scheduled.ns -= by_ns; /* the agent's clock was not set */
    r.started.ns -= by_ns;
    agent_report(&agent, 2, &r, 1);
    coordinator_await_store(&fx);
    assert_true(believes(false));
    agent_close(&agent);
}

static void set_forward_in_doubt__nothing_grows_old(void **state)
{
    (void)state;
    set_while_in_doubt__nothing_grows_old(2 * PLX_HOUR_NS);
}

static void set_back_in_doubt__nothing_grows_old(void **state)
{
    (void)state;
    set_while_in_doubt__nothing_grows_old(-2 * PLX_HOUR_NS);
}

/* An acknowledgement, say, that comes before the next round. */
static void a_command_first__finds_all_times_set_right(void **state)
{
    (void)state;
    struct scripted_agent agent;
    watch_one(&agent);
    int64_t started_ns = fx.desk.started_wall.ns;
    set_by_ns = 2 * PLX_HOUR_NS;
    assert_string_equal(verdict_now(), "up");
    assert_int_equal(fx.desk.started_wall.ns / PLX_SEC_NS,
                     (started_ns + set_by_ns) / PLX_SEC_NS);
    agent_close(&agent);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(set_forward_in_doubt__nothing_grows_old),
        TEST(set_back_in_doubt__nothing_grows_old),
        TEST(a_command_first__finds_all_times_set_right),
    };
    return PLX_RUN(tests);
}
