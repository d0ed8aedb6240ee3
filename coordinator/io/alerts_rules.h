/* What notices are decided by, as it stands: receivers, routes, maintenance windows with
 * their turns, and silences.
 *
 * Holds what is committed and what the time makes of it; knows neither store nor clock.
 * Loop thread. */
#ifndef PLX_COORDINATOR_ALERTS_RULES_H
#define PLX_COORDINATOR_ALERTS_RULES_H

#include "coordinator/core/notice.h"
#include "schema/alerting.h"

struct plx_alerts_rules {
    struct plx_alerting config;
    struct plx_notice_rules notice; /* lends all of the others */
    struct plx_turn *turns;
    size_t n_turns;
    struct plx_wall turns_made;
    struct plx_silence *silences;
    size_t n_silences;
};

/* Nothing stands. The struct must not move from here on. */
void plx_alerts_rules_init(struct plx_alerts_rules *rules, struct plx_wall now);
void plx_alerts_rules_fini(struct plx_alerts_rules *rules);

/* The sections that the file has take the place of those there were, which the file holds
 * after that. */
void plx_alerts_rules_configure(struct plx_alerts_rules *rules,
                                struct plx_alerting_file *file, struct plx_wall now);
/* What the configuration would be with the file; the parts are lent by both. Only to be
 * read: it must not be finished. */
void plx_alerts_rules_preview(const struct plx_alerts_rules *rules,
                              const struct plx_alerting_file *file,
                              struct plx_alerting *ret);

/* Takes its parts. */
void plx_alerts_rules_add_silence(struct plx_alerts_rules *rules,
                                  struct plx_silence *silence);
/* False: there is none. */
bool plx_alerts_rules_end_silence(struct plx_alerts_rules *rules, uint64_t id);

/* What the time has done: past silences go, maintenance is worked out further. True: a
 * silence went. */
bool plx_alerts_rules_tick(struct plx_alerts_rules *rules, struct plx_wall now);

/* The clock was set, to `now`: maintenance is worked out around that. */
void plx_alerts_rules_clock_set(struct plx_alerts_rules *rules, struct plx_wall now);

/* A silence's match, as it is stored. 0 or PLX_EMALFORMED. */
int plx_alerts_rules_read_match(const char *json, struct plx_match *ret,
                                struct plx_why *why);

#endif
