/* The ways of good times: which traces are kept, and for whom. */
#include "coordinator/io/ways.h"

#include "test.h"

#include <string.h>

static struct plx_mono mono(double s)
{
    return (struct plx_mono){(int64_t)(s * 1e9)};
}

static struct plx_addr target(uint8_t n)
{
    return (struct plx_addr){4, {10, 0, 0, n}};
}

/* As many flows as letters: "o" arrives, anything else does not. */
static struct plx_trace trace_to(uint8_t n, const char *flows, uint8_t hop)
{
    struct plx_trace t = {.target = target(n), .port = 80};
    for (; *flows; flows++) {
        struct plx_trace_flow *f = &t.flows[t.n_flows++];
        f->n_hops = 1;
        f->hops[0] = (struct plx_hop){PLX_HOP_TRANSIT, 11, 0, target(hop), 10};
        f->end.kind = *flows == 'o' ? PLX_HOP_OPEN : PLX_HOP_SILENT;
        f->end.from = *flows == 'o' ? target(n) : (struct plx_addr){0};
    }
    return t;
}

static void only_what_led_there__is_kept(void **state)
{
    (void)state;
    static const struct {
        const char *flows;
        enum plx_detail trouble;
        bool kept;
    } rows[] = {
        {"oooo", PLX_DETAIL_NONE, true},  {"o", PLX_DETAIL_NONE, true},
        {"oo-o", PLX_DETAIL_NONE, false}, {"----", PLX_DETAIL_NONE, false},
        {"", PLX_DETAIL_NONE, false},     {"oooo", PLX_DETAIL_LOCAL_NO_ROUTE, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plx_ways *ways = plx_ways_new();
        struct plx_trace t = trace_to(9, rows[i].flows, 1);
        t.trouble = rows[i].trouble;
        plx_ways_put(ways, 3, &t, mono(1));
        if (plx_ways_count(ways) != rows[i].kept)
            fail_msg("row %zu", i);
        plx_ways_destroy(&ways);
    }
}

static void a_way__is_its_agents_and_its_targets(void **state)
{
    (void)state;
    struct plx_ways *ways = plx_ways_new();
    struct plx_trace t = trace_to(9, "oo", 1), got;
    struct plx_addr v6 = {6, {10, 0, 0, 9}}, other = target(8), same = target(9);
    same.bytes[9] = 77; /* beyond the address: says nothing */
    plx_ways_put(ways, 3, &t, mono(1));
    assert_true(plx_ways_get(ways, 3, &same, &got));
    assert_int_equal(got.n_flows, 2);
    assert_int_equal(got.flows[1].hops[0].from.bytes[3], 1);
    assert_false(plx_ways_get(ways, 4, &same, &got));
    assert_false(plx_ways_get(ways, 3, &other, &got));
    assert_false(plx_ways_get(ways, 3, &v6, &got));
    plx_ways_destroy(&ways);
    assert_null(ways);
    plx_ways_destroy(&ways);
}

static void a_newer_one__takes_its_place_and_a_broken_one_does_not(void **state)
{
    (void)state;
    struct plx_ways *ways = plx_ways_new();
    struct plx_addr to = target(9);
    struct plx_trace first = trace_to(9, "oo", 1), second = trace_to(9, "oo", 2),
                     broken = trace_to(9, "o-", 3), got;
    int64_t age_ns = 0;
    assert_false(plx_ways_age(ways, 3, &to, mono(1), &age_ns));
    plx_ways_put(ways, 3, &first, mono(1));
    plx_ways_put(ways, 3, &second, mono(5));
    plx_ways_put(ways, 3, &broken, mono(9));
    assert_int_equal(plx_ways_count(ways), 1);
    assert_true(plx_ways_get(ways, 3, &to, &got));
    assert_int_equal(got.flows[0].hops[0].from.bytes[3], 2);
    assert_true(plx_ways_age(ways, 3, &to, mono(11), &age_ns));
    assert_int_equal(age_ns, 6 * PLX_SEC_NS);
    plx_ways_destroy(&ways);
}

static void there_is_a_most_of_them(void **state)
{
    (void)state;
    struct plx_ways *ways = plx_ways_new();
    struct plx_trace t = trace_to(9, "o", 1), got;
    struct plx_addr to = target(9);
    for (uint32_t agent = 0; agent < PLX_WAYS_MAX + 10; agent++)
        plx_ways_put(ways, agent, &t, mono(1));
    assert_int_equal(plx_ways_count(ways), PLX_WAYS_MAX);
    assert_false(plx_ways_get(ways, PLX_WAYS_MAX + 5, &to, &got));
    t = trace_to(9, "o", 2); /* those there are stay up to date */
    plx_ways_put(ways, 7, &t, mono(2));
    assert_true(plx_ways_get(ways, 7, &to, &got));
    assert_int_equal(got.flows[0].hops[0].from.bytes[3], 2);
    plx_ways_destroy(&ways);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_led_there__is_kept),
        cmocka_unit_test(a_way__is_its_agents_and_its_targets),
        cmocka_unit_test(a_newer_one__takes_its_place_and_a_broken_one_does_not),
        cmocka_unit_test(there_is_a_most_of_them),
    };
    return PLX_RUN(tests);
}
