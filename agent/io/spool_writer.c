#include "agent/io/spool_writer.h"

#include "agent/io/spool_damage.h"
#include "agent/io/spool_frame.h"
#include "agent/io/spool_memory.h"
#include "base/err.h"
#include "base/text.h"
#include "proto/wire.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

#define STREAMS_MAX     64
#define LOAD_FRAMES     8   /* per request */
#define LOAD_CHUNKS     256 /* per frame */
#define DROPS_PER_TURN  2000
#define FORGET_AFTER_NS (7 * PLX_DAY_NS)
#define CHUNK_BYTES     64 /* what a chunk costs beside its frame */

struct plx_spool_writer {
    char *path;
    struct plx_spool_limits limits;
    struct plx_spool_totals totals; /* of the file */
    struct plx_spool_db *db;        /* NULL: the disk takes no file */
    struct plx_spool_stream stream; /* the newest on disk; id 0: to be made */
    struct plx_spool_memory memory; /* has a stream while the disk takes nothing */
    struct plx_spool_merger *merger;
    uint64_t lost;
    bool moved_aside;
};

static uint64_t random_id(void)
{
    uint64_t id = 0;
    while (id == 0) {
        if (getrandom(&id, sizeof id, 0) != sizeof id)
            abort();
        id >>= 1; /* fits SQLite's signed integers */
    }
    return id;
}

/* Names the streams found on disk. What comes next begins a new one in any case: the file
 * may be an older copy (a machine restored from a snapshot), and a number that was used
 * since would be taken for a repeat, its result lost without a trace. */
static int find_streams(struct plx_spool_writer *w, struct plx_spool_events *events)
{
    struct plx_spool_stream list[STREAMS_MAX];
    size_t n = 0;
    int err = plx_spool_db_streams(w->db, list, STREAMS_MAX, &n);
    if (!err)
        err = plx_spool_db_totals(w->db, &w->totals);
    if (err)
        return err;
    for (size_t i = 0; i < n; i++) {
        plx_spool_events_tell(events, PLX_SPOOL_STREAM, list[i].id);
        events->tail->acked = list[i].acked;
        events->tail->last = list[i].last;
    }
    /* With almost as many streams as there may be, the newest goes on. */
    if (n >= STREAMS_MAX - 4)
        w->stream = list[n - 1];
    return 0;
}

static void move_aside(struct plx_spool_writer *w)
{
    int64_t stamp = plx_spool_damage_keep(w->path);
    w->moved_aside = true;
    w->stream = (struct plx_spool_stream){0};
    w->totals = (struct plx_spool_totals){0};
    plx_logf(PLX_LOG_ERROR, "spool_damaged", "why",
             "%s was damaged and is kept as %s.damaged-%" PRId64
             ": results not yet delivered are missing",
             w->path, w->path, stamp);
}

static int open_file(struct plx_spool_writer *w, struct plx_spool_events *events,
                     struct plx_why *why)
{
    for (int attempt = 0;; attempt++) {
        struct plx_why reason = {""};
        int err = plx_spool_db_open(w->path, &w->db, &reason);
        if (!err)
            err = find_streams(w, events);
        if (err != PLX_ECORRUPT || attempt > 0) {
            if (err)
                plx_why_set(why, err, "%s", reason.text);
            return err;
        }
        plx_spool_db_close(&w->db);
        plx_spool_events_free(events);
        move_aside(w);
        plx_spool_events_tell(events, PLX_SPOOL_RESET, 0);
    }
}

/* The stream in memory, told again after a reset. */
static void tell_memory(const struct plx_spool_writer *w, struct plx_spool_events *events)
{
    if (!w->memory.stream.id)
        return;
    plx_spool_events_tell(events, PLX_SPOOL_STREAM, w->memory.stream.id);
    events->tail->acked = w->memory.stream.acked;
    events->tail->last = w->memory.stream.last;
}

/* Whether the disk may take a file later. A foreign file, a newer version's, one in use:
 * somebody has to look at those. */
static bool passes(int err)
{
    return err == PLX_ENOSPACE || err == PLX_EIO || err == PLX_ECORRUPT;
}

