#include "agent/troubles.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A step of the clock worth a word: slewing stays far below it in 100 ms. */
#define STEP_NS  (100 * PLX_MS_NS)
/* A stall worth a word: the kernel sends the third ACK after 200 ms. */
#define STALL_NS (150 * PLX_MS_NS)

void plx_troubles_note(struct plx_troubles *troubles, const struct plx_result *result)
{
    size_t detail = (size_t)result->detail;
    if (plx_outcome_is_local(result->outcome) &&
        detail < sizeof troubles->counts / sizeof *troubles->counts)
        troubles->counts[detail]++;
}

static void add(struct plx_troubles *t, size_t *n, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void add(struct plx_troubles *t, size_t *n, const char *fmt, ...)
{
    va_list args;
    if (*n == PLX_TROUBLES_MAX)
        return;
    va_start(args, fmt);
    vsnprintf(t->texts[*n], sizeof t->texts[*n], fmt, args);
    va_end(args);
    t->list[*n] = t->texts[*n];
    (*n)++;
}

static void add_spool(struct plx_troubles *t, size_t *n,
                      const struct plx_spool_stats *spool)
{
    const char *meanwhile = spool->in_memory
                                ? "are delivered from memory only, and would "
                                  "not survive a restart"
                                : "wait in memory";
    if (spool->state == PLX_SPOOL_FULL)
        add(t, n, "the disk of the spool is full: results %s", meanwhile);
    if (spool->state == PLX_SPOOL_FAILED)
        add(t, n, "the spool cannot be written: results %s", meanwhile);
    if (spool->moved_aside)
        add(t, n, "the spool was damaged and moved aside: results are missing");
}

void plx_troubles_watch_clock(struct plx_troubles *troubles, struct plx_mono mono,
                              struct plx_wall wall)
{
    struct plx_troubles *t = troubles;
    int64_t clock_ns = wall.ns - mono.ns;
    int64_t step_ns = clock_ns - t->clock_ns;
    if (t->clock_ns != 0 && (step_ns >= STEP_NS || step_ns <= -STEP_NS))
        t->step_ns += step_ns;
    t->clock_ns = clock_ns;
}

size_t plx_troubles_take(struct plx_troubles *troubles,
                         const struct plx_spool_stats *spool)
{
    struct plx_troubles *t = troubles;
    size_t n = 0;
    add_spool(t, &n, spool);
    if (t->stall_ns >= STALL_NS)
        add(t, &n, "the event loop stood still for %" PRId64 " ms",
            t->stall_ns / PLX_MS_NS);
    if (t->step_ns != 0)
        add(t, &n, "the clock was set by %+" PRId64 " ms", t->step_ns / PLX_MS_NS);
    for (size_t d = 0; d < sizeof t->counts / sizeof *t->counts; d++)
        if (t->counts[d])
            add(t, &n, "%" PRIu32 " probes not made: %s", t->counts[d],
                plx_detail_sentence((enum plx_detail)d));
    memset(t->counts, 0, sizeof t->counts);
    t->stall_ns = 0;
    t->step_ns = 0;
    return n;
}
