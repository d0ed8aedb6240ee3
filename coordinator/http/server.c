#include "coordinator/http/impl.h"

#include "base/err.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG          1024
#define CONNECTIONS_MAX  4096
/* Of one address, unless it is this machine's or a proxy's, who speak for many. */
#define ADDRESS_MAX      512
/* Memory of one connection: request line and headers must fit. Taken as it is used. */
#define CONNECTION_BYTES (64 * 1024)
/* Without progress; what makes progress too slowly meets the deadlines below. */
#define INACTIVITY_S     15
#define HEADERS_NS       (10 * PLX_SEC_NS)
#define OPEN_BODY_NS     (10 * PLX_SEC_NS) /* of those who have not said who they are */
#define BODY_NS          (30 * PLX_SEC_NS)
/* Requests of one guest, or of one address that has not said who it is. */
#define RATE             100
#define RATE_BURST       200
/* Failed logins and bad tokens of one address. */
#define FAILURE_RATE     (10.0 / 60)
#define FAILURE_BURST    10

/* ---- connections and their deadlines ---- */

static bool is_loopback(const struct sockaddr *addr)
{
    const struct sockaddr_in *v4 = (const void *)addr;
    const struct sockaddr_in6 *v6 = (const void *)addr;
    if (addr->sa_family == AF_INET)
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    return addr->sa_family == AF_INET6 &&
           (IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
            (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && v6->sin6_addr.s6_addr[12] == 127));
}

/* Whether one more connection of that address is taken. */
static enum MHD_Result accept_one(void *arg, const struct sockaddr *addr, socklen_t len)
{
    struct plx_http *http = arg;
    char address[INET6_ADDRSTRLEN];
    size_t n = 0;
    (void)len;
    if (is_loopback(addr) || plx_proxies_has(&http->proxies, addr))
        return MHD_YES;
    plx_throttle_address(addr, address);
    pthread_mutex_lock(&http->lock);
    for (const struct plx_caller *c = http->callers; c; c = c->next)
        n += strcmp(c->address, address) == 0;
    if (n >= ADDRESS_MAX)
        http->counts.over_rate++;
    pthread_mutex_unlock(&http->lock);
    return n < ADDRESS_MAX ? MHD_YES : MHD_NO;
}

static void caller_begins(struct plx_http *http, struct plx_caller **ret,
                          struct MHD_Connection *connection, int fd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct plx_caller *caller = calloc(1, sizeof *caller);
    if (!caller)
        abort();
    caller->fd = fd;
    plx_throttle_address(info ? info->client_addr : NULL, caller->address);
    caller->since = plx_clock_mono();
    pthread_mutex_lock(&http->lock);
    caller->next = http->callers;
    if (caller->next)
        caller->next->prev = caller;
    http->callers = caller;
    http->counts.connections++;
    pthread_mutex_unlock(&http->lock);
    *ret = caller;
}

static void caller_ends(struct plx_http *http, struct plx_caller *caller)
{
    pthread_mutex_lock(&http->lock);
    if (caller->prev)
        caller->prev->next = caller->next;
    else
        http->callers = caller->next;
    if (caller->next)
        caller->next->prev = caller->prev;
    http->counts.connections--;
    pthread_mutex_unlock(&http->lock);
    free(caller);
}

/* libmicrohttpd tells of the end before it closes the descriptor, so that what is in the
 * list can be shut down safely. */
static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct plx_http *http = arg;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (what == MHD_CONNECTION_NOTIFY_STARTED && info)
        caller_begins(http, (struct plx_caller **)context, connection, info->connect_fd);
    else if (what == MHD_CONNECTION_NOTIFY_CLOSED && *context)
        caller_ends(http, *context);
}

static bool is_late(const struct plx_caller *caller, struct plx_mono now)
{
    int64_t age_ns = plx_mono_diff(now, caller->since);
    return (caller->phase == PLX_CALLER_HEADERS && age_ns > HEADERS_NS) ||
           (caller->phase == PLX_CALLER_BODY &&
            age_ns > (caller->known ? BODY_NS : OPEN_BODY_NS));
}

void plx_http_tick(struct plx_http *http, struct plx_mono now)
{
    pthread_mutex_lock(&http->lock);
    for (struct plx_caller *c = http->callers; c; c = c->next)
        if (is_late(c, now)) {
            shutdown(c->fd, SHUT_RDWR);
            c->phase = PLX_CALLER_ANSWER; /* once is enough */
            http->counts.cut++;
        }
    pthread_mutex_unlock(&http->lock);
    plx_desk_side_ping(http, now);
}

void plx_http_counts(struct plx_http *http, struct plx_http_counts *ret)
{
    pthread_mutex_lock(&http->lock);
    *ret = http->counts;
    pthread_mutex_unlock(&http->lock);
}

/* ---- listening ---- */

static int resolve(const char *listen_at, struct addrinfo **ret, struct plx_why *why)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
    };
    char host[256];
    const char *colon = strrchr(listen_at, ':');
    size_t len = colon ? (size_t)(colon - listen_at) : 0;
    bool bracketed = len >= 2 && listen_at[0] == '[' && listen_at[len - 1] == ']';
    if (!colon || len - (bracketed ? 2 : 0) >= sizeof host)
        return plx_why_set(why, PLX_EINVAL, "http_listen '%s': must be ADDRESS:PORT",
                           listen_at);
    snprintf(host, sizeof host, "%.*s", (int)(bracketed ? len - 2 : len),
             listen_at + bracketed);
    bool any = strcmp(host, "*") == 0;
    int rc = getaddrinfo(any ? NULL : host, colon + 1, &hints, ret);
    if (rc != 0)
        return plx_why_set(why, PLX_EINVAL,
                           "http_listen '%s': must be an IP address and a port (%s)",
                           listen_at, gai_strerror(rc));
    return 0;
}

