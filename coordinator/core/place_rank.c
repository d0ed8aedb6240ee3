/* The fleet's view: what failing ways have in common that working ones have not. */
#include "coordinator/core/place.h"

#include <string.h>

#define HOPS_MAX 256 /* looked at; more are left out */

struct tally {
    struct plx_place_suspect suspect;
    uint32_t depth;     /* furthest place on any way */
    size_t counted_for; /* 1 + the view that was counted last */
};

static bool works(const struct plx_trace *trace)
{
    bool open = trace->n_flows > 0;
    for (size_t f = 0; f < trace->n_flows; f++)
        open = open && trace->flows[f].end.kind == PLX_HOP_OPEN;
    return open;
}

static struct tally *tally_of(struct tally *list, size_t *n, const struct plx_addr *hop)
{
    for (size_t i = 0; i < *n; i++)
        if (plx_addr_equal(&list[i].suspect.hop, hop))
            return &list[i];
    if (*n == HOPS_MAX)
        return NULL;
    list[*n] = (struct tally){.suspect = {.hop = *hop}};
    return &list[(*n)++];
}

/* Counts each hop of the trace once for the view. */
static void count(struct tally *list, size_t *n, const struct plx_trace *trace,
                  size_t view, bool working)
{
    for (size_t f = 0; trace && f < trace->n_flows; f++)
        for (uint32_t i = 0; i < trace->flows[f].n_hops; i++) {
            const struct plx_hop *hop = &trace->flows[f].hops[i];
            struct tally *t =
                hop->kind == PLX_HOP_TRANSIT ? tally_of(list, n, &hop->from) : NULL;
            if (!t)
                continue;
            t->depth = i > t->depth ? i : t->depth;
            if (t->counted_for == view + 1)
                continue;
            t->counted_for = view + 1;
            t->suspect.n_failing += !working;
            t->suspect.n_working += working;
        }
}

static bool ranks_before(const struct tally *a, const struct tally *b)
{
    if (a->suspect.n_failing != b->suspect.n_failing)
        return a->suspect.n_failing > b->suspect.n_failing;
    return a->depth > b->depth;
}

size_t plx_place_rank(const struct plx_place_view *views, size_t n,
                      struct plx_place_suspect *ret, size_t max)
{
    struct tally list[HOPS_MAX];
    size_t n_list = 0, n_ret = 0;
    for (size_t i = 0; i < n; i++) {
        bool working = works(views[i].now);
        count(list, &n_list, views[i].now, i, working);
        if (!working)
            count(list, &n_list, views[i].before, i, false);
    }
    while (n_ret < max) {
        struct tally *best = NULL;
        for (size_t i = 0; i < n_list; i++)
            if (list[i].suspect.n_failing > 0 && list[i].suspect.n_working == 0 &&
                (!best || ranks_before(&list[i], best)))
                best = &list[i];
        if (!best)
            break;
        ret[n_ret++] = best->suspect;
        best->suspect.n_failing = 0;
    }
    return n_ret;
}
