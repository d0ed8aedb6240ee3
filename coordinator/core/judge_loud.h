/* Loud faults first: an agent that fails on thousands of cells, or a network that
 * thousands fail in, would propose a dozen scopes for each of them, and the greedy pass
 * would still take the agent's or the network's own fault first. Where no other scope can
 * earn as much, it is taken before the others are even listed. The greedy pass takes the
 * same without (docs/VERDICTS.md "What it costs"). */
#ifndef PLX_CORE_JUDGE_LOUD_H
#define PLX_CORE_JUDGE_LOUD_H

#include "coordinator/core/judge_cands.h"

/* Picks the faults of crowded agents and networks that earn more than all failing cells
 * of any other address, prefix, name or group together could bring. After the fails are
 * gathered, before the candidates are. */
void plx_loud_take(struct plx_cover *cover, const struct plx_evidence *ev,
                   const struct plx_standing *standing, uint32_t n_standing);

#endif
