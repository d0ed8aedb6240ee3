#include "agent/core/sources.h"

#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

/* Addresses of one host that are told apart; of more, the kernel is asked. */
#define KNOWN_MAX 64

struct entry {
    uint64_t key; /* hash of address and port; 0: free */
    uint32_t learned_s;
    uint8_t known; /* index */
};

struct plx_sources {
    struct entry *entries;
    size_t mask;
    int64_t forgotten_ns;
    struct plx_addr known[KNOWN_MAX];
    uint8_t n_known;
};

struct plx_sources *plx_sources_new(size_t n)
{
    size_t size = 1;
    while (size < n)
        size *= 2;
    struct plx_sources *s = calloc(1, sizeof *s);
    struct entry *entries = calloc(size, sizeof *entries);
    if (!s || !entries)
        abort();
    s->entries = entries;
    s->mask = size - 1;
    s->forgotten_ns = INT64_MIN;
    return s;
}

void plx_sources_destroy(struct plx_sources **sources)
{
    if (!*sources)
        return;
    free((*sources)->entries);
    free(*sources);
    *sources = NULL;
}

static uint64_t key_of(const struct plx_addr *addr, uint16_t port)
{
    size_t len = addr->family == 4 ? 4 : 16;
    return plx_hash_bytes(addr->bytes, len, (uint64_t)addr->family << 16 | port) | 1;
}

static struct entry *entry_of(const struct plx_sources *s, uint64_t key)
{
    return &s->entries[(key >> 16) & s->mask];
}

static uint32_t seconds(struct plx_mono t)
{
    return (uint32_t)(t.ns / PLX_SEC_NS);
}

void plx_sources_fetch(const struct plx_sources *sources, const struct plx_addr *addr,
                       uint16_t port)
{
    __builtin_prefetch(entry_of(sources, key_of(addr, port)));
}

bool plx_sources_find(const struct plx_sources *sources, const struct plx_addr *addr,
                      uint16_t port, struct plx_mono now, struct plx_addr *ret_source)
{
    uint64_t key = key_of(addr, port);
    const struct entry *e = entry_of(sources, key);
    if (e->key != key || seconds(now) - e->learned_s >= PLX_SOURCES_KEEP_NS / PLX_SEC_NS)
        return false;
    *ret_source = sources->known[e->known];
    return true;
}

/* The source's place among the known ones; KNOWN_MAX: there is no room. */
static uint8_t place_of(struct plx_sources *s, const struct plx_addr *source)
{
    uint8_t i = 0;
    while (i < s->n_known && !plx_addr_equal(&s->known[i], source))
        i++;
    if (i == s->n_known && i < KNOWN_MAX)
        s->known[s->n_known++] = *source;
    return i;
}

void plx_sources_learn(struct plx_sources *sources, const struct plx_addr *addr,
                       uint16_t port, struct plx_mono started,
                       const struct plx_addr *source)
{
    if (started.ns <= sources->forgotten_ns || source->family == 0)
        return;
    uint8_t known = place_of(sources, source);
    uint64_t key = key_of(addr, port);
    if (known < KNOWN_MAX)
        *entry_of(sources, key) = (struct entry){key, seconds(started), known};
}

void plx_sources_forget(struct plx_sources *sources, struct plx_mono now)
{
    memset(sources->entries, 0, (sources->mask + 1) * sizeof *sources->entries);
    sources->n_known = 0;
    sources->forgotten_ns = now.ns;
}
