/* The API's methods on receivers, maintenance and silences. */
#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/alerts.h"
#include "coordinator/io/api_call.h"
#include "coordinator/io/store_incidents.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

#define LANES_MAX      512
#define DEAD_MAX       100
#define SILENCE_MAX_NS (366 * PLX_DAY_NS)
#define COMMENT_MAX    1000

/* ---- receivers ---- */

static void write_lane(const struct plx_outbox_lane *lane, struct plx_json *j)
{
    plx_json_kuint(j, "waiting", lane->n_waiting);
    plx_json_kuint(j, "failed_in_a_row", lane->n_failed);
    plx_json_kuint(j, "delivered", lane->n_delivered);
    plx_json_kuint(j, "dead", lane->n_dead);
    plx_json_kstr(j, "why", lane->why);
}

static bool write_dead(void *arg, const struct plx_letter *l)
{
    struct plx_json *j = arg;
    plx_json_object(j);
    plx_json_kstr(j, "receiver", l->receiver);
    plx_json_kuint(j, "incident", l->incident);
    plx_json_kstr(j, "event", l->event);
    plx_json_kwall(j, "created", l->created);
    plx_json_kwall(j, "last", l->last);
    plx_json_kuint(j, "attempts", l->attempts);
    plx_json_kstr(j, "why", l->why);
    plx_json_end(j);
    return true;
}

static void write_receivers(struct plx_alerts *alerts, struct plx_json *j)
{
    const struct plx_alerting *config = &plx_alerts_rules(alerts)->config;
    struct plx_outbox_lane *lanes = calloc(LANES_MAX, sizeof *lanes);
    if (!lanes)
        abort();
    size_t n = plx_notifier_lanes(plx_alerts_notifier(alerts), lanes, LANES_MAX);
    plx_json_key(j, "receivers");
    plx_json_array(j);
    for (size_t i = 0; i < config->n_receivers; i++) {
        plx_json_object(j);
        plx_json_key(j, "receiver");
        plx_receiver_to_json(&config->receivers[i], j);
        for (size_t k = 0; k < n && k < LANES_MAX; k++)
            if (strcmp(lanes[k].receiver, config->receivers[i].name) == 0)
                write_lane(&lanes[k], j);
        plx_json_end(j);
    }
    plx_json_end(j);
    free(lanes);
}

void plx_api_receivers_list(struct plx_call *call)
{
    struct plx_desk *desk = call->api->desk;
    struct plx_buf buf;
    struct plx_json j;
    plx_answer_begin(&buf, &j);
    plx_json_kwall(&j, "at", plx_clock_wall());
    write_receivers(desk->alerts, &j);
    plx_json_key(&j, "dead_letters");
    plx_json_array(&j);
    int err = plx_store_read_dead(desk->store, DEAD_MAX, write_dead, &j);
    plx_json_end(&j);
    plx_json_end(&j);
    if (err == 0) {
        plx_call_end(call, &buf);
        return;
    }
    plx_buf_fini(&buf);
    plx_call_fail(call, err, "the outbox could not be read: %s", plx_err_text(err));
}

static void on_tested(void *arg, const struct plx_outbox_result *result)
{
    struct plx_call *call = arg;
    struct plx_buf buf;
    struct plx_json j;
    if (!result) {
        plx_call_fail(call, PLX_EGONE, "the coordinator stops");
        return;
    }
    plx_answer_begin(&buf, &j);
    plx_json_kstr(&j, "receiver", result->receiver);
    plx_json_kbool(&j, "delivered", result->state == PLX_LETTER_DELIVERED);
    plx_json_kstr(&j, "state", plx_letter_state_token(result->state));
    plx_json_kstr(&j, "why", result->why);
    plx_json_end(&j);
    plx_call_end(call, &buf);
}

void plx_api_receivers_test(struct plx_call *call)
{
    struct plx_why why = {""};
    const char *name = NULL;
    int err = plx_call_text(call, "name", true, &name, &why);
    if (err < 0) {
        plx_call_fail(call, err, "%s", why.text);
        return;
    }
    err = plx_alerts_test(call->api->desk->alerts, name, call->who, on_tested, call);
    if (err == PLX_ENOTFOUND)
        plx_call_fail(call, err, "there is no receiver '%s'", name);
    else if (err < 0)
        plx_call_fail(call, err, "the test was not sent: %s", plx_err_text(err));
}

/* ---- maintenance ---- */

