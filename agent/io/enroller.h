/* Asking to be enrolled: a channel to the coordinator's enrolment port, and asking again
 * until an answer is final or patience ends.
 *
 * Not final are no answer (a flood, a coordinator that starts again, the door closing all
 * connections), "busy", and a gate that takes no more connections for the moment. After
 * the last, libzmq never connects again by itself: a new channel is made after a pause
 * drawn from 0.5 to 2, 4, 8 s. A channel that is not refused is kept, with its place in
 * the server's backlog. Asking several times with one key spends one use of the token.
 * One thread: the loop's. */
#ifndef PLX_AGENT_IO_ENROLLER_H
#define PLX_AGENT_IO_ENROLLER_H

#include "base/time.h"
#include "base/why.h"
#include "proto/wire.h"
#include "sys/channel.h"
#include "sys/loop.h"

#include <stdint.h>

/* What the enroller needs of its owner; `arg` goes with each. */
struct plx_enroller_owner {
    void *arg;
    /* Once: the reply (lent), or NULL and why there is none (`err`, a sentence): refused
     * for good (PLX_EDENIED), or patience is over (PLX_ETIMEOUT). */
    void (*done)(void *arg, int err, const struct plx_msg_enrol_reply *reply,
                 const char *why);
    /* It takes long: what stands in the way, as far as can be told, once each. */
    void (*waiting)(void *arg, const char *why, int64_t left_ns);
};

/* All borrowed while the enroller lives. */
struct plx_enroller_options {
    const char *endpoint, *server_key; /* of the door, as the token names them */
    const struct plx_keypair *keys;
    struct plx_msg_enrol_request request;
    int64_t patience_ns; /* from the first tick */
};

struct plx_enroller;

/* Begins with the first tick. Copies options and owner. */
int plx_enroller_new(struct plx_net *net, struct plx_loop *loop,
                     const struct plx_enroller_options *options,
                     const struct plx_enroller_owner *owner, struct plx_enroller **ret,
                     struct plx_why *why);
void plx_enroller_destroy(struct plx_enroller **enroller);
/* To be called every 50 ms or so. */
void plx_enroller_tick(struct plx_enroller *enroller, struct plx_mono now);

#endif
