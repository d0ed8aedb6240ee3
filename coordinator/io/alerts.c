#include "coordinator/io/alerts.h"

#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/alerts_message.h"
#include "coordinator/io/store_incidents.h"
#include "coordinator/receivers/receiver.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Incidents over for longer cannot come back. */
#define RECALL_NS PLX_HOUR_NS

/* How a letter ended, on its way to the disk. */
struct note {
    struct note *next;
    struct plx_alerts *alerts;
    struct plx_outbox_result result;
    bool submitted, failed;
};

struct plx_alerts {
    struct plx_desk *desk;
    char *public_url; /* NULL: none */
    struct plx_incidents *incidents;
    struct plx_notifier *notifier;
    struct plx_alerts_rules rules;
    struct plx_alerts_tests tests;
    struct note *notes;
    bool failed;
};

/* ---- rules ---- */

void plx_alerts_configure(struct plx_alerts *alerts, struct plx_alerting_file *file)
{
    plx_alerts_rules_configure(&alerts->rules, file, plx_clock_wall());
    plx_notifier_set_receivers(alerts->notifier, alerts->rules.config.receivers,
                               alerts->rules.config.n_receivers);
    plx_incidents_look(alerts->incidents);
}

void plx_alerts_add_silence(struct plx_alerts *alerts, struct plx_silence *silence)
{
    plx_alerts_rules_add_silence(&alerts->rules, silence);
    plx_incidents_look(alerts->incidents);
}

void plx_alerts_end_silence(struct plx_alerts *alerts, uint64_t id)
{
    if (plx_alerts_rules_end_silence(&alerts->rules, id))
        plx_incidents_look(alerts->incidents);
}

/* ---- how often in a row ---- */

static void runs_of(void *arg, uint32_t slot, uint32_t *ret_failures,
                    uint32_t *ret_successes)
{
    struct plx_alerts *a = arg;
    plx_court_runs(a->desk->court, slot, ret_failures, ret_successes);
}

/* ---- committing ---- */

/* A change on its way through the store. */
struct committing {
    struct plx_alerts *alerts;
    plx_alerts_done_fn *fn; /* NULL: nobody waits for it */
    void *arg;
};

static void end_commit(struct committing *c, int err)
{
    if (c->fn)
        c->fn(c->arg, err);
    free(c);
}

static void on_committed(void *arg, int err, const char *why,
                         const struct plx_letter *letters, size_t n)
{
    struct committing *c = arg;
    struct plx_alerts *a = c->alerts;
    if (err < 0) {
        plx_log(PLX_LOG_ERROR, "incidents_not_stored", "why", why, NULL);
        a->failed = true;
    }
    for (size_t i = 0; err == 0 && i < n; i++)
        if (letters[i].id > 0)
            plx_notifier_send(a->notifier, &letters[i]);
    end_commit(c, err);
}

static void log_entry(const struct plx_alerts *a, const struct plx_incident_entry *e)
{
    char id[24];
    const struct plx_incident *incident = plx_incidents_by_id(a->incidents, e->incident);
    snprintf(id, sizeof id, "%" PRIu64, e->incident);
    plx_log(PLX_LOG_INFO, "incident", "id", id, "what", plx_incident_what_token(e->what),
            "kind", incident ? plx_incident_kind_token(incident->kind) : "", "entity",
            incident ? incident->entity : "", "who", e->who, "why", e->text, NULL);
}

static void tell_entry(const struct plx_alerts *a, const struct plx_incident_entry *e)
{
    const struct plx_incident *i = plx_incidents_by_id(a->incidents, e->incident);
    struct plx_json *j = plx_events_begin(a->desk->events, "incident", e->at);
    plx_json_kuint(j, "incident", e->incident);
    plx_json_kstr(j, "what", plx_incident_what_token(e->what));
    plx_json_kstr(j, "who", e->who);
    plx_json_kstr(j, "text", e->text);
    if (i) {
        plx_json_kstr(j, "kind", plx_incident_kind_token(i->kind));
        plx_json_kstr(j, "severity", plx_severity_token(i->severity));
        plx_json_kstr(j, "entity", i->entity);
        plx_json_kstr(j, "state", plx_incident_state_token(i->state));
    }
    plx_events_end(a->desk->events);
}

