#include "cli/pages.h"
#include "cli/policy.h"
#include "cli/recording_fill.h"
#include "cli/rerun.h"

#include "base/err.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct plx_pages pages;

static int setup(void **state)
{
    (void)state;
    pages = (struct plx_pages){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    plx_pages_fini(&pages);
    return 0;
}

static struct plx_wall at(int64_t s)
{
    return (struct plx_wall){s * PLX_SEC_NS};
}

static void say(struct plx_pages *to, int64_t s, uint32_t monitor,
                enum plx_judge_verdict verdict, const char *scope)
{
    plx_pages_verdict(to, at(s), monitor, verdict, scope, "so it is");
}

/* "service m7 10-40 [1 2]", one page after the other, ended by newlines. */
static const char *told(const struct plx_pages *of)
{
    static char text[2048];
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; i < of->n; i++) {
        const struct plx_page *p = &of->list[i];
        if (p->merged)
            continue;
        n += (size_t)snprintf(text + n, sizeof text - n, "%s %s %d-%d", plx_page_class(p),
                              p->scope, (int)(p->from.ns / PLX_SEC_NS),
                              (int)(p->until.ns / PLX_SEC_NS));
        for (size_t k = 0; k < p->n_members; k++)
            n += (size_t)snprintf(text + n, sizeof text - n, " %u", p->members[k]);
        n += (size_t)snprintf(text + n, sizeof text - n, "\n");
    }
    return text;
}

static void one_cause__is_one_page(void **state)
{
    (void)state;
    say(&pages, 1, 0, PLX_JUDGE_UP, "");
    say(&pages, 10, 0, PLX_JUDGE_HOST_DOWN, "192.0.2.1");
    say(&pages, 12, 1, PLX_JUDGE_HOST_DOWN, "192.0.2.1");
    say(&pages, 20, 2, PLX_JUDGE_SERVICE_DOWN, "web");
    say(&pages, 30, 0, PLX_JUDGE_UP, "");
    say(&pages, 40, 1, PLX_JUDGE_PATH_FAILURE, "a>192.0.2.1");
    say(&pages, 50, 0, PLX_JUDGE_HOST_DOWN, "192.0.2.1");
    assert_string_equal(told(&pages), "host 192.0.2.1 10-40 0 1\n"
                                      "service web 20-0 2\n"
                                      "host 192.0.2.1 50-0 0\n");
}

static void an_inconclusive_verdict__ends_no_page(void **state)
{
    (void)state;
    say(&pages, 5, 0, PLX_JUDGE_INCONCLUSIVE, "");
    say(&pages, 10, 0, PLX_JUDGE_SERVICE_DOWN, "web");
    say(&pages, 20, 0, PLX_JUDGE_INCONCLUSIVE, "");
    say(&pages, 30, 0, PLX_JUDGE_SERVICE_DOWN, "web");
    say(&pages, 40, 0, PLX_JUDGE_UP, "");
    assert_string_equal(told(&pages), "service web 10-40 0\n");
}

static void a_cause_that_widens__stays_one_page(void **state)
{
    (void)state;
    say(&pages, 10, 0, PLX_JUDGE_SERVICE_DOWN, "web");
    say(&pages, 11, 1, PLX_JUDGE_SERVICE_DOWN, "db");
    say(&pages, 15, 0, PLX_JUDGE_HOST_DOWN, "192.0.2.1");
    say(&pages, 15, 1, PLX_JUDGE_HOST_DOWN, "192.0.2.1");
    say(&pages, 30, 0, PLX_JUDGE_UP, "");
    say(&pages, 31, 1, PLX_JUDGE_UP, "");
    assert_string_equal(told(&pages), "host 192.0.2.1 10-31 0 1\n");
}

static void causes_without_a_name__are_not_one(void **state)
{
    (void)state;
    say(&pages, 10, 0, PLX_JUDGE_HOST_DOWN, "");
    say(&pages, 11, 1, PLX_JUDGE_HOST_DOWN, "");
    say(&pages, 12, 1, PLX_JUDGE_HOST_DOWN, "192.0.2.1");
    say(&pages, 20, 0, PLX_JUDGE_UP, "");
    say(&pages, 21, 1, PLX_JUDGE_UP, "");
    assert_string_equal(told(&pages), "host  10-20 0\nhost 192.0.2.1 11-21 1\n");
}

