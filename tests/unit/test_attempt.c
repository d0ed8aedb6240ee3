#include "agent/core/attempt.h"

#include "test.h"

#include <errno.h>

struct row {
    const char *name;
    struct plx_attempt_facts facts;
    enum plx_outcome outcome;
    enum plx_unreach unreach;
    enum plx_detail detail;
};

#define V4(a, b, c, d)                                                                   \
    {                                                                                    \
        .family = 4, .bytes = { a, b, c, d }                                             \
    }
#define V6                                                                               \
    {                                                                                    \
        .family = 6, .bytes = { 0x20, 1 }                                                \
    }
#define FLIGHT(e)                                                                        \
    {                                                                                    \
        .end = PLX_END_ERROR, .error = (e), .timeout_ns = PLX_SEC_NS                     \
    }
#define ICMP(e, type, code, from)                                                        \
    {                                                                                    \
        .end = PLX_END_ERROR, .error = (e), .has_icmp = true, .icmp_type = (type),       \
        .icmp_code = (code), .icmp_from = from, .source = V4(10, 0, 0, 9),               \
        .timeout_ns = PLX_SEC_NS                                                         \
    }
#define LOCAL(s, e)                                                                      \
    {                                                                                    \
        .end = PLX_END_NOT_BEGUN, .step = PLX_STEP_##s, .error = (e)                     \
    }
#define ROUTER V4(10, 9, 9, 9)
#define MYSELF V4(10, 0, 0, 9)

#define OUT(o, u, d) PLX_OUTCOME_##o, PLX_UNREACH_##u, PLX_DETAIL_##d

