#include "coordinator/http/route.h"

#include "base/err.h"
#include "base/text.h"

#include <string.h>

#define V1 "/api/v1"

static const struct plx_route routes[] = {
    {.verb = "GET", .path = "/", .kind = PLX_ROUTE_FILE, .open = true},
    {.verb = "GET",
     .path = "/assets/{name}",
     .kind = PLX_ROUTE_FILE,
     .variable = "name",
     .open = true},
    {.verb = "GET",
     .path = V1 "/openapi.json",
     .kind = PLX_ROUTE_FILE,
     .method = "openapi.json",
     .open = true},
    {.verb = "GET",
     .path = "/status",
     .kind = PLX_ROUTE_PUBLIC,
     .method = "page",
     .open = true},
    {.verb = "GET",
     .path = "/status.json",
     .kind = PLX_ROUTE_PUBLIC,
     .method = "json",
     .open = true},
    {.verb = "GET",
     .path = "/status/feed.xml",
     .kind = PLX_ROUTE_PUBLIC,
     .method = "rss",
     .open = true},
    {.verb = "GET",
     .path = "/status/feed.json",
     .kind = PLX_ROUTE_PUBLIC,
     .method = "feed",
     .open = true},
    {.verb = "GET",
     .path = "/badge/{name}",
     .kind = PLX_ROUTE_BADGE,
     .variable = "name",
     .open = true,
     .query = {{"what", "what", PLX_QUERY_TEXT}}},
    {.verb = "GET", .path = "/healthz", .kind = PLX_ROUTE_ALIVE, .open = true},
    {.verb = "GET", .path = "/readyz", .kind = PLX_ROUTE_READY, .open = true},
    {.verb = "GET", .path = "/metrics", .kind = PLX_ROUTE_METRICS},
    {.verb = "GET", .path = "/metrics/monitors", .kind = PLX_ROUTE_MONITOR_METRICS},
    {.verb = "POST", .path = V1 "/session", .kind = PLX_ROUTE_LOGIN, .open = true},
    {.verb = "DELETE", .path = V1 "/session", .kind = PLX_ROUTE_LOGOUT},
    {.verb = "GET", .path = V1 "/session", .kind = PLX_ROUTE_WHOAMI},
    {.verb = "GET", .path = V1 "/events", .kind = PLX_ROUTE_EVENTS},
    {.verb = "GET", .path = V1 "/health", .method = "health"},
    {.verb = "GET", .path = V1 "/overview", .method = "overview"},
    {.verb = "GET",
     .path = V1 "/status",
     .method = "status",
     .query = {{"monitor", "monitors", PLX_QUERY_TEXTS},
               {"label", "labels", PLX_QUERY_LABELS}}},
    {.verb = "GET", .path = V1 "/monitors", .method = "monitors.list"},
    {.verb = "POST", .path = V1 "/monitors", .method = "apply", .takes_files = true},
    {.verb = "GET", .path = V1 "/monitors.yaml", .method = "monitors.export"},
    {.verb = "GET",
     .path = V1 "/monitors/{name}",
     .method = "monitors.show",
     .variable = "name"},
    {.verb = "DELETE",
     .path = V1 "/monitors/{name}",
     .method = "monitors.remove",
     .variable = "names",
     .as = PLX_QUERY_TEXTS},
    {.verb = "POST",
     .path = V1 "/monitors/{name}/pause",
     .method = "monitors.pause",
     .variable = "names",
     .as = PLX_QUERY_TEXTS},
    {.verb = "POST",
     .path = V1 "/monitors/{name}/resume",
     .method = "monitors.resume",
     .variable = "names",
     .as = PLX_QUERY_TEXTS},
    {.verb = "GET",
     .path = V1 "/monitors/{name}/explain",
     .method = "explain",
     .variable = "monitor"},
    {.verb = "GET",
     .path = V1 "/monitors/{name}/history",
     .method = "history",
     .variable = "monitor",
     .query = {{"since", "since", PLX_QUERY_TEXT}}},
    {.verb = "GET",
     .path = V1 "/monitors/{name}/uptime",
     .method = "uptime",
     .variable = "monitors",
     .as = PLX_QUERY_TEXTS,
     .query = {{"since", "since", PLX_QUERY_TEXT}, {"until", "until", PLX_QUERY_TEXT}}},
    {.verb = "GET",
     .path = V1 "/uptime",
     .method = "uptime",
     .query = {{"monitor", "monitors", PLX_QUERY_TEXTS},
               {"since", "since", PLX_QUERY_TEXT},
               {"until", "until", PLX_QUERY_TEXT}}},
    {.verb = "GET",
     .path = V1 "/monitors/{name}/rollups",
     .method = "rollups",
     .variable = "monitor",
     .query = {{"since", "since", PLX_QUERY_TEXT},
               {"until", "until", PLX_QUERY_TEXT},
               {"step", "step", PLX_QUERY_TEXT},
               {"after", "after", PLX_QUERY_TEXT},
               {"limit", "limit", PLX_QUERY_INT}}},
    {.verb = "GET",
     .path = V1 "/results",
     .method = "results.export",
     .query = {{"since", "since", PLX_QUERY_TEXT},
               {"until", "until", PLX_QUERY_TEXT},
               {"monitor", "monitors", PLX_QUERY_TEXTS},
               {"after", "after", PLX_QUERY_TEXT}}},
    {.verb = "POST", .path = V1 "/checks", .kind = PLX_ROUTE_STREAM, .method = "check"},
    {.verb = "POST", .path = V1 "/traces", .kind = PLX_ROUTE_STREAM, .method = "trace"},
    {.verb = "GET", .path = V1 "/agents", .method = "agents.list"},
    {.verb = "GET",
     .path = V1 "/agents/{name}",
     .method = "agents.show",
     .variable = "name"},
    {.verb = "DELETE",
     .path = V1 "/agents/{name}",
     .method = "agents.revoke",
     .variable = "name"},
    {.verb = "POST",
     .path = V1 "/agents/{name}/drain",
     .method = "agents.drain",
     .variable = "name"},
    {.verb = "GET", .path = V1 "/locations", .method = "locations.list"},
    {.verb = "GET", .path = V1 "/providers", .method = "providers.list"},
    {.verb = "GET",
     .path = V1 "/changes",
     .method = "changes",
     .query = {{"since", "since", PLX_QUERY_TEXT},
               {"kind", "kind", PLX_QUERY_TEXT},
               {"object", "object", PLX_QUERY_TEXT},
               {"limit", "limit", PLX_QUERY_INT},
               {"after", "after", PLX_QUERY_INT}}},
    {.verb = "GET", .path = V1 "/enrolment-tokens", .method = "agents.token.list"},
    {.verb = "POST", .path = V1 "/enrolment-tokens", .method = "agents.token.create"},
    {.verb = "DELETE",
     .path = V1 "/enrolment-tokens/{id}",
     .method = "agents.token.revoke",
     .variable = "id",
     .as = PLX_QUERY_INT},
    {.verb = "GET",
     .path = V1 "/incidents",
     .method = "incidents.list",
     .query = {{"state", "state", PLX_QUERY_TEXT}, {"limit", "limit", PLX_QUERY_INT}}},
    {.verb = "GET",
     .path = V1 "/incidents/{id}",
     .method = "incidents.show",
     .variable = "id",
     .as = PLX_QUERY_INT},
    {.verb = "POST",
     .path = V1 "/incidents/{id}/ack",
     .method = "incidents.ack",
     .variable = "id",
     .as = PLX_QUERY_INT},
    {.verb = "POST",
     .path = V1 "/incidents/{id}/notes",
     .method = "incidents.note",
     .variable = "id",
     .as = PLX_QUERY_INT},
    {.verb = "GET", .path = V1 "/silences", .method = "silences.list"},
    {.verb = "POST", .path = V1 "/silences", .method = "silences.add"},
    {.verb = "DELETE",
     .path = V1 "/silences/{id}",
     .method = "silences.remove",
     .variable = "id",
     .as = PLX_QUERY_INT},
    {.verb = "GET", .path = V1 "/maintenance", .method = "maintenance.list"},
    {.verb = "GET", .path = V1 "/receivers", .method = "receivers.list"},
    {.verb = "POST",
     .path = V1 "/receivers/{name}/test",
     .method = "receivers.test",
     .variable = "name"},
    {.verb = "GET", .path = V1 "/users", .method = "users.list"},
    {.verb = "PUT",
     .path = V1 "/users/{name}",
     .method = "users.put",
     .variable = "name"},
    {.verb = "DELETE",
     .path = V1 "/users/{name}",
     .method = "users.remove",
     .variable = "name"},
    {.verb = "GET", .path = V1 "/tokens", .method = "tokens.list"},
    {.verb = "POST", .path = V1 "/tokens", .method = "tokens.create"},
    {.verb = "DELETE",
     .path = V1 "/tokens/{name}",
     .method = "tokens.revoke",
     .variable = "name"},
};

