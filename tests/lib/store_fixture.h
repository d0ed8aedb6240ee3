/* A store in a folder of its own, and waiting for its completions: for the tests and
 * benchmarks of the store. */
#ifndef PLX_TESTS_STORE_FIXTURE_H
#define PLX_TESTS_STORE_FIXTURE_H

#include "base/text.h"
#include "coordinator/io/store_config.h"
#include "coordinator/io/store_history.h"

struct store_fixture {
    char dir[64];
    struct plx_store_options options;
    struct plx_store *store;
    /* The last completion. */
    unsigned n_done;
    int err;
    char why[PLX_WHY_MAX];
    struct plx_store_ingested ingested; /* `fresh` is cleared */
    uint64_t first_fresh;               /* seq of the first one, 0 if none */
    uint64_t total_fresh;               /* over all completions */
    uint64_t generation;
    uint64_t ids[8]; /* of the first upserts of an application */
    enum plx_store_change changes[8];
    uint64_t removed_ids[8];
    uint64_t agent_id, token_id;
    char agent_name[PLX_NAME_MAX + 1];
    char region[PLX_WORD_MAX + 1];
    size_t n_labels;
};

/* A new folder; the store is not open yet. Groups do not wait for company. */
void fixture_init(struct store_fixture *fx);
/* The same under another folder than /tmp. */
void fixture_init_in(struct store_fixture *fx, const char *parent);
/* Opens it, demanding success. */
void fixture_open(struct store_fixture *fx);
/* Tries to; keeps the sentence in fx->why. */
int fixture_try_open(struct store_fixture *fx);
/* Stops it, delivers what is left, closes. */
void fixture_close(struct store_fixture *fx);
/* Closes and removes the folder. */
void fixture_fini(struct store_fixture *fx);

/* Waits until `n` completions have come in all. Fails the test after 20 s. */
void fixture_await(struct store_fixture *fx, unsigned n);

/* Completions of every kind. The argument is the fixture. */
void fixture_on_done(void *arg, int err, const char *why);
void fixture_on_ingest(void *arg, int err, const struct plx_store_ingested *batch);
void fixture_on_apply(void *arg, int err, const char *why,
                      const struct plx_store_applied *applied);
void fixture_on_agent(void *arg, int err, const char *why,
                      const struct plx_store_agent *agent);
void fixture_on_token(void *arg, int err, const char *why,
                      const struct plx_store_token *token);

/* Noon of 2026-11-23. */
extern const struct plx_wall FIXTURE_NOON;

/* Result number `seq` of an agent: all of its fields follow from the arguments. */
struct plx_result fixture_result(uint64_t agent_id, uint64_t seq);

/* Submits `n` results from `first` on, all in one batch. */
int fixture_submit(struct store_fixture *fx, uint64_t agent_id, uint64_t stream_id,
                   uint64_t first, size_t n, struct plx_wall received);
/* The same, waits for it and demands success. */
void fixture_ingest(struct store_fixture *fx, uint64_t agent_id, uint64_t stream_id,
                    uint64_t first, size_t n);
/* A LOST range; waits. */
void fixture_lose(struct store_fixture *fx, uint64_t agent_id, uint64_t stream_id,
                  uint64_t first, uint64_t n);

/* How many rows there are in all, each checked to be what fixture_result made, and each
 * stream's numbers to be without repeat. */
size_t fixture_count_rows(struct store_fixture *fx);

/* "DIR/name", lent until the next call. */
const char *fixture_path(struct store_fixture *fx, const char *name);

/* A valid public key, a different one for each number. */
const char *fixture_key(unsigned number, char buf[PLX_KEY_TEXT_MAX]);

#endif
