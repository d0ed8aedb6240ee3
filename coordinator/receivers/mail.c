/* mail: SMTP with STARTTLS; text and HTML.
 *
 * RFC 5322 (message), 2045-2047 (MIME), 3834 (Auto-Submitted). Bodies are base64, so that
 * no line is too long and every server takes them. The Message-ID comes from the
 * idempotency key; what belongs to one incident is one thread (References). */
#include "coordinator/receivers/present.h"

#include "base/err.h"
#include "base/text.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUBJECT_MAX 200
#define TEXT_MAX    15000
#define LINE_BYTES  54 /* of what is encoded; 72 characters */
#define WORD_BYTES  42 /* of an encoded word, RFC 2047: at most 75 characters */
#define TO_MAX      (PLX_REQUEST_WORDS_MAX - 1)

/* ---- keys ---- */

static int check_server(const char *value, struct plx_why *why)
{
    size_t skip = strncmp(value, "smtp://", 7) == 0    ? 7
                  : strncmp(value, "smtps://", 8) == 0 ? 8
                                                       : 0;
    if (!skip || !value[skip] || strpbrk(value + skip, " \t\r\n\"<>\\^`{|}/@"))
        return plx_why_set(why, PLX_EINVAL, "must be smtp://HOST:PORT or smtps://…");
    return 0;
}

/* Plain addresses only: local@domain, printable ASCII. */
static bool is_address(const char *text)
{
    const char *at = strrchr(text, '@');
    for (const char *p = text; *p; p++)
        if (*p <= 0x20 || *p >= 0x7f || strchr("<>()[],;:\\\"", *p))
            return false;
    return at && at > text && at[1] && strlen(text) <= 254;
}

struct addresses {
    size_t n;
    char bad[64];
};

static void look_at_address(void *arg, const char *item)
{
    struct addresses *a = arg;
    a->n++;
    if (!is_address(item) && !a->bad[0])
        snprintf(a->bad, sizeof a->bad, "%.63s", item);
}

static int check_addresses(const char *value, struct plx_why *why)
{
    struct addresses a = {0};
    plx_present_items(value, look_at_address, &a);
    if (a.bad[0])
        return plx_why_set(why, PLX_EINVAL, "must be like ops@example.org: '%s'", a.bad);
    if (a.n == 0 || a.n > TO_MAX)
        return plx_why_set(why, PLX_EINVAL, "must name 1-%d addresses", TO_MAX);
    return 0;
}

static int check_address(const char *value, struct plx_why *why)
{
    if (!is_address(value))
        return plx_why_set(why, PLX_EINVAL, "must be like ops@example.org");
    return 0;
}

static const struct plx_receiver_key keys[] = {
    {.name = "url", .required = true, .check = check_server},
    {.name = "from", .required = true, .check = check_address},
    {.name = "to", .required = true, .check = check_addresses},
    {.name = "starttls", .check = plx_check_bool}, /* false: only if offered */
    {.name = "username"},
    {.name = "password", .secret = true},
    {.name = "ca_file", .check = plx_check_file_name},
    PLX_KEYS_TEXT,
};

/* ---- header fields ---- */

static void add_base64(struct plx_buf *out, const char *bytes, size_t len)
{
    char line[sodium_base64_ENCODED_LEN(LINE_BYTES, sodium_base64_VARIANT_ORIGINAL)];
    sodium_bin2base64(line, sizeof line, (const unsigned char *)bytes, len,
                      sodium_base64_VARIANT_ORIGINAL);
    plx_buf_text(out, line);
}

/* As encoded words, none of which cuts a character. */
static void add_words(struct plx_buf *out, const char *text)
{
    bool first = true;
    while (*text) {
        size_t n = plx_text_cut(text, WORD_BYTES);
        if (n == 0) /* no UTF-8 */
            n = strnlen(text, WORD_BYTES);
        plx_buf_text(out, first ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
        add_base64(out, text, n);
        plx_buf_text(out, "?=");
        text += n;
        first = false;
    }
}

static void add_to(void *arg, const char *item)
{
    struct plx_request *request = arg;
    plx_buf_printf(&request->body, "%s%s",
                   request->n_words > 1 ? ",\r\n " : "To: ", item);
    plx_request_word(request, item);
}

/* RFC 5322, 3.3: "Mon, 02 Jan 2006 15:04:05 +0000". */
static void add_date(struct plx_buf *out, struct plx_wall t)
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char text[PLX_WALL_TEXT_MAX];
    int year, month, day;
    plx_wall_format(t, text);
    if (sscanf(text, "%d-%d-%d", &year, &month, &day) != 3 || month < 1 || month > 12)
        return;
    plx_buf_printf(out, "Date: %s, %02d %s %d %.8s +0000\r\n",
                   days[t.ns / PLX_DAY_NS % 7], day, months[month - 1], year, text + 11);
}

/* The key's characters that may stand in a Message-ID. */
static void add_id(struct plx_buf *out, const char *name, const char *key,
                   const char *domain)
{
    plx_buf_printf(out, "%s: <", name);
    for (; *key; key++)
        plx_buf_char(out, strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789.-_",
                                 *key)
                              ? *key
                              : '_');
    plx_buf_printf(out, "@%s>\r\n", domain);
}

