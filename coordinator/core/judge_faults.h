/* The faults that are held to be true, from the tick they are first suspected to the tick
 * they are seen to be over. */
#ifndef PLX_CORE_JUDGE_FAULTS_H
#define PLX_CORE_JUDGE_FAULTS_H

#include "coordinator/core/judge.h"
#include "coordinator/core/judge_cover.h"
#include "coordinator/core/judge_evidence.h"
#include "coordinator/core/judge_fleet.h"
#include "coordinator/core/judge_scope.h"

struct plx_ids {
    uint32_t *ids; /* ascending */
    uint32_t n, cap;
};

bool plx_ids_has(const struct plx_ids *list, uint32_t id);
void plx_ids_add(struct plx_ids *list, uint32_t id);
void plx_ids_fini(struct plx_ids *list);

struct plx_fault {
    uint64_t id; /* 0 until announced */
    struct plx_scope scope;
    uint32_t onset, born;
    uint32_t sure; /* since when its margin suffices; 0: it does not */
    uint32_t last_fail;
    uint32_t told;  /* when the story had it last */
    uint32_t ended; /* 0: open */
    uint32_t said;  /* when last reported */
    bool seen;      /* in the latest story */
    bool page, by_quorum;
    double gain, margin, margin_scope;
    struct plx_scope runner_up;
    bool has_runner_up;
    struct plx_ids agents, monitors;
    struct plx_ids dropped; /* monitors that left it since it was last reported */
    int8_t report;          /* enum plx_judge_change to be reported; -1: nothing */
};

struct plx_faults {
    struct plx_fault *list; /* oldest first */
    uint32_t n, cap;
    uint64_t last_id;
    struct plx_standing *standing;
    uint32_t n_standing, cap_standing;
};

void plx_faults_fini(struct plx_faults *faults);

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
 * are closed (reported at the next tick). */
void plx_faults_forget_monitor(struct plx_faults *faults, const struct plx_fleet *fleet,
                               uint32_t monitor);
void plx_faults_forget_agent(struct plx_faults *faults, const struct plx_fleet *fleet,
                             uint32_t agent);

/* After reporting: forgets reports, and closed faults that no longer matter. */
void plx_faults_reported(struct plx_faults *faults, uint32_t now, uint32_t keep_ticks);

double plx_fault_confidence(const struct plx_fault *fault);
static inline bool plx_fault_is_open(const struct plx_fault *fault)
{
    return fault->id != 0 && fault->ended == 0;
}

#endif
