/* What the judge says becomes incidents: which cause is which. */
#include "coordinator/core/incident_impl.h"

#include <stdlib.h>
#include <string.h>

static enum plx_incident_kind kind_of_class(enum plx_judge_class class)
{
    static const enum plx_incident_kind kinds[] = {
        [PLX_JUDGE_CLASS_SERVICE] = PLX_INCIDENT_SERVICE,
        [PLX_JUDGE_CLASS_HOST] = PLX_INCIDENT_HOST,
        [PLX_JUDGE_CLASS_NETWORK] = PLX_INCIDENT_NETWORK,
        [PLX_JUDGE_CLASS_DNS] = PLX_INCIDENT_DNS,
        [PLX_JUDGE_CLASS_PATH] = PLX_INCIDENT_PATH,
        [PLX_JUDGE_CLASS_FILTER] = PLX_INCIDENT_FILTER,
        [PLX_JUDGE_CLASS_AGENT] = PLX_INCIDENT_AGENT,
        [PLX_JUDGE_CLASS_REGION] = PLX_INCIDENT_REGION,
        [PLX_JUDGE_CLASS_PROVIDER] = PLX_INCIDENT_PROVIDER,
    };
    return class < sizeof kinds / sizeof *kinds ? kinds[class] : PLX_INCIDENT_NONE;
}

static enum plx_incident_kind kind_of_verdict(enum plx_judge_verdict verdict)
{
    switch (verdict) {
    case PLX_JUDGE_HOST_DOWN:
        return PLX_INCIDENT_HOST;
    case PLX_JUDGE_NETWORK_DOWN:
        return PLX_INCIDENT_NETWORK;
    case PLX_JUDGE_DNS_FAILURE:
        return PLX_INCIDENT_DNS;
    default:
        return PLX_INCIDENT_SERVICE;
    }
}

/* ---- members ---- */

/* Marks each seat with its row of the incident, or takes the marks away. */
static void stamp(struct plx_incidents *self, const struct plx_incident *incident,
                  bool on)
{
    for (uint32_t i = 0; i < incident->n_members; i++)
        if (incident->members[i].slot != PLX_CATALOG_NONE)
            plx_incident_seat(self, incident->members[i].slot)->stamp = on ? i + 1 : 0;
}

static uint32_t row_of(const struct plx_incident *incident, uint32_t slot)
{
    for (uint32_t i = 0; i < incident->n_members; i++)
        if (incident->members[i].slot == slot)
            return i;
    return UINT32_MAX;
}

/* Puts a monitor into an incident that lives by verdicts, out of the one it was in. */
static void sit(struct plx_incidents *self, struct plx_incident *incident,
                struct plx_wall now, uint32_t slot)
{
    struct plx_incident_seat *seat = plx_incident_seat(self, slot);
    struct plx_incident_place *place =
        plx_incident_place_in(seat, plx_incident_kin(incident->kind));
    if (plx_incident_sits(place) && place->incident != incident)
        plx_incident_leave(place->incident, now, place->member);
    uint32_t row = place->incident == incident ? place->member : row_of(incident, slot);
    *place = (struct plx_incident_place){
        incident, plx_incident_join(self, incident, now, slot, row)};
}

static void rise(struct plx_incident_place *place, struct plx_wall now)
{
    if (plx_incident_sits(place))
        plx_incident_leave(place->incident, now, place->member);
}

/* ---- which incident ---- */

static int bound_at(const struct plx_incident *incident, uint64_t fault)
{
    for (size_t i = 0; i < incident->n_faults; i++)
        if (incident->faults[i].fault == fault)
            return (int)i;
    return -1;
}

static struct plx_incident *bound_to(const struct plx_incidents *self, uint64_t fault)
{
    for (size_t i = 0; i < self->n; i++)
        if (bound_at(self->list[i], fault) >= 0)
            return self->list[i];
    return NULL;
}

static bool share_agents(const struct plx_incident *incident,
                         const struct plx_judge_fault *fault)
{
    size_t i = 0, k = 0;
    while (i < incident->n_agents && k < fault->n_agents) {
        if (incident->agents[i] == fault->agents[k])
            return true;
        if (incident->agents[i] < fault->agents[k])
            i++;
        else
            k++;
    }
    return false;
}

