#include "schema/circle.h"

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define NAMED_MAX 6 /* of a circle, in its sentence */

struct node {
    const struct plx_monitor *monitor;
    size_t next;        /* of what it depends on, to be looked at */
    struct node *below; /* on the way from where the walk began */
    enum { UNSEEN, ON_THE_WAY, SEEN } colour;
    UT_hash_handle hh;
};

struct walk {
    struct node *by_name;
    plx_circle_lookup_fn *lookup;
    void *arg;
};

static struct node *add_node(struct walk *w, const struct plx_monitor *m)
{
    struct node *node = calloc(1, sizeof *node);
    if (!node)
        abort();
    node->monitor = m;
    HASH_ADD_KEYPTR(hh, w->by_name, m->name, strlen(m->name), node);
    return node;
}

/* NULL: no monitor has that name. */
static struct node *find_node(struct walk *w, const char *name)
{
    struct node *node;
    HASH_FIND_STR(w->by_name, name, node);
    if (node || !w->lookup)
        return node;
    const struct plx_monitor *there = w->lookup(w->arg, name);
    return there ? add_node(w, there) : NULL;
}

/* `top` depends on `first`, from which one comes to `top`. */
static int tell(const struct node *first, const struct node *top, struct plx_why *why)
{
    const char *names[NAMED_MAX];
    size_t n = 0;
    struct plx_buf text;
    for (const struct node *at = top; at != first; at = at->below)
        names[n++ % NAMED_MAX] = at->monitor->name; /* those next to `first` stay */
    plx_buf_init(&text, PLX_WHY_MAX);
    plx_buf_printf(&text, "'%s'", first->monitor->name);
    for (size_t i = 0; i < n && i < NAMED_MAX; i++)
        plx_buf_printf(&text, " → '%s'", names[(n - 1 - i) % NAMED_MAX]);
    plx_buf_printf(&text, "%s → '%s'", n > NAMED_MAX ? " → …" : "", first->monitor->name);
    int err = plx_why_set(why, PLX_EINVAL, "'depends_on' leads in a circle: %s",
                          plx_buf_str(&text));
    plx_buf_fini(&text);
    return err;
}

/* Depth first, without recursion: a chain may be as long as there are monitors. */
static int walk_from(struct walk *w, struct node *top, struct plx_why *why)
{
    top->colour = ON_THE_WAY;
    while (top) {
        if (top->next == top->monitor->n_depends_on) {
            top->colour = SEEN;
            top = top->below;
            continue;
        }
        struct node *on = find_node(w, top->monitor->depends_on[top->next++]);
        if (on && on->colour == ON_THE_WAY)
            return tell(on, top, why);
        if (on && on->colour == UNSEEN) {
            on->colour = ON_THE_WAY;
            on->below = top;
            top = on;
        }
    }
    return 0;
}

static bool any_depends(const struct plx_monitor *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].n_depends_on > 0)
            return true;
    return false;
}

int plx_circle_find(const struct plx_monitor *list, size_t n,
                    plx_circle_lookup_fn *lookup, void *arg, size_t *ret_index,
                    struct plx_why *why)
{
    struct walk w = {.lookup = lookup, .arg = arg};
    struct node *node, *next;
    int err = 0;
    if (!any_depends(list, n))
        return 0;
    for (size_t i = 0; i < n; i++)
        add_node(&w, &list[i]);
    for (size_t i = 0; i < n && err == 0; i++) {
        node = find_node(&w, list[i].name);
        if (node->colour == UNSEEN)
            err = walk_from(&w, node, why);
        if (err < 0)
            *ret_index = i;
    }
    HASH_ITER(hh, w.by_name, node, next)
    {
        HASH_DEL(w.by_name, node);
        free(node);
    }
    return err;
}
