/* Incidents: what becomes of faults and verdicts, and who is told. */
#include "test.h"

#include "base/err.h"
#include "base/text.h"
#include "coordinator/core/incident.h"
#include "coordinator/core/notice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0    INT64_C(1790000000)
#define N_MON 8u

struct world {
    struct plx_catalog *catalog;
    struct plx_incidents *incidents;
    struct plx_alerting alerting;
    struct plx_turn turn;
    struct plx_silence silence;
    struct plx_notice_rules rules;
    uint32_t failures, successes; /* in a row, of every monitor */
    int told[PLX_NOTICE_EVENT_COUNT_];
    char receiver[PLX_NAME_MAX + 1]; /* told last */
    size_t n_changed;
    char left[128];   /* what was said of members that left last */
    char joined[128]; /* … that joined */
    char ended[128];  /* … of the end */
};

static struct plx_wall wall(double s)
{
    return (struct plx_wall){T0 * PLX_SEC_NS + (int64_t)(s * 1e9)};
}

static void runs(void *arg, uint32_t slot, uint32_t *failures, uint32_t *successes)
{
    struct world *w = arg;
    (void)slot;
    *failures = w->failures;
    *successes = w->successes;
}

/* m0-m3 on host h0 (team db), m4-m7 on h1; m3 depends on m4. */
static int setup(void **state)
{
    static struct world world;
    struct world *w = &world;
    *w = (struct world){.failures = 99, .successes = 99};
    w->catalog = plx_catalog_new();
    for (uint32_t i = 0; i < N_MON; i++) {
        struct plx_monitor m;
        char text[32];
        uint32_t slot;
        plx_monitor_init(&m);
        m.id = 100 + i;
        m.port = (uint16_t)(1000 + i);
        snprintf(text, sizeof text, "m%u", i);
        plx_monitor_set_text(&m.name, text);
        plx_monitor_set_text(&m.host, i < 4 ? "h0" : "h1");
        plx_monitor_add_label(&m, "team", i < 4 ? "db" : "web");
        if (i == 3)
            plx_monitor_add_depends_on(&m, "m4");
        if (i == 7)
            m.recovery_successes = 5;
        assert_int_equal(plx_catalog_put(w->catalog, &m, &slot), 0);
        assert_int_equal(slot, i);
        plx_monitor_fini(&m);
    }
    w->incidents = plx_incidents_new(w->catalog, NULL, runs, w);
    w->alerting.receivers = calloc(3, sizeof *w->alerting.receivers);
    for (size_t i = 0; i < 2; i++) {
        plx_receiver_init(&w->alerting.receivers[i]);
        w->alerting.receivers[i].name = plx_text_dup(i ? "boss" : "ops");
        w->alerting.receivers[i].kind = plx_text_dup("webhook");
    }
    w->alerting.n_receivers = 2;
    w->alerting.routes = calloc(1, sizeof *w->alerting.routes);
    struct plx_route *route = w->alerting.routes;
    w->alerting.n_routes = 1;
    route->name = plx_text_dup("");
    route->receivers = calloc(1, sizeof *route->receivers);
    route->receivers[0] = plx_text_dup("ops");
    route->n_receivers = 1;
    w->rules = (struct plx_notice_rules){.alerting = &w->alerting};
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    plx_incidents_destroy(&w->incidents);
    plx_catalog_destroy(&w->catalog);
    plx_alerting_fini(&w->alerting);
    plx_silence_fini(&w->silence);
    return 0;
}

/* A fault as the judge tells it; monitors from `first` on. */
static void fault(struct world *w, double at, uint64_t id, enum plx_judge_class class,
                  enum plx_judge_change change, const char *entity, uint32_t first,
                  size_t n)
{
    static const uint32_t agents[] = {0, 1, 2};
    uint32_t monitors[N_MON];
    for (uint32_t i = 0; i < n; i++)
        monitors[i] = first + i;
    const struct plx_judge_fault f = {.id = id,
                                      .class = class,
                                      .change = change,
                                      .entity = entity,
                                      .onset = wall(at),
                                      .page = plx_judge_class_is_server(class),
                                      .agents = agents,
                                      .n_agents = 3,
                                      .monitors = monitors,
                                      .n_monitors = n,
                                      .why = "because"};
    plx_incidents_fault(w->incidents, wall(at), &f);
}

