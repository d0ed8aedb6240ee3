/* The API's trace: walk the way to a target from every location, and say where it breaks.
 */
#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/api_call.h"
#include "coordinator/io/inquest.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

#define AGENTS_MAX 64 /* that answer one call */
#define CALLS_MAX  16 /* at the same time */
#define CALLS_EACH 4  /* of one guest */

struct asked {
    uint32_t slot;
    struct plx_trace *now, *before; /* NULL: none */
};

struct plx_tracer_call {
    struct plx_tracer_call *next;
    struct plx_call *call;
    char host[PLX_HOST_MAX + 1];
    uint16_t port;
    int64_t flows, hops, ip;
    struct asked asked[AGENTS_MAX];
    size_t n_asked, n_answered, n_over; /* answered, or given up */
};

static void free_trace_call(struct plx_tracer_call *t)
{
    for (size_t i = 0; i < t->n_asked; i++) {
        free(t->asked[i].now);
        free(t->asked[i].before);
    }
    free(t);
}

static void unlink_call(struct plx_api *api, struct plx_tracer_call *t)
{
    struct plx_tracer_call **p = &api->traces;
    while (*p && *p != t)
        p = &(*p)->next;
    if (*p)
        *p = t->next;
}

/* ---- answering ---- */

static void write_answer(struct plx_json *j, const struct plx_agent *agent,
                         const struct plx_trace *trace)
{
    plx_json_object(j);
    plx_json_kstr(j, "agent", agent->name);
    plx_json_kstr(j, "region", agent->region);
    plx_trace_write(trace, j);
    plx_json_end(j);
}

static void write_answers(struct plx_api *api, const struct plx_tracer_call *t,
                          struct plx_json *j)
{
    plx_json_key(j, "answers");
    plx_json_array(j);
    for (size_t i = 0; i < t->n_asked; i++)
        if (t->asked[i].now)
            write_answer(j, plx_roster_at(api->desk->roster, t->asked[i].slot),
                         t->asked[i].now);
    plx_json_end(j);
    plx_json_key(j, "missing");
    plx_json_array(j);
    for (size_t i = 0; i < t->n_asked; i++)
        if (!t->asked[i].now)
            plx_json_str(j, plx_roster_at(api->desk->roster, t->asked[i].slot)->name);
    plx_json_end(j);
}

static void write_found(struct plx_api *api, const struct plx_tracer_call *t,
                        struct plx_json *j)
{
    struct plx_inquest_view views[AGENTS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < t->n_asked; i++)
        if (t->asked[i].now)
            views[n++] = (struct plx_inquest_view){t->asked[i].slot, t->asked[i].now,
                                                   t->asked[i].before};
    plx_inquest_write_place(api->desk, views, n, j);
}

static void finish(struct plx_api *api, struct plx_tracer_call *t)
{
    struct plx_buf buf;
    struct plx_json j;
    unlink_call(api, t);
    plx_answer_begin(&buf, &j);
    plx_json_kwall(&j, "at", plx_clock_wall());
    plx_json_kstr(&j, "host", t->host);
    plx_json_kuint(&j, "port", t->port);
    write_answers(api, t, &j);
    write_found(api, t, &j);
    plx_json_kuint(&j, "asked", t->n_asked);
    plx_json_kuint(&j, "answered", t->n_answered);
    plx_json_end(&j);
    plx_call_end(t->call, &buf);
    free_trace_call(t);
}

/* What it compares with is the way of good times before this one is kept. */
static void keep(struct plx_api *api, struct asked *asked, const struct plx_trace *trace)
{
    struct plx_ways *ways = plx_inquest_ways(api->desk->inquest);
    asked->now = malloc(sizeof *asked->now);
    asked->before = malloc(sizeof *asked->before);
    if (!asked->now || !asked->before)
        abort();
    *asked->now = *trace;
    if (!plx_ways_get(ways, asked->slot, &trace->target, asked->before)) {
        free(asked->before);
        asked->before = NULL;
    }
    plx_ways_put(ways, asked->slot, trace, plx_clock_mono());
}

static void tell_part(struct plx_api *api, struct plx_tracer_call *t,
                      const struct asked *asked)
{
    struct plx_buf part;
    struct plx_json j;
    plx_buf_init(&part, PLX_API_BODY_MAX);
    plx_json_init(&j, &part);
    write_answer(&j, plx_roster_at(api->desk->roster, asked->slot), asked->now);
    plx_call_part(t->call, &part);
    plx_buf_fini(&part);
}

