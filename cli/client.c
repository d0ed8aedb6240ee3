#include "cli/client.h"

#include "base/err.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/access.h"
#include "proto/wire.h"
#include "sys/channel.h"
#include "sys/clock.h"
#include "sys/loop.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The same limits on both sides: frames of half a MiB, whole bodies of 64 MiB. */
#define CHUNK_BYTES    (512 * 1024)
#define BODY_MAX_BYTES (64 * 1024 * 1024)
#define CONNECT_NS     (5 * PLX_SEC_NS)
#define TICK_NS        (5 * PLX_MS_NS)
/* One attempt at a server that is just starting, and the pause after it. */
#define GREET_NS       PLX_SEC_NS
#define GREET_PAUSE_NS (100 * PLX_MS_NS)

/* One conversation. */
struct talk {
    struct plx_access access;
    struct plx_net *net;
    struct plx_channel *channel;
    struct plx_loop *loop;
    struct plx_wire_decoder *decoder;
    struct plx_buf envelope;
    const struct plx_buf *body; /* of the question */
    bool sent, done, interrupted;
    struct plx_mono deadline;
    int64_t patience_ns; /* between answers */
    plx_answer_fn *fn;
    void *arg;
    json_t *answer;
    int err; /* what the conversation ended with */
    struct plx_why why;
};

void plx_question_init(struct plx_question *q)
{
    plx_buf_init(&q->body, BODY_MAX_BYTES);
    plx_json_init(&q->json, &q->body);
    plx_json_object(&q->json);
}

void plx_question_fini(struct plx_question *q)
{
    plx_buf_fini(&q->body);
}

void plx_question_words(struct plx_question *q, const struct plx_args *args,
                        const char *key)
{
    if (args->n_words == 0)
        return;
    plx_json_key(&q->json, key);
    plx_json_array(&q->json);
    for (size_t i = 0; i < args->n_words; i++)
        plx_json_str(&q->json, args->words[i]);
    plx_json_end(&q->json);
}

int plx_question_fill(struct plx_question *q, const struct plx_args *args,
                      plx_question_fn *fill)
{
    struct plx_why why = {""};
    plx_question_init(q);
    if (fill(q, args, &why) == 0)
        return PLX_EXIT_OK;
    plx_question_fini(q);
    return plx_complain(PLX_EXIT_USAGE, "%s", why.text);
}

int plx_question_number(struct plx_question *q, const struct plx_args *args,
                        const char *key, int64_t max, struct plx_why *why)
{
    const char *text = plx_args_value(args, key, NULL);
    int64_t n;
    if (!text)
        return 0;
    if (plx_text_int(text, 1, max, &n) < 0)
        return plx_why_set(why, PLX_EINVAL, "--%s must be a number from 1 to %lld: '%s'",
                           key, (long long)max, text);
    plx_json_kint(&q->json, key, n);
    return 0;
}

const char *plx_question_ago(const char *text, char buf[64])
{
    size_t n = strlen(text);
    if (n < 4 || n >= 64 || strcmp(text + n - 4, " ago") != 0)
        return text;
    memcpy(buf, text, n - 4);
    buf[n - 4] = '\0';
    return buf;
}

void plx_question_moment(struct plx_question *q, const struct plx_args *args,
                         const char *key, const char *fallback)
{
    const char *text = plx_args_value(args, key, fallback);
    char buf[64];
    if (text)
        plx_json_kstr(&q->json, key, plx_question_ago(text, buf));
}

static void finish(struct talk *t, int err)
{
    t->err = err;
    t->done = true;
    plx_loop_stop(t->loop);
}

/* The envelope and the body in pieces. PLX_EAGAIN until the connection stands. */
static int send_question(struct talk *t)
{
    struct plx_frame frames[PLX_PARCEL_FRAMES_MAX];
    size_t n = 0, len = t->body->len;
    const char *at = plx_buf_str(t->body);
    frames[n++] = (struct plx_frame){plx_buf_str(&t->envelope), t->envelope.len};
    while (len > 0 && n < PLX_PARCEL_FRAMES_MAX) {
        size_t piece = len < CHUNK_BYTES ? len : CHUNK_BYTES;
        frames[n++] = (struct plx_frame){at, piece};
        at += piece;
        len -= piece;
    }
    if (len > 0)
        return PLX_ETOOBIG;
    return plx_channel_send(t->channel, NULL, frames, n);
}

