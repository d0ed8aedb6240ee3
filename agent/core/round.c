#include "agent/core/round.h"

#include <assert.h>
#include <stdlib.h>

struct plx_round *plx_round_new(enum plx_expect expect,
                                const struct plx_greeting *greeting)
{
    struct plx_round *round = calloc(1, sizeof *round);
    if (!round)
        abort();
    round->expect = expect;
    round->n = round->n_left = round->refs = 1;
    plx_greeting_copy(&round->greeting, greeting);
    return round;
}

struct plx_round *plx_round_hold(struct plx_round *round)
{
    round->refs++;
    return round;
}

void plx_round_release(struct plx_round **round)
{
    struct plx_round *r = *round;
    *round = NULL;
    if (!r || --r->refs > 0)
        return;
    plx_greeting_fini(&r->greeting);
    free(r);
}

void plx_round_split(struct plx_round *round, size_t n, bool cut)
{
    assert(n >= 1 && n <= PLX_ADDRESSES_MAX);
    round->n = round->n_left = n;
    round->cut = cut;
}

bool plx_round_put(struct plx_round *round, size_t i, const struct plx_result *result)
{
    assert(i < round->n && round->n_left > 0);
    round->results[i] = *result;
    return --round->n_left == 0;
}

/* The first address that is bad, or good; n: none. */
static size_t first(const struct plx_round *round, bool bad)
{
    for (size_t i = 0; i < round->n; i++) {
        enum plx_outcome outcome = round->results[i].outcome;
        if (!plx_outcome_is_local(outcome) &&
            plx_expect_is_bad(round->expect, outcome) == bad)
            return i;
    }
    return round->n;
}

static struct plx_result whole(const struct plx_round *round)
{
    size_t good = first(round, false), bad = first(round, true);
    bool has_good = good < round->n, has_bad = bad < round->n;
    bool any_will_do = round->expect == PLX_EXPECT_OPEN;
    struct plx_result result = round->results[0];
    if (has_good && (any_will_do || !has_bad))
        result = round->results[good];
    else if (has_bad)
        result = round->results[bad];
    if (has_good && has_bad && any_will_do)
        result.detail = PLX_DETAIL_HALF_UP;
    return result;
}

size_t plx_round_conclude(const struct plx_round *round,
                          struct plx_result ret[PLX_ROUND_RESULTS_MAX])
{
    const struct plx_result own = whole(round);
    size_t n = 0;
    if (own.kind != PLX_PROBE_CHECK && (round->n > 1 || round->cut)) {
        for (; n < round->n; n++) {
            ret[n] = round->results[n];
            ret[n].monitor_id = own.monitor_id;
            ret[n].scheduled = own.scheduled;
            ret[n].kind = PLX_PROBE_ADDRESS;
        }
    }
    if (n > 0 && round->cut)
        ret[n++] = (struct plx_result){
            .monitor_id = own.monitor_id,
            .scheduled = own.scheduled,
            .started = own.started,
            .kind = PLX_PROBE_ADDRESS,
            .outcome = PLX_OUTCOME_SKIPPED,
            .detail = PLX_DETAIL_ADDRESS_LIMIT,
        };
    ret[n++] = own;
    return n;
}
