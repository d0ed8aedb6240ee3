/* The store's configuration room: monitors, agents, tokens, access.
 *
 * Changes are impatient jobs (see store.h), each one atomic, each with a line in the log
 * of changes that names `who` asked for it. Reading happens once, at the start
 * (plx_store_load); afterwards the coordinator's memory is the truth that it keeps in
 * step by the completions. */
#ifndef PLX_COORDINATOR_STORE_CONFIG_H
#define PLX_COORDINATOR_STORE_CONFIG_H

#include "coordinator/io/store.h"
#include "sys/channel.h"

/* A field of a change: NULL where there was, or is, none; both NULL: it changed, and is
 * not told. */
struct plx_store_field {
    const char *key, *was, *now;
};

/* ---- monitors ---- */

enum plx_store_change {
    PLX_STORE_UNCHANGED,
    PLX_STORE_CREATED,
    PLX_STORE_UPDATED,
};

/* A section of the alerting configuration, as text: it takes the place of the one before.
 */
struct plx_store_section {
    const char *section; /* "receivers", "routes", "maintenance" */
    const char *text;
    const struct plx_store_field *fields; /* for the log, if the text changes */
    size_t n_fields;
};
#define PLX_STORE_SECTIONS_MAX 3

struct plx_store_apply {
    const struct plx_monitor *upserts; /* by name; ids are ignored */
    size_t n_upserts;
    const char *const *removals; /* names */
    size_t n_removals;
    const struct plx_store_section *sections;
    size_t n_sections;
    uint64_t expect_generation; /* apply only to this one; 0: to any */
    const char *who;
    struct plx_wall now;
};

#define PLX_STORE_APPLY_MAX 200000 /* upserts and removals in one job */

/* What one application did. Lent for the call. */
struct plx_store_applied {
    uint64_t generation;               /* the new one; the old one if nothing changed */
    const struct plx_monitor *upserts; /* as submitted, with their ids */
    const enum plx_store_change *changes; /* of each upsert */
    size_t n_upserts;
    const uint64_t *removed_ids; /* of each removal */
    size_t n_removals;
};

/* `applied` is NULL if err is not 0. */
typedef void plx_store_apply_fn(void *arg, int err, const char *why,
                                const struct plx_store_applied *applied);

/* All of it or nothing, under a new generation number. Ids are never used twice, so a
 * name that is removed and made again is another monitor. Copies. `done` gets
 * PLX_ENOTFOUND (a removal that names no monitor), PLX_ECONFLICT (another generation),
 * PLX_EINVAL (a name that is in it twice). */
int plx_store_apply(struct plx_store *store, const struct plx_store_apply *apply,
                    plx_store_apply_fn *done, void *arg);

/* ---- agents ---- */

/* Values are in the database. */
enum plx_agent_state {
    PLX_AGENT_ACTIVE = 0,
    PLX_AGENT_DRAINING = 1, /* gets no new work */
    PLX_AGENT_REVOKED = 2,  /* for ever; its name is free again, its key is not */
};
/* "active", "draining", "revoked"; never NULL. */
const char *plx_agent_state_token(enum plx_agent_state state);

#define PLX_STORE_SOFTWARE_MAX 64

/* Owned by whoever has it: plx_store_agent_fini. */
struct plx_store_agent {
    uint64_t id;
    char *name; /* unique among those not revoked */
    char *region;
    char public_key[PLX_KEY_TEXT_MAX]; /* nobody else has it or ever had it */
    enum plx_agent_state state;
    struct plx_label *labels; /* given by the token or the operator */
    size_t n_labels;
    struct plx_label *own_labels; /* what the agent says of itself */
    size_t n_own_labels;
    char *software;    /* "" before the first hello */
    uint64_t token_id; /* that it enrolled with; 0: added by hand */
    struct plx_wall created;
    struct plx_wall last_seen; /* 0: never */
};
void plx_store_agent_fini(struct plx_store_agent *agent);

/* `agent` is NULL if err is not 0; lent for the call. */
typedef void plx_store_agent_fn(void *arg, int err, const char *why,
                                const struct plx_store_agent *agent);

struct plx_store_agent_add {
    const char *name;
    const char *region;
    const char *public_key;
    const struct plx_label *labels;
    size_t n_labels;
    const char *who;
    struct plx_wall now;
};

/* PLX_EEXISTS: the name is taken, or an agent has or had the key. Copies. */
int plx_store_add_agent(struct plx_store *store, const struct plx_store_agent_add *add,
                        plx_store_agent_fn *done, void *arg);

/* PLX_ENOTFOUND; PLX_ECONFLICT: it is revoked, and stays so. */
int plx_store_set_agent_state(struct plx_store *store, uint64_t agent_id,
                              enum plx_agent_state state, const char *who,
                              struct plx_wall now, plx_store_done_fn *done, void *arg);

/* Replaces the agent's key; the one before is nobody's any more, not even its own. Once
 * more the same key changes nothing. PLX_ENOTFOUND; PLX_EEXISTS: an agent has or had that
 * key; PLX_ECONFLICT: it is revoked. */
int plx_store_set_agent_key(struct plx_store *store, uint64_t agent_id, const char *key,
                            struct plx_wall now, plx_store_done_fn *done, void *arg);

/* Replaces the labels it was given. PLX_ENOTFOUND, PLX_EINVAL. Copies. */
int plx_store_set_agent_labels(struct plx_store *store, uint64_t agent_id,
                               const struct plx_label *labels, size_t n, const char *who,
                               struct plx_wall now, plx_store_done_fn *done, void *arg);

