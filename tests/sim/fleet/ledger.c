#include "ledger.h"

#include "base/rng.h"
#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    uint32_t print; /* of the result */
    uint32_t at_s;  /* when it was numbered */
    bool is_result, may_be_gap;
};

struct stream {
    uint32_t agent;
    uint64_t id;
    struct entry *entries; /* of number 1, 2, … */
    size_t n, cap;
    uint64_t counted; /* up to here, at the coordinator */
    bool excused;
    bool in_memory; /* not on a disk: gone with this life of the agent's */
    uint32_t life;
};

static struct {
    struct stream *streams;
    size_t n, cap;
} ledger;

struct plx_ledger_counts plx_ledger_counts;

void plx_ledger_begin(void)
{
    memset(&ledger, 0, sizeof ledger);
    plx_ledger_counts = (struct plx_ledger_counts){0};
}

void plx_ledger_end(void)
{
    for (size_t i = 0; i < ledger.n; i++)
        free(ledger.streams[i].entries);
    free(ledger.streams);
    memset(&ledger, 0, sizeof ledger);
}

static struct stream *find(uint32_t agent, uint64_t id)
{
    for (size_t i = ledger.n; i-- > 0;)
        if (ledger.streams[i].agent == agent && ledger.streams[i].id == id)
            return &ledger.streams[i];
    return NULL;
}

static struct stream *find_or_make(uint32_t agent, uint64_t id)
{
    struct stream *s = find(agent, id);
    if (s)
        return s;
    if (ledger.n == ledger.cap) {
        ledger.cap = ledger.cap ? 2 * ledger.cap : 64;
        ledger.streams = realloc(ledger.streams, ledger.cap * sizeof *ledger.streams);
        if (!ledger.streams)
            abort();
    }
    s = &ledger.streams[ledger.n++];
    *s = (struct stream){.agent = agent, .id = id};
    plx_ledger_counts.streams++;
    return s;
}

static void grow(struct stream *s, size_t n)
{
    if (n > s->cap) {
        s->cap = 2 * n < 64 ? 64 : 2 * n;
        s->entries = realloc(s->entries, s->cap * sizeof *s->entries);
        if (!s->entries)
            abort();
    }
    if (n > s->n) {
        memset(&s->entries[s->n], 0, (n - s->n) * sizeof *s->entries);
        s->n = n;
    }
}

/* What must arrive as it was made. */
static uint32_t print_of(const struct plx_result *r)
{
    uint64_t h = plx_hash_mix(r->monitor_id) ^ (uint64_t)(r->scheduled.ns / PLX_US_NS);
    return (uint32_t)plx_hash_mix(h ^ (uint64_t)r->outcome << 56 ^ (uint64_t)r->kind);
}

