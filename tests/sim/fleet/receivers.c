#include "receivers.h"

#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/alerts_message.h"
#include "coordinator/io/courier.h"
#include "coordinator/io/notifier_round.h"
#include "incident_disk.h"
#include "letters.h"
#include "sim.h"
#include "sys.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECEIVERS_MAX 4
#define WAKE_NS       (2 * PLX_MS_NS) /* until a thread that was woken runs, at most */
#define TOLD_NS       (5 * PLX_MS_NS) /* until the loop sees what the thread tells */
#define KEY_HEADER    "Idempotency-Key: "

static const char *const names[RECEIVERS_MAX] = {"ops", "boss", "eyes", "desk"};

/* A request on its way. On the heap of the event that ends it. */
struct arrival {
    struct plx_courier_job *job; /* NULL: whoever sent it is gone */
    bool lost;
    const char *receiver;
    char *key, *body;
};

struct plx_courier_job {
    struct plx_courier_job *next;
    const struct plx_receiver_kind *kind;
    struct arrival *arrival; /* NULL: it came, or none will */
    struct plx_reply reply;
    int64_t done_at;
};

struct plx_courier {
    struct plx_courier_job *jobs;
};

static struct {
    uint32_t n;
    struct {
        int64_t until[PLX_ILL_COUNT_];
        char last_key[PLX_NOTICE_KEY_MAX]; /* of the attempt before */
        uint32_t n_again;
    } list[RECEIVERS_MAX];
    struct plx_courier *courier; /* of the process that runs */
    struct plx_notifier *notifier;
    int64_t round_at; /* 0: none is due */
} world;

/* ---- what is applied ---- */

static void apply_receivers(void)
{
    struct plx_buf text;
    plx_buf_init(&text, 4096);
    plx_buf_printf(&text, "receivers:\n");
    for (uint32_t i = 0; i < world.n; i++)
        plx_buf_printf(&text,
                       "  - {name: %s, kind: webhook, url: 'http://%s.example/',"
                       " timeout: %ds, max_per_minute: %d}\n",
                       names[i], names[i], plx_sim_chance(0.5) ? 15 : 3,
                       plx_sim_chance(0.3) ? 6 : 60);
    plx_sim_incidents_apply("receivers", plx_buf_str(&text));
    plx_buf_fini(&text);
}

/* Nothing, or a route for each severity. */
static void apply_routes(void)
{
    static const char *const severities[] = {"critical", "ours", "warning"};
    struct plx_buf text;
    if (plx_sim_chance(0.3))
        return;
    plx_buf_init(&text, 4096);
    plx_buf_printf(&text, "routes:\n");
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t who = (uint32_t)plx_sim_between(0, world.n - 1);
        plx_buf_printf(&text, "  - {match: {severity: %s}, receivers: [%s]",
                       severities[i], names[who]);
        if (plx_sim_chance(0.3))
            plx_buf_printf(&text, ", for: %ds", (int)plx_sim_between(1, 60));
        if (plx_sim_chance(0.4))
            plx_buf_printf(&text, ", repeat: %dm", (int)plx_sim_between(5, 60));
        if (plx_sim_chance(0.3))
            plx_buf_printf(&text, ", update: %ds", (int)plx_sim_between(5, 300));
        if (plx_sim_chance(0.4) && world.n > 1)
            plx_buf_printf(&text, ", escalate_after: %dm, escalate_to: [%s]",
                           (int)plx_sim_between(1, 20), names[(who + 1) % world.n]);
        plx_buf_printf(&text, "}\n");
    }
    plx_sim_incidents_apply("routes", plx_buf_str(&text));
    plx_buf_fini(&text);
}

void plx_sim_receivers_begin(void)
{
    memset(&world, 0, sizeof world);
    world.n = (uint32_t)plx_sim_between(1, RECEIVERS_MAX);
    apply_receivers();
    apply_routes();
}

uint32_t plx_sim_receivers(void)
{
    return world.n;
}

void plx_sim_receiver_ill(uint32_t receiver, enum plx_sim_ill ill, int64_t until_ns)
{
    int64_t *until = &world.list[receiver - 1].until[ill];
    if (until_ns > *until)
        *until = until_ns;
}

static bool is_ill(uint32_t i, enum plx_sim_ill ill)
{
    return world.list[i].until[ill] > plx_sim_now();
}

/* ---- rounds ---- */

static bool is_void(uint64_t life)
{
    return !world.courier || !plx_sim_node(0)->up || plx_sim_node(0)->life != life;
}

