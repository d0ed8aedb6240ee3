/* The prober's flights: one record for each attempt or idle socket, and the pools that
 * idle sockets wait in, by set and address family. Nothing is allocated per flight. */
#ifndef PLX_AGENT_IO_FLIGHTS_H
#define PLX_AGENT_IO_FLIGHTS_H

#include "agent/io/socket_set.h"
#include "base/result.h"

#include <stdbool.h>
#include <stdint.h>

#define PLX_FLIGHTS_NOBODY UINT32_MAX

/* Sockets whose ends wait for the tick, and those whose ends wake the loop. */
enum plx_flight_set { PLX_FLIGHTS_QUIET, PLX_FLIGHTS_WATCHED, PLX_FLIGHTS_SETS };

struct plx_talk; /* the prober's: what an attempt with a greeting has beside */

/* 40 bytes, and 16 of the prober's wheel. */
struct plx_flight {
    union {
        uint64_t cookie;
        struct plx_talk *talk; /* of an attempt with a greeting: has the cookie */
        uint32_t next_free;
    };
    int64_t started_ns;
    int fd;               /* or PLX_SOCKET_NONE, PLX_SOCKET_AWAY */
    struct plx_addr addr; /* of the socket's family */
    bool watched : 1;     /* the set its socket is in, if it has one */
    bool armed : 1;       /* connect() was called, and not undone */
    bool alone : 1;       /* bound to a source, or speaks: not for the pool */
    uint8_t kind : 2;     /* the prober's */
    uint16_t port;
};

struct plx_flights {
    struct plx_flight *all;
    uint32_t n, n_touched; /* what was never used takes no memory */
    bool reuse;            /* sockets are armed again */
    struct plx_socket_set *sets[PLX_FLIGHTS_SETS];
    uint32_t idle[PLX_FLIGHTS_SETS][2]; /* heads of free lists: with a socket of that set
                                           and family (4, 6) */
    uint32_t bare;                      /* without a socket */
};

/* `max` flights. Returns 0 or PLX_EIO; to be finished either way. */
int plx_flights_init(struct plx_flights *flights, enum plx_engine engine, uint32_t max,
                     struct plx_why *why);
/* Closes all sockets. */
void plx_flights_fini(struct plx_flights *flights);

/* A flight with a socket of that set and family if there is one, else one without;
 * `fresh`: one without. NOBODY: all are in use. */
uint32_t plx_flights_take(struct plx_flights *flights, bool watched, uint8_t family,
                          bool fresh);
/* Ends the connection and puts the flight back, with its socket if it can be kept. */
void plx_flights_give_back(struct plx_flights *flights, uint32_t i);

/* Opens a socket of `family` for a flight without one. Returns 0 or an errno value. */
int plx_flights_open(struct plx_flights *flights, uint32_t i, uint8_t family,
                     uint32_t events);
/* To be called before the descriptor is used; returns 0 or an errno value. */
int plx_flights_fetch(struct plx_flights *flights, uint32_t i);
/* And after: armed, its events are waited for. */
void plx_flights_settle(struct plx_flights *flights, uint32_t i);

#endif
