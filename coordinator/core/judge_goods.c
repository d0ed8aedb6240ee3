#include "coordinator/core/judge_goods.h"

#include <stdlib.h>

/* A place of more results is not kept for the next solve. */
#define KEEP 65536u

void plx_goods_fini(struct plx_goods *g)
{
    for (uint32_t p = 0; p < PLX_GOODS_PLACES; p++) {
        free(g->places[p].ends);
        free(g->places[p].good);
    }
    *g = (struct plx_goods){0};
}

void plx_goods_begin(struct plx_goods *g)
{
    for (uint32_t p = 0; p < PLX_GOODS_PLACES; p++) {
        struct plx_goods_place *place = &g->places[p];
        place->unit = PLX_NO_UNIT;
        place->n_ends = place->n_good = 0;
        if (place->cap_good <= KEEP)
            continue;
        free(place->good);
        place->good = NULL;
        place->cap_good = 0;
    }
}

bool plx_goods_of_cell(const struct plx_cell *c, uint32_t period, uint32_t since,
                       struct plx_good *ret)
{
    if (!(c->flags & PLX_CELL_SEEN))
        return false;
    if (!(c->flags & PLX_CELL_FAILING)) {
        /* Silence that was expected is no sign of life. */
        if (c->last <= since || c->outcome == PLX_OUTCOME_TIMEOUT)
            return false;
        *ret = (struct plx_good){c->first, c->last, period, c->agent, c->n};
        return true;
    }
    if (c->other <= since || c->n_other == 0)
        return false;
    uint32_t span = (uint32_t)(c->n_other - 1) * period;
    *ret = (struct plx_good){c->other > span ? c->other - span : 1, c->other, period,
                             c->agent, c->n_other};
    return true;
}

static void *grown(void *p, uint32_t *cap, uint32_t n, size_t size)
{
    if (n < *cap)
        return p;
    *cap = n + n / 2 + 64;
    p = realloc(p, *cap * size);
    if (p == NULL)
        abort();
    return p;
}

/* Reads the next member. */
static void read_member(struct plx_goods_place *p, const struct plx_fleet *fleet,
                        const struct plx_evidence *ev)
{
    uint32_t id = plx_unit_members(&fleet->units[p->unit])[p->n_ends];
    const struct plx_fleet_monitor *m = &fleet->monitors[id];
    for (uint32_t k = 0; k < m->n_cells; k++) {
        struct plx_cell c;
        plx_cell_read(ev, m, k, &c);
        p->good = grown(p->good, &p->cap_good, p->n_good, sizeof *p->good);
        p->n_good += plx_goods_of_cell(&c, m->interval_tk, 0, &p->good[p->n_good]);
    }
    p->ends = grown(p->ends, &p->cap_ends, p->n_ends, sizeof *p->ends);
    p->ends[p->n_ends++] = p->n_good;
}

static struct plx_goods_place *place_of(struct plx_goods *g, uint32_t unit)
{
    for (uint32_t p = 0; p < PLX_GOODS_PLACES; p++)
        if (g->places[p].unit == unit)
            return &g->places[p];
    struct plx_goods_place *place = &g->places[g->next];
    g->next = (g->next + 1) % PLX_GOODS_PLACES;
    place->unit = unit;
    place->n_ends = place->n_good = 0;
    return place;
}

const struct plx_good *plx_goods_of(struct plx_goods *g, const struct plx_fleet *fleet,
                                    const struct plx_evidence *ev, uint32_t unit,
                                    uint32_t i, uint32_t *ret_n)
{
    struct plx_goods_place *p = place_of(g, unit);
    while (p->n_ends <= i)
        read_member(p, fleet, ev);
    uint32_t begin = i == 0 ? 0 : p->ends[i - 1];
    *ret_n = p->ends[i] - begin;
    return p->good == NULL ? NULL : p->good + begin;
}
