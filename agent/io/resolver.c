#include "agent/io/resolver.h"

#include "base/err.h"
#include "base/rng.h"
#include "base/text.h"
#include "sys/clock.h"

#include <ares.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define BUCKETS       16384 /* a power of two */
#define ENTRIES_MAX   200000
#define WAITERS_MAX   200000
#define QUERIES_MAX   512 /* asked of the servers at a time */
#define PATIENCE_NS   (5 * PLX_SEC_NS)
#define TTL_FLOOR_NS  (5 * PLX_SEC_NS)
#define TTL_CEIL_NS   PLX_HOUR_NS
#define NEGATIVE_NS   (10 * PLX_SEC_NS) /* the name is known not to be there */
#define FAILURE_NS    (2 * PLX_SEC_NS)  /* the server is in trouble */
#define FRESH_NS      PLX_SEC_NS /* how old a failure may be for a fresh question */
#define KEEP_NS       (10 * PLX_MIN_NS) /* unused entries */
#define TRY_MS        2000
#define TRIES         2
#define WATCHED_MAX   64
#define SWEEP_BUCKETS 64 /* of BUCKETS per tick: the whole table in 26 s */

struct waiter {
    uint64_t cookie;
    struct waiter *next;
};

/* One (name, family). */
struct entry {
    struct plx_resolver *resolver;
    struct entry *next;       /* of the bucket */
    struct entry *queue_next; /* of those waiting, in the order of their questions */
    struct waiter *waiters;
    struct plx_mono answered; /* when `resolution` was made */
    struct plx_mono expires;
    struct plx_mono waits_since;
    bool queued;  /* stands in the queue: somebody waits */
    bool asked;   /* c-ares has a query of ours */
    bool telling; /* it is the teller's */
    enum plx_ip ip;
    struct plx_resolution resolution;
    char name[];
};

/* One socket of c-ares that the loop watches. */
struct watched {
    struct asker *asker;
    ares_socket_t fd; /* ARES_SOCKET_BAD: free */
};

/* One c-ares channel. */
struct asker {
    struct plx_resolver *resolver;
    ares_channel channel;
    bool open;
    struct watched watched[WATCHED_MAX];
};

struct plx_resolver {
    struct plx_loop *loop;
    /* `asker` tries every server and then cannot say whether they failed or refused;
       `teller` asks once more and takes the first answer as it is. */
    struct asker asker, teller;
    plx_resolver_fn *fn;
    void *arg;
    struct entry *buckets[BUCKETS];
    struct entry *queue_head, *queue_tail;
    size_t n_entries, n_waiters, n_queries, sweep_at;
    struct plx_resolution literal;
};

static void on_fd(void *arg, uint32_t events)
{
    struct watched *w = arg;
    ares_socket_t fd = w->fd;
    bool in = events & (EPOLLIN | EPOLLERR | EPOLLHUP), out = events & EPOLLOUT;
    ares_process_fd(w->asker->channel, in ? fd : ARES_SOCKET_BAD,
                    out ? fd : ARES_SOCKET_BAD);
}

static struct watched *find_watched(struct asker *asker, ares_socket_t fd)
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
    struct asker *asker = arg;
    struct plx_loop *loop = asker->resolver->loop;
    uint32_t events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);
    struct watched *w = find_watched(asker, fd);
    if (w && !events) {
        plx_loop_remove_fd(loop, fd);
        w->fd = ARES_SOCKET_BAD;
    } else if (w) {
        plx_loop_change_fd(loop, fd, events);
    } else if (events && (w = find_watched(asker, ARES_SOCKET_BAD)) &&
               plx_loop_add_fd(loop, fd, events, on_fd, w) == 0) {
        w->fd = fd;
    }
}

