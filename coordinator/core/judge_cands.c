#include "coordinator/core/judge_cands.h"

#include "coordinator/core/judge_ahead.h"
#include "coordinator/core/judge_hold.h"

#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

void plx_cands_reach(void *pp, uint32_t *cap, uint32_t n, size_t size)
{
    void **p = pp;
    if (n <= *cap)
        return;
    uint32_t to = n + n / 2 + 32;
    *p = realloc(*p, to * size);
    if (*p == NULL)
        abort();
    *cap = to;
}

void plx_cands_trim(void *pp, uint32_t *cap, uint32_t n, size_t size)
{
    void **p = pp;
    if (*cap <= 2048 || *cap / 2 <= n)
        return;
    *cap = n + n / 4 + 32;
    *p = realloc(*p, *cap * size);
    if (*p == NULL)
        abort();
}

/* --- what fails ----------------------------------------------------------------- */

/* What is left of a failing run after `end`. */
static void cut(struct plx_fail *f, uint32_t end)
{
    f->n = f->n_apart = plx_hold_left(end, f->last, f->period, f->n_apart, &f->first);
}

static bool votes(const struct plx_cover *c, const struct plx_fail *f, uint32_t now)
{
    const struct plx_fleet_agent *a = &c->fleet->agents[f->agent];
    return !a->silent && now < f->until && f->last >= a->back;
}

/* The held faults go on as they were. */
static void keep_held(struct plx_cover *c, const struct plx_standing *standing,
                      uint32_t n_standing)
{
    for (uint32_t i = 0; i < n_standing; i++) {
        const uint32_t *ids;
        uint32_t n, n_held = 0;
        if (!standing[i].open || !plx_scope_kind(standing[i].scope.type)->vantage)
            continue;
        plx_scope_agents(c->fleet, &standing[i].scope, &ids, &n);
        for (uint32_t k = 0; k < n; k++)
            n_held += c->fleet->agents[ids[k]].held;
        if (n_held == 0)
            continue;
        plx_score_claim(&c->score, &standing[i].scope, true);
        plx_cands_reach(&c->picks, &c->cap_picks, c->n_picks + 1, sizeof *c->picks);
        c->picks[c->n_picks++] = (struct plx_pick){.scope = standing[i].scope,
                                                   .onset = standing[i].onset,
                                                   .gain = PLX_CANDS_LOUD};
    }
}

/* Room by which what a failing cell brings may grow before what was found out about it is
 * asked anew: it follows the noise that is learned, a little at each tick. */
#define GROWTH 1.1f

/* Returns false when it votes no more, or a fault that is over explains it. */
static bool counts(struct plx_cover *c, struct plx_fail *fail, uint32_t now,
                   const struct plx_standing *standing, uint32_t n_standing)
{
    if (!votes(c, fail, now))
        return false;
    uint32_t end = plx_hold_past(c->fleet, fail->agent, fail->first, fail->monitor,
                                 standing, n_standing);
    if (fail->last <= end)
        return false;
    fail->by = -1;
    fail->cut = end != 0;
    if (end != 0)
        cut(fail, end);
    plx_score_weigh(&c->score, fail);
    if (fail->most <= (double)fail->cap && !fail->cut)
        return true;
    fail->cap = (float)fail->most * GROWTH;
    fail->calm_host = fail->calm_prefix = 0;
    return true;
}

static void read_cell(const struct plx_cover *c, const struct plx_evidence *ev,
                      uint32_t i, struct plx_fail *ret)
{
    uint32_t monitor = plx_cells_owner(&ev->cells, i);
    const struct plx_fleet_monitor *m = &c->fleet->monitors[monitor];
    struct plx_cell cell;
    plx_cell_read(ev, m, i - m->cell0, &cell);
    *ret = (struct plx_fail){
        .cell = i,
        .monitor = monitor,
        .agent = cell.agent,
        .first = cell.first,
        .last = cell.last,
        .period = m->interval_tk,
        .until = plx_evidence_until(c->score.policy, m, &cell),
        .n = cell.n,
        .n_apart = cell.n_apart,
        .host = m->unit_host,
        .prefix = m->unit_prefix,
        .answers = plx_score_is_answer(&cell, c->score.policy),
    };
    memcpy(ret->kinds, cell.kinds, sizeof ret->kinds);
}

