#include "coordinator/core/judge_watchers.h"

#include "base/rng.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void plx_watch_lists_fini(struct plx_watch_lists *r)
{
    for (uint32_t i = 0; i < r->cap; i++)
        free(r->index[i]);
    free(r->index);
    *r = (struct plx_watch_lists){0};
}

static uint32_t hash_of(const uint16_t *agents, uint32_t n)
{
    return (uint32_t)plx_hash_bytes(agents, n * sizeof *agents, n);
}

static uint32_t home_of(const struct plx_watch_lists *r, const struct plx_watchers *w)
{
    return hash_of(w->agents, w->n) & (r->cap - 1);
}

static void put(struct plx_watch_lists *r, struct plx_watchers *w)
{
    uint32_t i = home_of(r, w);
    while (r->index[i] != NULL)
        i = (i + 1) & (r->cap - 1);
    r->index[i] = w;
}

/* Keeps it half empty. */
static void reach(struct plx_watch_lists *r)
{
    if (2 * (r->n + 1) <= r->cap)
        return;
    struct plx_watchers **old = r->index;
    uint32_t n = r->cap;
    r->cap = n ? 2 * n : 16;
    r->index = calloc(r->cap, sizeof(struct plx_watchers *));
    if (r->index == NULL)
        abort();
    for (uint32_t i = 0; i < n; i++)
        if (old[i] != NULL)
            put(r, old[i]);
    free(old);
}

static struct plx_watchers *watchers_new(const uint32_t *agents, uint32_t n)
{
    struct plx_watchers *w = malloc(sizeof *w + n * sizeof w->agents[0]);
    if (w == NULL)
        abort();
    w->n = n;
    w->refs = 1;
    for (uint32_t i = 0; i < n; i++)
        w->agents[i] = (uint16_t)agents[i];
    return w;
}

static bool is_same(const struct plx_watchers *a, const struct plx_watchers *b)
{
    return a->n == b->n && memcmp(a->agents, b->agents, a->n * sizeof a->agents[0]) == 0;
}

struct plx_watchers *plx_watch_lists_take(struct plx_watch_lists *r,
                                          const uint32_t *agents, uint32_t n)
{
    reach(r);
    struct plx_watchers *w = watchers_new(agents, n);
    for (uint32_t i = home_of(r, w); r->index[i] != NULL; i = (i + 1) & (r->cap - 1))
        if (is_same(r->index[i], w)) {
            free(w);
            r->index[i]->refs++;
            return r->index[i];
        }
    put(r, w);
    r->n++;
    return w;
}

void plx_watch_lists_drop(struct plx_watch_lists *r, struct plx_watchers *w)
{
    if (w == NULL || --w->refs > 0)
        return;
    uint32_t i = home_of(r, w);
    while (r->index[i] != w)
        i = (i + 1) & (r->cap - 1);
    r->index[i] = NULL;
    r->n--;
    /* Those behind it must not become unreachable. */
    for (i = (i + 1) & (r->cap - 1); r->index[i] != NULL; i = (i + 1) & (r->cap - 1)) {
        struct plx_watchers *next = r->index[i];
        r->index[i] = NULL;
        put(r, next);
    }
    free(w);
}
