#include "coordinator/io/intake.h"

#include "base/bucket.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/text.h"
#include "coordinator/io/bound.h"
#include "proto/session.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One agent's messages: what a spool that drains as fast as it may needs, twofold. */
#define MESSAGES_PER_S   500
#define MESSAGES_BURST   2000
/* Its hellos: each may cost a whole snapshot, a write and lines of the log. */
#define HELLOS_PER_S     1
#define HELLOS_BURST     10
/* Answers to keys that are revoked: their sessions cannot be cut, but need not be fed. */
#define REFUSALS_PER_S   50
#define REFUSALS_BURST   200
/* Batches of one agent between intake and commit. */
#define WAITING_MAX      16
/* How long an agent may report what was moved away from it: as long as spools hold. */
#define PAST_NS          (8 * PLX_DAY_NS)
/* How old an agent's last sight on disk may be: a restart gives those seen lately time to
 * come back. So many are written in one tick. */
#define KEEP_SEEN_NS     PLX_MIN_NS
#define KEEP_SEEN_MAX    100
/* Ticks come twice a second; so late, and we were not running. */
#define AWAY_NS          (3 * PLX_SEC_NS)
/* A wall clock that moves so much against the monotonic one was set. */
#define CLOCK_SET_NS     PLX_SEC_NS
/* How long an agent has to take a step before its heartbeats must name it. */
#define STEP_PATIENCE_NS (15 * PLX_SEC_NS)

/* A token bucket that begins full. */
struct bucket {
    double used;
    struct plx_mono at;
};

struct session {
    bool open;
    struct plx_wall kept; /* "last seen", as the store was told */
    bool had_other;       /* `other` was replaced by `peer` */
    struct plx_peer peer, other;
    uint64_t number;
    unsigned waiting;
    struct bucket messages, hellos;
    struct plx_mono step_at;
    bool said_malformed, said_refused, said_rate;
};

struct plx_intake {
    struct plx_desk *desk;
    struct plx_loop *loop;
    struct plx_channel *channel;
    struct plx_wire_decoder *decoder;
    struct plx_buf out;
    struct session *sessions; /* by agent slot */
    size_t n_sessions;
    uint64_t next_session;
    struct bucket refusals;
    struct plx_once said;   /* of keys whose messages are refused before any session */
    struct plx_mono ticked; /* 0: not yet */
    int64_t axis_ns;        /* wall minus monotonic clock, as last seen */
    uint32_t next_kept;     /* the slot whose last sight is looked at next */
    plx_intake_done_fn *on_done;
    void *on_done_arg;
    plx_intake_traced_fn *on_traced;
    void *on_traced_arg;
    char endpoint[PLX_BOUND_MAX];
    struct plx_task tasks[PLX_WIRE_TASKS_MAX];
};

/* One message being handled. */
struct letter {
    struct plx_intake *intake;
    const struct plx_parcel *parcel;
    const struct plx_msg *msg;
    uint32_t slot;
    const struct plx_agent *agent;
    struct plx_mono now;
    struct plx_wall wall;
    struct plx_roster_notes notes;
};

static struct session *session_of(struct plx_intake *intake, uint32_t slot)
{
    if (slot >= intake->n_sessions) {
        size_t n = (size_t)slot + 64;
        struct session *grown = realloc(intake->sessions, n * sizeof *grown);
        if (!grown)
            abort();
        memset(&grown[intake->n_sessions], 0, (n - intake->n_sessions) * sizeof *grown);
        intake->sessions = grown;
        intake->n_sessions = n;
    }
    return &intake->sessions[slot];
}

/* ---- sending ---- */

static int send_msg(struct plx_intake *intake, const struct plx_peer *peer,
                    const struct plx_msg *msg)
{
    plx_buf_clear(&intake->out);
    int err = plx_wire_encode(msg, &intake->out);
    if (err < 0) {
        plx_log(PLX_LOG_ERROR, "message_too_big", "type", plx_msg_type_token(msg->type),
                NULL);
        return err;
    }
    const struct plx_frame frame = {intake->out.data, intake->out.len};
    return plx_channel_send(intake->channel, peer, &frame, 1);
}

static void refuse(struct plx_intake *intake, const struct plx_peer *peer, int err,
                   const char *why)
{
    const struct plx_msg msg = {.type = PLX_MSG_REFUSAL, .refusal = {err, why}};
    send_msg(intake, peer, &msg);
}

