#include "coordinator/core/shares.h"

#include "base/err.h"
#include "coordinator/core/turn.h"
#include "proto/wire.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(msg) abort()
#include <uthash.h>

/* Monitors that an agent had and no longer has: enough for a large share to move away
 * twice; beyond it the oldest are forgotten. */
#define PAST_MAX 65536

struct past {
    uint64_t monitor_id;
    struct plx_mono at;
    UT_hash_handle hh;
};

struct agent {
    size_t n_tasks;
    uint64_t hash;
    uint64_t generation;
    int64_t shortest_ns; /* -1: to be found again */
    bool online;
    bool whole;        /* a snapshot is owed */
    uint64_t *pending; /* monitor ids to be told, repeats possible */
    size_t n_pending;
    struct past *past; /* oldest first */
};

struct monitor {
    bool present, dirty, changed;
    uint64_t id;
    uint64_t task_hash;
    uint32_t *agents; /* ascending */
    uint16_t *turns;  /* of each of them */
    size_t n_agents;
};

/* A growing list of monitor slots. */
struct slots {
    uint32_t *list;
    size_t n, cap;
};

struct plx_shares {
    struct plx_catalog *catalog;
    struct plx_candidate *candidates; /* by agent slot */
    struct agent *agents;
    size_t n_agents;
    struct monitor *monitors; /* by monitor slot */
    size_t n_monitors;
    struct slots dirty, changed;
    struct slots upserts; /* of the step lent last */
    uint64_t *removals;
};

static void *resized(void *array, size_t n, size_t size)
{
    void *p = realloc(array, (n > 0 ? n : 1) * size);
    if (!p)
        abort();
    return p;
}

static void push(struct slots *slots, uint32_t slot)
{
    if (slots->n == slots->cap) {
        slots->cap = slots->cap ? 2 * slots->cap : 64;
        slots->list = resized(slots->list, slots->cap, sizeof *slots->list);
    }
    slots->list[slots->n++] = slot;
}

struct plx_shares *plx_shares_new(struct plx_catalog *catalog)
{
    struct plx_shares *shares = calloc(1, sizeof *shares);
    if (!shares)
        abort();
    shares->catalog = catalog;
    shares->removals = resized(NULL, PLX_WIRE_TASKS_MAX, sizeof(uint64_t));
    return shares;
}

static void forget_past(struct agent *agent, size_t keep)
{
    struct past *p, *next;
    HASH_ITER(hh, agent->past, p, next)
    {
        if (HASH_COUNT(agent->past) <= keep)
            return;
        HASH_DEL(agent->past, p);
        free(p);
    }
}

void plx_shares_destroy(struct plx_shares **shares)
{
    struct plx_shares *s = *shares;
    if (!s)
        return;
    for (size_t i = 0; i < s->n_agents; i++) {
        forget_past(&s->agents[i], 0);
        free(s->agents[i].pending);
    }
    for (size_t i = 0; i < s->n_monitors; i++) {
        free(s->monitors[i].agents);
        free(s->monitors[i].turns);
    }
    free(s->candidates);
    free(s->agents);
    free(s->monitors);
    free(s->dirty.list);
    free(s->changed.list);
    free(s->upserts.list);
    free(s->removals);
    free(s);
    *shares = NULL;
}

static void mark_dirty(struct plx_shares *s, uint32_t slot)
{
    if (!s->monitors[slot].dirty)
        push(&s->dirty, slot);
    s->monitors[slot].dirty = true;
}

static void mark_changed(struct plx_shares *s, uint32_t slot)
{
    if (!s->monitors[slot].changed)
        push(&s->changed, slot);
    s->monitors[slot].changed = true;
}

static size_t lower_bound(const uint32_t *list, size_t n, uint32_t slot)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list[middle] < slot)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* 0: the agent does not have the monitor. */
static uint16_t turn_of(const struct monitor *m, uint32_t agent_slot)
{
    size_t at = lower_bound(m->agents, m->n_agents, agent_slot);
    return at < m->n_agents && m->agents[at] == agent_slot ? m->turns[at] : 0;
}

static bool holds(const struct monitor *m, uint32_t agent_slot)
{
    return turn_of(m, agent_slot) > 0;
}

/* An agent lost standing: only what it holds can move. */
static void dirty_own(struct plx_shares *s, uint32_t agent_slot)
{
    for (uint32_t i = 0; i < s->n_monitors; i++)
        if (s->monitors[i].present && holds(&s->monitors[i], agent_slot))
            mark_dirty(s, i);
}

/* An agent gained standing: only what it would win can move. Monitors that are dirty
 * already have a choice that no longer counts, and are looked at anyway. */
