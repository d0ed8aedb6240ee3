#include "coordinator/io/notifier.h"

#include "base/err.h"
#include "base/rng.h"
#include "base/text.h"
#include "coordinator/io/courier.h"
#include "coordinator/io/notifier_round.h"
#include "sys/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RETRY_MIN_NS PLX_SEC_NS
#define RETRY_MAX_NS (5 * PLX_MIN_NS)
#define RESULTS_MAX  4096 /* kept for a loop that does not come; the oldest go */
#define IDLE_WAIT_MS 1000
#define JITTER       0.25

/* A letter in its lane. */
struct item {
    struct item *next;
    struct plx_letter letter; /* texts of its own */
};

struct lane {
    struct lane *next;
    struct plx_receiver receiver;
    bool configured;
    struct item *head, **tail;
    struct item *tests;          /* somebody waits for these: to be put before the head */
    size_t n;                    /* all that wait */
    struct plx_courier_job *job; /* the head, on its way */
    struct plx_mono next_try;    /* not before */
    double tokens;               /* attempts that the rate still allows */
    struct plx_mono refilled;
    uint32_t n_failed;
    uint64_t n_delivered, n_dead;
    char why[256];
};

struct plx_notifier {
    struct plx_notifier_options options;
    pthread_t thread;
    int event_fd;
    struct plx_courier *courier; /* notifier thread; waking it is for any */
    struct plx_rng rng;

    pthread_mutex_t lock; /* guards from here … */
    bool stopping;
    struct lane *lanes;
    struct plx_notifier_result *results;
    size_t n_results;
    /* … to here */
};

/* ---- lanes (with the lock held) ---- */

static struct lane *lane_of(struct plx_notifier *n, const char *receiver)
{
    struct lane **at = &n->lanes;
    for (; *at; at = &(*at)->next)
        if (strcmp((*at)->receiver.name, receiver) == 0)
            return *at;
    struct lane *lane = calloc(1, sizeof *lane);
    if (!lane)
        abort();
    plx_receiver_init(&lane->receiver);
    lane->receiver.name = plx_text_dup(receiver);
    lane->receiver.kind = plx_text_dup("");
    lane->tail = &lane->head;
    lane->tokens = 1;
    *at = lane;
    return lane;
}

static void free_item(struct item *item)
{
    const char *texts[] = {item->letter.key, item->letter.receiver, item->letter.event,
                           item->letter.body};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free((char *)texts[i]);
    free(item);
}

static void drop_head(struct lane *lane)
{
    struct item *item = lane->head;
    lane->head = item->next;
    if (!lane->head)
        lane->tail = &lane->head;
    lane->n--;
    free_item(item);
}

/* Not while the head is under way. A test is tried at once, whatever the lane waits for,
 * and the rest with it if it succeeds. */
static void put_tests_first(struct lane *lane)
{
    while (lane->tests) {
        struct item *item = lane->tests;
        lane->tests = item->next;
        item->next = lane->head;
        if (!lane->head)
            lane->tail = &item->next;
        lane->head = item;
        lane->next_try = plx_clock_mono();
    }
}

static void report(struct plx_notifier *n, const struct lane *lane,
                   enum plx_letter_state state, const char *why)
{
    const struct plx_letter *letter = &lane->head->letter;
    if (n->n_results == RESULTS_MAX) {
        memmove(n->results, n->results + 1, (RESULTS_MAX - 1) * sizeof *n->results);
        n->n_results--;
    }
    struct plx_notifier_result *r = &n->results[n->n_results++];
    *r = (struct plx_notifier_result){
        .letter = letter->id,
        .state = state,
        .attempts = letter->attempts,
        .at = plx_clock_wall(),
    };
    snprintf(r->receiver, sizeof r->receiver, "%s", lane->receiver.name);
    snprintf(r->why, sizeof r->why, "%s", why);
    eventfd_write(n->event_fd, 1); /* full: readable all the same */
}

/* ---- one attempt's end (with the lock held) ---- */

/* Full periods double; what is drawn lies within a quarter of that. */
static int64_t backoff_ns(struct plx_notifier *n, uint32_t n_failed, int64_t asked_ns)
{
    int64_t ns = n->options.retry_min_ns;
    for (uint32_t i = 1; i < n_failed && ns < n->options.retry_max_ns; i++)
        ns *= 2;
    if (ns > n->options.retry_max_ns)
        ns = n->options.retry_max_ns;
    ns += (int64_t)((double)ns * JITTER * (2 * plx_rng_unit(&n->rng) - 1));
    if (asked_ns > n->options.retry_max_ns)
        asked_ns = n->options.retry_max_ns;
    return ns > asked_ns ? ns : asked_ns;
}

