/* A sign of life: a POST every minute for as long as the coordinator works, to a service
 * that raises the alarm when none comes. Loop thread; never waits. */
#ifndef PLX_COORDINATOR_HEARTBEAT_H
#define PLX_COORDINATOR_HEARTBEAT_H

#include "base/time.h"
#include "base/why.h"

struct plx_heartbeat;

/* Copies the URL. */
int plx_heartbeat_new(const char *url, struct plx_heartbeat **ret, struct plx_why *why);
/* Accepts NULL in *heartbeat. */
void plx_heartbeat_destroy(struct plx_heartbeat **heartbeat);
/* Every second or more often, while all is well. The first call sends at once. */
void plx_heartbeat_tick(struct plx_heartbeat *heartbeat, struct plx_mono now);

#endif
