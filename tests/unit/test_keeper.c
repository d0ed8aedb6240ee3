#include "agent/io/keeper.h"

#include "base/err.h"
#include "sys/file.h"

#include "test.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY "0123456789012345678901234567890123456789"

struct world {
    char dir[64];
    struct plx_jobs *jobs;
    struct plx_keeper *keeper;
};

static void on_change(void *arg, uint32_t slot, bool gone)
{
    (void)arg;
    (void)slot;
    (void)gone;
}

static void begin(struct world *w, const char *key)
{
    if (!w->dir[0]) {
        snprintf(w->dir, sizeof w->dir, "/tmp/plx-keeper-XXXXXX");
        assert_non_null(mkdtemp(w->dir));
    }
    w->jobs = plx_jobs_new(100000, on_change, NULL);
    w->keeper = plx_keeper_new(w->dir, key, w->jobs);
}

static void end(struct world *w)
{
    plx_keeper_close(&w->keeper);
    plx_jobs_destroy(&w->jobs);
}

static void clean(struct world *w)
{
    char *path = plx_file_path(w->dir, "assignment");
    unlink(path);
    rmdir(w->dir);
    free(path);
}

/* `n` tasks, names and addresses, with one that has everything. */
static void assign(struct world *w, uint64_t generation, uint32_t n)
{
    struct plx_task *tasks = calloc(n + 1, sizeof *tasks);
    char(*hosts)[32] = calloc(n + 1, sizeof *hosts);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(hosts[i], sizeof hosts[i], i % 2 ? "h%u.example" : "10.%u.0.1", i % 256);
        tasks[i] = (struct plx_task){.monitor_id = i + 1,
                                     .host = hosts[i],
                                     .port = (uint16_t)(i % 60000 + 1),
                                     .interval_ns = PLX_MIN_NS,
                                     .timeout_ns = PLX_SEC_NS,
                                     .source = i == 7 ? "192.0.2.9" : "",
                                     .handshake = i == 7 ? PLX_HANDSHAKE_FULL
                                                         : PLX_HANDSHAKE_HALF_OPEN,
                                     .confirm = i % 3 == 0};
    }
    struct plx_msg_snapshot msg = {generation, 0, 1, tasks, n};
    assert_int_equal(plx_jobs_snapshot(w->jobs, &msg), 0);
    free(tasks);
    free(hosts);
}

static void load_and_compare(struct world *w, uint64_t generation, uint64_t hash,
                             size_t n)
{
    begin(w, KEY);
    assert_int_equal(plx_keeper_load(w->keeper, NULL), 0);
    assert_true(plx_jobs_generation(w->jobs) == generation);
    assert_true(plx_jobs_hash(w->jobs) == hash);
    assert_int_equal(plx_jobs_count(w->jobs), n);
    end(w);
}

static void what_was_assigned__is_there_after_a_restart(void **state)
{
    (void)state;
    static const uint32_t counts[] = {0, 1, 40, 41, 2345};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct world w = {0};
        begin(&w, KEY);
        assert_int_equal(plx_keeper_load(w.keeper, NULL), PLX_ENOTFOUND);
        assign(&w, 17 + i, counts[i]);
        uint64_t hash = plx_jobs_hash(w.jobs);
        end(&w);
        load_and_compare(&w, 17 + i, hash, counts[i]);
        clean(&w);
    }
}

static void longest_greetings__are_kept(void **state)
{
    (void)state;
    enum { N = 100 };
    struct world w = {0};
    static const uint8_t bytes[PLX_GREETING_LITERAL_MAX] = {'p'};
    struct plx_greeting longest = {0};
    struct plx_task tasks[N];
    plx_greeting_add(&longest, PLX_GREETING_SEND, bytes, PLX_GREETING_SEND_MAX, 0, 0);
    for (size_t read = 0; read < PLX_GREETING_READ_MAX; read += sizeof bytes)
        plx_greeting_add(&longest, PLX_GREETING_PREFIX, bytes, sizeof bytes, sizeof bytes,
                         PLX_SEC_NS);
    for (size_t i = 0; i < N; i++)
        tasks[i] = (struct plx_task){.monitor_id = i + 1,
                                     .host = "name.example",
                                     .port = 25,
                                     .interval_ns = PLX_MIN_NS,
                                     .timeout_ns = PLX_SEC_NS,
                                     .handshake = PLX_HANDSHAKE_FULL,
                                     .source = "",
                                     .greeting = longest};
    begin(&w, KEY);
    struct plx_msg_snapshot msg = {9, 0, 1, tasks, N};
    assert_int_equal(plx_jobs_snapshot(w.jobs, &msg), 0);
    uint64_t hash = plx_jobs_hash(w.jobs);
    end(&w);
    load_and_compare(&w, 9, hash, N);
    plx_greeting_fini(&longest);
    clean(&w);
}

