/* The judge on small scripted fleets: a decision table of what breaks and what must be
 * said, and what must hold for any random population. */
#include "test.h"

#include "base/err.h"
#include "base/rng.h"
#include "coordinator/core/judge.h"

#include <stdio.h>
#include <string.h>

#define T0      INT64_C(1790000000)
#define N_AGENT 6u
#define N_MON   8u

static struct plx_wall wall(double s)
{
    return (struct plx_wall){T0 * PLX_SEC_NS + (int64_t)(s * 1e9)};
}

/* Six agents in three regions and two providers; m0-m2 on one host, m3 beside it in the
 * prefix, m4-m7 on four hosts of two other prefixes. */
static const char *const regions[N_AGENT] = {"eu", "eu", "us", "us", "ap", "ap"};
static const char *const providers[N_AGENT] = {"p", "q", "q", "p", "p", "q"};
static const char *const addresses[N_MON] = {
    "192.0.2.1",    "192.0.2.1",    "192.0.2.1",   "192.0.2.2",
    "198.51.100.1", "198.51.100.2", "203.0.113.1", "203.0.113.2"};

struct world {
    struct plx_judge *judge;
    bool fails[N_MON][N_AGENT];
    bool silent[N_AGENT];
    enum plx_outcome outcome;
    double start, end;
    struct plx_quorum quorum; /* of m1 */
    uint64_t digest;          /* over all output */
    size_t n_faults, n_pages;
    struct {
        enum plx_judge_class class;
        char entity[64];
        bool page, closed, by_quorum;
        size_t n_closed;
        double at;
    } faults[32];
};

static void declare(struct world *w, uint32_t n_agents)
{
    static const char *const names[] = {"a0", "a1", "a2", "a3", "a4", "a5"};
    static const char *const mons[] = {"m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"};
    uint32_t ids[N_AGENT];
    w->judge = plx_judge_new(NULL);
    for (uint32_t a = 0; a < n_agents; a++) {
        ids[a] = a;
        assert_int_equal(
            plx_judge_set_agent(w->judge,
                                &(struct plx_judge_agent){.id = a,
                                                          .name = names[a],
                                                          .region = regions[a],
                                                          .provider = providers[a]}),
            0);
    }
    for (uint32_t m = 0; m < N_MON; m++) {
        struct plx_judge_monitor mon = {.id = m,
                                        .name = mons[m],
                                        .host = addresses[m],
                                        .address = addresses[m],
                                        .port = 80,
                                        .interval_ns = 60 * PLX_SEC_NS,
                                        .timeout_ns = 5 * PLX_SEC_NS,
                                        .agents = ids,
                                        .n_agents = n_agents};
        if (m == 1)
            mon.quorum = w->quorum;
        assert_int_equal(plx_judge_set_monitor(w->judge, &mon), 0);
    }
}

static void probe(struct world *w, uint32_t m, uint32_t a, double t, bool extra)
{
    bool bad = w->fails[m][a] && t >= w->start && t < w->end;
    struct plx_judge_result r = {.now = wall(t + 0.2),
                                 .at = wall(t),
                                 .monitor = m,
                                 .agent = a,
                                 .outcome = bad ? w->outcome : PLX_OUTCOME_OPEN,
                                 .kind = extra ? PLX_JUDGE_CONFIRM : PLX_JUDGE_SCHEDULED,
                                 .half_up = bad && w->outcome == PLX_OUTCOME_OPEN,
                                 .rtt_us = bad ? 0 : 20000};
    assert_int_equal(plx_judge_result(w->judge, &r), 0);
}

static void hear(struct world *w, const struct plx_judge_output *out, double t)
{
    for (size_t i = 0; i < out->n_faults; i++) {
        const struct plx_judge_fault *f = &out->faults[i];
        assert_in_range(f->id, 1, 31);
        w->n_faults = f->id > w->n_faults ? f->id : w->n_faults;
        assert_false(w->faults[f->id].closed); /* a fault closes once, then is silent */
        w->faults[f->id].class = f->class;
        w->faults[f->id].closed = f->change == PLX_JUDGE_CLOSED;
        w->faults[f->id].n_closed += f->change == PLX_JUDGE_CLOSED;
        w->faults[f->id].page = f->page;
        w->faults[f->id].by_quorum = f->by_quorum;
        if (f->change == PLX_JUDGE_OPENED)
            w->faults[f->id].at = t;
        snprintf(w->faults[f->id].entity, sizeof w->faults[0].entity, "%s", f->entity);
        assert_true(f->confidence >= 0 && f->confidence <= 1);
        assert_false(f->page && !plx_judge_class_is_server(f->class));
        w->digest = plx_hash_bytes(f->entity, strlen(f->entity), w->digest);
    }
    for (size_t i = 0; i < out->n_verdicts; i++) {
        const struct plx_judge_ruling *v = &out->verdicts[i];
        assert_true(v->fresh <= v->assigned);
        assert_false(plx_judge_verdict_is_down(v->verdict) && v->n_faults == 0);
        w->digest = plx_hash_bytes(v->why, strlen(v->why), w->digest);
    }
}

