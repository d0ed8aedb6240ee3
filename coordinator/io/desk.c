#include "coordinator/io/desk.h"
#include "coordinator/io/store_uptime.h"

#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/alerts.h"
#include "proto/wire.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How far what the store knows of an agent's last sight may lag behind: intake writes it
 * once a minute, some agents at a time. */
#define SEEN_LAG_NS     (2 * PLX_MIN_NS)
#define NOTE_RUNNING_NS (10 * PLX_SEC_NS)

void plx_desk_init(struct plx_desk *desk, struct plx_store *store, struct plx_gate *gate)
{
    *desk = (struct plx_desk){.store = store, .gate = gate};
    desk->roster = plx_roster_new(NULL);
    desk->catalog = plx_catalog_new();
    desk->shares = plx_shares_new(desk->catalog);
    desk->court = plx_court_new(desk->roster, desk->catalog, desk->shares);
    desk->spares = plx_spares_new(desk->roster, desk->catalog, desk->shares);
    desk->started = plx_clock_mono();
    desk->started_wall = plx_clock_wall();
    desk->events = plx_events_new(desk->started_wall);
    desk->guests = plx_guests_new();
}

void plx_desk_fini(struct plx_desk *desk)
{
    plx_guests_destroy(&desk->guests);
    plx_events_destroy(&desk->events);
    plx_spares_destroy(&desk->spares);
    plx_court_destroy(&desk->court);
    plx_shares_destroy(&desk->shares);
    plx_catalog_destroy(&desk->catalog);
    plx_roster_destroy(&desk->roster);
    for (size_t i = 0; i < desk->n_tokens; i++)
        plx_store_token_fini(&desk->tokens[i]);
    free(desk->quotas);
    desk->quotas = NULL;
    free(desk->tokens);
    desk->tokens = NULL;
    desk->n_tokens = 0;
}

/* ---- agents ---- */

static enum plx_standing standing_of(const struct plx_agent *agent)
{
    if (agent->revoked || agent->drained || (!agent->alive && agent->last_seen.ns == 0))
        return PLX_STANDING_OUT;
    return agent->alive && !agent->stuck ? PLX_STANDING_PRESENT : PLX_STANDING_ABSENT;
}

uint32_t plx_desk_add_agent(struct plx_desk *desk, const struct plx_store_agent *agent,
                            bool presumed)
{
    const struct plx_roster_entry entry = {
        .id = agent->id,
        .token_id = agent->token_id,
        .name = agent->name,
        .region = agent->region,
        .key = agent->public_key,
        .labels = agent->labels,
        .n_labels = agent->n_labels,
        .own_labels = agent->own_labels,
        .n_own_labels = agent->n_own_labels,
        .enrolled = agent->created,
        .last_seen = agent->last_seen,
        .revoked = agent->state == PLX_AGENT_REVOKED,
        .drained = agent->state == PLX_AGENT_DRAINING,
    };
    uint32_t slot;
    int err = plx_roster_add(desk->roster, &entry, presumed, plx_clock_mono(), &slot);
    if (err < 0) {
        plx_log(PLX_LOG_ERROR, "agent_not_taken", "agent", agent->name, "why",
                plx_err_text(err), NULL);
        return PLX_ROSTER_NONE;
    }
    const struct plx_agent *a = plx_roster_at(desk->roster, slot);
    if (!a->revoked)
        plx_court_set_agent(desk->court, slot);
    plx_shares_set_agent(desk->shares, slot, a->name, a->region, a->labels, a->n_labels,
                         standing_of(a));
    if (!a->revoked)
        plx_gate_allow(desk->gate, PLX_GATE_DOMAIN_AGENTS, a->key);
    return slot;
}

void plx_desk_set_labels(struct plx_desk *desk, uint32_t slot,
                         const struct plx_label *labels, size_t n)
{
    const struct plx_agent *a = plx_roster_at(desk->roster, slot);
    plx_roster_set_labels(desk->roster, slot, labels, n);
    plx_shares_set_agent(desk->shares, slot, a->name, a->region, a->labels, a->n_labels,
                         standing_of(a));
    if (!a->revoked)
        plx_court_set_agent(desk->court, slot);
    plx_desk_settle(desk);
}

static void touch(struct plx_desk *desk, const struct plx_agent *agent)
{
    plx_store_touch_agent(desk->store, agent->id, agent->last_seen, NULL, NULL, 0, NULL,
                          NULL);
}

