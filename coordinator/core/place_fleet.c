#include "coordinator/core/place_fleet.h"

#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS    8192 /* of the table, a power of two */
#define FILL_MAX (SLOTS / 4 * 3)
#define TARGETS  64 /* told apart when they are counted; agents likewise */
/* What one way can lead over: hops and links of all flows, and the target. */
#define WAY_MAX  (2 * (PLX_TRACE_FLOWS_MAX * (PLX_TRACE_HOPS_MAX + 1)))

/* A hop (`from` has no family), or a link. Compared as bytes: filled from zeroes. */
struct element {
    struct plx_addr from, to;
};

struct tally {
    struct element what;
    bool used;
    uint32_t depth; /* furthest place on any way */
    uint32_t n_failing, n_own, n_working;
    size_t counted_for; /* 1 + the way that was counted last */
};

struct table {
    struct tally slots[SLOTS];
    size_t n;
    struct plx_place scratch; /* of one way */
};

const char *plx_place_common_token(enum plx_place_common_kind kind)
{
    static const char *const tokens[] = {"none", "unknown", "hop", "stretch"};
    return (size_t)kind < sizeof tokens / sizeof *tokens ? tokens[kind] : "unknown";
}

/* ---- what a way leads over ---- */

struct elements {
    struct element list[WAY_MAX];
    uint32_t depth[WAY_MAX];
    size_t n;
};

static void set_addr(struct plx_addr *to, const struct plx_addr *from)
{
    to->family = from->family;
    memcpy(to->bytes, from->bytes, from->family == 4 ? 4 : from->family == 6 ? 16 : 0);
}

/* `from` NULL or without a family: the hop `to`. */
static void put(struct elements *e, const struct plx_addr *from,
                const struct plx_addr *to, uint32_t depth)
{
    if (e->n == WAY_MAX || !to->family)
        return;
    struct element *one = &e->list[e->n];
    memset(one, 0, sizeof *one);
    if (from)
        set_addr(&one->from, from);
    set_addr(&one->to, to);
    e->depth[e->n++] = depth;
}

static void put_link(struct elements *e, const struct plx_addr *from,
                     const struct plx_addr *to, uint32_t depth)
{
    if (from->family)
        put(e, from, to, depth);
    put(e, NULL, to, depth);
}

/* One flow, to the target if it came there. Silent hops are passed over. */
static void put_flow(struct elements *e, const struct plx_trace_flow *flow,
                     const struct plx_addr *target)
{
    struct plx_addr last = {0};
    for (uint32_t i = 0; i < flow->n_hops; i++) {
        const struct plx_hop *hop = &flow->hops[i];
        if (hop->kind != PLX_HOP_TRANSIT)
            continue;
        put_link(e, &last, &hop->from, i);
        last = hop->from;
    }
    if (flow->end.kind == PLX_HOP_OPEN || flow->end.kind == PLX_HOP_REFUSED)
        put_link(e, &last, target, flow->n_hops);
}

static void put_trace(struct elements *e, const struct plx_trace *trace, bool open_only)
{
    for (size_t f = 0; trace && f < trace->n_flows; f++)
        if (!open_only || trace->flows[f].end.kind == PLX_HOP_OPEN)
            put_flow(e, &trace->flows[f], &trace->target);
}

static struct plx_addr shared_at(const struct plx_trace *trace, uint32_t i)
{
    const struct plx_hop *first = &trace->flows[0].hops[i];
    for (size_t f = 0; f < trace->n_flows; f++) {
        const struct plx_trace_flow *flow = &trace->flows[f];
        if (i >= flow->n_hops || flow->hops[i].kind != PLX_HOP_TRANSIT ||
            !plx_addr_equal(&flow->hops[i].from, &first->from))
            return (struct plx_addr){0};
    }
    return first->from;
}

/* What every flow led over: one of them is the probe's. */
static void put_shared(struct elements *e, const struct plx_trace *trace)
{
    struct plx_addr last = {0};
    for (uint32_t i = 0; trace && trace->n_flows > 0 && i < PLX_TRACE_HOPS_MAX; i++) {
        struct plx_addr hop = shared_at(trace, i);
        if (hop.family)
            put_link(e, &last, &hop, i);
        last = hop;
    }
}

