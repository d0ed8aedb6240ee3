#include "agent/io/enroller.h"

#include "base/err.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* The door may close all connections just then, or pass over what comes too fast. */
#define AGAIN_NS     (3 * PLX_SEC_NS)
#define PAUSE_MIN_NS (500 * PLX_MS_NS)
#define PAUSE_MAX_NS (8 * PLX_SEC_NS)
/* Less needs no word. */
#define LONG_NS      (4 * PLX_SEC_NS)

/* What stands in the way. */
enum trouble { UNREACHED, UNANSWERED, TURNED_AWAY, BUSY };

struct plx_enroller {
    struct plx_net *net;
    struct plx_loop *loop;
    struct plx_enroller_options options;
    struct plx_enroller_owner owner;
    struct plx_wire_decoder *decoder;
    struct plx_rng rng;
    struct plx_channel *channel; /* NULL: none before `open_at` */
    enum trouble trouble;
    unsigned told; /* troubles that the owner was told of, a bit each */
    bool began, done;
    struct plx_mono now; /* as of the last tick */
    struct plx_mono began_at, open_at, ask_at;
    int64_t pause_ns; /* the longest, before the next channel */
};

static bool on_socket(void *arg);

int plx_enroller_new(struct plx_net *net, struct plx_loop *loop,
                     const struct plx_enroller_options *options,
                     const struct plx_enroller_owner *owner, struct plx_enroller **ret,
                     struct plx_why *why)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        return plx_why_set(why, PLX_EIO, "cannot read random numbers");
    struct plx_enroller *e = calloc(1, sizeof *e);
    if (!e)
        abort();
    e->net = net;
    e->loop = loop;
    e->options = *options;
    e->owner = *owner;
    e->decoder = plx_wire_decoder_new();
    e->pause_ns = 2 * PLX_SEC_NS;
    plx_rng_init(&e->rng, seed);
    *ret = e;
    return 0;
}

static void close_channel(struct plx_enroller *e)
{
    if (!e->channel)
        return;
    plx_loop_remove_socket(e->loop, plx_channel_socket(e->channel));
    plx_channel_destroy(&e->channel);
}

void plx_enroller_destroy(struct plx_enroller **enroller)
{
    struct plx_enroller *e = *enroller;
    if (!e)
        return;
    close_channel(e);
    plx_wire_decoder_destroy(&e->decoder);
    free(e);
    *enroller = NULL;
}

static void end(struct plx_enroller *e, int err, const struct plx_msg_enrol_reply *reply,
                const char *why)
{
    if (e->done)
        return;
    e->done = true;
    e->owner.done(e->owner.arg, err, reply, why);
}

/* ---- answers ---- */

static int64_t drawn(struct plx_enroller *e, int64_t most_ns)
{
    return PAUSE_MIN_NS +
           (int64_t)plx_rng_below(&e->rng, (uint64_t)(most_ns - PAUSE_MIN_NS));
}

static void on_refusal(struct plx_enroller *e, const struct plx_msg_refusal *refusal)
{
    char why[PLX_WHY_MAX];
    if (refusal->err == PLX_EAGAIN) {
        e->trouble = BUSY;
        e->ask_at = plx_mono_add(e->now, drawn(e, AGAIN_NS));
        return;
    }
    snprintf(why, sizeof why, "the coordinator refuses: %.900s", refusal->why);
    end(e, PLX_EDENIED, NULL, why);
}

static void on_msg(struct plx_enroller *e, const struct plx_msg *msg)
{
    char why[PLX_WHY_MAX];
    if (msg->type == PLX_MSG_ENROL_REPLY)
        end(e, 0, &msg->enrol_reply, "");
    else if (msg->type == PLX_MSG_REFUSAL)
        on_refusal(e, &msg->refusal);
    else {
        snprintf(why, sizeof why,
                 "the coordinator answered with '%s' instead of an enrolment",
                 plx_msg_type_token(msg->type));
        end(e, PLX_EMALFORMED, NULL, why);
    }
}

static bool on_socket(void *arg)
{
    struct plx_enroller *e = arg;
    struct plx_parcel parcel;
    struct plx_msg msg;
    struct plx_why why;
    if (e->done || plx_channel_recv(e->channel, &parcel) || parcel.n_frames != 1)
        return false;
    int err = plx_wire_decode(e->decoder, parcel.frames[0], parcel.lens[0], &msg, &why);
    if (err)
        end(e, plx_why_in(&why, err, "the coordinator's answer"), NULL, why.text);
    else
        on_msg(e, &msg);
    return true;
}

