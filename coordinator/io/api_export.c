/* The API's method for recordings: results.export. What the store holds of a span, as the
 * lines that `parallax judge` reads, page by page.
 *
 * The reader asks for one page after the other: a page is bounded, the coordinator keeps
 * nothing in between, and a slow reader holds nobody up. The first page declares agents
 * and monitors as they are now, and brings the verdicts that were given in the span. */
#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/api_call.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_ROWS    5000   /* about a MiB */
#define RECORDED_MAX 100000 /* verdicts of a span */
#define SPAN_MAX_NS  (400 * PLX_DAY_NS)
#define AFTER_MAX    40

struct export
{
    struct plx_call *call;
    struct plx_desk *desk;
    struct plx_json *j;
    struct plx_wall at, since, until, began, oldest;
    struct plx_store_cursor cursor;
    bool first;   /* page */
    bool *wanted; /* by monitor slot */
    uint64_t left_out;
};

/* ---- what is asked ---- */

/* "YYYYMMDD.ROW" */
static int parse_after(const char *text, struct plx_store_cursor *ret,
                       struct plx_why *why)
{
    char day[9];
    int64_t number = 0, row = 0;
    bool good = strlen(text) > 9 && text[8] == '.';
    if (good) {
        memcpy(day, text, 8);
        day[8] = '\0';
        good = plx_text_int(day, 19700101, 99991231, &number) == 0 &&
               plx_text_int(text + 9, 0, INT64_MAX, &row) == 0;
    }
    if (!good)
        return plx_why_set(why, PLX_EINVAL, "'after': '%s' is not what 'next' said",
                           text);
    *ret = (struct plx_store_cursor){.day = (int32_t)number, .row = row};
    return 0;
}

static int read_wanted(struct export *x, struct plx_why *why)
{
    const struct plx_catalog *catalog = x->desk->catalog;
    const char **names = NULL;
    size_t n = 0;
    int err = plx_call_texts(x->call, "monitors", false, &names, &n, why);
    if (err < 0)
        return err;
    uint32_t end = plx_catalog_end(catalog);
    x->wanted = calloc((size_t)end + 1, sizeof *x->wanted);
    if (!x->wanted)
        abort();
    for (uint32_t i = 0; i < end; i++)
        x->wanted[i] = n == 0 && plx_catalog_at(catalog, i);
    for (size_t i = 0; err == 0 && i < n; i++) {
        uint32_t slot = plx_catalog_by_name(catalog, names[i]);
        if (slot == PLX_CATALOG_NONE)
            err = plx_why_set(why, PLX_ENOTFOUND, "there is no monitor '%s'", names[i]);
        else
            x->wanted[slot] = true;
    }
    free(names);
    return err;
}

static bool take_oldest(void *arg, const struct plx_store_row *row)
{
    ((struct export *)arg)->oldest = row->received;
    return false;
}

static int read_question(struct export *x, struct plx_why *why)
{
    const struct plx_store_range all = {0};
    struct plx_store_cursor start = {0};
    const char *after = NULL;
    x->since = plx_wall_add(x->at, -2 * PLX_HOUR_NS);
    x->until = x->at;
    int err = plx_call_moment(x->call, "since", &x->since, why);
    if (err == 0)
        err = plx_call_moment(x->call, "until", &x->until, why);
    if (x->until.ns > x->at.ns)
        x->until = x->at; /* what the future brings is not recorded yet */
    if (err == 0 &&
        (x->until.ns <= x->since.ns || plx_wall_diff(x->until, x->since) > SPAN_MAX_NS))
        err = plx_why_set(why, PLX_EINVAL,
                          "'since' must be before 'until' and now, by at most 400 days");
    if (err == 0)
        err = plx_call_text(x->call, "after", false, &after, why);
    x->first = after == NULL;
    if (err == 0 && after)
        err = parse_after(after, &x->cursor, why);
    if (err == 0)
        err = read_wanted(x, why);
    if (err == 0 &&
        plx_store_read_results(x->desk->store, &all, &start, 1, take_oldest, x) < 0)
        err = plx_why_set(why, PLX_EIO, "the results could not be read");
    x->began = plx_wall_add(x->since, -plx_desk_window_ns(x->desk));
    return err;
}

