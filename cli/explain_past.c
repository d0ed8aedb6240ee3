#include "cli/explain_past.h"

#include "base/err.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/client.h"
#include "cli/judge_feed.h"
#include "cli/recording.h"
#include "cli/render.h"
#include "cli/rerun.h"
#include "sys/clock.h"

#include <inttypes.h>
#include <string.h>

/* How long before the moment the judging begins, besides the run-up of any recording:
 * long enough to learn the agents' noise, short enough to answer soon. */
#define HISTORY_NS PLX_HOUR_NS

#define CHANGES_MAX 10

struct past {
    struct plx_rerun run;
    struct plx_recording said;
    struct plx_wall at;
    uint32_t monitor;
};

static int take_line(void *arg, const char *text, size_t len, uint64_t number)
{
    struct past *p = arg;
    struct plx_why why = {""};
    if (plx_rerun_line(&p->run, text, len, &why) == 0)
        return 0;
    return plx_complain(PLX_EXIT_FAILED, "explain: line %" PRIu64 " of the results: %s",
                        number, why.text);
}

static int feed_page(void *feed, const char *text, size_t len)
{
    return plx_feed_bytes(feed, text, len);
}

/* ---- fetching ---- */

/* The moment as the coordinator takes it, and one that lies HISTORY_NS before; by our own
 * reading 0 if it is said as a duration. */
static int find_span(const char *at, char since[PLX_WALL_TEXT_MAX], char until[64],
                     struct plx_wall *ret_moment)
{
    struct plx_wall moment = {0};
    int64_t ago_ns;
    char buf[64];
    const char *text = plx_question_ago(at, buf);
    if (plx_text_copy(until, 64, text) < 0)
        return PLX_EINVAL;
    if (plx_duration_parse(text, &ago_ns) == 0 && ago_ns < 1000 * PLX_DAY_NS)
        plx_duration_format(ago_ns + HISTORY_NS, since);
    else if (plx_wall_parse(text, &moment) == 0)
        plx_wall_format(plx_wall_add(moment, -HISTORY_NS), since);
    else
        return PLX_EINVAL;
    *ret_moment = moment;
    return 0;
}

static int fetch(struct plx_cli *cli, const char *at, struct past *p)
{
    char since[PLX_WALL_TEXT_MAX], until[64];
    struct plx_wall oldest, moment;
    if (find_span(at, since, until, &moment) < 0)
        return plx_complain(PLX_EXIT_USAGE,
                            "--at must be an RFC 3339 time or as in '10m ago': '%s'", at);
    if (moment.ns > plx_clock_wall().ns)
        return plx_complain(PLX_EXIT_USAGE, "%s is in the future", at);
    struct plx_feed feed = {.who = "explain", .fn = take_line, .arg = p};
    const struct plx_recording_ask ask = {.since = since, .until = until};
    int code = plx_recording_fetch(cli, &ask, feed_page, &feed, &p->said);
    plx_feed_fini(&feed);
    if (code != PLX_EXIT_OK)
        return code;
    if (plx_wall_parse(p->said.until, &p->at) < 0)
        return plx_complain(PLX_EXIT_FAILED, "the coordinator names no time");
    if (plx_wall_parse(p->said.oldest, &oldest) < 0)
        return plx_complain(PLX_EXIT_USAGE, "no results are stored yet");
    if (p->at.ns < oldest.ns)
        return plx_complain(PLX_EXIT_USAGE, "nothing is stored from before %s",
                            p->said.oldest);
    return PLX_EXIT_OK;
}

/* ---- writing over ---- */

static void set(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value);
}

static json_t *wall_json(struct plx_wall t)
{
    char text[PLX_WALL_TEXT_MAX];
    return t.ns > 0 ? json_string(plx_wall_format(t, text)) : json_null();
}

static json_t *latency_json(uint32_t rtt_us)
{
    return rtt_us > 0 ? json_real((double)rtt_us / 1000) : json_null();
}

static json_t *id_json(uint64_t id)
{
    char text[24];
    snprintf(text, sizeof text, "f%" PRIu64, id);
    return id > 0 ? json_string(text) : json_null();
}

static json_t *word_json(const char *token)
{
    return token[0] ? json_string(token) : json_null();
}

/* For which of its locations an agent looks, as the answer of now has it. */
static const char *known_of(const json_t *locations, const char *agent, const char *key)
{
    for (size_t i = 0; i < json_array_size(locations); i++) {
        const json_t *location = json_array_get(locations, i);
        if (strcmp(plx_field(location, "agent"), agent) == 0)
            return plx_field(location, key);
    }
    return "";
}

