/* Which of this host's addresses a target was probed from, so that the kernel need not be
 * asked after every probe.
 *
 * Kept per target address and port, because a route may depend on both. All is forgotten
 * when routes, addresses or links change, and each answer by itself after ten minutes. A
 * table of fixed size; what does not fit is asked for again. Pure; one thread. */
#ifndef PLX_AGENT_CORE_SOURCES_H
#define PLX_AGENT_CORE_SOURCES_H

#include "base/result.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLX_SOURCES_KEEP_NS (10 * PLX_MIN_NS)

struct plx_sources;

/* Room for `n` targets, rounded up to a power of two; aborts when memory is out. */
struct plx_sources *plx_sources_new(size_t n);
void plx_sources_destroy(struct plx_sources **sources);

/* Fetches into the cache what the next two calls need for this target: a probe's end
 * comes some dozen orders after its beginning. */
void plx_sources_fetch(const struct plx_sources *sources, const struct plx_addr *addr,
                       uint16_t port);
/* False: not known (any more). */
bool plx_sources_find(const struct plx_sources *sources, const struct plx_addr *addr,
                      uint16_t port, struct plx_mono now, struct plx_addr *ret_source);
/* A probe that began at `started` went out from `source`. Not kept if all has been
 * forgotten since then: it may have left by a route that is no more. */
void plx_sources_learn(struct plx_sources *sources, const struct plx_addr *addr,
                       uint16_t port, struct plx_mono started,
                       const struct plx_addr *source);
void plx_sources_forget(struct plx_sources *sources, struct plx_mono now);

#endif
