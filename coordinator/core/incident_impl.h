/* Inside of incident: what its files share. */
#ifndef PLX_CORE_INCIDENT_IMPL_H
#define PLX_CORE_INCIDENT_IMPL_H

#include "coordinator/core/incident.h"
#include "coordinator/core/notice.h"

/* Incidents of different families have nothing to do with one another. */
enum plx_incident_kin {
    PLX_KIN_DOWN,     /* service, dns, host, network */
    PLX_KIN_WAY,      /* path, filter */
    PLX_KIN_DEGRADED, /* by verdict, one for each host */
    PLX_KIN_EYES,     /* agent, region, provider */
    PLX_KIN_COVERAGE, /* by verdict, one in all */
};
enum plx_incident_kin plx_incident_kin(enum plx_incident_kind kind);

/* Where a monitor sits as to incidents that live by verdicts: at most one of each. The
 * pointer stays after the member has left, to find its row again. */
struct plx_incident_place {
    struct plx_incident *incident;
    uint32_t member;
};

struct plx_incident_seat {
    bool known;
    enum plx_judge_verdict verdict;
    struct plx_incident_place down, degraded, coverage;
    uint32_t stamp; /* scratch: member + 1 of the incident that is being looked at */
};

struct plx_incidents {
    const struct plx_catalog *catalog;
    struct plx_incident_policy policy;
    plx_incident_runs_fn *runs;
    void *runs_arg;
    struct plx_incident **list;
    size_t n, cap;
    uint64_t next_id;
    struct plx_incident_seat *seats; /* by slot */
    size_t n_seats;
    struct plx_incident_entry *entries;
    size_t n_entries, cap_entries;
    struct plx_notice_want *wants;
    size_t n_wants, cap_wants;
    struct plx_incident **changed;
    size_t cap_changed;
    struct plx_wall ticked; /* last */
    bool lent; /* entries and wants were handed out: the next call begins anew */
};

/* Before anything is added: what was lent by the last tick is over. */
void plx_incidents_begin(struct plx_incidents *self);

struct plx_incident *plx_incident_open(struct plx_incidents *self, struct plx_wall now,
                                       enum plx_incident_kind kind, const char *entity,
                                       const char *sentence, struct plx_wall onset);
void plx_incident_free(struct plx_incident *incident);
struct plx_incident_seat *plx_incident_seat(struct plx_incidents *self, uint32_t slot);
/* The place on a seat within an incident of a family that lives by verdicts; NULL for the
 * others. */
struct plx_incident_place *plx_incident_place_in(struct plx_incident_seat *seat,
                                                 enum plx_incident_kin family);
/* Whether the monitor is in that incident now, and has not left. */
bool plx_incident_sits(const struct plx_incident_place *place);
const char *plx_incident_seat_name(const struct plx_incidents *self, uint32_t slot);

/* A line of the timeline; the row has changed, too. */
void plx_incident_say(struct plx_incidents *self, struct plx_incident *incident,
                      struct plx_wall now, enum plx_incident_what what, const char *who,
                      const char *fmt, ...) __attribute__((format(printf, 6, 7)));
void plx_incident_want(struct plx_incidents *self, struct plx_incident *incident,
                       struct plx_wall now, enum plx_notice_event event,
                       const char *receiver);

/* `at` is the member's row, or UINT32_MAX for a new one. Returns the row. */
uint32_t plx_incident_join(struct plx_incidents *self, struct plx_incident *incident,
                           struct plx_wall now, uint32_t slot, uint32_t at);
void plx_incident_leave(struct plx_incident *incident, struct plx_wall now,
                        uint32_t member);
void plx_incident_unbind(struct plx_incident *incident, size_t i);
/* It is no longer over. */
void plx_incident_return(struct plx_incidents *self, struct plx_incident *incident,
                         struct plx_wall now);
void plx_incident_close(struct plx_incidents *self, struct plx_incident *incident,
                        struct plx_wall now, const char *why);
/* What it stands for became another thing. */
void plx_incident_restate(struct plx_incidents *self, struct plx_incident *incident,
                          struct plx_wall now, enum plx_incident_kind kind,
                          const char *entity, const char *sentence);

/* notice_plan: adds what has to be told of one incident. */
void plx_notices_plan(struct plx_incidents *self, struct plx_incident *incident,
                      struct plx_wall now, const struct plx_notice_rules *rules);

/* What is after `now` becomes it. */
void plx_incident_clip(struct plx_incident *incident, struct plx_wall now);

void *plx_incident_grow(void *array, size_t n, size_t *cap, size_t size);
void plx_incident_set_text(char **field, const char *text);

#endif
