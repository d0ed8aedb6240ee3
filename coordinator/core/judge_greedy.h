/* The greedy pass: takes the candidate that earns most, marks what it explains, and again
 * while one earns its cost; and the picks it makes. */
#ifndef PLX_CORE_JUDGE_GREEDY_H
#define PLX_CORE_JUDGE_GREEDY_H

#include "coordinator/core/judge_cands.h"

/* Sets what the candidate would earn from the cells that are not explained yet. */
void plx_greedy_evaluate(struct plx_cover *cover, struct plx_cand *cand, uint32_t round);

/* Picks the candidate, as last evaluated: its cells are explained. */
void plx_greedy_take(struct plx_cover *cover, struct plx_cand *cand);

/* Claims the agents' own words for the picks that are left, and for no others. */
void plx_greedy_claim_own(struct plx_cover *cover);

/* Counts the cells of each pick anew. */
void plx_greedy_recount(struct plx_cover *cover);

/* Takes the best of the heap's candidates until none earns more than `least`. Returns
 * what they earn together. Candidates on the heap carry their gain of this round or an
 * older one; gains only shrink as cells get explained, so that an old one is an upper
 * bound. */
double plx_greedy_run(struct plx_cover *cover, double least);

/* Evaluates all candidates, lists those that could earn their cost, and runs. */
void plx_greedy_solve(struct plx_cover *cover);

#endif
