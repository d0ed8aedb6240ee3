#include "sys/channel.h"

#include "base/err.h"
#include "base/text.h"
#include "sys/file.h"
#include "sys/listener.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

/* Measured limits; see docs/OUTCOMES.md "ZeroMQ". */
#define FRAME_MAX_BYTES        (1024 * 1024) /* 20 strangers cost 1.26 GB without */
#define HANDSHAKE_MS           2000 /* 30 s let a flood shut an honest agent out */
/* A client in a flood waits for its turn in the server's backlog: had it the server's
 * patience, it would hang up shortly before it is accepted. And while that backlog is
 * full the kernel's SYNs come 1, 2, 4 … s apart: a new connection asks again sooner. */
#define CLIENT_HANDSHAKE_MS    10000
#define CLIENT_CONNECT_MS      2000
#define BACKLOG_CONNECTIONS    4096 /* 100 costs a reconnect storm a 1 s stall */
/* Dead hosts are the kernel's to find. Not ZMTP heartbeats: where a peer fills its queue
 * and hangs up, their timer runs into an assertion of libzmq 4.3.4
 * (stream_engine_base.cpp:
 * !_io_error), and any agent could end the coordinator so. */
#define KEEPALIVE_S            5
#define KEEPALIVE_PROBES       3
#define QUEUE_MESSAGES         1000
#define ZAP_ENFORCE_DOMAIN_OPT 93 /* ZMQ_ZAP_ENFORCE_DOMAIN, a draft name in 4.3.4 */

struct plx_net {
    void *context;
};

struct plx_channel {
    void *socket;
    bool server;
    void *monitor; /* NULL: not watched */
    enum plx_channel_standing standing;
    size_t n_messages; /* of the last receive, to be closed before the next */
    zmq_msg_t messages[PLX_PARCEL_FRAMES_MAX + 1];
};

int plx_net_new(struct plx_net **ret, struct plx_why *why)
{
    /* libzmq draws the first routing id from rand(): unseeded, they start from a constant
     * and a peer that squats the next one aborts the process. */
    unsigned seed;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        return plx_why_set(why, PLX_EIO, "cannot read random numbers: %s",
                           strerror(errno));
    srand(seed);
    struct plx_net *net = calloc(1, sizeof *net);
    if (!net)
        abort();
    net->context = zmq_ctx_new();
    if (!net->context) {
        free(net);
        return plx_why_set(why, PLX_EIO, "cannot start ZeroMQ: %s", zmq_strerror(errno));
    }
    zmq_ctx_set(net->context, ZMQ_MAX_SOCKETS, 1024);
    *ret = net;
    return 0;
}

void plx_net_destroy(struct plx_net **net)
{
    if (!*net)
        return;
    zmq_ctx_term((*net)->context);
    free(*net);
    *net = NULL;
}

void *plx_net_context(struct plx_net *net)
{
    return net->context;
}

bool plx_peer_is_given(const struct plx_peer *peer)
{
    return peer->len == 5 && peer->id[0] == 0;
}

bool plx_peer_equal(const struct plx_peer *a, const struct plx_peer *b)
{
    return a->len == b->len && memcmp(a->id, b->id, a->len) == 0;
}

/* An option as libzmq takes it. */
struct option {
    int name;
    int value;
};

static int set_ints(void *socket, const struct option *options, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (zmq_setsockopt(socket, options[i].name, &options[i].value, sizeof(int)) < 0)
            return PLX_EIO;
    return 0;
}

static int set_text(void *socket, int option, const char *text)
{
    return zmq_setsockopt(socket, option, text, strlen(text)) < 0 ? PLX_EIO : 0;
}

static const struct plx_channel_limits usual = {FRAME_MAX_BYTES, QUEUE_MESSAGES};

static int set_common(void *socket, const struct plx_channel_limits *limits)
{
    const int64_t frame_max = (int64_t)limits->frame_max_bytes;
    const struct option options[] = {
        {ZMQ_LINGER, 0},
        {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS},
        {ZMQ_TCP_KEEPALIVE, 1},
        {ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_S},
        {ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_S},
        {ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVE_PROBES},
        {ZMQ_SNDHWM, limits->queue_messages},
        {ZMQ_RCVHWM, limits->queue_messages},
        {ZMQ_IPV6, 1},
    };
    if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_max, sizeof frame_max) < 0)
        return PLX_EIO;
    return set_ints(socket, options, sizeof options / sizeof *options);
}

static int set_server(void *socket, const char *domain, const struct plx_keypair *keys)
{
    const struct option options[] = {
        {ZMQ_CURVE_SERVER, 1},
        {ZMQ_ROUTER_MANDATORY, 1},
        {ZAP_ENFORCE_DOMAIN_OPT, 1}, /* no handler, nobody in */
    };
    int err = set_ints(socket, options, sizeof options / sizeof *options);
    if (err == 0)
        err = set_text(socket, ZMQ_ZAP_DOMAIN, domain);
    if (err == 0)
        err = set_text(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key);
    return err;
}

