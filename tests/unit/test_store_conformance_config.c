/* Whatever keeps the coordinator's configuration behaves like this model in memory:
 * monitors, agents, tokens and enrolment, by random operations from a seed, with restarts
 * and backups in between, and all that is loaded compared.
 *
 *   test_store_conformance_config [SEEDS [FIRST_SEED]]      default 6, from 1 */
#include "store_engine.h"
#include "test.h"

#include "base/err.h"
#include "base/rng.h"
#include "sys/log.h"

#define STEPS      250
#define NAMES      8  /* that monitors and agents are drawn from: they shall meet */
#define KEYS       80 /* likewise */
#define AGENTS_MAX 300
#define TOKENS_MAX 100

static unsigned n_seeds = 6;
static uint64_t first_seed = 1;

/* ---- the model ---- */

struct monitor {
    uint64_t id; /* 0: there is none of this name */
    uint16_t port;
};

struct agent {
    uint64_t id, token_id;
    char name[32], region[8];
    unsigned key;
    enum plx_agent_state state;
    char software[8];
    struct plx_wall created, last_seen;
};

struct token {
    uint64_t id;
    uint32_t uses_left;
    bool revoked;
    struct plx_wall expires;
};

static struct {
    uint64_t generation, last_monitor;
    struct monitor monitors[NAMES];
    struct agent agents[AGENTS_MAX];
    size_t n_agents;
    bool former[KEYS]; /* keys that an agent had before the one it has */
    struct token tokens[TOKENS_MAX];
    size_t n_tokens;
    struct plx_wall now;
} model;
static const struct store_engine *engine;
static struct store_fixture fx;
static struct plx_rng rng;

static const char *name_of(uint64_t no, char buf[32])
{
    snprintf(buf, 32, "name-%llu", (unsigned long long)no);
    return buf;
}

static const char *secret_of(size_t no, char buf[32])
{
    snprintf(buf, 32, "the secret of token %zu", no);
    return buf;
}

static struct agent *by_name(const char *name)
{
    for (size_t i = 0; i < model.n_agents; i++)
        if (model.agents[i].state != PLX_AGENT_REVOKED &&
            strcmp(model.agents[i].name, name) == 0)
            return &model.agents[i];
    return NULL;
}

static struct agent *by_key(unsigned key)
{
    for (size_t i = 0; i < model.n_agents; i++)
        if (model.agents[i].key == key)
            return &model.agents[i];
    return NULL;
}

static bool is_taken(unsigned key)
{
    return by_key(key) || model.former[key];
}

/* Any of those there were, now and then one there never was. */
static struct agent *any_agent(uint64_t *ret_id)
{
    size_t i = (size_t)plx_rng_below(&rng, model.n_agents + 1);
    *ret_id = i < model.n_agents ? model.agents[i].id : 1000000;
    return i < model.n_agents ? &model.agents[i] : NULL;
}

/* The completion that has to come now. */
static void must_end(unsigned n_before, int submitted, int err)
{
    assert_int_equal(submitted, 0);
    fixture_await(&fx, n_before + 1);
    if (fx.err != err)
        fail_msg("%s, and not %s: %s", plx_err_text(fx.err), plx_err_text(err), fx.why);
}

/* ---- monitors ---- */

static void make_monitor(struct plx_monitor *m, size_t no)
{
    char name[32];
    plx_monitor_init(m);
    plx_monitor_set_text(&m->name, name_of(no, name));
    plx_monitor_set_text(&m->host, "192.0.2.1");
    plx_monitor_add_location(m, "all");
    m->port = (uint16_t)(80 + plx_rng_below(&rng, 2));
}

/* By the names from `first` on that are put; the model's own are changed when all is
 * known to be good. */
static void expect_put(const struct plx_monitor *m, size_t no, size_t i, bool *changed)
{
    struct monitor *mine = &model.monitors[no];
    enum plx_store_change want = PLX_STORE_UNCHANGED;
    if (mine->id == 0)
        want = PLX_STORE_CREATED;
    else if (mine->port != m->port)
        want = PLX_STORE_UPDATED;
    assert_int_equal(fx.changes[i], want);
    if (want == PLX_STORE_CREATED) {
        assert_true(fx.ids[i] > model.last_monitor); /* never used before */
        model.last_monitor = mine->id = fx.ids[i];
    }
    assert_int_equal(fx.ids[i], mine->id);
    mine->port = m->port;
    *changed |= want != PLX_STORE_UNCHANGED;
}