/* ---- paths ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int plx_route_unescape(char *text)
{
    char *out = text;
    for (const char *in = text; *in; in++) {
        int c = (unsigned char)*in;
        if (c == '%') {
            int high = hex_digit(in[1]);
            int low = high >= 0 ? hex_digit(in[2]) : -1;
            c = high * 16 + low;
            if (low < 0 || c == 0)
                return PLX_EINVAL;
            in += 2;
        }
        *out++ = (char)c;
    }
    *out = '\0';
    return 0;
}

/* Takes one segment. What decodes to something unclean is refused: names go into logs and
 * sentences. */
static int decode(const char *in, size_t len, char ret[PLX_ROUTE_VARIABLE_MAX + 1])
{
    char text[3 * PLX_ROUTE_VARIABLE_MAX + 1];
    if (len >= sizeof text)
        return PLX_EINVAL;
    memcpy(text, in, len);
    text[len] = '\0';
    if (plx_route_unescape(text) < 0 || !*text || !plx_text_is_clean(text, strlen(text)))
        return PLX_EINVAL;
    return plx_text_copy(ret, PLX_ROUTE_VARIABLE_MAX + 1, text) < 0 ? PLX_EINVAL : 0;
}

/* Where the path's variable begins and how long it is; false: another path. */
static bool matches(const char *pattern, const char *path, const char **ret, size_t *len)
{
    const char *open = strchr(pattern, '{');
    *ret = "";
    *len = 0;
    if (!open)
        return strcmp(pattern, path) == 0;
    size_t before = (size_t)(open - pattern);
    const char *after = strchr(open, '}') + 1;
    if (strncmp(pattern, path, before) != 0)
        return false;
    *ret = path + before;
    *len = strcspn(*ret, "/");
    return *len > 0 && strcmp(*ret + *len, after) == 0;
}

