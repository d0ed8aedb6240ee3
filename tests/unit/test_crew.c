/* Lanes on one thread and on several: real sockets, a real spool. */
#include "agent/crew.h"

#include "base/err.h"
#include "sys/clock.h"

#include "test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MONITORS = 120 };

static enum plx_handshake handshake = PLX_HANDSHAKE_HALF_OPEN;

struct world {
    char dir[64];
    struct plx_loop *loop;
    struct plx_jobs *jobs;
    struct plx_spool *spool;
    struct plx_tallies tallies;
    struct plx_policy policy;
    struct plx_crew *crew;
    int listener;
    uint16_t port;
    pthread_t thread;
    uint64_t answered[MONITORS + 1]; /* by monitor: the request */
    size_t n_answers;
    bool (*until)(struct world *w);
    uint64_t progress, progress_wanted;
    struct plx_mono limit, changed;
};

static void on_signal(void *arg, int signo)
{
    (void)arg;
    (void)signo;
}

static void on_job(void *arg, uint32_t slot, bool gone)
{
    struct world *w = arg;
    plx_crew_job(w->crew, slot, gone);
}

static void on_answer(void *arg, const struct plx_result *result, uint64_t request_id)
{
    struct world *w = arg;
    assert_true(pthread_equal(pthread_self(), w->thread));
    assert_int_equal(result->kind, PLX_PROBE_CHECK);
    assert_int_equal(result->outcome, PLX_OUTCOME_OPEN);
    assert_in_range(result->monitor_id, 1, MONITORS);
    w->answered[result->monitor_id] = request_id;
    w->n_answers++;
}

static uint64_t progress(struct world *w)
{
    const struct plx_spool_stats stats = {0};
    struct plx_msg_heartbeat hb = {0};
    plx_tallies_take(&w->tallies, &stats, &hb);
    return hb.progress;
}

static void on_tick(void *arg, struct plx_mono now)
{
    struct world *w = arg;
    assert_true(plx_mono_diff(w->limit, now) > 0);
    uint64_t p = progress(w);
    if (p != w->progress)
        w->changed = now;
    w->progress = p;
    if (w->until(w))
        plx_loop_stop(w->loop);
}

static void wait_for(struct world *w, bool (*until)(struct world *w))
{
    w->until = until;
    w->changed = plx_clock_mono();
    w->limit = plx_mono_add(plx_clock_mono(), 30 * PLX_SEC_NS);
    plx_loop_run(w->loop);
}

static void listen_somewhere(struct world *w)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t len = sizeof name;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    w->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(w->listener, (struct sockaddr *)&name, len), 0);
    assert_int_equal(listen(w->listener, 1024), 0);
    assert_int_equal(getsockname(w->listener, (struct sockaddr *)&name, &len), 0);
    w->port = ntohs(name.sin_port);
}

