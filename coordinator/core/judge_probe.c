#include "coordinator/core/judge_probe.h"

#include "base/rng.h"
#include "coordinator/core/judge_sure.h"

#include <stdlib.h>
#include <string.h>

#define SEC       PLX_TK_PER_SEC
/* A doubt without news for so long is over. */
#define FORGET    (90 * SEC)
#define APART     (20 * SEC)
/* Enough to hear every location of an ordinary monitor once. */
#define ALL       12u
/* Before all are asked because of a single answer that does not come. */
#define FEW       3u
/* Steps between two looks for watches that are over. */
#define PURGE     16u
/* Rounds of a burst (stage 2 is the first). */
#define STAGE_MAX 5
/* In a watch's `n_good`: no location was counted. */
#define NOBODY    UINT8_MAX
/* A path is asked again until so many failures apart. */
#define PATH_MAX  5

void plx_prober_fini(struct plx_prober *p)
{
    plx_watches_fini(&p->watches);
    free(p->live);
    free(p->orders.list);
    *p = (struct plx_prober){0};
}

struct search {
    struct plx_ask ask;
    struct plx_prober *p;
    struct plx_cover *cover;
    const struct plx_faults *faults;
};

static bool has_news(const struct search *s, uint32_t monitor, uint32_t onset)
{
    const struct plx_fleet_monitor *m = &s->ask.fleet->monitors[monitor];
    for (uint32_t i = 0; i < m->n_cells; i++) {
        const struct plx_cell view = plx_cell_at(s->ask.ev, m, i), *c = &view;
        if (plx_ask_is_recent_failure(c, onset, 0) || plx_ask_is_good_since(c, onset) ||
            (c->flags & PLX_CELL_PENDING))
            return true;
    }
    return false;
}

/* Is it the service, its host or the network around it? Asks monitors beside it that have
 * said nothing since its failures: a wider fault could have begun with the last of
 * them. */
static void ask_aside(struct search *s, const struct plx_scene *scene)
{
    uint32_t since = scene->latest + PLX_TK(s->ask.policy->slack_ns);
    const struct plx_fleet_monitor *m = &s->ask.fleet->monitors[scene->monitor];
    const struct plx_unit *host = &s->ask.fleet->units[m->unit_host];
    uint32_t asked = 0;
    for (uint32_t i = 0; i < host->n && asked < 4; i++) {
        uint32_t sib = plx_unit_members(host)[i];
        if (sib == scene->monitor || has_news(s, sib, since))
            continue;
        struct plx_scene fresh = {.monitor = sib, .onset = since};
        asked += plx_ask_some(&s->ask, &fresh, sib, 2, false, &s->p->purse.doubt) > 0;
    }
    if (m->unit_prefix == PLX_NO_UNIT)
        return;
    const struct plx_unit *prefix = &s->ask.fleet->units[m->unit_prefix];
    uint32_t last_host = m->unit_host;
    asked = 0;
    for (uint32_t i = 0; i < prefix->n && i < 256 && asked < 3; i++) {
        uint32_t id = plx_unit_members(prefix)[i],
                 h = s->ask.fleet->monitors[id].unit_host;
        if (h == m->unit_host || h == last_host || has_news(s, id, since))
            continue;
        struct plx_scene fresh = {.monitor = id, .onset = since};
        if (plx_ask_some(&s->ask, &fresh, id, 1, false, &s->p->purse.doubt) > 0) {
            last_host = h;
            asked++;
        }
    }
}

/* How many probes a lone first failure is worth: what the quiet budget has saved up. One
 * that is no mere silence is worth two at least, whatever is left. */
static uint32_t first_size(const struct search *s, const struct plx_scene *scene)
{
    double b = s->p->purse.quiet;
    if (b >= PLX_PURSE_RICH)
        return ALL;
    if (scene->odd_kind)
        return b >= 3 ? 3 : 2;
    return b >= 8 ? 4 : b >= 3 ? 2 : 1;
}

