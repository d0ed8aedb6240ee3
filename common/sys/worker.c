#include "sys/worker.h"

#include "base/err.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct task {
    plx_worker_work_fn *work;
    plx_worker_done_fn *done;
    void *arg;
};

/* A ring of tasks: [n_taken, n_worked) waits for `done`, [n_worked, n_given) for the
 * thread. Counters only grow. */
struct plx_worker {
    struct plx_loop *loop;
    int wake_fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    bool stopping;
    size_t capacity;
    size_t n_taken, n_worked, n_given;
    struct task *ring;
};

static void *run(void *arg)
{
    struct plx_worker *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->stopping) {
        if (w->n_worked == w->n_given) {
            pthread_cond_wait(&w->more, &w->lock);
            continue;
        }
        struct task task = w->ring[w->n_worked % w->capacity];
        pthread_mutex_unlock(&w->lock);
        task.work(task.arg);
        pthread_mutex_lock(&w->lock);
        w->n_worked++;
        const uint64_t one = 1;
        ssize_t n = write(w->wake_fd, &one, sizeof one);
        (void)n; /* it can only fail full, and then the loop is awake already */
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* The oldest task that is not handed back; `all`: worked on or not. */
static bool take(struct plx_worker *w, bool all, struct task *ret, bool *ret_worked)
{
    pthread_mutex_lock(&w->lock);
    bool any = w->n_taken < (all ? w->n_given : w->n_worked);
    if (any) {
        *ret = w->ring[w->n_taken % w->capacity];
        *ret_worked = w->n_taken < w->n_worked;
        w->n_taken++;
    }
    pthread_mutex_unlock(&w->lock);
    return any;
}

static void hand_back(struct plx_worker *w, bool all)
{
    struct task task;
    bool worked;
    while (take(w, all, &task, &worked))
        task.done(task.arg, worked);
}

static void on_wake(void *arg, uint32_t events)
{
    struct plx_worker *w = arg;
    uint64_t n;
    (void)events;
    ssize_t got = read(w->wake_fd, &n, sizeof n);
    (void)got;
    hand_back(w, false);
}

int plx_worker_new(struct plx_loop *loop, size_t capacity, struct plx_worker **ret,
                   struct plx_why *why)
{
    struct plx_worker *w = calloc(1, sizeof *w);
    struct task *ring = calloc(capacity, sizeof *ring);
    if (!w || !ring)
        abort();
    *w = (struct plx_worker){.loop = loop, .capacity = capacity, .ring = ring};
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int e = errno;
    if (w->wake_fd >= 0 && plx_loop_add_fd(loop, w->wake_fd, EPOLLIN, on_wake, w) == 0) {
        e = pthread_create(&w->thread, NULL, run, w);
        if (e == 0) {
            *ret = w;
            return 0;
        }
        plx_loop_remove_fd(loop, w->wake_fd);
    }
    int err = plx_why_set(why, PLX_EIO, "cannot start a thread: %s", strerror(e));
    if (w->wake_fd >= 0)
        close(w->wake_fd);
    free(ring);
    free(w);
    return err;
}

void plx_worker_destroy(struct plx_worker **worker)
{
    struct plx_worker *w = *worker;
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    hand_back(w, true);
    plx_loop_remove_fd(w->loop, w->wake_fd);
    close(w->wake_fd);
    pthread_cond_destroy(&w->more);
    pthread_mutex_destroy(&w->lock);
    free(w->ring);
    free(w);
    *worker = NULL;
}

int plx_worker_submit(struct plx_worker *w, plx_worker_work_fn *work,
                      plx_worker_done_fn *done, void *arg)
{
    pthread_mutex_lock(&w->lock);
    bool room = !w->stopping && w->n_given - w->n_taken < w->capacity;
    if (room) {
        w->ring[w->n_given++ % w->capacity] = (struct task){work, done, arg};
        pthread_cond_signal(&w->more);
    }
    pthread_mutex_unlock(&w->lock);
    return room ? 0 : PLX_EAGAIN;
}
