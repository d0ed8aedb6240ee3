/* The API's method uptime. The store is read on the thread for long reads: a window of
 * months takes longer than the loop may stand. */
#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/api_call.h"
#include "coordinator/io/uptime_report.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

#define MONITORS_MAX 500 /* in one answer */
#define FEW          10  /* so many are worked out as finely as can be */
#define WINDOW_NS    PLX_DAY_NS
#define WINDOW_MAX   (400 * PLX_DAY_NS)
#define PATIENCE_NS  (20 * PLX_SEC_NS) /* for all of one answer */

/* Over these, how fast the budget goes: a short and a long alarm's, and a slow one's. */
static const struct {
    const char *name;
    int64_t ns;
} burns[] = {{"1h", PLX_HOUR_NS}, {"6h", 6 * PLX_HOUR_NS}, {"3d", 3 * PLX_DAY_NS}};

struct row {
    struct plx_uptime_subject subject;
    char *name;
    uint32_t slo_ppm;
    int64_t slo_window_ns;
};

/* A question on its way: copied from the desk on the loop thread, answered on another. */
struct asking {
    struct plx_call *call;
    struct row *rows;
    size_t n_rows, n_left_out;
    struct plx_wall from, to;
    enum plx_rollup_level level;
    struct plx_mono deadline;
    struct plx_uptime_ground ground;
    struct plx_buf buf;
    struct plx_json json;
    int err;
};

/* ---- on the thread for long reads ---- */

static void write_ratio(struct plx_json *j, const char *key, double ratio)
{
    plx_json_key(j, key);
    if (ratio < 0)
        plx_json_null(j);
    else
        plx_json_num(j, ratio, 6);
}

static void write_seconds(struct plx_json *j, const char *key, int64_t ns)
{
    plx_json_knum(j, key, (double)ns / (double)PLX_SEC_NS, 3);
}

static void write_locations(const struct plx_uptime_report *report, struct plx_json *j)
{
    double all = (double)plx_wall_diff(report->uptime.to, report->uptime.from);
    plx_json_key(j, "reachability");
    plx_json_array(j);
    for (uint32_t i = 0; i < report->uptime.n_locations; i++) {
        const struct plx_uptime_location *l = &report->locations[i];
        plx_json_object(j);
        plx_json_kstr(j, "location", report->regions[i]);
        write_ratio(j, "ratio", plx_uptime_reachability(l));
        plx_json_kuint(j, "ok", l->ok);
        plx_json_kuint(j, "bad", l->bad);
        write_ratio(j, "coverage", all > 0 ? (double)l->seen_ns / all : -1);
        plx_json_end(j);
    }
    plx_json_end(j);
}

static void write_uptime(const struct plx_uptime_report *report, struct plx_json *j)
{
    const struct plx_uptime *u = &report->uptime;
    plx_json_kwall(j, "from", u->from);
    plx_json_kwall(j, "to", u->to);
    write_ratio(j, "availability", plx_uptime_availability(u));
    write_seconds(j, "up_s", u->up_ns);
    write_seconds(j, "down_s", u->down_ns);
    write_seconds(j, "unknown_s", u->unknown_ns);
    write_seconds(j, "late_s", u->late_ns);
    plx_json_key(j, "learned_late");
    plx_json_array(j);
    for (size_t i = 0; i < u->n_late; i++) {
        plx_json_object(j);
        plx_json_kwall(j, "from", u->late[i].from);
        plx_json_kwall(j, "to", u->late[i].to);
        plx_json_end(j);
    }
    plx_json_end(j);
    write_locations(report, j);
    write_ratio(j, "coverage", plx_uptime_coverage(u));
}

/* A window that ends with the question's. */
static int read_back(struct asking *a, const struct row *row, int64_t window_ns,
                     struct plx_uptime *ret)
{
    struct plx_uptime_report report;
    int err = plx_uptime_report_read(
        a->call->api->reader, &a->ground, &row->subject, plx_wall_add(a->to, -window_ns),
        a->to, plx_uptime_level(window_ns, a->n_rows > FEW), &report);
    if (err < 0)
        return err;
    *ret = report.uptime;
    plx_uptime_report_fini(&report);
    return 0;
}

