#include "store_disk.h"

#include "base/err.h"
#include "base/text.h"
#include "coordinator/core/judge.h"
#include "coordinator/io/gate.h"
#include "coordinator/io/store_config.h"
#include "coordinator/io/store_history.h"
#include "coordinator/io/store_uptime.h"
#include "ledger.h"
#include "net.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

#define GROUP_NS  (20 * PLX_MS_NS)
#define RETRY_NS  PLX_SEC_NS
#define QUEUE_MAX 512
/* What is decided of incidents has nowhere else to wait, and always finds room. */
#define ROOM_MAX  (QUEUE_MAX * 4 / 3)
/* Rows kept for a restart: more than any window asks for. */
#define KEEP_NS   (4 * PLX_HOUR_NS)

enum job_kind { INGEST, TOUCH, RUNS, VERDICTS, ROOM };

struct job {
    struct job *next;
    enum job_kind kind;
    uint32_t agent;
    struct plx_wall at; /* received, seen, or ruled */
    /* INGEST */
    uint64_t stream, first, lost;
    struct plx_result *results;
    size_t n;
    struct plx_dedup dedup;
    plx_store_ingest_fn *ingested;
    /* VERDICTS */
    uint64_t *monitors;
    enum plx_judge_verdict *verdicts;
    plx_store_done_fn *done;
    void *arg;
    /* ROOM */
    const struct plx_sim_job *room;
    void *work;
};

struct jobs {
    struct job *head, *tail;
    size_t n;
};

struct plx_store {
    uint32_t life;
    enum plx_store_state state;
    struct jobs queue, committing, told;
    bool group_is_due;
};

struct mark {
    uint32_t agent;
    uint64_t stream;
    uint64_t high_water; /* as decided */
    uint64_t durable;    /* behind it only in a broken build */
};

/* What is on disk. */
static struct {
    struct plx_store_agent agents[PLX_SIM_NODES_MAX];
    uint32_t n_agents;
    struct plx_monitor *monitors;
    size_t n_monitors;
    uint64_t next_monitor_id, generation;
    struct mark *marks;
    size_t n_marks, cap_marks;
    struct plx_store_row *rows;
    size_t n_rows, cap_rows;
    struct {
        enum plx_judge_verdict verdict;
        struct plx_wall at;
        bool known;
    } last[4096]; /* by monitor id */
    struct plx_wall last_ran;
    int64_t slow_until;
} disk;

struct plx_sim_store_counts plx_sim_store_counts;

void plx_sim_store_begin(void)
{
    memset(&disk, 0, sizeof disk);
    plx_sim_store_counts = (struct plx_sim_store_counts){0};
    disk.generation = 1;
}

static void fini_agent(struct plx_store_agent *a)
{
    free(a->name);
    free(a->region);
    free(a->software);
    for (size_t i = 0; i < a->n_labels; i++) {
        free(a->labels[i].key);
        free(a->labels[i].value);
    }
    free(a->labels);
}

void plx_sim_store_end(void)
{
    for (uint32_t i = 0; i < disk.n_agents; i++)
        fini_agent(&disk.agents[i]);
    for (size_t i = 0; i < disk.n_monitors; i++)
        plx_monitor_fini(&disk.monitors[i]);
    free(disk.monitors);
    free(disk.marks);
    free(disk.rows);
    memset(&disk, 0, sizeof disk);
}

void plx_sim_store_slow_until(int64_t until_ns)
{
    disk.slow_until = until_ns;
}

static void *resized(void *list, size_t n, size_t size)
{
    void *grown = realloc(list, n * size);
    if (!grown)
        abort();
    return grown;
}

/* ---- configuration ---- */

void plx_sim_store_enrol(uint32_t agent, const char *region, const char *provider)
{
    struct plx_store_agent *a = &disk.agents[disk.n_agents++];
    *a = (struct plx_store_agent){
        .id = agent,
        .name = plx_text_dup(plx_sim_node(agent)->name),
        .region = plx_text_dup(region),
        .software = plx_text_dup(""),
        .labels = resized(NULL, 1, sizeof *a->labels),
        .n_labels = 1,
    };
    a->labels[0] = (struct plx_label){plx_text_dup("provider"), plx_text_dup(provider)};
    plx_sim_key(agent, a->public_key);
}

void plx_sim_store_drain(uint32_t agent, bool on)
{
    disk.agents[agent - 1].state = on ? PLX_AGENT_DRAINING : PLX_AGENT_ACTIVE;
}