static void on_tick(void *arg, struct plx_mono now)
{
    struct talk *t = arg;
    if (!t->sent) {
        int err = send_question(t);
        t->sent = err == 0;
        if (t->sent)
            t->deadline = plx_mono_add(now, t->patience_ns);
        else if (err != PLX_EAGAIN)
            finish(t, plx_why_set(&t->why, err, "cannot send: %s", plx_err_text(err)));
    }
    if (t->done || plx_mono_diff(now, t->deadline) < 0)
        return;
    char text[PLX_DURATION_TEXT_MAX];
    if (t->sent)
        finish(t, plx_why_set(&t->why, PLX_ETIMEOUT, "no answer from %s within %s",
                              t->access.endpoint,
                              plx_duration_format(t->patience_ns, text)));
    else
        finish(t, plx_why_set(&t->why, PLX_EGONE,
                              "the coordinator at %s does not admit our key: use the "
                              "admin file that it wrote (this is %s)",
                              t->access.endpoint, t->access.file));
}

static void on_signal(void *arg, int signo)
{
    struct talk *t = arg;
    (void)signo;
    t->interrupted = true;
    finish(t, plx_why_set(&t->why, PLX_EGONE, "interrupted"));
}

/* The frames behind the envelope, put together and read. */
static int read_body(struct talk *t, const struct plx_parcel *parcel, uint64_t expected,
                     json_t **ret)
{
    struct plx_buf body;
    json_error_t e;
    plx_buf_init(&body, BODY_MAX_BYTES);
    for (size_t i = 1; i < parcel->n_frames; i++)
        plx_buf_add(&body, parcel->frames[i], parcel->lens[i]);
    bool whole = !body.overflow && body.len == expected;
    json_t *json = whole && expected
                       ? json_loadb(plx_buf_str(&body), body.len, JSON_DECODE_ANY, &e)
                       : NULL;
    plx_buf_fini(&body);
    if (!whole || (expected && !json))
        return plx_why_set(&t->why, PLX_EMALFORMED, "%s sent an unreadable answer",
                           t->access.endpoint);
    *ret = json;
    return 0;
}

static void take_response(struct talk *t, const struct plx_parcel *parcel,
                          const struct plx_msg_admin_response *response)
{
    json_t *answer = NULL;
    if (response->err < 0) {
        finish(t, plx_why_set(&t->why, response->err, "%s", response->why));
        return;
    }
    int err = read_body(t, parcel, response->body_bytes, &answer);
    if (err < 0) {
        finish(t, err);
        return;
    }
    if (t->fn)
        t->fn(t->arg, answer, !response->more);
    if (response->more) {
        json_decref(answer);
        t->deadline = plx_mono_add(plx_clock_mono(), t->patience_ns);
        return;
    }
    t->answer = answer;
    finish(t, 0);
}

static void take_parcel(struct talk *t, const struct plx_parcel *parcel)
{
    struct plx_msg msg;
    int err = parcel->n_frames == 0
                  ? plx_why_set(&t->why, PLX_EMALFORMED, "an empty message")
                  : plx_wire_decode(t->decoder, parcel->frames[0], parcel->lens[0], &msg,
                                    &t->why);
    if (err < 0)
        finish(t, plx_why_in(&t->why, err, "%s", t->access.endpoint));
    else if (msg.type == PLX_MSG_REFUSAL)
        finish(t,
               plx_why_set(&t->why, msg.refusal.err < 0 ? msg.refusal.err : PLX_EDENIED,
                           "%s", msg.refusal.why));
    else if (msg.type == PLX_MSG_ADMIN_RESPONSE)
        take_response(t, parcel, &msg.admin_response);
}

static bool on_socket(void *arg)
{
    struct talk *t = arg;
    struct plx_parcel parcel;
    if (t->done)
        return false;
    int err = plx_channel_recv(t->channel, &parcel);
    if (err == PLX_EAGAIN)
        return false;
    if (err == 0)
        take_parcel(t, &parcel);
    else
        finish(t, plx_why_set(&t->why, err, "the answer is too long"));
    return !t->done;
}

static int open_talk(struct talk *t, const char *method)
{
    struct plx_msg msg = {.type = PLX_MSG_ADMIN_REQUEST};
    msg.admin_request = (struct plx_msg_admin_request){1, method, t->body->len};
    int err = plx_wire_encode(&msg, &t->envelope);
    if (err == 0)
        err = plx_access_knock(&t->access, (int)(CONNECT_NS / PLX_MS_NS), &t->why);
    if (err == 0)
        err = plx_net_new(&t->net, &t->why);
    if (err == 0)
        err = plx_channel_connect(t->net, t->access.endpoint, t->access.server_key,
                                  &t->access.keys, &t->channel, &t->why);
    if (err == 0)
        err = plx_loop_new(on_signal, t, &t->loop, &t->why);
    if (err == 0)
        err = plx_loop_add_socket(t->loop, plx_channel_socket(t->channel), on_socket, t);
    if (err == 0)
        err = plx_loop_add_timer(t->loop, TICK_NS, on_tick, t);
    return err;
}

