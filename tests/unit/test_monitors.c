#include "schema/monitors.h"

#include "base/err.h"
#include "base/rng.h"
#include "schema/circle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define M "host: h.example\nport: 5432\nlocations: [us-east]\n"

static struct plx_monitors good(const char *text)
{
    struct plx_monitors monitors;
    struct plx_why why = {""};
    if (plx_monitors_parse("f.yaml", text, strlen(text), &monitors, &why) < 0)
        fail_msg("refused: %s\n%s", why.text, text);
    return monitors;
}

static void refused(const char *text, const char *expected)
{
    struct plx_monitors monitors = {0};
    struct plx_why why = {""};
    if (plx_monitors_parse("f.yaml", text, strlen(text), &monitors, &why) == 0)
        fail_msg("accepted, though %s", expected);
    assert_null(monitors.list);
    assert_string_equal(why.text, expected);
}

static const char verbatim[] = "monitor_type: tcp\n"
                               "host: db.yourapp.com  # or IP address\n"
                               "port: 5432\n"
                               "check_interval: %s            # also \"5 minutes\"\n"
                               "timeout: %s                  # also \"10 seconds\"\n"
                               "locations: [us-east, eu-west]\n"
                               "alert_on_failure: true\n"
                               "consecutive_failures_before_alert: 2\n";

static void assert_is_verbatim(const struct plx_monitors *monitors, int64_t interval_ns)
{
    assert_int_equal(monitors->n, 1);
    const struct plx_monitor *m = &monitors->list[0];
    assert_string_equal(m->name, "db.yourapp.com:5432");
    assert_string_equal(m->host, "db.yourapp.com");
    assert_int_equal(m->port, 5432);
    assert_true(m->interval_ns == interval_ns);
    assert_true(m->timeout_ns == 10 * PLX_SEC_NS);
    assert_int_equal(m->n_locations, 2);
    assert_string_equal(m->locations[1], "eu-west");
    assert_true(m->alert_on_failure);
    assert_int_equal(m->consecutive_failures, 2);
}

/* The block under `monitors:` or as an item of a bare list: indented by two. */
static void as_item(char *out, size_t size, const char *head, const char *block)
{
    size_t used = (size_t)snprintf(out, size, "%s", head);
    const char *lead = "- ";
    for (const char *line = block; *line; line = strchr(line, '\n') + 1) {
        int len = (int)(strchr(line, '\n') - line);
        used += (size_t)snprintf(out + used, size - used, "%s%.*s\n", lead, len, line);
        lead = "  ";
    }
}

