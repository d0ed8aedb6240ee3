#include "agent/core/jobs.h"

#include "base/err.h"
#include "base/rng.h"

#include "test.h"

struct seen {
    size_t set, gone;
};

static void on_change(void *arg, uint32_t slot, bool gone)
{
    struct seen *seen = arg;
    (void)slot;
    seen->set += !gone;
    seen->gone += gone;
}

static struct plx_task task(uint64_t id)
{
    return (struct plx_task){.monitor_id = id,
                             .host = "192.0.2.1",
                             .port = (uint16_t)(id % 60000 + 1),
                             .interval_ns = PLX_MIN_NS,
                             .timeout_ns = PLX_SEC_NS,
                             .source = "",
                             .confirm = true};
}

static int snapshot(struct plx_jobs *jobs, uint64_t generation, uint32_t part,
                    uint32_t parts, const uint64_t *ids, size_t n)
{
    struct plx_task tasks[64];
    for (size_t i = 0; i < n; i++)
        tasks[i] = task(ids[i]);
    struct plx_msg_snapshot msg = {generation, part, parts, tasks, n};
    return plx_jobs_snapshot(jobs, &msg);
}

static uint64_t hash_of(const uint64_t *ids, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        struct plx_task t = task(ids[i]);
        sum += plx_task_hash(&t);
    }
    return sum;
}

static void snapshot_in_parts__replaces_what_was_held(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct plx_jobs *jobs = plx_jobs_new(100, on_change, &seen);
    const uint64_t first[] = {1, 2, 3}, a[] = {2, 4}, b[] = {5}, all[] = {2, 4, 5};
    uint32_t slot;
    assert_int_equal(snapshot(jobs, 7, 0, 1, first, 3), 0);
    assert_int_equal(plx_jobs_generation(jobs), 7);
    assert_int_equal(snapshot(jobs, 8, 0, 2, a, 2), 0);
    assert_int_equal(plx_jobs_generation(jobs), 7);
    assert_int_equal(snapshot(jobs, 8, 1, 2, b, 1), 0);
    assert_int_equal(plx_jobs_generation(jobs), 8);
    assert_int_equal(plx_jobs_count(jobs), 3);
    assert_true(plx_jobs_hash(jobs) == hash_of(all, 3));
    assert_false(plx_jobs_find(jobs, 1, &slot));
    assert_true(plx_jobs_find(jobs, 5, &slot));
    assert_int_equal(plx_jobs_at(jobs, slot)->monitor_id, 5);
    assert_int_equal(seen.set, 5); /* 2 was the same: not told again */
    assert_int_equal(seen.gone, 2);
    plx_jobs_destroy(&jobs);
}

static void part_out_of_order__asks_for_a_resync(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct plx_jobs *jobs = plx_jobs_new(100, on_change, &seen);
    const uint64_t ids[] = {1};
    assert_int_equal(snapshot(jobs, 7, 0, 3, ids, 1), 0);
    assert_int_equal(snapshot(jobs, 7, 2, 3, ids, 1), PLX_ECONFLICT);
    assert_int_equal(snapshot(jobs, 7, 1, 3, ids, 1), PLX_ECONFLICT);
    assert_int_equal(plx_jobs_generation(jobs), 0);
    plx_jobs_destroy(&jobs);
}

static void delta__follows_its_generation_only(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct plx_jobs *jobs = plx_jobs_new(100, on_change, &seen);
    const uint64_t ids[] = {1, 2}, left[] = {2, 3}, gone[] = {1, 77};
    struct plx_task up = task(3);
    snapshot(jobs, 7, 0, 1, ids, 2);
    struct plx_msg_delta delta = {7, 8, &up, 1, gone, 2};
    assert_int_equal(plx_jobs_delta(jobs, &delta), 0);
    assert_int_equal(plx_jobs_delta(jobs, &delta), 0); /* said twice */
    assert_true(plx_jobs_hash(jobs) == hash_of(left, 2));
    struct plx_msg_delta hole = {9, 10, &up, 1, NULL, 0};
    assert_int_equal(plx_jobs_delta(jobs, &hole), PLX_ECONFLICT);
    assert_int_equal(plx_jobs_generation(jobs), 8);
    plx_jobs_destroy(&jobs);
}

static void greeting_of_a_task__is_copied_and_part_of_the_hash(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct plx_jobs *jobs = plx_jobs_new(100, on_change, &seen);
    struct plx_task up = task(3);
    uint64_t plain = plx_task_hash(&up);
    struct plx_greeting kept = {0};
    plx_greeting_add(&up.greeting, PLX_GREETING_PREFIX, "+OK", 3, 0, 0);
    plx_greeting_copy(&kept, &up.greeting);
    assert_true(plx_task_hash(&up) != plain);
    struct plx_msg_snapshot first = {7, 0, 1, &up, 1};
    assert_int_equal(plx_jobs_snapshot(jobs, &first), 0);
    plx_greeting_fini(&up.greeting);
    struct plx_task held = plx_job_task(plx_jobs_at(jobs, 0), NULL);
    assert_true(plx_greeting_equal(&held.greeting, &kept));
    struct plx_msg_delta delta = {7, 8, &up, 1, NULL, 0}; /* without it again */
    assert_int_equal(plx_jobs_delta(jobs, &delta), 0);
    assert_true(plx_jobs_hash(jobs) == plain);
    assert_int_equal(seen.set, 2);
    plx_greeting_fini(&kept);
    plx_jobs_destroy(&jobs);
}

