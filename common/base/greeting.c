#include "base/greeting.h"

#include "base/err.h"
#include "base/regex.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool plx_greeting_is_none(const struct plx_greeting *g)
{
    return g->preset == PLX_GREETING_NO_PRESET && g->n_steps == 0;
}

void plx_greeting_fini(struct plx_greeting *g)
{
    for (size_t i = 0; i < g->n_steps; i++)
        free(g->steps[i].bytes);
    free(g->steps);
    *g = (struct plx_greeting){0};
}

void plx_greeting_add(struct plx_greeting *g, enum plx_greeting_kind kind,
                      const void *bytes, size_t len, uint32_t max_bytes,
                      int64_t within_ns)
{
    struct plx_greeting_step *steps =
        realloc(g->steps, (g->n_steps + 1) * sizeof *g->steps);
    uint8_t *copy = malloc(len ? len : 1);
    if (!steps || !copy)
        abort();
    if (len)
        memcpy(copy, bytes, len);
    g->steps = steps;
    steps[g->n_steps++] =
        (struct plx_greeting_step){kind, copy, len, max_bytes, within_ns};
}

void plx_greeting_copy(struct plx_greeting *dst, const struct plx_greeting *src)
{
    *dst = (struct plx_greeting){.preset = src->preset};
    for (size_t i = 0; i < src->n_steps; i++) {
        const struct plx_greeting_step *s = &src->steps[i];
        plx_greeting_add(dst, s->kind, s->bytes, s->len, s->max_bytes, s->within_ns);
    }
}

static bool same_step(const struct plx_greeting_step *a,
                      const struct plx_greeting_step *b)
{
    return a->kind == b->kind && a->len == b->len && a->max_bytes == b->max_bytes &&
           a->within_ns == b->within_ns && memcmp(a->bytes, b->bytes, a->len) == 0;
}

bool plx_greeting_equal(const struct plx_greeting *a, const struct plx_greeting *b)
{
    if (a->preset != b->preset || a->n_steps != b->n_steps)
        return false;
    for (size_t i = 0; i < a->n_steps; i++)
        if (!same_step(&a->steps[i], &b->steps[i]))
            return false;
    return true;
}

uint64_t plx_greeting_hash(const struct plx_greeting *g, uint64_t seed)
{
    const uint64_t head[] = {(uint64_t)g->preset, g->n_steps};
    uint64_t h = plx_hash_bytes(head, sizeof head, seed);
    for (size_t i = 0; i < g->n_steps; i++) {
        const struct plx_greeting_step *s = &g->steps[i];
        const uint64_t numbers[] = {(uint64_t)s->kind, s->len, s->max_bytes,
                                    (uint64_t)s->within_ns};
        h = plx_hash_bytes(numbers, sizeof numbers, h);
        h = plx_hash_bytes(s->bytes, s->len, h);
    }
    return h;
}

/* ---- checking ---- */

static int check_step(const struct plx_greeting_step *s, struct plx_why *why)
{
    struct plx_regex *regex;
    if (s->len == 0)
        return plx_why_set(why, PLX_EINVAL, "is empty");
    if (s->kind == PLX_GREETING_SEND)
        return s->max_bytes || s->within_ns
                   ? plx_why_set(why, PLX_EINVAL, "limits belong to an expectation")
                   : 0;
    if (s->max_bytes > PLX_GREETING_READ_MAX)
        return plx_why_set(why, PLX_EINVAL, "'max_bytes' must be 1 to %d",
                           PLX_GREETING_READ_MAX);
    if (s->within_ns < 0 || s->within_ns > PLX_MIN_NS)
        return plx_why_set(why, PLX_EINVAL, "'within' must be at most 60s");
    if (s->kind == PLX_GREETING_REGEX) {
        int err = plx_regex_new((const char *)s->bytes, s->len, &regex, why);
        if (err)
            return plx_why_in(why, err, "a bad pattern");
        plx_regex_destroy(&regex);
        return 0;
    }
    size_t limit = s->max_bytes ? s->max_bytes : PLX_GREETING_MAX_BYTES_USUAL;
    if (s->len > limit)
        return plx_why_set(why, PLX_EINVAL, "is longer than its 'max_bytes' of %zu",
                           limit);
    return 0;
}

