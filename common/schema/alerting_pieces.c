#include "schema/alerting_impl.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

int plx_reading_name(const struct plx_reading *r, const struct plx_node *node,
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

int plx_reading_texts(const struct plx_reading *r, const struct plx_node *node,
                      const char *key, plx_reading_text_fn *fn, void *arg)
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

static int add_match(void *arg, const struct plx_reading *r, const struct plx_node *node,
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

int plx_reading_match(const struct plx_reading *r, const struct plx_node *node,
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
        int err = plx_reading_texts(r, node->items[i], m.key, add_match, &m);
        if (err < 0)
            return err;
    }
    return 0;
}

int plx_reading_bounded(const struct plx_reading *r, const struct plx_node *node,
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
