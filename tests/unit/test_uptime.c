/* What a stretch of time comes to: before-and-after tables on a clock of minutes. */
#include "test.h"

#include "base/rng.h"
#include "coordinator/core/uptime.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOCATIONS 3
#define CELLS_MAX 4000

/* A window of minutes [0, n) with three locations. */
struct world {
    struct plx_uptime_verdict verdicts[32];
    struct plx_uptime_absence absences[8];
    struct plx_uptime_cell cells[CELLS_MAX];
    struct plx_uptime_question q;
    struct plx_uptime u;
    struct plx_uptime_location l[LOCATIONS];
};

static struct plx_wall minute(double m)
{
    return (struct plx_wall){(int64_t)(m * (double)PLX_MIN_NS) + 1000 * PLX_DAY_NS};
}

static void begin(struct world *w, double n)
{
    memset(w, 0, sizeof *w);
    w->q = (struct plx_uptime_question){.from = minute(0),
                                        .to = minute(n),
                                        .verdicts = w->verdicts,
                                        .absences = w->absences,
                                        .cells = w->cells,
                                        .n_locations = LOCATIONS,
                                        .min_seen = 2,
                                        .hold_ns = 2 * PLX_MIN_NS};
}

static void says(struct world *w, double at, const char *token)
{
    w->verdicts[w->q.n_verdicts++] = plx_uptime_verdict_of(token, minute(at));
}

static void away(struct world *w, double from, double to)
{
    w->absences[w->q.n_absences++] =
        (struct plx_uptime_absence){minute(from), minute(to)};
}

/* The location looks each minute of [from, to). */
static void looks(struct world *w, uint32_t location, int from, int to, uint32_t ok,
                  uint32_t bad)
{
    for (int m = from; m < to; m++)
        w->cells[w->q.n_cells++] =
            (struct plx_uptime_cell){minute(m), PLX_MIN_NS, location, ok, bad};
}

static void all_look(struct world *w, int from, int to, uint32_t ok, uint32_t bad)
{
    for (uint32_t i = 0; i < LOCATIONS; i++)
        looks(w, i, from, to, ok, bad);
}

/* Minutes up, down, unknown, and learned late. */
static void assert_minutes(struct world *w, double up, double down, double unknown,
                           double late)
{
    plx_uptime_compute(&w->q, &w->u, w->l);
    assert_int_equal(w->u.up_ns, minute(up).ns - minute(0).ns);
    assert_int_equal(w->u.down_ns, minute(down).ns - minute(0).ns);
    assert_int_equal(w->u.unknown_ns, minute(unknown).ns - minute(0).ns);
    assert_int_equal(w->u.late_ns, minute(late).ns - minute(0).ns);
}

static void verdicts__share_out_the_time(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 100);
    all_look(&w, 0, 100, 1, 0);
    says(&w, -50, "service_down"); /* before the window; the next holds as it begins */
    says(&w, -40, "up");
    says(&w, 20, "host_down");
    says(&w, 30, "path_failure"); /* reachable from somewhere */
    says(&w, 50, "agent_fault");
    says(&w, 60, "degraded");
    assert_minutes(&w, 80, 10, 10, 0);
    assert_true(fabs(plx_uptime_availability(&w.u) - 80.0 / 90) < 1e-9);
    assert_true(fabs(plx_uptime_coverage(&w.u) - 1) < 1e-9);
}

static void nobody_looked__is_unknown_whatever_was_concluded(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 100);
    says(&w, 0, "up");
    all_look(&w, 0, 40, 1, 0); /* the last look speaks until minute 42 */
    all_look(&w, 80, 100, 1, 0);
    assert_minutes(&w, 62, 0, 38, 0);
    assert_true(fabs(plx_uptime_coverage(&w.u) - 0.62) < 1e-9);
    begin(&w, 100);
    assert_minutes(&w, 0, 0, 100, 0);
    assert_true(plx_uptime_availability(&w.u) < 0);
    assert_true(plx_uptime_reachability(&w.l[0]) < 0);
}

static void an_agent_that_could_not_look__ends_its_view(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 10);
    says(&w, 0, "up");
    looks(&w, 0, 0, 5, 1, 0);
    looks(&w, 0, 5, 10, 0, 0); /* local errors only */
    assert_minutes(&w, 5, 0, 5, 0);
}

static void what_came_late__decides_where_nobody_judged(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 100);
    says(&w, 0, "up");
    away(&w, 20, 60);
    all_look(&w, 0, 30, 1, 0);
    all_look(&w, 30, 50, 0, 1); /* down while no coordinator ran */
    all_look(&w, 50, 100, 1, 0);
    assert_minutes(&w, 80, 20, 0, 40);
    assert_int_equal(w.u.n_late, 1);
    assert_int_equal(w.u.late[0].from.ns, minute(30).ns);
    assert_int_equal(w.u.late[0].to.ns, minute(50).ns);
    /* The same after nobody was heard. */
    begin(&w, 100);
    says(&w, 0, "up");
    says(&w, 20, "inconclusive");
    says(&w, 60, "up");
    all_look(&w, 0, 100, 1, 0);
    assert_minutes(&w, 100, 0, 0, 40);
    assert_int_equal(w.u.n_late, 0);
}

static void one_location_alone__makes_nothing_down_late(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 60);
    says(&w, 0, "up");
    away(&w, 0, 60);
    looks(&w, 0, 0, 60, 0, 1);
    assert_minutes(&w, 0, 0, 60, 0);
    looks(&w, 1, 30, 60, 1, 0); /* another one got through */
    assert_minutes(&w, 30, 0, 30, 30);
}

