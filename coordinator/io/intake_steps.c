/* What agents are owed: the steps of their assignment, answers, refusals. */
#include "coordinator/io/intake_impl.h"

#include "base/err.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- sending ---- */

int plx_intake_send(struct plx_intake *intake, const struct plx_peer *peer,
                    const struct plx_msg *msg)
{
    plx_buf_clear(&intake->out);
    int err = plx_wire_encode(msg, &intake->out);
    if (err < 0) {
        plx_log(PLX_LOG_ERROR, "message_too_big", "type", plx_msg_type_token(msg->type),
                NULL);
        return err;
    }
    const struct plx_frame frame = {intake->out.data, intake->out.len};
    return plx_channel_send(intake->channel, peer, &frame, 1);
}

void plx_intake_refuse(struct plx_intake *intake, const struct plx_peer *peer, int err,
                       const char *why)
{
    const struct plx_msg msg = {.type = PLX_MSG_REFUSAL, .refusal = {err, why}};
    plx_intake_send(intake, peer, &msg);
}

/* As many of the monitors' tasks as one frame takes, by number and by bytes. */
static size_t fill_tasks(struct plx_intake *intake, uint32_t agent,
                         const uint32_t *monitors, size_t n)
{
    size_t i = 0, bytes = 0;
    for (; i < n && i < PLX_WIRE_TASKS_MAX; i++) {
        intake->tasks[i] =
            plx_task_of(plx_catalog_at(intake->desk->catalog, monitors[i]));
        intake->tasks[i].turn = plx_shares_turn(intake->desk->shares, agent, monitors[i]);
        bytes += plx_wire_task_bytes(&intake->tasks[i]);
        if (i > 0 && bytes > PLX_WIRE_TASKS_BYTES)
            break;
    }
    return i;
}

/* Every part says how many there are. */
static uint32_t count_parts(struct plx_intake *intake, uint32_t agent,
                            const struct plx_share_step *step)
{
    uint32_t parts = 0;
    for (size_t at = 0; at < step->n_upserts; parts++)
        at += fill_tasks(intake, agent, step->upserts + at, step->n_upserts - at);
    return parts > 0 ? parts : 1;
}

static int send_snapshot(struct plx_intake *intake, uint32_t agent,
                         const struct plx_peer *peer, const struct plx_share_step *step)
{
    uint32_t parts = count_parts(intake, agent, step);
    size_t at = 0;
    int err = 0;
    for (uint32_t part = 0; part < parts && err == 0; part++) {
        size_t n = fill_tasks(intake, agent, step->upserts + at, step->n_upserts - at);
        const struct plx_msg msg = {
            .type = PLX_MSG_SNAPSHOT,
            .snapshot = {.generation = step->generation,
                         .part = part,
                         .parts = parts,
                         .tasks = intake->tasks,
                         .n_tasks = n},
        };
        at += n;
        err = plx_intake_send(intake, peer, &msg);
    }
    return err;
}

/* PLX_EAGAIN too if it does not fit one frame: the whole, in parts, takes its place. */
static int send_delta(struct plx_intake *intake, uint32_t agent,
                      const struct plx_peer *peer, const struct plx_share_step *step)
{
    if (fill_tasks(intake, agent, step->upserts, step->n_upserts) < step->n_upserts)
        return PLX_EAGAIN;
    const struct plx_msg msg = {
        .type = PLX_MSG_DELTA,
        .delta = {.from_generation = step->from_generation,
                  .generation = step->generation,
                  .upserts = intake->tasks,
                  .n_upserts = step->n_upserts,
                  .removals = step->removals,
                  .n_removals = step->n_removals},
    };
    return plx_intake_send(intake, peer, &msg);
}

void plx_intake_push_to(struct plx_intake *intake, uint32_t slot)
{
    struct plx_session *s = plx_intake_session(intake, slot);
    struct plx_share_step step;
    if (!s->open || !plx_shares_take_step(intake->desk->shares, slot, &step))
        return;
    int err = step.whole ? send_snapshot(intake, slot, &s->peer, &step)
                         : send_delta(intake, slot, &s->peer, &step);
    s->step_at = plx_clock_mono();
    intake->desk->counts.steps_sent++;
    if (err == PLX_EAGAIN)
        plx_shares_sync(intake->desk->shares, slot, 0, 0);
    if (err == PLX_EGONE) {
        plx_shares_leave(intake->desk->shares, slot);
        s->open = false;
    }
}

void plx_intake_push(struct plx_intake *intake)
{
    for (uint32_t slot = 0; slot < intake->n_sessions; slot++)
        if (intake->sessions[slot].open)
            plx_intake_push_to(intake, slot);
}
