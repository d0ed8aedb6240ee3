/* The agent's configuration, enrolment file and token. */
#include "agent/config.h"
#include "agent/token.h"

#include "base/err.h"

#include "test.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/plx-config-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

static int load(const char *text, struct plx_agent_config *config, struct plx_why *why)
{
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    plx_agent_config_init(config);
    return plx_agent_config_load(config, path, why);
}

static void every_key__is_taken(void **state)
{
    (void)state;
    struct plx_agent_config c;
    struct plx_why why = {""};
    int err = load("data_dir: /x\n"
                   "endpoint: tcp://h:7440\n"
                   "labels: {provider: aws, asn: AS1}\n"
                   "engine: auto\nthreads: 4\n"
                   "limits: {max_in_flight: 7, rate: 2.5, per_target_rate: 0,\n"
                   "         per_target_burst: 3}\n"
                   "spool: {max_bytes: 2097152, max_age: 1d}\n"
                   "policy:\n  deny: [port 25]\n  allow: [10.0.0.0/8]\n"
                   "resolver: {servers: [192.0.2.1, '[::1]:53']}\n"
                   "log: {level: debug, format: json}\n",
                   &c, &why);
    if (err)
        fail_msg("%s", why.text);
    assert_string_equal(c.data_dir, "/x");
    assert_string_equal(c.endpoint, "tcp://h:7440");
    assert_int_equal(c.n_labels, 2);
    assert_string_equal(c.labels[1].value, "AS1");
    assert_int_equal(c.engine, PLX_ENGINE_AUTO);
    assert_int_equal(c.threads, 4);
    assert_int_equal(c.limits.in_flight, 7);
    assert_true(c.limits.rate > 2.4 && c.limits.rate < 2.6);
    assert_true(c.limits.target_rate < 1e-9);
    assert_int_equal(c.limits.target_burst, 3);
    assert_int_equal(c.spool.max_bytes, 2097152);
    assert_true(c.spool.max_age_ns == PLX_DAY_NS);
    assert_int_equal(c.policy.n_deny, 1);
    assert_int_equal(c.policy.n_allow, 1);
    assert_string_equal(c.resolver, "192.0.2.1,[::1]:53");
    assert_int_equal(c.log_level, PLX_LOG_DEBUG);
    assert_true(c.log_json);
    plx_agent_config_fini(&c);
}

