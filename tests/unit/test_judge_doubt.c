/* What the judge does before it says something that only looks like what it would say:
 * who could contradict it is asked, who cannot tell is not counted, and what fails for
 * everybody now and then is nobody's path. */
#include "judge_world.h"

#include "base/rng.h"

#include <string.h>

#define BEGINS 200

static bool one_of(uint32_t agent, uint32_t set)
{
    return set >> agent & 1;
}

/* Plays on, and checks that nothing on the target's side is ever said meanwhile. */
static void go_on_without_page(struct judge_world *w, int from, int until)
{
    for (int t = from; t < until; t++) {
        judge_go_on(w, JUDGE_AGENTS, t, t + 1);
        for (size_t i = 1; i <= w->n_faults; i++)
            if (plx_judge_class_is_server(w->faults[i].class))
                fail_msg("%s %s was said at %d",
                         plx_judge_class_token(w->faults[i].class), w->faults[i].entity,
                         t);
    }
}

/* --- a stray answer -------------------------------------------------------------- */

/* All but one refuse; that one answers, is asked again within the second, and refuses. */
static void stray_answer__is_outweighed_by_the_next_within_a_second(void **state)
{
    (void)state;
    struct judge_world w = {.start = BEGINS, .end = 1e9, .outcome = PLX_OUTCOME_REFUSED};
    struct plx_judge_ruling r;
    const struct plx_judge_output *out;
    judge_play(&w, JUDGE_AGENTS, BEGINS);
    for (uint32_t a = 0; a < JUDGE_AGENTS - 1; a++) {
        w.fails[3][a] = true;
        judge_see(&w, 3, a, BEGINS + 0.1, a > 0);
    }
    judge_see(&w, 3, JUDGE_AGENTS - 1, BEGINS + 0.1, true);
    w.fails[3][JUDGE_AGENTS - 1] = true;
    judge_see(&w, 3, JUDGE_AGENTS - 1, BEGINS + 0.8, true);
    for (int t = BEGINS + 1; t < BEGINS + 5; t++) {
        plx_judge_tick(w.judge, judge_wall(t + 0.5), &out);
        judge_hear(&w, out, t);
    }
    assert_int_equal(judge_verdict_of(&w, 3, &r), PLX_JUDGE_SERVICE_DOWN);
    assert_non_null(strstr(r.why, "from all 6 locations"));
    plx_judge_destroy(&w.judge);
}

/* --- who can tell ---------------------------------------------------------------- */

static enum plx_outcome dead_network(uint32_t m, uint32_t a, double t, bool extra)
{
    (void)a;
    (void)extra;
    return m < 4 && t >= BEGINS ? PLX_OUTCOME_TIMEOUT : PLX_OUTCOME_OPEN;
}

/* Nobody is elsewhere who could tell its network from the way there: waiting is no use.
 */
static void fleet_in_one_place__says_a_network_at_once(void **state)
{
    (void)state;
    static const char *const names[] = {"a0", "a1", "a2", "a3", "a4", "a5"};
    struct judge_world w = {.sees = dead_network};
    judge_declare(&w, JUDGE_AGENTS);
    for (uint32_t a = 0; a < JUDGE_AGENTS; a++)
        plx_judge_set_agent(
            w.judge, &(struct plx_judge_agent){
                         .id = a, .name = names[a], .region = "eu", .provider = "p"});
    judge_go_on(&w, JUDGE_AGENTS, 0, BEGINS + 40);
    judge_check_only(&w, PLX_JUDGE_CLASS_NETWORK, "192.0.2.0/24");
    plx_judge_destroy(&w.judge);
}

#define LATER 500

/* Two regions do not reach the prefix; what m3 is on refuses from the three locations of
 * the third, later. */
static enum plx_outcome behind_paths(uint32_t m, uint32_t a, double t, bool extra)
{
    (void)extra;
    if (m < 4 && a >= 3 && t >= BEGINS + (a >= 4 ? 7 : 0))
        return PLX_OUTCOME_TIMEOUT;
    return m == 3 && a < 3 && t >= LATER ? PLX_OUTCOME_REFUSED : PLX_OUTCOME_OPEN;
}

static void agents_behind_a_broken_path__are_not_waited_for(void **state)
{
    (void)state;
    struct judge_world w = {.sees = behind_paths};
    struct plx_judge_ruling r;
    judge_declare(&w, JUDGE_AGENTS);
    plx_judge_set_agent(w.judge,
                        &(struct plx_judge_agent){
                            .id = 2, .name = "a2", .region = "eu", .provider = "q"});
    judge_go_on(&w, JUDGE_AGENTS, 0, LATER);
    assert_false(plx_judge_verdict_is_down(judge_verdict_of(&w, 3, &r)));
    judge_go_on(&w, JUDGE_AGENTS, LATER, LATER + 90);
    print_message("%s\n", r.why);
    assert_int_equal(judge_verdict_of(&w, 3, &r), PLX_JUDGE_SERVICE_DOWN);
    plx_judge_destroy(&w.judge);
}

