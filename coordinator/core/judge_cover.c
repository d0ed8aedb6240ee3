#include "coordinator/core/judge_cover.h"

#include "coordinator/core/judge_score.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NONE            UINT32_MAX
/* Above so many failing cells only the greedy pass runs: exchanges are for puzzles, and a
 * puzzle of that size has a single loud cause. */
#define EXCHANGE_MAX    1500u
#define EXCHANGE_ROUNDS 3
/* A pick that earns more than this needs no second story to be believed. */
#define LOUD            400.0
/* Nats by which another story must beat one with an announced fault to replace it: long
 * faults collect stray results, and every split of them drops a few. */
#define INERTIA         10.0
/* An agent with so many failing cells under a standing fault of ours is not asked cell by
 * cell again: the fault stays until its opens say otherwise. */
#define HOLD            400u

struct cand {
    struct plx_scope scope;
    uint32_t fail0, n_fails; /* into `members` */
    double gain;             /* as last evaluated */
    uint32_t onset;
    uint32_t round; /* of the greedy pass when evaluated */
    double bonus;
    uint32_t next; /* hash chain */
};

struct plx_cover {
    const struct plx_fleet *fleet;
    struct plx_score score;
    struct plx_fail *fails;
    uint32_t n_fails, cap_fails;
    struct cand *cands;
    uint32_t n_cands, cap_cands;
    uint32_t *buckets;
    uint32_t n_buckets;
    uint32_t *cand_of; /* per fail: its candidates */
    uint32_t n_cand_of, cap_cand_of;
    uint32_t *members; /* per candidate: its fails */
    uint32_t cap_members;
    uint32_t *live; /* candidates that could earn their cost if all was theirs */
    uint32_t n_live, cap_live;
    uint32_t *heap;
    uint32_t n_heap, cap_heap;
    bool *held; /* per agent: its cells are left to a standing fault of ours */
    uint32_t cap_held;
    struct plx_pick *picks;
    uint32_t n_picks, cap_picks;
    uint32_t *explained;
    uint32_t cap_explained;
    uint32_t *work; /* fails freed for a second story */
    uint32_t cap_work;
    uint32_t *tally; /* per candidate, for absorptions */
    uint32_t cap_tally;
};

static void reach(void *pp, uint32_t *cap, uint32_t n, size_t size)
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

struct plx_cover *plx_cover_new(void)
{
    struct plx_cover *c = calloc(1, sizeof *c);
    if (c == NULL)
        abort();
    return c;
}

void plx_cover_destroy(struct plx_cover **cover)
{
    if (cover == NULL || *cover == NULL)
        return;
    struct plx_cover *c = *cover;
    plx_score_fini(&c->score);
    free(c->fails);
    free(c->cands);
    free(c->buckets);
    free(c->cand_of);
    free(c->members);
    free(c->live);
    free(c->held);
    free(c->heap);
    free(c->picks);
    free(c->explained);
    free(c->work);
    free(c->tally);
    free(c);
    *cover = NULL;
}

/* --- what fails ----------------------------------------------------------------------
 */

/* Failures up to the end of a fault that is over were its. Returns the latest such end
 * for this cell, 0 if there is none. */
static uint32_t past_of(const struct plx_cover *c, const struct plx_cell *cell,
                        uint32_t monitor, const struct plx_standing *standing,
                        uint32_t n_standing)
{
    uint32_t end = 0;
    for (uint32_t i = 0; i < n_standing; i++)
        if (standing[i].ended > end && standing[i].ended >= cell->first &&
            plx_scope_has_agent(c->fleet, &standing[i].scope, cell->agent) &&
            plx_scope_has_monitor(c->fleet, &standing[i].scope, monitor))
            end = standing[i].ended;
    return end;
}

/* What is left of a failing run after `end`. */
static void cut(struct plx_fail *f, uint32_t end)
{
    uint32_t n = 1 + (f->last - end) / (f->period ? f->period : 1);
    f->first = end + 1;
    f->n_apart = (uint8_t)(n < f->n_apart ? n : f->n_apart);
    f->n = f->n_apart;
}

