/* Which agents that do not watch a monitor are asked when it fails, and how often. */
#include "coordinator/core/spares.h"

#include "test.h"

#include <stdio.h>
#include <string.h>

/* Agents are named by their letter; those in upper case watch. */
struct place {
    char name;
    const char *region, *provider, *asn;
};

struct world {
    struct plx_roster *roster;
    struct plx_catalog *catalog;
    struct plx_shares *shares;
    struct plx_spares *spares;
    struct plx_label labels[8][3];
};

static struct plx_mono mono(double s)
{
    return (struct plx_mono){(int64_t)((100 + s) * 1e9)};
}

static const struct plx_wall WALL = {INT64_C(1790000000) * PLX_SEC_NS};

static void add_agent(struct world *w, const struct place *place, uint32_t i)
{
    char name[8], key[PLX_AGENT_KEY_MAX];
    struct plx_roster_notes notes;
    struct plx_label *labels = w->labels[i];
    uint32_t slot;
    size_t n = 0;
    snprintf(name, sizeof name, "%c", place->name);
    snprintf(key, sizeof key, "%040u", i);
    labels[n++] =
        (struct plx_label){(char *)"watches", (char *)(place->name < 'a' ? "yes" : "no")};
    if (*place->provider)
        labels[n++] = (struct plx_label){(char *)"provider", (char *)place->provider};
    if (*place->asn)
        labels[n++] = (struct plx_label){(char *)"asn", (char *)place->asn};
    const struct plx_roster_entry entry = {.id = i + 1,
                                           .name = name,
                                           .region = place->region,
                                           .key = key,
                                           .labels = labels,
                                           .n_labels = n};
    assert_int_equal(plx_roster_add(w->roster, &entry, false, mono(0), &slot), 0);
    const struct plx_roster_hello hello = {
        .slot = slot, .session = i + 1, .software = "", .wall = WALL, .now = mono(0)};
    notes.n = 0;
    plx_roster_hello(w->roster, &hello, &notes);
    const struct plx_agent *a = plx_roster_at(w->roster, slot);
    plx_shares_set_agent(w->shares, slot, a->name, a->region, a->labels, a->n_labels,
                         PLX_STANDING_PRESENT);
}

static uint32_t add_monitor(struct world *w, uint64_t id, const char *host, bool confirm)
{
    struct plx_monitor m;
    char name[16];
    uint32_t slot;
    plx_monitor_init(&m);
    snprintf(name, sizeof name, "m%u", (unsigned)id);
    plx_monitor_set_text(&m.name, name);
    plx_monitor_set_text(&m.host, host);
    plx_monitor_add_location(&m, "watches=yes");
    m.agents_per_location = 8;
    m.port = 80;
    m.id = id;
    m.confirm = confirm;
    assert_int_equal(plx_shares_put(w->shares, &m, &slot), 0);
    plx_monitor_fini(&m);
    return slot;
}

static void settle(struct world *w)
{
    const uint32_t *changed;
    size_t n;
    plx_shares_settle(w->shares, mono(0), &changed, &n);
}

static void up(struct world *w, const struct place *places)
{
    *w = (struct world){.roster = plx_roster_new(NULL), .catalog = plx_catalog_new()};
    w->shares = plx_shares_new(w->catalog);
    w->spares = plx_spares_new(w->roster, w->catalog, w->shares);
    for (uint32_t i = 0; i < 8 && places[i].name; i++)
        add_agent(w, &places[i], i);
}

static void down(struct world *w)
{
    plx_spares_destroy(&w->spares);
    plx_shares_destroy(&w->shares);
    plx_catalog_destroy(&w->catalog);
    plx_roster_destroy(&w->roster);
}

/* The letters of those asked, in their order; "" for nobody. */
static const char *ask(struct world *w, double at, char ret[8])
{
    struct plx_spares_order order;
    size_t n = 0;
    if (plx_spares_ask(w->spares, mono(at), WALL, &order))
        for (; n < order.n; n++)
            ret[n] = plx_roster_at(w->roster, order.agents[n])->name[0];
    ret[n] = '\0';
    return ret;
}

