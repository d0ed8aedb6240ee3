#include "coordinator/core/rollbook.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 1024 /* a power of two */

struct plx_rollbook {
    struct plx_rollbook_cell *cells;
    size_t n, cap;
    uint32_t *slots; /* a cell's index + 1; 0: free */
    size_t n_slots;  /* a power of two, at least twice the cells */
    bool sorted;
};

struct plx_rollbook *plx_rollbook_new(void)
{
    struct plx_rollbook *book = calloc(1, sizeof *book);
    if (!book)
        abort();
    return book;
}

void plx_rollbook_clear(struct plx_rollbook *book)
{
    for (size_t i = 0; i < book->n; i++)
        plx_rollup_fini(&book->cells[i].rollup);
    free(book->cells);
    free(book->slots);
    *book = (struct plx_rollbook){0};
}

void plx_rollbook_destroy(struct plx_rollbook **book)
{
    if (!*book)
        return;
    plx_rollbook_clear(*book);
    free(*book);
    *book = NULL;
}

size_t plx_rollbook_count(const struct plx_rollbook *book)
{
    return book->n;
}

/* Mixes the key (the finaliser of MurmurHash3). */
static uint64_t hash(struct plx_wall minute, uint64_t monitor_id, uint64_t agent_id)
{
    uint64_t h = (uint64_t)(minute.ns / PLX_MIN_NS) * UINT64_C(0x9e3779b97f4a7c15) +
                 monitor_id * UINT64_C(0xc2b2ae3d27d4eb4f) + agent_id;
    h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

static bool is(const struct plx_rollbook_cell *cell, struct plx_wall minute,
               uint64_t monitor_id, uint64_t agent_id)
{
    return cell->minute.ns == minute.ns && cell->monitor_id == monitor_id &&
           cell->agent_id == agent_id;
}

/* The slot of the key, or the free one where it belongs. */
static size_t slot_of(const struct plx_rollbook *book, struct plx_wall minute,
                      uint64_t monitor_id, uint64_t agent_id)
{
    size_t at = hash(minute, monitor_id, agent_id) & (book->n_slots - 1);
    while (book->slots[at] &&
           !is(&book->cells[book->slots[at] - 1], minute, monitor_id, agent_id))
        at = (at + 1) & (book->n_slots - 1);
    return at;
}

static void index_all(struct plx_rollbook *book, size_t n_slots)
{
    free(book->slots);
    book->slots = calloc(n_slots, sizeof *book->slots);
    if (!book->slots)
        abort();
    book->n_slots = n_slots;
    for (size_t i = 0; i < book->n; i++) {
        const struct plx_rollbook_cell *c = &book->cells[i];
        book->slots[slot_of(book, c->minute, c->monitor_id, c->agent_id)] =
            (uint32_t)i + 1;
    }
}

static void make_room(struct plx_rollbook *book)
{
    if (book->n == book->cap) {
        size_t cap = book->cap ? book->cap * 2 : SLOTS_MIN / 2;
        struct plx_rollbook_cell *cells = realloc(book->cells, cap * sizeof *cells);
        if (!cells)
            abort();
        book->cells = cells;
        book->cap = cap;
    }
    if (2 * (book->n + 1) > book->n_slots || !book->slots)
        index_all(book, book->n_slots ? book->n_slots * 2 : SLOTS_MIN);
}

void plx_rollbook_add(struct plx_rollbook *book, uint64_t agent_id,
                      const struct plx_result *result)
{
    struct plx_wall minute = plx_rollup_bucket(PLX_ROLLUP_MINUTE, result->scheduled);
    make_room(book);
    size_t at = slot_of(book, minute, result->monitor_id, agent_id);
    if (!book->slots[at]) {
        book->cells[book->n] = (struct plx_rollbook_cell){
            .minute = minute, .monitor_id = result->monitor_id, .agent_id = agent_id};
        book->slots[at] = (uint32_t)++book->n;
        book->sorted = false;
    }
    plx_rollup_add(&book->cells[book->slots[at] - 1].rollup, result);
}

static int order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare(const void *left, const void *right)
{
    const struct plx_rollbook_cell *a = left, *b = right;
    int by = order(plx_rollup_bucket(PLX_ROLLUP_HOUR, a->minute).ns,
                   plx_rollup_bucket(PLX_ROLLUP_HOUR, b->minute).ns);
    if (by == 0)
        by = (a->monitor_id > b->monitor_id) - (a->monitor_id < b->monitor_id);
    if (by == 0)
        by = (a->agent_id > b->agent_id) - (a->agent_id < b->agent_id);
    return by ? by : order(a->minute.ns, b->minute.ns);
}

const struct plx_rollbook_cell *plx_rollbook_sorted(struct plx_rollbook *book,
                                                    size_t *ret_n)
{
    if (!book->sorted && book->n > 0)
        qsort(book->cells, book->n, sizeof *book->cells, compare);
    book->sorted = true;
    free(book->slots); /* made anew if something is added */
    book->slots = NULL;
    *ret_n = book->n;
    return book->cells;
}
