#include "cli/places.h"

#include "cli/view.h"

/* "seen by spare agents: eu-2 (eu, b): open, 12.3 ms; …": those that do not watch it. */
static void print_spares(const json_t *place)
{
    const json_t *list = json_object_get(place, "spares");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *s = json_array_get(list, i);
        const char *outcome = plx_field(s, "outcome"),
                   *provider = plx_field(s, "provider");
        plx_say("%s %s (%s%s%s) %s", i == 0 ? "    spare agents looked too:" : ",",
                plx_field(s, "agent"), plx_field(s, "region"), provider[0] ? ", " : "",
                provider, outcome[0] ? outcome : "has not answered");
        if (json_is_number(json_object_get(s, "latency_ms")))
            plx_say(" in %.1f ms", plx_field_num(s, "latency_ms"));
    }
    if (json_array_size(list) > 0)
        plx_say("\n");
}

static void print_suspects(const json_t *place)
{
    const json_t *list = json_object_get(place, "suspects");
    for (size_t i = 0; i < json_array_size(list) && i < 3; i++) {
        const json_t *s = json_array_get(list, i);
        plx_say("%s %s (%lld failing ways, none working)",
                i == 0 ? "    hops of failing ways alone:" : ",", plx_field(s, "hop"),
                (long long)plx_field_int(s, "failing"));
    }
    if (json_array_size(list) > 0)
        plx_say("\n");
}

static void print_place(const json_t *one, const char *now)
{
    long long waiting = (long long)plx_field_int(one, "waiting");
    const char *fleet = plx_field(json_object_get(one, "fleet"), "sentence");
    plx_say("  %s, traced ", plx_field(one, "fault"));
    plx_view_moment(plx_field(one, "at"), now ? now : "");
    plx_say(" from %zu locations: %s\n", json_array_size(json_object_get(one, "traces")),
            plx_field(json_object_get(one, "place"), "sentence"));
    if (waiting > 0)
        plx_say("    %lld locations have not answered yet\n", waiting);
    if (fleet[0])
        plx_say("    in the fleet: %s\n", fleet);
    print_suspects(one);
    print_spares(one);
}

void plx_places_print(const json_t *answer, const char *now)
{
    const json_t *list = json_object_get(answer, "places");
    for (size_t i = 0; i < json_array_size(list); i++)
        print_place(json_array_get(list, i), now);
}
