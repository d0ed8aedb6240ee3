/* Whom to tell what: receivers, routes and maintenance windows, as plain data.
 *
 * The YAML that people write is common/schema/alerting; what it amounts to for one
 * incident is coordinator/core/notice. */
#ifndef PLX_BASE_ALERTING_H
#define PLX_BASE_ALERTING_H

#include "base/monitor.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLX_RECEIVERS_MAX   256
#define PLX_ROUTES_MAX      1024
#define PLX_WINDOWS_MAX     1024
#define PLX_MATCHERS_MAX    16
#define PLX_MATCH_VALUE_MAX 128 /* bytes of one value of a matcher */

/* What broke, in the order of how much it takes down within its family. Stored by its
 * token. value, token, whether critical (0 warning, 1 critical, 2 ours) */
#define PLX_INCIDENT_KIND_TABLE(X)                                                       \
    X(SERVICE, 1, "service", CRITICAL)                                                   \
    X(DNS, 2, "dns", CRITICAL)                                                           \
    X(HOST, 3, "host", CRITICAL)                                                         \
    X(NETWORK, 4, "network", CRITICAL)                                                   \
    X(PATH, 5, "path", WARNING)                                                          \
    X(FILTER, 6, "filter", WARNING)                                                      \
    X(DEGRADED, 7, "degraded", WARNING)                                                  \
    X(AGENT, 8, "agent", OURS)                                                           \
    X(REGION, 9, "region", OURS)                                                         \
    X(PROVIDER, 10, "provider", OURS)                                                    \
    X(COVERAGE, 11, "coverage", OURS)

enum plx_incident_kind {
    PLX_INCIDENT_NONE = 0,
#define X(name, value, token, severity) PLX_INCIDENT_##name = (value),
    PLX_INCIDENT_KIND_TABLE(X)
#undef X
        PLX_INCIDENT_KIND_COUNT_,
};

/* critical: a server is down. warning: reachable, but not from everywhere, or badly.
 * ours: it is our own eyes that fail. */
enum plx_severity {
    PLX_SEVERITY_WARNING,
    PLX_SEVERITY_CRITICAL,
    PLX_SEVERITY_OURS,
};

/* Tokens; the parsers give the value or -1. Never NULL. */
const char *plx_incident_kind_token(enum plx_incident_kind kind);
int plx_incident_kind_parse(const char *token);
const char *plx_severity_token(enum plx_severity severity);
int plx_severity_parse(const char *token);
enum plx_severity plx_severity_of(enum plx_incident_kind kind);

/* `key` is "monitor", "severity", "kind", "entity" or a label's key. It holds if one of
 * the values does; '*' in a value stands for any text. */
struct plx_matcher {
    char *key;
    char **values;
    size_t n_values;
};

/* All of them must hold; none at all matches everything. */
struct plx_match {
    struct plx_matcher *list;
    size_t n;
};

void plx_match_fini(struct plx_match *match);
/* Appends a matcher of one value, or the value to the matcher of that key. Copies. */
void plx_match_add(struct plx_match *match, const char *key, const char *value);

/* Whether `text` is what `pattern` says; '*' stands for any text. Linear memory, at most
 * pattern × text steps. */
bool plx_glob(const char *pattern, const char *text);
bool plx_matcher_holds(const struct plx_matcher *matcher, const char *value);

struct plx_receiver {
    char *name;
    char *kind;                /* "webhook", … */
    struct plx_label *options; /* the kind's own keys; secrets only as …_file, …_env */
    size_t n_options;
    int64_t timeout_ns;      /* of one attempt */
    uint32_t max_per_minute; /* attempts */
    int64_t give_up_ns;      /* after so long a notice is a dead letter */
};
void plx_receiver_init(struct plx_receiver *receiver);
void plx_receiver_fini(struct plx_receiver *receiver);
void plx_receiver_copy(struct plx_receiver *dst, const struct plx_receiver *src);
/* The option's value, or NULL. */
const char *plx_receiver_option(const struct plx_receiver *receiver, const char *key);
void plx_receiver_add_option(struct plx_receiver *receiver, const char *key,
                             const char *value);

/* What an attempt to tell a receiver came to. */
enum plx_fate {
    PLX_FATE_DELIVERED,
    PLX_FATE_RETRY,
    PLX_FATE_REFUSED, /* trying again would not help: a dead letter */
};

struct plx_route {
    char *name; /* "" for none */
    struct plx_match match;
    char **receivers;
    size_t n_receivers;
    int64_t for_ns; /* an incident must have lasted so long */
    int64_t
        repeat_ns; /* tell again so often until it is acknowledged or over; 0: never */
    int64_t update_ns;         /* news of an incident at most so often; 0: as is usual */
    int64_t escalate_after_ns; /* without acknowledgement; 0: never */
    char **escalate_to;
    size_t n_escalate_to;
    bool go_on; /* later routes are looked at, too */
};
void plx_route_fini(struct plx_route *route);

/* Planned work: what it matches is not told while it lasts. */
struct plx_window {
    char *name;
    struct plx_match match;
    char *zone;                  /* "UTC", "Europe/Berlin"; of the times below */
    uint8_t days;                /* weekly: bit 0 is Monday; 0: once */
    int32_t from_s;              /* weekly: seconds of local time since midnight */
    int32_t until_s;             /* weekly: <= from_s: on the next day */
    struct plx_wall from, until; /* once */
};
void plx_window_fini(struct plx_window *window);

/* A window's turn, as instants. */
struct plx_turn {
    uint32_t window; /* index */
    struct plx_wall from, until;
};

struct plx_alerting {
    struct plx_receiver *receivers;
    size_t n_receivers;
    struct plx_route *routes;
    size_t n_routes;
    struct plx_window *windows;
    size_t n_windows;
};
void plx_alerting_fini(struct plx_alerting *alerting);
/* NULL if there is none of that name. */
const struct plx_receiver *plx_alerting_receiver(const struct plx_alerting *alerting,
                                                 const char *name);
/* NULL if there is none of that name; "" names none. */
const struct plx_route *plx_alerting_route(const struct plx_alerting *alerting,
                                           const char *name);

#endif
