/* What several kinds of receivers have in common: keys, colours, addresses. */
#ifndef PLX_RECEIVERS_PRESENT_H
#define PLX_RECEIVERS_PRESENT_H

#include "coordinator/receivers/receiver.h"
#include "coordinator/receivers/template.h"

/* The rows of the keys that every kind written for people takes. */
#define PLX_KEYS_TEXT                                                                    \
    {.name = "title", .check = plx_check_template},                                      \
    {                                                                                    \
        .name = "template", .check = plx_check_template                                  \
    }

/* Give the receiver's title and text for the message (the caller frees), within so many
 * characters. */
char *plx_present_title(const struct plx_receiver *receiver,
                        const struct plx_message *message, size_t max_chars);
char *plx_present_text(const struct plx_receiver *receiver,
                       const struct plx_message *message, size_t max_chars);

/* The text with "&", "<" and ">" written as in HTML, where a service gives them a meaning
 * (the caller frees). What would be longer than so many characters is left out. */
char *plx_present_escape(const char *text, size_t max_chars);

enum plx_present_mood {
    PLX_MOOD_BAD,  /* something critical */
    PLX_MOOD_WARN, /* a warning, or our own eyes */
    PLX_MOOD_CALM, /* somebody has it, or it is a test */
    PLX_MOOD_GOOD, /* over */
};
enum plx_present_mood plx_present_mood(const struct plx_message *message);
/* "#rrggbb". */
const char *plx_present_color(const struct plx_message *message);

/* Begins a POST of JSON to the receiver's `url` (`fallback` where it has none) with what
 * `path` adds ("" for nothing): content type, idempotency key, ca_file. */
void plx_present_post(const struct plx_receiver *receiver,
                      const struct plx_message *message, const char *fallback,
                      const char *path, struct plx_request *ret);
/* Adds "Authorization: Bearer <token>" if the receiver has one; else a user name and
 * password, if it has these. */
void plx_present_login(const struct plx_receiver *receiver, struct plx_request *ret);
/* 0, or PLX_ETOOBIG where the body is longer than its limit. */
int plx_present_done(const struct plx_request *request, struct plx_why *why);

/* Calls fn for each of the texts of a list that an option holds, one in a line. */
typedef void plx_present_item_fn(void *arg, const char *item);
void plx_present_items(const char *list, plx_present_item_fn *fn, void *arg);

#endif
