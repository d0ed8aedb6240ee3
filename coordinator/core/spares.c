#include "coordinator/core/spares.h"

#include "base/bucket.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What tells places apart. */
#define KINDS 3

struct plx_spares {
    const struct plx_roster *roster;
    const struct plx_catalog *catalog;
    const struct plx_shares *shares;
    struct plx_bucket bucket;
    struct plx_spare_burst bursts[PLX_SPARES_KEPT]; /* a ring */
    size_t next;
    uint32_t doubts[PLX_SPARES_DOUBTS];
    size_t n_doubts;
};

struct plx_spares *plx_spares_new(const struct plx_roster *roster,
                                  const struct plx_catalog *catalog,
                                  const struct plx_shares *shares)
{
    struct plx_spares *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->roster = roster;
    s->catalog = catalog;
    s->shares = shares;
    return s;
}

void plx_spares_destroy(struct plx_spares **spares)
{
    free(*spares);
    *spares = NULL;
}

/* ---- choosing ---- */

static const char *trait(const struct plx_agent *agent, int kind)
{
    static const char *const keys[KINDS] = {"", "provider", "asn"};
    return kind == 0 ? agent->region : plx_agent_label(agent, keys[kind]);
}

/* In how many ways it is another place than that one; what is not said is no difference.
 */
static unsigned differs(const struct plx_agent *a, const struct plx_agent *b)
{
    unsigned bits = 0;
    for (int k = 0; k < KINDS; k++) {
        const char *x = trait(a, k), *y = trait(b, k);
        if (*x && strcmp(x, y) != 0)
            bits |= 1u << k;
    }
    return bits;
}

/* In how many ways it is a place that none of them is. */
static unsigned novelty(const struct plx_spares *s, const struct plx_agent *agent,
                        const uint32_t *known, size_t n)
{
    unsigned bits = (1u << KINDS) - 1, count = 0;
    for (size_t i = 0; i < n; i++)
        bits &= differs(agent, plx_roster_at(s->roster, known[i]));
    for (; bits; bits &= bits - 1)
        count++;
    return count;
}

static bool is_idle(const struct plx_spares *s, uint32_t agent, uint32_t monitor)
{
    const struct plx_agent *a = plx_roster_at(s->roster, agent);
    return a && a->alive && !a->stuck && !a->revoked && !a->drained && !a->presumed &&
           !plx_shares_has(s->shares, agent, monitor);
}

static bool is_among(uint32_t agent, const uint32_t *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == agent)
            return true;
    return false;
}

/* The most different of those left; of equals, another one for each monitor. */
static uint32_t best_of(const struct plx_spares *s, uint32_t monitor,
                        const uint32_t *known, size_t n_known)
{
    uint32_t best = PLX_ROSTER_NONE;
    unsigned most = 0;
    uint64_t weight = 0;
    for (uint32_t i = 0; i < plx_roster_count(s->roster); i++) {
        if (!is_idle(s, i, monitor) || is_among(i, known, n_known))
            continue;
        unsigned how = novelty(s, plx_roster_at(s->roster, i), known, n_known);
        uint64_t w = plx_hash_mix((uint64_t)monitor << 32 | i);
        if (how > most || (how > 0 && how == most && w > weight)) {
            best = i;
            most = how;
            weight = w;
        }
    }
    return best;
}

static size_t choose(const struct plx_spares *s, uint32_t monitor, uint32_t *ret)
{
    size_t n, n_ret = 0;
    const uint32_t *watching = plx_shares_agents(s->shares, monitor, &n);
    uint32_t *known = calloc(n + PLX_SPARES_MAX, sizeof *known);
    if (!known)
        abort();
    if (n > 0)
        memcpy(known, watching, n * sizeof *known);
    while (n_ret < PLX_SPARES_MAX) {
        uint32_t best = best_of(s, monitor, known, n + n_ret);
        if (best == PLX_ROSTER_NONE)
            break;
        known[n + n_ret] = ret[n_ret] = best;
        n_ret++;
    }
    free(known);
    return n_ret;
}

