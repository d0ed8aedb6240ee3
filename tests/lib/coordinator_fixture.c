#include "coordinator_fixture.h"

#include "test.h"

#include "base/err.h"
#include "sys/clock.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <zmq.h>

#define PATIENCE_NS (30 * PLX_SEC_NS)
#define LOOK_NS     (2 * PLX_MS_NS)

static void on_signal(void *arg, int signo)
{
    (void)arg;
    (void)signo;
}

static void on_store(void *arg, uint32_t events)
{
    struct coordinator_fixture *fx = arg;
    (void)events;
    plx_store_poll(fx->store.store);
}

static void on_alerts(void *arg, uint32_t events)
{
    struct coordinator_fixture *fx = arg;
    (void)events;
    plx_alerts_poll(fx->alerts);
}

static void on_look(void *arg, struct plx_mono now)
{
    struct coordinator_fixture *fx = arg;
    if (!fx->until)
        return;
    plx_intake_tick(fx->intake);
    plx_api_tick(fx->api, now);
    plx_enrol_tick(fx->enrol, now);
    fx->timed_out = plx_mono_diff(now, fx->deadline) > 0;
    if (fx->timed_out || fx->until(fx->until_arg))
        plx_loop_stop(fx->loop);
}

/* The enrolment door as a thread, outside its jail. */
static void *run_door(void *arg)
{
    struct coordinator_fixture *fx = arg;
    plx_door_serve(fx->door_fds[0], fx->door_fds[1], false, PLX_DOOR_AGE_NS);
    close(fx->door_fds[0]);
    close(fx->door_fds[1]);
    return NULL;
}

static int open_door(void *arg, int pair_fd, int listen_fd, struct plx_why *why)
{
    struct coordinator_fixture *fx = arg;
    (void)why;
    fx->door_fds[0] = dup(pair_fd);
    fx->door_fds[1] = dup(listen_fd);
    fx->door_runs = pthread_create(&fx->door, NULL, run_door, fx) == 0;
    return fx->door_runs ? 0 : PLX_EIO;
}

static void await_door(void *arg)
{
    struct coordinator_fixture *fx = arg;
    if (fx->door_runs)
        pthread_join(fx->door, NULL);
    fx->door_runs = false;
}

static void rooms_up(struct coordinator_fixture *fx)
{
    struct plx_why why = {""};
    const struct plx_alerts_options alerting = {0};
    assert_int_equal(plx_loop_new(on_signal, fx, &fx->loop, &why), 0);
    fixture_open(&fx->store);
    assert_int_equal(plx_keypair_generate(&fx->keys, &why), 0);
    assert_int_equal(plx_net_new(&fx->net, &why), 0);
    assert_int_equal(plx_gate_new(fx->net, NULL, &fx->gate, &why), 0);
    plx_desk_init(&fx->desk, fx->store.store, fx->gate);
    assert_int_equal(plx_desk_load(&fx->desk, &why), 0);
    assert_int_equal(plx_alerts_new(&fx->desk, &alerting, &fx->alerts, &why), 0);
    assert_int_equal(plx_alerts_load(fx->alerts, &why), 0);
    fx->desk.alerts = fx->alerts;
    assert_int_equal(plx_intake_new(&fx->desk, fx->net, fx->loop, "tcp://127.0.0.1:*",
                                    &fx->keys, &fx->intake, &why),
                     0);
    assert_int_equal(plx_keypair_generate(&fx->door_keys, &why), 0);
    plx_desk_set_keys(&fx->desk, fx->keys.public_key, fx->door_keys.public_key);
    const struct plx_enrol_options enrolment = {
        .endpoint = "tcp://127.0.0.1:*",
        .agents_endpoint = plx_intake_endpoint(fx->intake),
        .keys = &fx->door_keys,
        .doorman = {fx, open_door, await_door},
    };
    assert_int_equal(plx_enrol_new(&fx->desk, fx->loop, &enrolment, &fx->enrol, &why), 0);
    assert_int_equal(plx_worker_new(fx->loop, 16, &fx->worker, &why), 0);
    const struct plx_api_options options = {
        .enrol_endpoint = plx_enrol_endpoint(fx->enrol),
        .server_key = fx->door_keys.public_key,
        .worker = fx->worker,
        .reads = fx->worker,
    };
    plx_api_new(&fx->desk, fx->intake, &options, &fx->api);
    assert_int_equal(plx_admin_new(&fx->desk, fx->api, fx->net, fx->loop,
                                   "tcp://127.0.0.1:*", &fx->keys, &fx->admin, &why),
                     0);
    plx_loop_add_fd(fx->loop, plx_store_fd(fx->store.store), EPOLLIN, on_store, fx);
    plx_loop_add_fd(fx->loop, plx_alerts_fd(fx->alerts), EPOLLIN, on_alerts, fx);
    plx_loop_add_timer(fx->loop, LOOK_NS, on_look, fx);
}