static void verdict(struct world *w, double at, uint32_t slot, enum plx_judge_verdict v,
                    uint64_t fault_id)
{
    plx_incidents_verdict(w->incidents, wall(at), slot, v, &fault_id, fault_id > 0, "so");
}

static void tick(struct world *w, double at)
{
    struct plx_incident_actions actions;
    plx_incidents_tick(w->incidents, wall(at), &w->rules, &actions);
    w->n_changed = actions.n_changed;
    for (size_t i = 0; i < actions.n_entries; i++) {
        const struct plx_incident_entry *e = &actions.entries[i];
        if (e->what == PLX_INCIDENT_DID_LEAVE)
            snprintf(w->left, sizeof w->left, "%s", e->text);
        if (e->what == PLX_INCIDENT_DID_JOIN)
            snprintf(w->joined, sizeof w->joined, "%s", e->text);
        if (e->what == PLX_INCIDENT_DID_END)
            snprintf(w->ended, sizeof w->ended, "%s", e->text);
    }
    for (size_t i = 0; i < actions.n_notices; i++) {
        w->told[actions.notices[i].event]++;
        snprintf(w->receiver, sizeof w->receiver, "%s", actions.notices[i].receiver);
    }
}

static void ticks(struct world *w, double from, double until)
{
    for (double t = from; t <= until; t += 1)
        tick(w, t);
}

static void host_down(struct world *w, double at)
{
    fault(w, at, 1, PLX_JUDGE_CLASS_HOST, PLX_JUDGE_OPENED, "h0", 0, 4);
    for (uint32_t i = 0; i < 4; i++)
        verdict(w, at, i, PLX_JUDGE_HOST_DOWN, 1);
}

static void host_up(struct world *w, double at)
{
    fault(w, at, 1, PLX_JUDGE_CLASS_HOST, PLX_JUDGE_CLOSED, "h0", 0, 4);
    for (uint32_t i = 0; i < 4; i++)
        verdict(w, at, i, PLX_JUDGE_UP, 0);
}

static void a_host_goes_and_comes__is_one_page_and_one_end(void **state)
{
    struct world *w = *state;
    host_down(w, 10);
    ticks(w, 10, 100);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 1);
    assert_int_equal(plx_incidents_count(w->incidents), 1);
    assert_int_equal(plx_incidents_at(w->incidents, 0)->n_active, 4);
    host_up(w, 101);
    ticks(w, 101, 125);
    assert_int_equal(w->told[PLX_NOTICE_RESOLVE], 0); /* it has to stay so */
    ticks(w, 126, 140);
    assert_int_equal(w->told[PLX_NOTICE_RESOLVE], 1);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 1);
    assert_int_equal(w->told[PLX_NOTICE_UPDATE],
                     0); /* that it is well is no news of it */
    assert_string_equal(w->ended, "all is well again");
}

static void what_is_removed__is_not_said_to_be_well(void **state)
{
    struct world *w = *state;
    fault(w, 10, 1, PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_OPENED, "m0", 0, 1);
    verdict(w, 10, 0, PLX_JUDGE_SERVICE_DOWN, 1);
    ticks(w, 10, 20);
    plx_incidents_forget(w->incidents, wall(21), 0);
    fault(w, 21, 1, PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_CLOSED, "m0", 0, 0);
    ticks(w, 21, 60);
    assert_string_equal(w->ended, "none of it is watched any more");
    assert_int_equal(w->told[PLX_NOTICE_RESOLVE], 1);
}

static void a_service_that_is_the_host__is_the_same_incident(void **state)
{
    struct world *w = *state;
    fault(w, 10, 1, PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_OPENED, "m0", 0, 1);
    verdict(w, 10, 0, PLX_JUDGE_SERVICE_DOWN, 1);
    ticks(w, 10, 20);
    fault(w, 21, 1, PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_CLOSED, "m0", 0, 1);
    fault(w, 21, 2, PLX_JUDGE_CLASS_HOST, PLX_JUDGE_OPENED, "h0", 0, 4);
    for (uint32_t i = 0; i < 4; i++)
        verdict(w, 21, i, PLX_JUDGE_HOST_DOWN, 2);
    ticks(w, 21, 120);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 1);
    assert_int_equal(w->told[PLX_NOTICE_UPDATE], 1);
    const struct plx_incident *i = plx_incidents_at(w->incidents, 0);
    assert_int_equal(i->kind, PLX_INCIDENT_HOST);
    assert_int_equal(i->n_active, 4);
}

