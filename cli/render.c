#include "cli/render.h"

#include "base/buf.h"
#include "base/text.h"
#include "schema/value.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *plx_style_on(const struct plx_cli *cli, enum plx_style style)
{
    static const char *const codes[] = {
        [PLX_STYLE_NONE] = "",           [PLX_STYLE_GOOD] = "\033[32m",
        [PLX_STYLE_WARN] = "\033[33m",   [PLX_STYLE_BAD] = "\033[1;31m",
        [PLX_STYLE_UNSURE] = "\033[35m", [PLX_STYLE_DIM] = "\033[2m",
        [PLX_STYLE_BOLD] = "\033[1m",
    };
    return cli->colour ? codes[style] : "";
}

const char *plx_style_off(const struct plx_cli *cli, enum plx_style style)
{
    return cli->colour && style != PLX_STYLE_NONE ? "\033[0m" : "";
}

__attribute__((format(printf, 2, 0))) static void print_tame(FILE *to, const char *fmt,
                                                             va_list ap)
{
    char *text;
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    for (char *line = text; line;) { /* our own line breaks may stay */
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        plx_text_tame(line);
        fprintf(to, "%s%s", line, end ? "\n" : "");
        line = end ? end + 1 : NULL;
    }
    free(text);
}

void plx_say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    print_tame(stdout, fmt, ap);
    va_end(ap);
}

void plx_remark(const char *fmt, ...)
{
    va_list ap;
    fflush(stdout);
    va_start(ap, fmt);
    print_tame(stderr, fmt, ap);
    va_end(ap);
}

bool plx_say_if_empty(const struct plx_cli *cli, const json_t *answer, const char *key,
                      const char *hint)
{
    if (cli->format != PLX_FORMAT_TABLE ||
        json_array_size(json_object_get(answer, key)) > 0)
        return false;
    plx_say("%s\n", hint);
    return true;
}

/* Tenths of a second only flicker. */
const char *plx_age_text(int64_t age_ns, char buf[PLX_DURATION_TEXT_MAX])
{
    if (age_ns < 10 * PLX_SEC_NS)
        return plx_duration_format(age_ns < 0 ? 0 : age_ns - age_ns % PLX_SEC_NS, buf);
    return plx_duration_human(age_ns, buf);
}

const char *plx_latency_text(double ms, char buf[PLX_LATENCY_TEXT_MAX])
{
    snprintf(buf, PLX_LATENCY_TEXT_MAX, "%.*f ms", ms < 10 ? 2 : ms < 100 ? 1 : 0, ms);
    return buf;
}

static void yaml_value(struct plx_buf *out, const json_t *value, unsigned depth);

static void yaml_break(struct plx_buf *out, unsigned depth)
{
    plx_buf_printf(out, "\n%*s", (int)(2 * depth), "");
}

static void yaml_list(struct plx_buf *out, const json_t *list, unsigned depth)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (i > 0)
            yaml_break(out, depth);
        plx_buf_text(out, "- ");
        yaml_value(out, item, depth + 1);
    }
}

static void yaml_map(struct plx_buf *out, const json_t *map, unsigned depth)
{
    const char *key;
    json_t *value;
    bool first = true;
    json_object_foreach((json_t *)(uintptr_t)map, key, value)
    {
        if (!first)
            yaml_break(out, depth);
        first = false;
        plx_yaml_scalar(out, key);
        plx_buf_char(out, ':');
        bool nested = json_object_size(value) || json_array_size(value);
        if (nested)
            yaml_break(out, depth + 1);
        else
            plx_buf_char(out, ' ');
        yaml_value(out, value, depth + 1);
    }
}

static void yaml_value(struct plx_buf *out, const json_t *value, unsigned depth)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        json_object_size(value) ? yaml_map(out, value, depth) : plx_buf_text(out, "{}");
        break;
    case JSON_ARRAY:
        json_array_size(value) ? yaml_list(out, value, depth) : plx_buf_text(out, "[]");
        break;
    case JSON_STRING:
        plx_yaml_scalar(out, json_string_value(value));
        break;
    case JSON_INTEGER:
        plx_buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        plx_buf_printf(out, "%.12g", json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        plx_buf_text(out, json_is_true(value) ? "true" : "false");
        break;
    case JSON_NULL:
    default:
        plx_buf_text(out, "null");
    }
}

static void show_yaml(const json_t *answer)
{
    struct plx_buf out;
    plx_buf_init(&out, SIZE_MAX / 2);
    yaml_value(&out, answer, 0);
    puts(plx_buf_str(&out));
    plx_buf_fini(&out);
}

bool plx_show_data(const struct plx_cli *cli, const json_t *answer)
{
    if (cli->format != PLX_FORMAT_JSON && cli->format != PLX_FORMAT_YAML)
        return false;
    if (!answer)
        puts("null");
    else if (cli->format == PLX_FORMAT_YAML)
        show_yaml(answer);
    else {
        json_dumpf(answer, stdout,
                   JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
        putchar('\n');
    }
    return true;
}

const char *plx_field(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

int64_t plx_field_int(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value)
                                  : (int64_t)json_number_value(value);
}

double plx_field_num(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

bool plx_field_bool(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

const char *plx_field_list(const json_t *object, const char *key, char *buf, size_t size)
{
    const json_t *list = json_object_get(object, key);
    size_t used = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        int n = snprintf(buf + used, size - used, "%s%s", used ? ", " : "",
                         text ? text : "?");
        if (n < 0 || (size_t)n >= size - used)
            break;
        used += (size_t)n;
    }
    return buf;
}
