/* What happened, for those who watch: verdicts, faults, agents coming and going.
 *
 * A ring of the last PLX_EVENTS_MAX events, each with a number that grows by one. A
 * watcher that comes back with the number it saw last gets what it missed, or learns that
 * it missed more than is kept. Numbers start anew with the process; `epoch` tells the
 * processes apart. Loop thread, except that listeners may hand on to others. */
#ifndef PLX_COORDINATOR_EVENTS_H
#define PLX_COORDINATOR_EVENTS_H

#include "base/json.h"
#include "base/time.h"

#include <stddef.h>
#include <stdint.h>

#define PLX_EVENTS_MAX 4096

struct plx_event {
    uint64_t no;      /* from 1 */
    const char *type; /* "verdict", "fault", "agent", …: a literal */
    char *json;       /* an object, with "no", "at" and "type" in it */
    size_t len;
};

struct plx_events;

struct plx_events *plx_events_new(struct plx_wall started);
void plx_events_destroy(struct plx_events **events);

/* Which process's numbers these are. */
uint64_t plx_events_epoch(const struct plx_events *events);

/* Begins an event: an open object with no, at and type; the caller adds its keys and
 * calls plx_events_end. Not nested. `type` is a literal. */
struct plx_json *plx_events_begin(struct plx_events *events, const char *type,
                                  struct plx_wall at);
/* Ends it and tells the listener. */
void plx_events_end(struct plx_events *events);

/* The number of the newest; 0: none yet. */
uint64_t plx_events_newest(const struct plx_events *events);
/* The event, lent until the next begin; NULL if it is no longer or not yet there. */
const struct plx_event *plx_events_at(const struct plx_events *events, uint64_t no);

/* One listener, told of each event as it ends. */
typedef void plx_events_fn(void *arg, const struct plx_event *event);
void plx_events_listen(struct plx_events *events, plx_events_fn *fn, void *arg);

#endif
