/* The API's methods on what is concluded: status. */
#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/api_view.h"
#include "coordinator/io/tally.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

/* With more monitors than this, status leaves the locations to those who ask by name. */
#define LOCATIONS_MAX 5000

void plx_api_write_tally(const struct plx_tally *tally, struct plx_json *j)
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

void plx_api_write_agents(const struct plx_desk *desk, struct plx_json *j)
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
                           struct plx_wall now, struct plx_tally *tally,
                           struct plx_json *j)
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
        plx_tally_one(tally, plx_api_write_view(desk, s->slots[i], &view, &heads,
                                                with_locations, now, j));
        plx_json_end(j);
    }
    plx_json_end(j);
    plx_fault_heads_fini(&heads);
}

/* Only what is on disk is judged: while the disk takes nothing, views grow stale, and the
 * reader must hear that it is our doing. */
void plx_api_write_trouble(const struct plx_desk *desk, struct plx_json *j)
{
    struct plx_store_health health;
    char text[sizeof health.why + 96];
    plx_store_health(desk->store, &health);
    snprintf(text, sizeof text, "the coordinator cannot store results: %s", health.why);
    plx_json_kstr(j, "trouble", health.state == PLX_STORE_OK ? NULL : text);
}

void plx_api_status(struct plx_call *call)
{
    struct plx_desk *desk = call->api->desk;
    struct plx_wall now = plx_clock_wall();
    struct selection s = {0};
    struct plx_tally tally = {0};
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
    plx_api_write_trouble(desk, &j);
    plx_api_write_agents(desk, &j);
    write_monitors(desk, &s, now, &tally, &j);
    plx_api_write_tally(&tally, &j);
    plx_json_key(&j, "faults");
    plx_api_write_faults(desk, NULL, 0, true, &j);
    plx_json_end(&j);
    free_selection(&s);
    plx_call_end(call, &buf);
}
