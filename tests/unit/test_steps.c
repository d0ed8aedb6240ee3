/* Assignments that one frame cannot hold. */
#include "coordinator_fixture.h"
#include "test.h"

#include "base/err.h"

static struct coordinator_fixture fx;

static int setup(void **state)
{
    (void)state;
    coordinator_up(&fx);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    coordinator_down(&fx);
    return 0;
}

/* So many monitors with 3,000 bytes to send: 350 of them fill a frame. */
#define N_LONG     900
#define SEND_BYTES 3000

static void apply_long_greetings(void)
{
    static char body[N_LONG * (SEND_BYTES + 256)];
    static char text[SEND_BYTES + 1];
    size_t n =
        (size_t)snprintf(body, sizeof body, "{\"file\":\"t\",\"text\":\"monitors:\\n");
    memset(text, 'x', SEND_BYTES);
    for (int i = 0; i < N_LONG; i++)
        n += (size_t)snprintf(body + n, sizeof body - n,
                              "- {host: 192.0.2.1, port: %d, locations: [all],"
                              " greeting: [{send: %s}, {expect: ok}]}\\n",
                              1000 + i, text);
    snprintf(body + n, sizeof body - n, "\"}");
    coordinator_ask(&fx, "apply", body);
    assert_string_equal(fx.why, "");
}

static void long_tasks__are_cut_by_bytes(void **state)
{
    (void)state;
    struct scripted_agent agent;
    agent_join(&agent, &fx, "fra", "");
    apply_long_greetings(); /* a delta of 2.7 MB */
    agent_await_beyond(&agent, PLX_MSG_SNAPSHOT, 3);
    size_t of_last = agent.n_tasks;
    agent_hello(&agent); /* that it holds nothing */
    agent_await_beyond(&agent, PLX_MSG_SNAPSHOT, 6);
    assert_int_equal(agent.heard[PLX_MSG_DELTA], 0);
    assert_int_equal(agent.n_tasks, of_last);
    assert_true(of_last < N_LONG / 2);
    agent_close(&agent);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(long_tasks__are_cut_by_bytes),
    };
    return PLX_RUN(tests);
}
