/* The API's method rollups: what a monitor's results came to, step by step, by agent.
 *
 * It is read and written out on the worker for reads, so that a long range costs the loop
 * nothing; only the agents' names are the loop's to tell. */
#include "base/err.h"
#include "coordinator/io/api_call.h"
#include "coordinator/io/store_rollups.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

#define STEPS_USUAL 500
#define STEPS_MAX   1500
/* Steps that a range is cut into where none is asked for. */
#define STEPS_AIM   200

struct part {
    uint64_t agent_id;
    struct plx_rollup rollup;
};

struct rollups {
    struct plx_call *call;
    struct plx_store_reader *reader;
    struct plx_store_rollup_range range;
    enum plx_expect expect;
    int64_t step_ns;
    int64_t limit; /* steps */
    struct plx_wall since;
    /* The step that is being summed up. */
    struct plx_wall at;
    struct part *parts;
    size_t n_parts, cap_parts;
    int64_t n_steps;
    struct plx_wall next; /* of the next page; 0: none */
    uint64_t *agents;     /* that occur */
    size_t n_agents, cap_agents;
    int err;
    struct plx_buf buf;
    struct plx_json j;
};

/* ---- on the worker ---- */

static void *grown(void *list, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return list;
    *cap = *cap ? *cap * 2 : 8;
    list = realloc(list, *cap * size);
    if (!list)
        abort();
    return list;
}

static void write_outcomes(struct plx_json *j, const struct plx_rollup *r,
                           enum plx_expect expect)
{
    uint64_t failed = 0;
    plx_json_key(j, "outcomes");
    plx_json_object(j);
    for (int o = 1; o < PLX_OUTCOME_COUNT_; o++) {
        if (!r->outcomes[o])
            continue;
        plx_json_kuint(j, plx_outcome_token((enum plx_outcome)o), r->outcomes[o]);
        if (plx_expect_is_bad(expect, (enum plx_outcome)o))
            failed += r->outcomes[o];
    }
    plx_json_end(j);
    plx_json_kuint(j, "probes", plx_rollup_probes(r));
    plx_json_kuint(j, "failed", failed);
    plx_json_kuint(j, "extra", r->extra);
}

static void write_quantile(struct plx_json *j, const char *key,
                           const struct plx_rollup *r, double q)
{
    double us = plx_sketch_quantile(&r->latency, q);
    /* What lies beyond what was seen is the sketch's doing. */
    us = us < r->min_us ? r->min_us : us > r->max_us ? r->max_us : us;
    plx_json_knum(j, key, us / 1000, 3);
}

static void write_latency(struct plx_json *j, const struct plx_rollup *r)
{
    uint64_t n = plx_sketch_count(&r->latency);
    plx_json_key(j, "latency_ms");
    if (n == 0) {
        plx_json_null(j);
        return;
    }
    plx_json_object(j);
    plx_json_kuint(j, "n", n);
    plx_json_knum(j, "min", r->min_us / 1000.0, 3);
    write_quantile(j, "p50", r, 0.5);
    write_quantile(j, "p90", r, 0.9);
    write_quantile(j, "p99", r, 0.99);
    plx_json_knum(j, "max", r->max_us / 1000.0, 3);
    plx_json_knum(j, "mean", (double)r->sum_us / (double)n / 1000, 3);
    plx_json_end(j);
}

static void write_part(struct rollups *q, const struct part *part)
{
    const struct plx_rollup *r = &part->rollup;
    struct plx_json *j = &q->j;
    plx_json_object(j);
    plx_json_kwall(j, "at", q->at);
    plx_json_kuint(j, "agent", part->agent_id);
    write_outcomes(j, r, q->expect);
    plx_json_knum(j, "loss", r->syns ? (double)r->resent / r->syns : 0, 5);
    write_latency(j, r);
    plx_json_end(j);
}

static void end_step(struct rollups *q)
{
    for (size_t i = 0; i < q->n_parts; i++) {
        write_part(q, &q->parts[i]);
        plx_rollup_fini(&q->parts[i].rollup);
    }
    q->n_parts = 0;
}

static void note_agent(struct rollups *q, uint64_t agent_id)
{
    for (size_t i = 0; i < q->n_agents; i++)
        if (q->agents[i] == agent_id)
            return;
    q->agents = grown(q->agents, q->n_agents, &q->cap_agents, sizeof *q->agents);
    q->agents[q->n_agents++] = agent_id;
}

static struct plx_rollup *part_of(struct rollups *q, uint64_t agent_id)
{
    for (size_t i = 0; i < q->n_parts; i++)
        if (q->parts[i].agent_id == agent_id)
            return &q->parts[i].rollup;
    note_agent(q, agent_id);
    q->parts = grown(q->parts, q->n_parts, &q->cap_parts, sizeof *q->parts);
    q->parts[q->n_parts] = (struct part){.agent_id = agent_id};
    return &q->parts[q->n_parts++].rollup;
}

static bool take_row(void *arg, const struct plx_store_rollup_row *row)
{
    struct rollups *q = arg;
    struct plx_wall at = {row->at.ns - row->at.ns % q->step_ns};
    if (at.ns != q->at.ns || q->n_steps == 0) {
        end_step(q);
        if (q->n_steps == q->limit) {
            q->next = at;
            return false;
        }
        q->at = at;
        q->n_steps++;
    }
    plx_rollup_merge(part_of(q, row->agent_id), row->rollup);
    return true;
}

