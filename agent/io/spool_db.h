/* The spool's file: streams of results as the very frames that will be sent.
 *
 * A chunk is a range of one stream's numbers: a frame of results, or a gap that stands
 * for results that had to be dropped. Chunks are keyed by (stream's place, last number),
 * so that new ones are always appended at the end of the tree. One connection, one thread
 * at a time. Functions return 0 or: PLX_ENOSPACE (disk full), PLX_ECORRUPT, PLX_EVERSION,
 * PLX_EIO. */
#ifndef PLX_AGENT_IO_SPOOL_DB_H
#define PLX_AGENT_IO_SPOOL_DB_H

#include "base/buf.h"
#include "base/time.h"
#include "base/why.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plx_spool_db;

struct plx_spool_stream {
    int64_t place; /* order of birth */
    uint64_t id;
    uint64_t last;  /* highest number given */
    uint64_t acked; /* highest acknowledged */
};

struct plx_spool_chunk {
    int64_t place;
    uint64_t stream_id;
    uint64_t first, last;
    bool gap;
    struct plx_wall from, to; /* of the results' scheduled times */
};

struct plx_spool_totals {
    uint64_t rows;          /* results stored, gaps not counted */
    uint64_t bytes;         /* of their frames, with what a row costs */
    struct plx_wall oldest; /* 0: none */
};

/* Opens or makes the file. PLX_EBUSY: another process has it. */
int plx_spool_db_open(const char *path, struct plx_spool_db **ret, struct plx_why *why);
void plx_spool_db_close(struct plx_spool_db **db);

int plx_spool_db_begin(struct plx_spool_db *db);
int plx_spool_db_commit(struct plx_spool_db *db);
void plx_spool_db_rollback(struct plx_spool_db *db);

/* The streams, oldest first, at most `max`, those with chunks and the newest. */
int plx_spool_db_streams(struct plx_spool_db *db, struct plx_spool_stream *streams,
                         size_t max, size_t *ret_n);
int plx_spool_db_totals(struct plx_spool_db *db, struct plx_spool_totals *ret);

/* Makes a stream with the id and marks of `stream`; sets its place. */
int plx_spool_db_new_stream(struct plx_spool_db *db, struct plx_spool_stream *stream,
                            struct plx_wall now);
/* Appends and moves the stream's `last`. Borrows the frame. */
int plx_spool_db_append(struct plx_spool_db *db, const struct plx_spool_chunk *chunk,
                        const void *frame, size_t len);
/* Deletes what is acknowledged and keeps the mark; subtracts it from `totals`. */
int plx_spool_db_ack(struct plx_spool_db *db, uint64_t stream_id, uint64_t seq,
                     struct plx_spool_totals *totals);
/* The chunk that holds `seq`, or the first behind it, and its frame into `frame`.
 * PLX_ENOTFOUND: none. */
int plx_spool_db_load(struct plx_spool_db *db, uint64_t stream_id, uint64_t seq,
                      struct plx_spool_chunk *ret, struct plx_buf *frame);
/* Takes the oldest chunk of results out, and the gap in front of it, if there is one, and
 * says what gap is to be appended in their place. PLX_ENOTFOUND: there is none. */
int plx_spool_db_drop_oldest(struct plx_spool_db *db, struct plx_spool_chunk *ret_gap,
                             uint64_t *ret_dropped, struct plx_spool_totals *totals);
/* When the oldest results are of; ns 0: there are none. */
int plx_spool_db_oldest(struct plx_spool_db *db, struct plx_wall *ret);
/* Forgets finished streams born before `before`. */
int plx_spool_db_forget(struct plx_spool_db *db, struct plx_wall before);

#endif
