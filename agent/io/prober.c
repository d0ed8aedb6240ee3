#include "agent/io/prober.h"

#include "agent/core/attempt.h"
#include "agent/core/sources.h"
#include "agent/core/wheel.h"
#include "agent/io/probe_socket.h"
#include "agent/io/routes.h"
#include "base/err.h"
#include "sys/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_MAX 256
/* Batches of events taken in at a time before the loop's others get their turn. */
#define BATCHES    16
#define NOBODY     UINT32_MAX
/* Targets whose source address is remembered: 2 MiB, touched as it is used. */
#define SOURCES    131072

/* Sockets whose ends wait for the tick, and those whose ends wake the loop. */
enum set { QUIET, WATCHED, N_SETS };

/* One attempt, or an idle socket. */
struct flight {
    uint64_t cookie;
    int64_t started_ns;
    int64_t timeout_ns;
    int fd; /* -1: none */
    uint32_t next_free;
    struct plx_addr addr;
    uint8_t family;
    uint16_t port;
    bool watched; /* the set its socket is in, if it has one */
    bool armed;
    bool bound;     /* to a source: not for the pool */
    bool held_back; /* half-open: the third ACK */
};

struct plx_prober {
    int epoll_fds[N_SETS];
    int routes_fd; /* -1: changes are not told */
    bool reuse;
    struct flight *flights;
    uint32_t n_flights;
    uint32_t idle[N_SETS][2]; /* heads of free lists: with a socket of that set and
                                 family (4, 6) */
    uint32_t bare;            /* without a socket */
    uint32_t in_flight, n_watched;
    struct plx_sources *sources;
    uint32_t connects; /* in this turn */
    struct plx_wheel wheel;
    int64_t turn_ns;  /* when the last turn began */
    int64_t stall_ns; /* the last time the loop stood still, if worth naming and as long
                         as not all that fell into it has been seen */
    bool settled;     /* all has been seen since */
    int64_t worst_stall_ns;
    plx_prober_done_fn *done;
    void *arg;
};

static uint32_t *list_of(struct plx_prober *p, bool watched, uint8_t family)
{
    return &p->idle[watched ? WATCHED : QUIET][family == 6];
}

static void push(struct plx_prober *p, uint32_t *list, uint32_t i)
{
    p->flights[i].next_free = *list;
    *list = i;
}

static uint32_t pop(struct plx_prober *p, uint32_t *list)
{
    uint32_t i = *list;
    if (i != NOBODY)
        *list = p->flights[i].next_free;
    return i;
}

static int open_sets(struct plx_prober *p)
{
    for (int set = 0; set < N_SETS; set++) {
        p->epoll_fds[set] = epoll_create1(EPOLL_CLOEXEC);
        if (p->epoll_fds[set] < 0)
            return PLX_EIO;
    }
    p->routes_fd = plx_routes_watch();
    if (p->routes_fd >= 0)
        p->sources = plx_sources_new(SOURCES);
    return 0;
}

int plx_prober_new(uint32_t max, plx_prober_done_fn *done, void *arg,
                   struct plx_prober **ret, struct plx_why *why)
{
    struct plx_prober *p = calloc(1, sizeof *p);
    struct flight *flights = calloc(max, sizeof *flights);
    if (!p || !flights)
        abort();
    p->flights = flights;
    p->epoll_fds[QUIET] = p->epoll_fds[WATCHED] = p->routes_fd = -1;
    plx_wheel_init(&p->wheel, max, plx_clock_mono());
    if (open_sets(p)) {
        plx_why_set(why, PLX_EIO, "cannot make an epoll: %s", strerror(errno));
        plx_prober_destroy(&p);
        return PLX_EIO;
    }
    p->n_flights = max;
    p->bare = NOBODY;
    for (int set = 0; set < N_SETS; set++)
        p->idle[set][0] = p->idle[set][1] = NOBODY;
    for (uint32_t i = max; i-- > 0;) {
        flights[i].fd = -1;
        push(p, &p->bare, i);
    }
    p->done = done;
    p->arg = arg;
    p->reuse = plx_probe_socket_reuse_works();
    p->turn_ns = plx_clock_mono().ns;
    *ret = p;
    return 0;
}

void plx_prober_destroy(struct plx_prober **prober)
{
    struct plx_prober *p = *prober;
    if (!p)
        return;
    for (uint32_t i = 0; i < p->n_flights; i++)
        if (p->flights[i].fd >= 0)
            close(p->flights[i].fd);
    plx_wheel_fini(&p->wheel);
    plx_sources_destroy(&p->sources);
    for (int set = 0; set < N_SETS; set++)
        if (p->epoll_fds[set] >= 0)
            close(p->epoll_fds[set]);
    if (p->routes_fd >= 0)
        close(p->routes_fd);
    free(p->flights);
    free(p);
    *prober = NULL;
}

int plx_prober_fd(const struct plx_prober *prober)
{
    return prober->epoll_fds[WATCHED];
}

