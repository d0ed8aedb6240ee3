/* Monitors, agents, tokens, access, verdicts: applied whole or not at all. */
#include "test.h"

#include "store_fixture.h"

#include "base/err.h"

static const struct plx_wall NOW = {INT64_C(1795435200) * PLX_SEC_NS};

static int setup(void **state)
{
    static struct store_fixture fx;
    fixture_init(&fx);
    fixture_open(&fx);
    *state = &fx;
    return 0;
}

static int teardown(void **state)
{
    fixture_fini(*state);
    return 0;
}

/* ---- monitors ---- */

static struct plx_monitor monitor(const char *name, uint16_t port)
{
    struct plx_monitor m;
    plx_monitor_init(&m);
    plx_monitor_set_text(&m.name, name);
    plx_monitor_set_text(&m.host, "db.example.net");
    m.port = port;
    m.interval_ns = PLX_MIN_NS;
    m.timeout_ns = 10 * PLX_SEC_NS;
    plx_monitor_add_location(&m, "us-east");
    plx_monitor_add_label(&m, "team", "core");
    return m;
}

/* Applies upserts (each name with its port) and removals; returns how it ended. */
static int apply(struct store_fixture *fx, const char *const *names,
                 const uint16_t *ports, size_t n, const char *const *removals,
                 size_t n_removals)
{
    struct plx_monitor monitors[4];
    for (size_t i = 0; i < n; i++)
        monitors[i] = monitor(names[i], ports[i]);
    struct plx_store_apply a = {.upserts = monitors,
                                .n_upserts = n,
                                .removals = removals,
                                .n_removals = n_removals,
                                .who = "ann",
                                .now = NOW};
    unsigned want = fx->n_done + 1;
    int err = plx_store_apply(fx->store, &a, fixture_on_apply, fx);
    for (size_t i = 0; i < n; i++)
        plx_monitor_fini(&monitors[i]);
    if (err)
        return err;
    fixture_await(fx, want);
    return fx->err;
}

static struct plx_store_config load(struct store_fixture *fx)
{
    struct plx_store_config c;
    struct plx_why why = {""};
    if (plx_store_load(fx->store, &c, &why))
        fail_msg("%s", why.text);
    return c;
}

static void monitors__are_applied_under_a_new_generation(void **state)
{
    struct store_fixture *fx = *state;
    const char *names[] = {"a", "b"};
    uint16_t ports[] = {1, 2};
    assert_int_equal(apply(fx, names, ports, 2, NULL, 0), 0);
    assert_int_equal(fx->generation, 1);
    assert_int_equal(fx->changes[0], PLX_STORE_CREATED);
    uint64_t a = fx->ids[0], b = fx->ids[1];
    assert_true(a && b && a != b);

    assert_int_equal(apply(fx, names, ports, 2, NULL, 0), 0);
    assert_int_equal(fx->generation, 1);
    assert_int_equal(fx->changes[0], PLX_STORE_UNCHANGED);
    assert_int_equal(fx->ids[1], b);

    ports[1] = 3;
    assert_int_equal(apply(fx, names, ports, 2, NULL, 0), 0);
    assert_int_equal(fx->generation, 2);
    assert_int_equal(fx->changes[0], PLX_STORE_UNCHANGED);
    assert_int_equal(fx->changes[1], PLX_STORE_UPDATED);
    assert_int_equal(fx->ids[1], b);

    fixture_close(fx);
    fixture_open(fx);
    struct plx_store_config c = load(fx);
    assert_int_equal(c.generation, 2);
    assert_int_equal(c.n_monitors, 2);
    struct plx_monitor want = monitor("b", 3);
    assert_true(plx_monitor_equal(&c.monitors[1], &want));
    assert_int_equal(c.monitors[1].id, b);
    plx_monitor_fini(&want);
    plx_store_config_fini(&c);
}

static void a_removed_monitors_id__is_never_used_again(void **state)
{
    struct store_fixture *fx = *state;
    const char *names[] = {"a"};
    uint16_t ports[] = {1};
    assert_int_equal(apply(fx, names, ports, 1, NULL, 0), 0);
    uint64_t first = fx->ids[0];
    assert_int_equal(apply(fx, NULL, NULL, 0, names, 1), 0);
    assert_int_equal(fx->removed_ids[0], first);
    fixture_close(fx);
    fixture_open(fx);
    assert_int_equal(apply(fx, names, ports, 1, NULL, 0), 0);
    assert_true(fx->ids[0] > first);
    assert_int_equal(fx->generation, 3);
}

