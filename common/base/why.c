#include "base/why.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int plx_why_set(struct plx_why *why, int err, const char *fmt, ...)
{
    if (!why)
        return err;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why->text, sizeof why->text, fmt, ap);
    va_end(ap);
    return err;
}

int plx_why_in(struct plx_why *why, int err, const char *fmt, ...)
{
    if (!why)
        return err;
    struct plx_why inner = *why;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(why->text, sizeof why->text, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof why->text - 2)
        return err;
    size_t room = sizeof why->text - (size_t)n;
    size_t text_len = strnlen(inner.text, sizeof inner.text - 1);
    memcpy(why->text + n, ": ", 2);
    if (text_len > room - 3)
        text_len = room - 3;
    memcpy(why->text + n + 2, inner.text, text_len);
    why->text[(size_t)n + 2 + text_len] = '\0';
    return err;
}
