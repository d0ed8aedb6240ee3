/* The gate's self-test: a stranger knocks (declared in gate.h). */
#include "base/err.h"
#include "coordinator/io/gate.h"

#include <poll.h>
#include <zmq.h>

#define KNOCK_MS 5000
#define PAUSE_MS 2

static enum plx_channel_standing await_answer(struct plx_channel *client)
{
    enum plx_channel_standing answer = plx_channel_standing(client);
    for (int ms = 0; answer == PLX_CHANNEL_UNDECIDED && ms < KNOCK_MS; ms += PAUSE_MS) {
        poll(NULL, 0, PAUSE_MS);
        answer = plx_channel_standing(client);
    }
    return answer;
}

/* UNDECIDED: nobody answered. */
static enum plx_channel_standing knock(struct plx_net *net, struct plx_channel *server,
                                       const char *server_key)
{
    struct plx_keypair stranger;
    struct plx_channel *client;
    struct plx_why why;
    char endpoint[128];
    size_t size = sizeof endpoint;
    enum plx_channel_standing answer = PLX_CHANNEL_UNDECIDED;
    if (zmq_getsockopt(plx_channel_socket(server), ZMQ_LAST_ENDPOINT, endpoint, &size) <
            0 ||
        plx_keypair_generate(&stranger, &why) < 0)
        return answer;
    if (plx_channel_connect_watched(net, endpoint, server_key, &stranger, &client,
                                    &why) == 0) {
        answer = await_answer(client);
        plx_channel_destroy(&client);
    }
    plx_keypair_wipe(&stranger);
    return answer;
}

static int test_domain(struct plx_net *net, const char *domain, struct plx_why *why)
{
    struct plx_keypair keys;
    struct plx_channel *server;
    int err = plx_keypair_generate(&keys, why);
    if (err == 0)
        err = plx_channel_serve(net, "tcp://127.0.0.1:*", domain, &keys, &server, why);
    if (err < 0)
        return plx_why_in(why, err, "self-test of the gate");
    enum plx_channel_standing answer = knock(net, server, keys.public_key);
    plx_channel_destroy(&server);
    plx_keypair_wipe(&keys);
    if (answer == PLX_CHANNEL_REFUSED)
        return 0;
    return plx_why_set(
        why, PLX_EDENIED,
        "self-test of the gate: a key that nobody knows %s the domain "
        "'%s'; nothing is served",
        answer == PLX_CHANNEL_ADMITTED ? "got into" : "was not kept out of", domain);
}

int plx_gate_self_test(struct plx_net *net, struct plx_why *why)
{
    int err = test_domain(net, PLX_GATE_AGENTS, why);
    return err < 0 ? err : test_domain(net, PLX_GATE_ADMIN, why);
}
