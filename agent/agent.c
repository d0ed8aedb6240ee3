#include "agent/agent.h"

#include "agent/core/attempt.h"
#include "agent/core/jobs.h"
#include "agent/core/plan.h"
#include "agent/delivery.h"
#include "agent/errands.h"
#include "agent/io/keeper.h"
#include "agent/io/link.h"
#include "agent/notify.h"
#include "agent/traces.h"
#include "agent/troubles.h"
#include "base/err.h"
#include "base/rng.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define NO_SLOT          UINT32_MAX
#define FAST_TICK_NS     (10 * PLX_MS_NS)
#define SLOW_TICK_NS     (100 * PLX_MS_NS)
/* Probes begun in one tick; the rest is due at the next. */
#define TICK_PROBES      1024
/* How late a probe out of turn may start. */
#define ORDER_GRACE_NS   (5 * PLX_SEC_NS)
/* Leaving: probes under way get so long to end, results so long to be acknowledged. */
#define LEAVE_PROBES_NS  PLX_SEC_NS
#define LEAVE_RESULTS_NS (2500 * PLX_MS_NS)

struct plx_agent_process {
    const struct plx_agent_config *config;
    struct plx_net *net;
    struct plx_loop *loop;
    struct plx_spool *spool;
    struct plx_delivery *delivery;
    struct plx_errands *errands;
    struct plx_traces *traces;
    struct plx_link *link;
    struct plx_jobs *jobs;
    struct plx_keeper *keeper;
    struct plx_plan plan;
    struct plx_troubles troubles;
    uint64_t boot_id;
    struct plx_mono started;
    bool leaving;
    struct plx_mono leave_began;
    uint64_t n_done, n_skipped;
    uint32_t worst_lag_us;
    unsigned generation_misses; /* acks in a row that named another generation */
};

/* ---- probes ---- */

/* Whether anything but an open port is to be expected of it. */
static bool is_watched(const struct plx_job *job)
{
    return job->retry_state != 0 || job->expect != PLX_EXPECT_OPEN;
}

/* A probe out of turn, of a task that need not be assigned. */
static void probe_now(struct plx_agent_process *a, const struct plx_task *task,
                      enum plx_probe_kind kind, uint64_t tag)
{
    const struct plx_errand_order order = {.task = task,
                                           .kind = kind,
                                           .tag = tag,
                                           .scheduled = plx_clock_mono(),
                                           .grace_ns = ORDER_GRACE_NS,
                                           .watched = true};
    plx_errands_order(a->errands, &order);
}

static void probe_job_now(struct plx_agent_process *a, uint32_t slot,
                          enum plx_probe_kind kind, uint64_t tag)
{
    char host[PLX_ADDR_TEXT_MAX];
    struct plx_task task = plx_job_task(plx_jobs_at(a->jobs, slot), host);
    probe_now(a, &task, kind, tag);
}

static void probe_due(struct plx_agent_process *a, const struct plx_due *due)
{
    const struct plx_job *job = plx_jobs_at(a->jobs, due->slot);
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
                                           .watched = is_watched(job)};
    a->n_skipped += due->missed;
    if (due->late)
        plx_errands_skip(a->errands, &order, PLX_DETAIL_LOCAL_LATE);
    else
        plx_errands_order(a->errands, &order);
}

static void on_traced(void *arg, uint64_t request_id, const struct plx_trace *trace)
{
    struct plx_agent_process *a = arg;
    const struct plx_msg msg = {.type = PLX_MSG_TRACE_DONE,
                                .trace_done = {request_id, trace}};
    plx_link_send(a->link, &msg);
}

static void answer_check(struct plx_agent_process *a, const struct plx_result *result,
                         uint64_t request_id)
{
    const struct plx_msg msg = {.type = PLX_MSG_PROBE_DONE,
                                .probe_done = {request_id, *result}};
    plx_link_send(a->link, &msg);
}

/* Keeps a result. A first bad one is tried again at once: from a fresh source port, as
 * every probe. A host that is half up once may be a lost packet: it is said from the
 * second time on. `slot` held the monitor when the probe was ordered. */
static void keep(struct plx_agent_process *a, const struct plx_result *result,
                 uint32_t slot)
{
    struct plx_job *job = plx_jobs_at(a->jobs, slot);
    struct plx_result kept = *result;
    bool known = job && job->monitor_id == result->monitor_id;
    bool first = known && plx_attempt_wants_retry(&job->retry_state,
                                                  (enum plx_expect)job->expect, result);
    if (first && kept.detail == PLX_DETAIL_HALF_UP)
        kept.detail = PLX_DETAIL_NONE;
    plx_spool_put(a->spool, &kept);
    if (first && job->confirm && !a->leaving)
        probe_job_now(a, slot, PLX_PROBE_RETRY, slot);
}