static bool votes(const struct plx_cover *c, const struct plx_cell *cell,
                  const struct plx_fleet_monitor *m, uint32_t now)
{
    double fresh = c->score.policy->fresh_intervals * m->interval_tk + m->timeout_tk;
    return !c->fleet->agents[cell->agent].silent && now < cell->last + (uint32_t)fresh;
}

/* Marks the agents whose failures a standing fault of ours explains wholesale. */
static void hold(struct plx_cover *c, const struct plx_standing *standing,
                 uint32_t n_standing)
{
    reach(&c->held, &c->cap_held, c->fleet->n_agents + 1, sizeof *c->held);
    memset(c->held, 0, c->cap_held * sizeof *c->held);
    for (uint32_t i = 0; i < n_standing; i++) {
        const uint32_t *ids;
        uint32_t n;
        if (!standing[i].open || standing[i].ended != 0 ||
            !plx_scope_kind(standing[i].scope.type)->vantage)
            continue;
        plx_scope_agents(c->fleet, &standing[i].scope, &ids, &n);
        for (uint32_t k = 0; k < n; k++)
            c->held[ids[k]] = c->fleet->agents[ids[k]].n_failing > HOLD;
    }
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
            n_held += c->held[ids[k]];
        if (n_held == 0)
            continue;
        plx_score_claim(&c->score, &standing[i].scope, true);
        reach(&c->picks, &c->cap_picks, c->n_picks + 1, sizeof *c->picks);
        c->picks[c->n_picks++] = (struct plx_pick){
            .scope = standing[i].scope, .onset = standing[i].onset, .gain = LOUD};
    }
}

static void collect(struct plx_cover *c, const struct plx_evidence *ev, uint32_t now,
                    const struct plx_standing *standing, uint32_t n_standing)
{
    c->n_fails = 0;
    for (uint32_t w = 0; w * 64 < ev->n_cells; w++) {
        for (uint64_t bits = ev->failing[w]; bits != 0; bits &= bits - 1) {
            uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(bits);
            const struct plx_cell *cell = &ev->cells[i];
            const struct plx_fleet_monitor *m = &c->fleet->monitors[ev->owner[i]];
            if (c->held[cell->agent] || !votes(c, cell, m, now))
                continue;
            uint32_t end = past_of(c, cell, ev->owner[i], standing, n_standing);
            if (cell->last <= end)
                continue;
            reach(&c->fails, &c->cap_fails, c->n_fails + 1, sizeof *c->fails);
            c->fails[c->n_fails++] = (struct plx_fail){
                .cell = i,
                .monitor = ev->owner[i],
                .agent = cell->agent,
                .first = cell->first,
                .last = cell->last,
                .period = m->interval_tk,
                .n = cell->n,
                .n_apart = cell->n_apart,
                .by = -1,
            };
            plx_score_kinds(cell, c->fails[c->n_fails - 1].kinds);
            if (end != 0)
                cut(&c->fails[c->n_fails - 1], end);
        }
    }
}

/* --- candidates ----------------------------------------------------------------------
 */

static uint32_t cand_find(struct plx_cover *c, const struct plx_scope *scope)
{
    uint64_t h = plx_hash_mix(plx_scope_key(*scope));
    for (uint32_t i = c->buckets[h & (c->n_buckets - 1)]; i != NONE; i = c->cands[i].next)
        if (plx_scope_key(c->cands[i].scope) == plx_scope_key(*scope))
            return i;
    return NONE;
}

static uint32_t cand_of(struct plx_cover *c, const struct plx_scope *scope)
{
    uint32_t i = cand_find(c, scope);
    if (i != NONE)
        return i;
    reach(&c->cands, &c->cap_cands, c->n_cands + 1, sizeof *c->cands);
    uint64_t h = plx_hash_mix(plx_scope_key(*scope)) & (c->n_buckets - 1);
    c->cands[c->n_cands] = (struct cand){.scope = *scope, .next = c->buckets[h]};
    c->buckets[h] = c->n_cands;
    return c->n_cands++;
}

