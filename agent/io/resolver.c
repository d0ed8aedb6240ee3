#include "agent/io/resolver.h"

#include "agent/io/dns_asker.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/text.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

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
#define SWEEP_BUCKETS 64                /* of BUCKETS per tick: the whole table in 26 s */

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
    bool asked;   /* the servers are asked, and have not answered */
    bool telling; /* it is the teller that asks */
    enum plx_ip ip;
    struct plx_resolution resolution;
    char name[];
};

struct plx_resolver {
    /* `asker` tries every server and then cannot say whether they failed or refused;
       `teller` asks once more and takes the first answer as it is. */
    struct plx_dns_asker *asker, *teller;
    plx_resolver_fn *fn;
    void *arg;
    struct entry *buckets[BUCKETS];
    struct entry *queue_head, *queue_tail;
    size_t n_entries, n_waiters, n_queries, sweep_at;
    struct plx_resolution literal;
};

int plx_resolver_new(struct plx_loop *loop, const char *servers, plx_resolver_fn *fn,
                     void *arg, struct plx_resolver **ret, struct plx_why *why)
{
    struct plx_resolver *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    r->fn = fn;
    r->arg = arg;
    int err = plx_dns_asker_new(loop, servers, PLX_DNS_TRY_ALL, &r->asker, why);
    if (!err)
        err = plx_dns_asker_new(loop, servers, PLX_DNS_TAKE_FIRST, &r->teller, why);
    if (err)
        plx_resolver_destroy(&r);
    else
        *ret = r;
    return err;
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
    plx_dns_asker_destroy(&r->asker);
    plx_dns_asker_destroy(&r->teller);
    for (size_t b = 0; b < BUCKETS; b++) {
        while (r->buckets[b]) {
            struct entry *e = r->buckets[b];
            r->buckets[b] = e->next;
            free_waiters(r, e->waiters);
            free(e);
        }
    }
    free(r);
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

/* Tells everybody who waits. They may ask again while they are told. */
static void answer(struct entry *e)
{
    struct plx_resolver *r = e->resolver;
    struct waiter *list = e->waiters;
    struct plx_resolution resolution = e->resolution;
    e->waiters = NULL;
    for (struct waiter *w = list; w; w = w->next)
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

static void ask(struct entry *e, bool telling);

static void on_answer(void *arg, const struct plx_dns_answer *answer)
{
    struct entry *e = arg;
    e->asked = false;
    e->resolver->n_queries--;
    if (answer->unclear && !e->telling) {
        ask(e, true);
        return;
    }
    int64_t keep_ns = failure_ns(answer->detail);
    if (answer->detail == PLX_DETAIL_NONE) {
        e->resolution.n = answer->n;
        e->resolution.cut = answer->cut;
        memcpy(e->resolution.addrs, answer->addrs, sizeof answer->addrs);
        keep_ns = clamp(answer->ttl_ns, TTL_FLOOR_NS, TTL_CEIL_NS);
    }
    settle(e, answer->detail, keep_ns);
}

static void ask(struct entry *e, bool telling)
{
    struct plx_resolver *r = e->resolver;
    e->asked = true;
    e->telling = telling;
    r->n_queries++;
    plx_dns_asker_ask(telling ? r->teller : r->asker, e->name, e->ip, on_answer, e);
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
        ask(e, false);
        /* What /etc/hosts has is answered within the call. */
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
                ask(e, false);
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
    plx_dns_asker_tick(resolver->asker);
    plx_dns_asker_tick(resolver->teller);
    serve_queue(resolver, now);
    sweep(resolver, now);
}
