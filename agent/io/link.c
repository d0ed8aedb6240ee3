#include "agent/io/link.h"

#include "base/err.h"
#include "base/rng.h"
#include "base/text.h"
#include "proto/session.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BACKOFF_MIN_NS   PLX_SEC_NS
#define HEARTBEAT_MIN_MS 200
#define HEARTBEAT_MAX_MS 60000
#define RESYNC_PAUSE_NS  (2 * PLX_SEC_NS)
#define LINGER_MS        500
#define SAMPLES          8 /* of the clock offset: the one with the shortest way counts */

enum state {
    WAITING,  /* no channel until `until` */
    GREETING, /* a channel, hello not yet answered; given up at `until` */
    UP,
};

struct sample {
    int64_t offset_ns, rtt_ns; /* rtt 0: none */
};

struct plx_link {
    struct plx_net *net;
    struct plx_loop *loop;
    char *endpoint;
    char server_keys[2][PLX_KEY_TEXT_MAX]; /* [1] "": none */
    char server_in_use[PLX_KEY_TEXT_MAX];  /* of the channel */
    struct plx_keypair own[2];             /* [1] public_key "": none */
    unsigned n_attempts, server_used, own_used, server_before, own_before;
    struct plx_link_owner owner;
    struct plx_wire_decoder *decoder;
    struct plx_rng rng;
    struct plx_channel *channel; /* NULL when WAITING */
    enum state state;
    bool hello_sent;
    bool broken; /* found within a receive: acted on at the next tick */
    struct plx_mono until;
    int64_t backoff_ns;
    int64_t pause_ns;    /* before the next attempt, at the least */
    struct plx_mono now; /* as of the last tick: fine enough for all that is timed here */
    struct plx_mono heard, beat_at, resynced, down_since;
    int64_t heartbeat_ns;
    struct sample samples[SAMPLES];
    size_t n_samples;
    char trouble[PLX_WHY_MAX]; /* said last, so that it is said once */
    unsigned n_failures;       /* since the last session */
};

static bool on_socket(void *arg);

static void set_keys(struct plx_link *link, const struct plx_link_keys *keys)
{
    const char *next = keys->next_server_key ? keys->next_server_key : "";
    snprintf(link->server_keys[0], PLX_KEY_TEXT_MAX, "%s", keys->server_key);
    snprintf(link->server_keys[1], PLX_KEY_TEXT_MAX, "%s", next);
    link->own[0] = *keys->own;
    plx_keypair_wipe(&link->own[1]);
    if (keys->new_own)
        link->own[1] = *keys->new_own;
    link->n_attempts = 0;
    link->server_used = link->server_before = 0;
    link->own_used = link->own_before = 0;
}

int plx_link_new(struct plx_net *net, struct plx_loop *loop, const char *endpoint,
                 const char *server_key, const struct plx_keypair *keys,
                 const struct plx_link_owner *owner, struct plx_link **ret,
                 struct plx_why *why)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        return plx_why_set(why, PLX_EIO, "cannot read random numbers");
    struct plx_link *link = calloc(1, sizeof *link);
    if (!link)
        abort();
    link->net = net;
    link->loop = loop;
    link->endpoint = plx_text_dup(endpoint);
    const struct plx_link_keys first = {.server_key = server_key, .own = keys};
    set_keys(link, &first);
    link->owner = *owner;
    link->decoder = plx_wire_decoder_new();
    link->backoff_ns = BACKOFF_MIN_NS;
    link->now = link->down_since = link->until = plx_clock_mono();
    plx_rng_init(&link->rng, seed);
    *ret = link;
    return 0;
}

static void close_channel(struct plx_link *link)
{
    if (!link->channel)
        return;
    plx_loop_remove_socket(link->loop, plx_channel_socket(link->channel));
    plx_channel_destroy(&link->channel);
}

