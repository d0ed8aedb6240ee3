/* The coordinator was away: what it makes of its own absence. */
#include "coordinator_fixture.h"
#include "test.h"

#include "base/err.h"
#include "sys/clock.h"

#include <sqlite3.h>

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

/* Changes the database behind the store's back. */
static void rewrite(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(fixture_path(&fx.store, "parallax.db"), &db), 0);
    sqlite3_busy_timeout(db, 5000);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), 0);
    sqlite3_close(db);
}

static const char *state_of(const char *name)
{
    uint32_t slot = plx_roster_by_name(fx.desk.roster, name);
    return plx_presence_token(plx_roster_presence(plx_roster_at(fx.desk.roster, slot)));
}

/* Who was there when we last ran is given the time to come back; who was not, is not. */
static void after_two_hours__only_who_was_there_is_presumed_to_be(void **state)
{
    (void)state;
    struct scripted_agent here, gone;
    agent_join(&here, &fx, "fra", "here");
    agent_join(&gone, &fx, "nyc", "gone");
    agent_close(&here);
    agent_close(&gone);
    coordinator_stop(&fx); /* what waited is written */
    rewrite("INSERT OR REPLACE INTO state VALUES"
            "  ('ran_us', unixepoch() * 1000000 - 7200000000);"
            "UPDATE agents SET last_seen_us = unixepoch() * 1000000 - 7260000000"
            "  WHERE name = 'here';"
            "UPDATE agents SET last_seen_us = unixepoch() * 1000000 - 7600000000"
            "  WHERE name = 'gone';");
    coordinator_start(&fx);
    assert_string_equal(state_of("here"), "live");
    assert_string_equal(state_of("gone"), "lost");
}

static bool is_noted(void *arg)
{
    struct plx_store_config config;
    (void)arg;
    plx_intake_tick(fx.intake);
    assert_int_equal(plx_store_load(fx.store.store, &config, NULL), 0);
    int64_t age_ns = plx_wall_diff(plx_clock_wall(), config.last_ran);
    plx_store_config_fini(&config);
    return age_ns < PLX_MIN_NS;
}

static void that_it_runs__is_written_down(void **state)
{
    (void)state;
    coordinator_await(&fx, is_noted, NULL);
}

/* How many faults the judge finds in the minute that follows. */
static size_t faults_of_a_minute(struct plx_wall *wall, bool presuming)
{
    const struct plx_judge_output *out;
    const struct plx_transition *transitions;
    size_t n, n_faults = 0;
    for (int s = 0; s < 60; s++) {
        *wall = plx_wall_add(*wall, PLX_SEC_NS);
        if (presuming)
            plx_desk_tick(&fx.desk, *wall);
        plx_court_tick(fx.desk.court, *wall, &out, &transitions, &n);
        n_faults += out->n_faults;
    }
    return n_faults;
}

/* To the judge, too: nobody presumed to be there is silent. */
static void presumed_agents__are_no_silent_ones(void **state)
{
    (void)state;
    struct scripted_agent agent;
    agent_join(&agent, &fx, "fra", "here");
    coordinator_ask(&fx, "apply",
                    "{\"file\":\"t\",\"text\":\"monitors:\\n- {host: 192.0.2.1, port: 80,"
                    " check_interval: 5s, timeout: 1s, locations: [all]}\\n\"}");
    assert_int_equal(fx.err, 0);
    agent_await_beyond(&agent, PLX_MSG_DELTA, 0);
    struct plx_result r = agent_result(agent.task_id, PLX_OUTCOME_OPEN);
    agent_report(&agent, 1, &r, 1);
    agent_close(&agent);
    coordinator_restart(&fx);
    struct plx_wall wall = plx_clock_wall();
    assert_int_equal(faults_of_a_minute(&wall, true), 0);
    assert_int_equal(faults_of_a_minute(&wall, false), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(after_two_hours__only_who_was_there_is_presumed_to_be),
        TEST(that_it_runs__is_written_down),
        TEST(presumed_agents__are_no_silent_ones),
    };
    return PLX_RUN(tests);
}
