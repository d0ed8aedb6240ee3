/* Envelope bytes to structs: every field is checked here, once. */
#include "proto/wire_decode.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/wire_trace.h"

#include <stdlib.h>
#include <string.h>

#define KEY_TEXT_LEN 40 /* Z85 of 32 bytes */

static void *arena_alloc(void *arena, size_t size)
{
    return plx_arena_alloc(arena, size);
}

static void arena_free(void *arena, void *p)
{
    (void)arena; /* freed with the arena */
    (void)p;
}

struct plx_wire_decoder *plx_wire_decoder_new(void)
{
    struct plx_wire_decoder *d = calloc(1, sizeof *d);
    if (!d)
        abort();
    plx_arena_init(&d->arena, PLX_WIRE_ARENA_MAX);
    d->allocator = (ProtobufCAllocator){arena_alloc, arena_free, &d->arena};
    return d;
}

void plx_wire_decoder_destroy(struct plx_wire_decoder **decoder)
{
    if (!*decoder)
        return;
    plx_arena_fini(&(*decoder)->arena);
    free(*decoder);
    *decoder = NULL;
}

static const struct plx_label *labels(struct plx_wire_check *c, Parallax__V1__Label **in,
                                      size_t n)
{
    if (n > PLX_WIRE_LABELS_MAX) {
        plx_wire_fail(c, PLX_ETOOBIG, "labels", "has more than 32 entries");
        return NULL;
    }
    struct plx_label *out = plx_wire_alloc(c, n, sizeof *out);
    for (size_t i = 0; out && i < n; i++) {
        out[i].key = (char *)plx_wire_text(c, "labels.key", in[i]->key);
        out[i].value = (char *)plx_wire_text(c, "labels.value", in[i]->value);
        if (!plx_text_is_word(out[i].key) || !plx_text_was_name(out[i].value))
            plx_wire_fail(c, PLX_EMALFORMED, "labels",
                          "has a key or value that is no word");
    }
    return out;
}

static void hello(struct plx_wire_check *c, const Parallax__V1__Hello *in,
                  struct plx_msg_hello *out)
{
    out->software = plx_wire_text(c, "hello.software", in->software);
    out->boot_id = in->boot_id;
    out->generation = in->generation;
    out->assignment_hash = in->assignment_hash;
    out->labels = labels(c, in->labels, in->n_labels);
    out->n_labels = in->n_labels;
    out->wall = plx_wire_wall(c, "hello.wall_ns", in->wall_ns);
}

static void welcome(struct plx_wire_check *c, const Parallax__V1__Welcome *in,
                    struct plx_msg_welcome *out)
{
    out->agent_id = in->agent_id;
    out->agent_name = plx_wire_text(c, "welcome.agent_name", in->agent_name);
    out->region = plx_wire_text(c, "welcome.region", in->region);
    out->wall = plx_wire_wall(c, "welcome.wall_ns", in->wall_ns);
    out->heartbeat_ms = in->heartbeat_ms;
    out->lease_ms = in->lease_ms;
    plx_wire_in_range(c, "welcome.heartbeat_ms", in->heartbeat_ms, 10, 3600000);
    plx_wire_in_range(c, "welcome.lease_ms", in->lease_ms, 10, 3600000);
}

static void refusal(struct plx_wire_check *c, const Parallax__V1__Refusal *in,
                    struct plx_msg_refusal *out)
{
    out->err = in->err;
    out->why = plx_wire_text(c, "refusal.why", in->why);
}

static bool is_source(const char *s)
{
    struct plx_addr addr;
    return *s == '\0' || plx_addr_parse(s, &addr) == 0;
}

static enum plx_greeting_kind step_kind(struct plx_wire_check *c, uint32_t kind)
{
    plx_wire_in_range(c, "greeting.kind", kind, 0, PLX_GREETING_REGEX);
    return (enum plx_greeting_kind)kind;
}

