/* Probe sockets as direct descriptors of io_uring: a table of files beside the process's
 * own, so that RLIMIT_NOFILE bounds what is called on at a time and not what is in
 * flight.
 *
 * A table holds as many files as RLIMIT_NOFILE at most (the kernel checks), so that there
 * is a ring for every RING_FILES members. A ring is never waited for: completions are
 * made when we look (DEFER_TASKRUN), and a flag in shared memory says whether looking is
 * worth a call. Options of a socket, TCP_INFO above all, cannot be read through a direct
 * descriptor (SOCKET_URING_OP_GETSOCKOPT knows SOL_SOCKET only): FIXED_FD_INSTALL
 * lends an ordinary descriptor for that, in a microsecond with its close().
 * Linux >= 6.8; docs/OUTCOMES.md has the measurements. */
#include "agent/io/probe_socket.h"
#include "agent/io/socket_set.h"
#include "base/err.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RING_FILES  8192
#define SQ_ENTRIES  256
#define CQ_ENTRIES  8192
#define MEMBER_BITS 32

/* linux/io_uring.h of 6.8; the header here may be older than the kernel. */
#define OP_FIXED_FD_INSTALL 54

/* What a completion is of, beside polls, whose user_data has a generation >= 1 on top. */
enum { INSTALLED = 0, CANCELLED = 1 };

struct ring {
    struct io_uring uring;
    bool enabled; /* by the thread that uses it: it is the ring's from then on */
};

struct set {
    struct plx_socket_set base;
    struct ring *rings;
    uint32_t n_rings, ring_files, max;
    uint32_t *generations; /* of a member's poll; a completion of another is stale */
    struct plx_socket_event *waiting; /* seen while something else was looked for */
    uint32_t n_waiting;
};

static struct set *of(struct plx_socket_set *set)
{
    return (struct set *)set;
}

static struct ring *ring_of(struct set *s, uint32_t member)
{
    return &s->rings[member / s->ring_files];
}

static int file_of(const struct set *s, uint32_t member)
{
    return (int)(member % s->ring_files);
}

/* ---- open and close ---- */

static int open_ring(struct ring *r, uint32_t n_files)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED |
                 IORING_SETUP_CQSIZE,
        .cq_entries = CQ_ENTRIES,
    };
    int err = io_uring_queue_init_params(SQ_ENTRIES, &r->uring, &params);
    if (err)
        return -err;
    err = io_uring_register_files_sparse(&r->uring, n_files);
    if (err) {
        io_uring_queue_exit(&r->uring);
        return -err;
    }
    return 0;
}

/* liburing 2.3 declares io_uring_enable_rings and does not have it. */
static int enable(struct ring *r)
{
    if (r->enabled)
        return 0;
    if (syscall(SYS_io_uring_register, r->uring.ring_fd, IORING_REGISTER_ENABLE_RINGS,
                NULL, 0) < 0)
        return errno;
    r->enabled = true;
    return 0;
}

static bool knows_install(struct ring *r)
{
    struct io_uring_probe *probe = io_uring_get_probe_ring(&r->uring);
    bool known = probe && probe->last_op >= OP_FIXED_FD_INSTALL &&
                 (probe->ops[OP_FIXED_FD_INSTALL].flags & IO_URING_OP_SUPPORTED);
    io_uring_free_probe(probe);
    return known;
}

static void close_set(struct plx_socket_set **set)
{
    struct set *s = of(*set);
    for (uint32_t i = 0; i < s->n_rings; i++)
        io_uring_queue_exit(&s->rings[i].uring);
    free(s->rings);
    free(s->generations);
    free(s->waiting);
    free(s);
    *set = NULL;
}

static const char *hint_of(int err)
{
    switch (err) {
    case EPERM:
        return " (kernel.io_uring_disabled, or a seccomp filter as in containers)";
    case ENOSYS:
        return " (this kernel has none, or a seccomp filter hides it)";
    case EINVAL:
        return " (Linux 6.8 or later is needed)";
    case ENOMEM:
        return " (memory, or RLIMIT_MEMLOCK)";
    default:
        return "";
    }
}

static void make_tables(struct set *s, uint32_t max)
{
    struct rlimit limit;
    s->max = max ? max : 1;
    s->ring_files = RING_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < RING_FILES)
        s->ring_files = limit.rlim_cur > 0 ? (uint32_t)limit.rlim_cur : 1;
    uint32_t n = (s->max + s->ring_files - 1) / s->ring_files;
    s->rings = calloc(n, sizeof *s->rings);
    s->generations = calloc(s->max, sizeof *s->generations);
    s->waiting = calloc(s->max, sizeof *s->waiting);
    if (!s->rings || !s->generations || !s->waiting)
        abort();
}

static int open_set(uint32_t max, struct plx_socket_set **ret, struct plx_why *why)
{
    struct set *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->base.engine = &plx_socket_uring;
    make_tables(s, max);
    int err = 0;
    while (!err && s->n_rings * s->ring_files < s->max) {
        err = open_ring(&s->rings[s->n_rings], s->ring_files);
        s->n_rings += err == 0;
    }
    if (!err && !knows_install(&s->rings[0]))
        err = EINVAL;
    struct plx_socket_set *set = &s->base;
    if (err) {
        plx_why_set(why, PLX_EIO, "cannot use io_uring: %s%s", strerror(err),
                    hint_of(err));
        close_set(&set);
        return PLX_EIO;
    }
    *ret = set;
    return 0;
}

static int set_fd(const struct plx_socket_set *set)
{
    (void)set;
    return -1;
}

/* ---- requests ---- */