static void on_told(void *arg, uint64_t life)
{
    struct plx_sim_node *node = arg;
    if (is_void(life) || plx_sim_deferred(node, on_told, arg, life, false))
        return;
    plx_sim_enter(node);
    plx_sim_loop_fd(node->loop, plx_notifier_fd(world.notifier));
    plx_sim_leave();
}

static void on_round(void *arg, uint64_t life)
{
    struct plx_sim_node *node = arg;
    if (is_void(life) || world.round_at == 0 || plx_sim_now() < world.round_at ||
        plx_sim_deferred(node, on_round, arg, life, false))
        return;
    world.round_at = 0;
    node->thread_has_told = false;
    plx_sim_enter(node);
    plx_notifier_round(world.notifier);
    plx_sim_leave();
    if (node->thread_has_told)
        plx_sim_at(plx_sim_now() + plx_sim_between(0, TOLD_NS), on_told, node, life,
                   false);
}

static void schedule_round(int64_t at_ns)
{
    struct plx_sim_node *node = plx_sim_node(0);
    if (world.round_at != 0 && world.round_at <= at_ns)
        return;
    world.round_at = at_ns;
    plx_sim_at(at_ns, on_round, node, node->life, false);
}

void plx_sim_receivers_serve(struct plx_notifier *notifier)
{
    world.notifier = notifier;
}

/* ---- the courier ---- */

int plx_courier_new(const char *commands_dir, const char *secrets_dir,
                    struct plx_courier **ret, struct plx_why *why)
{
    (void)commands_dir, (void)secrets_dir, (void)why;
    *ret = calloc(1, sizeof **ret);
    if (!*ret)
        abort();
    world.courier = *ret;
    world.round_at = 0;
    return 0;
}

void plx_courier_wake(struct plx_courier *courier)
{
    (void)courier;
    schedule_round(plx_sim_now() + plx_sim_between(1, WAKE_NS));
}

static void on_arrival(void *arg, uint64_t tag)
{
    struct arrival *a = arg;
    (void)tag;
    if (a->job)
        a->job->arrival = NULL;
    if (!a->lost)
        plx_letters_arrived(a->receiver, a->key, a->body);
    free(a);
}

/* What was under way is cut off: it came, or will not. */
void plx_courier_destroy(struct plx_courier **courier)
{
    while ((*courier)->jobs) {
        struct plx_courier_job *job = (*courier)->jobs;
        (*courier)->jobs = job->next;
        if (job->arrival) {
            job->arrival->job = NULL;
            job->arrival->lost = true;
            if (plx_sim_chance(0.5))
                plx_letters_arrived(job->arrival->receiver, job->arrival->key,
                                    job->arrival->body);
        }
        free(job);
    }
    world.courier = NULL;
    free(*courier);
    *courier = NULL;
}

static uint32_t index_of(const char *name)
{
    uint32_t i = 0;
    while (strcmp(names[i], name) != 0)
        i++;
    return i;
}

/* As a receiver finds it in the request. One block with its texts. */
static struct arrival *arrival_of(struct plx_courier_job *job, uint32_t receiver,
                                  const struct plx_request *request)
{
    const char *key = "", *body = plx_buf_str(&request->body);
    for (size_t i = 0; i < request->n_headers; i++)
        if (strncmp(request->headers[i], KEY_HEADER, strlen(KEY_HEADER)) == 0)
            key = request->headers[i] + strlen(KEY_HEADER);
    size_t n_key = strlen(key) + 1, n_body = strlen(body) + 1;
    struct arrival *a = malloc(sizeof *a + n_key + n_body);
    if (!a)
        abort();
    *a =
        (struct arrival){.job = job, .receiver = names[receiver], .key = (char *)(a + 1)};
    a->body = a->key + n_key;
    memcpy(a->key, key, n_key);
    memcpy(a->body, body, n_body);
    return a;
}

/* What becomes of the request; true: it comes to the receiver. */
static bool draw_fate(struct plx_courier_job *job, uint32_t receiver, int64_t timeout_ns)
{
    const int64_t now = plx_sim_now();
    int64_t takes_ns = plx_sim_between(PLX_MS_NS, 400 * PLX_MS_NS);
    struct plx_reply *reply = &job->reply;
    bool away = is_ill(receiver, PLX_ILL_AWAY), comes = false;
    bool lost = away ? plx_sim_chance(0.5) : is_ill(receiver, PLX_ILL_MUTE);
    if (!away && is_ill(receiver, PLX_ILL_REFUSES)) {
        reply->status = 404;
    } else if (!away && is_ill(receiver, PLX_ILL_ERRORS)) {
        reply->status = plx_sim_chance(0.3) ? 429 : 503;
        reply->wait_ns = plx_sim_chance(0.3) ? plx_sim_between(1, 600) * PLX_SEC_NS : 0;
    } else if (!away) {
        reply->status = 200;
        comes = true;
    }
    if (is_ill(receiver, PLX_ILL_SLOW))
        takes_ns = plx_sim_between(takes_ns, 20 * PLX_SEC_NS);
    if (lost || takes_ns > timeout_ns) {
        *reply = (struct plx_reply){0};
        takes_ns = timeout_ns;
    }
    reply->body = "";
    reply->trouble = reply->status ? "" : "no answer";
    job->done_at = now + takes_ns;
    return comes;
}

