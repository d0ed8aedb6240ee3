/* Where a path broke: tables of what locations saw, and the place that follows. */
#include "coordinator/core/place_fleet.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ways are written as a hop for each word: a number is the last byte of a router that
 * answered, "*" silence, "O" open, "R" refused, "!N" router N rejects (13: prohibited),
 * "?N" router N has no way on (host unreachable). The target is 10.0.0.99. Flows are
 * divided by "|". An end that is none of these is silence. */
static struct plx_addr router(int n)
{
    return (struct plx_addr){4, {10, 0, 0, (uint8_t)n}};
}

static struct plx_hop hop_of(const char *word)
{
    const struct plx_addr target = {4, {10, 0, 0, 99}};
    switch (*word) {
    case '*':
        return (struct plx_hop){.kind = PLX_HOP_SILENT};
    case 'O':
        return (struct plx_hop){.kind = PLX_HOP_OPEN, .from = target};
    case 'R':
        return (struct plx_hop){.kind = PLX_HOP_REFUSED, .from = target};
    case '!':
    case '?':
        return (struct plx_hop){PLX_HOP_REJECT, 3, *word == '!' ? 13 : 1,
                                router((int)strtol(word + 1, NULL, 10)), 100};
    default:
        return (struct plx_hop){PLX_HOP_TRANSIT, 11, 0,
                                router((int)strtol(word, NULL, 10)), 100};
    }
}

static struct plx_trace *trace_of(const char *text)
{
    struct plx_trace *t = calloc(1, sizeof *t);
    char copy[256], *flow_save, *word_save;
    t->target = router(99);
    t->port = 5432;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *flow = strtok_r(copy, "|", &flow_save); flow;
         flow = strtok_r(NULL, "|", &flow_save)) {
        struct plx_trace_flow *f = &t->flows[t->n_flows++];
        for (char *word = strtok_r(flow, " ", &word_save); word;
             word = strtok_r(NULL, " ", &word_save))
            f->hops[f->n_hops++] = hop_of(word);
        struct plx_hop last = f->hops[f->n_hops - 1];
        f->end = last.kind == PLX_HOP_TRANSIT ? (struct plx_hop){0} : last;
    }
    return t;
}

struct row {
    const char *title;
    struct {
        const char *now, *before;
    } views[4];
    enum plx_place_kind kind;
    int after, before; /* 0: none, or the target */
    bool maybe_return, selective, partial, spread;
};

static const char *const agents[] = {"us-east-a", "eu-west-a", "ap-south-a", "sa-a"};
static const char *const regions[] = {"us-east", "eu-west", "ap-south", "sa"};

static void find(const struct row *row, struct plx_place *place)
{
    struct plx_place_view views[4];
    size_t n = 0;
    for (; n < 4 && row->views[n].now; n++) {
        const char *before = row->views[n].before;
        views[n] =
            (struct plx_place_view){agents[n], regions[n], trace_of(row->views[n].now),
                                    before ? trace_of(before) : NULL};
    }
    plx_place_find(views, n, place);
    for (size_t i = 0; i < n; i++) {
        free((void *)views[i].now);
        free((void *)views[i].before);
    }
}

