/* The store on a disk that is full or breaks, at every call that can fail. */
#include "test.h"

#include "fault_vfs.h"
#include "store_fixture.h"

#include "base/err.h"

#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static int setup(void **state)
{
    static struct store_fixture fx;
    plx_fault_vfs_heal();
    fixture_init(&fx);
    fixture_open(&fx);
    *state = &fx;
    return 0;
}

static int teardown(void **state)
{
    plx_fault_vfs_heal();
    fixture_fini(*state);
    return 0;
}

static struct plx_store_health health(struct store_fixture *fx)
{
    struct plx_store_health h;
    plx_store_health(fx->store, &h);
    return h;
}

/* Until the writer has met the full disk. */
static void await_state(struct store_fixture *fx, enum plx_store_state want)
{
    for (unsigned long turns = 0; health(fx).state != want; turns++) {
        assert_true(turns < 100000000);
        sched_yield();
    }
}

static void put_user(struct store_fixture *fx)
{
    const struct plx_store_access user = {
        .name = (char *)"eve", .role = (char *)"viewer", .secret = (char *)"hash"};
    assert_int_equal(
        plx_store_put_access(fx->store, &user, "ann", FIXTURE_NOON, fixture_on_done, fx),
        0);
}

static void a_full_disk__lets_results_wait_and_people_know(void **state)
{
    struct store_fixture *fx = *state;
    fixture_ingest(fx, 7, 1, 1, 100);
    plx_fault_vfs_fail(1, SQLITE_FULL, true);
    assert_int_equal(fixture_submit(fx, 7, 1, 101, 100, FIXTURE_NOON), 0);
    await_state(fx, PLX_STORE_WAITING);
    assert_non_null(strstr(health(fx).why, "no space"));
    assert_int_equal(fx->n_done, 1);
    /* Somebody sits before a terminal. */
    put_user(fx);
    fixture_await(fx, 2);
    assert_int_equal(fx->err, PLX_ENOSPACE);
    assert_non_null(strstr(fx->why, "nothing was changed"));
    assert_int_equal(fixture_count_rows(fx), 100);

    plx_fault_vfs_heal();
    fixture_await(fx, 3);
    assert_int_equal(fx->err, 0);
    assert_int_equal(fx->ingested.high_water, 200);
    assert_int_equal(health(fx).state, PLX_STORE_OK);
    assert_int_equal(fixture_count_rows(fx), 200);
}

static void a_full_disk_without_work__is_noticed_to_have_room_again(void **state)
{
    struct store_fixture *fx = *state;
    plx_fault_vfs_fail(1, SQLITE_FULL, true);
    put_user(fx);
    fixture_await(fx, 1);
    assert_int_equal(fx->err, PLX_ENOSPACE);
    assert_int_equal(health(fx).state, PLX_STORE_WAITING);
    plx_fault_vfs_heal();
    await_state(fx, PLX_STORE_OK);
}

static void a_full_disk_at_the_stop__fails_what_waits(void **state)
{
    struct store_fixture *fx = *state;
    plx_fault_vfs_fail(1, SQLITE_FULL, true);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(fixture_submit(fx, 7, 1, 1 + i, 1, FIXTURE_NOON), 0);
    await_state(fx, PLX_STORE_WAITING);
    plx_store_stop(fx->store);
    plx_store_poll(fx->store);
    assert_int_equal(fx->n_done, 5);
    assert_int_equal(fx->err, PLX_ENOSPACE);
    assert_int_equal(fx->total_fresh, 0);
    plx_store_destroy(&fx->store);
    plx_fault_vfs_heal();
    fixture_open(fx);
    assert_int_equal(fixture_count_rows(fx), 0);
}

static void a_broken_disk__ends_the_store_and_not_the_data(void **state)
{
    struct store_fixture *fx = *state;
    fixture_ingest(fx, 7, 1, 1, 100);
    plx_fault_vfs_fail(1, SQLITE_IOERR_WRITE, true);
    assert_int_equal(fixture_submit(fx, 7, 1, 101, 100, FIXTURE_NOON), 0);
    fixture_await(fx, 2);
    assert_int_equal(fx->err, PLX_EIO);
    assert_int_equal(health(fx).state, PLX_STORE_FAILED);
    assert_int_equal(fixture_submit(fx, 7, 1, 101, 1, FIXTURE_NOON), PLX_EIO);
    fixture_close(fx);
    plx_fault_vfs_heal();
    fixture_open(fx);
    assert_int_equal(fixture_count_rows(fx), 100);
}

/* What a run could acknowledge before its disk broke. */
struct acked {
    uint64_t mark;
    uint64_t generation;
};

static void keep(struct store_fixture *fx, struct acked *acked, int err, unsigned want)
{
    if (err)
        return;
    fixture_await(fx, want);
    if (!fx->err && fx->ingested.high_water > acked->mark)
        acked->mark = fx->ingested.high_water;
    if (!fx->err && fx->generation > acked->generation)
        acked->generation = fx->generation;
}

static int apply(struct store_fixture *fx, uint16_t port)
{
    struct plx_monitor m;
    plx_monitor_init(&m);
    plx_monitor_set_text(&m.name, "a");
    plx_monitor_set_text(&m.host, "h.example.net");
    m.port = port;
    m.interval_ns = PLX_MIN_NS;
    m.timeout_ns = PLX_SEC_NS;
    plx_monitor_add_location(&m, "all");
    struct plx_store_apply a = {
        .upserts = &m, .n_upserts = 1, .who = "ann", .now = FIXTURE_NOON};
    int err = plx_store_apply(fx->store, &a, fixture_on_apply, fx);
    plx_monitor_fini(&m);
    return err;
}

