#include "schema/alerting.h"

#include "base/err.h"
#include "base/text.h"
#include "schema/value.h"
#include "sys/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIVE_UP_MAX_NS   (30 * PLX_DAY_NS)
#define TIMEOUT_MAX_NS   (2 * PLX_MIN_NS)
#define TIMEOUT_MIN_NS   (100 * PLX_MS_NS)
#define REPEAT_MIN_NS    (10 * PLX_SEC_NS)
#define OPTION_MAX       8192
#define SECTION_TEXT_MAX ((size_t)8 * 1024 * 1024)

/* What every reader is given. */
struct reading {
    const struct plx_doc *doc;
    plx_alerting_check_fn *check;
    struct plx_why *why;
};

const char *plx_alerting_section_token(enum plx_alerting_section section)
{
    static const char *const tokens[] = {"receivers", "routes", "maintenance"};
    return tokens[section];
}

void plx_alerting_file_fini(struct plx_alerting_file *file)
{
    plx_alerting_fini(&file->alerting);
    for (size_t i = 0; i < PLX_SECTION_COUNT_; i++)
        free(file->text[i]);
    *file = (struct plx_alerting_file){0};
}

/* ---- pieces ---- */

static int read_name(const struct reading *r, const struct plx_node *node,
                     const char *key, char **ret)
{
    const char *text;
    char shown[PLX_EXCERPT_MAX];
    int err = plx_doc_text(r->doc, node, key, &text, r->why);
    if (err < 0)
        return err;
    if (!plx_text_is_name(text))
        return plx_doc_error(r->doc, node, r->why, "'%s' is no name: '%s'", key,
                             plx_doc_excerpt(text, shown));
    free(*ret);
    *ret = plx_text_dup(text);
    return 0;
}

/* One text or a list of texts, each handed to `fn`. */
typedef int text_fn(void *arg, const struct reading *r, const struct plx_node *node,
                    const char *text);

static int each_text(const struct reading *r, const struct plx_node *node,
                     const char *key, text_fn *fn, void *arg)
{
    const char *text;
    size_t n = node->kind == PLX_NODE_LIST ? node->n : 1;
    if (node->kind == PLX_NODE_LIST && n == 0)
        return plx_doc_error(r->doc, node, r->why, "'%s' names nothing", key);
    for (size_t i = 0; i < n; i++) {
        const struct plx_node *item = node->kind == PLX_NODE_LIST ? node->items[i] : node;
        int err = plx_doc_text(r->doc, item, key, &text, r->why);
        if (err == 0)
            err = fn(arg, r, item, text);
        if (err < 0)
            return err;
    }
    return 0;
}

struct match_key {
    struct plx_match *match;
    const char *key;
};

static int add_match(void *arg, const struct reading *r, const struct plx_node *node,
                     const char *text)
{
    struct match_key *m = arg;
    char shown[PLX_EXCERPT_MAX];
    bool severity = strcmp(m->key, "severity") == 0, kind = strcmp(m->key, "kind") == 0;
    bool exact = !strchr(text, '*');
    if (*text == '\0' || strlen(text) > PLX_MATCH_VALUE_MAX)
        return plx_doc_error(r->doc, node, r->why, "'%s' must have 1-%d characters",
                             m->key, PLX_MATCH_VALUE_MAX);
    if (severity && exact && plx_severity_parse(text) < 0)
        return plx_doc_error(r->doc, node, r->why,
                             "'severity' is critical, warning or ours: '%s'",
                             plx_doc_excerpt(text, shown));
    if (kind && exact && plx_incident_kind_parse(text) < 0)
        return plx_doc_error(r->doc, node, r->why, "'kind': there is no kind '%s'",
                             plx_doc_excerpt(text, shown));
    plx_match_add(m->match, m->key, text);
    return 0;
}

