/* The dead-man's switch: when the coordinator has been away for longer than configured,
 * the agent itself tells a webhook, again every so often, and once more when it is back.
 * Loop thread; never waits. */
#ifndef PLX_AGENT_DEADMAN_H
#define PLX_AGENT_DEADMAN_H

#include "base/time.h"
#include "base/why.h"

#include <stdbool.h>
#include <stdint.h>

struct plx_deadman_options {
    char *url;         /* NULL: there is none */
    char *secret_file; /* signs the body; NULL: not signed. Read each time */
    int64_t after_ns;  /* away for longer than this */
    int64_t repeat_ns; /* then again so often */
};

struct plx_deadman;

/* Borrows the options and the texts; the options' url is not NULL. */
int plx_deadman_new(const struct plx_deadman_options *options, const char *agent,
                    const char *region, struct plx_mono now, struct plx_deadman **ret,
                    struct plx_why *why);
/* Accepts NULL in *deadman. */
void plx_deadman_destroy(struct plx_deadman **deadman);
/* Every second or more often. `up`: there is a session with the coordinator. */
void plx_deadman_tick(struct plx_deadman *deadman, struct plx_mono now, bool up);

#endif
