/* The loop's side of HTTP: takes requests from the queue, asks the API, streams events.
 */
#include "coordinator/http/impl.h"

#include "base/err.h"
#include "coordinator/http/metrics.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STREAMS_MAX  256
#define STREAMS_EACH 32 /* of one guest */
#define PING_NS      (15 * PLX_SEC_NS)
#define TURN_NS      (20 * PLX_MS_NS)

/* ---- methods of the API ---- */

static void respond(void *arg, int err, const char *why, const char *json, size_t len,
                    bool more)
{
    struct plx_exchange *x = arg;
    bool stream = x->match.route->kind == PLX_ROUTE_STREAM;
    struct plx_buf buf;
    if (err < 0) {
        plx_exchange_problem(x, err, why);
        return;
    }
    if (stream) {
        plx_exchange_push(x, "application/x-ndjson", json, len);
        plx_exchange_push(x, "application/x-ndjson", "\n", 1);
        if (!more)
            plx_exchange_end(x);
        return;
    }
    if (more)
        return;
    plx_buf_init(&buf, PLX_API_BODY_MAX);
    plx_buf_add(&buf, json, len);
    plx_exchange_answer(x, MHD_HTTP_OK, "application/json", &buf);
}

static void release(void *arg)
{
    plx_exchange_release(arg);
}

static void call_api(struct plx_exchange *x)
{
    char who[PLX_NAME_MAX + 16];
    snprintf(who, sizeof who, "%s %s", x->guest.session ? "user" : "token",
             x->guest.name);
    const struct plx_api_request request = {
        .method = x->match.route->method,
        .body = x->asked,
        .who = who,
        .role = x->guest.role,
        .respond = respond,
        .release = release,
        .arg = x,
    };
    x->asked = NULL;
    plx_api_call(x->http->api, &request);
}

/* ---- small answers ---- */

static void answer_text(struct plx_exchange *x, unsigned status, const char *text)
{
    struct plx_buf buf;
    plx_buf_init(&buf, PLX_API_BODY_MAX);
    plx_buf_text(&buf, text);
    plx_exchange_answer(x, status, "text/plain; charset=utf-8", &buf);
    plx_exchange_release(x);
}

static void answer_ready(struct plx_exchange *x)
{
    struct plx_store_health health;
    char text[sizeof health.why + 32];
    plx_store_health(x->http->desk->store, &health);
    if (health.state == PLX_STORE_OK) {
        answer_text(x, MHD_HTTP_OK, "ready\n");
        return;
    }
    snprintf(text, sizeof text, "not ready: %s\n", health.why);
    answer_text(x, MHD_HTTP_SERVICE_UNAVAILABLE, text);
}

static void answer_metrics(struct plx_exchange *x)
{
    struct plx_buf buf;
    struct plx_http_counts counts;
    plx_buf_init(&buf, PLX_API_BODY_MAX);
    if (x->match.route->kind == PLX_ROUTE_MONITOR_METRICS) {
        plx_metrics_write_monitors(x->http->desk, &buf);
    } else {
        plx_http_counts(x->http, &counts);
        plx_metrics_write(x->http->desk, &counts, &buf);
    }
    plx_exchange_answer(x, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &buf);
    plx_exchange_release(x);
}

/* What a check may say: the page offers them. */
static void write_greetings(struct plx_json *j)
{
    plx_json_key(j, "greetings");
    plx_json_array(j);
    for (int i = 1; i < PLX_GREETING_PRESET_COUNT_; i++)
        plx_json_str(j, plx_greeting_preset_token((enum plx_greeting_preset)i));
    plx_json_end(j);
}

static void answer_guest(struct plx_exchange *x, const struct plx_guest *guest)
{
    struct plx_buf buf;
    struct plx_json j;
    plx_buf_init(&buf, PLX_API_BODY_MAX);
    plx_json_init(&j, &buf);
    plx_json_object(&j);
    plx_json_kstr(&j, "name", guest->name);
    plx_json_kstr(&j, "role", plx_role_token(guest->role));
    plx_json_kstr(&j, "version", PLX_VERSION);
    write_greetings(&j);
    plx_json_end(&j);
    plx_exchange_answer(x, MHD_HTTP_OK, "application/json", &buf);
    plx_exchange_release(x);
}

