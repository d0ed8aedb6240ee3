/* The notifier: delivers letters on a thread of its own.
 *
 * One lane per receiver: letters go in their order, one at a time, so that a receiver
 * hears of an end after the beginning. A failed attempt is repeated after 1, 2, 4, … s up
 * to 5 minutes, each with ±25 % jitter, and for the last time when the receiver's
 * `give_up` is over; then the letter is dead and the next one gets its turn. Only a test
 * goes before the others, and at once: somebody waits for its answer, most of all where
 * letters fail. Lanes know nothing of one another, and all transfers run at once (libcurl
 * multi): a slow receiver delays nobody else. Redirects are not followed, answers are
 * read to 64 KiB, and every attempt has the receiver's timeout.
 *
 * Letters are handed over after they are committed, and what came of each attempt is
 * handed back to be stored. After a crash letters that wait are handed over again: with
 * the same key, so that receivers can tell. */
#ifndef PLX_COORDINATOR_NOTIFIER_H
#define PLX_COORDINATOR_NOTIFIER_H

#include "base/alerting.h"
#include "base/text.h"
#include "coordinator/io/store_incidents.h"

struct plx_notifier_options {
    uint64_t seed;            /* of the jitter */
    int64_t retry_min_ns;     /* 0: the default, 1 s */
    int64_t retry_max_ns;     /* 0: the default, 5 min */
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

/* What came of one attempt; `waiting` letters are tried again by themselves. */
struct plx_notifier_result {
    uint64_t letter;
    char receiver[PLX_NAME_MAX + 1];
    enum plx_letter_state state;
    uint32_t attempts;
    struct plx_wall at;
    char why[256];
};
typedef void plx_notifier_fn(void *arg, const struct plx_notifier_result *result);
/* Hands out what happened since the last call. Loop thread. */
void plx_notifier_poll(struct plx_notifier *notifier, plx_notifier_fn *fn, void *arg);

/* How each lane is. */
struct plx_notifier_lane {
    char receiver[PLX_NAME_MAX + 1];
    size_t n_waiting;
    uint32_t n_failed; /* attempts in a row */
    uint64_t n_delivered, n_dead;
    char why[256]; /* of the last failure; "" after a success */
};
/* Copies up to `max` lanes; returns how many there are. Loop thread. */
size_t plx_notifier_lanes(struct plx_notifier *notifier, struct plx_notifier_lane *ret,
                          size_t max);

#endif
