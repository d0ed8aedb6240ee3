/* The API's methods on monitors: apply, list, show, remove, pause, resume, export. */
#include "base/err.h"
#include "coordinator/io/api_call.h"
#include "schema/monitors.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- committing a change ---- */

/* A change on its way through the store, with the answer that is due when it is made. */
struct change {
    struct plx_call *call;
    struct plx_buf answer; /* an open object */
    struct plx_json json;
};

/* Brings memory in step with what the store has committed. */
static void take_over(struct plx_desk *desk, const struct plx_store_applied *applied)
{
    uint32_t slot;
    struct plx_mono now = plx_clock_mono();
    for (size_t i = 0; i < applied->n_removals; i++) {
        slot = plx_catalog_by_id(desk->catalog, applied->removed_ids[i]);
        if (slot == PLX_CATALOG_NONE)
            continue;
        plx_shares_remove(desk->shares, slot, now);
        plx_court_drop_monitor(desk->court, slot);
    }
    for (size_t i = 0; i < applied->n_upserts; i++)
        if (applied->changes[i] != PLX_STORE_UNCHANGED &&
            plx_shares_put(desk->shares, &applied->upserts[i], &slot) < 0)
            plx_log(PLX_LOG_ERROR, "monitor_not_taken", "monitor",
                    applied->upserts[i].name, NULL);
    desk->generation = applied->generation;
    plx_desk_settle(desk);
}

static void on_applied(void *arg, int err, const char *why,
                       const struct plx_store_applied *applied)
{
    struct change *change = arg;
    struct plx_call *call = change->call;
    struct plx_api *api = call->api;
    if (err < 0) {
        plx_buf_fini(&change->answer);
        plx_call_fail(call, err, "%s", why);
    } else {
        take_over(api->desk, applied);
        plx_logf(PLX_LOG_INFO, "monitors_changed", "what",
                 "generation %" PRIu64 ": %zu put, %zu removed by %s",
                 applied->generation, applied->n_upserts, applied->n_removals, call->who);
        plx_json_kuint(&change->json, "generation", applied->generation);
        plx_json_end(&change->json);
        plx_call_end(call, &change->answer);
        plx_intake_push(api->intake);
    }
    free(change);
}

/* Submits; takes the call and the answer. */
static void commit(struct plx_call *call, struct change *change,
                   const struct plx_monitor *upserts, size_t n_upserts,
                   const char *const *removals, size_t n_removals)
{
    const struct plx_store_apply apply = {
        .upserts = upserts,
        .n_upserts = n_upserts,
        .removals = removals,
        .n_removals = n_removals,
        .who = call->who,
        .now = plx_clock_wall(),
    };
    change->call = call;
    int err = plx_store_apply(call->api->desk->store, &apply, on_applied, change);
    if (err < 0) {
        plx_buf_fini(&change->answer);
        free(change);
        plx_call_fail(call, err, "the change was not stored: %s", plx_err_text(err));
    }
}

static struct change *begin_change(void)
{
    struct change *change = calloc(1, sizeof *change);
    if (!change)
        abort();
    plx_answer_begin(&change->answer, &change->json);
    return change;
}

/* ---- apply ---- */

static void write_change(void *arg, const char *key, const char *was, const char *now)
{
    struct plx_json *j = arg;
    plx_json_object(j);
    plx_json_kstr(j, "key", key);
    plx_json_kstr(j, "was", was);
    plx_json_kstr(j, "now", now);
    plx_json_end(j);
}

static void write_plan(const struct plx_desk *desk, const struct plx_monitors *monitors,
                       const struct plx_catalog_plan *plan, struct plx_json *j)
{
    plx_json_key(j, "added");
    plx_json_array(j);
    for (size_t i = 0; i < plan->n_added; i++)
        plx_json_str(j, monitors->list[plan->added[i]].name);
    plx_json_end(j);
    plx_json_key(j, "changed");
    plx_json_array(j);
    for (size_t i = 0; i < plan->n_changed; i++) {
        const struct plx_monitor *now = &monitors->list[plan->changed[i].index];
        plx_json_object(j);
        plx_json_kstr(j, "name", now->name);
        plx_json_key(j, "changes");
        plx_json_array(j);
        plx_monitor_diff(plx_catalog_at(desk->catalog, plan->changed[i].slot), now,
                         write_change, j);
        plx_json_end(j);
        plx_json_end(j);
    }
    plx_json_end(j);
    plx_json_key(j, "removed");
    plx_json_array(j);
    for (size_t i = 0; i < plan->n_removed; i++)
        plx_json_str(j, plx_catalog_at(desk->catalog, plan->removed[i])->name);
    plx_json_end(j);
    plx_json_kuint(j, "unchanged", plan->n_unchanged);
}