static const struct row rows[] = {
    {"connected",
     {.end = PLX_END_CONNECTED, .timeout_ns = PLX_SEC_NS},
     OUT(OPEN, NONE, NONE)},
    {"answered after the deadline",
     {.end = PLX_END_CONNECTED, .elapsed_ns = 3 * PLX_SEC_NS, .timeout_ns = PLX_SEC_NS},
     OUT(TIMEOUT, NONE, TIMEDOUT)},
    {"answered in time, seen late",
     {.end = PLX_END_CONNECTED,
      .elapsed_ns = 3 * PLX_SEC_NS,
      .timeout_ns = PLX_SEC_NS,
      .since_answer_ns = 2900 * PLX_MS_NS,
      .stall_ns = 2900 * PLX_MS_NS},
     OUT(OPEN, NONE, NONE)},
    {"silence", {.end = PLX_END_DEADLINE}, OUT(TIMEOUT, NONE, TIMEDOUT)},
    {"refused", FLIGHT(ECONNREFUSED), OUT(REFUSED, NONE, CONNREFUSED)},
    {"reset", FLIGHT(ECONNRESET), OUT(RESET, NONE, CONNRESET)},
    {"kernel gave up", FLIGHT(ETIMEDOUT), OUT(TIMEOUT, NONE, TIMEDOUT)},
    {"host by errno", FLIGHT(EHOSTUNREACH), OUT(UNREACHABLE, HOST, HOSTUNREACH)},
    {"net by errno", FLIGHT(ENETUNREACH), OUT(UNREACHABLE, NET, NETUNREACH)},
    {"odd errno is ours", FLIGHT(EXDEV), OUT(LOCAL_ERROR, NONE, LOCAL_OTHER)},
    {"net", ICMP(ENETUNREACH, 3, 0, ROUTER), OUT(UNREACHABLE, NET, NETUNREACH)},
    {"host", ICMP(EHOSTUNREACH, 3, 1, ROUTER), OUT(UNREACHABLE, HOST, HOSTUNREACH)},
    {"host, said by myself", ICMP(EHOSTUNREACH, 3, 1, MYSELF),
     OUT(UNREACHABLE, HOST, HOSTUNREACH)},
    {"host, said by myself, behind a gateway",
     {.end = PLX_END_ERROR,
      .error = EHOSTUNREACH,
      .has_icmp = true,
      .icmp_type = 3,
      .icmp_code = 1,
      .icmp_from = MYSELF,
      .source = MYSELF,
      .via_gateway = true},
     OUT(LOCAL_ERROR, NONE, LOCAL_NO_ROUTE)},
    {"admin", ICMP(EHOSTUNREACH, 3, 13, ROUTER), OUT(UNREACHABLE, PROHIBITED, ACCES)},
    {"admin net", ICMP(ENETUNREACH, 3, 9, ROUTER), OUT(UNREACHABLE, PROHIBITED, ACCES)},
    {"admin, said by myself", ICMP(EHOSTUNREACH, 3, 13, MYSELF),
     OUT(LOCAL_ERROR, NONE, LOCAL_FILTERED)},
    {"port reject is no refusal", ICMP(ECONNREFUSED, 3, 3, ROUTER),
     OUT(UNREACHABLE, PORT, CONNREFUSED)},
    {"proto", ICMP(ENOPROTOOPT, 3, 2, ROUTER), OUT(UNREACHABLE, OTHER, PROTO)},
    {"ttl", ICMP(EHOSTUNREACH, 11, 0, ROUTER), OUT(UNREACHABLE, OTHER, HOSTUNREACH)},
    {"v6 no route", ICMP(ENETUNREACH, 1, 0, V6), OUT(UNREACHABLE, NET, NETUNREACH)},
    {"v6 admin", ICMP(EACCES, 1, 1, V6), OUT(UNREACHABLE, PROHIBITED, ACCES)},
    {"v6 address", ICMP(EHOSTUNREACH, 1, 3, V6), OUT(UNREACHABLE, HOST, HOSTUNREACH)},
    {"v6 port", ICMP(ECONNREFUSED, 1, 4, V6), OUT(UNREACHABLE, PORT, CONNREFUSED)},
    {"v6 policy", ICMP(EACCES, 1, 5, V6), OUT(UNREACHABLE, PROHIBITED, ACCES)},
    {"v6 reject route", ICMP(EACCES, 1, 6, V6), OUT(UNREACHABLE, PROHIBITED, ACCES)},
    {"no descriptor", LOCAL(SOCKET, EMFILE), OUT(LOCAL_ERROR, NONE, LOCAL_DESCRIPTORS)},
    {"no file", LOCAL(SOCKET, ENFILE), OUT(LOCAL_ERROR, NONE, LOCAL_DESCRIPTORS)},
    {"no family", LOCAL(SOCKET, EAFNOSUPPORT), OUT(LOCAL_ERROR, NONE, LOCAL_NO_ROUTE)},
    {"no memory", LOCAL(SOCKET, ENOBUFS), OUT(LOCAL_ERROR, NONE, LOCAL_MEMORY)},
    {"no source", LOCAL(BIND, EADDRNOTAVAIL), OUT(LOCAL_ERROR, NONE, LOCAL_SOURCE)},
    {"no port", LOCAL(CONNECT, EADDRNOTAVAIL), OUT(LOCAL_ERROR, NONE, LOCAL_PORTS)},
    {"no route", LOCAL(CONNECT, ENETUNREACH), OUT(LOCAL_ERROR, NONE, LOCAL_NO_ROUTE)},
    {"own filter", LOCAL(CONNECT, EPERM), OUT(LOCAL_ERROR, NONE, LOCAL_FILTERED)},
    {"reset by a third ACK after a stall",
     {.end = PLX_END_ERROR,
      .error = ECONNRESET,
      .stall_ns = 300 * PLX_MS_NS,
      .timeout_ns = PLX_SEC_NS},
     OUT(LOCAL_ERROR, NONE, LOCAL_STALLED)},
    {"deadline inside a stall",
     {.end = PLX_END_DEADLINE, .stall_ns = 600 * PLX_MS_NS, .timeout_ns = PLX_SEC_NS},
     OUT(LOCAL_ERROR, NONE, LOCAL_STALLED)},
    {"a long silence with a short stall",
     {.end = PLX_END_DEADLINE,
      .stall_ns = 600 * PLX_MS_NS,
      .timeout_ns = 10 * PLX_SEC_NS},
     OUT(TIMEOUT, NONE, TIMEDOUT)},
    {"refusal survives a stall",
     {.end = PLX_END_ERROR,
      .error = ECONNREFUSED,
      .stall_ns = PLX_SEC_NS,
      .timeout_ns = PLX_SEC_NS},
     OUT(REFUSED, NONE, CONNREFUSED)},
};

