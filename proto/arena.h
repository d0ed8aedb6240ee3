/* Memory for one message: allocated piece by piece within a budget, freed at once. */
#ifndef PLX_PROTO_ARENA_H
#define PLX_PROTO_ARENA_H

#include <stddef.h>

struct plx_arena_block;

struct plx_arena {
    struct plx_arena_block *blocks; /* newest first */
    size_t used;                    /* bytes taken from the budget */
    size_t budget;
};

void plx_arena_init(struct plx_arena *arena, size_t budget);
void plx_arena_fini(struct plx_arena *arena);
/* Forgets everything but one block, which serves the next message. */
void plx_arena_reset(struct plx_arena *arena);
/* `size` bytes aligned for any type, not cleared; NULL when the budget is used up. */
void *plx_arena_alloc(struct plx_arena *arena, size_t size);
/* `n` zeroed elements; NULL when the budget is used up or the product overflows. */
void *plx_arena_array(struct plx_arena *arena, size_t n, size_t size);

#endif
