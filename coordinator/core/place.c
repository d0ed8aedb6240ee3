#include "coordinator/core/place.h"

#include "coordinator/core/place_text.h"

#include <string.h>

const char *plx_place_token(enum plx_place_kind kind)
{
    static const char *const tokens[] = {
#define X(name, value, token) [PLX_PLACE_##name] = token,
        PLX_PLACE_TABLE(X)
#undef X
    };
    return (size_t)kind < sizeof tokens / sizeof *tokens ? tokens[kind] : "unknown";
}

/* ---- flows ---- */

static bool fails(const struct plx_trace_flow *flow)
{
    return flow->end.kind != PLX_HOP_OPEN;
}

/* How many hops there are to the end; 0: it was not met. */
static uint8_t distance(const struct plx_trace_flow *flow)
{
    for (uint8_t i = 0; i < flow->n_hops; i++)
        if (flow->hops[i].kind == PLX_HOP_OPEN || flow->hops[i].kind == PLX_HOP_REFUSED)
            return (uint8_t)(i + 1);
    return 0;
}

static uint8_t count_failing(const struct plx_trace *trace)
{
    uint8_t n = 0;
    for (size_t i = 0; i < trace->n_flows; i++)
        n += fails(&trace->flows[i]);
    return n;
}

/* The only address that answered at that place on the way, over the flows that fail, or
 * over those that do not. None: nobody, or several. */
static struct plx_addr only_at(const struct plx_trace *trace, uint8_t i, bool failing)
{
    struct plx_addr found = {0};
    for (size_t f = 0; f < trace->n_flows; f++) {
        const struct plx_trace_flow *flow = &trace->flows[f];
        if (fails(flow) != failing || i >= flow->n_hops ||
            flow->hops[i].kind != PLX_HOP_TRANSIT)
            continue;
        if (found.family && !plx_addr_equal(&found, &flow->hops[i].from))
            return (struct plx_addr){0};
        found = flow->hops[i].from;
    }
    return found;
}

static bool answers_at(const struct plx_trace *trace, uint8_t i,
                       const struct plx_addr *addr)
{
    for (size_t f = 0; f < trace->n_flows; f++)
        if (i < trace->flows[f].n_hops &&
            trace->flows[f].hops[i].kind == PLX_HOP_TRANSIT &&
            plx_addr_equal(&trace->flows[f].hops[i].from, addr))
            return true;
    return false;
}

static bool passes(const struct plx_trace *trace, const struct plx_addr *addr)
{
    for (uint8_t i = 0; i < PLX_TRACE_HOPS_MAX; i++)
        if (answers_at(trace, i, addr))
            return true;
    return false;
}

/* The last place on the way where the failing flows agree on who answered, or -1. A flow
 * that got further than the others shows that the routers before are no obstacle. */
static int last_answer(const struct plx_trace *trace)
{
    for (int i = PLX_TRACE_HOPS_MAX - 1; i >= 0; i--)
        if (only_at(trace, (uint8_t)i, true).family)
            return i;
    return -1;
}

/* ---- good times ---- */

/* Whether a flow went over that hop at that place. */
static bool went_over(const struct plx_trace_flow *flow, int i,
                      const struct plx_addr *addr)
{
    return i < flow->n_hops && flow->hops[i].kind == PLX_HOP_TRANSIT &&
           plx_addr_equal(&flow->hops[i].from, addr);
}

/* Who came next after hop `i` with that address. `ret` without a family: the target.
 * False: not known, or several did. Hops that never answer are passed over. */
static bool next_in_good_times(const struct plx_trace *before, int i,
                               const struct plx_addr *addr, struct plx_addr *ret)
{
    bool found = false;
    for (size_t f = 0; before && f < before->n_flows; f++) {
        const struct plx_trace_flow *flow = &before->flows[f];
        struct plx_addr next = {0};
        if ((i >= 0 && !went_over(flow, i, addr)) || distance(flow) == 0)
            continue;
        for (int k = i + 1; k < flow->n_hops && !next.family; k++)
            if (flow->hops[k].kind == PLX_HOP_TRANSIT)
                next = flow->hops[k].from;
        if (found && !plx_addr_equal(&next, ret))
            return false;
        *ret = next;
        found = true;
    }
    return found;
}

/* Of several that came next, the one of whom nothing is left now: one member of a spread
 * way. */
static bool missing_member(const struct plx_trace *before, const struct plx_trace *now,
                           int i, const struct plx_addr *addr, struct plx_addr *ret)
{
    struct plx_addr missing = {0};
    bool others = false;
    for (size_t f = 0; before && f < before->n_flows; f++) {
        const struct plx_trace_flow *flow = &before->flows[f];
        if (!went_over(flow, i, addr) || i + 1 >= flow->n_hops ||
            flow->hops[i + 1].kind != PLX_HOP_TRANSIT)
            continue;
        const struct plx_addr *next = &flow->hops[i + 1].from;
        if (passes(now, next))
            others = true;
        else if (missing.family && !plx_addr_equal(&missing, next))
            return false;
        else
            missing = *next;
    }
    if (!missing.family || !others)
        return false;
    *ret = missing;
    return true;
}

