#include "coordinator/io/verdicts.h"

#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/alerts.h"
#include "coordinator/io/fault_heads.h"
#include "coordinator/io/inquest.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULTS_MAX      16
#define STORE_BATCH_MAX 500 /* verdicts in one job */

/* ---- probes ---- */

/* One agent's orders, as they are put together. */
struct order {
    uint32_t agent;
    uint64_t ids[PLX_WIRE_TASKS_MAX];
    size_t n_ids;
    struct plx_task tasks[PLX_WIRE_TASKS_MAX];
    size_t n_tasks;
};

static void send_order(struct plx_desk *desk, struct plx_intake *intake,
                       struct order *order)
{
    const struct plx_msg_probe_now msg = {
        .tasks = order->tasks,
        .n_tasks = order->n_tasks,
        .monitor_ids = order->ids,
        .n_monitor_ids = order->n_ids,
    };
    size_t n = order->n_ids + order->n_tasks;
    if (n > 0 && plx_intake_probe(intake, order->agent, &msg) == 0)
        desk->counts.probes_ordered += n;
    order->n_ids = order->n_tasks = 0;
}

static void add_probe(struct plx_desk *desk, struct order *order, uint32_t monitor)
{
    const struct plx_monitor *m = plx_catalog_at(desk->catalog, monitor);
    if (!m || m->paused || !m->confirm)
        return;
    if (plx_shares_has(desk->shares, order->agent, monitor)) {
        order->ids[order->n_ids++] = m->id;
        return;
    }
    plx_shares_grant(desk->shares, order->agent, m->id, plx_clock_mono());
    order->tasks[order->n_tasks++] = plx_task_of(m);
}

static int by_agent(const void *a, const void *b)
{
    const struct plx_judge_probe *x = a, *y = b;
    if (x->agent != y->agent)
        return x->agent < y->agent ? -1 : 1;
    return x->monitor < y->monitor ? -1 : x->monitor > y->monitor;
}

static void order_probes(struct plx_desk *desk, struct plx_intake *intake,
                         struct plx_judge_probe *probes, size_t n)
{
    if (n == 0)
        return;
    struct order *order = calloc(1, sizeof *order);
    if (!order)
        abort();
    qsort(probes, n, sizeof *probes, by_agent);
    for (size_t i = 0; i < n; i++) {
        bool full =
            order->n_ids == PLX_WIRE_TASKS_MAX || order->n_tasks == PLX_WIRE_TASKS_MAX;
        if (i > 0 && probes[i].agent == probes[i - 1].agent &&
            probes[i].monitor == probes[i - 1].monitor)
            continue;
        if (full || probes[i].agent != order->agent)
            send_order(desk, intake, order);
        order->agent = probes[i].agent;
        add_probe(desk, order, probes[i].monitor);
    }
    send_order(desk, intake, order);
    free(order);
}

static void order_spare(struct plx_desk *desk, struct plx_intake *intake, uint32_t agent,
                        const struct plx_monitor *m)
{
    const struct plx_task task = plx_task_of(m);
    const struct plx_msg_probe_now msg = {.tasks = &task, .n_tasks = 1};
    plx_shares_grant(desk->shares, agent, m->id, plx_clock_mono());
    if (plx_intake_probe(intake, agent, &msg) == 0)
        desk->counts.probes_ordered++;
}

/* What fails is looked at from elsewhere, too. */
static void order_spares(struct plx_desk *desk, struct plx_intake *intake,
                         struct plx_wall now)
{
    struct plx_spares_order order;
    while (plx_spares_ask(desk->spares, plx_clock_mono(), now, &order))
        for (size_t i = 0; i < order.n; i++)
            order_spare(desk, intake, order.agents[i],
                        plx_catalog_at(desk->catalog, order.monitor));
}

/* ---- faults ---- */

