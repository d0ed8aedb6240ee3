/* The API and the dashboard over HTTP.
 *
 * libmicrohttpd runs a thread of its own for sockets, parsing, compression and files; who
 * asks is settled there (io/guests.h). What concerns the coordinator's state is handed
 * to the loop, which calls the API and hands the answer back, so that nothing but the
 * loop touches the desk. A slow or hostile client costs its own connection only:
 * headers, bodies and idle connections have absolute deadlines (libmicrohttpd's own
 * timeout is of inactivity, and a byte every few seconds lives for ever), bodies and
 * headers have limits, and those who fail to log in wait. */
#ifndef PLX_HTTP_HTTP_H
#define PLX_HTTP_HTTP_H

#include "coordinator/http/public.h"
#include "coordinator/io/api.h"
#include "sys/loop.h"

struct plx_http_options {
    const char *listen; /* "127.0.0.1:7480", "[::1]:7480"; port 0: any free one */
    bool behind_tls;    /* cookies only over https: a proxy in front ends TLS */
    struct plx_public_options public;
    const char *trusted_proxy; /* proxies.h: whose X-Forwarded-For is believed; NULL */
};

/* Since the start; what was refused, by reason. */
struct plx_http_counts {
    uint64_t requests;
    uint64_t unauthorised; /* 401: no or bad token, session or password */
    uint64_t forbidden;    /* 403: the role, or another site's page */
    uint64_t malformed;    /* 400, 404, 405, 413, 431 */
    uint64_t over_rate;    /* 429, 503 */
    uint64_t cut;          /* connections cut at a deadline */
    uint64_t connections;  /* open now */
    uint64_t streams;      /* open now: events and checks */
};

struct plx_http;

/* Listens and starts its thread. Borrows the rest, and listens to the desk's events.
 * PLX_EINVAL, PLX_EBUSY (the port is taken), PLX_EIO. */
int plx_http_new(struct plx_desk *desk, struct plx_intake *intake, struct plx_api *api,
                 struct plx_worker *worker, struct plx_loop *loop,
                 const struct plx_http_options *options, struct plx_http **ret,
                 struct plx_why *why);
/* Takes no more requests and ends the streams. Before plx_api_quit. */
void plx_http_quit(struct plx_http *http);
/* After plx_api_destroy: no call may be open. */
void plx_http_destroy(struct plx_http **http);

/* "127.0.0.1:7480", as bound. */
const char *plx_http_address(const struct plx_http *http);
void plx_http_counts(struct plx_http *http, struct plx_http_counts *ret);

/* Cuts what is too slow. Call about once a second. */
void plx_http_tick(struct plx_http *http, struct plx_mono now);

#endif
