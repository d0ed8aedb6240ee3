/* Whom the rules name for an incident. */
#include "coordinator/core/notice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void plx_silence_fini(struct plx_silence *silence)
{
    plx_match_fini(&silence->match);
    free(silence->author);
    free(silence->comment);
    *silence = (struct plx_silence){0};
}

/* ---- matching ---- */

static const char *label_of(const struct plx_monitor *m, const char *key)
{
    for (size_t i = 0; i < m->n_labels; i++)
        if (strcmp(m->labels[i].key, key) == 0)
            return m->labels[i].value;
    return NULL;
}

static bool holds(const struct plx_matcher *matcher, const struct plx_incident *incident,
                  const struct plx_monitor *member)
{
    const char *key = matcher->key, *value;
    if (strcmp(key, "severity") == 0)
        value = plx_severity_token(incident->severity);
    else if (strcmp(key, "kind") == 0)
        value = plx_incident_kind_token(incident->kind);
    else if (strcmp(key, "entity") == 0)
        value = incident->entity;
    else if (strcmp(key, "monitor") == 0)
        value = member ? member->name : NULL;
    else
        value = member ? label_of(member, key) : NULL;
    return value && plx_matcher_holds(matcher, value);
}

bool plx_notice_matches(const struct plx_match *match,
                        const struct plx_incident *incident,
                        const struct plx_monitor *member)
{
    for (size_t i = 0; i < match->n; i++)
        if (!holds(&match->list[i], incident, member))
            return false;
    return true;
}

static bool is_of_incidents(const char *key)
{
    return strcmp(key, "severity") == 0 || strcmp(key, "kind") == 0 ||
           strcmp(key, "entity") == 0;
}

size_t plx_notice_covers(const struct plx_match *match, const struct plx_catalog *catalog)
{
    const struct plx_incident none = {0};
    size_t n = 0;
    for (uint32_t slot = 0; slot < plx_catalog_end(catalog); slot++) {
        const struct plx_monitor *m = plx_catalog_at(catalog, slot);
        bool all = m != NULL;
        for (size_t i = 0; all && i < match->n; i++)
            all = is_of_incidents(match->list[i].key) || holds(&match->list[i], &none, m);
        n += all;
    }
    return n;
}

/* The i-th affected monitor, or NULL. */
static const struct plx_monitor *member_at(const struct plx_catalog *catalog,
                                           const struct plx_incident *incident, size_t i)
{
    const struct plx_incident_member *m = &incident->members[i];
    if (m->left.ns > 0 || m->slot == PLX_CATALOG_NONE)
        return NULL;
    return plx_catalog_at(catalog, m->slot);
}

/* Whether routes say who is told of the member: it names nobody itself, or only those
 * that are not there any more. What is ours is never told to whom a monitor names. */
static bool follows_routes(const struct plx_alerting *alerting,
                           enum plx_severity severity, const struct plx_monitor *m)
{
    for (size_t i = 0; i < m->n_notify && severity != PLX_SEVERITY_OURS; i++)
        if (strcmp(m->notify[i], "none") == 0 ||
            plx_alerting_receiver(alerting, m->notify[i]) ||
            plx_alerting_route(alerting, m->notify[i]))
            return false;
    return true;
}

/* Through one of the members that follow routes; an incident without any speaks for
 * itself. */
static bool any_matches(const struct plx_alerting *alerting,
                        const struct plx_match *match, const struct plx_catalog *catalog,
                        const struct plx_incident *incident)
{
    if (plx_notice_matches(match, incident, NULL))
        return true;
    for (size_t i = 0; i < incident->n_members; i++) {
        const struct plx_monitor *m = member_at(catalog, incident, i);
        if (m && follows_routes(alerting, incident->severity, m) &&
            plx_notice_matches(match, incident, m))
            return true;
    }
    return false;
}

/* Whether routes have a say in the incident at all. */
static bool routes_decide(const struct plx_alerting *alerting,
                          const struct plx_catalog *catalog,
                          const struct plx_incident *incident)
{
    size_t n = 0;
    for (size_t i = 0; i < incident->n_members; i++) {
        const struct plx_monitor *m = member_at(catalog, incident, i);
        if (m && follows_routes(alerting, incident->severity, m))
            return true;
        n += m != NULL;
    }
    return n == 0;
}

/* ---- muting ---- */

/* Whether the member (NULL: the incident as such) is covered; says by what. */
static bool covered(const struct plx_notice_rules *rules,
                    const struct plx_incident *incident, const struct plx_monitor *member,
                    struct plx_wall now, char ret[PLX_NOTICE_MUTE_MAX])
{
    for (size_t i = 0; i < rules->n_silences; i++) {
        const struct plx_silence *s = &rules->silences[i];
        if (now.ns < s->from.ns || now.ns >= s->until.ns ||
            !plx_notice_matches(&s->match, incident, member))
            continue;
        snprintf(ret, PLX_NOTICE_MUTE_MAX, "silence %llu by %s",
                 (unsigned long long)s->id, s->author);
        return true;
    }
    for (size_t i = 0; i < rules->n_turns; i++) {
        const struct plx_turn *turn = &rules->turns[i];
        const struct plx_window *window = &rules->alerting->windows[turn->window];
        if (now.ns < turn->from.ns || now.ns >= turn->until.ns ||
            !plx_notice_matches(&window->match, incident, member))
            continue;
        snprintf(ret, PLX_NOTICE_MUTE_MAX, "maintenance '%s'", window->name);
        return true;
    }
    return false;
}

