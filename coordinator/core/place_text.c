#include "coordinator/core/place_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static void add(struct plx_place *place,
                                                      const char *fmt, ...)
{
    size_t n = strlen(place->sentence);
    va_list args;
    va_start(args, fmt);
    vsnprintf(place->sentence + n, sizeof place->sentence - n, fmt, args);
    va_end(args);
}

/* "eu-west and ap-south": the regions of the failing locations, or of the working ones;
 * the agents' names where a region has both. */
static const char *name_of(const struct plx_place_view *views,
                           const struct plx_place *place, size_t i)
{
    for (size_t k = 0; k < place->n_parts; k++)
        if (strcmp(views[k].region, views[i].region) == 0 &&
            (place->parts[k].kind == PLX_PLACE_NONE) !=
                (place->parts[i].kind == PLX_PLACE_NONE))
            return views[i].agent;
    return views[i].region;
}

static bool is_wanted(const struct plx_place *place, size_t i, bool failing)
{
    return (place->parts[i].kind != PLX_PLACE_NONE) == failing &&
           place->parts[i].kind != PLX_PLACE_UNKNOWN;
}

static bool named_before(const struct plx_place_view *views,
                         const struct plx_place *place, size_t i, bool failing)
{
    for (size_t k = 0; k < i; k++)
        if (is_wanted(place, k, failing) &&
            strcmp(name_of(views, place, k), name_of(views, place, i)) == 0)
            return true;
    return false;
}

static void add_places(const struct plx_place_view *views, struct plx_place *place,
                       bool failing)
{
    size_t n = 0, done = 0;
    for (size_t i = 0; i < place->n_parts; i++)
        n += is_wanted(place, i, failing) && !named_before(views, place, i, failing);
    for (size_t i = 0; i < place->n_parts; i++) {
        if (!is_wanted(place, i, failing) || named_before(views, place, i, failing))
            continue;
        add(place, "%s%s",
            done == 0       ? ""
            : done + 1 == n ? " and "
                            : ", ",
            name_of(views, place, i));
        done++;
    }
}

static const char *hop_text(const struct plx_addr *addr, char buf[PLX_ADDR_TEXT_MAX])
{
    return addr->family ? plx_addr_format(addr, buf) : "the target";
}

/* The locations agree on the hop before only: the last that answered each of them. */
static void add_afters(struct plx_place *place, const char *before)
{
    char text[PLX_ADDR_TEXT_MAX];
    const char *gap = "between ";
    for (size_t i = 0; i < place->n_parts; i++) {
        const struct plx_addr *after = &place->parts[i].after;
        bool said = !is_wanted(place, i, true) || !after->family;
        for (size_t k = 0; k < i && !said; k++)
            said = is_wanted(place, k, true) &&
                   memcmp(&place->parts[k].after, after, sizeof *after) == 0;
        if (said)
            continue;
        add(place, "%s%s", gap, plx_addr_format(after, text));
        gap = " or ";
    }
    add(place, " and %s", before);
}

static void add_between(struct plx_place *place, const struct plx_place_part *part)
{
    char after[PLX_ADDR_TEXT_MAX], before[PLX_ADDR_TEXT_MAX];
    if (part->after.family)
        add(place, "between %s and %s", hop_text(&part->after, after),
            hop_text(&part->before, before));
    else
        add_afters(place, hop_text(&part->before, before));
    if (part->reject.kind == PLX_HOP_REJECT)
        add(place, " (it says it cannot go on: icmp %u/%u)", part->reject.icmp_type,
            part->reject.icmp_code);
}

static void add_part(struct plx_place *place, const struct plx_place_part *part)
{
    char after[PLX_ADDR_TEXT_MAX];
    switch (part->kind) {
    case PLX_PLACE_NEAR_AGENT:
        add(place, "near the agent, before %s",
            part->before.family ? plx_addr_format(&part->before, after)
                                : "its first hop");
        break;
    case PLX_PLACE_AT_HOP:
        add(place, "at %s, which rejects it (icmp %u/%u)", hop_text(&part->after, after),
            part->reject.icmp_type, part->reject.icmp_code);
        break;
    case PLX_PLACE_AT_TARGET:
        add(place, part->reject.kind == PLX_HOP_REJECT
                       ? "at the target, which rejects it"
                       : "at the target, or at a filter right in front of it that "
                         "refuses in its name");
        break;
    case PLX_PLACE_BETWEEN:
        add_between(place, part);
        break;
    case PLX_PLACE_NONE:
    case PLX_PLACE_UNKNOWN:
        break;
    }
}