static uint32_t depth_of(const struct plx_trace *trace, const struct plx_addr *hop)
{
    uint32_t depth = 0;
    for (size_t f = 0; trace && f < trace->n_flows; f++)
        for (uint32_t i = 0; i < trace->flows[f].n_hops; i++)
            if (plx_addr_equal(&trace->flows[f].hops[i].from, hop) && i > depth)
                depth = i;
    return depth;
}

/* What the trace of a failing way leaves open. False: nothing is known of it. */
static bool put_accused(struct elements *e, const struct plx_place_way *way,
                        struct plx_place *scratch)
{
    const struct plx_place_view view = {"", "", way->now, way->before};
    plx_place_find(&view, 1, scratch);
    const struct plx_place_part *part = &scratch->parts[0];
    uint32_t depth = depth_of(way->now, &part->after) + 1;
    const struct plx_addr *to = part->before.family ? &part->before : &way->target;
    switch (part->kind) {
    case PLX_PLACE_BETWEEN:
        put(e, NULL, &part->after, depth - 1);
        put_link(e, &part->after, to, depth);
        return true;
    case PLX_PLACE_AT_HOP:
        put(e, NULL, &part->after, depth - 1);
        return true;
    case PLX_PLACE_AT_TARGET:
        put_link(e, &part->after, &way->target, depth);
        return true;
    case PLX_PLACE_NEAR_AGENT:
        put(e, NULL, &part->before, 0);
        return part->before.family != 0;
    case PLX_PLACE_NONE:
    case PLX_PLACE_UNKNOWN:
        break;
    }
    return false;
}

/* What the way accuses, or clears. */
static void collect(const struct plx_place_way *way, struct plx_place *scratch,
                    struct elements *e)
{
    e->n = 0;
    if (way->failing && way->now && put_accused(e, way, scratch))
        return;
    if (way->failing)
        put_trace(e, way->before, false);
    else if (way->now)
        put_trace(e, way->now, true);
    else
        put_shared(e, way->before);
}

/* ---- counting ---- */

