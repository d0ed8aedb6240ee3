#include "agent/io/spool_events.h"

#include <stdlib.h>

void plx_spool_events_add(struct plx_spool_events *list, enum plx_spool_event_type type,
                          struct plx_spool_mark first, uint64_t last, char *frame,
                          size_t len)
{
    struct plx_spool_event *e = calloc(1, sizeof *e);
    if (!e)
        abort();
    e->type = type;
    e->stream_id = first.stream_id;
    e->first = first.seq;
    e->last = last;
    e->frame = frame;
    e->len = len;
    if (list->tail)
        list->tail->next = e;
    else
        list->head = e;
    list->tail = e;
}

void plx_spool_events_free(struct plx_spool_events *list)
{
    while (list->head) {
        struct plx_spool_event *e = list->head;
        list->head = e->next;
        plx_spool_event_free(e);
    }
    list->tail = NULL;
}

void plx_spool_events_tell(struct plx_spool_events *list, enum plx_spool_event_type type,
                           uint64_t stream_id)
{
    plx_spool_events_add(list, type, (struct plx_spool_mark){stream_id, 0}, 0, NULL, 0);
}