static bool same_finding(const struct plx_place_part *a, const struct plx_place_part *b)
{
    return a->kind == b->kind && memcmp(&a->after, &b->after, sizeof a->after) == 0 &&
           memcmp(&a->before, &b->before, sizeof a->before) == 0;
}

static bool on_one_way(const struct plx_place *place)
{
    return place->kind == PLX_PLACE_BETWEEN || place->kind == PLX_PLACE_AT_HOP;
}

/* Each finding once, with the agents that made it. */
static void add_spread(const struct plx_place_view *views, struct plx_place *place)
{
    const char *gap = "";
    for (size_t i = 0; i < place->n_parts; i++) {
        bool said = !is_wanted(place, i, true);
        for (size_t k = 0; k < i && !said; k++)
            said = same_finding(&place->parts[k], &place->parts[i]);
        if (said)
            continue;
        add(place, "%s", gap);
        add_part(place, &place->parts[i]);
        add(place, " seen from %s", views[i].agent);
        for (size_t k = i + 1; k < place->n_parts; k++)
            if (same_finding(&place->parts[k], &place->parts[i]))
                add(place, ", %s", views[k].agent);
        gap = "; ";
    }
    if (on_one_way(place))
        add(place, "; one place only if these are addresses of one router");
}

/* The one finding: the ends that all agree on, else as the first has it. */
static void add_where(const struct plx_place_view *views, struct plx_place *place,
                      const struct plx_place_part *first)
{
    if (place->spread) {
        add_spread(views, place);
        return;
    }
    struct plx_place_part part = *first;
    part.kind = place->kind;
    part.after = place->after;
    part.before = place->before;
    add_part(place, &part);
    add(place, ", seen from ");
    add_places(views, place, true);
}

/* Those that get through, by what they share with the place. */
static void add_working(const struct plx_place_view *views, struct plx_place *place)
{
    char before[PLX_ADDR_TEXT_MAX];
    enum plx_place_share share = PLX_PLACE_APART;
    for (size_t i = 0; i < place->n_parts; i++)
        if (place->parts[i].kind == PLX_PLACE_NONE && place->parts[i].share > share)
            share = place->parts[i].share;
    if (place->n_working == 0)
        return;
    add(place, "; ");
    add_places(views, place, false);
    const char *s = place->n_working == 1 ? "s" : "";
    if (share == PLX_PLACE_THROUGH)
        add(place, " get%s through there, so that it is a filter or the way back", s);
    else if (share == PLX_PLACE_END)
        add(place, " come%s to %s all the same, and get%s through", s,
            hop_text(&place->before, before), s);
    else
        add(place, " reach%s it another way", place->n_working == 1 ? "es" : "");
}

static const struct plx_place_part *first_failing(const struct plx_place *place)
{
    for (size_t i = 0; i < place->n_parts; i++)
        if (is_wanted(place, i, true))
            return &place->parts[i];
    return &place->parts[0];
}

static void add_caveats(struct plx_place *place)
{
    char was[PLX_ADDR_TEXT_MAX], is[PLX_ADDR_TEXT_MAX];
    for (size_t i = 0; i < place->n_parts; i++)
        if (place->parts[i].changed) {
            add(place, "; the way is another than in good times: %s where %s was",
                plx_addr_format(&place->parts[i].is, is),
                plx_addr_format(&place->parts[i].was, was));
            break;
        }
    if (place->maybe_return)
        add(place, "; or on the way back, which a trace does not see");
}

void plx_place_write_sentence(const struct plx_place_view *views, struct plx_place *place)
{
    place->sentence[0] = '\0';
    if (place->kind == PLX_PLACE_NONE) {
        add(place, place->n_parts > 0 ? "every traced way leads to the target"
                                      : "nobody traced it");
        return;
    }
    if (place->n_failing == 0) {
        add(place, "the traces do not say where: nothing answered, and nothing is known "
                   "from good times");
        return;
    }
    if (place->kind == PLX_PLACE_UNKNOWN)
        add(place, "no one place: ");
    if (place->partial)
        add(place, "%u of %u flows fail: one of several parallel ways, ",
            place->n_failing_flows, place->n_flows);
    add_where(views, place, first_failing(place));
    add_working(views, place);
    add_caveats(place);
}
