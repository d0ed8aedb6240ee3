#include "coordinator/http/public.h"

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "coordinator/http/badge.h"
#include "coordinator/http/public_impl.h"
#include "coordinator/io/store_incidents.h"
#include "sys/clock.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_NS     (10 * PLX_SEC_NS)
#define UPTIME_NS   (5 * PLX_MIN_NS) /* how old the ratios may be */
#define UPTIME_SPAN "720h"           /* that they are of */
#define UPTIME_MAX  500              /* names in one question */
#define PAST_NS     (14 * PLX_DAY_NS)
#define TEXT_MAX    (16 * 1024 * 1024)

bool plx_public_is_label(const char *text)
{
    char word[PLX_WORD_MAX + 1];
    const char *equals = strchr(text, '=');
    if (strcmp(text, "all") == 0)
        return true;
    if (!equals || (size_t)(equals - text) >= sizeof word || !equals[1])
        return false;
    memcpy(word, text, (size_t)(equals - text));
    word[equals - text] = '\0';
    return plx_text_is_word(word) && plx_text_is_name(equals + 1);
}

struct plx_public *plx_public_new(struct plx_desk *desk, struct plx_api *api,
                                  const struct plx_public_options *options)
{
    if (!options->label)
        return NULL;
    struct plx_public *page = calloc(1, sizeof *page);
    if (!page)
        abort();
    page->desk = desk;
    page->api = api;
    page->title = plx_text_dup(options->title ? options->title : "Status");
    page->url = plx_text_dup(options->url);
    if (strcmp(options->label, "all") != 0) {
        page->key = plx_text_dup(options->label);
        page->value = strchr(page->key, '=');
        *page->value++ = '\0';
    }
    page->uptime_at.ns = INT64_MIN / 2;
    return page;
}

static void free_shot(struct plx_public *page)
{
    for (size_t i = 0; i < page->n_incidents; i++)
        free(page->incidents[i].names);
    free(page->incidents);
    free(page->monitors);
    page->incidents = NULL;
    page->monitors = NULL;
    page->n_incidents = page->n_monitors = 0;
}

static void free_ratios(struct plx_public *page)
{
    for (size_t i = 0; i < page->n_ratios; i++)
        free(page->ratios[i].name);
    free(page->ratios);
    page->ratios = NULL;
    page->n_ratios = 0;
}

void plx_public_destroy(struct plx_public **page)
{
    if (!*page)
        return;
    for (size_t i = 0; i < PLX_PUBLIC_WHATS_; i++)
        plx_buf_fini(&(*page)->texts[i]);
    free_shot(*page);
    free_ratios(*page);
    free((*page)->title);
    free((*page)->url);
    free((*page)->key);
    free(*page);
    *page = NULL;
}

/* ---- which monitors ---- */

static bool is_public(const struct plx_public *page, const struct plx_monitor *m)
{
    for (size_t i = 0; page->key && i < m->n_labels; i++)
        if (strcmp(m->labels[i].key, page->key) == 0)
            return strcmp(m->labels[i].value, page->value) == 0;
    return !page->key;
}

/* Causes are not public: what counts is whether it works. */
static enum plx_public_state state_of(const char *word)
{
    static const struct {
        const char *word;
        enum plx_public_state state;
    } states[] = {
        {"up", PLX_PUBLIC_UP},
        {"degraded", PLX_PUBLIC_PARTLY},
        {"path_failure", PLX_PUBLIC_PARTLY},
        {"service_down", PLX_PUBLIC_DOWN},
        {"host_down", PLX_PUBLIC_DOWN},
        {"network_down", PLX_PUBLIC_DOWN},
        {"dns_failure", PLX_PUBLIC_DOWN},
        {"filtered", PLX_PUBLIC_DOWN},
        {"paused", PLX_PUBLIC_PAUSED},
    };
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(states[i].word, word) == 0)
            return states[i].state;
    return PLX_PUBLIC_UNKNOWN;
}

