#include "agent/io/spool_round.h"

#include "agent/io/spool_writer.h"
#include "base/err.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define GATHER_NS   (50 * PLX_MS_NS)
#define GATHER_ROWS 4000 /* do not wait longer for more */
#define IDLE_NS     PLX_SEC_NS
#define RETRY_NS    PLX_SEC_NS
/* A disk that takes nothing for so long is not waited for. */
#define PATIENCE_NS (3 * PLX_SEC_NS)
#define ACKS_MAX    64
#define FRAMES_KEPT 64 /* frames that wait in events; more are left to be loaded */

/* Results in memory. */
struct batch {
    struct plx_result *list;
    size_t n, cap;
};

/* What the loop hands over; behind the mutex. */
struct inbox {
    struct batch results;
    struct plx_spool_drops drops;
    struct plx_spool_mark acks[ACKS_MAX];
    size_t n_acks;
    bool wants_load;
    struct plx_spool_mark load;
    bool new_stream;
    bool stop;
};

struct plx_spool {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int event_fd;
    size_t max_waiting;
    bool load_under_way; /* the loop's */

    /* Behind the mutex. */
    struct inbox inbox;
    struct plx_spool_events events;
    size_t n_frames; /* in events */
    struct plx_spool_stats stats;
    size_t n_held; /* results taken over by the thread and not yet durable */

    /* The thread's own. */
    struct plx_spool_writer *writer;
    struct batch held;
    struct plx_spool_drops drops;
    struct plx_spool_mark acks[ACKS_MAX];
    size_t n_acks;
    uint64_t n_dropped; /* before the disk, since start */
    int disk_err;       /* of the last try */
    struct plx_mono failing_since, tried;
    bool last_round;
};

static void *thread_main(void *arg);

void plx_spool_event_free(struct plx_spool_event *event)
{
    if (!event)
        return;
    free(event->frame);
    free(event);
}

static void take_totals(struct plx_spool *s)
{
    struct plx_spool_totals totals = plx_spool_writer_totals(s->writer);
    s->stats.rows = totals.rows;
    s->stats.bytes = totals.bytes;
    s->stats.oldest = totals.oldest;
    s->stats.lost = s->n_dropped + plx_spool_writer_lost(s->writer);
    s->stats.moved_aside = plx_spool_writer_moved_aside(s->writer);
    s->stats.in_memory = plx_spool_writer_is_keeping(s->writer);
}

static int start_thread(struct plx_spool *s, struct plx_why *why)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->cond, &attr);
    pthread_condattr_destroy(&attr);
    int e = pthread_create(&s->thread, NULL, thread_main, s);
    return e ? plx_why_set(why, PLX_EIO, "cannot start a thread: %s", strerror(e)) : 0;
}

static void free_spool(struct plx_spool *s)
{
    plx_spool_writer_close(&s->writer);
    plx_spool_events_free(&s->events);
    if (s->event_fd >= 0)
        close(s->event_fd);
    free(s->inbox.results.list);
    free(s->held.list);
    free(s);
}

int plx_spool_open(const char *dir, const struct plx_spool_limits *limits,
                   struct plx_spool **ret, struct plx_why *why)
{
    struct plx_spool *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    char *path = plx_file_path(dir, "spool.db");
    s->max_waiting = limits->max_waiting;
    s->event_fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
    int err = s->event_fd < 0 ? plx_why_set(why, PLX_EIO, "cannot make an eventfd: %s",
                                            strerror(errno))
                              : 0;
    if (!err)
        err = plx_spool_writer_open(path, limits, &s->events, &s->writer, why);
    free(path);
    if (!err) {
        take_totals(s);
        err = start_thread(s, why);
    }
    if (err) {
        free_spool(s);
        return err;
    }
    *ret = s;
    return 0;
}

void plx_spool_close(struct plx_spool **spool)
{
    struct plx_spool *s = *spool;
    if (!s)
        return;
    pthread_mutex_lock(&s->mutex);
    s->inbox.stop = true;
    pthread_cond_signal(&s->cond);
    pthread_mutex_unlock(&s->mutex);
    pthread_join(s->thread, NULL);
    pthread_mutex_destroy(&s->mutex);
    pthread_cond_destroy(&s->cond);
    free_spool(s);
    *spool = NULL;
}

int plx_spool_fd(const struct plx_spool *spool)
{
    return spool->event_fd;
}

struct plx_spool_event *plx_spool_take(struct plx_spool *spool)
{
    uint64_t count;
    if (read(spool->event_fd, &count, sizeof count) < 0 && errno != EAGAIN)
        return NULL;
    pthread_mutex_lock(&spool->mutex);
    struct plx_spool_event *list = spool->events.head;
    spool->events = (struct plx_spool_events){NULL, NULL};
    spool->n_frames = 0;
    pthread_mutex_unlock(&spool->mutex);
    for (struct plx_spool_event *e = list; e; e = e->next)
        if (e->type == PLX_SPOOL_LOADED && e->last == 0)
            spool->load_under_way = false;
    return list;
}