static const struct row rows[] = {
    {.title = "all is well", .views = {{"1 2 3 O", "1 2 3 O"}}, .kind = PLX_PLACE_NONE},
    {.title = "silence after a hop: up to the next of good times",
     .views = {{"1 2 * * * *", "1 2 3 O"}},
     .kind = PLX_PLACE_BETWEEN,
     .after = 2,
     .before = 3,
     .maybe_return = true},
    {.title = "nothing of good times: up to the target, no narrower",
     .views = {{"1 2 * * * *", NULL}},
     .kind = PLX_PLACE_BETWEEN,
     .after = 2,
     .maybe_return = true},
    {.title = "a hop that never answers is passed over",
     .views = {{"1 2 * * * *", "1 2 * 4 O"}},
     .kind = PLX_PLACE_BETWEEN,
     .after = 2,
     .before = 4,
     .maybe_return = true},
    {.title = "the last router answers: between it and the target",
     .views = {{"1 2 3 * * *", "1 2 3 O"}},
     .kind = PLX_PLACE_BETWEEN,
     .after = 3,
     .maybe_return = true},
    {.title = "not even the first hop",
     .views = {{"* * * *", "1 2 3 O"}},
     .kind = PLX_PLACE_NEAR_AGENT,
     .before = 1,
     .maybe_return = true},
    {.title = "not even the first hop, and nothing is known",
     .views = {{"* * * *", NULL}},
     .kind = PLX_PLACE_UNKNOWN},
    {.title = "a hop rejects: there",
     .views = {{"1 2 !2", "1 2 3 O"}},
     .kind = PLX_PLACE_AT_HOP,
     .after = 2},
    {.title = "a hop cannot go on: from it to the next",
     .views = {{"1 2 3 ?3", "1 2 3 O"}},
     .kind = PLX_PLACE_BETWEEN,
     .after = 3},
    {.title = "the target rejects by ICMP",
     .views = {{"1 2 3 !99", "1 2 3 O"}},
     .kind = PLX_PLACE_AT_TARGET,
     .after = 99},
    {.title = "the target refuses, as far away as always",
     .views = {{"1 2 3 R", "1 2 3 O"}},
     .kind = PLX_PLACE_AT_TARGET,
     .after = 3},
    {.title = "a refusal from too near: a filter in the target's name",
     .views = {{"1 2 R", "1 2 3 O"}},
     .kind = PLX_PLACE_BETWEEN,
     .after = 2,
     .before = 3},
    {.title = "two locations agree",
     .views = {{"1 5 3 * * *", "1 5 3 O"}, {"2 5 3 * * *", "2 5 3 O"}},
     .kind = PLX_PLACE_BETWEEN,
     .after = 3,
     .maybe_return = true},
    {.title = "two locations share only the missing hop",
     .views = {{"1 5 * * *", "1 5 3 O"}, {"2 6 * * *", "2 6 3 O"}},
     .kind = PLX_PLACE_BETWEEN,
     .before = 3,
     .maybe_return = true},
    {.title = "two locations share nothing: both findings stand",
     .views = {{"1 5 * * *", "1 5 3 O"}, {"2 6 * * *", "2 6 4 O"}},
     .kind = PLX_PLACE_BETWEEN,
     .maybe_return = true,
     .spread = true},
    {.title = "who reaches it another way is no contradiction",
     .views = {{"1 5 * * *", "1 5 3 O"}, {"2 6 4 O", "2 6 4 O"}},
     .kind = PLX_PLACE_BETWEEN,
     .after = 5,
     .before = 3,
     .maybe_return = true},
    {.title = "who gets through the same hops makes it a filter",
     .views = {{"1 5 3 * *", "1 5 3 O"}, {"2 5 3 O", "2 5 3 O"}},
     .kind = PLX_PLACE_BETWEEN,
     .after = 3,
     .maybe_return = true,
     .selective = true},
    {.title = "a broken member: no healthy one is named",
     .views = {{"1 * * *|1 4 9 O|1 4 9 O|1 * * *", NULL}},
     .kind = PLX_PLACE_BETWEEN,
     .after = 1,
     .maybe_return = true,
     .partial = true},
    {.title = "a broken member of good times is the missing one",
     .views = {{"1 * * *|1 4 9 O|1 4 9 O|1 * * *", "1 4 9 O|1 5 9 O|1 4 9 O|1 5 9 O"}},
     .kind = PLX_PLACE_BETWEEN,
     .after = 1,
     .before = 5,
     .maybe_return = true,
     .partial = true},
    {.title = "the member answers and is the last that does",
     .views = {{"1 5 * * *|1 4 9 O|1 4 9 O|1 5 * * *", "1 4 9 O|1 5 9 O"}},
     .kind = PLX_PLACE_BETWEEN,
     .after = 5,
     .maybe_return = true,
     .partial = true},
    {.title = "one flow that got further speaks for the routers before",
     .views = {{"1 * * *|1 2 3 * *|1 2 * *", "1 2 3 O"}},
     .kind = PLX_PLACE_BETWEEN,
     .after = 3,
     .maybe_return = true},
};

