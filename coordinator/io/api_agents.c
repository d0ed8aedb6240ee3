/* The API's methods on agents: list, show, revoke, drain, label. */
#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/api_call.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdlib.h>
#include <string.h>

static void write_vitals(struct plx_json *j, const struct plx_agent *a)
{
    const struct plx_agent_vitals *v = &a->vitals;
    plx_json_knum(j, "uptime_s", (double)v->uptime_ms / 1000, 1);
    plx_json_kuint(j, "lag_ms", v->lag_ms);
    plx_json_kuint(j, "spool_rows", v->spool_rows);
    plx_json_kuint(j, "spool_bytes", v->spool_bytes);
    plx_json_knum(j, "spool_age_s", (double)v->spool_age_ms / 1000, 1);
    plx_json_kuint(j, "in_flight", v->in_flight);
    plx_json_kuint(j, "probes", v->progress);
    plx_json_kuint(j, "skipped", v->skipped);
    plx_json_kuint(j, "lost", v->lost);
    plx_json_knum(j, "clock_offset_ms", (double)a->offset_ns / (double)PLX_MS_NS, 3);
    plx_json_knum(j, "rtt_ms", (double)v->rtt_us / 1000, 3);
}

/* What the agent says ails it, and what we see of it. */
static void write_troubles(struct plx_json *j, const struct plx_agent *a)
{
    plx_json_key(j, "troubles");
    plx_json_array(j);
    for (size_t i = 0; i < a->vitals.n_troubles; i++)
        plx_json_str(j, a->vitals.troubles[i]);
    if (a->stuck)
        plx_json_str(j, "its probes stand still although it is alive");
    if (a->clock_off)
        plx_json_str(j, "its clock is off; times are corrected");
    if (a->doubled)
        plx_json_str(j, "another process uses the same key");
    plx_json_end(j);
}

void plx_api_write_agent(struct plx_api *api, uint32_t slot, struct plx_json *j)
{
    const struct plx_agent *a = plx_roster_at(api->desk->roster, slot);
    struct plx_share share = plx_shares_of(api->desk->shares, slot);
    plx_json_object(j);
    plx_json_kuint(j, "id", a->id);
    plx_json_kstr(j, "name", a->name);
    plx_json_kstr(j, "region", a->region);
    plx_api_write_labels(a->labels, a->n_labels, j);
    plx_api_write_labels_as("own_labels", a->own_labels, a->n_own_labels, j);
    plx_json_kstr(j, "key", a->key);
    plx_json_kstr(j, "state", plx_presence_token(plx_roster_presence(a)));
    plx_json_kbool(j, "connected", plx_intake_has(api->intake, slot));
    plx_json_kstr(j, "software", a->software);
    plx_json_kwall(j, "heard", a->last_seen);
    plx_json_kwall(j, "enrolled", a->enrolled);
    plx_json_kuint(j, "monitors", share.n_tasks);
    plx_json_kuint(j, "generation", share.generation);
    write_vitals(j, a);
    write_troubles(j, a);
    plx_json_end(j);
}

static int by_name(const void *a, const void *b)
{
    const struct plx_agent *const *x = a, *const *y = b;
    int order = strcmp((*x)->region, (*y)->region);
    return order ? order : strcmp((*x)->name, (*y)->name);
}

void plx_api_agents_list(struct plx_call *call)
{
    const struct plx_roster *roster = call->api->desk->roster;
    size_t n = plx_roster_count(roster);
    struct plx_buf buf;
    struct plx_json j;
    const struct plx_agent **list = calloc(n + 1, sizeof(struct plx_agent *));
    if (!list)
        abort();
    for (uint32_t i = 0; i < n; i++)
        list[i] = plx_roster_at(roster, i);
    qsort(list, n, sizeof(struct plx_agent *), by_name);
    plx_answer_begin(&buf, &j);
    plx_json_kwall(&j, "at", plx_clock_wall());
    plx_json_key(&j, "agents");
    plx_json_array(&j);
    for (size_t i = 0; i < n; i++)
        plx_api_write_agent(call->api, plx_roster_by_id(roster, list[i]->id), &j);
    plx_json_end(&j);
    plx_json_end(&j);
    free(list);
    plx_call_end(call, &buf);
}

static void write_tasks(const struct plx_desk *desk, uint32_t slot, struct plx_json *j)
{
    plx_json_key(j, "assigned");
    plx_json_array(j);
    for (uint32_t i = 0; i < plx_catalog_end(desk->catalog); i++) {
        const struct plx_monitor *m = plx_catalog_at(desk->catalog, i);
        if (m && plx_shares_has(desk->shares, slot, i))
            plx_json_str(j, m->name);
    }
    plx_json_end(j);
}

void plx_api_agents_show(struct plx_call *call)
{
    struct plx_buf buf;
    struct plx_json j;
    uint32_t slot = plx_call_agent(call);
    if (slot == PLX_ROSTER_NONE)
        return;
    plx_answer_begin(&buf, &j);
    plx_json_kwall(&j, "at", plx_clock_wall());
    plx_json_key(&j, "agent");
    plx_api_write_agent(call->api, slot, &j);
    write_tasks(call->api->desk, slot, &j);
    plx_json_end(&j);
    plx_call_end(call, &buf);
}

