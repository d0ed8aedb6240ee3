#include "coordinator/core/judge.h"

#include "coordinator/core/judge_ahead.h"
#include "coordinator/core/judge_cover.h"
#include "coordinator/core/judge_evidence.h"
#include "coordinator/core/judge_faults.h"
#include "coordinator/core/judge_fleet.h"
#include "coordinator/core/judge_hold.h"
#include "coordinator/core/judge_probe.h"
#include "coordinator/core/judge_quality.h"
#include "coordinator/core/judge_reason.h"
#include "coordinator/core/judge_rule.h"
#include "coordinator/core/judge_seats.h"
#include "coordinator/core/judge_states.h"
#include "coordinator/core/judge_verdict.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TK(ns)   ((uint32_t)((ns) / (PLX_SEC_NS / PLX_TK_PER_SEC)))
/* Closed faults are remembered so long: their late failures are theirs. */
#define REMEMBER TK(180 * PLX_SEC_NS)
/* All verdicts are looked at anew once in so many ticks, changed or not: views grow old.
 */
#define SWEEP    30u
/* Solve again at least so often (ticks of 1/32 s) while anything fails: waits run out. */
#define RESOLVE  TK(1 * PLX_SEC_NS)

/* Texts of one tick, behind one another in blocks that do not move. */
struct arena {
    char **blocks;
    size_t n, cap, used; /* blocks in use, allocated; bytes in the last */
};

#define ARENA_BLOCK   32768u
#define VERDICTS_KEEP 512u
/* Blocks kept from tick to tick: one that has a whole fleet to tell of is seldom. */
#define ARENA_KEEP    2u

struct plx_judge {
    struct plx_judge_policy policy;
    struct plx_fleet fleet;
    struct plx_evidence ev;
    struct plx_seats seats;
    struct plx_cover *cover;
    struct plx_faults faults;
    struct plx_prober prober;
    struct plx_states states;
    uint64_t *touched; /* by monitor id: to be decided anew */
    uint32_t sweep_at;
    int64_t now_ns;
    uint32_t solved_at;
    bool anything_failing;
    struct plx_judge_output out;
    struct plx_judge_fault *out_faults;
    size_t cap_out_faults;
    struct plx_judge_ruling *out_verdicts;
    size_t cap_out_verdicts;
    struct plx_judge_cell *out_cells;
    size_t cap_out_cells;
    struct arena arena;
};

static void *sized(void *p, size_t n, size_t size)
{
    p = realloc(p, (n ? n : 1) * size);
    if (p == NULL)
        abort();
    return p;
}

static char *sentence_new(struct arena *a)
{
    if (a->n == 0 || a->used + PLX_JUDGE_SENTENCE > ARENA_BLOCK) {
        if (a->n == a->cap) {
            a->blocks = sized(a->blocks, a->cap + 1, sizeof *a->blocks);
            a->blocks[a->cap++] = sized(NULL, ARENA_BLOCK, 1);
        }
        a->n++;
        a->used = 0;
    }
    char *text = a->blocks[a->n - 1] + a->used;
    a->used += PLX_JUDGE_SENTENCE;
    text[0] = '\0';
    return text;
}

/* Gives back what the newest sentence, now written, did not need. */
static void sentence_done(struct arena *a, const char *text)
{
    a->used = (size_t)(text - a->blocks[a->n - 1]) + strlen(text) + 1;
}

static void arena_clear(struct arena *a)
{
    while (a->cap > ARENA_KEEP)
        free(a->blocks[--a->cap]);
    a->n = a->used = 0;
}

struct plx_judge *plx_judge_new(const struct plx_judge_policy *policy)
{
    struct plx_judge *j = calloc(1, sizeof *j);
    if (j == NULL)
        abort();
    if (policy != NULL)
        j->policy = *policy;
    else
        plx_judge_policy_default(&j->policy);
    j->cover = plx_cover_new();
    return j;
}

