/* The incidents' own room: making, changing, forgetting, what people say about them. */
#include "coordinator/core/incident_impl.h"

#include "base/err.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const what_tokens[PLX_INCIDENT_DID_COUNT_] = {
    [PLX_INCIDENT_DID_OPEN] = "opened",     [PLX_INCIDENT_DID_ANNOUNCE] = "announced",
    [PLX_INCIDENT_DID_JOIN] = "joined",     [PLX_INCIDENT_DID_LEAVE] = "left",
    [PLX_INCIDENT_DID_CHANGE] = "changed",  [PLX_INCIDENT_DID_END] = "ending",
    [PLX_INCIDENT_DID_RETURN] = "returned", [PLX_INCIDENT_DID_FLAP] = "flapping",
    [PLX_INCIDENT_DID_STEADY] = "steady",   [PLX_INCIDENT_DID_ACK] = "acknowledged",
    [PLX_INCIDENT_DID_NOTE] = "note",       [PLX_INCIDENT_DID_MERGE] = "merged",
    [PLX_INCIDENT_DID_MUTE] = "muted",      [PLX_INCIDENT_DID_UNMUTE] = "unmuted",
    [PLX_INCIDENT_DID_TELL] = "told",       [PLX_INCIDENT_DID_CLOSE] = "closed",
};

static const char *const event_tokens[PLX_NOTICE_EVENT_COUNT_] = {
    [PLX_NOTICE_OPEN] = "open",     [PLX_NOTICE_ESCALATE] = "escalate",
    [PLX_NOTICE_REPEAT] = "repeat", [PLX_NOTICE_UPDATE] = "update",
    [PLX_NOTICE_ACK] = "ack",       [PLX_NOTICE_RESOLVE] = "resolve",
    [PLX_NOTICE_TEST] = "test",
};

const char *plx_incident_what_token(enum plx_incident_what what)
{
    return what < PLX_INCIDENT_DID_COUNT_ ? what_tokens[what] : "none";
}

const char *plx_notice_event_token(enum plx_notice_event event)
{
    return event < PLX_NOTICE_EVENT_COUNT_ ? event_tokens[event] : "none";
}

const char *plx_incident_state_token(enum plx_incident_state state)
{
    static const char *const tokens[] = {"open", "ending", "closed"};
    return tokens[state];
}

enum plx_incident_kin plx_incident_kin(enum plx_incident_kind kind)
{
    switch (kind) {
    case PLX_INCIDENT_PATH:
    case PLX_INCIDENT_FILTER:
        return PLX_KIN_WAY;
    case PLX_INCIDENT_DEGRADED:
        return PLX_KIN_DEGRADED;
    case PLX_INCIDENT_AGENT:
    case PLX_INCIDENT_REGION:
    case PLX_INCIDENT_PROVIDER:
        return PLX_KIN_EYES;
    case PLX_INCIDENT_COVERAGE:
        return PLX_KIN_COVERAGE;
    default:
        return PLX_KIN_DOWN;
    }
}

/* `ending_ns`: the judge itself waits for fresh answers from two places; this only
 * bridges a fault that is handed from one name to another. `unclaimed_ns`: an agent may
 * be away for up to 60 s after a restart of ours and has to probe then
 * (PLX_DESK_SETTLING_NS). The rest is what people put up with. */
void plx_incident_policy_default(struct plx_incident_policy *ret)
{
    *ret = (struct plx_incident_policy){
        .degraded_for_ns = 5 * PLX_MIN_NS,
        .coverage_for_ns = 5 * PLX_MIN_NS,
        .ending_ns = 30 * PLX_SEC_NS,
        .back_ns = 10 * PLX_MIN_NS,
        .flap_ns = 30 * PLX_MIN_NS,
        .n_flap = 3,
        .steady_ns = 15 * PLX_MIN_NS,
        .unclaimed_ns = 150 * PLX_SEC_NS,
        .update_ns = PLX_MIN_NS,
    };
}

void *plx_incident_grow(void *array, size_t n, size_t *cap, size_t size)
{
    if (n <= *cap)
        return array;
    *cap = n < 16 ? 16 : 2 * n;
    void *more = realloc(array, *cap * size);
    if (!more)
        abort();
    return more;
}

void plx_incident_set_text(char **field, const char *text)
{
    char *copy = plx_text_dup(text ? text : "");
    free(*field);
    *field = copy;
}

/* ---- life of the collection ---- */

struct plx_incidents *plx_incidents_new(const struct plx_catalog *catalog,
                                        const struct plx_incident_policy *policy,
                                        plx_incident_runs_fn *runs, void *arg)
{
    struct plx_incidents *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->catalog = catalog;
    self->runs = runs;
    self->runs_arg = arg;
    self->next_id = 1;
    if (policy)
        self->policy = *policy;
    else
        plx_incident_policy_default(&self->policy);
    return self;
}