static void dirty_won(struct plx_shares *s, uint32_t agent_slot)
{
    for (uint32_t i = 0; i < s->n_monitors; i++) {
        const struct monitor *m = &s->monitors[i];
        if (!m->present || m->dirty)
            continue;
        const struct plx_monitor *def = plx_catalog_at(s->catalog, i);
        if (holds(m, agent_slot) ||
            plx_assign_would_win(def, m->id, &s->candidates[agent_slot], s->candidates,
                                 m->agents, m->n_agents))
            mark_dirty(s, i);
    }
}

static void make_room_for_agent(struct plx_shares *s, uint32_t slot)
{
    if (slot < s->n_agents)
        return;
    size_t n = (size_t)slot + 1;
    s->candidates = resized(s->candidates, n, sizeof *s->candidates);
    s->agents = resized(s->agents, n, sizeof *s->agents);
    for (size_t i = s->n_agents; i < n; i++) {
        s->candidates[i] = (struct plx_candidate){.slot = (uint32_t)i, .region = ""};
        s->agents[i] = (struct agent){.generation = 1};
    }
    s->n_agents = n;
}

void plx_shares_set_agent(struct plx_shares *shares, uint32_t slot, const char *name,
                          const char *region, const struct plx_label *labels,
                          size_t n_labels, enum plx_standing standing)
{
    make_room_for_agent(shares, slot);
    struct plx_candidate *c = &shares->candidates[slot];
    if (c->standing != PLX_STANDING_OUT)
        dirty_own(shares, slot);
    *c = (struct plx_candidate){
        .slot = slot,
        .hash = plx_assign_hash(name),
        .standing = standing,
        .region = region,
        .labels = labels,
        .n_labels = n_labels,
    };
    if (standing != PLX_STANDING_OUT)
        dirty_won(shares, slot);
}

void plx_shares_set_standing(struct plx_shares *shares, uint32_t slot,
                             enum plx_standing standing)
{
    struct plx_candidate *c = &shares->candidates[slot];
    enum plx_standing was = c->standing;
    c->standing = standing;
    if (standing < was)
        dirty_own(shares, slot);
    else if (standing > was)
        dirty_won(shares, slot);
}

/* ---- what agents are told ---- */

static void owe(struct agent *agent, uint64_t monitor_id)
{
    agent->shortest_ns = -1;
    if (!agent->online || agent->whole)
        return;
    if (agent->n_pending == PLX_WIRE_TASKS_MAX) {
        agent->whole = true;
        agent->n_pending = 0;
        return;
    }
    if (!agent->pending)
        agent->pending = resized(NULL, PLX_WIRE_TASKS_MAX, sizeof(uint64_t));
    agent->pending[agent->n_pending++] = monitor_id;
}

static void gain(struct plx_shares *s, uint32_t agent_slot, const struct monitor *m)
{
    struct agent *agent = &s->agents[agent_slot];
    agent->n_tasks++;
    agent->hash += m->task_hash;
    owe(agent, m->id);
}

static void remember(struct agent *agent, uint64_t monitor_id, struct plx_mono now)
{
    struct past *p;
    HASH_FIND(hh, agent->past, &monitor_id, sizeof monitor_id, p);
    if (p) {
        HASH_DEL(agent->past, p);
    } else {
        forget_past(agent, PAST_MAX - 1);
        p = calloc(1, sizeof *p);
        if (!p)
            abort();
        p->monitor_id = monitor_id;
    }
    p->at = now;
    HASH_ADD(hh, agent->past, monitor_id, sizeof p->monitor_id, p);
}

static void lose(struct plx_shares *s, uint32_t agent_slot, const struct monitor *m,
                 struct plx_mono now)
{
    struct agent *agent = &s->agents[agent_slot];
    agent->n_tasks--;
    agent->hash -= m->task_hash;
    owe(agent, m->id);
    remember(agent, m->id, now);
}

/* ---- monitors ---- */

static void make_room_for_monitor(struct plx_shares *s, uint32_t slot)
{
    if (slot < s->n_monitors)
        return;
    size_t n = s->n_monitors ? 2 * s->n_monitors : 64;
    if (n <= slot)
        n = (size_t)slot + 1;
    s->monitors = resized(s->monitors, n, sizeof *s->monitors);
    memset(&s->monitors[s->n_monitors], 0, (n - s->n_monitors) * sizeof *s->monitors);
    s->n_monitors = n;
}

/* The agents that keep a monitor whose task changed are told the new one. */
static void change_task(struct plx_shares *s, struct monitor *m, uint64_t task_hash)
{
    if (task_hash != m->task_hash)
        for (size_t i = 0; i < m->n_agents; i++) {
            s->agents[m->agents[i]].hash += task_hash - m->task_hash;
            owe(&s->agents[m->agents[i]], m->id);
        }
    m->task_hash = task_hash;
}

