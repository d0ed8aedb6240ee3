/* Strangers and hostile agents against one port.
 *
 *   bench_flood hold HOST PORT N SECONDS PERCENT
 *
 * keeps N connections open, of which PERCENT say half a greeting and the others nothing;
 * opens again what is closed.
 *
 *   bench_flood malformed HOST PORT N
 *
 * makes N connections, each with something else wrong.
 *
 *   bench_flood frames ENDPOINT SERVER_KEY KEYS N
 *
 * sends N mutated messages of the agents in KEYS (bench_storm keys) over their sessions.
 * Everything random comes from a fixed seed. Each prints one line at its end. */
#include "base/rng.h"
#include "base/text.h"
#include "proto/wire.h"
#include "sys/channel.h"
#include "sys/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#define IN_FLIGHT   512
#define LIFE_NS     (100 * PLX_MS_NS)
#define PAYLOAD_MAX 4096
#define GREETING    64
#define PEERS_MAX   64

static struct plx_rng rng;
static struct sockaddr_in target;

static bool set_target(const char *host, const char *port)
{
    int64_t n;
    target.sin_family = AF_INET;
    if (plx_text_int(port, 1, 65535, &n) < 0 ||
        inet_pton(AF_INET, host, &target.sin_addr) != 1 ||
        (ntohl(target.sin_addr.s_addr) >> 24) != 127)
        return false; /* never anything but this host */
    target.sin_port = htons((uint16_t)n);
    return true;
}

/* Sources of 127.0.0.2 … 127.0.0.31: one address has too few ports. */
static int open_one(void)
{
    static unsigned turn;
    const struct linger reset = {1, 0};
    struct sockaddr_in source = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + turn++ % 30);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    bind(fd, (struct sockaddr *)&source, sizeof source);
    if (connect(fd, (struct sockaddr *)&target, sizeof target) == 0 ||
        errno == EINPROGRESS)
        return fd;
    close(fd);
    return -1;
}

/* ZMTP 3.1's greeting (RFC 37): signature, version, mechanism, as-server, filler. */
static size_t greeting(uint8_t out[GREETING], const char *mechanism)
{
    memset(out, 0, GREETING);
    out[0] = 0xff;
    out[9] = 0x7f;
    out[10] = 3;
    memcpy(out + 12, mechanism, strlen(mechanism));
    return GREETING;
}

static size_t noise(uint8_t *out, size_t max)
{
    size_t n = 1 + (size_t)plx_rng_below(&rng, max);
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)plx_rng_u64(&rng);
    return n;
}

/* A command frame (flags 4, or 6 with eight bytes of length) with a body of noise. */
static size_t command(uint8_t *out, const char *name, size_t body, uint64_t said_len)
{
    size_t n = 0, len = strlen(name);
    out[n++] = 6;
    for (int shift = 56; shift >= 0; shift -= 8)
        out[n++] = (uint8_t)(said_len >> shift);
    out[n++] = (uint8_t)len;
    memcpy(out + n, name, len);
    n += len;
    for (size_t i = 0; i < body; i++)
        out[n++] = (uint8_t)plx_rng_u64(&rng);
    return n;
}

static size_t wrong_thing(uint8_t *out)
{
    size_t n;
    switch (plx_rng_below(&rng, 8)) {
    case 0:
        return 0; /* says nothing */
    case 1:
        return noise(out, PAYLOAD_MAX);
    case 2:
        return greeting(out, "CURVE") - 1 - plx_rng_below(&rng, GREETING - 1);
    case 3:
        n = greeting(out, "NULL");
        return n + command(out + n, "READY", 40, 46);
    case 4: /* a HELLO of the right length whose box does not open */
        n = greeting(out, "CURVE");
        return n + command(out + n, "HELLO", 194, 200);
    case 5: /* a frame that says it has no end */
        n = greeting(out, "CURVE");
        return n + command(out + n, "HELLO", 100, UINT64_MAX >> 1);
    case 6:
        n = greeting(out, "CURVE");
        return n + noise(out + n, PAYLOAD_MAX - GREETING);
    default: /* INITIATE before HELLO */
        n = greeting(out, "CURVE");
        return n + command(out + n, "INITIATE", 248, 257);
    }
}

/* ---- connections ---- */

struct conn {
    int fd; /* -1: none */
    bool sent;
    struct plx_mono since;
};

static void close_conn(struct conn *conn)
{
    close(conn->fd);
    conn->fd = -1;
}

static bool open_conn(struct conn *conn, int epoll_fd)
{
    *conn = (struct conn){.fd = open_one(), .since = plx_clock_mono()};
    struct epoll_event ev = {.events = EPOLLOUT | EPOLLIN | EPOLLRDHUP | EPOLLET,
                             .data.ptr = conn};
    return conn->fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, conn->fd, &ev) == 0;
}

