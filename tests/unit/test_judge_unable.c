/* The judge when agents say of themselves that they cannot probe. */
#include "judge_world.h"

#include <string.h>

#define BROKEN_FROM 300
#define BROKEN_TO   900

static bool is_broken(double t)
{
    return t >= BROKEN_FROM && t < BROKEN_TO;
}

/* a4 is short of descriptors: one probe in ten gets through. */
static enum plx_outcome short_of_descriptors(uint32_t m, uint32_t a, double t, bool extra)
{
    (void)extra;
    bool stray = ((int)t / 60 + (int)m) % 10 == 0;
    return a == 4 && is_broken(t) && !stray ? PLX_OUTCOME_LOCAL_ERROR : PLX_OUTCOME_OPEN;
}

static void
agent_that_cannot_probe_but_now_and_then__is_one_fault_from_the_first(void **state)
{
    (void)state;
    struct judge_world w = {.sees = short_of_descriptors};
    struct plx_judge_ruling v;
    judge_play(&w, JUDGE_AGENTS, BROKEN_TO);
    judge_check_only(&w, PLX_JUDGE_CLASS_AGENT, "a4");
    assert_true(w.faults[1].at < BROKEN_FROM + 90); /* after six errors in a row */
    assert_false(w.faults[1].closed);
    assert_true(plx_judge_agent_is_faulty(w.judge, 4));
    for (uint32_t m = 0; m < JUDGE_MONITORS; m++)
        assert_int_equal(judge_verdict_of(&w, m, &v), PLX_JUDGE_UP);
    judge_go_on(&w, JUDGE_AGENTS, BROKEN_TO, BROKEN_TO + 60);
    judge_check_only(&w, PLX_JUDGE_CLASS_AGENT, "a4");
    assert_true(w.faults[1].closed);
    assert_false(plx_judge_agent_is_faulty(w.judge, 4));
    plx_judge_destroy(&w.judge);
}

/* A region whose route is gone. */
static enum plx_outcome without_a_route(uint32_t m, uint32_t a, double t, bool extra)
{
    (void)m;
    (void)extra;
    return (a == 2 || a == 3) && is_broken(t) ? PLX_OUTCOME_LOCAL_ERROR
                                              : PLX_OUTCOME_OPEN;
}

static void region_that_cannot_probe__is_named_and_says_so(void **state)
{
    (void)state;
    struct judge_world w = {.sees = without_a_route};
    const struct plx_judge_fault *faults;
    size_t n;
    judge_play(&w, JUDGE_AGENTS, BROKEN_TO);
    judge_check_only(&w, PLX_JUDGE_CLASS_REGION, "us");
    assert_true(w.faults[1].at < BROKEN_FROM + 75);
    plx_judge_faults(w.judge, &faults, &n);
    assert_int_equal(n, 1);
    assert_non_null(strstr(faults[0].why, "our region us cannot probe since"));
    plx_judge_destroy(&w.judge);
}

/* Rates hold back three of four of a0's probes: it is as well as it may be. */
static enum plx_outcome held_back(uint32_t m, uint32_t a, double t, bool extra)
{
    bool turn = ((int)t / 60 + (int)m) % 4 == 0;
    return a == 0 && !extra && is_broken(t) && !turn ? PLX_OUTCOME_SKIPPED
                                                     : PLX_OUTCOME_OPEN;
}

static void agent_whose_rates_hold_probes_back__is_not_at_fault(void **state)
{
    (void)state;
    struct judge_world w = {.sees = held_back};
    judge_play(&w, JUDGE_AGENTS, BROKEN_TO + 200);
    assert_int_equal(w.n_faults, 0);
    plx_judge_destroy(&w.judge);
}

static enum plx_outcome nobody_can(uint32_t m, uint32_t a, double t, bool extra)
{
    (void)m;
    (void)a;
    (void)extra;
    return is_broken(t) ? PLX_OUTCOME_LOCAL_ERROR : PLX_OUTCOME_OPEN;
}

static void nobody_can_probe__inconclusive_and_nobody_is_paged(void **state)
{
    (void)state;
    struct judge_world w = {.sees = nobody_can};
    struct plx_judge_ruling v;
    judge_play(&w, JUDGE_AGENTS, BROKEN_TO);
    assert_int_equal(judge_verdict_of(&w, 0, &v), PLX_JUDGE_INCONCLUSIVE);
    for (size_t i = 1; i <= w.n_faults; i++)
        assert_false(w.faults[i].page);
    plx_judge_destroy(&w.judge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            agent_that_cannot_probe_but_now_and_then__is_one_fault_from_the_first),
        cmocka_unit_test(region_that_cannot_probe__is_named_and_says_so),
        cmocka_unit_test(agent_whose_rates_hold_probes_back__is_not_at_fault),
        cmocka_unit_test(nobody_can_probe__inconclusive_and_nobody_is_paged),
    };
    return PLX_RUN(tests);
}
