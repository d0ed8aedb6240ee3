#include "coordinator/core/judge_probe.h"

#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

#define SEC       PLX_TK_PER_SEC
/* A healthy answer takes well under this, and a lost SYN is sent again only after a
 * second: no answer by then is a bad sign. */
#define HUSH      (3 * SEC / 4)
/* A doubt without news for so long is over. */
#define FORGET    (90 * SEC)
#define REPEAT    (10 * SEC)
#define APART     (20 * SEC)
/* Enough to hear every location of an ordinary monitor once. */
#define ALL       12u
/* Before all are asked because of a single answer that does not come. */
#define FEW       3u
/* Steps between two looks for watches that are over. */
#define PURGE     16u
/* Monitors of a fault that are asked about before it is said, at once. */
#define WITNESSED 4u
/* Rounds of a burst (stage 2 is the first). */
#define STAGE_MAX 5
/* In a watch's `n_good`: no location was counted. */
#define NOBODY    UINT8_MAX
/* A path is asked again until so many failures apart. */
#define PATH_MAX  5

/* How much may be saved up, in probes. */
#define QUIET_CAP   30.0
#define DOUBT_CAP   400.0
#define QUIET_START 9.0
#define DOUBT_START 240.0
/* Extra probes a second that the smallest fleet may spend on faults in doubt: so few harm
 * nobody, and a share of almost nothing would leave it without any at its third fault. */
#define DOUBT_FLOOR 0.5
/* With so much saved up, accidents are so rare here that a lone failure is worth asking
 * everybody at once. */
#define QUIET_RICH  24.0

void plx_prober_fini(struct plx_prober *p)
{
    plx_watches_fini(&p->watches);
    free(p->live);
    free(p->out);
    *p = (struct plx_prober){0};
}

struct search {
    struct plx_prober *p;
    struct plx_cover *cover;
    const struct plx_faults *faults;
    const struct plx_fleet *fleet;
    struct plx_evidence *ev;
    const struct plx_judge_policy *policy;
    uint32_t now;
};

/* What a monitor's cells say since a doubt began. */
struct scene {
    uint32_t monitor, onset;
    uint32_t latest; /* when the last of the failing cells began to fail */
    uint32_t n_failed, n_good, n_pending;
    bool odd_kind;                  /* a failure that is no mere silence */
    bool urgent;                    /* everybody is to be heard at once */
    uint32_t regions[8], n_regions; /* where failures were seen */
    uint32_t providers[8], n_providers;
};

/* Asks the agent of the monitor's cell at place `k`. */
static bool order(struct search *s, uint32_t monitor, uint32_t k, double *budget)
{
    struct plx_prober *p = s->p;
    if (*budget < 1 || p->n_out >= s->policy->max_probes)
        return false;
    if (p->n_out == p->cap_out) {
        p->cap_out = p->cap_out ? p->cap_out * 2 : 64;
        p->out = realloc(p->out, p->cap_out * sizeof *p->out);
        if (p->out == NULL)
            abort();
    }
    const struct plx_fleet_monitor *m = &s->fleet->monitors[monitor];
    p->out[p->n_out++] = (struct plx_judge_probe){monitor, m->watchers->agents[k]};
    s->ev->cells.at[m->cell0 + k].flags |= PLX_CELL_PENDING;
    *budget -= 1;
    return true;
}

/* How long a scheduled probe of this cell may still take to fail by silence, if one is
 * under way or about to begin: its answer costs nothing. 0: none is. */
static uint32_t in_flight(const struct search *s, const struct plx_fleet_monitor *m,
                          const struct plx_cell *c)
{
    if (!(c->flags & PLX_CELL_SEEN) || m->terms->interval_tk > 60000 || c->sched == 0)
        return 0;
    uint32_t elapsed = (uint16_t)((uint16_t)s->now - c->sched);
    uint32_t pos = elapsed % m->terms->interval_tk, most = m->terms->timeout_tk + SEC;
    if (m->terms->interval_tk - pos < SEC / 2)
        return m->terms->interval_tk - pos + most;
    bool under_way = elapsed >= m->terms->interval_tk && pos < most &&
                     c->last + pos + 2 * SEC < s->now;
    return under_way ? most - pos : 0;
}

