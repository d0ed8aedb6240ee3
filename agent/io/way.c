#include "agent/io/way.h"

#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct question {
    struct nlmsghdr header;
    struct rtmsg route;
    char attributes[2 * RTA_SPACE(16)];
};

static void add(struct question *q, unsigned short type, const struct plx_addr *addr)
{
    unsigned short bytes = addr->family == 6 ? 16 : 4;
    struct rtattr attr = {.rta_type = type, .rta_len = (unsigned short)RTA_LENGTH(bytes)};
    char *end = (char *)q + NLMSG_ALIGN(q->header.nlmsg_len);
    memcpy(end, &attr, sizeof attr);
    memcpy(end + RTA_LENGTH(0), addr->bytes, bytes);
    q->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(q->header.nlmsg_len) + RTA_SPACE(bytes));
}

static struct plx_way read_way(const char *reply, size_t len)
{
    struct plx_way way = {.none = false};
    struct nlmsghdr header;
    size_t at = NLMSG_LENGTH(sizeof(struct rtmsg));
    if (len < at)
        return way;
    memcpy(&header, reply, sizeof header);
    way.none = header.nlmsg_type == NLMSG_ERROR;
    if (header.nlmsg_type != RTM_NEWROUTE || header.nlmsg_len > len)
        return way;
    while (at + sizeof(struct rtattr) <= header.nlmsg_len) {
        struct rtattr attr;
        memcpy(&attr, reply + at, sizeof attr);
        if (attr.rta_len < sizeof attr || at + attr.rta_len > header.nlmsg_len)
            break;
        way.gateway |= attr.rta_type == RTA_GATEWAY || attr.rta_type == RTA_VIA;
        if (attr.rta_type == RTA_OIF && attr.rta_len == RTA_LENGTH(sizeof way.link))
            memcpy(&way.link, reply + at + RTA_LENGTH(0), sizeof way.link);
        at += RTA_ALIGN(attr.rta_len);
    }
    return way;
}

struct plx_way plx_way_to(const struct plx_addr *addr, const struct plx_addr *source)
{
    struct question q = {.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
                                    .nlmsg_type = RTM_GETROUTE,
                                    .nlmsg_flags = NLM_F_REQUEST},
                         .route = {.rtm_family = addr->family == 6 ? AF_INET6 : AF_INET,
                                   .rtm_dst_len = addr->family == 6 ? 128 : 32}};
    char reply[1024];
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return (struct plx_way){.link = 0};
    add(&q, RTA_DST, addr);
    if (source->family == addr->family) {
        q.route.rtm_src_len = q.route.rtm_dst_len;
        add(&q, RTA_SRC, source);
    }
    /* The kernel answers within send(): the reply is there, nothing is waited for. */
    ssize_t n = send(fd, &q, q.header.nlmsg_len, 0);
    if (n > 0)
        n = recv(fd, reply, sizeof reply, MSG_DONTWAIT);
    close(fd);
    return read_way(reply, n > 0 ? (size_t)n : 0);
}

bool plx_way_has_gateway(const struct plx_addr *addr, const struct plx_addr *source)
{
    return plx_way_to(addr, source).gateway;
}
