#include "test.h"

#include "base/rng.h"
#include "coordinator/core/dedup.h"

#define MAX PLX_DEDUP_SEQ_MAX

static void check(uint64_t mark, uint64_t first, uint64_t n, struct plx_dedup want)
{
    struct plx_dedup got = plx_dedup_decide(mark, first, n);
    print_message("mark %llu, %llu from %llu: %s\n", (unsigned long long)mark,
                  (unsigned long long)n, (unsigned long long)first,
                  plx_dedup_token(got.verdict));
    assert_int_equal(got.verdict, want.verdict);
    assert_int_equal(got.skip, want.skip);
    assert_int_equal(got.take, want.take);
    assert_int_equal(got.high_water, want.high_water);
}

static void any_range__is_decided_by_the_table(void **state)
{
    (void)state;
    static const struct {
        uint64_t mark, first, n;
        struct plx_dedup want; /* verdict, skip, take, high_water */
    } rows[] = {
        /* a stream begins at 1 */
        {0, 1, 1, {PLX_DEDUP_TAKE, 0, 1, 1}},
        {0, 1, 500, {PLX_DEDUP_TAKE, 0, 500, 500}},
        {0, 2, 1, {PLX_DEDUP_HOLE, 0, 0, 0}},
        /* it joins the mark */
        {500, 501, 500, {PLX_DEDUP_TAKE, 0, 500, 1000}},
        {500, 502, 1, {PLX_DEDUP_HOLE, 0, 0, 500}},
        /* it overlaps */
        {500, 401, 200, {PLX_DEDUP_TAKE, 100, 100, 600}},
        {500, 500, 2, {PLX_DEDUP_TAKE, 1, 1, 501}},
        {500, 1, 501, {PLX_DEDUP_TAKE, 500, 1, 501}},
        /* it was counted */
        {500, 1, 500, {PLX_DEDUP_REPEAT, 500, 0, 500}},
        {500, 500, 1, {PLX_DEDUP_REPEAT, 1, 0, 500}},
        {500, 1, 1, {PLX_DEDUP_REPEAT, 1, 0, 500}},
        /* it is no range */
        {0, 0, 1, {PLX_DEDUP_INVALID, 0, 0, 0}},
        {7, 8, 0, {PLX_DEDUP_INVALID, 0, 0, 7}},
        {7, MAX + 1, 1, {PLX_DEDUP_INVALID, 0, 0, 7}},
        {7, UINT64_MAX, 2, {PLX_DEDUP_INVALID, 0, 0, 7}},
        {7, 8, UINT64_MAX, {PLX_DEDUP_INVALID, 0, 0, 7}},
        {7, 8, MAX - 6, {PLX_DEDUP_INVALID, 0, 0, 7}},
        /* it ends at the last number there is */
        {7, 8, MAX - 7, {PLX_DEDUP_TAKE, 0, MAX - 7, MAX}},
        {0, 1, MAX, {PLX_DEDUP_TAKE, 0, MAX, MAX}},
        {MAX, 1, MAX, {PLX_DEDUP_REPEAT, MAX, 0, MAX}},
        {MAX, MAX, 1, {PLX_DEDUP_REPEAT, 1, 0, MAX}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(rows[i].mark, rows[i].first, rows[i].n, rows[i].want);
}

/* Any mixture of repeats, overlaps, losses of order and holes: each number is counted
 * once, in order, and the mark never goes back. */
static void random_resending__counts_every_number_once(void **state)
{
    (void)state;
    enum { NUMBERS = 2000 };
    uint64_t seed = 20261123;
    print_message("seed %llu\n", (unsigned long long)seed);
    struct plx_rng rng;
    plx_rng_init(&rng, seed);
    static unsigned counted[NUMBERS + 1];
    uint64_t mark = 0;
    for (unsigned long step = 0; mark < NUMBERS; step++) {
        assert_true(step < 1000000);
        uint64_t first =
            1 + plx_rng_below(&rng, mark + 50 < NUMBERS ? mark + 50 : NUMBERS);
        uint64_t n = 1 + plx_rng_below(&rng, NUMBERS - first + 1);
        struct plx_dedup d = plx_dedup_decide(mark, first, n);
        for (uint64_t i = 0; i < d.take; i++)
            counted[first + d.skip + i]++;
        assert_true(d.high_water >= mark);
        assert_true(d.high_water == mark + d.take);
        if (d.verdict == PLX_DEDUP_TAKE)
            assert_true(first + d.skip == mark + 1 && d.skip + d.take == n);
        mark = d.high_water;
    }
    for (unsigned i = 1; i <= NUMBERS; i++)
        assert_int_equal(counted[i], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_range__is_decided_by_the_table),
        cmocka_unit_test(random_resending__counts_every_number_once),
    };
    return PLX_RUN(tests);
}