/* When the window is on now or will be next; both 0: never again. */
static struct plx_turn next_turn(const struct plx_window *window, struct plx_wall now)
{
    struct plx_turn next = {0};
    if (!window->days)
        return window->until.ns > now.ns
                   ? (struct plx_turn){0, window->from, window->until}
                   : next;
    /* One that lasts over midnight began yesterday; each weekday comes within a week. */
    const struct plx_alerting only = {.windows = (struct plx_window *)window,
                                      .n_windows = 1};
    size_t n;
    struct plx_turn *turns = plx_alerting_turns(&only, plx_wall_add(now, -PLX_DAY_NS),
                                                plx_wall_add(now, 8 * PLX_DAY_NS), &n);
    for (size_t i = 0; i < n; i++)
        if (turns[i].until.ns > now.ns &&
            (next.until.ns == 0 || turns[i].from.ns < next.from.ns))
            next = turns[i];
    free(turns);
    return next;
}

void plx_api_maintenance_list(struct plx_call *call)
{
    const struct plx_notice_rules *rules =
        &plx_alerts_rules(call->api->desk->alerts)->notice;
    struct plx_wall now = plx_clock_wall();
    struct plx_buf buf;
    struct plx_json j;
    plx_answer_begin(&buf, &j);
    plx_json_kwall(&j, "at", now);
    plx_json_key(&j, "maintenance");
    plx_json_array(&j);
    for (size_t i = 0; i < rules->alerting->n_windows; i++) {
        const struct plx_window *window = &rules->alerting->windows[i];
        struct plx_turn next = next_turn(window, now);
        plx_json_object(&j);
        plx_json_key(&j, "window");
        plx_window_to_json(window, &j);
        plx_json_kuint(&j, "monitors",
                       plx_notice_covers(&window->match, call->api->desk->catalog));
        plx_json_kbool(&j, "active", next.until.ns > 0 && next.from.ns <= now.ns);
        plx_json_kwall(&j, "next_from", next.from);
        plx_json_kwall(&j, "next_until", next.until);
        plx_json_end(&j);
    }
    plx_json_end(&j);
    plx_json_end(&j);
    plx_call_end(call, &buf);
}

/* ---- silences ---- */

static void write_silence(const struct plx_silence *s, const struct plx_catalog *catalog,
                          struct plx_json *j)
{
    plx_json_object(j);
    plx_json_kuint(j, "id", s->id);
    plx_json_key(j, "match");
    plx_match_to_json(&s->match, j);
    plx_json_kstr(j, "author", s->author);
    plx_json_kstr(j, "comment", s->comment);
    plx_json_kwall(j, "from", s->from);
    plx_json_kwall(j, "until", s->until);
    plx_json_kuint(j, "monitors", plx_notice_covers(&s->match, catalog));
    plx_json_end(j);
}

void plx_api_silences_list(struct plx_call *call)
{
    const struct plx_notice_rules *rules =
        &plx_alerts_rules(call->api->desk->alerts)->notice;
    struct plx_buf buf;
    struct plx_json j;
    plx_answer_begin(&buf, &j);
    plx_json_kwall(&j, "at", plx_clock_wall());
    plx_json_key(&j, "silences");
    plx_json_array(&j);
    for (size_t i = 0; i < rules->n_silences; i++)
        write_silence(&rules->silences[i], call->api->desk->catalog, &j);
    plx_json_end(&j);
    plx_json_end(&j);
    plx_call_end(call, &buf);
}

/* A silence on its way through the store. */
struct adding {
    struct plx_call *call;
    struct plx_silence silence;
};

static void on_added(void *arg, int err, const char *why, uint64_t id)
{
    struct adding *adding = arg;
    struct plx_call *call = adding->call;
    struct plx_buf buf;
    struct plx_json j;
    if (err < 0) {
        plx_silence_fini(&adding->silence);
        plx_call_fail(call, err, "%s", why);
    } else {
        adding->silence.id = id;
        plx_answer_begin(&buf, &j);
        plx_json_key(&j, "silence");
        write_silence(&adding->silence, call->api->desk->catalog, &j);
        plx_json_end(&j);
        plx_alerts_add_silence(call->api->desk->alerts, &adding->silence);
        plx_call_end(call, &buf);
    }
    free(adding);
}

