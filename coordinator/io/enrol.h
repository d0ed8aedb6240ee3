/* Enrolment: the door for agents that nobody knows yet, on a port of its own.
 *
 * Any key may connect (the gate bounds how often); the only message is an
 * EnrolRequest with a token's secret, the only answers a reply or a refusal. The agent's
 * key is the one its CURVE session proved to have. Loop thread. */
#ifndef PLX_COORDINATOR_ENROL_H
#define PLX_COORDINATOR_ENROL_H

#include "coordinator/io/desk.h"
#include "sys/loop.h"

struct plx_enrol;

/* Binds `endpoint`. `agents_endpoint` is what new agents are told to connect to
 * (copied). */
int plx_enrol_new(struct plx_desk *desk, struct plx_net *net, struct plx_loop *loop,
                  const char *endpoint, const char *agents_endpoint,
                  const struct plx_keypair *keys, struct plx_enrol **ret,
                  struct plx_why *why);
void plx_enrol_destroy(struct plx_enrol **enrol);
/* The bound endpoint. */
const char *plx_enrol_endpoint(const struct plx_enrol *enrol);

#endif
