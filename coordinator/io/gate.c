#include "coordinator/io/gate.h"

#include "base/bucket.h"
#include "base/err.h"
#include "base/rng.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#define uthash_fatal(msg) abort()
#include <uthash.h>

#define ZAP_ENDPOINT   "inproc://zeromq.zap.01"
#define ZAP_FRAMES_MAX 12
#define ADDRESSES      1024 /* rate buckets; addresses that share one share its rate */
#define CURVE_KEY_LEN  32
#define LINES_PER_S    1
#define LINES_BURST    20

struct allowed {
    char key[PLX_KEY_TEXT_MAX];
    unsigned domains;
    UT_hash_handle hh;
};

struct plx_gate {
    struct plx_gate_limits limits;
    void *socket;
    int stop_fd;
    pthread_t thread;
    bool running;
    pthread_mutex_t mutex; /* over what follows */
    struct allowed *allowed;
    struct plx_gate_counts counts;
    bool logs;
    struct plx_once said;
    struct plx_bucket lines;
    struct plx_bucket all;
    struct plx_bucket each[ADDRESSES];
};

void plx_gate_limits_default(struct plx_gate_limits *ret)
{
    *ret = (struct plx_gate_limits){
        .enrol_per_s = 20,
        .enrol_burst = 50,
        .enrol_per_s_each = 1,
        .enrol_burst_each = 10,
    };
}

static bool take_enrol(struct plx_gate *gate, const char *address, size_t len)
{
    const struct plx_gate_limits *l = &gate->limits;
    struct plx_mono now = plx_clock_mono();
    struct plx_bucket *each = &gate->each[plx_hash_bytes(address, len, 0) % ADDRESSES];
    return plx_bucket_take(each, l->enrol_per_s_each, l->enrol_burst_each, now) &&
           plx_bucket_take(&gate->all, l->enrol_per_s, l->enrol_burst, now);
}

static unsigned domain_of(const char *name, size_t len)
{
    static const struct {
        const char *name;
        unsigned domain;
    } domains[] = {
        {PLX_GATE_AGENTS, PLX_GATE_DOMAIN_AGENTS},
        {PLX_GATE_ADMIN, PLX_GATE_DOMAIN_ADMIN},
        {PLX_GATE_ENROL, PLX_GATE_DOMAIN_ENROL},
    };
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
        if (strlen(domains[i].name) == len && memcmp(domains[i].name, name, len) == 0)
            return domains[i].domain;
    return 0;
}

static struct allowed *find(struct plx_gate *gate, const char *key)
{
    struct allowed *a;
    HASH_FIND_STR(gate->allowed, key, a);
    return a;
}

void plx_gate_allow(struct plx_gate *gate, enum plx_gate_domain domain, const char *key)
{
    if (!plx_key_is_valid(key))
        return;
    pthread_mutex_lock(&gate->mutex);
    struct allowed *a = find(gate, key);
    if (!a) {
        a = calloc(1, sizeof *a);
        if (!a)
            abort();
        memcpy(a->key, key, PLX_KEY_TEXT_MAX);
        HASH_ADD_STR(gate->allowed, key, a);
    }
    a->domains |= domain;
    pthread_mutex_unlock(&gate->mutex);
}

void plx_gate_deny(struct plx_gate *gate, enum plx_gate_domain domain, const char *key)
{
    pthread_mutex_lock(&gate->mutex);
    struct allowed *a = find(gate, key);
    if (a) {
        a->domains &= ~(unsigned)domain;
        if (a->domains == 0) {
            HASH_DEL(gate->allowed, a);
            free(a);
        }
    }
    pthread_mutex_unlock(&gate->mutex);
}

bool plx_gate_admits(struct plx_gate *gate, enum plx_gate_domain domain, const char *key)
{
    pthread_mutex_lock(&gate->mutex);
    const struct allowed *a = find(gate, key);
    bool admits = a && (a->domains & domain);
    pthread_mutex_unlock(&gate->mutex);
    return admits;
}

void plx_gate_log_refusals(struct plx_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->logs = true;
    pthread_mutex_unlock(&gate->mutex);
}

void plx_gate_counts(struct plx_gate *gate, struct plx_gate_counts *ret)
{
    pthread_mutex_lock(&gate->mutex);
    *ret = gate->counts;
    pthread_mutex_unlock(&gate->mutex);
}

/* ---- the thread ---- */

/* RFC 27: version, request id, domain, address, identity, mechanism, credentials. */
struct question {
    size_t n;
    zmq_msg_t frames[ZAP_FRAMES_MAX];
};

static const char *data(struct question *q, size_t i)
{
    return zmq_msg_data(&q->frames[i]);
}

static size_t len(struct question *q, size_t i)
{
    return zmq_msg_size(&q->frames[i]);
}

static bool frame_is(struct question *q, size_t i, const char *text)
{
    return len(q, i) == strlen(text) && memcmp(data(q, i), text, len(q, i)) == 0;
}

/* A stranger decides on its key and on how often it knocks, so both are bounded. */
static void log_refusal(struct plx_gate *gate, struct question *q, const char *key)
{
    char short_key[12], domain[16], address[64];
    if (!gate->logs ||
        !plx_once_is_first(&gate->said, plx_hash_bytes(key, strlen(key), 0)) ||
        !plx_bucket_take(&gate->lines, LINES_PER_S, LINES_BURST, plx_clock_mono()))
        return;
    snprintf(short_key, sizeof short_key, "%.8s", key);
    snprintf(domain, sizeof domain, "%.*s", (int)len(q, 2), data(q, 2));
    snprintf(address, sizeof address, "%.*s", (int)len(q, 3), data(q, 3));
    plx_log(PLX_LOG_WARN, "key_refused", "domain", domain, "key", short_key, "address",
            address, "why", "this key is not enrolled, or is revoked", NULL);
}

