/* The link against a real ROUTER with CURVE and a gate. Time runs ahead where the test
 * says so: the link only knows the time of its ticks. */
#include "agent/io/link.h"

#include "base/err.h"
#include "sys/clock.h"
#include "sys/log.h"

#include "test.h"

#include "coordinator_peer.h"

#include <string.h>

struct world {
    struct plx_net *net;
    struct plx_loop *loop;
    struct plx_coordinator_peer peer;
    struct plx_link *link;
    struct plx_keypair keys;
    int64_t ahead_ns;
    struct plx_mono limit;
    bool (*reached)(const struct world *w);
    /* the coordinator's side */
    bool mute;             /* answers nothing */
    struct plx_msg answer; /* instead of a welcome, if it has a type */
    size_t n_hellos, n_heartbeats;
    uint64_t generation;
    struct plx_msg_heartbeat heartbeat;
    /* the agent's side */
    size_t n_ups, n_messages;
    int64_t away_ns;
    enum plx_msg_type last;
};

static void welcome(struct world *w)
{
    const struct plx_msg msg = {
        .type = PLX_MSG_WELCOME,
        .welcome = {1, "fra-1", "fra", plx_clock_wall(), 200, 15000}};
    plx_coordinator_peer_send(&w->peer, &msg);
}

static void on_peer_msg(void *arg, const struct plx_msg *msg)
{
    struct world *w = arg;
    if (msg->type == PLX_MSG_HELLO) {
        w->n_hellos++;
        w->generation = msg->hello.generation;
        if (w->answer.type)
            plx_coordinator_peer_send(&w->peer, &w->answer);
        else if (!w->mute)
            welcome(w);
    }
    if (msg->type == PLX_MSG_HEARTBEAT) {
        w->n_heartbeats++;
        w->heartbeat = msg->heartbeat;
        const struct plx_msg ack = {
            .type = PLX_MSG_HEARTBEAT_ACK,
            .heartbeat_ack = {msg->heartbeat.wall,
                              plx_wall_add(plx_clock_wall(), PLX_HOUR_NS), 7}};
        if (!w->mute)
            plx_coordinator_peer_send(&w->peer, &ack);
    }
}

static void fill_hello(void *arg, struct plx_msg_hello *hello)
{
    (void)arg;
    hello->software = "test";
    hello->generation = 42;
}

static void fill_heartbeat(void *arg, struct plx_msg_heartbeat *heartbeat)
{
    (void)arg;
    heartbeat->progress = 11;
}

static void on_up(void *arg, const struct plx_msg_welcome *w, int64_t away_ns)
{
    struct world *world = arg;
    assert_string_equal(w->region, "fra");
    world->n_ups++;
    world->away_ns = away_ns;
}

static void on_message(void *arg, const struct plx_msg *msg)
{
    struct world *w = arg;
    w->n_messages++;
    w->last = msg->type;
}

static void on_signal(void *arg, int signo)
{
    (void)arg;
    (void)signo;
}

static void on_tick(void *arg, struct plx_mono now)
{
    struct world *w = arg;
    plx_link_tick(w->link, plx_mono_add(now, w->ahead_ns));
    if (w->reached(w) || plx_mono_diff(now, w->limit) > 0)
        plx_loop_stop(w->loop);
}

static void begin(struct world *w, bool admitted)
{
    struct plx_link_owner owner = {w, fill_hello, fill_heartbeat, on_up, on_message};
    *w = (struct world){.ahead_ns = 0};
    plx_log_set_level(PLX_LOG_ERROR);
    assert_int_equal(plx_net_new(&w->net, NULL), 0);
    assert_int_equal(plx_loop_new(on_signal, NULL, &w->loop, NULL), 0);
    w->peer.on_msg = on_peer_msg;
    w->peer.arg = w;
    plx_coordinator_peer_start(&w->peer, w->net, w->loop);
    assert_int_equal(plx_keypair_generate(&w->keys, NULL), 0);
    if (admitted)
        memcpy(w->peer.admitted, w->keys.public_key, sizeof w->peer.admitted);
    assert_int_equal(plx_link_new(w->net, w->loop, w->peer.endpoint,
                                  w->peer.keys.public_key, &w->keys, &owner, &w->link,
                                  NULL),
                     0);
    plx_loop_add_timer(w->loop, 5 * PLX_MS_NS, on_tick, w);
}

static void end(struct world *w)
{
    plx_link_destroy(&w->link);
    plx_coordinator_peer_stop(&w->peer);
    plx_loop_destroy(&w->loop);
    plx_net_destroy(&w->net);
}

static void run_until(struct world *w, bool (*reached)(const struct world *))
{
    w->reached = reached;
    w->limit = plx_mono_add(plx_clock_mono(), 15 * PLX_SEC_NS);
    plx_loop_run(w->loop);
    assert_true(reached(w));
}

static bool is_up(const struct world *w)
{
    return plx_link_is_up(w->link);
}

static bool is_not_up(const struct world *w)
{
    return !plx_link_is_up(w->link);
}

