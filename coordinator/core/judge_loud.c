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

/* Fails of each agent; NULL where no agent has so many. */
static uint32_t *count_agents(const struct plx_cover *c)
{
    uint32_t *n = zeroed(c->fleet->n_agents, sizeof *n), most = 0;
    for (uint32_t f = 0; f < c->n_fails; f++)
        n[c->fails[f].agent]++;
    for (uint32_t a = 0; a < c->fleet->n_agents; a++)
        most = n[a] > most ? n[a] : most;
    if (most > PLX_CANDS_MANY)
        return n;
    free(n);
    return NULL;
}

/* Fails of each prefix that nothing explains yet, by unit; NULL where none has so many.
 */
static uint32_t *count_prefixes(const struct plx_cover *c)
{
    uint32_t *n = zeroed(c->fleet->n_units, sizeof *n), most = 0;
    for (uint32_t f = 0; f < c->n_fails; f++) {
        uint32_t prefix = c->fails[f].prefix;
        if (c->fails[f].by < 0 && prefix != PLX_NO_UNIT && ++n[prefix] > most)
            most = n[prefix];
    }
    if (most > PLX_CANDS_MANY)
        return n;
    free(n);
    return NULL;
}

static void add_most(double *sums, uint32_t unit, double nats)
{
    if (unit != PLX_NO_UNIT)
        sums[unit] += nats;
}

/* Most nats that any scope with an end on the target's side could earn, other than those
 * of prefixes with many of `n_prefix` (by unit; NULL: none): what all failing cells of
 * its unit bring. A path or a filter there has no more cells than its unit. */
static double most_of_units(const struct plx_cover *c, const uint32_t *n_prefix)
{
    double *sums = zeroed(c->fleet->n_units, sizeof *sums), most = 0;
    for (uint32_t f = 0; f < c->n_fails; f++) {
        const struct plx_fail *fail = &c->fails[f];
        const struct plx_fleet_monitor *m = &c->fleet->monitors[fail->monitor];
        double nats = fail->most;
        if (fail->by >= 0)
            continue;
        add_most(sums, fail->host, nats);
        add_most(sums, fail->prefix, nats);
        add_most(sums, m->unit_name, nats);
        for (uint32_t g = 0; g < m->terms->n_groups; g++)
            add_most(sums, m->terms->ids[g], nats);
    }
    for (uint32_t u = 0; u < c->fleet->n_units; u++)
        if (n_prefix == NULL || n_prefix[u] <= PLX_CANDS_MANY)
            most = sums[u] > most ? sums[u] : most;
    free(sums);
    return most + PLX_SCORE_STANDING;
}

/* Takes the candidates that are listed as long as they earn more than that. */
static void take(struct plx_cover *c, double least)
{
    plx_cands_reach(&c->heap, &c->cap_heap, c->n_cands, sizeof *c->heap);
    c->n_heap = 0;
    for (uint32_t k = 0; k < c->n_cands; k++) {
        plx_greedy_evaluate(c, &c->cands[k], 0);
        if (c->cands[k].gain > least)
            c->heap[c->n_heap++] = k;
    }
    plx_greedy_run(c, least);
}

/* Most nats that a fault of ours could earn yet. */
static double most_of_ours(const struct plx_cover *c)
{
    double *sums = zeroed(c->fleet->n_units, sizeof *sums), most = 0;
    double *mine = zeroed(c->fleet->n_agents, sizeof *mine);
    for (uint32_t f = 0; f < c->n_fails; f++)
        if (c->fails[f].by < 0)
            mine[c->fails[f].agent] += c->fails[f].most;
    for (uint32_t a = 0; a < c->fleet->n_agents; a++) {
        const struct plx_fleet_agent *agent = &c->fleet->agents[a];
        mine[a] += c->score.claimed[a] ? 0 : plx_score_own(&c->score, a, 0);
        most = mine[a] > most ? mine[a] : most;
        add_most(sums, agent->used ? agent->region : PLX_NO_UNIT, mine[a]);
        add_most(sums, agent->used ? agent->provider : PLX_NO_UNIT, mine[a]);
        add_most(sums, agent->used ? agent->asn : PLX_NO_UNIT, mine[a]);
        for (uint32_t i = 0; i < agent->n_sites; i++)
            sums[agent->sites[i]] += mine[a];
    }
    for (uint32_t u = 0; u < c->fleet->n_units; u++)
        most = sums[u] > most ? sums[u] : most;
    free(sums);
    free(mine);
    return most + PLX_SCORE_STANDING;
}

void plx_loud_take(struct plx_cover *c, const struct plx_standing *standing,
                   uint32_t n_standing)
{
    if ((c->score.policy->without & PLX_JUDGE_WITHOUT_SCOPES) ||
        c->n_fails <= PLX_CANDS_MANY)
        return;
    uint32_t *n = count_agents(c);
    if (n != NULL) {
        plx_cands_propose_loud(c, n, standing, n_standing);
        take(c, most_of_units(c, NULL));
        free(n);
    }
    n = count_prefixes(c);
    if (n != NULL) {
        double units = most_of_units(c, n), ours = most_of_ours(c);
        plx_cands_propose_networks(c, n, standing, n_standing);
        take(c, units > ours ? units : ours);
        free(n);
    }
}