static void the_block_people_know__accepted_in_three_shapes(void **state)
{
    (void)state;
    const struct {
        const char *interval, *timeout;
        int64_t interval_ns;
    } rows[] = {
        {"1m", "10s", PLX_MIN_NS},
        {"5 minutes", "10 seconds", 5 * PLX_MIN_NS},
        {"90s", "10s", 90 * PLX_SEC_NS},
        {"1h", "10 s", PLX_HOUR_NS},
        {"\"5 minutes\"", "'10 seconds'", 5 * PLX_MIN_NS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char block[1024], item[2048];
        snprintf(block, sizeof block, verbatim, rows[i].interval, rows[i].timeout);
        const char *heads[] = {"monitors:\n", "", NULL};
        for (size_t k = 0; k < 3; k++) {
            as_item(item, sizeof item, heads[k] ? heads[k] : "", block);
            struct plx_monitors monitors = good(heads[k] ? item : block);
            assert_is_verbatim(&monitors, rows[i].interval_ns);
            plx_monitors_fini(&monitors);
        }
    }
}

static void every_optional_key__arrives(void **state)
{
    (void)state;
    struct plx_monitors monitors =
        good(M "name: Main DB\nlabels: {team: core, tier: '1'}\nexpect: closed\n"
               "handshake: full\nip: 6\naddresses: all\nsource: 10.0.0.9\n"
               "degraded_above: 300ms\nrecovery_successes: 3\nmin_coverage: 60%\n"
               "quorum: 2 of distinct(region)\nagents_per_location: 2\nconfirm: off\n"
               "depends_on: [gateway]\npaused: true\nrunbook: https://x/y\n"
               "alert_on_failure: false\ncheck_interval: 5s\nslo: 99.95%\n"
               "slo_window: 7d\n");
    const struct plx_monitor *m = &monitors.list[0];
    assert_string_equal(m->name, "Main DB");
    assert_int_equal(m->n_labels, 2);
    assert_string_equal(m->labels[1].value, "1");
    assert_int_equal(m->expect, PLX_EXPECT_CLOSED);
    assert_int_equal(m->handshake, PLX_HANDSHAKE_FULL);
    assert_int_equal(m->ip, PLX_IP_6);
    assert_int_equal(m->addresses, PLX_ADDRESSES_ALL);
    assert_string_equal(m->source, "10.0.0.9");
    assert_true(m->degraded_above_ns == 300 * PLX_MS_NS);
    assert_int_equal(m->recovery_successes, 3);
    assert_int_equal(m->slo_ppm, 999500);
    assert_int_equal(m->slo_window_ns, 7 * PLX_DAY_NS);
    assert_int_equal(m->min_coverage_percent, 60);
    assert_int_equal(m->quorum.rule, PLX_QUORUM_COUNT);
    assert_int_equal(m->quorum.distinct, PLX_DISTINCT_REGION);
    assert_int_equal(m->quorum.n, 2);
    assert_int_equal(m->agents_per_location, 2);
    assert_false(m->confirm);
    assert_string_equal(m->depends_on[0], "gateway");
    assert_true(m->paused);
    assert_string_equal(m->runbook, "https://x/y");
    assert_false(m->alert_on_failure);
    plx_monitors_fini(&monitors);
}

static void no_timeout_beside_a_short_interval__shrinks_to_fit(void **state)
{
    (void)state;
    struct plx_monitors monitors = good(M "check_interval: 5s\n");
    assert_true(monitors.list[0].timeout_ns == 5 * PLX_SEC_NS);
    plx_monitors_fini(&monitors);
    monitors = good(M);
    assert_true(monitors.list[0].timeout_ns == 10 * PLX_SEC_NS);
    plx_monitors_fini(&monitors);
}

static void an_empty_list__no_monitors(void **state)
{
    (void)state;
    struct plx_monitors monitors = good("monitors: []\n");
    assert_int_equal(monitors.n, 0);
    plx_monitors_fini(&monitors);
}

/* Files, and the sentence that refuses each. */
static const struct {
    const char *text, *expected;
} bad_files[] = {
    {"", "f.yaml:1:1: the file holds no monitors"},
    {"# nothing\n", "f.yaml:1:1: the file holds no monitors"},
    {"monitors:\n", "f.yaml:1:10: 'monitors' must be a list"},
    {"monitors: {a: b}\n", "f.yaml:1:11: 'monitors' must be a list"},
    {"monitors: []\nextra: 1\n", "f.yaml:2:1: unknown key 'extra'"},
    {"monitor: []\n", "f.yaml:1:1: unknown key 'monitor', did you mean 'monitors'?"},
    {"hello\n", "f.yaml:1:1: a monitor must be a map of keys: 'hello'"},
    {"- hello\n", "f.yaml:1:3: a monitor must be a map of keys: 'hello'"},
    {M "tiemout: 3s\n", "f.yaml:4:1: unknown key 'tiemout', did you mean 'timeout'?"},
    {M "check_interval: 5 parsecs\n",
     "f.yaml:4:17: 'check_interval' must be a duration such as 30s, 5m or 1h: "
     "'5 parsecs'"},
    {M "check_interval: 60\n",
     "f.yaml:4:17: 'check_interval' must be a duration with a unit, such as 30s: "
     "'60'"},
    {M "check_interval: 10ms\n",
     "f.yaml:4:17: check_interval '10ms': must be 100ms to 24h"},
    {M "timeout: 2m\ncheck_interval: 5m\n",
     "f.yaml:4:10: timeout '2m': must be 10ms to 60s"},
    {M "timeout: 61s\n",
     "f.yaml:4:10: timeout '1m1s': must be 10ms to 60s (it says '61s')"},
    {M "timeout: 9s\ncheck_interval: 5s\n",
     "f.yaml:4:10: timeout '9s': must not be longer than check_interval"},
    {"host: h\nport: 0\nlocations: [a]\n",
     "f.yaml:2:7: 'port' must be a whole number from 1 to 65535: '0'"},
    {"host: h\nport: 70000\nlocations: [a]\n",
     "f.yaml:2:7: 'port' must be a whole number from 1 to 65535: '70000'"},
    {"host: h\nport: https\nlocations: [a]\n",
     "f.yaml:2:7: 'port' must be a whole number from 1 to 65535: 'https'"},
    {"host: bad host\nport: 1\nlocations: [a]\n",
     "f.yaml:1:7: host 'bad host': is no DNS name or IP address"},
    {"host: 10.0.0.256\nport: 1\nlocations: [a]\n",
     "f.yaml:1:7: host '10.0.0.256': is no DNS name or IP address"},
    {"\nport: 1\nlocations: [a]\n", "f.yaml:2:1: the monitor has no 'host'"},
    {"monitors:\n- host: a\n  port: 1\n  locations: [x]\n- host: b\n  port: 2\n",
     "f.yaml:5:3: the monitor has no 'locations'"},
    {"- host: b\n  locations: [x]\n", "f.yaml:1:3: the monitor has no 'port'"},
    {"host: h\nport: 1\nlocations: []\n",
     "f.yaml:3:12: locations '': needs 1 to 64 entries"},
    {"host: h\nport: 1\nlocations: [us east]\n",
     "f.yaml:3:12: locations 'us east': is no region, 'all' or label selector "
     "key=value"},
    {"host: h\nport: 1\nlocations: [a, a]\n",
     "f.yaml:3:12: locations 'a': is named twice"},
    {"host: h\nhost: i\n", "f.yaml:2:1: duplicate key 'host', first on line 1"},
    {"- {name: x, host: a, port: 1, locations: [l]}\n"
     "- {name: x, host: b, port: 1, locations: [l]}\n",
     "f.yaml:2:10: two monitors are named 'x', the first on line 1"},
    {"- {host: a, port: 1, locations: [l]}\n- {host: a, port: 1, locations: [m]}\n",
     "f.yaml:2:3: two monitors are named 'a:1', the first on line 1 (the default "
     "name is host:port)"},
    {"host: &h a\n", "f.yaml:1:7: anchors are not accepted: '&h a'"},
    {"host: a\n\tport: 1\n",
     "f.yaml:2:1: a tab in the indentation, use spaces: 'port: 1'"},
    {M "monitor_type: http\n", "f.yaml:4:15: 'monitor_type' must be tcp: 'http'"},
    {M "paused: yes\n", "f.yaml:4:9: 'paused' must be true or false: 'yes'"},
    {M "confirm: maybe\n", "f.yaml:4:10: 'confirm' must be on or off: 'maybe'"},
    {M "expect: shut\n",
     "f.yaml:4:9: 'expect' must be open, refused, filtered or closed: 'shut'"},
    {M "handshake: half\n", "f.yaml:4:12: 'handshake' must be half_open or full: 'half'"},
    {M "ip: 5\n", "f.yaml:4:5: 'ip' must be any, 4 or 6: '5'"},
    {M "min_coverage: 0.5\n",
     "f.yaml:4:15: 'min_coverage' must be a percentage such as 50%: '0.5'"},
    {M "min_coverage: 101%\n",
     "f.yaml:4:15: 'min_coverage' must be from 0% to 100%: '101%'"},
    {M "quorum: most\n",
     "f.yaml:4:9: 'quorum' must be auto, any, majority, all, a number from 1 to 1000 "
     "or 'N of distinct(region|provider|asn)': 'most'"},
    {M "agents_per_location: 17\n",
     "f.yaml:4:22: 'agents_per_location' must be a whole number from 1 to 16: '17'"},
    {M "consecutive_failures_before_alert: 0\n",
     "f.yaml:4:36: 'consecutive_failures_before_alert' must be a whole number from 1 "
     "to 100: '0'"},
    {M "greeting: []\n",
     "f.yaml:4:11: 'greeting' must be a preset's name or a list of steps"},
    {M "greeting:\n- expect: {regex: '^22(0'}\n",
     "f.yaml:5:19: step 1: a bad pattern: missing closing parenthesis at character "
     "6"},
    {M "greeting:\n- send: 'a'\n", "f.yaml:5:1: 'greeting': it expects nothing"},
    {M "greeting:\n- expect: '\\q'\n", "f.yaml:5:11: 'prefix' must be text; its "
                                       "escapes are \\r \\n \\t \\0 \\\\ \\xHH: "
                                       "'\\q'"},
    {M "greeting:\n- expect: {hex: 1}\n",
     "f.yaml:5:17: 'hex' must be bytes in hex, such as 16 03 01: '1'"},
    {M "greeting:\n- expect: {regexp: a}\n",
     "f.yaml:5:12: unknown key 'regexp', did you mean 'regex'?"},
    {M "greeting:\n- send: a\n  expect: b\n",
     "f.yaml:5:3: a step must have one of 'send' and 'expect'"},
    {M "greeting:\n- send: a\n  within: 1s\n- expect: b\n",
     "f.yaml:5:9: step 1: limits belong to an expectation"},
    {M "greeting:\n- expect: b\n  max_bytes: 20000\n",
     "f.yaml:6:14: 'max_bytes' must be a whole number from 1 to 16384: '20000'"},
    {M "greeting: ssh\nhandshake: half_open\n",
     "f.yaml:5:12: handshake 'half_open': a greeting needs a full handshake"},
    {M "greeting: ssh\nexpect: refused\n",
     "f.yaml:5:9: expect 'refused': a greeting is only for 'expect: open'"},
    {M "notify: {a: b}\n", "f.yaml:4:9: 'notify' must be a list"},
    {M "addresses: two\n", "f.yaml:4:12: 'addresses' must be first or all: 'two'"},
    {M "source: eth0\n", "f.yaml:4:9: source 'eth0': is no IP address"},
    {M "labels: [a]\n", "f.yaml:4:9: 'labels' must be a map: {key: value}"},
    {M "labels: {a: }\n", "f.yaml:4:13: 'a' has no value"},
    {M "depends_on: {a: b}\n", "f.yaml:4:13: 'depends_on' must be a list"},
    {M "depends_on: ['h.example:5432']\n",
     "f.yaml:4:13: 'depends_on' names the monitor itself: 'h.example:5432'"},
    {M "depends_on: [a, b, a]\n", "f.yaml:4:20: 'depends_on' names 'a' twice"},
    {M "notify: [a, a]\n", "f.yaml:4:13: 'notify' names 'a' twice"},
    {"- {name: a, host: h, port: 1, locations: [all]}\n"
     "- {name: b, host: h, port: 1, locations: [all], depends_on: [a, c]}\n"
     "- {name: c, host: h, port: 1, locations: [all], depends_on: [elsewhere, b]}\n",
     "f.yaml:2:61: 'depends_on' leads in a circle: 'b' → 'c' → 'b'"},
    {M "name: \"a\\x1b[2Jb\"\n",
     "f.yaml:4:7: name 'a?[2Jb': must be 1 to 128 printable bytes"},
    {M "name:\n", "f.yaml:4:6: 'name' has no value"},
};

static void a_bad_file__refused_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_files / sizeof *bad_files; i++)
        refused(bad_files[i].text, bad_files[i].expected);
}

