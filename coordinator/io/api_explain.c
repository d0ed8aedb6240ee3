/* The API's method for one monitor's reasoning: explain. */
#include "coordinator/io/api_view.h"
#include "coordinator/io/inquest.h"
#include "schema/monitors.h"
#include "sys/clock.h"

#define RECENT_TRANSITIONS 10
#define FAULTS_MAX         16

static void write_numbers(const struct plx_judge_view *view, struct plx_json *j)
{
    plx_json_kstr(j, "runner_up", view->runner_up);
    plx_json_knum(j, "margin", view->margin, 2);
    plx_json_key(j, "loss");
    plx_json_object(j);
    plx_json_knum(j, "estimate", view->loss, 4);
    plx_json_knum(j, "low", view->loss_low, 4);
    plx_json_knum(j, "high", view->loss_high, 4);
    plx_json_end(j);
    plx_json_key(j, "latency_ms");
    if (view->rtt_us > 0)
        plx_json_num(j, (double)view->rtt_us / 1000, 3);
    else
        plx_json_null(j);
}

/* ---- the method ---- */

void plx_api_explain(struct plx_call *call)
{
    struct plx_desk *desk = call->api->desk;
    struct plx_wall now = plx_clock_wall();
    uint64_t faults[FAULTS_MAX]; /* the judge lends its own for one call only */
    size_t n_faults = 0;
    struct plx_judge_view view = {.ruling = {.why = ""}, .runner_up = ""};
    struct plx_fault_heads heads;
    struct plx_buf buf;
    struct plx_json j;
    uint32_t slot = plx_call_monitor(call, "monitor");
    if (slot == PLX_CATALOG_NONE)
        return;
    plx_fault_heads_init(&heads, desk->court);
    plx_answer_begin(&buf, &j);
    plx_judge_explain(plx_court_judge(desk->court), slot, &view);
    for (; n_faults < view.ruling.n_faults && n_faults < FAULTS_MAX; n_faults++)
        faults[n_faults] = view.ruling.faults[n_faults];
    plx_json_kwall(&j, "at", now);
    plx_api_write_view(desk, slot, &view, &heads, true, now, &j);
    plx_api_write_spares(desk, &view, now, &j);
    write_numbers(&view, &j);
    plx_json_key(&j, "covering_faults");
    plx_api_write_faults(desk, faults, n_faults, false, &j);
    plx_inquest_write(desk->inquest, slot, faults, n_faults, &j);
    plx_json_key(&j, "monitor");
    plx_monitor_to_json(plx_catalog_at(desk->catalog, slot), &j);
    plx_api_write_history(desk, slot, 0, RECENT_TRANSITIONS, &j);
    plx_json_end(&j);
    plx_fault_heads_fini(&heads);
    plx_call_end(call, &buf);
}