static void conclude(struct plx_notifier *n, struct lane *lane, enum plx_fate fate,
                     int64_t asked_ns, const char *why)
{
    struct plx_letter *letter = &lane->head->letter;
    int64_t age_ns = plx_wall_diff(plx_clock_wall(), letter->created);
    letter->attempts++;
    if (fate == PLX_FATE_DELIVERED) {
        lane->n_failed = 0;
        lane->n_delivered++;
        lane->why[0] = '\0';
        report(n, lane, PLX_LETTER_DELIVERED, why);
        drop_head(lane);
        return;
    }
    lane->n_failed++;
    snprintf(lane->why, sizeof lane->why, "%s", why);
    if (fate == PLX_FATE_REFUSED || age_ns >= lane->receiver.give_up_ns) {
        lane->n_dead++;
        report(n, lane, PLX_LETTER_DEAD, why);
        drop_head(lane);
        lane->next_try = plx_clock_mono();
        return;
    }
    report(n, lane, PLX_LETTER_WAITING, why);
    /* Its last attempt is when its time is over, however long the lane has been waiting
     * from attempt to attempt: a dead letter is to be seen when the rules say so. */
    int64_t wait_ns = backoff_ns(n, lane->n_failed, asked_ns);
    int64_t left_ns = lane->receiver.give_up_ns - age_ns;
    lane->next_try =
        plx_mono_add(plx_clock_mono(), wait_ns < left_ns ? wait_ns : left_ns);
}

static void on_done(void *arg, struct plx_courier_job *job, enum plx_fate fate,
                    int64_t wait_ns, const char *why)
{
    struct plx_notifier *n = arg;
    pthread_mutex_lock(&n->lock);
    for (struct lane *lane = n->lanes; lane; lane = lane->next)
        if (lane->job == job) {
            lane->job = NULL;
            conclude(n, lane, fate, wait_ns, why);
        }
    pthread_mutex_unlock(&n->lock);
}

/* ---- sending (notifier thread, with the lock held) ---- */

/* Whether the rate allows an attempt now; else when it will. */
static bool take_token(struct lane *lane, struct plx_mono now)
{
    double per_ns = lane->receiver.max_per_minute / 60e9;
    double most =
        lane->receiver.max_per_minute < 6 ? 1 : lane->receiver.max_per_minute / 6;
    lane->tokens += (double)plx_mono_diff(now, lane->refilled) * per_ns;
    lane->refilled = now;
    if (lane->tokens > most)
        lane->tokens = most;
    if (lane->tokens >= 1) {
        lane->tokens -= 1;
        return true;
    }
    lane->next_try = plx_mono_add(now, (int64_t)((1 - lane->tokens) / per_ns) + 1);
    return false;
}

/* Lets go of the lock for a while. */
static void begin(struct plx_notifier *n, struct lane *lane, struct plx_mono now)
{
    struct plx_why why = {""};
    if (!lane->configured) {
        conclude(n, lane, PLX_FATE_REFUSED, 0, "there is no such receiver any more");
        return;
    }
    if (!take_token(lane, now))
        return;
    enum plx_fate fate;
    struct plx_courier_job *job = NULL;
    struct plx_receiver receiver;
    plx_receiver_copy(&receiver, &lane->receiver);
    /* It reads secrets from disk, which the loop must not wait for. Lanes stay, and only
     * this thread takes letters out of them. */
    pthread_mutex_unlock(&n->lock);
    int err = plx_courier_send(n->courier, &receiver, lane->head->letter.body, &job,
                               &fate, &why);
    plx_receiver_fini(&receiver);
    pthread_mutex_lock(&n->lock);
    lane->job = job;
    if (err < 0)
        conclude(n, lane, fate, 0, why.text);
}

/* Begins what is due; returns how long nothing else will be, in ms. */
static int begin_due(struct plx_notifier *n)
{
    int64_t wait_ns = IDLE_WAIT_MS * PLX_MS_NS;
    struct plx_mono now = plx_clock_mono();
    for (struct lane *lane = n->lanes; lane; lane = lane->next) {
        if (!lane->job && lane->tests) {
            put_tests_first(lane);
            now = plx_clock_mono();
        }
        while (lane->head && !lane->job && lane->next_try.ns <= now.ns)
            begin(n, lane, now);
        if (lane->head && !lane->job && plx_mono_diff(lane->next_try, now) < wait_ns)
            wait_ns = plx_mono_diff(lane->next_try, now);
    }
    return (int)(wait_ns / PLX_MS_NS) + 1;
}

bool plx_notifier_round(struct plx_notifier *notifier)
{
    pthread_mutex_lock(&notifier->lock);
    bool stopping = notifier->stopping;
    int wait_ms = stopping ? 0 : begin_due(notifier);
    pthread_mutex_unlock(&notifier->lock);
    if (!stopping)
        plx_courier_turn(notifier->courier, wait_ms, on_done, notifier);
    return !stopping;
}

static void *run(void *arg)
{
    struct plx_notifier *n = arg;
    while (plx_notifier_round(n))
        continue;
    return NULL;
}

/* ---- life ---- */

static int start_thread(struct plx_notifier *n, struct plx_why *why)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&n->thread, NULL, run, n);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc ? plx_why_set(why, PLX_EIO, "cannot start the notifier's thread") : 0;
}

