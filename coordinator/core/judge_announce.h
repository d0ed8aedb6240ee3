/* When a suspected fault may be said (docs/VERDICTS.md "When it is said"). */
#ifndef PLX_CORE_JUDGE_ANNOUNCE_H
#define PLX_CORE_JUDGE_ANNOUNCE_H

#include "coordinator/core/judge_fault.h"
#include "coordinator/core/judge_faults.h"

/* Gives a fault that the story tells and that may be said its id, and notes it as opened;
 * else nothing. Decides whether it pages: one that follows from another does not. */
void plx_announce(struct plx_faults *faults, const struct plx_surroundings *x,
                  struct plx_fault *fault);

/* One that was said as a consequence pages once it fails on its own: a probe failed after
 * what it hangs on was well again. What recovers a little later never does. */
void plx_announce_on_its_own(const struct plx_faults *faults,
                             const struct plx_surroundings *x, struct plx_fault *fault);

/* A service that depends on something that is down already: the cause is elsewhere, and
 * has been paged. */
bool plx_announce_is_consequence(const struct plx_faults *faults,
                                 const struct plx_fleet *fleet,
                                 const struct plx_fault *fault);

#endif