static int write_slo(struct asking *a, const struct row *row)
{
    struct plx_json *j = &a->json;
    struct plx_uptime u;
    double target = (double)row->slo_ppm / 1e6;
    int64_t window_ns =
        row->slo_window_ns ? row->slo_window_ns : PLX_MONITOR_SLO_WINDOW_NS;
    plx_json_key(j, "slo");
    if (row->slo_ppm == 0) {
        plx_json_null(j);
        return 0;
    }
    int err = read_back(a, row, window_ns, &u);
    if (err < 0)
        return err;
    struct plx_slo slo = plx_slo_of(target, window_ns, &u);
    plx_json_object(j);
    plx_json_knum(j, "target", target, 6);
    write_seconds(j, "window_s", window_ns);
    write_ratio(j, "availability", plx_uptime_availability(&u));
    write_seconds(j, "budget_s", slo.budget_ns);
    write_seconds(j, "spent_s", slo.spent_ns);
    plx_json_knum(j, "left", slo.left, 6);
    plx_json_key(j, "burn_rate");
    plx_json_object(j);
    for (size_t i = 0; err == 0 && i < sizeof burns / sizeof *burns; i++) {
        err = read_back(a, row, burns[i].ns, &u);
        if (err == 0)
            write_ratio(j, burns[i].name, plx_slo_burn(target, &u));
    }
    plx_json_end(j);
    plx_json_end(j);
    return err;
}

static int write_row(struct asking *a, const struct row *row)
{
    struct plx_uptime_report report;
    int err = plx_uptime_report_read(a->call->api->reader, &a->ground, &row->subject,
                                     a->from, a->to, a->level, &report);
    if (err < 0)
        return err;
    plx_json_object(&a->json);
    plx_json_kstr(&a->json, "monitor", row->name);
    write_uptime(&report, &a->json);
    plx_uptime_report_fini(&report);
    err = write_slo(a, row);
    plx_json_end(&a->json);
    return err;
}

/* As far back as any window of this answer goes. */
static struct plx_wall earliest(const struct asking *a)
{
    struct plx_wall from = plx_wall_add(a->to, -PLX_MONITOR_SLO_WINDOW_MAX_NS);
    return from.ns < a->from.ns ? from : a->from;
}

static void work(void *arg)
{
    struct asking *a = arg;
    struct plx_api *api = a->call->api;
    a->err = plx_uptime_ground_read(api->reader, earliest(a), &a->ground);
    plx_json_key(&a->json, "monitors");
    plx_json_array(&a->json);
    for (size_t i = 0; a->err == 0 && i < a->n_rows; i++) {
        a->err = plx_clock_mono().ns > a->deadline.ns ? PLX_ETIMEOUT
                                                      : write_row(a, &a->rows[i]);
    }
    plx_json_end(&a->json);
    plx_json_kuint(&a->json, "left_out", a->n_left_out);
    plx_json_end(&a->json);
}

/* ---- on the loop thread ---- */

static void free_asking(struct asking *a)
{
    for (size_t i = 0; i < a->n_rows; i++) {
        for (size_t k = 0; k < a->rows[i].subject.n_regions; k++)
            free(a->rows[i].subject.regions[k]);
        free(a->rows[i].subject.regions);
        free(a->rows[i].name);
    }
    free(a->rows);
    plx_uptime_ground_fini(&a->ground);
    plx_buf_fini(&a->buf);
    free(a);
}

static void on_worked(void *arg, bool worked)
{
    struct asking *a = arg;
    if (!worked)
        plx_call_fail(a->call, PLX_EGONE, "the coordinator stops");
    else if (a->err == PLX_ETIMEOUT)
        plx_call_fail(a->call, a->err,
                      "this takes too long: ask for fewer monitors or a shorter window");
    else if (a->err < 0)
        plx_call_fail(a->call, a->err, "the uptime could not be worked out: %s",
                      plx_err_text(a->err));
    else
        plx_call_end(a->call, &a->buf);
    free_asking(a);
}

