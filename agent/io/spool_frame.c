#include "agent/io/spool_frame.h"

#include "proto/wire.h"

#include <stdlib.h>
#include <string.h>

struct plx_spool_merger {
    struct plx_wire_decoder *decoder;
    size_t n;
    struct plx_result results[PLX_SPOOL_FRAME_ROWS];
};

int plx_spool_frame(const struct plx_spool_chunk *chunk, const struct plx_result *results,
                    bool backlog, struct plx_buf *frame)
{
    struct plx_msg msg = {.type = PLX_MSG_RESULTS};
    msg.results.stream_id = chunk->stream_id;
    msg.results.first_seq = chunk->first;
    if (chunk->gap) {
        msg.results.lost = chunk->last - chunk->first + 1;
        msg.results.lost_from = chunk->from;
        msg.results.lost_to = chunk->to;
    } else {
        msg.results.backlog = backlog;
        msg.results.results = results;
        msg.results.n = (size_t)(chunk->last - chunk->first + 1);
    }
    plx_buf_init(frame, PLX_WIRE_FRAME_MAX);
    return plx_wire_encode(&msg, frame);
}

struct plx_spool_merger *plx_spool_merger_new(void)
{
    struct plx_spool_merger *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    m->decoder = plx_wire_decoder_new();
    return m;
}

void plx_spool_merger_destroy(struct plx_spool_merger **merger)
{
    if (!*merger)
        return;
    plx_wire_decoder_destroy(&(*merger)->decoder);
    free(*merger);
    *merger = NULL;
}

bool plx_spool_merger_begin(struct plx_spool_merger *merger, const struct plx_buf *frame)
{
    merger->n = 0;
    return plx_spool_merger_add(merger, frame);
}

bool plx_spool_merger_add(struct plx_spool_merger *merger, const struct plx_buf *frame)
{
    struct plx_msg msg;
    if (plx_wire_decode(merger->decoder, frame->data, frame->len, &msg, NULL) ||
        msg.type != PLX_MSG_RESULTS || merger->n + msg.results.n > PLX_SPOOL_FRAME_ROWS)
        return false;
    memcpy(merger->results + merger->n, msg.results.results,
           msg.results.n * sizeof *merger->results);
    merger->n += msg.results.n;
    return true;
}

bool plx_spool_merger_is_full(const struct plx_spool_merger *merger)
{
    return merger->n == PLX_SPOOL_FRAME_ROWS;
}

const struct plx_result *plx_spool_merger_results(const struct plx_spool_merger *merger)
{
    return merger->results;
}
