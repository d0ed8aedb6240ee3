/* The API's methods on incidents: list, show, ack, note. */
#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/alerts.h"
#include "coordinator/io/alerts_message.h"
#include "coordinator/io/api_call.h"
#include "coordinator/io/inquest.h"
#include "coordinator/io/store_incidents.h"
#include "coordinator/io/store_places.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

#define LIST_MAX    1000
#define ENTRIES_MAX 2000
#define LETTERS_MAX 2000
#define NOTE_MAX    2000 /* bytes of what people write */

/* ---- writing ---- */

static void write_head(const struct plx_incident *i, struct plx_json *j)
{
    char title[PLX_TITLE_MAX];
    plx_json_kuint(j, "id", i->id);
    plx_json_kstr(j, "kind", plx_incident_kind_token(i->kind));
    plx_json_kstr(j, "severity", plx_severity_token(i->severity));
    plx_json_kstr(j, "state", plx_incident_state_token(i->state));
    plx_json_kstr(j, "entity", i->entity);
    plx_json_kstr(j, "title", plx_incident_title(i, title));
    plx_json_kstr(j, "sentence", i->sentence);
    plx_json_kwall(j, "onset", i->onset);
    plx_json_kwall(j, "opened", i->opened);
    plx_json_kwall(j, "announced", i->announced);
    plx_json_kwall(j, "closed", i->closed);
    plx_json_kwall(j, "acked", i->acked);
    plx_json_kstr(j, "acked_by", i->acked_by);
    plx_json_kstr(j, "muted_by", i->muted_by);
    plx_json_kbool(j, "dependent", i->dependent);
    plx_json_kbool(j, "flapping", i->flapping);
    plx_json_kuint(j, "returned", i->n_back);
    plx_json_kuint(j, "merged_into", i->merged_into);
    plx_json_kuint(j, "affected", i->n_active);
    plx_json_kuint(j, "members", i->n_members);
}

struct listing {
    struct plx_json *j;
    const char *state;
    size_t left;
};

static bool is_wanted(const char *state, const struct plx_incident *i)
{
    if (strcmp(state, "all") == 0)
        return true;
    return (i->state == PLX_INCIDENT_CLOSED) == (strcmp(state, "closed") == 0);
}

static bool write_listed(void *arg, const struct plx_incident *incident)
{
    struct listing *listing = arg;
    if (listing->left == 0)
        return false;
    if (!is_wanted(listing->state, incident))
        return true;
    listing->left--;
    plx_json_object(listing->j);
    write_head(incident, listing->j);
    plx_json_end(listing->j);
    return true;
}

void plx_api_incidents_list(struct plx_call *call)
{
    struct plx_why why = {""};
    struct plx_buf buf;
    struct plx_json j;
    const char *state = "open";
    int64_t limit = 100;
    int err = plx_call_text(call, "state", false, &state, &why);
    if (err == 0)
        err = plx_call_int(call, "limit", 1, LIST_MAX, &limit, &why);
    if (err == 0 && strcmp(state, "open") != 0 && strcmp(state, "closed") != 0 &&
        strcmp(state, "all") != 0)
        err = plx_why_set(&why, PLX_EINVAL, "'state' is open, closed or all");
    if (err < 0) {
        plx_call_fail(call, err, "%s", why.text);
        return;
    }
    plx_answer_begin(&buf, &j);
    struct listing listing = {&j, state, (size_t)limit};
    plx_json_kwall(&j, "at", plx_clock_wall());
    plx_json_key(&j, "incidents");
    plx_json_array(&j);
    err = plx_store_read_incidents(call->api->desk->store, 0, SIZE_MAX >> 1, write_listed,
                                   &listing);
    plx_json_end(&j);
    plx_json_end(&j);
    if (err == 0) {
        plx_call_end(call, &buf);
        return;
    }
    plx_buf_fini(&buf);
    plx_call_fail(call, err, "the incidents could not be read: %s", plx_err_text(err));
}

static bool write_members(void *arg, const struct plx_incident *i)
{
    struct plx_json *j = arg;
    write_head(i, j);
    plx_json_key(j, "monitors");
    plx_json_array(j);
    for (size_t k = 0; k < i->n_members; k++) {
        plx_json_object(j);
        plx_json_kstr(j, "name", i->members[k].name);
        plx_json_kwall(j, "joined", i->members[k].joined);
        plx_json_kwall(j, "left", i->members[k].left);
        plx_json_end(j);
    }
    plx_json_end(j);
    return true;
}

static bool write_entry(void *arg, const struct plx_incident_entry *e)
{
    struct plx_json *j = arg;
    plx_json_object(j);
    plx_json_kwall(j, "at", e->at);
    plx_json_kstr(j, "what", plx_incident_what_token(e->what));
    plx_json_kstr(j, "who", e->who);
    plx_json_kstr(j, "text", e->text);
    plx_json_end(j);
    return true;
}

static bool write_letter(void *arg, const struct plx_letter *l)
{
    struct plx_json *j = arg;
    plx_json_object(j);
    plx_json_kstr(j, "key", l->key);
    plx_json_kstr(j, "receiver", l->receiver);
    plx_json_kstr(j, "event", l->event);
    plx_json_kwall(j, "created", l->created);
    plx_json_kstr(j, "state", plx_letter_state_token(l->state));
    plx_json_kuint(j, "attempts", l->attempts);
    plx_json_kwall(j, "last", l->last);
    plx_json_kstr(j, "why", l->why);
    plx_json_end(j);
    return true;
}

