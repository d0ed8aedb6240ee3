#include "agent/lane.h"

#include "agent/core/attempt.h"
#include "agent/core/plan.h"
#include "base/err.h"
#include "sys/clock.h"

#include <stdatomic.h>
#include <stdlib.h>

#define NO_SLOT            UINT32_MAX
#define FAST_TICK_NS       (10 * PLX_MS_NS)
#define SLOW_TICK_NS       (100 * PLX_MS_NS)
/* Probes begun in one tick; the rest is due at the next. */
#define TICK_PROBES        1024
/* How late a probe out of turn may start. */
#define ORDER_GRACE_NS     (5 * PLX_SEC_NS)
/* A scheduled probe has waited its whole timeout already: what is asked to confirm it
 * waits for the kernel's first resend (1 s) and its answer, so that a verdict comes in
 * seconds. A server that speaks gets the time its steps have. */
#define CONFIRM_TIMEOUT_NS (1500 * PLX_MS_NS)

struct plx_lane {
    struct plx_jobs *jobs;
    struct plx_plan plan;
    struct plx_errands *errands;
    struct plx_tallies *tallies;
    plx_lane_result_fn *on_result;
    void *arg;
    bool leaving;
    atomic_uint under_way;
};

/* Whether anything but an open port is to be expected of it. */
static bool is_watched(const struct plx_job *job)
{
    return job->retry_state != 0 || job->expect != PLX_EXPECT_OPEN;
}

/* A probe out of turn, of a task that need not be assigned. */
static void probe_now(struct plx_lane *l, const struct plx_task *task,
                      enum plx_probe_kind kind, uint64_t tag)
{
    const struct plx_errand_order order = {.task = task,
                                           .kind = kind,
                                           .tag = tag,
                                           .scheduled = plx_clock_mono(),
                                           .grace_ns = ORDER_GRACE_NS,
                                           .owed = PLX_PACER_OWED_MAX,
                                           .watched = true};
    plx_errands_order(l->errands, &order);
}

static void probe_job_now(struct plx_lane *l, uint32_t slot, enum plx_probe_kind kind,
                          uint64_t tag)
{
    char host[PLX_ADDR_TEXT_MAX];
    struct plx_task task = plx_job_task(plx_jobs_at(l->jobs, slot), host);
    if (task.timeout_ns > CONFIRM_TIMEOUT_NS && plx_greeting_is_none(&task.greeting))
        task.timeout_ns = CONFIRM_TIMEOUT_NS;
    probe_now(l, &task, kind, tag);
}

static void probe_due(struct plx_lane *l, const struct plx_due *due)
{
    const struct plx_job *job = plx_jobs_at(l->jobs, due->slot);
    if (!job)
        return;
    struct plx_task task = plx_job_task(job, NULL);
    const struct plx_errand_order order = {.task = &task,
                                           .addr = plx_job_addr(job),
                                           .kind = PLX_PROBE_SCHEDULED,
                                           .tag = due->slot,
                                           .scheduled = due->scheduled,
                                           .grace_ns =
                                               plx_plan_grace_ns(job->interval_ns),
                                           .owed = job->owed,
                                           .watched = is_watched(job)};
    if (due->missed)
        plx_tallies_note_missed(l->tallies, due->missed);
    if (due->late)
        plx_errands_skip(l->errands, &order, PLX_DETAIL_LOCAL_LATE);
    else
        plx_errands_order(l->errands, &order);
}

/* Who went without a probe is served before who did not: see plx_pacer_ask. */
static void note_owed(struct plx_job *job, const struct plx_result *result)
{
    if (result->kind != PLX_PROBE_SCHEDULED)
        return;
    if (result->outcome != PLX_OUTCOME_SKIPPED)
        job->owed = 0;
    else if (job->owed < PLX_PACER_OWED_MAX)
        job->owed++;
}

/* Gives a result. A first bad one is tried again at once: from a fresh source port, as
 * every probe. A host that is half up once may be a lost packet: it is said from the
 * second time on. `slot` held the monitor when the probe was ordered. */
static void give(struct plx_lane *l, const struct plx_result *result, uint32_t slot)
{
    struct plx_job *job = plx_jobs_at(l->jobs, slot);
    struct plx_result given = *result;
    bool known = job && job->monitor_id == result->monitor_id;
    if (known)
        note_owed(job, result);
    bool first = known && plx_attempt_wants_retry(&job->retry_state,
                                                  (enum plx_expect)job->expect, result);
    if (first && given.detail == PLX_DETAIL_HALF_UP)
        given.detail = PLX_DETAIL_NONE;
    l->on_result(l->arg, &given, 0);
    if (first && job->confirm && !l->leaving)
        probe_job_now(l, slot, PLX_PROBE_RETRY, slot);
}

