/* The wire: protobuf bytes to plain structs and back, with every limit in one place.
 *
 * Nothing behind this header sees protobuf types. Decoding validates everything (sizes,
 * counts, UTF-8, enum values, column lengths) within an arena of bounded size, so that a
 * hostile frame costs at most PLX_WIRE_ARENA_MAX bytes and an error. Encoding never fails
 * on valid structs. Pure; any thread, one decoder per thread. */
#ifndef PLX_PROTO_WIRE_H
#define PLX_PROTO_WIRE_H

#include "base/buf.h"
#include "base/monitor.h"
#include "base/result.h"
#include "base/trace.h"
#include "base/why.h"

#include <stddef.h>
#include <stdint.h>

#define PLX_WIRE_VERSION     1
/* Largest frame sent or accepted (ZMQ_MAXMSGSIZE says the same). */
#define PLX_WIRE_FRAME_MAX   (1024 * 1024)
/* Heap that decoding one frame may take: packed columns of varints unpack to at most 8x,
 * and 16 MiB leaves room for string pointers. */
#define PLX_WIRE_ARENA_MAX   (16 * 1024 * 1024)
#define PLX_WIRE_RESULTS_MAX 2000  /* results in a batch */
#define PLX_WIRE_TASKS_MAX   1000  /* tasks in a snapshot part or delta */
#define PLX_WIRE_IDS_MAX     50000 /* ids in a list */
#define PLX_WIRE_LABELS_MAX  32

enum plx_msg_type {
    PLX_MSG_NONE = 0,
    PLX_MSG_HELLO,
    PLX_MSG_WELCOME,
    PLX_MSG_REFUSAL,
    PLX_MSG_SNAPSHOT,
    PLX_MSG_DELTA,
    PLX_MSG_HEARTBEAT,
    PLX_MSG_HEARTBEAT_ACK,
    PLX_MSG_RESULTS,
    PLX_MSG_ACK,
    PLX_MSG_PROBE_NOW,
    PLX_MSG_PROBE_DONE,
    PLX_MSG_BYE,
    PLX_MSG_ENROL_REQUEST,
    PLX_MSG_ENROL_REPLY,
    PLX_MSG_ADMIN_REQUEST,
    PLX_MSG_ADMIN_RESPONSE,
    PLX_MSG_SERVER_KEYS,
    PLX_MSG_AGENT_KEY,
    PLX_MSG_TRACE_NOW,
    PLX_MSG_TRACE_DONE,
};

/* What an agent needs to probe a monitor. Strings are lent by whoever made the message.
 */
struct plx_task {
    uint64_t monitor_id;
    const char *host;
    uint16_t port;
    int64_t interval_ns;
    int64_t timeout_ns;
    enum plx_handshake handshake;
    enum plx_ip ip;
    enum plx_addresses addresses;
    const char *source; /* "" for the kernel's choice */
    enum plx_expect expect;
    bool confirm;
    uint16_t turn; /* place in the interval, in 65536ths; 0: the agent's own choice */
    struct plx_greeting greeting; /* steps and bytes lent */
};

struct plx_msg_hello {
    const char *software;
    uint64_t boot_id;
    uint64_t generation;
    uint64_t assignment_hash;
    const struct plx_label *labels;
    size_t n_labels;
    struct plx_wall wall;
};

struct plx_msg_welcome {
    uint64_t agent_id;
    const char *agent_name;
    const char *region;
    struct plx_wall wall;
    uint32_t heartbeat_ms;
    uint32_t lease_ms;
};

struct plx_msg_refusal {
    int err;
    const char *why;
};

struct plx_msg_snapshot {
    uint64_t generation;
    uint32_t part, parts;
    const struct plx_task *tasks;
    size_t n_tasks;
};

struct plx_msg_delta {
    uint64_t from_generation;
    uint64_t generation;
    const struct plx_task *upserts;
    size_t n_upserts;
    const uint64_t *removals;
    size_t n_removals;
};

#define PLX_WIRE_TROUBLES_MAX 16
struct plx_msg_heartbeat {
    struct plx_wall wall;
    uint64_t uptime_ms;
    uint64_t generation;
    uint64_t progress;
    uint64_t spool_rows, spool_bytes, spool_age_ms;
    uint32_t in_flight;
    uint32_t lag_ms;
    uint64_t skipped;
    uint64_t lost;
    int64_t offset_ns;
    uint32_t rtt_us; /* 0: offset not estimated yet */
    const char *const *troubles;
    size_t n_troubles;
    uint64_t keys_hash; /* plx_wire_keys_hash; 0: an agent that does not know */
};

struct plx_msg_heartbeat_ack {
    struct plx_wall agent_wall;
    struct plx_wall wall;
    uint64_t generation;
};

/* Results first_seq … first_seq + n - 1, or (n == 0, lost > 0) an explicit gap of `lost`
 * results that begins at first_seq. */
struct plx_msg_results {
    uint64_t stream_id;
    uint64_t first_seq; /* >= 1 */
    const struct plx_result *results;
    size_t n;
    bool backlog; /* of a stream that is not the agent's newest; gaps never say so */
    uint64_t lost;
    struct plx_wall lost_from, lost_to;
};

struct plx_msg_ack {
    uint64_t stream_id;
    uint64_t seq;
};