/* `tag`: the request of a check, else the slot of the job. */
static void on_result(void *arg, const struct plx_result *result, uint64_t tag)
{
    struct plx_agent_process *a = arg;
    a->n_done++;
    if (result->kind == PLX_PROBE_ADDRESS) { /* the run's own result follows */
        plx_spool_put(a->spool, result);
        return;
    }
    a->n_skipped += result->outcome == PLX_OUTCOME_SKIPPED;
    if (result->kind == PLX_PROBE_SCHEDULED && result->lag_us > a->worst_lag_us)
        a->worst_lag_us = result->lag_us;
    plx_troubles_note(&a->troubles, result);
    if (result->kind == PLX_PROBE_CHECK) {
        answer_check(a, result, tag);
        return;
    }
    keep(a, result, (uint32_t)tag);
}

/* ---- the coordinator's messages ---- */

static void on_job(void *arg, uint32_t slot, bool gone)
{
    struct plx_agent_process *a = arg;
    const struct plx_job *job = plx_jobs_at(a->jobs, slot);
    if (gone)
        plx_plan_remove(&a->plan, slot);
    else
        plx_plan_set(&a->plan, slot, job->monitor_id, job->interval_ns, plx_clock_mono());
}

static void after_assignment(struct plx_agent_process *a, int err)
{
    if (err) {
        plx_log(PLX_LOG_WARN, "assignment_mismatch", "why", plx_err_text(err), NULL);
        plx_link_resync(a->link);
        return;
    }
    char count[32];
    snprintf(count, sizeof count, "%zu", plx_jobs_count(a->jobs));
    plx_log(PLX_LOG_DEBUG, "assignment", "monitors", count, NULL);
}

/* A check is answered by its request's id; what a confirmation sees counts for the job.
 */
static void on_probe_now(struct plx_agent_process *a, const struct plx_msg_probe_now *msg)
{
    bool check = msg->request_id != 0;
    enum plx_probe_kind kind = check ? PLX_PROBE_CHECK : PLX_PROBE_CONFIRM;
    for (size_t i = 0; i < msg->n_tasks; i++) {
        uint32_t slot = NO_SLOT;
        plx_jobs_find(a->jobs, msg->tasks[i].monitor_id, &slot);
        probe_now(a, &msg->tasks[i], kind, check ? msg->request_id : slot);
    }
    for (size_t i = 0; i < msg->n_monitor_ids; i++) {
        uint32_t slot;
        if (plx_jobs_find(a->jobs, msg->monitor_ids[i], &slot))
            probe_job_now(a, slot, kind, check ? msg->request_id : slot);
    }
}

/* Messages on one session keep their order, so that an ack of another generation means a
 * lost one; but the coordinator gets the time to notice by itself. */
static void on_heartbeat_ack(struct plx_agent_process *a,
                             const struct plx_msg_heartbeat_ack *ack)
{
    if (ack->generation == plx_jobs_generation(a->jobs)) {
        a->generation_misses = 0;
        return;
    }
    if (++a->generation_misses < 3)
        return;
    a->generation_misses = 0;
    plx_link_resync(a->link);
}

static void on_message(void *arg, const struct plx_msg *msg)
{
    struct plx_agent_process *a = arg;
    switch (msg->type) {
    case PLX_MSG_SNAPSHOT:
        after_assignment(a, plx_jobs_snapshot(a->jobs, &msg->snapshot));
        break;
    case PLX_MSG_DELTA:
        after_assignment(a, plx_jobs_delta(a->jobs, &msg->delta));
        break;
    case PLX_MSG_ACK:
        plx_delivery_ack(a->delivery, &msg->ack);
        break;
    case PLX_MSG_PROBE_NOW:
        if (!a->leaving)
            on_probe_now(a, &msg->probe_now);
        break;
    case PLX_MSG_TRACE_NOW:
        if (!a->leaving)
            plx_traces_order(a->traces, &msg->trace_now);
        break;
    case PLX_MSG_HEARTBEAT_ACK:
        on_heartbeat_ack(a, &msg->heartbeat_ack);
        break;
    default:
        plx_log(PLX_LOG_WARN, "message_unexpected", "type", plx_msg_type_token(msg->type),
                NULL);
        break;
    }
}

