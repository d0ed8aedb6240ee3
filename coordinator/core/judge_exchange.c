#include "coordinator/core/judge_exchange.h"

#include "coordinator/core/judge_greedy.h"

#include <stdlib.h>
#include <string.h>

#define EXCHANGE_ROUNDS 3
/* Nats by which another story must beat one with an announced fault to replace it: long
 * faults collect stray results, and every split of them drops a few. */
#define INERTIA         10.0

/* --- second stories ------------------------------------------------------------- */

enum ban {
    BAN_SCOPE,  /* that fault and what covers the same cells */
    BAN_SERVER, /* any fault on the target's side */
    BAN_OURS,   /* any fault of ours */
};

static bool is_banned(const struct plx_cover *c, const struct plx_scope *s, enum ban ban,
                      const struct plx_scope * not )
{
    if (ban == BAN_SERVER && plx_scope_kind(s->type)->server)
        return true;
    if (ban == BAN_OURS)
        return plx_scope_kind(s->type)->vantage;
    return plx_scope_key(*s) == plx_scope_key(*not ) ||
           plx_scope_same_cells(c->fleet, s, not );
}

/* The fails that pick `p` may explain: those of its candidate, or all if it has none. */
static const uint32_t *fails_of(struct plx_cover *c, uint32_t p, uint32_t *ret_n)
{
    uint32_t k = plx_cands_find(c, &c->picks[p].scope);
    *ret_n = k == PLX_CANDS_NONE ? c->n_fails : c->cands[k].n_fails;
    return k == PLX_CANDS_NONE ? NULL : c->members + c->cands[k].fail0;
}

/* Frees the cells of pick `p` and returns how many there are (in c->work). */
static uint32_t free_cells(struct plx_cover *c, uint32_t p)
{
    uint32_t n = 0, n_fails;
    const uint32_t *fails = fails_of(c, p, &n_fails);
    plx_cands_reach(&c->work, &c->cap_work, c->n_fails, sizeof *c->work);
    for (uint32_t i = 0; i < n_fails; i++) {
        uint32_t f = fails ? fails[i] : i;
        if (c->fails[f].by != (int32_t)p)
            continue;
        c->fails[f].by = -1;
        c->work[n++] = f;
    }
    return n;
}