void plx_judge_destroy(struct plx_judge **judge)
{
    if (judge == NULL || *judge == NULL)
        return;
    struct plx_judge *j = *judge;
    plx_cover_destroy(&j->cover);
    plx_faults_fini(&j->faults);
    plx_prober_fini(&j->prober);
    plx_seats_fini(&j->seats);
    plx_evidence_fini(&j->ev);
    plx_fleet_fini(&j->fleet);
    for (size_t i = 0; i < j->arena.cap; i++)
        free(j->arena.blocks[i]);
    free(j->arena.blocks);
    plx_states_fini(&j->states);
    free(j->touched);
    free(j->out_faults);
    free(j->out_verdicts);
    free(j->out_cells);
    free(j);
    *judge = NULL;
}

/* --- who and what --------------------------------------------------------------------
 */

int plx_judge_set_agent(struct plx_judge *j, const struct plx_judge_agent *agent)
{
    if (agent->id >= PLX_JUDGE_AGENT_MAX || agent->name == NULL ||
        agent->n_groups > PLX_JUDGE_GROUP_MAX)
        return PLX_EINVAL;
    plx_fleet_set_agent(&j->fleet, agent);
    plx_fleet_count_live(&j->fleet);
    j->ev.dirty = j->ev.receded = true;
    return 0;
}

static void touch(struct plx_judge *j, uint32_t monitor)
{
    j->touched[monitor >> 6] |= UINT64_C(1) << (monitor & 63);
}

static void states_reach(struct plx_judge *j)
{
    uint32_t n = j->fleet.n_monitors, old = j->states.n;
    if (n <= old)
        return;
    size_t words = n / 64 + 1, old_words = old ? old / 64 + 1 : 0;
    j->touched = sized(j->touched, words, sizeof *j->touched);
    memset(j->touched + old_words, 0, (words - old_words) * sizeof *j->touched);
    plx_states_reach(&j->states, n);
}

static struct plx_seats_room room_of(struct plx_judge *j)
{
    return (struct plx_seats_room){&j->ev, &j->fleet, &j->policy};
}

static int check_monitor(const struct plx_judge *j, const struct plx_judge_monitor *m)
{
    if (m->id >= PLX_JUDGE_MONITOR_MAX || m->name == NULL || m->interval_ns <= 0 ||
        m->timeout_ns <= 0 || m->n_agents > PLX_JUDGE_VIEW_MAX ||
        m->n_groups > PLX_JUDGE_GROUP_MAX)
        return PLX_EINVAL;
    for (size_t i = 0; i < m->n_agents; i++)
        if (plx_fleet_agent(&j->fleet, m->agents[i]) == NULL)
            return PLX_ENOTFOUND;
    return 0;
}

int plx_judge_set_monitor(struct plx_judge *j, const struct plx_judge_monitor *m)
{
    int err = check_monitor(j, m);
    if (err != 0)
        return err;
    plx_fleet_set_monitor(&j->fleet, m);
    const struct plx_seats_room room = room_of(j);
    plx_seats_assign(&j->seats, &room, m->id, m->agents, m->n_agents);
    states_reach(j);
    touch(j, m->id);
    return 0;
}

void plx_judge_drop_monitor(struct plx_judge *j, uint32_t monitor)
{
    if (plx_fleet_monitor(&j->fleet, monitor) == NULL)
        return;
    const struct plx_seats_room room = room_of(j);
    plx_seats_clear(&j->seats, &room, monitor);
    plx_faults_forget_monitor(&j->faults, &j->fleet, monitor);
    plx_fleet_drop_monitor(&j->fleet, monitor);
    plx_states_put(&j->states, monitor, &(struct plx_verdict_state){0});
}

/* The monitors the agent took part in lose its cell. */
static void unassign_everywhere(struct plx_judge *j, uint32_t agent)
{
    const struct plx_seats_room room = room_of(j);
    for (uint32_t m = 0; m < j->fleet.n_monitors; m++) {
        const struct plx_fleet_monitor *mon = plx_fleet_monitor(&j->fleet, m);
        if (mon == NULL || plx_evidence_place(mon, agent) == PLX_NO_CELL)
            continue;
        plx_seats_take_away(&j->seats, &room, m, agent);
        touch(j, m);
    }
    plx_seats_forget_agent(&j->seats, agent);
}

