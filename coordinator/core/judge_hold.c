#include "coordinator/core/judge_hold.h"

#include "coordinator/core/judge_ahead.h"

/* An agent with so many failing cells under a standing fault of ours is not asked cell by
 * cell again: the fault stays until its opens say otherwise. */
#define HOLD 400u

uint32_t plx_hold_past(const struct plx_fleet *fleet, uint32_t agent, uint32_t first,
                       uint32_t monitor, const struct plx_standing *standing,
                       uint32_t n_standing)
{
    uint32_t end = 0;
    for (uint32_t i = 0; i < n_standing; i++)
        if (standing[i].ended > end && standing[i].ended >= first &&
            plx_scope_has_agent(fleet, &standing[i].scope, agent) &&
            plx_scope_has_monitor(fleet, &standing[i].scope, monitor))
            end = standing[i].ended;
    return end;
}

uint8_t plx_hold_left(uint32_t end, uint32_t last, uint32_t period, uint8_t n_apart,
                      uint32_t *ret_first)
{
    /* The end is a scheduled failure itself, often: the next one comes a little earlier
     * or later than a period on. */
    uint32_t since = last - end, early = period / 8;
    uint32_t most = 1 + (since > early ? since - early : 0) / (period > 0 ? period : 1);
    uint8_t n = most < n_apart ? (uint8_t)most : n_apart;
    uint32_t span = n > 0 ? (n - 1u) * period : 0;
    *ret_first = last - end > span ? last - span : end + 1;
    return n;
}

/* Notes what an agent will be: held if a fault of ours that goes on covers it. */
static void mark(struct plx_fleet *fleet, const struct plx_standing *standing,
                 uint32_t n_standing)
{
    for (uint32_t a = 0; a < fleet->n_agents; a++)
        fleet->agents[a].hold_next = false;
    for (uint32_t i = 0; i < n_standing; i++) {
        const uint32_t *ids;
        uint32_t n;
        if (!standing[i].open || standing[i].ended != 0 ||
            !plx_scope_kind(standing[i].scope.type)->vantage)
            continue;
        plx_scope_agents(fleet, &standing[i].scope, &ids, &n);
        for (uint32_t k = 0; k < n; k++)
            fleet->agents[ids[k]].hold_next = fleet->agents[ids[k]].n_failing > HOLD;
    }
}

/* Moves the failing cells of agents that are taken now. */
static void take(const struct plx_fleet *fleet, struct plx_evidence *ev)
{
    for (uint32_t w = 0; w * 64 < ev->cells.n; w++)
        for (uint64_t bits = ev->cells.failing[w]; bits != 0; bits &= bits - 1) {
            uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(bits);
            if (fleet->agents[plx_cell_agent(ev, fleet, i)].hold_next)
                plx_cells_set_failing(&ev->cells, i, true, true);
        }
}

/* Notes up to when all failures of an agent are those of a fault of ours that is over. */
static void mark_past(struct plx_fleet *fleet, const struct plx_standing *standing,
                      uint32_t n_standing)
{
    for (uint32_t a = 0; a < fleet->n_agents; a++)
        fleet->agents[a].held_until = 0;
    for (uint32_t i = 0; i < n_standing; i++) {
        const uint32_t *ids;
        uint32_t n;
        if (!plx_scope_kind(standing[i].scope.type)->vantage)
            continue;
        plx_scope_agents(fleet, &standing[i].scope, &ids, &n);
        for (uint32_t k = 0; k < n; k++)
            if (standing[i].ended > fleet->agents[ids[k]].held_until)
                fleet->agents[ids[k]].held_until = standing[i].ended;
    }
}

static void let_go_one(const struct plx_fleet *fleet, struct plx_evidence *ev, uint32_t i,
                       const struct plx_standing *standing, uint32_t n_standing)
{
    uint32_t monitor = plx_cells_owner(&ev->cells, i);
    const struct plx_fleet_monitor *m = &fleet->monitors[monitor];
    const struct plx_fleet_agent *a = &fleet->agents[m->watchers->agents[i - m->cell0]];
    if (!a->held || a->hold_next || ev->cells.at[i].last <= a->held_until)
        return; /* nearly all: that is over, and was the fault's */
    const struct plx_cell c = plx_cell_at(ev, m, i - m->cell0);
    if (plx_hold_past(fleet, c.agent, c.first, monitor, standing, n_standing) >= c.last)
        return;
    plx_cells_set_failing(&ev->cells, i, true, false);
    plx_evidence_note(ev, monitor);
}

/* Moves the cells of agents that are let go back, but for those that were the fault's. */
static void let_go(struct plx_fleet *fleet, struct plx_evidence *ev,
                   const struct plx_standing *standing, uint32_t n_standing)
{
    mark_past(fleet, standing, n_standing);
    for (uint32_t w = 0; w * 64 < ev->cells.n; w++) {
        plx_ahead_fetch_set(fleet, &ev->cells, ev->cells.held, w + 4, PLX_AHEAD_CELLS);
        plx_ahead_fetch_set(fleet, &ev->cells, ev->cells.held, w + 4, PLX_AHEAD_MONITOR);
        for (uint64_t bits = ev->cells.held[w]; bits != 0; bits &= bits - 1)
            let_go_one(fleet, ev, w * 64 + (uint32_t)__builtin_ctzll(bits), standing,
                       n_standing);
    }
}

bool plx_hold_update(struct plx_fleet *fleet, struct plx_evidence *ev,
                     const struct plx_standing *standing, uint32_t n_standing)
{
    bool taken = false, gone = false;
    mark(fleet, standing, n_standing);
    for (uint32_t a = 0; a < fleet->n_agents; a++) {
        taken |= fleet->agents[a].hold_next && !fleet->agents[a].held;
        gone |= fleet->agents[a].held && !fleet->agents[a].hold_next;
    }
    if (gone)
        let_go(fleet, ev, standing, n_standing);
    if (taken)
        take(fleet, ev);
    for (uint32_t a = 0; a < fleet->n_agents; a++)
        fleet->agents[a].held = fleet->agents[a].hold_next;
    return gone;
}
