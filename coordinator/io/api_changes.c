/* The API's method changes: who changed what of the configuration, newest first. For
 * admins: it names people and tokens. */
#include "base/err.h"
#include "coordinator/io/api_call.h"
#include "coordinator/io/store_history.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

#define LIST_USUAL 100
#define LIST_MAX   1000

/* What a line of the log is about, by what it says was done. */
static const struct kind {
    const char *name, *pattern;
} kinds[] = {
    {"monitor", "monitor*"}, /* monitors_applied: all of one application */
    {"alerting", "alerting_*"},  {"agent", "agent_*"},     {"enrolment_token", "token_*"},
    {"user", "user_*"},          {"token", "api_token_*"}, {"silence", "silence_*"},
    {"key", "coordinator_key*"},
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

struct listing {
    struct plx_call *call;
    struct plx_store_log_range range; /* its texts are the call's */
    size_t left;
    uint64_t next; /* 0: that was all */
    uint64_t last; /* written */
    int err;
    struct plx_buf buf;
    struct plx_json j;
};

/* ---- on the worker ---- */

static const char *kind_of(const char *what)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (strncmp(what, kinds[i].pattern, strlen(kinds[i].pattern) - 1) == 0)
            return kinds[i].name;
    return NULL;
}

static bool write_change(void *arg, const struct plx_store_log_entry *e)
{
    struct listing *l = arg;
    struct plx_json *j = &l->j;
    if (l->left == 0) {
        l->next = l->last;
        return false;
    }
    l->left--;
    l->last = e->id;
    plx_json_object(j);
    plx_json_kuint(j, "id", e->id);
    plx_json_kwall(j, "at", e->at);
    plx_json_kstr(j, "who", e->who);
    plx_json_kstr(j, "kind", kind_of(e->what));
    plx_json_kstr(j, "what", e->what);
    plx_json_kstr(j, "object", e->subject);
    plx_json_kstr(j, "detail", e->detail);
    plx_json_key(j, "fields");
    plx_json_raw(j, e->fields);
    plx_json_end(j);
    return true;
}

static void read_changes(void *arg)
{
    struct listing *l = arg;
    plx_json_key(&l->j, "changes");
    plx_json_array(&l->j);
    l->err = plx_store_read_log(l->call->api->reader, &l->range, write_change, l);
    plx_json_end(&l->j);
    plx_json_key(&l->j, "next");
    if (l->next)
        plx_json_uint(&l->j, l->next);
    else
        plx_json_null(&l->j);
    plx_json_end(&l->j);
}

/* ---- on the loop ---- */

static void on_read(void *arg, bool worked)
{
    struct listing *l = arg;
    if (!worked)
        plx_call_fail(l->call, PLX_EGONE, "the coordinator is stopping");
    else if (l->err < 0)
        plx_call_fail(l->call, l->err, "the changes could not be read: %s",
                      plx_err_text(l->err));
    else
        plx_call_end(l->call, &l->buf);
    plx_buf_fini(&l->buf);
    free(l);
}

static int read_kind(const struct plx_call *call, const char **ret_pattern,
                     struct plx_why *why)
{
    const char *kind = NULL;
    int err = plx_call_text(call, "kind", false, &kind, why);
    if (err < 0 || !kind)
        return err;
    for (size_t i = 0; i < N_KINDS; i++)
        if (strcmp(kinds[i].name, kind) == 0) {
            *ret_pattern = kinds[i].pattern;
            return 0;
        }
    return plx_why_set(
        why, PLX_EINVAL,
        "'kind' is monitor, alerting, agent, enrolment_token, user, token, "
        "silence or key: '%s'",
        kind);
}

static int read_question(struct listing *l, struct plx_why *why)
{
    int64_t limit = LIST_USUAL, after = 0;
    int err = plx_call_moment(l->call, "since", &l->range.since, why);
    if (err == 0)
        err = read_kind(l->call, &l->range.what, why);
    if (err == 0)
        err = plx_call_text(l->call, "object", false, &l->range.subject, why);
    if (err == 0)
        err = plx_call_int(l->call, "limit", 1, LIST_MAX, &limit, why);
    if (err == 0)
        err = plx_call_int(l->call, "after", 1, INT64_MAX, &after, why);
    l->left = (size_t)limit;
    l->range.limit = l->left + 1; /* one more says whether there is more */
    l->range.before_id = (uint64_t)after;
    return err;
}

void plx_api_changes(struct plx_call *call)
{
    struct plx_api *api = call->api;
    struct plx_why why = {""};
    struct listing *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    l->call = call;
    plx_answer_begin(&l->buf, &l->j);
    plx_json_kwall(&l->j, "at", plx_clock_wall());
    int err = read_question(l, &why);
    if (err == 0)
        err = api->reader ? plx_worker_submit(api->reads, read_changes, on_read, l)
                          : plx_why_set(&why, PLX_EUNSUPPORTED, "not in this program");
    if (err == 0)
        return;
    plx_call_fail(call, err, "%s",
                  err == PLX_EAGAIN ? "too many read at once: try again" : why.text);
    plx_buf_fini(&l->buf);
    free(l);
}