/* What was said when it was acknowledged. */
static const char *note_of(const struct plx_incident_actions *actions,
                           const struct plx_notice_want *want)
{
    for (size_t i = 0; want->event == PLX_NOTICE_ACK && i < actions->n_entries; i++)
        if (actions->entries[i].incident == want->incident &&
            actions->entries[i].what == PLX_INCIDENT_DID_ACK)
            return actions->entries[i].text;
    return "";
}

static void write_letter(const struct plx_alerts *a,
                         const struct plx_incident_actions *actions,
                         const struct plx_notice_want *want, struct plx_wall now,
                         struct plx_letter *ret)
{
    const struct plx_incident *incident =
        plx_incidents_by_id(a->incidents, want->incident);
    struct plx_message message;
    plx_message_of(incident, a->desk->catalog, want, now, note_of(actions, want),
                   a->public_url, &message);
    *ret = (struct plx_letter){
        .key = plx_text_dup(message.key),
        .receiver = want->receiver,
        .incident = want->incident,
        .event = plx_notice_event_token(want->event),
        .body = plx_alerts_letter_body(&message),
        .created = now,
    };
    plx_message_fini(&message);
}

static void commit(struct plx_alerts *a, const struct plx_incident_actions *actions,
                   struct plx_wall now, struct committing *committing)
{
    struct plx_letter *letters = calloc(actions->n_notices + 1, sizeof *letters);
    if (!letters)
        abort();
    for (size_t i = 0; i < actions->n_notices; i++)
        write_letter(a, actions, &actions->notices[i], now, &letters[i]);
    const struct plx_store_incident_batch batch = {
        .incidents = actions->changed,
        .n_incidents = actions->n_changed,
        .entries = actions->entries,
        .n_entries = actions->n_entries,
        .letters = letters,
        .n_letters = actions->n_notices,
    };
    int err = plx_store_put_incidents(a->desk->store, &batch, on_committed, committing);
    if (err < 0) {
        plx_log(PLX_LOG_ERROR, "incidents_not_stored", "why", plx_err_text(err), NULL);
        a->failed = true;
        end_commit(committing, err);
    }
    for (size_t i = 0; i < actions->n_changed; i++)
        actions->changed[i]->saved = now;
    for (size_t i = 0; i < actions->n_notices; i++) {
        free((char *)letters[i].key);
        free((char *)letters[i].body);
    }
    free(letters);
}

void plx_alerts_commit(struct plx_alerts *alerts, struct plx_wall now,
                       plx_alerts_done_fn *fn, void *arg)
{
    struct plx_incident_actions actions;
    struct committing *committing = calloc(1, sizeof *committing);
    if (!committing)
        abort();
    *committing = (struct committing){alerts, fn, arg};
    if (plx_alerts_rules_tick(&alerts->rules, now))
        plx_incidents_look(alerts->incidents);
    plx_incidents_tick(alerts->incidents, now, &alerts->rules.notice, &actions);
    if (actions.n_changed + actions.n_entries + actions.n_notices == 0) {
        end_commit(committing, 0);
        return;
    }
    for (size_t i = 0; i < actions.n_entries; i++) {
        log_entry(alerts, &actions.entries[i]);
        tell_entry(alerts, &actions.entries[i]);
    }
    commit(alerts, &actions, now, committing);
}

/* ---- hearing ---- */

void plx_alerts_fault(struct plx_alerts *alerts, struct plx_wall now,
                      const struct plx_judge_fault *fault)
{
    plx_incidents_fault(alerts->incidents, now, fault);
}

void plx_alerts_verdict(struct plx_alerts *alerts, struct plx_wall now, uint32_t slot,
                        enum plx_judge_verdict verdict, const uint64_t *faults,
                        size_t n_faults, const char *sentence)
{
    plx_incidents_verdict(alerts->incidents, now, slot, verdict, faults, n_faults,
                          sentence);
}

void plx_alerts_forget(struct plx_alerts *alerts, uint32_t slot)
{
    plx_incidents_forget(alerts->incidents, plx_clock_wall(), slot);
}

void plx_alerts_clock_set(struct plx_alerts *alerts, struct plx_wall now, int64_t step_ns)
{
    plx_incidents_clock_set(alerts->incidents, step_ns);
    plx_notifier_clock_set(alerts->notifier, step_ns);
    plx_alerts_rules_clock_set(&alerts->rules, now);
}

/* ---- what came of attempts ---- */

