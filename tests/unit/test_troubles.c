/* What an agent says of itself. */
#include "agent/troubles.h"

#include "test.h"

#include <string.h>

static bool says(const struct plx_troubles *t, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (strstr(t->list[i], text))
            return true;
    return false;
}

static void every_local_detail__is_counted_and_told_once(void **state)
{
    (void)state;
    static const enum plx_detail details[] = {
        PLX_DETAIL_LOCAL_DESCRIPTORS, PLX_DETAIL_LOCAL_PORTS, PLX_DETAIL_LOCAL_MEMORY,
        PLX_DETAIL_LOCAL_NO_ROUTE,    PLX_DETAIL_LOCAL_LINK,  PLX_DETAIL_LOCAL_PATTERN,
    };
    const struct plx_spool_stats fine = {0};
    struct plx_troubles t = {0};
    for (size_t i = 0; i < sizeof details / sizeof *details; i++) {
        const struct plx_result r = {.outcome = PLX_OUTCOME_LOCAL_ERROR,
                                     .detail = details[i]};
        plx_troubles_note(&t, &r);
        plx_troubles_note(&t, &r);
    }
    size_t n = plx_troubles_take(&t, &fine);
    assert_int_equal(n, sizeof details / sizeof *details);
    for (size_t i = 0; i < n; i++)
        assert_true(says(&t, n, plx_detail_sentence(details[i])));
    assert_true(says(&t, n, "2 probes"));
    assert_int_equal(plx_troubles_take(&t, &fine), 0);
}

static void a_targets_failure__is_no_trouble(void **state)
{
    (void)state;
    const struct plx_spool_stats fine = {0};
    const struct plx_result r = {.outcome = PLX_OUTCOME_TIMEOUT,
                                 .detail = PLX_DETAIL_TIMEDOUT};
    struct plx_troubles t = {0};
    plx_troubles_note(&t, &r);
    assert_int_equal(plx_troubles_take(&t, &fine), 0);
}

static void clock_that_is_set__is_told_and_slewing_is_not(void **state)
{
    (void)state;
    const struct plx_spool_stats fine = {0};
    struct plx_troubles t = {0};
    struct plx_mono mono = {5 * PLX_SEC_NS};
    struct plx_wall wall = {1764000000 * PLX_SEC_NS};
    for (int i = 0; i < 100; i++) { /* 500 ppm, the most that a clock is slewed by */
        plx_troubles_watch_clock(&t, mono, wall);
        mono = plx_mono_add(mono, 100 * PLX_MS_NS);
        wall = plx_wall_add(wall, 100 * PLX_MS_NS + 50 * PLX_US_NS);
    }
    assert_int_equal(plx_troubles_take(&t, &fine), 0);
    plx_troubles_watch_clock(&t, mono, plx_wall_add(wall, -3 * PLX_SEC_NS));
    size_t n = plx_troubles_take(&t, &fine);
    assert_int_equal(n, 1);
    assert_true(says(&t, n, "the clock was set by -3000 ms") ||
                says(&t, n, "the clock was set by -2999 ms"));
    assert_int_equal(plx_troubles_take(&t, &fine), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_local_detail__is_counted_and_told_once),
        cmocka_unit_test(a_targets_failure__is_no_trouble),
        cmocka_unit_test(clock_that_is_set__is_told_and_slewing_is_not),
    };
    return PLX_RUN(tests);
}
