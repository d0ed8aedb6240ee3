#include "agent/core/plan.h"

#include "base/rng.h"

#include <stdlib.h>

#define GRACE_MAX_NS (5 * PLX_SEC_NS)

void plx_plan_init(struct plx_plan *plan, uint64_t agent_seed, struct plx_mono now,
                   struct plx_wall wall_now)
{
    *plan = (struct plx_plan){.axis_ns = wall_now.ns - now.ns, .agent_seed = agent_seed};
    plx_wheel_init(&plan->wheel, 0, now);
}

void plx_plan_fini(struct plx_plan *plan)
{
    plx_wheel_fini(&plan->wheel);
    free(plan->entries);
    *plan = (struct plx_plan){0};
}

static void grow(struct plx_plan *plan, uint32_t slot)
{
    if (slot < plan->n_entries)
        return;
    size_t n = plan->n_entries ? plan->n_entries : 64;
    while (n <= slot)
        n *= 2;
    plan->entries = realloc(plan->entries, n * sizeof *plan->entries);
    if (!plan->entries)
        abort();
    for (size_t i = plan->n_entries; i < n; i++)
        plan->entries[i] = (struct plx_plan_entry){0};
    plan->n_entries = n;
    plx_wheel_grow(&plan->wheel, (uint32_t)n);
}

static int64_t floor_mod(int64_t a, int64_t n)
{
    int64_t m = a % n;
    return m < 0 ? m + n : m;
}

/* The entry's first place strictly after `now`. */
static struct plx_mono place_after(const struct plx_plan *plan,
                                   const struct plx_plan_entry *e, struct plx_mono now)
{
    /* 2^-53: what a double holds of a fraction */
    int64_t phase =
        (int64_t)((double)(e->phase_key >> 11) * 0x1p-53 * (double)e->interval_ns);
    int64_t since = floor_mod(now.ns + plan->axis_ns - phase, e->interval_ns);
    return plx_mono_add(now, e->interval_ns - since);
}

static uint64_t phase_key(const struct plx_plan *plan, uint64_t monitor_id, uint16_t turn)
{
    uint64_t of_monitor = plx_hash_mix(monitor_id);
    return turn > 0 ? of_monitor + ((uint64_t)turn << 48)
                    : plx_hash_mix(of_monitor ^ plan->agent_seed);
}

void plx_plan_set(struct plx_plan *plan, uint32_t slot, uint64_t monitor_id,
                  uint16_t turn, int64_t interval_ns, struct plx_mono now)
{
    grow(plan, slot);
    struct plx_plan_entry *e = &plan->entries[slot];
    uint64_t key = phase_key(plan, monitor_id, turn);
    if (e->interval_ns == interval_ns && e->phase_key == key)
        return;
    plx_plan_remove(plan, slot);
    *e = (struct plx_plan_entry){.phase_key = key, .interval_ns = interval_ns};
    plx_wheel_add(&plan->wheel, slot, place_after(plan, e, now));
}

void plx_plan_remove(struct plx_plan *plan, uint32_t slot)
{
    if (slot >= plan->n_entries || plan->entries[slot].interval_ns == 0)
        return;
    plx_wheel_remove(&plan->wheel, slot);
    plan->entries[slot] = (struct plx_plan_entry){0};
}

struct plx_mono plx_plan_place(const struct plx_plan *plan, uint32_t slot)
{
    return plx_wheel_deadline(&plan->wheel, slot);
}

int64_t plx_plan_grace_ns(int64_t interval_ns)
{
    return interval_ns / 2 < GRACE_MAX_NS ? interval_ns / 2 : GRACE_MAX_NS;
}

bool plx_plan_next(struct plx_plan *plan, struct plx_mono now, struct plx_due *ret_due)
{
    uint32_t slot, coming;
    if (!plx_wheel_expire(&plan->wheel, now, &slot))
        return false;
    if (plx_wheel_coming(&plan->wheel, &coming))
        __builtin_prefetch(&plan->entries[coming]);
    const struct plx_plan_entry *e = &plan->entries[slot];
    struct plx_mono next = place_after(plan, e, now);
    struct plx_mono last = plx_mono_add(next, -e->interval_ns);
    int64_t behind = plx_mono_diff(last, plx_wheel_deadline(&plan->wheel, slot));
    *ret_due = (struct plx_due){.slot = slot,
                                .scheduled = last,
                                .missed = (uint64_t)(behind / e->interval_ns),
                                .late = plx_mono_diff(now, last) >
                                        plx_plan_grace_ns(e->interval_ns)};
    plx_wheel_add(&plan->wheel, slot, next);
    return true;
}
