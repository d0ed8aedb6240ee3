/* What the judge makes of agents that do not watch a monitor and were asked to look: one
 * service, two agents of one provider who watch it, two more who do not. All watch
 * another service elsewhere, which is well. */
#include "test.h"

#include "base/err.h"
#include "coordinator/core/judge.h"

#include <stdio.h>
#include <string.h>

#define T0     INT64_C(1790000000)
#define AGENTS 4u
#define EVERY  60

/* a0 and a1 watch; b2 and c3 are spares. */
static const struct {
    const char *name, *region, *provider;
} places[AGENTS] = {
    {"a0", "eu", "a"}, {"a1", "us", "a"}, {"b2", "ap", "b"}, {"c3", "eu", "c"}};

struct world {
    struct plx_judge *judge;
    uint32_t n_watch, n_other; /* of the agents, the first */
    struct plx_judge_monitor monitor;
    bool fails[AGENTS];
    bool gone[AGENTS];  /* neither probes nor is heard */
    unsigned spares;    /* bits: asked every half minute while a watcher fails */
    int asked;          /* when last */
    int first_down;     /* second of the first verdict that is down; 0: none */
    size_t n_faults;    /* opened, … */
    size_t n_agent;     /* … of those, of ours */
    size_t n_to_spares; /* probes that the judge asked of spares */
};

static struct plx_wall wall(double s)
{
    return (struct plx_wall){T0 * PLX_SEC_NS + (int64_t)(s * 1e9)};
}

static void declare(struct world *w)
{
    static const uint32_t ids[] = {0, 1, 2, 3};
    w->monitor.agents = ids;
    w->monitor.n_agents = w->n_watch;
    assert_int_equal(plx_judge_set_monitor(w->judge, &w->monitor), 0);
}

/* The other service, and who watches that: the first so many. */
static void declare_other(struct world *w, uint32_t n_watch)
{
    struct plx_judge_monitor other = w->monitor;
    other.id = 1;
    other.name = "web";
    other.host = other.address = "198.51.100.1";
    other.n_agents = w->n_other = n_watch;
    assert_int_equal(plx_judge_set_monitor(w->judge, &other), 0);
}

static void up(struct world *w, uint32_t n_watch)
{
    *w = (struct world){.judge = plx_judge_new(NULL), .n_watch = n_watch};
    for (uint32_t a = 0; a < AGENTS; a++)
        plx_judge_set_agent(w->judge,
                            &(struct plx_judge_agent){.id = a,
                                                      .name = places[a].name,
                                                      .region = places[a].region,
                                                      .provider = places[a].provider});
    w->monitor = (struct plx_judge_monitor){.name = "db",
                                            .host = "192.0.2.1",
                                            .address = "192.0.2.1",
                                            .port = 5432,
                                            .interval_ns = EVERY * PLX_SEC_NS,
                                            .timeout_ns = 5 * PLX_SEC_NS,
                                            .min_coverage = 0.5};
    declare(w);
    declare_other(w, AGENTS);
}

static int look_at(struct world *w, double t, uint32_t monitor, uint32_t agent,
                   enum plx_judge_kind kind)
{
    bool fails = monitor == 0 && w->fails[agent];
    return plx_judge_result(w->judge,
                            &(struct plx_judge_result){
                                .now = wall(t + (fails ? 0.9 : 0.1)),
                                .at = wall(t),
                                .monitor = monitor,
                                .agent = agent,
                                .kind = kind,
                                .outcome = fails ? PLX_OUTCOME_TIMEOUT : PLX_OUTCOME_OPEN,
                                .rtt_us = fails ? 0 : 20000,
                            });
}

static int look(struct world *w, double t, uint32_t agent, enum plx_judge_kind kind)
{
    return look_at(w, t, 0, agent, kind);
}

/* Scheduled probes, an agent's own retry after a failure, and the coordinator that asks
 * spares when a watcher fails. */