static void go_on(struct world *w, uint32_t n_agents, int from, int until)
{
    for (int t = from; t < until; t++) {
        const struct plx_judge_output *out;
        for (uint32_t m = 0; m < N_MON; m++)
            for (uint32_t a = 0; a < n_agents; a++)
                if (t % 60 == (int)((m * 7 + a * 13) % 60) &&
                    !(w->silent[a] && t >= w->start && t < w->end))
                    probe(w, m, a, t, false);
        for (uint32_t a = 0; a < n_agents; a++)
            if (t % 5 == 0 && !(w->silent[a] && t >= w->start && t < w->end))
                plx_judge_heartbeat(w->judge, wall(t + 0.3), a);
        plx_judge_tick(w->judge, wall(t + 0.5), &out);
        hear(w, out, t);
        struct plx_judge_probe asked[64];
        size_t n = out->n_probes < 64 ? out->n_probes : 64;
        for (size_t i = 0; i < n; i++)
            asked[i] = out->probes[i];
        for (size_t i = 0; i < n; i++)
            if (!w->silent[asked[i].agent] || t < w->start)
                probe(w, asked[i].monitor, asked[i].agent, t + 0.6, true);
    }
}

static void play(struct world *w, uint32_t n_agents, double until)
{
    declare(w, n_agents);
    go_on(w, n_agents, 0, (int)until);
}

static void check_only(struct world *w, enum plx_judge_class class, const char *entity)
{
    for (size_t i = 1; i <= w->n_faults; i++)
        print_message("  f%zu %s %s at %.0f\n", i,
                      plx_judge_class_token(w->faults[i].class), w->faults[i].entity,
                      w->faults[i].at);
    assert_int_equal(w->n_faults, 1);
    assert_int_equal(w->faults[1].class, class);
    assert_string_equal(w->faults[1].entity, entity);
}