static bool is_up_again(const struct world *w)
{
    return w->n_ups >= 2;
}

static bool was_refused(const struct world *w)
{
    return w->peer.n_refused >= 1;
}

static bool has_an_offset(const struct world *w)
{
    return w->heartbeat.rtt_us > 0;
}

static bool said_hello(const struct world *w)
{
    return w->n_hellos >= 1;
}

static bool said_hello_twice(const struct world *w)
{
    return w->n_hellos >= 2;
}

static void admitted__is_welcomed_and_beats(void **state)
{
    (void)state;
    struct world w;
    begin(&w, true);
    run_until(&w, is_up);
    assert_int_equal(w.generation, 42);
    run_until(&w, has_an_offset);
    assert_int_equal(w.heartbeat.progress, 11);
    int64_t off = w.heartbeat.offset_ns - PLX_HOUR_NS;
    assert_true(off > -PLX_SEC_NS && off < PLX_SEC_NS);
    assert_int_equal(w.last, PLX_MSG_HEARTBEAT_ACK);
    end(&w);
}

static void stranger__is_not_up_and_comes_in_once_admitted(void **state)
{
    (void)state;
    struct world w;
    begin(&w, false);
    run_until(&w, was_refused);
    assert_false(is_up(&w));
    assert_int_equal(w.n_hellos, 0);
    memcpy(w.peer.admitted, w.keys.public_key, sizeof w.peer.admitted);
    w.ahead_ns += 11 * PLX_SEC_NS; /* the refused channel is given up */
    run_until(&w, is_up);
    end(&w);
}

static void no_session__is_answered_by_a_hello_on_the_same_channel(void **state)
{
    (void)state;
    struct world w;
    begin(&w, true);
    run_until(&w, is_up);
    const struct plx_msg gone = {.type = PLX_MSG_REFUSAL,
                                 .refusal = {PLX_EGONE, "no session"}};
    plx_coordinator_peer_send(&w.peer, &gone);
    run_until(&w, is_up_again);
    assert_int_equal(w.peer.n_knocks, 1);
    end(&w);
}

static void revoked__ends_the_session(void **state)
{
    (void)state;
    struct world w;
    begin(&w, true);
    run_until(&w, is_up);
    const struct plx_msg denied = {.type = PLX_MSG_REFUSAL,
                                   .refusal = {PLX_EDENIED, "this key is revoked"}};
    plx_coordinator_peer_send(&w.peer, &denied);
    run_until(&w, is_not_up);
    w.ahead_ns += PLX_MIN_NS; /* however long the pause: it is tried again */
    run_until(&w, is_up_again);
    end(&w);
}

static void refused_at_the_door__is_not_up(void **state)
{
    (void)state;
    struct world w;
    begin(&w, true);
    w.answer = (struct plx_msg){.type = PLX_MSG_REFUSAL,
                                .refusal = {PLX_EDENIED, "this key is revoked"}};
    run_until(&w, said_hello);
    w.ahead_ns += PLX_MIN_NS;
    run_until(&w, said_hello_twice);
    assert_int_equal(w.n_ups, 0);
    end(&w);
}

static void silence__makes_a_new_session(void **state)
{
    (void)state;
    struct world w;
    begin(&w, true);
    run_until(&w, is_up);
    w.ahead_ns += 16 * PLX_SEC_NS;
    run_until(&w, is_not_up);
    w.ahead_ns += 2 * PLX_SEC_NS; /* the pause */
    run_until(&w, is_up);
    assert_int_equal(w.n_ups, 2);
    assert_true(w.away_ns >= 16 * PLX_SEC_NS);
    end(&w);
}

static void resync__says_hello_and_keeps_the_session(void **state)
{
    (void)state;
    struct world w;
    begin(&w, true);
    run_until(&w, is_up);
    plx_link_resync(w.link);
    plx_link_resync(w.link); /* too soon: once is enough */
    run_until(&w, said_hello_twice);
    run_until(&w, has_an_offset);
    assert_int_equal(w.n_hellos, 2);
    assert_int_equal(w.n_ups, 1);
    end(&w);
}

static void without_a_session__nothing_is_taken(void **state)
{
    (void)state;
    struct world w;
    begin(&w, true);
    const struct plx_msg bye = {.type = PLX_MSG_BYE, .bye = {"x"}};
    assert_int_equal(plx_link_send(w.link, &bye), PLX_EAGAIN);
    assert_int_equal(plx_link_send_frame(w.link, "x", 1), PLX_EAGAIN);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(admitted__is_welcomed_and_beats),
        cmocka_unit_test(stranger__is_not_up_and_comes_in_once_admitted),
        cmocka_unit_test(no_session__is_answered_by_a_hello_on_the_same_channel),
        cmocka_unit_test(revoked__ends_the_session),
        cmocka_unit_test(refused_at_the_door__is_not_up),
        cmocka_unit_test(silence__makes_a_new_session),
        cmocka_unit_test(resync__says_hello_and_keeps_the_session),
        cmocka_unit_test(without_a_session__nothing_is_taken),
    };
    return PLX_RUN(tests);
}