static void unknown_preset__is_answered_with_those_there_are(void **state)
{
    (void)state;
    char expected[1024];
    snprintf(expected, sizeof expected,
             "f.yaml:4:11: 'greeting' must be a list of steps or one of %s: 'shh'",
             plx_greeting_preset_list());
    refused(M "greeting: shh\n", expected);
}

static const struct plx_monitor *look_up(void *arg, const char *name)
{
    const struct plx_monitors *there = arg;
    for (size_t i = 0; i < there->n; i++)
        if (strcmp(there->list[i].name, name) == 0)
            return &there->list[i];
    return NULL;
}

static struct plx_monitors read_monitors(const char *text)
{
    struct plx_monitors monitors;
    struct plx_why why = {""};
    if (plx_monitors_parse("f.yaml", text, strlen(text), &monitors, &why) < 0)
        fail_msg("%s", why.text);
    return monitors;
}

/* What stays counts, what is replaced does not. */
static void circle_over_what_is_there__found(void **state)
{
    (void)state;
    struct plx_monitors there = read_monitors(
        "- {name: a, host: h, port: 1, locations: [all], depends_on: [b]}\n"
        "- {name: b, host: h, port: 1, locations: [all], depends_on: [c]}\n"
        "- {name: d, host: h, port: 1, locations: [all], depends_on: [e]}\n");
    struct plx_monitors now =
        read_monitors("- {name: c, host: h, port: 1, locations: [all], depends_on: [a]}\n"
                      "- {name: e, host: h, port: 1, locations: [all]}\n");
    struct plx_monitors without =
        read_monitors("- {name: c, host: h, port: 1, locations: [all], depends_on: [a]}\n"
                      "- {name: b, host: h, port: 1, locations: [all]}\n");
    struct plx_why why = {""};
    size_t index = 99;
    assert_int_equal(plx_circle_find(now.list, now.n, look_up, &there, &index, &why),
                     PLX_EINVAL);
    assert_int_equal(index, 0);
    assert_string_equal(why.text,
                        "'depends_on' leads in a circle: 'c' → 'a' → 'b' → 'c'");
    assert_int_equal(plx_circle_find(now.list, now.n, NULL, NULL, &index, &why), 0);
    assert_int_equal(
        plx_circle_find(without.list, without.n, look_up, &there, &index, &why), 0);
    plx_monitors_fini(&there);
    plx_monitors_fini(&now);
    plx_monitors_fini(&without);
}

