/* One daemon's event loop: ZeroMQ sockets outside, everything else in one nested epoll.
 *
 * zmq_poll waits on the ZeroMQ sockets and on a single epoll descriptor that holds file
 * descriptors, timers (timerfd) and signals (signalfd). Registering ZMQ_FD in epoll
 * instead loses messages: it is edge-triggered and sends swallow the edge.
 * A ready socket's callback is called again and again until it returns false ("drained")
 * or its turn's budget is used; then the others get theirs.
 *
 * One thread owns a loop; other threads reach it through an eventfd of theirs. */
#ifndef PLX_SYS_LOOP_H
#define PLX_SYS_LOOP_H

#include "base/time.h"
#include "base/why.h"

#include <stdbool.h>
#include <stdint.h>

struct plx_loop;

typedef bool plx_loop_socket_fn(void *arg);              /* true: there may be more */
typedef void plx_loop_fd_fn(void *arg, uint32_t events); /* EPOLLIN, … */
typedef void plx_loop_timer_fn(void *arg, struct plx_mono now);
typedef void plx_loop_signal_fn(void *arg, int signo);

/* Returns 0 or PLX_EIO. Blocks SIGINT, SIGTERM and SIGHUP in this thread (threads made
 * later inherit that) and takes them in through `on_signal`; NULL: leaves signals alone,
 * for a second loop of the process, run by another thread. */
int plx_loop_new(plx_loop_signal_fn *on_signal, void *arg, struct plx_loop **ret,
                 struct plx_why *why);
void plx_loop_destroy(struct plx_loop **loop);

/* Level-triggered unless `events` has EPOLLET. The callback may add and remove. */
int plx_loop_add_fd(struct plx_loop *loop, int fd, uint32_t events, plx_loop_fd_fn *fn,
                    void *arg);
int plx_loop_change_fd(struct plx_loop *loop, int fd, uint32_t events);
/* To be called before the descriptor is closed. */
void plx_loop_remove_fd(struct plx_loop *loop, int fd);

/* `socket` is a ZeroMQ socket of this thread. At most 16. */
int plx_loop_add_socket(struct plx_loop *loop, void *socket, plx_loop_socket_fn *fn,
                        void *arg);
void plx_loop_remove_socket(struct plx_loop *loop, void *socket);

/* Calls `fn` about every `period_ns` (first after one period; late turns are not made
 * up). Timers live as long as the loop. */
int plx_loop_add_timer(struct plx_loop *loop, int64_t period_ns, plx_loop_timer_fn *fn,
                       void *arg);

/* Runs until plx_loop_stop. */
void plx_loop_run(struct plx_loop *loop);
/* Ends plx_loop_run after the present turn. Loop thread only. */
void plx_loop_stop(struct plx_loop *loop);

#endif
