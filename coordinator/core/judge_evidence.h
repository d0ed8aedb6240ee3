/* What was seen: one cell per (monitor, agent), updated in constant time.
 *
 * A cell holds its latest *run*: results alike (as expected, or failing) in a row, with
 * the time of the first and the last, and the time of the last result of the other sign
 * before it. That is all the inference needs; the history is the store's business. */
#ifndef PLX_CORE_JUDGE_EVIDENCE_H
#define PLX_CORE_JUDGE_EVIDENCE_H

#include "coordinator/core/judge.h"
#include "coordinator/core/judge_cells.h"
#include "coordinator/core/judge_fleet.h"

/* What was before a cell's run counts no more once it is so long ago. */
#define PLX_OTHER_TK (600 * PLX_TK_PER_SEC)

struct plx_evidence {
    struct plx_cells cells;
    int64_t epoch_ns;
    double kinds[PLX_KIND_COUNT_]; /* what spurious failures look like, learned */
    uint64_t n_scheduled;          /* since the last tick: earns the probe budget */
    bool dirty;                    /* something happened that may change a conclusion */
    uint64_t *changed;  /* by monitor id: a view failed, or fails no more, since the last
                           solve; what is not here is as it was then */
    uint32_t n_changed; /* monitors that there are bits for */
    bool of_held; /* the latest result ended a run that was left to a fault of ours */
    bool again; /* the latest result failed as those before it, which a fault explained */
    bool moved; /* cells are elsewhere since the last solve */
    bool receded; /* something seen as well counts no more so, since the last solve */
};

void plx_evidence_fini(struct plx_evidence *ev);

/* Ticks of a wall time, at least 1. The first call sets the epoch. */
uint32_t plx_evidence_ticks(struct plx_evidence *ev, struct plx_wall t);
struct plx_wall plx_evidence_wall(const struct plx_evidence *ev, uint32_t ticks);

/* Gives the monitor the cells of `agents` (ascending, distinct), of which those marked in
 * `spare` do not watch it; those it had are kept. */
void plx_evidence_assign(struct plx_evidence *ev, struct plx_fleet *fleet,
                         uint32_t monitor, const uint32_t *agents, const bool *spare,
                         uint32_t n);

/* The monitor's views are not as they were at the last solve. */
static inline void plx_evidence_note(struct plx_evidence *ev, uint32_t monitor)
{
    ev->changed[monitor >> 6] |= UINT64_C(1) << (monitor & 63);
}

static inline bool plx_evidence_is_changed(const struct plx_evidence *ev,
                                           uint32_t monitor)
{
    return ev->changed[monitor >> 6] >> (monitor & 63) & 1;
}

/* After a solve: from now on, what changes is noted anew. */
void plx_evidence_solved(struct plx_evidence *ev);

#define PLX_NO_CELL UINT32_MAX
/* Where among the monitor's cells that of the agent is; PLX_NO_CELL if not assigned. */
uint32_t plx_evidence_place(const struct plx_fleet_monitor *mon, uint32_t agent);

/* The monitor's cell at place `k`. */
static inline struct plx_cell plx_cell_at(const struct plx_evidence *ev,
                                          const struct plx_fleet_monitor *mon, uint32_t k)
{
    return plx_cells_get(&ev->cells, mon->cell0 + k, mon->watchers->agents[k]);
}

/* The same, read to where it is wanted: for what is walked by the thousand. */
static inline void plx_cell_read(const struct plx_evidence *ev,
                                 const struct plx_fleet_monitor *mon, uint32_t k,
                                 struct plx_cell *ret)
{
    plx_cells_read(&ev->cells, mon->cell0 + k, mon->watchers->agents[k], ret);
}

/* Is the monitor's cell at place `k` that of a spare agent? */
static inline bool plx_cell_is_spare(const struct plx_evidence *ev,
                                     const struct plx_fleet_monitor *mon, uint32_t k)
{
    return ev->cells.at[mon->cell0 + k].flags & PLX_CELL_SPARE;
}

