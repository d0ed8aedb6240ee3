#include "coordinator/io/api_call.h"

#include "base/err.h"
#include "base/text.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

static void free_call(struct plx_call *call)
{
    if (call->release)
        call->release(call->arg);
    json_decref(call->body);
    free(call->who);
    free(call);
}

void plx_call_end(struct plx_call *call, struct plx_buf *json)
{
    if (json->overflow)
        call->respond(call->arg, PLX_ETOOBIG, "the answer is too long: ask for less", "",
                      0, false);
    else
        call->respond(call->arg, 0, "", plx_buf_str(json), json->len, false);
    plx_buf_fini(json);
    free_call(call);
}

void plx_call_part(struct plx_call *call, struct plx_buf *json)
{
    call->respond(call->arg, 0, "", plx_buf_str(json), json->len, true);
    plx_buf_clear(json);
}

/* Sentences quote what was asked, and may be cut within a character; on the wire a text
 * that is not clean is no text at all. */
static void clean(char *text)
{
    if (plx_text_is_clean(text, strlen(text)))
        return;
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
            *p = '?';
}

void plx_call_fail(struct plx_call *call, int err, const char *fmt, ...)
{
    char text[PLX_WHY_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    clean(text);
    call->respond(call->arg, err, text[0] ? text : plx_err_text(err), "", 0, false);
    free_call(call);
}

/* ---- reading ---- */

static int missing(const char *key, struct plx_why *why)
{
    return plx_why_set(why, PLX_EINVAL, "'%s' is missing", key);
}

/* Texts end in terminals, mails and logs. Lines are for those that take several. */
static bool has_control(const char *text)
{
    for (size_t len; *text; text += len + (text[len] != '\0')) {
        len = strcspn(text, "\t\r\n");
        if (!plx_text_is_clean(text, len))
            return true;
    }
    return false;
}

int plx_call_text(const struct plx_call *call, const char *key, bool demanded,
                  const char **ret, struct plx_why *why)
{
    json_t *value = json_object_get(call->body, key);
    if (!value)
        return demanded ? missing(key, why) : 0;
    if (!json_is_string(value))
        return plx_why_set(why, PLX_EINVAL, "'%s' must be a text", key);
    if (has_control(json_string_value(value)))
        return plx_why_set(why, PLX_EINVAL, "'%s' has control characters in it", key);
    *ret = json_string_value(value);
    return 0;
}

int plx_call_bool(const struct plx_call *call, const char *key, bool *ret,
                  struct plx_why *why)
{
    json_t *value = json_object_get(call->body, key);
    if (!value)
        return 0;
    if (!json_is_boolean(value))
        return plx_why_set(why, PLX_EINVAL, "'%s' must be true or false", key);
    *ret = json_boolean_value(value);
    return 0;
}

int plx_call_int(const struct plx_call *call, const char *key, int64_t min, int64_t max,
                 int64_t *ret, struct plx_why *why)
{
    json_t *value = json_object_get(call->body, key);
    if (!value)
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max)
        return plx_why_set(why, PLX_EINVAL,
                           "'%s' must be a whole number from %lld to %lld", key,
                           (long long)min, (long long)max);
    *ret = json_integer_value(value);
    return 0;
}

int plx_call_duration(const struct plx_call *call, const char *key, int64_t *ret_ns,
                      struct plx_why *why)
{
    const char *text = NULL;
    int err = plx_call_text(call, key, false, &text, why);
    if (err < 0 || !text)
        return err;
    if (plx_duration_parse(text, ret_ns) < 0)
        return plx_why_set(why, PLX_EINVAL,
                           "'%s' is no duration: '%s' (as in 30s, 5m, 1h)", key, text);
    return 0;
}

/* Nothing is older than 1970: from there on, spans of two moments cannot overflow. */
static struct plx_wall before_now(int64_t ago_ns)
{
    struct plx_wall t = plx_wall_add(plx_clock_wall(), -ago_ns);
    return t.ns < 0 ? (struct plx_wall){0} : t;
}

int plx_call_moment(const struct plx_call *call, const char *key, struct plx_wall *ret,
                    struct plx_why *why)
{
    const char *text = NULL;
    int64_t ago_ns;
    int err = plx_call_text(call, key, false, &text, why);
    if (err < 0 || !text)
        return err;
    if (plx_duration_parse(text, &ago_ns) == 0)
        *ret = before_now(ago_ns);
    else if (plx_wall_parse(text, ret) < 0)
        return plx_why_set(
            why, PLX_EINVAL,
            "'%s': '%s' is no duration and no RFC 3339 time (1970 to 2200)", key, text);
    return 0;
}

