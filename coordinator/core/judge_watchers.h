/* Who watches a monitor: lists of agents, one for all monitors that have the same. */
#ifndef PLX_CORE_JUDGE_WATCHERS_H
#define PLX_CORE_JUDGE_WATCHERS_H

#include <stdint.h>

struct plx_watchers {
    uint32_t n, refs;
    uint16_t agents[]; /* ascending, distinct */
};

/* All lists that are in use, by what is in them. All zero is ready. */
struct plx_watch_lists {
    struct plx_watchers **index; /* open addressing */
    uint32_t n, cap;             /* lists; slots, a power of two */
};

/* Frees what is left; the lists are gone. */
void plx_watch_lists_fini(struct plx_watch_lists *lists);

/* The list of these agents (ascending, distinct; each below 65536). Never NULL; given
 * back with plx_watch_lists_drop. */
struct plx_watchers *plx_watch_lists_take(struct plx_watch_lists *lists,
                                          const uint32_t *agents, uint32_t n);
/* Accepts NULL. */
void plx_watch_lists_drop(struct plx_watch_lists *lists, struct plx_watchers *watchers);

#endif
