/* The enrolment door: a process of its own, so that strangers never meet the coordinator.
 *
 * It holds the enrolment key, one listening socket and one pair socket to the
 * coordinator; no database, no other key, and (when jailed) no way to open or connect to
 * anything. What comes over the pair socket is one letter a packet: a head and bytes. The
 * coordinator believes nothing of it: it decodes the request again.
 *
 * Connections cannot be closed one by one (libzmq has no call for it), so the socket is
 * made anew, on the same listener, as soon as it is quiet and PLX_DOOR_AGE_NS old, and in
 * any case at twice that: no stranger's connection lives longer. */
#ifndef PLX_COORDINATOR_DOOR_H
#define PLX_COORDINATOR_DOOR_H

#include "base/time.h"
#include "sys/channel.h"

#include <stdbool.h>
#include <stdint.h>

#define PLX_DOOR_FRAME_MAX   (16 * 1024) /* of a request and of an answer */
#define PLX_DOOR_QUEUE       10
#define PLX_DOOR_DESCRIPTORS 4096
#define PLX_DOOR_AGE_NS      (15 * PLX_SEC_NS)

enum plx_door_kind {
    PLX_DOOR_KEYS = 1, /* to the door, first: a struct plx_keypair */
    PLX_DOOR_REQUEST,  /* to the coordinator: an EnrolRequest's envelope */
    PLX_DOOR_ANSWER,   /* to the door: an envelope for whoever made that request */
    PLX_DOOR_COUNTS,   /* to the coordinator, each second: a struct plx_door_counts */
};

struct plx_door_head {
    uint32_t kind;
    uint64_t number;            /* of the request */
    char key[PLX_KEY_TEXT_MAX]; /* that the asker proved to have */
};

#define PLX_DOOR_LETTER_MAX (sizeof(struct plx_door_head) + PLX_DOOR_FRAME_MAX)

/* Since the door was opened. */
struct plx_door_counts {
    uint64_t admitted;  /* connections */
    uint64_t limited;   /* connections over the rate */
    uint64_t refused;   /* connections without CURVE */
    uint64_t malformed; /* messages that are no request, and what came over the rate */
    uint64_t renewed;   /* times that all connections were closed */
};

/* Serves until the other end of `pair_fd` is closed; both descriptors stay the caller's.
 * `jail`: gives up all it does not need, for good. `age_ns`: PLX_DOOR_AGE_NS, or less in
 * tests. Returns 0, or an error that it has logged. */
int plx_door_serve(int pair_fd, int listen_fd, bool jail, int64_t age_ns);

#endif