/* ---- declarations ---- */

static void key_time(struct plx_json *j, const char *key, struct plx_wall t)
{
    plx_json_knum(j, key, (double)t.ns / (double)PLX_SEC_NS, 6);
}

static void begin_line(struct export *x, const char *type)
{
    plx_json_object(x->j);
    plx_json_kstr(x->j, "type", type);
}

static void write_agents(struct export *x)
{
    const struct plx_roster *roster = x->desk->roster;
    for (uint32_t i = 0; i < plx_roster_count(roster); i++) {
        const struct plx_agent *agent = plx_roster_at(roster, i);
        if (agent->revoked)
            continue;
        begin_line(x, "agent");
        plx_json_kstr(x->j, "agent", agent->name);
        plx_json_kstr(x->j, "region", agent->region);
        plx_api_write_labels(agent->labels, agent->n_labels, x->j);
        plx_json_end(x->j);
    }
}

static void write_rules(const struct plx_monitor *m, struct plx_json *j)
{
    char quorum[PLX_QUORUM_TEXT_MAX];
    plx_json_kstr(j, "expect", plx_expect_token(m->expect));
    if (m->quorum.rule != PLX_QUORUM_AUTO)
        plx_json_kstr(j, "quorum", plx_quorum_format(m->quorum, quorum));
    if (m->min_coverage_percent > 0)
        plx_json_knum(j, "min_coverage", (double)m->min_coverage_percent / 100, 2);
    if (m->degraded_above_ns > 0)
        plx_json_knum(j, "degraded_above", (double)m->degraded_above_ns / 1e9, 6);
    if (m->n_depends_on == 0)
        return;
    plx_json_key(j, "depends_on");
    plx_json_array(j);
    for (size_t i = 0; i < m->n_depends_on; i++)
        plx_json_str(j, m->depends_on[i]);
    plx_json_end(j);
}

static void write_monitor(struct export *x, uint32_t slot)
{
    const struct plx_monitor *m = plx_catalog_at(x->desk->catalog, slot);
    struct plx_addr address = plx_court_address(x->desk->court, slot);
    char text[PLX_ADDR_TEXT_MAX];
    size_t n;
    const uint32_t *agents = plx_shares_agents(x->desk->shares, slot, &n);
    begin_line(x, "monitor");
    plx_json_kstr(x->j, "monitor", m->name);
    plx_json_kstr(x->j, "host", m->host);
    plx_json_kstr(x->j, "address",
                  address.family ? plx_addr_format(&address, text) : NULL);
    plx_json_kuint(x->j, "port", m->port);
    plx_json_knum(x->j, "interval", (double)m->interval_ns / 1e9, 6);
    plx_json_knum(x->j, "timeout", (double)m->timeout_ns / 1e9, 6);
    plx_json_key(x->j, "agents");
    plx_json_array(x->j);
    for (size_t i = 0; i < n; i++)
        plx_json_str(x->j, plx_roster_at(x->desk->roster, agents[i])->name);
    plx_json_end(x->j);
    write_rules(m, x->j);
    plx_json_end(x->j);
}

/* Those that depend on others come once more: a reader knows the others then. */
static void write_monitors(struct export *x)
{
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < plx_catalog_end(x->desk->catalog); i++)
            if (x->wanted[i] &&
                (pass == 0 || plx_catalog_at(x->desk->catalog, i)->n_depends_on > 0))
                write_monitor(x, i);
}

/* ---- verdicts of the time ---- */

struct recorded {
    uint32_t slot;
    struct plx_wall at;
    double confidence;
    char *was, *now, *scope, *why;
};

struct record {
    struct export *x;
    struct recorded *list; /* newest first */
    size_t n;
    bool *seen; /* by monitor slot */
};

