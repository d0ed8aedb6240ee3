/* What stands in for common/sys: clocks, loop, log, files and threads of the current
 * node.
 *
 * The functions replaced here are those of sys/clock.h, sys/loop.h, sys/log.h and
 * sys/file.h, and, by the linker's --wrap, getrandom, randombytes_buf, pthread_create,
 * pthread_join, pthread_cond_signal and eventfd_write. A loop here ticks once a second
 * whatever period was asked for: a slow one, which is what lets a day pass in a second.
 * Threads do not run: the spool's and the notifier's are replaced by rounds at times
 * drawn from the seed, and one that only writes a file is done at once. */
#ifndef PLX_SIM_SYS_H
#define PLX_SIM_SYS_H

#include "sim.h"

#include "sys/loop.h"

#define PLX_SIM_TICK_NS PLX_SEC_NS

/* The timers of the node's loop. */
void plx_sim_loop_tick(struct plx_loop *loop);
/* The callback of the descriptor; nothing if it is not watched. */
void plx_sim_loop_fd(struct plx_loop *loop, int fd);
/* The callback of a socket, until it is drained. */
void plx_sim_loop_socket(struct plx_loop *loop, void *socket);
void plx_sim_loop_signal(struct plx_loop *loop, int signo);
bool plx_sim_loop_is_stopped(const struct plx_loop *loop);

/* A round of the current node's spool now, and what it tells. */
void plx_sim_round(struct plx_sim_node *node);
/* A round of the node's spool, after `delay_ns`. */
void plx_sim_schedule_round(struct plx_sim_node *node, int64_t delay_ns);

/* Files outlive processes; they end with the run. */
void plx_sim_files_end(void);

#endif
