/* The faults that are held to be true, from the tick they are first suspected to the tick
 * they are seen to be over: the list, and how it follows the story. Who is in a fault,
 * when it may be said and when it is over are rooms of their own (judge_members,
 * judge_announce, judge_ending). */
#ifndef PLX_CORE_JUDGE_FAULTS_H
#define PLX_CORE_JUDGE_FAULTS_H

#include "coordinator/core/judge.h"
#include "coordinator/core/judge_cover.h"
#include "coordinator/core/judge_evidence.h"
#include "coordinator/core/judge_fault.h"
#include "coordinator/core/judge_fleet.h"

struct plx_faults {
    struct plx_fault *list; /* oldest first */
    uint32_t n, cap;
    uint64_t last_id;
    struct plx_standing *standing;
    uint32_t n_standing, cap_standing;
    uint64_t claims; /* which faults that are over had claims, at the last solve; 0: all
                        cells are to be asked anew */
};

void plx_faults_fini(struct plx_faults *faults);

/* A new one, last in the list, which may move: all pointers into it are stale. */
struct plx_fault *plx_faults_add(struct plx_faults *faults);

/* What the solver must know about them. Lent until the next call. */
const struct plx_standing *plx_faults_standing(const struct plx_faults *faults,
                                               uint32_t *ret_n);

/* Before each solve: closes the faults that are seen to be over, by the cells of the last
 * solve, and notes those that seem to end, so that their last failures are not told as a
 * new story. */
void plx_faults_end(struct plx_faults *faults, struct plx_cover *cover,
                    struct plx_fleet *fleet, struct plx_evidence *ev,
                    const struct plx_judge_policy *policy, uint32_t now);

/* Follows the story the solver just told: suspects, announces, widens, closes. Sets the
 * agents' `faulty` flags and the cells' COVERED flags. */
void plx_faults_update(struct plx_faults *faults, struct plx_cover *cover,
                       struct plx_fleet *fleet, struct plx_evidence *ev,
                       const struct plx_judge_policy *policy, uint32_t now);

/* Before a monitor or an agent goes: nothing may point at it any more. Faults about it
 * alone are closed (reported at the next tick, under the entity they had). */
void plx_faults_forget_monitor(struct plx_faults *faults, const struct plx_fleet *fleet,
                               uint32_t monitor);
void plx_faults_forget_agent(struct plx_faults *faults, const struct plx_fleet *fleet,
                             uint32_t agent);

/* After reporting: forgets reports, and closed faults that no longer matter. */
void plx_faults_reported(struct plx_faults *faults, uint32_t now, uint32_t keep_ticks);

#endif