int plx_spool_writer_open(const char *path, const struct plx_spool_limits *limits,
                          struct plx_spool_events *events, struct plx_spool_writer **ret,
                          struct plx_why *why)
{
    struct plx_spool_writer *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    w->path = plx_text_dup(path);
    w->limits = *limits;
    w->merger = plx_spool_merger_new();
    int err = open_file(w, events, why);
    if (err)
        plx_spool_db_close(&w->db);
    if (err && !passes(err)) {
        plx_spool_events_free(events);
        plx_spool_writer_close(&w);
        return err;
    }
    if (err)
        plx_log(PLX_LOG_ERROR, "spool_not_opened", "why",
                why && why->text[0] ? why->text : plx_err_text(err), "instead",
                "results are kept in memory until the disk takes them", NULL);
    *ret = w;
    return 0;
}

int plx_spool_writer_reopen(struct plx_spool_writer *writer,
                            struct plx_spool_events *events)
{
    struct plx_why why = {""};
    struct plx_spool_events found = {NULL, NULL};
    if (writer->db)
        return 0;
    int err = open_file(writer, &found, &why);
    if (err) {
        plx_spool_db_close(&writer->db);
        plx_spool_events_free(&found);
        return err;
    }
    /* The newest stream is told last: streams are named anew, in their order. */
    plx_spool_events_tell(events, PLX_SPOOL_RESET, 0);
    events->tail->next = found.head;
    if (found.tail)
        events->tail = found.tail;
    tell_memory(writer, events);
    return 0;
}

void plx_spool_writer_close(struct plx_spool_writer **writer)
{
    struct plx_spool_writer *w = *writer;
    if (!w)
        return;
    plx_spool_db_close(&w->db);
    if (w->memory.totals.rows)
        plx_logf(PLX_LOG_ERROR, "results_lost", "why",
                 "%" PRIu64 " results were in memory only, and the disk took none",
                 w->memory.totals.rows);
    plx_spool_memory_clear(&w->memory);
    plx_spool_merger_destroy(&w->merger);
    free(w->path);
    free(w);
    *writer = NULL;
}

/* The stream that what comes is added to. */
static struct plx_spool_stream *newest(struct plx_spool_writer *w)
{
    return w->memory.stream.id ? &w->memory.stream : &w->stream;
}

/* ---- loading ---- */

/* The chunk that holds a number, or the first behind it, from wherever its stream is. */
static int find_chunk(struct plx_spool_writer *w, struct plx_spool_mark at,
                      struct plx_spool_chunk *ret, struct plx_buf *frame)
{
    const struct plx_spool_kept *kept;
    if (at.stream_id != w->memory.stream.id)
        return w->db ? plx_spool_db_load(w->db, at.stream_id, at.seq, ret, frame)
                     : PLX_ENOTFOUND;
    kept = plx_spool_memory_find(&w->memory, at.seq);
    if (!kept)
        return PLX_ENOTFOUND;
    *ret = kept->chunk;
    plx_buf_add(frame, kept->frame, kept->len);
    return 0;
}

/* Takes in the chunks that follow `chunk` while they fit into one frame with it. An agent
 * that probes once a second stores frames of one result: sent as they are, a week of them
 * would be 600,000 messages. */
static void merge_followers(struct plx_spool_writer *w, struct plx_spool_chunk *chunk,
                            struct plx_buf *frame)
{
    if (chunk->gap || !plx_spool_merger_begin(w->merger, frame))
        return;
    const uint64_t last = chunk->last;
    for (int i = 0; i < LOAD_CHUNKS && !plx_spool_merger_is_full(w->merger); i++) {
        struct plx_spool_chunk next;
        struct plx_buf more;
        plx_buf_init(&more, PLX_WIRE_FRAME_MAX);
        const struct plx_spool_mark at = {chunk->stream_id, chunk->last + 1};
        bool fits = find_chunk(w, at, &next, &more) == 0 && !next.gap &&
                    next.first == chunk->last + 1 &&
                    plx_spool_merger_add(w->merger, &more);
        plx_buf_fini(&more);
        if (!fits)
            break;
        chunk->last = next.last;
    }
    struct plx_buf whole;
    bool backlog = chunk->stream_id != newest(w)->id;
    if (chunk->last == last && !backlog)
        return;
    if (plx_spool_frame(chunk, plx_spool_merger_results(w->merger), backlog, &whole) ==
        0) {
        plx_buf_fini(frame);
        *frame = whole;
    } else {
        plx_buf_fini(&whole);
        chunk->last = last;
    }
}

