/* What the judge costs: 100,000 monitors x 10 agents at 60 s.
 *
 *   bench_judge [MONITORS]      default 100000
 *
 * Plays minutes of a fleet (quiet; 1 % noise; 3 of 10 agents failing on everything while
 * a host and a prefix of servers break; recovery), then all results of a minute at once.
 * The results are made before the clock starts, so that only the judge is timed; probes
 * it orders are answered in the next second. Prints, beside the limits: ns a result
 * (against a bare walk over as many cells in the same order), the ticks of each phase,
 * bytes a cell, and a fingerprint of all that was said: two judges that decide alike
 * print the same one. */
#include "base/rng.h"
#include "base/text.h"
#include "coordinator/core/judge.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AGENTS   10u
#define INTERVAL 60
#define TIMEOUT  5
#define T0       INT64_C(1790000000)

struct bench {
    struct plx_judge *judge;
    uint32_t n;
    uint32_t *order; /* cells in the order of their phases */
    uint32_t n_cells;
    uint32_t at;
    uint32_t sick;          /* agents below this fail */
    uint32_t down0, n_down; /* monitors that are down for everybody */
    double broke;           /* when the latest of these began */
    double noise;
    double now;
    struct plx_rng rng;
    struct plx_judge_result *results;
    uint32_t n_results, cap_results;
    struct plx_judge_probe *asked; /* to be answered in the next second */
    uint32_t n_asked, cap_asked;
    uint64_t said; /* fingerprint */
    bool talk;     /* prints faults as they open and close */
};

/* Seconds of a phase. */
struct phase {
    double intake_ns; /* a result */
    double mean, worst;
    uint64_t probes, faults;
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct plx_wall wall(double s)
{
    return (struct plx_wall){T0 * PLX_SEC_NS + (int64_t)(s * 1e9)};
}

static void *sized(void *p, size_t n, size_t size)
{
    p = realloc(p, n * size);
    if (p == NULL)
        abort();
    return p;
}

/* --- the fleet ------------------------------------------------------------------ */

static void declare(struct bench *b)
{
    uint32_t ids[AGENTS];
    char name[32], region[8], provider[8], host[32], address[32];
    for (uint32_t a = 0; a < AGENTS; a++) {
        snprintf(name, sizeof name, "a%u", a);
        snprintf(region, sizeof region, "r%u", a % 5);
        snprintf(provider, sizeof provider, "p%u", a % 3);
        plx_judge_set_agent(
            b->judge, &(struct plx_judge_agent){
                          .id = a, .name = name, .region = region, .provider = provider});
        ids[a] = a;
    }
    for (uint32_t m = 0; m < b->n; m++) {
        uint32_t h = m / 3;
        snprintf(name, sizeof name, "m%u", m);
        snprintf(host, sizeof host, "h%u.example", h);
        snprintf(address, sizeof address, "10.%u.%u.%u", h >> 14 & 255, h >> 6 & 255,
                 h & 63);
        plx_judge_set_monitor(
            b->judge, &(struct plx_judge_monitor){.id = m,
                                                  .name = name,
                                                  .host = host,
                                                  .address = address,
                                                  .port = (uint16_t)(443 + m % 3),
                                                  .interval_ns = INTERVAL * PLX_SEC_NS,
                                                  .timeout_ns = TIMEOUT * PLX_SEC_NS,
                                                  .agents = ids,
                                                  .n_agents = AGENTS});
    }
}

static void shuffle(struct bench *b)
{
    b->n_cells = b->n * AGENTS;
    b->order = sized(NULL, b->n_cells, sizeof *b->order);
    for (uint32_t i = 0; i < b->n_cells; i++)
        b->order[i] = i;
    for (uint32_t i = b->n_cells; i > 1; i--) {
        uint32_t k = (uint32_t)plx_rng_below(&b->rng, i), t = b->order[i - 1];
        b->order[i - 1] = b->order[k];
        b->order[k] = t;
    }
}

/* --- results -------------------------------------------------------------------- */

static void add_result(struct bench *b, uint32_t monitor, uint32_t agent,
                       enum plx_judge_kind kind)
{
    bool broken = agent < b->sick || monitor - b->down0 < b->n_down;
    bool bad = broken || plx_rng_unit(&b->rng) < b->noise;
    double learned = b->now - 1 + (double)b->n_results / (b->n_cells / INTERVAL + 1000);
    if (broken && learned - TIMEOUT < b->broke)
        return; /* it will be heard of when it timed out; for us, a minute later */
    if (b->n_results == b->cap_results) {
        b->cap_results = b->cap_results * 2 + 1024;
        b->results = sized(b->results, b->cap_results, sizeof *b->results);
    }
    b->results[b->n_results] = (struct plx_judge_result){
        .now = wall(learned),
        .at = wall(learned - (bad ? TIMEOUT : 0.02)),
        .monitor = monitor,
        .agent = agent,
        .outcome = bad ? PLX_OUTCOME_TIMEOUT : PLX_OUTCOME_OPEN,
        .kind = kind,
        .rtt_us = bad ? 0 : 20000,
    };
    b->n_results++;
}

/* The next `n` scheduled results, and the answers to what was asked. */
static void make_results(struct bench *b, uint32_t n)
{
    b->n_results = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t cell = b->order[b->at];
        b->at = b->at + 1 == b->n_cells ? 0 : b->at + 1;
        add_result(b, cell / AGENTS, cell % AGENTS, PLX_JUDGE_SCHEDULED);
    }
    for (uint32_t i = 0; i < b->n_asked; i++)
        add_result(b, b->asked[i].monitor, b->asked[i].agent, PLX_JUDGE_CONFIRM);
    b->n_asked = 0;
}

