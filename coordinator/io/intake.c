#include "coordinator/io/intake_impl.h"

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

/* One agent's messages: what a spool that drains as fast as it may needs, twofold. */
#define MESSAGES_PER_S 500
#define MESSAGES_BURST 2000
/* Its hellos: each may cost a whole snapshot, a write and lines of the log. */
#define HELLOS_PER_S   1
#define HELLOS_BURST   10
/* Answers to keys that are revoked: their sessions cannot be cut, but need not be fed. */
#define REFUSALS_PER_S 50
#define REFUSALS_BURST 200
/* Lines about them: keys can be made so that they push each other out of what was said.
 */
#define LINES_PER_S    1
#define LINES_BURST    200
/* How old an agent's last sight on disk may be: a restart gives those seen lately time to
 * come back. So many are written in one tick. */
#define KEEP_SEEN_NS   PLX_MIN_NS
#define KEEP_SEEN_MAX  100
/* Ticks come twice a second; so late, and we were not running. */
#define AWAY_NS        (3 * PLX_SEC_NS)
/* A wall clock that moves so much against the monotonic one was set. */
#define CLOCK_SET_NS   PLX_SEC_NS

struct plx_session *plx_intake_session(struct plx_intake *intake, uint32_t slot)
{
    if (slot >= intake->n_sessions) {
        size_t n = (size_t)slot + 64;
        struct plx_session *grown = realloc(intake->sessions, n * sizeof *grown);
        if (!grown)
            abort();
        memset(&grown[intake->n_sessions], 0, (n - intake->n_sessions) * sizeof *grown);
        intake->sessions = grown;
        intake->n_sessions = n;
    }
    return &intake->sessions[slot];
}

/* ---- receiving ---- */

static void dispatch(struct plx_letter *l, struct plx_session *s)
{
    switch (l->msg->type) {
    case PLX_MSG_HEARTBEAT:
        plx_intake_on_heartbeat(l, s);
        return;
    case PLX_MSG_RESULTS:
        plx_intake_on_results(l, s);
        break;
    case PLX_MSG_TRACE_DONE:
        plx_intake_on_trace_done(l);
        break;
    case PLX_MSG_PROBE_DONE:
        plx_intake_on_probe_done(l);
        break;
    case PLX_MSG_AGENT_KEY:
        plx_intake_on_agent_key(l, s);
        break;
    case PLX_MSG_BYE:
        plx_intake_on_bye(l, s);
        return;
    default:
        l->intake->desk->counts.malformed++;
        plx_intake_refuse(l->intake, &s->peer, PLX_EINVAL,
                          "not a message for the coordinator");
        return;
    }
    plx_roster_heard(l->intake->desk->roster, l->slot, l->now, l->wall, &l->notes);
}

/* A message of somebody who has the key but not the session. */
static void answer_outsider(struct plx_letter *l, struct plx_session *s)
{
    bool replaced = s->had_other && plx_peer_equal(&s->other, &l->parcel->peer);
    l->intake->desk->counts.no_session++;
    if (replaced)
        plx_roster_echo(l->intake->desk->roster, l->slot, l->now, &l->notes);
    plx_intake_refuse(l->intake, &l->parcel->peer, replaced ? PLX_ECONFLICT : PLX_EGONE,
                      replaced ? "another session with this agent's key took over"
                               : "no session: begin with a hello");
}

/* Passed over in silence: whoever keeps to the protocol is far below. */
static void on_over_rate(struct plx_letter *l, struct plx_session *s)
{
    l->intake->desk->counts.over_rate++;
    if (!s->said_rate)
        plx_log(PLX_LOG_WARN, "agent_over_rate", "agent", l->agent->name, NULL);
    s->said_rate = true;
}

static void on_malformed(struct plx_letter *l, struct plx_session *s, int err,
                         const struct plx_why *why)
{
    l->intake->desk->counts.malformed++;
    if (!s->said_malformed)
        plx_log(PLX_LOG_WARN, "message_malformed", "agent", l->agent->name, "why",
                why->text, NULL);
    s->said_malformed = true;
    plx_intake_refuse(l->intake, &l->parcel->peer, err, why->text);
}

/* Whose key it is or, of a revoked one, was. */
static const char *owner_of(const struct plx_letter *l)
{
    const struct plx_roster *roster = l->intake->desk->roster;
    for (uint32_t slot = 0; !l->agent && slot < plx_roster_count(roster); slot++)
        if (strcmp(plx_roster_at(roster, slot)->key, l->parcel->key) == 0)
            return plx_roster_at(roster, slot)->name;
    return l->agent ? l->agent->name : "";
}

/* One line for each key and kind of refusal. */
static void log_once(struct plx_letter *l, const char *event, const char *why)
{
    const char *key = l->parcel->key;
    uint64_t kind = plx_hash_bytes(event, strlen(event), 0);
    if (!plx_once_is_first(&l->intake->said, plx_hash_bytes(key, strlen(key), kind)) ||
        !plx_bucket_take(&l->intake->lines, LINES_PER_S, LINES_BURST, l->now))
        return;
    char short_key[12];
    snprintf(short_key, sizeof short_key, "%.8s", key);
    plx_log(PLX_LOG_WARN, event, "agent", owner_of(l), "key", short_key, "why", why,
            NULL);
}

