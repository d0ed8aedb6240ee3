/* A pattern over bytes (PCRE2) with bounded work: for what servers say.
 *
 * Patterns and subjects are bytes, not UTF-8; '.' does not match a line feed unless the
 * pattern says (?s). A match costs at most the limits in regex.c, whatever the pattern
 * and the subject. One thread at a time per object. */
#ifndef PLX_BASE_REGEX_H
#define PLX_BASE_REGEX_H

#include "base/why.h"

#include <stdbool.h>
#include <stddef.h>

#define PLX_REGEX_PATTERN_MAX 512

struct plx_regex;

/* Returns 0, or PLX_EINVAL with a sentence that says what is wrong and at which
 * character. */
int plx_regex_new(const char *pattern, size_t len, struct plx_regex **ret,
                  struct plx_why *why);
void plx_regex_destroy(struct plx_regex **regex);

enum plx_regex_verdict {
    PLX_REGEX_NO,    /* it does not match; what follows may still make it match unless
                        the pattern is anchored */
    PLX_REGEX_MAYBE, /* the subject is the beginning of a match */
    PLX_REGEX_YES,
    PLX_REGEX_LIMIT, /* too much work to tell */
};

/* Searches the subject; `ret_end` (YES only) is how much of it lies up to the end of the
 * match. */
enum plx_regex_verdict plx_regex_match(struct plx_regex *regex, const void *subject,
                                       size_t len, size_t *ret_end);
#define PLX_REGEX_GROUPS_MAX 10
/* Where group `n` (0: the whole) of the match just found (YES) lies in its subject.
 * False, outputs untouched: it took no part, there is no such group, or it is beyond the
 * first nine. */
bool plx_regex_group(const struct plx_regex *regex, unsigned n, size_t *ret_from,
                     size_t *ret_to);
/* Whether a match can only begin where the subject begins. */
bool plx_regex_is_anchored(const struct plx_regex *regex);

#endif
