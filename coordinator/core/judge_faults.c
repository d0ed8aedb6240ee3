#include "coordinator/core/judge_faults.h"

#include "coordinator/core/judge_announce.h"
#include "coordinator/core/judge_ending.h"
#include "coordinator/core/judge_members.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* --- the list ------------------------------------------------------------------- */

static void fault_fini(struct plx_fault *f)
{
    plx_ids_fini(&f->agents);
    plx_ids_fini(&f->monitors);
    plx_ids_fini(&f->dropped);
    free(f->farewell);
}

void plx_faults_fini(struct plx_faults *fs)
{
    for (uint32_t i = 0; i < fs->n; i++)
        fault_fini(&fs->list[i]);
    free(fs->list);
    free(fs->standing);
    *fs = (struct plx_faults){0};
}

struct plx_fault *plx_faults_add(struct plx_faults *fs)
{
    if (fs->n == fs->cap) {
        fs->cap = fs->cap ? fs->cap * 2 : 16;
        fs->list = realloc(fs->list, fs->cap * sizeof *fs->list);
        if (fs->list == NULL)
            abort();
    }
    fs->list[fs->n] = (struct plx_fault){.report = -1};
    return &fs->list[fs->n++];
}

/* Keeps the order of the rest. */
static void fault_remove(struct plx_faults *fs, uint32_t i)
{
    fault_fini(&fs->list[i]);
    memmove(&fs->list[i], &fs->list[i + 1], (fs->n - i - 1) * sizeof *fs->list);
    fs->n--;
}

const struct plx_standing *plx_faults_standing(const struct plx_faults *fs,
                                               uint32_t *ret_n)
{
    *ret_n = fs->n_standing;
    return fs->standing;
}

/* --- meeting the story ---------------------------------------------------------- */

static struct plx_fault *find_same(struct plx_faults *fs, const struct plx_scope *scope)
{
    for (uint32_t i = 0; i < fs->n; i++)
        if (fs->list[i].ended == 0 && plx_fault_is_told(&fs->list[i]) &&
            plx_scope_key(fs->list[i].scope) == plx_scope_key(*scope))
            return &fs->list[i];
    return NULL;
}

/* True when the story has a pick of exactly this scope. */
static bool is_told(const struct plx_cover *cover, const struct plx_scope *scope)
{
    uint32_t n;
    const struct plx_pick *picks = plx_cover_picks(cover, &n);
    for (uint32_t i = 0; i < n; i++)
        if (plx_scope_key(picks[i].scope) == plx_scope_key(*scope))
            return true;
    return false;
}

static uint32_t shared_cells(const struct plx_fault *f, const struct plx_cover *cover,
                             const struct plx_pick *pick)
{
    uint32_t n_fails, n = 0;
    const struct plx_fail *fails = plx_cover_fails(cover, &n_fails);
    const uint32_t *ex = plx_cover_explained(cover, pick);
    for (uint32_t i = 0; i < pick->n_fails; i++)
        if (plx_ids_has(&f->agents, fails[ex[i]].agent) &&
            (plx_family_of(&f->scope) == PLX_FAMILY_VANTAGE ||
             plx_ids_has(&f->monitors, fails[ex[i]].monitor)))
            n++;
    return n;
}

/* An open fault of the same family that the story no longer tells and whose cells this
 * pick explains now: it is the same trouble seen more clearly. */
static struct plx_fault *find_former(struct plx_faults *fs, const struct plx_cover *cover,
                                     const struct plx_pick *pick, uint32_t now)
{
    struct plx_fault *best = NULL;
    uint32_t most = 0;
    for (uint32_t i = 0; i < fs->n; i++) {
        struct plx_fault *f = &fs->list[i];
        if (f->ended != 0 || f->seen || !plx_fault_is_told(f) ||
            plx_family_of(&f->scope) != plx_family_of(&pick->scope) ||
            is_told(cover, &f->scope))
            continue;
        if (f->id != 0 && plx_family_of(&f->scope) != PLX_FAMILY_SERVER &&
            now - f->told < PLX_FAULT_PERSIST)
            continue; /* perhaps only for a moment */
        uint32_t n = shared_cells(f, cover, pick);
        if (n > most) {
            most = n;
            best = f;
        }
    }
    return best;
}

