/* Where a path broke: tables of what locations saw, and the place that follows. */
#include "coordinator/core/place.h"

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

static void shared_hops__rank_by_the_ways_that_fail_over_them(void **state)
{
    (void)state;
    struct plx_place_view views[] = {
        {"a", "r1", trace_of("1 5 * *"), trace_of("1 5 7 O")},
        {"b", "r2", trace_of("2 5 * *"), trace_of("2 5 7 O")},
        {"c", "r3", trace_of("3 6 8 O"), NULL},
        {"d", "r1", trace_of("1 6 8 O"), NULL},
    };
    struct plx_place_suspect list[8];
    size_t n = plx_place_rank(views, 4, list, 8);
    assert_int_equal(n, 3);
    assert_int_equal(list[0].hop.bytes[3], 7); /* nearer to the target than 5 */
    assert_int_equal(list[0].n_failing, 2);
    assert_int_equal(list[1].hop.bytes[3], 5);
    assert_int_equal(list[2].hop.bytes[3], 2);
    for (size_t i = 0; i < 4; i++) {
        free((void *)views[i].now);
        free((void *)views[i].before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables__give_the_narrowest_place_the_evidence_supports),
        cmocka_unit_test(sentences__name_the_place_and_who_sees_it),
        cmocka_unit_test(random_cuts__are_always_within_the_place),
        cmocka_unit_test(shared_hops__rank_by_the_ways_that_fail_over_them),
    };
    return PLX_RUN(tests);
}