/* The agent of a cell that is known by its index alone. */
static inline uint32_t plx_cell_agent(const struct plx_evidence *ev,
                                      const struct plx_fleet *fleet, uint32_t i)
{
    const struct plx_fleet_monitor *m = &fleet->monitors[plx_cells_owner(&ev->cells, i)];
    return m->watchers->agents[i - m->cell0];
}

/* Fetches the memory of the cell of (monitor, agent), or of one beside it. */
void plx_evidence_foresee(const struct plx_evidence *ev,
                          const struct plx_fleet_monitor *mon, uint32_t agent);

/* A sign of life of the agent. One that was silent for a minute or longer has missed what
 * happened meanwhile: what it saw before does not vote any more, however long the
 * interval of its monitors. */
void plx_evidence_heard(struct plx_evidence *ev, struct plx_fleet_agent *agent,
                        const struct plx_judge_policy *policy, struct plx_wall now);

/* A spare agent is asked again at most so often, however short the interval. */
#define PLX_SPARE_EVERY_TK (30 * PLX_TK_PER_SEC)

/* How often the cell is renewed when all is as it should be. */
static inline uint32_t plx_evidence_every(const struct plx_fleet_monitor *mon,
                                          const struct plx_cell *cell)
{
    bool seldom =
        (cell->flags & PLX_CELL_SPARE) && mon->terms->interval_tk < PLX_SPARE_EVERY_TK;
    return seldom ? PLX_SPARE_EVERY_TK : mon->terms->interval_tk;
}

/* Until when the cell votes. */
static inline uint32_t plx_evidence_until(const struct plx_judge_policy *policy,
                                          const struct plx_fleet_monitor *mon,
                                          const struct plx_cell *cell)
{
    double span =
        policy->fresh_intervals * plx_evidence_every(mon, cell) + mon->terms->timeout_tk;
    return cell->last + (uint32_t)span;
}

/* Recent enough to vote. Does not ask whether the agent is live. */
static inline bool plx_evidence_is_recent(const struct plx_fleet_agent *agent,
                                          const struct plx_judge_policy *policy,
                                          const struct plx_fleet_monitor *mon,
                                          const struct plx_cell *cell, uint32_t now)
{
    return now < plx_evidence_until(policy, mon, cell) && cell->last >= agent->back;
}

/* Whether the result is what is expected of the monitor. */
bool plx_evidence_is_expected(const struct plx_fleet_monitor *mon,
                              const struct plx_judge_result *result);

/* Takes one result whose agent and monitor exist. 0 or PLX_ENOTFOUND (not assigned). */
int plx_evidence_take(struct plx_evidence *ev, struct plx_fleet *fleet,
                      const struct plx_judge_policy *policy,
                      const struct plx_judge_result *result);

/* Opens an agent saw after `since`, as far back as its rings reach (an hour). */
uint32_t plx_evidence_opens(const struct plx_fleet_agent *agent, uint32_t since);

/* At least so many of these were seen within each of `n` steps of `step_tk` before `now`
 * (opens count where they are sure to be): a ring of 4 s is all that is asked. */
void plx_evidence_opens_by_step(const struct plx_fleet_agent *agent, uint32_t now,
                                uint32_t step_tk, uint32_t n, float *ret);

/* The end of the latest 4 s in which the agent failed on a fifth of its probes or more;
 * 0: none that its rings know of. */
uint32_t plx_evidence_bad_until(const struct plx_fleet_agent *agent);

/* So many results that say "could not probe" are no accident. */
#define PLX_LOCAL_FIRM 6u
/* The agent says of itself that it cannot probe, but for a result now and then. */
bool plx_evidence_cannot_probe(const struct plx_fleet_agent *agent);

/* The agent has so many results that their rate tells its state within a second. */
bool plx_evidence_is_busy(const struct plx_fleet_agent *agent);

/* Learned chance that a probe of this agent fails for no reason. */
double plx_evidence_noise(const struct plx_fleet_agent *agent,
                          const struct plx_judge_policy *policy);

/* Microseconds of a cell's latency: 1 + 2048 log2; 0 is unknown. */
uint32_t plx_rtt_unpack(uint16_t packed);

#endif