/* `tag`: the request of a check, else the slot of the job. */
static void on_errand(void *arg, const struct plx_result *result, uint64_t tag)
{
    struct plx_lane *l = arg;
    plx_tallies_note(l->tallies, result);
    if (result->kind == PLX_PROBE_ADDRESS) /* the run's own result follows */
        l->on_result(l->arg, result, 0);
    else if (result->kind == PLX_PROBE_CHECK)
        l->on_result(l->arg, result, tag);
    else
        give(l, result, (uint32_t)tag);
}

void plx_lane_job(struct plx_lane *lane, uint32_t slot, bool gone)
{
    const struct plx_job *job = plx_jobs_at(lane->jobs, slot);
    if (gone)
        plx_plan_remove(&lane->plan, slot);
    else
        plx_plan_set(&lane->plan, slot, job->monitor_id, job->turn, job->interval_ns,
                     plx_clock_mono());
}

void plx_lane_probe_now(struct plx_lane *lane, const struct plx_msg_probe_now *msg)
{
    struct plx_lane *l = lane;
    bool check = msg->request_id != 0;
    enum plx_probe_kind kind = check ? PLX_PROBE_CHECK : PLX_PROBE_CONFIRM;
    if (l->leaving)
        return;
    for (size_t i = 0; i < msg->n_tasks; i++) {
        uint32_t slot = NO_SLOT;
        plx_jobs_find(l->jobs, msg->tasks[i].monitor_id, &slot);
        probe_now(l, &msg->tasks[i], kind, check ? msg->request_id : slot);
    }
    for (size_t i = 0; i < msg->n_monitor_ids; i++) {
        uint32_t slot;
        if (plx_jobs_find(l->jobs, msg->monitor_ids[i], &slot))
            probe_job_now(l, slot, kind, check ? msg->request_id : slot);
    }
}

void plx_lane_leave(struct plx_lane *lane)
{
    lane->leaving = true;
}

uint32_t plx_lane_under_way(const struct plx_lane *lane)
{
    return atomic_load_explicit(&lane->under_way, memory_order_relaxed);
}

/* Orders come before ends: the RSTs of a tick's ends would stand in the network's queues
 * before its SYNs, whose round trips are measured. The nearest have answered by then. */
static void on_fast_tick(void *arg, struct plx_mono now)
{
    struct plx_lane *l = arg;
    struct plx_due due;
    int n = 0;
    while (n < TICK_PROBES && !l->leaving && plx_plan_next(&l->plan, now, &due)) {
        probe_due(l, &due);
        if (++n % PLX_ERRANDS_BATCH == 0)
            plx_errands_turn(l->errands);
    }
    plx_errands_tick(l->errands, now);
    atomic_store_explicit(&l->under_way, plx_errands_under_way(l->errands),
                          memory_order_relaxed);
}

static void on_slow_tick(void *arg, struct plx_mono now)
{
    struct plx_lane *l = arg;
    plx_errands_slow_tick(l->errands, now);
    plx_tallies_note_stall(l->tallies, plx_errands_take_stall(l->errands));
}

int plx_lane_new(struct plx_loop *loop, struct plx_jobs *jobs,
                 const struct plx_lane_setup *setup, struct plx_tallies *tallies,
                 plx_lane_result_fn *on_result, void *arg, struct plx_lane **ret,
                 struct plx_why *why)
{
    struct plx_lane *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    l->jobs = jobs;
    l->tallies = tallies;
    l->on_result = on_result;
    l->arg = arg;
    plx_plan_init(&l->plan, setup->agent_seed, setup->now, setup->wall);
    int err = plx_errands_new(loop, &setup->probing, on_errand, l, &l->errands, why);
    if (!err && (plx_loop_add_timer(loop, FAST_TICK_NS, on_fast_tick, l) ||
                 plx_loop_add_timer(loop, SLOW_TICK_NS, on_slow_tick, l)))
        err = plx_why_set(why, PLX_EIO, "cannot make timers");
    if (err)
        plx_lane_destroy(&l);
    else
        *ret = l;
    return err;
}

void plx_lane_destroy(struct plx_lane **lane)
{
    if (!*lane)
        return;
    plx_errands_destroy(&(*lane)->errands);
    plx_plan_fini(&(*lane)->plan);
    free(*lane);
    *lane = NULL;
}