static void tables__give_the_narrowest_place_the_evidence_supports(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct plx_place place;
        find(row, &place);
        struct plx_addr after = row->after ? router(row->after) : (struct plx_addr){0};
        struct plx_addr before = row->before ? router(row->before) : (struct plx_addr){0};
        if (place.kind != row->kind || memcmp(&place.after, &after, sizeof after) != 0 ||
            memcmp(&place.before, &before, sizeof before) != 0 ||
            place.maybe_return != row->maybe_return ||
            place.selective != row->selective || place.partial != row->partial ||
            place.spread != row->spread)
            fail_msg("%s: %s: %s", row->title, plx_place_token(place.kind),
                     place.sentence);
        assert_true(place.sentence[0] != '\0');
    }
}

static void sentences__name_the_place_and_who_sees_it(void **state)
{
    (void)state;
    static const struct {
        struct row row;
        const char *says;
    } said[] = {
        {{.views = {{"1 5 3 * *", "1 5 3 O"}, {"2 5 3 * *", "2 5 3 O"}, {"4 6 O", NULL}}},
         "between 10.0.0.3 and the target, seen from us-east and eu-west; ap-south "
         "reaches "
         "it another way; or on the way back, which a trace does not see"},
        {{.views = {{"1 2 !2", "1 2 3 O"}}},
         "at 10.0.0.2, which rejects it (icmp 3/13), seen from us-east"},
        {{.views = {{"1 * * *|1 4 9 O|1 4 9 O|1 4 9 O", NULL}}},
         "1 of 4 flows fail: one of several parallel ways, between 10.0.0.1 and the "
         "target, seen from us-east; or on the way back, which a trace does not see"},
        {{.views = {{"1 5 * * *", "1 5 3 O"}, {"2 6 * * *", "2 6 4 O"}}},
         "between 10.0.0.5 and 10.0.0.3 seen from us-east-a; between 10.0.0.6 and "
         "10.0.0.4 "
         "seen from eu-west-a; one place only if these are addresses of one router; or "
         "on "
         "the way back, which a trace does not see"},
        {{.views = {{"1 7 3 * *", "1 2 3 O"}}},
         "between 10.0.0.3 and the target, seen from us-east; the way is another than in "
         "good times: 10.0.0.7 where 10.0.0.2 was; or on the way back, which a trace "
         "does "
         "not see"},
        {{.views = {{"* * *", NULL}}},
         "the traces do not say where: nothing answered, and nothing is known from good "
         "times"},
    };
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        struct plx_place place;
        find(&said[i].row, &place);
        assert_string_equal(place.sentence, said[i].says);
    }
}

/* Whatever comes in, nothing is named that did not answer or stand in good times, and the
 * first hop after the last that answered is never skipped. */
static void random_cuts__are_always_within_the_place(void **state)
{
    (void)state;
    srand(11);
    for (int round = 0; round < 2000; round++) {
        int n = 2 + rand() % 6, cut = 1 + rand() % n; /* cut: after hop `cut` */
        char now[128] = "", before[128] = "";
        bool mute[16] = {false};
        int last = 0, next = 0;
        for (int i = 1; i <= n; i++) {
            mute[i] = rand() % 4 == 0;
            snprintf(before + strlen(before), 16, mute[i] ? "* " : "%d ", i);
            snprintf(now + strlen(now), 16, mute[i] || i > cut ? "* " : "%d ", i);
            if (!mute[i] && i <= cut)
                last = i;
            if (!mute[i] && i > cut && next == 0)
                next = i;
        }
        snprintf(before + strlen(before), 4, "O");
        snprintf(now + strlen(now), 4, "* *");
        const struct row row = {.views = {{now, before}}};
        struct plx_place place;
        find(&row, &place);
        if (last == 0) {
            assert_true(place.kind == PLX_PLACE_NEAR_AGENT ||
                        place.kind == PLX_PLACE_UNKNOWN);
            continue;
        }
        assert_int_equal(place.kind, PLX_PLACE_BETWEEN);
        assert_int_equal(place.after.bytes[3], last);
        assert_int_equal(place.before.bytes[3], next);
    }
}

