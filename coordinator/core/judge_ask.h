/* Asking out of turn: whose answer about a monitor in doubt would tell most, and what may
 * be spent on hearing it. Times in ticks of judge_evidence.h. One thread. */
#ifndef PLX_CORE_JUDGE_ASK_H
#define PLX_CORE_JUDGE_ASK_H

#include "coordinator/core/judge.h"
#include "coordinator/core/judge_evidence.h"
#include "coordinator/core/judge_fleet.h"

/* A healthy answer takes well under this, and a lost SYN is sent again only after a
 * second: no answer by then is a bad sign. */
#define PLX_ASK_HUSH   (3 * PLX_TK_PER_SEC / 4)
/* Who failed is not asked again sooner. */
#define PLX_ASK_REPEAT (10 * PLX_TK_PER_SEC)

/* Probes that may be spent: `quiet` on what is an accident most likely, `doubt` on all
 * else. All zero is ready. */
struct plx_purse {
    double quiet, doubt;
    uint32_t earned; /* when it was last added to */
    bool started;
};

/* With so much saved up, accidents are so rare here that a lone failure is worth asking
 * everybody at once. */
#define PLX_PURSE_RICH 24.0

/* Adds the policy's shares of the probes that were scheduled since the last call, and
 * begins to count them anew. */
void plx_purse_earn(struct plx_purse *purse, struct plx_evidence *ev,
                    const struct plx_judge_policy *policy, uint32_t now);

/* What is to be asked. All zero is ready; the list is freed by its owner. */
struct plx_orders {
    struct plx_judge_probe *list;
    uint32_t n, cap;
};

/* Everything is lent. */
struct plx_ask {
    struct plx_purse *purse;
    struct plx_orders *orders;
    const struct plx_fleet *fleet;
    struct plx_evidence *ev;
    const struct plx_judge_policy *policy;
    uint32_t now;
};

/* What a monitor's cells say since a doubt began. */
struct plx_scene {
    uint32_t monitor, onset;
    uint32_t latest; /* when the last of the failing cells began to fail */
    uint32_t n_failed, n_good, n_pending;
    bool odd_kind;                  /* a failure that is no mere silence */
    bool urgent;                    /* everybody is to be heard at once */
    uint32_t regions[8], n_regions; /* where failures were seen */
    uint32_t providers[8], n_providers;
};

static inline bool plx_ask_is_recent_failure(const struct plx_cell *c, uint32_t onset,
                                             uint32_t slack)
{
    return (c->flags & PLX_CELL_FAILING) && c->last + slack >= onset;
}

/* It was seen well after `onset`, whatever it is now. */
static inline bool plx_ask_is_good_since(const struct plx_cell *c, uint32_t onset)
{
    if (!(c->flags & PLX_CELL_SEEN))
        return false;
    return c->flags & PLX_CELL_FAILING ? c->other > onset : c->last > onset;
}

/* How long a scheduled probe of this cell may still take to fail by silence, if one is
 * under way or about to begin: its answer costs nothing. 0: none is. */
uint32_t plx_ask_in_flight(const struct plx_ask *ask, const struct plx_fleet_monitor *m,
                           const struct plx_cell *c);

/* The scene since `onset`. The failing cells that nothing announced explains decide when
 * the doubt began. */
void plx_ask_look(const struct plx_ask *ask, uint32_t monitor, uint32_t onset,
                  struct plx_scene *ret);

/* Asks the agent of the monitor's cell at place `k`. False: the budget, one of the
 * purse's, or what one tick may ask is used up. */
bool plx_ask_one(struct plx_ask *ask, uint32_t monitor, uint32_t k, double *budget);

/* Asks up to `k` of the monitor's agents, the most telling first; `again`: those that
 * failed a while ago as well. Notes in the scene where they are. Returns how many. */
uint32_t plx_ask_some(struct plx_ask *ask, struct plx_scene *scene, uint32_t monitor,
                      uint32_t k, bool again, double *budget);

#endif