static void an_application_with_one_bad_part__changes_nothing(void **state)
{
    struct store_fixture *fx = *state;
    const char *names[] = {"a", "b"};
    const char *absent[] = {"c"};
    uint16_t ports[] = {1, 2};
    assert_int_equal(apply(fx, names, ports, 1, NULL, 0), 0);
    assert_int_equal(apply(fx, names, ports, 2, absent, 1), PLX_ENOTFOUND);
    assert_string_equal(fx->why, "there is no monitor named 'c'");
    const char *twice[] = {"a", "a"};
    assert_int_equal(apply(fx, twice, ports, 2, NULL, 0), PLX_EINVAL);
    assert_int_equal(apply(fx, names, ports, 2, names, 1), PLX_EINVAL);
    struct plx_store_config c = load(fx);
    assert_int_equal(c.generation, 1);
    assert_int_equal(c.n_monitors, 1);
    plx_store_config_fini(&c);
}

static void an_application_to_another_generation__is_refused(void **state)
{
    struct store_fixture *fx = *state;
    const char *names[] = {"a"};
    uint16_t ports[] = {1};
    assert_int_equal(apply(fx, names, ports, 1, NULL, 0), 0);
    struct plx_monitor m = monitor("z", 9);
    struct plx_store_apply a = {
        .upserts = &m, .n_upserts = 1, .expect_generation = 7, .who = "ann", .now = NOW};
    assert_int_equal(plx_store_apply(fx->store, &a, fixture_on_apply, fx), 0);
    fixture_await(fx, 2);
    assert_int_equal(fx->err, PLX_ECONFLICT);
    a.expect_generation = 1;
    assert_int_equal(plx_store_apply(fx->store, &a, fixture_on_apply, fx), 0);
    fixture_await(fx, 3);
    assert_int_equal(fx->err, 0);
    assert_int_equal(fx->generation, 2);
    plx_monitor_fini(&m);
}

/* Jobs of one group: the failing one in the middle is undone alone. */
static void a_failing_job__leaves_its_neighbours_alone(void **state)
{
    struct store_fixture *fx = *state;
    fixture_close(fx);
    fx->options.group_ns = 200 * PLX_MS_NS;
    fixture_open(fx);
    struct plx_monitor m = monitor("a", 1);
    const char *absent[] = {"c"};
    struct plx_store_apply good = {
        .upserts = &m, .n_upserts = 1, .who = "ann", .now = NOW};
    struct plx_store_apply bad = {.removals = absent, .n_removals = 1, .who = "ann"};
    struct plx_store_health before, after;
    plx_store_health(fx->store, &before);
    assert_int_equal(fixture_submit(fx, 7, 1, 1, 10, NOW), 0);
    assert_int_equal(plx_store_apply(fx->store, &bad, fixture_on_apply, fx), 0);
    assert_int_equal(fixture_submit(fx, 7, 1, 11, 10, NOW), 0);
    assert_int_equal(plx_store_apply(fx->store, &good, fixture_on_apply, fx), 0);
    fixture_await(fx, 4);
    assert_int_equal(fx->err, 0);
    assert_int_equal(fx->generation, 1);
    plx_store_health(fx->store, &after);
    assert_int_equal(after.n_commits - before.n_commits, 1);
    assert_int_equal(fixture_count_rows(fx), 20);
    plx_monitor_fini(&m);
}

/* ---- agents ---- */

static int add_agent(struct store_fixture *fx, const char *name, unsigned key)
{
    char text[PLX_KEY_TEXT_MAX];
    struct plx_label labels[] = {{(char *)"provider", (char *)"aws"}};
    struct plx_store_agent_add add = {.name = name,
                                      .region = "us-east",
                                      .public_key = fixture_key(key, text),
                                      .labels = labels,
                                      .n_labels = 1,
                                      .who = "ann",
                                      .now = NOW};
    unsigned want = fx->n_done + 1;
    int err = plx_store_add_agent(fx->store, &add, fixture_on_agent, fx);
    if (err)
        return err;
    fixture_await(fx, want);
    return fx->err;
}

static int set_state(struct store_fixture *fx, uint64_t id,
                     enum plx_agent_state agent_state)
{
    unsigned want = fx->n_done + 1;
    assert_int_equal(plx_store_set_agent_state(fx->store, id, agent_state, "ann", NOW,
                                               fixture_on_done, fx),
                     0);
    fixture_await(fx, want);
    return fx->err;
}

