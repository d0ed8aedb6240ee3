#include "coordinator/receivers/receiver.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct plx_receiver_kind *const plx_receiver_kinds[] = {
    &plx_receiver_webhook,
    &plx_receiver_alertmanager,
    &plx_receiver_alertmanager_webhook,
    &plx_receiver_slack,
    &plx_receiver_discord,
    &plx_receiver_teams,
    &plx_receiver_pagerduty,
    &plx_receiver_ntfy,
    &plx_receiver_mail,
    &plx_receiver_command,
};
const size_t plx_n_receiver_kinds =
    sizeof plx_receiver_kinds / sizeof *plx_receiver_kinds;

const struct plx_receiver_kind *plx_receiver_kind(const char *name)
{
    for (size_t i = 0; i < plx_n_receiver_kinds; i++)
        if (strcmp(plx_receiver_kinds[i]->name, name) == 0)
            return plx_receiver_kinds[i];
    return NULL;
}

/* ---- requests ---- */

void plx_request_init(struct plx_request *request)
{
    *request = (struct plx_request){0};
    plx_buf_init(&request->body, PLX_REQUEST_BODY_MAX);
}

void plx_request_fini(struct plx_request *request)
{
    for (size_t i = 0; i < request->n_headers; i++)
        free(request->headers[i]);
    for (size_t i = 0; i < request->n_words; i++)
        free(request->words[i]);
    free(request->url);
    free(request->username);
    free(request->password);
    free(request->ca_file);
    plx_buf_fini(&request->body);
    *request = (struct plx_request){0};
}

/* No value may begin a header of its own. */
void plx_request_header(struct plx_request *request, const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 3;
    if (request->n_headers == PLX_REQUEST_HEADERS_MAX || strpbrk(value, "\r\n"))
        return;
    char *header = malloc(size);
    if (!header)
        abort();
    snprintf(header, size, "%s: %s", name, value);
    request->headers[request->n_headers++] = header;
}

void plx_request_word(struct plx_request *request, const char *word)
{
    if (request->n_words < PLX_REQUEST_WORDS_MAX)
        request->words[request->n_words++] = plx_text_dup(word);
}

/* ---- answers ---- */

const char *plx_reply_line(const struct plx_reply *reply, char buf[PLX_REPLY_LINE_MAX])
{
    snprintf(buf, PLX_REPLY_LINE_MAX, "%.80s", reply->body ? reply->body : "");
    buf[strcspn(buf, "\r\n")] = '\0';
    for (char *p = buf; *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
            *p = ' ';
    return buf;
}

enum plx_fate plx_reply_judge(const struct plx_reply *reply, struct plx_why *why)
{
    long s = reply->status;
    char first[PLX_REPLY_LINE_MAX];
    plx_reply_line(reply, first);
    if (s >= 200 && s < 300) {
        plx_why_set(why, 0, "%ld", s);
        return PLX_FATE_DELIVERED;
    }
    if (s == 0) {
        plx_why_set(why, 0, "%s", reply->trouble[0] ? reply->trouble : "no answer");
        return PLX_FATE_RETRY;
    }
    if (s >= 300 && s < 400)
        plx_why_set(why, 0, "answered %ld: redirects are not followed", s);
    else
        plx_why_set(why, 0, "answered %ld%s%s", s, first[0] ? ": " : "", first);
    bool passing = s < 400 || s >= 500 || s == 408 || s == 425 || s == 429;
    return passing ? PLX_FATE_RETRY : PLX_FATE_REFUSED;
}

/* ---- options ---- */

int plx_check_url(const char *value, struct plx_why *why)
{
    bool web = strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0;
    const char *host = web ? strstr(value, "//") + 2 : "";
    if (!web || *host == '\0' || *host == '/' || strlen(value) > 2048 ||
        strpbrk(value, " \t\r\n\"<>\\^`{|}"))
        return plx_why_set(why, PLX_EINVAL, "must be an http:// or https:// URL");
    return 0;
}

int plx_check_bool(const char *value, struct plx_why *why)
{
    if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
        return 0;
    return plx_why_set(why, PLX_EINVAL, "must be true or false");
}

/* Whether `option` is the key's, as it is or by reference; `ret_by` says which. */
static bool is_of(const char *option, const struct plx_receiver_key *key, bool *ret_by)
{
    size_t n = strlen(key->name);
    if (strncmp(option, key->name, n) != 0)
        return false;
    *ret_by = strcmp(option + n, "_file") == 0 || strcmp(option + n, "_env") == 0;
    return option[n] == '\0' || *ret_by;
}

static int check_option(const struct plx_receiver_kind *kind,
                        const struct plx_label *option, struct plx_why *why)
{
    const char *names[64];
    size_t n = 0;
    for (size_t i = 0; i < kind->n_keys; i++) {
        const struct plx_receiver_key *key = &kind->keys[i];
        bool by_reference;
        if (n < 64)
            names[n++] = key->name;
        if (!is_of(option->key, key, &by_reference))
            continue;
        if (by_reference)
            return 0;
        if (key->secret)
            return plx_why_set(why, PLX_EINVAL,
                               "'%s' is a secret: give %s_file or %s_env instead",
                               key->name, key->name, key->name);
        if (key->check && key->check(option->value, why) < 0)
            return plx_why_in(why, PLX_EINVAL, "'%s'", key->name);
        return 0;
    }
    const char *meant = plx_text_closest(option->key, names, n);
    return plx_why_set(why, PLX_EINVAL, "unknown key '%s' for a %s receiver%s%s%s",
                       option->key, kind->name, meant ? "; did you mean '" : "",
                       meant ? meant : "", meant ? "'?" : "");
}

static bool has(const struct plx_receiver *receiver, const struct plx_receiver_key *key)
{
    bool by_reference;
    for (size_t i = 0; i < receiver->n_options; i++)
        if (is_of(receiver->options[i].key, key, &by_reference))
            return true;
    return false;
}

int plx_receiver_check(const struct plx_receiver *receiver, const char **ret_key,
                       struct plx_why *why)
{
    const struct plx_receiver_kind *kind = plx_receiver_kind(receiver->kind);
    const char *nothing, **at = ret_key ? ret_key : &nothing;
    if (!kind) {
        const char *names[64];
        size_t n = 0;
        for (; n < plx_n_receiver_kinds && n < 64; n++)
            names[n] = plx_receiver_kinds[n]->name;
        const char *meant = plx_text_closest(receiver->kind, names, n);
        *at = "kind";
        return plx_why_set(why, PLX_EINVAL, "there is no kind of receiver '%s'%s%s%s",
                           receiver->kind, meant ? "; did you mean '" : "",
                           meant ? meant : "", meant ? "'?" : "");
    }
    for (size_t i = 0; i < receiver->n_options; i++) {
        *at = receiver->options[i].key;
        if (check_option(kind, &receiver->options[i], why) < 0)
            return PLX_EINVAL;
    }
    *at = "";
    for (size_t i = 0; i < kind->n_keys; i++)
        if (kind->keys[i].required && !has(receiver, &kind->keys[i]))
            return plx_why_set(why, PLX_EINVAL, "a %s receiver needs '%s'%s", kind->name,
                               kind->keys[i].name,
                               kind->keys[i].secret ? " (as …_file or …_env)" : "");
    return 0;
}