static void probe(struct world *w, int t)
{
    for (uint32_t a = 0; a < w->n_other; a++)
        if (t % EVERY == (int)(EVERY * a / AGENTS) && !w->gone[a])
            look_at(w, t, 1, a, PLX_JUDGE_SCHEDULED);
    for (uint32_t a = 0; a < w->n_watch; a++) {
        if (t % EVERY != (int)(EVERY * a / w->n_watch) || w->gone[a])
            continue;
        look(w, t, a, PLX_JUDGE_SCHEDULED);
        if (!w->fails[a])
            continue;
        look(w, t + 0.02, a, PLX_JUDGE_CONFIRM);
        if (w->asked != 0 && t - w->asked < 30)
            continue;
        w->asked = t;
        for (uint32_t s = 0; s < AGENTS; s++)
            if ((w->spares >> s & 1) && !w->gone[s])
                look(w, t + 0.03, s, PLX_JUDGE_CONFIRM);
    }
}

static void hear(struct world *w, const struct plx_judge_output *out, int t)
{
    struct plx_judge_probe asked[16];
    size_t n = out->n_probes < 16 ? out->n_probes : 16;
    for (size_t i = 0; i < n; i++)
        asked[i] = out->probes[i];
    for (size_t i = 0; i < out->n_faults; i++) {
        bool opened = out->faults[i].change == PLX_JUDGE_OPENED;
        w->n_faults += opened;
        w->n_agent += opened && out->faults[i].class >= PLX_JUDGE_CLASS_AGENT;
    }
    for (size_t i = 0; i < out->n_verdicts; i++)
        if (w->first_down == 0 && plx_judge_verdict_is_down(out->verdicts[i].verdict))
            w->first_down = t;
    for (size_t i = 0; i < n; i++) {
        w->n_to_spares += asked[i].monitor == 0 && asked[i].agent >= w->n_watch;
        if (!w->gone[asked[i].agent])
            look_at(w, t + 0.05, asked[i].monitor, asked[i].agent, PLX_JUDGE_CONFIRM);
    }
}

/* Every second of [from, until). */
static void pass(struct world *w, int from, int until)
{
    const struct plx_judge_output *out;
    for (int t = from; t < until; t++) {
        for (uint32_t a = 0; a < AGENTS; a++)
            if (t % 5 == 0 && !w->gone[a])
                plx_judge_heartbeat(w->judge, wall(t), a);
        probe(w, t);
        plx_judge_tick(w->judge, wall(t + 0.95), &out);
        hear(w, out, t);
    }
}

static struct plx_judge_ruling rule(struct world *w)
{
    struct plx_judge_ruling v;
    assert_int_equal(plx_judge_view(w->judge, 0, &v), 0);
    return v;
}

static size_t n_cells(struct world *w)
{
    struct plx_judge_view view;
    size_t n = 0;
    assert_int_equal(plx_judge_explain(w->judge, 0, &view), 0);
    for (size_t i = 0; i < view.n_cells; i++) {
        assert_true(view.cells[i].spare == (view.cells[i].agent >= w->n_watch));
        n += view.cells[i].spare;
    }
    return n;
}

/* Both who watch are behind one provider, whose way there breaks at 200. */
static void break_provider(struct world *w, int until)
{
    pass(w, 0, 200);
    w->fails[0] = w->fails[1] = true;
    pass(w, 200, until);
}

static void two_behind_one_provider__without_spares_nobody_can_tell(void **state)
{
    (void)state;
    struct world w;
    up(&w, 2);
    break_provider(&w, 400);
    assert_int_equal(rule(&w).verdict, PLX_JUDGE_INCONCLUSIVE);
    plx_judge_destroy(&w.judge);
}

static void a_spare_reaches_it__the_way_is_broken_and_nothing_is_down(void **state)
{
    (void)state;
    struct world w;
    up(&w, 2);
    w.spares = 1u << 2;
    break_provider(&w, 400);
    struct plx_judge_ruling v = rule(&w);
    assert_int_equal(w.first_down, 0);
    assert_int_equal(v.verdict, PLX_JUDGE_PATH_FAILURE);
    assert_non_null(strstr(v.why, "a>192.0.2.0/24"));
    assert_non_null(strstr(v.why, "1 other connects (a spare agent)"));
    assert_int_equal(w.n_faults, 1);
    plx_judge_destroy(&w.judge);
}