void plx_wire_take_greeting(struct plx_wire_check *c, const Parallax__V1__Greeting *in,
                            struct plx_greeting *out)
{
    struct plx_why inner = {""};
    *out = (struct plx_greeting){0};
    if (!in)
        return;
    if (in->n_steps > PLX_GREETING_STEPS_MAX) {
        plx_wire_fail(c, PLX_ETOOBIG, "greeting", "has too many steps");
        return;
    }
    out->preset = (enum plx_greeting_preset)in->preset;
    out->n_steps = in->n_steps;
    out->steps = plx_wire_alloc(c, in->n_steps, sizeof *out->steps);
    for (size_t i = 0; c->err == 0 && i < in->n_steps; i++)
        out->steps[i] = (struct plx_greeting_step){
            .kind = step_kind(c, in->steps[i]->kind),
            .bytes = in->steps[i]->bytes.data,
            .len = in->steps[i]->bytes.len,
            .max_bytes = in->steps[i]->max_bytes,
            .within_ns = in->steps[i]->within_ns,
        };
    if (c->err == 0 && plx_greeting_check(out, NULL, &inner) < 0)
        plx_wire_fail(c, PLX_EMALFORMED, "greeting", inner.text);
}

static void task(struct plx_wire_check *c, const Parallax__V1__Task *in,
                 struct plx_task *out)
{
    out->monitor_id = in->monitor_id;
    out->host = plx_wire_text(c, "task.host", in->host);
    out->source = plx_wire_text(c, "task.source", in->source);
    out->port = (uint16_t)in->port;
    out->interval_ns = in->interval_ns;
    out->timeout_ns = in->timeout_ns;
    out->handshake = (enum plx_handshake)in->handshake;
    out->ip = (enum plx_ip)in->ip;
    out->addresses = (enum plx_addresses)in->addresses;
    out->expect = (enum plx_expect)in->expect;
    out->confirm = in->confirm;
    out->turn = (uint16_t)in->turn;
    plx_wire_take_greeting(c, in->greeting, &out->greeting);
    if (!plx_text_is_host(out->host))
        plx_wire_fail(c, PLX_EMALFORMED, "task.host", "is no DNS name or IP address");
    if (!is_source(out->source))
        plx_wire_fail(c, PLX_EMALFORMED, "task.source", "is no IP address");
    if (in->ip != PLX_IP_ANY && in->ip != PLX_IP_4 && in->ip != PLX_IP_6)
        plx_wire_fail(c, PLX_EMALFORMED, "task.ip", "is unknown");
    plx_wire_in_range(c, "task.port", in->port, 1, 65535);
    plx_wire_in_range(c, "task.interval_ns", in->interval_ns, PLX_MONITOR_INTERVAL_MIN_NS,
                      PLX_MONITOR_INTERVAL_MAX_NS);
    plx_wire_in_range(c, "task.timeout_ns", in->timeout_ns, PLX_MONITOR_TIMEOUT_MIN_NS,
                      PLX_MONITOR_TIMEOUT_MAX_NS);
    plx_wire_in_range(c, "task.handshake", in->handshake, 0, PLX_HANDSHAKE_FULL);
    plx_wire_in_range(c, "task.expect", in->expect, 0, PLX_EXPECT_CLOSED);
    plx_wire_in_range(c, "task.turn", in->turn, 0, UINT16_MAX);
    plx_wire_in_range(c, "task.addresses", in->addresses, 0, PLX_ADDRESSES_ALL);
}

static const struct plx_task *tasks(struct plx_wire_check *c, Parallax__V1__Task **in,
                                    size_t n)
{
    if (n > PLX_WIRE_TASKS_MAX) {
        plx_wire_fail(c, PLX_ETOOBIG, "tasks", "has more than 1000 entries");
        return NULL;
    }
    struct plx_task *out = plx_wire_alloc(c, n, sizeof *out);
    for (size_t i = 0; out && i < n; i++)
        task(c, in[i], &out[i]);
    return out;
}

static void ids_fit(struct plx_wire_check *c, const char *field, size_t n)
{
    if (n > PLX_WIRE_IDS_MAX)
        plx_wire_fail(c, PLX_ETOOBIG, field, "has more than 50000 entries");
}