static bool is_in(const uint32_t *list, uint32_t n, uint32_t v)
{
    for (uint32_t i = 0; i < n; i++)
        if (list[i] == v)
            return true;
    return false;
}

static void note(uint32_t list[8], uint32_t *n, uint32_t v)
{
    if (!is_in(list, *n, v) && *n < 8)
        list[(*n)++] = v;
}

static bool is_recent_failure(const struct plx_cell *c, uint32_t onset, uint32_t slack)
{
    return (c->flags & PLX_CELL_FAILING) && c->last + slack >= onset;
}

static bool is_good_since(const struct plx_cell *c, uint32_t onset)
{
    if (!(c->flags & PLX_CELL_SEEN))
        return false;
    return c->flags & PLX_CELL_FAILING ? c->other > onset : c->last > onset;
}

/* The failing cells that nothing announced explains decide when the doubt began. */
static void look(const struct search *s, uint32_t monitor, uint32_t onset,
                 struct scene *ret)
{
    const struct plx_fleet_monitor *m = &s->fleet->monitors[monitor];
    uint32_t slack = 3 * SEC;
    *ret = (struct scene){.monitor = monitor, .onset = onset};
    for (uint32_t i = 0; i < m->n_cells; i++) {
        struct plx_cell view;
        const struct plx_cell *c = &view;
        const struct plx_fleet_agent *a = &s->fleet->agents[m->watchers->agents[i]];
        plx_cell_read(s->ev, m, i, &view);
        if (!plx_fleet_is_live(a))
            continue;
        if (is_recent_failure(c, onset, slack)) {
            ret->n_failed++;
            ret->latest = c->first > ret->latest ? c->first : ret->latest;
            note(ret->regions, &ret->n_regions, a->region);
            note(ret->providers, &ret->n_providers, a->provider);
            for (int k = PLX_KIND_REFUSED; k < PLX_KIND_COUNT_; k++)
                ret->odd_kind |= c->kinds[k] > 0;
        } else if (is_good_since(c, onset)) {
            ret->n_good++;
        } else if ((c->flags & PLX_CELL_PENDING) || in_flight(s, m, c)) {
            ret->n_pending++;
        }
    }
}

/* A scheduled probe says soon enough what this one would be asked. Where everything is
 * silent, it would take its whole timeout, and an extra probe a second or two. */
static bool will_say(const struct search *s, const struct scene *scene,
                     const struct plx_fleet_monitor *m, const struct plx_cell *c)
{
    uint32_t left = in_flight(s, m, c);
    return left > 0 && (!scene->urgent || scene->odd_kind || left <= HUSH);
}

/* How much this cell's answer would tell: other regions first, then other providers, then
 * quiet agents; ties by a fixed shuffle. Negative: nothing. */
static double worth(const struct search *s, const struct scene *scene,
                    const struct plx_fleet_monitor *m, const struct plx_cell *c,
                    bool again)
{
    const struct plx_fleet_agent *a = &s->fleet->agents[c->agent];
    if (!plx_fleet_is_live(a) || (c->flags & PLX_CELL_PENDING) ||
        will_say(s, scene, m, c) || is_good_since(c, scene->onset))
        return -1;
    if (is_recent_failure(c, scene->onset, 0) && (!again || s->now - c->last < REPEAT))
        return -1;
    double v = is_in(scene->regions, scene->n_regions, a->region) ? 0 : 4;
    v += is_in(scene->providers, scene->n_providers, a->provider) ? 0 : 2;
    v -= 10 * plx_evidence_noise(a, s->policy);
    uint64_t h = plx_hash_mix((uint64_t)scene->monitor << 32 | (uint32_t)c->agent << 4);
    return v + 1.5 + (double)(h >> 40) / (double)(1 << 24);
}

