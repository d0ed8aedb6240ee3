/* The assignment: what this agent probes, by slot, with its generation and hash.
 *
 * A snapshot's tasks are taken in as its parts come, and what it did not name goes when
 * the last part has come; a delta must follow the generation held. Where anything does
 * not fit, PLX_ECONFLICT says that a resync is to be asked for (hello with the generation
 * and hash held). Slots are stable while a task stays. Address literals are parsed here,
 * once. 72 bytes a task, the host's name if it is one, and a greeting. Pure; one thread.
 */
#ifndef PLX_AGENT_CORE_JOBS_H
#define PLX_AGENT_CORE_JOBS_H

#include "proto/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plx_job {
    uint64_t monitor_id; /* 0: the slot is free */
    union {
        char *host;
        uint8_t bytes[16]; /* of the literal */
    };
    union {
        char *source;       /* NULL: the kernel's choice */
        uint32_t next_free; /* of a free slot */
    };
    struct plx_greeting *greeting; /* NULL: none */
    int64_t interval_ns;
    int64_t timeout_ns;
    uint16_t port;
    uint8_t family;                /* of the literal; 0: a name */
    uint8_t handshake, ip, expect; /* the enums of base/monitor.h */
    uint8_t addresses;             /* enum plx_addresses */
    bool confirm;
    bool marked;         /* named by the snapshot under way */
    uint8_t retry_state; /* plx_attempt_wants_retry's */
    uint8_t owed;        /* probes in a row that rates kept back, plx_pacer_ask's */
    uint16_t turn;       /* 0: none was given */
};

/* Told of each slot that was filled or changed (`gone` false) or emptied. */
typedef void plx_jobs_change_fn(void *arg, uint32_t slot, bool gone);

struct plx_jobs;

/* At most `max` tasks; aborts when memory is out. `fn` is called within the step
 * functions below. */
struct plx_jobs *plx_jobs_new(size_t max, plx_jobs_change_fn *fn, void *arg);
void plx_jobs_destroy(struct plx_jobs **jobs);

/* Takes in one part. Returns 0; PLX_ECONFLICT: out of order, the snapshot is abandoned;
 * PLX_ETOOBIG: more tasks than `max`. Copies. */
int plx_jobs_snapshot(struct plx_jobs *jobs, const struct plx_msg_snapshot *msg);
/* Returns 0 (also for a delta already held); PLX_ECONFLICT; PLX_ETOOBIG. Copies. */
int plx_jobs_delta(struct plx_jobs *jobs, const struct plx_msg_delta *msg);

uint64_t plx_jobs_generation(const struct plx_jobs *jobs);
uint64_t plx_jobs_hash(const struct plx_jobs *jobs);
size_t plx_jobs_count(const struct plx_jobs *jobs);
/* Slots known so far, free ones included. */
uint32_t plx_jobs_slots(const struct plx_jobs *jobs);
/* False while parts of a snapshot are still to come. */
bool plx_jobs_are_whole(const struct plx_jobs *jobs);

/* The job in `slot`, or NULL. Lent until the next step. */
struct plx_job *plx_jobs_at(struct plx_jobs *jobs, uint32_t slot);
/* The job as a task that borrows its texts. `text` is where a literal is written out;
 * NULL: not wanted, `host` is "" then. */
struct plx_task plx_job_task(const struct plx_job *job, char text[PLX_ADDR_TEXT_MAX]);
/* The literal; family 0: the job has a name. */
struct plx_addr plx_job_addr(const struct plx_job *job);
/* The slot of a monitor; false: not assigned. */
bool plx_jobs_find(const struct plx_jobs *jobs, uint64_t monitor_id, uint32_t *ret_slot);

#endif
