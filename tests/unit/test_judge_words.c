/* What sentences say is so: of whom, of how many, and of what kind. */
#include "judge_world.h"

#include <string.h>

#define BEGINS 200

static void check_says(struct judge_world *w, uint32_t monitor, const char *words)
{
    struct plx_judge_ruling r;
    judge_verdict_of(w, monitor, &r);
    if (strstr(r.why, words) == NULL)
        fail_msg("'%s' has no '%s'", r.why, words);
}

/* m3 refuses; what two locations send it is dropped on the way. */
static enum plx_outcome refuses_or_drops(uint32_t m, uint32_t a, double t, bool extra)
{
    (void)extra;
    if (m != 3 || t < BEGINS)
        return PLX_OUTCOME_OPEN;
    return a >= 4 ? PLX_OUTCOME_TIMEOUT : PLX_OUTCOME_REFUSED;
}

static void each_kind_of_failure__is_counted_by_itself(void **state)
{
    (void)state;
    struct judge_world w = {.sees = refuses_or_drops};
    struct plx_judge_ruling r;
    judge_play(&w, JUDGE_AGENTS, BEGINS + 90);
    assert_int_equal(judge_verdict_of(&w, 3, &r), PLX_JUDGE_SERVICE_DOWN);
    check_says(&w, 3,
               " refuses connections from 4 of 6 locations and does not answer from 2 "
               "since ");
    plx_judge_destroy(&w.judge);
}

static enum plx_outcome all_refuse(uint32_t m, uint32_t a, double t, bool extra)
{
    (void)m;
    (void)a;
    (void)extra;
    return t < BEGINS ? PLX_OUTCOME_OPEN : PLX_OUTCOME_REFUSED;
}

/* There are no others who could reach what it does not. */
static void only_location__is_not_held_against_others(void **state)
{
    (void)state;
    struct judge_world w = {.sees = all_refuse};
    struct plx_judge_ruling r;
    bool doubted = false;
    judge_play(&w, 1, BEGINS);
    for (int t = BEGINS; t < BEGINS + 300; t++) {
        judge_go_on(&w, 1, t, t + 1);
        judge_verdict_of(&w, 3, &r);
        assert_null(strstr(r.why, "others reach"));
        assert_null(strstr(r.why, "no fresh view"));
        doubted |= strstr(r.why, "no trusted view from any of 1 locations; 1 looks at "
                                 "it, but may be at fault itself") != NULL;
    }
    assert_true(doubted);
    check_says(&w, 3, "our agent a0 fails on what it watches since ");
    check_says(&w, 3, "; no other location can tell whether it is the targets");
    plx_judge_destroy(&w.judge);
}

/* m3 is to be closed, and answers. */
static enum plx_outcome all_open(uint32_t m, uint32_t a, double t, bool extra)
{
    (void)a;
    (void)extra;
    return m == 3 && t < BEGINS ? PLX_OUTCOME_REFUSED : PLX_OUTCOME_OPEN;
}

static void closed_port_that_is_open__is_said_to_answer(void **state)
{
    (void)state;
    struct judge_world w = {.sees = all_open};
    struct plx_judge_ruling r;
    const uint32_t agents[] = {0, 1, 2, 3, 4, 5};
    const struct plx_judge_monitor closed = {.id = 3,
                                             .name = "m3",
                                             .host = "10.0.0.9",
                                             .address = "10.0.0.9",
                                             .port = 23,
                                             .interval_ns = PLX_MIN_NS,
                                             .timeout_ns = 5 * PLX_SEC_NS,
                                             .expect = PLX_EXPECT_CLOSED,
                                             .agents = agents,
                                             .n_agents = JUDGE_AGENTS};
    judge_declare(&w, JUDGE_AGENTS);
    assert_int_equal(plx_judge_set_monitor(w.judge, &closed), 0);
    judge_go_on(&w, JUDGE_AGENTS, 0, BEGINS + 90);
    assert_int_equal(judge_verdict_of(&w, 3, &r), PLX_JUDGE_SERVICE_DOWN);
    check_says(&w, 3, "10.0.0.9:23 answers from all 6 locations since ");
    check_says(&w, 3, "; it should be closed");
    plx_judge_destroy(&w.judge);
}

