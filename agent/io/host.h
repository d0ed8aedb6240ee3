/* What this host can hold, and whether its kernel does what probing leans on: read and
 * tried out on the loopback, in about a second. For a command, not for a loop: it waits.
 */
#ifndef PLX_AGENT_IO_HOST_H
#define PLX_AGENT_IO_HOST_H

#include "base/result.h"

#include <stdbool.h>
#include <stdint.h>

struct plx_host {
    char kernel[96];
    /* limits */
    uint64_t nofile_soft, nofile_hard;
    uint64_t ports;        /* local ones for one target address and port */
    uint64_t memory_bytes; /* available */
    uint32_t cpus;         /* this process may use */
    /* what the kernel does */
    bool held_back;                   /* the third ACK of a half-open probe */
    bool reuses;                      /* a disarmed socket can be armed again */
    bool error_queue;                 /* who said no can be read */
    bool routes;                      /* changes of routes are told */
    bool io_uring;                    /* direct descriptors for probe sockets */
    char no_io_uring[64];             /* why not */
    struct plx_addr source4, source6; /* towards the internet; family 0: no route */
    /* measured */
    int64_t late_median_ns, late_worst_ns; /* timers of 10 ms, over half a second */
    int64_t probe_ns; /* CPU of one probe of the loopback, both ends; 0: not measured */
    /* the clock, as the kernel knows it */
    bool clock_synchronised;
    int64_t clock_error_ns; /* its bound; < 0: not known */
};

void plx_host_scan(struct plx_host *ret);

#endif
