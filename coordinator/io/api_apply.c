/* The API's method apply: monitors, receivers, routes, maintenance. */
#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/alerts.h"
#include "coordinator/io/api_change.h"
#include "coordinator/io/store_incidents.h"
#include "coordinator/receivers/receiver.h"
#include "schema/apply.h"
#include "schema/circle.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdlib.h>
#include <string.h>

/* Whom a failure would page is said for so many monitors, at most. */
#define PAGES_MAX 1000

/* ---- what would change ---- */

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

/* Whom a failure of the monitor would page. */
static void write_page(const struct plx_notice_rules *rules,
                       const struct plx_monitor *monitor, struct plx_json *j)
{
    struct plx_notice_target targets[PLX_NOTICE_TARGETS_MAX];
    char after[PLX_DURATION_TEXT_MAX];
    size_t n = plx_notice_would_tell(rules, monitor, PLX_INCIDENT_SERVICE, targets);
    plx_json_object(j);
    plx_json_kstr(j, "monitor", monitor->name);
    plx_json_key(j, "pages");
    plx_json_array(j);
    for (size_t i = 0; i < n; i++) {
        plx_json_object(j);
        plx_json_kstr(j, "receiver", targets[i].receiver);
        plx_json_kstr(j, "after", plx_duration_format(targets[i].after_ns, after));
        plx_json_kbool(j, "escalation", targets[i].escalation);
        plx_json_end(j);
    }
    plx_json_end(j);
    plx_json_end(j);
}

/* With the file's own receivers and routes, if it has any: those changed, or, where only
 * the rules change, all there are. */
static void write_pages(const struct plx_desk *desk, const struct plx_apply_file *file,
                        const struct plx_catalog_plan *plan, struct plx_json *j)
{
    struct plx_alerting config;
    size_t n = 0;
    if (!desk->alerts)
        return;
    plx_alerts_rules_preview(plx_alerts_rules(desk->alerts), &file->alerting, &config);
    const struct plx_notice_rules rules = {.alerting = &config};
    plx_json_key(j, "would_page");
    plx_json_array(j);
    for (size_t i = 0; i < plan->n_added && n < PAGES_MAX; i++, n++)
        write_page(&rules, &file->monitors.list[plan->added[i]], j);
    for (size_t i = 0; i < plan->n_changed && n < PAGES_MAX; i++, n++)
        write_page(&rules, &file->monitors.list[plan->changed[i].index], j);
    for (uint32_t i = 0;
         !file->has_monitors && i < plx_catalog_end(desk->catalog) && n < PAGES_MAX;
         i++) {
        const struct plx_monitor *m = plx_catalog_at(desk->catalog, i);
        if (m) {
            write_page(&rules, m, j);
            n++;
        }
    }
    plx_json_end(j);
}

static void write_sections(const struct plx_alerting_file *file, struct plx_json *j)
{
    plx_json_key(j, "sections");
    plx_json_array(j);
    for (int i = 0; i < PLX_SECTION_COUNT_; i++)
        if (file->has[i])
            plx_json_str(j, plx_alerting_section_token((enum plx_alerting_section)i));
    plx_json_end(j);
}

/* ---- carrying it out ---- */

static bool has_sections(const struct plx_alerting_file *file)
{
    bool has = false;
    for (int i = 0; i < PLX_SECTION_COUNT_; i++)
        has = has || file->has[i];
    return has;
}

/* Rules and monitors in one change. Takes the file's rules. */
static void carry_out(struct plx_call *call, struct plx_apply_file *file,
                      const struct plx_catalog_plan *plan, struct plx_change *change)
{
    const struct plx_desk *desk = call->api->desk;
    size_t n_upserts;
    struct plx_monitor *upserts = list_upserts(&file->monitors, plan, &n_upserts);
    const char **removals = list_removals(desk, plan);
    change->alerting = file->alerting;
    file->alerting = (struct plx_alerting_file){0};
    plx_change_commit(call, change, upserts, n_upserts, removals, plan->n_removed);
    free(upserts);
    free(removals);
}

static const struct plx_monitor *look_up(void *arg, const char *name)
{
    const struct plx_catalog *catalog = arg;
    return plx_catalog_at(catalog, plx_catalog_by_name(catalog, name));
}

/* The file by itself has no circle; with the monitors that stay there may be one. */
static int refuse_circles(const struct plx_desk *desk, const struct plx_apply_file *file,
                          const char *name, bool prune, struct plx_why *why)
{
    size_t index;
    int err = plx_circle_find(file->monitors.list, file->monitors.n,
                              prune ? NULL : look_up, desk->catalog, &index, why);
    return err ? plx_why_in(why, err, "%s", name) : 0;
}

static void apply(struct plx_call *call, struct plx_apply_file *file, bool dry_run,
                  bool prune)
{
    const struct plx_desk *desk = call->api->desk;
    struct plx_change *change = plx_change_begin();
    struct plx_catalog_plan plan;
    plx_catalog_compare(desk->catalog, file->monitors.list, file->monitors.n,
                        prune && file->has_monitors, &plan);
    if (!file->has_monitors)
        plan.n_unchanged = plx_catalog_count(desk->catalog);
    write_plan(desk, &file->monitors, &plan, &change->json);
    plx_json_kbool(&change->json, "dry_run", dry_run);
    write_sections(&file->alerting, &change->json);
    if (dry_run)
        write_pages(desk, file, &plan, &change->json);
    bool nothing = plan.n_added + plan.n_changed + plan.n_removed == 0 &&
                   !has_sections(&file->alerting);
    if (dry_run || nothing) {
        plx_json_kuint(&change->json, "generation", desk->generation);
        plx_json_end(&change->json);
        plx_call_end(call, &change->answer);
        free(change);
    } else {
        carry_out(call, file, &plan, change);
    }
    plx_catalog_plan_fini(&plan);
}

void plx_api_apply(struct plx_call *call)
{
    struct plx_why why = {""};
    struct plx_apply_file parsed;
    const struct plx_desk *desk = call->api->desk;
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
        err = plx_apply_parse(
            file, text, strlen(text), plx_receiver_check,
            desk->alerts ? &plx_alerts_rules(desk->alerts)->config : NULL, &parsed, &why);
    if (err < 0) {
        plx_call_fail(call, err, "%s", why.text);
        return;
    }
    err = refuse_circles(desk, &parsed, file, prune, &why);
    if (err < 0)
        plx_call_fail(call, err, "%s", why.text);
    else
        apply(call, &parsed, dry_run, prune);
    plx_apply_file_fini(&parsed);
}
