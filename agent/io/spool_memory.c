#include "agent/io/spool_memory.h"

#include <stdlib.h>
#include <string.h>

static uint64_t rows_of(const struct plx_spool_chunk *chunk)
{
    return chunk->gap ? 0 : chunk->last - chunk->first + 1;
}

static struct plx_spool_kept keep(const struct plx_spool_chunk *chunk, const char *frame,
                                  size_t len)
{
    struct plx_spool_kept kept = {*chunk, malloc(len ? len : 1), len};
    if (!kept.frame)
        abort();
    memcpy(kept.frame, frame, len);
    return kept;
}

static void note_oldest(struct plx_spool_memory *m)
{
    m->totals.oldest.ns = m->head < m->n ? m->list[m->head].chunk.from.ns : 0;
}

static void take_first(struct plx_spool_memory *m)
{
    struct plx_spool_kept *first = &m->list[m->head++];
    m->totals.rows -= rows_of(&first->chunk);
    m->totals.bytes -= first->len;
    free(first->frame);
}

void plx_spool_memory_clear(struct plx_spool_memory *memory)
{
    while (memory->head < memory->n)
        take_first(memory);
    free(memory->list);
    *memory = (struct plx_spool_memory){.n = 0};
}

/* Room behind the last: what was taken from the front is used again. */
static void make_room(struct plx_spool_memory *m)
{
    if (m->n < m->cap)
        return;
    if (m->head > m->cap / 2) {
        memmove(m->list, m->list + m->head, (m->n - m->head) * sizeof *m->list);
        m->n -= m->head;
        m->head = 0;
        return;
    }
    m->cap = m->cap ? 2 * m->cap : 64;
    m->list = realloc(m->list, m->cap * sizeof *m->list);
    if (!m->list)
        abort();
}

void plx_spool_memory_append(struct plx_spool_memory *memory,
                             const struct plx_spool_chunk *chunk, const char *frame,
                             size_t len)
{
    make_room(memory);
    memory->list[memory->n++] = keep(chunk, frame, len);
    memory->stream.last = chunk->last;
    memory->totals.rows += rows_of(chunk);
    memory->totals.bytes += len;
    note_oldest(memory);
}

void plx_spool_memory_ack(struct plx_spool_memory *memory, uint64_t seq)
{
    if (seq <= memory->stream.acked)
        return;
    memory->stream.acked = seq;
    while (memory->head < memory->n && memory->list[memory->head].chunk.last <= seq)
        take_first(memory);
    note_oldest(memory);
}

const struct plx_spool_kept *plx_spool_memory_find(const struct plx_spool_memory *memory,
                                                   uint64_t seq)
{
    size_t low = memory->head, high = memory->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memory->list[middle].chunk.last < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low < memory->n ? &memory->list[low] : NULL;
}

bool plx_spool_memory_drop_oldest(struct plx_spool_memory *memory,
                                  struct plx_spool_chunk *ret_gap, uint64_t *ret_dropped)
{
    struct plx_spool_memory *m = memory;
    if (m->totals.rows == 0)
        return false;
    struct plx_spool_chunk gap = m->list[m->head].chunk;
    uint64_t dropped = 0;
    while (dropped == 0) {
        const struct plx_spool_chunk *chunk = &m->list[m->head].chunk;
        dropped = rows_of(chunk);
        gap.last = chunk->last;
        if (chunk->to.ns > gap.to.ns)
            gap.to = chunk->to;
        take_first(m);
    }
    gap.gap = true;
    *ret_gap = gap;
    *ret_dropped = dropped;
    return true;
}

void plx_spool_memory_put_first(struct plx_spool_memory *memory,
                                const struct plx_spool_chunk *gap, const char *frame,
                                size_t len)
{
    memory->list[--memory->head] = keep(gap, frame, len);
    memory->totals.bytes += len;
    note_oldest(memory);
}
