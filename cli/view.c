#include "cli/view.h"

#include "base/time.h"
#include "cli/verdict.h"

#include <math.h>
#include <string.h>

void plx_view_moment(const char *then, const char *now)
{
    struct plx_wall a, b;
    char text[PLX_DURATION_TEXT_MAX];
    if (plx_wall_parse(then, &a) < 0 || plx_wall_parse(now, &b) < 0) {
        plx_say("%s", then);
        return;
    }
    bool same_day = strncmp(then, now, 10) == 0;
    plx_say("%.*s%s%.8sZ (%s ago)", same_day ? 0 : 10, then, same_day ? "" : " ",
            then + 11, plx_age_text(plx_wall_diff(b, a), text));
}

void plx_view_headline(const struct plx_cli *cli, const json_t *monitor, const char *now)
{
    const char *verdict = plx_field(monitor, "verdict");
    const struct plx_verdict_look *look = plx_verdict_look(verdict);
    const json_t *coverage = json_object_get(monitor, "coverage");
    printf("%s", plx_style_on(cli, PLX_STYLE_BOLD));
    plx_say("%s", plx_field(monitor, "name"));
    printf("%s", plx_style_off(cli, PLX_STYLE_BOLD));
    plx_say("  %s port %lld\n", plx_field(monitor, "host"),
            (long long)plx_field_int(monitor, "port"));
    printf("%s%s ", plx_style_on(cli, look->style), look->sign);
    plx_say("%s", verdict);
    printf("%s", plx_style_off(cli, look->style));
    if (plx_field(monitor, "since")[0]) {
        plx_say(" since ");
        plx_view_moment(plx_field(monitor, "since"), now);
    }
    if (plx_field_num(monitor, "confidence") > 0)
        plx_say(", confidence %.0f %%",
                floor(100 * plx_field_num(monitor, "confidence")));
    plx_say(", seen from %lld of %lld\n", (long long)plx_field_int(coverage, "fresh"),
            (long long)plx_field_int(coverage, "assigned"));
    if (plx_field(monitor, "sentence")[0])
        plx_say("  %s\n", plx_field(monitor, "sentence"));
}

/* "3.2 ms"; empty where there is none. */
static void cell_latency(struct plx_table *table, const struct plx_cli *cli,
                         const json_t *location)
{
    const json_t *value = json_object_get(location, "latency_ms");
    char text[PLX_LATENCY_TEXT_MAX];
    if (!json_is_number(value))
        plx_table_cell(table, PLX_STYLE_NONE, "");
    else if (cli->format == PLX_FORMAT_CSV)
        plx_table_cellf(table, PLX_STYLE_NONE, "%.3f", json_number_value(value));
    else
        plx_table_cell(table, PLX_STYLE_NONE,
                       plx_latency_text(json_number_value(value), text));
}

static void cell_age(struct plx_table *table, const json_t *location)
{
    const json_t *value = json_object_get(location, "age_s");
    if (json_is_number(value))
        plx_table_cellf(table, PLX_STYLE_NONE, "%.0fs", floor(json_number_value(value)));
    else
        plx_table_cell(table, PLX_STYLE_NONE, "");
}

/* What is as expected is good, whatever it is. */
static void cell_outcome(struct plx_table *table, const json_t *location)
{
    const char *outcome = plx_field(location, "outcome");
    enum plx_style style =
        plx_field_bool(location, "ok") ? PLX_STYLE_GOOD : plx_outcome_style(outcome);
    plx_table_cell(table, style, outcome[0] ? outcome : "-");
}

/* What came of a greeting, where it is not what was wanted. */
static void add_greeting(const json_t *location, char *text, size_t size)
{
    const char *excerpt = plx_field(location, "excerpt");
    bool silent = strcmp(plx_field(location, "detail"), "silent") == 0;
    text[0] = '\0';
    if (plx_field_bool(location, "ok"))
        return;
    if (excerpt[0])
        snprintf(text, size, " (it said \"%s\")", excerpt);
    else if (silent)
        snprintf(text, size, " (it took the connection and said nothing)");
}

/* Why it is believed or not, who sent an ICMP error, and what the server said. */
static void cell_belief(struct plx_table *table, const json_t *location)
{
    const char *belief = plx_field(location, "belief");
    const char *text = plx_field(location, "belief_text");
    const char *from = plx_field(location, "icmp_from");
    char said[160];
    bool plain = strcmp(belief, "fresh") == 0;
    add_greeting(location, said, sizeof said);
    plx_table_cellf(table, plain ? PLX_STYLE_DIM : PLX_STYLE_NONE, "%s%s%s%s%s",
                    text[0] ? text : belief, from[0] ? " (said " : "", from,
                    from[0] ? ")" : "", said);
}

/* What each address gave, where a location probes all that the name leads to. */
static void print_addresses(const struct plx_cli *cli, const json_t *locations)
{
    static const struct plx_column columns[] = {
        {"location", "LOCATION", false, 20}, {"agent", "AGENT", false, 24},
        {"address", "ADDRESS", false, 0},    {"outcome", "SEES", false, 0},
        {"latency_ms", "LATENCY", true, 0},
    };
    struct plx_table *table = plx_table_new(cli, columns, 5);
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(locations); i++) {
        const json_t *location = json_array_get(locations, i);
        const json_t *list = json_object_get(location, "addresses");
        for (size_t k = 0; k < json_array_size(list); k++, n++) {
            const json_t *address = json_array_get(list, k);
            const char *outcome = plx_field(address, "outcome");
            bool more = strcmp(plx_field(address, "detail"), "address_limit") == 0;
            plx_table_cell(table, PLX_STYLE_NONE, plx_field(location, "location"));
            plx_table_cell(table, PLX_STYLE_NONE, plx_field(location, "agent"));
            plx_table_cell(table, PLX_STYLE_NONE,
                           more ? "others" : plx_field(address, "address"));
            plx_table_cell(table, plx_outcome_style(outcome),
                           more ? "not probed" : outcome);
            cell_latency(table, cli, address);
        }
    }
    if (n > 0)
        putchar('\n');
    if (n > 0)
        plx_table_print(table);
    plx_table_destroy(&table);
}

void plx_view_locations(const struct plx_cli *cli, const json_t *monitor)
{
    static const struct plx_column columns[] = {
        {"location", "LOCATION", false, 20}, {"agent", "AGENT", false, 24},
        {"outcome", "SEES", false, 0},       {"latency_ms", "LATENCY", true, 0},
        {"age_s", "AGE", true, 0},           {"belief", "BELIEF", false, 0},
    };
    const json_t *list = json_object_get(monitor, "locations");
    if (json_array_size(list) == 0)
        return;
    struct plx_table *table = plx_table_new(cli, columns, 6);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *location = json_array_get(list, i);
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(location, "location"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(location, "agent"));
        cell_outcome(table, location);
        cell_latency(table, cli, location);
        cell_age(table, location);
        cell_belief(table, location);
    }
    putchar('\n');
    plx_table_print(table);
    plx_table_destroy(&table);
    print_addresses(cli, list);
}