static void on_hello(void *arg, struct plx_msg_hello *hello)
{
    struct plx_agent_process *a = arg;
    hello->software = "parallax-agent " PLX_VERSION;
    hello->boot_id = a->boot_id;
    hello->generation = plx_jobs_generation(a->jobs);
    hello->assignment_hash = plx_jobs_hash(a->jobs);
    hello->labels = a->config->labels;
    hello->n_labels = a->config->n_labels;
}

static void on_up(void *arg, const struct plx_msg_welcome *welcome, int64_t away_ns)
{
    struct plx_agent_process *a = arg;
    (void)welcome;
    plx_delivery_up(a->delivery, away_ns);
}

static uint64_t age_ms(struct plx_wall oldest)
{
    int64_t age = plx_wall_diff(plx_clock_wall(), oldest);
    return oldest.ns == 0 || age < 0 ? 0 : (uint64_t)(age / PLX_MS_NS);
}

static void on_heartbeat(void *arg, struct plx_msg_heartbeat *hb)
{
    struct plx_agent_process *a = arg;
    struct plx_spool_stats spool;
    plx_spool_stats(a->spool, &spool);
    hb->uptime_ms = (uint64_t)(plx_mono_diff(plx_clock_mono(), a->started) / PLX_MS_NS);
    hb->generation = plx_jobs_generation(a->jobs);
    hb->progress = a->n_done;
    hb->spool_rows = spool.rows;
    hb->spool_bytes = spool.bytes;
    hb->spool_age_ms = age_ms(spool.oldest);
    hb->in_flight = plx_errands_under_way(a->errands);
    hb->lag_ms = a->worst_lag_us / 1000;
    hb->skipped = a->n_skipped;
    hb->lost = spool.lost;
    a->troubles.stall_ns = plx_errands_take_stall(a->errands);
    hb->n_troubles = plx_troubles_take(&a->troubles, &spool);
    hb->troubles = a->troubles.list;
    a->worst_lag_us = 0;
}

/* ---- time ---- */

static void on_fast_tick(void *arg, struct plx_mono now)
{
    struct plx_agent_process *a = arg;
    struct plx_due due;
    int n = 0;
    plx_errands_tick(a->errands, now);
    plx_traces_tick(a->traces, now);
    while (n < TICK_PROBES && !a->leaving && plx_plan_next(&a->plan, now, &due)) {
        probe_due(a, &due);
        if (++n % PLX_ERRANDS_BATCH == 0)
            plx_errands_turn(a->errands);
    }
    /* The nearest have answered by now. */
    if (n % PLX_ERRANDS_BATCH != 0)
        plx_errands_turn(a->errands);
}

static void leave_when_done(struct plx_agent_process *a, struct plx_mono now)
{
    struct plx_spool_stats spool;
    int64_t since = plx_mono_diff(now, a->leave_began);
    plx_spool_stats(a->spool, &spool);
    bool probing = plx_errands_under_way(a->errands) > 0 && since < LEAVE_PROBES_NS;
    bool sending = plx_link_is_up(a->link) && spool.rows > 0 && since < LEAVE_RESULTS_NS;
    if (probing || sending)
        return;
    const struct plx_msg bye = {.type = PLX_MSG_BYE, .bye = {"stopped"}};
    plx_link_send(a->link, &bye);
    plx_loop_stop(a->loop);
}

static void on_slow_tick(void *arg, struct plx_mono now)
{
    struct plx_agent_process *a = arg;
    plx_troubles_watch_clock(&a->troubles, now, plx_clock_wall());
    plx_errands_slow_tick(a->errands, now);
    plx_traces_slow_tick(a->traces, now);
    plx_link_tick(a->link, now);
    plx_delivery_tick(a->delivery, now);
    plx_keeper_tick(a->keeper, now);
    if (a->leaving)
        leave_when_done(a, now);
}

static void on_signal(void *arg, int signo)
{
    struct plx_agent_process *a = arg;
    if (signo == 1 /* SIGHUP: a closed terminal is no reason to stop */)
        return;
    if (a->leaving) {
        plx_loop_stop(a->loop);
        return;
    }
    a->leaving = true;
    a->leave_began = plx_clock_mono();
    plx_notify("STOPPING=1");
    plx_log(PLX_LOG_INFO, "stopping", NULL);
}

/* ---- start and end ---- */

