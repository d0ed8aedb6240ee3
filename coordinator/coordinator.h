/* The coordinator as a whole: puts the parts together, runs them, takes them apart. */
#ifndef PLX_COORDINATOR_COORDINATOR_H
#define PLX_COORDINATOR_COORDINATOR_H

#include "coordinator/config.h"

/* Its keys changed: to be started again as it was. */
#define PLX_COORDINATOR_RESTART 1

/* Runs until SIGTERM or SIGINT. Returns 0 after a clean stop, PLX_COORDINATOR_RESTART, or
 * an error with a sentence that says what to do; then nothing was served. */
int plx_coordinator_run(const struct plx_config *config, struct plx_why *why);

#endif
