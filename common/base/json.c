#include "base/json.h"

#include "base/text.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void plx_json_init(struct plx_json *j, struct plx_buf *out)
{
    *j = (struct plx_json){.out = out};
}

static void before_value(struct plx_json *j)
{
    if (j->after_key) {
        j->after_key = false;
        return;
    }
    if (j->comma[j->depth])
        plx_buf_char(j->out, ',');
    j->comma[j->depth] = true;
}

static void open_scope(struct plx_json *j, char opener, char closer)
{
    before_value(j);
    assert(j->depth < PLX_JSON_DEPTH_MAX);
    plx_buf_char(j->out, opener);
    j->depth++;
    j->comma[j->depth] = false;
    j->closer[j->depth] = closer;
}

void plx_json_object(struct plx_json *j)
{
    open_scope(j, '{', '}');
}

void plx_json_array(struct plx_json *j)
{
    open_scope(j, '[', ']');
}

void plx_json_end(struct plx_json *j)
{
    assert(j->depth > 0);
    plx_buf_char(j->out, j->closer[j->depth]);
    j->depth--;
}

/* How many bytes at `p` may be copied as they are (0: needs an escape). */
static size_t plain_run(const char *p, size_t len)
{
    size_t i = 0;
    while (i < len && (unsigned char)p[i] >= 0x20 && (unsigned char)p[i] < 0x7f &&
           p[i] != '"' && p[i] != '\\')
        i++;
    return i;
}

/* Length of a clean multi-byte character at `p`, 0 if there is none. */
static size_t multibyte(const char *p, size_t len)
{
    for (size_t n = 2; n <= 4 && n <= len; n++)
        if (plx_text_is_clean(p, n))
            return (unsigned char)p[0] >= 0x80 ? n : 0;
    return 0;
}

static void escape_one(struct plx_buf *out, unsigned char c)
{
    switch (c) {
    case '"':
        plx_buf_text(out, "\\\"");
        break;
    case '\\':
        plx_buf_text(out, "\\\\");
        break;
    case '\n':
        plx_buf_text(out, "\\n");
        break;
    case '\r':
        plx_buf_text(out, "\\r");
        break;
    case '\t':
        plx_buf_text(out, "\\t");
        break;
    default:
        if (c < 0x80)
            plx_buf_printf(out, "\\u%04x", c);
        else
            plx_buf_text(out, "\\ufffd");
    }
}

static void quoted(struct plx_buf *out, const char *text, size_t len)
{
    plx_buf_char(out, '"');
    for (size_t i = 0; i < len;) {
        size_t n = plain_run(text + i, len - i);
        if (n == 0)
            n = multibyte(text + i, len - i);
        if (n > 0) {
            plx_buf_add(out, text + i, n);
            i += n;
        } else {
            escape_one(out, (unsigned char)text[i++]);
        }
    }
    plx_buf_char(out, '"');
}

void plx_json_key(struct plx_json *j, const char *key)
{
    before_value(j);
    quoted(j->out, key, strlen(key));
    plx_buf_char(j->out, ':');
    j->after_key = true;
}

void plx_json_strn(struct plx_json *j, const char *text, size_t len)
{
    before_value(j);
    quoted(j->out, text, len);
}

void plx_json_str(struct plx_json *j, const char *text)
{
    if (text)
        plx_json_strn(j, text, strlen(text));
    else
        plx_json_null(j);
}

void plx_json_int(struct plx_json *j, int64_t v)
{
    before_value(j);
    plx_buf_printf(j->out, "%" PRId64, v);
}

void plx_json_uint(struct plx_json *j, uint64_t v)
{
    before_value(j);
    plx_buf_printf(j->out, "%" PRIu64, v);
}

void plx_json_num(struct plx_json *j, double v, int decimals)
{
    if (!isfinite(v)) {
        plx_json_null(j);
        return;
    }
    before_value(j);
    char text[400];
    int n = snprintf(text, sizeof text, "%.*f", decimals, v);
    if (n < 0 || (size_t)n >= sizeof text)
        return;
    if (strchr(text, '.')) {
        while (text[n - 1] == '0')
            n--;
        if (text[n - 1] == '.')
            n--;
    }
    if (n == 2 && memcmp(text, "-0", 2) == 0)
        plx_buf_text(j->out, "0");
    else
        plx_buf_add(j->out, text, (size_t)n);
}

void plx_json_bool(struct plx_json *j, bool v)
{
    before_value(j);
    plx_buf_text(j->out, v ? "true" : "false");
}

void plx_json_null(struct plx_json *j)
{
    before_value(j);
    plx_buf_text(j->out, "null");
}

void plx_json_wall(struct plx_json *j, struct plx_wall t)
{
    char text[PLX_WALL_TEXT_MAX];
    if (t.ns == 0)
        plx_json_null(j);
    else
        plx_json_str(j, plx_wall_format(t, text));
}

void plx_json_raw(struct plx_json *j, const char *json)
{
    plx_json_rawn(j, json, strlen(json));
}

void plx_json_rawn(struct plx_json *j, const char *json, size_t len)
{
    before_value(j);
    plx_buf_add(j->out, json, len);
}

void plx_json_kstr(struct plx_json *j, const char *key, const char *text)
{
    plx_json_key(j, key);
    plx_json_str(j, text);
}

void plx_json_kint(struct plx_json *j, const char *key, int64_t v)
{
    plx_json_key(j, key);
    plx_json_int(j, v);
}

void plx_json_kuint(struct plx_json *j, const char *key, uint64_t v)
{
    plx_json_key(j, key);
    plx_json_uint(j, v);
}

void plx_json_knum(struct plx_json *j, const char *key, double v, int decimals)
{
    plx_json_key(j, key);
    plx_json_num(j, v, decimals);
}

void plx_json_kbool(struct plx_json *j, const char *key, bool v)
{
    plx_json_key(j, key);
    plx_json_bool(j, v);
}

void plx_json_kwall(struct plx_json *j, const char *key, struct plx_wall t)
{
    plx_json_key(j, key);
    plx_json_wall(j, t);
}
