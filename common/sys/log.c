#include "sys/log.h"

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "sys/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096

static const char *const level_tokens[] = {"debug", "info", "warn", "error"};

/* Process-wide by nature: there is one standard error. Set before threads start. */
static struct {
    _Atomic enum plx_log_level level; /* these two may change while threads log */
    bool timestamps;
    _Atomic bool json;
} config = {.level = PLX_LOG_INFO};

void plx_log_set_level(enum plx_log_level level)
{
    config.level = level;
}

void plx_log_timestamps(bool on)
{
    config.timestamps = on;
}

void plx_log_json(bool on)
{
    config.json = on;
}

int plx_log_level_parse(const char *token, enum plx_log_level *ret)
{
    for (size_t i = 0; i < sizeof level_tokens / sizeof *level_tokens; i++)
        if (strcmp(level_tokens[i], token) == 0) {
            *ret = (enum plx_log_level)i;
            return 0;
        }
    return PLX_EINVAL;
}

/* A line under construction, in one of the two formats. */
struct line {
    struct plx_buf buf;
    struct plx_json json;
    bool is_json;
};

static bool is_bare(const char *value)
{
    if (*value == '\0')
        return false;
    for (const char *p = value; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == '"' || *p == '=' || *p == '\\' ||
            (unsigned char)*p >= 0x7f)
            return false;
    return true;
}

static void put_pair(struct line *line, const char *key, const char *value)
{
    if (!value)
        value = "";
    if (line->is_json) {
        plx_json_kstr(&line->json, key, value);
        return;
    }
    if (line->buf.len > 0)
        plx_buf_char(&line->buf, ' ');
    plx_buf_text(&line->buf, key);
    plx_buf_char(&line->buf, '=');
    if (is_bare(value)) {
        plx_buf_text(&line->buf, value);
    } else {
        struct plx_json quoted;
        plx_json_init(&quoted, &line->buf);
        plx_json_str(&quoted, value);
    }
}

static void line_begin(struct line *line, enum plx_log_level level, const char *event)
{
    plx_buf_init(&line->buf, LINE_MAX_BYTES);
    plx_json_init(&line->json, &line->buf);
    line->is_json = config.json; /* once for the whole line */
    if (line->is_json)
        plx_json_object(&line->json);
    char text[PLX_WALL_TEXT_MAX];
    if (config.timestamps)
        put_pair(line, "ts", plx_wall_format(plx_clock_wall(), text));
    put_pair(line, "level", level_tokens[level]);
    put_pair(line, "event", event);
}

static void line_end(struct line *line)
{
    if (line->is_json)
        plx_json_end(&line->json);
    line->buf.limit++; /* the newline always fits */
    line->buf.overflow = false;
    plx_buf_char(&line->buf, '\n');
    ssize_t n = write(STDERR_FILENO, line->buf.data, line->buf.len);
    (void)n; /* nowhere left to complain */
    plx_buf_fini(&line->buf);
}

void plx_log(enum plx_log_level level, const char *event, ...)
{
    if (level < config.level)
        return;
    struct line line;
    line_begin(&line, level, event);
    va_list ap;
    va_start(ap, event);
    for (const char *key; (key = va_arg(ap, const char *));)
        put_pair(&line, key, va_arg(ap, const char *));
    va_end(ap);
    line_end(&line);
}

void plx_logf(enum plx_log_level level, const char *event, const char *key,
              const char *fmt, ...)
{
    if (level < config.level)
        return;
    char value[LINE_MAX_BYTES / 2];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(value, sizeof value, fmt, ap);
    va_end(ap);
    plx_log(level, event, key, value, NULL);
}
