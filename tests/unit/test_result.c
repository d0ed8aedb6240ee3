/* What a result says of itself. */
#include "test.h"

#include "base/result.h"

static void resent_syns__count_if_they_could_be_answered(void **state)
{
    (void)state;
    static const struct {
        enum plx_outcome outcome;
        int ms;
        uint32_t resent, in_time;
    } rows[] = {
        {PLX_OUTCOME_OPEN, 1010, 1, 1},    {PLX_OUTCOME_REFUSED, 3001, 2, 2},
        {PLX_OUTCOME_TIMEOUT, 900, 0, 0},  {PLX_OUTCOME_TIMEOUT, 1300, 1, 1},
        {PLX_OUTCOME_TIMEOUT, 1000, 0, 0}, {PLX_OUTCOME_TIMEOUT, 1050, 1, 0},
        {PLX_OUTCOME_TIMEOUT, 2005, 1, 1}, {PLX_OUTCOME_TIMEOUT, 2005, 2, 1},
        {PLX_OUTCOME_TIMEOUT, 3100, 3, 2}, {PLX_OUTCOME_TIMEOUT, 3100, 2, 1},
        {PLX_OUTCOME_TIMEOUT, 7050, 3, 2}, {PLX_OUTCOME_TIMEOUT, 10000, 5, 5},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct plx_result r = {.outcome = rows[i].outcome,
                                     .duration_ns = rows[i].ms * PLX_MS_NS,
                                     .syn_retrans = rows[i].resent};
        if (plx_result_resent_in_time(&r) != rows[i].in_time)
            fail_msg("row %zu: %u", i, plx_result_resent_in_time(&r));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resent_syns__count_if_they_could_be_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
