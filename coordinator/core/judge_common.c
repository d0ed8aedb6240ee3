#include "coordinator/core/judge_common.h"

#include "base/rng.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void plx_commons_fini(struct plx_commons *s)
{
    for (uint32_t i = 0; i < s->cap; i++)
        free(s->index[i]);
    free(s->index);
    *s = (struct plx_commons){0};
}

static uint32_t home_of(const struct plx_commons *s, const struct plx_common *c)
{
    return (uint32_t)plx_hash_bytes(c + 1, c->size - sizeof *c, c->size) & (s->cap - 1);
}

static void put(struct plx_commons *s, struct plx_common *c)
{
    uint32_t i = home_of(s, c);
    while (s->index[i] != NULL)
        i = (i + 1) & (s->cap - 1);
    s->index[i] = c;
}

/* Keeps it half empty. */
static void reach(struct plx_commons *s)
{
    if (2 * (s->n + 1) <= s->cap)
        return;
    struct plx_common **old = s->index;
    uint32_t n = s->cap;
    s->cap = n ? 2 * n : 16;
    s->index = calloc(s->cap, sizeof(struct plx_common *));
    if (s->index == NULL)
        abort();
    for (uint32_t i = 0; i < n; i++)
        if (old[i] != NULL)
            put(s, old[i]);
    free(old);
}

static bool is_same(const struct plx_common *a, const struct plx_common *b)
{
    return a->size == b->size && memcmp(a + 1, b + 1, a->size - sizeof *a) == 0;
}

void *plx_commons_take(struct plx_commons *s, const void *like)
{
    const struct plx_common *c = like;
    reach(s);
    for (uint32_t i = home_of(s, c); s->index[i] != NULL; i = (i + 1) & (s->cap - 1))
        if (is_same(s->index[i], c)) {
            s->index[i]->refs++;
            return s->index[i];
        }
    struct plx_common *new = malloc(c->size);
    if (new == NULL)
        abort();
    memcpy(new, c, c->size);
    new->refs = 1;
    put(s, new);
    s->n++;
    return new;
}

void plx_commons_drop(struct plx_commons *s, void *common)
{
    struct plx_common *c = common;
    if (c == NULL || --c->refs > 0)
        return;
    uint32_t i = home_of(s, c);
    while (s->index[i] != c)
        i = (i + 1) & (s->cap - 1);
    s->index[i] = NULL;
    s->n--;
    /* Those behind it must not become unreachable. */
    for (i = (i + 1) & (s->cap - 1); s->index[i] != NULL; i = (i + 1) & (s->cap - 1)) {
        struct plx_common *next = s->index[i];
        s->index[i] = NULL;
        put(s, next);
    }
    free(c);
}
