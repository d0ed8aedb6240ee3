#include "coordinator/core/judge.h"

/* Where each number comes from and how much depends on it: docs/VERDICTS.md. */
void plx_judge_policy_default(struct plx_judge_policy *ret_policy)
{
    *ret_policy = (struct plx_judge_policy){
        .theta = 4.5,
        .theta_other = 3.0,
        .cost =
            {
                [PLX_JUDGE_CLASS_SERVICE] = 10.5,
                [PLX_JUDGE_CLASS_HOST] = 11.0,
                [PLX_JUDGE_CLASS_NETWORK] = 12.0,
                [PLX_JUDGE_CLASS_DNS] = 11.0,
                [PLX_JUDGE_CLASS_PATH] = 11.5,
                [PLX_JUDGE_CLASS_FILTER] = 10.5,
                [PLX_JUDGE_CLASS_AGENT] = 11.0,
                [PLX_JUDGE_CLASS_REGION] = 12.0,
                [PLX_JUDGE_CLASS_PROVIDER] = 12.5,
            },
        .p_fail = 0.98,
        .p_noise = 0.015,
        .noise_weight = 60,
        .p_burst = 0.3,
        .burst_ns = 20 * PLX_SEC_NS,
        .slack_ns = PLX_SEC_NS,
        .fresh_intervals = 2.5,
        .silent_ns = 15 * PLX_SEC_NS,
        .late_ns = 60 * PLX_SEC_NS,
        .lone_ns = 45 * PLX_SEC_NS,
        .settle_ns = 6 * PLX_SEC_NS,
        .settle_other_ns = 10 * PLX_SEC_NS,
        .budget_quiet = 0.011,
        .budget_doubt = 0.06,
        .max_probes = 256,
    };
}
