#include "coordinator/core/judge_cover.h"

#include "coordinator/core/judge_cands.h"
#include "coordinator/core/judge_exchange.h"
#include "coordinator/core/judge_greedy.h"
#include "coordinator/core/judge_loud.h"

#include <stdlib.h>

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
    free(c->of_agent);
    free(c->cands);
    free(c->buckets);
    free(c->cand_of);
    free(c->members);
    free(c->live);
    free(c->heap);
    free(c->picks);
    free(c->explained);
    free(c->told);
    free(c->work);
    free(c->tally);
    plx_sift_fini(&c->sift);
    free(c);
    *cover = NULL;
}

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
    plx_cands_reach(&c->explained, &c->cap_explained, c->n_fails + 1,
                    sizeof *c->explained);
    plx_greedy_recount(c);
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

/* What is needed from one solve to the next, and by those who read the story, stays: no
 * larger than it is. The rest is scratch, and is given back while it is large. */
static void trim(struct plx_cover *c)
{
    plx_cands_trim(&c->explained, &c->cap_explained, c->n_fails, sizeof *c->explained);
    plx_cands_trim(&c->cands, &c->cap_cands, 0, sizeof *c->cands);
    plx_cands_trim(&c->buckets, &c->cap_buckets, 0, sizeof *c->buckets);
    plx_cands_trim(&c->heap, &c->cap_heap, 0, sizeof *c->heap);
    plx_cands_trim(&c->live, &c->cap_live, 0, sizeof *c->live);
    plx_cands_trim(&c->tally, &c->cap_tally, 0, sizeof *c->tally);
    plx_cands_trim(&c->work, &c->cap_work, 0, sizeof *c->work);
    plx_cands_trim(&c->cand_of, &c->cap_cand_of, 0, sizeof *c->cand_of);
    plx_cands_trim(&c->members, &c->cap_members, 0, sizeof *c->members);
    plx_cands_trim(&c->told, &c->cap_told, 0, sizeof *c->told);
    plx_sift_trim(&c->sift);
    plx_score_trim(&c->score);
}

void plx_cover_solve(struct plx_cover *c, const struct plx_fleet *fleet,
                     const struct plx_evidence *ev, const struct plx_judge_policy *policy,
                     uint32_t now, const struct plx_standing *standing,
                     uint32_t n_standing)
{
    c->fleet = fleet;
    c->n_picks = 0;
    c->solves = c->solves + 1 == 0 ? 1 : c->solves + 1;
    plx_score_begin(&c->score, fleet, ev, policy, now);
    plx_cands_gather(c, ev, now, standing, n_standing);
    plx_loud_take(c, standing, n_standing);
    plx_cands_propose(c, standing, n_standing);
    plx_greedy_solve(c);
    if (plx_exchange_ours(c) || !is_as_before(c, standing, n_standing)) {
        plx_exchange_refine(c);
        drop_removed(c);
        plx_exchange_margins(c);
    }
    plx_greedy_claim_own(c);
    list_explained(c);
    trim(c);
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
