#include "schema/monitors.h"

#include "base/err.h"
#include "base/text.h"
#include "schema/circle.h"
#include "schema/monitor_keys.h"
#include "sys/doc.h"

#include <stdlib.h>
#include <string.h>

/* Names of the keys, and "monitors" last: known only to suggest it at the top. */
#define NAMES_MAX 64
struct names {
    const char *list[NAMES_MAX];
    size_t n;
};

static struct names key_names(void)
{
    struct names names = {.n = 0};
    for (; names.n < plx_n_monitor_keys && names.n < NAMES_MAX - 1; names.n++)
        names.list[names.n] = plx_monitor_keys[names.n].name;
    names.list[names.n] = "monitors";
    return names;
}

static int demand(const struct plx_doc *doc, const struct plx_node *map,
                  struct plx_why *why)
{
    static const char *const required[] = {"host", "port", "locations"};
    for (size_t i = 0; i < sizeof required / sizeof *required; i++)
        if (!plx_node_get(map, required[i]))
            return plx_doc_error(doc, map, why, "the monitor has no '%s'", required[i]);
    return 0;
}

static int read_keys(const struct plx_doc *doc, const struct plx_node *map,
                     struct plx_monitor *m, struct plx_why *why)
{
    for (size_t i = 0; i < map->n; i++) {
        const struct plx_key *key = plx_monitor_key_find(map->keys[i]->text);
        int err = key->read(key, doc, map->items[i], m, why);
        if (err < 0)
            return err;
    }
    return 0;
}

static bool depends_on_itself(const struct plx_monitor *m)
{
    for (size_t i = 0; i < m->n_depends_on; i++)
        if (strcmp(m->depends_on[i], m->name) == 0)
            return true;
    return false;
}

/* The check quotes values as they are printed; whoever looks for one has what is written.
 */
static int refuse_whole(const struct plx_doc *doc, const struct plx_node *at,
                        const char *wrong, struct plx_why *why)
{
    char shown[PLX_EXCERPT_MAX];
    if (at->text == NULL || *at->text == '\0' || strstr(wrong, at->text) != NULL)
        return plx_doc_error(doc, at, why, "%s", wrong);
    return plx_doc_error(doc, at, why, "%s (it says '%s')", wrong,
                         plx_doc_excerpt(at->text, shown));
}

/* Monitors that are stored may have such names (plx_monitor_check lets them through); new
 * ones may not. */
static int refuse_hidden(const struct plx_doc *doc, const struct plx_node *map,
                         const char *key, const char *text, struct plx_why *why)
{
    const struct plx_node *at = plx_node_get(map, key);
    return plx_doc_error(doc, at ? at : map, why,
                         "%s '%s': must be 1 to 128 printable bytes", key, text);
}

/* What only the whole monitor shows, reported where the key at fault stands. */
static int check_whole(const struct plx_doc *doc, const struct plx_node *map,
                       const struct plx_monitor *m, struct plx_why *why)
{
    const char *field = "";
    struct plx_why inner = {""};
    if (plx_monitor_check(m, &field, &inner) < 0) {
        const struct plx_node *at = plx_node_get(map, field);
        return refuse_whole(doc, at ? at : map, inner.text, why);
    }
    if (!plx_text_is_name(m->name))
        return refuse_hidden(doc, map, "name", m->name, why);
    for (size_t i = 0; i < m->n_labels; i++)
        if (!plx_text_is_name(m->labels[i].value))
            return refuse_hidden(doc, map, "labels", m->labels[i].value, why);
    if (depends_on_itself(m))
        return plx_doc_error(doc, plx_node_get(map, "depends_on"), why,
                             "'depends_on' names the monitor itself: '%s'", m->name);
    return 0;
}

static int read_monitor(const struct plx_doc *doc, const struct plx_node *node,
                        bool at_top, struct plx_monitor *m, struct plx_why *why)
{
    if (node->kind != PLX_NODE_MAP) {
        char shown[PLX_EXCERPT_MAX];
        return plx_doc_error(doc, node, why, "a monitor must be a map of keys: '%s'",
                             plx_doc_excerpt(node->text ? node->text : "[…]", shown));
    }
    struct names names = key_names();
    int err = plx_doc_known_keys(doc, node, names.list, names.n + at_top, why);
    if (err == 0)
        err = demand(doc, node, why);
    if (err == 0)
        err = read_keys(doc, node, m, why);
    if (err < 0)
        return err;
    if (!plx_node_get(node, "timeout"))
        m->timeout_ns = plx_monitor_default_timeout(m->interval_ns);
    /* Whoever only asks for a greeting has asked for the handshake that goes with it. */
    if (!plx_greeting_is_none(&m->greeting) && !plx_node_get(node, "handshake"))
        m->handshake = PLX_HANDSHAKE_FULL;
    plx_monitor_default_name(m);
    return check_whole(doc, node, m, why);
}

