#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void plx_buf_init(struct plx_buf *buf, size_t limit)
{
    *buf = (struct plx_buf){.limit = limit};
}

void plx_buf_fini(struct plx_buf *buf)
{
    free(buf->data);
    *buf = (struct plx_buf){.limit = buf->limit};
}

void plx_buf_clear(struct plx_buf *buf)
{
    buf->len = 0;
    buf->overflow = false;
    if (buf->data)
        buf->data[0] = '\0';
}

/* Room for `more` bytes and a NUL, or the sticky overflow. */
static bool reserve(struct plx_buf *buf, size_t more)
{
    if (buf->overflow || more > buf->limit - buf->len) {
        buf->overflow = true;
        return false;
    }
    size_t need = buf->len + more + 1;
    if (need <= buf->cap)
        return true;
    size_t cap = buf->cap ? buf->cap * 2 : 256;
    if (cap < need)
        cap = need;
    char *data = realloc(buf->data, cap);
    if (!data)
        abort();
    buf->data = data;
    buf->cap = cap;
    return true;
}

void plx_buf_add(struct plx_buf *buf, const void *bytes, size_t len)
{
    if (!reserve(buf, len))
        return;
    if (len)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void plx_buf_text(struct plx_buf *buf, const char *text)
{
    plx_buf_add(buf, text, strlen(text));
}

void plx_buf_char(struct plx_buf *buf, char c)
{
    plx_buf_add(buf, &c, 1);
}

void plx_buf_printf(struct plx_buf *buf, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n >= 0 && reserve(buf, (size_t)n)) {
        vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, again);
        buf->len += (size_t)n;
    }
    va_end(again);
}

static void markup_char(struct plx_buf *buf, char c)
{
    static const char special[] = "&<>\"'";
    static const char *const shown[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    const char *at = memchr(special, c, sizeof special - 1);
    if (at)
        plx_buf_text(buf, shown[at - special]);
    else
        plx_buf_char(buf, (unsigned char)c < 0x20 && c != '\n' ? ' ' : c);
}

void plx_buf_markup(struct plx_buf *buf, const char *text)
{
    for (; *text; text++)
        markup_char(buf, *text);
}

const char *plx_buf_str(const struct plx_buf *buf)
{
    return buf->data ? buf->data : "";
}

char *plx_buf_give(struct plx_buf *buf, size_t *ret_len)
{
    if (!buf->data)
        plx_buf_add(buf, "", 0);
    if (!buf->data) { /* overflow with nothing kept */
        buf->data = calloc(1, 1);
        if (!buf->data)
            abort();
    }
    char *data = buf->data;
    if (ret_len)
        *ret_len = buf->len;
    *buf = (struct plx_buf){.limit = buf->limit};
    return data;
}
