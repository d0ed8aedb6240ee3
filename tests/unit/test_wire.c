#include "test.h"

#include "base/err.h"
#include "base/rng.h"
#include "proto/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE_NS INT64_C(1795400388123456000)

static struct plx_buf encode(const struct plx_msg *m)
{
    struct plx_buf out;
    plx_buf_init(&out, PLX_WIRE_FRAME_MAX);
    assert_int_equal(plx_wire_encode(m, &out), 0);
    return out;
}

static struct plx_result random_result(struct plx_rng *rng, uint64_t seq)
{
    struct plx_result r = {
        .monitor_id = 1 + plx_rng_below(rng, 100000),
        .seq = seq,
        .scheduled = {BASE_NS + (int64_t)plx_rng_below(rng, 60000000) * PLX_US_NS},
        .lag_us = (uint32_t)plx_rng_below(rng, 30000),
        .duration_ns = (int64_t)plx_rng_below(rng, 10000000) * PLX_US_NS,
        .outcome = (enum plx_outcome)(1 + plx_rng_below(rng, PLX_OUTCOME_COUNT_ - 1)),
        .kind = (enum plx_probe_kind)plx_rng_below(rng, 5),
        .rtt_us = (uint32_t)plx_rng_below(rng, 200000),
        .address = {4, {10, 77, 0, (uint8_t)plx_rng_below(rng, 200)}},
        .source = {6, {0xfd, 0x77, (uint8_t)plx_rng_below(rng, 3)}},
    };
    r.started = plx_wall_add(r.scheduled, r.lag_us * PLX_US_NS);
    if (plx_rng_below(rng, 4) == 0) {
        r.unreach = (enum plx_unreach)plx_rng_below(rng, 6);
        r.detail = PLX_DETAIL_HOSTUNREACH;
        r.syn_retrans = (uint32_t)plx_rng_below(rng, 6);
        r.icmp_type = 3;
        r.icmp_code = (uint8_t)plx_rng_below(rng, 16);
        r.icmp_from = (struct plx_addr){4, {10, 0, 0, (uint8_t)plx_rng_below(rng, 255)}};
        r.closed_late = plx_rng_below(rng, 2);
        if (plx_rng_below(rng, 2))
            memcpy(r.excerpt, "SSH-2.0-x\\r\\n", 14);
    }
    return r;
}

static void assert_same_result(const struct plx_result *a, const struct plx_result *b)
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
    assert_int_equal(a->closed_late, b->closed_late);
    assert_string_equal(a->excerpt, b->excerpt);
    assert_true(plx_addr_equal(&a->icmp_from, &b->icmp_from));
    assert_true(plx_addr_equal(&a->address, &b->address));
    assert_true(plx_addr_equal(&a->source, &b->source));
}

static void random_batches__come_back_as_they_were(void **state)
{
    (void)state;
    struct plx_wire_decoder *d = plx_wire_decoder_new();
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct plx_rng rng;
        plx_rng_init(&rng, seed);
        size_t n = 1 + plx_rng_below(&rng, PLX_WIRE_RESULTS_MAX);
        struct plx_result *list = calloc(n, sizeof *list);
        for (size_t i = 0; i < n; i++)
            list[i] = random_result(&rng, 7 + i);
        struct plx_msg m = {
            .type = PLX_MSG_RESULTS,
            .results = {.stream_id = seed, .first_seq = 7, .results = list, .n = n}};
        struct plx_buf bytes = encode(&m);
        struct plx_msg got;
        struct plx_why why = {""};
        assert_int_equal(plx_wire_decode(d, bytes.data, bytes.len, &got, &why), 0);
        assert_int_equal(got.type, PLX_MSG_RESULTS);
        assert_int_equal(got.results.n, n);
        for (size_t i = 0; i < n; i++)
            assert_same_result(&list[i], &got.results.results[i]);
        plx_buf_fini(&bytes);
        free(list);
    }
    plx_wire_decoder_destroy(&d);
}

