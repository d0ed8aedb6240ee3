#include "coordinator/io/enrol.h"

#include "base/err.h"
#include "base/rng.h"
#include "base/text.h"
#include "coordinator/io/bound.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Requests between here and the store. */
#define WAITING_MAX 64
/* A connection passes the gate's rate once and could then ask for ever: so much of each
 * key, of all together, and of the log. */
#define KEYS        1024 /* buckets; keys that share one share its rate */
#define EACH_PER_S  1
#define EACH_BURST  10
#define ALL_PER_S   100
#define ALL_BURST   200
#define LINES_PER_S 1
#define LINES_BURST 20

/* A token bucket that begins full. */
struct bucket {
    double used;
    struct plx_mono at;
};

struct plx_enrol {
    struct plx_desk *desk;
    struct plx_loop *loop;
    struct plx_channel *channel;
    struct plx_wire_decoder *decoder;
    struct plx_buf out;
    char *agents_endpoint;
    char endpoint[PLX_BOUND_MAX];
    unsigned waiting;
    struct bucket each[KEYS], all, lines;
    uint64_t unsaid; /* refusals since the last line of the log */
};

/* A request on its way through the store. */
struct request {
    struct plx_enrol *enrol;
    struct plx_peer peer;
};

static void answer(struct plx_enrol *enrol, const struct plx_peer *peer,
                   const struct plx_msg *msg)
{
    plx_buf_clear(&enrol->out);
    if (plx_wire_encode(msg, &enrol->out) < 0)
        return;
    const struct plx_frame frame = {enrol->out.data, enrol->out.len};
    plx_channel_send(enrol->channel, peer, &frame, 1);
}

static bool take_one(struct bucket *b, double per_s, double burst, struct plx_mono now)
{
    b->used -= (double)plx_mono_diff(now, b->at) / (double)PLX_SEC_NS * per_s;
    if (b->used < 0)
        b->used = 0;
    b->at = now;
    if (b->used + 1 > burst)
        return false;
    b->used += 1;
    return true;
}

static bool within_rate(struct plx_enrol *enrol, const char *key)
{
    struct plx_mono now = plx_clock_mono();
    struct bucket *each = &enrol->each[plx_hash_bytes(key, strlen(key), 0) % KEYS];
    return take_one(each, EACH_PER_S, EACH_BURST, now) &&
           take_one(&enrol->all, ALL_PER_S, ALL_BURST, now);
}

/* Strangers decide how often this happens, so not every one has a line. */
static void log_refusal(struct plx_enrol *enrol, const char *why)
{
    if (!take_one(&enrol->lines, LINES_PER_S, LINES_BURST, plx_clock_mono())) {
        enrol->unsaid++;
        return;
    }
    char unsaid[32];
    snprintf(unsaid, sizeof unsaid, "%llu", (unsigned long long)enrol->unsaid);
    plx_log(PLX_LOG_WARN, "enrolment_refused", "why", why,
            enrol->unsaid > 0 ? "not_logged_before" : NULL, unsaid, NULL);
    enrol->unsaid = 0;
}

static void refuse(struct plx_enrol *enrol, const struct plx_peer *peer, int err,
                   const char *why)
{
    const struct plx_msg msg = {.type = PLX_MSG_REFUSAL, .refusal = {err, why}};
    enrol->desk->counts.enrol_refused++;
    log_refusal(enrol, why);
    answer(enrol, peer, &msg);
}

/* For the person who holds the token: what to do, nothing about others' tokens. */
static const char *sentence(int err, const char *why)
{
    switch (err) {
    case PLX_EDENIED:
        return "this token is not known here";
    case PLX_ETIMEOUT:
        return "this token has expired: make a new one";
    case PLX_EGONE:
        return "this token was revoked: make a new one";
    case PLX_ECONFLICT:
        return "this token is used up: make a new one";
    default:
        return why && *why ? why : plx_err_text(err);
    }
}

static void welcome(struct plx_enrol *enrol, const struct plx_peer *peer,
                    const struct plx_store_agent *agent)
{
    struct plx_desk *desk = enrol->desk;
    if (plx_roster_by_id(desk->roster, agent->id) == PLX_ROSTER_NONE) {
        struct plx_store_token *token = plx_desk_token(desk, agent->token_id);
        if (token && token->uses_left > 0)
            token->uses_left--;
        if (plx_desk_add_agent(desk, agent, false) == PLX_ROSTER_NONE) {
            refuse(enrol, peer, PLX_ENOMEM, "no room for another agent");
            return;
        }
        desk->counts.enrolled++;
        plx_log(PLX_LOG_INFO, "agent_enrolled", "agent", agent->name, "region",
                agent->region, NULL);
        plx_desk_settle(desk);
    }
    const struct plx_msg msg = {
        .type = PLX_MSG_ENROL_REPLY,
        .enrol_reply = {agent->id, agent->name, agent->region, enrol->agents_endpoint},
    };
    answer(enrol, peer, &msg);
}