static int set_client(void *socket, const char *server_key,
                      const struct plx_keypair *keys)
{
    const struct option options[] = {
        {ZMQ_IMMEDIATE, 1}, /* with 0, sends of a refused peer vanish */
        {ZMQ_HANDSHAKE_IVL, CLIENT_HANDSHAKE_MS},
        {ZMQ_CONNECT_TIMEOUT, CLIENT_CONNECT_MS},
        /* Short, because its owner gives a silent channel up and backs off itself. */
        {ZMQ_RECONNECT_IVL, 500},
        {ZMQ_RECONNECT_IVL_MAX, 2000},
    };
    int err = set_ints(socket, options, sizeof options / sizeof *options);
    if (err == 0)
        err = set_text(socket, ZMQ_CURVE_SERVERKEY, server_key);
    if (err == 0)
        err = set_text(socket, ZMQ_CURVE_PUBLICKEY, keys->public_key);
    if (err == 0)
        err = set_text(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key);
    return err;
}

static struct plx_channel *channel_of(struct plx_net *net, int type)
{
    struct plx_channel *channel = calloc(1, sizeof *channel);
    if (!channel)
        abort();
    channel->server = type == ZMQ_ROUTER;
    channel->socket = zmq_socket(net->context, type);
    return channel;
}

int plx_channel_serve_fd(struct plx_net *net, int listen_fd, const char *domain,
                         const struct plx_channel_limits *limits,
                         const struct plx_keypair *keys, struct plx_channel **ret,
                         struct plx_why *why)
{
    struct plx_channel *channel = channel_of(net, ZMQ_ROUTER);
    int fd = channel->socket ? dup(listen_fd) : -1;
    /* A bound socket owns the descriptor; the endpoint's text is then only parsed. */
    if (fd >= 0 && set_common(channel->socket, limits) == 0 &&
        set_server(channel->socket, domain, keys) == 0 &&
        zmq_setsockopt(channel->socket, ZMQ_USE_FD, &fd, sizeof fd) == 0 &&
        zmq_bind(channel->socket, "tcp://127.0.0.1:1") == 0) {
        *ret = channel;
        return 0;
    }
    int e = errno;
    if (fd >= 0)
        close(fd);
    plx_channel_destroy(&channel);
    return plx_why_set(why, PLX_EIO, "cannot set up a server socket: %s",
                       zmq_strerror(e));
}

int plx_channel_serve(struct plx_net *net, const char *endpoint, const char *domain,
                      const struct plx_keypair *keys, struct plx_channel **ret,
                      struct plx_why *why)
{
    char bound[PLX_LISTENER_TEXT_MAX];
    int fd;
    int err = plx_listener_open(endpoint, BACKLOG_CONNECTIONS, &fd, bound, why);
    if (err < 0)
        return err;
    err = plx_channel_serve_fd(net, fd, domain, &usual, keys, ret, why);
    close(fd);
    return err;
}

/* Before it connects: what comes of that may come at once. */
static int watch(struct plx_net *net, struct plx_channel *channel)
{
    char name[64]; /* its own each time: libzmq frees one only some time after its use */
    uint64_t number;
    const struct option no_linger = {ZMQ_LINGER, 0};
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return PLX_EIO;
    snprintf(name, sizeof name, "inproc://channel-%016" PRIx64, number);
    if (zmq_socket_monitor(channel->socket, name,
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                               ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) < 0)
        return PLX_EIO;
    channel->monitor = zmq_socket(net->context, ZMQ_PAIR);
    return channel->monitor && set_ints(channel->monitor, &no_linger, 1) == 0 &&
                   zmq_connect(channel->monitor, name) == 0
               ? 0
               : PLX_EIO;
}

static int connect_channel(struct plx_net *net, const char *endpoint,
                           const char *server_key, const struct plx_keypair *keys,
                           bool watched, struct plx_channel **ret, struct plx_why *why)
{
    struct plx_channel *channel = channel_of(net, ZMQ_DEALER);
    int err;
    if (!channel->socket || set_common(channel->socket, &usual) < 0 ||
        set_client(channel->socket, server_key, keys) < 0 ||
        (watched && watch(net, channel) < 0))
        err = plx_why_set(why, PLX_EIO, "cannot set up a client socket: %s",
                          zmq_strerror(errno));
    else if (zmq_connect(channel->socket, endpoint) < 0)
        err = plx_why_set(why, PLX_EINVAL, "'%s' is no endpoint to connect to: %s",
                          endpoint, zmq_strerror(errno));
    else {
        *ret = channel;
        return 0;
    }
    plx_channel_destroy(&channel);
    return err;
}

int plx_channel_connect(struct plx_net *net, const char *endpoint, const char *server_key,
                        const struct plx_keypair *keys, struct plx_channel **ret,
                        struct plx_why *why)
{
    return connect_channel(net, endpoint, server_key, keys, false, ret, why);
}

int plx_channel_connect_watched(struct plx_net *net, const char *endpoint,
                                const char *server_key, const struct plx_keypair *keys,
                                struct plx_channel **ret, struct plx_why *why)
{
    return connect_channel(net, endpoint, server_key, keys, true, ret, why);
}

