#include "test.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

#include <string.h>

static void hosts__are_names_or_addresses(void **state)
{
    (void)state;
    const char *const good[] = {"db.yourapp.com",
                                "a",
                                "localhost",
                                "192.0.2.1",
                                "2001:db8::1",
                                "_srv.example.org",
                                "xn--bcher-kva.example",
                                "example.org."};
    const char *const bad[] = {
        "",    "-a.example", "a-.example", "a..b", "300.1.1.1",        "1.2.3",
        "a b", "ex\nample",  "[::1]",      "a/b",  "f\xc3\xbc.example"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(plx_text_is_host(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(plx_text_is_host(bad[i]));
}

static void host_port__splits_all_three_forms(void **state)
{
    (void)state;
    char host[PLX_HOST_MAX + 1];
    uint16_t port;
    assert_int_equal(plx_text_host_port("db.example:5432", host, &port), 0);
    assert_string_equal(host, "db.example");
    assert_int_equal(port, 5432);
    assert_int_equal(plx_text_host_port("[2001:db8::1]:22", host, &port), 0);
    assert_string_equal(host, "2001:db8::1");
    const char *const bad[] = {
        "db", "db:", ":22", "db:0", "db:65536", "2001:db8::1:22", "db:22x", "[db:22", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(plx_text_host_port(bad[i], host, &port), PLX_EINVAL);
}

static void dirty_text__is_told_from_clean(void **state)
{
    (void)state;
    assert_true(plx_text_is_clean("gr\xc3\xbc\xc3\x9f dich", 10));
    assert_false(plx_text_is_clean("\xc3", 1));
    assert_false(plx_text_is_clean("\xed\xa0\x80", 3)); /* a surrogate */
    assert_false(plx_text_is_clean("\xc0\xaf", 2));     /* overlong */
    assert_false(plx_text_is_clean("a\x1b[31m", 5));
    assert_false(plx_text_is_clean("\xc2\x9b", 2)); /* C1 CSI */
    assert_false(plx_text_is_clean("a\0b", 3));
}

static void a_cut__is_never_within_a_character(void **state)
{
    (void)state;
    const struct {
        const char *text;
        size_t max, n;
    } cases[] = {
        {"", 0, 0},
        {"", 5, 0},
        {"short", 5, 5},
        {"short", 4, 4},
        {"f\xc3\xbcr", 1, 1},
        {"f\xc3\xbcr", 2, 1},
        {"f\xc3\xbcr", 3, 3},
        {"f\xc3\xbcr", 9, 4},
        {"\xf0\x9f\x90\x98", 3, 0},
        {"\xf0\x9f\x90\x98", 4, 4},
        {"\x80\x80\x80", 2, 0}, /* no UTF-8 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(plx_text_cut(cases[i].text, cases[i].max), cases[i].n);
}

/* A name must not pass for another one, nor move what stands beside it. */
static void name__has_nothing_that_does_not_show(void **state)
{
    (void)state;
    assert_true(plx_text_is_name("K\xc3\xb6ln 1"));
    assert_true(
        plx_text_is_name("\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xa7")); /* joined */
    assert_true(plx_text_is_name("a\xe2\x80\xa6"));                        /* … */
    assert_true(plx_text_is_name("5 \xe2\x82\xac"));                       /* € */
    assert_false(plx_text_is_name("a\xe2\x80\xae"
                                  "b")); /* turned around */
    assert_false(plx_text_is_name("a\xe2\x81\xa6"
                                  "b")); /* isolated */
    assert_false(plx_text_is_name("a\xe2\x80\x8b"
                                  "b")); /* no width */
    assert_false(plx_text_is_name("a\xe2\x80\xa8"
                                  "b")); /* another line */
    assert_false(plx_text_is_name("\xef\xbb\xbf"
                                  "a")); /* a byte order mark */
}

static void typos__find_the_word_that_was_meant(void **state)
{
    (void)state;
    const char *const words[] = {"timeout", "check_interval", "port", "host"};
    assert_string_equal(plx_text_closest("tiemout", words, 4), "timeout");
    assert_string_equal(plx_text_closest("check_intervall", words, 4), "check_interval");
    assert_null(plx_text_closest("quorum", words, 4));
}

static void markup__shows_any_text_and_makes_no_element(void **state)
{
    (void)state;
    struct plx_buf buf;
    plx_buf_init(&buf, 1000);
    plx_buf_markup(&buf, "<b a=\"1\" c='2'>&\x1b[2J\nü");
    assert_string_equal(plx_buf_str(&buf),
                        "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp; [2J\nü");
    plx_buf_fini(&buf);
}

static void numbers__are_whole_texts_in_range(void **state)
{
    (void)state;
    int64_t v = 7;
    assert_int_equal(plx_text_int("65535", 1, 65535, &v), 0);
    assert_int_equal(v, 65535);
    const char *const bad[] = {"",   "-",  "65536", "0",   "0x10",
                               "1 ", " 1", "+1",    "1e3", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(plx_text_int(bad[i], 1, 65535, &v), PLX_EINVAL);
    double d;
    assert_int_equal(plx_text_double("4.5", 0, 10, &d), 0);
    assert_int_equal(plx_text_double("nan", 0, 10, &d), PLX_EINVAL);
    assert_int_equal(plx_text_double("inf", 0, 10, &d), PLX_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts__are_names_or_addresses),
        cmocka_unit_test(host_port__splits_all_three_forms),
        cmocka_unit_test(dirty_text__is_told_from_clean),
        cmocka_unit_test(a_cut__is_never_within_a_character),
        cmocka_unit_test(name__has_nothing_that_does_not_show),
        cmocka_unit_test(typos__find_the_word_that_was_meant),
        cmocka_unit_test(markup__shows_any_text_and_makes_no_element),
        cmocka_unit_test(numbers__are_whole_texts_in_range),
    };
    return PLX_RUN(tests);
}