static void heap_of_work(struct plx_cover *c, uint32_t n, enum ban ban,
                         const struct plx_scope * not, bool vantage_own)
{
    c->n_heap = 0;
    plx_cands_reach(&c->tally, &c->cap_tally, c->n_cands, sizeof *c->tally);
    plx_cands_reach(&c->heap, &c->cap_heap, c->n_cands, sizeof *c->heap);
    memset(c->tally, 0, c->n_cands * sizeof *c->tally);
    for (uint32_t i = 0; i < n; i++) {
        const struct plx_fail *f = &c->fails[c->work[i]];
        for (uint32_t j = 0; j < f->n_cands; j++)
            c->tally[c->cand_of[f->cand0 + j]] = 1;
    }
    for (uint32_t i = 0; i < c->n_live; i++) {
        uint32_t k = c->live[i];
        struct plx_cand *cand = &c->cands[k];
        bool in = c->tally[k] || (vantage_own && cand->scope.x == UINT32_MAX);
        if (!in || is_banned(c, &cand->scope, ban, not ))
            continue;
        plx_greedy_evaluate(c, cand, 0);
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
    return plx_greedy_run(c, 0);
}

static void undo(struct plx_cover *c, uint32_t n_picks, uint32_t pick, uint32_t n_work)
{
    for (uint32_t p = n_picks; p < c->n_picks; p++) {
        uint32_t n_fails;
        const uint32_t *fails = fails_of(c, p, &n_fails);
        for (uint32_t i = 0; i < n_fails; i++)
            if (c->fails[fails ? fails[i] : i].by == (int32_t)p)
                c->fails[fails ? fails[i] : i].by = -1;
    }
    for (uint32_t i = 0; i < n_work; i++)
        c->fails[c->work[i]].by = (int32_t)pick;
    c->n_picks = n_picks;
}

/* --- exchanges ------------------------------------------------------------------ */

/* Would the cells of pick `p` be told better without it? */
static bool exchange(struct plx_cover *c, uint32_t p)
{
    uint32_t before = c->n_picks;
    if (c->picks[p].n_fails == 0)
        return false; /* rests on what agents say of themselves, or is held */
    uint32_t n_work = free_cells(c, p);
    struct plx_scope scope = c->picks[p].scope;
    uint32_t k = plx_cands_find(c, &scope);
    double mine = c->picks[p].gain;
    plx_greedy_claim_own(c);
    if (k != PLX_CANDS_NONE) {
        if (plx_scope_kind(scope.type)->vantage)
            plx_score_claim(&c->score, &scope, false);
        plx_greedy_evaluate(c, &c->cands[k], 0);
        mine = c->cands[k].gain;
    }
    c->picks[p].removed = true;
    double other = second_story(c, n_work, BAN_SCOPE, &scope);
    bool stood = k != PLX_CANDS_NONE && c->cands[k].bonus > 0;
    if (other > mine + (stood ? INERTIA : 0.1))
        return true;
    undo(c, before, p, n_work);
    c->picks[p].removed = false;
    c->picks[p].gain = mine;
    return false;
}

/* What the picks mostly inside candidate `k` earn; frees their cells. Fills c->work. If
 * there is none, or itself alone, there is nothing to be done: none is freed. */
static double free_inside(struct plx_cover *c, uint32_t k, uint32_t *ret_n)
{
    struct plx_cand *cand = &c->cands[k];
    double sum = 0;
    uint32_t n = 0, inside = 0, n_inside = 0;
    bool own = false;
    plx_cands_reach(&c->tally, &c->cap_tally, c->n_picks, sizeof *c->tally);
    plx_cands_reach(&c->work, &c->cap_work, c->n_fails, sizeof *c->work);
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
        inside += pick->n_fails;
        n_inside++;
        own |= plx_scope_key(pick->scope) == plx_scope_key(cand->scope);
    }
    inside = n_inside > own ? inside : 0;
    for (uint32_t i = 0; i < c->n_told && n < inside; i++) {
        int32_t by = c->fails[c->told[i]].by;
        if (by >= 0 && c->tally[by] == UINT32_MAX)
            c->work[n++] = c->told[i];
    }
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
    for (uint32_t p = 0; p < n_picks; p++)
        if (c->tally[p] == UINT32_MAX)
            plx_score_claim(&c->score, &c->picks[p].scope, false);
    plx_greedy_evaluate(c, &c->cands[k], 0);
    bool better = c->cands[k].gain > sum + 0.1;
    if (better) {
        for (uint32_t p = 0; p < n_picks; p++)
            if (c->tally[p] == UINT32_MAX)
                c->picks[p].removed = true;
        plx_greedy_take(c, &c->cands[k]);
    } else {
        for (uint32_t i = 0; i < n; i++)
            c->fails[c->work[i]].by = was[i];
    }
    free(was);
    return better;
}

static uint32_t count_explained(const struct plx_cover *c)
{
    uint32_t n = 0;
    for (uint32_t p = 0; p < c->n_picks; p++)
        n += c->picks[p].n_fails;
    return n;
}

/* --- several faults of ours for those of targets -------------------------------------
 * Greed takes the largest fault first. Where most of what a small fleet watches is down
 * that is an agent, then the next, though the services cost less than all the agents
 * together; no exchange of a single pick leads from one story to the other. */

/* What is known of a pick while this is looked into. */
struct part {
    uint32_t shared; /* its fails on monitors that another fault of ours fails on, too */
    bool free;
};

static bool is_ours(const struct plx_cover *c, int32_t by)
{
    return by >= 0 && plx_scope_kind(c->picks[by].scope.type)->vantage;
}

/* The fails of one monitor stand together, from `f`; returns where they end. */
static uint32_t end_of_monitor(const struct plx_cover *c, uint32_t f)
{
    uint32_t end = f + 1;
    while (end < c->n_fails && c->fails[end].monitor == c->fails[f].monitor)
        end++;
    return end;
}

