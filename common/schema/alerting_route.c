#include "schema/alerting_impl.h"

#include "base/text.h"

#include <stdlib.h>

#define REPEAT_MIN_NS (10 * PLX_SEC_NS)

struct names {
    char ***list;
    size_t *n;
};

static int add_name(void *arg, const struct plx_reading *r, const struct plx_node *node,
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

int plx_reading_route(const struct plx_reading *r, const struct plx_node *node,
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
        err = plx_reading_name(r, v, "name", &route->name);
    if (!err && (v = plx_node_get(node, "match")))
        err = plx_reading_match(r, v, &route->match);
    if (!err && (v = plx_node_get(node, "receivers")))
        err = plx_reading_texts(r, v, "receivers", add_name, &receivers);
    if (!err && (v = plx_node_get(node, "escalate_to")))
        err = plx_reading_texts(r, v, "escalate_to", add_name, &escalate);
    if (!err && (v = plx_node_get(node, "for")))
        err = plx_reading_bounded(r, v, "for", 0, 7 * PLX_DAY_NS, &route->for_ns);
    if (!err && (v = plx_node_get(node, "repeat")))
        err = plx_reading_bounded(r, v, "repeat", REPEAT_MIN_NS, 30 * PLX_DAY_NS,
                                  &route->repeat_ns);
    if (!err && (v = plx_node_get(node, "update")))
        err = plx_reading_bounded(r, v, "update", PLX_SEC_NS, PLX_DAY_NS,
                                  &route->update_ns);
    if (!err && (v = plx_node_get(node, "escalate_after")))
        err = plx_reading_bounded(r, v, "escalate_after", PLX_SEC_NS, 7 * PLX_DAY_NS,
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
