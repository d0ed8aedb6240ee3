#include "coordinator/core/judge_verdict.h"

#include "coordinator/core/judge_quality.h"

#include <string.h>

bool plx_verdict_is_fresh(const struct plx_fleet *fleet,
                          const struct plx_judge_policy *policy,
                          const struct plx_fleet_monitor *m, const struct plx_cell *c,
                          uint32_t now)
{
    const struct plx_fleet_agent *a = &fleet->agents[c->agent];
    return (c->flags & PLX_CELL_SEEN) && !(c->flags & PLX_CELL_LOCAL) &&
           plx_evidence_is_recent(a, policy, m, c, now) && plx_fleet_is_live(a);
}

static bool sees(const struct plx_fault *f, const struct plx_fleet *fleet,
                 uint32_t monitor, uint32_t agent)
{
    if (!plx_ids_has(&f->agents, agent) || !plx_scope_has_agent(fleet, &f->scope, agent))
        return false;
    return plx_scope_kind(f->scope.type)->vantage || plx_ids_has(&f->monitors, monitor);
}

const struct plx_fault *plx_verdict_fault_of(const struct plx_faults *faults,
                                             const struct plx_fleet *fleet,
                                             uint32_t monitor, uint32_t agent)
{
    const struct plx_fault *found = NULL;
    for (uint32_t i = 0; i < faults->n; i++) {
        const struct plx_fault *f = &faults->list[i];
        if (!plx_fault_is_open(f) || !sees(f, fleet, monitor, agent))
            continue;
        if (found == NULL || plx_scope_kind(f->scope.type)->vantage)
            found = f;
    }
    return found;
}

/* --- counting ------------------------------------------------------------------------
 */

static uint32_t quorum_unit(const struct plx_fleet *fleet,
                            const struct plx_fleet_monitor *m, uint32_t agent)
{
    const struct plx_fleet_agent *a = &fleet->agents[agent];
    uint32_t unit = PLX_NO_UNIT;
    if (m->terms->quorum.distinct == PLX_DISTINCT_REGION)
        unit = a->region;
    else if (m->terms->quorum.distinct == PLX_DISTINCT_PROVIDER)
        unit = a->provider;
    else if (m->terms->quorum.distinct == PLX_DISTINCT_ASN)
        unit = a->asn;
    return unit == PLX_NO_UNIT ? 0x80000000u | agent : unit;
}

/* How many distinct units there are among the first `n` of the failing agents' units. */
static uint32_t count_distinct(const uint32_t *units, uint32_t n)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool again = false;
        for (uint32_t k = 0; k < i && !again; k++)
            again = units[k] == units[i];
        count += !again;
    }
    return count;
}

static uint32_t median_rtt(uint16_t *rtt, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        for (uint32_t k = i; k > 0 && rtt[k - 1] > rtt[k]; k--) {
            uint16_t t = rtt[k];
            rtt[k] = rtt[k - 1];
            rtt[k - 1] = t;
        }
    return n == 0 ? 0 : plx_rtt_unpack(rtt[n / 2]);
}

/* What a fresh view says of the target, whoever's it is. */
static void count_evidence(const struct plx_cell *c, struct plx_count *ret)
{
    bool doubtful = !(c->flags & PLX_CELL_COVERED);
    ret->spares += (c->flags & PLX_CELL_SPARE) != 0;
    if (!(c->flags & PLX_CELL_FAILING)) {
        ret->good++;
        return;
    }
    ret->failing++;
    ret->doubtful += doubtful;
    ret->again += c->n_apart >= 2;
    ret->repeated += doubtful && c->n_apart >= 2;
}

#define SAMPLE 64u /* cells that take part in medians and distinct counts */

void plx_verdict_count(const struct plx_fleet *fleet, const struct plx_evidence *ev,
                       const struct plx_judge_policy *policy, uint32_t monitor,
                       uint32_t now, struct plx_count *ret)
{
    const struct plx_fleet_monitor *m = &fleet->monitors[monitor];
    uint32_t units[SAMPLE], n_units = 0, n_rtt = 0;
    uint16_t rtt[SAMPLE];
    double loss = 0;
    *ret = (struct plx_count){0};
    for (uint32_t i = 0; i < m->n_cells; i++) {
        struct plx_cell view;
        const struct plx_cell *c = &view;
        plx_cell_read(ev, m, i, &view);
        bool failing = c->flags & PLX_CELL_FAILING, spare = c->flags & PLX_CELL_SPARE;
        ret->assigned += !spare;
        if (!plx_verdict_is_fresh(fleet, policy, m, c, now))
            continue;
        count_evidence(c, ret);
        if (spare)
            continue;
        ret->fresh++;
        loss += plx_quality_loss(c);
        ret->trials += c->loss_n;
        if (c->rtt != 0 && n_rtt < SAMPLE)
            rtt[n_rtt++] = c->rtt;
        ret->half += !failing && (c->flags & PLX_CELL_HALF);
        ret->poor += !failing && (c->lossy || c->slow);
        ret->against += failing;
        if (failing && n_units < SAMPLE)
            units[n_units++] = quorum_unit(fleet, m, c->agent);
    }
    ret->distinct = count_distinct(units, n_units);
    ret->loss = ret->fresh ? loss / ret->fresh : 0;
    plx_quality_interval(ret->loss, ret->trials, &ret->loss_low, &ret->loss_high);
    ret->rtt_us = median_rtt(rtt, n_rtt);
}

