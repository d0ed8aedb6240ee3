/* Small records of one size, in chunks that do not move: what a large outage needed is
 * given back, and a record that is taken again costs no allocation. */
#ifndef PLX_CORE_JUDGE_POOL_H
#define PLX_CORE_JUDGE_POOL_H

#include <stdint.h>

#define PLX_POOL_CHUNK 1024u /* records */

struct plx_pool_chunk {
    uint32_t n_used, free; /* free: head of the free ones, by index, linked by their first
                              4 bytes */
    uint64_t bytes[];
};

/* All zero is ready. `size`, the bytes of a record, is the same at every call: a multiple
 * of 4. */
struct plx_pool {
    struct plx_pool_chunk **chunks; /* NULL: given back */
    uint32_t n_chunks, hint, n_free, n_used;
};

void plx_pool_fini(struct plx_pool *pool);

/* The number of a record that was free. Allocates only when none is. */
uint32_t plx_pool_take(struct plx_pool *pool, uint32_t size);
void plx_pool_give(struct plx_pool *pool, uint32_t record, uint32_t size);

/* Sees to it that `want` more are free, and that not many more chunks than that take are
 * kept. */
void plx_pool_reserve(struct plx_pool *pool, uint32_t want, uint32_t size);

/* The record: stays where it is until it is given. */
static inline void *plx_pool_at(const struct plx_pool *pool, uint32_t record,
                                uint32_t size)
{
    struct plx_pool_chunk *c = pool->chunks[record / PLX_POOL_CHUNK];
    return (char *)c->bytes + record % PLX_POOL_CHUNK * size;
}

#endif