static void add_recorded(struct record *r, uint32_t slot,
                         const struct plx_store_verdict *v)
{
    if ((r->n & (r->n + 1)) == 0) { /* one less than a power of two: grow */
        r->list = realloc(r->list, (2 * r->n + 2) * sizeof *r->list);
        if (!r->list)
            abort();
    }
    r->seen[slot] = true;
    r->list[r->n++] = (struct recorded){
        .slot = slot,
        .at = v->at,
        .confidence = v->confidence,
        .was = plx_text_dup(v->was),
        .now = plx_text_dup(v->now),
        .scope = plx_text_dup(v->scope),
        .why = plx_text_dup(v->sentence),
    };
}

static bool take_verdict(void *arg, const struct plx_store_verdict *v)
{
    struct record *r = arg;
    uint32_t slot = plx_catalog_by_id(r->x->desk->catalog, v->monitor_id);
    if (v->at.ns < r->x->began.ns)
        return false;
    if (v->at.ns < r->x->until.ns && slot != PLX_CATALOG_NONE && r->x->wanted[slot])
        add_recorded(r, slot, v);
    return true;
}

/* What held already when the span began, of monitors that kept it. */
static bool take_standing(void *arg, const struct plx_store_verdict *v)
{
    struct record *r = arg;
    uint32_t slot = plx_catalog_by_id(r->x->desk->catalog, v->monitor_id);
    if (v->at.ns < r->x->began.ns && slot != PLX_CATALOG_NONE && r->x->wanted[slot] &&
        !r->seen[slot])
        add_recorded(r, slot, v);
    return true;
}

static void write_recorded(struct export *x, const struct recorded *v)
{
    begin_line(x, "recorded");
    key_time(x->j, "at", v->at);
    plx_json_kstr(x->j, "monitor", plx_catalog_at(x->desk->catalog, v->slot)->name);
    plx_json_kstr(x->j, "was", v->was);
    plx_json_kstr(x->j, "verdict", v->now);
    plx_json_kstr(x->j, "scope", v->scope);
    plx_json_knum(x->j, "confidence", v->confidence, 4);
    plx_json_kstr(x->j, "why", v->why);
    plx_json_end(x->j);
}

static int write_record(struct export *x)
{
    struct record r = {.x = x};
    r.seen = calloc((size_t)plx_catalog_end(x->desk->catalog) + 1, sizeof *r.seen);
    if (!r.seen)
        abort();
    int err =
        plx_store_read_verdicts(x->desk->store, 0, 0, RECORDED_MAX, take_verdict, &r);
    if (err == 0)
        err = plx_store_read_last_verdicts(x->desk->store, take_standing, &r);
    for (size_t i = r.n; i-- > 0;) {
        struct recorded *v = &r.list[i];
        if (err == 0)
            write_recorded(x, v);
        free(v->was);
        free(v->now);
        free(v->scope);
        free(v->why);
    }
    free(r.list);
    free(r.seen);
    return err;
}

static int write_beginning(struct export *x)
{
    begin_line(x, "recording");
    key_time(x->j, "from", x->since);
    key_time(x->j, "until", x->until);
    plx_json_kbool(x->j, "recorded", true);
    plx_json_end(x->j);
    write_agents(x);
    write_monitors(x);
    return write_record(x);
}

/* ---- results ---- */

