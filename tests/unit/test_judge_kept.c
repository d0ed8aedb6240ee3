/* How the judge keeps what it knows: names, what many have alike, conclusions, doubts. */
#include "coordinator/core/judge.h"
#include "coordinator/core/judge_common.h"
#include "coordinator/core/judge_states.h"
#include "coordinator/core/judge_texts.h"
#include "coordinator/core/judge_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct thing {
    struct plx_common common;
    uint32_t a, b;
};

static void what_is_alike__is_kept_once(void **state)
{
    (void)state;
    struct plx_commons s = {0};
    struct thing x = {{0, sizeof x}, 1, 2}, y = {{0, sizeof y}, 1, 3}, *kept[100];
    struct thing *first = plx_commons_take(&s, &x);
    assert_ptr_equal(plx_commons_take(&s, &x), first);
    assert_ptr_not_equal(plx_commons_take(&s, &y), first);
    for (uint32_t i = 0; i < 100; i++) {
        struct thing z = {{0, sizeof z}, 7, i};
        kept[i] = plx_commons_take(&s, &z);
    }
    for (uint32_t i = 0; i < 100; i += 2)
        plx_commons_drop(&s, kept[i]);
    for (uint32_t i = 1; i < 100; i += 2) { /* found though others before them went */
        struct thing z = {{0, sizeof z}, 7, i};
        assert_ptr_equal(plx_commons_take(&s, &z), kept[i]);
    }
    plx_commons_drop(&s, first);
    assert_ptr_equal(plx_commons_take(&s, &x), first);
    plx_commons_fini(&s);
}

static void a_state__is_what_was_put(void **state)
{
    (void)state;
    struct plx_states s = {0};
    struct plx_verdict_state v = {.verdict = PLX_JUDGE_HOST_DOWN,
                                  .known = true,
                                  .vetoed = true,
                                  .since = 77,
                                  .confidence = 0.5f,
                                  .n_faults = 2,
                                  .faults = {41, 43}};
    plx_states_reach(&s, 200);
    for (uint32_t m = 0; m < 200; m++)
        plx_states_put(&s, m, &v);
    struct plx_verdict_state got = plx_states_get(&s, 199);
    assert_int_equal(got.verdict, PLX_JUDGE_HOST_DOWN);
    assert_true(got.known && got.vetoed && !got.degraded);
    assert_int_equal(got.since, 77);
    assert_int_equal(got.n_faults, 2);
    assert_int_equal(plx_states_faults(&s, 199)[1], 43);
    v.n_faults = 0;
    for (uint32_t round = 0; round < 3; round++) /* lists of faults are used again */
        for (uint32_t m = 0; m < 200; m++) {
            v.n_faults = round % 2;
            plx_states_put(&s, m, &v);
        }
    assert_int_equal(s.n_stories, 200);
    assert_int_equal(plx_states_get(&s, 5).n_faults, 0);
    plx_states_fini(&s);
}

static void watches__are_forgotten_when_their_doubt_is_over(void **state)
{
    (void)state;
    struct plx_watches w = {0};
    for (uint32_t m = 0; m < 5000; m++)
        plx_watches_of(&w, m)->asked = m;
    for (uint32_t m = 0; m < 5000; m++)
        assert_int_equal(plx_watches_of(&w, m)->asked, m);
    assert_int_equal(w.n, 5000);
    plx_watches_purge(&w, 4900);
    assert_int_equal(w.n, 100);
    assert_true(w.cap <= 256);
    assert_int_equal(plx_watches_of(&w, 4950)->asked, 4950);
    assert_int_equal(plx_watches_of(&w, 12)->asked, 0);
    plx_watches_fini(&w);
}

static void names_that_change__do_not_pile_up_and_stay_right(void **state)
{
    (void)state;
    struct plx_judge *j = plx_judge_new(NULL);
    struct plx_judge_view view;
    uint32_t agents[] = {0};
    char name[64];
    plx_judge_set_agent(j, &(struct plx_judge_agent){.id = 0, .name = "a0"});
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t id = i % 50;
        snprintf(name, sizeof name, "a-rather-long-name-of-a-monitor-%u", i);
        struct plx_judge_monitor m = {.id = id,
                                      .name = name,
                                      .host = id % 2 ? "10.0.0.7" : "db.example",
                                      .address = "10.0.0.7",
                                      .interval_ns = 60 * PLX_SEC_NS,
                                      .timeout_ns = PLX_SEC_NS,
                                      .agents = agents,
                                      .n_agents = 1};
        assert_int_equal(plx_judge_set_monitor(j, &m), 0);
    }
    assert_int_equal(plx_judge_explain(j, 49, &view), 0);
    assert_non_null(strstr(view.ruling.why, "a-rather-long-name-of-a-monitor-19999"));
    plx_judge_destroy(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_alike__is_kept_once),
        cmocka_unit_test(a_state__is_what_was_put),
        cmocka_unit_test(watches__are_forgotten_when_their_doubt_is_over),
        cmocka_unit_test(names_that_change__do_not_pile_up_and_stay_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