static void snapshot(struct plx_wire_check *c, const Parallax__V1__Snapshot *in,
                     struct plx_msg_snapshot *out)
{
    out->generation = in->generation;
    out->part = in->part;
    out->parts = in->parts;
    out->tasks = tasks(c, in->tasks, in->n_tasks);
    out->n_tasks = in->n_tasks;
    if (in->parts == 0 || in->part >= in->parts)
        plx_wire_fail(c, PLX_EMALFORMED, "snapshot.part", "is not below snapshot.parts");
}

static void delta(struct plx_wire_check *c, const Parallax__V1__Delta *in,
                  struct plx_msg_delta *out)
{
    out->from_generation = in->from_generation;
    out->generation = in->generation;
    out->upserts = tasks(c, in->upserts, in->n_upserts);
    out->n_upserts = in->n_upserts;
    out->removals = in->removals;
    out->n_removals = in->n_removals;
    ids_fit(c, "delta.removals", in->n_removals);
}

static void heartbeat(struct plx_wire_check *c, const Parallax__V1__Heartbeat *in,
                      struct plx_msg_heartbeat *out)
{
    *out = (struct plx_msg_heartbeat){
        .wall = plx_wire_wall(c, "heartbeat.wall_ns", in->wall_ns),
        .uptime_ms = in->uptime_ms,
        .generation = in->generation,
        .progress = in->progress,
        .spool_rows = in->spool_rows,
        .spool_bytes = in->spool_bytes,
        .spool_age_ms = in->spool_age_ms,
        .in_flight = in->in_flight,
        .lag_ms = in->lag_ms,
        .skipped = in->skipped,
        .lost = in->lost,
        .offset_ns = in->offset_ns,
        .rtt_us = in->rtt_us,
        .keys_hash = in->keys_hash,
    };
    plx_wire_in_range(c, "heartbeat.offset_ns", in->offset_ns, -PLX_WIRE_WALL_MAX_NS,
                      PLX_WIRE_WALL_MAX_NS);
    if (in->n_troubles > PLX_WIRE_TROUBLES_MAX) {
        plx_wire_fail(c, PLX_ETOOBIG, "heartbeat.troubles", "has more than 16 entries");
        return;
    }
    const char **troubles = plx_wire_alloc(c, in->n_troubles, sizeof *troubles);
    for (size_t i = 0; troubles && i < in->n_troubles; i++)
        troubles[i] = plx_wire_text(c, "heartbeat.troubles", in->troubles[i]);
    out->troubles = troubles;
    out->n_troubles = in->n_troubles;
}

static void heartbeat_ack(struct plx_wire_check *c, const Parallax__V1__HeartbeatAck *in,
                          struct plx_msg_heartbeat_ack *out)
{
    out->agent_wall = plx_wire_wall(c, "heartbeat_ack.agent_wall_ns", in->agent_wall_ns);
    out->wall = plx_wire_wall(c, "heartbeat_ack.wall_ns", in->wall_ns);
    out->generation = in->generation;
}

static void results(struct plx_wire_check *c, const Parallax__V1__ResultBatch *in,
                    struct plx_msg_results *out)
{
    plx_wire_take_results(c, in, out);
}

static void ack(struct plx_wire_check *c, const Parallax__V1__Ack *in,
                struct plx_msg_ack *out)
{
    (void)c;
    out->stream_id = in->stream_id;
    out->seq = in->seq;
}

static void probe_now(struct plx_wire_check *c, const Parallax__V1__ProbeNow *in,
                      struct plx_msg_probe_now *out)
{
    out->request_id = in->request_id;
    out->tasks = tasks(c, in->tasks, in->n_tasks);
    out->n_tasks = in->n_tasks;
    out->monitor_ids = in->monitor_ids;
    out->n_monitor_ids = in->n_monitor_ids;
    ids_fit(c, "probe_now.monitor_ids", in->n_monitor_ids);
    if (in->n_tasks == 0 && in->n_monitor_ids == 0)
        plx_wire_fail(c, PLX_EMALFORMED, "probe_now", "asks for nothing");
}