static json_t *location_json(const struct past *p, const struct plx_judge_cell *cell,
                             const json_t *now)
{
    const char *agent = p->run.lines.agents.names[cell->agent];
    json_t *l = json_object();
    set(l, "location", word_json(known_of(now, agent, "location")));
    set(l, "region", word_json(known_of(now, agent, "region")));
    set(l, "agent", json_string(agent));
    if (cell->seen) {
        double age_s = (double)plx_wall_diff(p->at, cell->at) / (double)PLX_SEC_NS;
        set(l, "outcome", json_string(plx_outcome_token(cell->outcome)));
        set(l, "unreach", word_json(plx_unreach_token(cell->unreach)));
        set(l, "latency_ms", latency_json(cell->rtt_us));
        set(l, "age_s", json_real(age_s < 0 ? 0 : age_s));
        set(l, "at", wall_json(cell->at));
        set(l, "run", json_integer(cell->n_run));
        set(l, "run_since", wall_json(cell->run_since));
    } else {
        set(l, "outcome", json_null());
        set(l, "latency_ms", json_null());
        set(l, "age_s", json_null());
    }
    set(l, "degraded", word_json(cell->lossy ? "loss" : cell->slow ? "latency" : ""));
    set(l, "loss",
        json_pack("{s:f, s:f, s:f}", "estimate", cell->loss, "low", cell->loss_low,
                  "high", cell->loss_high));
    set(l, "ok", json_boolean(cell->seen && cell->ok));
    set(l, "belief", json_string(plx_judge_reason_token(cell->reason)));
    set(l, "belief_text", json_string(plx_judge_reason_text(cell->reason)));
    set(l, "fault", id_json(cell->fault));
    return l;
}

static json_t *spare_json(const struct past *p, const struct plx_judge_cell *cell,
                          const json_t *now)
{
    const char *agent = p->run.lines.agents.names[cell->agent];
    double age_s = (double)plx_wall_diff(p->at, cell->at) / (double)PLX_SEC_NS;
    json_t *s = json_object();
    set(s, "agent", json_string(agent));
    set(s, "region", word_json(known_of(now, agent, "region")));
    set(s, "provider", word_json(known_of(now, agent, "provider")));
    set(s, "outcome", json_string(plx_outcome_token(cell->outcome)));
    set(s, "ok", json_boolean(cell->ok));
    set(s, "latency_ms", latency_json(cell->rtt_us));
    set(s, "age_s", json_real(age_s < 0 ? 0 : age_s));
    set(s, "at", wall_json(cell->at));
    set(s, "belief", json_string(plx_judge_reason_token(cell->reason)));
    set(s, "belief_text", json_string(plx_judge_reason_text(cell->reason)));
    set(s, "fault", id_json(cell->fault));
    return s;
}

static json_t *names_json(const struct plx_names *names, const uint32_t *ids, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(names->names[ids[i]]));
    return list;
}

static json_t *fault_json(const struct past *p, const struct plx_judge_fault *f)
{
    return json_pack("{s:o, s:s, s:s, s:o, s:f, s:f, s:b, s:b, s:o, s:o, s:s}", "id",
                     id_json(f->id), "class", plx_judge_class_token(f->class), "entity",
                     f->entity, "since", wall_json(f->onset), "confidence", f->confidence,
                     "margin", f->margin, "page", f->page, "by_quorum", f->by_quorum,
                     "agents", names_json(&p->run.lines.agents, f->agents, f->n_agents),
                     "monitors",
                     names_json(&p->run.lines.monitors, f->monitors, f->n_monitors),
                     "sentence", f->why);
}

/* Latest first: the recorded verdicts of this monitor up to the moment. */
static json_t *history_json(const struct past *p, enum plx_judge_verdict verdict,
                            struct plx_wall *since)
{
    const struct plx_lines *lines = &p->run.lines;
    json_t *list = json_array();
    for (size_t i = lines->n_recorded; i-- > 0;) {
        const struct plx_recorded *r = &lines->recorded[i];
        if (r->monitor != p->monitor || r->at.ns > p->at.ns)
            continue;
        if (json_array_size(list) == 0 && r->verdict == verdict)
            *since = r->at; /* it has held for longer than we judged */
        if (json_array_size(list) == CHANGES_MAX)
            break;
        json_array_append_new(list, json_pack("{s:o, s:s, s:s, s:s, s:f, s:s}", "at",
                                              wall_json(r->at), "was", r->was, "verdict",
                                              plx_judge_verdict_token(r->verdict),
                                              "scope", r->scope, "confidence",
                                              r->confidence, "sentence", r->why));
    }
    return list;
}

