#include "cli/text_width.h"

#include <string.h>
#include <wchar.h>

/* One character: its bytes (at least 1) and its columns. */
static size_t step(const char *text, size_t *ret_columns)
{
    wchar_t c;
    mbstate_t state = {0};
    size_t n = mbrtowc(&c, text, strlen(text), &state);
    *ret_columns = 1;
    if (n == 0 || n == (size_t)-1 || n == (size_t)-2)
        return 1;
    int columns = wcwidth(c);
    *ret_columns = columns < 0 ? 1 : (size_t)columns;
    return n;
}

size_t plx_text_width(const char *text)
{
    size_t width = 0, columns;
    for (; *text; width += columns)
        text += step(text, &columns);
    return width;
}

size_t plx_text_fit(const char *text, size_t width)
{
    size_t used = 0, columns;
    for (size_t at = 0;; used += columns) {
        if (!text[at])
            return at;
        size_t n = step(text + at, &columns);
        if (used + columns > width)
            return at;
        at += n;
    }
}

size_t plx_text_wrap(const char *text, size_t width, size_t *ret_skip)
{
    size_t fit = plx_text_fit(text, width), end = fit;
    if (text[fit]) {
        while (end > 0 && text[end] != ' ')
            end--;
        if (end == 0)
            end = fit ? fit : strlen(text);
    }
    *ret_skip = strspn(text + end, " ");
    return end;
}
