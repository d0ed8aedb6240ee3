#include "coordinator/http/badge.h"

#include "coordinator/http/public_impl.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 40 /* characters */
#define PER_CHAR  7  /* px at 11 px, rounded up: no letter of the text is cut */
#define PADDING   10

/* Bytes of the text's first SHOWN_MAX characters, and how many there are. */
static size_t fit(const char *text, size_t *ret_chars)
{
    size_t bytes = 0, chars = 0;
    while (text[bytes] && chars < SHOWN_MAX) {
        bytes++;
        while (((unsigned char)text[bytes] & 0xc0) == 0x80)
            bytes++;
        chars++;
    }
    *ret_chars = chars;
    return bytes;
}

static void add_text(struct plx_buf *out, size_t x, const char *text, size_t bytes)
{
    char shown[SHOWN_MAX * 4 + 1];
    snprintf(shown, sizeof shown, "%.*s", (int)bytes, text);
    plx_buf_printf(out, "<text x=\"%zu\" y=\"14\">", x);
    plx_buf_markup(out, shown);
    plx_buf_text(out, "</text>");
}

void plx_badge_write(const char *label, const char *value, enum plx_badge_tone tone,
                     struct plx_buf *out)
{
    static const char *const colours[] = {
        [PLX_BADGE_GREEN] = "#0c6536", [PLX_BADGE_AMBER] = "#7c4300",
        [PLX_BADGE_RED] = "#ab141b",   [PLX_BADGE_BLUE] = "#0b559e",
        [PLX_BADGE_GREY] = "#4a5563",
    };
    size_t n_label, n_value;
    size_t label_bytes = fit(label, &n_label), value_bytes = fit(value, &n_value);
    size_t left = n_label * PER_CHAR + PADDING, right = n_value * PER_CHAR + PADDING;
    plx_buf_printf(out,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" "
                   "height=\"20\" role=\"img\" aria-label=\"",
                   left + right);
    plx_buf_markup(out, label);
    plx_buf_text(out, ": ");
    plx_buf_markup(out, value);
    plx_buf_printf(out,
                   "\"><rect width=\"%zu\" height=\"20\" fill=\"#30363f\"/>"
                   "<rect x=\"%zu\" width=\"%zu\" height=\"20\" fill=\"%s\"/>"
                   "<g fill=\"#fff\" text-anchor=\"middle\" font-size=\"11\" "
                   "font-family=\"Verdana,DejaVu Sans,sans-serif\">",
                   left, left, right, colours[tone]);
    add_text(out, left / 2, label, label_bytes);
    add_text(out, left + right / 2, value, value_bytes);
    plx_buf_text(out, "</g></svg>\n");
}