/* Whether the peer speaks under a routing id that is its own. libzmq gives each id to one
 * connection at a time, so an id that another's session has is one that the other lost:
 * what is meant for that session must not go there. */
static bool own_id(struct plx_letter *l, bool hello)
{
    struct plx_intake *intake = l->intake;
    const struct plx_peer *peer = &l->parcel->peer;
    if (!plx_peer_is_given(peer)) {
        intake->desk->counts.ids_chosen++;
        log_once(l, "routing_id_chosen", "agents never choose their routing id");
        plx_intake_refuse(intake, peer, PLX_EDENIED,
                          "a routing id is not for agents to choose");
        return false;
    }
    for (uint32_t slot = 0; hello && slot < intake->n_sessions; slot++) {
        struct plx_session *other = &intake->sessions[slot];
        if (slot == l->slot || !other->open || !plx_peer_equal(&other->peer, peer))
            continue;
        other->open = false;
        plx_shares_leave(intake->desk->shares, slot);
        intake->desk->counts.ids_stolen++;
        log_once(l, "routing_id_stolen", "the routing id was another agent's");
        plx_intake_refuse(intake, peer, PLX_EDENIED,
                          "this routing id is another agent's");
        return false;
    }
    return true;
}

/* Finds out whose message it is and whether it may be looked at. */
static bool admit(struct plx_letter *l)
{
    struct plx_desk *desk = l->intake->desk;
    desk->counts.messages++;
    l->slot = plx_roster_by_key(desk->roster, l->parcel->key);
    if (l->slot == PLX_ROSTER_NONE ||
        !plx_gate_admits(desk->gate, PLX_GATE_DOMAIN_AGENTS, l->parcel->key)) {
        desk->counts.strangers++;
        log_once(l, "stranger_refused", "a message came with a key that is revoked");
        if (plx_bucket_take(&l->intake->refusals, REFUSALS_PER_S, REFUSALS_BURST, l->now))
            plx_intake_refuse(l->intake, &l->parcel->peer, PLX_EDENIED,
                              "this agent's key is revoked");
        return false;
    }
    l->agent = plx_roster_at(desk->roster, l->slot);
    struct plx_session *s = plx_intake_session(l->intake, l->slot);
    if (!own_id(l, false))
        return false;
    if (plx_bucket_take(&s->messages, MESSAGES_PER_S, MESSAGES_BURST, l->now))
        return true;
    on_over_rate(l, s);
    return false;
}

static void handle(struct plx_letter *l)
{
    struct plx_msg msg;
    struct plx_why why;
    if (!admit(l))
        return;
    struct plx_session *s = plx_intake_session(l->intake, l->slot);
    int err = l->parcel->n_frames == 1
                  ? plx_wire_decode(l->intake->decoder, l->parcel->frames[0],
                                    l->parcel->lens[0], &msg, &why)
                  : plx_why_set(&why, PLX_EMALFORMED, "one frame is expected");
    l->msg = &msg;
    if (err < 0)
        on_malformed(l, s, err, &why);
    else if (msg.type == PLX_MSG_HELLO &&
             !plx_bucket_take(&s->hellos, HELLOS_PER_S, HELLOS_BURST, l->now))
        on_over_rate(l, s);
    else if (msg.type == PLX_MSG_HELLO) {
        if (own_id(l, true))
            plx_intake_on_hello(l, s);
    } else if (!s->open || !plx_peer_equal(&s->peer, &l->parcel->peer))
        answer_outsider(l, s);
    else
        dispatch(l, s);
    if (l->notes.n > 0)
        plx_desk_note(l->intake->desk, &l->notes);
    plx_desk_settle(l->intake->desk);
    plx_intake_push_to(l->intake, l->slot);
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
    intake->clock_set = now;
    plx_desk_clock_set(intake->desk, step_ns);
    for (size_t i = 0; i < intake->n_sessions; i++)
        intake->sessions[i].kept.ns = 0;
}

struct plx_wall plx_intake_wall(struct plx_intake *intake)
{
    struct plx_wall wall = plx_clock_wall();
    notice_clock(intake, plx_clock_mono(), wall);
    return wall;
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
    struct plx_letter letter = {
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
        struct plx_session *s = &intake->sessions[slot];
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
    return plx_intake_send(intake, &intake->sessions[agent_slot].peer, &msg);
}

int plx_intake_trace(struct plx_intake *intake, uint32_t agent_slot,
                     const struct plx_msg_trace_now *order)
{
    if (!plx_intake_has(intake, agent_slot))
        return PLX_EGONE;
    const struct plx_msg msg = {.type = PLX_MSG_TRACE_NOW, .trace_now = *order};
    return plx_intake_send(intake, &intake->sessions[agent_slot].peer, &msg);
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
