#include "coordinator/core/turn.h"

#include "test.h"

#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* The longest time without a probe, in 65536ths of the interval. */
static unsigned widest_gap(const uint16_t *turns, size_t n)
{
    uint16_t sorted[64];
    unsigned widest = 0;
    for (size_t i = 0; i < n; i++)
        sorted[i] = turns[i];
    qsort(sorted, n, sizeof *sorted, by_value);
    for (size_t i = 0; i < n; i++) {
        unsigned next = i + 1 < n ? sorted[i + 1] : sorted[0] + 65536u;
        if (next - sorted[i] > widest)
            widest = next - sorted[i];
    }
    return widest;
}

static void agents_that_come_together__stand_evenly(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 20; n++) {
        uint16_t turns[20] = {0};
        plx_turns_give(turns, n);
        assert_in_range(widest_gap(turns, n), 65536 / n, 65536 / n + 2);
    }
}

static void one_that_takes_over__takes_the_place_that_is_free(void **state)
{
    (void)state;
    uint16_t turns[5] = {0}, before[5];
    plx_turns_give(turns, 5);
    for (int i = 0; i < 5; i++)
        before[i] = turns[i];
    turns[2] = 0;
    plx_turns_give(turns, 5);
    for (int i = 0; i < 5; i++)
        assert_in_range(turns[i], before[i] - 1, before[i] + 1);
}

static void
those_that_come_one_by_one__leave_no_gap_above_twice_the_even_one(void **state)
{
    (void)state;
    uint16_t turns[33] = {0};
    for (size_t n = 1; n <= 33; n++) {
        plx_turns_give(turns, n);
        assert_true(widest_gap(turns, n) <= 2 * 65536 / n + 2);
    }
}

static void nobody__is_no_trouble(void **state)
{
    (void)state;
    plx_turns_give(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agents_that_come_together__stand_evenly),
        cmocka_unit_test(one_that_takes_over__takes_the_place_that_is_free),
        cmocka_unit_test(
            those_that_come_one_by_one__leave_no_gap_above_twice_the_even_one),
        cmocka_unit_test(nobody__is_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
