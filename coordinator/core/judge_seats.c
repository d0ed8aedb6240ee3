#include "coordinator/core/judge_seats.h"

#include "coordinator/core/judge_verdict.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

/* Failures that were seen before a spare's view is needed: one alone is an accident. */
#define FAILURES 2u

void plx_seats_fini(struct plx_seats *s)
{
    free(s->at);
    *s = (struct plx_seats){0};
}

/* --- the list -------------------------------------------------------------------- */

static struct plx_seat *seat_of(struct plx_seats *s, uint32_t monitor, uint32_t agent)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (s->at[i].said.monitor == monitor && s->at[i].said.agent == agent)
            return &s->at[i];
    return NULL;
}

static void remove_at(struct plx_seats *s, uint32_t i)
{
    s->n--;
    memmove(&s->at[i], &s->at[i + 1], (s->n - i) * sizeof *s->at);
}

static void remove_of(struct plx_seats *s, uint32_t monitor, uint32_t agent)
{
    struct plx_seat *seat = seat_of(s, monitor, agent);
    if (seat != NULL)
        remove_at(s, (uint32_t)(seat - s->at));
}

/* Room for one more: false when all that are kept have cells. */
static bool make_room(struct plx_seats *s)
{
    if (s->n == PLX_SEATS_MAX) {
        uint32_t i = 0;
        while (i < s->n && s->at[i].seated)
            i++;
        if (i == s->n)
            return false;
        remove_at(s, i);
    }
    if (s->n < s->cap)
        return true;
    s->cap = s->cap ? 2 * s->cap : 16;
    s->at = realloc(s->at, s->cap * sizeof *s->at);
    if (s->at == NULL)
        abort();
    return true;
}

/* --- cells ------------------------------------------------------------------------ */

struct list {
    uint32_t *agents;
    bool *spare;
    uint32_t n;
};

static struct list list_new(size_t n)
{
    struct list l = {calloc(n + PLX_SEATS_MONITOR, sizeof *l.agents),
                     calloc(n + PLX_SEATS_MONITOR, sizeof *l.spare), 0};
    if (l.agents == NULL || l.spare == NULL)
        abort();
    return l;
}

static void list_fini(struct list *l)
{
    free(l->agents);
    free(l->spare);
}

/* Keeps the list ascending; who is in it stays as it is. */
static void list_add(struct list *l, uint32_t agent, bool spare)
{
    uint32_t i = l->n;
    while (i > 0 && l->agents[i - 1] > agent)
        i--;
    if (i > 0 && l->agents[i - 1] == agent)
        return;
    memmove(&l->agents[i + 1], &l->agents[i], (l->n - i) * sizeof *l->agents);
    memmove(&l->spare[i + 1], &l->spare[i], (l->n - i) * sizeof *l->spare);
    l->agents[i] = agent;
    l->spare[i] = spare;
    l->n++;
}

static bool has(const struct list *l, uint32_t agent)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (l->agents[i] == agent)
            return true;
    return false;
}

/* Those assigned are in the list: the spares join them. Takes it. */
static void seat(struct plx_seats *s, const struct plx_seats_room *room, uint32_t monitor,
                 struct list *l)
{
    for (uint32_t i = 0; i < s->n;) {
        const struct plx_seat *one = &s->at[i];
        bool mine = one->said.monitor == monitor;
        if (mine && has(l, one->said.agent)) { /* it watches it now */
            remove_at(s, i);
            continue;
        }
        if (mine && one->seated)
            list_add(l, one->said.agent, true);
        i++;
    }
    plx_evidence_assign(room->ev, room->fleet, monitor, l->agents, l->spare, l->n);
    list_fini(l);
}

void plx_seats_assign(struct plx_seats *s, const struct plx_seats_room *room,
                      uint32_t monitor, const uint32_t *agents, size_t n)
{
    struct list l = list_new(n);
    for (size_t i = 0; i < n; i++)
        list_add(&l, agents[i], false);
    seat(s, room, monitor, &l);
}

