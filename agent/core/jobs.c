#include "agent/core/jobs.h"

#include "base/err.h"
#include "base/rng.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define NO_SLOT UINT32_MAX

_Static_assert(sizeof(struct plx_job) <= 72, "a job has grown");

struct plx_jobs {
    struct plx_job *slots;
    size_t n_slots, cap_slots, n_used, max;
    uint32_t free_head;
    uint32_t *index; /* open addressing: slot + 1, 0: empty */
    size_t index_mask;
    uint64_t generation, hash;
    uint64_t arriving; /* generation of the snapshot under way, 0: none */
    uint32_t next_part, parts;
    plx_jobs_change_fn *fn;
    void *arg;
};

struct plx_jobs *plx_jobs_new(size_t max, plx_jobs_change_fn *fn, void *arg)
{
    struct plx_jobs *jobs = calloc(1, sizeof *jobs);
    if (!jobs)
        abort();
    jobs->max = max;
    jobs->free_head = NO_SLOT;
    jobs->fn = fn;
    jobs->arg = arg;
    return jobs;
}

static void free_texts(struct plx_job *job)
{
    if (job->family == 0)
        free(job->host);
    free(job->source);
    if (job->greeting)
        plx_greeting_fini(job->greeting);
    free(job->greeting);
}

void plx_jobs_destroy(struct plx_jobs **jobs)
{
    if (!*jobs)
        return;
    for (size_t i = 0; i < (*jobs)->n_slots; i++)
        if ((*jobs)->slots[i].monitor_id)
            free_texts(&(*jobs)->slots[i]);
    free((*jobs)->slots);
    free((*jobs)->index);
    free(*jobs);
    *jobs = NULL;
}

/* Where the monitor's slot stands in the index, or the empty place it would take. */
static size_t place_of(const struct plx_jobs *jobs, uint64_t monitor_id)
{
    size_t i = plx_hash_mix(monitor_id) & jobs->index_mask;
    while (jobs->index[i] != 0 &&
           jobs->slots[jobs->index[i] - 1].monitor_id != monitor_id)
        i = (i + 1) & jobs->index_mask;
    return i;
}

static void grow_index(struct plx_jobs *jobs)
{
    size_t n = jobs->index ? (jobs->index_mask + 1) * 2 : 64;
    free(jobs->index);
    jobs->index = calloc(n, sizeof *jobs->index);
    if (!jobs->index)
        abort();
    jobs->index_mask = n - 1;
    for (uint32_t s = 0; s < jobs->n_slots; s++)
        if (jobs->slots[s].monitor_id)
            jobs->index[place_of(jobs, jobs->slots[s].monitor_id)] = s + 1;
}

/* Deletes the entry at `hole` and moves followers up (Knuth 6.4, algorithm R). */
static void unindex(struct plx_jobs *jobs, size_t hole)
{
    size_t i = hole;
    for (;;) {
        jobs->index[hole] = 0;
        size_t home;
        do {
            i = (i + 1) & jobs->index_mask;
            if (jobs->index[i] == 0)
                return;
            home = plx_hash_mix(jobs->slots[jobs->index[i] - 1].monitor_id) &
                   jobs->index_mask;
        } while (((i - home) & jobs->index_mask) < ((i - hole) & jobs->index_mask));
        jobs->index[hole] = jobs->index[i];
        hole = i;
    }
}

static uint32_t take_slot(struct plx_jobs *jobs)
{
    if (jobs->free_head != NO_SLOT) {
        uint32_t slot = jobs->free_head;
        jobs->free_head = jobs->slots[slot].next_free;
        return slot;
    }
    if (jobs->n_slots == jobs->cap_slots) {
        size_t cap = jobs->cap_slots ? jobs->cap_slots * 2 : 64;
        jobs->slots = realloc(jobs->slots, cap * sizeof *jobs->slots);
        if (!jobs->slots)
            abort();
        jobs->cap_slots = cap;
    }
    return (uint32_t)jobs->n_slots++;
}