static void begin(struct world *w, uint32_t n_threads, double target_rate)
{
    const struct plx_spool_limits spool = {PLX_SPOOL_MAX_BYTES, PLX_SPOOL_MAX_AGE_NS,
                                           PLX_SPOOL_MAX_WAITING};
    *w = (struct world){.thread = pthread_self()};
    snprintf(w->dir, sizeof w->dir, "/tmp/plx-crew-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    assert_int_equal(plx_loop_new(on_signal, NULL, &w->loop, NULL), 0);
    assert_int_equal(plx_spool_open(w->dir, &spool, &w->spool, NULL), 0);
    plx_tallies_init(&w->tallies);
    w->jobs = plx_jobs_new(1000, on_job, w);
    listen_somewhere(w);
    struct plx_crew_setup setup = {.n_threads = n_threads,
                                   .limits = plx_pacer_default_limits(),
                                   .lane = {.probing = {.policy = &w->policy},
                                            .agent_seed = 1,
                                            .now = plx_clock_mono(),
                                            .wall = plx_clock_wall()},
                                   .spool = w->spool,
                                   .tallies = &w->tallies,
                                   .on_answer = on_answer,
                                   .arg = w};
    setup.limits.target_rate = target_rate;
    assert_int_equal(plx_crew_new(w->loop, w->jobs, &setup, &w->crew, NULL), 0);
    plx_loop_add_timer(w->loop, 10 * PLX_MS_NS, on_tick, w);
}

static void end(struct world *w)
{
    char command[128];
    plx_crew_destroy(&w->crew);
    plx_spool_close(&w->spool);
    plx_jobs_destroy(&w->jobs);
    plx_tallies_fini(&w->tallies);
    plx_policy_fini(&w->policy);
    plx_loop_destroy(&w->loop);
    close(w->listener);
    snprintf(command, sizeof command, "rm -rf %s", w->dir);
    assert_int_equal(system(command), 0);
}

static void assign(struct world *w, uint64_t generation, uint32_t n)
{
    static struct plx_task tasks[MONITORS];
    for (uint32_t i = 0; i < n; i++)
        tasks[i] = (struct plx_task){.monitor_id = i + 1,
                                     .host = "127.0.0.1",
                                     .port = w->port,
                                     .interval_ns = 100 * PLX_MS_NS,
                                     .timeout_ns = PLX_SEC_NS,
                                     .handshake = handshake,
                                     .source = ""};
    const struct plx_msg_snapshot msg = {
        .generation = generation, .parts = 1, .tasks = tasks, .n_tasks = n};
    assert_int_equal(plx_jobs_snapshot(w->jobs, &msg), 0);
}

static bool all_answered(struct world *w)
{
    return w->n_answers >= MONITORS;
}

static bool has_progressed(struct world *w)
{
    return w->progress >= w->progress_wanted;
}

/* For longer than three intervals. */
static bool is_quiet(struct world *w)
{
    return plx_crew_under_way(w->crew) == 0 &&
           plx_mono_diff(plx_clock_mono(), w->changed) > 350 * PLX_MS_NS;
}

/* Every monitor is planned and can be asked for, whichever thread it belongs to. */
static void assignment__is_probed(uint32_t n_threads)
{
    struct world w;
    uint64_t ids[MONITORS];
    struct plx_spool_stats stats;
    begin(&w, n_threads, 0); /* there is one target */
    assign(&w, 1, MONITORS);
    for (uint32_t i = 0; i < MONITORS; i++)
        ids[i] = i + 1;
    const struct plx_msg_probe_now ask = {
        .request_id = 77, .monitor_ids = ids, .n_monitor_ids = MONITORS};
    plx_crew_probe_now(w.crew, &ask);
    wait_for(&w, all_answered);
    for (uint32_t i = 1; i <= MONITORS; i++)
        assert_int_equal(w.answered[i], 77);
    w.progress_wanted = 10 * MONITORS; /* the checks, and some nine intervals */
    wait_for(&w, has_progressed);

    /* What is no longer assigned is no longer probed; nor anything, when it leaves. */
    assign(&w, 2, MONITORS / 2);
    w.progress_wanted = w.progress + 5 * MONITORS / 2;
    wait_for(&w, has_progressed);
    assign(&w, 3, 0);
    wait_for(&w, is_quiet);
    assign(&w, 4, MONITORS);
    w.progress_wanted = w.progress + MONITORS;
    wait_for(&w, has_progressed);
    plx_crew_leave(w.crew);
    wait_for(&w, is_quiet);
    plx_spool_stats(w.spool, &stats);
    assert_int_equal(stats.lost, 0);
    assert_int_equal(stats.rows, w.progress - MONITORS); /* all but the checks */
    end(&w);
}

static void one_thread__probes_all(void **state)
{
    (void)state;
    assignment__is_probed(1);
}

static void three_threads__probe_all(void **state)
{
    (void)state;
    assignment__is_probed(3);
}

/* Limits are the agent's, however many threads it has: complete handshakes, so that the
 * server can count. */
static void rate__is_the_agents(void **state)
{
    (void)state;
    struct world w;
    handshake = PLX_HANDSHAKE_FULL;
    begin(&w, 3, 1.0);
    struct plx_mono began = plx_clock_mono();
    assign(&w, 1, MONITORS);
    w.progress_wanted = 4 * MONITORS; /* most of them skipped */
    wait_for(&w, has_progressed);
    plx_crew_leave(w.crew);
    wait_for(&w, is_quiet);
    int64_t seconds = plx_mono_diff(plx_clock_mono(), began) / PLX_SEC_NS + 1;
    int64_t seen = 0;
    for (int c; (c = accept(w.listener, NULL, NULL)) >= 0; seen++)
        close(c);
    assert_in_range(seen, 1, PLX_PACER_TARGET_BURST + seconds);
    end(&w);
    handshake = PLX_HANDSHAKE_HALF_OPEN;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread__probes_all),
        cmocka_unit_test(three_threads__probe_all),
        cmocka_unit_test(rate__is_the_agents),
    };
    return PLX_RUN(tests);
}
