#include "coordinator/io/enrol.h"

#include "base/bucket.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/text.h"
#include "sys/clock.h"
#include "sys/listener.h"
#include "sys/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Requests between here and the store: as many as the door lets wait. */
#define WAITING_MAX  64
#define LINES_PER_S  1
#define LINES_BURST  20
#define BACKLOG      4096
#define PAUSE_MIN_NS (100 * PLX_MS_NS)
#define PAUSE_MAX_NS (5 * PLX_SEC_NS)
/* A door that stood so long begins again with the shortest pause. */
#define STOOD_NS     PLX_MIN_NS

struct plx_enrol {
    struct plx_desk *desk;
    struct plx_loop *loop;
    struct plx_doorman doorman;
    struct plx_keypair keys;
    struct plx_wire_decoder *decoder;
    struct plx_buf out;
    char *agents_endpoint;
    char endpoint[PLX_LISTENER_TEXT_MAX];
    int listen_fd, pair_fd; /* pair_fd < 0: there is no door */
    struct plx_mono opened, reopen_at;
    int64_t pause_ns;
    uint64_t n_doors;
    unsigned waiting;
    struct plx_bucket lines;
    struct plx_once said; /* tokens and why they were refused */
    uint64_t unsaid;      /* refusals since the last line of the log */
};

/* A request on its way through the store. */
struct request {
    struct plx_enrol *enrol;
    uint64_t door, number; /* another door's numbers are not this one's */
    char key[12];          /* the beginning of the asker's, for the log */
    uint64_t token;        /* hash of what it showed; 0: nothing that could be read */
};

/* ---- answers ---- */

static void post(struct plx_enrol *enrol, const struct plx_door_head *head,
                 const void *bytes, size_t len)
{
    struct iovec parts[] = {{(void *)head, sizeof *head}, {(void *)bytes, len}};
    const struct msghdr letter = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t n = enrol->pair_fd < 0
                    ? 0
                    : sendmsg(enrol->pair_fd, &letter, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)n; /* an asker without an answer asks again */
}

static void answer(const struct request *request, const struct plx_msg *msg)
{
    struct plx_enrol *enrol = request->enrol;
    const struct plx_door_head head = {.kind = PLX_DOOR_ANSWER,
                                       .number = request->number};
    plx_buf_clear(&enrol->out);
    if (request->door == enrol->n_doors && plx_wire_encode(msg, &enrol->out) == 0)
        post(enrol, &head, enrol->out.data, enrol->out.len);
}

/* One line for each token and reason. Strangers decide how often this happens, so not
 * every one has a line even then. */
static void log_refusal(const struct request *request, const char *why)
{
    struct plx_enrol *enrol = request->enrol;
    bool again = request->token != 0 &&
                 !plx_once_is_first(&enrol->said,
                                    plx_hash_bytes(why, strlen(why), request->token));
    if (again ||
        !plx_bucket_take(&enrol->lines, LINES_PER_S, LINES_BURST, plx_clock_mono())) {
        enrol->unsaid++;
        return;
    }
    char unsaid[32];
    snprintf(unsaid, sizeof unsaid, "%" PRIu64, enrol->unsaid);
    plx_log(PLX_LOG_WARN, "enrolment_refused", "key", request->key, "why", why,
            enrol->unsaid > 0 ? "not_logged_before" : NULL, unsaid, NULL);
    enrol->unsaid = 0;
}