static void add_verb(char allow[64], const char *verb)
{
    size_t n = strlen(allow);
    if (!strstr(allow, verb))
        snprintf(allow + n, 64 - n, "%s%s", n ? ", " : "", verb);
}

int plx_route_find(const char *verb, const char *path, struct plx_route_match *ret,
                   char ret_allow[64])
{
    const char *wanted = strcmp(verb, "HEAD") == 0 ? "GET" : verb;
    const char *variable;
    size_t len;
    ret_allow[0] = '\0';
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!matches(routes[i].path, path, &variable, &len))
            continue;
        if (strcmp(routes[i].verb, wanted) != 0) {
            add_verb(ret_allow, routes[i].verb);
            continue;
        }
        ret->route = &routes[i];
        ret->variable[0] = '\0';
        return len > 0 ? decode(variable, len, ret->variable) : 0;
    }
    return ret_allow[0] ? PLX_EUNSUPPORTED : PLX_ENOTFOUND;
}

/* ---- the body ---- */

static int take_int(json_t *body, const char *key, const char *name, const char *value,
                    struct plx_why *why)
{
    int64_t v;
    if (plx_text_int(value, INT64_MIN, INT64_MAX, &v) < 0)
        return plx_why_set(why, PLX_EINVAL, "'%s': '%s' is no whole number", name, value);
    json_object_set_new(body, key, json_integer(v));
    return 0;
}