void plx_seats_clear(struct plx_seats *s, const struct plx_seats_room *room,
                     uint32_t monitor)
{
    for (uint32_t i = s->n; i-- > 0;)
        if (s->at[i].said.monitor == monitor)
            remove_at(s, i);
    plx_seats_assign(s, room, monitor, NULL, 0);
}

/* Those assigned but for one; the spares as they are. */
static void reseat(struct plx_seats *s, const struct plx_seats_room *room,
                   uint32_t monitor, uint32_t but)
{
    const struct plx_fleet_monitor *m = &room->fleet->monitors[monitor];
    struct list l = list_new(m->n_cells);
    for (uint32_t k = 0; k < m->n_cells; k++)
        if (m->watchers->agents[k] != but && !plx_cell_is_spare(room->ev, m, k))
            list_add(&l, m->watchers->agents[k], false);
    seat(s, room, monitor, &l);
}

void plx_seats_take_away(struct plx_seats *s, const struct plx_seats_room *room,
                         uint32_t monitor, uint32_t agent)
{
    remove_of(s, monitor, agent);
    reseat(s, room, monitor, agent);
}

void plx_seats_forget_agent(struct plx_seats *s, uint32_t agent)
{
    for (uint32_t i = s->n; i-- > 0;)
        if (s->at[i].said.agent == agent)
            remove_at(s, i);
}

void plx_seats_clock_set(struct plx_seats *s, int64_t step_ns)
{
    for (uint32_t i = 0; i < s->n; i++) {
        s->at[i].said.now.ns += step_ns;
        s->at[i].said.at.ns += step_ns;
    }
}

/* --- hearing ---------------------------------------------------------------------- */

int plx_seats_hear(struct plx_seats *s, const struct plx_seats_room *room,
                   const struct plx_judge_result *r)
{
    if (r->kind == PLX_JUDGE_SCHEDULED)
        return PLX_ENOTFOUND;
    if (plx_wall_diff(r->now, r->at) > room->policy->late_ns ||
        plx_outcome_is_local(r->outcome))
        return 0;
    struct plx_seat *seat = seat_of(s, r->monitor, r->agent);
    if (seat != NULL && r->at.ns < seat->said.at.ns) /* overtaken */
        return 0;
    if (seat == NULL && !make_room(s))
        return 0;
    if (seat == NULL)
        seat = &s->at[s->n++];
    *seat = (struct plx_seat){
        .said = *r,
        .reached = plx_evidence_is_expected(&room->fleet->monitors[r->monitor], r)};
    return 0;
}

/* --- who is needed ---------------------------------------------------------------- */

/* Since when those assigned fail and cannot tell whether it is the target or the way: all
 * of them whose views count fail, more than once, and none saw it well meanwhile. 0: they
 * can, or nothing fails. */
static uint32_t doubt_of(const struct plx_seats_room *room,
                         const struct plx_fleet_monitor *m, uint32_t now)
{
    uint32_t since = UINT32_MAX, failures = 0, well = 0;
    for (uint32_t k = 0; k < m->n_cells; k++) {
        const struct plx_cell c = plx_cell_at(room->ev, m, k);
        if ((c.flags & PLX_CELL_SPARE) ||
            !plx_verdict_is_fresh(room->fleet, room->policy, m, &c, now))
            continue;
        bool failing = c.flags & PLX_CELL_FAILING;
        if (!failing && c.last > well)
            well = c.last;
        failures += failing ? c.n : 0;
        if (failing && c.first < since)
            since = c.first;
    }
    return failures >= FAILURES && well <= since ? since : 0;
}

bool plx_seats_are_needed(const struct plx_seats_room *room, uint32_t monitor,
                          struct plx_wall now)
{
    return doubt_of(room, &room->fleet->monitors[monitor],
                    plx_evidence_ticks(room->ev, now)) != 0;
}

static uint32_t said_at(const struct plx_seats_room *room, const struct plx_seat *seat)
{
    return plx_evidence_ticks(room->ev, seat->said.at);
}

static uint32_t slack_of(const struct plx_seats_room *room)
{
    return (uint32_t)(room->policy->slack_ns * PLX_TK_PER_SEC / PLX_SEC_NS);
}

/* Of the spares that looked since the doubt began, more reached the target than not. One
 * alone against others may be behind something that answers for everybody. */
