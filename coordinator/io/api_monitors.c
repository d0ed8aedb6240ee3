/* The API's methods on monitors: list, show, remove, pause, resume, export. */
#include "base/err.h"
#include "coordinator/io/api_change.h"
#include "schema/monitors.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    struct plx_change *change = plx_change_begin();
    write_names(&change->json, "removed", names, n);
    plx_change_commit(call, change, NULL, 0, names, n);
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
    struct plx_change *change = plx_change_begin();
    write_names(&change->json, paused ? "paused" : "resumed", names, n);
    plx_change_commit(call, change, copies, n, NULL, 0);
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