static void coverage__is_of_those_who_watch(void **state)
{
    (void)state;
    struct world w;
    up(&w, 2);
    w.spares = 3u << 2;
    break_provider(&w, 400);
    assert_int_equal(n_cells(&w), 2);
    struct plx_judge_ruling v = rule(&w);
    assert_int_equal(v.fresh, 2);
    assert_int_equal(v.assigned, 2);
    /* One who watches is lost: a spare neither adds to coverage nor takes from it. */
    w.gone[1] = true;
    pass(&w, 400, 440);
    v = rule(&w);
    assert_int_equal(v.fresh, 1);
    assert_int_equal(v.assigned, 2);
    plx_judge_destroy(&w.judge);
}

static void min_coverage__is_not_met_by_spares(void **state)
{
    (void)state;
    struct world w;
    up(&w, 2);
    w.monitor.min_coverage = 1;
    declare(&w);
    w.spares = 3u << 2;
    break_provider(&w, 230);
    w.gone[1] = true;
    pass(&w, 230, 400);
    assert_int_equal(rule(&w).verdict, PLX_JUDGE_INCONCLUSIVE);
    plx_judge_destroy(&w.judge);
}

static void quorum__is_of_those_who_watch(void **state)
{
    (void)state;
    struct world w;
    up(&w, 2);
    w.monitor.quorum.rule = PLX_QUORUM_ALL;
    declare(&w);
    w.spares = 1u << 2;
    break_provider(&w, 400);
    assert_int_equal(n_cells(&w), 1);
    assert_int_equal(rule(&w).verdict, PLX_JUDGE_SERVICE_DOWN); /* all two of two */
    plx_judge_destroy(&w.judge);
}

static void the_way_is_mended__the_spare_has_no_cell_any_more(void **state)
{
    (void)state;
    struct world w;
    up(&w, 2);
    w.spares = 1u << 2;
    break_provider(&w, 400);
    assert_int_equal(n_cells(&w), 1);
    w.fails[0] = w.fails[1] = false;
    pass(&w, 400, 500);
    assert_int_equal(n_cells(&w), 0);
    struct plx_judge_ruling v = rule(&w);
    assert_int_equal(v.verdict, PLX_JUDGE_UP);
    assert_non_null(strstr(v.why, "from 2 of 2 locations"));
    plx_judge_destroy(&w.judge);
}

static void not_asked_again__its_view_fades(void **state)
{
    (void)state;
    struct world w;
    up(&w, 1);
    declare_other(&w, 2);
    w.spares = 1u << 2;
    pass(&w, 0, 200);
    w.fails[0] = true;
    pass(&w, 200, 245);
    assert_int_equal(n_cells(&w), 1);
    w.gone[2] = true; /* it may be gone: nobody waits for it, and nobody blames it */
    pass(&w, 245, 270);
    assert_int_equal(n_cells(&w), 0);
    pass(&w, 270, 900);
    assert_int_equal(w.n_agent, 0);
    assert_int_equal(rule(&w).assigned, 1);
    plx_judge_destroy(&w.judge);
}

static void while_it_is_needed__the_judge_asks_it_again(void **state)
{
    (void)state;
    struct world w;
    up(&w, 2);
    w.spares = 1u << 2;
    break_provider(&w, 240);
    w.spares = 0; /* the coordinator asks no more */
    pass(&w, 240, 1200);
    assert_int_equal(n_cells(&w), 1);
    assert_int_equal(rule(&w).verdict, PLX_JUDGE_PATH_FAILURE);
    assert_int_equal(w.first_down, 0);
    assert_in_range(w.n_to_spares, 14, 24); /* once a minute, and for the doubt */
    plx_judge_destroy(&w.judge);
}

static void
a_spare_that_is_silent_by_design__fades_after_two_and_a_half_intervals(void **state)
{
    (void)state;
    struct world w;
    const struct plx_judge_output *out;
    up(&w, 1);
    for (int t = 0; t < 600; t++) { /* no heartbeats: results alone */
        w.fails[0] = t >= 200;
        if (t % EVERY == 0)
            look(&w, t, 0, PLX_JUDGE_SCHEDULED);
        if (t == 241)
            look(&w, t, 0, PLX_JUDGE_CONFIRM);
        if (t == 242)
            look(&w, t, 2, PLX_JUDGE_CONFIRM);
        plx_judge_tick(w.judge, wall(t + 0.95), &out);
        if (t == 245 || t == 390)
            assert_int_equal(n_cells(&w), 1);
        if (t == 400)
            assert_int_equal(n_cells(&w), 0);
    }
    plx_judge_destroy(&w.judge);
}

