/* Uptime as the store knows it: reads what core/uptime works on.
 *
 * Blocks for the reads, so not on the loop thread; one thread at a time per reader. */
#ifndef PLX_COORDINATOR_UPTIME_REPORT_H
#define PLX_COORDINATOR_UPTIME_REPORT_H

#include "base/monitor.h"
#include "coordinator/core/uptime.h"
#include "coordinator/io/store_uptime.h"

/* Where agents are and when no coordinator ran: the same for all monitors of one answer.
 */
struct plx_uptime_ground {
    uint64_t *agents; /* ascending */
    char **regions;   /* of these */
    size_t n_agents;
    struct plx_uptime_absence *absences;
    size_t n_absences;
};
/* `from`: of the longest window. Gives `ret` (plx_uptime_ground_fini). */
int plx_uptime_ground_read(struct plx_store_reader *reader, struct plx_wall from,
                           struct plx_uptime_ground *ret);
void plx_uptime_ground_fini(struct plx_uptime_ground *ground);

/* What of a monitor is asked for. */
struct plx_uptime_subject {
    uint64_t monitor_id;
    enum plx_expect expect;
    int64_t interval_ns;
    uint32_t min_coverage_percent;
    char **regions; /* that should look at it now */
    size_t n_regions;
};

struct plx_uptime_report {
    struct plx_uptime uptime;              /* from: not before anything was known of it */
    char **regions;                        /* those that should look and those that did */
    struct plx_uptime_location *locations; /* of these */
};

/* Gives `ret` (plx_uptime_report_fini). 0, PLX_ETIMEOUT, PLX_EIO, PLX_ECORRUPT. */
int plx_uptime_report_read(struct plx_store_reader *reader,
                           const struct plx_uptime_ground *ground,
                           const struct plx_uptime_subject *subject, struct plx_wall from,
                           struct plx_wall to, enum plx_rollup_level level,
                           struct plx_uptime_report *ret);
void plx_uptime_report_fini(struct plx_uptime_report *report);

/* The level that fits a window: exact for days, cheap for months. */
enum plx_rollup_level plx_uptime_level(int64_t window_ns, bool many);

#endif
