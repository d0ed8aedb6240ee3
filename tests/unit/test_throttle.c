/* Who may how often, and who counts as one. */
#include "coordinator/http/throttle.h"

#include "test.h"

#include <arpa/inet.h>
#include <string.h>

static struct plx_mono at_s(int64_t s)
{
    return (struct plx_mono){(1000 + s) * PLX_SEC_NS};
}

static void a_burst_and_then_the_rate(void **state)
{
    (void)state;
    struct plx_throttle *t = plx_throttle_new(0.5, 3);
    for (int i = 0; i < 3; i++)
        assert_true(plx_throttle_spend(t, "ada", at_s(0)));
    assert_false(plx_throttle_spend(t, "ada", at_s(0)));
    assert_true(plx_throttle_spend(t, "bob", at_s(0)));
    assert_false(plx_throttle_spend(t, "ada", at_s(1)));
    assert_true(plx_throttle_spend(t, "ada", at_s(2)));
    assert_false(plx_throttle_spend(t, "ada", at_s(2)));
    plx_throttle_destroy(&t);
}

static void what_is_given_back__can_be_spent_again_and_never_adds_up(void **state)
{
    (void)state;
    struct plx_throttle *t = plx_throttle_new(0.5, 1);
    for (int i = 0; i < 5; i++)
        plx_throttle_refund(t, "ada");
    assert_true(plx_throttle_spend(t, "ada", at_s(0)));
    assert_false(plx_throttle_spend(t, "ada", at_s(0)));
    plx_throttle_refund(t, "ada");
    assert_true(plx_throttle_spend(t, "ada", at_s(0)));
    plx_throttle_destroy(&t);
}

static const char *name_of(const char *text)
{
    static char name[INET6_ADDRSTRLEN];
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    bool is_v4 = inet_pton(AF_INET, text, &v4.sin_addr) == 1;
    if (!is_v4)
        assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    plx_throttle_address(is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6, name);
    return name;
}

static void all_of_a_64_is_one_guest(void **state)
{
    (void)state;
    char unknown[INET6_ADDRSTRLEN];
    assert_string_equal(name_of("192.0.2.7"), "192.0.2.7");
    assert_string_equal(name_of("::ffff:192.0.2.7"), "192.0.2.7");
    assert_string_equal(name_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    assert_string_equal(name_of("2001:db8:1:2:ffff::1"), "2001:db8:1:2::");
    assert_string_equal(name_of("2001:db8:1:3::1"), "2001:db8:1:3::");
    plx_throttle_address(NULL, unknown);
    assert_string_equal(unknown, "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_and_then_the_rate),
        cmocka_unit_test(what_is_given_back__can_be_spent_again_and_never_adds_up),
        cmocka_unit_test(all_of_a_64_is_one_guest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
