#include "coordinator/io/alerts.h"

#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/alerts_message.h"
#include "coordinator/io/store_incidents.h"
#include "coordinator/receivers/receiver.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_BYTES_MAX (256 * 1024)
/* Maintenance is worked out so far ahead, and again each hour. */
#define TURNS_BACK_NS     PLX_DAY_NS
#define TURNS_AHEAD_NS    (2 * PLX_DAY_NS)
#define TURNS_EACH_NS     PLX_HOUR_NS
/* Incidents over for longer cannot come back. */
#define RECALL_NS         PLX_HOUR_NS

/* Somebody waits for what comes of a test. */
struct test {
    struct test *next;
    struct plx_alerts *alerts;
    uint64_t letter;        /* 0: not committed yet */
    plx_alerts_test_fn *fn; /* NULL: has been told */
    void *arg;
};

struct plx_alerts {
    struct plx_desk *desk;
    char *public_url; /* NULL: none */
    struct plx_incidents *incidents;
    struct plx_notifier *notifier;
    struct plx_alerting config;
    struct plx_turn *turns;
    size_t n_turns;
    struct plx_wall turns_made;
    struct plx_silence *silences;
    size_t n_silences;
    struct plx_notice_rules rules;
    struct test *tests;
    bool failed;
};

/* ---- rules ---- */

static void make_turns(struct plx_alerts *a, struct plx_wall now)
{
    free(a->turns);
    a->turns = plx_alerting_turns(&a->config, plx_wall_add(now, -TURNS_BACK_NS),
                                  plx_wall_add(now, TURNS_AHEAD_NS), &a->n_turns);
    a->turns_made = now;
    a->rules = (struct plx_notice_rules){
        .alerting = &a->config,
        .turns = a->turns,
        .n_turns = a->n_turns,
        .silences = a->silences,
        .n_silences = a->n_silences,
    };
}

static void rules_changed(struct plx_alerts *a)
{
    make_turns(a, plx_clock_wall());
    plx_incidents_look(a->incidents);
}

/* Moves one section from the file into the configuration. */
static void take_section(struct plx_alerting *to, struct plx_alerting *from,
                         enum plx_alerting_section section)
{
    struct plx_alerting old = {0};
    switch (section) {
    case PLX_SECTION_RECEIVERS:
        old.receivers = to->receivers;
        old.n_receivers = to->n_receivers;
        to->receivers = from->receivers;
        to->n_receivers = from->n_receivers;
        from->receivers = NULL;
        from->n_receivers = 0;
        break;
    case PLX_SECTION_ROUTES:
        old.routes = to->routes;
        old.n_routes = to->n_routes;
        to->routes = from->routes;
        to->n_routes = from->n_routes;
        from->routes = NULL;
        from->n_routes = 0;
        break;
    case PLX_SECTION_MAINTENANCE:
    case PLX_SECTION_COUNT_:
        old.windows = to->windows;
        old.n_windows = to->n_windows;
        to->windows = from->windows;
        to->n_windows = from->n_windows;
        from->windows = NULL;
        from->n_windows = 0;
        break;
    }
    plx_alerting_fini(&old);
}

void plx_alerts_configure(struct plx_alerts *alerts, struct plx_alerting_file *file)
{
    for (int i = 0; i < PLX_SECTION_COUNT_; i++)
        if (file->has[i])
            take_section(&alerts->config, &file->alerting, (enum plx_alerting_section)i);
    plx_notifier_set_receivers(alerts->notifier, alerts->config.receivers,
                               alerts->config.n_receivers);
    rules_changed(alerts);
}

void plx_alerts_preview(const struct plx_alerts *alerts,
                        const struct plx_alerting_file *file, struct plx_alerting *ret)
{
    *ret = alerts->config;
    if (file->has[PLX_SECTION_RECEIVERS]) {
        ret->receivers = file->alerting.receivers;
        ret->n_receivers = file->alerting.n_receivers;
    }
    if (file->has[PLX_SECTION_ROUTES]) {
        ret->routes = file->alerting.routes;
        ret->n_routes = file->alerting.n_routes;
    }
    if (file->has[PLX_SECTION_MAINTENANCE]) {
        ret->windows = file->alerting.windows;
        ret->n_windows = file->alerting.n_windows;
    }
}

