/* Error codes: what a fallible call returns. 0 is success, every error is negative.
 *
 * A failed probe is not an error but data (base/outcome.h). errno never leaves the
 * function that saw it: it is translated to one of these codes there. */
#ifndef PLX_BASE_ERR_H
#define PLX_BASE_ERR_H

/* name, value, sentence */
#define PLX_ERR_TABLE(X)                                                                 \
    X(NOMEM, 1, "out of memory or over a configured capacity")                           \
    X(INVAL, 2, "invalid input")                                                         \
    X(NOTFOUND, 3, "not found")                                                          \
    X(EXISTS, 4, "exists already")                                                       \
    X(TOOBIG, 5, "over a size limit")                                                    \
    X(MALFORMED, 6, "malformed bytes")                                                   \
    X(VERSION, 7, "unsupported version")                                                 \
    X(IO, 8, "input/output error")                                                       \
    X(NOSPACE, 9, "no space left on the disk")                                           \
    X(BUSY, 10, "busy: in use by another process")                                       \
    X(AGAIN, 11, "would block: try again later")                                         \
    X(DENIED, 12, "permission denied")                                                   \
    X(TIMEOUT, 13, "timed out")                                                          \
    X(GONE, 14, "the peer is gone")                                                      \
    X(CORRUPT, 15, "corrupt data")                                                       \
    X(CONFLICT, 16, "conflicts with the present state")                                  \
    X(UNSUPPORTED, 17, "not supported")

enum plx_err {
    PLX_OK = 0,
#define X(name, value, sentence) PLX_E##name = -(value),
    PLX_ERR_TABLE(X)
#undef X
};

/* A lower-case sentence for `err` (0 or PLX_E…); never NULL. */
const char *plx_err_text(int err);

/* The short token of `err`, for logs: "NOMEM", "INVAL", …; "OK" for 0. */
const char *plx_err_token(int err);

#endif
