/* The API's method on the past: history. */
#include "base/err.h"
#include "coordinator/io/api_view.h"
#include "sys/clock.h"

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
    plx_json_kstr(j, "verdict", v->now);
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

int plx_api_write_history(struct plx_desk *desk, uint32_t slot, int64_t since_ns,
                          size_t limit, struct plx_json *j)
{
    struct page page = {j, since_ns};
    plx_json_key(j, "history");
    plx_json_array(j);
    int err =
        plx_store_read_verdicts(desk->store, plx_catalog_at(desk->catalog, slot)->id, 0,
                                limit, write_verdict, &page);
    plx_json_end(j);
    return err;
}

#define HISTORY_ROWS 1000

void plx_api_history(struct plx_call *call)
{
    struct plx_why why = {""};
    struct plx_wall since = plx_wall_add(plx_clock_wall(), -PLX_DAY_NS);
    struct plx_buf buf;
    struct plx_json j;
    uint32_t slot = plx_call_monitor(call, "monitor");
    if (slot == PLX_CATALOG_NONE)
        return;
    int err = plx_call_moment(call, "since", &since, &why);
    if (err < 0) {
        plx_call_fail(call, err, "%s", why.text);
        return;
    }
    plx_answer_begin(&buf, &j);
    plx_json_kstr(&j, "monitor", plx_catalog_at(call->api->desk->catalog, slot)->name);
    plx_json_kwall(&j, "at", plx_clock_wall());
    plx_json_kwall(&j, "since", since);
    err = plx_api_write_history(call->api->desk, slot, since.ns, HISTORY_ROWS, &j);
    plx_json_end(&j);
    if (err == 0) {
        plx_call_end(call, &buf);
        return;
    }
    plx_buf_fini(&buf);
    plx_call_fail(call, err, "the history could not be read: %s", plx_err_text(err));
}
