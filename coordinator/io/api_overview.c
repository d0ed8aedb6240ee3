/* The API's method for a whole fleet at a glance: overview.
 *
 * What a page needs to draw every monitor, and no more: no locations, no sentence for
 * what is well, and no time of its own, so that the same state gives the same bytes (and
 * tag). Many watchers of one large fleet ask for the same text, hence it is kept until
 * something has happened, or for KEPT_NS: what a sentence counts may drift without an
 * event. */
#include "coordinator/io/api_view.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_NS (2 * PLX_SEC_NS)

struct plx_overview {
    struct plx_buf text;
    struct plx_mono at;
    uint64_t newest_event;
    uint64_t generation;
};

static void write_faults_of(const struct plx_judge_ruling *ruling, struct plx_json *j)
{
    char id[PLX_FAULT_ID_MAX];
    if (ruling->n_faults == 0)
        return;
    plx_json_key(j, "faults");
    plx_json_array(j);
    for (size_t i = 0; i < ruling->n_faults; i++)
        plx_json_str(j, plx_fault_id(ruling->faults[i], id));
    plx_json_end(j);
}

/* Most are up, and of those the ruling is enough: an explanation costs ten times that. */
static const char *rule(struct plx_desk *desk, uint32_t slot, struct plx_judge_view *ret)
{
    struct plx_judge *judge = plx_court_judge(desk->court);
    *ret = (struct plx_judge_view){.ruling = {.why = ""}, .runner_up = ""};
    if (plx_judge_view(judge, slot, &ret->ruling) < 0)
        ret->ruling = (struct plx_judge_ruling){.why = ""};
    const char *word = plx_court_word(desk->court, slot, &ret->ruling);
    if (strcmp(word, "up") == 0)
        return word;
    if (plx_judge_explain(judge, slot, ret) < 0)
        *ret = (struct plx_judge_view){.ruling = {.why = ""}, .runner_up = ""};
    return plx_court_word(desk->court, slot, &ret->ruling);
}

static const char *write_monitor(struct plx_desk *desk, uint32_t slot, struct plx_json *j)
{
    const struct plx_monitor *m = plx_catalog_at(desk->catalog, slot);
    struct plx_judge_view view;
    const char *word = rule(desk, slot, &view);
    plx_json_object(j);
    plx_json_kstr(j, "name", m->name);
    plx_json_kstr(j, "host", m->host);
    plx_json_kuint(j, "port", m->port);
    if (m->n_labels > 0)
        plx_api_write_labels(m->labels, m->n_labels, j);
    plx_json_kstr(j, "verdict", word);
    plx_json_kwall(j, "since", plx_court_since(desk->court, slot, &view.ruling));
    write_faults_of(&view.ruling, j);
    if (strcmp(word, "up") != 0)
        plx_api_write_sentence(desk, word, &view, j);
    plx_json_end(j);
    return word;
}

static void write_monitors(struct plx_desk *desk, struct plx_tally *tally,
                           struct plx_json *j)
{
    size_t n;
    uint32_t *slots = plx_catalog_sorted(desk->catalog, &n);
    plx_json_key(j, "monitors");
    plx_json_array(j);
    for (size_t i = 0; i < n; i++)
        plx_tally_one(tally, write_monitor(desk, slots[i], j));
    plx_json_end(j);
    free(slots);
}

static void write_faults(struct plx_desk *desk, struct plx_json *j)
{
    const struct plx_judge_fault *faults;
    char id[PLX_FAULT_ID_MAX];
    size_t n;
    plx_judge_faults(plx_court_judge(desk->court), &faults, &n);
    plx_json_key(j, "faults");
    plx_json_array(j);
    for (size_t i = 0; i < n; i++) {
        plx_json_object(j);
        plx_json_kstr(j, "id", plx_fault_id(faults[i].id, id));
        plx_json_kstr(j, "class", plx_judge_class_token(faults[i].class));
        plx_json_kstr(j, "entity", faults[i].entity);
        plx_json_kwall(j, "since", faults[i].onset);
        plx_json_kbool(j, "page", faults[i].page);
        plx_json_kuint(j, "n_agents", faults[i].n_agents);
        plx_json_kuint(j, "n_monitors", faults[i].n_monitors);
        plx_json_kstr(j, "sentence", faults[i].why);
        plx_json_end(j);
    }
    plx_json_end(j);
}

static void write_overview(struct plx_desk *desk, struct plx_buf *buf)
{
    struct plx_tally tally = {0};
    struct plx_json j;
    plx_answer_begin(buf, &j);
    plx_json_kuint(&j, "generation", desk->generation);
    plx_api_write_trouble(desk, &j);
    plx_api_write_agents(desk, &j);
    write_monitors(desk, &tally, &j);
    plx_api_write_tally(&tally, &j);
    write_faults(desk, &j);
    plx_json_end(&j);
}

static bool is_current(const struct plx_overview *o, const struct plx_desk *desk,
                       struct plx_mono now)
{
    return o && o->newest_event == plx_events_newest(desk->events) &&
           o->generation == desk->generation && plx_mono_diff(now, o->at) < KEPT_NS;
}

void plx_overview_drop(struct plx_api *api)
{
    if (!api->overview)
        return;
    plx_buf_fini(&api->overview->text);
    free(api->overview);
    api->overview = NULL;
}

static void renew(struct plx_api *api, struct plx_mono now)
{
    plx_overview_drop(api);
    struct plx_overview *o = calloc(1, sizeof *o);
    if (!o)
        abort();
    o->at = now;
    o->newest_event = plx_events_newest(api->desk->events);
    o->generation = api->desk->generation;
    write_overview(api->desk, &o->text);
    api->overview = o;
}

void plx_api_overview(struct plx_call *call)
{
    struct plx_api *api = call->api;
    struct plx_mono now = plx_clock_mono();
    struct plx_buf copy;
    if (!is_current(api->overview, api->desk, now))
        renew(api, now);
    plx_buf_init(&copy, PLX_API_BODY_MAX);
    plx_buf_add(&copy, api->overview->text.data, api->overview->text.len);
    copy.overflow = api->overview->text.overflow;
    plx_call_end(call, &copy);
}
