/* What becomes of incidents as time goes by: told, over, back again, forgotten. */
#include "coordinator/core/incident_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- clocks ---- */

static void each_time(struct plx_incident *incident,
                      void (*fn)(struct plx_wall *at, int64_t arg_ns), int64_t arg_ns)
{
    struct plx_wall *times[] = {
        &incident->onset,  &incident->opened, &incident->announced, &incident->ending,
        &incident->closed, &incident->acked,  &incident->told_last};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        fn(times[i], arg_ns);
    for (size_t i = 0; i < sizeof incident->backs / sizeof *incident->backs; i++)
        fn(&incident->backs[i], arg_ns);
    for (size_t i = 0; i < incident->n_members; i++) {
        fn(&incident->members[i].joined, arg_ns);
        fn(&incident->members[i].left, arg_ns);
    }
    for (size_t i = 0; i < incident->n_told; i++) {
        fn(&incident->told[i].first, arg_ns);
        fn(&incident->told[i].last, arg_ns);
    }
}

/* 0 is none, and stays so. */
static void move(struct plx_wall *at, int64_t step_ns)
{
    if (at->ns != 0)
        at->ns += step_ns;
}

static void clip(struct plx_wall *at, int64_t now_ns)
{
    if (at->ns > now_ns)
        at->ns = now_ns;
}

void plx_incident_clip(struct plx_incident *incident, struct plx_wall now)
{
    each_time(incident, clip, now.ns);
}

void plx_incidents_clock_set(struct plx_incidents *incidents, int64_t step_ns)
{
    plx_incidents_begin(incidents);
    for (size_t i = 0; i < incidents->n; i++) {
        struct plx_incident *incident = incidents->list[i];
        each_time(incident, move, step_ns);
        move(&incident->unclaimed_until, step_ns);
        move(&incident->next_look, step_ns);
        incident->saved = (struct plx_wall){0}; /* all members are written */
        incident->changed = true;
    }
    move(&incidents->ticked, step_ns);
}

/* ---- ending and coming back ---- */

static bool is_flapping(const struct plx_incidents *self,
                        const struct plx_incident *incident, struct plx_wall now)
{
    uint32_t n = self->policy.n_flap;
    return n >= 1 && n <= 4 && incident->backs[n - 1].ns > 0 &&
           plx_wall_diff(now, incident->backs[n - 1]) <= self->policy.flap_ns;
}

/* What had ended is told anew; what was only about to end was never told to be over. */
void plx_incident_return(struct plx_incidents *self, struct plx_incident *incident,
                         struct plx_wall now)
{
    bool was_closed = incident->state == PLX_INCIDENT_CLOSED;
    memmove(&incident->backs[1], &incident->backs[0], 3 * sizeof incident->backs[0]);
    incident->backs[0] = now;
    incident->n_back++;
    incident->state = PLX_INCIDENT_OPEN;
    incident->ending = incident->closed = (struct plx_wall){0};
    plx_incident_say(self, incident, now, PLX_INCIDENT_DID_RETURN, "",
                     was_closed ? "it is back, %u times now"
                                : "it is not over, %u times now",
                     incident->n_back);
    if (was_closed) {
        incident->announced = incident->acked = (struct plx_wall){0};
        plx_incident_set_text(&incident->acked_by, "");
        for (size_t i = 0; i < incident->n_told; i++)
            free(incident->told[i].receiver);
        incident->n_told = 0;
    }
    if (!incident->flapping && is_flapping(self, incident, now)) {
        incident->flapping = true;
        incident->news = true;
        plx_incident_say(
            self, incident, now, PLX_INCIDENT_DID_FLAP, "",
            "it comes and goes: told again when it has been steady for a while");
    }
}

void plx_incident_close(struct plx_incidents *self, struct plx_incident *incident,
                        struct plx_wall now, const char *why)
{
    incident->state = PLX_INCIDENT_CLOSED;
    incident->closed = now;
    incident->flapping = false;
    while (incident->n_faults > 0)
        plx_incident_unbind(incident, 0);
    for (uint32_t i = 0; i < incident->n_members; i++)
        plx_incident_leave(incident, now, i);
    incident->n_left = incident->n_joined = 0;
    plx_incident_say(self, incident, now, PLX_INCIDENT_DID_CLOSE, "", "%s", why);
    for (size_t i = 0; i < incident->n_told; i++)
        plx_incident_want(self, incident, now, PLX_NOTICE_RESOLVE,
                          incident->told[i].receiver);
}

