/* alertmanager: alerts to the API of Prometheus' Alertmanager (POST /api/v2/alerts), and
 * alertmanager-webhook: what an Alertmanager itself sends to a webhook (version 4).
 * Shapes: api/v2/openapi.yaml and template/template.go of the Alertmanager,
 * prometheus.io/docs/alerting/latest/configuration/#webhook_config.
 *
 * To the API an alert is its labels: those sent with the end must be those sent with the
 * beginning. So it gets only what does not change while an incident lasts, apart from the
 * severity: the alerts of the other severities are ended with each message. What may
 * change is told in annotations. */
#include "coordinator/receivers/present.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUMMARY_MAX 300
#define TEXT_MAX    8000
/* An alert without an end is over for an Alertmanager after its resolve_timeout unless it
 * is sent again: so it has one. */
#define LASTS_NS    (30 * PLX_DAY_NS)

static int check_label(const char *item, struct plx_why *why)
{
    const char *equals = strchr(item, '=');
    size_t len = strspn(item, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
                              "0123456789");
    if (!equals || len == 0 || item + len != equals || (*item >= '0' && *item <= '9') ||
        !equals[1])
        return plx_why_set(why, PLX_EINVAL, "must be a list of key=value: '%.40s'", item);
    return 0;
}

struct checking {
    int err;
    struct plx_why *why;
};

static void check_item(void *arg, const char *item)
{
    struct checking *c = arg;
    if (c->err == 0)
        c->err = check_label(item, c->why);
}

static int check_labels(const char *value, struct plx_why *why)
{
    struct checking c = {0, why};
    plx_present_items(value, check_item, &c);
    return c.err;
}

static const struct plx_receiver_key keys[] = {
    {.name = "url", .required = true, .check = plx_check_url},
    {.name = "labels", .check = check_labels},
    {.name = "token", .secret = true},
    {.name = "username"},
    {.name = "password", .secret = true},
    {.name = "ca_file", .check = plx_check_file_name},
    PLX_KEYS_TEXT,
};

/* ---- pieces of both ---- */

static void write_own_label(void *arg, const char *item)
{
    struct plx_json *j = arg;
    const char *equals = strchr(item, '=');
    char *key = strndup(item, (size_t)(equals - item));
    if (!key)
        abort();
    plx_json_kstr(j, key, equals + 1);
    free(key);
}

/* What does not change. */
static void write_labels(struct plx_json *j, const struct plx_receiver *receiver,
                         const struct plx_message *message, const char *severity)
{
    const char *own = plx_receiver_option(receiver, "labels");
    char number[24];
    snprintf(number, sizeof number, "%llu", (unsigned long long)message->incident);
    plx_json_kstr(j, "alertname", "ParallaxIncident");
    plx_json_kstr(j, "incident", number);
    plx_json_kstr(j, "severity", severity);
    plx_present_items(own ? own : "", write_own_label, j);
}

static void write_annotations(struct plx_json *j, const struct plx_receiver *receiver,
                              const struct plx_message *message)
{
    char *title = plx_present_title(receiver, message, SUMMARY_MAX);
    char *text = plx_present_text(receiver, message, TEXT_MAX);
    char *members = plx_template_text("{{members}}", message, TEXT_MAX);
    plx_json_object(j);
    plx_json_kstr(j, "summary", title);
    plx_json_kstr(j, "description", text);
    plx_json_kstr(j, "event", message->event);
    plx_json_kstr(j, "kind", message->kind);
    plx_json_kstr(j, "entity", message->entity);
    plx_json_kstr(j, "monitors", members);
    plx_json_kstr(j, "acked_by", message->acked_by);
    plx_json_kstr(j, "runbook_url", message->runbook);
    plx_json_end(j);
    free(title);
    free(text);
    free(members);
}

static struct plx_wall began(const struct plx_message *message)
{
    return message->opened.ns > 0 ? message->opened : message->at;
}

/* ---- the API ---- */

static void write_alert(struct plx_json *j, const struct plx_receiver *receiver,
                        const struct plx_message *message, const char *severity)
{
    bool firing =
        plx_message_is_firing(message) && strcmp(severity, message->severity) == 0;
    struct plx_wall ends = message->closed.ns > 0 ? message->closed : message->at;
    plx_json_object(j);
    plx_json_key(j, "labels");
    plx_json_object(j);
    write_labels(j, receiver, message, severity);
    plx_json_end(j);
    plx_json_key(j, "annotations");
    write_annotations(j, receiver, message);
    plx_json_kwall(j, "startsAt", began(message));
    plx_json_kwall(j, "endsAt", firing ? plx_wall_add(message->at, LASTS_NS) : ends);
    if (message->url[0])
        plx_json_kstr(j, "generatorURL", message->url);
    plx_json_end(j);
}

