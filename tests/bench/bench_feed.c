/* A few agents that are assigned a whole fleet and report at a steady rate: each its own
 * CURVE session, results in the order of the assignment, numbered and sent again until
 * they are acknowledged. tests/bench/dashboard.sh asks the coordinator meanwhile.
 *
 *   bench_feed ENDPOINT SERVER_KEY KEYS RATE     KEYS: of bench_storm keys; RATE a second
 *
 * Prints "up N" when all agents have work, then each second "acked N p99_ms M": results
 * acknowledged in it, and how long after they were first sent. SIGTERM ends it. */
#include "agent/io/link.h"
#include "base/rng.h"
#include "base/text.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AGENTS_MAX 32
#define TASKS_MAX  100000
#define BATCH_MAX  500
#define BATCHES    64 /* unacknowledged at once */
#define TICK_NS    (20 * PLX_MS_NS)
#define RESEND_NS  (3 * PLX_SEC_NS)
#define TIMES_MAX  20000

struct batch {
    struct plx_result results[BATCH_MAX];
    size_t n;
    uint64_t first_seq;
    struct plx_mono sent_first, sent;
};

struct feeder {
    struct plx_link *link;
    uint64_t stream_id, seq, generation, hash, progress;
    uint64_t *tasks;
    size_t n_tasks, next_task;
    struct batch *batches; /* a ring */
    size_t oldest, n_batches;
    double owed; /* results that are due */
};

static struct {
    struct plx_loop *loop;
    struct feeder feeders[AGENTS_MAX];
    size_t n;
    double rate; /* a second, of each */
    struct plx_mono turned, told;
    bool up;
    uint64_t n_acked;
    double times_ms[TIMES_MAX];
    size_t n_times;
    struct plx_rng rng;
} feed;

static void on_hello(void *arg, struct plx_msg_hello *hello)
{
    const struct feeder *f = arg;
    hello->software = "bench_feed";
    hello->boot_id = f->stream_id;
    hello->generation = f->generation;
    hello->assignment_hash = f->hash;
}

static void on_heartbeat(void *arg, struct plx_msg_heartbeat *hb)
{
    struct feeder *f = arg;
    hb->generation = f->generation;
    hb->progress = ++f->progress;
}

static void on_up(void *arg, const struct plx_msg_welcome *welcome, int64_t away_ns)
{
    struct feeder *f = arg;
    (void)welcome;
    (void)away_ns;
    for (size_t i = 0; i < f->n_batches; i++)
        f->batches[(f->oldest + i) % BATCHES].sent.ns = 0; /* send again */
}

static void take_tasks(struct feeder *f, const struct plx_task *tasks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        f->hash += plx_task_hash(&tasks[i]);
        if (f->n_tasks < TASKS_MAX)
            f->tasks[f->n_tasks++] = tasks[i].monitor_id;
    }
}

static void take_ack(struct feeder *f, uint64_t seq)
{
    struct plx_mono now = plx_clock_mono();
    while (f->n_batches > 0) {
        const struct batch *b = &f->batches[f->oldest];
        if (b->first_seq + b->n - 1 > seq)
            return;
        feed.n_acked += b->n;
        if (feed.n_times < TIMES_MAX)
            feed.times_ms[feed.n_times++] =
                (double)plx_mono_diff(now, b->sent_first) / (double)PLX_MS_NS;
        f->oldest = (f->oldest + 1) % BATCHES;
        f->n_batches--;
    }
}

static void on_message(void *arg, const struct plx_msg *msg)
{
    struct feeder *f = arg;
    switch (msg->type) {
    case PLX_MSG_SNAPSHOT:
        if (msg->snapshot.part == 0)
            f->n_tasks = f->hash = 0;
        take_tasks(f, msg->snapshot.tasks, msg->snapshot.n_tasks);
        f->generation = msg->snapshot.generation;
        break;
    case PLX_MSG_DELTA:
        if (msg->delta.n_removals > 0) {
            f->generation = 0;
            plx_link_resync(f->link);
            break;
        }
        take_tasks(f, msg->delta.upserts, msg->delta.n_upserts);
        f->generation = msg->delta.generation;
        break;
    case PLX_MSG_ACK:
        if (msg->ack.stream_id == f->stream_id)
            take_ack(f, msg->ack.seq);
        break;
    default:
        break;
    }
}

/* Open, at about 20 ms. */
static struct plx_result make_result(struct feeder *f)
{
    struct plx_result r = {
        .monitor_id = f->tasks[f->next_task++ % f->n_tasks],
        .scheduled = plx_clock_wall(),
        .duration_ns = 20 * PLX_MS_NS,
        .outcome = PLX_OUTCOME_OPEN,
        .rtt_us = 15000 + (uint32_t)plx_rng_below(&feed.rng, 10000),
    };
    r.started = r.scheduled;
    r.address = (struct plx_addr){4, {192, 0, 2, 1}};
    return r;
}