static bool any_seen(const struct plx_judge_view *view)
{
    for (size_t i = 0; i < view->n_cells; i++)
        if (view->cells[i].seen && !view->cells[i].spare)
            return true;
    return false;
}

static void write_ruling(const struct past *p, const struct plx_judge_view *view,
                         json_t *answer)
{
    const struct plx_judge_ruling *r = &view->ruling;
    struct plx_wall since = r->since;
    bool pending = r->verdict == PLX_JUDGE_INCONCLUSIVE && !any_seen(view);
    json_t *ids = json_array();
    for (size_t i = 0; i < r->n_faults; i++)
        json_array_append_new(ids, id_json(r->faults[i]));
    set(answer, "history", history_json(p, r->verdict, &since));
    set(answer, "verdict",
        json_string(pending ? "pending" : plx_judge_verdict_token(r->verdict)));
    set(answer, "scope", json_string(plx_rerun_scope(&p->run, r->faults, r->n_faults)));
    set(answer, "confidence", json_real(r->confidence));
    set(answer, "coverage",
        json_pack("{s:i, s:i}", "fresh", (int)r->fresh, "assigned", (int)r->assigned));
    set(answer, "since", wall_json(since));
    set(answer, "sentence",
        json_string(pending  ? "waiting for the first results"
                    : r->why ? r->why
                             : ""));
    set(answer, "faults", ids);
}

static void write_view(const struct past *p, const struct plx_judge_view *view,
                       json_t *answer)
{
    json_t *locations = json_array(), *spares = json_array();
    const json_t *now = json_object_get(answer, "locations");
    const json_t *spares_now = json_object_get(answer, "spares");
    for (size_t i = 0; i < view->n_cells; i++)
        if (view->cells[i].spare)
            json_array_append_new(spares, spare_json(p, &view->cells[i], spares_now));
        else
            json_array_append_new(locations, location_json(p, &view->cells[i], now));
    set(answer, "at", wall_json(p->at));
    write_ruling(p, view, answer);
    set(answer, "locations", locations);
    set(answer, "spares", spares);
    set(answer, "runner_up", json_string(view->runner_up ? view->runner_up : ""));
    set(answer, "margin", json_real(view->margin));
    set(answer, "loss",
        json_pack("{s:f, s:f, s:f}", "estimate", view->loss, "low", view->loss_low,
                  "high", view->loss_high));
    set(answer, "latency_ms", latency_json(view->rtt_us));
    set(answer, "judged",
        json_pack("{s:I, s:s}", "results", (json_int_t)p->said.n_results, "since",
                  p->said.since));
}

/* The judge lends its faults for one call: they are read when the view has been. */
static void write_faults(const struct past *p, json_t *answer)
{
    const struct plx_judge_fault *faults;
    size_t n;
    json_t *list = json_array(), *id;
    const json_t *ids = json_object_get(answer, "faults");
    plx_judge_faults(p->run.judge, &faults, &n);
    for (size_t i = 0; i < n; i++) {
        size_t k;
        json_t *own = id_json(faults[i].id);
        json_array_foreach(ids, k, id) if (json_equal(id, own))
            json_array_append_new(list, fault_json(p, &faults[i]));
        json_decref(own);
    }
    set(answer, "covering_faults", list);
}

int plx_explain_past(struct plx_cli *cli, const char *at, json_t *answer)
{
    struct past p = {0};
    struct plx_judge_view view;
    const char *name = cli->args.words[0];
    plx_rerun_init(&p.run, NULL, NULL);
    int code = fetch(cli, at, &p);
    if (code == PLX_EXIT_OK) {
        p.monitor = plx_names_find(&p.run.lines.monitors, name);
        if (p.monitor == UINT32_MAX ||
            plx_judge_explain(p.run.judge, p.monitor, &view) < 0)
            code = plx_complain(PLX_EXIT_USAGE, "there is no monitor '%s'", name);
    }
    if (code == PLX_EXIT_OK) {
        write_view(&p, &view, answer);
        write_faults(&p, answer);
    }
    plx_rerun_fini(&p.run);
    return code;
}
