/* What is being looked into, monitor by monitor: an entry for each that is or lately was
 * in doubt, none for the rest of the fleet. */
#ifndef PLX_CORE_JUDGE_WATCH_H
#define PLX_CORE_JUDGE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

/* Zero but for `key` when nothing is looked into. Times in ticks of judge_evidence.h. */
struct plx_watch {
    uint32_t key;   /* monitor + 1; 0: a free slot */
    uint32_t since; /* start of the doubt; 0: none */
    uint32_t asked; /* last order */
    uint32_t seen;  /* the step that looked at it last, for orders */
    uint32_t calm;  /* what it looked like when there was nothing to ask; 0: there was */
    uint8_t n_good, n_failed; /* then: how many saw it well at least (UINT8_MAX: none had
                                 a say), how many failed at most (both saturate) */
    uint8_t stage : 4; /* 0: not asked, 1: first probes are out, 2…: burst, repeats */
    bool all : 1;      /* everybody has been asked */
    bool few : 1;      /* some were asked because one answer did not come */
    bool aside : 1;    /* siblings and neighbours have been asked */
    bool again : 1;    /* the few that see it well have been asked again */
    uint8_t spent;     /* of the quiet's budget, while it may be an accident */
};
_Static_assert(sizeof(struct plx_watch) == 24, "one for each monitor in doubt");

/* By monitor; open addressing. All zero is ready. */
struct plx_watches {
    struct plx_watch *at;
    uint32_t n, cap; /* entries; slots, a power of two */
};

void plx_watches_fini(struct plx_watches *watches);

/* The monitor's entry, made if there is none. Lent until the next call of any function
 * here. */
struct plx_watch *plx_watches_of(struct plx_watches *watches, uint32_t monitor);

/* The slot where the search for the monitor's entry begins. `cap` is not 0. */
static inline uint32_t plx_watches_home(const struct plx_watches *watches,
                                        uint32_t monitor)
{
    return (monitor * UINT32_C(2654435769)) >> 8 & (watches->cap - 1);
}

/* Drops the entries that nothing was ordered for since `before`: a doubt of theirs would
 * begin anew. Gives memory back when few are left. */
void plx_watches_purge(struct plx_watches *watches, uint32_t before);

#endif
