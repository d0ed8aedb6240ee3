/* Second stories: whether the picks' cells are told better otherwise, and by how much
 * they are not. */
#ifndef PLX_CORE_JUDGE_EXCHANGE_H
#define PLX_CORE_JUDGE_EXCHANGE_H

#include "coordinator/core/judge_cands.h"

/* Several faults of ours that fail on the same targets for faults of those targets, if
 * these earn more. Returns true if so; the story has to be refined then. */
bool plx_exchange_ours(struct plx_cover *cover);

/* Exchanges one pick for others and several for one wider while that earns more. Picks
 * that had to go are marked removed. Does nothing to a story of too many cells. */
void plx_exchange_refine(struct plx_cover *cover);

/* Sets each pick's margins and runner-up. */
void plx_exchange_margins(struct plx_cover *cover);

#endif
