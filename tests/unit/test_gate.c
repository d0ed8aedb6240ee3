#include "test.h"

#include "base/err.h"
#include "coordinator/io/bound.h"
#include "coordinator/io/gate.h"
#include "sys/channel.h"

#include <string.h>
#include <zmq.h>

#define WAIT_MS  5000
#define QUIET_MS 300

struct world {
    struct plx_net *net;
    struct plx_gate *gate;
    struct plx_channel *server;
    struct plx_keypair server_keys;
    char endpoint[PLX_BOUND_MAX];
};

static void serve(struct world *w, const char *domain)
{
    struct plx_why why;
    assert_int_equal(plx_keypair_generate(&w->server_keys, &why), 0);
    assert_int_equal(plx_channel_serve(w->net, "tcp://127.0.0.1:*", domain,
                                       &w->server_keys, &w->server, &why),
                     0);
    plx_bound_endpoint(w->server, w->endpoint);
}

static int setup(void **state)
{
    static struct world w;
    struct plx_why why;
    w = (struct world){0};
    *state = &w;
    assert_int_equal(plx_net_new(&w.net, &why), 0);
    return plx_gate_new(w.net, NULL, &w.gate, &why);
}

static int teardown(void **state)
{
    struct world *w = *state;
    plx_channel_destroy(&w->server);
    plx_gate_destroy(&w->gate);
    plx_net_destroy(&w->net);
    return 0;
}

static struct plx_channel *knock(struct world *w, const struct plx_keypair *keys)
{
    struct plx_channel *client;
    struct plx_why why;
    assert_int_equal(plx_channel_connect(w->net, w->endpoint, w->server_keys.public_key,
                                         keys, &client, &why),
                     0);
    return client;
}

static bool ready(struct plx_channel *channel, short events, long ms)
{
    zmq_pollitem_t item = {.socket = plx_channel_socket(channel), .events = events};
    return zmq_poll(&item, 1, ms) == 1;
}

/* A send goes through only when a connection stands (ZMQ_IMMEDIATE). */
static bool say(struct plx_channel *client, const char *text, long ms)
{
    const struct plx_frame frame = {text, strlen(text)};
    return ready(client, ZMQ_POLLOUT, ms) &&
           plx_channel_send(client, NULL, &frame, 1) == 0;
}

static bool hear(struct world *w, struct plx_parcel *parcel, long ms)
{
    return ready(w->server, ZMQ_POLLIN, ms) && plx_channel_recv(w->server, parcel) == 0;
}

static struct plx_keypair fresh_keys(void)
{
    struct plx_keypair keys;
    struct plx_why why;
    assert_int_equal(plx_keypair_generate(&keys, &why), 0);
    return keys;
}

static void a_listed_key__gets_in_and_is_named_with_each_message(void **state)
{
    struct world *w = *state;
    struct plx_parcel parcel;
    struct plx_keypair keys = fresh_keys();
    serve(w, PLX_GATE_AGENTS);
    plx_gate_allow(w->gate, PLX_GATE_DOMAIN_AGENTS, keys.public_key);
    struct plx_channel *client = knock(w, &keys);
    assert_true(say(client, "hello", WAIT_MS));
    assert_true(hear(w, &parcel, WAIT_MS));
    assert_string_equal(parcel.key, keys.public_key);
    plx_channel_destroy(&client);
}

static void a_strange_key__is_kept_out(void **state)
{
    struct world *w = *state;
    struct plx_gate_counts counts;
    struct plx_keypair keys = fresh_keys(), other = fresh_keys();
    serve(w, PLX_GATE_AGENTS);
    plx_gate_allow(w->gate, PLX_GATE_DOMAIN_AGENTS, other.public_key);
    plx_gate_allow(w->gate, PLX_GATE_DOMAIN_ADMIN, keys.public_key); /* another door */
    struct plx_channel *client = knock(w, &keys);
    assert_false(say(client, "hello", QUIET_MS));
    plx_gate_counts(w->gate, &counts);
    assert_true(counts.refused >= 1);
    assert_true(counts.admitted == 0);
    plx_channel_destroy(&client);
}

static void any_key__may_enrol_within_the_rate(void **state)
{
    struct world *w = *state;
    struct plx_gate_limits limits = {.enrol_per_s = 0,
                                     .enrol_burst = 100,
                                     .enrol_per_s_each = 0,
                                     .enrol_burst_each = 2};
    struct plx_why why;
    struct plx_gate_counts counts;
    plx_gate_destroy(&w->gate);
    plx_net_destroy(&w->net); /* frees the gate's name only later, on another thread */
    assert_int_equal(plx_net_new(&w->net, &why), 0);
    assert_int_equal(plx_gate_new(w->net, &limits, &w->gate, &why), 0);
    serve(w, PLX_GATE_ENROL);
    for (int i = 0; i < 3; i++) {
        struct plx_keypair keys = fresh_keys();
        struct plx_channel *client = knock(w, &keys);
        assert_int_equal(say(client, "token", i < 2 ? WAIT_MS : QUIET_MS), i < 2);
        plx_channel_destroy(&client);
    }
    plx_gate_counts(w->gate, &counts);
    assert_true(counts.limited >= 1);
}

static void a_revoked_key__is_known_as_such_though_its_session_stands(void **state)
{
    struct world *w = *state;
    struct plx_parcel parcel;
    struct plx_keypair keys = fresh_keys();
    serve(w, PLX_GATE_AGENTS);
    plx_gate_allow(w->gate, PLX_GATE_DOMAIN_AGENTS, keys.public_key);
    struct plx_channel *client = knock(w, &keys);
    assert_true(say(client, "one", WAIT_MS) && hear(w, &parcel, WAIT_MS));
    plx_gate_deny(w->gate, PLX_GATE_DOMAIN_AGENTS, keys.public_key);
    assert_true(say(client, "two", WAIT_MS) && hear(w, &parcel, WAIT_MS));
    assert_false(plx_gate_admits(w->gate, PLX_GATE_DOMAIN_AGENTS, parcel.key));
    plx_channel_destroy(&client);
    client = knock(w, &keys);
    assert_false(say(client, "three", QUIET_MS));
    plx_channel_destroy(&client);
}

static void an_unknown_domain__admits_nobody(void **state)
{
    struct world *w = *state;
    struct plx_keypair keys = fresh_keys();
    serve(w, "cellar");
    plx_gate_allow(w->gate, PLX_GATE_DOMAIN_AGENTS, keys.public_key);
    struct plx_channel *client = knock(w, &keys);
    assert_false(say(client, "hello", QUIET_MS));
    plx_channel_destroy(&client);
}

static void the_self_test__passes_with_a_gate_and_fails_without(void **state)
{
    struct world *w = *state;
    struct plx_why why = {""};
    assert_int_equal(plx_gate_self_test(w->net, &why), 0);
    plx_gate_destroy(&w->gate);
    assert_int_equal(plx_gate_self_test(w->net, &why), PLX_EDENIED);
    assert_non_null(strstr(why.text, "nothing is served"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_listed_key__gets_in_and_is_named_with_each_message),
        TEST(a_strange_key__is_kept_out),
        TEST(any_key__may_enrol_within_the_rate),
        TEST(a_revoked_key__is_known_as_such_though_its_session_stands),
        TEST(an_unknown_domain__admits_nobody),
        TEST(the_self_test__passes_with_a_gate_and_fails_without),
    };
    return PLX_RUN(tests);
}
