/* The judge on what is short of failing: loss, latency, and addresses that are half up.
 */
#include "judge_world.h"

#include "base/rng.h"

#include <string.h>

/* The view of agent 1 among the four of one monitor that are probed once a second: of its
 * probes, `lost` says how many SYNs each lost. Returns how many verdicts changed. */
static uint32_t probe_with_losses(struct plx_judge *judge, double *t, uint32_t n,
                                  uint16_t (*lost)(struct plx_rng *rng, uint32_t i),
                                  struct plx_rng *rng)
{
    uint32_t changes = 0;
    for (uint32_t i = 0; i < n; i++, *t += 1) {
        const struct plx_judge_output *out;
        for (uint32_t a = 0; a < 4; a++) {
            struct plx_judge_result r = {.now = judge_wall(*t + 0.2),
                                         .at = judge_wall(*t),
                                         .monitor = 1,
                                         .agent = a,
                                         .outcome = PLX_OUTCOME_OPEN,
                                         .syn_retrans = a == 1 ? lost(rng, i) : 0};
            assert_int_equal(plx_judge_result(judge, &r), 0);
        }
        plx_judge_tick(judge, judge_wall(*t + 0.5), &out);
        changes += (uint32_t)out->n_verdicts;
    }
    return changes;
}

static uint16_t lost_none(struct plx_rng *rng, uint32_t i)
{
    (void)rng, (void)i;
    return 0;
}

static uint16_t lost_single(struct plx_rng *rng, uint32_t i)
{
    (void)rng;
    return i % 12 == 0;
}

static uint16_t lost_30_percent(struct plx_rng *rng, uint32_t i)
{
    uint16_t n = 0;
    (void)i;
    while (plx_rng_unit(rng) < 0.3)
        n++;
    return n;
}

static struct plx_judge_cell view_of(struct plx_judge *judge, uint32_t agent)
{
    struct plx_judge_view view;
    assert_int_equal(plx_judge_explain(judge, 1, &view), 0);
    return view.cells[agent];
}

static void lost_syns__are_the_paths_loss_and_no_verdict(void **state)
{
    (void)state;
    struct judge_world w = {.start = 1e9};
    struct plx_rng rng;
    double t = 0;
    plx_rng_init(&rng, 4711);
    judge_declare(&w, 4);
    probe_with_losses(w.judge, &t, 60, lost_none, &rng);
    assert_int_equal(probe_with_losses(w.judge, &t, 12000, lost_single, &rng), 0);
    assert_false(view_of(w.judge, 1).lossy);
    /* A third of the SYNs of one path: that path's, while the service is up. */
    assert_int_equal(probe_with_losses(w.judge, &t, 200, lost_30_percent, &rng), 0);
    uint32_t held = 0, lossy = 0;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(probe_with_losses(w.judge, &t, 10, lost_30_percent, &rng), 0);
        struct plx_judge_cell c = view_of(w.judge, 1);
        held += c.loss_low <= 0.3 && c.loss_high >= 0.3;
        lossy += c.lossy;
    }
    assert_in_range(held, 185, 200);  /* a 95 % interval */
    assert_in_range(lossy, 190, 200); /* and it does not flap */
    assert_false(view_of(w.judge, 0).lossy);
    probe_with_losses(w.judge, &t, 100, lost_none, &rng);
    assert_false(view_of(w.judge, 1).lossy);
    plx_judge_destroy(&w.judge);
}

/* Agent 1 of the four, once in two seconds: of each SYN 30 % are lost, and after `syns`
 * of them the probe has timed out; the agent tries again at once. */
