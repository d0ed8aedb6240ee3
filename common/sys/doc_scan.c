#include "sys/doc_parse.h"

#include "base/err.h"
#include "base/text.h"

#include <string.h>

/* Where the scan stands. */
struct scan {
    const char *name;
    struct plx_why *why;
    uint32_t line;
    bool json; /* flow style from the start: tabs are only white space there */
};

static int refuse(const struct scan *s, size_t column, int err, const char *what,
                  const char *text)
{
    char shown[PLX_EXCERPT_MAX];
    return plx_why_set(s->why, err, "%s:%u:%zu: %s: '%s'", s->name, s->line, column, what,
                       plx_doc_excerpt(text, shown));
}

/* Line separators that editors do not count as lines, and what libyaml does not read. */
static bool is_special(const char *p, size_t left)
{
    static const char specials[][4] = {"\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf",
                                       "\xef\xbf\xbe", "\xef\xbf\xbf"};
    for (size_t i = 0; left >= 3 && i < sizeof specials / sizeof *specials; i++)
        if (memcmp(p, specials[i], 3) == 0)
            return true;
    return false;
}

/* Length of the UTF-8 character at `p`, 0 if it is none or not allowed in a document. */
static size_t character(const char *p, size_t left)
{
    if ((*p >= ' ' && *p <= '~') || *p == '\t')
        return 1;
    if (is_special(p, left))
        return 0;
    for (size_t n = 1; n <= 4 && n <= left; n++)
        if (plx_text_is_clean(p, n))
            return n;
    return 0;
}

static bool is_control(const char *p, size_t left)
{
    unsigned char c = (unsigned char)*p;
    bool c1 = c == 0xc2 && left > 1 && (unsigned char)p[1] < 0xa0 &&
              (unsigned char)p[1] >= 0x80;
    return c < 0x80 || c1 || is_special(p, left);
}

static int scan_line(const struct scan *s, const char *line, size_t len)
{
    char head[PLX_EXCERPT_MAX] = "";
    memcpy(head, line, len < sizeof head - 1 ? len : sizeof head - 1);
    if (len > PLX_DOC_LINE_MAX)
        return refuse(s, 1, PLX_ETOOBIG, "the line is longer than 65536 bytes", head);
    size_t indent = strspn(head, " ");
    if (!s->json && head[indent] == '\t' && strspn(head, " \t") < len)
        return refuse(s, indent + 1, PLX_EINVAL, "a tab in the indentation, use spaces",
                      head + strspn(head, " \t"));
    size_t column = 1;
    for (size_t i = 0; i < len; column++) {
        size_t n = character(line + i, len - i);
        if (n == 0 && is_control(line + i, len - i))
            return refuse(s, column, PLX_EINVAL, "a control character in the line", head);
        if (n == 0)
            return refuse(s, column, PLX_EINVAL, "a byte that is not UTF-8 in the line",
                          head);
        i += n;
    }
    return 0;
}

static bool looks_like_json(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len && memchr(" \t\r\n", text[i], 4))
        i++;
    return i < len && (text[i] == '{' || text[i] == '[');
}

int plx_doc_scan(const char *name, const char *text, size_t len, struct plx_why *why)
{
    struct scan s = {.name = name, .why = why, .line = 1};
    s.json = looks_like_json(text, len);
    for (size_t at = 0; at < len; s.line++) {
        size_t end = at;
        while (end < len && text[end] != '\n' && text[end] != '\r')
            end++;
        int err = scan_line(&s, text + at, end - at);
        if (err < 0)
            return err;
        at = end + 1;
        if (at < len && text[end] == '\r' && text[at] == '\n')
            at++;
    }
    return 0;
}
