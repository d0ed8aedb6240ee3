/* A fleet in one process: thousands of agents' links, each the agent's own code on its
 * own CURVE socket, that say hello, beat, and report what they are assigned. tests/bench/
 * storm.sh kills the coordinator under them.
 *
 *   bench_storm keys N REGIONS KEYS    makes N key pairs; SQL for the agents table on
 * stdout bench_storm run ENDPOINT SERVER_KEY KEYS
 *
 * run prints "all N up" once, and on SIGUSR1 begins to count anew: "back N of N after S
 * s" when every agent was welcomed again. SIGTERM ends it. */
#include "agent/io/link.h"
#include "base/text.h"
#include "sys/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <zmq.h>

#define N_MAX     16000
#define TASKS_MAX 64
#define TURN_NS   (20 * PLX_MS_NS)
#define TICK_NS   (100 * PLX_MS_NS)
#define REPORT_NS (10 * PLX_SEC_NS)

/* The link registers its socket with a loop; this one holds as many as there are agents,
 * which the daemon's own never needs, and asks each in turn. Linked instead of
 * common/sys/loop.c. */
struct plx_loop {
    void *socket;
    plx_loop_socket_fn *fn;
    void *arg;
};

int plx_loop_add_socket(struct plx_loop *loop, void *socket, plx_loop_socket_fn *fn,
                        void *arg)
{
    *loop = (struct plx_loop){socket, fn, arg};
    return 0;
}

void plx_loop_remove_socket(struct plx_loop *loop, void *socket)
{
    if (loop->socket == socket)
        *loop = (struct plx_loop){0};
}

struct sim {
    struct plx_loop loop;
    struct plx_link *link;
    uint64_t boot_id, progress, generation, hash, stream_id, seq;
    uint64_t tasks[TASKS_MAX];
    size_t n_tasks;
    struct plx_mono report_at;
    bool counted;
};

static struct {
    struct sim *sims;
    size_t n, n_counted;
    bool told;
    struct plx_mono began;
} fleet;

static volatile sig_atomic_t marked, ended;

static void on_signal(int signo)
{
    if (signo == SIGUSR1)
        marked = 1;
    else
        ended = 1;
}

static void on_hello(void *arg, struct plx_msg_hello *hello)
{
    const struct sim *sim = arg;
    hello->software = "bench_storm";
    hello->boot_id = sim->boot_id;
    hello->generation = sim->generation;
    hello->assignment_hash = sim->hash;
}

static void on_heartbeat(void *arg, struct plx_msg_heartbeat *hb)
{
    struct sim *sim = arg;
    hb->generation = sim->generation;
    hb->progress = ++sim->progress;
}

static void on_up(void *arg, const struct plx_msg_welcome *welcome, int64_t away_ns)
{
    struct sim *sim = arg;
    (void)welcome;
    (void)away_ns;
    if (sim->counted)
        return;
    sim->counted = true;
    fleet.n_counted++;
}

static void take_tasks(struct sim *sim, const struct plx_task *tasks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sim->hash += plx_task_hash(&tasks[i]);
        if (sim->n_tasks < TASKS_MAX)
            sim->tasks[sim->n_tasks++] = tasks[i].monitor_id;
    }
}

static void on_message(void *arg, const struct plx_msg *msg)
{
    struct sim *sim = arg;
    switch (msg->type) {
    case PLX_MSG_SNAPSHOT:
        if (msg->snapshot.part == 0) {
            sim->n_tasks = 0;
            sim->hash = 0;
        }
        take_tasks(sim, msg->snapshot.tasks, msg->snapshot.n_tasks);
        sim->generation = msg->snapshot.generation;
        break;
    case PLX_MSG_DELTA:
        /* Only what comes; what goes is asked for anew as a whole. */
        if (msg->delta.n_removals > 0) {
            sim->generation = 0;
            plx_link_resync(sim->link);
            break;
        }
        take_tasks(sim, msg->delta.upserts, msg->delta.n_upserts);
        sim->generation = msg->delta.generation;
        break;
    case PLX_MSG_ACK:
        if (msg->ack.stream_id == sim->stream_id && msg->ack.seq > sim->seq)
            sim->seq = msg->ack.seq;
        break;
    default:
        break;
    }
}

static void report(struct sim *sim, struct plx_mono now)
{
    struct plx_result results[TASKS_MAX];
    if (sim->n_tasks == 0 || !plx_link_is_up(sim->link) ||
        plx_mono_diff(now, sim->report_at) < 0)
        return;
    sim->report_at = plx_mono_add(now, REPORT_NS);
    for (size_t i = 0; i < sim->n_tasks; i++) {
        results[i] = (struct plx_result){.monitor_id = sim->tasks[i],
                                         .scheduled = plx_clock_wall(),
                                         .duration_ns = PLX_MS_NS,
                                         .outcome = PLX_OUTCOME_OPEN,
                                         .rtt_us = 700};
        results[i].started = results[i].scheduled;
        plx_addr_parse("192.0.2.1", &results[i].address);
    }
    const struct plx_msg msg = {.type = PLX_MSG_RESULTS,
                                .results = {.stream_id = sim->stream_id,
                                            .first_seq = sim->seq + 1,
                                            .results = results,
                                            .n = sim->n_tasks}};
    plx_link_send(sim->link, &msg);
}

