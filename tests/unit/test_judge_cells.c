/* Cells are packed by what they hold: whatever it is, they come back whole. */
#include "base/rng.h"
#include "coordinator/core/judge_cells.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CELLS 5000u
#define AGENT 7u

/* Mostly what cells are like: one kind, a few minutes or hours, scheduled probes. */
static struct plx_cell random_cell(struct plx_rng *rng)
{
    uint32_t last = 100000000u + (uint32_t)plx_rng_below(rng, 1000000);
    bool failing = plx_rng_below(rng, 2) == 0, odd = plx_rng_below(rng, 8) == 0;
    struct plx_cell c = {
        .first = last - (uint32_t)plx_rng_below(rng, odd ? 1u << 26 : 1u << 16),
        .last = last,
        .agent = AGENT,
        .n = (uint8_t)plx_rng_below(rng, 256),
        .flags = (uint8_t)(PLX_CELL_SEEN | (failing ? PLX_CELL_FAILING : 0)),
        .rtt = (uint16_t)plx_rng_below(rng, 65536),
        .outcome = plx_rng_below(rng, 9) & 15u,
        .sched = (uint16_t)(last + (odd ? 77u : 0u)),
    };
    if (failing || plx_rng_below(rng, 2) == 0) {
        c.other = c.first - (uint32_t)plx_rng_below(rng, odd ? 1u << 24 : 1u << 12);
        c.n_other = (uint8_t)plx_rng_below(rng, 256);
    }
    if (failing) {
        uint32_t apart = (uint32_t)plx_rng_below(rng, c.n + 1u);
        c.kinds[plx_rng_below(rng, PLX_KIND_COUNT_)] = c.n;
        c.n_apart = odd ? (uint8_t)apart : c.n;
        c.n_lost = (uint8_t)plx_rng_below(rng, odd ? 256 : 17);
        if (odd)
            c.kinds[plx_rng_below(rng, PLX_KIND_COUNT_)]++;
    }
    return c;
}

static void assert_same(const struct plx_cell *a, const struct plx_cell *b)
{
    assert_int_equal(a->first, b->first);
    assert_int_equal(a->last, b->last);
    assert_int_equal(a->other, b->other);
    assert_int_equal(a->agent, b->agent);
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->n_other, b->n_other);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->rtt, b->rtt);
    assert_int_equal(a->outcome, b->outcome);
    assert_int_equal(a->sched, b->sched);
    if (!(a->flags & PLX_CELL_FAILING))
        return; /* what a run that is over failed by is forgotten */
    assert_memory_equal(a->kinds, b->kinds, sizeof a->kinds);
    assert_int_equal(a->n_apart, b->n_apart);
    assert_int_equal(a->n_lost, b->n_lost);
}

static void cells_of_all_sorts__come_back_whole(void **state)
{
    (void)state;
    static struct plx_cell want[CELLS];
    struct plx_cells cells = {0};
    struct plx_rng rng;
    plx_rng_init(&rng, 5);
    assert_int_equal(plx_cells_append(&cells, 0, CELLS), 0);
    for (int round = 0; round < 20; round++) {
        plx_cells_reserve(&cells);
        for (uint32_t i = 0; i < CELLS; i++)
            if (round == 0 || plx_rng_below(&rng, 3) == 0) {
                want[i] = random_cell(&rng);
                plx_cells_put(&cells, i, &want[i]);
            }
        for (uint32_t i = 0; i < CELLS; i++) {
            const struct plx_cell got = plx_cells_get(&cells, i, AGENT);
            assert_same(&want[i], &got);
        }
    }
    plx_cells_fini(&cells);
}

/* A minute in which everything fails, twice, at the same records. */
static void an_outage__takes_one_small_record_a_cell_and_leaves_none(void **state)
{
    (void)state;
    struct plx_cells cells = {0};
    assert_int_equal(plx_cells_append(&cells, 0, CELLS), 0);
    for (int round = 0; round < 2; round++) {
        struct plx_cell c = {.first = 5000, .last = 5000, .n = 1, .sched = 5000};
        c.other = 3000;
        c.n_apart = 1;
        c.kinds[PLX_KIND_TIMEOUT] = 1;
        c.flags = PLX_CELL_SEEN | PLX_CELL_FAILING;
        for (uint32_t i = 0; i < CELLS; i++)
            plx_cells_put(&cells, i, &c);
        assert_int_equal(cells.briefs.n_used, CELLS);
        assert_int_equal(cells.mores.n_used, 0);
        c = (struct plx_cell){.first = 9000, .last = 9000, .n = 1, .sched = 9000};
        c.flags = PLX_CELL_SEEN;
        for (uint32_t i = 0; i < CELLS; i++)
            plx_cells_put(&cells, i, &c);
        assert_int_equal(cells.briefs.n_used + cells.mores.n_used, 0);
        plx_cells_reserve(&cells);
        assert_true(cells.briefs.n_free < CELLS);
    }
    plx_cells_fini(&cells);
}

/* The pools hold what was reserved for: nothing is allocated until then. */
static void what_is_reserved__is_there(void **state)
{
    (void)state;
    struct plx_pool pool = {0};
    uint32_t at[3000];
    plx_pool_reserve(&pool, 3000, 8);
    uint32_t chunks = pool.n_chunks;
    for (uint32_t i = 0; i < 3000; i++) {
        at[i] = plx_pool_take(&pool, 8);
        *(uint64_t *)plx_pool_at(&pool, at[i], 8) = i;
    }
    assert_int_equal(pool.n_chunks, chunks);
    for (uint32_t i = 0; i < 3000; i++)
        assert_int_equal(*(uint64_t *)plx_pool_at(&pool, at[i], 8), i);
    for (uint32_t i = 0; i < 3000; i += 2)
        plx_pool_give(&pool, at[i], 8);
    for (uint32_t i = 1; i < 3000; i += 2)
        assert_int_equal(*(uint64_t *)plx_pool_at(&pool, at[i], 8), i);
    assert_int_equal(pool.n_used, 1500);
    plx_pool_fini(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_of_all_sorts__come_back_whole),
        cmocka_unit_test(an_outage__takes_one_small_record_a_cell_and_leaves_none),
        cmocka_unit_test(what_is_reserved__is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
