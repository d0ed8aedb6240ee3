/* The API's methods on what is concluded: status, explain, history. */
#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/api_view.h"
#include "schema/monitors.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

/* With more monitors than this, status leaves the locations to those who ask by name. */
#define LOCATIONS_MAX 5000

#define WORDS_MAX (PLX_JUDGE_VERDICT_COUNT_ + 2)

/* How often each verdict was written. */
struct tally {
    const char *words[WORDS_MAX];
    uint64_t counts[WORDS_MAX];
    size_t n;
};

static void tally_one(struct tally *tally, const char *word)
{
    size_t i = 0;
    while (i < tally->n && strcmp(tally->words[i], word) != 0)
        i++;
    if (i == tally->n && tally->n < WORDS_MAX)
        tally->words[tally->n++] = word;
    if (i < tally->n)
        tally->counts[i]++;
}

static void write_tally(const struct tally *tally, struct plx_json *j)
{
    uint64_t all = 0;
    plx_json_key(j, "summary");
    plx_json_object(j);
    for (size_t i = 0; i < tally->n; i++) {
        plx_json_kuint(j, tally->words[i], tally->counts[i]);
        all += tally->counts[i];
    }
    plx_json_kuint(j, "total", all);
    plx_json_end(j);
}

static void write_agents(const struct plx_desk *desk, struct plx_json *j)
{
    uint64_t live = 0, total = 0;
    for (uint32_t i = 0; i < plx_roster_count(desk->roster); i++) {
        const struct plx_agent *agent = plx_roster_at(desk->roster, i);
        total += !agent->revoked;
        live += agent->alive && !agent->revoked;
    }
    plx_json_key(j, "agents");
    plx_json_object(j);
    plx_json_kuint(j, "live", live);
    plx_json_kuint(j, "total", total);
    plx_json_end(j);
}

static bool has_label(const struct plx_monitor *m, const struct plx_label *wanted)
{
    for (size_t i = 0; i < m->n_labels; i++)
        if (strcmp(m->labels[i].key, wanted->key) == 0)
            return strcmp(m->labels[i].value, wanted->value) == 0;
    return false;
}

/* Which monitors are asked for. */
struct selection {
    const char **names;
    size_t n_names;
    struct plx_label *labels;
    size_t n_labels;
    uint32_t *slots;
    size_t n;
};

static void keep_labelled(const struct plx_desk *desk, struct selection *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        bool all = true;
        for (size_t k = 0; k < s->n_labels; k++)
            all = all &&
                  has_label(plx_catalog_at(desk->catalog, s->slots[i]), &s->labels[k]);
        if (all)
            s->slots[n++] = s->slots[i];
    }
    s->n = n;
}

static int take_named(const struct plx_desk *desk, struct selection *s,
                      struct plx_why *why)
{
    s->slots = calloc(s->n_names, sizeof *s->slots);
    if (!s->slots)
        abort();
    for (size_t i = 0; i < s->n_names; i++) {
        s->slots[i] = plx_catalog_by_name(desk->catalog, s->names[i]);
        if (s->slots[i] == PLX_CATALOG_NONE)
            return plx_why_set(why, PLX_ENOTFOUND, "there is no monitor '%s'",
                               s->names[i]);
    }
    s->n = s->n_names;
    return 0;
}

static int select_monitors(struct plx_call *call, struct selection *s,
                           struct plx_why *why)
{
    const struct plx_desk *desk = call->api->desk;
    int err = plx_call_texts(call, "monitors", false, &s->names, &s->n_names, why);
    if (err == 0)
        err = plx_call_labels(call, "labels", &s->labels, &s->n_labels, why);
    if (err == 0 && s->n_names > 0)
        err = take_named(desk, s, why);
    else if (err == 0)
        s->slots = plx_catalog_sorted(desk->catalog, &s->n);
    if (err == 0)
        keep_labelled(desk, s);
    return err;
}

static void free_selection(struct selection *s)
{
    free(s->names);
    free(s->labels);
    free(s->slots);
}

static void write_monitors(struct plx_desk *desk, const struct selection *s,
                           struct plx_wall now, struct tally *tally, struct plx_json *j)
{
    struct plx_fault_heads heads;
    bool with_locations = s->n_names > 0 || s->n <= LOCATIONS_MAX;
    plx_fault_heads_init(&heads, desk->court);
    plx_json_key(j, "monitors");
    plx_json_array(j);
    for (size_t i = 0; i < s->n; i++) {
        struct plx_judge_view view;
        if (plx_judge_explain(plx_court_judge(desk->court), s->slots[i], &view) < 0)
            view = (struct plx_judge_view){.ruling = {.why = ""}, .runner_up = ""};
        plx_json_object(j);
        tally_one(tally, plx_api_write_view(desk, s->slots[i], &view, &heads,
                                            with_locations, now, j));
        plx_json_end(j);
    }
    plx_json_end(j);
    plx_fault_heads_fini(&heads);
}