/* ---- asking ---- */

static void open_channel(struct plx_enroller *e)
{
    struct plx_why why;
    int err =
        plx_channel_connect_watched(e->net, e->options.endpoint, e->options.server_key,
                                    e->options.keys, &e->channel, &why);
    if (!err &&
        plx_loop_add_socket(e->loop, plx_channel_socket(e->channel), on_socket, e)) {
        plx_channel_destroy(&e->channel);
        err = plx_why_set(&why, PLX_ENOMEM, "too many sockets in the loop");
    }
    e->ask_at = e->now;
    if (err)
        end(e, err, NULL, why.text);
}

/* A place that does not let us in now may do so when others have gone through. */
static void turn_back(struct plx_enroller *e)
{
    close_channel(e);
    e->trouble = TURNED_AWAY;
    e->open_at = plx_mono_add(e->now, drawn(e, e->pause_ns));
    e->pause_ns *= 2;
    if (e->pause_ns > PAUSE_MAX_NS)
        e->pause_ns = PAUSE_MAX_NS;
}

/* Nothing leaves before the handshake is done: then it is tried again at the next tick.
 */
static void ask(struct plx_enroller *e)
{
    struct plx_buf frame;
    const struct plx_msg msg = {.type = PLX_MSG_ENROL_REQUEST,
                                .enrol_request = e->options.request};
    plx_buf_init(&frame, PLX_WIRE_FRAME_MAX);
    if (plx_wire_encode(&msg, &frame) == 0) {
        const struct plx_frame f = {frame.data, frame.len};
        if (plx_channel_send(e->channel, NULL, &f, 1) == 0) {
            e->ask_at = plx_mono_add(e->now, AGAIN_NS);
            e->trouble = UNANSWERED;
        }
    }
    plx_buf_fini(&frame);
}

static const char *sentence(const struct plx_enroller *e, char text[PLX_WHY_MAX])
{
    static const struct {
        const char *before, *after; /* the endpoint */
    } sentences[] = {
        [UNREACHED] = {"cannot reach ", ": is the coordinator running, the port open, "
                                        "and the token from this coordinator?"},
        [UNANSWERED] = {"", " does not answer"},
        [TURNED_AWAY] = {"", " lets nobody else in for the moment: too many enrol at "
                             "once"},
        [BUSY] = {"the coordinator at ", " is busy"},
    };
    snprintf(text, PLX_WHY_MAX, "%s%s%s", sentences[e->trouble].before,
             e->options.endpoint, sentences[e->trouble].after);
    return text;
}

/* What was asked just now may be answered yet. */
static void tell(struct plx_enroller *e, int64_t left_ns)
{
    char why[PLX_WHY_MAX];
    unsigned bit = 1U << e->trouble;
    bool asked = e->trouble == UNANSWERED && plx_mono_diff(e->now, e->ask_at) < 0;
    if (asked || (e->told & bit))
        return;
    e->told |= bit;
    e->owner.waiting(e->owner.arg, sentence(e, why), left_ns);
}

/* A channel that is refused is given up, one that is not there made, and one that is
 * asked through when it is time. */
static void go_on(struct plx_enroller *e)
{
    if (e->channel && plx_channel_standing(e->channel) == PLX_CHANNEL_REFUSED)
        turn_back(e);
    if (!e->channel && plx_mono_diff(e->now, e->open_at) >= 0)
        open_channel(e);
    if (e->channel && plx_mono_diff(e->now, e->ask_at) >= 0)
        ask(e);
}

void plx_enroller_tick(struct plx_enroller *e, struct plx_mono now)
{
    char why[PLX_WHY_MAX];
    if (e->done)
        return;
    e->now = now;
    if (!e->began)
        e->began_at = e->open_at = now;
    e->began = true;
    int64_t asked_ns = plx_mono_diff(now, e->began_at);
    if (asked_ns >= e->options.patience_ns) {
        end(e, PLX_ETIMEOUT, NULL, sentence(e, why));
        return;
    }
    if (asked_ns >= LONG_NS)
        tell(e, e->options.patience_ns - asked_ns);
    go_on(e);
}
