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

/* What the tests are run with, one engine after the other. */
static enum plx_engine engine;

static struct plx_prober *prober_of(uint32_t max, struct ends *ends)
{
    struct plx_prober *prober = NULL;
    ends->n = 0;
    assert_int_equal(plx_prober_new(engine, max, 1, on_done, ends, &prober, NULL), 0);
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
        size_t n_late = 0;
        do { /* it says when it was not given the processor in time */
            one(order, &r);
            assert_int_equal(r.outcome, PLX_OUTCOME_OPEN);
            assert_true(r.rtt_us > 0 && r.rtt_us < 1000000);
            assert_true(plx_addr_equal(&r.address, &order.addr));
            assert_true(plx_addr_equal(&r.source, &order.addr));
            n_late += r.closed_late;
        } while (r.closed_late && n_late < 10);
        assert_false(r.closed_late);
        assert_true(accepted(fd) <= n_late);
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

/* A listener whose accept queue is full drops SYNs: silence, until what fills the queue
 * ends with the process. */
static int silent_listener(uint16_t *ret_port)
{
    int fd = listener("127.0.0.1", 0, ret_port);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(*ret_port)};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 2; i++) {
        int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(client, (struct sockaddr *)&name, sizeof name);
    }
    return fd;
}

static void silent_port__times_out_on_time(void **state)
{
    (void)state;
    uint16_t port;
    struct plx_result r;
    int fd = silent_listener(&port);
    struct plx_probe_order order = order_of("127.0.0.1", port);
    order.timeout_ns = 200 * PLX_MS_NS;
    /* A machine that stalls this process makes it, rightly, a local error: once more. */
    do
        one(order, &r);
    while (r.detail == PLX_DETAIL_LOCAL_STALLED);
    assert_int_equal(r.outcome, PLX_OUTCOME_TIMEOUT);
    assert_in_range(r.duration_ns, 200 * PLX_MS_NS, 2 * PLX_SEC_NS);
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
    size_t n_late = 0;
    for (size_t i = 0; i < ends.n; i++) {
        n_late += ends.list[i].r.closed_late;
        bool open = ends.list[i].cookie % 3 != 2;
        assert_int_equal(ends.list[i].r.outcome,
                         open ? PLX_OUTCOME_OPEN : PLX_OUTCOME_REFUSED);
        assert_int_equal(ends.list[i].r.address.family,
                         ends.list[i].cookie % 3 == 1 ? 6 : 4);
    }
    /* Who is accepted is a probe that did not get the processor in time, and says so. */
    assert_true(n_late < 500);
    assert_true(accepted(fd4) + accepted(fd6) <= n_late);
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

/* ---- greetings, against servers that say and do what a table says ---- */

enum then { HOLD, CLOSE, RESET, DRIP };

struct peer {
    const char *says;  /* at once */
    const char *hears; /* before it goes on; NULL: nothing */
    const char *answers;
    enum then then;
};

struct peer_state {
    const struct peer *peer;
    int listener, fd;
    size_t dripped;
    char heard[512];
    size_t n_heard;
    bool answered, closed_cleanly, was_reset;
};

static void drip(struct peer_state *s)
{
    if (s->peer->then == DRIP && s->dripped < strlen(s->peer->says))
        send(s->fd, s->peer->says + s->dripped++, 1, MSG_NOSIGNAL);
}

static void end_peer(struct peer_state *s)
{
    const struct linger rst = {1, 0};
    if (s->peer->then == RESET)
        setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &rst, sizeof rst);
    if (s->peer->then != HOLD && s->peer->then != DRIP) {
        close(s->fd);
        s->fd = -1;
    }
}

static void say(struct peer_state *s, const char *text)
{
    if (text && s->peer->then != DRIP)
        send(s->fd, text, strlen(text), MSG_NOSIGNAL);
}

static void listen_on(struct peer_state *s)
{
    ssize_t n =
        recv(s->fd, s->heard + s->n_heard, sizeof s->heard - s->n_heard, MSG_DONTWAIT);
    s->closed_cleanly = s->closed_cleanly || n == 0;
    s->was_reset = s->was_reset || (n < 0 && errno == ECONNRESET);
    s->n_heard += n > 0 ? (size_t)n : 0;
    const char *wanted = s->peer->hears;
    if (!s->answered && wanted && s->n_heard >= strlen(wanted)) {
        s->answered = true;
        say(s, s->peer->answers);
        end_peer(s);
    }
}

static void play(struct peer_state *s)
{
    if (s->fd < 0 && !s->answered) {
        s->fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK);
        if (s->fd < 0)
            return;
        say(s, s->peer->says);
        if (!s->peer->hears) {
            s->answered = true;
            end_peer(s);
        }
    }
    if (s->fd >= 0) {
        drip(s);
        listen_on(s);
    }
}