static void probe_until_timeout(struct plx_judge *judge, double *t, uint32_t n,
                                uint16_t syns, struct plx_rng *rng)
{
    for (uint32_t i = 0; i < n; i++, *t += 2) {
        const struct plx_judge_output *out;
        struct plx_judge_result r = {.monitor = 1, .outcome = PLX_OUTCOME_TIMEOUT};
        for (r.agent = 0; r.agent < 4; r.agent++)
            for (int k = 0; k < 2; k++) {
                uint16_t lost = 0;
                while (r.agent == 1 && lost < syns && plx_rng_unit(rng) < 0.3)
                    lost++;
                r.kind = k == 0 ? PLX_JUDGE_SCHEDULED : PLX_JUDGE_CONFIRM;
                r.at = judge_wall(*t + k * 0.5);
                r.now = judge_wall(*t + k * 0.5 + 0.2);
                r.outcome = lost == syns ? PLX_OUTCOME_TIMEOUT : PLX_OUTCOME_OPEN;
                r.syn_retrans = lost == syns ? (uint16_t)(syns - 1) : lost;
                assert_int_equal(plx_judge_result(judge, &r), 0);
                if (r.outcome == PLX_OUTCOME_OPEN)
                    break;
            }
        plx_judge_tick(judge, judge_wall(*t + 1), &out);
    }
}

static void lost_syns_of_probes_that_time_out__are_all_counted(void **state)
{
    (void)state;
    for (uint16_t syns = 2; syns <= 4; syns++) {
        struct judge_world w = {.start = 1e9};
        struct plx_rng rng;
        double t = 0, sum = 0;
        uint32_t held = 0;
        plx_rng_init(&rng, 4712);
        judge_declare(&w, 4);
        probe_until_timeout(w.judge, &t, 100, syns, &rng);
        for (int i = 0; i < 400; i++) {
            probe_until_timeout(w.judge, &t, 25, syns, &rng);
            struct plx_judge_cell c = view_of(w.judge, 1);
            held += c.loss_low <= 0.3 && c.loss_high >= 0.3;
            sum += c.loss / 400;
        }
        print_message("%u SYNs: %u of 400 intervals hold, %.3f on average\n", syns, held,
                      sum);
        assert_in_range(held, 370, 400);
        /* Looked at after answers only, which are the last of a smoothed mean's trials.
         */
        assert_in_range((uint32_t)(sum * 1000), 265, 310);
        plx_judge_destroy(&w.judge);
    }
}

static void silence_that_is_expected__is_no_loss(void **state)
{
    (void)state;
    struct judge_world w = {.start = 1e9};
    const struct plx_judge_output *out;
    const uint32_t ids[] = {0, 1, 2};
    judge_declare(&w, 3);
    assert_int_equal(
        plx_judge_set_monitor(w.judge,
                              &(struct plx_judge_monitor){.id = 1,
                                                          .name = "m1",
                                                          .host = "192.0.2.1",
                                                          .port = 81,
                                                          .address = "192.0.2.1",
                                                          .interval_ns = 10 * PLX_SEC_NS,
                                                          .timeout_ns = 5 * PLX_SEC_NS,
                                                          .agents = ids,
                                                          .n_agents = 3,
                                                          .expect = PLX_EXPECT_FILTERED}),
        0);
    for (double t = 0; t < 600; t += 10) {
        for (uint32_t a = 0; a < 3; a++)
            assert_int_equal(
                plx_judge_result(
                    w.judge, &(struct plx_judge_result){.now = judge_wall(t + 5),
                                                        .at = judge_wall(t),
                                                        .monitor = 1,
                                                        .agent = a,
                                                        .outcome = PLX_OUTCOME_TIMEOUT,
                                                        .syn_retrans = 4}),
                0);
        plx_judge_tick(w.judge, judge_wall(t + 5.5), &out);
    }
    assert_false(view_of(w.judge, 1).lossy);
    plx_judge_destroy(&w.judge);
}

static uint16_t lost_of(struct plx_rng *rng, double share)
{
    uint16_t n = 0;
    while (n < 8 && plx_rng_unit(rng) < share)
        n++;
    return n;
}

static uint16_t lost_half(struct plx_rng *rng, uint32_t i)
{
    (void)i;
    return lost_of(rng, 0.5);
}

static uint16_t lost_80_percent(struct plx_rng *rng, uint32_t i)
{
    (void)i;
    return lost_of(rng, 0.8);
}