int plx_notifier_new(const struct plx_notifier_options *options,
                     struct plx_notifier **ret, struct plx_why *why)
{
    struct plx_notifier *n = calloc(1, sizeof *n);
    if (!n)
        abort();
    n->options = *options;
    if (n->options.retry_min_ns == 0)
        n->options.retry_min_ns = RETRY_MIN_NS;
    if (n->options.retry_max_ns == 0)
        n->options.retry_max_ns = RETRY_MAX_NS;
    plx_rng_init(&n->rng, options->seed);
    pthread_mutex_init(&n->lock, NULL);
    n->results = calloc(RESULTS_MAX, sizeof *n->results);
    n->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!n->results || n->event_fd < 0)
        abort();
    int err =
        plx_courier_new(options->commands_dir, options->secrets_dir, &n->courier, why);
    if (err == 0)
        err = start_thread(n, why);
    if (err < 0) {
        plx_courier_destroy(&n->courier);
        close(n->event_fd);
        free(n->results);
        free(n);
        return err;
    }
    *ret = n;
    return 0;
}

void plx_notifier_destroy(struct plx_notifier **notifier)
{
    struct plx_notifier *n = *notifier;
    if (!n)
        return;
    pthread_mutex_lock(&n->lock);
    n->stopping = true;
    pthread_mutex_unlock(&n->lock);
    plx_courier_wake(n->courier);
    pthread_join(n->thread, NULL);
    plx_courier_destroy(&n->courier);
    while (n->lanes) {
        struct lane *lane = n->lanes;
        n->lanes = lane->next;
        put_tests_first(lane);
        while (lane->head)
            drop_head(lane);
        plx_receiver_fini(&lane->receiver);
        free(lane);
    }
    close(n->event_fd);
    pthread_mutex_destroy(&n->lock);
    free(n->results);
    free(n);
    *notifier = NULL;
}

/* ---- loop thread ---- */

int plx_notifier_fd(const struct plx_notifier *notifier)
{
    return notifier->event_fd;
}

void plx_notifier_set_receivers(struct plx_notifier *notifier,
                                const struct plx_receiver *list, size_t n)
{
    pthread_mutex_lock(&notifier->lock);
    for (struct lane *lane = notifier->lanes; lane; lane = lane->next)
        lane->configured = false;
    for (size_t i = 0; i < n; i++) {
        struct lane *lane = lane_of(notifier, list[i].name);
        plx_receiver_fini(&lane->receiver);
        plx_receiver_copy(&lane->receiver, &list[i]);
        lane->configured = true;
        lane->next_try = plx_clock_mono(); /* what was wrong may be right now */
    }
    pthread_mutex_unlock(&notifier->lock);
    plx_courier_wake(notifier->courier);
}

void plx_notifier_send(struct plx_notifier *notifier, const struct plx_letter *letter)
{
    struct item *item = calloc(1, sizeof *item);
    if (!item)
        abort();
    item->letter = *letter;
    item->letter.key = plx_text_dup(letter->key);
    item->letter.receiver = plx_text_dup(letter->receiver);
    item->letter.event = plx_text_dup(letter->event);
    item->letter.body = plx_text_dup(letter->body);
    item->letter.why = NULL;
    pthread_mutex_lock(&notifier->lock);
    struct lane *lane = lane_of(notifier, letter->receiver);
    if (strcmp(letter->event, "test") == 0) {
        item->next = lane->tests;
        lane->tests = item;
    } else {
        *lane->tail = item;
        lane->tail = &item->next;
    }
    lane->n++;
    pthread_mutex_unlock(&notifier->lock);
    plx_courier_wake(notifier->courier);
}

void plx_notifier_poll(struct plx_notifier *notifier, plx_notifier_fn *fn, void *arg)
{
    eventfd_t count;
    eventfd_read(notifier->event_fd, &count); /* nothing there: the list will show it */
    pthread_mutex_lock(&notifier->lock);
    size_t n = notifier->n_results;
    struct plx_notifier_result *list = calloc(n + 1, sizeof *list);
    if (!list)
        abort();
    memcpy(list, notifier->results, n * sizeof *list);
    notifier->n_results = 0;
    pthread_mutex_unlock(&notifier->lock);
    for (size_t i = 0; i < n; i++)
        fn(arg, &list[i]);
    free(list);
}

size_t plx_notifier_lanes(struct plx_notifier *notifier, struct plx_notifier_lane *ret,
                          size_t max)
{
    size_t n = 0;
    pthread_mutex_lock(&notifier->lock);
    for (const struct lane *lane = notifier->lanes; lane; lane = lane->next, n++) {
        if (n >= max)
            continue;
        ret[n] = (struct plx_notifier_lane){
            .n_waiting = lane->n,
            .n_failed = lane->n_failed,
            .n_delivered = lane->n_delivered,
            .n_dead = lane->n_dead,
        };
        snprintf(ret[n].receiver, sizeof ret[n].receiver, "%s", lane->receiver.name);
        snprintf(ret[n].why, sizeof ret[n].why, "%s", lane->why);
    }
    pthread_mutex_unlock(&notifier->lock);
    return n;
}
