/* The judge where most of what a small fleet watches goes down at once: that is no fault
 * of every agent. */
#include "judge_world.h"

#include <string.h>

#define BEGINS 100
#define LOST   6u /* of the eight */

static enum plx_outcome how;

static enum plx_outcome most_fail(uint32_t m, uint32_t a, double t, bool extra)
{
    (void)a;
    (void)extra;
    return m < LOST && t >= BEGINS ? how : PLX_OUTCOME_OPEN;
}

/* Of eight services that have nothing in common. */
static const char *const hosts[JUDGE_MONITORS] = {"10.1.0.1", "10.2.0.1", "10.3.0.1",
                                                  "10.4.0.1", "10.5.0.1", "10.6.0.1",
                                                  "10.7.0.1", "10.8.0.1"};

/* Each agent fails more than any service does, so that it looks like the largest fault;
 * all services together are fewer faults than all agents, for two are well. */
static void each_is_paged(enum plx_outcome outcome, uint32_t n_agents)
{
    struct judge_world w = {.sees = most_fail};
    struct plx_judge_ruling r;
    how = outcome;
    judge_declare(&w, n_agents);
    judge_move(&w, 0, hosts, JUDGE_MONITORS, n_agents);
    judge_go_on(&w, n_agents, 0, BEGINS + 400);
    assert_int_equal(w.n_faults, LOST);
    for (size_t f = 1; f <= LOST; f++) {
        assert_true(w.faults[f].page);
        assert_false(w.faults[f].closed);
        assert_true(w.faults[f].at < BEGINS + 75);
    }
    for (uint32_t m = 0; m < JUDGE_MONITORS; m++)
        assert_int_equal(plx_judge_verdict_is_down(judge_verdict_of(&w, m, &r)),
                         m < LOST);
    plx_judge_destroy(&w.judge);
}

static void most_services_down__each_is_paged_and_none_of_ours_is_blamed(void **state)
{
    (void)state;
    each_is_paged(PLX_OUTCOME_REFUSED, 3);
    each_is_paged(PLX_OUTCOME_REFUSED, 4);
    each_is_paged(PLX_OUTCOME_REFUSED, 6);
    each_is_paged(PLX_OUTCOME_TIMEOUT, 3);
    each_is_paged(PLX_OUTCOME_TIMEOUT, 4);
    each_is_paged(PLX_OUTCOME_TIMEOUT, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_services_down__each_is_paged_and_none_of_ours_is_blamed),
    };
    return PLX_RUN(tests);
}