/* --- who is asked first ---------------------------------------------------------- */

#define DROPPED 0x31u /* a0, a4 and a5: two regions, two providers */

/* Three locations are refused by m4; the others were answered just before. */
static enum plx_outcome filtered(uint32_t m, uint32_t a, double t, bool extra)
{
    (void)extra;
    return m == 4 && one_of(a, DROPPED) && t >= BEGINS ? PLX_OUTCOME_REFUSED
                                                       : PLX_OUTCOME_OPEN;
}

static void host_that_some_saw_well_a_moment_ago__is_asked_about_again(void **state)
{
    (void)state;
    struct judge_world w = {.sees = filtered};
    const struct plx_judge_output *out;
    judge_play(&w, JUDGE_AGENTS, BEGINS);
    for (uint32_t a = 1; a < 4; a++)
        judge_see(&w, 4, a, BEGINS + 0.05, true);
    for (int t = BEGINS; t < BEGINS + 25; t++) {
        for (uint32_t a = 0; a < JUDGE_AGENTS && (t - BEGINS) % 3 == 0; a++)
            if (one_of(a, DROPPED))
                judge_see(&w, 4, a, t + 0.1, true);
        plx_judge_tick(w.judge, judge_wall(t + 0.5), &out);
        judge_hear(&w, out, t);
        for (size_t i = 0; i < out->n_probes; i++)
            if (!one_of(out->probes[i].agent, DROPPED))
                judge_see(&w, out->probes[i].monitor, out->probes[i].agent, t + 0.6,
                          true);
        assert_int_equal(w.n_pages, 0);
        assert_int_equal(w.n_faults, 0);
    }
    plx_judge_destroy(&w.judge);
}

/* Two regions cannot probe, and the third does not reach the prefix. A single probe of
 * theirs that was asked for gets through. */
static enum plx_outcome one_region_left(uint32_t m, uint32_t a, double t, bool extra)
{
    if (a < 4)
        return t < BEGINS || (extra && m == 1 && t > BEGINS + 150)
                   ? PLX_OUTCOME_OPEN
                   : PLX_OUTCOME_LOCAL_ERROR;
    return m < 4 && t >= BEGINS + 60 ? PLX_OUTCOME_TIMEOUT : PLX_OUTCOME_OPEN;
}

static void network_that_one_region_tells_of__is_asked_about_elsewhere(void **state)
{
    (void)state;
    struct judge_world w = {.sees = one_region_left};
    judge_declare(&w, JUDGE_AGENTS);
    judge_go_on(&w, JUDGE_AGENTS, 0, BEGINS);
    go_on_without_page(&w, BEGINS, BEGINS + 600);
    plx_judge_destroy(&w.judge);
}

/* --- what is no path ------------------------------------------------------------- */

static uint64_t world;

/* A balancer half of whose machines are dead. */
static enum plx_outcome half_broken(uint32_t m, uint32_t a, double t, bool extra)
{
    uint64_t h =
        plx_hash_mix(plx_hash_mix(world) ^ ((uint64_t)(t * 10) << 8 | a << 1 | extra));
    return m == 4 && t >= BEGINS && (h & 1) ? PLX_OUTCOME_TIMEOUT : PLX_OUTCOME_OPEN;
}

static void half_a_balancer_dead__is_hardly_ever_a_path(void **state)
{
    (void)state;
    int n_wrong = 0;
    for (world = 0; world < 20; world++) {
        struct judge_world w = {.sees = half_broken};
        bool wrong = false;
        judge_play(&w, JUDGE_AGENTS, BEGINS + 1200);
        for (size_t i = 1; i <= w.n_faults; i++)
            wrong |= !plx_judge_class_is_server(w.faults[i].class);
        n_wrong += wrong;
        plx_judge_destroy(&w.judge);
    }
    print_message("%d of 20\n", n_wrong);
    assert_in_range(n_wrong, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stray_answer__is_outweighed_by_the_next_within_a_second),
        cmocka_unit_test(fleet_in_one_place__says_a_network_at_once),
        cmocka_unit_test(agents_behind_a_broken_path__are_not_waited_for),
        cmocka_unit_test(host_that_some_saw_well_a_moment_ago__is_asked_about_again),
        cmocka_unit_test(network_that_one_region_tells_of__is_asked_about_elsewhere),
        cmocka_unit_test(half_a_balancer_dead__is_hardly_ever_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
