/* The store's room of places: where the faults of an incident broke, with the traces that
 * say so. They go with their incident. Loop thread. */
#ifndef PLX_COORDINATOR_STORE_PLACES_H
#define PLX_COORDINATOR_STORE_PLACES_H

#include "base/trace.h"
#include "coordinator/io/store.h"

/* Of one incident: the newest are kept. */
#define PLX_STORE_PLACES_MAX       8
/* Of one place. */
#define PLX_STORE_PLACE_TRACES_MAX 8
/* Of each of its texts. */
#define PLX_STORE_PLACE_BYTES_MAX  16384

struct plx_store_trace {
    const char *agent, *region;
    const struct plx_trace *now;
    const struct plx_trace *before; /* NULL: not known */
};

struct plx_store_place {
    uint64_t incident;
    struct plx_wall at; /* of the inquest: one place of an incident and time */
    const char *fault, *host;
    uint16_t port;
    const char *place, *fleet;     /* JSON objects */
    const char *suspects, *spares; /* JSON arrays */
    const struct plx_store_trace *traces;
    size_t n_traces;
};

/* Puts it, in the stead of one of the same incident and time, and drops the oldest beyond
 * the most there may be. Copies. Patient. PLX_EINVAL, PLX_ETOOBIG: not taken. */
int plx_store_put_place(struct plx_store *store, const struct plx_store_place *place,
                        plx_store_done_fn *done, void *arg);

/* Lent for the call; false: no more are wanted. */
typedef bool plx_store_place_fn(void *arg, const struct plx_store_place *place);
/* Of an incident, oldest first. */
int plx_store_read_places(struct plx_store *store, uint64_t incident,
                          plx_store_place_fn *fn, void *arg);

#endif