void plx_link_destroy(struct plx_link **link)
{
    struct plx_link *l = *link;
    if (!l)
        return;
    if (l->channel)
        plx_channel_set_linger(l->channel, LINGER_MS);
    close_channel(l);
    plx_wire_decoder_destroy(&l->decoder);
    plx_keypair_wipe(&l->own[0]);
    plx_keypair_wipe(&l->own[1]);
    free(l->endpoint);
    free(l);
    *link = NULL;
}

/* Says why there is no session, once for each new reason. */
static void tell(struct plx_link *link, const char *why)
{
    link->n_failures++;
    if (strcmp(link->trouble, why) == 0)
        return;
    snprintf(link->trouble, sizeof link->trouble, "%s", why);
    plx_log(PLX_LOG_WARN, "link_down", "endpoint", link->endpoint, "why", why, NULL);
}

static void begin_again(struct plx_link *link, struct plx_mono now)
{
    close_channel(link);
    if (link->state == UP)
        link->down_since = link->heard;
    else { /* what did not work is not tried twice in a row */
        link->server_used = link->server_before;
        link->own_used = link->own_before;
    }
    link->state = WAITING;
    link->broken = false;
    int64_t pause = (int64_t)plx_rng_below(&link->rng, (uint64_t)link->backoff_ns);
    link->until = plx_mono_add(now, link->pause_ns + pause);
    link->pause_ns = 0;
    link->backoff_ns *= 2;
    if (link->backoff_ns > PLX_SESSION_BACKOFF_MAX_NS)
        link->backoff_ns = PLX_SESSION_BACKOFF_MAX_NS;
}

/* What worked last, but every third attempt since then an alternative, by turns. */
static void choose_keys(struct plx_link *link)
{
    bool servers = link->server_keys[1][0] != '\0';
    bool owns = link->own[1].public_key[0] != '\0';
    unsigned attempt = link->n_attempts++;
    if (attempt % 3 != 2 || (!servers && !owns))
        return;
    if (servers && (!owns || attempt % 6 == 2))
        link->server_used = !link->server_used;
    else
        link->own_used = !link->own_used;
}

static void connect_now(struct plx_link *link, struct plx_mono now)
{
    struct plx_why why = {""};
    unsigned server = link->server_used, own = link->own_used;
    choose_keys(link);
    int err = plx_channel_connect(link->net, link->endpoint,
                                  link->server_keys[link->server_used],
                                  &link->own[link->own_used], &link->channel, &why);
    link->server_before = server;
    link->own_before = own;
    snprintf(link->server_in_use, PLX_KEY_TEXT_MAX, "%s",
             link->server_keys[link->server_used]);
    if (!err && plx_loop_add_socket(link->loop, plx_channel_socket(link->channel),
                                    on_socket, link)) {
        plx_channel_destroy(&link->channel);
        err = plx_why_set(&why, PLX_ENOMEM, "too many sockets in the loop");
    }
    if (err) {
        tell(link, why.text);
        begin_again(link, now);
        return;
    }
    link->state = GREETING;
    link->hello_sent = false;
    link->until = plx_mono_add(now, PLX_SESSION_WELCOME_NS);
}

static int send_on_channel(struct plx_link *link, const void *frame, size_t len)
{
    const struct plx_frame f = {frame, len};
    return link->channel ? plx_channel_send(link->channel, NULL, &f, 1) : PLX_EAGAIN;
}

static int encode_and_send(struct plx_link *link, const struct plx_msg *msg)
{
    struct plx_buf frame;
    plx_buf_init(&frame, PLX_WIRE_FRAME_MAX);
    int err = plx_wire_encode(msg, &frame);
    if (!err)
        err = send_on_channel(link, frame.data, frame.len);
    plx_buf_fini(&frame);
    return err;
}

static int say_hello(struct plx_link *link)
{
    struct plx_msg msg = {.type = PLX_MSG_HELLO};
    link->owner.hello(link->owner.arg, &msg.hello);
    msg.hello.wall = plx_clock_wall();
    return encode_and_send(link, &msg);
}

static const struct sample *best_sample(const struct plx_link *link)
{
    const struct sample *best = NULL;
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct sample *s = &link->samples[i];
        if (s->rtt_ns > 0 && (!best || s->rtt_ns < best->rtt_ns))
            best = s;
    }
    return best;
}

