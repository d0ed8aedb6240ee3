/* The log of changes: who changed what, from what to what, and no secret. */
#include "test.h"

#include "store_fixture.h"

#include "base/alerting.h"
#include "coordinator/io/alerting_fields.h"
#include "coordinator/io/store_rollups.h"

#include <sqlite3.h>

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

struct log_lines {
    size_t n, max;
    uint64_t last;
    char lines[8][512];
};

static bool see_line(void *arg, const struct plx_store_log_entry *e)
{
    struct log_lines *log = arg;
    snprintf(log->lines[log->n++], sizeof log->lines[0], "%s %s %s: %s %s", e->who,
             e->what, e->subject, e->detail, e->fields);
    log->last = e->id;
    return log->n < log->max;
}

static struct log_lines read_log(struct store_fixture *fx,
                                 const struct plx_store_log_range *range)
{
    struct log_lines log = {.max = 8};
    struct plx_store_reader *reader = NULL;
    struct plx_why why = {""};
    if (plx_store_reader_new(fx->store, &reader, &why))
        fail_msg("%s", why.text);
    assert_int_equal(plx_store_read_log(reader, range, see_line, &log), 0);
    plx_store_reader_destroy(&reader);
    return log;
}

static void every_change__is_in_the_log(void **state)
{
    struct store_fixture *fx = *state;
    const char *names[] = {"a"};
    uint16_t ports[] = {1};
    assert_int_equal(apply(fx, names, ports, 1, NULL, 0), 0);
    assert_int_equal(add_agent(fx, "fra-1", 1), 0);
    struct log_lines log = read_log(fx, &(struct plx_store_log_range){.limit = 8});
    assert_int_equal(log.n, 3);
    assert_string_equal(log.lines[0], "ann agent_added fra-1: us-east []");
    assert_string_equal(log.lines[1],
                        "ann monitors_applied 1: 1 created, 0 updated, 0 removed []");
    assert_string_equal(log.lines[2],
                        "ann monitor_added a:  "
                        "[{\"key\":\"host\",\"was\":null,\"now\":\"db.example.net\"},"
                        "{\"key\":\"port\",\"was\":null,\"now\":\"1\"}]");
}

static void a_changed_monitor__says_what_was_and_what_is(void **state)
{
    struct store_fixture *fx = *state;
    const char *names[] = {"a"};
    const struct plx_store_log_range of_a = {
        .what = "monitor_*", .subject = "a", .limit = 8};
    uint16_t ports[] = {1};
    assert_int_equal(apply(fx, names, ports, 1, NULL, 0), 0);
    assert_int_equal(apply(fx, names, ports, 1, NULL, 0), 0);
    ports[0] = 2;
    assert_int_equal(apply(fx, names, ports, 1, NULL, 0), 0);
    assert_int_equal(apply(fx, NULL, NULL, 0, names, 1), 0);
    struct log_lines log = read_log(fx, &of_a);
    assert_int_equal(log.n, 3);
    assert_string_equal(log.lines[0],
                        "ann monitor_removed a:  "
                        "[{\"key\":\"host\",\"was\":\"db.example.net\",\"now\":null},"
                        "{\"key\":\"port\",\"was\":\"2\",\"now\":null}]");
    assert_string_equal(log.lines[1], "ann monitor_changed a:  "
                                      "[{\"key\":\"port\",\"was\":\"1\",\"now\":\"2\"}]");
}

static void a_greeting__is_said_to_have_changed_and_not_shown(void **state)
{
    struct store_fixture *fx = *state;
    struct plx_monitor m = monitor("a", 1);
    struct plx_store_apply a = {.upserts = &m, .n_upserts = 1, .who = "ann", .now = NOW};
    assert_int_equal(plx_store_apply(fx->store, &a, fixture_on_apply, fx), 0);
    m.handshake = PLX_HANDSHAKE_FULL;
    plx_greeting_add(&m.greeting, PLX_GREETING_SEND, "AUTH hunter2\r\n", 14, 0, 0);
    plx_greeting_add(&m.greeting, PLX_GREETING_PREFIX, "+OK", 3, 0, 0);
    assert_int_equal(plx_store_apply(fx->store, &a, fixture_on_apply, fx), 0);
    fixture_await(fx, 2);
    assert_int_equal(fx->err, 0);
    plx_monitor_fini(&m);
    struct log_lines log = read_log(
        fx, &(struct plx_store_log_range){.what = "monitor_changed", .limit = 8});
    assert_int_equal(log.n, 1);
    assert_non_null(
        strstr(log.lines[0], "{\"key\":\"greeting\",\"was\":null,\"now\":null}"));
    assert_null(strstr(log.lines[0], "hunter2"));
}

