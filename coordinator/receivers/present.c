#include "coordinator/receivers/present.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *plx_present_title(const struct plx_receiver *receiver,
                        const struct plx_message *message, size_t max_chars)
{
    const char *own = plx_receiver_option(receiver, "title");
    return plx_template_text(own ? own : PLX_HEADLINE, message, max_chars);
}

char *plx_present_text(const struct plx_receiver *receiver,
                       const struct plx_message *message, size_t max_chars)
{
    const char *own = plx_receiver_option(receiver, "template");
    return plx_template_text(own ? own : PLX_DETAILS, message, max_chars);
}

char *plx_present_escape(const char *text, size_t max_chars)
{
    struct plx_buf out;
    size_t n = 0;
    plx_buf_init(&out, 4 * max_chars);
    for (; *text; text++) {
        const char *as = *text == '&'   ? "&amp;"
                         : *text == '<' ? "&lt;"
                         : *text == '>' ? "&gt;"
                                        : NULL;
        bool inside = ((unsigned char)*text & 0xc0) == 0x80; /* of a character */
        n += as ? strlen(as) : inside ? 0 : 1;
        if (n > max_chars)
            break;
        if (as)
            plx_buf_text(&out, as);
        else
            plx_buf_char(&out, *text);
    }
    return plx_buf_give(&out, NULL);
}

enum plx_present_mood plx_present_mood(const struct plx_message *message)
{
    if (!plx_message_is_firing(message))
        return PLX_MOOD_GOOD;
    if (strcmp(message->event, "ack") == 0 || strcmp(message->event, "test") == 0)
        return PLX_MOOD_CALM;
    return strcmp(message->severity, "critical") == 0 ? PLX_MOOD_BAD : PLX_MOOD_WARN;
}

const char *plx_present_color(const struct plx_message *message)
{
    static const char *const colors[] = {"#d32f2f", "#f9a825", "#1976d2", "#2e7d32"};
    return colors[plx_present_mood(message)];
}

void plx_present_post(const struct plx_receiver *receiver,
                      const struct plx_message *message, const char *fallback,
                      const char *path, struct plx_request *ret)
{
    const char *own = plx_receiver_option(receiver, "url");
    const char *base = own ? own : fallback;
    size_t len = strlen(base);
    struct plx_buf url;
    if (path[0] && len > 0 && base[len - 1] == '/')
        len--;
    plx_buf_init(&url, 4096);
    plx_buf_add(&url, base, len);
    plx_buf_text(&url, path);
    ret->url = plx_buf_give(&url, NULL);
    ret->ca_file = plx_text_dup(plx_receiver_option(receiver, "ca_file"));
    plx_request_header(ret, "Content-Type", "application/json");
    plx_request_header(ret, "Idempotency-Key", message->key);
}

void plx_present_login(const struct plx_receiver *receiver, struct plx_request *ret)
{
    const char *token = plx_receiver_option(receiver, "token");
    char bearer[4200];
    if (token) {
        snprintf(bearer, sizeof bearer, "Bearer %s", token);
        plx_request_header(ret, "Authorization", bearer);
        return;
    }
    ret->username = plx_text_dup(plx_receiver_option(receiver, "username"));
    ret->password = plx_text_dup(plx_receiver_option(receiver, "password"));
}

int plx_present_done(const struct plx_request *request, struct plx_why *why)
{
    if (request->body.overflow)
        return plx_why_set(why, PLX_ETOOBIG, "the message is longer than 1 MiB");
    return 0;
}

void plx_present_items(const char *list, plx_present_item_fn *fn, void *arg)
{
    while (*list) {
        size_t len = strcspn(list, "\n");
        char *item = strndup(list, len);
        if (!item)
            abort();
        if (len > 0)
            fn(arg, item);
        free(item);
        list += len + (list[len] == '\n');
    }
}
