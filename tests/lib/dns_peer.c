#include "dns_peer.h"

#include "sys/clock.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TYPE_A = 1,
    TYPE_CNAME = 5,
    TYPE_AAAA = 28,
    NXDOMAIN = 3,
    SERVFAIL = 2,
    REFUSED = 5
};
enum { HEADER = 12, UDP_MAX = 512, FLOOD = 500 };

struct reply {
    uint8_t bytes[16384];
    size_t len;
    unsigned n; /* records */
};

/* A query taken apart. */
struct query {
    const uint8_t *bytes;
    size_t len;          /* up to the end of the question */
    const uint8_t *name; /* its first label */
    unsigned type;
    bool tcp;
};

static void put16(struct reply *r, unsigned v)
{
    r->bytes[r->len++] = (uint8_t)(v >> 8);
    r->bytes[r->len++] = (uint8_t)v;
}

static void put_record(struct reply *r, unsigned name, unsigned type, const void *data,
                       size_t len, unsigned ttl)
{
    put16(r, name);
    put16(r, type);
    put16(r, 1);
    put16(r, 0);
    put16(r, ttl);
    put16(r, (unsigned)len);
    memcpy(r->bytes + r->len, data, len);
    r->len += len;
    r->n++;
}

static void put_a(struct reply *r, uint8_t a, uint8_t b, uint8_t c, uint8_t d,
                  unsigned ttl)
{
    put_record(r, 0xc000 | HEADER, TYPE_A, (uint8_t[]){a, b, c, d}, 4, ttl);
}

static bool asks_for(const struct query *q, const char *prefix)
{
    size_t len = strlen(prefix);
    return q->name[0] >= len && strncasecmp((const char *)q->name + 1, prefix, len) == 0;
}

/* "loop2" and what follows the question's first label; then the way back. */
static void put_loop(struct reply *r, const struct query *q)
{
    unsigned rest = HEADER + 1u + q->name[0];
    const uint8_t there[] = {
        5, 'l', 'o', 'o', 'p', '2', (uint8_t)(0xc0 | rest >> 8), (uint8_t)rest};
    unsigned at = (unsigned)r->len + 12;
    put_record(r, 0xc000 | HEADER, TYPE_CNAME, there, sizeof there, 60);
    put_record(r, 0xc000 | at, TYPE_CNAME, (uint8_t[]){0xc0, HEADER}, 2, 60);
}

static void put_answer(struct reply *r, const struct query *q)
{
    static const uint8_t ok6[16] = {0x20, 1, 0x0d, 0xb8, [15] = 1};
    if (asks_for(q, "loop"))
        put_loop(r, q);
    else if ((asks_for(q, "ok") || asks_for(q, "spoof")) && q->type == TYPE_AAAA)
        put_record(r, 0xc000 | HEADER, TYPE_AAAA, ok6, 16, 60);
    if (q->type != TYPE_A)
        return;
    if (asks_for(q, "ok") || asks_for(q, "spoof"))
        put_a(r, 192, 0, 2, 1, 60);
    else if (asks_for(q, "four") || asks_for(q, "late"))
        put_a(r, 192, 0, 2, 4, 60);
    else if (asks_for(q, "evil"))
        put_a(r, 169, 254, 169, 254, 60);
    for (uint8_t i = 1; asks_for(q, "half") && i <= 3; i++)
        put_a(r, 127, 0, 0, i, 1);
    for (uint8_t i = 0; asks_for(q, "many") && i < 28; i++)
        put_a(r, 10, 0, 0, i, 60);
    for (unsigned i = 0; asks_for(q, "flood") && i < FLOOD; i++)
        put_a(r, 127, 0, (uint8_t)(2 + i / 250), (uint8_t)(1 + i % 250), 60);
}

static unsigned rcode_of(const struct query *q)
{
    return asks_for(q, "nx")         ? NXDOMAIN
           : asks_for(q, "servfail") ? SERVFAIL
           : asks_for(q, "refuse")   ? REFUSED
                                     : 0;
}

static void put_header(struct reply *r, const struct query *q)
{
    unsigned id = (unsigned)q->bytes[0] << 8 | q->bytes[1];
    put16(r, asks_for(q, "spoof") ? id ^ 0x5555 : id);
    put16(r, 0x8180 | rcode_of(q));
    put16(r, 1);
    r->len += 6;
    memcpy(r->bytes + r->len, q->bytes + HEADER, q->len - HEADER);
    r->len += q->len - HEADER;
}

static void make_reply(struct reply *r, const struct query *q)
{
    put_header(r, q);
    size_t question_end = r->len;
    put_answer(r, q);
    if (!q->tcp && r->len > UDP_MAX) { /* the bit TC: ask again over TCP */
        r->bytes[2] |= 2;
        r->len = question_end;
        r->n = 0;
    }
    if (asks_for(q, "count"))
        r->n = 0xffff;
    r->bytes[6] = (uint8_t)(r->n >> 8);
    r->bytes[7] = (uint8_t)r->n;
    if (asks_for(q, "garbage"))
        memset(r->bytes + 2, 0xff, r->len - 2);
}

static bool parse(const uint8_t *bytes, size_t len, bool tcp, struct query *ret)
{
    size_t end = HEADER;
    if (len < HEADER + 5)
        return false;
    while (end < len && bytes[end] != 0)
        end += bytes[end] + 1u;
    end += 5;
    if (end > len)
        return false;
    *ret = (struct query){bytes, end, bytes + HEADER,
                          (unsigned)bytes[end - 4] << 8 | bytes[end - 3], tcp};
    return true;
}

