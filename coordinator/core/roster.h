/* The roster: every enrolled agent, who is connected, who is alive, whose clock is off.
 *
 * A step machine: events carry the time, what changed comes out as notes. It knows keys
 * only as text and sessions only as numbers that the caller gives; it opens nothing and
 * logs nothing. Agents get dense numbers (slots) in the order they are added; a slot is
 * never given to another agent, revoked ones keep theirs. One thread. */
#ifndef PLX_CORE_ROSTER_H
#define PLX_CORE_ROSTER_H

#include "base/monitor.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLX_ROSTER_MAX       16384u /* slots */
#define PLX_ROSTER_NONE      UINT32_MAX
#define PLX_ROSTER_NOTES_MAX 256 /* notes of one step, at most */
#define PLX_AGENT_KEY_MAX    41  /* Z85 of 32 bytes and a NUL */
#define PLX_AGENT_TROUBLES   16

/* value, token */
#define PLX_PRESENCE_TABLE(X)                                                            \
    X(NEVER, 0, "never")       /* enrolled, not heard from yet */                        \
    X(LIVE, 1, "live")         /* heard from within its lease */                         \
    X(LOST, 2, "lost")         /* not heard from for longer */                           \
    X(DRAINING, 3, "draining") /* alive, and being relieved of its share */              \
    X(REVOKED, 4, "revoked")   /* shut out for good */

enum plx_presence {
#define X(name, value, token) PLX_PRESENCE_##name = (value),
    PLX_PRESENCE_TABLE(X)
#undef X
};
const char *plx_presence_token(enum plx_presence presence);

/* What an agent last said of itself. */
struct plx_agent_vitals {
    uint64_t uptime_ms;
    uint64_t generation;
    uint64_t progress; /* probes finished since its start */
    uint64_t spool_rows, spool_bytes, spool_age_ms;
    uint32_t in_flight;
    uint32_t lag_ms;
    uint64_t skipped, lost;
    uint32_t rtt_us;
    char *troubles[PLX_AGENT_TROUBLES];
    size_t n_troubles;
};

struct plx_agent {
    uint64_t id;       /* the store's */
    uint64_t token_id; /* that it enrolled with; 0: none */
    char *name;
    char *region;
    struct plx_label *labels; /* given by the token or the operator: they select */
    size_t n_labels;
    struct plx_label *own_labels; /* what it says of itself: only shown */
    size_t n_own_labels;
    char key[PLX_AGENT_KEY_MAX];
    char old_key[PLX_AGENT_KEY_MAX]; /* still valid beside it; "": none */
    struct plx_wall enrolled;
    struct plx_wall last_seen; /* 0: never */
    bool revoked;
    bool drained; /* by the operator */

    uint64_t session; /* 0: not connected */
    uint64_t boot_id;
    uint64_t boot_before; /* of the session before the last change */
    char *software;
    bool alive; /* within its lease */
    bool stuck; /* heartbeats come, but its probes stand still */
    bool clock_off;
    bool doubled;  /* another process uses the same key */
    bool presumed; /* alive for all we know: not heard since an absence of ours */
    struct plx_mono heard;
    struct plx_mono moved;       /* when `progress` last changed */
    struct plx_mono clock_moved; /* when its offset last changed by as much as is
                                    reported; 0: never */
    struct plx_mono connected_at;
    int64_t offset_ns; /* to be added to its wall clock */
    struct plx_agent_vitals vitals;
};

struct plx_roster_policy {
    int64_t lease_ns;     /* default PLX_SESSION_LEASE_NS */
    int64_t return_ns;    /* after an absence of ours; default PLX_SESSION_RETURN_NS */
    int64_t clock_off_ns; /* an offset beyond this is reported; default 2 s */
    int64_t stuck_ns;     /* beyond three of its shortest intervals; default 15 s */
};
void plx_roster_policy_default(struct plx_roster_policy *ret);

/* What a step found out, in order. */
enum plx_roster_note_kind {
    PLX_NOTE_CONNECTED = 1, /* a session began */
    PLX_NOTE_BACK,          /* alive again (or for the first time) */
    PLX_NOTE_LOST,          /* the lease ran out */
    PLX_NOTE_LEFT,          /* said goodbye; the lease still holds its share */
    PLX_NOTE_REPLACED,      /* a newer session of the same key took over */
    PLX_NOTE_DOUBLED,       /* two processes use one key at the same time */
    PLX_NOTE_STUCK,
    PLX_NOTE_MOVING, /* no longer stuck */
    PLX_NOTE_CLOCK_OFF,
    PLX_NOTE_CLOCK_OK,
    PLX_NOTE_STANDING, /* drained, taken back or revoked */
};

struct plx_roster_note {
    enum plx_roster_note_kind kind;
    uint32_t slot;
};

struct plx_roster_notes {
    struct plx_roster_note list[PLX_ROSTER_NOTES_MAX];
    size_t n;
};

struct plx_roster;

/* `policy` is copied; NULL takes the defaults. */
struct plx_roster *plx_roster_new(const struct plx_roster_policy *policy);
void plx_roster_destroy(struct plx_roster **roster);

