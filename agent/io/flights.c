#include "agent/io/flights.h"

#include "agent/io/probe_socket.h"

#include <stdlib.h>
#include <unistd.h>

_Static_assert(sizeof(struct plx_flight) <= 40, "a flight has grown");

int plx_flights_init(struct plx_flights *flights, enum plx_engine engine, uint32_t max,
                     struct plx_why *why)
{
    *flights = (struct plx_flights){.n = max, .bare = PLX_FLIGHTS_NOBODY};
    flights->all = calloc(max, sizeof *flights->all);
    if (!flights->all)
        abort();
    for (int set = 0; set < PLX_FLIGHTS_SETS; set++)
        flights->idle[set][0] = flights->idle[set][1] = PLX_FLIGHTS_NOBODY;
    flights->reuse = plx_probe_socket_reuse_works();
    /* What is watched for is to wake the loop, and may speak: few, with descriptors. */
    int err = plx_socket_set_new(engine, max, &flights->sets[PLX_FLIGHTS_QUIET], why);
    if (!err)
        err = plx_socket_set_new(PLX_ENGINE_EPOLL, max,
                                 &flights->sets[PLX_FLIGHTS_WATCHED], why);
    return err;
}

void plx_flights_fini(struct plx_flights *flights)
{
    for (uint32_t i = 0; i < flights->n_touched; i++)
        if (flights->all[i].fd >= 0)
            close(flights->all[i].fd);
    for (int set = 0; set < PLX_FLIGHTS_SETS; set++)
        plx_socket_set_destroy(&flights->sets[set]);
    free(flights->all);
    flights->all = NULL;
}

static uint32_t *list_of(struct plx_flights *s, bool watched, uint8_t family)
{
    return &s->idle[watched ? PLX_FLIGHTS_WATCHED : PLX_FLIGHTS_QUIET][family == 6];
}

static void push(struct plx_flights *s, uint32_t *list, uint32_t i)
{
    s->all[i].next_free = *list;
    *list = i;
}

static uint32_t pop(struct plx_flights *s, uint32_t *list)
{
    uint32_t i = *list;
    if (i != PLX_FLIGHTS_NOBODY)
        *list = s->all[i].next_free;
    return i;
}

static struct plx_socket_set *set_of(const struct plx_flights *s, uint32_t i)
{
    return s->sets[s->all[i].watched ? PLX_FLIGHTS_WATCHED : PLX_FLIGHTS_QUIET];
}

static void drop_socket(struct plx_flights *s, uint32_t i)
{
    struct plx_socket_set *set = set_of(s, i);
    if (s->all[i].fd != PLX_SOCKET_NONE)
        set->engine->drop(set, i, &s->all[i].fd);
}

uint32_t plx_flights_take(struct plx_flights *s, bool watched, uint8_t family, bool fresh)
{
    uint32_t i = fresh ? PLX_FLIGHTS_NOBODY : pop(s, list_of(s, watched, family));
    if (i == PLX_FLIGHTS_NOBODY)
        i = pop(s, &s->bare);
    if (i == PLX_FLIGHTS_NOBODY && s->n_touched < s->n) {
        i = s->n_touched++;
        s->all[i].fd = PLX_SOCKET_NONE;
    }
    for (int other = 0; i == PLX_FLIGHTS_NOBODY && other < PLX_FLIGHTS_SETS * 2; other++)
        i = pop(s, &s->idle[other / 2][other % 2]);
    if (i == PLX_FLIGHTS_NOBODY)
        return i;
    struct plx_flight *f = &s->all[i];
    if (fresh || f->addr.family != family || f->watched != watched)
        drop_socket(s, i);
    f->watched = watched;
    return i;
}

void plx_flights_give_back(struct plx_flights *s, uint32_t i)
{
    struct plx_flight *f = &s->all[i];
    bool keep = f->fd >= 0 && s->reuse && !f->alone;
    if (keep && f->armed)
        keep = plx_probe_socket_disarm(f->fd) == 0;
    f->armed = false;
    if (keep)
        plx_flights_settle(s, i);
    else
        drop_socket(s, i);
    push(s, keep ? list_of(s, f->watched, f->addr.family) : &s->bare, i);
}

int plx_flights_open(struct plx_flights *s, uint32_t i, uint8_t family, uint32_t events)
{
    struct plx_socket_set *set = set_of(s, i);
    int err = plx_probe_socket_open(family, &s->all[i].fd);
    if (!err)
        err = set->engine->add(set, i, s->all[i].fd, events);
    if (err)
        drop_socket(s, i);
    return err;
}

int plx_flights_fetch(struct plx_flights *s, uint32_t i)
{
    struct plx_socket_set *set = set_of(s, i);
    return set->engine->fetch(set, i, &s->all[i].fd);
}

void plx_flights_settle(struct plx_flights *s, uint32_t i)
{
    struct plx_socket_set *set = set_of(s, i);
    set->engine->settle(set, i, &s->all[i].fd, s->all[i].armed);
}
