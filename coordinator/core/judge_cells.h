/* Where the cells are kept: 16 bytes for one that has long been well, 8 more for one that
 * fails or failed within minutes, and 20 more instead where that is not simple: failures
 * of several kinds, probes beside the schedule, days.
 *
 * A *cell* is one agent's view of one monitor; the cells of a monitor lie behind one
 * another, in the order of its watchers. Others read cells by value, whole, and put them
 * back; how they are packed is known here alone. */
#ifndef PLX_CORE_JUDGE_CELLS_H
#define PLX_CORE_JUDGE_CELLS_H

#include "coordinator/core/judge_pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Kinds of failure, folded to what tells causes apart. */
enum plx_fail_kind {
    PLX_KIND_TIMEOUT,
    PLX_KIND_REFUSED,
    PLX_KIND_RESET,      /* reset, or an unexpected answer */
    PLX_KIND_HOST,       /* "host unreachable": the last hop speaks */
    PLX_KIND_NET,        /* "network unreachable" and other routed errors */
    PLX_KIND_PROHIBITED, /* a filter speaks */
    PLX_KIND_DNS,
    PLX_KIND_COUNT_,
};

enum plx_cell_flag {
    PLX_CELL_SEEN = 1 << 0,
    PLX_CELL_FAILING = 1 << 1,
    PLX_CELL_PENDING = 1 << 2, /* an extra probe was ordered and has not come back */
    PLX_CELL_COVERED = 1 << 3, /* a fault explained this run */
    PLX_CELL_LOCAL = 1 << 4,   /* the newest word was "could not probe" */
    PLX_CELL_LATE = 1 << 5,    /* the newest word came too late */
    PLX_CELL_HALF = 1 << 6,    /* as expected, but not at all of its addresses */
    PLX_CELL_SPARE = 1 << 7,   /* of an agent that does not watch it (judge_seats) */
};

/* A cell, unpacked. Times in ticks of judge_evidence.h; 0 is "never". */
struct plx_cell {
    uint32_t first, last; /* of the run */
    uint32_t other;       /* last result of the other sign before the run; forgotten
                             minutes after the cell is well again */
    uint16_t agent;
    uint8_t n;       /* results in the run (saturates) */
    uint8_t n_apart; /* failures further than burst_ns from the one before */
    uint8_t kinds[PLX_KIND_COUNT_]; /* of a failing run */
    uint8_t flags;
    uint16_t rtt;        /* smoothed, in 1/2048 of an octave above 1 us; 0: unknown */
    uint16_t loss : 10;  /* smoothed, 1023 is 1 (judge_quality) */
    uint16_t loss_n : 5; /* trials it is worth */
    uint16_t lossy : 1;  /* degraded by loss, … */
    uint8_t outcome : 4, unreach : 3; /* of the last result that counts */
    uint8_t slow : 1;                 /* … by latency */
    uint8_t n_other;                  /* results in the run before (saturates) */
    uint8_t n_lost; /* SYNs of a failing run that nothing answered (saturates) */
    uint16_t sched; /* scheduled phase in ticks modulo 65536, to know what is in flight */
    uint8_t
        calm : 6; /* of a lossy path: trials since its loss may be over (judge_quality) */
};

enum plx_packed_how {
    PLX_PACKED_MORE = 1 << 0,  /* `first` says where the rest is */
    PLX_PACKED_SCHED = 1 << 1, /* the last result is the last scheduled one */
};

struct plx_packed {
    uint32_t first, last;
    uint16_t rtt;
    uint16_t loss : 10, loss_n : 5, lossy : 1;
    uint8_t flags, n;
    uint8_t outcome : 4, unreach : 3, slow : 1;
    uint8_t how : 2, calm : 6;
};
_Static_assert(sizeof(struct plx_packed) == 16, "a million of these must stay 16 MB");

/* What a cell in trouble has more, in general. */
struct plx_more {
    uint32_t first, other;
    uint8_t kinds[PLX_KIND_COUNT_], n_apart;
    uint16_t sched;
    uint8_t n_other, n_lost;
};
_Static_assert(sizeof(struct plx_more) == 20, "three of ten cells may have one");

/* What nearly all of them need of it. `sched` is as PLX_PACKED_SCHED has it; of a cell
 * that is well, the former run's failures are forgotten. */
struct plx_brief {
    uint64_t run : 24;    /* last - first */
    uint64_t gap : 22;    /* first - other; 0: `other` is never */
    uint64_t n_other : 8; /* … */
    uint64_t n_lost : 5;
    uint64_t kind : 3;  /* of all `n` failures */
    uint64_t close : 2; /* n - n_apart */
};
_Static_assert(sizeof(struct plx_brief) == 8, "three of ten cells may have one");

/* In the place of a packed cell's `first`: the rest is a plx_more. */
#define PLX_MORE_FULL 0x80000000u

