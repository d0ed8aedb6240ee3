/* How a replay's outcome is shown. */
#ifndef PLX_CLI_REPLAY_VIEW_H
#define PLX_CLI_REPLAY_VIEW_H

#include "cli/pages.h"
#include "cli/render.h"
#include "cli/rerun.h"

struct plx_replay_view {
    const struct plx_rerun *run; /* for names and counts */
    struct plx_pages_span span;
    const struct plx_pages_pair *pairs; /* in order of time */
    size_t n_pairs;
    bool recorded; /* against what happened; else against the recording's own rules */
};

/* Prints it. True if nothing differs. */
bool plx_replay_show(const struct plx_cli *cli, const struct plx_replay_view *view);

#endif
