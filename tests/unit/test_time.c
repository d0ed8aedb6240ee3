#include "test.h"

#include "base/err.h"
#include "base/rng.h"
#include "base/time.h"

static void durations__are_read_as_people_write_them(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"1m", PLX_MIN_NS},
        {"5 minutes", 5 * PLX_MIN_NS},
        {"10 seconds", 10 * PLX_SEC_NS},
        {"1 minute", PLX_MIN_NS},
        {"30s", 30 * PLX_SEC_NS},
        {"90s", 90 * PLX_SEC_NS},
        {"1h", PLX_HOUR_NS},
        {"1h30m", PLX_HOUR_NS + 30 * PLX_MIN_NS},
        {"1h 30 m", PLX_HOUR_NS + 30 * PLX_MIN_NS},
        {"500ms", 500 * PLX_MS_NS},
        {"1.5s", 1500 * PLX_MS_NS},
        {"0.25 hours", 15 * PLX_MIN_NS},
        {"1d", PLX_DAY_NS},
        {"0", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ns = -1;
        assert_int_equal(plx_duration_parse(cases[i].text, &ns), 0);
        assert_int_equal(ns, cases[i].ns);
    }
}

static void nonsense_durations__are_refused_and_leave_the_output(void **state)
{
    (void)state;
    const char *const cases[] = {
        "", " ", "5", "m", "5 parsecs", "-1s", "1..5s", "1.s", "1e3s", "5S",
        "9999999999999d", "1h30", "99999999999999999999s",
        /* the parts fit, their sum does not */
        "9223372036.9s", "106751.9999d", "9223372036s 999999999ns"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ns = 42;
        assert_int_equal(plx_duration_parse(cases[i], &ns), PLX_EINVAL);
        assert_int_equal(ns, 42);
    }
}

static void formatted_durations__parse_back_to_the_same_value(void **state)
{
    (void)state;
    struct plx_rng rng;
    plx_rng_init(&rng, 1);
    for (int i = 0; i < 20000; i++) {
        int64_t want = (int64_t)(plx_rng_u64(&rng) >> (10 + plx_rng_below(&rng, 50)));
        int64_t got = -1;
        char text[PLX_DURATION_TEXT_MAX];
        assert_int_equal(plx_duration_parse(plx_duration_format(want, text), &got), 0);
        if (want < 100 * PLX_DAY_NS)
            assert_int_equal(got, want);
    }
}

static void wall_times__survive_the_trip_through_rfc3339(void **state)
{
    (void)state;
    char text[PLX_WALL_TEXT_MAX];
    struct plx_wall t = {INT64_C(1795400388123000000)};
    assert_string_equal(plx_wall_format(t, text), "2026-11-23T02:19:48.123Z");
    struct plx_wall back;
    assert_int_equal(plx_wall_parse(text, &back), 0);
    assert_int_equal(back.ns, t.ns);
    assert_int_equal(plx_wall_parse("2026-11-23T04:19:48.123+02:00", &back), 0);
    assert_int_equal(back.ns, t.ns);
    assert_int_equal(plx_wall_parse("2026-11-23 04:19", &back), PLX_EINVAL);
    assert_int_equal(plx_wall_parse("2026-13-01T00:00:00Z", &back), PLX_EINVAL);
    assert_int_equal(plx_wall_parse("2026-02-29T00:00:00Z", &back), PLX_EINVAL);
    assert_int_equal(plx_wall_parse("2028-02-29T00:00:00Z", &back), 0);
    assert_int_equal(plx_wall_parse("2026-04-31T00:00:00Z", &back), PLX_EINVAL);
    assert_int_equal(plx_wall_parse("1969-12-31T23:59:59Z", &back), PLX_EINVAL);
    assert_int_equal(plx_wall_parse("2201-01-01T00:00:00Z", &back), PLX_EINVAL);
}

static void days_that_a_month_does_not_have__are_refused(void **state)
{
    (void)state;
    struct plx_wall t = {42};
    const char *const bad[] = {"2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
                               "2026-04-31T00:00:00Z", "2026-12-32T00:00:00Z"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(plx_wall_parse(bad[i], &t), PLX_EINVAL);
    assert_int_equal(t.ns, 42);
    assert_int_equal(plx_wall_parse("2028-02-29T00:00:00Z", &t), 0);
    assert_int_equal(plx_wall_parse("2026-12-31T23:59:59Z", &t), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations__are_read_as_people_write_them),
        cmocka_unit_test(nonsense_durations__are_refused_and_leave_the_output),
        cmocka_unit_test(formatted_durations__parse_back_to_the_same_value),
        cmocka_unit_test(wall_times__survive_the_trip_through_rfc3339),
        cmocka_unit_test(days_that_a_month_does_not_have__are_refused),
    };
    return PLX_RUN(tests);
}
