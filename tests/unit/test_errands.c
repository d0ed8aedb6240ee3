/* One probe's way from order to result, on the loopback. */
#include "agent/errands.h"

#include "base/err.h"
#include "sys/clock.h"

#include "test.h"

#include "dns_peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct world {
    struct plx_loop *loop;
    struct plx_dns_peer dns;
    struct plx_errands *errands;
    struct plx_turnstile *turnstile;
    struct plx_policy policy;
    struct plx_pacer_limits limits;
    struct plx_result results[64];
    uint64_t tags[64];
    size_t n, n_wanted;
    struct plx_mono limit;
    uint16_t port;
    int listener;
};

static void on_signal(void *arg, int signo)
{
    (void)arg;
    (void)signo;
}

static void on_result(void *arg, const struct plx_result *result, uint64_t tag)
{
    struct world *w = arg;
    w->results[w->n] = *result;
    w->tags[w->n++] = tag;
    if (w->n == w->n_wanted)
        plx_loop_stop(w->loop);
}

static void on_tick(void *arg, struct plx_mono now)
{
    struct world *w = arg;
    plx_errands_tick(w->errands, now);
    plx_errands_slow_tick(w->errands, now);
    if (plx_mono_diff(now, w->limit) > 0)
        plx_loop_stop(w->loop);
}

static void listen_somewhere(struct world *w)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t len = sizeof name;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    w->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(w->listener, (struct sockaddr *)&name, len), 0);
    assert_int_equal(listen(w->listener, 64), 0);
    assert_int_equal(getsockname(w->listener, (struct sockaddr *)&name, &len), 0);
    w->port = ntohs(name.sin_port);
}

static void begin(struct world *w)
{
    char servers[64];
    assert_int_equal(plx_loop_new(on_signal, NULL, &w->loop, NULL), 0);
    assert_int_equal(plx_dns_peer_start(&w->dns, w->loop, 0), 0);
    snprintf(servers, sizeof servers, "127.0.0.1:%u", w->dns.port);
    w->turnstile = plx_turnstile_new(&w->limits);
    const struct plx_errands_setup setup = {.turnstile = w->turnstile,
                                            .policy = &w->policy,
                                            .resolver = servers,
                                            .in_flight = w->limits.in_flight,
                                            .n_probers = 1};
    assert_int_equal(plx_errands_new(w->loop, &setup, on_result, w, &w->errands, NULL),
                     0);
    plx_loop_add_timer(w->loop, 10 * PLX_MS_NS, on_tick, w);
    listen_somewhere(w);
}

static void end(struct world *w)
{
    plx_errands_destroy(&w->errands);
    plx_turnstile_destroy(&w->turnstile);
    plx_dns_peer_stop(&w->dns, w->loop);
    plx_loop_destroy(&w->loop);
    plx_policy_fini(&w->policy);
    close(w->listener);
}

static void order_task(struct world *w, const struct plx_task *task,
                       enum plx_probe_kind kind, int64_t late_ns);

static void order(struct world *w, const char *host, enum plx_probe_kind kind,
                  int64_t late_ns)
{
    const struct plx_task task = {.monitor_id = 5,
                                  .host = host,
                                  .port = w->port,
                                  .timeout_ns = PLX_SEC_NS,
                                  .source = ""};
    order_task(w, &task, kind, late_ns);
}

static void order_task(struct world *w, const struct plx_task *task,
                       enum plx_probe_kind kind, int64_t late_ns)
{
    const struct plx_errand_order o = {.task = task,
                                       .kind = kind,
                                       .tag = 77,
                                       .scheduled =
                                           plx_mono_add(plx_clock_mono(), -late_ns),
                                       .grace_ns = PLX_SEC_NS};
    plx_errands_order(w->errands, &o);
}

static void wait_results(struct world *w, size_t n)
{
    w->n_wanted = n;
    w->limit = plx_mono_add(plx_clock_mono(), 15 * PLX_SEC_NS);
    if (w->n < n)
        plx_loop_run(w->loop);
    assert_int_equal(w->n, n);
    assert_int_equal(plx_errands_under_way(w->errands), 0);
}

static void open_port__gives_a_result_with_its_times(void **state)
{
    (void)state;
    struct world w = {.limits = plx_pacer_default_limits()};
    begin(&w);
    struct plx_wall before = plx_clock_wall();
    order(&w, "127.0.0.1", PLX_PROBE_CHECK, 20 * PLX_MS_NS);
    wait_results(&w, 1);
    assert_int_equal(w.results[0].outcome, PLX_OUTCOME_OPEN);
    assert_int_equal(w.results[0].monitor_id, 5);
    assert_int_equal(w.results[0].kind, PLX_PROBE_CHECK);
    assert_int_equal(w.tags[0], 77);
    assert_in_range(w.results[0].lag_us, 20000, 2000000);
    int64_t early = plx_wall_diff(before, w.results[0].scheduled);
    assert_true(early > 0 && early < PLX_SEC_NS);
    end(&w);
}

static void denied_target__is_not_probed(void **state)
{
    (void)state;
    struct world w = {.limits = plx_pacer_default_limits()};
    plx_policy_add_deny(&w.policy, "127.0.0.0/8", NULL);
    begin(&w);
    order(&w, "127.0.0.1", PLX_PROBE_SCHEDULED, 0);
    order(&w, "169.254.169.254", PLX_PROBE_SCHEDULED, 0);
    wait_results(&w, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(w.results[i].outcome, PLX_OUTCOME_LOCAL_ERROR);
        assert_int_equal(w.results[i].detail, PLX_DETAIL_LOCAL_POLICY);
    }
    end(&w);
}