/* Batches and applications by turns, on a store that may break at any of them. */
static struct acked live_until_it_breaks(struct store_fixture *fx)
{
    struct acked acked = {0};
    if (fixture_try_open(fx))
        return acked;
    for (unsigned i = 0; i < 3; i++) {
        fx->generation = 0;
        unsigned want = fx->n_done + 1;
        keep(fx, &acked, fixture_submit(fx, 7, 1, 1 + 50 * i, 50, FIXTURE_NOON), want);
        want = fx->n_done + 1;
        keep(fx, &acked, apply(fx, (uint16_t)(1 + i)), want);
    }
    fixture_close(fx);
    return acked;
}

static void check_what_is_left(struct store_fixture *fx, struct acked acked)
{
    fixture_open(fx);
    size_t rows = fixture_count_rows(fx); /* none twice */
    assert_true(rows >= acked.mark && rows % 50 == 0);
    struct plx_store_config c;
    assert_int_equal(plx_store_load(fx->store, &c, NULL), 0);
    assert_true(c.generation >= acked.generation);
    plx_store_config_fini(&c);
    fixture_ingest(fx, 7, 1, 1, 50);
    assert_true(fx->ingested.high_water == rows || rows == 0);
}

/* Breaks the disk at call 1, then at 2, … until a run gets through. */
static void break_everywhere(int rc, bool stays)
{
    bool broke = true;
    for (long at = 1; broke; at++) {
        assert_true(at < 2000);
        struct store_fixture fx;
        fixture_init_in(&fx, "/dev/shm"); /* the real disk has no part in this */
        plx_fault_vfs_fail(at, rc, stays);
        struct acked acked = live_until_it_breaks(&fx);
        broke = plx_fault_vfs_calls() >= at;
        plx_fault_vfs_heal();
        check_what_is_left(&fx, acked);
        fixture_fini(&fx);
        if (!broke)
            print_message("%ld calls broken one after the other\n", at - 1);
    }
}

static void a_disk_that_breaks_at_any_call__keeps_what_was_acknowledged(void **state)
{
    (void)state;
    break_everywhere(SQLITE_IOERR_WRITE, true);
}

static void one_failing_call_anywhere__keeps_what_was_acknowledged(void **state)
{
    (void)state;
    break_everywhere(SQLITE_IOERR_FSYNC, false);
}

static void one_moment_without_space_anywhere__costs_nothing(void **state)
{
    (void)state;
    break_everywhere(SQLITE_FULL, false);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        _exit(2);
}

/* A mount namespace of our own; an ordinary user needs a user namespace for it. */
static void leave_the_mounts(void)
{
    unsigned uid = geteuid(), gid = getegid();
    if (unshare(uid ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS) != 0)
        _exit(3);
    if (uid) {
        char map[32];
        snprintf(map, sizeof map, "0 %u 1", uid);
        write_file("/proc/self/uid_map", map);
        snprintf(map, sizeof map, "0 %u 1", gid);
        write_file("/proc/self/setgroups", "deny");
        write_file("/proc/self/gid_map", map);
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        _exit(4);
}

/* The real thing: a file system of 2 MiB. */
static void fill_a_real_disk(struct store_fixture *fx)
{
    leave_the_mounts();
    if (mount("none", fx->dir, "tmpfs", 0, "size=2m") != 0)
        _exit(4);
    fixture_open(fx);
    uint64_t seq = 1;
    unsigned done = 0;
    while (health(fx).state == PLX_STORE_OK) {
        assert_int_equal(fixture_submit(fx, 7, 1, seq, 500, FIXTURE_NOON), 0);
        seq += 500;
        while (fx->n_done == done && health(fx).state == PLX_STORE_OK)
            plx_store_poll(fx->store);
        done = fx->n_done;
    }
    uint64_t before = fx->ingested.high_water;
    assert_true(before > 0 && before < seq - 1);
    assert_int_equal(fixture_count_rows(fx), before);
    if (mount("none", fx->dir, "tmpfs", MS_REMOUNT, "size=8m") != 0)
        _exit(5);
    fixture_await(fx, done + 1);
    assert_int_equal(fx->err, 0);
    assert_int_equal(fx->ingested.high_water, seq - 1);
    assert_int_equal(fixture_count_rows(fx), seq - 1);
    fixture_close(fx);
    fixture_open(fx);
    assert_int_equal(fixture_count_rows(fx), seq - 1);
    fixture_close(fx);
    _exit(0);
}

static void a_really_full_disk__heals_when_it_grows(void **state)
{
    (void)state;
    struct store_fixture fx;
    fixture_init(&fx);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        fill_a_real_disk(&fx);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    fixture_fini(&fx);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    plx_fault_vfs_install();
    const struct CMUnitTest tests[] = {
        TEST(a_full_disk__lets_results_wait_and_people_know),
        TEST(a_full_disk_without_work__is_noticed_to_have_room_again),
        TEST(a_full_disk_at_the_stop__fails_what_waits),
        TEST(a_broken_disk__ends_the_store_and_not_the_data),
        cmocka_unit_test(a_disk_that_breaks_at_any_call__keeps_what_was_acknowledged),
        cmocka_unit_test(one_failing_call_anywhere__keeps_what_was_acknowledged),
        cmocka_unit_test(one_moment_without_space_anywhere__costs_nothing),
        cmocka_unit_test(a_really_full_disk__heals_when_it_grows),
    };
    return PLX_RUN(tests);
}
