/* pagerduty: the Events API v2: trigger, acknowledge, resolve under one dedup_key an
 * incident. Shape: developer.pagerduty.com/docs/events-api-v2-overview. */
#include "coordinator/receivers/present.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define ENQUEUE     "https://events.pagerduty.com/v2/enqueue"
#define SUMMARY_MAX 1024
#define DETAILS_MAX 8000

static const struct plx_receiver_key keys[] = {
    {.name = "url", .check = plx_check_url},
    {.name = "routing_key", .required = true, .secret = true},
    {.name = "ca_file", .check = plx_check_file_name},
    PLX_KEYS_TEXT,
};

static const char *action_of(const struct plx_message *message)
{
    if (strcmp(message->event, "ack") == 0)
        return "acknowledge";
    return plx_message_is_firing(message) ? "trigger" : "resolve";
}

static const char *severity_of(const struct plx_message *message)
{
    static const char *const severities[] = {"critical", "warning", "info", "info"};
    return severities[plx_present_mood(message)];
}

static void write_payload(struct plx_json *j, const struct plx_receiver *receiver,
                          const struct plx_message *message)
{
    char *summary = plx_present_title(receiver, message, SUMMARY_MAX);
    char *text = plx_present_text(receiver, message, DETAILS_MAX);
    struct plx_buf raw;
    struct plx_json details;
    plx_buf_init(&raw, PLX_REQUEST_BODY_MAX / 2);
    plx_json_init(&details, &raw);
    plx_message_write(message, &details);
    plx_json_key(j, "payload");
    plx_json_object(j);
    plx_json_kstr(j, "summary", summary);
    plx_json_kstr(j, "source", message->entity[0] ? message->entity : "parallax");
    plx_json_kstr(j, "severity", severity_of(message));
    plx_json_kwall(j, "timestamp", message->at);
    plx_json_kstr(j, "class", message->kind);
    plx_json_key(j, "custom_details");
    plx_json_object(j);
    plx_json_kstr(j, "details", text);
    plx_json_key(j, "message");
    plx_json_raw(j, plx_buf_str(&raw));
    plx_json_end(j);
    plx_json_end(j);
    plx_buf_fini(&raw);
    free(summary);
    free(text);
}

static void write_links(struct plx_json *j, const struct plx_message *message)
{
    plx_json_key(j, "links");
    plx_json_array(j);
    if (message->url[0]) {
        plx_json_object(j);
        plx_json_kstr(j, "href", message->url);
        plx_json_kstr(j, "text", "Incident");
        plx_json_end(j);
    }
    plx_json_end(j);
}

static int build(const struct plx_receiver *receiver, const struct plx_message *message,
                 struct plx_wall now, struct plx_request *ret, struct plx_why *why)
{
    const char *action = action_of(message);
    char group[PLX_MESSAGE_GROUP_MAX];
    struct plx_json j;
    (void)now;
    plx_present_post(receiver, message, ENQUEUE, "", ret);
    plx_json_init(&j, &ret->body);
    plx_json_object(&j);
    plx_json_kstr(&j, "routing_key", plx_receiver_option(receiver, "routing_key"));
    plx_json_kstr(&j, "event_action", action);
    plx_json_kstr(&j, "dedup_key", plx_message_group(message, group));
    plx_json_kstr(&j, "client", "Parallax");
    if (message->url[0])
        plx_json_kstr(&j, "client_url", message->url);
    if (strcmp(action, "trigger") == 0) {
        write_payload(&j, receiver, message);
        write_links(&j, message);
    }
    plx_json_end(&j);
    return plx_present_done(ret, why);
}

const struct plx_receiver_kind plx_receiver_pagerduty = {.name = "pagerduty",
                                                         .keys = keys,
                                                         .n_keys =
                                                             sizeof keys / sizeof *keys,
                                                         .build = build};
