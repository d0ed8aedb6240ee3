/* A judge fed with a recording, and the pages that come of it. */
#ifndef PLX_CLI_RERUN_H
#define PLX_CLI_RERUN_H

#include "cli/judge_lines.h"
#include "cli/pages.h"

struct plx_rerun_fault; /* an open one */

struct plx_rerun {
    struct plx_lines lines;
    struct plx_judge *judge;
    struct plx_pages pages;
    struct plx_rerun_fault *faults;
    size_t n_faults, cap_faults;
    uint64_t n_results, n_ticks;
    uint64_t n_left_out;         /* results of agents that do not have the monitor */
    struct plx_wall first, last; /* `now` of the lines */
};

/* `policy` is copied (NULL: the defaults), `rules` borrowed (NULL: those of the lines).
 */
void plx_rerun_init(struct plx_rerun *run, const struct plx_judge_policy *policy,
                    const struct plx_lines_rules *rules);
void plx_rerun_fini(struct plx_rerun *run);
/* Takes one line. 0, or PLX_EINVAL with a sentence. */
int plx_rerun_line(struct plx_rerun *run, const char *text, size_t len,
                   struct plx_why *why);

/* What broke, as the coordinator words it: the entity of the first server-side fault
 * among these, or of the first one; "" for none. Lent until the next line. */
const char *plx_rerun_scope(const struct plx_rerun *run, const uint64_t *faults,
                            size_t n);

/* The pages that the recorded verdicts make. */
void plx_rerun_recorded(const struct plx_rerun *run, struct plx_pages *ret);

#endif
