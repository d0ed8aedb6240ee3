/* The judge's reasoning in words: one sentence a tired person understands. */
#ifndef PLX_CORE_JUDGE_REASON_H
#define PLX_CORE_JUDGE_REASON_H

#include "coordinator/core/judge.h"
#include "coordinator/core/judge_evidence.h"
#include "coordinator/core/judge_faults.h"
#include "coordinator/core/judge_fleet.h"
#include "coordinator/core/judge_verdict.h"

struct plx_reason_input {
    const struct plx_fleet *fleet;
    const struct plx_evidence *ev;
    const struct plx_faults *faults;
    const struct plx_judge_policy *policy;
    uint32_t now;
};

/* Why a fault is held to be true. */
void plx_reason_fault(const struct plx_reason_input *in, const struct plx_fault *fault,
                      char ret[PLX_JUDGE_SENTENCE]);
/* Why a monitor's verdict is what it is. */
void plx_reason_verdict(const struct plx_reason_input *in, uint32_t monitor,
                        const struct plx_verdict_state *state,
                        char ret[PLX_JUDGE_SENTENCE]);
/* The best other story of a fault. "" when there is none worth telling. */
void plx_reason_runner_up(const struct plx_reason_input *in,
                          const struct plx_fault *fault, char ret[PLX_JUDGE_SENTENCE]);
/* Why one cell was believed or not, and the fault that explains it (0: none). */
enum plx_judge_reason plx_reason_cell(const struct plx_reason_input *in, uint32_t monitor,
                                      const struct plx_cell *cell, uint64_t *ret_fault);

#endif