static void each_end__has_its_meaning(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plx_result r = {0};
        plx_attempt_conclude(&rows[i].facts, &r);
        if (r.outcome != rows[i].outcome || r.unreach != rows[i].unreach ||
            r.detail != rows[i].detail)
            fail_msg("%s: %s %s %s", rows[i].name, plx_outcome_token(r.outcome),
                     plx_unreach_token(r.unreach), plx_detail_token(r.detail));
    }
}

static void no_local_end__is_ever_evidence(void **state)
{
    (void)state;
    for (int e = 1; e < 140; e++) {
        struct plx_attempt_facts f = {
            .end = PLX_END_NOT_BEGUN, .step = PLX_STEP_CONNECT, .error = e};
        struct plx_result r = {0};
        plx_attempt_conclude(&f, &r);
        assert_true(plx_outcome_is_local(r.outcome) || e == ECONNREFUSED);
    }
}

static void rtt__is_the_kernels_and_only_without_a_resent_syn(void **state)
{
    (void)state;
    struct plx_attempt_facts f = {.end = PLX_END_CONNECTED,
                                  .elapsed_ns = 5 * PLX_MS_NS,
                                  .timeout_ns = PLX_SEC_NS,
                                  .has_tcp_info = true,
                                  .rtt_us = 777};
    struct plx_result r = {0};
    plx_attempt_conclude(&f, &r);
    assert_int_equal(r.rtt_us, 777);
    f.retrans = 1;
    plx_attempt_conclude(&f, &r);
    assert_int_equal(r.rtt_us, 0);
    assert_int_equal(r.syn_retrans, 1);
    struct plx_attempt_facts refused = FLIGHT(ECONNREFUSED);
    refused.elapsed_ns = 4 * PLX_MS_NS;
    plx_attempt_conclude(&refused, &r);
    assert_int_equal(r.rtt_us, 0); /* seen on a tick: the clock knows no better */
    refused.watched = true;
    plx_attempt_conclude(&refused, &r);
    assert_int_equal(r.rtt_us, 4000);
}

static void closed_after_150_ms__is_marked(void **state)
{
    (void)state;
    struct plx_attempt_facts f = {
        .end = PLX_END_CONNECTED, .timeout_ns = PLX_SEC_NS, .held_back = true};
    struct plx_result r = {0};
    f.since_answer_ns = 150 * PLX_MS_NS;
    plx_attempt_conclude(&f, &r);
    assert_false(r.closed_late);
    f.since_answer_ns = 151 * PLX_MS_NS;
    plx_attempt_conclude(&f, &r);
    assert_true(r.closed_late);
    f.held_back = false;
    plx_attempt_conclude(&f, &r);
    assert_false(r.closed_late);
}

/* What the server says after the handshake makes its last word young. */
static void third_ack_that_went_out__is_marked_however_the_attempt_ended(void **state)
{
    (void)state;
    struct plx_attempt_facts f = {.end = PLX_END_CONNECTED,
                                  .timeout_ns = PLX_SEC_NS,
                                  .elapsed_ns = 300 * PLX_MS_NS,
                                  .since_answer_ns = 3 * PLX_MS_NS,
                                  .held_back = true,
                                  .has_tcp_info = true,
                                  .rtt_us = 90,
                                  .segs_out = 2};
    struct plx_result r = {0};
    plx_attempt_conclude(&f, &r);
    assert_true(r.closed_late);
    assert_int_equal(r.outcome, PLX_OUTCOME_OPEN);
    f.retrans = 1; /* the second segment was the SYN again */
    plx_attempt_conclude(&f, &r);
    assert_false(r.closed_late);
    f.segs_out = 3;
    f.end = PLX_END_ERROR;
    f.error = ECONNRESET;
    f.stall_ns = 300 * PLX_MS_NS;
    plx_attempt_conclude(&f, &r);
    assert_int_equal(r.detail, PLX_DETAIL_LOCAL_STALLED);
    assert_true(r.closed_late);
}