static bool most_reached(const struct plx_seats *s, const struct plx_seats_room *room,
                         uint32_t monitor, uint32_t since)
{
    uint32_t n_reached = 0, n_not = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        const struct plx_seat *seat = &s->at[i];
        if (seat->said.monitor != monitor ||
            (!seat->seated && said_at(room, seat) + slack_of(room) <= since))
            continue;
        n_reached += seat->seated || seat->reached;
        n_not += !seat->seated && !seat->reached;
    }
    return n_reached > n_not;
}

/* Whether its cell still says something. */
static bool stays(const struct plx_seats *s, const struct plx_seats_room *room,
                  const struct plx_seat *seat, struct plx_wall now, uint32_t tk)
{
    const struct plx_fleet_monitor *m = &room->fleet->monitors[seat->said.monitor];
    const struct plx_fleet_agent *a = &room->fleet->agents[seat->said.agent];
    const struct plx_cell c =
        plx_cell_at(room->ev, m, plx_evidence_place(m, seat->said.agent));
    if (a->beats &&
        plx_wall_diff(now, (struct plx_wall){a->heard_ns}) >= room->policy->silent_ns)
        return false;
    uint32_t since = doubt_of(room, m, tk);
    return since != 0 && plx_evidence_is_recent(a, room->policy, m, &c, tk) &&
           most_reached(s, room, seat->said.monitor, since);
}

/* Whether it is to have one now. */
static bool is_wanted(const struct plx_seats *s, const struct plx_seats_room *room,
                      const struct plx_seat *seat, uint32_t tk)
{
    const struct plx_fleet_monitor *m = &room->fleet->monitors[seat->said.monitor];
    uint32_t since = doubt_of(room, m, tk);
    return seat->reached && since != 0 && said_at(room, seat) + slack_of(room) > since &&
           most_reached(s, room, seat->said.monitor, since);
}

static bool is_over(const struct plx_seats_room *room, const struct plx_seat *seat,
                    uint32_t tk)
{
    const struct plx_cell c = {.last = said_at(room, seat), .flags = PLX_CELL_SPARE};
    return tk >= plx_evidence_until(room->policy,
                                    &room->fleet->monitors[seat->said.monitor], &c);
}

/* --- the step --------------------------------------------------------------------- */

static void touch(uint64_t *touched, uint32_t monitor)
{
    touched[monitor >> 6] |= UINT64_C(1) << (monitor & 63);
}

static uint32_t n_seated(const struct plx_seats *s, uint32_t monitor)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n; i++)
        n += s->at[i].seated && s->at[i].said.monitor == monitor;
    return n;
}

static void leave(struct plx_seats *s, const struct plx_seats_room *room, uint32_t i,
                  uint64_t *touched)
{
    const struct plx_judge_result said = s->at[i].said;
    touch(touched, said.monitor);
    plx_seats_take_away(s, room, said.monitor, said.agent);
}

static void enter(struct plx_seats *s, const struct plx_seats_room *room, uint32_t i,
                  uint64_t *touched)
{
    const struct plx_judge_result said = s->at[i].said;
    s->at[i].seated = true;
    reseat(s, room, said.monitor, UINT32_MAX);
    plx_evidence_take(room->ev, room->fleet, room->policy, &said);
    touch(touched, said.monitor);
}

void plx_seats_step(struct plx_seats *s, const struct plx_seats_room *room,
                    struct plx_wall now, uint64_t *touched)
{
    uint32_t tk = plx_evidence_ticks(room->ev, now);
    for (uint32_t i = 0; i < s->n;) {
        uint32_t n = s->n;
        const struct plx_seat *seat = &s->at[i];
        if (seat->seated && !stays(s, room, seat, now, tk))
            leave(s, room, i, touched);
        else if (!seat->seated && is_over(room, seat, tk))
            remove_at(s, i);
        else if (!seat->seated && n_seated(s, seat->said.monitor) < PLX_SEATS_MONITOR &&
                 is_wanted(s, room, seat, tk))
            enter(s, room, i, touched);
        i += s->n == n;
    }
}