/* What the store knows of an agent; texts are copied. */
struct plx_roster_entry {
    uint64_t id;
    uint64_t token_id;
    const char *name;
    const char *region;
    const char *key;
    const struct plx_label *labels;
    size_t n_labels;
    const struct plx_label *own_labels;
    size_t n_own_labels;
    struct plx_wall enrolled;
    struct plx_wall last_seen;
    bool revoked;
    bool drained;
};

/* Adds an agent. With `presumed` it counts as alive until it is heard, at most for
 * `return_ns` from `now`: at a restart of the coordinator nobody loses a share for our
 * own absence. Returns 0, PLX_EEXISTS (id or name), PLX_ENOMEM (full), PLX_EINVAL (key).
 */
int plx_roster_add(struct plx_roster *roster, const struct plx_roster_entry *entry,
                   bool presumed, struct plx_mono now, uint32_t *ret_slot);

size_t plx_roster_count(const struct plx_roster *roster);
/* Lent until the roster's end, contents until the next step. NULL beyond the count. */
const struct plx_agent *plx_roster_at(const struct plx_roster *roster, uint32_t slot);
/* The slot, or PLX_ROSTER_NONE. A revoked agent is found by id and name, not by key; one
 * whose key was changed by both. */
uint32_t plx_roster_by_id(const struct plx_roster *roster, uint64_t id);
uint32_t plx_roster_by_name(const struct plx_roster *roster, const char *name);
uint32_t plx_roster_by_key(const struct plx_roster *roster, const char *key);
/* The value of a label that the agent was given; "" for none. */
const char *plx_agent_label(const struct plx_agent *agent, const char *key);
enum plx_presence plx_roster_presence(const struct plx_agent *agent);

/* A hello on session `session` (> 0, never used twice): it becomes the agent's only one.
 * `wall` is our wall clock, `agent_wall` what the agent's said. */
struct plx_roster_hello {
    uint32_t slot;
    uint64_t session;
    uint64_t boot_id;
    const char *software;
    struct plx_wall agent_wall;
    struct plx_wall wall;
    struct plx_mono now;
};
void plx_roster_hello(struct plx_roster *roster, const struct plx_roster_hello *hello,
                      struct plx_roster_notes *notes);

struct plx_roster_heartbeat {
    uint32_t slot;
    struct plx_agent_vitals vitals; /* texts are copied */
    int64_t offset_ns;              /* as the agent estimates, if vitals.rtt_us > 0 */
    int64_t shortest_interval_ns;   /* of its tasks; 0: it has none */
    struct plx_wall agent_wall;
    struct plx_wall wall;
    struct plx_mono now;
};
void plx_roster_heartbeat(struct plx_roster *roster,
                          const struct plx_roster_heartbeat *heartbeat,
                          struct plx_roster_notes *notes);

/* Any other message of the agent's present session. */
void plx_roster_heard(struct plx_roster *roster, uint32_t slot, struct plx_mono now,
                      struct plx_wall wall, struct plx_roster_notes *notes);
/* A message of a session that was replaced. */
void plx_roster_echo(struct plx_roster *roster, uint32_t slot, struct plx_mono now,
                     struct plx_roster_notes *notes);
void plx_roster_bye(struct plx_roster *roster, uint32_t slot,
                    struct plx_roster_notes *notes);

/* Replaces the labels that the agent was given, or those it says it has (copied). */
void plx_roster_set_labels(struct plx_roster *roster, uint32_t slot,
                           const struct plx_label *labels, size_t n);
void plx_roster_set_own_labels(struct plx_roster *roster, uint32_t slot,
                               const struct plx_label *labels, size_t n);

/* Another key from now on; the one before is valid too until it is retired. Returns 0 or
 * PLX_EEXISTS (somebody has it). */
int plx_roster_change_key(struct plx_roster *roster, uint32_t slot, const char *key);
void plx_roster_retire_old_key(struct plx_roster *roster, uint32_t slot);

/* Operator's decisions; a note STANDING if anything changed. */
void plx_roster_drain(struct plx_roster *roster, uint32_t slot, bool on,
                      struct plx_roster_notes *notes);
void plx_roster_revoke(struct plx_roster *roster, uint32_t slot,
                       struct plx_roster_notes *notes);

/* We ourselves heard nothing for `away_ns` until `now`: nobody loses a lease for that;
 * those who noticed and pause before they connect again are presumed alive meanwhile. And
 * times of messages that waited meanwhile say nothing about clocks. */
void plx_roster_excuse(struct plx_roster *roster, struct plx_mono now, int64_t away_ns);

/* Our wall clock was set by `step_ns`: the others' clocks are off by as much more. */
void plx_roster_clock_set(struct plx_roster *roster, int64_t step_ns);

/* Ends leases that ran out. What does not fit the notes waits for the next tick. */
void plx_roster_tick(struct plx_roster *roster, struct plx_mono now,
                     struct plx_roster_notes *notes);

/* The agent's time by our clock: corrected by its offset, never later than `wall`. */
struct plx_wall plx_roster_correct(const struct plx_agent *agent, struct plx_wall theirs,
                                   struct plx_wall wall);

#endif