/* Whether what the incident stands for still holds. */
static bool holds(const struct plx_incident *incident, struct plx_wall now)
{
    switch (plx_incident_kin(incident->kind)) {
    case PLX_KIN_DOWN:
        return incident->n_faults > 0 || incident->n_active > 0;
    case PLX_KIN_WAY:
    case PLX_KIN_EYES:
        return incident->n_faults > 0 || now.ns < incident->unclaimed_until.ns;
    case PLX_KIN_DEGRADED:
    case PLX_KIN_COVERAGE:
        break;
    }
    return incident->n_active > 0;
}

static void runs_of(const struct plx_incidents *self, uint32_t slot, uint32_t *failures,
                    uint32_t *successes)
{
    *failures = *successes = UINT32_MAX;
    if (self->runs)
        self->runs(self->runs_arg, slot, failures, successes);
}

/* Every member that recovered has been seen well as often as its rule demands. */
static bool has_recovered(const struct plx_incidents *self,
                          const struct plx_incident *incident)
{
    if (plx_incident_kin(incident->kind) != PLX_KIN_DOWN)
        return true;
    for (size_t i = 0; i < incident->n_members; i++) {
        uint32_t slot = incident->members[i].slot, failures, successes;
        const struct plx_monitor *m =
            slot == PLX_CATALOG_NONE ? NULL : plx_catalog_at(self->catalog, slot);
        if (!m || m->paused || m->recovery_successes <= 1)
            continue;
        runs_of(self, slot, &failures, &successes);
        if (successes < m->recovery_successes)
            return false;
    }
    return true;
}

static int64_t hold_ns(const struct plx_incidents *self,
                       const struct plx_incident *incident, struct plx_wall now)
{
    if (incident->announced.ns == 0)
        return 0;
    if (!incident->flapping)
        return self->policy.ending_ns;
    int64_t since_ns = plx_wall_diff(now, incident->backs[0]);
    return since_ns < self->policy.steady_ns ? INT64_MAX : self->policy.ending_ns;
}

/* All of it was removed or paused: nobody has seen it well. */
static bool is_unwatched(const struct plx_incident *incident)
{
    for (size_t i = 0; i < incident->n_members; i++)
        if (incident->members[i].slot != PLX_CATALOG_NONE)
            return false;
    return incident->n_members > 0;
}

static void end_or_go_on(struct plx_incidents *self, struct plx_incident *incident,
                         struct plx_wall now)
{
    if (holds(incident, now)) {
        if (incident->state == PLX_INCIDENT_ENDING)
            plx_incident_return(self, incident, now);
        return;
    }
    if (incident->state == PLX_INCIDENT_OPEN) {
        incident->state = PLX_INCIDENT_ENDING;
        incident->ending = now;
        if (incident->announced.ns > 0)
            plx_incident_say(self, incident, now, PLX_INCIDENT_DID_END, "", "%s",
                             is_unwatched(incident) ? "none of it is watched any more"
                                                    : "all is well again");
    }
    if (plx_wall_diff(now, incident->ending) >= hold_ns(self, incident, now) &&
        has_recovered(self, incident))
        plx_incident_close(self, incident, now,
                           is_unwatched(incident) ? "not watched any more" : "over");
}

/* ---- announcing ---- */

/* The monitor's own thresholds. */
static bool wants_alert(const struct plx_incidents *self,
                        const struct plx_incident *incident,
                        const struct plx_incident_member *member)
{
    const struct plx_monitor *m = member->left.ns > 0 || member->slot == PLX_CATALOG_NONE
                                      ? NULL
                                      : plx_catalog_at(self->catalog, member->slot);
    uint32_t failures, successes;
    if (!m || m->paused || !m->alert_on_failure)
        return false;
    if (plx_incident_kin(incident->kind) != PLX_KIN_DOWN || m->consecutive_failures <= 1)
        return true;
    runs_of(self, member->slot, &failures, &successes);
    return failures >= m->consecutive_failures;
}