static void a_spare_that_never_reached_it__says_nothing(void **state)
{
    (void)state;
    struct world w;
    up(&w, 1);
    w.spares = 7u << 1; /* a1, too; a firewall lets in who watches */
    w.fails[1] = w.fails[2] = w.fails[3] = true;
    pass(&w, 0, 200);
    w.fails[0] = true;
    pass(&w, 200, 230);
    assert_int_equal(n_cells(&w), 0);
    assert_int_equal(w.first_down, 0); /* a lone view must persist */
    w.fails[0] = false;
    pass(&w, 230, 400);
    assert_int_equal(rule(&w).verdict, PLX_JUDGE_UP);
    assert_int_equal(w.n_faults, 0);
    plx_judge_destroy(&w.judge);
}

static void spares_that_reached_it_fail_too__it_is_down(void **state)
{
    (void)state;
    struct world w;
    up(&w, 1);
    w.spares = 3u << 2;
    pass(&w, 0, 240);
    w.fails[0] = true; /* … and a moment later it is gone for everybody */
    pass(&w, 240, 242);
    w.fails[2] = w.fails[3] = true;
    pass(&w, 242, 400);
    assert_in_range(w.first_down, 243, 300); /* no later than a lone view alone */
    assert_true(plx_judge_verdict_is_down(rule(&w).verdict));
    plx_judge_destroy(&w.judge);
}

static void an_accident__costs_no_cells(void **state)
{
    (void)state;
    struct world w;
    up(&w, 2);
    w.spares = 3u << 2;
    pass(&w, 0, 240);
    for (uint32_t s = 2; s < 4; s++)
        look(&w, 240.03, s, PLX_JUDGE_CONFIRM);
    w.fails[0] = true;
    look(&w, 240.1, 0, PLX_JUDGE_SCHEDULED);
    w.fails[0] = false;
    for (int t = 241; t < 300; t++) {
        pass(&w, t, t + 1);
        assert_int_equal(n_cells(&w), 0);
    }
    assert_int_equal(w.n_faults, 0);
    plx_judge_destroy(&w.judge);
}

static void one_who_watches_can_tell__no_spare_is_needed(void **state)
{
    (void)state;
    struct world w;
    up(&w, 3);
    w.spares = 1u << 3;
    break_provider(&w, 260);
    for (int t = 260; t < 400; t++) {
        pass(&w, t, t + 1);
        assert_int_equal(n_cells(&w), 0);
    }
    assert_int_equal(rule(&w).verdict, PLX_JUDGE_PATH_FAILURE);
    plx_judge_destroy(&w.judge);
}

static void scheduled_result_of_one_who_does_not_watch__is_left_out(void **state)
{
    (void)state;
    struct world w;
    up(&w, 2);
    w.spares = 1u << 2;
    assert_int_equal(look(&w, 1, 2, PLX_JUDGE_SCHEDULED), PLX_ENOTFOUND);
    break_provider(&w, 300);
    assert_int_equal(n_cells(&w), 1);
    assert_int_equal(look(&w, 300, 2, PLX_JUDGE_SCHEDULED), PLX_ENOTFOUND);
    assert_int_equal(look(&w, 300.1, 2, PLX_JUDGE_CONFIRM), 0);
    plx_judge_destroy(&w.judge);
}

static void declared_anew__the_spare_keeps_its_cell_until_it_watches(void **state)
{
    (void)state;
    struct world w;
    up(&w, 2);
    w.spares = 1u << 2;
    break_provider(&w, 300);
    declare(&w);
    assert_int_equal(n_cells(&w), 1);
    w.n_watch = 3; /* it does now, and is owed to be heard of */
    declare(&w);
    assert_int_equal(n_cells(&w), 0);
    assert_int_equal(rule(&w).assigned, 3);
    w.spares = 0;
    pass(&w, 300, 420);
    assert_int_equal(rule(&w).fresh, 3);
    w.gone[2] = true;
    pass(&w, 420, 500);
    assert_int_equal(w.n_agent, 1);
    plx_judge_drop_agent(w.judge, 2);
    assert_int_equal(rule(&w).assigned, 2);
    plx_judge_destroy(&w.judge);
}

