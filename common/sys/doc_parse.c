#include "sys/doc_parse.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* One parse under way. Children of open collections wait on `stack`. */
struct parse {
    struct plx_doc *doc;
    struct plx_why *why;
    const char *text;
    size_t len;
    yaml_parser_t yaml;
    size_t n_nodes;
    unsigned depth;
    struct plx_node **stack;
    size_t n_stack, cap_stack;
};

static struct plx_node at_mark(yaml_mark_t mark)
{
    return (struct plx_node){.line = (uint32_t)mark.line + 1,
                             .column = (uint32_t)mark.column + 1};
}

/* The text that stands at `mark`; the whole line when nothing follows there. */
static const char *text_at(const struct parse *p, yaml_mark_t mark)
{
    const char *end = p->text + p->len, *line = p->text;
    for (size_t n = mark.line; n > 0 && line < end; n--) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        line = newline ? newline + 1 : end;
    }
    const char *at = line;
    for (size_t n = mark.column; n > 0 && at < end && *at != '\n'; n--)
        do
            at++;
        while (at < end && ((unsigned char)*at & 0xc0) == 0x80);
    return at < end && *at != '\n' ? at : line;
}

static int refuse(struct parse *p, yaml_mark_t mark, int err, const char *what)
{
    struct plx_node place = at_mark(mark);
    char head[PLX_EXCERPT_MAX + 4] = "", shown[PLX_EXCERPT_MAX];
    const char *at = text_at(p, mark);
    size_t left = (size_t)(p->text + p->len - at); /* no NUL need follow the text */
    memcpy(head, at, left < sizeof head - 1 ? left : sizeof head - 1);
    plx_doc_error(p->doc, &place, p->why, "%s: '%s'", what, plx_doc_excerpt(head, shown));
    return err;
}

static int next_event(struct parse *p, yaml_event_t *ret)
{
    if (yaml_parser_parse(&p->yaml, ret))
        return 0;
    if (p->yaml.error == YAML_MEMORY_ERROR)
        abort();
    char what[160];
    snprintf(what, sizeof what, "not valid YAML: %s%s%s",
             p->yaml.context ? p->yaml.context : "", p->yaml.context ? ", " : "",
             p->yaml.problem ? p->yaml.problem : "unreadable");
    return refuse(p, p->yaml.problem_mark, PLX_EINVAL, what);
}

static void push(struct parse *p, struct plx_node *node)
{
    if (p->n_stack == p->cap_stack) {
        p->cap_stack = p->cap_stack ? 2 * p->cap_stack : 64;
        p->stack = realloc(p->stack, p->cap_stack * sizeof *p->stack);
        if (!p->stack)
            abort();
    }
    p->stack[p->n_stack++] = node;
}

static int new_node(struct parse *p, const yaml_event_t *event, enum plx_node_kind kind,
                    struct plx_node **ret)
{
    if (++p->n_nodes > PLX_DOC_NODES_MAX)
        return refuse(p, event->start_mark, PLX_ETOOBIG,
                      "the document has too many values");
    struct plx_node *node = plx_doc_alloc(p->doc, sizeof *node);
    *node = at_mark(event->start_mark);
    node->kind = kind;
    *ret = node;
    return 0;
}

static int refuse_decoration(struct parse *p, const yaml_event_t *event,
                             const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor)
        return refuse(p, event->start_mark, PLX_EINVAL, "anchors are not accepted");
    if (tag)
        return refuse(p, event->start_mark, PLX_EINVAL, "tags are not accepted");
    return 0;
}

static int read_scalar(struct parse *p, const yaml_event_t *event, struct plx_node **ret)
{
    const char *value = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    struct plx_node *node;
    int err =
        refuse_decoration(p, event, event->data.scalar.anchor, event->data.scalar.tag);
    if (err == 0 && memchr(value, '\0', len))
        err = refuse(p, event->start_mark, PLX_EINVAL, "a NUL character in the text");
    if (err == 0)
        err = new_node(p, event, PLX_NODE_SCALAR, &node);
    if (err < 0)
        return err;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->text = plx_doc_alloc(p->doc, len + 1);
    memcpy(node->text, value, len);
    *ret = node;
    return 0;
}

static int read_node(struct parse *p, const yaml_event_t *event, struct plx_node **ret);

/* Reads children up to the event of type `end` onto the stack. */
static int read_children(struct parse *p, yaml_event_type_t end)
{
    for (;;) {
        yaml_event_t event;
        struct plx_node *child;
        int err = next_event(p, &event);
        if (err < 0)
            return err;
        bool done = event.type == end;
        if (!done)
            err = read_node(p, &event, &child);
        yaml_event_delete(&event);
        if (err < 0 || done)
            return err;
        push(p, child);
    }
}

static struct plx_node **new_list(struct parse *p, size_t n)
{
    return n ? plx_doc_alloc(p->doc, n * sizeof(struct plx_node *)) : NULL;
}

static void fill_list(struct parse *p, struct plx_node *node, size_t base)
{
    node->n = p->n_stack - base;
    node->items = new_list(p, node->n);
    if (node->n)
        memcpy(node->items, p->stack + base, node->n * sizeof *node->items);
}

