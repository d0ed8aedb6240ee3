/* The resolver against a scripted name server. */
#include "agent/io/resolver.h"

#include "base/err.h"
#include "sys/clock.h"

#include "test.h"

#include "dns_peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

struct world {
    struct plx_loop *loop;
    struct plx_dns_peer peer;
    struct plx_resolver *resolver;
    size_t n_answers, n_wanted, n_timeouts;
    uint64_t cookies;
    struct plx_resolution last;
    struct plx_mono limit;
};

static void on_signal(void *arg, int signo)
{
    (void)arg;
    (void)signo;
}

static void on_answer(void *arg, uint64_t cookie, const struct plx_resolution *resolution)
{
    struct world *w = arg;
    w->n_answers++;
    w->n_timeouts += resolution->detail == PLX_DETAIL_DNS_TIMEOUT;
    w->cookies += cookie;
    w->last = *resolution;
    if (w->n_answers >= w->n_wanted)
        plx_loop_stop(w->loop);
}

static void on_tick(void *arg, struct plx_mono now)
{
    struct world *w = arg;
    plx_resolver_tick(w->resolver, now);
    if (plx_mono_diff(now, w->limit) > 0)
        plx_loop_stop(w->loop);
}

static void begin(struct world *w)
{
    char servers[64];
    *w = (struct world){0};
    assert_int_equal(plx_loop_new(on_signal, NULL, &w->loop, NULL), 0);
    assert_int_equal(plx_dns_peer_start(&w->peer, w->loop, 0), 0);
    snprintf(servers, sizeof servers, "127.0.0.1:%u", w->peer.port);
    assert_int_equal(plx_resolver_new(w->loop, servers, on_answer, w, &w->resolver, NULL),
                     0);
    plx_loop_add_timer(w->loop, 20 * PLX_MS_NS, on_tick, w);
}

static void end(struct world *w)
{
    plx_resolver_destroy(&w->resolver);
    plx_dns_peer_stop(&w->peer, w->loop);
    plx_loop_destroy(&w->loop);
}

static void wait_answers(struct world *w, size_t n)
{
    w->n_wanted = n;
    w->limit = plx_mono_add(plx_clock_mono(), 20 * PLX_SEC_NS);
    if (w->n_answers < n)
        plx_loop_run(w->loop);
    assert_int_equal(w->n_answers, n);
}

static int ask(struct world *w, const char *name, enum plx_ip ip, bool fresh)
{
    const struct plx_resolution *res = NULL;
    int err = plx_resolver_ask(w->resolver, name, ip, fresh, 1, &res);
    if (err == 0)
        w->last = *res;
    return err;
}

static struct plx_resolution resolve(struct world *w, const char *name, enum plx_ip ip)
{
    w->n_answers = 0;
    if (ask(w, name, ip, false) != 0)
        wait_answers(w, 1);
    return w->last;
}

static void literal__is_its_own_answer(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    assert_int_equal(ask(&w, "192.0.2.7", PLX_IP_ANY, false), 0);
    assert_int_equal(w.last.n, 1);
    assert_int_equal(ask(&w, "192.0.2.7", PLX_IP_6, false), 0);
    assert_int_equal(w.last.detail, PLX_DETAIL_DNS_NODATA);
    assert_int_equal(ask(&w, "2001:db8::7", PLX_IP_6, false), 0);
    assert_int_equal(w.last.addrs[0].family, 6);
    assert_int_equal(w.peer.n_queries, 0);
    end(&w);
}

static void name__gives_the_wanted_family(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    struct plx_resolution any = resolve(&w, "ok.example", PLX_IP_ANY);
    assert_int_equal(any.detail, PLX_DETAIL_NONE);
    assert_int_equal(any.n, 2);
    struct plx_resolution v4 = resolve(&w, "ok.example", PLX_IP_4);
    assert_int_equal(v4.n, 1);
    assert_int_equal(v4.addrs[0].family, 4);
    struct plx_resolution v6 = resolve(&w, "ok.example", PLX_IP_6);
    assert_int_equal(v6.n, 1);
    assert_int_equal(v6.addrs[0].family, 6);
    end(&w);
}

static void failures__are_told_apart(void **state)
{
    static const struct {
        const char *name;
        enum plx_ip ip;
        enum plx_detail detail;
    } rows[] = {
        {"nx.example", PLX_IP_ANY, PLX_DETAIL_DNS_NXDOMAIN},
        {"servfail.example", PLX_IP_ANY, PLX_DETAIL_DNS_SERVFAIL},
        {"refuse.example", PLX_IP_ANY, PLX_DETAIL_DNS_REFUSED},
        {"four.example", PLX_IP_6, PLX_DETAIL_DNS_NODATA},
        {"loop.example", PLX_IP_ANY, PLX_DETAIL_DNS_NODATA},
        {"count.example", PLX_IP_4, PLX_DETAIL_DNS_OTHER},
    };
    (void)state;
    struct world w;
    begin(&w);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plx_resolution res = resolve(&w, rows[i].name, rows[i].ip);
        if (res.detail != rows[i].detail)
            fail_msg("%s: %s", rows[i].name, plx_detail_token(res.detail));
    }
    end(&w);
}

