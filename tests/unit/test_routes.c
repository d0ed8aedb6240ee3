/* Routes and their changes, and what the prober makes of them, in a network namespace of
 * this process's own (root, or a user namespace). */
#include "agent/io/prober.h"
#include "agent/io/routes.h"
#include "agent/io/way.h"
#include "sys/clock.h"

#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct plx_addr addr(const char *text)
{
    struct plx_addr a;
    assert_int_equal(plx_addr_parse(text, &a), 0);
    return a;
}

static void sh(const char *command)
{
    if (system(command) != 0)
        fail_msg("cannot: %s", command);
}

static void on_done(void *arg, uint64_t cookie, const struct plx_result *evidence,
                    struct plx_mono started)
{
    (void)cookie;
    (void)started;
    *(struct plx_result *)arg = *evidence;
}

static void probe(struct plx_prober *prober, struct plx_result *result, const char *to,
                  uint16_t port)
{
    struct plx_probe_order order = {
        .addr = addr(to), .port = port, .timeout_ns = 20 * PLX_SEC_NS};
    *result = (struct plx_result){.outcome = PLX_OUTCOME_SKIPPED};
    assert_int_equal(plx_prober_start(prober, &order), 0);
    while (plx_prober_in_flight(prober) > 0) {
        poll(NULL, 0, 2);
        plx_prober_tick(prober);
    }
}

static uint16_t listen_anywhere(int *ret_fd)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t len = sizeof name;
    *ret_fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(*ret_fd, (struct sockaddr *)&name, len), 0);
    assert_int_equal(listen(*ret_fd, 16), 0);
    assert_int_equal(getsockname(*ret_fd, (struct sockaddr *)&name, &len), 0);
    return ntohs(name.sin_port);
}

static void changed_route__changes_the_source_at_once(void **state)
{
    (void)state;
    struct plx_result r;
    struct plx_prober *prober = NULL;
    int fd;
    uint16_t port = listen_anywhere(&fd);
    struct plx_addr before = addr("127.0.0.1"), after = addr("127.0.0.9");
    assert_int_equal(plx_prober_new(PLX_ENGINE_EPOLL, 4, 1, on_done, &r, &prober, NULL),
                     0);
    for (int i = 0; i < 3; i++) {
        probe(prober, &r, "127.0.0.2", port);
        assert_int_equal(r.outcome, PLX_OUTCOME_OPEN);
        assert_true(plx_addr_equal(&r.source, &before));
    }
    sh("ip route change local 127.0.0.0/8 dev lo table local src 127.0.0.9");
    for (int i = 0; i < 3; i++) {
        probe(prober, &r, "127.0.0.2", port);
        assert_true(plx_addr_equal(&r.source, &after));
    }
    plx_prober_destroy(&prober);
    close(fd);
}

static void gateway__is_told_from_a_neighbour(void **state)
{
    (void)state;
    struct plx_addr none = {0}, own = addr("10.1.0.1"), own6 = addr("fd01::1");
    struct plx_addr near = addr("10.1.0.7"), far = addr("192.0.2.1");
    struct plx_addr near6 = addr("fd01::7"), far6 = addr("2001:db8::1");
    assert_false(plx_way_has_gateway(&near, &own));
    assert_true(plx_way_has_gateway(&far, &own));
    assert_true(plx_way_has_gateway(&far, &none));
    assert_false(plx_way_has_gateway(&near6, &own6));
    assert_true(plx_way_has_gateway(&far6, &own6));
}

/* Nobody answers on the first hop: of a neighbour that is evidence about the neighbour,
 * of a gateway it says that this host has no way. */
static void silent_first_hop__is_ours_only_where_it_is_a_gateway(void **state)
{
    (void)state;
    struct plx_result r;
    struct plx_prober *prober = NULL;
    assert_int_equal(plx_prober_new(PLX_ENGINE_EPOLL, 4, 1, on_done, &r, &prober, NULL),
                     0);
    probe(prober, &r, "10.1.0.7", 80);
    assert_int_equal(r.outcome, PLX_OUTCOME_UNREACHABLE);
    assert_int_equal(r.unreach, PLX_UNREACH_HOST);
    probe(prober, &r, "192.0.2.1", 80);
    assert_int_equal(r.outcome, PLX_OUTCOME_LOCAL_ERROR);
    assert_int_equal(r.detail, PLX_DETAIL_LOCAL_NO_ROUTE);
    probe(prober, &r, "fd01::7", 80);
    assert_int_equal(r.outcome, PLX_OUTCOME_UNREACHABLE);
    probe(prober, &r, "2001:db8::1", 80);
    assert_int_equal(r.outcome, PLX_OUTCOME_LOCAL_ERROR);
    plx_prober_destroy(&prober);
}