static void add_row(struct asking *a, const struct plx_desk *desk, uint32_t slot)
{
    const struct plx_monitor *m = plx_catalog_at(desk->catalog, slot);
    struct row *row = &a->rows[a->n_rows++];
    size_t n;
    const uint32_t *agents = plx_shares_agents(desk->shares, slot, &n);
    row->name = plx_text_dup(m->name);
    row->slo_ppm = m->slo_ppm;
    row->slo_window_ns = m->slo_window_ns;
    row->subject = (struct plx_uptime_subject){
        .monitor_id = m->id,
        .expect = m->expect,
        .interval_ns = m->interval_ns,
        .min_coverage_percent = m->min_coverage_percent,
        .regions = calloc(n + 1, sizeof *row->subject.regions),
        .n_regions = n,
    };
    if (!row->subject.regions)
        abort();
    for (size_t i = 0; i < n; i++)
        row->subject.regions[i] =
            plx_text_dup(plx_roster_at(desk->roster, agents[i])->region);
}

/* Those named, or the first of all. */
static int read_monitors(struct asking *a, struct plx_why *why)
{
    const struct plx_desk *desk = a->call->api->desk;
    const char **names = NULL;
    size_t n_names = 0, n_all = 0;
    int err = plx_call_texts(a->call, "monitors", false, &names, &n_names, why);
    if (err < 0)
        return err;
    uint32_t *slots = names ? NULL : plx_catalog_sorted(desk->catalog, &n_all);
    size_t n = names ? n_names : n_all;
    if (names && n > MONITORS_MAX)
        err =
            plx_why_set(why, PLX_ETOOBIG, "'monitors': at most %d at once", MONITORS_MAX);
    a->n_left_out = n > MONITORS_MAX ? n - MONITORS_MAX : 0;
    n -= a->n_left_out;
    a->rows = calloc(n + 1, sizeof *a->rows);
    if (!a->rows)
        abort();
    for (size_t i = 0; err == 0 && i < n; i++) {
        uint32_t slot = names ? plx_catalog_by_name(desk->catalog, names[i]) : slots[i];
        if (slot == PLX_CATALOG_NONE)
            err = plx_why_set(why, PLX_ENOTFOUND, "there is no monitor '%s'", names[i]);
        else
            add_row(a, desk, slot);
    }
    free(names);
    free(slots);
    return err;
}

static int read_window(struct asking *a, struct plx_why *why)
{
    struct plx_wall now = plx_clock_wall();
    a->to = now;
    int err = plx_call_moment(a->call, "until", &a->to, why);
    if (a->to.ns > now.ns)
        a->to = now;
    a->from = plx_wall_add(a->to, -WINDOW_NS);
    if (err == 0)
        err = plx_call_moment(a->call, "since", &a->from, why);
    if (err == 0 &&
        (a->from.ns >= a->to.ns || plx_wall_diff(a->to, a->from) > WINDOW_MAX))
        err = plx_why_set(why, PLX_EINVAL,
                          "'since' must be before 'until', by at most 400 days");
    return err;
}

void plx_api_uptime(struct plx_call *call)
{
    struct plx_why why = {""};
    struct asking *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    a->call = call;
    a->deadline = plx_mono_add(plx_clock_mono(), PATIENCE_NS);
    plx_answer_begin(&a->buf, &a->json);
    int err = call->api->reader
                  ? read_window(a, &why)
                  : plx_why_set(&why, PLX_EUNSUPPORTED, "not in this program");
    if (err == 0)
        err = read_monitors(a, &why);
    if (err == 0) {
        a->level = plx_uptime_level(plx_wall_diff(a->to, a->from), a->n_rows > FEW);
        plx_json_kwall(&a->json, "at", plx_clock_wall());
        plx_json_kwall(&a->json, "since", a->from);
        plx_json_kwall(&a->json, "until", a->to);
        plx_json_kstr(&a->json, "resolution", plx_rollup_level_token(a->level));
        if (plx_worker_submit(call->api->reads, work, on_worked, a) < 0)
            err = plx_why_set(&why, PLX_EAGAIN, "too many read at once: try again");
    }
    if (err < 0) {
        plx_call_fail(call, err, "%s", why.text);
        free_asking(a);
    }
}
