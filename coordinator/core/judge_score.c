#include "coordinator/core/judge_score.h"

#include "coordinator/core/judge_bound.h"
#include "coordinator/core/judge_cover.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A failing cell counts at most so often: probes of one cell are never quite independent.
 */
#define REPEAT_MAX 12u
/* Kinds of one cell count at most so often: the third "refused" says no more about where.
 */
#define KINDS_MAX  3.0
/* Nats of silence: an agent that misses three heartbeats in a row is not a coincidence.
 */
#define SILENCE    18.0
/* Nats of one "could not probe". Beyond the first PLX_LOCAL_FIRM an eighth of it, so that
 * one good result in ten of a second speaks against no more than they speak for. */
#define LOCAL_NATS 3.5
#define LOCAL_MORE 8
#define LOCAL_MAX  600u
/* Agents that fall silent within this time of one another may do so for one reason. */
#define TOGETHER   (25 * PLX_TK_PER_SEC)
/* Onsets tried when there are too many failures to try each. */
#define ONSETS_MAX PLX_SCORE_ONSETS
/* So few times are sorted by insertion. */
#define SORT_FEW   24u
/* Onsets within so many ticks (34 minutes) are sorted by a bitmap. */
#define TIME_BITS  65536u

/* Dirichlet priors over kinds of failure, in the order of enum plx_fail_kind: timeout,
 * refused, reset, host, net, prohibited, dns. Small sums: a mix is learned from the
 * failures themselves after two or three of them. */
static const double alpha[PLX_JUDGE_CLASS_COUNT_][PLX_KIND_COUNT_] = {
    [PLX_JUDGE_CLASS_SERVICE] = {1.2, 2.0, 0.5, 0.05, 0.03, 0.15, 0.02},
    [PLX_JUDGE_CLASS_HOST] = {2.0, 0.08, 0.05, 1.2, 0.15, 0.05, 0.02},
    [PLX_JUDGE_CLASS_NETWORK] = {2.0, 0.05, 0.05, 0.6, 0.8, 0.1, 0.02},
    [PLX_JUDGE_CLASS_DNS] = {0.05, 0.01, 0.01, 0.01, 0.01, 0.01, 4.0},
    [PLX_JUDGE_CLASS_PATH] = {2.0, 0.05, 0.08, 0.4, 0.8, 0.1, 0.02},
    [PLX_JUDGE_CLASS_FILTER] = {1.2, 1.0, 0.3, 0.15, 0.15, 1.0, 0.02},
    [PLX_JUDGE_CLASS_AGENT] = {1.6, 0.05, 0.08, 0.3, 0.8, 0.05, 0.4},
    [PLX_JUDGE_CLASS_REGION] = {1.6, 0.05, 0.08, 0.3, 0.8, 0.05, 0.3},
    [PLX_JUDGE_CLASS_PROVIDER] = {1.6, 0.05, 0.08, 0.3, 0.8, 0.05, 0.3},
};

/* What accidents look like before any was seen: "mostly timeouts", worth 20 of them. */
static const double accident[PLX_KIND_COUNT_] = {17.0, 0.6, 0.6, 0.6, 0.6, 0.3, 0.3};

void plx_score_fini(struct plx_score *s)
{
    free(s->lr_apart);
    free(s->claimed);
    free(s->mark);
    free(s->mark_good);
    free(s->nats);
    free(s->listed);
    free(s->good);
    free(s->one);
    plx_goods_fini(&s->goods);
    free(s->open);
    free(s->times);
    free(s->bits);
    *s = (struct plx_score){0};
}

static void *sized(void *p, size_t n, size_t size)
{
    p = realloc(p, n * size);
    if (p == NULL)
        abort();
    return p;
}

static void reach_agents(struct plx_score *s, uint32_t n)
{
    if (n <= s->cap_agents)
        return;
    s->lr_apart = sized(s->lr_apart, n, sizeof *s->lr_apart);
    s->claimed = sized(s->claimed, n, sizeof *s->claimed);
    s->mark = sized(s->mark, n, sizeof *s->mark);
    s->mark_good = sized(s->mark_good, n, sizeof *s->mark_good);
    s->nats = sized(s->nats, n, sizeof *s->nats);
    s->listed = sized(s->listed, n, sizeof *s->listed);
    memset(s->mark, 0, n * sizeof *s->mark);
    memset(s->mark_good, 0, n * sizeof *s->mark_good);
    s->stamp = 0;
    s->cap_agents = n;
}