const char *plx_public_word(enum plx_public_state state)
{
    static const char *const words[] = {
        [PLX_PUBLIC_UP] = "up",           [PLX_PUBLIC_PARTLY] = "partly working",
        [PLX_PUBLIC_DOWN] = "down",       [PLX_PUBLIC_PAUSED] = "paused",
        [PLX_PUBLIC_UNKNOWN] = "unknown",
    };
    return words[state];
}

static void see(const struct plx_public *page, uint32_t slot,
                struct plx_public_monitor *ret)
{
    struct plx_court *court = page->desk->court;
    struct plx_judge_ruling ruling = {.why = ""};
    plx_judge_view(plx_court_judge(court), slot, &ruling);
    *ret = (struct plx_public_monitor){
        .name = plx_catalog_at(page->desk->catalog, slot)->name,
        .state = state_of(plx_court_word(court, slot, &ruling)),
        .since = plx_court_since(court, slot, &ruling),
    };
}

static void take_monitors(struct plx_public *page)
{
    size_t n;
    uint32_t *slots = plx_catalog_sorted(page->desk->catalog, &n);
    page->monitors = calloc(n + 1, sizeof *page->monitors);
    if (!page->monitors)
        abort();
    for (size_t i = 0; i < n; i++)
        if (is_public(page, plx_catalog_at(page->desk->catalog, slots[i])))
            see(page, slots[i], &page->monitors[page->n_monitors++]);
    free(slots);
}

/* ---- incidents ---- */

/* The public ones of its monitors, "a, b"; NULL: none is. */
static char *public_names(const struct plx_public *page, const struct plx_incident *i)
{
    struct plx_buf names;
    plx_buf_init(&names, 64 * 1024);
    for (size_t k = 0; k < i->n_members; k++) {
        uint32_t slot = plx_catalog_by_name(page->desk->catalog, i->members[k].name);
        if (slot != PLX_CATALOG_NONE &&
            is_public(page, plx_catalog_at(page->desk->catalog, slot)))
            plx_buf_printf(&names, "%s%s", names.len ? ", " : "", i->members[k].name);
    }
    size_t len;
    return names.len ? plx_buf_give(&names, &len) : NULL;
}

/* What nobody was told of is no news for the public either. */
static bool take_incident(void *arg, const struct plx_incident *i)
{
    struct plx_public *page = arg;
    char *names = i->announced.ns && !i->merged_into ? public_names(page, i) : NULL;
    if (!names)
        return true;
    page->incidents =
        realloc(page->incidents, (page->n_incidents + 1) * sizeof *page->incidents);
    if (!page->incidents)
        abort();
    page->incidents[page->n_incidents++] = (struct plx_public_incident){
        .id = i->id, .names = names, .opened = i->opened, .closed = i->closed};
    return true;
}

static int newest_first(const void *a, const void *b)
{
    uint64_t x = ((const struct plx_public_incident *)a)->id;
    uint64_t y = ((const struct plx_public_incident *)b)->id;
    return (x < y) - (x > y);
}

static void take_incidents(struct plx_public *page)
{
    plx_store_recall_incidents(
        page->desk->store, plx_wall_add(plx_clock_wall(), -PAST_NS), take_incident, page);
    if (page->n_incidents > 0)
        qsort(page->incidents, page->n_incidents, sizeof *page->incidents, newest_first);
}

/* ---- uptime ---- */

static void take_ratios(void *arg, int err, const char *why, const char *text, size_t len,
                        bool more)
{
    struct plx_public *page = arg;
    json_t *answer = err < 0 ? NULL : json_loadb(text, len, 0, NULL);
    const json_t *list = json_object_get(answer, "monitors");
    size_t n = json_array_size(list);
    (void)why;
    (void)more;
    page->asking = false;
    if (n > 0) {
        free_ratios(page);
        page->ratios = calloc(n, sizeof *page->ratios);
        if (!page->ratios)
            abort();
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *m = json_array_get(list, i),
                     *v = json_object_get(m, "availability");
        const char *name = json_string_value(json_object_get(m, "monitor"));
        if (name && json_is_number(v))
            page->ratios[page->n_ratios++] =
                (struct plx_public_ratio){plx_text_dup(name), json_number_value(v)};
    }
    json_decref(answer);
}