static void on_traced(void *arg, uint64_t tag, uint32_t agent,
                      const struct plx_trace *trace)
{
    struct plx_tracer_call *t = arg;
    struct plx_api *api = t->call->api;
    struct asked *asked = &t->asked[tag];
    (void)agent;
    t->n_over++;
    if (trace) {
        t->n_answered++;
        keep(api, asked, trace);
        tell_part(api, t, asked);
    }
    if (t->n_over == t->n_asked)
        finish(api, t);
}

void plx_api_traces_drop(struct plx_api *api)
{
    while (api->traces) {
        struct plx_tracer_call *t = api->traces;
        api->traces = t->next;
        plx_tracing_forget(plx_inquest_tracing(api->desk->inquest), t);
        plx_call_fail(t->call, PLX_EGONE, "the coordinator is stopping");
        free_trace_call(t);
    }
}

/* ---- asking ---- */

static void ask(struct plx_api *api, struct plx_tracer_call *t, uint32_t slot)
{
    const struct plx_tracing_order order = {
        .agent = slot,
        .host = t->host,
        .port = t->port,
        .ip = (enum plx_ip)t->ip,
        .source = "",
        .flows = (uint8_t)t->flows,
        .max_hops = (uint8_t)t->hops,
    };
    t->asked[t->n_asked] = (struct asked){.slot = slot};
    if (plx_tracing_ask(plx_inquest_tracing(api->desk->inquest), &order, on_traced, t,
                        t->n_asked) == 0)
        t->n_asked++;
}

static void ask_all(struct plx_api *api, struct plx_tracer_call *t, const char **from,
                    size_t n_from)
{
    const struct plx_roster *roster = api->desk->roster;
    for (uint32_t i = 0; i < plx_roster_count(roster) && t->n_asked < AGENTS_MAX; i++) {
        const struct plx_agent *agent = plx_roster_at(roster, i);
        if (agent->alive && !agent->revoked && plx_api_is_wanted(agent, from, n_from))
            ask(api, t, i);
    }
}

static int read_trace(struct plx_call *call, struct plx_tracer_call *t,
                      const char ***from, size_t *n_from, struct plx_why *why)
{
    const char *target;
    int err = plx_call_text(call, "target", true, &target, why);
    if (err == 0 && plx_text_host_port(target, t->host, &t->port) < 0)
        err = plx_why_set(why, PLX_EINVAL, "'target': '%s' is not HOST:PORT", target);
    if (err == 0)
        err = plx_call_int(call, "flows", 1, PLX_TRACE_FLOWS_MAX, &t->flows, why);
    if (err == 0)
        err = plx_call_int(call, "hops", 1, PLX_TRACE_HOPS_MAX, &t->hops, why);
    if (err == 0)
        err = plx_call_int(call, "ip", 0, 6, &t->ip, why);
    if (err == 0 && t->ip != PLX_IP_ANY && t->ip != PLX_IP_4 && t->ip != PLX_IP_6)
        err = plx_why_set(why, PLX_EINVAL, "'ip' must be 4 or 6");
    if (err == 0)
        err = plx_call_texts(call, "from", false, from, n_from, why);
    return err;
}

/* Of one guest; NULL: of all. */
static size_t count_calls(const struct plx_api *api, const char *who)
{
    size_t n = 0;
    for (const struct plx_tracer_call *t = api->traces; t; t = t->next)
        n += !who || strcmp(t->call->who, who) == 0;
    return n;
}

void plx_api_trace(struct plx_call *call)
{
    struct plx_api *api = call->api;
    struct plx_why why = {""};
    const char **from = NULL;
    size_t n_from = 0;
    struct plx_tracer_call *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    *t = (struct plx_tracer_call){.call = call, .flows = 4, .hops = PLX_TRACE_HOPS_MAX};
    int err = read_trace(call, t, &from, &n_from, &why);
    if (err == 0 && !api->desk->inquest)
        err = plx_why_set(&why, PLX_EUNSUPPORTED, "nothing is traced here");
    if (err == 0 && count_calls(api, call->who) >= CALLS_EACH)
        err = plx_why_set(&why, PLX_EAGAIN, "you have %d traces under way: try again",
                          CALLS_EACH);
    if (err == 0 && count_calls(api, NULL) >= CALLS_MAX)
        err = plx_why_set(&why, PLX_EAGAIN, "too many traces at once: try again");
    if (err == 0) {
        ask_all(api, t, from, n_from);
        if (t->n_asked == 0)
            err = plx_why_set(&why, PLX_ENOTFOUND, "no live agent is in %s",
                              n_from > 0 ? "these locations" : "any location");
    }
    free(from);
    if (err < 0) {
        free_trace_call(t);
        plx_call_fail(call, err, "%s", why.text);
        return;
    }
    t->next = api->traces;
    api->traces = t;
}