static void probe_done(struct plx_wire_check *c, const Parallax__V1__ProbeDone *in,
                       struct plx_msg_probe_done *out)
{
    out->request_id = in->request_id;
    if (!in->result || in->result->n_monitor_id != 1) {
        plx_wire_fail(c, PLX_EMALFORMED, "probe_done.result",
                      "does not hold exactly one result");
        return;
    }
    const struct plx_result *result = plx_wire_take_rows(c, in->result);
    if (result && c->err == 0)
        out->result = *result;
}

static void bye(struct plx_wire_check *c, const Parallax__V1__Bye *in,
                struct plx_msg_bye *out)
{
    out->reason = plx_wire_text(c, "bye.reason", in->reason);
}

static void enrol_request(struct plx_wire_check *c, const Parallax__V1__EnrolRequest *in,
                          struct plx_msg_enrol_request *out)
{
    out->secret = plx_wire_text(c, "enrol_request.secret", in->secret);
    out->name = plx_wire_text(c, "enrol_request.name", in->name);
    out->labels = labels(c, in->labels, in->n_labels);
    out->n_labels = in->n_labels;
    out->software = plx_wire_text(c, "enrol_request.software", in->software);
}

/* A public key as text, or none: whether it decodes is for whoever uses it. */
static const char *key_text(struct plx_wire_check *c, const char *field, const char *s)
{
    const char *out = plx_wire_text(c, field, s);
    if (c->err == 0 && *out && strlen(out) != KEY_TEXT_LEN)
        plx_wire_fail(c, PLX_EMALFORMED, field, "is no key");
    return out;
}

static void enrol_reply(struct plx_wire_check *c, const Parallax__V1__EnrolReply *in,
                        struct plx_msg_enrol_reply *out)
{
    out->agent_id = in->agent_id;
    out->agent_name = plx_wire_text(c, "enrol_reply.agent_name", in->agent_name);
    out->region = plx_wire_text(c, "enrol_reply.region", in->region);
    out->endpoint = plx_wire_text(c, "enrol_reply.endpoint", in->endpoint);
    out->server_key = key_text(c, "enrol_reply.server_key", in->server_key);
    out->next_key = key_text(c, "enrol_reply.next_key", in->next_key);
}

static void server_keys(struct plx_wire_check *c, const Parallax__V1__ServerKeys *in,
                        struct plx_msg_server_keys *out)
{
    out->server_key = key_text(c, "server_keys.server_key", in->server_key);
    out->next_key = key_text(c, "server_keys.next_key", in->next_key);
}

static void agent_key(struct plx_wire_check *c, const Parallax__V1__AgentKey *in,
                      struct plx_msg_agent_key *out)
{
    out->public_key = key_text(c, "agent_key.public_key", in->public_key);
}

static void admin_request(struct plx_wire_check *c, const Parallax__V1__AdminRequest *in,
                          struct plx_msg_admin_request *out)
{
    out->id = in->id;
    out->method = plx_wire_text(c, "admin_request.method", in->method);
    out->body_bytes = in->body_bytes;
}

static void admin_response(struct plx_wire_check *c,
                           const Parallax__V1__AdminResponse *in,
                           struct plx_msg_admin_response *out)
{
    out->id = in->id;
    out->err = in->err;
    out->why = plx_wire_text(c, "admin_response.why", in->why);
    out->body_bytes = in->body_bytes;
    out->more = in->more;
}

static void trace_now(struct plx_wire_check *c, const Parallax__V1__TraceNow *in,
                      struct plx_msg_trace_now *out)
{
    out->request_id = in->request_id;
    out->host = plx_wire_text(c, "trace_now.host", in->host);
    out->source = plx_wire_text(c, "trace_now.source", in->source);
    out->port = (uint16_t)in->port;
    out->ip = (enum plx_ip)in->ip;
    out->flows = (uint8_t)in->flows;
    out->max_hops = (uint8_t)in->max_hops;
    bool known = in->ip == PLX_IP_ANY || in->ip == PLX_IP_4 || in->ip == PLX_IP_6;
    if (!plx_text_is_host(out->host) || !is_source(out->source) || !known)
        plx_wire_fail(c, PLX_EMALFORMED, "trace_now.host",
                      "(or source, or ip) cannot be");
    plx_wire_in_range(c, "trace_now.port", in->port, 1, 65535);
    plx_wire_in_range(c, "trace_now.flows", in->flows, 1, PLX_TRACE_FLOWS_MAX);
    plx_wire_in_range(c, "trace_now.max_hops", in->max_hops, 1, PLX_TRACE_HOPS_MAX);
}

