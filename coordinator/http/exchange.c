#include "coordinator/http/impl.h"
#include "coordinator/http/wishes.h"

#include "base/err.h"
#include "sys/clock.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_MAX        256
#define BODY_MAX         (16 * 1024 * 1024)
#define FORM_BODY_MAX    (64 * 1024) /* where no file is expected */
#define OPEN_BODY_MAX    4096        /* of those who have not said who they are */
#define STREAM_BYTES_MAX (1024 * 1024)
#define SESSION_COOKIE   "parallax_session"
/* A page of another site can send requests with our cookie, but not with a header of its
 * own choosing: the browser would ask us first, and we do not answer that. */
#define OUR_PAGE_HEADER  "X-Parallax"

/* ---- life ---- */

static void free_exchange(struct plx_exchange *x)
{
    plx_buf_fini(&x->body);
    plx_buf_fini(&x->answer);
    json_decref(x->asked);
    free(x);
}

void plx_exchange_release(struct plx_exchange *x)
{
    struct plx_http *http = x->http;
    pthread_mutex_lock(&http->lock);
    bool last = --x->n_holders == 0;
    pthread_mutex_unlock(&http->lock);
    if (last)
        free_exchange(x);
}

void plx_exchange_completed(void *arg, struct MHD_Connection *connection, void **exchange,
                            enum MHD_RequestTerminationCode how)
{
    struct plx_http *http = arg;
    struct plx_exchange *x = *exchange;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct plx_caller *caller = info ? info->socket_context : NULL;
    (void)how;
    pthread_mutex_lock(&http->lock);
    if (caller) {
        caller->phase = PLX_CALLER_HEADERS;
        caller->since = plx_clock_mono();
    }
    if (x)
        x->gone = true;
    pthread_mutex_unlock(&http->lock);
    *exchange = NULL;
    if (x)
        plx_exchange_release(x);
}

static struct plx_exchange *begin(struct plx_http *http,
                                  struct MHD_Connection *connection)
{
    struct plx_exchange *x = calloc(1, sizeof *x);
    if (!x)
        abort();
    x->http = http;
    x->connection = connection;
    x->n_holders = 1;
    x->status = MHD_HTTP_OK;
    plx_buf_init(&x->answer, PLX_API_BODY_MAX);
    return x;
}

/* ---- refusing at the door: headers only ---- */

static enum MHD_Result refuse(struct plx_exchange *x, unsigned status, int err,
                              const char *why)
{
    struct plx_http_counts *counts = &x->http->counts;
    pthread_mutex_lock(&x->http->lock);
    if (status == MHD_HTTP_UNAUTHORIZED)
        counts->unauthorised++;
    else if (status == MHD_HTTP_FORBIDDEN)
        counts->forbidden++;
    else if (status == MHD_HTTP_TOO_MANY_REQUESTS ||
             status == MHD_HTTP_SERVICE_UNAVAILABLE)
        counts->over_rate++;
    else
        counts->malformed++;
    pthread_mutex_unlock(&x->http->lock);
    x->status = status;
    x->type = "application/problem+json";
    plx_buf_clear(&x->answer);
    plx_answer_problem(&x->answer, status, err, why);
    x->ended = true;
    return plx_answer_send(x);
}

static const char *header(const struct plx_exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

/* Whom the limits count against: an IPv4 address, or the /64 of an IPv6 address, since
 * one customer has all of it. */
static void caller_address(const struct plx_exchange *x, char ret[INET6_ADDRSTRLEN])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct sockaddr_storage caller;
    plx_proxies_caller(&x->http->proxies, info ? info->client_addr : NULL,
                       header(x, "X-Forwarded-For"), &caller);
    plx_throttle_address((const struct sockaddr *)&caller, ret);
}

