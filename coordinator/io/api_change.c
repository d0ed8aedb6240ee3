#include "coordinator/io/api_change.h"

#include "base/err.h"
#include "coordinator/io/alerting_fields.h"
#include "coordinator/io/alerts.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <inttypes.h>
#include <stdlib.h>

/* What is paused is in no incident. */
static void forget_paused(struct plx_desk *desk, const struct plx_store_applied *applied)
{
    for (size_t i = 0; desk->alerts && i < applied->n_upserts; i++) {
        uint32_t slot = plx_catalog_by_id(desk->catalog, applied->upserts[i].id);
        if (applied->upserts[i].paused && slot != PLX_CATALOG_NONE)
            plx_alerts_forget(desk->alerts, slot);
    }
}

/* Brings memory in step with what the store has committed. */
static void take_over(struct plx_desk *desk, const struct plx_store_applied *applied)
{
    uint32_t slot;
    struct plx_mono now = plx_clock_mono();
    for (size_t i = 0; i < applied->n_removals; i++) {
        slot = plx_catalog_by_id(desk->catalog, applied->removed_ids[i]);
        if (slot == PLX_CATALOG_NONE)
            continue;
        if (desk->alerts)
            plx_alerts_forget(desk->alerts, slot);
        plx_shares_remove(desk->shares, slot, now);
        plx_court_drop_monitor(desk->court, slot);
    }
    for (size_t i = 0; i < applied->n_upserts; i++)
        if (applied->changes[i] != PLX_STORE_UNCHANGED &&
            plx_shares_put(desk->shares, &applied->upserts[i], &slot) < 0)
            plx_log(PLX_LOG_ERROR, "monitor_not_taken", "monitor",
                    applied->upserts[i].name, NULL);
    forget_paused(desk, applied);
    desk->generation = applied->generation;
    plx_desk_settle(desk);
}

static void free_change(struct plx_change *change)
{
    plx_alerting_file_fini(&change->alerting);
    free(change);
}

static bool has_rules(const struct plx_alerting_file *file)
{
    bool has = false;
    for (int i = 0; i < PLX_SECTION_COUNT_; i++)
        has = has || file->has[i];
    return has;
}

static void configure(struct plx_change *change)
{
    struct plx_desk *desk = change->call->api->desk;
    if (!desk->alerts || !has_rules(&change->alerting))
        return;
    plx_alerts_configure(desk->alerts, &change->alerting);
    plx_log(PLX_LOG_INFO, "alerting_changed", "who", change->call->who, NULL);
}

static void on_applied(void *arg, int err, const char *why,
                       const struct plx_store_applied *applied)
{
    struct plx_change *change = arg;
    struct plx_call *call = change->call;
    struct plx_api *api = call->api;
    if (err < 0) {
        plx_buf_fini(&change->answer);
        plx_call_fail(call, err, "%s", why);
    } else {
        configure(change);
        take_over(api->desk, applied);
        if (applied->n_upserts + applied->n_removals > 0)
            plx_logf(PLX_LOG_INFO, "monitors_changed", "what",
                     "generation %" PRIu64 ": %zu put, %zu removed by %s",
                     applied->generation, applied->n_upserts, applied->n_removals,
                     call->who);
        plx_json_kuint(&change->json, "generation", applied->generation);
        plx_json_end(&change->json);
        plx_call_end(call, &change->answer);
        plx_intake_push(api->intake);
    }
    free_change(change);
}

/* The sections to be put, and what each changes; the caller frees the fields. */
static size_t list_sections(const struct plx_desk *desk, const struct plx_change *change,
                            struct plx_store_section *ret,
                            struct plx_store_field **fields)
{
    static const struct plx_alerting none = {0};
    const struct plx_alerting *was =
        desk->alerts ? &plx_alerts_rules(desk->alerts)->config : &none;
    size_t n = 0;
    for (int i = 0; i < PLX_SECTION_COUNT_; i++) {
        enum plx_alerting_section section = (enum plx_alerting_section)i;
        if (!change->alerting.has[i])
            continue;
        ret[n] = (struct plx_store_section){plx_alerting_section_token(section),
                                            change->alerting.text[i], NULL, 0};
        fields[n] = plx_alerting_fields(section, was, &change->alerting.alerting,
                                        &ret[n].n_fields);
        ret[n].fields = fields[n];
        n++;
    }
    return n;
}

void plx_change_commit(struct plx_call *call, struct plx_change *change,
                       const struct plx_monitor *upserts, size_t n_upserts,
                       const char *const *removals, size_t n_removals)
{
    struct plx_store_section sections[PLX_STORE_SECTIONS_MAX];
    struct plx_store_field *fields[PLX_STORE_SECTIONS_MAX] = {NULL};
    size_t n_sections = list_sections(call->api->desk, change, sections, fields);
    const struct plx_store_apply apply = {
        .upserts = upserts,
        .n_upserts = n_upserts,
        .removals = removals,
        .n_removals = n_removals,
        .sections = sections,
        .n_sections = n_sections,
        .who = call->who,
        .now = plx_clock_wall(),
    };
    change->call = call;
    int err = plx_store_apply(call->api->desk->store, &apply, on_applied, change);
    for (size_t i = 0; i < n_sections; i++)
        free(fields[i]);
    if (err < 0) {
        plx_buf_fini(&change->answer);
        free_change(change);
        plx_call_fail(call, err, "the change was not stored: %s", plx_err_text(err));
    }
}

struct plx_change *plx_change_begin(void)
{
    struct plx_change *change = calloc(1, sizeof *change);
    if (!change)
        abort();
    plx_answer_begin(&change->answer, &change->json);
    return change;
}