/* What was found out about it at the last solve holds on. */
static bool is_same(const struct plx_fail *a, const struct plx_fail *b)
{
    return a->first == b->first && a->last == b->last && a->n == b->n &&
           a->n_apart == b->n_apart && !a->cut;
}

/* The memory of what comes next is fetched meanwhile. */
static void look_ahead(const struct plx_cover *c, const struct plx_evidence *ev,
                       uint32_t word)
{
    const uint64_t *failing = ev->cells.failing;
    plx_ahead_fetch_set(c->fleet, &ev->cells, failing, word + 6, PLX_AHEAD_CELLS);
    plx_ahead_fetch_set(c->fleet, &ev->cells, failing, word + 4, PLX_AHEAD_MONITOR);
    plx_ahead_fetch_set(c->fleet, &ev->cells, failing, word + 2, PLX_AHEAD_MORE);
}

/* Adds the failing cell `i`, from the last solve (`was`; NULL: it did not fail then) if
 * nothing changed since. Returns true when it had to be read. */
static bool collect_cell(struct plx_cover *c, const struct plx_evidence *ev, uint32_t i,
                         struct plx_fail *was, uint32_t now,
                         const struct plx_standing *standing, uint32_t n_standing)
{
    struct plx_fail *fail = &c->fails[c->n_fails];
    bool old = was != NULL && !was->cut && !plx_evidence_is_changed(ev, was->monitor);
    if (was != NULL && ev->receded)
        was->calm_host = was->calm_prefix = 0;
    if (old)
        *fail = *was;
    else
        read_cell(c, ev, i, fail);
    if (!old && was != NULL && is_same(was, fail)) {
        fail->cap = was->cap;
        fail->calm_host = was->calm_host;
        fail->calm_prefix = was->calm_prefix;
    }
    c->n_fails += counts(c, fail, now, standing, n_standing);
    return !old;
}

/* Room for all that fails. What the last solve found out is asked for as it is collected,
 * and is no more needed then. */
static struct plx_fail *room(const struct plx_evidence *ev)
{
    uint32_t n = 0;
    for (uint32_t w = 0; w * 64 < ev->cells.n; w++)
        n += plx_bits_count(ev->cells.failing[w]);
    struct plx_fail *fails = malloc((n + 1) * sizeof *fails);
    if (fails == NULL)
        abort();
    return fails;
}

static void collect(struct plx_cover *c, const struct plx_evidence *ev, uint32_t now,
                    const struct plx_standing *standing, uint32_t n_standing)
{
    struct plx_fail *was = c->fails;
    uint32_t n_was = ev->moved ? 0 : c->n_fails, k = 0;
    c->fails = room(ev);
    c->n_fails = 0;
    bool all_new = true; /* then it is worth looking ahead */
    for (uint32_t w = 0; w * 64 < ev->cells.n; w++) {
        if (all_new)
            look_ahead(c, ev, w);
        if (ev->cells.failing[w] != 0)
            all_new = true;
        for (uint64_t bits = ev->cells.failing[w]; bits != 0; bits &= bits - 1) {
            uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(bits);
            while (k < n_was && was[k].cell < i)
                k++;
            bool had = k < n_was && was[k].cell == i;
            all_new &=
                collect_cell(c, ev, i, had ? &was[k] : NULL, now, standing, n_standing);
        }
    }
    free(was);
}

/* --- candidates ----------------------------------------------------------------- */