static void breaking_one_thing__is_told_by_its_name(void **state)
{
    (void)state;
    static const struct {
        const char *monitors, *agents; /* ids as digits */
        enum plx_outcome outcome;
        enum plx_judge_class class;
        const char *entity;
    } rows[] = {
        {"1", "012345", PLX_OUTCOME_REFUSED, PLX_JUDGE_CLASS_SERVICE, "m1"},
        {"1", "012345", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_SERVICE, "m1"},
        {"012", "012345", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_HOST, "192.0.2.1"},
        {"0123", "012345", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_NETWORK, "192.0.2.0/24"},
        {"012", "3", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_PATH, "a3>192.0.2.1"},
        {"0123", "3", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_PATH, "a3>192.0.2.0/24"},
        {"0123", "23", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_PATH, "us>192.0.2.0/24"},
        {"0123", "034", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_PATH, "p>192.0.2.0/24"},
        {"012", "13", PLX_OUTCOME_REFUSED, PLX_JUDGE_CLASS_FILTER, "192.0.2.1"},
        {"01234567", "2", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_AGENT, "a2"},
        {"01234567", "45", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_REGION, "ap"},
        {"01234567", "125", PLX_OUTCOME_TIMEOUT, PLX_JUDGE_CLASS_PROVIDER, "q"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w = {.outcome = rows[i].outcome, .start = 300, .end = 900};
        for (const char *m = rows[i].monitors; *m; m++)
            for (const char *a = rows[i].agents; *a; a++)
                w.fails[*m - '0'][*a - '0'] = true;
        print_message("monitors %s agents %s %s\n", rows[i].monitors, rows[i].agents,
                      plx_outcome_token(rows[i].outcome));
        play(&w, N_AGENT, 1100);
        check_only(&w, rows[i].class, rows[i].entity);
        assert_int_equal(w.faults[1].page, plx_judge_class_is_server(rows[i].class));
        assert_true(w.faults[1].closed); /* and it is seen to be over */
        plx_judge_destroy(&w.judge);
    }
}

/* What the first failure makes it ask is enough to tell the service from its host, though
 * the host's other services were seen well while the failure was waited for. */
static void silent_service__is_said_as_soon_as_those_asked_were_silent(void **state)
{
    (void)state;
    struct world w = {.start = 300, .end = 900, .outcome = PLX_OUTCOME_TIMEOUT};
    const struct plx_judge_output *out;
    declare(&w, 5);
    go_on(&w, 5, 0, 300);
    for (uint32_t a = 0; a < 5; a++)
        w.fails[1][a] = true;
    probe(&w, 1, 0, 300, false); /* heard of at 305.2 */
    probe(&w, 0, 3, 302, false);
    probe(&w, 2, 4, 304, false);
    plx_judge_tick(w.judge, wall(305.3), &out);
    uint32_t asked = 0;
    for (size_t i = 0; i < out->n_probes; i++)
        asked |= (out->probes[i].monitor == 1 ? 1u : 0u) << out->probes[i].agent;
    assert_int_equal(asked, 0x1e);
    plx_judge_tick(w.judge, wall(306.4), &out); /* silent for a second */
    uint32_t aside = 0;
    for (size_t i = 0; i < out->n_probes; i++) {
        aside |= 1u << out->probes[i].monitor;
        probe(&w, out->probes[i].monitor, out->probes[i].agent, 306.45, true);
    }
    assert_int_equal(aside & 5u, 5);
    for (uint32_t a = 1; a < 5; a++)
        probe(&w, 1, a, 305.4, true);
    plx_judge_tick(w.judge, wall(307), &out);
    assert_int_equal(out->n_faults, 1);
    assert_int_equal(out->faults[0].class, PLX_JUDGE_CLASS_SERVICE);
    assert_string_equal(out->faults[0].entity, "m1");
    plx_judge_destroy(&w.judge);
}

/* The view of agent 1 among the four of one monitor that are probed once a second: of its
 * probes, `lost` says how many SYNs each lost. Returns how many verdicts changed. */
static uint32_t probe_with_losses(struct plx_judge *judge, double *t, uint32_t n,
                                  uint16_t (*lost)(struct plx_rng *rng, uint32_t i),
                                  struct plx_rng *rng)
{
    uint32_t changes = 0;
    for (uint32_t i = 0; i < n; i++, *t += 1) {
        const struct plx_judge_output *out;
        for (uint32_t a = 0; a < 4; a++) {
            struct plx_judge_result r = {.now = wall(*t + 0.2),
                                         .at = wall(*t),
                                         .monitor = 1,
                                         .agent = a,
                                         .outcome = PLX_OUTCOME_OPEN,
                                         .syn_retrans = a == 1 ? lost(rng, i) : 0};
            assert_int_equal(plx_judge_result(judge, &r), 0);
        }
        plx_judge_tick(judge, wall(*t + 0.5), &out);
        changes += (uint32_t)out->n_verdicts;
    }
    return changes;
}

static uint16_t lost_none(struct plx_rng *rng, uint32_t i)
{
    (void)rng, (void)i;
    return 0;
}

static uint16_t lost_single(struct plx_rng *rng, uint32_t i)
{
    (void)rng;
    return i % 12 == 0;
}

static uint16_t lost_30_percent(struct plx_rng *rng, uint32_t i)
{
    uint16_t n = 0;
    (void)i;
    while (plx_rng_unit(rng) < 0.3)
        n++;
    return n;
}

static struct plx_judge_cell view_of(struct plx_judge *judge, uint32_t agent)
{
    struct plx_judge_view view;
    assert_int_equal(plx_judge_explain(judge, 1, &view), 0);
    return view.cells[agent];
}

static void lost_syns__are_the_paths_loss_and_no_verdict(void **state)
{
    (void)state;
    struct world w = {.start = 1e9};
    struct plx_rng rng;
    double t = 0;
    plx_rng_init(&rng, 4711);
    declare(&w, 4);
    probe_with_losses(w.judge, &t, 60, lost_none, &rng);
    assert_int_equal(probe_with_losses(w.judge, &t, 12000, lost_single, &rng), 0);
    assert_false(view_of(w.judge, 1).lossy);
    /* A third of the SYNs of one path: that path's, while the service is up. */
    assert_int_equal(probe_with_losses(w.judge, &t, 200, lost_30_percent, &rng), 0);
    uint32_t held = 0, lossy = 0;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(probe_with_losses(w.judge, &t, 10, lost_30_percent, &rng), 0);
        struct plx_judge_cell c = view_of(w.judge, 1);
        held += c.loss_low <= 0.3 && c.loss_high >= 0.3;
        lossy += c.lossy;
    }
    assert_in_range(held, 185, 200);  /* a 95 % interval */
    assert_in_range(lossy, 190, 200); /* and it does not flap */
    assert_false(view_of(w.judge, 0).lossy);
    probe_with_losses(w.judge, &t, 100, lost_none, &rng);
    assert_false(view_of(w.judge, 1).lossy);
    plx_judge_destroy(&w.judge);
}

/* Agent 1 of the four, once in two seconds: of each SYN 30 % are lost, and after `syns`
 * of them the probe has timed out; the agent tries again at once. */
