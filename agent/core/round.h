/* One run over all the addresses that a name leads to: gathers what each gave, and says
 * what that amounts to. Pure; one thread. */
#ifndef PLX_AGENT_CORE_ROUND_H
#define PLX_AGENT_CORE_ROUND_H

#include "base/monitor.h"
#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>

/* Each address's, one for those left out, and the run's own. */
#define PLX_ROUND_RESULTS_MAX (PLX_ADDRESSES_MAX + 2)

struct plx_round {
    enum plx_expect expect;
    struct plx_greeting greeting; /* what is to be said to each */
    size_t n, n_left;             /* addresses, and those not heard of yet */
    bool cut;                     /* the name has more, which are not probed */
    unsigned refs;
    struct plx_result results[PLX_ADDRESSES_MAX];
};

/* For one address, until plx_round_split says otherwise. Copies the greeting. */
struct plx_round *plx_round_new(enum plx_expect expect,
                                const struct plx_greeting *greeting);
/* One more owner. Returns `round`. */
struct plx_round *plx_round_hold(struct plx_round *round);
/* Gives it up, and nulls the caller's pointer; the last owner frees it. Accepts NULL. */
void plx_round_release(struct plx_round **round);

/* Before the first result: there are `n` addresses (1 to PLX_ADDRESSES_MAX), and more if
 * `cut`. */
void plx_round_split(struct plx_round *round, size_t n, bool cut);
/* What address `i` gave. Returns true if it was the last to come. */
bool plx_round_put(struct plx_round *round, size_t i, const struct plx_result *result);

/* The results to report, when all are there: of more than one address each one's, with
 * the kind ADDRESS, and a SKIPPED one for what was cut; the run's own comes last. Of a
 * check only the run's own. Returns how many.
 *
 * An open port is there if one address has it: the run's own result is that of the first
 * address that is good, with the detail HALF_UP if another one is bad. Everything else
 * that may be expected (a refusal, silence) is expected of all: the run's own result is
 * that of the first address that is bad. What is local to the agent says nothing of an
 * address, and makes the run's result only where there is nothing else. */
size_t plx_round_conclude(const struct plx_round *round,
                          struct plx_result ret[PLX_ROUND_RESULTS_MAX]);

#endif
