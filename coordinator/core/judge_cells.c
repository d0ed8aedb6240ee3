#include "coordinator/core/judge_cells.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of a cache line. */
#define LINE   64u
#define NOBODY UINT32_MAX
/* Cells in trouble that there is room for beforehand: one in so many, and some. */
#define SPARE  48u
#define FEW    1024u

static void *resized(void *p, size_t n, size_t size)
{
    p = realloc(p, n * size);
    if (p == NULL)
        abort();
    return p;
}

void plx_cells_fini(struct plx_cells *s)
{
    free(s->block);
    free(s->failing);
    free(s->held);
    free(s->starts);
    free(s->rank);
    free(s->blocks);
    for (uint32_t i = 0; i < s->n_chunks; i++)
        free(s->chunks[i]);
    free(s->chunks);
    *s = (struct plx_cells){0};
}

/* --- more of a cell ------------------------------------------------------------- */

static struct plx_more_chunk *chunk_new(void)
{
    struct plx_more_chunk *c = calloc(1, sizeof *c);
    if (c == NULL)
        abort();
    for (uint32_t i = 0; i < PLX_MORE_CHUNK; i++)
        c->more[i].first = i + 1;
    return c;
}

static void chunk_add(struct plx_cells *s)
{
    uint32_t i = 0;
    while (i < s->n_chunks && s->chunks[i] != NULL)
        i++;
    if (i == s->n_chunks)
        s->chunks = resized(s->chunks, ++s->n_chunks, sizeof(struct plx_more_chunk *));
    s->chunks[i] = chunk_new();
    s->hint = i < s->hint ? i : s->hint;
    s->n_free += PLX_MORE_CHUNK;
}

static uint32_t more_take(struct plx_cells *s)
{
    if (s->n_free == 0)
        chunk_add(s);
    while (s->chunks[s->hint] == NULL || s->chunks[s->hint]->n_used == PLX_MORE_CHUNK)
        s->hint++;
    struct plx_more_chunk *c = s->chunks[s->hint];
    uint32_t at = c->free;
    c->free = c->more[at].first;
    c->n_used++;
    s->n_free--;
    return s->hint * PLX_MORE_CHUNK + at;
}

static void more_give(struct plx_cells *s, uint32_t i)
{
    struct plx_more_chunk *c = s->chunks[i / PLX_MORE_CHUNK];
    c->more[i % PLX_MORE_CHUNK].first = c->free;
    c->free = i % PLX_MORE_CHUNK;
    c->n_used--;
    s->n_free++;
    if (i / PLX_MORE_CHUNK < s->hint)
        s->hint = i / PLX_MORE_CHUNK;
}

void plx_cells_reserve(struct plx_cells *s)
{
    uint32_t want = s->n / SPARE + FEW;
    while (s->n_free < want)
        chunk_add(s);
    for (uint32_t i = s->n_chunks; i-- > 0 && s->n_free >= want + 2 * PLX_MORE_CHUNK;)
        if (s->chunks[i] != NULL && s->chunks[i]->n_used == 0) {
            free(s->chunks[i]);
            s->chunks[i] = NULL;
            s->n_free -= PLX_MORE_CHUNK;
        }
}

/* --- one cell ------------------------------------------------------------------- */

static bool has_more(const struct plx_cell *c)
{
    return (c->flags & PLX_CELL_FAILING) || c->other != 0 ||
           (c->sched != 0 && c->sched != (uint16_t)c->last);
}

void plx_cells_put(struct plx_cells *s, uint32_t i, const struct plx_cell *c)
{
    struct plx_packed *p = &s->at[i];
    bool had = p->how & PLX_PACKED_MORE, has = has_more(c);
    uint32_t more = had ? p->first : 0;
    if (had && !has)
        more_give(s, more);
    else if (has && !had)
        more = more_take(s);
    *p = (struct plx_packed){
        .first = has ? more : c->first,
        .last = c->last,
        .rtt = c->rtt,
        .loss = c->loss & 1023,
        .loss_n = c->loss_n & 31,
        .lossy = c->lossy & 1,
        .flags = c->flags,
        .n = c->n,
        .outcome = c->outcome & 15,
        .unreach = c->unreach & 7,
        .slow = c->slow & 1,
        .calm = c->calm & 63,
        .how = has             ? PLX_PACKED_MORE
               : c->sched != 0 ? PLX_PACKED_SCHED
                               : 0,
    };
    if (!has)
        return;
    struct plx_more *m = plx_cells_more(s, more);
    m->first = c->first;
    m->other = c->other;
    memcpy(m->kinds, c->kinds, sizeof m->kinds);
    m->n_apart = c->n_apart;
    m->n_other = c->n_other;
    m->n_lost = c->n_lost;
    m->sched = c->sched;
}

void plx_cells_set_failing(struct plx_cells *s, uint32_t i, bool failing, bool held)
{
    uint64_t bit = UINT64_C(1) << (i & 63);
    s->failing[i >> 6] &= ~bit;
    s->held[i >> 6] &= ~bit;
    if (failing && held)
        s->held[i >> 6] |= bit;
    else if (failing)
        s->failing[i >> 6] |= bit;
}

