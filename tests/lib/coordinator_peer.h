/* A scripted coordinator on a loopback port, served from the caller's loop: a ROUTER with
 * CURVE behind a gate that admits one key at a time. */
#ifndef PLX_TESTS_COORDINATOR_PEER_H
#define PLX_TESTS_COORDINATOR_PEER_H

#include "proto/wire.h"
#include "sys/channel.h"
#include "sys/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct plx_coordinator_peer {
    struct plx_net *net;
    struct plx_loop *loop;
    struct plx_channel *router;
    void *gate;
    struct plx_keypair keys;
    char endpoint[64];
    char admitted[PLX_KEY_TEXT_MAX]; /* "": nobody */
    size_t n_knocks, n_refused;
    struct plx_wire_decoder *decoder;
    struct plx_peer peer; /* of the last message */
    /* Called for each message; `msg` lent for the call. */
    void (*on_msg)(void *arg, const struct plx_msg *msg);
    void *arg;
};

void plx_coordinator_peer_start(struct plx_coordinator_peer *peer, struct plx_net *net,
                                struct plx_loop *loop);
void plx_coordinator_peer_stop(struct plx_coordinator_peer *peer);
/* To whoever spoke last. */
void plx_coordinator_peer_send(struct plx_coordinator_peer *peer,
                               const struct plx_msg *msg);

#endif
