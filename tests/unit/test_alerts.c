/* The alerts' room, where it meets the store. */
#include "coordinator_fixture.h"

#include "base/err.h"
#include "coordinator/io/store_incidents.h"
#include "coordinator/receivers/receiver.h"
#include "sys/clock.h"

#include "test.h"

#include <string.h>

static void configure(struct coordinator_fixture *fx)
{
    static const char text[] =
        "receivers:\n- {name: ops, kind: webhook, url: 'http://127.0.0.1:9/'}\n";
    struct plx_alerting_file file;
    struct plx_why why = {""};
    assert_int_equal(plx_alerting_parse("test", text, strlen(text), plx_receiver_check,
                                        NULL, &file, &why),
                     0);
    plx_alerts_configure(fx->alerts, &file);
    plx_alerting_file_fini(&file);
}

/* The store brings it back after whoever asked was told. */
static void a_stop_while_a_test_is_being_stored__tells_who_asked_once(void **state)
{
    struct coordinator_fixture *fx = *state;
    configure(fx);
    coordinator_submit(fx, "receivers.test", "{\"name\":\"ops\"}");
    plx_alerts_drop_tests(fx->alerts);
    assert_int_equal(fx->n_answers, 1);
    assert_int_equal(fx->err, PLX_EGONE);
    coordinator_restart(fx);
}

static void on_put(void *arg, int err, const char *why)
{
    struct coordinator_fixture *fx = arg;
    (void)why;
    fx->err = err;
    fx->n_answers++;
}

static bool put_is_done(void *arg)
{
    const struct coordinator_fixture *fx = arg;
    return fx->n_answers > 0;
}

/* Whole paths were good once. Whoever upgrades is not to be without receivers. */
static void stored_receivers_that_are_not_good_any_more__are_kept(void **state)
{
    struct coordinator_fixture *fx = *state;
    static const char text[] = "receivers:\n- {name: ops, kind: webhook, url: "
                               "'http://127.0.0.1:9/', token_file: /etc/shadow}\n"
                               "- {name: two, kind: webhook, url: 'http://h/'}\n";
    const struct plx_store_section section = {"receivers", text};
    fx->n_answers = 0;
    assert_int_equal(plx_store_put_alerting(fx->desk.store, &section, 1, "test",
                                            plx_clock_wall(), on_put, fx),
                     0);
    coordinator_await(fx, put_is_done, fx);
    assert_int_equal(fx->err, 0);
    coordinator_restart(fx);
    assert_int_equal(plx_alerts_config(fx->alerts)->n_receivers, 2);
}

static int up(void **state)
{
    static struct coordinator_fixture fx;
    coordinator_up(&fx);
    *state = &fx;
    return 0;
}

static int down(void **state)
{
    coordinator_down(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_stop_while_a_test_is_being_stored__tells_who_asked_once, up, down),
        cmocka_unit_test_setup_teardown(
            stored_receivers_that_are_not_good_any_more__are_kept, up, down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
