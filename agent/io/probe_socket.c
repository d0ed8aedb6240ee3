#include "agent/io/probe_socket.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
/* linux/tcp.h has the whole tcp_info, netinet/tcp.h has not; they exclude one another. */
#include <linux/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* 131 s to the kernel's own timeout: ours (60 s at most) always comes first, whatever
 * net.ipv4.tcp_syn_retries says here. */
#define SYN_RETRIES 6
/* Messages of the error queue read at a time: one ICMP error ends an attempt. */
#define QUEUE_READS 8

enum { TCP_STATE_ESTABLISHED = 1, TCP_STATE_SYN_SENT = 2, TCP_STATE_CLOSE_WAIT = 8 };

union name {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t name_of(const struct plx_addr *addr, uint16_t port, union name *ret)
{
    memset(ret, 0, sizeof *ret);
    if (addr->family == 6) {
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons(port);
        memcpy(&ret->v6.sin6_addr, addr->bytes, 16);
        return sizeof ret->v6;
    }
    ret->v4.sin_family = AF_INET;
    ret->v4.sin_port = htons(port);
    memcpy(&ret->v4.sin_addr, addr->bytes, 4);
    return sizeof ret->v4;
}

static struct plx_addr addr_of(const union name *name)
{
    struct plx_addr addr = {0};
    if (name->any.sa_family == AF_INET) {
        addr.family = 4;
        memcpy(addr.bytes, &name->v4.sin_addr, 4);
    } else if (name->any.sa_family == AF_INET6) {
        addr.family = 6;
        memcpy(addr.bytes, &name->v6.sin6_addr, 16);
    }
    return addr;
}

static int set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) < 0 ? errno : 0;
}

int plx_probe_socket_open(uint8_t family, int *ret_fd)
{
    bool v6 = family == 6;
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    IPPROTO_TCP);
    if (fd < 0)
        return errno;
    /* Where a socket has to be closed instead of disarmed, that sends a RST too. */
    const struct linger rst = {.l_onoff = 1, .l_linger = 0};
    int err = setsockopt(fd, SOL_SOCKET, SO_LINGER, &rst, sizeof rst) < 0 ? errno : 0;
    if (!err)
        err = v6 ? set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1)
                 : set_int(fd, IPPROTO_IP, IP_RECVERR, 1);
    if (!err)
        err = set_int(fd, IPPROTO_TCP, TCP_SYNCNT, SYN_RETRIES);
    if (err) {
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

int plx_probe_socket_bind(int fd, const struct plx_addr *source)
{
    union name name;
    socklen_t len = name_of(source, 0, &name);
    int err = set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (!err && bind(fd, &name.any, len) < 0)
        err = errno;
    return err;
}

int plx_probe_socket_bind_port(int fd, const struct plx_addr *source, uint16_t port)
{
    union name name;
    socklen_t len = name_of(source, port, &name);
    return bind(fd, &name.any, len) < 0 ? errno : 0;
}

int plx_probe_socket_set_ttl(int fd, uint8_t family, uint8_t ttl)
{
    int value = ttl == 0 ? -1 : ttl; /* -1: the system's own */
    return family == 6 ? set_int(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, value)
                       : set_int(fd, IPPROTO_IP, IP_TTL, value);
}

int plx_probe_socket_connect(int fd, const struct plx_addr *addr, uint16_t port,
                             enum plx_handshake handshake)
{
    union name name;
    socklen_t len = name_of(addr, port, &name);
    int err = 0;
    if (handshake == PLX_HANDSHAKE_HALF_OPEN)
        err = set_int(fd, IPPROTO_TCP, TCP_QUICKACK, 0);
    if (!err && connect(fd, &name.any, len) < 0 && errno != EINPROGRESS)
        err = errno;
    return err;
}

void plx_probe_socket_close_orderly(int fd)
{
    const struct linger off = {0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof off);
}

int plx_probe_socket_disarm(int fd)
{
    const struct sockaddr none = {.sa_family = AF_UNSPEC};
    return connect(fd, &none, sizeof none) < 0 ? errno : 0;
}

enum plx_probe_socket_state plx_probe_socket_info(int fd, struct plx_attempt_facts *facts)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
        return PLX_PROBE_SOCKET_CLOSED;
    facts->has_tcp_info = true;
    facts->rtt_us = info.tcpi_rtt;
    facts->retrans = info.tcpi_total_retrans;
    facts->segs_out = info.tcpi_segs_out;
    if (info.tcpi_state == TCP_STATE_SYN_SENT)
        return PLX_PROBE_SOCKET_PENDING;
    if (info.tcpi_state < TCP_STATE_ESTABLISHED ||
        (info.tcpi_state > TCP_STATE_SYN_SENT && info.tcpi_state != TCP_STATE_CLOSE_WAIT))
        return PLX_PROBE_SOCKET_CLOSED;
    facts->since_answer_ns = (int64_t)info.tcpi_last_ack_recv * PLX_MS_NS;
    return PLX_PROBE_SOCKET_CONNECTED;
}

