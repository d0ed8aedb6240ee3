/* A min-heap of (time, id) pairs: who is due first.
 *
 * 4-ary, so that a sift touches few cache lines. There is no removal from the middle:
 * the owner keeps the valid time of each id and ignores pairs that do not match it. */
#ifndef PLX_AGENT_CORE_HEAP_H
#define PLX_AGENT_CORE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plx_heap_item {
    int64_t at_ns;
    uint32_t id;
};

/* A zeroed struct is an empty heap. */
struct plx_heap {
    struct plx_heap_item *items;
    size_t n, cap;
};

/* Frees the storage; the heap is empty and may be used again. */
void plx_heap_fini(struct plx_heap *heap);
/* Aborts when memory is out. */
void plx_heap_push(struct plx_heap *heap, int64_t at_ns, uint32_t id);
/* The earliest pair, or NULL. Lent until the next push or pop. */
const struct plx_heap_item *plx_heap_top(const struct plx_heap *heap);
/* Removes the earliest pair; the heap is not empty. */
void plx_heap_pop(struct plx_heap *heap);

#endif