static void count_shared(const struct plx_cover *c, struct part *parts)
{
    for (uint32_t f = 0, end; f < c->n_fails; f = end) {
        int32_t first = -1;
        bool several = false;
        end = end_of_monitor(c, f);
        for (uint32_t i = f; i < end; i++) {
            int32_t by = c->fails[i].by;
            if (!is_ours(c, by))
                continue;
            several |= first >= 0 && by != first;
            first = by;
        }
        for (uint32_t i = f; several && i < end; i++)
            if (is_ours(c, c->fails[i].by))
                parts[c->fails[i].by].shared++;
    }
}

/* Marks the faults of ours that fail on the same targets as others of ours, and what else
 * explains views of those targets. Returns how many are ours. */
static uint32_t mark_alike(const struct plx_cover *c, struct part *parts)
{
    uint32_t n = 0;
    count_shared(c, parts);
    for (uint32_t p = 0; p < c->n_picks; p++) {
        parts[p].free = parts[p].shared > 0 && !c->picks[p].removed &&
                        parts[p].shared * 2 >= c->picks[p].n_fails;
        n += parts[p].free;
    }
    for (uint32_t f = 0, end; n >= 2 && f < c->n_fails; f = end) {
        bool touched = false;
        end = end_of_monitor(c, f);
        for (uint32_t i = f; i < end; i++)
            touched |= is_ours(c, c->fails[i].by) && parts[c->fails[i].by].free;
        for (uint32_t i = f; touched && i < end; i++)
            if (c->fails[i].by >= 0 && !is_ours(c, c->fails[i].by))
                parts[c->fails[i].by].free = true;
    }
    return n;
}

/* Frees the cells of the marked picks, into c->work; `was` takes whose they were. Returns
 * how many. */
static uint32_t free_marked(struct plx_cover *c, const struct part *parts, int32_t *was)
{
    uint32_t n = 0;
    plx_cands_reach(&c->work, &c->cap_work, c->n_fails, sizeof *c->work);
    for (uint32_t f = 0; f < c->n_fails; f++) {
        int32_t by = c->fails[f].by;
        if (by < 0 || !parts[by].free)
            continue;
        was[n] = by;
        c->work[n++] = f;
        c->fails[f].by = -1;
    }
    return n;
}

static bool is_standing(struct plx_cover *c, const struct plx_scope *scope)
{
    uint32_t k = plx_cands_find(c, scope);
    return k != PLX_CANDS_NONE && c->cands[k].bonus > 0;
}

static bool is_heard(const struct plx_fleet_agent *a)
{
    return a->used && !a->silent;
}

/* Everybody who is heard from would have to be at fault, in several regions, and since
 * the same time (an interval: then all have looked): who could say so is not left. */
static bool are_everybody(const struct plx_cover *c, const struct part *parts)
{
    uint32_t n_heard = 0, n_in = 0, region = PLX_NO_UNIT, period = 0;
    uint32_t first = UINT32_MAX, last = 0;
    bool regions = false;
    for (uint32_t p = 0; p < c->n_picks; p++) {
        const uint32_t *ids;
        uint32_t n;
        if (!parts[p].free || !is_ours(c, (int32_t)p))
            continue;
        plx_scope_agents(c->fleet, &c->picks[p].scope, &ids, &n);
        for (uint32_t i = 0; i < n; i++) {
            const struct plx_fleet_agent *a = &c->fleet->agents[ids[i]];
            regions |= region != PLX_NO_UNIT && a->region != region;
            region = a->region;
            n_in += is_heard(a);
        }
        first = c->picks[p].onset < first ? c->picks[p].onset : first;
        last = c->picks[p].onset > last ? c->picks[p].onset : last;
    }
    for (uint32_t a = 0; a < c->fleet->n_agents; a++)
        n_heard += is_heard(&c->fleet->agents[a]);
    for (uint32_t f = 0; f < c->n_fails; f++)
        period = c->fails[f].period > period ? c->fails[f].period : period;
    return n_in >= 3 && n_in >= n_heard && regions && last - first <= period;
}