/* ---- revoke, drain ---- */

/* A change of standing on its way through the store. */
struct standing {
    struct plx_call *call;
    uint32_t slot;
    enum plx_agent_state state;
};

/* A key that must go is shut out even if that cannot be stored. */
static void fail_standing(struct plx_desk *desk, struct standing *s, int err,
                          const char *why)
{
    bool shut_out = s->state == PLX_AGENT_REVOKED && err != PLX_EGONE;
    if (shut_out)
        plx_desk_revoke(desk, s->slot);
    plx_call_fail(s->call, err, "%s%s",
                  shut_out ? "the agent is shut out until the coordinator's next start, "
                             "and has to be revoked again once that can be stored: "
                           : "",
                  why);
    free(s);
}

static void on_stored(void *arg, int err, const char *why)
{
    struct standing *s = arg;
    struct plx_call *call = s->call;
    struct plx_api *api = call->api;
    struct plx_buf buf;
    struct plx_json j;
    if (err < 0) {
        fail_standing(api->desk, s, err, why);
        return;
    }
    if (s->state == PLX_AGENT_REVOKED)
        plx_desk_revoke(api->desk, s->slot);
    else
        plx_desk_drain(api->desk, s->slot, s->state == PLX_AGENT_DRAINING);
    plx_intake_push(api->intake);
    plx_answer_begin(&buf, &j);
    plx_json_key(&j, "agent");
    plx_api_write_agent(api, s->slot, &j);
    plx_json_end(&j);
    plx_call_end(call, &buf);
    free(s);
}

static void set_state(struct plx_call *call, uint32_t slot, enum plx_agent_state state)
{
    const struct plx_agent *agent = plx_roster_at(call->api->desk->roster, slot);
    if (agent->revoked && state != PLX_AGENT_REVOKED) {
        plx_call_fail(call, PLX_ECONFLICT, "agent '%s' is revoked, and stays so",
                      agent->name);
        return;
    }
    struct standing *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    *s = (struct standing){call, slot, state};
    int err = plx_store_set_agent_state(call->api->desk->store, agent->id, state,
                                        call->who, plx_clock_wall(), on_stored, s);
    if (err < 0) {
        fail_standing(call->api->desk, s, err, plx_err_text(err));
    }
}

void plx_api_agents_revoke(struct plx_call *call)
{
    uint32_t slot = plx_call_agent(call);
    if (slot != PLX_ROSTER_NONE)
        set_state(call, slot, PLX_AGENT_REVOKED);
}

void plx_api_agents_drain(struct plx_call *call)
{
    struct plx_why why;
    bool on = true;
    if (plx_call_bool(call, "on", &on, &why) < 0) {
        plx_call_fail(call, PLX_EINVAL, "%s", why.text);
        return;
    }
    uint32_t slot = plx_call_agent(call);
    if (slot != PLX_ROSTER_NONE)
        set_state(call, slot, on ? PLX_AGENT_DRAINING : PLX_AGENT_ACTIVE);
}

/* ---- label ---- */

/* Labels on their way through the store. */
struct labelling {
    struct plx_call *call;
    uint32_t slot;
    struct plx_label *labels; /* texts lent by the call */
    size_t n;
};

static void end_labelling(struct labelling *l, int err, const char *why)
{
    struct plx_call *call = l->call;
    struct plx_buf buf;
    struct plx_json j;
    if (err < 0) {
        plx_call_fail(call, err, "%s", why);
    } else {
        plx_answer_begin(&buf, &j);
        plx_json_key(&j, "agent");
        plx_api_write_agent(call->api, l->slot, &j);
        plx_json_end(&j);
        plx_call_end(call, &buf);
    }
    free(l->labels);
    free(l);
}

static void on_labelled(void *arg, int err, const char *why)
{
    struct labelling *l = arg;
    if (err == 0) {
        plx_desk_set_labels(l->call->api->desk, l->slot, l->labels, l->n);
        plx_intake_push(l->call->api->intake);
    }
    end_labelling(l, err, why);
}

void plx_api_agents_label(struct plx_call *call)
{
    struct plx_why why;
    struct labelling *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    l->call = call;
    int err = plx_call_labels(call, "labels", &l->labels, &l->n, &why);
    if (err < 0) {
        end_labelling(l, err, why.text);
        return;
    }
    l->slot = plx_call_agent(call);
    if (l->slot == PLX_ROSTER_NONE) {
        free(l->labels);
        free(l);
        return;
    }
    uint64_t id = plx_roster_at(call->api->desk->roster, l->slot)->id;
    err = plx_store_set_agent_labels(call->api->desk->store, id, l->labels, l->n,
                                     call->who, plx_clock_wall(), on_labelled, l);
    if (err < 0)
        end_labelling(l, err, plx_err_text(err));
}
