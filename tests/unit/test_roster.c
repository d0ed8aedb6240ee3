#include "test.h"

#include "base/err.h"
#include "coordinator/core/roster.h"
#include "proto/session.h"

#include <string.h>

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const struct plx_wall WALL = {1000000 * PLX_SEC_NS};

struct world {
    struct plx_roster *roster;
    struct plx_roster_notes notes;
    struct plx_mono now;
    uint32_t slot;
    uint64_t sessions;
};

static int setup(void **state)
{
    static struct world w;
    const struct plx_roster_entry entry = {
        .id = 1, .name = "fra-1", .region = "fra", .key = KEY_A};
    w = (struct world){.roster = plx_roster_new(NULL)};
    *state = &w;
    return plx_roster_add(w.roster, &entry, false, w.now, &w.slot);
}

static int teardown(void **state)
{
    struct world *w = *state;
    plx_roster_destroy(&w->roster);
    return 0;
}

static struct plx_wall wall_now(const struct world *w)
{
    return plx_wall_add(WALL, w->now.ns);
}

static void hello(struct world *w, uint64_t boot_id)
{
    const struct plx_roster_hello h = {
        .slot = w->slot,
        .session = ++w->sessions,
        .boot_id = boot_id,
        .software = "test",
        .agent_wall = wall_now(w),
        .wall = wall_now(w),
        .now = w->now,
    };
    plx_roster_hello(w->roster, &h, &w->notes);
}

static struct plx_roster_heartbeat heartbeat_of(const struct world *w, uint64_t progress)
{
    return (struct plx_roster_heartbeat){
        .slot = w->slot,
        .vitals = {.progress = progress},
        .shortest_interval_ns = 5 * PLX_SEC_NS,
        .agent_wall = wall_now(w),
        .wall = wall_now(w),
        .now = w->now,
    };
}

static void beat(struct world *w, uint64_t progress)
{
    struct plx_roster_heartbeat hb = heartbeat_of(w, progress);
    plx_roster_heartbeat(w->roster, &hb, &w->notes);
}

static void pass(struct world *w, int64_t ns)
{
    w->now.ns += ns;
    plx_roster_tick(w->roster, w->now, &w->notes);
}

/* The notes so far as text, and none left. */
static const char *took(struct world *w)
{
    static char text[64];
    static const char letters[] = "?CBLGRDSMOKT";
    size_t n = w->notes.n < sizeof text - 1 ? w->notes.n : sizeof text - 1;
    for (size_t i = 0; i < n; i++)
        text[i] = letters[w->notes.list[i].kind];
    text[n] = '\0';
    w->notes.n = 0;
    return text;
}

static enum plx_presence presence(const struct world *w)
{
    return plx_roster_presence(plx_roster_at(w->roster, w->slot));
}

static void an_agent__lives_as_long_as_it_is_heard(void **state)
{
    struct world *w = *state;
    assert_int_equal(presence(w), PLX_PRESENCE_NEVER);
    hello(w, 1);
    assert_string_equal(took(w), "CB");
    assert_int_equal(presence(w), PLX_PRESENCE_LIVE);
    pass(w, PLX_SESSION_LEASE_NS);
    assert_string_equal(took(w), "");
    pass(w, 1);
    assert_string_equal(took(w), "L");
    assert_int_equal(presence(w), PLX_PRESENCE_LOST);
    beat(w, 1);
    assert_string_equal(took(w), "B");
}

static void our_own_absence__is_nobodys_silence(void **state)
{
    struct world *w = *state;
    hello(w, 1);
    beat(w, 1);
    took(w);
    w->now.ns += 20 * PLX_SEC_NS;
    plx_roster_excuse(w->roster, w->now, 20 * PLX_SEC_NS);
    plx_roster_tick(w->roster, w->now, &w->notes);
    struct plx_roster_heartbeat waited = heartbeat_of(w, 1);
    waited.agent_wall.ns -= 19 * PLX_SEC_NS; /* it lay there so long */
    plx_roster_heartbeat(w->roster, &waited, &w->notes);
    assert_string_equal(took(w), "");
    assert_int_equal(plx_roster_at(w->roster, w->slot)->offset_ns, 0);
    pass(w, 5 * PLX_SEC_NS);
    waited.now = w->now;
    plx_roster_heartbeat(w->roster, &waited, &w->notes); /* by now it is no wait */
    assert_string_equal(took(w), "O");
    pass(w, 16 * PLX_SEC_NS);
    assert_string_equal(took(w), "L");
}

static void a_goodbye__keeps_the_lease(void **state)
{
    struct world *w = *state;
    hello(w, 1);
    plx_roster_bye(w->roster, w->slot, &w->notes);
    assert_string_equal(took(w), "CBG");
    assert_int_equal(presence(w), PLX_PRESENCE_LIVE);
    pass(w, 5 * PLX_SEC_NS);
    hello(w, 2);
    assert_string_equal(took(w), "C");
}

