#include "agent/core/wheel.h"

#include "base/rng.h"

#include "test.h"

static struct plx_mono ms(int64_t n)
{
    return (struct plx_mono){n * PLX_MS_NS};
}

static void deadlines__are_met_not_before_and_not_after(void **state)
{
    (void)state;
    struct plx_wheel w;
    uint32_t id;
    plx_wheel_init(&w, 4, ms(1000));
    plx_wheel_add(&w, 0, ms(1015));
    plx_wheel_add(&w, 1, ms(1012));
    plx_wheel_add(&w, 2, ms(900));
    assert_true(plx_wheel_expire(&w, ms(1000), &id));
    assert_int_equal(id, 2);
    assert_false(plx_wheel_expire(&w, ms(1011), &id));
    assert_true(plx_wheel_expire(&w, ms(1012), &id));
    assert_int_equal(id, 1);
    assert_false(plx_wheel_expire(&w, ms(1014), &id));
    assert_true(plx_wheel_expire(&w, ms(1015), &id));
    assert_int_equal(id, 0);
    plx_wheel_fini(&w);
}

static void more_than_a_turn_ahead__waits_for_its_turn(void **state)
{
    (void)state;
    struct plx_wheel w;
    uint32_t id;
    plx_wheel_init(&w, 1, ms(0));
    plx_wheel_add(&w, 0, ms(200000));
    assert_false(plx_wheel_expire(&w, ms(100000), &id));
    assert_false(plx_wheel_expire(&w, ms(199999), &id));
    assert_true(plx_wheel_expire(&w, ms(200000), &id));
    plx_wheel_fini(&w);
}

/* 200,000 of one deadline: squared, they would take minutes. */
static void equal_deadlines__cost_each_the_same(void **state)
{
    (void)state;
    enum { N = 200000 };
    struct plx_wheel w;
    uint32_t id, n = 0;
    plx_wheel_init(&w, N, ms(0));
    for (uint32_t i = 0; i < N; i++)
        plx_wheel_add(&w, i, ms(i % 2 ? 503 : 507));
    while (plx_wheel_expire(&w, ms(503), &id)) {
        assert_int_equal(id % 2, 1);
        n++;
        if (id > 1 && id % 10 == 5)
            plx_wheel_add(&w, id, ms(505)); /* again, within the tick */
    }
    assert_int_equal(n, N / 2);
    while (plx_wheel_expire(&w, ms(507), &id))
        n++;
    assert_int_equal(n, N + N / 10);
    plx_wheel_fini(&w);
}

static void found_due__can_still_be_removed(void **state)
{
    (void)state;
    struct plx_wheel w;
    uint32_t id;
    plx_wheel_init(&w, 3, ms(0));
    for (uint32_t i = 0; i < 3; i++)
        plx_wheel_add(&w, i, ms(50));
    assert_true(plx_wheel_expire(&w, ms(60), &id));
    plx_wheel_remove(&w, (id + 1) % 3);
    plx_wheel_add(&w, id, ms(40)); /* past already: due at once */
    uint32_t first = id, seen = 0;
    while (plx_wheel_expire(&w, ms(60), &id))
        seen |= 1u << id;
    assert_int_equal(seen, 1u << first | 1u << ((first + 2) % 3));
    plx_wheel_fini(&w);
}

static void growing__keeps_what_is_there(void **state)
{
    (void)state;
    struct plx_wheel w;
    uint32_t id;
    plx_wheel_init(&w, 0, ms(0));
    for (uint32_t i = 0; i < 1000; i++) {
        plx_wheel_grow(&w, i + 1);
        plx_wheel_add(&w, i, ms(10 + i));
    }
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(plx_wheel_expire(&w, ms(10 + i), &id));
        assert_int_equal(id, i);
        assert_false(plx_wheel_expire(&w, ms(10 + i), &id));
    }
    plx_wheel_fini(&w);
}

static void random_use__agrees_with_a_plain_array(void **state)
{
    (void)state;
    enum { N = 500 };
    struct plx_rng rng;
    struct plx_wheel w;
    int64_t deadline[N] = {0};
    print_message("seed %d\n", 4711);
    plx_rng_init(&rng, 4711);
    plx_wheel_init(&w, N, ms(0));
    for (int64_t now = 0; now < 200000; now += (int64_t)plx_rng_below(&rng, 40)) {
        uint32_t id = (uint32_t)plx_rng_below(&rng, N);
        if (deadline[id])
            plx_wheel_remove(&w, id);
        deadline[id] = now + 1 + (int64_t)plx_rng_below(&rng, 90000);
        plx_wheel_add(&w, id, ms(deadline[id]));
        while (plx_wheel_expire(&w, ms(now), &id)) {
            assert_true(deadline[id] > 0 && deadline[id] <= now);
            deadline[id] = 0;
        }
        for (int i = 0; i < N; i++)
            assert_true(deadline[i] == 0 || deadline[i] > now);
    }
    plx_wheel_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadlines__are_met_not_before_and_not_after),
        cmocka_unit_test(more_than_a_turn_ahead__waits_for_its_turn),
        cmocka_unit_test(equal_deadlines__cost_each_the_same),
        cmocka_unit_test(found_due__can_still_be_removed),
        cmocka_unit_test(growing__keeps_what_is_there),
        cmocka_unit_test(random_use__agrees_with_a_plain_array),
    };
    return PLX_RUN(tests);
}
