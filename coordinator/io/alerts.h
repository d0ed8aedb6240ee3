/* Alerts: incidents kept in step with judge, store, configuration and notifier.
 *
 * The judge's words go into the incidents (core/incident); what comes of them is
 * committed in one transaction with the notices it causes, and only then handed to the
 * notifier. Everything comes back from the store at a start. Loop thread. */
#ifndef PLX_COORDINATOR_ALERTS_H
#define PLX_COORDINATOR_ALERTS_H

#include "coordinator/core/incident.h"
#include "coordinator/io/alerts_rules.h"
#include "coordinator/io/alerts_test.h"
#include "coordinator/io/desk.h"
#include "coordinator/io/notifier.h"

struct plx_alerts;

struct plx_alerts_options {
    const char *public_url;   /* of the dashboard, for links; NULL: no links */
    const char *commands_dir; /* of programs that receivers name; NULL: none */
    const char *secrets_dir;  /* of files that they refer to; NULL: none */
};

/* Borrows the desk, copies the options. */
int plx_alerts_new(struct plx_desk *desk, const struct plx_alerts_options *options,
                   struct plx_alerts **ret, struct plx_why *why);
void plx_alerts_destroy(struct plx_alerts **alerts);
/* Configuration, silences, incidents and waiting notices from the store; what is recorded
 * of each monitor is in the court by then. Blocks: for the start. */
int plx_alerts_load(struct plx_alerts *alerts, struct plx_why *why);

/* Readable when plx_alerts_poll has something to do. */
int plx_alerts_fd(const struct plx_alerts *alerts);
void plx_alerts_poll(struct plx_alerts *alerts);
/* A change could not be handed to the store: memory is ahead of the disk, and only a
 * restart brings them together. */
bool plx_alerts_failed(const struct plx_alerts *alerts);

/* ---- hearing ---- */

void plx_alerts_fault(struct plx_alerts *alerts, struct plx_wall now,
                      const struct plx_judge_fault *fault);
void plx_alerts_verdict(struct plx_alerts *alerts, struct plx_wall now, uint32_t slot,
                        enum plx_judge_verdict verdict, const uint64_t *faults,
                        size_t n_faults, const char *sentence);
/* The monitor in the slot is about to be removed, or was paused. */
void plx_alerts_forget(struct plx_alerts *alerts, uint32_t slot);
/* Our wall clock was set by `step_ns`, to `now`: nothing is older or younger for that. */
void plx_alerts_clock_set(struct plx_alerts *alerts, struct plx_wall now,
                          int64_t step_ns);
/* Decides and commits. After the court's tick. */
void plx_alerts_tick(struct plx_alerts *alerts, struct plx_wall now);
/* The same after somebody said something: `fn` is called once, when that is committed
 * (err 0) or will not be. Only then they may be told that it is. */
typedef void plx_alerts_done_fn(void *arg, int err);
void plx_alerts_commit(struct plx_alerts *alerts, struct plx_wall now,
                       plx_alerts_done_fn *fn, void *arg);

/* ---- asking and changing ---- */

struct plx_incidents *plx_alerts_incidents(struct plx_alerts *alerts);
struct plx_notifier *plx_alerts_notifier(struct plx_alerts *alerts);
/* Lent; may change with the next turn of the loop. */
const struct plx_alerts_rules *plx_alerts_rules(const struct plx_alerts *alerts);

/* The sections of the file are committed: they take the place of those there were, which
 * the file holds after that. */
void plx_alerts_configure(struct plx_alerts *alerts, struct plx_alerting_file *file);

/* A silence that is committed. Takes its parts. */
void plx_alerts_add_silence(struct plx_alerts *alerts, struct plx_silence *silence);
void plx_alerts_end_silence(struct plx_alerts *alerts, uint64_t id);

/* Sends a test message to a receiver; `fn` is called once, with what came of the first
 * attempt, or never if the process ends before. PLX_ENOTFOUND. */
int plx_alerts_test(struct plx_alerts *alerts, const char *receiver, const char *who,
                    plx_alerts_test_fn *fn, void *arg);
/* Nobody is told any more what came of tests: their listeners are called with NULL. */
void plx_alerts_drop_tests(struct plx_alerts *alerts);

#endif
