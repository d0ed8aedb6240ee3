#include "test.h"

#include "base/err.h"
#include "base/rng.h"
#include "coordinator/core/assign.h"
#include "coordinator/core/shares.h"
#include "proto/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct plx_label aws[] = {{(char *)"provider", (char *)"aws"}};

static struct plx_monitor monitor_of(uint64_t id, const char *location,
                                     uint32_t per_location)
{
    struct plx_monitor m;
    char name[32];
    plx_monitor_init(&m);
    snprintf(name, sizeof name, "m%llu", (unsigned long long)id);
    m.id = id;
    plx_monitor_set_text(&m.name, name);
    plx_monitor_set_text(&m.host, "192.0.2.1");
    m.port = 80;
    m.agents_per_location = per_location;
    plx_monitor_add_location(&m, location);
    return m;
}

static void locations__match_region_all_and_labels(void **state)
{
    (void)state;
    const struct plx_candidate agent = {.region = "fra", .labels = aws, .n_labels = 1};
    static const struct {
        const char *location;
        bool matches;
    } rows[] = {
        {"fra", true},
        {"all", true},
        {"provider=aws", true},
        {"nyc", false},
        {"provider=gcp", false},
        {"provid=aws", false},
        {"provider=aws2", false},
        {"fr", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(plx_assign_matches(rows[i].location, &agent), rows[i].matches);
}

/* Who is chosen in one region of three agents, by their standing. */
static void standing__decides_before_weight(void **state)
{
    (void)state;
    static const struct {
        enum plx_standing standing[3];
        uint32_t want;
        size_t n;
        bool may_be[3];
    } rows[] = {
        {{PLX_STANDING_OUT, PLX_STANDING_OUT, PLX_STANDING_OUT}, 1, 0, {0, 0, 0}},
        {{PLX_STANDING_PRESENT, PLX_STANDING_OUT, PLX_STANDING_OUT}, 2, 1, {1, 0, 0}},
        {{PLX_STANDING_ABSENT, PLX_STANDING_PRESENT, PLX_STANDING_OUT}, 1, 1, {0, 1, 0}},
        {{PLX_STANDING_ABSENT, PLX_STANDING_PRESENT, PLX_STANDING_OUT}, 2, 2, {1, 1, 0}},
        {{PLX_STANDING_ABSENT, PLX_STANDING_OUT, PLX_STANDING_OUT}, 1, 1, {1, 0, 0}},
        {{PLX_STANDING_PRESENT, PLX_STANDING_PRESENT, PLX_STANDING_PRESENT},
         3,
         3,
         {1, 1, 1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plx_candidate agents[3];
        uint32_t chosen[PLX_ASSIGN_MAX];
        struct plx_monitor m = monitor_of(7, "fra", rows[i].want);
        for (uint32_t a = 0; a < 3; a++)
            agents[a] = (struct plx_candidate){.slot = a,
                                               .hash = plx_hash_mix(a + 1),
                                               .standing = rows[i].standing[a],
                                               .region = "fra"};
        size_t n = plx_assign_pick(&m, m.id, agents, 3, chosen);
        assert_int_equal(n, rows[i].n);
        for (size_t k = 0; k < n; k++)
            assert_true(rows[i].may_be[chosen[k]]);
        m.paused = true;
        assert_int_equal(plx_assign_pick(&m, m.id, agents, 3, chosen), 0);
        plx_monitor_fini(&m);
    }
}

static void all__gives_a_share_to_each_region(void **state)
{
    (void)state;
    struct plx_candidate agents[9];
    uint32_t chosen[PLX_ASSIGN_MAX];
    static const char *const regions[] = {"a", "b", "c"};
    struct plx_monitor m = monitor_of(3, "all", 2);
    for (uint32_t i = 0; i < 9; i++)
        agents[i] = (struct plx_candidate){.slot = i,
                                           .hash = plx_hash_mix(i),
                                           .standing = PLX_STANDING_PRESENT,
                                           .region = regions[i % 3]};
    size_t n = plx_assign_pick(&m, m.id, agents, 9, chosen), per_region[3] = {0};
    assert_int_equal(n, 6);
    for (size_t i = 0; i < n; i++)
        per_region[chosen[i] % 3]++;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(per_region[i], 2);
    plx_monitor_fini(&m);
}

/* ---- a random population ---- */

#define AGENTS   24
#define MONITORS 400
#define REGIONS  4

struct fleet {
    struct plx_rng rng;
    struct plx_catalog *catalog;
    struct plx_shares *shares;
    char names[AGENTS][16];
    char regions[AGENTS][8];
    enum plx_standing standing[AGENTS];
    struct plx_mono now;
};

static void set_standing(struct fleet *f, uint32_t agent, enum plx_standing standing)
{
    f->standing[agent] = standing;
    plx_shares_set_standing(f->shares, agent, standing);
}

static size_t settle(struct fleet *f)
{
    const uint32_t *monitors;
    size_t n;
    f->now.ns += PLX_SEC_NS;
    plx_shares_settle(f->shares, f->now, &monitors, &n);
    return n;
}

static void fleet_up(struct fleet *f, uint64_t seed)
{
    static const char *const locations[] = {"r0", "r1",  "r2",
                                            "r3", "all", "provider=aws"};
    memset(f, 0, sizeof *f);
    plx_rng_init(&f->rng, seed);
    f->catalog = plx_catalog_new();
    f->shares = plx_shares_new(f->catalog);
    for (uint32_t i = 0; i < AGENTS; i++) {
        snprintf(f->names[i], sizeof f->names[i], "agent-%u", i);
        snprintf(f->regions[i], sizeof f->regions[i], "r%u", i % REGIONS);
        f->standing[i] = PLX_STANDING_PRESENT;
        plx_shares_set_agent(f->shares, i, f->names[i], f->regions[i], aws, i % 2,
                             f->standing[i]);
    }
    for (uint64_t id = 1; id <= MONITORS; id++) {
        uint32_t slot;
        struct plx_monitor m = monitor_of(id, locations[plx_rng_below(&f->rng, 6)],
                                          1 + (uint32_t)plx_rng_below(&f->rng, 2));
        assert_int_equal(plx_shares_put(f->shares, &m, &slot), 0);
        plx_monitor_fini(&m);
    }
    settle(f);
}

static void fleet_down(struct fleet *f)
{
    plx_shares_destroy(&f->shares);
    plx_catalog_destroy(&f->catalog);
}

/* What is kept up to date step by step is what one look at everything gives. */
static void check_equals_fresh_look(const struct fleet *f)
{
    struct plx_candidate agents[AGENTS];
    uint32_t chosen[PLX_ASSIGN_MAX];
    uint64_t hashes[AGENTS] = {0};
    size_t n_tasks[AGENTS] = {0};
    for (uint32_t i = 0; i < AGENTS; i++)
        agents[i] = (struct plx_candidate){
            i, plx_assign_hash(f->names[i]), f->standing[i], f->regions[i], aws, i % 2};
    for (uint32_t slot = 0; slot < plx_catalog_end(f->catalog); slot++) {
        const struct plx_monitor *m = plx_catalog_at(f->catalog, slot);
        if (!m)
            continue;
        size_t n = plx_assign_pick(m, m->id, agents, AGENTS, chosen), n_kept;
        const uint32_t *kept = plx_shares_agents(f->shares, slot, &n_kept);
        assert_int_equal(n, n_kept);
        struct plx_task task = plx_task_of(m);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(kept[i], chosen[i]);
            n_tasks[chosen[i]]++;
            hashes[chosen[i]] += plx_task_hash(&task);
        }
    }
    for (uint32_t i = 0; i < AGENTS; i++) {
        assert_int_equal(plx_shares_of(f->shares, i).n_tasks, n_tasks[i]);
        assert_true(plx_shares_of(f->shares, i).hash == hashes[i]);
    }
}

static void random_changes__keep_shares_right_and_hashes_summed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct fleet f;
        print_message("seed %llu\n", (unsigned long long)seed);
        fleet_up(&f, seed);
        check_equals_fresh_look(&f);
        for (int step = 0; step < 60; step++) {
            uint32_t agent = (uint32_t)plx_rng_below(&f.rng, AGENTS);
            uint32_t slot = (uint32_t)plx_rng_below(&f.rng, MONITORS);
            if (step % 3 == 0 && plx_catalog_at(f.catalog, slot))
                plx_shares_remove(f.shares, slot, f.now);
            set_standing(&f, agent, (enum plx_standing)plx_rng_below(&f.rng, 3));
            if (step % 4 == 0) {
                struct plx_monitor m =
                    monitor_of(1000 + (uint64_t)step, step % 8 ? "r1" : "all", 1);
                assert_int_equal(plx_shares_put(f.shares, &m, &slot), 0);
                plx_monitor_fini(&m);
            }
            settle(&f);
            check_equals_fresh_look(&f);
        }
        fleet_down(&f);
    }
}

static void an_agent_that_goes__moves_only_its_share_and_takes_it_back(void **state)
{
    (void)state;
    struct fleet f;
    fleet_up(&f, 42);
    size_t had = plx_shares_of(f.shares, 5).n_tasks;
    uint64_t hash = plx_shares_of(f.shares, 5).hash;
    set_standing(&f, 5, PLX_STANDING_ABSENT);
    assert_true(settle(&f) <= had);
    assert_true(had > 0);
    assert_int_equal(plx_shares_of(f.shares, 5).n_tasks, 0);
    set_standing(&f, 5, PLX_STANDING_PRESENT);
    assert_int_equal(settle(&f), had);
    assert_true(plx_shares_of(f.shares, 5).hash == hash);
    fleet_down(&f);
}

/* ---- steps ---- */

static void steps__are_a_snapshot_first_then_deltas(void **state)
{
    (void)state;
    struct fleet f;
    struct plx_share_step step;
    uint32_t slot;
    fleet_up(&f, 1);
    assert_false(plx_shares_take_step(f.shares, 0, &step)); /* nobody is there */
    assert_false(plx_shares_sync(f.shares, 0, 0, 0));
    assert_true(plx_shares_take_step(f.shares, 0, &step));
    assert_true(step.whole);
    assert_int_equal(step.n_upserts, plx_shares_of(f.shares, 0).n_tasks);
    assert_false(plx_shares_take_step(f.shares, 0, &step));

    uint64_t generation = step.generation;
    struct plx_monitor m = monitor_of(5000, "r0", 16);
    plx_shares_put(f.shares, &m, &slot);
    settle(&f);
    assert_true(plx_shares_of(f.shares, 0).owed);
    assert_true(plx_shares_take_step(f.shares, 0, &step));
    assert_false(step.whole);
    assert_true(step.from_generation == generation && step.generation == generation + 1);
    assert_int_equal(step.n_upserts, 1);
    assert_int_equal(step.upserts[0], slot);

    m.timeout_ns = PLX_SEC_NS; /* another task of the same agents */
    plx_shares_put(f.shares, &m, &slot);
    settle(&f);
    assert_true(plx_shares_take_step(f.shares, 0, &step));
    assert_int_equal(step.n_upserts, 1);
    plx_shares_remove(f.shares, slot, f.now);
    settle(&f);
    assert_true(plx_shares_take_step(f.shares, 0, &step));
    assert_int_equal(step.n_removals, 1);
    assert_true(step.removals[0] == 5000);
    assert_true(plx_shares_had(f.shares, 0, 5000, f.now, PLX_MIN_NS));
    assert_false(plx_shares_had(f.shares, 0, 5001, f.now, PLX_MIN_NS));
    plx_monitor_fini(&m);
    fleet_down(&f);
}

static void a_hello_in_step__owes_nothing_and_keeps_its_generation(void **state)
{
    (void)state;
    struct fleet f;
    struct plx_share_step step;
    fleet_up(&f, 2);
    assert_true(plx_shares_sync(f.shares, 0, 77, plx_shares_of(f.shares, 0).hash));
    assert_false(plx_shares_take_step(f.shares, 0, &step));
    assert_true(plx_shares_of(f.shares, 0).generation == 77);
    assert_false(plx_shares_sync(f.shares, 0, 99, 12345));
    assert_true(plx_shares_take_step(f.shares, 0, &step));
    assert_true(step.whole && step.generation == 100);
    fleet_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(locations__match_region_all_and_labels),
        cmocka_unit_test(standing__decides_before_weight),
        cmocka_unit_test(all__gives_a_share_to_each_region),
        cmocka_unit_test(random_changes__keep_shares_right_and_hashes_summed),
        cmocka_unit_test(an_agent_that_goes__moves_only_its_share_and_takes_it_back),
        cmocka_unit_test(steps__are_a_snapshot_first_then_deltas),
        cmocka_unit_test(a_hello_in_step__owes_nothing_and_keeps_its_generation),
    };
    return PLX_RUN(tests);
}