static double take_in(struct bench *b)
{
    double began = seconds();
    for (uint32_t i = 0; i < b->n_results; i++) {
        const struct plx_judge_result *r = &b->results[i];
        if (i + 2 * PLX_JUDGE_AHEAD < b->n_results)
            plx_judge_foresee(b->judge, r[PLX_JUDGE_AHEAD].agent,
                              r[PLX_JUDGE_AHEAD].monitor, r[2 * PLX_JUDGE_AHEAD].monitor);
        plx_judge_result(b->judge, r);
    }
    return seconds() - began;
}

/* --- ticks ---------------------------------------------------------------------- */

static void mix(struct bench *b, const void *bytes, size_t n)
{
    b->said = plx_hash_bytes(bytes, n, b->said);
}

static void hear_fault(struct bench *b, const struct plx_judge_fault *f)
{
    char head[160];
    int n = snprintf(head, sizeof head, "%u %u %u %s %.3f %d %zu %zu", (unsigned)f->id,
                     (unsigned)f->class, (unsigned)f->change, f->entity, f->confidence,
                     f->page, f->n_agents, f->n_monitors);
    mix(b, head, (size_t)n);
    mix(b, f->why, strlen(f->why));
    mix(b, f->monitors, f->n_monitors * sizeof *f->monitors);
    if (b->talk && f->change != PLX_JUDGE_UPDATED)
        printf("    %5.0f s: %s %s %s, %zu monitors\n", b->now,
               f->change == PLX_JUDGE_CLOSED ? "closed" : "opened",
               plx_judge_class_token(f->class), f->entity, f->n_monitors);
}

static void hear(struct bench *b, const struct plx_judge_output *out)
{
    for (size_t i = 0; i < out->n_faults; i++)
        hear_fault(b, &out->faults[i]);
    for (size_t i = 0; i < out->n_verdicts; i++) {
        mix(b, &out->verdicts[i].monitor, sizeof out->verdicts[i].monitor);
        mix(b, out->verdicts[i].why, strlen(out->verdicts[i].why));
    }
    mix(b, out->probes, out->n_probes * sizeof *out->probes);
    if (b->cap_asked < out->n_probes) {
        b->cap_asked = (uint32_t)out->n_probes;
        b->asked = sized(b->asked, b->cap_asked, sizeof *b->asked);
    }
    if (out->n_probes > 0)
        memcpy(b->asked, out->probes, out->n_probes * sizeof *b->asked);
    b->n_asked = (uint32_t)out->n_probes;
}

static double tick(struct bench *b, struct phase *ret)
{
    const struct plx_judge_output *out;
    for (uint32_t a = 0; a < AGENTS; a++)
        plx_judge_heartbeat(b->judge, wall(b->now), a);
    double began = seconds();
    plx_judge_tick(b->judge, wall(b->now), &out);
    double took = seconds() - began;
    ret->probes += out->n_probes;
    ret->faults += out->n_faults;
    hear(b, out);
    return took;
}

