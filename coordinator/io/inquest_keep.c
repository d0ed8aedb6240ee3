/* What an inquest found, for the store: with each incident that a fault of it belongs to.
 */
#include "coordinator/io/inquest_impl.h"

#include "base/err.h"
#include "coordinator/io/alerts.h"
#include "coordinator/io/fault_heads.h"
#include "coordinator/io/store_places.h"
#include "sys/log.h"

#include <stdio.h>

static const struct plx_incident *incident_of(const struct plx_incidents *incidents,
                                              uint64_t fault)
{
    for (size_t i = 0; i < plx_incidents_count(incidents); i++) {
        const struct plx_incident *incident = plx_incidents_at(incidents, i);
        for (size_t k = 0; k < incident->n_faults; k++)
            if (incident->faults[k].fault == fault)
                return incident;
    }
    return NULL;
}

/* What is stored of a case, but for the incident and the fault. */
struct kept {
    struct plx_store_trace traces[PLX_INQUEST_AGENTS_MAX];
    struct plx_buf place, fleet, suspects, spares;
    size_t n;
};
_Static_assert(PLX_INQUEST_AGENTS_MAX <= PLX_STORE_PLACE_TRACES_MAX,
               "every witness is stored");

static struct plx_json begin(struct plx_buf *buf)
{
    struct plx_json j;
    plx_buf_init(buf, PLX_STORE_PLACE_BYTES_MAX);
    plx_json_init(&j, buf);
    return j;
}

static void describe(const struct plx_inquest *q, const struct plx_inquiry *one,
                     struct kept *ret)
{
    struct plx_inquest_view views[PLX_INQUEST_AGENTS_MAX];
    struct plx_place_view in[PLX_PLACE_VIEWS_MAX];
    struct plx_place place;
    ret->n = plx_inquiry_views(one, views);
    plx_inquest_find(q->desk, views, ret->n, in, &place);
    for (size_t i = 0; i < ret->n; i++)
        ret->traces[i] = (struct plx_store_trace){in[i].agent, in[i].region, views[i].now,
                                                  views[i].before};
    struct plx_json j = begin(&ret->place);
    plx_inquest_put_place(q->desk, views, &place, &j);
    j = begin(&ret->fleet);
    plx_inquiry_put_fleet(one, &j);
    j = begin(&ret->suspects);
    plx_inquiry_put_suspects(one, &j);
    j = begin(&ret->spares);
    plx_inquest_put_spares(q->desk, one->host, &j);
}

static void kept_fini(struct kept *kept)
{
    plx_buf_fini(&kept->place);
    plx_buf_fini(&kept->fleet);
    plx_buf_fini(&kept->suspects);
    plx_buf_fini(&kept->spares);
}

static void put(const struct plx_inquest *q, const struct plx_inquiry *one,
                const struct kept *kept, uint64_t incident, uint64_t fault)
{
    char id[PLX_FAULT_ID_MAX];
    const struct plx_store_place place = {.incident = incident,
                                          .at = one->at,
                                          .fault = plx_fault_id(fault, id),
                                          .host = one->host,
                                          .port = one->port,
                                          .place = plx_buf_str(&kept->place),
                                          .fleet = plx_buf_str(&kept->fleet),
                                          .suspects = plx_buf_str(&kept->suspects),
                                          .spares = plx_buf_str(&kept->spares),
                                          .traces = kept->traces,
                                          .n_traces = kept->n};
    int err = plx_store_put_place(q->desk->store, &place, NULL, NULL);
    if (err < 0)
        plx_log(PLX_LOG_ERROR, "place_not_stored", "fault", id, "why", plx_err_text(err),
                NULL);
}

void plx_inquiry_keep(const struct plx_inquest *q, struct plx_inquiry *one)
{
    const struct plx_incidents *incidents =
        q->desk->alerts ? plx_alerts_incidents(q->desk->alerts) : NULL;
    uint64_t done[PLX_CASE_FAULTS_MAX] = {0};
    struct kept kept;
    one->unkept = false;
    if (!incidents)
        return;
    describe(q, one, &kept);
    for (size_t f = 0; f < one->n_faults; f++) {
        const struct plx_incident *incident = incident_of(incidents, one->faults[f]);
        bool is_new = incident != NULL;
        for (size_t i = 0; i < f && is_new; i++)
            is_new = done[i] != incident->id;
        if (!is_new)
            continue;
        done[f] = incident->id;
        put(q, one, &kept, incident->id, one->faults[f]);
    }
    kept_fini(&kept);
}