/* A monitor's name and where it stands. */
struct named {
    const char *name;
    const struct plx_node *node;
    size_t index;
};

static int by_name_and_place(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

static int refuse_same_names(const struct plx_doc *doc, struct plx_node *const *nodes,
                             const struct plx_monitors *monitors, struct plx_why *why)
{
    if (monitors->n < 2)
        return 0;
    struct named *all = calloc(monitors->n, sizeof *all);
    if (!all)
        abort();
    for (size_t i = 0; i < monitors->n; i++)
        all[i] = (struct named){monitors->list[i].name, nodes[i], i};
    qsort(all, monitors->n, sizeof *all, by_name_and_place);
    int err = 0;
    for (size_t i = 1; i < monitors->n && err == 0; i++) {
        if (strcmp(all[i - 1].name, all[i].name) != 0)
            continue;
        const struct plx_node *said = plx_node_get(all[i].node, "name");
        err = plx_doc_error(doc, said ? said : all[i].node, why,
                            "two monitors are named '%s', the first on line %u%s",
                            all[i].name, all[i - 1].node->line,
                            said ? "" : " (the default name is host:port)");
    }
    free(all);
    return err;
}

static int refuse_circles(const struct plx_doc *doc, struct plx_node *const *nodes,
                          const struct plx_monitors *monitors, struct plx_why *why)
{
    struct plx_why inner = {""};
    size_t i = 0;
    if (plx_circle_find(monitors->list, monitors->n, NULL, NULL, &i, &inner) == 0)
        return 0;
    return plx_doc_error(doc, plx_node_get(nodes[i], "depends_on"), why, "%s",
                         inner.text);
}

static int read_list(const struct plx_doc *doc, struct plx_node *const *nodes, size_t n,
                     bool at_top, struct plx_monitors *ret, struct plx_why *why)
{
    if (n > PLX_MONITORS_MAX)
        return plx_doc_error(doc, nodes[PLX_MONITORS_MAX], why,
                             "more than 1000000 monitors");
    struct plx_monitors monitors = {.list = calloc(n ? n : 1, sizeof *monitors.list)};
    if (!monitors.list)
        abort();
    int err = 0;
    for (size_t i = 0; i < n && err == 0; i++) {
        plx_monitor_init(&monitors.list[monitors.n++]);
        err = read_monitor(doc, nodes[i], at_top, &monitors.list[i], why);
    }
    if (err == 0)
        err = refuse_same_names(doc, nodes, &monitors, why);
    if (err == 0)
        err = refuse_circles(doc, nodes, &monitors, why);
    if (err < 0)
        plx_monitors_fini(&monitors);
    else
        *ret = monitors;
    return err;
}

/* A list under `monitors:`, a bare list, or one bare monitor. */
static int read_root(const struct plx_doc *doc, struct plx_monitors *ret,
                     struct plx_why *why)
{
    struct plx_node *root = (struct plx_node *)plx_doc_root(doc);
    static const char *const top[] = {"monitors"};
    if (!root)
        return plx_doc_error(doc, NULL, why, "the file holds no monitors");
    if (root->kind == PLX_NODE_LIST)
        return read_list(doc, root->items, root->n, false, ret, why);
    const struct plx_node *list = plx_node_get(root, "monitors");
    if (!list)
        return read_list(doc, &root, 1, true, ret, why);
    if (plx_doc_known_keys(doc, root, top, 1, why) < 0)
        return PLX_EINVAL;
    return plx_monitors_read(doc, list, ret, why);
}

int plx_monitors_read(const struct plx_doc *doc, const struct plx_node *list,
                      struct plx_monitors *ret, struct plx_why *why)
{
    if (!list)
        return read_root(doc, ret, why);
    if (list->kind != PLX_NODE_LIST)
        return plx_doc_error(doc, list, why, "'monitors' must be a list");
    return read_list(doc, list->items, list->n, false, ret, why);
}

int plx_monitors_parse(const char *name, const char *text, size_t len,
                       struct plx_monitors *ret, struct plx_why *why)
{
    struct plx_doc *doc;
    int err = plx_doc_parse(name, text, len, &doc, why);
    if (err < 0)
        return err;
    err = read_root(doc, ret, why);
    plx_doc_destroy(&doc);
    return err;
}

void plx_monitors_fini(struct plx_monitors *monitors)
{
    for (size_t i = 0; i < monitors->n; i++)
        plx_monitor_fini(&monitors->list[i]);
    free(monitors->list);
    *monitors = (struct plx_monitors){0};
}