static void buckets_clear(struct plx_cover *c)
{
    uint32_t want = 64;
    while (want < c->n_fails * 4 && want < 1u << 22)
        want *= 2;
    if (want > c->n_buckets) {
        free(c->buckets);
        c->buckets = malloc(want * sizeof *c->buckets);
        if (c->buckets == NULL)
            abort();
        c->n_buckets = want;
    }
    memset(c->buckets, 0xff, c->n_buckets * sizeof *c->buckets);
    c->n_cands = 0;
    c->n_cand_of = 0;
}

static void propose(struct plx_cover *c, const struct plx_evidence *ev)
{
    struct plx_scope scopes[PLX_SCOPES_OF_CELL];
    buckets_clear(c);
    for (uint32_t f = 0; f < c->n_fails; f++) {
        struct plx_fail *fail = &c->fails[f];
        uint32_t n = plx_scope_of_cell(c->fleet, fail->monitor, &ev->cells[fail->cell],
                                       c->score.policy->without, scopes);
        reach(&c->cand_of, &c->cap_cand_of, c->n_cand_of + n, sizeof *c->cand_of);
        fail->cand0 = c->n_cand_of;
        fail->n_cands = n;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t k = cand_of(c, &scopes[i]);
            c->cand_of[c->n_cand_of++] = k;
            c->cands[k].n_fails++;
        }
    }
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
    reach(&c->members, &c->cap_members, c->n_cand_of + 1, sizeof *c->members);
    uint32_t at = 0;
    for (uint32_t k = 0; k < c->n_cands; k++) {
        c->cands[k].fail0 = at;
        at += c->cands[k].n_fails;
        c->cands[k].n_fails = 0;
    }
    for (uint32_t f = 0; f < c->n_fails; f++)
        for (uint32_t i = 0; i < c->fails[f].n_cands; i++) {
            struct cand *k = &c->cands[c->cand_of[c->fails[f].cand0 + i]];
            c->members[k->fail0 + k->n_fails++] = f;
        }
}

static void mark_standing(struct plx_cover *c, const struct plx_standing *standing,
                          uint32_t n_standing)
{
    for (uint32_t i = 0; i < n_standing; i++) {
        if (!standing[i].open)
            continue;
        uint32_t k = cand_find(c, &standing[i].scope);
        if (k != NONE)
            c->cands[k].bonus = PLX_SCORE_STANDING;
    }
}

/* --- greedy --------------------------------------------------------------------------
 */

static void evaluate(struct plx_cover *c, struct cand *k, uint32_t round)
{
    k->round = round;
    k->gain = plx_score_gain(&c->score, &k->scope, c->fails, c->members + k->fail0,
                             k->n_fails, k->bonus, &k->onset);
}

static bool above(const struct plx_cover *c, uint32_t a, uint32_t b)
{
    const struct cand *x = &c->cands[a], *y = &c->cands[b];
    if (x->gain > y->gain || x->gain < y->gain)
        return x->gain > y->gain;
    return plx_scope_key(x->scope) < plx_scope_key(y->scope);
}

static void heap_sink(struct plx_cover *c, uint32_t i)
{
    for (;;) {
        uint32_t best = i;
        for (uint32_t kid = 2 * i + 1; kid <= 2 * i + 2 && kid < c->n_heap; kid++)
            if (above(c, c->heap[kid], c->heap[best]))
                best = kid;
        if (best == i)
            return;
        uint32_t t = c->heap[i];
        c->heap[i] = c->heap[best];
        c->heap[best] = t;
        i = best;
    }
}

static void heap_make(struct plx_cover *c)
{
    for (uint32_t i = c->n_heap / 2; i-- > 0;)
        heap_sink(c, i);
}

static uint32_t heap_pop(struct plx_cover *c)
{
    uint32_t top = c->heap[0];
    c->heap[0] = c->heap[--c->n_heap];
    heap_sink(c, 0);
    return top;
}

