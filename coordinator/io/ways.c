#include "coordinator/io/ways.h"

#include "proto/wire.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(msg) abort()
#include <uthash.h>

/* Compared as bytes: filled from zeroes. */
struct key {
    uint32_t agent;
    struct plx_addr target;
};

struct way {
    struct key key;
    struct plx_mono at;
    uint8_t *bytes; /* as on the wire */
    size_t len;
    UT_hash_handle hh;
};

struct plx_ways {
    struct way *table;
};

static struct key key_of(uint32_t agent, const struct plx_addr *target)
{
    struct key key;
    memset(&key, 0, sizeof key);
    key.agent = agent;
    key.target.family = target->family;
    memcpy(key.target.bytes, target->bytes, target->family == 4 ? 4 : 16);
    return key;
}

static struct way *find(const struct plx_ways *ways, uint32_t agent,
                        const struct plx_addr *target)
{
    struct key key = key_of(agent, target);
    struct way *way;
    HASH_FIND(hh, ways->table, &key, sizeof key, way);
    return way;
}

struct plx_ways *plx_ways_new(void)
{
    struct plx_ways *ways = calloc(1, sizeof *ways);
    if (!ways)
        abort();
    return ways;
}

void plx_ways_destroy(struct plx_ways **ways)
{
    struct way *way, *next;
    if (!*ways)
        return;
    HASH_ITER(hh, (*ways)->table, way, next)
    {
        HASH_DEL((*ways)->table, way);
        free(way->bytes);
        free(way);
    }
    free(*ways);
    *ways = NULL;
}

static bool led_there(const struct plx_trace *trace)
{
    bool all = trace->n_flows > 0 && !trace->trouble && trace->target.family;
    for (size_t i = 0; i < trace->n_flows; i++)
        all = all && trace->flows[i].end.kind == PLX_HOP_OPEN;
    return all;
}

static struct way *add(struct plx_ways *ways, uint32_t agent,
                       const struct plx_addr *target)
{
    struct way *way = calloc(1, sizeof *way);
    if (!way)
        abort();
    way->key = key_of(agent, target);
    HASH_ADD(hh, ways->table, key, sizeof way->key, way);
    return way;
}

void plx_ways_put(struct plx_ways *ways, uint32_t agent, const struct plx_trace *trace,
                  struct plx_mono now)
{
    struct plx_buf buf;
    if (!led_there(trace))
        return;
    struct way *way = find(ways, agent, &trace->target);
    if (!way && HASH_COUNT(ways->table) >= PLX_WAYS_MAX)
        return;
    if (!way)
        way = add(ways, agent, &trace->target);
    plx_buf_init(&buf, PLX_WIRE_FRAME_MAX);
    plx_wire_encode_trace(trace, &buf);
    free(way->bytes);
    way->bytes = (uint8_t *)plx_buf_give(&buf, &way->len);
    way->at = now;
}

bool plx_ways_age(const struct plx_ways *ways, uint32_t agent,
                  const struct plx_addr *target, struct plx_mono now, int64_t *ret_ns)
{
    const struct way *way = find(ways, agent, target);
    if (way)
        *ret_ns = plx_mono_diff(now, way->at);
    return way != NULL;
}

bool plx_ways_get(const struct plx_ways *ways, uint32_t agent,
                  const struct plx_addr *target, struct plx_trace *ret)
{
    const struct way *way = find(ways, agent, target);
    return way && plx_wire_decode_trace(way->bytes, way->len, ret, NULL) == 0;
}

uint32_t plx_ways_count(const struct plx_ways *ways)
{
    return HASH_COUNT(ways->table);
}
