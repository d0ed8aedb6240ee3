/* Structs to envelope bytes. */
#include "base/err.h"
#include "proto/arena.h"
#include "proto/parallax.pb-c.h"
#include "proto/wire.h"
#include "proto/wire_trace.h"

#include <stdlib.h>
#include <string.h>

/* Arrays of one message; larger than any message may become. */
#define ENCODE_ARENA_MAX (64 * 1024 * 1024)

#define SET(message, field, v)                                                           \
    do {                                                                                 \
        (message)->has_##field = 1;                                                      \
        (message)->field = (v);                                                          \
    } while (0)

static void *array(struct plx_arena *arena, size_t n, size_t size)
{
    void *p = plx_arena_array(arena, n ? n : 1, size);
    if (!p)
        abort(); /* our own message is too large: a bug, limits are checked before */
    return p;
}

static char *text(const char *s)
{
    return (char *)(s ? s : ""); /* protobuf-c has no const; packing does not write */
}

static Parallax__V1__Label **labels_of(struct plx_arena *arena,
                                       const struct plx_label *labels, size_t n)
{
    Parallax__V1__Label **list = array(arena, n, sizeof *list);
    Parallax__V1__Label *store = array(arena, n, sizeof *store);
    for (size_t i = 0; i < n; i++) {
        parallax__v1__label__init(&store[i]);
        store[i].key = text(labels[i].key);
        store[i].value = text(labels[i].value);
        list[i] = &store[i];
    }
    return list;
}

static void *hello(struct plx_arena *arena, const struct plx_msg_hello *in)
{
    Parallax__V1__Hello *out = array(arena, 1, sizeof *out);
    parallax__v1__hello__init(out);
    out->software = text(in->software);
    SET(out, boot_id, in->boot_id);
    SET(out, generation, in->generation);
    SET(out, assignment_hash, in->assignment_hash);
    out->n_labels = in->n_labels;
    out->labels = labels_of(arena, in->labels, in->n_labels);
    SET(out, wall_ns, in->wall.ns);
    return out;
}

static void *welcome(struct plx_arena *arena, const struct plx_msg_welcome *in)
{
    Parallax__V1__Welcome *out = array(arena, 1, sizeof *out);
    parallax__v1__welcome__init(out);
    SET(out, agent_id, in->agent_id);
    out->agent_name = text(in->agent_name);
    out->region = text(in->region);
    SET(out, wall_ns, in->wall.ns);
    SET(out, heartbeat_ms, in->heartbeat_ms);
    SET(out, lease_ms, in->lease_ms);
    return out;
}

static void *refusal(struct plx_arena *arena, const struct plx_msg_refusal *in)
{
    Parallax__V1__Refusal *out = array(arena, 1, sizeof *out);
    parallax__v1__refusal__init(out);
    SET(out, err, in->err);
    out->why = text(in->why);
    return out;
}

/* NULL for none. */
static Parallax__V1__Greeting *greeting_of(struct plx_arena *arena,
                                           const struct plx_greeting *in)
{
    if (plx_greeting_is_none(in))
        return NULL;
    Parallax__V1__Greeting *out = array(arena, 1, sizeof *out);
    Parallax__V1__GreetingStep *store = array(arena, in->n_steps, sizeof *store);
    parallax__v1__greeting__init(out);
    SET(out, preset, (uint32_t)in->preset);
    out->n_steps = in->n_steps;
    out->steps = array(arena, in->n_steps, sizeof *out->steps);
    for (size_t i = 0; i < in->n_steps; i++) {
        const struct plx_greeting_step *step = &in->steps[i];
        parallax__v1__greeting_step__init(&store[i]);
        SET(&store[i], kind, (uint32_t)step->kind);
        SET(&store[i], bytes, ((ProtobufCBinaryData){step->len, step->bytes}));
        SET(&store[i], max_bytes, step->max_bytes);
        SET(&store[i], within_ns, step->within_ns);
        out->steps[i] = &store[i];
    }
    return out;
}

static Parallax__V1__Task **tasks_of(struct plx_arena *arena, const struct plx_task *in,
                                     size_t n)
{
    Parallax__V1__Task **list = array(arena, n, sizeof *list);
    Parallax__V1__Task *store = array(arena, n, sizeof *store);
    for (size_t i = 0; i < n; i++) {
        Parallax__V1__Task *out = &store[i];
        parallax__v1__task__init(out);
        SET(out, monitor_id, in[i].monitor_id);
        out->host = text(in[i].host);
        SET(out, port, in[i].port);
        SET(out, interval_ns, in[i].interval_ns);
        SET(out, timeout_ns, in[i].timeout_ns);
        SET(out, handshake, (uint32_t)in[i].handshake);
        SET(out, ip, (uint32_t)in[i].ip);
        out->source = text(in[i].source);
        SET(out, expect, (uint32_t)in[i].expect);
        SET(out, confirm, in[i].confirm);
        if (in[i].addresses != PLX_ADDRESSES_FIRST)
            SET(out, addresses, (uint32_t)in[i].addresses);
        if (in[i].turn > 0)
            SET(out, turn, in[i].turn);
        out->greeting = greeting_of(arena, &in[i].greeting);
        list[i] = out;
    }
    return list;
}

