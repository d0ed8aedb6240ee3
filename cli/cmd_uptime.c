#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"

#include <stdio.h>

#define RATIO_TEXT_MAX 32

/* Three digits behind the nines are told apart: "99.997%". Programs get the ratio. */
static void cell_ratio(const struct plx_cli *cli, struct plx_table *table,
                       enum plx_style style, const json_t *ratio)
{
    char text[RATIO_TEXT_MAX];
    double value = json_number_value(ratio);
    bool raw = cli->format == PLX_FORMAT_CSV;
    if (!json_is_number(ratio))
        plx_table_cell(table, PLX_STYLE_DIM, raw ? "" : "unknown");
    else if (raw)
        plx_table_cellf(table, style, "%.6f", value);
    else {
        /* Never rounded up to what it is not. */
        double percent = (double)(long long)(value * 100000 + 1e-6) / 1000;
        snprintf(text, sizeof text, "%.3f%%", percent);
        plx_table_cell(table, style, text);
    }
}

static void cell_seconds(const struct plx_cli *cli, struct plx_table *table,
                         enum plx_style style, double seconds)
{
    char text[PLX_DURATION_TEXT_MAX];
    if (cli->format == PLX_FORMAT_CSV)
        plx_table_cellf(table, style, "%.3f", seconds);
    else if (seconds == 0)
        plx_table_cell(table, PLX_STYLE_DIM, "-");
    else
        plx_table_cell(table, style,
                       plx_age_text((int64_t)(seconds * (double)PLX_SEC_NS), text));
}

static void cell_number(const struct plx_cli *cli, struct plx_table *table,
                        const json_t *number)
{
    double value = json_number_value(number);
    if (!json_is_number(number))
        plx_table_cell(table, PLX_STYLE_DIM, cli->format == PLX_FORMAT_CSV ? "" : "-");
    else
        plx_table_cellf(table, value > 1 ? PLX_STYLE_WARN : PLX_STYLE_NONE, "%.2f",
                        value);
}

static bool is_overdrawn(const json_t *monitor)
{
    const json_t *slo = json_object_get(monitor, "slo");
    return json_is_object(slo) && plx_field_num(slo, "left") < 0;
}

static void print_monitors(const struct plx_cli *cli, const json_t *list)
{
    static const struct plx_column columns[] = {
        {"monitor", "MONITOR", false, 40},    {"availability", "AVAILABLE", true, 0},
        {"down_s", "DOWN", true, 0},          {"unknown_s", "UNKNOWN", true, 0},
        {"late_s", "LEARNED LATE", true, 0},  {"coverage", "COVERAGE", true, 0},
        {"slo_target", "OBJECTIVE", true, 0}, {"slo_left", "BUDGET LEFT", true, 0},
        {"burn_1h", "BURN 1H", true, 0},      {"burn_6h", "6H", true, 0},
        {"burn_3d", "3D", true, 0},
    };
    struct plx_table *table = plx_table_new(cli, columns, 11);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *m = json_array_get(list, i), *slo = json_object_get(m, "slo");
        const json_t *burn = json_object_get(slo, "burn_rate");
        double down = plx_field_num(m, "down_s");
        enum plx_style budget = is_overdrawn(m) ? PLX_STYLE_BAD : PLX_STYLE_NONE;
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(m, "monitor"));
        cell_ratio(cli, table, down > 0 ? PLX_STYLE_WARN : PLX_STYLE_GOOD,
                   json_object_get(m, "availability"));
        cell_seconds(cli, table, PLX_STYLE_BAD, down);
        cell_seconds(cli, table, PLX_STYLE_UNSURE, plx_field_num(m, "unknown_s"));
        cell_seconds(cli, table, PLX_STYLE_NONE, plx_field_num(m, "late_s"));
        cell_ratio(cli, table, PLX_STYLE_NONE, json_object_get(m, "coverage"));
        if (json_is_object(slo)) {
            cell_ratio(cli, table, PLX_STYLE_NONE, json_object_get(slo, "target"));
            cell_ratio(cli, table, budget, json_object_get(slo, "left"));
        } else {
            plx_table_cell(table, PLX_STYLE_NONE, "");
            plx_table_cell(table, PLX_STYLE_NONE, "");
        }
        cell_number(cli, table, json_object_get(burn, "1h"));
        cell_number(cli, table, json_object_get(burn, "6h"));
        cell_number(cli, table, json_object_get(burn, "3d"));
    }
    plx_table_print(table);
    plx_table_destroy(&table);
}

static void print_locations(const struct plx_cli *cli, const json_t *list)
{
    static const struct plx_column columns[] = {
        {"monitor", "MONITOR", false, 40},
        {"location", "LOCATION", false, 0},
        {"reachability", "REACHED", true, 0},
        {"ok", "GOOD", true, 0},
        {"bad", "BAD", true, 0},
        {"coverage", "COVERAGE", true, 0},
    };
    struct plx_table *table = plx_table_new(cli, columns, 6);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *m = json_array_get(list, i);
        const json_t *locations = json_object_get(m, "reachability");
        for (size_t k = 0; k < json_array_size(locations); k++) {
            const json_t *l = json_array_get(locations, k);
            plx_table_cell(table, PLX_STYLE_NONE, plx_field(m, "monitor"));
            plx_table_cell(table, PLX_STYLE_NONE, plx_field(l, "location"));
            cell_ratio(cli, table, PLX_STYLE_NONE, json_object_get(l, "ratio"));
            plx_table_cellf(table, PLX_STYLE_NONE, "%lld",
                            (long long)plx_field_int(l, "ok"));
            plx_table_cellf(table, PLX_STYLE_NONE, "%lld",
                            (long long)plx_field_int(l, "bad"));
            cell_ratio(cli, table, PLX_STYLE_NONE, json_object_get(l, "coverage"));
        }
    }
    plx_table_print(table);
    plx_table_destroy(&table);
}

static void print_late(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *m = json_array_get(list, i);
        const json_t *late = json_object_get(m, "learned_late");
        for (size_t k = 0; k < json_array_size(late); k++) {
            const json_t *l = json_array_get(late, k);
            plx_say("%s was down from %s to %s: learned late\n", plx_field(m, "monitor"),
                    plx_field(l, "from"), plx_field(l, "to"));
        }
    }
}

static void print_uptime(const struct plx_cli *cli, const json_t *answer)
{
    const json_t *list = json_object_get(answer, "monitors");
    long long left_out = (long long)plx_field_int(answer, "left_out");
    if (plx_args_has(&cli->args, "locations"))
        print_locations(cli, list);
    else
        print_monitors(cli, list);
    if (cli->format == PLX_FORMAT_CSV)
        return;
    print_late(list);
    if (left_out > 0)
        plx_say("%lld more are not shown: name them\n", left_out);
}

int plx_cmd_uptime(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    plx_question_words(&q, &cli->args, "monitors");
    plx_question_moment(&q, &cli->args, "since", "24h");
    plx_question_moment(&q, &cli->args, "until", NULL);
    int code = plx_ask(cli, "uptime", &q, &answer);
    if (code != PLX_EXIT_OK)
        return code;
    if (!plx_show_data(cli, answer) &&
        !plx_say_if_empty(cli, answer, "monitors", "there are no monitors"))
        print_uptime(cli, answer);
    const json_t *list = json_object_get(answer, "monitors");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (is_overdrawn(json_array_get(list, i)))
            code = PLX_EXIT_NO;
    json_decref(answer);
    return code;
}