/* Notes that the agent is there, with what its hello said (its own labels). `software`
 * NULL: leaves software and labels as they are. Patient, not logged. `done` may be NULL.
 */
int plx_store_touch_agent(struct plx_store *store, uint64_t agent_id,
                          struct plx_wall last_seen, const char *software,
                          const struct plx_label *labels, size_t n_labels,
                          plx_store_done_fn *done, void *arg);

/* ---- tokens ---- */

/* Owned by whoever has it: plx_store_token_fini. The secret is not in it: only its
 * BLAKE2b hash is kept. */
struct plx_store_token {
    uint64_t id;
    char *region;
    struct plx_label *labels; /* given to the agents that enrol with it */
    size_t n_labels;
    char *note;
    uint32_t uses_left;
    bool revoked;
    struct plx_wall created;
    struct plx_wall expires;
};
void plx_store_token_fini(struct plx_store_token *token);

#define PLX_STORE_SECRET_MIN 16 /* bytes of a token's secret text */
#define PLX_STORE_SECRET_MAX 256

struct plx_store_token_add {
    const char *secret; /* random text from the caller, who wipes its own copy */
    const char *region;
    const struct plx_label *labels;
    size_t n_labels;
    const char *note;
    uint32_t uses;
    struct plx_wall expires;
    const char *who;
    struct plx_wall now;
};

/* `token` is NULL if err is not 0; lent for the call. */
typedef void plx_store_token_fn(void *arg, int err, const char *why,
                                const struct plx_store_token *token);

int plx_store_add_token(struct plx_store *store, const struct plx_store_token_add *add,
                        plx_store_token_fn *done, void *arg);

/* PLX_ENOTFOUND: no such token. */
int plx_store_revoke_token(struct plx_store *store, uint64_t token_id, const char *who,
                           struct plx_wall now, plx_store_done_fn *done, void *arg);

struct plx_store_enrol {
    const char *secret;
    const char *public_key;         /* as the channel authenticated it */
    const char *name;               /* wished for; "": "<region>-<number>" */
    const struct plx_label *labels; /* the agent's own: only shown */
    size_t n_labels;
    const char *software;
    struct plx_wall now;
};

/* Spends one use of a token and makes the agent, in one step. An agent that asks again
 * with the same token and key (it did not hear the answer) gets the same answer and
 * spends nothing. `done` gets PLX_EDENIED (no such secret), PLX_ETIMEOUT (expired),
 * PLX_EGONE (revoked), PLX_ECONFLICT (used up), PLX_EEXISTS (name or key taken),
 * PLX_EINVAL (a bad name or label). */
int plx_store_enrol(struct plx_store *store, const struct plx_store_enrol *enrol,
                    plx_store_agent_fn *done, void *arg);

/* ---- access: who may use the HTTP API ---- */

/* Values are in the database. */
enum plx_access_kind {
    PLX_ACCESS_USER = 0,  /* a person with a password */
    PLX_ACCESS_TOKEN = 1, /* a program with a token */
};

/* Owned by whoever has it: plx_store_access_fini. Names are unique within a kind. */
struct plx_store_access {
    enum plx_access_kind kind;
    char *name;
    char *role;              /* "viewer", "operator", "admin" */
    char *secret;            /* a hash, as schema/003.sql says; never the secret itself */
    struct plx_wall created; /* set by the store */
    struct plx_wall expires; /* 0: never */
};
void plx_store_access_fini(struct plx_store_access *access);

/* Adds one, or gives the one of that kind and name a new role, secret and end. Copies.
 * PLX_EINVAL: a bad name or role, or no secret. */
int plx_store_put_access(struct plx_store *store, const struct plx_store_access *access,
                         const char *who, struct plx_wall now, plx_store_done_fn *done,
                         void *arg);
/* PLX_ENOTFOUND. */
int plx_store_remove_access(struct plx_store *store, enum plx_access_kind kind,
                            const char *name, const char *who, struct plx_wall now,
                            plx_store_done_fn *done, void *arg);

/* ---- what changes outside of the store ---- */

/* Logs a change that is made already, with a field of it. Copies. Impatient; nobody hears
 * how it went. */
int plx_store_note_change(struct plx_store *store, const char *who, const char *what,
                          const char *subject, const struct plx_store_field *field,
                          struct plx_wall now);

/* ---- reading all of it ---- */

struct plx_store_config {
    uint64_t generation;          /* 0: nothing was ever applied */
    struct plx_wall last_ran;     /* as noted last; 0: never */
    struct plx_monitor *monitors; /* by id, ascending; so are the others */
    size_t n_monitors;
    struct plx_store_agent *agents; /* revoked ones too */
    size_t n_agents;
    struct plx_store_token *tokens; /* expired, used and revoked ones too */
    size_t n_tokens;
    struct plx_store_access *access; /* by kind and name; expired ones too */
    size_t n_access;
};

/* Notes that the coordinator runs. Impatient, not logged; nobody hears how it went. */
int plx_store_note_running(struct plx_store *store, struct plx_wall now);

/* Everything, as last committed. Gives `ret` (plx_store_config_fini). Blocks for the
 * read: for the start. */
int plx_store_load(struct plx_store *store, struct plx_store_config *ret,
                   struct plx_why *why);
void plx_store_config_fini(struct plx_store_config *config);

#endif