/* Takes the ICMP error that `control` carries, if it carries one. */
static void take_icmp(struct msghdr *msg, struct plx_attempt_facts *facts)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
        bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
        if (!v4 && !v6)
            continue;
        struct sock_extended_err err;
        union name from;
        if (c->cmsg_len < CMSG_LEN(sizeof err + sizeof from.v4))
            continue;
        memset(&from, 0, sizeof from);
        memcpy(&err, CMSG_DATA(c), sizeof err);
        size_t room = c->cmsg_len - CMSG_LEN(sizeof err);
        memcpy(&from, CMSG_DATA(c) + sizeof err, room < sizeof from ? room : sizeof from);
        if (err.ee_origin != SO_EE_ORIGIN_ICMP && err.ee_origin != SO_EE_ORIGIN_ICMP6)
            continue;
        facts->has_icmp = true;
        facts->icmp_type = err.ee_type;
        facts->icmp_code = err.ee_code;
        facts->icmp_from = addr_of(&from);
        /* The offender can be unknown; the tables need to know whose codes these are. */
        if (facts->icmp_from.family == 0)
            facts->icmp_from.family = err.ee_origin == SO_EE_ORIGIN_ICMP ? 4 : 6;
        if (facts->error == 0)
            facts->error = (int)err.ee_errno;
    }
}

void plx_probe_socket_error(int fd, struct plx_attempt_facts *facts)
{
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    facts->error = error;
    for (int i = 0; i < QUEUE_READS; i++) {
        char control[512] __attribute__((aligned(8)));
        char data[64];
        struct iovec iov = {data, sizeof data};
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
        if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            return;
        take_icmp(&msg, facts);
    }
}

struct plx_addr plx_probe_socket_source(int fd)
{
    union name name;
    socklen_t len = sizeof name;
    memset(&name, 0, sizeof name);
    if (getsockname(fd, &name.any, &len) < 0)
        return (struct plx_addr){0};
    struct plx_addr addr = addr_of(&name);
    static const uint8_t none[16];
    if (memcmp(addr.bytes, none, sizeof none) == 0)
        addr.family = 0;
    return addr;
}

static int open_listener(uint16_t *ret_port)
{
    union name name = {.v4 = {.sin_family = AF_INET}};
    socklen_t len = sizeof name.v4;
    name.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (bind(fd, &name.any, len) < 0 || listen(fd, 8) < 0 ||
        getsockname(fd, &name.any, &len) < 0) {
        close(fd);
        return -1;
    }
    *ret_port = ntohs(name.v4.sin_port);
    return fd;
}

/* One probe of the listener with an open socket; loopback answers within the call, the
 * wait is for a busy machine. */
static bool probe_once(int fd, uint16_t port)
{
    const struct plx_addr loopback = {.family = 4, .bytes = {127, 0, 0, 1}};
    struct plx_attempt_facts facts = {0};
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};
    if (plx_probe_socket_connect(fd, &loopback, port, PLX_HANDSHAKE_HALF_OPEN) != 0)
        return false;
    bool ok = poll(&pfd, 1, 100) == 1 && !(pfd.revents & (POLLERR | POLLHUP)) &&
              plx_probe_socket_info(fd, &facts) == PLX_PROBE_SOCKET_CONNECTED;
    return plx_probe_socket_disarm(fd) == 0 && ok;
}

bool plx_probe_socket_reuse_works(void)
{
    uint16_t port;
    int fd = -1;
    int listener = open_listener(&port);
    if (listener < 0)
        return false;
    bool ok = plx_probe_socket_open(4, &fd) == 0;
    for (int i = 0; ok && i < 3; i++)
        ok = probe_once(fd, port);
    if (fd >= 0)
        close(fd);
    close(listener);
    return ok;
}