/* The key "match": an object of texts or lists of texts. */
static int read_match(const struct plx_call *call, struct plx_match *ret,
                      struct plx_why *why)
{
    json_t *object = json_object_get(call->body, "match"), *values, *value;
    const char *key;
    size_t i;
    if (!json_is_object(object) || json_object_size(object) == 0 ||
        json_object_size(object) > PLX_MATCHERS_MAX)
        return plx_why_set(why, PLX_EINVAL,
                           "'match' must be an object of 1-%d keys: what is silenced",
                           PLX_MATCHERS_MAX);
    json_object_foreach(object, key, values)
    {
        size_t n = json_is_array(values) ? json_array_size(values) : 1;
        if (!plx_text_is_word(key) || n == 0)
            return plx_why_set(why, PLX_EINVAL, "'match': '%s' is no label's key", key);
        for (i = 0; i < n; i++) {
            value = json_is_array(values) ? json_array_get(values, i) : values;
            const char *text = json_string_value(value);
            if (!text || !*text || strlen(text) > PLX_MATCH_VALUE_MAX ||
                !plx_text_is_clean(text, strlen(text)))
                return plx_why_set(why, PLX_EINVAL, "'match': bad value of '%s'", key);
            plx_match_add(ret, key, text);
        }
    }
    return 0;
}

static int read_silence(const struct plx_call *call, struct plx_silence *ret,
                        struct plx_why *why)
{
    const char *comment = "";
    int64_t for_ns = 0;
    int err = read_match(call, &ret->match, why);
    if (err == 0)
        err = plx_call_duration(call, "for", &for_ns, why);
    if (err == 0)
        err = plx_call_text(call, "comment", false, &comment, why);
    if (err < 0)
        return err;
    if (for_ns <= 0 || for_ns > SILENCE_MAX_NS)
        return plx_why_set(why, PLX_EINVAL,
                           "'for' must be a duration of at most a year: silences end");
    if (strlen(comment) > COMMENT_MAX)
        return plx_why_set(why, PLX_EINVAL, "'comment' is longer than %d bytes",
                           COMMENT_MAX);
    if (!plx_text_is_clean(comment, strlen(comment)))
        return plx_why_set(why, PLX_EINVAL, "'comment' must be one line of text");
    ret->from = plx_clock_wall();
    ret->until = plx_wall_add(ret->from, for_ns);
    ret->author = plx_text_dup(call->who);
    ret->comment = plx_text_dup(comment);
    return 0;
}

static int store_silence(struct plx_store *store, struct adding *adding)
{
    const struct plx_silence *s = &adding->silence;
    struct plx_buf match;
    struct plx_json j;
    plx_buf_init(&match, 64 * 1024);
    plx_json_init(&j, &match);
    plx_match_to_json(&s->match, &j);
    const struct plx_store_silence row = {
        .match = plx_buf_str(&match),
        .author = s->author,
        .comment = s->comment,
        .from = s->from,
        .until = s->until,
        .created = s->from,
    };
    int err = plx_store_add_silence(store, &row, on_added, adding);
    plx_buf_fini(&match);
    return err;
}

void plx_api_silences_add(struct plx_call *call)
{
    struct plx_why why = {""};
    struct adding *adding = calloc(1, sizeof *adding);
    if (!adding)
        abort();
    adding->call = call;
    int err = read_silence(call, &adding->silence, &why);
    if (err == 0) {
        err = store_silence(call->api->desk->store, adding);
        if (err == 0)
            return;
        plx_why_set(&why, err, "the silence was not stored: %s", plx_err_text(err));
    }
    plx_silence_fini(&adding->silence);
    free(adding);
    plx_call_fail(call, err, "%s", why.text);
}

static void on_ended(void *arg, int err, const char *why)
{
    struct plx_call *call = arg;
    struct plx_buf buf;
    struct plx_json j;
    int64_t id = json_integer_value(json_object_get(call->body, "id"));
    if (err < 0) {
        plx_call_fail(call, err, "%s", why);
        return;
    }
    plx_alerts_end_silence(call->api->desk->alerts, (uint64_t)id);
    plx_answer_begin(&buf, &j);
    plx_json_kint(&j, "removed", id);
    plx_json_end(&j);
    plx_call_end(call, &buf);
}

void plx_api_silences_remove(struct plx_call *call)
{
    struct plx_why why = {""};
    int64_t id = 0;
    int err = plx_call_int(call, "id", 1, INT64_MAX, &id, &why);
    if (err == 0 && id == 0)
        err = plx_why_set(&why, PLX_EINVAL, "'id' is missing");
    if (err == 0) {
        err = plx_store_end_silence(call->api->desk->store, (uint64_t)id, call->who,
                                    plx_clock_wall(), on_ended, call);
        if (err == 0)
            return;
        plx_why_set(&why, err, "the silence was not ended: %s", plx_err_text(err));
    }
    plx_call_fail(call, err, "%s", why.text);
}