static void answer_udp(struct plx_dns_peer *peer, const struct query *q,
                       const struct sockaddr_in *to)
{
    struct reply r = {.len = 0};
    make_reply(&r, q);
    sendto(peer->fd, r.bytes, r.len, 0, (const struct sockaddr *)to, sizeof *to);
}

static void put_off(struct plx_dns_peer *peer, const uint8_t *bytes, size_t len,
                    const struct sockaddr_in *from)
{
    if (peer->late_tail - peer->late_head == PLX_DNS_PEER_LATE_MAX)
        return;
    struct plx_dns_peer_late *late =
        &peer->late[peer->late_tail++ % PLX_DNS_PEER_LATE_MAX];
    late->at = plx_mono_add(plx_clock_mono(), PLX_DNS_PEER_LATE_NS);
    late->to = *from;
    late->len = len;
    memcpy(late->query, bytes, len);
}

void plx_dns_peer_tick(struct plx_dns_peer *peer, struct plx_mono now)
{
    while (peer->late_head < peer->late_tail) {
        const struct plx_dns_peer_late *late =
            &peer->late[peer->late_head % PLX_DNS_PEER_LATE_MAX];
        struct query q;
        if (late->at.ns > now.ns)
            return;
        if (parse(late->query, late->len, false, &q))
            answer_udp(peer, &q, &late->to);
        peer->n_late++;
        peer->late_head++;
    }
}

static void on_udp(void *arg, uint32_t events)
{
    struct plx_dns_peer *peer = arg;
    uint8_t bytes[PLX_DNS_PEER_QUERY_MAX];
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    struct query q;
    (void)events;
    ssize_t n =
        recvfrom(peer->fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &from_len);
    if (n < 0 || !parse(bytes, (size_t)n, false, &q))
        return;
    peer->n_queries++;
    if (asks_for(&q, "late"))
        put_off(peer, bytes, (size_t)n, &from);
    else if (!asks_for(&q, "silent"))
        answer_udp(peer, &q, &from);
}

static void drop_call(struct plx_dns_peer_call *call)
{
    plx_loop_remove_fd(call->peer->loop, call->fd);
    close(call->fd);
    call->fd = -1;
}

/* One query a connection; on the loopback it comes in one piece. */
static void on_call(void *arg, uint32_t events)
{
    struct plx_dns_peer_call *call = arg;
    uint8_t bytes[2 + PLX_DNS_PEER_QUERY_MAX];
    struct reply r = {.len = 0};
    struct query q;
    (void)events;
    ssize_t n = recv(call->fd, bytes, sizeof bytes, 0);
    if (n > 2 && parse(bytes + 2, (size_t)n - 2, true, &q)) {
        make_reply(&r, &q);
        const uint8_t len[] = {(uint8_t)(r.len >> 8), (uint8_t)r.len};
        call->peer->n_tcp++;
        call->peer->n_queries++;
        send(call->fd, len, sizeof len, MSG_NOSIGNAL | MSG_MORE);
        send(call->fd, r.bytes, r.len, MSG_NOSIGNAL);
    }
    drop_call(call);
}

static void on_tcp(void *arg, uint32_t events)
{
    struct plx_dns_peer *peer = arg;
    (void)events;
    int fd = accept4(peer->tcp_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    for (size_t i = 0; fd >= 0 && i < PLX_DNS_PEER_CALLS_MAX; i++) {
        struct plx_dns_peer_call *call = &peer->calls[i];
        if (call->fd >= 0)
            continue;
        *call = (struct plx_dns_peer_call){peer, fd};
        if (plx_loop_add_fd(peer->loop, fd, EPOLLIN, on_call, call) == 0)
            return;
        call->fd = -1;
        break;
    }
    if (fd >= 0)
        close(fd);
}

static int open_port(struct plx_dns_peer *peer, uint16_t port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t len = sizeof name;
    const int on = 1;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    peer->tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (peer->fd < 0 || peer->tcp_fd < 0 ||
        bind(peer->fd, (struct sockaddr *)&name, len) < 0 ||
        getsockname(peer->fd, (struct sockaddr *)&name, &len) < 0)
        return -1;
    peer->port = ntohs(name.sin_port);
    setsockopt(peer->tcp_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(peer->tcp_fd, (struct sockaddr *)&name, len) < 0 ||
        listen(peer->tcp_fd, 64) < 0)
        return -1;
    return 0;
}

static void close_both(struct plx_dns_peer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    if (peer->tcp_fd >= 0)
        close(peer->tcp_fd);
}

int plx_dns_peer_start(struct plx_dns_peer *peer, struct plx_loop *loop, uint16_t port)
{
    memset(peer, 0, sizeof *peer);
    peer->loop = loop;
    for (size_t i = 0; i < PLX_DNS_PEER_CALLS_MAX; i++)
        peer->calls[i].fd = -1;
    int err = -1;
    /* The TCP port of the same number may be taken: another one then. */
    for (int tries = 0; err < 0 && tries < (port ? 1 : 20); tries++) {
        err = open_port(peer, port);
        if (err < 0)
            close_both(peer);
    }
    if (err == 0 && (plx_loop_add_fd(loop, peer->fd, EPOLLIN, on_udp, peer) ||
                     plx_loop_add_fd(loop, peer->tcp_fd, EPOLLIN, on_tcp, peer)))
        err = -1;
    return err;
}

void plx_dns_peer_stop(struct plx_dns_peer *peer, struct plx_loop *loop)
{
    for (size_t i = 0; i < PLX_DNS_PEER_CALLS_MAX; i++)
        if (peer->calls[i].fd >= 0)
            drop_call(&peer->calls[i]);
    plx_loop_remove_fd(loop, peer->fd);
    plx_loop_remove_fd(loop, peer->tcp_fd);
    close_both(peer);
}
