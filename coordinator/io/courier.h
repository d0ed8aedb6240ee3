/* The courier: carries one request each way, many at once (libcurl multi), and
 * runs programs.
 *
 * Inside of the notifier, and of its thread, but for plx_courier_wake. */
#ifndef PLX_COORDINATOR_COURIER_H
#define PLX_COORDINATOR_COURIER_H

#include "coordinator/receivers/receiver.h"

#define PLX_COURIER_ANSWER_MAX (64 * 1024) /* bytes; the rest is not read */

struct plx_courier;
struct plx_courier_job;

/* `commands_dir`: where programs are, `secrets_dir`: where files are that receivers refer
 * to; NULL for none. Copies. */
int plx_courier_new(const char *commands_dir, const char *secrets_dir,
                    struct plx_courier **ret, struct plx_why *why);
void plx_courier_destroy(struct plx_courier **courier);

/* Begins to send the message (as JSON, from the outbox) to the receiver, whose secrets
 * are read now. Gives the job, which lives until it is done. On error nothing is sent and
 * `ret_fate` says whether another try makes sense. */
int plx_courier_send(struct plx_courier *courier, const struct plx_receiver *receiver,
                     const char *message_json, struct plx_courier_job **ret,
                     enum plx_fate *ret_fate, struct plx_why *why);

/* `job` is gone after the call. `wait_ns`: what the receiver asks to wait; 0: nothing. */
typedef void plx_courier_done_fn(void *arg, struct plx_courier_job *job,
                                 enum plx_fate fate, int64_t wait_ns, const char *why);
/* Moves everything on, waits at most `wait_ms` for something to happen, and tells of what
 * is done. */
void plx_courier_turn(struct plx_courier *courier, int wait_ms, plx_courier_done_fn *fn,
                      void *arg);
/* Ends the wait of plx_courier_turn. Any thread. */
void plx_courier_wake(struct plx_courier *courier);

#endif