static void do_apply(void)
{
    struct plx_monitor put[3];
    char gone[32];
    const char *removals[] = {gone};
    size_t first = (size_t)plx_rng_below(&rng, NAMES - 3);
    size_t n = (size_t)plx_rng_below(&rng, 4), removed = first + 3;
    bool stale = plx_rng_below(&rng, 8) == 0, changed = false;
    struct plx_store_apply apply = {.upserts = put,
                                    .n_upserts = n,
                                    .removals = removals,
                                    .n_removals = (size_t)plx_rng_below(&rng, 2),
                                    .who = "test",
                                    .now = model.now};
    name_of(removed, gone);
    apply.expect_generation = stale ? model.generation + 7 : model.generation;
    for (size_t i = 0; i < n; i++)
        make_monitor(&put[i], first + i);
    bool missing = apply.n_removals && model.monitors[removed].id == 0;
    int err = stale ? PLX_ECONFLICT : missing ? PLX_ENOTFOUND : 0;
    unsigned before = fx.n_done;
    must_end(before, engine->apply(fx.store, &apply, fixture_on_apply, &fx), err);
    for (size_t i = 0; !err && i < n; i++)
        expect_put(&put[i], first + i, i, &changed);
    if (!err && apply.n_removals) {
        assert_int_equal(fx.removed_ids[0], model.monitors[removed].id);
        model.monitors[removed] = (struct monitor){0};
        changed = true;
    }
    if (!err) {
        model.generation += changed;
        assert_int_equal(fx.generation, model.generation);
    }
    for (size_t i = 0; i < n; i++)
        plx_monitor_fini(&put[i]);
}

/* ---- agents ---- */

static void model_add(const char *name, unsigned key, uint64_t token_id)
{
    assert_true(model.n_agents < AGENTS_MAX);
    struct agent *a = &model.agents[model.n_agents];
    assert_true(model.n_agents == 0 || fx.agent_id > a[-1].id);
    *a = (struct agent){
        .id = fx.agent_id, .token_id = token_id, .key = key, .created = model.now};
    snprintf(a->name, sizeof a->name, "%s", name);
    snprintf(a->region, sizeof a->region, "%s", token_id ? "fra" : "nyc");
    snprintf(a->software, sizeof a->software, "%s", token_id ? "x" : "");
    model.n_agents++;
    assert_string_equal(fx.agent_name, a->name);
    assert_string_equal(fx.region, a->region);
}

static void do_add_agent(void)
{
    char name[32], key_text[PLX_KEY_TEXT_MAX];
    unsigned key = (unsigned)plx_rng_below(&rng, KEYS), before = fx.n_done;
    const struct plx_store_agent_add add = {
        .name = name_of(plx_rng_below(&rng, NAMES), name),
        .region = "nyc",
        .public_key = fixture_key(key, key_text),
        .who = "test",
        .now = model.now,
    };
    int err = by_name(name) || is_taken(key) ? PLX_EEXISTS : 0;
    must_end(before, engine->add_agent(fx.store, &add, fixture_on_agent, &fx), err);
    if (!err)
        model_add(name, key, 0);
}

static void do_state(void)
{
    uint64_t id;
    struct agent *a = any_agent(&id);
    unsigned before = fx.n_done;
    enum plx_agent_state state = (enum plx_agent_state)plx_rng_below(&rng, 3);
    bool revoked = a && a->state == PLX_AGENT_REVOKED;
    int err = !a                                      ? PLX_ENOTFOUND
              : revoked && state != PLX_AGENT_REVOKED ? PLX_ECONFLICT
                                                      : 0;
    must_end(before,
             engine->set_agent_state(fx.store, id, state, "test", model.now,
                                     fixture_on_done, &fx),
             err);
    if (!err)
        a->state = state;
}

static void do_key(void)
{
    uint64_t id;
    char text[PLX_KEY_TEXT_MAX];
    struct agent *a = any_agent(&id);
    unsigned key = (unsigned)plx_rng_below(&rng, KEYS), before = fx.n_done;
    int err = !a                               ? PLX_ENOTFOUND
              : a->state == PLX_AGENT_REVOKED  ? PLX_ECONFLICT
              : a->key != key && is_taken(key) ? PLX_EEXISTS
                                               : 0;
    must_end(before,
             engine->set_agent_key(fx.store, id, fixture_key(key, text), model.now,
                                   fixture_on_done, &fx),
             err);
    if (err || a->key == key)
        return;
    model.former[a->key] = true;
    a->key = key;
}