static void log_out(struct plx_exchange *x)
{
    struct plx_buf empty = {0};
    if (x->guest.session)
        plx_guests_logout(x->http->desk->guests, x->cookie);
    plx_exchange_answer(x, MHD_HTTP_NO_CONTENT, "application/json", &empty);
    plx_exchange_release(x);
}

/* ---- logging in ---- */

struct login {
    struct plx_exchange *x;
    char *name;
    char *password;
    int err;
    char secret[PLX_GUESTS_SECRET_MAX];
    struct plx_guest guest;
};

static void free_login(struct login *login)
{
    sodium_memzero(login->password, strlen(login->password));
    free(login->password);
    free(login->name);
    sodium_memzero(login, sizeof *login);
    free(login);
}

static void verify(void *arg)
{
    struct login *login = arg;
    login->err =
        plx_guests_login(login->x->http->desk->guests, login->name, login->password,
                         plx_clock_wall(), login->secret, &login->guest);
}

static void answer_login(struct login *login)
{
    struct plx_exchange *x = login->x;
    struct plx_buf buf;
    if (login->err == 0) {
        memcpy(x->cookie, login->secret, sizeof x->cookie);
        plx_log(PLX_LOG_INFO, "login", "user", login->name, NULL);
        answer_guest(x, &login->guest);
        return;
    }
    plx_log(PLX_LOG_WARN, "login_refused", "user", login->name, NULL);
    plx_buf_init(&buf, PLX_API_BODY_MAX);
    plx_answer_problem(&buf, MHD_HTTP_UNAUTHORIZED, PLX_EDENIED,
                       "no such user, or not their password");
    pthread_mutex_lock(&x->http->lock);
    x->http->counts.unauthorised++;
    pthread_mutex_unlock(&x->http->lock);
    plx_exchange_answer(x, MHD_HTTP_UNAUTHORIZED, "application/problem+json", &buf);
    plx_exchange_release(x);
}

static void on_verified(void *arg, bool worked)
{
    struct login *login = arg;
    if (!worked)
        login->err = PLX_EGONE;
    answer_login(login);
    free_login(login);
}

static void fail(struct plx_exchange *x, int err, const char *why)
{
    plx_exchange_problem(x, err, why);
    plx_exchange_release(x);
}

static void log_in(struct plx_exchange *x)
{
    const char *name = json_string_value(json_object_get(x->asked, "name"));
    const char *password = json_string_value(json_object_get(x->asked, "password"));
    if (!name || !password || !plx_text_is_name(name)) {
        fail(x, PLX_EINVAL, "'name' and 'password' must be texts");
        return;
    }
    struct login *login = calloc(1, sizeof *login);
    if (!login)
        abort();
    *login = (struct login){
        .x = x, .name = plx_text_dup(name), .password = plx_text_dup(password)};
    if (plx_worker_submit(x->http->worker, verify, on_verified, login) < 0) {
        fail(x, PLX_EAGAIN, "too many log in at once: try again");
        free_login(login);
    }
}

/* ---- events ---- */

#define EVENTS_TYPE "text/event-stream"

static bool send_event(struct plx_exchange *x, const struct plx_event *event)
{
    struct plx_buf buf;
    plx_buf_init(&buf, PLX_API_BODY_MAX);
    plx_buf_printf(&buf, "id: %" PRIu64 "-%" PRIu64 "\nevent: %s\ndata: ",
                   plx_events_epoch(x->http->desk->events), event->no, event->type);
    plx_buf_add(&buf, event->json, event->len);
    plx_buf_text(&buf, "\n\n");
    bool taken = plx_exchange_push(x, EVENTS_TYPE, plx_buf_str(&buf), buf.len);
    plx_buf_fini(&buf);
    return taken;
}

static bool send_text(struct plx_exchange *x, const char *text)
{
    return plx_exchange_push(x, EVENTS_TYPE, text, strlen(text));
}

/* Where to go on: after the event the client saw last if it is one of ours, else from
 * now; `missed` if there were more than are kept. */