static void close_talk(struct talk *t)
{
    plx_loop_destroy(&t->loop);
    plx_channel_destroy(&t->channel);
    plx_net_destroy(&t->net);
    plx_wire_decoder_destroy(&t->decoder);
    plx_buf_fini(&t->envelope);
    plx_access_fini(&t->access);
}

static int patience(const struct plx_cli *cli, int64_t *ret_ns, struct plx_why *why)
{
    const char *text = plx_args_value(&cli->args, "wait", cli->wait ? cli->wait : "30s");
    if (plx_duration_parse(text, ret_ns) == 0 && *ret_ns > 0 && *ret_ns <= PLX_DAY_NS)
        return 0;
    return plx_why_set(why, PLX_EINVAL, "--wait must be a duration such as 30s: '%s'",
                       text);
}

/* From finding the coordinator to the end of its answer. Leaves `t` to be closed. */
static int converse(const struct plx_cli *cli, struct talk *t, const char *method,
                    const char *server_key, int64_t connect_ns)
{
    int err = plx_access_find(cli, &t->access, &t->why);
    if (err == 0 && server_key)
        err =
            plx_text_copy(t->access.server_key, sizeof t->access.server_key, server_key);
    if (err == 0)
        err = open_talk(t, method);
    if (err < 0)
        return err;
    t->deadline = plx_mono_add(plx_clock_mono(), connect_ns);
    plx_loop_run(t->loop);
    return t->err;
}

static void begin_talk(struct talk *t)
{
    plx_buf_init(&t->envelope, PLX_WIRE_FRAME_MAX);
    t->decoder = plx_wire_decoder_new();
}

int plx_ask_stream(struct plx_cli *cli, const char *method, struct plx_question *q,
                   plx_answer_fn *fn, void *arg, json_t **ret)
{
    struct talk t = {.fn = fn, .arg = arg, .body = &q->body};
    plx_json_end(&q->json);
    begin_talk(&t);
    int err = q->body.overflow ? plx_why_set(&t.why, PLX_ETOOBIG, "over 64 MiB to send")
                               : patience(cli, &t.patience_ns, &t.why);
    if (err == 0)
        err = converse(cli, &t, method, NULL, CONNECT_NS);
    close_talk(&t);
    plx_question_fini(q);
    *ret = t.answer;
    if (t.interrupted)
        return 130; /* as a shell reports it */
    return err < 0 ? plx_complain(plx_exit_of(err), "%s", t.why.text) : PLX_EXIT_OK;
}

/* Asks for what costs nothing. */
static int greet_server(const struct plx_cli *cli, const char *server_key,
                        bool *ret_interrupted)
{
    struct plx_question q;
    struct talk t = {.body = &q.body, .patience_ns = GREET_NS};
    plx_question_init(&q);
    plx_json_end(&q.json);
    begin_talk(&t);
    int err = converse(cli, &t, "keys.show", server_key, GREET_NS);
    *ret_interrupted = t.interrupted;
    close_talk(&t);
    plx_question_fini(&q);
    json_decref(t.answer);
    return err;
}

int plx_await_server(struct plx_cli *cli, const char *server_key)
{
    const struct timespec pause = {.tv_nsec = GREET_PAUSE_NS};
    struct plx_why why;
    bool interrupted = false;
    int64_t patience_ns;
    if (patience(cli, &patience_ns, &why) < 0)
        return plx_complain(PLX_EXIT_USAGE, "%s", why.text);
    struct plx_mono end = plx_mono_add(plx_clock_mono(), patience_ns);
    while (greet_server(cli, server_key, &interrupted) < 0) {
        if (interrupted)
            return 130;
        if (plx_mono_diff(plx_clock_mono(), end) > 0)
            return plx_complain(plx_exit_of(PLX_EGONE),
                                "the coordinator does not answer by its key %s: see its "
                                "log",
                                server_key);
        nanosleep(&pause, NULL);
    }
    return PLX_EXIT_OK;
}

int plx_ask(struct plx_cli *cli, const char *method, struct plx_question *q, json_t **ret)
{
    return plx_ask_stream(cli, method, q, NULL, NULL, ret);
}