/* Keys, lengths and integers at their longest: a varint has 10 bytes at most. */
size_t plx_wire_task_bytes(const struct plx_task *task)
{
    const size_t number = 12, around = 8;
    size_t n = around + 10 * number + strlen(task->host) + strlen(task->source) +
               2 * around + number;
    for (size_t i = 0; i < task->greeting.n_steps; i++)
        n += task->greeting.steps[i].len + 2 * around + 3 * number;
    return n;
}

static void *snapshot(struct plx_arena *arena, const struct plx_msg_snapshot *in)
{
    Parallax__V1__Snapshot *out = array(arena, 1, sizeof *out);
    parallax__v1__snapshot__init(out);
    SET(out, generation, in->generation);
    SET(out, part, in->part);
    SET(out, parts, in->parts);
    out->n_tasks = in->n_tasks;
    out->tasks = tasks_of(arena, in->tasks, in->n_tasks);
    return out;
}

static void *delta(struct plx_arena *arena, const struct plx_msg_delta *in)
{
    Parallax__V1__Delta *out = array(arena, 1, sizeof *out);
    parallax__v1__delta__init(out);
    SET(out, from_generation, in->from_generation);
    SET(out, generation, in->generation);
    out->n_upserts = in->n_upserts;
    out->upserts = tasks_of(arena, in->upserts, in->n_upserts);
    out->n_removals = in->n_removals;
    out->removals = (uint64_t *)in->removals;
    return out;
}

static void *heartbeat(struct plx_arena *arena, const struct plx_msg_heartbeat *in)
{
    Parallax__V1__Heartbeat *out = array(arena, 1, sizeof *out);
    parallax__v1__heartbeat__init(out);
    SET(out, wall_ns, in->wall.ns);
    SET(out, uptime_ms, in->uptime_ms);
    SET(out, generation, in->generation);
    SET(out, progress, in->progress);
    SET(out, spool_rows, in->spool_rows);
    SET(out, spool_bytes, in->spool_bytes);
    SET(out, spool_age_ms, in->spool_age_ms);
    SET(out, in_flight, in->in_flight);
    SET(out, lag_ms, in->lag_ms);
    SET(out, skipped, in->skipped);
    SET(out, lost, in->lost);
    SET(out, keys_hash, in->keys_hash);
    SET(out, offset_ns, in->offset_ns);
    SET(out, rtt_us, in->rtt_us);
    out->n_troubles = in->n_troubles;
    out->troubles = array(arena, in->n_troubles, sizeof *out->troubles);
    for (size_t i = 0; i < in->n_troubles; i++)
        out->troubles[i] = text(in->troubles[i]);
    return out;
}

static void *heartbeat_ack(struct plx_arena *arena,
                           const struct plx_msg_heartbeat_ack *in)
{
    Parallax__V1__HeartbeatAck *out = array(arena, 1, sizeof *out);
    parallax__v1__heartbeat_ack__init(out);
    SET(out, agent_wall_ns, in->agent_wall.ns);
    SET(out, wall_ns, in->wall.ns);
    SET(out, generation, in->generation);
    return out;
}

/* The distinct addresses of a batch, found again by a small open hash table. */
struct addresses {
    ProtobufCBinaryData *list;
    size_t n;
    size_t n_slots;  /* a power of two, at least twice the addresses */
    uint32_t *slots; /* 1 + index, 0: free */
};

static size_t addr_len(const struct plx_addr *addr)
{
    return addr->family == 4 ? 4 : 16;
}

static size_t addr_slot(const struct plx_addr *addr, size_t n_slots)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < addr_len(addr); i++)
        h = (h ^ addr->bytes[i]) * 16777619u;
    return h & (n_slots - 1);
}

