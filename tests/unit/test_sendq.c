#include "agent/core/sendq.h"

#include "test.h"

static struct plx_mono at(int64_t s)
{
    return (struct plx_mono){(1000 + s) * PLX_SEC_NS};
}

static void expect_next(const struct plx_sendq *q, uint64_t id, uint64_t seq)
{
    uint64_t got_id = 0, got_seq = 0;
    assert_true(plx_sendq_next(q, &got_id, &got_seq));
    assert_int_equal(got_id, id);
    assert_int_equal(got_seq, seq);
}

static void expect_none(const struct plx_sendq *q)
{
    uint64_t id, seq;
    assert_false(plx_sendq_next(q, &id, &seq));
}

static void newest_first__the_backlog_with_what_is_left(void **state)
{
    (void)state;
    struct plx_sendq q;
    plx_sendq_init(&q);
    assert_true(plx_sendq_open(&q, 1, 5, 1000));
    assert_true(plx_sendq_open(&q, 2, 0, 0));
    plx_sendq_stored(&q, 2, 60);
    for (uint64_t i = 1; i <= 5; i++) {
        expect_next(&q, 2, i * 10 - 9);
        plx_sendq_sent(&q, 2, i * 10, at(0));
    }
    expect_next(&q, 2, 51);
    plx_sendq_sent(&q, 2, 60, at(0));
    expect_none(&q); /* the backlog's half of the window is taken */
    assert_true(plx_sendq_ack(&q, 2, 30, at(0)));
    expect_next(&q, 1, 6);
    plx_sendq_sent(&q, 1, 105, at(0));
    plx_sendq_sent(&q, 1, 205, at(0));
    expect_none(&q);
    plx_sendq_stored(&q, 2, 70);
    expect_next(&q, 2, 61); /* fresh results do not wait for the backlog */
}

static void frames_under_way__are_bounded(void **state)
{
    (void)state;
    struct plx_sendq q;
    uint64_t id, seq;
    plx_sendq_init(&q);
    for (uint64_t i = 1; i <= 3; i++)
        plx_sendq_open(&q, i, 0, 1000);
    size_t n = 0;
    while (plx_sendq_next(&q, &id, &seq)) {
        plx_sendq_sent(&q, id, seq, at(0));
        n++;
    }
    assert_int_equal(n, PLX_SENDQ_FRAMES_MAX);
    plx_sendq_ack(&q, 3, PLX_SENDQ_FRAMES_MAX, at(0));
    plx_sendq_ack(&q, 3, 1000, at(0));
    for (n = 0; plx_sendq_next(&q, &id, &seq); n++)
        plx_sendq_sent(&q, id, seq, at(0));
    assert_int_equal(n, PLX_SENDQ_FRAMES_MAX / 2);
}

static void reconnect__sends_again_from_the_mark(void **state)
{
    (void)state;
    struct plx_sendq q;
    plx_sendq_init(&q);
    plx_sendq_open(&q, 1, 0, 50);
    plx_sendq_sent(&q, 1, 50, at(0));
    plx_sendq_ack(&q, 1, 20, at(0));
    expect_none(&q);
    plx_sendq_rewind(&q);
    expect_next(&q, 1, 21);
}

static void ack_without_news__sends_again_once(void **state)
{
    (void)state;
    struct plx_sendq q;
    plx_sendq_init(&q);
    plx_sendq_open(&q, 1, 10, 50);
    plx_sendq_sent(&q, 1, 30, at(0));
    plx_sendq_sent(&q, 1, 50, at(0));
    assert_false(plx_sendq_ack(&q, 1, 10, at(1)));
    expect_next(&q, 1, 11);
    plx_sendq_sent(&q, 1, 50, at(1));
    assert_false(plx_sendq_ack(&q, 1, 10, at(1))); /* the second of the same refusal */
    expect_none(&q);
}

static void ack_out_of_range__changes_nothing(void **state)
{
    (void)state;
    struct plx_sendq q;
    plx_sendq_init(&q);
    plx_sendq_open(&q, 1, 10, 50);
    assert_false(plx_sendq_ack(&q, 1, 51, at(0)));
    assert_false(plx_sendq_ack(&q, 9, 11, at(0)));
    expect_next(&q, 1, 11);
}

static void ack_beyond_what_was_sent__moves_on(void **state)
{
    (void)state;
    struct plx_sendq q;
    plx_sendq_init(&q);
    plx_sendq_open(&q, 1, 10, 50);
    assert_true(plx_sendq_ack(&q, 1, 40, at(0))); /* sent before our restart */
    expect_next(&q, 1, 41);
}

static void silence__is_sent_again_after_patience(void **state)
{
    (void)state;
    struct plx_sendq q;
    plx_sendq_init(&q);
    plx_sendq_open(&q, 1, 0, 50);
    plx_sendq_sent(&q, 1, 50, at(0));
    assert_int_equal(plx_sendq_tick(&q, at(14)), 0);
    assert_int_equal(plx_sendq_tick(&q, at(16)), 1);
    expect_next(&q, 1, 1);
}

static void finished_backlog__is_forgotten(void **state)
{
    (void)state;
    struct plx_sendq q;
    plx_sendq_init(&q);
    plx_sendq_open(&q, 1, 0, 50);
    plx_sendq_open(&q, 2, 0, 0);
    plx_sendq_sent(&q, 1, 50, at(0));
    assert_true(plx_sendq_ack(&q, 1, 50, at(0)));
    assert_int_equal(q.n, 1);
    assert_int_equal(q.streams[0].id, 2);
    assert_true(plx_sendq_open(&q, 3, 0, 0)); /* 2 ended empty */
    assert_int_equal(q.n, 1);
}

static void backlog__asks_for_a_new_stream(void **state)
{
    (void)state;
    struct plx_sendq q;
    plx_sendq_init(&q);
    plx_sendq_open(&q, 1, 0, 400);
    assert_false(plx_sendq_wants_new_stream(&q, PLX_HOUR_NS));
    plx_sendq_stored(&q, 1, 600);
    assert_false(plx_sendq_wants_new_stream(&q, 9 * PLX_SEC_NS));
    assert_true(plx_sendq_wants_new_stream(&q, 11 * PLX_SEC_NS));
    plx_sendq_stored(&q, 1, 20001);
    assert_true(plx_sendq_wants_new_stream(&q, 0));
}

static void streams__are_bounded(void **state)
{
    (void)state;
    struct plx_sendq q;
    plx_sendq_init(&q);
    for (uint64_t id = 1; id <= PLX_SENDQ_STREAMS_MAX; id++)
        assert_true(plx_sendq_open(&q, id, 0, 10));
    assert_false(plx_sendq_open(&q, 999, 0, 10));
    assert_false(plx_sendq_wants_new_stream(&q, PLX_HOUR_NS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newest_first__the_backlog_with_what_is_left),
        cmocka_unit_test(frames_under_way__are_bounded),
        cmocka_unit_test(reconnect__sends_again_from_the_mark),
        cmocka_unit_test(ack_without_news__sends_again_once),
        cmocka_unit_test(ack_out_of_range__changes_nothing),
        cmocka_unit_test(ack_beyond_what_was_sent__moves_on),
        cmocka_unit_test(silence__is_sent_again_after_patience),
        cmocka_unit_test(finished_backlog__is_forgotten),
        cmocka_unit_test(backlog__asks_for_a_new_stream),
        cmocka_unit_test(streams__are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
