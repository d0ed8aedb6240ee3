#include "test.h"

#include "store_fixture.h"

#include "base/rng.h"
#include "base/text.h"

#include <dirent.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#define AWAIT_MS 20000

/* 2026-11-23T12:00:00Z */
const struct plx_wall FIXTURE_NOON = {INT64_C(1795435200) * PLX_SEC_NS};

void fixture_init(struct store_fixture *fx)
{
    fixture_init_in(fx, "/tmp");
}

void fixture_init_in(struct store_fixture *fx, const char *parent)
{
    *fx = (struct store_fixture){0};
    snprintf(fx->dir, sizeof fx->dir, "%s/plx-store-XXXXXX", parent);
    assert_non_null(mkdtemp(fx->dir));
    plx_store_options_default(&fx->options);
    fx->options.dir = fx->dir;
    fx->options.group_ns = 0;
    fx->options.retry_ns = 2 * PLX_MS_NS;
}

int fixture_try_open(struct store_fixture *fx)
{
    struct plx_why why = {""};
    int err = plx_store_open(&fx->options, &fx->store, &why);
    snprintf(fx->why, sizeof fx->why, "%s", why.text);
    return err;
}

void fixture_open(struct store_fixture *fx)
{
    int err = fixture_try_open(fx);
    if (err)
        fail_msg("%s", fx->why);
}

void fixture_close(struct store_fixture *fx)
{
    if (!fx->store)
        return;
    plx_store_stop(fx->store);
    plx_store_poll(fx->store);
    plx_store_destroy(&fx->store);
}

static void remove_files(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    while (d && (entry = readdir(d)))
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(d), entry->d_name, 0);
    if (d)
        closedir(d);
}

void fixture_fini(struct store_fixture *fx)
{
    fixture_close(fx);
    remove_files(fx->dir);
    rmdir(fx->dir);
}

void fixture_await(struct store_fixture *fx, unsigned n)
{
    while (fx->n_done < n) {
        struct pollfd p = {.fd = plx_store_fd(fx->store), .events = POLLIN};
        if (poll(&p, 1, AWAIT_MS) != 1)
            fail_msg("%u of %u completions after %d ms", fx->n_done, n, AWAIT_MS);
        plx_store_poll(fx->store);
    }
}

void fixture_on_done(void *arg, int err, const char *why)
{
    struct store_fixture *fx = arg;
    fx->n_done++;
    fx->err = err;
    snprintf(fx->why, sizeof fx->why, "%s", why);
}

void fixture_on_ingest(void *arg, int err, const struct plx_store_ingested *batch)
{
    struct store_fixture *fx = arg;
    fixture_on_done(fx, err, "");
    assert_true((batch == NULL) == (err != 0));
    if (!batch)
        return;
    fx->ingested = *batch;
    fx->first_fresh = batch->n_fresh ? batch->fresh[0].seq : 0;
    fx->total_fresh += batch->n_fresh;
    fx->ingested.fresh = NULL;
}

void fixture_on_apply(void *arg, int err, const char *why,
                      const struct plx_store_applied *applied)
{
    struct store_fixture *fx = arg;
    fixture_on_done(fx, err, why);
    assert_true((applied == NULL) == (err != 0));
    if (!applied)
        return;
    fx->generation = applied->generation;
    for (size_t i = 0; i < applied->n_upserts && i < 8; i++) {
        fx->ids[i] = applied->upserts[i].id;
        fx->changes[i] = applied->changes[i];
    }
    for (size_t i = 0; i < applied->n_removals && i < 8; i++)
        fx->removed_ids[i] = applied->removed_ids[i];
}

void fixture_on_agent(void *arg, int err, const char *why,
                      const struct plx_store_agent *agent)
{
    struct store_fixture *fx = arg;
    fixture_on_done(fx, err, why);
    assert_true((agent == NULL) == (err != 0));
    if (!agent)
        return;
    fx->agent_id = agent->id;
    fx->n_labels = agent->n_labels;
    assert_int_equal(plx_text_copy(fx->agent_name, sizeof fx->agent_name, agent->name),
                     0);
    assert_int_equal(plx_text_copy(fx->region, sizeof fx->region, agent->region), 0);
}

void fixture_on_token(void *arg, int err, const char *why,
                      const struct plx_store_token *token)
{
    struct store_fixture *fx = arg;
    fixture_on_done(fx, err, why);
    assert_true((token == NULL) == (err != 0));
    if (token)
        fx->token_id = token->id;
}

struct plx_result fixture_result(uint64_t agent_id, uint64_t seq)
{
    struct plx_rng rng;
    plx_rng_init(&rng, agent_id * 1000003 + seq);
    struct plx_result r = {
        .monitor_id = 1 + plx_rng_below(&rng, 7),
        .seq = seq,
        .scheduled = plx_wall_add(FIXTURE_NOON, (int64_t)seq * PLX_MS_NS),
        .duration_ns = (int64_t)plx_rng_below(&rng, 1000000) * PLX_US_NS,
        .outcome = (enum plx_outcome)(1 + plx_rng_below(&rng, PLX_OUTCOME_COUNT_ - 1)),
        .kind = (enum plx_probe_kind)plx_rng_below(&rng, 3),
        .unreach = (enum plx_unreach)plx_rng_below(&rng, 6),
        .detail = (enum plx_detail)plx_rng_below(&rng, 9),
        .rtt_us = (uint32_t)plx_rng_u64(&rng),
        .syn_retrans = (uint32_t)plx_rng_below(&rng, 5),
        .lag_us = (uint32_t)plx_rng_below(&rng, 30000),
        .icmp_type = (uint8_t)plx_rng_u64(&rng),
        .icmp_code = (uint8_t)plx_rng_u64(&rng),
        .closed_late = plx_rng_below(&rng, 2),
        .clock_doubtful = plx_rng_below(&rng, 2),
    };
    r.started = plx_wall_add(r.scheduled, r.lag_us * PLX_US_NS);
    r.address = (struct plx_addr){4, {10, 0, 0, (uint8_t)seq}};
    r.source =
        (struct plx_addr){6, {0xfd, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 1}};
    if (seq % 3 == 0)
        r.icmp_from = r.source;
    if (seq % 5 == 0)
        memcpy(r.excerpt, "220 it's\\r\\n", 13);
    return r;
}