static void probe_until_timeout(struct plx_judge *judge, double *t, uint32_t n,
                                uint16_t syns, struct plx_rng *rng)
{
    for (uint32_t i = 0; i < n; i++, *t += 2) {
        const struct plx_judge_output *out;
        struct plx_judge_result r = {.monitor = 1, .outcome = PLX_OUTCOME_TIMEOUT};
        for (r.agent = 0; r.agent < 4; r.agent++)
            for (int k = 0; k < 2; k++) {
                uint16_t lost = 0;
                while (r.agent == 1 && lost < syns && plx_rng_unit(rng) < 0.3)
                    lost++;
                r.kind = k == 0 ? PLX_JUDGE_SCHEDULED : PLX_JUDGE_CONFIRM;
                r.at = wall(*t + k * 0.5);
                r.now = wall(*t + k * 0.5 + 0.2);
                r.outcome = lost == syns ? PLX_OUTCOME_TIMEOUT : PLX_OUTCOME_OPEN;
                r.syn_retrans = lost == syns ? (uint16_t)(syns - 1) : lost;
                assert_int_equal(plx_judge_result(judge, &r), 0);
                if (r.outcome == PLX_OUTCOME_OPEN)
                    break;
            }
        plx_judge_tick(judge, wall(*t + 1), &out);
    }
}

static void lost_syns_of_probes_that_time_out__are_all_counted(void **state)
{
    (void)state;
    for (uint16_t syns = 2; syns <= 4; syns++) {
        struct world w = {.start = 1e9};
        struct plx_rng rng;
        double t = 0, sum = 0;
        uint32_t held = 0;
        plx_rng_init(&rng, 4712);
        declare(&w, 4);
        probe_until_timeout(w.judge, &t, 100, syns, &rng);
        for (int i = 0; i < 400; i++) {
            probe_until_timeout(w.judge, &t, 25, syns, &rng);
            struct plx_judge_cell c = view_of(w.judge, 1);
            held += c.loss_low <= 0.3 && c.loss_high >= 0.3;
            sum += c.loss / 400;
        }
        print_message("%u SYNs: %u of 400 intervals hold, %.3f on average\n", syns, held,
                      sum);
        assert_in_range(held, 370, 400);
        /* Looked at after answers only, which are the last of a smoothed mean's trials.
         */
        assert_in_range((uint32_t)(sum * 1000), 265, 310);
        plx_judge_destroy(&w.judge);
    }
}

static void silence_that_is_expected__is_no_loss(void **state)
{
    (void)state;
    struct world w = {.start = 1e9};
    const struct plx_judge_output *out;
    const uint32_t ids[] = {0, 1, 2};
    declare(&w, 3);
    assert_int_equal(
        plx_judge_set_monitor(w.judge,
                              &(struct plx_judge_monitor){.id = 1,
                                                          .name = "m1",
                                                          .host = "192.0.2.1",
                                                          .port = 81,
                                                          .address = addresses[1],
                                                          .interval_ns = 10 * PLX_SEC_NS,
                                                          .timeout_ns = 5 * PLX_SEC_NS,
                                                          .agents = ids,
                                                          .n_agents = 3,
                                                          .expect = PLX_EXPECT_FILTERED}),
        0);
    for (double t = 0; t < 600; t += 10) {
        for (uint32_t a = 0; a < 3; a++)
            assert_int_equal(
                plx_judge_result(
                    w.judge, &(struct plx_judge_result){.now = wall(t + 5),
                                                        .at = wall(t),
                                                        .monitor = 1,
                                                        .agent = a,
                                                        .outcome = PLX_OUTCOME_TIMEOUT,
                                                        .syn_retrans = 4}),
                0);
        plx_judge_tick(w.judge, wall(t + 5.5), &out);
    }
    assert_false(view_of(w.judge, 1).lossy);
    plx_judge_destroy(&w.judge);
}

static void slow_path__is_degraded_until_it_is_well_below_the_bound(void **state)
{
    (void)state;
    static const struct {
        uint32_t rtt_ms;
        bool slow;
    } rows[] = {{90, false}, {130, true}, {95, true}, {80, false}};
    struct world w = {.start = 1e9};
    uint32_t ids[] = {0, 1};
    double t = 0;
    declare(&w, 2);
    struct plx_judge_monitor m = {.id = 1,
                                  .name = "m1",
                                  .host = "192.0.2.1",
                                  .address = "192.0.2.1",
                                  .interval_ns = PLX_SEC_NS,
                                  .timeout_ns = PLX_SEC_NS,
                                  .agents = ids,
                                  .n_agents = 2,
                                  .degraded_above_us = 100000};
    assert_int_equal(plx_judge_set_monitor(w.judge, &m), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int n = 0; n < 100; n++, t += 1) {
            const struct plx_judge_output *out;
            for (uint32_t a = 0; a < 2; a++) {
                struct plx_judge_result r = {.now = wall(t + 0.2),
                                             .at = wall(t),
                                             .monitor = 1,
                                             .agent = a,
                                             .outcome = PLX_OUTCOME_OPEN,
                                             .rtt_us = a ? rows[i].rtt_ms * 1000 : 9000};
                plx_judge_result(w.judge, &r);
            }
            plx_judge_tick(w.judge, wall(t + 0.5), &out);
        }
        assert_int_equal(view_of(w.judge, 1).slow, rows[i].slow);
        assert_false(view_of(w.judge, 0).slow);
    }
    plx_judge_destroy(&w.judge);
}

