/* The notifier: who is tried, and when. Against a port where nobody listens. */
#include "test.h"

#include "coordinator/io/notifier.h"
#include "sys/clock.h"

#include <poll.h>

#define PATIENCE_MS 20000

/* What is awaited, and what came of it. */
struct await {
    uint64_t letter;
    bool came;
    enum plx_letter_state state;
};

static void on_result(void *arg, const struct plx_outbox_result *result)
{
    struct await *await = arg;
    if (result->letter == await->letter) {
        await->came = true;
        await->state = result->state;
    }
}

/* The first that comes of the letter, within PATIENCE_MS. */
static enum plx_letter_state result_of(struct plx_notifier *notifier, uint64_t letter)
{
    struct await await = {.letter = letter};
    struct pollfd fd = {.fd = plx_notifier_fd(notifier), .events = POLLIN};
    struct plx_mono until = plx_mono_add(plx_clock_mono(), PATIENCE_MS * PLX_MS_NS);
    while (!await.came && plx_clock_mono().ns < until.ns) {
        poll(&fd, 1, 100);
        plx_notifier_poll(notifier, on_result, &await);
    }
    assert_true(await.came);
    return await.state;
}

static void send_letter(struct plx_notifier *notifier, uint64_t id, const char *event)
{
    const struct plx_letter letter = {
        .id = id,
        .key = event,
        .receiver = "gone",
        .event = event,
        .body = "{\"version\":1}",
        .created = plx_clock_wall(),
    };
    plx_notifier_send(notifier, &letter);
}

/* To a receiver that is not there, with an hour between attempts. */
static struct plx_notifier *notifier_new(int64_t give_up_ns)
{
    struct plx_why why = {""};
    struct plx_notifier *notifier = NULL;
    const struct plx_notifier_options options = {
        .seed = 1, .retry_min_ns = PLX_HOUR_NS, .retry_max_ns = PLX_HOUR_NS};
    struct plx_receiver receiver;
    plx_receiver_init(&receiver);
    receiver.name = plx_text_dup("gone");
    receiver.kind = plx_text_dup("webhook");
    plx_receiver_add_option(&receiver, "url", "http://127.0.0.1:1/");
    receiver.timeout_ns = 5 * PLX_SEC_NS;
    receiver.max_per_minute = 600;
    receiver.give_up_ns = give_up_ns;
    assert_int_equal(plx_notifier_new(&options, &notifier, &why), 0);
    plx_notifier_set_receivers(notifier, &receiver, 1);
    plx_receiver_fini(&receiver);
    return notifier;
}

static void a_test_of_a_receiver_whose_letters_fail__is_answered_at_once(void **state)
{
    (void)state;
    struct plx_notifier *notifier = notifier_new(PLX_DAY_NS);
    send_letter(notifier, 1, "open");
    assert_int_equal(result_of(notifier, 1), PLX_LETTER_WAITING);
    send_letter(notifier, 2, "update"); /* behind it, for an hour */
    send_letter(notifier, 3, "test");
    assert_int_equal(result_of(notifier, 3), PLX_LETTER_WAITING);
    struct plx_outbox_lane lane;
    assert_int_equal(plx_notifier_lanes(notifier, &lane, 1), 1);
    assert_int_equal(lane.n_waiting, 3);
    plx_notifier_destroy(&notifier);
}

static void a_letter__is_given_up_in_time_however_long_the_waits_are(void **state)
{
    (void)state;
    struct plx_notifier *notifier = notifier_new(300 * PLX_MS_NS);
    for (uint64_t id = 1; id <= 2; id++) {
        send_letter(notifier, id, "open");
        enum plx_letter_state came = result_of(notifier, id);
        if (came == PLX_LETTER_WAITING) /* its first attempt was in time, too */
            came = result_of(notifier, id);
        assert_int_equal(came, PLX_LETTER_DEAD);
    }
    plx_notifier_destroy(&notifier);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_test_of_a_receiver_whose_letters_fail__is_answered_at_once),
        cmocka_unit_test(a_letter__is_given_up_in_time_however_long_the_waits_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