void plx_judge_drop_agent(struct plx_judge *j, uint32_t agent)
{
    if (plx_fleet_agent(&j->fleet, agent) == NULL)
        return;
    unassign_everywhere(j, agent);
    plx_faults_forget_agent(&j->faults, &j->fleet, agent);
    plx_fleet_drop_agent(&j->fleet, agent);
    plx_fleet_count_live(&j->fleet);
    j->ev.dirty = true;
}

void plx_judge_clock_set(struct plx_judge *j, int64_t step_ns)
{
    if (j->ev.epoch_ns == 0)
        return;
    j->ev.epoch_ns += step_ns;
    j->now_ns += step_ns;
    plx_fleet_clock_set(&j->fleet, step_ns);
    plx_seats_clock_set(&j->seats, step_ns);
}

/* --- what happened -------------------------------------------------------------------
 */

static struct plx_wall forward(struct plx_judge *j, struct plx_wall now)
{
    if (now.ns > j->now_ns)
        j->now_ns = now.ns;
    return (struct plx_wall){j->now_ns};
}

void plx_judge_heartbeat(struct plx_judge *j, struct plx_wall now, uint32_t agent)
{
    struct plx_fleet_agent *a = plx_fleet_agent(&j->fleet, agent);
    now = forward(j, now);
    plx_evidence_ticks(&j->ev, now);
    if (a == NULL)
        return;
    a->beats = true;
    plx_evidence_heard(&j->ev, a, &j->policy, now);
}

/* One more view of a monitor that is up without it, from an agent that failed on all it
 * looked at: nobody waits for that, and the next sweep takes it in. */
static bool is_no_news(const struct plx_judge *j, uint32_t monitor)
{
    return j->ev.of_held && plx_states_is_plainly_up(&j->states, monitor);
}

/* One more failure of the kind that a fault explained: is it one that goes on? */
static bool goes_on(const struct plx_judge *j, const struct plx_judge_result *result)
{
    for (uint32_t i = 0; i < j->faults.n; i++) {
        const struct plx_fault *f = &j->faults.list[i];
        if (f->ended == 0 && plx_fault_is_told(f) &&
            plx_scope_has_agent(&j->fleet, &f->scope, result->agent) &&
            plx_scope_has_monitor(&j->fleet, &f->scope, result->monitor))
            return true;
    }
    return false;
}

int plx_judge_result(struct plx_judge *j, const struct plx_judge_result *result)
{
    struct plx_wall now = forward(j, result->now);
    if (j->ev.epoch_ns == 0)
        plx_evidence_ticks(&j->ev, now);
    if (plx_fleet_agent(&j->fleet, result->agent) == NULL ||
        plx_fleet_monitor(&j->fleet, result->monitor) == NULL)
        return PLX_ENOTFOUND;
    bool was = j->ev.dirty;
    j->ev.dirty = false;
    int err = plx_evidence_take(&j->ev, &j->fleet, &j->policy, result);
    if (err == PLX_ENOTFOUND) {
        const struct plx_seats_room room = room_of(j);
        err = plx_seats_hear(&j->seats, &room, result);
    }
    j->ev.dirty |= j->ev.again && !goes_on(j, result);
    if (j->ev.dirty && !is_no_news(j, result->monitor))
        touch(j, result->monitor);
    j->ev.dirty |= was;
    return err;
}

bool plx_judge_needs_spares(struct plx_judge *j, uint32_t monitor)
{
    const struct plx_seats_room room = room_of(j);
    return plx_fleet_monitor(&j->fleet, monitor) != NULL &&
           plx_seats_are_needed(&room, monitor, (struct plx_wall){j->now_ns});
}

void plx_judge_foresee(const struct plx_judge *j, uint32_t agent, uint32_t soon,
                       uint32_t later)
{
    if (later < j->fleet.n_monitors)
        __builtin_prefetch(&j->fleet.monitors[later]);
    if (soon < j->fleet.n_monitors)
        plx_evidence_foresee(&j->ev, &j->fleet.monitors[soon], agent);
}