/* Asks up to `k` of the monitor's agents, the most telling first. */
static uint32_t ask(struct search *s, struct scene *scene, uint32_t monitor, uint32_t k,
                    bool again, double *budget)
{
    const struct plx_fleet_monitor *m = &s->fleet->monitors[monitor];
    uint32_t done = 0;
    for (; done < k; done++) {
        uint32_t best = PLX_NO_CELL;
        double most = 0;
        for (uint32_t i = 0; i < m->n_cells; i++) {
            const struct plx_cell c = plx_cell_at(s->ev, m, i);
            double v = worth(s, scene, m, &c, again);
            if (v > most) {
                most = v;
                best = i;
            }
        }
        if (best == PLX_NO_CELL || !order(s, monitor, best, budget))
            break;
        const struct plx_fleet_agent *a = &s->fleet->agents[m->watchers->agents[best]];
        note(scene->regions, &scene->n_regions, a->region);
        note(scene->providers, &scene->n_providers, a->provider);
    }
    return done;
}

static bool has_news(const struct search *s, uint32_t monitor, uint32_t onset)
{
    const struct plx_fleet_monitor *m = &s->fleet->monitors[monitor];
    for (uint32_t i = 0; i < m->n_cells; i++) {
        const struct plx_cell view = plx_cell_at(s->ev, m, i), *c = &view;
        if (is_recent_failure(c, onset, 0) || is_good_since(c, onset) ||
            (c->flags & PLX_CELL_PENDING))
            return true;
    }
    return false;
}

/* Is it the service, its host or the network around it? Asks monitors beside it that have
 * said nothing since its failures: a wider fault could have begun with the last of
 * them. */
static void ask_aside(struct search *s, const struct scene *scene)
{
    uint32_t since = scene->latest + PLX_TK(s->policy->slack_ns);
    const struct plx_fleet_monitor *m = &s->fleet->monitors[scene->monitor];
    const struct plx_unit *host = &s->fleet->units[m->unit_host];
    uint32_t asked = 0;
    for (uint32_t i = 0; i < host->n && asked < 4; i++) {
        uint32_t sib = plx_unit_members(host)[i];
        if (sib == scene->monitor || has_news(s, sib, since))
            continue;
        struct scene fresh = {.monitor = sib, .onset = since};
        asked += ask(s, &fresh, sib, 2, false, &s->p->doubt) > 0;
    }
    if (m->unit_prefix == PLX_NO_UNIT)
        return;
    const struct plx_unit *prefix = &s->fleet->units[m->unit_prefix];
    uint32_t last_host = m->unit_host;
    asked = 0;
    for (uint32_t i = 0; i < prefix->n && i < 256 && asked < 3; i++) {
        uint32_t id = plx_unit_members(prefix)[i], h = s->fleet->monitors[id].unit_host;
        if (h == m->unit_host || h == last_host || has_news(s, id, since))
            continue;
        struct scene fresh = {.monitor = id, .onset = since};
        if (ask(s, &fresh, id, 1, false, &s->p->doubt) > 0) {
            last_host = h;
            asked++;
        }
    }
}

/* How many probes a lone first failure is worth: what the quiet budget has saved up. One
 * that is no mere silence is worth two at least, whatever is left. */
static uint32_t first_size(const struct search *s, const struct scene *scene)
{
    double b = s->p->quiet;
    if (b >= QUIET_RICH)
        return ALL;
    if (scene->odd_kind)
        return b >= 3 ? 3 : 2;
    return b >= 8 ? 4 : b >= 3 ? 2 : 1;
}

/* The probes that a lone first failure is worth. */
static void ask_first(struct search *s, struct scene *scene, struct plx_watch *w)
{
    bool quiet = !scene->odd_kind && scene->n_failed < 2;
    uint32_t most = first_size(s, scene);
    scene->urgent = most == ALL;
    uint32_t n =
        ask(s, scene, scene->monitor, most, false, quiet ? &s->p->quiet : &s->p->doubt);
    scene->n_pending += n;
    w->all = most == ALL;
    if (w->all)
        s->fleet->monitors[scene->monitor].asked_all = s->now;
    w->spent = quiet ? (uint8_t)n : 0;
    w->stage = 1;
    w->asked = s->now;
}

