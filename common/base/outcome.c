#include "base/outcome.h"

#include <stddef.h>
#include <string.h>

struct row {
    const char *token;
    enum plx_outcome_class class;
};

static const struct row rows[PLX_OUTCOME_COUNT_] = {
    [PLX_OUTCOME_NONE] = {"none", PLX_CLASS_LOCAL},
#define X(name, value, class, token) [PLX_OUTCOME_##name] = {token, PLX_CLASS_##class},
    PLX_OUTCOME_TABLE(X)
#undef X
};

static const char *const unreach_tokens[] = {
    [PLX_UNREACH_NONE] = "",     [PLX_UNREACH_NET] = "net",
    [PLX_UNREACH_HOST] = "host", [PLX_UNREACH_PROHIBITED] = "prohibited",
    [PLX_UNREACH_PORT] = "port", [PLX_UNREACH_OTHER] = "other",
};

static const struct row *row_of(enum plx_outcome o)
{
    return (unsigned)o < PLX_OUTCOME_COUNT_ ? &rows[o] : &rows[PLX_OUTCOME_NONE];
}

const char *plx_outcome_token(enum plx_outcome o)
{
    return row_of(o)->token;
}

enum plx_outcome_class plx_outcome_class(enum plx_outcome o)
{
    return row_of(o)->class;
}

enum plx_outcome plx_outcome_parse(const char *token)
{
    for (int i = 1; i < PLX_OUTCOME_COUNT_; i++)
        if (strcmp(rows[i].token, token) == 0)
            return (enum plx_outcome)i;
    return PLX_OUTCOME_NONE;
}

bool plx_outcome_is_local(enum plx_outcome o)
{
    return plx_outcome_class(o) == PLX_CLASS_LOCAL;
}

const char *plx_unreach_token(enum plx_unreach u)
{
    size_t n = sizeof unreach_tokens / sizeof *unreach_tokens;
    return (size_t)u < n ? unreach_tokens[u] : "";
}

enum plx_unreach plx_unreach_parse(const char *token)
{
    size_t n = sizeof unreach_tokens / sizeof *unreach_tokens;
    for (size_t i = 1; i < n; i++)
        if (strcmp(unreach_tokens[i], token) == 0)
            return (enum plx_unreach)i;
    return PLX_UNREACH_NONE;
}