/* As many of the monitors' tasks as one frame takes, by number and by bytes. */
static size_t fill_tasks(struct plx_intake *intake, const uint32_t *monitors, size_t n)
{
    size_t i = 0, bytes = 0;
    for (; i < n && i < PLX_WIRE_TASKS_MAX; i++) {
        intake->tasks[i] =
            plx_task_of(plx_catalog_at(intake->desk->catalog, monitors[i]));
        bytes += plx_wire_task_bytes(&intake->tasks[i]);
        if (i > 0 && bytes > PLX_WIRE_TASKS_BYTES)
            break;
    }
    return i;
}

/* Every part says how many there are. */
static uint32_t count_parts(struct plx_intake *intake, const struct plx_share_step *step)
{
    uint32_t parts = 0;
    for (size_t at = 0; at < step->n_upserts; parts++)
        at += fill_tasks(intake, step->upserts + at, step->n_upserts - at);
    return parts > 0 ? parts : 1;
}

static int send_snapshot(struct plx_intake *intake, const struct plx_peer *peer,
                         const struct plx_share_step *step)
{
    uint32_t parts = count_parts(intake, step);
    size_t at = 0;
    int err = 0;
    for (uint32_t part = 0; part < parts && err == 0; part++) {
        size_t n = fill_tasks(intake, step->upserts + at, step->n_upserts - at);
        const struct plx_msg msg = {
            .type = PLX_MSG_SNAPSHOT,
            .snapshot = {.generation = step->generation,
                         .part = part,
                         .parts = parts,
                         .tasks = intake->tasks,
                         .n_tasks = n},
        };
        at += n;
        err = send_msg(intake, peer, &msg);
    }
    return err;
}

/* PLX_EAGAIN too if it does not fit one frame: the whole, in parts, takes its place. */
static int send_delta(struct plx_intake *intake, const struct plx_peer *peer,
                      const struct plx_share_step *step)
{
    if (fill_tasks(intake, step->upserts, step->n_upserts) < step->n_upserts)
        return PLX_EAGAIN;
    const struct plx_msg msg = {
        .type = PLX_MSG_DELTA,
        .delta = {.from_generation = step->from_generation,
                  .generation = step->generation,
                  .upserts = intake->tasks,
                  .n_upserts = step->n_upserts,
                  .removals = step->removals,
                  .n_removals = step->n_removals},
    };
    return send_msg(intake, peer, &msg);
}

static void push_to(struct plx_intake *intake, uint32_t slot)
{
    struct session *s = session_of(intake, slot);
    struct plx_share_step step;
    if (!s->open || !plx_shares_take_step(intake->desk->shares, slot, &step))
        return;
    int err = step.whole ? send_snapshot(intake, &s->peer, &step)
                         : send_delta(intake, &s->peer, &step);
    s->step_at = plx_clock_mono();
    intake->desk->counts.steps_sent++;
    if (err == PLX_EAGAIN)
        plx_shares_sync(intake->desk->shares, slot, 0, 0);
    if (err == PLX_EGONE) {
        plx_shares_leave(intake->desk->shares, slot);
        s->open = false;
    }
}

void plx_intake_push(struct plx_intake *intake)
{
    for (uint32_t slot = 0; slot < intake->n_sessions; slot++)
        if (intake->sessions[slot].open)
            push_to(intake, slot);
}

/* ---- hello, heartbeat, bye ---- */

static void welcome(struct letter *l)
{
    const struct plx_msg msg = {
        .type = PLX_MSG_WELCOME,
        .welcome = {.agent_id = l->agent->id,
                    .agent_name = l->agent->name,
                    .region = l->agent->region,
                    .wall = l->wall,
                    .heartbeat_ms = PLX_SESSION_HEARTBEAT_NS / PLX_MS_NS,
                    .lease_ms = PLX_SESSION_LEASE_NS / PLX_MS_NS},
    };
    send_msg(l->intake, &l->parcel->peer, &msg);
}

