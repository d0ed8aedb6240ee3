/* A worker: one thread that does slow things for the loop, one after another.
 *
 * The loop hands over an argument and two functions: `work` runs on the worker's thread,
 * `done` on the loop's, in the order of submission. The queue is bounded. */
#ifndef PLX_SYS_WORKER_H
#define PLX_SYS_WORKER_H

#include "base/why.h"
#include "sys/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct plx_worker;

typedef void plx_worker_work_fn(void *arg);
/* `worked` is false if the worker ended before it came to it. */
typedef void plx_worker_done_fn(void *arg, bool worked);

/* At most `capacity` tasks wait or run. Returns 0 or PLX_EIO. */
int plx_worker_new(struct plx_loop *loop, size_t capacity, struct plx_worker **ret,
                   struct plx_why *why);
/* Waits for the task that runs; `done` is called for all that are left. */
void plx_worker_destroy(struct plx_worker **worker);

/* Takes `arg` until `done`. PLX_EAGAIN: the queue is full, nothing was taken. */
int plx_worker_submit(struct plx_worker *worker, plx_worker_work_fn *work,
                      plx_worker_done_fn *done, void *arg);

#endif
