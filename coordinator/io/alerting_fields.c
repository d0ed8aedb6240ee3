#include "coordinator/io/alerting_fields.h"

#include <stdlib.h>
#include <string.h>

/* An entry: its name, of what sort it is, and a text that is another one for another
 * entry. */
struct entry {
    const char *name, *sort;
    struct plx_buf text;
};

static void write_texts(struct plx_json *j, char *const *list, size_t n)
{
    plx_json_array(j);
    for (size_t i = 0; i < n; i++)
        plx_json_str(j, list[i]);
    plx_json_end(j);
}

/* Whole, unlike plx_receiver_to_json: it is compared and forgotten. */
static void write_receiver(const struct plx_receiver *r, struct plx_json *j)
{
    plx_json_array(j);
    plx_json_int(j, r->timeout_ns);
    plx_json_int(j, r->give_up_ns);
    plx_json_uint(j, r->max_per_minute);
    for (size_t i = 0; i < r->n_options; i++) {
        plx_json_str(j, r->options[i].key);
        plx_json_str(j, r->options[i].value);
    }
    plx_json_end(j);
}

static void write_route(const struct plx_route *r, struct plx_json *j)
{
    plx_json_array(j);
    plx_match_to_json(&r->match, j);
    write_texts(j, r->receivers, r->n_receivers);
    write_texts(j, r->escalate_to, r->n_escalate_to);
    plx_json_int(j, r->for_ns);
    plx_json_int(j, r->repeat_ns);
    plx_json_int(j, r->update_ns);
    plx_json_int(j, r->escalate_after_ns);
    plx_json_bool(j, r->go_on);
    plx_json_end(j);
}

static size_t count(enum plx_alerting_section section, const struct plx_alerting *a)
{
    return section == PLX_SECTION_RECEIVERS ? a->n_receivers
           : section == PLX_SECTION_ROUTES  ? a->n_routes
                                            : a->n_windows;
}

static struct entry entry_of(enum plx_alerting_section section,
                             const struct plx_alerting *a, size_t i)
{
    struct entry e;
    struct plx_json j;
    plx_buf_init(&e.text, SIZE_MAX / 2);
    plx_json_init(&j, &e.text);
    if (section == PLX_SECTION_RECEIVERS) {
        e.name = a->receivers[i].name;
        e.sort = a->receivers[i].kind;
        write_receiver(&a->receivers[i], &j);
    } else if (section == PLX_SECTION_ROUTES) {
        e.name = a->routes[i].name;
        e.sort = "route";
        write_route(&a->routes[i], &j);
    } else {
        e.name = a->windows[i].name;
        e.sort = a->windows[i].days ? "weekly" : "once";
        plx_window_to_json(&a->windows[i], &j);
    }
    return e;
}

static struct entry *entries_of(enum plx_alerting_section section,
                                const struct plx_alerting *a, size_t *ret_n)
{
    *ret_n = count(section, a);
    struct entry *list = calloc(*ret_n + 1, sizeof *list);
    if (!list)
        abort();
    for (size_t i = 0; i < *ret_n; i++)
        list[i] = entry_of(section, a, i);
    return list;
}

static void free_entries(struct entry *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        plx_buf_fini(&list[i].text);
    free(list);
}

static const struct entry *find(const struct entry *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    return NULL;
}

/* What became of an entry; false: nothing. NULL on one side: there was, or is, none. */
static bool compare(const struct entry *was, const struct entry *now,
                    struct plx_store_field *ret)
{
    bool other_sort = !was || !now || strcmp(was->sort, now->sort) != 0;
    if (!other_sort && strcmp(plx_buf_str(&was->text), plx_buf_str(&now->text)) == 0)
        return false;
    *ret = (struct plx_store_field){
        .key = was ? was->name : now->name,
        .was = was && other_sort ? was->sort : NULL,
        .now = now && other_sort ? now->sort : NULL,
    };
    return *ret->key != '\0';
}

struct plx_store_field *plx_alerting_fields(enum plx_alerting_section section,
                                            const struct plx_alerting *was,
                                            const struct plx_alerting *now, size_t *ret_n)
{
    size_t n_was, n_now, n = 0;
    struct entry *before = entries_of(section, was, &n_was);
    struct entry *after = entries_of(section, now, &n_now);
    struct plx_store_field *fields = calloc(n_was + n_now + 1, sizeof *fields);
    if (!fields)
        abort();
    for (size_t i = 0; i < n_now; i++)
        n += compare(find(before, n_was, after[i].name), &after[i], &fields[n]);
    for (size_t i = 0; i < n_was; i++)
        if (!find(after, n_now, before[i].name))
            n += compare(&before[i], NULL, &fields[n]);
    free_entries(before, n_was);
    free_entries(after, n_now);
    *ret_n = n;
    return fields;
}