/* Random monitors. */

static const char *pick(struct plx_rng *rng, const char *const *words, size_t n)
{
    return words[plx_rng_below(rng, n)];
}

#define PICK(rng, ...)                                                                   \
    pick(rng, (const char *const[]){__VA_ARGS__},                                        \
         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void random_texts(struct plx_rng *rng, struct plx_monitor *m)
{
    if (plx_rng_below(rng, 2))
        plx_monitor_set_text(&m->name,
                             PICK(rng, "Main: DB", "yes", "5432", "0x1f", "a#b", "a # b",
                                  "~", "- x", "[x]", "{a: b}", "1:30", "\"q\" \\ 'q'",
                                  "null", "Prüfung ✓", "&a", "*a", "!t", "%x", "@x", "`x",
                                  "key: v", "trailing:", "2026-11-23", "1e3", ".5",
                                  "a, b", "?", "|", ">", "<<"));
    plx_monitor_set_text(
        &m->host, PICK(rng, "db.example", "10.0.0.1", "::1", "2001:db8::", "a-b_c.x."));
    if (plx_rng_below(rng, 3) == 0)
        plx_monitor_set_text(&m->source, PICK(rng, "10.1.2.3", "fe80::1", "::"));
    if (plx_rng_below(rng, 3) == 0)
        plx_monitor_set_text(&m->runbook,
                             PICK(rng, "https://wiki/x?y=1#z", "call: us", "on", "a  b",
                                  "a\xe2\x80\xa8"
                                  "b",
                                  "\xef\xbb\xbf"
                                  "x"));
}

static void random_lists(struct plx_rng *rng, struct plx_monitor *m)
{
    const char *const places[] = {"all", "us-east", "provider=aws", "1e3", "no", "123"};
    size_t first = plx_rng_below(rng, 6);
    for (size_t i = first; i < 6; i++)
        plx_monitor_add_location(m, places[i]);
    for (size_t i = plx_rng_below(rng, 4); i < 3; i++)
        plx_monitor_add_label(m, (const char *const[]){"team", "on", "9"}[i],
                              PICK(rng, "core", "true", "a: b", "#", "12", "x y"));
    for (size_t i = plx_rng_below(rng, 3); i < 2; i++)
        plx_monitor_add_depends_on(m, i ? PICK(rng, "gateway", "x:1")
                                        : PICK(rng, "a, b]", "off"));
}

static void random_step(struct plx_rng *rng, struct plx_greeting *g)
{
    static const char *const patterns[] = {"^220 ", "'a' \"b\"", "^\\+OK.*\\r\\n",
                                           "#x: y"};
    enum plx_greeting_kind kind = (enum plx_greeting_kind)plx_rng_below(rng, 4);
    bool send = kind == PLX_GREETING_SEND;
    uint32_t max_bytes = send || plx_rng_below(rng, 2) ? 0 : 100;
    int64_t within_ns = send || plx_rng_below(rng, 2) ? 0 : PLX_SEC_NS;
    uint8_t bytes[40];
    size_t n = 1 + plx_rng_below(rng, sizeof bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)plx_rng_below(rng, plx_rng_below(rng, 2) ? 256 : 127);
    const char *pattern = patterns[plx_rng_below(rng, 4)];
    if (kind == PLX_GREETING_REGEX)
        plx_greeting_add(g, kind, pattern, strlen(pattern), max_bytes, within_ns);
    else
        plx_greeting_add(g, kind, bytes, n, max_bytes, within_ns);
}

static void random_greeting(struct plx_rng *rng, struct plx_greeting *g)
{
    if (plx_rng_below(rng, 2)) {
        g->preset =
            (enum plx_greeting_preset)plx_rng_below(rng, PLX_GREETING_PRESET_COUNT_);
        return;
    }
    for (size_t n = plx_rng_below(rng, 7); n > 0; n--)
        random_step(rng, g);
    plx_greeting_add(g, PLX_GREETING_PREFIX, "+", 1, 0, 0);
}

static void random_monitor(struct plx_rng *rng, struct plx_monitor *m)
{
    plx_monitor_init(m);
    random_texts(rng, m);
    m->port = (uint16_t)(1 + plx_rng_below(rng, 65535));
    m->interval_ns = (int64_t)(100 + plx_rng_below(rng, 1000000)) * PLX_MS_NS;
    m->timeout_ns = plx_rng_below(rng, 2) ? m->interval_ns : 100 * PLX_MS_NS;
    if (m->timeout_ns > PLX_MONITOR_TIMEOUT_MAX_NS)
        m->timeout_ns = (int64_t)(10 + plx_rng_below(rng, 59990)) * PLX_MS_NS;
    random_lists(rng, m);
    m->expect = (enum plx_expect)plx_rng_below(rng, 4);
    m->handshake = (enum plx_handshake)plx_rng_below(rng, 2);
    if (m->expect == PLX_EXPECT_OPEN && m->handshake == PLX_HANDSHAKE_FULL)
        random_greeting(rng, &m->greeting);
    m->addresses = (enum plx_addresses)plx_rng_below(rng, 2);
    m->ip = (enum plx_ip[]){PLX_IP_ANY, PLX_IP_4, PLX_IP_6}[plx_rng_below(rng, 3)];
    m->degraded_above_ns = (int64_t)plx_rng_below(rng, (uint64_t)m->timeout_ns);
    m->quorum.rule = (enum plx_quorum_rule)plx_rng_below(rng, 5);
    if (m->quorum.rule == PLX_QUORUM_COUNT) {
        m->quorum.distinct = (enum plx_distinct)plx_rng_below(rng, 4);
        m->quorum.n = 1 + (uint32_t)plx_rng_below(rng, 1000);
    }
    m->min_coverage_percent = (uint32_t)plx_rng_below(rng, 101);
    m->agents_per_location = 1 + (uint32_t)plx_rng_below(rng, 16);
    m->confirm = plx_rng_below(rng, 2);
    m->paused = plx_rng_below(rng, 2);
    m->alert_on_failure = plx_rng_below(rng, 2);
    m->consecutive_failures = 1 + (uint32_t)plx_rng_below(rng, 100);
    m->recovery_successes = 1 + (uint32_t)plx_rng_below(rng, 100);
    if (plx_rng_below(rng, 2)) {
        m->slo_ppm = 500000 + (uint32_t)plx_rng_below(rng, 500000);
        m->slo_window_ns = (int64_t)(1 + plx_rng_below(rng, 9600)) * PLX_HOUR_NS;
    }
    plx_monitor_default_name(m);
}

static uint64_t seed(void)
{
    const char *given = getenv("PLX_TEST_SEED");
    uint64_t s = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    print_message("seed: PLX_TEST_SEED=%llu\n", (unsigned long long)s);
    return s;
}

static void assert_reads_back(const char *text, const struct plx_monitor *m, uint64_t i)
{
    struct plx_monitors back = good(text);
    assert_int_equal(back.n, 1);
    if (!plx_monitor_equal(&back.list[0], m))
        fail_msg("monitor %llu came back changed from\n%s", (unsigned long long)i, text);
    plx_monitors_fini(&back);
}

static void random_monitors__survive_yaml_and_json(void **state)
{
    (void)state;
    struct plx_rng rng;
    struct plx_buf text;
    plx_rng_init(&rng, seed());
    plx_buf_init(&text, 65536);
    for (uint64_t i = 0; i < 1000; i++) {
        struct plx_monitor m;
        struct plx_json j;
        random_monitor(&rng, &m);
        plx_buf_clear(&text);
        plx_monitor_to_yaml(&m, &text);
        assert_reads_back(plx_buf_str(&text), &m, i);
        plx_buf_clear(&text);
        const char *runbook = m.runbook ? m.runbook : "";
        if (!strstr(runbook, "\xe2\x80\xa8") && !strstr(runbook, "\xef\xbb\xbf")) {
            plx_json_init(&j, &text);
            plx_monitor_to_json(&m, &j);
            assert_reads_back(plx_buf_str(&text), &m, i);
        }
        plx_monitor_fini(&m);
    }
    plx_buf_fini(&text);
}

static void any_bytes__never_crash(void **state)
{
    (void)state;
    struct plx_rng rng;
    plx_rng_init(&rng, seed());
    char base[1024];
    snprintf(base, sizeof base, verbatim, "1m", "10s");
    size_t len = strlen(base);
    for (int i = 0; i < 2000; i++) {
        char text[1024];
        memcpy(text, base, len);
        for (uint64_t k = 1 + plx_rng_below(&rng, 6); k > 0; k--)
            text[plx_rng_below(&rng, len)] =
                plx_rng_below(&rng, 2) ? "{}[]:,-&*!#|>'\"\n\t %"[plx_rng_below(&rng, 19)]
                                       : (char)plx_rng_below(&rng, 256);
        struct plx_monitors monitors;
        struct plx_why why = {""};
        if (plx_monitors_parse("f", text, len, &monitors, &why) == 0)
            plx_monitors_fini(&monitors);
        else
            assert_int_equal(strncmp(why.text, "f:", 2), 0);
    }
}

static void defaults__left_out_of_yaml(void **state)
{
    (void)state;
    struct plx_buf text;
    plx_buf_init(&text, 65536);
    struct plx_monitors monitors = good(M "check_interval: 5s\npaused: true\n");
    plx_monitor_to_yaml(&monitors.list[0], &text);
    assert_string_equal(plx_buf_str(&text), "- monitor_type: tcp\n  host: h.example\n"
                                            "  port: 5432\n  check_interval: 5s\n"
                                            "  locations: [us-east]\n  paused: true\n");
    plx_monitors_fini(&monitors);
    plx_buf_fini(&text);
}

static void json__has_every_key_that_holds_a_value(void **state)
{
    (void)state;
    struct plx_buf text;
    struct plx_json j;
    plx_buf_init(&text, 65536);
    plx_json_init(&j, &text);
    struct plx_monitors monitors = good(M);
    plx_monitor_to_json(&monitors.list[0], &j);
    assert_string_equal(
        plx_buf_str(&text),
        "{\"monitor_type\":\"tcp\",\"name\":\"h.example:5432\",\"host\":\"h.example\","
        "\"port\":5432,\"check_interval\":\"1m\",\"timeout\":\"10s\",\"locations\":"
        "[\"us-east\"],\"alert_on_failure\":true,\"consecutive_failures_before_alert\":2,"
        "\"recovery_successes\":1,\"labels\":{},\"expect\":\"open\",\"handshake\":"
        "\"half_open\",\"ip\":\"any\",\"addresses\":\"first\","
        "\"min_coverage\":\"50%\",\"quorum\":\"auto\","
        "\"agents_per_location\":1,\"confirm\":true,\"depends_on\":[],\"paused\":false,"
        "\"notify\":[]}");
    plx_monitors_fini(&monitors);
    plx_buf_fini(&text);
}

static void note(void *arg, const char *key, const char *was, const char *now)
{
    plx_buf_printf(arg, "%s: %s -> %s\n", key, was, now);
}

static void greeting__needs_a_full_handshake_and_gets_it(void **state)
{
    (void)state;
    struct plx_buf text;
    struct plx_json j;
    plx_buf_init(&text, 65536);
    struct plx_monitors monitors =
        good(M "greeting:\n- {expect: '220 ', within: 2s}\n- send: \"EHLO it's\\r\\n\"\n"
               "- expect: {regex: '^250[ -]'}\n  max_bytes: 99\n- send: {hex: 00 ff}\n");
    const struct plx_monitor *m = &monitors.list[0];
    assert_int_equal(m->handshake, PLX_HANDSHAKE_FULL);
    assert_int_equal(m->greeting.n_steps, 4);
    plx_monitor_to_yaml(m, &text);
    assert_non_null(strstr(plx_buf_str(&text),
                           "  handshake: full\n"
                           "  greeting: [{expect: '220 ', within: 2s}, "
                           "{send: 'EHLO it''s\\r\\n'}, "
                           "{expect: {regex: '^250[ -]'}, max_bytes: 99}, "
                           "{send: {hex: '00 ff'}}]\n"));
    plx_buf_clear(&text);
    plx_json_init(&j, &text);
    plx_monitor_to_json(m, &j);
    assert_non_null(strstr(plx_buf_str(&text),
                           "\"greeting\":[{\"expect\":\"220 \",\"within\":\"2s\"},"
                           "{\"send\":\"EHLO it's\\\\r\\\\n\"},"
                           "{\"expect\":{\"regex\":\"^250[ -]\"},\"max_bytes\":99},"
                           "{\"send\":{\"hex\":\"00 ff\"}}]"));
    plx_monitors_fini(&monitors);
    plx_buf_fini(&text);
}

static void differences__one_line_a_key(void **state)
{
    (void)state;
    struct plx_buf text;
    plx_buf_init(&text, 65536);
    struct plx_monitors a = good(M);
    struct plx_monitors b = good(M "timeout: 5 seconds\nlabels: {team: core}\n"
                                   "runbook: call us\nconfirm: off\n");
    plx_monitor_diff(&a.list[0], &a.list[0], note, &text);
    assert_string_equal(plx_buf_str(&text), "");
    plx_monitor_diff(&a.list[0], &b.list[0], note, &text);
    assert_string_equal(plx_buf_str(&text),
                        "timeout: 10s -> 5s\nlabels: {} -> {team: core}\n"
                        "confirm: on -> off\nrunbook: none -> call us\n");
    plx_monitors_fini(&a);
    plx_monitors_fini(&b);
    plx_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_block_people_know__accepted_in_three_shapes),
        cmocka_unit_test(every_optional_key__arrives),
        cmocka_unit_test(no_timeout_beside_a_short_interval__shrinks_to_fit),
        cmocka_unit_test(an_empty_list__no_monitors),
        cmocka_unit_test(a_bad_file__refused_with_its_place),
        cmocka_unit_test(unknown_preset__is_answered_with_those_there_are),
        cmocka_unit_test(circle_over_what_is_there__found),
        cmocka_unit_test(random_monitors__survive_yaml_and_json),
        cmocka_unit_test(any_bytes__never_crash),
        cmocka_unit_test(defaults__left_out_of_yaml),
        cmocka_unit_test(json__has_every_key_that_holds_a_value),
        cmocka_unit_test(greeting__needs_a_full_handshake_and_gets_it),
        cmocka_unit_test(differences__one_line_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