static void take(struct plx_cover *c, struct cand *k)
{
    reach(&c->picks, &c->cap_picks, c->n_picks + 1, sizeof *c->picks);
    struct plx_pick *p = &c->picks[c->n_picks];
    plx_score_settle(&c->score, &k->scope, c->fails, c->members + k->fail0, k->n_fails,
                     k->onset);
    *p = (struct plx_pick){.scope = k->scope, .onset = k->onset, .gain = k->gain};
    for (uint32_t i = 0; i < k->n_fails; i++) {
        struct plx_fail *f = &c->fails[c->members[k->fail0 + i]];
        if (f->by < 0 && plx_score_covers(&c->score, &k->scope, k->onset, f)) {
            f->by = (int32_t)c->n_picks;
            p->n_fails++;
        }
    }
    if (plx_scope_kind(k->scope.type)->vantage)
        plx_score_claim(&c->score, &k->scope, true);
    c->n_picks++;
}

/* Takes the best of the heap's candidates until none earns its cost. Returns what they
 * earn together. Candidates on the heap carry their gain of this round or an older one;
 * gains only shrink as cells get explained, so that an old one is an upper bound. */
static double greedy(struct plx_cover *c)
{
    double sum = 0;
    uint32_t round = 0;
    heap_make(c);
    while (c->n_heap > 0) {
        struct cand *top = &c->cands[c->heap[0]];
        if (top->gain <= 0)
            break;
        if (top->round != round) {
            evaluate(c, top, round);
            heap_sink(c, 0);
            continue;
        }
        heap_pop(c);
        sum += top->gain;
        take(c, top);
        round++;
    }
    return sum;
}

static void solve_all(struct plx_cover *c)
{
    c->n_heap = c->n_live = 0;
    reach(&c->heap, &c->cap_heap, c->n_cands, sizeof *c->heap);
    reach(&c->live, &c->cap_live, c->n_cands, sizeof *c->live);
    for (uint32_t k = 0; k < c->n_cands; k++) {
        evaluate(c, &c->cands[k], 0);
        if (c->cands[k].gain > 0) {
            c->heap[c->n_heap++] = k;
            c->live[c->n_live++] = k;
        }
    }
    greedy(c);
}

/* --- second stories ------------------------------------------------------------------
 */

enum ban {
    BAN_SCOPE,  /* that fault and what covers the same cells */
    BAN_SERVER, /* any fault on the target's side */
};

static bool is_banned(const struct plx_cover *c, const struct plx_scope *s, enum ban ban,
                      const struct plx_scope * not )
{
    if (ban == BAN_SERVER && plx_scope_kind(s->type)->server)
        return true;
    return plx_scope_key(*s) == plx_scope_key(*not ) ||
           plx_scope_same_cells(c->fleet, s, not );
}

/* Frees the cells of pick `p` and returns how many there are (in c->work). */
static uint32_t free_cells(struct plx_cover *c, uint32_t p)
{
    uint32_t n = 0;
    reach(&c->work, &c->cap_work, c->n_fails, sizeof *c->work);
    for (uint32_t f = 0; f < c->n_fails; f++)
        if (c->fails[f].by == (int32_t)p) {
            c->fails[f].by = -1;
            c->work[n++] = f;
        }
    return n;
}

/* The story has this fault already. */
static bool is_picked(const struct plx_cover *c, const struct plx_scope *scope)
{
    for (uint32_t p = 0; p < c->n_picks; p++)
        if (!c->picks[p].removed &&
            plx_scope_key(c->picks[p].scope) == plx_scope_key(*scope))
            return true;
    return false;
}

static void heap_of_work(struct plx_cover *c, uint32_t n, enum ban ban,
                         const struct plx_scope * not, bool vantage_own)
{
    c->n_heap = 0;
    reach(&c->tally, &c->cap_tally, c->n_cands, sizeof *c->tally);
    reach(&c->heap, &c->cap_heap, c->n_cands, sizeof *c->heap);
    memset(c->tally, 0, c->n_cands * sizeof *c->tally);
    for (uint32_t i = 0; i < n; i++) {
        const struct plx_fail *f = &c->fails[c->work[i]];
        for (uint32_t j = 0; j < f->n_cands; j++)
            c->tally[c->cand_of[f->cand0 + j]] = 1;
    }
    for (uint32_t i = 0; i < c->n_live; i++) {
        uint32_t k = c->live[i];
        struct cand *cand = &c->cands[k];
        bool in = c->tally[k] || (vantage_own && cand->scope.x == UINT32_MAX);
        if (!in || is_banned(c, &cand->scope, ban, not ))
            continue;
        evaluate(c, cand, 0);
        if (cand->gain > 0)
            c->heap[c->n_heap++] = k;
    }
}