static struct phase play(struct bench *b, int n)
{
    struct phase p = {0};
    double intake = 0;
    uint64_t results = 0;
    for (int i = 0; i < n; i++) {
        b->now += 1;
        make_results(b, b->n_cells / INTERVAL);
        intake += take_in(b);
        results += b->n_results;
        double took = tick(b, &p);
        p.mean += took / n;
        p.worst = took > p.worst ? took : p.worst;
    }
    p.intake_ns = intake / (double)results * 1e9;
    return p;
}

/* --- figures -------------------------------------------------------------------- */

/* The limit of this machine for the same walk: touch one 32-byte record a result. */
static double bare_walk(const struct bench *b)
{
    char *cells = calloc(b->n_cells, 32);
    if (!cells)
        abort();
    memset(cells, 1, (size_t)b->n_cells * 32);
    double began = seconds();
    for (uint32_t i = 0; i < b->n_cells; i++)
        cells[(size_t)b->order[i] * 32]++;
    double took = seconds() - began;
    free(cells);
    return took / b->n_cells;
}

static size_t in_use(void)
{
    return mallinfo2().uordblks + mallinfo2().hblkhd;
}

static void print_bytes(const struct bench *b, const char *when, size_t before)
{
    printf("memory, %s: %.1f bytes a cell, all included (limit 32)\n", when,
           (double)(in_use() - before) / b->n_cells);
}

static void print_phase(const char *name, const struct phase *p, double limit_ms)
{
    printf("%s: intake %.0f ns a result, ticks mean %.2f ms, worst %.2f ms", name,
           p->intake_ns, p->mean * 1e3, p->worst * 1e3);
    if (limit_ms > 0)
        printf(" (limit %.0f)", limit_ms);
    printf(", %llu probes, %llu reports\n", (unsigned long long)p->probes,
           (unsigned long long)p->faults);
}

/* Three agents turn bad on everything within one tick: all of it must be solved anew. */
static void solve_all(struct bench *b)
{
    struct phase p = {0};
    b->sick = 3;
    make_results(b, b->n_cells);
    b->now += INTERVAL;
    double intake = take_in(b), took = tick(b, &p);
    printf("all at once, 3 of 10 agents fail: intake %.0f ns a result, solved in %.1f ms "
           "(limit 250)\n",
           intake / b->n_results * 1e9, took * 1e3);
    struct phase after = play(b, 30);
    print_phase("  the 30 s after it", &after, 20);
}

int main(int argc, char **argv)
{
    struct bench b = {.n = 100000, .now = 1};
    int64_t n;
    if (argc > 1 && plx_text_int(argv[1], 1000, 2000000, &n) == 0)
        b.n = (uint32_t)n;
    plx_rng_init(&b.rng, 1);
    shuffle(&b);
    make_results(&b, b.n_cells); /* so that the buffers have their size */
    b.n_results = 0;
    size_t before = in_use();
    b.judge = plx_judge_new(NULL);
    declare(&b);
    printf("cells %u (%u monitors x %u agents)\n", b.n_cells, b.n, AGENTS);
    print_bytes(&b, "declared", before);
    play(&b, 61);
    double walk = bare_walk(&b);
    struct phase p = play(&b, 60);
    printf("intake, quiet: %.0f ns a result (limit 100), bare walk %.0f ns: ratio %.1f\n",
           p.intake_ns, walk * 1e9, p.intake_ns / 1e9 / walk);
    print_phase("quiet", &p, 20);
    print_bytes(&b, "quiet", before);
    b.talk = true;
    b.noise = 0.01;
    p = play(&b, 90);
    print_phase("1 % noise", &p, 20);
    b.sick = 3;
    b.broke = b.now;
    p = play(&b, 20);
    print_phase("3 of 10 agents begin to fail, 20 s", &p, 250);
    p = play(&b, 75);
    print_phase("afterwards", &p, 20);
    print_bytes(&b, "3 of 10 agents failing", before);
    b.down0 = b.n / 2 / 192 * 192;
    b.n_down = 192;
    b.broke = b.now;
    p = play(&b, 90);
    print_phase("a prefix of 192 monitors goes down meanwhile", &p, 20);
    b.sick = b.n_down = 0;
    p = play(&b, 120);
    print_phase("recovery", &p, 20);
    b.noise = 0;
    p = play(&b, 120);
    print_phase("quiet again", &p, 20);
    solve_all(&b);
    printf("fingerprint of all that was said: %016llx\n", (unsigned long long)b.said);
    plx_judge_destroy(&b.judge);
    free(b.order);
    free(b.results);
    free(b.asked);
    return 0;
}
