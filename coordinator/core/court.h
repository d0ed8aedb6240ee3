/* The court: keeps the judge in step with the fleet, and tells transitions from noise.
 *
 * The judge speaks of dense numbers; here they are the slots of roster and catalog. The
 * court declares agents and monitors to it, translates results (times corrected by the
 * agent's clock offset), learns the addresses that names lead to, remembers since when
 * each verdict holds across restarts, and reports a verdict only when it changed. Pure;
 * one thread. */
#ifndef PLX_CORE_COURT_H
#define PLX_CORE_COURT_H

#include "base/result.h"
#include "coordinator/core/catalog.h"
#include "coordinator/core/judge.h"
#include "coordinator/core/roster.h"
#include "coordinator/core/shares.h"
#include "coordinator/core/sight.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plx_court;

/* Borrows all three. */
struct plx_court *plx_court_new(const struct plx_roster *roster,
                                const struct plx_catalog *catalog,
                                const struct plx_shares *shares);
void plx_court_destroy(struct plx_court **court);
/* The judge itself, for questions. Lent. */
struct plx_judge *plx_court_judge(struct plx_court *court);

/* The agent is new, or its labels changed. */
void plx_court_set_agent(struct plx_court *court, uint32_t slot);
/* The agent is revoked. */
void plx_court_drop_agent(struct plx_court *court, uint32_t slot);
/* The monitor is new, or it or its agents changed. */
void plx_court_set_monitor(struct plx_court *court, uint32_t slot);
void plx_court_drop_monitor(struct plx_court *court, uint32_t slot);

void plx_court_heartbeat(struct plx_court *court, struct plx_wall now, uint32_t agent);
/* A committed result. Of monitors that are not the agent's only those that were asked of
 * it count, as those of a spare (judge_seats): it is shown in no location. */
void plx_court_result(struct plx_court *court, struct plx_wall now, uint32_t agent,
                      uint32_t monitor, const struct plx_result *result);

/* Whether a result of that kind counts where the agent does not have the monitor. */
bool plx_court_takes_spare(enum plx_probe_kind kind);

/* Before the first tick: a result that was stored earlier, in the order of the commits.
 * Where `received` goes back, or is after `now`, our clock was set back since: what came
 * before is of no known age and is forgotten, and what was received after `now` left out.
 */
void plx_court_replay(struct plx_court *court, struct plx_wall now,
                      struct plx_wall received, uint32_t agent, uint32_t monitor,
                      const struct plx_result *result);
/* Our wall clock was set by `step_ns`: what is known keeps its age. */
void plx_court_clock_set(struct plx_court *court, int64_t step_ns);

/* What was last recorded of a monitor, before the first tick; of one that is paused
 * nothing is kept. */
void plx_court_recall(struct plx_court *court, uint32_t monitor,
                      enum plx_judge_verdict verdict, struct plx_wall since);
/* Until then an "inconclusive" is our own beginning, and replaces nothing recorded. */
void plx_court_settling_until(struct plx_court *court, struct plx_wall until);

/* Since the last tick somebody saw something else than before, or what was asked for:
 * reason to let the judge think sooner. */
bool plx_court_has_news(const struct plx_court *court);

/* A monitor's verdict became another one. Texts are lent until the next tick. */
struct plx_transition {
    uint32_t monitor;
    bool had; /* there was a verdict before */
    enum plx_judge_verdict was;
    struct plx_judge_ruling ruling; /* the new one, `since` as the court says */
};

/* Lets the judge think. Lends its output and the transitions until the next tick. */
void plx_court_tick(struct plx_court *court, struct plx_wall now,
                    const struct plx_judge_output **ret_output,
                    const struct plx_transition **ret_transitions, size_t *ret_n);

/* "paused", "pending" (nothing seen yet) or the verdict's token, for people. */
const char *plx_court_word(struct plx_court *court, uint32_t monitor,
                           const struct plx_judge_ruling *ruling);
/* Since when the verdict holds, across restarts. */
struct plx_wall plx_court_since(const struct plx_court *court, uint32_t monitor,
                                const struct plx_judge_ruling *ruling);

/* The verdict that was recorded or told last. False: none ever. */
bool plx_court_recorded(const struct plx_court *court, uint32_t monitor,
                        enum plx_judge_verdict *ret);

/* How many probes in a row the location with the most has seen fail, or succeed; what the
 * judge no longer counts is UINT32_MAX. Left as they are if it does not know the monitor.
 */
void plx_court_runs(struct plx_court *court, uint32_t monitor, uint32_t *ret_failures,
                    uint32_t *ret_successes);

/* Lent until the next result; NULL: it has not reported. */
const struct plx_sight *plx_court_sight(const struct plx_court *court, uint32_t monitor,
                                        uint32_t agent);

/* The ruling's sentence; where it tells of a host that is half up, with the addresses
 * that fail. Gives. */
char *plx_court_sentence(const struct plx_court *court,
                         const struct plx_judge_ruling *ruling);

/* The address the judge holds the monitor to have: its own, or what its name led most of
 * its agents to last.
 * Family 0: not known yet. */
struct plx_addr plx_court_address(const struct plx_court *court, uint32_t monitor);

#endif
