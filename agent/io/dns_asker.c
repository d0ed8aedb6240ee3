#include "agent/io/dns_asker.h"

#include "base/err.h"
#include "base/text.h"

#include <ares.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define TRY_MS      2000
#define TRIES       2
#define WATCHED_MAX 64
#define TTL_MAX_NS  PLX_DAY_NS

/* One socket of c-ares that the loop watches. */
struct watched {
    struct plx_dns_asker *asker;
    ares_socket_t fd; /* ARES_SOCKET_BAD: free */
};

struct plx_dns_asker {
    struct plx_loop *loop;
    ares_channel channel;
    ares_channel hosts; /* of /etc/hosts only: asks no server, and answers at once */
    bool open, hosts_open, closing;
    struct watched watched[WATCHED_MAX];
};

/* Who is to be told. */
struct question {
    struct plx_dns_asker *asker;
    plx_dns_answer_fn *fn;
    void *arg;
    enum plx_ip ip;
    const char *absolute; /* to be asked of the servers if the hosts file has it not */
};

static void on_fd(void *arg, uint32_t events)
{
    struct watched *w = arg;
    ares_socket_t fd = w->fd;
    bool in = events & (EPOLLIN | EPOLLERR | EPOLLHUP), out = events & EPOLLOUT;
    ares_process_fd(w->asker->channel, in ? fd : ARES_SOCKET_BAD,
                    out ? fd : ARES_SOCKET_BAD);
}

static struct watched *find_watched(struct plx_dns_asker *asker, ares_socket_t fd)
{
    for (size_t i = 0; i < WATCHED_MAX; i++)
        if (asker->watched[i].fd == fd)
            return &asker->watched[i];
    return NULL;
}

/* c-ares tells which of its sockets it wants watched. One that finds no room here is
 * lost to its query's timeout. */
static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct plx_dns_asker *asker = arg;
    uint32_t events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);
    struct watched *w = find_watched(asker, fd);
    if (w && !events) {
        plx_loop_remove_fd(asker->loop, fd);
        w->fd = ARES_SOCKET_BAD;
    } else if (w) {
        plx_loop_change_fd(asker->loop, fd, events);
    } else if (events && (w = find_watched(asker, ARES_SOCKET_BAD)) &&
               plx_loop_add_fd(asker->loop, fd, events, on_fd, w) == 0) {
        w->fd = fd;
    }
}

static int open_hosts(struct plx_dns_asker *asker, struct plx_why *why)
{
    char lookups[] = "f";
    struct ares_options options = {.lookups = lookups};
    int status = ares_init_options(&asker->hosts, &options, ARES_OPT_LOOKUPS);
    if (status != ARES_SUCCESS)
        return plx_why_set(why, PLX_EIO, "cannot start the resolver: %s",
                           ares_strerror(status));
    asker->hosts_open = true;
    return 0;
}

static int open_channel(struct plx_dns_asker *asker, const char *servers,
                        enum plx_dns_trust trust, struct plx_why *why)
{
    struct ares_options options = {
        .flags = trust == PLX_DNS_TAKE_FIRST ? ARES_FLAG_NOCHECKRESP : 0,
        .timeout = TRY_MS,
        .tries = TRIES,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = asker,
    };
    int status = ares_init_options(&asker->channel, &options,
                                   ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                                       ARES_OPT_SOCK_STATE_CB);
    if (status != ARES_SUCCESS)
        return plx_why_set(why, PLX_EIO, "cannot start the resolver: %s",
                           ares_strerror(status));
    asker->open = true;
    if (servers && ares_set_servers_ports_csv(asker->channel, servers) != ARES_SUCCESS)
        return plx_why_set(why, PLX_EINVAL,
                           "'%.200s' is no list of name servers: expected "
                           "\"192.0.2.53,[2001:db8::53]:5353\"",
                           servers);
    return 0;
}

int plx_dns_asker_new(struct plx_loop *loop, const char *servers,
                      enum plx_dns_trust trust, struct plx_dns_asker **ret,
                      struct plx_why *why)
{
    int status = ares_library_init(ARES_LIB_INIT_ALL);
    if (status != ARES_SUCCESS)
        return plx_why_set(why, PLX_EIO, "cannot start the resolver: %s",
                           ares_strerror(status));
    struct plx_dns_asker *asker = calloc(1, sizeof *asker);
    if (!asker)
        abort();
    asker->loop = loop;
    for (size_t i = 0; i < WATCHED_MAX; i++)
        asker->watched[i] = (struct watched){asker, ARES_SOCKET_BAD};
    int err = open_channel(asker, servers, trust, why);
    if (!err)
        err = open_hosts(asker, why);
    if (err)
        plx_dns_asker_destroy(&asker);
    else
        *ret = asker;
    return err;
}

void plx_dns_asker_destroy(struct plx_dns_asker **asker)
{
    struct plx_dns_asker *a = *asker;
    if (!a)
        return;
    a->closing = true;
    if (a->open)
        ares_destroy(a->channel);
    if (a->hosts_open)
        ares_destroy(a->hosts);
    ares_library_cleanup();
    free(a);
    *asker = NULL;
}

