/* Which URL is which method of the API.
 *
 * One table (route.c), from which the documentation and the tests are checked as well. A
 * path has at most one variable; it, the query and the JSON body together make the body
 * of the API's method. Pure: plain data in, plain data out. */
#ifndef PLX_HTTP_ROUTE_H
#define PLX_HTTP_ROUTE_H

#include "base/why.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum plx_route_kind {
    PLX_ROUTE_API,             /* a method of the API */
    PLX_ROUTE_STREAM,          /* one whose parts are sent as they come, as JSON lines */
    PLX_ROUTE_EVENTS,          /* server-sent events */
    PLX_ROUTE_METRICS,         /* for Prometheus */
    PLX_ROUTE_MONITOR_METRICS, /* the same, a series for each monitor */
    PLX_ROUTE_ALIVE,           /* /healthz: answers while the loop turns */
    PLX_ROUTE_READY,           /* /readyz: and stores what it is given */
    PLX_ROUTE_LOGIN,
    PLX_ROUTE_LOGOUT,
    PLX_ROUTE_WHOAMI,
    PLX_ROUTE_PUBLIC, /* the status page and its feeds: `method` says which */
    PLX_ROUTE_BADGE,
    PLX_ROUTE_FILE, /* a file that is part of the program */
};

/* What a query parameter becomes in the body. */
enum plx_query_type {
    PLX_QUERY_TEXT,
    PLX_QUERY_TEXTS, /* a list; may be repeated */
    PLX_QUERY_INT,
    PLX_QUERY_BOOL,   /* true, false, 1, 0, or nothing for true */
    PLX_QUERY_LABELS, /* KEY=VALUE or KEY:VALUE; may be repeated */
};

#define PLX_ROUTE_QUERY_MAX 6

struct plx_route {
    const char *verb; /* "GET", "POST", "PUT", "DELETE" */
    const char *path; /* with at most one {variable} */
    enum plx_route_kind kind;
    const char *method;     /* of the API */
    const char *variable;   /* key of the body that takes the path's variable */
    enum plx_query_type as; /* what the variable becomes */
    bool open;              /* needs no token */
    bool takes_files;       /* a long body: a file of monitors */
    struct {
        const char *name; /* in the query */
        const char *key;  /* in the body */
        enum plx_query_type type;
    } query[PLX_ROUTE_QUERY_MAX];
};

#define PLX_ROUTE_VARIABLE_MAX 256

/* A route that was found, and its variable decoded ("" without one). */
struct plx_route_match {
    const struct plx_route *route;
    char variable[PLX_ROUTE_VARIABLE_MAX + 1];
};

/* Returns 0, PLX_ENOTFOUND (no such path), PLX_EUNSUPPORTED (the path takes other verbs:
 * `ret_allow` names them, "GET, POST"), or PLX_EINVAL (bad %-escape, or a text that is no
 * clean UTF-8). `path` is as in the request line, without query. HEAD counts as GET. */
int plx_route_find(const char *verb, const char *path, struct plx_route_match *ret,
                   char ret_allow[64]);

/* Decodes the %-escapes of a text in place. PLX_EINVAL: one is no two hex digits, or is a
 * NUL. */
int plx_route_unescape(char *text);

/* Adds one parameter of the query to the body. `value` NULL: it had no "=". PLX_EINVAL
 * with a sentence that names it. */
int plx_route_take_query(const struct plx_route *route, json_t *body, const char *name,
                         const char *value, struct plx_why *why);
/* Adds the path's variable. PLX_EINVAL: the body has that key already. */
int plx_route_take_variable(const struct plx_route_match *match, json_t *body,
                            struct plx_why *why);

#endif