/* The newest hello of a key has the session; the one before is told. */
static void open_session(struct letter *l, struct session *s)
{
    bool replaces = s->open && !plx_peer_equal(&s->peer, &l->parcel->peer);
    struct session fresh = {
        .open = true,
        .had_other = replaces,
        .kept = l->wall,
        .peer = l->parcel->peer,
        .other = s->peer,
        .number = ++l->intake->next_session,
        .waiting = s->waiting,
        .messages = s->messages,
        .hellos = s->hellos,
        .said_malformed = s->said_malformed,
        .said_refused = s->said_refused,
        .said_rate = s->said_rate,
    };
    if (replaces) {
        l->intake->desk->counts.replaced++;
        refuse(l->intake, &s->peer, PLX_ECONFLICT,
               "another session with this agent's key took over");
    }
    *s = fresh;
}

static void on_hello(struct letter *l, struct session *s)
{
    const struct plx_msg_hello *in = &l->msg->hello;
    struct plx_desk *desk = l->intake->desk;
    open_session(l, s);
    const struct plx_roster_hello hello = {
        .slot = l->slot,
        .session = s->number,
        .boot_id = in->boot_id,
        .software = in->software,
        .agent_wall = in->wall,
        .wall = l->wall,
        .now = l->now,
    };
    plx_roster_hello(desk->roster, &hello, &l->notes);
    plx_court_heartbeat(desk->court, l->wall, l->slot);
    plx_roster_set_own_labels(desk->roster, l->slot, in->labels, in->n_labels);
    plx_store_touch_agent(desk->store, l->agent->id, l->wall, in->software, in->labels,
                          in->n_labels, NULL, NULL);
    welcome(l);
    plx_shares_sync(desk->shares, l->slot, in->generation, in->assignment_hash);
}

static void on_heartbeat(struct letter *l, struct session *s)
{
    const struct plx_msg_heartbeat *in = &l->msg->heartbeat;
    struct plx_desk *desk = l->intake->desk;
    struct plx_share share = plx_shares_of(desk->shares, l->slot);
    struct plx_roster_heartbeat hb = {
        .slot = l->slot,
        .vitals = {.uptime_ms = in->uptime_ms,
                   .generation = in->generation,
                   .progress = in->progress,
                   .spool_rows = in->spool_rows,
                   .spool_bytes = in->spool_bytes,
                   .spool_age_ms = in->spool_age_ms,
                   .in_flight = in->in_flight,
                   .lag_ms = in->lag_ms,
                   .skipped = in->skipped,
                   .lost = in->lost,
                   .rtt_us = in->rtt_us,
                   .n_troubles = in->n_troubles},
        .offset_ns = in->offset_ns,
        .shortest_interval_ns = share.shortest_interval_ns,
        .agent_wall = in->wall,
        .wall = l->wall,
        .now = l->now,
    };
    for (size_t i = 0; i < in->n_troubles && i < PLX_AGENT_TROUBLES; i++)
        hb.vitals.troubles[i] = (char *)in->troubles[i];
    plx_roster_heartbeat(desk->roster, &hb, &l->notes);
    plx_court_heartbeat(desk->court, l->wall, l->slot);
    if (!share.owed && in->generation != share.generation &&
        plx_mono_diff(l->now, s->step_at) > STEP_PATIENCE_NS) {
        plx_shares_sync(desk->shares, l->slot, 0, 0);
        desk->counts.resyncs++;
    }
    const struct plx_msg ack = {
        .type = PLX_MSG_HEARTBEAT_ACK,
        .heartbeat_ack = {.agent_wall = in->wall,
                          .wall = l->wall,
                          .generation = share.generation},
    };
    send_msg(l->intake, &s->peer, &ack);
}

static void on_bye(struct letter *l, struct session *s)
{
    plx_roster_bye(l->intake->desk->roster, l->slot, &l->notes);
    s->open = false;
}

/* ---- results ---- */

struct ingest {
    struct plx_intake *intake;
    uint32_t slot;
};

/* Results whose monitors are looked up ahead of being judged. */
#define AHEAD (2 * PLX_JUDGE_AHEAD)

static void judge_fresh(struct plx_desk *desk, uint32_t slot,
                        const struct plx_store_ingested *batch)
{
    uint32_t monitors[2 * AHEAD] = {0}; /* a ring */
    /* The clock may have been set back since it was received. */
    struct plx_wall received = plx_clock_wall();
    if (batch->received.ns < received.ns)
        received = batch->received;
    for (size_t i = 0; i < batch->n_fresh + AHEAD; i++) {
        if (i < batch->n_fresh)
            monitors[i % (2 * AHEAD)] =
                plx_catalog_by_id(desk->catalog, batch->fresh[i].monitor_id);
        if (i < AHEAD)
            continue;
        size_t at = i - AHEAD;
        uint32_t monitor = monitors[at % (2 * AHEAD)];
        plx_judge_foresee(plx_court_judge(desk->court), slot,
                          monitors[(at + PLX_JUDGE_AHEAD) % (2 * AHEAD)],
                          monitors[i % (2 * AHEAD)]);
        if (monitor != PLX_CATALOG_NONE)
            plx_court_result(desk->court, received, slot, monitor, &batch->fresh[at]);
    }
}

