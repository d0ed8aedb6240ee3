/* What the judge makes of views that are older than their agent's absence: two agents,
 * one host with two services, probed every 20 minutes. */
#include "test.h"

#include "coordinator/core/judge.h"

#include <string.h>

#define T0       INT64_C(1790000000)
#define INTERVAL 1200

static struct plx_wall wall(double s)
{
    return (struct plx_wall){T0 * PLX_SEC_NS + (int64_t)(s * 1e9)};
}

static struct plx_judge *declare(void)
{
    static const char *const names[] = {"a0", "a1"}, *const regions[] = {"eu", "us"};
    static const char *const monitors[] = {"m0", "m1"};
    const uint32_t ids[] = {0, 1};
    struct plx_judge *judge = plx_judge_new(NULL);
    for (uint32_t a = 0; a < 2; a++)
        plx_judge_set_agent(judge, &(struct plx_judge_agent){
                                       .id = a, .name = names[a], .region = regions[a]});
    for (uint32_t m = 0; m < 2; m++)
        plx_judge_set_monitor(judge, &(struct plx_judge_monitor){
                                         .id = m,
                                         .name = monitors[m],
                                         .host = "192.0.2.1",
                                         .address = "192.0.2.1",
                                         .port = (uint16_t)(80 + m),
                                         .interval_ns = INTERVAL * PLX_SEC_NS,
                                         .timeout_ns = 5 * PLX_SEC_NS,
                                         .agents = ids,
                                         .n_agents = 2,
                                         .min_coverage = 0.5,
                                     });
    return judge;
}

static void see(struct plx_judge *judge, double t, uint32_t monitor, uint32_t agent,
                enum plx_outcome outcome)
{
    assert_int_equal(plx_judge_result(judge,
                                      &(struct plx_judge_result){
                                          .now = wall(t),
                                          .at = wall(t),
                                          .monitor = monitor,
                                          .agent = agent,
                                          .outcome = outcome,
                                      }),
                     0);
}

/* Ticks and heartbeats of the agents in `present` (bits). */
static void pass(struct plx_judge *judge, int from, int until, unsigned present)
{
    const struct plx_judge_output *out;
    for (int t = from; t < until; t++) {
        for (uint32_t a = 0; a < 2; a++)
            if (t % 5 == 0 && (present & 1u << a))
                plx_judge_heartbeat(judge, wall(t), a);
        plx_judge_tick(judge, wall(t + 0.5), &out);
    }
}

static enum plx_judge_verdict verdict_of(struct plx_judge *judge, uint32_t monitor,
                                         struct plx_judge_ruling *ret)
{
    assert_int_equal(plx_judge_view(judge, monitor, ret), 0);
    return ret->verdict;
}

/* Everybody sees the host fail, twice and apart. */
static void break_all(struct plx_judge *judge, int t)
{
    for (int round = 0; round < 2; round++) {
        pass(judge, t + 30 * round, t + 30 * round + 30, 3);
        for (uint32_t m = 0; m < 2; m++)
            for (uint32_t a = 0; a < 2; a++)
                see(judge, t + 30 * round + 29.9, m, a, PLX_OUTCOME_TIMEOUT);
    }
    pass(judge, t + 60, t + 90, 3);
}

static void back_after_half_an_hour__is_not_believed_what_it_saw_before(void **state)
{
    (void)state;
    struct plx_judge *judge = declare();
    struct plx_judge_ruling v;
    break_all(judge, 100);
    assert_int_equal(verdict_of(judge, 0, &v), PLX_JUDGE_HOST_DOWN);
    pass(judge, 190, 2000, 0);
    assert_int_equal(verdict_of(judge, 0, &v), PLX_JUDGE_INCONCLUSIVE);
    pass(judge, 2000, 2030, 1); /* within 2.5 intervals of what it saw */
    assert_int_equal(verdict_of(judge, 0, &v), PLX_JUDGE_INCONCLUSIVE);
    assert_int_equal(v.fresh, 0);
    plx_judge_destroy(&judge);
}

static enum plx_judge_reason reason_of(struct plx_judge *judge, uint32_t agent)
{
    struct plx_judge_view view;
    assert_int_equal(plx_judge_explain(judge, 0, &view), 0);
    return view.cells[agent].reason;
}

static void silent_for_seconds__is_believed_what_it_saw_before(void **state)
{
    (void)state;
    struct plx_judge *judge = declare();
    for (uint32_t a = 0; a < 2; a++)
        see(judge, 10, 0, a, PLX_OUTCOME_OPEN);
    pass(judge, 11, 100, 3);
    pass(judge, 100, 140, 2);
    assert_int_equal(reason_of(judge, 0), PLX_JUDGE_REASON_SILENT);
    pass(judge, 140, 150, 3);
    assert_int_equal(reason_of(judge, 0), PLX_JUDGE_REASON_FRESH);
    pass(judge, 150, 250, 2);
    pass(judge, 250, 260, 3);
    assert_int_equal(reason_of(judge, 0), PLX_JUDGE_REASON_STALE);
    assert_int_equal(reason_of(judge, 1), PLX_JUDGE_REASON_FRESH);
    plx_judge_destroy(&judge);
}

static void first_view_after_the_silence_is_well__it_is_not_down_by_it(void **state)
{
    (void)state;
    struct plx_judge *judge = declare();
    struct plx_judge_ruling v;
    break_all(judge, 100);
    pass(judge, 190, 2000, 0);
    pass(judge, 2000, 2010, 1);
    see(judge, 2010.1, 0, 0, PLX_OUTCOME_OPEN);
    for (int t = 2011; t < 2040; t++) {
        pass(judge, t, t + 1, 1);
        assert_false(plx_judge_verdict_is_down(verdict_of(judge, 0, &v)));
    }
    plx_judge_destroy(&judge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(back_after_half_an_hour__is_not_believed_what_it_saw_before),
        cmocka_unit_test(silent_for_seconds__is_believed_what_it_saw_before),
        cmocka_unit_test(first_view_after_the_silence_is_well__it_is_not_down_by_it),
    };
    return PLX_RUN(tests);
}
