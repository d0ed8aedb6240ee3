/* The enroller against a real ROUTER with CURVE and a gate. Time runs ahead where the
 * test says so: the enroller only knows the time of its ticks. */
#include "agent/io/enroller.h"

#include "base/err.h"
#include "sys/clock.h"

#include "test.h"

#include "coordinator_peer.h"

#include <string.h>

#define PATIENCE_NS (60 * PLX_SEC_NS)

static struct world {
    struct plx_net *net;
    struct plx_loop *loop;
    struct plx_coordinator_peer peer;
    struct plx_keypair keys;
    struct plx_enroller *enroller;
    int64_t ahead_ns, pace; /* simulated nanoseconds, more each tick */
    struct plx_mono limit;
    /* the coordinator's side */
    size_t admit_after, n_asked, n_busy; /* "busy" to the first so many */
    struct plx_msg answer;               /* to the others; none without a type */
    /* the agent's side */
    bool done;
    int err;
    char name[64], why[PLX_WHY_MAX], waits[4][PLX_WHY_MAX];
    size_t n_waits;
} w;

static void on_peer_msg(void *arg, const struct plx_msg *msg)
{
    const struct plx_msg busy = {
        .type = PLX_MSG_REFUSAL,
        .refusal = {PLX_EAGAIN, "busy: try again in a moment"},
    };
    (void)arg;
    assert_int_equal(msg->type, PLX_MSG_ENROL_REQUEST);
    assert_string_equal(msg->enrol_request.secret, "secret");
    w.n_asked++;
    if (w.n_asked <= w.n_busy)
        plx_coordinator_peer_send(&w.peer, &busy);
    else if (w.answer.type)
        plx_coordinator_peer_send(&w.peer, &w.answer);
}

static void on_done(void *arg, int err, const struct plx_msg_enrol_reply *reply,
                    const char *why)
{
    (void)arg;
    assert_false(w.done);
    w.done = true;
    w.err = err;
    snprintf(w.name, sizeof w.name, "%s", reply ? reply->agent_name : "");
    snprintf(w.why, sizeof w.why, "%s", why);
    plx_loop_stop(w.loop);
}

static void on_waiting(void *arg, const char *why, int64_t left_ns)
{
    (void)arg;
    assert_true(left_ns > 0 && left_ns < PATIENCE_NS);
    assert_true(w.n_waits < 4);
    snprintf(w.waits[w.n_waits++], PLX_WHY_MAX, "%s", why);
}

static void on_signal(void *arg, int signo)
{
    (void)arg;
    (void)signo;
}

static void on_tick(void *arg, struct plx_mono now)
{
    (void)arg;
    if (w.peer.n_refused >= w.admit_after)
        memcpy(w.peer.admitted, w.keys.public_key, sizeof w.peer.admitted);
    plx_enroller_tick(w.enroller, plx_mono_add(now, w.ahead_ns));
    w.ahead_ns += w.pace;
    if (plx_mono_diff(now, w.limit) > 0)
        plx_loop_stop(w.loop);
}

static int setup(void **state)
{
    const struct plx_enroller_owner owner = {NULL, on_done, on_waiting};
    (void)state;
    memset(&w, 0, sizeof w);
    w.answer = (struct plx_msg){
        .type = PLX_MSG_ENROL_REPLY,
        .enrol_reply = {1, "fra-1", "fra", "tcp://127.0.0.1:1", "", ""},
    };
    assert_int_equal(plx_net_new(&w.net, NULL), 0);
    assert_int_equal(plx_loop_new(on_signal, NULL, &w.loop, NULL), 0);
    w.peer.on_msg = on_peer_msg;
    plx_coordinator_peer_start(&w.peer, w.net, w.loop);
    assert_int_equal(plx_keypair_generate(&w.keys, NULL), 0);
    const struct plx_enroller_options options = {
        .endpoint = w.peer.endpoint,
        .server_key = w.peer.keys.public_key,
        .keys = &w.keys,
        .request = {.secret = "secret", .name = "", .software = "test"},
        .patience_ns = PATIENCE_NS,
    };
    assert_int_equal(plx_enroller_new(w.net, w.loop, &options, &owner, &w.enroller, NULL),
                     0);
    plx_loop_add_timer(w.loop, 5 * PLX_MS_NS, on_tick, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    plx_enroller_destroy(&w.enroller);
    plx_coordinator_peer_stop(&w.peer);
    plx_loop_destroy(&w.loop);
    plx_net_destroy(&w.net);
    return 0;
}

static void run(void)
{
    w.limit = plx_mono_add(plx_clock_mono(), 30 * PLX_SEC_NS);
    plx_loop_run(w.loop);
    assert_true(w.done);
}

static void a_reply__ends_it(void **state)
{
    (void)state;
    run();
    assert_int_equal(w.err, 0);
    assert_string_equal(w.name, "fra-1");
    assert_int_equal(w.n_asked, 1);
    assert_int_equal(w.n_waits, 0);
}

/* libzmq connects no channel again that was refused, so each knock is a new one. */
static void a_gate_that_takes_nobody_more__is_knocked_at_until_it_does(void **state)
{
    (void)state;
    w.admit_after = 3;
    w.pace = 100 * PLX_MS_NS;
    run();
    assert_int_equal(w.err, 0);
    assert_int_equal(w.peer.n_refused, 3);
    assert_string_equal(w.name, "fra-1");
}

static void busy__is_not_final(void **state)
{
    (void)state;
    w.n_busy = 2;
    w.pace = 100 * PLX_MS_NS;
    run();
    assert_int_equal(w.err, 0);
    assert_true(w.n_asked >= 3);
    assert_string_equal(w.name, "fra-1");
}

static void any_other_refusal__is_final(void **state)
{
    (void)state;
    w.answer = (struct plx_msg){.type = PLX_MSG_REFUSAL,
                                .refusal = {PLX_ETIMEOUT, "this token has expired"}};
    run();
    assert_int_equal(w.err, PLX_EDENIED);
    assert_string_equal(w.why, "the coordinator refuses: this token has expired");
    assert_int_equal(w.n_asked, 1);
}

static void who_waits__is_told_why_and_gives_up_in_the_end(void **state)
{
    (void)state;
    w.answer.type = 0;
    w.pace = 200 * PLX_MS_NS;
    run();
    assert_int_equal(w.err, PLX_ETIMEOUT);
    assert_true(w.n_asked >= 5);
    assert_true(w.n_waits >= 1);
    assert_non_null(strstr(w.waits[w.n_waits - 1], "does not answer"));
    assert_non_null(strstr(w.why, "does not answer"));
}

static void who_is_always_turned_away__is_told_so(void **state)
{
    (void)state;
    w.admit_after = SIZE_MAX;
    w.pace = 200 * PLX_MS_NS;
    run();
    assert_int_equal(w.err, PLX_ETIMEOUT);
    assert_true(w.peer.n_refused >= 2);
    assert_int_equal(w.n_asked, 0);
    assert_non_null(strstr(w.why, "too many enrol at once"));
    assert_string_equal(w.waits[w.n_waits - 1], w.why);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_reply__ends_it),
        TEST(a_gate_that_takes_nobody_more__is_knocked_at_until_it_does),
        TEST(busy__is_not_final),
        TEST(any_other_refusal__is_final),
        TEST(who_waits__is_told_why_and_gives_up_in_the_end),
        TEST(who_is_always_turned_away__is_told_so),
    };
    return PLX_RUN(tests);
}