static void mark_again(uint32_t receiver, struct plx_message *message)
{
    char key[PLX_NOTICE_KEY_MAX + 16];
    char *last = world.list[receiver].last_key;
    bool again = strcmp(last, message->key) == 0;
    snprintf(last, sizeof world.list[receiver].last_key, "%s", message->key);
    if (!again || plx_sim_sabotage() != PLX_SABOTAGE_NEW_KEY)
        return;
    snprintf(key, sizeof key, "%s-%u", last, ++world.list[receiver].n_again);
    free(message->key);
    message->key = plx_text_dup(key);
}

static int build(const struct plx_receiver *receiver, uint32_t index,
                 const char *message_json, struct plx_request *ret, struct plx_why *why)
{
    struct plx_message message;
    int err = plx_message_read(message_json, &message, why);
    if (err < 0)
        return err;
    plx_sim_incidents_sent(message.key);
    mark_again(index, &message);
    err = plx_receiver_build(receiver, &message, plx_clock_wall(), ret, why);
    plx_message_fini(&message);
    return err;
}

int plx_courier_send(struct plx_courier *courier, const struct plx_receiver *receiver,
                     const char *message_json, struct plx_courier_job **ret,
                     enum plx_fate *ret_fate, struct plx_why *why)
{
    uint32_t index = index_of(receiver->name);
    struct plx_request request;
    plx_request_init(&request);
    int err = build(receiver, index, message_json, &request, why);
    *ret_fate = PLX_FATE_REFUSED;
    if (err < 0) {
        plx_request_fini(&request);
        return err;
    }
    struct plx_courier_job *job = calloc(1, sizeof *job);
    if (!job)
        abort();
    job->kind = plx_receiver_kind(receiver->kind);
    struct arrival *arrival = arrival_of(job, index, &request);
    plx_request_fini(&request);
    int64_t now = plx_sim_now();
    if (draw_fate(job, index, receiver->timeout_ns)) {
        job->arrival = arrival;
        plx_sim_at(plx_sim_between(now, job->done_at), on_arrival, arrival, 0, true);
    } else {
        if (job->reply.status == 404)
            plx_letters_refused(arrival->receiver, arrival->key);
        free(arrival);
    }
    job->next = courier->jobs;
    courier->jobs = job;
    *ret = job;
    return 0;
}

static void finish(struct plx_courier_job *job, plx_courier_done_fn *fn, void *arg)
{
    struct plx_why why = {""};
    enum plx_fate fate = job->kind->judge ? job->kind->judge(&job->reply, &why)
                                          : plx_reply_judge(&job->reply, &why);
    fn(arg, job, fate, job->reply.wait_ns, why.text);
    if (job->arrival)
        job->arrival->job = NULL;
    free(job);
}

static bool someone_waits(void)
{
    struct plx_outbox_lane lanes[RECEIVERS_MAX];
    size_t n = plx_notifier_lanes(world.notifier, lanes, RECEIVERS_MAX), n_waiting = 0;
    for (size_t i = 0; i < n && i < RECEIVERS_MAX; i++)
        n_waiting += lanes[i].n_waiting;
    return n_waiting > 0;
}

/* Does not wait: when the next round is due is said instead. */
void plx_courier_turn(struct plx_courier *courier, int wait_ms, plx_courier_done_fn *fn,
                      void *arg)
{
    int64_t now = plx_sim_now(), next = INT64_MAX;
    struct plx_courier_job **at = &courier->jobs;
    while (*at) {
        struct plx_courier_job *job = *at;
        if (job->done_at <= now) {
            *at = job->next;
            finish(job, fn, arg);
            next = now;
        } else {
            at = &job->next;
            next = job->done_at < next ? job->done_at : next;
        }
    }
    if (next > now + wait_ms * PLX_MS_NS && someone_waits())
        next = now + wait_ms * PLX_MS_NS;
    if (next < INT64_MAX)
        schedule_round(next);
}