void plx_sim_store_put_monitor(struct plx_monitor *monitor)
{
    disk.generation++;
    if (monitor->id == 0)
        monitor->id = ++disk.next_monitor_id;
    for (size_t i = 0; i < disk.n_monitors; i++)
        if (disk.monitors[i].id == monitor->id) {
            plx_monitor_fini(&disk.monitors[i]);
            plx_monitor_copy(&disk.monitors[i], monitor);
            return;
        }
    disk.monitors = resized(disk.monitors, disk.n_monitors + 1, sizeof *disk.monitors);
    plx_monitor_copy(&disk.monitors[disk.n_monitors++], monitor);
}

void plx_sim_store_remove_monitor(uint64_t id)
{
    disk.generation++;
    for (size_t i = 0; i < disk.n_monitors; i++)
        if (disk.monitors[i].id == id) {
            plx_monitor_fini(&disk.monitors[i]);
            disk.n_monitors--;
            memmove(&disk.monitors[i], &disk.monitors[i + 1],
                    (disk.n_monitors - i) * sizeof *disk.monitors);
            return;
        }
}

int plx_store_load(struct plx_store *store, struct plx_store_config *ret,
                   struct plx_why *why)
{
    (void)store, (void)why;
    *ret = (struct plx_store_config){.generation = disk.generation,
                                     .last_ran = disk.last_ran,
                                     .n_monitors = disk.n_monitors,
                                     .n_agents = disk.n_agents};
    ret->monitors = resized(NULL, disk.n_monitors + 1, sizeof *ret->monitors);
    for (size_t i = 0; i < disk.n_monitors; i++)
        plx_monitor_copy(&ret->monitors[i], &disk.monitors[i]);
    ret->agents = resized(NULL, disk.n_agents + 1, sizeof *ret->agents);
    memcpy(ret->agents, disk.agents, disk.n_agents * sizeof *ret->agents);
    return 0;
}

void plx_store_config_fini(struct plx_store_config *config)
{
    for (size_t i = 0; i < config->n_monitors; i++)
        plx_monitor_fini(&config->monitors[i]);
    free(config->monitors);
    free(config->agents); /* their texts are the disk's */
}

void plx_store_token_fini(struct plx_store_token *token)
{
    (void)token;
}

void plx_store_access_fini(struct plx_store_access *access)
{
    (void)access;
}

/* ---- the process's hold ---- */

static void push(struct jobs *list, struct job *job)
{
    job->next = NULL;
    if (list->tail)
        list->tail->next = job;
    else
        list->head = job;
    list->tail = job;
    list->n++;
}

static struct job *pop(struct jobs *list)
{
    struct job *job = list->head;
    if (!job)
        return NULL;
    list->head = job->next;
    if (!list->head)
        list->tail = NULL;
    list->n--;
    return job;
}

static void free_parts(const struct job *job)
{
    free(job->results);
    free(job->monitors);
    free(job->verdicts);
    if (job->room)
        job->room->fini(job->work);
}

static void finish(struct job *job, int err)
{
    bool taken = job->dedup.verdict == PLX_DEDUP_TAKE;
    const struct plx_store_ingested batch = {
        .agent_id = job->agent,
        .stream_id = job->stream,
        .verdict = job->dedup.verdict,
        .high_water = job->dedup.high_water,
        .fresh = taken && job->n ? job->results + job->dedup.skip : NULL,
        .n_fresh = taken && job->n ? (size_t)job->dedup.take : 0,
        .n_lost = taken && job->lost ? job->dedup.take : 0,
        .received = job->at,
    };
    if (!err && job->kind == INGEST && job->dedup.verdict == PLX_DEDUP_INVALID)
        err = PLX_EINVAL;
    if (job->ingested)
        job->ingested(job->arg, err, err ? NULL : &batch);
    else if (job->done)
        job->done(job->arg, err, err ? "it failed" : "");
    else if (job->room)
        job->room->tell(job->work, err);
    free_parts(job);
    free(job);
}

static void finish_all(struct jobs *list, int err)
{
    struct job *job;
    while ((job = pop(list)))
        finish(job, err);
}

struct plx_store *plx_sim_store_open(void)
{
    struct plx_store *store = resized(NULL, 1, sizeof *store);
    *store = (struct plx_store){.life = plx_sim_node(0)->life};
    for (size_t i = 0; i < disk.n_marks; i++)
        disk.marks[i].high_water = disk.marks[i].durable;
    return store;
}

