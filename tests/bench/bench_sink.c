/* As much of a coordinator as an agent needs to work at full rate: lets one key in,
 * assigns monitors, acknowledges results at once and counts them. It stores nothing:
 * what is measured is the agent.
 *
 * bench_sink DIR name=value…: leaves the agent's key and enrolment in DIR, prints
 * "ready 1", and on SIGTERM what came. */
#include "agent/config.h"
#include "base/buf.h"
#include "base/err.h"
#include "measure.h"
#include "proto/wire.h"
#include "sys/channel.h"
#include "sys/clock.h"
#include "sys/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#define DOMAIN "bench"

static struct plx_bench_net net = {.base = 0x7f010001, .port = 20000, .n_ports = 1};
static int64_t monitors = 20000, interval_ms = 1000, listen_port = 17440;

static struct {
    struct plx_loop *loop;
    struct plx_channel *channel;
    struct plx_wire_decoder *decoder;
    uint64_t results, open, lost, batches;
} sink;

static void need(int err, const char *what)
{
    if (err == 0)
        return;
    fprintf(stderr, "bench_sink: %s: %s\n", what, plx_err_text(err));
    exit(3);
}

/* Admits every key (ZMTP RFC 27): nobody else is in this namespace. */
static void *admit_all(void *context)
{
    void *socket = zmq_socket(context, ZMQ_REP);
    if (zmq_bind(socket, "inproc://zeromq.zap.01") != 0)
        plx_bench_die("cannot bind the gate");
    for (;;) {
        char frames[7][256], key[PLX_KEY_TEXT_MAX];
        int lens[7];
        for (int i = 0; i < 7; i++)
            lens[i] = zmq_recv(socket, frames[i], sizeof frames[i], 0);
        if (lens[0] < 0)
            break;
        zmq_z85_encode(key, (const uint8_t *)frames[6], 32);
        zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
        zmq_send(socket, frames[1], (size_t)lens[1], ZMQ_SNDMORE);
        zmq_send(socket, "200", 3, ZMQ_SNDMORE);
        zmq_send(socket, "", 0, ZMQ_SNDMORE);
        zmq_send(socket, key, strlen(key), ZMQ_SNDMORE);
        zmq_send(socket, "", 0, 0);
    }
    zmq_close(socket);
    return NULL;
}

static void answer(const struct plx_peer *peer, const struct plx_msg *msg)
{
    struct plx_buf buf;
    plx_buf_init(&buf, PLX_WIRE_FRAME_MAX);
    need(plx_wire_encode(msg, &buf), "encode");
    const struct plx_frame frame = {buf.data, buf.len};
    plx_channel_send(sink.channel, peer, &frame, 1);
    plx_buf_fini(&buf);
}

static void assign(const struct plx_peer *peer)
{
    enum { PART = PLX_WIRE_TASKS_MAX };
    static struct plx_task tasks[PART];
    static char hosts[PART][PLX_ADDR_TEXT_MAX];
    uint32_t parts = (uint32_t)((monitors + PART - 1) / PART);
    for (uint32_t part = 0; part < parts; part++) {
        uint64_t first = (uint64_t)part * PART;
        uint64_t left = (uint64_t)monitors - first;
        size_t n = left < PART ? left : PART;
        for (size_t i = 0; i < n; i++) {
            struct plx_addr addr = plx_bench_addr(&net, first + i);
            plx_addr_format(&addr, hosts[i]);
            tasks[i] = (struct plx_task){.monitor_id = first + i + 1,
                                         .host = hosts[i],
                                         .port = plx_bench_port(&net, first + i),
                                         .interval_ns = interval_ms * PLX_MS_NS,
                                         .timeout_ns = interval_ms * PLX_MS_NS / 2,
                                         .source = "",
                                         .confirm = true};
        }
        const struct plx_msg msg = {.type = PLX_MSG_SNAPSHOT,
                                    .snapshot = {1, part, parts, tasks, n}};
        answer(peer, &msg);
    }
}

static void welcome(const struct plx_peer *peer)
{
    const struct plx_msg msg = {.type = PLX_MSG_WELCOME,
                                .welcome = {.agent_id = 1,
                                            .agent_name = "bench",
                                            .region = "bench",
                                            .wall = plx_clock_wall(),
                                            .heartbeat_ms = 5000,
                                            .lease_ms = 15000}};
    answer(peer, &msg);
    assign(peer);
}