static void bad_files__are_refused_with_their_place(void **state)
{
    static const struct {
        const char *text, *place;
    } rows[] = {
        {"limitz: {}\n", ":1:1: "},
        {"limits:\n  rate: -1\n", ":2:9: "},
        {"limits:\n  max_in_flight: 0\n", ":2:18: "},
        {"limits: 3\n", ":1:9: "},
        {"engine: kqueue\n", ":1:9: "},
        {"threads: 0\n", ":1:10: "},
        {"threads: many\n", ":1:10: "},
        {"endpoint: coordinator:7440\n", ":1:11: "},
        {"labels: {a b: c}\n", ":1:10: "},
        {"spool: {max_age: 5}\n", ":1:18: "},
        {"policy:\n  deny: [10.0.0.0/99]\n", ":2:10: "},
        {"resolver: {servers: 1.1.1.1}\n", ":1:21: "},
        {"log: {level: loud}\n", ":1:14: "},
        {"log: {format: xml}\n", ":1:15: "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plx_agent_config c;
        struct plx_why why = {""};
        assert_int_equal(load(rows[i].text, &c, &why), PLX_EINVAL);
        if (strncmp(why.text, path, strlen(path)) != 0 ||
            !strstr(why.text, rows[i].place))
            fail_msg("%s: %s", rows[i].text, why.text);
        plx_agent_config_fini(&c);
    }
}

static void empty_file__leaves_the_defaults(void **state)
{
    (void)state;
    struct plx_agent_config c;
    assert_int_equal(load("", &c, NULL), 0);
    assert_int_equal(c.limits.in_flight, PLX_PACER_IN_FLIGHT);
    assert_int_equal(c.engine, PLX_ENGINE_EPOLL);
    assert_int_equal(c.threads, 1);
    assert_true(c.spool.max_bytes == PLX_SPOOL_MAX_BYTES);
    assert_null(c.endpoint);
    plx_agent_config_fini(&c);
}

static void enrolment__is_read_as_it_was_written(void **state)
{
    (void)state;
    char dir[] = "/tmp/plx-enrol-XXXXXX", file[64];
    struct plx_keypair keys;
    struct plx_why why = {""};
    assert_non_null(mkdtemp(dir));
    plx_keypair_generate(&keys, NULL);
    struct plx_enrolment was = {"tcp://h:7440", keys.public_key, keys.public_key,
                                "fra \"1\"", "fra"},
                         is;
    assert_int_equal(plx_enrolment_load(dir, &is, &why), PLX_ENOTFOUND);
    assert_non_null(strstr(why.text, "enroll"));
    assert_int_equal(plx_enrolment_save(dir, &was, NULL), 0);
    if (plx_enrolment_load(dir, &is, &why))
        fail_msg("%s", why.text);
    assert_string_equal(is.endpoint, was.endpoint);
    assert_string_equal(is.server_key, was.server_key);
    assert_string_equal(is.name, was.name);
    assert_string_equal(is.region, was.region);
    plx_enrolment_fini(&is);
    snprintf(file, sizeof file, "%s/enrolment.yaml", dir);
    unlink(file);
    rmdir(dir);
}

static void token_of(const char *json, char *ret, size_t size)
{
    snprintf(ret, size, "plx1.");
    sodium_bin2base64(ret + 5, size - 5, (const unsigned char *)json, strlen(json),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static void token__gives_endpoint_key_and_secret(void **state)
{
    (void)state;
    struct plx_keypair keys;
    struct plx_token token;
    char json[256], text[512];
    plx_keypair_generate(&keys, NULL);
    /* Z85 has no quote and no backslash */
    snprintf(json, sizeof json, "{\"e\":\"tcp://h:7441\",\"k\":\"%s\",\"s\":\"abc\"}",
             keys.public_key);
    token_of(json, text, sizeof text);
    assert_int_equal(plx_token_parse(text, &token, NULL), 0);
    assert_string_equal(token.endpoint, "tcp://h:7441");
    assert_string_equal(token.server_key, keys.public_key);
    assert_string_equal(token.secret, "abc");
}

static void bad_tokens__are_refused_without_quoting_them(void **state)
{
    static const char *const jsons[] = {
        "",
        "{}",
        "[]",
        "{\"e\":\"tcp://h:1\",\"k\":\"short\",\"s\":\"topsecret\"}",
        "{\"e\":1,\"k\":2,\"s\":3}",
        "{\"e\":\"tcp://h:1\""};
    static const char *const texts[] = {"",         "plx1",      "plx1.",    "plx1.!!!",
                                        "plx2.e30", "plx1.e30=", "plx1.e30 "};
    (void)state;
    struct plx_token token;
    for (size_t i = 0; i < sizeof jsons / sizeof *jsons; i++) {
        char text[512];
        struct plx_why why = {""};
        token_of(jsons[i], text, sizeof text);
        assert_int_equal(plx_token_parse(text, &token, &why), PLX_EINVAL);
        assert_null(strstr(why.text, "topsecret"));
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(plx_token_parse(texts[i], &token, NULL), PLX_EINVAL);
    char long_text[8192];
    memset(long_text, 'A', sizeof long_text - 1);
    memcpy(long_text, "plx1.", 5);
    long_text[sizeof long_text - 1] = '\0';
    assert_int_equal(plx_token_parse(long_text, &token, NULL), PLX_EINVAL);
}

#define FILE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(every_key__is_taken),
        FILE_TEST(bad_files__are_refused_with_their_place),
        FILE_TEST(empty_file__leaves_the_defaults),
        cmocka_unit_test(enrolment__is_read_as_it_was_written),
        cmocka_unit_test(token__gives_endpoint_key_and_secret),
        cmocka_unit_test(bad_tokens__are_refused_without_quoting_them),
    };
    return PLX_RUN(tests);
}
