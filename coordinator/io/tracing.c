#include "coordinator/io/tracing.h"

#include "base/err.h"
#include "sys/clock.h"

#include <stdlib.h>

/* An agent waits at most 20 s for its target's rate, resolves for 5 s, walks for 2 s. */
#define PATIENCE_NS (30 * PLX_SEC_NS)

struct question {
    uint64_t id; /* 0: free */
    uint32_t agent;
    struct plx_mono deadline;
    plx_tracing_fn *fn;
    void *arg;
    uint64_t tag;
};

struct plx_tracing {
    struct plx_intake *intake;
    uint64_t next_id;
    size_t n; /* used; freed ones are filled from the end */
    struct question questions[PLX_TRACING_MAX];
};

static void answer(struct plx_tracing *t, size_t i, const struct plx_trace *trace)
{
    struct question q = t->questions[i];
    t->questions[i] = t->questions[--t->n];
    q.fn(q.arg, q.tag, q.agent, trace);
}

static void on_traced(void *arg, uint32_t agent, uint64_t id,
                      const struct plx_trace *trace)
{
    struct plx_tracing *t = arg;
    for (size_t i = 0; i < t->n; i++)
        if (t->questions[i].id == id && t->questions[i].agent == agent) {
            answer(t, i, trace);
            return;
        }
}

struct plx_tracing *plx_tracing_new(struct plx_intake *intake)
{
    struct plx_tracing *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    t->intake = intake;
    t->next_id = 1;
    plx_intake_on_traced(intake, on_traced, t);
    return t;
}

void plx_tracing_destroy(struct plx_tracing **tracing)
{
    if (!*tracing)
        return;
    plx_intake_on_traced((*tracing)->intake, NULL, NULL);
    free(*tracing);
    *tracing = NULL;
}

int plx_tracing_ask(struct plx_tracing *t, const struct plx_tracing_order *order,
                    plx_tracing_fn *fn, void *arg, uint64_t tag)
{
    const struct plx_msg_trace_now now = {
        .request_id = t->next_id,
        .host = order->host,
        .port = order->port,
        .ip = order->ip,
        .source = order->source,
        .flows = order->flows,
        .max_hops = order->max_hops,
    };
    if (t->n == PLX_TRACING_MAX)
        return PLX_EAGAIN;
    int err = plx_intake_trace(t->intake, order->agent, &now);
    if (err < 0)
        return err;
    t->questions[t->n++] =
        (struct question){.id = t->next_id++,
                          .agent = order->agent,
                          .deadline = plx_mono_add(plx_clock_mono(), PATIENCE_NS),
                          .fn = fn,
                          .arg = arg,
                          .tag = tag};
    return 0;
}

void plx_tracing_forget(struct plx_tracing *t, const void *arg)
{
    for (size_t i = 0; i < t->n;)
        if (t->questions[i].arg == arg)
            t->questions[i] = t->questions[--t->n];
        else
            i++;
}

void plx_tracing_tick(struct plx_tracing *t, struct plx_mono now)
{
    for (size_t i = t->n; i-- > 0;)
        if (i < t->n && plx_mono_diff(now, t->questions[i].deadline) >= 0)
            answer(t, i, NULL);
}