static uint64_t resume_at(const struct plx_exchange *x, bool *missed)
{
    const struct plx_events *events = x->http->desk->events;
    uint64_t epoch, no, newest = plx_events_newest(events);
    *missed = false;
    if (sscanf(x->last_event, "%" SCNu64 "-%" SCNu64, &epoch, &no) != 2)
        return newest + 1;
    uint64_t oldest = newest > PLX_EVENTS_MAX ? newest - PLX_EVENTS_MAX + 1 : 1;
    if (epoch == plx_events_epoch(events) && no <= newest && no + 1 >= oldest)
        return no + 1;
    *missed = true;
    return oldest;
}

/* Of one guest; NULL: of all. */
static size_t count_streams(const struct plx_http *http, const struct plx_guest *guest)
{
    size_t n = 0;
    for (const struct plx_exchange *x = http->streams; x; x = x->next_stream)
        n += !guest || (guest->session == x->guest.session &&
                        strcmp(guest->name, x->guest.name) == 0);
    return n;
}

static void open_events(struct plx_exchange *x)
{
    struct plx_http *http = x->http;
    bool missed;
    if (count_streams(http, &x->guest) >= STREAMS_EACH) {
        fail(x, PLX_EAGAIN, "you watch events too often at once: end one");
        return;
    }
    if (count_streams(http, NULL) >= STREAMS_MAX) {
        fail(x, PLX_EAGAIN, "too many watch events: try again");
        return;
    }
    uint64_t no = resume_at(x, &missed);
    send_text(x, "retry: 2000\n\n");
    if (missed)
        send_text(x, "event: missed\ndata: {}\n\n");
    for (; no <= plx_events_newest(http->desk->events); no++) {
        const struct plx_event *event = plx_events_at(http->desk->events, no);
        if (event)
            send_event(x, event);
    }
    x->next_stream = http->streams;
    http->streams = x;
}

/* Sends to all that take it and lets go of the others. */
static void to_streams(struct plx_http *http, const struct plx_event *event)
{
    struct plx_exchange **p = &http->streams;
    while (*p) {
        struct plx_exchange *x = *p;
        bool taken = event ? send_event(x, event) : send_text(x, ": here\n\n");
        if (taken) {
            p = &x->next_stream;
            continue;
        }
        *p = x->next_stream;
        plx_exchange_end(x);
        plx_exchange_release(x);
    }
    size_t n = count_streams(http, NULL);
    pthread_mutex_lock(&http->lock);
    http->counts.streams = n;
    pthread_mutex_unlock(&http->lock);
}

void plx_desk_side_event(void *arg, const struct plx_event *event)
{
    to_streams(arg, event);
}

/* Ends the streams of those who would not be let in any more. */
static void weed_streams(struct plx_http *http)
{
    struct plx_wall now = plx_clock_wall();
    struct plx_exchange **p = &http->streams;
    while (*p) {
        struct plx_exchange *x = *p;
        if (plx_guests_is_in(http->desk->guests, &x->guest, x->cookie, now)) {
            p = &x->next_stream;
            continue;
        }
        *p = x->next_stream;
        plx_exchange_end(x);
        plx_exchange_release(x);
    }
}

void plx_desk_side_ping(struct plx_http *http, struct plx_mono now)
{
    weed_streams(http);
    if (plx_mono_diff(now, http->pinged) < PING_NS)
        return;
    http->pinged = now;
    to_streams(http, NULL);
}

/* ---- what everybody may see ---- */

/* For caches between us and the many who look. */
#define PUBLIC_CACHE "public, max-age=15"

static void answer_public(struct plx_exchange *x)
{
    static const char *const names[] = {"page", "json", "rss", "feed"};
    const char *type;
    size_t what = 0;
    struct plx_buf copy;
    if (!x->http->public) {
        fail(x, PLX_ENOTFOUND, "there is no status page here");
        return;
    }
    while (strcmp(names[what], x->match.route->method) != 0)
        what++;
    const struct plx_buf *text =
        plx_public_text(x->http->public, (enum plx_public_what)what, &type);
    plx_buf_init(&copy, PLX_API_BODY_MAX);
    plx_buf_add(&copy, text->data, text->len);
    x->cache = PUBLIC_CACHE;
    plx_exchange_answer(x, MHD_HTTP_OK, type, &copy);
    plx_exchange_release(x);
}