static int read_match(const struct reading *r, const struct plx_node *node,
                      struct plx_match *ret)
{
    if (node->kind != PLX_NODE_MAP)
        return plx_doc_error(r->doc, node, r->why,
                             "'match' must be a map of keys to values");
    if (node->n > PLX_MATCHERS_MAX)
        return plx_doc_error(r->doc, node, r->why, "'match' has more than %d keys",
                             PLX_MATCHERS_MAX);
    for (size_t i = 0; i < node->n; i++) {
        struct match_key m = {ret, node->keys[i]->text};
        char shown[PLX_EXCERPT_MAX];
        if (!plx_text_is_word(m.key))
            return plx_doc_error(r->doc, node->keys[i], r->why, "no label's key: '%s'",
                                 plx_doc_excerpt(m.key, shown));
        int err = each_text(r, node->items[i], m.key, add_match, &m);
        if (err < 0)
            return err;
    }
    return 0;
}

static int read_bounded(const struct reading *r, const struct plx_node *node,
                        const char *key, int64_t min_ns, int64_t max_ns, int64_t *ret)
{
    char low[PLX_DURATION_TEXT_MAX], high[PLX_DURATION_TEXT_MAX];
    int64_t ns;
    int err = plx_doc_duration(r->doc, node, key, &ns, r->why);
    if (err < 0)
        return err;
    if (ns < min_ns || ns > max_ns)
        return plx_doc_error(r->doc, node, r->why, "'%s' must be from %s to %s", key,
                             plx_duration_human(min_ns, low),
                             plx_duration_human(max_ns, high));
    *ret = ns;
    return 0;
}

/* ---- receivers ---- */

static int add_line(void *arg, const struct reading *r, const struct plx_node *node,
                    const char *text)
{
    struct plx_buf *lines = arg;
    if (strchr(text, '\n'))
        return plx_doc_error(r->doc, node, r->why, "an entry of a list is one line");
    plx_buf_printf(lines, "%s%s", lines->len ? "\n" : "", text);
    return 0;
}

/* A list is kept as lines. */
static int read_option_list(const struct reading *r, const char *key,
                            const struct plx_node *node, struct plx_receiver *receiver)
{
    struct plx_buf lines;
    plx_buf_init(&lines, OPTION_MAX);
    int err = each_text(r, node, key, add_line, &lines);
    if (err == 0 && lines.overflow)
        err = plx_doc_error(r->doc, node, r->why, "'%s' is too long", key);
    if (err == 0)
        plx_receiver_add_option(receiver, key, plx_buf_str(&lines));
    plx_buf_fini(&lines);
    return err;
}

static int read_receiver_key(const struct reading *r, const char *key,
                             const struct plx_node *node, struct plx_receiver *receiver)
{
    const char *text;
    int64_t n;
    if (strcmp(key, "name") == 0)
        return read_name(r, node, key, &receiver->name);
    if (strcmp(key, "kind") == 0)
        return read_name(r, node, key, &receiver->kind);
    if (strcmp(key, "timeout") == 0)
        return read_bounded(r, node, key, TIMEOUT_MIN_NS, TIMEOUT_MAX_NS,
                            &receiver->timeout_ns);
    if (strcmp(key, "give_up") == 0)
        return read_bounded(r, node, key, PLX_SEC_NS, GIVE_UP_MAX_NS,
                            &receiver->give_up_ns);
    if (strcmp(key, "max_per_minute") == 0) {
        int err = plx_doc_int(r->doc, node, key, 1, 6000, &n, r->why);
        if (err == 0)
            receiver->max_per_minute = (uint32_t)n;
        return err;
    }
    if (node->kind == PLX_NODE_LIST)
        return read_option_list(r, key, node, receiver);
    int err = plx_doc_text(r->doc, node, key, &text, r->why);
    if (err == 0)
        plx_receiver_add_option(receiver, key, text);
    return err;
}

static int read_receiver(const struct reading *r, const struct plx_node *node,
                         struct plx_receiver *receiver)
{
    const char *at = "";
    struct plx_why inner = {""};
    plx_receiver_init(receiver);
    if (node->kind != PLX_NODE_MAP)
        return plx_doc_error(r->doc, node, r->why, "a receiver must be a map of keys");
    for (size_t i = 0; i < node->n; i++) {
        int err = read_receiver_key(r, node->keys[i]->text, node->items[i], receiver);
        if (err < 0)
            return err;
    }
    if (!receiver->name || !receiver->kind)
        return plx_doc_error(r->doc, node, r->why, "the receiver has no '%s'",
                             receiver->name ? "kind" : "name");
    if (strcmp(receiver->name, "none") == 0)
        return plx_doc_error(r->doc, plx_node_get(node, "name"), r->why,
                             "'none' is nobody: choose another name");
    if (r->check && r->check(receiver, &at, &inner) < 0) {
        const struct plx_node *where = plx_node_get(node, at);
        return plx_doc_error(r->doc, where ? where : node, r->why, "%s", inner.text);
    }
    return 0;
}

