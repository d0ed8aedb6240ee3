#include "agent/agent.h"

#include "agent/core/jobs.h"
#include "agent/crew.h"
#include "agent/deadman.h"
#include "agent/delivery.h"
#include "agent/io/keeper.h"
#include "agent/io/link.h"
#include "agent/traces.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/text.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/notify.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FAST_TICK_NS     (10 * PLX_MS_NS)
/* Configurations kept because a probe may be asking one of them. */
#define RELOADS_MAX      1000
#define SLOW_TICK_NS     (100 * PLX_MS_NS)
/* How long a coordinator that changes its key takes to start again, about. */
#define CHANGE_PAUSE_NS  (2 * PLX_SEC_NS)
#define ADOPT_PAUSE_NS   (200 * PLX_MS_NS)
/* Leaving: probes under way get so long to end, results so long to be acknowledged. */
#define LEAVE_PROBES_NS  PLX_SEC_NS
#define LEAVE_RESULTS_NS (2500 * PLX_MS_NS)

struct plx_agent_process {
    const struct plx_agent_config *config;
    struct plx_trust *trust;
    struct plx_net *net;
    struct plx_loop *loop;
    struct plx_spool *spool;
    struct plx_delivery *delivery;
    struct plx_crew *crew;
    struct plx_traces *traces;
    struct plx_link *link;
    struct plx_jobs *jobs;
    struct plx_keeper *keeper;
    struct plx_deadman *deadman; /* NULL: not configured */
    struct plx_tallies tallies;
    struct plx_watchdog watchdog;
    uint64_t boot_id;
    struct plx_mono started;
    bool leaving;
    struct plx_mono leave_began;
    struct plx_policy *policy;                      /* that the lanes ask */
    struct plx_agent_config *reloaded[RELOADS_MAX]; /* by SIGHUP */
    size_t n_reloaded;
    unsigned generation_misses; /* acks in a row that named another generation */
};

static void answer_check(void *arg, const struct plx_result *result, uint64_t request_id)
{
    struct plx_agent_process *a = arg;
    const struct plx_msg msg = {.type = PLX_MSG_PROBE_DONE,
                                .probe_done = {request_id, *result}};
    plx_link_send(a->link, &msg);
}

static void on_traced(void *arg, uint64_t request_id, const struct plx_trace *trace)
{
    struct plx_agent_process *a = arg;
    const struct plx_msg msg = {.type = PLX_MSG_TRACE_DONE,
                                .trace_done = {request_id, trace}};
    plx_link_send(a->link, &msg);
}

/* ---- the coordinator's messages ---- */