/* The more was lost, the sooner it is seen that nothing is any more. */
static void loss_is_over__the_path_is_well_after_so_many_answers(void **state)
{
    (void)state;
    static const struct {
        uint16_t (*lost)(struct plx_rng *rng, uint32_t i);
        uint32_t median, most; /* answers, over a hundred runs */
    } rows[] = {{lost_30_percent, 20, 30}, {lost_half, 16, 26}, {lost_80_percent, 9, 20}};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        uint32_t n_late = 0, n_very_late = 0, n = 0;
        for (uint64_t seed = 1; seed <= 100; seed++) {
            struct judge_world w = {.start = 1e9};
            struct plx_rng rng;
            double t = 0;
            plx_rng_init(&rng, seed);
            judge_declare(&w, 4);
            probe_with_losses(w.judge, &t, 60, lost_none, &rng);
            probe_with_losses(w.judge, &t, 80, rows[k].lost, &rng);
            if (view_of(w.judge, 1).lossy) {
                n++;
                probe_with_losses(w.judge, &t, rows[k].median, lost_none, &rng);
                n_late += view_of(w.judge, 1).lossy;
                probe_with_losses(w.judge, &t, rows[k].most - rows[k].median, lost_none,
                                  &rng);
                struct plx_judge_cell c = view_of(w.judge, 1);
                n_very_late += c.lossy;
                assert_true(c.lossy || c.loss_low <= 0.02);
            }
            plx_judge_destroy(&w.judge);
        }
        print_message("%zu: lossy %u, later than %u answers %u, than %u %u\n", k, n,
                      rows[k].median, n_late, rows[k].most, n_very_late);
        assert_true(n >= 90);
        assert_true(n_late <= n / 2);
        assert_int_equal(n_very_late, 0);
    }
}

/* A third of all SYNs lost for hours: the path does not come and go. */
static void loss_that_stands__does_not_flap(void **state)
{
    (void)state;
    struct judge_world w = {.start = 1e9};
    struct plx_rng rng;
    double t = 0;
    uint32_t changes = 0;
    plx_rng_init(&rng, 815);
    judge_declare(&w, 4);
    probe_with_losses(w.judge, &t, 100, lost_30_percent, &rng);
    for (bool was = true; t < 20000;) {
        probe_with_losses(w.judge, &t, 1, lost_30_percent, &rng);
        bool is = view_of(w.judge, 1).lossy;
        changes += is != was;
        was = is;
    }
    print_message("%u changes in 20,000 probes\n", changes);
    assert_true(changes <= 40);
    plx_judge_destroy(&w.judge);
}

static void slow_path__is_degraded_until_it_is_well_below_the_bound(void **state)
{
    (void)state;
    static const struct {
        uint32_t rtt_ms;
        bool slow;
    } rows[] = {{90, false}, {130, true}, {95, true}, {80, false}};
    struct judge_world w = {.start = 1e9};
    uint32_t ids[] = {0, 1};
    double t = 0;
    judge_declare(&w, 2);
    struct plx_judge_monitor m = {.id = 1,
                                  .name = "m1",
                                  .host = "192.0.2.1",
                                  .address = "192.0.2.1",
                                  .interval_ns = PLX_SEC_NS,
                                  .timeout_ns = PLX_SEC_NS,
                                  .agents = ids,
                                  .n_agents = 2,
                                  .degraded_above_us = 100000};
    assert_int_equal(plx_judge_set_monitor(w.judge, &m), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int n = 0; n < 100; n++, t += 1) {
            const struct plx_judge_output *out;
            for (uint32_t a = 0; a < 2; a++) {
                struct plx_judge_result r = {.now = judge_wall(t + 0.2),
                                             .at = judge_wall(t),
                                             .monitor = 1,
                                             .agent = a,
                                             .outcome = PLX_OUTCOME_OPEN,
                                             .rtt_us = a ? rows[i].rtt_ms * 1000 : 9000};
                plx_judge_result(w.judge, &r);
            }
            plx_judge_tick(w.judge, judge_wall(t + 0.5), &out);
        }
        assert_int_equal(view_of(w.judge, 1).slow, rows[i].slow);
        assert_false(view_of(w.judge, 0).slow);
    }
    plx_judge_destroy(&w.judge);
}