/* Sends once connected; true when the server has hung up. */
static bool serve_conn(struct conn *conn, uint32_t events, size_t (*say)(uint8_t *out))
{
    uint8_t bytes[2 * PAYLOAD_MAX];
    if (events & (EPOLLERR | EPOLLHUP))
        return true;
    if ((events & EPOLLOUT) && !conn->sent) {
        size_t n = say(bytes);
        conn->sent = true;
        if (n > 0 && send(conn->fd, bytes, n, MSG_NOSIGNAL) < 0)
            return true;
    }
    ssize_t n = 1;
    while ((events & EPOLLIN) && n > 0)
        n = recv(conn->fd, bytes, sizeof bytes, 0);
    return n == 0;
}

static int malformed(int64_t wanted)
{
    static struct conn conns[IN_FLIGHT];
    struct epoll_event events[IN_FLIGHT];
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int64_t opened = 0, ended = 0, hung_up = 0, failed = 0;
    struct plx_mono began = plx_clock_mono();
    for (size_t i = 0; i < IN_FLIGHT; i++)
        conns[i].fd = -1;
    while (ended < wanted) {
        struct plx_mono now = plx_clock_mono();
        for (size_t i = 0; i < IN_FLIGHT; i++) {
            struct conn *conn = &conns[i];
            if (conn->fd >= 0 && plx_mono_diff(now, conn->since) > LIFE_NS) {
                close_conn(conn);
                ended++;
            }
            if (conn->fd >= 0 || opened >= wanted)
                continue;
            if (open_conn(conn, epoll_fd))
                opened++;
            else
                failed++;
        }
        int n = epoll_wait(epoll_fd, events, IN_FLIGHT, 5);
        for (int i = 0; i < n; i++) {
            struct conn *conn = events[i].data.ptr;
            if (conn->fd < 0 || !serve_conn(conn, events[i].events, wrong_thing))
                continue;
            close_conn(conn);
            ended++;
            hung_up++;
        }
    }
    double s = (double)plx_mono_diff(plx_clock_mono(), began) / (double)PLX_SEC_NS;
    printf("%lld malformed connections in %.0f s (%.0f/s), %lld closed by the server, "
           "%lld not opened\n",
           (long long)ended, s, (double)ended / s, (long long)hung_up, (long long)failed);
    close(epoll_fd);
    return 0;
}

static uint64_t speaking; /* per cent */

static size_t next_to_nothing(uint8_t *out)
{
    return plx_rng_below(&rng, 100) < speaking ? greeting(out, "CURVE") - 32 : 0;
}

static int hold(int64_t wanted, int64_t seconds)
{
    struct conn *conns = calloc((size_t)wanted, sizeof *conns);
    struct epoll_event events[IN_FLIGHT];
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int64_t opened = 0, n_open = 0, most = 0;
    struct plx_mono began = plx_clock_mono();
    if (!conns)
        return 1;
    for (int64_t i = 0; i < wanted; i++)
        conns[i].fd = -1;
    while (plx_mono_diff(plx_clock_mono(), began) < seconds * PLX_SEC_NS) {
        for (int64_t i = 0; i < wanted; i++)
            if (conns[i].fd < 0 && open_conn(&conns[i], epoll_fd)) {
                opened++;
                n_open++;
            }
        most = n_open > most ? n_open : most;
        int n = epoll_wait(epoll_fd, events, IN_FLIGHT, 10);
        for (int i = 0; i < n; i++) {
            struct conn *conn = events[i].data.ptr;
            if (conn->fd < 0 || !serve_conn(conn, events[i].events, next_to_nothing))
                continue;
            close_conn(conn);
            n_open--;
        }
    }
    printf("held up to %lld connections for %lld s, %lld opened in all\n",
           (long long)most, (long long)seconds, (long long)opened);
    for (int64_t i = 0; i < wanted; i++)
        if (conns[i].fd >= 0)
            close_conn(&conns[i]);
    free(conns);
    return 0;
}

/* ---- frames ---- */

static void valid_message(struct plx_buf *out)
{
    static const struct plx_label label = {(char *)"provider", (char *)"aws"};
    struct plx_result results[8];
    for (size_t i = 0; i < 8; i++) {
        results[i] = (struct plx_result){.monitor_id = plx_rng_below(&rng, 100),
                                         .scheduled = plx_clock_wall(),
                                         .outcome = PLX_OUTCOME_OPEN};
        results[i].started = results[i].scheduled;
        plx_addr_parse("192.0.2.1", &results[i].address);
    }
    const struct plx_msg messages[] = {
        {.type = PLX_MSG_HELLO,
         .hello = {.software = "flood",
                   .labels = &label,
                   .n_labels = 1,
                   .wall = plx_clock_wall()}},
        {.type = PLX_MSG_HEARTBEAT, .heartbeat = {.wall = plx_clock_wall()}},
        {.type = PLX_MSG_RESULTS,
         .results = {.stream_id = 1, .first_seq = 1, .results = results, .n = 8}},
        {.type = PLX_MSG_PROBE_DONE, .probe_done = {7, results[0]}},
        {.type = PLX_MSG_BYE, .bye = {"flood"}},
        {.type = PLX_MSG_AGENT_KEY, .agent_key = {""}},
    };
    plx_buf_clear(out);
    plx_wire_encode(&messages[plx_rng_below(&rng, sizeof messages / sizeof *messages)],
                    out);
}

