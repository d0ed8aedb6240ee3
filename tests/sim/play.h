/* Plays a world before the judge and the baselines, and keeps what each said when. */
#ifndef PLX_SIM_PLAY_H
#define PLX_SIM_PLAY_H

#include "baseline.h"
#include "coordinator/core/judge.h"
#include "world.h"

/* One fault as the judge told it. */
struct sim_told {
    uint64_t id;
    enum plx_judge_class class;
    char entity[128];
    uint32_t agents; /* bits */
    uint64_t monitors;
    double opened, closed; /* closed: 1e9 while open */
    double paged;          /* when page became true; <0: never */
    bool by_region_prefix;
};

/* A monitor that was declared down. */
struct sim_alert {
    int monitor;
    double at;
};

#define SIM_TOLD   256
#define SIM_ALERTS 2048

struct sim_story {
    struct sim_told told[SIM_TOLD];
    int n_told;
    struct sim_alert alerts[SIM_ALERTS]; /* verdicts that went down, by the judge */
    int n_alerts;
    struct sim_alert base[SIM_BASELINES][SIM_ALERTS];
    int n_base[SIM_BASELINES];
    double doubt_s[SIM_MONITORS]; /* seconds of "inconclusive" with views at hand */
    /* When the first scheduled probe that met the fault had failed; 0: none did. */
    double met[SIM_FAULTS];
    uint64_t n_scheduled, n_extra;
};

struct sim_play; /* opaque: queues and the judge */

/* Plays the whole world. `story` is overwritten. `trace` may be NULL: else the JSON-lines
 * input that a judge outside would have been given goes there. */
void sim_play(struct sim_world *w, const struct plx_judge_policy *policy,
              struct sim_story *story, int verbose);

#endif
