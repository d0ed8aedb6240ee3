/* The walk along a path, against a path that is a table of what each TTL meets. */
#include "test.h"

#include "agent/core/walk.h"

#include <string.h>

static const struct plx_addr TARGET = {4, {192, 0, 2, 1}};

/* One letter a TTL: . silent, t transit, o open, r refused, x rejected; the first is what
 * an ordinary SYN meets. What lies beyond the end is as the end. */
struct path {
    const char *hops;
    struct plx_mono now;
    unsigned n_asked;
    bool second; /* silent hops answer the second time */
    bool asked[64];
};

static struct plx_hop meet(struct path *path, const struct plx_walk_step *step)
{
    size_t at = step->ttl < strlen(path->hops) ? step->ttl : strlen(path->hops) - 1;
    char letter = path->hops[at];
    struct plx_hop hop = {.rtt_us = 1000 * (uint32_t)(at + 1)};
    if (letter == '.' && path->second && path->asked[step->ttl])
        letter = 't';
    path->asked[step->ttl] = true;
    hop.kind = letter == '.'   ? PLX_HOP_SILENT
               : letter == 't' ? PLX_HOP_TRANSIT
               : letter == 'o' ? PLX_HOP_OPEN
               : letter == 'r' ? PLX_HOP_REFUSED
                               : PLX_HOP_REJECT;
    hop.from = letter == 't' ? (struct plx_addr){4, {10, 0, 0, (uint8_t)at}} : TARGET;
    path->now = plx_mono_add(path->now, letter == '.' ? step->wait_ns
                                                      : (int64_t)hop.rtt_us * PLX_US_NS);
    path->n_asked++;
    return hop;
}

static struct plx_trace_flow walk(struct path *path)
{
    struct plx_walk_limits limits;
    struct plx_walk w;
    plx_walk_limits_default(&limits);
    struct plx_walk_step step = plx_walk_begin(&w, &limits, path->now);
    while (!step.over) {
        assert_true(path->n_asked < 100);
        assert_true(step.wait_ns > 0);
        struct plx_hop hop = meet(path, &step);
        step = plx_walk_heard(&w, &hop, &TARGET, path->now);
    }
    return w.flow;
}

static void a_whole_path__ends_at_the_target(void **state)
{
    struct path path = {.hops = "otttto"};
    struct plx_trace_flow flow = walk(&path);
    (void)state;
    assert_int_equal(flow.end.kind, PLX_HOP_OPEN);
    assert_int_equal(flow.n_hops, 5);
    assert_int_equal(flow.hops[4].kind, PLX_HOP_OPEN);
    assert_int_equal(flow.hops[3].from.bytes[3], 4);
    assert_int_equal(path.n_asked, 6);
}

static void a_refusal_or_a_rejection__is_an_end_too(void **state)
{
    struct path refused = {.hops = "rttr"}, rejected = {.hops = "xtx"};
    (void)state;
    assert_int_equal(walk(&refused).hops[2].kind, PLX_HOP_REFUSED);
    struct plx_trace_flow flow = walk(&rejected);
    assert_int_equal(flow.n_hops, 2);
    assert_int_equal(flow.hops[1].kind, PLX_HOP_REJECT);
}

static void a_silent_hop__is_asked_once_more(void **state)
{
    struct path path = {.hops = "ot.to", .second = true};
    struct plx_trace_flow flow = walk(&path);
    (void)state;
    assert_int_equal(flow.hops[1].kind, PLX_HOP_TRANSIT);
    assert_int_equal(path.n_asked, 6);
}

static void a_silent_target__is_given_up_after_the_gap(void **state)
{
    struct path path = {.hops = ".ttt."};
    struct plx_trace_flow flow = walk(&path);
    (void)state;
    assert_int_equal(flow.end.kind, PLX_HOP_SILENT);
    assert_int_equal(flow.n_hops, 7);
    assert_int_equal(flow.hops[2].kind, PLX_HOP_TRANSIT);
    assert_true(path.now.ns < 2 * PLX_SEC_NS);
}

static void silent_routers__do_not_hide_a_target_that_answers(void **state)
{
    struct path path = {.hops = "ot......o"};
    struct plx_trace_flow flow = walk(&path);
    (void)state;
    assert_int_equal(flow.n_hops, 8);
    assert_int_equal(flow.hops[7].kind, PLX_HOP_OPEN);
}

static void thirty_hops_with_a_silent_one__take_less_than_two_seconds(void **state)
{
    struct path path = {.hops = "ottttttttt.tttttttttttttttttto"};
    struct plx_trace_flow flow = walk(&path);
    (void)state;
    assert_int_equal(flow.hops[28].kind, PLX_HOP_OPEN);
    assert_true(path.now.ns <= 2 * PLX_SEC_NS);
}

static void a_path_without_end__is_left_at_the_limit(void **state)
{
    struct path path = {.hops = "ot"};
    (void)state;
    assert_int_equal(walk(&path).n_hops, PLX_TRACE_HOPS_MAX);
}

static void nothing_at_all__is_known_in_time(void **state)
{
    struct path path = {.hops = "."};
    struct plx_trace_flow flow = walk(&path);
    (void)state;
    assert_int_equal(flow.n_hops, 4);
    assert_true(path.now.ns <= 2 * PLX_SEC_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_path__ends_at_the_target),
        cmocka_unit_test(a_refusal_or_a_rejection__is_an_end_too),
        cmocka_unit_test(a_silent_hop__is_asked_once_more),
        cmocka_unit_test(a_silent_target__is_given_up_after_the_gap),
        cmocka_unit_test(silent_routers__do_not_hide_a_target_that_answers),
        cmocka_unit_test(thirty_hops_with_a_silent_one__take_less_than_two_seconds),
        cmocka_unit_test(a_path_without_end__is_left_at_the_limit),
        cmocka_unit_test(nothing_at_all__is_known_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