static void an_agents_name_and_key__are_unique(void **state)
{
    struct store_fixture *fx = *state;
    assert_int_equal(add_agent(fx, "fra-1", 1), 0);
    uint64_t id = fx->agent_id;
    assert_string_equal(fx->agent_name, "fra-1");
    assert_int_equal(add_agent(fx, "fra-1", 2), PLX_EEXISTS);
    assert_int_equal(add_agent(fx, "fra-2", 1), PLX_EEXISTS);
    assert_int_equal(add_agent(fx, " fra", 3), PLX_EINVAL);
    assert_int_equal(set_state(fx, id, PLX_AGENT_REVOKED), 0);
    assert_int_equal(add_agent(fx, "fra-1", 1), PLX_EEXISTS);
    assert_int_equal(add_agent(fx, "fra-1", 2), 0);
    assert_true(fx->agent_id != id);
}

static int set_key(struct store_fixture *fx, uint64_t id, unsigned key)
{
    char text[PLX_KEY_TEXT_MAX];
    unsigned want = fx->n_done + 1;
    assert_int_equal(plx_store_set_agent_key(fx->store, id, fixture_key(key, text), NOW,
                                             fixture_on_done, fx),
                     0);
    fixture_await(fx, want);
    return fx->err;
}

/* Whoever has the old one, a thief or a backup, gets in with it no more: neither as the
 * agent nor as another one, whatever token it holds. */
static void a_key_that_was_rotated_away__is_nobodys_any_more(void **state)
{
    struct store_fixture *fx = *state;
    assert_int_equal(add_agent(fx, "fra-1", 1), 0);
    uint64_t first = fx->agent_id;
    assert_int_equal(add_agent(fx, "fra-2", 2), 0);
    uint64_t second = fx->agent_id;
    assert_int_equal(set_key(fx, first, 3), 0);
    assert_int_equal(set_key(fx, first, 3), 0); /* it did not hear the answer */
    assert_int_equal(set_key(fx, first, 1), PLX_EEXISTS);
    assert_int_equal(set_key(fx, second, 1), PLX_EEXISTS);
    assert_int_equal(add_agent(fx, "fra-3", 1), PLX_EEXISTS);
    fixture_close(fx);
    fixture_open(fx);
    assert_int_equal(add_agent(fx, "fra-3", 1), PLX_EEXISTS);
    assert_int_equal(set_key(fx, second, 4), 0);
    assert_int_equal(set_key(fx, first, 2), PLX_EEXISTS);
}

static void a_revoked_agent__stays_revoked(void **state)
{
    struct store_fixture *fx = *state;
    assert_int_equal(add_agent(fx, "fra-1", 1), 0);
    uint64_t id = fx->agent_id;
    assert_int_equal(set_state(fx, id, PLX_AGENT_DRAINING), 0);
    assert_int_equal(set_state(fx, id, PLX_AGENT_ACTIVE), 0);
    assert_int_equal(set_state(fx, id, PLX_AGENT_REVOKED), 0);
    assert_int_equal(set_state(fx, id, PLX_AGENT_ACTIVE), PLX_ECONFLICT);
    assert_int_equal(set_state(fx, id + 1, PLX_AGENT_ACTIVE), PLX_ENOTFOUND);
    struct plx_store_config c = load(fx);
    assert_int_equal(c.n_agents, 1);
    assert_int_equal(c.agents[0].state, PLX_AGENT_REVOKED);
    plx_store_config_fini(&c);
}

static void a_touched_agent__keeps_what_it_said_under_what_we_said(void **state)
{
    struct store_fixture *fx = *state;
    assert_int_equal(add_agent(fx, "fra-1", 1), 0);
    struct plx_label said[] = {{(char *)"provider", (char *)"home"},
                               {(char *)"asn", (char *)"64500"}};
    struct plx_wall later = plx_wall_add(NOW, PLX_SEC_NS);
    assert_int_equal(plx_store_touch_agent(fx->store, fx->agent_id, later, "0.1.0", said,
                                           2, fixture_on_done, fx),
                     0);
    assert_int_equal(
        plx_store_touch_agent(fx->store, fx->agent_id, NOW, NULL, NULL, 0, NULL, NULL),
        0);
    assert_int_equal(set_state(fx, fx->agent_id, PLX_AGENT_ACTIVE), 0);
    struct plx_store_config c = load(fx);
    const struct plx_store_agent *a = &c.agents[0];
    assert_int_equal(a->last_seen.ns, later.ns);
    assert_string_equal(a->software, "0.1.0");
    assert_int_equal(a->n_labels, 1);
    assert_string_equal(a->labels[0].value, "aws");
    assert_int_equal(a->n_own_labels, 2); /* kept apart: they select nothing */
    assert_string_equal(a->own_labels[0].key, "asn");
    plx_store_config_fini(&c);
}

/* ---- tokens ---- */

#define SECRET "0123456789abcdefghij"

