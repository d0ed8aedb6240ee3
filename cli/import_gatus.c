/* Gatus' config.yaml. Defaults are those of its README: interval 1m, client.timeout 10s,
 * failure-threshold 3, success-threshold 2. */
#include "cli/import.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GATUS_TIMEOUT_NS (10 * PLX_SEC_NS)
#define GATUS_FAILURES   3
#define GATUS_SUCCESSES  2

struct gatus {
    struct plx_import *im;
    const struct plx_node *root;
    const struct plx_node *endpoint;
    struct plx_monitor m;
};

/* ---- the address ---- */

/* The schemes that are a TCP connection; all else has no equivalent. */
static const struct scheme {
    const char *prefix, *lost, *preset;
} schemes[] = {
    {"tcp://", NULL, NULL},
    {"tls://", "the TLS handshake and the certificate are not checked", NULL},
    {"starttls://", "STARTTLS and the certificate are not checked", NULL},
    {"ssh://", "no login: the server's identification is checked", "ssh"},
};

static bool read_url(struct gatus *g)
{
    const char *url = plx_node_text(g->endpoint, "url");
    char host[PLX_HOST_MAX + 1];
    for (size_t i = 0; url && i < sizeof schemes / sizeof *schemes; i++) {
        const struct scheme *s = &schemes[i];
        size_t n = strlen(s->prefix);
        if (strncmp(url, s->prefix, n) != 0)
            continue;
        if (plx_text_host_port(url + n, host, &g->m.port) < 0) {
            plx_import_say(g->im, PLX_FINDING_LEFT_OUT, g->m.name,
                           "'%s' names no host and port", url);
            return false;
        }
        plx_monitor_set_text(&g->m.host, host);
        if (s->lost)
            plx_import_say(g->im, PLX_FINDING_CHANGED, g->m.name, "%s%s", s->prefix,
                           s->lost);
        if (s->preset) {
            g->m.greeting.preset = plx_greeting_preset_parse(s->preset);
            g->m.handshake = PLX_HANDSHAKE_FULL;
        }
        return true;
    }
    plx_import_say(g->im, PLX_FINDING_LEFT_OUT, g->m.name, "'%s' is no TCP check",
                   url ? url : "no url");
    return false;
}

/* ---- conditions ---- */

/* "[RESPONSE_TIME] < 500", in milliseconds. */
static bool read_response_time(struct gatus *g, const char *text)
{
    static const char head[] = "[RESPONSE_TIME] <";
    int64_t ms;
    if (strncmp(text, head, sizeof head - 1) != 0)
        return false;
    text += sizeof head - 1;
    text += *text == '=';
    text += strspn(text, " ");
    if (plx_text_int(text, 1, 60000, &ms) < 0)
        return false;
    g->m.degraded_above_ns = ms * PLX_MS_NS;
    plx_import_say(g->im, PLX_FINDING_CHANGED, g->m.name,
                   "a response slower than %d ms is degraded, not down", (int)ms);
    return true;
}

static void read_conditions(struct gatus *g)
{
    const struct plx_node *list = plx_node_get(g->endpoint, "conditions");
    for (size_t i = 0; list && list->kind == PLX_NODE_LIST && i < list->n; i++) {
        const char *text = list->items[i]->text;
        if (!text || strcmp(text, "[CONNECTED] == true") == 0)
            continue;
        if (strcmp(text, "[CONNECTED] == false") == 0)
            g->m.expect = PLX_EXPECT_CLOSED;
        else if (!read_response_time(g, text))
            plx_import_say(g->im, PLX_FINDING_IGNORED, g->m.name, "the condition '%s'",
                           text);
    }
}

/* ---- alerts ---- */

/* Of this file, or of one given before: Gatus reads a folder's files as one. */
static const struct plx_node *alerting_of(const struct gatus *g)
{
    const struct plx_node *own = plx_node_get(g->root, "alerting");
    const struct plx_node *shared = g->im->shared ? plx_doc_root(g->im->shared) : NULL;
    return own || !shared ? own : plx_node_get(shared, "alerting");
}

/* The alert's own key, else that of the provider's default-alert. */
static const char *alert_text(const struct gatus *g, const struct plx_node *alert,
                              const char *key)
{
    const char *own = plx_node_text(alert, key), *type = plx_node_text(alert, "type");
    const struct plx_node *alerting = alerting_of(g);
    if (own || !type || !alerting || alerting->kind != PLX_NODE_MAP)
        return own;
    const struct plx_node *provider = plx_node_get(alerting, type);
    if (!provider || provider->kind != PLX_NODE_MAP)
        return NULL;
    return plx_node_text(plx_node_get(provider, "default-alert"), key);
}

static uint32_t alert_number(const struct gatus *g, const struct plx_node *alert,
                             const char *key, uint32_t usual)
{
    const char *text = alert_text(g, alert, key);
    return plx_import_count(g->im, g->m.name, key, text, usual);
}

static bool read_alert(struct gatus *g, const struct plx_node *alert, bool first)
{
    static const char *const known[] = {"type", "enabled", "failure-threshold",
                                        "success-threshold", NULL};
    const char *enabled = alert_text(g, alert, "enabled");
    const char *type = plx_node_text(alert, "type");
    plx_import_rest(g->im, g->m.name, "alerts.", alert, known);
    if (enabled && strcmp(enabled, "false") == 0) {
        plx_import_say(g->im, PLX_FINDING_IGNORED, g->m.name,
                       "the alert '%s' that is switched off", type ? type : "");
        return false;
    }
    uint32_t failures = alert_number(g, alert, "failure-threshold", GATUS_FAILURES);
    uint32_t successes = alert_number(g, alert, "success-threshold", GATUS_SUCCESSES);
    if (!first &&
        (failures != g->m.consecutive_failures || successes != g->m.recovery_successes))
        plx_import_say(g->im, PLX_FINDING_CHANGED, g->m.name,
                       "alerts with different thresholds: the lowest one is taken");
    if (first || failures < g->m.consecutive_failures)
        g->m.consecutive_failures = failures;
    if (first || successes < g->m.recovery_successes)
        g->m.recovery_successes = successes;
    plx_import_say(g->im, PLX_FINDING_IGNORED, g->m.name,
                   "the alert goes to '%s': make a receiver and a route for it",
                   type ? type : "");
    return true;
}

