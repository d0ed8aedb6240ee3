/* Who has a cell of a monitor, whatever comes and goes. */
#include "test.h"

#include "base/err.h"
#include "base/rng.h"
#include "coordinator/core/judge.h"

#include <stdio.h>

#define CROWD   8u
#define TARGETS 12u
#define T0      INT64_C(1790000000)

static struct plx_wall wall(double s)
{
    return (struct plx_wall){T0 * PLX_SEC_NS + (int64_t)(s * 1e9)};
}

/* What was declared, to hold the judge against. */
struct crowd {
    struct plx_judge *judge;
    struct plx_rng rng;
    bool there[CROWD], has[TARGETS], watches[TARGETS][CROWD];
    double now;
};

static uint32_t below(struct crowd *c, uint32_t n)
{
    return (uint32_t)(plx_rng_unit(&c->rng) * n);
}

static void enter_agent(struct crowd *c, uint32_t a)
{
    static const char *const names[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    static const char *const regions[] = {"eu", "us", "ap"};
    plx_judge_set_agent(
        c->judge,
        &(struct plx_judge_agent){.id = a, .name = names[a], .region = regions[a % 3]});
    c->there[a] = true;
}

static void enter_monitor(struct crowd *c, uint32_t m)
{
    uint32_t ids[CROWD], n = 0;
    char host[24];
    for (uint32_t a = CROWD; a-- > 0;) { /* in no order that helps */
        c->watches[m][a] = c->there[a] && below(c, 3) == 0;
        if (c->watches[m][a])
            ids[n++] = a;
    }
    snprintf(host, sizeof host, "192.0.2.%u", m / 2);
    assert_int_equal(plx_judge_set_monitor(c->judge,
                                           &(struct plx_judge_monitor){
                                               .id = m,
                                               .name = host,
                                               .host = host,
                                               .address = host,
                                               .port = (uint16_t)(1 + m),
                                               .interval_ns = 10 * PLX_SEC_NS,
                                               .timeout_ns = PLX_SEC_NS,
                                               .agents = ids,
                                               .n_agents = n,
                                           }),
                     0);
    c->has[m] = true;
}

static void leave_agent(struct crowd *c, uint32_t a)
{
    plx_judge_drop_agent(c->judge, a);
    c->there[a] = false;
    for (uint32_t m = 0; m < TARGETS; m++)
        c->watches[m][a] = false;
}

static void see_something(struct crowd *c)
{
    static const enum plx_outcome outcomes[] = {PLX_OUTCOME_OPEN, PLX_OUTCOME_TIMEOUT,
                                                PLX_OUTCOME_REFUSED,
                                                PLX_OUTCOME_LOCAL_ERROR};
    uint32_t m = below(c, TARGETS), a = below(c, CROWD);
    bool watches = c->has[m] && c->watches[m][a], extra = below(c, 2);
    /* Who watches mostly fails, others mostly get through. */
    const struct plx_judge_result r = {
        .now = wall(c->now),
        .at = wall(c->now - 0.1 * below(c, 30)),
        .monitor = m,
        .agent = a,
        .kind = extra ? PLX_JUDGE_CONFIRM : PLX_JUDGE_SCHEDULED,
        .outcome = below(c, 8) == 0 ? outcomes[below(c, 4)] : outcomes[watches],
    };
    bool taken = c->has[m] && c->there[a] && (watches || extra);
    assert_int_equal(plx_judge_result(c->judge, &r), taken ? 0 : PLX_ENOTFOUND);
}

/* Returns how many spares have cells. */
static size_t check_cells(struct crowd *c, uint32_t m)
{
    struct plx_judge_view view;
    size_t n_spares = 0;
    uint32_t n = 0;
    if (!c->has[m]) {
        assert_int_equal(plx_judge_explain(c->judge, m, &view), PLX_ENOTFOUND);
        return 0;
    }
    assert_int_equal(plx_judge_explain(c->judge, m, &view), 0);
    for (size_t i = 0; i < view.n_cells; i++) {
        const struct plx_judge_cell *cell = &view.cells[i];
        assert_true(i == 0 || cell->agent > view.cells[i - 1].agent);
        assert_true(c->there[cell->agent]);
        assert_true(cell->spare != c->watches[m][cell->agent]);
        n_spares += cell->spare;
    }
    for (uint32_t a = 0; a < CROWD; a++)
        n += c->watches[m][a];
    assert_int_equal(view.n_cells - n_spares, n);
    assert_int_equal(view.ruling.assigned, n);
    assert_true(view.ruling.fresh <= n);
    return n_spares;
}

static void
whatever_comes_and_goes__cells_are_of_those_declared_and_of_spares(void **state)
{
    (void)state;
    const uint64_t seed = 7;
    size_t n_spares = 0;
    struct crowd c = {.judge = plx_judge_new(NULL)};
    print_message("seed %llu\n", (unsigned long long)seed);
    plx_rng_init(&c.rng, seed);
    for (uint32_t a = 0; a < CROWD; a++)
        enter_agent(&c, a);
    for (uint32_t m = 0; m < TARGETS; m++)
        enter_monitor(&c, m);
    for (int step = 0; step < 20000; step++) {
        const struct plx_judge_output *out;
        c.now += 0.1;
        see_something(&c);
        uint32_t dice = below(&c, 400), a = below(&c, CROWD), m = below(&c, TARGETS);
        if (dice == 0)
            leave_agent(&c, a);
        else if (dice < 3 && !c.there[a])
            enter_agent(&c, a);
        else if (dice < 6)
            enter_monitor(&c, m);
        else if (dice == 6 && c.has[m]) {
            plx_judge_drop_monitor(c.judge, m);
            c.has[m] = false;
        } else if (dice < 60) {
            plx_judge_tick(c.judge, wall(c.now), &out);
            for (uint32_t i = 0; i < TARGETS; i++)
                n_spares += check_cells(&c, i);
        }
    }
    assert_true(n_spares > 1000);
    plx_judge_destroy(&c.judge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            whatever_comes_and_goes__cells_are_of_those_declared_and_of_spares),
    };
    return PLX_RUN(tests);
}
