#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"
#include "cli/verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_rank_and_name(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    int order = plx_verdict_look(plx_field(x, "verdict"))->rank -
                plx_verdict_look(plx_field(y, "verdict"))->rank;
    return order ? order : strcmp(plx_field(x, "name"), plx_field(y, "name"));
}

/* The monitors of an answer, worst first; the caller frees. */
static json_t **sorted(const json_t *answer, size_t *ret_n)
{
    const json_t *list = json_object_get(answer, "monitors");
    size_t n = json_array_size(list);
    json_t **items = calloc(n + 1, sizeof(json_t *));
    if (!items)
        abort();
    for (size_t i = 0; i < n; i++)
        items[i] = json_array_get(list, i);
    qsort(items, n, sizeof *items, by_rank_and_name);
    *ret_n = n;
    return items;
}

static void cell_coverage(struct plx_table *table, const json_t *monitor)
{
    const json_t *coverage = json_object_get(monitor, "coverage");
    long long fresh = plx_field_int(coverage, "fresh");
    long long assigned = plx_field_int(coverage, "assigned");
    plx_table_cellf(table, fresh < assigned ? PLX_STYLE_WARN : PLX_STYLE_NONE,
                    "%lld/%lld", fresh, assigned);
}

static void cell_verdict(struct plx_table *table, const struct plx_cli *cli,
                         const json_t *monitor)
{
    const char *verdict = plx_field(monitor, "verdict");
    const struct plx_verdict_look *look = plx_verdict_look(verdict);
    if (cli->format == PLX_FORMAT_CSV)
        plx_table_cell(table, PLX_STYLE_NONE, verdict);
    else
        plx_table_cellf(table, look->style, "%s %s", look->sign, verdict);
}

static void print_overview(const struct plx_cli *cli, json_t **monitors, size_t n,
                           const char *now)
{
    static const struct plx_column columns[] = {
        {"verdict", "VERDICT", false, 0}, {"monitor", "MONITOR", false, 28},
        {"since", "SINCE", true, 0},      {"coverage", "SEEN", true, 0},
        {"sentence", "WHY", false, 0},
    };
    struct plx_table *table = plx_table_new(cli, columns, 5);
    for (size_t i = 0; i < n; i++) {
        cell_verdict(table, cli, monitors[i]);
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(monitors[i], "name"));
        plx_table_age(table, plx_field(monitors[i], "since"), now);
        cell_coverage(table, monitors[i]);
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(monitors[i], "sentence"));
    }
    plx_table_print(table);
    plx_table_destroy(&table);
}

static void print_headline(const struct plx_cli *cli, const json_t *monitor)
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
    plx_say(" since %s", plx_field(monitor, "since"));
    if (plx_field(monitor, "scope")[0])
        plx_say(", scope %s", plx_field(monitor, "scope"));
    plx_say(", confidence %.0f %%, seen from %lld of %lld\n",
            floor(100 * plx_field_num(monitor, "confidence")),
            (long long)plx_field_int(coverage, "fresh"),
            (long long)plx_field_int(coverage, "assigned"));
    if (plx_field(monitor, "sentence")[0])
        plx_say("  %s\n", plx_field(monitor, "sentence"));
}

/* "3.2 ms"; empty where there is none. */
static void cell_latency(struct plx_table *table, const struct plx_cli *cli,
                         const json_t *location)
{
    const json_t *value = json_object_get(location, "latency_ms");
    if (!json_is_number(value))
        plx_table_cell(table, PLX_STYLE_NONE, "");
    else if (cli->format == PLX_FORMAT_CSV)
        plx_table_cellf(table, PLX_STYLE_NONE, "%.3f", json_number_value(value));
    else
        plx_table_cellf(table, PLX_STYLE_NONE, "%.1f ms", json_number_value(value));
}

static void cell_age(struct plx_table *table, const json_t *location)
{
    const json_t *value = json_object_get(location, "age_s");
    if (json_is_number(value))
        plx_table_cellf(table, PLX_STYLE_NONE, "%.0fs", floor(json_number_value(value)));
    else
        plx_table_cell(table, PLX_STYLE_NONE, "");
}

