/* What is due when: one entry per assigned monitor, by slot.
 *
 * A monitor's probes stand at phase + k * interval on an axis that is tied to the wall
 * clock once, when the plan is made, and monotonic from then on: a clock that is set does
 * not move a probe, and a restart finds the same phases. The phase is a hash of the
 * monitor, so that the probes of one agent spread over the interval, and a turn that the
 * coordinator gave, so that those of N agents interleave (coordinator/core/turn.h);
 * without a turn it is a hash of (monitor, agent). What could not be started in time is
 * skipped, never made up for: after a pause of any length each monitor is due at most
 * once. 32 bytes a monitor. Pure; one thread. */
#ifndef PLX_AGENT_CORE_PLAN_H
#define PLX_AGENT_CORE_PLAN_H

#include "agent/core/wheel.h"
#include "base/time.h"

struct plx_plan_entry {
    uint64_t phase_key;  /* the phase, in 2^64ths of the interval */
    int64_t interval_ns; /* 0: the slot is free */
};

struct plx_plan {
    struct plx_plan_entry *entries;
    size_t n_entries;       /* slots known so far, free ones included */
    struct plx_wheel wheel; /* by slot: the next probe */
    int64_t axis_ns;        /* wall minus monotonic, when the plan was made */
    uint64_t agent_seed;
};

/* One probe that is due. */
struct plx_due {
    uint32_t slot;
    struct plx_mono scheduled; /* its place in the plan */
    uint64_t missed;           /* probes before it that are past and not made */
    bool late;                 /* past its grace: to be recorded as skipped, not made */
};

/* `agent_seed`: a number of this agent's own, stable over restarts. */
void plx_plan_init(struct plx_plan *plan, uint64_t agent_seed, struct plx_mono now,
                   struct plx_wall wall_now);
void plx_plan_fini(struct plx_plan *plan);

/* Plans the monitor in `slot` (a small number: an index) from now on. A slot that holds
 * the same monitor, turn and interval keeps its place. `turn`: in 65536ths of the
 * interval, 0 for none; `interval_ns` > 0. */
void plx_plan_set(struct plx_plan *plan, uint32_t slot, uint64_t monitor_id,
                  uint16_t turn, int64_t interval_ns, struct plx_mono now);
void plx_plan_remove(struct plx_plan *plan, uint32_t slot);

/* When the monitor in `slot`, which is planned, is probed next. */
struct plx_mono plx_plan_place(const struct plx_plan *plan, uint32_t slot);

/* A probe whose time has come, earlier ones first (to 10 ms); false: none. It is planned
 * again one interval on, at its own phase and after `now`. */
bool plx_plan_next(struct plx_plan *plan, struct plx_mono now, struct plx_due *ret_due);

/* How late a probe of this interval may start and still stand for its time: half the
 * interval, at most 5 s. */
int64_t plx_plan_grace_ns(int64_t interval_ns);

#endif