/* What each note is called in the log. */
static const struct {
    const char *event;
    enum plx_log_level level;
} note_events[] = {
    [PLX_NOTE_CONNECTED] = {"agent_connected", PLX_LOG_INFO},
    [PLX_NOTE_BACK] = {"agent_live", PLX_LOG_INFO},
    [PLX_NOTE_LOST] = {"agent_lost", PLX_LOG_WARN},
    [PLX_NOTE_LEFT] = {"agent_left", PLX_LOG_INFO},
    [PLX_NOTE_REPLACED] = {"agent_session_replaced", PLX_LOG_INFO},
    [PLX_NOTE_DOUBLED] = {"agent_key_used_twice", PLX_LOG_WARN},
    [PLX_NOTE_STUCK] = {"agent_stuck", PLX_LOG_WARN},
    [PLX_NOTE_MOVING] = {"agent_moving_again", PLX_LOG_INFO},
    [PLX_NOTE_CLOCK_OFF] = {"agent_clock_off", PLX_LOG_WARN},
    [PLX_NOTE_CLOCK_OK] = {"agent_clock_ok", PLX_LOG_INFO},
    [PLX_NOTE_STANDING] = {"agent_standing", PLX_LOG_INFO},
};

/* One agent's notes in the log: an agent that comes and goes all the time, or is made to,
 * does not fill the disk. Events and counters have them all. */
#define NOTES_PER_S (1.0 / 30)
#define NOTES_BURST 20

static struct plx_desk_quota *quota_of(struct plx_desk *desk, uint32_t slot)
{
    if (slot >= desk->n_quotas) {
        size_t n = (size_t)slot + 64;
        struct plx_desk_quota *grown = realloc(desk->quotas, n * sizeof *grown);
        if (!grown)
            abort();
        memset(&grown[desk->n_quotas], 0, (n - desk->n_quotas) * sizeof *grown);
        desk->quotas = grown;
        desk->n_quotas = n;
    }
    return &desk->quotas[slot];
}

static void log_note(struct plx_desk *desk, uint32_t slot, enum plx_roster_note_kind kind)
{
    const struct plx_agent *agent = plx_roster_at(desk->roster, slot);
    struct plx_desk_quota *quota = quota_of(desk, slot);
    char offset[PLX_DURATION_TEXT_MAX], unsaid[32];
    if (!plx_bucket_take(&quota->lines, NOTES_PER_S, NOTES_BURST, plx_clock_mono())) {
        quota->unsaid++;
        desk->counts.notes_unlogged++;
        return;
    }
    int64_t off_ns = agent->offset_ns < 0 ? -agent->offset_ns : agent->offset_ns;
    const char *state = plx_presence_token(plx_roster_presence(agent));
    const char *left_out = quota->unsaid > 0 ? "not_logged_before" : NULL;
    snprintf(unsaid, sizeof unsaid, "%" PRIu64, quota->unsaid);
    quota->unsaid = 0;
    if (kind == PLX_NOTE_CLOCK_OFF)
        plx_log(note_events[kind].level, note_events[kind].event, "agent", agent->name,
                "region", agent->region, "by", plx_duration_human(off_ns, offset),
                "direction", agent->offset_ns < 0 ? "ahead" : "behind", left_out, unsaid,
                NULL);
    else
        plx_log(note_events[kind].level, note_events[kind].event, "agent", agent->name,
                "region", agent->region, "state", state, left_out, unsaid, NULL);
}

static void tell_note(struct plx_desk *desk, const struct plx_agent *agent,
                      enum plx_roster_note_kind kind)
{
    struct plx_json *j = plx_events_begin(desk->events, "agent", plx_clock_wall());
    plx_json_kstr(j, "event", note_events[kind].event);
    plx_json_kstr(j, "agent", agent->name);
    plx_json_kstr(j, "region", agent->region);
    plx_json_kstr(j, "state", plx_presence_token(plx_roster_presence(agent)));
    plx_events_end(desk->events);
}

void plx_desk_note(struct plx_desk *desk, const struct plx_roster_notes *notes)
{
    for (size_t i = 0; i < notes->n; i++) {
        uint32_t slot = notes->list[i].slot;
        enum plx_roster_note_kind kind = notes->list[i].kind;
        const struct plx_agent *agent = plx_roster_at(desk->roster, slot);
        log_note(desk, slot, kind);
        tell_note(desk, agent, kind);
        desk->counts.doubled += kind == PLX_NOTE_DOUBLED;
        plx_shares_set_standing(desk->shares, slot, standing_of(agent));
        if (kind == PLX_NOTE_LEFT)
            plx_shares_leave(desk->shares, slot);
        if (kind == PLX_NOTE_LOST || kind == PLX_NOTE_LEFT)
            touch(desk, agent);
    }
}