static int build_api(const struct plx_receiver *receiver,
                     const struct plx_message *message, struct plx_wall now,
                     struct plx_request *ret, struct plx_why *why)
{
    static const enum plx_severity severities[] = {
        PLX_SEVERITY_CRITICAL, PLX_SEVERITY_WARNING, PLX_SEVERITY_OURS};
    struct plx_json j;
    (void)now;
    plx_present_post(receiver, message, "", "/api/v2/alerts", ret);
    plx_present_login(receiver, ret);
    plx_json_init(&j, &ret->body);
    plx_json_array(&j);
    for (size_t i = 0; i < sizeof severities / sizeof *severities; i++)
        write_alert(&j, receiver, message, plx_severity_token(severities[i]));
    plx_json_end(&j);
    return plx_present_done(ret, why);
}

const struct plx_receiver_kind plx_receiver_alertmanager = {.name = "alertmanager",
                                                            .keys = keys,
                                                            .n_keys = sizeof keys /
                                                                      sizeof *keys,
                                                            .build = build_api};

/* ---- the webhook ---- */

/* A label's key as Prometheus allows it. */
static void write_shared_label(struct plx_json *j, const struct plx_label *label)
{
    static const char *const taken[] = {"alertname", "incident", "severity", "kind",
                                        "entity"};
    char key[PLX_WORD_MAX + 2];
    size_t n = 0;
    if (label->key[0] >= '0' && label->key[0] <= '9')
        key[n++] = '_';
    for (const char *p = label->key; *p && n < sizeof key - 1; p++)
        key[n++] = strchr(".-", *p) ? '_' : *p;
    key[n] = '\0';
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(key, taken[i]) == 0)
            return;
    plx_json_kstr(j, key, label->value);
}

static void write_all_labels(struct plx_json *j, const char *key,
                             const struct plx_receiver *receiver,
                             const struct plx_message *message)
{
    plx_json_key(j, key);
    plx_json_object(j);
    write_labels(j, receiver, message, message->severity);
    plx_json_kstr(j, "kind", message->kind);
    plx_json_kstr(j, "entity", message->entity);
    for (size_t i = 0; i < message->n_labels; i++)
        write_shared_label(j, &message->labels[i]);
    plx_json_end(j);
}

static void write_hook_alert(struct plx_json *j, const struct plx_receiver *receiver,
                             const struct plx_message *message)
{
    bool firing = plx_message_is_firing(message);
    struct plx_wall ends = message->closed.ns > 0 ? message->closed : message->at;
    char fingerprint[24];
    snprintf(fingerprint, sizeof fingerprint, "%016llx",
             (unsigned long long)message->incident);
    plx_json_object(j);
    plx_json_kstr(j, "status", firing ? "firing" : "resolved");
    write_all_labels(j, "labels", receiver, message);
    plx_json_key(j, "annotations");
    write_annotations(j, receiver, message);
    plx_json_kwall(j, "startsAt", began(message));
    if (firing)
        plx_json_kstr(j, "endsAt", "0001-01-01T00:00:00Z"); /* as Go writes "not yet" */
    else
        plx_json_kwall(j, "endsAt", ends);
    plx_json_kstr(j, "generatorURL", message->url);
    plx_json_kstr(j, "fingerprint", fingerprint);
    plx_json_end(j);
}

static int build_hook(const struct plx_receiver *receiver,
                      const struct plx_message *message, struct plx_wall now,
                      struct plx_request *ret, struct plx_why *why)
{
    char group[PLX_MESSAGE_GROUP_MAX];
    struct plx_json j;
    (void)now;
    plx_present_post(receiver, message, "", "", ret);
    plx_present_login(receiver, ret);
    plx_json_init(&j, &ret->body);
    plx_json_object(&j);
    plx_json_kstr(&j, "version", "4");
    plx_json_kstr(&j, "groupKey", plx_message_group(message, group));
    plx_json_kuint(&j, "truncatedAlerts", 0);
    plx_json_kstr(&j, "status", plx_message_is_firing(message) ? "firing" : "resolved");
    plx_json_kstr(&j, "receiver", receiver->name);
    plx_json_key(&j, "groupLabels");
    plx_json_object(&j);
    plx_json_kstr(&j, "alertname", "ParallaxIncident");
    plx_json_end(&j);
    write_all_labels(&j, "commonLabels", receiver, message);
    plx_json_key(&j, "commonAnnotations");
    write_annotations(&j, receiver, message);
    plx_json_kstr(&j, "externalURL", message->url);
    plx_json_key(&j, "alerts");
    plx_json_array(&j);
    write_hook_alert(&j, receiver, message);
    plx_json_end(&j);
    plx_json_end(&j);
    return plx_present_done(ret, why);
}

const struct plx_receiver_kind plx_receiver_alertmanager_webhook = {
    .name = "alertmanager-webhook",
    .keys = keys,
    .n_keys = sizeof keys / sizeof *keys,
    .build = build_hook};
