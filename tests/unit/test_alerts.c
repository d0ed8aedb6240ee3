/* The alerts' room, where it meets the store. */
#include "coordinator_fixture.h"

#include "base/err.h"
#include "coordinator/receivers/receiver.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
