/* Checks of what comes from the wire, with a sticky error: for the wire_*.c files only.
 */
#ifndef PLX_PROTO_WIRE_CHECK_H
#define PLX_PROTO_WIRE_CHECK_H

#include "base/time.h"
#include "base/why.h"
#include "proto/arena.h"

#include <stdbool.h>

/* Wall clocks between 1970 and about 2255: sums with spans cannot overflow. */
#define PLX_WIRE_WALL_MAX_NS (INT64_C(9000000000) * PLX_SEC_NS)

/* The first finding stays in `why` and `err`; later checks add nothing. Borrows both. */
struct plx_wire_check {
    struct plx_arena *arena;
    struct plx_why *why;
    int err; /* 0, or a negative PLX_E… */
};

/* Finds that `field` breaks `rule` ("is out of range"). */
void plx_wire_fail(struct plx_wire_check *c, int err, const char *field,
                   const char *rule);
/* Memory of the arena, never of size 0; NULL with a finding when a message may not have
 * that much. */
void *plx_wire_alloc(struct plx_wire_check *c, size_t n, size_t size);
bool plx_wire_in_range(struct plx_wire_check *c, const char *field, int64_t v,
                       int64_t min, int64_t max);
/* `s` itself, or "" for NULL and for what is no clean text of at most 4096 bytes. */
const char *plx_wire_text(struct plx_wire_check *c, const char *field, const char *s);
struct plx_wall plx_wire_wall(struct plx_wire_check *c, const char *field, int64_t ns);

#endif