/* --- deciding ------------------------------------------------------------------------
 */

static const uint8_t verdict_of_class[PLX_JUDGE_CLASS_COUNT_] = {
    [PLX_JUDGE_CLASS_SERVICE] = PLX_JUDGE_SERVICE_DOWN,
    [PLX_JUDGE_CLASS_HOST] = PLX_JUDGE_HOST_DOWN,
    [PLX_JUDGE_CLASS_NETWORK] = PLX_JUDGE_NETWORK_DOWN,
    [PLX_JUDGE_CLASS_DNS] = PLX_JUDGE_DNS_FAILURE,
    [PLX_JUDGE_CLASS_PATH] = PLX_JUDGE_PATH_FAILURE,
    [PLX_JUDGE_CLASS_FILTER] = PLX_JUDGE_FILTERED,
    [PLX_JUDGE_CLASS_AGENT] = PLX_JUDGE_AGENT_FAULT,
    [PLX_JUDGE_CLASS_REGION] = PLX_JUDGE_AGENT_FAULT,
    [PLX_JUDGE_CLASS_PROVIDER] = PLX_JUDGE_AGENT_FAULT,
};

/* Which of two faults speaks for the monitor: the target's side over paths over filters.
 */
static int rank_of(const struct plx_fault *f)
{
    const struct plx_scope_kind *k = plx_scope_kind(f->scope.type);
    return k->server ? 3 : k->vantage ? 0 : k->filter ? 1 : 2;
}

static bool covers_monitor(const struct plx_fault *f, const struct plx_fleet *fleet,
                           const struct plx_fleet_monitor *m, uint32_t monitor)
{
    if (!plx_scope_kind(f->scope.type)->vantage)
        return plx_ids_has(&f->monitors, monitor);
    for (uint32_t i = 0; i < m->n_cells; i++)
        if (plx_scope_has_agent(fleet, &f->scope, m->watchers->agents[i]))
            return true;
    return false;
}

static void add_fault(struct plx_verdict_state *v, uint64_t id)
{
    if (v->n_faults < PLX_VERDICT_FAULTS)
        v->faults[v->n_faults++] = id;
}

/* The strongest fault over the monitor; lists those that matter in `v`. Vantage faults
 * matter only where they leave nobody else to ask. */
static const struct plx_fault *gather(struct plx_verdict_state *v,
                                      const struct plx_faults *faults,
                                      const struct plx_fleet *fleet, uint32_t monitor,
                                      bool blind)
{
    const struct plx_fleet_monitor *m = &fleet->monitors[monitor];
    const struct plx_fault *best = NULL;
    v->n_faults = 0;
    for (uint32_t i = 0; i < faults->n; i++) {
        const struct plx_fault *f = &faults->list[i];
        bool vantage = plx_scope_kind(f->scope.type)->vantage;
        if (!plx_fault_is_open(f) || (vantage && !blind) ||
            !covers_monitor(f, fleet, m, monitor))
            continue;
        add_fault(v, f->id);
        if (!vantage && (best == NULL || rank_of(f) > rank_of(best)))
            best = f;
    }
    return best;
}

static bool is_thin(const struct plx_fleet_monitor *m, const struct plx_count *n)
{
    return n->fresh < m->terms->min_coverage * (double)n->assigned;
}

bool plx_verdict_rule_applies(const struct plx_fleet_monitor *m,
                              const struct plx_count *n)
{
    return m->terms->quorum.rule != PLX_QUORUM_AUTO && n->fresh > 0 && !is_thin(m, n);
}

bool plx_verdict_rule_is_met(const struct plx_fleet_monitor *m, const struct plx_count *n)
{
    switch (m->terms->quorum.rule) {
    case PLX_QUORUM_ANY:
        return n->against >= 1;
    case PLX_QUORUM_MAJORITY:
        return n->fresh > 0 && n->against * 2 > n->fresh;
    case PLX_QUORUM_ALL:
        return n->fresh > 0 && n->against == n->fresh;
    case PLX_QUORUM_COUNT:
        return n->distinct >= (m->terms->quorum.n ? m->terms->quorum.n : 1);
    case PLX_QUORUM_AUTO:
        break;
    }
    return false;
}

bool plx_verdict_is_half_up(const struct plx_count *n)
{
    uint32_t good = n->fresh - n->against;
    return n->half > 0 && n->half * 2 >= good;
}