static void a_second_session__wins_and_the_first_is_reported_if_it_speaks(void **state)
{
    struct world *w = *state;
    hello(w, 1);
    hello(w, 2);
    assert_string_equal(took(w), "CBRC");
    plx_roster_echo(w->roster, w->slot, w->now, &w->notes);
    plx_roster_echo(w->roster, w->slot, w->now, &w->notes);
    assert_string_equal(took(w), "D");
}

static void two_processes_that_take_turns__are_reported(void **state)
{
    struct world *w = *state;
    hello(w, 1);
    hello(w, 2); /* a restart, as far as anybody can tell */
    hello(w, 2);
    assert_string_equal(took(w), "CBRCRC");
    hello(w, 1); /* but who ended does not come back */
    assert_string_equal(took(w), "RDC");
    hello(w, 2);
    assert_string_equal(took(w), "RC"); /* said once */
    assert_true(plx_roster_at(w->roster, w->slot)->doubled);
}

static void an_agent_without_progress__is_stuck_until_it_moves(void **state)
{
    struct world *w = *state;
    hello(w, 1);
    beat(w, 10);
    took(w);
    for (int i = 0; i < 6; i++) {
        pass(w, 5 * PLX_SEC_NS);
        beat(w, 10);
    }
    assert_string_equal(took(w), ""); /* 3 intervals and 15 s of patience */
    pass(w, 5 * PLX_SEC_NS);
    beat(w, 10);
    assert_string_equal(took(w), "S");
    beat(w, 11);
    assert_string_equal(took(w), "M");
}

static void clocks__are_believed_only_where_messages_agree(void **state)
{
    struct world *w = *state;
    static const struct {
        int64_t agent_ahead_ns; /* what its heartbeat's time shows */
        int64_t claimed_ns;     /* its own estimate of ours minus its */
        uint32_t rtt_us;
        int64_t believed_ns;
    } rows[] = {
        {0, 0, 1000, 0},
        {PLX_HOUR_NS, -PLX_HOUR_NS, 1000, -PLX_HOUR_NS},
        {-PLX_HOUR_NS, PLX_HOUR_NS, 1000, PLX_HOUR_NS},
        {0, PLX_HOUR_NS, 1000, 0},               /* a lie: times agree */
        {PLX_HOUR_NS, 0, 1000, -PLX_HOUR_NS},    /* a lie: times do not */
        {0, INT64_MIN, 1000, 0},                 /* nonsense */
        {0, PLX_HOUR_NS, 0, 0},                  /* no estimate yet */
        {-PLX_SEC_NS, 0, 0, 0},                  /* could be the way here */
        {-5 * PLX_SEC_NS, 0, 0, 5 * PLX_SEC_NS}, /* could not */
    };
    hello(w, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plx_roster_heartbeat hb = heartbeat_of(w, i);
        hb.agent_wall.ns += rows[i].agent_ahead_ns;
        hb.offset_ns = rows[i].claimed_ns;
        hb.vitals.rtt_us = rows[i].rtt_us;
        plx_roster_heartbeat(w->roster, &hb, &w->notes);
        const struct plx_agent *a = plx_roster_at(w->roster, w->slot);
        assert_int_equal(a->offset_ns, rows[i].believed_ns);
        assert_int_equal(a->clock_off, rows[i].believed_ns > 2 * PLX_SEC_NS ||
                                           rows[i].believed_ns < -2 * PLX_SEC_NS);
    }
}

static void clock_set_right_while_away__is_seen_with_the_hello(void **state)
{
    struct world *w = *state;
    hello(w, 1);
    struct plx_roster_heartbeat hb = heartbeat_of(w, 1);
    hb.agent_wall.ns += PLX_HOUR_NS;
    plx_roster_heartbeat(w->roster, &hb, &w->notes);
    const struct plx_agent *a = plx_roster_at(w->roster, w->slot);
    assert_int_equal(a->offset_ns, -PLX_HOUR_NS);
    pass(w, PLX_MIN_NS);
    hello(w, 2);
    assert_int_equal(a->offset_ns, 0);
    assert_int_equal(a->clock_moved.ns, a->connected_at.ns);
}

static void corrected_times__are_never_in_the_future(void **state)
{
    (void)state;
    struct plx_agent agent = {.offset_ns = PLX_HOUR_NS};
    struct plx_wall now = {10 * PLX_HOUR_NS};
    assert_int_equal(plx_roster_correct(&agent, (struct plx_wall){PLX_HOUR_NS}, now).ns,
                     2 * PLX_HOUR_NS);
    assert_int_equal(
        plx_roster_correct(&agent, (struct plx_wall){10 * PLX_HOUR_NS}, now).ns, now.ns);
    assert_int_equal(plx_roster_correct(&agent, (struct plx_wall){INT64_MAX}, now).ns,
                     now.ns);
}