static void on_job(void *arg, uint32_t slot, bool gone)
{
    struct plx_agent_process *a = arg;
    plx_crew_job(a->crew, slot, gone);
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

/* ---- keys ---- */

static void use_keys(struct plx_agent_process *a, bool again, int64_t pause_ns)
{
    const struct plx_enrolment *e = plx_trust_enrolment(a->trust);
    const struct plx_link_keys keys = {e->server_key, e->next_key,
                                       plx_trust_keys(a->trust),
                                       plx_trust_new_keys(a->trust)};
    plx_link_set_keys(a->link, &keys, again, pause_ns);
}

/* The coordinator is about to change its key, or has a new next one. */
static void on_server_keys(struct plx_agent_process *a,
                           const struct plx_msg_server_keys *msg)
{
    struct plx_why why = {""};
    char *before = plx_text_dup(plx_trust_enrolment(a->trust)->server_key);
    int err = plx_trust_take_server_keys(a->trust, msg->server_key, msg->next_key, &why);
    if (err < 0)
        plx_log(PLX_LOG_WARN, "server_keys_not_taken", "why", why.text, NULL);
    if (err > 0) {
        bool changed = strcmp(before, msg->server_key) != 0;
        plx_log(PLX_LOG_INFO, changed ? "server_key_changed" : "next_server_key", "key",
                changed ? msg->server_key : msg->next_key, NULL);
        /* If this session came about by the key that is now the current one, it stays. */
        use_keys(a, changed && !plx_link_uses_server(a->link, msg->server_key),
                 CHANGE_PAUSE_NS);
    }
    free(before);
}

/* Told to make a new key, we name it; told that it is valid, we use it. */
static void on_agent_key(struct plx_agent_process *a, const struct plx_msg_agent_key *msg)
{
    struct plx_why why = {""};
    int err = plx_trust_make_new_keys(a->trust, &why);
    if (err == 0 && *msg->public_key == '\0') {
        const struct plx_msg answer = {
            .type = PLX_MSG_AGENT_KEY,
            .agent_key = {plx_trust_new_keys(a->trust)->public_key}};
        plx_link_send(a->link, &answer);
        use_keys(a, false, 0);
        return;
    }
    bool ours = err == 0 &&
                strcmp(plx_trust_new_keys(a->trust)->public_key, msg->public_key) == 0;
    if (ours)
        err = plx_trust_adopt_new_keys(a->trust, &why);
    if (err < 0)
        plx_log(PLX_LOG_WARN, "agent_key_not_changed", "why", why.text, NULL);
    if (!ours || err < 0)
        return;
    plx_log(PLX_LOG_INFO, "agent_key_changed", "key", msg->public_key, NULL);
    use_keys(a, true, ADOPT_PAUSE_NS);
}

/* A session by the new key: the coordinator has it, though its word got lost. */
static void adopt_if_used(struct plx_agent_process *a)
{
    struct plx_why why = {""};
    if (!plx_link_uses_new_own(a->link))
        return;
    if (plx_trust_adopt_new_keys(a->trust, &why) < 0)
        plx_log(PLX_LOG_WARN, "agent_key_not_changed", "why", why.text, NULL);
    else
        use_keys(a, false, 0);
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
        plx_crew_probe_now(a->crew, &msg->probe_now);
        break;
    case PLX_MSG_TRACE_NOW:
        if (!a->leaving)
            plx_traces_order(a->traces, &msg->trace_now);
        break;
    case PLX_MSG_SERVER_KEYS:
        on_server_keys(a, &msg->server_keys);
        break;
    case PLX_MSG_AGENT_KEY:
        on_agent_key(a, &msg->agent_key);
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
    adopt_if_used(a);
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
    hb->keys_hash = plx_trust_keys_hash(a->trust);
    hb->spool_rows = spool.rows;
    hb->spool_bytes = spool.bytes;
    hb->spool_age_ms = age_ms(spool.oldest);
    hb->in_flight = plx_crew_under_way(a->crew);
    hb->lost = spool.lost;
    plx_tallies_take(&a->tallies, &spool, hb);
}

/* ---- time ---- */

static void leave_when_done(struct plx_agent_process *a, struct plx_mono now)
{
    struct plx_spool_stats spool;
    int64_t since = plx_mono_diff(now, a->leave_began);
    plx_spool_stats(a->spool, &spool);
    bool probing = plx_crew_under_way(a->crew) > 0 && since < LEAVE_PROBES_NS;
    bool sending = plx_link_is_up(a->link) && spool.rows > 0 && since < LEAVE_RESULTS_NS;
    if (probing || sending)
        return;
    const struct plx_msg bye = {.type = PLX_MSG_BYE, .bye = {"stopped"}};
    plx_link_send(a->link, &bye);
    plx_loop_stop(a->loop);
}

static void on_fast_tick(void *arg, struct plx_mono now)
{
    struct plx_agent_process *a = arg;
    plx_traces_tick(a->traces, now);
}

static void on_slow_tick(void *arg, struct plx_mono now)
{
    struct plx_agent_process *a = arg;
    plx_watchdog_tick(&a->watchdog, now);
    plx_tallies_watch_clock(&a->tallies, now, plx_clock_wall());
    plx_traces_slow_tick(a->traces, now);
    plx_link_tick(a->link, now);
    plx_delivery_tick(a->delivery, now);
    plx_keeper_tick(a->keeper, now);
    if (a->deadman && !a->leaving)
        plx_deadman_tick(a->deadman, now, plx_link_is_up(a->link));
    if (a->leaving)
        leave_when_done(a, now);
}

/* Log level and format, and the policy. The policies before may be in use by a lane just
 * now: they are kept until the end. */
static void reload(struct plx_agent_process *a)
{
    struct plx_agent_config *config = calloc(1, sizeof *config);
    struct plx_why why = {""};
    if (!config)
        abort();
    plx_notify_reloading(plx_clock_mono());
    if (!a->config->again || a->n_reloaded >= RELOADS_MAX ||
        a->config->again(a->config->again_arg, config, &why) < 0) {
        plx_log(PLX_LOG_WARN, "reload_refused", "why",
                why.text[0] ? why.text : "start again instead", NULL);
        free(config);
    } else {
        plx_log_set_level(config->log_level);
        plx_log_json(config->log_json);
        a->policy->instead = &config->policy;
        a->reloaded[a->n_reloaded++] = config;
        plx_log(PLX_LOG_INFO, "reload", "why",
                "log level, log format and policy hold; the rest needs a restart", NULL);
    }
    plx_notify("READY=1");
}

static void on_signal(void *arg, int signo)
{
    struct plx_agent_process *a = arg;
    if (signo == SIGHUP) {
        reload(a);
        return;
    }
    if (a->leaving) {
        plx_loop_stop(a->loop);
        return;
    }
    a->leaving = true;
    a->leave_began = plx_clock_mono();
    plx_crew_leave(a->crew);
    plx_notify("STOPPING=1");
    plx_log(PLX_LOG_INFO, "stopping", NULL);
}

/* ---- start and end ---- */

static int open_crew(struct plx_agent_process *a, const struct plx_keypair *keys,
                     struct plx_why *why)
{
    const struct plx_agent_config *c = a->config;
    const struct plx_crew_setup setup = {
        .n_threads = c->threads,
        .limits = c->limits,
        .lane = {.probing = {.policy = a->policy,
                             .resolver = c->resolver,
                             .engine = c->engine},
                 /* The key is what stays the same over restarts, and differs between
                    agents. */
                 .agent_seed =
                     plx_hash_bytes(keys->public_key, strlen(keys->public_key), 0),
                 .now = plx_clock_mono(),
                 .wall = plx_clock_wall()},
        .spool = a->spool,
        .tallies = &a->tallies,
        .on_answer = answer_check,
        .arg = a,
    };
    return plx_crew_new(a->loop, a->jobs, &setup, &a->crew, why);
}

static int open_traces(struct plx_agent_process *a, struct plx_why *why)
{
    const struct plx_traces_setup setup = {.policy = &a->config->policy,
                                           .turnstile = plx_crew_turnstile(a->crew),
                                           .resolver = a->config->resolver,
                                           .seed = a->boot_id};
    return plx_traces_new(a->loop, &setup, on_traced, a, &a->traces, why);
}

static int open_modules(struct plx_agent_process *a, struct plx_why *why)
{
    const struct plx_enrolment *enrolment = plx_trust_enrolment(a->trust);
    const struct plx_agent_config *c = a->config;
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
        err = open_crew(a, plx_trust_keys(a->trust), why);
    if (!err)
        err = open_traces(a, why);
    if (!err)
        err = plx_link_new(a->net, a->loop, endpoint, enrolment->server_key,
                           plx_trust_keys(a->trust), &owner, &a->link, why);
    if (!err)
        use_keys(a, false, 0);
    if (!err && c->deadman.url)
        err = plx_deadman_new(&c->deadman, enrolment->name, enrolment->region,
                              plx_clock_mono(), &a->deadman, why);
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
    plx_deadman_destroy(&a->deadman);
    plx_crew_destroy(&a->crew);
    while (a->n_reloaded > 0) {
        plx_agent_config_fini(a->reloaded[--a->n_reloaded]);
        free(a->reloaded[a->n_reloaded]);
    }
    plx_delivery_destroy(&a->delivery);
    plx_link_destroy(&a->link);
    plx_spool_close(&a->spool);
    plx_keeper_close(&a->keeper);
    plx_jobs_destroy(&a->jobs);
    plx_tallies_fini(&a->tallies);
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

int plx_agent_open(struct plx_agent_config *config, struct plx_trust *trust,
                   struct plx_agent_process **ret, struct plx_why *why)
{
    uint64_t boot_id;
    const struct plx_enrolment *enrolment = plx_trust_enrolment(trust);
    if (getrandom(&boot_id, sizeof boot_id, 0) != sizeof boot_id)
        return plx_why_set(why, PLX_EIO, "cannot read random numbers");
    struct plx_agent_process *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    a->config = config;
    a->policy = &config->policy;
    a->trust = trust;
    a->boot_id = boot_id;
    a->started = plx_clock_mono();
    plx_tallies_init(&a->tallies);
    plx_watchdog_init(&a->watchdog);
    a->jobs = plx_jobs_new(PLX_AGENT_MONITORS_MAX, on_job, a);
    a->keeper = plx_keeper_new(config->data_dir, enrolment->server_key, a->jobs);
    int err = open_modules(a, why);
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

int plx_agent_run(struct plx_agent_config *config, struct plx_trust *trust,
                  struct plx_why *why)
{
    struct plx_agent_process *a;
    int err = plx_agent_open(config, trust, &a, why);
    if (err)
        return err;
    plx_notify("READY=1");
    plx_loop_run(a->loop);
    plx_agent_close(&a);
    plx_log(PLX_LOG_INFO, "stopped", NULL);
    return 0;
}
