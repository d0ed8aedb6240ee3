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
    if (c->n_fails <= PLX_CANDS_MANY)
        return NULL;
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

static void add_most(double *sums, uint32_t unit, double nats)
{
    if (unit != PLX_NO_UNIT)
        sums[unit] += nats;
}

/* Most nats that any scope with an end on the target's side could earn: what all failing
 * cells of its unit bring. A path or a filter there has no more cells than its unit. */
static double most_of_units(const struct plx_cover *c)
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
        most = sums[u] > most ? sums[u] : most;
    free(sums);
    return most + PLX_SCORE_STANDING;
}

void plx_loud_take(struct plx_cover *c, const struct plx_standing *standing,
                   uint32_t n_standing)
{
    uint32_t *n = count_agents(c);
    if (n == NULL || (c->score.policy->without & PLX_JUDGE_WITHOUT_SCOPES)) {
        free(n);
        return;
    }
    plx_cands_propose_loud(c, n, standing, n_standing);
    free(n);
    double least = most_of_units(c);
    plx_cands_reach(&c->heap, &c->cap_heap, c->n_cands, sizeof *c->heap);
    c->n_heap = 0;
    for (uint32_t k = 0; k < c->n_cands; k++) {
        plx_greedy_evaluate(c, &c->cands[k], 0);
        if (c->cands[k].gain > least)
            c->heap[c->n_heap++] = k;
    }
    plx_greedy_run(c, least);
}