void coordinator_up(struct coordinator_fixture *fx)
{
    memset(fx, 0, sizeof *fx);
    fixture_init(&fx->store);
    rooms_up(fx);
}

static void rooms_down(struct coordinator_fixture *fx)
{
    plx_api_quit(fx->api);
    plx_alerts_drop_tests(fx->alerts);
    plx_worker_destroy(&fx->worker);
    plx_store_stop(fx->store.store);
    plx_store_poll(fx->store.store);
    plx_api_destroy(&fx->api);
    plx_admin_destroy(&fx->admin);
    plx_enrol_destroy(&fx->enrol);
    plx_intake_destroy(&fx->intake);
    plx_alerts_destroy(&fx->alerts);
    plx_desk_fini(&fx->desk);
    plx_gate_destroy(&fx->gate);
    plx_net_destroy(&fx->net);
    plx_loop_destroy(&fx->loop);
}

void coordinator_stop(struct coordinator_fixture *fx)
{
    rooms_down(fx);
    fixture_close(&fx->store);
}

void coordinator_start(struct coordinator_fixture *fx)
{
    rooms_up(fx);
}

void coordinator_restart(struct coordinator_fixture *fx)
{
    coordinator_stop(fx);
    coordinator_start(fx);
}

static void close_channel(struct coordinator_fixture *fx, size_t i)
{
    plx_loop_remove_socket(fx->loop, plx_channel_socket(fx->channels[i]));
    plx_channel_destroy(&fx->channels[i]);
    fx->channels[i] = fx->channels[--fx->n_channels];
}

void coordinator_down(struct coordinator_fixture *fx)
{
    while (fx->n_channels > 0)
        close_channel(fx, 0);
    rooms_down(fx);
    fixture_fini(&fx->store);
    json_decref(fx->answer);
}

void coordinator_await(struct coordinator_fixture *fx, bool (*until)(void *arg),
                       void *arg)
{
    fx->until = until;
    fx->until_arg = arg;
    fx->deadline = plx_mono_add(plx_clock_mono(), PATIENCE_NS);
    plx_loop_run(fx->loop);
    fx->until = NULL;
    assert_false(fx->timed_out);
}

/* ---- the API ---- */

static void respond(void *arg, int err, const char *why, const char *json, size_t len,
                    bool more)
{
    struct coordinator_fixture *fx = arg;
    json_decref(fx->answer);
    fx->answer = len > 0 ? json_loadb(json, len, 0, NULL) : NULL;
    assert_true(err < 0 || fx->answer);
    fx->err = err;
    snprintf(fx->why, sizeof fx->why, "%s", why);
    fx->n_parts += more;
    fx->n_answers += !more;
}

static bool answered(void *arg)
{
    struct coordinator_fixture *fx = arg;
    return fx->n_answers > 0;
}

void coordinator_submit(struct coordinator_fixture *fx, const char *method,
                        const char *body)
{
    const struct plx_api_request request = {
        .method = method,
        .role = PLX_ROLE_ADMIN,
        .who = "test",
        .respond = respond,
        .arg = fx,
    };
    fx->n_answers = fx->n_parts = 0;
    plx_api_call_text(fx->api, &request, body, strlen(body));
}

json_t *coordinator_ask(struct coordinator_fixture *fx, const char *method,
                        const char *body)
{
    coordinator_submit(fx, method, body);
    if (fx->n_answers == 0)
        coordinator_await(fx, answered, fx);
    return fx->answer;
}

void coordinator_apply(struct coordinator_fixture *fx, const char *body)
{
    coordinator_ask(fx, "apply", body);
    assert_string_equal(fx->why, "");
}

const char *json_text_at(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

json_t *coordinator_monitor(json_t *answer, const char *name)
{
    json_t *list = json_object_get(answer, "monitors");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_text_at(json_array_get(list, i), "name"), name) == 0)
            return json_array_get(list, i);
    return NULL;
}

const char *coordinator_verdict(struct coordinator_fixture *fx, const char *monitor)
{
    plx_verdicts_tick(&fx->desk, fx->intake, plx_clock_wall());
    json_t *status = coordinator_ask(fx, "status", "{}");
    return json_text_at(coordinator_monitor(status, monitor), "verdict");
}

static bool store_is_idle(void *arg)
{
    const struct coordinator_fixture *fx = arg;
    return fx->desk.counts.batches_waiting == 0;
}