static struct peer_state greet(const struct peer *peer, const struct plx_greeting *g,
                               int64_t timeout_ns, struct plx_result *ret)
{
    uint16_t port;
    struct peer_state s = {.peer = peer, .fd = -1};
    struct plx_greeter *greeter = NULL;
    s.listener = listener("127.0.0.1", 4, &port);
    struct plx_prober *prober = prober_of(4, &ends);
    struct plx_probe_order order = order_of("127.0.0.1", port);
    assert_int_equal(plx_greeter_new(g, &greeter, NULL), 0);
    order.greeter = greeter;
    order.timeout_ns = timeout_ns;
    assert_int_equal(plx_prober_start(prober, &order), 0);
    struct plx_mono limit = plx_mono_add(plx_clock_mono(), 20 * PLX_SEC_NS);
    while (ends.n == 0) {
        struct pollfd pfd = {.fd = plx_prober_fd(prober), .events = POLLIN};
        assert_true(plx_mono_diff(limit, plx_clock_mono()) > 0);
        poll(&pfd, 1, 2);
        plx_prober_tick(prober);
        play(&s);
    }
    if (s.fd >= 0) {
        struct pollfd pfd = {.fd = s.fd, .events = POLLIN};
        for (int i = 0; i < 50 && !s.closed_cleanly && !s.was_reset; i++) {
            poll(&pfd, 1, 20);
            listen_on(&s);
        }
        close(s.fd);
    }
    close(s.listener);
    assert_int_equal(plx_prober_in_flight(prober), 0);
    plx_prober_destroy(&prober);
    plx_greeter_destroy(&greeter);
    *ret = ends.list[0].r;
    return s;
}

