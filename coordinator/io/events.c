#include "coordinator/io/events.h"

#include <stdlib.h>

#define EVENT_BYTES_MAX (64 * 1024)

struct plx_events {
    struct plx_event ring[PLX_EVENTS_MAX];
    uint64_t newest;
    uint64_t epoch;
    const char *type; /* of the one that is open */
    struct plx_buf buf;
    struct plx_json json;
    plx_events_fn *listener;
    void *listener_arg;
};

struct plx_events *plx_events_new(struct plx_wall started)
{
    struct plx_events *events = calloc(1, sizeof *events);
    if (!events)
        abort();
    events->epoch = (uint64_t)(started.ns / PLX_MS_NS);
    return events;
}

void plx_events_destroy(struct plx_events **events)
{
    if (!*events)
        return;
    for (size_t i = 0; i < PLX_EVENTS_MAX; i++)
        free((*events)->ring[i].json);
    plx_buf_fini(&(*events)->buf);
    free(*events);
    *events = NULL;
}

uint64_t plx_events_epoch(const struct plx_events *events)
{
    return events->epoch;
}

struct plx_json *plx_events_begin(struct plx_events *events, const char *type,
                                  struct plx_wall at)
{
    struct plx_json *j = &events->json;
    events->type = type;
    plx_buf_init(&events->buf, EVENT_BYTES_MAX);
    plx_json_init(j, &events->buf);
    plx_json_object(j);
    plx_json_kuint(j, "no", events->newest + 1);
    plx_json_kwall(j, "at", at);
    plx_json_kstr(j, "type", type);
    return j;
}

void plx_events_end(struct plx_events *events)
{
    plx_json_end(&events->json);
    if (events->buf.overflow) { /* a monster of one event is worth no watcher's memory */
        plx_buf_fini(&events->buf);
        return;
    }
    uint64_t no = ++events->newest;
    struct plx_event *event = &events->ring[no % PLX_EVENTS_MAX];
    free(event->json);
    *event = (struct plx_event){.no = no, .type = events->type};
    event->json = plx_buf_give(&events->buf, &event->len);
    if (events->listener)
        events->listener(events->listener_arg, event);
}

uint64_t plx_events_newest(const struct plx_events *events)
{
    return events->newest;
}

const struct plx_event *plx_events_at(const struct plx_events *events, uint64_t no)
{
    const struct plx_event *event = &events->ring[no % PLX_EVENTS_MAX];
    return no > 0 && event->no == no ? event : NULL;
}

void plx_events_listen(struct plx_events *events, plx_events_fn *fn, void *arg)
{
    events->listener = fn;
    events->listener_arg = arg;
}