static bool anyone_wants_alert(const struct plx_incidents *self,
                               const struct plx_incident *incident)
{
    for (size_t i = 0; i < incident->n_members; i++)
        if (wants_alert(self, incident, &incident->members[i]))
            return true;
    return false;
}

/* A monitor it depends on is down in an incident of its own. */
static bool hangs_on_another(struct plx_incidents *self,
                             const struct plx_incident *incident,
                             const struct plx_monitor *m)
{
    for (size_t i = 0; i < m->n_depends_on; i++) {
        uint32_t slot = plx_catalog_by_name(self->catalog, m->depends_on[i]);
        if (slot == PLX_CATALOG_NONE)
            continue;
        const struct plx_incident_place *place = &plx_incident_seat(self, slot)->down;
        if (place->incident && place->incident != incident &&
            place->incident->state != PLX_INCIDENT_CLOSED &&
            place->incident->members[place->member].left.ns == 0)
            return true;
    }
    return false;
}

/* Every affected member hangs on something that is told already, or the judge says that
 * the fault is a consequence. */
static bool is_dependent(struct plx_incidents *self, const struct plx_incident *incident)
{
    if (plx_incident_kin(incident->kind) != PLX_KIN_DOWN)
        return false;
    bool pages = incident->n_faults == 0;
    for (size_t i = 0; i < incident->n_faults; i++)
        pages = pages || incident->faults[i].page;
    if (!pages)
        return true;
    for (size_t i = 0; i < incident->n_members; i++) {
        const struct plx_incident_member *member = &incident->members[i];
        if (member->left.ns > 0 || member->slot == PLX_CATALOG_NONE)
            continue;
        const struct plx_monitor *m = plx_catalog_at(self->catalog, member->slot);
        if (m && !hangs_on_another(self, incident, m))
            return false;
    }
    return incident->n_active > 0;
}

static int64_t patience_ns(const struct plx_incidents *self,
                           const struct plx_incident *incident)
{
    if (incident->kind == PLX_INCIDENT_DEGRADED)
        return self->policy.degraded_for_ns;
    return incident->kind == PLX_INCIDENT_COVERAGE ? self->policy.coverage_for_ns : 0;
}

static void announce(struct plx_incidents *self, struct plx_incident *incident,
                     struct plx_wall now)
{
    struct plx_wall since = incident->opened;
    if (incident->announced.ns > 0 || incident->state != PLX_INCIDENT_OPEN)
        return;
    if (incident->n_back > 0)
        since = incident->backs[0];
    bool dependent = is_dependent(self, incident);
    if (dependent != incident->dependent) {
        incident->dependent = dependent;
        incident->changed = true;
    }
    bool eyes = plx_incident_kin(incident->kind) == PLX_KIN_EYES;
    if (dependent || plx_wall_diff(now, since) < patience_ns(self, incident) ||
        (!eyes && !anyone_wants_alert(self, incident)))
        return;
    incident->announced = now;
    plx_incident_say(self, incident, now, PLX_INCIDENT_DID_ANNOUNCE, "",
                     "%zu monitor%s affected", incident->n_active,
                     incident->n_active == 1 ? "" : "s");
}

/* ---- the tick ---- */

/* Names of those that joined or left since the last tick, as many as there is room for.
 */
static void list_names(const struct plx_incident *incident, struct plx_wall since,
                       bool joined, char *text, size_t size)
{
    size_t len = 0, n = 0;
    for (size_t i = 0; i < incident->n_members && n < 8; i++) {
        const struct plx_incident_member *m = &incident->members[i];
        bool fresh =
            joined ? m->left.ns == 0 && m->joined.ns > since.ns : m->left.ns > since.ns;
        if (!fresh || len + strlen(m->name) + 3 > size)
            continue;
        len += (size_t)snprintf(text + len, size - len, "%s%s", n ? ", " : "", m->name);
        n++;
    }
    text[len] = '\0';
}

