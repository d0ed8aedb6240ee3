#include "agent/io/routes.h"

#include "sys/clock.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

/* Changes read away at a time: a full receive buffer holds fewer. */
#define DRAIN_MAX 8192

int plx_routes_watch(void)
{
    static const int groups[] = {
        RTNLGRP_LINK,        RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE,
        RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE,  RTNLGRP_IPV6_RULE,  RTNLGRP_NEXTHOP,
    };
    const struct sockaddr_nl name = {.nl_family = AF_NETLINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0)
        return -1;
    /* A socket without a port of its own is passed over where the kernel itself speaks.
     */
    if (bind(fd, (const struct sockaddr *)&name, sizeof name) < 0) {
        close(fd);
        return -1;
    }
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
                       sizeof groups[i]) < 0 &&
            groups[i] != RTNLGRP_NEXTHOP /* Linux 5.3 */) {
            close(fd);
            return -1;
        }
    }
    return fd;
}

bool plx_routes_changed(int fd, struct plx_links *links)
{
    char head[512]; /* a message is cut to it */
    bool changed = false;
    for (int i = 0; i < DRAIN_MAX; i++) {
        ssize_t n = recv(fd, head, sizeof head, MSG_DONTWAIT);
        if (n < 0 && errno != ENOBUFS)
            break;
        changed = true;
        if (n < 0) /* some were not told */
            plx_links_look(links, plx_clock_mono());
        else
            plx_links_take(links, head, (size_t)n, plx_clock_mono());
    }
    return changed;
}