static enum plx_outcome refuses_for_a_while(uint32_t m, uint32_t a, double t, bool extra)
{
    (void)a;
    (void)extra;
    return m == 3 && t >= BEGINS && t < BEGINS + 60 ? PLX_OUTCOME_REFUSED
                                                    : PLX_OUTCOME_OPEN;
}

/* What is well again is not over before that has lasted. */
static void well_again__is_not_said_to_fail(void **state)
{
    (void)state;
    struct judge_world w = {.sees = refuses_for_a_while};
    struct plx_judge_ruling r;
    bool waned = false;
    judge_play(&w, JUDGE_AGENTS, BEGINS + 55);
    assert_int_equal(judge_verdict_of(&w, 3, &r), PLX_JUDGE_SERVICE_DOWN);
    for (int t = BEGINS + 55; t < BEGINS + 90; t++) {
        for (uint32_t a = 0; a < JUDGE_AGENTS; a++)
            judge_see(&w, 3, a, t, true);
        judge_go_on(&w, JUDGE_AGENTS, t, t + 1);
        judge_verdict_of(&w, 3, &r);
        assert_null(strstr(r.why, " from 0 of "));
        waned |= r.verdict == PLX_JUDGE_SERVICE_DOWN &&
                 strstr(r.why, "; it connects from 6 of 6 locations again, which has to "
                               "last") != NULL;
    }
    assert_true(waned);
    assert_int_equal(r.verdict, PLX_JUDGE_UP);
    plx_judge_destroy(&w.judge);
}

static enum plx_outcome four_refuse(uint32_t m, uint32_t a, double t, bool extra)
{
    (void)a;
    (void)extra;
    return m >= 4 && t >= BEGINS ? PLX_OUTCOME_REFUSED : PLX_OUTCOME_OPEN;
}

/* That the ways there are broken from each of three places costs less than four services,
 * and would count as up. */
static void hosts_that_refuse_together__are_down_and_no_broken_ways(void **state)
{
    static const char *const neighbours[] = {"10.9.9.1", "10.9.9.2", "10.9.9.3",
                                             "10.9.9.4"};
    (void)state;
    struct judge_world w = {.sees = four_refuse};
    struct plx_judge_ruling r;
    const struct plx_judge_fault *open;
    size_t n;
    judge_declare(&w, 3);
    judge_move(&w, 4, neighbours, 4, 3);
    judge_go_on(&w, 3, 0, BEGINS + 180);
    plx_judge_faults(w.judge, &open, &n);
    assert_int_equal(n, 1);
    assert_string_equal(open->entity, "10.9.9.0/24");
    assert_true(open->page);
    for (size_t i = 1; i <= w.n_faults; i++)
        assert_int_not_equal(w.faults[i].class, PLX_JUDGE_CLASS_PATH);
    for (uint32_t m = 4; m < 8; m++)
        assert_int_equal(judge_verdict_of(&w, m, &r), PLX_JUDGE_NETWORK_DOWN);
    check_says(&w, 4, "10.9.9.1:80 refuses connections from all 3 locations since ");
    check_says(&w, 4,
               "; 4 services of 10.9.9.0/24 fail together and their hosts answer: ");
    plx_judge_destroy(&w.judge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_failure__is_counted_by_itself),
        cmocka_unit_test(only_location__is_not_held_against_others),
        cmocka_unit_test(closed_port_that_is_open__is_said_to_answer),
        cmocka_unit_test(well_again__is_not_said_to_fail),
        cmocka_unit_test(hosts_that_refuse_together__are_down_and_no_broken_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
