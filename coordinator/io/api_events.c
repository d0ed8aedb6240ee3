/* The API's method on events: those after a number, waiting for the first if there are
 * none. A watcher asks again with the number it got; nothing is remembered of it here. */
#include "base/err.h"
#include "coordinator/io/api_call.h"
#include "sys/clock.h"

#include <stdlib.h>

#define WAITERS_MAX 256
#define WAIT_MAX_NS (60 * PLX_SEC_NS)
#define PAGE_MAX    500

struct plx_waiter {
    struct plx_waiter *next;
    struct plx_call *call;
    uint64_t after;
    struct plx_mono deadline;
};

static void answer(struct plx_call *call, uint64_t after)
{
    const struct plx_events *events = call->api->desk->events;
    uint64_t newest = plx_events_newest(events), no = after + 1;
    uint64_t oldest = newest > PLX_EVENTS_MAX ? newest - PLX_EVENTS_MAX + 1 : 1;
    struct plx_buf buf;
    struct plx_json j;
    plx_answer_begin(&buf, &j);
    plx_json_kwall(&j, "at", plx_clock_wall());
    plx_json_kuint(&j, "epoch", plx_events_epoch(events));
    plx_json_kbool(&j, "missed", no < oldest);
    plx_json_key(&j, "events");
    plx_json_array(&j);
    if (no < oldest)
        no = oldest;
    for (size_t n = 0; no <= newest && n < PAGE_MAX; no++, n++) {
        const struct plx_event *event = plx_events_at(events, no);
        if (event)
            plx_json_raw(&j, event->json);
    }
    plx_json_end(&j);
    plx_json_kuint(&j, "next", no - 1);
    plx_json_end(&j);
    plx_call_end(call, &buf);
}

/* The number to go on after: a number of another process, or one we have not given yet,
 * counts from this process's first. */
static int read_after(const struct plx_call *call, uint64_t *ret, struct plx_why *why)
{
    const struct plx_events *events = call->api->desk->events;
    int64_t after = (int64_t)plx_events_newest(events);
    int64_t epoch = (int64_t)plx_events_epoch(events);
    int err = plx_call_int(call, "after", 0, INT64_MAX, &after, why);
    if (err == 0)
        err = plx_call_int(call, "epoch", 0, INT64_MAX, &epoch, why);
    if (err < 0)
        return err;
    bool ours = (uint64_t)epoch == plx_events_epoch(events) &&
                (uint64_t)after <= plx_events_newest(events);
    *ret = ours ? (uint64_t)after : 0;
    return 0;
}

static size_t count_waiters(const struct plx_api *api)
{
    size_t n = 0;
    for (const struct plx_waiter *w = api->waiters; w; w = w->next)
        n++;
    return n;
}

static void await_event(struct plx_call *call, uint64_t after, int64_t wait_ns)
{
    struct plx_waiter *waiter = calloc(1, sizeof *waiter);
    if (!waiter)
        abort();
    *waiter = (struct plx_waiter){
        .next = call->api->waiters,
        .call = call,
        .after = after,
        .deadline = plx_mono_add(plx_clock_mono(), wait_ns),
    };
    call->api->waiters = waiter;
}

void plx_api_events(struct plx_call *call)
{
    struct plx_why why = {""};
    uint64_t after = 0;
    int64_t wait_ns = 0;
    int err = read_after(call, &after, &why);
    if (err == 0)
        err = plx_call_duration(call, "wait", &wait_ns, &why);
    if (err == 0 && wait_ns > WAIT_MAX_NS)
        err = plx_why_set(&why, PLX_EINVAL, "'wait' must be at most 60s");
    if (err == 0 && wait_ns > 0 && count_waiters(call->api) >= WAITERS_MAX)
        err = plx_why_set(&why, PLX_EAGAIN, "too many wait for events: try again");
    if (err < 0)
        plx_call_fail(call, err, "%s", why.text);
    else if (wait_ns == 0 || after < plx_events_newest(call->api->desk->events))
        answer(call, after);
    else
        await_event(call, after, wait_ns);
}

void plx_waiters_tick(struct plx_api *api, struct plx_mono now)
{
    struct plx_waiter **p = &api->waiters;
    while (*p) {
        struct plx_waiter *waiter = *p;
        if (waiter->after >= plx_events_newest(api->desk->events) &&
            plx_mono_diff(now, waiter->deadline) < 0) {
            p = &waiter->next;
            continue;
        }
        *p = waiter->next;
        answer(waiter->call, waiter->after);
        free(waiter);
    }
}

void plx_waiters_drop(struct plx_api *api)
{
    while (api->waiters) {
        struct plx_waiter *waiter = api->waiters;
        api->waiters = waiter->next;
        plx_call_fail(waiter->call, PLX_EGONE, "the coordinator is stopping");
        free(waiter);
    }
}