static void learn_kinds(struct plx_score *s)
{
    double sum = 0;
    for (int k = 0; k < PLX_KIND_COUNT_; k++)
        sum += accident[k] + s->ev->kinds[k];
    for (int k = 0; k < PLX_KIND_COUNT_; k++)
        s->log_kind[k] = log((accident[k] + s->ev->kinds[k]) / sum);
}

void plx_score_begin(struct plx_score *s, const struct plx_fleet *fleet,
                     const struct plx_evidence *ev, const struct plx_judge_policy *policy,
                     uint32_t now)
{
    s->fleet = fleet;
    s->ev = ev;
    s->policy = policy;
    s->now = now;
    s->slack = (uint32_t)(policy->slack_ns / (PLX_SEC_NS / PLX_TK_PER_SEC));
    s->lr_burst = log(policy->p_fail / policy->p_burst);
    reach_agents(s, fleet->n_agents);
    for (uint32_t a = 0; a < fleet->n_agents; a++)
        s->lr_apart[a] =
            log(policy->p_fail / plx_evidence_noise(&fleet->agents[a], policy));
    plx_score_unclaim(s);
    plx_goods_begin(&s->goods);
    learn_kinds(s);
}

static void reach_open(struct plx_score *s, uint32_t n)
{
    if (n <= s->cap_open)
        return;
    s->cap_open = n + n / 4 + 16;
    s->open = sized(s->open, s->cap_open, sizeof *s->open);
    s->times = sized(s->times, s->cap_open, sizeof *s->times);
}

void plx_score_trim(struct plx_score *s)
{
    if (s->cap_open <= 2048)
        return;
    s->cap_open = 0;
    reach_open(s, 0);
}

void plx_score_unclaim(struct plx_score *s)
{
    if (s->cap_agents > 0)
        memset(s->claimed, 0, s->cap_agents * sizeof *s->claimed);
}

void plx_score_claim(struct plx_score *s, const struct plx_scope *scope, bool claimed)
{
    if (!plx_scope_kind(scope->type)->vantage)
        return;
    const uint32_t *ids;
    uint32_t n;
    plx_scope_agents(s->fleet, scope, &ids, &n);
    for (uint32_t i = 0; i < n; i++)
        s->claimed[ids[i]] = claimed;
}

/* --- what the agents say against themselves -------------------------------------------
 */

static double nats_of_local(const struct plx_fleet_agent *a)
{
    uint32_t n = a->local_n < LOCAL_MAX ? a->local_n : LOCAL_MAX;
    if (n <= PLX_LOCAL_FIRM)
        return LOCAL_NATS * n;
    double more = plx_evidence_cannot_probe(a) ? n - PLX_LOCAL_FIRM : 0;
    return LOCAL_NATS * (PLX_LOCAL_FIRM + more / LOCAL_MORE);
}

double plx_score_own(const struct plx_score *s, uint32_t agent, uint32_t onset)
{
    const struct plx_fleet_agent *a = &s->fleet->agents[agent];
    double nats = a->silent ? SILENCE : 0;
    uint32_t stale = 4 * 60 * PLX_TK_PER_SEC;
    if (a->local_n > 0 && a->local_last + stale > s->now &&
        a->local_last + s->slack >= onset)
        nats += nats_of_local(a);
    return nats;
}

/* When what the agent says against itself began. */
static uint32_t own_onset(const struct plx_score *s, uint32_t agent)
{
    const struct plx_fleet_agent *a = &s->fleet->agents[agent];
    if (!a->silent)
        return a->local_n > 0 ? a->local_first : 0;
    int64_t tk = (a->heard_ns - s->ev->epoch_ns) / (PLX_SEC_NS / PLX_TK_PER_SEC);
    return tk < 1 ? 1 : (uint32_t)tk;
}

/* --- what speaks against --------------------------------------------------------------
 */