static void a_route_with_update__hears_news_sooner(void **state)
{
    struct world *w = *state;
    w->alerting.routes[0].update_ns = 5 * PLX_SEC_NS;
    fault(w, 10, 1, PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_OPENED, "m0", 0, 1);
    verdict(w, 10, 0, PLX_JUDGE_SERVICE_DOWN, 1);
    ticks(w, 10, 20);
    fault(w, 21, 1, PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_CLOSED, "m0", 0, 1);
    fault(w, 21, 2, PLX_JUDGE_CLASS_HOST, PLX_JUDGE_OPENED, "h0", 0, 4);
    for (uint32_t i = 0; i < 4; i++)
        verdict(w, 21, i, PLX_JUDGE_HOST_DOWN, 2);
    ticks(w, 21, 30);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 1);
    assert_int_equal(w->told[PLX_NOTICE_UPDATE], 1);
}

static void two_services_of_one_host__become_one_incident(void **state)
{
    struct world *w = *state;
    fault(w, 10, 1, PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_OPENED, "m0", 0, 1);
    verdict(w, 10, 0, PLX_JUDGE_SERVICE_DOWN, 1);
    fault(w, 11, 2, PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_OPENED, "m1", 1, 1);
    verdict(w, 11, 1, PLX_JUDGE_SERVICE_DOWN, 2);
    ticks(w, 11, 20);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 2);
    fault(w, 21, 3, PLX_JUDGE_CLASS_HOST, PLX_JUDGE_OPENED, "h0", 0, 4);
    ticks(w, 21, 30);
    assert_int_equal(plx_incidents_at(w->incidents, 1)->merged_into, 1);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 2);
    assert_int_equal(w->told[PLX_NOTICE_RESOLVE], 1); /* of the one that was taken over */
}

static void too_few_failures__wait(void **state)
{
    struct world *w = *state;
    w->failures = 1;
    host_down(w, 10);
    ticks(w, 10, 20);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 0);
    w->failures = 2;
    tick(w, 21);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 1);
}

static void recovery_successes__are_waited_for(void **state)
{
    struct world *w = *state;
    fault(w, 10, 1, PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_OPENED, "m7", 7, 1);
    verdict(w, 10, 7, PLX_JUDGE_SERVICE_DOWN, 1);
    ticks(w, 10, 20);
    fault(w, 21, 1, PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_CLOSED, "m7", 7, 1);
    verdict(w, 21, 7, PLX_JUDGE_UP, 0);
    w->successes = 4;
    ticks(w, 21, 100);
    assert_int_equal(w->told[PLX_NOTICE_RESOLVE], 0);
    w->successes = 5;
    tick(w, 101);
    assert_int_equal(w->told[PLX_NOTICE_RESOLVE], 1);
}

static void what_hangs_on_another__is_not_told(void **state)
{
    struct world *w = *state;
    fault(w, 10, 1, PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_OPENED, "m4", 4, 1);
    verdict(w, 10, 4, PLX_JUDGE_SERVICE_DOWN, 1);
    fault(w, 11, 2, PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_OPENED, "m3", 3, 1);
    verdict(w, 11, 3, PLX_JUDGE_SERVICE_DOWN, 2);
    ticks(w, 11, 60);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 1);
    assert_true(plx_incidents_at(w->incidents, 1)->dependent);
    /* What it hung on is well, and it is not: it is told now. */
    fault(w, 61, 1, PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_CLOSED, "m4", 4, 1);
    verdict(w, 61, 4, PLX_JUDGE_UP, 0);
    ticks(w, 61, 62);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 2);
}

static void back_within_moments__is_no_new_page(void **state)
{
    struct world *w = *state;
    host_down(w, 10);
    ticks(w, 10, 20);
    host_up(w, 21);
    ticks(w, 21, 30);
    host_down(w, 31);
    ticks(w, 31, 60);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 1);
    assert_int_equal(w->told[PLX_NOTICE_RESOLVE], 0);
}