static bool is_degraded(const struct plx_fleet_monitor *m, const struct plx_count *n,
                        bool was)
{
    if (n->fresh == n->against)
        return was;
    bool lossy = was ? n->loss > PLX_LOSS_LEAVE
                     : n->loss >= PLX_LOSS_ENTER && n->loss_low >= PLX_LOSS_ENTER_LOW &&
                           n->trials >= PLX_LOSS_LEAST;
    double bound = (double)m->terms->degraded_above_us * (was ? PLX_LATENCY_LEAVE : 1.0);
    return lossy || plx_verdict_is_half_up(n) ||
           (m->terms->degraded_above_us > 0 && n->rtt_us > bound);
}

/* Without any fault over it: what do the views say? */
static enum plx_judge_verdict plain_verdict(struct plx_verdict_state *v,
                                            const struct plx_fleet_monitor *m,
                                            const struct plx_count *n)
{
    v->degraded = is_degraded(m, n, v->degraded);
    if (n->fresh == 0 || is_thin(m, n))
        return PLX_JUDGE_INCONCLUSIVE;
    if (n->doubtful >= 2 && n->repeated >= 1 && n->doubtful >= n->good)
        return PLX_JUDGE_INCONCLUSIVE;
    if (n->good == 0 && n->again >= 1) /* explained perhaps, but by nothing said yet */
        return PLX_JUDGE_INCONCLUSIVE;
    if (v->degraded)
        return PLX_JUDGE_DEGRADED;
    if (n->good == 0) /* a first failure: not known yet, and being looked into */
        return v->known && v->verdict == PLX_JUDGE_UP ? PLX_JUDGE_UP
                                                      : PLX_JUDGE_INCONCLUSIVE;
    return PLX_JUDGE_UP;
}

static enum plx_judge_verdict decide(struct plx_verdict_state *v,
                                     const struct plx_fault *f,
                                     const struct plx_fleet_monitor *m,
                                     const struct plx_count *n)
{
    bool server = f != NULL && plx_scope_kind(f->scope.type)->server;
    v->vetoed =
        server && plx_verdict_rule_applies(m, n) && !plx_verdict_rule_is_met(m, n);
    if (v->vetoed)
        return n->good > 0 ? PLX_JUDGE_DEGRADED : PLX_JUDGE_INCONCLUSIVE;
    /* What nobody sees failing now may have been down, and does not become it: neither
     * unseen, nor by the first good result after nobody could see it. */
    bool was_down =
        v->known && plx_judge_verdict_is_down((enum plx_judge_verdict)v->verdict);
    if (server && n->failing == 0 && !was_down)
        return PLX_JUDGE_INCONCLUSIVE;
    if (server)
        return is_thin(m, n) && m->terms->min_coverage > 0
                   ? PLX_JUDGE_INCONCLUSIVE
                   : verdict_of_class[plx_scope_kind(f->scope.type)->class];
    enum plx_judge_verdict plain = plain_verdict(v, m, n);
    /* That some locations do not reach it says more than that others reach it badly. */
    bool reached = plain == PLX_JUDGE_UP || plain == PLX_JUDGE_DEGRADED;
    if (f != NULL && (reached || n->good == 0))
        return verdict_of_class[plx_scope_kind(f->scope.type)->class];
    return plain;
}

static double confidence_of(const struct plx_verdict_state *v, const struct plx_fault *f,
                            const struct plx_count *n)
{
    if (v->verdict == PLX_JUDGE_INCONCLUSIVE)
        return 0;
    if (f != NULL)
        return plx_fault_confidence(f);
    /* Laplace's rule of succession over the views that agree. */
    return (n->good + 1.0) / (n->fresh + n->spares + 2.0);
}

bool plx_verdict_decide(struct plx_verdict_state *v, const struct plx_faults *faults,
                        const struct plx_fleet *fleet, const struct plx_evidence *ev,
                        const struct plx_judge_policy *policy, uint32_t monitor,
                        uint32_t now)
{
    const struct plx_fleet_monitor *m = &fleet->monitors[monitor];
    struct plx_verdict_state old = *v;
    struct plx_count n;
    plx_verdict_count(fleet, ev, policy, monitor, now, &n);
    const struct plx_fault *f = gather(v, faults, fleet, monitor, n.fresh == 0);
    v->verdict = (uint8_t)decide(v, f, m, &n);
    v->fresh = (uint16_t)n.fresh;
    v->assigned = (uint16_t)n.assigned;
    v->confidence = (float)confidence_of(v, f, &n);
    bool changed = !old.known || old.verdict != v->verdict;
    if (changed)
        v->since = f != NULL && f->onset != 0 ? f->onset : now;
    v->known = true;
    return changed || old.n_faults != v->n_faults ||
           memcmp(old.faults, v->faults, v->n_faults * sizeof *v->faults) != 0;
}
