#include "knobs.h"

#include <stddef.h>
#include <string.h>

enum kind { REAL, SPAN, SHARE_LEFT };

#define KNOB(kind, field)                                                                \
    {                                                                                    \
#field, kind, offsetof(struct plx_judge_policy, field)                           \
    }
#define COST(name, class)                                                                \
    {                                                                                    \
        "cost_" name, REAL,                                                              \
            offsetof(struct plx_judge_policy, cost[PLX_JUDGE_CLASS_##class])             \
    }

static const struct {
    const char *name;
    enum kind kind;
    size_t at;
} knobs[] = {
    KNOB(REAL, theta),        KNOB(REAL, theta_other),     COST("service", SERVICE),
    COST("host", HOST),       COST("network", NETWORK),    COST("dns", DNS),
    COST("path", PATH),       COST("filter", FILTER),      COST("agent", AGENT),
    COST("region", REGION),   COST("provider", PROVIDER),  KNOB(SHARE_LEFT, p_fail),
    KNOB(REAL, p_noise),      KNOB(REAL, noise_weight),    KNOB(REAL, p_burst),
    KNOB(SPAN, burst_ns),     KNOB(SPAN, slack_ns),        KNOB(REAL, fresh_intervals),
    KNOB(SPAN, silent_ns),    KNOB(SPAN, late_ns),         KNOB(SPAN, lone_ns),
    KNOB(SPAN, settle_ns),    KNOB(SPAN, settle_other_ns), KNOB(REAL, budget_quiet),
    KNOB(REAL, budget_doubt),
};

#define N_KNOBS ((int)(sizeof knobs / sizeof *knobs))

const char *sim_knob_name(int i)
{
    return i < N_KNOBS ? knobs[i].name : NULL;
}

int sim_knob_turn(struct plx_judge_policy *policy, const char *name, double factor)
{
    for (int i = 0; i < N_KNOBS; i++) {
        char *field = (char *)policy + knobs[i].at;
        if (strcmp(knobs[i].name, name) != 0)
            continue;
        if (knobs[i].kind == SPAN)
            *(int64_t *)(void *)field =
                (int64_t)((double)*(int64_t *)(void *)field * factor);
        else if (knobs[i].kind == SHARE_LEFT)
            *(double *)(void *)field = 1 - (1 - *(double *)(void *)field) * factor;
        else
            *(double *)(void *)field *= factor;
        return 0;
    }
    return -1;
}