bool plx_notice_muted(const struct plx_notice_rules *rules,
                      const struct plx_catalog *catalog,
                      const struct plx_incident *incident, struct plx_wall now,
                      char ret[PLX_NOTICE_MUTE_MAX])
{
    size_t n = 0;
    ret[0] = '\0';
    if (covered(rules, incident, NULL, now, ret))
        return true;
    for (size_t i = 0; i < incident->n_members; i++) {
        const struct plx_monitor *m = member_at(catalog, incident, i);
        if (!m || !m->alert_on_failure || m->paused)
            continue;
        n++;
        if (!covered(rules, incident, m, now, ret)) {
            ret[0] = '\0';
            return false;
        }
    }
    return n > 0;
}

/* ---- routing ---- */

static size_t add_target(struct plx_notice_target ret[PLX_NOTICE_TARGETS_MAX], size_t n,
                         struct plx_notice_target target)
{
    if (strcmp(target.receiver, "none") == 0)
        return n;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(ret[i].receiver, target.receiver) != 0)
            continue;
        if (ret[i].escalation && !target.escalation)
            ret[i] = target;
        return n;
    }
    if (n < PLX_NOTICE_TARGETS_MAX)
        ret[n++] = target;
    return n;
}

static size_t add_route(const struct plx_route *route,
                        struct plx_notice_target ret[PLX_NOTICE_TARGETS_MAX], size_t n)
{
    for (size_t i = 0; i < route->n_receivers; i++)
        n = add_target(ret, n,
                       (struct plx_notice_target){.receiver = route->receivers[i],
                                                  .after_ns = route->for_ns,
                                                  .repeat_ns = route->repeat_ns,
                                                  .update_ns = route->update_ns});
    for (size_t i = 0; i < route->n_escalate_to && route->escalate_after_ns > 0; i++)
        n = add_target(ret, n,
                       (struct plx_notice_target){.receiver = route->escalate_to[i],
                                                  .after_ns = route->for_ns +
                                                              route->escalate_after_ns,
                                                  .repeat_ns = route->repeat_ns,
                                                  .update_ns = route->update_ns,
                                                  .escalation = true});
    return n;
}

/* Nobody wrote routes: whoever there is hears what somebody has to act on. */
static size_t tell_all(const struct plx_notice_rules *rules, enum plx_severity severity,
                       struct plx_notice_target ret[PLX_NOTICE_TARGETS_MAX], size_t n)
{
    if (severity == PLX_SEVERITY_WARNING)
        return n;
    for (size_t i = 0; i < rules->alerting->n_receivers; i++)
        n = add_target(
            ret, n,
            (struct plx_notice_target){.receiver = rules->alerting->receivers[i].name});
    return n;
}

/* Whom the monitor itself names. */
static size_t add_named(const struct plx_alerting *alerting, const struct plx_monitor *m,
                        struct plx_notice_target ret[PLX_NOTICE_TARGETS_MAX], size_t n)
{
    for (size_t i = 0; i < m->n_notify; i++) {
        const struct plx_route *route = plx_alerting_route(alerting, m->notify[i]);
        if (plx_alerting_receiver(alerting, m->notify[i]))
            n = add_target(ret, n, (struct plx_notice_target){.receiver = m->notify[i]});
        else if (route)
            n = add_route(route, ret, n);
    }
    return n;
}

size_t plx_notice_targets(const struct plx_notice_rules *rules,
                          const struct plx_catalog *catalog,
                          const struct plx_incident *incident,
                          struct plx_notice_target ret[PLX_NOTICE_TARGETS_MAX])
{
    const struct plx_alerting *a = rules->alerting;
    size_t n = 0;
    for (size_t i = 0; i < incident->n_members && incident->severity != PLX_SEVERITY_OURS;
         i++) {
        const struct plx_monitor *m = member_at(catalog, incident, i);
        if (m && m->alert_on_failure && !m->paused)
            n = add_named(a, m, ret, n);
    }
    if (!routes_decide(a, catalog, incident))
        return n;
    if (a->n_routes == 0)
        return tell_all(rules, incident->severity, ret, n);
    for (size_t i = 0; i < a->n_routes; i++) {
        if (!any_matches(a, &a->routes[i].match, catalog, incident))
            continue;
        n = add_route(&a->routes[i], ret, n);
        if (!a->routes[i].go_on)
            break;
    }
    return n;
}

size_t plx_notice_would_tell(const struct plx_notice_rules *rules,
                             const struct plx_monitor *monitor,
                             enum plx_incident_kind kind,
                             struct plx_notice_target ret[PLX_NOTICE_TARGETS_MAX])
{
    const struct plx_alerting *a = rules->alerting;
    const struct plx_incident incident = {
        .kind = kind, .severity = plx_severity_of(kind), .entity = monitor->name};
    size_t n = 0;
    if (!monitor->alert_on_failure || monitor->paused)
        return 0;
    if (!follows_routes(a, incident.severity, monitor))
        return add_named(a, monitor, ret, 0);
    if (a->n_routes == 0)
        return tell_all(rules, incident.severity, ret, 0);
    for (size_t i = 0; i < a->n_routes; i++) {
        if (!plx_notice_matches(&a->routes[i].match, &incident, monitor))
            continue;
        n = add_route(&a->routes[i], ret, n);
        if (!a->routes[i].go_on)
            break;
    }
    return n;
}
