/* What the spool's thread has to tell the loop, in order. */
#ifndef PLX_AGENT_IO_SPOOL_EVENTS_H
#define PLX_AGENT_IO_SPOOL_EVENTS_H

#include "agent/io/spool.h"

struct plx_spool_mark {
    uint64_t stream_id, seq;
};

struct plx_spool_events {
    struct plx_spool_event *head, *tail;
};
/* Appends an event; takes the frame. */
void plx_spool_events_add(struct plx_spool_events *list, enum plx_spool_event_type type,
                          struct plx_spool_mark first, uint64_t last, char *frame,
                          size_t len);
/* Appends one without a frame, of a stream (0: of none). */
void plx_spool_events_tell(struct plx_spool_events *list, enum plx_spool_event_type type,
                           uint64_t stream_id);
void plx_spool_events_free(struct plx_spool_events *list);

#endif
