/* The closed loop: which extra probes would settle a doubt, within a budget. */
#ifndef PLX_CORE_JUDGE_PROBE_H
#define PLX_CORE_JUDGE_PROBE_H

#include "coordinator/core/judge_ask.h"
#include "coordinator/core/judge_cover.h"
#include "coordinator/core/judge_faults.h"
#include "coordinator/core/judge_seats.h"
#include "coordinator/core/judge_watch.h"

struct plx_prober {
    struct plx_purse purse;
    struct plx_orders orders;
    struct plx_watches watches;
    uint32_t stamp, purged; /* steps; the step that old watches were dropped at */
    bool *live;             /* by agent id, as of the last step */
    uint32_t n_live;
    uint32_t due; /* when silence would tell it something; 0: it waits for results only */
};

void plx_prober_fini(struct plx_prober *prober);

/* Fills prober->orders with what to ask now. */
void plx_prober_step(struct plx_prober *prober, struct plx_cover *cover,
                     const struct plx_faults *faults, const struct plx_fleet *fleet,
                     struct plx_evidence *ev, const struct plx_judge_policy *policy,
                     const struct plx_seats *seats, uint32_t now);

#endif
