#include "coordinator/core/assign.h"

#include "base/rng.h"

#include <string.h>

#define PER_LOCATION_MAX 16 /* plx_monitor_check */

uint64_t plx_assign_hash(const char *name)
{
    return plx_hash_bytes(name, strlen(name), 0);
}

static uint64_t weight(uint64_t monitor_key, const struct plx_candidate *agent)
{
    return plx_hash_mix(agent->hash ^ plx_hash_mix(monitor_key));
}

/* Strict order of preference; ties of the hash go to the lower slot. */
static bool is_better(uint64_t key, const struct plx_candidate *a,
                      const struct plx_candidate *b)
{
    if (a->standing != b->standing)
        return a->standing > b->standing;
    uint64_t wa = weight(key, a), wb = weight(key, b);
    return wa != wb ? wa > wb : a->slot < b->slot;
}

static bool has_label(const struct plx_candidate *agent, const char *selector,
                      const char *equals)
{
    size_t key_len = (size_t)(equals - selector);
    for (size_t i = 0; i < agent->n_labels; i++) {
        const struct plx_label *label = &agent->labels[i];
        if (strlen(label->key) == key_len && memcmp(label->key, selector, key_len) == 0)
            return strcmp(label->value, equals + 1) == 0;
    }
    return false;
}

bool plx_assign_matches(const char *location, const struct plx_candidate *agent)
{
    if (strcmp(location, "all") == 0)
        return true;
    const char *equals = strchr(location, '=');
    return equals ? has_label(agent, location, equals)
                  : strcmp(location, agent->region) == 0;
}

bool plx_assign_covers(const struct plx_monitor *monitor,
                       const struct plx_candidate *agent)
{
    for (size_t i = 0; i < monitor->n_locations; i++)
        if (plx_assign_matches(monitor->locations[i], agent))
            return true;
    return false;
}

/* The best so far of one location, best first. */
struct podium {
    const struct plx_candidate *places[PER_LOCATION_MAX];
    size_t n, size;
};

static void climb(struct podium *podium, uint64_t key, const struct plx_candidate *agent)
{
    size_t at = podium->n;
    while (at > 0 && is_better(key, agent, podium->places[at - 1]))
        at--;
    if (at == podium->size)
        return;
    if (podium->n < podium->size)
        podium->n++;
    for (size_t i = podium->n - 1; i > at; i--)
        podium->places[i] = podium->places[i - 1];
    podium->places[at] = agent;
}

/* A growing, sorted choice. */
struct choice {
    uint32_t *slots;
    size_t n;
};

static void choose(struct choice *choice, uint32_t slot)
{
    size_t at = choice->n;
    while (at > 0 && choice->slots[at - 1] > slot)
        at--;
    if ((at > 0 && choice->slots[at - 1] == slot) || choice->n == PLX_ASSIGN_MAX)
        return;
    memmove(&choice->slots[at + 1], &choice->slots[at],
            (choice->n - at) * sizeof *choice->slots);
    choice->slots[at] = slot;
    choice->n++;
}

/* Fills the location's seats from the agents of `region` (NULL: of any). */
static void elect(const struct plx_monitor *monitor, uint64_t key, const char *location,
                  const char *region, const struct plx_candidate *agents, size_t n,
                  struct choice *choice)
{
    struct podium podium = {.size = monitor->agents_per_location};
    if (podium.size > PER_LOCATION_MAX)
        podium.size = PER_LOCATION_MAX;
    for (size_t i = 0; i < n; i++) {
        const struct plx_candidate *agent = &agents[i];
        if (agent->standing == PLX_STANDING_OUT || !plx_assign_matches(location, agent) ||
            (region && strcmp(region, agent->region) != 0))
            continue;
        climb(&podium, key, agent);
    }
    for (size_t i = 0; i < podium.n; i++)
        choose(choice, podium.places[i]->slot);
}

/* True if no earlier agent that counts is of the same region. */
static bool opens_region(const struct plx_candidate *agents, size_t at)
{
    if (agents[at].standing == PLX_STANDING_OUT)
        return false;
    for (size_t i = 0; i < at; i++)
        if (agents[i].standing != PLX_STANDING_OUT &&
            strcmp(agents[i].region, agents[at].region) == 0)
            return false;
    return true;
}

size_t plx_assign_pick(const struct plx_monitor *monitor, uint64_t monitor_key,
                       const struct plx_candidate *agents, size_t n, uint32_t *ret_slots)
{
    struct choice choice = {.slots = ret_slots};
    if (monitor->paused)
        return 0;
    for (size_t i = 0; i < monitor->n_locations; i++) {
        const char *location = monitor->locations[i];
        if (strcmp(location, "all") != 0) {
            elect(monitor, monitor_key, location, NULL, agents, n, &choice);
            continue;
        }
        for (size_t k = 0; k < n; k++)
            if (opens_region(agents, k))
                elect(monitor, monitor_key, location, agents[k].region, agents, n,
                      &choice);
    }
    return choice.n;
}

/* True if fewer than the location's seats are held by somebody better. */
static bool wins_location(const struct plx_monitor *monitor, uint64_t key,
                          const char *location, const struct plx_candidate *agent,
                          const struct plx_candidate *agents, const uint32_t *chosen,
                          size_t n_chosen)
{
    bool all = strcmp(location, "all") == 0;
    size_t n_better = 0;
    for (size_t i = 0; i < n_chosen; i++) {
        const struct plx_candidate *other = &agents[chosen[i]];
        if (!plx_assign_matches(location, other) ||
            (all && strcmp(other->region, agent->region) != 0))
            continue;
        n_better += is_better(key, other, agent);
    }
    return n_better < monitor->agents_per_location;
}

bool plx_assign_would_win(const struct plx_monitor *monitor, uint64_t monitor_key,
                          const struct plx_candidate *agent,
                          const struct plx_candidate *agents, const uint32_t *chosen,
                          size_t n_chosen)
{
    if (monitor->paused || agent->standing == PLX_STANDING_OUT)
        return false;
    for (size_t i = 0; i < monitor->n_locations; i++)
        if (plx_assign_matches(monitor->locations[i], agent) &&
            wins_location(monitor, monitor_key, monitor->locations[i], agent, agents,
                          chosen, n_chosen))
            return true;
    return false;
}