static void name__is_resolved_and_its_failure_is_the_names(void **state)
{
    (void)state;
    struct world w = {.limits = plx_pacer_default_limits()};
    begin(&w);
    order(&w, "nx.example", PLX_PROBE_SCHEDULED, 0);
    wait_results(&w, 1);
    assert_int_equal(w.results[0].outcome, PLX_OUTCOME_DNS_FAILURE);
    assert_int_equal(w.results[0].detail, PLX_DETAIL_DNS_NXDOMAIN);
    order(&w, "localhost", PLX_PROBE_SCHEDULED, 0);
    wait_results(&w, 2);
    assert_int_equal(w.results[1].outcome, PLX_OUTCOME_OPEN);
    end(&w);
}

static void order_all(struct world *w, const char *host)
{
    const struct plx_task task = {.monitor_id = 5,
                                  .host = host,
                                  .port = w->port,
                                  .timeout_ns = PLX_SEC_NS,
                                  .addresses = PLX_ADDRESSES_ALL,
                                  .source = ""};
    order_task(w, &task, PLX_PROBE_SCHEDULED, 0);
}

static void all_addresses__each_tells_and_the_run_sums_up(void **state)
{
    (void)state;
    struct world w = {.limits = plx_pacer_default_limits()};
    begin(&w); /* listens on 127.0.0.1 only */
    order_all(&w, "half.example");
    wait_results(&w, 4);
    size_t open = 0;
    for (size_t i = 0; i < 3; i++) {
        bool up = w.results[i].address.bytes[3] == 1;
        assert_int_equal(w.results[i].kind, PLX_PROBE_ADDRESS);
        assert_int_equal(w.results[i].outcome,
                         up ? PLX_OUTCOME_OPEN : PLX_OUTCOME_REFUSED);
        open += up;
    }
    assert_int_equal(open, 1);
    assert_int_equal(w.results[3].kind, PLX_PROBE_SCHEDULED);
    assert_int_equal(w.results[3].outcome, PLX_OUTCOME_OPEN);
    assert_int_equal(w.results[3].detail, PLX_DETAIL_HALF_UP);
    assert_int_equal(w.results[3].address.bytes[3], 1);
    order_all(&w, "127.0.0.1");
    wait_results(&w, 5);
    order_all(&w, "nx.example");
    wait_results(&w, 6);
    assert_int_equal(w.results[5].detail, PLX_DETAIL_DNS_NXDOMAIN);
    end(&w);
}

static void over_the_targets_rate__waits_or_is_skipped(void **state)
{
    (void)state;
    struct world w = {.limits = plx_pacer_default_limits()};
    w.limits.target_burst = 2;
    w.limits.target_rate = 5;
    begin(&w);
    for (int i = 0; i < 20; i++)
        order(&w, "127.0.0.1", PLX_PROBE_SCHEDULED, 0);
    wait_results(&w, 20);
    size_t open = 0, held = 0;
    for (size_t i = 0; i < w.n; i++) {
        open += w.results[i].outcome == PLX_OUTCOME_OPEN;
        held += w.results[i].outcome == PLX_OUTCOME_SKIPPED &&
                (w.results[i].detail == PLX_DETAIL_LOCAL_RATE ||
                 w.results[i].detail == PLX_DETAIL_LOCAL_LATE);
    }
    /* two at once, and about five more within the second of grace */
    assert_in_range(open, 5, 8);
    assert_int_equal(open + held, 20);
    end(&w);
}

static void too_late__is_skipped_and_not_made(void **state)
{
    (void)state;
    struct world w = {.limits = plx_pacer_default_limits()};
    begin(&w);
    order(&w, "127.0.0.1", PLX_PROBE_SCHEDULED, 2 * PLX_SEC_NS);
    wait_results(&w, 1);
    assert_int_equal(w.results[0].outcome, PLX_OUTCOME_SKIPPED);
    assert_int_equal(w.results[0].detail, PLX_DETAIL_LOCAL_LATE);
    end(&w);
}

static void more_than_in_flight__waits_its_turn(void **state)
{
    (void)state;
    struct world w = {.limits = plx_pacer_default_limits()};
    w.limits.in_flight = 3;
    w.limits.target_rate = 0;
    begin(&w);
    for (int i = 0; i < 40; i++)
        order(&w, "127.0.0.1", PLX_PROBE_SCHEDULED, 0);
    wait_results(&w, 40);
    for (size_t i = 0; i < w.n; i++)
        assert_int_equal(w.results[i].outcome, PLX_OUTCOME_OPEN);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_port__gives_a_result_with_its_times),
        cmocka_unit_test(denied_target__is_not_probed),
        cmocka_unit_test(name__is_resolved_and_its_failure_is_the_names),
        cmocka_unit_test(all_addresses__each_tells_and_the_run_sums_up),
        cmocka_unit_test(over_the_targets_rate__waits_or_is_skipped),
        cmocka_unit_test(too_late__is_skipped_and_not_made),
        cmocka_unit_test(more_than_in_flight__waits_its_turn),
    };
    return PLX_RUN(tests);
}
