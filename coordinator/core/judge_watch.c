#include "coordinator/core/judge_watch.h"

#include <stdlib.h>

/* Slots of the smallest table. */
#define LEAST 256u

void plx_watches_fini(struct plx_watches *w)
{
    free(w->at);
    *w = (struct plx_watches){0};
}

static struct plx_watch *slot_of(const struct plx_watches *w, uint32_t monitor)
{
    uint32_t i = plx_watches_home(w, monitor);
    while (w->at[i].key != 0 && w->at[i].key != monitor + 1)
        i = (i + 1) & (w->cap - 1);
    return &w->at[i];
}

/* Begins a table of `cap` slots with those of the old one that are worth keeping. */
static void rebuild(struct plx_watches *w, uint32_t cap, uint32_t before)
{
    struct plx_watches old = *w;
    *w = (struct plx_watches){calloc(cap, sizeof *w->at), 0, cap};
    if (w->at == NULL)
        abort();
    for (uint32_t i = 0; i < old.cap; i++) {
        const struct plx_watch *o = &old.at[i];
        if (o->key == 0 || o->asked < before)
            continue;
        *slot_of(w, o->key - 1) = *o;
        w->n++;
    }
    free(old.at);
}

struct plx_watch *plx_watches_of(struct plx_watches *w, uint32_t monitor)
{
    if (w->n + w->n / 5 >= w->cap)
        rebuild(w, w->cap == 0 ? LEAST : w->cap * 2, 0);
    struct plx_watch *at = slot_of(w, monitor);
    if (at->key == 0) {
        at->key = monitor + 1;
        w->n++;
    }
    return at;
}

void plx_watches_purge(struct plx_watches *w, uint32_t before)
{
    uint32_t n = 0, cap = LEAST;
    for (uint32_t i = 0; i < w->cap; i++)
        n += w->at[i].key != 0 && w->at[i].asked >= before;
    while (cap < n + n / 3)
        cap *= 2;
    if (n < w->n)
        rebuild(w, cap, before);
}
