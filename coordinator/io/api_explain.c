/* The API's method for one monitor's reasoning: explain, as data and as text. */
#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/api_view.h"
#include "schema/monitors.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

#define RECENT_TRANSITIONS 10
#define FAULTS_MAX         16
#define TEXT_MAX           (256 * 1024)

/* What the judge lends for one call only, kept for the whole answer. */
struct brief {
    uint32_t slot;
    struct plx_wall now;
    uint64_t faults[FAULTS_MAX];
    size_t n_faults;
};

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

/* ---- as text ---- */

static void tell_seen(struct plx_buf *text, const struct plx_judge_cell *cell,
                      const struct plx_sight *sight, struct plx_wall now)
{
    char age[PLX_DURATION_TEXT_MAX], addr[PLX_ADDR_TEXT_MAX];
    int64_t age_ns = plx_wall_diff(now, sight->at);
    plx_buf_printf(text, "%s", plx_outcome_sentence(sight->outcome));
    if (sight->address.family)
        plx_buf_printf(text, " at %s", plx_addr_format(&sight->address, addr));
    if (sight->rtt_us > 0)
        plx_buf_printf(text, " in %.1f ms", (double)sight->rtt_us / 1000);
    if (sight->icmp_from.family)
        plx_buf_printf(text, ", said %s", plx_addr_format(&sight->icmp_from, addr));
    if (plx_detail_sentence(sight->detail)[0])
        plx_buf_printf(text, " (%s)", plx_detail_sentence(sight->detail));
    plx_buf_printf(text, ", %s ago, %u alike in a row",
                   plx_duration_human(age_ns > 0 ? age_ns : 0, age), cell->n_run);
}

static void tell_cell(struct plx_desk *desk, const struct brief *brief,
                      const struct plx_judge_cell *cell, struct plx_buf *text)
{
    const struct plx_agent *agent = plx_roster_at(desk->roster, cell->agent);
    const struct plx_sight *sight =
        plx_court_sight(desk->court, brief->slot, cell->agent);
    char id[PLX_FAULT_ID_MAX];
    if (!agent)
        return;
    plx_buf_printf(text, "  %s (%s) ", agent->name, agent->region);
    if (sight)
        tell_seen(text, cell, sight, brief->now);
    else
        plx_buf_text(text, "has not reported yet");
    plx_buf_printf(text, "\n    %s", plx_judge_reason_text(cell->reason));
    if (cell->fault)
        plx_buf_printf(text, " (%s)", plx_fault_id(cell->fault, id));
    plx_buf_char(text, '\n');
}

static void tell_view(struct plx_desk *desk, const struct brief *brief,
                      const struct plx_judge_view *view, struct plx_buf *text)
{
    const struct plx_monitor *m = plx_catalog_at(desk->catalog, brief->slot);
    const struct plx_judge_ruling *ruling = &view->ruling;
    plx_buf_printf(text, "%s (%s port %u) is %s", m->name, m->host, m->port,
                   plx_court_word(desk->court, brief->slot, ruling));
    plx_buf_printf(text, ", confidence %.0f %%, seen from %u of %u\n",
                   100 * ruling->confidence, ruling->fresh, ruling->assigned);
    if (ruling->why && ruling->why[0])
        plx_buf_printf(text, "  %s\n", ruling->why);
    plx_buf_text(text, "\nWhat each agent saw, and whether it counts:\n");
    for (size_t i = 0; i < view->n_cells; i++)
        tell_cell(desk, brief, &view->cells[i], text);
    if (view->n_cells == 0)
        plx_buf_text(text, "  no agent probes it\n");
    if (view->runner_up && view->runner_up[0])
        plx_buf_printf(text, "\nThe next best story (behind by %.1f nats):\n  %s\n",
                       view->margin, view->runner_up);
}

static bool covers(const struct brief *brief, uint64_t id)
{
    for (size_t i = 0; i < brief->n_faults; i++)
        if (brief->faults[i] == id)
            return true;
    return false;
}

static void tell_faults(struct plx_desk *desk, const struct brief *brief,
                        struct plx_buf *text)
{
    const struct plx_judge_fault *faults;
    char id[PLX_FAULT_ID_MAX], since[PLX_WALL_TEXT_MAX];
    size_t n;
    plx_judge_faults(plx_court_judge(desk->court), &faults, &n);
    if (brief->n_faults > 0)
        plx_buf_text(text, "\nFaults that cover it:\n");
    for (size_t i = 0; i < n; i++)
        if (covers(brief, faults[i].id))
            plx_buf_printf(text, "  %s %s %s since %s, confidence %.0f %%: %s\n",
                           plx_fault_id(faults[i].id, id),
                           plx_judge_class_token(faults[i].class), faults[i].entity,
                           plx_wall_format(faults[i].onset, since),
                           100 * faults[i].confidence, faults[i].why);
}

static bool tell_verdict(void *arg, const struct plx_store_verdict *v)
{
    char at[PLX_WALL_TEXT_MAX];
    plx_buf_printf(arg, "  %s  %s → %s\n", plx_wall_format(v->at, at), v->was, v->now);
    return true;
}

/* ---- the method ---- */

void plx_api_explain(struct plx_call *call)
{
    struct plx_desk *desk = call->api->desk;
    struct brief brief = {.now = plx_clock_wall()};
    struct plx_judge_view view = {.ruling = {.why = ""}, .runner_up = ""};
    struct plx_fault_heads heads;
    struct plx_buf buf, text;
    struct plx_json j;
    brief.slot = plx_call_monitor(call, "monitor");
    if (brief.slot == PLX_CATALOG_NONE)
        return;
    plx_fault_heads_init(&heads, desk->court);
    plx_buf_init(&text, TEXT_MAX);
    plx_answer_begin(&buf, &j);
    plx_judge_explain(plx_court_judge(desk->court), brief.slot, &view);
    for (; brief.n_faults < view.ruling.n_faults && brief.n_faults < FAULTS_MAX;
         brief.n_faults++)
        brief.faults[brief.n_faults] = view.ruling.faults[brief.n_faults];
    plx_json_kwall(&j, "at", brief.now);
    plx_api_write_view(desk, brief.slot, &view, &heads, true, brief.now, &j);
    write_numbers(&view, &j);
    tell_view(desk, &brief, &view, &text);
    plx_json_key(&j, "covering_faults");
    plx_api_write_faults(desk, brief.faults, brief.n_faults, false, &j);
    tell_faults(desk, &brief, &text);
    plx_json_key(&j, "monitor");
    plx_monitor_to_json(plx_catalog_at(desk->catalog, brief.slot), &j);
    plx_api_write_history(desk, brief.slot, 0, RECENT_TRANSITIONS, &j);
    plx_buf_text(&text, "\nRecent changes:\n");
    plx_store_read_verdicts(desk->store, plx_catalog_at(desk->catalog, brief.slot)->id, 0,
                            RECENT_TRANSITIONS, tell_verdict, &text);
    plx_json_kstr(&j, "text", plx_buf_str(&text));
    plx_json_end(&j);
    plx_buf_fini(&text);
    plx_fault_heads_fini(&heads);
    plx_call_end(call, &buf);
}