/* The bytes of version 1, for good: another build must understand them. */
static void golden_bytes__are_written_and_read(void **state)
{
    (void)state;
    static const uint8_t golden[] = {0x08, 0x01, 0x52, 0x04, 0x08, 0x2a, 0x10, 0x07};
    struct plx_msg m = {.type = PLX_MSG_ACK, .ack = {.stream_id = 42, .seq = 7}};
    struct plx_buf bytes = encode(&m);
    assert_int_equal(bytes.len, sizeof golden);
    assert_memory_equal(bytes.data, golden, sizeof golden);
    plx_buf_fini(&bytes);

    static const uint8_t batch[] = {
        0x08, 0x01, 0x4a, 0x38, 0x08, 0x2a, 0x10, 0x07, 0x18, 0x80, 0x94, 0xeb,
        0xdc, 0x03, 0x22, 0x01, 0x09, 0x2a, 0x01, 0x00, 0x32, 0x01, 0x02, 0x3a,
        0x01, 0x03, 0x42, 0x03, 0x82, 0x84, 0x04, 0x4a, 0x01, 0x04, 0x52, 0x01,
        0x01, 0x5a, 0x01, 0x00, 0x62, 0x04, 0x0a, 0x00, 0x00, 0x01, 0x6a, 0x0c,
        0x08, 0x00, 0x10, 0x01, 0x18, 0x00, 0x20, 0x00, 0x28, 0x00, 0x30, 0x00};
    struct plx_wire_decoder *d = plx_wire_decoder_new();
    struct plx_msg got;
    struct plx_why why = {""};
    assert_int_equal(plx_wire_decode(d, batch, sizeof batch, &got, &why), 0);
    const struct plx_result *r = got.results.results;
    assert_int_equal(got.results.first_seq, 7);
    assert_int_equal(r->monitor_id, 9);
    assert_int_equal(r->outcome, PLX_OUTCOME_REFUSED);
    assert_int_equal(r->unreach, PLX_UNREACH_NET);
    assert_int_equal(r->detail, PLX_DETAIL_CONNREFUSED);
    assert_int_equal(r->lag_us, 2);
    assert_int_equal(r->rtt_us, 4);
    assert_int_equal(r->address.family, 4);
    plx_wire_decoder_destroy(&d);
}

static void mutated_frames__are_refused_or_valid_but_never_a_crash(void **state)
{
    (void)state;
    struct plx_wire_decoder *d = plx_wire_decoder_new();
    struct plx_rng rng;
    plx_rng_init(&rng, 99);
    struct plx_result list[20];
    for (size_t i = 0; i < 20; i++)
        list[i] = random_result(&rng, 1 + i);
    struct plx_msg m = {
        .type = PLX_MSG_RESULTS,
        .results = {.stream_id = 1, .first_seq = 1, .results = list, .n = 20}};
    struct plx_buf bytes = encode(&m);
    for (int round = 0; round < 20000; round++) {
        uint8_t *copy = malloc(bytes.len);
        memcpy(copy, bytes.data, bytes.len);
        for (uint64_t k = plx_rng_below(&rng, 4); k < 4; k++)
            copy[plx_rng_below(&rng, bytes.len)] = (uint8_t)plx_rng_u64(&rng);
        struct plx_msg got;
        struct plx_why why = {""};
        size_t len = 1 + plx_rng_below(&rng, bytes.len);
        int err = plx_wire_decode(d, copy, len, &got, &why);
        assert_true(err == 0 || why.text[0]);
        free(copy);
    }
    plx_buf_fini(&bytes);
    plx_wire_decoder_destroy(&d);
}

