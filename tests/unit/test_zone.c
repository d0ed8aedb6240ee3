/* Time zones: against dates that are known. */
#include "test.h"

#include "base/err.h"
#include "sys/zone.h"

static struct plx_wall at(const char *text)
{
    struct plx_wall t;
    assert_int_equal(plx_wall_parse(text, &t), 0);
    return t;
}

static struct plx_zone *load(const char *name)
{
    struct plx_zone *zone;
    struct plx_why why = {""};
    assert_int_equal(plx_zone_load(name, &zone, &why), 0);
    return zone;
}

static void known_dates__have_their_offsets(void **state)
{
    static const struct {
        const char *zone, *when;
        int32_t hours4; /* quarters of an hour */
    } rows[] = {
        {"UTC", "2026-07-01T00:00:00Z", 0},
        {"Europe/Berlin", "2026-01-15T12:00:00Z", 4},
        {"Europe/Berlin", "2026-07-15T12:00:00Z", 8},
        {"Europe/Berlin", "2026-03-29T00:59:59Z", 4},
        {"Europe/Berlin", "2026-03-29T01:00:00Z", 8},
        {"Europe/Berlin", "2060-07-15T12:00:00Z", 8}, /* by the rule */
        {"America/New_York", "2026-12-01T12:00:00Z", -20},
        {"America/New_York", "2055-07-01T12:00:00Z", -16},
        {"Asia/Kathmandu", "2026-05-05T00:00:00Z", 23},
        {"Australia/Sydney", "2050-01-10T00:00:00Z", 44},
        {"Australia/Sydney", "2050-07-10T00:00:00Z", 40},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plx_zone *zone = load(rows[i].zone);
        assert_int_equal(plx_zone_offset(zone, at(rows[i].when)), rows[i].hours4 * 900);
        plx_zone_destroy(&zone);
    }
}

static void local_times__are_the_right_moments(void **state)
{
    static const struct {
        const char *day;
        int32_t minutes;
        const char *moment;
    } rows[] = {
        {"2026-07-01T00:00:00Z", 8 * 60, "2026-07-01T06:00:00Z"},
        {"2026-12-24T00:00:00Z", 20 * 60, "2026-12-24T19:00:00Z"},
        {"2026-03-29T00:00:00Z", 150, "2026-03-29T01:30:00Z"}, /* skipped */
        {"2026-10-25T00:00:00Z", 150, "2026-10-25T00:30:00Z"}, /* twice: the first */
        {"2026-10-25T00:00:00Z", 180, "2026-10-25T02:00:00Z"},
    };
    (void)state;
    struct plx_zone *zone = load("Europe/Berlin");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(
            plx_zone_instant(zone, at(rows[i].day).ns / PLX_DAY_NS, rows[i].minutes * 60)
                .ns,
            at(rows[i].moment).ns);
    plx_zone_destroy(&zone);
}

static void days__follow_the_zone(void **state)
{
    (void)state;
    struct plx_zone *zone = load("Asia/Tokyo");
    int64_t day = plx_zone_day(zone, at("2026-11-22T15:30:00Z")); /* Monday there */
    assert_int_equal(day, at("2026-11-23T00:00:00Z").ns / PLX_DAY_NS);
    assert_int_equal(plx_zone_weekday(day), 0);
    plx_zone_destroy(&zone);
}

static void what_is_no_zone__is_refused(void **state)
{
    static const char *const names[] = {"",           "Europe/Berlln", "../../etc/passwd",
                                        "/etc/hosts", "Europe",        "zone.tab",
                                        "leapseconds"};
    struct plx_zone *zone = NULL;
    struct plx_why why;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(plx_zone_load(names[i], &zone, &why), PLX_EINVAL);
    assert_null(zone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_dates__have_their_offsets),
        cmocka_unit_test(local_times__are_the_right_moments),
        cmocka_unit_test(days__follow_the_zone),
        cmocka_unit_test(what_is_no_zone__is_refused),
    };
    return PLX_RUN(tests);
}