void plx_sim_store_close(struct plx_store **store)
{
    finish_all(&(*store)->told, PLX_EGONE);
    finish_all(&(*store)->committing, PLX_EGONE);
    finish_all(&(*store)->queue, PLX_EGONE);
    free(*store);
    *store = NULL;
}

void plx_store_health(struct plx_store *store, struct plx_store_health *ret)
{
    *ret =
        (struct plx_store_health){.state = store->state, .queued_jobs = store->queue.n};
}

/* ---- committing ---- */

static struct mark *mark_of(uint32_t agent, uint64_t stream)
{
    for (size_t i = disk.n_marks; i-- > 0;)
        if (disk.marks[i].agent == agent && disk.marks[i].stream == stream)
            return &disk.marks[i];
    if (disk.n_marks == disk.cap_marks) {
        disk.cap_marks = disk.cap_marks ? 2 * disk.cap_marks : 64;
        disk.marks = resized(disk.marks, disk.cap_marks, sizeof *disk.marks);
    }
    disk.marks[disk.n_marks] = (struct mark){.agent = agent, .stream = stream};
    return &disk.marks[disk.n_marks++];
}

static void decide(struct job *job)
{
    if (job->kind != INGEST)
        return;
    struct mark *mark = mark_of(job->agent, job->stream);
    uint64_t n = job->lost ? job->lost : job->n;
    job->dedup = plx_dedup_decide(mark->high_water, job->first, n);
    if (plx_sim_sabotage() == PLX_SABOTAGE_NO_DEDUP && n > 0)
        job->dedup = (struct plx_dedup){PLX_DEDUP_TAKE, 0, n, job->first + n - 1};
    mark->high_water = job->dedup.high_water;
}

static void add_row(const struct job *job, size_t i)
{
    if (disk.n_rows == disk.cap_rows) {
        size_t old = 0;
        while (old < disk.n_rows && job->at.ns - disk.rows[old].received.ns > KEEP_NS)
            old++;
        if (old > 0)
            memmove(disk.rows, disk.rows + old, (disk.n_rows - old) * sizeof *disk.rows);
        disk.n_rows -= old;
        if (old <= disk.cap_rows / 2) {
            disk.cap_rows = disk.cap_rows ? 2 * disk.cap_rows : 1024;
            disk.rows = resized(disk.rows, disk.cap_rows, sizeof *disk.rows);
        }
    }
    disk.rows[disk.n_rows++] = (struct plx_store_row){.agent_id = job->agent,
                                                      .stream_id = job->stream,
                                                      .received = job->at,
                                                      .result = job->results[i]};
    plx_sim_store_counts.rows++;
}

static void keep_batch(struct job *job)
{
    if (job->dedup.verdict != PLX_DEDUP_TAKE)
        return;
    mark_of(job->agent, job->stream)->durable = job->dedup.high_water;
    for (size_t i = job->dedup.skip; i < job->n; i++)
        add_row(job, i);
    plx_ledger_counted(job->agent, job->stream, job->first + job->dedup.skip,
                       job->results ? job->results + job->dedup.skip : NULL,
                       job->n ? (size_t)job->dedup.take : 0,
                       job->lost ? job->dedup.take : 0);
}

static void keep(struct job *job)
{
    if (job->kind == INGEST)
        keep_batch(job);
    else if (job->kind == RUNS)
        disk.last_ran = job->at;
    else if (job->kind == TOUCH)
        disk.agents[job->agent - 1].last_seen = job->at;
    else if (job->kind == ROOM)
        job->room->keep(job->work);
    for (size_t i = 0; job->kind == VERDICTS && i < job->n; i++) {
        disk.last[job->monitors[i]].known = true;
        disk.last[job->monitors[i]].verdict = job->verdicts[i];
        disk.last[job->monitors[i]].at = job->at;
    }
}

static bool is_void(const struct plx_store *store, uint64_t life)
{
    /* The life first: the store of a former one is freed. */
    return plx_sim_node(0)->life != life || !plx_sim_node(0)->up || store->life != life;
}

static void on_told(void *arg, uint64_t life)
{
    struct plx_store *store = arg;
    if (is_void(store, life) ||
        plx_sim_deferred(plx_sim_node(0), on_told, arg, life, false))
        return;
    plx_sim_enter(plx_sim_node(0));
    finish_all(&store->told, 0);
    plx_sim_leave();
}

static void schedule_group(struct plx_store *store, int64_t after_ns);

