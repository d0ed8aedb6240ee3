/* Enrolment: makes agents of strangers who have a token.
 *
 * Strangers meet the door (coordinator/io/door.h), which runs apart; here arrives what it
 * lets through: the key an asker proved to have, and its request. Tokens are checked and
 * agents made in the store; what the door is told is the answer's bytes and nothing else.
 * A door that ends is opened again, with pauses that grow. Loop thread. */
#ifndef PLX_COORDINATOR_ENROL_H
#define PLX_COORDINATOR_ENROL_H

#include "coordinator/io/desk.h"
#include "coordinator/io/door.h"
#include "sys/loop.h"

struct plx_enrol;

/* Whoever runs doors: a process (door_process.h), or a thread in tests. */
struct plx_doorman {
    void *arg;
    /* Begins one that serves the two descriptors, which stay the caller's. Returns 0 or
     * an error with a sentence. */
    int (*open)(void *arg, int pair_fd, int listen_fd, struct plx_why *why);
    /* Waits for the end of the one before, whose pair socket is closed. */
    void (*await)(void *arg);
};

struct plx_enrol_options {
    const char *endpoint;           /* to listen on */
    const char *agents_endpoint;    /* what new agents are told to connect to */
    const struct plx_keypair *keys; /* the door's own: tokens name its public half */
    struct plx_doorman doorman;
};

/* Listens, and opens the door. Copies the options. */
int plx_enrol_new(struct plx_desk *desk, struct plx_loop *loop,
                  const struct plx_enrol_options *options, struct plx_enrol **ret,
                  struct plx_why *why);
void plx_enrol_destroy(struct plx_enrol **enrol);
/* Opens again a door that ended. A few times a second. */
void plx_enrol_tick(struct plx_enrol *enrol, struct plx_mono now);
/* The bound endpoint. */
const char *plx_enrol_endpoint(const struct plx_enrol *enrol);

#endif
