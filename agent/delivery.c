#include "agent/delivery.h"

#include "agent/core/sendq.h"
#include "base/err.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

/* Two new streams because of a backlog do not follow closer upon one another. */
#define STREAM_PAUSE_NS (30 * PLX_SEC_NS)
/* How often a coordinator that forgot is told what is gone. */
#define FORGOT_PAUSE_NS PLX_SEC_NS

struct plx_delivery {
    struct plx_loop *loop;
    struct plx_spool *spool;
    struct plx_link *link; /* NULL before there is one */
    struct plx_sendq queue;
    struct plx_mono stream_begun, forgot_said;
};

static void on_spool(void *arg, uint32_t events);

int plx_delivery_new(struct plx_loop *loop, struct plx_spool *spool,
                     struct plx_delivery **ret, struct plx_why *why)
{
    struct plx_delivery *d = calloc(1, sizeof *d);
    if (!d)
        abort();
    d->loop = loop;
    d->spool = spool;
    plx_sendq_init(&d->queue);
    if (plx_loop_add_fd(loop, plx_spool_fd(spool), EPOLLIN, on_spool, d)) {
        free(d);
        return plx_why_set(why, PLX_EIO, "cannot watch the spool");
    }
    *ret = d;
    return 0;
}

void plx_delivery_destroy(struct plx_delivery **delivery)
{
    if (!*delivery)
        return;
    plx_loop_remove_fd((*delivery)->loop, plx_spool_fd((*delivery)->spool));
    free(*delivery);
    *delivery = NULL;
}

void plx_delivery_set_link(struct plx_delivery *delivery, struct plx_link *link)
{
    delivery->link = link;
}

static bool is_up(const struct plx_delivery *d)
{
    return d->link && plx_link_is_up(d->link);
}

/* Sends the frame if it is what comes next; of one that overlaps the mark the coordinator
 * takes only what is new. */
static bool offer(struct plx_delivery *d, const struct plx_spool_event *e)
{
    uint64_t stream_id, seq;
    if (!e->frame || !is_up(d) || !plx_sendq_next(&d->queue, &stream_id, &seq))
        return false;
    if (stream_id != e->stream_id || seq < e->first || seq > e->last)
        return false;
    if (plx_link_send_frame(d->link, e->frame, e->len))
        return false;
    plx_sendq_sent(&d->queue, stream_id, e->last, plx_clock_mono());
    return true;
}

/* Has what comes next read from the disk. */
static void pump(struct plx_delivery *d)
{
    uint64_t stream_id, seq;
    if (is_up(d) && plx_sendq_next(&d->queue, &stream_id, &seq))
        plx_spool_load(d->spool, stream_id, seq);
}

/* Returns true if there may be more to send because of it. */
static bool on_event(struct plx_delivery *d, const struct plx_spool_event *e)
{
    switch (e->type) {
    case PLX_SPOOL_STREAM:
        plx_sendq_open(&d->queue, e->stream_id, e->acked, e->last);
        return true;
    case PLX_SPOOL_STORED:
        plx_sendq_stored(&d->queue, e->stream_id, e->last);
        offer(d, e);
        return true;
    case PLX_SPOOL_LOADED:
        return offer(d, e);
    case PLX_SPOOL_RESET:
        plx_sendq_clear(&d->queue);
        break;
    }
    return false;
}

static void on_spool(void *arg, uint32_t events)
{
    struct plx_delivery *d = arg;
    struct plx_spool_event *e = plx_spool_take(d->spool);
    bool more = false;
    (void)events;
    while (e) {
        struct plx_spool_event *next = e->next;
        more |= on_event(d, e);
        plx_spool_event_free(e);
        e = next;
    }
    /* A load that brought nothing forward is not repeated before the next tick. */
    if (more)
        pump(d);
}

static void begin_stream_if_behind(struct plx_delivery *d, int64_t away_ns)
{
    struct plx_mono now = plx_clock_mono();
    bool soon =
        d->stream_begun.ns != 0 && plx_mono_diff(now, d->stream_begun) < STREAM_PAUSE_NS;
    if (soon || !plx_sendq_wants_new_stream(&d->queue, away_ns))
        return;
    d->stream_begun = now;
    plx_spool_begin_stream(d->spool);
    plx_log(PLX_LOG_INFO, "backlog", "why",
            "fresh results begin a new stream and go first", NULL);
}

void plx_delivery_up(struct plx_delivery *delivery, int64_t away_ns)
{
    plx_sendq_rewind(&delivery->queue);
    begin_stream_if_behind(delivery, away_ns);
    pump(delivery);
}

/* The coordinator's mark is behind what it once acknowledged (an old backup): those
 * results are deleted here, and the stream can only go on over a gap. */
static void tell_forgotten(struct plx_delivery *d, const struct plx_msg_ack *ack,
                           uint64_t mark)
{
    struct plx_mono now = plx_clock_mono();
    if (d->forgot_said.ns && plx_mono_diff(now, d->forgot_said) < FORGOT_PAUSE_NS)
        return;
    d->forgot_said = now;
    struct plx_msg msg = {.type = PLX_MSG_RESULTS};
    msg.results.stream_id = ack->stream_id;
    msg.results.first_seq = ack->seq + 1;
    msg.results.lost = mark - ack->seq;
    msg.results.lost_from = msg.results.lost_to = plx_clock_wall();
    plx_logf(PLX_LOG_WARN, "coordinator_forgot", "why",
             "%" PRIu64 " results it had acknowledged are gone", msg.results.lost);
    plx_link_send(d->link, &msg);
}

void plx_delivery_ack(struct plx_delivery *delivery, const struct plx_msg_ack *ack)
{
    uint64_t mark = plx_sendq_mark(&delivery->queue, ack->stream_id);
    if (ack->seq < mark)
        tell_forgotten(delivery, ack, mark);
    if (plx_sendq_ack(&delivery->queue, ack->stream_id, ack->seq, plx_clock_mono()))
        plx_spool_ack(delivery->spool, ack->stream_id, ack->seq);
    pump(delivery);
}

void plx_delivery_tick(struct plx_delivery *delivery, struct plx_mono now)
{
    if (plx_sendq_tick(&delivery->queue, now))
        plx_log(PLX_LOG_WARN, "results_sent_again", "why", "no acknowledgement in 15 s",
                NULL);
    if (is_up(delivery))
        begin_stream_if_behind(delivery, 0);
    pump(delivery);
}