static void on_durable(void *arg, uint64_t life)
{
    struct plx_store *store = arg;
    bool early = plx_sim_sabotage() == PLX_SABOTAGE_EARLY_ACK;
    struct job *job;
    if (is_void(store, life))
        return;
    plx_sim_store_counts.commits++;
    while ((job = pop(&store->committing))) {
        if (!early)
            decide(job);
        keep(job);
        if (early && job->kind != ROOM)
            finish(job, PLX_EGONE);
        else
            push(&store->told, job);
    }
    plx_sim_at(plx_sim_now() + plx_sim_between(0, 5 * PLX_MS_NS), on_told, store, life,
               false);
    if (store->queue.n > 0)
        schedule_group(store, GROUP_NS);
}

/* The broken build: decided and told from memory, the disk comes later. */
static void tell_early(struct plx_store *store)
{
    plx_sim_enter(plx_sim_node(0));
    for (struct job *job = store->committing.head; job; job = job->next) {
        if (job->kind == ROOM)
            continue;
        struct job told = *job;
        decide(job);
        told.dedup = job->dedup;
        told.results = job->results ? resized(NULL, job->n, sizeof *job->results) : NULL;
        if (job->results)
            memcpy(told.results, job->results, job->n * sizeof *job->results);
        struct job *copy = resized(NULL, 1, sizeof *copy);
        *copy = told;
        copy->monitors = NULL;
        copy->verdicts = NULL;
        job->ingested = NULL;
        job->done = NULL;
        finish(copy, 0);
    }
    plx_sim_leave();
}

static void begin_rooms(const struct plx_store *store)
{
    plx_sim_enter(plx_sim_node(0));
    for (const struct job *job = store->committing.head; job; job = job->next)
        if (job->kind == ROOM && job->room->begin)
            job->room->begin(job->work);
    plx_sim_leave();
}

static void on_group(void *arg, uint64_t life)
{
    struct plx_store *store = arg;
    struct plx_sim_node *node = plx_sim_node(0);
    int64_t now = plx_sim_now();
    if (is_void(store, life) || plx_sim_deferred(node, on_group, arg, life, false))
        return;
    store->group_is_due = false;
    if (node->disk_broken_until > now) {
        store->state = PLX_STORE_FAILED;
        plx_sim_store_counts.failures++;
        plx_sim_enter(node);
        finish_all(&store->queue, PLX_EIO);
        plx_sim_leave();
        return;
    }
    if (node->disk_full_until > now) {
        store->state = PLX_STORE_WAITING;
        schedule_group(store, RETRY_NS);
        return;
    }
    store->state = PLX_STORE_OK;
    store->committing = store->queue;
    store->queue = (struct jobs){0};
    begin_rooms(store);
    int64_t takes = plx_sim_between(PLX_MS_NS, 30 * PLX_MS_NS);
    if (disk.slow_until > now)
        takes = plx_sim_between(takes, 3 * PLX_SEC_NS);
    if (plx_sim_sabotage() == PLX_SABOTAGE_EARLY_ACK) {
        tell_early(store);
        takes += 300 * PLX_MS_NS;
    }
    plx_sim_at(now + takes, on_durable, store, life, false);
}

static void schedule_group(struct plx_store *store, int64_t after_ns)
{
    if (store->group_is_due || store->committing.n > 0)
        return;
    store->group_is_due = true;
    plx_sim_at(plx_sim_now() + after_ns, on_group, store, store->life, false);
}

static int submit(struct plx_store *store, const struct job *job)
{
    size_t most = job->kind == ROOM ? ROOM_MAX : QUEUE_MAX;
    int err = store->state == PLX_STORE_FAILED ? PLX_EIO
              : store->queue.n >= most         ? PLX_EAGAIN
                                               : 0;
    if (err) {
        free_parts(job);
        return err;
    }
    struct job *copy = resized(NULL, 1, sizeof *copy);
    *copy = *job;
    push(&store->queue, copy);
    schedule_group(store, GROUP_NS);
    return 0;
}

int plx_sim_store_submit(struct plx_store *store, const struct plx_sim_job *room,
                         void *work)
{
    const struct job job = {.kind = ROOM, .room = room, .work = work};
    return submit(store, &job);
}

int plx_store_ingest(struct plx_store *store, uint64_t agent_id,
                     const struct plx_msg_results *batch, struct plx_wall received,
                     plx_store_ingest_fn *done, void *arg)
{
    struct job job = {.kind = INGEST,
                      .agent = (uint32_t)agent_id,
                      .at = received,
                      .stream = batch->stream_id,
                      .first = batch->first_seq,
                      .lost = batch->lost,
                      .n = batch->n,
                      .ingested = done,
                      .arg = arg};
    if (batch->n && batch->lost)
        return PLX_EINVAL;
    if (batch->n) {
        job.results = resized(NULL, batch->n, sizeof *job.results);
        memcpy(job.results, batch->results, batch->n * sizeof *job.results);
    }
    for (size_t i = 0; i < job.n; i++)
        job.results[i].seq = job.first + i;
    return submit(store, &job);
}

