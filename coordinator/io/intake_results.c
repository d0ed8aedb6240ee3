/* An agent's results: checked, stored, and once they are committed acknowledged and
 * judged. */
#include "coordinator/io/intake_impl.h"

#include "base/err.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* After a clock was set, so long are the times of results in doubt: what was under way
 * has arrived, and some heartbeats have told the new offset. */
#define CLOCK_SETTLES_NS PLX_MIN_NS
/* Corrected times this far in the future are no inaccuracy of the correction. */
#define CLOCK_AHEAD_NS   (2 * PLX_SEC_NS)

/* Batches of one agent between intake and commit. */
#define WAITING_MAX 16
/* How long an agent may report what was moved away from it: as long as spools hold. */
#define PAST_NS     (8 * PLX_DAY_NS)

/* ---- results ---- */

struct ingest {
    struct plx_intake *intake;
    uint32_t slot;
    bool undated;
};

/* Results whose monitors are looked up ahead of being judged. */
#define AHEAD (2 * PLX_JUDGE_AHEAD)

/* What fails is looked at from elsewhere where those who watch cannot tell; an agent that
 * does not watch the monitor may be the one that was asked to. After the court heard it.
 */
static void tell_spares(struct plx_desk *desk, uint32_t slot, uint32_t monitor,
                        const struct plx_result *result, struct plx_wall received)
{
    const struct plx_agent *agent = plx_roster_at(desk->roster, slot);
    const struct plx_monitor *m = plx_catalog_at(desk->catalog, monitor);
    if (!plx_shares_has(desk->shares, slot, monitor))
        plx_spares_answer(desk->spares, slot, monitor, result,
                          plx_roster_correct(agent, result->started, received));
    else if (plx_expect_is_bad(m->expect, result->outcome) &&
             plx_judge_needs_spares(plx_court_judge(desk->court), monitor))
        plx_spares_doubt(desk->spares, monitor);
}

static void judge_fresh(struct plx_intake *intake, uint32_t slot,
                        const struct plx_store_ingested *batch)
{
    struct plx_desk *desk = intake->desk;
    uint32_t monitors[2 * AHEAD] = {0}; /* a ring */
    /* The clock may have been set back since it was received. */
    struct plx_wall received = plx_intake_wall(intake);
    if (batch->received.ns < received.ns)
        received = batch->received;
    for (size_t i = 0; i < batch->n_fresh + AHEAD; i++) {
        if (i < batch->n_fresh)
            monitors[i % (2 * AHEAD)] =
                plx_catalog_by_id(desk->catalog, batch->fresh[i].monitor_id);
        if (i < AHEAD)
            continue;
        size_t at = i - AHEAD;
        uint32_t monitor = monitors[at % (2 * AHEAD)];
        plx_judge_foresee(plx_court_judge(desk->court), slot,
                          monitors[(at + PLX_JUDGE_AHEAD) % (2 * AHEAD)],
                          monitors[i % (2 * AHEAD)]);
        if (monitor == PLX_CATALOG_NONE)
            continue;
        plx_court_result(desk->court, received, slot, monitor, &batch->fresh[at]);
        tell_spares(desk, slot, monitor, &batch->fresh[at], received);
    }
}

/* Committed, so the agent may forget it. The ack goes to the session of now: it speaks
 * of the stream, not of the message. */
static void on_ingested(void *arg, int err, const struct plx_store_ingested *batch)
{
    struct ingest *job = arg;
    struct plx_intake *intake = job->intake;
    struct plx_session *s = plx_intake_session(intake, job->slot);
    s->waiting--;
    intake->desk->counts.batches_waiting--;
    if (err < 0) {
        plx_log(PLX_LOG_WARN, "batch_not_stored", "agent",
                plx_roster_at(intake->desk->roster, job->slot)->name, "why",
                plx_err_text(err), NULL);
        if (s->open && (err == PLX_EINVAL || err == PLX_ETOOBIG))
            plx_intake_refuse(intake, &s->peer, err, "this batch can never be stored");
    } else {
        const struct plx_msg ack = {
            .type = PLX_MSG_ACK,
            .ack = {batch->stream_id, batch->high_water},
        };
        if (s->open)
            plx_intake_send(intake, &s->peer, &ack);
        if (!job->undated && !plx_roster_at(intake->desk->roster, job->slot)->revoked)
            judge_fresh(intake, job->slot, batch);
    }
    free(job);
}

/* Whether the agent may speak of the monitor: it has it, had it or was ordered to; or it
 * may have had it before our memory began. */
