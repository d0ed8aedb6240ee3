/* The session with the coordinator: one DEALER channel, hello and welcome, heartbeats,
 * and beginning again, over and over, whatever happens to it.
 *
 * A DEALER that was refused never connects again by itself (libzmq 4.3.4): no welcome
 * within 10 s, or silence, destroys the channel, and after a pause drawn from 0 … 1, 2,
 * 4 … 60 s (full jitter) a new one is made. One thread: the loop's. */
#ifndef PLX_AGENT_IO_LINK_H
#define PLX_AGENT_IO_LINK_H

#include "base/time.h"
#include "base/why.h"
#include "proto/wire.h"
#include "sys/channel.h"
#include "sys/loop.h"

#include <stdbool.h>
#include <stddef.h>

/* What the link needs of its owner; `arg` goes with each. */
struct plx_link_owner {
    void *arg;
    /* Fills in what the agent holds, for a hello. Lent for the call. */
    void (*hello)(void *arg, struct plx_msg_hello *hello);
    /* Fills in the state of the agent; clock and offset are the link's. */
    void (*heartbeat)(void *arg, struct plx_msg_heartbeat *heartbeat);
    /* A session has begun. `away_ns`: how long there was none. */
    void (*up)(void *arg, const struct plx_msg_welcome *welcome, int64_t away_ns);
    /* Any other message of the coordinator. Lent for the call. */
    void (*message)(void *arg, const struct plx_msg *msg);
};

struct plx_link;

/* By which keys a session may come about. With alternatives every third attempt takes the
 * next one of them, in place of what it replaces. */
struct plx_link_keys {
    const char *server_key;
    const char *next_server_key; /* NULL or "": none */
    const struct plx_keypair *own;
    const struct plx_keypair *new_own; /* NULL: none */
};

/* Begins to connect. Copies the texts and keys. */
int plx_link_new(struct plx_net *net, struct plx_loop *loop, const char *endpoint,
                 const char *server_key, const struct plx_keypair *keys,
                 const struct plx_link_owner *owner, struct plx_link **ret,
                 struct plx_why *why);
/* What was sent and not yet taken by the network is waited for, at most 500 ms (when the
 * net is destroyed). */
void plx_link_destroy(struct plx_link **link);

/* To be called every 100 ms or so. */
void plx_link_tick(struct plx_link *link, struct plx_mono now);

bool plx_link_is_up(const struct plx_link *link);
/* Returns 0; PLX_EAGAIN: no session, or its queue is full. */
int plx_link_send(struct plx_link *link, const struct plx_msg *msg);
/* The same for an encoded envelope. */
int plx_link_send_frame(struct plx_link *link, const void *frame, size_t len);
/* Says hello again on the same session: the assignment held is not the right one. */
void plx_link_resync(struct plx_link *link);

/* Other keys from now on (copied). With `again` the session ends and begins anew with
 * them, `pause_ns` to twice that later. */
void plx_link_set_keys(struct plx_link *link, const struct plx_link_keys *keys,
                       bool again, int64_t pause_ns);
/* True if there is a session that came about by that key of the coordinator's. */
bool plx_link_uses_server(const struct plx_link *link, const char *server_key);
/* True if the session came about by plx_link_keys.new_own. */
bool plx_link_uses_new_own(const struct plx_link *link);

#endif