static bool write_place(void *arg, const struct plx_store_place *place)
{
    plx_place_write_stored(place, arg);
    return true;
}

static int write_places(struct plx_store *store, uint64_t id, struct plx_json *j)
{
    plx_json_key(j, "places");
    plx_json_array(j);
    int err = plx_store_read_places(store, id, write_place, j);
    plx_json_end(j);
    return err;
}

static int write_whole(struct plx_store *store, uint64_t id, struct plx_json *j)
{
    int err = plx_store_read_incident(store, id, write_members, j);
    if (err < 0)
        return err;
    plx_json_key(j, "timeline");
    plx_json_array(j);
    err = plx_store_read_entries(store, id, ENTRIES_MAX, write_entry, j);
    plx_json_end(j);
    if (err < 0)
        return err;
    plx_json_key(j, "notices");
    plx_json_array(j);
    err = plx_store_read_letters(store, id, LETTERS_MAX, write_letter, j);
    plx_json_end(j);
    return err < 0 ? err : write_places(store, id, j);
}

static void answer_whole(struct plx_call *call, uint64_t id)
{
    struct plx_buf buf;
    struct plx_json j;
    plx_answer_begin(&buf, &j);
    int err = write_whole(call->api->desk->store, id, &j);
    if (err == 0) {
        plx_json_end(&j);
        plx_call_end(call, &buf);
        return;
    }
    plx_buf_fini(&buf);
    if (err == PLX_ENOTFOUND)
        plx_call_fail(call, err, "there is no incident %llu", (unsigned long long)id);
    else
        plx_call_fail(call, err, "the incident could not be read: %s", plx_err_text(err));
}

/* ---- reading the question ---- */

/* The incident's number; fails the call (and gives 0) if there is none in it. */
static uint64_t number_of(struct plx_call *call)
{
    struct plx_why why = {""};
    int64_t id = 0;
    int err = plx_call_int(call, "id", 1, INT64_MAX, &id, &why);
    if (err == 0 && id == 0)
        err = plx_why_set(&why, PLX_EINVAL, "'id' is missing");
    if (err < 0) {
        plx_call_fail(call, err, "%s", why.text);
        return 0;
    }
    return (uint64_t)id;
}

static int text_of(struct plx_call *call, bool demanded, const char **ret)
{
    struct plx_why why = {""};
    *ret = "";
    int err = plx_call_text(call, "text", demanded, ret, &why);
    if (err == 0 && strlen(*ret) > NOTE_MAX)
        err = plx_why_set(&why, PLX_EINVAL, "'text' is longer than %d bytes", NOTE_MAX);
    if (err == 0 && demanded && **ret == '\0')
        err = plx_why_set(&why, PLX_EINVAL, "'text' is empty");
    if (err < 0)
        plx_call_fail(call, err, "%s", why.text);
    return err;
}

void plx_api_incidents_show(struct plx_call *call)
{
    uint64_t id = number_of(call);
    if (id > 0)
        answer_whole(call, id);
}

/* ---- acting ---- */

static void on_stored(void *arg, int err)
{
    struct plx_call *call = arg;
    struct plx_buf buf;
    struct plx_json j;
    if (err < 0) {
        plx_call_fail(call, err, "it was not stored: %s", plx_err_text(err));
        return;
    }
    plx_answer_begin(&buf, &j);
    plx_json_kint(&j, "id", json_integer_value(json_object_get(call->body, "id")));
    plx_json_end(&j);
    plx_call_end(call, &buf);
}

void plx_api_incidents_ack(struct plx_call *call)
{
    struct plx_desk *desk = call->api->desk;
    const char *text;
    uint64_t id = number_of(call);
    if (id == 0 || text_of(call, false, &text) < 0)
        return;
    struct plx_wall now = plx_clock_wall();
    int err =
        plx_incidents_ack(plx_alerts_incidents(desk->alerts), now, id, call->who, text);
    if (err == PLX_ECONFLICT) {
        const struct plx_incident *i =
            plx_incidents_by_id(plx_alerts_incidents(desk->alerts), id);
        if (i->state == PLX_INCIDENT_CLOSED)
            plx_call_fail(call, err, "incident %llu is over", (unsigned long long)id);
        else
            plx_call_fail(call, err, "incident %llu is acknowledged already, by %s",
                          (unsigned long long)id, i->acked_by);
    } else if (err < 0) {
        plx_call_fail(call, err, "there is no open incident %llu",
                      (unsigned long long)id);
    } else {
        plx_alerts_commit(desk->alerts, now, on_stored, call);
    }
}

static void on_noted(void *arg, int err, const char *why)
{
    struct plx_call *call = arg;
    if (err < 0)
        plx_call_fail(call, err, "%s", why);
    else
        on_stored(call, 0);
}

void plx_api_incidents_note(struct plx_call *call)
{
    struct plx_desk *desk = call->api->desk;
    const char *text;
    uint64_t id = number_of(call);
    if (id == 0 || text_of(call, true, &text) < 0)
        return;
    struct plx_incident_entry entry = {
        .incident = id,
        .at = plx_clock_wall(),
        .what = PLX_INCIDENT_DID_NOTE,
        .who = call->who,
        .text = (char *)text,
    };
    int err = plx_store_add_note(desk->store, &entry, on_noted, call);
    if (err < 0)
        plx_call_fail(call, err, "the note was not stored: %s", plx_err_text(err));
}
