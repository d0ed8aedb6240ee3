/* A recording out of the coordinator's store: the lines that `judge` reads, with the
 * heartbeats and ticks that the store does not have (recording_fill.h). */
#ifndef PLX_CLI_RECORDING_H
#define PLX_CLI_RECORDING_H

#include "cli/cli.h"

#include <stdint.h>

struct plx_recording_ask {
    const char *since, *until; /* RFC 3339, a duration, or "10m ago"; until may be NULL */
    const char *const *monitors;
    size_t n_monitors; /* 0: all */
};

/* What the coordinator said of it. RFC 3339; "" where it said nothing. */
struct plx_recording {
    char at[64], since[64], until[64], oldest[64];
    uint64_t n_results;
    uint64_t left_out; /* results of agents and monitors that are not what they were */
};

/* Takes text that holds whole lines. 0 goes on, anything else ends it. */
typedef int plx_recording_fn(void *arg, const char *text, size_t len);

/* Fetches page after page. Complains itself; returns an exit code, or what `fn` gave. */
int plx_recording_fetch(struct plx_cli *cli, const struct plx_recording_ask *ask,
                        plx_recording_fn *fn, void *arg, struct plx_recording *ret);

#endif