/* --- the tick ------------------------------------------------------------------------
 */

/* Silent: nothing heard for silent_ns; agents that never send heartbeats are given as
 * long as their results may take. Who watches nothing owes nothing; but who fell silent
 * before all that it watched was given to others stays so until it is heard. */
static bool is_silent(const struct plx_judge *j, const struct plx_fleet_agent *a)
{
    if (a->heard_ns == 0 || (a->n_cells == 0 && !a->silent))
        return false;
    int64_t patience =
        a->beats ? j->policy.silent_ns
                 : (int64_t)(j->policy.fresh_intervals * (double)a->min_interval_ns) +
                       j->policy.silent_ns;
    return j->now_ns - a->heard_ns >= patience;
}

static void listen(struct plx_judge *j)
{
    for (uint32_t i = 0; i < j->fleet.n_agents; i++) {
        struct plx_fleet_agent *a = &j->fleet.agents[i];
        if (!a->used)
            continue;
        bool silent = is_silent(j, a);
        if (silent != a->silent)
            j->ev.dirty = true;
        a->silent = silent;
        j->anything_failing |= silent || a->local_n > 0;
    }
}

static bool has_failing(const struct plx_evidence *ev)
{
    for (uint32_t w = 0; w * 64 < ev->cells.n; w++)
        if ((ev->cells.failing[w] | ev->cells.held[w]) != 0)
            return true;
    return false;
}

static void solve(struct plx_judge *j, uint32_t now)
{
    uint32_t n;
    plx_faults_end(&j->faults, j->cover, &j->fleet, &j->ev, &j->policy, now);
    plx_fleet_count_live(&j->fleet);
    const struct plx_standing *standing = plx_faults_standing(&j->faults, &n);
    if (plx_hold_update(&j->fleet, &j->ev, standing, n))
        j->faults.claims = 0;
    plx_cover_solve(j->cover, &j->fleet, &j->ev, &j->policy, now, standing, n);
    plx_faults_update(&j->faults, j->cover, &j->fleet, &j->ev, &j->policy, now);
    j->solved_at = now;
}

static void touch_members(struct plx_judge *j)
{
    for (uint32_t i = 0; i < j->faults.n; i++) {
        const struct plx_fault *f = &j->faults.list[i];
        if (f->report < 0)
            continue;
        for (uint32_t k = 0; k < f->monitors.n; k++)
            if (f->monitors.ids[k] < j->states.n)
                touch(j, f->monitors.ids[k]);
        for (uint32_t k = 0; k < f->dropped.n; k++)
            if (f->dropped.ids[k] < j->states.n)
                touch(j, f->dropped.ids[k]);
    }
}

static struct plx_reason_input reason_input(const struct plx_judge *j, uint32_t now)
{
    return (struct plx_reason_input){&j->fleet, &j->ev, &j->faults, &j->policy, now};
}

static void fill_fault(struct plx_judge *j, const struct plx_fault *f, uint32_t now,
                       struct plx_judge_fault *ret)
{
    struct plx_reason_input in = reason_input(j, now);
    char *entity = sentence_new(&j->arena), *why = sentence_new(&j->arena);
    if (f->farewell != NULL)
        snprintf(entity, PLX_JUDGE_SENTENCE, "%s", f->farewell);
    else
        plx_scope_entity(&j->fleet, &f->scope, entity, PLX_JUDGE_SENTENCE);
    plx_reason_fault(&in, f, why);
    sentence_done(&j->arena, why);
    *ret = (struct plx_judge_fault){
        .id = f->id,
        .class = plx_scope_kind(f->scope.type)->class,
        .change = f->report < 0 ? PLX_JUDGE_UPDATED : (enum plx_judge_change)f->report,
        .entity = entity,
        .onset = plx_evidence_wall(&j->ev, f->onset),
        .confidence = plx_fault_confidence(f),
        .margin = f->margin,
        .page = f->page && !f->vetoed,
        .by_quorum = f->by_quorum,
        .agents = f->agents.ids,
        .n_agents = f->agents.n,
        .monitors = f->monitors.ids,
        .n_monitors = f->monitors.n,
        .why = why,
    };
}