static void the_most_different_agents__are_asked_first(void **state)
{
    (void)state;
    static const struct {
        const char *title;
        struct place places[8];
        const char *asked;
    } rows[] = {
        {"nobody but those who watch", {{'A', "eu", "p", ""}, {'B', "us", "q", ""}}, ""},
        {"one like those who watch sees nothing else",
         {{'A', "eu", "p", ""}, {'b', "eu", "p", ""}},
         ""},
        {"another region", {{'A', "eu", "p", ""}, {'b', "us", "p", ""}}, "b"},
        {"another provider in the region",
         {{'A', "eu", "p", ""}, {'b', "eu", "q", ""}},
         "b"},
        {"more that differs goes first",
         {{'A', "eu", "p", "1"}, {'b', "us", "p", "1"}, {'c', "us", "q", "2"}},
         "c"},
        {"each adds a place that none before it is",
         {{'A', "eu", "p", ""},
          {'b', "us", "q", ""},
          {'c', "us", "q", ""},
          {'d', "ap", "p", ""}},
         "?d"},
        {"what is not said is no difference",
         {{'A', "eu", "p", "1"}, {'b', "eu", "", ""}},
         ""},
        {"no more than three",
         {{'A', "eu", "p", ""},
          {'b', "r1", "p", ""},
          {'c', "r2", "p", ""},
          {'d', "r3", "p", ""},
          {'e', "r4", "p", ""}},
         "???"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        char asked[8];
        up(&w, rows[i].places);
        uint32_t m = add_monitor(&w, 1, "db", true);
        settle(&w);
        plx_spares_doubt(w.spares, m);
        ask(&w, 0, asked);
        bool same = strlen(asked) == strlen(rows[i].asked);
        for (size_t k = 0; same && asked[k]; k++)
            same = rows[i].asked[k] == '?' || rows[i].asked[k] == asked[k];
        if (!same)
            fail_msg("%s: asked '%s'", rows[i].title, asked);
        down(&w);
    }
}

static const struct place two[8] = {{'A', "eu", "p", ""}, {'b', "us", "p", ""}};

static void a_monitor__is_asked_about_once_in_half_a_minute(void **state)
{
    (void)state;
    struct world w;
    char asked[8];
    up(&w, two);
    uint32_t m1 = add_monitor(&w, 1, "db", true), m2 = add_monitor(&w, 2, "db", true);
    settle(&w);
    plx_spares_doubt(w.spares, m1);
    plx_spares_doubt(w.spares, m1);
    assert_string_equal(ask(&w, 0, asked), "b");
    assert_string_equal(ask(&w, 0, asked), "");
    plx_spares_doubt(w.spares, m2);
    assert_string_equal(ask(&w, 1, asked), "b");
    plx_spares_doubt(w.spares, m1);
    assert_string_equal(ask(&w, 29, asked), "");
    plx_spares_doubt(w.spares, m1);
    assert_string_equal(ask(&w, 30, asked), "b");
    down(&w);
}

static void a_host_of_many_monitors__is_asked_about_a_few_times(void **state)
{
    (void)state;
    struct world w;
    char asked[8];
    unsigned n = 0;
    up(&w, two);
    for (uint64_t i = 0; i < 2 * PLX_SPARES_HOST; i++)
        plx_spares_doubt(w.spares, add_monitor(&w, i + 1, "db", true));
    settle(&w);
    while (*ask(&w, 0, asked))
        n++;
    assert_int_equal(n, PLX_SPARES_HOST);
    plx_spares_doubt(w.spares, add_monitor(&w, 100, "mail", true));
    settle(&w);
    assert_string_equal(ask(&w, 1, asked), "b");
    down(&w);
}

static void an_outage_of_many_hosts__asks_a_few_a_second(void **state)
{
    (void)state;
    struct world w;
    char asked[8], host[16];
    unsigned n = 0;
    up(&w, two);
    for (uint64_t i = 0; i < 200; i++) {
        snprintf(host, sizeof host, "h%u", (unsigned)i);
        plx_spares_doubt(w.spares, add_monitor(&w, i + 1, host, true));
    }
    settle(&w);
    while (*ask(&w, 0, asked))
        n++;
    assert_int_equal(n, (unsigned)PLX_SPARES_BURST);
    down(&w);
}

static void monitors_without_confirmation__ask_nobody(void **state)
{
    (void)state;
    struct world w;
    char asked[8];
    up(&w, two);
    uint32_t m = add_monitor(&w, 1, "db", false);
    settle(&w);
    plx_spares_doubt(w.spares, m);
    assert_string_equal(ask(&w, 0, asked), "");
    down(&w);
}

static void answers__are_kept_of_those_who_were_asked(void **state)
{
    (void)state;
    struct world w;
    char asked[8];
    const struct plx_result result = {
        .monitor_id = 1, .outcome = PLX_OUTCOME_OPEN, .rtt_us = 1200};
    up(&w, two);
    uint32_t m = add_monitor(&w, 1, "db", true);
    settle(&w);
    assert_false(plx_spares_answer(w.spares, 1, m, &result, WALL));
    plx_spares_doubt(w.spares, m);
    assert_string_equal(ask(&w, 0, asked), "b");
    const struct plx_spare_burst *burst =
        plx_spares_of(w.spares, "db", mono(1), PLX_MIN_NS);
    assert_non_null(burst);
    assert_false(burst->spares[0].answered);
    assert_false(plx_spares_answer(w.spares, 0, m, &result, WALL));
    assert_true(plx_spares_answer(w.spares, 1, m, &result, WALL));
    assert_true(burst->spares[0].answered);
    assert_int_equal(burst->spares[0].outcome, PLX_OUTCOME_OPEN);
    assert_int_equal(burst->spares[0].rtt_us, 1200);
    assert_null(plx_spares_of(w.spares, "mail", mono(1), PLX_MIN_NS));
    assert_null(plx_spares_of(w.spares, "db", mono(100), PLX_MIN_NS));
    down(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_different_agents__are_asked_first),
        cmocka_unit_test(a_monitor__is_asked_about_once_in_half_a_minute),
        cmocka_unit_test(a_host_of_many_monitors__is_asked_about_a_few_times),
        cmocka_unit_test(an_outage_of_many_hosts__asks_a_few_a_second),
        cmocka_unit_test(monitors_without_confirmation__ask_nobody),
        cmocka_unit_test(answers__are_kept_of_those_who_were_asked),
    };
    return PLX_RUN(tests);
}