/* Kinds of the pairs, in order. */
static const char *kinds(const struct plx_pages *then, int64_t from, int64_t until)
{
    static char text[512];
    const struct plx_pages_span span = {at(from), at(until), 5 * PLX_SEC_NS};
    struct plx_pages_pair *list;
    size_t n, used = 0;
    text[0] = '\0';
    plx_pages_compare(&pages, then, &span, &list, &n);
    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%+d",
                                 i > 0 ? " " : "", plx_pages_kind_token(list[i].kind),
                                 (int)(list[i].starts_ns / PLX_SEC_NS));
    free(list);
    return text;
}

static void two_tellings__are_compared_page_by_page(void **state)
{
    (void)state;
    struct plx_pages then = {0};
    say(&pages, 100, 0, PLX_JUDGE_SERVICE_DOWN, "web");
    say(&then, 103, 0, PLX_JUDGE_SERVICE_DOWN, "web");
    say(&pages, 150, 0, PLX_JUDGE_UP, "");
    say(&then, 170, 0, PLX_JUDGE_UP, "");
    assert_string_equal(kinds(&then, 50, 1000), "same-3");
    say(&pages, 300, 1, PLX_JUDGE_SERVICE_DOWN, "db");
    say(&then, 320, 1, PLX_JUDGE_SERVICE_DOWN, "db");
    say(&then, 400, 2, PLX_JUDGE_SERVICE_DOWN, "ssh");
    say(&pages, 500, 3, PLX_JUDGE_HOST_DOWN, "192.0.2.3");
    say(&then, 501, 3, PLX_JUDGE_SERVICE_DOWN, "smtp");
    say(&pages, 600, 4, PLX_JUDGE_SERVICE_DOWN, "ftp");
    assert_string_equal(kinds(&then, 50, 1000),
                        "same-3 earlier-20 would_not_page+0 otherwise-1 would_page+0");
    /* Outside the span nothing counts; what is on at its start begins with it. */
    assert_string_equal(kinds(&then, 350, 450), "same+0 would_not_page+0");
    assert_string_equal(kinds(&then, 180, 250), "");
    plx_pages_fini(&then);
}

static void what_did_not_page_for_a_reason__is_no_difference(void **state)
{
    (void)state;
    struct plx_pages then = {0};
    say(&pages, 100, 0, PLX_JUDGE_SERVICE_DOWN, "web");
    pages.list[0].unpaged = true;
    assert_string_equal(kinds(&then, 50, 1000), "");
}

/* ---- policy ---- */

static void policy_by_name__set_or_told(void **state)
{
    (void)state;
    struct plx_judge_policy policy;
    struct plx_why why = {""};
    plx_judge_policy_default(&policy);
    assert_int_equal(plx_policy_set(&policy, "theta=9.5", &why), 0);
    assert_int_equal(plx_policy_set(&policy, "silent=40s", &why), 0);
    assert_true(policy.theta > 9.4 && policy.theta < 9.6);
    assert_true(policy.silent_ns == 40 * PLX_SEC_NS);
    assert_int_equal(plx_policy_set(&policy, "silnt=40s", &why), PLX_EINVAL);
    assert_string_equal(why.text,
                        "--policy: unknown key 'silnt', did you mean 'silent'?");
    assert_int_equal(plx_policy_set(&policy, "silent=40", &why), PLX_EINVAL);
    assert_int_equal(plx_policy_set(&policy, "p_fail=1.5", &why), PLX_EINVAL);
    assert_int_equal(plx_policy_set(&policy, "theta", &why), PLX_EINVAL);
}

/* ---- filling ---- */

static void fill_line(struct plx_fill *fill, const char *text)
{
    json_t *line = json_loads(text, 0, NULL);
    assert_non_null(line);
    plx_fill_line(fill, line);
    json_decref(line);
}