static int by_text_and_place(const void *a, const void *b)
{
    const struct plx_node *x = *(struct plx_node *const *)a;
    const struct plx_node *y = *(struct plx_node *const *)b;
    int order = strcmp(x->text, y->text);
    if (order)
        return order;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return x->column < y->column ? -1 : x->column > y->column;
}

static int refuse_duplicates(struct parse *p, const struct plx_node *map)
{
    if (map->n < 2)
        return 0;
    struct plx_node **sorted = malloc(map->n * sizeof *sorted);
    if (!sorted)
        abort();
    memcpy(sorted, map->keys, map->n * sizeof *sorted);
    qsort(sorted, map->n, sizeof *sorted, by_text_and_place);
    int err = 0;
    for (size_t i = 1; i < map->n && err == 0; i++) {
        char shown[PLX_EXCERPT_MAX];
        if (strcmp(sorted[i - 1]->text, sorted[i]->text) == 0)
            err = plx_doc_error(
                p->doc, sorted[i], p->why, "duplicate key '%s', first on line %u",
                plx_doc_excerpt(sorted[i]->text, shown), sorted[i - 1]->line);
    }
    free(sorted);
    return err;
}

static int fill_map(struct parse *p, struct plx_node *node, size_t base)
{
    node->n = (p->n_stack - base) / 2;
    node->keys = new_list(p, node->n);
    node->items = new_list(p, node->n);
    for (size_t i = 0; i < node->n; i++) {
        node->keys[i] = p->stack[base + 2 * i];
        node->items[i] = p->stack[base + 2 * i + 1];
        if (node->keys[i]->kind != PLX_NODE_SCALAR)
            return plx_doc_error(p->doc, node->keys[i], p->why,
                                 "a key must be plain text, not a list or map");
    }
    return refuse_duplicates(p, node);
}

static int read_collection(struct parse *p, const yaml_event_t *event, bool map,
                           struct plx_node **ret)
{
    struct plx_node *node;
    size_t base = p->n_stack;
    if (p->depth == PLX_DOC_DEPTH_MAX)
        return refuse(p, event->start_mark, PLX_ETOOBIG, "nested more than 16 deep");
    int err = new_node(p, event, map ? PLX_NODE_MAP : PLX_NODE_LIST, &node);
    if (err < 0)
        return err;
    p->depth++;
    err = read_children(p, map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT);
    if (err == 0 && map)
        err = fill_map(p, node, base);
    else if (err == 0)
        fill_list(p, node, base);
    p->depth--;
    p->n_stack = base;
    *ret = node;
    return err;
}

static int read_node(struct parse *p, const yaml_event_t *event, struct plx_node **ret)
{
    int err;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(p, event, ret);
    case YAML_SEQUENCE_START_EVENT:
        err = refuse_decoration(p, event, event->data.sequence_start.anchor,
                                event->data.sequence_start.tag);
        return err < 0 ? err : read_collection(p, event, false, ret);
    case YAML_MAPPING_START_EVENT:
        err = refuse_decoration(p, event, event->data.mapping_start.anchor,
                                event->data.mapping_start.tag);
        return err < 0 ? err : read_collection(p, event, true, ret);
    case YAML_ALIAS_EVENT:
        return refuse(p, event->start_mark, PLX_EINVAL, "aliases are not accepted");
    default:
        return refuse(p, event->start_mark, PLX_EINVAL, "not valid YAML");
    }
}

static bool is_empty(const struct plx_node *node)
{
    return node->kind == PLX_NODE_SCALAR && !node->quoted && node->text[0] == '\0';
}

/* The events around the one document. */
static int read_event(struct parse *p, const yaml_event_t *event, unsigned *documents)
{
    switch (event->type) {
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return 0;
    case YAML_DOCUMENT_START_EVENT:
        if (++*documents > 1)
            return refuse(p, event->start_mark, PLX_EINVAL,
                          "a second document in the file");
        return 0;
    default:
        return read_node(p, event, &p->doc->root);
    }
}

static int read_stream(struct parse *p)
{
    unsigned documents = 0;
    for (bool done = false; !done;) {
        yaml_event_t event;
        int err = next_event(p, &event);
        if (err < 0)
            return err;
        done = event.type == YAML_STREAM_END_EVENT;
        err = read_event(p, &event, &documents);
        yaml_event_delete(&event);
        if (err < 0)
            return err;
    }
    if (p->doc->root && is_empty(p->doc->root))
        p->doc->root = NULL;
    return 0;
}

int plx_doc_build(struct plx_doc *doc, const char *text, size_t len, struct plx_why *why)
{
    struct parse p = {.doc = doc, .why = why, .text = text, .len = len};
    if (!yaml_parser_initialize(&p.yaml))
        abort();
    yaml_parser_set_encoding(&p.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p.yaml, (const unsigned char *)text, len);
    int err = read_stream(&p);
    yaml_parser_delete(&p.yaml);
    free(p.stack);
    return err;
}