void plx_alerts_add_silence(struct plx_alerts *alerts, struct plx_silence *silence)
{
    struct plx_silence *more =
        realloc(alerts->silences, (alerts->n_silences + 1) * sizeof *more);
    if (!more)
        abort();
    alerts->silences = more;
    alerts->silences[alerts->n_silences++] = *silence;
    *silence = (struct plx_silence){0};
    rules_changed(alerts);
}

static void remove_silence(struct plx_alerts *a, size_t i)
{
    plx_silence_fini(&a->silences[i]);
    a->silences[i] = a->silences[--a->n_silences];
}

bool plx_alerts_end_silence(struct plx_alerts *alerts, uint64_t id)
{
    for (size_t i = 0; i < alerts->n_silences; i++)
        if (alerts->silences[i].id == id) {
            remove_silence(alerts, i);
            rules_changed(alerts);
            return true;
        }
    return false;
}

static void drop_past_silences(struct plx_alerts *a, struct plx_wall now)
{
    size_t had = a->n_silences;
    for (size_t i = a->n_silences; i-- > 0;)
        if (a->silences[i].until.ns <= now.ns)
            remove_silence(a, i);
    if (a->n_silences != had)
        rules_changed(a);
}

int plx_alerts_read_match(const char *json, struct plx_match *ret, struct plx_why *why)
{
    json_t *object = json_loads(json, 0, NULL), *values, *value;
    const char *key;
    size_t i;
    struct plx_match match = {0};
    if (!json_is_object(object)) {
        json_decref(object);
        return plx_why_set(why, PLX_EMALFORMED, "a match is an object of lists");
    }
    json_object_foreach(object, key, values)
    {
        json_array_foreach(values, i, value)
        {
            if (json_is_string(value))
                plx_match_add(&match, key, json_string_value(value));
        }
    }
    json_decref(object);
    *ret = match;
    return 0;
}

/* ---- how often in a row ---- */

