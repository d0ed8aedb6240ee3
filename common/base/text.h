/* Bounded handling of text from outside: copying, numbers, UTF-8, host:port. */
#ifndef PLX_BASE_TEXT_H
#define PLX_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies `src` with its NUL into `dst` of `size` bytes. Returns 0, or PLX_ETOOBIG
 * (dst untouched). */
int plx_text_copy(char *dst, size_t size, const char *src);

/* A heap copy (the caller frees); aborts when memory is out. NULL gives NULL. */
char *plx_text_dup(const char *src);

/* The whole of `text` as a decimal number in [min, max]. No sign other than '-', no
 * spaces. Returns 0 or PLX_EINVAL. */
int plx_text_int(const char *text, int64_t min, int64_t max, int64_t *ret);

/* The whole of `text` as a finite decimal number in [min, max]. 0 or PLX_EINVAL. */
int plx_text_double(const char *text, double min, double max, double *ret);

/* True for well-formed UTF-8 (RFC 3629) without NUL and other C0/C1 controls, so that it
 * can stand in a log line or on a terminal. */
bool plx_text_is_clean(const char *text, size_t len);

/* How many of the text's first `max` bytes there are without the part of a character, for
 * a text that has to be cut: "%.*s" takes them. */
size_t plx_text_cut(const char *text, size_t max);

/* Replaces in place by '?', byte by byte, what a terminal must not be given: controls,
 * what is no UTF-8, and what does not show (see plx_text_is_name). */
void plx_text_tame(char *text);

/* A name of ours (monitor, agent, region, label key, receiver): 1-128 bytes of clean
 * UTF-8 that neither begins nor ends with a space, without characters that do not show
 * (Unicode TR 36: marks and overrides of direction, zero-width spaces; the joiners that
 * scripts and emoji need are let through). */
#define PLX_NAME_MAX 128
bool plx_text_is_name(const char *text);

/* The same, but for what does not show: what has been stored or sent by versions that did
 * not look for that. */
bool plx_text_was_name(const char *text);

/* The name of a file in a folder: 1-255 bytes without '/' and control characters, not
 * beginning with '.'. */
#define PLX_FILE_NAME_MAX 255
bool plx_text_is_file_name(const char *text);

/* A word (region, label key or value, provider): 1-63 of [A-Za-z0-9._-], beginning with a
 * letter or digit. */
#define PLX_WORD_MAX 63
bool plx_text_is_word(const char *text);

/* A DNS name (RFC 1123, underscores tolerated) or an IPv4/IPv6 literal without brackets;
 * at most 253 bytes. */
#define PLX_HOST_MAX 253
bool plx_text_is_host(const char *text);

/* Splits "host:port", "[v6]:port". Returns 0; PLX_EINVAL for anything else. The host is
 * checked with plx_text_is_host, the port is 1-65535. */
int plx_text_host_port(const char *text, char host[PLX_HOST_MAX + 1], uint16_t *ret_port);

/* The closest of `n` words to `word` by edit distance, if it is close enough to have
 * been meant; NULL otherwise. For "unknown key 'tiemout', did you mean 'timeout'?". */
const char *plx_text_closest(const char *word, const char *const *words, size_t n);

#endif