static void trace_done(struct plx_wire_check *c, const Parallax__V1__TraceDone *in,
                       struct plx_msg_trace_done *out)
{
    struct plx_why inner = {""};
    struct plx_trace *trace = plx_wire_alloc(c, 1, sizeof *trace);
    *out = (struct plx_msg_trace_done){in->request_id, trace};
    if (trace && plx_wire_trace_unpack(in->trace, trace, &inner) < 0)
        plx_wire_fail(c, PLX_EMALFORMED, "trace_done.trace", inner.text);
}

static void take_body(struct plx_wire_check *c, const Parallax__V1__Envelope *env,
                      struct plx_msg *m)
{
    switch (env->body_case) {
#define BODY(NAME, name)                                                                 \
    case PARALLAX__V1__ENVELOPE__BODY_##NAME:                                            \
        m->type = PLX_MSG_##NAME;                                                        \
        name(c, env->name, &m->name);                                                    \
        break
        BODY(HELLO, hello);
        BODY(WELCOME, welcome);
        BODY(REFUSAL, refusal);
        BODY(SNAPSHOT, snapshot);
        BODY(DELTA, delta);
        BODY(HEARTBEAT, heartbeat);
        BODY(HEARTBEAT_ACK, heartbeat_ack);
        BODY(RESULTS, results);
        BODY(ACK, ack);
        BODY(PROBE_NOW, probe_now);
        BODY(PROBE_DONE, probe_done);
        BODY(BYE, bye);
        BODY(ENROL_REQUEST, enrol_request);
        BODY(ENROL_REPLY, enrol_reply);
        BODY(ADMIN_REQUEST, admin_request);
        BODY(ADMIN_RESPONSE, admin_response);
        BODY(SERVER_KEYS, server_keys);
        BODY(AGENT_KEY, agent_key);
        BODY(TRACE_NOW, trace_now);
        BODY(TRACE_DONE, trace_done);
#undef BODY
    default:
        plx_wire_fail(c, PLX_EMALFORMED, "body", "is missing or of an unknown kind");
    }
}

int plx_wire_decode(struct plx_wire_decoder *decoder, const void *frame, size_t len,
                    struct plx_msg *ret_msg, struct plx_why *why)
{
    if (len > PLX_WIRE_FRAME_MAX)
        return plx_why_set(why, PLX_ETOOBIG, "a frame of %zu bytes is over the limit",
                           len);
    plx_arena_reset(&decoder->arena);
    Parallax__V1__Envelope *env =
        parallax__v1__envelope__unpack(&decoder->allocator, len, frame);
    if (!env)
        return plx_why_set(why, PLX_EMALFORMED, "a frame of %zu bytes is no message",
                           len);
    if (env->version != PLX_WIRE_VERSION)
        return plx_why_set(why, PLX_EVERSION,
                           "protocol version %u is not spoken here, only %d",
                           (unsigned)env->version, PLX_WIRE_VERSION);
    struct plx_wire_check c = {&decoder->arena, why, 0};
    struct plx_msg m = {0};
    take_body(&c, env, &m);
    if (c.err == 0)
        *ret_msg = m;
    return c.err;
}