/* Who asks: by token, else by session. */
static bool identify(struct plx_exchange *x)
{
    struct plx_guests *guests = x->http->desk->guests;
    struct plx_wall now = plx_clock_wall();
    const char *bearer = header(x, MHD_HTTP_HEADER_AUTHORIZATION);
    const char *cookie =
        MHD_lookup_connection_value(x->connection, MHD_COOKIE_KIND, SESSION_COOKIE);
    if (bearer)
        return strncasecmp(bearer, "Bearer ", 7) == 0 &&
               plx_guests_token(guests, bearer + 7, now, &x->guest);
    return cookie && plx_text_copy(x->cookie, sizeof x->cookie, cookie) == 0 &&
           plx_guests_session(guests, cookie, now, &x->guest);
}

/* Whether the request comes from a page of ours, or from no page at all. */
static bool is_ours(const struct plx_exchange *x)
{
    const char *origin = header(x, "Origin"), *host = header(x, MHD_HTTP_HEADER_HOST);
    const char *site = header(x, "Sec-Fetch-Site");
    if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
        return false;
    if (!origin)
        return true;
    const char *authority = strstr(origin, "://");
    return authority && host && strcmp(authority + 3, host) == 0;
}

static bool changes_something(const struct plx_exchange *x)
{
    return strcmp(x->match.route->verb, "GET") != 0;
}

/* Whether this counts as a failure to say who they are: a bad token, and a login until it
 * has succeeded, so that many at once are no way around the limit. Who is known is never
 * held up by the failures of others: behind a proxy that is not trusted to name them, all
 * have one address. */
static bool guesses(const struct plx_exchange *x, bool known)
{
    return x->match.route->kind == PLX_ROUTE_LOGIN ||
           (!known && header(x, MHD_HTTP_HEADER_AUTHORIZATION));
}

/* 0, or the status to refuse with. */
static unsigned admit(struct plx_exchange *x, const char **why)
{
    struct plx_http *http = x->http;
    struct plx_mono now = plx_clock_mono();
    char address[INET6_ADDRSTRLEN];
    caller_address(x, address);
    bool known = identify(x);
    if (guesses(x, known) && !plx_throttle_spend(http->failures, address, now)) {
        *why = "too many failed logins or bad tokens from your address: wait a minute";
        return MHD_HTTP_TOO_MANY_REQUESTS;
    }
    if (!known && !x->match.route->open) {
        *why = "log in, or send an API token: Authorization: Bearer plxt_…";
        return MHD_HTTP_UNAUTHORIZED;
    }
    if (!plx_throttle_spend(http->rates, known ? x->guest.name : address, now)) {
        *why = "too many requests: slow down";
        return MHD_HTTP_TOO_MANY_REQUESTS;
    }
    bool by_page = x->guest.session || x->match.route->kind == PLX_ROUTE_LOGIN;
    if (changes_something(x) && by_page && (!is_ours(x) || !header(x, OUR_PAGE_HEADER))) {
        *why = "a change by cookie must come from our own page (header " OUR_PAGE_HEADER
               ", same origin)";
        return MHD_HTTP_FORBIDDEN;
    }
    return 0;
}

/* The role, before a body is read that would be refused for it: bodies cost memory. */
static bool may(const struct plx_exchange *x, char why[96])
{
    enum plx_route_kind kind = x->match.route->kind;
    const char *method = x->match.route->method;
    enum plx_role needed;
    bool asks_api = kind == PLX_ROUTE_API || kind == PLX_ROUTE_STREAM;
    if (!asks_api || plx_api_may(method, x->guest.role, &needed))
        return true;
    snprintf(why, 96, "'%s' takes the role %s", method, plx_role_token(needed));
    return false;
}

/* ---- reading ---- */

static size_t body_limit(const struct plx_exchange *x)
{
    const struct plx_route *route = x->match.route;
    return route->open ? OPEN_BODY_MAX : route->takes_files ? BODY_MAX : FORM_BODY_MAX;
}

