/* What a fault would earn: log-odds of "this fault, since then" against "all by accident"
 * for the failing cells it may explain (docs/VERDICTS.md "What a fault earns"). */
#ifndef PLX_CORE_JUDGE_SCORE_H
#define PLX_CORE_JUDGE_SCORE_H

#include "coordinator/core/judge.h"
#include "coordinator/core/judge_evidence.h"
#include "coordinator/core/judge_fleet.h"
#include "coordinator/core/judge_goods.h"
#include "coordinator/core/judge_scope.h"

/* Nats by which a fault already announced is cheaper than a new one: a story is not
 * rewritten for a hair's breadth. */
#define PLX_SCORE_STANDING 5.0

/* Onsets tried for one fault, at most. */
#define PLX_SCORE_ONSETS 12u

struct plx_fail;

struct plx_score {
    const struct plx_fleet *fleet;
    const struct plx_evidence *ev;
    const struct plx_judge_policy *policy;
    uint32_t now, slack;
    double *lr_apart; /* per agent: nats of one failure on its own */
    double lr_burst;  /* nats of a failure right after another in the same cell */
    double log_kind[PLX_KIND_COUNT_]; /* what accidents look like */
    bool *claimed;  /* per agent: its own confession is explained already */
    uint32_t *mark; /* per agent scratch: stamp of membership */
    uint32_t *mark_good;
    double *nats;     /* per agent scratch: what its cells say for a filter */
    uint32_t *listed; /* agents with nats */
    uint32_t stamp;
    uint32_t cap_agents;
    struct plx_goods goods; /* of the places weighed last */
    struct plx_good *good;  /* of the fault that is weighed */
    uint32_t n_good, cap_good;
    struct plx_good *one; /* scratch: of a monitor that is a scope of its own */
    uint32_t cap_one;
    uint32_t *open; /* fails that are not explained yet */
    uint32_t n_open, cap_open;
    uint32_t
        *times; /* onsets to be tried, ascending; at first, when they began to fail */
    double open_nats, open_most, open_cap; /* what they bring: sums (is_hopeless) */
    uint64_t *bits;                        /* scratch to sort them */
    bool calm; /* what was weighed last does not pay, and will not before something in its
                  scope fails again or brings more than its `cap` */
};

void plx_score_fini(struct plx_score *score);

/* Before each solve: borrows all until the next. */
void plx_score_begin(struct plx_score *score, const struct plx_fleet *fleet,
                     const struct plx_evidence *ev, const struct plx_judge_policy *policy,
                     uint32_t now);

/* After each solve: gives memory back that far more than `n` fails once needed. */
void plx_score_trim(struct plx_score *score, uint32_t n);

/* Sets what the cell's failures bring a fault that explains all of them at most, with
 * their kinds (`most`): a likelihood is at most 1, so that the ratio of the kinds is at
 * most that of accidents. */
void plx_score_weigh(const struct plx_score *score, struct plx_fail *fail);

/* How many of a cell's failures (apart, and close behind one) fall after `since`. */
void plx_score_failures(const struct plx_fail *fail, uint32_t since, uint32_t *ret_apart,
                        uint32_t *ret_close);

/* What was seen as expected of monitor number `i` of the scope's, by cell; of others than
 * the scope's agents, too. Lent until the
 * next call. */
const struct plx_good *plx_score_goods(struct plx_score *score,
                                       const struct plx_scope *scope, uint32_t i,
                                       uint32_t *ret_n);
/* How many of those results came after `since`. */
uint32_t plx_score_good_after(const struct plx_good *good, uint32_t since);

/* Nats that the fault earns from those of `members` (indices into `fails`) that are not
 * explained yet, its cost paid, at its best onset. -INFINITY when nothing speaks for it.
 */
double plx_score_gain(struct plx_score *score, const struct plx_scope *scope,
                      const struct plx_fail *fails, const uint32_t *members, uint32_t n,
                      double bonus, uint32_t *ret_onset);

/* The cell fails by answers: a refusal, a reset or a wrong greeting came from the
 * target's address, so that its host and its network are there. The latest failure and
 * most of its run must be; a single one among silences may be an accident. */
bool plx_score_is_answer(const struct plx_cell *cell,
                         const struct plx_judge_policy *policy);

/* Fixes a fault at an onset, before asking plx_score_covers about its cells. */
void plx_score_settle(struct plx_score *score, const struct plx_scope *scope,
                      const struct plx_fail *fails, const uint32_t *members, uint32_t n,
                      uint32_t onset);

/* Would the fault explain this cell (its failures, or the later of them)? */
bool plx_score_covers(const struct plx_score *score, const struct plx_scope *scope,
                      uint32_t onset, const struct plx_fail *fail);

/* Nats of what an agent says against itself (silence, "could not probe") since `onset`.
 */
double plx_score_own(const struct plx_score *score, uint32_t agent, uint32_t onset);

/* A fault of ours explains its agents' own words; release is the reverse. */
void plx_score_claim(struct plx_score *score, const struct plx_scope *scope,
                     bool claimed);
void plx_score_unclaim(struct plx_score *score);

/* What the agents of a fault of ours saw open after its onset and the slack.
 * Agents so busy that hundreds of their results would fall into the slack are granted
 * none: their own clock is in all of them, and onsets are tried a second apart. */
uint32_t plx_score_contrary_vantage(const struct plx_score *score,
                                    const struct plx_scope *scope, uint32_t onset);

#endif