static void count_drops(struct plx_spool_drops *drops, const struct plx_spool_drops *more)
{
    if (more->n == 0)
        return;
    if (drops->n == 0 || more->from.ns < drops->from.ns)
        drops->from = more->from;
    if (drops->n == 0 || more->to.ns > drops->to.ns)
        drops->to = more->to;
    drops->n += more->n;
}

static void add_result(struct batch *batch, const struct plx_result *result)
{
    if (batch->n == batch->cap) {
        batch->cap = batch->cap ? batch->cap * 2 : 256;
        batch->list = realloc(batch->list, batch->cap * sizeof *batch->list);
        if (!batch->list)
            abort();
    }
    batch->list[batch->n++] = *result;
}

void plx_spool_put(struct plx_spool *spool, const struct plx_result *result)
{
    struct inbox *in = &spool->inbox;
    const struct plx_spool_drops drop = {1, result->scheduled, result->scheduled};
    pthread_mutex_lock(&spool->mutex);
    if (in->results.n + spool->n_held < spool->max_waiting)
        add_result(&in->results, result);
    else
        count_drops(&in->drops, &drop);
    if (in->results.n == 1 || in->results.n == GATHER_ROWS)
        pthread_cond_signal(&spool->cond);
    pthread_mutex_unlock(&spool->mutex);
}

static void add_ack(struct plx_spool_mark *acks, size_t *n, struct plx_spool_mark ack)
{
    for (size_t i = 0; i < *n; i++) {
        if (acks[i].stream_id == ack.stream_id) {
            acks[i].seq = ack.seq > acks[i].seq ? ack.seq : acks[i].seq;
            return;
        }
    }
    if (*n < ACKS_MAX)
        acks[(*n)++] = ack;
}

void plx_spool_ack(struct plx_spool *spool, uint64_t stream_id, uint64_t seq)
{
    pthread_mutex_lock(&spool->mutex);
    add_ack(spool->inbox.acks, &spool->inbox.n_acks,
            (struct plx_spool_mark){stream_id, seq});
    pthread_mutex_unlock(&spool->mutex);
}

bool plx_spool_load(struct plx_spool *spool, uint64_t stream_id, uint64_t seq)
{
    if (spool->load_under_way)
        return false;
    spool->load_under_way = true;
    pthread_mutex_lock(&spool->mutex);
    spool->inbox.wants_load = true;
    spool->inbox.load = (struct plx_spool_mark){stream_id, seq};
    pthread_cond_signal(&spool->cond);
    pthread_mutex_unlock(&spool->mutex);
    return true;
}

void plx_spool_begin_stream(struct plx_spool *spool)
{
    pthread_mutex_lock(&spool->mutex);
    spool->inbox.new_stream = true;
    pthread_mutex_unlock(&spool->mutex);
}

void plx_spool_stats(struct plx_spool *spool, struct plx_spool_stats *ret)
{
    pthread_mutex_lock(&spool->mutex);
    *ret = spool->stats;
    ret->rows += spool->inbox.results.n + spool->n_held;
    pthread_mutex_unlock(&spool->mutex);
}

/* ---- the thread ---- */

static void wait_until(struct plx_spool *s, struct plx_mono until)
{
    struct timespec ts = {.tv_sec = until.ns / PLX_SEC_NS,
                          .tv_nsec = until.ns % PLX_SEC_NS};
    pthread_cond_timedwait(&s->cond, &s->mutex, &ts);
}

/* Waits for something to do: results are gathered for a moment, a load is served at
 * once, acknowledgements wait for company or a second. Called with the mutex. */
static void wait_for_work(struct plx_spool *s)
{
    const struct inbox *in = &s->inbox;
    bool waits = s->disk_err && !plx_spool_writer_is_keeping(s->writer);
    struct plx_mono idle_end = plx_mono_add(plx_clock_mono(), waits ? RETRY_NS : IDLE_NS);
    while (!in->stop && !in->wants_load && (in->results.n == 0 || waits)) {
        if (plx_clock_mono().ns >= idle_end.ns)
            return;
        wait_until(s, idle_end);
    }
    struct plx_mono gather_end = plx_mono_add(plx_clock_mono(), GATHER_NS);
    while (!in->stop && !in->wants_load && in->results.n < GATHER_ROWS) {
        if (plx_clock_mono().ns >= gather_end.ns)
            return;
        wait_until(s, gather_end);
    }
}

static void take_results(struct plx_spool *s)
{
    struct batch *in = &s->inbox.results;
    if (s->held.n == 0) {
        struct batch swap = s->held;
        s->held = *in;
        *in = swap;
    }
    for (size_t i = 0; i < in->n; i++)
        add_result(&s->held, &in->list[i]);
    in->n = 0;
    s->n_held = s->held.n;
}

/* What the thread does in one round. */
struct work {
    bool stop, load;
    struct plx_spool_mark from;
};