/* Whether the asker gets in; its key as text goes to `key` then. */
static bool decide(struct plx_gate *gate, struct question *q, char key[PLX_KEY_TEXT_MAX])
{
    if (q->n != 7 || !frame_is(q, 0, "1.0") || !frame_is(q, 5, "CURVE") ||
        len(q, 6) != CURVE_KEY_LEN ||
        !zmq_z85_encode(key, zmq_msg_data(&q->frames[6]), CURVE_KEY_LEN)) {
        gate->counts.refused++;
        return false;
    }
    unsigned domain = domain_of(data(q, 2), len(q, 2));
    const struct allowed *a = find(gate, key);
    if (domain == PLX_GATE_DOMAIN_ENROL && !take_enrol(gate, data(q, 3), len(q, 3))) {
        gate->counts.limited++;
        return false;
    }
    bool in = domain == PLX_GATE_DOMAIN_ENROL || (a && (a->domains & domain));
    if (in) {
        gate->counts.admitted++;
    } else {
        gate->counts.refused++;
        log_refusal(gate, q, key);
    }
    return in;
}

static void reply(void *socket, struct question *q, bool in, const char *key)
{
    const char *const texts[] = {in ? "200" : "400", in ? "OK" : "refused",
                                 in ? key : ""};
    zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(socket, data(q, 1), len(q, 1), ZMQ_SNDMORE);
    for (size_t i = 0; i < 3; i++)
        zmq_send(socket, texts[i], strlen(texts[i]), ZMQ_SNDMORE);
    zmq_send(socket, "", 0, 0);
}

/* Reads one question, dropping frames beyond the last there is room for. */
static void read_question(void *socket, struct question *q)
{
    bool more = true;
    q->n = 0;
    while (more) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, socket, 0) < 0) {
            zmq_msg_close(&frame);
            return;
        }
        more = zmq_msg_more(&frame);
        if (q->n == ZAP_FRAMES_MAX) {
            zmq_msg_close(&frame);
            continue;
        }
        zmq_msg_init(&q->frames[q->n]);
        zmq_msg_move(&q->frames[q->n++], &frame);
    }
}

static void answer_one(struct plx_gate *gate)
{
    struct question q;
    char key[PLX_KEY_TEXT_MAX] = "";
    read_question(gate->socket, &q);
    if (q.n >= 2) {
        pthread_mutex_lock(&gate->mutex);
        bool in = decide(gate, &q, key);
        pthread_mutex_unlock(&gate->mutex);
        reply(gate->socket, &q, in, key);
    }
    for (size_t i = 0; i < q.n; i++)
        zmq_msg_close(&q.frames[i]);
}

static void *serve(void *arg)
{
    struct plx_gate *gate = arg;
    zmq_pollitem_t items[] = {
        {.socket = gate->socket, .events = ZMQ_POLLIN},
        {.fd = gate->stop_fd, .events = ZMQ_POLLIN},
    };
    while (zmq_poll(items, 2, -1) >= 0 || errno == EINTR) {
        if (items[1].revents)
            break;
        if (items[0].revents)
            answer_one(gate);
    }
    return NULL;
}

static int start(struct plx_gate *gate, struct plx_net *net, struct plx_why *why)
{
    const int no_linger = 0;
    gate->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    gate->socket = zmq_socket(plx_net_context(net), ZMQ_REP);
    if (gate->stop_fd < 0 || !gate->socket ||
        zmq_setsockopt(gate->socket, ZMQ_LINGER, &no_linger, sizeof no_linger) < 0 ||
        zmq_bind(gate->socket, ZAP_ENDPOINT) < 0)
        return plx_why_set(why, PLX_EIO, "cannot set up the gate: %s",
                           zmq_strerror(errno));
    /* The socket changes threads here, once: pthread_create is the full fence that
     * libzmq asks for. */
    if (pthread_create(&gate->thread, NULL, serve, gate) != 0)
        return plx_why_set(why, PLX_EIO, "cannot start the gate's thread");
    gate->running = true;
    return 0;
}

int plx_gate_new(struct plx_net *net, const struct plx_gate_limits *limits,
                 struct plx_gate **ret, struct plx_why *why)
{
    struct plx_gate *gate = calloc(1, sizeof *gate);
    if (!gate)
        abort();
    plx_gate_limits_default(&gate->limits);
    if (limits)
        gate->limits = *limits;
    pthread_mutex_init(&gate->mutex, NULL);
    gate->stop_fd = -1;
    int err = start(gate, net, why);
    if (err < 0) {
        plx_gate_destroy(&gate);
        return err;
    }
    *ret = gate;
    return 0;
}

void plx_gate_destroy(struct plx_gate **gate)
{
    struct plx_gate *g = *gate;
    if (!g)
        return;
    if (g->running) {
        const uint64_t one = 1;
        if (write(g->stop_fd, &one, sizeof one) != sizeof one)
            abort();
        pthread_join(g->thread, NULL);
    }
    if (g->socket)
        zmq_close(g->socket);
    if (g->stop_fd >= 0)
        close(g->stop_fd);
    struct allowed *a, *next;
    HASH_ITER(hh, g->allowed, a, next)
    {
        HASH_DEL(g->allowed, a);
        free(a);
    }
    pthread_mutex_destroy(&g->mutex);
    free(g);
    *gate = NULL;
}
