#include "agent/crew.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "sys/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Answers to checks that wait for the agent's loop: more are dropped, and asked for
 * again by whoever wants them. */
#define ANSWERS_MAX 4096

/* One letter for a thread: an encoded message; without one: nothing is begun any more;
 * or the end. */
enum letter_type { MESSAGE, LEAVE, STOP };

struct letter {
    struct letter *next;
    enum letter_type type;
    size_t len;
    char *frame;
};

/* A lane with a thread of its own. */
struct hand {
    struct plx_crew *crew;
    struct plx_lane *lane;
    pthread_t thread;
    bool started;
    struct plx_loop *loop;
    struct plx_jobs *jobs; /* the thread's, as all that the lane has */
    struct plx_wire_decoder *decoder;
    uint64_t generation; /* of `jobs`, as sent: the agent's loop's */
    int wake_fd;
    pthread_mutex_t mutex;
    struct letter *first, **last; /* behind it; as many as the agent's loop has to say */
};

struct answer {
    struct plx_result result;
    uint64_t request_id;
};

struct plx_crew {
    struct plx_crew_setup setup;
    struct plx_loop *loop;
    struct plx_jobs *jobs;
    struct plx_turnstile *turnstile;
    struct plx_lane *lane; /* without threads */
    struct hand *hands;
    uint32_t n_hands;
    int answer_fd;
    pthread_mutex_t mutex;
    struct answer *answers; /* behind it */
    size_t n_answers;
};

/* ---- results ---- */

static void keep_answer(struct plx_crew *c, const struct plx_result *result,
                        uint64_t request_id)
{
    pthread_mutex_lock(&c->mutex);
    if (c->n_answers < ANSWERS_MAX)
        c->answers[c->n_answers++] = (struct answer){*result, request_id};
    pthread_mutex_unlock(&c->mutex);
    eventfd_write(c->answer_fd, 1);
}

/* In the lane's thread. */
static void on_result(void *arg, const struct plx_result *result, uint64_t request_id)
{
    struct plx_crew *c = arg;
    if (result->kind != PLX_PROBE_CHECK)
        plx_spool_put(c->setup.spool, result);
    else if (c->lane)
        c->setup.on_answer(c->setup.arg, result, request_id);
    else
        keep_answer(c, result, request_id);
}

static void on_answers(void *arg, uint32_t events)
{
    struct plx_crew *c = arg;
    eventfd_t count;
    (void)events;
    eventfd_read(c->answer_fd, &count);
    pthread_mutex_lock(&c->mutex);
    struct answer *list = c->answers;
    size_t n = c->n_answers;
    c->answers = n ? NULL : list;
    c->n_answers = 0;
    if (!c->answers)
        c->answers = calloc(ANSWERS_MAX, sizeof *c->answers);
    if (!c->answers)
        abort();
    pthread_mutex_unlock(&c->mutex);
    for (size_t i = 0; i < n; i++)
        c->setup.on_answer(c->setup.arg, &list[i].result, list[i].request_id);
    if (n)
        free(list);
}

/* ---- the thread's side ---- */

static void on_job(void *arg, uint32_t slot, bool gone)
{
    struct hand *h = arg;
    plx_lane_job(h->lane, slot, gone);
}

static void open_frame(struct hand *h, const struct letter *letter)
{
    struct plx_msg msg;
    struct plx_why why = {""};
    int err = plx_wire_decode(h->decoder, letter->frame, letter->len, &msg, &why);
    if (!err && msg.type == PLX_MSG_DELTA)
        err = plx_jobs_delta(h->jobs, &msg.delta);
    else if (!err)
        plx_lane_probe_now(h->lane, &msg.probe_now);
    if (err)
        plx_log(PLX_LOG_ERROR, "lane", "why", why.text[0] ? why.text : plx_err_text(err),
                NULL);
}

static void open_letter(struct hand *h, const struct letter *letter)
{
    switch (letter->type) {
    case MESSAGE:
        open_frame(h, letter);
        break;
    case LEAVE:
        plx_lane_leave(h->lane);
        break;
    case STOP:
        plx_loop_stop(h->loop);
        break;
    }
}

