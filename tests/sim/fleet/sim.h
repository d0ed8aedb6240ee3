/* One process's worth of simulated time: events from a seed, and the nodes they happen
 * to.
 *
 * Earliest event first, those of one moment in the order in which they were made: the
 * same seed gives the same run, event by event. A node is one machine with a clock of its
 * own and at most one process on it. What the process calls (clock, loop, channel, disk)
 * is answered for the node that is `current`. State is global because the functions that
 * are replaced have no place for it; one simulation at a time. */
#ifndef PLX_SIM_SIM_H
#define PLX_SIM_SIM_H

#include "base/rng.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PLX_SIM_NODES_MAX 32 /* the coordinator and up to 31 agents */

/* What a broken build would do; see fleet/store_disk.c, fleet/incident_disk.c,
 * fleet/receivers.c and fleet/sabotage.c. */
enum plx_sim_sabotage {
    PLX_SABOTAGE_NONE,
    PLX_SABOTAGE_EARLY_ACK,     /* acknowledged before it is committed */
    PLX_SABOTAGE_NO_DEDUP,      /* whatever comes is counted */
    PLX_SABOTAGE_ENDLESS_LEASE, /* nobody is ever lost */
    PLX_SABOTAGE_EARLY_PAGE,    /* told before it is committed */
    PLX_SABOTAGE_EARLY_FORGET,  /* out of the outbox before the receiver answered */
    PLX_SABOTAGE_NEW_KEY,       /* each attempt has a key of its own */
    PLX_SABOTAGE_COUNT_,
};

struct plx_loop;
struct plx_prober;

struct plx_sim_node {
    uint32_t index; /* 0: the coordinator */
    char name[16];
    bool up;       /* a process runs */
    uint32_t life; /* which one: events of a former one are void */
    int64_t up_since, down_until, frozen_until;
    int64_t stalled_ns; /* longest freeze since it was asked */
    /* clock: what is added to the simulation's time, and how fast it drifts */
    int64_t mono_zero_ns, wall_offset_ns, drift_ppb;
    struct plx_loop *loop;
    void *spool;               /* an agent's: whose rounds are due */
    struct plx_prober *prober; /* the one that has probes under way */
    bool round_is_due;         /* a round is scheduled */
    bool thread_has_told;      /* the spool's, or the coordinator's notifier's */
    uint64_t n_put, n_taken;   /* results given to the spool, and numbered by it */
    bool opening;              /* the process is starting */
    int64_t disk_full_until, disk_broken_until, uplink_down_until;
    int64_t heard_at; /* when the coordinator last took in a message of it */
};

typedef void plx_sim_fn(void *arg, uint64_t tag);

/* Begins a run. `transcript` NULL: none is written. */
void plx_sim_begin(uint64_t seed, enum plx_sim_sabotage sabotage, FILE *transcript);
void plx_sim_end(void);

int64_t plx_sim_now(void);
uint64_t plx_sim_steps(void);
struct plx_rng *plx_sim_rng(void);
enum plx_sim_sabotage plx_sim_sabotage(void);
/* Uniform in [low, high]; high >= low. */
int64_t plx_sim_between(int64_t low, int64_t high);
bool plx_sim_chance(double p);

/* `fn(arg, tag)` at `at_ns`, or now if that is past. `owned`: `arg` is on the heap, the
 * function frees it, and so does the end of the run. */
void plx_sim_at(int64_t at_ns, plx_sim_fn *fn, void *arg, uint64_t tag, bool owned);
/* Does the next event; false: none before `until_ns`, which is now. */
bool plx_sim_step(int64_t until_ns);

struct plx_sim_node *plx_sim_node(uint32_t index);
/* The node whose process is running just now; NULL: the world itself. */
struct plx_sim_node *plx_sim_current(void);
void plx_sim_enter(struct plx_sim_node *node);
void plx_sim_leave(void);
/* True if the node is frozen: the event will come again when it is not. */
bool plx_sim_deferred(struct plx_sim_node *node, plx_sim_fn *fn, void *arg, uint64_t tag,
                      bool owned);

/* A broken promise: the first one is kept, and the run is over. */
void plx_sim_violation(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *plx_sim_failure(void); /* NULL: none */

/* One line of the transcript, with time and node. */
void plx_sim_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool plx_sim_is_told(void);
void plx_sim_say_begin(void);
FILE *plx_sim_transcript(void);

#endif
