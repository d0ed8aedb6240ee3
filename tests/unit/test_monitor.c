#include "test.h"

#include "base/err.h"
#include "base/monitor.h"

#include <string.h>

static void make(struct plx_monitor *m)
{
    plx_monitor_init(m);
    plx_monitor_set_text(&m->host, "db.example");
    m->port = 5432;
    plx_monitor_default_name(m);
    plx_monitor_add_location(m, "us-east");
}

static void a_plain_monitor__is_good_and_named_after_its_target(void **state)
{
    (void)state;
    struct plx_monitor m;
    make(&m);
    assert_int_equal(plx_monitor_check(&m, NULL, NULL), 0);
    assert_string_equal(m.name, "db.example:5432");
    plx_monitor_fini(&m);
}

static void each_bad_field__is_named(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        struct plx_monitor m;
        const char *want = NULL, *field = NULL;
        struct plx_why why = {""};
        make(&m);
        switch (i) {
        case 0:
            m.port = 0;
            want = "port";
            break;
        case 1:
            m.timeout_ns = 2 * m.interval_ns;
            want = "timeout";
            break;
        case 2:
            m.interval_ns = PLX_MS_NS;
            want = "check_interval";
            break;
        case 3:
            plx_monitor_add_location(&m, "us-east");
            want = "locations";
            break;
        case 4:
            plx_monitor_add_location(&m, "a b");
            want = "locations";
            break;
        case 5:
            m.agents_per_location = 0;
            want = "agents_per_location";
            break;
        case 6:
            plx_monitor_set_text(&m.source, "nowhere.example");
            want = "source";
            break;
        case 7:
            plx_monitor_add_label(&m, "bad key", "x");
            want = "labels";
            break;
        }
        assert_int_equal(plx_monitor_check(&m, &field, &why), PLX_EINVAL);
        assert_string_equal(field, want);
        assert_non_null(strstr(why.text, want));
        plx_monitor_fini(&m);
    }
}

static void a_copy__is_equal_until_something_changes(void **state)
{
    (void)state;
    struct plx_monitor a, b;
    make(&a);
    plx_monitor_add_label(&a, "team", "data");
    plx_monitor_copy(&b, &a);
    assert_true(plx_monitor_equal(&a, &b));
    plx_monitor_add_depends_on(&b, "gateway");
    assert_false(plx_monitor_equal(&a, &b));
    plx_monitor_fini(&a);
    plx_monitor_fini(&b);
}

static void quorum_texts__parse_back(void **state)
{
    (void)state;
    const char *const texts[] = {"auto",
                                 "any",
                                 "majority",
                                 "all",
                                 "3",
                                 "2 of distinct(region)",
                                 "4 of distinct(asn)"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct plx_quorum q;
        char text[PLX_QUORUM_TEXT_MAX];
        assert_int_equal(plx_quorum_parse(texts[i], &q), 0);
        assert_string_equal(plx_quorum_format(q, text), texts[i]);
    }
    struct plx_quorum q;
    const char *const bad[] = {"",
                               "0",
                               "most",
                               "2 of region",
                               "2 of distinct(planet)",
                               "2 of distinct(region) ",
                               "1001"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(plx_quorum_parse(bad[i], &q), PLX_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_monitor__is_good_and_named_after_its_target),
        cmocka_unit_test(each_bad_field__is_named),
        cmocka_unit_test(a_copy__is_equal_until_something_changes),
        cmocka_unit_test(quorum_texts__parse_back),
    };
    return PLX_RUN(tests);
}
