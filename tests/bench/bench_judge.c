/* What the judge costs: 100,000 monitors x 10 agents at 60 s.
 *
 *   bench_judge [MONITORS]      default 100000
 *
 * Prints, beside the limits: ns a result in the quiet (against a bare walk over as many
 * cells in the same order), a solve with 3 of 10 agents failing on everything, the worst
 * tick after that, and bytes a cell. */
#include "base/rng.h"
#include "base/text.h"
#include "coordinator/core/judge.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define AGENTS   10u
#define INTERVAL 60
#define T0       INT64_C(1790000000)

struct bench {
    struct plx_judge *judge;
    uint32_t n;
    uint32_t *order; /* cells in the order of their phases */
    uint32_t n_cells;
    uint32_t at;
    uint32_t sick; /* agents below this fail */
    double noise;
    struct plx_rng rng;
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
                                                  .port = 443,
                                                  .interval_ns = INTERVAL * PLX_SEC_NS,
                                                  .timeout_ns = 5 * PLX_SEC_NS,
                                                  .agents = ids,
                                                  .n_agents = AGENTS});
    }
}

static void shuffle(struct bench *b)
{
    b->n_cells = b->n * AGENTS;
    b->order = malloc(b->n_cells * sizeof *b->order);
    if (!b->order)
        abort();
    for (uint32_t i = 0; i < b->n_cells; i++)
        b->order[i] = i;
    for (uint32_t i = b->n_cells; i > 1; i--) {
        uint32_t k = (uint32_t)plx_rng_below(&b->rng, i), t = b->order[i - 1];
        b->order[i - 1] = b->order[k];
        b->order[k] = t;
    }
}

/* One second's share of results. Returns the seconds the intake took. */
static double second_of_results(struct bench *b, double now, uint32_t *ret_n)
{
    uint32_t n = b->n_cells / INTERVAL;
    double began = seconds();
    for (uint32_t i = 0; i < n; i++) {
        uint32_t cell = b->order[b->at];
        b->at = b->at + 1 == b->n_cells ? 0 : b->at + 1;
        uint32_t agent = cell % AGENTS;
        bool bad = agent < b->sick || plx_rng_unit(&b->rng) < b->noise;
        struct plx_judge_result r = {.now = wall(now + 1e-9 * i),
                                     .at = wall(now - 0.1),
                                     .monitor = cell / AGENTS,
                                     .agent = agent,
                                     .outcome =
                                         bad ? PLX_OUTCOME_TIMEOUT : PLX_OUTCOME_OPEN,
                                     .rtt_us = bad ? 0 : 20000};
        plx_judge_result(b->judge, &r);
    }
    *ret_n = n;
    return seconds() - began;
}

static double tick(struct bench *b, double now, size_t *ret_faults)
{
    const struct plx_judge_output *out;
    for (uint32_t a = 0; a < AGENTS; a++)
        plx_judge_heartbeat(b->judge, wall(now), a);
    double began = seconds();
    plx_judge_tick(b->judge, wall(now), &out);
    for (size_t i = 0; i < out->n_faults; i++)
        printf("    %s %s\n", plx_judge_class_token(out->faults[i].class),
               out->faults[i].entity);
    *ret_faults = out->n_faults;
    return seconds() - began;
}

/* The limit of this machine for the same walk: touch one 32-byte record a result. */
static double bare_walk(const struct bench *b)
{
    char *cells = calloc(b->n_cells, 32);
    if (!cells)
        abort();
    double began = seconds();
    for (uint32_t i = 0; i < b->n_cells; i++)
        cells[(size_t)b->order[i] * 32]++;
    double took = seconds() - began;
    free(cells);
    return took / b->n_cells;
}

static double run_seconds(struct bench *b, double *now, int n, double *ret_worst,
                          double *ret_mean)
{
    double intake = 0, sum = 0;
    uint64_t results = 0;
    *ret_worst = 0;
    for (int i = 0; i < n; i++) {
        uint32_t k;
        size_t faults;
        *now += 1;
        intake += second_of_results(b, *now, &k);
        results += k;
        double took = tick(b, *now, &faults);
        sum += took;
        *ret_worst = took > *ret_worst ? took : *ret_worst;
    }
    *ret_mean = sum / n;
    return intake / (double)results;
}

int main(int argc, char **argv)
{
    struct bench b = {.n = 100000, .noise = 0};
    int64_t n;
    if (argc > 1 && plx_text_int(argv[1], 100, 2000000, &n) == 0)
        b.n = (uint32_t)n;
    plx_rng_init(&b.rng, 1);
    b.judge = plx_judge_new(NULL);
    shuffle(&b);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    declare(&b);
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    double now = 0, worst, mean;
    run_seconds(&b, &now, 61, &worst, &mean);
    double walk = bare_walk(&b);
    double quiet = run_seconds(&b, &now, 60, &worst, &mean);
    printf("cells %u, %.1f bytes a cell in all, names and monitors included\n", b.n_cells,
           (double)(after - before) / b.n_cells);
    printf("intake, quiet: %.0f ns a result (limit 100), bare walk %.0f ns: ratio %.1f\n",
           quiet * 1e9, walk * 1e9, quiet / walk);
    printf("ticks, quiet: mean %.2f ms, worst %.2f ms\n", mean * 1e3, worst * 1e3);
    b.noise = 0.01;
    double noisy = run_seconds(&b, &now, 60, &worst, &mean);
    printf("1 %% noise: intake %.0f ns, ticks mean %.1f ms, worst %.1f ms\n", noisy * 1e9,
           mean * 1e3, worst * 1e3);
    b.sick = 3;
    double sick = run_seconds(&b, &now, 120, &worst, &mean);
    printf(
        "3 of 10 agents fail: intake %.0f ns, ticks mean %.1f ms, worst %.1f ms (limit "
        "250)\n",
        sick * 1e9, mean * 1e3, worst * 1e3);
    sick = run_seconds(&b, &now, 60, &worst, &mean);
    printf("afterwards: intake %.0f ns, ticks mean %.1f ms, worst %.1f ms (limit 20)\n",
           sick * 1e9, mean * 1e3, worst * 1e3);
    plx_judge_destroy(&b.judge);
    free(b.order);
    return 0;
}
