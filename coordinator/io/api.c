#include "coordinator/io/api.h"

#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/api_call.h"
#include "coordinator/io/store_rollups.h"
#include "sys/log.h"

#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 6

struct method {
    const char *name;
    plx_method_fn *fn;
    enum plx_role role;             /* that it takes at least */
    const char *keys[KEYS_MAX + 1]; /* of the body; ended by NULL */
};

static const struct method methods[] = {
    {"apply", plx_api_apply, PLX_ROLE_ADMIN, {"file", "text", "dry_run", "prune"}},
    {"monitors.list", plx_api_monitors_list, PLX_ROLE_VIEWER, {NULL}},
    {"monitors.show", plx_api_monitors_show, PLX_ROLE_VIEWER, {"name"}},
    {"monitors.remove", plx_api_monitors_remove, PLX_ROLE_ADMIN, {"names"}},
    {"monitors.pause", plx_api_monitors_pause, PLX_ROLE_OPERATOR, {"names"}},
    {"monitors.resume", plx_api_monitors_resume, PLX_ROLE_OPERATOR, {"names"}},
    {"monitors.export", plx_api_monitors_export, PLX_ROLE_VIEWER, {NULL}},
    {"agents.list", plx_api_agents_list, PLX_ROLE_VIEWER, {NULL}},
    {"agents.show", plx_api_agents_show, PLX_ROLE_VIEWER, {"name"}},
    {"agents.revoke", plx_api_agents_revoke, PLX_ROLE_ADMIN, {"name"}},
    {"agents.drain", plx_api_agents_drain, PLX_ROLE_OPERATOR, {"name", "on"}},
    {"agents.label", plx_api_agents_label, PLX_ROLE_ADMIN, {"name", "labels"}},
    {"locations.list", plx_api_locations_list, PLX_ROLE_VIEWER, {NULL}},
    {"providers.list", plx_api_providers_list, PLX_ROLE_VIEWER, {NULL}},
    {"changes",
     plx_api_changes,
     PLX_ROLE_ADMIN,
     {"since", "kind", "object", "limit", "after"}},
    {"agents.token.create",
     plx_api_token_create,
     PLX_ROLE_ADMIN,
     {"region", "ttl", "labels", "uses", "name"}},
    {"agents.token.list", plx_api_token_list, PLX_ROLE_ADMIN, {NULL}},
    {"agents.token.revoke", plx_api_token_revoke, PLX_ROLE_ADMIN, {"id"}},
    {"status", plx_api_status, PLX_ROLE_VIEWER, {"monitors", "labels"}},
    {"overview", plx_api_overview, PLX_ROLE_VIEWER, {NULL}},
    {"explain", plx_api_explain, PLX_ROLE_VIEWER, {"monitor"}},
    {"history", plx_api_history, PLX_ROLE_VIEWER, {"monitor", "since"}},
    {"rollups",
     plx_api_rollups,
     PLX_ROLE_VIEWER,
     {"monitor", "since", "until", "step", "after", "limit"}},
    {"results.export",
     plx_api_results_export,
     PLX_ROLE_VIEWER,
     {"since", "until", "monitors", "after"}},
    {"check",
     plx_api_check,
     PLX_ROLE_OPERATOR,
     {"target", "from", "timeout", "burst", "greeting", "expect"}},
    {"trace",
     plx_api_trace,
     PLX_ROLE_OPERATOR,
     {"target", "from", "flows", "hops", "ip"}},
    {"users.list", plx_api_users_list, PLX_ROLE_ADMIN, {NULL}},
    {"users.put", plx_api_users_put, PLX_ROLE_ADMIN, {"name", "role", "password"}},
    {"users.remove", plx_api_users_remove, PLX_ROLE_ADMIN, {"name"}},
    {"tokens.list", plx_api_access_token_list, PLX_ROLE_ADMIN, {NULL}},
    {"tokens.create",
     plx_api_access_token_create,
     PLX_ROLE_ADMIN,
     {"name", "role", "ttl", "replace"}},
    {"tokens.revoke", plx_api_access_token_revoke, PLX_ROLE_ADMIN, {"name"}},
    {"events", plx_api_events, PLX_ROLE_VIEWER, {"after", "epoch", "wait"}},
    {"uptime", plx_api_uptime, PLX_ROLE_VIEWER, {"monitors", "since", "until"}},
    {"incidents.list", plx_api_incidents_list, PLX_ROLE_VIEWER, {"state", "limit"}},
    {"incidents.show", plx_api_incidents_show, PLX_ROLE_VIEWER, {"id"}},
    {"incidents.ack", plx_api_incidents_ack, PLX_ROLE_OPERATOR, {"id", "text"}},
    {"incidents.note", plx_api_incidents_note, PLX_ROLE_OPERATOR, {"id", "text"}},
    {"silences.list", plx_api_silences_list, PLX_ROLE_VIEWER, {NULL}},
    {"silences.add",
     plx_api_silences_add,
     PLX_ROLE_OPERATOR,
     {"match", "for", "comment"}},
    {"silences.remove", plx_api_silences_remove, PLX_ROLE_OPERATOR, {"id"}},
    {"maintenance.list", plx_api_maintenance_list, PLX_ROLE_VIEWER, {NULL}},
    {"receivers.list", plx_api_receivers_list, PLX_ROLE_VIEWER, {NULL}},
    {"receivers.test", plx_api_receivers_test, PLX_ROLE_OPERATOR, {"name"}},
    {"backup", plx_api_backup, PLX_ROLE_ADMIN, {NULL}},
    {"health", plx_api_health, PLX_ROLE_VIEWER, {NULL}},
    {"agents.rotate_key", plx_api_agents_rotate_key, PLX_ROLE_ADMIN, {"name"}},
    {"keys.show", plx_api_keys_show, PLX_ROLE_VIEWER, {NULL}},
    {"keys.rotate", plx_api_keys_rotate, PLX_ROLE_ADMIN, {"force"}},
};
#define N_METHODS (sizeof methods / sizeof *methods)