/* What was kept in memory comes to the disk as it was. */
static bool is_known(struct stream *s, uint64_t first, const struct plx_result *results,
                     size_t n)
{
    if (!s->in_memory || first + n - 1 > s->n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (s->entries[first - 1 + i].print != print_of(&results[i]))
            plx_sim_violation("%s numbers %" PRIu64 " anew as something else",
                              plx_sim_node(s->agent)->name, first + i);
    return true;
}

void plx_ledger_kept(uint32_t agent, uint64_t stream, uint64_t first,
                     const struct plx_result *results, size_t n)
{
    plx_ledger_numbered(agent, stream, first, results, n);
    struct stream *s = find_or_make(agent, stream);
    s->in_memory = true;
    s->life = plx_sim_node(agent)->life;
}

void plx_ledger_numbered(uint32_t agent, uint64_t stream, uint64_t first,
                         const struct plx_result *results, size_t n)
{
    struct stream *s = find_or_make(agent, stream);
    if (is_known(s, first, results, n)) {
        s->in_memory = first + n - 1 < s->n;
        return;
    }
    if (first != s->n + 1)
        plx_sim_violation("%s numbers %" PRIu64 " after %zu of one stream",
                          plx_sim_node(agent)->name, first, s->n);
    grow(s, first - 1 + n);
    for (size_t i = 0; i < n; i++)
        s->entries[first - 1 + i] = (struct entry){
            .print = print_of(&results[i]),
            .at_s = (uint32_t)(plx_sim_now() / PLX_SEC_NS),
            .is_result = true,
        };
    plx_ledger_counts.numbered += n;
    plx_sim_node(agent)->n_taken += n;
}

void plx_ledger_dropped(uint32_t agent, uint64_t stream, uint64_t first, uint64_t last)
{
    struct stream *s = find_or_make(agent, stream);
    size_t had = s->n;
    grow(s, last);
    plx_sim_node(agent)->n_taken += s->n - had;
    for (uint64_t q = first; q <= last; q++) {
        s->entries[q - 1].may_be_gap = true;
        if (q > had)
            s->entries[q - 1].at_s = (uint32_t)(plx_sim_now() / PLX_SEC_NS);
    }
}

void plx_ledger_forgotten(uint32_t agent, uint64_t stream, uint64_t seq)
{
    const struct stream *s = find(agent, stream);
    if (s && seq > s->counted)
        plx_sim_violation("acknowledged and not durable: %s was told %" PRIu64
                          " of stream %" PRIx64 ", the coordinator's disk has %" PRIu64,
                          plx_sim_node(agent)->name, seq, stream, s->counted);
}

void plx_ledger_damaged(uint32_t agent)
{
    for (size_t i = 0; i < ledger.n; i++)
        if (ledger.streams[i].agent == agent)
            ledger.streams[i].excused = true;
}

static void check_entry(const struct stream *s, uint64_t seq, const struct plx_result *r)
{
    const struct entry *e = &s->entries[seq - 1];
    if (r && (!e->is_result || (e->print != print_of(r) && r->monitor_id != 0)))
        plx_sim_violation("counted as something else: %" PRIu64 " of %s", seq,
                          plx_sim_node(s->agent)->name);
    if (!r && !e->may_be_gap)
        plx_sim_violation("counted as a gap though %s had it: %" PRIu64,
                          plx_sim_node(s->agent)->name, seq);
}

void plx_ledger_counted(uint32_t agent, uint64_t stream, uint64_t first,
                        const struct plx_result *results, size_t n, uint64_t lost)
{
    struct stream *s = find_or_make(agent, stream);
    uint64_t last = first + (lost ? lost : n) - 1;
    if (first <= s->counted) {
        plx_sim_violation("counted twice: %" PRIu64 " of stream %" PRIx64 " of %s", first,
                          stream, plx_sim_node(agent)->name);
        return;
    }
    if (first != s->counted + 1 || last > s->n) {
        plx_sim_violation("a silent gap: %" PRIu64 "..%" PRIu64 " counted after %" PRIu64
                          " of %zu of %s",
                          first, last, s->counted, s->n, plx_sim_node(agent)->name);
        return;
    }
    for (uint64_t q = first; q <= last; q++)
        check_entry(s, q, lost ? NULL : &results[q - first]);
    s->counted = last;
    plx_ledger_counts.counted += n;
    plx_ledger_counts.gaps += lost;
}

void plx_ledger_check_delivered(int64_t before_ns)
{
    uint32_t before_s = (uint32_t)(before_ns / PLX_SEC_NS);
    for (size_t i = 0; i < ledger.n; i++) {
        const struct stream *s = &ledger.streams[i];
        bool died = s->in_memory && s->life != plx_sim_node(s->agent)->life;
        if (s->excused || died || s->counted >= s->n ||
            s->entries[s->counted].at_s >= before_s)
            continue;
        plx_sim_violation("not delivered: %s has %zu of a stream, numbered at %u s, the "
                          "coordinator %" PRIu64,
                          plx_sim_node(s->agent)->name, s->n, s->entries[s->counted].at_s,
                          s->counted);
    }
}