static int check_sums(const struct plx_greeting *g, struct plx_why *why)
{
    size_t sent = 0, read = 0, expects = 0;
    for (size_t i = 0; i < g->n_steps; i++) {
        const struct plx_greeting_step *s = &g->steps[i];
        bool send = s->kind == PLX_GREETING_SEND;
        sent += send ? s->len : 0;
        read += send ? 0 : s->max_bytes ? s->max_bytes : PLX_GREETING_MAX_BYTES_USUAL;
        expects += !send;
    }
    if (expects == 0)
        return plx_why_set(why, PLX_EINVAL, "it expects nothing");
    if (sent > PLX_GREETING_SEND_MAX)
        return plx_why_set(why, PLX_EINVAL, "it sends %zu bytes, more than %d", sent,
                           PLX_GREETING_SEND_MAX);
    if (read > PLX_GREETING_READ_MAX)
        return plx_why_set(why, PLX_EINVAL, "it may read %zu bytes, more than %d", read,
                           PLX_GREETING_READ_MAX);
    return 0;
}

int plx_greeting_check(const struct plx_greeting *g, size_t *ret_step,
                       struct plx_why *why)
{
    size_t at = g->n_steps;
    int err = 0;
    if (g->preset != PLX_GREETING_NO_PRESET && g->n_steps > 0)
        err = plx_why_set(why, PLX_EINVAL, "it has both a preset and steps");
    else if ((unsigned)g->preset >= PLX_GREETING_PRESET_COUNT_)
        err = plx_why_set(why, PLX_EINVAL, "its preset is unknown");
    else if (g->n_steps > PLX_GREETING_STEPS_MAX)
        err = plx_why_set(why, PLX_EINVAL, "it has more than %d steps",
                          PLX_GREETING_STEPS_MAX);
    for (size_t i = 0; !err && i < g->n_steps; i++)
        if ((err = check_step(&g->steps[i], why)) != 0)
            at = i;
    if (!err && g->n_steps > 0)
        err = check_sums(g, why);
    if (err && ret_step)
        *ret_step = at;
    return err;
}

/* ---- bytes as text ---- */

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte of an escape whose letter is at `*p`; moves `*p` to its last character. */
static int escaped_byte(const char **p)
{
    switch (**p) {
    case 'r':
        return '\r';
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case '0':
        return 0;
    case '\\':
        return '\\';
    case 'x': {
        int high = digit_of((*p)[1]);
        int low = high < 0 ? -1 : digit_of((*p)[2]);
        *p += 2;
        return low < 0 ? -1 : high * 16 + low;
    }
    default:
        return -1;
    }
}

int plx_greeting_unescape(const char *text, uint8_t *out, size_t size, size_t *ret_len)
{
    size_t n = 0;
    for (const char *p = text; *p; p++) {
        int byte = (unsigned char)*p;
        if (*p == '\\') {
            p++;
            byte = escaped_byte(&p);
        }
        if (byte < 0)
            return PLX_EINVAL;
        if (n == size)
            return PLX_ETOOBIG;
        out[n++] = (uint8_t)byte;
    }
    *ret_len = n;
    return 0;
}

int plx_greeting_unhex(const char *text, uint8_t *out, size_t size, size_t *ret_len)
{
    size_t n = 0;
    for (const char *p = text; *p; p++) {
        if (*p == ' ')
            continue;
        int high = digit_of(*p);
        int low = high < 0 ? -1 : digit_of(p[1]);
        if (low < 0)
            return PLX_EINVAL;
        if (n == size)
            return PLX_ETOOBIG;
        out[n++] = (uint8_t)(high * 16 + low);
        p++;
    }
    if (n == 0)
        return PLX_EINVAL;
    *ret_len = n;
    return 0;
}

/* One byte as it is written; returns the length. */
static size_t write_byte(uint8_t byte, char text[5])
{
    static const char escapes[] = "\rr\nn\tt\\\\";
    for (size_t i = 0; i + 1 < sizeof escapes; i += 2)
        if ((uint8_t)escapes[i] == byte)
            return (size_t)snprintf(text, 5, "\\%c", escapes[i + 1]);
    if (byte >= 0x20 && byte < 0x7f)
        return (size_t)snprintf(text, 5, "%c", byte);
    return (size_t)snprintf(text, 5, "\\x%02x", byte);
}

size_t plx_greeting_escape(const void *bytes, size_t len, char *out, size_t size)
{
    const uint8_t *in = bytes;
    size_t at = 0, i = 0;
    for (; i < len; i++) {
        char text[5];
        size_t n = write_byte(in[i], text);
        if (at + n >= size)
            break;
        memcpy(out + at, text, n);
        at += n;
    }
    out[at] = '\0';
    return i;
}

bool plx_greeting_is_binary(const void *bytes, size_t len)
{
    const uint8_t *in = bytes;
    for (size_t i = 0; i < len; i++)
        if ((in[i] < 0x20 && in[i] != '\r' && in[i] != '\n' && in[i] != '\t') ||
            in[i] >= 0x7f)
            return true;
    return false;
}
