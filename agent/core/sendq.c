#include "agent/core/sendq.h"

/* A link away for so long makes a backlog out of what waited. */
#define AWAY_NS         (10 * PLX_SEC_NS)
/* What one batch carries is no backlog. */
#define AWAY_BACKLOG    500
/* Far behind: more than a full window of full frames. */
#define FAR_BEHIND      20000
/* Duplicates of one refusal come back to back. */
#define REWIND_PAUSE_NS PLX_SEC_NS

void plx_sendq_init(struct plx_sendq *q)
{
    *q = (struct plx_sendq){.n = 0};
}

void plx_sendq_clear(struct plx_sendq *q)
{
    q->n = 0;
}

static struct plx_sendq_stream *find(struct plx_sendq *q, uint64_t stream_id)
{
    for (size_t i = q->n; i-- > 0;)
        if (q->streams[i].id == stream_id)
            return &q->streams[i];
    return NULL;
}

static void forget(struct plx_sendq *q, size_t i)
{
    q->n--;
    for (; i < q->n; i++)
        q->streams[i] = q->streams[i + 1];
}

static void forget_finished(struct plx_sendq *q)
{
    for (size_t i = 0; i + 1 < q->n;) {
        if (q->streams[i].acked == q->streams[i].last)
            forget(q, i);
        else
            i++;
    }
}

bool plx_sendq_open(struct plx_sendq *q, uint64_t stream_id, uint64_t acked,
                    uint64_t last)
{
    forget_finished(q);
    /* The newest may be finished too, now that another takes its place. */
    if (q->n && q->streams[q->n - 1].acked == q->streams[q->n - 1].last)
        q->n--;
    if (q->n == PLX_SENDQ_STREAMS_MAX)
        return false;
    q->streams[q->n++] = (struct plx_sendq_stream){
        .id = stream_id, .acked = acked, .sent = acked, .last = last};
    return true;
}

void plx_sendq_stored(struct plx_sendq *q, uint64_t stream_id, uint64_t last)
{
    struct plx_sendq_stream *s = find(q, stream_id);
    if (s && last > s->last)
        s->last = last;
}

static size_t under_way(const struct plx_sendq *q)
{
    size_t n = 0;
    for (size_t i = 0; i < q->n; i++)
        n += q->streams[i].n_frames;
    return n;
}

bool plx_sendq_next(const struct plx_sendq *q, uint64_t *ret_stream_id, uint64_t *ret_seq)
{
    size_t all = under_way(q);
    for (size_t i = q->n; i-- > 0;) {
        const struct plx_sendq_stream *s = &q->streams[i];
        bool newest = i + 1 == q->n;
        bool room =
            newest ? s->n_frames < PLX_SENDQ_FRAMES_MAX : all < PLX_SENDQ_FRAMES_MAX / 2;
        if (s->sent < s->last && room) {
            *ret_stream_id = s->id;
            *ret_seq = s->sent + 1;
            return true;
        }
    }
    return false;
}

void plx_sendq_sent(struct plx_sendq *q, uint64_t stream_id, uint64_t through,
                    struct plx_mono now)
{
    struct plx_sendq_stream *s = find(q, stream_id);
    if (!s || through <= s->sent)
        return;
    if (s->n_frames == 0)
        s->moved = now;
    s->sent = through < s->last ? through : s->last;
    if (s->n_frames < PLX_SENDQ_FRAMES_MAX)
        s->frames[s->n_frames++] = s->sent;
    else
        s->frames[PLX_SENDQ_FRAMES_MAX - 1] = s->sent;
}

static void rewind_stream(struct plx_sendq_stream *s)
{
    s->sent = s->acked;
    s->n_frames = 0;
}

/* Forgets the frames that the mark has passed. */
static void retire_frames(struct plx_sendq_stream *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_frames; i++)
        if (s->frames[i] > s->acked)
            s->frames[n++] = s->frames[i];
    s->n_frames = n;
}

bool plx_sendq_ack(struct plx_sendq *q, uint64_t stream_id, uint64_t seq,
                   struct plx_mono now)
{
    struct plx_sendq_stream *s = find(q, stream_id);
    if (!s || seq > s->last)
        return false;
    if (seq <= s->acked) {
        if (s->sent > s->acked && plx_mono_diff(now, q->rewound) > REWIND_PAUSE_NS) {
            rewind_stream(s);
            q->rewound = now;
        }
        return false;
    }
    s->acked = seq;
    if (s->sent < seq)
        s->sent = seq;
    retire_frames(s);
    s->moved = now;
    forget_finished(q);
    return true;
}

void plx_sendq_rewind(struct plx_sendq *q)
{
    for (size_t i = 0; i < q->n; i++)
        rewind_stream(&q->streams[i]);
}

size_t plx_sendq_tick(struct plx_sendq *q, struct plx_mono now)
{
    size_t n = 0;
    for (size_t i = 0; i < q->n; i++) {
        struct plx_sendq_stream *s = &q->streams[i];
        bool waits = s->sent > s->acked;
        if (waits && plx_mono_diff(now, s->moved) > PLX_SENDQ_PATIENCE_NS) {
            rewind_stream(s);
            n++;
        }
    }
    return n;
}

uint64_t plx_sendq_mark(const struct plx_sendq *q, uint64_t stream_id)
{
    for (size_t i = 0; i < q->n; i++)
        if (q->streams[i].id == stream_id)
            return q->streams[i].acked;
    return 0;
}

bool plx_sendq_wants_new_stream(const struct plx_sendq *q, int64_t away_ns)
{
    if (q->n == 0 || q->n == PLX_SENDQ_STREAMS_MAX)
        return false;
    const struct plx_sendq_stream *s = &q->streams[q->n - 1];
    uint64_t behind = s->last - s->acked;
    return behind > FAR_BEHIND || (away_ns > AWAY_NS && behind > AWAY_BACKLOG);
}
