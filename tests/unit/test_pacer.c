#include "agent/core/pacer.h"

#include "test.h"

static struct plx_addr addr_of(uint32_t n)
{
    struct plx_addr a = {.family = 4};
    for (int i = 0; i < 4; i++)
        a.bytes[i] = (uint8_t)(n >> (24 - 8 * i));
    return a;
}

static size_t go_in(struct plx_pacer *pacer, const struct plx_addr *a, int64_t from_ns,
                    int64_t to_ns)
{
    size_t n = 0;
    struct plx_mono at;
    for (int64_t t = from_ns; t < to_ns; t += 10 * PLX_MS_NS)
        while (plx_pacer_ask(pacer, a, (struct plx_mono){t}, &at) == PLX_PACER_GO) {
            plx_pacer_done(pacer);
            n++;
        }
    return n;
}

static void one_address__gets_its_burst_and_then_its_rate(void **state)
{
    (void)state;
    struct plx_pacer_limits limits = plx_pacer_default_limits();
    struct plx_pacer *pacer = plx_pacer_new(&limits);
    struct plx_addr a = addr_of(1), b = addr_of(2);
    struct plx_mono at, now = {PLX_HOUR_NS};
    for (int i = 0; i < PLX_PACER_TARGET_BURST; i++)
        assert_int_equal(plx_pacer_ask(pacer, &a, now, &at), PLX_PACER_GO);
    assert_int_equal(plx_pacer_ask(pacer, &a, now, &at), PLX_PACER_TARGET);
    assert_int_equal(plx_mono_diff(at, now), PLX_SEC_NS);
    assert_int_equal(plx_pacer_ask(pacer, &b, now, &at), PLX_PACER_GO);
    size_t n = go_in(pacer, &a, now.ns, now.ns + 60 * PLX_SEC_NS + 1);
    assert_in_range(n, 59, 61);
    plx_pacer_destroy(&pacer);
}

static void own_rate__holds_over_all_addresses(void **state)
{
    (void)state;
    struct plx_pacer_limits limits = plx_pacer_default_limits();
    limits.rate = 100;
    limits.target_rate = 0;
    struct plx_pacer *pacer = plx_pacer_new(&limits);
    struct plx_addr a = addr_of(1);
    size_t n = go_in(pacer, &a, 0, 10 * PLX_SEC_NS);
    assert_in_range(n, 990, 1010);
    plx_pacer_destroy(&pacer);
}

static void in_flight__is_bounded_and_freed(void **state)
{
    (void)state;
    struct plx_pacer_limits limits = plx_pacer_default_limits();
    limits.in_flight = 2;
    struct plx_pacer *pacer = plx_pacer_new(&limits);
    struct plx_addr a = addr_of(1);
    struct plx_mono at, now = {0};
    assert_int_equal(plx_pacer_ask(pacer, &a, now, &at), PLX_PACER_GO);
    assert_int_equal(plx_pacer_ask(pacer, &a, now, &at), PLX_PACER_GO);
    assert_int_equal(plx_pacer_ask(pacer, &a, now, &at), PLX_PACER_IN_FLIGHT_FULL);
    plx_pacer_done(pacer);
    assert_int_equal(plx_pacer_ask(pacer, &a, now, &at), PLX_PACER_GO);
    plx_pacer_destroy(&pacer);
}

static void more_addresses_than_buckets__stays_bounded_and_goes_on(void **state)
{
    (void)state;
    struct plx_pacer_limits limits = plx_pacer_default_limits();
    limits.n_buckets = 64;
    limits.in_flight = 1000000;
    struct plx_pacer *pacer = plx_pacer_new(&limits);
    struct plx_mono at, now = {0};
    for (uint32_t i = 0; i < 100000; i++) {
        struct plx_addr a = addr_of(i);
        assert_int_equal(plx_pacer_ask(pacer, &a, now, &at), PLX_PACER_GO);
    }
    assert_int_equal(plx_pacer_in_flight(pacer), 100000);
    plx_pacer_destroy(&pacer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_address__gets_its_burst_and_then_its_rate),
        cmocka_unit_test(own_rate__holds_over_all_addresses),
        cmocka_unit_test(in_flight__is_bounded_and_freed),
        cmocka_unit_test(more_addresses_than_buckets__stays_bounded_and_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
