/* Who has a cell of a monitor: the agents assigned to it, and for a while spare agents.
 *
 * A *spare* is an agent that does not watch the monitor and was asked to look. That it
 * reached the target is remembered while it is fresh, outside the cells; it gets a cell
 * (PLX_CELL_SPARE) while those assigned cannot tell among themselves whether the target
 * fails or the way there (docs/adr/0015), as long as its view is fresh, it is heard of,
 * and most spares that were asked reach it, too. In quiet times there are
 * none: a view that is remembered has 88 bytes, PLX_SEATS_MAX of them at most. */
#ifndef PLX_CORE_JUDGE_SEATS_H
#define PLX_CORE_JUDGE_SEATS_H

#include "coordinator/core/judge.h"
#include "coordinator/core/judge_evidence.h"
#include "coordinator/core/judge_fleet.h"

#include <stdbool.h>
#include <stdint.h>

#define PLX_SEATS_MAX     1024u /* views of spares; the oldest that is not used goes */
#define PLX_SEATS_MONITOR 6u    /* spares that have a cell of one monitor, at most */

struct plx_seat {
    struct plx_judge_result said; /* its latest result, unless seated */
    bool reached;                 /* that was as expected */
    bool seated;                  /* has a cell, which says the rest */
};

/* All zero is ready. */
struct plx_seats {
    struct plx_seat *at; /* in the order they were heard */
    uint32_t n, cap;
};

/* What the functions here change. Borrows all. */
struct plx_seats_room {
    struct plx_evidence *ev;
    struct plx_fleet *fleet;
    const struct plx_judge_policy *policy;
};

void plx_seats_fini(struct plx_seats *seats);

/* Gives the monitor, which exists, the cells of these agents (each known; any order,
 * repeated or not); spares that have one keep it. */
void plx_seats_assign(struct plx_seats *seats, const struct plx_seats_room *room,
                      uint32_t monitor, const uint32_t *agents, size_t n);
/* The monitor has no cells any more. */
void plx_seats_clear(struct plx_seats *seats, const struct plx_seats_room *room,
                     uint32_t monitor);
/* The agent has no cell of the monitor any more. */
void plx_seats_take_away(struct plx_seats *seats, const struct plx_seats_room *room,
                         uint32_t monitor, uint32_t agent);
/* The agent is no more; it has no cells. */
void plx_seats_forget_agent(struct plx_seats *seats, uint32_t agent);

/* As plx_judge_clock_set. */
void plx_seats_clock_set(struct plx_seats *seats, int64_t step_ns);

/* A result of an agent that has no cell of the monitor (both exist). 0, or PLX_ENOTFOUND:
 * a scheduled one, which is nobody's any more. */
int plx_seats_hear(struct plx_seats *seats, const struct plx_seats_room *room,
                   const struct plx_judge_result *result);

/* Whether a spare that reaches the monitor's target now would get a cell. */
bool plx_seats_are_needed(const struct plx_seats_room *room, uint32_t monitor,
                          struct plx_wall now);

/* Before each solve: who gets a cell, and who loses it. Sets the bit of each monitor
 * whose cells changed in `touched`. */
void plx_seats_step(struct plx_seats *seats, const struct plx_seats_room *room,
                    struct plx_wall now, uint64_t *touched);

#endif
