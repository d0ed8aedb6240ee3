/* Holds what was said against what was true. */
#ifndef PLX_SIM_SCORE_H
#define PLX_SIM_SCORE_H

#include "play.h"
#include "world.h"

#define SIM_TIMES 60000

struct sim_tally {
    uint64_t good, bad;             /* alerts: true, false */
    uint64_t faults, detected;      /* server faults */
    uint64_t cells, cells_detected; /* … times their monitors */
    double times[SIM_TIMES];        /* from the fault's start */
    uint64_t n_times;
};

/* From when the first scheduled probe had failed. */
struct sim_lags {
    double times[SIM_TIMES];
    uint64_t n;
};

struct sim_family {
    uint64_t said_good, said_bad, true_found, true_missed;
};

struct sim_score {
    uint64_t worlds;
    double monitor_years;
    struct sim_tally judge, base[SIM_BASELINES];
    struct sim_lags lags;
    struct sim_family family[3]; /* server, path, vantage */
    struct sim_family named[SIM_CLASS_COUNT];
    uint64_t confusion[SIM_CLASS_COUNT][PLX_JUDGE_CLASS_COUNT_ + 1];
    uint64_t overlaps, overlap_server, overlap_other, overlap_both_n;
    uint64_t n_scheduled, n_extra;
    uint64_t odd,
        odd_humble; /* shapes without a class; not told as something they are not */
};

/* Adds one world's outcome. `verbose`: prints what went wrong. */
void sim_score_add(struct sim_score *score, const struct sim_world *w,
                   const struct sim_story *story, int verbose);

double sim_tally_precision(const struct sim_tally *t);
double sim_tally_recall(const struct sim_tally *t);
/* Percentile of the times to detect; sorts them. */
double sim_tally_time(struct sim_tally *t, double share);
double sim_lags_time(struct sim_lags *lags, double share);
double sim_f1(const struct sim_family *f);
double sim_family_recall(const struct sim_family *f);
double sim_family_precision(const struct sim_family *f);

#endif