static void on_enrolled(void *arg, int err, const char *why,
                        const struct plx_store_agent *agent)
{
    struct request *request = arg;
    request->enrol->waiting--;
    if (err < 0)
        refuse(request->enrol, &request->peer, err, sentence(err, why));
    else
        welcome(request->enrol, &request->peer, agent);
    free(request);
}

static void on_request(struct plx_enrol *enrol, const struct plx_parcel *parcel,
                       const struct plx_msg_enrol_request *in)
{
    const struct plx_store_enrol job = {
        .secret = in->secret,
        .public_key = parcel->key,
        .name = in->name,
        .labels = in->labels,
        .n_labels = in->n_labels,
        .software = in->software,
        .now = plx_clock_wall(),
    };
    if (enrol->waiting >= WAITING_MAX) {
        refuse(enrol, &parcel->peer, PLX_EAGAIN, "busy: try again in a moment");
        return;
    }
    struct request *request = calloc(1, sizeof *request);
    if (!request)
        abort();
    *request = (struct request){enrol, parcel->peer};
    int err = plx_store_enrol(enrol->desk->store, &job, on_enrolled, request);
    if (err < 0) {
        free(request);
        refuse(enrol, &parcel->peer, err, sentence(err, NULL));
        return;
    }
    enrol->waiting++;
}

static bool on_readable(void *arg)
{
    struct plx_enrol *enrol = arg;
    struct plx_parcel parcel;
    struct plx_msg msg;
    struct plx_why why;
    int err = plx_channel_recv(enrol->channel, &parcel);
    if (err == PLX_EAGAIN)
        return false;
    if (err < 0 || !within_rate(enrol, parcel.key)) {
        enrol->desk->counts.enrol_refused++;
        return true;
    }
    err = parcel.n_frames == 1 ? plx_wire_decode(enrol->decoder, parcel.frames[0],
                                                 parcel.lens[0], &msg, &why)
                               : PLX_EMALFORMED;
    if (err < 0)
        refuse(enrol, &parcel.peer, err, "the request could not be read");
    else if (msg.type != PLX_MSG_ENROL_REQUEST)
        refuse(enrol, &parcel.peer, PLX_EINVAL, "this port only enrols");
    else
        on_request(enrol, &parcel, &msg.enrol_request);
    return true;
}

int plx_enrol_new(struct plx_desk *desk, struct plx_net *net, struct plx_loop *loop,
                  const char *endpoint, const char *agents_endpoint,
                  const struct plx_keypair *keys, struct plx_enrol **ret,
                  struct plx_why *why)
{
    struct plx_channel *channel;
    int err = plx_channel_serve(net, endpoint, PLX_GATE_ENROL, keys, &channel, why);
    if (err < 0)
        return plx_why_in(why, err, "the enrolment endpoint");
    struct plx_enrol *enrol = calloc(1, sizeof *enrol);
    if (!enrol)
        abort();
    enrol->desk = desk;
    enrol->loop = loop;
    enrol->channel = channel;
    enrol->decoder = plx_wire_decoder_new();
    enrol->agents_endpoint = plx_text_dup(agents_endpoint);
    plx_buf_init(&enrol->out, PLX_WIRE_FRAME_MAX);
    plx_bound_endpoint(channel, enrol->endpoint);
    plx_loop_add_socket(loop, plx_channel_socket(channel), on_readable, enrol);
    *ret = enrol;
    return 0;
}

void plx_enrol_destroy(struct plx_enrol **enrol)
{
    struct plx_enrol *e = *enrol;
    if (!e)
        return;
    plx_loop_remove_socket(e->loop, plx_channel_socket(e->channel));
    plx_channel_destroy(&e->channel);
    plx_wire_decoder_destroy(&e->decoder);
    plx_buf_fini(&e->out);
    free(e->agents_endpoint);
    free(e);
    *enrol = NULL;
}

const char *plx_enrol_endpoint(const struct plx_enrol *enrol)
{
    return enrol->endpoint;
}