void plx_incident_unbind(struct plx_incident *incident, size_t i)
{
    free(incident->faults[i].entity);
    free(incident->faults[i].sentence);
    incident->faults[i] = incident->faults[--incident->n_faults];
}

void plx_incident_free(struct plx_incident *incident)
{
    while (incident->n_faults > 0)
        plx_incident_unbind(incident, 0);
    for (size_t i = 0; i < incident->n_members; i++)
        free(incident->members[i].name);
    for (size_t i = 0; i < incident->n_told; i++)
        free(incident->told[i].receiver);
    free(incident->members);
    free(incident->told);
    free(incident->agents);
    free(incident->entity);
    free(incident->sentence);
    free(incident->acked_by);
    free(incident->muted_by);
    free(incident);
}

static void drop_lent(struct plx_incidents *self)
{
    for (size_t i = 0; i < self->n_entries; i++) {
        free(self->entries[i].who);
        free(self->entries[i].text);
    }
    for (size_t i = 0; i < self->n_wants; i++)
        free(self->wants[i].receiver);
    self->n_entries = self->n_wants = 0;
    self->lent = false;
}

void plx_incidents_begin(struct plx_incidents *self)
{
    if (self->lent)
        drop_lent(self);
}

void plx_incidents_destroy(struct plx_incidents **incidents)
{
    struct plx_incidents *self = *incidents;
    if (!self)
        return;
    drop_lent(self);
    for (size_t i = 0; i < self->n; i++)
        plx_incident_free(self->list[i]);
    free(self->list);
    free(self->seats);
    free(self->entries);
    free(self->wants);
    free(self->changed);
    free(self);
    *incidents = NULL;
}

size_t plx_incidents_count(const struct plx_incidents *incidents)
{
    return incidents->n;
}

const struct plx_incident *plx_incidents_at(const struct plx_incidents *incidents,
                                            size_t i)
{
    return incidents->list[i];
}

static struct plx_incident *find(const struct plx_incidents *self, uint64_t id)
{
    for (size_t i = 0; i < self->n; i++)
        if (self->list[i]->id == id)
            return self->list[i];
    return NULL;
}

const struct plx_incident *plx_incidents_by_id(const struct plx_incidents *incidents,
                                               uint64_t id)
{
    return find(incidents, id);
}

struct plx_incident_seat *plx_incident_seat(struct plx_incidents *self, uint32_t slot)
{
    if (slot >= self->n_seats) {
        size_t had = self->n_seats;
        self->seats = plx_incident_grow(self->seats, (size_t)slot + 1, &self->n_seats,
                                        sizeof *self->seats);
        memset(&self->seats[had], 0, (self->n_seats - had) * sizeof *self->seats);
    }
    return &self->seats[slot];
}

struct plx_incident_place *plx_incident_place_in(struct plx_incident_seat *seat,
                                                 enum plx_incident_kin family)
{
    if (family == PLX_KIN_DOWN)
        return &seat->down;
    if (family == PLX_KIN_DEGRADED)
        return &seat->degraded;
    return family == PLX_KIN_COVERAGE ? &seat->coverage : NULL;
}

bool plx_incident_sits(const struct plx_incident_place *place)
{
    return place->incident && place->incident->state != PLX_INCIDENT_CLOSED &&
           place->incident->members[place->member].left.ns == 0;
}

const char *plx_incident_seat_name(const struct plx_incidents *self, uint32_t slot)
{
    const struct plx_monitor *m =
        slot == PLX_CATALOG_NONE ? NULL : plx_catalog_at(self->catalog, slot);
    return m ? m->name : "";
}

void plx_incidents_number_from(struct plx_incidents *incidents, uint64_t next)
{
    if (next > incidents->next_id)
        incidents->next_id = next;
}

void plx_incidents_look(struct plx_incidents *incidents)
{
    for (size_t i = 0; i < incidents->n; i++)
        incidents->list[i]->look = true;
}

/* ---- one incident ---- */

static struct plx_incident *add(struct plx_incidents *self)
{
    struct plx_incident *incident = calloc(1, sizeof *incident);
    if (!incident)
        abort();
    self->list = plx_incident_grow(self->list, self->n + 1, &self->cap,
                                   sizeof(struct plx_incident *));
    self->list[self->n++] = incident;
    return incident;
}