static void note_phase(const struct plx_exchange *x, enum plx_caller_phase phase)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct plx_caller *caller = info ? info->socket_context : NULL;
    if (!caller)
        return;
    pthread_mutex_lock(&x->http->lock);
    if (caller->phase != phase)
        caller->since = plx_clock_mono();
    caller->phase = phase;
    caller->known = x->guest.name[0] != '\0';
    pthread_mutex_unlock(&x->http->lock);
}

static void copy_header(const struct plx_exchange *x, const char *name, char *ret,
                        size_t size)
{
    const char *value = header(x, name);
    if (!value || plx_text_copy(ret, size, value) < 0)
        ret[0] = '\0';
}

static enum MHD_Result open_file(struct plx_exchange *x)
{
    const char *name =
        x->match.route->method ? x->match.route->method : x->match.variable;
    const struct plx_file *file = plx_files_find(x->http->files, name);
    if (!file)
        return refuse(x, MHD_HTTP_NOT_FOUND, PLX_ENOTFOUND, "there is no such file");
    note_phase(x, PLX_CALLER_ANSWER);
    return plx_answer_file(x, file);
}

struct framing {
    int n_lengths, n_codings;
};

static enum MHD_Result count_framing(void *arg, enum MHD_ValueKind kind, const char *name,
                                     const char *value)
{
    struct framing *f = arg;
    (void)kind;
    (void)value;
    f->n_lengths += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0;
    f->n_codings += strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
    return MHD_YES;
}

/* Whether a proxy before us might see the end of the body elsewhere than we do, and what
 * follows as somebody else's request (RFC 9112 6.3, 11.2). */
static bool is_ambiguous(const struct plx_exchange *x)
{
    struct framing f = {0, 0};
    MHD_get_connection_values(x->connection, MHD_HEADER_KIND, count_framing, &f);
    return f.n_lengths + f.n_codings > 1;
}

/* The headers are in. Finds out what is wanted and by whom; answers at once if that is
 * enough. */
static enum MHD_Result open_exchange(struct plx_exchange *x, const char *verb,
                                     const char *url)
{
    const char *why = "", *encodings = header(x, MHD_HTTP_HEADER_ACCEPT_ENCODING);
    const char *length = header(x, MHD_HTTP_HEADER_CONTENT_LENGTH);
    char denial[96];
    int64_t n = 0;
    note_phase(x, PLX_CALLER_BODY);
    x->head = strcmp(verb, "HEAD") == 0;
    x->takes_gzip = plx_wishes_gzip(encodings);
    copy_header(x, "Last-Event-ID", x->last_event, sizeof x->last_event);
    copy_header(x, MHD_HTTP_HEADER_IF_NONE_MATCH, x->if_none_match,
                sizeof x->if_none_match);
    if (is_ambiguous(x))
        return refuse(x, MHD_HTTP_BAD_REQUEST, PLX_EINVAL,
                      "the body's length is given more than once");
    int err = plx_route_find(verb, url, &x->match, x->allow);
    if (err == PLX_EUNSUPPORTED)
        return refuse(x, MHD_HTTP_METHOD_NOT_ALLOWED, err, "the path takes other verbs");
    if (err == PLX_EINVAL)
        return refuse(x, MHD_HTTP_BAD_REQUEST, err, "a bad %-escape in the path");
    if (err < 0)
        return refuse(x, MHD_HTTP_NOT_FOUND, err, "there is nothing at this path");
    unsigned status = admit(x, &why);
    if (status)
        return refuse(x, status, PLX_EDENIED, why);
    if (!may(x, denial))
        return refuse(x, MHD_HTTP_FORBIDDEN, PLX_EDENIED, denial);
    if (x->match.route->kind == PLX_ROUTE_FILE)
        return open_file(x);
    note_phase(x, PLX_CALLER_BODY); /* once more: now it is known by whom */
    plx_buf_init(&x->body, body_limit(x));
    if (length &&
        (plx_text_int(length, 0, INT64_MAX, &n) < 0 || (uint64_t)n > body_limit(x)))
        return refuse(x, MHD_HTTP_CONTENT_TOO_LARGE, PLX_ETOOBIG, "the body is too long");
    return MHD_YES;
}