/* ---- asking ---- */

const struct plx_spare_burst *plx_spares_of(const struct plx_spares *s, const char *host,
                                            struct plx_mono now, int64_t age_ns)
{
    const struct plx_spare_burst *newest = NULL;
    for (size_t i = 0; i < PLX_SPARES_KEPT; i++) {
        const struct plx_spare_burst *b = &s->bursts[i];
        if (b->n > 0 && plx_mono_diff(now, b->asked) <= age_ns &&
            strcmp(b->host, host) == 0 && (!newest || b->asked.ns > newest->asked.ns))
            newest = b;
    }
    return newest;
}

/* Its own turn has not come again, or that of its host. */
static bool was_asked(const struct plx_spares *s, uint32_t monitor, const char *host,
                      struct plx_mono now)
{
    size_t n = 0;
    for (size_t i = 0; i < PLX_SPARES_KEPT; i++) {
        const struct plx_spare_burst *b = &s->bursts[i];
        if (b->n == 0 || plx_mono_diff(now, b->asked) >= PLX_SPARES_AGAIN_NS)
            continue;
        if (b->monitor == monitor)
            return true;
        n += strcmp(b->host, host) == 0;
    }
    return n >= PLX_SPARES_HOST;
}

void plx_spares_doubt(struct plx_spares *s, uint32_t monitor)
{
    if (s->n_doubts < PLX_SPARES_DOUBTS && !is_among(monitor, s->doubts, s->n_doubts))
        s->doubts[s->n_doubts++] = monitor;
}

static void keep(struct plx_spares *s, const struct plx_monitor *m,
                 const struct plx_spares_order *order, struct plx_mono now,
                 struct plx_wall wall)
{
    struct plx_spare_burst *b = &s->bursts[s->next++ % PLX_SPARES_KEPT];
    *b = (struct plx_spare_burst){.monitor = order->monitor,
                                  .monitor_id = m->id,
                                  .asked = now,
                                  .at = wall,
                                  .n = order->n};
    snprintf(b->host, sizeof b->host, "%s", m->host);
    for (size_t i = 0; i < order->n; i++)
        b->spares[i].agent = order->agents[i];
}

bool plx_spares_ask(struct plx_spares *s, struct plx_mono now, struct plx_wall wall,
                    struct plx_spares_order *ret)
{
    while (s->n_doubts > 0) {
        uint32_t monitor = s->doubts[--s->n_doubts];
        const struct plx_monitor *m = plx_catalog_at(s->catalog, monitor);
        if (!m || m->paused || !m->confirm || was_asked(s, monitor, m->host, now) ||
            !plx_bucket_take(&s->bucket, PLX_SPARES_RATE, PLX_SPARES_BURST, now))
            continue;
        struct plx_spares_order order = {.monitor = monitor};
        order.n = choose(s, monitor, order.agents);
        if (order.n == 0)
            continue;
        keep(s, m, &order, now, wall);
        *ret = order;
        return true;
    }
    return false;
}

bool plx_spares_answer(struct plx_spares *s, uint32_t agent, uint32_t monitor,
                       const struct plx_result *result, struct plx_wall at)
{
    for (size_t i = 1; i <= PLX_SPARES_KEPT; i++) {
        struct plx_spare_burst *b =
            &s->bursts[(s->next + PLX_SPARES_KEPT - i) % PLX_SPARES_KEPT];
        if (b->n == 0 || b->monitor != monitor || b->monitor_id != result->monitor_id)
            continue;
        for (size_t k = 0; k < b->n; k++) {
            struct plx_spare *one = &b->spares[k];
            if (one->agent != agent)
                continue;
            *one = (struct plx_spare){agent,           true,           at,
                                      result->outcome, result->detail, result->rtt_us};
            return true;
        }
    }
    return false;
}