static void put_user(struct store_fixture *fx, const char *role, const char *secret)
{
    const struct plx_store_access user = {.kind = PLX_ACCESS_USER,
                                          .name = (char *)"eve",
                                          .role = (char *)role,
                                          .secret = (char *)secret};
    unsigned want = fx->n_done + 1;
    plx_store_put_access(fx->store, &user, "ann", NOW, fixture_on_done, fx);
    fixture_await(fx, want);
    assert_int_equal(fx->err, 0);
}

static void a_users_role__is_told_and_the_password_is_not(void **state)
{
    struct store_fixture *fx = *state;
    put_user(fx, "viewer", "hash-one");
    put_user(fx, "admin", "hash-two");
    struct log_lines log = read_log(fx, &(struct plx_store_log_range){.limit = 8});
    assert_int_equal(log.n, 2);
    assert_string_equal(log.lines[0],
                        "ann user_put eve: admin "
                        "[{\"key\":\"role\",\"was\":\"viewer\",\"now\":\"admin\"},"
                        "{\"key\":\"secret\",\"was\":null,\"now\":null}]");
    assert_string_equal(log.lines[1],
                        "ann user_put eve: viewer "
                        "[{\"key\":\"role\",\"was\":null,\"now\":\"viewer\"}]");
}

static void an_agents_labels_and_state__say_what_they_were(void **state)
{
    struct store_fixture *fx = *state;
    const struct plx_label labels[] = {{(char *)"asn", (char *)"1"}};
    const struct plx_store_log_range range = {.what = "agent_[ls]*", .limit = 8};
    assert_int_equal(add_agent(fx, "fra-1", 1), 0);
    uint64_t id = fx->agent_id;
    unsigned want = fx->n_done + 3;
    plx_store_set_agent_labels(fx->store, id, labels, 1, "ann", NOW, fixture_on_done, fx);
    plx_store_set_agent_labels(fx->store, id, NULL, 0, "ann", NOW, fixture_on_done, fx);
    plx_store_set_agent_state(fx->store, id, PLX_AGENT_DRAINING, "ann", NOW,
                              fixture_on_done, fx);
    fixture_await(fx, want);
    assert_int_equal(fx->err, 0);
    struct log_lines log = read_log(fx, &range);
    assert_int_equal(log.n, 3);
    assert_non_null(strstr(
        log.lines[0], "{\"key\":\"state\",\"was\":\"active\",\"now\":\"draining\"}"));
    assert_non_null(strstr(log.lines[1], "{\"key\":\"asn\",\"was\":\"1\",\"now\":null}"));
    assert_non_null(strstr(log.lines[2], "{\"key\":\"asn\",\"was\":null,\"now\":\"1\"}"));
}

