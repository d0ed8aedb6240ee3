/* The prober against real sockets on the loopback. */
#include "agent/io/prober.h"

#include "base/err.h"
#include "sys/clock.h"

#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct end {
    uint64_t cookie;
    struct plx_result r;
};

struct ends {
    struct end list[4096];
    size_t n;
};

static void on_done(void *arg, uint64_t cookie, const struct plx_result *evidence,
                    struct plx_mono started)
{
    struct ends *ends = arg;
    assert_true(started.ns > 0);
    assert_true(ends->n < 4096);
    ends->list[ends->n++] = (struct end){cookie, *evidence};
}

static void run_until(struct plx_prober *prober, const struct ends *ends, size_t n)
{
    struct plx_mono limit = plx_mono_add(plx_clock_mono(), 20 * PLX_SEC_NS);
    while (ends->n < n) {
        struct pollfd pfd = {.fd = plx_prober_fd(prober), .events = POLLIN};
        assert_true(plx_mono_diff(limit, plx_clock_mono()) > 0);
        poll(&pfd, 1, 5);
        plx_prober_tick(prober);
    }
}

static int listener(const char *text, int backlog, uint16_t *ret_port)
{
    struct sockaddr_storage name = {0};
    socklen_t len;
    if (strchr(text, ':')) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&name;
        v6->sin6_family = AF_INET6;
        inet_pton(AF_INET6, text, &v6->sin6_addr);
        len = sizeof *v6;
    } else {
        struct sockaddr_in *v4 = (struct sockaddr_in *)&name;
        v4->sin_family = AF_INET;
        inet_pton(AF_INET, text, &v4->sin_addr);
        len = sizeof *v4;
    }
    int fd = socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, len), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
    *ret_port =
        ntohs(name.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&name)->sin6_port
                                         : ((struct sockaddr_in *)&name)->sin_port);
    return fd;
}

static size_t accepted(int fd)
{
    size_t n = 0;
    int c;
    while ((c = accept(fd, NULL, NULL)) >= 0) {
        n++;
        close(c);
    }
    return n;
}

static struct plx_probe_order order_of(const char *addr, uint16_t port)
{
    struct plx_probe_order order = {.port = port, .timeout_ns = PLX_SEC_NS, .cookie = 7};
    assert_int_equal(plx_addr_parse(addr, &order.addr), 0);
    return order;
}

static struct plx_prober *prober_of(uint32_t max, struct ends *ends)
{
    struct plx_prober *prober = NULL;
    ends->n = 0;
    assert_int_equal(plx_prober_new(max, on_done, ends, &prober, NULL), 0);
    return prober;
}

static struct ends ends;

static void one(struct plx_probe_order order, struct plx_result *ret)
{
    struct plx_prober *prober = prober_of(4, &ends);
    assert_int_equal(plx_prober_start(prober, &order), 0);
    run_until(prober, &ends, 1);
    assert_int_equal(ends.list[0].cookie, 7);
    assert_int_equal(plx_prober_in_flight(prober), 0);
    plx_prober_destroy(&prober);
    *ret = ends.list[0].r;
}

static void open_port__is_open_and_nobody_is_accepted(void **state)
{
    const char *const addrs[] = {"127.0.0.1", "::1"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        uint16_t port;
        struct plx_result r;
        int fd = listener(addrs[i], 16, &port);
        struct plx_probe_order order = order_of(addrs[i], port);
        one(order, &r);
        assert_int_equal(r.outcome, PLX_OUTCOME_OPEN);
        assert_true(r.rtt_us > 0 && r.rtt_us < 1000000);
        assert_true(plx_addr_equal(&r.address, &order.addr));
        assert_true(plx_addr_equal(&r.source, &order.addr));
        assert_false(r.closed_late);
        assert_int_equal(accepted(fd), 0);
        close(fd);
    }
}