/* Without an alert Gatus tells nobody. */
static void read_alerts(struct gatus *g)
{
    const struct plx_node *list = plx_node_get(g->endpoint, "alerts");
    bool any = false;
    g->m.consecutive_failures = GATUS_FAILURES;
    g->m.recovery_successes = GATUS_SUCCESSES;
    for (size_t i = 0; list && list->kind == PLX_NODE_LIST && i < list->n; i++)
        any |= read_alert(g, list->items[i], !any);
    g->m.alert_on_failure = any;
}

/* ---- an endpoint ---- */

static void read_labels(struct gatus *g, const char *group)
{
    const struct plx_node *labels = plx_node_get(g->endpoint, "extra-labels");
    if (*group)
        plx_import_label(g->im, &g->m, "group", group);
    for (size_t i = 0; labels && labels->kind == PLX_NODE_MAP && i < labels->n; i++)
        if (labels->items[i]->text)
            plx_import_label(g->im, &g->m, labels->keys[i]->text, labels->items[i]->text);
}

static void read_endpoint(struct gatus *g)
{
    static const char *const known[] = {"name",         "group",  "url",    "interval",
                                        "conditions",   "alerts", "client", "enabled",
                                        "extra-labels", NULL};
    static const char *const client_known[] = {"timeout", NULL};
    const char *name = plx_node_text(g->endpoint, "name");
    const char *group = plx_node_text(g->endpoint, "group");
    const char *enabled = plx_node_text(g->endpoint, "enabled");
    const struct plx_node *client = plx_node_get(g->endpoint, "client");
    char whole[2 * PLX_NAME_MAX];
    group = group ? group : "";
    name = name ? name : "";
    snprintf(whole, sizeof whole, "%.*s%s%.*s", (int)plx_text_cut(group, 127), group,
             *group ? "/" : "", (int)plx_text_cut(name, 127), name);
    plx_import_begin(g->im, whole, &g->m);
    g->m.timeout_ns = GATUS_TIMEOUT_NS;
    if (!read_url(g)) {
        plx_monitor_fini(&g->m);
        return;
    }
    plx_import_duration(g->im, whole, g->endpoint, "interval", &g->m.interval_ns);
    plx_import_duration(g->im, whole, client, "timeout", &g->m.timeout_ns);
    g->m.paused = enabled && strcmp(enabled, "false") == 0;
    read_conditions(g);
    read_alerts(g);
    read_labels(g, group);
    plx_import_rest(g->im, whole, "", g->endpoint, known);
    plx_import_rest(g->im, whole, "client.", client, client_known);
    plx_import_end(g->im, &g->m);
}

/* ---- files ---- */

static int read_endpoints(struct plx_import *im, const struct plx_doc *doc,
                          const struct plx_node *list, struct plx_why *why)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < list->n; i++) {
        struct gatus g = {
            .im = im, .root = plx_doc_root(doc), .endpoint = list->items[i]};
        if (g.endpoint->kind == PLX_NODE_MAP)
            read_endpoint(&g);
        else
            err = plx_doc_error(doc, g.endpoint, why, "an endpoint is keys and values");
    }
    return err;
}

/* A suite is steps in order, each with what the ones before gave. */
static void say_suites(struct plx_import *im, const struct plx_node *list)
{
    for (size_t i = 0; list && list->kind == PLX_NODE_LIST && i < list->n; i++) {
        const char *name = plx_node_text(list->items[i], "name");
        plx_import_say(im, PLX_FINDING_LEFT_OUT, name ? name : "",
                       "a suite: its endpoints are steps and no checks by themselves");
    }
}

static int read_file(struct plx_import *im, const char *path, const struct plx_doc *doc,
                     struct plx_why *why)
{
    static const char *const known[] = {"endpoints", "suites", NULL};
    const struct plx_node *root = plx_doc_root(doc);
    if (!root || root->kind != PLX_NODE_MAP)
        return plx_why_set(why, PLX_EINVAL, "%s:1:1: expected keys and values", path);
    const struct plx_node *list = plx_node_get(root, "endpoints");
    if (list ? list->kind != PLX_NODE_LIST
             : !plx_node_get(root, "alerting") && !plx_node_get(root, "suites") &&
                   !plx_node_get(root, "ui"))
        return plx_why_set(why, PLX_EINVAL, "%s:1:1: no list under 'endpoints'", path);
    int err = list ? read_endpoints(im, doc, list, why) : 0;
    if (err == 0) {
        say_suites(im, plx_node_get(root, "suites"));
        plx_import_rest(im, "", "", root, known);
    }
    return err;
}

int plx_import_gatus(struct plx_import *im, const char *path, struct plx_why *why)
{
    struct plx_doc *doc = NULL;
    int err = plx_doc_load(path, &doc, why);
    if (err < 0)
        return err;
    err = read_file(im, path, doc, why);
    if (err == 0 && plx_node_get(plx_doc_root(doc), "alerting")) {
        plx_doc_destroy(&im->shared);
        im->shared = doc;
    } else {
        plx_doc_destroy(&doc);
    }
    return err;
}