void plx_api_new(struct plx_desk *desk, struct plx_intake *intake,
                 const struct plx_api_options *options, struct plx_api **ret)
{
    struct plx_api *api = calloc(1, sizeof *api);
    if (!api)
        abort();
    api->desk = desk;
    api->intake = intake;
    api->worker = options->worker;
    api->reads = options->reads;
    struct plx_why why;
    if (api->reads && plx_store_reader_new(desk->store, &api->reader, &why) < 0)
        plx_log(PLX_LOG_WARN, "no_reader", "why", why.text, NULL);
    api->enrol_endpoint = plx_text_dup(options->enrol_endpoint);
    api->server_key = plx_text_dup(options->server_key);
    api->rotate = options->rotate;
    api->rotate_arg = options->rotate_arg;
    api->data_dir = plx_text_dup(options->data_dir);
    api->next_check = 1;
    plx_intake_on_done(intake, plx_checks_done, api);
    *ret = api;
}

void plx_api_destroy(struct plx_api **api)
{
    if (!*api)
        return;
    plx_intake_on_done((*api)->intake, NULL, NULL);
    plx_checks_drop(*api);
    plx_api_traces_drop(*api);
    plx_waiters_drop(*api);
    plx_overview_drop(*api);
    plx_store_reader_destroy(&(*api)->reader);
    free((*api)->enrol_endpoint);
    free((*api)->server_key);
    free((*api)->data_dir);
    free(*api);
    *api = NULL;
}

void plx_api_tick(struct plx_api *api, struct plx_mono now)
{
    plx_checks_tick(api, now);
    plx_waiters_tick(api, now);
}

void plx_api_quit(struct plx_api *api)
{
    plx_checks_drop(api);
    plx_api_traces_drop(api);
    plx_waiters_drop(api);
}

static const struct method *find_method(const char *name, struct plx_why *why)
{
    const char *names[N_METHODS];
    for (size_t i = 0; i < N_METHODS; i++) {
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
        names[i] = methods[i].name;
    }
    const char *meant = plx_text_closest(name, names, N_METHODS);
    plx_why_set(why, PLX_EUNSUPPORTED, "there is no method '%s'%s%s%s", name,
                meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
    return NULL;
}

static int check_keys(const struct method *method, json_t *body, struct plx_why *why)
{
    size_t n = 0;
    const char *key;
    json_t *value;
    while (n < KEYS_MAX && method->keys[n])
        n++;
    json_object_foreach(body, key, value)
    {
        size_t i = 0;
        while (i < n && strcmp(method->keys[i], key) != 0)
            i++;
        if (i < n)
            continue;
        const char *meant = plx_text_closest(key, method->keys, n);
        return plx_why_set(why, PLX_EINVAL, "unknown key '%s' for '%s'%s%s%s", key,
                           method->name, meant ? "; did you mean '" : "",
                           meant ? meant : "", meant ? "'?" : "");
    }
    return 0;
}

json_t *plx_api_read_body(const char *text, size_t len, struct plx_why *why)
{
    json_error_t error;
    if (len == 0)
        return json_object();
    json_t *body = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(body))
        return body;
    if (body)
        plx_why_set(why, PLX_EINVAL, "the body must be a JSON object");
    else
        plx_why_set(why, PLX_EINVAL, "the body is no JSON: line %d, column %d: %s",
                    error.line, error.column, error.text);
    json_decref(body);
    return NULL;
}

bool plx_api_may(const char *method, enum plx_role role, enum plx_role *ret_needed)
{
    struct plx_why why;
    const struct method *found = find_method(method, &why);
    *ret_needed = found ? found->role : PLX_ROLE_ADMIN;
    return found && role >= found->role;
}

static struct plx_call *new_call(struct plx_api *api,
                                 const struct plx_api_request *request, json_t *body)
{
    struct plx_call *call = calloc(1, sizeof *call);
    if (!call)
        abort();
    *call = (struct plx_call){
        .api = api,
        .body = body,
        .who = plx_text_dup(request->who),
        .respond = request->respond,
        .release = request->release,
        .arg = request->arg,
    };
    return call;
}

void plx_api_call(struct plx_api *api, const struct plx_api_request *request)
{
    struct plx_why why = {""};
    struct plx_call *call = new_call(api, request, request->body);
    plx_intake_wall(api->intake); /* what is compared with the clock is set right first */
    const struct method *method = find_method(request->method, &why);
    if (!method)
        plx_call_fail(call, PLX_EUNSUPPORTED, "%s", why.text);
    else if (request->role < method->role)
        plx_call_fail(call, PLX_EDENIED, "'%s' takes the role %s", method->name,
                      plx_role_token(method->role));
    else if (check_keys(method, call->body, &why) < 0)
        plx_call_fail(call, PLX_EINVAL, "%s", why.text);
    else
        method->fn(call);
}

void plx_api_call_text(struct plx_api *api, const struct plx_api_request *request,
                       const char *text, size_t len)
{
    struct plx_why why = {""};
    struct plx_api_request whole = *request;
    whole.body = plx_api_read_body(text, len, &why);
    if (whole.body)
        plx_api_call(api, &whole);
    else
        plx_call_fail(new_call(api, request, NULL), PLX_EINVAL, "%s", why.text);
}
