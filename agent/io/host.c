#include "agent/io/host.h"

#include "agent/io/probe_socket.h"
#include "agent/io/prober.h"
#include "agent/io/routes.h"
#include "agent/io/socket_set.h"
#include "sys/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define TIMER_NS (10 * PLX_MS_NS)
#define TIMERS   50
#define SPEED_NS (300 * PLX_MS_NS)
#define WINDOW   64

/* ---- limits ---- */

static void read_kernel(struct plx_host *h)
{
    struct utsname name;
    if (uname(&name) == 0)
        snprintf(h->kernel, sizeof h->kernel, "%.20s %.64s", name.sysname, name.release);
}

static void read_limits(struct plx_host *h)
{
    struct rlimit limit;
    cpu_set_t set;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        h->nofile_soft = limit.rlim_cur;
        h->nofile_hard = limit.rlim_max;
    }
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        h->cpus = (uint32_t)CPU_COUNT(&set);
}

/* Calls `fn` for each line of a file in /proc until it returns true. */
static void each_line(const char *path, bool (*fn)(struct plx_host *h, const char *line),
                      struct plx_host *h)
{
    char line[256];
    FILE *f = fopen(path, "re");
    if (!f)
        return;
    while (fgets(line, sizeof line, f) && !fn(h, line))
        ;
    fclose(f);
}

static bool take_memory(struct plx_host *h, const char *line)
{
    static const char name[] = "MemAvailable:";
    if (strncmp(line, name, sizeof name - 1) != 0)
        return false;
    h->memory_bytes = strtoull(line + sizeof name - 1, NULL, 10) * 1024;
    return true;
}

static bool take_ports(struct plx_host *h, const char *line)
{
    char *end;
    unsigned long long first = strtoull(line, &end, 10);
    unsigned long long last = strtoull(end, NULL, 10);
    if (last >= first)
        h->ports = last - first + 1;
    return true;
}

/* ---- what the kernel does ---- */

/* Where a probe of that address would go out from: connect() of a datagram socket asks
 * the routes and sends nothing. */
static struct plx_addr source_towards(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(9)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
    struct plx_addr source = {0};
    bool is_v4 = inet_pton(AF_INET, text, &v4.sin_addr) == 1;
    if (!is_v4 && inet_pton(AF_INET6, text, &v6.sin6_addr) != 1)
        return source;
    int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return source;
    int err = is_v4 ? connect(fd, (struct sockaddr *)&v4, sizeof v4)
                    : connect(fd, (struct sockaddr *)&v6, sizeof v6);
    if (err == 0)
        source = plx_probe_socket_source(fd);
    close(fd);
    return source;
}

static int listen_here(uint16_t *ret_port)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t len = sizeof name;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&name, sizeof name) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)&name, &len) < 0) {
        close(fd);
        return -1;
    }
    *ret_port = ntohs(name.sin_port);
    return fd;
}

/* A half-open probe that is left open for a while: the server must not see it. */
static bool holds_back(int listener, uint16_t port)
{
    const struct plx_addr loopback = {.family = 4, .bytes = {127, 0, 0, 1}};
    struct plx_attempt_facts facts = {0};
    struct pollfd seen = {.fd = listener, .events = POLLIN};
    int fd = -1;
    if (plx_probe_socket_open(4, &fd) != 0)
        return false;
    bool ok = plx_probe_socket_connect(fd, &loopback, port, PLX_HANDSHAKE_HALF_OPEN) == 0;
    ok = ok && poll(&seen, 1, 50) == 0 &&
         plx_probe_socket_info(fd, &facts) == PLX_PROBE_SOCKET_CONNECTED &&
         facts.segs_out == 1;
    plx_probe_socket_disarm(fd);
    close(fd);
    return ok;
}

static bool has_error_queue(void)
{
    int fd = -1; /* opening turns it on, or fails */
    bool ok = plx_probe_socket_open(4, &fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool tells_routes(void)
{
    int fd = plx_routes_watch();
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void try_io_uring(struct plx_host *h)
{
    enum plx_engine engine = PLX_ENGINE_AUTO;
    struct plx_why why = {""};
    plx_engine_choose(&engine, &why);
    h->io_uring = engine == PLX_ENGINE_IO_URING;
    snprintf(h->no_io_uring, sizeof h->no_io_uring, "%.63s", why.text);
}

/* ---- measured ---- */

static int by_size(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void measure_timers(struct plx_host *h)
{
    int64_t late[TIMERS];
    for (int i = 0; i < TIMERS; i++) {
        const struct timespec ts = {.tv_nsec = TIMER_NS};
        struct plx_mono began = plx_clock_mono();
        clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
        late[i] = plx_mono_diff(plx_clock_mono(), began) - TIMER_NS;
    }
    qsort(late, TIMERS, sizeof *late, by_size);
    h->late_median_ns = late[TIMERS / 2];
    h->late_worst_ns = late[TIMERS - 1];
}

static void count_probe(void *arg, uint64_t cookie, const struct plx_result *evidence,
                        struct plx_mono started)
{
    uint64_t *n_open = arg;
    (void)cookie;
    (void)started;
    *n_open += evidence->outcome == PLX_OUTCOME_OPEN;
}

static int64_t cpu_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return ts.tv_sec * PLX_SEC_NS + ts.tv_nsec;
}

static void measure_probes(struct plx_host *h, uint16_t port)
{
    uint64_t n_open = 0;
    struct plx_prober *prober = NULL;
    const struct plx_probe_order order = {.addr = {.family = 4, .bytes = {127, 0, 0, 1}},
                                          .port = port,
                                          .timeout_ns = PLX_SEC_NS};
    if (plx_prober_new(PLX_ENGINE_EPOLL, WINDOW, 1, count_probe, &n_open, &prober, NULL))
        return;
    struct plx_mono began = plx_clock_mono();
    int64_t cpu_began = cpu_ns();
    while (plx_mono_diff(plx_clock_mono(), began) < SPEED_NS) {
        while (plx_prober_start(prober, &order) == 0)
            ;
        plx_prober_tick(prober);
    }
    if (n_open > 0)
        h->probe_ns = (cpu_ns() - cpu_began) / (int64_t)n_open;
    plx_prober_destroy(&prober);
}

static void read_clock(struct plx_host *h)
{
    struct timex t = {.modes = 0};
    int state = adjtimex(&t);
    h->clock_synchronised = state >= 0 && state != TIME_ERROR && !(t.status & STA_UNSYNC);
    h->clock_error_ns = state < 0 ? -1 : (int64_t)t.maxerror * PLX_US_NS;
}

void plx_host_scan(struct plx_host *ret)
{
    struct plx_host h = {0};
    uint16_t port = 0;
    read_kernel(&h);
    read_limits(&h);
    each_line("/proc/meminfo", take_memory, &h);
    each_line("/proc/sys/net/ipv4/ip_local_port_range", take_ports, &h);
    int listener = listen_here(&port);
    if (listener >= 0) {
        h.held_back = holds_back(listener, port);
        measure_probes(&h, port);
        close(listener);
    }
    h.reuses = plx_probe_socket_reuse_works();
    h.error_queue = has_error_queue();
    h.routes = tells_routes();
    try_io_uring(&h);
    h.source4 = source_towards("192.0.2.1");
    h.source6 = source_towards("2001:db8::1");
    measure_timers(&h);
    read_clock(&h);
    *ret = h;
}
