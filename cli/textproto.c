#include "cli/textproto.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32
#define TEXT_MAX  65536
#define SHOWN_MAX 40 /* bytes of a line that an error quotes */

struct reader {
    const char *name, *start, *at;
    unsigned depth;
    struct plx_why *why;
};

static int fail(const struct reader *r, const char *what)
{
    size_t line = 1, column = 1;
    for (const char *p = r->start; p < r->at; p++) {
        line += *p == '\n';
        column = *p == '\n' ? 1 : column + 1;
    }
    size_t rest = strcspn(r->at, "\n");
    int shown = (int)(rest > SHOWN_MAX ? plx_text_cut(r->at, SHOWN_MAX) : rest);
    return plx_why_set(r->why, PLX_EINVAL, "%s:%zu:%zu: %s: '%.*s'", r->name, line,
                       column, what, shown, r->at);
}

static void skip(struct reader *r)
{
    for (;;) {
        r->at += strspn(r->at, " \t\r\n");
        if (*r->at != '#')
            return;
        r->at += strcspn(r->at, "\n");
    }
}

static bool take(struct reader *r, char c)
{
    skip(r);
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || strchr("_.+-/", c);
}

static bool is_digit_of(char c, bool hex)
{
    return hex ? isxdigit((unsigned char)c) : c >= '0' && c <= '7';
}

/* \n \r \t \\ \" \' \xHH and octal. */
static int read_escape(struct reader *r, struct plx_buf *out)
{
    static const char from[] = "nrt\\\"'", to[] = "\n\r\t\\\"'";
    const char *known = *r->at ? strchr(from, *r->at) : NULL;
    char *end;
    if (known) {
        plx_buf_char(out, to[known - from]);
        r->at++;
        return 0;
    }
    bool hex = *r->at == 'x';
    char digits[4] = {0};
    size_t n = 0;
    for (const char *p = r->at + hex; n < (hex ? 2u : 3u) && is_digit_of(*p, hex);)
        digits[n++] = *p++;
    unsigned long v = strtoul(digits, &end, hex ? 16 : 8);
    if (n == 0 || *end || v == 0 || v > 255)
        return fail(r, "an escape that is not known");
    plx_buf_char(out, (char)v);
    r->at += n + hex;
    return 0;
}

/* Strings that follow one another are one. */
static int read_string(struct reader *r, json_t **ret)
{
    struct plx_buf out;
    int err = 0;
    plx_buf_init(&out, TEXT_MAX);
    plx_buf_text(&out, "");
    for (skip(r); !err && (*r->at == '"' || *r->at == '\''); skip(r)) {
        char quote = *r->at++;
        while (!err && *r->at != quote) {
            if (!*r->at || *r->at == '\n') {
                err = fail(r, "a string without its end");
            } else if (*r->at == '\\') {
                r->at++;
                err = read_escape(r, &out);
            } else {
                plx_buf_char(&out, *r->at++);
            }
        }
        r->at += !err;
    }
    if (!err && out.overflow)
        err = fail(r, "a string that is too long");
    if (!err) {
        *ret = json_string(plx_buf_str(&out));
        if (!*ret)
            err = fail(r, "a string that is not UTF-8");
    }
    plx_buf_fini(&out);
    return err;
}

static int read_message(struct reader *r, char closer, json_t **ret);

static int read_value(struct reader *r, json_t *list)
{
    json_t *value = NULL;
    int err = 0;
    skip(r);
    if (take(r, '{')) {
        err = read_message(r, '}', &value);
    } else if (take(r, '<')) {
        err = read_message(r, '>', &value);
    } else if (*r->at == '"' || *r->at == '\'') {
        err = read_string(r, &value);
    } else {
        size_t n = 0;
        while (r->at[n] && is_word_char(r->at[n]))
            n++;
        if (n == 0)
            return fail(r, "expected a value");
        value = json_stringn(r->at, n);
        r->at += n;
    }
    if (!err)
        json_array_append_new(list, value);
    return err;
}

static int read_values(struct reader *r, json_t *list)
{
    int err = 0;
    if (!take(r, '['))
        return read_value(r, list);
    while (!err && !take(r, ']')) {
        err = read_value(r, list);
        if (!err && !take(r, ',')) {
            skip(r);
            if (*r->at != ']')
                err = fail(r, "expected ',' or ']'");
        }
    }
    return err;
}

static int read_field(struct reader *r, json_t *message)
{
    char name[128];
    size_t n = 0;
    while (isalnum((unsigned char)r->at[n]) || r->at[n] == '_')
        n++;
    if (strncmp(r->at, "{{", 2) == 0)
        return fail(r, "a template: let cloudprober write it out first "
                       "(cloudprober --dumpconfig)");
    if (n == 0 || n >= sizeof name)
        return fail(r, "expected the name of a field");
    memcpy(name, r->at, n);
    name[n] = '\0';
    r->at += n;
    if (strcmp(name, "include") == 0)
        return fail(r, "an include: give the file it names as well, without this line");
    bool colon = take(r, ':');
    skip(r);
    if (!colon && *r->at != '{' && *r->at != '<')
        return fail(r, "expected ':' or '{'");
    json_t *list = json_object_get(message, name);
    if (!list) {
        list = json_array();
        json_object_set_new(message, name, list);
    }
    int err = read_values(r, list);
    if (!err && !take(r, ','))
        take(r, ';');
    return err;
}

static int read_message(struct reader *r, char closer, json_t **ret)
{
    int err = 0;
    if (++r->depth > DEPTH_MAX)
        return fail(r, "nested too deeply");
    json_t *message = json_object();
    for (skip(r); !err && *r->at != closer; skip(r))
        err = *r->at ? read_field(r, message) : fail(r, "the file ends within a message");
    r->depth--;
    if (err) {
        json_decref(message);
        return err;
    }
    r->at += closer != '\0';
    *ret = message;
    return 0;
}

int plx_textproto_parse(const char *name, const char *text, json_t **ret,
                        struct plx_why *why)
{
    struct reader r = {.name = name, .start = text, .at = text, .why = why};
    return read_message(&r, '\0', ret);
}
