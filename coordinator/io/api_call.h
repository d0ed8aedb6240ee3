/* One call in the API's hands: for the api_*.c files only. */
#ifndef PLX_COORDINATOR_API_CALL_H
#define PLX_COORDINATOR_API_CALL_H

#include "base/json.h"
#include "coordinator/io/api.h"

#include <jansson.h>

struct plx_check;
struct plx_tracer_call;
struct plx_waiter;
struct plx_overview;
struct plx_store_reader;

struct plx_api {
    struct plx_desk *desk;
    struct plx_intake *intake;
    struct plx_worker *worker;
    struct plx_worker *reads;        /* NULL: no long reads */
    struct plx_store_reader *reader; /* the thread's of `reads` */
    char *enrol_endpoint;
    char *server_key;
    int (*rotate)(void *arg, struct plx_why *why);
    void *rotate_arg;
    char *data_dir;           /* NULL: no backups */
    bool copying;             /* a backup is under way */
    struct plx_check *checks; /* waiting for agents */
    uint64_t next_check;
    struct plx_tracer_call *traces; /* waiting for agents */
    struct plx_waiter *waiters;     /* for events */
    struct plx_overview *overview;  /* as last written; NULL: not yet */
};

struct plx_call {
    struct plx_api *api;
    json_t *body; /* an object whose keys the method knows */
    char *who;
    plx_api_respond_fn *respond;
    plx_api_release_fn *release;
    void *arg;
};

/* A method takes the call: it ends it, now or later, by exactly one of the two below. */
typedef void plx_method_fn(struct plx_call *call);

/* Answers with what was written (and ends the writer's object), frees the call. */
void plx_call_end(struct plx_call *call, struct plx_buf *json);
/* Answers with an error, frees the call. */
void plx_call_fail(struct plx_call *call, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Answers in between; the call lives on. Empties `json`. */
void plx_call_part(struct plx_call *call, struct plx_buf *json);

/* Readings of the body. Each returns 0 or PLX_EINVAL with a sentence that names the key;
 * a key that is not there leaves the output as it was, unless it is demanded. */
int plx_call_text(const struct plx_call *call, const char *key, bool demanded,
                  const char **ret, struct plx_why *why);
int plx_call_bool(const struct plx_call *call, const char *key, bool *ret,
                  struct plx_why *why);
int plx_call_int(const struct plx_call *call, const char *key, int64_t min, int64_t max,
                 int64_t *ret, struct plx_why *why);
int plx_call_duration(const struct plx_call *call, const char *key, int64_t *ret_ns,
                      struct plx_why *why);
/* A moment: an RFC 3339 time, or a duration before now; not before 1970. */
int plx_call_moment(const struct plx_call *call, const char *key, struct plx_wall *ret,
                    struct plx_why *why);
/* A list of texts, lent by the call; the caller frees the array. One text counts as a
 * list of one. NULL if the key is not there. */
int plx_call_texts(const struct plx_call *call, const char *key, bool demanded,
                   const char ***ret, size_t *ret_n, struct plx_why *why);
/* An object of texts as labels; the caller frees the array, the texts are lent. */
int plx_call_labels(const struct plx_call *call, const char *key, struct plx_label **ret,
                    size_t *ret_n, struct plx_why *why);

/* Begins an answer: an open object in `buf`. */
void plx_answer_begin(struct plx_buf *buf, struct plx_json *j);

/* The monitor or agent that "monitor" or "name" names; fails the call (and gives NONE)
 * if there is none. */
uint32_t plx_call_monitor(struct plx_call *call, const char *key);
uint32_t plx_call_agent(struct plx_call *call);

/* ---- methods, by file ---- */
plx_method_fn plx_api_apply, plx_api_monitors_list, plx_api_monitors_show,
    plx_api_monitors_remove, plx_api_monitors_pause, plx_api_monitors_resume,
    plx_api_monitors_export;
plx_method_fn plx_api_agents_list, plx_api_agents_show, plx_api_agents_revoke,
    plx_api_agents_drain, plx_api_keys_show, plx_api_keys_rotate,
    plx_api_agents_rotate_key, plx_api_agents_label;
plx_method_fn plx_api_locations_list;
plx_method_fn plx_api_providers_list;
plx_method_fn plx_api_changes;
plx_method_fn plx_api_token_create, plx_api_token_list, plx_api_token_revoke;
plx_method_fn plx_api_status, plx_api_overview, plx_api_explain, plx_api_history,
    plx_api_results_export, plx_api_uptime, plx_api_rollups;
plx_method_fn plx_api_check, plx_api_trace;
plx_method_fn plx_api_users_list, plx_api_users_put, plx_api_users_remove;
plx_method_fn plx_api_access_token_list, plx_api_access_token_create,
    plx_api_access_token_revoke;
plx_method_fn plx_api_events;
plx_method_fn plx_api_health, plx_api_backup;

plx_method_fn plx_api_incidents_list, plx_api_incidents_show, plx_api_incidents_ack,
    plx_api_incidents_note;
plx_method_fn plx_api_silences_list, plx_api_silences_add, plx_api_silences_remove,
    plx_api_maintenance_list, plx_api_receivers_list, plx_api_receivers_test;

/* Shared pieces of answers. */
void plx_api_write_agent(struct plx_api *api, uint32_t slot, struct plx_json *j);
void plx_api_write_labels(const struct plx_label *labels, size_t n, struct plx_json *j);
/* The same under another key than "labels". */
void plx_api_write_labels_as(const char *key, const struct plx_label *labels, size_t n,
                             struct plx_json *j);
/* One location's probe: outcome, latency, addresses, ICMP. */
void plx_api_write_probe(struct plx_json *j, enum plx_outcome outcome,
                         enum plx_unreach unreach, enum plx_detail detail,
                         uint32_t latency_us, const struct plx_addr *address,
                         const struct plx_addr *icmp_from);

/* api_check.c: life of the checks. */
void plx_checks_tick(struct plx_api *api, struct plx_mono now);
void plx_checks_done(void *api, uint32_t agent_slot, uint64_t request_id,
                     const struct plx_result *result);
void plx_checks_drop(struct plx_api *api);

/* api_trace.c: life of the traces. */
void plx_api_traces_drop(struct plx_api *api);
/* Whether the agent is in one of these locations; true for none named. */
bool plx_api_is_wanted(const struct plx_agent *agent, const char **from, size_t n);

/* api_events.c: life of those who wait for events. */
void plx_waiters_tick(struct plx_api *api, struct plx_mono now);
void plx_waiters_drop(struct plx_api *api);
void plx_overview_drop(struct plx_api *api);

#endif
