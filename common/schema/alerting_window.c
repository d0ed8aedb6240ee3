#include "schema/alerting_impl.h"

#include "base/text.h"
#include "sys/zone.h"

#include <stdio.h>
#include <string.h>

static int add_day(void *arg, const struct plx_reading *r, const struct plx_node *node,
                   const char *text)
{
    static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    uint8_t *mask = arg;
    char shown[PLX_EXCERPT_MAX];
    for (unsigned i = 0; i < 7; i++)
        if (strcmp(text, days[i]) == 0) {
            *mask = (uint8_t)(*mask | 1u << i);
            return 0;
        }
    return plx_doc_error(r->doc, node, r->why,
                         "'days' are mon, tue, wed, thu, fri, sat, sun: '%s'",
                         plx_doc_excerpt(text, shown));
}

static bool two_digits(const char *text, int max, int *ret)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
        return false;
    *ret = (text[0] - '0') * 10 + text[1] - '0';
    return *ret <= max;
}

/* "HH:MM", "24:00" included. */
static bool parse_clock(const char *text, int32_t *ret)
{
    int h, m;
    if (strlen(text) != 5 || text[2] != ':' || !two_digits(text, 24, &h) ||
        !two_digits(text + 3, 59, &m) || (h == 24 && m > 0))
        return false;
    *ret = h * 3600 + m * 60;
    return true;
}

/* RFC 3339, or "YYYY-MM-DD HH:MM" as the zone's clocks show it. */
static bool parse_moment(const char *text, const struct plx_zone *zone,
                         struct plx_wall *ret)
{
    char day[32];
    struct plx_wall midnight;
    int32_t seconds;
    if (plx_wall_parse(text, ret) == 0)
        return true;
    if (strlen(text) != 16 || (text[10] != ' ' && text[10] != 'T') ||
        !parse_clock(text + 11, &seconds))
        return false;
    snprintf(day, sizeof day, "%.10sT00:00:00Z", text);
    if (plx_wall_parse(day, &midnight) < 0)
        return false;
    *ret = plx_zone_instant(zone, midnight.ns / PLX_DAY_NS, seconds);
    return true;
}

static int read_moment(const struct plx_reading *r, const struct plx_node *node,
                       const char *key, const struct plx_zone *zone, struct plx_wall *ret)
{
    const char *text;
    char shown[PLX_EXCERPT_MAX];
    int err = plx_doc_text(r->doc, node, key, &text, r->why);
    if (err == 0 && !parse_moment(text, zone, ret))
        err = plx_doc_error(r->doc, node, r->why,
                            "'%s' must be like \"2026-12-24 20:00\" or RFC 3339: '%s'",
                            key, plx_doc_excerpt(text, shown));
    return err;
}

static int read_clock(const struct plx_reading *r, const struct plx_node *node,
                      const char *key, int32_t *ret)
{
    const char *text;
    char shown[PLX_EXCERPT_MAX];
    int err = plx_doc_text(r->doc, node, key, &text, r->why);
    if (err == 0 && !parse_clock(text, ret))
        err = plx_doc_error(r->doc, node, r->why, "'%s' must be like \"02:30\": '%s'",
                            key, plx_doc_excerpt(text, shown));
    return err;
}

static int read_times(const struct plx_reading *r, const struct plx_node *node,
                      const struct plx_zone *zone, struct plx_window *w)
{
    const struct plx_node *from = plx_node_get(node, "from");
    const struct plx_node *until = plx_node_get(node, "until");
    int err = 0;
    if (!from || !until)
        return plx_doc_error(r->doc, node, r->why, "the window has no '%s'",
                             from ? "until" : "from");
    if (w->days) {
        err = read_clock(r, from, "from", &w->from_s);
        return err ? err : read_clock(r, until, "until", &w->until_s);
    }
    err = read_moment(r, from, "from", zone, &w->from);
    if (!err)
        err = read_moment(r, until, "until", zone, &w->until);
    if (!err && w->until.ns <= w->from.ns)
        err = plx_doc_error(r->doc, until, r->why, "'until' is not after 'from'");
    return err;
}

int plx_reading_window(const struct plx_reading *r, const struct plx_node *node,
                       struct plx_window *w)
{
    static const char *const known[] = {"name", "match", "zone", "days", "from", "until"};
    struct plx_zone *zone = NULL;
    struct plx_why inner = {""};
    const struct plx_node *v;
    if (node->kind != PLX_NODE_MAP)
        return plx_doc_error(r->doc, node, r->why, "a window must be a map of keys");
    int err =
        plx_doc_known_keys(r->doc, node, known, sizeof known / sizeof *known, r->why);
    if (!err && !plx_node_get(node, "name"))
        err = plx_doc_error(r->doc, node, r->why, "the window has no 'name'");
    if (!err)
        err = plx_reading_name(r, plx_node_get(node, "name"), "name", &w->name);
    if (!err && (v = plx_node_get(node, "match")))
        err = plx_reading_match(r, v, &w->match);
    w->zone = plx_text_dup("UTC");
    v = plx_node_get(node, "zone");
    if (!err && v)
        err = plx_reading_name(r, v, "zone", &w->zone);
    if (!err && plx_zone_load(w->zone, &zone, &inner) < 0)
        err = plx_doc_error(r->doc, v ? v : node, r->why, "'zone': %s", inner.text);
    if (!err && (v = plx_node_get(node, "days")))
        err = plx_reading_texts(r, v, "days", add_day, &w->days);
    if (!err)
        err = read_times(r, node, zone, w);
    plx_zone_destroy(&zone);
    return err;
}