/* Ways of the fleet: now ("" for only probed), before, the agent, the target's last byte;
 * "+" works, "!" fails, "?" fails for another fault. */
struct fleet_row {
    const char *title;
    struct {
        char is;
        const char *now, *before;
        uint32_t agent;
        int target;
    } ways[8];
    enum plx_place_common_kind kind;
    int after, before;
    uint32_t n_own_over, n_over, n_agents, n_targets;
};

static struct plx_trace *maybe_trace(const char *text, int target)
{
    struct plx_trace *t = text && *text ? trace_of(text) : NULL;
    if (t)
        t->target = router(target);
    return t;
}

static size_t ways_of(const struct fleet_row *row, struct plx_place_way ways[8])
{
    size_t n = 0;
    for (; n < 8 && row->ways[n].is; n++)
        ways[n] = (struct plx_place_way){
            .agent = row->ways[n].agent,
            .target = router(row->ways[n].target),
            .failing = row->ways[n].is != '+',
            .own = row->ways[n].is == '!',
            .now = maybe_trace(row->ways[n].now, row->ways[n].target),
            .before = maybe_trace(row->ways[n].before, row->ways[n].target)};
    return n;
}

static void free_ways(struct plx_place_way *ways, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free((void *)ways[i].now);
        free((void *)ways[i].before);
    }
}