static struct plx_judge_fault *next_fault(struct plx_judge *j)
{
    if (j->out.n_faults == j->cap_out_faults) {
        j->cap_out_faults = j->cap_out_faults * 2 + 16;
        j->out_faults = sized(j->out_faults, j->cap_out_faults, sizeof *j->out_faults);
    }
    return &j->out_faults[j->out.n_faults++];
}

static void report_faults(struct plx_judge *j, uint32_t now)
{
    j->out.n_faults = 0;
    for (int closed = 1; closed >= 0; closed--)
        for (uint32_t i = 0; i < j->faults.n; i++) {
            const struct plx_fault *f = &j->faults.list[i];
            if (f->report >= 0 && (f->report == PLX_JUDGE_CLOSED) == closed)
                fill_fault(j, f, now, next_fault(j));
        }
    j->out.faults = j->out_faults;
}

static void fill_ruling(struct plx_judge *j, uint32_t monitor, uint32_t now,
                        struct plx_judge_ruling *ret)
{
    const struct plx_verdict_state state = plx_states_get(&j->states, monitor),
                                   *v = &state;
    struct plx_reason_input in = reason_input(j, now);
    char *why = sentence_new(&j->arena);
    struct plx_count n; /* as of now, as the sentence has it */
    plx_verdict_count(&j->fleet, &j->ev, &j->policy, monitor, now, &n);
    plx_reason_verdict(&in, monitor, v, why);
    sentence_done(&j->arena, why);
    *ret = (struct plx_judge_ruling){
        .monitor = monitor,
        .verdict = (enum plx_judge_verdict)v->verdict,
        .confidence = v->confidence,
        .fresh = n.fresh,
        .assigned = n.assigned,
        .since = plx_evidence_wall(&j->ev, v->since),
        .faults = plx_states_faults(&j->states, monitor),
        .n_faults = v->n_faults,
        .why = why,
    };
}

static void decide_one(struct plx_judge *j, uint32_t monitor, uint32_t now)
{
    if (plx_fleet_monitor(&j->fleet, monitor) == NULL)
        return;
    plx_quality_time(&j->ev, &j->fleet.monitors[monitor]);
    struct plx_verdict_state v = plx_states_get(&j->states, monitor);
    bool changed =
        plx_verdict_decide(&v, &j->faults, &j->fleet, &j->ev, &j->policy, monitor, now);
    plx_states_put(&j->states, monitor, &v);
    if (!changed)
        return;
    if (j->out.n_verdicts == j->cap_out_verdicts) {
        j->cap_out_verdicts = j->cap_out_verdicts * 2 + 16;
        j->out_verdicts =
            sized(j->out_verdicts, j->cap_out_verdicts, sizeof *j->out_verdicts);
    }
    fill_ruling(j, monitor, now, &j->out_verdicts[j->out.n_verdicts++]);
}

/* A tick that tells of a whole fleet is seldom: its list is not kept. */
static void verdicts_clear(struct plx_judge *j)
{
    j->out.n_verdicts = 0;
    if (j->cap_out_verdicts <= VERDICTS_KEEP)
        return;
    free(j->out_verdicts);
    j->out_verdicts = NULL;
    j->cap_out_verdicts = 0;
}

/* A part of all monitors in each tick, and all members of faults that changed. */
static void touch_more(struct plx_judge *j)
{
    touch_members(j);
    uint32_t slice = j->states.n / SWEEP + 1;
    for (uint32_t i = 0; i < slice && j->states.n > 0; i++) {
        touch(j, j->sweep_at);
        j->sweep_at = (j->sweep_at + 1) % j->states.n;
    }
}