/* Whether the way was another one already before it broke. */
static void note_change(const struct plx_place_view *view, int last,
                        struct plx_place_part *part)
{
    for (int i = 0; view->before && i <= last; i++) {
        struct plx_addr is = only_at(view->now, (uint8_t)i, true);
        struct plx_addr was = only_at(view->before, (uint8_t)i, false);
        if (!is.family || !was.family || plx_addr_equal(&is, &was))
            continue;
        part->changed = true;
        part->was = was;
        part->is = is;
        return;
    }
}

/* ---- one location ---- */

static const struct plx_trace_flow *failing_flow(const struct plx_trace *trace,
                                                 enum plx_hop_kind kind)
{
    for (size_t f = 0; f < trace->n_flows; f++)
        if (trace->flows[f].end.kind == kind)
            return &trace->flows[f];
    return NULL;
}

/* Somebody said no by ICMP: a filter where it stands, or a router that cannot go on. */
static void place_reject(const struct plx_place_view *view,
                         const struct plx_trace_flow *flow, struct plx_place_part *part)
{
    const struct plx_hop *end = &flow->end;
    bool v6 = end->from.family == 6;
    /* RFC 792, 1812 (5.2.7.1) and 4443 (3.1): no route, or no such host. */
    bool lost = v6 ? end->icmp_type == 1 && (end->icmp_code == 0 || end->icmp_code == 3)
                   : end->icmp_type == 3 && (end->icmp_code == 0 || end->icmp_code == 1 ||
                                             end->icmp_code == 6 || end->icmp_code == 7);
    part->reject = *end;
    part->after = end->from;
    if (plx_addr_equal(&end->from, &view->now->target)) {
        part->kind = PLX_PLACE_AT_TARGET;
        return;
    }
    part->kind = lost ? PLX_PLACE_BETWEEN : PLX_PLACE_AT_HOP;
    for (int i = 0; lost && view->before && i < PLX_TRACE_HOPS_MAX; i++)
        if (answers_at(view->before, (uint8_t)i, &end->from))
            part->known_next =
                next_in_good_times(view->before, i, &end->from, &part->before);
}

static uint8_t usual_distance(const struct plx_trace *before)
{
    uint8_t least = 0;
    for (size_t f = 0; before && f < before->n_flows; f++) {
        uint8_t d = distance(&before->flows[f]);
        if (d > 0 && (least == 0 || d < least))
            least = d;
    }
    return least;
}

/* A refusal carries the target's name. A filter on a router that refuses in its name is
 * as far away as the hop after that router; of the last router nobody can tell it from
 * the target. */
static void place_refusal(const struct plx_place_view *view,
                          const struct plx_trace_flow *flow, struct plx_place_part *part)
{
    uint8_t now = distance(flow), usual = usual_distance(view->before);
    int last = now >= 2 ? now - 2 : -1;
    if (last >= 0)
        part->after = only_at(view->now, (uint8_t)last, true);
    part->kind = PLX_PLACE_AT_TARGET;
    if (now == 0 || usual == 0 || now >= usual)
        return;
    part->kind = part->after.family ? PLX_PLACE_BETWEEN : PLX_PLACE_NEAR_AGENT;
    part->known_next =
        next_in_good_times(view->before, last, &part->after, &part->before);
}

static void place_silence(const struct plx_place_view *view, struct plx_place_part *part)
{
    int last = last_answer(view->now);
    struct plx_addr first = {0};
    part->maybe_return = true;
    if (last < 0) {
        bool known = next_in_good_times(view->before, -1, &first, &part->before);
        bool near = known && part->before.family;
        part->kind = near ? PLX_PLACE_NEAR_AGENT : PLX_PLACE_UNKNOWN;
        return;
    }
    part->kind = PLX_PLACE_BETWEEN;
    part->after = only_at(view->now, (uint8_t)last, true);
    note_change(view, last, part);
    part->known_next =
        part->n_failing < part->n_flows
            ? missing_member(view->before, view->now, last, &part->after, &part->before)
            : next_in_good_times(view->before, last, &part->after, &part->before);
    if (!part->known_next)
        part->before = (struct plx_addr){0};
}

