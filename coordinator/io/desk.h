/* The desk: what the coordinator knows, in one place, and the few acts that concern more
 * than one part of it.
 *
 * Memory is the truth while the process runs; the store follows by jobs and is read once,
 * at the start. Intake, enrolment and the API work on one desk, all on the loop thread.
 */
#ifndef PLX_COORDINATOR_DESK_H
#define PLX_COORDINATOR_DESK_H

#include "base/bucket.h"
#include "coordinator/core/catalog.h"
#include "coordinator/core/court.h"
#include "coordinator/core/roster.h"
#include "coordinator/core/shares.h"
#include "coordinator/core/spares.h"
#include "coordinator/io/door.h"
#include "coordinator/io/events.h"
#include "coordinator/io/gate.h"
#include "coordinator/io/guests.h"
#include "coordinator/io/store_config.h"
#include "coordinator/io/store_history.h"
#include "proto/session.h"

#include <stdint.h>

/* Since the start. */
struct plx_desk_counts {
    uint64_t messages;
    uint64_t malformed;       /* undecodable, or of the wrong kind */
    uint64_t strangers;       /* messages of keys revoked in mid-session */
    uint64_t ids_chosen;      /* messages of peers that chose their routing id */
    uint64_t ids_stolen;      /* hellos under the routing id of another's session */
    uint64_t no_session;      /* messages of a key whose session is another, or none */
    uint64_t replaced;        /* sessions that a newer one of the same key took over */
    uint64_t notes_unlogged;  /* agents' comings and goings left out of the log */
    uint64_t doubled;         /* times that two processes were found to use one key */
    uint64_t over_rate;       /* messages dropped by an agent's rate limit */
    uint64_t results;         /* taken in for storing */
    uint64_t refused_results; /* of monitors that are not the agent's */
    uint64_t batches_waiting; /* now between intake and commit */
    uint64_t batches_put_off; /* not taken: too many wait already */
    uint64_t steps_sent;      /* snapshots and deltas */
    uint64_t resyncs;
    uint64_t probes_ordered;
    uint64_t enrolled;
    uint64_t enrol_refused; /* requests; why, if it was the token: */
    uint64_t tokens_unknown, tokens_expired, tokens_revoked, tokens_replayed;
    uint64_t doors_lost; /* times that the enrolment process ended by itself */
    uint64_t admin_requests;
};

/* What of one agent's comings and goings is in the log. */
struct plx_desk_quota {
    struct plx_bucket lines;
    uint64_t unsaid; /* since its last line */
};

/* The public keys by which agents know us. */
struct plx_desk_keys {
    char current[PLX_KEY_TEXT_MAX];
    char next[PLX_KEY_TEXT_MAX];
    uint64_t hash; /* plx_wire_keys_hash */
};
struct plx_alerts;
struct plx_inquest;

struct plx_desk {
    struct plx_roster *roster;
    struct plx_catalog *catalog;
    struct plx_shares *shares;
    struct plx_court *court;
    struct plx_spares *spares;
    struct plx_events *events;
    struct plx_guests *guests;
    struct plx_store *store;     /* borrowed */
    struct plx_gate *gate;       /* borrowed */
    struct plx_alerts *alerts;   /* borrowed; NULL: nobody is alerted */
    struct plx_inquest *inquest; /* borrowed; NULL: nothing is traced */
    uint64_t generation;         /* of the monitors */
    struct plx_store_token *tokens;
    size_t n_tokens;
    struct plx_mono started;
    struct plx_wall started_wall;
    struct plx_wall noted;         /* when the store was last told that we run */
    struct plx_desk_keys keys;     /* as the next start has them */
    struct plx_desk_quota *quotas; /* by agent slot */
    size_t n_quotas;
    struct plx_desk_counts counts;
    struct plx_door_counts door; /* as the enrolment door last told */
};

/* After a start or an absence, an "inconclusive" may be only that agents are not back,
 * and then they have to probe. */
#define PLX_DESK_SETTLING_NS (PLX_SESSION_RETURN_NS + 25 * PLX_SEC_NS)

/* Empty. Borrows store and gate. */
void plx_desk_init(struct plx_desk *desk, struct plx_store *store, struct plx_gate *gate);
void plx_desk_fini(struct plx_desk *desk);

/* Reads configuration, last verdicts and recent results from the store; admits the
 * agents' keys at the gate. Blocks: for the start. */
int plx_desk_load(struct plx_desk *desk, struct plx_why *why);

/* How far back results can still say something: three of the longest intervals, within
 * reason. */
int64_t plx_desk_window_ns(const struct plx_desk *desk);

/* Takes in an agent that the store has added. Returns its slot, or PLX_ROSTER_NONE. */
uint32_t plx_desk_add_agent(struct plx_desk *desk, const struct plx_store_agent *agent,
                            bool presumed);
/* The labels an agent was given, as the store has committed them: they select what it
 * probes and whom it counts as apart from. */
void plx_desk_set_labels(struct plx_desk *desk, uint32_t slot,
                         const struct plx_label *labels, size_t n);
/* Logs and carries out what the roster found. */
void plx_desk_note(struct plx_desk *desk, const struct plx_roster_notes *notes);
/* Another key of the agent's, as the store has committed it: the one before is admitted
 * too, until it is retired. */
void plx_desk_change_key(struct plx_desk *desk, uint32_t slot, const char *key);
void plx_desk_retire_old_key(struct plx_desk *desk, uint32_t slot);
/* A revocation or (un)draining that the store has committed. */
void plx_desk_revoke(struct plx_desk *desk, uint32_t slot);
void plx_desk_drain(struct plx_desk *desk, uint32_t slot, bool on);

/* We did nothing for `away_ns` (stopped, swapped out, a machine asleep): agents keep
 * their leases, and what is unsure meanwhile is no news. */
void plx_desk_excuse(struct plx_desk *desk, struct plx_mono now, struct plx_wall wall,
                     int64_t away_ns);

/* Our wall clock was set, by hand or by a time server: no view and no incident becomes
 * older or younger for that. */
void plx_desk_clock_set(struct plx_desk *desk, int64_t step_ns);
/* A few times a second: those presumed to be there are not silent to the judge, and the
 * store is told now and then that we run. */
void plx_desk_tick(struct plx_desk *desk, struct plx_wall wall);

/* Brings shares and judge up to date; steps for agents are owed afterwards. */
void plx_desk_settle(struct plx_desk *desk);

/* What agents are told of our keys from now on. */
void plx_desk_set_keys(struct plx_desk *desk, const char *current, const char *next);

/* Tokens, as the store has committed them. */
void plx_desk_add_token(struct plx_desk *desk, const struct plx_store_token *token);
struct plx_store_token *plx_desk_token(struct plx_desk *desk, uint64_t id);

#endif
