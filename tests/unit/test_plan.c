#include "agent/core/plan.h"

#include "test.h"

#define NOW  ((struct plx_mono){1000 * PLX_SEC_NS})
#define WALL ((struct plx_wall){INT64_C(1795000000) * PLX_SEC_NS})

static struct plx_mono at(int64_t after_ns)
{
    return plx_mono_add(NOW, after_ns);
}

static size_t drain(struct plx_plan *plan, struct plx_mono now, size_t *ret_late,
                    uint64_t *ret_missed)
{
    struct plx_due due;
    size_t n = 0;
    while (plx_plan_next(plan, now, &due)) {
        n++;
        *ret_late += due.late;
        *ret_missed += due.missed;
        assert_true(due.scheduled.ns <= now.ns);
    }
    return n;
}

static void ten_thousand_monitors__spread_evenly_over_the_interval(void **state)
{
    (void)state;
    struct plx_plan plan;
    plx_plan_init(&plan, 42, NOW, WALL);
    for (uint32_t i = 0; i < 10000; i++)
        plx_plan_set(&plan, i, i + 1, 0, PLX_MIN_NS, NOW);
    for (int s = 1; s <= 60; s++) {
        size_t late = 0;
        uint64_t missed = 0;
        size_t n = drain(&plan, at(s * PLX_SEC_NS), &late, &missed);
        /* 166.7 +- 6 sigma of a uniform draw */
        assert_in_range(n, 90, 245);
        assert_int_equal(late, 0);
        assert_int_equal(missed, 0);
    }
    plx_plan_fini(&plan);
}

static void restart__finds_the_same_places(void **state)
{
    (void)state;
    struct plx_plan one, two;
    struct plx_due a, b;
    plx_plan_init(&one, 7, NOW, WALL);
    /* the second start: monotonic began anew, 10 s of wall time later */
    plx_plan_init(&two, 7, (struct plx_mono){5}, plx_wall_add(WALL, 10 * PLX_SEC_NS));
    plx_plan_set(&one, 0, 99, 0, PLX_MIN_NS, NOW);
    plx_plan_set(&two, 0, 99, 0, PLX_MIN_NS, (struct plx_mono){5});
    assert_true(plx_plan_next(&one, at(10 * PLX_MIN_NS), &a));
    assert_true(plx_plan_next(&two, (struct plx_mono){10 * PLX_MIN_NS}, &b));
    assert_int_equal((a.scheduled.ns + one.axis_ns) % PLX_MIN_NS,
                     (b.scheduled.ns + two.axis_ns) % PLX_MIN_NS);
    plx_plan_fini(&one);
    plx_plan_fini(&two);
}

static void two_agents__do_not_share_phases(void **state)
{
    (void)state;
    struct plx_plan one, two;
    plx_plan_init(&one, 1, NOW, WALL);
    plx_plan_init(&two, 2, NOW, WALL);
    int apart = 0;
    for (uint32_t i = 0; i < 100; i++) {
        plx_plan_set(&one, i, i + 1, 0, PLX_MIN_NS, NOW);
        plx_plan_set(&two, i, i + 1, 0, PLX_MIN_NS, NOW);
        int64_t d = plx_plan_place(&one, i).ns - plx_plan_place(&two, i).ns;
        apart += d > PLX_SEC_NS || d < -PLX_SEC_NS;
    }
    assert_in_range(apart, 85, 100);
    plx_plan_fini(&one);
    plx_plan_fini(&two);
}

static void agents_with_turns__stand_as_far_apart_as_their_turns(void **state)
{
    (void)state;
    struct plx_plan one, two;
    plx_plan_init(&one, 1, NOW, WALL);
    plx_plan_init(&two, 2, NOW, WALL);
    for (uint32_t i = 0; i < 100; i++) {
        plx_plan_set(&one, i, i + 1, 1000, PLX_MIN_NS, NOW);
        plx_plan_set(&two, i, i + 1, 1000 + 65536 / 4, PLX_MIN_NS, NOW);
        int64_t d = plx_plan_place(&two, i).ns - plx_plan_place(&one, i).ns;
        d += d < 0 ? PLX_MIN_NS : 0;
        assert_in_range(d, 15 * PLX_SEC_NS - 1000, 15 * PLX_SEC_NS + 1000);
    }
    plx_plan_fini(&one);
    plx_plan_fini(&two);
}

