#include "proto/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES (64 * 1024)
#define ALIGNMENT   16

struct plx_arena_block {
    struct plx_arena_block *next;
    size_t size; /* of data */
    size_t used;
    _Alignas(ALIGNMENT) char data[];
};

void plx_arena_init(struct plx_arena *arena, size_t budget)
{
    *arena = (struct plx_arena){.budget = budget};
}

static void free_from(struct plx_arena_block *block)
{
    while (block) {
        struct plx_arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void plx_arena_fini(struct plx_arena *arena)
{
    free_from(arena->blocks);
    arena->blocks = NULL;
    arena->used = 0;
}

void plx_arena_reset(struct plx_arena *arena)
{
    struct plx_arena_block *kept = arena->blocks;
    if (!kept)
        return;
    free_from(kept->next);
    kept->next = NULL;
    kept->used = 0;
    arena->used = kept->size;
}

static struct plx_arena_block *add_block(struct plx_arena *arena, size_t need)
{
    size_t size = need > BLOCK_BYTES ? need : BLOCK_BYTES;
    if (size > arena->budget - arena->used)
        return NULL;
    struct plx_arena_block *block = malloc(sizeof *block + size);
    if (!block)
        return NULL;
    block->next = arena->blocks;
    block->size = size;
    block->used = 0;
    arena->blocks = block;
    arena->used += size;
    return block;
}

void *plx_arena_alloc(struct plx_arena *arena, size_t size)
{
    if (size > arena->budget)
        return NULL;
    size_t need = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct plx_arena_block *block = arena->blocks;
    if (!block || need > block->size - block->used)
        block = add_block(arena, need);
    if (!block)
        return NULL;
    void *p = block->data + block->used;
    block->used += need;
    return p;
}

void *plx_arena_array(struct plx_arena *arena, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    void *p = plx_arena_alloc(arena, bytes);
    return p ? memset(p, 0, bytes) : NULL;
}