static int count_fields(struct store_fixture *fx)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    const char *sql = "SELECT count(*) FROM change_fields";
    assert_int_equal(sqlite3_open(fixture_path(fx, "parallax.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int n = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return n;
}

/* As many as there may be. */
static void put_receivers(struct store_fixture *fx, const char *text, struct plx_wall now)
{
    static char names[PLX_RECEIVERS_MAX][8];
    struct plx_store_field fields[PLX_RECEIVERS_MAX];
    for (unsigned i = 0; i < PLX_RECEIVERS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "r%03u", i);
        fields[i] = (struct plx_store_field){names[i], NULL, "slack"};
    }
    const struct plx_store_section section = {"receivers", text, fields,
                                              PLX_RECEIVERS_MAX};
    const struct plx_store_apply a = {
        .sections = &section, .n_sections = 1, .who = "ann", .now = now};
    unsigned want = fx->n_done + 1;
    plx_store_apply(fx->store, &a, fixture_on_apply, fx);
    fixture_await(fx, want);
    assert_int_equal(fx->err, 0);
}

static void the_same_section_once_more__is_no_change(void **state)
{
    struct store_fixture *fx = *state;
    put_receivers(fx, "one", NOW);
    put_receivers(fx, "one", NOW);
    struct log_lines log = read_log(fx, &(struct plx_store_log_range){.limit = 8});
    assert_int_equal(log.n, 1);
    assert_non_null(strstr(log.lines[0],
                           "ann alerting_applied receivers:  "
                           "[{\"key\":\"r000\",\"was\":null,\"now\":\"slack\"},"));
    assert_int_equal(count_fields(fx), PLX_RECEIVERS_MAX);
}

static void the_log__is_read_by_pages_and_forgets_with_its_fields(void **state)
{
    struct store_fixture *fx = *state;
    struct plx_wall later = plx_wall_add(NOW, 3 * PLX_DAY_NS);
    put_receivers(fx, "one", NOW);
    put_receivers(fx, "two", NOW);
    put_receivers(fx, "three", later);
    struct plx_store_log_range range = {.limit = 2};
    struct log_lines log = read_log(fx, &range);
    assert_int_equal(log.n, 2);
    range.before_id = log.last;
    assert_int_equal(read_log(fx, &range).n, 1);
    range = (struct plx_store_log_range){.since = later, .limit = 8};
    assert_int_equal(read_log(fx, &range).n, 1);

    unsigned want = fx->n_done + 1;
    plx_store_drop_before(fx->store, later, fixture_on_done, fx);
    fixture_await(fx, want);
    assert_int_equal(fx->err, 0);
    assert_int_equal(read_log(fx, &(struct plx_store_log_range){.limit = 8}).n, 1);
    assert_int_equal(count_fields(fx), PLX_RECEIVERS_MAX);
}

static void parse(const char *text, struct plx_alerting_file *ret)
{
    struct plx_why why = {""};
    if (plx_alerting_parse("test", text, strlen(text), NULL, NULL, ret, &why) < 0)
        fail_msg("%s", why.text);
}

static void expect_field(const struct plx_store_field *f, const char *key,
                         const char *was, const char *now)
{
    assert_string_equal(f->key, key);
    assert_string_equal(f->was ? f->was : "null", was);
    assert_string_equal(f->now ? f->now : "null", now);
}

static void entries_of_the_alerting__are_told_by_name_and_sort(void **state)
{
    (void)state;
    struct plx_alerting_file was, now;
    size_t n;
    parse("receivers:\n"
          "- {name: a, kind: slack, url: 'https://h.example/SECRET-1'}\n"
          "- {name: b, kind: webhook, url: 'https://h.example/b'}\n"
          "- {name: c, kind: webhook, url: 'https://h.example/c'}\n"
          "routes: [{name: r, receivers: [a]}, {receivers: [b]}]\n"
          "maintenance: []\n",
          &was);
    parse("receivers:\n"
          "- {name: a, kind: slack, url: 'https://h.example/SECRET-2'}\n"
          "- {name: b, kind: webhook, url: 'https://h.example/b'}\n"
          "- {name: d, kind: webhook, url: 'https://h.example/c'}\n"
          "routes: [{name: r, receivers: [b]}, {receivers: [a]}]\n"
          "maintenance: [{name: m, match: {team: db}, days: [sun], from: '02:00', "
          "until: '04:00'}]\n",
          &now);
    struct plx_store_field *f =
        plx_alerting_fields(PLX_SECTION_RECEIVERS, &was.alerting, &now.alerting, &n);
    assert_int_equal(n, 3);
    expect_field(&f[0], "a", "null", "null");
    expect_field(&f[1], "d", "null", "webhook");
    expect_field(&f[2], "c", "webhook", "null");
    free(f);
    f = plx_alerting_fields(PLX_SECTION_ROUTES, &was.alerting, &now.alerting, &n);
    assert_int_equal(n, 1);
    expect_field(&f[0], "r", "null", "null");
    free(f);
    f = plx_alerting_fields(PLX_SECTION_MAINTENANCE, &was.alerting, &now.alerting, &n);
    assert_int_equal(n, 1);
    expect_field(&f[0], "m", "null", "weekly");
    free(f);
    plx_alerting_file_fini(&was);
    plx_alerting_file_fini(&now);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_change__is_in_the_log),
        TEST(a_changed_monitor__says_what_was_and_what_is),
        TEST(a_greeting__is_said_to_have_changed_and_not_shown),
        TEST(a_users_role__is_told_and_the_password_is_not),
        TEST(an_agents_labels_and_state__say_what_they_were),
        TEST(the_same_section_once_more__is_no_change),
        TEST(the_log__is_read_by_pages_and_forgets_with_its_fields),
        TEST(entries_of_the_alerting__are_told_by_name_and_sort),
    };
    return PLX_RUN(tests);
}
