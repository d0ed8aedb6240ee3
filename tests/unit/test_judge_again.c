/* A service that fails again within the minute in which not every location has seen it
 * well yet: what such a location then sees is news, not the end of the first failure. */
#include "judge_world.h"

#define FIRST 200
#define MON   3u

/* When a location next probes it by schedule. */
static int next_probe(int t)
{
    for (;; t++)
        for (uint32_t a = 0; a < JUDGE_AGENTS; a++)
            if (t % 60 == (int)((MON * 7 + a * 13) % 60))
                return t;
}

static void fail_again(enum plx_outcome outcome, int again, int within)
{
    struct judge_world w = {.start = FIRST, .end = FIRST + 14, .outcome = outcome};
    struct plx_judge_ruling r;
    for (uint32_t a = 0; a < JUDGE_AGENTS; a++)
        w.fails[MON][a] = true;
    judge_play(&w, JUDGE_AGENTS, FIRST + 14);
    assert_true(plx_judge_verdict_is_down(judge_verdict_of(&w, MON, &r)));
    judge_go_on(&w, JUDGE_AGENTS, FIRST + 14, again);
    if (!plx_judge_verdict_is_down(judge_verdict_of(&w, MON, &r))) {
        int seen = next_probe(again);
        w.start = again;
        w.end = 1e9;
        judge_go_on(&w, JUDGE_AGENTS, again, seen + within);
        print_message("again at %d, seen at %d: %s\n", again, seen, r.why);
        assert_true(plx_judge_verdict_is_down(judge_verdict_of(&w, MON, &r)));
    }
    plx_judge_destroy(&w.judge);
}

static void refused_again__is_asked_about_at_once(void **state)
{
    (void)state;
    for (int again = FIRST + 26; again < FIRST + 100; again++)
        fail_again(PLX_OUTCOME_REFUSED, again, 4);
}

static void silent_again__is_asked_about_at_once(void **state)
{
    (void)state;
    for (int again = FIRST + 26; again < FIRST + 100; again++)
        fail_again(PLX_OUTCOME_TIMEOUT, again, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_again__is_asked_about_at_once),
        cmocka_unit_test(silent_again__is_asked_about_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
