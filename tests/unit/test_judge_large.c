/* The judge on a fleet whose agents have hundreds of results a second, where single lost
 * packets are never far: what holds there and cannot be seen on eight monitors. */
#include "test.h"

#include "base/rng.h"
#include "coordinator/core/judge.h"

#include <stdio.h>
#include <string.h>

#define T0       INT64_C(1790000000)
#define N_AGENT  6u
#define N_MON    1800u
#define INTERVAL 20u
#define TIMEOUT  5.0
#define NOISE    0.01

struct fleet {
    struct plx_judge *judge;
    struct plx_rng rng;
    double sick_from, sick_until; /* agent 0 */
    bool foresee;
    uint64_t digest;
    uint32_t n_opened, n_pages;
    double opened, closed; /* the fault of agent 0 */
};

static struct plx_wall wall(double s)
{
    return (struct plx_wall){T0 * PLX_SEC_NS + (int64_t)(s * 1e9)};
}

static void declare(struct fleet *f)
{
    uint32_t ids[N_AGENT];
    char name[16], region[16], address[32];
    f->judge = plx_judge_new(NULL);
    plx_rng_init(&f->rng, 7);
    for (uint32_t a = 0; a < N_AGENT; a++) {
        ids[a] = a;
        snprintf(name, sizeof name, "a%u", a);
        snprintf(region, sizeof region, "r%u", a / 2);
        assert_int_equal(plx_judge_set_agent(f->judge,
                                             &(struct plx_judge_agent){
                                                 .id = a,
                                                 .name = name,
                                                 .region = region,
                                             }),
                         0);
    }
    for (uint32_t m = 0; m < N_MON; m++) {
        snprintf(name, sizeof name, "m%u", m);
        snprintf(address, sizeof address, "198.18.%u.%u", m / 64, m % 64);
        assert_int_equal(
            plx_judge_set_monitor(f->judge,
                                  &(struct plx_judge_monitor){
                                      .id = m,
                                      .name = name,
                                      .host = address,
                                      .address = address,
                                      .port = 443,
                                      .interval_ns = INTERVAL * PLX_SEC_NS,
                                      .timeout_ns = (int64_t)TIMEOUT * PLX_SEC_NS,
                                      .agents = ids,
                                      .n_agents = N_AGENT,
                                  }),
            0);
    }
}

static void result(struct fleet *f, uint32_t cell, double learned)
{
    uint32_t monitor = cell / N_AGENT, agent = cell % N_AGENT;
    double began = learned - TIMEOUT;
    bool sick = agent == 0 && began >= f->sick_from && learned < f->sick_until;
    bool bad = sick || plx_rng_unit(&f->rng) < NOISE;
    if (agent == 0 && began < f->sick_from && learned >= f->sick_from)
        return; /* under way when it fell sick */
    if (f->foresee)
        plx_judge_foresee(f->judge, agent, monitor + 1, monitor * 2); /* some unknown */
    plx_judge_result(f->judge,
                     &(struct plx_judge_result){
                         .now = wall(learned),
                         .at = wall(bad ? began : learned - 0.02),
                         .monitor = monitor,
                         .agent = agent,
                         .outcome = bad ? PLX_OUTCOME_TIMEOUT : PLX_OUTCOME_OPEN,
                         .rtt_us = bad ? 0 : 20000,
                     });
}

static void hear(struct fleet *f, const struct plx_judge_output *out, double now)
{
    for (size_t i = 0; i < out->n_faults; i++) {
        const struct plx_judge_fault *fault = &out->faults[i];
        bool ours =
            fault->class == PLX_JUDGE_CLASS_AGENT && strcmp(fault->entity, "a0") == 0;
        f->digest = plx_hash_bytes(fault->why, strlen(fault->why), f->digest);
        f->n_opened += fault->change == PLX_JUDGE_OPENED;
        f->n_pages += fault->page;
        if (ours && fault->change == PLX_JUDGE_OPENED)
            f->opened = now;
        if (ours && fault->change == PLX_JUDGE_CLOSED)
            f->closed = now;
    }
    for (size_t i = 0; i < out->n_verdicts; i++)
        f->digest = plx_hash_bytes(out->verdicts[i].why, strlen(out->verdicts[i].why),
                                   f->digest + out->verdicts[i].monitor);
}

/* Cells report in a fixed shuffle (a stride without a common divisor). */
static void play(struct fleet *f, double until)
{
    const uint32_t n = N_AGENT * N_MON, a_second = n / INTERVAL;
    uint32_t at = 0;
    declare(f);
    for (double now = 1; now <= until; now += 1) {
        const struct plx_judge_output *out;
        for (uint32_t i = 0; i < a_second; i++, at++)
            result(f, (uint32_t)((uint64_t)at * 7919 % n),
                   now - 1 + (double)i / a_second);
        plx_judge_tick(f->judge, wall(now), &out);
        hear(f, out, now);
    }
    plx_judge_destroy(&f->judge);
}

static void
busy_agent_fails__is_named_alone_and_ends_though_packets_get_lost(void **state)
{
    (void)state;
    struct fleet f = {.sick_from = 60, .sick_until = 110};
    play(&f, 160);
    assert_int_equal(f.n_opened, 1);
    assert_int_equal(f.n_pages, 0);
    assert_true(f.opened > 60 && f.opened < 60 + TIMEOUT + 15);
    assert_true(f.closed > 110 && f.closed < 140);
}

static void lost_packets_of_busy_agents__are_no_fault_of_anybody(void **state)
{
    (void)state;
    struct fleet f = {.sick_from = 1e9, .sick_until = 1e9};
    play(&f, 60);
    assert_int_equal(f.n_opened, 0);
}

static void foreseen_results__change_nothing(void **state)
{
    (void)state;
    struct fleet plain = {.sick_from = 25, .sick_until = 1e9};
    struct fleet ahead = {.sick_from = 25, .sick_until = 1e9, .foresee = true};
    play(&plain, 45);
    play(&ahead, 45);
    assert_true(plain.digest != 0);
    assert_int_equal(plain.digest, ahead.digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            busy_agent_fails__is_named_alone_and_ends_though_packets_get_lost),
        cmocka_unit_test(lost_packets_of_busy_agents__are_no_fault_of_anybody),
        cmocka_unit_test(foreseen_results__change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