static void add_token(struct store_fixture *fx, uint32_t uses)
{
    struct plx_label labels[] = {{(char *)"provider", (char *)"aws"}};
    struct plx_store_token_add add = {.secret = SECRET,
                                      .region = "eu-west",
                                      .labels = labels,
                                      .n_labels = 1,
                                      .uses = uses,
                                      .expires = plx_wall_add(NOW, PLX_HOUR_NS),
                                      .who = "ann",
                                      .now = NOW};
    unsigned want = fx->n_done + 1;
    assert_int_equal(plx_store_add_token(fx->store, &add, fixture_on_token, fx), 0);
    fixture_await(fx, want);
    assert_int_equal(fx->err, 0);
}

static int enrol_at(struct store_fixture *fx, const char *secret, const char *name,
                    unsigned key, struct plx_wall now)
{
    char text[PLX_KEY_TEXT_MAX];
    struct plx_store_enrol enrol = {.secret = secret,
                                    .public_key = fixture_key(key, text),
                                    .name = name,
                                    .software = "0.1.0",
                                    .now = now};
    unsigned want = fx->n_done + 1;
    int err = plx_store_enrol(fx->store, &enrol, fixture_on_agent, fx);
    if (err)
        return err;
    fixture_await(fx, want);
    return fx->err;
}

static int enrol(struct store_fixture *fx, const char *name, unsigned key)
{
    return enrol_at(fx, SECRET, name, key, NOW);
}

static void a_token__makes_as_many_agents_as_it_has_uses(void **state)
{
    struct store_fixture *fx = *state;
    add_token(fx, 2);
    assert_int_equal(enrol(fx, "", 1), 0);
    assert_string_equal(fx->agent_name, "eu-west-1");
    assert_string_equal(fx->region, "eu-west");
    assert_int_equal(fx->n_labels, 1);
    uint64_t first = fx->agent_id;
    /* The answer got lost: the same agent asks again and spends nothing. */
    assert_int_equal(enrol(fx, "", 1), 0);
    assert_int_equal(fx->agent_id, first);
    assert_int_equal(enrol(fx, "", 2), 0);
    assert_string_equal(fx->agent_name, "eu-west-2");
    assert_int_equal(enrol(fx, "", 3), PLX_ECONFLICT);
    assert_int_equal(enrol(fx, "", 1), 0);
    assert_int_equal(set_state(fx, first, PLX_AGENT_REVOKED), 0);
    assert_int_equal(enrol(fx, "", 1), PLX_EEXISTS);
}

static void a_bad_token__is_refused_with_its_reason(void **state)
{
    struct store_fixture *fx = *state;
    add_token(fx, 5);
    uint64_t token = fx->token_id;
    assert_int_equal(enrol_at(fx, "some other secret text", "", 1, NOW), PLX_EDENIED);
    assert_int_equal(enrol_at(fx, "", "", 1, NOW), PLX_EDENIED);
    struct plx_wall expiry = plx_wall_add(NOW, PLX_HOUR_NS);
    assert_int_equal(enrol_at(fx, SECRET, "", 1, expiry), PLX_ETIMEOUT);
    assert_non_null(strstr(fx->why, "2026-11-23T"));
    assert_int_equal(enrol(fx, "x", 1), 0);
    assert_int_equal(enrol(fx, "x", 2), PLX_EEXISTS);
    assert_int_equal(enrol(fx, "x\n", 2), PLX_EINVAL);
    assert_int_equal(
        plx_store_revoke_token(fx->store, token, "ann", NOW, fixture_on_done, fx), 0);
    fixture_await(fx, fx->n_done + 1);
    assert_int_equal(fx->err, 0);
    assert_int_equal(enrol(fx, "y", 2), PLX_EGONE);
    struct plx_store_config c = load(fx);
    assert_int_equal(c.n_agents, 1);
    assert_int_equal(c.n_tokens, 1);
    assert_int_equal(c.tokens[0].uses_left, 4);
    assert_true(c.tokens[0].revoked);
    plx_store_config_fini(&c);
}

static void a_secret__is_nowhere_in_the_files(void **state)
{
    struct store_fixture *fx = *state;
    add_token(fx, 1);
    assert_int_equal(enrol(fx, "", 1), 0);
    const char *files[] = {"parallax.db", "parallax.db-wal"};
    for (size_t i = 0; i < 2; i++) {
        FILE *f = fopen(fixture_path(fx, files[i]), "rb");
        assert_non_null(f);
        static char bytes[4 << 20];
        size_t len = fread(bytes, 1, sizeof bytes, f);
        fclose(f);
        assert_true(len > 0 && len < sizeof bytes);
        assert_null(memmem(bytes, len, SECRET, strlen(SECRET)));
    }
}