/* The best story of the freed cells without what is banned. Its picks are appended. */
static double second_story(struct plx_cover *c, uint32_t n_work, enum ban ban,
                           const struct plx_scope * not )
{
    bool own = plx_scope_kind(not ->type)->vantage;
    if (own)
        plx_score_claim(&c->score, not, false);
    heap_of_work(c, n_work, ban, not, own);
    return greedy(c);
}

static void claim_own(struct plx_cover *c)
{
    plx_score_unclaim(&c->score);
    for (uint32_t p = 0; p < c->n_picks; p++)
        if (!c->picks[p].removed)
            plx_score_claim(&c->score, &c->picks[p].scope, true);
}

static void undo(struct plx_cover *c, uint32_t n_picks, uint32_t pick, uint32_t n_work)
{
    for (uint32_t f = 0; f < c->n_fails; f++)
        if (c->fails[f].by >= (int32_t)n_picks)
            c->fails[f].by = -1;
    for (uint32_t i = 0; i < n_work; i++)
        c->fails[c->work[i]].by = (int32_t)pick;
    c->n_picks = n_picks;
}

/* Would the cells of pick `p` be told better without it? */
static bool exchange(struct plx_cover *c, uint32_t p)
{
    uint32_t before = c->n_picks;
    if (c->picks[p].n_fails == 0)
        return false; /* rests on what agents say of themselves, or is held */
    uint32_t n_work = free_cells(c, p);
    struct plx_scope scope = c->picks[p].scope;
    uint32_t k = cand_find(c, &scope);
    double mine = c->picks[p].gain;
    claim_own(c);
    if (k != NONE) {
        if (plx_scope_kind(scope.type)->vantage)
            plx_score_claim(&c->score, &scope, false);
        evaluate(c, &c->cands[k], 0);
        mine = c->cands[k].gain;
    }
    c->picks[p].removed = true;
    double other = second_story(c, n_work, BAN_SCOPE, &scope);
    bool stood = k != NONE && c->cands[k].bonus > 0;
    if (other > mine + (stood ? INERTIA : 0.1))
        return true;
    undo(c, before, p, n_work);
    c->picks[p].removed = false;
    c->picks[p].gain = mine;
    return false;
}

/* What the picks mostly inside candidate `k` earn; frees their cells. Fills c->work. */
static double free_inside(struct plx_cover *c, uint32_t k, uint32_t *ret_n)
{
    struct cand *cand = &c->cands[k];
    double sum = 0;
    uint32_t n = 0;
    reach(&c->tally, &c->cap_tally, c->n_picks, sizeof *c->tally);
    reach(&c->work, &c->cap_work, c->n_fails, sizeof *c->work);
    memset(c->tally, 0, c->n_picks * sizeof *c->tally);
    for (uint32_t i = 0; i < cand->n_fails; i++) {
        int32_t by = c->fails[c->members[cand->fail0 + i]].by;
        if (by >= 0)
            c->tally[by]++;
    }
    for (uint32_t p = 0; p < c->n_picks; p++) {
        const struct plx_pick *pick = &c->picks[p];
        if (pick->removed || c->tally[p] == 0 || c->tally[p] < pick->n_fails)
            continue;
        sum += pick->gain;
        c->tally[p] = UINT32_MAX;
    }
    for (uint32_t f = 0; f < c->n_fails; f++)
        if (c->fails[f].by >= 0 && c->tally[c->fails[f].by] == UINT32_MAX)
            c->work[n++] = f;
    *ret_n = n;
    return sum;
}