static const struct fleet_row fleet_rows[] = {
    {.title = "nothing fails", .ways = {{'+', "1 5 7 O", "", 1, 99}}},
    {.title = "probed only: from the first hop that no working way has, to the last",
     .ways = {{'!', "", "1 5 6 7 O", 1, 99},
              {'!', "", "2 5 6 7 O", 2, 98},
              {'+', "", "1 5 8 O", 1, 97}},
     .kind = PLX_COMMON_STRETCH,
     .after = 5,
     .before = 7,
     .n_own_over = 2,
     .n_over = 2,
     .n_agents = 2,
     .n_targets = 2},
    {.title = "one trace narrows what probes leave open",
     .ways = {{'!', "1 5 * *", "1 5 6 7 O", 1, 99},
              {'!', "", "2 5 6 7 O", 2, 98},
              {'+', "", "1 5 8 O", 1, 97}},
     .kind = PLX_COMMON_STRETCH,
     .after = 5,
     .before = 6,
     .n_own_over = 2,
     .n_over = 2,
     .n_agents = 2,
     .n_targets = 2},
    {.title = "a working way of another monitor clears what it leads over",
     .ways = {{'!', "", "1 5 6 7 O", 1, 99},
              {'!', "", "2 5 6 7 O", 2, 99},
              {'+', "3 5 6 8 O", "", 3, 97}},
     .kind = PLX_COMMON_STRETCH,
     .after = 6,
     .before = 99,
     .n_own_over = 2,
     .n_over = 2,
     .n_agents = 2,
     .n_targets = 1},
    {.title = "over several links into one hop: that hop",
     .ways = {{'!', "1 5 * *", "1 5 7 O", 1, 99},
              {'!', "2 6 * *", "2 6 7 O", 2, 98},
              {'+', "3 8 O", "", 3, 99}},
     .kind = PLX_COMMON_HOP,
     .before = 7,
     .n_own_over = 2,
     .n_over = 2,
     .n_agents = 2,
     .n_targets = 2},
    {.title = "another fault's ways add to what is shared, and decide nothing",
     .ways = {{'!', "1 5 * *", "1 5 7 O", 1, 99},
              {'?', "2 5 * *", "2 5 7 O", 2, 98},
              {'?', "3 4 * *", "3 4 9 O", 3, 97}},
     .kind = PLX_COMMON_STRETCH,
     .after = 5,
     .before = 7,
     .n_own_over = 1,
     .n_over = 2,
     .n_agents = 2,
     .n_targets = 2},
    {.title = "what works leads over the same: a filter, or the way back",
     .ways = {{'!', "1 5 * *", "1 5 7 O", 1, 99}, {'+', "1 5 7 O", "", 1, 98}},
     .kind = PLX_COMMON_UNKNOWN},
    {.title = "a probe that works clears no member of a spread way",
     .ways = {{'!', "", "1 5 7 O|1 6 7 O", 1, 99}, {'+', "", "1 5 7 O|1 6 7 O", 1, 98}},
     .kind = PLX_COMMON_STRETCH,
     .after = 1,
     .before = 99,
     .n_own_over = 1,
     .n_over = 1,
     .n_agents = 1,
     .n_targets = 1},
    {.title = "ways that share nothing: not known",
     .ways = {{'!', "1 5 * *", "1 5 7 O", 1, 99}, {'!', "2 6 * *", "2 6 8 O", 2, 98}},
     .kind = PLX_COMMON_UNKNOWN},
    {.title = "most of the ways are enough, and it is said how many",
     .ways = {{'!', "1 5 * *", "1 5 7 O", 1, 99},
              {'!', "2 5 * *", "2 5 7 O", 2, 99},
              {'!', "3 6 * *", "3 6 8 O", 3, 98}},
     .kind = PLX_COMMON_STRETCH,
     .after = 5,
     .before = 7,
     .n_own_over = 2,
     .n_over = 2,
     .n_agents = 2,
     .n_targets = 1},
    {.title = "a hop that rejects is accused alone",
     .ways = {{'!', "1 2 !2", "1 2 3 O", 1, 99}, {'!', "4 2 !2", "4 2 3 O", 2, 98}},
     .kind = PLX_COMMON_HOP,
     .before = 2,
     .n_own_over = 2,
     .n_over = 2,
     .n_agents = 2,
     .n_targets = 2},
    {.title = "a way of which nothing is known says nothing",
     .ways = {{'!', "", "", 1, 99}}},
};

static void ways_of_the_fleet__have_the_narrowest_element_in_common(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fleet_rows / sizeof *fleet_rows; i++) {
        const struct fleet_row *row = &fleet_rows[i];
        struct plx_place_way ways[8];
        struct plx_place_common c;
        size_t n = ways_of(row, ways);
        plx_place_common(ways, n, &c);
        free_ways(ways, n);
        if (c.kind != row->kind || c.after.bytes[3] != row->after ||
            c.before.bytes[3] != row->before || c.n_own_over != row->n_own_over ||
            c.n_over != row->n_over || c.n_agents != row->n_agents ||
            c.n_targets != row->n_targets)
            fail_msg("%s: %s from %u to %u, %s", row->title,
                     plx_place_common_token(c.kind), c.after.bytes[3], c.before.bytes[3],
                     c.sentence);
        assert_true(c.sentence[0] != '\0');
    }
}

static void fleet_sentences__say_how_much_supports_them(void **state)
{
    (void)state;
    static const struct {
        size_t row;
        const char *says;
    } said[] = {
        {0, "no failing way is known"},
        {1, "2 of 2 failing ways of the fault (in all 2, of 2 agents to 2 targets) lead "
            "from 10.0.0.5 to 10.0.0.7, and none of 1 working one"},
        {5, "1 of 1 failing way of the fault (in all 2, of 2 agents to 2 targets) lead "
            "from 10.0.0.5 to 10.0.0.7; no working way is known to compare with"},
        {6, "the 1 failing way known have nothing in common that none of 1 working one "
            "has: a filter, a way back, or several faults"},
    };
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        struct plx_place_way ways[8];
        struct plx_place_common c;
        size_t n = ways_of(&fleet_rows[said[i].row], ways);
        plx_place_common(ways, n, &c);
        free_ways(ways, n);
        assert_string_equal(c.sentence, said[i].says);
    }
}

