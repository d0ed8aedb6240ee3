/* What the addresses of one name amount to together. */
#include "agent/core/round.h"

#include "test.h"

#include <string.h>

#define OPEN    PLX_OUTCOME_OPEN
#define REFUSED PLX_OUTCOME_REFUSED
#define TIMEOUT PLX_OUTCOME_TIMEOUT
#define LOCAL   PLX_OUTCOME_LOCAL_ERROR

struct row {
    const char *what;
    enum plx_expect expect;
    enum plx_outcome gave[PLX_ADDRESSES_MAX]; /* up to the first NONE */
    enum plx_outcome outcome;                 /* of the run */
    enum plx_detail detail;
    size_t of; /* the address that it is the result of */
};

static const struct row rows[] = {
    {"all open", PLX_EXPECT_OPEN, {OPEN, OPEN, OPEN}, OPEN, PLX_DETAIL_NONE, 0},
    {"the first fails", PLX_EXPECT_OPEN, {TIMEOUT, OPEN}, OPEN, PLX_DETAIL_HALF_UP, 1},
    {"the last fails",
     PLX_EXPECT_OPEN,
     {OPEN, OPEN, REFUSED},
     OPEN,
     PLX_DETAIL_HALF_UP,
     0},
    {"all fail", PLX_EXPECT_OPEN, {TIMEOUT, REFUSED}, TIMEOUT, PLX_DETAIL_NONE, 0},
    {"no way to one", PLX_EXPECT_OPEN, {LOCAL, OPEN}, OPEN, PLX_DETAIL_NONE, 1},
    {"no way to the open",
     PLX_EXPECT_OPEN,
     {LOCAL, REFUSED},
     REFUSED,
     PLX_DETAIL_NONE,
     1},
    {"no way at all", PLX_EXPECT_OPEN, {LOCAL, LOCAL}, LOCAL, PLX_DETAIL_NONE, 0},
    {"one", PLX_EXPECT_OPEN, {REFUSED}, REFUSED, PLX_DETAIL_NONE, 0},
    {"closed", PLX_EXPECT_CLOSED, {REFUSED, TIMEOUT}, REFUSED, PLX_DETAIL_NONE, 0},
    {"a hole", PLX_EXPECT_CLOSED, {REFUSED, OPEN, TIMEOUT}, OPEN, PLX_DETAIL_NONE, 1},
    {"not filtered",
     PLX_EXPECT_FILTERED,
     {TIMEOUT, REFUSED},
     REFUSED,
     PLX_DETAIL_NONE,
     1},
};

static size_t conclude(const struct row *row, enum plx_probe_kind kind, bool cut,
                       struct plx_result ret[PLX_ROUND_RESULTS_MAX])
{
    const struct plx_greeting silent = {0};
    struct plx_round *round = plx_round_new(row->expect, &silent);
    size_t n = 0;
    while (n < PLX_ADDRESSES_MAX && row->gave[n] != PLX_OUTCOME_NONE)
        n++;
    plx_round_split(round, n, cut);
    for (size_t i = n; i-- > 0;) { /* in whatever order they come */
        const struct plx_result result = {
            .monitor_id = 7,
            .scheduled = {1000},
            .kind = kind,
            .outcome = row->gave[i],
            .address = {4, {192, 0, 2, (uint8_t)i}},
        };
        assert_int_equal(plx_round_put(round, i, &result), i == 0);
    }
    n = plx_round_conclude(round, ret);
    plx_round_release(&round);
    assert_null(round);
    return n;
}

static void the_run__is_what_its_addresses_amount_to(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plx_result said[PLX_ROUND_RESULTS_MAX];
        size_t n = conclude(&rows[i], PLX_PROBE_RETRY, false, said);
        const struct plx_result *own = &said[n - 1];
        if (own->outcome != rows[i].outcome || own->detail != rows[i].detail ||
            own->address.bytes[3] != rows[i].of || own->kind != PLX_PROBE_RETRY)
            fail_msg("%s: %s %s of %u", rows[i].what, plx_outcome_token(own->outcome),
                     plx_detail_token(own->detail), own->address.bytes[3]);
        if (n == 1)
            continue;
        for (size_t k = 0; k + 1 < n; k++) {
            assert_int_equal(said[k].kind, PLX_PROBE_ADDRESS);
            assert_int_equal(said[k].outcome, rows[i].gave[k]);
            assert_int_equal(said[k].monitor_id, 7);
            assert_int_equal(said[k].scheduled.ns, own->scheduled.ns);
        }
    }
}

static void what_is_left_out__is_said(void **state)
{
    (void)state;
    struct plx_result said[PLX_ROUND_RESULTS_MAX];
    struct row row = {"many", PLX_EXPECT_OPEN, {0}, OPEN, PLX_DETAIL_NONE, 0};
    for (size_t i = 0; i < PLX_ADDRESSES_MAX; i++)
        row.gave[i] = PLX_OUTCOME_OPEN;
    size_t n = conclude(&row, PLX_PROBE_SCHEDULED, true, said);
    assert_int_equal(n, PLX_ROUND_RESULTS_MAX);
    assert_int_equal(said[n - 2].kind, PLX_PROBE_ADDRESS);
    assert_int_equal(said[n - 2].outcome, PLX_OUTCOME_SKIPPED);
    assert_int_equal(said[n - 2].detail, PLX_DETAIL_ADDRESS_LIMIT);
    assert_int_equal(said[n - 1].outcome, PLX_OUTCOME_OPEN);
}

static void one_address_and_a_check__have_one_result(void **state)
{
    (void)state;
    struct plx_result said[PLX_ROUND_RESULTS_MAX];
    const struct row one = {"one", PLX_EXPECT_OPEN, {OPEN}, OPEN, PLX_DETAIL_NONE, 0};
    assert_int_equal(conclude(&one, PLX_PROBE_SCHEDULED, false, said), 1);
    assert_int_equal(conclude(&rows[1], PLX_PROBE_CHECK, false, said), 1);
    assert_int_equal(said[0].detail, PLX_DETAIL_HALF_UP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_run__is_what_its_addresses_amount_to),
        cmocka_unit_test(what_is_left_out__is_said),
        cmocka_unit_test(one_address_and_a_check__have_one_result),
    };
    return PLX_RUN(tests);
}