static struct letter *take_letters(struct hand *h)
{
    pthread_mutex_lock(&h->mutex);
    struct letter *first = h->first;
    h->first = NULL;
    h->last = &h->first;
    pthread_mutex_unlock(&h->mutex);
    return first;
}

static void free_letter(struct letter *letter)
{
    free(letter->frame);
    free(letter);
}

static void on_letters(void *arg, uint32_t events)
{
    struct hand *h = arg;
    eventfd_t count;
    (void)events;
    eventfd_read(h->wake_fd, &count);
    for (struct letter *l = take_letters(h), *next; l; l = next) {
        next = l->next;
        open_letter(h, l);
        free_letter(l);
    }
}

static void *thread_main(void *arg)
{
    struct hand *h = arg;
    plx_loop_run(h->loop);
    return NULL;
}

/* ---- the agent's side ---- */

static void post(struct hand *h, enum letter_type type, char *frame, size_t len)
{
    struct letter *letter = malloc(sizeof *letter);
    if (!letter)
        abort();
    *letter = (struct letter){.type = type, .frame = frame, .len = len};
    pthread_mutex_lock(&h->mutex);
    bool was_empty = h->first == NULL;
    *h->last = letter;
    h->last = &letter->next;
    pthread_mutex_unlock(&h->mutex);
    if (was_empty)
        eventfd_write(h->wake_fd, 1);
}

static void post_msg(struct hand *h, const struct plx_msg *msg)
{
    struct plx_buf frame;
    size_t len;
    plx_buf_init(&frame, PLX_WIRE_FRAME_MAX);
    if (plx_wire_encode(msg, &frame) == 0) { /* it came in such a frame itself */
        char *bytes = plx_buf_give(&frame, &len);
        post(h, MESSAGE, bytes, len);
    }
    plx_buf_fini(&frame);
}

/* The high bits: the low ones are jobs' own index. */
static struct hand *hand_of(struct plx_crew *c, uint64_t monitor_id)
{
    return &c->hands[(plx_hash_mix(monitor_id) >> 32) % c->n_hands];
}

void plx_crew_job(struct plx_crew *crew, uint32_t slot, bool gone)
{
    if (crew->lane) {
        plx_lane_job(crew->lane, slot, gone);
        return;
    }
    char host[PLX_ADDR_TEXT_MAX];
    const struct plx_task task = plx_job_task(plx_jobs_at(crew->jobs, slot), host);
    struct hand *h = hand_of(crew, task.monitor_id);
    struct plx_msg msg = {
        .type = PLX_MSG_DELTA,
        .delta = {.from_generation = h->generation, .generation = h->generation + 1}};
    if (gone) {
        msg.delta.removals = &task.monitor_id;
        msg.delta.n_removals = 1;
    } else {
        msg.delta.upserts = &task;
        msg.delta.n_upserts = 1;
    }
    h->generation++;
    post_msg(h, &msg);
}

void plx_crew_probe_now(struct plx_crew *crew, const struct plx_msg_probe_now *msg)
{
    if (crew->lane) {
        plx_lane_probe_now(crew->lane, msg);
        return;
    }
    struct plx_msg one = {.type = PLX_MSG_PROBE_NOW,
                          .probe_now = {.request_id = msg->request_id}};
    one.probe_now.n_tasks = 1;
    for (size_t i = 0; i < msg->n_tasks; i++) {
        one.probe_now.tasks = &msg->tasks[i];
        post_msg(hand_of(crew, msg->tasks[i].monitor_id), &one);
    }
    one.probe_now.n_tasks = 0;
    one.probe_now.n_monitor_ids = 1;
    for (size_t i = 0; i < msg->n_monitor_ids; i++) {
        one.probe_now.monitor_ids = &msg->monitor_ids[i];
        post_msg(hand_of(crew, msg->monitor_ids[i]), &one);
    }
}

void plx_crew_leave(struct plx_crew *crew)
{
    if (crew->lane)
        plx_lane_leave(crew->lane);
    for (uint32_t i = 0; i < crew->n_hands; i++)
        post(&crew->hands[i], LEAVE, NULL, 0);
}

struct plx_turnstile *plx_crew_turnstile(const struct plx_crew *crew)
{
    return crew->turnstile;
}