/* Committed, so the agent may forget it. The ack goes to the session of now: it speaks
 * of the stream, not of the message. */
static void on_ingested(void *arg, int err, const struct plx_store_ingested *batch)
{
    struct ingest *job = arg;
    struct plx_intake *intake = job->intake;
    struct session *s = session_of(intake, job->slot);
    s->waiting--;
    intake->desk->counts.batches_waiting--;
    if (err < 0) {
        plx_log(PLX_LOG_WARN, "batch_not_stored", "agent",
                plx_roster_at(intake->desk->roster, job->slot)->name, "why",
                plx_err_text(err), NULL);
        if (s->open && (err == PLX_EINVAL || err == PLX_ETOOBIG))
            refuse(intake, &s->peer, err, "this batch can never be stored");
    } else {
        const struct plx_msg ack = {
            .type = PLX_MSG_ACK,
            .ack = {batch->stream_id, batch->high_water},
        };
        if (s->open)
            send_msg(intake, &s->peer, &ack);
        if (!plx_roster_at(intake->desk->roster, job->slot)->revoked)
            judge_fresh(intake->desk, job->slot, batch);
    }
    free(job);
}

/* Whether the agent may speak of the monitor: it has it, had it or was ordered to; or it
 * may have had it before our memory began. */
static bool may_report(const struct letter *l, const struct plx_result *result)
{
    const struct plx_desk *desk = l->intake->desk;
    uint32_t monitor = plx_catalog_by_id(desk->catalog, result->monitor_id);
    if (monitor != PLX_CATALOG_NONE && plx_shares_has(desk->shares, l->slot, monitor))
        return true;
    if (plx_shares_had(desk->shares, l->slot, result->monitor_id, l->now, PAST_NS))
        return true;
    struct plx_wall at = plx_roster_correct(l->agent, result->started, l->wall);
    return monitor != PLX_CATALOG_NONE &&
           at.ns < desk->started_wall.ns + PLX_SESSION_RETURN_NS &&
           plx_shares_could_have(desk->shares, l->slot, monitor);
}

/* A copy in which results that are not the agent's to give are nobody's, or NULL if
 * there are none such. */
static struct plx_result *disown(struct letter *l, struct session *s,
                                 const struct plx_msg_results *batch)
{
    struct plx_result *copy = NULL;
    for (size_t i = 0; i < batch->n; i++) {
        if (may_report(l, &batch->results[i]))
            continue;
        if (!copy) {
            copy = malloc(batch->n * sizeof *copy);
            if (!copy)
                abort();
            memcpy(copy, batch->results, batch->n * sizeof *copy);
        }
        copy[i].monitor_id = 0;
        l->intake->desk->counts.refused_results++;
        if (!s->said_refused)
            plx_logf(PLX_LOG_WARN, "result_refused", "why",
                     "agent '%s' reported monitor %" PRIu64 ", which is not its own",
                     l->agent->name, batch->results[i].monitor_id);
        s->said_refused = true;
    }
    return copy;
}

static void on_results(struct letter *l, struct session *s)
{
    struct plx_desk *desk = l->intake->desk;
    struct plx_msg_results batch = l->msg->results;
    if (s->waiting >= WAITING_MAX) {
        desk->counts.batches_put_off++;
        return;
    }
    struct ingest *job = calloc(1, sizeof *job);
    if (!job)
        abort();
    *job = (struct ingest){l->intake, l->slot};
    struct plx_result *copy = disown(l, s, &batch);
    if (copy)
        batch.results = copy;
    int err =
        plx_store_ingest(desk->store, l->agent->id, &batch, l->wall, on_ingested, job);
    free(copy);
    if (err < 0) {
        desk->counts.batches_put_off++;
        free(job);
        return;
    }
    desk->counts.results += batch.n;
    desk->counts.batches_waiting++;
    s->waiting++;
}

