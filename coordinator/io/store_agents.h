/* Reading and making agents, for the rooms that do: agents, tokens (enrolment), load.
 * Private to coordinator/io/store*. */
#ifndef PLX_COORDINATOR_STORE_AGENTS_H
#define PLX_COORDINATOR_STORE_AGENTS_H

#include "coordinator/io/store_config.h"
#include "coordinator/io/store_impl.h"

/* Of two words of PLX_WORD_MAX bytes with quotes each, for PLX_WIRE_LABELS_MAX labels. */
#define PLX_STORE_LABELS_JSON_MAX 8192

#define PLX_STORE_AGENT_COLUMNS                                                          \
    "id, name, region, public_key, state, labels, own_labels, software, token_id, "      \
    "created_us, last_seen_us"

struct plx_store_new_agent {
    const char *name;
    const char *region;
    const char *public_key;
    const struct plx_label *labels;
    size_t n_labels;
    const struct plx_label *own_labels;
    size_t n_own_labels;
    const char *software;
    uint64_t token_id;
    const char *who;
    struct plx_wall now;
};

/* A job that ends with an agent. */
struct plx_store_agent_job {
    struct plx_store_job job;
    plx_store_agent_fn *done;
    struct plx_store_new_agent want;
    struct plx_store_agent agent; /* of the last run */
    uint8_t secret_hash[32];      /* enrolment only */
};
void plx_store_agent_finish(struct plx_store_job *job);
void plx_store_agent_job_fini(struct plx_store_job *job);

/* The agent in a row of PLX_STORE_AGENT_COLUMNS; gives `ret`. */
int plx_store_agent_read(struct plx_db *db, sqlite3_stmt *s, struct plx_store_agent *ret);
/* 0 or PLX_ENOTFOUND; gives `ret`. */
int plx_store_agent_by_id(struct plx_db *db, uint64_t id, struct plx_store_agent *ret);
/* Makes it, logs it, gives it. */
int plx_store_agent_insert(struct plx_store *store, const struct plx_store_new_agent *a,
                           struct plx_store_agent *ret, struct plx_why *why);

#define PLX_STORE_TOKEN_COLUMNS                                                          \
    "id, region, labels, note, uses_left, revoked, created_us, expires_us"

/* The token in a row of PLX_STORE_TOKEN_COLUMNS; gives `ret`. */
int plx_store_token_read(struct plx_db *db, sqlite3_stmt *s, struct plx_store_token *ret);

#endif