/* Would faults of the targets tell it better? */
static bool exchange_ours(struct plx_cover *c, struct part *parts, int32_t *was)
{
    static const struct plx_scope nobody = {.x = UINT32_MAX, .y = UINT32_MAX};
    uint32_t before = c->n_picks;
    double mine = 0;
    bool stood = false;
    if (mark_alike(c, parts) < 2)
        return false;
    bool everybody = are_everybody(c, parts);
    uint32_t n = free_marked(c, parts, was);
    for (uint32_t p = 0; p < before; p++) {
        if (!parts[p].free)
            continue;
        mine += c->picks[p].gain;
        stood |= plx_scope_kind(c->picks[p].scope.type)->vantage &&
                 is_standing(c, &c->picks[p].scope);
        c->picks[p].removed = true;
    }
    plx_greedy_claim_own(c);
    heap_of_work(c, n, BAN_OURS, &nobody, false);
    double least = everybody ? 0 : mine + (stood ? INERTIA : 0.1);
    if (plx_greedy_run(c, 0) > least)
        return true;
    undo(c, before, 0, 0);
    for (uint32_t i = 0; i < n; i++)
        c->fails[c->work[i]].by = was[i];
    for (uint32_t p = 0; p < before; p++) {
        c->picks[p].removed &= !parts[p].free;
    }
    plx_greedy_claim_own(c);
    return false;
}

bool plx_exchange_ours(struct plx_cover *c)
{
    uint32_t n_ours = 0;
    plx_greedy_recount(c);
    for (uint32_t p = 0; p < c->n_picks; p++)
        n_ours +=
            !c->picks[p].removed && c->picks[p].n_fails > 0 && is_ours(c, (int32_t)p);
    if (n_ours < 2 || count_explained(c) > PLX_CANDS_MANY)
        return false;
    struct part *parts = calloc(c->n_picks, sizeof *parts);
    int32_t *was = malloc(c->n_fails * sizeof *was);
    if (parts == NULL || was == NULL)
        abort();
    bool better = exchange_ours(c, parts, was);
    free(parts);
    free(was);
    if (better)
        plx_greedy_recount(c);
    return better;
}

void plx_exchange_refine(struct plx_cover *c)
{
    plx_greedy_recount(c);
    if (count_explained(c) > PLX_CANDS_MANY || c->n_picks == 0)
        return;
    for (int round = 0; round < EXCHANGE_ROUNDS; round++) {
        bool changed = round > 0 && plx_exchange_ours(c);
        for (uint32_t i = 0; i < c->n_live; i++) {
            const struct plx_cand *k = &c->cands[c->live[i]];
            if (k->n_fails < 2)
                continue;
            plx_greedy_claim_own(c);
            if (absorb(c, c->live[i])) {
                changed = true;
                plx_greedy_recount(c);
            }
        }
        uint32_t n = c->n_picks; /* what exchanges add waits for the next round */
        for (uint32_t p = 0; p < n; p++)
            if (!c->picks[p].removed && exchange(c, p)) {
                changed = true;
                plx_greedy_recount(c);
            }
        if (!changed)
            break;
    }
}

/* --- margins -------------------------------------------------------------------- */

static double best_without(struct plx_cover *c, uint32_t p, enum ban ban,
                           struct plx_scope *ret_scope, bool *ret_has)
{
    uint32_t before = c->n_picks;
    uint32_t n_work = free_cells(c, p);
    struct plx_scope scope = c->picks[p].scope;
    plx_greedy_claim_own(c);
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
    return pick->n_fails == 0 && pick->gain >= PLX_CANDS_LOUD;
}

void plx_exchange_margins(struct plx_cover *c)
{
    for (uint32_t p = 0; p < c->n_picks; p++) {
        struct plx_pick *pick = &c->picks[p];
        if (pick->removed || is_held(pick))
            continue;
        if (pick->gain > PLX_CANDS_LOUD && count_explained(c) > PLX_CANDS_MANY) {
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
