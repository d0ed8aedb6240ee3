/* An agent's session: hello, heartbeats, changes of keys, bye. */
#include "coordinator/io/intake_impl.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/session.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long an agent has to take a step before its heartbeats must name it. */
#define STEP_PATIENCE_NS (15 * PLX_SEC_NS)

/* ---- hello, heartbeat, bye ---- */

static void welcome(struct plx_letter *l)
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
    plx_intake_send(l->intake, &l->parcel->peer, &msg);
}

/* The newest hello of a key has the session; the one before is told. */
static void open_session(struct plx_letter *l, struct plx_session *s)
{
    bool replaces = s->open && !plx_peer_equal(&s->peer, &l->parcel->peer);
    struct plx_session fresh = {
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
        plx_intake_refuse(l->intake, &s->peer, PLX_ECONFLICT,
                          "another session with this agent's key took over");
    }
    *s = fresh;
}

void plx_intake_on_hello(struct plx_letter *l, struct plx_session *s)
{
    const struct plx_msg_hello *in = &l->msg->hello;
    struct plx_desk *desk = l->intake->desk;
    open_session(l, s);
    if (strcmp(l->parcel->key, l->agent->key) == 0)
        plx_desk_retire_old_key(desk, l->slot);
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

static void tell_keys(struct plx_intake *intake, const struct plx_session *s)
{
    const struct plx_desk_keys *keys = &intake->desk->keys;
    const struct plx_msg msg = {.type = PLX_MSG_SERVER_KEYS,
                                .server_keys = {keys->current, keys->next}};
    if (keys->current[0])
        plx_intake_send(intake, &s->peer, &msg);
}

void plx_intake_tell_keys(struct plx_intake *intake)
{
    for (size_t i = 0; i < intake->n_sessions; i++)
        if (intake->sessions[i].open && intake->sessions[i].keys_hash != 0)
            tell_keys(intake, &intake->sessions[i]);
}

bool plx_intake_knows_keys(const struct plx_intake *intake, uint32_t agent_slot)
{
    return plx_intake_has(intake, agent_slot) &&
           intake->sessions[agent_slot].keys_hash == intake->desk->keys.hash;
}

void plx_intake_on_heartbeat(struct plx_letter *l, struct plx_session *s)
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
    plx_intake_send(l->intake, &s->peer, &ack);
    s->keys_hash = in->keys_hash;
    if (in->keys_hash != 0 && in->keys_hash != desk->keys.hash)
        tell_keys(l->intake, s);
}

/* ---- the agent's key ---- */

/* A new key on its way through the store. */
struct rekey {
    struct plx_intake *intake;
    uint32_t slot;
    char key[PLX_KEY_TEXT_MAX];
};

static void on_rekeyed(void *arg, int err, const char *why)
{
    struct rekey *rekey = arg;
    struct plx_session *s = plx_intake_session(rekey->intake, rekey->slot);
    const struct plx_msg msg = {.type = PLX_MSG_AGENT_KEY, .agent_key = {rekey->key}};
    if (err == 0) {
        plx_desk_change_key(rekey->intake->desk, rekey->slot, rekey->key);
        if (s->open)
            plx_intake_send(rekey->intake, &s->peer, &msg);
    } else if (s->open) {
        plx_intake_refuse(rekey->intake, &s->peer, err, why);
    }
    free(rekey);
}

void plx_intake_on_agent_key(struct plx_letter *l, struct plx_session *s)
{
    const char *key = l->msg->agent_key.public_key;
    if (!s->key_ordered || !plx_key_is_valid(key) ||
        plx_roster_by_key(l->intake->desk->roster, key) != PLX_ROSTER_NONE) {
        plx_intake_refuse(l->intake, &s->peer, PLX_EINVAL,
                          "no new key was asked for, or not this");
        return;
    }
    struct rekey *rekey = calloc(1, sizeof *rekey);
    if (!rekey)
        abort();
    *rekey = (struct rekey){.intake = l->intake, .slot = l->slot};
    plx_text_copy(rekey->key, sizeof rekey->key, key);
    s->key_ordered = false;
    int err = plx_store_set_agent_key(l->intake->desk->store, l->agent->id, key, l->wall,
                                      on_rekeyed, rekey);
    if (err < 0)
        on_rekeyed(rekey, err, plx_err_text(err));
}

int plx_intake_order_key(struct plx_intake *intake, uint32_t agent_slot)
{
    const struct plx_msg msg = {.type = PLX_MSG_AGENT_KEY, .agent_key = {""}};
    if (!plx_intake_has(intake, agent_slot))
        return PLX_EGONE;
    intake->sessions[agent_slot].key_ordered = true;
    return plx_intake_send(intake, &intake->sessions[agent_slot].peer, &msg);
}

void plx_intake_on_bye(struct plx_letter *l, struct plx_session *s)
{
    plx_roster_bye(l->intake->desk->roster, l->slot, &l->notes);
    s->open = false;
}
