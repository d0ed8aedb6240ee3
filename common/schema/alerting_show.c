/* Receivers and windows as they are shown, and windows as they come. */
#include "schema/alerting.h"

#include "sys/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void plx_match_to_json(const struct plx_match *match, struct plx_json *j)
{
    plx_json_object(j);
    for (size_t i = 0; i < match->n; i++) {
        plx_json_key(j, match->list[i].key);
        plx_json_array(j);
        for (size_t v = 0; v < match->list[i].n_values; v++)
            plx_json_str(j, match->list[i].values[v]);
        plx_json_end(j);
    }
    plx_json_end(j);
}

/* Scheme and host; many chat services put their secret into the path. */
static void show_url(struct plx_json *j, const char *key, const char *url)
{
    const char *host = strstr(url, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    const char *at = host ? strchr(host + 3, '@') : NULL;
    char shown[300];
    if (!host || (!path && !at)) {
        plx_json_kstr(j, key, url);
        return;
    }
    const char *from = at && (!path || at < path) ? at + 1 : host + 3;
    int n = (int)(path ? path - from : (long)strlen(from));
    snprintf(shown, sizeof shown, "%.*s://%.*s%s", (int)(host - url), url, n, from,
             path && path[1] ? "/…" : "");
    plx_json_kstr(j, key, shown);
}

void plx_receiver_to_json(const struct plx_receiver *receiver, struct plx_json *j)
{
    char text[PLX_DURATION_TEXT_MAX];
    plx_json_object(j);
    plx_json_kstr(j, "name", receiver->name);
    plx_json_kstr(j, "kind", receiver->kind);
    plx_json_kstr(j, "timeout", plx_duration_format(receiver->timeout_ns, text));
    plx_json_kstr(j, "give_up", plx_duration_format(receiver->give_up_ns, text));
    plx_json_kuint(j, "max_per_minute", receiver->max_per_minute);
    plx_json_key(j, "options");
    plx_json_object(j);
    for (size_t i = 0; i < receiver->n_options; i++)
        show_url(j, receiver->options[i].key, receiver->options[i].value);
    plx_json_end(j);
    plx_json_end(j);
}

static void show_clock(struct plx_json *j, const char *key, int32_t seconds)
{
    char text[16];
    snprintf(text, sizeof text, "%02d:%02d", (int)(seconds / 3600) % 100,
             (int)(seconds / 60 % 60));
    plx_json_kstr(j, key, text);
}

void plx_window_to_json(const struct plx_window *window, struct plx_json *j)
{
    static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    plx_json_object(j);
    plx_json_kstr(j, "name", window->name);
    plx_json_key(j, "match");
    plx_match_to_json(&window->match, j);
    plx_json_kstr(j, "zone", window->zone);
    if (window->days) {
        plx_json_key(j, "days");
        plx_json_array(j);
        for (unsigned i = 0; i < 7; i++)
            if (window->days & 1u << i)
                plx_json_str(j, days[i]);
        plx_json_end(j);
        show_clock(j, "from", window->from_s);
        show_clock(j, "until", window->until_s);
    } else {
        plx_json_kwall(j, "from", window->from);
        plx_json_kwall(j, "until", window->until);
    }
    plx_json_end(j);
}

/* ---- turns ---- */

struct turns {
    struct plx_turn *list;
    size_t n;
    struct plx_wall from, until;
};

static void add_turn(struct turns *turns, uint32_t window, struct plx_wall from,
                     struct plx_wall until)
{
    if (until.ns <= turns->from.ns || from.ns >= turns->until.ns || until.ns <= from.ns)
        return;
    turns->list = realloc(turns->list, (turns->n + 1) * sizeof *turns->list);
    if (!turns->list)
        abort();
    turns->list[turns->n++] = (struct plx_turn){window, from, until};
}

/* One that ends at or before its beginning ends on the next day. */
static void add_weekly(struct turns *turns, uint32_t index, const struct plx_window *w)
{
    struct plx_zone *zone;
    if (plx_zone_load(w->zone, &zone, NULL) < 0)
        return; /* it was there when it was applied: then nothing is muted */
    int64_t last = plx_zone_day(zone, turns->until);
    for (int64_t day = plx_zone_day(zone, turns->from) - 1; day <= last; day++)
        if (w->days & 1u << plx_zone_weekday(day))
            add_turn(turns, index, plx_zone_instant(zone, day, w->from_s),
                     plx_zone_instant(zone, day + (w->until_s <= w->from_s), w->until_s));
    plx_zone_destroy(&zone);
}

struct plx_turn *plx_alerting_turns(const struct plx_alerting *alerting,
                                    struct plx_wall from, struct plx_wall until,
                                    size_t *ret_n)
{
    struct turns turns = {.from = from, .until = until};
    for (size_t i = 0; i < alerting->n_windows; i++) {
        const struct plx_window *w = &alerting->windows[i];
        if (w->days)
            add_weekly(&turns, (uint32_t)i, w);
        else
            add_turn(&turns, (uint32_t)i, w->from, w->until);
    }
    *ret_n = turns.n;
    return turns.list;
}
