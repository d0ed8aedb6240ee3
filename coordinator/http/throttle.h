/* How often somebody may: token buckets by name, in a table of fixed size.
 *
 * Two names may share a place and then a bucket's last owner wins: a limit that is now
 * and then too kind, never one that grows without bound. One thread. */
#ifndef PLX_HTTP_THROTTLE_H
#define PLX_HTTP_THROTTLE_H

#include "base/time.h"

#include <stdbool.h>

struct plx_throttle;

/* `rate` per second in the long run, `burst` at once. */
struct plx_throttle *plx_throttle_new(double rate, double burst);
void plx_throttle_destroy(struct plx_throttle **throttle);

/* Spends one; false: there is none. */
bool plx_throttle_spend(struct plx_throttle *throttle, const char *name,
                        struct plx_mono now);
/* Whether there is one, without spending it. */
bool plx_throttle_has(struct plx_throttle *throttle, const char *name,
                      struct plx_mono now);

#endif
