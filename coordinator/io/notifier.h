/* The notifier: delivers letters on a thread of its own.
 *
 * What is tried when, and what becomes of it, is decided by core/outbox; all transfers
 * run at once (io/courier): a slow receiver delays nobody else. Redirects are not
 * followed, answers are read to 64 KiB, and every attempt has the receiver's timeout.
 *
 * Letters are handed over after they are committed, and what came of each attempt is
 * handed back to be stored. After a crash letters that wait are handed over again: with
 * the same key, so that receivers can tell. */
#ifndef PLX_COORDINATOR_NOTIFIER_H
#define PLX_COORDINATOR_NOTIFIER_H

#include "base/why.h"
#include "coordinator/core/outbox.h"

struct plx_notifier_options {
    uint64_t seed;        /* of the jitter */
    int64_t retry_min_ns; /* 0: the outbox's default */
    int64_t retry_max_ns;
    const char *commands_dir; /* of programs that receivers name; NULL: none. Copied */
    const char *secrets_dir;  /* of files that they refer to; NULL: none. Copied */
};

struct plx_notifier;

int plx_notifier_new(const struct plx_notifier_options *options,
                     struct plx_notifier **ret, struct plx_why *why);
/* Ends the thread; transfers under way are cut off. Accepts NULL in *notifier. */
void plx_notifier_destroy(struct plx_notifier **notifier);

/* Becomes readable when plx_notifier_poll has something to hand out. */
int plx_notifier_fd(const struct plx_notifier *notifier);

/* Who there is. Letters to others are dead at once. Copies. Loop thread. */
void plx_notifier_set_receivers(struct plx_notifier *notifier,
                                const struct plx_receiver *list, size_t n);
/* Takes a committed letter on. Copies. Loop thread. */
void plx_notifier_send(struct plx_notifier *notifier, const struct plx_letter *letter);

typedef void plx_notifier_fn(void *arg, const struct plx_outbox_result *result);
/* Hands out what happened since the last call; of attempts that are repeated not all if
 * the loop does not come. Loop thread. */
void plx_notifier_poll(struct plx_notifier *notifier, plx_notifier_fn *fn, void *arg);

/* The wall clock was set by `step_ns`: letters keep their age. Loop thread. */
void plx_notifier_clock_set(struct plx_notifier *notifier, int64_t step_ns);
/* What came of the letter, delivered or dead, is stored: the next one about its incident
 * may go. Loop thread. */
void plx_notifier_noted(struct plx_notifier *notifier, uint64_t letter);

/* Copies up to `max` lanes; returns how many there are. Loop thread. */
size_t plx_notifier_lanes(struct plx_notifier *notifier, struct plx_outbox_lane *ret,
                          size_t max);

#endif