static void silent_agent__is_our_fault_within_half_a_minute(void **state)
{
    (void)state;
    struct world w = {.silent = {[4] = true}, .start = 300, .end = 600};
    play(&w, N_AGENT, 500);
    check_only(&w, PLX_JUDGE_CLASS_AGENT, "a4");
    assert_true(w.faults[1].at < 330);
    assert_true(plx_judge_agent_is_faulty(w.judge, 4));
    assert_false(plx_judge_agent_is_faulty(w.judge, 3));
    plx_judge_destroy(&w.judge);
}

static void all_agents_silent__inconclusive_and_nobody_is_paged(void **state)
{
    (void)state;
    struct world w = {.start = 300, .end = 2000};
    for (uint32_t a = 0; a < N_AGENT; a++)
        w.silent[a] = true;
    play(&w, N_AGENT, 500);
    struct plx_judge_ruling v;
    assert_int_equal(plx_judge_view(w.judge, 0, &v), 0);
    assert_int_equal(v.verdict, PLX_JUDGE_INCONCLUSIVE);
    assert_int_equal(v.fresh, 0);
    for (size_t i = 1; i <= w.n_faults; i++)
        assert_false(w.faults[i].page);
    plx_judge_destroy(&w.judge);
}

/* Everybody saw it fail, and then nobody is heard of: that is ours, and says nothing of
 * the target now. */
static void last_seen_failing_by_those_who_fell_silent__is_not_told(void **state)
{
    (void)state;
    struct world w = {.start = 100, .end = 1e9, .outcome = PLX_OUTCOME_TIMEOUT};
    const struct plx_judge_output *out;
    declare(&w, 4);
    go_on(&w, 4, 0, 90);
    for (uint32_t a = 0; a < 4; a++) {
        w.fails[4][a] = true;
        w.silent[a] = true;
        probe(&w, 4, a, 100 + a * 0.1, false);
        probe(&w, 4, a, 102 + a * 0.1, true);
        probe(&w, 4, a, 104 + a * 0.1, true);
    }
    for (int t = 130; t < 400; t++) {
        plx_judge_tick(w.judge, wall(t), &out);
        hear(&w, out, t);
    }
    for (size_t i = 1; i <= w.n_faults; i++)
        assert_false(w.faults[i].page);
    plx_judge_destroy(&w.judge);
}

/* m0 or m1 anew: whom it is watched by, and how many of them it takes to say anything. */
static void declare_anew(struct world *w, uint32_t m, const uint32_t *agents, size_t n,
                         double min_coverage)
{
    const struct plx_judge_monitor anew = {.id = m,
                                           .name = m ? "m1" : "m0",
                                           .host = addresses[m],
                                           .address = addresses[m],
                                           .port = 80,
                                           .interval_ns = 60 * PLX_SEC_NS,
                                           .timeout_ns = 5 * PLX_SEC_NS,
                                           .agents = agents,
                                           .n_agents = n,
                                           .min_coverage = min_coverage};
    assert_int_equal(plx_judge_set_monitor(w->judge, &anew), 0);
}

/* It was down when everybody fell silent. The first who comes back sees it well: it is
 * not said to be down once more until a second result says so too. */
static void first_good_result_after_nobody_saw_it__is_not_told_as_down(void **state)
{
    (void)state;
    struct world w = {.start = 100, .end = 1e9, .outcome = PLX_OUTCOME_REFUSED};
    struct plx_judge_ruling v;
    declare(&w, 4);
    declare_anew(&w, 1, (const uint32_t[]){0, 1, 2, 3}, 4, 0.25);
    for (uint32_t a = 0; a < 4; a++)
        w.fails[1][a] = true;
    go_on(&w, 4, 0, 220);
    assert_int_equal(plx_judge_view(w.judge, 1, &v), 0);
    assert_int_equal(v.verdict, PLX_JUDGE_SERVICE_DOWN);
    memset(w.fails, 0, sizeof w.fails);
    memset(w.silent, 1, sizeof w.silent);
    go_on(&w, 4, 220, 1000);
    memset(w.silent, 0, sizeof w.silent);
    for (int t = 1000; t < 1100; t++) {
        go_on(&w, 4, t, t + 1);
        assert_int_equal(plx_judge_view(w.judge, 1, &v), 0);
        assert_false(plx_judge_verdict_is_down(v.verdict));
    }
    assert_int_equal(v.verdict, PLX_JUDGE_UP);
    plx_judge_destroy(&w.judge);
}

