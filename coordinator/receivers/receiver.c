#include "coordinator/receivers/receiver.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct plx_receiver_kind *const plx_receiver_kinds[] = {
#define X(kind) &plx_receiver_##kind,
    PLX_RECEIVER_TABLE(X)
#undef X
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

void plx_request_header(struct plx_request *request, const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 3;
    if (strpbrk(value, "\r\n")) {
        plx_why_set(&request->trouble, PLX_EINVAL,
                    "what is to be sent as %s has a line break in it", name);
        return;
    }
    if (request->n_headers == PLX_REQUEST_HEADERS_MAX) {
        plx_why_set(&request->trouble, PLX_ETOOBIG, "there are more than %d headers",
                    PLX_REQUEST_HEADERS_MAX);
        return;
    }
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
    else
        plx_why_set(&request->trouble, PLX_ETOOBIG, "there are more than %d words",
                    PLX_REQUEST_WORDS_MAX);
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

int plx_check_file_name(const char *value, struct plx_why *why)
{
    if (!plx_text_is_file_name(value))
        return plx_why_set(why, PLX_EINVAL,
                           "must be the plain name of a file in the coordinator's "
                           "secrets_dir: no '/', no '.' at its beginning");
    return 0;
}

static int check_variable(const char *value, struct plx_why *why)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789_";
    size_t n = strlen(PLX_SECRET_ENV);
    if (strncmp(value, PLX_SECRET_ENV, n) != 0 || !value[n] ||
        value[strspn(value, allowed)])
        return plx_why_set(why, PLX_EINVAL,
                           "must be a variable whose name begins with " PLX_SECRET_ENV);
    return 0;
}

const struct plx_receiver_key *plx_receiver_key(const struct plx_receiver_kind *kind,
                                                const char *option,
                                                enum plx_reference *ret_how)
{
    static const char *const endings[] = {"", "_file", "_env"};
    /* A name of its own first: ca_file is no reference. */
    for (size_t e = 0; e < sizeof endings / sizeof *endings; e++)
        for (size_t i = 0; i < kind->n_keys; i++) {
            const struct plx_receiver_key *key = &kind->keys[i];
            size_t n = strlen(key->name);
            if (strncmp(option, key->name, n) == 0 &&
                strcmp(option + n, endings[e]) == 0) {
                *ret_how = (enum plx_reference)e;
                return key;
            }
        }
    return NULL;
}

static int complain_unknown(const struct plx_receiver_kind *kind, const char *option,
                            struct plx_why *why)
{
    const char *names[64];
    size_t n = 0;
    for (; n < kind->n_keys && n < 64; n++)
        names[n] = kind->keys[n].name;
    const char *meant = plx_text_closest(option, names, n);
    return plx_why_set(why, PLX_EINVAL, "unknown key '%s' for a %s receiver%s%s%s",
                       option, kind->name, meant ? "; did you mean '" : "",
                       meant ? meant : "", meant ? "'?" : "");
}

static int check_option(const struct plx_receiver_kind *kind,
                        const struct plx_label *option, struct plx_why *why)
{
    enum plx_reference how;
    const struct plx_receiver_key *key = plx_receiver_key(kind, option->key, &how);
    if (!key)
        return complain_unknown(kind, option->key, why);
    if (how == PLX_REFERENCE_NONE && key->secret)
        return plx_why_set(why, PLX_EINVAL,
                           "'%s' is a secret: give %s_file or %s_env instead", key->name,
                           key->name, key->name);
    plx_option_check_fn *check = how == PLX_REFERENCE_FILE  ? plx_check_file_name
                                 : how == PLX_REFERENCE_ENV ? check_variable
                                                            : key->check;
    if (check && check(option->value, why) < 0)
        return plx_why_in(why, PLX_EINVAL, "'%s'", option->key);
    return 0;
}

static bool has(const struct plx_receiver *receiver, const struct plx_receiver_kind *kind,
                const struct plx_receiver_key *key)
{
    enum plx_reference how;
    for (size_t i = 0; i < receiver->n_options; i++)
        if (plx_receiver_key(kind, receiver->options[i].key, &how) == key)
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
        if (kind->keys[i].required && !has(receiver, kind, &kind->keys[i]))
            return plx_why_set(why, PLX_EINVAL, "a %s receiver needs '%s'%s", kind->name,
                               kind->keys[i].name,
                               kind->keys[i].secret ? " (as …_file or …_env)" : "");
    return 0;
}

int plx_receiver_check_filled(const struct plx_receiver *filled,
                              const struct plx_receiver *receiver, struct plx_why *why)
{
    const struct plx_receiver_kind *kind = plx_receiver_kind(receiver->kind);
    enum plx_reference how;
    for (size_t i = 0; i < receiver->n_options; i++) {
        struct plx_why unsaid; /* its sentence may quote the value */
        const char *option = receiver->options[i].key;
        const struct plx_receiver_key *key = plx_receiver_key(kind, option, &how);
        if (!key || how == PLX_REFERENCE_NONE || !key->check)
            continue;
        const char *value = plx_receiver_option(filled, key->name);
        if (value && key->check(value, &unsaid) < 0)
            return plx_why_set(why, PLX_EINVAL,
                               "what '%s' refers to is no good value for '%s'", option,
                               key->name);
    }
    return 0;
}

int plx_receiver_build(const struct plx_receiver *filled,
                       const struct plx_message *message, struct plx_wall now,
                       struct plx_request *ret, struct plx_why *why)
{
    const struct plx_receiver_kind *kind = plx_receiver_kind(filled->kind);
    int err = kind->build(filled, message, now, ret, why);
    if (err == 0 && ret->trouble.text[0])
        err = plx_why_set(why, PLX_EINVAL, "%s", ret->trouble.text);
    return err;
}
