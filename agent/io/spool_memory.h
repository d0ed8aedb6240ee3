/* One stream of results in memory, for the time when the spool's file takes nothing.
 *
 * Holds what io/spool_db holds on disk: chunks as the frames that will be sent, in the
 * order of their numbers, without holes from the first one that is not acknowledged. What
 * is in it does not outlive the process. One thread at a time. */
#ifndef PLX_AGENT_IO_SPOOL_MEMORY_H
#define PLX_AGENT_IO_SPOOL_MEMORY_H

#include "agent/io/spool_db.h"

struct plx_spool_kept {
    struct plx_spool_chunk chunk;
    char *frame;
    size_t len;
};

struct plx_spool_memory {
    struct plx_spool_stream stream; /* id 0: none; its place means nothing */
    struct plx_spool_kept *list;    /* those from `head` on are there */
    size_t head, n, cap;            /* `n`: the end, not the count */
    struct plx_spool_totals totals; /* `oldest` of the first chunk, a gap or not */
};

/* Ends the stream and frees what is left of it. A zeroed one is empty. */
void plx_spool_memory_clear(struct plx_spool_memory *memory);
/* Adds a chunk that begins behind the last one. Copies the frame. */
void plx_spool_memory_append(struct plx_spool_memory *memory,
                             const struct plx_spool_chunk *chunk, const char *frame,
                             size_t len);
/* Frees what is acknowledged. */
void plx_spool_memory_ack(struct plx_spool_memory *memory, uint64_t seq);
/* The chunk that holds `seq`, or the first behind it. Lent until the next change; NULL:
 * none. */
const struct plx_spool_kept *plx_spool_memory_find(const struct plx_spool_memory *memory,
                                                   uint64_t seq);
/* Takes out the oldest chunk of results with the gap in front of it, and says what gap is
 * to stand in their place: plx_spool_memory_put_first. False: there are no results. */
bool plx_spool_memory_drop_oldest(struct plx_spool_memory *memory,
                                  struct plx_spool_chunk *ret_gap, uint64_t *ret_dropped);
void plx_spool_memory_put_first(struct plx_spool_memory *memory,
                                const struct plx_spool_chunk *gap, const char *frame,
                                size_t len);

#endif
