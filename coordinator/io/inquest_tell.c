/* What an inquest found, told: from memory, and from the store. */
#include "coordinator/io/inquest_impl.h"

#include "coordinator/io/alerts.h"
#include "coordinator/io/fault_heads.h"
#include "coordinator/io/store_places.h"
#include "sys/clock.h"

#include <stdio.h>
#include <string.h>

/* How long an answer of a spare agent is shown. */
#define SPARES_NS PLX_HOUR_NS

/* ---- comparing ---- */

/* The hops that a break lies between. */
static void put_between(const struct plx_addr *after, const struct plx_addr *before,
                        struct plx_json *j)
{
    char text[PLX_ADDR_TEXT_MAX];
    plx_json_kstr(j, "after", after->family ? plx_addr_format(after, text) : NULL);
    plx_json_kstr(j, "before", before->family ? plx_addr_format(before, text) : NULL);
}

static void write_part(const struct plx_agent *agent, const struct plx_place_part *part,
                       struct plx_json *j)
{
    plx_json_object(j);
    plx_json_kstr(j, "agent", agent->name);
    plx_json_kstr(j, "region", agent->region);
    plx_json_kstr(j, "kind", plx_place_token(part->kind));
    put_between(&part->after, &part->before, j);
    plx_json_kuint(j, "flows", part->n_flows);
    plx_json_kuint(j, "failing_flows", part->n_failing);
    plx_json_end(j);
}

void plx_inquest_put_place(const struct plx_desk *desk,
                           const struct plx_inquest_view *views,
                           const struct plx_place *place, struct plx_json *j)
{
    plx_json_object(j);
    plx_json_kstr(j, "kind", plx_place_token(place->kind));
    put_between(&place->after, &place->before, j);
    plx_json_kbool(j, "maybe_return", place->maybe_return);
    plx_json_kbool(j, "selective", place->selective);
    plx_json_kbool(j, "partial", place->partial);
    plx_json_kbool(j, "spread", place->spread);
    plx_json_kuint(j, "flows", place->n_flows);
    plx_json_kuint(j, "failing_flows", place->n_failing_flows);
    plx_json_kstr(j, "sentence", place->sentence);
    plx_json_key(j, "parts");
    plx_json_array(j);
    for (size_t i = 0; i < place->n_parts; i++)
        write_part(plx_roster_at(desk->roster, views[i].agent), &place->parts[i], j);
    plx_json_end(j);
    plx_json_end(j);
}

void plx_inquest_find(const struct plx_desk *desk, const struct plx_inquest_view *views,
                      size_t n, struct plx_place_view in[PLX_PLACE_VIEWS_MAX],
                      struct plx_place *ret)
{
    n = n < PLX_PLACE_VIEWS_MAX ? n : PLX_PLACE_VIEWS_MAX;
    for (size_t i = 0; i < n; i++) {
        const struct plx_agent *agent = plx_roster_at(desk->roster, views[i].agent);
        in[i] = (struct plx_place_view){agent->name, agent->region, views[i].now,
                                        views[i].before};
    }
    plx_place_find(in, n, ret);
}

void plx_inquest_write_place(const struct plx_desk *desk,
                             const struct plx_inquest_view *views, size_t n,
                             struct plx_json *j)
{
    struct plx_place_view in[PLX_PLACE_VIEWS_MAX];
    struct plx_place place;
    plx_inquest_find(desk, views, n, in, &place);
    plx_json_key(j, "place");
    plx_inquest_put_place(desk, views, &place, j);
}

size_t plx_inquiry_views(const struct plx_inquiry *one,
                         struct plx_inquest_view views[PLX_INQUEST_AGENTS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < one->n_witnesses; i++)
        if (one->witnesses[i].now)
            views[n++] = (struct plx_inquest_view){
                one->witnesses[i].agent, one->witnesses[i].now, one->witnesses[i].before};
    return n;
}

