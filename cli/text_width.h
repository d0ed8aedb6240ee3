/* Columns that UTF-8 text takes on a terminal. */
#ifndef PLX_CLI_TEXT_WIDTH_H
#define PLX_CLI_TEXT_WIDTH_H

#include <stddef.h>

size_t plx_text_width(const char *text);

/* Bytes of `text` that fit into `width` columns. */
size_t plx_text_fit(const char *text, size_t width);

/* Bytes of the first line when `text` is wrapped at spaces into `width` columns;
 * `ret_skip` counts the spaces behind it. */
size_t plx_text_wrap(const char *text, size_t width, size_t *ret_skip);

#endif