static void apply_rules(struct plx_judge *j, uint32_t now)
{
    struct plx_surroundings x = {j->cover, &j->fleet, &j->ev, &j->policy, now};
    for (uint32_t w = 0; w * 64 < j->states.n; w++)
        for (uint64_t bits = j->touched[w]; bits != 0; bits &= bits - 1)
            plx_rule_apply(&j->faults, &x, w * 64 + (uint32_t)__builtin_ctzll(bits));
}

/* What comes next is fetched from memory meanwhile. */
static void look_ahead(const struct plx_judge *j, uint32_t word,
                       enum plx_ahead_stage stage)
{
    if (word * 64 >= j->states.n)
        return;
    for (uint64_t bits = j->touched[word]; bits != 0; bits &= bits - 1) {
        uint32_t i = word * 64 + (uint32_t)__builtin_ctzll(bits);
        if (stage == PLX_AHEAD_MONITOR)
            __builtin_prefetch(&j->states.at[i]);
        plx_ahead_fetch(&j->fleet, &j->ev.cells, i, stage);
    }
}

static void decide_touched(struct plx_judge *j, uint32_t now)
{
    verdicts_clear(j);
    for (uint32_t w = 0; w * 64 < j->states.n; w++) {
        uint64_t bits = j->touched[w];
        look_ahead(j, w + 2, PLX_AHEAD_MONITOR);
        look_ahead(j, w + 1, PLX_AHEAD_CELLS);
        look_ahead(j, w, PLX_AHEAD_MORE);
        j->touched[w] = 0;
        for (; bits != 0; bits &= bits - 1)
            decide_one(j, w * 64 + (uint32_t)__builtin_ctzll(bits), now);
    }
    for (size_t i = 0; i < j->out.n_verdicts; i++) /* all are where they stay */
        j->out_verdicts[i].faults =
            plx_states_faults(&j->states, j->out_verdicts[i].monitor);
    j->out.verdicts = j->out_verdicts;
}

/* How long a solution may stand while nothing new came in: waits run out. */
static uint32_t patience(const struct plx_judge *j)
{
    for (uint32_t i = 0; i < j->faults.n; i++)
        if (j->faults.list[i].id == 0)
            return RESOLVE;
    return 4 * RESOLVE;
}

void plx_judge_tick(struct plx_judge *j, struct plx_wall now,
                    const struct plx_judge_output **ret_output)
{
    uint32_t tk = plx_evidence_ticks(&j->ev, forward(j, now));
    arena_clear(&j->arena);
    plx_faults_reported(&j->faults, tk, REMEMBER);
    j->prober.orders.n = 0;
    j->anything_failing = has_failing(&j->ev) || j->faults.n > 0;
    listen(j);
    const struct plx_seats_room room = room_of(j);
    plx_seats_step(&j->seats, &room, (struct plx_wall){j->now_ns}, j->touched);
    bool due = j->prober.due != 0 && tk >= j->prober.due;
    if (j->ev.dirty || due || (j->anything_failing && tk - j->solved_at >= patience(j))) {
        solve(j, tk);
        plx_prober_step(&j->prober, j->cover, &j->faults, &j->fleet, &j->ev, &j->policy,
                        &j->seats, tk);
        plx_evidence_solved(&j->ev);
    }
    touch_more(j);
    apply_rules(j, tk);
    report_faults(j, tk);
    decide_touched(j, tk);
    plx_cells_reserve(&j->ev.cells);
    j->out.probes = j->prober.orders.list;
    j->out.n_probes = j->prober.orders.n;
    *ret_output = &j->out;
}

/* --- looking -------------------------------------------------------------------------
 */

static uint32_t tk_now(struct plx_judge *j)
{
    return plx_evidence_ticks(&j->ev, (struct plx_wall){j->now_ns});
}

int plx_judge_view(struct plx_judge *j, uint32_t monitor, struct plx_judge_ruling *ret)
{
    if (plx_fleet_monitor(&j->fleet, monitor) == NULL)
        return PLX_ENOTFOUND;
    arena_clear(&j->arena);
    fill_ruling(j, monitor, tk_now(j), ret);
    return 0;
}

