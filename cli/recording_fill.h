/* What the store does not have of a recording: heartbeats and ticks.
 *
 * An agent counts as alive from a result until it owes one (its shortest interval, the
 * timeout and 5 s more), with a heartbeat every 5 s; all count as alive at the beginning.
 * Ticks come at whole seconds. Where nobody was heard for longer than all owed, it was
 * the coordinator that was away: that time is left out, as it excuses itself. */
#ifndef PLX_CLI_RECORDING_FILL_H
#define PLX_CLI_RECORDING_FILL_H

#include "base/buf.h"
#include "cli/judge_lines.h"

#include <jansson.h>

struct plx_fill_presence; /* of an agent */

struct plx_fill {
    struct plx_buf text; /* the lines so far; the caller takes and clears it */
    uint64_t n_results;
    struct plx_names agents;
    struct plx_fill_presence *presence; /* by number of the name */
    size_t cap;
    double last;      /* `now` of the last line */
    double next_tick; /* 0: none yet */
};

void plx_fill_init(struct plx_fill *fill);
void plx_fill_fini(struct plx_fill *fill);
/* Takes a line of the coordinator; writes what belongs before it, and it. May change
 * `now` of a result: a wall clock that was set back must not take the recording along. */
void plx_fill_line(struct plx_fill *fill, json_t *line);
/* Ticks up to the end (seconds), or until all have been silent for long. */
void plx_fill_end(struct plx_fill *fill, double until);

#endif
