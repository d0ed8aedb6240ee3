#include "coordinator/coordinator.h"

#include "base/err.h"
#include "base/text.h"
#include "coordinator/heartbeat.h"
#include "coordinator/http/http.h"
#include "coordinator/io/admin.h"
#include "coordinator/io/alerts.h"
#include "coordinator/io/api.h"
#include "coordinator/io/desk.h"
#include "coordinator/io/door_process.h"
#include "coordinator/io/enrol.h"
#include "coordinator/io/gate.h"
#include "coordinator/io/inquest.h"
#include "coordinator/io/intake.h"
#include "coordinator/io/keyring.h"
#include "coordinator/io/rounds.h"
#include "coordinator/io/store_rollups.h"
#include "coordinator/io/verdicts.h"
#include "proto/session.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/jail.h"
#include "sys/loop.h"
#include "sys/notify.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

/* How often results beyond their retention are looked for. */
#define DROP_NS         PLX_HOUR_NS
/* Descriptors below which a fleet of any size would not fit. */
#define DESCRIPTORS_MIN 4096
#define ENDPOINT_MAX    384
/* For answers under way. */
#define RESTART_NS      (500 * PLX_MS_NS)
/* What may wait for the disk: also room for one application of 200,000 monitors. */
#define QUEUE_BYTES     ((size_t)256 * 1024 * 1024)

#define HTTP_USUAL     "127.0.0.1:7480"
/* Passwords that wait to be stretched. */
#define SLOW_TASKS_MAX 16
/* Long reads that wait for their turn. */
#define READS_MAX      256

struct coordinator {
    const struct plx_config *config;
    uint32_t retention_days;               /* as last read */
    int64_t rollup_ns[PLX_ROLLUP_LEVELS_]; /* how long rollups are kept, as last read */
    int lock_fd;
    struct plx_loop *loop;
    struct plx_net *net;
    struct plx_store *store;
    struct plx_gate *gate;
    struct plx_keyring keys;
    struct plx_door_process door;
    struct plx_heartbeat *heartbeat; /* NULL: not configured */
    struct plx_desk desk;
    bool has_desk;
    struct plx_rounds rounds;
    struct plx_alerts *alerts;
    struct plx_worker *worker; /* passwords */
    struct plx_worker *reads;  /* long reads of the store */
    struct plx_intake *intake;
    struct plx_inquest *inquest;
    struct plx_enrol *enrol;
    struct plx_api *api;
    struct plx_admin *admin;
    struct plx_http *http; /* NULL: off */
    struct plx_watchdog watchdog;
    struct plx_mono dropped;
    bool restart; /* with other keys, at restart_at */
    struct plx_mono restart_at;
    bool failed; /* the store did: nothing more is written before a restart */
};

/* ---- running ---- */

static void reload(struct coordinator *c)
{
    struct plx_config config;
    struct plx_why why = {""};
    plx_notify_reloading(plx_clock_mono());
    if (!c->config->again || c->config->again(c->config->again_arg, &config, &why) < 0) {
        plx_log(PLX_LOG_WARN, "reload_refused", "why", why.text, NULL);
    } else {
        plx_log_set_level(config.log_level);
        plx_log_json(config.log_json);
        c->retention_days = config.retention_days;
        memcpy(c->rollup_ns, config.rollup_ns, sizeof c->rollup_ns);
        plx_config_fini(&config);
        plx_log(PLX_LOG_INFO, "reload", "why",
                "log level, log format and retention hold; the rest needs a restart",
                NULL);
    }
    plx_notify("READY=1");
}

static void on_signal(void *arg, int signo)
{
    struct coordinator *c = arg;
    if (signo == SIGHUP) {
        reload(c);
        return;
    }
    plx_log(PLX_LOG_INFO, "stopping", "signal", signo == SIGTERM ? "SIGTERM" : "SIGINT",
            NULL);
    plx_loop_stop(c->loop);
}

static void on_store(void *arg, uint32_t events)
{
    struct coordinator *c = arg;
    (void)events;
    plx_store_poll(c->store);
}

static void on_alerts(void *arg, uint32_t events)
{
    struct coordinator *c = arg;
    (void)events;
    plx_alerts_poll(c->alerts);
}

/* A coordinator that cannot write acknowledges nothing and answers from memory that
 * drifts from the disk: it ends, so that whoever supervises it starts one that checks the
 * file. */
static void end_for_store(struct coordinator *c)
{
    c->failed = true;
    plx_loop_stop(c->loop);
}

static void on_dropped(void *arg, int err, const char *why)
{
    (void)arg;
    if (err < 0)
        plx_log(PLX_LOG_WARN, "old_results_not_dropped", "why", why, NULL);
}