static void tell_fault(struct plx_desk *desk, const struct plx_judge_fault *f,
                       const char *id, struct plx_wall now)
{
    struct plx_json *j = plx_events_begin(desk->events, "fault", now);
    plx_json_kstr(j, "fault", id);
    plx_json_kstr(j, "state", f->change == PLX_JUDGE_OPENED ? "open" : "closed");
    plx_json_kstr(j, "class", plx_judge_class_token(f->class));
    plx_json_kstr(j, "entity", f->entity);
    plx_json_kstr(j, "why", f->why);
    plx_events_end(desk->events);
}

static void log_faults(struct plx_desk *desk, const struct plx_judge_output *output,
                       struct plx_wall now)
{
    char id[PLX_FAULT_ID_MAX];
    for (size_t i = 0; i < output->n_faults; i++) {
        const struct plx_judge_fault *f = &output->faults[i];
        if (f->change == PLX_JUDGE_UPDATED)
            continue;
        plx_log(PLX_LOG_INFO,
                f->change == PLX_JUDGE_OPENED ? "fault_opened" : "fault_closed", "fault",
                plx_fault_id(f->id, id), "class", plx_judge_class_token(f->class),
                "entity", f->entity, "why", f->why, NULL);
        tell_fault(desk, f, id, now);
        if (desk->inquest && f->change == PLX_JUDGE_OPENED)
            plx_inquest_open(desk->inquest, f);
        if (desk->inquest && f->change == PLX_JUDGE_CLOSED)
            plx_inquest_close(desk->inquest, f->id);
    }
}

/* ---- verdicts ---- */

/* A transition with texts of its own: the judge lends its for one call. */
struct record {
    uint32_t monitor;
    bool had;
    enum plx_judge_verdict was, now;
    double confidence;
    uint32_t fresh, assigned;
    uint64_t faults[FAULTS_MAX];
    size_t n_faults;
    char *sentence;
    char *scope;
    char *faults_json;
};

static struct record *copy_transitions(const struct plx_court *court,
                                       const struct plx_transition *list, size_t n)
{
    struct record *records = calloc(n + 1, sizeof *records);
    if (!records)
        abort();
    for (size_t i = 0; i < n; i++) {
        const struct plx_judge_ruling *r = &list[i].ruling;
        records[i] = (struct record){
            .monitor = list[i].monitor,
            .had = list[i].had,
            .was = list[i].was,
            .now = r->verdict,
            .confidence = r->confidence,
            .fresh = r->fresh,
            .assigned = r->assigned,
            .n_faults = r->n_faults < FAULTS_MAX ? r->n_faults : FAULTS_MAX,
            .sentence = plx_court_sentence(court, r),
        };
        if (r->n_faults > 0)
            memcpy(records[i].faults, r->faults,
                   records[i].n_faults * sizeof *records[i].faults);
    }
    return records;
}

static void find_scopes(struct plx_desk *desk, struct record *records, size_t n)
{
    struct plx_fault_heads heads;
    char id[PLX_FAULT_ID_MAX];
    plx_fault_heads_init(&heads, desk->court);
    for (size_t i = 0; i < n; i++) {
        struct record *r = &records[i];
        struct plx_buf buf;
        struct plx_json j;
        const struct plx_judge_ruling ruling = {.faults = r->faults,
                                                .n_faults = r->n_faults};
        r->scope = plx_text_dup(plx_fault_scope(&heads, &ruling));
        plx_buf_init(&buf, 4096);
        plx_json_init(&j, &buf);
        plx_json_array(&j);
        for (size_t k = 0; k < r->n_faults; k++)
            plx_json_str(&j, plx_fault_id(r->faults[k], id));
        plx_json_end(&j);
        r->faults_json = plx_buf_give(&buf, NULL);
    }
    plx_fault_heads_fini(&heads);
}

static void log_record(const struct plx_desk *desk, const struct record *r)
{
    plx_log(PLX_LOG_INFO, "verdict", "monitor",
            plx_catalog_at(desk->catalog, r->monitor)->name, "was",
            r->had ? plx_judge_verdict_token(r->was) : "pending", "now",
            plx_judge_verdict_token(r->now), "scope", r->scope, "why", r->sentence, NULL);
}

