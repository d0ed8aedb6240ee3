#include "schema/alerting_impl.h"

#include <string.h>

#define GIVE_UP_MAX_NS (30 * PLX_DAY_NS)
#define TIMEOUT_MAX_NS (2 * PLX_MIN_NS)
#define TIMEOUT_MIN_NS (100 * PLX_MS_NS)
#define OPTION_MAX     8192

static int add_line(void *arg, const struct plx_reading *r, const struct plx_node *node,
                    const char *text)
{
    struct plx_buf *lines = arg;
    if (strchr(text, '\n'))
        return plx_doc_error(r->doc, node, r->why, "an entry of a list is one line");
    plx_buf_printf(lines, "%s%s", lines->len ? "\n" : "", text);
    return 0;
}

/* A list is kept as lines. */
static int read_option_list(const struct plx_reading *r, const char *key,
                            const struct plx_node *node, struct plx_receiver *receiver)
{
    struct plx_buf lines;
    plx_buf_init(&lines, OPTION_MAX);
    int err = plx_reading_texts(r, node, key, add_line, &lines);
    if (err == 0 && lines.overflow)
        err = plx_doc_error(r->doc, node, r->why, "'%s' is too long", key);
    if (err == 0)
        plx_receiver_add_option(receiver, key, plx_buf_str(&lines));
    plx_buf_fini(&lines);
    return err;
}

static int read_receiver_key(const struct plx_reading *r, const char *key,
                             const struct plx_node *node, struct plx_receiver *receiver)
{
    const char *text;
    int64_t n;
    if (strcmp(key, "name") == 0)
        return plx_reading_name(r, node, key, &receiver->name);
    if (strcmp(key, "kind") == 0)
        return plx_reading_name(r, node, key, &receiver->kind);
    if (strcmp(key, "timeout") == 0)
        return plx_reading_bounded(r, node, key, TIMEOUT_MIN_NS, TIMEOUT_MAX_NS,
                                   &receiver->timeout_ns);
    if (strcmp(key, "give_up") == 0)
        return plx_reading_bounded(r, node, key, PLX_SEC_NS, GIVE_UP_MAX_NS,
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

int plx_reading_receiver(const struct plx_reading *r, const struct plx_node *node,
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