/* ---- access ---- */

static void access__is_kept_by_kind_and_name(void **state)
{
    struct store_fixture *fx = *state;
    struct plx_store_access a = {.kind = PLX_ACCESS_TOKEN,
                                 .name = (char *)"a",
                                 .role = (char *)"viewer",
                                 .secret = (char *)"1"};
    plx_store_put_access(fx->store, &a, "root", NOW, fixture_on_done, fx);
    a.kind = PLX_ACCESS_USER;
    a.secret = (char *)"2";
    plx_store_put_access(fx->store, &a, "root", NOW, fixture_on_done, fx);
    plx_store_remove_access(fx->store, PLX_ACCESS_TOKEN, "a", "root", NOW,
                            fixture_on_done, fx);
    fixture_await(fx, 3);
    assert_int_equal(fx->err, 0);
    struct plx_store_config c = load(fx);
    assert_int_equal(c.n_access, 1);
    assert_int_equal(c.access[0].kind, PLX_ACCESS_USER);
    assert_string_equal(c.access[0].secret, "2");
    plx_store_config_fini(&c);
}

/* ---- verdicts ---- */

struct seen {
    size_t n;
    uint64_t ids[8];
    char now[8][32];
};

static bool see_verdict(void *arg, const struct plx_store_verdict *v)
{
    struct seen *seen = arg;
    seen->ids[seen->n] = v->id;
    snprintf(seen->now[seen->n++], 32, "%s", v->now);
    return seen->n < 8;
}

static void add_verdict(struct store_fixture *fx, uint64_t monitor_id, const char *was,
                        const char *now)
{
    struct plx_store_verdict v = {.monitor_id = monitor_id,
                                  .at = NOW,
                                  .was = was,
                                  .now = now,
                                  .confidence = 0.75,
                                  .fresh = 2,
                                  .assigned = 3,
                                  .sentence = "refused from everywhere",
                                  .faults = "[]"};
    unsigned want = fx->n_done + 1;
    assert_int_equal(plx_store_add_verdicts(fx->store, &v, 1, fixture_on_done, fx), 0);
    fixture_await(fx, want);
    assert_int_equal(fx->err, 0);
}

static void verdicts__are_read_newest_first(void **state)
{
    struct store_fixture *fx = *state;
    add_verdict(fx, 1, "", "up");
    add_verdict(fx, 2, "", "up");
    add_verdict(fx, 1, "up", "service_down");
    struct seen seen = {0};
    assert_int_equal(plx_store_read_verdicts(fx->store, 1, 0, 10, see_verdict, &seen), 0);
    assert_int_equal(seen.n, 2);
    assert_string_equal(seen.now[0], "service_down");
    struct seen older = {0};
    assert_int_equal(
        plx_store_read_verdicts(fx->store, 0, seen.ids[0], 1, see_verdict, &older), 0);
    assert_int_equal(older.n, 1);
    assert_int_equal(older.ids[0], 2);
    struct seen last = {0};
    assert_int_equal(plx_store_read_last_verdicts(fx->store, see_verdict, &last), 0);
    assert_int_equal(last.n, 2);
    assert_string_equal(last.now[1], "service_down");
    /* Retention leaves the verdicts that still hold. */
    struct plx_wall far = plx_wall_add(NOW, 9 * PLX_DAY_NS);
    plx_store_drop_before(fx->store, far, fixture_on_done, fx);
    fixture_await(fx, 4);
    seen = (struct seen){0};
    assert_int_equal(plx_store_read_verdicts(fx->store, 0, 0, 10, see_verdict, &seen), 0);
    assert_int_equal(seen.n, 2);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(monitors__are_applied_under_a_new_generation),
        TEST(a_removed_monitors_id__is_never_used_again),
        TEST(an_application_with_one_bad_part__changes_nothing),
        TEST(an_application_to_another_generation__is_refused),
        TEST(a_failing_job__leaves_its_neighbours_alone),
        TEST(an_agents_name_and_key__are_unique),
        TEST(a_key_that_was_rotated_away__is_nobodys_any_more),
        TEST(a_revoked_agent__stays_revoked),
        TEST(a_touched_agent__keeps_what_it_said_under_what_we_said),
        TEST(a_token__makes_as_many_agents_as_it_has_uses),
        TEST(a_bad_token__is_refused_with_its_reason),
        TEST(a_secret__is_nowhere_in_the_files),
        TEST(access__is_kept_by_kind_and_name),
        TEST(verdicts__are_read_newest_first),
    };
    return PLX_RUN(tests);
}
