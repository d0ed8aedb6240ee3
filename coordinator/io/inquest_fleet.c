/* Which ways of the fleet a fault is compared with: those traced for it and for others of
 * the same time, and those that probes of now tell to work or fail and that were walked
 * in good times. */
#include "coordinator/io/inquest_impl.h"

#include <stdlib.h>
#include <string.h>

/* Inquests of the same time. */
#define SAME_NS   (2 * PLX_MIN_NS)
/* Monitors looked at for ways that are only probed. */
#define LOOKS_MAX 2048
/* Those of the fault itself leave room for ways to compare with. */
#define OWN_MAX   (PLX_PLACE_WAYS_MAX / 2)

struct gathering {
    const struct plx_inquest *q;
    const struct plx_inquiry *one;
    struct plx_place_way ways[PLX_PLACE_WAYS_MAX];
    struct plx_trace *copies[PLX_PLACE_WAYS_MAX]; /* of good times; freed at the end */
    size_t n, n_copies;
};

static bool has_way(const struct gathering *g, uint32_t agent,
                    const struct plx_addr *target)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->ways[i].agent == agent && plx_addr_equal(&g->ways[i].target, target))
            return true;
    return false;
}

/* ---- traced ---- */

static bool is_failing(const struct plx_trace *trace)
{
    for (size_t i = 0; i < trace->n_flows; i++)
        if (trace->flows[i].end.kind != PLX_HOP_OPEN)
            return true;
    return false;
}

static void add_witnesses(struct gathering *g, const struct plx_inquiry *from)
{
    for (size_t i = 0; i < from->n_witnesses && g->n < PLX_PLACE_WAYS_MAX; i++) {
        const struct plx_witness *w = &from->witnesses[i];
        if (!w->now || w->now->n_flows == 0 || w->now->trouble ||
            has_way(g, w->agent, &w->now->target))
            continue;
        g->ways[g->n++] = (struct plx_place_way){.agent = w->agent,
                                                 .target = w->now->target,
                                                 .failing = is_failing(w->now),
                                                 .own = from == g->one,
                                                 .now = w->now,
                                                 .before = w->before};
    }
}

static void add_cases(struct gathering *g)
{
    add_witnesses(g, g->one);
    for (size_t i = 0; i < PLX_CASES_MAX; i++) {
        const struct plx_inquiry *other = g->q->cases[i];
        if (!other || other == g->one)
            continue;
        int64_t apart = plx_mono_diff(other->opened, g->one->opened);
        if (apart < SAME_NS && apart > -SAME_NS)
            add_witnesses(g, other);
    }
}

/* ---- probed ---- */

/* +1: it works since the fault began, -1: it fails for want of an answer, 0: it says
 * nothing of the way. */
static int word_of(const struct plx_inquiry *one, const struct plx_sight *sight)
{
    if (!sight || !sight->address.family)
        return 0;
    if (sight->outcome == PLX_OUTCOME_OPEN)
        return sight->at.ns >= one->onset.ns;
    return sight->outcome == PLX_OUTCOME_TIMEOUT ||
                   sight->outcome == PLX_OUTCOME_UNREACHABLE
               ? -1
               : 0;
}

static void add_probed(struct gathering *g, uint32_t agent, const struct plx_sight *sight,
                       bool failing, bool own)
{
    struct plx_trace *before = malloc(sizeof *before);
    if (!before)
        abort();
    if (!plx_ways_get(g->q->ways, agent, &sight->address, before)) {
        free(before);
        return;
    }
    g->copies[g->n_copies++] = before;
    g->ways[g->n++] = (struct plx_place_way){.agent = agent,
                                             .target = sight->address,
                                             .failing = failing,
                                             .own = own,
                                             .before = before};
}

static void add_monitor(struct gathering *g, uint32_t slot, bool own, size_t most)
{
    const struct plx_desk *desk = g->q->desk;
    const struct plx_monitor *m = plx_catalog_at(desk->catalog, slot);
    size_t n;
    if (!m || m->paused || m->expect != PLX_EXPECT_OPEN)
        return;
    const uint32_t *agents = plx_shares_agents(desk->shares, slot, &n);
    for (size_t i = 0; i < n && g->n < most; i++) {
        const struct plx_sight *sight = plx_court_sight(desk->court, slot, agents[i]);
        int word = word_of(g->one, sight);
        if (word != 0 && !has_way(g, agents[i], &sight->address))
            add_probed(g, agents[i], sight, word < 0, own);
    }
}

static bool is_own(const struct plx_inquiry *one, uint32_t slot)
{
    for (size_t i = 0; i < one->n_monitors; i++)
        if (one->monitors[i] == slot)
            return true;
    return false;
}

/* The fault's own, then those beside them in the catalog. */
static void add_monitors(struct gathering *g)
{
    const struct plx_inquiry *one = g->one;
    uint32_t n = plx_catalog_end(g->q->desk->catalog);
    uint32_t first = one->n_monitors > 0 ? one->monitors[0] : 0;
    for (size_t i = 0; i < one->n_monitors; i++)
        add_monitor(g, one->monitors[i], true, OWN_MAX);
    for (uint32_t i = 0; i < LOOKS_MAX && i < n; i++) {
        uint32_t slot = (first + i) % n;
        if (!is_own(one, slot))
            add_monitor(g, slot, false, PLX_PLACE_WAYS_MAX);
    }
}

void plx_inquiry_compare(const struct plx_inquest *q, struct plx_inquiry *one)
{
    struct gathering *g = calloc(1, sizeof *g);
    if (!g)
        abort();
    g->q = q;
    g->one = one;
    add_cases(g);
    add_monitors(g);
    plx_place_common(g->ways, g->n, &one->common);
    one->n_suspects = plx_place_rank(g->ways, g->n, one->suspects, PLX_CASE_SUSPECTS_MAX);
    for (size_t i = 0; i < g->n_copies; i++)
        free(g->copies[i]);
    free(g);
}
