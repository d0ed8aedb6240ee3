/* Who is told, in place of HTTP: what coordinator/io/courier.h promises, and what may go
 * wrong on the way.
 *
 * The notifier runs as it is, its thread's rounds at times drawn from the seed; a request
 * is built and an answer judged as the receiver's kind does it. A receiver may be away,
 * answer with errors, take its time, refuse for good, or take a notice in and have its
 * answer lost. What was on its way when the coordinator crashed came, or did not. Two of
 * the broken builds are made here: one that gives each attempt a key of its own, and one
 * that takes what is on its way for delivered. */
#ifndef PLX_SIM_RECEIVERS_H
#define PLX_SIM_RECEIVERS_H

#include "coordinator/io/notifier.h"

#include <stdint.h>

/* Draws receivers and routes, and applies them. */
void plx_sim_receivers_begin(void);
uint32_t plx_sim_receivers(void);

/* The notifier of the coordinator that is starting: its rounds are made from now on. */
void plx_sim_receivers_serve(struct plx_notifier *notifier);

enum plx_sim_ill {
    PLX_ILL_AWAY,    /* no connection, or none in time */
    PLX_ILL_ERRORS,  /* 5xx, 429 */
    PLX_ILL_SLOW,    /* takes it in and answers late, perhaps too late */
    PLX_ILL_MUTE,    /* takes it in, and its answer is lost */
    PLX_ILL_REFUSES, /* 4xx */
    PLX_ILL_COUNT_,
};
/* Receivers count from 1. */
void plx_sim_receiver_ill(uint32_t receiver, enum plx_sim_ill ill, int64_t until_ns);

#endif