static void on_badge(void *arg, int err, const struct plx_buf *svg)
{
    struct plx_exchange *x = arg;
    struct plx_buf copy;
    if (err < 0) {
        fail(x, err,
             err == PLX_EINVAL ? "'what' is verdict, uptime or latency"
                               : "there is no such badge");
        return;
    }
    plx_buf_init(&copy, PLX_API_BODY_MAX);
    plx_buf_add(&copy, svg->data, svg->len);
    x->cache = PUBLIC_CACHE;
    plx_exchange_answer(x, MHD_HTTP_OK, "image/svg+xml", &copy);
    plx_exchange_release(x);
}

static void answer_badge(struct plx_exchange *x)
{
    const char *what = json_string_value(json_object_get(x->asked, "what"));
    if (x->http->public)
        plx_public_badge(x->http->public, x->match.variable, what ? what : "verdict",
                         on_badge, x);
    else
        fail(x, PLX_ENOTFOUND, "there is no status page here");
}

/* ---- the queue ---- */

static void handle(struct plx_exchange *x)
{
    switch (x->match.route->kind) {
    case PLX_ROUTE_API:
    case PLX_ROUTE_STREAM:
        call_api(x);
        return;
    case PLX_ROUTE_EVENTS:
        open_events(x);
        return;
    case PLX_ROUTE_METRICS:
    case PLX_ROUTE_MONITOR_METRICS:
        answer_metrics(x);
        return;
    case PLX_ROUTE_ALIVE:
        answer_text(x, MHD_HTTP_OK, "alive\n");
        return;
    case PLX_ROUTE_READY:
        answer_ready(x);
        return;
    case PLX_ROUTE_LOGIN:
        log_in(x);
        return;
    case PLX_ROUTE_LOGOUT:
        log_out(x);
        return;
    case PLX_ROUTE_WHOAMI:
        answer_guest(x, &x->guest);
        return;
    case PLX_ROUTE_PUBLIC:
        answer_public(x);
        return;
    case PLX_ROUTE_BADGE:
        answer_badge(x);
        return;
    case PLX_ROUTE_FILE: /* answered where it came in */
        break;
    }
    fail(x, PLX_ENOTFOUND, "");
}

/* The oldest; NULL: there is none. */
static struct plx_exchange *take_queued(struct plx_http *http)
{
    pthread_mutex_lock(&http->lock);
    struct plx_exchange *x = http->queue;
    if (x) {
        http->queue = x->next;
        if (!http->queue)
            http->queue_end = &http->queue;
        http->n_queue--;
        x->next = NULL;
    }
    pthread_mutex_unlock(&http->lock);
    return x;
}

/* For so long, then the loop's others get their turn: agents wait for their acks, and a
 * question may take long that one guest asks a hundred times. */
void plx_desk_side_wake(void *arg, uint32_t events)
{
    struct plx_http *http = arg;
    struct plx_mono end = plx_mono_add(plx_clock_mono(), TURN_NS);
    const uint64_t one = 1;
    uint64_t n;
    (void)events;
    ssize_t got = read(http->wake_fd, &n, sizeof n);
    (void)got;
    for (struct plx_exchange *x = take_queued(http); x; x = take_queued(http)) {
        handle(x);
        if (plx_mono_diff(plx_clock_mono(), end) >= 0) {
            got = write(http->wake_fd, &one, sizeof one); /* perhaps for nothing */
            return;
        }
    }
}

void plx_desk_side_quit(struct plx_http *http)
{
    for (struct plx_exchange *x = take_queued(http); x; x = take_queued(http))
        fail(x, PLX_EGONE, "the coordinator is stopping");
    while (http->streams) {
        struct plx_exchange *x = http->streams;
        http->streams = x->next_stream;
        plx_exchange_end(x);
        plx_exchange_release(x);
    }
}