static void drop_old(struct coordinator *c, struct plx_mono now)
{
    if (plx_mono_diff(now, c->dropped) < DROP_NS)
        return;
    c->dropped = now;
    plx_store_drop_before(
        c->store,
        plx_wall_add(plx_clock_wall(), -(int64_t)c->retention_days * PLX_DAY_NS),
        on_dropped, c);
    for (int level = 0; level < PLX_ROLLUP_LEVELS_; level++)
        plx_store_drop_rollups(c->store, (enum plx_rollup_level)level,
                               plx_wall_add(plx_clock_wall(), -c->rollup_ns[level]),
                               on_dropped, c);
}

static void on_tick(void *arg, struct plx_mono now)
{
    struct coordinator *c = arg;
    plx_watchdog_tick(&c->watchdog, now);
    bool works = plx_rounds_make(&c->rounds, &c->desk, c->intake);
    plx_inquest_tick(c->inquest, now);
    plx_api_tick(c->api, now);
    if (c->http)
        plx_http_tick(c->http, now);
    plx_enrol_tick(c->enrol, now);
    drop_old(c, now);
    if (!works || plx_alerts_failed(c->alerts))
        end_for_store(c);
    else if (c->heartbeat)
        plx_heartbeat_tick(c->heartbeat, now);
    if (c->restart && plx_mono_diff(now, c->restart_at) >= 0)
        plx_loop_stop(c->loop);
}

static void on_haste(void *arg, struct plx_mono now)
{
    struct coordinator *c = arg;
    (void)now;
    if (!c->failed)
        plx_rounds_hasten(&c->rounds, &c->desk, c->intake);
}

/* ---- starting ---- */

/* "host:port" of a bound endpoint, the host replaced. */
static void advertise(const char *bound, const char *host, char ret[ENDPOINT_MAX])
{
    const char *port = strrchr(bound, ':');
    bool v6 = strchr(host, ':') != NULL;
    snprintf(ret, ENDPOINT_MAX, v6 ? "tcp://[%s]%s" : "tcp://%s%s", host,
             port ? port : "");
}

/* The host that others reach us by: as configured, as listened on, or our name. */
static void find_host(const struct plx_config *config, char ret[PLX_HOST_MAX + 1])
{
    const char *text = config->advertise;
    uint16_t port;
    if (text && plx_text_copy(ret, PLX_HOST_MAX + 1, text) == 0)
        return;
    bool any = strncmp(config->listen, "tcp://*:", 8) == 0 ||
               strncmp(config->listen, "tcp://0.0.0.0:", 14) == 0 ||
               strncmp(config->listen, "tcp://[::]:", 11) == 0;
    if (!any && plx_text_host_port(config->listen + 6, ret, &port) == 0)
        return;
    if (gethostname(ret, PLX_HOST_MAX) < 0)
        snprintf(ret, PLX_HOST_MAX + 1, "localhost");
    ret[PLX_HOST_MAX] = '\0';
}

static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < DESCRIPTORS_MIN)
        plx_logf(PLX_LOG_WARN, "few_descriptors", "why",
                 "only %" PRIu64 " descriptors are allowed: raise LimitNOFILE to 65536",
                 (uint64_t)limit.rlim_cur);
}

static int open_store(struct coordinator *c, struct plx_why *why)
{
    struct plx_store_options options;
    plx_store_options_default(&options);
    options.dir = c->config->data_dir;
    options.queue_bytes = QUEUE_BYTES;
    return plx_store_open(&options, &c->store, why);
}

/* The loop first: it blocks the signals that it takes, and threads inherit that. */
static int open_floor(struct coordinator *c, struct plx_why *why)
{
    int err = plx_file_make_dir(c->config->data_dir, why);
    if (err == 0)
        err = plx_file_lock_dir(c->config->data_dir, &c->lock_fd, why);
    if (err == 0)
        err = plx_loop_new(on_signal, c, &c->loop, why);
    if (err == 0)
        err = open_store(c, why);
    if (err == 0)
        err = plx_keyring_load(c->config->data_dir, &c->keys, why);
    if (err == 0)
        err = plx_net_new(&c->net, why);
    if (err == 0)
        err = plx_gate_new(c->net, NULL, &c->gate, why);
    if (err == 0)
        err = plx_gate_self_test(c->net, why);
    if (err == 0)
        plx_gate_log_refusals(c->gate);
    return err;
}

