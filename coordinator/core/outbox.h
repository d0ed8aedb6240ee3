/* The outbox: which notice is tried next, and what comes of it.
 *
 * One lane per receiver: letters go in their order, one at a time, so that a receiver
 * hears of an end after the beginning. A failed attempt is repeated after 1, 2, 4, … s up
 * to 5 minutes, each with ±25 % jitter, and for the last time when the receiver's
 * `give_up` is over; then the letter is dead and the next one gets its turn. Only a test
 * goes before the others, and at once: somebody waits for its answer, most of all where
 * letters fail. Lanes know nothing of one another.
 *
 * What came of a letter is noted on disk, and only then the next one about the same
 * incident goes out to the same receiver: else a crash in between would have the
 * beginning told again after the end. Letters about other incidents do not wait for that.
 *
 * Decides and remembers; sends nothing. Letters are put in after they are committed, and
 * again after a start. Pure; one thread, or a lock around it. */
#ifndef PLX_CORE_OUTBOX_H
#define PLX_CORE_OUTBOX_H

#include "base/alerting.h"
#include "base/text.h"

enum plx_letter_state { PLX_LETTER_WAITING, PLX_LETTER_DELIVERED, PLX_LETTER_DEAD };
const char *plx_letter_state_token(enum plx_letter_state state);

/* One notice to one receiver. */
struct plx_letter {
    uint64_t id;     /* given by the store, ascending */
    const char *key; /* idempotency: never two letters with the same one */
    const char *receiver;
    uint64_t incident; /* 0: none (a test) */
    const char *event;
    const char *body; /* the notice as JSON */
    struct plx_wall created;
    enum plx_letter_state state;
    uint32_t attempts;
    struct plx_wall last; /* attempt; 0: none */
    const char *why;      /* what came of the last attempt */
};

/* Bounds, with their defaults in outbox.c. */
struct plx_outbox_policy {
    uint64_t seed; /* of the jitter */
    int64_t retry_min_ns, retry_max_ns;
};
void plx_outbox_policy_default(struct plx_outbox_policy *ret);

struct plx_outbox;

struct plx_outbox *plx_outbox_new(const struct plx_outbox_policy *policy);
void plx_outbox_destroy(struct plx_outbox **outbox);

/* Who there is. Copies. Whoever is configured is tried at once: what was wrong may be
 * right now. */
void plx_outbox_set_receivers(struct plx_outbox *outbox, struct plx_mono now,
                              const struct plx_receiver *list, size_t n);
/* Copies. */
void plx_outbox_put(struct plx_outbox *outbox, const struct plx_letter *letter);

/* The wall clock was set by `step_ns`: letters keep their age. */
void plx_outbox_clock_set(struct plx_outbox *outbox, int64_t step_ns);

/* An attempt that is to be made. Lent until it is concluded; the receiver only until the
 * next call of plx_outbox_set_receivers. */
struct plx_outbox_attempt {
    uint32_t lane;
    const struct plx_letter *letter;
    const struct plx_receiver *receiver; /* NULL: there is no such receiver any more */
};
/* True: one is due, and is under way from now on. False: none is for `ret_wait_ns`;
 * INT64_MAX: none that is known. */
bool plx_outbox_next(struct plx_outbox *outbox, struct plx_mono now,
                     struct plx_outbox_attempt *ret, int64_t *ret_wait_ns);

/* What came of one attempt; `waiting` letters are tried again by themselves. */
struct plx_outbox_result {
    uint64_t letter;
    char receiver[PLX_NAME_MAX + 1];
    enum plx_letter_state state;
    uint32_t attempts;
    struct plx_wall at;
    char why[256];
};
/* The attempt in the lane has ended. `asked_ns`: how long the receiver asks to wait; 0:
 * it does not. */
void plx_outbox_conclude(struct plx_outbox *outbox, uint32_t lane, struct plx_mono now,
                         struct plx_wall wall, enum plx_fate fate, int64_t asked_ns,
                         const char *why, struct plx_outbox_result *ret);

/* What came of the letter, delivered or dead, is on disk. */
void plx_outbox_noted(struct plx_outbox *outbox, uint64_t letter);

/* How a lane is. */
struct plx_outbox_lane {
    char receiver[PLX_NAME_MAX + 1];
    size_t n_waiting;
    uint32_t n_failed; /* attempts in a row */
    uint64_t n_delivered, n_dead;
    char why[256]; /* of the last failure; "" after a success */
};
/* Copies up to `max` lanes; returns how many there are. */
size_t plx_outbox_lanes(const struct plx_outbox *outbox, struct plx_outbox_lane *ret,
                        size_t max);

#endif