/* Takes over what the loop left. Called with the mutex. */
static struct work take_work(struct plx_spool *s)
{
    struct inbox *in = &s->inbox;
    struct work work = {in->stop, in->wants_load, in->load};
    take_results(s);
    count_drops(&s->drops, &in->drops);
    s->n_dropped += in->drops.n;
    in->drops = (struct plx_spool_drops){0};
    for (size_t i = 0; i < in->n_acks; i++)
        add_ack(s->acks, &s->n_acks, in->acks[i]);
    in->n_acks = 0;
    in->wants_load = false;
    if (in->new_stream)
        plx_spool_writer_begin_stream(s->writer);
    in->new_stream = false;
    return work;
}

/* Hands the events to the loop; only so many frames are kept in memory. */
static void publish(struct plx_spool *s, struct plx_spool_events *list)
{
    if (!list->head)
        return;
    pthread_mutex_lock(&s->mutex);
    for (struct plx_spool_event *e = list->head; e; e = e->next) {
        if (e->frame && e->type == PLX_SPOOL_STORED && s->n_frames >= FRAMES_KEPT) {
            free(e->frame);
            e->frame = NULL;
        }
        s->n_frames += e->frame != NULL;
    }
    if (s->events.tail)
        s->events.tail->next = list->head;
    else
        s->events.head = list->head;
    s->events.tail = list->tail;
    pthread_mutex_unlock(&s->mutex);
    *list = (struct plx_spool_events){NULL, NULL};
    eventfd_write(s->event_fd, 1);
}

static void tell_state(struct plx_spool *s, int err)
{
    pthread_mutex_lock(&s->mutex);
    enum plx_spool_state was = s->stats.state;
    s->stats.state = !err                  ? PLX_SPOOL_OK
                     : err == PLX_ENOSPACE ? PLX_SPOOL_FULL
                                           : PLX_SPOOL_FAILED;
    bool changed = was != s->stats.state;
    s->n_held = s->held.n;
    take_totals(s);
    pthread_mutex_unlock(&s->mutex);
    if (changed && err)
        plx_logf(PLX_LOG_ERROR, "spool_failing", "why",
                 "%s: %s; tried again every second, results stay in memory meanwhile",
                 plx_spool_writer_path(s->writer), plx_err_text(err));
    else if (changed)
        plx_log(PLX_LOG_INFO, "spool_recovered", "path", plx_spool_writer_path(s->writer),
                NULL);
}

/* Has the group written, unless the disk failed a moment ago. */
static int try_disk(struct plx_spool *s, const struct plx_spool_group *group,
                    struct plx_spool_events *events)
{
    struct plx_mono now = plx_clock_mono();
    if (s->disk_err && plx_mono_diff(now, s->tried) < RETRY_NS && !s->last_round)
        return s->disk_err;
    struct plx_spool_events found = {NULL, NULL};
    int err = plx_spool_writer_reopen(s->writer, &found);
    publish(s, &found);
    if (!err)
        err = plx_spool_writer_commit(s->writer, group, events);
    if (err && !s->disk_err)
        s->failing_since = now;
    s->tried = now;
    s->disk_err = err;
    return err;
}

/* Whether what the disk does not take is to go on without it. */
static bool is_out_of_patience(const struct plx_spool *s)
{
    return plx_spool_writer_is_keeping(s->writer) ||
           plx_mono_diff(plx_clock_mono(), s->failing_since) >= PATIENCE_NS;
}

/* One transaction over all that was taken over; afterwards it is durable and told, or in
 * memory and told, or still held and tried again. */
static void commit(struct plx_spool *s)
{
    struct plx_spool_events events = {NULL, NULL};
    const struct plx_spool_group group = {.results = s->held.list,
                                          .n = s->held.n,
                                          .drops = s->drops,
                                          .acks = s->acks,
                                          .n_acks = s->n_acks};
    if (!group.n && !group.drops.n && !group.n_acks && !s->disk_err &&
        !plx_spool_writer_is_over(s->writer))
        return;
    int err = try_disk(s, &group, &events);
    bool kept = err && is_out_of_patience(s);
    if (kept)
        plx_spool_writer_keep(s->writer, &group, &events);
    if (!err || kept) {
        s->held.n = 0;
        s->drops = (struct plx_spool_drops){0};
    }
    if (!err)
        s->n_acks = 0;
    /* The numbers first: who hears of the events may look at them. */
    tell_state(s, err);
    publish(s, &events);
}

bool plx_spool_round(struct plx_spool *spool)
{
    struct plx_spool_events events = {NULL, NULL};
    pthread_mutex_lock(&spool->mutex);
    struct work work = take_work(spool);
    pthread_mutex_unlock(&spool->mutex);
    spool->last_round = work.stop;
    if (work.load)
        plx_spool_writer_load(spool->writer, work.from, &events);
    publish(spool, &events);
    commit(spool);
    return !work.stop;
}

static void *thread_main(void *arg)
{
    struct plx_spool *s = arg;
    do {
        pthread_mutex_lock(&s->mutex);
        wait_for_work(s);
        pthread_mutex_unlock(&s->mutex);
    } while (plx_spool_round(s));
    return NULL;
}