/* One frame that begins at `from`, or behind it where there is nothing. */
static int load_one(struct plx_spool_writer *w, struct plx_spool_mark from,
                    struct plx_spool_chunk *chunk, struct plx_buf *frame)
{
    plx_buf_init(frame, PLX_WIRE_FRAME_MAX);
    int err = find_chunk(w, from, chunk, frame);
    if (!err && chunk->gap && chunk->first < from.seq) {
        /* Its beginning was acknowledged as results before it became a gap. */
        plx_buf_fini(frame);
        chunk->first = from.seq;
        err = plx_spool_frame(chunk, NULL, false, frame);
    }
    if (err)
        plx_buf_fini(frame);
    else
        merge_followers(w, chunk, frame);
    return err;
}

void plx_spool_writer_load(struct plx_spool_writer *writer, struct plx_spool_mark from,
                           struct plx_spool_events *events)
{
    struct plx_spool_mark at = from;
    for (int i = 0; i < LOAD_FRAMES; i++) {
        struct plx_spool_chunk chunk;
        struct plx_buf frame;
        size_t len;
        if (load_one(writer, at, &chunk, &frame))
            break;
        at.seq = chunk.first;
        char *bytes = plx_buf_give(&frame, &len);
        plx_spool_events_add(events, PLX_SPOOL_LOADED, at, chunk.last, bytes, len);
        at.seq = chunk.last + 1;
    }
    plx_spool_events_add(events, PLX_SPOOL_LOADED, from, 0, NULL, 0);
}

/* ---- storing ---- */

void plx_spool_writer_begin_stream(struct plx_spool_writer *writer)
{
    writer->stream = (struct plx_spool_stream){0};
}

static int ensure_stream(struct plx_spool_writer *w, struct plx_spool_events *events)
{
    if (newest(w)->id)
        return 0;
    struct plx_spool_stream stream = {.id = random_id()};
    int err = plx_spool_db_new_stream(w->db, &stream, plx_clock_wall());
    if (err)
        return err;
    w->stream = stream;
    plx_spool_events_tell(events, PLX_SPOOL_STREAM, stream.id);
    return 0;
}

static int store(struct plx_spool_writer *w, const struct plx_spool_chunk *chunk,
                 const struct plx_buf *frame)
{
    if (chunk->stream_id != w->memory.stream.id)
        return plx_spool_db_append(w->db, chunk, frame->data, frame->len);
    plx_spool_memory_append(&w->memory, chunk, frame->data, frame->len);
    return 0;
}

/* Appends one chunk, results or a gap. With `events`, it is new and told. */
static int append(struct plx_spool_writer *w, const struct plx_spool_chunk *chunk,
                  const struct plx_result *results, struct plx_spool_events *events)
{
    struct plx_buf frame;
    int err = plx_spool_frame(chunk, results, false, &frame);
    if (!err)
        err = store(w, chunk, &frame);
    if (err || !events) {
        plx_buf_fini(&frame);
        return err;
    }
    size_t len;
    char *bytes = plx_buf_give(&frame, &len);
    const struct plx_spool_mark first = {chunk->stream_id, chunk->first};
    plx_spool_events_add(events, PLX_SPOOL_STORED, first, chunk->last, bytes, len);
    newest(w)->last = chunk->last;
    if (!chunk->gap && !w->memory.stream.id) {
        w->totals.rows += chunk->last - chunk->first + 1;
        w->totals.bytes += len + CHUNK_BYTES;
    }
    return 0;
}

static void set_time_span(struct plx_spool_chunk *chunk, const struct plx_result *results,
                          size_t n)
{
    chunk->from = chunk->to = results[0].scheduled;
    for (size_t i = 1; i < n; i++) {
        if (results[i].scheduled.ns < chunk->from.ns)
            chunk->from = results[i].scheduled;
        if (results[i].scheduled.ns > chunk->to.ns)
            chunk->to = results[i].scheduled;
    }
}