static void up_and_down__is_flapping_told_once(void **state)
{
    struct world *w = *state;
    double t = 10;
    for (int i = 0; i < 10; i++, t += 120) {
        host_down(w, t);
        ticks(w, t, t + 59);
        host_up(w, t + 60);
        ticks(w, t + 60, t + 119);
    }
    assert_int_equal(plx_incidents_count(w->incidents), 1);
    assert_true(plx_incidents_at(w->incidents, 0)->flapping);
    assert_in_range(w->told[PLX_NOTICE_OPEN], 1, 4);
    int ends = w->told[PLX_NOTICE_RESOLVE];
    ticks(w, t, t + 1000);
    assert_int_equal(w->told[PLX_NOTICE_RESOLVE], ends + 1);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], w->told[PLX_NOTICE_RESOLVE]);
}

static void repeats__until_somebody_acknowledges(void **state)
{
    struct world *w = *state;
    w->alerting.routes[0].repeat_ns = 60 * PLX_SEC_NS;
    host_down(w, 10);
    ticks(w, 10, 200);
    assert_int_equal(w->told[PLX_NOTICE_REPEAT], 3);
    assert_int_equal(plx_incidents_ack(w->incidents, wall(201), 1, "ann", "on it"), 0);
    assert_int_equal(plx_incidents_ack(w->incidents, wall(201), 1, "bob", ""),
                     PLX_ECONFLICT);
    assert_int_equal(plx_incidents_ack(w->incidents, wall(201), 9, "bob", ""),
                     PLX_ENOTFOUND);
    ticks(w, 201, 500);
    assert_int_equal(w->told[PLX_NOTICE_REPEAT], 3);
    assert_int_equal(w->told[PLX_NOTICE_ACK], 1);
}

static void escalates__unless_acknowledged(void **state)
{
    struct world *w = *state;
    struct plx_route *route = &w->alerting.routes[0];
    route->escalate_after_ns = 60 * PLX_SEC_NS;
    route->escalate_to = calloc(1, sizeof *route->escalate_to);
    route->escalate_to[0] = plx_text_dup("boss");
    route->n_escalate_to = 1;
    host_down(w, 10);
    ticks(w, 10, 60);
    assert_string_equal(w->receiver, "ops");
    ticks(w, 61, 80);
    assert_int_equal(w->told[PLX_NOTICE_ESCALATE], 1);
    assert_string_equal(w->receiver, "boss");
}

static void a_silence_of_one_member__does_not_mute_the_others(void **state)
{
    struct world *w = *state;
    w->silence = (struct plx_silence){.id = 1,
                                      .author = plx_text_dup("ann"),
                                      .comment = plx_text_dup(""),
                                      .from = wall(0),
                                      .until = wall(100)};
    plx_match_add(&w->silence.match, "monitor", "m0");
    w->rules.silences = &w->silence;
    w->rules.n_silences = 1;
    host_down(w, 10);
    ticks(w, 10, 20);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 1);
}

static void a_silence_of_all_members__mutes_until_it_ends(void **state)
{
    struct world *w = *state;
    w->silence = (struct plx_silence){.id = 1,
                                      .author = plx_text_dup("ann"),
                                      .comment = plx_text_dup(""),
                                      .from = wall(0),
                                      .until = wall(100)};
    plx_match_add(&w->silence.match, "team", "d*");
    w->rules.silences = &w->silence;
    w->rules.n_silences = 1;
    host_down(w, 10);
    ticks(w, 10, 99);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 0);
    assert_string_equal(plx_incidents_at(w->incidents, 0)->muted_by, "silence 1 by ann");
    ticks(w, 100, 110);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 1);
}

static void a_match__covers_the_monitors_it_speaks_of(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *key, *value, *key2, *value2;
        size_t n;
    } rows[] = {
        {"team", "db", NULL, NULL, 4},          {"teem", "db", NULL, NULL, 0},
        {"monitor", "m*", NULL, NULL, N_MON},   {"team", "db", "monitor", "m1", 1},
        {"team", "web", "severity", "ours", 4}, {"kind", "host", NULL, NULL, N_MON},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plx_match match = {0};
        plx_match_add(&match, rows[i].key, rows[i].value);
        if (rows[i].key2)
            plx_match_add(&match, rows[i].key2, rows[i].value2);
        assert_int_equal(plx_notice_covers(&match, w->catalog), rows[i].n);
        plx_match_fini(&match);
    }
}

