/* Which stored results go next, and from where on after a lost one.
 *
 * Results stand in streams, numbered from 1 without holes; each stream has a mark up to
 * which the coordinator acknowledged it. The newest stream carries the fresh results and
 * has a window of its own; older streams (a backlog) share what is left of it, newest
 * first, so that fresh results never wait behind old ones. An acknowledgement that
 * brings nothing new while something is under way means that it was not accepted: all is
 * sent again from the mark. Gaps (results that had to be dropped) are numbered like
 * results; the spool keeps their ranges. Pure; one thread. */
#ifndef PLX_AGENT_CORE_SENDQ_H
#define PLX_AGENT_CORE_SENDQ_H

#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLX_SENDQ_STREAMS_MAX 64
/* Frames under way in one stream; the coordinator takes 16 of an agent at a time. */
#define PLX_SENDQ_FRAMES_MAX  10

struct plx_sendq_stream {
    uint64_t id;
    uint64_t acked;                        /* highest acknowledged */
    uint64_t sent;                         /* highest handed to the link; >= acked */
    uint64_t last;                         /* highest stored; >= sent */
    struct plx_mono moved;                 /* when `acked` or `sent` last began to move */
    uint64_t frames[PLX_SENDQ_FRAMES_MAX]; /* last numbers of those under way */
    size_t n_frames;
};

struct plx_sendq {
    struct plx_sendq_stream streams[PLX_SENDQ_STREAMS_MAX]; /* oldest first */
    size_t n;
    struct plx_mono rewound;
};

/* No acknowledgement for so long with something under way: send it again. */
#define PLX_SENDQ_PATIENCE_NS (15 * PLX_SEC_NS)

void plx_sendq_init(struct plx_sendq *q);

/* A stream begins, or is found on disk, and is the newest from now on. False: there are
 * PLX_SENDQ_STREAMS_MAX already. */
bool plx_sendq_open(struct plx_sendq *q, uint64_t stream_id, uint64_t acked,
                    uint64_t last);
/* Results up to `last` are durable. */
void plx_sendq_stored(struct plx_sendq *q, uint64_t stream_id, uint64_t last);

/* What to send next: a frame of stored results of `ret_stream_id` from `ret_seq` on. */
bool plx_sendq_next(const struct plx_sendq *q, uint64_t *ret_stream_id,
                    uint64_t *ret_seq);
/* A frame of results up to `through` was handed to the link. */
void plx_sendq_sent(struct plx_sendq *q, uint64_t stream_id, uint64_t through,
                    struct plx_mono now);
/* Returns true if the mark moved: what is up to it can be freed. A finished stream other
 * than the newest is forgotten. */
bool plx_sendq_ack(struct plx_sendq *q, uint64_t stream_id, uint64_t seq,
                   struct plx_mono now);
/* After a new session: everything not acknowledged is to be sent again. */
void plx_sendq_rewind(struct plx_sendq *q);
/* To be called now and then: sends again what has waited too long. Returns the number of
 * streams rewound. */
size_t plx_sendq_tick(struct plx_sendq *q, struct plx_mono now);

/* Up to where the stream is acknowledged; 0 for one unknown. */
uint64_t plx_sendq_mark(const struct plx_sendq *q, uint64_t stream_id);
/* All streams are gone. */
void plx_sendq_clear(struct plx_sendq *q);

/* Whether the backlog of the newest stream is such that fresh results should begin a new
 * one: far behind, or, after `away_ns` without a link, anything worth naming. */
bool plx_sendq_wants_new_stream(const struct plx_sendq *q, int64_t away_ns);

#endif
