#include "sys.h"

#include "agent/io/spool_round.h"
#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/bound.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/types.h>

/* 2026-01-01, a Thursday. */
#define EPOCH_NS     (INT64_C(1767225600) * PLX_SEC_NS)
#define GATHER_NS    (50 * PLX_MS_NS)
#define WATCHED      8
#define SPOOL_THREAD 1 /* as a pthread_t */
#define DRAIN_MAX    100000

/* ---- clocks ---- */

static int64_t drifted(const struct plx_sim_node *node)
{
    int64_t now = plx_sim_now();
    return now + now / 1000000 * node->drift_ppb / 1000;
}

struct plx_mono plx_clock_mono(void)
{
    const struct plx_sim_node *node = plx_sim_current();
    return (struct plx_mono){drifted(node) + node->mono_zero_ns};
}

struct plx_wall plx_clock_wall(void)
{
    const struct plx_sim_node *node = plx_sim_current();
    return (struct plx_wall){EPOCH_NS + drifted(node) + node->wall_offset_ns};
}

ssize_t __wrap_getrandom(void *buf, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *buf, size_t len, unsigned flags)
{
    (void)flags;
    for (size_t i = 0; i < len; i += 8) {
        uint64_t bits = plx_rng_u64(plx_sim_rng());
        memcpy((char *)buf + i, &bits, len - i < 8 ? len - i : 8);
    }
    return (ssize_t)len;
}

/* libsodium's, which would ask the kernel. */
void __wrap_randombytes_buf(void *buf, size_t len);
void __wrap_randombytes_buf(void *buf, size_t len)
{
    __wrap_getrandom(buf, len, 0);
}

/* ---- loop ---- */

struct plx_loop {
    struct plx_sim_node *node;
    plx_loop_signal_fn *on_signal;
    void *signal_arg;
    bool stopped;
    struct {
        plx_loop_timer_fn *fn;
        void *arg;
    } timers[WATCHED];
    size_t n_timers;
    struct {
        int fd;
        plx_loop_fd_fn *fn;
        void *arg;
    } fds[WATCHED];
    size_t n_fds;
    struct {
        void *socket;
        plx_loop_socket_fn *fn;
        void *arg;
    } sockets[WATCHED];
    size_t n_sockets;
};

int plx_loop_new(plx_loop_signal_fn *on_signal, void *arg, struct plx_loop **ret,
                 struct plx_why *why)
{
    (void)why;
    struct plx_loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        abort();
    loop->node = plx_sim_current();
    loop->on_signal = on_signal;
    loop->signal_arg = arg;
    loop->node->loop = loop;
    *ret = loop;
    return 0;
}

void plx_loop_destroy(struct plx_loop **loop)
{
    if (!*loop)
        return;
    (*loop)->node->loop = NULL;
    free(*loop);
    *loop = NULL;
}

int plx_loop_add_fd(struct plx_loop *loop, int fd, uint32_t events, plx_loop_fd_fn *fn,
                    void *arg)
{
    (void)events;
    if (loop->n_fds == WATCHED)
        abort();
    loop->fds[loop->n_fds].fd = fd;
    loop->fds[loop->n_fds].fn = fn;
    loop->fds[loop->n_fds++].arg = arg;
    return 0;
}

void plx_loop_remove_fd(struct plx_loop *loop, int fd)
{
    for (size_t i = 0; i < loop->n_fds; i++)
        if (loop->fds[i].fd == fd)
            loop->fds[i] = loop->fds[--loop->n_fds];
}

int plx_loop_add_socket(struct plx_loop *loop, void *socket, plx_loop_socket_fn *fn,
                        void *arg)
{
    if (loop->n_sockets == WATCHED)
        abort();
    loop->sockets[loop->n_sockets].socket = socket;
    loop->sockets[loop->n_sockets].fn = fn;
    loop->sockets[loop->n_sockets++].arg = arg;
    return 0;
}

void plx_loop_remove_socket(struct plx_loop *loop, void *socket)
{
    for (size_t i = 0; i < loop->n_sockets; i++)
        if (loop->sockets[i].socket == socket)
            loop->sockets[i] = loop->sockets[--loop->n_sockets];
}