static void an_agent_at_fault__is_ours_and_nobody_elses(void **state)
{
    struct world *w = *state;
    fault(w, 10, 1, PLX_JUDGE_CLASS_AGENT, PLX_JUDGE_OPENED, "a0", 0, 8);
    ticks(w, 10, 20);
    assert_int_equal(plx_incidents_at(w->incidents, 0)->severity, PLX_SEVERITY_OURS);
    /* Its region, as it turns out. */
    fault(w, 21, 1, PLX_JUDGE_CLASS_AGENT, PLX_JUDGE_CLOSED, "a0", 0, 8);
    fault(w, 21, 2, PLX_JUDGE_CLASS_REGION, PLX_JUDGE_OPENED, "eu", 0, 8);
    for (uint32_t i = 0; i < N_MON; i++)
        verdict(w, 22, i, PLX_JUDGE_INCONCLUSIVE, 2);
    ticks(w, 22, 900);
    assert_int_equal(plx_incidents_count(w->incidents), 1);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 1);
}

static void lost_coverage__is_told_after_a_while(void **state)
{
    struct world *w = *state;
    for (uint32_t i = 0; i < N_MON; i++)
        verdict(w, 10, i, PLX_JUDGE_INCONCLUSIVE, 0);
    ticks(w, 10, 300);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 0);
    ticks(w, 301, 320);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 1);
    assert_int_equal(plx_incidents_at(w->incidents, 0)->kind, PLX_INCIDENT_COVERAGE);
}

static void what_is_down__stays_so_while_unseen(void **state)
{
    struct world *w = *state;
    host_down(w, 10);
    ticks(w, 10, 20);
    fault(w, 21, 1, PLX_JUDGE_CLASS_HOST, PLX_JUDGE_CLOSED, "h0", 0, 4);
    for (uint32_t i = 0; i < 4; i++)
        verdict(w, 21, i, PLX_JUDGE_INCONCLUSIVE, 0);
    ticks(w, 21, 200);
    assert_int_equal(w->told[PLX_NOTICE_RESOLVE], 0);
}

/* As it was stored, into another process: the judge's numbers begin anew. */
static void after_a_restart__the_fault_is_claimed_and_not_paged(void **state)
{
    struct world *w = *state;
    host_down(w, 10);
    ticks(w, 10, 20);
    struct plx_incidents *other = plx_incidents_new(w->catalog, NULL, runs, w);
    plx_incidents_recall(other, plx_incidents_at(w->incidents, 0), wall(30));
    plx_incidents_destroy(&w->incidents);
    w->incidents = other;
    for (uint32_t i = 0; i < 4; i++)
        verdict(w, 30, i, PLX_JUDGE_HOST_DOWN, 0);
    ticks(w, 30, 40);
    host_down(w, 41);
    ticks(w, 41, 400);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 1);
    assert_int_equal(plx_incidents_count(w->incidents), 1);
    host_up(w, 401);
    ticks(w, 401, 440);
    assert_int_equal(w->told[PLX_NOTICE_RESOLVE], 1);
    /* The next one has a number of its own. */
    fault(w, 441, 9, PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_OPENED, "m5", 5, 1);
    tick(w, 441);
    assert_int_equal(plx_incidents_at(w->incidents, 1)->id, 2);
}

/* All incidents as a start finds them in the store. */
static void restart(struct world *w, double at)
{
    struct plx_incidents *other = plx_incidents_new(w->catalog, NULL, runs, w);
    for (size_t i = 0; i < plx_incidents_count(w->incidents); i++)
        plx_incidents_recall(other, plx_incidents_at(w->incidents, i), wall(at));
    plx_incidents_destroy(&w->incidents);
    w->incidents = other;
}

static void who_joins_as_it_starts__is_named(void **state)
{
    struct world *w = *state;
    host_down(w, 10);
    ticks(w, 10, 20);
    restart(w, 30);
    verdict(w, 30, 5, PLX_JUDGE_SERVICE_DOWN, 0);
    tick(w, 31);
    assert_string_equal(w->joined, "1: m5");
}

static void paused_just_before_a_crash__ends_with_the_restart(void **state)
{
    struct world *w = *state;
    struct plx_monitor m;
    uint32_t slot;
    fault(w, 10, 1, PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_OPENED, "m0", 0, 1);
    verdict(w, 10, 0, PLX_JUDGE_SERVICE_DOWN, 1);
    ticks(w, 10, 20);
    plx_monitor_copy(&m, plx_catalog_at(w->catalog, 0));
    m.paused = true;
    assert_int_equal(plx_catalog_put(w->catalog, &m, &slot), 0);
    plx_monitor_fini(&m);
    restart(w, 30);
    verdict(w, 30, 0, PLX_JUDGE_SERVICE_DOWN, 0); /* as it was recorded */
    ticks(w, 31, 70);
    assert_int_equal(w->told[PLX_NOTICE_RESOLVE], 1);
}

