#include "cli/policy.h"

#include "base/err.h"
#include "base/text.h"

#include <string.h>

/* A number within bounds, or (`max` 0) a duration. */
struct key {
    const char *name;
    size_t offset;
    double max;
};

#define AT(field) offsetof(struct plx_judge_policy, field)

static const struct key keys[] = {
    {"theta", AT(theta), 1000},
    {"theta_other", AT(theta_other), 1000},
    {"p_fail", AT(p_fail), 1},
    {"p_noise", AT(p_noise), 1},
    {"noise_weight", AT(noise_weight), 1e6},
    {"p_burst", AT(p_burst), 1},
    {"fresh_intervals", AT(fresh_intervals), 1000},
    {"burst", AT(burst_ns), 0},
    {"slack", AT(slack_ns), 0},
    {"silent", AT(silent_ns), 0},
    {"late", AT(late_ns), 0},
    {"lone", AT(lone_ns), 0},
    {"settle", AT(settle_ns), 0},
    {"settle_other", AT(settle_other_ns), 0},
};
#define N_KEYS (sizeof keys / sizeof *keys)

static const struct key *find_key(const char *name, size_t len, struct plx_why *why)
{
    const char *names[N_KEYS];
    char word[32];
    for (size_t i = 0; i < N_KEYS; i++) {
        if (strlen(keys[i].name) == len && memcmp(keys[i].name, name, len) == 0)
            return &keys[i];
        names[i] = keys[i].name;
    }
    snprintf(word, sizeof word, "%.*s", (int)len, name);
    const char *meant = plx_text_closest(word, names, N_KEYS);
    plx_why_set(why, PLX_EINVAL, "--policy: unknown key '%s'%s%s%s", word,
                meant ? ", did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
    return NULL;
}

int plx_policy_set(struct plx_judge_policy *policy, const char *text, struct plx_why *why)
{
    const char *equals = strchr(text, '=');
    if (!equals)
        return plx_why_set(why, PLX_EINVAL, "--policy must be KEY=VALUE: '%s'", text);
    const struct key *key = find_key(text, (size_t)(equals - text), why);
    if (!key)
        return PLX_EINVAL;
    char *field = (char *)policy + key->offset;
    double number;
    int64_t ns;
    if (key->max > 0 && plx_text_double(equals + 1, 0, key->max, &number) == 0)
        memcpy(field, &number, sizeof number);
    else if (key->max <= 0 && plx_duration_parse(equals + 1, &ns) == 0)
        memcpy(field, &ns, sizeof ns);
    else
        return plx_why_set(why, PLX_EINVAL, "--policy: '%s' must be %s: '%s'", key->name,
                           key->max > 0 ? "a number within bounds"
                                        : "a duration such as 30s",
                           equals + 1);
    return 0;
}