/* Asks for the ratios of the first UPTIME_MAX monitors, if they are old; they are shown
 * from the next time on. */
static void ask_ratios(struct plx_public *page, struct plx_mono now)
{
    if (page->asking || page->n_monitors == 0 ||
        plx_mono_diff(now, page->uptime_at) < UPTIME_NS)
        return;
    page->asking = true;
    page->uptime_at = now;
    json_t *names = json_array();
    for (size_t i = 0; i < page->n_monitors && i < UPTIME_MAX; i++)
        json_array_append_new(names, json_string(page->monitors[i].name));
    json_t *body = json_pack("{s:o, s:s}", "monitors", names, "since", UPTIME_SPAN);
    const struct plx_api_request request = {
        .method = "uptime",
        .body = body,
        .who = "public",
        .role = PLX_ROLE_VIEWER,
        .respond = take_ratios,
        .arg = page,
    };
    plx_api_call(page->api, &request);
}

double plx_public_uptime(const struct plx_public *page, const char *name)
{
    for (size_t i = 0; i < page->n_ratios; i++)
        if (strcmp(page->ratios[i].name, name) == 0)
            return page->ratios[i].availability;
    return -1;
}

/* ---- answers ---- */

static void renew(struct plx_public *page, struct plx_mono now)
{
    free_shot(page);
    take_monitors(page);
    take_incidents(page);
    ask_ratios(page, now);
    page->at = now;
    page->newest_event = plx_events_newest(page->desk->events);
    page->generation = page->desk->generation;
    for (size_t i = 0; i < PLX_PUBLIC_WHATS_; i++) {
        plx_buf_fini(&page->texts[i]);
        plx_buf_init(&page->texts[i], TEXT_MAX);
        plx_public_write[i](page, &page->texts[i]);
    }
}

/* Names are lent by the catalog: a shot is over with its generation. */
static void keep_current(struct plx_public *page)
{
    struct plx_mono now = plx_clock_mono();
    bool fresh = page->monitors && page->generation == page->desk->generation &&
                 page->newest_event == plx_events_newest(page->desk->events) &&
                 plx_mono_diff(now, page->at) < KEPT_NS;
    if (!fresh)
        renew(page, now);
}

const struct plx_buf *plx_public_text(struct plx_public *page, enum plx_public_what what,
                                      const char **ret_type)
{
    static const char *const types[] = {
        [PLX_PUBLIC_PAGE] = "text/html; charset=utf-8",
        [PLX_PUBLIC_JSON] = "application/json",
        [PLX_PUBLIC_RSS] = "application/rss+xml; charset=utf-8",
        [PLX_PUBLIC_JSON_FEED] = "application/feed+json",
    };
    keep_current(page);
    *ret_type = types[what];
    return &page->texts[what];
}

/* ---- badges ---- */

struct badge_call {
    plx_public_badge_fn *done;
    void *arg;
};

static void give_badge(plx_public_badge_fn *done, void *arg, const char *label,
                       const char *text, enum plx_badge_tone tone)
{
    struct plx_buf svg;
    plx_buf_init(&svg, 64 * 1024);
    plx_badge_write(label, text, tone, &svg);
    done(arg, 0, &svg);
    plx_buf_fini(&svg);
}

/* The median of the locations' medians. */
static double middle_latency(const json_t *answer)
{
    const json_t *rows = json_object_get(answer, "rows");
    double list[64];
    size_t n = 0;
    for (size_t i = json_array_size(rows); i-- > 0 && n < 64;) {
        const json_t *latency = json_object_get(json_array_get(rows, i), "latency_ms");
        const json_t *p50 = json_object_get(latency, "p50");
        size_t k = n;
        if (!json_is_number(p50))
            continue;
        double v = json_number_value(p50);
        for (; k > 0 && list[k - 1] > v; k--)
            list[k] = list[k - 1];
        list[k] = v;
        n++;
    }
    return n ? list[n / 2] : -1;
}