/* The monitors to be put: those added and those changed. Shallow copies. */
static struct plx_monitor *list_upserts(const struct plx_monitors *monitors,
                                        const struct plx_catalog_plan *plan,
                                        size_t *ret_n)
{
    size_t n = 0;
    struct plx_monitor *list = calloc(plan->n_added + plan->n_changed + 1, sizeof *list);
    if (!list)
        abort();
    for (size_t i = 0; i < plan->n_added; i++)
        list[n++] = monitors->list[plan->added[i]];
    for (size_t i = 0; i < plan->n_changed; i++)
        list[n++] = monitors->list[plan->changed[i].index];
    *ret_n = n;
    return list;
}

static const char **list_removals(const struct plx_desk *desk,
                                  const struct plx_catalog_plan *plan)
{
    const char **names = calloc(plan->n_removed + 1, sizeof *names);
    if (!names)
        abort();
    for (size_t i = 0; i < plan->n_removed; i++)
        names[i] = plx_catalog_at(desk->catalog, plan->removed[i])->name;
    return names;
}

static void apply_plan(struct plx_call *call, const struct plx_monitors *monitors,
                       const struct plx_catalog_plan *plan, bool dry_run)
{
    const struct plx_desk *desk = call->api->desk;
    struct change *change = begin_change();
    size_t n_upserts;
    write_plan(desk, monitors, plan, &change->json);
    plx_json_kbool(&change->json, "dry_run", dry_run);
    if (dry_run || plan->n_added + plan->n_changed + plan->n_removed == 0) {
        plx_json_kuint(&change->json, "generation", desk->generation);
        plx_json_end(&change->json);
        plx_call_end(call, &change->answer);
        free(change);
        return;
    }
    struct plx_monitor *upserts = list_upserts(monitors, plan, &n_upserts);
    const char **removals = list_removals(desk, plan);
    commit(call, change, upserts, n_upserts, removals, plan->n_removed);
    free(upserts);
    free(removals);
}

void plx_api_apply(struct plx_call *call)
{
    struct plx_why why = {""};
    struct plx_monitors monitors;
    struct plx_catalog_plan plan;
    const char *file = "request", *text = NULL;
    bool dry_run = false, prune = false;
    int err = plx_call_text(call, "file", false, &file, &why);
    if (err == 0)
        err = plx_call_text(call, "text", true, &text, &why);
    if (err == 0)
        err = plx_call_bool(call, "dry_run", &dry_run, &why);
    if (err == 0)
        err = plx_call_bool(call, "prune", &prune, &why);
    if (err == 0)
        err = plx_monitors_parse(file, text, strlen(text), &monitors, &why);
    if (err < 0) {
        plx_call_fail(call, err, "%s", why.text);
        return;
    }
    plx_catalog_compare(call->api->desk->catalog, monitors.list, monitors.n, prune,
                        &plan);
    apply_plan(call, &monitors, &plan, dry_run);
    plx_catalog_plan_fini(&plan);
    plx_monitors_fini(&monitors);
}

/* ---- list, show, export ---- */

static void write_full(struct plx_json *j, const struct plx_desk *desk, uint32_t slot)
{
    size_t n;
    const uint32_t *agents = plx_shares_agents(desk->shares, slot, &n);
    plx_json_object(j);
    plx_json_key(j, "monitor");
    plx_monitor_to_json(plx_catalog_at(desk->catalog, slot), j);
    plx_json_key(j, "agents");
    plx_json_array(j);
    for (size_t i = 0; i < n; i++)
        plx_json_str(j, plx_roster_at(desk->roster, agents[i])->name);
    plx_json_end(j);
    plx_json_end(j);
}

void plx_api_monitors_list(struct plx_call *call)
{
    const struct plx_desk *desk = call->api->desk;
    struct plx_buf buf;
    struct plx_json j;
    size_t n;
    uint32_t *slots = plx_catalog_sorted(desk->catalog, &n);
    plx_answer_begin(&buf, &j);
    plx_json_kuint(&j, "generation", desk->generation);
    plx_json_key(&j, "monitors");
    plx_json_array(&j);
    for (size_t i = 0; i < n; i++)
        plx_monitor_to_json(plx_catalog_at(desk->catalog, slots[i]), &j);
    plx_json_end(&j);
    plx_json_end(&j);
    free(slots);
    plx_call_end(call, &buf);
}