static int take_bool(json_t *body, const char *key, const char *name, const char *value,
                     struct plx_why *why)
{
    bool yes = strcmp(value, "true") == 0 || strcmp(value, "1") == 0 || !*value;
    if (!yes && strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
        return plx_why_set(why, PLX_EINVAL, "'%s': '%s' is neither true nor false", name,
                           value);
    json_object_set_new(body, key, json_boolean(yes));
    return 0;
}

static void take_listed(json_t *body, const char *key, const char *value)
{
    json_t *list = json_object_get(body, key);
    if (!list) {
        list = json_array();
        json_object_set_new(body, key, list);
    }
    json_array_append_new(list, json_string(value));
}

static int take_label(json_t *body, const char *key, const char *name, const char *value,
                      struct plx_why *why)
{
    size_t len = strcspn(value, "=:");
    json_t *labels = json_object_get(body, key);
    if (len == 0 || !value[len])
        return plx_why_set(why, PLX_EINVAL, "'%s': '%s' is not KEY=VALUE", name, value);
    if (!labels) {
        labels = json_object();
        json_object_set_new(body, key, labels);
    }
    if (json_object_getn(labels, value, len))
        return plx_why_set(why, PLX_EINVAL, "'%s': '%.*s' is given more than once", name,
                           (int)len, value);
    json_object_setn_new(labels, value, len, json_string(value + len + 1));
    return 0;
}

static int take(json_t *body, const char *key, enum plx_query_type type, const char *name,
                const char *value, struct plx_why *why)
{
    bool many = type == PLX_QUERY_TEXTS || type == PLX_QUERY_LABELS;
    if (!many && json_object_get(body, key))
        return plx_why_set(why, PLX_EINVAL, "'%s' is given more than once", name);
    switch (type) {
    case PLX_QUERY_TEXT:
        json_object_set_new(body, key, json_string(value));
        return 0;
    case PLX_QUERY_TEXTS:
        take_listed(body, key, value);
        return 0;
    case PLX_QUERY_INT:
        return take_int(body, key, name, value, why);
    case PLX_QUERY_BOOL:
        return take_bool(body, key, name, value, why);
    case PLX_QUERY_LABELS:
        return take_label(body, key, name, value, why);
    }
    return PLX_EINVAL;
}

int plx_route_take_query(const struct plx_route *route, json_t *body, const char *name,
                         const char *value, struct plx_why *why)
{
    if (!plx_text_is_clean(name, strlen(name)) ||
        (value && !plx_text_is_clean(value, strlen(value))))
        return plx_why_set(why, PLX_EINVAL, "the query is not clean UTF-8");
    for (size_t i = 0; i < PLX_ROUTE_QUERY_MAX && route->query[i].name; i++)
        if (strcmp(route->query[i].name, name) == 0)
            return take(body, route->query[i].key, route->query[i].type, name,
                        value ? value : "", why);
    return plx_why_set(why, PLX_EINVAL, "unknown parameter '%s'", name);
}

int plx_route_take_variable(const struct plx_route_match *match, json_t *body,
                            struct plx_why *why)
{
    const struct plx_route *route = match->route;
    if (!route->variable)
        return 0;
    if (json_object_get(body, route->variable))
        return plx_why_set(why, PLX_EINVAL, "'%s' is named by the path already",
                           route->variable);
    return take(body, route->variable, route->as, route->variable, match->variable, why);
}