struct plx_msg_probe_now {
    uint64_t request_id; /* 0: confirmation */
    const struct plx_task *tasks;
    size_t n_tasks;
    const uint64_t *monitor_ids;
    size_t n_monitor_ids;
};

struct plx_msg_probe_done {
    uint64_t request_id;
    struct plx_result result;
};

struct plx_msg_trace_now {
    uint64_t request_id;
    const char *host; /* name or address */
    uint16_t port;
    enum plx_ip ip;
    const char *source; /* "" for the kernel's choice */
    uint8_t flows;      /* 1 … PLX_TRACE_FLOWS_MAX */
    uint8_t max_hops;   /* 1 … PLX_TRACE_HOPS_MAX */
};

struct plx_msg_trace_done {
    uint64_t request_id;
    const struct plx_trace *trace;
};

struct plx_msg_bye {
    const char *reason;
};

struct plx_msg_enrol_request {
    const char *secret;
    const char *name; /* "": the coordinator chooses */
    const struct plx_label *labels;
    size_t n_labels;
    const char *software;
};

struct plx_msg_enrol_reply {
    uint64_t agent_id;
    const char *agent_name;
    const char *region;
    const char *endpoint;
    const char *server_key; /* "" from coordinators that had one key for all */
    const char *next_key;   /* "": none */
};

/* Public keys as text of 40 characters; "": none. */
struct plx_msg_server_keys {
    const char *server_key;
    const char *next_key;
};

struct plx_msg_agent_key {
    const char *public_key;
};

/* What a heartbeat says of the coordinator's keys. */
uint64_t plx_wire_keys_hash(const char *server_key, const char *next_key);

struct plx_msg_admin_request {
    uint64_t id;
    const char *method;
    uint64_t body_bytes;
};

struct plx_msg_admin_response {
    uint64_t id;
    int err;
    const char *why; /* "" when err is 0 */
    uint64_t body_bytes;
    bool more;
};

struct plx_msg {
    enum plx_msg_type type;
    union {
        struct plx_msg_hello hello;
        struct plx_msg_welcome welcome;
        struct plx_msg_refusal refusal;
        struct plx_msg_snapshot snapshot;
        struct plx_msg_delta delta;
        struct plx_msg_heartbeat heartbeat;
        struct plx_msg_heartbeat_ack heartbeat_ack;
        struct plx_msg_results results;
        struct plx_msg_ack ack;
        struct plx_msg_probe_now probe_now;
        struct plx_msg_probe_done probe_done;
        struct plx_msg_bye bye;
        struct plx_msg_enrol_request enrol_request;
        struct plx_msg_enrol_reply enrol_reply;
        struct plx_msg_admin_request admin_request;
        struct plx_msg_admin_response admin_response;
        struct plx_msg_server_keys server_keys;
        struct plx_msg_agent_key agent_key;
        struct plx_msg_trace_now trace_now;
        struct plx_msg_trace_done trace_done;
    };
};

/* "hello", "results", … for logs. */
const char *plx_msg_type_token(enum plx_msg_type type);

/* Appends the encoded envelope to `out`. Returns 0; PLX_ETOOBIG if it would pass
 * PLX_WIRE_FRAME_MAX or the buffer's limit (out is then as before). Borrows `msg`. */
int plx_wire_encode(const struct plx_msg *msg, struct plx_buf *out);

/* Bytes of tasks in one frame: leaves room for what stands around them. One task has at
 * most some 22 KiB (the limits of greetings and names). */
#define PLX_WIRE_TASKS_BYTES (PLX_WIRE_FRAME_MAX - 4096)
/* At least what the task takes in a frame. */
size_t plx_wire_task_bytes(const struct plx_task *task);

/* An arena that decoded messages live in; reused from frame to frame. */
struct plx_wire_decoder;
struct plx_wire_decoder *plx_wire_decoder_new(void);
void plx_wire_decoder_destroy(struct plx_wire_decoder **decoder);

/* Decodes and validates one frame. All that `ret_msg` points to is lent until the next
 * decode or the decoder's end. Returns 0; PLX_EVERSION (another protocol version);
 * PLX_ETOOBIG (over a limit); PLX_EMALFORMED (anything else), each with a sentence that
 * names the field. */
int plx_wire_decode(struct plx_wire_decoder *decoder, const void *frame, size_t len,
                    struct plx_msg *ret_msg, struct plx_why *why);

/* One monitor as bytes for the database, and back. Decoding initialises `ret` (the caller
 * finishes it with plx_monitor_fini) and checks it with plx_monitor_check. */
void plx_wire_encode_monitor(const struct plx_monitor *monitor, struct plx_buf *out);
int plx_wire_decode_monitor(const void *bytes, size_t len, struct plx_monitor *ret,
                            struct plx_why *why);

/* One trace as bytes for the database, and back. Decoding returns 0, PLX_EMALFORMED or
 * PLX_ETOOBIG. */
void plx_wire_encode_trace(const struct plx_trace *trace, struct plx_buf *out);
int plx_wire_decode_trace(const void *bytes, size_t len, struct plx_trace *ret,
                          struct plx_why *why);

/* The task an agent gets for a monitor; strings are lent by `monitor`. */
struct plx_task plx_task_of(const struct plx_monitor *monitor);

/* A hash of one task. An assignment's hash is the sum (mod 2^64) over its tasks, so that
 * agent and coordinator can keep it up to date delta by delta and compare. */
uint64_t plx_task_hash(const struct plx_task *task);

#endif