/* What the judge saw and would not call down stays so. */
static void results__do_not_overrule_the_judge(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 60);
    says(&w, 0, "agent_fault");
    all_look(&w, 0, 60, 0, 1);
    assert_minutes(&w, 0, 0, 60, 0);
    begin(&w, 60);
    says(&w, 0, "up");
    all_look(&w, 0, 60, 0, 1);
    assert_minutes(&w, 60, 0, 0, 0);
}

static void reachability__is_each_locations_own(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 100);
    says(&w, 0, "up");
    looks(&w, 0, 0, 100, 2, 0);
    looks(&w, 1, 0, 50, 1, 1);
    looks(&w, 1, 0, 50, 2, 0);  /* another agent of the same location */
    looks(&w, 0, -10, 0, 0, 1); /* before the window */
    assert_minutes(&w, 100, 0, 0, 0);
    assert_true(fabs(plx_uptime_reachability(&w.l[0]) - 1) < 1e-9);
    assert_true(fabs(plx_uptime_reachability(&w.l[1]) - 0.75) < 1e-9);
    assert_true(plx_uptime_reachability(&w.l[2]) < 0);
    assert_int_equal(w.l[1].seen_ns, 52 * PLX_MIN_NS);
}

static void an_hour_of_mixed_looks__is_up_by_its_share(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 60);
    w.q.hold_ns = 0;
    away(&w, 0, 60);
    for (uint32_t i = 0; i < LOCATIONS; i++)
        w.cells[w.q.n_cells++] =
            (struct plx_uptime_cell){minute(0), PLX_HOUR_NS, i, 45, 15};
    assert_minutes(&w, 45, 0, 15, 45);
}

/* However it lies: the parts are the whole, and more evidence adds no unknown time. */
static void any_history__adds_up(void **state)
{
    (void)state;
    static const char *const tokens[] = {"up", "service_down", "inconclusive",
                                         "agent_fault", "degraded"};
    uint64_t seed = 7;
    struct plx_rng rng;
    plx_rng_init(&rng, seed);
    for (int round = 0; round < 500; round++) {
        struct world w;
        begin(&w, 200);
        double at = -20;
        for (size_t i = 0; i < 20; i++) {
            at += (double)plx_rng_below(&rng, 20);
            says(&w, at, tokens[plx_rng_below(&rng, 5)]);
        }
        double from = (double)plx_rng_below(&rng, 100);
        away(&w, from, from + (double)plx_rng_below(&rng, 60));
        for (uint32_t i = 0; i < LOCATIONS; i++) {
            int first = (int)plx_rng_below(&rng, 150);
            looks(&w, i, first, first + (int)plx_rng_below(&rng, 90),
                  (uint32_t)plx_rng_below(&rng, 3), (uint32_t)plx_rng_below(&rng, 3));
        }
        plx_uptime_compute(&w.q, &w.u, w.l);
        assert_int_equal(w.u.up_ns + w.u.down_ns + w.u.unknown_ns, 200 * PLX_MIN_NS);
        assert_true(w.u.up_ns >= 0 && w.u.down_ns >= 0 && w.u.unknown_ns >= 0);
        assert_true(w.u.late_ns <= w.u.up_ns + w.u.down_ns);
        int64_t seen_ns = 0, unknown_ns = w.u.unknown_ns;
        for (uint32_t i = 0; i < LOCATIONS; i++)
            seen_ns += w.l[i].seen_ns;
        assert_int_equal(seen_ns, w.u.seen_ns);
        all_look(&w, 0, 200, 1, 0);
        plx_uptime_compute(&w.q, &w.u, w.l);
        assert_true(w.u.unknown_ns <= unknown_ns);
    }
}

static void objectives__budget_and_burn(void **state)
{
    (void)state;
    struct plx_uptime u = {.up_ns = 29 * PLX_DAY_NS, .down_ns = 21 * PLX_MIN_NS};
    struct plx_slo slo = plx_slo_of(0.999, 30 * PLX_DAY_NS, &u);
    assert_true(fabs((double)slo.budget_ns / (double)PLX_MIN_NS - 43.2) < 1e-3);
    assert_int_equal(slo.spent_ns, 21 * PLX_MIN_NS);
    assert_true(fabs(slo.left - (1 - 21 / 43.2)) < 1e-6);
    struct plx_uptime hour = {.up_ns = 54 * PLX_MIN_NS, .down_ns = 6 * PLX_MIN_NS};
    assert_true(fabs(plx_slo_burn(0.999, &hour) - 100) < 1e-6);
    assert_true(plx_slo_burn(0.999, &(struct plx_uptime){0}) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts__share_out_the_time),
        cmocka_unit_test(nobody_looked__is_unknown_whatever_was_concluded),
        cmocka_unit_test(an_agent_that_could_not_look__ends_its_view),
        cmocka_unit_test(what_came_late__decides_where_nobody_judged),
        cmocka_unit_test(one_location_alone__makes_nothing_down_late),
        cmocka_unit_test(results__do_not_overrule_the_judge),
        cmocka_unit_test(reachability__is_each_locations_own),
        cmocka_unit_test(an_hour_of_mixed_looks__is_up_by_its_share),
        cmocka_unit_test(any_history__adds_up),
        cmocka_unit_test(objectives__budget_and_burn),
    };
    return PLX_RUN(tests);
}