static void take_results(const struct plx_peer *peer, const struct plx_msg_results *r)
{
    const uint64_t n = r->n ? r->n : r->lost;
    const struct plx_msg msg = {.type = PLX_MSG_ACK,
                                .ack = {r->stream_id, r->first_seq + n - 1}};
    sink.batches++;
    sink.results += r->n;
    sink.lost += r->lost;
    for (size_t i = 0; i < r->n; i++)
        sink.open += r->results[i].outcome == PLX_OUTCOME_OPEN;
    answer(peer, &msg);
}

static void on_message(const struct plx_peer *peer, const struct plx_msg *msg)
{
    if (msg->type == PLX_MSG_HELLO) {
        welcome(peer);
    } else if (msg->type == PLX_MSG_RESULTS) {
        take_results(peer, &msg->results);
    } else if (msg->type == PLX_MSG_HEARTBEAT) {
        const struct plx_msg ack = {
            .type = PLX_MSG_HEARTBEAT_ACK,
            .heartbeat_ack = {msg->heartbeat.wall, plx_clock_wall(), 1}};
        answer(peer, &ack);
    }
}

static bool on_socket(void *arg)
{
    struct plx_parcel parcel;
    struct plx_why why = {0};
    (void)arg;
    int err = plx_channel_recv(sink.channel, &parcel);
    if (err)
        return err != PLX_EAGAIN;
    for (size_t i = 0; i < parcel.n_frames; i++) {
        struct plx_msg msg;
        need(plx_wire_decode(sink.decoder, parcel.frames[i], parcel.lens[i], &msg, &why),
             "decode");
        on_message(&parcel.peer, &msg);
    }
    return true;
}

static void on_signal(void *arg, int signo)
{
    (void)arg;
    (void)signo;
    plx_loop_stop(sink.loop);
}

/* What enrolling would leave. */
static void enrol(const char *dir, const char *endpoint, const char *server_key)
{
    char path[512];
    struct plx_keypair keys;
    struct plx_why why = {0};
    char name[] = "bench";
    const struct plx_enrolment enrolment = {
        (char *)(uintptr_t)endpoint, (char *)(uintptr_t)server_key, NULL, name, name};
    snprintf(path, sizeof path, "%s/agent.key", dir);
    need(plx_keypair_ensure(path, &keys, &why), "agent's key");
    need(plx_enrolment_save(dir, &enrolment, &why), "enrolment");
}

int main(int argc, char **argv)
{
    const struct plx_bench_option options[] = {{"monitors", &monitors},
                                               {"interval_ms", &interval_ms},
                                               {"base", &net.base},
                                               {"port", &net.port},
                                               {"ports", &net.n_ports},
                                               {"listen", &listen_port},
                                               {NULL, NULL}};
    struct plx_why why = {0};
    struct plx_net *zmq;
    struct plx_keypair keys;
    char endpoint[64];
    pthread_t gate;
    if (argc < 2) {
        errno = EINVAL;
        plx_bench_die("a directory is wanted");
    }
    plx_bench_options(argc - 1, argv + 1, options);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", (int)listen_port);
    need(plx_loop_new(on_signal, NULL, &sink.loop, &why), "loop");
    need(plx_net_new(&zmq, &why), "network");
    need(plx_keypair_generate(&keys, &why), "key");
    if (pthread_create(&gate, NULL, admit_all, plx_net_context(zmq)) != 0)
        plx_bench_die("cannot start the gate");
    need(plx_channel_serve(zmq, endpoint, DOMAIN, &keys, &sink.channel, &why), "serve");
    sink.decoder = plx_wire_decoder_new();
    enrol(argv[1], endpoint, keys.public_key);
    need(
        plx_loop_add_socket(sink.loop, plx_channel_socket(sink.channel), on_socket, NULL),
        "socket");
    plx_bench_print("ready", 1);
    fflush(stdout);
    plx_loop_run(sink.loop);
    plx_bench_print("results", (double)sink.results);
    plx_bench_print("open", (double)sink.open);
    plx_bench_print("lost", (double)sink.lost);
    plx_bench_print("results_frame",
                    sink.batches ? (double)sink.results / (double)sink.batches : 0);
    fflush(stdout);
    _exit(0); /* the gate never ends by itself */
}