/* The probes that a lone first failure is worth. */
static void ask_first(struct search *s, struct plx_scene *scene, struct plx_watch *w)
{
    bool quiet = !scene->odd_kind && scene->n_failed < 2;
    uint32_t most = first_size(s, scene);
    scene->urgent = most == ALL;
    uint32_t n = plx_ask_some(&s->ask, scene, scene->monitor, most, false,
                              quiet ? &s->p->purse.quiet : &s->p->purse.doubt);
    scene->n_pending += n;
    w->all = most == ALL;
    if (w->all)
        s->ask.fleet->monitors[scene->monitor].asked_all = s->ask.now;
    w->spent = quiet ? (uint8_t)n : 0;
    w->stage = 1;
    w->asked = s->ask.now;
}

/* It was no accident: what it cost was not spent on one. */
static void settle_accounts(struct search *s, struct plx_watch *w)
{
    s->p->purse.quiet += w->spent;
    s->p->purse.doubt -= w->spent;
    w->spent = 0;
}

/* The silence of those asked will be looked at, whether anything is heard or not. */
static void await(struct search *s, uint32_t at)
{
    if (at > s->ask.now && (s->p->due == 0 || at < s->p->due))
        s->p->due = at;
}

static void pursue(struct search *s, struct plx_scene *scene, struct plx_watch *w)
{
    bool several = scene->n_failed >= 2;
    if (w->stage == 0)
        ask_first(s, scene, w);
    if (several)
        settle_accounts(s, w);
    bool hush = scene->n_pending > 0 && s->ask.now - w->asked >= PLX_ASK_HUSH;
    if (w->stage == 1 && !several && hush && scene->n_pending == 1 && !w->few) {
        /* Two accidents are likelier than an outage still. */
        plx_ask_some(&s->ask, scene, scene->monitor, FEW, false, &s->p->purse.doubt);
        w->few = true;
        w->asked = s->ask.now;
        await(s, s->ask.now + PLX_ASK_HUSH);
        return;
    }
    if (w->stage == 1 && scene->n_pending > 0)
        await(s, w->asked + PLX_ASK_HUSH);
    bool silent = hush && scene->n_pending >= 2;
    if (w->stage == 1 && (several || hush)) {
        scene->urgent = true;
        uint32_t n =
            plx_ask_some(&s->ask, scene, scene->monitor, ALL, false, &s->p->purse.doubt);
        if (n > 0 || !w->all)
            s->ask.fleet->monitors[scene->monitor].asked_all = s->ask.now;
        scene->n_pending += n;
        w->all = true;
        w->stage = 2;
        w->asked = s->ask.now;
    }
    if (scene->n_pending > 0)
        scene->latest = s->ask.now; /* of those asked, some may fail only since now */
    if (w->stage >= 2 && (several || silent) && !w->aside) {
        ask_aside(s, scene);
        w->aside = true;
    }
    if (w->stage >= 2 && w->stage < STAGE_MAX && several &&
        s->ask.now - w->asked >= PLX_ASK_REPEAT) {
        plx_ask_some(&s->ask, scene, scene->monitor, 4, true, &s->p->purse.doubt);
        w->stage++;
        w->asked = s->ask.now;
    }
}

/* Others see it well: is it this agent's path? Ask the same agent again, well apart; two
 * failures in a row are still mostly accidents, and the next scheduled probe is free. */
static void retry(struct search *s, const struct plx_fail *fail)
{
    const struct plx_fleet_monitor *m = &s->ask.fleet->monitors[fail->monitor];
    uint32_t k = fail->cell - m->cell0;
    const struct plx_cell c = plx_cell_at(s->ask.ev, m, k);
    if ((c.n_apart < 3 && fail->by < 0) || c.n_apart > PATH_MAX ||
        (c.flags & PLX_CELL_PENDING) || s->ask.now - c.last < APART ||
        plx_ask_in_flight(&s->ask, m, &c))
        return;
    plx_ask_one(&s->ask, fail->monitor, k, &s->p->purse.doubt);
}