/* Starts a probe of the silent neighbour, runs `meanwhile`, and waits for its end. */
static void probe_while(struct plx_prober *prober, struct plx_result *result,
                        const char *meanwhile)
{
    struct plx_probe_order order = {
        .addr = addr("10.1.0.8"), .port = 80, .timeout_ns = 300 * PLX_MS_NS};
    for (int i = 0; i < 10; i++) { /* what the last step changed is still being told */
        poll(NULL, 0, 10);
        plx_prober_tick(prober);
    }
    assert_int_equal(plx_prober_start(prober, &order), 0);
    plx_prober_tick(prober);
    /* Beside the probe, not in its way: a prober that stands still says so instead. */
    pid_t child = fork();
    if (child == 0)
        _exit(system(meanwhile) != 0);
    int status = 1;
    bool ended = false;
    while (!ended || plx_prober_in_flight(prober) > 0) {
        poll(NULL, 0, 2);
        plx_prober_tick(prober);
        ended = ended || waitpid(child, &status, WNOHANG) == child;
    }
    assert_int_equal(status, 0);
    print_message("%s: %s %s\n", meanwhile, plx_outcome_token(result->outcome),
                  plx_detail_token(result->detail));
}

static void lost_link__is_ours_and_not_the_targets(void **state)
{
    static const struct {
        const char *meanwhile;
        enum plx_detail detail;
        const char *undo; /* to do it once more */
    } steps[] = {
        {"true", PLX_DETAIL_TIMEDOUT, NULL},
        {"ip link set w0 down; ip link set w0 up", PLX_DETAIL_TIMEDOUT,
         NULL},                                               /* another */
        {"ip link set v1 down", PLX_DETAIL_LOCAL_LINK, NULL}, /* v0's carrier goes */
        {"true", PLX_DETAIL_LOCAL_LINK, NULL},                /* and stays away */
        {"ip link set v1 up; until ip link show v0 | grep -q 'state UP'; do sleep 0.02; "
         "done",
         PLX_DETAIL_LOCAL_LINK, "ip link set v1 down"}, /* was away at first */
        {"true", PLX_DETAIL_TIMEDOUT, NULL},
        {"ip route del 10.1.0.0/24 dev v0", PLX_DETAIL_LOCAL_LINK,
         "ip route add 10.1.0.0/24 dev v0"},
    };
    (void)state;
    struct plx_result r;
    struct plx_prober *prober = NULL;
    sh("ip neigh replace 10.1.0.8 lladdr 02:00:00:00:00:08 dev v0 nud permanent && "
       "ip link add w0 type veth peer name w1 && ip link set w1 up && "
       "ip addr add 10.2.0.1/24 dev w0 && ip link set w0 up");
    assert_int_equal(plx_prober_new(PLX_ENGINE_EPOLL, 4, 1, on_done, &r, &prober, NULL),
                     0);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        probe_while(prober, &r, steps[i].meanwhile);
        /* Without the processor for long, a prober says that of itself and of nothing
         * else. */
        for (int n = 0; r.detail == PLX_DETAIL_LOCAL_STALLED && n < 20; n++) {
            if (steps[i].undo)
                sh(steps[i].undo);
            probe_while(prober, &r, steps[i].meanwhile);
        }
        assert_int_equal(r.detail, steps[i].detail);
        assert_int_equal(r.outcome, steps[i].detail == PLX_DETAIL_TIMEDOUT
                                        ? PLX_OUTCOME_TIMEOUT
                                        : PLX_OUTCOME_LOCAL_ERROR);
    }
    plx_prober_destroy(&prober);
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0) {
        perror(path);
        exit(3);
    }
    close(fd);
}

static void enter_namespace(void)
{
    char map[64];
    bool root = geteuid() == 0;
    snprintf(map, sizeof map, "0 %u 1", (unsigned)geteuid());
    if (unshare(CLONE_NEWNET | (root ? 0 : CLONE_NEWUSER)) < 0) {
        perror("unshare");
        exit(3);
    }
    if (!root)
        write_file("/proc/self/uid_map", map);
    sh("ip link set lo up && ip link add v0 type veth peer name v1 && "
       "ip link set v1 up && ip addr add 10.1.0.1/24 dev v0 && "
       "ip addr add fd01::1/64 dev v0 nodad && ip link set v0 up && "
       "ip route add default via 10.1.0.2 && ip -6 route add default via fd01::2");
    /* That a link runs the kernel says a little later: until then it is a lost one. */
    sh("for i in $(seq 500); do ip link show v0 | grep -q 'state UP' && exit 0; "
       "sleep 0.02; done; exit 1");
    /* One question, 20 ms: an unanswered first hop is known at once instead of after 3 s.
     */
    write_file("/proc/sys/net/ipv4/neigh/v0/mcast_solicit", "1");
    write_file("/proc/sys/net/ipv4/neigh/v0/retrans_time_ms", "20");
    write_file("/proc/sys/net/ipv6/neigh/v0/mcast_solicit", "1");
    write_file("/proc/sys/net/ipv6/neigh/v0/retrans_time_ms", "20");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changed_route__changes_the_source_at_once),
        cmocka_unit_test(gateway__is_told_from_a_neighbour),
        cmocka_unit_test(silent_first_hop__is_ours_only_where_it_is_a_gateway),
        cmocka_unit_test(lost_link__is_ours_and_not_the_targets),
    };
    enter_namespace();
    return PLX_RUN(tests);
}