#define TWO_HOURS 7200.0

static void a_clock_that_is_set_back__delays_no_notice(void **state)
{
    struct world *w = *state;
    w->alerting.routes[0].for_ns = 30 * PLX_SEC_NS;
    host_down(w, 10);
    ticks(w, 10, 20);
    plx_incidents_clock_set(w->incidents, -(int64_t)TWO_HOURS * PLX_SEC_NS);
    ticks(w, 20 - TWO_HOURS, 50 - TWO_HOURS);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 1);
    host_up(w, 50 - TWO_HOURS);
    ticks(w, 50 - TWO_HOURS, 60 - TWO_HOURS);
    plx_incidents_clock_set(w->incidents, -(int64_t)TWO_HOURS * PLX_SEC_NS);
    ticks(w, 60 - 2 * TWO_HOURS, 90 - 2 * TWO_HOURS);
    assert_int_equal(w->told[PLX_NOTICE_RESOLVE], 1);
}

static void a_clock_that_is_set_forward__tells_nothing_sooner(void **state)
{
    struct world *w = *state;
    w->alerting.routes[0].repeat_ns = PLX_HOUR_NS;
    host_down(w, 10);
    ticks(w, 10, 20);
    plx_incidents_clock_set(w->incidents, (int64_t)TWO_HOURS * PLX_SEC_NS);
    ticks(w, 20 + TWO_HOURS, 40 + TWO_HOURS);
    assert_int_equal(w->told[PLX_NOTICE_REPEAT], 0);
    host_up(w, 40 + TWO_HOURS);
    tick(w, 40 + TWO_HOURS);
    plx_incidents_clock_set(w->incidents, (int64_t)TWO_HOURS * PLX_SEC_NS);
    ticks(w, 41 + 2 * TWO_HOURS, 60 + 2 * TWO_HOURS);
    assert_int_equal(w->told[PLX_NOTICE_RESOLVE], 0); /* it has to stay so */
    ticks(w, 61 + 2 * TWO_HOURS, 75 + 2 * TWO_HOURS);
    assert_int_equal(w->told[PLX_NOTICE_RESOLVE], 1);
}

/* The clock was set back while we were away: what is stored lies ahead. */
static void a_restart_before_what_is_stored__delays_no_notice(void **state)
{
    struct world *w = *state;
    w->alerting.routes[0].for_ns = 30 * PLX_SEC_NS;
    host_down(w, 10);
    ticks(w, 10, 20);
    restart(w, 20 - TWO_HOURS);
    ticks(w, 20 - TWO_HOURS, 55 - TWO_HOURS);
    assert_int_equal(w->told[PLX_NOTICE_OPEN], 1);
    host_up(w, 56 - TWO_HOURS);
    ticks(w, 56 - TWO_HOURS, 66 - TWO_HOURS);
    restart(w, 66 - 2 * TWO_HOURS);
    ticks(w, 66 - 2 * TWO_HOURS, 100 - 2 * TWO_HOURS);
    assert_int_equal(w->told[PLX_NOTICE_RESOLVE], 1);
}

static void
a_merged_incident_after_a_restart__ends_when_its_members_are_well(void **state)
{
    struct world *w = *state;
    fault(w, 10, 1, PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_OPENED, "m0", 0, 1);
    verdict(w, 10, 0, PLX_JUDGE_SERVICE_DOWN, 1);
    fault(w, 11, 2, PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_OPENED, "m1", 1, 1);
    verdict(w, 11, 1, PLX_JUDGE_SERVICE_DOWN, 2);
    ticks(w, 11, 15);
    host_down(w, 16);
    ticks(w, 16, 20);
    assert_int_equal(plx_incidents_at(w->incidents, 1)->state, PLX_INCIDENT_CLOSED);
    assert_int_equal(plx_incidents_at(w->incidents, 0)->n_active, 4);
    restart(w, 30);
    for (uint32_t i = 0; i < 4; i++)
        verdict(w, 31, i, PLX_JUDGE_UP, 0);
    ticks(w, 31, 80);
    assert_int_equal(plx_incidents_at(w->incidents, 0)->n_active, 0);
    assert_int_equal(plx_incidents_at(w->incidents, 0)->state, PLX_INCIDENT_CLOSED);
}