/* Would one wider fault tell the story of several picks better? */
static bool absorb(struct plx_cover *c, uint32_t k)
{
    uint32_t n;
    double sum = free_inside(c, k, &n);
    if (n == 0)
        return false;
    uint32_t n_picks = c->n_picks;
    int32_t *was = malloc(n * sizeof *was);
    if (was == NULL)
        abort();
    for (uint32_t i = 0; i < n; i++) {
        was[i] = c->fails[c->work[i]].by;
        c->fails[c->work[i]].by = -1;
    }
    evaluate(c, &c->cands[k], 0);
    bool better = c->cands[k].gain > sum + 0.1;
    if (better) {
        for (uint32_t p = 0; p < n_picks; p++)
            if (c->tally[p] == UINT32_MAX)
                c->picks[p].removed = true;
        take(c, &c->cands[k]);
    } else {
        for (uint32_t i = 0; i < n; i++)
            c->fails[c->work[i]].by = was[i];
    }
    free(was);
    return better;
}

static void recount(struct plx_cover *c)
{
    for (uint32_t p = 0; p < c->n_picks; p++)
        c->picks[p].n_fails = 0;
    for (uint32_t f = 0; f < c->n_fails; f++)
        if (c->fails[f].by >= 0)
            c->picks[c->fails[f].by].n_fails++;
}

static uint32_t count_explained(const struct plx_cover *c)
{
    uint32_t n = 0;
    for (uint32_t p = 0; p < c->n_picks; p++)
        n += c->picks[p].n_fails;
    return n;
}

static void refine(struct plx_cover *c)
{
    recount(c);
    if (count_explained(c) > EXCHANGE_MAX || c->n_picks == 0)
        return;
    for (int round = 0; round < EXCHANGE_ROUNDS; round++) {
        bool changed = false;
        for (uint32_t i = 0; i < c->n_live; i++) {
            const struct cand *k = &c->cands[c->live[i]];
            if (k->n_fails < 2 || is_picked(c, &k->scope))
                continue;
            claim_own(c);
            if (absorb(c, c->live[i])) {
                changed = true;
                recount(c);
            }
        }
        uint32_t n = c->n_picks; /* what exchanges add waits for the next round */
        for (uint32_t p = 0; p < n; p++)
            if (!c->picks[p].removed && exchange(c, p)) {
                changed = true;
                recount(c);
            }
        if (!changed)
            break;
    }
}

/* --- margins -------------------------------------------------------------------------
 */

static double best_without(struct plx_cover *c, uint32_t p, enum ban ban,
                           struct plx_scope *ret_scope, bool *ret_has)
{
    uint32_t before = c->n_picks;
    uint32_t n_work = free_cells(c, p);
    struct plx_scope scope = c->picks[p].scope;
    claim_own(c);
    double other = second_story(c, n_work, ban, &scope);
    *ret_has = c->n_picks > before;
    uint32_t most = 0;
    for (uint32_t i = before; i < c->n_picks; i++)
        if (c->picks[i].n_fails > most || i == before) {
            most = c->picks[i].n_fails;
            *ret_scope = c->picks[i].scope;
        }
    undo(c, before, p, n_work);
    return other;
}

static bool is_held(const struct plx_pick *pick)
{
    return pick->n_fails == 0 && pick->gain >= LOUD;
}

static void find_margins(struct plx_cover *c)
{
    for (uint32_t p = 0; p < c->n_picks; p++) {
        struct plx_pick *pick = &c->picks[p];
        if (pick->removed || is_held(pick))
            continue;
        if (pick->gain > LOUD && count_explained(c) > EXCHANGE_MAX) {
            pick->margin = pick->margin_scope = pick->gain / 10;
            pick->has_margin = true;
            continue;
        }
        bool server = plx_scope_kind(pick->scope.type)->server, has;
        struct plx_scope other = {0}, ignored = {0};
        double gain = pick->gain;
        double scope = gain - best_without(c, p, BAN_SCOPE, &other, &has);
        bool has_server = has;
        double margin =
            server ? gain - best_without(c, p, BAN_SERVER, &ignored, &has_server) : scope;
        pick = &c->picks[p]; /* the array may have moved */
        pick->margin_scope = scope;
        pick->margin = margin;
        pick->runner_up = other;
        pick->has_margin = true;
        pick->has_runner_up = has;
    }
}

