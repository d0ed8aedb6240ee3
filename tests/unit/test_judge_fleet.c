/* The judge while agents and monitors come and go. */
#include "judge_world.h"

#include "base/err.h"

static void bad_declarations__are_refused_whole(void **state)
{
    (void)state;
    struct plx_judge *j = plx_judge_new(NULL);
    uint32_t unknown = 3;
    struct plx_judge_monitor m = {.id = 0,
                                  .name = "m",
                                  .interval_ns = 1,
                                  .timeout_ns = 1,
                                  .agents = &unknown,
                                  .n_agents = 1};
    assert_int_equal(plx_judge_set_monitor(j, &m), PLX_ENOTFOUND);
    m.n_agents = 0;
    m.interval_ns = 0;
    assert_int_equal(plx_judge_set_monitor(j, &m), PLX_EINVAL);
    struct plx_judge_ruling v;
    assert_int_equal(plx_judge_view(j, 0, &v), PLX_ENOTFOUND);
    assert_int_equal(
        plx_judge_set_agent(
            j, &(struct plx_judge_agent){.id = PLX_JUDGE_AGENT_MAX, .name = "a"}),
        PLX_EINVAL);
    plx_judge_destroy(&j);
    plx_judge_destroy(&j);
}

/* An agent that shares nothing with anybody, before there is any monitor. */
static void agent_alone__is_waited_for(void **state)
{
    (void)state;
    const struct plx_judge_output *out;
    struct plx_judge *j = plx_judge_new(NULL);
    assert_int_equal(
        plx_judge_set_agent(j, &(struct plx_judge_agent){.id = 0, .name = "a"}), 0);
    for (int t = 0; t < 100; t++)
        plx_judge_tick(j, judge_wall(t), &out);
    assert_int_equal(out->n_faults, 0);
    plx_judge_destroy(&j);
}

static void dropping_and_declaring_anew__leaves_a_sound_judge(void **state)
{
    (void)state;
    struct judge_world w = {.outcome = PLX_OUTCOME_REFUSED, .start = 100, .end = 5000};
    for (uint32_t a = 0; a < JUDGE_AGENTS; a++)
        w.fails[1][a] = true;
    judge_play(&w, JUDGE_AGENTS, 300);
    assert_int_equal(w.n_faults, 1);
    const struct plx_judge_output *out;
    const struct plx_judge_fault *open;
    size_t n;
    plx_judge_drop_monitor(w.judge, 1);
    plx_judge_drop_agent(w.judge, 2);
    plx_judge_faults(w.judge, &open, &n);
    assert_int_equal(n, 0);
    for (int t = 301; t < 310; t++) {
        plx_judge_tick(w.judge, judge_wall(t), &out);
        judge_hear(&w, out, t);
    }
    assert_int_equal(w.faults[1].n_closed, 1);
    assert_string_equal(w.faults[1].entity, "m1");
    struct plx_judge_view v;
    assert_int_equal(plx_judge_explain(w.judge, 0, &v), 0);
    assert_int_equal(v.n_cells, JUDGE_AGENTS - 1);
    plx_judge_destroy(&w.judge);
}

static void dropped_agent__its_fault_is_closed_once_under_its_name(void **state)
{
    (void)state;
    struct judge_world w = {.outcome = PLX_OUTCOME_TIMEOUT, .start = 100, .end = 5000};
    w.silent[4] = true;
    judge_play(&w, JUDGE_AGENTS, 300);
    judge_check_only(&w, PLX_JUDGE_CLASS_AGENT, "a4");
    const struct plx_judge_output *out;
    plx_judge_drop_agent(w.judge, 4);
    for (int t = 301; t < 310; t++) {
        plx_judge_tick(w.judge, judge_wall(t), &out);
        judge_hear(&w, out, t);
    }
    assert_int_equal(w.n_faults, 1);
    assert_int_equal(w.faults[1].n_closed, 1);
    assert_string_equal(w.faults[1].entity, "a4");
    plx_judge_destroy(&w.judge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_declarations__are_refused_whole),
        cmocka_unit_test(agent_alone__is_waited_for),
        cmocka_unit_test(dropping_and_declaring_anew__leaves_a_sound_judge),
        cmocka_unit_test(dropped_agent__its_fault_is_closed_once_under_its_name),
    };
    return PLX_RUN(tests);
}