static void tell(void)
{
    if (fleet.told || fleet.n_counted < fleet.n)
        return;
    fleet.told = true;
    int64_t ns = plx_mono_diff(plx_clock_mono(), fleet.began);
    printf("back %zu of %zu after %.1f s\n", fleet.n_counted, fleet.n,
           (double)ns / (double)PLX_SEC_NS);
    fflush(stdout);
}

static void begin_count(void)
{
    marked = 0;
    fleet.told = false;
    fleet.n_counted = 0;
    fleet.began = plx_clock_mono();
    for (size_t i = 0; i < fleet.n; i++)
        fleet.sims[i].counted = false;
}

static void turn(bool tick, struct plx_mono now)
{
    for (size_t i = 0; i < fleet.n; i++) {
        struct sim *sim = &fleet.sims[i];
        for (int k = 0; k < 64 && sim->loop.fn && sim->loop.fn(sim->loop.arg); k++)
            ;
        if (!tick)
            continue;
        plx_link_tick(sim->link, now);
        report(sim, now);
    }
    tell();
}

static int open_sims(struct plx_net *net, const char *endpoint, const char *server_key,
                     FILE *keys)
{
    struct plx_keypair pair;
    struct plx_why why;
    while (fleet.n < N_MAX && fread(&pair, sizeof pair, 1, keys) == 1) {
        struct sim *sim = &fleet.sims[fleet.n];
        const struct plx_link_owner owner = {sim, on_hello, on_heartbeat, on_up,
                                             on_message};
        sim->boot_id = sim->stream_id = fleet.n + 1 + (uint64_t)time(NULL) * N_MAX;
        sim->report_at =
            plx_mono_add(plx_clock_mono(), (int64_t)(fleet.n % 100) * (REPORT_NS / 100));
        if (plx_link_new(net, &sim->loop, endpoint, server_key, &pair, &owner, &sim->link,
                         &why) < 0) {
            fprintf(stderr, "bench_storm: %s\n", why.text);
            return -1;
        }
        fleet.n++;
    }
    return fleet.n > 0 ? 0 : -1;
}

static int run(const char *endpoint, const char *server_key, const char *path)
{
    struct rlimit files;
    const struct timespec pause = {.tv_nsec = TURN_NS};
    struct plx_net *net;
    struct plx_why why;
    FILE *keys = fopen(path, "r");
    fleet.sims = calloc(N_MAX, sizeof *fleet.sims);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (!keys || !fleet.sims || plx_net_new(&net, &why) < 0)
        return 1;
    zmq_ctx_set(plx_net_context(net), ZMQ_MAX_SOCKETS, N_MAX + 64);
    if (open_sims(net, endpoint, server_key, keys) < 0)
        return 1;
    fclose(keys);
    signal(SIGUSR1, on_signal);
    signal(SIGTERM, on_signal);
    begin_count();
    struct plx_mono next_tick = plx_clock_mono();
    while (!ended) {
        struct plx_mono now = plx_clock_mono();
        bool tick = plx_mono_diff(now, next_tick) >= 0;
        if (tick)
            next_tick = plx_mono_add(now, TICK_NS);
        if (marked)
            begin_count();
        turn(tick, now);
        nanosleep(&pause, NULL);
    }
    for (size_t i = 0; i < fleet.n; i++)
        plx_link_destroy(&fleet.sims[i].link);
    plx_net_destroy(&net);
    free(fleet.sims);
    return 0;
}

static int make_keys(const char *count, const char *regions, const char *path)
{
    int64_t n, n_regions;
    FILE *keys = fopen(path, "w");
    if (plx_text_int(count, 1, N_MAX, &n) < 0 ||
        plx_text_int(regions, 1, 1000, &n_regions) < 0 || !keys)
        return 2;
    puts("BEGIN;");
    for (int64_t i = 0; i < n; i++) {
        struct plx_keypair pair;
        struct plx_why why;
        if (plx_keypair_generate(&pair, &why) < 0 ||
            fwrite(&pair, sizeof pair, 1, keys) != 1)
            return 1;
        /* Z85 has no quote. */
        printf(
            "INSERT INTO agents (name, region, public_key, labels, own_labels, software,"
            " token_id, created_us) VALUES ('a-%lld', 'r%lld', '%s', '{}', '{}', '', 0,"
            " 0);\n",
            (long long)i, (long long)(i % n_regions), pair.public_key);
    }
    puts("COMMIT;");
    return fclose(keys) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "keys") == 0)
        return make_keys(argv[2], argv[3], argv[4]);
    if (argc == 5 && strcmp(argv[1], "run") == 0)
        return run(argv[2], argv[3], argv[4]);
    fputs("usage: bench_storm keys N REGIONS KEYS | run ENDPOINT SERVER_KEY KEYS\n",
          stderr);
    return 2;
}