static void say_members(struct plx_incidents *self, struct plx_incident *incident,
                        struct plx_wall now)
{
    char names[PLX_INCIDENT_TEXT_MAX - 64];
    if (incident->n_joined > 0) {
        list_names(incident, self->ticked, true, names, sizeof names);
        plx_incident_say(self, incident, now, PLX_INCIDENT_DID_JOIN, "", "%u: %s",
                         incident->n_joined, names);
    }
    if (incident->n_left > 0) {
        list_names(incident, self->ticked, false, names, sizeof names);
        plx_incident_say(self, incident, now, PLX_INCIDENT_DID_LEAVE, "", "%u: %s",
                         incident->n_left, names);
    }
    incident->news = incident->news || incident->n_joined + incident->n_left > 0;
    incident->n_joined = incident->n_left = 0;
}

static void end_flapping(struct plx_incidents *self, struct plx_incident *incident,
                         struct plx_wall now)
{
    if (!incident->flapping ||
        plx_wall_diff(now, incident->backs[0]) < self->policy.steady_ns)
        return;
    incident->flapping = false;
    incident->news = incident->state == PLX_INCIDENT_OPEN;
    plx_incident_say(self, incident, now, PLX_INCIDENT_DID_STEADY, "", "%s",
                     incident->state == PLX_INCIDENT_OPEN ? "it stays" : "it is steady");
}

static void tick_one(struct plx_incidents *self, struct plx_incident *incident,
                     struct plx_wall now, const struct plx_notice_rules *rules)
{
    if (incident->state == PLX_INCIDENT_CLOSED)
        return;
    say_members(self, incident, now);
    end_flapping(self, incident, now);
    end_or_go_on(self, incident, now);
    announce(self, incident, now);
    /* That the last one left is told with the end, if it is one. */
    if (incident->state == PLX_INCIDENT_OPEN && incident->announced.ns > 0 && rules)
        plx_notices_plan(self, incident, now, rules);
}

static void drop_places(struct plx_incidents *self, const struct plx_incident *incident)
{
    for (size_t i = 0; i < incident->n_members; i++) {
        uint32_t slot = incident->members[i].slot;
        if (slot == PLX_CATALOG_NONE)
            continue;
        struct plx_incident_seat *seat = plx_incident_seat(self, slot);
        struct plx_incident_place *places[] = {&seat->down, &seat->degraded,
                                               &seat->coverage};
        for (size_t k = 0; k < 3; k++)
            if (places[k]->incident == incident)
                *places[k] = (struct plx_incident_place){0};
    }
}

/* Those that are over for too long to come back. */
static void forget_past(struct plx_incidents *self, struct plx_wall now)
{
    size_t n = 0;
    for (size_t i = 0; i < self->n; i++) {
        struct plx_incident *incident = self->list[i];
        if (incident->state == PLX_INCIDENT_CLOSED && !incident->changed &&
            plx_wall_diff(now, incident->closed) > self->policy.back_ns) {
            drop_places(self, incident);
            plx_incident_free(incident);
        } else {
            self->list[n++] = incident;
        }
    }
    self->n = n;
}

void plx_incidents_tick(struct plx_incidents *incidents, struct plx_wall now,
                        const struct plx_notice_rules *rules,
                        struct plx_incident_actions *ret)
{
    plx_incidents_begin(incidents);
    forget_past(incidents, now);
    for (size_t i = 0; i < incidents->n; i++)
        tick_one(incidents, incidents->list[i], now, rules);
    incidents->ticked = now;
    size_t n = 0;
    incidents->changed =
        plx_incident_grow(incidents->changed, incidents->n, &incidents->cap_changed,
                          sizeof(struct plx_incident *));
    for (size_t i = 0; i < incidents->n; i++)
        if (incidents->list[i]->changed) {
            incidents->changed[n++] = incidents->list[i];
            incidents->list[i]->changed = false;
        }
    *ret = (struct plx_incident_actions){
        .changed = incidents->changed,
        .n_changed = n,
        .entries = incidents->entries,
        .n_entries = incidents->n_entries,
        .notices = incidents->wants,
        .n_notices = incidents->n_wants,
    };
    incidents->lent = true;
}
