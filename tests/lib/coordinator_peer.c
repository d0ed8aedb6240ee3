#include "coordinator_peer.h"

#include "test.h"

#include <string.h>
#include <zmq.h>

/* The frames of a ZAP request and reply (RFC 27): version, request, … */
enum { ZAP_FRAMES = 7, ZAP_REQUEST = 1, ZAP_KEY = 6 };

static bool on_knock(void *arg)
{
    struct plx_coordinator_peer *peer = arg;
    char frames[ZAP_FRAMES][256];
    int lens[ZAP_FRAMES];
    for (int i = 0; i < ZAP_FRAMES; i++) {
        lens[i] = zmq_recv(peer->gate, frames[i], sizeof frames[i], ZMQ_DONTWAIT);
        if (lens[i] < 0)
            return false;
    }
    char key[PLX_KEY_TEXT_MAX];
    assert_int_equal(lens[ZAP_KEY], 32);
    zmq_z85_encode(key, (const uint8_t *)frames[ZAP_KEY], 32);
    bool in = strcmp(key, peer->admitted) == 0;
    peer->n_knocks++;
    peer->n_refused += !in;
    zmq_send(peer->gate, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(peer->gate, frames[ZAP_REQUEST], (size_t)lens[ZAP_REQUEST], ZMQ_SNDMORE);
    zmq_send(peer->gate, in ? "200" : "400", 3, ZMQ_SNDMORE);
    zmq_send(peer->gate, "", 0, ZMQ_SNDMORE);
    zmq_send(peer->gate, in ? key : "", in ? 40 : 0, ZMQ_SNDMORE);
    zmq_send(peer->gate, "", 0, 0);
    return true;
}

static bool on_message(void *arg)
{
    struct plx_coordinator_peer *peer = arg;
    struct plx_parcel parcel;
    struct plx_msg msg;
    if (plx_channel_recv(peer->router, &parcel))
        return false;
    assert_int_equal(parcel.n_frames, 1);
    assert_int_equal(
        plx_wire_decode(peer->decoder, parcel.frames[0], parcel.lens[0], &msg, NULL), 0);
    peer->peer = parcel.peer;
    peer->on_msg(peer->arg, &msg);
    return true;
}

void plx_coordinator_peer_start(struct plx_coordinator_peer *peer, struct plx_net *net,
                                struct plx_loop *loop)
{
    size_t len = sizeof peer->endpoint;
    const int zero = 0;
    peer->net = net;
    peer->loop = loop;
    peer->gate = zmq_socket(plx_net_context(net), ZMQ_REP);
    assert_non_null(peer->gate);
    zmq_setsockopt(peer->gate, ZMQ_LINGER, &zero, sizeof zero);
    assert_int_equal(zmq_bind(peer->gate, "inproc://zeromq.zap.01"), 0);
    assert_int_equal(plx_keypair_generate(&peer->keys, NULL), 0);
    assert_int_equal(plx_channel_serve(net, "tcp://127.0.0.1:*", "test", &peer->keys,
                                       &peer->router, NULL),
                     0);
    zmq_getsockopt(plx_channel_socket(peer->router), ZMQ_LAST_ENDPOINT, peer->endpoint,
                   &len);
    peer->decoder = plx_wire_decoder_new();
    plx_loop_add_socket(loop, peer->gate, on_knock, peer);
    plx_loop_add_socket(loop, plx_channel_socket(peer->router), on_message, peer);
}

void plx_coordinator_peer_stop(struct plx_coordinator_peer *peer)
{
    plx_loop_remove_socket(peer->loop, peer->gate);
    plx_loop_remove_socket(peer->loop, plx_channel_socket(peer->router));
    plx_channel_destroy(&peer->router);
    zmq_close(peer->gate);
    plx_wire_decoder_destroy(&peer->decoder);
}

void plx_coordinator_peer_send(struct plx_coordinator_peer *peer,
                               const struct plx_msg *msg)
{
    struct plx_buf frame;
    plx_buf_init(&frame, PLX_WIRE_FRAME_MAX);
    assert_int_equal(plx_wire_encode(msg, &frame), 0);
    const struct plx_frame f = {frame.data, frame.len};
    plx_channel_send(peer->router, &peer->peer, &f, 1);
    plx_buf_fini(&frame);
}