static void greetings__end_as_the_server_behaves(void **state)
{
    static const struct {
        struct peer peer;
        enum plx_greeting_preset preset;
        enum plx_outcome outcome;
        enum plx_detail detail;
        const char *excerpt;
    } cases[] = {
        {{"220 mx\r\n", "QUIT\r\n", "221 bye\r\n", CLOSE},
         PLX_GREETING_SMTP,
         PLX_OUTCOME_OPEN,
         PLX_DETAIL_NONE,
         "220 mx\\r\\n"},
        {{"220 mx\r\n", "QUIT\r\n", NULL, RESET},
         PLX_GREETING_SMTP,
         PLX_OUTCOME_OPEN,
         PLX_DETAIL_NONE,
         "220 mx\\r\\n"},
        {{"220 mx\r\n", NULL, NULL, CLOSE},
         PLX_GREETING_SMTP,
         PLX_OUTCOME_OPEN,
         PLX_DETAIL_NONE,
         "220 mx\\r\\n"},
        {{"220-a\r\n220 b\r\n", NULL, NULL, DRIP},
         PLX_GREETING_SMTP,
         PLX_OUTCOME_OPEN,
         PLX_DETAIL_NONE,
         "220-a\\r\\n220 b\\r\\n"},
        {{NULL, "PING\r\n", "+PONG\r\n", HOLD},
         PLX_GREETING_REDIS,
         PLX_OUTCOME_OPEN,
         PLX_DETAIL_NONE,
         "+PONG\\r\\n"},
        {{"554 no\r\n", NULL, NULL, HOLD},
         PLX_GREETING_SMTP,
         PLX_OUTCOME_MISMATCH,
         PLX_DETAIL_GREETING_UNEXPECTED,
         "554 no\\r\\n"},
        {{"220 m", NULL, NULL, HOLD},
         PLX_GREETING_SMTP,
         PLX_OUTCOME_MISMATCH,
         PLX_DETAIL_GREETING_INCOMPLETE,
         "220 m"},
        {{NULL, NULL, NULL, CLOSE},
         PLX_GREETING_SSH,
         PLX_OUTCOME_MISMATCH,
         PLX_DETAIL_GREETING_CLOSED,
         ""},
        {{NULL, NULL, NULL, RESET},
         PLX_GREETING_SSH,
         PLX_OUTCOME_RESET,
         PLX_DETAIL_CONNRESET,
         ""},
        {{NULL, NULL, NULL, HOLD},
         PLX_GREETING_SSH,
         PLX_OUTCOME_TIMEOUT,
         PLX_DETAIL_GREETING_SILENT,
         ""},
        {{NULL, "PING\r\n", NULL, RESET},
         PLX_GREETING_REDIS,
         PLX_OUTCOME_RESET,
         PLX_DETAIL_CONNRESET,
         ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct plx_greeting g = {.preset = cases[i].preset};
        struct plx_result r;
        struct peer_state s;
        /* A machine that stalls this process makes it, rightly, a local error. */
        do
            s = greet(&cases[i].peer, &g, 300 * PLX_MS_NS, &r);
        while (r.detail == PLX_DETAIL_LOCAL_STALLED);
        assert_string_equal(plx_outcome_token(r.outcome),
                            plx_outcome_token(cases[i].outcome));
        assert_string_equal(plx_detail_token(r.detail),
                            plx_detail_token(cases[i].detail));
        assert_string_equal(r.excerpt, cases[i].excerpt);
        if (cases[i].peer.then == HOLD && r.outcome == PLX_OUTCOME_OPEN) {
            assert_true(s.closed_cleanly);
            assert_false(s.was_reset);
            assert_memory_equal(s.heard, "PING\r\nQUIT\r\n", 12);
        }
    }
}

/* The verdict's time counts, not that of the goodbye; a server that never closes after it
 * is left after a second. */
static void server_that_does_not_hang_up__is_left(void **state)
{
    (void)state;
    static const struct peer peer = {"+OK\r\n", NULL, NULL, HOLD};
    const struct plx_greeting g = {.preset = PLX_GREETING_POP3};
    struct plx_result r;
    greet(&peer, &g, 5 * PLX_SEC_NS, &r);
    assert_int_equal(r.outcome, PLX_OUTCOME_OPEN);
    assert_true(r.rtt_us > 0);
    assert_true(r.duration_ns < PLX_SEC_NS);
}

static void refused_port__stays_refused_with_a_greeting(void **state)
{
    (void)state;
    uint16_t port;
    struct plx_result r;
    struct plx_greeter *greeter = NULL;
    const struct plx_greeting g = {.preset = PLX_GREETING_SSH};
    close(listener("127.0.0.1", 1, &port));
    struct plx_probe_order order = order_of("127.0.0.1", port);
    assert_int_equal(plx_greeter_new(&g, &greeter, NULL), 0);
    order.greeter = greeter;
    one(order, &r);
    assert_int_equal(r.outcome, PLX_OUTCOME_REFUSED);
    plx_greeter_destroy(&greeter);
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

/* More in flight than there are descriptors, and ends of each kind among them. */
static void more_in_flight_than_descriptors__with_io_uring(void **state)
{
    enum { LIMIT = 256, N = 900 };
    (void)state;
    if (engine != PLX_ENGINE_IO_URING)
        return; /* epoll keeps a descriptor of each */
    uint16_t open_port, silent_port;
    int fd = listener("127.0.0.1", 4096, &open_port);
    int silent = silent_listener(&silent_port);
    struct rlimit was, few;
    getrlimit(RLIMIT_NOFILE, &was);
    few = was;
    few.rlim_cur = LIMIT;
    setrlimit(RLIMIT_NOFILE, &few);
    struct plx_prober *prober = prober_of(N + 100, &ends);
    struct plx_probe_order order = order_of("127.0.0.1", silent_port);
    for (order.cookie = 0; order.cookie < N; order.cookie++) {
        order.watched = order.cookie % 2 != 0; /* as many as there is room for are */
        order.timeout_ns = 400 * PLX_MS_NS;
        assert_int_equal(plx_prober_start(prober, &order), 0);
    }
    assert_int_equal(plx_prober_in_flight(prober), N);
    order.port = open_port;
    for (order.cookie = N; order.cookie < N + 100; order.cookie++)
        assert_int_equal(plx_prober_start(prober, &order), 0);
    run_until(prober, &ends, N + 100);
    for (size_t i = 0; i < ends.n; i++) {
        bool silent_one = ends.list[i].cookie < N;
        if (ends.list[i].r.detail != PLX_DETAIL_LOCAL_STALLED)
            assert_int_equal(ends.list[i].r.outcome,
                             silent_one ? PLX_OUTCOME_TIMEOUT : PLX_OUTCOME_OPEN);
    }
    assert_int_equal(accepted(fd), 0);
    plx_prober_destroy(&prober);
    setrlimit(RLIMIT_NOFILE, &was);
    close(fd);
    close(silent);
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
        cmocka_unit_test(greetings__end_as_the_server_behaves),
        cmocka_unit_test(server_that_does_not_hang_up__is_left),
        cmocka_unit_test(refused_port__stays_refused_with_a_greeting),
        cmocka_unit_test(one_turn__has_bounded_connects),
        cmocka_unit_test(more_in_flight_than_descriptors__with_io_uring),
    };
    engine = PLX_ENGINE_EPOLL;
    int failed = PLX_RUN(tests);
    engine = PLX_ENGINE_IO_URING;
    return failed + PLX_RUN(tests);
}