void plx_inquiry_put_fleet(const struct plx_inquiry *one, struct plx_json *j)
{
    const struct plx_place_common *c = &one->common;
    plx_json_object(j);
    plx_json_kstr(j, "kind", plx_place_common_token(c->kind));
    put_between(&c->after, &c->before, j);
    plx_json_kuint(j, "failing", c->n_own);
    plx_json_kuint(j, "over", c->n_own_over);
    plx_json_kuint(j, "over_in_all", c->n_over);
    plx_json_kuint(j, "agents", c->n_agents);
    plx_json_kuint(j, "targets", c->n_targets);
    plx_json_kuint(j, "working", c->n_working);
    plx_json_kstr(j, "sentence", c->sentence);
    plx_json_end(j);
}

void plx_inquiry_put_suspects(const struct plx_inquiry *one, struct plx_json *j)
{
    char text[PLX_ADDR_TEXT_MAX];
    plx_json_array(j);
    for (size_t i = 0; i < one->n_suspects; i++) {
        const struct plx_place_suspect *s = &one->suspects[i];
        plx_json_object(j);
        plx_json_kstr(j, "hop", plx_addr_format(&s->hop, text));
        plx_json_kuint(j, "failing", s->n_failing);
        plx_json_kuint(j, "working", 0);
        plx_json_kuint(j, "agents", s->n_agents);
        plx_json_kuint(j, "targets", s->n_targets);
        plx_json_end(j);
    }
    plx_json_end(j);
}

static void put_spare(const struct plx_agent *agent, const struct plx_spare *spare,
                      struct plx_json *j)
{
    plx_json_object(j);
    plx_json_kstr(j, "agent", agent->name);
    plx_json_kstr(j, "region", agent->region);
    plx_json_kstr(j, "provider", plx_agent_label(agent, "provider"));
    plx_json_kstr(j, "asn", plx_agent_label(agent, "asn"));
    plx_json_kstr(j, "outcome",
                  spare->answered ? plx_outcome_token(spare->outcome) : NULL);
    plx_json_kwall(j, "at", spare->at);
    plx_json_key(j, "latency_ms");
    if (spare->rtt_us > 0)
        plx_json_num(j, (double)spare->rtt_us / 1000, 3);
    else
        plx_json_null(j);
    plx_json_end(j);
}

void plx_inquest_put_spares(const struct plx_desk *desk, const char *host,
                            struct plx_json *j)
{
    const struct plx_spare_burst *burst =
        plx_spares_of(desk->spares, host, plx_clock_mono(), SPARES_NS);
    plx_json_array(j);
    for (size_t i = 0; burst && i < burst->n; i++)
        put_spare(plx_roster_at(desk->roster, burst->spares[i].agent), &burst->spares[i],
                  j);
    plx_json_end(j);
}

/* ---- whole places ---- */

static void write_trace(const char *key, const struct plx_trace *trace,
                        struct plx_json *j)
{
    plx_json_key(j, key);
    if (!trace) {
        plx_json_null(j);
        return;
    }
    plx_json_object(j);
    plx_trace_write(trace, j);
    plx_json_end(j);
}

static void write_view(const char *agent, const char *region, const struct plx_trace *now,
                       const struct plx_trace *before, struct plx_json *j)
{
    plx_json_object(j);
    plx_json_kstr(j, "agent", agent);
    plx_json_kstr(j, "region", region);
    write_trace("now", now, j);
    write_trace("before", before, j);
    plx_json_end(j);
}

static void write_head(const char *fault, struct plx_wall at, const char *host,
                       uint16_t port, size_t waiting, struct plx_json *j)
{
    plx_json_kstr(j, "fault", fault);
    plx_json_kwall(j, "at", at);
    plx_json_kstr(j, "host", host);
    plx_json_kuint(j, "port", port);
    plx_json_kuint(j, "waiting", waiting);
}