/* Those of the fault's monitors that the incident holds: now, or (`any`) ever. */
static bool share_members(struct plx_incidents *self, const struct plx_incident *incident,
                          const struct plx_judge_fault *fault, bool any)
{
    bool shared = false;
    stamp(self, incident, true);
    for (size_t i = 0; i < fault->n_monitors && !shared; i++) {
        uint32_t row = plx_incident_seat(self, fault->monitors[i])->stamp;
        shared = row > 0 && (any || incident->members[row - 1].left.ns == 0);
    }
    stamp(self, incident, false);
    return shared;
}

/* It is over, and too long ago to be the same again. */
static bool is_past(const struct plx_incidents *self, const struct plx_incident *incident,
                    struct plx_wall now)
{
    return incident->state == PLX_INCIDENT_CLOSED &&
           (incident->merged_into != 0 || incident->announced.ns == 0 ||
            plx_wall_diff(now, incident->closed) > self->policy.back_ns);
}

/* Is the fault this incident's cause by another name, or the same cause again? */
static bool is_kin(struct plx_incidents *self, struct plx_incident *incident,
                   struct plx_wall now, const struct plx_judge_fault *fault)
{
    enum plx_incident_kind kind = kind_of_class(fault->class);
    enum plx_incident_kin family = plx_incident_kin(kind);
    if (plx_incident_kin(incident->kind) != family || is_past(self, incident, now) ||
        incident->n_faults == PLX_INCIDENT_FAULTS_MAX)
        return false;
    if (incident->kind == kind && strcmp(incident->entity, fault->entity) == 0)
        return true;
    bool open = incident->state == PLX_INCIDENT_OPEN;
    if (family == PLX_KIN_DOWN)
        return share_members(self, incident, fault, !open);
    if (family == PLX_KIN_EYES)
        return share_agents(incident, fault);
    return share_agents(incident, fault) && share_members(self, incident, fault, !open);
}

/* One that is told already before one that is not, an open one before one that is over,
 * an old one before a young one. */
static bool is_better(const struct plx_incident *a, const struct plx_incident *b)
{
    bool open_a = a->state != PLX_INCIDENT_CLOSED,
         open_b = b->state != PLX_INCIDENT_CLOSED;
    if (open_a != open_b)
        return open_a;
    if ((a->announced.ns > 0) != (b->announced.ns > 0))
        return a->announced.ns > 0;
    return a->id < b->id;
}

static struct plx_incident *find_kin(struct plx_incidents *self, struct plx_wall now,
                                     const struct plx_judge_fault *fault)
{
    struct plx_incident *best = NULL;
    for (size_t i = 0; i < self->n; i++)
        if ((!best || is_better(self->list[i], best)) &&
            is_kin(self, self->list[i], now, fault))
            best = self->list[i];
    return best;
}

static void bind(struct plx_incident *incident, const struct plx_judge_fault *fault)
{
    int at = bound_at(incident, fault->id);
    if (at < 0) {
        if (incident->n_faults == PLX_INCIDENT_FAULTS_MAX)
            plx_incident_unbind(incident, 0);
        at = (int)incident->n_faults++;
        incident->faults[at] = (struct plx_incident_bound){.fault = fault->id};
    }
    struct plx_incident_bound *b = &incident->faults[at];
    b->kind = kind_of_class(fault->class);
    b->page = fault->page;
    plx_incident_set_text(&b->entity, fault->entity);
    plx_incident_set_text(&b->sentence, fault->why);
}

/* Open incidents of the same cause become part of this one. */
static void merge_kin(struct plx_incidents *self, struct plx_incident *into,
                      struct plx_wall now, const struct plx_judge_fault *fault)
{
    if (plx_incident_kin(into->kind) != PLX_KIN_DOWN)
        return;
    for (size_t i = 0; i < self->n; i++) {
        struct plx_incident *other = self->list[i];
        if (other == into || other->state == PLX_INCIDENT_CLOSED ||
            !is_kin(self, other, now, fault))
            continue;
        while (other->n_faults > 0 && into->n_faults < PLX_INCIDENT_FAULTS_MAX) {
            into->faults[into->n_faults++] = other->faults[--other->n_faults];
        }
        for (uint32_t k = 0; k < other->n_members; k++)
            if (other->members[k].slot != PLX_CATALOG_NONE &&
                other->members[k].left.ns == 0)
                sit(self, into, now, other->members[k].slot);
        other->merged_into = into->id;
        plx_incident_say(self, other, now, PLX_INCIDENT_DID_MERGE, "",
                         "part of incident %llu", (unsigned long long)into->id);
        plx_incident_close(self, other, now, "taken over by another incident");
    }
}