void plx_desk_change_key(struct plx_desk *desk, uint32_t slot, const char *key)
{
    plx_desk_retire_old_key(desk, slot);
    if (plx_roster_change_key(desk->roster, slot, key) < 0)
        return;
    plx_gate_allow(desk->gate, PLX_GATE_DOMAIN_AGENTS, key);
    plx_log(PLX_LOG_INFO, "agent_key_changed", "agent",
            plx_roster_at(desk->roster, slot)->name, NULL);
}

void plx_desk_retire_old_key(struct plx_desk *desk, uint32_t slot)
{
    const struct plx_agent *agent = plx_roster_at(desk->roster, slot);
    if (agent->old_key[0] == '\0')
        return;
    plx_gate_deny(desk->gate, PLX_GATE_DOMAIN_AGENTS, agent->old_key);
    plx_roster_retire_old_key(desk->roster, slot);
    plx_log(PLX_LOG_INFO, "agent_old_key_retired", "agent", agent->name, NULL);
}

void plx_desk_revoke(struct plx_desk *desk, uint32_t slot)
{
    struct plx_roster_notes notes = {.n = 0};
    plx_desk_retire_old_key(desk, slot);
    plx_gate_deny(desk->gate, PLX_GATE_DOMAIN_AGENTS,
                  plx_roster_at(desk->roster, slot)->key);
    plx_roster_revoke(desk->roster, slot, &notes);
    plx_desk_note(desk, &notes);
    plx_shares_leave(desk->shares, slot);
    plx_desk_settle(desk);
    plx_court_drop_agent(desk->court, slot);
}

void plx_desk_drain(struct plx_desk *desk, uint32_t slot, bool on)
{
    struct plx_roster_notes notes = {.n = 0};
    plx_roster_drain(desk->roster, slot, on, &notes);
    plx_desk_note(desk, &notes);
    plx_desk_settle(desk);
}

void plx_desk_settle(struct plx_desk *desk)
{
    const uint32_t *monitors;
    size_t n;
    plx_shares_settle(desk->shares, plx_clock_mono(), &monitors, &n);
    for (size_t i = 0; i < n; i++)
        plx_court_set_monitor(desk->court, monitors[i]);
}

void plx_desk_set_keys(struct plx_desk *desk, const char *current, const char *next)
{
    snprintf(desk->keys.current, sizeof desk->keys.current, "%s", current);
    snprintf(desk->keys.next, sizeof desk->keys.next, "%s", next);
    desk->keys.hash = plx_wire_keys_hash(current, next);
}

/* ---- tokens ---- */

struct plx_store_token *plx_desk_token(struct plx_desk *desk, uint64_t id)
{
    for (size_t i = 0; i < desk->n_tokens; i++)
        if (desk->tokens[i].id == id)
            return &desk->tokens[i];
    return NULL;
}

void plx_desk_add_token(struct plx_desk *desk, const struct plx_store_token *token)
{
    struct plx_store_token *grown =
        realloc(desk->tokens, (desk->n_tokens + 1) * sizeof *grown);
    if (!grown)
        abort();
    desk->tokens = grown;
    struct plx_store_token *t = &desk->tokens[desk->n_tokens++];
    *t = *token;
    t->region = plx_text_dup(token->region);
    t->note = plx_text_dup(token->note);
    t->labels = calloc(token->n_labels ? token->n_labels : 1, sizeof *t->labels);
    if (!t->labels)
        abort();
    for (size_t i = 0; i < token->n_labels; i++)
        t->labels[i] = (struct plx_label){plx_text_dup(token->labels[i].key),
                                          plx_text_dup(token->labels[i].value)};
}

/* ---- loading ---- */

/* When the coordinator last ran. A database of before this was written down has the last
 * sight of any agent. */
static struct plx_wall last_ran(const struct plx_store_config *config)
{
    struct plx_wall last = config->last_ran;
    for (size_t i = 0; last.ns == 0 && i < config->n_agents; i++)
        if (config->agents[i].last_seen.ns > last.ns)
            last = config->agents[i].last_seen;
    return last;
}

