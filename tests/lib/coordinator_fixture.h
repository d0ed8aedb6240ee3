/* The coordinator's rooms on one loop, with scripted agents on the same loop: real
 * sockets, real CURVE, a real store, one thread and no sleeps. */
#ifndef PLX_TESTS_COORDINATOR_FIXTURE_H
#define PLX_TESTS_COORDINATOR_FIXTURE_H

#include "store_fixture.h"

#include "coordinator/io/admin.h"
#include "coordinator/io/alerts.h"
#include "coordinator/io/api.h"
#include "coordinator/io/enrol.h"
#include "coordinator/io/intake.h"
#include "coordinator/io/verdicts.h"

#include <jansson.h>
#include <pthread.h>

#define FIXTURE_AGENTS_MAX 32 /* open at once */

struct coordinator_fixture {
    struct store_fixture store;
    struct plx_loop *loop;
    struct plx_net *net;
    struct plx_gate *gate;
    struct plx_keypair keys, door_keys;
    pthread_t door;
    int door_fds[2];
    bool door_runs;
    struct plx_desk desk;
    struct plx_intake *intake;
    struct plx_worker *worker;
    struct plx_enrol *enrol;
    struct plx_alerts *alerts;
    struct plx_api *api;
    struct plx_admin *admin;
    bool (*until)(void *arg);
    void *until_arg;
    struct plx_mono deadline;
    bool timed_out;
    /* Of agents that are open. A test that fails leaves its agents behind, and their
     * structs are gone with its stack: with a socket of theirs open the network does not
     * end, and the failure would never be told. */
    struct plx_channel *channels[FIXTURE_AGENTS_MAX];
    size_t n_channels;
    /* The last answer of the API. */
    unsigned n_answers, n_parts;
    int err;
    char why[PLX_WHY_MAX];
    json_t *answer;
};

void coordinator_up(struct coordinator_fixture *fx);
/* Stops and starts on the same store. Agents are to be closed before, as their sockets
 * are on the same loop. */
void coordinator_restart(struct coordinator_fixture *fx);
/* Its two halves: in between, nobody has the database open. */
void coordinator_stop(struct coordinator_fixture *fx);
void coordinator_start(struct coordinator_fixture *fx);
/* Closes agents that are still open, as they are after a failure. */
void coordinator_down(struct coordinator_fixture *fx);

/* Runs the loop until `until` says so; fails the test after 30 s. */
void coordinator_await(struct coordinator_fixture *fx, bool (*until)(void *arg),
                       void *arg);
/* Asks and waits for the last answer, lent until the next question. */
json_t *coordinator_ask(struct coordinator_fixture *fx, const char *method,
                        const char *body);
/* Asks; answers come while the loop runs. */
void coordinator_submit(struct coordinator_fixture *fx, const char *method,
                        const char *body);

/* The body of "apply" for a list of monitors in YAML; lines end with "\\n". */
#define COORDINATOR_APPLY(list) "{\"file\":\"test\",\"text\":\"monitors:\\n" list "\"}"
/* Applies; fails the test where that is refused. */
void coordinator_apply(struct coordinator_fixture *fx, const char *body);
/* A monitor of an answer's "monitors", or NULL. */
json_t *coordinator_monitor(json_t *answer, const char *name);
/* Lets the judge think; the monitor's verdict, lent until the next question. */
const char *coordinator_verdict(struct coordinator_fixture *fx, const char *monitor);
/* Waits until what agents reported is stored. */
void coordinator_await_store(struct coordinator_fixture *fx);
const char *json_text_at(json_t *object, const char *key);

/* A scripted peer: of the agents' door, or of the enrolment's. */
struct scripted_agent {
    struct coordinator_fixture *fx;
    struct plx_keypair keys;
    struct plx_channel *channel;
    struct plx_wire_decoder *decoder;
    unsigned heard[32]; /* messages by type */
    unsigned wanted;
    enum plx_msg_type wanted_type;
    char name[PLX_NAME_MAX + 1];
    char region[PLX_WORD_MAX + 1];
    int refused;
    uint64_t acked_stream, acked_seq;
    uint64_t generation;
    size_t n_tasks; /* of the last snapshot or delta */
    size_t n_removals;
    uint64_t task_id; /* of its first task */
    uint64_t request_id;
    uint8_t flows; /* of the last trace it was asked for */
};

void agent_connect(struct scripted_agent *agent, struct coordinator_fixture *fx,
                   const struct plx_keypair *keys, const char *endpoint);
/* The same under a routing id of its choice. */
void agent_connect_as(struct scripted_agent *agent, struct coordinator_fixture *fx,
                      const struct plx_keypair *keys, const char *endpoint,
                      const void *id, size_t len);
void agent_close(struct scripted_agent *agent);
void agent_say(struct scripted_agent *agent, const struct plx_msg *msg);
void agent_say_bytes(struct scripted_agent *agent, const char *bytes, size_t len);
/* Waits for one more message of the type than it has heard so far. */
void agent_await(struct scripted_agent *agent, enum plx_msg_type type);
/* The same, counted from `had`. */
void agent_await_beyond(struct scripted_agent *agent, enum plx_msg_type type,
                        unsigned had);

/* Makes a token, enrols with new keys under `name`, says hello. */
void agent_join(struct scripted_agent *agent, struct coordinator_fixture *fx,
                const char *region, const char *name);
void agent_hello(struct scripted_agent *agent);
/* The same with a clock that says so. */
void agent_hello_at(struct scripted_agent *agent, struct plx_wall wall);
/* A result of now. */
struct plx_result agent_result(uint64_t monitor_id, enum plx_outcome outcome);
void agent_report(struct scripted_agent *agent, uint64_t first_seq,
                  const struct plx_result *results, size_t n);
/* Results of an older stream than the one of agent_report. */
void agent_report_backlog(struct scripted_agent *agent, uint64_t first_seq,
                          const struct plx_result *results, size_t n);

#endif