static void meet_one(struct plx_faults *fs, const struct plx_cover *cover,
                     const struct plx_pick *pick, uint32_t now)
{
    struct plx_fault *f = find_same(fs, &pick->scope);
    if (f != NULL && f->seen) { /* the story has it twice, from two moments on */
        f->gain += pick->gain;
        return;
    }
    if (f == NULL) {
        f = find_former(fs, cover, pick, now);
        if (f != NULL) {
            f->sure = 0;
            if (f->id != 0)
                plx_fault_report(f, PLX_JUDGE_UPDATED, now);
        }
    }
    if (f == NULL) {
        f = plx_faults_add(fs);
        f->born = now;
    }
    f->scope = pick->scope;
    if (f->id == 0 || pick->onset < f->onset || f->onset == 0)
        f->onset = pick->onset;
    f->since = pick->onset;
    f->gain = pick->gain;
    f->seen = true;
    f->told = now;
    if (!pick->has_margin)
        return;
    f->margin = pick->margin;
    f->margin_scope = pick->margin_scope;
    f->runner_up = pick->runner_up;
    f->has_runner_up = pick->has_runner_up;
}

static void meet(struct plx_faults *fs, const struct plx_cover *cover, uint32_t now)
{
    uint32_t n;
    const struct plx_pick *picks = plx_cover_picks(cover, &n);
    for (uint32_t i = 0; i < fs->n; i++)
        fs->list[i].seen = false;
    for (uint32_t i = 0; i < n; i++)
        meet_one(fs, cover, &picks[i], now);
}

/* --- what must be forgotten ----------------------------------------------------- */

/* What fault `i` is about is gone. One that was told is closed with the next report. */
static void part(struct plx_faults *fs, uint32_t i, const struct plx_fleet *fleet)
{
    struct plx_fault *f = &fs->list[i];
    char entity[PLX_JUDGE_SENTENCE];
    if (!plx_fault_is_open(f)) {
        fault_remove(fs, i);
        return;
    }
    plx_scope_entity(fleet, &f->scope, entity, sizeof entity);
    f->farewell = plx_text_dup(entity);
    f->seen = false;
    f->ended = 1;
    plx_fault_report(f, PLX_JUDGE_CLOSED, f->said);
}

static bool is_of_agent(const struct plx_scope *s, uint32_t agent)
{
    return (s->type == PLX_SCOPE_AGENT || s->type == PLX_SCOPE_AGENT_HOST ||
            s->type == PLX_SCOPE_AGENT_PREFIX) &&
           s->y == agent;
}

static bool is_of_monitor(const struct plx_scope *s, uint32_t monitor)
{
    return (s->type == PLX_SCOPE_SERVICE || s->type == PLX_SCOPE_FILTER_MONITOR) &&
           s->x == monitor;
}

void plx_faults_forget_monitor(struct plx_faults *fs, const struct plx_fleet *fleet,
                               uint32_t monitor)
{
    for (uint32_t i = fs->n; i-- > 0;) {
        struct plx_fault *f = &fs->list[i];
        if (f->farewell != NULL)
            continue;
        bool had = plx_ids_has(&f->monitors, monitor);
        plx_ids_remove(&f->monitors, monitor);
        plx_ids_remove(&f->dropped, monitor);
        f->unsaid |= had;
        f->has_runner_up &= !is_of_monitor(&f->runner_up, monitor);
        if (is_of_monitor(&f->scope, monitor) || (had && f->monitors.n == 0))
            part(fs, i, fleet);
    }
}

void plx_faults_forget_agent(struct plx_faults *fs, const struct plx_fleet *fleet,
                             uint32_t agent)
{
    for (uint32_t i = fs->n; i-- > 0;) {
        struct plx_fault *f = &fs->list[i];
        if (f->farewell != NULL)
            continue;
        bool had = plx_ids_has(&f->agents, agent);
        plx_ids_remove(&f->agents, agent);
        f->unsaid |= had;
        f->has_runner_up &= !is_of_agent(&f->runner_up, agent);
        if (is_of_agent(&f->scope, agent) || (had && f->agents.n == 0))
            part(fs, i, fleet);
    }
}

