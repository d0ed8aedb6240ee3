/* Inside of the inquest: what its files share. */
#ifndef PLX_COORDINATOR_INQUEST_IMPL_H
#define PLX_COORDINATOR_INQUEST_IMPL_H

#include "coordinator/core/place_fleet.h"
#include "coordinator/io/inquest.h"

/* Findings kept in memory: the newest. */
#define PLX_CASES_MAX         64
#define PLX_CASE_FAULTS_MAX   16
#define PLX_CASE_MONITORS_MAX 64
#define PLX_CASE_SUSPECTS_MAX 8

/* One location of a case. */
struct plx_witness {
    uint32_t agent;
    bool asked, answered;
    struct plx_trace *now, *before; /* NULL: none */
};

struct plx_inquiry {
    uint64_t id;
    uint64_t faults[PLX_CASE_FAULTS_MAX];
    size_t n_faults, n_open;                  /* of them */
    uint32_t monitors[PLX_CASE_MONITORS_MAX]; /* that the faults explain */
    size_t n_monitors;
    struct plx_mono opened;
    struct plx_wall at;
    struct plx_wall onset; /* of the first fault */
    char host[PLX_HOST_MAX + 1];
    uint16_t port;
    struct plx_witness witnesses[PLX_INQUEST_AGENTS_MAX];
    size_t n_witnesses, n_waiting;
    bool unkept;   /* the store has not what is known */
    bool reviewed; /* looked at again after a while */
    /* What the fleet says of it. */
    struct plx_place_common common;
    struct plx_place_suspect suspects[PLX_CASE_SUSPECTS_MAX];
    size_t n_suspects;
};

/* A way of good times that was asked for lately. */
#define PLX_INQUEST_RECENT_MAX 1024
struct plx_inquest_recent {
    uint32_t agent, monitor;
    struct plx_mono at;
};

struct plx_inquest {
    struct plx_desk *desk;
    struct plx_tracing *tracing;
    struct plx_ways *ways;
    int64_t interval_ns;
    uint32_t next_monitor;
    uint64_t next_id;
    struct plx_inquiry *cases[PLX_CASES_MAX]; /* a ring */
    size_t next_case;
    struct plx_inquest_recent recent[PLX_INQUEST_RECENT_MAX];
    size_t next_recent;
};

/* Those who answered. */
size_t plx_inquiry_views(const struct plx_inquiry *one,
                         struct plx_inquest_view views[PLX_INQUEST_AGENTS_MAX]);
/* The place that the views support; `in` names what the sentence is written from. */
void plx_inquest_find(const struct plx_desk *desk, const struct plx_inquest_view *views,
                      size_t n, struct plx_place_view in[PLX_PLACE_VIEWS_MAX],
                      struct plx_place *ret);
/* inquest_fleet: compares with all ways of the fleet that are known of that time. */
void plx_inquiry_compare(const struct plx_inquest *q, struct plx_inquiry *one);
/* inquest_keep: puts it into the store for each incident that a fault of it belongs to.
 */
void plx_inquiry_keep(const struct plx_inquest *q, struct plx_inquiry *one);

/* inquest_tell: values of the keys place, fleet, suspects and spares. */
void plx_inquest_put_place(const struct plx_desk *desk,
                           const struct plx_inquest_view *views,
                           const struct plx_place *place, struct plx_json *j);
void plx_inquiry_put_fleet(const struct plx_inquiry *one, struct plx_json *j);
void plx_inquiry_put_suspects(const struct plx_inquiry *one, struct plx_json *j);
void plx_inquest_put_spares(const struct plx_desk *desk, const char *host,
                            struct plx_json *j);

#endif
