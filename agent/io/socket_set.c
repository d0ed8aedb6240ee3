#include "agent/io/socket_set.h"

#include "base/err.h"

#include <stddef.h>
#include <string.h>

static const char *const tokens[] = {
    [PLX_ENGINE_EPOLL] = "epoll",
    [PLX_ENGINE_IO_URING] = "io_uring",
    [PLX_ENGINE_AUTO] = "auto",
};

int plx_engine_parse(const char *text, enum plx_engine *ret)
{
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        if (strcmp(text, tokens[i]) == 0) {
            *ret = (enum plx_engine)i;
            return 0;
        }
    }
    return PLX_EINVAL;
}

static const struct plx_socket_engine *const engines[] = {
    [PLX_ENGINE_EPOLL] = &plx_socket_epoll,
    [PLX_ENGINE_IO_URING] = &plx_socket_uring,
};

void plx_engine_choose(enum plx_engine *engine, struct plx_why *why)
{
    struct plx_socket_set *trial = NULL;
    if (*engine != PLX_ENGINE_AUTO)
        return;
    int err = plx_socket_uring.open(1, &trial, why);
    plx_socket_set_destroy(&trial);
    *engine = err ? PLX_ENGINE_EPOLL : PLX_ENGINE_IO_URING;
}

int plx_socket_set_new(enum plx_engine engine, uint32_t max, struct plx_socket_set **ret,
                       struct plx_why *why)
{
    return engines[engine]->open(max, ret, why);
}

void plx_socket_set_destroy(struct plx_socket_set **set)
{
    if (*set)
        (*set)->engine->close(set);
}