/* The one who fails on the way there is given other monitors, and nobody walks that way
 * any more: its fault ends. */
static void way_that_nobody_walks_any_more__is_not_told_for_ever(void **state)
{
    (void)state;
    struct world w = {.start = 100, .end = 1e9, .outcome = PLX_OUTCOME_TIMEOUT};
    struct plx_judge_ruling v;
    declare(&w, 3);
    for (uint32_t m = 0; m < 3; m++)
        w.fails[m][0] = true;
    go_on(&w, 3, 0, 400);
    check_only(&w, PLX_JUDGE_CLASS_PATH, "a0>192.0.2.1");
    plx_judge_drop_monitor(w.judge, 1);
    plx_judge_drop_monitor(w.judge, 2);
    declare_anew(&w, 0, (const uint32_t[]){1, 2}, 2, 0);
    for (int t = 400; t < 500; t++) {
        const struct plx_judge_output *out;
        if (t % 30 == 0)
            probe(&w, 0, 1 + (uint32_t)(t / 30 % 2), t, false);
        for (uint32_t a = 0; t % 5 == 0 && a < 3; a++)
            plx_judge_heartbeat(w.judge, wall(t + 0.3), a);
        plx_judge_tick(w.judge, wall(t + 0.5), &out);
        hear(&w, out, t);
    }
    assert_true(w.faults[1].closed);
    assert_int_equal(plx_judge_view(w.judge, 0, &v), 0);
    assert_int_equal(v.verdict, PLX_JUDGE_UP);
    plx_judge_destroy(&w.judge);
}

static void one_agent__never_claims_a_server_fault(void **state)
{
    (void)state;
    struct world w = {.outcome = PLX_OUTCOME_TIMEOUT, .start = 300, .end = 2000};
    w.fails[4][0] = true;
    play(&w, 1, 1200);
    for (size_t i = 1; i <= w.n_faults; i++)
        assert_false(plx_judge_class_is_server(w.faults[i].class));
    struct plx_judge_ruling v;
    assert_int_equal(plx_judge_view(w.judge, 4, &v), 0);
    assert_false(plx_judge_verdict_is_down(v.verdict));
    assert_true(v.verdict != PLX_JUDGE_UP);
    plx_judge_destroy(&w.judge);
}

static void half_up__is_degraded_where_half_of_them_see_it(void **state)
{
    (void)state;
    for (uint32_t n = N_AGENT / 2 - 1; n <= N_AGENT / 2; n++) {
        struct world w = {.outcome = PLX_OUTCOME_OPEN, .start = 100, .end = 2000};
        struct plx_judge_ruling v;
        for (uint32_t a = 0; a < n; a++)
            w.fails[1][a] = true;
        play(&w, N_AGENT, 200);
        assert_int_equal(w.n_faults, 0);
        assert_int_equal(plx_judge_view(w.judge, 1, &v), 0);
        assert_int_equal(v.verdict, 2 * n >= N_AGENT ? PLX_JUDGE_DEGRADED : PLX_JUDGE_UP);
        if (v.verdict == PLX_JUDGE_DEGRADED)
            assert_non_null(strstr(v.why, "half up"));
        assert_int_equal(plx_judge_view(w.judge, 0, &v), 0);
        assert_int_equal(v.verdict, PLX_JUDGE_UP);
        plx_judge_destroy(&w.judge);
    }
}

static void same_input__same_output(void **state)
{
    (void)state;
    struct world a = {.outcome = PLX_OUTCOME_REFUSED, .start = 200, .end = 700}, b;
    a.fails[1][0] = a.fails[1][1] = a.fails[2][3] = a.fails[5][5] = true;
    b = a;
    play(&a, N_AGENT, 900);
    play(&b, N_AGENT, 900);
    assert_true(a.digest == b.digest);
    plx_judge_destroy(&a.judge);
    plx_judge_destroy(&b.judge);
}

static void random_failures__invariants_hold(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct plx_rng rng;
        plx_rng_init(&rng, seed);
        print_message("seed %llu\n", (unsigned long long)seed);
        struct world w = {.outcome = (enum plx_outcome)(2 + plx_rng_below(&rng, 6)),
                          .start = 150,
                          .end = 500};
        for (uint32_t m = 0; m < N_MON; m++)
            for (uint32_t a = 0; a < N_AGENT; a++)
                w.fails[m][a] = plx_rng_below(&rng, 4) == 0;
        play(&w, N_AGENT, 700); /* hear() asserts on every word */
        plx_judge_destroy(&w.judge);
    }
}

