/* Who is in a fault: services that fail again, that are paused and resumed, that are
 * watched twice, and that depend on others. Three agents in three regions, every target
 * probed every two seconds. */
#include "test.h"

#include "coordinator/core/judge.h"

#include <stdio.h>
#include <string.h>

#define T0       INT64_C(1790000000)
#define N_AGENT  3u
#define MON_MAX  4u
#define STEP     0.125
#define INTERVAL 2.0

static struct plx_wall wall(double s)
{
    return (struct plx_wall){T0 * PLX_SEC_NS + (int64_t)(s * 1e9)};
}

struct target {
    const char *name, *address;
    uint16_t port;
    bool depends; /* on the first */
};

struct stage {
    struct plx_judge *judge;
    const struct target *targets;
    uint32_t n_mon;
    enum plx_outcome outcome; /* of what is down */
    bool down[MON_MAX], watched[MON_MAX];
    double shift; /* of the agents' phases against the ticks, 0-1 */
    double now;
    uint32_t n_opened, n_pages;
    struct {
        enum plx_judge_class class;
        bool page, open;
        char entity[64], why[PLX_JUDGE_SENTENCE];
        size_t n_monitors;
    } faults[64];
};

/* Watched by everybody, or by nobody: paused. */
static void declare(struct stage *s, uint32_t m, bool watched)
{
    static const uint32_t agents[] = {0, 1, 2}, first = 0;
    const struct target *t = &s->targets[m];
    assert_int_equal(
        plx_judge_set_monitor(s->judge,
                              &(struct plx_judge_monitor){
                                  .id = m,
                                  .name = t->name,
                                  .host = t->address,
                                  .address = t->address,
                                  .port = t->port,
                                  .interval_ns = (int64_t)(INTERVAL * PLX_SEC_NS),
                                  .timeout_ns = PLX_SEC_NS,
                                  .agents = agents,
                                  .n_agents = watched ? N_AGENT : 0,
                                  .depends_on = &first,
                                  .n_depends_on = t->depends,
                              }),
        0);
    s->watched[m] = watched;
}

static void set_up(struct stage *s)
{
    static const char *const names[] = {"a0", "a1", "a2"}, *const regions[] = {"eu", "us",
                                                                               "ap"};
    s->judge = plx_judge_new(NULL);
    for (uint32_t a = 0; a < N_AGENT; a++)
        plx_judge_set_agent(
            s->judge,
            &(struct plx_judge_agent){.id = a, .name = names[a], .region = regions[a]});
    for (uint32_t m = 0; m < s->n_mon; m++)
        declare(s, m, true);
}

static void probe(struct stage *s, uint32_t m, uint32_t a, enum plx_judge_kind kind)
{
    bool silent = s->down[m] && s->outcome == PLX_OUTCOME_TIMEOUT;
    const struct plx_judge_result r = {
        .now = wall(s->now + 0.05),
        .at = wall(s->now - (silent ? 1.0 : 0)),
        .monitor = m,
        .agent = a,
        .outcome = s->down[m] ? s->outcome : PLX_OUTCOME_OPEN,
        .kind = kind,
        .rtt_us = silent ? 0 : 300,
    };
    assert_int_equal(plx_judge_result(s->judge, &r), 0);
}

static void hear(struct stage *s, const struct plx_judge_output *out)
{
    for (size_t i = 0; i < out->n_faults; i++) {
        const struct plx_judge_fault *f = &out->faults[i];
        assert_in_range(f->id, 1, 63);
        s->n_opened += f->change == PLX_JUDGE_OPENED;
        s->n_pages += f->change == PLX_JUDGE_OPENED && f->page;
        s->faults[f->id].class = f->class;
        s->faults[f->id].page = f->page;
        s->faults[f->id].open = f->change != PLX_JUDGE_CLOSED;
        s->faults[f->id].n_monitors = f->n_monitors;
        snprintf(s->faults[f->id].entity, 64, "%s", f->entity);
        snprintf(s->faults[f->id].why, PLX_JUDGE_SENTENCE, "%s", f->why);
    }
}

static void tick(struct stage *s)
{
    const struct plx_judge_output *out;
    struct plx_judge_probe asked[64];
    for (uint32_t a = 0; a < N_AGENT; a++)
        plx_judge_heartbeat(s->judge, wall(s->now), a);
    plx_judge_tick(s->judge, wall(s->now), &out);
    hear(s, out);
    size_t n = out->n_probes < 64 ? out->n_probes : 64;
    if (n > 0)
        memcpy(asked, out->probes, n * sizeof *asked);
    for (size_t i = 0; i < n; i++)
        if (s->watched[asked[i].monitor])
            probe(s, asked[i].monitor, asked[i].agent, PLX_JUDGE_CONFIRM);
}