int plx_shares_put(struct plx_shares *shares, const struct plx_monitor *monitor,
                   uint32_t *ret_slot)
{
    uint32_t slot;
    int err = plx_catalog_put(shares->catalog, monitor, &slot);
    if (err < 0)
        return err;
    make_room_for_monitor(shares, slot);
    struct monitor *m = &shares->monitors[slot];
    struct plx_task task = plx_task_of(plx_catalog_at(shares->catalog, slot));
    m->present = true;
    m->id = monitor->id;
    change_task(shares, m, plx_task_hash(&task));
    mark_dirty(shares, slot);
    mark_changed(shares, slot);
    *ret_slot = slot;
    return 0;
}

/* Those that stay keep their turn. */
static void set_choice(struct monitor *m, const uint32_t *slots, size_t n)
{
    uint16_t turns[PLX_ASSIGN_MAX];
    for (size_t i = 0; i < n; i++)
        turns[i] = turn_of(m, slots[i]);
    plx_turns_give(turns, n);
    if (n == 0) {
        free(m->agents);
        free(m->turns);
        m->agents = NULL;
        m->turns = NULL;
    } else {
        m->agents = resized(m->agents, n, sizeof *slots);
        m->turns = resized(m->turns, n, sizeof *turns);
        memcpy(m->agents, slots, n * sizeof *slots);
        memcpy(m->turns, turns, n * sizeof *turns);
    }
    m->n_agents = n;
}

void plx_shares_remove(struct plx_shares *shares, uint32_t monitor_slot,
                       struct plx_mono now)
{
    struct monitor *m = &shares->monitors[monitor_slot];
    for (size_t i = 0; i < m->n_agents; i++)
        lose(shares, m->agents[i], m, now);
    set_choice(m, NULL, 0);
    m->present = false;
    plx_catalog_remove(shares->catalog, monitor_slot);
}

/* Tells those that lost or gained the monitor apart; both lists ascend. */
static bool exchange(struct plx_shares *s, const struct monitor *m,
                     const uint32_t *chosen, size_t n, struct plx_mono now)
{
    bool changed = false;
    for (size_t i = 0, k = 0; i < m->n_agents || k < n;) {
        if (k == n || (i < m->n_agents && m->agents[i] < chosen[k])) {
            lose(s, m->agents[i++], m, now);
            changed = true;
        } else if (i == m->n_agents || chosen[k] < m->agents[i]) {
            gain(s, chosen[k++], m);
            changed = true;
        } else {
            i++;
            k++;
        }
    }
    return changed;
}

void plx_shares_settle(struct plx_shares *shares, struct plx_mono now,
                       const uint32_t **ret_monitors, size_t *ret_n)
{
    uint32_t chosen[PLX_ASSIGN_MAX];
    for (size_t d = 0; d < shares->dirty.n; d++) {
        uint32_t slot = shares->dirty.list[d];
        struct monitor *m = &shares->monitors[slot];
        m->dirty = false;
        if (!m->present)
            continue;
        size_t n = plx_assign_pick(plx_catalog_at(shares->catalog, slot), m->id,
                                   shares->candidates, shares->n_agents, chosen);
        if (exchange(shares, m, chosen, n, now)) {
            set_choice(m, chosen, n);
            mark_changed(shares, slot);
        }
    }
    shares->dirty.n = 0;
    size_t n_present = 0;
    for (size_t i = 0; i < shares->changed.n; i++) {
        uint32_t slot = shares->changed.list[i];
        shares->monitors[slot].changed = false;
        if (shares->monitors[slot].present)
            shares->changed.list[n_present++] = slot;
    }
    shares->changed.n = 0;
    *ret_monitors = shares->changed.list;
    *ret_n = n_present;
}

/* ---- questions ---- */

const uint32_t *plx_shares_agents(const struct plx_shares *shares, uint32_t monitor_slot,
                                  size_t *ret_n)
{
    *ret_n =
        monitor_slot < shares->n_monitors ? shares->monitors[monitor_slot].n_agents : 0;
    return *ret_n > 0 ? shares->monitors[monitor_slot].agents : NULL;
}

bool plx_shares_has(const struct plx_shares *shares, uint32_t agent_slot,
                    uint32_t monitor_slot)
{
    return monitor_slot < shares->n_monitors &&
           holds(&shares->monitors[monitor_slot], agent_slot);
}

