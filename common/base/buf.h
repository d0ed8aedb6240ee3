/* A growing byte buffer with a limit and a sticky error.
 *
 * Append freely, ask once at the end: after an append that would pass the limit the
 * buffer keeps what it had, `overflow` is set and later appends do nothing. */
#ifndef PLX_BASE_BUF_H
#define PLX_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plx_buf {
    char *data; /* NUL-terminated behind `len` once anything was appended */
    size_t len;
    size_t cap;
    size_t limit; /* most bytes that `len` may reach */
    bool overflow;
};

/* `limit` in bytes. No allocation until the first append. */
void plx_buf_init(struct plx_buf *buf, size_t limit);
/* Frees the storage; `buf` may be used again. Accepts an all-zero buf. */
void plx_buf_fini(struct plx_buf *buf);
/* Empties, keeps the storage, clears `overflow`. */
void plx_buf_clear(struct plx_buf *buf);

void plx_buf_add(struct plx_buf *buf, const void *bytes, size_t len);
void plx_buf_text(struct plx_buf *buf, const char *text);
void plx_buf_char(struct plx_buf *buf, char c);
void plx_buf_printf(struct plx_buf *buf, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The text as HTML or XML shows it, also within an attribute's quotes; of control
 * characters, which XML does not know, only line ends remain. */
void plx_buf_markup(struct plx_buf *buf, const char *text);

/* The text so far, "" when empty. Lent until the next append. */
const char *plx_buf_str(const struct plx_buf *buf);

/* Gives the storage to the caller (who frees it) and empties `buf`; never NULL. */
char *plx_buf_give(struct plx_buf *buf, size_t *ret_len);

#endif