struct plx_addr plx_job_addr(const struct plx_job *job)
{
    struct plx_addr addr = {.family = job->family};
    if (addr.family)
        memcpy(addr.bytes, job->bytes, sizeof addr.bytes);
    return addr;
}

struct plx_task plx_job_task(const struct plx_job *job, char text[PLX_ADDR_TEXT_MAX])
{
    const struct plx_addr addr = plx_job_addr(job);
    const char *literal = text ? plx_addr_format(&addr, text) : "";
    return (struct plx_task){.monitor_id = job->monitor_id,
                             .host = job->family ? literal : job->host,
                             .port = job->port,
                             .interval_ns = job->interval_ns,
                             .timeout_ns = job->timeout_ns,
                             .handshake = (enum plx_handshake)job->handshake,
                             .ip = (enum plx_ip)job->ip,
                             .source = job->source ? job->source : "",
                             .expect = (enum plx_expect)job->expect,
                             .addresses = (enum plx_addresses)job->addresses,
                             .confirm = job->confirm,
                             .turn = job->turn,
                             .greeting = job->greeting ? *job->greeting
                                                       : (struct plx_greeting){0}};
}

static struct plx_greeting *greeting_of(const struct plx_task *task)
{
    if (plx_greeting_is_none(&task->greeting))
        return NULL;
    struct plx_greeting *greeting = malloc(sizeof *greeting);
    if (!greeting)
        abort();
    plx_greeting_copy(greeting, &task->greeting);
    return greeting;
}

/* Takes the host in as an address where it is one, of the wanted family, and written as
 * we write it: the task that was meant can be told again then. */
static void set_host(struct plx_job *job, const struct plx_task *task)
{
    struct plx_addr addr;
    char text[PLX_ADDR_TEXT_MAX];
    bool literal = plx_addr_parse(task->host, &addr) == 0 &&
                   (task->ip == PLX_IP_ANY || (uint8_t)task->ip == addr.family) &&
                   strcmp(plx_addr_format(&addr, text), task->host) == 0;
    job->family = literal ? addr.family : 0;
    if (literal)
        memcpy(job->bytes, addr.bytes, sizeof addr.bytes);
    else
        job->host = plx_text_dup(task->host);
}

static void fill(struct plx_job *job, const struct plx_task *task)
{
    uint8_t retry_state = job->retry_state;
    *job = (struct plx_job){.monitor_id = task->monitor_id,
                            .source = *task->source ? plx_text_dup(task->source) : NULL,
                            .interval_ns = task->interval_ns,
                            .timeout_ns = task->timeout_ns,
                            .port = task->port,
                            .handshake = (uint8_t)task->handshake,
                            .ip = (uint8_t)task->ip,
                            .expect = (uint8_t)task->expect,
                            .addresses = (uint8_t)task->addresses,
                            .confirm = task->confirm,
                            .turn = task->turn,
                            .greeting = greeting_of(task),
                            .retry_state = retry_state};
    set_host(job, task);
}

static uint64_t hash_of(const struct plx_job *job)
{
    char text[PLX_ADDR_TEXT_MAX];
    struct plx_task task = plx_job_task(job, text);
    return plx_task_hash(&task);
}

static void empty(struct plx_jobs *jobs, struct plx_job *job)
{
    jobs->hash -= hash_of(job);
    free_texts(job);
}

static int upsert(struct plx_jobs *jobs, const struct plx_task *task, bool mark)
{
    if (!jobs->index || jobs->n_used * 2 > jobs->index_mask)
        grow_index(jobs);
    size_t place = place_of(jobs, task->monitor_id);
    bool is_new = jobs->index[place] == 0;
    if (is_new && jobs->n_used == jobs->max)
        return PLX_ETOOBIG;
    uint32_t slot = is_new ? take_slot(jobs) : jobs->index[place] - 1;
    struct plx_job *job = &jobs->slots[slot];
    bool same = !is_new && hash_of(job) == plx_task_hash(task);
    if (is_new) {
        *job = (struct plx_job){0};
        jobs->index[place] = slot + 1;
        jobs->n_used++;
    } else if (!same) {
        empty(jobs, job);
    }
    if (!same) {
        fill(job, task);
        jobs->hash += plx_task_hash(task);
        jobs->fn(jobs->arg, slot, false);
    } else if (job->turn != task->turn) {
        job->turn = task->turn;
        jobs->fn(jobs->arg, slot, false);
    }
    job->marked = mark;
    return 0;
}

