/* The judge where operators have rules of their own. */
#include "judge_world.h"

#include <string.h>

static void quorum_met__opens_a_fault_of_its_own_and_closes_it(void **state)
{
    (void)state;
    struct judge_world w = {.outcome = PLX_OUTCOME_REFUSED,
                            .start = 100,
                            .end = 400,
                            .quorum = {.rule = PLX_QUORUM_COUNT, .n = 2}};
    struct plx_judge_ruling v;
    w.fails[1][0] = w.fails[1][3] = true;
    judge_play(&w, JUDGE_AGENTS, 300);
    assert_int_equal(judge_verdict_of(&w, 1, &v), PLX_JUDGE_SERVICE_DOWN);
    assert_true(v.n_faults >= 1);
    uint64_t id = v.faults[0];
    assert_true(w.faults[id].by_quorum && w.faults[id].page);
    assert_int_equal(w.faults[id].class, PLX_JUDGE_CLASS_SERVICE);
    assert_string_equal(w.faults[id].entity, "m1");
    assert_non_null(strstr(v.why, "from 2 of 6 locations"));
    assert_non_null(strstr(v.why, "its own rule, quorum 2"));
    judge_go_on(&w, JUDGE_AGENTS, 300, 700);
    assert_int_equal(judge_verdict_of(&w, 1, &v), PLX_JUDGE_UP);
    assert_int_equal(w.faults[id].n_closed, 1);
    plx_judge_destroy(&w.judge);
}

static void quorum_and_story_agree__one_fault_under_one_id(void **state)
{
    (void)state;
    struct judge_world w = {.outcome = PLX_OUTCOME_REFUSED,
                            .start = 100,
                            .end = 5000,
                            .quorum = {.rule = PLX_QUORUM_ANY}};
    struct plx_judge_ruling v;
    for (uint32_t a = 0; a < JUDGE_AGENTS; a++)
        w.fails[1][a] = true;
    judge_play(&w, JUDGE_AGENTS, 300);
    assert_int_equal(judge_verdict_of(&w, 1, &v), PLX_JUDGE_SERVICE_DOWN);
    assert_int_equal(w.n_faults, 1);
    assert_false(w.faults[1].closed);
    assert_false(w.faults[1].by_quorum); /* the story has come to the same by now */
    assert_true(w.faults[1].page);
    plx_judge_destroy(&w.judge);
}

static void quorum_not_met__the_story_is_shown_and_pages_nobody(void **state)
{
    (void)state;
    struct judge_world w = {.outcome = PLX_OUTCOME_REFUSED,
                            .start = 100,
                            .end = 5000,
                            .quorum = {.rule = PLX_QUORUM_COUNT,
                                       .distinct = PLX_DISTINCT_REGION,
                                       .n = 4}}; /* there are three regions */
    struct plx_judge_ruling v;
    for (uint32_t a = 0; a < JUDGE_AGENTS; a++)
        w.fails[1][a] = true;
    judge_play(&w, JUDGE_AGENTS, 300);
    assert_int_equal(judge_verdict_of(&w, 1, &v), PLX_JUDGE_INCONCLUSIVE);
    assert_int_equal(v.n_faults, 1);
    assert_int_equal(w.faults[v.faults[0]].class, PLX_JUDGE_CLASS_SERVICE);
    assert_false(w.faults[v.faults[0]].page);
    assert_non_null(strstr(v.why, "not down by its quorum rule, though "));
    plx_judge_destroy(&w.judge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quorum_met__opens_a_fault_of_its_own_and_closes_it),
        cmocka_unit_test(quorum_and_story_agree__one_fault_under_one_id),
        cmocka_unit_test(quorum_not_met__the_story_is_shown_and_pages_nobody),
    };
    return PLX_RUN(tests);
}