static void good_add(struct plx_score *s, struct plx_good good)
{
    if (s->n_good == s->cap_good) {
        s->cap_good = s->cap_good ? s->cap_good * 2 : 64;
        s->good = sized(s->good, s->cap_good, sizeof *s->good);
    }
    s->good[s->n_good++] = good;
}

const struct plx_good *plx_score_goods(struct plx_score *s, const struct plx_scope *scope,
                                       uint32_t i, uint32_t *ret_n)
{
    if (scope->type != PLX_SCOPE_SERVICE && scope->type != PLX_SCOPE_FILTER_MONITOR)
        return plx_goods_of(&s->goods, s->fleet, s->ev, scope->x, i, ret_n);
    const struct plx_fleet_monitor *m = &s->fleet->monitors[scope->x];
    *ret_n = 0;
    if (s->cap_one < m->n_cells) {
        s->cap_one = m->n_cells;
        s->one = sized(s->one, s->cap_one, sizeof *s->one);
    }
    for (uint32_t k = 0; k < m->n_cells; k++) {
        const struct plx_cell c = plx_cell_at(s->ev, m, k);
        *ret_n += plx_goods_of_cell(&c, m->terms->interval_tk, 0, &s->one[*ret_n]);
    }
    return s->one;
}

/* Of the failures of a run, answers. */
static unsigned n_answers(const struct plx_cell *c)
{
    return (unsigned)c->kinds[PLX_KIND_REFUSED] + c->kinds[PLX_KIND_RESET];
}

bool plx_score_is_answer(const struct plx_cell *c, const struct plx_judge_policy *policy)
{
    unsigned n = 0;
    if (!(c->flags & PLX_CELL_FAILING) || (policy->without & PLX_JUDGE_WITHOUT_KINDS) ||
        (c->outcome != PLX_OUTCOME_REFUSED && c->outcome != PLX_OUTCOME_RESET &&
         c->outcome != PLX_OUTCOME_MISMATCH))
        return false;
    for (int k = 0; k < PLX_KIND_COUNT_; k++)
        n += c->kinds[k];
    return n_answers(c) * 2 > n;
}

static void good_of_monitor(struct plx_score *s, const struct plx_scope *scope,
                            uint32_t i, uint32_t since)
{
    uint32_t n;
    const struct plx_good *good = plx_score_goods(s, scope, i, &n);
    for (uint32_t k = 0; k < n; k++)
        if (good[k].last > since && plx_scope_has_agent(s->fleet, scope, good[k].agent))
            good_add(s, good[k]);
}

/* Lists what was seen as expected inside the scope after `since`. */
static void list_good(struct plx_score *s, const struct plx_scope *scope, uint32_t since)
{
    s->n_good = 0;
    const uint32_t *ids;
    uint32_t n;
    if (plx_scope_kind(scope->type)->vantage)
        return; /* counted from the agents' rings */
    plx_scope_monitors(s->fleet, scope, &ids, &n);
    for (uint32_t i = 0; i < n; i++)
        good_of_monitor(s, scope, i, since);
}

uint32_t plx_score_good_after(const struct plx_good *g, uint32_t since)
{
    if (g->last <= since)
        return 0;
    uint32_t n = g->n;
    if (g->first <= since) {
        uint32_t fit = 1 + (g->last - since) / (g->period ? g->period : 1);
        n = fit < n ? fit : n;
    }
    return n > REPEAT_MAX ? REPEAT_MAX : n;
}

uint32_t plx_score_contrary_vantage(const struct plx_score *s,
                                    const struct plx_scope *scope, uint32_t onset)
{
    const uint32_t *ids;
    uint32_t n, sum = 0;
    plx_scope_agents(s->fleet, scope, &ids, &n);
    for (uint32_t i = 0; i < n; i++) {
        const struct plx_fleet_agent *a = &s->fleet->agents[ids[i]];
        sum += plx_evidence_opens(a, onset + (plx_evidence_is_busy(a) ? 0 : s->slack));
    }
    return sum;
}

/* Of the listed good results, those after `since`. */
static uint32_t contrary_listed(const struct plx_score *s, uint32_t since)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < s->n_good; i++)
        sum += plx_score_good_after(&s->good[i], since);
    return sum;
}

