/* What the court makes of what agents say, where one of them may lie. */
#include "test.h"

#include "base/text.h"
#include "coordinator/core/court.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_AGENTS 4

static const struct plx_wall WALL = {INT64_C(1000000) * PLX_SEC_NS};

struct world {
    struct plx_roster *roster;
    struct plx_catalog *catalog;
    struct plx_shares *shares;
    struct plx_court *court;
    uint32_t monitor;
    struct plx_wall now;
};

static void add_agent(struct world *w, unsigned i)
{
    char name[8], key[PLX_AGENT_KEY_MAX];
    uint32_t slot;
    snprintf(name, sizeof name, "a%u", i);
    memset(key, 'a' + (int)i, sizeof key - 1);
    key[sizeof key - 1] = '\0';
    const struct plx_roster_entry entry = {
        .id = i + 1, .name = name, .region = "fra", .key = key, .last_seen = WALL};
    assert_int_equal(plx_roster_add(w->roster, &entry, true, (struct plx_mono){0}, &slot),
                     0);
    const struct plx_agent *a = plx_roster_at(w->roster, slot);
    plx_court_set_agent(w->court, slot);
    plx_shares_set_agent(w->shares, slot, a->name, a->region, NULL, 0,
                         PLX_STANDING_PRESENT);
}

static int setup(void **state)
{
    static struct world w;
    const uint32_t *changed;
    size_t n;
    w = (struct world){
        .roster = plx_roster_new(NULL), .catalog = plx_catalog_new(), .now = WALL};
    w.shares = plx_shares_new(w.catalog);
    w.court = plx_court_new(w.roster, w.catalog, w.shares);
    for (unsigned i = 0; i < N_AGENTS; i++)
        add_agent(&w, i);
    struct plx_monitor m;
    plx_monitor_init(&m);
    m.id = 1;
    m.name = plx_text_dup("web");
    m.host = plx_text_dup("web.example");
    m.port = 80;
    m.agents_per_location = N_AGENTS;
    m.locations = calloc(1, sizeof *m.locations);
    m.locations[0] = plx_text_dup("all");
    m.n_locations = 1;
    plx_shares_put(w.shares, &m, &w.monitor);
    plx_monitor_fini(&m);
    plx_shares_settle(w.shares, (struct plx_mono){0}, &changed, &n);
    plx_court_set_monitor(w.court, w.monitor);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    plx_court_destroy(&w->court);
    plx_shares_destroy(&w->shares);
    plx_catalog_destroy(&w->catalog);
    plx_roster_destroy(&w->roster);
    return 0;
}

static void report(struct world *w, uint32_t agent, const char *address)
{
    struct plx_result r = {.monitor_id = 1, .outcome = PLX_OUTCOME_OPEN};
    w->now = plx_wall_add(w->now, PLX_SEC_NS);
    r.scheduled = r.started = w->now;
    assert_int_equal(plx_addr_parse(address, &r.address), 0);
    plx_court_result(w->court, w->now, agent, w->monitor, &r);
}

static const char *address_of(struct world *w)
{
    static char text[PLX_ADDR_TEXT_MAX];
    struct plx_addr address = plx_court_address(w->court, w->monitor);
    return plx_addr_format(&address, text);
}

static void one_agents_address__does_not_stand_against_two(void **state)
{
    struct world *w = *state;
    report(w, 0, "203.0.113.66"); /* it lies, and is the first */
    assert_string_equal(address_of(w), "203.0.113.66");
    report(w, 1, "192.0.2.1");
    report(w, 2, "192.0.2.1");
    assert_string_equal(address_of(w), "192.0.2.1");
    for (int i = 0; i < 10; i++)
        report(w, 0, i % 2 ? "203.0.113.66" : "203.0.113.67");
    assert_string_equal(address_of(w), "192.0.2.1");
}

static void a_name_that_moved__is_followed(void **state)
{
    struct world *w = *state;
    for (uint32_t i = 0; i < N_AGENTS; i++)
        report(w, i, "192.0.2.1");
    report(w, 0, "192.0.2.2");
    report(w, 1, "192.0.2.2");
    assert_string_equal(address_of(w), "192.0.2.1"); /* half is not more */
    report(w, 2, "192.0.2.2");
    assert_string_equal(address_of(w), "192.0.2.2");
}

static void an_address_for_each_place__does_not_flap(void **state)
{
    struct world *w = *state;
    static const char *const each[N_AGENTS] = {"192.0.2.1", "192.0.2.2", "192.0.2.3",
                                               "192.0.2.4"};
    for (int round = 0; round < 5; round++)
        for (uint32_t i = 0; i < N_AGENTS; i++) {
            report(w, i, each[i]);
            assert_string_equal(address_of(w), "192.0.2.1");
        }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_agents_address__does_not_stand_against_two),
        TEST(a_name_that_moved__is_followed),
        TEST(an_address_for_each_place__does_not_flap),
    };
    return PLX_RUN(tests);
}