int plx_store_touch_agent(struct plx_store *store, uint64_t agent_id,
                          struct plx_wall last_seen, const char *software,
                          const struct plx_label *labels, size_t n_labels,
                          plx_store_done_fn *done, void *arg)
{
    const struct job job = {.kind = TOUCH,
                            .agent = (uint32_t)agent_id,
                            .at = last_seen,
                            .done = done,
                            .arg = arg};
    (void)software, (void)labels, (void)n_labels;
    return submit(store, &job);
}

int plx_store_note_running(struct plx_store *store, struct plx_wall now)
{
    const struct job job = {.kind = RUNS, .at = now};
    return submit(store, &job);
}

/* Uptime is nobody's question here. */
int plx_store_note_absence(struct plx_store *store, struct plx_wall from,
                           struct plx_wall to)
{
    (void)store;
    (void)from;
    (void)to;
    return 0;
}

int plx_store_set_agent_key(struct plx_store *store, uint64_t agent_id, const char *key,
                            struct plx_wall now, plx_store_done_fn *done, void *arg)
{
    (void)store, (void)agent_id, (void)key, (void)now, (void)done, (void)arg;
    return PLX_EUNSUPPORTED;
}

static enum plx_judge_verdict verdict_of(const char *token)
{
    for (int v = 0; v < PLX_JUDGE_VERDICT_COUNT_; v++)
        if (strcmp(plx_judge_verdict_token((enum plx_judge_verdict)v), token) == 0)
            return (enum plx_judge_verdict)v;
    abort();
}

int plx_store_add_verdicts(struct plx_store *store,
                           const struct plx_store_verdict *verdicts, size_t n,
                           plx_store_done_fn *done, void *arg)
{
    struct job job = {.kind = VERDICTS, .n = n, .done = done, .arg = arg};
    job.monitors = resized(NULL, n + 1, sizeof *job.monitors);
    job.verdicts = resized(NULL, n + 1, sizeof *job.verdicts);
    for (size_t i = 0; i < n; i++) {
        job.at = verdicts[i].at;
        job.monitors[i] = verdicts[i].monitor_id;
        job.verdicts[i] = verdict_of(verdicts[i].now);
        plx_sim_store_counts.verdicts++;
        if (!plx_judge_verdict_is_down(job.verdicts[i]))
            continue;
        plx_sim_store_counts.down_verdicts++;
        plx_target_blamed(verdicts[i].monitor_id, verdicts[i].now, verdicts[i].sentence);
    }
    return submit(store, &job);
}

/* ---- reading ---- */

int plx_store_read_results(struct plx_store *store, const struct plx_store_range *range,
                           struct plx_store_cursor *cursor, size_t limit,
                           plx_store_row_fn *fn, void *arg)
{
    (void)store, (void)limit;
    for (size_t i = 0; i < disk.n_rows; i++)
        if (disk.rows[i].received.ns >= range->from.ns && !fn(arg, &disk.rows[i]))
            break;
    cursor->at_end = true;
    return 0;
}

int plx_store_read_last_verdicts(struct plx_store *store, plx_store_verdict_fn *fn,
                                 void *arg)
{
    (void)store;
    for (uint64_t id = 1; id <= disk.next_monitor_id; id++) {
        const struct plx_store_verdict v = {
            .monitor_id = id,
            .at = disk.last[id].at,
            .now = plx_judge_verdict_token(disk.last[id].verdict),
            .was = "",
            .scope = "",
            .sentence = "",
            .faults = "[]",
        };
        if (disk.last[id].known && !fn(arg, &v))
            break;
    }
    return 0;
}

/* ---- the gate: the fleet's keys are known, and none is revoked ---- */

void plx_gate_allow(struct plx_gate *gate, enum plx_gate_domain domain, const char *key)
{
    (void)gate, (void)domain, (void)key;
}

void plx_gate_deny(struct plx_gate *gate, enum plx_gate_domain domain, const char *key)
{
    (void)gate, (void)domain, (void)key;
}

bool plx_gate_admits(struct plx_gate *gate, enum plx_gate_domain domain, const char *key)
{
    (void)gate, (void)domain;
    return plx_sim_key_owner(key) <= disk.n_agents;
}
