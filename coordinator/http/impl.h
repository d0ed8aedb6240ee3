/* The rooms behind http.h: for coordinator/http only.
 *
 *   server.c    sockets, connections and their deadlines     HTTP thread
 *   exchange.c  one request until its answer                 HTTP thread, handed to the
 *   desk_side.c what the loop does with it                   loop and back
 *   answer.c    statuses, headers, compression               HTTP thread
 *   files.c     the dashboard's files                        HTTP thread
 */
#ifndef PLX_HTTP_IMPL_H
#define PLX_HTTP_IMPL_H

#include "coordinator/http/files.h"
#include "coordinator/http/http.h"
#include "coordinator/http/proxies.h"
#include "coordinator/http/route.h"
#include "coordinator/http/throttle.h"

#include <jansson.h>
#include <microhttpd.h>
#include <pthread.h>
#include <time.h>

/* A request on its way. Two may hold it: the connection and the loop. */
struct plx_exchange {
    struct plx_http *http;
    struct MHD_Connection *connection;
    struct plx_route_match match;
    struct plx_guest guest;
    bool head; /* HEAD: no body */
    bool takes_gzip;
    struct plx_buf body;                /* of the request */
    json_t *asked;                      /* body, path and query, as one object */
    char cookie[PLX_GUESTS_SECRET_MAX]; /* session shown, or begun (login) */
    char last_event[48];
    char if_none_match[512];
    /* What the loop answered; with the lock. */
    int n_holders;
    bool suspended;
    bool streaming; /* headers are out, parts follow */
    bool ended;
    bool gone; /* the connection is */
    unsigned status;
    const char *type;  /* of the content */
    const char *cache; /* Cache-Control; NULL: "no-cache" */
    char allow[64];
    struct plx_buf answer;
    size_t n_sent;                    /* of a stream's answer */
    struct plx_exchange *next;        /* in the loop's queue */
    struct plx_exchange *next_stream; /* of the event streams */
};

enum plx_caller_phase { PLX_CALLER_HEADERS, PLX_CALLER_BODY, PLX_CALLER_ANSWER };

/* A connection, for the deadlines; with the lock. */
struct plx_caller {
    int fd;
    char address[INET6_ADDRSTRLEN]; /* of the connection, as limits count it */
    enum plx_caller_phase phase;
    bool known; /* they have said who they are: may send long bodies */
    struct plx_mono since;
    struct plx_caller *prev, *next;
};

/* A long answer compressed: many watch one fleet, and its overview takes longer to
 * compress than all else about it. */
struct plx_packed {
    char tag[48]; /* of what was compressed */
    struct plx_buf gzip;
};
#define PLX_PACKED_MAX 4

struct plx_http {
    struct plx_desk *desk;
    struct plx_intake *intake;
    struct plx_api *api;
    struct plx_worker *worker;
    struct plx_loop *loop;
    struct MHD_Daemon *daemon;
    struct plx_files *files;
    char address[128];
    bool behind_tls;
    struct plx_proxies proxies;
    struct plx_public *public; /* loop thread; NULL: there is no status page */
    int wake_fd;
    /* HTTP thread only. */
    struct plx_throttle *rates;    /* of requests, by who asks */
    struct plx_throttle *failures; /* of logins and tokens, by address */
    struct plx_packed packed[PLX_PACKED_MAX];
    size_t next_packed;
    /* All below with the lock. */
    pthread_mutex_t lock;
    bool quitting;
    struct plx_exchange *queue, **queue_end;
    size_t n_queue;
    struct plx_exchange *streams;
    struct plx_caller *callers;
    struct plx_http_counts counts;
    struct plx_mono pinged;
};

/* ---- exchange.c ---- */

/* libmicrohttpd's callbacks. */
enum MHD_Result plx_exchange_handle(void *http, struct MHD_Connection *connection,
                                    const char *url, const char *verb,
                                    const char *version, const char *data,
                                    size_t *data_len, void **exchange);
void plx_exchange_completed(void *http, struct MHD_Connection *connection,
                            void **exchange, enum MHD_RequestTerminationCode how);

/* The loop's: ends with a whole answer. `answer` is emptied. */
void plx_exchange_answer(struct plx_exchange *x, unsigned status, const char *type,
                         struct plx_buf *answer);
/* Ends with a problem (RFC 9457). */
void plx_exchange_problem(struct plx_exchange *x, int err, const char *why);
/* A piece of a stream; the first one sends the headers. false: the reader is gone or too
 * slow, push no more. */
bool plx_exchange_push(struct plx_exchange *x, const char *type, const char *bytes,
                       size_t len);
void plx_exchange_end(struct plx_exchange *x);
/* Lets go; frees with the last holder. */
void plx_exchange_release(struct plx_exchange *x);

/* ---- desk_side.c; loop thread ---- */

void plx_desk_side_wake(void *http, uint32_t events);
/* An event of the desk's, for those who watch. */
void plx_desk_side_event(void *http, const struct plx_event *event);
void plx_desk_side_ping(struct plx_http *http, struct plx_mono now);
/* Ends the streams. */
void plx_desk_side_quit(struct plx_http *http);

/* ---- answer.c; HTTP thread ---- */

/* The status for an error of the API's. */
unsigned plx_answer_status(int err);
/* A problem document. `status` 0: by `err`. */
void plx_answer_problem(struct plx_buf *buf, unsigned status, int err, const char *why);
/* Queues what the exchange holds as its answer. */
enum MHD_Result plx_answer_send(struct plx_exchange *x);
/* Queues a file. */
enum MHD_Result plx_answer_file(struct plx_exchange *x, const struct plx_file *file);
/* Begins a streamed answer. */
enum MHD_Result plx_answer_stream(struct plx_exchange *x,
                                  ssize_t (*read)(void *arg, uint64_t at, char *out,
                                                  size_t max));

#endif