/* A path fault that was over, and told to be soon, is not back for want of a judge who
 * remembers that. */
static void what_was_ending_at_a_restart__goes_on_to_end(void **state)
{
    struct world *w = *state;
    fault(w, 10, 1, PLX_JUDGE_CLASS_PATH, PLX_JUDGE_OPENED, "eu>h0", 0, 4);
    ticks(w, 10, 20);
    fault(w, 21, 1, PLX_JUDGE_CLASS_PATH, PLX_JUDGE_CLOSED, "eu>h0", 0, 4);
    ticks(w, 21, 25);
    assert_int_equal(plx_incidents_at(w->incidents, 0)->state, PLX_INCIDENT_ENDING);
    restart(w, 30);
    ticks(w, 30, 80);
    assert_int_equal(plx_incidents_at(w->incidents, 0)->state, PLX_INCIDENT_CLOSED);
    assert_int_equal(plx_incidents_at(w->incidents, 0)->n_back, 0);
}

static void a_removed_monitor__ends_its_incident(void **state)
{
    struct world *w = *state;
    fault(w, 10, 1, PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_OPENED, "m5", 5, 1);
    verdict(w, 10, 5, PLX_JUDGE_SERVICE_DOWN, 1);
    ticks(w, 10, 20);
    plx_incidents_forget(w->incidents, wall(21), 5);
    fault(w, 21, 1, PLX_JUDGE_CLASS_SERVICE, PLX_JUDGE_CLOSED, "m5", 0, 0);
    ticks(w, 21, 60);
    assert_int_equal(w->told[PLX_NOTICE_RESOLVE], 1);
}

static void a_monitor_that_is_paused_and_resumed__is_one_member(void **state)
{
    struct world *w = *state;
    host_down(w, 10);
    ticks(w, 10, 20);
    plx_incidents_forget(w->incidents, wall(20.5), 3); /* between two ticks */
    ticks(w, 21, 25);
    assert_int_equal(plx_incidents_at(w->incidents, 0)->n_active, 3);
    assert_string_equal(w->left, "1: m3");
    host_down(w, 26);
    tick(w, 26);
    assert_int_equal(plx_incidents_at(w->incidents, 0)->n_active, 4);
    assert_int_equal(plx_incidents_at(w->incidents, 0)->n_members, 4);
}

static void nothing_new__writes_nothing(void **state)
{
    struct world *w = *state;
    host_down(w, 10);
    ticks(w, 10, 100);
    tick(w, 101);
    assert_int_equal(w->n_changed, 0);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_host_goes_and_comes__is_one_page_and_one_end),
        T(a_service_that_is_the_host__is_the_same_incident),
        T(what_is_removed__is_not_said_to_be_well),
        T(who_joins_as_it_starts__is_named),
        T(paused_just_before_a_crash__ends_with_the_restart),
        T(a_route_with_update__hears_news_sooner),
        T(two_services_of_one_host__become_one_incident),
        T(too_few_failures__wait),
        T(recovery_successes__are_waited_for),
        T(what_hangs_on_another__is_not_told),
        T(back_within_moments__is_no_new_page),
        T(up_and_down__is_flapping_told_once),
        T(repeats__until_somebody_acknowledges),
        T(escalates__unless_acknowledged),
        T(a_silence_of_one_member__does_not_mute_the_others),
        T(a_silence_of_all_members__mutes_until_it_ends),
        T(a_match__covers_the_monitors_it_speaks_of),
        T(an_agent_at_fault__is_ours_and_nobody_elses),
        T(lost_coverage__is_told_after_a_while),
        T(what_is_down__stays_so_while_unseen),
        T(after_a_restart__the_fault_is_claimed_and_not_paged),
        T(what_was_ending_at_a_restart__goes_on_to_end),
        T(a_clock_that_is_set_back__delays_no_notice),
        T(a_clock_that_is_set_forward__tells_nothing_sooner),
        T(a_restart_before_what_is_stored__delays_no_notice),
        T(a_merged_incident_after_a_restart__ends_when_its_members_are_well),
        T(a_removed_monitor__ends_its_incident),
        T(a_monitor_that_is_paused_and_resumed__is_one_member),
        T(nothing_new__writes_nothing),
    };
    return PLX_RUN(tests);
}
