/* The closed loop: which extra probes would settle a doubt, within a budget. */
#ifndef PLX_CORE_JUDGE_PROBE_H
#define PLX_CORE_JUDGE_PROBE_H

#include "coordinator/core/judge.h"
#include "coordinator/core/judge_cover.h"
#include "coordinator/core/judge_evidence.h"
#include "coordinator/core/judge_faults.h"
#include "coordinator/core/judge_fleet.h"

/* What is being looked into at one monitor. */
struct plx_watch {
    uint32_t since; /* start of the doubt; 0: none */
    uint32_t asked; /* last order */
    uint8_t stage;  /* 0: not asked, 1: first probes are out, 2…: burst, repeats */
    uint8_t spent;  /* of the quiet's budget, while it may be an accident */
    bool all;       /* everybody has been asked */
    bool few;       /* some were asked because one answer did not come */
    bool aside;     /* siblings and neighbours have been asked */
    bool again;     /* the few that see it well have been asked again */
};

struct plx_prober {
    double quiet, doubt; /* probes that may be spent */
    bool started;
    uint32_t earned; /* when it was last added to */
    struct plx_watch *watches; /* by monitor id */
    uint32_t n_watches;
    uint32_t *seen; /* by monitor id: tick stamp */
    uint32_t stamp;
    struct plx_judge_probe *out;
    uint32_t n_out, cap_out;
    uint32_t due; /* when silence would tell it something; 0: it waits for results only */
};

void plx_prober_fini(struct plx_prober *prober);

/* Fills prober->out with what to ask now. */
void plx_prober_step(struct plx_prober *prober, struct plx_cover *cover,
                     const struct plx_faults *faults, const struct plx_fleet *fleet,
                     struct plx_evidence *ev, const struct plx_judge_policy *policy,
                     uint32_t now);

#endif
