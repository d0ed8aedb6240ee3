#include "schema/value.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <strings.h>

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Words that YAML 1.1 readers take for something else than text. */
static bool is_reserved(const char *text)
{
    static const char *const words[] = {"true", "false", "yes", "no",  "on",
                                        "off",  "y",     "n",   "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

/* Numbers in any of YAML 1.1's bases, sexagesimal ones and dates included. */
static bool looks_like_number(const char *text)
{
    double number;
    size_t n = strlen(text);
    return plx_text_double(text, -HUGE_VAL, HUGE_VAL, &number) == 0 ||
           strspn(text, "0123456789:_-") == n ||
           (text[0] == '0' && strchr("xXoObB", text[1]));
}

static bool is_plain(const char *text)
{
    size_t n = strlen(text);
    if (n == 0 || !is_alnum(text[0]) || text[n - 1] == ' ' || text[n - 1] == ':')
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!is_alnum(text[i]) && !strchr("._/@=%() :-", text[i]))
            return false;
        if (text[i] == ':' && !is_alnum(text[i + 1]) && text[i + 1] != ':')
            return false;
    }
    return !is_reserved(text) && !looks_like_number(text);
}

/* Characters that are clean UTF-8, but that YAML reads as line breaks (U+2028, U+2029) or
 * does not accept (U+FEFF, U+FFFE, U+FFFF). */
static const char *special_escape(const char *p)
{
    static const struct {
        const char *bytes, *escape;
    } specials[] = {
        {"\xe2\x80\xa8", "\\u2028"}, {"\xe2\x80\xa9", "\\u2029"},
        {"\xef\xbb\xbf", "\\ufeff"}, {"\xef\xbf\xbe", "\\ufffe"},
        {"\xef\xbf\xbf", "\\uffff"},
    };
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
        if (strncmp(p, specials[i].bytes, 3) == 0)
            return specials[i].escape;
    return NULL;
}

void plx_yaml_scalar(struct plx_buf *out, const char *text)
{
    if (is_plain(text)) {
        plx_buf_text(out, text);
        return;
    }
    plx_buf_char(out, '"');
    for (const char *p = text; *p; p++) {
        const char *escape = special_escape(p);
        if (escape) {
            plx_buf_text(out, escape);
            p += 2;
        } else if (*p == '"' || *p == '\\') {
            plx_buf_printf(out, "\\%c", *p);
        } else if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            plx_buf_printf(out, "\\x%02x", (unsigned char)*p);
        } else {
            plx_buf_char(out, *p);
        }
    }
    plx_buf_char(out, '"');
}

/* The JSON writer with the key that was waiting for a value; NULL for YAML. */
static struct plx_json *json_of(struct plx_value_out *out)
{
    if (out->json && out->key)
        plx_json_key(out->json, out->key);
    out->key = NULL;
    return out->json;
}

void plx_value_text(struct plx_value_out *out, const char *text)
{
    struct plx_json *j = json_of(out);
    if (j)
        plx_json_str(j, text);
    else
        plx_yaml_scalar(out->yaml, text);
}

void plx_value_uint(struct plx_value_out *out, uint64_t value)
{
    struct plx_json *j = json_of(out);
    if (j)
        plx_json_uint(j, value);
    else
        plx_buf_printf(out->yaml, "%" PRIu64, value);
}

void plx_value_bool(struct plx_value_out *out, bool value)
{
    struct plx_json *j = json_of(out);
    if (j)
        plx_json_bool(j, value);
    else
        plx_buf_text(out->yaml, value ? "true" : "false");
}

void plx_value_list(struct plx_value_out *out, char *const *texts, size_t n)
{
    struct plx_json *j = json_of(out);
    if (j)
        plx_json_array(j);
    else
        plx_buf_char(out->yaml, '[');
    for (size_t i = 0; i < n; i++) {
        if (!j && i > 0)
            plx_buf_text(out->yaml, ", ");
        plx_value_text(out, texts[i]);
    }
    if (j)
        plx_json_end(j);
    else
        plx_buf_char(out->yaml, ']');
}

static void json_labels(struct plx_json *j, const struct plx_label *labels, size_t n)
{
    plx_json_object(j);
    for (size_t i = 0; i < n; i++)
        plx_json_kstr(j, labels[i].key, labels[i].value);
    plx_json_end(j);
}

void plx_value_labels(struct plx_value_out *out, const struct plx_label *labels, size_t n)
{
    struct plx_json *j = json_of(out);
    if (j) {
        json_labels(j, labels, n);
        return;
    }
    plx_buf_char(out->yaml, '{');
    for (size_t i = 0; i < n; i++) {
        plx_buf_text(out->yaml, i > 0 ? ", " : "");
        plx_yaml_scalar(out->yaml, labels[i].key);
        plx_buf_text(out->yaml, ": ");
        plx_yaml_scalar(out->yaml, labels[i].value);
    }
    plx_buf_char(out->yaml, '}');
}