static void runs_of(void *arg, uint32_t slot, uint32_t *ret_failures,
                    uint32_t *ret_successes)
{
    struct plx_alerts *a = arg;
    struct plx_judge_view view;
    uint32_t failures = 0, successes = 0;
    if (plx_judge_explain(plx_court_judge(a->desk->court), slot, &view) < 0)
        return;
    for (size_t i = 0; i < view.n_cells; i++) {
        const struct plx_judge_cell *c = &view.cells[i];
        uint32_t *most = c->ok ? &successes : &failures;
        if (c->seen && !c->spare && c->n_run > *most)
            *most = c->n_run;
    }
    /* The judge counts so far and no further. */
    *ret_failures = failures == 255 ? UINT32_MAX : failures;
    *ret_successes = successes == 255 ? UINT32_MAX : successes;
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
    struct plx_buf body;
    struct plx_json j;
    plx_message_of(incident, a->desk->catalog, want, now, note_of(actions, want),
                   a->public_url, &message);
    plx_buf_init(&body, MESSAGE_BYTES_MAX);
    plx_json_init(&j, &body);
    plx_message_write(&message, &j);
    *ret = (struct plx_letter){
        .key = plx_text_dup(message.key),
        .receiver = want->receiver,
        .incident = want->incident,
        .event = plx_notice_event_token(want->event),
        .body = plx_buf_give(&body, NULL),
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
    drop_past_silences(alerts, now);
    if (plx_wall_diff(now, alerts->turns_made) > TURNS_EACH_NS)
        make_turns(alerts, now);
    plx_incidents_tick(alerts->incidents, now, &alerts->rules, &actions);
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

void plx_alerts_tick(struct plx_alerts *alerts, struct plx_wall now)
{
    plx_alerts_commit(alerts, now, NULL, NULL);
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

/* ---- what came of attempts ---- */

static void tell_tester(struct plx_alerts *a, const struct plx_notifier_result *result)
{
    for (struct test **at = &a->tests; *at; at = &(*at)->next)
        if ((*at)->letter == result->letter) {
            struct test *test = *at;
            *at = test->next;
            test->fn(test->arg, result);
            free(test);
            return;
        }
}

static void on_result(void *arg, const struct plx_notifier_result *r)
{
    struct plx_alerts *a = arg;
    char attempts[16];
    snprintf(attempts, sizeof attempts, "%" PRIu32, r->attempts);
    if (r->state != PLX_LETTER_DELIVERED)
        plx_log(r->state == PLX_LETTER_DEAD ? PLX_LOG_ERROR : PLX_LOG_WARN,
                r->state == PLX_LETTER_DEAD ? "notice_dead" : "notice_failed", "receiver",
                r->receiver, "attempts", attempts, "why", r->why, NULL);
    int err = plx_store_letter_tried(a->desk->store, r->letter, r->state, r->attempts,
                                     r->at, r->why, NULL, NULL);
    if (err < 0)
        plx_log(PLX_LOG_WARN, "notice_state_not_stored", "why", plx_err_text(err), NULL);
    tell_tester(a, r);
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

/* ---- tests ---- */

static void on_test_committed(void *arg, int err, const char *why,
                              const struct plx_letter *letters, size_t n)
{
    struct test *test = arg;
    if (!test->fn) { /* the letter is in the outbox; the next start sends it */
        free(test);
        return;
    }
    if (err < 0 || n == 0) {
        struct plx_notifier_result failed = {.state = PLX_LETTER_DEAD};
        struct plx_alerts *a = test->alerts;
        snprintf(failed.why, sizeof failed.why, "it was not stored: %s", why);
        test->letter = UINT64_MAX;
        failed.letter = UINT64_MAX;
        tell_tester(a, &failed);
        return;
    }
    test->letter = letters[0].id;
    plx_notifier_send(test->alerts->notifier, &letters[0]);
}

static void fill_test(struct plx_message *m, const char *key, const char *who,
                      struct plx_wall now)
{
    char sentence[256];
    snprintf(sentence, sizeof sentence,
             "%s asked for a test. Nothing is wrong; this receiver works.", who);
    *m = (struct plx_message){
        .key = plx_text_dup(key),
        .event = plx_text_dup("test"),
        .kind = plx_text_dup("service"),
        .severity = plx_text_dup("critical"),
        .state = plx_text_dup("open"),
        .entity = plx_text_dup("test"),
        .title = plx_text_dup("a test of this receiver"),
        .sentence = plx_text_dup(sentence),
        .at = now,
        .onset = now,
        .opened = now,
        .acked_by = plx_text_dup(""),
        .note = plx_text_dup(""),
        .runbook = plx_text_dup(""),
        .url = plx_text_dup(""),
    };
}

int plx_alerts_test(struct plx_alerts *alerts, const char *receiver, const char *who,
                    plx_alerts_test_fn *fn, void *arg)
{
    char key[64];
    struct plx_message message;
    struct plx_buf body;
    struct plx_json j;
    struct plx_wall now = plx_clock_wall();
    if (!plx_alerting_receiver(&alerts->config, receiver))
        return PLX_ENOTFOUND;
    snprintf(key, sizeof key, "parallax-test-%016" PRIx64 "%08" PRIx32, (uint64_t)now.ns,
             randombytes_random());
    fill_test(&message, key, who, now);
    plx_buf_init(&body, MESSAGE_BYTES_MAX);
    plx_json_init(&j, &body);
    plx_message_write(&message, &j);
    struct test *test = calloc(1, sizeof *test);
    if (!test)
        abort();
    *test = (struct test){alerts->tests, alerts, 0, fn, arg};
    alerts->tests = test;
    const struct plx_letter letter = {
        .key = key,
        .receiver = receiver,
        .event = "test",
        .body = plx_buf_str(&body),
        .created = now,
    };
    const struct plx_store_incident_batch batch = {.letters = &letter, .n_letters = 1};
    int err =
        plx_store_put_incidents(alerts->desk->store, &batch, on_test_committed, test);
    if (err < 0) {
        alerts->tests = test->next;
        free(test);
    }
    plx_message_fini(&message);
    plx_buf_fini(&body);
    return err;
}

void plx_alerts_drop_tests(struct plx_alerts *alerts)
{
    while (alerts->tests) {
        struct test *test = alerts->tests;
        alerts->tests = test->next;
        test->fn(test->arg, NULL);
        test->fn = NULL;
        if (test->letter != 0) /* else the store still has it, and brings it back */
            free(test);
    }
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
    make_turns(a, plx_clock_wall());
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
    plx_incidents_destroy(&a->incidents);
    plx_alerting_fini(&a->config);
    for (size_t i = 0; i < a->n_silences; i++)
        plx_silence_fini(&a->silences[i]);
    free(a->silences);
    free(a->turns);
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
    if (plx_alerts_read_match(stored->match, &silence.match, NULL) == 0)
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

const struct plx_alerting *plx_alerts_config(const struct plx_alerts *alerts)
{
    return &alerts->config;
}

const struct plx_notice_rules *plx_alerts_rules(const struct plx_alerts *alerts)
{
    return &alerts->rules;
}
