/* The API's methods on keys: show, rotate (the coordinator's), and an agent's. */
#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/api_call.h"
#include "coordinator/io/store_config.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdio.h>
#include <string.h>

/* An agent that would be shut out by a change: enrolled, and not known to hold the next
 * key. */
static bool is_unaware(const struct plx_api *api, uint32_t slot)
{
    const struct plx_agent *a = plx_roster_at(api->desk->roster, slot);
    return !a->revoked && !plx_intake_knows_keys(api->intake, slot);
}

static size_t count_unaware(const struct plx_api *api, char *names, size_t size)
{
    size_t n = 0, at = 0;
    names[0] = '\0';
    for (uint32_t i = 0; i < plx_roster_count(api->desk->roster); i++) {
        if (!is_unaware(api, i))
            continue;
        if (n++ < 5 && at < size)
            at += (size_t)snprintf(names + at, size - at, "%s%s", at ? ", " : "",
                                   plx_roster_at(api->desk->roster, i)->name);
    }
    return n;
}

static void write_unaware(const struct plx_api *api, struct plx_json *j)
{
    plx_json_key(j, "unaware");
    plx_json_array(j);
    for (uint32_t i = 0; i < plx_roster_count(api->desk->roster); i++)
        if (is_unaware(api, i))
            plx_json_str(j, plx_roster_at(api->desk->roster, i)->name);
    plx_json_end(j);
}

void plx_api_keys_show(struct plx_call *call)
{
    const struct plx_desk_keys *keys = &call->api->desk->keys;
    struct plx_buf buf;
    struct plx_json j;
    plx_answer_begin(&buf, &j);
    plx_json_kwall(&j, "at", plx_clock_wall());
    plx_json_kstr(&j, "server_key", keys->current);
    plx_json_kstr(&j, "next_key", keys->next);
    plx_json_kstr(&j, "enrolment_key", call->api->server_key);
    write_unaware(call->api, &j);
    plx_json_end(&j);
    plx_call_end(call, &buf);
}

void plx_api_keys_rotate(struct plx_call *call)
{
    struct plx_api *api = call->api;
    struct plx_why why;
    struct plx_buf buf;
    struct plx_json j;
    bool force = false;
    char names[512];
    if (plx_call_bool(call, "force", &force, &why) < 0) {
        plx_call_fail(call, PLX_EINVAL, "%s", why.text);
        return;
    }
    size_t n = count_unaware(api, names, sizeof names);
    if (n > 0 && !force) {
        plx_call_fail(call, PLX_ECONFLICT,
                      "%zu %s not known to hold the next key and would have to "
                      "be enrolled anew: %s%s; wait for them, revoke them, or force it",
                      n, n == 1 ? "agent is" : "agents are", names, n > 5 ? ", …" : "");
        return;
    }
    char was[PLX_KEY_TEXT_MAX];
    snprintf(was, sizeof was, "%s", api->desk->keys.current);
    int err = api->rotate ? api->rotate(api->rotate_arg, &why)
                          : plx_why_set(&why, PLX_EUNSUPPORTED, "not in this program");
    if (err < 0) {
        plx_call_fail(call, err, "%s", why.text);
        return;
    }
    plx_log(PLX_LOG_WARN, "coordinator_key_rotated", "by", call->who, NULL);
    /* Public ones. */
    const struct plx_store_field keys = {"key", was, api->desk->keys.current};
    plx_store_note_change(api->desk->store, call->who, "coordinator_key", "coordinator",
                          &keys, plx_clock_wall());
    plx_answer_begin(&buf, &j);
    plx_json_kstr(&j, "server_key", api->desk->keys.current);
    plx_json_kstr(&j, "next_key", api->desk->keys.next);
    plx_json_end(&j);
    plx_call_end(call, &buf);
}

void plx_api_agents_rotate_key(struct plx_call *call)
{
    struct plx_api *api = call->api;
    struct plx_buf buf;
    struct plx_json j;
    uint32_t slot = plx_call_agent(call);
    if (slot == PLX_ROSTER_NONE)
        return;
    int err = plx_intake_order_key(api->intake, slot);
    if (err < 0) {
        plx_call_fail(
            call, err, "agent '%s' %s", plx_roster_at(api->desk->roster, slot)->name,
            err == PLX_EGONE ? "is not connected" : "does not take it just now");
        return;
    }
    plx_answer_begin(&buf, &j);
    plx_json_key(&j, "agent");
    plx_api_write_agent(api, slot, &j);
    plx_json_end(&j);
    plx_call_end(call, &buf);
}
