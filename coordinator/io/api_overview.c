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

/* What was written of a monitor that is up: the same until the configuration or its
 * verdict changes, and most are. */
struct piece {
    uint32_t at, len; /* in the text; len 0: write it anew */
    struct plx_wall since;
};

struct plx_overview {
    struct plx_buf text;
    struct plx_mono at;
    uint64_t newest_event;
    uint64_t generation;
    uint32_t *slots; /* by name, of that generation */
    size_t n_slots;
    struct piece *pieces; /* of each of them */
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

static void write_monitor(struct plx_desk *desk, uint32_t slot, const char *word,
                          const struct plx_judge_view *view, struct plx_json *j)
{
    const struct plx_monitor *m = plx_catalog_at(desk->catalog, slot);
    plx_json_object(j);
    plx_json_kstr(j, "name", m->name);
    plx_json_kstr(j, "host", m->host);
    plx_json_kuint(j, "port", m->port);
    if (m->n_labels > 0)
        plx_api_write_labels(m->labels, m->n_labels, j);
    plx_json_kstr(j, "verdict", word);
    plx_json_kwall(j, "since", plx_court_since(desk->court, slot, &view->ruling));
    write_faults_of(&view->ruling, j);
    if (strcmp(word, "up") != 0)
        plx_api_write_sentence(desk, word, view, j);
    plx_json_end(j);
}

/* Writes a monitor, from what was written of it before if that still holds. */
static const char *write_one(struct plx_desk *desk, const struct plx_overview *before,
                             const struct piece *old, uint32_t slot, struct plx_json *j,
                             struct piece *ret)
{
    struct plx_judge_view view;
    const char *word = rule(desk, slot, &view);
    bool up = strcmp(word, "up") == 0 && view.ruling.n_faults == 0;
    struct plx_wall since = {0};
    if (up)
        since = plx_court_since(desk->court, slot, &view.ruling);
    size_t from = j->out->len;
    if (up && old && old->len > 0 && old->since.ns == since.ns)
        plx_json_rawn(j, before->text.data + old->at, old->len);
    else
        write_monitor(desk, slot, word, &view, j);
    size_t comma = j->out->data[from] == ',';
    *ret = (struct piece){(uint32_t)(from + comma),
                          up ? (uint32_t)(j->out->len - from - comma) : 0, since};
    return word;
}

/* `before`: the overview of the same generation; NULL: there is none. */
static void write_monitors(struct plx_desk *desk, const struct plx_overview *before,
                           struct plx_overview *o, struct plx_tally *tally,
                           struct plx_json *j)
{
    plx_json_key(j, "monitors");
    plx_json_array(j);
    for (size_t i = 0; i < o->n_slots && !j->out->overflow; i++)
        plx_tally_one(tally, write_one(desk, before, before ? &before->pieces[i] : NULL,
                                       o->slots[i], j, &o->pieces[i]));
    plx_json_end(j);
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

static void write_overview(struct plx_desk *desk, const struct plx_overview *before,
                           struct plx_overview *o)
{
    struct plx_tally tally = {0};
    struct plx_json j;
    plx_answer_begin(&o->text, &j);
    plx_json_kuint(&j, "generation", desk->generation);
    plx_api_write_trouble(desk, &j);
    plx_api_write_agents(desk, &j);
    write_monitors(desk, before, o, &tally, &j);
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

static void free_overview(struct plx_overview *o)
{
    if (!o)
        return;
    plx_buf_fini(&o->text);
    free(o->slots);
    free(o->pieces);
    free(o);
}

void plx_overview_drop(struct plx_api *api)
{
    free_overview(api->overview);
    api->overview = NULL;
}

static void renew(struct plx_api *api, struct plx_mono now)
{
    struct plx_overview *before = api->overview, *o = calloc(1, sizeof *o);
    if (!o)
        abort();
    o->at = now;
    o->newest_event = plx_events_newest(api->desk->events);
    o->generation = api->desk->generation;
    bool same = before && before->generation == o->generation && !before->text.overflow;
    if (same) {
        o->slots = before->slots;
        o->n_slots = before->n_slots;
        before->slots = NULL;
    } else {
        o->slots = plx_catalog_sorted(api->desk->catalog, &o->n_slots);
    }
    o->pieces = calloc(o->n_slots + 1, sizeof *o->pieces);
    if (!o->pieces)
        abort();
    write_overview(api->desk, same ? before : NULL, o);
    free_overview(before);
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
