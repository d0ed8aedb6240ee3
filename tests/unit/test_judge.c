/* The judge on small scripted fleets: a decision table of what breaks and what must be
 * said, and what must hold for any random population. */
#include "judge_world.h"

#include "base/rng.h"

#include <stdio.h>
#include <string.h>

static void breaking_one_thing__is_told_by_its_name(void **state)
{
    (void)state;
    static const struct {
        const char *monitors, *agents; /* ids as digits */
        enum plx_outcome outcome;
        enum plx_judge_class class;
        const char *entity;
    } rows[] = {
        {"1", "012345", PLX_OUTCOME_REFUSED, PLX_JUDGE_CLASS_SERVICE, "m1"},
        {"1", "012345", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_SERVICE, "m1"},
        {"012", "012345", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_HOST, "192.0.2.1"},
        {"0123", "012345", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_NETWORK, "192.0.2.0/24"},
        {"012", "3", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_PATH, "a3>192.0.2.1"},
        {"0123", "3", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_PATH, "a3>192.0.2.0/24"},
        {"0123", "23", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_PATH, "us>192.0.2.0/24"},
        {"0123", "034", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_PATH, "p>192.0.2.0/24"},
        {"012", "13", PLX_OUTCOME_REFUSED, PLX_JUDGE_CLASS_FILTER, "192.0.2.1"},
        {"01234567", "2", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_AGENT, "a2"},
        {"01234567", "45", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_REGION, "ap"},
        {"01234567", "125", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_PROVIDER, "q"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct judge_world w = {.outcome = rows[i].outcome, .start = 300, .end = 900};
        for (const char *m = rows[i].monitors; *m; m++)
            for (const char *a = rows[i].agents; *a; a++)
                w.fails[*m - '0'][*a - '0'] = true;
        print_message("monitors %s agents %s %s\n", rows[i].monitors, rows[i].agents,
                      plx_outcome_token(rows[i].outcome));
        judge_play(&w, JUDGE_AGENTS, 1100);
        judge_check_only(&w, rows[i].class, rows[i].entity);
        assert_int_equal(w.faults[1].page, plx_judge_class_is_server(rows[i].class));
        assert_true(w.faults[1].closed); /* and it is seen to be over */
        plx_judge_destroy(&w.judge);
    }
}

/* What the first failure makes it ask is enough to tell the service from its host, though
 * the host's other services were seen well while the failure was waited for. */
static void silent_service__is_said_as_soon_as_those_asked_were_silent(void **state)
{
    (void)state;
    struct judge_world w = {.start = 300, .end = 900, .outcome = PLX_OUTCOME_TIMEOUT};
    const struct plx_judge_output *out;
    judge_declare(&w, 5);
    judge_go_on(&w, 5, 0, 300);
    for (uint32_t a = 0; a < 5; a++)
        w.fails[1][a] = true;
    judge_see(&w, 1, 0, 300, false); /* heard of at 305.2 */
    judge_see(&w, 0, 3, 302, false);
    judge_see(&w, 2, 4, 304, false);
    plx_judge_tick(w.judge, judge_wall(305.3), &out);
    uint32_t asked = 0;
    for (size_t i = 0; i < out->n_probes; i++)
        asked |= (out->probes[i].monitor == 1 ? 1u : 0u) << out->probes[i].agent;
    assert_int_equal(asked, 0x1e);
    plx_judge_tick(w.judge, judge_wall(306.4), &out); /* silent for a second */
    uint32_t aside = 0;
    for (size_t i = 0; i < out->n_probes; i++) {
        aside |= 1u << out->probes[i].monitor;
        judge_see(&w, out->probes[i].monitor, out->probes[i].agent, 306.45, true);
    }
    assert_int_equal(aside & 5u, 5);
    for (uint32_t a = 1; a < 5; a++)
        judge_see(&w, 1, a, 305.4, true);
    plx_judge_tick(w.judge, judge_wall(307), &out);
    assert_int_equal(out->n_faults, 1);
    assert_int_equal(out->faults[0].class, PLX_JUDGE_CLASS_SERVICE);
    assert_string_equal(out->faults[0].entity, "m1");
    plx_judge_destroy(&w.judge);
}

static void one_agent__never_claims_a_server_fault(void **state)
{
    (void)state;
    struct judge_world w = {.outcome = PLX_OUTCOME_TIMEOUT, .start = 300, .end = 2000};
    w.fails[4][0] = true;
    judge_play(&w, 1, 1200);
    for (size_t i = 1; i <= w.n_faults; i++)
        assert_false(plx_judge_class_is_server(w.faults[i].class));
    struct plx_judge_ruling v;
    assert_int_equal(plx_judge_view(w.judge, 4, &v), 0);
    assert_false(plx_judge_verdict_is_down(v.verdict));
    assert_true(v.verdict != PLX_JUDGE_UP);
    plx_judge_destroy(&w.judge);
}

static void same_input__same_output(void **state)
{
    (void)state;
    struct judge_world a = {.outcome = PLX_OUTCOME_REFUSED, .start = 200, .end = 700}, b;
    a.fails[1][0] = a.fails[1][1] = a.fails[2][3] = a.fails[5][5] = true;
    b = a;
    judge_play(&a, JUDGE_AGENTS, 900);
    judge_play(&b, JUDGE_AGENTS, 900);
    assert_true(a.digest == b.digest);
    plx_judge_destroy(&a.judge);
    plx_judge_destroy(&b.judge);
}

static void random_failures__invariants_hold(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct plx_rng rng;
        plx_rng_init(&rng, seed);
        print_message("seed %llu\n", (unsigned long long)seed);
        struct judge_world w = {.outcome = (enum plx_outcome)(2 + plx_rng_below(&rng, 6)),
                                .start = 150,
                                .end = 500};
        for (uint32_t m = 0; m < JUDGE_MONITORS; m++)
            for (uint32_t a = 0; a < JUDGE_AGENTS; a++)
                w.fails[m][a] = plx_rng_below(&rng, 4) == 0;
        judge_play(&w, JUDGE_AGENTS, 700); /* judge_hear() asserts on every word */
        plx_judge_destroy(&w.judge);
    }
}

static void sentence_and_coverage__count_the_same_views(void **state)
{
    (void)state;
    struct judge_world w = {.outcome = PLX_OUTCOME_TIMEOUT, .start = 100, .end = 5000};
    struct plx_judge_ruling v;
    w.silent[1] = true;
    judge_play(&w, 2, 400);
    for (uint32_t m = 0; m < JUDGE_MONITORS; m++) {
        unsigned good = 99, of = 99;
        if (judge_verdict_of(&w, m, &v) != PLX_JUDGE_UP)
            continue;
        const char *said = strstr(v.why, "from ");
        assert_non_null(said);
        assert_int_equal(sscanf(said, "from %u of %u locations", &good, &of), 2);
        assert_int_equal(good, v.fresh);
        assert_int_equal(of, v.assigned);
        assert_int_equal(good, 1);
    }
    plx_judge_destroy(&w.judge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(breaking_one_thing__is_told_by_its_name),
        cmocka_unit_test(silent_service__is_said_as_soon_as_those_asked_were_silent),
        cmocka_unit_test(one_agent__never_claims_a_server_fault),
        cmocka_unit_test(same_input__same_output),
        cmocka_unit_test(random_failures__invariants_hold),
        cmocka_unit_test(sentence_and_coverage__count_the_same_views),
    };
    return PLX_RUN(tests);
}
