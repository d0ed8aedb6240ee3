/* The fleet's view of a fault: what failing ways have in common that working ones have
 * not, over all monitors and agents of the same time.
 *
 * A way is known from a trace of that time, or only from the trace of good times and a
 * probe of now. A traced failing way accuses what its trace leaves open (core/place); one
 * that is only probed, all it led over. A traced working way clears all it led over; one
 * that is only probed, what each of its flows led over, for a probe is one flow. What is
 * accused and not cleared are *elements*: a hop, or the link between two.
 *
 * The narrowest element on every failing way of the fault is where it broke. Where there
 * is none, the sentence says so: a filter for some, a way back and several faults at once
 * look like that. Pure. */
#ifndef PLX_CORE_PLACE_FLEET_H
#define PLX_CORE_PLACE_FLEET_H

#include "coordinator/core/place.h"

#define PLX_PLACE_WAYS_MAX   512 /* more are left out */
#define PLX_PLACE_COMMON_MAX 320

struct plx_place_way {
    uint32_t agent; /* any number that is the agent's alone */
    struct plx_addr target;
    bool failing;
    bool own;                       /* of the fault that is looked into */
    const struct plx_trace *now;    /* walked at that time; NULL: only probed */
    const struct plx_trace *before; /* in good times; NULL: not known */
};

/* A hop of failing ways, which no working way leads over. */
struct plx_place_suspect {
    struct plx_addr hop;
    uint32_t n_failing;           /* ways that lead over it … */
    uint32_t n_agents, n_targets; /* … of so many agents, to so many targets */
};
/* Most failing ways first, then nearer to the target. A failing way leads over what it
 * led over in good times and what still answers. Returns how many, at most `max`. */
size_t plx_place_rank(const struct plx_place_way *ways, size_t n,
                      struct plx_place_suspect *ret, size_t max);

enum plx_place_common_kind {
    PLX_COMMON_NONE,    /* no failing way of the fault is known */
    PLX_COMMON_UNKNOWN, /* they have nothing in common that working ways have not */
    PLX_COMMON_HOP,     /* at `before`, or right before it */
    PLX_COMMON_STRETCH, /* from `after` to `before`: a link, or several in a row */
};
/* "none", "unknown", "hop", "stretch". */
const char *plx_place_common_token(enum plx_place_common_kind kind);

struct plx_place_common {
    enum plx_place_common_kind kind;
    struct plx_addr after, before; /* family 0: none */
    uint32_t n_links;              /* of the stretch */
    uint32_t n_own, n_own_over;    /* the fault's failing ways; those that lead over it */
    uint32_t n_over;               /* failing ways of other faults included */
    uint32_t n_agents, n_targets;  /* of those that lead over it */
    uint32_t n_working;            /* ways compared with */
    char sentence[PLX_PLACE_COMMON_MAX];
};
void plx_place_common(const struct plx_place_way *ways, size_t n,
                      struct plx_place_common *ret);

#endif