struct plx_cells {
    struct plx_packed *at; /* four to a cache line, none across two */
    void *block;           /* what `at` is in */
    uint32_t n, cap, garbage;
    uint64_t *failing; /* one bit a cell */
    uint64_t *held;    /* likewise: failing, and left to a fault of ours (judge_hold) */
    uint64_t *starts;  /* likewise: the first cell of a monitor */
    uint32_t *rank;    /* by word of `starts`: bits before it */
    uint32_t *blocks;  /* the monitor of each start; UINT32_MAX: garbage */
    uint32_t n_blocks, cap_blocks;
    struct plx_pool briefs, mores;
};

void plx_cells_fini(struct plx_cells *cells);

/* Appends `n` empty cells of a monitor and returns the index of the first. Indices and
 * pointers of others stay, `at` may move. */
uint32_t plx_cells_append(struct plx_cells *cells, uint32_t monitor, uint32_t n);
/* Moves what is known of a cell to an empty one. */
void plx_cells_move(struct plx_cells *cells, uint32_t from, uint32_t to);
/* Forgets `n` cells that were appended together. */
void plx_cells_forget(struct plx_cells *cells, uint32_t cell0, uint32_t n);
/* Closes the gaps that were left; blocks keep their order. Calls `moved` for each monitor
 * with where its cells are now. */
void plx_cells_compact(struct plx_cells *cells,
                       void (*moved)(void *context, uint32_t monitor, uint32_t cell0),
                       void *context);

/* Sees to it that cells can come into trouble without memory being asked for: a fiftieth
 * of all and some at least: more than what comes in between two ticks. Gives back what a
 * large outage needed. */
void plx_cells_reserve(struct plx_cells *cells);

/* How many bits are set, without the help of the compiler's library. */
static inline uint32_t plx_bits_count(uint64_t x)
{
    x -= x >> 1 & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t)(x * UINT64_C(0x0101010101010101) >> 56);
}

/* The monitor of a cell. */
static inline uint32_t plx_cells_owner(const struct plx_cells *cells, uint32_t i)
{
    uint64_t upto = ~UINT64_C(0) >> (63 - (i & 63));
    return cells
        ->blocks[cells->rank[i >> 6] + plx_bits_count(cells->starts[i >> 6] & upto) - 1];
}

/* Where what a cell in trouble has more is. */
static inline void *plx_cells_more(const struct plx_cells *cells,
                                   const struct plx_packed *p)
{
    if (p->first & PLX_MORE_FULL)
        return plx_pool_at(&cells->mores, p->first & ~PLX_MORE_FULL,
                           sizeof(struct plx_more));
    return plx_pool_at(&cells->briefs, p->first, sizeof(struct plx_brief));
}

/* Adds what a cell in trouble has more; the rest is there. */
static inline void plx_cells_unpack(const struct plx_packed *p, const void *more,
                                    struct plx_cell *ret)
{
    if (p->first & PLX_MORE_FULL) {
        const struct plx_more *m = more;
        ret->first = m->first;
        ret->other = m->other;
        memcpy(ret->kinds, m->kinds, sizeof ret->kinds);
        ret->n_apart = m->n_apart;
        ret->n_other = m->n_other;
        ret->n_lost = m->n_lost;
        ret->sched = m->sched;
        return;
    }
    const struct plx_brief b = *(const struct plx_brief *)more;
    ret->first = p->last - (uint32_t)b.run;
    ret->other = b.gap == 0 ? 0 : ret->first - (uint32_t)b.gap;
    ret->n_other = b.n_other;
    if (p->flags & PLX_CELL_FAILING) {
        ret->kinds[b.kind] = p->n;
        ret->n_apart = (uint8_t)(p->n - b.close);
        ret->n_lost = b.n_lost;
    }
}

/* Reads a cell whole. Its agent is the caller's to know. Writes straight to where it is
 * wanted: a copy of it would wait for the small parts that it was just made of. */
static inline void plx_cells_read(const struct plx_cells *cells, uint32_t i,
                                  uint16_t agent, struct plx_cell *ret)
{
    const struct plx_packed *p = &cells->at[i];
    *ret = (struct plx_cell){
        .first = p->first,
        .last = p->last,
        .agent = agent,
        .n = p->n,
        .flags = p->flags,
        .rtt = p->rtt,
        .loss = p->loss,
        .loss_n = p->loss_n,
        .lossy = p->lossy,
        .outcome = p->outcome,
        .unreach = p->unreach,
        .slow = p->slow,
        .calm = p->calm,
        .sched = p->how & PLX_PACKED_SCHED ? (uint16_t)p->last : 0,
    };
    if (p->how & PLX_PACKED_MORE)
        plx_cells_unpack(p, plx_cells_more(cells, p), ret);
}

static inline struct plx_cell plx_cells_get(const struct plx_cells *cells, uint32_t i,
                                            uint16_t agent)
{
    struct plx_cell c;
    plx_cells_read(cells, i, agent, &c);
    return c;
}

/* Puts a cell back. */
void plx_cells_put(struct plx_cells *cells, uint32_t i, const struct plx_cell *cell);

/* A cell is in one of the two sets while it fails, and in none else. */
void plx_cells_set_failing(struct plx_cells *cells, uint32_t i, bool failing, bool held);

#endif