static int open_desk(struct coordinator *c, struct plx_why *why)
{
    const struct plx_alerts_options alerting = {.public_url = c->config->public_url,
                                                .commands_dir = c->config->commands_dir,
                                                .secrets_dir = c->config->secrets_dir};
    plx_desk_init(&c->desk, c->store, c->gate);
    c->has_desk = true;
    plx_desk_set_keys(&c->desk, c->keys.current.public_key, c->keys.next.public_key);
    plx_gate_allow(c->gate, PLX_GATE_DOMAIN_ADMIN, c->keys.admin.public_key);
    int err = plx_rounds_begin(&c->desk, why);
    if (err == 0)
        err = plx_alerts_new(&c->desk, &alerting, &c->alerts, why);
    if (err == 0)
        err = plx_alerts_load(c->alerts, why);
    c->desk.alerts = c->alerts;
    return err;
}

/* An address that was asked for must work; the usual one is not worth a refusal to
 * start. */
static int open_http(struct coordinator *c, struct plx_why *why)
{
    const char *asked = c->config->http_listen;
    const struct plx_http_options options = {
        .listen = asked ? asked : HTTP_USUAL,
        .behind_tls = c->config->http_behind_tls,
        .public = {c->config->status_page, c->config->status_title,
                   c->config->public_url},
        .trusted_proxy = c->config->http_trusted_proxy,
    };
    if (strcmp(options.listen, "off") == 0)
        return 0;
    int err = plx_http_new(&c->desk, c->intake, c->api, c->worker, c->loop, &options,
                           &c->http, why);
    if (err == 0 || asked)
        return err;
    plx_log(PLX_LOG_WARN, "no_http", "why", why->text, NULL);
    return 0;
}

/* The ports have one key each, so the process starts again for it; the answer and what
 * the agents are told go out before. */
static int rotate_keys(void *arg, struct plx_why *why)
{
    struct coordinator *c = arg;
    int err = plx_keyring_rotate(c->config->data_dir, &c->keys, why);
    if (err < 0)
        return err;
    plx_desk_set_keys(&c->desk, c->keys.current.public_key, c->keys.next.public_key);
    plx_intake_tell_keys(c->intake);
    c->restart = true;
    c->restart_at = plx_mono_add(plx_clock_mono(), RESTART_NS);
    return 0;
}

static int open_doors(struct coordinator *c, struct plx_why *why)
{
    char host[PLX_HOST_MAX + 1], agents[ENDPOINT_MAX], enrol[ENDPOINT_MAX];
    find_host(c->config, host);
    int err = plx_intake_new(&c->desk, c->net, c->loop, c->config->listen,
                             &c->keys.current, &c->intake, why);
    if (err < 0)
        return err;
    c->inquest = plx_inquest_new(&c->desk, c->intake, c->config->trace_interval_ns);
    c->desk.inquest = c->inquest;
    advertise(plx_intake_endpoint(c->intake), host, agents);
    const struct plx_enrol_options enrolment = {
        .endpoint = c->config->enrol_listen,
        .agents_endpoint = agents,
        .keys = &c->keys.enrol,
        .doorman = plx_door_process_doorman(&c->door),
    };
    err = plx_enrol_new(&c->desk, c->loop, &enrolment, &c->enrol, why);
    if (err < 0)
        return err;
    advertise(plx_enrol_endpoint(c->enrol), host, enrol);
    err = plx_worker_new(c->loop, SLOW_TASKS_MAX, &c->worker, why);
    if (err == 0)
        err = plx_worker_new(c->loop, READS_MAX, &c->reads, why);
    if (err < 0)
        return err;
    const struct plx_api_options options = {
        .enrol_endpoint = enrol,
        .server_key = c->keys.enrol.public_key,
        .worker = c->worker,
        .reads = c->reads,
        .rotate = rotate_keys,
        .rotate_arg = c,
        .data_dir = c->config->data_dir,
    };
    plx_api_new(&c->desk, c->intake, &options, &c->api);
    err = plx_admin_new(&c->desk, c->api, c->net, c->loop, c->config->admin_listen,
                        &c->keys.current, &c->admin, why);
    return err < 0 ? err : open_http(c, why);
}

/* Where the command line finds us, and by which key. Z85 has no quotes and no
 * backslashes. */
static int write_admin_file(struct coordinator *c, struct plx_why *why)
{
    char endpoint[ENDPOINT_MAX], text[1024];
    const char *bound = plx_admin_endpoint(c->admin);
    bool any = strncmp(bound, "tcp://0.0.0.0:", 14) == 0 ||
               strncmp(bound, "tcp://[::]:", 11) == 0;
    if (any)
        advertise(bound, "127.0.0.1", endpoint);
    else
        snprintf(endpoint, sizeof endpoint, "%s", bound);
    int n = snprintf(text, sizeof text,
                     "# Written at every start: how the command line reaches this "
                     "coordinator.\n"
                     "endpoint: \"%s\"\nserver_key: \"%s\"\nkey: \"admin.key\"\n",
                     endpoint, c->keys.current.public_key);
    char *path = plx_file_path(c->config->data_dir, "admin.yaml");
    int err = plx_file_write_private(path, text, (size_t)n, why);
    free(path);
    return err;
}

