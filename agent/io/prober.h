/* The probe engine: many TCP attempts in flight, their sockets in an epoll or an io_uring
 * (agent/io/socket_set.h).
 *
 * Sockets are pooled per address family and armed again and again. What an end means is
 * agent/core/attempt's business. Nothing is allocated per probe, but for those with a
 * greeting: these have a socket of their own, are always watched for, speak
 * (agent/core/greeting decides what), and close in an orderly way. Timeouts, and ends
 * nobody watches for, are seen on a coarse tick; answers are timed by the kernel. One
 * thread. */
#ifndef PLX_AGENT_IO_PROBER_H
#define PLX_AGENT_IO_PROBER_H

#include "agent/core/greeting.h"
#include "agent/io/socket_set.h"
#include "base/monitor.h"
#include "base/result.h"
#include "base/time.h"
#include "base/why.h"

#include <stdbool.h>
#include <stdint.h>

/* More connects in a turn would let handshakes complete: 16,000 take 0.43 s (measured),
 * and the kernel sends the third ACK after 0.2 s. */
#define PLX_PROBER_TURN_CONNECTS 1024

struct plx_probe_order {
    uint64_t cookie; /* the caller's, given back with the end */
    struct plx_addr addr;
    struct plx_addr source; /* family 0: the kernel's choice */
    uint16_t port;
    enum plx_handshake handshake;
    struct plx_greeter *greeter; /* a new one, borrowed until the end; NULL: none */
    int64_t timeout_ns;
    /* The end is to be seen when it comes (plx_prober_fd) rather than on the next tick:
     * it costs a turn of the loop, and is what makes the time of a refusal exact. */
    bool watched;
};

/* One attempt has ended. `evidence` has all that plx_attempt_conclude fills, the source
 * and the probed address; `started` is when the SYN was handed to the kernel. May start
 * further probes. */
typedef void plx_prober_done_fn(void *arg, uint64_t cookie,
                                const struct plx_result *evidence,
                                struct plx_mono started);

struct plx_prober;

/* For at most `max` attempts in flight. Checks how sockets behave here. With io_uring
 * `max` may be above RLIMIT_NOFILE; of the attempts in flight a quarter of that many are
 * watched then, shared by the `n_probers` of the process, and the others that should be
 * are not. `engine` is not AUTO. Returns 0, PLX_EIO. */
int plx_prober_new(enum plx_engine engine, uint32_t max, uint32_t n_probers,
                   plx_prober_done_fn *done, void *arg, struct plx_prober **ret,
                   struct plx_why *why);
/* Attempts in flight end without a word. */
void plx_prober_destroy(struct plx_prober **prober);

/* Readable when there is something of a watched attempt for plx_prober_ready. */
int plx_prober_fd(const struct plx_prober *prober);

/* Begins an attempt. What fails at once is told through `done` before this returns.
 * PLX_EAGAIN: this turn's connects are used up, or `max` are in flight. */
int plx_prober_start(struct plx_prober *prober, const struct plx_probe_order *order);

/* Takes in what the kernel has of watched attempts. */
void plx_prober_ready(struct plx_prober *prober);
/* Takes in what the kernel has of all: between two batches of starts. */
void plx_prober_turn(struct plx_prober *prober);
/* To be called every 10 ms or so: takes in what the kernel has, then ends what is past
 * its timeout, and allows another turn's connects. */
void plx_prober_tick(struct plx_prober *prober);

uint32_t plx_prober_in_flight(const struct plx_prober *prober);
/* Whether sockets are armed again rather than closed. */
bool plx_prober_reuses(const struct plx_prober *prober);
/* Closes instead of reusing from now on, as on a kernel that needs it. For tests. */
void plx_prober_set_reuse(struct plx_prober *prober, bool on);
/* Longest time between two turns since the last call, in ns. */
int64_t plx_prober_take_stall(struct plx_prober *prober);

#endif
