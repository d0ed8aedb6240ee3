/* Turns: where in the interval each agent of a monitor probes, so that they interleave.
 *
 * A turn is a place on the circle of an interval, 1 … 65535 in 65536ths; 0: none yet.
 * Agents that come to a monitor together stand evenly apart; one that comes later takes
 * the middle of the widest gap, and nobody else moves. So with N agents the longest time
 * without a probe stays near interval/N (a gap is halved at most once more than another),
 * where places drawn at random leave (1 + 1/2 + … + 1/N) times that. Pure; any thread. */
#ifndef PLX_CORE_TURN_H
#define PLX_CORE_TURN_H

#include <stddef.h>
#include <stdint.h>

/* Gives a turn to each of the `n` agents (at most PLX_ASSIGN_MAX) that has 0. */
void plx_turns_give(uint16_t *turns, size_t n);

#endif
