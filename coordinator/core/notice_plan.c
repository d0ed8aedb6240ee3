/* What has to be told of one incident now. */
#include "coordinator/core/incident_impl.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* How long nothing about an incident has to be looked at if it does not change: as exact
 * as repetition and escalation need to be. */
#define LOOK_NS (2 * PLX_SEC_NS)

static struct plx_incident_told *told_of(struct plx_incident *incident,
                                         const char *receiver)
{
    for (size_t i = 0; i < incident->n_told; i++)
        if (strcmp(incident->told[i].receiver, receiver) == 0)
            return &incident->told[i];
    return NULL;
}

static void tell_first(struct plx_incidents *self, struct plx_incident *incident,
                       struct plx_wall now, const struct plx_notice_target *target)
{
    struct plx_incident_told *more =
        realloc(incident->told, (incident->n_told + 1) * sizeof *more);
    if (!more)
        abort();
    incident->told = more;
    incident->told[incident->n_told++] = (struct plx_incident_told){
        .receiver = plx_text_dup(target->receiver), .first = now, .last = now};
    plx_incident_want(self, incident, now,
                      target->escalation ? PLX_NOTICE_ESCALATE : PLX_NOTICE_OPEN,
                      target->receiver);
    plx_incident_say(self, incident, now, PLX_INCIDENT_DID_TELL, "", "%s%s",
                     target->receiver,
                     target->escalation ? " (nobody has acknowledged)" : "");
}

static void tell_one(struct plx_incidents *self, struct plx_incident *incident,
                     struct plx_wall now, const struct plx_notice_target *target)
{
    struct plx_incident_told *told = told_of(incident, target->receiver);
    bool quiet = incident->acked.ns > 0 || incident->state != PLX_INCIDENT_OPEN;
    if (!told) {
        bool due = plx_wall_diff(now, incident->announced) >= target->after_ns;
        if (due && incident->state == PLX_INCIDENT_OPEN &&
            !(target->escalation && incident->acked.ns > 0))
            tell_first(self, incident, now, target);
        return;
    }
    if (!quiet && target->repeat_ns > 0 &&
        plx_wall_diff(now, told->last) >= target->repeat_ns) {
        told->last = now;
        plx_incident_want(self, incident, now, PLX_NOTICE_REPEAT, target->receiver);
    }
}

/* How often at most news is told: as often as one of those who know of it wants. */
static int64_t news_each_ns(const struct plx_incidents *self,
                            struct plx_incident *incident,
                            const struct plx_notice_target *targets, size_t n)
{
    int64_t least_ns = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t wanted_ns =
            targets[i].update_ns > 0 ? targets[i].update_ns : self->policy.update_ns;
        if (told_of(incident, targets[i].receiver) &&
            (least_ns == 0 || wanted_ns < least_ns))
            least_ns = wanted_ns;
    }
    return least_ns > 0 ? least_ns : self->policy.update_ns;
}

/* Late joiners, a wider cause, flapping: told to those who know of it, not too often. */
static void tell_news(struct plx_incidents *self, struct plx_incident *incident,
                      struct plx_wall now, int64_t each_ns)
{
    if (incident->n_told == 0) {
        incident->news = false;
        return;
    }
    if (plx_wall_diff(now, incident->told_last) < each_ns)
        return;
    incident->news = false;
    for (size_t i = 0; i < incident->n_told; i++)
        plx_incident_want(self, incident, now, PLX_NOTICE_UPDATE,
                          incident->told[i].receiver);
}

static void note_mute(struct plx_incidents *self, struct plx_incident *incident,
                      struct plx_wall now, const char *by)
{
    if (strcmp(incident->muted_by, by) == 0)
        return;
    plx_incident_set_text(&incident->muted_by, by);
    plx_incident_say(self, incident, now,
                     by[0] ? PLX_INCIDENT_DID_MUTE : PLX_INCIDENT_DID_UNMUTE, "", "%s",
                     by);
}

void plx_notices_plan(struct plx_incidents *self, struct plx_incident *incident,
                      struct plx_wall now, const struct plx_notice_rules *rules)
{
    struct plx_notice_target targets[PLX_NOTICE_TARGETS_MAX];
    char by[PLX_NOTICE_MUTE_MAX];
    if (!incident->look && now.ns < incident->next_look.ns)
        return;
    incident->look = false;
    incident->next_look = plx_wall_add(now, LOOK_NS);
    bool muted = plx_notice_muted(rules, self->catalog, incident, now, by);
    note_mute(self, incident, now, by);
    if (muted)
        return;
    size_t n = plx_notice_targets(rules, self->catalog, incident, targets);
    if (incident->news)
        tell_news(self, incident, now, news_each_ns(self, incident, targets, n));
    for (size_t i = 0; i < n; i++)
        tell_one(self, incident, now, &targets[i]);
    incident->look = false;
}