static void drop_forgotten(struct plx_faults *fs)
{
    for (uint32_t i = fs->n; i-- > 0;)
        if (fs->list[i].id == 0 && !fs->list[i].seen)
            fault_remove(fs, i);
}

void plx_faults_reported(struct plx_faults *fs, uint32_t now, uint32_t keep_ticks)
{
    for (uint32_t i = fs->n; i-- > 0;) {
        struct plx_fault *f = &fs->list[i];
        bool waits = f->farewell != NULL && !f->parted; /* parted since the last report */
        f->parted = f->farewell != NULL;
        if (waits)
            continue;
        if (f->report >= 0)
            f->dropped.n = 0;
        f->report = -1;
        if (f->parted || (f->ended != 0 && now - f->said > keep_ticks))
            fault_remove(fs, i);
    }
}

/* --- the whole ------------------------------------------------------------------ */

static void flag_agents(struct plx_faults *fs, struct plx_fleet *fleet)
{
    for (uint32_t a = 0; a < fleet->n_agents; a++)
        fleet->agents[a].faulty = false;
    for (uint32_t i = 0; i < fs->n; i++) {
        const struct plx_fault *f = &fs->list[i];
        if (f->ended != 0 || plx_family_of(&f->scope) != PLX_FAMILY_VANTAGE ||
            (f->id == 0 && f->margin < 3))
            continue;
        for (uint32_t k = 0; k < f->agents.n; k++)
            fleet->agents[f->agents.ids[k]].faulty = true;
    }
}

void plx_faults_update(struct plx_faults *fs, struct plx_cover *cover,
                       struct plx_fleet *fleet, struct plx_evidence *ev,
                       const struct plx_judge_policy *policy, uint32_t now)
{
    struct plx_surroundings x = {cover, fleet, ev, policy, now};
    meet(fs, cover, now);
    drop_forgotten(fs);
    for (uint32_t i = 0; i < fs->n; i++)
        if (fs->list[i].ended == 0 && plx_fault_is_told(&fs->list[i]))
            plx_members_update(&x, &fs->list[i]);
    flag_agents(fs, fleet);
    for (uint32_t i = 0; i < fs->n; i++) {
        struct plx_fault *f = &fs->list[i];
        if (f->ended != 0 || !plx_fault_is_told(f))
            continue;
        plx_announce(fs, &x, f);
        if (f->id == 0)
            continue;
        if (plx_ending_is_superseded(fs, &x, f))
            plx_ending_supersede(f, &x);
    }
    flag_agents(fs, fleet);
}

static void list_standing(struct plx_faults *fs, const struct plx_surroundings *x)
{
    if (fs->cap_standing < fs->n) {
        fs->standing = realloc(fs->standing, (fs->n + 16) * sizeof *fs->standing);
        if (fs->standing == NULL)
            abort();
        fs->cap_standing = fs->n + 16;
    }
    fs->n_standing = 0;
    plx_ending_write_off(fs, x);
    for (uint32_t i = 0; i < fs->n; i++) {
        const struct plx_fault *f = &fs->list[i];
        if (f->id == 0 || !plx_fault_is_told(f))
            continue;
        fs->standing[fs->n_standing++] = (struct plx_standing){
            .scope = f->scope,
            .onset = f->onset,
            .ended = plx_ending_claims_until(fs, x, f),
            .open = f->ended == 0,
        };
    }
}

void plx_faults_end(struct plx_faults *fs, struct plx_cover *cover,
                    struct plx_fleet *fleet, struct plx_evidence *ev,
                    const struct plx_judge_policy *policy, uint32_t now)
{
    struct plx_surroundings x = {cover, fleet, ev, policy, now};
    for (uint32_t i = 0; i < fs->n; i++)
        if (plx_fault_is_open(&fs->list[i]) && plx_fault_is_told(&fs->list[i]) &&
            plx_ending_is_over(fs, &x, &fs->list[i]))
            plx_ending_close(fs, &fs->list[i], &x);
    for (uint32_t i = 0; i < fs->n; i++)
        plx_announce_on_its_own(fs, &x, &fs->list[i]);
    flag_agents(fs, fleet);
    list_standing(fs, &x);
}