static void write_result(struct export *x, const struct plx_agent *agent, uint32_t slot,
                         const struct plx_store_row *row)
{
    const struct plx_result *r = &row->result;
    char text[PLX_ADDR_TEXT_MAX];
    bool from_target =
        r->icmp_from.family != 0 && plx_addr_equal(&r->icmp_from, &r->address);
    begin_line(x, "result");
    key_time(x->j, "now", row->received);
    key_time(x->j, "at", plx_roster_correct(agent, r->started, row->received));
    plx_json_kstr(x->j, "monitor", plx_catalog_at(x->desk->catalog, slot)->name);
    plx_json_kstr(x->j, "agent", agent->name);
    plx_json_kstr(x->j, "outcome", plx_outcome_token(r->outcome));
    if (r->unreach != PLX_UNREACH_NONE)
        plx_json_kstr(x->j, "scope", plx_unreach_token(r->unreach));
    plx_json_kstr(x->j, "kind", r->kind == PLX_PROBE_SCHEDULED ? "scheduled" : "confirm");
    plx_json_kuint(x->j, "rtt_us", r->rtt_us);
    plx_json_kuint(x->j, "syn_retrans", plx_result_resent_in_time(r));
    if (r->detail == PLX_DETAIL_HALF_UP)
        plx_json_kbool(x->j, "half_up", true);
    if (r->clock_doubtful)
        plx_json_kbool(x->j, "clock_doubtful", true);
    plx_json_kstr(x->j, "icmp_from",
                  from_target ? plx_addr_format(&r->icmp_from, text) : NULL);
    plx_json_end(x->j);
}

/* As the court takes them: those of agents that have the monitor, or were asked. */
static bool take_row(void *arg, const struct plx_store_row *row)
{
    struct export *x = arg;
    const struct plx_desk *desk = x->desk;
    if (row->result.kind == PLX_PROBE_ADDRESS) /* is in the run's own result */
        return true;
    if (plx_result_is_held_back(&row->result)) /* the judge does not hear of it */
        return true;
    uint32_t slot = plx_catalog_by_id(desk->catalog, row->result.monitor_id);
    uint32_t agent = plx_roster_by_id(desk->roster, row->agent_id);
    if (slot != PLX_CATALOG_NONE && !x->wanted[slot])
        return true;
    if (slot != PLX_CATALOG_NONE && agent != PLX_ROSTER_NONE &&
        !plx_roster_at(desk->roster, agent)->revoked &&
        row->result.outcome != PLX_OUTCOME_NONE &&
        (plx_shares_has(desk->shares, agent, slot) ||
         plx_court_takes_spare(row->result.kind)))
        write_result(x, plx_roster_at(desk->roster, agent), slot, row);
    else
        x->left_out++;
    return true;
}

static int write_rows(struct export *x)
{
    const struct plx_store_range range = {.from = x->began, .to = x->until};
    const struct plx_store_cursor before = x->cursor;
    int err = plx_store_read_results(x->desk->store, &range, &x->cursor, PAGE_ROWS,
                                     take_row, x);
    bool moved = x->cursor.day != before.day || x->cursor.row != before.row;
    return err == PLX_ETIMEOUT && moved ? 0 : err; /* the next page goes on from there */
}

static void write_end(struct export *x)
{
    char next[AFTER_MAX];
    plx_json_kwall(x->j, "at", x->at);
    plx_json_kwall(x->j, "since", x->since);
    plx_json_kwall(x->j, "until", x->until);
    plx_json_kwall(x->j, "began", x->began);
    plx_json_kwall(x->j, "oldest", x->oldest);
    plx_json_kuint(x->j, "left_out", x->left_out);
    snprintf(next, sizeof next, "%08d.%lld", x->cursor.day, (long long)x->cursor.row);
    plx_json_kstr(x->j, "next", x->cursor.at_end ? NULL : next);
    plx_json_end(x->j);
}

void plx_api_results_export(struct plx_call *call)
{
    struct plx_why why = {""};
    struct plx_buf buf;
    struct plx_json j;
    struct export x = {
        .call = call, .desk = call->api->desk, .j = &j, .at = plx_clock_wall()};
    int err = read_question(&x, &why);
    if (err < 0) {
        free(x.wanted);
        plx_call_fail(call, err, "%s", why.text);
        return;
    }
    plx_answer_begin(&buf, &j);
    plx_json_key(&j, "lines");
    plx_json_array(&j);
    if (x.first)
        err = write_beginning(&x);
    if (err == 0)
        err = write_rows(&x);
    plx_json_end(&j);
    write_end(&x);
    free(x.wanted);
    if (err == 0) {
        plx_call_end(call, &buf);
        return;
    }
    plx_buf_fini(&buf);
    plx_call_fail(call, err, "the results could not be read: %s", plx_err_text(err));
}
