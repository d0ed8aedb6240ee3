/* The judge while faults of ours end inside a fault of the target: what is down for all
 * who look stays down, is paged once, and is not withdrawn until somebody gets through.
 */
#include "base/rng.h"
#include "coordinator/core/judge.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

#define T0       INT64_C(1790000000)
#define AGENTS   10u
/* The first are in the network that goes down, on five hosts; the rest are elsewhere. */
#define MONITORS 20u
#define LOST     11u
#define END      704.0

static const char *const regions[AGENTS] = {"r0", "r4", "r1", "r3", "r4",
                                            "r0", "r2", "r1", "r1", "r4"};
static const char *const providers[AGENTS] = {"p0", "p1", "p0", "p0", "p1",
                                              "p1", "p0", "p0", "p0", "p1"};

/* An agent is cut off for ten minutes, its provider for two or three; the network goes
 * down meanwhile. Of what is cut off one probe in eighty gets through. */
struct story {
    struct plx_judge *judge;
    uint64_t seed, draws;
    double agent_from, provider_from, provider_to, network_from;
    double phase[MONITORS][AGENTS];
    unsigned pages;
    double withdrawn; /* when the network was said to be well, or not to be down */
};

static double draw(struct story *s)
{
    uint64_t bits = plx_hash_mix(s->seed * 1000003 + s->draws++);
    return (double)(bits >> 11) * 0x1p-53;
}

static struct plx_wall wall(double t)
{
    return (struct plx_wall){T0 * PLX_SEC_NS + (int64_t)(t * 1e9)};
}

static bool is_lost(const struct story *s, uint32_t m, uint32_t a, double t)
{
    bool theirs = strcmp(providers[a], "p1") == 0;
    return (a == 5 && t >= s->agent_from && t < 656) ||
           (theirs && t >= s->provider_from && t < s->provider_to) ||
           (m < LOST && t >= s->network_from && t < END);
}

static void see(struct story *s, uint32_t m, uint32_t a, double t, bool extra)
{
    bool through = draw(s) < .012;
    bool lost = is_lost(s, m, a, t) ? !through : !through && draw(s) < .01;
    const struct plx_judge_result r = {
        .now = wall(t + 0.2),
        .at = wall(t),
        .monitor = m,
        .agent = a,
        .outcome = lost ? PLX_OUTCOME_TIMEOUT : PLX_OUTCOME_OPEN,
        .kind = extra ? PLX_JUDGE_CONFIRM : PLX_JUDGE_SCHEDULED,
        .rtt_us = lost ? 0 : 20000};
    assert_int_equal(plx_judge_result(s->judge, &r), 0);
}

static void declare(struct story *s)
{
    static const uint32_t ids[AGENTS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    s->judge = plx_judge_new(NULL);
    for (uint32_t a = 0; a < AGENTS; a++) {
        char name[8];
        snprintf(name, sizeof name, "a%u", a);
        const struct plx_judge_agent agent = {
            .id = a, .name = name, .region = regions[a], .provider = providers[a]};
        assert_int_equal(plx_judge_set_agent(s->judge, &agent), 0);
    }
    for (uint32_t m = 0; m < MONITORS; m++) {
        char name[8], host[24];
        snprintf(name, sizeof name, "m%u", m);
        snprintf(host, sizeof host, "198.51.%u.%u", m < LOST ? 0 : 1 + m / 4, 10 + m / 2);
        const struct plx_judge_monitor monitor = {.id = m,
                                                  .name = name,
                                                  .host = host,
                                                  .address = host,
                                                  .port = (uint16_t)(1000 + m),
                                                  .interval_ns = 60 * PLX_SEC_NS,
                                                  .timeout_ns = 5 * PLX_SEC_NS,
                                                  .agents = ids,
                                                  .n_agents = AGENTS};
        assert_int_equal(plx_judge_set_monitor(s->judge, &monitor), 0);
        for (uint32_t a = 0; a < AGENTS; a++)
            s->phase[m][a] = draw(s) * 60;
    }
    s->agent_from = 200 + draw(s) * 40;
    s->provider_from = 210 + draw(s) * 60;
    s->network_from = 330 + draw(s) * 100;
    s->provider_to = s->network_from + draw(s) * 120 - 20;
}

static void probe_due(struct story *s, int t)
{
    for (uint32_t m = 0; m < MONITORS; m++)
        for (uint32_t a = 0; a < AGENTS; a++) {
            double at = s->phase[m][a];
            while (at < t)
                at += 60;
            if (at < t + 1)
                see(s, m, a, at, false);
        }
    for (uint32_t a = 0; a < AGENTS && t % 5 == 0; a++)
        plx_judge_heartbeat(s->judge, wall(t + 0.9), a);
}

static void hear(struct story *s, const struct plx_judge_output *out, int t)
{
    for (size_t i = 0; i < out->n_faults; i++) {
        const struct plx_judge_fault *f = &out->faults[i];
        if (!f->page || f->change == PLX_JUDGE_UPDATED)
            continue;
        s->pages += f->change == PLX_JUDGE_OPENED;
        if (f->change == PLX_JUDGE_CLOSED)
            s->withdrawn = t;
    }
}

static void play(struct story *s)
{
    struct plx_judge_probe asked[256];
    size_t n_asked = 0;
    declare(s);
    for (int t = 0; t < 800; t++) {
        const struct plx_judge_output *out;
        for (size_t i = 0; i < n_asked; i++)
            see(s, asked[i].monitor, asked[i].agent, t + 0.1, true);
        probe_due(s, t);
        plx_judge_tick(s->judge, wall(t + 1.3), &out);
        hear(s, out, t);
        n_asked = out->n_probes < 256 ? out->n_probes : 256;
        for (size_t i = 0; i < n_asked; i++)
            asked[i] = out->probes[i];
    }
    plx_judge_destroy(&s->judge);
}

static void network_down_while_ours_come_back__is_paged_once_and_stays_down(void **state)
{
    /* The first five were withdrawn while nothing got through, and paged again; of the
     * others nobody was told at all. */
    static const uint64_t seeds[] = {2, 11, 12, 22, 28, 36, 112, 138, 218, 284};
    (void)state;
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        struct story s = {.seed = seeds[i]};
        play(&s);
        if (s.pages != 1 || s.withdrawn < END)
            fail_msg("seed %d: %u pages, the last withdrawn at %.0f", (int)s.seed,
                     s.pages, s.withdrawn);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(network_down_while_ours_come_back__is_paged_once_and_stays_down),
    };
    return PLX_RUN(tests);
}