/* 1 + index of the address, added if it is new; 0 for none. */
static uint32_t addr_index(struct addresses *all, const struct plx_addr *addr)
{
    if (addr->family == 0)
        return 0;
    size_t len = addr_len(addr);
    size_t slot = addr_slot(addr, all->n_slots);
    for (; all->slots[slot]; slot = (slot + 1) & (all->n_slots - 1)) {
        const ProtobufCBinaryData *known = &all->list[all->slots[slot] - 1];
        if (known->len == len && memcmp(known->data, addr->bytes, len) == 0)
            return all->slots[slot];
    }
    all->list[all->n++] = (ProtobufCBinaryData){len, (uint8_t *)addr->bytes};
    all->slots[slot] = (uint32_t)all->n;
    return all->slots[slot];
}

static void addresses_init(struct addresses *all, struct plx_arena *arena, size_t max)
{
    *all = (struct addresses){.n_slots = 16};
    while (all->n_slots < 2 * max)
        all->n_slots *= 2;
    all->list = array(arena, max, sizeof *all->list);
    all->slots = array(arena, all->n_slots, sizeof *all->slots);
}

static bool needs_detail(const struct plx_result *r)
{
    return r->detail != PLX_DETAIL_NONE || r->syn_retrans || r->icmp_from.family ||
           r->icmp_type || r->icmp_code || r->closed_late || r->excerpt[0];
}

static Parallax__V1__Detail *detail(struct plx_arena *arena, const struct plx_result *r,
                                    size_t index, struct addresses *addresses)
{
    Parallax__V1__Detail *out = array(arena, 1, sizeof *out);
    parallax__v1__detail__init(out);
    SET(out, index, (uint32_t)index);
    SET(out, detail, (uint32_t)r->detail);
    SET(out, syn_retrans, r->syn_retrans);
    SET(out, icmp, (uint32_t)r->icmp_type << 8 | r->icmp_code);
    SET(out, icmp_from, addr_index(addresses, &r->icmp_from));
    SET(out, closed_late, r->closed_late);
    if (r->excerpt[0])
        out->excerpt = text(r->excerpt);
    return out;
}

static void allot_columns(struct plx_arena *arena, Parallax__V1__ResultBatch *out,
                          size_t n)
{
    out->n_monitor_id = out->n_scheduled_us = out->n_lag_us = out->n_duration_us = n;
    out->n_outcome = out->n_rtt_us = out->n_address = out->n_source = n;
    out->monitor_id = array(arena, n, sizeof *out->monitor_id);
    out->scheduled_us = array(arena, n, sizeof *out->scheduled_us);
    out->lag_us = array(arena, n, sizeof *out->lag_us);
    out->duration_us = array(arena, n, sizeof *out->duration_us);
    out->outcome = array(arena, n, sizeof *out->outcome);
    out->rtt_us = array(arena, n, sizeof *out->rtt_us);
    out->address = array(arena, n, sizeof *out->address);
    out->source = array(arena, n, sizeof *out->source);
    out->details = array(arena, n, sizeof *out->details);
}

static void put_row(struct plx_arena *arena, Parallax__V1__ResultBatch *out, size_t i,
                    const struct plx_result *r, struct addresses *addresses)
{
    out->monitor_id[i] = r->monitor_id;
    out->scheduled_us[i] = (r->scheduled.ns - out->base_wall_ns) / PLX_US_NS;
    out->lag_us[i] = r->lag_us;
    out->duration_us[i] = (uint64_t)r->duration_ns / (uint64_t)PLX_US_NS;
    out->outcome[i] =
        (uint32_t)r->outcome | (uint32_t)r->kind << 8 | (uint32_t)r->unreach << 16;
    out->rtt_us[i] = r->rtt_us;
    out->address[i] = addr_index(addresses, &r->address);
    out->source[i] = addr_index(addresses, &r->source);
    if (needs_detail(r))
        out->details[out->n_details++] = detail(arena, r, i, addresses);
}

static void *results(struct plx_arena *arena, const struct plx_msg_results *in)
{
    Parallax__V1__ResultBatch *out = array(arena, 1, sizeof *out);
    parallax__v1__result_batch__init(out);
    SET(out, stream_id, in->stream_id);
    SET(out, first_seq, in->first_seq);
    if (in->lost > 0) {
        SET(out, lost, in->lost);
        SET(out, lost_from_ns, in->lost_from.ns);
        SET(out, lost_to_ns, in->lost_to.ns);
        return out;
    }
    /* Whole microseconds, so that times survive the trip exactly to the microsecond. */
    int64_t base = in->n ? in->results[0].scheduled.ns : 0;
    SET(out, base_wall_ns, base - base % PLX_US_NS);
    if (in->backlog)
        SET(out, backlog, true);
    struct addresses addresses;
    addresses_init(&addresses, arena, 3 * in->n);
    allot_columns(arena, out, in->n);
    for (size_t i = 0; i < in->n; i++)
        put_row(arena, out, i, &in->results[i], &addresses);
    out->n_addresses = addresses.n;
    out->addresses = addresses.list;
    return out;
}

