#include "coordinator/http/impl.h"
#include "coordinator/http/wishes.h"

#include "base/err.h"

#include <string.h>

#define GZIP_MIN   1024
#define PACKED_MIN (64 * 1024) /* compressed ones are kept */
#define GZIP_LEVEL 3

/* Scripts, styles and pictures from ourselves only, nobody may frame us. */
#define PAGE_POLICY                                                                      \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "    \
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "        \
    "form-action 'self'; frame-ancestors 'none'"

static const struct {
    int err;
    unsigned status;
} statuses[] = {
    {PLX_EINVAL, MHD_HTTP_BAD_REQUEST},
    {PLX_EMALFORMED, MHD_HTTP_BAD_REQUEST},
    {PLX_EUNSUPPORTED, MHD_HTTP_BAD_REQUEST},
    {PLX_ENOTFOUND, MHD_HTTP_NOT_FOUND},
    {PLX_EEXISTS, MHD_HTTP_CONFLICT},
    {PLX_ECONFLICT, MHD_HTTP_CONFLICT},
    {PLX_EDENIED, MHD_HTTP_FORBIDDEN},
    {PLX_ETOOBIG, MHD_HTTP_CONTENT_TOO_LARGE},
    {PLX_EAGAIN, MHD_HTTP_SERVICE_UNAVAILABLE},
    {PLX_EGONE, MHD_HTTP_SERVICE_UNAVAILABLE},
    {PLX_ENOSPACE, MHD_HTTP_INSUFFICIENT_STORAGE},
};

unsigned plx_answer_status(int err)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].err == err)
            return statuses[i].status;
    return MHD_HTTP_INTERNAL_SERVER_ERROR;
}

/* The key that a sentence of the API's begins with: 'ttl' must be …; "" without one. */
static void field_of(const char *why, char ret[64])
{
    const char *open = strchr(why, '\'');
    size_t len = open ? strcspn(open + 1, "'") : 0;
    ret[0] = '\0';
    if (len > 0 && len < 64 && open[1 + len] == '\'' &&
        (open == why || strncmp(why, "unknown ", 8) == 0))
        snprintf(ret, 64, "%.*s", (int)len, open + 1);
}

void plx_answer_problem(struct plx_buf *buf, unsigned status, int err, const char *why)
{
    struct plx_json j;
    char field[64];
    field_of(why, field);
    plx_json_init(&j, buf);
    plx_json_object(&j);
    plx_json_kstr(&j, "type", "about:blank");
    plx_json_kstr(&j, "title", MHD_get_reason_phrase_for(status));
    plx_json_kuint(&j, "status", status);
    plx_json_kstr(&j, "detail", why && *why ? why : plx_err_text(err));
    plx_json_kstr(&j, "code", plx_err_token(err));
    if (*field)
        plx_json_kstr(&j, "field", field);
    plx_json_end(&j);
}

/* ---- headers ---- */

static void add(struct MHD_Response *response, const char *name, const char *value)
{
    MHD_add_response_header(response, name, value);
}

static void add_cookie(const struct plx_exchange *x, struct MHD_Response *response)
{
    char cookie[256];
    enum plx_route_kind kind = x->match.route ? x->match.route->kind : PLX_ROUTE_API;
    bool login = kind == PLX_ROUTE_LOGIN && x->status < 300 && *x->cookie;
    if (!login && kind != PLX_ROUTE_LOGOUT)
        return;
    snprintf(cookie, sizeof cookie,
             "parallax_session=%s; Path=/; HttpOnly; SameSite=Strict%s%s",
             login ? x->cookie : "", login ? "" : "; Max-Age=0",
             x->http->behind_tls ? "; Secure" : "");
    add(response, MHD_HTTP_HEADER_SET_COOKIE, cookie);
}