/* ---- faults ---- */

/* The widest of the bound faults says what the incident is. */
static void restate(struct plx_incidents *self, struct plx_incident *incident,
                    struct plx_wall now)
{
    const struct plx_incident_bound *widest = NULL;
    for (size_t i = 0; i < incident->n_faults; i++)
        if (!widest || incident->faults[i].kind > widest->kind)
            widest = &incident->faults[i];
    if (widest)
        plx_incident_restate(self, incident, now, widest->kind, widest->entity,
                             widest->sentence);
}

static void set_agents(struct plx_incident *incident, const struct plx_judge_fault *fault)
{
    free(incident->agents);
    incident->agents = malloc((fault->n_agents + 1) * sizeof *incident->agents);
    if (!incident->agents)
        abort();
    if (fault->n_agents > 0)
        memcpy(incident->agents, fault->agents, fault->n_agents * sizeof *fault->agents);
    incident->n_agents = fault->n_agents;
}

/* What is down joins by fault and leaves by verdict; an update about a monitor that has
 * been found well in between does not bring it back. */
static void seat_down(struct plx_incidents *self, struct plx_incident *incident,
                      struct plx_wall now, const struct plx_judge_fault *fault)
{
    for (size_t i = 0; i < fault->n_monitors; i++) {
        const struct plx_incident_seat *seat =
            plx_incident_seat(self, fault->monitors[i]);
        bool well = seat->known && seat->verdict == PLX_JUDGE_UP;
        if (fault->change == PLX_JUDGE_OPENED || !well)
            sit(self, incident, now, fault->monitors[i]);
    }
}

/* Members of the others are exactly those the fault names. */
static void seat_others(struct plx_incidents *self, struct plx_incident *incident,
                        struct plx_wall now, const struct plx_judge_fault *fault)
{
    size_t had = incident->n_members;
    bool *named = calloc(had + 1, sizeof *named);
    if (!named)
        abort();
    stamp(self, incident, true);
    for (size_t i = 0; i < fault->n_monitors; i++) {
        uint32_t row = plx_incident_seat(self, fault->monitors[i])->stamp;
        if (row > 0)
            named[row - 1] = true;
        plx_incident_join(self, incident, now, fault->monitors[i],
                          row > 0 ? row - 1 : UINT32_MAX);
    }
    stamp(self, incident, false);
    for (uint32_t i = 0; i < had && incident->n_faults == 1; i++)
        if (!named[i])
            plx_incident_leave(incident, now, i);
    free(named);
}

static void take_fault(struct plx_incidents *self, struct plx_incident *incident,
                       struct plx_wall now, const struct plx_judge_fault *fault)
{
    bind(incident, fault);
    if (incident->state != PLX_INCIDENT_OPEN)
        plx_incident_return(self, incident, now);
    restate(self, incident, now);
    set_agents(incident, fault);
    if (plx_incident_kin(incident->kind) == PLX_KIN_DOWN)
        seat_down(self, incident, now, fault);
    else
        seat_others(self, incident, now, fault);
}

void plx_incidents_fault(struct plx_incidents *incidents, struct plx_wall now,
                         const struct plx_judge_fault *fault)
{
    plx_incidents_begin(incidents);
    enum plx_incident_kind kind = kind_of_class(fault->class);
    struct plx_incident *incident = bound_to(incidents, fault->id);
    if (fault->change == PLX_JUDGE_CLOSED) {
        if (incident) {
            plx_incident_unbind(incident, (size_t)bound_at(incident, fault->id));
            restate(incidents, incident, now);
        }
        return;
    }
    if (kind == PLX_INCIDENT_NONE)
        return;
    if (incident && plx_incident_kin(incident->kind) != plx_incident_kin(kind)) {
        plx_incident_unbind(incident, (size_t)bound_at(incident, fault->id));
        incident = NULL;
    }
    if (!incident)
        incident = find_kin(incidents, now, fault);
    if (!incident)
        incident = plx_incident_open(incidents, now, kind, fault->entity, fault->why,
                                     fault->onset);
    /* Before its members change places: they tell who is kin. */
    merge_kin(incidents, incident, now, fault);
    take_fault(incidents, incident, now, fault);
}

/* ---- verdicts ---- */

