/* What fails, and the faults that could explain it: the table that the rooms of the
 * solver (judge_greedy, judge_exchange, judge_cover) work on. Nobody else looks inside.
 */
#ifndef PLX_CORE_JUDGE_CANDS_H
#define PLX_CORE_JUDGE_CANDS_H

#include "coordinator/core/judge_cover.h"
#include "coordinator/core/judge_score.h"
#include "coordinator/core/judge_sift.h"

#include <stddef.h>

#define PLX_CANDS_NONE UINT32_MAX
/* A pick that earns more than this needs no second story to be believed. */
#define PLX_CANDS_LOUD 400.0
/* Above so many failing cells a story is told by the greedy pass alone: exchanges are for
 * puzzles, and a puzzle of that size has a single loud cause. */
#define PLX_CANDS_MANY 500u

struct plx_cand {
    struct plx_scope scope;
    uint32_t fail0, n_fails; /* into `members` */
    double gain;             /* as last evaluated */
    uint32_t onset;
    uint32_t round; /* of the greedy pass when evaluated */
    double bonus;
};

/* Open addressing; free while `cand` is PLX_CANDS_NONE. */
struct plx_cand_bucket {
    uint64_t key; /* plx_scope_key */
    uint32_t cand;
};

struct plx_cover {
    const struct plx_fleet *fleet;
    struct plx_score score;
    struct plx_fail *fails; /* by cell */
    uint32_t n_fails;
    uint32_t solves; /* counts them, from 1 */
    struct plx_cand *cands;
    uint32_t n_cands, cap_cands;
    struct plx_cand_bucket *buckets; /* never full */
    uint32_t n_buckets, cap_buckets;
    uint32_t *cand_of; /* per fail: its candidates */
    uint32_t n_cand_of, cap_cand_of;
    uint32_t *members; /* per candidate: its fails */
    uint32_t cap_members;
    uint32_t *live; /* candidates that could earn their cost if all was theirs */
    uint32_t n_live, cap_live;
    uint32_t *heap;
    uint32_t n_heap, cap_heap;
    struct plx_pick *picks;
    uint32_t n_picks, cap_picks;
    uint32_t *explained;
    uint32_t cap_explained;
    uint32_t *told; /* fails that a pick explains, as of the last recount */
    uint32_t n_told, cap_told;
    uint32_t *work; /* fails freed for a second story */
    uint32_t cap_work;
    uint32_t *tally; /* per candidate, for absorptions */
    uint32_t cap_tally;
    uint32_t *of_agent; /* scratch: where in `cand_of` an agent's own are */
    uint32_t cap_of_agent;
    struct plx_sift sift;
};

/* Grows an array (`pp` is the address of its pointer) to at least `n` elements. */
void plx_cands_reach(void *pp, uint32_t *cap, uint32_t n, size_t size);

/* Gives memory back that far more than `n` elements once needed. */
void plx_cands_trim(void *pp, uint32_t *cap, uint32_t n, size_t size);

/* Collects the failing cells, and picks the standing faults of ours that are too large to
 * be asked again. The score must have begun. */
void plx_cands_gather(struct plx_cover *cover, const struct plx_evidence *ev,
                      uint32_t now, const struct plx_standing *standing,
                      uint32_t n_standing);

/* Lists the faults that could explain the fails that nothing explains yet. */
void plx_cands_propose(struct plx_cover *cover, const struct plx_standing *standing,
                       uint32_t n_standing);
/* Lists only faults of ours, for agents with more than PLX_CANDS_MANY of `n_fails` (by
 * agent id). */
void plx_cands_propose_loud(struct plx_cover *cover, const uint32_t *n_fails,
                            const struct plx_standing *standing, uint32_t n_standing);
/* Lists only networks and the ways there, for prefixes with as many (by unit), of the
 * fails that nothing explains yet. */
void plx_cands_propose_networks(struct plx_cover *cover, const uint32_t *n_fails,
                                const struct plx_standing *standing, uint32_t n_standing);

/* Index of the candidate of exactly this scope; PLX_CANDS_NONE if nothing proposed it. */
uint32_t plx_cands_find(struct plx_cover *cover, const struct plx_scope *scope);

#endif
