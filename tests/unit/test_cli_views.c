#include "cli/changes.h"
#include "cli/view.h"

#include "capture.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char status_answer[] =
    "{\"at\":\"2026-11-23T03:20:00.500Z\",\"agents\":{\"live\":3,\"total\":3},"
    "\"monitors\":["
    "{\"name\":\"postgres\",\"host\":\"db.example\",\"port\":5432,\"verdict\":\"up\","
    "\"scope\":\"\",\"confidence\":0.9993,\"coverage\":{\"fresh\":3,\"assigned\":3},"
    "\"since\":\"2026-11-23T01:08:00Z\",\"sentence\":\"answers everywhere\"},"
    "{\"name\":\"redis\",\"host\":\"10.0.0.3\",\"port\":6379,"
    "\"verdict\":\"service_down\",\"scope\":\"redis\",\"confidence\":0.987,"
    "\"coverage\":{\"fresh\":2,\"assigned\":3},\"since\":\"2026-11-23T03:19:13Z\","
    "\"sentence\":\"the host answers but port 6379 is refused from all locations\","
    "\"locations\":["
    "{\"location\":\"us-east\",\"agent\":\"us-1\",\"outcome\":\"refused\",\"ok\":false,"
    "\"latency_ms\":0.42,\"age_s\":2.9,\"belief\":\"covered\","
    "\"belief_text\":\"explained by a fault\",\"icmp_from\":null},"
    "{\"location\":\"eu-west\",\"agent\":\"eu-1\",\"outcome\":\"unreachable\","
    "\"ok\":false,\"latency_ms\":null,\"age_s\":3,\"belief\":\"fresh\","
    "\"belief_text\":\"believed: fresh\",\"icmp_from\":\"10.1.2.1\"},"
    "{\"location\":\"ap-south\",\"agent\":null,\"outcome\":null,\"ok\":false,"
    "\"latency_ms\":null,\"age_s\":null,\"belief\":\"no_agent\","
    "\"belief_text\":\"no agent serves this location\",\"icmp_from\":null}]},"
    "{\"name\":\"ssh of the office in K\u00f6ln, second "
    "floor\",\"host\":\"gw\",\"port\":22,"
    "\"verdict\":\"path_failure\",\"confidence\":0.9,"
    "\"coverage\":{\"fresh\":3,\"assigned\":3},\"since\":\"2026-11-21T03:20:00Z\","
    "\"sentence\":\"ap-south gets no answer while us-east and eu-west connect\"}],"
    "\"faults\":["
    "{\"class\":\"service\",\"entity\":\"redis\",\"monitors\":[\"redis\"],\"sentence\":"
    "\"x\"},"
    "{\"class\":\"host\",\"entity\":\"10.0.0.9\",\"monitors\":[\"a\",\"b\"],"
    "\"sentence\":\"no port of it answers\"}]}";

static json_t *parse(const char *text)
{
    json_error_t e;
    json_t *value = json_loads(text, 0, &e);
    if (!value)
        fail_msg("%s", e.text);
    return value;
}

static void assert_shows(const struct plx_cli *cli, const char *expected)
{
    struct capture c;
    json_t *answer = parse(status_answer);
    capture_begin(&c);
    plx_view_status(cli, answer);
    assert_string_equal(capture_end(&c), expected);
    json_decref(answer);
}

static const char summary[] =
    "\nhost fault 10.0.0.9 (2 monitors): no port of it answers\n"
    "\n3 monitors: 1 service_down, 1 path_failure, 1 up\n"
    "3 of 3 agents live · as of 2026-11-23T03:20:00Z\n";

static void status_on_120_columns__one_line_a_monitor_worst_first(void **state)
{
    (void)state;
    char expected[4096];
    struct plx_cli cli = {.width = 120};
    snprintf(
        expected, sizeof expected, "%s%s",
        "VERDICT         MONITOR                       SINCE  SEEN  WHY\n"
        "✖ service_down  redis                           47s   2/3  the host answers "
        "but port 6379 is refused from all locations\n"
        "◐ path_failure  ssh of the office in Köln, …     2d   3/3  ap-south gets no "
        "answer while us-east and eu-west connect\n"
        "● up            postgres                      2h12m   3/3  answers "
        "everywhere\n",
        summary);
    assert_shows(&cli, expected);
}

static void status_on_80_columns__reasons_below_where_something_is_wrong(void **state)
{
    (void)state;
    char expected[4096];
    struct plx_cli cli = {.width = 80};
    snprintf(expected, sizeof expected, "%s%s",
             "VERDICT         MONITOR                       SINCE  SEEN\n"
             "✖ service_down  redis                           47s   2/3\n"
             "    the host answers but port 6379 is refused from all locations\n"
             "◐ path_failure  ssh of the office in Köln, …     2d   3/3\n"
             "    ap-south gets no answer while us-east and eu-west connect\n"
             "● up            postgres                      2h12m   3/3\n",
             summary);
    assert_shows(&cli, expected);
}

