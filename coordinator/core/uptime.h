/* Uptime: what a stretch of time comes to for one monitor, as three numbers that do not
 * mix.
 *
 * 1. The server's availability: up / (up + down), by what the judge concluded. Time of
 *    which nothing is known is neither; it is given apart.
 * 2. Reachability from each location: answers as expected / all answers.
 * 3. Our coverage: how much of the time each location had a view at all.
 *
 * Where the judge heard nobody (the coordinator was away, or all agents were), results
 * that came later decide; such time counts, and is marked as learned late. The server was
 * up then as far as the best location reached it; it was down if no look of the stretch
 * got through and enough locations (`min_seen`) looked: one alone may be at fault itself.
 *
 * Pure arithmetic on times of the wall clock, in nanoseconds. */
#ifndef PLX_CORE_UPTIME_H
#define PLX_CORE_UPTIME_H

#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum plx_uptime_state {
    PLX_UPTIME_UNKNOWN,
    PLX_UPTIME_UP, /* from somewhere: a path that fails, a slow answer are no downtime */
    PLX_UPTIME_DOWN,
};

/* Holds until the next one. */
struct plx_uptime_verdict {
    struct plx_wall at;
    enum plx_uptime_state state;
    bool unheard; /* the judge had too little evidence for any other word */
};

/* The verdict a token of the store stands for. */
struct plx_uptime_verdict plx_uptime_verdict_of(const char *token, struct plx_wall at);

/* The coordinator was not there. */
struct plx_uptime_absence {
    struct plx_wall from, to;
};

/* What the results of one location (or one of its agents) in [at, at + span_ns) were. */
struct plx_uptime_cell {
    struct plx_wall at;
    int64_t span_ns;
    uint32_t location;
    uint32_t ok, bad; /* both 0: it could not look */
};

struct plx_uptime_question {
    struct plx_wall from, to;
    const struct plx_uptime_verdict *verdicts; /* ascending; the first may be before */
    size_t n_verdicts;
    const struct plx_uptime_absence *absences; /* ascending, apart from one another */
    size_t n_absences;
    const struct plx_uptime_cell *cells; /* in any order */
    size_t n_cells;
    uint32_t n_locations;
    uint32_t min_seen; /* locations that must have looked before "down" is learned late */
    int64_t hold_ns;   /* how long a look speaks for the time after its stretch */
};

struct plx_uptime_location {
    uint64_t ok, bad;
    int64_t seen_ns; /* of the window */
};

/* A stretch that was learned late to be down. */
struct plx_uptime_stretch {
    struct plx_wall from, to;
};
#define PLX_UPTIME_LATE_MAX 16 /* kept: the newest */

struct plx_uptime {
    struct plx_wall from, to;
    int64_t up_ns, down_ns, unknown_ns; /* together: to - from */
    int64_t late_ns;                    /* of up and down: learned late */
    int64_t seen_ns;                    /* of all locations together */
    uint32_t n_locations;
    struct plx_uptime_stretch late[PLX_UPTIME_LATE_MAX]; /* ascending */
    size_t n_late;
};

/* `ret_locations` has room for n_locations. */
void plx_uptime_compute(const struct plx_uptime_question *question,
                        struct plx_uptime *ret,
                        struct plx_uptime_location *ret_locations);

/* The three ratios, 0 to 1; -1: nothing is known. */
double plx_uptime_availability(const struct plx_uptime *uptime);
double plx_uptime_reachability(const struct plx_uptime_location *location);
double plx_uptime_coverage(const struct plx_uptime *uptime);

/* ---- objectives ---- */

/* What an objective (0 < target < 1) over `window_ns` allows and what of it is spent. The
 * budget is of the whole window, known or not: what is not known is not spent. */
struct plx_slo {
    int64_t budget_ns;
    int64_t spent_ns;
    double left; /* of the budget, 1 to 0; below 0: overdrawn */
};
struct plx_slo plx_slo_of(double target, int64_t window_ns,
                          const struct plx_uptime *uptime);
/* How many times faster than allowed the budget goes over the time of `uptime` (Google,
 * "The Site Reliability Workbook", ch. 5): 1 spends it exactly by the window's end. -1:
 * nothing is known. */
double plx_slo_burn(double target, const struct plx_uptime *uptime);

#endif