static void full_handshake__is_accepted(void **state)
{
    (void)state;
    uint16_t port;
    struct plx_result r;
    int fd = listener("127.0.0.1", 16, &port);
    struct plx_probe_order order = order_of("127.0.0.1", port);
    order.handshake = PLX_HANDSHAKE_FULL;
    one(order, &r);
    assert_int_equal(r.outcome, PLX_OUTCOME_OPEN);
    assert_false(r.closed_late); /* it was meant to be seen */
    assert_int_equal(accepted(fd), 1);
    close(fd);
}

/* The loop stands still until the kernel has sent the third ACK, and the server, which
 * sees a client, says something. */
static void stall_on_the_wire__is_marked_though_the_server_has_spoken(void **state)
{
    (void)state;
    uint16_t port;
    int fd = listener("127.0.0.1", 16, &port);
    struct plx_prober *prober = prober_of(4, &ends);
    struct plx_probe_order order = order_of("127.0.0.1", port);
    order.timeout_ns = 10 * PLX_SEC_NS;
    assert_int_equal(plx_prober_start(prober, &order), 0);
    struct pollfd client = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&client, 1, 5000), 1);
    int c = accept(fd, NULL, NULL);
    assert_true(c >= 0);
    assert_int_equal(send(c, "220 hello\r\n", 11, MSG_NOSIGNAL), 11);
    run_until(prober, &ends, 1);
    assert_int_equal(ends.list[0].r.outcome, PLX_OUTCOME_OPEN);
    assert_true(ends.list[0].r.closed_late);
    plx_prober_destroy(&prober);
    close(c);
    close(fd);
}

static void closed_port__is_refused(void **state)
{
    (void)state;
    uint16_t port;
    struct plx_result r;
    int fd = listener("127.0.0.1", 1, &port);
    close(fd);
    one(order_of("127.0.0.1", port), &r);
    assert_int_equal(r.outcome, PLX_OUTCOME_REFUSED);
    assert_int_equal(r.detail, PLX_DETAIL_CONNREFUSED);
    assert_true(r.duration_ns < PLX_SEC_NS);
}

/* A listener whose accept queue is full drops SYNs: silence. */
static void silent_port__times_out_on_time(void **state)
{
    (void)state;
    uint16_t port;
    struct plx_result r;
    int clients[2];
    int fd = listener("127.0.0.1", 0, &port);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 2; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(clients[i], (struct sockaddr *)&name, sizeof name);
    }
    struct plx_probe_order order = order_of("127.0.0.1", port);
    order.timeout_ns = 200 * PLX_MS_NS;
    /* A machine that stalls this process makes it, rightly, a local error: once more. */
    do
        one(order, &r);
    while (r.detail == PLX_DETAIL_LOCAL_STALLED);
    assert_int_equal(r.outcome, PLX_OUTCOME_TIMEOUT);
    assert_in_range(r.duration_ns, 200 * PLX_MS_NS, 2 * PLX_SEC_NS);
    for (int i = 0; i < 2; i++)
        close(clients[i]);
    close(fd);
}

static void wanted_source__is_used_or_a_local_error(void **state)
{
    (void)state;
    uint16_t port;
    struct plx_result r;
    int fd = listener("127.0.0.1", 16, &port);
    struct plx_probe_order order = order_of("127.0.0.1", port);
    plx_addr_parse("127.0.0.77", &order.source);
    one(order, &r);
    assert_int_equal(r.outcome, PLX_OUTCOME_OPEN);
    assert_true(plx_addr_equal(&r.source, &order.source));
    plx_addr_parse("192.0.2.1", &order.source);
    one(order, &r);
    assert_int_equal(r.outcome, PLX_OUTCOME_LOCAL_ERROR);
    assert_int_equal(r.detail, PLX_DETAIL_LOCAL_SOURCE);
    close(fd);
}

