#include "agent/core/sources.h"

#include "test.h"

static struct plx_addr addr(const char *text)
{
    struct plx_addr a;
    assert_int_equal(plx_addr_parse(text, &a), 0);
    return a;
}

static struct plx_mono sec(int64_t s)
{
    return (struct plx_mono){s * PLX_SEC_NS};
}

static void learned__is_known_per_address_and_port(void **state)
{
    (void)state;
    struct plx_sources *s = plx_sources_new(1000);
    struct plx_addr a = addr("192.0.2.1"), b = addr("2001:db8::1"), got;
    struct plx_addr from4 = addr("198.51.100.7"), from6 = addr("2001:db8::7");
    assert_false(plx_sources_find(s, &a, 80, sec(100), &got));
    plx_sources_learn(s, &a, 80, sec(100), &from4);
    plx_sources_learn(s, &b, 80, sec(100), &from6);
    assert_true(plx_sources_find(s, &a, 80, sec(101), &got));
    assert_true(plx_addr_equal(&got, &from4));
    assert_true(plx_sources_find(s, &b, 80, sec(101), &got));
    assert_true(plx_addr_equal(&got, &from6));
    assert_false(plx_sources_find(s, &a, 81, sec(101), &got));
    plx_sources_destroy(&s);
}

static void change__forgets_all_and_what_began_before_it_is_not_learned(void **state)
{
    (void)state;
    struct plx_sources *s = plx_sources_new(1000);
    struct plx_addr a = addr("192.0.2.1"), was = addr("198.51.100.7"), got;
    struct plx_addr is = addr("198.51.100.8");
    plx_sources_learn(s, &a, 80, sec(100), &was);
    plx_sources_forget(s, sec(110));
    assert_false(plx_sources_find(s, &a, 80, sec(111), &got));
    plx_sources_learn(s, &a, 80, sec(109), &was);
    assert_false(plx_sources_find(s, &a, 80, sec(112), &got));
    plx_sources_learn(s, &a, 80, sec(113), &is);
    assert_true(plx_sources_find(s, &a, 80, sec(114), &got));
    assert_true(plx_addr_equal(&got, &is));
    plx_sources_destroy(&s);
}

static void ten_minutes__are_as_long_as_an_answer_holds(void **state)
{
    (void)state;
    struct plx_sources *s = plx_sources_new(1);
    struct plx_addr a = addr("192.0.2.1"), from = addr("198.51.100.7"), got;
    plx_sources_learn(s, &a, 80, sec(100), &from);
    assert_true(plx_sources_find(s, &a, 80, sec(699), &got));
    assert_false(plx_sources_find(s, &a, 80, sec(700), &got));
    plx_sources_destroy(&s);
}

static void more_sources_than_are_told_apart__are_not_kept(void **state)
{
    (void)state;
    struct plx_sources *s = plx_sources_new(4096);
    struct plx_addr a = addr("192.0.2.1"), from = addr("10.0.0.0"), got;
    for (uint16_t i = 1; i <= 200; i++) {
        from.bytes[3] = (uint8_t)i;
        plx_sources_learn(s, &a, i, sec(100), &from);
        if (plx_sources_find(s, &a, i, sec(100), &got))
            assert_true(plx_addr_equal(&got, &from));
        else
            assert_true(i > 64);
    }
    plx_sources_destroy(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learned__is_known_per_address_and_port),
        cmocka_unit_test(change__forgets_all_and_what_began_before_it_is_not_learned),
        cmocka_unit_test(ten_minutes__are_as_long_as_an_answer_holds),
        cmocka_unit_test(more_sources_than_are_told_apart__are_not_kept),
    };
    return PLX_RUN(tests);
}