static void pause_of_an_hour__skips_and_makes_nothing_up(void **state)
{
    (void)state;
    struct plx_plan plan;
    size_t late = 0;
    uint64_t missed = 0;
    plx_plan_init(&plan, 42, NOW, WALL);
    for (uint32_t i = 0; i < 1000; i++)
        plx_plan_set(&plan, i, i + 1, 0, PLX_MIN_NS, NOW);
    size_t n = drain(&plan, at(PLX_HOUR_NS), &late, &missed);
    assert_int_equal(n, 1000);
    assert_int_equal(n + missed, 60000);
    /* in time are only those whose place lies within the grace of 5 s of 60 */
    assert_in_range(n - late, 40, 130);
    assert_int_equal(drain(&plan, at(PLX_HOUR_NS), &late, &missed), 0);
    plx_plan_fini(&plan);
}

static void set_again__keeps_its_place_unless_the_interval_changes(void **state)
{
    (void)state;
    struct plx_plan plan;
    struct plx_due due;
    plx_plan_init(&plan, 42, NOW, WALL);
    plx_plan_set(&plan, 3, 5, 0, PLX_MIN_NS, NOW);
    int64_t place = plx_plan_place(&plan, 3).ns;
    plx_plan_set(&plan, 3, 5, 0, PLX_MIN_NS, at(PLX_SEC_NS));
    assert_int_equal(plx_plan_place(&plan, 3).ns, place);
    plx_plan_set(&plan, 3, 5, 0, 100 * PLX_MS_NS, NOW);
    assert_true(plx_plan_place(&plan, 3).ns <= NOW.ns + 100 * PLX_MS_NS);
    assert_true(plx_plan_next(&plan, at(100 * PLX_MS_NS), &due));
    assert_false(plx_plan_next(&plan, at(100 * PLX_MS_NS), &due));
    plx_plan_fini(&plan);
}

static void removed__is_never_due(void **state)
{
    (void)state;
    struct plx_plan plan;
    struct plx_due due;
    plx_plan_init(&plan, 42, NOW, WALL);
    plx_plan_set(&plan, 0, 5, 0, PLX_MIN_NS, NOW);
    plx_plan_remove(&plan, 0);
    plx_plan_remove(&plan, 17);
    assert_false(plx_plan_next(&plan, at(PLX_HOUR_NS), &due));
    plx_plan_fini(&plan);
}

static void churn__leaves_one_place_a_slot(void **state)
{
    (void)state;
    struct plx_plan plan;
    plx_plan_init(&plan, 42, NOW, WALL);
    for (uint64_t round = 0; round < 100; round++)
        for (uint32_t i = 0; i < 1000; i++)
            plx_plan_set(&plan, i, round * 1000 + i + 1, 0, PLX_MIN_NS, NOW);
    size_t late = 0;
    uint64_t missed = 0;
    assert_int_equal(drain(&plan, at(PLX_MIN_NS), &late, &missed), 1000);
    plx_plan_fini(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_monitors__spread_evenly_over_the_interval),
        cmocka_unit_test(restart__finds_the_same_places),
        cmocka_unit_test(two_agents__do_not_share_phases),
        cmocka_unit_test(agents_with_turns__stand_as_far_apart_as_their_turns),
        cmocka_unit_test(pause_of_an_hour__skips_and_makes_nothing_up),
        cmocka_unit_test(set_again__keeps_its_place_unless_the_interval_changes),
        cmocka_unit_test(removed__is_never_due),
        cmocka_unit_test(churn__leaves_one_place_a_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