/* The bucket of the key, or the free one where it would go. */
static struct plx_cand_bucket *bucket_of(const struct plx_cover *c, uint64_t key)
{
    uint64_t i = plx_hash_mix(key);
    for (;; i++) {
        struct plx_cand_bucket *b = &c->buckets[i & (c->n_buckets - 1)];
        if (b->cand == PLX_CANDS_NONE || b->key == key)
            return b;
    }
}

uint32_t plx_cands_find(struct plx_cover *c, const struct plx_scope *scope)
{
    return bucket_of(c, plx_scope_key(*scope))->cand;
}

/* Makes room for `n` candidates beside those there are, at most half full. */
static void buckets_reach(struct plx_cover *c, uint32_t n)
{
    uint32_t want = c->n_buckets ? c->n_buckets : 64;
    while (want / 2 < c->n_cands + n)
        want *= 2;
    if (want == c->n_buckets)
        return;
    plx_cands_reach(&c->buckets, &c->cap_buckets, want, sizeof *c->buckets);
    c->n_buckets = want;
    for (uint32_t i = 0; i < want; i++)
        c->buckets[i].cand = PLX_CANDS_NONE;
    for (uint32_t i = 0; i < c->n_cands; i++) {
        uint64_t key = plx_scope_key(c->cands[i].scope);
        *bucket_of(c, key) = (struct plx_cand_bucket){key, i};
    }
}

static uint32_t cand_of(struct plx_cover *c, const struct plx_scope *scope)
{
    buckets_reach(c, 1);
    uint64_t key = plx_scope_key(*scope);
    struct plx_cand_bucket *b = bucket_of(c, key);
    if (b->cand != PLX_CANDS_NONE)
        return b->cand;
    plx_cands_reach(&c->cands, &c->cap_cands, c->n_cands + 1, sizeof *c->cands);
    c->cands[c->n_cands] = (struct plx_cand){.scope = *scope};
    *b = (struct plx_cand_bucket){key, c->n_cands};
    return c->n_cands++;
}

/* Begins anew, with room for about as many candidates as `n_fails` have. */
static void buckets_clear(struct plx_cover *c, uint32_t n_fails)
{
    c->n_cands = 0;
    c->n_cand_of = 0;
    c->n_buckets = 0;
    buckets_reach(c, n_fails < 1u << 20 ? n_fails * 2 : 1u << 21);
}

static void propose_for(struct plx_cover *c, struct plx_fail *fail,
                        const struct plx_scope *scopes, uint32_t n)
{
    plx_cands_reach(&c->cand_of, &c->cap_cand_of, c->n_cand_of + n, sizeof *c->cand_of);
    fail->cand0 = c->n_cand_of;
    fail->n_cands = (uint16_t)n;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = cand_of(c, &scopes[i]);
        c->cand_of[c->n_cand_of++] = k;
        c->cands[k].n_fails++;
    }
}

/* Scopes of fails that are looked up a little later, so that their buckets come from
 * memory meanwhile. */
#define LOOKUPS 4u

struct lookup {
    struct plx_scope scopes[PLX_SCOPES_OF_CELL];
    uint32_t fail, n;
};

static void look_up_later(const struct plx_cover *c, uint32_t f, struct lookup *ret)
{
    const struct plx_fail *fail = &c->fails[f];
    ret->fail = f;
    ret->n = plx_scope_of_cell(c->fleet, fail, fail->worth & ~(unsigned)PLX_WORTH_OURS,
                               c->score.policy->without, ret->scopes);
    for (uint32_t i = 0; i < ret->n; i++) {
        uint64_t at = plx_hash_mix(plx_scope_key(ret->scopes[i]));
        __builtin_prefetch(&c->buckets[at & (c->n_buckets - 1)]);
    }
}

/* Adds the candidates of ours. They are the same for all fails of an agent: looked up for
 * its first, copied for the others. */
