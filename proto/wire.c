/* What encoding and decoding share: message names, tasks. */
#include "proto/wire.h"

#include "base/rng.h"

#include <string.h>

const char *plx_msg_type_token(enum plx_msg_type type)
{
    static const char *const tokens[] = {
        [PLX_MSG_NONE] = "none",
        [PLX_MSG_HELLO] = "hello",
        [PLX_MSG_WELCOME] = "welcome",
        [PLX_MSG_REFUSAL] = "refusal",
        [PLX_MSG_SNAPSHOT] = "snapshot",
        [PLX_MSG_DELTA] = "delta",
        [PLX_MSG_HEARTBEAT] = "heartbeat",
        [PLX_MSG_HEARTBEAT_ACK] = "heartbeat_ack",
        [PLX_MSG_RESULTS] = "results",
        [PLX_MSG_ACK] = "ack",
        [PLX_MSG_PROBE_NOW] = "probe_now",
        [PLX_MSG_PROBE_DONE] = "probe_done",
        [PLX_MSG_BYE] = "bye",
        [PLX_MSG_ENROL_REQUEST] = "enrol_request",
        [PLX_MSG_ENROL_REPLY] = "enrol_reply",
        [PLX_MSG_ADMIN_REQUEST] = "admin_request",
        [PLX_MSG_ADMIN_RESPONSE] = "admin_response",
        [PLX_MSG_SERVER_KEYS] = "server_keys",
        [PLX_MSG_AGENT_KEY] = "agent_key",
        [PLX_MSG_TRACE_NOW] = "trace_now",
        [PLX_MSG_TRACE_DONE] = "trace_done",
    };
    return (size_t)type < sizeof tokens / sizeof *tokens ? tokens[type] : "unknown";
}

uint64_t plx_wire_keys_hash(const char *server_key, const char *next_key)
{
    uint64_t hash = plx_hash_bytes(server_key, strlen(server_key), 1);
    return plx_hash_bytes(next_key, strlen(next_key), hash) | 1;
}

struct plx_task plx_task_of(const struct plx_monitor *m)
{
    return (struct plx_task){
        .monitor_id = m->id,
        .host = m->host,
        .port = m->port,
        .interval_ns = m->interval_ns,
        .timeout_ns = m->timeout_ns,
        .handshake = m->handshake,
        .ip = m->ip,
        .addresses = m->addresses,
        .source = m->source ? m->source : "",
        .expect = m->expect,
        .confirm = m->confirm,
        .greeting = plx_greeting_as_sent(&m->greeting),
    };
}

uint64_t plx_task_hash(const struct plx_task *task)
{
    const uint64_t numbers[] = {
        task->monitor_id,
        task->port,
        (uint64_t)task->interval_ns,
        (uint64_t)task->timeout_ns,
        (uint64_t)task->handshake,
        (uint64_t)task->ip,
        (uint64_t)task->expect,
        task->confirm,
    };
    uint64_t h = plx_hash_bytes(numbers, sizeof numbers, 1);
    h = plx_hash_bytes(task->host, strlen(task->host), h);
    h = plx_hash_bytes(task->source, strlen(task->source), h);
    if (task->addresses != PLX_ADDRESSES_FIRST)
        h = plx_hash_bytes("addresses", 9, h);
    return plx_greeting_is_none(&task->greeting) ? h
                                                 : plx_greeting_hash(&task->greeting, h);
}