static void on_noted(void *arg, int err, const char *why)
{
    struct note *note = arg;
    struct plx_alerts *a = note->alerts;
    (void)why;
    note->submitted = false;
    if (err < 0)
        return; /* again with the next tick */
    plx_notifier_noted(a->notifier, note->result.letter);
    struct note **at = &a->notes;
    while (*at != note)
        at = &(*at)->next;
    *at = note->next;
    free(note);
}

static int store_result(struct plx_alerts *a, const struct plx_outbox_result *r,
                        plx_store_done_fn *done, void *arg)
{
    return plx_store_letter_tried(a->desk->store, r->letter, r->state, r->attempts, r->at,
                                  r->why, done, arg);
}

static void submit_note(struct plx_alerts *a, struct note *note)
{
    int err = store_result(a, &note->result, on_noted, note);
    note->submitted = err == 0;
    if (err < 0 && !note->failed)
        plx_log(PLX_LOG_WARN, "notice_state_not_stored", "why", plx_err_text(err), NULL);
    note->failed = err < 0;
}

/* What the next letter about the incident waits for has to come to the disk; an attempt
 * that is repeated is noted if there is room. */
static void keep_result(struct plx_alerts *a, const struct plx_outbox_result *r)
{
    if (r->state == PLX_LETTER_WAITING) {
        store_result(a, r, NULL, NULL);
        return;
    }
    struct note *note = calloc(1, sizeof *note);
    if (!note)
        abort();
    *note = (struct note){.next = a->notes, .alerts = a, .result = *r};
    a->notes = note;
    submit_note(a, note);
}

static void on_result(void *arg, const struct plx_outbox_result *r)
{
    struct plx_alerts *a = arg;
    char attempts[16];
    snprintf(attempts, sizeof attempts, "%" PRIu32, r->attempts);
    if (r->state != PLX_LETTER_DELIVERED)
        plx_log(r->state == PLX_LETTER_DEAD ? PLX_LOG_ERROR : PLX_LOG_WARN,
                r->state == PLX_LETTER_DEAD ? "notice_dead" : "notice_failed", "receiver",
                r->receiver, "attempts", attempts, "why", r->why, NULL);
    keep_result(a, r);
    plx_alerts_tests_hear(&a->tests, r);
}

void plx_alerts_tick(struct plx_alerts *alerts, struct plx_wall now)
{
    for (struct note *note = alerts->notes; note; note = note->next)
        if (!note->submitted)
            submit_note(alerts, note);
    plx_alerts_commit(alerts, now, NULL, NULL);
}

int plx_alerts_fd(const struct plx_alerts *alerts)
{
    return plx_notifier_fd(alerts->notifier);
}

void plx_alerts_poll(struct plx_alerts *alerts)
{
    plx_notifier_poll(alerts->notifier, on_result, alerts);
}

bool plx_alerts_failed(const struct plx_alerts *alerts)
{
    return alerts->failed;
}

int plx_alerts_test(struct plx_alerts *alerts, const char *receiver, const char *who,
                    plx_alerts_test_fn *fn, void *arg)
{
    if (!plx_alerting_receiver(&alerts->rules.config, receiver))
        return PLX_ENOTFOUND;
    return plx_alerts_tests_begin(&alerts->tests, receiver, who, fn, arg);
}

void plx_alerts_drop_tests(struct plx_alerts *alerts)
{
    plx_alerts_tests_drop(&alerts->tests);
}

/* ---- life ---- */

int plx_alerts_new(struct plx_desk *desk, const struct plx_alerts_options *options,
                   struct plx_alerts **ret, struct plx_why *why)
{
    struct plx_notifier_options own = {.commands_dir = options->commands_dir,
                                       .secrets_dir = options->secrets_dir};
    struct plx_alerts *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    a->desk = desk;
    a->public_url = plx_text_dup(options->public_url);
    randombytes_buf(&own.seed, sizeof own.seed);
    int err = plx_notifier_new(&own, &a->notifier, why);
    if (err < 0) {
        free(a->public_url);
        free(a);
        return err;
    }
    a->incidents = plx_incidents_new(desk->catalog, NULL, runs_of, a);
    plx_alerts_rules_init(&a->rules, plx_clock_wall());
    a->tests = (struct plx_alerts_tests){desk->store, a->notifier, NULL};
    *ret = a;
    return 0;
}

