#include "coordinator/io/door.h"

#include "base/bucket.h"
#include "base/err.h"
#include "base/rng.h"
#include "coordinator/io/gate.h"
#include "proto/wire.h"
#include "sys/clock.h"
#include "sys/jail.h"
#include "sys/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <zmq.h>

/* Requests on their way through the coordinator. */
#define WAITING_MAX    64
#define WAIT_NS        (30 * PLX_SEC_NS)
/* A connection passes the gate's rate once and could then ask for ever: so much of each
 * key and of all together. */
#define KEYS           1024 /* buckets; keys that share one share its rate */
#define EACH_PER_S     1
#define EACH_BURST     10
#define ALL_PER_S      100
#define ALL_BURST      200
#define LINES_PER_S    1
#define LINES_BURST    20
#define TURN_MS        200
#define TURN_MAX       256
#define COUNTS_NS      PLX_SEC_NS
#define QUIET_NS       PLX_SEC_NS
/* A flood may have taken every descriptor until the old connections are closed. */
#define RENEW_TRIES    40
#define RENEW_PAUSE_MS 25

struct waiting {
    uint64_t number; /* 0: free */
    struct plx_peer peer;
    struct plx_mono since;
};

struct door {
    int pair_fd, listen_fd;
    int64_t age_ns;
    struct plx_keypair keys;
    struct plx_net *net;
    struct plx_gate *gate;
    struct plx_channel *channel;
    struct plx_wire_decoder *decoder;
    struct plx_buf out;
    struct plx_mono opened, heard, told;
    uint64_t next_number, admitted_before;
    struct waiting waiting[WAITING_MAX];
    struct plx_bucket each[KEYS], all, lines;
    struct plx_door_counts counts;
    bool gone; /* the coordinator is */
};

/* ---- the pair socket ---- */

