/* Intake: the agents' door. Takes their messages, sends what is owed to them.
 *
 * Every message is checked against the gate's list first (a revoked agent is out at
 * once), then against its session, its rate and the wire's limits. Results go to the
 * store; only when they are committed the ack goes back and they are judged. An agent
 * with too many batches waiting is not acknowledged: it keeps them and tries again.
 * A result of a monitor that is not the agent's is kept as nobody's: it is counted,
 * logged once a session and can harm no one. Loop thread. */
#ifndef PLX_COORDINATOR_INTAKE_H
#define PLX_COORDINATOR_INTAKE_H

#include "coordinator/io/desk.h"
#include "sys/loop.h"

struct plx_intake;

/* The answer to a probe ordered by plx_intake_probe with a request id. */
typedef void plx_intake_done_fn(void *arg, uint32_t agent_slot, uint64_t request_id,
                                const struct plx_result *result);

/* A trace ordered by plx_intake_trace; lent for the call. */
typedef void plx_intake_traced_fn(void *arg, uint32_t agent_slot, uint64_t request_id,
                                  const struct plx_trace *trace);

/* Binds `endpoint` and joins the loop. Borrows desk and loop. */
int plx_intake_new(struct plx_desk *desk, struct plx_net *net, struct plx_loop *loop,
                   const char *endpoint, const struct plx_keypair *keys,
                   struct plx_intake **ret, struct plx_why *why);
void plx_intake_destroy(struct plx_intake **intake);
void plx_intake_on_done(struct plx_intake *intake, plx_intake_done_fn *fn, void *arg);
void plx_intake_on_traced(struct plx_intake *intake, plx_intake_traced_fn *fn, void *arg);

/* The bound endpoint ("tcp://127.0.0.1:7440"). */
const char *plx_intake_endpoint(const struct plx_intake *intake);

/* Sends every connected agent the steps it is owed. */
void plx_intake_push(struct plx_intake *intake);
/* Ends leases, sends what is owed. Call a few times a second. */
void plx_intake_tick(struct plx_intake *intake);
/* The wall clock. If it was set since it was last read, all times that are kept are set
 * right first: whoever goes on to judge by it asks here, for the judge's time never goes
 * back, and one step ahead of what agents measure makes it blind. */
struct plx_wall plx_intake_wall(struct plx_intake *intake);

/* Orders probes at once. Returns 0, PLX_EGONE (not connected) or PLX_EAGAIN. */
int plx_intake_probe(struct plx_intake *intake, uint32_t agent_slot,
                     const struct plx_msg_probe_now *order);
/* Tells every connected agent our keys as the desk has them. */
void plx_intake_tell_keys(struct plx_intake *intake);
/* True if the agent's session has shown that it holds them. */
bool plx_intake_knows_keys(const struct plx_intake *intake, uint32_t agent_slot);

/* Tells the agent to make a new key. Returns 0, PLX_EGONE (not connected) or PLX_EAGAIN.
 */
int plx_intake_order_key(struct plx_intake *intake, uint32_t agent_slot);

/* The routing id of the agent's session, for tests; len 0: none. */
struct plx_peer plx_intake_peer(const struct plx_intake *intake, uint32_t agent_slot);
/* Orders a trace; returns as plx_intake_probe. */
int plx_intake_trace(struct plx_intake *intake, uint32_t agent_slot,
                     const struct plx_msg_trace_now *order);
/* True if the agent has a session. */
bool plx_intake_has(const struct plx_intake *intake, uint32_t agent_slot);

#endif