/* A cleared request; the queue is submitted when it is full. */
static struct io_uring_sqe *request(struct ring *r)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&r->uring);
    while (!sqe) {
        io_uring_submit(&r->uring);
        sqe = io_uring_get_sqe(&r->uring);
    }
    return sqe;
}

static uint64_t poll_data(const struct set *s, uint32_t member)
{
    return (uint64_t)s->generations[member] << MEMBER_BITS | member;
}

/* Keeps a poll's completion, unless another poll has taken its place. (There is room for
 * one of each member; what finds none is found by its deadline.) */
static void keep(struct set *s, const struct io_uring_cqe *cqe)
{
    uint32_t member = (uint32_t)cqe->user_data;
    if (cqe->user_data >> MEMBER_BITS == 0 || member >= s->max ||
        poll_data(s, member) != cqe->user_data || cqe->res < 0 || s->n_waiting == s->max)
        return;
    s->generations[member]++; /* a poll tells once */
    s->waiting[s->n_waiting++] = (struct plx_socket_event){member, (uint32_t)cqe->res};
}

/* Takes in completions until there are none or one of ours (`INSTALLED`) is there, whose
 * result is given. */
static bool reap(struct set *s, struct ring *r, int *ret_installed)
{
    struct io_uring_cqe *cqe;
    while (io_uring_peek_cqe(&r->uring, &cqe) == 0) {
        bool installed = cqe->user_data == INSTALLED;
        int res = cqe->res;
        if (!installed)
            keep(s, cqe);
        io_uring_cqe_seen(&r->uring, cqe);
        if (installed) {
            *ret_installed = res;
            return true;
        }
    }
    return false;
}

static int add(struct plx_socket_set *set, uint32_t member, int fd, uint32_t events)
{
    struct set *s = of(set);
    struct ring *r = ring_of(s, member);
    (void)events; /* connect()'s end is all that is waited for here */
    int err = enable(r);
    if (err)
        return err;
    int n =
        io_uring_register_files_update(&r->uring, (unsigned)file_of(s, member), &fd, 1);
    return n == 1 ? 0 : n < 0 ? -n : EIO;
}

static int fetch(struct plx_socket_set *set, uint32_t member, int *fd)
{
    struct set *s = of(set);
    struct ring *r = ring_of(s, member);
    int installed = -EIO;
    if (*fd != PLX_SOCKET_AWAY)
        return 0;
    struct io_uring_sqe *sqe = request(r);
    io_uring_prep_rw(OP_FIXED_FD_INSTALL, sqe, file_of(s, member), NULL, 0, 0);
    sqe->flags |= IOSQE_FIXED_FILE; /* and O_CLOEXEC, as no flag says otherwise */
    sqe->user_data = INSTALLED;
    int n = io_uring_submit(&r->uring);
    if (n < 0)
        return -n;
    while (!reap(s, r, &installed)) {
        n = io_uring_submit_and_wait(&r->uring, 1);
        if (n < 0 && n != -EINTR)
            return -n;
    }
    if (installed < 0)
        return -installed;
    *fd = installed;
    return 0;
}

static void settle(struct plx_socket_set *set, uint32_t member, int *fd, bool armed)
{
    struct set *s = of(set);
    struct ring *r = ring_of(s, member);
    if (*fd >= 0)
        close(*fd);
    *fd = PLX_SOCKET_AWAY;
    s->generations[member] += s->generations[member] == UINT32_MAX ? 2 : 1;
    if (!armed)
        return;
    struct io_uring_sqe *sqe = request(r);
    io_uring_prep_poll_add(sqe, file_of(s, member), EPOLLOUT);
    sqe->flags |= IOSQE_FIXED_FILE;
    sqe->user_data = poll_data(s, member);
}

/* A poll under way would hold the socket: the RST ends it where we have a descriptor. */
static void drop(struct plx_socket_set *set, uint32_t member, int *fd)
{
    struct set *s = of(set);
    struct ring *r = ring_of(s, member);
    int none = -1;
    if (*fd >= 0) {
        plx_probe_socket_disarm(*fd);
        close(*fd);
    } else {
        struct io_uring_sqe *sqe = request(r);
        io_uring_prep_poll_remove(sqe, poll_data(s, member));
        sqe->user_data = CANCELLED;
        io_uring_submit(&r->uring);
    }
    s->generations[member]++;
    io_uring_register_files_update(&r->uring, (unsigned)file_of(s, member), &none, 1);
    *fd = PLX_SOCKET_NONE;
}

/* ---- events ---- */

/* Submits what is queued and has the kernel make completions, if it has any to make. */
static void look(struct set *s, struct ring *r)
{
    int installed;
    unsigned flags = IO_URING_READ_ONCE(*r->uring.sq.kflags);
    bool has_work = (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
    if (r->enabled && (has_work || io_uring_sq_ready(&r->uring) > 0))
        io_uring_submit_and_get_events(&r->uring);
    if (r->enabled)
        (void)reap(s, r, &installed);
}

static int take(struct plx_socket_set *set, struct plx_socket_event *events, int max)
{
    struct set *s = of(set);
    if (s->n_waiting < (uint32_t)max)
        for (uint32_t i = 0; i < s->n_rings; i++)
            look(s, &s->rings[i]);
    uint32_t n = s->n_waiting < (uint32_t)max ? s->n_waiting : (uint32_t)max;
    memcpy(events, s->waiting, n * sizeof *events);
    s->n_waiting -= n;
    memmove(s->waiting, s->waiting + n, s->n_waiting * sizeof *s->waiting);
    return (int)n;
}

const struct plx_socket_engine plx_socket_uring = {
    .token = "io_uring",
    .open = open_set,
    .close = close_set,
    .fd = set_fd,
    .add = add,
    .fetch = fetch,
    .settle = settle,
    .drop = drop,
    .take = take,
};