static void drop_socket(struct flight *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

/* Opens a socket for the flight and registers it. */
static int open_socket(struct plx_prober *p, uint32_t i, uint8_t family)
{
    struct flight *f = &p->flights[i];
    int err = plx_probe_socket_open(family, &f->fd);
    if (err)
        return err;
    struct epoll_event ev = {.events = EPOLLOUT | EPOLLET, .data.u32 = i};
    int set = f->watched ? WATCHED : QUIET;
    if (epoll_ctl(p->epoll_fds[set], EPOLL_CTL_ADD, f->fd, &ev) < 0) {
        err = errno;
        drop_socket(f);
        return err;
    }
    f->family = family;
    return 0;
}

/* A flight with a socket of the set and family if the pool has one, else one without. */
static uint32_t take_flight(struct plx_prober *p, bool watched, uint8_t family,
                            bool fresh)
{
    uint32_t i = fresh ? NOBODY : pop(p, list_of(p, watched, family));
    if (i == NOBODY)
        i = pop(p, &p->bare);
    for (int other = 0; i == NOBODY && other < N_SETS * 2; other++)
        i = pop(p, &p->idle[other / 2][other % 2]);
    if (i == NOBODY)
        return NOBODY;
    struct flight *f = &p->flights[i];
    if (f->fd >= 0 && (fresh || f->family != family || f->watched != watched))
        drop_socket(f);
    f->watched = watched;
    return i;
}

static void give_back(struct plx_prober *p, uint32_t i)
{
    struct flight *f = &p->flights[i];
    bool keep = f->fd >= 0 && p->reuse && !f->bound;
    if (keep && f->armed)
        keep = plx_probe_socket_disarm(f->fd) == 0;
    if (!keep)
        drop_socket(f);
    f->armed = false;
    push(p, keep ? list_of(p, f->watched, f->family) : &p->bare, i);
}

/* Ends the attempt: the socket first (every millisecond counts towards the third ACK),
 * then the word to the caller. */
static void conclude(struct plx_prober *p, uint32_t i, struct plx_attempt_facts *facts,
                     struct plx_mono now)
{
    struct flight *f = &p->flights[i];
    struct plx_result evidence = {.address = f->addr, .source = facts->source};
    struct plx_mono started = {f->started_ns};
    uint64_t cookie = f->cookie;
    facts->elapsed_ns = now.ns - f->started_ns;
    facts->timeout_ns = f->timeout_ns;
    facts->held_back = f->held_back;
    facts->watched = f->watched;
    int64_t stall = now.ns - p->turn_ns > p->stall_ns ? now.ns - p->turn_ns : p->stall_ns;
    facts->stall_ns = stall < facts->elapsed_ns ? stall : facts->elapsed_ns;
    give_back(p, i);
    plx_attempt_conclude(facts, &evidence);
    p->done(p->arg, cookie, &evidence, started);
}

/* Where the attempt went out from: the kernel is asked unless the target is known. An
 * error is asked about always, because what it means may depend on the answer. */
static void find_source(struct plx_prober *p, const struct flight *f,
                        struct plx_attempt_facts *facts, struct plx_mono now)
{
    bool ordinary = p->sources && !f->bound && facts->end == PLX_END_CONNECTED;
    if (ordinary && plx_sources_find(p->sources, &f->addr, f->port, now, &facts->source))
        return;
    facts->source = plx_probe_socket_source(f->fd);
    if (ordinary)
        plx_sources_learn(p->sources, &f->addr, f->port, (struct plx_mono){f->started_ns},
                          &facts->source);
    /* Said by this host itself: whose first hop is silent, the target's or our gateway's?
     */
    if (facts->has_icmp && plx_addr_equal(&facts->icmp_from, &facts->source))
        facts->via_gateway = plx_routes_via_gateway(&f->addr, &facts->source);
}

/* An attempt in flight has ended; it is out of the wheel. */
static void land(struct plx_prober *p, uint32_t i, struct plx_attempt_facts *facts,
                 struct plx_mono now)
{
    find_source(p, &p->flights[i], facts, now);
    p->in_flight--;
    p->n_watched -= p->flights[i].watched;
    conclude(p, i, facts, now);
}

/* socket(), bind() and connect(); returns 0 or an errno value and the step it is of. */
static int launch(struct plx_prober *p, uint32_t i, const struct plx_probe_order *order,
                  enum plx_attempt_step *ret_step)
{
    struct flight *f = &p->flights[i];
    int err = 0;
    *ret_step = PLX_STEP_SOCKET;
    if (f->fd < 0)
        err = open_socket(p, i, order->addr.family);
    f->bound = order->source.family != 0;
    if (!err && f->bound) {
        *ret_step = PLX_STEP_BIND;
        err = plx_probe_socket_bind(f->fd, &order->source);
    }
    if (!err) {
        *ret_step = PLX_STEP_CONNECT;
        f->armed = true;
        f->started_ns = plx_clock_mono().ns;
        err =
            plx_probe_socket_connect(f->fd, &order->addr, order->port, order->handshake);
    }
    return err;
}

int plx_prober_start(struct plx_prober *prober, const struct plx_probe_order *order)
{
    struct plx_prober *p = prober;
    if (p->connects >= PLX_PROBER_TURN_CONNECTS)
        return PLX_EAGAIN;
    uint32_t i =
        take_flight(p, order->watched, order->addr.family, order->source.family != 0);
    if (i == NOBODY)
        return PLX_EAGAIN;
    p->connects++;
    struct flight *f = &p->flights[i];
    f->cookie = order->cookie;
    f->timeout_ns = order->timeout_ns;
    f->addr = order->addr;
    f->port = order->port;
    f->held_back = order->handshake == PLX_HANDSHAKE_HALF_OPEN;
    f->started_ns = plx_clock_mono().ns;
    struct plx_attempt_facts facts = {.end = PLX_END_NOT_BEGUN, .source = order->source};
    facts.error = launch(p, i, order, &facts.step);
    if (facts.error) {
        conclude(p, i, &facts, plx_clock_mono());
        return 0;
    }
    plx_wheel_add(&p->wheel, i,
                  plx_mono_add((struct plx_mono){f->started_ns}, f->timeout_ns));
    p->in_flight++;
    p->n_watched += f->watched;
    return 0;
}

static void on_event(struct plx_prober *p, uint32_t i, uint32_t events)
{
    struct flight *f = &p->flights[i];
    if (!f->armed)
        return; /* the echo of a disarmed socket: ERR|HUP */
    struct plx_attempt_facts facts = {.end = PLX_END_CONNECTED};
    struct plx_mono now = plx_clock_mono();
    if (events & (EPOLLERR | EPOLLHUP))
        plx_probe_socket_error(f->fd, &facts);
    enum plx_probe_socket_state state = plx_probe_socket_info(f->fd, &facts);
    if (facts.error || facts.has_icmp)
        facts.end = PLX_END_ERROR;
    else if (state == PLX_PROBE_SOCKET_PENDING)
        return;
    else if (state == PLX_PROBE_SOCKET_CLOSED) {
        facts.end = PLX_END_ERROR;
        facts.error = ECONNRESET;
    }
    plx_wheel_remove(&p->wheel, i);
    land(p, i, &facts, now);
}

static void begin_turn(struct plx_prober *p)
{
    int64_t now_ns = plx_clock_mono().ns;
    int64_t gap = now_ns - p->turn_ns;
    p->turn_ns = now_ns;
    if (gap >= PLX_ATTEMPT_STALL_NS) {
        p->stall_ns = gap;
        p->settled = false;
    } else if (p->settled) {
        p->stall_ns = 0;
    }
    /* A change comes before the answers to what went out after it. (Not by epoll: the
       echo of a disarmed socket gives its next answer an earlier place.) */
    if (p->routes_fd >= 0 && plx_routes_changed(p->routes_fd))
        plx_sources_forget(p->sources, plx_clock_mono());
    if (gap > p->worst_stall_ns)
        p->worst_stall_ns = gap;
}

/* Returns true if everything of the set was taken in. */
static bool take_events(struct plx_prober *p, enum set set)
{
    struct epoll_event events[EVENTS_MAX];
    for (int batch = 0; batch < BATCHES; batch++) {
        int n = epoll_wait(p->epoll_fds[set], events, EVENTS_MAX, 0);
        for (int e = 0; e < n; e++)
            on_event(p, events[e].data.u32, events[e].events);
        if (n < EVENTS_MAX)
            return true;
    }
    return false;
}

static bool take_all(struct plx_prober *p)
{
    bool all = take_events(p, QUIET);
    if (p->n_watched > 0)
        all &= take_events(p, WATCHED);
    return all;
}

void plx_prober_ready(struct plx_prober *prober)
{
    begin_turn(prober);
    take_events(prober, WATCHED);
}

void plx_prober_turn(struct plx_prober *prober)
{
    begin_turn(prober);
    take_all(prober);
}

static void expire(struct plx_prober *p)
{
    struct plx_mono now = plx_clock_mono();
    uint32_t i;
    while (plx_wheel_expire(&p->wheel, now, &i)) {
        struct plx_attempt_facts facts = {.end = PLX_END_DEADLINE};
        /* An answer that came since the events were taken in still counts. */
        enum plx_probe_socket_state state =
            plx_probe_socket_info(p->flights[i].fd, &facts);
        if (state == PLX_PROBE_SOCKET_CONNECTED)
            facts.end = PLX_END_CONNECTED;
        land(p, i, &facts, now);
    }
}

void plx_prober_tick(struct plx_prober *prober)
{
    begin_turn(prober);
    prober->connects = 0;
    if (take_all(prober)) {
        expire(prober);
        prober->settled = true;
    }
}

uint32_t plx_prober_in_flight(const struct plx_prober *prober)
{
    return prober->in_flight;
}

bool plx_prober_reuses(const struct plx_prober *prober)
{
    return prober->reuse;
}

void plx_prober_set_reuse(struct plx_prober *prober, bool on)
{
    prober->reuse = on;
}

int64_t plx_prober_take_stall(struct plx_prober *prober)
{
    int64_t stall = prober->worst_stall_ns;
    prober->worst_stall_ns = 0;
    return stall;
}