/* --- what speaks for ------------------------------------------------------------------
 */

struct tally {
    double nats;
    double kinds[PLX_KIND_COUNT_];
};

void plx_score_failures(const struct plx_fail *f, uint32_t since, uint32_t *ret_apart,
                        uint32_t *ret_close)
{
    uint32_t apart = f->n_apart, close = (uint32_t)(f->n - f->n_apart);
    if (f->last < since) {
        apart = close = 0;
    } else if (f->first < since) {
        uint32_t fit = 1 + (f->last - since) / (f->period ? f->period : 1);
        apart = apart > 1 ? apart - 1 : 1;
        apart = fit < apart ? fit : apart;
        close = 0;
    }
    *ret_apart = apart > REPEAT_MAX ? REPEAT_MAX : apart;
    *ret_close = close > 3 ? 3 : close;
}

/* What its failures after `since` bring, whatever their kinds; 0: there are none. */
static double nats_since(const struct plx_score *s, const struct plx_fail *f,
                         uint32_t since)
{
    uint32_t apart, close;
    plx_score_failures(f, since, &apart, &close);
    return apart * s->lr_apart[f->agent] + close * s->lr_burst;
}

/* The kinds of a cell's failures, scaled so that no cell speaks louder than three. */
static void scale_kinds(const struct plx_fail *f, float ret[PLX_KIND_COUNT_])
{
    unsigned n = 0;
    for (int k = 0; k < PLX_KIND_COUNT_; k++)
        n += f->kinds[k];
    float scale = n > KINDS_MAX ? (float)KINDS_MAX / (float)n : 1.0f;
    for (int k = 0; k < PLX_KIND_COUNT_; k++)
        ret[k] = (float)f->kinds[k] * scale;
}

void plx_score_weigh(const struct plx_score *s, struct plx_fail *f)
{
    float kinds[PLX_KIND_COUNT_];
    f->most = nats_since(s, f, 0);
    if (s->policy->without & PLX_JUDGE_WITHOUT_KINDS)
        return;
    scale_kinds(f, kinds);
    for (int k = 0; k < PLX_KIND_COUNT_; k++)
        f->most -= (double)kinds[k] * s->log_kind[k];
}

static void tally_fail(const struct plx_score *s, const struct plx_fail *f,
                       uint32_t since, struct tally *t)
{
    float kinds[PLX_KIND_COUNT_];
    if (f->last < since)
        return;
    scale_kinds(f, kinds);
    t->nats += nats_since(s, f, since);
    for (int k = 0; k < PLX_KIND_COUNT_; k++)
        t->kinds[k] += (double)kinds[k];
}

/* Results are as old as the onset less the slack may be, and speak for it. */
static uint32_t since_of(const struct plx_score *s, uint32_t onset)
{
    return onset > s->slack ? onset - s->slack : 0;
}

/* What the open fails say for each of the first `n_onsets` of s->times: in one walk, for
 * they are in no cache when there are very many. */
static void tally_onsets(const struct plx_score *s, const struct plx_fail *fails,
                         uint32_t n_onsets, struct tally ret[PLX_SCORE_ONSETS])
{
    float kinds[PLX_KIND_COUNT_];
    uint32_t since[PLX_SCORE_ONSETS];
    memset(ret, 0, n_onsets * sizeof *ret);
    for (uint32_t k = 0; k < n_onsets; k++)
        since[k] = since_of(s, s->times[k]);
    for (uint32_t i = 0; i < s->n_open; i++) {
        const struct plx_fail *f = &fails[s->open[i]];
        double all = nats_since(s, f, 0);
        uint32_t n = 0;
        while (n < n_onsets && f->last >= since[n])
            n++;
        for (uint32_t k = 0; k < n; k++)
            ret[k].nats += f->first >= since[k] ? all : nats_since(s, f, since[k]);
        scale_kinds(f, kinds);
        for (int kind = 0; kind < PLX_KIND_COUNT_; kind++)
            for (uint32_t k = 0; k < n && f->kinds[kind] != 0; k++)
                ret[k].kinds[kind] += (double)kinds[kind];
    }
}

