/* Names to addresses, asynchronously (c-ares in the loop), with a cache.
 *
 * Monitors of one name and family share a query. Answers are kept for their TTL, within a
 * floor and a ceiling; failures are kept briefly, each class of its own. A query that
 * takes longer than 5 s counts as unanswered, whatever the servers' retries. /etc/hosts
 * is honoured. One thread: the loop's. */
#ifndef PLX_AGENT_IO_RESOLVER_H
#define PLX_AGENT_IO_RESOLVER_H

#include "agent/io/dns_asker.h"
#include "base/monitor.h"
#include "base/result.h"
#include "base/why.h"
#include "sys/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Addresses kept of one name. */
#define PLX_RESOLVER_ADDRS_MAX PLX_DNS_ADDRS_MAX

struct plx_resolution {
    enum plx_detail detail; /* NONE: there is at least one address */
    struct plx_addr
        addrs[PLX_RESOLVER_ADDRS_MAX]; /* in the order of RFC 6724, each once */
    size_t n;
    bool cut; /* the name has more */
};

/* The answer to a question that had to wait; lent for the call. */
typedef void plx_resolver_fn(void *arg, uint64_t cookie,
                             const struct plx_resolution *resolution);

struct plx_resolver;

/* `servers`: "IP[:PORT],…", or NULL for the system's. Returns 0, PLX_EINVAL, PLX_EIO. */
int plx_resolver_new(struct plx_loop *loop, const char *servers, plx_resolver_fn *fn,
                     void *arg, struct plx_resolver **ret, struct plx_why *why);
/* Questions still waiting are dropped. */
void plx_resolver_destroy(struct plx_resolver **resolver);

/* Asks for the addresses of `name`. Address literals are answered as they are. `fresh`: a
 * failure from the cache will not do (a retry or an order asks). Returns 0 with the
 * answer, lent until the next call; PLX_EAGAIN: it will come through `fn`; PLX_ENOMEM:
 * too many are waiting. */
int plx_resolver_ask(struct plx_resolver *resolver, const char *name, enum plx_ip ip,
                     bool fresh, uint64_t cookie, const struct plx_resolution **ret);

/* To be called every 100 ms or so: timeouts and expiry. */
void plx_resolver_tick(struct plx_resolver *resolver, struct plx_mono now);

#endif