static void no_descriptor_left__is_a_local_error(void **state)
{
    (void)state;
    struct rlimit was, none;
    struct plx_prober *prober = prober_of(4, &ends);
    struct plx_probe_order order = order_of("127.0.0.1", 9);
    getrlimit(RLIMIT_NOFILE, &was);
    none = was;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    int err = plx_prober_start(prober, &order);
    setrlimit(RLIMIT_NOFILE, &was);
    assert_int_equal(err, 0);
    assert_int_equal(ends.n, 1);
    assert_int_equal(ends.list[0].r.outcome, PLX_OUTCOME_LOCAL_ERROR);
    assert_int_equal(ends.list[0].r.detail, PLX_DETAIL_LOCAL_DESCRIPTORS);
    plx_prober_destroy(&prober);
}

/* Open, refused, IPv6 and both handshakes through a pool of a few sockets. */
static void many_on_few_sockets(bool reuse)
{
    uint16_t open4, open6, closed;
    int fd4 = listener("127.0.0.1", 4096, &open4);
    int fd6 = listener("::1", 4096, &open6);
    int fdc = listener("127.0.0.1", 1, &closed);
    close(fdc);
    struct plx_prober *prober = prober_of(8, &ends);
    plx_prober_set_reuse(prober, reuse);
    for (uint64_t i = 0; i < 1500; i++) {
        struct plx_probe_order order = i % 3 == 0   ? order_of("127.0.0.1", open4)
                                       : i % 3 == 1 ? order_of("::1", open6)
                                                    : order_of("127.0.0.1", closed);
        order.cookie = i;
        while (plx_prober_start(prober, &order) == PLX_EAGAIN)
            plx_prober_tick(prober);
    }
    run_until(prober, &ends, 1500);
    for (size_t i = 0; i < ends.n; i++) {
        bool open = ends.list[i].cookie % 3 != 2;
        assert_int_equal(ends.list[i].r.outcome,
                         open ? PLX_OUTCOME_OPEN : PLX_OUTCOME_REFUSED);
        assert_int_equal(ends.list[i].r.address.family,
                         ends.list[i].cookie % 3 == 1 ? 6 : 4);
    }
    assert_int_equal(accepted(fd4), 0);
    assert_int_equal(accepted(fd6), 0);
    plx_prober_destroy(&prober);
    close(fd4);
    close(fd6);
}

static void pooled_sockets__carry_nothing_over(void **state)
{
    (void)state;
    many_on_few_sockets(true);
}

static void kernel_without_reuse__gives_the_same(void **state)
{
    (void)state;
    many_on_few_sockets(false);
}

static void this_kernel__reuses(void **state)
{
    (void)state;
    struct plx_prober *prober = prober_of(1, &ends);
    assert_true(plx_prober_reuses(prober));
    plx_prober_destroy(&prober);
}

static void one_turn__has_bounded_connects(void **state)
{
    (void)state;
    struct plx_prober *prober = prober_of(4000, &ends);
    uint16_t port;
    close(listener("127.0.0.1", 1, &port));
    struct plx_probe_order order = order_of("127.0.0.1", port);
    size_t n = 0;
    while (plx_prober_start(prober, &order) == 0)
        n++;
    assert_int_equal(n, PLX_PROBER_TURN_CONNECTS);
    plx_prober_tick(prober);
    assert_int_equal(plx_prober_start(prober, &order), 0);
    run_until(prober, &ends, n + 1);
    plx_prober_destroy(&prober);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_kernel__reuses),
        cmocka_unit_test(open_port__is_open_and_nobody_is_accepted),
        cmocka_unit_test(full_handshake__is_accepted),
        cmocka_unit_test(stall_on_the_wire__is_marked_though_the_server_has_spoken),
        cmocka_unit_test(closed_port__is_refused),
        cmocka_unit_test(silent_port__times_out_on_time),
        cmocka_unit_test(wanted_source__is_used_or_a_local_error),
        cmocka_unit_test(no_descriptor_left__is_a_local_error),
        cmocka_unit_test(pooled_sockets__carry_nothing_over),
        cmocka_unit_test(kernel_without_reuse__gives_the_same),
        cmocka_unit_test(one_turn__has_bounded_connects),
    };
    return PLX_RUN(tests);
}