/* The next event's number, 0 for none: frame 0 begins with it, frame 1 is the address. */
static uint16_t read_event(void *monitor)
{
    zmq_msg_t event;
    uint16_t number = 0;
    zmq_msg_init(&event);
    for (bool more = true, first = true; more; first = false) {
        if (zmq_msg_recv(&event, monitor, ZMQ_DONTWAIT) < 0)
            break;
        if (first && zmq_msg_size(&event) >= sizeof number)
            memcpy(&number, zmq_msg_data(&event), sizeof number);
        more = zmq_msg_more(&event);
    }
    zmq_msg_close(&event);
    return number;
}

enum plx_channel_standing plx_channel_standing(struct plx_channel *channel)
{
    uint16_t event;
    while (channel->monitor && (event = read_event(channel->monitor)) != 0)
        channel->standing = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED ? PLX_CHANNEL_ADMITTED
                                                                   : PLX_CHANNEL_REFUSED;
    return channel->standing;
}

static void close_messages(struct plx_channel *channel)
{
    for (size_t i = 0; i < channel->n_messages; i++)
        zmq_msg_close(&channel->messages[i]);
    channel->n_messages = 0;
}

void plx_channel_destroy(struct plx_channel **channel)
{
    if (!*channel)
        return;
    close_messages(*channel);
    if ((*channel)->monitor) {
        zmq_socket_monitor((*channel)->socket, NULL, 0);
        zmq_close((*channel)->monitor);
    }
    if ((*channel)->socket)
        zmq_close((*channel)->socket);
    free(*channel);
    *channel = NULL;
}

void plx_channel_set_linger(struct plx_channel *channel, int linger_ms)
{
    zmq_setsockopt(channel->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
}

void *plx_channel_socket(struct plx_channel *channel)
{
    return channel->socket;
}

/* Receives all frames of one message into channel->messages, dropping what is over. */
static int recv_frames(struct plx_channel *channel)
{
    const size_t max = PLX_PARCEL_FRAMES_MAX + (channel->server ? 1 : 0);
    bool more = true, dropped = false;
    close_messages(channel);
    for (bool first = true; more; first = false) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        if (zmq_msg_recv(&message, channel->socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&message);
            return first ? PLX_EAGAIN : PLX_EGONE;
        }
        more = zmq_msg_more(&message);
        if (channel->n_messages == max) {
            dropped = true;
            zmq_msg_close(&message);
        } else {
            zmq_msg_t *slot = &channel->messages[channel->n_messages++];
            zmq_msg_init(slot);
            zmq_msg_move(slot, &message);
        }
    }
    return dropped ? PLX_ETOOBIG : 0;
}

/* Who sent it: frame 0 is the routing id; the key comes with a payload frame, because
 * frame 0 has no properties after some queries of the socket. */
static int take_identity(struct plx_channel *channel, struct plx_parcel *ret)
{
    zmq_msg_t *id = &channel->messages[0];
    size_t len = zmq_msg_size(id);
    if (channel->n_messages < 2 || len == 0 || len > sizeof ret->peer.id)
        return PLX_EDENIED;
    const char *key = zmq_msg_gets(&channel->messages[1], "User-Id");
    if (!key || !plx_key_is_valid(key))
        return PLX_EDENIED;
    memcpy(ret->peer.id, zmq_msg_data(id), len);
    ret->peer.len = (uint8_t)len;
    return plx_text_copy(ret->key, sizeof ret->key, key);
}

int plx_channel_recv(struct plx_channel *channel, struct plx_parcel *ret)
{
    int err = recv_frames(channel);
    if (err < 0)
        return err;
    ret->n_frames = 0;
    ret->peer.len = 0;
    ret->key[0] = '\0';
    size_t first = 0;
    if (channel->server) {
        err = take_identity(channel, ret);
        if (err < 0)
            return PLX_EDENIED;
        first = 1;
    }
    for (size_t i = first; i < channel->n_messages; i++) {
        ret->frames[ret->n_frames] = zmq_msg_data(&channel->messages[i]);
        ret->lens[ret->n_frames++] = zmq_msg_size(&channel->messages[i]);
    }
    return 0;
}

static int send_error(int e)
{
    switch (e) {
    case EAGAIN:
        return PLX_EAGAIN;
    case EHOSTUNREACH:
        return PLX_EGONE;
    default:
        return PLX_EIO;
    }
}

int plx_channel_send(struct plx_channel *channel, const struct plx_peer *peer,
                     const struct plx_frame *frames, size_t n_frames)
{
    if (channel->server &&
        zmq_send(channel->socket, peer->id, peer->len, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        return send_error(errno);
    for (size_t i = 0; i < n_frames; i++) {
        int flags = ZMQ_DONTWAIT | (i + 1 < n_frames ? ZMQ_SNDMORE : 0);
        if (zmq_send(channel->socket, frames[i].data, frames[i].len, flags) < 0)
            return send_error(errno);
    }
    return 0;
}
