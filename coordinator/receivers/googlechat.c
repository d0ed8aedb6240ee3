/* googlechat: an incoming webhook of a Google Chat space: one card, and all messages of
 * an incident in one thread. A card and not a text, in which a monitor called <users/all>
 * would call everybody, and nothing could be escaped.
 * Shape: developers.google.com/workspace/chat/quickstart/webhooks,
 * …/api/reference/rest/v1/ spaces.messages, …/rest/v1/cards; a message may have 32,000
 * bytes. */
#include "coordinator/receivers/present.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define TITLE_MAX 200
#define TEXT_MAX  4000

static const struct plx_receiver_key keys[] = {
    {.name = "url", .required = true, .check = plx_check_url},
    {.name = "ca_file", .check = plx_check_file_name},
    PLX_KEYS_TEXT,
};

static void write_paragraph(struct plx_json *j, const char *text)
{
    plx_json_object(j);
    plx_json_key(j, "textParagraph");
    plx_json_object(j);
    plx_json_kstr(j, "text", text);
    plx_json_end(j);
    plx_json_end(j);
}

static void write_button(struct plx_json *j, const char *url)
{
    plx_json_object(j);
    plx_json_key(j, "buttonList");
    plx_json_object(j);
    plx_json_key(j, "buttons");
    plx_json_array(j);
    plx_json_object(j);
    plx_json_kstr(j, "text", "Open incident");
    plx_json_key(j, "onClick");
    plx_json_object(j);
    plx_json_key(j, "openLink");
    plx_json_object(j);
    plx_json_kstr(j, "url", url);
    for (int open = 0; open < 3; open++)
        plx_json_end(j);
    plx_json_end(j);
    plx_json_end(j);
    plx_json_end(j);
}

static void write_widgets(struct plx_json *j, const struct plx_message *message,
                          const char *title, const char *text)
{
    char *safe_title = plx_present_escape(title, TITLE_MAX * 4);
    char *safe_text = plx_present_escape(text, TEXT_MAX);
    struct plx_buf line;
    plx_buf_init(&line, TITLE_MAX * 20);
    plx_buf_printf(&line, "<font color=\"%s\"><b>%s</b></font>",
                   plx_present_color(message), safe_title);
    plx_json_key(j, "widgets");
    plx_json_array(j);
    write_paragraph(j, plx_buf_str(&line));
    if (safe_text[0])
        write_paragraph(j, safe_text);
    if (message->url[0])
        write_button(j, message->url);
    plx_json_end(j);
    plx_buf_fini(&line);
    free(safe_title);
    free(safe_text);
}

static void write_card(struct plx_json *j, const struct plx_message *message,
                       const char *title, const char *text)
{
    plx_json_object(j);
    plx_json_kstr(j, "cardId", "incident");
    plx_json_key(j, "card");
    plx_json_object(j);
    plx_json_key(j, "sections");
    plx_json_array(j);
    plx_json_object(j);
    write_widgets(j, message, title, text);
    plx_json_end(j);
    plx_json_end(j);
    plx_json_end(j);
    plx_json_end(j);
}

static int build(const struct plx_receiver *receiver, const struct plx_message *message,
                 struct plx_wall now, struct plx_request *ret, struct plx_why *why)
{
    const char *url = plx_receiver_option(receiver, "url");
    char *title = plx_present_title(receiver, message, TITLE_MAX);
    char *text = plx_present_text(receiver, message, TEXT_MAX);
    char group[PLX_MESSAGE_GROUP_MAX];
    struct plx_json j;
    (void)now;
    plx_present_post(receiver, message, "",
                     strchr(url, '?')
                         ? "&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"
                         : "?messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD",
                     ret);
    plx_json_init(&j, &ret->body);
    plx_json_object(&j);
    plx_json_kstr(&j, "fallbackText", title);
    plx_json_key(&j, "thread");
    plx_json_object(&j);
    plx_json_kstr(&j, "threadKey", plx_message_group(message, group));
    plx_json_end(&j);
    plx_json_key(&j, "cardsV2");
    plx_json_array(&j);
    write_card(&j, message, title, text);
    plx_json_end(&j);
    plx_json_end(&j);
    free(title);
    free(text);
    return plx_present_done(ret, why);
}

const struct plx_receiver_kind plx_receiver_googlechat = {.name = "googlechat",
                                                          .keys = keys,
                                                          .n_keys =
                                                              sizeof keys / sizeof *keys,
                                                          .build = build};