int plx_loop_add_timer(struct plx_loop *loop, int64_t period_ns, plx_loop_timer_fn *fn,
                       void *arg)
{
    (void)period_ns;
    if (loop->n_timers == WATCHED)
        abort();
    loop->timers[loop->n_timers].fn = fn;
    loop->timers[loop->n_timers++].arg = arg;
    return 0;
}

/* Here the simulation runs, not the loop. */
void plx_loop_run(struct plx_loop *loop)
{
    (void)loop;
    abort();
}

void plx_loop_stop(struct plx_loop *loop)
{
    loop->stopped = true;
}

void plx_sim_loop_tick(struct plx_loop *loop)
{
    for (size_t i = 0; i < loop->n_timers; i++)
        loop->timers[i].fn(loop->timers[i].arg, plx_clock_mono());
}

void plx_sim_loop_fd(struct plx_loop *loop, int fd)
{
    for (size_t i = 0; i < loop->n_fds; i++)
        if (loop->fds[i].fd == fd) {
            loop->fds[i].fn(loop->fds[i].arg, 1);
            return;
        }
}

void plx_sim_loop_socket(struct plx_loop *loop, void *socket)
{
    for (size_t i = 0; i < loop->n_sockets; i++) {
        if (loop->sockets[i].socket != socket)
            continue;
        plx_loop_socket_fn *fn = loop->sockets[i].fn;
        void *arg = loop->sockets[i].arg;
        for (int n = 0; n < DRAIN_MAX && fn(arg); n++)
            continue;
        return;
    }
}

void plx_sim_loop_signal(struct plx_loop *loop, int signo)
{
    loop->on_signal(loop->signal_arg, signo);
}

bool plx_sim_loop_is_stopped(const struct plx_loop *loop)
{
    return loop->stopped;
}

/* ---- threads ---- */

static void on_round(void *arg, uint64_t life)
{
    struct plx_sim_node *node = arg;
    if (node->life != life || !node->up || !node->spool)
        return;
    if (plx_sim_deferred(node, on_round, arg, life, false))
        return;
    plx_sim_enter(node);
    plx_sim_round(node);
    plx_sim_leave();
}

void plx_sim_round(struct plx_sim_node *node)
{
    node->round_is_due = false;
    node->thread_has_told = false;
    plx_spool_round(node->spool);
    if (node->thread_has_told)
        plx_sim_loop_fd(node->loop, plx_spool_fd(node->spool));
}

/* What is given to a spool is counted before the spool sees it. */
void __real_plx_spool_put(struct plx_spool *spool, const struct plx_result *result);
void __wrap_plx_spool_put(struct plx_spool *spool, const struct plx_result *result);
void __wrap_plx_spool_put(struct plx_spool *spool, const struct plx_result *result)
{
    plx_sim_current()->n_put++;
    __real_plx_spool_put(spool, result);
}

/* The descriptor of the process's one thread becomes readable. */
int __wrap_eventfd_write(int fd, eventfd_t value);
int __wrap_eventfd_write(int fd, eventfd_t value)
{
    (void)fd, (void)value;
    plx_sim_current()->thread_has_told = true;
    return 0;
}

void plx_sim_schedule_round(struct plx_sim_node *node, int64_t delay_ns)
{
    if (node->round_is_due || !node->spool)
        return;
    node->round_is_due = true;
    plx_sim_at(plx_sim_now() + delay_ns, on_round, node, node->life, false);
}

/* The one thread that a starting agent makes is its spool's; those made later write one
 * file and end. The coordinator's is its notifier's: fleet/receivers.c takes its turns.
 */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*fn)(void *), void *arg)
{
    struct plx_sim_node *node = plx_sim_current();
    (void)attr;
    *thread = node->opening ? SPOOL_THREAD : 0;
    if (node->opening)
        node->spool = arg;
    else if (node->index != 0)
        fn(arg);
    return 0;
}

/* An orderly end commits what waits; a crash does not. */
int __wrap_pthread_join(pthread_t thread, void **ret);
int __wrap_pthread_join(pthread_t thread, void **ret)
{
    struct plx_sim_node *node = plx_sim_current();
    (void)ret;
    if (thread == SPOOL_THREAD && node->up && plx_sim_loop_is_stopped(node->loop))
        plx_spool_round(node->spool);
    return 0;
}

