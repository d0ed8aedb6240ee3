/* Monitors that depend on one another in a circle: each would wait for another's incident
 * to be told, and nobody would be told of any. Pure. */
#ifndef PLX_SCHEMA_CIRCLE_H
#define PLX_SCHEMA_CIRCLE_H

#include "base/monitor.h"
#include "base/why.h"

#include <stddef.h>

/* The monitor of that name that is there already, lent; NULL: there is none. */
typedef const struct plx_monitor *plx_circle_lookup_fn(void *arg, const char *name);

/* Looks for a circle that one of the `n` monitors leads into. They come in place of those
 * of their names that `lookup` (NULL: nobody is there) knows. Returns 0, or PLX_EINVAL
 * with a sentence that names the circle; `ret_index` is a monitor of the list that leads
 * into it. */
int plx_circle_find(const struct plx_monitor *list, size_t n,
                    plx_circle_lookup_fn *lookup, void *arg, size_t *ret_index,
                    struct plx_why *why);

#endif