static enum plx_detail detail_of(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return PLX_DETAIL_NONE;
    case ARES_ENOTFOUND:
        return PLX_DETAIL_DNS_NXDOMAIN;
    case ARES_ENODATA:
        return PLX_DETAIL_DNS_NODATA;
    case ARES_ESERVFAIL:
        return PLX_DETAIL_DNS_SERVFAIL;
    case ARES_EREFUSED:
        return PLX_DETAIL_DNS_REFUSED;
    case ARES_ETIMEOUT:
    case ARES_ECONNREFUSED: /* "could not contact DNS servers" */
        return PLX_DETAIL_DNS_TIMEOUT;
    default:
        return PLX_DETAIL_DNS_OTHER;
    }
}

static struct plx_addr addr_of(const struct ares_addrinfo_node *node)
{
    struct plx_addr addr = {0};
    const void *name = node->ai_addr;
    if (node->ai_family == AF_INET) {
        addr.family = 4;
        memcpy(addr.bytes, &((const struct sockaddr_in *)name)->sin_addr, 4);
    } else if (node->ai_family == AF_INET6) {
        addr.family = 6;
        memcpy(addr.bytes, &((const struct sockaddr_in6 *)name)->sin6_addr, 16);
    }
    return addr;
}

static bool has_addr(const struct plx_dns_answer *answer, const struct plx_addr *addr)
{
    for (size_t i = 0; i < answer->n; i++)
        if (plx_addr_equal(&answer->addrs[i], addr))
            return true;
    return false;
}

static void take_addrs(const struct ares_addrinfo *info, struct plx_dns_answer *answer)
{
    answer->ttl_ns = TTL_MAX_NS;
    for (const struct ares_addrinfo_node *node = info->nodes; node;
         node = node->ai_next) {
        struct plx_addr addr = addr_of(node);
        int64_t ttl_ns = (int64_t)node->ai_ttl * PLX_SEC_NS;
        if (addr.family == 0 || has_addr(answer, &addr))
            continue;
        if (answer->n == PLX_DNS_ADDRS_MAX) {
            answer->cut = true;
            break;
        }
        answer->addrs[answer->n++] = addr;
        if (ttl_ns < answer->ttl_ns)
            answer->ttl_ns = ttl_ns;
    }
    if (answer->n == 0)
        answer->detail = PLX_DETAIL_DNS_NODATA;
}

static void on_addrinfo(void *arg, int status, int timeouts, struct ares_addrinfo *info);

static void ask(ares_channel channel, const char *name, struct question *q)
{
    const struct ares_addrinfo_hints hints = {.ai_family = q->ip == PLX_IP_4 ? AF_INET
                                                           : q->ip == PLX_IP_6
                                                               ? AF_INET6
                                                               : AF_UNSPEC,
                                              .ai_socktype = SOCK_STREAM};
    ares_getaddrinfo(channel, name, NULL, &hints, on_addrinfo, q);
}

static void on_addrinfo(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct question *q = arg;
    struct plx_dns_answer answer = {.detail = detail_of(status),
                                    .unclear = status == ARES_ECONNREFUSED};
    (void)timeouts;
    if (status == ARES_SUCCESS && info)
        take_addrs(info, &answer);
    if (info)
        ares_freeaddrinfo(info);
    if (q->absolute && answer.detail != PLX_DETAIL_NONE && !q->asker->closing) {
        const char *name = q->absolute;
        q->absolute = NULL;
        ask(q->asker->channel, name, q);
        return;
    }
    if (!q->asker->closing)
        q->fn(q->arg, &answer);
    free(q);
}

/* `name` without the dot that ends it; false if there is none, or nothing before it. */
static bool cut_root(const char *name, char cut[PLX_HOST_MAX + 1])
{
    size_t len = strlen(name);
    if (len < 2 || len > PLX_HOST_MAX || name[len - 1] != '.')
        return false;
    memcpy(cut, name, len - 1);
    cut[len - 1] = '\0';
    return true;
}

/* A name with the root's dot is the same name, looked for in no search domain. The hosts
 * file has names without it and c-ares compares letter by letter: so that file is asked
 * for the one, and the servers for the other. */
void plx_dns_asker_ask(struct plx_dns_asker *asker, const char *name, enum plx_ip ip,
                       plx_dns_answer_fn *fn, void *arg)
{
    char cut[PLX_HOST_MAX + 1];
    struct question *q = malloc(sizeof *q);
    if (!q)
        abort();
    *q = (struct question){asker, fn, arg, ip, NULL};
    if (!cut_root(name, cut)) {
        ask(asker->channel, name, q);
        return;
    }
    q->absolute = name;
    ask(asker->hosts, cut, q);
}

void plx_dns_asker_tick(struct plx_dns_asker *asker)
{
    ares_process_fd(asker->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}