static void status_as_csv__words_and_times_as_they_are(void **state)
{
    (void)state;
    struct plx_cli cli = {.format = PLX_FORMAT_CSV};
    assert_shows(&cli,
                 "verdict,monitor,since,coverage,sentence\n"
                 "service_down,redis,2026-11-23T03:19:13Z,2/3,the host answers but port "
                 "6379 is refused from all locations\n"
                 "path_failure,\"ssh of the office in Köln, second floor\","
                 "2026-11-21T03:20:00Z,3/3,ap-south gets no answer while us-east and "
                 "eu-west connect\n"
                 "up,postgres,2026-11-23T01:08:00Z,3/3,answers everywhere\n");
}

static void one_monitor__headline_and_locations(void **state)
{
    (void)state;
    struct plx_cli cli = {.width = 100};
    struct capture c;
    json_t *answer = parse(status_answer);
    const json_t *redis = json_array_get(json_object_get(answer, "monitors"), 1);
    capture_begin(&c);
    plx_view_headline(&cli, redis, "2026-11-23T03:20:00.500Z");
    plx_view_locations(&cli, redis);
    assert_string_equal(
        capture_end(&c),
        "redis  10.0.0.3 port 6379\n"
        "✖ service_down since 03:19:13Z (47s ago), confidence 98 %, seen from 2 of 3\n"
        "  the host answers but port 6379 is refused from all locations\n"
        "\n"
        "LOCATION  AGENT  SEES         LATENCY  AGE  BELIEF\n"
        "us-east   us-1   refused      0.42 ms   2s  explained by a fault\n"
        "eu-west   eu-1   unreachable            3s  believed: fresh (said 10.1.2.1)\n"
        "ap-south         -                          no agent serves this location\n");
    json_decref(answer);
}

static void colours__only_where_wanted(void **state)
{
    (void)state;
    struct plx_cli cli = {.width = 100, .colour = true};
    struct capture c;
    json_t *answer = parse(status_answer);
    capture_begin(&c);
    plx_view_status(&cli, answer);
    const char *text = capture_end(&c);
    assert_non_null(strstr(text, "\033[1;31m✖ service_down\033[0m  redis "));
    assert_non_null(strstr(text, "\033[32m● up\033[0m            postgres "));
    json_decref(answer);
}

static void changes__read_as_a_diff(void **state)
{
    (void)state;
    struct plx_cli cli = {.width = 80};
    struct capture c;
    json_t *answer = parse("{\"added\":[\"redis\"],\"changed\":[{\"name\":\"db\","
                           "\"changes\":[{\"key\":\"timeout\",\"was\":\"10s\","
                           "\"now\":\"5s\"}]}],\"removed\":[\"old\"],\"unchanged\":4}");
    capture_begin(&c);
    plx_changes_print(&cli, answer, true);
    assert_string_equal(
        capture_end(&c),
        "+ redis\n~ db\n    timeout: 10s → 5s\n- old\n"
        "would be: 1 added, 1 changed, 1 removed, 4 unchanged; nothing was "
        "changed\n");
    assert_true(plx_changes_any(answer));
    cli.format = PLX_FORMAT_CSV;
    capture_begin(&c);
    plx_changes_print(&cli, answer, true);
    assert_string_equal(capture_end(&c), "change,name,key,was,now\nadded,redis,,,\n"
                                         "changed,db,timeout,10s,5s\nremoved,old,,,\n");
    json_decref(answer);
}

static void yaml__is_what_a_yaml_reader_takes_back(void **state)
{
    (void)state;
    struct plx_cli cli = {.format = PLX_FORMAT_YAML};
    struct capture c;
    json_t *answer = parse("{\"a\":[1,{\"b\":\"yes\",\"c\":[]}],\"d\":{},\"e\":null,"
                           "\"f\":1.5,\"g\":true,\"h\":{\"i\":\"x: y\"}}");
    capture_begin(&c);
    assert_true(plx_show_data(&cli, answer));
    assert_string_equal(capture_end(&c), "a:\n  - 1\n  - b: \"yes\"\n    c: []\nd: {}\n"
                                         "e: null\nf: 1.5\ng: true\nh:\n  i: \"x: y\"\n");
    json_decref(answer);
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_on_120_columns__one_line_a_monitor_worst_first),
        cmocka_unit_test(status_on_80_columns__reasons_below_where_something_is_wrong),
        cmocka_unit_test(status_as_csv__words_and_times_as_they_are),
        cmocka_unit_test(one_monitor__headline_and_locations),
        cmocka_unit_test(colours__only_where_wanted),
        cmocka_unit_test(changes__read_as_a_diff),
        cmocka_unit_test(yaml__is_what_a_yaml_reader_takes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
