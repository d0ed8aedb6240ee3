/* rocketchat: an incoming webhook of Rocket.Chat: one text, in which nobody is mentioned.
 * Rocket.Chat looks for mentions in all of the text, code included, and knows no escape
 * for them, so that a character without width stands where one would begin.
 * Shape: docs.rocket.chat/docs/integrations. Longer than Message_MaxAllowedSize (5,000
 * characters, unless its administrator says otherwise) is refused with 400. */
#include "coordinator/receivers/present.h"

#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define TITLE_MAX 200
#define TEXT_MAX  4000 /* title and text, with what keeps them harmless */

#define NO_WIDTH "\xe2\x80\x8b" /* U+200B, in no name and no white space of theirs */

static const struct plx_receiver_key keys[] = {
    {.name = "url", .required = true, .check = plx_check_url},
    {.name = "ca_file", .check = plx_check_file_name},
    PLX_KEYS_TEXT,
};

/* Whether what stands at `at` would begin something if the next character followed: a
 * mention (@all, but neither ops@example.org nor /@team/ of an address), or a link that
 * is called otherwise ([here](http://…), <http://…|here>). */
static bool begins_something(const char *text, const char *at)
{
    if (*at == '@')
        return at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '/');
    return *at == '<' || (*at == ']' && at[1] == '(');
}

/* Adds the text, cut at a character where title and text would get too long. */
static void add_harmless(struct plx_buf *out, const char *text, size_t *n_chars)
{
    for (const char *at = text; *at; at++) {
        bool inside = ((unsigned char)*at & 0xc0) == 0x80; /* of a character */
        bool marked = begins_something(text, at);
        *n_chars += (inside ? 0U : 1U) + (marked ? 1U : 0U);
        if (*n_chars > TEXT_MAX)
            return;
        plx_buf_char(out, *at);
        if (marked)
            plx_buf_text(out, NO_WIDTH);
    }
}

static int build(const struct plx_receiver *receiver, const struct plx_message *message,
                 struct plx_wall now, struct plx_request *ret, struct plx_why *why)
{
    char *title = plx_present_title(receiver, message, TITLE_MAX);
    char *text = plx_present_text(receiver, message, TEXT_MAX);
    struct plx_buf all;
    struct plx_json j;
    size_t n_chars = 0;
    (void)now;
    plx_present_post(receiver, message, "", "", ret);
    plx_buf_init(&all, PLX_REQUEST_BODY_MAX);
    add_harmless(&all, title, &n_chars);
    if (text[0]) {
        plx_buf_char(&all, '\n');
        add_harmless(&all, text, &n_chars);
    }
    if (message->url[0])
        plx_buf_printf(&all, "\n%s", message->url);
    plx_json_init(&j, &ret->body);
    plx_json_object(&j);
    plx_json_kstr(&j, "text", plx_buf_str(&all));
    plx_json_end(&j);
    plx_buf_fini(&all);
    free(title);
    free(text);
    return plx_present_done(ret, why);
}

const struct plx_receiver_kind plx_receiver_rocketchat = {.name = "rocketchat",
                                                          .keys = keys,
                                                          .n_keys =
                                                              sizeof keys / sizeof *keys,
                                                          .build = build};