/* Wakes the spool: what is gathered first is drawn from the seed. */
int __wrap_pthread_cond_signal(pthread_cond_t *cond);
int __wrap_pthread_cond_signal(pthread_cond_t *cond)
{
    (void)cond;
    plx_sim_schedule_round(plx_sim_current(), plx_sim_between(PLX_MS_NS, GATHER_NS));
    return 0;
}

/* ---- log ---- */

static const char *const level_words[] = {"debug", "info", "warn", "error"};

void plx_log(enum plx_log_level level, const char *event, ...)
{
    if (!plx_sim_is_told())
        return;
    FILE *out = plx_sim_transcript();
    va_list args;
    plx_sim_say_begin();
    fprintf(out, "%s %s", level_words[level], event);
    va_start(args, event);
    for (const char *key = va_arg(args, const char *); key;
         key = va_arg(args, const char *)) {
        const char *value = va_arg(args, const char *);
        fprintf(out, " %s=\"%s\"", key, value ? value : "");
    }
    va_end(args);
    fputc('\n', out);
}

/* Nobody reloads a configuration here. */
void plx_log_set_level(enum plx_log_level level)
{
    (void)level;
}

void plx_log_json(bool on)
{
    (void)on;
}

int plx_log_level_parse(const char *token, enum plx_log_level *ret)
{
    (void)token, (void)ret;
    return PLX_EINVAL;
}

void plx_logf(enum plx_log_level level, const char *event, const char *key,
              const char *fmt, ...)
{
    if (!plx_sim_is_told())
        return;
    FILE *out = plx_sim_transcript();
    va_list args;
    plx_sim_say_begin();
    fprintf(out, "%s %s %s=\"", level_words[level], event, key);
    va_start(args, fmt);
    vfprintf(out, fmt, args);
    va_end(args);
    fputs("\"\n", out);
}

/* ---- files: one for each node is all there is ---- */

static struct {
    char *text;
    size_t len;
} files[PLX_SIM_NODES_MAX];

void plx_sim_files_end(void)
{
    for (size_t i = 0; i < PLX_SIM_NODES_MAX; i++)
        free(files[i].text);
    memset(files, 0, sizeof files);
}

char *plx_file_path(const char *dir, const char *name)
{
    size_t len = strlen(dir) + strlen(name) + 2;
    char *path = malloc(len);
    if (!path)
        abort();
    snprintf(path, len, "%s/%s", dir, name);
    return path;
}

int plx_file_read(const char *path, size_t max, char **ret_text, size_t *ret_len,
                  struct plx_why *why)
{
    uint32_t node = plx_sim_current()->index;
    (void)max;
    if (!files[node].text)
        return plx_why_set(why, PLX_ENOTFOUND, "%s: no such file", path);
    *ret_text = malloc(files[node].len + 1);
    if (!*ret_text)
        abort();
    memcpy(*ret_text, files[node].text, files[node].len);
    *ret_len = files[node].len;
    return 0;
}

/* Secrets of receivers: no world has any. */
int plx_file_read_in(const char *dir, const char *name, size_t max, char **ret_text,
                     size_t *ret_len, struct plx_why *why)
{
    (void)max;
    *ret_text = NULL;
    *ret_len = 0;
    return plx_why_set(why, PLX_ENOTFOUND, "%s/%s: no such file", dir, name);
}

/* Atomic as the real one: a process that is gone writes nothing, a full disk neither. */
int plx_file_write_private(const char *path, const char *text, size_t len,
                           struct plx_why *why)
{
    const struct plx_sim_node *node = plx_sim_current();
    if (!node->up || node->disk_full_until > plx_sim_now())
        return plx_why_set(why, PLX_ENOSPACE, "%s: no space left", path);
    char *copy = malloc(len + 1);
    if (!copy)
        abort();
    memcpy(copy, text, len);
    free(files[node->index].text);
    files[node->index].text = copy;
    files[node->index].len = len;
    return 0;
}

void plx_bound_endpoint(struct plx_channel *channel, char ret[PLX_BOUND_MAX])
{
    (void)channel;
    snprintf(ret, PLX_BOUND_MAX, "tcp://127.0.0.1:7440");
}