static void fill_result(struct plx_fill *fill, double now, const char *agent)
{
    char line[160];
    snprintf(line, sizeof line, "{\"type\":\"result\",\"now\":%.3f,\"agent\":\"%s\"}",
             now, agent);
    fill_line(fill, line);
}

static size_t count_in(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        n++;
    return n;
}

static void what_the_store_has_not__is_filled_in(void **state)
{
    (void)state;
    struct plx_fill fill;
    plx_fill_init(&fill);
    fill_line(&fill, "{\"type\":\"monitor\",\"interval\":10,\"timeout\":2,"
                     "\"agents\":[\"a\",\"b\"]}");
    fill_result(&fill, 1000.5, "a"); /* b is presumed alive until 1017.5 */
    for (int s = 1005; s < 1040; s += 5)
        fill_result(&fill, s, "a");
    const char *text = plx_buf_str(&fill.text);
    assert_int_equal(count_in(text, "\"tick\""), 35);
    assert_non_null(
        strstr(text, "{\"type\":\"heartbeat\",\"now\":1015,\"agent\":\"b\"}"));
    assert_null(strstr(text, "{\"type\":\"heartbeat\",\"now\":1020,\"agent\":\"b\"}"));
    assert_non_null(
        strstr(text, "{\"type\":\"heartbeat\",\"now\":1035,\"agent\":\"a\"}"));
    plx_buf_clear(&fill.text);

    fill_result(&fill, 1030, "a"); /* the wall clock was set back */
    assert_string_equal(plx_buf_str(&fill.text),
                        "{\"type\":\"result\",\"now\":1035.0,\"agent\":\"a\"}\n");
    plx_buf_clear(&fill.text);

    fill_result(&fill, 90000.25, "a"); /* nobody was heard: the coordinator was away */
    text = plx_buf_str(&fill.text);
    assert_int_equal(count_in(text, "\"tick\""), 0);
    assert_int_equal(count_in(text, "\"heartbeat\""), 2);
    plx_fill_end(&fill, 90010.9);
    assert_int_equal(count_in(plx_buf_str(&fill.text), "\"tick\""), 10);
    plx_buf_clear(&fill.text);
    plx_fill_end(&fill, 9e8); /* nothing more for 30 years */
    assert_in_range(count_in(plx_buf_str(&fill.text), "\"tick\""), 100, 200);
    assert_int_equal(fill.n_results, 10);
    plx_fill_fini(&fill);
}

/* ---- rerun ---- */

static void feed(struct plx_rerun *run, const char *line)
{
    struct plx_why why = {""};
    if (plx_rerun_line(run, line, strlen(line), &why) < 0)
        fail_msg("%s: %s", line, why.text);
}

/* Three agents in three regions; from `down_s` on the first `n_refused` of them are
 * refused for 40 s. */
static void feed_outage(struct plx_rerun *run, int down_s, int n_refused)
{
    char line[256];
    feed(run, "{\"type\":\"recording\",\"from\":1000,\"until\":1200,\"recorded\":true}");
    for (int a = 0; a < 3; a++) {
        snprintf(line, sizeof line,
                 "{\"type\":\"agent\",\"agent\":\"a%d\",\"region\":\"r%d\"}", a, a);
        feed(run, line);
    }
    feed(run, "{\"type\":\"monitor\",\"monitor\":\"web\",\"host\":\"192.0.2.1\","
              "\"address\":\"192.0.2.1\",\"port\":80,\"interval\":6,\"timeout\":2,"
              "\"agents\":[\"a0\",\"a1\",\"a2\"]}");
    for (int s = 1000; s <= 1200; s++) {
        int a = s % 6 / 2;
        bool down = s >= down_s && s < down_s + 40 && a < n_refused;
        if (s % 2 == 0) {
            snprintf(line, sizeof line,
                     "{\"type\":\"result\",\"now\":%d.5,\"at\":%d.4,\"monitor\":\"web\","
                     "\"agent\":\"a%d\",\"outcome\":\"%s\"}",
                     s, s, a, down ? "refused" : "open");
            feed(run, line);
        }
        snprintf(line, sizeof line, "{\"type\":\"tick\",\"now\":%d}", s + 1);
        feed(run, line);
    }
}