static void fill_cell(struct plx_judge *j, uint32_t monitor, const struct plx_cell *c,
                      uint32_t now, struct plx_judge_cell *ret)
{
    struct plx_reason_input in = reason_input(j, now);
    *ret = (struct plx_judge_cell){
        .agent = c->agent,
        .spare = c->flags & PLX_CELL_SPARE,
        .seen = c->flags & PLX_CELL_SEEN,
        .ok = (c->flags & PLX_CELL_SEEN) && !(c->flags & PLX_CELL_FAILING),
        .outcome = (enum plx_outcome)c->outcome,
        .unreach = (enum plx_unreach)c->unreach,
        .rtt_us = plx_rtt_unpack(c->rtt),
        .loss = plx_quality_loss(c),
        .lossy = c->lossy,
        .slow = c->slow,
        .n_run = c->n,
        .at = plx_evidence_wall(&j->ev, c->last),
        .run_since = plx_evidence_wall(&j->ev, c->first),
    };
    plx_quality_interval(ret->loss, c->loss_n, &ret->loss_low, &ret->loss_high);
    ret->reason = plx_reason_cell(&in, monitor, c, &ret->fault);
}

static const struct plx_fault *fault_of(const struct plx_judge *j, uint32_t monitor)
{
    const struct plx_fault *best = NULL;
    const struct plx_verdict_state state = plx_states_get(&j->states, monitor),
                                   *v = &state;
    for (uint32_t i = 0; i < j->faults.n; i++)
        for (uint32_t k = 0; k < v->n_faults; k++)
            if (j->faults.list[i].id == v->faults[k] &&
                j->faults.list[i].farewell == NULL &&
                (best == NULL || plx_scope_kind(j->faults.list[i].scope.type)->server))
                best = &j->faults.list[i];
    return best;
}

int plx_judge_explain(struct plx_judge *j, uint32_t monitor, struct plx_judge_view *ret)
{
    const struct plx_fleet_monitor *m = plx_fleet_monitor(&j->fleet, monitor);
    if (m == NULL)
        return PLX_ENOTFOUND;
    struct plx_reason_input in = reason_input(j, tk_now(j));
    struct plx_count n;
    arena_clear(&j->arena);
    plx_verdict_count(&j->fleet, &j->ev, &j->policy, monitor, in.now, &n);
    if (j->cap_out_cells < m->n_cells) {
        j->out_cells = sized(j->out_cells, m->n_cells, sizeof *j->out_cells);
        j->cap_out_cells = m->n_cells;
    }
    for (uint32_t i = 0; i < m->n_cells; i++) {
        const struct plx_cell cell = plx_cell_at(&j->ev, m, i);
        fill_cell(j, monitor, &cell, in.now, &j->out_cells[i]);
    }
    *ret = (struct plx_judge_view){
        .cells = j->out_cells,
        .n_cells = m->n_cells,
        .loss = n.loss,
        .loss_low = n.loss_low,
        .loss_high = n.loss_high,
        .rtt_us = n.rtt_us,
        .runner_up = "",
    };
    fill_ruling(j, monitor, in.now, &ret->ruling);
    const struct plx_fault *f = fault_of(j, monitor);
    if (f != NULL) {
        char *text = sentence_new(&j->arena);
        plx_reason_runner_up(&in, f, text);
        ret->runner_up = text;
        ret->margin = f->margin_scope;
    }
    return 0;
}

void plx_judge_faults(struct plx_judge *j, const struct plx_judge_fault **ret_faults,
                      size_t *ret_n)
{
    uint32_t now = tk_now(j);
    arena_clear(&j->arena);
    j->out.n_faults = 0;
    for (uint32_t i = 0; i < j->faults.n; i++)
        if (plx_fault_is_open(&j->faults.list[i]))
            fill_fault(j, &j->faults.list[i], now, next_fault(j));
    *ret_faults = j->out_faults;
    *ret_n = j->out.n_faults;
}

bool plx_judge_agent_is_faulty(const struct plx_judge *j, uint32_t agent)
{
    const struct plx_fleet_agent *a = plx_fleet_agent(&j->fleet, agent);
    return a != NULL && (a->faulty || a->silent);
}
