/* The judge when nobody, or not the same, can see any more: silent agents, and ways that
 * nobody walks. */
#include "judge_world.h"

#include <string.h>

static void silent_agent__is_our_fault_within_half_a_minute(void **state)
{
    (void)state;
    struct judge_world w = {.silent = {[4] = true}, .start = 300, .end = 600};
    judge_play(&w, JUDGE_AGENTS, 500);
    judge_check_only(&w, PLX_JUDGE_CLASS_AGENT, "a4");
    assert_true(w.faults[1].at < 330);
    assert_true(plx_judge_agent_is_faulty(w.judge, 4));
    assert_false(plx_judge_agent_is_faulty(w.judge, 3));
    plx_judge_destroy(&w.judge);
}

static void all_agents_silent__inconclusive_and_nobody_is_paged(void **state)
{
    (void)state;
    struct judge_world w = {.start = 300, .end = 2000};
    for (uint32_t a = 0; a < JUDGE_AGENTS; a++)
        w.silent[a] = true;
    judge_play(&w, JUDGE_AGENTS, 500);
    struct plx_judge_ruling v;
    assert_int_equal(plx_judge_view(w.judge, 0, &v), 0);
    assert_int_equal(v.verdict, PLX_JUDGE_INCONCLUSIVE);
    assert_int_equal(v.fresh, 0);
    for (size_t i = 1; i <= w.n_faults; i++)
        assert_false(w.faults[i].page);
    plx_judge_destroy(&w.judge);
}

/* Everybody saw it fail, and then nobody is heard of: that is ours, and says nothing of
 * the target now. */
static void last_seen_failing_by_those_who_fell_silent__is_not_told(void **state)
{
    (void)state;
    struct judge_world w = {.start = 100, .end = 1e9, .outcome = PLX_OUTCOME_TIMEOUT};
    const struct plx_judge_output *out;
    judge_declare(&w, 4);
    judge_go_on(&w, 4, 0, 90);
    for (uint32_t a = 0; a < 4; a++) {
        w.fails[4][a] = true;
        w.silent[a] = true;
        judge_see(&w, 4, a, 100 + a * 0.1, false);
        judge_see(&w, 4, a, 102 + a * 0.1, true);
        judge_see(&w, 4, a, 104 + a * 0.1, true);
    }
    for (int t = 130; t < 400; t++) {
        plx_judge_tick(w.judge, judge_wall(t), &out);
        judge_hear(&w, out, t);
    }
    for (size_t i = 1; i <= w.n_faults; i++)
        assert_false(w.faults[i].page);
    plx_judge_destroy(&w.judge);
}

/* m0 or m1 anew: whom it is watched by, and how many of them it takes to say anything. */
static void declare_anew(struct judge_world *w, uint32_t m, const uint32_t *agents,
                         size_t n, double min_coverage)
{
    const struct plx_judge_monitor anew = {.id = m,
                                           .name = m ? "m1" : "m0",
                                           .host = "192.0.2.1",
                                           .address = "192.0.2.1",
                                           .port = (uint16_t)(80 + m),
                                           .interval_ns = 60 * PLX_SEC_NS,
                                           .timeout_ns = 5 * PLX_SEC_NS,
                                           .agents = agents,
                                           .n_agents = n,
                                           .min_coverage = min_coverage};
    assert_int_equal(plx_judge_set_monitor(w->judge, &anew), 0);
}

/* It was down when everybody fell silent. The first who comes back sees it well: it is
 * not said to be down once more until a second result says so too. */
static void first_good_result_after_nobody_saw_it__is_not_told_as_down(void **state)
{
    (void)state;
    struct judge_world w = {.start = 100, .end = 1e9, .outcome = PLX_OUTCOME_REFUSED};
    struct plx_judge_ruling v;
    judge_declare(&w, 4);
    declare_anew(&w, 1, (const uint32_t[]){0, 1, 2, 3}, 4, 0.25);
    for (uint32_t a = 0; a < 4; a++)
        w.fails[1][a] = true;
    judge_go_on(&w, 4, 0, 220);
    assert_int_equal(plx_judge_view(w.judge, 1, &v), 0);
    assert_int_equal(v.verdict, PLX_JUDGE_SERVICE_DOWN);
    memset(w.fails, 0, sizeof w.fails);
    memset(w.silent, 1, sizeof w.silent);
    judge_go_on(&w, 4, 220, 1000);
    memset(w.silent, 0, sizeof w.silent);
    for (int t = 1000; t < 1100; t++) {
        judge_go_on(&w, 4, t, t + 1);
        assert_int_equal(plx_judge_view(w.judge, 1, &v), 0);
        assert_false(plx_judge_verdict_is_down(v.verdict));
    }
    assert_int_equal(v.verdict, PLX_JUDGE_UP);
    plx_judge_destroy(&w.judge);
}

/* The one who fails on the way there is given other monitors, and nobody walks that way
 * any more: its fault ends. */