static void on_latency(void *arg, int err, const char *why, const char *text, size_t len,
                       bool more)
{
    struct badge_call *call = arg;
    char value[32] = "no data";
    json_t *answer = err < 0 ? NULL : json_loadb(text, len, 0, NULL);
    double ms = middle_latency(answer);
    (void)why;
    (void)more;
    if (ms >= 0)
        snprintf(value, sizeof value, ms < 10 ? "%.1f ms" : "%.0f ms", ms);
    json_decref(answer);
    give_badge(call->done, call->arg, "latency", value,
               ms < 0 ? PLX_BADGE_GREY : PLX_BADGE_BLUE);
}

/* Of today, by the rollups of days. */
static void ask_latency(struct plx_public *page, const char *name,
                        plx_public_badge_fn *done, void *arg)
{
    struct badge_call *call = calloc(1, sizeof *call);
    if (!call)
        abort();
    *call = (struct badge_call){done, arg};
    json_t *body =
        json_pack("{s:s, s:s, s:s}", "monitor", name, "since", "1m", "step", "24h");
    const struct plx_api_request request = {
        .method = "rollups",
        .body = body,
        .who = "public",
        .role = PLX_ROLE_VIEWER,
        .respond = on_latency,
        .release = free,
        .arg = call,
    };
    plx_api_call(page->api, &request);
}

static void give_uptime(const struct plx_public *page, const char *name,
                        plx_public_badge_fn *done, void *arg)
{
    double ratio = plx_public_uptime(page, name);
    char text[32] = "no data";
    enum plx_badge_tone tone = ratio < 0        ? PLX_BADGE_GREY
                               : ratio >= 0.999 ? PLX_BADGE_GREEN
                               : ratio >= 0.99  ? PLX_BADGE_AMBER
                                                : PLX_BADGE_RED;
    if (ratio >= 0)
        snprintf(text, sizeof text, "%.2f %%", ratio * 100);
    give_badge(done, arg, "uptime 30d", text, tone);
}

static void give_verdict(const struct plx_public_monitor *m, plx_public_badge_fn *done,
                         void *arg)
{
    static const enum plx_badge_tone tones[] = {
        [PLX_PUBLIC_UP] = PLX_BADGE_GREEN,     [PLX_PUBLIC_PARTLY] = PLX_BADGE_AMBER,
        [PLX_PUBLIC_DOWN] = PLX_BADGE_RED,     [PLX_PUBLIC_PAUSED] = PLX_BADGE_GREY,
        [PLX_PUBLIC_UNKNOWN] = PLX_BADGE_GREY,
    };
    give_badge(done, arg, m->name, plx_public_word(m->state), tones[m->state]);
}

void plx_public_badge(struct plx_public *page, const char *file, const char *what,
                      plx_public_badge_fn *done, void *arg)
{
    const struct plx_public_monitor *m = NULL;
    size_t len = strlen(file);
    keep_current(page);
    bool svg = len > 4 && strcmp(file + len - 4, ".svg") == 0;
    for (size_t i = 0; svg && !m && i < page->n_monitors; i++)
        if (strlen(page->monitors[i].name) == len - 4 &&
            memcmp(page->monitors[i].name, file, len - 4) == 0)
            m = &page->monitors[i];
    if (!m)
        done(arg, PLX_ENOTFOUND, NULL);
    else if (strcmp(what, "verdict") == 0)
        give_verdict(m, done, arg);
    else if (strcmp(what, "uptime") == 0)
        give_uptime(page, m->name, done, arg);
    else if (strcmp(what, "latency") == 0)
        ask_latency(page, m->name, done, arg);
    else
        done(arg, PLX_EINVAL, NULL);
}
