#include "baseline.h"

#include <string.h>

const char *sim_baseline_name(enum sim_baseline b)
{
    static const char *const names[SIM_BASELINES] = {
        "any location", "majority",       "majority, 2 in a row",     "all locations",
        "Route 53 18%", "second opinion", "majority, sick agents out"};
    return names[b];
}

void sim_counting_init(struct sim_counting *c)
{
    memset(c, 0, sizeof *c);
    for (int m = 0; m < SIM_MONITORS; m++)
        c->suspect[m] = -1;
}

void sim_counting_result(struct sim_counting *c, int monitor, int agent,
                         enum plx_outcome outcome, double at)
{
    struct sim_view *v = &c->views[monitor][agent];
    if (plx_outcome_is_local(outcome) || at < v->at)
        return;
    bool failing = outcome != PLX_OUTCOME_OPEN;
    v->run = v->seen && v->failing == failing ? v->run + 1 : 1;
    v->failing = failing;
    v->seen = true;
    v->at = at;
    int *suspect = &c->suspect[monitor];
    if (failing && *suspect < 0)
        *suspect = agent;
    else if (failing && *suspect != agent)
        c->down[SIM_SECOND][monitor] = true;
    else if (!failing) {
        *suspect = -1;
        c->down[SIM_SECOND][monitor] = false;
    }
}

struct count {
    int n, failing, twice;
};

static struct count count_views(const struct sim_counting *c, const struct sim_world *w,
                                int m, double now, const bool *sick)
{
    struct count k = {0};
    for (int a = 0; a < w->n_agents; a++) {
        const struct sim_view *v = &c->views[m][a];
        if (!v->seen || now - v->at > 2.5 * w->interval || (sick && sick[a]))
            continue;
        k.n++;
        k.failing += v->failing;
        k.twice += v->failing && v->run >= 2;
    }
    return k;
}

static void find_sick(const struct sim_counting *c, const struct sim_world *w, double now,
                      bool sick[SIM_AGENTS])
{
    for (int a = 0; a < w->n_agents; a++) {
        int n = 0, failing = 0;
        for (int m = 0; m < w->n_monitors; m++) {
            const struct sim_view *v = &c->views[m][a];
            if (!v->seen || now - v->at > 2.5 * w->interval)
                continue;
            n++;
            failing += v->failing;
        }
        sick[a] = n > 1 && failing * 2 > n;
    }
}

void sim_counting_tick(struct sim_counting *c, const struct sim_world *w, double now)
{
    bool sick[SIM_AGENTS];
    find_sick(c, w, now, sick);
    for (int m = 0; m < w->n_monitors; m++) {
        struct count k = count_views(c, w, m, now, NULL);
        struct count g = count_views(c, w, m, now, sick);
        c->down[SIM_ANY][m] = k.failing > 0;
        c->down[SIM_MAJORITY][m] = k.failing * 2 > k.n;
        c->down[SIM_MAJORITY_2][m] = k.twice * 2 > k.n;
        c->down[SIM_ALL][m] = k.n > 0 && k.failing == k.n;
        c->down[SIM_ROUTE53][m] = k.n > 0 && (k.n - k.failing) < 0.18 * k.n;
        c->down[SIM_GATED][m] = g.failing * 2 > g.n;
    }
}