static int start(struct coordinator *c, struct plx_why *why)
{
    plx_jail_keep_secrets();
    raise_descriptors();
    int err = open_floor(c, why);
    if (err == 0)
        err = open_desk(c, why);
    if (err == 0)
        err = open_doors(c, why);
    if (err == 0)
        err = write_admin_file(c, why);
    if (err == 0 && c->config->heartbeat_url)
        err = plx_heartbeat_new(c->config->heartbeat_url, &c->heartbeat, why);
    if (err < 0)
        return err;
    if (plx_loop_add_fd(c->loop, plx_store_fd(c->store), EPOLLIN, on_store, c) < 0 ||
        plx_loop_add_fd(c->loop, plx_alerts_fd(c->alerts), EPOLLIN, on_alerts, c) < 0 ||
        plx_loop_add_timer(c->loop, PLX_SESSION_TICK_NS, on_tick, c) < 0 ||
        plx_loop_add_timer(c->loop, PLX_ROUNDS_HASTE_NS, on_haste, c) < 0)
        return plx_why_set(why, PLX_EIO, "cannot set up the event loop");
    /* Whoever asks first is to hear what the stored results say. */
    plx_verdicts_tick(&c->desk, c->intake, plx_clock_wall());
    return 0;
}

static int say_failure(struct coordinator *c, struct plx_why *why)
{
    struct plx_store_health health;
    plx_store_health(c->store, &health);
    return plx_why_set(why, PLX_EIO,
                       "the database failed: %s; nothing was acknowledged that is not on "
                       "disk: check the disk and start again",
                       health.why);
}

/* The reverse of start, from wherever it came to. Completions that the last commit
 * brings still go out as acks and answers. */
static void stop(struct coordinator *c)
{
    if (c->http)
        plx_http_quit(c->http);
    if (c->api)
        plx_api_quit(c->api);
    if (c->alerts)
        plx_alerts_drop_tests(c->alerts);
    plx_heartbeat_destroy(&c->heartbeat);
    plx_worker_destroy(&c->worker);
    plx_worker_destroy(&c->reads);
    if (c->store) {
        plx_store_stop(c->store);
        plx_store_poll(c->store);
    }
    plx_api_destroy(&c->api);
    plx_http_destroy(&c->http);
    plx_admin_destroy(&c->admin);
    plx_enrol_destroy(&c->enrol);
    c->desk.inquest = NULL;
    plx_inquest_destroy(&c->inquest);
    plx_intake_destroy(&c->intake);
    plx_alerts_destroy(&c->alerts);
    if (c->has_desk)
        plx_desk_fini(&c->desk);
    plx_gate_destroy(&c->gate);
    plx_net_destroy(&c->net);
    plx_store_destroy(&c->store);
    plx_loop_destroy(&c->loop);
    plx_keyring_wipe(&c->keys);
    if (c->lock_fd >= 0)
        close(c->lock_fd);
}

int plx_coordinator_run(const struct plx_config *config, struct plx_why *why)
{
    struct coordinator *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->config = config;
    c->retention_days = config->retention_days;
    memcpy(c->rollup_ns, config->rollup_ns, sizeof c->rollup_ns);
    c->lock_fd = -1;
    plx_watchdog_init(&c->watchdog);
    c->dropped = plx_mono_add(plx_clock_mono(), -DROP_NS);
    int err = start(c, why);
    if (err == 0) {
        plx_log(PLX_LOG_INFO, "ready", "version", PLX_VERSION, "agents",
                plx_intake_endpoint(c->intake), "enrolment", plx_enrol_endpoint(c->enrol),
                "admin", plx_admin_endpoint(c->admin), "http",
                c->http ? plx_http_address(c->http) : "off", NULL);
        plx_notify("READY=1");
        plx_loop_run(c->loop);
        plx_notify("STOPPING=1");
        if (c->failed)
            err = say_failure(c, why);
    }
    bool restart = c->restart && err == 0;
    stop(c);
    if (err == 0)
        plx_log(PLX_LOG_INFO, restart ? "starting_again" : "stopped", NULL);
    free(c);
    return restart ? PLX_COORDINATOR_RESTART : err;
}
