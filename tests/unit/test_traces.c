/* A trace's way from the coordinator's order to its answer, on the loopback. */
#include "agent/traces.h"

#include "base/err.h"
#include "sys/clock.h"

#include "test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWERS_MAX 256

struct world {
    struct plx_loop *loop;
    struct plx_turnstile *turnstile;
    struct plx_policy policy;
    struct plx_traces *traces;
    struct plx_trace last;
    uint64_t ids[ANSWERS_MAX];
    size_t n, n_wanted, n_troubled;
    struct plx_mono limit;
    uint16_t port;
    int listener;
};

static void on_signal(void *arg, int signo)
{
    (void)arg;
    (void)signo;
}

static void on_traced(void *arg, uint64_t id, const struct plx_trace *trace)
{
    struct world *w = arg;
    w->last = *trace;
    w->ids[w->n++] = id;
    w->n_troubled += trace->trouble != PLX_DETAIL_NONE;
    if (w->n == w->n_wanted)
        plx_loop_stop(w->loop);
}

static void on_tick(void *arg, struct plx_mono now)
{
    struct world *w = arg;
    plx_traces_tick(w->traces, now);
    plx_traces_slow_tick(w->traces, now);
    if (plx_mono_diff(now, w->limit) > 0)
        plx_loop_stop(w->loop);
}

static void begin(struct world *w)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t len = sizeof name;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    w->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(w->listener, (struct sockaddr *)&name, len), 0);
    assert_int_equal(listen(w->listener, 64), 0);
    assert_int_equal(getsockname(w->listener, (struct sockaddr *)&name, &len), 0);
    w->port = ntohs(name.sin_port);
    struct plx_pacer_limits limits = plx_pacer_default_limits();
    w->turnstile = plx_turnstile_new(&limits);
    assert_int_equal(plx_loop_new(on_signal, NULL, &w->loop, NULL), 0);
    const struct plx_traces_setup setup = {&w->policy, w->turnstile, "127.0.0.1:1", 7};
    assert_int_equal(plx_traces_new(w->loop, &setup, on_traced, w, &w->traces, NULL), 0);
    plx_loop_add_timer(w->loop, 10 * PLX_MS_NS, on_tick, w);
}

static void end(struct world *w)
{
    plx_traces_destroy(&w->traces);
    plx_loop_destroy(&w->loop);
    plx_turnstile_destroy(&w->turnstile);
    plx_policy_fini(&w->policy);
    close(w->listener);
}

static void order(struct world *w, uint64_t id, const char *host, uint8_t flows)
{
    const struct plx_msg_trace_now now = {.request_id = id,
                                          .host = host,
                                          .port = w->port,
                                          .source = "",
                                          .flows = flows,
                                          .max_hops = 30};
    plx_traces_order(w->traces, &now);
}

/* Until so many have answered, or 10 s are over. */
static void wait_for(struct world *w, size_t n)
{
    w->n_wanted = n;
    w->limit = plx_mono_add(plx_clock_mono(), 10 * PLX_SEC_NS);
    if (w->n < n)
        plx_loop_run(w->loop);
    assert_int_equal(w->n, n);
}

static void an_order__is_answered_under_its_id(void **state)
{
    (void)state;
    struct world w = {0};
    begin(&w);
    order(&w, 41, "127.0.0.1", 4);
    wait_for(&w, 1);
    assert_int_equal(w.ids[0], 41);
    assert_int_equal(w.last.trouble, PLX_DETAIL_NONE);
    assert_int_equal(w.last.n_flows, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(w.last.flows[i].end.kind, PLX_HOP_OPEN);
        assert_int_equal(w.last.flows[i].n_hops, 1);
    }
    assert_int_equal(plx_traces_under_way(w.traces), 0);
    end(&w);
}

static void a_denied_target__is_never_sent_to(void **state)
{
    (void)state;
    struct world w = {0};
    begin(&w);
    assert_int_equal(plx_policy_add_deny(&w.policy, "127.0.0.0/8", NULL), 0);
    order(&w, 1, "127.0.0.1", 1);
    wait_for(&w, 1);
    assert_int_equal(w.last.trouble, PLX_DETAIL_LOCAL_POLICY);
    assert_int_equal(w.last.n_flows, 0);
    end(&w);
}

/* 20 at once is the default burst; the 21st waits for its turn. */
static void a_targets_rate__holds_for_traces_too(void **state)
{
    (void)state;
    struct world w = {0};
    begin(&w);
    struct plx_mono began = plx_clock_mono();
    order(&w, 1, "127.0.0.1", 16);
    order(&w, 2, "127.0.0.1", 5);
    wait_for(&w, 2);
    assert_int_equal(w.n_troubled, 0);
    assert_true(plx_mono_diff(plx_clock_mono(), began) > 800 * PLX_MS_NS);
    end(&w);
}

static void two_hundred_at_once__all_answer(void **state)
{
    (void)state;
    struct world w = {0};
    char host[32];
    begin(&w);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(host, sizeof host, "127.0.7.%u", i + 1); /* nobody listens there */
        order(&w, i, host, 1);
    }
    wait_for(&w, 200);
    assert_int_equal(w.n_troubled, 0);
    assert_int_equal(w.last.flows[0].end.kind, PLX_HOP_REFUSED);
    end(&w);
}

static void what_leads_nowhere__is_said(void **state)
{
    (void)state;
    struct world w = {0};
    begin(&w);
    const struct plx_msg_trace_now odd = {.request_id = 3,
                                          .host = "127.0.0.1",
                                          .port = 1,
                                          .source = "::1",
                                          .flows = 1,
                                          .max_hops = 30};
    plx_traces_order(w.traces, &odd);
    wait_for(&w, 1);
    assert_int_equal(w.last.trouble == PLX_DETAIL_NONE, 0);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order__is_answered_under_its_id),
        cmocka_unit_test(a_denied_target__is_never_sent_to),
        cmocka_unit_test(a_targets_rate__holds_for_traces_too),
        cmocka_unit_test(two_hundred_at_once__all_answer),
        cmocka_unit_test(what_leads_nowhere__is_said),
    };
    return PLX_RUN(tests);
}
