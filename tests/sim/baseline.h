/* What others do: rules that count failing locations of one monitor. */
#ifndef PLX_SIM_BASELINE_H
#define PLX_SIM_BASELINE_H

#include "world.h"

enum sim_baseline {
    SIM_ANY,        /* any location fails */
    SIM_MAJORITY,   /* more than half of the locations fail */
    SIM_MAJORITY_2, /* more than half fail twice in a row */
    SIM_ALL,        /* all fail */
    SIM_ROUTE53,    /* fewer than 18 % are well (Amazon's rule) */
    SIM_SECOND,     /* a second location's next probe fails too */
    SIM_GATED,      /* majority without agents that fail on most of what they probe */
    SIM_BASELINES,
};

struct sim_view {
    bool seen, failing, local;
    int run;
    double at;
};

struct sim_counting {
    struct sim_view views[SIM_MONITORS][SIM_AGENTS];
    bool down[SIM_BASELINES][SIM_MONITORS];
    int suspect[SIM_MONITORS]; /* agent whose failure awaits a second opinion; -1 */
};

const char *sim_baseline_name(enum sim_baseline b);
void sim_counting_init(struct sim_counting *c);
void sim_counting_result(struct sim_counting *c, int monitor, int agent,
                         enum plx_outcome outcome, double at);
/* Evaluates all rules for all monitors. */
void sim_counting_tick(struct sim_counting *c, const struct sim_world *w, double now);

#endif
