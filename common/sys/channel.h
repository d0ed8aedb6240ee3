/* One ZeroMQ socket with CURVE and limits: the only room besides link and intake that
 * knows ZeroMQ.
 *
 * There is no plain-text mode. A server channel is a ROUTER whose peers are admitted by
 * the ZAP gate (coordinator/io/gate) under the channel's domain; a client channel is a
 * DEALER that holds one peer. Every message is one envelope frame and possibly body
 * frames of at most PLX_WIRE_FRAME_MAX bytes. Nothing here ever blocks. One thread per
 * channel. */
#ifndef PLX_SYS_CHANNEL_H
#define PLX_SYS_CHANNEL_H

#include "base/why.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLX_KEY_TEXT_MAX 41 /* Z85 of 32 bytes and a NUL */

struct plx_keypair {
    char public_key[PLX_KEY_TEXT_MAX];
    char secret_key[PLX_KEY_TEXT_MAX];
};

int plx_keypair_generate(struct plx_keypair *ret, struct plx_why *why);
/* Reads "public …\nsecret …\n" written by _save (mode 0600 demanded). */
int plx_keypair_load(const char *path, struct plx_keypair *ret, struct plx_why *why);
int plx_keypair_save(const char *path, const struct plx_keypair *pair,
                     struct plx_why *why);
/* Loads the pair, or makes and saves one where there is no file. */
int plx_keypair_ensure(const char *path, struct plx_keypair *ret, struct plx_why *why);
/* True for 40 characters of Z85 that decode to 32 bytes. */
bool plx_key_is_valid(const char *text);
/* Overwrites the secret. */
void plx_keypair_wipe(struct plx_keypair *pair);

/* The process's ZeroMQ context. */
struct plx_net;
int plx_net_new(struct plx_net **ret, struct plx_why *why);
void plx_net_destroy(struct plx_net **net); /* after all of its channels */
/* The ZeroMQ context, for the gate. */
void *plx_net_context(struct plx_net *net);

/* Who sent a message over a server channel, and whom to answer. */
struct plx_peer {
    uint8_t id[32]; /* routing id: never logged, never echoed */
    uint8_t len;    /* 0: none */
};
/* True if the routing id is of the form that libzmq gives (a zero and four bytes), false
 * if the peer chose it itself, as none of ours does: it may be another's. */
bool plx_peer_is_given(const struct plx_peer *peer);
bool plx_peer_equal(const struct plx_peer *a, const struct plx_peer *b);

#define PLX_PARCEL_FRAMES_MAX 160

/* A received message; everything is lent until the next receive. */
struct plx_parcel {
    struct plx_peer peer;       /* server channels only */
    char key[PLX_KEY_TEXT_MAX]; /* the peer's public key, as the gate admitted it; server
                                   channels only */
    size_t n_frames;
    const void *frames[PLX_PARCEL_FRAMES_MAX];
    size_t lens[PLX_PARCEL_FRAMES_MAX];
};

struct plx_channel;

/* Binds `endpoint` ("tcp://host:port"). PLX_EBUSY: the port is in use. */
int plx_channel_serve(struct plx_net *net, const char *endpoint, const char *domain,
                      const struct plx_keypair *keys, struct plx_channel **ret,
                      struct plx_why *why);
/* How a server channel for strangers differs from one for those we know. */
struct plx_channel_limits {
    size_t frame_max_bytes; /* of each frame */
    int queue_messages;     /* per peer and direction */
};
/* Serves on a listening socket of plx_listener_open. Copies `listen_fd`: it can be served
 * again when this channel is gone, and meanwhile whoever connects waits in its backlog.
 */
int plx_channel_serve_fd(struct plx_net *net, int listen_fd, const char *domain,
                         const struct plx_channel_limits *limits,
                         const struct plx_keypair *keys, struct plx_channel **ret,
                         struct plx_why *why);
/* Begins to connect; returns at once. */
int plx_channel_connect(struct plx_net *net, const char *endpoint, const char *server_key,
                        const struct plx_keypair *keys, struct plx_channel **ret,
                        struct plx_why *why);

/* What the server has made of a client's key. */
enum plx_channel_standing {
    PLX_CHANNEL_UNDECIDED, /* not reached, or not done shaking hands */
    PLX_CHANNEL_ADMITTED,
    PLX_CHANNEL_REFUSED, /* for good: libzmq does not connect this channel again */
};
/* As plx_channel_connect, for plx_channel_standing: costs two more sockets. */
int plx_channel_connect_watched(struct plx_net *net, const char *endpoint,
                                const char *server_key, const struct plx_keypair *keys,
                                struct plx_channel **ret, struct plx_why *why);
/* As last heard. UNDECIDED of a channel that is not watched. */
enum plx_channel_standing plx_channel_standing(struct plx_channel *channel);
/* Unsent messages are dropped (LINGER 0), except that a client channel given
 * `linger_ms` > 0 waits so long for them. */
void plx_channel_destroy(struct plx_channel **channel);
void plx_channel_set_linger(struct plx_channel *channel, int linger_ms);

/* For plx_loop_add_socket. */
void *plx_channel_socket(struct plx_channel *channel);

/* Returns 0; PLX_EAGAIN: nothing there; PLX_ETOOBIG: a message of too many frames was
 * dropped (call again); PLX_EDENIED: a message without an authenticated key was dropped
 * (call again). */
int plx_channel_recv(struct plx_channel *channel, struct plx_parcel *ret);

struct plx_frame {
    const void *data;
    size_t len;
};

/* Copies the frames into the socket's queue. `peer` is NULL on a client channel. Returns
 * 0; PLX_EAGAIN: the peer's queue is full; PLX_EGONE: no such peer (any more). */
int plx_channel_send(struct plx_channel *channel, const struct plx_peer *peer,
                     const struct plx_frame *frames, size_t n_frames);

#endif
