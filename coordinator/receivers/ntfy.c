/* ntfy: a topic of an ntfy server, as JSON (docs.ntfy.sh/publish/#publish-as-json). */
#include "coordinator/receivers/present.h"

#include "base/err.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define SERVER      "https://ntfy.sh"
#define TITLE_MAX   200
#define MESSAGE_MAX 1000 /* 4,096 bytes; what is longer becomes an attachment */

/* As ntfy's own rule for topics. */
static int check_topic(const char *value, struct plx_why *why)
{
    size_t len = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789_-");
    if (len == 0 || len > 64 || value[len])
        return plx_why_set(why, PLX_EINVAL, "must be 1-64 letters, digits, '_' and '-'");
    return 0;
}

static const struct plx_receiver_key keys[] = {
    {.name = "url", .check = plx_check_url},
    {.name = "topic", .required = true, .check = check_topic},
    {.name = "token", .secret = true},
    {.name = "username"},
    {.name = "password", .secret = true},
    {.name = "ca_file", .check = plx_check_file_name},
    PLX_KEYS_TEXT,
};

static int build(const struct plx_receiver *receiver, const struct plx_message *message,
                 struct plx_wall now, struct plx_request *ret, struct plx_why *why)
{
    static const int priorities[] = {5, 4, 3, 3}; /* by mood; 3 is the usual */
    static const char *const tags[] = {"rotating_light", "warning", "information_source",
                                       "white_check_mark"};
    enum plx_present_mood mood = plx_present_mood(message);
    char *title = plx_present_title(receiver, message, TITLE_MAX);
    char *text = plx_present_text(receiver, message, MESSAGE_MAX);
    struct plx_json j;
    (void)now;
    plx_present_post(receiver, message, SERVER, "", ret);
    plx_present_login(receiver, ret);
    plx_json_init(&j, &ret->body);
    plx_json_object(&j);
    plx_json_kstr(&j, "topic", plx_receiver_option(receiver, "topic"));
    plx_json_kstr(&j, "title", title);
    plx_json_kstr(&j, "message", text);
    plx_json_kint(&j, "priority", priorities[mood]);
    plx_json_key(&j, "tags");
    plx_json_array(&j);
    plx_json_str(&j, tags[mood]);
    plx_json_str(&j, message->severity);
    plx_json_end(&j);
    if (message->url[0])
        plx_json_kstr(&j, "click", message->url);
    plx_json_end(&j);
    free(title);
    free(text);
    return plx_present_done(ret, why);
}

const struct plx_receiver_kind plx_receiver_ntfy = {
    .name = "ntfy", .keys = keys, .n_keys = sizeof keys / sizeof *keys, .build = build};