static void *ack(struct plx_arena *arena, const struct plx_msg_ack *in)
{
    Parallax__V1__Ack *out = array(arena, 1, sizeof *out);
    parallax__v1__ack__init(out);
    SET(out, stream_id, in->stream_id);
    SET(out, seq, in->seq);
    return out;
}

static void *probe_now(struct plx_arena *arena, const struct plx_msg_probe_now *in)
{
    Parallax__V1__ProbeNow *out = array(arena, 1, sizeof *out);
    parallax__v1__probe_now__init(out);
    SET(out, request_id, in->request_id);
    out->n_tasks = in->n_tasks;
    out->tasks = tasks_of(arena, in->tasks, in->n_tasks);
    out->n_monitor_ids = in->n_monitor_ids;
    out->monitor_ids = (uint64_t *)in->monitor_ids;
    return out;
}

static void *probe_done(struct plx_arena *arena, const struct plx_msg_probe_done *in)
{
    Parallax__V1__ProbeDone *out = array(arena, 1, sizeof *out);
    parallax__v1__probe_done__init(out);
    SET(out, request_id, in->request_id);
    const struct plx_msg_results one = {.results = &in->result, .n = 1};
    out->result = results(arena, &one);
    return out;
}

static void *bye(struct plx_arena *arena, const struct plx_msg_bye *in)
{
    Parallax__V1__Bye *out = array(arena, 1, sizeof *out);
    parallax__v1__bye__init(out);
    out->reason = text(in->reason);
    return out;
}

static void *enrol_request(struct plx_arena *arena,
                           const struct plx_msg_enrol_request *in)
{
    Parallax__V1__EnrolRequest *out = array(arena, 1, sizeof *out);
    parallax__v1__enrol_request__init(out);
    out->secret = text(in->secret);
    out->name = text(in->name);
    out->n_labels = in->n_labels;
    out->labels = labels_of(arena, in->labels, in->n_labels);
    out->software = text(in->software);
    return out;
}

static void *enrol_reply(struct plx_arena *arena, const struct plx_msg_enrol_reply *in)
{
    Parallax__V1__EnrolReply *out = array(arena, 1, sizeof *out);
    parallax__v1__enrol_reply__init(out);
    SET(out, agent_id, in->agent_id);
    out->agent_name = text(in->agent_name);
    out->region = text(in->region);
    out->endpoint = text(in->endpoint);
    out->server_key = text(in->server_key);
    out->next_key = text(in->next_key);
    return out;
}

static void *server_keys(struct plx_arena *arena, const struct plx_msg_server_keys *in)
{
    Parallax__V1__ServerKeys *out = array(arena, 1, sizeof *out);
    parallax__v1__server_keys__init(out);
    out->server_key = text(in->server_key);
    out->next_key = text(in->next_key);
    return out;
}

static void *agent_key(struct plx_arena *arena, const struct plx_msg_agent_key *in)
{
    Parallax__V1__AgentKey *out = array(arena, 1, sizeof *out);
    parallax__v1__agent_key__init(out);
    out->public_key = text(in->public_key);
    return out;
}

static void *admin_request(struct plx_arena *arena,
                           const struct plx_msg_admin_request *in)
{
    Parallax__V1__AdminRequest *out = array(arena, 1, sizeof *out);
    parallax__v1__admin_request__init(out);
    SET(out, id, in->id);
    out->method = text(in->method);
    SET(out, body_bytes, in->body_bytes);
    return out;
}

static void *admin_response(struct plx_arena *arena,
                            const struct plx_msg_admin_response *in)
{
    Parallax__V1__AdminResponse *out = array(arena, 1, sizeof *out);
    parallax__v1__admin_response__init(out);
    SET(out, id, in->id);
    SET(out, err, in->err);
    out->why = text(in->why);
    SET(out, body_bytes, in->body_bytes);
    SET(out, more, in->more);
    return out;
}

static void *trace_now(struct plx_arena *arena, const struct plx_msg_trace_now *in)
{
    Parallax__V1__TraceNow *out = array(arena, 1, sizeof *out);
    parallax__v1__trace_now__init(out);
    SET(out, request_id, in->request_id);
    out->host = text(in->host);
    SET(out, port, in->port);
    SET(out, ip, (uint32_t)in->ip);
    out->source = text(in->source);
    SET(out, flows, in->flows);
    SET(out, max_hops, in->max_hops);
    return out;
}

