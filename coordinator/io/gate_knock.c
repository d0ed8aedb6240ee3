/* The gate's self-test: a stranger knocks (declared in gate.h). */
#include "base/err.h"
#include "base/rng.h"
#include "coordinator/io/gate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#define KNOCK_MS 5000

enum answer { ANSWER_NONE, ANSWER_IN, ANSWER_OUT };

/* Waits for what becomes of the handshake. */
static enum answer wait_answer(void *monitor)
{
    for (;;) {
        zmq_msg_t event, address;
        zmq_msg_init(&event);
        zmq_msg_init(&address);
        int n = zmq_msg_recv(&event, monitor, 0);
        uint16_t number = 0;
        if (n >= 2)
            memcpy(&number, zmq_msg_data(&event), sizeof number);
        if (n >= 0)
            zmq_msg_recv(&address, monitor, 0);
        zmq_msg_close(&event);
        zmq_msg_close(&address);
        if (n < 0)
            return ANSWER_NONE;
        if (number == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            return ANSWER_IN;
        if (number == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
            return ANSWER_OUT;
    }
}

/* Watches a client socket's handshake through its monitor. */
static enum answer watch(struct plx_net *net, void *client, const char *endpoint,
                         const char *key)
{
    const int timeout_ms = KNOCK_MS, no_linger = 0;
    /* A name of its own each time: libzmq frees one only some time after its use. */
    char name[64];
    snprintf(name, sizeof name, "inproc://gate-%016" PRIx64,
             plx_hash_bytes(key, strlen(key), 0));
    if (zmq_socket_monitor(client, name,
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                               ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) < 0)
        return ANSWER_NONE;
    void *monitor = zmq_socket(plx_net_context(net), ZMQ_PAIR);
    enum answer answer = ANSWER_NONE;
    if (monitor &&
        zmq_setsockopt(monitor, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms) == 0 &&
        zmq_setsockopt(monitor, ZMQ_LINGER, &no_linger, sizeof no_linger) == 0 &&
        zmq_connect(monitor, name) == 0 && zmq_connect(client, endpoint) == 0)
        answer = wait_answer(monitor);
    zmq_socket_monitor(client, NULL, 0);
    if (monitor)
        zmq_close(monitor);
    return answer;
}

static enum answer knock(struct plx_net *net, struct plx_channel *server,
                         const char *server_key)
{
    struct plx_keypair stranger;
    struct plx_why why;
    char endpoint[128];
    size_t size = sizeof endpoint;
    const int no_linger = 0;
    if (zmq_getsockopt(plx_channel_socket(server), ZMQ_LAST_ENDPOINT, endpoint, &size) <
            0 ||
        plx_keypair_generate(&stranger, &why) < 0)
        return ANSWER_NONE;
    void *client = zmq_socket(plx_net_context(net), ZMQ_DEALER);
    enum answer answer = ANSWER_NONE;
    if (client && zmq_setsockopt(client, ZMQ_LINGER, &no_linger, sizeof no_linger) == 0 &&
        zmq_setsockopt(client, ZMQ_CURVE_SERVERKEY, server_key, 40) == 0 &&
        zmq_setsockopt(client, ZMQ_CURVE_PUBLICKEY, stranger.public_key, 40) == 0 &&
        zmq_setsockopt(client, ZMQ_CURVE_SECRETKEY, stranger.secret_key, 40) == 0)
        answer = watch(net, client, endpoint, stranger.public_key);
    if (client)
        zmq_close(client);
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
    enum answer answer = knock(net, server, keys.public_key);
    plx_channel_destroy(&server);
    plx_keypair_wipe(&keys);
    if (answer == ANSWER_OUT)
        return 0;
    return plx_why_set(why, PLX_EDENIED,
                       "self-test of the gate: a key that nobody knows %s the domain "
                       "'%s'; nothing is served",
                       answer == ANSWER_IN ? "got into" : "was not kept out of", domain);
}

int plx_gate_self_test(struct plx_net *net, struct plx_why *why)
{
    int err = test_domain(net, PLX_GATE_AGENTS, why);
    return err < 0 ? err : test_domain(net, PLX_GATE_ADMIN, why);
}
