/* Probe sockets in an epoll: each is registered once, edge-triggered, and stays so from
 * one attempt to the next. Its descriptor is never put away. */
#include "agent/io/socket_set.h"
#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_MAX 256

struct set {
    struct plx_socket_set base;
    int epoll_fd;
};

static struct set *of(struct plx_socket_set *set)
{
    return (struct set *)set;
}

static int open_set(uint32_t max, struct plx_socket_set **ret, struct plx_why *why)
{
    (void)max;
    struct set *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->base.engine = &plx_socket_epoll;
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll_fd < 0) {
        plx_why_set(why, PLX_EIO, "cannot make an epoll: %s", strerror(errno));
        free(s);
        return PLX_EIO;
    }
    *ret = &s->base;
    return 0;
}

static void close_set(struct plx_socket_set **set)
{
    close(of(*set)->epoll_fd);
    free(*set);
    *set = NULL;
}

static int set_fd(const struct plx_socket_set *set)
{
    return ((const struct set *)set)->epoll_fd;
}

static int add(struct plx_socket_set *set, uint32_t member, int fd, uint32_t events)
{
    struct epoll_event ev = {.events = events | EPOLLET, .data.u32 = member};
    return epoll_ctl(of(set)->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? errno : 0;
}

static int fetch(struct plx_socket_set *set, uint32_t member, int *fd)
{
    (void)set;
    (void)member;
    (void)fd;
    return 0;
}

static void settle(struct plx_socket_set *set, uint32_t member, int *fd, bool armed)
{
    (void)set;
    (void)member;
    (void)fd;
    (void)armed;
}

static void drop(struct plx_socket_set *set, uint32_t member, int *fd)
{
    (void)set;
    (void)member;
    close(*fd);
    *fd = PLX_SOCKET_NONE;
}

static int take(struct plx_socket_set *set, struct plx_socket_event *events, int max)
{
    struct epoll_event found[EVENTS_MAX];
    int room = max < EVENTS_MAX ? max : EVENTS_MAX;
    int n = epoll_wait(of(set)->epoll_fd, found, room, 0);
    for (int i = 0; i < n; i++)
        events[i] = (struct plx_socket_event){found[i].data.u32, found[i].events};
    return n < 0 ? 0 : n;
}

const struct plx_socket_engine plx_socket_epoll = {
    .token = "epoll",
    .open = open_set,
    .close = close_set,
    .fd = set_fd,
    .add = add,
    .fetch = fetch,
    .settle = settle,
    .drop = drop,
    .take = take,
};
