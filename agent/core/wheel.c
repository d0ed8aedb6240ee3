#include "agent/core/wheel.h"

#include <stdlib.h>

#define TICK_NS (10 * PLX_MS_NS)
/* 82 s at a turn: the longest timeout (60 s) fits. */
#define BUCKETS 8192
#define NOBODY  UINT32_MAX

void plx_wheel_init(struct plx_wheel *wheel, uint32_t n, struct plx_mono now)
{
    wheel->nodes = calloc(n ? n : 1, sizeof *wheel->nodes);
    wheel->heads = malloc(BUCKETS * sizeof *wheel->heads);
    if (!wheel->nodes || !wheel->heads)
        abort();
    for (size_t i = 0; i < BUCKETS; i++)
        wheel->heads[i] = NOBODY;
    wheel->tick = now.ns / TICK_NS;
}

void plx_wheel_fini(struct plx_wheel *wheel)
{
    free(wheel->nodes);
    free(wheel->heads);
    *wheel = (struct plx_wheel){0};
}

static uint32_t *head_of(struct plx_wheel *wheel, int64_t deadline_ns)
{
    int64_t tick = deadline_ns / TICK_NS;
    if (tick < wheel->tick)
        tick = wheel->tick; /* past already: in the bucket that is swept next */
    return &wheel->heads[(uint64_t)tick % BUCKETS];
}

void plx_wheel_add(struct plx_wheel *wheel, uint32_t id, struct plx_mono deadline)
{
    struct plx_wheel_node *node = &wheel->nodes[id];
    uint32_t *head = head_of(wheel, deadline.ns);
    *node = (struct plx_wheel_node){deadline.ns, *head, NOBODY};
    if (*head != NOBODY)
        wheel->nodes[*head].prev = id;
    *head = id;
    /* A node without a predecessor names its bucket in `prev`, past the ids. */
    node->prev = NOBODY - 1 - (uint32_t)(head - wheel->heads);
}

static bool is_head(const struct plx_wheel_node *node)
{
    return node->prev > NOBODY - 1 - BUCKETS;
}

void plx_wheel_remove(struct plx_wheel *wheel, uint32_t id)
{
    struct plx_wheel_node *node = &wheel->nodes[id];
    if (is_head(node))
        wheel->heads[NOBODY - 1 - node->prev] = node->next;
    else
        wheel->nodes[node->prev].next = node->next;
    if (node->next != NOBODY)
        wheel->nodes[node->next].prev = node->prev;
}

bool plx_wheel_expire(struct plx_wheel *wheel, struct plx_mono now, uint32_t *ret_id)
{
    int64_t now_tick = now.ns / TICK_NS;
    if (now_tick - wheel->tick >= BUCKETS)
        wheel->tick = now_tick - BUCKETS + 1; /* every bucket once is enough */
    for (;;) {
        uint32_t id = wheel->heads[(uint64_t)wheel->tick % BUCKETS];
        while (id != NOBODY && wheel->nodes[id].deadline_ns > now.ns)
            id = wheel->nodes[id].next;
        if (id != NOBODY) {
            plx_wheel_remove(wheel, id);
            *ret_id = id;
            return true;
        }
        if (wheel->tick >= now_tick)
            return false;
        wheel->tick++;
    }
}