static void many_monitors_of_one_name__share_a_query(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(ask(&w, "ok.example", PLX_IP_4, false), PLX_EAGAIN);
    wait_answers(&w, 1000);
    assert_int_equal(w.cookies, 1000);
    assert_int_equal(w.peer.n_queries, 1);
    assert_int_equal(ask(&w, "ok.example", PLX_IP_4, true), 0);
    assert_int_equal(w.peer.n_queries, 1);
    end(&w);
}

static void dead_or_babbling_server__does_not_hold_up_what_is_known(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    resolve(&w, "ok.example", PLX_IP_4);
    for (int i = 0; i < 2000; i++) {
        char name[64];
        snprintf(name, sizeof name, "silent%d.example", i);
        assert_int_equal(ask(&w, name, PLX_IP_4, false), PLX_EAGAIN);
    }
    assert_int_equal(ask(&w, "ok.example", PLX_IP_4, false), 0);
    assert_int_equal(ask(&w, "192.0.2.1", PLX_IP_4, false), 0);
    assert_int_equal(ask(&w, "garbage.example", PLX_IP_4, false), PLX_EAGAIN);
    w.n_answers = 0;
    wait_answers(&w, 2001); /* each after its patience, those never asked included */
    assert_int_equal(w.n_timeouts, 2001);
    end(&w);
}

static void many_addresses__are_bounded(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    struct plx_resolution res = resolve(&w, "many.example", PLX_IP_4);
    assert_int_equal(res.detail, PLX_DETAIL_NONE);
    assert_int_equal(res.n, PLX_RESOLVER_ADDRS_MAX);
    end(&w);
}

static void five_hundred_addresses__are_asked_for_again_and_cut(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    struct plx_resolution res = resolve(&w, "flood.example", PLX_IP_4);
    assert_int_equal(res.detail, PLX_DETAIL_NONE);
    assert_int_equal(res.n, PLX_RESOLVER_ADDRS_MAX);
    assert_true(res.cut);
    assert_int_equal(w.peer.n_tcp, 1);
    res = resolve(&w, "half.example", PLX_IP_4);
    assert_int_equal(res.n, 3);
    assert_false(res.cut);
    end(&w);
}

static void answer_under_another_number__is_not_believed(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    struct plx_resolution res = resolve(&w, "spoof.example", PLX_IP_4);
    assert_int_equal(res.detail, PLX_DETAIL_DNS_TIMEOUT);
    end(&w);
}

static void hosts_file__is_honoured(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    struct plx_resolution res = resolve(&w, "localhost", PLX_IP_4);
    assert_int_equal(res.detail, PLX_DETAIL_NONE);
    assert_int_equal(res.addrs[0].bytes[0], 127);
    assert_int_equal(w.peer.n_queries, 0);
    end(&w);
}

static void name_with_the_roots_dot__is_the_same_name(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    struct plx_resolution res = resolve(&w, "localhost.", PLX_IP_4);
    assert_int_equal(res.detail, PLX_DETAIL_NONE);
    assert_int_equal(res.addrs[0].bytes[0], 127);
    assert_int_equal(w.peer.n_queries, 0);
    res = resolve(&w, "four.example.", PLX_IP_4);
    assert_int_equal(res.detail, PLX_DETAIL_NONE);
    assert_int_equal(res.n, 1);
    res = resolve(&w, "nx.example.", PLX_IP_4);
    assert_int_equal(res.detail, PLX_DETAIL_DNS_NXDOMAIN);
    end(&w);
}

static void bad_server_list__is_refused(void **state)
{
    (void)state;
    struct plx_loop *loop;
    struct plx_resolver *resolver = NULL;
    struct plx_why why = {""};
    assert_int_equal(plx_loop_new(on_signal, NULL, &loop, NULL), 0);
    assert_int_equal(plx_resolver_new(loop, "nonsense", on_answer, NULL, &resolver, &why),
                     PLX_EINVAL);
    assert_non_null(strstr(why.text, "nonsense"));
    assert_null(resolver);
    plx_loop_destroy(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literal__is_its_own_answer),
        cmocka_unit_test(name__gives_the_wanted_family),
        cmocka_unit_test(failures__are_told_apart),
        cmocka_unit_test(many_monitors_of_one_name__share_a_query),
        cmocka_unit_test(dead_or_babbling_server__does_not_hold_up_what_is_known),
        cmocka_unit_test(many_addresses__are_bounded),
        cmocka_unit_test(five_hundred_addresses__are_asked_for_again_and_cut),
        cmocka_unit_test(answer_under_another_number__is_not_believed),
        cmocka_unit_test(hosts_file__is_honoured),
        cmocka_unit_test(name_with_the_roots_dot__is_the_same_name),
        cmocka_unit_test(bad_server_list__is_refused),
    };
    return PLX_RUN(tests);
}