void plx_alerts_destroy(struct plx_alerts **alerts)
{
    struct plx_alerts *a = *alerts;
    if (!a)
        return;
    plx_alerts_drop_tests(a);
    plx_notifier_destroy(&a->notifier);
    while (a->notes) {
        struct note *note = a->notes;
        a->notes = note->next;
        free(note);
    }
    plx_incidents_destroy(&a->incidents);
    plx_alerts_rules_fini(&a->rules);
    free(a->public_url);
    free(a);
    *alerts = NULL;
}

/* What was good when it was applied and is not any more still stands, and each notice to
 * it says what is wrong. A start must not forget whom to tell. */
static int say_if_bad(const struct plx_receiver *receiver, const char **ret_key,
                      struct plx_why *why)
{
    struct plx_why reason = {""};
    (void)ret_key, (void)why;
    if (plx_receiver_check(receiver, NULL, &reason) < 0)
        plx_log(PLX_LOG_ERROR, "receiver_not_usable", "receiver", receiver->name, "why",
                reason.text, NULL);
    return 0;
}

static bool load_section(void *arg, const struct plx_store_section *section)
{
    struct plx_alerts *a = arg;
    struct plx_alerting_file file;
    struct plx_why why = {""};
    if (plx_alerting_parse(section->section, section->text, strlen(section->text),
                           say_if_bad, NULL, &file, &why) < 0) {
        plx_log(PLX_LOG_ERROR, "alerting_not_read", "section", section->section, "why",
                why.text, NULL);
        return true;
    }
    plx_alerts_configure(a, &file);
    plx_alerting_file_fini(&file);
    return true;
}

static bool load_silence(void *arg, const struct plx_store_silence *stored)
{
    struct plx_alerts *a = arg;
    struct plx_silence silence = {.id = stored->id,
                                  .author = plx_text_dup(stored->author),
                                  .comment = plx_text_dup(stored->comment),
                                  .from = stored->from,
                                  .until = stored->until};
    if (plx_alerts_rules_read_match(stored->match, &silence.match, NULL) == 0)
        plx_alerts_add_silence(a, &silence);
    plx_silence_fini(&silence);
    return true;
}

static bool load_incident(void *arg, const struct plx_incident *incident)
{
    struct plx_alerts *a = arg;
    plx_incidents_recall(a->incidents, incident, a->desk->started_wall);
    return true;
}

static bool load_letter(void *arg, const struct plx_letter *letter)
{
    struct plx_alerts *a = arg;
    plx_notifier_send(a->notifier, letter);
    return true;
}

/* What the court recalls of each monitor; what is down and in no incident gets one. */
static void recall_verdicts(struct plx_alerts *a)
{
    enum plx_judge_verdict verdict;
    for (uint32_t i = 0; i < plx_catalog_end(a->desk->catalog); i++)
        if (plx_catalog_at(a->desk->catalog, i) &&
            plx_court_recorded(a->desk->court, i, &verdict))
            plx_incidents_verdict(a->incidents, a->desk->started_wall, i, verdict, NULL,
                                  0, "as recorded before the last start");
}

int plx_alerts_load(struct plx_alerts *alerts, struct plx_why *why)
{
    struct plx_store *store = alerts->desk->store;
    struct plx_wall now = alerts->desk->started_wall;
    uint64_t last = 0;
    int err = plx_store_read_alerting(store, load_section, alerts);
    if (err == 0)
        err = plx_store_read_silences(store, now, load_silence, alerts);
    if (err == 0)
        err = plx_store_recall_incidents(store, plx_wall_add(now, -RECALL_NS),
                                         load_incident, alerts);
    if (err == 0)
        err = plx_store_last_incident(store, &last);
    if (err == 0)
        err = plx_store_read_waiting(store, load_letter, alerts);
    if (err < 0)
        return plx_why_set(why, err, "the incidents could not be read: %s",
                           plx_err_text(err));
    plx_incidents_number_from(alerts->incidents, last + 1);
    recall_verdicts(alerts);
    return 0;
}

struct plx_incidents *plx_alerts_incidents(struct plx_alerts *alerts)
{
    return alerts->incidents;
}

struct plx_notifier *plx_alerts_notifier(struct plx_alerts *alerts)
{
    return alerts->notifier;
}

const struct plx_alerts_rules *plx_alerts_rules(const struct plx_alerts *alerts)
{
    return &alerts->rules;
}
