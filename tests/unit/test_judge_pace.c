/* How soon a dead service is a verdict, to the tenth of a second: one service after
 * another of a small fleet dies at a random moment and comes back when that was said. Its
 * locations probe it at places that are exact parts of its interval, and the doubts of
 * before are as old as it happens. */
#include "judge_world.h"

#include "base/rng.h"

#define AGENTS    5u
#define MONITORS  8u
#define N_RUNS    120
#define PROBE_MS  1
#define TRAVEL_MS 52
#define SLACK_MS  1000
#define STEP_MS   10
#define ROUND_MS  50
#define IN_FLIGHT 256

static const struct plx_judge_agent agents[AGENTS] = {
    {.id = 0, .name = "us-a", .region = "us", .provider = "a"},
    {.id = 1, .name = "eu-a", .region = "eu", .provider = "a"},
    {.id = 2, .name = "ap-a", .region = "ap", .provider = "a"},
    {.id = 3, .name = "us-b", .region = "us", .provider = "b"},
    {.id = 4, .name = "eu-b", .region = "eu", .provider = "b"}};
static const char *const hosts[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"};
/* Five of eight places in the interval. */
static const long places_ms[AGENTS] = {30000, 45000, 0, 15000, 22500};

enum why { SCHEDULED, RETRIED, ASKED };

struct answer {
    long begun, arrives;
    uint32_t monitor, agent;
    enum why why;
    bool good;
};

struct pace {
    struct plx_judge *judge;
    struct plx_rng rng;
    long now, phases_ms[MONITORS];
    struct answer answers[IN_FLIGHT];
    uint32_t n_answers;
    bool good[MONITORS][AGENTS];
    uint32_t broken; /* MONITORS: none */
    enum plx_outcome how;
    long good_at, failed_at; /* its newest good probe, its first failing one; -1: none */
    long awaited;
};

static struct plx_wall at_ms(long ms)
{
    return judge_wall((double)ms / 1e3);
}

static void declare(struct pace *p, uint64_t seed)
{
    static const char *const names[MONITORS] = {"m0", "m1", "m2", "m3",
                                                "m4", "m5", "m6", "m7"};
    uint32_t ids[AGENTS];
    *p = (struct pace){.judge = plx_judge_new(NULL), .broken = MONITORS};
    plx_rng_init(&p->rng, seed);
    for (uint32_t a = 0; a < AGENTS; a++) {
        ids[a] = a;
        assert_int_equal(plx_judge_set_agent(p->judge, &agents[a]), 0);
    }
    for (uint32_t m = 0; m < MONITORS; m++) {
        p->phases_ms[m] = (long)plx_rng_below(&p->rng, 60000 / STEP_MS) * STEP_MS;
        assert_int_equal(
            plx_judge_set_monitor(
                p->judge, &(struct plx_judge_monitor){.id = m,
                                                      .name = names[m],
                                                      .host = hosts[m / 2],
                                                      .address = hosts[m / 2],
                                                      .port = (uint16_t)(80 + m),
                                                      .interval_ns = 60 * PLX_SEC_NS,
                                                      .timeout_ns = 5 * PLX_SEC_NS,
                                                      .agents = ids,
                                                      .n_agents = AGENTS}),
            0);
    }
}

static void probe(struct pace *p, uint32_t m, uint32_t a, long t, enum why why)
{
    struct answer answer = {.begun = t,
                            .arrives = t + PROBE_MS + TRAVEL_MS,
                            .monitor = m,
                            .agent = a,
                            .why = why,
                            .good = m != p->broken};
    if (!answer.good && p->how == PLX_OUTCOME_TIMEOUT)
        answer.arrives = t + (why == SCHEDULED ? 5000 : 1500) + TRAVEL_MS;
    if (m == p->broken && p->failed_at < 0)
        p->failed_at = t;
    assert_true(p->n_answers < IN_FLIGHT);
    p->answers[p->n_answers++] = answer;
}

static void take(struct pace *p, const struct answer *answer)
{
    bool *good = &p->good[answer->monitor][answer->agent];
    bool bad = !answer->good;
    assert_int_equal(
        plx_judge_result(p->judge,
                         &(struct plx_judge_result){
                             .now = at_ms(p->now),
                             .at = at_ms(answer->begun),
                             .monitor = answer->monitor,
                             .agent = answer->agent,
                             .outcome = bad ? p->how : PLX_OUTCOME_OPEN,
                             .kind = answer->why == SCHEDULED ? PLX_JUDGE_SCHEDULED
                                                              : PLX_JUDGE_CONFIRM,
                             .rtt_us = bad ? 0 : PROBE_MS * 1000}),
        0);
    if (bad && *good && answer->why == SCHEDULED)
        probe(p, answer->monitor, answer->agent, answer->arrives - TRAVEL_MS, RETRIED);
    *good = answer->good;
}

static bool receive(struct pace *p)
{
    bool any = false;
    for (uint32_t i = 0; i < p->n_answers;) {
        struct answer answer = p->answers[i];
        if (answer.arrives > p->now) {
            i++;
            continue;
        }
        p->answers[i] = p->answers[--p->n_answers];
        take(p, &answer);
        any = true;
    }
    return any;
}

/* As the coordinator's rounds: twice a second, and sooner when something is heard or
 * awaited. */
static void judge(struct pace *p)
{
    const struct plx_judge_output *out;
    bool heard = receive(p);
    if (!heard && p->now % 500 != 0 && p->now >= p->awaited)
        return;
    plx_judge_tick(p->judge, at_ms(p->now), &out);
    for (size_t i = 0; i < out->n_probes; i++)
        probe(p, out->probes[i].monitor, out->probes[i].agent, p->now + TRAVEL_MS, ASKED);
    if (out->n_probes > 0)
        p->awaited = p->now + 3000;
}

static void go_on(struct pace *p)
{
    p->now += STEP_MS;
    for (uint32_t m = 0; m < MONITORS; m++)
        for (uint32_t a = 0; a < AGENTS; a++)
            if ((p->now + p->phases_ms[m] + places_ms[a]) % 60000 == 0)
                probe(p, m, a, p->now, SCHEDULED);
    for (uint32_t a = 0; p->now % 5000 == 0 && a < AGENTS; a++)
        plx_judge_heartbeat(p->judge, at_ms(p->now), a);
    if (p->now % ROUND_MS == 0)
        judge(p);
}

static bool is_well(const struct pace *p, uint32_t m)
{
    for (uint32_t a = 0; a < AGENTS; a++)
        if (!p->good[m][a])
            return false;
    return true;
}

/* From the first failing probe to the verdict. */
static long say(struct pace *p)
{
    struct plx_judge_ruling r;
    for (long end = p->now + 120000; p->now < end; go_on(p)) {
        assert_int_equal(plx_judge_view(p->judge, p->broken, &r), 0);
        if (r.verdict == PLX_JUDGE_SERVICE_DOWN)
            return p->now - p->failed_at;
    }
    fail_msg("m%u was never said to be down: %s", p->broken, r.why);
    return -1;
}

/* Something of the monitor was seen well so shortly before the first failure that clocks
 * may have put them in another order. */
static bool is_unsure(const struct pace *p, long good_at)
{
    return p->failed_at - good_at <= SLACK_MS;
}

/* The newest probe of the monitor that is under way or begun. */
static long newest_probe(const struct pace *p, uint32_t m)
{
    long newest = p->good_at;
    for (uint32_t i = 0; i < p->n_answers; i++)
        if (p->answers[i].monitor == m && p->answers[i].begun > newest)
            newest = p->answers[i].begun;
    return newest;
}

static long break_one(struct pace *p, uint32_t m, enum plx_outcome how)
{
    while (!is_well(p, m))
        go_on(p);
    p->good_at = p->now;
    for (long until = p->now + (long)plx_rng_below(&p->rng, 12000); p->now < until;
         go_on(p))
        p->good_at = newest_probe(p, m);
    p->broken = m;
    p->how = how;
    p->failed_at = -1;
    long took = say(p);
    p->broken = MONITORS;
    return took;
}

/* A verdict takes the first failure's way, a question's there and back, and for silence
 * the timeouts of a probe and of two rounds of questions. */
static void dead_service__is_said_as_soon_as_the_others_answer(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct pace p;
        declare(&p, seed);
        while (p.now < 70000)
            go_on(&p);
        for (uint32_t i = 0; i < N_RUNS; i++) {
            bool silent = i % 2 == 1;
            long took = break_one(&p, i % 4 * 2,
                                  silent ? PLX_OUTCOME_TIMEOUT : PLX_OUTCOME_REFUSED);
            if (took > (silent ? 7700 : 600) && !is_unsure(&p, p.good_at))
                fail_msg("seed %d, the %u. outage: %s, said after %ld ms", (int)seed, i,
                         silent ? "silent" : "refused", took);
        }
        plx_judge_destroy(&p.judge);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dead_service__is_said_as_soon_as_the_others_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