static void drop(struct plx_jobs *jobs, uint32_t slot)
{
    struct plx_job *job = &jobs->slots[slot];
    jobs->fn(jobs->arg, slot, true);
    unindex(jobs, place_of(jobs, job->monitor_id));
    empty(jobs, job);
    *job = (struct plx_job){.next_free = jobs->free_head};
    jobs->free_head = slot;
    jobs->n_used--;
}

static void sweep(struct plx_jobs *jobs)
{
    for (uint32_t s = 0; s < jobs->n_slots; s++) {
        if (jobs->slots[s].monitor_id && !jobs->slots[s].marked)
            drop(jobs, s);
        else
            jobs->slots[s].marked = false;
    }
}

static void begin_snapshot(struct plx_jobs *jobs, const struct plx_msg_snapshot *msg)
{
    for (size_t s = 0; s < jobs->n_slots; s++)
        jobs->slots[s].marked = false;
    jobs->arriving = msg->generation;
    jobs->next_part = 0;
    jobs->parts = msg->parts;
}

int plx_jobs_snapshot(struct plx_jobs *jobs, const struct plx_msg_snapshot *msg)
{
    if (msg->part == 0)
        begin_snapshot(jobs, msg);
    bool fits = jobs->arriving == msg->generation && msg->generation != 0 &&
                jobs->next_part == msg->part && jobs->parts == msg->parts;
    int err = fits ? 0 : PLX_ECONFLICT;
    for (size_t i = 0; !err && i < msg->n_tasks; i++)
        err = upsert(jobs, &msg->tasks[i], true);
    if (err) {
        jobs->arriving = 0;
        return err;
    }
    if (++jobs->next_part >= jobs->parts) {
        sweep(jobs);
        jobs->generation = jobs->arriving;
        jobs->arriving = 0;
    }
    return 0;
}

int plx_jobs_delta(struct plx_jobs *jobs, const struct plx_msg_delta *msg)
{
    if (jobs->arriving)
        return PLX_ECONFLICT;
    if (msg->generation <= jobs->generation && msg->generation != 0)
        return 0;
    if (msg->from_generation != jobs->generation)
        return PLX_ECONFLICT;
    for (size_t i = 0; i < msg->n_removals; i++) {
        uint32_t slot;
        if (plx_jobs_find(jobs, msg->removals[i], &slot))
            drop(jobs, slot);
    }
    for (size_t i = 0; i < msg->n_upserts; i++) {
        int err = upsert(jobs, &msg->upserts[i], false);
        if (err)
            return err;
    }
    jobs->generation = msg->generation;
    return 0;
}

uint64_t plx_jobs_generation(const struct plx_jobs *jobs)
{
    return jobs->generation;
}

uint64_t plx_jobs_hash(const struct plx_jobs *jobs)
{
    return jobs->hash;
}

size_t plx_jobs_count(const struct plx_jobs *jobs)
{
    return jobs->n_used;
}

uint32_t plx_jobs_slots(const struct plx_jobs *jobs)
{
    return (uint32_t)jobs->n_slots;
}

bool plx_jobs_are_whole(const struct plx_jobs *jobs)
{
    return jobs->arriving == 0;
}

struct plx_job *plx_jobs_at(struct plx_jobs *jobs, uint32_t slot)
{
    if (slot >= jobs->n_slots || !jobs->slots[slot].monitor_id)
        return NULL;
    return &jobs->slots[slot];
}

bool plx_jobs_find(const struct plx_jobs *jobs, uint64_t monitor_id, uint32_t *ret_slot)
{
    if (!jobs->index || monitor_id == 0)
        return false;
    uint32_t entry = jobs->index[place_of(jobs, monitor_id)];
    if (entry == 0)
        return false;
    *ret_slot = entry - 1;
    return true;
}
