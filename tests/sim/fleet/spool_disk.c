#include "spool_disk.h"

#include "agent/io/spool_memory.h"
#include "base/err.h"
#include "ledger.h"
#include "proto/wire.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 64

struct stream {
    struct plx_spool_stream is;
    struct plx_wall born;
};

struct chunk {
    struct plx_spool_chunk is;
    char *frame;
    size_t len;
};

/* What the file holds. */
struct image {
    struct stream *streams;
    size_t n_streams, cap_streams;
    struct chunk *chunks; /* by (place, last) */
    size_t n_chunks, cap_chunks;
    int64_t next_place;
    bool damaged;
};

/* One step of a transaction, to be told to the ledger or to be undone. */
struct change {
    enum { APPENDED, DELETED, ACKED } what;
    struct chunk chunk; /* DELETED: the frame is its own */
    uint64_t stream_id, seq;
};

struct plx_spool_db {
    uint32_t agent;
    struct image *image;
    bool open; /* a transaction is */
    struct stream *before;
    size_t n_before;
    int64_t place_before;
    struct change *changes;
    size_t n_changes, cap_changes;
};

static struct image images[PLX_SIM_NODES_MAX];
static struct plx_wire_decoder *decoder;

void plx_sim_spools_begin(void)
{
    memset(images, 0, sizeof images);
    decoder = plx_wire_decoder_new();
}

static void empty(struct image *image)
{
    for (size_t i = 0; i < image->n_chunks; i++)
        free(image->chunks[i].frame);
    free(image->chunks);
    free(image->streams);
    *image = (struct image){0};
}

void plx_sim_spools_end(void)
{
    for (size_t i = 0; i < PLX_SIM_NODES_MAX; i++)
        empty(&images[i]);
    plx_wire_decoder_destroy(&decoder);
}

void plx_sim_spool_damage(uint32_t agent)
{
    images[agent].damaged = true;
}

uint64_t plx_sim_spool_rows(uint32_t agent)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < images[agent].n_chunks; i++)
        if (!images[agent].chunks[i].is.gap)
            rows +=
                images[agent].chunks[i].is.last - images[agent].chunks[i].is.first + 1;
    return rows;
}

/* ---- the file ---- */

static struct plx_sim_node *node_of(const struct plx_spool_db *db)
{
    return plx_sim_node(db->agent);
}

int plx_spool_db_open(const char *path, struct plx_spool_db **ret, struct plx_why *why)
{
    uint32_t agent = plx_sim_current()->index;
    if (images[agent].damaged) {
        /* Whoever opens it moves it aside. */
        plx_ledger_damaged(agent);
        empty(&images[agent]);
        return plx_why_set(why, PLX_ECORRUPT, "%s is damaged", path);
    }
    struct plx_spool_db *db = calloc(1, sizeof *db);
    if (!db)
        abort();
    db->agent = agent;
    db->image = &images[agent];
    *ret = db;
    return 0;
}

void plx_spool_db_close(struct plx_spool_db **db)
{
    struct plx_spool_db *d = *db;
    if (!d)
        return;
    plx_spool_db_rollback(d);
    free(d->before);
    free(d->changes);
    free(d);
    *db = NULL;
}

int plx_spool_db_begin(struct plx_spool_db *db)
{
    struct image *image = db->image;
    if (image->damaged) {
        plx_ledger_damaged(db->agent);
        empty(image);
        return PLX_ECORRUPT;
    }
    if (node_of(db)->disk_broken_until > plx_sim_now() && plx_sim_chance(0.2))
        return PLX_EIO;
    free(db->before);
    db->n_before = image->n_streams;
    db->before = malloc((image->n_streams + 1) * sizeof *db->before);
    if (!db->before)
        abort();
    if (image->n_streams)
        memcpy(db->before, image->streams, image->n_streams * sizeof *db->before);
    db->place_before = image->next_place;
    db->open = true;
    return 0;
}