/* The session is gone and the channel is not: hello again, as soon as it takes one. */
static void greet(struct plx_link *link, struct plx_mono now)
{
    link->state = GREETING;
    link->hello_sent = false;
    link->down_since = link->heard;
    link->until = plx_mono_add(now, PLX_SESSION_WELCOME_NS);
}

/* A send that would block means that the connection is lost: the queue is far longer
 * than what is ever under way. */
static void beat(struct plx_link *link, struct plx_mono now)
{
    struct plx_msg msg = {.type = PLX_MSG_HEARTBEAT};
    const struct sample *best = best_sample(link);
    link->owner.heartbeat(link->owner.arg, &msg.heartbeat);
    if (best) {
        msg.heartbeat.offset_ns = best->offset_ns;
        msg.heartbeat.rtt_us = (uint32_t)(best->rtt_ns / PLX_US_NS) + 1;
    }
    msg.heartbeat.wall = plx_clock_wall();
    if (encode_and_send(link, &msg) == PLX_EAGAIN)
        greet(link, now);
    link->beat_at = plx_mono_add(now, link->heartbeat_ns);
}

/* The coordinator's clock against ours, as RFC 5905 section 8 has it with the two middle
 * timestamps as one. */
static void take_sample(struct plx_link *link, const struct plx_msg_heartbeat_ack *ack)
{
    int64_t rtt = plx_wall_diff(plx_clock_wall(), ack->agent_wall);
    if (rtt <= 0 || rtt > PLX_SESSION_SILENCE_NS)
        return; /* not ours, or our clock was set in between */
    link->samples[link->n_samples++ % SAMPLES] = (struct sample){
        .offset_ns = plx_wall_diff(ack->wall, ack->agent_wall) - rtt / 2,
        .rtt_ns = rtt,
    };
}

static void on_welcome(struct plx_link *link, const struct plx_msg_welcome *welcome)
{
    bool was_up = link->state == UP;
    link->n_attempts = 0;
    link->server_before = link->server_used;
    link->own_before = link->own_used;
    uint32_t ms = welcome->heartbeat_ms;
    ms = ms < HEARTBEAT_MIN_MS ? HEARTBEAT_MIN_MS : ms;
    ms = ms > HEARTBEAT_MAX_MS ? HEARTBEAT_MAX_MS : ms;
    link->heartbeat_ns = ms * PLX_MS_NS;
    link->state = UP;
    link->backoff_ns = BACKOFF_MIN_NS;
    if (was_up)
        return; /* the answer to a resync */
    int64_t away_ns = plx_mono_diff(link->now, link->down_since);
    char away[PLX_DURATION_TEXT_MAX];
    link->trouble[0] = '\0';
    link->n_failures = 0;
    plx_log(PLX_LOG_INFO, "link_up", "endpoint", link->endpoint, "agent",
            welcome->agent_name, "region", welcome->region, "away",
            plx_duration_human(away_ns, away), NULL);
    link->owner.up(link->owner.arg, welcome, away_ns);
    beat(link, link->now);
}

/* "No session" (the coordinator was restarted, or gave us up) is answered by a hello;
 * what only concerns one message is told; the rest ends the session. */
static void on_refusal(struct plx_link *link, const struct plx_msg_refusal *refusal)
{
    char why[PLX_WHY_MAX];
    snprintf(why, sizeof why, "the coordinator refuses: %.900s", refusal->why);
    if (refusal->err == PLX_EGONE && link->state == GREETING)
        return; /* what was sent before this hello */
    if (refusal->err == PLX_EGONE && link->state == UP) {
        greet(link, link->now);
        return;
    }
    tell(link, why);
    bool ends = refusal->err == PLX_EDENIED || refusal->err == PLX_ECONFLICT ||
                refusal->err == PLX_EVERSION || link->state == GREETING;
    if (!ends)
        return;
    /* It will not think better of it in a second. */
    link->backoff_ns = PLX_SESSION_BACKOFF_MAX_NS;
    link->broken = true;
}