static int open_asker(struct plx_resolver *r, struct asker *asker, int flags,
                      const char *servers, struct plx_why *why)
{
    struct ares_options options = {
        .flags = flags,
        .timeout = TRY_MS,
        .tries = TRIES,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = asker,
    };
    asker->resolver = r;
    for (size_t i = 0; i < WATCHED_MAX; i++)
        asker->watched[i] = (struct watched){asker, ARES_SOCKET_BAD};
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

int plx_resolver_new(struct plx_loop *loop, const char *servers, plx_resolver_fn *fn,
                     void *arg, struct plx_resolver **ret, struct plx_why *why)
{
    int status = ares_library_init(ARES_LIB_INIT_ALL);
    if (status != ARES_SUCCESS)
        return plx_why_set(why, PLX_EIO, "cannot start the resolver: %s",
                           ares_strerror(status));
    struct plx_resolver *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    r->loop = loop;
    r->fn = fn;
    r->arg = arg;
    int err = open_asker(r, &r->asker, 0, servers, why);
    if (!err)
        err = open_asker(r, &r->teller, ARES_FLAG_NOCHECKRESP, servers, why);
    if (err) {
        plx_resolver_destroy(&r);
        return err;
    }
    *ret = r;
    return 0;
}

static void free_waiters(struct plx_resolver *r, struct waiter *list)
{
    while (list) {
        struct waiter *w = list;
        list = w->next;
        free(w);
        r->n_waiters--;
    }
}

void plx_resolver_destroy(struct plx_resolver **resolver)
{
    struct plx_resolver *r = *resolver;
    if (!r)
        return;
    r->fn = NULL; /* ares_destroy ends the queries under way: nobody is told */
    if (r->asker.open)
        ares_destroy(r->asker.channel);
    if (r->teller.open)
        ares_destroy(r->teller.channel);
    for (size_t b = 0; b < BUCKETS; b++) {
        while (r->buckets[b]) {
            struct entry *e = r->buckets[b];
            r->buckets[b] = e->next;
            free_waiters(r, e->waiters);
            free(e);
        }
    }
    free(r);
    ares_library_cleanup();
    *resolver = NULL;
}

static struct entry **bucket_of(struct plx_resolver *r, const char *name, enum plx_ip ip)
{
    return &r->buckets[plx_hash_bytes(name, strlen(name), ip) & (BUCKETS - 1)];
}

static struct entry *find_or_make(struct plx_resolver *r, const char *name,
                                  enum plx_ip ip)
{
    struct entry **bucket = bucket_of(r, name, ip);
    for (struct entry *e = *bucket; e; e = e->next)
        if (e->ip == ip && strcmp(e->name, name) == 0)
            return e;
    if (r->n_entries == ENTRIES_MAX)
        return NULL;
    size_t size = strlen(name) + 1;
    struct entry *e = calloc(1, sizeof *e + size);
    if (!e)
        abort();
    e->resolver = r;
    e->ip = ip;
    memcpy(e->name, name, size);
    e->next = *bucket;
    *bucket = e;
    r->n_entries++;
    return e;
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

/* How long a failure is kept. */
static int64_t failure_ns(enum plx_detail detail)
{
    bool authoritative =
        detail == PLX_DETAIL_DNS_NXDOMAIN || detail == PLX_DETAIL_DNS_NODATA;
    return authoritative ? NEGATIVE_NS : FAILURE_NS;
}

static int64_t clamp(int64_t v, int64_t min, int64_t max)
{
    return v < min ? min : v > max ? max : v;
}

/* Copies the addresses; returns the shortest TTL among them, clamped. */
static int64_t take_addrs(struct plx_resolution *res, const struct ares_addrinfo *info)
{
    int64_t ttl_ns = TTL_CEIL_NS;
    res->n = 0;
    for (const struct ares_addrinfo_node *n = info->nodes; n; n = n->ai_next) {
        struct plx_addr addr = {0};
        if (res->n == PLX_RESOLVER_ADDRS_MAX)
            break;
        if (n->ai_family == AF_INET) {
            addr.family = 4;
            memcpy(addr.bytes, &((struct sockaddr_in *)(void *)n->ai_addr)->sin_addr, 4);
        } else if (n->ai_family == AF_INET6) {
            addr.family = 6;
            memcpy(addr.bytes, &((struct sockaddr_in6 *)(void *)n->ai_addr)->sin6_addr,
                   16);
        } else {
            continue;
        }
        res->addrs[res->n++] = addr;
        int64_t ns = (int64_t)n->ai_ttl * PLX_SEC_NS;
        ttl_ns = ns < ttl_ns ? ns : ttl_ns;
    }
    return clamp(ttl_ns, TTL_FLOOR_NS, TTL_CEIL_NS);
}

/* Tells everybody who waits. They may ask again while they are told. */
static void answer(struct entry *e)
{
    struct plx_resolver *r = e->resolver;
    struct waiter *list = e->waiters;
    struct plx_resolution resolution = e->resolution;
    e->waiters = NULL;
    for (struct waiter *w = list; w && r->fn; w = w->next)
        r->fn(r->arg, w->cookie, &resolution);
    free_waiters(r, list);
}

static void settle(struct entry *e, enum plx_detail detail, int64_t keep_ns)
{
    struct plx_mono now = plx_clock_mono();
    e->resolution.detail = detail;
    e->answered = now;
    e->expires = plx_mono_add(now, keep_ns);
    answer(e);
}

static void ask(struct entry *e, struct asker *asker);

static void on_addrinfo(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct entry *e = arg;
    struct plx_resolver *r = e->resolver;
    (void)timeouts;
    e->asked = false;
    r->n_queries--;
    if (!r->fn) {
        if (info)
            ares_freeaddrinfo(info);
        return;
    }
    enum plx_detail detail = detail_of(status);
    int64_t keep_ns = failure_ns(detail);
    if (status == ARES_SUCCESS && info) {
        keep_ns = take_addrs(&e->resolution, info);
        if (e->resolution.n == 0)
            detail = PLX_DETAIL_DNS_NODATA;
    }
    if (info)
        ares_freeaddrinfo(info);
    if (status == ARES_ECONNREFUSED && !e->telling)
        ask(e, &r->teller);
    else
        settle(e, detail, keep_ns);
}

static void ask(struct entry *e, struct asker *asker)
{
    static const int families[] = {
        [PLX_IP_ANY] = AF_UNSPEC, [PLX_IP_4] = AF_INET, [PLX_IP_6] = AF_INET6};
    const struct ares_addrinfo_hints hints = {.ai_family = families[e->ip],
                                              .ai_socktype = SOCK_STREAM};
    e->asked = true;
    e->telling = asker == &e->resolver->teller;
    e->resolver->n_queries++;
    ares_getaddrinfo(asker->channel, e->name, NULL, &hints, on_addrinfo, e);
}

static void enqueue(struct plx_resolver *r, struct entry *e)
{
    if (e->queued)
        return;
    e->queued = true;
    e->queue_next = NULL;
    if (r->queue_tail)
        r->queue_tail->queue_next = e;
    else
        r->queue_head = e;
    r->queue_tail = e;
}

static bool is_usable(const struct entry *e, bool fresh, struct plx_mono now)
{
    if (e->answered.ns == 0 || now.ns >= e->expires.ns)
        return false;
    bool failure = e->resolution.detail != PLX_DETAIL_NONE;
    return !(fresh && failure) || plx_mono_diff(now, e->answered) < FRESH_NS;
}

static int wait_for(struct plx_resolver *r, struct entry *e, uint64_t cookie)
{
    if (r->n_waiters == WAITERS_MAX)
        return PLX_ENOMEM;
    struct waiter *w = malloc(sizeof *w);
    if (!w)
        abort();
    if (!e->waiters)
        e->waits_since = plx_clock_mono();
    *w = (struct waiter){cookie, e->waiters};
    e->waiters = w;
    r->n_waiters++;
    enqueue(r, e);
    return PLX_EAGAIN;
}

int plx_resolver_ask(struct plx_resolver *resolver, const char *name, enum plx_ip ip,
                     bool fresh, uint64_t cookie, const struct plx_resolution **ret)
{
    struct plx_resolver *r = resolver;
    if (plx_addr_parse(name, &r->literal.addrs[0]) == 0) {
        bool wanted = ip == PLX_IP_ANY || r->literal.addrs[0].family == ip;
        r->literal.n = wanted ? 1 : 0;
        r->literal.detail = wanted ? PLX_DETAIL_NONE : PLX_DETAIL_DNS_NODATA;
        *ret = &r->literal;
        return 0;
    }
    struct entry *e = find_or_make(r, name, ip);
    if (!e)
        return PLX_ENOMEM;
    bool usable = is_usable(e, fresh, plx_clock_mono());
    if (!usable && !e->asked && r->n_queries < QUERIES_MAX) {
        ask(e, &r->asker);
        /* c-ares answers within the call what /etc/hosts has */
        usable = is_usable(e, fresh, plx_clock_mono());
    }
    if (!usable)
        return wait_for(r, e, cookie);
    *ret = &e->resolution;
    return 0;
}

/* Starts queries for those who wait, and gives up on those who waited too long. */
static void serve_queue(struct plx_resolver *r, struct plx_mono now)
{
    struct entry *e = r->queue_head;
    r->queue_head = r->queue_tail = NULL;
    while (e) {
        struct entry *next = e->queue_next;
        e->queued = false;
        if (e->waiters && plx_mono_diff(now, e->waits_since) >= PATIENCE_NS) {
            settle(e, PLX_DETAIL_DNS_TIMEOUT, FAILURE_NS);
        } else if (e->waiters) {
            if (!e->asked && r->n_queries < QUERIES_MAX)
                ask(e, &r->asker);
            if (e->waiters)
                enqueue(r, e);
        }
        e = next;
    }
}

static void sweep(struct plx_resolver *r, struct plx_mono now)
{
    for (int i = 0; i < SWEEP_BUCKETS; i++) {
        struct entry **p = &r->buckets[r->sweep_at++ & (BUCKETS - 1)];
        while (*p) {
            struct entry *e = *p;
            bool idle = !e->waiters && !e->asked && !e->queued;
            if (idle && plx_mono_diff(now, e->expires) > KEEP_NS) {
                *p = e->next;
                free(e);
                r->n_entries--;
            } else {
                p = &e->next;
            }
        }
    }
}

void plx_resolver_tick(struct plx_resolver *resolver, struct plx_mono now)
{
    ares_process_fd(resolver->asker.channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    ares_process_fd(resolver->teller.channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    serve_queue(resolver, now);
    sweep(resolver, now);
}
