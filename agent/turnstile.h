/* The pacer of all probing threads, behind one lock: rates, and probes in flight, are the
 * agent's as a whole, whichever thread a monitor is probed by. Any thread. */
#ifndef PLX_AGENT_TURNSTILE_H
#define PLX_AGENT_TURNSTILE_H

#include "agent/core/pacer.h"

struct plx_turnstile;

struct plx_turnstile *plx_turnstile_new(const struct plx_pacer_limits *limits);
void plx_turnstile_destroy(struct plx_turnstile **turnstile);

/* As plx_pacer_ask and plx_pacer_done. */
enum plx_pacer_answer plx_turnstile_ask(struct plx_turnstile *turnstile,
                                        const struct plx_addr *addr, unsigned owed,
                                        struct plx_mono now, struct plx_mono *ret_at);
void plx_turnstile_done(struct plx_turnstile *turnstile);

#endif
