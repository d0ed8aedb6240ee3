#include "coordinator/io/role.h"

#include "base/err.h"

#include <stddef.h>
#include <string.h>

static const char *const tokens[] = {
#define X(name, token) [PLX_ROLE_##name] = token,
    PLX_ROLE_TABLE(X)
#undef X
};

const char *plx_role_token(enum plx_role role)
{
    return tokens[role];
}

int plx_role_parse(const char *token, enum plx_role *ret)
{
    for (size_t i = PLX_ROLE_VIEWER; i < sizeof tokens / sizeof *tokens; i++)
        if (strcmp(tokens[i], token) == 0) {
            *ret = (enum plx_role)i;
            return 0;
        }
    return PLX_EINVAL;
}
