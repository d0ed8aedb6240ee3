/* Frames of the spool: a chunk as it is stored and sent, and small ones made one. */
#ifndef PLX_AGENT_IO_SPOOL_FRAME_H
#define PLX_AGENT_IO_SPOOL_FRAME_H

#include "agent/io/spool_db.h"
#include "base/buf.h"
#include "base/result.h"

/* At 24 bytes a result a full frame stays far below the frame limit. */
#define PLX_SPOOL_FRAME_ROWS 1000

/* Encodes a chunk: its results, or, of a gap, none. `backlog`: of a stream that has
 * ended. Initialises `frame` in any case. */
int plx_spool_frame(const struct plx_spool_chunk *chunk, const struct plx_result *results,
                    bool backlog, struct plx_buf *frame);

/* The results of several frames in a row, at most PLX_SPOOL_FRAME_ROWS. */
struct plx_spool_merger;
struct plx_spool_merger *plx_spool_merger_new(void);
void plx_spool_merger_destroy(struct plx_spool_merger **merger);
/* Begins anew with a frame. False: it is none of results. */
bool plx_spool_merger_begin(struct plx_spool_merger *merger, const struct plx_buf *frame);
/* Adds those of the next frame. False: they do not fit, or it is none of results. */
bool plx_spool_merger_add(struct plx_spool_merger *merger, const struct plx_buf *frame);
bool plx_spool_merger_is_full(const struct plx_spool_merger *merger);
/* All of them, lent until the next call. */
const struct plx_result *plx_spool_merger_results(const struct plx_spool_merger *merger);

#endif
