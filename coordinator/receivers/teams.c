/* teams: the webhook of a Microsoft Teams workflow ("When a Teams webhook request is
 * received"): a message with one Adaptive Card, which may have 28 KB.
 * Shape: adaptivecards.io/explorer, learn.microsoft.com/microsoftteams/platform/
 * webhooks-and-connectors/how-to/connectors-using. */
#include "coordinator/receivers/present.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define TITLE_MAX 300
#define TEXT_MAX  4000

static const struct plx_receiver_key keys[] = {
    {.name = "url", .required = true, .check = plx_check_url},
    {.name = "ca_file", .check = plx_check_file_name},
    PLX_KEYS_TEXT,
};

/* A text block in Markdown; one line each, because single line ends are none there. */
static void write_lines(struct plx_json *j, char *text)
{
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (!line[0])
            continue;
        plx_json_object(j);
        plx_json_kstr(j, "type", "TextBlock");
        plx_json_kstr(j, "text", line);
        plx_json_kbool(j, "wrap", true);
        plx_json_kstr(j, "spacing", "Small");
        plx_json_end(j);
    }
}

static void write_title(struct plx_json *j, const struct plx_message *message,
                        const char *title)
{
    static const char *const colors[] = {"Attention", "Warning", "Accent", "Good"};
    plx_json_object(j);
    plx_json_kstr(j, "type", "TextBlock");
    plx_json_kstr(j, "text", title);
    plx_json_kstr(j, "size", "Large");
    plx_json_kstr(j, "weight", "Bolder");
    plx_json_kstr(j, "color", colors[plx_present_mood(message)]);
    plx_json_kbool(j, "wrap", true);
    plx_json_end(j);
}

static void write_card(struct plx_json *j, const struct plx_receiver *receiver,
                       const struct plx_message *message)
{
    char *title = plx_present_title(receiver, message, TITLE_MAX);
    char *text = plx_present_text(receiver, message, TEXT_MAX);
    plx_json_object(j);
    plx_json_kstr(j, "$schema", "http://adaptivecards.io/schemas/adaptive-card.json");
    plx_json_kstr(j, "type", "AdaptiveCard");
    plx_json_kstr(j, "version", "1.4");
    plx_json_key(j, "body");
    plx_json_array(j);
    write_title(j, message, title);
    write_lines(j, text);
    plx_json_end(j);
    if (message->url[0]) {
        plx_json_key(j, "actions");
        plx_json_array(j);
        plx_json_object(j);
        plx_json_kstr(j, "type", "Action.OpenUrl");
        plx_json_kstr(j, "title", "Open incident");
        plx_json_kstr(j, "url", message->url);
        plx_json_end(j);
        plx_json_end(j);
    }
    plx_json_end(j);
    free(title);
    free(text);
}

static int build(const struct plx_receiver *receiver, const struct plx_message *message,
                 struct plx_wall now, struct plx_request *ret, struct plx_why *why)
{
    struct plx_json j;
    (void)now;
    plx_present_post(receiver, message, "", "", ret);
    plx_json_init(&j, &ret->body);
    plx_json_object(&j);
    plx_json_kstr(&j, "type", "message");
    plx_json_key(&j, "attachments");
    plx_json_array(&j);
    plx_json_object(&j);
    plx_json_kstr(&j, "contentType", "application/vnd.microsoft.card.adaptive");
    plx_json_kstr(&j, "contentUrl", NULL);
    plx_json_key(&j, "content");
    write_card(&j, receiver, message);
    plx_json_end(&j);
    plx_json_end(&j);
    plx_json_end(&j);
    return plx_present_done(ret, why);
}

const struct plx_receiver_kind plx_receiver_teams = {
    .name = "teams", .keys = keys, .n_keys = sizeof keys / sizeof *keys, .build = build};