/* ---- routes ---- */

struct names {
    char ***list;
    size_t *n;
};

static int add_name(void *arg, const struct reading *r, const struct plx_node *node,
                    const char *text)
{
    struct names *names = arg;
    (void)r, (void)node;
    *names->list = realloc(*names->list, (*names->n + 1) * sizeof **names->list);
    if (!*names->list)
        abort();
    (*names->list)[(*names->n)++] = plx_text_dup(text);
    return 0;
}

static int read_route(const struct reading *r, const struct plx_node *node,
                      struct plx_route *route)
{
    static const char *const known[] = {
        "name",   "match",          "receivers",   "for",     "repeat",
        "update", "escalate_after", "escalate_to", "continue"};
    if (node->kind != PLX_NODE_MAP)
        return plx_doc_error(r->doc, node, r->why, "a route must be a map of keys");
    int err =
        plx_doc_known_keys(r->doc, node, known, sizeof known / sizeof *known, r->why);
    struct names receivers = {&route->receivers, &route->n_receivers};
    struct names escalate = {&route->escalate_to, &route->n_escalate_to};
    const struct plx_node *v;
    if (!err && (v = plx_node_get(node, "name")))
        err = read_name(r, v, "name", &route->name);
    if (!err && (v = plx_node_get(node, "match")))
        err = read_match(r, v, &route->match);
    if (!err && (v = plx_node_get(node, "receivers")))
        err = each_text(r, v, "receivers", add_name, &receivers);
    if (!err && (v = plx_node_get(node, "escalate_to")))
        err = each_text(r, v, "escalate_to", add_name, &escalate);
    if (!err && (v = plx_node_get(node, "for")))
        err = read_bounded(r, v, "for", 0, 7 * PLX_DAY_NS, &route->for_ns);
    if (!err && (v = plx_node_get(node, "repeat")))
        err = read_bounded(r, v, "repeat", REPEAT_MIN_NS, 30 * PLX_DAY_NS,
                           &route->repeat_ns);
    if (!err && (v = plx_node_get(node, "update")))
        err = read_bounded(r, v, "update", PLX_SEC_NS, PLX_DAY_NS, &route->update_ns);
    if (!err && (v = plx_node_get(node, "escalate_after")))
        err = read_bounded(r, v, "escalate_after", PLX_SEC_NS, 7 * PLX_DAY_NS,
                           &route->escalate_after_ns);
    if (!err && (v = plx_node_get(node, "continue")))
        err = plx_doc_bool(r->doc, v, "continue", &route->go_on, r->why);
    if (err < 0)
        return err;
    if (!plx_node_get(node, "receivers"))
        return plx_doc_error(r->doc, node, r->why,
                             "the route has no 'receivers' (a route to nobody: [none])");
    if ((route->escalate_after_ns > 0) != (route->n_escalate_to > 0))
        return plx_doc_error(r->doc, node, r->why,
                             "'escalate_after' and 'escalate_to' go together");
    if (!route->name)
        route->name = plx_text_dup("");
    return 0;
}

/* ---- maintenance ---- */

