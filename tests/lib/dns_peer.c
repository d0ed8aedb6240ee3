#include "dns_peer.h"

#include "test.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TYPE_A = 1, TYPE_AAAA = 28, NXDOMAIN = 3, SERVFAIL = 2, REFUSED = 5 };

struct reply {
    uint8_t bytes[8192];
    size_t len;
};

static void put16(struct reply *r, unsigned v)
{
    r->bytes[r->len++] = (uint8_t)(v >> 8);
    r->bytes[r->len++] = (uint8_t)v;
}

static void put_record(struct reply *r, unsigned type, const void *data, unsigned len)
{
    put16(r, 0xc00c); /* the name of the question */
    put16(r, type);
    put16(r, 1);
    put16(r, 0);
    put16(r, 60);
    put16(r, len);
    memcpy(r->bytes + r->len, data, len);
    r->len += len;
}

static bool asks_for(const uint8_t *question, const char *prefix)
{
    size_t len = strlen(prefix);
    return question[0] >= len &&
           strncasecmp((const char *)question + 1, prefix, len) == 0;
}

static unsigned answer(struct reply *r, const uint8_t *question, unsigned type)
{
    static const uint8_t ok6[16] = {0x20, 1, 0x0d, 0xb8, [15] = 1};
    if (asks_for(question, "ok") && type == TYPE_A)
        return put_record(r, TYPE_A, "\300\0\2\1", 4), 1;
    if (asks_for(question, "ok") && type == TYPE_AAAA)
        return put_record(r, TYPE_AAAA, ok6, 16), 1;
    if (asks_for(question, "four") && type == TYPE_A)
        return put_record(r, TYPE_A, "\300\0\2\4", 4), 1;
    if (asks_for(question, "many") && type == TYPE_A) {
        for (uint8_t i = 0; i < 28; i++)
            put_record(r, TYPE_A, (uint8_t[]){10, 0, 0, i}, 4);
        return 28;
    }
    return 0;
}

static unsigned rcode_of(const uint8_t *question)
{
    return asks_for(question, "nx")         ? NXDOMAIN
           : asks_for(question, "servfail") ? SERVFAIL
           : asks_for(question, "refuse")   ? REFUSED
                                            : 0;
}

static void on_query(void *arg, uint32_t events)
{
    struct plx_dns_peer *peer = arg;
    uint8_t q[512];
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    struct reply r = {.len = 0};
    (void)events;
    ssize_t n = recvfrom(peer->fd, q, sizeof q, 0, (struct sockaddr *)&from, &from_len);
    if (n < 17)
        return;
    peer->n_queries++;
    const uint8_t *question = q + 12;
    size_t end = 12;
    while (end < (size_t)n && q[end] != 0)
        end += q[end] + 1u;
    end += 5;
    if (asks_for(question, "silent"))
        return;
    put16(&r, (unsigned)q[0] << 8 | q[1]);
    put16(&r, 0x8180 | rcode_of(question));
    put16(&r, 1);
    r.len += 6;
    memcpy(r.bytes + r.len, question, end - 12);
    r.len += end - 12;
    unsigned n_answers = answer(&r, question, (unsigned)q[end - 4] << 8 | q[end - 3]);
    r.bytes[6] = (uint8_t)(n_answers >> 8);
    r.bytes[7] = (uint8_t)n_answers;
    if (asks_for(question, "garbage"))
        memset(r.bytes + 2, 0xff, r.len - 2);
    sendto(peer->fd, r.bytes, r.len, 0, (struct sockaddr *)&from, from_len);
}

void plx_dns_peer_start(struct plx_dns_peer *peer, struct plx_loop *loop)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t len = sizeof name;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *peer = (struct plx_dns_peer){0};
    peer->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_true(peer->fd >= 0);
    assert_int_equal(bind(peer->fd, (struct sockaddr *)&name, len), 0);
    assert_int_equal(getsockname(peer->fd, (struct sockaddr *)&name, &len), 0);
    peer->port = ntohs(name.sin_port);
    assert_int_equal(plx_loop_add_fd(loop, peer->fd, EPOLLIN, on_query, peer), 0);
}

void plx_dns_peer_stop(struct plx_dns_peer *peer, struct plx_loop *loop)
{
    plx_loop_remove_fd(loop, peer->fd);
    close(peer->fd);
}
