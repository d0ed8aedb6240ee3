#include "coordinator/core/judge_loud.h"

#include "coordinator/core/judge_greedy.h"

#include <stdlib.h>

static void *zeroed(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (p == NULL)
        abort();
    return p;
}

/* How many fails each agent and each prefix has. */
struct crowd {
    uint32_t *agent, *unit;
};

static void crowd_fini(struct crowd *n)
{
    free(n->agent);
    free(n->unit);
    *n = (struct crowd){0};
}

/* False where no agent and no prefix has many. */
static bool count_crowd(const struct plx_cover *c, struct crowd *ret)
{
    uint32_t most = 0;
    if (c->n_fails <= PLX_CANDS_MANY)
        return false;
    struct crowd n = {zeroed(c->fleet->n_agents, sizeof *n.agent),
                      zeroed(c->fleet->n_units, sizeof *n.unit)};
    for (uint32_t f = 0; f < c->n_fails; f++) {
        uint32_t prefix = c->fleet->monitors[c->fails[f].monitor].unit_prefix;
        uint32_t by_agent = ++n.agent[c->fails[f].agent];
        uint32_t by_prefix = prefix == PLX_NO_UNIT ? 0 : ++n.unit[prefix];
        most = by_agent > most ? by_agent : most;
        most = by_prefix > most ? by_prefix : most;
    }
    if (most > PLX_CANDS_MANY) {
        *ret = n;
        return true;
    }
    crowd_fini(&n);
    return false;
}

static void add_most(double *sums, uint32_t unit, double nats)
{
    if (unit != PLX_NO_UNIT)
        sums[unit] += nats;
}

/* Most nats that any scope that is not listed yet could earn: what all failing cells of
 * its unit bring. A path or a filter there has no more cells than its unit. (All there is
 * to say about a prefix with many is listed.) */
static double most_of_units(const struct plx_cover *c, const struct crowd *n)
{
    double *sums = zeroed(c->fleet->n_units, sizeof *sums), most = 0;
    for (uint32_t f = 0; f < c->n_fails; f++) {
        const struct plx_fleet_monitor *m = &c->fleet->monitors[c->fails[f].monitor];
        double nats = c->fails[f].most;
        add_most(sums, m->unit_host, nats);
        add_most(sums, m->unit_prefix, nats);
        add_most(sums, m->unit_name, nats);
        for (uint32_t g = 0; g < m->n_groups; g++)
            add_most(sums, m->groups[g], nats);
    }
    for (uint32_t u = 0; u < c->fleet->n_units; u++)
        if (c->fleet->units[u].kind != PLX_UNIT_PREFIX || n->unit[u] <= PLX_CANDS_MANY)
            most = sums[u] > most ? sums[u] : most;
    free(sums);
    return most + PLX_SCORE_STANDING;
}

void plx_loud_take(struct plx_cover *c, const struct plx_evidence *ev,
                   const struct plx_standing *standing, uint32_t n_standing)
{
    struct crowd n;
    if ((c->score.policy->without & PLX_JUDGE_WITHOUT_SCOPES) || !count_crowd(c, &n))
        return;
    plx_cands_propose_loud(c, ev, n.agent, n.unit, standing, n_standing);
    double least = most_of_units(c, &n);
    crowd_fini(&n);
    plx_cands_reach(&c->heap, &c->cap_heap, c->n_cands, sizeof *c->heap);
    c->n_heap = 0;
    for (uint32_t k = 0; k < c->n_cands; k++) {
        plx_greedy_evaluate(c, &c->cands[k], 0);
        if (c->cands[k].gain > least)
            c->heap[c->n_heap++] = k;
    }
    plx_greedy_run(c, least);
}