static bool same(const struct element *a, const struct element *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static bool is_link(const struct element *e)
{
    return e->from.family != 0;
}

static struct tally *tally_of(struct table *t, const struct element *what)
{
    size_t at = (size_t)plx_hash_bytes(what, sizeof *what, 7) & (SLOTS - 1);
    while (t->slots[at].used && !same(&t->slots[at].what, what))
        at = (at + 1) & (SLOTS - 1);
    if (t->slots[at].used)
        return &t->slots[at];
    if (t->n == FILL_MAX)
        return NULL;
    t->n++;
    t->slots[at] = (struct tally){.what = *what, .used = true};
    return &t->slots[at];
}

static void count(struct table *t, const struct plx_place_way *way, size_t no,
                  const struct elements *e)
{
    for (size_t i = 0; i < e->n; i++) {
        struct tally *tally = tally_of(t, &e->list[i]);
        if (!tally)
            return;
        tally->depth = e->depth[i] > tally->depth ? e->depth[i] : tally->depth;
        if (tally->counted_for == no + 1)
            continue;
        tally->counted_for = no + 1;
        tally->n_failing += way->failing;
        tally->n_own += way->failing && way->own;
        tally->n_working += !way->failing;
    }
}

static struct table *new_table(void)
{
    struct table *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    return t;
}

/* Different numbers, or addresses, so far. */
struct distinct {
    struct plx_addr addrs[TARGETS];
    uint32_t agents[TARGETS];
    uint32_t n_addrs, n_agents;
};

static void add_distinct(struct distinct *d, const struct plx_place_way *way)
{
    uint32_t i = 0;
    while (i < d->n_agents && d->agents[i] != way->agent)
        i++;
    if (i == d->n_agents && i < TARGETS)
        d->agents[d->n_agents++] = way->agent;
    i = 0;
    while (i < d->n_addrs && !plx_addr_equal(&d->addrs[i], &way->target))
        i++;
    if (i == d->n_addrs && i < TARGETS)
        d->addrs[d->n_addrs++] = way->target;
}

static bool leads_over(const struct elements *e, const struct element *what)
{
    for (size_t i = 0; i < e->n; i++)
        if (same(&e->list[i], what))
            return true;
    return false;
}

/* ---- suspects ---- */

/* All that a failing way can have led over, now and in good times. */
static void collect_hops(const struct plx_place_way *way, struct elements *e)
{
    e->n = 0;
    put_trace(e, way->now, !way->failing);
    if (way->failing)
        put_trace(e, way->before, false);
    else if (!way->now)
        put_shared(e, way->before);
}

static bool is_target(const struct plx_place_way *ways, size_t n,
                      const struct plx_addr *hop)
{
    for (size_t i = 0; i < n; i++)
        if (plx_addr_equal(&ways[i].target, hop))
            return true;
    return false;
}

static bool ranks_before(const struct tally *a, const struct tally *b)
{
    if (a->n_failing != b->n_failing)
        return a->n_failing > b->n_failing;
    if (a->depth != b->depth)
        return a->depth > b->depth;
    return memcmp(&a->what, &b->what, sizeof a->what) < 0;
}

static struct tally *best_suspect(struct table *t, const struct plx_place_way *ways,
                                  size_t n)
{
    struct tally *best = NULL;
    for (size_t i = 0; i < SLOTS; i++) {
        struct tally *one = &t->slots[i];
        if (one->used && one->n_failing > 0 && one->n_working == 0 &&
            !is_link(&one->what) && (!best || ranks_before(one, best)) &&
            !is_target(ways, n, &one->what.to))
            best = one;
    }
    return best;
}

size_t plx_place_rank(const struct plx_place_way *ways, size_t n,
                      struct plx_place_suspect *ret, size_t max)
{
    struct table *t = new_table();
    struct elements e;
    size_t n_ret = 0;
    n = n < PLX_PLACE_WAYS_MAX ? n : PLX_PLACE_WAYS_MAX;
    for (size_t i = 0; i < n; i++) {
        collect_hops(&ways[i], &e);
        count(t, &ways[i], i, &e);
    }
    for (; n_ret < max; n_ret++) {
        struct tally *best = best_suspect(t, ways, n);
        struct distinct d = {.n_addrs = 0};
        if (!best)
            break;
        for (size_t i = 0; i < n; i++) {
            if (!ways[i].failing)
                continue;
            collect_hops(&ways[i], &e);
            if (leads_over(&e, &best->what))
                add_distinct(&d, &ways[i]);
        }
        ret[n_ret] = (struct plx_place_suspect){best->what.to, best->n_failing,
                                                d.n_agents, d.n_addrs};
        best->n_failing = 0;
    }
    free(t);
    return n_ret;
}

/* ---- what is common ---- */

/* A link is narrower than a hop; then what more failing ways lead over. */
static bool is_narrower(const struct tally *a, const struct tally *b)
{
    if (a->n_own != b->n_own)
        return a->n_own > b->n_own;
    if (is_link(&a->what) != is_link(&b->what))
        return is_link(&a->what);
    return ranks_before(a, b);
}

/* An element on as many of the fault's failing ways as any, and on no working one. */
static const struct tally *narrowest(const struct table *t)
{
    const struct tally *best = NULL;
    for (size_t i = 0; i < SLOTS; i++) {
        const struct tally *one = &t->slots[i];
        if (one->used && one->n_own > 0 && one->n_working == 0 &&
            (!best || is_narrower(one, best)))
            best = one;
    }
    return best;
}

/* Links that as many failing ways lead over cannot be told apart: the stretch of all. */
static void stretch(const struct table *t, const struct tally *best,
                    struct plx_place_common *ret)
{
    const struct tally *first = best, *last = best;
    for (size_t i = 0; i < SLOTS; i++) {
        const struct tally *one = &t->slots[i];
        if (!one->used || !is_link(&one->what) || one->n_working > 0 ||
            one->n_own != best->n_own || one->n_failing != best->n_failing)
            continue;
        ret->n_links++;
        first = one->depth < first->depth ? one : first;
        last = one->depth > last->depth ? one : last;
    }
    ret->after = first->what.from;
    ret->before = last->what.to;
}

static void count_over(const struct plx_place_way *ways, size_t n,
                       const struct tally *best, struct table *t,
                       struct plx_place_common *ret)
{
    struct distinct d = {.n_addrs = 0};
    struct elements e;
    for (size_t i = 0; i < n; i++) {
        if (!ways[i].failing)
            continue;
        collect(&ways[i], &t->scratch, &e);
        if (leads_over(&e, &best->what))
            add_distinct(&d, &ways[i]);
    }
    ret->n_agents = d.n_agents;
    ret->n_targets = d.n_addrs;
}

static const char *many(uint32_t n)
{
    return n == 1 ? "" : "s";
}

static void write_where(struct plx_place_common *c)
{
    char after[PLX_ADDR_TEXT_MAX], before[PLX_ADDR_TEXT_MAX];
    size_t n = strlen(c->sentence);
    if (c->kind == PLX_COMMON_HOP)
        snprintf(c->sentence + n, sizeof c->sentence - n, "lead%s to %s",
                 c->n_over == 1 ? "s" : "", plx_addr_format(&c->before, before));
    else
        snprintf(c->sentence + n, sizeof c->sentence - n, "lead%s from %s to %s",
                 c->n_over == 1 ? "s" : "", plx_addr_format(&c->after, after),
                 plx_addr_format(&c->before, before));
}

static void write_sentence(struct plx_place_common *c)
{
    if (c->kind == PLX_COMMON_NONE) {
        snprintf(c->sentence, sizeof c->sentence, "no failing way is known");
        return;
    }
    if (c->kind == PLX_COMMON_UNKNOWN) {
        snprintf(c->sentence, sizeof c->sentence,
                 "the %u failing way%s known have nothing in common that none of %u "
                 "working one%s has: a filter, a way back, or several faults",
                 c->n_own, many(c->n_own), c->n_working, many(c->n_working));
        return;
    }
    snprintf(c->sentence, sizeof c->sentence,
             "%u of %u failing way%s of the fault (in all %u, of %u agent%s to %u "
             "target%s) ",
             c->n_own_over, c->n_own, many(c->n_own), c->n_over, c->n_agents,
             many(c->n_agents), c->n_targets, many(c->n_targets));
    write_where(c);
    size_t n = strlen(c->sentence);
    if (c->n_working > 0)
        snprintf(c->sentence + n, sizeof c->sentence - n,
                 ", and none of %u working one%s", c->n_working, many(c->n_working));
    else
        snprintf(c->sentence + n, sizeof c->sentence - n,
                 "; no working way is known to compare with");
}

/* Only with most of the fault's ways behind it: what one of many leads over alone says
 * nothing of the others. */
static bool is_common(const struct tally *best, uint32_t n_own)
{
    return best && 2 * best->n_own > n_own;
}

void plx_place_common(const struct plx_place_way *ways, size_t n,
                      struct plx_place_common *ret)
{
    struct table *t = new_table();
    struct elements e;
    *ret = (struct plx_place_common){.kind = PLX_COMMON_NONE};
    n = n < PLX_PLACE_WAYS_MAX ? n : PLX_PLACE_WAYS_MAX;
    for (size_t i = 0; i < n; i++) {
        collect(&ways[i], &t->scratch, &e);
        count(t, &ways[i], i, &e);
        ret->n_own += ways[i].failing && ways[i].own && e.n > 0;
        ret->n_working += !ways[i].failing && e.n > 0;
    }
    const struct tally *best = narrowest(t);
    if (ret->n_own > 0)
        ret->kind = PLX_COMMON_UNKNOWN;
    if (is_common(best, ret->n_own)) {
        bool link = is_link(&best->what);
        ret->kind = link ? PLX_COMMON_STRETCH : PLX_COMMON_HOP;
        ret->before = best->what.to;
        ret->n_own_over = best->n_own;
        ret->n_over = best->n_failing;
        if (link)
            stretch(t, best, ret);
        count_over(ways, n, best, t, ret);
    }
    write_sentence(ret);
    free(t);
}
