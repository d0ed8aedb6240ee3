/* What the faults, or their absence, amount to for one monitor. */
#ifndef PLX_CORE_JUDGE_VERDICT_H
#define PLX_CORE_JUDGE_VERDICT_H

#include "coordinator/core/judge.h"
#include "coordinator/core/judge_evidence.h"
#include "coordinator/core/judge_faults.h"
#include "coordinator/core/judge_fleet.h"

#define PLX_VERDICT_FAULTS 6

struct plx_verdict_state {
    uint64_t faults[PLX_VERDICT_FAULTS]; /* ids of open faults that cover it */
    uint32_t since;
    float confidence;
    uint16_t fresh, assigned;
    uint8_t verdict; /* enum plx_judge_verdict */
    uint8_t n_faults;
    bool known;    /* decided at least once */
    bool degraded; /* hysteresis */
    bool vetoed;   /* an operator's rule overruled the judge's story */
};

/* How the views of a monitor stand. Those of spares are evidence; what the operator asked
 * for (coverage, quorum) and what is measured (loss, latency) are of the agents assigned.
 */
struct plx_count {
    uint32_t assigned, fresh; /* fresh: recent, from agents that are live */
    uint32_t spares;          /* fresh ones of spare agents, … */
    uint32_t good;            /* fresh and as expected; of spares, too */
    uint32_t half;            /* of those assigned, not at all of its addresses */
    uint32_t poor;            /* of the good, over a path that is degraded */
    uint32_t failing;         /* fresh, failing; of spares, too */
    uint32_t doubtful;        /* of those, explained by no fault */
    uint32_t repeated;        /* of the doubtful, more than once apart */
    uint32_t again;           /* of the failing, more than once apart */
    uint32_t against;         /* failing, of those assigned */
    uint32_t distinct;        /* of these, by the monitor's quorum unit */
    uint32_t trials;          /* what the loss is worth */
    double loss, loss_low, loss_high;
    uint32_t rtt_us;
};

void plx_verdict_count(const struct plx_fleet *fleet, const struct plx_evidence *ev,
                       const struct plx_judge_policy *policy, uint32_t monitor,
                       uint32_t now, struct plx_count *ret);

/* At least half of those who see the target see addresses of it fail. */
bool plx_verdict_is_half_up(const struct plx_count *count);
/* Whether the monitor's rule can be held against these views at all, and if so, whether
 * it is met. */
bool plx_verdict_rule_applies(const struct plx_fleet_monitor *mon,
                              const struct plx_count *count);
bool plx_verdict_rule_is_met(const struct plx_fleet_monitor *mon,
                             const struct plx_count *count);

/* Decides anew. Returns true when verdict or faults changed. */
bool plx_verdict_decide(struct plx_verdict_state *state, const struct plx_faults *faults,
                        const struct plx_fleet *fleet, const struct plx_evidence *ev,
                        const struct plx_judge_policy *policy, uint32_t monitor,
                        uint32_t now);

/* Recent enough to vote, and from an agent that is live. */
bool plx_verdict_is_fresh(const struct plx_fleet *fleet,
                          const struct plx_judge_policy *policy,
                          const struct plx_fleet_monitor *mon,
                          const struct plx_cell *cell, uint32_t now);

/* The open fault that explains this cell: a server-side one first. NULL: none. */
const struct plx_fault *plx_verdict_fault_of(const struct plx_faults *faults,
                                             const struct plx_fleet *fleet,
                                             uint32_t monitor, uint32_t agent);

#endif