static void spare_or_monitor_is_dropped__its_cell_goes_too(void **state)
{
    (void)state;
    struct world w;
    const struct plx_judge_output *out;
    up(&w, 2);
    w.spares = 3u << 2;
    break_provider(&w, 300);
    assert_int_equal(n_cells(&w), 2);
    plx_judge_drop_agent(w.judge, 3);
    assert_int_equal(n_cells(&w), 1);
    plx_judge_drop_monitor(w.judge, 0);
    plx_judge_tick(w.judge, wall(301), &out);
    declare(&w);
    assert_int_equal(n_cells(&w), 0);
    plx_judge_tick(w.judge, wall(302), &out);
    plx_judge_destroy(&w.judge);
}

static void more_views_than_are_kept__the_oldest_goes_and_nothing_breaks(void **state)
{
    (void)state;
    struct plx_judge *judge = plx_judge_new(NULL);
    const struct plx_judge_output *out;
    char name[16];
    const uint32_t watches = 0;
    for (uint32_t a = 0; a < 2; a++)
        plx_judge_set_agent(judge, &(struct plx_judge_agent){
                                       .id = a, .name = places[a].name, .region = "eu"});
    for (uint32_t m = 0; m < 3000; m++) {
        snprintf(name, sizeof name, "m%u", m);
        plx_judge_set_monitor(judge, &(struct plx_judge_monitor){
                                         .id = m,
                                         .name = name,
                                         .host = name,
                                         .interval_ns = PLX_MIN_NS,
                                         .timeout_ns = PLX_SEC_NS,
                                         .agents = &watches,
                                         .n_agents = 1,
                                     });
    }
    for (uint32_t m = 0; m < 3000; m++)
        for (uint32_t i = 0; i < 3; i++)
            assert_int_equal(plx_judge_result(judge,
                                              &(struct plx_judge_result){
                                                  .now = wall(1),
                                                  .at = wall(i == 2 ? 0.9 : 0.8),
                                                  .monitor = m,
                                                  .agent = i / 2,
                                                  .kind = PLX_JUDGE_CONFIRM,
                                                  .outcome = i == 2 ? PLX_OUTCOME_OPEN
                                                                    : PLX_OUTCOME_TIMEOUT,
                                              }),
                             0);
    plx_judge_tick(judge, wall(1.5), &out);
    size_t n = 0;
    for (uint32_t m = 0; m < 3000; m++) {
        struct plx_judge_view view;
        assert_int_equal(plx_judge_explain(judge, m, &view), 0);
        n += view.n_cells == 2;
    }
    assert_int_equal(n, 1024);
    plx_judge_tick(judge, wall(1200), &out);
    plx_judge_destroy(&judge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_behind_one_provider__without_spares_nobody_can_tell),
        cmocka_unit_test(a_spare_reaches_it__the_way_is_broken_and_nothing_is_down),
        cmocka_unit_test(coverage__is_of_those_who_watch),
        cmocka_unit_test(min_coverage__is_not_met_by_spares),
        cmocka_unit_test(quorum__is_of_those_who_watch),
        cmocka_unit_test(the_way_is_mended__the_spare_has_no_cell_any_more),
        cmocka_unit_test(not_asked_again__its_view_fades),
        cmocka_unit_test(while_it_is_needed__the_judge_asks_it_again),
        cmocka_unit_test(
            a_spare_that_is_silent_by_design__fades_after_two_and_a_half_intervals),
        cmocka_unit_test(a_spare_that_never_reached_it__says_nothing),
        cmocka_unit_test(spares_that_reached_it_fail_too__it_is_down),
        cmocka_unit_test(an_accident__costs_no_cells),
        cmocka_unit_test(one_who_watches_can_tell__no_spare_is_needed),
        cmocka_unit_test(scheduled_result_of_one_who_does_not_watch__is_left_out),
        cmocka_unit_test(declared_anew__the_spare_keeps_its_cell_until_it_watches),
        cmocka_unit_test(spare_or_monitor_is_dropped__its_cell_goes_too),
        cmocka_unit_test(more_views_than_are_kept__the_oldest_goes_and_nothing_breaks),
    };
    return PLX_RUN(tests);
}
