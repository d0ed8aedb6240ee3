/* Who may how often, and who counts as one. */
#include "coordinator/http/proxies.h"
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

/* ---- proxies ---- */

static const char *caller_of(const char *trusted, const char *peer, const char *header)
{
    static char name[INET6_ADDRSTRLEN];
    struct plx_proxies proxies;
    struct plx_why why;
    struct sockaddr_storage caller;
    struct sockaddr_in addr = {.sin_family = AF_INET};
    inet_pton(AF_INET, peer, &addr.sin_addr);
    assert_int_equal(plx_proxies_parse(trusted, &proxies, &why), 0);
    plx_proxies_caller(&proxies, (const struct sockaddr *)&addr, header, &caller);
    plx_throttle_address((const struct sockaddr *)&caller, name);
    return name;
}

static void only_a_trusted_proxy__says_whom_it_speaks_for(void **state)
{
    (void)state;
    assert_string_equal(caller_of("", "10.0.0.1", "192.0.2.7"), "10.0.0.1");
    assert_string_equal(caller_of("10.0.0.2", "10.0.0.1", "192.0.2.7"), "10.0.0.1");
    assert_string_equal(caller_of("10.0.0.1", "10.0.0.1", "192.0.2.7"), "192.0.2.7");
    assert_string_equal(caller_of("10.0.0.1", "10.0.0.1", NULL), "10.0.0.1");
    /* What the guest wrote itself stands on the left. */
    assert_string_equal(caller_of("10.0.0.1", "10.0.0.1", "8.8.8.8, 192.0.2.7"),
                        "192.0.2.7");
    assert_string_equal(
        caller_of("10.0.0.1,10.0.0.2", "10.0.0.1", "1.1.1.1, 192.0.2.7, 10.0.0.2"),
        "192.0.2.7");
    assert_string_equal(caller_of("10.0.0.1", "10.0.0.1", "192.0.2.7:5123"), "192.0.2.7");
    assert_string_equal(caller_of("10.0.0.1", "10.0.0.1", "[2001:db8::9]:80"),
                        "2001:db8::");
    assert_string_equal(caller_of("10.0.0.1", "10.0.0.1", "unknown"), "10.0.0.1");
    assert_string_equal(caller_of("10.0.0.1", "10.0.0.1", ",,"), "10.0.0.1");
}

static void a_list_of_proxies__holds_addresses(void **state)
{
    struct plx_proxies proxies;
    struct plx_why why;
    (void)state;
    assert_int_equal(plx_proxies_parse(NULL, &proxies, &why), 0);
    assert_int_equal(proxies.n, 0);
    assert_int_equal(plx_proxies_parse("10.0.0.1, ::1", &proxies, &why), 0);
    assert_int_equal(proxies.n, 2);
    assert_true(plx_proxies_parse("proxy.example", &proxies, &why) < 0);
    assert_non_null(strstr(why.text, "proxy.example"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_and_then_the_rate),
        cmocka_unit_test(what_is_given_back__can_be_spent_again_and_never_adds_up),
        cmocka_unit_test(all_of_a_64_is_one_guest),
        cmocka_unit_test(only_a_trusted_proxy__says_whom_it_speaks_for),
        cmocka_unit_test(a_list_of_proxies__holds_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