uint32_t plx_crew_under_way(const struct plx_crew *crew)
{
    uint32_t n = crew->lane ? plx_lane_under_way(crew->lane) : 0;
    for (uint32_t i = 0; i < crew->n_hands; i++)
        n += plx_lane_under_way(crew->hands[i].lane);
    return n;
}

/* ---- start and end ---- */

static int start_hand(struct plx_crew *c, struct hand *h, struct plx_why *why)
{
    h->crew = c;
    h->last = &h->first;
    pthread_mutex_init(&h->mutex, NULL);
    h->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    h->jobs = plx_jobs_new(SIZE_MAX, on_job, h);
    h->decoder = plx_wire_decoder_new();
    int err = plx_loop_new(NULL, NULL, &h->loop, why);
    if (!err)
        err = plx_lane_new(h->loop, h->jobs, &c->setup.lane, c->setup.tallies, on_result,
                           c, &h->lane, why);
    if (!err &&
        (h->wake_fd < 0 || plx_loop_add_fd(h->loop, h->wake_fd, EPOLLIN, on_letters, h)))
        err = plx_why_set(why, PLX_EIO, "cannot wake a thread");
    if (!err && pthread_create(&h->thread, NULL, thread_main, h) != 0)
        err = plx_why_set(why, PLX_EIO, "cannot start a thread");
    h->started = err == 0;
    return err;
}

static void end_hand(struct hand *h)
{
    if (h->started) {
        post(h, STOP, NULL, 0);
        pthread_join(h->thread, NULL);
    }
    plx_lane_destroy(&h->lane);
    plx_loop_destroy(&h->loop);
    plx_jobs_destroy(&h->jobs);
    plx_wire_decoder_destroy(&h->decoder);
    for (struct letter *l = take_letters(h), *next; l; l = next) {
        next = l->next;
        free_letter(l);
    }
    if (h->wake_fd >= 0)
        close(h->wake_fd);
    pthread_mutex_destroy(&h->mutex);
}

static int start_hands(struct plx_crew *c, struct plx_why *why)
{
    c->hands = calloc(c->setup.n_threads, sizeof *c->hands);
    c->answers = calloc(ANSWERS_MAX, sizeof *c->answers);
    if (!c->hands || !c->answers)
        abort();
    c->answer_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int err = 0;
    if (c->answer_fd < 0 ||
        plx_loop_add_fd(c->loop, c->answer_fd, EPOLLIN, on_answers, c))
        err = plx_why_set(why, PLX_EIO, "cannot be woken by threads");
    while (!err && c->n_hands < c->setup.n_threads)
        err = start_hand(c, &c->hands[c->n_hands++], why);
    return err;
}

int plx_crew_new(struct plx_loop *loop, struct plx_jobs *jobs,
                 const struct plx_crew_setup *setup, struct plx_crew **ret,
                 struct plx_why *why)
{
    struct plx_crew *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->setup = *setup;
    c->loop = loop;
    c->jobs = jobs;
    c->answer_fd = -1;
    pthread_mutex_init(&c->mutex, NULL);
    c->turnstile = plx_turnstile_new(&setup->limits);
    struct plx_errands_setup *probing = &c->setup.lane.probing;
    uint32_t n = setup->n_threads;
    probing->turnstile = c->turnstile;
    probing->n_probers = n;
    probing->in_flight = (setup->limits.in_flight + n - 1) / n;
    int err = n > 1 ? start_hands(c, why)
                    : plx_lane_new(loop, jobs, &c->setup.lane, setup->tallies, on_result,
                                   c, &c->lane, why);
    if (err)
        plx_crew_destroy(&c);
    else
        *ret = c;
    return err;
}

void plx_crew_destroy(struct plx_crew **crew)
{
    struct plx_crew *c = *crew;
    if (!c)
        return;
    plx_lane_destroy(&c->lane);
    for (uint32_t i = 0; i < c->n_hands; i++)
        end_hand(&c->hands[i]);
    if (c->answer_fd >= 0) {
        plx_loop_remove_fd(c->loop, c->answer_fd);
        close(c->answer_fd);
    }
    plx_turnstile_destroy(&c->turnstile);
    pthread_mutex_destroy(&c->mutex);
    free(c->answers);
    free(c->hands);
    free(c);
    *crew = NULL;
}