static void make_batch(struct feeder *f)
{
    struct batch *b = &f->batches[(f->oldest + f->n_batches) % BATCHES];
    b->n = f->owed < BATCH_MAX ? (size_t)f->owed : BATCH_MAX;
    for (size_t i = 0; i < b->n; i++)
        b->results[i] = make_result(f);
    b->first_seq = f->seq + 1;
    b->sent_first = plx_clock_mono();
    b->sent.ns = 0;
    f->seq += b->n;
    f->owed -= (double)b->n;
    f->n_batches++;
}

static void send_batches(struct feeder *f, struct plx_mono now)
{
    for (size_t i = 0; i < f->n_batches; i++) {
        struct batch *b = &f->batches[(f->oldest + i) % BATCHES];
        if (b->sent.ns && plx_mono_diff(now, b->sent) < RESEND_NS)
            continue;
        const struct plx_msg msg = {.type = PLX_MSG_RESULTS,
                                    .results = {.stream_id = f->stream_id,
                                                .first_seq = b->first_seq,
                                                .results = b->results,
                                                .n = b->n}};
        if (plx_link_send(f->link, &msg) < 0)
            return;
        b->sent = now;
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell(struct plx_mono now)
{
    if (plx_mono_diff(now, feed.told) < PLX_SEC_NS)
        return;
    double seconds = (double)plx_mono_diff(now, feed.told) / (double)PLX_SEC_NS;
    qsort(feed.times_ms, feed.n_times, sizeof *feed.times_ms, by_size);
    printf("acked %.0f p99_ms %.1f\n", (double)feed.n_acked / seconds,
           feed.n_times ? feed.times_ms[feed.n_times * 99 / 100] : 0.0);
    fflush(stdout);
    feed.told = now;
    feed.n_acked = 0;
    feed.n_times = 0;
}

/* Whether all have work for the first time. */
static bool all_up(struct plx_mono now)
{
    size_t n = 0;
    for (size_t i = 0; i < feed.n; i++)
        n += feed.feeders[i].n_tasks > 0;
    if (!feed.up && n == feed.n) {
        feed.up = true;
        feed.told = now;
        printf("up %zu\n", n);
        fflush(stdout);
    }
    return feed.up;
}

static void on_tick(void *arg, struct plx_mono now)
{
    double seconds = (double)plx_mono_diff(now, feed.turned) / (double)PLX_SEC_NS;
    (void)arg;
    feed.turned = now;
    bool up = all_up(now);
    for (size_t i = 0; i < feed.n; i++) {
        struct feeder *f = &feed.feeders[i];
        plx_link_tick(f->link, now);
        if (!up || f->n_tasks == 0)
            continue;
        f->owed += feed.rate * seconds;
        while (f->owed >= 1 && f->n_batches < BATCHES)
            make_batch(f);
        send_batches(f, now);
    }
    if (up)
        tell(now);
}

static void on_signal(void *arg, int signo)
{
    (void)arg;
    (void)signo;
    plx_loop_stop(feed.loop);
}

static int add_feeder(struct plx_net *net, char **argv, const struct plx_keypair *keys,
                      struct plx_why *why)
{
    struct feeder *f = &feed.feeders[feed.n];
    const struct plx_link_owner owner = {f, on_hello, on_heartbeat, on_up, on_message};
    f->stream_id = feed.n + 1 + (uint64_t)time(NULL) * AGENTS_MAX;
    f->tasks = calloc(TASKS_MAX, sizeof *f->tasks);
    f->batches = calloc(BATCHES, sizeof *f->batches);
    if (!f->tasks || !f->batches)
        abort();
    feed.n++;
    return plx_link_new(net, feed.loop, argv[1], argv[2], keys, &owner, &f->link, why);
}

int main(int argc, char **argv)
{
    struct plx_net *net;
    struct plx_keypair pair;
    struct plx_why why = {""};
    int64_t rate;
    FILE *keys = argc == 5 ? fopen(argv[3], "r") : NULL;
    if (!keys || plx_text_int(argv[4], 1, 1000000, &rate) < 0) {
        fputs("usage: bench_feed ENDPOINT SERVER_KEY KEYS RATE\n", stderr);
        return 2;
    }
    plx_rng_init(&feed.rng, 1);
    int err = plx_loop_new(on_signal, NULL, &feed.loop, &why);
    if (err == 0)
        err = plx_net_new(&net, &why);
    while (err == 0 && feed.n < AGENTS_MAX && fread(&pair, sizeof pair, 1, keys) == 1)
        err = add_feeder(net, argv, &pair, &why);
    fclose(keys);
    if (err < 0) {
        fprintf(stderr, "bench_feed: %s\n", why.text);
        return 1;
    }
    feed.rate = (double)rate / (double)feed.n;
    feed.turned = plx_clock_mono();
    plx_loop_add_timer(feed.loop, TICK_NS, on_tick, NULL);
    plx_loop_run(feed.loop);
    for (size_t i = 0; i < feed.n; i++)
        plx_link_destroy(&feed.feeders[i].link);
    plx_net_destroy(&net);
    plx_loop_destroy(&feed.loop);
    return 0;
}