static size_t pages_of(int n_refused, const char *quorum)
{
    struct plx_rerun run;
    struct plx_lines_rules rules = {.has_quorum = quorum != NULL};
    if (quorum)
        assert_int_equal(plx_quorum_parse(quorum, &rules.quorum), 0);
    plx_rerun_init(&run, NULL, &rules);
    feed_outage(&run, 1060, n_refused);
    size_t n = run.pages.n;
    assert_true(run.n_left_out == 0 && run.n_ticks == 201);
    plx_rerun_fini(&run);
    return n;
}

static void an_outage__pages_by_the_rule_given(void **state)
{
    (void)state;
    assert_int_equal(pages_of(3, NULL), 1);
    assert_int_equal(pages_of(3, "all"), 1);
    assert_int_equal(pages_of(3, "3 of distinct(region)"), 1);
    assert_int_equal(pages_of(1, "auto"), 0);
    assert_int_equal(pages_of(1, "any"), 1);
    assert_int_equal(pages_of(2, "all"), 0);
    assert_int_equal(pages_of(0, "any"), 0);
}

static void what_was_recorded__becomes_pages(void **state)
{
    (void)state;
    struct plx_rerun run;
    struct plx_pages then;
    plx_rerun_init(&run, NULL, NULL);
    feed_outage(&run, 1060, 3);
    assert_true(run.lines.span.said && run.lines.span.recorded);
    feed(&run, "{\"type\":\"recorded\",\"at\":1105,\"monitor\":\"web\",\"was\":"
               "\"service_down\",\"verdict\":\"up\"}");
    feed(&run, "{\"type\":\"recorded\",\"at\":1061,\"monitor\":\"web\",\"was\":\"up\","
               "\"verdict\":\"service_down\",\"scope\":\"web\",\"why\":\"refused\"}");
    plx_rerun_recorded(&run, &then);
    assert_string_equal(told(&then), "service web 1061-1105 0\n");
    assert_string_equal(then.list[0].sentence, "refused");
    plx_pages_fini(&then);
    plx_rerun_fini(&run);
}

static void a_bad_line__has_a_sentence(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"type\":\"recorded\",\"at\":1,\"monitor\":\"web\",\"verdict\":\"broken\"}",
        "{\"type\":\"recorded\",\"at\":1,\"monitor\":\"nobody\",\"verdict\":\"up\"}",
        "{\"type\":\"recorded\",\"monitor\":\"web\",\"verdict\":\"up\"}",
        ("{\"type\":\"recorded\",\"at\":1,\"monitor\":\"web\",\"verdict\":\"up\","
         "\"why\":5}"),
        "{\"type\":\"recording\",\"from\":\"now\"}",
        "{\"type\":\"recording\",\"recorded\":1}",
        "{\"type\":\"recordin\"}",
    };
    struct plx_rerun run;
    plx_rerun_init(&run, NULL, NULL);
    feed_outage(&run, 1060, 3);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct plx_why why = {""};
        assert_int_equal(plx_rerun_line(&run, bad[i], strlen(bad[i]), &why), PLX_EINVAL);
        assert_true(why.text[0]);
    }
    assert_int_equal(run.lines.n_recorded, 0);
    plx_rerun_fini(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_cause__is_one_page, setup, teardown),
        cmocka_unit_test_setup_teardown(an_inconclusive_verdict__ends_no_page, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_cause_that_widens__stays_one_page, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(causes_without_a_name__are_not_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(two_tellings__are_compared_page_by_page, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_did_not_page_for_a_reason__is_no_difference,
                                        setup, teardown),
        cmocka_unit_test(policy_by_name__set_or_told),
        cmocka_unit_test(what_the_store_has_not__is_filled_in),
        cmocka_unit_test(an_outage__pages_by_the_rule_given),
        cmocka_unit_test(what_was_recorded__becomes_pages),
        cmocka_unit_test(a_bad_line__has_a_sentence),
    };
    return PLX_RUN(tests);
}