/* Goes on for so long; all is a multiple of STEP. */
static void pass(struct stage *s, double seconds)
{
    for (uint32_t n = (uint32_t)(seconds / STEP); n > 0; n--) {
        uint32_t step = (uint32_t)(s->now / STEP + 0.5);
        for (uint32_t m = 0; m < s->n_mon; m++)
            for (uint32_t a = 0; a < N_AGENT; a++) {
                uint32_t phase = (m * 3 + a * 5 + (uint32_t)(s->shift / STEP)) % 16;
                if (s->watched[m] && step % 16 == phase)
                    probe(s, m, a, PLX_JUDGE_SCHEDULED);
            }
        if (step % 8 == 0)
            tick(s);
        s->now += STEP;
    }
}

static struct plx_judge_ruling ruling_of(struct stage *s, uint32_t m)
{
    struct plx_judge_ruling r;
    assert_int_equal(plx_judge_view(s->judge, m, &r), 0);
    return r;
}

static const struct target near[] = {{"shop", "127.0.1.1", 81, false},
                                     {"a b", "127.0.1.1", 81, false},
                                     {"vault", "127.0.1.2", 82, false}};

/* Down for `first` seconds, well for `well`, and down again, while its neighbour is down
 * all the time. */
static void fail_again(enum plx_outcome outcome, double first, double well, double shift)
{
    struct stage s = {.targets = near, .n_mon = 3, .outcome = outcome, .shift = shift};
    print_message("%s for %.1f s, well for %.1f s, shift %.2f\n",
                  plx_outcome_token(outcome), first, well, shift);
    set_up(&s);
    s.now = 10;
    s.down[0] = s.down[1] = s.down[2] = true;
    pass(&s, first);
    s.down[0] = s.down[1] = false;
    pass(&s, well);
    s.down[0] = s.down[1] = true;
    pass(&s, 16);
    for (uint32_t m = 0; m < 3; m++)
        assert_true(plx_judge_verdict_is_down(ruling_of(&s, m).verdict));
    plx_judge_destroy(&s.judge);
}

static void failing_again_at_once__is_down_again(void **state)
{
    (void)state;
    for (int silent = 0; silent < 2; silent++)
        for (double first = 1; first <= 31; first += first < 5 ? 1 : 13)
            for (double well = 0.5; well <= 12; well += well < 4 ? 0.5 : 2)
                for (double shift = 0; shift < 1; shift += 0.25)
                    fail_again(silent ? PLX_OUTCOME_TIMEOUT : PLX_OUTCOME_REFUSED, first,
                               well, shift);
}

/* Two monitors of one service: one is paused and resumed while it is down. */
static void resume(enum plx_outcome outcome, bool drop, double before, double away)
{
    struct stage s = {.targets = near, .n_mon = 2, .outcome = outcome};
    print_message("%s, %s after %.0f s for %.0f s\n", plx_outcome_token(outcome),
                  drop ? "gone" : "paused", before, away);
    set_up(&s);
    pass(&s, 20);
    s.down[0] = s.down[1] = true;
    pass(&s, before);
    if (drop)
        plx_judge_drop_monitor(s.judge, 1);
    else
        declare(&s, 1, false);
    s.watched[1] = false;
    pass(&s, away);
    assert_true(plx_judge_verdict_is_down(ruling_of(&s, 0).verdict));
    declare(&s, 1, true);
    pass(&s, 20);
    assert_int_equal(s.n_opened, 1);
    assert_int_equal(s.n_pages, 1);
    for (uint32_t m = 0; m < 2; m++) {
        struct plx_judge_ruling r = ruling_of(&s, m);
        assert_true(plx_judge_verdict_is_down(r.verdict));
        assert_int_equal(r.n_faults, 1);
        assert_int_equal(r.faults[0], 1);
    }
    plx_judge_destroy(&s.judge);
}

static void resumed_while_it_is_down__joins_the_fault(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++)
        for (double before = 5; before < 60; before += 18)
            for (double away = 2; away < 60; away += 18)
                resume(way & 1 ? PLX_OUTCOME_TIMEOUT : PLX_OUTCOME_REFUSED, way & 2,
                       before, away);
}

static const struct target host[] = {{"web", "127.0.1.1", 81, false},
                                     {"web again", "127.0.1.1", 81, false},
                                     {"mail", "127.0.1.1", 83, false},
                                     {"far", "127.0.1.2", 81, false}};

/* All that is watched there fails at once. */
static void break_host(struct stage *s, uint32_t n)
{
    set_up(s);
    pass(s, 20);
    for (uint32_t m = 0; m < n; m++)
        s->down[m] = true;
    pass(s, 30);
}

static void host_refuses_everywhere__its_services_are_down(void **state)
{
    (void)state;
    struct stage s = {.targets = host, .n_mon = 4, .outcome = PLX_OUTCOME_REFUSED};
    break_host(&s, 3);
    assert_int_equal(s.n_pages, 1);
    assert_int_equal(s.faults[1].class, PLX_JUDGE_CLASS_SERVICE);
    assert_string_equal(s.faults[1].entity, "127.0.1.1");
    assert_non_null(strstr(s.faults[1].why, "2 of 2 watched services of 127.0.1.1 fail "
                                            "together; the host answers"));
    assert_null(strstr(s.faults[1].why, "the host is down"));
    plx_judge_destroy(&s.judge);
}

