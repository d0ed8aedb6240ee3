/* Incidents: the life of a cause, from the first word of the judge to its end.
 *
 * One incident per cause: the judge's fault, with the monitors it explains as members.
 * Faults that follow one another over the same monitors (a service, then its host; the
 * same fault after a restart) belong to one incident, so that what wakes people is told
 * once. Told of faults and verdicts as they change; at each tick it decides what is
 * announced, what is over, and what whom is to be told (core/notice).
 *
 * Families never mix: what is down (service, dns, host, network), what is not reachable
 * from everywhere (path, filter), what is slow or lossy (degraded), and what is our own
 * (agent, region, provider, coverage).
 *
 * Pure; one thread. Times are the caller's, and never decrease but by
 * plx_incidents_clock_set. */
#ifndef PLX_CORE_INCIDENT_H
#define PLX_CORE_INCIDENT_H

#include "base/alerting.h"
#include "coordinator/core/catalog.h"
#include "coordinator/core/judge.h"

#define PLX_INCIDENT_FAULTS_MAX 16 /* that may be bound to one incident at once */
#define PLX_INCIDENT_TEXT_MAX   512

enum plx_incident_state {
    PLX_INCIDENT_OPEN,
    PLX_INCIDENT_ENDING, /* all is well, and has to stay so for a while */
    PLX_INCIDENT_CLOSED,
};
/* "open", "ending", "closed". */
const char *plx_incident_state_token(enum plx_incident_state state);

struct plx_incident_member {
    uint32_t slot; /* of the catalog; PLX_CATALOG_NONE: the monitor is gone */
    uint64_t monitor_id;
    char *name;
    struct plx_wall joined; /* last time */
    struct plx_wall left;   /* 0: it is still affected */
};

/* A fault of the judge that the incident stands for now. */
struct plx_incident_bound {
    uint64_t fault;
    enum plx_incident_kind kind;
    bool page;
    char *entity, *sentence;
};

/* A receiver that was told, and is to be told of the end. */
struct plx_incident_told {
    char *receiver;
    struct plx_wall first, last;
};

struct plx_incident {
    uint64_t id;
    enum plx_incident_kind kind;
    enum plx_severity severity;
    enum plx_incident_state state;
    char *entity;   /* what broke */
    char *sentence; /* why, as the judge says it */
    struct plx_wall onset;
    struct plx_wall opened;
    struct plx_wall announced; /* thresholds were met; 0: not yet, nobody is told */
    struct plx_wall ending;    /* since when all is well; 0: it is not */
    struct plx_wall closed;
    struct plx_wall acked;
    char *acked_by;       /* "" before */
    uint64_t merged_into; /* closed because another incident took it over; 0: not */
    bool dependent;       /* a consequence of something that is told already */
    bool flapping;        /* comes and goes: told once, then quiet until it is steady */
    uint32_t n_back;      /* times it came back in all */
    struct plx_wall backs[4]; /* the last times it came back, newest first */
    char *muted_by;     /* why nobody is told now: a silence, a window; "" for none */
    uint64_t n_notices; /* made so far: part of their keys */
    struct plx_incident_member *members;
    size_t n_members;
    size_t n_active; /* of them still affected */
    struct plx_incident_told *told;
    size_t n_told;
    struct plx_wall told_last; /* when anything was told last */

    /* Not stored. */
    struct plx_incident_bound faults[PLX_INCIDENT_FAULTS_MAX];
    size_t n_faults;
    uint32_t *agents; /* that see it, ascending */
    size_t n_agents;
    struct plx_wall unclaimed_until; /* after a restart: a fault may still claim it */
    struct plx_wall next_look;       /* whom to tell: not before, unless it changed */
    struct plx_wall
        saved;    /* members that joined or left from then on are to be written */
    bool changed; /* the row has to be written */
    bool news;    /* worth an update to those who were told */
    bool look;    /* whom to tell has to be looked at */
    uint32_t n_joined, n_left; /* since the last tick */
};

enum plx_incident_what {
    PLX_INCIDENT_DID_OPEN,
    PLX_INCIDENT_DID_ANNOUNCE,
    PLX_INCIDENT_DID_JOIN,
    PLX_INCIDENT_DID_LEAVE,
    PLX_INCIDENT_DID_CHANGE, /* kind, entity or sentence */
    PLX_INCIDENT_DID_END,    /* all is well since now */
    PLX_INCIDENT_DID_RETURN,
    PLX_INCIDENT_DID_FLAP,
    PLX_INCIDENT_DID_STEADY,
    PLX_INCIDENT_DID_ACK,
    PLX_INCIDENT_DID_NOTE,
    PLX_INCIDENT_DID_MERGE,
    PLX_INCIDENT_DID_MUTE,
    PLX_INCIDENT_DID_UNMUTE,
    PLX_INCIDENT_DID_TELL,
    PLX_INCIDENT_DID_CLOSE,
    PLX_INCIDENT_DID_COUNT_,
};
/* "opened", "announced", …; never NULL. */
const char *plx_incident_what_token(enum plx_incident_what what);