static void a_revoked_agent__is_gone_by_key_and_frees_its_name(void **state)
{
    struct world *w = *state;
    struct plx_roster_entry entry = {
        .id = 2, .name = "fra-1", .region = "fra", .key = KEY_B};
    uint32_t other;
    hello(w, 1);
    took(w);
    assert_int_equal(plx_roster_add(w->roster, &entry, false, w->now, &other),
                     PLX_EEXISTS);
    plx_roster_revoke(w->roster, w->slot, &w->notes);
    plx_roster_revoke(w->roster, w->slot, &w->notes);
    assert_string_equal(took(w), "T");
    assert_int_equal(presence(w), PLX_PRESENCE_REVOKED);
    assert_int_equal(plx_roster_by_key(w->roster, KEY_A), PLX_ROSTER_NONE);
    assert_int_equal(plx_roster_by_id(w->roster, 1), w->slot);
    assert_int_equal(plx_roster_by_name(w->roster, "fra-1"), w->slot);
    assert_int_equal(plx_roster_add(w->roster, &entry, false, w->now, &other), 0);
    assert_int_equal(plx_roster_by_name(w->roster, "fra-1"), other);
    assert_int_equal(plx_roster_by_key(w->roster, KEY_B), other);
}

/* A dead agent was heard just before it died, a tick may just have been. */
static void a_dead_agent__is_lost_early_enough_to_move_its_share_in_15_s(void **state)
{
    struct world *w = *state;
    hello(w, 1);
    took(w);
    for (int64_t t = 0; t < PLX_SESSION_LEASE_NS; t += PLX_SESSION_TICK_NS)
        pass(w, PLX_SESSION_TICK_NS);
    assert_string_equal(took(w), "");
    pass(w, PLX_SESSION_TICK_NS);
    assert_string_equal(took(w), "L");
    assert_true(w->now.ns <= 14500 * PLX_MS_NS);
}

/* Agents wait for up to a minute between attempts, and try for 10 s. */
static void an_agent_that_noticed_our_absence__has_the_time_to_come_back(void **state)
{
    struct world *w = *state;
    hello(w, 1);
    took(w);
    w->now.ns += 20 * PLX_SEC_NS;
    plx_roster_excuse(w->roster, w->now, 20 * PLX_SEC_NS);
    pass(w, 70 * PLX_SEC_NS);
    assert_string_equal(took(w), "");
    hello(w, 1);
    assert_string_equal(took(w), "RC");
    pass(w, PLX_SESSION_LEASE_NS + 1); /* from now on as ever */
    assert_string_equal(took(w), "L");
}

static void a_presumed_agent__has_the_time_to_come_back(void **state)
{
    struct world *w = *state;
    struct plx_roster_entry entry = {
        .id = 2, .name = "nyc-1", .region = "nyc", .key = KEY_B, .last_seen = WALL};
    assert_int_equal(plx_roster_add(w->roster, &entry, true, w->now, &w->slot), 0);
    assert_int_equal(presence(w), PLX_PRESENCE_LIVE);
    pass(w, 70 * PLX_SEC_NS);
    assert_string_equal(took(w), "");
    pass(w, 6 * PLX_SEC_NS);
    assert_string_equal(took(w), "L");
}

static void draining__shows_while_alive(void **state)
{
    struct world *w = *state;
    hello(w, 1);
    took(w);
    plx_roster_drain(w->roster, w->slot, true, &w->notes);
    plx_roster_drain(w->roster, w->slot, true, &w->notes);
    assert_string_equal(took(w), "T");
    assert_int_equal(presence(w), PLX_PRESENCE_DRAINING);
    plx_roster_drain(w->roster, w->slot, false, &w->notes);
    assert_int_equal(presence(w), PLX_PRESENCE_LIVE);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_agent__lives_as_long_as_it_is_heard),
        TEST(our_own_absence__is_nobodys_silence),
        TEST(a_goodbye__keeps_the_lease),
        TEST(a_second_session__wins_and_the_first_is_reported_if_it_speaks),
        TEST(two_processes_that_take_turns__are_reported),
        TEST(an_agent_without_progress__is_stuck_until_it_moves),
        TEST(clocks__are_believed_only_where_messages_agree),
        TEST(clock_set_right_while_away__is_seen_with_the_hello),
        TEST(corrected_times__are_never_in_the_future),
        TEST(a_revoked_agent__is_gone_by_key_and_frees_its_name),
        TEST(a_dead_agent__is_lost_early_enough_to_move_its_share_in_15_s),
        TEST(an_agent_that_noticed_our_absence__has_the_time_to_come_back),
        TEST(a_presumed_agent__has_the_time_to_come_back),
        TEST(draining__shows_while_alive),
    };
    return PLX_RUN(tests);
}
