#include "agent/io/prober.h"

#include "agent/core/attempt.h"
#include "agent/core/sources.h"
#include "agent/core/wheel.h"
#include "agent/io/flights.h"
#include "agent/io/probe_socket.h"
#include "agent/io/routes.h"
#include "agent/io/way.h"
#include "base/err.h"
#include "sys/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 256
/* Batches of events taken in at a time before the loop's others get their turn. */
#define BATCHES    16
/* Targets whose source address is remembered: 2 MiB, touched as it is used. */
#define SOURCES    131072

/* One in so many descriptors may be a watched attempt's: some more are idle in the pool.
 */
#define WATCHED_SHARE 4

/* How long a server may take to close after the goodbye, and what it may still say. */
#define GOODBYE_NS        (1 * PLX_SEC_NS)
#define GOODBYE_BYTES_MAX 65536

/* What an attempt with a greeting has beside its flight. */
struct plx_talk {
    uint64_t cookie;
    struct plx_greeter *greeter; /* the caller's */
    bool begun;                  /* connected: what follows is filled */
    bool closing;                /* the verdict fell, and the goodbye is said */
    struct plx_mono ended;       /* when the verdict fell */
    struct plx_attempt_facts facts;
    size_t n_drained;
};

enum kind { HALF_OPEN, FULL, GREETING };

struct plx_prober {
    struct plx_flights flights;
    int routes_fd; /* -1: changes are not told */
    uint32_t in_flight, n_watched, watched_max;
    struct plx_sources *sources;
    struct plx_links links;
    uint32_t connects; /* in this turn */
    struct plx_wheel wheel;
    int64_t turn_ns;  /* when the last turn began */
    int64_t stall_ns; /* of the last stop worth naming, until all in it has been seen */
    bool settled;     /* all has been seen since */
    int64_t worst_stall_ns;
    plx_prober_done_fn *done;
    void *arg;
};

/* What sets the kinds of attempts apart. The flight is in the wheel in on_event only. */
struct kind_row {
    enum plx_handshake handshake;
    uint32_t events; /* watched for, beside errors */
    bool pooled;     /* its sockets can be armed again */
    void (*on_answer)(struct plx_prober *p, uint32_t i, struct plx_attempt_facts *facts,
                      struct plx_mono now); /* the SYN-ACK came */
    void (*on_event)(struct plx_prober *p, uint32_t i, uint32_t events);
    void (*on_deadline)(struct plx_prober *p, uint32_t i, struct plx_mono now);
};

static const struct kind_row kinds[];