/* Who was there when we last ran is presumed to be there now, however long ago it is. */
static void load_agents(struct plx_desk *desk, const struct plx_store_config *config)
{
    struct plx_wall since = plx_wall_add(last_ran(config), -SEEN_LAG_NS);
    for (size_t i = 0; i < config->n_agents; i++) {
        const struct plx_store_agent *agent = &config->agents[i];
        plx_desk_add_agent(desk, agent,
                           agent->last_seen.ns > 0 && agent->last_seen.ns >= since.ns);
    }
}

static bool recall_verdict(void *arg, const struct plx_store_verdict *verdict)
{
    struct plx_desk *desk = arg;
    uint32_t slot = plx_catalog_by_id(desk->catalog, verdict->monitor_id);
    struct plx_wall since = verdict->at; /* the clock may have been set back since */
    if (since.ns > desk->started_wall.ns)
        since = desk->started_wall;
    for (int v = 0; v < PLX_JUDGE_VERDICT_COUNT_; v++)
        if (slot != PLX_CATALOG_NONE &&
            strcmp(plx_judge_verdict_token((enum plx_judge_verdict)v), verdict->now) == 0)
            plx_court_recall(desk->court, slot, (enum plx_judge_verdict)v, since);
    return true;
}

int64_t plx_desk_window_ns(const struct plx_desk *desk)
{
    int64_t longest_ns = PLX_MIN_NS;
    for (uint32_t i = 0; i < plx_catalog_end(desk->catalog); i++) {
        const struct plx_monitor *m = plx_catalog_at(desk->catalog, i);
        if (m && m->interval_ns > longest_ns)
            longest_ns = m->interval_ns;
    }
    return longest_ns < PLX_HOUR_NS ? 3 * longest_ns : 3 * PLX_HOUR_NS;
}

/* How far a replay has come. */
struct replay {
    struct plx_desk *desk;
    struct plx_wall end; /* results age until then */
    size_t n_read, n_heard;
};

/* What is older than three intervals of its own monitor no longer speaks for it: in a
 * mixed fleet, the window of the slowest is full of old results of the fast. */
static bool replay_result(void *arg, const struct plx_store_row *row)
{
    struct replay *replay = arg;
    struct plx_desk *desk = replay->desk;
    uint32_t monitor = plx_catalog_by_id(desk->catalog, row->result.monitor_id);
    replay->n_read++;
    if (monitor == PLX_CATALOG_NONE)
        return true;
    int64_t interval_ns = plx_catalog_at(desk->catalog, monitor)->interval_ns;
    if (plx_wall_diff(replay->end, row->received) > 3 * interval_ns + PLX_MIN_NS)
        return true;
    uint32_t agent = plx_roster_by_id(desk->roster, row->agent_id);
    if (agent == PLX_ROSTER_NONE)
        return true;
    plx_court_replay(desk->court, desk->started_wall, row->received, agent, monitor,
                     &row->result);
    replay->n_heard++;
    return true;
}

/* A start must not take longer than agents take to come back. Where the whole window
 * takes longer than REPLAY_NS (8,300 results/s fill that of 1 min monitors with 1.5
 * million rows), the middle is left out: what came last says most. */
#define REPLAY_ROWS   5000000
#define REPLAY_NEWEST 250000
#define REPLAY_NS     (20 * PLX_SEC_NS)

/* A read ends at its own deadline, and is continued until ours. */
static int replay_until(struct replay *replay, const struct plx_store_range *range,
                        struct plx_store_cursor *cursor, int64_t budget_ns)
{
    struct plx_mono began = plx_clock_mono();
    int err = PLX_ETIMEOUT;
    while ((err == 0 || err == PLX_ETIMEOUT) && !cursor->at_end &&
           plx_mono_diff(plx_clock_mono(), began) < budget_ns)
        err = plx_store_read_results(replay->desk->store, range, cursor, REPLAY_ROWS,
                                     replay_result, replay);
    return err == PLX_ETIMEOUT ? 0 : err;
}

/* The newest rows, unless the cursor is among them already. */
static int replay_newest(struct replay *replay, struct plx_store_cursor *cursor)
{
    const struct plx_store_range range = {.last_rows = REPLAY_NEWEST};
    struct plx_store_cursor newest = {0};
    int err = plx_store_read_results(replay->desk->store, &range, &newest, 0,
                                     replay_result, replay);
    if (err)
        return err;
    if (newest.day > cursor->day ||
        (newest.day == cursor->day && newest.row > cursor->row))
        *cursor = newest;
    return replay_until(replay, &range, cursor, REPLAY_NS);
}