/* The stored monitor's enums are checked here, the rest by plx_monitor_check. */
static void monitor_fields(struct plx_wire_check *c, const Parallax__V1__Monitor *in,
                           struct plx_monitor *out)
{
    plx_wire_in_range(c, "monitor.port", in->port, 1, 65535);
    plx_wire_in_range(c, "monitor.expect", in->expect, 0, PLX_EXPECT_CLOSED);
    plx_wire_in_range(c, "monitor.addresses", in->addresses, 0, PLX_ADDRESSES_ALL);
    plx_wire_in_range(c, "monitor.handshake", in->handshake, 0, PLX_HANDSHAKE_FULL);
    plx_wire_in_range(c, "monitor.quorum_rule", in->quorum_rule, 0, PLX_QUORUM_COUNT);
    plx_wire_in_range(c, "monitor.quorum_distinct", in->quorum_distinct, 0,
                      PLX_DISTINCT_ASN);
    if (in->ip != PLX_IP_ANY && in->ip != PLX_IP_4 && in->ip != PLX_IP_6)
        plx_wire_fail(c, PLX_EMALFORMED, "monitor.ip", "is unknown");
    out->id = in->id;
    out->port = (uint16_t)in->port;
    out->interval_ns = in->interval_ns;
    out->timeout_ns = in->timeout_ns;
    out->expect = (enum plx_expect)in->expect;
    out->handshake = (enum plx_handshake)in->handshake;
    out->ip = (enum plx_ip)in->ip;
    out->addresses = (enum plx_addresses)in->addresses;
    out->degraded_above_ns = in->degraded_above_ns;
    out->quorum.rule = (enum plx_quorum_rule)in->quorum_rule;
    out->quorum.distinct = (enum plx_distinct)in->quorum_distinct;
    out->quorum.n = in->quorum_n;
    out->min_coverage_percent = in->min_coverage_percent;
    out->agents_per_location = in->agents_per_location;
    out->confirm = in->confirm;
    out->paused = in->paused;
    out->alert_on_failure = in->alert_on_failure;
    out->consecutive_failures = in->consecutive_failures;
    out->recovery_successes = in->recovery_successes;
    out->slo_ppm = in->slo_ppm;
    out->slo_window_ns = in->slo_window_ns;
    struct plx_greeting lent;
    plx_wire_take_greeting(c, in->greeting, &lent);
    if (c->err == 0)
        plx_greeting_copy(&out->greeting, &lent);
}

static void monitor_texts(const Parallax__V1__Monitor *in, struct plx_monitor *out)
{
    plx_monitor_set_text(&out->name, in->name);
    plx_monitor_set_text(&out->host, in->host);
    plx_monitor_set_text(&out->source, in->source);
    plx_monitor_set_text(&out->runbook, in->runbook);
    for (size_t i = 0; i < in->n_locations; i++)
        plx_monitor_add_location(out, in->locations[i]);
    for (size_t i = 0; i < in->n_labels; i++)
        plx_monitor_add_label(out, in->labels[i]->key ? in->labels[i]->key : "",
                              in->labels[i]->value ? in->labels[i]->value : "");
    for (size_t i = 0; i < in->n_depends_on; i++)
        plx_monitor_add_depends_on(out, in->depends_on[i]);
    for (size_t i = 0; i < in->n_notify; i++)
        plx_monitor_add_notify(out, in->notify[i]);
}

int plx_wire_decode_monitor(const void *bytes, size_t len, struct plx_monitor *ret,
                            struct plx_why *why)
{
    struct plx_wire_decoder *d = plx_wire_decoder_new();
    struct plx_wire_check c = {&d->arena, why, 0};
    struct plx_monitor m;
    plx_monitor_init(&m);
    Parallax__V1__Monitor *in =
        len > PLX_WIRE_FRAME_MAX
            ? NULL
            : parallax__v1__monitor__unpack(&d->allocator, len, bytes);
    if (!in) {
        c.err = plx_why_set(why, PLX_EMALFORMED, "%zu bytes are no monitor", len);
    } else {
        monitor_fields(&c, in, &m);
        monitor_texts(in, &m);
        if (c.err == 0)
            c.err = plx_monitor_check(&m, NULL, why);
    }
    if (c.err == 0)
        *ret = m;
    else
        plx_monitor_fini(&m);
    plx_wire_decoder_destroy(&d);
    return c.err;
}
