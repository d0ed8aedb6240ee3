/* The outbox: which letter is tried next, and what its end means for the others. */
#include "test.h"

#include "coordinator/core/outbox.h"

#include <string.h>

static const struct plx_wall today = {INT64_C(1800000000) * PLX_SEC_NS};

struct bench {
    struct plx_outbox *outbox;
    int64_t now_ns; /* of both clocks, since the beginning */
};

static struct plx_mono mono(const struct bench *b)
{
    return (struct plx_mono){PLX_HOUR_NS + b->now_ns};
}

static void configure(struct bench *b, const char *const *names, size_t n)
{
    struct plx_receiver list[4];
    for (size_t i = 0; i < n; i++) {
        plx_receiver_init(&list[i]);
        list[i].name = plx_text_dup(names[i]);
        list[i].kind = plx_text_dup("webhook");
        list[i].max_per_minute = 600;
        list[i].give_up_ns = PLX_HOUR_NS;
    }
    plx_outbox_set_receivers(b->outbox, mono(b), list, n);
    for (size_t i = 0; i < n; i++)
        plx_receiver_fini(&list[i]);
}

static int setup(void **state)
{
    static struct bench b;
    static const char *const names[] = {"ops", "boss"};
    struct plx_outbox_policy policy;
    plx_outbox_policy_default(&policy);
    b = (struct bench){.outbox = plx_outbox_new(&policy)};
    configure(&b, names, 2);
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    plx_outbox_destroy(&b->outbox);
    return 0;
}

static void put(struct bench *b, uint64_t id, const char *receiver, uint64_t incident,
                const char *event)
{
    char key[32];
    snprintf(key, sizeof key, "key-%d", (int)id);
    const struct plx_letter letter = {.id = id,
                                      .key = key,
                                      .receiver = receiver,
                                      .incident = incident,
                                      .event = event,
                                      .body = "{}",
                                      .created = plx_wall_add(today, b->now_ns)};
    plx_outbox_put(b->outbox, &letter);
}

/* The letter that is under way from now on, or 0. */
static uint64_t next(struct bench *b, uint32_t *ret_lane)
{
    struct plx_outbox_attempt attempt;
    int64_t wait_ns;
    if (!plx_outbox_next(b->outbox, mono(b), &attempt, &wait_ns))
        return 0;
    *ret_lane = attempt.lane;
    return attempt.letter->id;
}

static enum plx_letter_state end(struct bench *b, uint32_t lane, enum plx_fate fate)
{
    struct plx_outbox_result result;
    plx_outbox_conclude(b->outbox, lane, mono(b), plx_wall_add(today, b->now_ns), fate, 0,
                        "", &result);
    return result.state;
}

static int64_t wait_of(struct bench *b)
{
    struct plx_outbox_attempt attempt;
    int64_t wait_ns = -1;
    assert_false(plx_outbox_next(b->outbox, mono(b), &attempt, &wait_ns));
    return wait_ns;
}

static void the_end_of_an_incident__waits_until_its_beginning_is_noted(void **state)
{
    struct bench *b = *state;
    uint32_t lane = 0;
    put(b, 1, "ops", 7, "open");
    put(b, 2, "ops", 7, "resolve");
    assert_int_equal(next(b, &lane), 1);
    assert_int_equal(end(b, lane, PLX_FATE_DELIVERED), PLX_LETTER_DELIVERED);
    assert_int_equal(wait_of(b), INT64_MAX);
    plx_outbox_noted(b->outbox, 1);
    assert_int_equal(next(b, &lane), 2);
}

static void letters_of_others__do_not_wait_for_a_note(void **state)
{
    struct bench *b = *state;
    uint32_t lane = 0;
    put(b, 1, "ops", 7, "open");
    put(b, 2, "ops", 7, "resolve");
    put(b, 3, "ops", 8, "open");
    put(b, 4, "boss", 7, "open");
    assert_int_equal(next(b, &lane), 1);
    end(b, lane, PLX_FATE_DELIVERED);
    assert_int_equal(next(b, &lane), 3);
    end(b, lane, PLX_FATE_DELIVERED);
    assert_int_equal(next(b, &lane), 4);
    end(b, lane, PLX_FATE_REFUSED);
    assert_int_equal(next(b, &lane), 0);
    plx_outbox_noted(b->outbox, 1);
    assert_int_equal(next(b, &lane), 2);
}