static void on_frame(struct plx_link *link, const void *frame, size_t len)
{
    struct plx_msg msg;
    struct plx_why why = {""};
    if (plx_wire_decode(link->decoder, frame, len, &msg, &why)) {
        tell(link, why.text);
        return;
    }
    link->heard = link->now;
    switch (msg.type) {
    case PLX_MSG_WELCOME:
        on_welcome(link, &msg.welcome);
        break;
    case PLX_MSG_REFUSAL:
        on_refusal(link, &msg.refusal);
        break;
    case PLX_MSG_HEARTBEAT_ACK:
        take_sample(link, &msg.heartbeat_ack);
        link->owner.message(link->owner.arg, &msg);
        break;
    default:
        link->owner.message(link->owner.arg, &msg);
        break;
    }
}

static bool on_socket(void *arg)
{
    struct plx_link *link = arg;
    struct plx_parcel parcel;
    if (link->broken)
        return false;
    int err = plx_channel_recv(link->channel, &parcel);
    if (err == 0 && parcel.n_frames == 1)
        on_frame(link, parcel.frames[0], parcel.lens[0]);
    return err != PLX_EAGAIN && err != PLX_EGONE;
}

static void tick_greeting(struct plx_link *link, struct plx_mono now)
{
    if (!link->hello_sent)
        link->hello_sent = say_hello(link) == 0;
    if (plx_mono_diff(now, link->until) < 0)
        return;
    tell(link, link->hello_sent
                   ? "no welcome within 10 s"
                   : "no connection within 10 s: is the coordinator running, the address "
                     "right, and this agent's key still admitted?");
    begin_again(link, now);
}

static void tick_up(struct plx_link *link, struct plx_mono now)
{
    int64_t patience = link->heartbeat_ns * 3;
    if (patience < PLX_SESSION_SILENCE_NS)
        patience = PLX_SESSION_SILENCE_NS;
    if (plx_mono_diff(now, link->heard) > patience) {
        tell(link, "the coordinator fell silent");
        begin_again(link, now);
    } else if (plx_mono_diff(now, link->beat_at) >= 0) {
        beat(link, now);
    }
}

void plx_link_tick(struct plx_link *link, struct plx_mono now)
{
    link->now = now;
    if (link->broken)
        begin_again(link, now);
    switch (link->state) {
    case WAITING:
        if (plx_mono_diff(now, link->until) >= 0)
            connect_now(link, now);
        break;
    case GREETING:
        tick_greeting(link, now);
        break;
    case UP:
        tick_up(link, now);
        break;
    }
}

bool plx_link_is_up(const struct plx_link *link)
{
    return link->state == UP && !link->broken;
}

int plx_link_send_frame(struct plx_link *link, const void *frame, size_t len)
{
    return plx_link_is_up(link) ? send_on_channel(link, frame, len) : PLX_EAGAIN;
}

int plx_link_send(struct plx_link *link, const struct plx_msg *msg)
{
    return plx_link_is_up(link) ? encode_and_send(link, msg) : PLX_EAGAIN;
}

void plx_link_resync(struct plx_link *link)
{
    bool soon = link->resynced.ns != 0 &&
                plx_mono_diff(link->now, link->resynced) < RESYNC_PAUSE_NS;
    if (!plx_link_is_up(link) || soon)
        return;
    link->resynced = link->now;
    plx_log(PLX_LOG_INFO, "assignment_resync", NULL);
    say_hello(link);
}

void plx_link_set_keys(struct plx_link *link, const struct plx_link_keys *keys,
                       bool again, int64_t pause_ns)
{
    set_keys(link, keys);
    if (!again)
        return;
    link->backoff_ns = pause_ns;
    link->pause_ns = pause_ns;
    link->broken = true; /* this may be within a receive */
}

bool plx_link_uses_server(const struct plx_link *link, const char *server_key)
{
    return link->state == UP && strcmp(link->server_in_use, server_key) == 0;
}

bool plx_link_uses_new_own(const struct plx_link *link)
{
    return link->state == UP && link->own_used == 1;
}