/* One line of a timeline. */
struct plx_incident_entry {
    uint64_t incident;
    struct plx_wall at;
    enum plx_incident_what what;
    char *who; /* "" for the coordinator */
    char *text;
};

/* What a notice is about. Stored by its token. */
enum plx_notice_event {
    PLX_NOTICE_OPEN,     /* the page */
    PLX_NOTICE_ESCALATE, /* the page, to those who come next */
    PLX_NOTICE_REPEAT,
    PLX_NOTICE_UPDATE, /* members, scope, flapping */
    PLX_NOTICE_ACK,
    PLX_NOTICE_RESOLVE,
    PLX_NOTICE_TEST,
    PLX_NOTICE_EVENT_COUNT_,
};
const char *plx_notice_event_token(enum plx_notice_event event);

/* Somebody is to be told. */
struct plx_notice_want {
    uint64_t incident;
    uint64_t no; /* of this incident's notices, from 1 */
    enum plx_notice_event event;
    char *receiver;
};

/* Bounds, with their defaults and reasons in incident.c. */
struct plx_incident_policy {
    int64_t degraded_for_ns; /* so long degraded is an incident worth telling */
    int64_t coverage_for_ns; /* the same for "inconclusive" */
    int64_t ending_ns;       /* all must be well for so long */
    int64_t back_ns;         /* so soon after the end it is the same incident again */
    int64_t flap_ns;         /* n_flap returns within it are flapping */
    uint32_t n_flap;
    int64_t steady_ns;    /* flapping ends so long after the last return */
    int64_t unclaimed_ns; /* after a restart */
    int64_t update_ns;    /* between updates of one incident, at least */
};
void plx_incident_policy_default(struct plx_incident_policy *ret);

/* How many probes in a row the location with the most has seen fail, or succeed. */
typedef void plx_incident_runs_fn(void *arg, uint32_t slot, uint32_t *ret_failures,
                                  uint32_t *ret_successes);

struct plx_incidents;

/* Borrows the catalog; policy NULL: the default. `runs` may be NULL: thresholds of probes
 * count as met. */
struct plx_incidents *plx_incidents_new(const struct plx_catalog *catalog,
                                        const struct plx_incident_policy *policy,
                                        plx_incident_runs_fn *runs, void *arg);
void plx_incidents_destroy(struct plx_incidents **incidents);

/* ---- beginning ---- */

/* An incident as it was stored, before the first tick; `told` and members included.
 * Copies. The slots of its members are looked up by their ids. What it has of times after
 * `now` was written by a clock that has been set back since, and is now. */
void plx_incidents_recall(struct plx_incidents *incidents,
                          const struct plx_incident *incident, struct plx_wall now);
/* The number the next incident gets, at least. */
void plx_incidents_number_from(struct plx_incidents *incidents, uint64_t next);

/* ---- hearing ---- */

/* The clock was set by `step_ns`: everything keeps its age, and is written so. */
void plx_incidents_clock_set(struct plx_incidents *incidents, int64_t step_ns);

void plx_incidents_fault(struct plx_incidents *incidents, struct plx_wall now,
                         const struct plx_judge_fault *fault);
/* A monitor's verdict: each transition, and at the beginning what is recorded. */
void plx_incidents_verdict(struct plx_incidents *incidents, struct plx_wall now,
                           uint32_t slot, enum plx_judge_verdict verdict,
                           const uint64_t *faults, size_t n_faults, const char *sentence);
/* The monitor is removed or paused: it is affected by nothing any more. */
void plx_incidents_forget(struct plx_incidents *incidents, struct plx_wall now,
                          uint32_t slot);

/* 0, PLX_ENOTFOUND, or PLX_ECONFLICT: it is closed, or acknowledged already. */
int plx_incidents_ack(struct plx_incidents *incidents, struct plx_wall now, uint64_t id,
                      const char *who, const char *text);

/* ---- deciding ---- */

struct plx_notice_rules;

struct plx_incident_actions {
    struct plx_incident *const *changed; /* to be written */
    size_t n_changed;
    const struct plx_incident_entry *entries;
    size_t n_entries;
    const struct plx_notice_want *notices;
    size_t n_notices;
};

/* Lends what is to be done until the next call of any function here. Persist all of it
 * together, before anybody is told. */
void plx_incidents_tick(struct plx_incidents *incidents, struct plx_wall now,
                        const struct plx_notice_rules *rules,
                        struct plx_incident_actions *ret);

/* Whom to tell is to be looked at anew: the rules changed. */
void plx_incidents_look(struct plx_incidents *incidents);

/* Those not forgotten yet, oldest first; lent until the next tick. */
size_t plx_incidents_count(const struct plx_incidents *incidents);
const struct plx_incident *plx_incidents_at(const struct plx_incidents *incidents,
                                            size_t i);
const struct plx_incident *plx_incidents_by_id(const struct plx_incidents *incidents,
                                               uint64_t id);

#endif