static void bad_declarations__are_refused_whole(void **state)
{
    (void)state;
    struct plx_judge *j = plx_judge_new(NULL);
    uint32_t unknown = 3;
    struct plx_judge_monitor m = {.id = 0,
                                  .name = "m",
                                  .interval_ns = 1,
                                  .timeout_ns = 1,
                                  .agents = &unknown,
                                  .n_agents = 1};
    assert_int_equal(plx_judge_set_monitor(j, &m), PLX_ENOTFOUND);
    m.n_agents = 0;
    m.interval_ns = 0;
    assert_int_equal(plx_judge_set_monitor(j, &m), PLX_EINVAL);
    struct plx_judge_ruling v;
    assert_int_equal(plx_judge_view(j, 0, &v), PLX_ENOTFOUND);
    assert_int_equal(
        plx_judge_set_agent(
            j, &(struct plx_judge_agent){.id = PLX_JUDGE_AGENT_MAX, .name = "a"}),
        PLX_EINVAL);
    plx_judge_destroy(&j);
    plx_judge_destroy(&j);
}

static void dropping_and_declaring_anew__leaves_a_sound_judge(void **state)
{
    (void)state;
    struct world w = {.outcome = PLX_OUTCOME_REFUSED, .start = 100, .end = 5000};
    for (uint32_t a = 0; a < N_AGENT; a++)
        w.fails[1][a] = true;
    play(&w, N_AGENT, 300);
    assert_int_equal(w.n_faults, 1);
    const struct plx_judge_output *out;
    const struct plx_judge_fault *open;
    size_t n;
    plx_judge_drop_monitor(w.judge, 1);
    plx_judge_drop_agent(w.judge, 2);
    plx_judge_faults(w.judge, &open, &n);
    assert_int_equal(n, 0);
    for (int t = 301; t < 310; t++) {
        plx_judge_tick(w.judge, wall(t), &out);
        hear(&w, out, t);
    }
    assert_int_equal(w.faults[1].n_closed, 1);
    assert_string_equal(w.faults[1].entity, "m1");
    struct plx_judge_view v;
    assert_int_equal(plx_judge_explain(w.judge, 0, &v), 0);
    assert_int_equal(v.n_cells, N_AGENT - 1);
    plx_judge_destroy(&w.judge);
}

static void dropped_agent__its_fault_is_closed_once_under_its_name(void **state)
{
    (void)state;
    struct world w = {.outcome = PLX_OUTCOME_TIMEOUT, .start = 100, .end = 5000};
    w.silent[4] = true;
    play(&w, N_AGENT, 300);
    check_only(&w, PLX_JUDGE_CLASS_AGENT, "a4");
    const struct plx_judge_output *out;
    plx_judge_drop_agent(w.judge, 4);
    for (int t = 301; t < 310; t++) {
        plx_judge_tick(w.judge, wall(t), &out);
        hear(&w, out, t);
    }
    assert_int_equal(w.n_faults, 1);
    assert_int_equal(w.faults[1].n_closed, 1);
    assert_string_equal(w.faults[1].entity, "a4");
    plx_judge_destroy(&w.judge);
}

static enum plx_judge_verdict verdict_of(struct world *w, uint32_t monitor,
                                         struct plx_judge_ruling *ret)
{
    assert_int_equal(plx_judge_view(w->judge, monitor, ret), 0);
    return ret->verdict;
}

static void quorum_met__opens_a_fault_of_its_own_and_closes_it(void **state)
{
    (void)state;
    struct world w = {.outcome = PLX_OUTCOME_REFUSED,
                      .start = 100,
                      .end = 400,
                      .quorum = {.rule = PLX_QUORUM_COUNT, .n = 2}};
    struct plx_judge_ruling v;
    w.fails[1][0] = w.fails[1][3] = true;
    play(&w, N_AGENT, 300);
    assert_int_equal(verdict_of(&w, 1, &v), PLX_JUDGE_SERVICE_DOWN);
    assert_true(v.n_faults >= 1);
    uint64_t id = v.faults[0];
    assert_true(w.faults[id].by_quorum && w.faults[id].page);
    assert_int_equal(w.faults[id].class, PLX_JUDGE_CLASS_SERVICE);
    assert_string_equal(w.faults[id].entity, "m1");
    assert_non_null(strstr(v.why, "from 2 of 6 locations"));
    assert_non_null(strstr(v.why, "its own rule, quorum 2"));
    go_on(&w, N_AGENT, 300, 700);
    assert_int_equal(verdict_of(&w, 1, &v), PLX_JUDGE_UP);
    assert_int_equal(w.faults[id].n_closed, 1);
    plx_judge_destroy(&w.judge);
}