static void post(struct door *door, const struct plx_door_head *head, const void *bytes,
                 size_t len)
{
    struct iovec parts[] = {{(void *)head, sizeof *head}, {(void *)bytes, len}};
    const struct msghdr letter = {.msg_iov = parts, .msg_iovlen = 2};
    if (sendmsg(door->pair_fd, &letter, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
        errno != EAGAIN)
        door->gone = true;
}

/* The length of what came, 0 for none; sets `gone`. */
static size_t take_letter(struct door *door, char *letter, struct plx_door_head *head)
{
    ssize_t n = recv(door->pair_fd, letter, PLX_DOOR_LETTER_MAX, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        door->gone = true;
    if (n < (ssize_t)sizeof *head)
        return 0;
    memcpy(head, letter, sizeof *head);
    return (size_t)n;
}

/* ---- answers ---- */

static void send_bytes(struct door *door, const struct plx_peer *peer, const void *bytes,
                       size_t len)
{
    const struct plx_frame frame = {bytes, len};
    plx_channel_send(door->channel, peer, &frame, 1);
}

static void refuse(struct door *door, const struct plx_peer *peer, int err,
                   const char *why)
{
    const struct plx_msg msg = {.type = PLX_MSG_REFUSAL, .refusal = {err, why}};
    door->counts.malformed++;
    if (plx_bucket_take(&door->lines, LINES_PER_S, LINES_BURST, plx_clock_mono()))
        plx_log(PLX_LOG_WARN, "enrolment_refused", "why", why, NULL);
    plx_buf_clear(&door->out);
    if (plx_wire_encode(&msg, &door->out) == 0)
        send_bytes(door, peer, door->out.data, door->out.len);
}

static void pass_answer(struct door *door, uint64_t number, const char *bytes, size_t len)
{
    for (size_t i = 0; i < WAITING_MAX; i++) {
        struct waiting *w = &door->waiting[i];
        if (w->number != number || number == 0)
            continue;
        send_bytes(door, &w->peer, bytes, len);
        w->number = 0;
    }
}

static void read_answers(struct door *door)
{
    char letter[PLX_DOOR_LETTER_MAX];
    struct plx_door_head head;
    size_t n;
    while ((n = take_letter(door, letter, &head)) > 0)
        if (head.kind == PLX_DOOR_ANSWER)
            pass_answer(door, head.number, letter + sizeof head, n - sizeof head);
}

/* ---- requests ---- */

static struct waiting *free_place(struct door *door, struct plx_mono now)
{
    for (size_t i = 0; i < WAITING_MAX; i++) {
        struct waiting *w = &door->waiting[i];
        if (w->number == 0 || plx_mono_diff(now, w->since) > WAIT_NS)
            return w;
    }
    return NULL;
}

static void pass_request(struct door *door, const struct plx_parcel *parcel)
{
    struct plx_mono now = plx_clock_mono();
    struct waiting *w = free_place(door, now);
    if (!w) {
        refuse(door, &parcel->peer, PLX_EAGAIN, "busy: try again in a moment");
        return;
    }
    *w = (struct waiting){++door->next_number, parcel->peer, now};
    struct plx_door_head head = {.kind = PLX_DOOR_REQUEST, .number = w->number};
    memcpy(head.key, parcel->key, sizeof head.key);
    post(door, &head, parcel->frames[0], parcel->lens[0]);
}

static bool within_rate(struct door *door, const char *key, struct plx_mono now)
{
    struct plx_bucket *each = &door->each[plx_hash_bytes(key, strlen(key), 0) % KEYS];
    return plx_bucket_take(each, EACH_PER_S, EACH_BURST, now) &&
           plx_bucket_take(&door->all, ALL_PER_S, ALL_BURST, now);
}

/* False when there is nothing more to read. */
static bool read_request(struct door *door)
{
    struct plx_parcel parcel;
    struct plx_msg msg;
    struct plx_why why;
    int err = plx_channel_recv(door->channel, &parcel);
    if (err == PLX_EAGAIN)
        return false;
    door->heard = plx_clock_mono();
    if (err < 0 || !within_rate(door, parcel.key, door->heard)) {
        door->counts.malformed++;
        return true;
    }
    err =
        parcel.n_frames == 1 && parcel.lens[0] <= PLX_DOOR_FRAME_MAX
            ? plx_wire_decode(door->decoder, parcel.frames[0], parcel.lens[0], &msg, &why)
            : PLX_EMALFORMED;
    if (err < 0)
        refuse(door, &parcel.peer, err, "the request could not be read");
    else if (msg.type != PLX_MSG_ENROL_REQUEST)
        refuse(door, &parcel.peer, PLX_EINVAL, "this port only enrols");
    else
        pass_request(door, &parcel);
    return true;
}

/* ---- serving ---- */

static int open_channel(struct door *door, struct plx_why *why)
{
    const struct plx_channel_limits limits = {PLX_DOOR_FRAME_MAX, PLX_DOOR_QUEUE};
    door->opened = door->heard = plx_clock_mono();
    return plx_channel_serve_fd(door->net, door->listen_fd, PLX_GATE_ENROL, &limits,
                                &door->keys, &door->channel, why);
}

/* Closes every connection there is. Whoever connects meanwhile waits in the listener's
 * backlog; who had asked already asks again. */
static int renew(struct door *door, struct plx_why *why)
{
    struct plx_gate_counts gate;
    plx_gate_counts(door->gate, &gate);
    door->admitted_before = gate.admitted;
    door->counts.renewed++;
    plx_channel_destroy(&door->channel);
    memset(door->waiting, 0, sizeof door->waiting);
    int err = open_channel(door, why);
    for (int tries = RENEW_TRIES; err < 0 && tries > 0; tries--) {
        poll(NULL, 0, RENEW_PAUSE_MS); /* libzmq closes on a thread of its own */
        err = open_channel(door, why);
    }
    return err;
}

static bool is_due(struct door *door, struct plx_mono now)
{
    struct plx_gate_counts gate;
    int64_t age_ns = plx_mono_diff(now, door->opened);
    if (age_ns < door->age_ns)
        return false;
    plx_gate_counts(door->gate, &gate);
    if (gate.admitted == door->admitted_before)
        return false; /* nobody is there */
    return age_ns >= 2 * door->age_ns || plx_mono_diff(now, door->heard) >= QUIET_NS;
}

static void tell_counts(struct door *door, struct plx_mono now)
{
    const struct plx_door_head head = {.kind = PLX_DOOR_COUNTS};
    struct plx_gate_counts gate;
    if (plx_mono_diff(now, door->told) < COUNTS_NS)
        return;
    door->told = now;
    plx_gate_counts(door->gate, &gate);
    door->counts.admitted = gate.admitted;
    door->counts.limited = gate.limited;
    door->counts.refused = gate.refused;
    post(door, &head, &door->counts, sizeof door->counts);
}

static int serve(struct door *door, struct plx_why *why)
{
    int err = 0;
    while (!door->gone && err == 0) {
        zmq_pollitem_t items[] = {
            {.socket = plx_channel_socket(door->channel), .events = ZMQ_POLLIN},
            {.fd = door->pair_fd, .events = ZMQ_POLLIN},
        };
        if (zmq_poll(items, 2, TURN_MS) < 0 && errno != EINTR)
            return plx_why_set(why, PLX_EIO, "cannot wait: %s", zmq_strerror(errno));
        struct plx_mono now = plx_clock_mono();
        for (int i = 0; i < TURN_MAX && read_request(door); i++)
            ;
        read_answers(door);
        tell_counts(door, now);
        if (is_due(door, now))
            err = renew(door, why);
    }
    return err;
}

static int take_keys(struct door *door, struct plx_why *why)
{
    char letter[PLX_DOOR_LETTER_MAX];
    struct plx_door_head head = {0};
    ssize_t n = recv(door->pair_fd, letter, sizeof letter, 0);
    bool good = n == (ssize_t)(sizeof head + sizeof door->keys);
    if (good) {
        memcpy(&head, letter, sizeof head);
        memcpy(&door->keys, letter + sizeof head, sizeof door->keys);
    }
    explicit_bzero(letter, sizeof letter);
    return good && head.kind == PLX_DOOR_KEYS
               ? 0
               : plx_why_set(why, PLX_EIO, "the coordinator sent no key");
}

/* The threads of libzmq and the gate run before the jail closes behind them. */
static int open_door(struct door *door, bool jail, struct plx_why *why)
{
    int err = take_keys(door, why);
    if (err == 0)
        err = plx_net_new(&door->net, why);
    if (err == 0)
        err = plx_gate_new(door->net, NULL, &door->gate, why);
    if (err == 0 && jail)
        err = plx_jail_enter(why);
    return err < 0 ? err : open_channel(door, why);
}

int plx_door_serve(int pair_fd, int listen_fd, bool jail, int64_t age_ns)
{
    struct plx_why why = {""};
    struct door *door = calloc(1, sizeof *door);
    if (!door)
        abort();
    door->pair_fd = pair_fd;
    door->listen_fd = listen_fd;
    door->age_ns = age_ns;
    door->decoder = plx_wire_decoder_new();
    plx_buf_init(&door->out, PLX_DOOR_FRAME_MAX);
    int err = open_door(door, jail, &why);
    if (err == 0)
        err = serve(door, &why);
    if (err < 0)
        plx_log(PLX_LOG_ERROR, "enrolment_door_failed", "why", why.text, NULL);
    plx_channel_destroy(&door->channel);
    plx_gate_destroy(&door->gate);
    plx_net_destroy(&door->net);
    plx_wire_decoder_destroy(&door->decoder);
    plx_buf_fini(&door->out);
    plx_keypair_wipe(&door->keys);
    free(door);
    return err;
}