/* It was no accident: what it cost was not spent on one. */
static void settle_accounts(struct search *s, struct plx_watch *w)
{
    s->p->quiet += w->spent;
    s->p->doubt -= w->spent;
    w->spent = 0;
}

/* The silence of those asked will be looked at, whether anything is heard or not. */
static void await(struct search *s, uint32_t at)
{
    if (at > s->now && (s->p->due == 0 || at < s->p->due))
        s->p->due = at;
}

static void pursue(struct search *s, struct scene *scene, struct plx_watch *w)
{
    bool several = scene->n_failed >= 2;
    if (w->stage == 0)
        ask_first(s, scene, w);
    if (several)
        settle_accounts(s, w);
    bool hush = scene->n_pending > 0 && s->now - w->asked >= HUSH;
    if (w->stage == 1 && !several && hush && scene->n_pending == 1 && !w->few) {
        /* Two accidents are likelier than an outage still. */
        ask(s, scene, scene->monitor, FEW, false, &s->p->doubt);
        w->few = true;
        w->asked = s->now;
        await(s, s->now + HUSH);
        return;
    }
    if (w->stage == 1 && scene->n_pending > 0)
        await(s, w->asked + HUSH);
    bool silent = hush && scene->n_pending >= 2;
    if (w->stage == 1 && (several || hush)) {
        scene->urgent = true;
        uint32_t n = ask(s, scene, scene->monitor, ALL, false, &s->p->doubt);
        if (n > 0 || !w->all)
            s->fleet->monitors[scene->monitor].asked_all = s->now;
        scene->n_pending += n;
        w->all = true;
        w->stage = 2;
        w->asked = s->now;
    }
    if (scene->n_pending > 0)
        scene->latest = s->now; /* of those asked, some may fail only since now */
    if (w->stage >= 2 && (several || silent) && !w->aside) {
        ask_aside(s, scene);
        w->aside = true;
    }
    if (w->stage >= 2 && w->stage < STAGE_MAX && several && s->now - w->asked >= REPEAT) {
        ask(s, scene, scene->monitor, 4, true, &s->p->doubt);
        w->stage++;
        w->asked = s->now;
    }
}

/* Others see it well: is it this agent's path? Ask the same agent again, well apart; two
 * failures in a row are still mostly accidents, and the next scheduled probe is free. */
static void retry(struct search *s, const struct plx_fail *fail)
{
    const struct plx_fleet_monitor *m = &s->fleet->monitors[fail->monitor];
    uint32_t k = fail->cell - m->cell0;
    const struct plx_cell c = plx_cell_at(s->ev, m, k);
    if ((c.n_apart < 3 && fail->by < 0) || c.n_apart > PATH_MAX ||
        (c.flags & PLX_CELL_PENDING) || s->now - c.last < APART || in_flight(s, m, &c))
        return;
    order(s, fail->monitor, k, &s->p->doubt);
}

/* Nearly all locations fail, one or two see it well: a stray answer, or a filter? Asks
 * those again. */
static bool ask_dissenters(struct search *s, uint32_t monitor, uint32_t onset)
{
    const struct plx_fleet_monitor *m = &s->fleet->monitors[monitor];
    bool asked = false;
    for (uint32_t i = 0; i < m->n_cells; i++) {
        const struct plx_cell c = plx_cell_at(s->ev, m, i);
        if (!is_recent_failure(&c, onset, 0) && is_good_since(&c, onset) &&
            !(c.flags & PLX_CELL_PENDING) &&
            plx_fleet_is_live(&s->fleet->agents[c.agent]))
            asked |= order(s, monitor, i, &s->p->doubt);
    }
    return asked;
}

/* What an agent that is not in the fault said of a monitor in it would be news: it has
 * said nothing since the fault began. A good result within the slack may be older. */
static bool is_owed(const struct search *s, const struct plx_fault *f,
                    const struct plx_fleet_monitor *m, const struct plx_cell *c)
{
    return !plx_ids_has(&f->agents, c->agent) && !(c->flags & PLX_CELL_PENDING) &&
           !is_recent_failure(c, f->since, 0) && !in_flight(s, m, c) &&
           !is_good_since(c, f->since + PLX_TK(s->policy->slack_ns));
}

