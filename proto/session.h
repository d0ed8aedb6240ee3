/* The times that both ends of an agent's session keep to.
 *
 * They belong together: how long a coordinator that was away has to wait before an
 * agent's silence means anything follows from how an agent comes back. */
#ifndef PLX_PROTO_SESSION_H
#define PLX_PROTO_SESSION_H

#include "base/time.h"

/* An agent's heartbeat, as the coordinator asks for it. */
#define PLX_SESSION_HEARTBEAT_NS   (5 * PLX_SEC_NS)
/* The coordinator silent for so long (or three heartbeats): the agent connects anew. */
#define PLX_SESSION_SILENCE_NS     (15 * PLX_SEC_NS)
/* No welcome within it: the agent gives the attempt up. */
#define PLX_SESSION_WELCOME_NS     (10 * PLX_SEC_NS)
/* The longest pause between two attempts of an agent. */
#define PLX_SESSION_BACKOFF_MAX_NS (60 * PLX_SEC_NS)

/* The coordinator looks for leases that ran out so often. */
#define PLX_SESSION_TICK_NS  (500 * PLX_MS_NS)
/* Not heard for so long, and an agent's share moves. A dead agent's is to have moved
 * after 15 s: a lease, a tick, and half a second to choose anew and to send. Three
 * heartbeats do not fit, so that a second lost one ends it in either case. */
#define PLX_SESSION_LEASE_NS (15 * PLX_SEC_NS - PLX_SESSION_TICK_NS - 500 * PLX_MS_NS)

/* After an absence of the coordinator, the slowest agent to come back: it has just begun
 * the longest pause, then connects within its limit; and 5 s for a machine that is slow
 * because everybody comes back at once. */
#define PLX_SESSION_RETURN_NS                                                            \
    (PLX_SESSION_BACKOFF_MAX_NS + PLX_SESSION_WELCOME_NS + 5 * PLX_SEC_NS)

#endif