/* Nearly all locations fail, one or two see it well: a stray answer, or a filter? Asks
 * those again. */
static bool ask_dissenters(struct search *s, uint32_t monitor, uint32_t onset)
{
    const struct plx_fleet_monitor *m = &s->ask.fleet->monitors[monitor];
    bool asked = false;
    for (uint32_t i = 0; i < m->n_cells; i++) {
        const struct plx_cell c = plx_cell_at(s->ask.ev, m, i);
        if (!plx_ask_is_recent_failure(&c, onset, 0) &&
            plx_ask_is_good_since(&c, onset) && !(c.flags & PLX_CELL_PENDING) &&
            plx_fleet_is_live(&s->ask.fleet->agents[c.agent]))
            asked |= plx_ask_one(&s->ask, monitor, i, &s->p->purse.doubt);
    }
    return asked;
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
                            .asked = s->ask.now,
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
    struct plx_scene scene;
    if (w->since == 0 || s->ask.now - w->asked > FORGET)
        begin(s, w, fail);
    uint32_t onset = w->since;
    plx_ask_look(&s->ask, fail->monitor, onset, &scene);
    if (scene.n_good > 0) {
        /* Seen well since: this doubt was an accident or a path. A later failure that
         * begins after the latest good result is a new doubt. */
        struct plx_scene late = scene;
        if (fail->first != onset)
            plx_ask_look(&s->ask, fail->monitor, fail->first, &late);
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
    if (w->seen == s->p->stamp || s->ask.now - fail->last > 45 * SEC)
        return false;
    w->seen = s->p->stamp;
    pursue(s, &scene, w);
    return false;
}

static bool is_live(const struct search *s, const struct plx_fail *fail)
{
    return plx_fleet_is_live(&s->ask.fleet->agents[fail->agent]);
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
    if (w->calm == 0 || plx_evidence_is_changed(s->ask.ev, fails->monitor) ||
        s->ask.now - w->asked > FORGET)
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
    return c->flags & PLX_CELL_FAILING ? APART : PLX_ASK_REPEAT;
}

/* A spare has no schedule: while its view is needed, it is asked as often as those who
 * watch look. */
static void renew(struct search *s, const struct plx_seats *seats)
{
    for (uint32_t i = 0; i < seats->n; i++) {
        const struct plx_judge_result *said = &seats->at[i].said;
        if (!seats->at[i].seated)
            continue;
        const struct plx_fleet_monitor *m = &s->ask.fleet->monitors[said->monitor];
        uint32_t k = plx_evidence_place(m, said->agent);
        const struct plx_cell c = plx_cell_at(s->ask.ev, m, k);
        if (!(c.flags & PLX_CELL_PENDING) &&
            plx_fleet_is_live(&s->ask.fleet->agents[c.agent]) &&
            s->ask.now >= c.last + spare_period(m, &c))
            plx_ask_one(&s->ask, said->monitor, k, &s->p->purse.doubt);
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

void plx_prober_step(struct plx_prober *p, struct plx_cover *cover,
                     const struct plx_faults *faults, const struct plx_fleet *fleet,
                     struct plx_evidence *ev, const struct plx_judge_policy *policy,
                     const struct plx_seats *seats, uint32_t now)
{
    struct search s = {{&p->purse, &p->orders, fleet, ev, policy, now}, p, cover, faults};
    uint32_t n;
    const struct plx_fail *fails = plx_cover_fails(cover, &n);
    p->orders.n = 0;
    p->due = 0;
    p->stamp++;
    follow_live(p, fleet);
    plx_purse_earn(&p->purse, ev, policy, now);
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
    plx_sure_ask(&s.ask, faults);
    renew(&s, seats);
}