static void propose_ours(struct plx_cover *c, struct plx_fail *fail)
{
    struct plx_scope scopes[PLX_SCOPES_OF_CELL];
    uint32_t *first = &c->of_agent[2 * fail->agent], *n = first + 1;
    unsigned worth = fail->worth & PLX_WORTH_OURS;
    if (worth == 0)
        return;
    if (*first == UINT32_MAX) {
        *n = plx_scope_of_cell(c->fleet, fail, worth, c->score.policy->without, scopes);
        *first = c->n_cand_of;
        plx_cands_reach(&c->cand_of, &c->cap_cand_of, c->n_cand_of + *n,
                        sizeof *c->cand_of);
        for (uint32_t i = 0; i < *n; i++)
            c->cand_of[*first + i] = cand_of(c, &scopes[i]);
    }
    plx_cands_reach(&c->cand_of, &c->cap_cand_of, c->n_cand_of + *n, sizeof *c->cand_of);
    for (uint32_t i = 0; i < *n; i++) {
        uint32_t k = c->cand_of[*first + i];
        c->cand_of[c->n_cand_of++] = k;
        c->cands[k].n_fails++;
    }
    fail->n_cands = (uint16_t)(fail->n_cands + *n);
}

static void propose_all(struct plx_cover *c, const struct lookup *l)
{
    struct plx_fail *fail = &c->fails[l->fail];
    propose_for(c, fail, l->scopes, l->n);
    propose_ours(c, fail);
}

static void propose(struct plx_cover *c)
{
    struct lookup later[LOOKUPS];
    uint32_t n = 0, done = 0, n_agents = c->fleet->n_agents;
    plx_cands_reach(&c->of_agent, &c->cap_of_agent, 2 * n_agents, sizeof *c->of_agent);
    for (uint32_t a = 0; a < n_agents; a++)
        c->of_agent[2 * a] = UINT32_MAX;
    for (uint32_t f = 0; f < c->n_fails; f++) {
        c->fails[f].n_cands = 0;
        if (c->fails[f].by >= 0 || c->fails[f].worth == 0)
            continue;
        if (n - done == LOOKUPS)
            propose_all(c, &later[done++ % LOOKUPS]);
        look_up_later(c, f, &later[n++ % LOOKUPS]);
    }
    for (; done < n; done++)
        propose_all(c, &later[done % LOOKUPS]);
}

/* Agents that are silent or cannot probe accuse themselves without any failing cell. */
static void propose_vantage(struct plx_cover *c)
{
    struct plx_scope scopes[PLX_SCOPES_OF_CELL];
    for (uint32_t a = 0; a < c->fleet->n_agents; a++) {
        if (!c->fleet->agents[a].used || plx_score_own(&c->score, a, 0) <= 0)
            continue;
        uint32_t n = plx_scope_of_agent(c->fleet, a, scopes);
        for (uint32_t i = 0; i < n; i++)
            cand_of(c, &scopes[i]);
    }
}

/* Lists each candidate's fails behind one another (a counting sort). */
static void link_members(struct plx_cover *c)
{
    uint32_t at = 0;
    for (uint32_t k = 0; k < c->n_cands; k++) {
        c->cands[k].fail0 = at;
        at += c->cands[k].n_fails;
        c->cands[k].n_fails = 0;
    }
    plx_cands_reach(&c->members, &c->cap_members, at + 1, sizeof *c->members);
    for (uint32_t f = 0; f < c->n_fails; f++)
        for (uint32_t i = 0; i < c->fails[f].n_cands; i++) {
            struct plx_cand *k = &c->cands[c->cand_of[c->fails[f].cand0 + i]];
            c->members[k->fail0 + k->n_fails++] = f;
        }
}

static void mark_standing(struct plx_cover *c, const struct plx_standing *standing,
                          uint32_t n_standing)
{
    for (uint32_t i = 0; i < n_standing; i++) {
        if (!standing[i].open)
            continue;
        uint32_t k = plx_cands_find(c, &standing[i].scope);
        if (k != PLX_CANDS_NONE)
            c->cands[k].bonus = PLX_SCORE_STANDING;
    }
}