int plx_call_texts(const struct plx_call *call, const char *key, bool demanded,
                   const char ***ret, size_t *ret_n, struct plx_why *why)
{
    json_t *value = json_object_get(call->body, key);
    if (!value)
        return demanded ? missing(key, why) : 0;
    size_t n = json_is_string(value) ? 1 : json_array_size(value);
    const char **texts = calloc(n ? n : 1, sizeof *texts);
    if (!texts)
        abort();
    for (size_t i = 0; i < n; i++)
        texts[i] =
            json_string_value(json_is_array(value) ? json_array_get(value, i) : value);
    bool good = json_is_string(value) || json_is_array(value);
    for (size_t i = 0; i < n; i++)
        good = good && texts[i];
    if (!good || (demanded && n == 0)) {
        free(texts);
        return plx_why_set(why, PLX_EINVAL, "'%s' must be a list of texts", key);
    }
    *ret = texts;
    *ret_n = n;
    return 0;
}

int plx_call_labels(const struct plx_call *call, const char *key, struct plx_label **ret,
                    size_t *ret_n, struct plx_why *why)
{
    json_t *object = json_object_get(call->body, key), *value;
    const char *name;
    size_t n = 0;
    if (!object)
        return 0;
    if (!json_is_object(object) || json_object_size(object) > PLX_MONITOR_LABELS_MAX)
        return plx_why_set(why, PLX_EINVAL, "'%s' must be an object of at most %d texts",
                           key, PLX_MONITOR_LABELS_MAX);
    struct plx_label *labels = calloc(json_object_size(object) + 1, sizeof *labels);
    if (!labels)
        abort();
    json_object_foreach(object, name, value)
    {
        const char *text = json_string_value(value);
        if (!text || !plx_text_is_word(name) || !plx_text_is_name(text)) {
            free(labels);
            return plx_why_set(why, PLX_EINVAL, "'%s': '%s' is no label of words", key,
                               name);
        }
        labels[n++] = (struct plx_label){(char *)name, (char *)text};
    }
    *ret = labels;
    *ret_n = n;
    return 0;
}

void plx_answer_begin(struct plx_buf *buf, struct plx_json *j)
{
    plx_buf_init(buf, PLX_API_BODY_MAX);
    plx_json_init(j, buf);
    plx_json_object(j);
}

uint32_t plx_call_monitor(struct plx_call *call, const char *key)
{
    struct plx_why why;
    const char *name;
    if (plx_call_text(call, key, true, &name, &why) < 0) {
        plx_call_fail(call, PLX_EINVAL, "%s", why.text);
        return PLX_CATALOG_NONE;
    }
    uint32_t slot = plx_catalog_by_name(call->api->desk->catalog, name);
    if (slot == PLX_CATALOG_NONE)
        plx_call_fail(call, PLX_ENOTFOUND, "there is no monitor '%s'", name);
    return slot;
}

uint32_t plx_call_agent(struct plx_call *call)
{
    struct plx_why why;
    const char *name;
    if (plx_call_text(call, "name", true, &name, &why) < 0) {
        plx_call_fail(call, PLX_EINVAL, "%s", why.text);
        return PLX_ROSTER_NONE;
    }
    uint32_t slot = plx_roster_by_name(call->api->desk->roster, name);
    if (slot == PLX_ROSTER_NONE)
        plx_call_fail(call, PLX_ENOTFOUND, "there is no agent '%s'", name);
    return slot;
}

/* ---- shared pieces of answers ---- */

void plx_api_write_labels(const struct plx_label *labels, size_t n, struct plx_json *j)
{
    plx_api_write_labels_as("labels", labels, n, j);
}

void plx_api_write_labels_as(const char *key, const struct plx_label *labels, size_t n,
                             struct plx_json *j)
{
    plx_json_key(j, key);
    plx_json_object(j);
    for (size_t i = 0; i < n; i++)
        plx_json_kstr(j, labels[i].key, labels[i].value);
    plx_json_end(j);
}

static void write_address(struct plx_json *j, const char *key,
                          const struct plx_addr *addr)
{
    char text[PLX_ADDR_TEXT_MAX];
    plx_json_kstr(j, key, addr->family ? plx_addr_format(addr, text) : NULL);
}

void plx_api_write_probe(struct plx_json *j, enum plx_outcome outcome,
                         enum plx_unreach unreach, enum plx_detail detail,
                         uint32_t latency_us, const struct plx_addr *address,
                         const struct plx_addr *icmp_from)
{
    plx_json_kstr(j, "outcome", plx_outcome_token(outcome));
    plx_json_kstr(j, "unreach", plx_unreach_token(unreach));
    plx_json_kstr(j, "detail", plx_detail_token(detail));
    plx_json_key(j, "latency_ms");
    if (latency_us > 0)
        plx_json_num(j, (double)latency_us / 1000, 3);
    else
        plx_json_null(j);
    write_address(j, "address", address);
    write_address(j, "icmp_from", icmp_from);
}