static void quorum_and_story_agree__one_fault_under_one_id(void **state)
{
    (void)state;
    struct world w = {.outcome = PLX_OUTCOME_REFUSED,
                      .start = 100,
                      .end = 5000,
                      .quorum = {.rule = PLX_QUORUM_ANY}};
    struct plx_judge_ruling v;
    for (uint32_t a = 0; a < N_AGENT; a++)
        w.fails[1][a] = true;
    play(&w, N_AGENT, 300);
    assert_int_equal(verdict_of(&w, 1, &v), PLX_JUDGE_SERVICE_DOWN);
    assert_int_equal(w.n_faults, 1);
    assert_false(w.faults[1].closed);
    assert_false(w.faults[1].by_quorum); /* the story has come to the same by now */
    assert_true(w.faults[1].page);
    plx_judge_destroy(&w.judge);
}

static void quorum_not_met__the_story_is_shown_and_pages_nobody(void **state)
{
    (void)state;
    struct world w = {.outcome = PLX_OUTCOME_REFUSED,
                      .start = 100,
                      .end = 5000,
                      .quorum = {.rule = PLX_QUORUM_COUNT,
                                 .distinct = PLX_DISTINCT_REGION,
                                 .n = 4}}; /* there are three regions */
    struct plx_judge_ruling v;
    for (uint32_t a = 0; a < N_AGENT; a++)
        w.fails[1][a] = true;
    play(&w, N_AGENT, 300);
    assert_int_equal(verdict_of(&w, 1, &v), PLX_JUDGE_INCONCLUSIVE);
    assert_int_equal(v.n_faults, 1);
    assert_int_equal(w.faults[v.faults[0]].class, PLX_JUDGE_CLASS_SERVICE);
    assert_false(w.faults[v.faults[0]].page);
    assert_non_null(strstr(v.why, "not down by its quorum rule, though "));
    plx_judge_destroy(&w.judge);
}

static void sentence_and_coverage__count_the_same_views(void **state)
{
    (void)state;
    struct world w = {.outcome = PLX_OUTCOME_TIMEOUT, .start = 100, .end = 5000};
    struct plx_judge_ruling v;
    w.silent[1] = true;
    play(&w, 2, 400);
    for (uint32_t m = 0; m < N_MON; m++) {
        unsigned good = 99, of = 99;
        if (verdict_of(&w, m, &v) != PLX_JUDGE_UP)
            continue;
        const char *said = strstr(v.why, "from ");
        assert_non_null(said);
        assert_int_equal(sscanf(said, "from %u of %u locations", &good, &of), 2);
        assert_int_equal(good, v.fresh);
        assert_int_equal(of, v.assigned);
        assert_int_equal(good, 1);
    }
    plx_judge_destroy(&w.judge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(breaking_one_thing__is_told_by_its_name),
        cmocka_unit_test(silent_service__is_said_as_soon_as_those_asked_were_silent),
        cmocka_unit_test(lost_syns__are_the_paths_loss_and_no_verdict),
        cmocka_unit_test(lost_syns_of_probes_that_time_out__are_all_counted),
        cmocka_unit_test(silence_that_is_expected__is_no_loss),
        cmocka_unit_test(slow_path__is_degraded_until_it_is_well_below_the_bound),
        cmocka_unit_test(silent_agent__is_our_fault_within_half_a_minute),
        cmocka_unit_test(all_agents_silent__inconclusive_and_nobody_is_paged),
        cmocka_unit_test(last_seen_failing_by_those_who_fell_silent__is_not_told),
        cmocka_unit_test(first_good_result_after_nobody_saw_it__is_not_told_as_down),
        cmocka_unit_test(way_that_nobody_walks_any_more__is_not_told_for_ever),
        cmocka_unit_test(one_agent__never_claims_a_server_fault),
        cmocka_unit_test(half_up__is_degraded_where_half_of_them_see_it),
        cmocka_unit_test(same_input__same_output),
        cmocka_unit_test(random_failures__invariants_hold),
        cmocka_unit_test(bad_declarations__are_refused_whole),
        cmocka_unit_test(dropping_and_declaring_anew__leaves_a_sound_judge),
        cmocka_unit_test(dropped_agent__its_fault_is_closed_once_under_its_name),
        cmocka_unit_test(quorum_met__opens_a_fault_of_its_own_and_closes_it),
        cmocka_unit_test(quorum_and_story_agree__one_fault_under_one_id),
        cmocka_unit_test(quorum_not_met__the_story_is_shown_and_pages_nobody),
        cmocka_unit_test(sentence_and_coverage__count_the_same_views),
    };
    return PLX_RUN(tests);
}