static void tell_record(struct plx_desk *desk, const struct record *r,
                        struct plx_wall now)
{
    struct plx_json *j = plx_events_begin(desk->events, "verdict", now);
    plx_json_kstr(j, "monitor", plx_catalog_at(desk->catalog, r->monitor)->name);
    plx_json_kstr(j, "was", r->had ? plx_judge_verdict_token(r->was) : "pending");
    plx_json_kstr(j, "now", plx_judge_verdict_token(r->now));
    plx_json_kstr(j, "scope", r->scope);
    plx_json_knum(j, "confidence", r->confidence, 3);
    plx_json_kstr(j, "sentence", r->sentence);
    plx_json_key(j, "faults");
    plx_json_raw(j, r->faults_json);
    plx_events_end(desk->events);
}

static void store_records(struct plx_desk *desk, const struct record *records, size_t n,
                          struct plx_wall now)
{
    struct plx_store_verdict *rows = calloc(n + 1, sizeof *rows);
    if (!rows)
        abort();
    for (size_t i = 0; i < n; i++) {
        const struct record *r = &records[i];
        log_record(desk, r);
        tell_record(desk, r, now);
        rows[i] = (struct plx_store_verdict){
            .monitor_id = plx_catalog_at(desk->catalog, r->monitor)->id,
            .at = now,
            .was = r->had ? plx_judge_verdict_token(r->was) : "pending",
            .now = plx_judge_verdict_token(r->now),
            .scope = r->scope,
            .confidence = r->confidence,
            .fresh = r->fresh,
            .assigned = r->assigned,
            .sentence = r->sentence,
            .faults = r->faults_json,
        };
    }
    for (size_t i = 0; i < n; i += STORE_BATCH_MAX) {
        size_t batch = n - i < STORE_BATCH_MAX ? n - i : STORE_BATCH_MAX;
        int err = plx_store_add_verdicts(desk->store, &rows[i], batch, NULL, NULL);
        if (err < 0)
            plx_log(PLX_LOG_ERROR, "verdicts_not_stored", "why", plx_err_text(err), NULL);
    }
    free(rows);
}

static void free_records(struct record *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(records[i].sentence);
        free(records[i].scope);
        free(records[i].faults_json);
    }
    free(records);
}

/* ---- alerts ---- */

static void alert_faults(struct plx_desk *desk, const struct plx_judge_output *output,
                         struct plx_wall now)
{
    for (size_t i = 0; desk->alerts && i < output->n_faults; i++)
        plx_alerts_fault(desk->alerts, now, &output->faults[i]);
}

static void alert_verdicts(struct plx_desk *desk, const struct record *records, size_t n,
                           struct plx_wall now)
{
    for (size_t i = 0; desk->alerts && i < n; i++)
        plx_alerts_verdict(desk->alerts, now, records[i].monitor, records[i].now,
                           records[i].faults, records[i].n_faults, records[i].sentence);
    if (desk->alerts)
        plx_alerts_tick(desk->alerts, now);
}

void plx_verdicts_tick(struct plx_desk *desk, struct plx_intake *intake,
                       struct plx_wall now)
{
    const struct plx_judge_output *output;
    const struct plx_transition *transitions;
    size_t n;
    plx_court_tick(desk->court, now, &output, &transitions, &n);
    log_faults(desk, output, now);
    alert_faults(desk, output, now);
    struct record *records = copy_transitions(desk->court, transitions, n);
    size_t n_probes = output->n_probes;
    struct plx_judge_probe *probes = calloc(n_probes + 1, sizeof *probes);
    if (!probes)
        abort();
    if (n_probes > 0)
        memcpy(probes, output->probes, n_probes * sizeof *probes);
    if (n > 0) {
        find_scopes(desk, records, n);
        store_records(desk, records, n, now);
    }
    alert_verdicts(desk, records, n, now);
    order_probes(desk, intake, probes, n_probes);
    order_spares(desk, intake, now);
    free(probes);
    free_records(records, n);
}
