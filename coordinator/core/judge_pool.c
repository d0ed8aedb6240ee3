#include "coordinator/core/judge_pool.h"

#include <stdlib.h>
#include <string.h>

void plx_pool_fini(struct plx_pool *p)
{
    for (uint32_t i = 0; i < p->n_chunks; i++)
        free(p->chunks[i]);
    free(p->chunks);
    *p = (struct plx_pool){0};
}

static struct plx_pool_chunk *chunk_new(uint32_t size)
{
    struct plx_pool_chunk *c = calloc(1, sizeof *c + (size_t)PLX_POOL_CHUNK * size);
    if (c == NULL)
        abort();
    for (uint32_t i = 0, next; i < PLX_POOL_CHUNK; i++) {
        next = i + 1;
        memcpy((char *)c->bytes + (size_t)i * size, &next, sizeof next);
    }
    return c;
}

static void chunk_add(struct plx_pool *p, uint32_t size)
{
    uint32_t i = 0;
    while (i < p->n_chunks && p->chunks[i] != NULL)
        i++;
    if (i == p->n_chunks) {
        p->chunks = realloc(p->chunks, (i + 1) * sizeof(struct plx_pool_chunk *));
        if (p->chunks == NULL)
            abort();
        p->n_chunks++;
    }
    p->chunks[i] = chunk_new(size);
    p->hint = i < p->hint ? i : p->hint;
    p->n_free += PLX_POOL_CHUNK;
}

uint32_t plx_pool_take(struct plx_pool *p, uint32_t size)
{
    if (p->n_free == 0)
        chunk_add(p, size);
    while (p->chunks[p->hint] == NULL || p->chunks[p->hint]->n_used == PLX_POOL_CHUNK)
        p->hint++;
    struct plx_pool_chunk *c = p->chunks[p->hint];
    uint32_t record = p->hint * PLX_POOL_CHUNK + c->free;
    memcpy(&c->free, plx_pool_at(p, record, size), sizeof c->free);
    c->n_used++;
    p->n_used++;
    p->n_free--;
    return record;
}

void plx_pool_give(struct plx_pool *p, uint32_t record, uint32_t size)
{
    struct plx_pool_chunk *c = p->chunks[record / PLX_POOL_CHUNK];
    memcpy(plx_pool_at(p, record, size), &c->free, sizeof c->free);
    c->free = record % PLX_POOL_CHUNK;
    c->n_used--;
    p->n_used--;
    p->n_free++;
    if (record / PLX_POOL_CHUNK < p->hint)
        p->hint = record / PLX_POOL_CHUNK;
}

void plx_pool_reserve(struct plx_pool *p, uint32_t want, uint32_t size)
{
    while (p->n_free < want)
        chunk_add(p, size);
    for (uint32_t i = p->n_chunks; i-- > 0 && p->n_free >= want + 2 * PLX_POOL_CHUNK;)
        if (p->chunks[i] != NULL && p->chunks[i]->n_used == 0) {
            free(p->chunks[i]);
            p->chunks[i] = NULL;
            p->n_free -= PLX_POOL_CHUNK;
        }
}