/* ---- the API's body ---- */

struct query {
    struct plx_exchange *x;
    struct plx_why *why;
    int err;
};

static enum MHD_Result take_argument(void *arg, enum MHD_ValueKind kind, const char *name,
                                     const char *value)
{
    struct query *q = arg;
    char *n = plx_text_dup(name), *v = value ? plx_text_dup(value) : NULL;
    (void)kind;
    if (plx_route_unescape(n) == 0 && (!v || plx_route_unescape(v) == 0))
        q->err = plx_route_take_query(q->x->match.route, q->x->asked, n, v, q->why);
    else
        q->err = plx_why_set(q->why, PLX_EINVAL, "a bad %%-escape in the query");
    free(n);
    free(v);
    return q->err == 0 ? MHD_YES : MHD_NO;
}

/* Makes one JSON object of body, path and query. */
static int compose(struct plx_exchange *x, struct plx_why *why)
{
    x->asked = plx_api_read_body(plx_buf_str(&x->body), x->body.len, why);
    if (!x->asked)
        return PLX_EINVAL;
    plx_buf_fini(&x->body);
    struct query query = {x, why, 0};
    int err = plx_route_take_variable(&x->match, x->asked, why);
    if (err < 0)
        return err;
    MHD_get_connection_values(x->connection, MHD_GET_ARGUMENT_KIND, take_argument,
                              &query);
    return query.err;
}

/* ---- handing over to the loop, and back ---- */

static enum MHD_Result hand_over(struct plx_exchange *x)
{
    struct plx_http *http = x->http;
    const uint64_t one = 1;
    note_phase(x, PLX_CALLER_ANSWER); /* from here on it is we who take long */
    pthread_mutex_lock(&http->lock);
    bool room = !http->quitting && http->n_queue < QUEUE_MAX;
    if (room) {
        MHD_suspend_connection(x->connection);
        x->suspended = true;
        x->n_holders++;
        *http->queue_end = x;
        http->queue_end = &x->next;
        http->n_queue++;
    }
    pthread_mutex_unlock(&http->lock);
    if (!room)
        return refuse(x, MHD_HTTP_SERVICE_UNAVAILABLE, PLX_EAGAIN,
                      "too many requests at once, or stopping: try again");
    ssize_t n = write(http->wake_fd, &one, sizeof one);
    (void)n; /* it can only fail full, and then the loop is awake already */
    return MHD_YES;
}

/* Locked. */
static void wake(struct plx_exchange *x)
{
    if (x->suspended && !x->gone) {
        x->suspended = false;
        MHD_resume_connection(x->connection);
    }
}

void plx_exchange_answer(struct plx_exchange *x, unsigned status, const char *type,
                         struct plx_buf *answer)
{
    pthread_mutex_lock(&x->http->lock);
    if (!x->ended && !x->streaming) {
        plx_buf_fini(&x->answer);
        x->answer = *answer;
        *answer = (struct plx_buf){0};
        x->status = status;
        x->type = type;
    }
    x->ended = true;
    wake(x);
    pthread_mutex_unlock(&x->http->lock);
    plx_buf_fini(answer);
}

void plx_exchange_problem(struct plx_exchange *x, int err, const char *why)
{
    struct plx_buf buf;
    unsigned status = plx_answer_status(err);
    plx_buf_init(&buf, PLX_API_BODY_MAX);
    plx_answer_problem(&buf, status, err, why);
    if (status == MHD_HTTP_FORBIDDEN || status == MHD_HTTP_UNAUTHORIZED) {
        pthread_mutex_lock(&x->http->lock);
        if (status == MHD_HTTP_FORBIDDEN)
            x->http->counts.forbidden++;
        else
            x->http->counts.unauthorised++;
        pthread_mutex_unlock(&x->http->lock);
    }
    plx_exchange_answer(x, status, "application/problem+json", &buf);
}

