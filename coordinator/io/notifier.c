#include "coordinator/io/notifier.h"

#include "base/err.h"
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

#define RESULTS_MAX  4096 /* then attempts that are repeated are not reported */
#define IDLE_WAIT_MS 1000

/* An attempt on its way. */
struct transfer {
    struct transfer *next;
    struct plx_courier_job *job;
    uint32_t lane;
};

struct plx_notifier {
    pthread_t thread;
    int event_fd;
    struct plx_courier *courier; /* notifier thread; waking it is for any */
    struct transfer *transfers;  /* notifier thread */

    pthread_mutex_t lock; /* guards from here … */
    bool stopping;
    struct plx_outbox *outbox;
    struct plx_outbox_result *results;
    size_t n_results, cap_results;
    /* … to here */
};

/* ---- one attempt (notifier thread, with the lock held) ---- */

/* How a letter ended is kept however long the loop does not come: there is one for each.
 */
static void report(struct plx_notifier *n, const struct plx_outbox_result *result)
{
    if (n->n_results >= RESULTS_MAX && result->state == PLX_LETTER_WAITING)
        return;
    if (n->n_results == n->cap_results) {
        n->cap_results = n->cap_results ? 2 * n->cap_results : 64;
        n->results = realloc(n->results, n->cap_results * sizeof *n->results);
        if (!n->results)
            abort();
    }
    n->results[n->n_results++] = *result;
    eventfd_write(n->event_fd, 1); /* full: readable all the same */
}

static void conclude(struct plx_notifier *n, uint32_t lane, enum plx_fate fate,
                     int64_t asked_ns, const char *why)
{
    struct plx_outbox_result result;
    plx_outbox_conclude(n->outbox, lane, plx_clock_mono(), plx_clock_wall(), fate,
                        asked_ns, why, &result);
    report(n, &result);
}

static void add_transfer(struct plx_notifier *n, struct plx_courier_job *job,
                         uint32_t lane)
{
    struct transfer *transfer = calloc(1, sizeof *transfer);
    if (!transfer)
        abort();
    *transfer = (struct transfer){n->transfers, job, lane};
    n->transfers = transfer;
}

static void on_done(void *arg, struct plx_courier_job *job, enum plx_fate fate,
                    int64_t wait_ns, const char *why)
{
    struct plx_notifier *n = arg;
    struct transfer **at = &n->transfers;
    while ((*at)->job != job)
        at = &(*at)->next;
    struct transfer *done = *at;
    *at = done->next;
    pthread_mutex_lock(&n->lock);
    conclude(n, done->lane, fate, wait_ns, why);
    pthread_mutex_unlock(&n->lock);
    free(done);
}

/* Lets go of the lock for a while. */
static void begin(struct plx_notifier *n, const struct plx_outbox_attempt *attempt)
{
    struct plx_why why = {""};
    enum plx_fate fate;
    struct plx_courier_job *job = NULL;
    struct plx_receiver receiver;
    if (!attempt->receiver) {
        conclude(n, attempt->lane, PLX_FATE_REFUSED, 0,
                 "there is no such receiver any more");
        return;
    }
    plx_receiver_copy(&receiver, attempt->receiver);
    /* It reads secrets from disk, which the loop must not wait for. What is under way
     * stays in the outbox until it is concluded. */
    pthread_mutex_unlock(&n->lock);
    int err =
        plx_courier_send(n->courier, &receiver, attempt->letter->body, &job, &fate, &why);
    plx_receiver_fini(&receiver);
    pthread_mutex_lock(&n->lock);
    if (err < 0)
        conclude(n, attempt->lane, fate, 0, why.text);
    else
        add_transfer(n, job, attempt->lane);
}

/* Begins what is due; returns how long nothing else will be, in ms. */
static int begin_due(struct plx_notifier *n)
{
    struct plx_outbox_attempt attempt;
    int64_t wait_ns;
    while (plx_outbox_next(n->outbox, plx_clock_mono(), &attempt, &wait_ns))
        begin(n, &attempt);
    if (wait_ns > IDLE_WAIT_MS * PLX_MS_NS)
        wait_ns = IDLE_WAIT_MS * PLX_MS_NS;
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

static struct plx_outbox *outbox_new(const struct plx_notifier_options *options)
{
    struct plx_outbox_policy policy;
    plx_outbox_policy_default(&policy);
    policy.seed = options->seed;
    if (options->retry_min_ns > 0)
        policy.retry_min_ns = options->retry_min_ns;
    if (options->retry_max_ns > 0)
        policy.retry_max_ns = options->retry_max_ns;
    return plx_outbox_new(&policy);
}

int plx_notifier_new(const struct plx_notifier_options *options,
                     struct plx_notifier **ret, struct plx_why *why)
{
    struct plx_notifier *n = calloc(1, sizeof *n);
    if (!n)
        abort();
    n->outbox = outbox_new(options);
    pthread_mutex_init(&n->lock, NULL);
    n->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (n->event_fd < 0)
        abort();
    int err =
        plx_courier_new(options->commands_dir, options->secrets_dir, &n->courier, why);
    if (err == 0)
        err = start_thread(n, why);
    if (err < 0) {
        plx_courier_destroy(&n->courier);
        plx_outbox_destroy(&n->outbox);
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
    while (n->transfers) {
        struct transfer *transfer = n->transfers;
        n->transfers = transfer->next;
        free(transfer);
    }
    plx_outbox_destroy(&n->outbox);
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
    plx_outbox_set_receivers(notifier->outbox, plx_clock_mono(), list, n);
    pthread_mutex_unlock(&notifier->lock);
    plx_courier_wake(notifier->courier);
}

void plx_notifier_send(struct plx_notifier *notifier, const struct plx_letter *letter)
{
    pthread_mutex_lock(&notifier->lock);
    plx_outbox_put(notifier->outbox, letter);
    pthread_mutex_unlock(&notifier->lock);
    plx_courier_wake(notifier->courier);
}

void plx_notifier_poll(struct plx_notifier *notifier, plx_notifier_fn *fn, void *arg)
{
    eventfd_t count;
    eventfd_read(notifier->event_fd, &count); /* nothing there: the list will show it */
    pthread_mutex_lock(&notifier->lock);
    size_t n = notifier->n_results;
    struct plx_outbox_result *list = notifier->results;
    notifier->results = NULL;
    notifier->n_results = notifier->cap_results = 0;
    pthread_mutex_unlock(&notifier->lock);
    for (size_t i = 0; i < n; i++)
        fn(arg, &list[i]);
    free(list);
}

void plx_notifier_clock_set(struct plx_notifier *notifier, int64_t step_ns)
{
    pthread_mutex_lock(&notifier->lock);
    plx_outbox_clock_set(notifier->outbox, step_ns);
    pthread_mutex_unlock(&notifier->lock);
}

void plx_notifier_noted(struct plx_notifier *notifier, uint64_t letter)
{
    pthread_mutex_lock(&notifier->lock);
    plx_outbox_noted(notifier->outbox, letter);
    pthread_mutex_unlock(&notifier->lock);
    plx_courier_wake(notifier->courier);
}

size_t plx_notifier_lanes(struct plx_notifier *notifier, struct plx_outbox_lane *ret,
                          size_t max)
{
    pthread_mutex_lock(&notifier->lock);
    size_t n = plx_outbox_lanes(notifier->outbox, ret, max);
    pthread_mutex_unlock(&notifier->lock);
    return n;
}
