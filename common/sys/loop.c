#include "sys/loop.h"

#include "base/err.h"
#include "sys/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <zmq.h>

#define SOCKETS_MAX   16
#define TIMERS_MAX    16
#define EVENTS_MAX    128
/* Messages one socket may have handled in a turn before the others get theirs. */
#define SOCKET_BUDGET 256

/* One watched descriptor. A removed one stays allocated until the turn ends, because
 * events already fetched may still point to it. */
struct watch {
    int fd; /* -1: removed */
    plx_loop_fd_fn *fn;
    void *arg;
    struct watch *next;
};

struct timer {
    struct plx_loop *loop;
    int fd;
    plx_loop_timer_fn *fn;
    void *arg;
};

struct plx_loop {
    int epoll_fd;
    int signal_fd;
    plx_loop_signal_fn *on_signal;
    void *signal_arg;
    bool running;
    struct watch *watches;
    struct watch *removed;
    size_t n_sockets;
    zmq_pollitem_t items[SOCKETS_MAX + 1]; /* the last one is epoll_fd */
    plx_loop_socket_fn *socket_fns[SOCKETS_MAX];
    void *socket_args[SOCKETS_MAX];
    size_t n_timers;
    struct timer timers[TIMERS_MAX];
};

static void on_signal_fd(void *arg, uint32_t events)
{
    struct plx_loop *loop = arg;
    struct signalfd_siginfo info;
    (void)events;
    while (read(loop->signal_fd, &info, sizeof info) == sizeof info)
        loop->on_signal(loop->signal_arg, (int)info.ssi_signo);
}

static int open_signals(struct plx_loop *loop)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return PLX_EIO;
    loop->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (loop->signal_fd < 0)
        return PLX_EIO;
    return plx_loop_add_fd(loop, loop->signal_fd, EPOLLIN, on_signal_fd, loop);
}

int plx_loop_new(plx_loop_signal_fn *on_signal, void *arg, struct plx_loop **ret,
                 struct plx_why *why)
{
    struct plx_loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        abort();
    loop->signal_fd = -1;
    loop->on_signal = on_signal;
    loop->signal_arg = arg;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0 || (on_signal && open_signals(loop) < 0)) {
        plx_why_set(why, PLX_EIO, "cannot make the event loop: %s", strerror(errno));
        plx_loop_destroy(&loop);
        return PLX_EIO;
    }
    *ret = loop;
    return 0;
}

static void free_watches(struct watch **list)
{
    while (*list) {
        struct watch *w = *list;
        *list = w->next;
        free(w);
    }
}

void plx_loop_destroy(struct plx_loop **loop)
{
    struct plx_loop *l = *loop;
    if (!l)
        return;
    for (size_t i = 0; i < l->n_timers; i++)
        close(l->timers[i].fd);
    if (l->signal_fd >= 0)
        close(l->signal_fd);
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    free_watches(&l->watches);
    free_watches(&l->removed);
    free(l);
    *loop = NULL;
}

int plx_loop_add_fd(struct plx_loop *loop, int fd, uint32_t events, plx_loop_fd_fn *fn,
                    void *arg)
{
    struct watch *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    *w = (struct watch){fd, fn, arg, loop->watches};
    struct epoll_event ev = {.events = events, .data.ptr = w};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
        free(w);
        return PLX_EIO;
    }
    loop->watches = w;
    return 0;
}

static struct watch **find_watch(struct plx_loop *loop, int fd)
{
    for (struct watch **p = &loop->watches; *p; p = &(*p)->next)
        if ((*p)->fd == fd)
            return p;
    return NULL;
}

int plx_loop_change_fd(struct plx_loop *loop, int fd, uint32_t events)
{
    struct watch **w = find_watch(loop, fd);
    if (!w)
        return PLX_ENOTFOUND;
    struct epoll_event ev = {.events = events, .data.ptr = *w};
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &ev) < 0 ? PLX_EIO : 0;
}

void plx_loop_remove_fd(struct plx_loop *loop, int fd)
{
    struct watch **p = find_watch(loop, fd);
    if (!p)
        return;
    struct watch *w = *p;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    *p = w->next;
    w->fd = -1;
    w->next = loop->removed;
    loop->removed = w;
}

