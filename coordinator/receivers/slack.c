/* slack: an incoming webhook of Slack (or Mattermost, which takes the same): a coloured
 * attachment of blocks, and a plain text for notifications.
 * Shape and limits: api.slack.com/messaging/webhooks, /reference/block-kit/blocks. */
#include "coordinator/receivers/present.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_MAX  150
#define SECTION_MAX 3000

static const struct plx_receiver_key keys[] = {
    {.name = "url", .required = true, .check = plx_check_url},
    {.name = "ca_file", .check = plx_check_file_name},
    PLX_KEYS_TEXT,
};

static void write_text(struct plx_json *j, const char *key, const char *type,
                       const char *text)
{
    plx_json_key(j, key);
    plx_json_object(j);
    plx_json_kstr(j, "type", type);
    plx_json_kstr(j, "text", text);
    plx_json_end(j);
}

static void write_button(struct plx_json *j, const char *url)
{
    plx_json_object(j);
    plx_json_kstr(j, "type", "actions");
    plx_json_key(j, "elements");
    plx_json_array(j);
    plx_json_object(j);
    plx_json_kstr(j, "type", "button");
    write_text(j, "text", "plain_text", "Open incident");
    plx_json_kstr(j, "url", url);
    plx_json_end(j);
    plx_json_end(j);
    plx_json_end(j);
}

static void write_blocks(struct plx_json *j, const struct plx_message *message,
                         const char *title, const char *text)
{
    plx_json_key(j, "blocks");
    plx_json_array(j);
    plx_json_object(j);
    plx_json_kstr(j, "type", "header");
    write_text(j, "text", "plain_text", title);
    plx_json_end(j);
    if (text[0]) {
        plx_json_object(j);
        plx_json_kstr(j, "type", "section");
        write_text(j, "text", "mrkdwn", text);
        plx_json_end(j);
    }
    if (message->url[0])
        write_button(j, message->url);
    plx_json_end(j);
}

static int build(const struct plx_receiver *receiver, const struct plx_message *message,
                 struct plx_wall now, struct plx_request *ret, struct plx_why *why)
{
    struct plx_json j;
    char *title = plx_present_title(receiver, message, HEADER_MAX);
    char *plain = plx_present_text(receiver, message, SECTION_MAX);
    char *text = plx_present_escape(plain, SECTION_MAX),
         *line = plx_present_escape(title, SECTION_MAX);
    (void)now;
    plx_present_post(receiver, message, "", "", ret);
    plx_json_init(&j, &ret->body);
    plx_json_object(&j);
    plx_json_kstr(&j, "text", line);
    plx_json_key(&j, "attachments");
    plx_json_array(&j);
    plx_json_object(&j);
    plx_json_kstr(&j, "color", plx_present_color(message));
    plx_json_kstr(&j, "fallback", line);
    write_blocks(&j, message, title, text);
    plx_json_end(&j);
    plx_json_end(&j);
    plx_json_end(&j);
    free(title), free(plain), free(text), free(line);
    return plx_present_done(ret, why);
}

const struct plx_receiver_kind plx_receiver_slack = {
    .name = "slack", .keys = keys, .n_keys = sizeof keys / sizeof *keys, .build = build};
