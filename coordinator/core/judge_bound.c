#include "coordinator/core/judge_bound.h"

#include "coordinator/core/judge_cover.h"

#include <math.h>
#include <string.h>

/* Agents of a filter that are followed one by one; a filter with more is evaluated. */
#define SLOTS  24u
/* ln 4: what naming a subset of two out of three agents costs a filter, at least. */
#define SUBSET 1.386

/* What the failing cells bring at each onset, less what was seen to be well since. A
 * filter is weighed agent by agent: those that speak against it are left out of it. */
struct bound {
    struct plx_score *s;
    bool filter, vantage;
    uint32_t n_onsets, alive; /* bits */
    double against;           /* nats of one result as expected */
    double cost;
    uint32_t n_slots;
    uint32_t agent[SLOTS];
    double net[SLOTS][PLX_SCORE_ONSETS];
};

/* SLOTS: no room. */
static uint32_t slot_of(const struct bound *b, uint32_t agent)
{
    if (!b->filter)
        return 0;
    uint32_t i = 0;
    while (i < b->n_slots && b->agent[i] != agent)
        i++;
    return i;
}

static bool slot_open(struct bound *b, uint32_t slot, uint32_t agent)
{
    if (slot < b->n_slots)
        return true;
    if (slot == SLOTS)
        return false;
    b->agent[slot] = agent;
    memset(b->net[slot], 0, sizeof b->net[slot]);
    b->n_slots++;
    return true;
}

/* Adds what each cell brings at the last onset that it failed after, then sums up from
 * the last onset to the first. Which onset that is, nobody can foretell: it is counted,
 * not searched. */
static bool add_fails(struct bound *b, const struct plx_fail *fails)
{
    const struct plx_score *s = b->s;
    uint32_t edge[PLX_SCORE_ONSETS];
    for (uint32_t k = 0; k < PLX_SCORE_ONSETS; k++)
        edge[k] = k < b->n_onsets ? s->times[k] : UINT32_MAX;
    for (uint32_t i = 0; i < s->n_open; i++) {
        const struct plx_fail *f = &fails[s->open[i]];
        uint32_t slot = slot_of(b, f->agent), last = f->last + s->slack, k = 0;
        if (!slot_open(b, slot, f->agent))
            return false;
        for (uint32_t j = 0; j < PLX_SCORE_ONSETS; j++)
            k += last >= edge[j];
        if (k > 0)
            b->net[slot][k - 1] += b->vantage ? f->most : (double)f->cap;
    }
    for (uint32_t slot = 0; slot < b->n_slots; slot++)
        for (uint32_t k = b->n_onsets - 1; k-- > 0;)
            b->net[slot][k] += b->net[slot][k + 1];
    return true;
}

/* What is left at an onset, of those that speak for it, and how many they are. */
static double left(const struct bound *b, uint32_t onset, uint32_t *ret_n)
{
    double sum = 0;
    *ret_n = 0;
    for (uint32_t slot = 0; slot < b->n_slots; slot++)
        if (b->net[slot][onset] > 0) {
            sum += b->net[slot][onset];
            ++*ret_n;
        }
    return sum;
}

static bool is_dead(const struct bound *b, uint32_t onset)
{
    uint32_t n;
    return left(b, onset, &n) < b->cost - PLX_BOUND_CLEAR || (b->filter && n < 2);
}

static void bury(struct bound *b)
{
    for (uint32_t k = 0; k < b->n_onsets; k++)
        if ((b->alive & 1u << k) && is_dead(b, k))
            b->alive &= ~(1u << k);
}

static void weigh_vantage(struct bound *b, const struct plx_scope *scope)
{
    const uint32_t *ids;
    uint32_t n;
    double own = 0;
    plx_scope_agents(b->s->fleet, scope, &ids, &n);
    for (uint32_t i = 0; i < n; i++)
        own += b->s->claimed[ids[i]] ? 0 : plx_score_own(b->s, ids[i], 0);
    slot_open(b, 0, 0);
    for (uint32_t k = 0; k < b->n_onsets; k++)
        b->net[0][k] +=
            own - b->against * plx_score_contrary_vantage(b->s, scope, b->s->times[k]);
    bury(b);
}

/* True when it speaks against any onset. */
static bool weigh_good(struct bound *b, const struct plx_good *good)
{
    uint32_t slot = slot_of(b, good->agent);
    bool turned = false;
    if (slot >= b->n_slots)
        return false; /* of a filter: not in the subset */
    for (uint32_t k = 0; k < b->n_onsets; k++) {
        uint32_t since = b->s->times[k] + b->s->slack;
        if (good->last <= since)
            break;
        b->net[slot][k] -= b->against * plx_score_good_after(good, since);
        turned = true;
    }
    return turned;
}

/* Number `i` of the scope's monitors. */
static void weigh_monitor(struct bound *b, const struct plx_scope *scope, uint32_t i)
{
    uint32_t n;
    const struct plx_good *good = plx_score_goods(b->s, scope, i, &n);
    bool turned = false;
    for (uint32_t k = 0; k < n; k++)
        if (good[k].last > b->s->times[0] &&
            plx_scope_has_agent(b->s->fleet, scope, good[k].agent))
            turned |= weigh_good(b, &good[k]);
    if (turned)
        bury(b);
}

uint32_t plx_bound_onsets(struct plx_score *s, const struct plx_scope *scope,
                          const struct plx_fail *fails, uint32_t n_onsets, double cost,
                          double ret_most[PLX_SCORE_ONSETS])
{
    const struct plx_scope_kind *kind = plx_scope_kind(scope->type);
    struct bound b = {.s = s,
                      .filter = kind->filter,
                      .vantage = kind->vantage,
                      .n_onsets = n_onsets,
                      .alive = (1u << n_onsets) - 1,
                      .against = -log((1 - s->policy->p_fail) / s->policy->p_fail),
                      .cost = cost + (kind->filter ? SUBSET : 0)};
    uint32_t all = b.alive, n;
    const uint32_t *ids;
    for (uint32_t k = 0; k < n_onsets; k++)
        ret_most[k] = INFINITY;
    if (!add_fails(&b, fails))
        return all;
    if (kind->vantage)
        weigh_vantage(&b, scope);
    else
        bury(&b);
    plx_scope_monitors(s->fleet, scope, &ids, &n);
    for (uint32_t i = 0; i < n && b.alive != 0; i++)
        weigh_monitor(&b, scope, i);
    for (uint32_t k = 0; k < n_onsets; k++)
        ret_most[k] = left(&b, k, &n);
    return b.alive;
}
