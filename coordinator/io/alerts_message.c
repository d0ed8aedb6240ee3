#include "coordinator/io/alerts_message.h"

#include "base/result.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_MAX         2200
#define LETTER_BODY_MAX (256 * 1024)

/* How each kind is said; %s is the entity. */
static const char *const sayings[PLX_INCIDENT_KIND_COUNT_] = {
    [PLX_INCIDENT_SERVICE] = "%s is down",
    [PLX_INCIDENT_DNS] = "the name %s does not resolve",
    [PLX_INCIDENT_HOST] = "host %s is down",
    [PLX_INCIDENT_NETWORK] = "network %s is down",
    [PLX_INCIDENT_PATH] = "%s: not reachable on this path",
    [PLX_INCIDENT_FILTER] = "%s is filtered for some locations, up for others",
    [PLX_INCIDENT_DEGRADED] = "%s is degraded",
    [PLX_INCIDENT_AGENT] = "our agent %s is at fault",
    [PLX_INCIDENT_REGION] = "our region %s is at fault",
    [PLX_INCIDENT_PROVIDER] = "our provider %s is at fault",
    [PLX_INCIDENT_COVERAGE] = "some monitors are not seen well enough (%s)",
};

static size_t n_affected(const struct plx_incident *incident)
{
    return incident->state == PLX_INCIDENT_CLOSED ? incident->n_members
                                                  : incident->n_active;
}

/* The table's literals: %s once each. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
const char *plx_incident_title(const struct plx_incident *incident,
                               char buf[PLX_TITLE_MAX])
{
    struct plx_addr addr;
    const char *saying = sayings[incident->kind];
    size_t n = n_affected(incident);
    /* Several services of one host that answers go by its address. */
    if (incident->kind == PLX_INCIDENT_SERVICE && incident->n_members > 1 &&
        plx_addr_parse(incident->entity, &addr) == 0)
        saying = "services of %s are down";
    int len = snprintf(buf, PLX_TITLE_MAX - 32, saying ? saying : "%s", incident->entity);
    if (n > 1 && len > 0 && len < PLX_TITLE_MAX - 32)
        snprintf(buf + len, (size_t)(PLX_TITLE_MAX - len), " (%zu monitors)", n);
    return buf;
}
#pragma GCC diagnostic pop

const char *plx_notice_key(const struct plx_notice_want *want,
                           char buf[PLX_NOTICE_KEY_MAX])
{
    snprintf(buf, PLX_NOTICE_KEY_MAX, "parallax-%" PRIu64 "-%" PRIu64 "-%s",
             want->incident, want->no, want->receiver);
    return buf;
}

/* At its end an incident affects nobody: then those it did. */
static bool counts(const struct plx_incident *incident,
                   const struct plx_incident_member *member)
{
    return incident->state == PLX_INCIDENT_CLOSED || member->left.ns == 0;
}

static bool has_label(const struct plx_monitor *m, const struct plx_label *label)
{
    for (size_t i = 0; i < m->n_labels; i++)
        if (strcmp(m->labels[i].key, label->key) == 0)
            return strcmp(m->labels[i].value, label->value) == 0;
    return false;
}

/* Keeps of the labels those that this member has, too. */
static void keep_shared(struct plx_message *message, const struct plx_monitor *m)
{
    size_t n = 0;
    for (size_t i = 0; i < message->n_labels; i++) {
        struct plx_label label = message->labels[i];
        if (has_label(m, &label)) {
            message->labels[n++] = label;
        } else {
            free(label.key);
            free(label.value);
        }
    }
    message->n_labels = n;
}

static void take_labels(struct plx_message *message, const struct plx_monitor *m)
{
    message->labels = calloc(m->n_labels + 1, sizeof *message->labels);
    if (!message->labels)
        abort();
    for (size_t i = 0; i < m->n_labels; i++)
        message->labels[message->n_labels++] = (struct plx_label){
            plx_text_dup(m->labels[i].key), plx_text_dup(m->labels[i].value)};
}

static void add_members(const struct plx_incident *incident,
                        const struct plx_catalog *catalog, struct plx_message *message)
{
    bool first = true;
    message->members = calloc(PLX_MESSAGE_MEMBERS_MAX, sizeof *message->members);
    if (!message->members)
        abort();
    for (size_t i = 0; i < incident->n_members; i++) {
        const struct plx_incident_member *member = &incident->members[i];
        if (!counts(incident, member))
            continue;
        if (message->n_members < PLX_MESSAGE_MEMBERS_MAX)
            message->members[message->n_members++] = plx_text_dup(member->name);
        const struct plx_monitor *m = member->slot == PLX_CATALOG_NONE
                                          ? NULL
                                          : plx_catalog_at(catalog, member->slot);
        if (!m)
            continue;
        if (first)
            take_labels(message, m);
        else
            keep_shared(message, m);
        first = false;
        if (!message->runbook && m->runbook)
            message->runbook = plx_text_dup(m->runbook);
    }
    if (!message->runbook)
        message->runbook = plx_text_dup("");
}

void plx_message_of(const struct plx_incident *incident,
                    const struct plx_catalog *catalog, const struct plx_notice_want *want,
                    struct plx_wall now, const char *note, const char *public_url,
                    struct plx_message *ret)
{
    char key[PLX_NOTICE_KEY_MAX], title[PLX_TITLE_MAX], url[URL_MAX] = "";
    if (public_url)
        snprintf(url, sizeof url, "%s/#/incidents/%" PRIu64, public_url, incident->id);
    *ret = (struct plx_message){
        .key = plx_text_dup(plx_notice_key(want, key)),
        .event = plx_text_dup(plx_notice_event_token(want->event)),
        .incident = incident->id,
        .kind = plx_text_dup(plx_incident_kind_token(incident->kind)),
        .severity = plx_text_dup(plx_severity_token(incident->severity)),
        .state = plx_text_dup(plx_incident_state_token(incident->state)),
        .entity = plx_text_dup(incident->entity),
        .title = plx_text_dup(plx_incident_title(incident, title)),
        .sentence = plx_text_dup(incident->sentence),
        .at = now,
        .onset = incident->onset,
        .opened = incident->opened,
        .closed = incident->closed,
        .acked = incident->acked,
        .acked_by = plx_text_dup(incident->acked_by),
        .note = plx_text_dup(note),
        .flapping = incident->flapping,
        .n_affected = n_affected(incident),
        .url = plx_text_dup(url),
    };
    add_members(incident, catalog, ret);
}

char *plx_alerts_letter_body(const struct plx_message *message)
{
    struct plx_buf body;
    struct plx_json j;
    plx_buf_init(&body, LETTER_BODY_MAX);
    plx_json_init(&j, &body);
    plx_message_write(message, &j);
    return plx_buf_give(&body, NULL);
}
