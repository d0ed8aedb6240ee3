#include "coordinator/core/judge_greedy.h"

void plx_greedy_evaluate(struct plx_cover *c, struct plx_cand *k, uint32_t round)
{
    k->round = round;
    k->gain = plx_score_gain(&c->score, &k->scope, c->fails, c->members + k->fail0,
                             k->n_fails, k->bonus, &k->onset);
}

/* --- the heap of candidates ----------------------------------------------------- */

/* A fault of ours that is held to be true has the first word on its agents' failures: a
 * new fault must stand on what other agents see. */
static bool goes_first(const struct plx_cand *k)
{
    return k->bonus > 0 && plx_scope_kind(k->scope.type)->vantage;
}

static bool above(const struct plx_cover *c, uint32_t a, uint32_t b)
{
    const struct plx_cand *x = &c->cands[a], *y = &c->cands[b];
    if (goes_first(x) != goes_first(y))
        return goes_first(x);
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

/* --- picks ---------------------------------------------------------------------- */

void plx_greedy_take(struct plx_cover *c, struct plx_cand *k)
{
    plx_cands_reach(&c->picks, &c->cap_picks, c->n_picks + 1, sizeof *c->picks);
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

void plx_greedy_claim_own(struct plx_cover *c)
{
    plx_score_unclaim(&c->score);
    for (uint32_t p = 0; p < c->n_picks; p++)
        if (!c->picks[p].removed)
            plx_score_claim(&c->score, &c->picks[p].scope, true);
}

void plx_greedy_recount(struct plx_cover *c)
{
    for (uint32_t p = 0; p < c->n_picks; p++)
        c->picks[p].n_fails = 0;
    plx_cands_reach(&c->told, &c->cap_told, c->n_fails, sizeof *c->told);
    c->n_told = 0;
    for (uint32_t f = 0; f < c->n_fails; f++)
        if (c->fails[f].by >= 0) {
            c->picks[c->fails[f].by].n_fails++;
            c->told[c->n_told++] = f;
        }
}

/* --- the whole ------------------------------------------------------------------ */

double plx_greedy_run(struct plx_cover *c, double least)
{
    double sum = 0;
    uint32_t round = 0;
    heap_make(c);
    while (c->n_heap > 0) {
        struct plx_cand *top = &c->cands[c->heap[0]];
        if (top->gain <= least && !goes_first(top))
            break;
        if (top->gain <= least) {
            heap_pop(c);
            continue;
        }
        if (top->round != round) {
            plx_greedy_evaluate(c, top, round);
            heap_sink(c, 0);
            continue;
        }
        heap_pop(c);
        sum += top->gain;
        plx_greedy_take(c, top);
        round++;
    }
    return sum;
}

/* A fault that may pay yet is weighed again at each solve, with all in its place. */
static void note_stir(struct plx_cover *c, const struct plx_cand *k)
{
    bool host = plx_scope_is_of_host(k->scope.type);
    if (c->score.calm || plx_scope_kind(k->scope.type)->vantage)
        return;
    for (uint32_t i = 0; i < k->n_fails; i++) {
        struct plx_fail *f = &c->fails[c->members[k->fail0 + i]];
        if (host)
            f->calm_host = 0;
        else
            f->calm_prefix = 0;
    }
}

void plx_greedy_solve(struct plx_cover *c)
{
    c->n_heap = c->n_live = 0;
    plx_cands_reach(&c->heap, &c->cap_heap, c->n_cands, sizeof *c->heap);
    plx_cands_reach(&c->live, &c->cap_live, c->n_cands, sizeof *c->live);
    for (uint32_t k = 0; k < c->n_cands; k++) {
        plx_greedy_evaluate(c, &c->cands[k], 0);
        note_stir(c, &c->cands[k]);
        if (c->cands[k].gain > 0) {
            c->heap[c->n_heap++] = k;
            c->live[c->n_live++] = k;
        }
    }
    plx_greedy_run(c, 0);
}