/* Log-ratio of the kinds: Dirichlet-multinomial of the class against accidents. */
static double kinds_ratio(const struct plx_score *s, enum plx_judge_class class,
                          const double n[PLX_KIND_COUNT_])
{
    if (s->policy->without & PLX_JUDGE_WITHOUT_KINDS)
        return 0;
    double sum_n = 0, sum_a = 0, r = 0;
    int sign;
    for (int k = 0; k < PLX_KIND_COUNT_; k++) {
        sum_n += n[k];
        sum_a += alpha[class][k];
        if (n[k] > 0)
            r += lgamma_r(alpha[class][k] + n[k], &sign) -
                 lgamma_r(alpha[class][k], &sign) - n[k] * s->log_kind[k];
    }
    return r + lgamma_r(sum_a, &sign) - lgamma_r(sum_a + sum_n, &sign);
}

/* A subset of k out of n agents, no more likely than any other of its size: the
 * Beta(1,1)-binomial. */
static double subset_cost(uint32_t n, uint32_t k)
{
    int sign;
    return log(n + 1.0) + lgamma_r(n + 1.0, &sign) - lgamma_r(k + 1.0, &sign) -
           lgamma_r(n - k + 1.0, &sign);
}

/* --- at one onset ---------------------------------------------------------------------
 */

static double gain_vantage(struct plx_score *s, const struct plx_scope *scope,
                           struct tally t, uint32_t onset)
{
    const uint32_t *ids;
    uint32_t n;
    plx_scope_agents(s->fleet, scope, &ids, &n);
    for (uint32_t i = 0; i < n; i++)
        if (!s->claimed[ids[i]] && own_onset(s, ids[i]) + TOGETHER >= onset)
            t.nats += plx_score_own(s, ids[i], onset);
    t.nats += kinds_ratio(s, plx_scope_kind(scope->type)->class, t.kinds);
    return t.nats - plx_score_contrary_vantage(s, scope, onset) *
                        -log((1 - s->policy->p_fail) / s->policy->p_fail);
}

static double gain_plain(struct plx_score *s, const struct plx_scope *scope,
                         struct tally t, uint32_t onset)
{
    t.nats += kinds_ratio(s, plx_scope_kind(scope->type)->class, t.kinds);
    return t.nats - contrary_listed(s, onset + s->slack) *
                        -log((1 - s->policy->p_fail) / s->policy->p_fail);
}

/* What each agent's cells say for its being in the subset, in s->nats; the agents with
 * failures are listed. Returns how many. */
static uint32_t weigh_agents(struct plx_score *s, const struct plx_fail *fails,
                             uint32_t onset)
{
    double against = -log((1 - s->policy->p_fail) / s->policy->p_fail);
    uint32_t n = 0, since = since_of(s, onset);
    s->stamp++;
    for (uint32_t i = 0; i < s->n_open; i++) {
        const struct plx_fail *f = &fails[s->open[i]];
        if (f->last < since)
            continue;
        if (s->mark[f->agent] != s->stamp) {
            s->mark[f->agent] = s->stamp;
            s->nats[f->agent] = 0;
            s->listed[n++] = f->agent;
        }
        s->nats[f->agent] += nats_since(s, f, since);
    }
    for (uint32_t i = 0; i < s->n_good; i++) {
        const struct plx_good *g = &s->good[i];
        if (s->mark[g->agent] == s->stamp)
            s->nats[g->agent] -= against * plx_score_good_after(g, onset + s->slack);
    }
    return n;
}

/* The subset is those whose own cells speak for it; the others must be seen to be well.
 * Afterwards s->mark says who is in. */
static double gain_filter(struct plx_score *s, const struct plx_fail *fails,
                          uint32_t onset)
{
    uint32_t n = weigh_agents(s, fails, onset), k = 0, others = 0;
    uint32_t since = since_of(s, onset);
    struct tally t = {0};
    double nats = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool in = s->nats[s->listed[i]] > 0;
        s->mark[s->listed[i]] = in ? s->stamp : 0;
        nats += in ? s->nats[s->listed[i]] : 0;
        k += in;
    }
    for (uint32_t i = 0; i < s->n_open; i++)
        if (s->mark[fails[s->open[i]].agent] == s->stamp)
            tally_fail(s, &fails[s->open[i]], since, &t);
    for (uint32_t i = 0; i < s->n_good; i++) {
        const struct plx_good *g = &s->good[i];
        if (s->mark[g->agent] != s->stamp && s->mark_good[g->agent] != s->stamp &&
            plx_score_good_after(g, onset + s->slack) > 0) {
            s->mark_good[g->agent] = s->stamp;
            others++;
        }
    }
    if (k < 2 || others < 1)
        return -INFINITY;
    return nats + kinds_ratio(s, PLX_JUDGE_CLASS_FILTER, t.kinds) -
           subset_cost(k + others, k);
}

