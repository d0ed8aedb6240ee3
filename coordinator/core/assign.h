/* Who probes what: rendezvous hashing of monitors over the agents of a location.
 *
 * A stateless function: each agent has a weight for each monitor, a hash of both; the
 * heaviest `agents_per_location` candidates of each location are chosen. So an agent that
 * leaves moves its own share only, and takes the same share back when it returns
 * (Thaler and Ravishankar, "A name-based mapping scheme for rendezvous", 1996).
 *
 * Agents that are present go before absent ones, which hold a seat only where nobody
 * present could: so an empty region stays visible as a missing view. Pure; any thread. */
#ifndef PLX_CORE_ASSIGN_H
#define PLX_CORE_ASSIGN_H

#include "base/monitor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLX_ASSIGN_MAX 1024 /* agents of one monitor; more are not chosen */

enum plx_standing {
    PLX_STANDING_OUT = 0, /* never seen, draining, revoked: holds no seat */
    PLX_STANDING_ABSENT,  /* lost or stuck: holds a seat only if nobody else can */
    PLX_STANDING_PRESENT,
};

/* One agent as a candidate. Texts are borrowed. */
struct plx_candidate {
    uint32_t slot; /* the roster's */
    uint64_t hash; /* plx_assign_hash of its name */
    enum plx_standing standing;
    const char *region;
    const struct plx_label *labels;
    size_t n_labels;
};

uint64_t plx_assign_hash(const char *name);

/* True if the agent is in the location: "all", its region, or a label it has. */
bool plx_assign_matches(const char *location, const struct plx_candidate *agent);
/* True if the agent is in any of the monitor's locations. */
bool plx_assign_covers(const struct plx_monitor *monitor,
                       const struct plx_candidate *agent);

/* Chooses the agents of a monitor: for each location its `agents_per_location` best, for
 * "all" as many in each region. A paused monitor has none. Writes their slots, ascending
 * and without repeats, to `ret_slots` (room for PLX_ASSIGN_MAX) and returns how many. */
size_t plx_assign_pick(const struct plx_monitor *monitor, uint64_t monitor_key,
                       const struct plx_candidate *agents, size_t n, uint32_t *ret_slots);

/* Whether `agent`, not among the present choice, would be chosen now (`agents` is indexed
 * by slot): exact
 * where `chosen` is what _pick gave before the agent's standing rose. */
bool plx_assign_would_win(const struct plx_monitor *monitor, uint64_t monitor_key,
                          const struct plx_candidate *agent,
                          const struct plx_candidate *agents, const uint32_t *chosen,
                          size_t n_chosen);

#endif