static void add_headers(const struct plx_exchange *x, struct MHD_Response *response)
{
    add(response, MHD_HTTP_HEADER_CONTENT_TYPE, x->type ? x->type : "application/json");
    add(response, "X-Content-Type-Options", "nosniff");
    add(response, "Referrer-Policy", "no-referrer");
    add(response, "Content-Security-Policy", PAGE_POLICY);
    /* Badges are for the pages of others. */
    enum plx_route_kind kind = x->match.route ? x->match.route->kind : PLX_ROUTE_API;
    bool public = kind == PLX_ROUTE_PUBLIC || kind == PLX_ROUTE_BADGE;
    add(response, "Cross-Origin-Resource-Policy",
        public ? "cross-origin" : "same-origin");
    if (public)
        add(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    /* Never in a cache that is shared; what was made for one request, a token, in none.
     */
    bool is_get = x->match.route && strcmp(x->match.route->verb, "GET") == 0;
    const char *usual = is_get ? "private, no-cache" : "no-store";
    add(response, MHD_HTTP_HEADER_CACHE_CONTROL, x->cache ? x->cache : usual);
    add(response, MHD_HTTP_HEADER_VARY,
        public ? "Accept-Encoding" : "Accept-Encoding, Cookie, Authorization");
    if (x->status == MHD_HTTP_UNAUTHORIZED)
        add(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (x->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        add(response, MHD_HTTP_HEADER_ALLOW, x->allow);
    if (x->status == MHD_HTTP_TOO_MANY_REQUESTS ||
        x->status == MHD_HTTP_SERVICE_UNAVAILABLE)
        add(response, MHD_HTTP_HEADER_RETRY_AFTER, "5");
    add_cookie(x, response);
}

/* ---- bodies ---- */

/* The gzip of the answer with that tag ("": it has none), which may be kept. */
static bool pack(struct plx_exchange *x, const char *tag, struct plx_buf *ret)
{
    struct plx_http *http = x->http;
    bool keep = *tag && x->answer.len >= PACKED_MIN;
    for (size_t i = 0; keep && i < PLX_PACKED_MAX; i++)
        if (strcmp(http->packed[i].tag, tag) == 0) {
            plx_buf_add(ret, http->packed[i].gzip.data, http->packed[i].gzip.len);
            return true;
        }
    if (!plx_gzip(x->answer.data, x->answer.len, GZIP_LEVEL, ret))
        return false;
    if (keep) {
        struct plx_packed *place = &http->packed[http->next_packed++ % PLX_PACKED_MAX];
        plx_buf_fini(&place->gzip);
        plx_buf_init(&place->gzip, PLX_API_BODY_MAX);
        plx_buf_add(&place->gzip, ret->data, ret->len);
        snprintf(place->tag, sizeof place->tag, "%s", tag);
    }
    return true;
}

/* Replaces the answer by its gzip, if that is shorter. */
static bool compress_answer(struct plx_exchange *x, const char *tag)
{
    struct plx_buf gzip;
    plx_buf_init(&gzip, PLX_API_BODY_MAX);
    bool shorter = x->takes_gzip && x->answer.len >= GZIP_MIN && pack(x, tag, &gzip);
    if (shorter) {
        plx_buf_fini(&x->answer);
        x->answer = gzip;
    } else {
        plx_buf_fini(&gzip);
    }
    return shorter;
}

static enum MHD_Result queue(struct plx_exchange *x, struct MHD_Response *response)
{
    if (!response)
        return MHD_NO;
    add_headers(x, response);
    enum MHD_Result result = MHD_queue_response(x->connection, x->status, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result plx_answer_send(struct plx_exchange *x)
{
    char tag[48] = "";
    bool tagged = x->status == MHD_HTTP_OK && x->match.route &&
                  strcmp(x->match.route->verb, "GET") == 0;
    if (tagged)
        plx_content_tag(plx_buf_str(&x->answer), x->answer.len, tag);
    if (tagged && plx_wishes_know(x->if_none_match, tag)) {
        x->status = MHD_HTTP_NOT_MODIFIED;
        plx_buf_clear(&x->answer);
    }
    bool gzip = compress_answer(x, tag);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        x->answer.len, (void *)plx_buf_str(&x->answer), MHD_RESPMEM_MUST_COPY);
    if (response && tagged)
        add(response, MHD_HTTP_HEADER_ETAG, tag);
    if (response && gzip)
        add(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    return queue(x, response);
}

enum MHD_Result plx_answer_stream(struct plx_exchange *x,
                                  ssize_t (*read)(void *arg, uint64_t at, char *out,
                                                  size_t max))
{
    return queue(
        x, MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16 * 1024, read, x, NULL));
}

enum MHD_Result plx_answer_file(struct plx_exchange *x, const struct plx_file *file)
{
    bool same = plx_wishes_know(x->if_none_match, file->tag);
    bool gzip = x->takes_gzip && file->gzip.len > 0;
    const void *bytes = gzip ? (const void *)file->gzip.data : file->plain->bytes;
    size_t len = gzip ? file->gzip.len : file->plain->len;
    x->type = file->type;
    x->cache = file->forever ? "public, max-age=31536000, immutable" : NULL;
    x->status = same ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        same ? 0 : len, (void *)(uintptr_t)bytes, MHD_RESPMEM_PERSISTENT);
    if (response)
        add(response, MHD_HTTP_HEADER_ETAG, file->tag);
    if (response && gzip && !same)
        add(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    return queue(x, response);
}