static void say_address(struct plx_http *http, int fd)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0 ||
        getnameinfo((struct sockaddr *)&addr, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return;
    snprintf(http->address, sizeof http->address,
             addr.ss_family == AF_INET6 ? "[%.64s]:%.8s" : "%.64s:%.8s", host, port);
}

static int bind_fd(struct plx_http *http, const char *listen_at, int *ret,
                   struct plx_why *why)
{
    struct addrinfo *where;
    int err = resolve(listen_at, &where, why), on = 1;
    if (err < 0)
        return err;
    int fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, where->ai_addr, where->ai_addrlen) < 0 ||
        listen(fd, BACKLOG) < 0) {
        err = plx_why_set(why, errno == EADDRINUSE ? PLX_EBUSY : PLX_EIO,
                          "cannot listen for HTTP on %s: %s", listen_at, strerror(errno));
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    freeaddrinfo(where);
    *ret = fd;
    if (err == 0)
        say_address(http, fd);
    return err;
}

/* ---- life ---- */

/* Paths and queries are decoded by us, once the path has been cut at its slashes. */
static size_t leave_escaped(void *arg, struct MHD_Connection *connection, char *text)
{
    (void)arg;
    (void)connection;
    return strlen(text);
}

static struct MHD_Daemon *start_daemon(struct plx_http *http, int fd)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0,
        accept_one, http, plx_exchange_handle, http, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)INACTIVITY_S, MHD_OPTION_NOTIFY_COMPLETED, plx_exchange_completed, http,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_UNESCAPE_CALLBACK,
        leave_escaped, NULL, MHD_OPTION_END);
}

static void free_http(struct plx_http *http)
{
    if (http->wake_fd >= 0) {
        plx_loop_remove_fd(http->loop, http->wake_fd);
        close(http->wake_fd);
    }
    for (size_t i = 0; i < PLX_PACKED_MAX; i++)
        plx_buf_fini(&http->packed[i].gzip);
    plx_files_destroy(&http->files);
    plx_throttle_destroy(&http->rates);
    plx_throttle_destroy(&http->failures);
    pthread_mutex_destroy(&http->lock);
    free(http);
}

int plx_http_new(struct plx_desk *desk, struct plx_intake *intake, struct plx_api *api,
                 struct plx_worker *worker, struct plx_loop *loop,
                 const struct plx_http_options *options, struct plx_http **ret,
                 struct plx_why *why)
{
    int fd = -1;
    struct plx_http *http = calloc(1, sizeof *http);
    if (!http)
        abort();
    *http = (struct plx_http){
        .desk = desk,
        .intake = intake,
        .api = api,
        .worker = worker,
        .loop = loop,
        .behind_tls = options->behind_tls,
        .rates = plx_throttle_new(RATE, RATE_BURST),
        .failures = plx_throttle_new(FAILURE_RATE, FAILURE_BURST),
        .files = plx_files_new(),
        .pinged = plx_clock_mono(),
    };
    http->queue_end = &http->queue;
    pthread_mutex_init(&http->lock, NULL);
    json_object_seed(0); /* before threads make objects */
    http->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int err = plx_proxies_parse(options->trusted_proxy, &http->proxies, why);
    if (err == 0)
        err = bind_fd(http, options->listen, &fd, why);
    if (err == 0 &&
        plx_loop_add_fd(loop, http->wake_fd, EPOLLIN, plx_desk_side_wake, http) < 0)
        err = plx_why_set(why, PLX_EIO, "cannot set up the event loop for HTTP");
    if (err == 0 && !(http->daemon = start_daemon(http, fd))) {
        err = plx_why_set(why, PLX_EIO, "cannot start the HTTP server: %s",
                          strerror(errno));
        close(fd);
    }
    if (err < 0) {
        free_http(http);
        return err;
    }
    plx_events_listen(desk->events, plx_desk_side_event, http);
    struct plx_public_options page = options->public;
    char url[160];
    snprintf(url, sizeof url, "http://%s", http->address);
    if (!page.url)
        page.url = url;
    http->public = plx_public_new(desk, api, &page);
    *ret = http;
    return 0;
}

void plx_http_quit(struct plx_http *http)
{
    pthread_mutex_lock(&http->lock);
    bool first = !http->quitting;
    http->quitting = true;
    pthread_mutex_unlock(&http->lock);
    if (!first)
        return;
    int fd = MHD_quiesce_daemon(http->daemon);
    if (fd >= 0)
        close(fd);
    plx_events_listen(http->desk->events, NULL, NULL);
    plx_desk_side_quit(http);
}

void plx_http_destroy(struct plx_http **http)
{
    if (!*http)
        return;
    plx_http_quit(*http);
    MHD_stop_daemon((*http)->daemon);
    plx_public_destroy(&(*http)->public);
    free_http(*http);
    *http = NULL;
}

const char *plx_http_address(const struct plx_http *http)
{
    return http->address;
}