void plx_api_status(struct plx_call *call)
{
    struct plx_desk *desk = call->api->desk;
    struct plx_wall now = plx_clock_wall();
    struct selection s = {0};
    struct tally tally = {0};
    struct plx_why why = {""};
    struct plx_buf buf;
    struct plx_json j;
    int err = select_monitors(call, &s, &why);
    if (err < 0) {
        free_selection(&s);
        plx_call_fail(call, err, "%s", why.text);
        return;
    }
    plx_answer_begin(&buf, &j);
    plx_json_kwall(&j, "at", now);
    plx_json_kuint(&j, "generation", desk->generation);
    write_agents(desk, &j);
    write_monitors(desk, &s, now, &tally, &j);
    write_tally(&tally, &j);
    plx_json_key(&j, "faults");
    plx_api_write_faults(desk, NULL, 0, true, &j);
    plx_json_end(&j);
    free_selection(&s);
    plx_call_end(call, &buf);
}

/* ---- history ---- */

struct page {
    struct plx_json *j;
    int64_t since_ns;
};

static bool write_verdict(void *arg, const struct plx_store_verdict *v)
{
    struct page *page = arg;
    struct plx_json *j = page->j;
    if (v->at.ns < page->since_ns)
        return false;
    plx_json_object(j);
    plx_json_kwall(j, "at", v->at);
    plx_json_kstr(j, "was", v->was);
    plx_json_kstr(j, "now", v->now);
    plx_json_kstr(j, "scope", v->scope);
    plx_json_knum(j, "confidence", v->confidence, 4);
    plx_json_key(j, "coverage");
    plx_json_object(j);
    plx_json_kuint(j, "fresh", v->fresh);
    plx_json_kuint(j, "assigned", v->assigned);
    plx_json_end(j);
    plx_json_kstr(j, "sentence", v->sentence);
    plx_json_end(j);
    return true;
}

static int write_transitions(struct plx_desk *desk, uint32_t slot, int64_t since_ns,
                             size_t limit, struct plx_json *j)
{
    struct page page = {j, since_ns};
    plx_json_key(j, "transitions");
    plx_json_array(j);
    int err =
        plx_store_read_verdicts(desk->store, plx_catalog_at(desk->catalog, slot)->id, 0,
                                limit, write_verdict, &page);
    plx_json_end(j);
    return err;
}

/* "24h" ago, or an RFC 3339 time. */
static int parse_since(const struct plx_call *call, struct plx_wall *ret,
                       struct plx_why *why)
{
    const char *text = "24h";
    int64_t ago_ns;
    int err = plx_call_text(call, "since", false, &text, why);
    if (err < 0)
        return err;
    if (plx_duration_parse(text, &ago_ns) == 0)
        *ret = plx_wall_add(plx_clock_wall(), -ago_ns);
    else if (plx_wall_parse(text, ret) < 0)
        return plx_why_set(why, PLX_EINVAL,
                           "'since': '%s' is no duration and no RFC 3339 time", text);
    return 0;
}

#define HISTORY_ROWS 1000

void plx_api_history(struct plx_call *call)
{
    struct plx_why why = {""};
    struct plx_wall since;
    struct plx_buf buf;
    struct plx_json j;
    uint32_t slot = plx_call_monitor(call, "monitor");
    if (slot == PLX_CATALOG_NONE)
        return;
    int err = parse_since(call, &since, &why);
    if (err < 0) {
        plx_call_fail(call, err, "%s", why.text);
        return;
    }
    plx_answer_begin(&buf, &j);
    plx_json_kstr(&j, "monitor", plx_catalog_at(call->api->desk->catalog, slot)->name);
    plx_json_kwall(&j, "at", plx_clock_wall());
    plx_json_kwall(&j, "since", since);
    err = write_transitions(call->api->desk, slot, since.ns, HISTORY_ROWS, &j);
    plx_json_end(&j);
    if (err == 0) {
        plx_call_end(call, &buf);
        return;
    }
    plx_buf_fini(&buf);
    plx_call_fail(call, err, "the history could not be read: %s", plx_err_text(err));
}

/* ---- explain ---- */

#define RECENT_TRANSITIONS 10

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

void plx_api_explain(struct plx_call *call)
{
    struct plx_desk *desk = call->api->desk;
    struct plx_fault_heads heads;
    struct plx_judge_view view = {.ruling = {.why = ""}, .runner_up = ""};
    uint64_t faults[16];
    size_t n_faults = 0;
    struct plx_buf buf;
    struct plx_json j;
    uint32_t slot = plx_call_monitor(call, "monitor");
    if (slot == PLX_CATALOG_NONE)
        return;
    plx_fault_heads_init(&heads, desk->court);
    plx_judge_explain(plx_court_judge(desk->court), slot, &view);
    for (; n_faults < view.ruling.n_faults && n_faults < 16; n_faults++)
        faults[n_faults] = view.ruling.faults[n_faults];
    plx_answer_begin(&buf, &j);
    plx_json_kwall(&j, "at", plx_clock_wall());
    plx_api_write_view(desk, slot, &view, &heads, true, plx_clock_wall(), &j);
    write_numbers(&view, &j);
    plx_json_key(&j, "covering_faults");
    plx_api_write_faults(desk, faults, n_faults, false, &j);
    plx_json_key(&j, "monitor");
    plx_monitor_to_json(plx_catalog_at(desk->catalog, slot), &j);
    write_transitions(desk, slot, 0, RECENT_TRANSITIONS, &j);
    plx_json_end(&j);
    plx_fault_heads_fini(&heads);
    plx_call_end(call, &buf);
}
