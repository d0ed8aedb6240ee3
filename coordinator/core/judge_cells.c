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
    plx_pool_fini(&s->briefs);
    plx_pool_fini(&s->mores);
    *s = (struct plx_cells){0};
}

/* --- more of a cell ------------------------------------------------------------- */

/* A cell needs the larger record only when its result was asked for, or once it had the
 * smaller and fails in another way. */
void plx_cells_reserve(struct plx_cells *s)
{
    uint32_t want = s->n / SPARE, had = s->briefs.n_used + s->mores.n_used;
    uint32_t full = had < want / 4 ? had : want / 4;
    plx_pool_reserve(&s->briefs, want + FEW, sizeof(struct plx_brief));
    plx_pool_reserve(&s->mores, full + FEW, sizeof(struct plx_more));
}

static void more_give(struct plx_cells *s, uint32_t more)
{
    if (more & PLX_MORE_FULL)
        plx_pool_give(&s->mores, more & ~PLX_MORE_FULL, sizeof(struct plx_more));
    else
        plx_pool_give(&s->briefs, more, sizeof(struct plx_brief));
}

static struct plx_more more_of(const struct plx_cell *c)
{
    struct plx_more m = {.first = c->first,
                         .other = c->other,
                         .n_apart = c->n_apart,
                         .sched = c->sched,
                         .n_other = c->n_other,
                         .n_lost = c->n_lost};
    memcpy(m.kinds, c->kinds, sizeof m.kinds);
    return m;
}

/* The kind of all failures of the run; PLX_KIND_COUNT_: there are several. */
static int only_kind(const struct plx_cell *c)
{
    int only = PLX_KIND_COUNT_;
    for (int k = 0; k < PLX_KIND_COUNT_; k++) {
        if (c->kinds[k] == 0)
            continue;
        if (only != PLX_KIND_COUNT_ || c->kinds[k] != c->n)
            return PLX_KIND_COUNT_;
        only = k;
    }
    return only;
}

/* Returns false where it does not fit. */
static bool brief_of(const struct plx_cell *c, struct plx_brief *ret)
{
    bool failing = c->flags & PLX_CELL_FAILING;
    uint32_t run = c->last - c->first, gap = c->other != 0 ? c->first - c->other : 0;
    int kind = failing ? only_kind(c) : 0;
    if (run >= 1u << 24 || gap >= 1u << 22 || (gap == 0) != (c->other == 0) ||
        kind == PLX_KIND_COUNT_ || (c->sched != 0 && c->sched != (uint16_t)c->last) ||
        (failing && (c->n_lost >= 1u << 5 || c->n < c->n_apart || c->n - c->n_apart > 3)))
        return false;
    *ret = (struct plx_brief){
        .run = run & 0xffffffu,
        .gap = gap & 0x3fffffu,
        .n_other = c->n_other,
        .n_lost = failing ? c->n_lost & 31u : 0,
        .kind = (unsigned)kind & 7u,
        .close = failing ? (unsigned)(c->n - c->n_apart) & 3u : 0,
    };
    return true;
}

/* --- one cell ------------------------------------------------------------------- */

static bool has_more(const struct plx_cell *c)
{
    return (c->flags & PLX_CELL_FAILING) || c->other != 0 ||
           (c->sched != 0 && c->sched != (uint16_t)c->last);
}

/* Keeps the rest of the cell, in the record it had (`p`) if that is of the kind it needs,
 * and returns where it is. */
static uint32_t more_keep(struct plx_cells *s, const struct plx_packed *p,
                          const struct plx_cell *c)
{
    struct plx_brief brief;
    bool full = !brief_of(c, &brief), had = p->how & PLX_PACKED_MORE;
    bool fits = had && full == ((p->first & PLX_MORE_FULL) != 0);
    uint32_t at = p->first;
    if (had && !fits)
        more_give(s, p->first);
    if (full) {
        if (!fits)
            at = plx_pool_take(&s->mores, sizeof(struct plx_more)) | PLX_MORE_FULL;
        *(struct plx_more *)plx_pool_at(&s->mores, at & ~PLX_MORE_FULL,
                                        sizeof(struct plx_more)) = more_of(c);
    } else {
        if (!fits)
            at = plx_pool_take(&s->briefs, sizeof(struct plx_brief));
        *(struct plx_brief *)plx_pool_at(&s->briefs, at, sizeof(struct plx_brief)) =
            brief;
    }
    return at;
}

void plx_cells_put(struct plx_cells *s, uint32_t i, const struct plx_cell *c)
{
    struct plx_packed *p = &s->at[i];
    bool has = has_more(c), sched = c->sched != 0 && c->sched == (uint16_t)c->last;
    uint32_t first = c->first;
    if (has)
        first = more_keep(s, p, c);
    else if (p->how & PLX_PACKED_MORE)
        more_give(s, p->first);
    *p = (struct plx_packed){
        .first = first,
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
        .how = (has ? PLX_PACKED_MORE : 0u) | (sched ? PLX_PACKED_SCHED : 0u),
    };
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
