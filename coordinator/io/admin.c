#include "coordinator/io/admin.h"

#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/bound.h"
#include "sys/log.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (512 * 1024)
/* Requests not answered yet, over all sessions. */
#define PENDING_MAX 256

struct plx_admin {
    struct plx_desk *desk;
    struct plx_api *api;
    struct plx_loop *loop;
    struct plx_channel *channel;
    struct plx_wire_decoder *decoder;
    struct plx_buf out;
    size_t n_pending;
    char endpoint[PLX_BOUND_MAX];
};

/* Whom to answer. */
struct pending {
    struct plx_admin *admin;
    struct plx_peer peer;
    uint64_t id;
};

static void send_response(struct plx_admin *admin, const struct plx_peer *peer,
                          const struct plx_msg_admin_response *response, const char *body)
{
    struct plx_frame frames[PLX_PARCEL_FRAMES_MAX];
    const struct plx_msg msg = {.type = PLX_MSG_ADMIN_RESPONSE,
                                .admin_response = *response};
    size_t n = 1, left = (size_t)response->body_bytes;
    plx_buf_clear(&admin->out);
    if (plx_wire_encode(&msg, &admin->out) < 0)
        return;
    frames[0] = (struct plx_frame){admin->out.data, admin->out.len};
    for (; left > 0 && n < PLX_PARCEL_FRAMES_MAX; n++) {
        size_t piece = left < CHUNK_BYTES ? left : CHUNK_BYTES;
        frames[n] = (struct plx_frame){body, piece};
        body += piece;
        left -= piece;
    }
    int err = plx_channel_send(admin->channel, peer, frames, n);
    if (err < 0 && err != PLX_EGONE)
        plx_log(PLX_LOG_WARN, "admin_answer_dropped", "why", plx_err_text(err), NULL);
}

static void respond(void *arg, int err, const char *why, const char *json, size_t len,
                    bool more)
{
    const struct pending *p = arg;
    const struct plx_msg_admin_response response = {
        .id = p->id,
        .err = err,
        .why = why,
        .body_bytes = len,
        .more = more,
    };
    send_response(p->admin, &p->peer, &response, json);
}

static void release(void *arg)
{
    struct pending *p = arg;
    p->admin->n_pending--;
    free(p);
}

static void fail(struct plx_admin *admin, const struct plx_peer *peer, uint64_t id,
                 int err, const char *why)
{
    const struct plx_msg_admin_response response = {.id = id, .err = err, .why = why};
    send_response(admin, peer, &response, "");
}

/* The frames behind the envelope, put together. */
static int join_body(const struct plx_parcel *parcel, uint64_t expected,
                     struct plx_buf *body)
{
    plx_buf_init(body, PLX_API_BODY_MAX);
    for (size_t i = 1; i < parcel->n_frames; i++)
        plx_buf_add(body, parcel->frames[i], parcel->lens[i]);
    if (body->overflow)
        return PLX_ETOOBIG;
    return body->len == expected ? 0 : PLX_EMALFORMED;
}

static void call(struct plx_admin *admin, const struct plx_parcel *parcel,
                 const struct plx_msg_admin_request *in)
{
    struct plx_buf body;
    int err = admin->n_pending < PENDING_MAX ? join_body(parcel, in->body_bytes, &body)
                                             : PLX_EAGAIN;
    if (err == PLX_EAGAIN) {
        fail(admin, &parcel->peer, in->id, err, "too many requests at once: try again");
        return;
    }
    if (err < 0) {
        plx_buf_fini(&body);
        fail(admin, &parcel->peer, in->id, err,
             err == PLX_ETOOBIG ? "the request is longer than 64 MiB"
                                : "the body is not as long as the envelope says");
        return;
    }
    struct pending *pending = calloc(1, sizeof *pending);
    if (!pending)
        abort();
    *pending = (struct pending){admin, parcel->peer, in->id};
    admin->n_pending++;
    char who[32];
    snprintf(who, sizeof who, "admin %.8s", parcel->key);
    const struct plx_api_request request = {
        .method = in->method,
        .who = who,
        .role = PLX_ROLE_ADMIN,
        .respond = respond,
        .release = release,
        .arg = pending,
    };
    plx_api_call_text(admin->api, &request, plx_buf_str(&body), body.len);
    plx_buf_fini(&body);
}

static void handle(struct plx_admin *admin, const struct plx_parcel *parcel)
{
    struct plx_msg msg;
    struct plx_why why = {"no frames"};
    admin->desk->counts.admin_requests++;
    if (!plx_gate_admits(admin->desk->gate, PLX_GATE_DOMAIN_ADMIN, parcel->key)) {
        fail(admin, &parcel->peer, 0, PLX_EDENIED,
             "this admin key is no longer admitted");
        return;
    }
    int err = parcel->n_frames > 0 ? plx_wire_decode(admin->decoder, parcel->frames[0],
                                                     parcel->lens[0], &msg, &why)
                                   : PLX_EMALFORMED;
    if (err < 0)
        fail(admin, &parcel->peer, 0, err, why.text);
    else if (msg.type != PLX_MSG_ADMIN_REQUEST)
        fail(admin, &parcel->peer, 0, PLX_EINVAL, "this port only takes admin requests");
    else
        call(admin, parcel, &msg.admin_request);
}

static bool on_readable(void *arg)
{
    struct plx_admin *admin = arg;
    struct plx_parcel parcel;
    int err = plx_channel_recv(admin->channel, &parcel);
    if (err == PLX_EAGAIN)
        return false;
    if (err == 0)
        handle(admin, &parcel);
    return true;
}

int plx_admin_new(struct plx_desk *desk, struct plx_api *api, struct plx_net *net,
                  struct plx_loop *loop, const char *endpoint,
                  const struct plx_keypair *keys, struct plx_admin **ret,
                  struct plx_why *why)
{
    struct plx_channel *channel;
    int err = plx_channel_serve(net, endpoint, PLX_GATE_ADMIN, keys, &channel, why);
    if (err < 0)
        return plx_why_in(why, err, "the admin endpoint");
    struct plx_admin *admin = calloc(1, sizeof *admin);
    if (!admin)
        abort();
    admin->desk = desk;
    admin->api = api;
    admin->loop = loop;
    admin->channel = channel;
    admin->decoder = plx_wire_decoder_new();
    plx_buf_init(&admin->out, PLX_WIRE_FRAME_MAX);
    plx_bound_endpoint(channel, admin->endpoint);
    plx_loop_add_socket(loop, plx_channel_socket(channel), on_readable, admin);
    *ret = admin;
    return 0;
}

void plx_admin_destroy(struct plx_admin **admin)
{
    struct plx_admin *a = *admin;
    if (!a)
        return;
    plx_loop_remove_socket(a->loop, plx_channel_socket(a->channel));
    plx_channel_destroy(&a->channel);
    plx_wire_decoder_destroy(&a->decoder);
    plx_buf_fini(&a->out);
    free(a);
    *admin = NULL;
}

const char *plx_admin_endpoint(const struct plx_admin *admin)
{
    return admin->endpoint;
}