/* `tally`: what the open fails say for the onset; a filter asks its agents one by one. */
static double gain_at(struct plx_score *s, const struct plx_scope *scope,
                      const struct plx_fail *fails, const struct tally *tally,
                      uint32_t onset)
{
    const struct plx_scope_kind *kind = plx_scope_kind(scope->type);
    if (kind->filter)
        return gain_filter(s, fails, onset);
    return kind->vantage ? gain_vantage(s, scope, *tally, onset)
                         : gain_plain(s, scope, *tally, onset);
}

/* --- the best onset -------------------------------------------------------------------
 */

static int by_time(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Few: sorted in place. */
static void sort_few(uint32_t *t, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        uint32_t v = t[i], k = i;
        for (; k > 0 && t[k - 1] > v; k--)
            t[k] = t[k - 1];
        t[k] = v;
    }
}

/* Many within a span of some minutes: each sets its bit, and the bits come in order. The
 * times become those of them that are a second apart. */
static uint32_t thin_bits(struct plx_score *s, uint32_t n, uint32_t least, uint32_t span)
{
    uint32_t words = span / 64 + 1, kept = 0;
    if (s->bits == NULL)
        s->bits = sized(NULL, TIME_BITS / 64, sizeof *s->bits);
    memset(s->bits, 0, words * sizeof *s->bits);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t b = s->times[i] - least;
        s->bits[b >> 6] |= UINT64_C(1) << (b & 63);
    }
    for (uint32_t at = 0; at <= span;) {
        uint64_t rest = s->bits[at >> 6] >> (at & 63);
        if (rest == 0) {
            at = (at | 63) + 1;
            continue;
        }
        at += (uint32_t)__builtin_ctzll(rest);
        s->times[kept++] = least + at;
        at += PLX_TK_PER_SEC;
    }
    return kept;
}

/* Sorts the times and keeps those that are a second apart. Returns how many. */
static uint32_t thin(struct plx_score *s, uint32_t n)
{
    uint32_t least = UINT32_MAX, most = 0, kept = 1;
    for (uint32_t i = 0; i < n; i++) {
        least = s->times[i] < least ? s->times[i] : least;
        most = s->times[i] > most ? s->times[i] : most;
    }
    if (n > SORT_FEW && most - least < TIME_BITS)
        return thin_bits(s, n, least, most - least);
    if (n > SORT_FEW)
        qsort(s->times, n, sizeof *s->times, by_time);
    else
        sort_few(s->times, n);
    for (uint32_t i = 1; i < n; i++)
        if (s->times[i] >= s->times[kept - 1] + PLX_TK_PER_SEC)
            s->times[kept++] = s->times[i];
    return kept;
}

/* Onsets worth trying: when cells began to fail, and when agents began to accuse
 * themselves. Sorted, a second apart at least, thinned to ONSETS_MAX. */
static uint32_t list_onsets(struct plx_score *s, const struct plx_scope *scope)
{
    const uint32_t *ids = NULL;
    uint32_t n_ids = 0, n = s->n_open;
    if (plx_scope_kind(scope->type)->vantage)
        plx_scope_agents(s->fleet, scope, &ids, &n_ids);
    reach_open(s, n + n_ids);
    for (uint32_t i = 0; i < n_ids; i++)
        if (!s->claimed[ids[i]] && own_onset(s, ids[i]) > 0)
            s->times[n++] = own_onset(s, ids[i]);
    if (n == 0)
        return 0;
    uint32_t kept = thin(s, n);
    if (kept <= ONSETS_MAX)
        return kept;
    for (uint32_t i = 0; i < ONSETS_MAX; i++)
        s->times[i] = s->times[(uint64_t)i * (kept - 1) / (ONSETS_MAX - 1)];
    return ONSETS_MAX;
}