static struct plx_spool_chunk next_chunk(struct plx_spool_writer *w, uint64_t n)
{
    const struct plx_spool_stream *stream = newest(w);
    return (struct plx_spool_chunk){.place = stream->place,
                                    .stream_id = stream->id,
                                    .first = stream->last + 1,
                                    .last = stream->last + n};
}

static int append_group(struct plx_spool_writer *w, const struct plx_spool_group *group,
                        struct plx_spool_events *events)
{
    int err = group->n || group->drops.n ? ensure_stream(w, events) : 0;
    for (size_t i = 0; !err && i < group->n; i += PLX_SPOOL_FRAME_ROWS) {
        size_t n =
            group->n - i < PLX_SPOOL_FRAME_ROWS ? group->n - i : PLX_SPOOL_FRAME_ROWS;
        struct plx_spool_chunk chunk = next_chunk(w, n);
        set_time_span(&chunk, &group->results[i], n);
        err = append(w, &chunk, &group->results[i], events);
    }
    if (!err && group->drops.n) {
        struct plx_spool_chunk gap = next_chunk(w, group->drops.n);
        gap.gap = true;
        gap.from = group->drops.from;
        gap.to = group->drops.to;
        err = append(w, &gap, NULL, events);
    }
    return err;
}

bool plx_spool_writer_is_over(const struct plx_spool_writer *writer)
{
    int64_t too_old = plx_clock_wall().ns - writer->limits.max_age_ns;
    return writer->totals.bytes > writer->limits.max_bytes ||
           (writer->totals.rows > 0 && writer->totals.oldest.ns < too_old);
}

/* Turns the oldest results into gaps while the spool is over its bounds. */
static int enforce_bounds(struct plx_spool_writer *w, uint64_t *ret_dropped)
{
    for (int i = 0; i < DROPS_PER_TURN && plx_spool_writer_is_over(w); i++) {
        struct plx_spool_chunk gap;
        uint64_t dropped;
        int err = plx_spool_db_drop_oldest(w->db, &gap, &dropped, &w->totals);
        if (err)
            return err == PLX_ENOTFOUND ? 0 : err;
        err = append(w, &gap, NULL, NULL);
        if (!err)
            err = plx_spool_db_oldest(w->db, &w->totals.oldest);
        if (err)
            return err;
        *ret_dropped += dropped;
    }
    return 0;
}

/* Moves the stream in memory, as far as it is not acknowledged, to the disk, where it
 * goes on. That is also a proof that the disk takes something. */
static int adopt_memory(struct plx_spool_writer *w)
{
    const struct plx_spool_memory *m = &w->memory;
    if (!m->stream.id)
        return 0;
    struct plx_spool_stream stream = m->stream;
    int err = plx_spool_db_new_stream(w->db, &stream, plx_clock_wall());
    for (size_t i = m->head; !err && i < m->n; i++) {
        struct plx_spool_chunk chunk = m->list[i].chunk;
        chunk.place = stream.place;
        err = plx_spool_db_append(w->db, &chunk, m->list[i].frame, m->list[i].len);
        if (!chunk.gap) {
            w->totals.rows += chunk.last - chunk.first + 1;
            w->totals.bytes += m->list[i].len + CHUNK_BYTES;
        }
    }
    w->stream = stream;
    w->memory = (struct plx_spool_memory){.n = 0};
    return err;
}

static int write_group(struct plx_spool_writer *w, const struct plx_spool_group *group,
                       struct plx_spool_events *events, uint64_t *ret_dropped)
{
    int err = plx_spool_db_begin(w->db);
    for (size_t i = 0; !err && i < group->n_acks; i++)
        err = plx_spool_db_ack(w->db, group->acks[i].stream_id, group->acks[i].seq,
                               &w->totals);
    if (!err)
        err = adopt_memory(w);
    if (!err)
        err = append_group(w, group, events);
    if (!err)
        err = plx_spool_db_oldest(w->db, &w->totals.oldest);
    if (!err)
        err = enforce_bounds(w, ret_dropped);
    if (!err && group->n_acks)
        err =
            plx_spool_db_forget(w->db, plx_wall_add(plx_clock_wall(), -FORGET_AFTER_NS));
    return err ? err : plx_spool_db_commit(w->db);
}