void plx_cells_move(struct plx_cells *s, uint32_t from, uint32_t to)
{
    s->at[to] = s->at[from];
    s->at[from] = (struct plx_packed){0};
}

/* --- blocks --------------------------------------------------------------------- */

/* Makes room for `cap` cells, the first of them at the begin of a cache line. A large
 * block seldom moves within its pages when it grows, so that little is copied. */
static void block_reach(struct plx_cells *s, uint32_t cap)
{
    size_t old = (size_t)((char *)s->at - (char *)s->block);
    char *block = realloc(s->block, cap * sizeof *s->at + LINE);
    if (block == NULL)
        abort();
    size_t offset = (LINE - (uintptr_t)block % LINE) % LINE;
    if (offset != old)
        memmove(block + offset, block + old, s->n * sizeof *s->at);
    s->block = block;
    s->at = (void *)(block + offset);
}

static uint64_t *bits_reach(uint64_t *bits, size_t old, size_t words)
{
    bits = resized(bits, words, sizeof *bits);
    memset(bits + old, 0, (words - old) * sizeof *bits);
    return bits;
}

static void reach(struct plx_cells *s, uint32_t n)
{
    if (n <= s->cap)
        return;
    uint32_t cap = n + n / 32 + 64;
    size_t words = cap / 64 + 1, old = s->cap == 0 ? 0 : s->cap / 64 + 1;
    block_reach(s, cap);
    s->failing = bits_reach(s->failing, old, words);
    s->held = bits_reach(s->held, old, words);
    s->starts = bits_reach(s->starts, old, words);
    s->rank = resized(s->rank, words, sizeof *s->rank);
    if (old == 0)
        s->rank[0] = 0;
    s->cap = cap;
}

/* Notes that cells `at` to `at + n` are the monitor's. */
static void block_note(struct plx_cells *s, uint32_t monitor, uint32_t at, uint32_t n)
{
    if (s->n_blocks == s->cap_blocks) {
        s->cap_blocks += s->cap_blocks / 16 + 64;
        s->blocks = resized(s->blocks, s->cap_blocks, sizeof *s->blocks);
    }
    s->blocks[s->n_blocks++] = monitor;
    s->starts[at >> 6] |= UINT64_C(1) << (at & 63);
    for (uint32_t w = (at >> 6) + 1; w <= (at + n) >> 6; w++)
        s->rank[w] = s->n_blocks;
}

uint32_t plx_cells_append(struct plx_cells *s, uint32_t monitor, uint32_t n)
{
    uint32_t at = s->n;
    reach(s, at + n);
    if (n == 0)
        return at;
    memset(s->at + at, 0, n * sizeof *s->at);
    block_note(s, monitor, at, n);
    s->n += n;
    return at;
}

void plx_cells_forget(struct plx_cells *s, uint32_t cell0, uint32_t n)
{
    for (uint32_t i = cell0; i < cell0 + n; i++) {
        plx_cells_set_failing(s, i, false, false);
        if (s->at[i].how & PLX_PACKED_MORE)
            more_give(s, s->at[i].first);
        s->at[i] = (struct plx_packed){0};
    }
    if (n == 0)
        return;
    uint64_t before = (UINT64_C(1) << (cell0 & 63)) - 1;
    s->blocks[s->rank[cell0 >> 6] + plx_bits_count(s->starts[cell0 >> 6] & before)] =
        NOBODY;
    s->garbage += n;
}

/* Moves one cell's bit of a set. */
static void bit_move(uint64_t *bits, uint32_t from, uint32_t to)
{
    uint64_t on = bits[from >> 6] >> (from & 63) & 1;
    bits[from >> 6] &= ~(UINT64_C(1) << (from & 63));
    bits[to >> 6] |= on << (to & 63);
}

static void cell_slide(struct plx_cells *s, uint32_t from, uint32_t to)
{
    if (from == to)
        return;
    s->at[to] = s->at[from];
    bit_move(s->failing, from, to);
    bit_move(s->held, from, to);
}

void plx_cells_compact(struct plx_cells *s,
                       void (*moved)(void *context, uint32_t monitor, uint32_t cell0),
                       void *context)
{
    uint32_t n = s->n, n_blocks = s->n_blocks, to = 0, block = 0;
    uint32_t *was = s->blocks;
    uint64_t *starts = s->starts;
    s->starts = bits_reach(NULL, 0, s->cap / 64 + 1);
    s->blocks = NULL;
    s->n_blocks = s->cap_blocks = 0;
    for (uint32_t from = 0; from < n && block < n_blocks; block++) {
        uint32_t end = from + 1;
        while (end < n && !(starts[end >> 6] >> (end & 63) & 1))
            end++;
        if (was[block] != NOBODY) {
            block_note(s, was[block], to, end - from);
            moved(context, was[block], to);
            for (; from < end; from++, to++)
                cell_slide(s, from, to);
        }
        from = end;
    }
    s->n = to;
    s->garbage = 0;
    free(was);
    free(starts);
}