/* A few bytes changed, cut off or put in. */
static void mutate(struct plx_buf *frame)
{
    for (uint64_t k = plx_rng_below(&rng, 4); k > 0 && frame->len > 0; k--) {
        size_t at = (size_t)plx_rng_below(&rng, frame->len);
        switch (plx_rng_below(&rng, 3)) {
        case 0:
            frame->data[at] = (char)plx_rng_u64(&rng);
            break;
        case 1:
            frame->len = at;
            break;
        default:
            frame->data[at] ^= (char)(1 << plx_rng_below(&rng, 8));
        }
    }
}

static size_t connect_peers(struct plx_net *net, const char *endpoint,
                            const char *server_key, const char *path,
                            struct plx_channel *peers[PEERS_MAX])
{
    struct plx_keypair pair;
    struct plx_why why;
    size_t n = 0;
    FILE *keys = fopen(path, "r");
    while (keys && n < PEERS_MAX && fread(&pair, sizeof pair, 1, keys) == 1) {
        if (plx_channel_connect(net, endpoint, server_key, &pair, &peers[n], &why) < 0)
            break;
        n++;
    }
    if (keys)
        fclose(keys);
    return n;
}

/* Reads what came back, so that no queue of the coordinator's fills. */
static void hear(struct plx_channel *peer)
{
    struct plx_parcel parcel;
    for (int i = 0; i < 64 && plx_channel_recv(peer, &parcel) == 0; i++)
        ;
}

static int frames(const char *endpoint, const char *server_key, const char *path,
                  int64_t wanted)
{
    struct plx_channel *peers[PEERS_MAX];
    struct plx_net *net;
    struct plx_why why;
    struct plx_buf frame;
    int64_t sent = 0;
    if (plx_net_new(&net, &why) < 0)
        return 1;
    size_t n = connect_peers(net, endpoint, server_key, path, peers);
    struct plx_mono began = plx_clock_mono();
    plx_buf_init(&frame, PLX_WIRE_FRAME_MAX);
    while (sent < wanted && n > 0) {
        int64_t before = sent;
        for (size_t i = 0; i < n; i++) {
            hear(peers[i]);
            for (int k = 0; k < 32; k++) {
                valid_message(&frame);
                mutate(&frame);
                const struct plx_frame f = {frame.data, frame.len};
                if (plx_channel_send(peers[i], NULL, &f, 1) < 0)
                    break;
                sent++;
            }
        }
        if (sent == before)
            poll(NULL, 0, 1);
        if (plx_mono_diff(plx_clock_mono(), began) > 20 * PLX_MIN_NS)
            break;
    }
    double s = (double)plx_mono_diff(plx_clock_mono(), began) / (double)PLX_SEC_NS;
    printf("%lld frames of %zu agents in %.0f s (%.0f/s)\n", (long long)sent, n, s,
           (double)sent / s);
    plx_buf_fini(&frame);
    for (size_t i = 0; i < n; i++)
        plx_channel_destroy(&peers[i]);
    plx_net_destroy(&net);
    return sent < wanted;
}

int main(int argc, char **argv)
{
    struct rlimit files;
    int64_t n, seconds, percent;
    plx_rng_init(&rng, 1);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (argc == 7 && strcmp(argv[1], "hold") == 0 && set_target(argv[2], argv[3]) &&
        plx_text_int(argv[4], 1, 1000000, &n) == 0 &&
        plx_text_int(argv[5], 1, 3600, &seconds) == 0 &&
        plx_text_int(argv[6], 0, 100, &percent) == 0) {
        speaking = (uint64_t)percent;
        return hold(n, seconds);
    }
    if (argc == 5 && strcmp(argv[1], "malformed") == 0 && set_target(argv[2], argv[3]) &&
        plx_text_int(argv[4], 1, 1000000000, &n) == 0)
        return malformed(n);
    if (argc == 6 && strcmp(argv[1], "frames") == 0 &&
        strncmp(argv[2], "tcp://127.", 10) == 0 &&
        plx_text_int(argv[5], 1, 1000000000, &n) == 0)
        return frames(argv[2], argv[3], argv[4], n);
    fputs(
        "usage: bench_flood hold HOST PORT N SECONDS PERCENT | malformed HOST PORT N |\n"
        "       frames ENDPOINT SERVER_KEY KEYS N\n",
        stderr);
    return 2;
}