void coordinator_await_store(struct coordinator_fixture *fx)
{
    coordinator_await(fx, store_is_idle, fx);
}

/* ---- scripted agents ---- */

static void take_task(struct scripted_agent *agent, const struct plx_task *tasks,
                      size_t n)
{
    agent->n_tasks = n;
    if (n > 0)
        agent->task_id = tasks[0].monitor_id;
}

static void take(struct scripted_agent *agent, const struct plx_msg *msg)
{
    switch (msg->type) {
    case PLX_MSG_WELCOME:
        snprintf(agent->name, sizeof agent->name, "%s", msg->welcome.agent_name);
        snprintf(agent->region, sizeof agent->region, "%s", msg->welcome.region);
        break;
    case PLX_MSG_ENROL_REPLY:
        snprintf(agent->name, sizeof agent->name, "%s", msg->enrol_reply.agent_name);
        break;
    case PLX_MSG_REFUSAL:
        agent->refused = msg->refusal.err;
        break;
    case PLX_MSG_SNAPSHOT:
        agent->generation = msg->snapshot.generation;
        take_task(agent, msg->snapshot.tasks, msg->snapshot.n_tasks);
        break;
    case PLX_MSG_DELTA:
        agent->generation = msg->delta.generation;
        take_task(agent, msg->delta.upserts, msg->delta.n_upserts);
        agent->n_removals = msg->delta.n_removals;
        break;
    case PLX_MSG_ACK:
        agent->acked_stream = msg->ack.stream_id;
        agent->acked_seq = msg->ack.seq;
        break;
    case PLX_MSG_PROBE_NOW:
        agent->request_id = msg->probe_now.request_id;
        break;
    case PLX_MSG_TRACE_NOW:
        agent->request_id = msg->trace_now.request_id;
        agent->flows = msg->trace_now.flows;
        break;
    default:
        break;
    }
    agent->heard[msg->type]++;
}

static bool on_message(void *arg)
{
    struct scripted_agent *agent = arg;
    struct plx_parcel parcel;
    struct plx_msg msg;
    struct plx_why why;
    if (plx_channel_recv(agent->channel, &parcel) < 0)
        return false;
    assert_int_equal(
        plx_wire_decode(agent->decoder, parcel.frames[0], parcel.lens[0], &msg, &why), 0);
    take(agent, &msg);
    return true;
}

void agent_connect(struct scripted_agent *agent, struct coordinator_fixture *fx,
                   const struct plx_keypair *keys, const char *endpoint)
{
    struct plx_why why;
    memset(agent, 0, sizeof *agent);
    agent->fx = fx;
    agent->keys = *keys;
    agent->decoder = plx_wire_decoder_new();
    bool enrols = strcmp(endpoint, plx_enrol_endpoint(fx->enrol)) == 0;
    const struct plx_keypair *server = enrols ? &fx->door_keys : &fx->keys;
    assert_int_equal(plx_channel_connect(fx->net, endpoint, server->public_key, keys,
                                         &agent->channel, &why),
                     0);
    assert_true(fx->n_channels < FIXTURE_AGENTS_MAX);
    fx->channels[fx->n_channels++] = agent->channel;
    plx_loop_add_socket(fx->loop, plx_channel_socket(agent->channel), on_message, agent);
}

void agent_connect_as(struct scripted_agent *agent, struct coordinator_fixture *fx,
                      const struct plx_keypair *keys, const char *endpoint,
                      const void *id, size_t len)
{
    agent_connect(agent, fx, keys, endpoint);
    /* The id is what the next connection says: this one has not begun its handshake on
     * another thread before libzmq sees both commands, so it is made anew. */
    void *socket = plx_channel_socket(agent->channel);
    assert_int_equal(zmq_disconnect(socket, endpoint), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_ROUTING_ID, id, len), 0);
    assert_int_equal(zmq_connect(socket, endpoint), 0);
}

void agent_close(struct scripted_agent *agent)
{
    struct coordinator_fixture *fx = agent->fx;
    if (!agent->channel)
        return;
    for (size_t i = 0; i < fx->n_channels; i++)
        if (fx->channels[i] == agent->channel)
            close_channel(fx, i);
    agent->channel = NULL;
    plx_wire_decoder_destroy(&agent->decoder);
}

/* A message that waits for the connection to stand. */
struct saying {
    struct scripted_agent *agent;
    struct plx_frame frame;
};

static bool said(void *arg)
{
    struct saying *saying = arg;
    return plx_channel_send(saying->agent->channel, NULL, &saying->frame, 1) == 0;
}

void agent_say_bytes(struct scripted_agent *agent, const char *bytes, size_t len)
{
    struct saying saying = {agent, {bytes, len}};
    coordinator_await(agent->fx, said, &saying);
}

