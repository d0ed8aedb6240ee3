/* A set of probe sockets whose ends are told: where a prober keeps its sockets.
 *
 * A member has an index (small numbers below the set's `max`) and one socket. What is
 * called on a socket takes an ordinary descriptor; who has called what it wanted settles
 * the socket, which is when a set may put the descriptor away. Two engines are behind
 * this as tables of functions:
 *   epoll      keeps every descriptor open; edge-triggered;
 *   io_uring   keeps sockets as direct descriptors, so that `nofile` does not bound their
 *              number, and gives an ordinary descriptor for as long as it is called on.
 * One thread: the one that adds the first socket. */
#ifndef PLX_AGENT_IO_SOCKET_SET_H
#define PLX_AGENT_IO_SOCKET_SET_H

#include "base/why.h"

#include <stdbool.h>
#include <stdint.h>

enum plx_engine {
    PLX_ENGINE_EPOLL,
    PLX_ENGINE_IO_URING,
    PLX_ENGINE_AUTO, /* io_uring where the kernel lets us, else epoll */
};

/* What a member has in place of a descriptor. */
enum { PLX_SOCKET_NONE = -1, PLX_SOCKET_AWAY = -2 };

struct plx_socket_event {
    uint32_t member;
    uint32_t events; /* EPOLLIN, … */
};

struct plx_socket_set {
    const struct plx_socket_engine *engine;
};

struct plx_socket_engine {
    const char *token;
    /* Returns 0 or PLX_EIO with a sentence. */
    int (*open)(uint32_t max, struct plx_socket_set **ret, struct plx_why *why);
    /* The sockets that are away are closed; the descriptors are the caller's to close. */
    void (*close)(struct plx_socket_set **set);
    /* Readable when there are events; -1: they have to be looked for. */
    int (*fd)(const struct plx_socket_set *set);
    /* The functions below return 0 or an errno value. `fd` is the member's. */
    /* A new socket, of which `events` are to be told. */
    int (*add)(struct plx_socket_set *set, uint32_t member, int fd, uint32_t events);
    /* Gives `fd` back where it is away. */
    int (*fetch)(struct plx_socket_set *set, uint32_t member, int *fd);
    /* Nothing more is called on it for now. `armed`: its next event is waited for. What
     * came before may still be told: the caller knows by its own state. */
    void (*settle)(struct plx_socket_set *set, uint32_t member, int *fd, bool armed);
    /* Closes the socket for good; `fd` may be away. */
    void (*drop)(struct plx_socket_set *set, uint32_t member, int *fd);
    /* Takes at most `max` events; fewer than that: these were all. */
    int (*take)(struct plx_socket_set *set, struct plx_socket_event *events, int max);
};

extern const struct plx_socket_engine plx_socket_epoll;
extern const struct plx_socket_engine plx_socket_uring;

/* "epoll", "io_uring" or "auto"; PLX_EINVAL. */
int plx_engine_parse(const char *text, enum plx_engine *ret);

/* Makes AUTO one of the others: epoll if io_uring cannot be used here, for which `why`
 * has the reason (and is "" else). */
void plx_engine_choose(enum plx_engine *engine, struct plx_why *why);

/* Makes a set; `engine` is not AUTO. Where the kernel refuses it: PLX_EIO with a
 * sentence.
 */
int plx_socket_set_new(enum plx_engine engine, uint32_t max, struct plx_socket_set **ret,
                       struct plx_why *why);
void plx_socket_set_destroy(struct plx_socket_set **set);

#endif