int fixture_submit(struct store_fixture *fx, uint64_t agent_id, uint64_t stream_id,
                   uint64_t first, size_t n, struct plx_wall received)
{
    struct plx_result results[PLX_WIRE_RESULTS_MAX];
    for (size_t i = 0; i < n; i++)
        results[i] = fixture_result(agent_id, first + i);
    struct plx_msg_results batch = {
        .stream_id = stream_id, .first_seq = first, .results = results, .n = n};
    return plx_store_ingest(fx->store, agent_id, &batch, received, fixture_on_ingest, fx);
}

void fixture_ingest(struct store_fixture *fx, uint64_t agent_id, uint64_t stream_id,
                    uint64_t first, size_t n)
{
    unsigned want = fx->n_done + 1;
    assert_int_equal(fixture_submit(fx, agent_id, stream_id, first, n, FIXTURE_NOON), 0);
    fixture_await(fx, want);
    assert_int_equal(fx->err, 0);
}

void fixture_lose(struct store_fixture *fx, uint64_t agent_id, uint64_t stream_id,
                  uint64_t first, uint64_t n)
{
    unsigned want = fx->n_done + 1;
    struct plx_msg_results lost = {.stream_id = stream_id,
                                   .first_seq = first,
                                   .lost = n,
                                   .lost_from = FIXTURE_NOON,
                                   .lost_to = plx_wall_add(FIXTURE_NOON, PLX_SEC_NS)};
    assert_int_equal(
        plx_store_ingest(fx->store, agent_id, &lost, FIXTURE_NOON, fixture_on_ingest, fx),
        0);
    fixture_await(fx, want);
    assert_int_equal(fx->err, 0);
}

static void assert_same(const struct plx_result *a, const struct plx_result *b)
{
    assert_int_equal(a->monitor_id, b->monitor_id);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->scheduled.ns, b->scheduled.ns);
    assert_int_equal(a->started.ns, b->started.ns);
    assert_int_equal(a->duration_ns, b->duration_ns);
    assert_int_equal(a->outcome, b->outcome);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->unreach, b->unreach);
    assert_int_equal(a->detail, b->detail);
    assert_int_equal(a->rtt_us, b->rtt_us);
    assert_int_equal(a->syn_retrans, b->syn_retrans);
    assert_int_equal(a->lag_us, b->lag_us);
    assert_int_equal(a->icmp_type, b->icmp_type);
    assert_int_equal(a->icmp_code, b->icmp_code);
    assert_true(plx_addr_equal(&a->icmp_from, &b->icmp_from));
    assert_true(plx_addr_equal(&a->address, &b->address));
    assert_true(plx_addr_equal(&a->source, &b->source));
    assert_int_equal(a->closed_late, b->closed_late);
    assert_int_equal(a->clock_doubtful, b->clock_doubtful);
    assert_string_equal(a->excerpt, b->excerpt);
}

struct counting {
    size_t n;
    struct {
        uint64_t agent_id, stream_id, last_seq;
    } streams[16];
};

static uint64_t *last_seq_of(struct counting *c, const struct plx_store_row *row)
{
    size_t i = 0;
    while (c->streams[i].agent_id && (c->streams[i].agent_id != row->agent_id ||
                                      c->streams[i].stream_id != row->stream_id))
        assert_true(++i < 16);
    c->streams[i].agent_id = row->agent_id;
    c->streams[i].stream_id = row->stream_id;
    return &c->streams[i].last_seq;
}

static bool count_row(void *arg, const struct plx_store_row *row)
{
    struct counting *c = arg;
    struct plx_result want = fixture_result(row->agent_id, row->result.seq);
    assert_same(&row->result, &want);
    uint64_t *last = last_seq_of(c, row);
    assert_true(row->result.seq > *last);
    *last = row->result.seq;
    c->n++;
    return true;
}

size_t fixture_count_rows(struct store_fixture *fx)
{
    struct counting c = {0};
    struct plx_store_range all = {0};
    struct plx_store_cursor cursor = {0};
    while (!cursor.at_end)
        assert_int_equal(
            plx_store_read_results(fx->store, &all, &cursor, 1000, count_row, &c), 0);
    return c.n;
}

const char *fixture_path(struct store_fixture *fx, const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", fx->dir, name);
    return path;
}

const char *fixture_key(unsigned number, char buf[PLX_KEY_TEXT_MAX])
{
    snprintf(buf, PLX_KEY_TEXT_MAX, "%040u", number);
    return buf;
}
