#include "cli/client.h"
#include "cli/commands.h"
#include "cli/pairs.h"
#include "cli/render.h"
#include "cli/verdict.h"
#include "cli/view.h"

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
        plx_view_headline(cli, monitors[i], plx_field(answer, "at"));
        plx_view_locations(cli, monitors[i]);
    }
}

int plx_cmd_status(struct plx_cli *cli)
{
    struct plx_question q;
    struct plx_why why;
    json_t *answer = NULL;
    plx_question_init(&q);
    plx_question_words(&q, &cli->args, "monitors");
    if (plx_pairs_write(&cli->args, "label", &q.json, "labels", &why) < 0) {
        plx_question_fini(&q);
        return plx_complain(PLX_EXIT_USAGE, "%s", why.text);
    }
    int code = plx_ask(cli, "status", &q, &answer);
    if (code != PLX_EXIT_OK)
        return code;
    size_t n;
    json_t **monitors = sorted(answer, &n);
    code = exit_of(monitors, n);
    if (!plx_show_data(cli, answer)) {
        if (n == 0 && cli->format == PLX_FORMAT_TABLE &&
            !plx_args_has(&cli->args, "label"))
            plx_say("no monitors yet: parallax apply -f FILE, or parallax monitors add "
                    "HOST:PORT --locations all\n");
        else
            print_people(cli, answer, monitors, n);
    }
    free(monitors);
    json_decref(answer);
    return code;
}
