/* There are no routers in here: an agent that is to walk a way finds no room for it. */
#include "agent/io/tracer.h"
#include "base/err.h"

#include <stdlib.h>

struct plx_tracer {
    int nothing;
};

int plx_tracer_new(uint64_t seed, plx_tracer_done_fn *done, void *arg,
                   struct plx_tracer **ret, struct plx_why *why)
{
    (void)seed, (void)done, (void)arg, (void)why;
    *ret = calloc(1, sizeof **ret);
    if (!*ret)
        abort();
    return 0;
}

void plx_tracer_destroy(struct plx_tracer **tracer)
{
    free(*tracer);
    *tracer = NULL;
}

int plx_tracer_start(struct plx_tracer *tracer, const struct plx_trace_order *order)
{
    (void)tracer, (void)order;
    return PLX_EAGAIN;
}

int plx_tracer_fd(const struct plx_tracer *tracer)
{
    (void)tracer;
    return -1;
}

void plx_tracer_ready(struct plx_tracer *tracer)
{
    (void)tracer;
}

void plx_tracer_tick(struct plx_tracer *tracer)
{
    (void)tracer;
}