static void place_one(const struct plx_place_view *view, struct plx_place_part *part)
{
    const struct plx_trace_flow *flow;
    *part = (struct plx_place_part){.n_flows = (uint8_t)view->now->n_flows,
                                    .n_failing = count_failing(view->now)};
    if (view->now->trouble == PLX_DETAIL_LOCAL_NO_ROUTE)
        part->kind = PLX_PLACE_NEAR_AGENT;
    else if (view->now->trouble || part->n_flows == 0)
        part->kind = PLX_PLACE_UNKNOWN;
    else if (part->n_failing == 0)
        part->kind = PLX_PLACE_NONE;
    else if ((flow = failing_flow(view->now, PLX_HOP_REJECT)))
        place_reject(view, flow, part);
    else if ((flow = failing_flow(view->now, PLX_HOP_REFUSED)))
        place_refusal(view, flow, part);
    else
        place_silence(view, part);
}

/* ---- all of them ---- */

static bool is_failing(const struct plx_place_part *part)
{
    return part->kind != PLX_PLACE_NONE && part->kind != PLX_PLACE_UNKNOWN;
}

static bool same(const struct plx_addr *a, const struct plx_addr *b)
{
    return a->family == b->family && (a->family == 0 || plx_addr_equal(a, b));
}

static bool on_the_way(enum plx_place_kind kind)
{
    return kind == PLX_PLACE_BETWEEN || kind == PLX_PLACE_AT_HOP ||
           kind == PLX_PLACE_AT_TARGET;
}

/* The findings name nothing in common: they stand side by side. */
static void spread(struct plx_place *place, enum plx_place_kind kind)
{
    bool ways = on_the_way(place->kind) && on_the_way(kind);
    place->spread = true;
    if (place->kind != kind)
        place->kind = ways ? PLX_PLACE_BETWEEN : PLX_PLACE_UNKNOWN;
    place->after = place->before = (struct plx_addr){0};
}

/* Joins one location's finding. Where they differ in one end, the other still holds. */
static void join(struct plx_place *place, const struct plx_place_part *part)
{
    place->maybe_return |= part->maybe_return;
    if (place->n_failing == 1) {
        place->kind = part->kind;
        place->after = part->after;
        place->before = part->before;
        return;
    }
    bool after = same(&place->after, &part->after);
    bool before = same(&place->before, &part->before);
    bool one_end = place->kind == PLX_PLACE_BETWEEN || place->kind == PLX_PLACE_AT_TARGET;
    if (place->kind == part->kind && after && before)
        place->spread |= part->kind == PLX_PLACE_NEAR_AGENT;
    else if (place->spread || place->kind != part->kind || !one_end ||
             (!after && !before))
        spread(place, part->kind);
    else if (!after)
        place->after = (struct plx_addr){0};
    else
        place->before = (struct plx_addr){0};
}

/* What a location that gets through has in common with the place. */
static enum plx_place_share share_of(const struct plx_place *place,
                                     const struct plx_trace *trace)
{
    bool after = place->after.family && passes(trace, &place->after);
    bool before = place->before.family && passes(trace, &place->before);
    if (place->spread)
        return PLX_PLACE_APART;
    if (place->kind == PLX_PLACE_AT_TARGET ||
        (after && (before || !place->before.family)))
        return PLX_PLACE_THROUGH;
    return before ? PLX_PLACE_END : PLX_PLACE_APART;
}

static void sum_up(const struct plx_place_view *views, size_t n, struct plx_place *place)
{
    for (size_t i = 0; i < n; i++) {
        const struct plx_place_part *part = &place->parts[i];
        place->n_working += part->kind == PLX_PLACE_NONE;
        if (!is_failing(part))
            continue;
        place->n_failing++;
        place->n_flows += part->n_flows;
        place->n_failing_flows += part->n_failing;
        join(place, part);
    }
    for (size_t i = 0; i < n; i++) {
        if (place->parts[i].kind != PLX_PLACE_NONE)
            continue;
        place->parts[i].share = share_of(place, views[i].now);
        place->selective |= place->parts[i].share == PLX_PLACE_THROUGH;
    }
    place->partial =
        place->n_failing_flows > 0 && place->n_failing_flows < place->n_flows;
}

void plx_place_find(const struct plx_place_view *views, size_t n, struct plx_place *ret)
{
    bool lost = false;
    *ret = (struct plx_place){.kind = PLX_PLACE_NONE};
    n = n < PLX_PLACE_VIEWS_MAX ? n : PLX_PLACE_VIEWS_MAX;
    ret->n_parts = n;
    for (size_t i = 0; i < n; i++) {
        place_one(&views[i], &ret->parts[i]);
        lost |= ret->parts[i].kind == PLX_PLACE_UNKNOWN;
    }
    sum_up(views, n, ret);
    if (ret->kind == PLX_PLACE_NONE && lost)
        ret->kind = PLX_PLACE_UNKNOWN;
    plx_place_write_sentence(views, ret);
}