static struct change *record(struct plx_spool_db *db)
{
    if (db->n_changes == db->cap_changes) {
        db->cap_changes = db->cap_changes ? 2 * db->cap_changes : 64;
        db->changes = realloc(db->changes, db->cap_changes * sizeof *db->changes);
        if (!db->changes)
            abort();
    }
    return &db->changes[db->n_changes++];
}

/* Where (place, last) is, or would be. */
static size_t lower_bound(const struct image *image, int64_t place, uint64_t last)
{
    size_t low = 0, high = image->n_chunks;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct plx_spool_chunk *c = &image->chunks[middle].is;
        if (c->place < place || (c->place == place && c->last < last))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void insert(struct image *image, const struct chunk *chunk)
{
    if (image->n_chunks == image->cap_chunks) {
        image->cap_chunks = image->cap_chunks ? 2 * image->cap_chunks : 64;
        image->chunks = realloc(image->chunks, image->cap_chunks * sizeof *image->chunks);
        if (!image->chunks)
            abort();
    }
    size_t at = lower_bound(image, chunk->is.place, chunk->is.last);
    memmove(&image->chunks[at + 1], &image->chunks[at],
            (image->n_chunks - at) * sizeof *image->chunks);
    image->chunks[at] = *chunk;
    image->n_chunks++;
}

static void cut_out(struct image *image, size_t at, size_t n)
{
    memmove(&image->chunks[at], &image->chunks[at + n],
            (image->n_chunks - at - n) * sizeof *image->chunks);
    image->n_chunks -= n;
}

/* The ledger hears what is durable now. */
static void tell(const struct plx_spool_db *db, const struct change *change)
{
    const struct plx_spool_chunk *c = &change->chunk.is;
    struct plx_msg msg;
    if (change->what == ACKED) {
        plx_ledger_forgotten(db->agent, change->stream_id, change->seq);
    } else if (change->what == APPENDED && c->gap) {
        plx_ledger_dropped(db->agent, c->stream_id, c->first, c->last);
    } else if (change->what == APPENDED) {
        /* The frame is the image's: it has not gone within its own transaction. */
        if (plx_wire_decode(decoder, change->chunk.frame, change->chunk.len, &msg, NULL))
            abort();
        plx_ledger_numbered(db->agent, c->stream_id, c->first, msg.results.results,
                            msg.results.n);
    }
}

static void keep_all(struct plx_spool_db *db)
{
    for (size_t i = 0; i < db->n_changes; i++)
        tell(db, &db->changes[i]);
    for (size_t i = 0; i < db->n_changes; i++)
        if (db->changes[i].what == DELETED)
            free(db->changes[i].chunk.frame);
    db->n_changes = 0;
    db->open = false;
}

int plx_spool_db_commit(struct plx_spool_db *db)
{
    const struct plx_sim_node *node = node_of(db);
    if (node->disk_full_until > plx_sim_now())
        return PLX_ENOSPACE;
    if (node->disk_broken_until > plx_sim_now() && plx_sim_chance(0.5)) {
        return PLX_EIO;
    }
    keep_all(db);
    return 0;
}

void plx_spool_db_rollback(struct plx_spool_db *db)
{
    struct image *image = db->image;
    if (!db->open)
        return;
    while (db->n_changes > 0) {
        struct change *c = &db->changes[--db->n_changes];
        if (c->what == DELETED) {
            insert(image, &c->chunk);
        } else if (c->what == APPENDED) {
            size_t at = lower_bound(image, c->chunk.is.place, c->chunk.is.last);
            free(image->chunks[at].frame);
            cut_out(image, at, 1);
        }
    }
    if (db->n_before)
        memcpy(image->streams, db->before, db->n_before * sizeof *db->before);
    image->n_streams = db->n_before;
    image->next_place = db->place_before;
    db->open = false;
}

/* ---- streams ---- */

static struct stream *find_stream(struct plx_spool_db *db, uint64_t id)
{
    for (size_t i = db->image->n_streams; i-- > 0;)
        if (db->image->streams[i].is.id == id)
            return &db->image->streams[i];
    return NULL;
}

static bool has_chunks(const struct image *image, int64_t place)
{
    size_t at = lower_bound(image, place, 0);
    return at < image->n_chunks && image->chunks[at].is.place == place;
}

int plx_spool_db_streams(struct plx_spool_db *db, struct plx_spool_stream *streams,
                         size_t max, size_t *ret_n)
{
    const struct image *image = db->image;
    size_t n = 0;
    for (size_t i = 0; i < image->n_streams && n < max; i++)
        if (i + 1 == image->n_streams || has_chunks(image, image->streams[i].is.place))
            streams[n++] = image->streams[i].is;
    *ret_n = n;
    return 0;
}

int plx_spool_db_totals(struct plx_spool_db *db, struct plx_spool_totals *ret)
{
    struct plx_spool_totals t = {0};
    for (size_t i = 0; i < db->image->n_chunks; i++) {
        const struct chunk *c = &db->image->chunks[i];
        if (c->is.gap)
            continue;
        t.rows += c->is.last - c->is.first + 1;
        t.bytes += c->len + CHUNK_BYTES;
        if (t.oldest.ns == 0 || c->is.from.ns < t.oldest.ns)
            t.oldest = c->is.from;
    }
    *ret = t;
    return 0;
}

int plx_spool_db_new_stream(struct plx_spool_db *db, struct plx_spool_stream *stream,
                            struct plx_wall now)
{
    struct image *image = db->image;
    if (image->n_streams == image->cap_streams) {
        image->cap_streams = image->cap_streams ? 2 * image->cap_streams : 16;
        image->streams =
            realloc(image->streams, image->cap_streams * sizeof *image->streams);
        if (!image->streams)
            abort();
    }
    stream->place = ++image->next_place;
    image->streams[image->n_streams++] = (struct stream){.is = *stream, .born = now};
    return 0;
}

int plx_spool_db_forget(struct plx_spool_db *db, struct plx_wall before)
{
    struct image *image = db->image;
    size_t n = 0;
    for (size_t i = 0; i < image->n_streams; i++) {
        const struct stream *s = &image->streams[i];
        bool goes = s->born.ns < before.ns && s->is.acked == s->is.last &&
                    i + 1 < image->n_streams;
        if (!goes)
            image->streams[n++] = *s;
    }
    image->n_streams = n;
    return 0;
}

/* ---- chunks ---- */

int plx_spool_db_append(struct plx_spool_db *db, const struct plx_spool_chunk *chunk,
                        const void *frame, size_t len)
{
    struct chunk c = {.is = *chunk, .frame = malloc(len + 1), .len = len};
    if (!c.frame)
        abort();
    if (node_of(db)->disk_full_until > plx_sim_now() && plx_sim_chance(0.5)) {
        free(c.frame);
        return PLX_ENOSPACE;
    }
    memcpy(c.frame, frame, len);
    insert(db->image, &c);
    *record(db) = (struct change){.what = APPENDED, .chunk = c};
    struct stream *s = find_stream(db, chunk->stream_id);
    if (s && chunk->last > s->is.last)
        s->is.last = chunk->last;
    return 0;
}

static void take_out(struct plx_spool_db *db, size_t at)
{
    *record(db) = (struct change){.what = DELETED, .chunk = db->image->chunks[at]};
    cut_out(db->image, at, 1);
}

int plx_spool_db_ack(struct plx_spool_db *db, uint64_t stream_id, uint64_t seq,
                     struct plx_spool_totals *totals)
{
    struct stream *s = find_stream(db, stream_id);
    if (!s)
        return 0;
    struct image *image = db->image;
    size_t first = lower_bound(image, s->is.place, 0);
    size_t end = lower_bound(image, s->is.place, seq + 1);
    for (size_t i = first; i < end; i++) {
        const struct chunk *c = &image->chunks[i];
        *record(db) = (struct change){.what = DELETED, .chunk = *c};
        if (c->is.gap)
            continue;
        totals->rows -= c->is.last - c->is.first + 1;
        totals->bytes -= c->len + CHUNK_BYTES;
    }
    cut_out(image, first, end - first);
    if (seq > s->is.acked)
        s->is.acked = seq;
    *record(db) = (struct change){.what = ACKED, .stream_id = stream_id, .seq = seq};
    return 0;
}

int plx_spool_db_load(struct plx_spool_db *db, uint64_t stream_id, uint64_t seq,
                      struct plx_spool_chunk *ret, struct plx_buf *frame)
{
    const struct stream *s = find_stream(db, stream_id);
    if (!s)
        return PLX_ENOTFOUND;
    if (node_of(db)->disk_broken_until > plx_sim_now() && plx_sim_chance(0.3))
        return PLX_EIO;
    size_t at = lower_bound(db->image, s->is.place, seq);
    if (at == db->image->n_chunks || db->image->chunks[at].is.place != s->is.place)
        return PLX_ENOTFOUND;
    const struct chunk *c = &db->image->chunks[at];
    *ret = c->is;
    plx_buf_add(frame, c->frame, c->len);
    return 0;
}

int plx_spool_db_drop_oldest(struct plx_spool_db *db, struct plx_spool_chunk *ret_gap,
                             uint64_t *ret_dropped, struct plx_spool_totals *totals)
{
    struct image *image = db->image;
    size_t at = 0;
    while (at < image->n_chunks && image->chunks[at].is.gap)
        at++;
    if (at == image->n_chunks)
        return PLX_ENOTFOUND;
    struct plx_spool_chunk gap = image->chunks[at].is;
    uint64_t rows = gap.last - gap.first + 1;
    totals->rows -= rows;
    totals->bytes -= image->chunks[at].len + CHUNK_BYTES;
    gap.gap = true;
    take_out(db, at);
    if (at > 0 && image->chunks[at - 1].is.place == gap.place &&
        image->chunks[at - 1].is.last == gap.first - 1) {
        gap.first = image->chunks[at - 1].is.first;
        gap.from = image->chunks[at - 1].is.from;
        take_out(db, at - 1);
    }
    *ret_gap = gap;
    *ret_dropped = rows;
    return 0;
}

int plx_spool_db_oldest(struct plx_spool_db *db, struct plx_wall *ret)
{
    const struct image *image = db->image;
    ret->ns = 0;
    for (size_t i = 0; i < image->n_chunks; i++)
        if (!image->chunks[i].is.gap) {
            *ret = image->chunks[i].is.from;
            break;
        }
    return 0;
}

/* ---- what is kept in memory while the disk takes nothing ---- */

void __real_plx_spool_memory_append(struct plx_spool_memory *memory,
                                    const struct plx_spool_chunk *chunk,
                                    const char *frame, size_t len);
void __wrap_plx_spool_memory_append(struct plx_spool_memory *memory,
                                    const struct plx_spool_chunk *chunk,
                                    const char *frame, size_t len);
void __real_plx_spool_memory_put_first(struct plx_spool_memory *memory,
                                       const struct plx_spool_chunk *gap,
                                       const char *frame, size_t len);
void __wrap_plx_spool_memory_put_first(struct plx_spool_memory *memory,
                                       const struct plx_spool_chunk *gap,
                                       const char *frame, size_t len);

void __wrap_plx_spool_memory_append(struct plx_spool_memory *memory,
                                    const struct plx_spool_chunk *chunk,
                                    const char *frame, size_t len)
{
    uint32_t agent = plx_sim_current()->index;
    struct plx_msg msg;
    uint64_t stream = memory->stream.id;
    if (chunk->gap)
        plx_ledger_dropped(agent, stream, chunk->first, chunk->last);
    else if (plx_wire_decode(decoder, frame, len, &msg, NULL))
        abort();
    else
        plx_ledger_kept(agent, stream, chunk->first, msg.results.results, msg.results.n);
    __real_plx_spool_memory_append(memory, chunk, frame, len);
}

void __wrap_plx_spool_memory_put_first(struct plx_spool_memory *memory,
                                       const struct plx_spool_chunk *gap,
                                       const char *frame, size_t len)
{
    plx_ledger_dropped(plx_sim_current()->index, memory->stream.id, gap->first,
                       gap->last);
    __real_plx_spool_memory_put_first(memory, gap, frame, len);
}