static void way_that_nobody_walks_any_more__is_not_told_for_ever(void **state)
{
    (void)state;
    struct judge_world w = {.start = 100, .end = 1e9, .outcome = PLX_OUTCOME_TIMEOUT};
    struct plx_judge_ruling v;
    judge_declare(&w, 3);
    for (uint32_t m = 0; m < 3; m++)
        w.fails[m][0] = true;
    judge_go_on(&w, 3, 0, 400);
    judge_check_only(&w, PLX_JUDGE_CLASS_PATH, "a0>192.0.2.1");
    plx_judge_drop_monitor(w.judge, 1);
    plx_judge_drop_monitor(w.judge, 2);
    declare_anew(&w, 0, (const uint32_t[]){1, 2}, 2, 0);
    for (int t = 400; t < 500; t++) {
        const struct plx_judge_output *out;
        if (t % 30 == 0)
            judge_see(&w, 0, 1 + (uint32_t)(t / 30 % 2), t, false);
        for (uint32_t a = 0; t % 5 == 0 && a < 3; a++)
            plx_judge_heartbeat(w.judge, judge_wall(t + 0.3), a);
        plx_judge_tick(w.judge, judge_wall(t + 0.5), &out);
        judge_hear(&w, out, t);
    }
    assert_true(w.faults[1].closed);
    assert_int_equal(plx_judge_view(w.judge, 0, &v), 0);
    assert_int_equal(v.verdict, PLX_JUDGE_UP);
    plx_judge_destroy(&w.judge);
}

/* The agent that fails on everything is left without a monitor: nothing will ever show
 * that it is well again. It is heard from, so its fault ends; while it is silent, it does
 * not. */
static void agent_that_watches_nothing_any_more__is_not_at_fault_for_ever(void **state)
{
    (void)state;
    struct judge_world w = {.start = 100, .end = 1e9, .outcome = PLX_OUTCOME_TIMEOUT};
    judge_declare(&w, JUDGE_AGENTS);
    for (uint32_t m = 0; m < JUDGE_MONITORS; m++)
        w.fails[m][5] = true;
    judge_go_on(&w, JUDGE_AGENTS, 0, 400);
    w.silent[5] = true;
    judge_go_on(&w, JUDGE_AGENTS, 400, 430);
    judge_check_only(&w, PLX_JUDGE_CLASS_AGENT, "a5");
    for (uint32_t m = 1; m < JUDGE_MONITORS; m++)
        plx_judge_drop_monitor(w.judge, m);
    declare_anew(&w, 0, (const uint32_t[]){0, 1, 2, 3, 4}, 5, 0);
    for (int t = 430; t < 600; t++) {
        const struct plx_judge_output *out;
        if (t % 12 == 0)
            judge_see(&w, 0, (uint32_t)(t / 12 % 5), t, false);
        for (uint32_t a = 0; t % 5 == 0 && a < 5u + (t >= 500); a++)
            plx_judge_heartbeat(w.judge, judge_wall(t + 0.3), a);
        plx_judge_tick(w.judge, judge_wall(t + 0.5), &out);
        judge_hear(&w, out, t);
        assert_true(t >= 500 || !w.faults[1].closed);
    }
    assert_true(w.faults[1].closed);
    plx_judge_destroy(&w.judge);
}

static size_t pages_of(const struct judge_world *w, bool *ret_open)
{
    size_t n = 0;
    *ret_open = false;
    for (size_t i = 1; i <= w->n_faults; i++) {
        n += w->faults[i].page;
        *ret_open |= w->faults[i].page && !w->faults[i].closed;
    }
    return n;
}

/* A probe of a blind agent gets through. */
static void get_through(struct judge_world *w, uint32_t m, uint32_t a, double t)
{
    w->fails[m][a] = false;
    judge_see(w, m, a, t, false);
    w->fails[m][a] = true;
}

/* Two regions of three are blind, and what is left sees a network fail: it may be the way
 * there. What gets through from the blind ones tells; without it, it is said late. */
static void network_that_one_region_can_tell_of__waits_for_what_gets_through(void **state)
{
    (void)state;
    for (int through = 0; through < 2; through++) {
        struct judge_world w = {.outcome = PLX_OUTCOME_TIMEOUT, .start = 300, .end = 1e9};
        bool open;
        for (uint32_t m = 0; m < JUDGE_MONITORS; m++)
            for (uint32_t a = 0; a < 4; a++)
                w.fails[m][a] = true;
        judge_declare(&w, JUDGE_AGENTS);
        judge_go_on(&w, JUDGE_AGENTS, 0, 500);
        for (uint32_t m = 0; m < 4; m++)
            w.fails[m][4] = w.fails[m][5] = true;
        judge_go_on(&w, JUDGE_AGENTS, 500, 560);
        if (through)
            get_through(&w, 0, 0, 560);
        judge_go_on(&w, JUDGE_AGENTS, 560, 720);
        assert_int_equal(pages_of(&w, &open), 0);
        judge_go_on(&w, JUDGE_AGENTS, 720, 900);
        assert_int_equal(pages_of(&w, &open), through ? 0 : 1);
        /* Once said, it does not end by two such answers. */
        for (int t = 900; !through && t < 1000; t++) {
            if (t % 4 == 0)
                get_through(&w, 1 + (uint32_t)t / 4 % 2, (uint32_t)t / 4 % 4, t);
            judge_go_on(&w, JUDGE_AGENTS, t, t + 1);
            assert_int_equal(pages_of(&w, &open), 1);
            assert_true(open);
        }
        plx_judge_destroy(&w.judge);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent_agent__is_our_fault_within_half_a_minute),
        cmocka_unit_test(all_agents_silent__inconclusive_and_nobody_is_paged),
        cmocka_unit_test(last_seen_failing_by_those_who_fell_silent__is_not_told),
        cmocka_unit_test(first_good_result_after_nobody_saw_it__is_not_told_as_down),
        cmocka_unit_test(way_that_nobody_walks_any_more__is_not_told_for_ever),
        cmocka_unit_test(agent_that_watches_nothing_any_more__is_not_at_fault_for_ever),
        cmocka_unit_test(
            network_that_one_region_can_tell_of__waits_for_what_gets_through),
    };
    return PLX_RUN(tests);
}
