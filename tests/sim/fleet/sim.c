#include "sim.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct event {
    int64_t at_ns;
    uint64_t no;
    plx_sim_fn *fn;
    void *arg;
    uint64_t tag;
    bool owned;
};

static struct {
    int64_t now_ns;
    uint64_t n_made, n_steps;
    struct event *heap;
    size_t n, cap;
    struct plx_rng rng;
    enum plx_sim_sabotage sabotage;
    struct plx_sim_node nodes[PLX_SIM_NODES_MAX];
    struct plx_sim_node *current;
    FILE *transcript;
    char failure[512];
} sim;

void plx_sim_begin(uint64_t seed, enum plx_sim_sabotage sabotage, FILE *transcript)
{
    memset(&sim, 0, sizeof sim);
    plx_rng_init(&sim.rng, seed);
    sim.sabotage = sabotage;
    sim.transcript = transcript;
    for (uint32_t i = 0; i < PLX_SIM_NODES_MAX; i++) {
        sim.nodes[i].index = i;
        if (i == 0)
            snprintf(sim.nodes[i].name, sizeof sim.nodes[i].name, "coordinator");
        else
            snprintf(sim.nodes[i].name, sizeof sim.nodes[i].name, "agent-%u", i);
    }
}

void plx_sim_end(void)
{
    for (size_t i = 0; i < sim.n; i++)
        if (sim.heap[i].owned)
            free(sim.heap[i].arg);
    free(sim.heap);
    sim.heap = NULL;
    sim.n = sim.cap = 0;
}

int64_t plx_sim_now(void)
{
    return sim.now_ns;
}

uint64_t plx_sim_steps(void)
{
    return sim.n_steps;
}

struct plx_rng *plx_sim_rng(void)
{
    return &sim.rng;
}

enum plx_sim_sabotage plx_sim_sabotage(void)
{
    return sim.sabotage;
}

int64_t plx_sim_between(int64_t low, int64_t high)
{
    return low + (int64_t)plx_rng_below(&sim.rng, (uint64_t)(high - low) + 1);
}

bool plx_sim_chance(double p)
{
    return p > 0 && plx_rng_unit(&sim.rng) < p;
}

/* ---- events ---- */

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->no < b->no;
}

static void sift_up(size_t i)
{
    struct event moved = sim.heap[i];
    while (i > 0 && is_before(&moved, &sim.heap[(i - 1) / 4])) {
        sim.heap[i] = sim.heap[(i - 1) / 4];
        i = (i - 1) / 4;
    }
    sim.heap[i] = moved;
}

static void sift_down(void)
{
    struct event moved = sim.heap[0];
    size_t i = 0;
    for (;;) {
        size_t least = 0;
        for (size_t c = 4 * i + 1; c <= 4 * i + 4 && c < sim.n; c++)
            if (least == 0 || is_before(&sim.heap[c], &sim.heap[least]))
                least = c;
        if (least == 0 || !is_before(&sim.heap[least], &moved))
            break;
        sim.heap[i] = sim.heap[least];
        i = least;
    }
    sim.heap[i] = moved;
}

void plx_sim_at(int64_t at_ns, plx_sim_fn *fn, void *arg, uint64_t tag, bool owned)
{
    if (sim.n == sim.cap) {
        sim.cap = sim.cap ? 2 * sim.cap : 1024;
        sim.heap = realloc(sim.heap, sim.cap * sizeof *sim.heap);
        if (!sim.heap)
            abort();
    }
    sim.heap[sim.n] = (struct event){
        .at_ns = at_ns < sim.now_ns ? sim.now_ns : at_ns,
        .no = sim.n_made++,
        .fn = fn,
        .arg = arg,
        .tag = tag,
        .owned = owned,
    };
    sift_up(sim.n++);
}

bool plx_sim_step(int64_t until_ns)
{
    if (sim.n == 0 || sim.heap[0].at_ns > until_ns) {
        sim.now_ns = until_ns;
        return false;
    }
    const struct event e = sim.heap[0];
    sim.heap[0] = sim.heap[--sim.n];
    if (sim.n > 0)
        sift_down();
    sim.now_ns = e.at_ns;
    sim.n_steps++;
    e.fn(e.arg, e.tag);
    return true;
}

/* ---- nodes ---- */

struct plx_sim_node *plx_sim_node(uint32_t index)
{
    return &sim.nodes[index];
}

struct plx_sim_node *plx_sim_current(void)
{
    return sim.current;
}

void plx_sim_enter(struct plx_sim_node *node)
{
    sim.current = node;
}

void plx_sim_leave(void)
{
    sim.current = NULL;
}

bool plx_sim_deferred(struct plx_sim_node *node, plx_sim_fn *fn, void *arg, uint64_t tag,
                      bool owned)
{
    if (node->frozen_until <= sim.now_ns)
        return false;
    plx_sim_at(node->frozen_until, fn, arg, tag, owned);
    return true;
}

/* ---- words ---- */

void plx_sim_violation(const char *fmt, ...)
{
    if (sim.failure[0])
        return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(sim.failure, sizeof sim.failure, fmt, args);
    va_end(args);
    plx_sim_say("VIOLATION %s", sim.failure);
}

const char *plx_sim_failure(void)
{
    return sim.failure[0] ? sim.failure : NULL;
}

bool plx_sim_is_told(void)
{
    return sim.transcript != NULL;
}

FILE *plx_sim_transcript(void)
{
    return sim.transcript;
}

void plx_sim_say_begin(void)
{
    fprintf(sim.transcript, "%12.6f %-11s ", (double)sim.now_ns / (double)PLX_SEC_NS,
            sim.current ? sim.current->name : "world");
}

void plx_sim_say(const char *fmt, ...)
{
    if (!sim.transcript)
        return;
    plx_sim_say_begin();
    va_list args;
    va_start(args, fmt);
    vfprintf(sim.transcript, fmt, args);
    va_end(args);
    fputc('\n', sim.transcript);
}
