/* discord: a webhook of a Discord channel: one embed, and nobody is mentioned.
 * Shape and limits: discord.com/developers/docs/resources/webhook#execute-webhook,
 * …/message#embed-object-embed-limits. */
#include "coordinator/receivers/present.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define TITLE_MAX       256
#define DESCRIPTION_MAX 4096

static const struct plx_receiver_key keys[] = {
    {.name = "url", .required = true, .check = plx_check_url},
    {.name = "ca_file", .check = plx_check_file_name},
    PLX_KEYS_TEXT,
};

static void write_embed(struct plx_json *j, const struct plx_receiver *receiver,
                        const struct plx_message *message)
{
    char *title = plx_present_title(receiver, message, TITLE_MAX);
    char *text = plx_present_text(receiver, message, DESCRIPTION_MAX);
    plx_json_object(j);
    plx_json_kstr(j, "title", title);
    plx_json_kstr(j, "description", text);
    plx_json_kint(j, "color", (int64_t)strtol(plx_present_color(message) + 1, NULL, 16));
    plx_json_kwall(j, "timestamp", message->at);
    if (message->url[0])
        plx_json_kstr(j, "url", message->url);
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
    plx_json_key(&j, "embeds");
    plx_json_array(&j);
    write_embed(&j, receiver, message);
    plx_json_end(&j);
    /* A monitor named @everyone calls nobody. */
    plx_json_key(&j, "allowed_mentions");
    plx_json_object(&j);
    plx_json_key(&j, "parse");
    plx_json_array(&j);
    plx_json_end(&j);
    plx_json_end(&j);
    plx_json_end(&j);
    return plx_present_done(ret, why);
}

const struct plx_receiver_kind plx_receiver_discord = {.name = "discord",
                                                       .keys = keys,
                                                       .n_keys =
                                                           sizeof keys / sizeof *keys,
                                                       .build = build};