/* A fault on the target's side that is about to be said, and seems to have begun after
 * everybody was asked: who saw it well shortly before is asked once more. */
static void ask_witnesses(struct search *s, const struct plx_fault *f)
{
    for (uint32_t i = 0; i < f->monitors.n; i++)
        if (s->fleet->monitors[f->monitors.ids[i]].asked_all >= f->since)
            return;
    for (uint32_t i = 0; i < f->monitors.n && i < WITNESSED; i++) {
        uint32_t id = f->monitors.ids[i];
        struct plx_fleet_monitor *m = &s->fleet->monitors[id];
        for (uint32_t k = 0; k < m->n_cells; k++) {
            const struct plx_cell c = plx_cell_at(s->ev, m, k);
            if (plx_fleet_is_live(&s->fleet->agents[c.agent]) && is_owed(s, f, m, &c))
                order(s, id, k, &s->p->doubt);
        }
        m->asked_all = s->now;
    }
}

/* A network of which one region alone can tell: something gets through most faults of
 * ours now and then, and a single answer would show that it is the way there. */
static void ask_blind(struct search *s, struct plx_fault *f)
{
    if (f->begged != 0 && s->now - f->begged < REPEAT)
        return;
    f->begged = s->now;
    for (uint32_t i = 0; i < f->monitors.n && i < WITNESSED; i++) {
        uint32_t turn = (s->now / REPEAT * WITNESSED + i) % f->monitors.n;
        uint32_t id = f->monitors.ids[turn];
        const struct plx_fleet_monitor *m = &s->fleet->monitors[id];
        for (uint32_t k = 0; k < m->n_cells; k++) {
            const struct plx_cell c = plx_cell_at(s->ev, m, k);
            const struct plx_fleet_agent *a = &s->fleet->agents[c.agent];
            if (a->used && !a->silent && !plx_fleet_is_live(a) && is_owed(s, f, m, &c))
                order(s, id, k, &s->p->doubt);
        }
    }
}

/* Before a fault is said. */
static void ask_to_be_sure(struct search *s)
{
    for (uint32_t i = 0; i < s->faults->n; i++) {
        struct plx_fault *f = &s->faults->list[i];
        if (f->id != 0 || !f->seen || plx_family_of(&f->scope) != PLX_FAMILY_SERVER)
            continue;
        if (f->sure != 0)
            ask_witnesses(s, f);
        else if (f->one_sided)
            ask_blind(s, f);
    }
}

static bool is_settled(const struct search *s, const struct plx_fail *fail)
{
    if (fail->by < 0)
        return false;
    uint32_t n;
    const struct plx_pick *pick = &plx_cover_picks(s->cover, &n)[fail->by];
    if (plx_scope_kind(pick->scope.type)->vantage && pick->margin > 3)
        return true;
    for (uint32_t i = 0; i < s->faults->n; i++)
        if (plx_fault_is_open(&s->faults->list[i]) &&
            plx_fault_is_told(&s->faults->list[i]) &&
            plx_scope_key(s->faults->list[i].scope) == plx_scope_key(pick->scope))
            return true;
    return false;
}

static void begin(struct search *s, struct plx_watch *w, const struct plx_fail *fail)
{
    *w = (struct plx_watch){.key = w->key,
                            .seen = w->seen,
                            .since = fail->first,
                            .asked = s->now,
                            .n_good = w->n_good,
                            .n_failed = w->n_failed};
}

/* Nearly all of those that have a say fail, and one or two see it well. */
static bool are_few(uint32_t n_good, uint32_t n_failed)
{
    return n_failed >= 3 && n_good * 3 <= n_failed;
}

static uint8_t at_most(uint32_t n, uint32_t most)
{
    return (uint8_t)(n < most ? n : most);
}

/* What was counted when there was nothing to ask: the least that saw it well, the most
 * that failed, of all its fails. */