static void *trace_done(struct plx_arena *arena, const struct plx_msg_trace_done *in)
{
    Parallax__V1__TraceDone *out = array(arena, 1, sizeof *out);
    parallax__v1__trace_done__init(out);
    SET(out, request_id, in->request_id);
    out->trace = plx_wire_trace_pack(arena, in->trace);
    return out;
}

/* Fills the envelope's one body. */
static void put_body(struct plx_arena *arena, const struct plx_msg *m,
                     Parallax__V1__Envelope *env)
{
    switch (m->type) {
#define BODY(NAME, name)                                                                 \
    case PLX_MSG_##NAME:                                                                 \
        env->body_case = PARALLAX__V1__ENVELOPE__BODY_##NAME;                            \
        env->name = name(arena, &m->name);                                               \
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
    case PLX_MSG_NONE:
        break;
    }
}

/* protobuf-c writes through this into a plx_buf. */
struct sink {
    ProtobufCBuffer base;
    struct plx_buf *out;
};

static void sink_append(ProtobufCBuffer *buffer, size_t len, const uint8_t *data)
{
    plx_buf_add(((struct sink *)buffer)->out, data, len);
}

static int pack(const ProtobufCMessage *message, struct plx_buf *out)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    if (size > PLX_WIRE_FRAME_MAX || size > out->limit - out->len)
        return PLX_ETOOBIG;
    struct sink sink = {{sink_append}, out};
    protobuf_c_message_pack_to_buffer(message, &sink.base);
    return 0;
}

int plx_wire_encode(const struct plx_msg *msg, struct plx_buf *out)
{
    struct plx_arena arena;
    plx_arena_init(&arena, ENCODE_ARENA_MAX);
    Parallax__V1__Envelope env;
    parallax__v1__envelope__init(&env);
    SET(&env, version, PLX_WIRE_VERSION);
    put_body(&arena, msg, &env);
    int err = pack(&env.base, out);
    plx_arena_fini(&arena);
    return err;
}

static void put_lists(struct plx_arena *arena, const struct plx_monitor *m,
                      Parallax__V1__Monitor *out)
{
    out->n_locations = m->n_locations;
    out->locations = m->locations;
    out->n_depends_on = m->n_depends_on;
    out->depends_on = m->depends_on;
    out->n_notify = m->n_notify;
    out->notify = m->notify;
    out->n_labels = m->n_labels;
    out->labels = labels_of(arena, m->labels, m->n_labels);
}

void plx_wire_encode_monitor(const struct plx_monitor *m, struct plx_buf *out)
{
    struct plx_arena arena;
    plx_arena_init(&arena, ENCODE_ARENA_MAX);
    Parallax__V1__Monitor pb;
    parallax__v1__monitor__init(&pb);
    SET(&pb, id, m->id);
    pb.name = m->name;
    pb.host = m->host;
    SET(&pb, port, m->port);
    SET(&pb, interval_ns, m->interval_ns);
    SET(&pb, timeout_ns, m->timeout_ns);
    put_lists(&arena, m, &pb);
    SET(&pb, expect, (uint32_t)m->expect);
    SET(&pb, handshake, (uint32_t)m->handshake);
    SET(&pb, ip, (uint32_t)m->ip);
    SET(&pb, addresses, (uint32_t)m->addresses);
    pb.source = m->source;
    SET(&pb, degraded_above_ns, m->degraded_above_ns);
    SET(&pb, quorum_rule, (uint32_t)m->quorum.rule);
    SET(&pb, quorum_distinct, (uint32_t)m->quorum.distinct);
    SET(&pb, quorum_n, m->quorum.n);
    SET(&pb, min_coverage_percent, m->min_coverage_percent);
    SET(&pb, agents_per_location, m->agents_per_location);
    SET(&pb, confirm, m->confirm);
    SET(&pb, paused, m->paused);
    pb.runbook = m->runbook;
    SET(&pb, alert_on_failure, m->alert_on_failure);
    SET(&pb, consecutive_failures, m->consecutive_failures);
    SET(&pb, recovery_successes, m->recovery_successes);
    SET(&pb, slo_ppm, m->slo_ppm);
    SET(&pb, slo_window_ns, m->slo_window_ns);
    pb.greeting = greeting_of(&arena, &m->greeting);
    pack(&pb.base, out);
    plx_arena_fini(&arena);
}

void plx_wire_encode_trace(const struct plx_trace *trace, struct plx_buf *out)
{
    struct plx_arena arena;
    plx_arena_init(&arena, ENCODE_ARENA_MAX);
    const Parallax__V1__Trace *pb = plx_wire_trace_pack(&arena, trace);
    pack(&pb->base, out);
    plx_arena_fini(&arena);
}