static void on_probe_done(struct letter *l)
{
    if (l->intake->on_done)
        l->intake->on_done(l->intake->on_done_arg, l->slot, l->msg->probe_done.request_id,
                           &l->msg->probe_done.result);
}

static void on_trace_done(struct letter *l)
{
    const struct plx_msg_trace_done *done = &l->msg->trace_done;
    if (l->intake->on_traced)
        l->intake->on_traced(l->intake->on_traced_arg, l->slot, done->request_id,
                             done->trace);
}

/* ---- receiving ---- */

static void dispatch(struct letter *l, struct session *s)
{
    switch (l->msg->type) {
    case PLX_MSG_HEARTBEAT:
        on_heartbeat(l, s);
        return;
    case PLX_MSG_RESULTS:
        on_results(l, s);
        break;
    case PLX_MSG_PROBE_DONE:
        on_probe_done(l);
        break;
    case PLX_MSG_TRACE_DONE:
        on_trace_done(l);
        break;
    case PLX_MSG_BYE:
        on_bye(l, s);
        return;
    default:
        l->intake->desk->counts.malformed++;
        refuse(l->intake, &s->peer, PLX_EINVAL, "not a message for the coordinator");
        return;
    }
    plx_roster_heard(l->intake->desk->roster, l->slot, l->now, l->wall, &l->notes);
}

