/* Whom to tell of an incident, and when: routes, silences, maintenance, repetition,
 * escalation. Decides from plain data, remembers nothing: what was told stands in the
 * incident. Pure. */
#ifndef PLX_CORE_NOTICE_H
#define PLX_CORE_NOTICE_H

#include "base/alerting.h"
#include "coordinator/core/catalog.h"
#include "coordinator/core/incident.h"

/* Told nothing while it holds; made by people, with an end. */
struct plx_silence {
    uint64_t id;
    struct plx_match match;
    char *author;
    char *comment;
    struct plx_wall from, until;
};
void plx_silence_fini(struct plx_silence *silence);

/* All borrowed. Without routes every receiver is told of what is critical or ours. */
struct plx_notice_rules {
    const struct plx_alerting *alerting;
    const struct plx_turn *turns; /* of the maintenance windows, around now */
    size_t n_turns;
    const struct plx_silence *silences;
    size_t n_silences;
};

/* Whether the match holds for the incident through one of its members (NULL: for the
 * incident alone). */
bool plx_notice_matches(const struct plx_match *match,
                        const struct plx_incident *incident,
                        const struct plx_monitor *member);

/* How many monitors the match leaves by what it says of monitors (their names and labels;
 * of what breaks it may say more): 0 is a match that nothing will ever meet. */
size_t plx_notice_covers(const struct plx_match *match,
                         const struct plx_catalog *catalog);

#define PLX_NOTICE_MUTE_MAX 256
/* Why nobody is told of the incident now ("silence 3 by ann: …", "maintenance 'patch'"):
 * every affected member is covered. False: somebody is told. */
bool plx_notice_muted(const struct plx_notice_rules *rules,
                      const struct plx_catalog *catalog,
                      const struct plx_incident *incident, struct plx_wall now,
                      char ret[PLX_NOTICE_MUTE_MAX]);

/* One receiver of an incident, with what its route says. */
struct plx_notice_target {
    const char *receiver;
    int64_t after_ns; /* since the announcement */
    int64_t repeat_ns;
    int64_t update_ns; /* 0: the policy's */
    bool escalation;   /* only without acknowledgement */
};

#define PLX_NOTICE_TARGETS_MAX 64
/* Whom the affected monitors name (`notify`) and, for those that name nobody, the routes,
 * each receiver once (the earliest of its routes), in their order.
 * Returns how many. */
size_t plx_notice_targets(const struct plx_notice_rules *rules,
                          const struct plx_catalog *catalog,
                          const struct plx_incident *incident,
                          struct plx_notice_target ret[PLX_NOTICE_TARGETS_MAX]);

/* Whom a failure of this kind of the monitor would tell; for a dry run. */
size_t plx_notice_would_tell(const struct plx_notice_rules *rules,
                             const struct plx_monitor *monitor,
                             enum plx_incident_kind kind,
                             struct plx_notice_target ret[PLX_NOTICE_TARGETS_MAX]);

#endif