static bool may_report(const struct plx_letter *l, const struct plx_result *result)
{
    const struct plx_desk *desk = l->intake->desk;
    uint32_t monitor = plx_catalog_by_id(desk->catalog, result->monitor_id);
    if (monitor != PLX_CATALOG_NONE && plx_shares_has(desk->shares, l->slot, monitor))
        return true;
    if (plx_shares_had(desk->shares, l->slot, result->monitor_id, l->now, PAST_NS))
        return true;
    struct plx_wall at = plx_roster_correct(l->agent, result->started, l->wall);
    return monitor != PLX_CATALOG_NONE &&
           at.ns < desk->started_wall.ns + PLX_SESSION_RETURN_NS &&
           plx_shares_could_have(desk->shares, l->slot, monitor);
}

static bool is_recent(struct plx_mono now, struct plx_mono then)
{
    return then.ns != 0 && plx_mono_diff(now, then) < CLOCK_SETTLES_NS;
}

/* Whether the result's times may be wrong by more than is tolerated. An agent's clock
 * that was set forward shows at once, by times that are still to come; one that was set
 * back with its next heartbeat. */
static bool is_clock_doubtful(const struct plx_letter *l, const struct plx_result *result)
{
    const struct plx_agent *a = l->agent;
    int64_t at;
    return a->clock_off || is_recent(l->now, a->clock_moved) ||
           is_recent(l->now, l->intake->clock_set) ||
           __builtin_add_overflow(result->started.ns, a->offset_ns, &at) ||
           at > l->wall.ns + CLOCK_AHEAD_NS;
}

/* Whether the results were made before the agent's clock was set: what is known of the
 * clock now does not correct their times, and taken for news they would say that what was
 * down an hour ago is. They are history, not evidence. */
static bool is_undated(const struct plx_letter *l, const struct plx_msg_results *batch)
{
    const struct plx_agent *a = l->agent;
    return batch->backlog && a->clock_moved.ns != 0 &&
           plx_mono_diff(a->clock_moved, a->connected_at) >= 0;
}

static void refuse_result(struct plx_letter *l, struct plx_session *s,
                          struct plx_result *result)
{
    l->intake->desk->counts.refused_results++;
    if (!s->said_refused)
        plx_logf(PLX_LOG_WARN, "result_refused", "why",
                 "agent '%s' reported monitor %" PRIu64 ", which is not its own",
                 l->agent->name, result->monitor_id);
    s->said_refused = true;
    result->monitor_id = 0;
}

/* A copy in which results that are not the agent's to give are nobody's, and those whose
 * times are in doubt say so; NULL if there are none such. */
static struct plx_result *screened(struct plx_letter *l, struct plx_session *s,
                                   const struct plx_msg_results *batch)
{
    struct plx_result *copy = NULL;
    bool undated = is_undated(l, batch);
    for (size_t i = 0; i < batch->n; i++) {
        bool allowed = may_report(l, &batch->results[i]);
        bool doubtful = undated || is_clock_doubtful(l, &batch->results[i]);
        if (allowed && !doubtful)
            continue;
        if (!copy) {
            copy = malloc(batch->n * sizeof *copy);
            if (!copy)
                abort();
            memcpy(copy, batch->results, batch->n * sizeof *copy);
        }
        copy[i].clock_doubtful = doubtful;
        if (!allowed)
            refuse_result(l, s, &copy[i]);
    }
    return copy;
}

void plx_intake_on_results(struct plx_letter *l, struct plx_session *s)
{
    struct plx_desk *desk = l->intake->desk;
    struct plx_msg_results batch = l->msg->results;
    if (s->waiting >= WAITING_MAX) {
        desk->counts.batches_put_off++;
        return;
    }
    struct ingest *job = calloc(1, sizeof *job);
    if (!job)
        abort();
    *job = (struct ingest){l->intake, l->slot, is_undated(l, &batch)};
    struct plx_result *copy = screened(l, s, &batch);
    if (copy)
        batch.results = copy;
    int err =
        plx_store_ingest(desk->store, l->agent->id, &batch, l->wall, on_ingested, job);
    free(copy);
    if (err < 0) {
        desk->counts.batches_put_off++;
        free(job);
        return;
    }
    desk->counts.results += batch.n;
    desk->counts.batches_waiting++;
    s->waiting++;
}

void plx_intake_on_probe_done(struct plx_letter *l)
{
    if (l->intake->on_done)
        l->intake->on_done(l->intake->on_done_arg, l->slot, l->msg->probe_done.request_id,
                           &l->msg->probe_done.result);
}

void plx_intake_on_trace_done(struct plx_letter *l)
{
    const struct plx_msg_trace_done *done = &l->msg->trace_done;
    if (l->intake->on_traced)
        l->intake->on_traced(l->intake->on_traced_arg, l->slot, done->request_id,
                             done->trace);
}
