/* One run of a program: text on its standard input, a time limit, what it says and how it
 * ends. No shell, no descriptors but 0-2, and of the environment only PATH, HOME, LANG
 * and TZ: variables may hold secrets. It has a process group of its own, which is killed
 * when it ends or its time is over. Inside of the courier, and of its thread, which must
 * have SIGPIPE blocked or ignored. */
#ifndef PLX_COORDINATOR_RUNNER_H
#define PLX_COORDINATOR_RUNNER_H

#include "base/buf.h"
#include "base/time.h"
#include "base/why.h"

#include <poll.h>

struct plx_run;

#define PLX_RUN_FDS 3

/* Starts DIR/words[0] with the other words as its arguments. Borrows `input` until the
 * run is destroyed. PLX_ENOTFOUND (no such program, or none that may be run), PLX_EIO. */
int plx_run_start(const char *dir, char *const *words, size_t n_words,
                  const struct plx_buf *input, struct plx_mono deadline,
                  struct plx_run **ret, struct plx_why *why);
/* Kills what still runs. Accepts NULL in *run. */
void plx_run_destroy(struct plx_run **run);

/* What to wait for; returns how many. */
size_t plx_run_fds(const struct plx_run *run, struct pollfd ret[PLX_RUN_FDS]);
struct plx_mono plx_run_deadline(const struct plx_run *run);
/* Moves it on without waiting. Keeps what it says in `said`, to that limit. True once it
 * has ended: `ret_status` is its exit status, or `ret_trouble` (a text lent until the run
 * is destroyed; "" for none) says what became of it. */
bool plx_run_turn(struct plx_run *run, struct plx_mono now, struct plx_buf *said,
                  long *ret_status, const char **ret_trouble);

#endif