void agent_say(struct scripted_agent *agent, const struct plx_msg *msg)
{
    struct plx_buf buf;
    plx_buf_init(&buf, PLX_WIRE_FRAME_MAX);
    assert_int_equal(plx_wire_encode(msg, &buf), 0);
    agent_say_bytes(agent, buf.data, buf.len);
    plx_buf_fini(&buf);
}

static bool heard(void *arg)
{
    const struct scripted_agent *agent = arg;
    return agent->heard[agent->wanted_type] > agent->wanted;
}

void agent_await_beyond(struct scripted_agent *agent, enum plx_msg_type type,
                        unsigned had)
{
    agent->wanted_type = type;
    agent->wanted = had;
    coordinator_await(agent->fx, heard, agent);
}

void agent_await(struct scripted_agent *agent, enum plx_msg_type type)
{
    agent_await_beyond(agent, type, agent->heard[type]);
}

void agent_hello_at(struct scripted_agent *agent, struct plx_wall wall)
{
    const struct plx_msg msg = {
        .type = PLX_MSG_HELLO,
        .hello = {.software = "scripted 1", .boot_id = 1, .wall = wall},
    };
    unsigned had = agent->heard[PLX_MSG_SNAPSHOT];
    agent_say(agent, &msg);
    agent_await_beyond(agent, PLX_MSG_SNAPSHOT, had);
}

void agent_hello(struct scripted_agent *agent)
{
    agent_hello_at(agent, plx_clock_wall());
}

/* The secret in a token's text. */
static void open_token(const char *token, char *secret, size_t size)
{
    unsigned char json[1024];
    size_t len;
    assert_memory_equal(token, "plx1.", 5);
    assert_int_equal(sodium_base642bin(json, sizeof json, token + 5, strlen(token + 5),
                                       NULL, &len, NULL,
                                       sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                     0);
    json_t *parsed = json_loadb((const char *)json, len, 0, NULL);
    snprintf(secret, size, "%s", json_string_value(json_object_get(parsed, "s")));
    json_decref(parsed);
}

void agent_join(struct scripted_agent *agent, struct coordinator_fixture *fx,
                const char *region, const char *name)
{
    struct plx_keypair keys;
    struct plx_why why;
    char body[256], secret[128];
    assert_int_equal(plx_keypair_generate(&keys, &why), 0);
    snprintf(body, sizeof body, "{\"region\":\"%s\"}", region);
    json_t *answer = coordinator_ask(fx, "agents.token.create", body);
    assert_int_equal(fx->err, 0);
    open_token(json_string_value(json_object_get(answer, "token")), secret,
               sizeof secret);
    const struct plx_msg request = {
        .type = PLX_MSG_ENROL_REQUEST,
        .enrol_request = {.secret = secret, .name = name, .software = "scripted 1"},
    };
    agent_connect(agent, fx, &keys, plx_enrol_endpoint(fx->enrol));
    agent_say(agent, &request);
    agent_await_beyond(agent, PLX_MSG_ENROL_REPLY, 0);
    agent_close(agent);
    agent_connect(agent, fx, &keys, plx_intake_endpoint(fx->intake));
    agent_hello(agent);
}

struct plx_result agent_result(uint64_t monitor_id, enum plx_outcome outcome)
{
    struct plx_result r = {
        .monitor_id = monitor_id,
        .scheduled = plx_clock_wall(),
        .duration_ns = PLX_MS_NS,
        .outcome = outcome,
        .rtt_us = outcome == PLX_OUTCOME_OPEN ? 700 : 0,
    };
    r.started = r.scheduled;
    plx_addr_parse("192.0.2.1", &r.address);
    return r;
}

static void report(struct scripted_agent *agent, const struct plx_msg_results *batch)
{
    const struct plx_msg msg = {.type = PLX_MSG_RESULTS, .results = *batch};
    unsigned had = agent->heard[PLX_MSG_ACK];
    agent_say(agent, &msg);
    agent_await_beyond(agent, PLX_MSG_ACK, had);
}

void agent_report(struct scripted_agent *agent, uint64_t first_seq,
                  const struct plx_result *results, size_t n)
{
    report(agent,
           &(struct plx_msg_results){
               .stream_id = 9, .first_seq = first_seq, .results = results, .n = n});
}

void agent_report_backlog(struct scripted_agent *agent, uint64_t first_seq,
                          const struct plx_result *results, size_t n)
{
    report(agent, &(struct plx_msg_results){.stream_id = 8,
                                            .first_seq = first_seq,
                                            .results = results,
                                            .n = n,
                                            .backlog = true});
}