uint16_t plx_shares_turn(const struct plx_shares *shares, uint32_t agent_slot,
                         uint32_t monitor_slot)
{
    return monitor_slot < shares->n_monitors
               ? turn_of(&shares->monitors[monitor_slot], agent_slot)
               : 0;
}

bool plx_shares_had(const struct plx_shares *shares, uint32_t agent_slot,
                    uint64_t monitor_id, struct plx_mono now, int64_t age_ns)
{
    const struct past *p;
    HASH_FIND(hh, shares->agents[agent_slot].past, &monitor_id, sizeof monitor_id, p);
    return p && plx_mono_diff(now, p->at) <= age_ns;
}

void plx_shares_grant(struct plx_shares *shares, uint32_t agent_slot, uint64_t monitor_id,
                      struct plx_mono now)
{
    remember(&shares->agents[agent_slot], monitor_id, now);
}

bool plx_shares_could_have(const struct plx_shares *shares, uint32_t agent_slot,
                           uint32_t monitor_slot)
{
    const struct plx_monitor *def = plx_catalog_at(shares->catalog, monitor_slot);
    return def && plx_assign_covers(def, &shares->candidates[agent_slot]);
}

static int64_t find_shortest(const struct plx_shares *s, uint32_t agent_slot)
{
    int64_t shortest = 0;
    for (uint32_t i = 0; i < s->n_monitors; i++) {
        if (!s->monitors[i].present || !holds(&s->monitors[i], agent_slot))
            continue;
        int64_t interval = plx_catalog_at(s->catalog, i)->interval_ns;
        if (shortest == 0 || interval < shortest)
            shortest = interval;
    }
    return shortest;
}

struct plx_share plx_shares_of(const struct plx_shares *shares, uint32_t agent_slot)
{
    struct agent *agent = &shares->agents[agent_slot];
    if (agent->shortest_ns < 0)
        agent->shortest_ns = find_shortest(shares, agent_slot);
    return (struct plx_share){
        .n_tasks = agent->n_tasks,
        .generation = agent->generation,
        .hash = agent->hash,
        .shortest_interval_ns = agent->shortest_ns,
        .owed = agent->online && (agent->whole || agent->n_pending > 0),
    };
}

bool plx_shares_sync(struct plx_shares *shares, uint32_t agent_slot, uint64_t generation,
                     uint64_t hash)
{
    struct agent *agent = &shares->agents[agent_slot];
    bool in_step = generation != 0 && hash == agent->hash;
    agent->online = true;
    agent->n_pending = 0;
    agent->whole = !in_step;
    if (in_step || generation > agent->generation)
        agent->generation = generation;
    return in_step;
}

void plx_shares_leave(struct plx_shares *shares, uint32_t agent_slot)
{
    struct agent *agent = &shares->agents[agent_slot];
    agent->online = false;
    agent->whole = false;
    agent->n_pending = 0;
}

static void take_whole(struct plx_shares *s, uint32_t agent_slot,
                       struct plx_share_step *step)
{
    for (uint32_t i = 0; i < s->n_monitors; i++)
        if (s->monitors[i].present && holds(&s->monitors[i], agent_slot))
            push(&s->upserts, i);
    step->whole = true;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* What was touched since the last step, each once, as it is now. */
static void take_delta(struct plx_shares *s, uint32_t agent_slot,
                       struct plx_share_step *step)
{
    struct agent *agent = &s->agents[agent_slot];
    qsort(agent->pending, agent->n_pending, sizeof *agent->pending, by_value);
    for (size_t i = 0; i < agent->n_pending; i++) {
        uint64_t id = agent->pending[i];
        if (i > 0 && id == agent->pending[i - 1])
            continue;
        uint32_t slot = plx_catalog_by_id(s->catalog, id);
        if (slot != PLX_CATALOG_NONE && plx_shares_has(s, agent_slot, slot))
            push(&s->upserts, slot);
        else
            s->removals[step->n_removals++] = id;
    }
}

bool plx_shares_take_step(struct plx_shares *shares, uint32_t agent_slot,
                          struct plx_share_step *ret_step)
{
    struct agent *agent = &shares->agents[agent_slot];
    if (!agent->online || (!agent->whole && agent->n_pending == 0))
        return false;
    struct plx_share_step step = {.from_generation = agent->generation};
    shares->upserts.n = 0;
    if (agent->whole)
        take_whole(shares, agent_slot, &step);
    else
        take_delta(shares, agent_slot, &step);
    agent->whole = false;
    agent->n_pending = 0;
    step.generation = ++agent->generation;
    step.upserts = shares->upserts.list;
    step.n_upserts = shares->upserts.n;
    step.removals = shares->removals;
    *ret_step = step;
    return true;
}
