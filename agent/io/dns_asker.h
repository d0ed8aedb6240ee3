/* Questions to name servers: one c-ares channel in the loop. No cache, no sharing: that
 * is io/resolver's. One thread: the loop's. */
#ifndef PLX_AGENT_IO_DNS_ASKER_H
#define PLX_AGENT_IO_DNS_ASKER_H

#include "base/monitor.h"
#include "base/result.h"
#include "base/why.h"
#include "sys/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLX_DNS_ADDRS_MAX PLX_ADDRESSES_MAX

struct plx_dns_answer {
    enum plx_detail detail; /* NONE: there is at least one address */
    bool unclear;   /* every server was tried, and c-ares does not say what they said */
    int64_t ttl_ns; /* the shortest of the addresses' */
    struct plx_addr addrs[PLX_DNS_ADDRS_MAX]; /* in the order of RFC 6724, each once */
    size_t n;
    bool cut; /* the name has more */
};

/* The answer; may come before plx_dns_asker_ask returns. */
typedef void plx_dns_answer_fn(void *arg, const struct plx_dns_answer *answer);

enum plx_dns_trust {
    PLX_DNS_TRY_ALL,    /* a server that fails or refuses is not believed: ask the next */
    PLX_DNS_TAKE_FIRST, /* what the first one says is the answer */
};

struct plx_dns_asker;

/* `servers`: "IP[:PORT],…", or NULL for the system's. Returns 0, PLX_EINVAL, PLX_EIO. */
int plx_dns_asker_new(struct plx_loop *loop, const char *servers,
                      enum plx_dns_trust trust, struct plx_dns_asker **ret,
                      struct plx_why *why);
/* Questions under way end without a word. */
void plx_dns_asker_destroy(struct plx_dns_asker **asker);
/* `arg` must live until the answer. */
void plx_dns_asker_ask(struct plx_dns_asker *asker, const char *name, enum plx_ip ip,
                       plx_dns_answer_fn *fn, void *arg);
/* To be called every 100 ms or so, for timeouts. */
void plx_dns_asker_tick(struct plx_dns_asker *asker);

#endif