static void note_calm(struct plx_watch *w, uint32_t n_good, uint32_t n_failed)
{
    w->n_good = at_most(n_good, w->n_good < NOBODY ? w->n_good : NOBODY - 1);
    n_failed = n_failed > w->n_failed ? n_failed : w->n_failed;
    w->n_failed = at_most(n_failed, UINT8_MAX);
}

/* Returns true when there is nothing to ask, and will not be before something changes. */
static bool consider(struct search *s, struct plx_watch *w, const struct plx_fail *fail)
{
    struct scene scene;
    if (w->since == 0 || s->now - w->asked > FORGET)
        begin(s, w, fail);
    uint32_t onset = w->since;
    look(s, fail->monitor, onset, &scene);
    if (scene.n_good > 0) {
        /* Seen well since: this doubt was an accident or a path. A later failure that
         * begins after the latest good result is a new doubt. */
        struct scene late = scene;
        if (fail->first != onset)
            look(s, fail->monitor, fail->first, &late);
        if (late.n_good > 0) {
            bool few = are_few(late.n_good, late.n_failed);
            note_calm(w, scene.n_good < late.n_good ? scene.n_good : late.n_good,
                      late.n_failed);
            if (few && !w->again)
                w->again = ask_dissenters(s, fail->monitor, fail->first);
            retry(s, fail);
            return (!few || w->again) && fail->by < 0 && fail->n_apart < 3;
        }
        if (w->since != fail->first)
            begin(s, w, fail);
        scene = late;
    }
    if (w->seen == s->p->stamp || s->now - fail->last > 45 * SEC)
        return false;
    w->seen = s->p->stamp;
    pursue(s, &scene, w);
    return false;
}

static bool is_live(const struct search *s, const struct plx_fail *fail)
{
    return plx_fleet_is_live(&s->fleet->agents[fail->agent]);
}

/* Tells the fails of a monitor apart from what they were, and whether their agents were
 * live. Never 0. */
static uint32_t look_of(const struct search *s, const struct plx_fail *fails, uint32_t n)
{
    uint64_t h = 0;
    for (uint32_t i = 0; i < n; i++)
        h = plx_hash_mix((h ^ ((uint64_t)fails[i].cell << 32 | fails[i].first)) +
                         is_live(s, &fails[i]));
    return (uint32_t)h | 1;
}

static bool is_calm(const struct search *s, const struct plx_watch *w,
                    const struct plx_fail *fails, uint32_t n)
{
    if (w->calm == 0 || plx_evidence_is_changed(s->ev, fails->monitor) ||
        s->now - w->asked > FORGET)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (fails[i].by >= 0)
            return false;
    return w->calm == look_of(s, fails, n);
}

/* The fails of one monitor. Most are accidents that others contradicted: once that was
 * seen, they are not looked at again until something changes. */
static void consider_all(struct search *s, const struct plx_fail *fails, uint32_t n)
{
    struct plx_watch *w = plx_watches_of(&s->p->watches, fails->monitor);
    bool calm = true;
    if (is_calm(s, w, fails, n))
        return;
    w->n_good = NOBODY;
    w->n_failed = 0;
    for (uint32_t i = 0; i < n; i++)
        if (is_live(s, &fails[i]) && !is_settled(s, &fails[i]))
            calm &= consider(s, w, &fails[i]);
    w->calm = calm ? look_of(s, fails, n) : 0;
}

/* So many answers alike of a spare are asked for soon after one another. */
#define SPARE_FEW 3

/* Failures that are to count must be apart. */
static uint32_t spare_period(const struct plx_fleet_monitor *m, const struct plx_cell *c)
{
    if (c->n >= SPARE_FEW)
        return plx_evidence_every(m, c);
    return c->flags & PLX_CELL_FAILING ? APART : REPEAT;
}

/* A spare has no schedule: while its view is needed, it is asked as often as those who
 * watch look. */
static void renew(struct search *s, const struct plx_seats *seats)
{
    for (uint32_t i = 0; i < seats->n; i++) {
        const struct plx_judge_result *said = &seats->at[i].said;
        if (!seats->at[i].seated)
            continue;
        const struct plx_fleet_monitor *m = &s->fleet->monitors[said->monitor];
        uint32_t k = plx_evidence_place(m, said->agent);
        const struct plx_cell c = plx_cell_at(s->ev, m, k);
        if (!(c.flags & PLX_CELL_PENDING) &&
            plx_fleet_is_live(&s->fleet->agents[c.agent]) &&
            s->now >= c.last + spare_period(m, &c))
            order(s, said->monitor, k, &s->p->doubt);
    }
}