static void do_touch(void)
{
    uint64_t id;
    struct agent *a = any_agent(&id);
    unsigned before = fx.n_done;
    bool hello = plx_rng_below(&rng, 2) == 0;
    /* Also earlier than what is known: the latest stays. */
    struct plx_wall seen =
        plx_wall_add(model.now, -(int64_t)plx_rng_below(&rng, 3) * PLX_HOUR_NS);
    must_end(before,
             engine->touch_agent(fx.store, id, seen, hello ? "y" : NULL, NULL, 0,
                                 fixture_on_done, &fx),
             a ? 0 : PLX_ENOTFOUND);
    if (!a)
        return;
    if (seen.ns > a->last_seen.ns)
        a->last_seen = seen;
    if (hello)
        snprintf(a->software, sizeof a->software, "y");
}

/* ---- tokens ---- */

static void do_add_token(void)
{
    char secret[32];
    unsigned before = fx.n_done;
    if (model.n_tokens == TOKENS_MAX)
        return;
    struct token *t = &model.tokens[model.n_tokens];
    *t = (struct token){
        .uses_left = 1 + (uint32_t)plx_rng_below(&rng, 3),
        .expires =
            plx_wall_add(model.now, (int64_t)plx_rng_below(&rng, 3) * 12 * PLX_HOUR_NS)};
    const struct plx_store_token_add add = {.secret = secret_of(model.n_tokens, secret),
                                            .region = "fra",
                                            .note = "a note",
                                            .uses = t->uses_left,
                                            .expires = t->expires,
                                            .who = "test",
                                            .now = model.now};
    must_end(before, engine->add_token(fx.store, &add, fixture_on_token, &fx), 0);
    t->id = fx.token_id;
    assert_true(model.n_tokens == 0 || t->id > t[-1].id);
    model.n_tokens++;
}

static void do_revoke_token(void)
{
    size_t i = (size_t)plx_rng_below(&rng, model.n_tokens + 1);
    bool known = i < model.n_tokens;
    unsigned before = fx.n_done;
    must_end(before,
             engine->revoke_token(fx.store, known ? model.tokens[i].id : 1000000, "test",
                                  model.now, fixture_on_done, &fx),
             known ? 0 : PLX_ENOTFOUND);
    if (known)
        model.tokens[i].revoked = true;
}

/* What becomes of an enrolment, by the rules that store_config.h states. `same`: the
 * agent that asked before and did not hear the answer. */
static int judge_enrolment(const struct token *t, const char *name, unsigned key,
                           const struct agent **same)
{
    const struct agent *holder = by_key(key);
    *same = NULL;
    if (!t)
        return PLX_EDENIED;
    if (holder && holder->token_id == t->id && holder->state != PLX_AGENT_REVOKED) {
        *same = holder;
        return 0;
    }
    if (holder)
        return PLX_EEXISTS;
    if (t->revoked)
        return PLX_EGONE;
    if (model.now.ns >= t->expires.ns)
        return PLX_ETIMEOUT;
    if (t->uses_left == 0)
        return PLX_ECONFLICT;
    return model.former[key] || (*name && by_name(name)) ? PLX_EEXISTS : 0;
}

static void choose_name(char buf[32])
{
    unsigned n = 0;
    do
        snprintf(buf, 32, "fra-%u", ++n);
    while (by_name(buf));
}

static void do_enrol(void)
{
    char secret[32], name[32] = "", key_text[PLX_KEY_TEXT_MAX];
    size_t i = (size_t)plx_rng_below(&rng, model.n_tokens + 1);
    struct token *t = i < model.n_tokens ? &model.tokens[i] : NULL;
    unsigned key = (unsigned)plx_rng_below(&rng, KEYS), before = fx.n_done;
    const struct agent *same;
    if (plx_rng_below(&rng, 2))
        name_of(plx_rng_below(&rng, NAMES), name);
    const struct plx_store_enrol enrol = {.secret = secret_of(i, secret),
                                          .public_key = fixture_key(key, key_text),
                                          .name = name,
                                          .software = "x",
                                          .now = model.now};
    int err = judge_enrolment(t, name, key, &same);
    must_end(before, engine->enrol(fx.store, &enrol, fixture_on_agent, &fx), err);
    if (err)
        return;
    if (same) { /* nothing is spent */
        assert_int_equal(fx.agent_id, same->id);
        return;
    }
    if (!*name)
        choose_name(name);
    model_add(name, key, t->id);
    t->uses_left--;
}

/* ---- comparing ---- */