static void write_case(const struct plx_inquest *q, const struct plx_inquiry *one,
                       uint64_t fault, struct plx_json *j)
{
    struct plx_inquest_view views[PLX_INQUEST_AGENTS_MAX];
    struct plx_place_view in[PLX_PLACE_VIEWS_MAX];
    struct plx_place place;
    char id[PLX_FAULT_ID_MAX];
    size_t n = plx_inquiry_views(one, views);
    plx_inquest_find(q->desk, views, n, in, &place);
    plx_json_object(j);
    write_head(plx_fault_id(fault, id), one->at, one->host, one->port, one->n_waiting, j);
    plx_json_key(j, "place");
    plx_inquest_put_place(q->desk, views, &place, j);
    plx_json_key(j, "fleet");
    plx_inquiry_put_fleet(one, j);
    plx_json_key(j, "suspects");
    plx_inquiry_put_suspects(one, j);
    plx_json_key(j, "spares");
    plx_inquest_put_spares(q->desk, one->host, j);
    plx_json_key(j, "traces");
    plx_json_array(j);
    for (size_t i = 0; i < n; i++)
        write_view(in[i].agent, in[i].region, views[i].now, views[i].before, j);
    plx_json_end(j);
    plx_json_end(j);
}

static bool concerns(const struct plx_inquiry *one, uint64_t fault)
{
    for (size_t i = 0; one && i < one->n_faults; i++)
        if (one->faults[i] == fault)
            return true;
    return false;
}

void plx_place_write_stored(const struct plx_store_place *place, struct plx_json *j)
{
    plx_json_object(j);
    write_head(place->fault, place->at, place->host, place->port, 0, j);
    plx_json_key(j, "place");
    plx_json_raw(j, place->place);
    plx_json_key(j, "fleet");
    plx_json_raw(j, place->fleet);
    plx_json_key(j, "suspects");
    plx_json_raw(j, place->suspects);
    plx_json_key(j, "spares");
    plx_json_raw(j, place->spares);
    plx_json_key(j, "traces");
    plx_json_array(j);
    for (size_t i = 0; i < place->n_traces; i++)
        write_view(place->traces[i].agent, place->traces[i].region, place->traces[i].now,
                   place->traces[i].before, j);
    plx_json_end(j);
    plx_json_end(j);
}

struct stored {
    const struct plx_inquest *q;
    const uint64_t *faults;
    size_t n;
    struct plx_json *j;
};

/* Told from memory already. */
static bool is_told(const struct stored *s, struct plx_wall at)
{
    for (size_t i = 0; i < PLX_CASES_MAX; i++) {
        const struct plx_inquiry *one = s->q->cases[i];
        for (size_t f = 0; one && f < s->n; f++)
            if (one->at.ns / PLX_US_NS == at.ns / PLX_US_NS &&
                concerns(one, s->faults[f]))
                return true;
    }
    return false;
}

static bool write_stored(void *arg, const struct plx_store_place *place)
{
    const struct stored *s = arg;
    if (!is_told(s, place->at))
        plx_place_write_stored(place, s->j);
    return true;
}

static bool has_member(const struct plx_incident *incident, uint32_t monitor)
{
    for (size_t i = 0; i < incident->n_members; i++)
        if (incident->members[i].slot == monitor && incident->members[i].left.ns == 0)
            return true;
    return false;
}

/* What the monitor's open incidents have in the store: after a restart all there is. */
static void write_remembered(struct stored *s, uint32_t monitor)
{
    const struct plx_desk *desk = s->q->desk;
    const struct plx_incidents *incidents =
        desk->alerts ? plx_alerts_incidents(desk->alerts) : NULL;
    for (size_t i = 0; incidents && i < plx_incidents_count(incidents); i++) {
        const struct plx_incident *incident = plx_incidents_at(incidents, i);
        if (incident->state != PLX_INCIDENT_CLOSED && has_member(incident, monitor))
            plx_store_read_places(desk->store, incident->id, write_stored, s);
    }
}

void plx_inquest_write(const struct plx_inquest *q, uint32_t monitor,
                       const uint64_t *faults, size_t n, struct plx_json *j)
{
    struct stored stored = {q, faults, n, j};
    plx_json_key(j, "places");
    plx_json_array(j);
    for (size_t f = 0; q && f < n; f++)
        for (size_t i = 0; i < PLX_CASES_MAX; i++)
            if (concerns(q->cases[i], faults[f]))
                write_case(q, q->cases[i], faults[f], j);
    if (q)
        write_remembered(&stored, monitor);
    plx_json_end(j);
}