static void cell_outcome(struct plx_table *table, const json_t *location)
{
    const char *outcome = plx_field(location, "outcome");
    const char *detail = plx_field(location, "unreach");
    plx_table_cellf(table, plx_outcome_style(outcome), "%s%s%s",
                    outcome[0] ? outcome : "nothing yet", detail[0] ? " " : "", detail);
}

static void print_locations(const struct plx_cli *cli, const json_t *monitor)
{
    static const struct plx_column columns[] = {
        {"region", "LOCATION", false, 20}, {"agent", "AGENT", false, 24},
        {"outcome", "SEES", false, 0},     {"latency_ms", "LATENCY", true, 0},
        {"age_s", "AGE", true, 0},         {"belief", "BELIEF", false, 0},
    };
    const json_t *list = json_object_get(monitor, "locations");
    if (json_array_size(list) == 0)
        return;
    struct plx_table *table = plx_table_new(cli, columns, 6);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *location = json_array_get(list, i);
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(location, "region"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(location, "agent"));
        cell_outcome(table, location);
        cell_latency(table, cli, location);
        cell_age(table, location);
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(location, "belief"));
    }
    putchar('\n');
    plx_table_print(table);
    plx_table_destroy(&table);
}

static void print_faults(const struct plx_cli *cli, const json_t *answer)
{
    const json_t *list = json_object_get(answer, "faults");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *fault = json_array_get(list, i);
        printf("%s%s", i == 0 ? "\n" : "", plx_style_on(cli, PLX_STYLE_BOLD));
        plx_say("fault %s %s", plx_field(fault, "class"), plx_field(fault, "entity"));
        printf("%s", plx_style_off(cli, PLX_STYLE_BOLD));
        plx_say(": %s\n", plx_field(fault, "sentence"));
    }
}

/* "7 monitors: 5 up, 1 host_down, …", in the order of the table. */
static void print_summary(const struct plx_cli *cli, const json_t *answer,
                          json_t **monitors, size_t n)
{
    const json_t *agents = json_object_get(answer, "agents");
    printf("\n%s", plx_style_on(cli, PLX_STYLE_DIM));
    plx_say("%zu monitor%s", n, n == 1 ? "" : "s");
    for (size_t i = 0, same; i < n; i += same) {
        const char *verdict = plx_field(monitors[i], "verdict");
        for (same = 1; i + same < n; same++)
            if (strcmp(plx_field(monitors[i + same], "verdict"), verdict) != 0)
                break;
        plx_say("%s%zu %s", i ? ", " : ": ", same, verdict);
    }
    plx_say(" · %lld of %lld agents live · %s", (long long)plx_field_int(agents, "live"),
            (long long)plx_field_int(agents, "total"), plx_field(answer, "at"));
    printf("%s\n", plx_style_off(cli, PLX_STYLE_DIM));
}

static int exit_of(json_t **monitors, size_t n)
{
    int worst = PLX_EXIT_OK;
    for (size_t i = 0; i < n; i++) {
        int one = plx_verdict_look(plx_field(monitors[i], "verdict"))->exit;
        if (one == PLX_EXIT_NO)
            return one;
        worst = one == PLX_EXIT_OK ? worst : one;
    }
    return worst;
}

static void print_people(const struct plx_cli *cli, const json_t *answer,
                         json_t **monitors, size_t n)
{
    if (cli->args.n_words == 0 || cli->format == PLX_FORMAT_CSV) {
        print_overview(cli, monitors, n, plx_field(answer, "at"));
        if (cli->format == PLX_FORMAT_CSV)
            return;
        print_faults(cli, answer);
        print_summary(cli, answer, monitors, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            putchar('\n');
        print_headline(cli, monitors[i]);
        print_locations(cli, monitors[i]);
    }
}

int plx_cmd_status(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    plx_question_words(&q, &cli->args, "monitors");
    int code = plx_ask(cli, "status", &q, &answer);
    if (code != PLX_EXIT_OK)
        return code;
    size_t n;
    json_t **monitors = sorted(answer, &n);
    code = exit_of(monitors, n);
    if (!plx_show_data(cli, answer)) {
        if (n == 0 && cli->format == PLX_FORMAT_TABLE)
            plx_say("no monitors yet: parallax apply -f FILE, or parallax monitors add "
                    "HOST:PORT --locations all\n");
        else
            print_people(cli, answer, monitors, n);
    }
    free(monitors);
    json_decref(answer);
    return code;
}
