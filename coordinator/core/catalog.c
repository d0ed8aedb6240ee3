#include "coordinator/core/catalog.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(msg) abort()
#include <uthash.h>

struct entry {
    struct plx_monitor monitor;
    uint32_t slot;
    UT_hash_handle by_id, by_name;
};

struct plx_catalog {
    struct entry **entries; /* by slot; NULL: empty */
    uint32_t *empty;        /* slots below `end` to be used again */
    size_t n_empty;
    uint32_t end, cap;
    struct entry *by_id, *by_name;
};

static void *grown(void *array, size_t n, size_t size)
{
    void *p = realloc(array, (n > 0 ? n : 1) * size);
    if (!p)
        abort();
    return p;
}

struct plx_catalog *plx_catalog_new(void)
{
    struct plx_catalog *catalog = calloc(1, sizeof *catalog);
    if (!catalog)
        abort();
    return catalog;
}

static void free_entry(struct entry *e)
{
    plx_monitor_fini(&e->monitor);
    free(e);
}

void plx_catalog_destroy(struct plx_catalog **catalog)
{
    struct plx_catalog *c = *catalog;
    if (!c)
        return;
    HASH_CLEAR(by_id, c->by_id);
    HASH_CLEAR(by_name, c->by_name);
    for (uint32_t i = 0; i < c->end; i++)
        if (c->entries[i])
            free_entry(c->entries[i]);
    free(c->entries);
    free(c->empty);
    free(c);
    *catalog = NULL;
}

static struct entry *find_id(const struct plx_catalog *catalog, uint64_t id)
{
    struct entry *e;
    HASH_FIND(by_id, catalog->by_id, &id, sizeof id, e);
    return e;
}

static struct entry *find_name(const struct plx_catalog *catalog, const char *name)
{
    struct entry *e;
    HASH_FIND(by_name, catalog->by_name, name, strlen(name), e);
    return e;
}

static uint32_t take_slot(struct plx_catalog *c)
{
    if (c->n_empty > 0)
        return c->empty[--c->n_empty];
    if (c->end == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 64;
        c->entries = grown(c->entries, c->cap, sizeof(struct entry *));
        /* As large as the slots, so that removing never allocates. */
        c->empty = grown(c->empty, c->cap, sizeof *c->empty);
    }
    return c->end++;
}

static struct entry *insert(struct plx_catalog *c, const struct plx_monitor *monitor)
{
    struct entry *e = calloc(1, sizeof *e);
    if (!e)
        abort();
    plx_monitor_copy(&e->monitor, monitor);
    e->slot = take_slot(c);
    c->entries[e->slot] = e;
    HASH_ADD(by_id, c->by_id, monitor.id, sizeof e->monitor.id, e);
    HASH_ADD_KEYPTR(by_name, c->by_name, e->monitor.name, strlen(e->monitor.name), e);
    return e;
}

static void replace(struct plx_catalog *c, struct entry *e,
                    const struct plx_monitor *monitor)
{
    HASH_DELETE(by_name, c->by_name, e);
    struct plx_monitor copy;
    plx_monitor_copy(&copy, monitor);
    plx_monitor_fini(&e->monitor);
    e->monitor = copy;
    HASH_ADD_KEYPTR(by_name, c->by_name, e->monitor.name, strlen(e->monitor.name), e);
}

int plx_catalog_put(struct plx_catalog *catalog, const struct plx_monitor *monitor,
                    uint32_t *ret_slot)
{
    struct entry *e = find_id(catalog, monitor->id);
    struct entry *namesake = find_name(catalog, monitor->name);
    if (namesake && namesake != e)
        return PLX_EEXISTS;
    if (e)
        replace(catalog, e, monitor);
    else
        e = insert(catalog, monitor);
    *ret_slot = e->slot;
    return 0;
}

void plx_catalog_remove(struct plx_catalog *catalog, uint32_t slot)
{
    struct entry *e = slot < catalog->end ? catalog->entries[slot] : NULL;
    if (!e)
        return;
    HASH_DELETE(by_id, catalog->by_id, e);
    HASH_DELETE(by_name, catalog->by_name, e);
    catalog->entries[slot] = NULL;
    catalog->empty[catalog->n_empty++] = slot;
    free_entry(e);
}

size_t plx_catalog_count(const struct plx_catalog *catalog)
{
    return catalog->end - catalog->n_empty;
}

uint32_t plx_catalog_end(const struct plx_catalog *catalog)
{
    return catalog->end;
}

const struct plx_monitor *plx_catalog_at(const struct plx_catalog *catalog, uint32_t slot)
{
    return slot < catalog->end && catalog->entries[slot]
               ? &catalog->entries[slot]->monitor
               : NULL;
}

uint32_t plx_catalog_by_id(const struct plx_catalog *catalog, uint64_t id)
{
    const struct entry *e = find_id(catalog, id);
    return e ? e->slot : PLX_CATALOG_NONE;
}

uint32_t plx_catalog_by_name(const struct plx_catalog *catalog, const char *name)
{
    const struct entry *e = find_name(catalog, name);
    return e ? e->slot : PLX_CATALOG_NONE;
}

static int by_name_order(const void *a, const void *b)
{
    const struct entry *const *ea = a, *const *eb = b;
    return strcmp((*ea)->monitor.name, (*eb)->monitor.name);
}

uint32_t *plx_catalog_sorted(const struct plx_catalog *catalog, size_t *ret_n)
{
    size_t n = 0;
    const struct entry **list =
        grown(NULL, plx_catalog_count(catalog), sizeof(struct entry *));
    for (uint32_t i = 0; i < catalog->end; i++)
        if (catalog->entries[i])
            list[n++] = catalog->entries[i];
    qsort(list, n, sizeof(struct entry *), by_name_order);
    uint32_t *slots = grown(NULL, n, sizeof *slots);
    for (size_t i = 0; i < n; i++)
        slots[i] = list[i]->slot;
    free(list);
    *ret_n = n;
    return slots;
}

/* Marks every monitor named in the list, so that the rest can be pruned. */
static void plan_removals(const struct plx_catalog *catalog, const bool *kept,
                          struct plx_catalog_plan *plan)
{
    for (uint32_t i = 0; i < catalog->end; i++)
        if (catalog->entries[i] && !kept[i])
            plan->removed[plan->n_removed++] = i;
}

void plx_catalog_compare(const struct plx_catalog *catalog,
                         const struct plx_monitor *list, size_t n, bool prune,
                         struct plx_catalog_plan *ret_plan)
{
    struct plx_catalog_plan plan = {0};
    plan.added = grown(NULL, n, sizeof *plan.added);
    plan.changed = grown(NULL, n, sizeof *plan.changed);
    plan.removed = grown(NULL, catalog->end, sizeof *plan.removed);
    bool *kept = calloc(catalog->end + 1, sizeof *kept);
    if (!kept)
        abort();
    for (size_t i = 0; i < n; i++) {
        const struct entry *e = find_name(catalog, list[i].name);
        if (!e) {
            plan.added[plan.n_added++] = i;
            continue;
        }
        kept[e->slot] = true;
        if (plx_monitor_equal(&e->monitor, &list[i]))
            plan.n_unchanged++;
        else
            plan.changed[plan.n_changed++] =
                (struct plx_catalog_change){.index = i, .slot = e->slot};
    }
    if (prune)
        plan_removals(catalog, kept, &plan);
    free(kept);
    *ret_plan = plan;
}

void plx_catalog_plan_fini(struct plx_catalog_plan *plan)
{
    free(plan->added);
    free(plan->changed);
    free(plan->removed);
    *plan = (struct plx_catalog_plan){0};
}