static void what_follows_a_dead_letter__waits_for_its_note_too(void **state)
{
    struct bench *b = *state;
    uint32_t lane = 0;
    put(b, 1, "ops", 7, "open");
    put(b, 2, "ops", 7, "update");
    put(b, 3, "ops", 7, "resolve");
    assert_int_equal(next(b, &lane), 1);
    assert_int_equal(end(b, lane, PLX_FATE_REFUSED), PLX_LETTER_DEAD);
    assert_int_equal(next(b, &lane), 0);
    plx_outbox_noted(b->outbox, 1);
    assert_int_equal(next(b, &lane), 2);
    end(b, lane, PLX_FATE_DELIVERED);
    plx_outbox_noted(b->outbox, 1); /* heard already */
    assert_int_equal(next(b, &lane), 0);
    plx_outbox_noted(b->outbox, 2);
    assert_int_equal(next(b, &lane), 3);
}

static void a_letter_that_fails__is_tried_again_before_those_behind_it(void **state)
{
    struct bench *b = *state;
    uint32_t lane = 0;
    put(b, 1, "ops", 7, "open");
    put(b, 2, "ops", 8, "open");
    for (int64_t pause_s = 1; pause_s <= 64; pause_s *= 2) {
        assert_int_equal(next(b, &lane), 1);
        assert_int_equal(end(b, lane, PLX_FATE_RETRY), PLX_LETTER_WAITING);
        int64_t wait_ns = wait_of(b);
        assert_in_range(wait_ns, pause_s * 750 * PLX_MS_NS, pause_s * 1250 * PLX_MS_NS);
        b->now_ns += wait_ns;
    }
}

static void a_test__goes_first_and_waits_for_no_note(void **state)
{
    struct bench *b = *state;
    uint32_t lane = 0;
    put(b, 1, "ops", 7, "open");
    put(b, 2, "ops", 8, "open");
    assert_int_equal(next(b, &lane), 1);
    end(b, lane, PLX_FATE_RETRY);
    put(b, 3, "ops", 0, "test");
    assert_int_equal(next(b, &lane), 3);
    assert_int_equal(end(b, lane, PLX_FATE_DELIVERED), PLX_LETTER_DELIVERED);
    put(b, 4, "ops", 0, "test");
    assert_int_equal(next(b, &lane), 4);
    assert_int_equal(end(b, lane, PLX_FATE_DELIVERED), PLX_LETTER_DELIVERED);
    assert_int_equal(next(b, &lane), 1);
}

static void a_letter_whose_time_is_over__is_dead_and_the_next_has_its_turn(void **state)
{
    struct bench *b = *state;
    uint32_t lane = 0;
    put(b, 1, "ops", 7, "open");
    b->now_ns += PLX_HOUR_NS;
    put(b, 2, "ops", 8, "open");
    assert_int_equal(next(b, &lane), 1);
    assert_int_equal(end(b, lane, PLX_FATE_RETRY), PLX_LETTER_DEAD);
    assert_int_equal(next(b, &lane), 2);
}

static void a_clock_that_is_set_forward__gives_no_letter_up(void **state)
{
    struct bench *b = *state;
    uint32_t lane = 0;
    struct plx_outbox_result result;
    put(b, 1, "ops", 7, "open");
    plx_outbox_clock_set(b->outbox, PLX_DAY_NS);
    assert_int_equal(next(b, &lane), 1);
    plx_outbox_conclude(b->outbox, lane, mono(b), plx_wall_add(today, PLX_DAY_NS),
                        PLX_FATE_RETRY, 0, "", &result);
    assert_int_equal(result.state, PLX_LETTER_WAITING);
}

static void a_receiver_that_is_gone__is_said_to_be(void **state)
{
    struct bench *b = *state;
    static const char *const names[] = {"boss"};
    struct plx_outbox_attempt attempt;
    int64_t wait_ns;
    configure(b, names, 1);
    put(b, 1, "ops", 7, "open");
    assert_true(plx_outbox_next(b->outbox, mono(b), &attempt, &wait_ns));
    assert_null(attempt.receiver);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_end_of_an_incident__waits_until_its_beginning_is_noted),
        TEST(letters_of_others__do_not_wait_for_a_note),
        TEST(what_follows_a_dead_letter__waits_for_its_note_too),
        TEST(a_letter_that_fails__is_tried_again_before_those_behind_it),
        TEST(a_test__goes_first_and_waits_for_no_note),
        TEST(a_letter_whose_time_is_over__is_dead_and_the_next_has_its_turn),
        TEST(a_clock_that_is_set_forward__gives_no_letter_up),
        TEST(a_receiver_that_is_gone__is_said_to_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