static void load_history(struct plx_desk *desk)
{
    struct plx_store_cursor cursor = {0};
    struct replay replay = {.desk = desk, .end = desk->started_wall};
    const struct plx_store_range range = {
        .from = plx_wall_add(desk->started_wall, -plx_desk_window_ns(desk)),
        .last_rows = REPLAY_ROWS,
    };
    struct plx_mono began = plx_clock_mono();
    int err = plx_store_read_last_verdicts(desk->store, recall_verdict, desk);
    if (err == 0)
        err = replay_until(&replay, &range, &cursor, REPLAY_NS);
    bool whole = cursor.at_end;
    if (err == 0 && !whole)
        err = replay_newest(&replay, &cursor);
    if (err < 0)
        plx_log(PLX_LOG_WARN, "history_not_read", "why", plx_err_text(err), NULL);
    char took[PLX_DURATION_TEXT_MAX];
    plx_logf(whole ? PLX_LOG_INFO : PLX_LOG_WARN, "history_read", "why",
             "%zu results, %zu of them recent enough, in %s%s", replay.n_read,
             replay.n_heard,
             plx_duration_human(plx_mono_diff(plx_clock_mono(), began), took),
             whole ? "" : "; some between the oldest and the newest were left out");
}

/* That nobody was heard while we were away is no silence of the agents. */
static void presume_alive(struct plx_desk *desk, struct plx_wall wall)
{
    for (uint32_t i = 0; i < plx_roster_count(desk->roster); i++)
        if (plx_roster_at(desk->roster, i)->alive)
            plx_court_heartbeat(desk->court, wall, i);
}

void plx_desk_tick(struct plx_desk *desk, struct plx_wall wall)
{
    for (uint32_t i = 0; i < plx_roster_count(desk->roster); i++)
        if (plx_roster_at(desk->roster, i)->presumed)
            plx_court_heartbeat(desk->court, wall, i);
    if (plx_wall_diff(wall, desk->noted) < NOTE_RUNNING_NS && wall.ns >= desk->noted.ns)
        return;
    if (plx_store_note_running(desk->store, wall) == 0)
        desk->noted = wall;
}

void plx_desk_excuse(struct plx_desk *desk, struct plx_mono now, struct plx_wall wall,
                     int64_t away_ns)
{
    char away[PLX_DURATION_TEXT_MAX];
    plx_log(
        PLX_LOG_WARN, "was_away", "for", plx_duration_human(away_ns, away), "why",
        "nothing was handled meanwhile: stopped, starved, asleep, or busy with one thing",
        NULL);
    plx_store_note_absence(desk->store, plx_wall_add(wall, -away_ns), wall);
    plx_roster_excuse(desk->roster, now, away_ns);
    presume_alive(desk, wall);
    plx_court_settling_until(desk->court, plx_wall_add(wall, PLX_DESK_SETTLING_NS));
}

void plx_desk_clock_set(struct plx_desk *desk, int64_t step_ns)
{
    char by[PLX_DURATION_TEXT_MAX];
    plx_log(PLX_LOG_WARN, "clock_set", "by",
            plx_duration_human(step_ns < 0 ? -step_ns : step_ns, by), "direction",
            step_ns < 0 ? "back" : "forward", NULL);
    desk->started_wall = plx_wall_add(desk->started_wall, step_ns);
    plx_roster_clock_set(desk->roster, step_ns);
    plx_court_clock_set(desk->court, step_ns);
    if (desk->alerts)
        plx_alerts_clock_set(desk->alerts, plx_clock_wall(), step_ns);
}

int plx_desk_load(struct plx_desk *desk, struct plx_why *why)
{
    struct plx_store_config config;
    uint32_t slot;
    int err = plx_store_load(desk->store, &config, why);
    if (err < 0)
        return err;
    desk->generation = config.generation;
    if (config.last_ran.ns > 0 && config.last_ran.ns < desk->started_wall.ns)
        plx_store_note_absence(desk->store, config.last_ran, desk->started_wall);
    load_agents(desk, &config);
    for (size_t i = 0; i < config.n_monitors; i++)
        plx_shares_put(desk->shares, &config.monitors[i], &slot);
    for (size_t i = 0; i < config.n_tokens; i++)
        plx_desk_add_token(desk, &config.tokens[i]);
    for (size_t i = 0; i < config.n_access; i++)
        plx_guests_put(desk->guests, &config.access[i]);
    plx_store_config_fini(&config);
    plx_desk_settle(desk);
    load_history(desk);
    presume_alive(desk, desk->started_wall);
    return 0;
}
