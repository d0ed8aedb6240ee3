#include "agent/core/plan.h"

#include "base/rng.h"

#include <stdlib.h>

#define GRACE_MAX_NS (5 * PLX_SEC_NS)

void plx_plan_init(struct plx_plan *plan, uint64_t agent_seed, struct plx_mono now,
                   struct plx_wall wall_now)
{
    *plan = (struct plx_plan){.axis_ns = wall_now.ns - now.ns, .agent_seed = agent_seed};
}

void plx_plan_fini(struct plx_plan *plan)
{
    plx_heap_fini(&plan->heap);
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
}

static int64_t floor_mod(int64_t a, int64_t n)
{
    int64_t m = a % n;
    return m < 0 ? m + n : m;
}

/* The entry's first place strictly after `now`. */
static int64_t place_after(const struct plx_plan *plan, const struct plx_plan_entry *e,
                           struct plx_mono now)
{
    int64_t phase = (int64_t)(e->phase_key % (uint64_t)e->interval_ns);
    int64_t since = floor_mod(now.ns + plan->axis_ns - phase, e->interval_ns);
    return now.ns - since + e->interval_ns;
}

static bool is_current(void *arg, const struct plx_heap_item *item)
{
    const struct plx_plan *plan = arg;
    const struct plx_plan_entry *e = &plan->entries[item->id];
    return e->interval_ns > 0 && e->due_ns == item->at_ns;
}

static void push(struct plx_plan *plan, uint32_t slot)
{
    /* Stale pairs are found when they come up; where many were made at once (a new
       assignment) they are cleared together. */
    if (plan->heap.n > 2 * plan->n_used + 1024)
        plx_heap_filter(&plan->heap, is_current, plan);
    plx_heap_push(&plan->heap, plan->entries[slot].due_ns, slot);
}

void plx_plan_set(struct plx_plan *plan, uint32_t slot, uint64_t monitor_id,
                  int64_t interval_ns, struct plx_mono now)
{
    grow(plan, slot);
    struct plx_plan_entry *e = &plan->entries[slot];
    uint64_t key = plx_hash_mix(plx_hash_mix(monitor_id) ^ plan->agent_seed);
    if (e->interval_ns == interval_ns && e->phase_key == key)
        return;
    if (e->interval_ns == 0)
        plan->n_used++;
    *e = (struct plx_plan_entry){.phase_key = key, .interval_ns = interval_ns};
    e->due_ns = place_after(plan, e, now);
    push(plan, slot);
}

void plx_plan_remove(struct plx_plan *plan, uint32_t slot)
{
    if (slot >= plan->n_entries || plan->entries[slot].interval_ns == 0)
        return;
    plan->entries[slot] = (struct plx_plan_entry){0};
    plan->n_used--;
}

int64_t plx_plan_grace_ns(int64_t interval_ns)
{
    return interval_ns / 2 < GRACE_MAX_NS ? interval_ns / 2 : GRACE_MAX_NS;
}

/* Moves the entry to its next place and says what came of the one that was due. */
static struct plx_due advance(struct plx_plan *plan, uint32_t slot, struct plx_mono now)
{
    struct plx_plan_entry *e = &plan->entries[slot];
    int64_t next = place_after(plan, e, now);
    int64_t last = next - e->interval_ns;
    struct plx_due due = {.slot = slot, .scheduled = {last}};
    due.missed = (uint64_t)((last - e->due_ns) / e->interval_ns);
    due.late = now.ns - last > plx_plan_grace_ns(e->interval_ns);
    e->due_ns = next;
    return due;
}

bool plx_plan_next(struct plx_plan *plan, struct plx_mono now, struct plx_due *ret_due)
{
    for (;;) {
        const struct plx_heap_item *top = plx_heap_top(&plan->heap);
        if (!top || top->at_ns > now.ns)
            return false;
        struct plx_heap_item item = *top;
        plx_heap_pop(&plan->heap);
        if (!is_current(plan, &item))
            continue;
        *ret_due = advance(plan, item.id, now);
        push(plan, item.id);
        return true;
    }
}
