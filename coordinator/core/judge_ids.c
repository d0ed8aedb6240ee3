#include "coordinator/core/judge_ids.h"

#include <stdlib.h>
#include <string.h>

static uint32_t ids_place(const struct plx_ids *l, uint32_t id)
{
    uint32_t lo = 0, hi = l->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (l->ids[mid] < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool plx_ids_has(const struct plx_ids *l, uint32_t id)
{
    uint32_t at = ids_place(l, id);
    return at < l->n && l->ids[at] == id;
}

void plx_ids_add(struct plx_ids *l, uint32_t id)
{
    uint32_t at = ids_place(l, id);
    if (at < l->n && l->ids[at] == id)
        return;
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 8;
        l->ids = realloc(l->ids, l->cap * sizeof *l->ids);
        if (l->ids == NULL)
            abort();
    }
    memmove(l->ids + at + 1, l->ids + at, (l->n - at) * sizeof *l->ids);
    l->ids[at] = id;
    l->n++;
}

void plx_ids_remove(struct plx_ids *l, uint32_t id)
{
    uint32_t at = ids_place(l, id);
    if (at == l->n || l->ids[at] != id)
        return;
    l->n--;
    memmove(l->ids + at, l->ids + at + 1, (l->n - at) * sizeof *l->ids);
}

bool plx_ids_same(const struct plx_ids *a, const struct plx_ids *b)
{
    return a->n == b->n &&
           (a->n == 0 || memcmp(a->ids, b->ids, a->n * sizeof *a->ids) == 0);
}

void plx_ids_fini(struct plx_ids *l)
{
    free(l->ids);
    *l = (struct plx_ids){0};
}