static int open_modules(struct plx_agent_process *a,
                        const struct plx_enrolment *enrolment,
                        const struct plx_keypair *keys, struct plx_why *why)
{
    const struct plx_agent_config *c = a->config;
    const struct plx_errands_setup probing = {c->limits, &c->policy, c->resolver,
                                              c->engine};
    const struct plx_link_owner owner = {a, on_hello, on_heartbeat, on_up, on_message};
    const char *endpoint = c->endpoint ? c->endpoint : enrolment->endpoint;
    int err = plx_net_new(&a->net, why);
    if (!err)
        err = plx_loop_new(on_signal, a, &a->loop, why);
    if (!err)
        err = plx_spool_open(c->data_dir, &c->spool, &a->spool, why);
    if (!err)
        err = plx_delivery_new(a->loop, a->spool, &a->delivery, why);
    if (!err)
        err = plx_errands_new(a->loop, &probing, on_result, a, &a->errands, why);
    if (!err) {
        const struct plx_traces_setup tracing = {
            &c->policy, plx_errands_pacer(a->errands), c->resolver, a->boot_id};
        err = plx_traces_new(a->loop, &tracing, on_traced, a, &a->traces, why);
    }
    if (!err)
        err = plx_link_new(a->net, a->loop, endpoint, enrolment->server_key, keys, &owner,
                           &a->link, why);
    if (!err && (plx_loop_add_timer(a->loop, FAST_TICK_NS, on_fast_tick, a) ||
                 plx_loop_add_timer(a->loop, SLOW_TICK_NS, on_slow_tick, a)))
        err = plx_why_set(why, PLX_EIO, "cannot make timers");
    if (!err)
        plx_delivery_set_link(a->delivery, a->link);
    return err;
}

static void close_modules(struct plx_agent_process *a)
{
    plx_traces_destroy(&a->traces);
    plx_errands_destroy(&a->errands);
    plx_delivery_destroy(&a->delivery);
    plx_link_destroy(&a->link);
    plx_spool_close(&a->spool);
    plx_keeper_close(&a->keeper);
    plx_jobs_destroy(&a->jobs);
    plx_plan_fini(&a->plan);
    plx_loop_destroy(&a->loop);
    plx_net_destroy(&a->net);
}

/* What was assigned before the restart, until the coordinator says otherwise. */
static void load_assignment(struct plx_agent_process *a)
{
    struct plx_why why = {""};
    int err = plx_keeper_load(a->keeper, &why);
    if (err && err != PLX_ENOTFOUND)
        plx_log(PLX_LOG_WARN, "assignment_not_loaded", "why", why.text, NULL);
    if (!err) {
        char count[32];
        snprintf(count, sizeof count, "%zu", plx_jobs_count(a->jobs));
        plx_log(PLX_LOG_INFO, "assignment_loaded", "monitors", count, NULL);
    }
}

void plx_agent_close(struct plx_agent_process **agent)
{
    if (!*agent)
        return;
    close_modules(*agent);
    free(*agent);
    *agent = NULL;
}

int plx_agent_open(const struct plx_agent_config *config,
                   const struct plx_enrolment *enrolment, const struct plx_keypair *keys,
                   struct plx_agent_process **ret, struct plx_why *why)
{
    uint64_t boot_id;
    if (getrandom(&boot_id, sizeof boot_id, 0) != sizeof boot_id)
        return plx_why_set(why, PLX_EIO, "cannot read random numbers");
    struct plx_agent_process *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    a->config = config;
    a->boot_id = boot_id;
    a->started = plx_clock_mono();
    /* The key is what stays the same over restarts, and differs between agents. */
    uint64_t seed = plx_hash_bytes(keys->public_key, strlen(keys->public_key), 0);
    plx_plan_init(&a->plan, seed, a->started, plx_clock_wall());
    a->jobs = plx_jobs_new(PLX_AGENT_MONITORS_MAX, on_job, a);
    a->keeper = plx_keeper_new(config->data_dir, enrolment->server_key, a->jobs);
    int err = open_modules(a, enrolment, keys, why);
    if (err) {
        plx_agent_close(&a);
        return err;
    }
    load_assignment(a);
    plx_log(PLX_LOG_INFO, "started", "agent", enrolment->name, "region",
            enrolment->region, "version", PLX_VERSION, NULL);
    *ret = a;
    return 0;
}

int plx_agent_run(const struct plx_agent_config *config,
                  const struct plx_enrolment *enrolment, const struct plx_keypair *keys,
                  struct plx_why *why)
{
    struct plx_agent_process *a;
    int err = plx_agent_open(config, enrolment, keys, &a, why);
    if (err)
        return err;
    plx_notify("READY=1");
    plx_loop_run(a->loop);
    plx_agent_close(&a);
    plx_log(PLX_LOG_INFO, "stopped", NULL);
    return 0;
}
