#include "agent/core/wheel.h"

#include <stdlib.h>

#define TICK_NS (10 * PLX_MS_NS)
/* 82 s at a turn: the longest timeout (60 s) fits. */
#define BUCKETS 8192
/* The list of those found due and not yet given out, after the buckets. */
#define DUE     BUCKETS
#define LISTS   (BUCKETS + 1)
#define NOBODY  UINT32_MAX

void plx_wheel_init(struct plx_wheel *wheel, uint32_t n, struct plx_mono now)
{
    *wheel = (struct plx_wheel){.tick = now.ns / TICK_NS};
    wheel->heads = malloc(LISTS * sizeof *wheel->heads);
    if (!wheel->heads)
        abort();
    for (size_t i = 0; i < LISTS; i++)
        wheel->heads[i] = NOBODY;
    plx_wheel_grow(wheel, n);
}

void plx_wheel_grow(struct plx_wheel *wheel, uint32_t n)
{
    if (n <= wheel->n)
        return;
    wheel->nodes = realloc(wheel->nodes, n * sizeof *wheel->nodes);
    if (!wheel->nodes)
        abort();
    wheel->n = n;
}

void plx_wheel_fini(struct plx_wheel *wheel)
{
    free(wheel->nodes);
    free(wheel->heads);
    *wheel = (struct plx_wheel){0};
}

static uint32_t list_of(const struct plx_wheel *wheel, int64_t deadline_ns)
{
    int64_t tick = deadline_ns / TICK_NS;
    if (tick < wheel->tick)
        tick = wheel->tick; /* past already: in the bucket that is swept next */
    return (uint32_t)((uint64_t)tick % BUCKETS);
}

static void push(struct plx_wheel *wheel, uint32_t list, uint32_t id)
{
    struct plx_wheel_node *node = &wheel->nodes[id];
    node->next = wheel->heads[list];
    /* A node without a predecessor names its list in `prev`, past the ids. */
    node->prev = NOBODY - 1 - list;
    if (node->next != NOBODY)
        wheel->nodes[node->next].prev = id;
    wheel->heads[list] = id;
}

void plx_wheel_add(struct plx_wheel *wheel, uint32_t id, struct plx_mono deadline)
{
    wheel->nodes[id].deadline_ns = deadline.ns;
    push(wheel, list_of(wheel, deadline.ns), id);
}

static bool is_head(const struct plx_wheel_node *node)
{
    return node->prev > NOBODY - 1 - LISTS;
}

void plx_wheel_remove(struct plx_wheel *wheel, uint32_t id)
{
    const struct plx_wheel_node *node = &wheel->nodes[id];
    if (is_head(node))
        wheel->heads[NOBODY - 1 - node->prev] = node->next;
    else
        wheel->nodes[node->prev].next = node->next;
    if (node->next != NOBODY)
        wheel->nodes[node->next].prev = node->prev;
}

struct plx_mono plx_wheel_deadline(const struct plx_wheel *wheel, uint32_t id)
{
    return (struct plx_mono){wheel->nodes[id].deadline_ns};
}

/* Moves what is due from the bucket of the present tick to the list of those due: each
 * bucket is walked once, however many there are. */
static void sweep(struct plx_wheel *wheel, struct plx_mono now)
{
    uint32_t id = wheel->heads[(uint64_t)wheel->tick % BUCKETS];
    while (id != NOBODY) {
        uint32_t next = wheel->nodes[id].next;
        if (wheel->nodes[id].deadline_ns <= now.ns) {
            plx_wheel_remove(wheel, id);
            push(wheel, DUE, id);
        }
        id = next;
    }
}

bool plx_wheel_expire(struct plx_wheel *wheel, struct plx_mono now, uint32_t *ret_id)
{
    int64_t now_tick = now.ns / TICK_NS;
    if (now_tick - wheel->tick >= BUCKETS)
        wheel->tick = now_tick - BUCKETS + 1; /* every bucket once is enough */
    while (wheel->heads[DUE] == NOBODY) {
        sweep(wheel, now);
        if (wheel->heads[DUE] != NOBODY)
            break;
        if (wheel->tick >= now_tick)
            return false;
        wheel->tick++;
    }
    *ret_id = wheel->heads[DUE];
    plx_wheel_remove(wheel, *ret_id);
    return true;
}

bool plx_wheel_coming(const struct plx_wheel *wheel, uint32_t *ret_id)
{
    *ret_id = wheel->heads[DUE];
    if (*ret_id == NOBODY)
        return false;
    __builtin_prefetch(&wheel->nodes[*ret_id]);
    return true;
}