static void hostile_fields__are_refused_by_name(void **state)
{
    (void)state;
    struct plx_wire_decoder *d = plx_wire_decoder_new();
    struct plx_task task = {.monitor_id = 1,
                            .host = "db.example",
                            .port = 1,
                            .interval_ns = PLX_MIN_NS,
                            .timeout_ns = PLX_SEC_NS,
                            .source = ""};
    struct plx_msg m = {.type = PLX_MSG_PROBE_NOW,
                        .probe_now = {.tasks = &task, .n_tasks = 1}};
    const struct {
        const char *field;
        struct plx_task task;
    } cases[] = {
        {"task.host",
         {1, "a b", 1, PLX_MIN_NS, PLX_SEC_NS, 0, 0, 0, "", 0, false, 0, {0}}},
        {"task.host",
         {1, "a\x1b", 1, PLX_MIN_NS, PLX_SEC_NS, 0, 0, 0, "", 0, false, 0, {0}}},
        {"task.port", {1, "a", 0, PLX_MIN_NS, PLX_SEC_NS, 0, 0, 0, "", 0, false, 0, {0}}},
        {"task.interval_ns", {1, "a", 1, 1, PLX_SEC_NS, 0, 0, 0, "", 0, false, 0, {0}}},
        {"task.timeout_ns",
         {1, "a", 1, PLX_MIN_NS, PLX_HOUR_NS, 0, 0, 0, "", 0, false, 0, {0}}},
        {"task.source",
         {1, "a", 1, PLX_MIN_NS, PLX_SEC_NS, 0, 0, 0, "x", 0, false, 0, {0}}},
        {"task.ip",
         {1, "a", 1, PLX_MIN_NS, PLX_SEC_NS, 0, (enum plx_ip)5, 0, "", 0, false, 0, {0}}},
        {"task.addresses",
         {1,
          "a",
          1,
          PLX_MIN_NS,
          PLX_SEC_NS,
          0,
          0,
          (enum plx_addresses)2,
          "",
          0,
          false,
          0,
          {0}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        task = cases[i].task;
        struct plx_buf bytes = encode(&m);
        struct plx_msg got;
        struct plx_why why = {""};
        assert_int_equal(plx_wire_decode(d, bytes.data, bytes.len, &got, &why),
                         PLX_EMALFORMED);
        assert_non_null(strstr(why.text, cases[i].field));
        plx_buf_fini(&bytes);
    }
    plx_wire_decoder_destroy(&d);
}

/* A task with a greeting as it comes out of the wire; PLX_EMALFORMED is fine too. */
static int decode_greeting(struct plx_wire_decoder *d, const struct plx_greeting *g,
                           struct plx_task *ret, struct plx_why *why)
{
    struct plx_task task = {1, "a", 1, PLX_MIN_NS, PLX_SEC_NS, 1, 0,
                            0, "",  0, false,      0,          *g};
    struct plx_msg got,
        m = {.type = PLX_MSG_PROBE_NOW, .probe_now = {.tasks = &task, .n_tasks = 1}};
    struct plx_buf bytes = encode(&m);
    int err = plx_wire_decode(d, bytes.data, bytes.len, &got, why);
    plx_buf_fini(&bytes);
    if (err == 0)
        *ret = got.probe_now.tasks[0];
    return err;
}

static void greetings__arrive_checked(void **state)
{
    (void)state;
    struct plx_wire_decoder *d = plx_wire_decoder_new();
    struct plx_greeting g = {.preset = PLX_GREETING_SMTP};
    struct plx_task got;
    struct plx_why why = {""};
    assert_int_equal(decode_greeting(d, &g, &got, &why), 0);
    assert_true(plx_greeting_equal(&got.greeting, &g));
    g = (struct plx_greeting){0};
    plx_greeting_add(&g, PLX_GREETING_SEND, "\0\xff", 2, 0, 0);
    plx_greeting_add(&g, PLX_GREETING_REGEX, "^a+", 3, 99, PLX_SEC_NS);
    assert_int_equal(decode_greeting(d, &g, &got, &why), 0);
    assert_true(plx_greeting_equal(&got.greeting, &g));
    g.steps[1].bytes[2] = '(';
    assert_int_equal(decode_greeting(d, &g, &got, &why), PLX_EMALFORMED);
    assert_non_null(strstr(why.text, "greeting"));
    plx_greeting_fini(&g);
    g.preset = (enum plx_greeting_preset)99;
    assert_int_equal(decode_greeting(d, &g, &got, &why), PLX_EMALFORMED);
    plx_wire_decoder_destroy(&d);
}

/* An agent refuses an assignment with a preset of a number that it does not know. */
static void task__spells_out_a_preset_that_older_agents_do_not_know(void **state)
{
    (void)state;
    struct plx_monitor m = {.host = "h", .source = ""};
    size_t n;
    m.greeting.preset = PLX_GREETING_SIP;
    assert_int_equal(plx_task_of(&m).greeting.preset, PLX_GREETING_SIP);
    m.greeting.preset = PLX_GREETING_NATS;
    struct plx_task task = plx_task_of(&m);
    assert_int_equal(task.greeting.preset, PLX_GREETING_NO_PRESET);
    assert_int_equal(task.greeting.n_steps, 1);
    assert_ptr_equal(task.greeting.steps, plx_greeting_steps(&m.greeting, &n));
}

static void another_version__is_refused_as_such(void **state)
{
    (void)state;
    static const uint8_t frame[] = {0x08, 0x63, 0x52, 0x04, 0x08, 0x2a, 0x10, 0x07};
    struct plx_wire_decoder *d = plx_wire_decoder_new();
    struct plx_msg got;
    struct plx_why why = {""};
    assert_int_equal(plx_wire_decode(d, frame, sizeof frame, &got, &why), PLX_EVERSION);
    assert_non_null(strstr(why.text, "99"));
    plx_wire_decoder_destroy(&d);
}

static void too_many_tasks__are_refused_within_the_budget(void **state)
{
    (void)state;
    enum { N = PLX_WIRE_TASKS_MAX + 1 };
    struct plx_task *tasks = calloc(N, sizeof *tasks);
    for (size_t i = 0; i < N; i++)
        tasks[i] = (struct plx_task){.host = "a", .source = "", .port = 1};
    struct plx_msg m = {.type = PLX_MSG_SNAPSHOT,
                        .snapshot = {.parts = 1, .tasks = tasks, .n_tasks = N}};
    struct plx_buf bytes = encode(&m);
    struct plx_wire_decoder *d = plx_wire_decoder_new();
    struct plx_msg got;
    assert_int_equal(plx_wire_decode(d, bytes.data, bytes.len, &got, NULL), PLX_ETOOBIG);
    plx_buf_fini(&bytes);
    plx_wire_decoder_destroy(&d);
    free(tasks);
}

static void a_stored_monitor__comes_back_equal(void **state)
{
    (void)state;
    struct plx_monitor m, back;
    plx_monitor_init(&m);
    plx_monitor_set_text(&m.host, "db.example");
    m.port = 5432;
    m.id = 77;
    plx_monitor_default_name(&m);
    plx_monitor_add_location(&m, "us-east");
    plx_monitor_add_location(&m, "provider=aws");
    plx_monitor_add_label(&m, "team", "data");
    plx_monitor_add_depends_on(&m, "gateway");
    plx_monitor_set_text(&m.runbook, "https://wiki.example/db");
    plx_quorum_parse("2 of distinct(region)", &m.quorum);
    m.expect = PLX_EXPECT_CLOSED;
    m.degraded_above_ns = 300 * PLX_MS_NS;
    struct plx_buf bytes;
    plx_buf_init(&bytes, PLX_WIRE_FRAME_MAX);
    plx_wire_encode_monitor(&m, &bytes);
    assert_int_equal(plx_wire_decode_monitor(bytes.data, bytes.len, &back, NULL), 0);
    assert_true(plx_monitor_equal(&m, &back));
    assert_int_equal(back.id, 77);
    plx_monitor_fini(&back);
    assert_true(plx_wire_decode_monitor(bytes.data, bytes.len - 1, &back, NULL) < 0);
    plx_monitor_fini(&m);
    plx_buf_fini(&bytes);
}

/* New names have nothing that does not show; a database may have some that do. */
static void a_name_stored_by_an_older_version__is_read(void **state)
{
    (void)state;
    struct plx_monitor m, back;
    struct plx_buf bytes;
    plx_monitor_init(&m);
    plx_monitor_set_text(&m.host, "db.example");
    m.port = 5432;
    plx_monitor_set_text(&m.name, "d\xe2\x80\x8b"
                                  "b");
    plx_monitor_add_location(&m, "us-east");
    plx_buf_init(&bytes, PLX_WIRE_FRAME_MAX);
    plx_wire_encode_monitor(&m, &bytes);
    assert_int_equal(plx_wire_decode_monitor(bytes.data, bytes.len, &back, NULL), 0);
    assert_string_equal(back.name, m.name);
    plx_monitor_fini(&back);
    plx_monitor_fini(&m);
    plx_buf_fini(&bytes);
}

/* A trace with all it can have, from a seed. */
static struct plx_trace *random_trace(struct plx_rng *rng)
{
    struct plx_trace *t = calloc(1, sizeof *t);
    *t = (struct plx_trace){.target = {4, {10, 0, 0, 9}},
                            .source = {4, {10, 0, 0, 2}},
                            .port = 5432,
                            .at = {BASE_NS},
                            .duration_us = 1200,
                            .n_flows = 1 + plx_rng_below(rng, PLX_TRACE_FLOWS_MAX)};
    for (size_t i = 0; i < t->n_flows; i++) {
        struct plx_trace_flow *f = &t->flows[i];
        f->source_port = (uint16_t)(20000 + i);
        f->n_hops = (uint8_t)plx_rng_below(rng, PLX_TRACE_HOPS_MAX + 1);
        f->end = (struct plx_hop){.kind = PLX_HOP_REFUSED, .from = t->target};
        for (size_t h = 0; h < f->n_hops; h++)
            if (plx_rng_below(rng, 4))
                f->hops[h] = (struct plx_hop){PLX_HOP_TRANSIT,
                                              11,
                                              0,
                                              {4, {10, 0, (uint8_t)h, 1}},
                                              (uint32_t)(300 + h)};
    }
    return t;
}

static void a_trace__comes_back_as_it_was(void **state)
{
    (void)state;
    struct plx_rng rng;
    struct plx_wire_decoder *d = plx_wire_decoder_new();
    plx_rng_init(&rng, 5);
    for (int round = 0; round < 50; round++) {
        struct plx_trace *trace = random_trace(&rng);
        const struct plx_msg m = {.type = PLX_MSG_TRACE_DONE, .trace_done = {7, trace}};
        struct plx_buf bytes = encode(&m);
        struct plx_msg got;
        assert_int_equal(plx_wire_decode(d, bytes.data, bytes.len, &got, NULL), 0);
        const struct plx_trace *back = got.trace_done.trace;
        assert_int_equal(got.trace_done.request_id, 7);
        assert_int_equal(back->at.ns, BASE_NS);
        assert_int_equal(back->n_flows, trace->n_flows);
        assert_memory_equal(back->flows, trace->flows, sizeof trace->flows);
        plx_buf_clear(&bytes);
        plx_wire_encode_trace(trace, &bytes);
        struct plx_trace *stored = calloc(1, sizeof *stored);
        assert_int_equal(plx_wire_decode_trace(bytes.data, bytes.len, stored, NULL), 0);
        assert_memory_equal(stored->flows, trace->flows, sizeof trace->flows);
        assert_true(plx_wire_decode_trace(bytes.data, bytes.len - 1, stored, NULL) < 0);
        free(stored);
        plx_buf_fini(&bytes);
        free(trace);
    }
    plx_wire_decoder_destroy(&d);
}

/* An agent may be hostile: nothing past the arrays, no kinds that do not exist. */
static void hostile_traces__are_refused(void **state)
{
    (void)state;
    struct plx_wire_decoder *d = plx_wire_decoder_new();
    struct plx_trace *trace = calloc(1, sizeof *trace);
    const struct plx_msg done = {.type = PLX_MSG_TRACE_DONE, .trace_done = {7, trace}};
    const struct {
        size_t n_flows;
        enum plx_hop_kind kind;
        struct plx_addr from;
        uint16_t port;
    } rows[] = {{1, 9, {4, {1}}, 80},
                {1, PLX_HOP_SILENT, {4, {1}}, 80},
                {1, PLX_HOP_OPEN, {0}, 80},
                {1, PLX_HOP_OPEN, {4, {1}}, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plx_why why = {""};
        struct plx_msg got;
        trace->port = rows[i].port;
        trace->n_flows = rows[i].n_flows;
        trace->flows[0].end =
            (struct plx_hop){.kind = rows[i].kind, .from = rows[i].from};
        struct plx_buf bytes = encode(&done);
        assert_true(plx_wire_decode(d, bytes.data, bytes.len, &got, &why) < 0);
        assert_non_null(strstr(why.text, "trace_done.trace"));
        plx_buf_fini(&bytes);
    }
    const struct plx_msg_trace_now orders[] = {{1, "db", 80, PLX_IP_ANY, "", 0, 30},
                                               {1, "db", 80, PLX_IP_ANY, "", 17, 30},
                                               {1, "db", 80, PLX_IP_ANY, "", 1, 31},
                                               {1, "d b", 80, PLX_IP_ANY, "", 1, 30},
                                               {1, "db", 80, PLX_IP_ANY, "here", 1, 30}};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        const struct plx_msg now = {.type = PLX_MSG_TRACE_NOW, .trace_now = orders[i]};
        struct plx_msg got;
        struct plx_buf bytes = encode(&now);
        assert_true(plx_wire_decode(d, bytes.data, bytes.len, &got, NULL) < 0);
        plx_buf_fini(&bytes);
    }
    free(trace);
    plx_wire_decoder_destroy(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_batches__come_back_as_they_were),
        cmocka_unit_test(golden_bytes__are_written_and_read),
        cmocka_unit_test(mutated_frames__are_refused_or_valid_but_never_a_crash),
        cmocka_unit_test(hostile_fields__are_refused_by_name),
        cmocka_unit_test(greetings__arrive_checked),
        cmocka_unit_test(task__spells_out_a_preset_that_older_agents_do_not_know),
        cmocka_unit_test(another_version__is_refused_as_such),
        cmocka_unit_test(too_many_tasks__are_refused_within_the_budget),
        cmocka_unit_test(a_stored_monitor__comes_back_equal),
        cmocka_unit_test(a_name_stored_by_an_older_version__is_read),
        cmocka_unit_test(a_trace__comes_back_as_it_was),
        cmocka_unit_test(hostile_traces__are_refused),
    };
    return PLX_RUN(tests);
}
