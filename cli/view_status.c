#include "cli/view.h"

#include "cli/verdict.h"

#include <stdlib.h>
#include <string.h>

static int by_rank_and_name(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    int order = plx_verdict_look(plx_field(x, "verdict"))->rank -
                plx_verdict_look(plx_field(y, "verdict"))->rank;
    return order ? order : strcmp(plx_field(x, "name"), plx_field(y, "name"));
}

json_t **plx_view_sorted(const json_t *answer, size_t *ret_n)
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

/* Where all is well the sentence is small print. */
static void cell_sentence(struct plx_table *table, const json_t *monitor)
{
    const struct plx_verdict_look *look = plx_verdict_look(plx_field(monitor, "verdict"));
    bool well = look->style == PLX_STYLE_GOOD || look->style == PLX_STYLE_DIM;
    plx_table_cell(table, well ? PLX_STYLE_DIM : PLX_STYLE_NONE,
                   plx_field(monitor, "sentence"));
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
        cell_sentence(table, monitors[i]);
    }
    plx_table_print(table);
    plx_table_destroy(&table);
}

/* Causes that explain several monitors, or none; one monitor's own is in its line. */
static void print_faults(const struct plx_cli *cli, const json_t *answer)
{
    const json_t *list = json_object_get(answer, "faults");
    bool first = true;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *fault = json_array_get(list, i);
        size_t n = json_array_size(json_object_get(fault, "monitors"));
        if (n == 1)
            continue;
        printf("%s%s", first ? "\n" : "", plx_style_on(cli, PLX_STYLE_BOLD));
        first = false;
        plx_say("%s fault %s", plx_field(fault, "class"), plx_field(fault, "entity"));
        printf("%s", plx_style_off(cli, PLX_STYLE_BOLD));
        if (n > 0)
            plx_say(" (%zu monitors)", n);
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
    plx_say("\n%lld of %lld agents live · as of %.19sZ",
            (long long)plx_field_int(agents, "live"),
            (long long)plx_field_int(agents, "total"), plx_field(answer, "at"));
    printf("%s\n", plx_style_off(cli, PLX_STYLE_DIM));
    if (*plx_field(answer, "trouble") == '\0')
        return;
    printf("%s", plx_style_on(cli, PLX_STYLE_WARN));
    plx_say("%s", plx_field(answer, "trouble"));
    printf("%s\n", plx_style_off(cli, PLX_STYLE_WARN));
}

static void print_each(const struct plx_cli *cli, const json_t *answer, json_t **monitors,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            putchar('\n');
        plx_view_headline(cli, monitors[i], plx_field(answer, "at"));
        plx_view_locations(cli, monitors[i]);
    }
}

void plx_view_status(const struct plx_cli *cli, const json_t *answer)
{
    size_t n;
    json_t **monitors = plx_view_sorted(answer, &n);
    if (cli->format == PLX_FORMAT_CSV) {
        print_overview(cli, monitors, n, plx_field(answer, "at"));
    } else if (n == 0) {
        plx_say(plx_args_has(&cli->args, "label")
                    ? "no monitor has these labels\n"
                    : "no monitors yet: parallax apply -f FILE, or parallax monitors add "
                      "HOST:PORT --locations all\n");
    } else if (cli->args.n_words > 0) {
        print_each(cli, answer, monitors, n);
    } else {
        print_overview(cli, monitors, n, plx_field(answer, "at"));
        print_faults(cli, answer);
        print_summary(cli, answer, monitors, n);
    }
    free(monitors);
}