static void compare_monitors(const struct plx_store_config *config)
{
    size_t n = 0;
    for (size_t i = 0; i < NAMES; i++)
        n += model.monitors[i].id != 0;
    assert_int_equal(config->n_monitors, n);
    for (size_t i = 0; i < n; i++) {
        const struct plx_monitor *m = &config->monitors[i];
        unsigned no;
        assert_int_equal(sscanf(m->name, "name-%u", &no), 1);
        assert_int_equal(m->id, model.monitors[no].id);
        assert_int_equal(m->port, model.monitors[no].port);
        assert_true(i == 0 || m->id > m[-1].id);
    }
}

static void compare_agents(const struct plx_store_config *config)
{
    char key[PLX_KEY_TEXT_MAX];
    assert_int_equal(config->n_agents, model.n_agents);
    for (size_t i = 0; i < model.n_agents; i++) {
        const struct plx_store_agent *a = &config->agents[i];
        const struct agent *want = &model.agents[i];
        assert_int_equal(a->id, want->id);
        assert_string_equal(a->name, want->name);
        assert_string_equal(a->region, want->region);
        assert_string_equal(a->public_key, fixture_key(want->key, key));
        assert_int_equal(a->state, want->state);
        assert_string_equal(a->software, want->software);
        assert_int_equal(a->token_id, want->token_id);
        assert_int_equal(a->created.ns, want->created.ns);
        assert_int_equal(a->last_seen.ns, want->last_seen.ns);
    }
}

static void compare_tokens(const struct plx_store_config *config)
{
    assert_int_equal(config->n_tokens, model.n_tokens);
    for (size_t i = 0; i < model.n_tokens; i++) {
        const struct plx_store_token *t = &config->tokens[i];
        assert_int_equal(t->id, model.tokens[i].id);
        assert_int_equal(t->uses_left, model.tokens[i].uses_left);
        assert_int_equal(t->revoked, model.tokens[i].revoked);
        assert_int_equal(t->expires.ns, model.tokens[i].expires.ns);
        assert_string_equal(t->region, "fra");
        assert_string_equal(t->note, "a note");
    }
}

static void compare_all(void)
{
    struct plx_store_config config;
    assert_int_equal(engine->load(fx.store, &config, NULL), 0);
    assert_int_equal(config.generation, model.generation);
    compare_monitors(&config);
    compare_agents(&config);
    compare_tokens(&config);
    plx_store_config_fini(&config);
}

static void do_restart(void)
{
    engine->close(&fx);
    engine->open(&fx);
    compare_all();
}

static void do_backup(void)
{
    struct store_fixture original;
    char path[128];
    unsigned before = fx.n_done;
    snprintf(path, sizeof path, "%s", fixture_path(&fx, "backup"));
    must_end(before, engine->backup(fx.store, path, fixture_on_done, &fx), 0);
    original = fx;
    engine->restore(path, &fx);
    engine->open(&fx);
    compare_all();
    fixture_fini(&fx);
    fx = original;
}

/* ---- the whole ---- */

static void step(void)
{
    static const struct {
        unsigned weight;
        void (*run)(void);
    } rows[] = {{20, do_apply},  {12, do_add_agent}, {12, do_state},       {10, do_key},
                {10, do_touch},  {10, do_add_token}, {4, do_revoke_token}, {20, do_enrol},
                {4, do_restart}, {1, do_backup}};
    uint64_t die = plx_rng_below(&rng, 103);
    size_t i = 0;
    while (die >= rows[i].weight)
        die -= rows[i++].weight;
    rows[i].run();
}

static void run_seed(uint64_t seed)
{
    plx_rng_init(&rng, seed);
    memset(&model, 0, sizeof model);
    model.now = FIXTURE_NOON;
    fixture_init(&fx);
    engine->open(&fx);
    for (int i = 0; i < STEPS; i++) {
        model.now =
            plx_wall_add(model.now, (int64_t)plx_rng_below(&rng, 60) * PLX_MIN_NS);
        step();
    }
    do_restart();
    fixture_fini(&fx);
}

static void every_engine__is_like_the_model(void **state)
{
    (void)state;
    for (size_t e = 0; e < N_STORE_ENGINES; e++) {
        engine = &STORE_ENGINES[e];
        for (uint64_t i = 0; i < n_seeds; i++) {
            print_message("%s, seed %llu\n", engine->name,
                          (unsigned long long)(first_seed + i));
            run_seed(first_seed + i);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc > 1)
        n_seeds = (unsigned)strtoul(argv[1], NULL, 10);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    plx_log_set_level(PLX_LOG_ERROR + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_engine__is_like_the_model),
    };
    return PLX_RUN(tests);
}