/* --- the whole -----------------------------------------------------------------------
 */

static void drop_removed(struct plx_cover *c)
{
    int32_t *to = malloc((c->n_picks + 1) * sizeof *to);
    if (to == NULL)
        abort();
    uint32_t n = 0;
    for (uint32_t p = 0; p < c->n_picks; p++) {
        bool gone = c->picks[p].removed;
        to[p] = gone ? -1 : (int32_t)n;
        if (!gone)
            c->picks[n++] = c->picks[p];
    }
    c->n_picks = n;
    for (uint32_t f = 0; f < c->n_fails; f++)
        if (c->fails[f].by >= 0)
            c->fails[f].by = to[c->fails[f].by];
    free(to);
}

static void list_explained(struct plx_cover *c)
{
    reach(&c->explained, &c->cap_explained, c->n_fails + 1, sizeof *c->explained);
    recount(c);
    uint32_t at = 0;
    for (uint32_t p = 0; p < c->n_picks; p++) {
        c->picks[p].fail0 = at;
        at += c->picks[p].n_fails;
        c->picks[p].n_fails = 0;
    }
    for (uint32_t f = 0; f < c->n_fails; f++)
        if (c->fails[f].by >= 0) {
            struct plx_pick *p = &c->picks[c->fails[f].by];
            c->explained[p->fail0 + p->n_fails++] = f;
        }
}

/* Everything that fails is explained by faults that stood before: nothing to puzzle over.
 */
static bool is_as_before(const struct plx_cover *c, const struct plx_standing *standing,
                         uint32_t n_standing)
{
    for (uint32_t f = 0; f < c->n_fails; f++)
        if (c->fails[f].by < 0)
            return false;
    for (uint32_t p = 0; p < c->n_picks; p++) {
        bool stood = false;
        for (uint32_t i = 0; i < n_standing && !stood; i++)
            stood = standing[i].open &&
                    plx_scope_key(standing[i].scope) == plx_scope_key(c->picks[p].scope);
        if (!stood)
            return false;
    }
    return true;
}

void plx_cover_solve(struct plx_cover *c, const struct plx_fleet *fleet,
                     const struct plx_evidence *ev, const struct plx_judge_policy *policy,
                     uint32_t now, const struct plx_standing *standing,
                     uint32_t n_standing)
{
    c->fleet = fleet;
    c->n_picks = 0;
    plx_score_begin(&c->score, fleet, ev, policy, now);
    hold(c, standing, n_standing);
    collect(c, ev, now, standing, n_standing);
    keep_held(c, standing, n_standing);
    propose(c, ev);
    propose_vantage(c);
    link_members(c);
    mark_standing(c, standing, n_standing);
    solve_all(c);
    if (!is_as_before(c, standing, n_standing)) {
        refine(c);
        drop_removed(c);
        find_margins(c);
    }
    claim_own(c);
    list_explained(c);
}

const struct plx_pick *plx_cover_picks(const struct plx_cover *cover, uint32_t *ret_n)
{
    *ret_n = cover->n_picks;
    return cover->picks;
}

const struct plx_fail *plx_cover_fails(const struct plx_cover *cover, uint32_t *ret_n)
{
    *ret_n = cover->n_fails;
    return cover->fails;
}

const uint32_t *plx_cover_explained(const struct plx_cover *cover,
                                    const struct plx_pick *pick)
{
    return cover->explained + pick->fail0;
}

bool plx_cover_suspect(struct plx_cover *c, uint32_t fail, struct plx_scope *ret_scope,
                       double *ret_gain, uint32_t *ret_onset)
{
    bool found = false;
    const struct plx_fail *f = &c->fails[fail];
    for (uint32_t i = 0; i < f->n_cands; i++) {
        struct cand *k = &c->cands[c->cand_of[f->cand0 + i]];
        if (!plx_scope_kind(k->scope.type)->server)
            continue;
        evaluate(c, k, 0);
        if (found && k->gain <= *ret_gain)
            continue;
        found = true;
        *ret_scope = k->scope;
        *ret_gain = k->gain;
        *ret_onset = k->onset;
    }
    return found;
}
