#include "agent/core/pacer.h"

#include "base/rng.h"

#include <stdlib.h>

/* Buckets an address may stand in: one cache line. */
enum { WAYS = 4 };

/* The agent's own rate may be ahead by so much: a turn's worth of probes. */
#define OWN_BURST_NS (50 * PLX_MS_NS)

/* In a bucket's key: somebody went without. Until it is full again those who did not
 * leave the last of it to those who did. */
#define CROWDED UINT64_C(2)

struct bucket {
    uint64_t key;   /* hash of the address, CROWDED aside; 0: never used */
    int64_t tat_ns; /* theoretical arrival time; in the past: full */
};

struct plx_pacer {
    struct bucket *buckets;
    size_t mask; /* of groups of WAYS buckets */
    int64_t target_step_ns, target_ahead_ns;
    unsigned owed_max; /* PLX_PACER_OWED_MAX, or what the burst has room for */
    int64_t own_step_ns, own_ahead_ns, own_tat_ns;
    uint32_t in_flight, in_flight_max;
};

struct plx_pacer_limits plx_pacer_default_limits(void)
{
    return (struct plx_pacer_limits){.in_flight = PLX_PACER_IN_FLIGHT,
                                     .target_rate = PLX_PACER_TARGET_RATE,
                                     .target_burst = PLX_PACER_TARGET_BURST,
                                     .n_buckets = PLX_PACER_BUCKETS};
}

static int64_t step_of(double rate)
{
    return rate > 0 ? (int64_t)((double)PLX_SEC_NS / rate) : 0;
}

struct plx_pacer *plx_pacer_new(const struct plx_pacer_limits *limits)
{
    size_t groups = 1;
    while (groups * WAYS < limits->n_buckets)
        groups *= 2;
    struct plx_pacer *pacer = calloc(1, sizeof *pacer);
    struct bucket *buckets = calloc(groups * WAYS, sizeof *buckets);
    if (!pacer || !buckets)
        abort();
    pacer->buckets = buckets;
    pacer->mask = groups - 1;
    pacer->target_step_ns = step_of(limits->target_rate);
    pacer->target_ahead_ns = pacer->target_step_ns * ((int64_t)limits->target_burst - 1);
    pacer->owed_max = limits->target_burst > PLX_PACER_OWED_MAX
                          ? PLX_PACER_OWED_MAX
                          : limits->target_burst - 1;
    pacer->own_step_ns = step_of(limits->rate);
    pacer->own_ahead_ns = OWN_BURST_NS;
    pacer->own_tat_ns = INT64_MIN;
    pacer->in_flight_max = limits->in_flight;
    return pacer;
}

void plx_pacer_destroy(struct plx_pacer **pacer)
{
    if (!*pacer)
        return;
    free((*pacer)->buckets);
    free(*pacer);
    *pacer = NULL;
}

/* The address's bucket, or the one that makes room: the nearest to full. */
static struct bucket *bucket_of(struct plx_pacer *pacer, const struct plx_addr *addr)
{
    size_t len = addr->family == 4 ? 4 : 16;
    uint64_t key = plx_hash_bytes(addr->bytes, len, addr->family);
    key = (key & ~CROWDED) | 1;
    struct bucket *group = &pacer->buckets[((key >> 32) & pacer->mask) * WAYS];
    struct bucket *room = group;
    for (int i = 0; i < WAYS; i++) {
        if ((group[i].key & ~CROWDED) == key)
            return &group[i];
        if (group[i].key == 0 || (room->key != 0 && group[i].tat_ns < room->tat_ns))
            room = &group[i];
    }
    *room = (struct bucket){.key = key, .tat_ns = INT64_MIN};
    return room;
}

/* When the next cell conforms, given the arrival time so far. */
static int64_t conforms_at(int64_t tat_ns, int64_t ahead_ns)
{
    return tat_ns == INT64_MIN ? INT64_MIN : tat_ns - ahead_ns;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* How far ahead of the rate somebody may be who went without so often. */
static int64_t ahead_of(const struct plx_pacer *pacer, struct bucket *b, unsigned owed,
                        struct plx_mono now)
{
    if (owed > 0 && owed < PLX_PACER_OWED_MAX)
        b->key |= CROWDED;
    else if (owed == 0 && b->tat_ns <= now.ns)
        b->key &= ~CROWDED;
    if (owed > pacer->owed_max)
        owed = pacer->owed_max;
    unsigned left = b->key & CROWDED ? pacer->owed_max - owed : 0;
    return pacer->target_ahead_ns - (int64_t)left * pacer->target_step_ns;
}

enum plx_pacer_answer plx_pacer_ask(struct plx_pacer *pacer, const struct plx_addr *addr,
                                    unsigned owed, struct plx_mono now,
                                    struct plx_mono *ret_at)
{
    if (pacer->in_flight >= pacer->in_flight_max)
        return PLX_PACER_IN_FLIGHT_FULL;
    int64_t own_at = conforms_at(pacer->own_tat_ns, pacer->own_ahead_ns);
    if (pacer->own_step_ns && own_at > now.ns) {
        *ret_at = (struct plx_mono){own_at};
        return PLX_PACER_RATE;
    }
    if (pacer->target_step_ns) {
        struct bucket *b = bucket_of(pacer, addr);
        int64_t at = conforms_at(b->tat_ns, ahead_of(pacer, b, owed, now));
        if (at > now.ns) {
            *ret_at = (struct plx_mono){at};
            return PLX_PACER_TARGET;
        }
        b->tat_ns = later(b->tat_ns, now.ns) + pacer->target_step_ns;
    }
    pacer->own_tat_ns = later(pacer->own_tat_ns, now.ns) + pacer->own_step_ns;
    pacer->in_flight++;
    return PLX_PACER_GO;
}

void plx_pacer_done(struct plx_pacer *pacer)
{
    pacer->in_flight--;
}

uint32_t plx_pacer_in_flight(const struct plx_pacer *pacer)
{
    return pacer->in_flight;
}
