#include "schema/alerting_impl.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTION_TEXT_MAX ((size_t)8 * 1024 * 1024)

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

static int read_item(const struct plx_reading *r, enum plx_alerting_section section,
                     const struct plx_node *node, struct plx_alerting *a)
{
    switch (section) {
    case PLX_SECTION_RECEIVERS:
        return plx_reading_receiver(r, node, &a->receivers[a->n_receivers++]);
    case PLX_SECTION_ROUTES:
        return plx_reading_route(r, node, &a->routes[a->n_routes++]);
    case PLX_SECTION_MAINTENANCE:
    case PLX_SECTION_COUNT_:
        break;
    }
    return plx_reading_window(r, node, &a->windows[a->n_windows++]);
}

static int read_section(const struct plx_reading *r, enum plx_alerting_section section,
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

static int refuse_twice(const struct plx_reading *r, const struct plx_node *list)
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

static int check_receiver_name(void *arg, const struct plx_reading *r,
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

static int check_references(const struct plx_reading *r, const struct plx_node *routes,
                            const struct plx_alerting *known)
{
    static const char *const keys[] = {"receivers", "escalate_to"};
    for (size_t i = 0; i < routes->n; i++)
        for (size_t k = 0; k < 2; k++) {
            const struct plx_node *v = plx_node_get(routes->items[i], keys[k]);
            int err =
                v ? plx_reading_texts(r, v, keys[k], check_receiver_name, (void *)known)
                  : 0;
            if (err < 0)
                return err;
        }
    return 0;
}

/* Routes that stay must not lose their receivers. */
static int check_left_behind(const struct plx_reading *r,
                             const struct plx_node *receivers,
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
    const struct plx_reading r = {doc, check, why};
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