/* A greeting that came after the deadline does not make the answer late. */
static void answer_in_time__is_known_by_the_kernels_round_trip(void **state)
{
    (void)state;
    struct plx_attempt_facts f = {.end = PLX_END_CONNECTED,
                                  .timeout_ns = 100 * PLX_MS_NS,
                                  .elapsed_ns = 300 * PLX_MS_NS,
                                  .since_answer_ns = 95 * PLX_MS_NS,
                                  .has_tcp_info = true,
                                  .rtt_us = 90};
    struct plx_result r = {0};
    plx_attempt_conclude(&f, &r);
    assert_int_equal(r.outcome, PLX_OUTCOME_OPEN);
}

static struct plx_result result_of(enum plx_outcome o)
{
    return (struct plx_result){.outcome = o, .kind = PLX_PROBE_SCHEDULED};
}

static void retry__once_in_a_run_of_bad_results(void **state)
{
    (void)state;
    uint8_t s = 0;
    struct plx_result bad = result_of(PLX_OUTCOME_TIMEOUT);
    struct plx_result good = result_of(PLX_OUTCOME_OPEN);
    struct plx_result local = result_of(PLX_OUTCOME_LOCAL_ERROR);
    assert_false(plx_attempt_wants_retry(&s, PLX_EXPECT_OPEN, &good));
    assert_false(plx_attempt_wants_retry(&s, PLX_EXPECT_OPEN, &local));
    assert_true(plx_attempt_wants_retry(&s, PLX_EXPECT_OPEN, &bad));
    assert_false(plx_attempt_wants_retry(&s, PLX_EXPECT_OPEN, &bad));
    assert_false(plx_attempt_wants_retry(&s, PLX_EXPECT_OPEN, &local));
    assert_false(plx_attempt_wants_retry(&s, PLX_EXPECT_OPEN, &bad));
    assert_false(plx_attempt_wants_retry(&s, PLX_EXPECT_OPEN, &good));
    assert_true(plx_attempt_wants_retry(&s, PLX_EXPECT_OPEN, &bad));
}

static void a_confirmation_that_fails__begins_the_run_without_a_retry(void **state)
{
    (void)state;
    uint8_t s = 0;
    struct plx_result bad = result_of(PLX_OUTCOME_REFUSED);
    bad.kind = PLX_PROBE_CONFIRM;
    assert_false(plx_attempt_wants_retry(&s, PLX_EXPECT_OPEN, &bad));
    assert_false(plx_attempt_wants_retry(&s, PLX_EXPECT_REFUSED, &bad));
    assert_int_equal(s, 0);
}

static void dns_failure__is_bad_for_every_expectation(void **state)
{
    (void)state;
    for (int e = PLX_EXPECT_OPEN; e <= PLX_EXPECT_CLOSED; e++) {
        assert_true(plx_expect_is_bad((enum plx_expect)e, PLX_OUTCOME_DNS_FAILURE));
        assert_false(plx_expect_is_bad((enum plx_expect)e, PLX_OUTCOME_SKIPPED));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_end__has_its_meaning),
        cmocka_unit_test(no_local_end__is_ever_evidence),
        cmocka_unit_test(rtt__is_the_kernels_and_only_without_a_resent_syn),
        cmocka_unit_test(closed_after_150_ms__is_marked),
        cmocka_unit_test(third_ack_that_went_out__is_marked_however_the_attempt_ended),
        cmocka_unit_test(answer_in_time__is_known_by_the_kernels_round_trip),
        cmocka_unit_test(retry__once_in_a_run_of_bad_results),
        cmocka_unit_test(a_confirmation_that_fails__begins_the_run_without_a_retry),
        cmocka_unit_test(dns_failure__is_bad_for_every_expectation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