static struct plx_incident *cited(const struct plx_incidents *self,
                                  const uint64_t *faults, size_t n,
                                  enum plx_incident_kin family)
{
    for (size_t i = 0; i < n; i++) {
        struct plx_incident *incident = bound_to(self, faults[i]);
        if (incident && plx_incident_kin(incident->kind) == family)
            return incident;
    }
    return NULL;
}

/* An incident that is there for the family and entity, open or just over; or a new one.
 */
static struct plx_incident *by_entity(struct plx_incidents *self, struct plx_wall now,
                                      enum plx_incident_kind kind, const char *entity,
                                      const char *sentence)
{
    for (size_t i = 0; i < self->n; i++) {
        struct plx_incident *incident = self->list[i];
        if (incident->kind != kind || strcmp(incident->entity, entity) != 0 ||
            is_past(self, incident, now))
            continue;
        if (incident->state != PLX_INCIDENT_OPEN)
            plx_incident_return(self, incident, now);
        return incident;
    }
    return plx_incident_open(self, now, kind, entity, sentence, now);
}

static void is_down(struct plx_incidents *self, struct plx_wall now, uint32_t slot,
                    enum plx_judge_verdict verdict, const uint64_t *faults, size_t n,
                    const char *sentence)
{
    struct plx_incident_seat *seat = plx_incident_seat(self, slot);
    struct plx_incident *incident = cited(self, faults, n, PLX_KIN_DOWN);
    if (!incident && plx_incident_sits(&seat->down))
        return;
    if (!incident)
        incident = by_entity(self, now, kind_of_verdict(verdict),
                             plx_incident_seat_name(self, slot), sentence);
    sit(self, incident, now, slot);
}

/* Not seen well enough: a consequence of eyes that fail, or an incident of its own. What
 * was down before stays so. */
static void is_unseen(struct plx_incidents *self, struct plx_wall now, uint32_t slot,
                      const uint64_t *faults, size_t n, const char *sentence)
{
    if (plx_incident_sits(&plx_incident_seat(self, slot)->down) ||
        cited(self, faults, n, PLX_KIN_EYES))
        return;
    struct plx_incident *incident =
        by_entity(self, now, PLX_INCIDENT_COVERAGE, "coverage", sentence);
    sit(self, incident, now, slot);
}

void plx_incidents_verdict(struct plx_incidents *incidents, struct plx_wall now,
                           uint32_t slot, enum plx_judge_verdict verdict,
                           const uint64_t *faults, size_t n_faults, const char *sentence)
{
    const struct plx_monitor *m = plx_catalog_at(incidents->catalog, slot);
    struct plx_incident_seat *seat = plx_incident_seat(incidents, slot);
    bool down = plx_judge_verdict_is_down(verdict);
    plx_incidents_begin(incidents);
    if (!m)
        return;
    seat->known = true;
    seat->verdict = verdict;
    if (!down && verdict != PLX_JUDGE_INCONCLUSIVE)
        rise(&seat->down, now);
    if (verdict != PLX_JUDGE_DEGRADED && verdict != PLX_JUDGE_INCONCLUSIVE)
        rise(&seat->degraded, now);
    if (verdict != PLX_JUDGE_INCONCLUSIVE)
        rise(&seat->coverage, now);
    if (m->paused)
        return;
    if (down)
        is_down(incidents, now, slot, verdict, faults, n_faults, sentence);
    else if (verdict == PLX_JUDGE_DEGRADED)
        sit(incidents,
            by_entity(incidents, now, PLX_INCIDENT_DEGRADED, m->host, sentence), now,
            slot);
    else if (verdict == PLX_JUDGE_INCONCLUSIVE)
        is_unseen(incidents, now, slot, faults, n_faults, sentence);
}

void plx_incidents_forget(struct plx_incidents *incidents, struct plx_wall now,
                          uint32_t slot)
{
    struct plx_incident_seat *seat = plx_incident_seat(incidents, slot);
    plx_incidents_begin(incidents);
    for (size_t i = 0; i < incidents->n; i++) {
        struct plx_incident *incident = incidents->list[i];
        uint32_t row = row_of(incident, slot);
        if (row == UINT32_MAX)
            continue;
        plx_incident_leave(incident, now, row);
        incident->members[row].slot = PLX_CATALOG_NONE;
    }
    *seat = (struct plx_incident_seat){0};
}
