/* What ails the agent, in sentences for the heartbeat: gathered between two heartbeats,
 * told once in each. Loop thread. */
#ifndef PLX_AGENT_TROUBLES_H
#define PLX_AGENT_TROUBLES_H

#include "agent/io/spool.h"
#include "base/result.h"

#include <stddef.h>
#include <stdint.h>

#define PLX_TROUBLES_MAX     12
#define PLX_TROUBLE_TEXT_MAX 160

struct plx_troubles {
    uint32_t counts[96]; /* local results since the last heartbeat, by detail */
    int64_t stall_ns;    /* longest since then */
    int64_t clock_ns;    /* wall minus monotonic, as last seen; 0: not yet */
    int64_t step_ns;     /* by how much the wall clock was set since then */
    char texts[PLX_TROUBLES_MAX][PLX_TROUBLE_TEXT_MAX];
    const char *list[PLX_TROUBLES_MAX];
};

/* Counts a result that says something about the agent. */
void plx_troubles_note(struct plx_troubles *troubles, const struct plx_result *result);
/* To be called every 100 ms or so: notices a wall clock that is set. */
void plx_troubles_watch_clock(struct plx_troubles *troubles, struct plx_mono mono,
                              struct plx_wall wall);
/* The sentences now; lent until the next call. Begins to count anew. */
size_t plx_troubles_take(struct plx_troubles *troubles,
                         const struct plx_spool_stats *spool);

#endif
