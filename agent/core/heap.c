#include "agent/core/heap.h"

#include <stdlib.h>

enum { ARITY = 4 };

void plx_heap_fini(struct plx_heap *heap)
{
    free(heap->items);
    *heap = (struct plx_heap){0};
}

static void sift_up(struct plx_heap *heap, size_t i)
{
    struct plx_heap_item item = heap->items[i];
    while (i > 0) {
        size_t parent = (i - 1) / ARITY;
        if (heap->items[parent].at_ns <= item.at_ns)
            break;
        heap->items[i] = heap->items[parent];
        i = parent;
    }
    heap->items[i] = item;
}

static size_t least_child(const struct plx_heap *heap, size_t i)
{
    size_t first = i * ARITY + 1;
    size_t end = first + ARITY < heap->n ? first + ARITY : heap->n;
    size_t least = first;
    for (size_t c = first + 1; c < end; c++)
        if (heap->items[c].at_ns < heap->items[least].at_ns)
            least = c;
    return least;
}

static void sift_down(struct plx_heap *heap, size_t i)
{
    struct plx_heap_item item = heap->items[i];
    while (i * ARITY + 1 < heap->n) {
        size_t child = least_child(heap, i);
        if (heap->items[child].at_ns >= item.at_ns)
            break;
        heap->items[i] = heap->items[child];
        i = child;
    }
    heap->items[i] = item;
}

void plx_heap_push(struct plx_heap *heap, int64_t at_ns, uint32_t id)
{
    if (heap->n == heap->cap) {
        size_t cap = heap->cap ? heap->cap * 2 : 64;
        heap->items = realloc(heap->items, cap * sizeof *heap->items);
        if (!heap->items)
            abort();
        heap->cap = cap;
    }
    heap->items[heap->n] = (struct plx_heap_item){at_ns, id};
    sift_up(heap, heap->n++);
}

const struct plx_heap_item *plx_heap_top(const struct plx_heap *heap)
{
    return heap->n ? &heap->items[0] : NULL;
}

void plx_heap_pop(struct plx_heap *heap)
{
    heap->items[0] = heap->items[--heap->n];
    if (heap->n)
        sift_down(heap, 0);
}
