/* What was seen: one cell per (monitor, agent), 32 bytes, updated in constant time.
 *
 * A cell holds its latest *run*: results alike (as expected, or failing) in a row, with
 * the time of the first and the last, and the time of the last result of the other sign
 * before it. That is all the inference needs; the history is the store's business. */
#ifndef PLX_CORE_JUDGE_EVIDENCE_H
#define PLX_CORE_JUDGE_EVIDENCE_H

#include "coordinator/core/judge.h"
#include "coordinator/core/judge_fleet.h"

/* Time inside the judge: ticks of 1/32 s since a day before its first call; 0 is "never".
 * 32 bits last 4.2 years; a judge is rebuilt from the store long before. */
#define PLX_TK_PER_SEC 32u

/* Kinds of failure, folded to what tells causes apart. */
enum plx_fail_kind {
    PLX_KIND_TIMEOUT,
    PLX_KIND_REFUSED,
    PLX_KIND_RESET,      /* reset, or an unexpected answer */
    PLX_KIND_HOST,       /* "host unreachable": the last hop speaks */
    PLX_KIND_NET,        /* "network unreachable" and other routed errors */
    PLX_KIND_PROHIBITED, /* a filter speaks */
    PLX_KIND_DNS,
    PLX_KIND_COUNT_,
};

enum plx_cell_flag {
    PLX_CELL_SEEN = 1 << 0,
    PLX_CELL_FAILING = 1 << 1,
    PLX_CELL_PENDING = 1 << 2, /* an extra probe was ordered and has not come back */
    PLX_CELL_COVERED = 1 << 3, /* a fault explained this run */
    PLX_CELL_LOCAL = 1 << 4,   /* the newest word was "could not probe" */
    PLX_CELL_LATE = 1 << 5,    /* the newest word came too late */
    PLX_CELL_DOUBT = 1 << 6,   /* being looked into */
    PLX_CELL_HALF = 1 << 7,    /* as expected, but not at all of its addresses */
};

struct plx_cell {
    uint32_t first, last; /* of the run */
    uint32_t other;       /* last result of the other sign before the run */
    uint16_t agent;
    uint8_t n;       /* results in the run (saturates) */
    uint8_t n_apart; /* failures further than burst_ns from the one before */
    uint8_t kinds[PLX_KIND_COUNT_];
    uint8_t flags;
    uint16_t rtt;        /* smoothed, in 1/2048 of an octave above 1 us; 0: unknown */
    uint16_t loss : 10;  /* smoothed, 1023 is 1 (judge_quality) */
    uint16_t loss_n : 5; /* trials it is worth */
    uint16_t lossy : 1;  /* degraded by loss, … */
    uint8_t outcome : 4, unreach : 3; /* of the last result that counts */
    uint8_t slow : 1;                 /* … by latency */
    uint8_t n_other;                  /* results in the run before (saturates) */
    uint16_t sched; /* scheduled phase in ticks modulo 65536, to know what is in flight */
};
_Static_assert(sizeof(struct plx_cell) == 32, "a million of these must stay 32 MB");

struct plx_evidence {
    struct plx_cell *cells; /* two to a cache line, none across two */
    void *block;            /* what `cells` is in */
    uint32_t *owner;        /* the monitor of each cell */
    uint32_t n_cells, cap_cells, garbage;
    uint64_t *failing; /* one bit a cell */
    uint64_t *held;    /* likewise: failing, and left to a fault of ours (judge_hold) */
    int64_t epoch_ns;
    double kinds[PLX_KIND_COUNT_]; /* what spurious failures look like, learned */
    uint64_t n_scheduled;          /* since the last tick: earns the probe budget */
    bool dirty;                    /* something happened that may change a conclusion */
};

void plx_evidence_fini(struct plx_evidence *ev);

/* Ticks of a wall time, at least 1. The first call sets the epoch. */
uint32_t plx_evidence_ticks(struct plx_evidence *ev, struct plx_wall t);
struct plx_wall plx_evidence_wall(const struct plx_evidence *ev, uint32_t ticks);

/* Gives the monitor the cells of `agents` (ascending, distinct); those it had are kept.
 */
void plx_evidence_assign(struct plx_evidence *ev, struct plx_fleet *fleet,
                         uint32_t monitor, const uint32_t *agents, uint32_t n);

/* The cell of (monitor, agent); NULL if not assigned. */
struct plx_cell *plx_evidence_cell(const struct plx_evidence *ev,
                                   const struct plx_fleet_monitor *mon, uint32_t agent);

/* Fetches the memory of the cell of (monitor, agent), or of one beside it. */
void plx_evidence_foresee(const struct plx_evidence *ev,
                          const struct plx_fleet_monitor *mon, uint32_t agent);

/* A sign of life of the agent. One that was silent for a minute or longer has missed what
 * happened meanwhile: what it saw before does not vote any more, however long the
 * interval of its monitors. */
void plx_evidence_heard(struct plx_evidence *ev, struct plx_fleet_agent *agent,
                        const struct plx_judge_policy *policy, struct plx_wall now);

/* Recent enough to vote. Does not ask whether the agent is live. */
static inline bool plx_evidence_is_recent(const struct plx_fleet_agent *agent,
                                          const struct plx_judge_policy *policy,
                                          const struct plx_fleet_monitor *mon,
                                          const struct plx_cell *cell, uint32_t now)
{
    double span = policy->fresh_intervals * mon->interval_tk + mon->timeout_tk;
    return now < cell->last + (uint32_t)span && cell->last >= agent->back;
}

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

/* The agent has so many results that their rate tells its state within a second. */
bool plx_evidence_is_busy(const struct plx_fleet_agent *agent);

/* Learned chance that a probe of this agent fails for no reason. */
double plx_evidence_noise(const struct plx_fleet_agent *agent,
                          const struct plx_judge_policy *policy);

uint16_t plx_rtt_pack(uint32_t us);
uint32_t plx_rtt_unpack(uint16_t packed);

#endif
