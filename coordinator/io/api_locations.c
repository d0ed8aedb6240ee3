/* The API's method on locations: what a monitor's `locations` can name, who serves each,
 * and how many monitors ask for it. */
#include "coordinator/io/api_call.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

/* One name as one agent serves it or one monitor asks for it. */
struct mention {
    char *name; /* owned, if it is an agent's label */
    bool owned;
    unsigned agents, live, monitors;
};

struct mentions {
    struct mention *list;
    size_t n, room;
};

static void add(struct mentions *all, struct mention mention)
{
    if (all->n == all->room) {
        all->room = all->room ? 2 * all->room : 256;
        all->list = realloc(all->list, all->room * sizeof *all->list);
        if (!all->list)
            abort();
    }
    all->list[all->n++] = mention;
}

static char *label_location(const struct plx_label *label)
{
    struct plx_buf text;
    plx_buf_init(&text, SIZE_MAX);
    plx_buf_printf(&text, "%s=%s", label->key, label->value);
    return plx_buf_give(&text, NULL);
}

/* An agent is in "all", in its region, and in each of its labels (core/assign). */
static void add_agent(struct mentions *all, const struct plx_agent *agent)
{
    static char everywhere[] = "all";
    unsigned live = plx_roster_presence(agent) == PLX_PRESENCE_LIVE;
    add(all, (struct mention){everywhere, false, 1, live, 0});
    add(all, (struct mention){agent->region, false, 1, live, 0});
    for (size_t i = 0; i < agent->n_labels; i++)
        add(all, (struct mention){label_location(&agent->labels[i]), true, 1, live, 0});
}

static void collect(struct mentions *all, const struct plx_desk *desk)
{
    for (uint32_t i = 0; i < plx_roster_count(desk->roster); i++)
        if (!plx_roster_at(desk->roster, i)->revoked)
            add_agent(all, plx_roster_at(desk->roster, i));
    for (uint32_t i = 0; i < plx_catalog_end(desk->catalog); i++) {
        const struct plx_monitor *m = plx_catalog_at(desk->catalog, i);
        for (size_t k = 0; m && k < m->n_locations; k++)
            add(all, (struct mention){m->locations[k], false, 0, 0, 1});
    }
}

static int by_name(const void *a, const void *b)
{
    const struct mention *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* Writes the first of these and all of the same name as one; returns how many. */
static size_t write_location(const struct mention *list, size_t n, struct plx_json *j)
{
    struct mention sum = list[0];
    size_t i = 1;
    for (; i < n && strcmp(list[i].name, sum.name) == 0; i++) {
        sum.agents += list[i].agents;
        sum.live += list[i].live;
        sum.monitors += list[i].monitors;
    }
    plx_json_object(j);
    plx_json_kstr(j, "location", sum.name);
    plx_json_kuint(j, "agents", sum.agents);
    plx_json_kuint(j, "live", sum.live);
    plx_json_kuint(j, "monitors", sum.monitors);
    plx_json_end(j);
    return i;
}

void plx_api_locations_list(struct plx_call *call)
{
    struct mentions all = {0};
    struct plx_buf buf;
    struct plx_json j;
    collect(&all, call->api->desk);
    if (all.n > 0)
        qsort(all.list, all.n, sizeof *all.list, by_name);
    plx_answer_begin(&buf, &j);
    plx_json_kwall(&j, "at", plx_clock_wall());
    plx_json_key(&j, "locations");
    plx_json_array(&j);
    for (size_t i = 0; i < all.n;)
        i += write_location(&all.list[i], all.n - i, &j);
    plx_json_end(&j);
    plx_json_end(&j);
    for (size_t i = 0; i < all.n; i++)
        if (all.list[i].owned)
            free(all.list[i].name);
    free(all.list);
    plx_call_end(call, &buf);
}