static void neighbours_refuse__no_network_is_down(void **state)
{
    (void)state;
    struct stage s = {.targets = host, .n_mon = 4, .outcome = PLX_OUTCOME_REFUSED};
    break_host(&s, 4);
    for (uint32_t i = 1; i <= s.n_opened; i++)
        assert_int_equal(s.faults[i].class, PLX_JUDGE_CLASS_SERVICE);
    assert_int_equal(s.n_opened, 2);
    plx_judge_destroy(&s.judge);
}

static void host_is_silent__two_monitors_of_one_port_count_once(void **state)
{
    (void)state;
    struct stage s = {.targets = host, .n_mon = 4, .outcome = PLX_OUTCOME_TIMEOUT};
    break_host(&s, 3);
    assert_int_equal(s.n_opened, 1);
    assert_int_equal(s.faults[1].class, PLX_JUDGE_CLASS_HOST);
    assert_non_null(strstr(s.faults[1].why, "2 of 2 watched services of 127.0.1.1 fail "
                                            "together: the host is down"));
    plx_judge_destroy(&s.judge);
}

/* One port of two is silent, and two monitors watch it: that is one service. */
static void one_port_is_silent__is_one_service(void **state)
{
    (void)state;
    struct stage s = {.targets = host, .n_mon = 4, .outcome = PLX_OUTCOME_TIMEOUT};
    break_host(&s, 2);
    assert_int_equal(s.n_pages, 1);
    assert_int_equal(s.faults[1].class, PLX_JUDGE_CLASS_SERVICE);
    assert_string_equal(s.faults[1].entity, "web");
    assert_int_equal(s.faults[1].n_monitors, 2);
    assert_non_null(strstr(s.faults[1].why, "mail on the same host answers"));
    plx_judge_destroy(&s.judge);
}

/* What is paused was well a moment ago, and is neither well nor watched now. */
static void paused_beside_it__is_no_evidence(void **state)
{
    (void)state;
    struct stage s = {.targets = host, .n_mon = 4, .outcome = PLX_OUTCOME_TIMEOUT};
    set_up(&s);
    pass(&s, 20);
    declare(&s, 1, false);
    declare(&s, 2, false);
    s.down[0] = true;
    pass(&s, 30);
    assert_int_equal(s.n_pages, 1);
    const char *why = ruling_of(&s, 0).why;
    assert_null(strstr(why, " of 2 watched services"));
    assert_null(strstr(why, "mail"));
    plx_judge_destroy(&s.judge);
}

static const struct target dependent[] = {{"router", "127.0.1.1", 81, false},
                                          {"shop", "127.0.2.1", 81, true}};

/* Both are down, and the router comes back. */
static void break_both(struct stage *s)
{
    set_up(s);
    pass(s, 20);
    s->down[0] = true;
    pass(s, 5);
    s->down[1] = true;
    pass(s, 25);
    assert_int_equal(s->n_opened, 2);
    assert_true(s->faults[1].page);
    assert_false(s->faults[2].page);
    s->down[0] = false;
}

static void down_after_what_it_hangs_on_is_well__is_a_page(void **state)
{
    (void)state;
    struct stage s = {.targets = dependent, .n_mon = 2, .outcome = PLX_OUTCOME_REFUSED};
    break_both(&s);
    pass(&s, 20);
    assert_false(s.faults[1].open);
    assert_true(s.faults[2].open);
    assert_true(s.faults[2].page);
    assert_int_equal(s.n_opened, 2);
    plx_judge_destroy(&s.judge);
}

static void well_with_what_it_hangs_on__is_no_page(void **state)
{
    (void)state;
    for (double later = 0; later < 4; later++) {
        struct stage s = {
            .targets = dependent, .n_mon = 2, .outcome = PLX_OUTCOME_REFUSED};
        break_both(&s);
        pass(&s, later);
        s.down[1] = false;
        pass(&s, 40);
        assert_false(s.faults[1].open);
        assert_false(s.faults[2].open);
        assert_false(s.faults[2].page);
        plx_judge_destroy(&s.judge);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(down_after_what_it_hangs_on_is_well__is_a_page),
        cmocka_unit_test(well_with_what_it_hangs_on__is_no_page),
        cmocka_unit_test(failing_again_at_once__is_down_again),
        cmocka_unit_test(resumed_while_it_is_down__joins_the_fault),
        cmocka_unit_test(host_refuses_everywhere__its_services_are_down),
        cmocka_unit_test(neighbours_refuse__no_network_is_down),
        cmocka_unit_test(host_is_silent__two_monitors_of_one_port_count_once),
        cmocka_unit_test(one_port_is_silent__is_one_service),
        cmocka_unit_test(paused_beside_it__is_no_evidence),
    };
    return PLX_RUN(tests);
}
