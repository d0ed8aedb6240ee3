/* The rooms behind intake.h: for coordinator/io/intake*.c only.
 *
 *   intake.c          who speaks, whether it may, and what kind of message it is
 *   intake_session.c  hello, heartbeats, changes of keys, bye
 *   intake_results.c  results, to the store and to the judge
 *   intake_steps.c    what is sent: assignments, answers, refusals
 *
 * Loop thread. */
#ifndef PLX_COORDINATOR_INTAKE_IMPL_H
#define PLX_COORDINATOR_INTAKE_IMPL_H

#include "base/bucket.h"
#include "coordinator/io/bound.h"
#include "coordinator/io/intake.h"
#include "sys/channel.h"

struct plx_session {
    bool open;
    struct plx_wall kept; /* "last seen", as the store was told */
    bool had_other;       /* `other` was replaced by `peer` */
    struct plx_peer peer, other;
    uint64_t number;
    unsigned waiting;
    struct plx_bucket messages, hellos;
    struct plx_mono step_at;
    uint64_t keys_hash; /* of our keys, as its heartbeats say; 0: it does not */
    bool key_ordered;   /* a new one of the agent's */
    bool said_malformed, said_refused, said_rate;
};

struct plx_intake {
    struct plx_desk *desk;
    struct plx_loop *loop;
    struct plx_channel *channel;
    struct plx_wire_decoder *decoder;
    struct plx_buf out;
    struct plx_session *sessions; /* by agent slot */
    size_t n_sessions;
    uint64_t next_session;
    struct plx_bucket refusals;
    struct plx_once said;      /* of keys whose messages are refused before any session */
    struct plx_bucket lines;   /* of the log, for these */
    struct plx_mono ticked;    /* 0: not yet */
    int64_t axis_ns;           /* wall minus monotonic clock, as last seen */
    struct plx_mono clock_set; /* when our wall clock was last found set; 0: never */
    uint32_t next_kept;        /* the slot whose last sight is looked at next */
    plx_intake_done_fn *on_done;
    void *on_done_arg;
    plx_intake_traced_fn *on_traced;
    void *on_traced_arg;
    char endpoint[PLX_BOUND_MAX];
    struct plx_task tasks[PLX_WIRE_TASKS_MAX];
};

/* One message being handled. */
struct plx_letter {
    struct plx_intake *intake;
    const struct plx_parcel *parcel;
    const struct plx_msg *msg;
    uint32_t slot;
    const struct plx_agent *agent;
    struct plx_mono now;
    struct plx_wall wall;
    struct plx_roster_notes notes;
};

/* The agent's session, made where there was none. Lent until a greater slot is asked for.
 */
struct plx_session *plx_intake_session(struct plx_intake *intake, uint32_t slot);

/* ---- intake_steps.c ---- */

/* As plx_channel_send. */
int plx_intake_send(struct plx_intake *intake, const struct plx_peer *peer,
                    const struct plx_msg *msg);
void plx_intake_refuse(struct plx_intake *intake, const struct plx_peer *peer, int err,
                       const char *why);
/* Sends the agent the steps it is owed, if it has a session. */
void plx_intake_push_to(struct plx_intake *intake, uint32_t slot);

/* ---- messages, by kind ---- */

void plx_intake_on_hello(struct plx_letter *l, struct plx_session *s);
void plx_intake_on_heartbeat(struct plx_letter *l, struct plx_session *s);
void plx_intake_on_agent_key(struct plx_letter *l, struct plx_session *s);
void plx_intake_on_bye(struct plx_letter *l, struct plx_session *s);
void plx_intake_on_results(struct plx_letter *l, struct plx_session *s);
void plx_intake_on_probe_done(struct plx_letter *l);
void plx_intake_on_trace_done(struct plx_letter *l);

#endif