static int add_day(void *arg, const struct reading *r, const struct plx_node *node,
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

static int read_moment(const struct reading *r, const struct plx_node *node,
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

static int read_clock(const struct reading *r, const struct plx_node *node,
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

static int read_times(const struct reading *r, const struct plx_node *node,
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

static int read_window(const struct reading *r, const struct plx_node *node,
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
        err = read_name(r, plx_node_get(node, "name"), "name", &w->name);
    if (!err && (v = plx_node_get(node, "match")))
        err = read_match(r, v, &w->match);
    w->zone = plx_text_dup("UTC");
    v = plx_node_get(node, "zone");
    if (!err && v)
        err = read_name(r, v, "zone", &w->zone);
    if (!err && plx_zone_load(w->zone, &zone, &inner) < 0)
        err = plx_doc_error(r->doc, v ? v : node, r->why, "'zone': %s", inner.text);
    if (!err && (v = plx_node_get(node, "days")))
        err = each_text(r, v, "days", add_day, &w->days);
    if (!err)
        err = read_times(r, node, zone, w);
    plx_zone_destroy(&zone);
    return err;
}

/* ---- sections ---- */

/* A text that the strict reader takes for the same node again. */
static void write_node(const struct plx_node *node, struct plx_buf *out)
{
    const char *open = node->kind == PLX_NODE_MAP ? "{" : "[";
    if (node->kind == PLX_NODE_SCALAR) {
        bool plain =
            !node->quoted && node->text[0] != '\0' &&
            strspn(node->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789._-") == strlen(node->text);
        if (plain)
            plx_buf_text(out, node->text);
        else {
            struct plx_json j;
            plx_json_init(&j, out);
            plx_json_str(&j, node->text);
        }
        return;
    }
    plx_buf_text(out, open);
    for (size_t i = 0; i < node->n; i++) {
        plx_buf_text(out, i ? ", " : "");
        if (node->kind == PLX_NODE_MAP) {
            write_node(node->keys[i], out);
            plx_buf_text(out, ": ");
        }
        write_node(node->items[i], out);
    }
    plx_buf_text(out, node->kind == PLX_NODE_MAP ? "}" : "]");
}

static const struct {
    size_t size, max;
} section_items[] = {
    [PLX_SECTION_RECEIVERS] = {sizeof(struct plx_receiver), PLX_RECEIVERS_MAX},
    [PLX_SECTION_ROUTES] = {sizeof(struct plx_route), PLX_ROUTES_MAX},
    [PLX_SECTION_MAINTENANCE] = {sizeof(struct plx_window), PLX_WINDOWS_MAX},
};

static int read_item(const struct reading *r, enum plx_alerting_section section,
                     const struct plx_node *node, struct plx_alerting *a)
{
    switch (section) {
    case PLX_SECTION_RECEIVERS:
        return read_receiver(r, node, &a->receivers[a->n_receivers++]);
    case PLX_SECTION_ROUTES:
        return read_route(r, node, &a->routes[a->n_routes++]);
    case PLX_SECTION_MAINTENANCE:
    case PLX_SECTION_COUNT_:
        break;
    }
    return read_window(r, node, &a->windows[a->n_windows++]);
}

static int read_section(const struct reading *r, enum plx_alerting_section section,
                        const struct plx_node *node, struct plx_alerting_file *file)
{
    struct plx_alerting *a = &file->alerting;
    void **lists[] = {(void **)&a->receivers, (void **)&a->routes, (void **)&a->windows};
    const char *key = plx_alerting_section_token(section);
    struct plx_buf text;
    if (node->kind != PLX_NODE_LIST)
        return plx_doc_error(r->doc, node, r->why, "'%s' must be a list", key);
    if (node->n > section_items[section].max)
        return plx_doc_error(r->doc, node, r->why, "more than %zu %s",
                             section_items[section].max, key);
    *lists[section] = calloc(node->n + 1, section_items[section].size);
    if (!*lists[section])
        abort();
    for (size_t i = 0; i < node->n; i++) {
        int err = read_item(r, section, node->items[i], a);
        if (err < 0)
            return err;
    }
    plx_buf_init(&text, SECTION_TEXT_MAX);
    plx_buf_printf(&text, "%s: ", key);
    write_node(node, &text);
    bool overflow = text.overflow;
    file->text[section] = plx_buf_give(&text, NULL);
    file->has[section] = true;
    return overflow ? plx_doc_error(r->doc, node, r->why, "'%s' is too long", key) : 0;
}

/* ---- names that must be there, and only once ---- */

static int refuse_twice(const struct reading *r, const struct plx_node *list)
{
    for (size_t i = 0; list && i < list->n; i++)
        for (size_t k = 0; k < i; k++) {
            const struct plx_node *a = plx_node_get(list->items[i], "name");
            const struct plx_node *b = plx_node_get(list->items[k], "name");
            if (a && b && strcmp(a->text, b->text) == 0)
                return plx_doc_error(r->doc, a, r->why,
                                     "'%s' is named twice, first on line %u", a->text,
                                     b->line);
        }
    return 0;
}

static int check_receiver_name(void *arg, const struct reading *r,
                               const struct plx_node *node, const char *text)
{
    const struct plx_alerting *known = arg;
    const char *names[PLX_RECEIVERS_MAX];
    if (strcmp(text, "none") == 0 || plx_alerting_receiver(known, text))
        return 0;
    for (size_t i = 0; i < known->n_receivers; i++)
        names[i] = known->receivers[i].name;
    const char *meant = plx_text_closest(text, names, known->n_receivers);
    return plx_doc_error(r->doc, node, r->why, "there is no receiver '%s'%s%s%s", text,
                         meant ? "; did you mean '" : "", meant ? meant : "",
                         meant ? "'?" : "");
}

static int check_references(const struct reading *r, const struct plx_node *routes,
                            const struct plx_alerting *known)
{
    static const char *const keys[] = {"receivers", "escalate_to"};
    for (size_t i = 0; i < routes->n; i++)
        for (size_t k = 0; k < 2; k++) {
            const struct plx_node *v = plx_node_get(routes->items[i], keys[k]);
            int err =
                v ? each_text(r, v, keys[k], check_receiver_name, (void *)known) : 0;
            if (err < 0)
                return err;
        }
    return 0;
}

/* Routes that stay must not lose their receivers. */
static int check_left_behind(const struct reading *r, const struct plx_node *receivers,
                             const struct plx_alerting *now,
                             const struct plx_alerting *known)
{
    for (size_t i = 0; i < known->n_routes; i++) {
        const struct plx_route *route = &known->routes[i];
        for (size_t k = 0; k < route->n_receivers + route->n_escalate_to; k++) {
            const char *name = k < route->n_receivers
                                   ? route->receivers[k]
                                   : route->escalate_to[k - route->n_receivers];
            if (strcmp(name, "none") != 0 && !plx_alerting_receiver(now, name))
                return plx_doc_error(
                    r->doc, receivers, r->why,
                    "a route names the receiver '%s', which is not here; "
                    "give 'routes' as well",
                    name);
        }
    }
    return 0;
}

int plx_alerting_read(const struct plx_doc *doc, const struct plx_node *root,
                      plx_alerting_check_fn *check, const struct plx_alerting *known,
                      struct plx_alerting_file *ret, struct plx_why *why)
{
    const struct reading r = {doc, check, why};
    struct plx_alerting_file file = {0};
    const struct plx_node *nodes[PLX_SECTION_COUNT_];
    int err = 0;
    for (int i = 0; i < PLX_SECTION_COUNT_ && err == 0; i++) {
        enum plx_alerting_section section = (enum plx_alerting_section)i;
        nodes[i] = plx_node_get(root, plx_alerting_section_token(section));
        if (nodes[i])
            err = read_section(&r, section, nodes[i], &file);
        if (err == 0)
            err = refuse_twice(&r, nodes[i]);
    }
    const struct plx_alerting *there =
        file.has[PLX_SECTION_RECEIVERS] ? &file.alerting : known;
    if (err == 0 && nodes[PLX_SECTION_ROUTES] && there)
        err = check_references(&r, nodes[PLX_SECTION_ROUTES], there);
    if (err == 0 && nodes[PLX_SECTION_RECEIVERS] && !nodes[PLX_SECTION_ROUTES] && known)
        err = check_left_behind(&r, nodes[PLX_SECTION_RECEIVERS], &file.alerting, known);
    if (err < 0)
        plx_alerting_file_fini(&file);
    else
        *ret = file;
    return err;
}

int plx_alerting_parse(const char *name, const char *text, size_t len,
                       plx_alerting_check_fn *check, const struct plx_alerting *known,
                       struct plx_alerting_file *ret, struct plx_why *why)
{
    struct plx_doc *doc;
    int err = plx_doc_parse(name, text, len, &doc, why);
    if (err < 0)
        return err;
    const struct plx_node *root = plx_doc_root(doc);
    if (!root || root->kind != PLX_NODE_MAP)
        err = plx_why_set(why, PLX_EINVAL, "%s: no map of sections", name);
    else
        err = plx_alerting_read(doc, root, check, known, ret, why);
    plx_doc_destroy(&doc);
    return err;
}