/* Where one link of a random tree is cut, and every other way works, the stretch holds
 * the link, whoever is traced and whoever is only probed. */
static void random_cuts_in_a_tree__are_within_what_is_common(void **state)
{
    (void)state;
    srand(12);
    for (int round = 0; round < 500; round++) {
        struct fleet_row row = {.title = ""};
        char now[8][48], before[8][48];
        int n_failing = 0;
        /* Agent - 1x - 20 - 3y - target 4z; the link from 20 to 3y is cut. */
        int cut = rand() % 3;
        for (uint32_t i = 0; i < 8; i++) {
            int x = rand() % 4, y = rand() % 3, z = y * 2 + rand() % 2;
            bool fails = y == cut, traced = rand() % 2;
            n_failing += fails;
            snprintf(before[i], sizeof before[i], "%d 20 %d O", 10 + x, 30 + y);
            snprintf(now[i], sizeof now[i], fails ? "%d 20 * *" : "%d 20 %d O", 10 + x,
                     30 + y);
            row.ways[i].is = fails ? '!' : '+';
            row.ways[i].now = traced ? now[i] : "";
            row.ways[i].before = before[i];
            row.ways[i].agent = (uint32_t)x;
            row.ways[i].target = 40 + z;
        }
        struct plx_place_way ways[8];
        struct plx_place_common c;
        size_t n = ways_of(&row, ways);
        plx_place_common(ways, n, &c);
        free_ways(ways, n);
        if (n_failing == 0)
            continue;
        assert_int_equal(c.kind, PLX_COMMON_STRETCH);
        assert_int_equal(c.n_own_over, n_failing);
        assert_true(c.after.bytes[3] == 20 || c.after.bytes[3] < 20);
        assert_true(c.before.bytes[3] == 30 + cut || c.before.bytes[3] >= 40);
    }
}

static void suspects__rank_by_the_ways_that_fail_over_them(void **state)
{
    (void)state;
    const struct fleet_row row = {.ways = {{'!', "1 5 * *", "1 5 7 O", 1, 99},
                                           {'?', "2 5 * *", "2 5 7 O", 2, 98},
                                           {'+', "3 6 8 O", "", 3, 99},
                                           {'+', "1 6 8 O", "", 1, 99}}};
    struct plx_place_way ways[8];
    struct plx_place_suspect list[8];
    size_t n = ways_of(&row, ways), n_list = plx_place_rank(ways, n, list, 8);
    free_ways(ways, n);
    assert_int_equal(n_list, 3);
    assert_int_equal(list[0].hop.bytes[3], 7); /* nearer to the target than 5 */
    assert_int_equal(list[0].n_failing, 2);
    assert_int_equal(list[0].n_agents, 2);
    assert_int_equal(list[0].n_targets, 2);
    assert_int_equal(list[1].hop.bytes[3], 5);
    assert_int_equal(list[2].hop.bytes[3], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables__give_the_narrowest_place_the_evidence_supports),
        cmocka_unit_test(sentences__name_the_place_and_who_sees_it),
        cmocka_unit_test(random_cuts__are_always_within_the_place),
        cmocka_unit_test(ways_of_the_fleet__have_the_narrowest_element_in_common),
        cmocka_unit_test(fleet_sentences__say_how_much_supports_them),
        cmocka_unit_test(random_cuts_in_a_tree__are_within_what_is_common),
        cmocka_unit_test(suspects__rank_by_the_ways_that_fail_over_them),
    };
    return PLX_RUN(tests);
}
