#include "agent/core/policy.h"

#include "base/err.h"

#include "test.h"

#include <string.h>

static bool permits(const struct plx_policy *policy, const char *text, uint16_t port)
{
    struct plx_addr addr;
    assert_int_equal(plx_addr_parse(text, &addr), 0);
    return plx_policy_permits(policy, &addr, port);
}

static void without_rules__only_harmful_targets_are_denied(void **state)
{
    (void)state;
    struct plx_policy p = {0};
    const char *denied[] = {
        "169.254.169.254",       "fd00:ec2::254", "fe80::1", "224.0.0.1",
        "255.255.255.255",       "0.0.0.0",       "::",      "ff02::1",
        "::ffff:169.254.169.254"};
    const char *permitted[] = {"127.0.0.1", "::1", "10.0.0.1", "192.0.2.1",
                               "2001:db8::1"};
    for (size_t i = 0; i < sizeof denied / sizeof *denied; i++)
        assert_false(permits(&p, denied[i], 80));
    for (size_t i = 0; i < sizeof permitted / sizeof *permitted; i++)
        assert_true(permits(&p, permitted[i], 80));
}

static void deny__beats_allow(void **state)
{
    (void)state;
    struct plx_policy p = {0};
    assert_int_equal(plx_policy_add_allow(&p, "10.0.0.0/8", NULL), 0);
    assert_int_equal(plx_policy_add_deny(&p, "10.2.0.0/15 port 25-26", NULL), 0);
    assert_int_equal(plx_policy_add_deny(&p, "port 445", NULL), 0);
    assert_true(permits(&p, "10.0.0.1", 25));
    assert_false(permits(&p, "10.0.0.1", 445));
    assert_false(permits(&p, "10.2.255.1", 445));
    assert_false(permits(&p, "10.3.2.3", 26));
    assert_true(permits(&p, "10.3.2.3", 27));
    assert_false(permits(&p, "192.0.2.1", 80)); /* not on the list */
    plx_policy_fini(&p);
}

static void allow__opens_what_is_denied_by_default(void **state)
{
    (void)state;
    struct plx_policy p = {0};
    assert_int_equal(plx_policy_add_allow(&p, "fe80::/10", NULL), 0);
    assert_true(permits(&p, "fe80::1", 22));
    plx_policy_fini(&p);
}

static void bad_rules__are_refused_with_their_text(void **state)
{
    (void)state;
    const char *bad[] = {"",           "10.0.0.0/33", "10.0.0/8",        "port 0",
                         "port 70000", "port 9-3",    "10.0.0.1 prt 25", "::/129",
                         "port ",      " port 25",    "10.0.0.0/",       "x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct plx_policy_rule rule;
        struct plx_why why = {""};
        assert_int_equal(plx_policy_parse(bad[i], &rule, &why), PLX_EINVAL);
        assert_non_null(strstr(why.text, bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_rules__only_harmful_targets_are_denied),
        cmocka_unit_test(deny__beats_allow),
        cmocka_unit_test(allow__opens_what_is_denied_by_default),
        cmocka_unit_test(bad_rules__are_refused_with_their_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