int plx_loop_add_socket(struct plx_loop *loop, void *socket, plx_loop_socket_fn *fn,
                        void *arg)
{
    if (loop->n_sockets == SOCKETS_MAX)
        return PLX_ENOMEM;
    size_t i = loop->n_sockets++;
    loop->items[i] = (zmq_pollitem_t){.socket = socket, .events = ZMQ_POLLIN};
    loop->socket_fns[i] = fn;
    loop->socket_args[i] = arg;
    return 0;
}

void plx_loop_remove_socket(struct plx_loop *loop, void *socket)
{
    for (size_t i = 0; i < loop->n_sockets; i++) {
        if (loop->items[i].socket != socket)
            continue;
        size_t last = --loop->n_sockets;
        loop->items[i] = loop->items[last];
        loop->socket_fns[i] = loop->socket_fns[last];
        loop->socket_args[i] = loop->socket_args[last];
        return;
    }
}

static void on_timer_fd(void *arg, uint32_t events)
{
    struct timer *t = arg;
    uint64_t expirations;
    (void)events;
    if (read(t->fd, &expirations, sizeof expirations) == sizeof expirations)
        t->fn(t->arg, plx_clock_mono());
}

int plx_loop_add_timer(struct plx_loop *loop, int64_t period_ns, plx_loop_timer_fn *fn,
                       void *arg)
{
    if (loop->n_timers == TIMERS_MAX)
        return PLX_ENOMEM;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0)
        return PLX_EIO;
    struct timespec period = {.tv_sec = period_ns / PLX_SEC_NS,
                              .tv_nsec = period_ns % PLX_SEC_NS};
    struct itimerspec spec = {.it_interval = period, .it_value = period};
    struct timer *t = &loop->timers[loop->n_timers];
    *t = (struct timer){loop, fd, fn, arg};
    if (timerfd_settime(fd, 0, &spec, NULL) < 0 ||
        plx_loop_add_fd(loop, fd, EPOLLIN, on_timer_fd, t) < 0) {
        close(fd);
        return PLX_EIO;
    }
    loop->n_timers++;
    return 0;
}

static void serve_descriptors(struct plx_loop *loop)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(loop->epoll_fd, events, EVENTS_MAX, 0);
    for (int i = 0; i < n; i++) {
        struct watch *w = events[i].data.ptr;
        if (w->fd >= 0)
            w->fn(w->arg, events[i].events);
    }
    free_watches(&loop->removed);
}

/* Callbacks may remove sockets, so the readiness of this turn is copied first. */
static bool serve_sockets(struct plx_loop *loop)
{
    void *ready[SOCKETS_MAX];
    size_t n_ready = 0;
    bool more = false;
    for (size_t i = 0; i < loop->n_sockets; i++)
        if (loop->items[i].revents)
            ready[n_ready++] = loop->items[i].socket;
    for (size_t r = 0; r < n_ready; r++) {
        for (int budget = SOCKET_BUDGET; budget > 0; budget--) {
            size_t i = 0;
            while (i < loop->n_sockets && loop->items[i].socket != ready[r])
                i++;
            if (i == loop->n_sockets || !loop->socket_fns[i](loop->socket_args[i]))
                break;
            more |= budget == 1;
        }
    }
    return more;
}

void plx_loop_run(struct plx_loop *loop)
{
    bool more = false;
    loop->running = true;
    while (loop->running) {
        loop->items[loop->n_sockets] =
            (zmq_pollitem_t){.fd = loop->epoll_fd, .events = ZMQ_POLLIN};
        int n = zmq_poll(loop->items, (int)loop->n_sockets + 1, more ? 0 : -1);
        if (n < 0 && errno == EINTR)
            continue;
        bool descriptors = loop->items[loop->n_sockets].revents != 0;
        more = serve_sockets(loop);
        if (descriptors)
            serve_descriptors(loop);
    }
}

void plx_loop_stop(struct plx_loop *loop)
{
    loop->running = false;
}
