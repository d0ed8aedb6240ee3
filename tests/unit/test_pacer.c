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
        while (plx_pacer_ask(pacer, a, 0, (struct plx_mono){t}, &at) == PLX_PACER_GO) {
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
        assert_int_equal(plx_pacer_ask(pacer, &a, 0, now, &at), PLX_PACER_GO);
    assert_int_equal(plx_pacer_ask(pacer, &a, 0, now, &at), PLX_PACER_TARGET);
    assert_int_equal(plx_mono_diff(at, now), PLX_SEC_NS);
    assert_int_equal(plx_pacer_ask(pacer, &b, 0, now, &at), PLX_PACER_GO);
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
    assert_int_equal(plx_pacer_ask(pacer, &a, 0, now, &at), PLX_PACER_GO);
    assert_int_equal(plx_pacer_ask(pacer, &a, 0, now, &at), PLX_PACER_GO);
    assert_int_equal(plx_pacer_ask(pacer, &a, 0, now, &at), PLX_PACER_IN_FLIGHT_FULL);
    plx_pacer_done(pacer);
    assert_int_equal(plx_pacer_ask(pacer, &a, 0, now, &at), PLX_PACER_GO);
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
        assert_int_equal(plx_pacer_ask(pacer, &a, 0, now, &at), PLX_PACER_GO);
    }
    assert_int_equal(plx_pacer_in_flight(pacer), 100000);
    plx_pacer_destroy(&pacer);
}

/* How many probes `n` monitors of one address got in ten minutes: each asks once an
 * interval at its own place in it, every 10 ms until half the interval has passed. */
enum { CROWD_MAX = 200 };

static void crowd(unsigned n, int64_t interval_ns, unsigned ret_served[CROWD_MAX])
{
    struct plx_pacer_limits limits = plx_pacer_default_limits();
    struct plx_pacer *pacer = plx_pacer_new(&limits);
    struct plx_addr a = addr_of(1);
    struct plx_mono at;
    unsigned owed[CROWD_MAX] = {0};
    int64_t due[CROWD_MAX];
    for (unsigned i = 0; i < n; i++) {
        due[i] = interval_ns * i / n;
        ret_served[i] = 0;
    }
    for (int64_t t = 0; t < 10 * PLX_MIN_NS; t += 10 * PLX_MS_NS)
        for (unsigned i = 0; i < n; i++) {
            if (t < due[i])
                continue;
            struct plx_mono now = {t};
            if (plx_pacer_ask(pacer, &a, owed[i], now, &at) == PLX_PACER_GO) {
                plx_pacer_done(pacer);
                ret_served[i]++;
                owed[i] = 0;
            } else if (at.ns > due[i] + interval_ns / 2) {
                owed[i]++;
            } else {
                continue;
            }
            due[i] += interval_ns;
        }
    plx_pacer_destroy(&pacer);
}

/* Twice and three times what an address may have: nobody goes without, nobody gets more
 * than twice a fair share, and the rate over all is kept. */
static void more_monitors_than_an_address_serves__take_turns(void **state)
{
    (void)state;
    static const struct {
        unsigned n;
        int64_t interval_ns;
    } crowds[] = {{2, PLX_SEC_NS},       {3, PLX_SEC_NS},        {5, 2 * PLX_SEC_NS},
                  {30, 10 * PLX_SEC_NS}, {120, 60 * PLX_SEC_NS}, {180, 60 * PLX_SEC_NS}};
    for (size_t k = 0; k < sizeof crowds / sizeof *crowds; k++) {
        unsigned served[CROWD_MAX], total = 0;
        crowd(crowds[k].n, crowds[k].interval_ns, served);
        unsigned fair = 600 / crowds[k].n;
        for (unsigned i = 0; i < crowds[k].n; i++) {
            assert_in_range(served[i], fair / 2, 2 * fair + 1);
            total += served[i];
        }
        assert_in_range(total, 590, 600 + PLX_PACER_TARGET_BURST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_address__gets_its_burst_and_then_its_rate),
        cmocka_unit_test(own_rate__holds_over_all_addresses),
        cmocka_unit_test(more_monitors_than_an_address_serves__take_turns),
        cmocka_unit_test(in_flight__is_bounded_and_freed),
        cmocka_unit_test(more_addresses_than_buckets__stays_bounded_and_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