/* A kill leaves no time to write: it must have been written before. */
static void change__is_written_in_the_background(void **state)
{
    (void)state;
    struct world w = {0}, other;
    struct plx_mono now = {PLX_HOUR_NS};
    begin(&w, KEY);
    assign(&w, 3, 5000);
    uint64_t hash = plx_jobs_hash(w.jobs);
    other = w;
    int err = PLX_ENOTFOUND;
    for (int i = 0; i < 2000 && err; i++) {
        now = plx_mono_add(now, 100 * PLX_MS_NS);
        plx_keeper_tick(w.keeper, now);
        poll(NULL, 0, 1); /* the thread writes */
        if (i == 12)
            assign(&w, 4, 4000); /* while the first is being encoded */
        if (i == 12)
            hash = plx_jobs_hash(w.jobs);
        begin(&other, KEY);
        err = plx_keeper_load(other.keeper, NULL);
        if (!err && plx_jobs_generation(other.jobs) == 3)
            err = PLX_ENOTFOUND;
        if (!err)
            assert_true(plx_jobs_hash(other.jobs) == hash);
        plx_keeper_close(&other.keeper);
        plx_jobs_destroy(&other.jobs);
    }
    assert_int_equal(err, 0);
    end(&w);
    clean(&w);
}

static void half_a_snapshot__is_not_kept(void **state)
{
    (void)state;
    struct world w = {0};
    begin(&w, KEY);
    assign(&w, 3, 10);
    uint64_t hash = plx_jobs_hash(w.jobs);
    end(&w);
    begin(&w, KEY);
    assert_int_equal(plx_keeper_load(w.keeper, NULL), 0);
    struct plx_task task = {.monitor_id = 99,
                            .host = "192.0.2.1",
                            .port = 1,
                            .interval_ns = PLX_MIN_NS,
                            .timeout_ns = PLX_SEC_NS,
                            .source = ""};
    struct plx_msg_snapshot half = {5, 0, 2, &task, 1};
    assert_int_equal(plx_jobs_snapshot(w.jobs, &half), 0);
    end(&w);
    load_and_compare(&w, 3, hash, 10);
    clean(&w);
}

static void other_coordinators_or_damaged__is_not_used(void **state)
{
    (void)state;
    struct world w = {0};
    char *path, *text = NULL;
    size_t len;
    begin(&w, KEY);
    assign(&w, 3, 300);
    end(&w);
    begin(&w, "another coordinator's key");
    assert_int_equal(plx_keeper_load(w.keeper, NULL), PLX_ENOTFOUND);
    end(&w);
    path = plx_file_path(w.dir, "assignment");
    assert_int_equal(plx_file_read(path, 1 << 20, &text, &len, NULL), 0);
    for (size_t i = 0; i < len; i += 1 + len / 97) {
        text[i] ^= 0x10;
        assert_int_equal(plx_file_write_private(path, text, len, NULL), 0);
        begin(&w, KEY);
        int err = plx_keeper_load(w.keeper, NULL);
        /* The generation stands for itself, and is compared with the coordinator's. */
        bool used = err == 0 && (i < 16 || i >= 24);
        assert_false(used && plx_jobs_count(w.jobs) != 300);
        if (err)
            assert_int_equal(plx_jobs_count(w.jobs), 0);
        end(&w);
        text[i] ^= 0x10;
    }
    for (size_t cut = 0; cut < len; cut += 1 + len / 31) {
        assert_int_equal(plx_file_write_private(path, text, cut, NULL), 0);
        begin(&w, KEY);
        assert_int_not_equal(plx_keeper_load(w.keeper, NULL), 0);
        assert_int_equal(plx_jobs_count(w.jobs), 0);
        end(&w);
    }
    free(text);
    free(path);
    clean(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_assigned__is_there_after_a_restart),
        cmocka_unit_test(longest_greetings__are_kept),
        cmocka_unit_test(change__is_written_in_the_background),
        cmocka_unit_test(half_a_snapshot__is_not_kept),
        cmocka_unit_test(other_coordinators_or_damaged__is_not_used),
    };
    return PLX_RUN(tests);
}