static void half_up__is_degraded_where_half_of_them_see_it(void **state)
{
    (void)state;
    for (uint32_t n = JUDGE_AGENTS / 2 - 1; n <= JUDGE_AGENTS / 2; n++) {
        struct judge_world w = {.outcome = PLX_OUTCOME_OPEN, .start = 100, .end = 2000};
        struct plx_judge_ruling v;
        for (uint32_t a = 0; a < n; a++)
            w.fails[1][a] = true;
        judge_play(&w, JUDGE_AGENTS, 200);
        assert_int_equal(w.n_faults, 0);
        assert_int_equal(plx_judge_view(w.judge, 1, &v), 0);
        assert_int_equal(v.verdict,
                         2 * n >= JUDGE_AGENTS ? PLX_JUDGE_DEGRADED : PLX_JUDGE_UP);
        if (v.verdict == PLX_JUDGE_DEGRADED)
            assert_non_null(strstr(v.why, "half up"));
        assert_int_equal(plx_judge_view(w.judge, 0, &v), 0);
        assert_int_equal(v.verdict, PLX_JUDGE_UP);
        plx_judge_destroy(&w.judge);
    }
}

/* A region is cut off from a network in which a service is slow for everybody. */
static void path_that_fails__is_said_of_what_is_degraded_too(void **state)
{
    (void)state;
    struct judge_world w = {.outcome = PLX_OUTCOME_TIMEOUT, .start = 200, .end = 1000};
    const uint32_t ids[] = {0, 1, 2, 3, 4, 5};
    struct plx_judge_ruling v;
    for (uint32_t m = 0; m < 4; m++)
        w.fails[m][0] = w.fails[m][1] = true;
    judge_declare(&w, JUDGE_AGENTS);
    assert_int_equal(
        plx_judge_set_monitor(w.judge,
                              &(struct plx_judge_monitor){.id = 3,
                                                          .name = "m3",
                                                          .host = "192.0.2.2",
                                                          .address = "192.0.2.2",
                                                          .port = 83,
                                                          .interval_ns = 60 * PLX_SEC_NS,
                                                          .timeout_ns = 5 * PLX_SEC_NS,
                                                          .agents = ids,
                                                          .n_agents = JUDGE_AGENTS,
                                                          .degraded_above_us = 10000}),
        0);
    judge_go_on(&w, JUDGE_AGENTS, 0, 200);
    assert_int_equal(judge_verdict_of(&w, 3, &v), PLX_JUDGE_DEGRADED);
    judge_go_on(&w, JUDGE_AGENTS, 200, 600);
    assert_int_equal(w.faults[1].class, PLX_JUDGE_CLASS_PATH);
    assert_int_equal(judge_verdict_of(&w, 3, &v), PLX_JUDGE_PATH_FAILURE);
    assert_int_equal(judge_verdict_of(&w, 0, &v), PLX_JUDGE_PATH_FAILURE);
    judge_go_on(&w, JUDGE_AGENTS, 600, 1300);
    assert_int_equal(judge_verdict_of(&w, 3, &v), PLX_JUDGE_DEGRADED);
    plx_judge_destroy(&w.judge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_syns__are_the_paths_loss_and_no_verdict),
        cmocka_unit_test(lost_syns_of_probes_that_time_out__are_all_counted),
        cmocka_unit_test(silence_that_is_expected__is_no_loss),
        cmocka_unit_test(loss_is_over__the_path_is_well_after_so_many_answers),
        cmocka_unit_test(loss_that_stands__does_not_flap),
        cmocka_unit_test(slow_path__is_degraded_until_it_is_well_below_the_bound),
        cmocka_unit_test(path_that_fails__is_said_of_what_is_degraded_too),
        cmocka_unit_test(half_up__is_degraded_where_half_of_them_see_it),
    };
    return PLX_RUN(tests);
}
