/* When an announced fault is over, and whose the last failures were. */
#ifndef PLX_CORE_JUDGE_ENDING_H
#define PLX_CORE_JUDGE_ENDING_H

#include "coordinator/core/judge_fault.h"
#include "coordinator/core/judge_faults.h"

/* Nothing failed for a while, and enough was seen to be well since. */
bool plx_ending_is_over(const struct plx_faults *faults, const struct plx_surroundings *x,
                        const struct plx_fault *fault);

/* Closes it as of its newest failure. */
void plx_ending_close(const struct plx_faults *faults, struct plx_fault *fault,
                      const struct plx_surroundings *x);

/* Everything the fault explained is explained by others now, which have been announced if
 * nobody sees it well; or it is of a way that nobody walks any more. */
bool plx_ending_is_superseded(const struct plx_faults *faults,
                              const struct plx_surroundings *x,
                              const struct plx_fault *fault);

/* Closes it without a claim on any failure. */
void plx_ending_supersede(struct plx_fault *fault, const struct plx_surroundings *x);

/* Up to when (ticks) failures are this fault's alone: its end, or its newest failure if
 * something in it was seen to be well since (it may be ending); 0 otherwise. */
uint32_t plx_ending_claims_until(const struct plx_faults *faults,
                                 const struct plx_surroundings *x,
                                 const struct plx_fault *fault);

/* Failures up to the end of closed faults were theirs for good: what the cells' runs keep
 * is what came after. */
void plx_ending_write_off(struct plx_faults *faults, const struct plx_surroundings *x);

#endif
