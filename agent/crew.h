/* The lanes of an agent: one on the agent's own loop, or several on threads of their own.
 *
 * Each monitor belongs to one lane, by a hash of its id. A thread's lane has a loop, an
 * epoll, pools, a resolver and a part of the assignment of its own; what it is told comes
 * as encoded messages through an inbox, woken by an eventfd. Results go straight to the
 * spool, whose queue takes them from any thread; answers to checks come back to the
 * agent's loop. What all share is behind locks: rates (agent/turnstile.h) and counts
 * (agent/tallies.h). All functions are for the agent's loop thread. */
#ifndef PLX_AGENT_CREW_H
#define PLX_AGENT_CREW_H

#include "agent/core/jobs.h"
#include "agent/io/spool.h"
#include "agent/lane.h"
#include "agent/tallies.h"

#include <stdbool.h>
#include <stdint.h>

/* A check has its result. On the agent's loop. */
typedef void plx_crew_answer_fn(void *arg, const struct plx_result *result,
                                uint64_t request_id);

struct plx_crew_setup {
    uint32_t n_threads; /* 1: no thread, the given loop */
    struct plx_pacer_limits limits;
    struct plx_lane_setup lane; /* but for what `limits` and `n_threads` give */
    struct plx_spool *spool;    /* borrowed, as all below */
    struct plx_tallies *tallies;
    plx_crew_answer_fn *on_answer;
    void *arg;
};

struct plx_crew;

/* `jobs` is the whole assignment, whose changes plx_crew_job is to be told of. Starts the
 * threads. */
int plx_crew_new(struct plx_loop *loop, struct plx_jobs *jobs,
                 const struct plx_crew_setup *setup, struct plx_crew **ret,
                 struct plx_why *why);
/* Ends the threads; probes under way end without a word. */
void plx_crew_destroy(struct plx_crew **crew);

/* The job in `slot` was filled or changed, or is about to go. */
void plx_crew_job(struct plx_crew *crew, uint32_t slot, bool gone);
void plx_crew_probe_now(struct plx_crew *crew, const struct plx_msg_probe_now *msg);
/* Nothing is begun any more. */
void plx_crew_leave(struct plx_crew *crew);

/* What keeps the targets' rates. Lent: for others that send to them. */
struct plx_turnstile *plx_crew_turnstile(const struct plx_crew *crew);

/* Probes under way, as of a moment ago. */
uint32_t plx_crew_under_way(const struct plx_crew *crew);

#endif
