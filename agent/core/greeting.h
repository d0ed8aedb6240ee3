/* The run of one greeting: a step machine that is fed what the socket says.
 *
 * One event in, one action out; no I/O, no clock, no allocation after the beginning other
 * than the one buffer. Each expectation is judged on what came after the end of the one
 * before it, and as soon as what came can no longer meet it; a prefix or an anchored
 * pattern does not wait for the limit. Pure; one thread. */
#ifndef PLX_AGENT_CORE_GREETING_H
#define PLX_AGENT_CORE_GREETING_H

#include "base/greeting.h"
#include "base/result.h"
#include "base/time.h"
#include "base/why.h"

#include <stddef.h>
#include <stdint.h>

struct plx_greeter;

/* Copies. Returns 0, or PLX_EINVAL (see plx_greeting_check). */
int plx_greeter_new(const struct plx_greeting *greeting, struct plx_greeter **ret,
                    struct plx_why *why);
void plx_greeter_destroy(struct plx_greeter **greeter);

enum plx_greeter_event_type {
    PLX_GREETER_CONNECTED, /* first, once: `now`, `until` */
    PLX_GREETER_SENT,      /* `len` of the bytes asked for are on their way */
    PLX_GREETER_RECEIVED,  /* `bytes`, `len` */
    PLX_GREETER_CLOSED,    /* the server has closed its side */
    PLX_GREETER_TIME,      /* the action's `until` is there */
};

struct plx_greeter_event {
    enum plx_greeter_event_type type;
    struct plx_mono now;
    struct plx_mono until; /* CONNECTED: when the probe times out */
    const void *bytes;     /* borrowed */
    size_t len;
};

enum plx_greeter_action_type {
    PLX_GREETER_SEND, /* `bytes`, `len`; then tell with SENT how much went */
    PLX_GREETER_WAIT, /* for bytes, or until `until` */
    PLX_GREETER_END, /* `outcome`, `detail`; after OPEN say `bytes`, `len` as a goodbye */
};

struct plx_greeter_action {
    enum plx_greeter_action_type type;
    const void *bytes; /* lent until the greeter ends */
    size_t len;
    struct plx_mono until;
    enum plx_outcome outcome; /* OPEN, MISMATCH, TIMEOUT, LOCAL_ERROR */
    enum plx_detail detail;
};

/* After END every further event gives the same END. */
void plx_greeter_step(struct plx_greeter *greeter, const struct plx_greeter_event *event,
                      struct plx_greeter_action *ret);

/* What the server said last, escaped; "" for nothing. */
void plx_greeter_excerpt(const struct plx_greeter *greeter,
                         char excerpt[PLX_RESULT_EXCERPT_MAX]);

#endif