bool plx_exchange_push(struct plx_exchange *x, const char *type, const char *bytes,
                       size_t len)
{
    pthread_mutex_lock(&x->http->lock);
    bool takes = !x->ended && !x->gone;
    if (takes) {
        x->type = type;
        x->streaming = true;
        if (x->n_sent == x->answer.len) {
            plx_buf_clear(&x->answer);
            x->n_sent = 0;
        }
        takes = x->answer.len - x->n_sent + len <= STREAM_BYTES_MAX;
        if (takes)
            plx_buf_add(&x->answer, bytes, len);
        else
            x->ended = true; /* too slow a reader */
        wake(x);
    }
    pthread_mutex_unlock(&x->http->lock);
    return takes;
}

void plx_exchange_end(struct plx_exchange *x)
{
    pthread_mutex_lock(&x->http->lock);
    x->ended = true;
    wake(x);
    pthread_mutex_unlock(&x->http->lock);
}

/* What is there of a stream; waits, suspended, while there is nothing. */
static ssize_t read_stream(void *arg, uint64_t at, char *out, size_t max)
{
    struct plx_exchange *x = arg;
    ssize_t n = 0;
    (void)at;
    pthread_mutex_lock(&x->http->lock);
    size_t left = x->answer.len - x->n_sent;
    if (left > 0) {
        size_t take = left < max ? left : max;
        memcpy(out, x->answer.data + x->n_sent, take);
        x->n_sent += take;
        n = (ssize_t)take;
    } else if (x->ended) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        MHD_suspend_connection(x->connection);
        x->suspended = true;
    }
    pthread_mutex_unlock(&x->http->lock);
    return n;
}

/* A login that worked, or was not tried, was no guess. */
static void note_login(const struct plx_exchange *x)
{
    char address[INET6_ADDRSTRLEN];
    if (x->match.route->kind != PLX_ROUTE_LOGIN || x->status == MHD_HTTP_UNAUTHORIZED)
        return;
    caller_address(x, address);
    plx_throttle_refund(x->http->failures, address);
}

/* Back from the loop. */
static enum MHD_Result reply(struct plx_exchange *x)
{
    note_phase(x, PLX_CALLER_ANSWER);
    note_login(x);
    pthread_mutex_lock(&x->http->lock);
    bool streaming = x->streaming;
    pthread_mutex_unlock(&x->http->lock);
    return streaming ? plx_answer_stream(x, read_stream) : plx_answer_send(x);
}

/* ---- one request, call by call ---- */

enum MHD_Result plx_exchange_handle(void *arg, struct MHD_Connection *connection,
                                    const char *url, const char *verb,
                                    const char *version, const char *data,
                                    size_t *data_len, void **exchange)
{
    struct plx_http *http = arg;
    struct plx_exchange *x = *exchange;
    struct plx_why why = {""};
    (void)version;
    if (!x) {
        *exchange = x = begin(http, connection);
        pthread_mutex_lock(&http->lock);
        http->counts.requests++;
        pthread_mutex_unlock(&http->lock);
        return open_exchange(x, verb, url);
    }
    pthread_mutex_lock(&http->lock);
    bool answered = x->streaming || x->ended;
    pthread_mutex_unlock(&http->lock);
    if (*data_len > 0) {
        plx_buf_add(&x->body, data, *data_len);
        *data_len = 0;
        return MHD_YES;
    }
    if (answered)
        return reply(x);
    if (x->body.overflow)
        return refuse(x, MHD_HTTP_CONTENT_TOO_LARGE, PLX_ETOOBIG, "the body is too long");
    if (compose(x, &why) < 0)
        return refuse(x, MHD_HTTP_BAD_REQUEST, PLX_EINVAL, why.text);
    return hand_over(x);
}
