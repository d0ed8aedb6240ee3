#include "base/regex.h"

#include "base/err.h"

#include <stdint.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* About 2 ms of backtracking and 64 KiB of its memory at most: a catastrophic pattern
 * costs a probe, not the loop. */
#define MATCH_LIMIT 20000
#define DEPTH_LIMIT 1000
#define HEAP_KIB    64

struct plx_regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
    bool anchored;
    unsigned n_groups; /* of the last match, the whole included */
};

static int refuse(int error, size_t at, struct plx_why *why)
{
    PCRE2_UCHAR text[128] = "";
    pcre2_get_error_message(error, text, sizeof text);
    return plx_why_set(why, PLX_EINVAL, "%s at character %zu", (const char *)text,
                       at + 1);
}

int plx_regex_new(const char *pattern, size_t len, struct plx_regex **ret,
                  struct plx_why *why)
{
    int error = 0;
    size_t at = 0;
    uint32_t options = 0;
    if (len > PLX_REGEX_PATTERN_MAX)
        return plx_why_set(why, PLX_EINVAL, "it is longer than %d bytes",
                           PLX_REGEX_PATTERN_MAX);
    pcre2_code *code = pcre2_compile(
        (PCRE2_SPTR)pattern, len,
        PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &at, NULL);
    if (!code)
        return refuse(error, at, why);
    struct plx_regex *regex = calloc(1, sizeof *regex);
    if (!regex)
        abort();
    regex->code = code;
    regex->data = pcre2_match_data_create(PLX_REGEX_GROUPS_MAX, NULL);
    regex->limits = pcre2_match_context_create(NULL);
    if (!regex->data || !regex->limits)
        abort();
    pcre2_set_match_limit(regex->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(regex->limits, DEPTH_LIMIT);
    pcre2_set_heap_limit(regex->limits, HEAP_KIB);
    pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &options);
    regex->anchored = (options & PCRE2_ANCHORED) != 0;
    *ret = regex;
    return 0;
}

void plx_regex_destroy(struct plx_regex **regex)
{
    if (!*regex)
        return;
    pcre2_match_context_free((*regex)->limits);
    pcre2_match_data_free((*regex)->data);
    pcre2_code_free((*regex)->code);
    free(*regex);
    *regex = NULL;
}

enum plx_regex_verdict plx_regex_match(struct plx_regex *regex, const void *subject,
                                       size_t len, size_t *ret_end)
{
    int rc = pcre2_match(regex->code, subject, len, 0, PCRE2_PARTIAL_SOFT, regex->data,
                         regex->limits);
    if (rc >= 0) {
        regex->n_groups = rc > 0 ? (unsigned)rc : PLX_REGEX_GROUPS_MAX;
        *ret_end = pcre2_get_ovector_pointer(regex->data)[1];
        return PLX_REGEX_YES;
    }
    switch (rc) {
    case PCRE2_ERROR_NOMATCH:
        return PLX_REGEX_NO;
    case PCRE2_ERROR_PARTIAL:
        return PLX_REGEX_MAYBE;
    default:
        return PLX_REGEX_LIMIT;
    }
}

bool plx_regex_group(const struct plx_regex *regex, unsigned n, size_t *ret_from,
                     size_t *ret_to)
{
    const PCRE2_SIZE *pairs = pcre2_get_ovector_pointer(regex->data);
    if (n >= regex->n_groups || pairs[2 * n] == PCRE2_UNSET)
        return false;
    *ret_from = pairs[2 * n];
    *ret_to = pairs[2 * n + 1];
    return true;
}

bool plx_regex_is_anchored(const struct plx_regex *regex)
{
    return regex->anchored;
}
