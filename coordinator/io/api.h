/* The API: methods with JSON in and JSON out, whatever carries them.
 *
 * One table of methods (api.c), which the admin socket and HTTP both call. A call is
 * answered once, or several times with `more` set on all but the last; possibly after
 * plx_api_call has returned, never after plx_api_destroy. A request that names an unknown
 * method or key, or lacks one, is refused with a sentence that names it. Loop thread. */
#ifndef PLX_COORDINATOR_API_H
#define PLX_COORDINATOR_API_H

#include "base/buf.h"
#include "coordinator/io/desk.h"
#include "coordinator/io/intake.h"
#include "coordinator/io/role.h"
#include "sys/worker.h"

#include <jansson.h>
#include <stdbool.h>

#define PLX_API_BODY_MAX (64 * 1024 * 1024) /* bytes of a request or a response */

struct plx_api_options {
    const char *enrol_endpoint; /* for tokens: where agents reach the enrolment port */
    const char *server_key;     /* for tokens: the public key there */
    struct plx_worker *worker;  /* borrowed; for passwords */
    struct plx_worker *reads;   /* borrowed, ends before the API does; for long reads of
                                   the store; NULL: there are none */
    /* Changes the coordinator's key, tells the agents and starts the process again soon;
     * NULL: cannot. */
    int (*rotate)(void *arg, struct plx_why *why);
    void *rotate_arg;
    const char *data_dir; /* for backups; NULL: none are made */
};

struct plx_api;

/* Borrows desk and intake, copies the options' texts. */
void plx_api_new(struct plx_desk *desk, struct plx_intake *intake,
                 const struct plx_api_options *options, struct plx_api **ret);
/* Answers the calls that wait for agents: they will hear no more. Before a stop. */
void plx_api_quit(struct plx_api *api);
/* Calls that wait for the workers or the store must have come back (plx_store_stop,
 * plx_store_poll). */
void plx_api_destroy(struct plx_api **api);

/* An answer: `err` with `why`, or `json` of `len` bytes. Lent for the call. */
typedef void plx_api_respond_fn(void *arg, int err, const char *why, const char *json,
                                size_t len, bool more);
/* Called when nothing more will come: frees `arg`. */
typedef void plx_api_release_fn(void *arg);

struct plx_api_request {
    const char *method;
    json_t *body;       /* an object; taken */
    const char *who;    /* for the log of changes */
    enum plx_role role; /* what they may */
    plx_api_respond_fn *respond;
    plx_api_release_fn *release;
    void *arg;
};
void plx_api_call(struct plx_api *api, const struct plx_api_request *request);
/* The same where the body has come as text, which is refused if it is no object; "" is an
 * empty one. What `request` says of a body is not looked at. */
void plx_api_call_text(struct plx_api *api, const struct plx_api_request *request,
                       const char *text, size_t len);

/* Gives the object that a body is; NULL with a sentence if it is none. Any thread. */
json_t *plx_api_read_body(const char *text, size_t len, struct plx_why *why);

/* Whether the role may call the method: also before its body is read. `ret_needed`: the
 * role that it takes at least. Any thread. */
bool plx_api_may(const char *method, enum plx_role role, enum plx_role *ret_needed);

/* Gives up on agents that do not answer checks. Call a few times a second. */
void plx_api_tick(struct plx_api *api, struct plx_mono now);

#endif