static void changed_task__keeps_its_slot_and_moves_the_hash(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct plx_jobs *jobs = plx_jobs_new(100, on_change, &seen);
    const uint64_t ids[] = {1};
    uint32_t before, after;
    snapshot(jobs, 1, 0, 1, ids, 1);
    plx_jobs_find(jobs, 1, &before);
    struct plx_task up = task(1);
    up.host = "example.org";
    up.source = "192.0.2.9";
    struct plx_msg_delta delta = {1, 2, &up, 1, NULL, 0};
    assert_int_equal(plx_jobs_delta(jobs, &delta), 0);
    plx_jobs_find(jobs, 1, &after);
    assert_int_equal(before, after);
    assert_string_equal(plx_jobs_at(jobs, after)->host, "example.org");
    assert_true(plx_jobs_hash(jobs) == plx_task_hash(&up));
    plx_jobs_destroy(&jobs);
}

/* Whether or not a host is taken in as an address, the task is told again as it came. */
static void literal__is_parsed_once_and_told_as_it_was_written(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        enum plx_ip ip;
        uint8_t family;
    } rows[] = {
        {"192.0.2.7", PLX_IP_ANY, 4},   {"192.0.2.7", PLX_IP_4, 4},
        {"2001:db8::7", PLX_IP_ANY, 6}, {"2001:db8::7", PLX_IP_6, 6},
        {"192.0.2.7", PLX_IP_6, 0},     {"2001:DB8::7", PLX_IP_ANY, 0},
        {"db.example", PLX_IP_ANY, 0},  {"192.0.2", PLX_IP_ANY, 0},
    };
    struct seen seen = {0};
    struct plx_jobs *jobs = plx_jobs_new(100, on_change, &seen);
    uint64_t generation = 1;
    snapshot(jobs, generation, 0, 1, NULL, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++, generation++) {
        struct plx_task up = task(5), got;
        char text[PLX_ADDR_TEXT_MAX];
        uint32_t slot;
        up.host = rows[i].host;
        up.ip = rows[i].ip;
        struct plx_msg_delta delta = {generation, generation + 1, &up, 1, NULL, 0};
        assert_int_equal(plx_jobs_delta(jobs, &delta), 0);
        assert_true(plx_jobs_find(jobs, 5, &slot));
        got = plx_job_task(plx_jobs_at(jobs, slot), text);
        assert_string_equal(got.host, rows[i].host);
        assert_int_equal(plx_job_addr(plx_jobs_at(jobs, slot)).family, rows[i].family);
        assert_true(plx_jobs_hash(jobs) == plx_task_hash(&up));
    }
    plx_jobs_destroy(&jobs);
}

static void too_many__is_refused(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct plx_jobs *jobs = plx_jobs_new(2, on_change, &seen);
    const uint64_t ids[] = {1, 2, 3};
    assert_int_equal(snapshot(jobs, 1, 0, 1, ids, 3), PLX_ETOOBIG);
    assert_int_equal(plx_jobs_generation(jobs), 0);
    plx_jobs_destroy(&jobs);
}

/* Against a plain bitmap of what should be there. */
static void random_deltas__agree_with_a_bitmap(void **state)
{
    (void)state;
    const uint64_t seed = 20261123;
    struct seen seen = {0};
    struct plx_jobs *jobs = plx_jobs_new(1000, on_change, &seen);
    struct plx_rng rng;
    bool there[300] = {false};
    print_message("seed %llu\n", (unsigned long long)seed);
    plx_rng_init(&rng, seed);
    snapshot(jobs, 1, 0, 1, NULL, 0);
    for (uint64_t g = 1; g < 5000; g++) {
        uint64_t id = plx_rng_below(&rng, 299) + 1;
        struct plx_task up = task(id);
        bool add = plx_rng_below(&rng, 2);
        struct plx_msg_delta delta = {g, g + 1, &up, add, &id, !add};
        assert_int_equal(plx_jobs_delta(jobs, &delta), 0);
        there[id] = add;
    }
    size_t n = 0;
    uint64_t sum = 0;
    for (uint64_t id = 1; id < 300; id++) {
        uint32_t slot;
        assert_int_equal(plx_jobs_find(jobs, id, &slot), there[id]);
        n += there[id];
        sum += there[id] ? hash_of(&id, 1) : 0;
    }
    assert_int_equal(plx_jobs_count(jobs), n);
    assert_true(plx_jobs_hash(jobs) == sum);
    plx_jobs_destroy(&jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshot_in_parts__replaces_what_was_held),
        cmocka_unit_test(part_out_of_order__asks_for_a_resync),
        cmocka_unit_test(delta__follows_its_generation_only),
        cmocka_unit_test(greeting_of_a_task__is_copied_and_part_of_the_hash),
        cmocka_unit_test(changed_task__keeps_its_slot_and_moves_the_hash),
        cmocka_unit_test(literal__is_parsed_once_and_told_as_it_was_written),
        cmocka_unit_test(too_many__is_refused),
        cmocka_unit_test(random_deltas__agree_with_a_bitmap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