void plx_api_monitors_show(struct plx_call *call)
{
    struct plx_buf buf;
    struct plx_json j;
    uint32_t slot = plx_call_monitor(call, "name");
    if (slot == PLX_CATALOG_NONE)
        return;
    plx_buf_init(&buf, PLX_API_BODY_MAX);
    plx_json_init(&j, &buf);
    write_full(&j, call->api->desk, slot);
    plx_call_end(call, &buf);
}

void plx_api_monitors_export(struct plx_call *call)
{
    const struct plx_desk *desk = call->api->desk;
    struct plx_buf yaml, buf;
    struct plx_json j;
    size_t n;
    uint32_t *slots = plx_catalog_sorted(desk->catalog, &n);
    plx_buf_init(&yaml, PLX_API_BODY_MAX / 2);
    plx_buf_text(&yaml, n > 0 ? "monitors:\n" : "monitors: []\n");
    for (size_t i = 0; i < n; i++)
        plx_monitor_to_yaml(plx_catalog_at(desk->catalog, slots[i]), &yaml);
    free(slots);
    plx_answer_begin(&buf, &j);
    plx_json_kstr(&j, "yaml", plx_buf_str(&yaml));
    plx_json_end(&j);
    bool whole = !yaml.overflow;
    plx_buf_fini(&yaml);
    if (whole) {
        plx_call_end(call, &buf);
        return;
    }
    plx_buf_fini(&buf);
    plx_call_fail(call, PLX_ETOOBIG, "the monitors are too many for one answer");
}

/* ---- remove, pause, resume ---- */

/* The named monitors' slots on the heap; NULL after failing the call. */
static uint32_t *named_slots(struct plx_call *call, const char ***ret_names,
                             size_t *ret_n)
{
    struct plx_why why;
    const char **names;
    size_t n;
    if (plx_call_texts(call, "names", true, &names, &n, &why) < 0) {
        plx_call_fail(call, PLX_EINVAL, "%s", why.text);
        return NULL;
    }
    uint32_t *slots = calloc(n, sizeof *slots);
    if (!slots)
        abort();
    for (size_t i = 0; i < n; i++) {
        slots[i] = plx_catalog_by_name(call->api->desk->catalog, names[i]);
        if (slots[i] != PLX_CATALOG_NONE)
            continue;
        plx_call_fail(call, PLX_ENOTFOUND, "there is no monitor '%s'", names[i]);
        free(names);
        free(slots);
        return NULL;
    }
    *ret_names = names;
    *ret_n = n;
    return slots;
}

static void write_names(struct plx_json *j, const char *key, const char **names, size_t n)
{
    plx_json_key(j, key);
    plx_json_array(j);
    for (size_t i = 0; i < n; i++)
        plx_json_str(j, names[i]);
    plx_json_end(j);
}

void plx_api_monitors_remove(struct plx_call *call)
{
    const char **names;
    size_t n;
    uint32_t *slots = named_slots(call, &names, &n);
    if (!slots)
        return;
    struct change *change = begin_change();
    write_names(&change->json, "removed", names, n);
    commit(call, change, NULL, 0, names, n);
    free(names);
    free(slots);
}

static void set_paused(struct plx_call *call, bool paused)
{
    const char **names;
    size_t n;
    uint32_t *slots = named_slots(call, &names, &n);
    if (!slots)
        return;
    struct plx_monitor *copies = calloc(n, sizeof *copies);
    if (!copies)
        abort();
    for (size_t i = 0; i < n; i++) {
        copies[i] = *plx_catalog_at(call->api->desk->catalog, slots[i]); /* shallow */
        copies[i].paused = paused;
    }
    struct change *change = begin_change();
    write_names(&change->json, paused ? "paused" : "resumed", names, n);
    commit(call, change, copies, n, NULL, 0);
    free(copies);
    free(names);
    free(slots);
}

void plx_api_monitors_pause(struct plx_call *call)
{
    set_paused(call, true);
}

void plx_api_monitors_resume(struct plx_call *call)
{
    set_paused(call, false);
}
