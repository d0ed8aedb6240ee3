/* Results on disk until the coordinator has them.
 *
 * A thread of its own owns the file: it gathers what comes within about 50 ms, numbers it
 * (stream id, contiguous numbers from 1), encodes it as frames ready to be sent, and
 * commits them with one fsync; only then does anybody hear of them. What has to be
 * dropped (over the bounds in bytes or age) becomes a gap: a frame of its own that says
 * how many results of which time are missing.
 *
 * A disk that takes nothing for 3 s (full, read-only, broken, or no file can be made)
 * stops no delivery: a new stream is kept in memory, bounded, told and loaded like any
 * other. Once the disk takes it, what is left of it goes there.
 *
 * All functions are for the loop thread, but for _put, which any thread may call; none
 * waits, but for _open and _close. */
#ifndef PLX_AGENT_IO_SPOOL_H
#define PLX_AGENT_IO_SPOOL_H

#include "base/result.h"
#include "base/time.h"
#include "base/why.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plx_spool_limits {
    uint64_t max_bytes;
    int64_t max_age_ns;
    size_t max_waiting; /* results waiting for the disk; and again in memory only */
};
#define PLX_SPOOL_MAX_BYTES   (UINT64_C(1) << 30)
#define PLX_SPOOL_MAX_AGE_NS  (7 * PLX_DAY_NS)
#define PLX_SPOOL_MAX_WAITING 32768

enum plx_spool_event_type {
    PLX_SPOOL_STREAM, /* a stream begins, or was found on disk; the newest from now on */
    PLX_SPOOL_STORED, /* first … last are durable; `frame` is theirs, or NULL if it has to
                         be loaded */
    PLX_SPOOL_LOADED, /* the answer to plx_spool_load; `frame` NULL: there is no such */
    PLX_SPOOL_RESET,  /* the file was damaged and moved aside: all streams are gone */
};

struct plx_spool_event {
    enum plx_spool_event_type type;
    uint64_t stream_id;
    uint64_t first, last;
    uint64_t acked; /* STREAM only */
    char *frame;    /* on the heap, the taker frees it */
    size_t len;
    struct plx_spool_event *next;
};

enum plx_spool_state {
    PLX_SPOOL_OK,
    PLX_SPOOL_FULL,   /* no space on the disk, tried again */
    PLX_SPOOL_FAILED, /* another disk error, tried again */
};

struct plx_spool_stats {
    enum plx_spool_state state;
    bool in_memory;   /* results go through memory only, meanwhile */
    bool moved_aside; /* a damaged file was found since start */
    uint64_t rows;    /* on disk, waiting in memory included */
    uint64_t bytes;
    struct plx_wall oldest; /* 0: none */
    uint64_t lost;          /* results dropped since start */
};

struct plx_spool;

/* Opens DIR/spool.db, moving a damaged one aside, and starts the thread. Copies. Fails on
 * what somebody has to look at: another program's file, a newer version's, one in use. */
int plx_spool_open(const char *dir, const struct plx_spool_limits *limits,
                   struct plx_spool **ret, struct plx_why *why);
/* Commits what waits and ends the thread. */
void plx_spool_close(struct plx_spool **spool);

/* Readable when there are events. */
int plx_spool_fd(const struct plx_spool *spool);
/* Gives the events so far, oldest first; NULL: none. Each is freed with
 * plx_spool_event_free. */
struct plx_spool_event *plx_spool_take(struct plx_spool *spool);
void plx_spool_event_free(struct plx_spool_event *event);

/* Stores a result. Copies; what finds no room is lost and becomes a gap. */
void plx_spool_put(struct plx_spool *spool, const struct plx_result *result);
/* Everything of the stream up to `seq` may be deleted. */
void plx_spool_ack(struct plx_spool *spool, uint64_t stream_id, uint64_t seq);
/* Asks for the frames from `seq` on, of one stream, some at a time: one or more LOADED
 * events come, the last of a request with `last` = 0 and no frame. One request at a
 * time; false: one is under way. */
bool plx_spool_load(struct plx_spool *spool, uint64_t stream_id, uint64_t seq);
/* Whatever is stored next begins a new stream. */
void plx_spool_begin_stream(struct plx_spool *spool);

void plx_spool_stats(struct plx_spool *spool, struct plx_spool_stats *ret);

#endif
