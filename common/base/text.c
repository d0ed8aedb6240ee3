#include "base/text.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int plx_text_copy(char *dst, size_t size, const char *src)
{
    size_t len = strlen(src);
    if (len >= size)
        return PLX_ETOOBIG;
    memcpy(dst, src, len + 1);
    return 0;
}

char *plx_text_dup(const char *src)
{
    if (!src)
        return NULL;
    size_t size = strlen(src) + 1;
    char *copy = malloc(size);
    if (!copy)
        abort();
    return memcpy(copy, src, size);
}

int plx_text_int(const char *text, int64_t min, int64_t max, int64_t *ret)
{
    const char *digits = text + (*text == '-');
    if (*digits < '0' || *digits > '9')
        return PLX_EINVAL;
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno || *end != '\0' || v < min || v > max)
        return PLX_EINVAL;
    *ret = v;
    return 0;
}

int plx_text_double(const char *text, double min, double max, double *ret)
{
    if (strspn(text, "0123456789.eE+-") != strlen(text) || *text == '\0')
        return PLX_EINVAL;
    char *end;
    double v = strtod(text, &end);
    if (*end != '\0' || !isfinite(v) || v < min || v > max)
        return PLX_EINVAL;
    *ret = v;
    return 0;
}

/* Length of the well-formed sequence at `p` (RFC 3629 section 4), 0 if there is none. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    size_t n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (left < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool beyond = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    return overlong || beyond ? 0 : n;
}

bool plx_text_is_clean(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    for (size_t i = 0; i < len;) {
        size_t n = utf8_len(p + i, len - i);
        bool control =
            p[i] < 0x20 || p[i] == 0x7f || (n == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0);
        if (n == 0 || control)
            return false;
        i += n;
    }
    return true;
}

size_t plx_text_cut(const char *text, size_t max)
{
    size_t n = strnlen(text, max);
    if (n < max || !text[n])
        return n;
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

/* U+061C (a mark of direction), U+200B, E, F (zero width, marks of direction),
 * U+2028-202E (separators, embeddings and overrides of direction), U+2060-206F (word
 * joiner, invisible operators, isolates), U+FEFF: none of them shows, and some move what
 * stands beside them. */
static bool is_hidden(const unsigned char *p)
{
    if (p[0] == 0xef)
        return p[1] == 0xbb && p[2] == 0xbf;
    if (p[0] != 0xe2)
        return p[0] == 0xd8 && p[1] == 0x9c;
    if (p[1] == 0x80)
        return p[2] == 0x8b || p[2] == 0x8e || p[2] == 0x8f ||
               (p[2] >= 0xa8 && p[2] <= 0xae);
    return p[1] == 0x81 && p[2] >= 0xa0 && p[2] <= 0xaf;
}

static bool has_hidden(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (is_hidden(p))
            return true;
    return false;
}

void plx_text_tame(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p;) {
        size_t n = utf8_len(p, strnlen((char *)p, 4));
        if (n > 0 && plx_text_is_clean((char *)p, n) && !is_hidden(p))
            p += n;
        else
            *p++ = '?';
    }
}

bool plx_text_was_name(const char *text)
{
    size_t len = strlen(text);
    return len >= 1 && len <= PLX_NAME_MAX && plx_text_is_clean(text, len) &&
           text[0] != ' ' && text[len - 1] != ' ';
}

bool plx_text_is_name(const char *text)
{
    return plx_text_was_name(text) && !has_hidden(text);
}

bool plx_text_is_file_name(const char *text)
{
    size_t len = strlen(text);
    return len >= 1 && len <= PLX_FILE_NAME_MAX && plx_text_is_clean(text, len) &&
           text[0] != '.' && !strchr(text, '/');
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool plx_text_is_word(const char *text)
{
    size_t len = strlen(text);
    if (len < 1 || len > PLX_WORD_MAX || !is_alnum(text[0]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_alnum(text[i]) && !strchr("._-", text[i]))
            return false;
    return true;
}

static bool is_address(const char *text)
{
    unsigned char addr[16];
    return inet_pton(AF_INET, text, addr) == 1 || inet_pton(AF_INET6, text, addr) == 1;
}

/* Labels of 1-63, no empty one but a final root dot. */
static bool is_dns_name(const char *text, size_t len)
{
    size_t label = 0;
    bool letters = false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.') {
            if (label == 0 || text[i - 1] == '-')
                return false;
            label = 0;
            continue;
        }
        if (!is_alnum(text[i]) && text[i] != '_' && (text[i] != '-' || label == 0))
            return false;
        letters |= text[i] < '0' || text[i] > '9';
        if (++label > 63)
            return false;
    }
    /* All digits and dots is a mistyped address, never a name (RFC 1123 2.1). */
    return letters && text[len - 1] != '-';
}

bool plx_text_is_host(const char *text)
{
    size_t len = strlen(text);
    if (len < 1 || len > PLX_HOST_MAX)
        return false;
    return is_address(text) || is_dns_name(text, len);
}

int plx_text_host_port(const char *text, char host[PLX_HOST_MAX + 1], uint16_t *ret_port)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text)
        return PLX_EINVAL;
    const char *begin = text;
    size_t len = (size_t)(colon - text);
    if (text[0] == '[') {
        if (len < 3 || text[len - 1] != ']')
            return PLX_EINVAL;
        begin++;
        len -= 2;
    } else if (memchr(text, ':', len)) {
        return PLX_EINVAL; /* an IPv6 literal needs its brackets here */
    }
    if (len > PLX_HOST_MAX)
        return PLX_EINVAL;
    char copy[PLX_HOST_MAX + 1];
    memcpy(copy, begin, len);
    copy[len] = '\0';
    int64_t port;
    if (!plx_text_is_host(copy) || plx_text_int(colon + 1, 1, 65535, &port) < 0)
        return PLX_EINVAL;
    memcpy(host, copy, len + 1);
    *ret_port = (uint16_t)port;
    return 0;
}

/* Levenshtein distance over the first 31 bytes; one row at a time. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[32];
    size_t n = strnlen(b, 31);
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] && i < 32; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            size_t shorter = row[j] < row[j - 1] ? row[j] : row[j - 1];
            diagonal = row[j];
            row[j] = replaced < shorter + 1 ? replaced : shorter + 1;
        }
    }
    return row[n];
}

const char *plx_text_closest(const char *word, const char *const *words, size_t n)
{
    const char *best = NULL;
    size_t best_distance = strlen(word) / 3 + 1;
    for (size_t i = 0; i < n; i++) {
        size_t d = edit_distance(word, words[i]);
        if (d <= best_distance && d < strlen(words[i])) {
            if (!best || d < best_distance)
                best = words[i];
            best_distance = d;
        }
    }
    return best;
}