static void refuse(const struct request *request, int err, const char *why)
{
    const struct plx_msg msg = {.type = PLX_MSG_REFUSAL, .refusal = {err, why}};
    request->enrol->desk->counts.enrol_refused++;
    log_refusal(request, why);
    answer(request, &msg);
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

static void count_token(struct plx_desk_counts *counts, int err)
{
    counts->tokens_unknown += err == PLX_EDENIED;
    counts->tokens_expired += err == PLX_ETIMEOUT;
    counts->tokens_revoked += err == PLX_EGONE;
    counts->tokens_replayed += err == PLX_ECONFLICT;
}

static void welcome(const struct request *request, const struct plx_store_agent *agent)
{
    struct plx_enrol *enrol = request->enrol;
    struct plx_desk *desk = enrol->desk;
    if (plx_roster_by_id(desk->roster, agent->id) == PLX_ROSTER_NONE) {
        struct plx_store_token *token = plx_desk_token(desk, agent->token_id);
        if (token && token->uses_left > 0)
            token->uses_left--;
        if (plx_desk_add_agent(desk, agent, false) == PLX_ROSTER_NONE) {
            refuse(request, PLX_ENOMEM, "no room for another agent");
            return;
        }
        desk->counts.enrolled++;
        plx_log(PLX_LOG_INFO, "agent_enrolled", "agent", agent->name, "region",
                agent->region, NULL);
        plx_desk_settle(desk);
    }
    const struct plx_msg msg = {
        .type = PLX_MSG_ENROL_REPLY,
        .enrol_reply = {.agent_id = agent->id,
                        .agent_name = agent->name,
                        .region = agent->region,
                        .endpoint = enrol->agents_endpoint,
                        .server_key = desk->keys.current,
                        .next_key = desk->keys.next},
    };
    answer(request, &msg);
}

static void on_enrolled(void *arg, int err, const char *why,
                        const struct plx_store_agent *agent)
{
    struct request *request = arg;
    request->enrol->waiting--;
    count_token(&request->enrol->desk->counts, err);
    if (err < 0)
        refuse(request, err, sentence(err, why));
    else
        welcome(request, agent);
    free(request);
}

/* ---- requests ---- */

static void on_request(const struct request *asked, const char *key,
                       const struct plx_msg_enrol_request *in)
{
    struct plx_enrol *enrol = asked->enrol;
    const struct plx_store_enrol job = {
        .secret = in->secret,
        .public_key = key,
        .name = in->name,
        .labels = in->labels,
        .n_labels = in->n_labels,
        .software = in->software,
        .now = plx_clock_wall(),
    };
    if (enrol->waiting >= WAITING_MAX) {
        refuse(asked, PLX_EAGAIN, "busy: try again in a moment");
        return;
    }
    struct request *request = calloc(1, sizeof *request);
    if (!request)
        abort();
    *request = *asked;
    int err = plx_store_enrol(enrol->desk->store, &job, on_enrolled, request);
    if (err < 0) {
        free(request);
        refuse(asked, err, sentence(err, NULL));
        return;
    }
    enrol->waiting++;
}

static void on_letter(struct plx_enrol *enrol, const struct plx_door_head *head,
                      const char *bytes, size_t len)
{
    struct request request = {
        .enrol = enrol, .door = enrol->n_doors, .number = head->number};
    struct plx_msg msg;
    struct plx_why why;
    if (head->kind == PLX_DOOR_COUNTS && len == sizeof enrol->desk->door)
        memcpy(&enrol->desk->door, bytes, len);
    if (head->kind != PLX_DOOR_REQUEST)
        return;
    bool good = memchr(head->key, '\0', sizeof head->key) &&
                plx_key_is_valid(head->key) &&
                plx_wire_decode(enrol->decoder, bytes, len, &msg, &why) == 0 &&
                msg.type == PLX_MSG_ENROL_REQUEST;
    if (good) {
        const char *secret = msg.enrol_request.secret;
        snprintf(request.key, sizeof request.key, "%.8s", head->key);
        request.token = plx_hash_bytes(secret, strlen(secret), 1);
        on_request(&request, head->key, &msg.enrol_request);
    } else
        refuse(&request, PLX_EMALFORMED, "the request could not be read");
}

/* ---- the door ---- */

static void close_pair(struct plx_enrol *enrol)
{
    if (enrol->pair_fd < 0)
        return;
    plx_loop_remove_fd(enrol->loop, enrol->pair_fd);
    close(enrol->pair_fd);
    enrol->pair_fd = -1;
    enrol->doorman.await(enrol->doorman.arg);
}

static void on_door_gone(struct plx_enrol *enrol)
{
    struct plx_mono now = plx_clock_mono();
    close_pair(enrol);
    if (plx_mono_diff(now, enrol->opened) > STOOD_NS)
        enrol->pause_ns = PAUSE_MIN_NS;
    enrol->reopen_at = plx_mono_add(now, enrol->pause_ns);
    enrol->pause_ns *= 2;
    if (enrol->pause_ns > PAUSE_MAX_NS)
        enrol->pause_ns = PAUSE_MAX_NS;
    enrol->desk->counts.doors_lost++;
    plx_log(PLX_LOG_WARN, "enrolment_door_ended", "why", "it is opened again", NULL);
}

static void on_pair(void *arg, uint32_t events)
{
    struct plx_enrol *enrol = arg;
    char letter[PLX_DOOR_LETTER_MAX];
    struct plx_door_head head;
    (void)events;
    /* So many a turn: the agents' results come first. */
    for (int i = 0; i < WAITING_MAX && enrol->pair_fd >= 0; i++) {
        ssize_t n = recv(enrol->pair_fd, letter, sizeof letter, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            on_door_gone(enrol);
            return;
        }
        if (n < (ssize_t)sizeof head)
            continue;
        memcpy(&head, letter, sizeof head);
        on_letter(enrol, &head, letter + sizeof head, (size_t)n - sizeof head);
    }
}

static int open_door(struct plx_enrol *enrol, struct plx_why *why)
{
    const struct plx_door_head head = {.kind = PLX_DOOR_KEYS};
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return plx_why_set(why, PLX_EIO, "cannot make a socket pair: %s",
                           strerror(errno));
    enrol->n_doors++;
    enrol->opened = plx_clock_mono();
    int err = enrol->doorman.open(enrol->doorman.arg, pair[1], enrol->listen_fd, why);
    close(pair[1]);
    if (err == 0 && plx_loop_add_fd(enrol->loop, pair[0], EPOLLIN, on_pair, enrol) < 0)
        err = plx_why_set(why, PLX_EIO, "cannot watch the enrolment door");
    if (err < 0) {
        close(pair[0]);
        return err;
    }
    enrol->pair_fd = pair[0];
    post(enrol, &head, &enrol->keys, sizeof enrol->keys);
    return 0;
}

void plx_enrol_tick(struct plx_enrol *enrol, struct plx_mono now)
{
    struct plx_why why;
    if (enrol->pair_fd >= 0 || plx_mono_diff(now, enrol->reopen_at) < 0)
        return;
    if (open_door(enrol, &why) < 0) {
        enrol->reopen_at = plx_mono_add(now, PAUSE_MAX_NS);
        plx_log(PLX_LOG_ERROR, "enrolment_door_closed", "why", why.text, NULL);
    }
}

int plx_enrol_new(struct plx_desk *desk, struct plx_loop *loop,
                  const struct plx_enrol_options *options, struct plx_enrol **ret,
                  struct plx_why *why)
{
    struct plx_enrol *enrol = calloc(1, sizeof *enrol);
    if (!enrol)
        abort();
    enrol->desk = desk;
    enrol->loop = loop;
    enrol->doorman = options->doorman;
    enrol->keys = *options->keys;
    enrol->decoder = plx_wire_decoder_new();
    enrol->agents_endpoint = plx_text_dup(options->agents_endpoint);
    enrol->listen_fd = enrol->pair_fd = -1;
    enrol->pause_ns = PAUSE_MIN_NS;
    plx_buf_init(&enrol->out, PLX_DOOR_FRAME_MAX);
    int err = plx_listener_open(options->endpoint, BACKLOG, &enrol->listen_fd,
                                enrol->endpoint, why);
    if (err == 0)
        err = open_door(enrol, why);
    if (err < 0) {
        plx_enrol_destroy(&enrol);
        return plx_why_in(why, err, "the enrolment endpoint");
    }
    *ret = enrol;
    return 0;
}

void plx_enrol_destroy(struct plx_enrol **enrol)
{
    struct plx_enrol *e = *enrol;
    if (!e)
        return;
    close_pair(e);
    if (e->listen_fd >= 0)
        close(e->listen_fd);
    plx_wire_decoder_destroy(&e->decoder);
    plx_buf_fini(&e->out);
    plx_keypair_wipe(&e->keys);
    free(e->agents_endpoint);
    free(e);
    *enrol = NULL;
}

const char *plx_enrol_endpoint(const struct plx_enrol *enrol)
{
    return enrol->endpoint;
}