/* Can the open fails not earn the cost even if nothing speaks against the fault? Cheap,
 * and enough to drop most candidates. `exact`: how far it falls short matters. */
static bool is_hopeless(struct plx_score *s, const struct plx_scope *scope, double cost,
                        bool exact)
{
    double sum = s->open_nats, most = s->open_most;
    s->calm = !exact && s->open_cap < cost - PLX_BOUND_CLEAR;
    if (plx_scope_kind(scope->type)->vantage) {
        const uint32_t *ids;
        uint32_t n;
        double own = 0;
        plx_scope_agents(s->fleet, scope, &ids, &n);
        for (uint32_t i = 0; i < n; i++)
            own += s->claimed[ids[i]] ? 0 : plx_score_own(s, ids[i], 0);
        sum += own;
        most += own;
    }
    return sum <= cost || (!exact && most < cost - PLX_BOUND_CLEAR);
}

/* Lists the members that nothing explains yet, and when they began to fail; adds up what
 * they bring. */
static void list_open(struct plx_score *s, const struct plx_fail *fails,
                      const uint32_t *members, uint32_t n)
{
    double nats = 0, most = 0, cap = 0;
    reach_open(s, n);
    s->n_open = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct plx_fail *f = &fails[members[i]];
        if (f->by >= 0)
            continue;
        s->times[s->n_open] = f->first;
        s->open[s->n_open++] = members[i];
        nats += nats_since(s, f, 0) + 4.0;
        most += f->most > 0 ? f->most : 0;
        cap += f->cap > 0 ? (double)f->cap : 0;
    }
    s->open_nats = nats;
    s->open_most = most;
    s->open_cap = cap;
}

double plx_score_gain(struct plx_score *s, const struct plx_scope *scope,
                      const struct plx_fail *fails, const uint32_t *members, uint32_t n,
                      double bonus, uint32_t *ret_onset)
{
    list_open(s, fails, members, n);
    double cost = s->policy->cost[plx_scope_kind(scope->type)->class] - bonus;
    if (is_hopeless(s, scope, cost, bonus > 0))
        return -INFINITY;
    uint32_t n_onsets = list_onsets(s, scope);
    if (n_onsets == 0)
        return -INFINITY;
    if (s->policy->without & PLX_JUDGE_WITHOUT_ONSET)
        n_onsets = 1;
    /* A standing fault's exact gain counts even where it does not earn its cost. */
    double most[PLX_SCORE_ONSETS];
    uint32_t alive = plx_bound_onsets(s, scope, fails, n_onsets, cost, most);
    if (bonus > 0)
        alive = UINT32_MAX;
    s->calm = alive == 0;
    if (alive == 0)
        return -INFINITY;
    list_good(s, scope, s->times[0]);
    struct tally tally[PLX_SCORE_ONSETS];
    if (!plx_scope_kind(scope->type)->filter)
        tally_onsets(s, fails, n_onsets, tally);
    double best = -INFINITY;
    for (uint32_t i = 0; i < n_onsets; i++) {
        uint32_t onset = s->times[i];
        if (!(alive & 1u << i) || most[i] < best - PLX_BOUND_CLEAR)
            continue;
        double gain = gain_at(s, scope, fails, &tally[i], onset);
        if (gain > best) {
            best = gain;
            *ret_onset = onset;
        }
    }
    return best - cost;
}

void plx_score_settle(struct plx_score *s, const struct plx_scope *scope,
                      const struct plx_fail *fails, const uint32_t *members, uint32_t n,
                      uint32_t onset)
{
    if (!plx_scope_kind(scope->type)->filter)
        return;
    list_open(s, fails, members, n);
    list_good(s, scope, onset);
    gain_filter(s, fails, onset);
}

bool plx_score_covers(const struct plx_score *s, const struct plx_scope *scope,
                      uint32_t onset, const struct plx_fail *fail)
{
    if (plx_scope_kind(scope->type)->filter && s->mark[fail->agent] != s->stamp)
        return false;
    return fail->last + s->slack >= onset;
}