/* A message of somebody who has the key but not the session. */
static void answer_outsider(struct letter *l, struct session *s)
{
    bool replaced = s->had_other && plx_peer_equal(&s->other, &l->parcel->peer);
    l->intake->desk->counts.no_session++;
    if (replaced)
        plx_roster_echo(l->intake->desk->roster, l->slot, l->now, &l->notes);
    refuse(l->intake, &l->parcel->peer, replaced ? PLX_ECONFLICT : PLX_EGONE,
           replaced ? "another session with this agent's key took over"
                    : "no session: begin with a hello");
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

/* Passed over in silence: whoever keeps to the protocol is far below. */
static void on_over_rate(struct letter *l, struct session *s)
{
    l->intake->desk->counts.over_rate++;
    if (!s->said_rate)
        plx_log(PLX_LOG_WARN, "agent_over_rate", "agent", l->agent->name, NULL);
    s->said_rate = true;
}

static void on_malformed(struct letter *l, struct session *s, int err,
                         const struct plx_why *why)
{
    l->intake->desk->counts.malformed++;
    if (!s->said_malformed)
        plx_log(PLX_LOG_WARN, "message_malformed", "agent", l->agent->name, "why",
                why->text, NULL);
    s->said_malformed = true;
    refuse(l->intake, &l->parcel->peer, err, why->text);
}

/* One line for each key and kind of refusal. */
static void log_once(struct letter *l, const char *event, const char *why)
{
    const char *key = l->parcel->key;
    uint64_t kind = plx_hash_bytes(event, strlen(event), 0);
    if (!plx_once_is_first(&l->intake->said, plx_hash_bytes(key, strlen(key), kind)))
        return;
    char short_key[12];
    snprintf(short_key, sizeof short_key, "%.8s", key);
    plx_log(PLX_LOG_WARN, event, "agent", l->agent ? l->agent->name : "", "key",
            short_key, "why", why, NULL);
}

/* Whether the peer speaks under a routing id that is its own. libzmq gives each id to one
 * connection at a time, so an id that another's session has is one that the other lost:
 * what is meant for that session must not go there. */
static bool own_id(struct letter *l, bool hello)
{
    struct plx_intake *intake = l->intake;
    const struct plx_peer *peer = &l->parcel->peer;
    if (!plx_peer_is_given(peer)) {
        intake->desk->counts.ids_chosen++;
        log_once(l, "routing_id_chosen", "agents never choose their routing id");
        refuse(intake, peer, PLX_EDENIED, "a routing id is not for agents to choose");
        return false;
    }
    for (uint32_t slot = 0; hello && slot < intake->n_sessions; slot++) {
        struct session *other = &intake->sessions[slot];
        if (slot == l->slot || !other->open || !plx_peer_equal(&other->peer, peer))
            continue;
        other->open = false;
        plx_shares_leave(intake->desk->shares, slot);
        intake->desk->counts.ids_stolen++;
        log_once(l, "routing_id_stolen", "the routing id was another agent's");
        refuse(intake, peer, PLX_EDENIED, "this routing id is another agent's");
        return false;
    }
    return true;
}

/* Finds out whose message it is and whether it may be looked at. */
static bool admit(struct letter *l)
{
    struct plx_desk *desk = l->intake->desk;
    desk->counts.messages++;
    l->slot = plx_roster_by_key(desk->roster, l->parcel->key);
    if (l->slot == PLX_ROSTER_NONE ||
        !plx_gate_admits(desk->gate, PLX_GATE_DOMAIN_AGENTS, l->parcel->key)) {
        desk->counts.strangers++;
        log_once(l, "stranger_refused", "a message came with a key that is revoked");
        if (take_one(&l->intake->refusals, REFUSALS_PER_S, REFUSALS_BURST, l->now))
            refuse(l->intake, &l->parcel->peer, PLX_EDENIED,
                   "this agent's key is revoked");
        return false;
    }
    l->agent = plx_roster_at(desk->roster, l->slot);
    struct session *s = session_of(l->intake, l->slot);
    if (!own_id(l, false))
        return false;
    if (take_one(&s->messages, MESSAGES_PER_S, MESSAGES_BURST, l->now))
        return true;
    on_over_rate(l, s);
    return false;
}

static void handle(struct letter *l)
{
    struct plx_msg msg;
    struct plx_why why;
    if (!admit(l))
        return;
    struct session *s = session_of(l->intake, l->slot);
    int err = l->parcel->n_frames == 1
                  ? plx_wire_decode(l->intake->decoder, l->parcel->frames[0],
                                    l->parcel->lens[0], &msg, &why)
                  : plx_why_set(&why, PLX_EMALFORMED, "one frame is expected");
    l->msg = &msg;
    if (err < 0)
        on_malformed(l, s, err, &why);
    else if (msg.type == PLX_MSG_HELLO &&
             !take_one(&s->hellos, HELLOS_PER_S, HELLOS_BURST, l->now))
        on_over_rate(l, s);
    else if (msg.type == PLX_MSG_HELLO) {
        if (own_id(l, true))
            on_hello(l, s);
    } else if (!s->open || !plx_peer_equal(&s->peer, &l->parcel->peer))
        answer_outsider(l, s);
    else
        dispatch(l, s);
    if (l->notes.n > 0)
        plx_desk_note(l->intake->desk, &l->notes);
    plx_desk_settle(l->intake->desk);
    push_to(l->intake, l->slot);
}

/* Before anything is read or ended: what waited while we were away must not be taken for
 * the agents' silence. */
static void notice_absence(struct plx_intake *intake, struct plx_mono now)
{
    int64_t away_ns = plx_mono_diff(now, intake->ticked);
    if (intake->ticked.ns == 0 || away_ns < AWAY_NS)
        return;
    intake->ticked = now;
    plx_desk_excuse(intake->desk, now, plx_clock_wall(), away_ns);
}

/* Sets the times that are kept right before anything is compared with the new clock. */
static void notice_clock(struct plx_intake *intake, struct plx_mono now,
                         struct plx_wall wall)
{
    int64_t axis_ns = wall.ns - now.ns, step_ns = axis_ns - intake->axis_ns;
    intake->axis_ns = axis_ns;
    if (step_ns < CLOCK_SET_NS && step_ns > -CLOCK_SET_NS)
        return;
    plx_desk_clock_set(intake->desk, step_ns);
    for (size_t i = 0; i < intake->n_sessions; i++)
        intake->sessions[i].kept.ns = 0;
}

static bool on_readable(void *arg)
{
    struct plx_intake *intake = arg;
    struct plx_parcel parcel;
    int err = plx_channel_recv(intake->channel, &parcel);
    if (err == PLX_EAGAIN)
        return false;
    if (err < 0) {
        intake->desk->counts.malformed++;
        return true;
    }
    struct letter letter = {
        .intake = intake,
        .parcel = &parcel,
        .now = plx_clock_mono(),
        .wall = plx_clock_wall(),
    };
    notice_clock(intake, letter.now, letter.wall);
    notice_absence(intake, letter.now);
    handle(&letter);
    return true;
}

/* Agents stay connected for months: what their hello left on disk grows old. */
static void keep_last_seen(struct plx_intake *intake)
{
    const struct plx_roster *roster = intake->desk->roster;
    size_t n_kept = 0;
    for (size_t i = 0; i < intake->n_sessions && n_kept < KEEP_SEEN_MAX; i++) {
        uint32_t slot = intake->next_kept++ % (uint32_t)intake->n_sessions;
        struct session *s = &intake->sessions[slot];
        const struct plx_agent *agent = plx_roster_at(roster, slot);
        if (!s->open || !agent || plx_wall_diff(agent->last_seen, s->kept) < KEEP_SEEN_NS)
            continue;
        if (plx_store_touch_agent(intake->desk->store, agent->id, agent->last_seen, NULL,
                                  NULL, 0, NULL, NULL) < 0)
            return;
        s->kept = agent->last_seen;
        n_kept++;
    }
}

void plx_intake_tick(struct plx_intake *intake)
{
    struct plx_roster_notes notes = {.n = 0};
    struct plx_mono now = plx_clock_mono();
    notice_clock(intake, now, plx_clock_wall());
    notice_absence(intake, now);
    intake->ticked = now;
    keep_last_seen(intake);
    plx_roster_tick(intake->desk->roster, now, &notes);
    plx_desk_note(intake->desk, &notes);
    plx_desk_tick(intake->desk, plx_clock_wall());
    plx_desk_settle(intake->desk);
    plx_intake_push(intake);
}

struct plx_peer plx_intake_peer(const struct plx_intake *intake, uint32_t agent_slot)
{
    return plx_intake_has(intake, agent_slot) ? intake->sessions[agent_slot].peer
                                              : (struct plx_peer){.len = 0};
}

bool plx_intake_has(const struct plx_intake *intake, uint32_t agent_slot)
{
    return agent_slot < intake->n_sessions && intake->sessions[agent_slot].open;
}

int plx_intake_probe(struct plx_intake *intake, uint32_t agent_slot,
                     const struct plx_msg_probe_now *order)
{
    if (!plx_intake_has(intake, agent_slot))
        return PLX_EGONE;
    const struct plx_msg msg = {.type = PLX_MSG_PROBE_NOW, .probe_now = *order};
    return send_msg(intake, &intake->sessions[agent_slot].peer, &msg);
}

int plx_intake_trace(struct plx_intake *intake, uint32_t agent_slot,
                     const struct plx_msg_trace_now *order)
{
    if (!plx_intake_has(intake, agent_slot))
        return PLX_EGONE;
    const struct plx_msg msg = {.type = PLX_MSG_TRACE_NOW, .trace_now = *order};
    return send_msg(intake, &intake->sessions[agent_slot].peer, &msg);
}

void plx_intake_on_traced(struct plx_intake *intake, plx_intake_traced_fn *fn, void *arg)
{
    intake->on_traced = fn;
    intake->on_traced_arg = arg;
}

void plx_intake_on_done(struct plx_intake *intake, plx_intake_done_fn *fn, void *arg)
{
    intake->on_done = fn;
    intake->on_done_arg = arg;
}

const char *plx_intake_endpoint(const struct plx_intake *intake)
{
    return intake->endpoint;
}

int plx_intake_new(struct plx_desk *desk, struct plx_net *net, struct plx_loop *loop,
                   const char *endpoint, const struct plx_keypair *keys,
                   struct plx_intake **ret, struct plx_why *why)
{
    struct plx_channel *channel;
    int err = plx_channel_serve(net, endpoint, PLX_GATE_AGENTS, keys, &channel, why);
    if (err < 0)
        return plx_why_in(why, err, "the agents' endpoint");
    struct plx_intake *intake = calloc(1, sizeof *intake);
    if (!intake)
        abort();
    intake->desk = desk;
    intake->loop = loop;
    intake->channel = channel;
    intake->decoder = plx_wire_decoder_new();
    intake->axis_ns = plx_clock_wall().ns - plx_clock_mono().ns;
    plx_buf_init(&intake->out, PLX_WIRE_FRAME_MAX);
    plx_bound_endpoint(channel, intake->endpoint);
    plx_loop_add_socket(loop, plx_channel_socket(channel), on_readable, intake);
    *ret = intake;
    return 0;
}

void plx_intake_destroy(struct plx_intake **intake)
{
    struct plx_intake *i = *intake;
    if (!i)
        return;
    plx_loop_remove_socket(i->loop, plx_channel_socket(i->channel));
    plx_channel_destroy(&i->channel);
    plx_wire_decoder_destroy(&i->decoder);
    plx_buf_fini(&i->out);
    free(i->sessions);
    free(i);
    *intake = NULL;
}