/* So many agents came, and so many went: may it make a difference wherever they watch? */
static bool may_stir(struct plx_watch *w, uint32_t came, uint32_t went)
{
    if (w->n_good == NOBODY) /* none of its fails has a say, or it would look otherwise */
        return false;
    w->n_good = w->n_good > went ? (uint8_t)(w->n_good - went) : 0;
    w->n_failed = at_most(w->n_failed + came, UINT8_MAX);
    return w->n_good == 0 || w->n_failed == UINT8_MAX || are_few(w->n_good, w->n_failed);
}

/* Who is live may have changed since the last step. A doubt that was calm stays so where
 * those who came or went cannot make a difference. */
static void follow_live(struct plx_prober *p, const struct plx_fleet *fleet)
{
    uint32_t came = 0, went = 0;
    if (p->n_live < fleet->n_agents) {
        p->live = realloc(p->live, fleet->n_agents * sizeof *p->live);
        if (p->live == NULL)
            abort();
        memset(p->live + p->n_live, 0, (fleet->n_agents - p->n_live) * sizeof *p->live);
        p->n_live = fleet->n_agents;
    }
    for (uint32_t a = 0; a < fleet->n_agents; a++) {
        bool live = plx_fleet_is_live(&fleet->agents[a]);
        came += live && !p->live[a];
        went += !live && p->live[a];
        p->live[a] = live;
    }
    for (uint32_t i = 0; came + went > 0 && i < p->watches.cap; i++)
        if (p->watches.at[i].calm != 0 && may_stir(&p->watches.at[i], came, went))
            p->watches.at[i].calm = 0;
}

static void earn(struct search *s)
{
    struct plx_prober *p = s->p;
    uint32_t now = s->now;
    if (!p->started) {
        p->started = true;
        p->quiet = QUIET_START;
        p->doubt = DOUBT_START;
        p->earned = now;
    }
    double floor = DOUBT_FLOOR * (now - p->earned) / SEC;
    double share = (double)s->ev->n_scheduled * s->policy->budget_doubt;
    p->quiet += (double)s->ev->n_scheduled * s->policy->budget_quiet;
    p->doubt += share > floor ? share : floor;
    p->earned = now;
    s->ev->n_scheduled = 0;
    p->quiet = p->quiet > QUIET_CAP ? QUIET_CAP : p->quiet;
    p->doubt = p->doubt > DOUBT_CAP ? DOUBT_CAP : p->doubt;
}

void plx_prober_step(struct plx_prober *p, struct plx_cover *cover,
                     const struct plx_faults *faults, const struct plx_fleet *fleet,
                     struct plx_evidence *ev, const struct plx_judge_policy *policy,
                     const struct plx_seats *seats, uint32_t now)
{
    struct search s = {p, cover, faults, fleet, ev, policy, now};
    uint32_t n;
    const struct plx_fail *fails = plx_cover_fails(cover, &n);
    p->n_out = 0;
    p->due = 0;
    p->stamp++;
    follow_live(p, fleet);
    earn(&s);
    if (policy->without & PLX_JUDGE_WITHOUT_BURSTS)
        return;
    if (p->stamp - p->purged >= PURGE) {
        plx_watches_purge(&p->watches, now > FORGET ? now - FORGET : 0);
        p->purged = p->stamp;
    }
    for (uint32_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && fails[k].monitor == fails[i].monitor; k++)
            ;
        if (k + 8 < n && p->watches.cap > 0) /* in memory by the time it is considered */
            __builtin_prefetch(
                &p->watches.at[plx_watches_home(&p->watches, fails[k + 8].monitor)]);
        consider_all(&s, fails + i, k - i);
    }
    ask_to_be_sure(&s);
    renew(&s, seats);
}
