/* The shares: which agent probes which monitors, and what to tell it.
 *
 * Keeps the choice of core/assign up to date when agents come and go and monitors change,
 * looks again only at monitors that the change can concern, and collects what changed:
 * per monitor for the judge, per agent as a numbered step (a delta) or, where the agent
 * does not hold the step before, the whole (a snapshot). It also remembers for a while
 * who had what, because results of an old assignment may still come. Pure; one thread. */
#ifndef PLX_CORE_SHARES_H
#define PLX_CORE_SHARES_H

#include "base/monitor.h"
#include "base/time.h"
#include "coordinator/core/assign.h"
#include "coordinator/core/catalog.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plx_shares;

/* Borrows `catalog`, which is changed only through _put and _remove from now on. */
struct plx_shares *plx_shares_new(struct plx_catalog *catalog);
void plx_shares_destroy(struct plx_shares **shares);

/* Declares the agent in `slot` (slots are dense) or its new standing. Name, region and
 * labels are borrowed as long as the shares live; they change only by another call. */
void plx_shares_set_agent(struct plx_shares *shares, uint32_t slot, const char *name,
                          const char *region, const struct plx_label *labels,
                          size_t n_labels, enum plx_standing standing);
void plx_shares_set_standing(struct plx_shares *shares, uint32_t slot,
                             enum plx_standing standing);

/* Puts the monitor into the catalog. 0 or PLX_EEXISTS (another has the name). */
int plx_shares_put(struct plx_shares *shares, const struct plx_monitor *monitor,
                   uint32_t *ret_slot);
/* Takes it out of the catalog and from its agents. */
void plx_shares_remove(struct plx_shares *shares, uint32_t monitor_slot,
                       struct plx_mono now);

/* Chooses anew where needed. Lends the slots of monitors whose agents changed until the
 * next call of any function here that changes something. */
void plx_shares_settle(struct plx_shares *shares, struct plx_mono now,
                       const uint32_t **ret_monitors, size_t *ret_n);

/* The agents (slots, ascending) of a monitor. Lent until the next settle. */
const uint32_t *plx_shares_agents(const struct plx_shares *shares, uint32_t monitor_slot,
                                  size_t *ret_n);
bool plx_shares_has(const struct plx_shares *shares, uint32_t agent_slot,
                    uint32_t monitor_slot);
/* The agent's place in the monitor's interval (core/turn), which is no part of the
 * task's hash: an agent that holds an older one keeps it. 0: it has not the monitor. */
uint16_t plx_shares_turn(const struct plx_shares *shares, uint32_t agent_slot,
                         uint32_t monitor_slot);
/* Whether the agent had the monitor (by id) within `age_ns`; it need not exist now. */
bool plx_shares_had(const struct plx_shares *shares, uint32_t agent_slot,
                    uint64_t monitor_id, struct plx_mono now, int64_t age_ns);
/* Lets the agent report the monitor once more for a while, as if it had had it. */
void plx_shares_grant(struct plx_shares *shares, uint32_t agent_slot, uint64_t monitor_id,
                      struct plx_mono now);
/* Whether the agent may be given the monitor by its locations. */
bool plx_shares_could_have(const struct plx_shares *shares, uint32_t agent_slot,
                           uint32_t monitor_slot);

/* What an agent should hold. */
struct plx_share {
    size_t n_tasks;
    uint64_t generation;          /* of the last step made; >= 1 */
    uint64_t hash;                /* sum of plx_task_hash over its tasks */
    int64_t shortest_interval_ns; /* 0: no tasks */
    bool owed;                    /* there is a step to be told */
};
struct plx_share plx_shares_of(const struct plx_shares *shares, uint32_t agent_slot);

/* The agent says what it holds (a hello, or 0 and 0 for "everything, please"). If it is
 * what it should hold, its generation is taken over and nothing is owed; otherwise a
 * snapshot is, under a generation greater than both. Returns true if it was in step. */
bool plx_shares_sync(struct plx_shares *shares, uint32_t agent_slot, uint64_t generation,
                     uint64_t hash);
/* The agent went away: nothing is owed until the next sync. */
void plx_shares_leave(struct plx_shares *shares, uint32_t agent_slot);

/* The next step owed to an agent. Monitor slots of `upserts` exist. */
struct plx_share_step {
    bool whole;               /* a snapshot: upserts are all tasks */
    uint64_t from_generation; /* delta only */
    uint64_t generation;
    const uint32_t *upserts; /* monitor slots */
    size_t n_upserts;
    const uint64_t *removals; /* monitor ids */
    size_t n_removals;
};
/* Makes the step and lends it until the next call here; false: none is owed. The caller
 * sends it at once, or calls plx_shares_sync(…, 0, 0) if it cannot. */
bool plx_shares_take_step(struct plx_shares *shares, uint32_t agent_slot,
                          struct plx_share_step *ret_step);

#endif
