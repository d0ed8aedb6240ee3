#include "sys/listener.h"

#include "base/err.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* How long the kernel keeps a connection that says nothing to itself. */
#define SILENT_S 5
#define TRIES    20
#define PAUSE_NS 50000000L

/* "tcp://[::1]:7441" → "::1" and "7441"; the host is empty for "*". */
static int split(const char *endpoint, char *host, size_t host_size, char *port,
                 size_t port_size)
{
    const char *text = strncmp(endpoint, "tcp://", 6) == 0 ? endpoint + 6 : NULL;
    const char *colon = text ? strrchr(text, ':') : NULL;
    if (!colon || !colon[1])
        return PLX_EINVAL;
    size_t len = (size_t)(colon - text);
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len >= host_size || strlen(colon + 1) >= port_size)
        return PLX_EINVAL;
    bool any = len == 1 && *text == '*';
    snprintf(host, host_size, "%.*s", any ? 0 : (int)len, text);
    snprintf(port, port_size, "%s", strcmp(colon + 1, "*") == 0 ? "0" : colon + 1);
    return 0;
}

/* Returns the descriptor, or -1 with errno. */
static int listen_on(const struct addrinfo *ai, int backlog)
{
    const int one = 1, zero = 0, silent_s = SILENT_S;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &silent_s, sizeof silent_s);
    if (ai->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, backlog) == 0)
        return fd;
    int e = errno;
    close(fd);
    errno = e;
    return -1;
}

static int listen_patiently(const struct addrinfo *ai, int backlog)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    int fd = listen_on(ai, backlog);
    for (int i = 1; fd < 0 && errno == EADDRINUSE && i < TRIES; i++) {
        nanosleep(&pause, NULL);
        fd = listen_on(ai, backlog);
    }
    return fd;
}

static int open_any(const char *host, const char *port, int backlog)
{
    static const int families[] = {AF_INET6, AF_INET};
    int fd = -1;
    for (size_t i = 0; i < 2 && fd < 0; i++) {
        const struct addrinfo hints = {.ai_family = families[i],
                                       .ai_socktype = SOCK_STREAM,
                                       .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
        struct addrinfo *list = NULL;
        if (getaddrinfo(*host ? host : NULL, port, &hints, &list) != 0) {
            errno = EINVAL;
            continue;
        }
        fd = listen_patiently(list, backlog);
        int e = errno;
        freeaddrinfo(list);
        errno = e;
        if (fd < 0 && e == EADDRINUSE)
            return -1;
    }
    return fd;
}

static void name_of(int fd, char ret[PLX_LISTENER_TEXT_MAX])
{
    struct sockaddr_storage at = {0};
    socklen_t len = sizeof at;
    char host[INET6_ADDRSTRLEN + 16] = "", port[16] = "";
    getsockname(fd, (struct sockaddr *)&at, &len);
    getnameinfo((struct sockaddr *)&at, len, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(ret, PLX_LISTENER_TEXT_MAX,
             at.ss_family == AF_INET6 ? "tcp://[%s]:%s" : "tcp://%s:%s", host, port);
}

int plx_listener_open(const char *endpoint, int backlog, int *ret_fd,
                      char ret_bound[PLX_LISTENER_TEXT_MAX], struct plx_why *why)
{
    char host[256], port[16];
    if (split(endpoint, host, sizeof host, port, sizeof port) < 0)
        return plx_why_set(why, PLX_EINVAL, "'%s' is no endpoint to listen on", endpoint);
    int fd = open_any(host, port, backlog);
    if (fd >= 0) {
        name_of(fd, ret_bound);
        *ret_fd = fd;
        return 0;
    }
    if (errno == EADDRINUSE)
        return plx_why_set(why, PLX_EBUSY,
                           "'%s' is in use by another program: stop it, or listen on "
                           "another port",
                           endpoint);
    if (errno == EACCES)
        return plx_why_set(why, PLX_EDENIED, "not permitted to listen on '%s'", endpoint);
    return plx_why_set(why, PLX_EINVAL, "cannot listen on '%s': %s", endpoint,
                       strerror(errno));
}