/* --- the whole ------------------------------------------------------------------ */

void plx_cands_gather(struct plx_cover *c, const struct plx_evidence *ev, uint32_t now,
                      const struct plx_standing *standing, uint32_t n_standing)
{
    collect(c, ev, now, standing, n_standing);
    keep_held(c, standing, n_standing);
}

void plx_cands_propose(struct plx_cover *c, const struct plx_standing *standing,
                       uint32_t n_standing)
{
    uint32_t n = 0;
    plx_sift_fails(c, standing, n_standing);
    for (uint32_t f = 0; f < c->n_fails; f++)
        n += c->fails[f].by < 0 && (c->fails[f].worth & ~PLX_WORTH_OURS) != 0;
    buckets_clear(c, n);
    propose(c);
    propose_vantage(c);
    link_members(c);
    mark_standing(c, standing, n_standing);
}

/* Lists the candidates of an agent's own among those there are: one that is not loud
 * itself takes part where its region or provider is proposed for one that is. */
static void list_known(struct plx_cover *c, uint32_t agent)
{
    struct plx_scope scopes[PLX_SCOPES_OF_CELL];
    uint32_t n = plx_scope_of_agent(c->fleet, agent, scopes);
    plx_cands_reach(&c->cand_of, &c->cap_cand_of, c->n_cand_of + n, sizeof *c->cand_of);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = plx_cands_find(c, &scopes[i]);
        if (k != PLX_CANDS_NONE)
            c->cand_of[c->n_cand_of++] = k;
    }
}

void plx_cands_propose_loud(struct plx_cover *c, const uint32_t *n_fails,
                            const struct plx_standing *standing, uint32_t n_standing)
{
    struct plx_scope scopes[PLX_SCOPES_OF_CELL];
    uint32_t n_agents = c->fleet->n_agents;
    buckets_clear(c, 0);
    for (uint32_t a = 0; a < n_agents; a++) {
        uint32_t n =
            n_fails[a] > PLX_CANDS_MANY ? plx_scope_of_agent(c->fleet, a, scopes) : 0;
        for (uint32_t i = 0; i < n; i++)
            cand_of(c, &scopes[i]);
    }
    plx_cands_reach(&c->of_agent, &c->cap_of_agent, n_agents + 1, sizeof *c->of_agent);
    for (uint32_t a = 0; a < n_agents; a++) {
        c->of_agent[a] = c->n_cand_of;
        if (n_fails[a] > 0)
            list_known(c, a);
    }
    c->of_agent[n_agents] = c->n_cand_of;
    for (uint32_t f = 0; f < c->n_fails; f++) {
        struct plx_fail *fail = &c->fails[f];
        fail->cand0 = c->of_agent[fail->agent];
        fail->n_cands = (uint16_t)(c->of_agent[fail->agent + 1] - fail->cand0);
        for (uint32_t i = 0; i < fail->n_cands; i++)
            c->cands[c->cand_of[fail->cand0 + i]].n_fails++;
    }
    link_members(c);
    mark_standing(c, standing, n_standing);
}

void plx_cands_propose_networks(struct plx_cover *c, const uint32_t *n_fails,
                                const struct plx_standing *standing, uint32_t n_standing)
{
    struct plx_scope scopes[PLX_SCOPES_OF_CELL];
    buckets_clear(c, 0);
    for (uint32_t f = 0; f < c->n_fails; f++) {
        struct plx_fail *fail = &c->fails[f];
        uint32_t n = 0;
        if (fail->by < 0 && fail->prefix != PLX_NO_UNIT &&
            n_fails[fail->prefix] > PLX_CANDS_MANY)
            n = plx_scope_of_cell(c->fleet, fail, PLX_WORTH_ALL_PREFIX, 0, scopes);
        propose_for(c, fail, scopes, n);
    }
    link_members(c);
    mark_standing(c, standing, n_standing);
}
