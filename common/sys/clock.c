#include "sys/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * PLX_SEC_NS + ts.tv_nsec;
}

struct plx_mono plx_clock_mono(void)
{
    return (struct plx_mono){read_clock(CLOCK_MONOTONIC)};
}

struct plx_wall plx_clock_wall(void)
{
    return (struct plx_wall){read_clock(CLOCK_REALTIME)};
}