struct plx_incident *plx_incident_open(struct plx_incidents *self, struct plx_wall now,
                                       enum plx_incident_kind kind, const char *entity,
                                       const char *sentence, struct plx_wall onset)
{
    struct plx_incident *incident = add(self);
    incident->id = self->next_id++;
    incident->kind = kind;
    incident->severity = plx_severity_of(kind);
    incident->entity = plx_text_dup(entity);
    incident->sentence = plx_text_dup(sentence ? sentence : "");
    incident->acked_by = plx_text_dup("");
    incident->muted_by = plx_text_dup("");
    incident->onset = onset.ns > 0 ? onset : now;
    incident->opened = now;
    plx_incident_say(self, incident, now, PLX_INCIDENT_DID_OPEN, "", "%s",
                     incident->sentence);
    return incident;
}

void plx_incident_say(struct plx_incidents *self, struct plx_incident *incident,
                      struct plx_wall now, enum plx_incident_what what, const char *who,
                      const char *fmt, ...)
{
    char text[PLX_INCIDENT_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    self->entries = plx_incident_grow(self->entries, self->n_entries + 1,
                                      &self->cap_entries, sizeof *self->entries);
    self->entries[self->n_entries++] = (struct plx_incident_entry){
        .incident = incident->id,
        .at = now,
        .what = what,
        .who = plx_text_dup(who),
        .text = plx_text_dup(text),
    };
    incident->changed = true;
    incident->look = true;
}

void plx_incident_want(struct plx_incidents *self, struct plx_incident *incident,
                       struct plx_wall now, enum plx_notice_event event,
                       const char *receiver)
{
    self->wants = plx_incident_grow(self->wants, self->n_wants + 1, &self->cap_wants,
                                    sizeof *self->wants);
    self->wants[self->n_wants++] = (struct plx_notice_want){
        .incident = incident->id,
        .no = ++incident->n_notices,
        .event = event,
        .receiver = plx_text_dup(receiver),
    };
    incident->changed = true;
    incident->told_last = now;
}

/* The row of a monitor that was forgotten (paused, say) and has come back to a slot. */
static uint32_t old_row(const struct plx_incident *incident, const struct plx_monitor *m)
{
    for (uint32_t i = 0; m && i < incident->n_members; i++)
        if (incident->members[i].slot == PLX_CATALOG_NONE &&
            incident->members[i].monitor_id == m->id)
            return i;
    return UINT32_MAX;
}

uint32_t plx_incident_join(struct plx_incidents *self, struct plx_incident *incident,
                           struct plx_wall now, uint32_t slot, uint32_t at)
{
    const struct plx_monitor *m = plx_catalog_at(self->catalog, slot);
    if (at == UINT32_MAX && (at = old_row(incident, m)) != UINT32_MAX)
        incident->members[at].slot = slot;
    if (at == UINT32_MAX) {
        size_t n = incident->n_members++;
        if ((n & (n - 1)) == 0) { /* 0 or a power of two */
            incident->members =
                realloc(incident->members, (n ? 2 * n : 1) * sizeof *incident->members);
            if (!incident->members)
                abort();
        }
        at = (uint32_t)n;
        incident->members[at] = (struct plx_incident_member){
            .slot = slot,
            .monitor_id = m ? m->id : 0,
            .name = plx_text_dup(plx_incident_seat_name(self, slot)),
            .joined = now,
        };
    } else if (incident->members[at].left.ns == 0) {
        return at;
    } else {
        incident->members[at].left.ns = 0;
        incident->members[at].joined = now;
    }
    incident->n_active++;
    incident->n_joined++;
    incident->changed = true;
    return at;
}

void plx_incident_leave(struct plx_incident *incident, struct plx_wall now,
                        uint32_t member)
{
    if (incident->members[member].left.ns != 0)
        return;
    incident->members[member].left = now;
    incident->n_active--;
    incident->n_left++;
    incident->changed = true;
}

void plx_incident_restate(struct plx_incidents *self, struct plx_incident *incident,
                          struct plx_wall now, enum plx_incident_kind kind,
                          const char *entity, const char *sentence)
{
    bool other = incident->kind != kind || strcmp(incident->entity, entity) != 0;
    if (sentence && strcmp(incident->sentence, sentence) != 0) {
        plx_incident_set_text(&incident->sentence, sentence);
        incident->changed = true;
    }
    if (!other)
        return;
    if (incident->state != PLX_INCIDENT_CLOSED)
        plx_incident_say(self, incident, now, PLX_INCIDENT_DID_CHANGE, "",
                         "%s %s, was %s %s", plx_incident_kind_token(kind), entity,
                         plx_incident_kind_token(incident->kind), incident->entity);
    incident->kind = kind;
    incident->severity = plx_severity_of(kind);
    plx_incident_set_text(&incident->entity, entity);
    incident->news = true;
}

/* ---- recalling ---- */

/* Of what was paused just before the end, nobody may have been told: what is not watched
 * is in no incident. */
static uint32_t watched_slot(const struct plx_incidents *self, uint64_t monitor_id)
{
    uint32_t slot = plx_catalog_by_id(self->catalog, monitor_id);
    const struct plx_monitor *m =
        slot == PLX_CATALOG_NONE ? NULL : plx_catalog_at(self->catalog, slot);
    return m && !m->paused ? slot : PLX_CATALOG_NONE;
}

static void copy_parts(struct plx_incidents *self, struct plx_incident *mine,
                       const struct plx_incident *stored)
{
    mine->members = calloc(stored->n_members + 1, sizeof *mine->members);
    mine->told = calloc(stored->n_told + 1, sizeof *mine->told);
    if (!mine->members || !mine->told)
        abort();
    mine->n_members = 0;
    mine->n_active = 0;
    for (size_t i = 0; i < stored->n_members; i++) {
        struct plx_incident_member m = stored->members[i];
        m.name = plx_text_dup(m.name);
        m.slot = watched_slot(self, m.monitor_id);
        mine->n_active += m.left.ns == 0;
        /* Room as plx_incident_join makes it: powers of two. */
        size_t n = mine->n_members++;
        if ((n & (n - 1)) == 0) {
            mine->members = realloc(mine->members, (n ? 2 * n : 1) * sizeof m);
            if (!mine->members)
                abort();
        }
        mine->members[n] = m;
    }
    for (size_t i = 0; i < stored->n_told; i++) {
        mine->told[i] = stored->told[i];
        mine->told[i].receiver = plx_text_dup(stored->told[i].receiver);
    }
}

/* Where the monitors of an incident that lives by verdicts sit. One that has left an
 * incident for another one, when they were merged, sits in the other one, whichever of
 * them is recalled first, and one that is in two sits in the later one only: nobody else
 * would ever find it well there. */
static void seat_members(struct plx_incidents *self, struct plx_incident *incident,
                         struct plx_wall now)
{
    for (uint32_t i = 0; i < incident->n_members; i++) {
        uint32_t slot = incident->members[i].slot;
        if (slot == PLX_CATALOG_NONE)
            continue;
        struct plx_incident_place *place = plx_incident_place_in(
            plx_incident_seat(self, slot), plx_incident_kin(incident->kind));
        const struct plx_incident_place here = {incident, i};
        if (!place || (plx_incident_sits(place) && !plx_incident_sits(&here)))
            continue;
        if (plx_incident_sits(place))
            plx_incident_leave(place->incident, now, place->member);
        *place = here;
    }
}

void plx_incidents_recall(struct plx_incidents *incidents,
                          const struct plx_incident *stored, struct plx_wall now)
{
    struct plx_incident *mine = add(incidents);
    *mine = *stored;
    mine->n_faults = 0;
    mine->agents = NULL;
    mine->n_agents = 0;
    mine->changed = mine->news = false;
    mine->look = true;
    mine->entity = plx_text_dup(stored->entity);
    mine->sentence = plx_text_dup(stored->sentence);
    mine->acked_by = plx_text_dup(stored->acked_by);
    mine->muted_by = plx_text_dup(stored->muted_by);
    /* What was about to end had been let go of before. */
    if (stored->state == PLX_INCIDENT_OPEN)
        mine->unclaimed_until = plx_wall_add(now, incidents->policy.unclaimed_ns);
    /* Who joined before is no news, who joins now is. */
    incidents->ticked = plx_wall_add(now, -1);
    copy_parts(incidents, mine, stored);
    plx_incident_clip(mine, now);
    seat_members(incidents, mine, now);
    for (uint32_t i = 0; i < mine->n_members; i++)
        if (mine->members[i].slot == PLX_CATALOG_NONE)
            plx_incident_leave(mine, now, i);
    plx_incidents_number_from(incidents, mine->id + 1);
}

/* ---- what people say ---- */

int plx_incidents_ack(struct plx_incidents *incidents, struct plx_wall now, uint64_t id,
                      const char *who, const char *text)
{
    plx_incidents_begin(incidents);
    struct plx_incident *incident = find(incidents, id);
    if (!incident)
        return PLX_ENOTFOUND;
    if (incident->state == PLX_INCIDENT_CLOSED || incident->acked.ns > 0)
        return PLX_ECONFLICT;
    incident->acked = now;
    plx_incident_set_text(&incident->acked_by, who);
    plx_incident_say(incidents, incident, now, PLX_INCIDENT_DID_ACK, who, "%s", text);
    for (size_t i = 0; i < incident->n_told; i++)
        plx_incident_want(incidents, incident, now, PLX_NOTICE_ACK,
                          incident->told[i].receiver);
    return 0;
}