/* Where probes in flight may be more than descriptors, so many of them may be watched. */
static uint32_t watched_max(enum plx_engine engine, uint32_t max, uint32_t n_probers)
{
    struct rlimit limit;
    if (engine == PLX_ENGINE_EPOLL || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return max;
    rlim_t share = limit.rlim_cur / WATCHED_SHARE / n_probers;
    return share < max ? (uint32_t)share : max;
}

int plx_prober_new(enum plx_engine engine, uint32_t max, uint32_t n_probers,
                   plx_prober_done_fn *done, void *arg, struct plx_prober **ret,
                   struct plx_why *why)
{
    struct plx_prober *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    plx_wheel_init(&p->wheel, max, plx_clock_mono());
    p->routes_fd = plx_routes_watch();
    if (p->routes_fd >= 0)
        p->sources = plx_sources_new(SOURCES);
    plx_links_look(&p->links, plx_clock_mono());
    int err = plx_flights_init(&p->flights, engine, max, why);
    if (err) {
        plx_prober_destroy(&p);
        return err;
    }
    p->watched_max = watched_max(engine, max, n_probers);
    p->done = done;
    p->arg = arg;
    p->turn_ns = plx_clock_mono().ns;
    *ret = p;
    return 0;
}

void plx_prober_destroy(struct plx_prober **prober)
{
    struct plx_prober *p = *prober;
    if (!p)
        return;
    for (uint32_t i = 0; i < p->flights.n_touched; i++)
        if (p->flights.all[i].kind == GREETING)
            free(p->flights.all[i].talk);
    plx_flights_fini(&p->flights);
    plx_wheel_fini(&p->wheel);
    plx_sources_destroy(&p->sources);
    if (p->routes_fd >= 0)
        close(p->routes_fd);
    free(p);
    *prober = NULL;
}

int plx_prober_fd(const struct plx_prober *prober)
{
    const struct plx_socket_set *set = prober->flights.sets[PLX_FLIGHTS_WATCHED];
    return set->engine->fd(set);
}

/* Keeps what the server said, if it came to that. */
static void drop_talk(struct plx_flight *f, char excerpt[PLX_RESULT_EXCERPT_MAX])
{
    if (f->talk->begun)
        plx_greeter_excerpt(f->talk->greeter, excerpt);
    free(f->talk);
    f->talk = NULL;
    f->kind = FULL;
}

/* Ends the attempt: the socket first (every millisecond counts towards the third ACK),
 * then the word to the caller. */
static void conclude(struct plx_prober *p, uint32_t i, struct plx_attempt_facts *facts,
                     struct plx_mono now)
{
    struct plx_flight *f = &p->flights.all[i];
    struct plx_result evidence = {.address = f->addr, .source = facts->source};
    struct plx_mono started = {f->started_ns};
    uint64_t cookie = f->kind == GREETING ? f->talk->cookie : f->cookie;
    facts->elapsed_ns = now.ns - f->started_ns;
    facts->held_back = f->kind == HALF_OPEN;
    facts->watched = f->watched;
    if (facts->end != PLX_END_CONNECTED)
        facts->link_lost = plx_links_cut(&p->links, &f->addr, &facts->source, started);
    int64_t stall = now.ns - p->turn_ns > p->stall_ns ? now.ns - p->turn_ns : p->stall_ns;
    facts->stall_ns = stall < facts->elapsed_ns ? stall : facts->elapsed_ns;
    if (f->kind == GREETING)
        drop_talk(f, evidence.excerpt);
    plx_flights_give_back(&p->flights, i);
    plx_attempt_conclude(facts, &evidence);
    p->done(p->arg, cookie, &evidence, started);
}

/* Where the attempt went out from: the kernel is asked unless the target is known. An
 * error is asked about always, because what it means may depend on the answer. */
static void find_source(struct plx_prober *p, const struct plx_flight *f,
                        struct plx_attempt_facts *facts, struct plx_mono now)
{
    bool ordinary = p->sources && !f->alone && facts->end == PLX_END_CONNECTED;
    if (ordinary && plx_sources_find(p->sources, &f->addr, f->port, now, &facts->source))
        return;
    facts->source = plx_probe_socket_source(f->fd);
    if (ordinary)
        plx_sources_learn(p->sources, &f->addr, f->port, (struct plx_mono){f->started_ns},
                          &facts->source);
    /* Said by this host: is the silent first hop the target's or our gateway's? */
    if (facts->has_icmp && plx_addr_equal(&facts->icmp_from, &facts->source))
        facts->via_gateway = plx_way_has_gateway(&f->addr, &facts->source);
}

static bool is_talking(const struct plx_flight *f)
{
    return f->kind == GREETING && f->talk->begun;
}

/* An attempt in flight has ended; it is out of the wheel. */
static void land(struct plx_prober *p, uint32_t i, struct plx_attempt_facts *facts,
                 struct plx_mono now)
{
    const struct plx_flight *f = &p->flights.all[i];
    find_source(p, f, facts, now);
    if (!is_talking(f)) /* whose deadlines are the conversation's */
        facts->timeout_ns = plx_wheel_deadline(&p->wheel, i).ns - f->started_ns;
    p->in_flight--;
    p->n_watched -= f->watched;
    conclude(p, i, facts, now);
}

/* socket(), bind() and connect(); returns 0 or an errno value and the step it is of. */
static int launch(struct plx_prober *p, uint32_t i, const struct plx_probe_order *order,
                  enum plx_attempt_step *ret_step)
{
    struct plx_flight *f = &p->flights.all[i];
    int err = 0;
    *ret_step = PLX_STEP_SOCKET;
    if (f->watched && p->n_watched >= p->watched_max)
        err = EMFILE;
    else if (f->fd == PLX_SOCKET_NONE)
        err = plx_flights_open(&p->flights, i, order->addr.family, kinds[f->kind].events);
    else
        err = plx_flights_fetch(&p->flights, i);
    f->alone = order->source.family != 0 || !kinds[f->kind].pooled;
    if (!err && order->source.family != 0) {
        *ret_step = PLX_STEP_BIND;
        err = plx_probe_socket_bind(f->fd, &order->source);
    }
    if (!err) {
        *ret_step = PLX_STEP_CONNECT;
        f->armed = true;
        f->started_ns = plx_clock_mono().ns;
        err = plx_probe_socket_connect(f->fd, &order->addr, order->port,
                                       kinds[f->kind].handshake);
    }
    return err;
}

static struct plx_talk *talk_of(const struct plx_probe_order *order)
{
    struct plx_talk *talk = calloc(1, sizeof *talk);
    if (!talk)
        abort();
    talk->cookie = order->cookie;
    talk->greeter = order->greeter;
    return talk;
}

int plx_prober_start(struct plx_prober *prober, const struct plx_probe_order *order)
{
    struct plx_prober *p = prober;
    if (p->connects >= PLX_PROBER_TURN_CONNECTS)
        return PLX_EAGAIN;
    enum kind kind = order->greeter                                ? GREETING
                     : order->handshake == PLX_HANDSHAKE_HALF_OPEN ? HALF_OPEN
                                                                   : FULL;
    bool watched = kind == GREETING || (order->watched && p->n_watched < p->watched_max);
    uint32_t i = plx_flights_take(&p->flights, watched, order->addr.family,
                                  order->source.family != 0 || !kinds[kind].pooled);
    if (i == PLX_FLIGHTS_NOBODY)
        return PLX_EAGAIN;
    p->connects++;
    struct plx_flight *f = &p->flights.all[i];
    f->kind = kind & 3;
    if (kind == GREETING)
        f->talk = talk_of(order);
    else
        f->cookie = order->cookie;
    f->addr = order->addr;
    f->port = order->port;
    f->started_ns = plx_clock_mono().ns;
    struct plx_attempt_facts facts = {.end = PLX_END_NOT_BEGUN,
                                      .source = order->source,
                                      .timeout_ns = order->timeout_ns};
    facts.error = launch(p, i, order, &facts.step);
    if (facts.error) {
        conclude(p, i, &facts, plx_clock_mono());
        return 0;
    }
    plx_wheel_add(&p->wheel, i,
                  plx_mono_add((struct plx_mono){f->started_ns}, order->timeout_ns));
    plx_flights_settle(&p->flights, i);
    p->in_flight++;
    p->n_watched += f->watched;
    if (p->sources)
        plx_sources_fetch(p->sources, &f->addr, f->port);
    return 0;
}

/* The descriptor could not be had to look at the socket. */
static void lose(struct plx_prober *p, uint32_t i, int error, struct plx_mono now)
{
    struct plx_attempt_facts facts = {
        .end = PLX_END_NOT_BEGUN, .step = PLX_STEP_SOCKET, .error = error};
    p->in_flight--;
    p->n_watched -= p->flights.all[i].watched;
    conclude(p, i, &facts, now);
}

/* Something came of connect(). */
static void on_connect_event(struct plx_prober *p, uint32_t i, uint32_t events)
{
    struct plx_flight *f = &p->flights.all[i];
    struct plx_attempt_facts facts = {.end = PLX_END_CONNECTED};
    struct plx_mono now = plx_clock_mono();
    if (events & (EPOLLERR | EPOLLHUP))
        plx_probe_socket_error(f->fd, &facts);
    enum plx_probe_socket_state state = plx_probe_socket_info(f->fd, &facts);
    if (facts.error || facts.has_icmp)
        facts.end = PLX_END_ERROR;
    else if (state == PLX_PROBE_SOCKET_PENDING) {
        plx_flights_settle(&p->flights, i);
        return;
    } else if (state == PLX_PROBE_SOCKET_CLOSED) {
        facts.end = PLX_END_ERROR;
        facts.error = ECONNRESET;
    }
    plx_wheel_remove(&p->wheel, i);
    if (facts.end == PLX_END_CONNECTED)
        kinds[f->kind].on_answer(p, i, &facts, now);
    else
        land(p, i, &facts, now);
}

/* ---- greetings ---- */

/* A talking flight is always in the wheel. */
static void set_deadline(struct plx_prober *p, uint32_t i, struct plx_mono at)
{
    plx_wheel_remove(&p->wheel, i);
    plx_wheel_add(&p->wheel, i, at);
}

static void end_talk(struct plx_prober *p, uint32_t i)
{
    struct plx_talk *talk = p->flights.all[i].talk;
    struct plx_attempt_facts facts = talk->facts;
    plx_wheel_remove(&p->wheel, i);
    land(p, i, &facts, talk->ended);
}

/* The connection failed under the conversation. */
static void break_talk(struct plx_prober *p, uint32_t i, int error, struct plx_mono now)
{
    struct plx_talk *talk = p->flights.all[i].talk;
    if (!talk->closing) {
        plx_probe_socket_error(p->flights.all[i].fd, &talk->facts);
        talk->facts.end = PLX_END_ERROR;
        talk->facts.error = error;
        talk->ended = now;
    }
    end_talk(p, i);
}

/* The verdict fell. After a good one: the goodbye, and the server may close in peace. */
static void take_verdict(struct plx_prober *p, uint32_t i,
                         const struct plx_greeter_action *end, struct plx_mono now)
{
    struct plx_flight *f = &p->flights.all[i];
    struct plx_talk *talk = f->talk;
    talk->facts.end = PLX_END_GREETED;
    talk->facts.outcome = end->outcome;
    talk->facts.detail = end->detail;
    talk->ended = now;
    if (end->outcome != PLX_OUTCOME_TIMEOUT)
        plx_probe_socket_close_orderly(f->fd);
    if (end->outcome != PLX_OUTCOME_OPEN) {
        end_talk(p, i);
        return;
    }
    talk->closing = true;
    if (end->len > 0)
        (void)!send(f->fd, end->bytes, end->len, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(f->fd, SHUT_WR);
    set_deadline(p, i, plx_mono_add(now, GOODBYE_NS));
}

/* Gives the greeter an event and does what it says. False: the flight is over. */
static bool step_talk(struct plx_prober *p, uint32_t i,
                      const struct plx_greeter_event *event)
{
    struct plx_flight *f = &p->flights.all[i];
    struct plx_greeter_action action;
    plx_greeter_step(f->talk->greeter, event, &action);
    while (action.type == PLX_GREETER_SEND) {
        ssize_t n = send(f->fd, action.bytes, action.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN) {
            break_talk(p, i, errno, event->now);
            return false;
        }
        if (n < 0)
            break;
        const struct plx_greeter_event sent = {
            .type = PLX_GREETER_SENT, .now = event->now, .len = (size_t)n};
        plx_greeter_step(f->talk->greeter, &sent, &action);
    }
    if (action.type != PLX_GREETER_END) {
        set_deadline(p, i, action.until);
        return true;
    }
    take_verdict(p, i, &action, event->now);
    return action.outcome == PLX_OUTCOME_OPEN;
}

/* What the server says after the verdict is of no interest, but has to be read: closing
 * with bytes unread would send a RST. */
static bool drain(struct plx_prober *p, uint32_t i, ssize_t n)
{
    struct plx_talk *talk = p->flights.all[i].talk;
    if (n > 0)
        talk->n_drained += (size_t)n;
    if (n > 0 && talk->n_drained <= GOODBYE_BYTES_MAX)
        return true;
    end_talk(p, i);
    return false;
}

static void on_talk_event(struct plx_prober *p, uint32_t i)
{
    struct plx_flight *f = &p->flights.all[i];
    struct plx_mono now = plx_clock_mono();
    const struct plx_greeter_event writable = {.type = PLX_GREETER_SENT, .now = now};
    bool on = f->talk->closing || step_talk(p, i, &writable);
    while (on) {
        char bytes[4096];
        ssize_t n = recv(f->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return;
        const struct plx_greeter_event event = {.type = n > 0 ? PLX_GREETER_RECEIVED
                                                              : PLX_GREETER_CLOSED,
                                                .now = now,
                                                .bytes = bytes,
                                                .len = n > 0 ? (size_t)n : 0};
        if (f->talk->closing) {
            on = drain(p, i, n);
        } else if (n < 0) {
            break_talk(p, i, errno, now);
            return;
        } else {
            on = step_talk(p, i, &event);
        }
    }
}

static void begin_talk(struct plx_prober *p, uint32_t i, struct plx_attempt_facts *facts,
                       struct plx_mono now)
{
    struct plx_flight *f = &p->flights.all[i];
    struct plx_mono until = plx_wheel_deadline(&p->wheel, i);
    if (now.ns - facts->since_answer_ns > until.ns) {
        land(p, i, facts, now); /* it came too late */
        return;
    }
    f->talk->begun = true;
    f->talk->facts = *facts;
    f->talk->facts.timeout_ns = until.ns - f->started_ns;
    plx_wheel_add(&p->wheel, i, until);
    const struct plx_greeter_event connected = {
        .type = PLX_GREETER_CONNECTED, .now = now, .until = until};
    if (step_talk(p, i, &connected))
        on_talk_event(p, i);
}

static void on_greeting_event(struct plx_prober *p, uint32_t i, uint32_t events)
{
    if (is_talking(&p->flights.all[i]))
        on_talk_event(p, i);
    else
        on_connect_event(p, i, events);
}

static void on_event(struct plx_prober *p, uint32_t i, uint32_t events)
{
    const struct plx_flight *f = &p->flights.all[i];
    if (!f->armed) /* the echo of a disarmed socket: ERR|HUP */
        return;
    int err = plx_flights_fetch(&p->flights, i);
    if (!err) {
        kinds[f->kind].on_event(p, i, events);
        return;
    }
    plx_wheel_remove(&p->wheel, i);
    lose(p, i, err, plx_clock_mono());
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
    /* Before the answers to what went out after it. (Not by epoll: the echo of a disarmed
       socket gives its next answer an earlier place.) */
    if (p->routes_fd >= 0 && plx_routes_changed(p->routes_fd, &p->links))
        plx_sources_forget(p->sources, plx_clock_mono());
    if (gap > p->worst_stall_ns)
        p->worst_stall_ns = gap;
}

/* Returns true if everything of the set was taken in. */
static bool take_events(struct plx_prober *p, enum plx_flight_set set)
{
    struct plx_socket_set *s = p->flights.sets[set];
    struct plx_socket_event events[EVENTS_MAX];
    for (int batch = 0; batch < BATCHES; batch++) {
        int n = s->engine->take(s, events, EVENTS_MAX);
        for (int e = 0; e < n; e++)
            on_event(p, events[e].member, events[e].events);
        if (n < EVENTS_MAX)
            return true;
    }
    return false;
}

static bool take_all(struct plx_prober *p)
{
    bool all = take_events(p, PLX_FLIGHTS_QUIET);
    if (p->n_watched > 0)
        all &= take_events(p, PLX_FLIGHTS_WATCHED);
    return all;
}

void plx_prober_ready(struct plx_prober *prober)
{
    begin_turn(prober);
    take_events(prober, PLX_FLIGHTS_WATCHED);
}

void plx_prober_turn(struct plx_prober *prober)
{
    begin_turn(prober);
    take_all(prober);
}

static void on_connect_deadline(struct plx_prober *p, uint32_t i, struct plx_mono now)
{
    struct plx_attempt_facts facts = {.end = PLX_END_DEADLINE};
    /* An answer that came since the events were taken in still counts. */
    enum plx_probe_socket_state state =
        plx_probe_socket_info(p->flights.all[i].fd, &facts);
    if (state == PLX_PROBE_SOCKET_CONNECTED)
        facts.end = PLX_END_CONNECTED;
    land(p, i, &facts, now);
}

static void on_greeting_deadline(struct plx_prober *p, uint32_t i, struct plx_mono now)
{
    const struct plx_talk *talk = p->flights.all[i].talk;
    const struct plx_greeter_event time = {.type = PLX_GREETER_TIME, .now = now};
    if (!talk->begun) {
        struct plx_attempt_facts facts = {.end = PLX_END_DEADLINE};
        plx_probe_socket_info(p->flights.all[i].fd, &facts);
        land(p, i, &facts, now);
        return;
    }
    plx_wheel_add(&p->wheel, i, now); /* whoever ends the talk takes it out */
    if (talk->closing)
        end_talk(p, i);
    else
        step_talk(p, i, &time);
}

static const struct kind_row kinds[] = {
    [HALF_OPEN] = {.handshake = PLX_HANDSHAKE_HALF_OPEN,
                   .events = EPOLLOUT,
                   .pooled = true,
                   .on_answer = land,
                   .on_event = on_connect_event,
                   .on_deadline = on_connect_deadline},
    [FULL] = {.handshake = PLX_HANDSHAKE_FULL,
              .events = EPOLLOUT,
              .pooled = true,
              .on_answer = land,
              .on_event = on_connect_event,
              .on_deadline = on_connect_deadline},
    [GREETING] = {.handshake = PLX_HANDSHAKE_FULL,
                  .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP,
                  .on_answer = begin_talk,
                  .on_event = on_greeting_event,
                  .on_deadline = on_greeting_deadline},
};

static void expire(struct plx_prober *p)
{
    struct plx_mono now = plx_clock_mono();
    uint32_t i;
    while (plx_wheel_expire(&p->wheel, now, &i)) {
        int err = plx_flights_fetch(&p->flights, i);
        if (err)
            lose(p, i, err, now);
        else
            kinds[p->flights.all[i].kind].on_deadline(p, i, now);
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
    return prober->flights.reuse;
}

void plx_prober_set_reuse(struct plx_prober *prober, bool on)
{
    prober->flights.reuse = on;
}

int64_t plx_prober_take_stall(struct plx_prober *prober)
{
    int64_t stall = prober->worst_stall_ns;
    prober->worst_stall_ns = 0;
    return stall;
}