/* The file was damaged while we had it. If there is no making a new one, memory it is. */
static void start_over(struct plx_spool_writer *w, struct plx_spool_events *events)
{
    struct plx_why why = {""};
    plx_spool_db_close(&w->db);
    move_aside(w);
    if (plx_spool_db_open(w->path, &w->db, &why))
        plx_log(PLX_LOG_ERROR, "spool_not_opened", "why", why.text, "instead",
                "results are kept in memory until the disk takes them", NULL);
    plx_spool_events_tell(events, PLX_SPOOL_RESET, 0);
    tell_memory(w, events);
}

/* Acknowledgements of the stream in memory need no disk. */
static void ack_memory(struct plx_spool_writer *w, const struct plx_spool_group *group)
{
    for (size_t i = 0; i < group->n_acks; i++)
        if (w->memory.stream.id && group->acks[i].stream_id == w->memory.stream.id)
            plx_spool_memory_ack(&w->memory, group->acks[i].seq);
}

int plx_spool_writer_commit(struct plx_spool_writer *writer,
                            const struct plx_spool_group *group,
                            struct plx_spool_events *events)
{
    const struct plx_spool_stream stream = writer->stream;
    const struct plx_spool_totals totals = writer->totals;
    uint64_t dropped = 0;
    ack_memory(writer, group);
    struct plx_spool_memory memory = writer->memory;
    int err = write_group(writer, group, events, &dropped);
    if (!err) {
        writer->lost += dropped;
        plx_spool_memory_clear(&memory);
        return 0;
    }
    plx_spool_db_rollback(writer->db);
    plx_spool_events_free(events);
    writer->stream = stream;
    writer->totals = totals;
    writer->memory = memory;
    if (err == PLX_ECORRUPT)
        start_over(writer, events);
    return err;
}

/* The oldest in memory become a gap of their own stream. */
static void bound_memory(struct plx_spool_writer *w)
{
    struct plx_spool_chunk gap;
    uint64_t dropped;
    while (w->memory.totals.rows > w->limits.max_waiting &&
           plx_spool_memory_drop_oldest(&w->memory, &gap, &dropped)) {
        struct plx_buf frame;
        if (plx_spool_frame(&gap, NULL, false, &frame))
            abort(); /* a gap always fits */
        plx_spool_memory_put_first(&w->memory, &gap, frame.data, frame.len);
        plx_buf_fini(&frame);
        w->lost += dropped;
    }
}

void plx_spool_writer_keep(struct plx_spool_writer *writer,
                           const struct plx_spool_group *group,
                           struct plx_spool_events *events)
{
    ack_memory(writer, group);
    if (!writer->memory.stream.id) {
        writer->memory.stream.id = random_id();
        tell_memory(writer, events);
    }
    if (append_group(writer, group, events))
        plx_log(PLX_LOG_ERROR, "results_lost", "why", "they cannot be encoded", NULL);
    bound_memory(writer);
}

bool plx_spool_writer_is_keeping(const struct plx_spool_writer *writer)
{
    return writer->memory.stream.id != 0;
}

struct plx_spool_totals plx_spool_writer_totals(const struct plx_spool_writer *writer)
{
    struct plx_spool_totals all = writer->totals;
    const struct plx_spool_totals *more = &writer->memory.totals;
    all.rows += more->rows;
    all.bytes += more->bytes;
    if (more->oldest.ns && (!all.oldest.ns || more->oldest.ns < all.oldest.ns))
        all.oldest = more->oldest;
    return all;
}

uint64_t plx_spool_writer_lost(const struct plx_spool_writer *writer)
{
    return writer->lost;
}

bool plx_spool_writer_moved_aside(const struct plx_spool_writer *writer)
{
    return writer->moved_aside;
}

const char *plx_spool_writer_path(const struct plx_spool_writer *writer)
{
    return writer->path;
}