static void add_header(struct plx_request *request, const struct plx_receiver *receiver,
                       const struct plx_message *message, struct plx_wall now,
                       const char *subject)
{
    const char *from = plx_receiver_option(receiver, "from");
    const char *domain = strrchr(from, '@') + 1;
    char group[PLX_MESSAGE_GROUP_MAX];
    struct plx_buf *out = &request->body;
    plx_request_word(request, from);
    plx_buf_printf(out, "From: Parallax <%s>\r\n", from);
    plx_present_items(plx_receiver_option(receiver, "to"), add_to, request);
    plx_buf_text(out, "\r\nSubject: ");
    add_words(out, subject);
    plx_buf_text(out, "\r\n");
    add_date(out, now);
    add_id(out, "Message-ID", message->key, domain);
    add_id(out, "References", plx_message_group(message, group), domain);
    plx_buf_text(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
    if (strcmp(message->severity, "critical") == 0 && plx_message_is_firing(message))
        plx_buf_text(out, "Importance: high\r\n");
}

/* ---- bodies ---- */

/* Nothing in base64 begins with dashes: the boundary cannot occur. */
#define BOUNDARY "=_parallax_part"

static void add_part(struct plx_buf *out, const char *type, const char *text)
{
    size_t len = strlen(text);
    plx_buf_printf(out,
                   "--" BOUNDARY "\r\nContent-Type: %s; charset=utf-8\r\n"
                   "Content-Transfer-Encoding: base64\r\n\r\n",
                   type);
    for (size_t at = 0; at < len; at += LINE_BYTES) {
        add_base64(out, text + at, len - at < LINE_BYTES ? len - at : LINE_BYTES);
        plx_buf_text(out, "\r\n");
    }
}

/* Not every mail program keeps lines by style. */
static void add_lines(struct plx_buf *out, const char *text)
{
    for (size_t len; *text; text += len) {
        len = strcspn(text, "\n");
        char *line = strndup(text, len);
        if (!line)
            abort();
        plx_buf_markup(out, line);
        free(line);
        if (text[len]) {
            plx_buf_text(out, "<br>\n");
            len++;
        }
    }
}

static bool is_web(const char *url)
{
    return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

static void add_link(struct plx_buf *out, const char *url, const char *text)
{
    if (!is_web(url))
        return;
    plx_buf_text(out, "<p><a href=\"");
    plx_buf_markup(out, url);
    plx_buf_printf(out, "\">%s</a></p>\n", text);
}

static void add_html(struct plx_buf *out, const struct plx_message *message,
                     const char *title, const char *text)
{
    struct plx_buf html;
    plx_buf_init(&html, PLX_REQUEST_BODY_MAX / 4);
    plx_buf_printf(&html,
                   "<!DOCTYPE html>\n<html><body style=\"font-family:sans-serif\">\n"
                   "<div style=\"border-left:6px solid %s;padding:4px 12px\">\n<h2>",
                   plx_present_color(message));
    plx_buf_markup(&html, title);
    plx_buf_text(&html, "</h2>\n<p>");
    add_lines(&html, text);
    plx_buf_text(&html, "</p>\n");
    add_link(&html, message->url, "Open incident");
    add_link(&html, message->runbook, "Runbook");
    plx_buf_text(&html, "</div>\n</body></html>\n");
    add_part(out, "text/html", plx_buf_str(&html));
    plx_buf_fini(&html);
}

static int build(const struct plx_receiver *receiver, const struct plx_message *message,
                 struct plx_wall now, struct plx_request *ret, struct plx_why *why)
{
    const char *starttls = plx_receiver_option(receiver, "starttls");
    char *title = plx_present_title(receiver, message, SUBJECT_MAX);
    char *text = plx_present_text(receiver, message, TEXT_MAX);
    ret->transport = PLX_TRANSPORT_MAIL;
    ret->url = plx_text_dup(plx_receiver_option(receiver, "url"));
    ret->ca_file = plx_text_dup(plx_receiver_option(receiver, "ca_file"));
    ret->username = plx_text_dup(plx_receiver_option(receiver, "username"));
    ret->password = plx_text_dup(plx_receiver_option(receiver, "password"));
    ret->tls_required = !starttls || strcmp(starttls, "true") == 0;
    for (char *p = title; *p; p++)
        if ((unsigned char)*p < 0x20)
            *p = ' ';
    add_header(ret, receiver, message, now, title);
    plx_buf_text(&ret->body, "Content-Type: multipart/alternative; boundary=\"" BOUNDARY
                             "\"\r\n\r\n");
    add_part(&ret->body, "text/plain", text);
    add_html(&ret->body, message, title, text);
    plx_buf_text(&ret->body, "--" BOUNDARY "--\r\n");
    free(title);
    free(text);
    return plx_present_done(ret, why);
}

/* Whether the server took it is what the transport says; a 5xx will not change. */
static enum plx_fate judge(const struct plx_reply *reply, struct plx_why *why)
{
    if (!reply->trouble[0]) {
        plx_why_set(why, 0, "accepted");
        return PLX_FATE_DELIVERED;
    }
    if (reply->status > 0)
        plx_why_set(why, 0, "%s (SMTP %ld)", reply->trouble, reply->status);
    else
        plx_why_set(why, 0, "%s", reply->trouble);
    return reply->status >= 500 && reply->status < 600 ? PLX_FATE_REFUSED
                                                       : PLX_FATE_RETRY;
}

const struct plx_receiver_kind plx_receiver_mail = {.name = "mail",
                                                    .keys = keys,
                                                    .n_keys = sizeof keys / sizeof *keys,
                                                    .build = build,
                                                    .judge = judge};