static void read_rollups(void *arg)
{
    struct rollups *q = arg;
    struct plx_json *j = &q->j;
    plx_json_kwall(j, "since", q->since);
    plx_json_kwall(j, "until", q->range.to);
    plx_json_knum(j, "step_s", (double)q->step_ns / (double)PLX_SEC_NS, 0);
    plx_json_kstr(j, "level", plx_rollup_level_token(q->range.level));
    plx_json_knum(j, "latency_error", PLX_SKETCH_ERROR, 4);
    plx_json_key(j, "rows");
    plx_json_array(j);
    q->err = plx_store_read_rollups(q->reader, &q->range, take_row, q);
    end_step(q);
    plx_json_end(j);
    plx_json_kwall(j, "next", q->next);
}

/* ---- on the loop ---- */

static void write_names(struct rollups *q)
{
    const struct plx_roster *roster = q->call->api->desk->roster;
    plx_json_key(&q->j, "agents");
    plx_json_array(&q->j);
    for (size_t i = 0; i < q->n_agents; i++) {
        uint32_t slot = plx_roster_by_id(roster, q->agents[i]);
        const struct plx_agent *agent =
            slot == PLX_ROSTER_NONE ? NULL : plx_roster_at(roster, slot);
        plx_json_object(&q->j);
        plx_json_kuint(&q->j, "id", q->agents[i]);
        plx_json_kstr(&q->j, "name", agent ? agent->name : NULL);
        plx_json_kstr(&q->j, "region", agent ? agent->region : NULL);
        plx_json_end(&q->j);
    }
    plx_json_end(&q->j);
}

static void free_rollups(struct rollups *q)
{
    for (size_t i = 0; i < q->n_parts; i++)
        plx_rollup_fini(&q->parts[i].rollup);
    plx_buf_fini(&q->buf);
    free(q->parts);
    free(q->agents);
    free(q);
}

static void on_read(void *arg, bool worked)
{
    struct rollups *q = arg;
    if (!worked) {
        plx_call_fail(q->call, PLX_EGONE, "the coordinator is stopping");
    } else if (q->err < 0) {
        plx_call_fail(q->call, q->err, "the rollups could not be read: %s",
                      plx_err_text(q->err));
    } else {
        write_names(q);
        plx_json_end(&q->j);
        plx_call_end(q->call, &q->buf);
    }
    free_rollups(q);
}

/* The level whose stretches make up the step. */
static enum plx_rollup_level level_of(int64_t step_ns)
{
    return step_ns % PLX_DAY_NS == 0    ? PLX_ROLLUP_DAY
           : step_ns % PLX_HOUR_NS == 0 ? PLX_ROLLUP_HOUR
                                        : PLX_ROLLUP_MINUTE;
}

/* A round step that cuts the range into few enough. */
static int64_t usual_step(int64_t range_ns)
{
    static const int64_t steps[] = {
        PLX_MIN_NS,  5 * PLX_MIN_NS,  15 * PLX_MIN_NS,
        PLX_HOUR_NS, 6 * PLX_HOUR_NS, PLX_DAY_NS,
    };
    size_t i = 0, n = sizeof steps / sizeof *steps;
    while (i + 1 < n && range_ns / steps[i] > STEPS_AIM)
        i++;
    return steps[i];
}

static int read_question(struct rollups *q, struct plx_why *why)
{
    struct plx_call *call = q->call;
    struct plx_wall after = {0};
    q->range.to = plx_clock_wall();
    q->since = plx_wall_add(q->range.to, -PLX_DAY_NS);
    q->limit = STEPS_USUAL;
    int err = plx_call_moment(call, "since", &q->since, why);
    if (err == 0)
        err = plx_call_moment(call, "until", &q->range.to, why);
    if (err == 0)
        err = plx_call_moment(call, "after", &after, why);
    if (err == 0)
        err = plx_call_int(call, "limit", 1, STEPS_MAX, &q->limit, why);
    if (err == 0 && q->since.ns >= q->range.to.ns)
        err = plx_why_set(why, PLX_EINVAL, "'since' must be before 'until'");
    q->step_ns = usual_step(plx_wall_diff(q->range.to, q->since));
    if (err == 0)
        err = plx_call_duration(call, "step", &q->step_ns, why);
    if (err == 0 && (q->step_ns < PLX_MIN_NS || q->step_ns % PLX_MIN_NS != 0 ||
                     q->step_ns > 366 * PLX_DAY_NS))
        err = plx_why_set(why, PLX_EINVAL,
                          "'step' must be whole minutes, at most 366 days");
    if (err < 0)
        return err;
    q->since.ns -= q->since.ns % q->step_ns;
    q->range.level = level_of(q->step_ns);
    q->range.from = after.ns > q->since.ns ? after : q->since;
    return 0;
}

void plx_api_rollups(struct plx_call *call)
{
    struct plx_api *api = call->api;
    struct plx_why why = {""};
    uint32_t slot = plx_call_monitor(call, "monitor");
    if (slot == PLX_CATALOG_NONE)
        return;
    struct rollups *q = calloc(1, sizeof *q);
    if (!q)
        abort();
    const struct plx_monitor *m = plx_catalog_at(api->desk->catalog, slot);
    q->call = call;
    q->reader = api->reader;
    q->range.monitor_id = m->id;
    q->expect = m->expect;
    int err = read_question(q, &why);
    if (err == 0) {
        plx_answer_begin(&q->buf, &q->j);
        plx_json_kstr(&q->j, "monitor", m->name);
        err = api->reader ? plx_worker_submit(api->reads, read_rollups, on_read, q)
                          : plx_why_set(&why, PLX_EUNSUPPORTED, "not in this program");
    }
    if (err == 0)
        return;
    plx_call_fail(call, err, "%s",
                  err == PLX_EAGAIN ? "too many read at once: try again" : why.text);
    free_rollups(q);
}
